#include "sdm-controller/sealer.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/arena.h"
#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/pg/pg.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/audit_head.h"
#include "sdm-controller/store/audit_block.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/store/tx.h"

/* Looks at whether writers have ended, and the time between two; then the next turn goes on. */
#define MAX_LOOKS 100
#define LOOK_MS   10
/* Heads that go to the file at a time. */
#define MAX_HEADS 256

struct sdm_sealer {
    struct sdm_sealer_config config;
    char *database;
    char *head_file;
    struct sdm_lane *lane;
    unsigned timer;
    /* The worker's. */
    struct sdm_pg *pg;
    struct sdm_tx tx;
    struct sdm_audit_file *file;
    struct sdm_gauge *block;
    struct sdm_gauge *unsealed;
    struct sdm_gauge *exported;
};

static bool connect(struct sdm_sealer *sealer, GError **error)
{
    g_autofree char *name = NULL;

    if (sealer->pg != NULL) {
        return sdm_pg_is_connected(sealer->pg) || sdm_pg_reconnect(sealer->pg, error);
    }
    name = sdm_leader_session_name(sealer->config.epoch, "sealer");
    sealer->pg = sdm_pg_open(sealer->database, name, error);
    return sealer->pg != NULL;
}

static void describe(const struct sdm_sealer *sealer, const struct sdm_audit_block *block,
                     const char *at, struct sdm_event_audit_head *head)
{
    *head = (struct sdm_event_audit_head){
        .block = (uint64_t)block->block_no,
        .first_id = (uint64_t)block->first_id,
        .last_id = (uint64_t)block->last_id,
        .entries = (uint64_t)block->n_entries,
        .epoch = (uint64_t)block->epoch,
    };
    g_strlcpy(head->at, at, sizeof head->at);
    g_strlcpy(head->pod, sealer->config.pod, sizeof head->pod);
    sdm_audit_hex(block->hash, head->hash);
}

/* Waits for the transactions that may still bring a lower id; false when they last. */
static bool wait_for_writers(struct sdm_sealer *sealer, const struct sdm_audit_horizon *horizon,
                             bool *passed, GError **error)
{
    *passed = false;
    for (unsigned i = 0; i < MAX_LOOKS; i++) {
        if (!sdm_audit_has_passed(sealer->pg, horizon, passed, error)) {
            return false;
        }
        if (*passed || !sdm_lane_sleep(sealer->lane, LOOK_MS)) {
            return true;
        }
    }
    sdm_log_limited(SDM_LOG_WARNING, "audit-seal-waits",
                    sdm_log_text("for", "a transaction that lasts"),
                    sdm_log_int("unsealed", horizon->last_id - horizon->sealed_id));
    return true;
}

/* What is unknown is looked at again by the next turn, which reads where the chain ends. */
static bool commit(struct sdm_sealer *sealer, GError **error)
{
    bool committed;

    if (sdm_tx_commit(&sealer->tx, error)) {
        return true;
    }
    while (sealer->tx.state == SDM_TX_UNKNOWN && sdm_lane_sleep(sealer->lane, 100)) {
        sdm_tx_settle(&sealer->tx, &committed, NULL);
    }
    return false;
}

/* The next block, and the event that tells of it. */
static bool seal_one(struct sdm_sealer *sealer, int64_t last_id, struct sdm_audit_block *block,
                     GError **error)
{
    struct sdm_event_audit_head head;

    if (!sdm_tx_begin(&sealer->tx, sealer->pg, sealer->config.epoch, error)) {
        return false;
    }
    if (!sdm_audit_seal(&sealer->tx, last_id, (size_t)sealer->config.block_entries, block, error) ||
        sdm_fault("audit.seal", error)) {
        sdm_tx_rollback(&sealer->tx);
        return false;
    }
    if (block->block_no != 0) {
        describe(sealer, block, sealer->tx.now, &head);
        sdm_event_audit_head(&sealer->tx, &sealer->config.sink, &head);
    }
    return commit(sealer, error) && !sdm_fault("audit.sealed", error);
}

static bool seal(struct sdm_sealer *sealer, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_audit_horizon horizon;
    struct sdm_audit_block block;
    bool passed;

    if (!sdm_audit_look(sealer->pg, arena, &horizon, error)) {
        return false;
    }
    sdm_gauge_set(sealer->unsealed, horizon.last_id - horizon.sealed_id);
    if (horizon.last_id <= horizon.sealed_id) {
        return true;
    }
    if (!wait_for_writers(sealer, &horizon, &passed, error) || !passed) {
        return error == NULL || *error == NULL;
    }
    do {
        if (!seal_one(sealer, horizon.last_id, &block, error)) {
            return false;
        }
        if (block.block_no != 0) {
            sdm_gauge_set(sealer->block, block.block_no);
            sdm_gauge_set(sealer->unsealed, horizon.last_id - block.last_id);
        }
    } while (block.block_no != 0 && block.last_id < horizon.last_id);
    return true;
}

