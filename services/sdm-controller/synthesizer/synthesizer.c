#include "sdm-controller/synthesizer/synthesizer.h"

#include <pthread.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/circuit_load.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/store/todo.h"
#include "sdm-controller/synthesizer/job.h"

/* Between two tries of a piece whose part is away: first, and at most. */
enum { RETRY_FIRST_MS = 100, RETRY_MAX_MS = 5000 };
/* More pieces than this wait for the next recheck. */
enum { MAX_WAITING = 1024 * 1024 };
/* Every so many rechecks all circuits are looked at. */
enum { RECHECKS_A_ROUND = 6 };

/* One object's piece. */
struct piece {
    struct sdm_work work;
    bool running;
    /* Posted again while it ran. */
    bool again;
    unsigned n_failed;
    struct sdm_synthesizer *synthesizer;
};

struct sdm_synthesizer {
    struct sdm_synthesizer_config config;
    struct sdm_gates *gates;
    struct sdm_strangers *strangers;
    struct sdm_looks *looks;
    struct sdm_silence *silence;
    struct sdm_lane *lane;
    pthread_mutex_t mutex;
    GHashTable *pieces;  /* set of struct piece, guarded by 'mutex' */
    GHashTable *retries; /* piece to its timer's GSource, guarded by 'mutex' */
    bool stopping;       /* guarded by 'mutex' */
    /* Of the one who rechecks. */
    unsigned n_rechecks;
};

struct worker {
    struct sdm_synthesizer *synthesizer;
    struct sdm_pg *pg;
};

static guint hash_piece(gconstpointer key)
{
    const struct piece *piece = key;

    return g_str_hash(piece->work.id) * 31 + (guint)piece->work.device_no * 7 +
           (guint)piece->work.kind;
}

static gboolean equal_pieces(gconstpointer left, gconstpointer right)
{
    const struct piece *a = left;
    const struct piece *b = right;

    return a->work.kind == b->work.kind && a->work.device_no == b->work.device_no &&
           strcmp(a->work.id, b->work.id) == 0;
}

const struct sdm_synthesizer_config *
sdm_synthesizer_get_config(const struct sdm_synthesizer *synthesizer)
{
    return &synthesizer->config;
}

struct sdm_strangers *sdm_synthesizer_get_strangers(struct sdm_synthesizer *synthesizer)
{
    return synthesizer->strangers;
}

struct sdm_looks *sdm_synthesizer_get_looks(struct sdm_synthesizer *synthesizer)
{
    return synthesizer->looks;
}

static bool run_piece(struct worker *worker, const struct sdm_work *work, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_synthesizer_config *config = &worker->synthesizer->config;
    struct sdm_job job = {
        .config = config,
        .settler = {config->ledger, config->sink},
        .gates = worker->synthesizer->gates,
        .silence = worker->synthesizer->silence,
        .looks = worker->synthesizer->looks,
        .pg = worker->pg,
        .arena = arena,
    };

    switch (work->kind) {
    case SDM_WORK_CIRCUIT:
        return sdm_job_circuit(&job, work->id, error);
    case SDM_WORK_AGENT:
        return sdm_job_agent(&job, work->device_no, error);
    case SDM_WORK_POWER:
        return sdm_job_power(&job, work->device_no, error);
    case SDM_WORK_SCRUB:
        return sdm_job_scrub(&job, work->id, error);
    case SDM_WORK_SETTLE:
        return sdm_job_settle(&job, work->id, error);
    case SDM_WORK_AUDIT:
        return sdm_job_audit(&job, work->device_no, error);
    case SDM_WORK_FENCE:
        return sdm_job_fence(&job, work->device_no, error);
    case SDM_WORK_PROBE:
        return sdm_job_probe(&job, work->device_no, error);
    case SDM_WORK_EXTENTS:
        return sdm_job_extents(&job, work->device_no, error);
    case SDM_WORK_OUTBOX:
        break;
    }
    /* The outbox is the publisher's. */
    return true;
}

