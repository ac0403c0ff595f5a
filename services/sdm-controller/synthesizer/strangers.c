#include "sdm-controller/synthesizer/strangers.h"

#include <pthread.h>

struct sdm_strangers {
    pthread_mutex_t mutex;
    GHashTable *bricks; /* number to set of "WINDOW ENTRY", guarded by 'mutex' */
};

static char *name_of(const struct sdm_wire_found_window *found)
{
    return g_strdup_printf("%s %" G_GUINT64_FORMAT, found->window, found->entry);
}

struct sdm_strangers *sdm_strangers_new(void)
{
    struct sdm_strangers *strangers = g_new0(struct sdm_strangers, 1);

    pthread_mutex_init(&strangers->mutex, NULL);
    strangers->bricks = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL,
                                              (GDestroyNotify)g_hash_table_unref);
    return strangers;
}

void sdm_strangers_free(struct sdm_strangers *strangers)
{
    if (strangers == NULL) {
        return;
    }
    g_hash_table_unref(strangers->bricks);
    pthread_mutex_destroy(&strangers->mutex);
    g_free(strangers);
}

bool sdm_strangers_is_new(struct sdm_strangers *strangers, int32_t compute_no,
                          const struct sdm_wire_found_window *found)
{
    g_autofree char *name = name_of(found);
    GHashTable *kept;
    bool is_new;

    pthread_mutex_lock(&strangers->mutex);
    kept = g_hash_table_lookup(strangers->bricks, GINT_TO_POINTER(compute_no));
    is_new = kept == NULL || !g_hash_table_contains(kept, name);
    pthread_mutex_unlock(&strangers->mutex);
    return is_new;
}

void sdm_strangers_keep(struct sdm_strangers *strangers, int32_t compute_no,
                        const struct sdm_wire_found_window *const *found, size_t n)
{
    GHashTable *names = n > 0 ? g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL) : NULL;

    for (size_t i = 0; i < n; i++) {
        g_hash_table_add(names, name_of(found[i]));
    }
    pthread_mutex_lock(&strangers->mutex);
    if (names != NULL) {
        g_hash_table_insert(strangers->bricks, GINT_TO_POINTER(compute_no), names);
    } else {
        g_hash_table_remove(strangers->bricks, GINT_TO_POINTER(compute_no));
    }
    pthread_mutex_unlock(&strangers->mutex);
}
