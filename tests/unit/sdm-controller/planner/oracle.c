#include "oracle.h"

#include <inttypes.h>
#include <string.h>

static uint64_t n_units(const struct oracle *oracle, int32_t device_no)
{
    return oracle_device(oracle, device_no)->capacity_bytes / oracle->spec->segment_unit_bytes;
}

struct oracle *oracle_new(const struct sdm_topology_spec *spec)
{
    struct oracle *oracle = g_new0(struct oracle, 1);

    oracle->spec = spec;
    oracle->taken = g_new0(bool *, spec->n_devices + 1);
    oracle->inactive = g_new0(bool, spec->n_devices + 1);
    oracle->off = g_new0(bool, spec->n_devices + 1);
    oracle->circuits = g_array_new(FALSE, TRUE, sizeof(struct sdm_path));
    for (size_t i = 0; i < spec->n_devices; i++) {
        int32_t no = spec->devices[i].device_no;

        oracle->taken[no] = g_new0(bool, n_units(oracle, no) + 1);
        oracle->inactive[no] = spec->devices[i].state != SDM_BRICK_STATE_ACTIVE;
        oracle->off[no] = spec->devices[i].want_power == SDM_POWER_STATE_OFF;
    }
    return oracle;
}

void oracle_free(struct oracle *oracle)
{
    for (size_t i = 0; i <= oracle->spec->n_devices; i++) {
        g_free(oracle->taken[i]);
    }
    g_free(oracle->taken);
    g_free(oracle->inactive);
    g_free(oracle->off);
    g_array_unref(oracle->circuits);
    g_free(oracle);
}

const struct sdm_device *oracle_device(const struct oracle *oracle, int32_t device_no)
{
    return &oracle->spec->devices[device_no - 1];
}

static int32_t rack_of(const struct oracle *oracle, int32_t device_no)
{
    return oracle->spec->trays[oracle_device(oracle, device_no)->tray_no - 1].rack_no;
}

enum sdm_latency_class oracle_distance(const struct oracle *oracle, int32_t a, int32_t b)
{
    if (oracle_device(oracle, a)->tray_no == oracle_device(oracle, b)->tray_no) {
        return SDM_LATENCY_CLASS_TRAY;
    }
    return rack_of(oracle, a) == rack_of(oracle, b) ? SDM_LATENCY_CLASS_RACK
                                                    : SDM_LATENCY_CLASS_INTER_RACK;
}

static const struct sdm_link *link_at(const struct oracle *oracle, struct sdm_port_ref port,
                                      struct sdm_port_ref *far)
{
    for (size_t i = 0; i < oracle->spec->n_links; i++) {
        const struct sdm_link *link = &oracle->spec->links[i];

        if (link->a.device_no == port.device_no && link->a.port == port.port) {
            *far = link->b;
            return link;
        }
        if (link->b.device_no == port.device_no && link->b.port == port.port) {
            *far = link->a;
            return link;
        }
    }
    return NULL;
}

static bool is_switch(const struct oracle *oracle, int32_t device_no)
{
    return oracle_device(oracle, device_no)->kind >= SDM_DEVICE_KIND_ELECTRICAL;
}

static bool is_exclusive(const struct oracle *oracle, struct sdm_port_ref port)
{
    struct sdm_port_ref far;

    return oracle_device(oracle, port.device_no)->kind == SDM_DEVICE_KIND_OPTICAL ||
           (link_at(oracle, port, &far) != NULL && !is_switch(oracle, far.device_no));
}

/* The peer of an exclusive port, -1 when it has none. */
static int32_t peer_of(const struct oracle *oracle, struct sdm_port_ref port)
{
    for (guint i = 0; i < oracle->circuits->len; i++) {
        const struct sdm_path *path = &g_array_index(oracle->circuits, struct sdm_path, i);

        if ((path->compute_no == port.device_no && path->compute_port == port.port) ||
            (path->brick_no == port.device_no && path->brick_port == port.port)) {
            return port.port;
        }
        for (int32_t k = 0; k < path->n_hops; k++) {
            if (path->hops[k].switch_no != port.device_no) {
                continue;
            }
            if (path->hops[k].in_port == port.port) {
                return path->hops[k].out_port;
            }
            if (path->hops[k].out_port == port.port) {
                return path->hops[k].in_port;
            }
        }
    }
    return -1;
}

static int64_t left_mbps(const struct oracle *oracle, const struct sdm_link *link)
{
    int64_t left = link->bandwidth_mbps;

    for (guint i = 0; i < oracle->circuits->len; i++) {
        const struct sdm_path *path = &g_array_index(oracle->circuits, struct sdm_path, i);
        struct sdm_port_ref port = {path->compute_no, path->compute_port};

        for (int32_t k = 0; k <= path->n_hops; k++) {
            struct sdm_port_ref far;

            if (link_at(oracle, port, &far) == link) {
                left -= path->bandwidth_mbps;
            }
            port = k < path->n_hops
                       ? (struct sdm_port_ref){path->hops[k].switch_no, path->hops[k].out_port}
                       : port;
        }
    }
    return left;
}

