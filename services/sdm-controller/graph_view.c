#include "sdm-controller/graph_view.h"

#include "lib/base/error.h"

struct view {
    struct sdm_ledger *ledger;
    struct sdm_topology *topology;
    const struct sdm_topology_spec *spec;
    int32_t rack_no;
    struct sdm_json *circuits;
};

static void start(struct view *view, struct sdm_ledger *ledger)
{
    sdm_ledger_lock(ledger);
    view->ledger = ledger;
    view->topology = sdm_topology_ref(sdm_ledger_topology(ledger));
    view->spec = sdm_topology_spec(view->topology);
}

static void end(struct view *view)
{
    sdm_ledger_unlock(view->ledger);
    sdm_topology_unref(view->topology);
}

struct sdm_json *sdm_graph_view_totals(struct sdm_ledger *ledger)
{
    struct sdm_json *object = sdm_json_new_object();
    struct sdm_ledger_totals totals;
    struct view view = {0};

    start(&view, ledger);
    sdm_ledger_totals(ledger, &totals);
    sdm_json_set_integer(object, "n_racks", (int64_t)view.spec->n_racks);
    sdm_json_set_integer(object, "n_trays", (int64_t)view.spec->n_trays);
    sdm_json_set_integer(object, "n_devices", (int64_t)view.spec->n_devices);
    sdm_json_set_integer(object, "n_links", (int64_t)view.spec->n_links);
    sdm_json_set_integer(object, "segment_unit_bytes", (int64_t)view.spec->segment_unit_bytes);
    sdm_json_set_integer(object, "capacity_bytes", (int64_t)totals.capacity_bytes);
    sdm_json_set_integer(object, "free_bytes", (int64_t)totals.free_bytes);
    sdm_json_set_integer(object, "n_circuits", (int64_t)totals.n_circuits);
    sdm_json_set_integer(object, "n_windows", (int64_t)totals.n_windows);
    sdm_json_set_integer(object, "n_holders", (int64_t)totals.n_holders);
    end(&view);
    return object;
}

static bool is_in_rack(const struct view *view, int32_t device_no)
{
    const struct sdm_device *device = sdm_topology_device(view->topology, device_no);

    return device != NULL && device->rack_no == view->rack_no;
}

static void add_device(const struct view *view, const struct sdm_device *device,
                       struct sdm_json *devices)
{
    struct sdm_json *object = sdm_json_append_object(devices);
    const struct sdm_tray *tray = sdm_topology_tray(view->topology, device->tray_no);
    struct sdm_ledger_use use = {0};

    sdm_ledger_use(view->ledger, device->device_no, &use);
    sdm_json_set_string(object, "id", device->id);
    sdm_json_set_string(object, "kind", sdm_device_kind_name(device->kind));
    sdm_json_set_string(object, "tray", tray != NULL ? tray->id : NULL);
    sdm_json_set_string(object, "state", sdm_brick_state_name(use.state));
    sdm_json_set_string(object, "want_power", sdm_power_state_name(use.want_power));
    sdm_json_set_string(object, "have_power", sdm_power_state_name(use.have_power));
    sdm_json_set_integer(object, "n_ports", device->n_ports);
    sdm_json_set_integer(object, "n_ports_used", use.n_ports_used);
    sdm_json_set_integer(object, "n_circuits", use.n_circuits);
    if (device->kind == SDM_DEVICE_KIND_MEMORY) {
        sdm_json_set_integer(object, "free_bytes", (int64_t)use.free_bytes);
        sdm_json_set_integer(object, "used_bytes", (int64_t)use.used_bytes);
        sdm_json_set_integer(object, "largest_free_bytes", (int64_t)use.largest_free_bytes);
    } else if (device->kind == SDM_DEVICE_KIND_COMPUTE) {
        sdm_json_set_integer(object, "n_windows", use.n_windows);
    }
}

static void set_end(const struct view *view, struct sdm_json *link, const char *name,
                    struct sdm_port_ref end)
{
    const struct sdm_device *device = sdm_topology_device(view->topology, end.device_no);

    sdm_json_set_format(link, name, "%s:%d", device->id, end.port);
}

static void add_circuit(const struct sdm_path *path, void *user)
{
    const struct view *view = user;
    struct sdm_json *object;
    struct sdm_json *hops;

    if (!is_in_rack(view, path->compute_no) && !is_in_rack(view, path->brick_no)) {
        return;
    }
    object = sdm_json_append_object(view->circuits);
    set_end(view, object, "compute", (struct sdm_port_ref){path->compute_no, path->compute_port});
    set_end(view, object, "brick", (struct sdm_port_ref){path->brick_no, path->brick_port});
    sdm_json_set_integer(object, "n_users", path->n_users);
    sdm_json_set_integer(object, "bandwidth_mbps", path->bandwidth_mbps);
    hops = sdm_json_set_list(object, "hops");
    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];
        struct sdm_json *item = sdm_json_append_object(hops);

        sdm_json_set_string(item, "switch",
                            sdm_topology_device(view->topology, hop->switch_no)->id);
        sdm_json_set_integer(item, "in_port", hop->in_port);
        sdm_json_set_integer(item, "out_port", hop->out_port);
    }
}

static void add_links(const struct view *view, struct sdm_json *links)
{
    for (size_t i = 0; i < view->spec->n_links; i++) {
        const struct sdm_link *link = &view->spec->links[i];

        if (is_in_rack(view, link->a.device_no) || is_in_rack(view, link->b.device_no)) {
            struct sdm_json *object = sdm_json_append_object(links);

            set_end(view, object, "a", link->a);
            set_end(view, object, "b", link->b);
            sdm_json_set_integer(object, "bandwidth_mbps", link->bandwidth_mbps);
        }
    }
}

struct sdm_json *sdm_graph_view_rack(struct sdm_ledger *ledger, const char *rack, GError **error)
{
    struct sdm_json *object = NULL;
    struct view view = {0};
    const struct sdm_rack *found;

    start(&view, ledger);
    found = sdm_topology_find_rack(view.topology, rack);
    if (found == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no rack '%s'", rack);
    } else {
        struct sdm_json *devices;

        view.rack_no = found->rack_no;
        object = sdm_json_new_object();
        sdm_json_set_string(object, "rack", found->id);
        devices = sdm_json_set_list(object, "devices");
        for (size_t i = 0; i < view.spec->n_devices; i++) {
            if (is_in_rack(&view, view.spec->devices[i].device_no)) {
                add_device(&view, &view.spec->devices[i], devices);
            }
        }
        add_links(&view, sdm_json_set_list(object, "links"));
        view.circuits = sdm_json_set_list(object, "circuits");
        sdm_ledger_each_circuit(ledger, add_circuit, &view);
    }
    end(&view);
    return object;
}
