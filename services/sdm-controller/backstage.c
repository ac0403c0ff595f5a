#include "sdm-controller/backstage.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/dispatcher/reports.h"
#include "sdm-controller/fabric/fabric.h"
#include "sdm-controller/registry/fence.h"
#include "sdm-controller/registry/power.h"
#include "sdm-controller/store/leader.h"
#include "sdm-controller/synthesizer/report.h"
#include "sdm-controller/synthesizer/synthesizer.h"

enum { REPORT_PREFETCH = 64, SCRUB_TIMEOUT_MS = 600 * 1000 };

struct sdm_backstage {
    struct sdm_backstage_config config;
    struct sdm_fabric *fabric;
    struct sdm_synthesizer *synthesizer;
    struct sdm_reports *reports;
    struct sdm_lane *recheck;
    GPtrArray *queues;
};

/* --- What the synthesizer is given. */

static bool send_agent(void *user, const char *brick, const char *type, const char *body,
                       GError **error)
{
    struct sdm_backstage *backstage = user;
    const struct sdm_amqp_message message = {
        .exchange = SDM_EXCHANGE_AGENTS,
        .routing_key = brick,
        .type = type,
        .content_type = "application/json",
        .body = body,
        .size = strlen(body),
    };

    /* Not confirmed: the agent's report is the confirmation, and it asks when it connects. */
    return sdm_amqp_publish(backstage->config.amqp, &message, NULL, NULL, error);
}

static bool power_done(void *user, struct sdm_tx *tx, int32_t device_no, const GError *refusal,
                       struct sdm_arena *arena, GError **error)
{
    struct sdm_backstage *backstage = user;

    return sdm_registry_power_done(backstage->config.registry, tx, device_no, refusal, arena,
                                   error);
}

static bool fence_done(void *user, struct sdm_tx *tx, int32_t device_no, const char *text,
                       const GError *refusal, struct sdm_arena *arena, GError **error)
{
    struct sdm_backstage *backstage = user;

    return sdm_registry_fence_done(backstage->config.registry, tx, device_no, text, refusal, arena,
                                   error);
}

static void on_superseded(void *user)
{
    struct sdm_backstage *backstage = user;

    backstage->config.on_superseded(backstage->config.user);
}

/* --- Workers with a connection of their own: for reports, and for looking again. */

struct worker {
    struct sdm_backstage *backstage;
    struct sdm_pg *pg; /* NULL while there is none */
    char *name;
};

static void *worker_new(struct sdm_backstage *backstage, const char *part, unsigned index)
{
    struct worker *worker = g_new0(struct worker, 1);
    g_autofree char *numbered = g_strdup_printf("%s %u", part, index);

    worker->backstage = backstage;
    worker->name = sdm_leader_session_name(backstage->config.epoch, numbered);
    return worker;
}

static void *report_worker_new(void *user, unsigned index)
{
    return worker_new(user, "reports", index);
}

static void *recheck_worker_new(void *user, unsigned index)
{
    return worker_new(user, "recheck", index);
}

static void worker_free(void *data)
{
    struct worker *worker = data;

    sdm_pg_close(worker->pg);
    g_free(worker->name);
    g_free(worker);
}

static bool connect(struct worker *worker, GError **error)
{
    if (worker->pg == NULL) {
        worker->pg = sdm_pg_open(worker->backstage->config.options->database, worker->name, error);
        return worker->pg != NULL;
    }
    return sdm_pg_is_connected(worker->pg) || sdm_pg_reconnect(worker->pg, error);
}

static bool on_report(void *data, const char *user_id, const struct sdm_s7_report *report,
                      GError **error)
{
    struct worker *worker = data;

    return connect(worker, error) && sdm_synthesizer_on_report(worker->backstage->synthesizer,
                                                               worker->pg, user_id, report, error);
}

static bool on_ask(void *data, const char *user_id, const struct sdm_s7_ask *ask, GError **error)
{
    struct worker *worker = data;

    return connect(worker, error) &&
           sdm_synthesizer_on_ask(worker->backstage->synthesizer, worker->pg, user_id, ask, error);
}

static void recheck(void *data, void *const *jobs, size_t n)
{
    struct worker *worker = data;
    g_autoptr(GError) error = NULL;

    (void)jobs;
    (void)n;
    if (!connect(worker, &error) ||
        !sdm_synthesizer_recheck(worker->backstage->synthesizer, worker->pg, &error)) {
        sdm_log_limited(SDM_LOG_WARNING, "recheck-later", sdm_log_gerror(error));
    }
}

static void free_nothing(void *job)
{
    (void)job;
}

/* --- Making it. */