static void push(struct sdm_synthesizer *synthesizer, struct piece *piece)
{
    /* A full lane keeps the piece out; the recheck finds its object again. */
    if (!sdm_lane_try_push(synthesizer->lane, piece)) {
        g_hash_table_remove(synthesizer->pieces, piece);
    }
}

static gboolean retry(gpointer data)
{
    struct piece *piece = data;
    struct sdm_synthesizer *synthesizer = piece->synthesizer;

    pthread_mutex_lock(&synthesizer->mutex);
    g_hash_table_remove(synthesizer->retries, piece);
    push(synthesizer, piece);
    pthread_mutex_unlock(&synthesizer->mutex);
    return G_SOURCE_REMOVE;
}

/* Called with the mutex held. */
static void retry_later(struct sdm_synthesizer *synthesizer, struct piece *piece)
{
    unsigned shift = MIN(piece->n_failed, 10U);
    unsigned wait_ms = MIN((unsigned)RETRY_FIRST_MS << shift, (unsigned)RETRY_MAX_MS);
    GSource *timer = g_timeout_source_new(wait_ms);

    piece->n_failed++;
    g_source_set_callback(timer, retry, piece, NULL);
    g_hash_table_insert(synthesizer->retries, piece, timer);
    g_source_attach(timer, NULL);
}

static void end_piece(struct sdm_synthesizer *synthesizer, struct piece *piece, bool done)
{
    pthread_mutex_lock(&synthesizer->mutex);
    piece->running = false;
    if (synthesizer->stopping) {
        g_hash_table_remove(synthesizer->pieces, piece);
    } else if (!done) {
        piece->again = false;
        retry_later(synthesizer, piece);
    } else if (piece->again) {
        piece->again = false;
        piece->n_failed = 0;
        push(synthesizer, piece);
    } else {
        g_hash_table_remove(synthesizer->pieces, piece);
    }
    pthread_mutex_unlock(&synthesizer->mutex);
}

/* A device may say so, but only the leader's row knows: one that has seen an epoch which no leader
 * had is not believed. */
static bool is_superseded(struct worker *worker)
{
    g_autoptr(GError) error = NULL;
    struct sdm_leader leader;

    return sdm_leader_read(worker->pg, &leader, &error) &&
           leader.epoch != worker->synthesizer->config.epoch;
}

/* True when the piece is over, whatever became of it. */
static bool judge(struct worker *worker, const struct sdm_work *work, const GError *error)
{
    static const char *const names[SDM_N_WORK_KIND] = {
        [SDM_WORK_CIRCUIT] = "circuit", [SDM_WORK_AGENT] = "agent",   [SDM_WORK_POWER] = "power",
        [SDM_WORK_SCRUB] = "scrub",     [SDM_WORK_SETTLE] = "settle", [SDM_WORK_AUDIT] = "audit",
        [SDM_WORK_OUTBOX] = "outbox",   [SDM_WORK_FENCE] = "fence",   [SDM_WORK_PROBE] = "probe",
        [SDM_WORK_EXTENTS] = "extents",
    };

    if (sdm_tx_is_superseded(error) && is_superseded(worker)) {
        worker->synthesizer->config.on_superseded(worker->synthesizer->config.user);
        return true;
    }
    if (!sdm_pg_is_connected(worker->pg)) {
        g_autoptr(GError) ignored = NULL;

        sdm_pg_reconnect(worker->pg, &ignored);
    }
    sdm_log_limited(SDM_LOG_WARNING, "work-later", sdm_log_text("kind", names[work->kind]),
                    sdm_log_text("id", work->id), sdm_log_int("device_no", work->device_no),
                    sdm_log_gerror(error));
    /* Its object is gone: nothing is left to do. */
    return g_error_matches(error, SDM_ERROR, SDM_ERROR_NOT_FOUND);
}

