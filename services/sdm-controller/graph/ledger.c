#include "sdm-controller/graph/ledger.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/graph/state.h"

struct sdm_ledger *sdm_ledger_new(struct sdm_topology *topology)
{
    struct sdm_ledger *ledger = g_new0(struct sdm_ledger, 1);

    pthread_mutex_init(&ledger->mutex, NULL);
    sdm_state_init(ledger, topology);
    sdm_ledger_end_load(ledger);
    return ledger;
}

void sdm_ledger_free(struct sdm_ledger *ledger)
{
    if (ledger == NULL) {
        return;
    }
    sdm_state_done(ledger);
    pthread_mutex_destroy(&ledger->mutex);
    g_free(ledger);
}

void sdm_ledger_lock(struct sdm_ledger *ledger)
{
    pthread_mutex_lock(&ledger->mutex);
}

void sdm_ledger_unlock(struct sdm_ledger *ledger)
{
    pthread_mutex_unlock(&ledger->mutex);
}

struct sdm_topology *sdm_ledger_topology(const struct sdm_ledger *ledger)
{
    return ledger->topology;
}

static const char *name_of(const struct sdm_ledger *ledger, int32_t device_no)
{
    return ledger->topology->device_of[device_no]->id;
}

/* A brick of the plan must be there, active, and on unless the plan wakes it. */
static bool check_brick(const struct sdm_ledger *ledger, const struct sdm_plan *plan,
                        int32_t device_no, GError **error)
{
    const struct sdm_node *node = sdm_layout_node(ledger->topology, device_no);

    if (node == NULL || sdm_device_kind_is_switch(node->kind)) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "brick %d is no longer there", device_no);
    }
    if (ledger->uses[device_no].state != SDM_BRICK_STATE_ACTIVE) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "brick '%s' is %s, not active",
                          name_of(ledger, device_no),
                          sdm_brick_state_name(ledger->uses[device_no].state));
    }
    if (sdm_state_power(&ledger->uses[device_no]) == SDM_INDEX_POWERED) {
        return true;
    }
    for (uint32_t i = 0; i < plan->n_wakes; i++) {
        if (plan->wakes[i].device_no == device_no) {
            return true;
        }
    }
    return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "brick '%s' has been switched off",
                      name_of(ledger, device_no));
}

static bool check_switches(const struct sdm_ledger *ledger, const struct sdm_path *path,
                           GError **error)
{
    for (int32_t i = 0; i < path->n_hops; i++) {
        int32_t switch_no = path->hops[i].switch_no;

        if (ledger->uses[switch_no].state != SDM_BRICK_STATE_ACTIVE) {
            return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "switch '%s' is %s, not active",
                              name_of(ledger, switch_no),
                              sdm_brick_state_name(ledger->uses[switch_no].state));
        }
    }
    return true;
}

static bool claim_shared(struct sdm_ledger *ledger, const struct sdm_path *path, GError **error)
{
    struct sdm_path *circuit = sdm_state_circuit(ledger, path->compute_no, path->brick_no);

    if (circuit == NULL || circuit->compute_port != path->compute_port ||
        circuit->brick_port != path->brick_port) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "the circuit from '%s' to '%s' is gone",
                          name_of(ledger, path->compute_no), name_of(ledger, path->brick_no));
    }
    if (!check_switches(ledger, circuit, error)) {
        return false;
    }
    if (path->bandwidth_mbps > sdm_ports_free_bandwidth(&ledger->ports, circuit)) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "need %d Mbit/s on the circuit from '%s' to '%s', %d are left",
                          path->bandwidth_mbps, name_of(ledger, path->compute_no),
                          name_of(ledger, path->brick_no),
                          sdm_ports_free_bandwidth(&ledger->ports, circuit));
    }
    sdm_ports_claim_bandwidth(&ledger->ports, circuit, path->bandwidth_mbps);
    circuit->bandwidth_mbps += path->bandwidth_mbps;
    circuit->n_users += path->n_users;
    return true;
}

static bool claim_path(struct sdm_ledger *ledger, const struct sdm_plan *plan,
                       const struct sdm_path *path, GError **error)
{
    if (!sdm_state_is(ledger, path->compute_no, SDM_DEVICE_KIND_COMPUTE)) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "compute brick %d is no longer there",
                          path->compute_no);
    }
    if (!check_brick(ledger, plan, path->brick_no, error)) {
        return false;
    }
    if (path->shared) {
        return claim_shared(ledger, path, error);
    }
    if (sdm_state_circuit(ledger, path->compute_no, path->brick_no) != NULL) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "a circuit from '%s' to '%s' exists",
                          name_of(ledger, path->compute_no), name_of(ledger, path->brick_no));
    }
    if (!sdm_ports_check(&ledger->ports, path, error) || !check_switches(ledger, path, error)) {
        return false;
    }
    sdm_state_add_circuit(ledger, path);
    return true;
}

