/* Brings hardware and agents where the database wants them, and marks what was found.
 *
 * Work comes in pieces, one an object: a circuit, a brick's power, a segment to scrub, a compute
 * brick's wanted state.  A piece is done from what the database then says, so that doing it late,
 * twice or after a restart is the same; it is repeated while the part that it needs is away.
 *
 *      posted ──▶ waiting ──▶ running ──▶ done
 *                   ▲           │  posted again meanwhile: waiting
 *                   └── later ◀─┘  the part is away
 *
 * Thread rule: post from any thread; everything else from the main thread.  The entry points for
 * reports run on the caller's worker. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/svc/metrics.h"
#include "sdm-controller/fabric/fabric.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/model/work.h"
#include "sdm-controller/settle/settle.h"
#include "sdm-controller/store/tx.h"

struct sdm_synthesizer;
typedef struct sdm_synthesizer sdm_synthesizer;

struct sdm_synthesizer_config {
    const char *database;
    int64_t epoch;
    /* Devices have seen later epochs than the database. */
    bool is_older;
    /* How long an agent that speaks is silent. */
    int64_t agent_silence_us;
    unsigned n_workers;
    struct sdm_ledger *ledger;
    struct sdm_fabric *fabric;
    const struct sdm_work_sink *sink;
    struct sdm_metrics *metrics;
    /* Longest scrub of one segment. */
    int64_t scrub_timeout_ms;
    /* Sends a message of 'type' to a compute brick's agent; false while the broker is away. */
    bool (*send_agent)(void *user, const char *brick, const char *type, const char *body,
                       GError **error);
    /* A brick's power has come where it is wanted, or was refused ('refusal' not NULL): tells
     * whoever waits, in the transaction. */
    bool (*power_done)(void *user, struct sdm_tx *tx, int32_t device_no, const GError *refusal,
                       struct sdm_arena *arena, GError **error);
    /* A compute brick is cut off, could not be ('refusal' not NULL), or serves again: tells whoever
     * waits, in the transaction. */
    bool (*fence_done)(void *user, struct sdm_tx *tx, int32_t device_no, const char *text,
                       const GError *refusal, struct sdm_arena *arena, GError **error);
    /* Another leads; from any worker. */
    void (*on_superseded)(void *user);
    void *user;
};

/* Starts the workers; nothing is done before something is posted. */
struct sdm_synthesizer *sdm_synthesizer_new(const struct sdm_synthesizer_config *config);

/* Finishes what is running; what waits is found again at the next start. */
void sdm_synthesizer_free(struct sdm_synthesizer *synthesizer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_synthesizer, sdm_synthesizer_free)

/* Begins to look: agents are asked what they have, memory bricks what is mapped of them, and
 * nothing else is done. */
bool sdm_synthesizer_look(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg, GError **error);
/* True when all that are expected to answer have. */
bool sdm_synthesizer_has_looked(struct sdm_synthesizer *synthesizer);

/* A memory brick that is new to a database which is known to be older than the hardware: it is
 * planned with once it has been compared. */
void sdm_synthesizer_registered(struct sdm_synthesizer *synthesizer, int32_t brick_no);

/* Ends the look, whoever has not answered.  Takes up what the database knows to be outstanding, has
 * every switch compared, and tells agents what is wanted of them. */
bool sdm_synthesizer_resume(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg, GError **error);

/* Takes up what is outstanding, without the switches; for a timer. */
bool sdm_synthesizer_recheck(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                             GError **error);

void sdm_synthesizer_post(struct sdm_synthesizer *synthesizer, const struct sdm_work *work);

/* Pieces that wait or run. */
size_t sdm_synthesizer_n_pending(struct sdm_synthesizer *synthesizer);
