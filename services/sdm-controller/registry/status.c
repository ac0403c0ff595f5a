#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/store/standby.h"
#include "sdm-controller/store/usage.h"

#define DEFAULT_PAGE_SIZE 100
/* As s11.status.reply/1 has room for. */
#define MAX_STANDBYS 64

static int compare_devices(const void *a, const void *b)
{
    const struct sdm_device *const *left = a;
    const struct sdm_device *const *right = b;

    return strcmp((*left)->id, (*right)->id);
}

/* Compute bricks behind 'after', by id. */
static GPtrArray *find_agents(const struct sdm_topology_spec *spec, const char *after)
{
    GPtrArray *agents = g_ptr_array_new();

    for (size_t i = 0; i < spec->n_devices; i++) {
        const struct sdm_device *device = &spec->devices[i];

        if (device->kind == SDM_DEVICE_KIND_COMPUTE && strcmp(device->id, after) > 0) {
            g_ptr_array_add(agents, (void *)device);
        }
    }
    g_ptr_array_sort(agents, compare_devices);
    return agents;
}

static void fill_agent(const struct sdm_registry *registry, const struct sdm_device *device,
                       const struct sdm_device_usage *usage, struct sdm_wire_agent_status *wire)
{
    *wire = (struct sdm_wire_agent_status){
        .connected =
            usage->report_age_us >= 0 && usage->report_age_us <= registry->agent_silence_us,
        .has_last_report = usage->last_report[0] != '\0',
        .has_version = usage->agent_version[0] != '\0',
        .want_generation = (uint64_t)usage->want_generation,
        .have_generation = (uint64_t)usage->have_generation,
        .n_vms = (uint64_t)usage->n_vms,
        .n_windows = (uint64_t)usage->n_windows,
    };
    g_strlcpy(wire->compute_brick, device->id, sizeof wire->compute_brick);
    g_strlcpy(wire->last_report, usage->last_report, sizeof wire->last_report);
    g_strlcpy(wire->version, usage->agent_version, sizeof wire->version);
}

static bool fill_agents(const struct sdm_registry *registry, struct sdm_pg *pg,
                        const GPtrArray *agents, size_t n, struct sdm_arena *arena,
                        struct sdm_s11_agents_reply *reply, GError **error)
{
    int64_t *device_nos = SDM_ARENA_NEW(arena, int64_t, n);
    struct sdm_device_usage *usages;
    size_t n_read;

    for (size_t i = 0; i < n; i++) {
        device_nos[i] = ((const struct sdm_device *)agents->pdata[i])->device_no;
    }
    if (!sdm_usage_of_devices(pg, device_nos, n, arena, &usages, &n_read, error)) {
        return false;
    }
    reply->agents = SDM_ARENA_NEW(arena, struct sdm_wire_agent_status, n);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n_read; j++) {
            if (usages[j].device_no == device_nos[i]) {
                fill_agent(registry, agents->pdata[i], &usages[j],
                           &reply->agents[reply->n_agents++]);
            }
        }
    }
    return true;
}

bool sdm_registry_agents(struct sdm_registry *registry, struct sdm_pg *pg,
                         const struct sdm_caller *caller, const struct sdm_s11_agents *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_agents_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_agents_reply, 1);
    size_t page_size = request->has_page_size ? request->page_size : DEFAULT_PAGE_SIZE;
    g_autoptr(sdm_topology) topology = NULL;
    g_autoptr(GPtrArray) agents = NULL;

    (void)caller;
    sdm_ledger_lock(registry->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(registry->ledger));
    sdm_ledger_unlock(registry->ledger);
    agents = find_agents(sdm_topology_spec(topology), request->has_after ? request->after : "");
    if (!fill_agents(registry, pg, agents, MIN(agents->len, page_size), arena, reply, error)) {
        return false;
    }
    if (agents->len > page_size) {
        const struct sdm_device *last = agents->pdata[page_size - 1];

        reply->has_next = true;
        g_strlcpy(reply->next, last->id, sizeof reply->next);
    }
    outcome->done = true;
    outcome->reply_type = sdm_s11_agents_reply_codec.type;
    outcome->reply_codec = &sdm_s11_agents_reply_codec;
    outcome->reply = reply;
    return true;
}

static bool fill_standbys(struct sdm_pg *pg, struct sdm_arena *arena,
                          struct sdm_s11_status_reply *reply, GError **error)
{
    struct sdm_standby *standbys;
    size_t n;

    if (!sdm_standby_list(pg, MAX_STANDBYS, arena, &standbys, &n, error)) {
        return false;
    }
    reply->n_standbys = n;
    reply->standbys = SDM_ARENA_NEW(arena, struct sdm_wire_standby_status, n);
    for (size_t i = 0; i < n; i++) {
        struct sdm_wire_standby_status *wire = &reply->standbys[i];

        wire->pid = (uint64_t)standbys[i].pid;
        wire->beat_age_ms = (uint64_t)(standbys[i].beat_age_us / 1000);
        wire->sees_broker = standbys[i].sees_broker;
        g_strlcpy(wire->name, standbys[i].name, sizeof wire->name);
        g_strlcpy(wire->host, standbys[i].host, sizeof wire->host);
        g_strlcpy(wire->version, standbys[i].version, sizeof wire->version);
        g_strlcpy(wire->since, standbys[i].since, sizeof wire->since);
    }
    return true;
}

bool sdm_registry_status(struct sdm_registry *registry, struct sdm_pg *pg,
                         const struct sdm_caller *caller, const struct sdm_s11_status *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_status_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_status_reply, 1);
    struct sdm_usage_totals totals;
    struct sdm_leader leader;

    (void)caller;
    (void)request;
    if (!sdm_leader_read(pg, &leader, error) || !sdm_usage_total(pg, &totals, error) ||
        !fill_standbys(pg, arena, reply, error)) {
        return false;
    }
    g_strlcpy(reply->version, registry->version, sizeof reply->version);
    g_strlcpy(reply->leader, leader.holder, sizeof reply->leader);
    g_strlcpy(reply->since, leader.since, sizeof reply->since);
    reply->epoch = (uint64_t)leader.epoch;
    reply->n_reservations = (uint64_t)totals.n_reservations;
    reply->n_segments = (uint64_t)totals.n_segments;
    reply->n_pending = (uint64_t)totals.n_pending;
    reply->n_outbox = (uint64_t)totals.n_outbox;
    reply->n_diverged = (uint64_t)totals.n_diverged;
    outcome->done = true;
    outcome->reply_type = sdm_s11_status_reply_codec.type;
    outcome->reply_codec = &sdm_s11_status_reply_codec;
    outcome->reply = reply;
    return true;
}