struct sdm_backstage *sdm_backstage_new(const struct sdm_backstage_config *config)
{
    struct sdm_backstage *backstage = g_new0(struct sdm_backstage, 1);

    backstage->config = *config;
    backstage->fabric = sdm_fabric_new(config->epoch, config->options->fabric_timeout_ms);
    backstage->synthesizer = sdm_synthesizer_new(&(struct sdm_synthesizer_config){
        .database = config->options->database,
        .epoch = config->epoch,
        .is_older = config->is_older,
        .agent_silence_us = config->options->agent_silence_ms * 1000,
        .n_workers = (unsigned)config->options->fabric_workers,
        .ledger = config->registry->ledger,
        .fabric = backstage->fabric,
        .sink = &config->registry->sink,
        .metrics = config->metrics,
        .scrub_timeout_ms = SCRUB_TIMEOUT_MS,
        .send_agent = send_agent,
        .power_done = power_done,
        .fence_done = fence_done,
        .on_superseded = on_superseded,
        .user = backstage,
    });
    /* A look is a job that holds nothing; one that waits is enough. */
    backstage->recheck = sdm_lane_new(&(struct sdm_lane_config){
        .name = "recheck",
        .n_workers = 1,
        .capacity = 1,
        .batch_max = 1,
        .handle = recheck,
        .worker_new = recheck_worker_new,
        .worker_free = worker_free,
        .job_free = free_nothing,
        .user = backstage,
    });
    return backstage;
}

static void take_reports(struct sdm_backstage *backstage)
{
    const struct sdm_backstage_config *config = &backstage->config;

    backstage->queues = g_ptr_array_new();
    for (int64_t i = 0; i < config->options->report_queues; i++) {
        g_ptr_array_add(backstage->queues,
                        (gpointer)sdm_broker_topology_report_queue(config->topology, (unsigned)i));
    }
    backstage->reports = sdm_reports_new(&(struct sdm_reports_config){
        .amqp = config->amqp,
        .dead = config->dead,
        .queues = (const char *const *)backstage->queues->pdata,
        .n_queues = backstage->queues->len,
        .prefetch = REPORT_PREFETCH,
        .epoch = config->epoch,
        .taker = {on_report, on_ask, report_worker_new, worker_free, backstage},
        .metrics = config->metrics,
        .on_superseded = config->on_superseded,
        .user = config->user,
    });
}

bool sdm_backstage_look(struct sdm_backstage *backstage, GError **error)
{
    g_autofree char *name = sdm_leader_session_name(backstage->config.epoch, "look");
    g_autoptr(sdm_pg) pg = sdm_pg_open(backstage->config.options->database, name, error);

    if (pg == NULL || !sdm_synthesizer_look(backstage->synthesizer, pg, error)) {
        return false;
    }
    take_reports(backstage);
    return true;
}

bool sdm_backstage_has_looked(const struct sdm_backstage *backstage)
{
    return sdm_synthesizer_has_looked(backstage->synthesizer);
}

bool sdm_backstage_resume(struct sdm_backstage *backstage, GError **error)
{
    g_autofree char *name = sdm_leader_session_name(backstage->config.epoch, "resume");
    g_autoptr(sdm_pg) pg = sdm_pg_open(backstage->config.options->database, name, error);

    return pg != NULL && sdm_synthesizer_resume(backstage->synthesizer, pg, error);
}

void sdm_backstage_registered(struct sdm_backstage *backstage, int32_t brick_no)
{
    if (backstage->synthesizer != NULL) {
        sdm_synthesizer_registered(backstage->synthesizer, brick_no);
    }
}

void sdm_backstage_post(struct sdm_backstage *backstage, const struct sdm_work *work)
{
    /* What comes after the end is found again at the next start. */
    if (backstage->synthesizer != NULL) {
        sdm_synthesizer_post(backstage->synthesizer, work);
    }
}

void sdm_backstage_wake(struct sdm_backstage *backstage)
{
    sdm_lane_try_push(backstage->recheck, backstage);
}

void sdm_backstage_stop(struct sdm_backstage *backstage)
{
    if (backstage->reports != NULL) {
        sdm_reports_stop(backstage->reports);
    }
    g_clear_pointer(&backstage->recheck, sdm_lane_free);
    g_clear_pointer(&backstage->synthesizer, sdm_synthesizer_free);
}

void sdm_backstage_free(struct sdm_backstage *backstage)
{
    if (backstage == NULL) {
        return;
    }
    sdm_backstage_stop(backstage);
    sdm_reports_free(backstage->reports);
    sdm_fabric_free(backstage->fabric);
    g_clear_pointer(&backstage->queues, g_ptr_array_unref);
    g_free(backstage);
}
