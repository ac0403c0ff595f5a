#include "sdm-controller/synthesizer/job.h"

#include <pthread.h>

struct gate {
    pthread_mutex_t mutex;
    struct sdm_crossings *crossings; /* guarded by 'mutex' */
};

struct sdm_gates {
    pthread_mutex_t mutex;
    GHashTable *gates; /* switch_no to struct gate, guarded by 'mutex'; gates are never removed */
};

static void free_gate(gpointer data)
{
    struct gate *gate = data;

    sdm_crossings_free(gate->crossings);
    pthread_mutex_destroy(&gate->mutex);
    g_free(gate);
}

struct sdm_gates *sdm_gates_new(void)
{
    struct sdm_gates *gates = g_new0(struct sdm_gates, 1);

    pthread_mutex_init(&gates->mutex, NULL);
    gates->gates = g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, free_gate);
    return gates;
}

void sdm_gates_free(struct sdm_gates *gates)
{
    if (gates == NULL) {
        return;
    }
    g_hash_table_destroy(gates->gates);
    pthread_mutex_destroy(&gates->mutex);
    g_free(gates);
}

static struct gate *find_gate(struct sdm_gates *gates, int32_t switch_no)
{
    struct gate *gate;

    pthread_mutex_lock(&gates->mutex);
    gate = g_hash_table_lookup(gates->gates, GINT_TO_POINTER(switch_no));
    if (gate == NULL) {
        gate = g_new0(struct gate, 1);
        pthread_mutex_init(&gate->mutex, NULL);
        gate->crossings = sdm_crossings_new();
        g_hash_table_insert(gates->gates, GINT_TO_POINTER(switch_no), gate);
    }
    pthread_mutex_unlock(&gates->mutex);
    return gate;
}

struct sdm_crossings *sdm_gates_open(struct sdm_gates *gates, int32_t switch_no)
{
    struct gate *gate = find_gate(gates, switch_no);

    pthread_mutex_lock(&gate->mutex);
    return gate->crossings;
}

void sdm_gates_close(struct sdm_gates *gates, int32_t switch_no)
{
    pthread_mutex_unlock(&find_gate(gates, switch_no)->mutex);
}

GArray *sdm_gates_used(struct sdm_gates *gates)
{
    GArray *used = g_array_new(FALSE, FALSE, sizeof(int32_t));
    GHashTableIter iter;
    gpointer key;
    gpointer value;

    pthread_mutex_lock(&gates->mutex);
    g_hash_table_iter_init(&iter, gates->gates);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct gate *gate = value;
        int32_t switch_no = GPOINTER_TO_INT(key);

        if (pthread_mutex_trylock(&gate->mutex) == 0) {
            if (sdm_crossings_count(gate->crossings) > 0) {
                g_array_append_val(used, switch_no);
            }
            pthread_mutex_unlock(&gate->mutex);
        }
    }
    pthread_mutex_unlock(&gates->mutex);
    return used;
}
