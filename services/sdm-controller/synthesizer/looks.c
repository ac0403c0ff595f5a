#include "sdm-controller/synthesizer/looks.h"

#include <pthread.h>

struct sdm_looks {
    pthread_mutex_t mutex;
    bool are_on; /* guarded by 'mutex', as the rest */
    bool is_older;
    /* Sets of device numbers. */
    GHashTable *awaited;
    GHashTable *heard;
    GHashTable *silent;
    GHashTable *unresolved;
    /* Compute brick number to joined uuids. */
    GHashTable *elsewhere;
    /* Set of "SWITCH A B". */
    GHashTable *crossings;
};

static GHashTable *new_set(void)
{
    return g_hash_table_new(g_direct_hash, g_direct_equal);
}

struct sdm_looks *sdm_looks_new(bool is_older)
{
    struct sdm_looks *looks = g_new0(struct sdm_looks, 1);

    pthread_mutex_init(&looks->mutex, NULL);
    looks->are_on = true;
    looks->is_older = is_older;
    looks->awaited = new_set();
    looks->heard = new_set();
    looks->silent = new_set();
    looks->unresolved = new_set();
    looks->elsewhere = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, g_free);
    looks->crossings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return looks;
}

void sdm_looks_free(struct sdm_looks *looks)
{
    if (looks == NULL) {
        return;
    }
    g_hash_table_unref(looks->awaited);
    g_hash_table_unref(looks->heard);
    g_hash_table_unref(looks->silent);
    g_hash_table_unref(looks->unresolved);
    g_hash_table_unref(looks->elsewhere);
    g_hash_table_unref(looks->crossings);
    pthread_mutex_destroy(&looks->mutex);
    g_free(looks);
}

static bool add(struct sdm_looks *looks, GHashTable *set, int32_t device_no)
{
    bool is_new;

    pthread_mutex_lock(&looks->mutex);
    is_new = g_hash_table_add(set, GINT_TO_POINTER(device_no));
    pthread_mutex_unlock(&looks->mutex);
    return is_new;
}

static bool remove_from(struct sdm_looks *looks, GHashTable *set, int32_t device_no)
{
    bool was_there;

    pthread_mutex_lock(&looks->mutex);
    was_there = g_hash_table_remove(set, GINT_TO_POINTER(device_no));
    pthread_mutex_unlock(&looks->mutex);
    return was_there;
}

static bool contains(struct sdm_looks *looks, GHashTable *set, int32_t device_no)
{
    bool is_there;

    pthread_mutex_lock(&looks->mutex);
    is_there = g_hash_table_contains(set, GINT_TO_POINTER(device_no));
    pthread_mutex_unlock(&looks->mutex);
    return is_there;
}

static size_t count(struct sdm_looks *looks, GHashTable *set)
{
    size_t n;

    pthread_mutex_lock(&looks->mutex);
    n = g_hash_table_size(set);
    pthread_mutex_unlock(&looks->mutex);
    return n;
}

static bool read_flag(struct sdm_looks *looks, const bool *flag)
{
    bool value;

    pthread_mutex_lock(&looks->mutex);
    value = *flag;
    pthread_mutex_unlock(&looks->mutex);
    return value;
}

static void write_flag(struct sdm_looks *looks, bool *flag, bool value)
{
    pthread_mutex_lock(&looks->mutex);
    *flag = value;
    pthread_mutex_unlock(&looks->mutex);
}

void sdm_looks_expect(struct sdm_looks *looks, int32_t device_no)
{
    add(looks, looks->awaited, device_no);
}

size_t sdm_looks_n_awaited(struct sdm_looks *looks)
{
    return count(looks, looks->awaited);
}

bool sdm_looks_are_on(struct sdm_looks *looks)
{
    return read_flag(looks, &looks->are_on);
}

void sdm_looks_end(struct sdm_looks *looks)
{
    write_flag(looks, &looks->are_on, false);
}

bool sdm_looks_hear(struct sdm_looks *looks, int32_t compute_no)
{
    bool is_new = add(looks, looks->heard, compute_no);

    remove_from(looks, looks->awaited, compute_no);
    return is_new;
}

bool sdm_looks_has_heard(struct sdm_looks *looks, int32_t compute_no)
{
    return contains(looks, looks->heard, compute_no);
}

bool sdm_looks_compared(struct sdm_looks *looks, int32_t brick_no)
{
    remove_from(looks, looks->awaited, brick_no);
    return remove_from(looks, looks->silent, brick_no);
}

void sdm_looks_silent(struct sdm_looks *looks, int32_t brick_no)
{
    add(looks, looks->silent, brick_no);
    remove_from(looks, looks->awaited, brick_no);
}

GArray *sdm_looks_silent_bricks(struct sdm_looks *looks)
{
    GArray *bricks = g_array_new(FALSE, FALSE, sizeof(int32_t));
    GHashTableIter iter;
    gpointer key;

    pthread_mutex_lock(&looks->mutex);
    g_hash_table_iter_init(&iter, looks->silent);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        int32_t brick_no = GPOINTER_TO_INT(key);

        g_array_append_val(bricks, brick_no);
    }
    pthread_mutex_unlock(&looks->mutex);
    return bricks;
}

void sdm_looks_set_older(struct sdm_looks *looks)
{
    write_flag(looks, &looks->is_older, true);
}

bool sdm_looks_is_older(struct sdm_looks *looks)
{
    return read_flag(looks, &looks->is_older);
}

void sdm_looks_set_unresolved(struct sdm_looks *looks, int32_t compute_no, bool is_unresolved)
{
    if (is_unresolved) {
        add(looks, looks->unresolved, compute_no);
    } else {
        remove_from(looks, looks->unresolved, compute_no);
    }
}

bool sdm_looks_is_unresolved(struct sdm_looks *looks, int32_t compute_no)
{
    return contains(looks, looks->unresolved, compute_no);
}

bool sdm_looks_any_unresolved(struct sdm_looks *looks)
{
    return count(looks, looks->unresolved) > 0;
}

bool sdm_looks_elsewhere_is_new(struct sdm_looks *looks, int32_t compute_no, const char *vms)
{
    const char *kept;
    bool is_new;

    pthread_mutex_lock(&looks->mutex);
    kept = g_hash_table_lookup(looks->elsewhere, GINT_TO_POINTER(compute_no));
    is_new = g_strcmp0(kept != NULL ? kept : "", vms) != 0;
    pthread_mutex_unlock(&looks->mutex);
    return is_new;
}

void sdm_looks_keep_elsewhere(struct sdm_looks *looks, int32_t compute_no, const char *vms)
{
    pthread_mutex_lock(&looks->mutex);
    if (vms[0] != '\0') {
        g_hash_table_insert(looks->elsewhere, GINT_TO_POINTER(compute_no), g_strdup(vms));
    } else {
        g_hash_table_remove(looks->elsewhere, GINT_TO_POINTER(compute_no));
    }
    pthread_mutex_unlock(&looks->mutex);
}

bool sdm_looks_tell_crossing(struct sdm_looks *looks, int32_t switch_no, int32_t a, int32_t b)
{
    char *name = g_strdup_printf("%d %d %d", switch_no, a, b);
    bool is_new;

    pthread_mutex_lock(&looks->mutex);
    is_new = g_hash_table_add(looks->crossings, name);
    pthread_mutex_unlock(&looks->mutex);
    return is_new;
}
