#include "sdm-controller/reservation/plan_cache.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/error.h"

struct entry {
    char id[SDM_UUID_SIZE];
    char project[SDM_PROJECT_SIZE];
    int64_t expires_us;
    struct sdm_plan *plan;
    struct sdm_plan_request request;
};

struct sdm_plan_cache {
    size_t n_max;
    int64_t valid_us;
    pthread_mutex_t mutex;
    /* All guarded by 'mutex'; the queue is in order of age and owns the entries. */
    GQueue entries;
    GHashTable *by_id;
};

static void free_entry(gpointer data)
{
    struct entry *entry = data;

    sdm_plan_free(entry->plan);
    g_free(entry);
}

struct sdm_plan_cache *sdm_plan_cache_new(size_t n_max, int64_t valid_us)
{
    struct sdm_plan_cache *cache = g_new0(struct sdm_plan_cache, 1);

    cache->n_max = n_max;
    cache->valid_us = valid_us;
    pthread_mutex_init(&cache->mutex, NULL);
    g_queue_init(&cache->entries);
    cache->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    return cache;
}

void sdm_plan_cache_free(struct sdm_plan_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    g_hash_table_destroy(cache->by_id);
    g_queue_clear_full(&cache->entries, free_entry);
    pthread_mutex_destroy(&cache->mutex);
    g_free(cache);
}

int64_t sdm_plan_cache_valid_us(const struct sdm_plan_cache *cache)
{
    return cache->valid_us;
}

static void drop_old(struct sdm_plan_cache *cache, int64_t now_us)
{
    struct entry *oldest = g_queue_peek_head(&cache->entries);

    while (oldest != NULL &&
           (oldest->expires_us <= now_us || g_queue_get_length(&cache->entries) > cache->n_max)) {
        g_queue_pop_head(&cache->entries);
        g_hash_table_remove(cache->by_id, oldest->id);
        free_entry(oldest);
        oldest = g_queue_peek_head(&cache->entries);
    }
}

void sdm_plan_cache_add(struct sdm_plan_cache *cache, const char *project,
                        const struct sdm_plan *plan, const struct sdm_plan_request *request,
                        int64_t now_us, char id[SDM_UUID_SIZE])
{
    struct entry *entry = g_new0(struct entry, 1);

    sdm_uuid_new(entry->id);
    g_strlcpy(entry->project, project, sizeof entry->project);
    entry->expires_us = now_us + cache->valid_us;
    entry->plan = sdm_plan_dup(plan);
    entry->request = *request;
    memcpy(id, entry->id, SDM_UUID_SIZE);
    pthread_mutex_lock(&cache->mutex);
    g_queue_push_tail(&cache->entries, entry);
    g_hash_table_insert(cache->by_id, entry->id, entry);
    drop_old(cache, now_us);
    pthread_mutex_unlock(&cache->mutex);
}

struct sdm_plan *sdm_plan_cache_find(struct sdm_plan_cache *cache, const char *project,
                                     const char *id, int64_t now_us,
                                     struct sdm_plan_request *request, GError **error)
{
    struct sdm_plan *plan = NULL;
    struct entry *entry;

    pthread_mutex_lock(&cache->mutex);
    drop_old(cache, now_us);
    entry = g_hash_table_lookup(cache->by_id, id);
    if (entry != NULL && strcmp(entry->project, project) == 0) {
        plan = sdm_plan_dup(entry->plan);
        *request = entry->request;
    }
    pthread_mutex_unlock(&cache->mutex);
    if (plan == NULL) {
        sdm_refuse(error, SDM_ERROR_PLAN_EXPIRED,
                   "no plan '%s'; plans are valid for %" G_GINT64_FORMAT
                   " s and lost at a failover",
                   id, cache->valid_us / G_USEC_PER_SEC);
    }
    return plan;
}
