#include "lib/base/error.h"
#include "sdm-controller/registry/brick.h"
#include "sdm-controller/registry/draft.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/store/topology.h"

/* What memory owes to the commit. */
struct committed {
    struct sdm_registry *registry;
    struct sdm_topology *topology;
    size_t n_old_devices;
};

static void announce(const struct committed *effect)
{
    const struct sdm_registry *registry = effect->registry;
    const struct sdm_topology_spec *spec = sdm_topology_spec(effect->topology);

    for (size_t i = effect->n_old_devices; i < spec->n_devices; i++) {
        if (spec->devices[i].kind == SDM_DEVICE_KIND_COMPUTE &&
            registry->on_compute_brick != NULL) {
            registry->on_compute_brick(registry->user, spec->devices[i].id);
        }
        if (spec->devices[i].kind == SDM_DEVICE_KIND_MEMORY && registry->on_memory_brick != NULL) {
            registry->on_memory_brick(registry->user, spec->devices[i].device_no);
        }
    }
}

static void on_end(void *data, bool committed)
{
    struct committed *effect = data;
    GError *error = NULL;

    if (committed) {
        sdm_ledger_lock(effect->registry->ledger);
        /* It only adds to what is there, and this lane is the only one that changes it. */
        if (!sdm_ledger_set_topology(effect->registry->ledger, effect->topology, &error)) {
            g_error("a registered topology does not fit: %s", error->message);
        }
        sdm_ledger_unlock(effect->registry->ledger);
        announce(effect);
    }
    sdm_topology_unref(effect->topology);
    g_free(effect);
}

static bool write_new(const struct sdm_draft *draft, struct sdm_tx *tx, GError **error)
{
    size_t n_racks = draft->racks->len - draft->old.n_racks;
    size_t n_trays = draft->trays->len - draft->old.n_trays;
    size_t n_devices = draft->devices->len - draft->old.n_devices;
    size_t n_links = draft->links->len - draft->old.n_links;

    return (n_racks == 0 ||
            sdm_topology_insert_racks(
                tx, &g_array_index(draft->racks, struct sdm_rack, draft->old.n_racks), n_racks,
                error)) &&
           (n_trays == 0 ||
            sdm_topology_insert_trays(
                tx, &g_array_index(draft->trays, struct sdm_tray, draft->old.n_trays), n_trays,
                error)) &&
           (n_devices == 0 ||
            sdm_topology_insert_devices(
                tx, &g_array_index(draft->devices, struct sdm_device, draft->old.n_devices),
                n_devices, error)) &&
           (n_links == 0 ||
            sdm_topology_insert_links(
                tx, &g_array_index(draft->links, struct sdm_link, draft->old.n_links), n_links,
                error));
}

static void write_events(const struct sdm_registry *registry, const struct sdm_draft *draft,
                         struct sdm_tx *tx)
{
    for (guint i = (guint)draft->old.n_devices; i < draft->devices->len; i++) {
        const struct sdm_device *device = &g_array_index(draft->devices, struct sdm_device, i);

        if (!sdm_device_kind_is_switch(device->kind)) {
            sdm_brick_event(registry, tx, device, SDM_BRICK_STATE_ACTIVE, device->want_power,
                            "registered");
        }
    }
}

static void fill_reply(const struct sdm_draft *draft, struct sdm_arena *arena,
                       struct sdm_outcome *outcome)
{
    struct sdm_s11_register_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_register_reply, 1);
    size_t n_bricks = 0;

    for (guint i = (guint)draft->old.n_devices; i < draft->devices->len; i++) {
        if (!sdm_device_kind_is_switch(g_array_index(draft->devices, struct sdm_device, i).kind)) {
            n_bricks++;
        }
    }
    reply->n_racks = draft->racks->len - draft->old.n_racks;
    reply->n_trays = draft->trays->len - draft->old.n_trays;
    reply->n_bricks = n_bricks;
    reply->n_switches = draft->devices->len - draft->old.n_devices - n_bricks;
    reply->n_links = draft->links->len - draft->old.n_links;
    reply->n_unchanged = draft->n_unchanged;
    outcome->reached = SDM_WAIT_LEVEL_GUEST;
    outcome->done = true;
    outcome->reply_type = sdm_s11_register_reply_codec.type;
    outcome->reply_codec = &sdm_s11_register_reply_codec;
    outcome->reply = reply;
}

bool sdm_registry_register(struct sdm_registry *registry, struct sdm_tx *tx,
                           const struct sdm_caller *caller, const struct sdm_s11_register *request,
                           struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    g_auto(sdm_draft) draft = {0};
    g_autoptr(sdm_topology) topology = NULL;
    struct committed *effect;

    (void)caller;
    sdm_draft_init(&draft, registry->ledger);
    if (!sdm_draft_merge(&draft, request, error)) {
        return false;
    }
    topology = sdm_draft_build(&draft, error);
    if (topology == NULL) {
        return false;
    }
    if (sdm_topology_unit_bytes(draft.base) == 0 &&
        !sdm_topology_insert_unit(tx, draft.segment_unit_bytes, error)) {
        return false;
    }
    if (!write_new(&draft, tx, error)) {
        return false;
    }
    write_events(registry, &draft, tx);
    effect = g_new(struct committed, 1);
    *effect = (struct committed){registry, g_steal_pointer(&topology), draft.old.n_devices};
    sdm_tx_on_end(tx, on_end, effect);
    fill_reply(&draft, arena, outcome);
    return true;
}
