/* A pod that is in use, as rows for PostgreSQL: hardware of tests/bench/topology.h, and
 * reservations that the planner itself chose, a fifth of them given back again, so that free memory
 * is in pieces. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/topology.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/planner/planner.h"

/* One of so many reservations is given back; compute bricks of one of so many racks have theirs
 * mapped. */
enum { GIVEN_BACK_OF = 5, ATTACHED_OF = 10, SPREAD_OF = 4, MOST_UNITS = 4, MAX_REFUSED = 100000 };

struct output {
    FILE *reservation;
    FILE *segment;
    FILE *attachment;
    FILE *window;
    FILE *carried; /* sdm.segment_circuit */
};

struct holdings {
    uint64_t random;
    const struct sdm_topology_spec *spec;
    const char *folder;
    const char *endpoint;
    struct sdm_topology *topology;
    struct sdm_ledger *ledger;
    struct sdm_planner *planner;
    GArray *compute;
    struct output out;
    uint64_t n_reservations;
    uint64_t n_segments;
    uint64_t n_windows;
    uint64_t used_bytes;
};

/* Each kind of row has numbers of its own; circuits have those of their two ends. */
enum row_kind { RESERVATION = 1, SEGMENT, CIRCUIT, ATTACHMENT, WINDOW };

static const char *uuid(enum row_kind kind, uint64_t high, uint64_t low)
{
    static char texts[4][40];
    static unsigned next;
    char *text = texts[next++ % G_N_ELEMENTS(texts)];

    g_snprintf(text, sizeof texts[0], "%08x-%04x-4%03x-8000-%012" PRIx64, (unsigned)kind,
               (unsigned)(high >> 12) & 0xffff, (unsigned)high & 0xfff, low);
    return text;
}

static const char *circuit_uuid(int32_t compute_no, int32_t brick_no)
{
    return uuid(CIRCUIT, (uint64_t)compute_no, (uint64_t)brick_no);
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* A script for psql that copies rows into a table. */
static FILE *open_table(const struct holdings *holdings, const char *table, const char *columns)
{
    g_autofree char *path = g_strdup_printf("%s/%s.sql", holdings->folder, table);
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        fail(path);
    }
    fprintf(file, "COPY sdm.%s (%s) FROM STDIN;\n", table, columns);
    return file;
}

static void close_table(FILE *file)
{
    fprintf(file, "\\.\n");
    if (fclose(file) != 0) {
        fail("write");
    }
}

/* "\N" for what this kind does not have. */
static const char *number_or_null(bool has, uint64_t value)
{
    static char texts[4][24];
    static unsigned next;
    char *text = texts[next++ % G_N_ELEMENTS(texts)];

    g_snprintf(text, sizeof texts[0], "%" PRIu64, value);
    return has ? text : "\\N";
}

static void write_device(FILE *file, const struct sdm_device *device, const char *endpoint)
{
    bool is_memory = device->kind == SDM_DEVICE_KIND_MEMORY;
    bool is_compute = device->kind == SDM_DEVICE_KIND_COMPUTE;
    bool stands_alone = device->tray_no == 0 && device->rack_no == 0;

    fprintf(file, "%d\t%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%d\t%d\t%d\n", device->device_no,
            device->id, sdm_device_kind_name(device->kind),
            number_or_null(device->tray_no != 0, (uint64_t)device->tray_no),
            number_or_null(device->rack_no != 0, (uint64_t)device->rack_no), device->n_ports,
            stands_alone ? endpoint : "\\N", number_or_null(is_memory, device->capacity_bytes),
            number_or_null(is_memory, device->module),
            number_or_null(is_compute, device->local_bytes), device->idle_mw, device->active_mw,
            device->wake_ms);
}

static void write_places(const struct holdings *holdings)
{
    FILE *pod = open_table(holdings, "pod", "segment_unit_bytes");
    FILE *rack = open_table(holdings, "rack", "rack_no, id, management");
    FILE *tray = open_table(holdings, "tray", "tray_no, rack_no, id");

    fprintf(pod, "%" PRIu64 "\n", holdings->spec->segment_unit_bytes);
    for (size_t i = 0; i < holdings->spec->n_racks; i++) {
        fprintf(rack, "%d\t%s\t%s\n", holdings->spec->racks[i].rack_no, holdings->spec->racks[i].id,
                holdings->endpoint);
    }
    for (size_t i = 0; i < holdings->spec->n_trays; i++) {
        fprintf(tray, "%d\t%d\t%s\n", holdings->spec->trays[i].tray_no,
                holdings->spec->trays[i].rack_no, holdings->spec->trays[i].id);
    }
    close_table(pod);
    close_table(rack);
    close_table(tray);
}