static void handle(void *user, void *const *jobs, size_t n)
{
    struct worker *worker = user;

    for (size_t i = 0; i < n; i++) {
        struct piece *piece = jobs[i];
        g_autoptr(GError) error = NULL;
        bool done;

        pthread_mutex_lock(&worker->synthesizer->mutex);
        piece->running = true;
        pthread_mutex_unlock(&worker->synthesizer->mutex);
        done = run_piece(worker, &piece->work, &error) || judge(worker, &piece->work, error);
        end_piece(worker->synthesizer, piece, done);
    }
}

static void *worker_new(void *user, unsigned index)
{
    struct worker *worker = g_new0(struct worker, 1);
    g_autofree char *part = g_strdup_printf("synthesizer %u", index);
    g_autofree char *name = NULL;

    worker->synthesizer = user;
    name = sdm_leader_session_name(worker->synthesizer->config.epoch, part);
    while (worker->pg == NULL) {
        g_autoptr(GError) error = NULL;

        worker->pg = sdm_pg_open(worker->synthesizer->config.database, name, &error);
        if (worker->pg == NULL) {
            sdm_log_limited(SDM_LOG_WARNING, "database-away", sdm_log_gerror(error));
            g_usleep(RETRY_FIRST_MS * 1000UL);
        }
    }
    return worker;
}

static void worker_free(void *user)
{
    struct worker *worker = user;

    sdm_pg_close(worker->pg);
    g_free(worker);
}

/* The table of pieces owns it. */
static void leave_piece(void *job)
{
    (void)job;
}

/* Whoever has just asked it in vain goes on trying; whether it is lost is the probe's to say. */
static void on_silent(void *user, const char *id)
{
    struct sdm_synthesizer *synthesizer = user;
    struct sdm_ledger *ledger = synthesizer->config.ledger;
    struct sdm_work probe = {.kind = SDM_WORK_PROBE};
    const struct sdm_device *device;

    if (sdm_looks_are_on(synthesizer->looks)) {
        return;
    }
    sdm_ledger_lock(ledger);
    device = sdm_topology_find(sdm_ledger_topology(ledger), id);
    /* A compute brick is its agent's and its administrator's. */
    probe.device_no =
        device != NULL && device->kind != SDM_DEVICE_KIND_COMPUTE ? device->device_no : 0;
    sdm_ledger_unlock(ledger);
    if (probe.device_no != 0) {
        sdm_synthesizer_post(synthesizer, &probe);
    }
}

struct sdm_synthesizer *sdm_synthesizer_new(const struct sdm_synthesizer_config *config)
{
    struct sdm_synthesizer *synthesizer = g_new0(struct sdm_synthesizer, 1);

    synthesizer->config = *config;
    synthesizer->gates = sdm_gates_new();
    synthesizer->strangers = sdm_strangers_new();
    synthesizer->looks = sdm_looks_new(config->is_older);
    synthesizer->silence = sdm_silence_new();
    sdm_fabric_watch(config->fabric, on_silent, synthesizer);
    pthread_mutex_init(&synthesizer->mutex, NULL);
    synthesizer->pieces = g_hash_table_new_full(hash_piece, equal_pieces, g_free, NULL);
    synthesizer->retries =
        g_hash_table_new_full(g_direct_hash, g_direct_equal, NULL, (GDestroyNotify)g_source_unref);
    synthesizer->lane = sdm_lane_new(&(struct sdm_lane_config){
        .name = "synthesizer",
        .n_workers = config->n_workers,
        .capacity = MAX_WAITING,
        .batch_max = 1,
        .handle = handle,
        .worker_new = worker_new,
        .worker_free = worker_free,
        .job_free = leave_piece,
        .user = synthesizer,
    });
    sdm_lane_export(synthesizer->lane, config->metrics);
    return synthesizer;
}

