/* What a piece of work has at hand, and the pieces.  For the synthesizer alone.
 *
 * Thread rule: a job belongs to one worker. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/pg/pg.h"
#include "sdm-controller/compile/crossings.h"
#include "sdm-controller/model/wanted.h"
#include "sdm-controller/synthesizer/looks.h"
#include "sdm-controller/synthesizer/strangers.h"
#include "sdm-controller/synthesizer/synthesizer.h"

/* Cross-connections in use, one lock a switch.  The lock is held while the switch is asked, because
 * whether a cross-connection is cut and whether it is wanted by another circuit is one question;
 * requests to one switch follow each other anyway. */
struct sdm_gates;
typedef struct sdm_gates sdm_gates;

struct sdm_gates *sdm_gates_new(void);
void sdm_gates_free(struct sdm_gates *gates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_gates, sdm_gates_free)

/* The switch's cross-connections, locked until sdm_gates_close(). */
struct sdm_crossings *sdm_gates_open(struct sdm_gates *gates, int32_t switch_no);
void sdm_gates_close(struct sdm_gates *gates, int32_t switch_no);
/* Numbers (int32_t) of the switches that circuits cross, in no order; g_array_unref().  Does not
 * wait for those that are being asked just now, and leaves them out. */
GArray *sdm_gates_used(struct sdm_gates *gates);

const struct sdm_synthesizer_config *
sdm_synthesizer_get_config(const struct sdm_synthesizer *synthesizer);

/* How often in a row each device has not answered; safe from any thread. */
struct sdm_silence;
typedef struct sdm_silence sdm_silence;

struct sdm_silence *sdm_silence_new(void);
void sdm_silence_free(struct sdm_silence *silence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_silence, sdm_silence_free)

struct sdm_strangers *sdm_synthesizer_get_strangers(struct sdm_synthesizer *synthesizer);
struct sdm_looks *sdm_synthesizer_get_looks(struct sdm_synthesizer *synthesizer);

struct sdm_job {
    const struct sdm_synthesizer_config *config;
    struct sdm_settler settler;
    struct sdm_gates *gates;
    struct sdm_silence *silence;
    struct sdm_looks *looks;
    struct sdm_pg *pg;
    /* For this piece; freed after it. */
    struct sdm_arena *arena;
};

/* Ends the transaction of a piece: rolled back unless 'committed'.  Returns 'committed'. */
bool sdm_job_end(struct sdm_tx *tx, bool committed);

/* What a piece returns when its object could not be loaded: true when it is gone ('failure' NULL),
 * so that nothing is left to do; else false with the failure passed on. */
bool sdm_job_is_gone(GError *failure_take, GError **error);

/* Posts 'work' for the job that is 'data'. */
void sdm_job_repost(const struct sdm_work *work, void *data);

/* Each does one piece.  SDM_UNAVAILABLE means later again; so does FABRIC_REFUSED, after it has
 * been told to whoever waits. */
bool sdm_job_circuit(struct sdm_job *job, const char *circuit, GError **error);
bool sdm_job_agent(struct sdm_job *job, int32_t compute_no, GError **error);
bool sdm_job_power(struct sdm_job *job, int32_t device_no, GError **error);
bool sdm_job_scrub(struct sdm_job *job, const char *segment, GError **error);
bool sdm_job_settle(struct sdm_job *job, const char *reservation, GError **error);
bool sdm_job_audit(struct sdm_job *job, int32_t switch_no, GError **error);
bool sdm_job_fence(struct sdm_job *job, int32_t device_no, GError **error);
bool sdm_job_probe(struct sdm_job *job, int32_t device_no, GError **error);
bool sdm_job_extents(struct sdm_job *job, int32_t brick_no, GError **error);