static void unclaim_path(struct sdm_ledger *ledger, const struct sdm_path *path)
{
    struct sdm_path *circuit = sdm_state_circuit(ledger, path->compute_no, path->brick_no);

    g_assert(circuit != NULL && circuit->n_users >= path->n_users &&
             circuit->bandwidth_mbps >= path->bandwidth_mbps);
    circuit->n_users -= path->n_users;
    circuit->bandwidth_mbps -= path->bandwidth_mbps;
    sdm_ports_claim_bandwidth(&ledger->ports, circuit, -path->bandwidth_mbps);
    /* Who made it takes it away, unless another claim shares it meanwhile; then the last of those
     * does. */
    circuit->shared = circuit->shared && path->shared;
    if (!circuit->shared && circuit->n_users == 0) {
        sdm_state_remove_circuit(ledger, circuit);
    }
}

static bool claim_extent(struct sdm_ledger *ledger, const struct sdm_plan *plan,
                         const struct sdm_extent *extent, GError **error)
{
    if (!check_brick(ledger, plan, extent->brick_no, error)) {
        return false;
    }
    if (!sdm_state_is(ledger, extent->brick_no, SDM_DEVICE_KIND_MEMORY) ||
        !sdm_extents_take(&sdm_state_brick(ledger, extent->brick_no)->free, extent->offset_bytes,
                          extent->size_bytes)) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE,
                          "%" PRIu64 " bytes at %" PRIu64 " of brick '%s' are no longer free",
                          extent->size_bytes, extent->offset_bytes,
                          name_of(ledger, extent->brick_no));
    }
    ledger->free_bytes -= extent->size_bytes;
    sdm_state_refresh(ledger, extent->brick_no);
    return true;
}

static void give_extent(struct sdm_ledger *ledger, const struct sdm_extent *extent)
{
    bool given = sdm_ledger_free_extent(ledger, extent);

    g_assert(given);
}

static bool claim_accelerator(struct sdm_ledger *ledger, const struct sdm_plan *plan,
                              GError **error)
{
    if (plan->accelerator_no == 0) {
        return true;
    }
    if (!check_brick(ledger, plan, plan->accelerator_no, error)) {
        return false;
    }
    if (sdm_ledger_holder(ledger, plan->accelerator_no) != 0 ||
        !sdm_ledger_add_holder(ledger, plan->accelerator_no, plan->compute_no, NULL)) {
        return sdm_refuse(error, SDM_ERROR_PLAN_STALE, "accelerator '%s' is no longer free",
                          name_of(ledger, plan->accelerator_no));
    }
    return true;
}

/* Gives back the first 'n_paths' paths and 'n_segments' segments of a plan. */
static void give_back(struct sdm_ledger *ledger, const struct sdm_plan *plan, uint32_t n_paths,
                      uint32_t n_segments)
{
    while (n_segments > 0) {
        give_extent(ledger, &plan->segments[--n_segments].extent);
    }
    while (n_paths > 0) {
        unclaim_path(ledger, &plan->paths[--n_paths]);
    }
}

bool sdm_ledger_claim(struct sdm_ledger *ledger, const struct sdm_plan *plan, GError **error)
{
    uint32_t n_paths = 0;
    uint32_t n_segments = 0;

    if (!check_brick(ledger, plan, plan->compute_no, error)) {
        return false;
    }
    while (n_paths < plan->n_paths && claim_path(ledger, plan, &plan->paths[n_paths], error)) {
        n_paths++;
    }
    while (n_paths == plan->n_paths && n_segments < plan->n_segments &&
           claim_extent(ledger, plan, &plan->segments[n_segments].extent, error)) {
        n_segments++;
    }
    if (n_paths == plan->n_paths && n_segments == plan->n_segments &&
        claim_accelerator(ledger, plan, error)) {
        return true;
    }
    give_back(ledger, plan, n_paths, n_segments);
    return false;
}

void sdm_ledger_unclaim(struct sdm_ledger *ledger, const struct sdm_plan *plan)
{
    if (plan->accelerator_no != 0) {
        sdm_ledger_free_holder(ledger, plan->accelerator_no);
    }
    give_back(ledger, plan, plan->n_paths, plan->n_segments);
}

bool sdm_ledger_free_extent(struct sdm_ledger *ledger, const struct sdm_extent *extent)
{
    struct sdm_brick *brick;

    if (!sdm_state_is(ledger, extent->brick_no, SDM_DEVICE_KIND_MEMORY)) {
        return false;
    }
    brick = sdm_state_brick(ledger, extent->brick_no);
    if (extent->size_bytes == 0 || extent->offset_bytes > brick->capacity_bytes ||
        extent->size_bytes > brick->capacity_bytes - extent->offset_bytes ||
        !sdm_extents_give(&brick->free, extent->offset_bytes, extent->size_bytes)) {
        return false;
    }
    ledger->free_bytes += extent->size_bytes;
    sdm_state_refresh(ledger, extent->brick_no);
    return true;
}

static struct sdm_path *find_circuit(const struct sdm_ledger *ledger, int32_t compute_no,
                                     int32_t brick_no)
{
    return sdm_state_is(ledger, compute_no, SDM_DEVICE_KIND_COMPUTE)
               ? sdm_state_circuit(ledger, compute_no, brick_no)
               : NULL;
}

