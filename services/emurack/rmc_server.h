/* The sockets of the remote memory controllers: state_dir/rmc/BRICK.sock, mode 0600, one for each
 * compute brick's agent.
 *
 *     map ENTRY INFO START END OFFSET [shared]    ok PATH
 *     unmap ENTRY                                 ok
 *     list                                        ok N ENTRY:INFO:START:END:OFFSET:PATH ...
 *
 * ENTRY is decimal; the four fields are those of the register file, in hexadecimal; PATH is the
 * file that holds the segment's bytes, "-" when the brick has been scrubbed under a cut path.
 * Replies are "ok ..." or "error CODE text"; rmc.h says which codes.
 *
 * Thread rule: the main-loop thread; takes the mutex of 'struct sdm_emu' itself. */
#pragma once

#include "emurack/emu.h"

struct sdm_emu_rmc_server;

/* Listens for every compute brick; 'emu' outlives it. */
struct sdm_emu_rmc_server *sdm_emu_rmc_server_new(struct sdm_emu *emu, GError **error);
void sdm_emu_rmc_server_free(struct sdm_emu_rmc_server *server);

/* Hangs up on the brick's agent, as when the brick dies. */
void sdm_emu_rmc_server_close_device(struct sdm_emu_rmc_server *server,
                                     const struct sdm_emu_device *device);
