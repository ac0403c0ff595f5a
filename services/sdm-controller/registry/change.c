#include <inttypes.h>

#include "lib/base/error.h"
#include "sdm-controller/registry/brick.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/store/device.h"
#include "sdm-controller/store/post.h"

/* What memory did before the commit, or owes to it. */
struct effect {
    struct sdm_registry *registry;
    /* s11.change: one of both is what has to be set at the end. */
    struct sdm_topology *if_committed;
    struct sdm_topology *if_undone;
    /* s11.retire, s11.power: what the ledger had. */
    int32_t device_no;
    struct sdm_ledger_use before;
};

static void set_topology(struct sdm_registry *registry, struct sdm_topology *topology)
{
    GError *error = NULL;

    /* What it would refuse was found before, and nothing can be claimed there since. */
    if (!sdm_ledger_set_topology(registry->ledger, topology, &error)) {
        g_error("a topology that was checked does not fit: %s", error->message);
    }
}

static void on_end(void *data, bool committed)
{
    struct effect *effect = data;
    struct sdm_registry *registry = effect->registry;
    struct sdm_topology *topology = committed ? effect->if_committed : effect->if_undone;

    sdm_ledger_lock(registry->ledger);
    if (topology != NULL) {
        set_topology(registry, topology);
    }
    if (!committed && effect->device_no != 0) {
        sdm_ledger_set_state(registry->ledger, effect->device_no, effect->before.state);
        sdm_ledger_set_power(registry->ledger, effect->device_no, effect->before.want_power,
                             effect->before.have_power);
    }
    sdm_ledger_unlock(registry->ledger);
    g_clear_pointer(&effect->if_committed, sdm_topology_unref);
    g_clear_pointer(&effect->if_undone, sdm_topology_unref);
    g_free(effect);
}

static struct effect *add_effect(struct sdm_registry *registry, struct sdm_tx *tx)
{
    struct effect *effect = g_new0(struct effect, 1);

    effect->registry = registry;
    sdm_tx_on_end(tx, on_end, effect);
    return effect;
}

static bool check_active(struct sdm_registry *registry, const struct sdm_device *device,
                         struct sdm_ledger_use *use, GError **error)
{
    sdm_ledger_lock(registry->ledger);
    sdm_ledger_use(registry->ledger, device->device_no, use);
    sdm_ledger_unlock(registry->ledger);
    return use->state == SDM_BRICK_STATE_ACTIVE ||
           sdm_refuse(error, SDM_ERROR_WRONG_STATE, "brick '%s' is %s", device->id,
                      sdm_brick_state_name(use->state));
}

static void apply(const struct sdm_s11_change *request, struct sdm_device *device)
{
    if (request->has_capacity_bytes) {
        device->capacity_bytes = request->capacity_bytes;
    }
    if (request->has_idle_mw) {
        device->idle_mw = (int32_t)request->idle_mw;
    }
    if (request->has_active_mw) {
        device->active_mw = (int32_t)request->active_mw;
    }
    if (request->has_wake_ms) {
        device->wake_ms = (int32_t)request->wake_ms;
    }
    if (request->has_management) {
        g_strlcpy(device->management, request->management, sizeof device->management);
    }
}

static struct sdm_topology *rebuild(const struct sdm_topology *base,
                                    const struct sdm_device *changed, GError **error)
{
    struct sdm_topology_spec spec = *sdm_topology_spec(base);
    g_autofree struct sdm_device *devices =
        g_memdup2(spec.devices, spec.n_devices * sizeof *spec.devices);

    for (size_t i = 0; i < spec.n_devices; i++) {
        if (devices[i].device_no == changed->device_no) {
            devices[i] = *changed;
        }
    }
    spec.devices = devices;
    return sdm_topology_new(&spec, error);
}

/* A smaller brick counts from now on, so that nothing is claimed meanwhile; a larger one from the
 * commit on, so that nothing is claimed that is not there. */
static bool change_ledger(struct sdm_registry *registry, struct sdm_tx *tx,
                          struct sdm_topology *base, struct sdm_topology *topology, bool shrinks,
                          GError **error)
{
    struct effect *effect;
    bool ok = true;

    if (shrinks) {
        sdm_ledger_lock(registry->ledger);
        ok = sdm_ledger_set_topology(registry->ledger, topology, error);
        sdm_ledger_unlock(registry->ledger);
    }
    if (ok) {
        effect = add_effect(registry, tx);
        if (shrinks) {
            effect->if_undone = sdm_topology_ref(base);
        } else {
            effect->if_committed = sdm_topology_ref(topology);
        }
    }
    return ok;
}

