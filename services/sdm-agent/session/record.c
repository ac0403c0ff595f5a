#include "sdm-agent/session/record.h"

#include <stdio.h>
#include <string.h>

/* First and longest rest after a failure, by what was tried: a circuit is there soon, a guest frees
 * memory when it does. */
static const struct {
    int64_t first_us;
    int64_t longest_us;
} rests[SDM_N_STEP_KINDS] = {
    [SDM_STEP_DETACH_DIMM] = {500000, 8000000}, [SDM_STEP_OFFLINE_HOST] = {500000, 8000000},
    [SDM_STEP_UNMAP] = {20000, 2000000},        [SDM_STEP_MAP] = {10000, 2000000},
    [SDM_STEP_ONLINE_HOST] = {200000, 8000000}, [SDM_STEP_ATTACH_DIMM] = {200000, 4000000},
};

/* A guest that was asked is not asked again sooner, unless something is heard of it. */
enum { PENDING_US = 15000000 };

struct sdm_records {
    GHashTable *by_key;
};

struct sdm_records *sdm_records_new(void)
{
    struct sdm_records *records = g_new0(struct sdm_records, 1);

    records->by_key = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    return records;
}

void sdm_records_free(struct sdm_records *records)
{
    if (records != NULL) {
        g_hash_table_unref(records->by_key);
        g_free(records);
    }
}

struct sdm_record *sdm_records_find(const struct sdm_records *records, const char *window)
{
    return g_hash_table_lookup(records->by_key, window);
}

struct sdm_record *sdm_records_get(struct sdm_records *records, const char *window, unsigned entry)
{
    char key[SDM_UUID_SIZE];
    struct sdm_record *record;

    g_strlcpy(key, window, sizeof key);
    if (window[0] == '\0') {
        snprintf(key, sizeof key, "entry %u", entry);
    }
    record = g_hash_table_lookup(records->by_key, key);
    if (record == NULL) {
        record = g_new0(struct sdm_record, 1);
        g_strlcpy(record->key, key, sizeof record->key);
        g_strlcpy(record->window, window, sizeof record->window);
        record->entry = SDM_NO_ENTRY;
        g_hash_table_insert(records->by_key, record->key, record);
    }
    return record;
}

static void clear_failure(struct sdm_record *record)
{
    record->n_failures = 0;
    record->rest_until_us = 0;
    record->failing_since_us = 0;
    record->has_error = false;
    record->pending = false;
}

void sdm_records_want(struct sdm_records *records, const struct sdm_want *want, bool is_repeated,
                      int64_t now_us)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, records->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct sdm_record *record = value;

        record->is_wanted = false;
        if (!is_repeated) {
            record->rest_until_us = 0;
        }
    }
    for (unsigned i = 0; i < want->n_windows; i++) {
        const struct sdm_want_window *window = &want->windows[i];
        struct sdm_record *record = sdm_records_get(records, window->window, window->entry);

        record->is_wanted = true;
        if (record->wanted_us == 0 || record->level != window->level) {
            clear_failure(record);
            record->wanted_us = now_us;
            record->guest_us = 0;
            record->reached_us = 0;
            record->level = window->level;
        }
    }
    g_hash_table_iter_init(&iter, records->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct sdm_record *record = value;

        if (!record->is_wanted && !record->under_way && record->n_failures == 0) {
            g_hash_table_iter_remove(&iter);
        }
    }
}

void sdm_record_begin(struct sdm_record *record, const struct sdm_step *step)
{
    record->under_way = true;
    record->entry = step->entry;
}

void sdm_record_end(struct sdm_record *record, int64_t guest_us, uint64_t guest_memory_bytes)
{
    clear_failure(record);
    record->under_way = false;
    record->guest_us += guest_us;
    if (guest_memory_bytes > 0) {
        record->guest_memory_bytes = guest_memory_bytes;
    }
}

void sdm_record_end_pending(struct sdm_record *record, int64_t now_us)
{
    record->under_way = false;
    record->pending = true;
    record->rest_until_us = now_us + PENDING_US;
}

void sdm_record_fail(struct sdm_record *record, enum sdm_step_kind kind, const GError *error,
                     int64_t now_us)
{
    int64_t rest_us = rests[kind].first_us << MIN(record->n_failures, 12U);

    record->under_way = false;
    record->pending = false;
    record->n_failures++;
    record->rest_until_us = now_us + MIN(rest_us, rests[kind].longest_us);
    if (record->failing_since_us == 0) {
        record->failing_since_us = now_us;
    }
    record->has_error = true;
    record->code = sdm_error_verdict(error);
    g_strlcpy(record->text, error->message, sizeof record->text);
}

void sdm_records_wake(struct sdm_records *records, const char *const *windows, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct sdm_record *record = sdm_records_find(records, windows[i]);

        if (record != NULL && record->pending) {
            record->pending = false;
            record->rest_until_us = 0;
        }
    }
}

int64_t sdm_records_given_back_us(const struct sdm_records *records, unsigned entry)
{
    int64_t guest_us = 0;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, records->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct sdm_record *record = value;

        if (!record->is_wanted && record->window[0] != '\0' && record->entry == entry) {
            guest_us += record->guest_us;
        }
    }
    return guest_us;
}

void sdm_records_each_under_way(const struct sdm_records *records,
                                void (*visit)(const struct sdm_record *record, void *user),
                                void *user)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, records->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct sdm_record *record = value;

        if (record->under_way && record->window[0] != '\0') {
            visit(record, user);
        }
    }
}

int64_t sdm_records_busy(const struct sdm_records *records, int64_t now_us, struct sdm_busy *busy)
{
    int64_t first_us = 0;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, records->by_key);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct sdm_record *record = value;
        bool rests_now = record->rest_until_us > now_us;

        if (!record->under_way && !rests_now) {
            continue;
        }
        if (record->window[0] != '\0') {
            g_hash_table_add(busy->windows, record->window);
        }
        /* A resting window does not keep others from its entry. */
        if (record->entry != SDM_NO_ENTRY && (record->under_way || record->window[0] == '\0')) {
            busy->entries[record->entry] = true;
        }
        if (!record->under_way && (first_us == 0 || record->rest_until_us < first_us)) {
            first_us = record->rest_until_us;
        }
    }
    return first_us;
}