/* The block that the file ends with has to be in the database as it was. */
static bool check_last(const struct sdm_event_audit_head *last, const struct sdm_audit_head *heads,
                       size_t n, GError **error)
{
    char hash[SDM_AUDIT_HEX_SIZE] = "none";

    if (last->block == 0) {
        return true;
    }
    if (n > 0) {
        sdm_audit_hex(heads[0].block.hash, hash);
    }
    return (n > 0 && heads[0].block.block_no == (int64_t)last->block &&
            strcmp(hash, last->hash) == 0) ||
           sdm_fail(error,
                    "the file ends with block %" PRIu64 " and hash %s, the database has %s there",
                    last->block, last->hash, hash);
}

/* Brings the file up to the database; '*again' when there is more. */
static bool export_some(struct sdm_sealer *sealer, bool *again, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    const struct sdm_event_audit_head *last = sdm_audit_file_last(sealer->file);
    size_t n_known = last->block != 0 ? 1 : 0;
    struct sdm_audit_head *heads;
    size_t n;

    if (!sdm_audit_heads(sealer->pg, (int64_t)last->block, MAX_HEADS, arena, &heads, &n, error) ||
        !check_last(last, heads, n, error)) {
        return false;
    }
    for (size_t i = n_known; i < n; i++) {
        struct sdm_event_audit_head head;

        describe(sealer, &heads[i].block, heads[i].sealed_at, &head);
        if (sdm_fault("audit.head", error) || !sdm_audit_file_add(sealer->file, &head, error)) {
            /* It may hold half a line, which opening it again cuts off. */
            g_clear_pointer(&sealer->file, sdm_audit_file_close);
            return false;
        }
        sdm_gauge_set(sealer->exported, heads[i].block.block_no);
    }
    *again = n == MAX_HEADS;
    return true;
}

static bool export_heads(struct sdm_sealer *sealer, GError **error)
{
    bool again = true;

    if (sealer->head_file[0] == '\0') {
        return true;
    }
    if (sealer->file == NULL) {
        sealer->file = sdm_audit_file_open(sealer->head_file, error);
        if (sealer->file == NULL) {
            return false;
        }
        sdm_gauge_set(sealer->exported, (int64_t)sdm_audit_file_last(sealer->file)->block);
    }
    while (again) {
        if (!export_some(sealer, &again, error)) {
            return false;
        }
    }
    return true;
}

static void handle(void *worker, void *const *jobs, size_t n)
{
    struct sdm_sealer *sealer = worker;
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) file_error = NULL;

    (void)jobs;
    (void)n;
    if (sealer->tx.state != SDM_TX_ENDED) {
        return;
    }
    if (!connect(sealer, &error) || !seal(sealer, &error)) {
        if (sdm_tx_is_superseded(error)) {
            sealer->config.on_superseded(sealer->config.user);
            return;
        }
        sdm_log_limited(SDM_LOG_WARNING, "audit-not-sealed", sdm_log_gerror(error));
    }
    if (sealer->pg != NULL && !export_heads(sealer, &file_error)) {
        sdm_log_limited(SDM_LOG_ERROR, "audit-head-not-exported", sdm_log_gerror(file_error));
    }
}

static void free_worker(void *worker)
{
    struct sdm_sealer *sealer = worker;

    g_clear_pointer(&sealer->file, sdm_audit_file_close);
    g_clear_pointer(&sealer->pg, sdm_pg_close);
}

static bool on_timer(void *user)
{
    struct sdm_sealer *sealer = user;

    sdm_lane_try_push(sealer->lane, sealer);
    return true;
}

static void add_gauges(struct sdm_sealer *sealer, struct sdm_metrics *metrics)
{
    sealer->block = sdm_metrics_gauge(metrics, "sdm_audit_head_block",
                                      "Last sealed block of the audit log", NULL);
    sealer->unsealed = sdm_metrics_gauge(metrics, "sdm_audit_unsealed",
                                         "Ids of audit entries that no block covers yet", NULL);
    sealer->exported = sdm_metrics_gauge(metrics, "sdm_audit_exported_block",
                                         "Last block whose hash is in the audit head file", NULL);
}

struct sdm_sealer *sdm_sealer_new(const struct sdm_sealer_config *config)
{
    struct sdm_sealer *sealer = g_new0(struct sdm_sealer, 1);
    const struct sdm_lane_config lane = {
        .name = "sealer",
        .n_workers = 1,
        /* A job is a wake and holds nothing. */
        .capacity = 1,
        .batch_max = 1,
        .handle = handle,
        .worker_free = free_worker,
        .user = sealer,
    };

    sealer->config = *config;
    sealer->database = g_strdup(config->database);
    sealer->head_file = g_strdup(config->head_file != NULL ? config->head_file : "");
    add_gauges(sealer, sdm_service_get_metrics(config->service));
    sealer->lane = sdm_lane_new(&lane);
    sealer->timer =
        sdm_service_add_timer(config->service, (unsigned)config->seal_ms, on_timer, sealer);
    return sealer;
}

void sdm_sealer_free(struct sdm_sealer *sealer)
{
    if (sealer == NULL) {
        return;
    }
    sdm_service_remove(sealer->config.service, sealer->timer);
    sdm_lane_stop(sealer->lane, true);
    sdm_lane_free(sealer->lane);
    if (sealer->tx.state == SDM_TX_ENDED) {
        sdm_tx_done(&sealer->tx);
    }
    g_free(sealer->head_file);
    g_free(sealer->database);
    g_free(sealer);
}