/* One cable of a path: joined, and wide enough. */
static char *check_cable(const struct oracle *oracle, struct sdm_port_ref from,
                         struct sdm_port_ref to, int32_t bandwidth_mbps)
{
    struct sdm_port_ref far;
    const struct sdm_link *link = link_at(oracle, from, &far);

    if (link == NULL || far.device_no != to.device_no || far.port != to.port) {
        return g_strdup_printf("no cable from %d/%d to %d/%d", from.device_no, from.port,
                               to.device_no, to.port);
    }
    return left_mbps(oracle, link) < bandwidth_mbps
               ? g_strdup_printf("cable at %d/%d is too narrow", from.device_no, from.port)
               : NULL;
}

static char *check_hop(const struct oracle *oracle, const struct sdm_hop *hop)
{
    struct sdm_port_ref in = {hop->switch_no, hop->in_port};
    struct sdm_port_ref out = {hop->switch_no, hop->out_port};
    int32_t in_peer = peer_of(oracle, in);
    int32_t out_peer = peer_of(oracle, out);

    if (!is_switch(oracle, hop->switch_no) || oracle->inactive[hop->switch_no]) {
        return g_strdup_printf("hop over %d", hop->switch_no);
    }
    if (hop->in_exclusive != is_exclusive(oracle, in) ||
        hop->out_exclusive != is_exclusive(oracle, out)) {
        return g_strdup_printf("hop over %d is marked wrongly", hop->switch_no);
    }
    if ((hop->in_exclusive && in_peer >= 0 && in_peer != hop->out_port) ||
        (hop->out_exclusive && out_peer >= 0 && out_peer != hop->in_port)) {
        return g_strdup_printf("hop over %d: ports %d and %d have other peers", hop->switch_no,
                               hop->in_port, hop->out_port);
    }
    return NULL;
}

static char *check_new_path(const struct oracle *oracle, const struct sdm_path *path)
{
    struct sdm_port_ref from = {path->compute_no, path->compute_port};
    struct sdm_port_ref to = {path->brick_no, path->brick_port};
    char *wrong;

    if (oracle_circuit(oracle, path->compute_no, path->brick_no) != NULL ||
        peer_of(oracle, from) >= 0 || peer_of(oracle, to) >= 0) {
        return g_strdup_printf("circuit %d to %d: port or pair is taken", path->compute_no,
                               path->brick_no);
    }
    for (int32_t i = 0; i < path->n_hops; i++) {
        wrong = check_hop(oracle, &path->hops[i]);
        if (wrong == NULL) {
            wrong = check_cable(
                oracle, from, (struct sdm_port_ref){path->hops[i].switch_no, path->hops[i].in_port},
                path->bandwidth_mbps);
        }
        if (wrong != NULL) {
            return wrong;
        }
        from = (struct sdm_port_ref){path->hops[i].switch_no, path->hops[i].out_port};
    }
    return check_cable(oracle, from, to, path->bandwidth_mbps);
}

static bool can_share(const struct oracle *oracle, const struct sdm_path *circuit,
                      int32_t bandwidth_mbps)
{
    struct sdm_port_ref port = {circuit->compute_no, circuit->compute_port};

    for (int32_t k = 0; k <= circuit->n_hops; k++) {
        struct sdm_port_ref far;

        if (left_mbps(oracle, link_at(oracle, port, &far)) < bandwidth_mbps) {
            return false;
        }
        if (k < circuit->n_hops) {
            if (oracle->inactive[circuit->hops[k].switch_no]) {
                return false;
            }
            port = (struct sdm_port_ref){circuit->hops[k].switch_no, circuit->hops[k].out_port};
        }
    }
    return true;
}

static char *check_path(struct oracle *oracle, const struct sdm_plan_request *request,
                        const struct sdm_plan *plan, const struct sdm_path *path)
{
    const struct sdm_path *circuit;
    int32_t n_users = 0;

    for (uint32_t i = 0; i < plan->n_segments; i++) {
        n_users += plan->segments[i].extent.brick_no == path->brick_no;
    }
    if (path->compute_no != plan->compute_no || path->bandwidth_mbps != request->bandwidth_mbps ||
        path->n_users != n_users) {
        return g_strdup("path of another request");
    }
    if (!path->shared) {
        return check_new_path(oracle, path);
    }
    circuit = oracle_circuit(oracle, path->compute_no, path->brick_no);
    return circuit == NULL || !can_share(oracle, circuit, path->bandwidth_mbps)
               ? g_strdup("shares a circuit that cannot be shared")
               : NULL;
}

