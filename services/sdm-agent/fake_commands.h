/* Commands of the control socket that tell a fake brick what to do, for tests.
 *
 * Thread rule: the main thread. */
#pragma once

#include "lib/svc/service.h"
#include "sdm-agent/backend/fake.h"

/* Adds:
 *   fake-vm-start   vm, name, n_slots, memory_bytes, max_memory_bytes
 *   fake-vm-stop    vm
 *   fake-vm         vm, behaviour: "willing", "busy", "slow" or "deaf"
 *   fake-pin        is_pinned: host memory stays online
 *   fake-arm        point, n, late, unavailable
 *   fake-show       {n_violations}
 * 'fake' outlives the service. */
void sdm_fake_commands_add(struct sdm_service *service, struct sdm_fake *fake);
