/* Circuits, their hops, and the segments that they carry.
 *
 * Functions that return nothing only queue their statement; its error shows at the next one that
 * waits, or at the commit.  Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/model/circuit.h"
#include "sdm-controller/model/wanted.h"
#include "sdm-controller/store/tx.h"

/* Inserts a circuit with its hops; 'want_up' for one that carries no windows (an accelerator's). */
bool sdm_store_circuit_insert(struct sdm_tx *tx, const char *circuit, const struct sdm_path *path,
                              bool want_up, GError **error);

/* Has a segment carried by the circuit of a pair, which has been inserted (rows.h). */
void sdm_store_circuit_carry(struct sdm_tx *tx, int32_t compute_no, int32_t brick_no,
                             const char *segment);

/* A segment does not use a circuit any more. */
void sdm_store_circuit_drop_route(struct sdm_tx *tx, const char *segment, const char *circuit);

/* Before its switches are told to cut it: windows that are made from now on are not offered on it
 * until it has been found cut.  '*unwanted' is false when it is wanted again, or down. */
bool sdm_store_circuit_cutting(struct sdm_tx *tx, const char *circuit, bool *unwanted,
                               GError **error);

/* Deletes a circuit that is down and that nothing uses; '*deleted' is false when it is used again.
 */
bool sdm_store_circuit_delete(struct sdm_tx *tx, const char *circuit, bool *deleted,
                              GError **error);

/* NULL without an error when there is no such circuit. */
struct sdm_wanted_circuit *sdm_store_circuit_load(struct sdm_pg *pg, const char *circuit,
                                                  struct sdm_arena *arena, GError **error);

/* Uuids of circuits: with found differing from wanted, only those of the brick unless 'brick_no' is
 * 0. */
bool sdm_store_circuit_diverged(struct sdm_pg *pg, int32_t brick_no, struct sdm_arena *arena,
                                char (**circuits)[SDM_UUID_SIZE], size_t *n, GError **error);

/* Uuids of the reservations that a circuit carries or carried. */
bool sdm_store_circuit_reservations(struct sdm_pg *pg, const char *circuit, struct sdm_arena *arena,
                                    char (**reservations)[SDM_UUID_SIZE], size_t *n,
                                    GError **error);

/* A step of it was refused: says so to each attachment that waits for it. */
void sdm_store_circuit_refused(struct sdm_tx *tx, const char *circuit, const char *error_code,
                               const char *error_text);