static void write_hardware(const struct holdings *holdings)
{
    const struct sdm_topology_spec *spec = holdings->spec;
    FILE *device = open_table(
        holdings, "device",
        "device_no, id, kind, tray_no, rack_no, n_ports, management, capacity_bytes, module,"
        " local_bytes, idle_mw, active_mw, wake_ms");
    FILE *link = open_table(holdings, "link", "link_no, bandwidth_mbps");
    FILE *port = open_table(holdings, "port", "device_no, port, link_no, side");

    write_places(holdings);
    for (size_t i = 0; i < spec->n_devices; i++) {
        write_device(device, &spec->devices[i], holdings->endpoint);
    }
    for (size_t i = 0; i < spec->n_links; i++) {
        const struct sdm_link *at = &spec->links[i];

        fprintf(link, "%d\t%d\n", at->link_no, at->bandwidth_mbps);
        fprintf(port, "%d\t%d\t%d\ta\n%d\t%d\t%d\tb\n", at->a.device_no, at->a.port, at->link_no,
                at->b.device_no, at->b.port, at->link_no);
    }
    close_table(device);
    close_table(link);
    close_table(port);
}

static bool is_attached(const struct holdings *holdings, int32_t compute_no)
{
    return sdm_topology_device(holdings->topology, compute_no)->device_no * ATTACHED_OF <
           (int32_t)holdings->spec->n_devices;
}

static void write_window(struct holdings *holdings, const struct sdm_plan_segment *segment,
                         int32_t compute_no, uint64_t segment_no)
{
    struct sdm_window window;
    bool found = sdm_ledger_allocate_window(holdings->ledger, compute_no,
                                            segment->extent.size_bytes, &window, NULL);

    g_assert(found);
    fprintf(holdings->out.window,
            "%s\t%s\t%s\t%s\t%d\t%d\t%" PRIu64 "\t%" PRIu64 "\tattached\tattached\t0\tt\tt\n",
            uuid(WINDOW, 0, segment_no), uuid(ATTACHMENT, 0, holdings->n_reservations),
            uuid(SEGMENT, 0, segment_no), circuit_uuid(compute_no, segment->extent.brick_no),
            compute_no, window.entry, window.start_bytes, window.size_bytes);
    holdings->n_windows++;
}

static void write_reservation(struct holdings *holdings, const struct sdm_plan *plan)
{
    const struct output *out = &holdings->out;
    bool attached = is_attached(holdings, plan->compute_no);
    g_autofree char *id = g_strdup(uuid(RESERVATION, 0, ++holdings->n_reservations));

    fprintf(out->reservation,
            "%s\tbench\t%s\thost\t%d\t%s\t%s\t%" PRIu64 "\t%" PRIu64 "\t2099-01-01\n", id,
            attached ? "attached" : "held", plan->compute_no,
            sdm_latency_class_name(plan->latency_class), sdm_policy_name(plan->policy),
            plan->size_bytes, plan->size_bytes);
    if (attached) {
        fprintf(out->attachment, "%s\t%s\t%d\tattached\tattached\n",
                uuid(ATTACHMENT, 0, holdings->n_reservations), id, plan->compute_no);
    }
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_plan_segment *segment = &plan->segments[i];
        uint64_t number = ++holdings->n_segments;

        fprintf(out->segment, "%s\t%s\t%d\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\n",
                uuid(SEGMENT, 0, number), id, segment->extent.brick_no,
                sdm_topology_device(holdings->topology, segment->extent.brick_no)->capacity_bytes,
                segment->extent.offset_bytes, segment->extent.size_bytes,
                sdm_latency_class_name(segment->latency_class));
        fprintf(out->carried, "%s\t%s\n", uuid(SEGMENT, 0, number),
                circuit_uuid(plan->compute_no, segment->extent.brick_no));
        if (attached) {
            write_window(holdings, segment, plan->compute_no, number);
        }
    }
    holdings->used_bytes += plan->size_bytes;
}

