/* What the session remembers of each window between steps: when it was wanted, how long steps took,
 * what failed last, and until when it rests.  Nothing here decides what is present.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdm-agent/reconcile/reconcile.h"

struct sdm_record {
    char key[SDM_UUID_SIZE];    /* window, or "entry N" for an entry that no window explains */
    char window[SDM_UUID_SIZE]; /* "" for none */
    unsigned entry;             /* of the last step; SDM_NO_ENTRY for none */
    bool under_way;             /* a step is being carried out */
    bool pending;               /* a guest has been asked and has not answered */
    unsigned n_failures;        /* in a row */
    int64_t rest_until_us;      /* no step before; 0 for at once */
    int64_t failing_since_us;   /* first failure of the row; 0 for none */
    bool has_error;
    enum sdm_error_code code;
    char text[256];
    int64_t wanted_us;           /* when the wanted level last changed; 0 for before the start */
    int64_t guest_us;            /* of hypervisor and guest since then */
    int64_t reached_us;          /* when it was first found reached; 0 for not yet */
    uint64_t guest_memory_bytes; /* what the guest said at the last step */
    enum sdm_window_level level; /* wanted last */
    bool is_wanted;
};

struct sdm_records;
typedef struct sdm_records sdm_records;

struct sdm_records *sdm_records_new(void);
void sdm_records_free(struct sdm_records *records);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_records, sdm_records_free)

/* Of a window, made if it is new; 'window' "" with an entry for an unexplained one. */
struct sdm_record *sdm_records_get(struct sdm_records *records, const char *window, unsigned entry);
/* NULL when there is none. */
struct sdm_record *sdm_records_find(const struct sdm_records *records, const char *window);

/* New wanted state: levels that changed are timed from 'now_us', and nothing rests any longer
 * unless 'is_repeated'.  Windows that are neither wanted nor under way nor resting are forgotten.
 */
void sdm_records_want(struct sdm_records *records, const struct sdm_want *want, bool is_repeated,
                      int64_t now_us);

/* A step has begun; it has ended well, or pending; or with 'error', after which the window rests,
 * longer each time. */
void sdm_record_begin(struct sdm_record *record, const struct sdm_step *step);
void sdm_record_end(struct sdm_record *record, int64_t guest_us, uint64_t guest_memory_bytes);
void sdm_record_end_pending(struct sdm_record *record, int64_t now_us);
void sdm_record_fail(struct sdm_record *record, enum sdm_step_kind kind, const GError *error,
                     int64_t now_us);

/* Ends the rest of windows that a guest has, because it may have changed its mind. */
void sdm_records_wake(struct sdm_records *records, const char *const *windows, unsigned n);

/* What guests took for windows of an entry that are wanted no more. */
int64_t sdm_records_given_back_us(const struct sdm_records *records, unsigned entry);

/* Calls 'visit' for each window whose step is being carried out. */
void sdm_records_each_under_way(const struct sdm_records *records,
                                void (*visit)(const struct sdm_record *record, void *user),
                                void *user);

/* Marks in 'busy' what is under way or rests at 'now_us'; its 'windows' borrow from the records.
 * Returns when the first rest ends, 0 for none. */
int64_t sdm_records_busy(const struct sdm_records *records, int64_t now_us, struct sdm_busy *busy);
