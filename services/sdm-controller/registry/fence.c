#include "sdm-controller/registry/fence.h"

#include "lib/base/error.h"
#include "sdm-controller/registry/brick.h"
#include "sdm-controller/store/fence.h"
#include "sdm-controller/store/post.h"

/* What the ledger had before it was told. */
struct effect {
    struct sdm_ledger *ledger;
    int32_t device_no;
    struct sdm_ledger_use before;
};

static void on_end(void *data, bool committed)
{
    struct effect *effect = data;

    if (!committed) {
        sdm_ledger_lock(effect->ledger);
        sdm_ledger_set_state(effect->ledger, effect->device_no, effect->before.state);
        sdm_ledger_set_power(effect->ledger, effect->device_no, effect->before.want_power,
                             effect->before.have_power);
        sdm_ledger_unlock(effect->ledger);
    }
    g_free(effect);
}

/* From now on nothing is planned with it; undone when the transaction fails. */
static void tell_ledger(struct sdm_registry *registry, struct sdm_tx *tx,
                        const struct sdm_device *device, const struct sdm_ledger_use *before,
                        enum sdm_power_state want_power)
{
    struct effect *effect = g_new0(struct effect, 1);

    effect->ledger = registry->ledger;
    effect->device_no = device->device_no;
    effect->before = *before;
    sdm_tx_on_end(tx, on_end, effect);
    sdm_ledger_lock(registry->ledger);
    sdm_ledger_set_state(registry->ledger, device->device_no, SDM_BRICK_STATE_FENCED);
    sdm_ledger_set_power(registry->ledger, device->device_no, want_power, before->have_power);
    sdm_ledger_unlock(registry->ledger);
}

static bool begin(struct sdm_registry *registry, struct sdm_tx *tx, const struct sdm_device *device,
                  const struct sdm_ledger_use *use, enum sdm_fence_method method, GError **error)
{
    tell_ledger(registry, tx, device, use, use->want_power);
    if (!sdm_store_fence_begin(tx, device->device_no, method, error)) {
        return false;
    }
    sdm_brick_event(registry, tx, device, SDM_BRICK_STATE_FENCED, use->have_power,
                    "is being cut off");
    sdm_post_device(tx, &registry->sink, SDM_WORK_FENCE, device->device_no);
    sdm_post_device(tx, &registry->sink, SDM_WORK_AGENT, device->device_no);
    return true;
}

static bool undo(struct sdm_registry *registry, struct sdm_tx *tx, const struct sdm_device *device,
                 const struct sdm_ledger_use *use, GError **error)
{
    tell_ledger(registry, tx, device, use, SDM_POWER_STATE_ON);
    if (!sdm_store_fence_undo(tx, device->device_no, error)) {
        return false;
    }
    sdm_brick_event(registry, tx, device, SDM_BRICK_STATE_FENCED, use->have_power,
                    "may return once it has nothing mapped");
    sdm_post_device(tx, &registry->sink, SDM_WORK_POWER, device->device_no);
    sdm_post_device(tx, &registry->sink, SDM_WORK_AGENT, device->device_no);
    return true;
}

/* What the request means in the state that the brick is in; most states have it already. */
static bool apply(struct sdm_registry *registry, struct sdm_tx *tx, const struct sdm_device *device,
                  const struct sdm_ledger_use *use, const struct sdm_s11_fence *request,
                  struct sdm_arena *arena, GError **error)
{
    enum sdm_fence_method method = request->has_method ? request->method : SDM_FENCE_METHOD_ANY;
    bool is_undo = request->has_undo && request->undo;
    GError *failure = NULL;
    const struct sdm_fence *fence =
        sdm_store_fence_load(sdm_tx_read(tx), device->device_no, arena, &failure);

    if (failure != NULL) {
        g_propagate_error(error, failure);
        return false;
    }
    if (fence == NULL) {
        return is_undo || begin(registry, tx, device, use, method, error);
    }
    switch (fence->state) {
    case SDM_FENCE_STATE_CUTTING:
        return !is_undo ||
               sdm_refuse(error, SDM_ERROR_WRONG_STATE, "brick '%s' is being cut off", device->id);
    case SDM_FENCE_STATE_CONFIRMED:
        return !is_undo || undo(registry, tx, device, use, error);
    case SDM_FENCE_STATE_UNCONFIRMED:
        return is_undo ? undo(registry, tx, device, use, error)
                       : begin(registry, tx, device, use, method, error);
    case SDM_FENCE_STATE_RETURNING:
        return is_undo || begin(registry, tx, device, use, method, error);
    }
    return sdm_fail(error, "brick '%s' is in no state", device->id);
}

bool sdm_registry_fence(struct sdm_registry *registry, struct sdm_tx *tx,
                        const struct sdm_caller *caller, const struct sdm_s11_fence *request,
                        struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *device = sdm_brick_find(registry, request->brick, &topology, error);
    struct sdm_ledger_use use = {0};

    (void)caller;
    if (device == NULL) {
        return false;
    }
    if (device->kind != SDM_DEVICE_KIND_COMPUTE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "brick '%s' is no compute brick",
                          device->id);
    }
    sdm_ledger_lock(registry->ledger);
    sdm_ledger_use(registry->ledger, device->device_no, &use);
    sdm_ledger_unlock(registry->ledger);
    if (use.state == SDM_BRICK_STATE_RETIRED) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "brick '%s' is retired", device->id);
    }
    return apply(registry, tx, device, &use, request, arena, error) &&
           sdm_brick_reply(registry, sdm_tx_read(tx), topology, device, arena, outcome, error);
}

bool sdm_registry_fence_done(struct sdm_registry *registry, struct sdm_tx *tx, int32_t device_no,
                             const char *text, const GError *refusal, struct sdm_arena *arena,
                             GError **error)
{
    g_autoptr(sdm_topology) topology = NULL;
    const struct sdm_device *device;
    int64_t number = device_no;
    struct sdm_device_usage *usage;
    size_t n;

    sdm_ledger_lock(registry->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(registry->ledger));
    sdm_ledger_unlock(registry->ledger);
    device = sdm_topology_device(topology, device_no);
    if (!sdm_usage_of_devices(sdm_tx_read(tx), &number, 1, arena, &usage, &n, error)) {
        return false;
    }
    if (device == NULL || n == 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device %d", device_no);
    }
    sdm_brick_event(registry, tx, device, usage->state, usage->have_power,
                    refusal != NULL ? refusal->message : text);
    return sdm_brick_answer(registry, tx, topology, device, "s11.fence/1", refusal, arena, error);
}