static void give_back(struct holdings *holdings, const struct sdm_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_extent *extent = &plan->segments[i].extent;

        sdm_ledger_free_extent(holdings->ledger, extent);
        sdm_ledger_leave_circuit(holdings->ledger, plan->compute_no, extent->brick_no, 1, 0);
        sdm_ledger_drop_circuit(holdings->ledger, plan->compute_no, extent->brick_no);
    }
}

static struct sdm_plan *reserve(struct holdings *holdings)
{
    static const enum sdm_latency_class classes[] = {SDM_LATENCY_CLASS_TRAY, SDM_LATENCY_CLASS_RACK,
                                                     SDM_LATENCY_CLASS_INTER_RACK};
    struct sdm_plan_request request = {
        .compute_nos = {g_array_index(holdings->compute, int32_t,
                                      sdm_bench_below(&holdings->random, holdings->compute->len))},
        .n_compute = 1,
        .size_bytes = (1 + sdm_bench_below(&holdings->random, MOST_UNITS)) *
                      holdings->spec->segment_unit_bytes,
        .latency_class = classes[sdm_bench_below(&holdings->random, G_N_ELEMENTS(classes))],
        .mode = SDM_MODE_VM,
        .policy = sdm_bench_below(&holdings->random, SPREAD_OF) == 0 ? SDM_POLICY_SPREAD
                                                                     : SDM_POLICY_NEAR,
    };
    struct sdm_refusal refusal;
    struct sdm_plan *plan =
        sdm_planner_plan(holdings->planner, holdings->ledger, &request, &refusal, NULL);

    if (plan != NULL && !sdm_ledger_claim(holdings->ledger, plan, NULL)) {
        g_clear_pointer(&plan, sdm_plan_free);
    }
    return plan;
}

/* What is given back goes at the end, out of the middle of what stays. */
static void fill(struct holdings *holdings, uint64_t n_segments)
{
    g_autoptr(GPtrArray) given_back = g_ptr_array_new_with_free_func((GDestroyNotify)sdm_plan_free);
    int n_refused = 0;

    while (holdings->n_segments < n_segments && n_refused < MAX_REFUSED) {
        struct sdm_plan *plan = reserve(holdings);

        if (plan == NULL) {
            n_refused++;
        } else if (sdm_bench_below(&holdings->random, GIVEN_BACK_OF) == 0) {
            g_ptr_array_add(given_back, plan);
        } else {
            write_reservation(holdings, plan);
            sdm_plan_free(plan);
        }
    }
    for (guint i = 0; i < given_back->len; i++) {
        give_back(holdings, g_ptr_array_index(given_back, i));
    }
}

struct circuit_files {
    const struct holdings *holdings;
    FILE *circuit;
    FILE *hop;
    uint64_t n_circuits;
};

static void write_circuit(const struct sdm_path *path, void *user)
{
    struct circuit_files *files = user;
    g_autofree char *id = g_strdup(circuit_uuid(path->compute_no, path->brick_no));
    const char *up = is_attached(files->holdings, path->compute_no) ? "t" : "f";

    fprintf(files->circuit, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", id, path->compute_no,
            path->compute_port, path->brick_no, path->brick_port, path->bandwidth_mbps,
            path->narrowest_mbps, up, up);
    for (int32_t i = 0; i < path->n_hops; i++) {
        const struct sdm_hop *hop = &path->hops[i];

        fprintf(files->hop, "%s\t%d\t%d\t%d\t%d\tt\t%s\n%s\t%d\t%d\t%d\t%d\tf\t%s\n", id, i,
                hop->switch_no, hop->in_port, hop->out_port, hop->in_exclusive ? "t" : "f", id, i,
                hop->switch_no, hop->out_port, hop->in_port, hop->out_exclusive ? "t" : "f");
    }
    files->n_circuits++;
}

static uint64_t write_circuits(const struct holdings *holdings)
{
    struct circuit_files files = {
        .holdings = holdings,
        .circuit =
            open_table(holdings, "circuit",
                       "circuit, compute_no, compute_port, brick_no, brick_port, bandwidth_mbps,"
                       " narrowest_mbps, want_up, have_up"),
        .hop = open_table(holdings, "circuit_hop",
                          "circuit, hop, switch_no, port, peer_port, towards, exclusive"),
    };

    sdm_ledger_each_circuit(holdings->ledger, write_circuit, &files);
    close_table(files.circuit);
    close_table(files.hop);
    return files.n_circuits;
}

