/* The session's own data, for its files only.  Thread rule: the main thread. */
#pragma once

#include "sdm-agent/session/crew.h"
#include "sdm-agent/session/picture.h"
#include "sdm-agent/session/record.h"
#include "sdm-agent/session/session.h"

struct sdm_session {
    char *brick;
    char *boot_id;
    char *version;
    char *state_dir;
    struct sdm_service *service;
    bool (*send)(void *user, const char *type, const char *body, size_t size);
    void *user;
    struct sdm_backends backends;
    struct sdm_crew *crew;
    struct sdm_picture *picture;
    struct sdm_records *records;
    struct sdm_step_plan *plan; /* of the last comparison */
    struct sdm_want_window *windows;
    struct sdm_want want;
    uint64_t epoch;
    uint64_t generation;
    bool may_act; /* a controller has spoken since the start */
    bool is_ending;
    unsigned n_under_way;
    GHashTable *looking; /* guests whose look is under way; "" the list of guests */
    bool look_again;     /* something changed while the list was under way */
    unsigned look_timer;
    unsigned wake_timer;
    unsigned acknowledge_timer;
    unsigned retry_timer;
    bool compare_is_due; /* at the end of this turn of the loop */
    bool report_is_due;  /* at the end of this turn of the loop */
    bool report_is_forced;
    char *last_report;
    struct {
        struct sdm_counter *wants;
        struct sdm_counter *wants_refused;
        struct sdm_counter *reports;
        struct sdm_counter *steps[SDM_N_STEP_KINDS];
        struct sdm_counter *steps_failed[SDM_N_STEP_KINDS];
        struct sdm_histogram *step_time[SDM_N_STEP_KINDS];
        struct sdm_gauge *windows[SDM_WINDOW_LEVEL_ATTACHED + 1];
        struct sdm_gauge *guests;
        struct sdm_gauge *converged;
    } metrics;
};

/* tell.c */

/* Sends a report at the end of this turn of the loop, when it says something new or is forced. */
void sdm_session_report_soon(struct sdm_session *session, bool is_forced);
/* The next report goes out whether it says something new or not; while there are steps to take,
 * theirs will do, and does not keep processors from them. */
void sdm_session_acknowledge(struct sdm_session *session);

/* act.c */

void sdm_session_push(struct sdm_session *session, struct sdm_job *job);
void sdm_session_end_step(struct sdm_session *session, const struct sdm_job *job);
/* Compares wanted with found and starts what can be started; false when there is nothing to
 * compare. */
bool sdm_session_act(struct sdm_session *session);
/* Acts, once for all results that have come together, and has the rest told. */
void sdm_session_compare_soon(struct sdm_session *session);
/* When rests of failed steps are over; 0: no more. */
void sdm_session_wake_at(struct sdm_session *session, int64_t at_us);

/* look.c */

/* Looks at everything, now and after each interval, and at guests that change. */
void sdm_session_start_looking(struct sdm_session *session, unsigned interval_ms);
/* Called by workers. */
void sdm_session_job_ended(void *session, struct sdm_job *job);

/* metrics.c */

void sdm_session_metrics_init(struct sdm_session *session);
void sdm_session_metrics_step(struct sdm_session *session, const struct sdm_job *job);
void sdm_session_metrics_plan(struct sdm_session *session, const struct sdm_found *found);
