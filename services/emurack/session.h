/* Sessions with devices: switches, and the management controllers of bricks.  One TCP port for all.
 *
 *     open DEVICE EPOCH      ok kind=optical epoch=7 ports=16 power=on ...
 *     any device             status
 *     a switch               connect A B | disconnect A B | list
 *     a brick                power on | power off | power force-off
 *     a memory brick         scrub OFFSET SIZE | extents
 *
 * The first request opens; an epoch below the highest that the device has seen is refused with
 * STALE_EPOCH, a higher one closes the device's older sessions.  Replies are "ok ..." or "error
 * CODE text".
 *
 * Thread rule: the main-loop thread; takes the mutex of 'struct sdm_emu' itself. */
#pragma once

#include "emurack/emu.h"

struct sdm_emu_sessions;

/* Listens on "HOST:PORT"; 'emu' outlives it. */
struct sdm_emu_sessions *sdm_emu_sessions_new(struct sdm_emu *emu, const char *address,
                                              GError **error);
void sdm_emu_sessions_free(struct sdm_emu_sessions *sessions);

/* Where it listens; owned by 'sessions'. */
const char *sdm_emu_sessions_address(const struct sdm_emu_sessions *sessions);

/* Closes every session with the device, as when it dies. */
void sdm_emu_sessions_close_device(struct sdm_emu_sessions *sessions,
                                   struct sdm_emu_device *device);
