/* What the audit log says of requests.
 *
 * Thread rule: as the requests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/arena.h"
#include "sdm-controller/dispatcher/request.h"
#include "sdm-controller/store/tx.h"

/* Does the log tell of this request?  One that was answered or waits: when it was carried out or
 * refused now, not when an earlier answer was repeated. */
bool sdm_audit_wants(const struct sdm_request *request);

/* Adds an entry for each that the log tells of.  Requests that nobody is known to have sent share
 * one for each type, so that a flood of them costs little. */
void sdm_audit_requests(struct sdm_tx *tx, struct sdm_request *const *requests, size_t n,
                        struct sdm_arena *arena);