void sdm_synthesizer_free(struct sdm_synthesizer *synthesizer)
{
    GHashTableIter iter;
    gpointer timer;

    if (synthesizer == NULL) {
        return;
    }
    pthread_mutex_lock(&synthesizer->mutex);
    synthesizer->stopping = true;
    g_hash_table_iter_init(&iter, synthesizer->retries);
    while (g_hash_table_iter_next(&iter, NULL, &timer)) {
        g_source_destroy(timer);
    }
    pthread_mutex_unlock(&synthesizer->mutex);
    sdm_lane_free(synthesizer->lane);
    g_hash_table_destroy(synthesizer->retries);
    g_hash_table_destroy(synthesizer->pieces);
    sdm_gates_free(synthesizer->gates);
    sdm_strangers_free(synthesizer->strangers);
    sdm_looks_free(synthesizer->looks);
    sdm_silence_free(synthesizer->silence);
    pthread_mutex_destroy(&synthesizer->mutex);
    g_free(synthesizer);
}

void sdm_synthesizer_post(struct sdm_synthesizer *synthesizer, const struct sdm_work *work)
{
    struct piece key = {.work = *work};
    struct piece *piece;

    /* Nothing is moved before all has been seen; the rest is found again then. */
    if (sdm_looks_are_on(synthesizer->looks) && work->kind != SDM_WORK_AGENT &&
        work->kind != SDM_WORK_EXTENTS) {
        return;
    }
    pthread_mutex_lock(&synthesizer->mutex);
    piece = g_hash_table_lookup(synthesizer->pieces, &key);
    if (piece != NULL) {
        /* One that waits will read what this post is about. */
        piece->again |= piece->running;
    } else if (!synthesizer->stopping) {
        piece = g_new0(struct piece, 1);
        piece->work = *work;
        piece->synthesizer = synthesizer;
        g_hash_table_add(synthesizer->pieces, piece);
        push(synthesizer, piece);
    }
    pthread_mutex_unlock(&synthesizer->mutex);
}

static void post_todo(const struct sdm_work *work, void *data)
{
    sdm_synthesizer_post(data, work);
}

/* Circuits that are up, or were on their way, cross their switches. */
static bool note_crossings(const char *circuit, int32_t compute_no, int32_t brick_no, void *data,
                           GError **error)
{
    struct sdm_synthesizer *synthesizer = data;
    struct sdm_ledger *ledger = synthesizer->config.ledger;
    /* None when a request that was taken meanwhile has let it go. */
    struct sdm_path path = {0};

    (void)error;
    sdm_ledger_lock(ledger);
    sdm_ledger_circuit(ledger, compute_no, brick_no, &path);
    sdm_ledger_unlock(ledger);
    for (int32_t i = 0; i < path.n_hops; i++) {
        const struct sdm_hop *hop = &path.hops[i];

        sdm_crossings_add(sdm_gates_open(synthesizer->gates, hop->switch_no),
                          (struct sdm_crossing){hop->switch_no, hop->in_port, hop->out_port},
                          circuit);
        sdm_gates_close(synthesizer->gates, hop->switch_no);
    }
    return true;
}