static char *check_segment(const struct oracle *oracle, const struct sdm_plan_request *request,
                           const struct sdm_plan *plan, uint32_t i)
{
    const struct sdm_plan_segment *segment = &plan->segments[i];
    const struct sdm_extent *extent = &segment->extent;
    uint64_t unit = oracle->spec->segment_unit_bytes;
    enum sdm_latency_class distance = oracle_distance(oracle, plan->compute_no, extent->brick_no);

    if (extent->size_bytes == 0 || extent->offset_bytes % unit != 0 ||
        extent->size_bytes % unit != 0 ||
        extent->offset_bytes + extent->size_bytes >
            oracle_device(oracle, extent->brick_no)->capacity_bytes) {
        return g_strdup_printf("segment %u is crooked", i);
    }
    for (uint64_t k = 0; k < extent->size_bytes / unit; k++) {
        if (oracle->taken[extent->brick_no][extent->offset_bytes / unit + k]) {
            return g_strdup_printf("segment %u is taken", i);
        }
    }
    if (distance != segment->latency_class || distance > request->latency_class ||
        distance > plan->latency_class) {
        return g_strdup_printf("segment %u is too far", i);
    }
    if (oracle->inactive[extent->brick_no] || segment->path >= plan->n_paths ||
        plan->paths[segment->path].brick_no != extent->brick_no) {
        return g_strdup_printf("segment %u cannot be reached", i);
    }
    if (i > 0 && sdm_extent_compare(&plan->segments[i - 1].extent, extent) >= 0) {
        return g_strdup_printf("segment %u is out of order", i);
    }
    return i > 0 && sdm_extent_overlaps(&plan->segments[i - 1].extent, extent)
               ? g_strdup_printf("segment %u overlaps", i)
               : NULL;
}

static bool is_woken(const struct sdm_plan *plan, int32_t device_no)
{
    for (uint32_t i = 0; i < plan->n_wakes; i++) {
        if (plan->wakes[i].device_no == device_no) {
            return true;
        }
    }
    return false;
}

static char *check_wakes(const struct oracle *oracle, const struct sdm_plan *plan)
{
    uint32_t n_off = oracle->off[plan->compute_no];

    for (uint32_t i = 0; i < plan->n_paths; i++) {
        bool off = oracle->off[plan->paths[i].brick_no];

        n_off += off;
        if (off != is_woken(plan, plan->paths[i].brick_no)) {
            return g_strdup_printf("brick %d is off: %d", plan->paths[i].brick_no, off);
        }
    }
    return n_off == plan->n_wakes ? NULL : g_strdup("wakes too many");
}

char *oracle_check_plan(struct oracle *oracle, const struct sdm_plan_request *request,
                        const struct sdm_plan *plan, uint64_t max_segment_bytes,
                        uint32_t max_segments)
{
    struct oracle so_far = *oracle;
    uint64_t sum = 0;
    char *wrong = NULL;

    for (uint32_t i = 0; i < plan->n_segments && wrong == NULL; i++) {
        wrong = check_segment(oracle, request, plan, i);
        sum += plan->segments[i].extent.size_bytes;
        if (wrong == NULL && request->mode == SDM_MODE_VM &&
            plan->segments[i].extent.size_bytes > max_segment_bytes) {
            wrong = g_strdup_printf("segment %u is larger than a DIMM", i);
        }
    }
    if (wrong == NULL &&
        (sum != request->size_bytes || sum != plan->size_bytes || plan->n_segments > max_segments ||
         (request->contiguous && plan->n_segments != 1))) {
        wrong = g_strdup_printf("%" PRIu64 " bytes in %u segments", sum, plan->n_segments);
    }
    /* Paths are checked in a copy of the circuits that grows, as a claim would have it. */
    so_far.circuits = g_array_copy(oracle->circuits);
    for (uint32_t i = 0; i < plan->n_paths && wrong == NULL; i++) {
        wrong = check_path(&so_far, request, plan, &plan->paths[i]);
        if (!plan->paths[i].shared) {
            g_array_append_val(so_far.circuits, plan->paths[i]);
        } else if (wrong == NULL) {
            oracle_circuit(&so_far, plan->paths[i].compute_no, plan->paths[i].brick_no)
                ->bandwidth_mbps += plan->paths[i].bandwidth_mbps;
        }
    }
    g_array_unref(so_far.circuits);
    return wrong != NULL ? wrong : check_wakes(oracle, plan);
}

