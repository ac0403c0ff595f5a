#include "sdm-controller/compile/crossings.h"

struct sdm_crossings {
    /* struct sdm_crossing to a set of circuits; no set is empty. */
    GHashTable *sets;
};

static guint hash_crossing(gconstpointer key)
{
    const struct sdm_crossing *crossing = key;
    guint hash = (guint)crossing->switch_no;

    hash = hash * 31 + (guint)crossing->port_a;
    return hash * 31 + (guint)crossing->port_b;
}

static gboolean equal_crossings(gconstpointer left, gconstpointer right)
{
    const struct sdm_crossing *a = left;
    const struct sdm_crossing *b = right;

    return a->switch_no == b->switch_no && a->port_a == b->port_a && a->port_b == b->port_b;
}

/* A cross-connection has no direction. */
static struct sdm_crossing ordered(struct sdm_crossing crossing)
{
    return (struct sdm_crossing){crossing.switch_no, MIN(crossing.port_a, crossing.port_b),
                                 MAX(crossing.port_a, crossing.port_b)};
}

struct sdm_crossings *sdm_crossings_new(void)
{
    struct sdm_crossings *crossings = g_new0(struct sdm_crossings, 1);

    crossings->sets = g_hash_table_new_full(hash_crossing, equal_crossings, g_free,
                                            (GDestroyNotify)g_hash_table_destroy);
    return crossings;
}

void sdm_crossings_free(struct sdm_crossings *crossings)
{
    if (crossings == NULL) {
        return;
    }
    g_hash_table_destroy(crossings->sets);
    g_free(crossings);
}

bool sdm_crossings_add(struct sdm_crossings *crossings, struct sdm_crossing crossing,
                       const char *circuit)
{
    struct sdm_crossing key = ordered(crossing);
    GHashTable *set = g_hash_table_lookup(crossings->sets, &key);
    bool first = set == NULL;

    if (first) {
        set = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_insert(crossings->sets, g_memdup2(&key, sizeof key), set);
    }
    g_hash_table_add(set, g_strdup(circuit));
    return first;
}

bool sdm_crossings_remove(struct sdm_crossings *crossings, struct sdm_crossing crossing,
                          const char *circuit)
{
    struct sdm_crossing key = ordered(crossing);
    GHashTable *set = g_hash_table_lookup(crossings->sets, &key);

    if (set == NULL) {
        return true;
    }
    g_hash_table_remove(set, circuit);
    if (g_hash_table_size(set) > 0) {
        return false;
    }
    g_hash_table_remove(crossings->sets, &key);
    return true;
}

void sdm_crossings_forget(struct sdm_crossings *crossings, struct sdm_crossing crossing)
{
    struct sdm_crossing key = ordered(crossing);

    g_hash_table_remove(crossings->sets, &key);
}

bool sdm_crossings_holds(const struct sdm_crossings *crossings, struct sdm_crossing crossing,
                         const char *circuit)
{
    struct sdm_crossing key = ordered(crossing);
    GHashTable *set = g_hash_table_lookup(crossings->sets, &key);

    return set != NULL && g_hash_table_contains(set, circuit);
}

bool sdm_crossings_used(const struct sdm_crossings *crossings, struct sdm_crossing crossing)
{
    struct sdm_crossing key = ordered(crossing);

    return g_hash_table_contains(crossings->sets, &key);
}

GArray *sdm_crossings_list(const struct sdm_crossings *crossings)
{
    GArray *list = g_array_new(FALSE, FALSE, sizeof(struct sdm_crossing));
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, crossings->sets);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_array_append_vals(list, key, 1);
    }
    return list;
}

size_t sdm_crossings_count(const struct sdm_crossings *crossings)
{
    return g_hash_table_size(crossings->sets);
}
