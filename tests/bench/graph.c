/* Three questions to the graph in memory, and the same data and questions as files for a database:
 *
 *     bench-graph RACKS TRAYS QUESTIONS FOLDER
 *
 * capacity: free bytes in the tray, else in the rack, else elsewhere, from a compute brick;
 * configuration: the segments of a reservation, their circuits and every cross-connection;
 * path: a way from a compute brick to a memory brick with something free on each link.
 * The pool is 70 % full.  Writes FOLDER/{brick,link,segment,circuit,hop,question,answer}.tsv and
 * prints one JSON object of times. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/pod.h"
#include "sdm-controller/graph/state.h"
#include "sdm-controller/planner/path.h"

enum { FILL_PERCENT = 70 };

struct question {
    int32_t compute_no;
    uint32_t reservation;
    int32_t brick_no;
};

struct answer {
    uint64_t free_bytes[3];
    uint32_t n_segments;
    uint32_t n_hops;
    /* Switches on the way; -1 for no way. */
    int32_t n_switches;
};

/* The extents that are held, by reservation: what the database has as an index. */
struct reservations {
    struct sdm_bench_held *held;
    /* By reservation: the first of its extents; one more at the end. */
    uint32_t *first;
};

static FILE *open_file(const char *folder, const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s.tsv", folder, name);
    FILE *file = fopen(path, "w");

    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void close_file(FILE *file)
{
    if (ferror(file) != 0 || fclose(file) != 0) {
        perror("bench-graph");
        exit(1);
    }
}

static int by_reservation(const void *a, const void *b)
{
    const struct sdm_bench_held *left = a;
    const struct sdm_bench_held *right = b;

    return (left->plan > right->plan) - (left->plan < right->plan);
}

static void index_reservations(struct sdm_bench_pod *pod, struct reservations *reservations)
{
    guint n = pod->held->len;

    reservations->held = (struct sdm_bench_held *)(void *)pod->held->data;
    qsort(reservations->held, n, sizeof *reservations->held, by_reservation);
    reservations->first = g_new0(uint32_t, pod->n_plans + 2);
    for (guint i = 0, reservation = 0; reservation <= pod->n_plans + 1; reservation++) {
        while (i < n && reservations->held[i].plan < reservation) {
            i++;
        }
        reservations->first[reservation] = i;
    }
}

static uint64_t sum_free(const struct sdm_ledger *ledger, const struct sdm_range *range)
{
    uint64_t sum = 0;

    for (int32_t i = range->first; i < range->end; i++) {
        sum += ledger->briefs[i].free_bytes;
    }
    return sum;
}

static void ask_capacity(const struct sdm_ledger *ledger, int32_t compute_no, struct answer *answer)
{
    const struct sdm_topology *topology = ledger->topology;
    const struct sdm_node *node = &topology->nodes[compute_no];
    uint64_t tray = sum_free(ledger, &topology->trays[node->tray].bricks[SDM_DEVICE_KIND_MEMORY]);
    uint64_t rack = sum_free(ledger, &topology->racks[node->rack].bricks[SDM_DEVICE_KIND_MEMORY]);

    answer->free_bytes[0] = tray;
    answer->free_bytes[1] = rack - tray;
    answer->free_bytes[2] = ledger->free_bytes - rack;
}

/* Copies out what a reply shows. */
static void ask_configuration(const struct sdm_ledger *ledger,
                              const struct reservations *reservations, uint32_t reservation,
                              struct sdm_path *path, struct answer *answer)
{
    answer->n_segments = 0;
    answer->n_hops = 0;
    for (uint32_t i = reservations->first[reservation]; i < reservations->first[reservation + 1];
         i++) {
        const struct sdm_bench_held *held = &reservations->held[i];

        answer->n_segments++;
        if (sdm_ledger_circuit(ledger, held->compute_no, held->extent.brick_no, path)) {
            answer->n_hops += (uint32_t)path->n_hops;
        }
    }
}

static void ask_path(const struct sdm_ledger *ledger, struct sdm_path_search *search,
                     const struct question *question, struct sdm_path *path, struct answer *answer)
{
    sdm_path_begin(search, ledger, question->compute_no, 0);
    answer->n_switches =
        sdm_path_find(search, question->brick_no, path) ? (int32_t)path->n_hops : -1;
}

static void write_bricks(const struct sdm_bench_pod *pod, const char *folder)
{
    FILE *file = open_file(folder, "brick");

    for (int32_t i = 1; i < pod->ledger->topology->n_nodes; i++) {
        const struct sdm_node *node = &pod->ledger->topology->nodes[i];
        uint64_t free_bytes = node->kind == SDM_DEVICE_KIND_MEMORY
                                  ? sdm_state_brick(pod->ledger, i)->free.free_bytes
                                  : 0;

        fprintf(file, "%d\t%s\t%d\t%d\t%d\t%" PRIu64 "\n", i,
                sdm_device_kind_name((enum sdm_device_kind)node->kind), node->level, node->tray,
                node->rack, free_bytes);
    }
    close_file(file);
}

/* Seen from below; bricks are below their switch.  Usable: something can still go over it. */
static void write_links(const struct sdm_bench_pod *pod, const char *folder)
{
    const struct sdm_topology *topology = pod->ledger->topology;
    FILE *file = open_file(folder, "link");

    for (size_t i = 0; i < pod->spec->n_links; i++) {
        const struct sdm_link *link = &pod->spec->links[i];
        const struct sdm_node *a = &topology->nodes[link->a.device_no];
        const struct sdm_node *b = &topology->nodes[link->b.device_no];
        bool a_is_below =
            !sdm_device_kind_is_switch((enum sdm_device_kind)a->kind) ||
            (sdm_device_kind_is_switch((enum sdm_device_kind)b->kind) && a->level < b->level);
        const struct sdm_port_ref *low = a_is_below ? &link->a : &link->b;
        const struct sdm_port_ref *high = a_is_below ? &link->b : &link->a;
        uint32_t port = sdm_ports_number(&topology->nodes[high->device_no], high->port);

        fprintf(file, "%d\t%d\t%d\t%d\t%d\t%s\n", link->link_no, low->device_no, low->port,
                high->device_no, high->port,
                pod->ledger->ports.uses[port].n_circuits == 0 ? "t" : "f");
    }
    close_file(file);
}

static void write_segments(const struct reservations *reservations, guint n, const char *folder)
{
    FILE *file = open_file(folder, "segment");

    for (guint i = 0; i < n; i++) {
        const struct sdm_bench_held *held = &reservations->held[i];

        fprintf(file, "%u\t%d\t%d\t%" PRIu64 "\t%" PRIu64 "\n", held->plan, held->compute_no,
                held->extent.brick_no, held->extent.offset_bytes, held->extent.size_bytes);
    }
    close_file(file);
}

struct circuit_files {
    FILE *circuits;
    FILE *hops;
};

static void write_circuit(const struct sdm_path *path, void *user)
{
    struct circuit_files *files = user;

    fprintf(files->circuits, "%d\t%d\t%d\t%d\n", path->compute_no, path->brick_no,
            path->compute_port, path->brick_port);
    for (int32_t i = 0; i < path->n_hops; i++) {
        fprintf(files->hops, "%d\t%d\t%d\t%d\t%d\t%d\n", path->compute_no, path->brick_no, i,
                path->hops[i].switch_no, path->hops[i].in_port, path->hops[i].out_port);
    }
}

static void write_circuits(const struct sdm_bench_pod *pod, const char *folder)
{
    struct circuit_files files = {open_file(folder, "circuit"), open_file(folder, "hop")};

    sdm_ledger_each_circuit(pod->ledger, write_circuit, &files);
    close_file(files.circuits);
    close_file(files.hops);
}

static struct question *make_questions(struct sdm_bench_pod *pod,
                                       const struct reservations *reservations, size_t n)
{
    struct question *questions = g_new0(struct question, n);
    const struct sdm_topology *topology = pod->ledger->topology;
    uint64_t n_memory = (uint64_t)topology->n_of_kind[SDM_DEVICE_KIND_MEMORY];

    for (size_t i = 0; i < n; i++) {
        uint64_t compute = sdm_bench_below(&pod->random, pod->compute->len);
        uint64_t held = sdm_bench_below(&pod->random, pod->held->len);
        uint64_t memory = sdm_bench_below(&pod->random, n_memory);

        questions[i] = (struct question){g_array_index(pod->compute, int32_t, compute),
                                         reservations->held[held].plan,
                                         topology->order[SDM_DEVICE_KIND_MEMORY][memory]};
    }
    return questions;
}

static void print_times(const char *name, int64_t *took_ns, size_t n, const char *end)
{
    sdm_bench_sort(took_ns, (int64_t)n);
    printf("\"%s\": {\"p50_us\": %.3f, \"p99_us\": %.3f}%s", name,
           sdm_bench_percentile_us(took_ns, (int64_t)n, 50),
           sdm_bench_percentile_us(took_ns, (int64_t)n, 99), end);
}

static void ask(struct sdm_bench_pod *pod, const struct reservations *reservations,
                const struct question *questions, size_t n, struct answer *answers)
{
    g_autofree int64_t *capacity_ns = g_new0(int64_t, n);
    g_autofree int64_t *configuration_ns = g_new0(int64_t, n);
    g_autofree int64_t *path_ns = g_new0(int64_t, n);
    struct sdm_path_search search = {0};
    struct sdm_path path;

    /* One kind after the other, as a database is asked. */
    for (size_t i = 0; i < n; i++) {
        int64_t start = sdm_bench_now_ns();

        ask_capacity(pod->ledger, questions[i].compute_no, &answers[i]);
        capacity_ns[i] = sdm_bench_now_ns() - start;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t start = sdm_bench_now_ns();

        ask_configuration(pod->ledger, reservations, questions[i].reservation, &path, &answers[i]);
        configuration_ns[i] = sdm_bench_now_ns() - start;
    }
    for (size_t i = 0; i < n; i++) {
        int64_t start = sdm_bench_now_ns();

        ask_path(pod->ledger, &search, &questions[i], &path, &answers[i]);
        path_ns[i] = sdm_bench_now_ns() - start;
    }
    sdm_path_done(&search);
    print_times("capacity", capacity_ns, n, ", ");
    print_times("configuration", configuration_ns, n, ", ");
    print_times("path", path_ns, n, "}\n");
}

static void write_questions(const struct question *questions, const struct answer *answers,
                            size_t n, const char *folder)
{
    FILE *question = open_file(folder, "question");
    FILE *answer = open_file(folder, "answer");

    for (size_t i = 0; i < n; i++) {
        fprintf(question, "%zu\t%d\t%u\t%d\n", i, questions[i].compute_no, questions[i].reservation,
                questions[i].brick_no);
        fprintf(answer, "%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%u\t%u\t%d\n",
                answers[i].free_bytes[0], answers[i].free_bytes[1], answers[i].free_bytes[2],
                answers[i].n_segments, answers[i].n_hops, answers[i].n_switches);
    }
    close_file(question);
    close_file(answer);
}

int main(int argc, char **argv)
{
    struct sdm_bench_params hardware = SDM_BENCH_PARAMS_DEFAULT;
    struct reservations reservations;
    struct sdm_bench_pod pod;
    g_autofree struct question *questions = NULL;
    g_autofree struct answer *answers = NULL;
    int64_t n = argc == 5 ? atoi(argv[3]) : 0;

    if (n < 1 || atoi(argv[1]) < 1 || atoi(argv[2]) < 1) {
        fprintf(stderr, "usage: %s RACKS TRAYS QUESTIONS FOLDER\n", argv[0]);
        return 2;
    }
    hardware.n_racks = atoi(argv[1]);
    hardware.n_trays = atoi(argv[2]);
    hardware.rack_trunks = 16;
    sdm_bench_pod_init(&pod, &hardware, SDM_POLICY_NEAR, SDM_BENCH_MIX_UNIFORM);
    sdm_bench_pod_fill(&pod, FILL_PERCENT);
    index_reservations(&pod, &reservations);
    questions = make_questions(&pod, &reservations, (size_t)n);
    answers = g_new0(struct answer, n);
    write_bricks(&pod, argv[4]);
    write_links(&pod, argv[4]);
    write_segments(&reservations, pod.held->len, argv[4]);
    write_circuits(&pod, argv[4]);
    printf("{\"bricks\": %d, ", hardware.n_racks * hardware.n_trays * 16);
    ask(&pod, &reservations, questions, (size_t)n, answers);
    write_questions(questions, answers, (size_t)n, argv[4]);
    g_free(reservations.first);
    sdm_bench_pod_done(&pod);
    return 0;
}