static void mark(struct oracle *oracle, const struct sdm_extent *extent, bool taken)
{
    uint64_t unit = oracle->spec->segment_unit_bytes;

    for (uint64_t k = 0; k < extent->size_bytes / unit; k++) {
        oracle->taken[extent->brick_no][extent->offset_bytes / unit + k] = taken;
    }
}

void oracle_claim(struct oracle *oracle, const struct sdm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        mark(oracle, &plan->segments[i].extent, true);
    }
    for (uint32_t i = 0; i < plan->n_paths; i++) {
        struct sdm_path *circuit =
            oracle_circuit(oracle, plan->compute_no, plan->paths[i].brick_no);

        if (circuit == NULL) {
            g_array_append_val(oracle->circuits, plan->paths[i]);
        } else {
            circuit->bandwidth_mbps += plan->paths[i].bandwidth_mbps;
            circuit->n_users += plan->paths[i].n_users;
        }
    }
}

void oracle_free_extent(struct oracle *oracle, const struct sdm_extent *extent)
{
    mark(oracle, extent, false);
}

struct sdm_path *oracle_circuit(const struct oracle *oracle, int32_t compute_no, int32_t brick_no)
{
    for (guint i = 0; i < oracle->circuits->len; i++) {
        struct sdm_path *path = &g_array_index(oracle->circuits, struct sdm_path, i);

        if (path->compute_no == compute_no && path->brick_no == brick_no) {
            return path;
        }
    }
    return NULL;
}

void oracle_drop_circuit(struct oracle *oracle, int32_t compute_no, int32_t brick_no)
{
    struct sdm_path *path = oracle_circuit(oracle, compute_no, brick_no);

    g_array_remove_index(oracle->circuits,
                         (guint)(path - (struct sdm_path *)(void *)oracle->circuits->data));
}

uint64_t oracle_free_bytes(const struct oracle *oracle, int32_t brick_no)
{
    uint64_t n = 0;

    for (uint64_t i = 0; i < n_units(oracle, brick_no); i++) {
        n += !oracle->taken[brick_no][i];
    }
    return n * oracle->spec->segment_unit_bytes;
}

uint64_t oracle_largest_bytes(const struct oracle *oracle, int32_t brick_no)
{
    uint64_t largest = 0;
    uint64_t run = 0;

    for (uint64_t i = 0; i < n_units(oracle, brick_no); i++) {
        run = oracle->taken[brick_no][i] ? 0 : run + 1;
        largest = MAX(largest, run);
    }
    return largest * oracle->spec->segment_unit_bytes;
}

/* Depth-first over ports not yet passed, every port at most once. */
static bool search(const struct oracle *oracle, struct sdm_port_ref from, int32_t brick_no,
                   int32_t bandwidth_mbps, GHashTable *passed, int depth)
{
    struct sdm_port_ref in;
    const struct sdm_link *link = link_at(oracle, from, &in);
    uint64_t key;

    if (link == NULL || left_mbps(oracle, link) < bandwidth_mbps || depth > SDM_MAX_HOPS) {
        return false;
    }
    if (in.device_no == brick_no) {
        return peer_of(oracle, in) < 0;
    }
    key = (uint64_t)in.device_no << 16 | (uint32_t)in.port;
    if (!is_switch(oracle, in.device_no) || oracle->inactive[in.device_no] ||
        !g_hash_table_add(passed, (gpointer)(uintptr_t)key)) {
        return false;
    }
    for (int32_t i = 0; i < oracle_device(oracle, in.device_no)->n_ports; i++) {
        struct sdm_port_ref out = {in.device_no, i};
        int32_t in_peer = is_exclusive(oracle, in) ? peer_of(oracle, in) : -1;
        int32_t out_peer = is_exclusive(oracle, out) ? peer_of(oracle, out) : -1;

        if (i != in.port && (in_peer < 0 || in_peer == i) &&
            (out_peer < 0 || out_peer == in.port) &&
            search(oracle, out, brick_no, bandwidth_mbps, passed, depth + 1)) {
            return true;
        }
    }
    return false;
}

bool oracle_reaches(const struct oracle *oracle, int32_t compute_no, int32_t brick_no,
                    int32_t bandwidth_mbps)
{
    const struct sdm_path *circuit = oracle_circuit(oracle, compute_no, brick_no);

    if (circuit != NULL) {
        return can_share(oracle, circuit, bandwidth_mbps);
    }
    for (int32_t i = 0; i < oracle_device(oracle, compute_no)->n_ports; i++) {
        struct sdm_port_ref port = {compute_no, i};
        g_autoptr(GHashTable) passed = g_hash_table_new(NULL, NULL);

        if (peer_of(oracle, port) < 0 &&
            search(oracle, port, brick_no, bandwidth_mbps, passed, 1)) {
            return true;
        }
    }
    return false;
}
