/* What has to leave the process: written by the transaction that it tells of, published after its
 * commit, in order, then deleted.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "sdm-controller/store/tx.h"

#define SDM_OUTBOX_EXCHANGE_EVENTS "sdm.events"

struct sdm_outbox_message {
    int64_t outbox_no;    /* set when it is read */
    const char *exchange; /* "" for a queue by its name */
    const char *routing_key;
    const char *type;           /* "event.brick/1" */
    const char *correlation_id; /* NULL for none */
    const char *body;
    int64_t age_ms; /* since its transaction began, when it is read */
};

/* Adds a message to the transaction; messages are inserted in their order. */
void sdm_outbox_add(struct sdm_tx *tx, const struct sdm_outbox_message *message);

/* Reads up to 'n_max' messages that come after 'after_no', oldest first and from 0 on; texts are in
 * 'arena'.  What one transaction wrote comes in its order; a number may show up after a higher one,
 * because numbers are given before commits.  Those that are put off are read by themselves, and
 * have negative numbers. */
bool sdm_outbox_read(struct sdm_pg *pg, bool is_put_off, int64_t after_no, size_t n_max,
                     struct sdm_arena *arena, struct sdm_outbox_message **messages, size_t *n,
                     GError **error);

/* Puts off messages that are not: they stand in the way of none that come after them. */
void sdm_outbox_put_off(struct sdm_tx *tx, const int64_t *outbox_nos, size_t n);

/* Deletes what has been published, in a transaction that does nothing else: its commit does not
 * wait for the disk. */
void sdm_outbox_delete(struct sdm_tx *tx, const int64_t *outbox_nos, size_t n);