bool sdm_ledger_leave_circuit(struct sdm_ledger *ledger, int32_t compute_no, int32_t brick_no,
                              int32_t n_users, int32_t bandwidth_mbps)
{
    struct sdm_path *circuit = find_circuit(ledger, compute_no, brick_no);

    if (circuit == NULL || n_users > circuit->n_users || bandwidth_mbps > circuit->bandwidth_mbps) {
        return false;
    }
    circuit->n_users -= n_users;
    circuit->bandwidth_mbps -= bandwidth_mbps;
    /* Who leaves was committed, so the circuit is in the database. */
    circuit->shared = true;
    sdm_ports_claim_bandwidth(&ledger->ports, circuit, -bandwidth_mbps);
    return true;
}

bool sdm_ledger_drop_circuit(struct sdm_ledger *ledger, int32_t compute_no, int32_t brick_no)
{
    struct sdm_path *circuit = find_circuit(ledger, compute_no, brick_no);

    if (circuit == NULL || circuit->n_users > 0) {
        return false;
    }
    sdm_state_remove_circuit(ledger, circuit);
    return true;
}

bool sdm_ledger_circuit(const struct sdm_ledger *ledger, int32_t compute_no, int32_t brick_no,
                        struct sdm_path *path)
{
    const struct sdm_path *circuit = find_circuit(ledger, compute_no, brick_no);

    if (circuit == NULL) {
        return false;
    }
    sdm_state_copy_circuit(circuit, path);
    return true;
}

bool sdm_ledger_allocate_window(struct sdm_ledger *ledger, int32_t compute_no, uint64_t size_bytes,
                                struct sdm_window *window, GError **error)
{
    const struct sdm_node *node = sdm_layout_node(ledger->topology, compute_no);
    struct sdm_window found = {.compute_no = compute_no};
    struct sdm_compute *compute;

    if (node == NULL) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no brick has number %d", compute_no);
    }
    if (node->kind != SDM_DEVICE_KIND_COMPUTE) {
        return sdm_refuse(error, SDM_ERROR_WRONG_KIND, "'%s' is not a compute brick but %s",
                          name_of(ledger, compute_no), sdm_device_kind_name(node->kind));
    }
    compute = sdm_state_compute(ledger, compute_no);
    if (!sdm_windows_find(&compute->windows, size_bytes, ledger->unit_bytes, &found)) {
        return sdm_refuse(
            error, SDM_ERROR_NO_WINDOW,
            "need a window of %" PRIu64 " bytes on compute brick '%s', %d of %d entries are taken",
            size_bytes, name_of(ledger, compute_no), compute->windows.n, SDM_WINDOW_N_ENTRIES);
    }
    sdm_windows_add(&compute->windows, &found);
    ledger->n_windows++;
    *window = found;
    return true;
}

bool sdm_ledger_free_window(struct sdm_ledger *ledger, int32_t compute_no, int32_t entry)
{
    if (!sdm_state_is(ledger, compute_no, SDM_DEVICE_KIND_COMPUTE) ||
        !sdm_windows_remove(&sdm_state_compute(ledger, compute_no)->windows, entry)) {
        return false;
    }
    ledger->n_windows--;
    return true;
}

static int32_t *holder_of(const struct sdm_ledger *ledger, int32_t accelerator_no)
{
    return sdm_state_is(ledger, accelerator_no, SDM_DEVICE_KIND_ACCELERATOR)
               ? &ledger->holders[ledger->topology->nodes[accelerator_no].position]
               : NULL;
}

int32_t sdm_ledger_holder(const struct sdm_ledger *ledger, int32_t accelerator_no)
{
    const int32_t *holder = holder_of(ledger, accelerator_no);

    return holder != NULL ? *holder : 0;
}

bool sdm_ledger_free_holder(struct sdm_ledger *ledger, int32_t accelerator_no)
{
    int32_t *holder = holder_of(ledger, accelerator_no);

    if (holder == NULL || *holder == 0) {
        return false;
    }
    *holder = 0;
    ledger->n_holders--;
    sdm_state_refresh(ledger, accelerator_no);
    return true;
}

void sdm_ledger_set_power(struct sdm_ledger *ledger, int32_t device_no, enum sdm_power_state want,
                          enum sdm_power_state have)
{
    if (sdm_layout_node(ledger->topology, device_no) != NULL) {
        ledger->uses[device_no].want_power = (uint8_t)want;
        ledger->uses[device_no].have_power = (uint8_t)have;
        sdm_state_refresh(ledger, device_no);
    }
}

void sdm_ledger_set_state(struct sdm_ledger *ledger, int32_t device_no, enum sdm_brick_state state)
{
    const struct sdm_node *node = sdm_layout_node(ledger->topology, device_no);

    if (node != NULL) {
        if (sdm_device_kind_is_switch(node->kind)) {
            ledger->n_switches_down += (state != SDM_BRICK_STATE_ACTIVE) -
                                       (ledger->uses[device_no].state != SDM_BRICK_STATE_ACTIVE);
        }
        ledger->uses[device_no].state = (uint8_t)state;
        sdm_state_refresh(ledger, device_no);
    }
}