bool sdm_registry_change(struct sdm_registry *registry, struct sdm_tx *tx,
                         const struct sdm_caller *caller, const struct sdm_s11_change *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    g_autoptr(sdm_topology) base = NULL;
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *old = sdm_brick_find(registry, request->brick, &base, error);
    struct sdm_device device;
    struct sdm_ledger_use use;

    (void)caller;
    if (old == NULL || !check_active(registry, old, &use, error)) {
        return false;
    }
    if (request->has_capacity_bytes && old->kind != SDM_DEVICE_KIND_MEMORY) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "brick '%s' is no memory brick", old->id);
    }
    device = *old;
    apply(request, &device);
    topology = rebuild(base, &device, error);
    if (topology == NULL ||
        !change_ledger(registry, tx, base, topology, device.capacity_bytes < old->capacity_bytes,
                       error) ||
        !sdm_device_update(tx, &device, error)) {
        return false;
    }
    sdm_brick_event(registry, tx, &device, use.state, use.have_power, "changed");
    return sdm_brick_reply(registry, sdm_tx_read(tx), topology, &device, arena, outcome, error);
}

/* Sets state or wanted power in the ledger unless something is held there. */
static bool withdraw(struct sdm_registry *registry, struct sdm_tx *tx,
                     const struct sdm_device *device, const struct sdm_ledger_use *before,
                     bool is_power, GError **error)
{
    struct effect *effect;
    bool in_use;

    sdm_ledger_lock(registry->ledger);
    in_use = sdm_ledger_in_use(registry->ledger, device->device_no);
    if (!in_use && is_power) {
        sdm_ledger_set_power(registry->ledger, device->device_no, SDM_POWER_STATE_OFF,
                             before->have_power);
    } else if (!in_use) {
        sdm_ledger_set_state(registry->ledger, device->device_no, SDM_BRICK_STATE_RETIRED);
    }
    sdm_ledger_unlock(registry->ledger);
    if (in_use) {
        return sdm_refuse(error, SDM_ERROR_IN_USE,
                          "brick '%s' holds %" PRIu64 " bytes, %" PRId32 " circuits, %" PRId32
                          " windows",
                          device->id, before->used_bytes, before->n_circuits, before->n_windows);
    }
    effect = add_effect(registry, tx);
    effect->device_no = device->device_no;
    effect->before = *before;
    return true;
}

bool sdm_registry_retire(struct sdm_registry *registry, struct sdm_tx *tx,
                         const struct sdm_caller *caller, const struct sdm_s11_retire *request,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *device = sdm_brick_find(registry, request->brick, &topology, error);
    struct sdm_ledger_use use = {0};

    (void)caller;
    if (device == NULL) {
        return false;
    }
    sdm_ledger_lock(registry->ledger);
    sdm_ledger_use(registry->ledger, device->device_no, &use);
    sdm_ledger_unlock(registry->ledger);
    if (use.state != SDM_BRICK_STATE_RETIRED) {
        if (!withdraw(registry, tx, device, &use, false, error) ||
            !sdm_device_set_state(tx, device->device_no, SDM_BRICK_STATE_RETIRED, error)) {
            return false;
        }
        sdm_brick_event(registry, tx, device, SDM_BRICK_STATE_RETIRED, use.have_power, "retired");
    }
    if (!sdm_brick_reply(registry, sdm_tx_read(tx), topology, device, arena, outcome, error)) {
        return false;
    }
    outcome->done = true;
    outcome->reached = SDM_WAIT_LEVEL_GUEST;
    return true;
}

static void switch_on(struct sdm_registry *registry, struct sdm_tx *tx,
                      const struct sdm_device *device, const struct sdm_ledger_use *before)
{
    struct effect *effect = add_effect(registry, tx);

    effect->device_no = device->device_no;
    effect->before = *before;
    sdm_ledger_lock(registry->ledger);
    sdm_ledger_set_power(registry->ledger, device->device_no, SDM_POWER_STATE_ON,
                         before->have_power);
    sdm_ledger_unlock(registry->ledger);
}

bool sdm_registry_power(struct sdm_registry *registry, struct sdm_tx *tx,
                        const struct sdm_caller *caller, const struct sdm_s11_power *request,
                        struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *device = sdm_brick_find(registry, request->brick, &topology, error);
    bool is_off = request->power == SDM_POWER_STATE_OFF;
    struct sdm_ledger_use use;

    (void)caller;
    if (device == NULL || !check_active(registry, device, &use, error)) {
        return false;
    }
    if (use.want_power != request->power) {
        if (!is_off) {
            switch_on(registry, tx, device, &use);
        } else if (!withdraw(registry, tx, device, &use, true, error)) {
            return false;
        }
        if (!sdm_device_set_want_power(tx, device->device_no, request->power, error)) {
            return false;
        }
        sdm_brick_event(registry, tx, device, use.state, use.have_power,
                        is_off ? "will be switched off" : "will be switched on");
        sdm_post_device(tx, &registry->sink, SDM_WORK_POWER, device->device_no);
    }
    return sdm_brick_reply(registry, sdm_tx_read(tx), topology, device, arena, outcome, error);
}