static void write_project(const struct holdings *holdings)
{
    FILE *project = open_table(holdings, "project", "project, used_bytes, n_reservations");

    fprintf(project, "bench\t%" PRIu64 "\t%" PRIu64 "\n", holdings->used_bytes,
            holdings->n_reservations);
    close_table(project);
}

static void open_output(struct holdings *holdings)
{
    holdings->out = (struct output){
        .reservation = open_table(
            holdings, "reservation",
            "reservation, project, state, mode, compute_no, latency_class, policy, size_bytes,"
            " requested_bytes, lease_end"),
        .segment =
            open_table(holdings, "segment",
                       "segment, reservation, brick_no, capacity_bytes, offset_bytes, size_bytes,"
                       " latency_class"),
        .attachment =
            open_table(holdings, "attachment", "attachment, reservation, compute_no, want, have"),
        .window = open_table(
            holdings, "netport_window",
            "window_id, attachment, segment, circuit, compute_no, entry, start_bytes, size_bytes,"
            " want, have, generation, offered, settled"),
        .carried = open_table(holdings, "segment_circuit", "segment, circuit"),
    };
}

static void close_output(struct holdings *holdings)
{
    close_table(holdings->out.reservation);
    close_table(holdings->out.segment);
    close_table(holdings->out.attachment);
    close_table(holdings->out.window);
    close_table(holdings->out.carried);
}

static void find_compute(struct holdings *holdings)
{
    holdings->compute = g_array_new(FALSE, FALSE, sizeof(int32_t));
    for (size_t i = 0; i < holdings->spec->n_devices; i++) {
        if (holdings->spec->devices[i].kind == SDM_DEVICE_KIND_COMPUTE) {
            g_array_append_val(holdings->compute, holdings->spec->devices[i].device_no);
        }
    }
}

static void run(struct holdings *holdings, uint64_t n_segments)
{
    struct sdm_planner_params params = SDM_PLANNER_PARAMS_DEFAULT;
    uint64_t n_circuits;

    /* A segment a unit. */
    params.max_segment_bytes = 1;
    holdings->topology = sdm_topology_new(holdings->spec, NULL);
    g_assert(holdings->topology != NULL);
    holdings->ledger = sdm_ledger_new(holdings->topology);
    holdings->planner = sdm_planner_new(&params);
    find_compute(holdings);
    write_hardware(holdings);
    open_output(holdings);
    sdm_ledger_lock(holdings->ledger);
    fill(holdings, n_segments);
    n_circuits = write_circuits(holdings);
    sdm_ledger_unlock(holdings->ledger);
    close_output(holdings);
    write_project(holdings);
    printf("{\"bricks\": %d, \"devices\": %zu, \"links\": %zu, \"reservations\": %" PRIu64
           ", \"segments\": %" PRIu64 ", \"circuits\": %" PRIu64 ", \"windows\": %" PRIu64
           ", \"used_bytes\": %" PRIu64 "}\n",
           (int)holdings->spec->n_racks * 8 * 16, holdings->spec->n_devices,
           holdings->spec->n_links, holdings->n_reservations, holdings->n_segments, n_circuits,
           holdings->n_windows, holdings->used_bytes);
}

int main(int argc, char **argv)
{
    struct sdm_bench_params hardware = SDM_BENCH_PARAMS_DEFAULT;
    struct holdings holdings = {.random = 11};
    g_autoptr(sdm_bench_topology) made = NULL;
    uint64_t n_racks = 0;
    uint64_t n_segments = 0;

    if (argc != 5 || !g_ascii_string_to_unsigned(argv[2], 10, 1, 10000, &n_racks, NULL) ||
        !g_ascii_string_to_unsigned(argv[3], 10, 1, 100000000, &n_segments, NULL)) {
        fprintf(stderr, "usage: %s FOLDER RACKS SEGMENTS HOST:PORT\n", argv[0]);
        return 2;
    }
    hardware.n_racks = (int32_t)n_racks;
    hardware.rack_trunks = 16;
    made = sdm_bench_topology_new(&hardware);
    holdings.spec = sdm_bench_topology_spec(made);
    holdings.folder = argv[1];
    holdings.endpoint = argv[4];
    run(&holdings, n_segments);
    sdm_planner_free(holdings.planner);
    sdm_ledger_free(holdings.ledger);
    sdm_topology_unref(holdings.topology);
    g_array_unref(holdings.compute);
    return 0;
}
