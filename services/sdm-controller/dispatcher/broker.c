#include "sdm-controller/dispatcher/broker.h"

struct sdm_broker_topology {
    GArray *queues;
    GArray *bindings;
    GStringChunk *names;
    char **report_queues; /* in 'names' */
    struct sdm_amqp_topology topology;
};

static const struct sdm_amqp_exchange exchanges[] = {
    {"sdm", "topic"},
    {"sdm_transient", "topic", .is_transient = true},
    {SDM_EXCHANGE_AGENTS, "direct"},
    {"sdm.reports", "direct"},
    {"sdm.events", "topic"},
    {SDM_EXCHANGE_DEAD, "fanout"},
};

/* Requests and reports: replicated, tried a few times, never lost on the way to the dead letters.
 */
static void add_work_queue(struct sdm_broker_topology *topology, const char *name,
                           int64_t max_length)
{
    struct sdm_amqp_queue queue = {
        .name = name,
        .is_quorum = true,
        .delivery_limit = SDM_DELIVERY_LIMIT,
        .max_length = max_length,
        .overflow = "reject-publish",
        .dead_letter_exchange = SDM_EXCHANGE_DEAD,
        .is_dead_letter_safe = true,
    };

    g_array_append_val(topology->queues, queue);
}

static void bind(struct sdm_broker_topology *topology, const char *queue, const char *exchange,
                 const char *routing_key)
{
    struct sdm_amqp_binding binding = {queue, exchange, routing_key};

    g_array_append_val(topology->bindings, binding);
}

static void add_topic(struct sdm_broker_topology *topology, const char *queue, const char *topic,
                      const char *pod)
{
    g_autofree char *with_pod = g_strdup_printf("%s.%s", topic, pod);
    const char *name = g_string_chunk_insert_const(topology->names, with_pod);

    bind(topology, queue, "sdm", topic);
    bind(topology, queue, "sdm", name);
    bind(topology, queue, "sdm_transient", topic);
    bind(topology, queue, "sdm_transient", name);
}

static void add_report_queue(struct sdm_broker_topology *topology, unsigned index)
{
    g_autofree char *number = g_strdup_printf("%u", index);
    g_autofree char *name = g_strdup_printf("sdm.reports.%u", index);

    topology->report_queues[index] = g_string_chunk_insert_const(topology->names, name);
    add_work_queue(topology, topology->report_queues[index], 0);
    bind(topology, topology->report_queues[index], "sdm.reports",
         g_string_chunk_insert_const(topology->names, number));
}

struct sdm_broker_topology *sdm_broker_topology_new(const char *pod, unsigned n_report_queues,
                                                    int64_t max_queued)
{
    struct sdm_broker_topology *topology = g_new0(struct sdm_broker_topology, 1);
    /* No delivery limit: to look at a letter is a delivery, too. */
    struct sdm_amqp_queue dead = {
        .name = SDM_QUEUE_DEAD,
        .is_quorum = true,
        .max_length = SDM_MAX_DEAD,
        .max_length_bytes = SDM_MAX_DEAD_BYTES,
    };

    topology->queues = g_array_new(FALSE, FALSE, sizeof(struct sdm_amqp_queue));
    topology->bindings = g_array_new(FALSE, FALSE, sizeof(struct sdm_amqp_binding));
    topology->names = g_string_chunk_new(256);
    topology->report_queues = g_new0(char *, n_report_queues);
    add_work_queue(topology, SDM_QUEUE_S10, max_queued);
    add_work_queue(topology, SDM_QUEUE_S11, max_queued);
    add_work_queue(topology, SDM_QUEUE_TRIAL, 0);
    g_array_append_val(topology->queues, dead);
    add_topic(topology, SDM_QUEUE_S10, "s10", pod);
    add_topic(topology, SDM_QUEUE_S11, "s11", pod);
    add_topic(topology, SDM_QUEUE_S11, "s9", pod);
    bind(topology, SDM_QUEUE_DEAD, SDM_EXCHANGE_DEAD, "");
    for (unsigned i = 0; i < n_report_queues; i++) {
        add_report_queue(topology, i);
    }
    topology->topology = (struct sdm_amqp_topology){
        .exchanges = exchanges,
        .n_exchanges = G_N_ELEMENTS(exchanges),
        .queues = (const struct sdm_amqp_queue *)topology->queues->data,
        .n_queues = topology->queues->len,
        .bindings = (const struct sdm_amqp_binding *)topology->bindings->data,
        .n_bindings = topology->bindings->len,
    };
    return topology;
}

void sdm_broker_topology_free(struct sdm_broker_topology *topology)
{
    if (topology == NULL) {
        return;
    }
    g_array_unref(topology->queues);
    g_array_unref(topology->bindings);
    g_string_chunk_free(topology->names);
    g_free(topology->report_queues);
    g_free(topology);
}

const struct sdm_amqp_topology *sdm_broker_topology_get(const struct sdm_broker_topology *topology)
{
    return &topology->topology;
}

const char *sdm_broker_topology_report_queue(const struct sdm_broker_topology *topology,
                                             unsigned index)
{
    return topology->report_queues[index];
}

int32_t sdm_broker_priority(int64_t epoch)
{
    return (int32_t)MIN(epoch, INT32_MAX);
}

bool sdm_broker_declare_agents(struct sdm_amqp *amqp, const char *const *bricks, size_t n,
                               GError **error)
{
    g_autofree struct sdm_amqp_queue *queues = g_new0(struct sdm_amqp_queue, n);
    g_autofree struct sdm_amqp_binding *bindings = g_new0(struct sdm_amqp_binding, n);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    struct sdm_amqp_topology topology = {
        .queues = queues, .n_queues = n, .bindings = bindings, .n_bindings = n};

    for (size_t i = 0; i < n; i++) {
        char *name = g_strdup_printf("sdm.agent.%s", bricks[i]);

        g_ptr_array_add(names, name);
        /* Only the last wanted state matters, and an agent asks when it starts. */
        queues[i] = (struct sdm_amqp_queue){.name = name, .max_length = 1, .overflow = "drop-head"};
        bindings[i] = (struct sdm_amqp_binding){name, SDM_EXCHANGE_AGENTS, bricks[i]};
    }
    return n == 0 || sdm_amqp_declare(amqp, &topology, error);
}