static bool each_asked(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg,
                       void (*visit)(struct sdm_synthesizer *synthesizer,
                                     const struct sdm_asked_device *device),
                       GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_asked_device *devices;
    size_t n;

    if (!sdm_store_asked_devices(pg, synthesizer->config.agent_silence_us, arena, &devices, &n,
                                 error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        visit(synthesizer, &devices[i]);
    }
    return true;
}

static void look_at(struct sdm_synthesizer *synthesizer, const struct sdm_asked_device *device)
{
    const struct sdm_work work = {.kind = device->is_memory ? SDM_WORK_EXTENTS : SDM_WORK_AGENT,
                                  .device_no = device->device_no};

    /* One that is lost is compared when it comes back. */
    if ((!device->is_memory && !device->is_compute) || device->lost) {
        return;
    }
    if (device->is_memory || device->speaks) {
        sdm_looks_expect(synthesizer->looks, device->device_no);
    }
    sdm_synthesizer_post(synthesizer, &work);
}

bool sdm_synthesizer_look(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg, GError **error)
{
    return sdm_store_circuits_up(pg, note_crossings, synthesizer, error) &&
           each_asked(synthesizer, pg, look_at, error);
}

bool sdm_synthesizer_has_looked(struct sdm_synthesizer *synthesizer)
{
    return sdm_looks_n_awaited(synthesizer->looks) == 0;
}

/* The first look took the agents' right to act from them. */
static void tell_agent(struct sdm_synthesizer *synthesizer, const struct sdm_asked_device *device)
{
    const struct sdm_work work = {.kind = SDM_WORK_AGENT, .device_no = device->device_no};

    if (device->is_compute) {
        sdm_synthesizer_post(synthesizer, &work);
    }
}

/* What is mapped of it is not known: nothing is planned with it before it has been compared. */
static void compare_first(struct sdm_synthesizer *synthesizer, int32_t brick_no)
{
    const struct sdm_work work = {.kind = SDM_WORK_EXTENTS, .device_no = brick_no};
    struct sdm_ledger *ledger = synthesizer->config.ledger;

    sdm_looks_silent(synthesizer->looks, brick_no);
    sdm_ledger_lock(ledger);
    sdm_ledger_set_state(ledger, brick_no, SDM_BRICK_STATE_LOST);
    sdm_ledger_unlock(ledger);
    sdm_synthesizer_post(synthesizer, &work);
}

void sdm_synthesizer_registered(struct sdm_synthesizer *synthesizer, int32_t brick_no)
{
    if (sdm_looks_is_older(synthesizer->looks)) {
        compare_first(synthesizer, brick_no);
    }
}

/* Memory bricks that did not answer matter where the database is known to be older. */
static void judge_silent(struct sdm_synthesizer *synthesizer)
{
    g_autoptr(GArray) bricks = sdm_looks_silent_bricks(synthesizer->looks);

    for (guint i = 0; sdm_looks_is_older(synthesizer->looks) && i < bricks->len; i++) {
        compare_first(synthesizer, g_array_index(bricks, int32_t, i));
    }
}

bool sdm_synthesizer_resume(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg, GError **error)
{
    sdm_looks_end(synthesizer->looks);
    if (sdm_looks_is_older(synthesizer->looks)) {
        sdm_log_event(SDM_LOG_WARNING, "database-older",
                      sdm_log_int("epoch", synthesizer->config.epoch));
    }
    judge_silent(synthesizer);
    return each_asked(synthesizer, pg, tell_agent, error) &&
           sdm_store_todo_switches(pg, post_todo, synthesizer, error) &&
           sdm_store_todo_each(pg, post_todo, synthesizer, error) &&
           sdm_store_todo_unused(pg, post_todo, synthesizer, error);
}

/* A switch that answers nobody, while nothing changes at it, would not be missed otherwise. */
static void probe_switches(struct sdm_synthesizer *synthesizer)
{
    g_autoptr(GArray) used = sdm_gates_used(synthesizer->gates);

    for (guint i = 0; i < used->len; i++) {
        const struct sdm_work probe = {.kind = SDM_WORK_PROBE,
                                       .device_no = g_array_index(used, int32_t, i)};

        sdm_synthesizer_post(synthesizer, &probe);
    }
}

bool sdm_synthesizer_recheck(struct sdm_synthesizer *synthesizer, struct sdm_pg *pg, GError **error)
{
    bool is_round = ++synthesizer->n_rechecks % RECHECKS_A_ROUND == 0;

    probe_switches(synthesizer);
    return sdm_store_todo_each(pg, post_todo, synthesizer, error) &&
           (!is_round || sdm_store_todo_unused(pg, post_todo, synthesizer, error));
}

size_t sdm_synthesizer_n_pending(struct sdm_synthesizer *synthesizer)
{
    size_t n;

    pthread_mutex_lock(&synthesizer->mutex);
    n = g_hash_table_size(synthesizer->pieces);
    pthread_mutex_unlock(&synthesizer->mutex);
    return n;
}
