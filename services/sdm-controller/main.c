/* sdm-controller: the control plane of disaggregated memory.  Waits to lead, then serves. */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/conf/conf.h"
#include "lib/http/metrics.h"
#include "lib/svc/log.h"
#include "lib/svc/service.h"
#include "sdm-controller/config.h"
#include "sdm-controller/controller.h"
#include "sdm-controller/dispatcher/tokens.h"
#include "sdm-controller/leadership.h"
#include "sdm-controller/rise.h"

#define TICK_MS 1000

#define OFFSET(member) .offset = offsetof(struct sdm_controller_options, member)

static const struct sdm_conf_option options[] = {
    SDM_SERVICE_OPTIONS(struct sdm_controller_options, service, "/run/sdm/controller.sock", "9701"),
    {"name", SDM_CONF_STRING,
     .text = "name of this controller, unique in its pod; the host's name "
             "unless given",
     OFFSET(name)},
    {"pod", SDM_CONF_STRING, .fallback = "pod-0", .text = "name of the pod in routing keys",
     OFFSET(pod)},
    {"database", SDM_CONF_URI, .fallback = "postgresql:///sdm",
     .text = "where PostgreSQL is; sslmode=verify-full&sslrootcert=FILE for TLS", OFFSET(database)},
    SDM_AMQP_OPTIONS(struct sdm_controller_options, broker,
                     "amqp://guest:guest@127.0.0.1:5672/%2f"),
    {"tokens", SDM_CONF_PATH, .fallback = "/etc/sdm/tokens",
     .text = "file of static tokens; read again on SIGHUP", OFFSET(tokens)},
    {"workers", SDM_CONF_INT, .unit = "threads", .fallback = "4", .min = 1, .max = 64,
     .text = "workers of the reservation lane, each with a database session", OFFSET(workers)},
    {"batch-max", SDM_CONF_INT, .unit = "requests", .fallback = "256", .min = 1, .max = 1024,
     .text = "requests that share one transaction", OFFSET(batch_max)},
    {"prefetch", SDM_CONF_INT, .unit = "requests", .fallback = "512", .min = 1, .max = 16384,
     .text = "requests taken from a queue and not answered", OFFSET(prefetch)},
    {"report-queues", SDM_CONF_INT, .unit = "queues", .fallback = "1", .min = 1, .max = 64,
     .text = "queues that share the reports of agents; agents are told the same number",
     OFFSET(report_queues)},
    {"max-queued", SDM_CONF_INT, .unit = "requests", .fallback = "100000", .min = 1,
     .max = 10000000,
     .text = "requests that wait in a queue of the broker, beyond which it refuses more; a queue "
             "keeps the number that it was made with, and a controller that wants another one "
             "cannot use it",
     OFFSET(max_queued)},
    {"outbox-patience-ms", SDM_CONF_INT, .unit = "ms", .fallback = "30000", .min = 1000,
     .max = 86400000,
     .text = "an event or answer that a full queue refuses is offered again until it is so old",
     OFFSET(outbox_patience_ms)},
    {"beat-ms", SDM_CONF_INT, .unit = "ms", .fallback = "250", .min = 50, .max = 60000,
     .text = "time between beats of the leader, and between looks of a standby", OFFSET(beat_ms)},
    {"standby-after-ms", SDM_CONF_INT, .unit = "ms", .fallback = "1500", .min = 100, .max = 600000,
     .text = "a standby takes over after so long without a beat", OFFSET(standby_after_ms)},
    {"yield-after-ms", SDM_CONF_INT, .unit = "ms", .fallback = "10000", .min = 100, .max = 3600000,
     .text = "a leader without connection to the broker lets a standby lead that has had one for "
             "so long",
     OFFSET(yield_after_ms)},
    {"agent-silence-ms", SDM_CONF_INT, .unit = "ms", .fallback = "30000", .min = 1000,
     .max = 3600000, .text = "an agent that is silent for longer counts as not connected",
     OFFSET(agent_silence_ms)},
    {"plan-valid-ms", SDM_CONF_INT, .unit = "ms", .fallback = "60000", .min = 1000, .max = 3600000,
     .text = "how long a plan can be applied", OFFSET(plan_valid_ms)},
    {"max-plans", SDM_CONF_INT, .unit = "plans", .fallback = "10000", .min = 1, .max = 1000000,
     .text = "plans that are remembered at a time", OFFSET(max_plans)},
    {"max-dimm-bytes", SDM_CONF_INT, .unit = "bytes", .fallback = "1T", .min = 4096,
     .max = INT64_C(1) << 60, .text = "largest segment of mode vm: one DIMM of a guest",
     OFFSET(max_dimm_bytes)},
    {"fabric-timeout-ms", SDM_CONF_INT, .unit = "ms", .fallback = "5000", .min = 10, .max = 600000,
     .text = "how long a switch may take for a step", OFFSET(fabric_timeout_ms)},
    {"adopt-timeout-ms", SDM_CONF_INT, .unit = "ms", .fallback = "1000", .min = 50, .max = 600000,
     .text = "how long a new leader waits for agents and hardware to say what they have, before it "
             "serves",
     OFFSET(adopt_timeout_ms)},
    {"fabric-workers", SDM_CONF_INT, .unit = "threads", .fallback = "4", .min = 1, .max = 64,
     .text = "steps at switches, power and scrub controllers at a time", OFFSET(fabric_workers)},
    {"audit-seal-ms", SDM_CONF_INT, .unit = "ms", .fallback = "1000", .min = 10, .max = 3600000,
     .text = "time after which new entries of the audit log are sealed", OFFSET(audit_seal_ms)},
    {"audit-block-entries", SDM_CONF_INT, .unit = "entries", .fallback = "4096", .min = 1,
     .max = 65536, .text = "most entries of a sealed block", OFFSET(audit_block_entries)},
    {"audit-head-file", SDM_CONF_PATH,
     .text = "file to which the hash of each sealed block is added; none unless given",
     OFFSET(audit_head_file)},
};

static const struct sdm_conf_table table = {
    .program = "sdm-controller",
    .summary = "The control plane of disaggregated memory: plans, reserves, wires and takes back",
    .options = options,
    .n_options = G_N_ELEMENTS(options),
    .epilogue = "Exit status: 0 stopped, 1 failed, 2 mistake in the options, 3 another controller "
                "leads or shall.\n",
};

/* What main owns.  Until it leads, 'controller' is NULL. */
struct program {
    struct sdm_controller_options options;
    struct sdm_service *service;
    struct sdm_tokens *tokens;
    struct sdm_leadership *leadership;
    struct sdm_amqp *probe; /* of a standby: shows that it could serve */
    struct sdm_controller *controller;
    int64_t epoch; /* won, to be served by the main thread */
    /* The devices have seen later epochs than the database. */
    bool is_older;
};

static void fail(struct program *program, const char *event, const GError *error)
{
    sdm_log_event(SDM_LOG_ERROR, event, sdm_log_gerror(error));
    sdm_service_stop(program->service, 1);
}

static void serve(void *user)
{
    struct program *program = user;
    g_autoptr(GError) error = NULL;

    program->controller =
        sdm_controller_new(&program->options, program->service, program->epoch, program->is_older,
                           sdm_tokens_auth(program->tokens), &error);
    if (program->controller == NULL) {
        fail(program, "cannot-serve", error);
    }
    g_clear_pointer(&program->probe, sdm_amqp_free);
}

static int64_t rise(void *user, struct sdm_pg *pg, int64_t epoch)
{
    struct program *program = user;

    return sdm_rise(pg, epoch,
                    &(struct sdm_rise_config){program->options.name,
                                              program->options.adopt_timeout_ms,
                                              program->options.beat_ms},
                    &program->is_older);
}

static void on_won(void *user, int64_t epoch)
{
    struct program *program = user;

    sdm_log_event(SDM_LOG_INFO, "leading", sdm_log_int("epoch", epoch));
    program->epoch = epoch;
    sdm_service_post(program->service, serve, program);
}

static void on_lost(void *user)
{
    struct program *program = user;

    sdm_log_event(SDM_LOG_ERROR, "superseded");
    sdm_service_stop(program->service, SDM_EXIT_SUPERSEDED);
}

static void on_yield(void *user)
{
    struct program *program = user;

    sdm_log_limited(SDM_LOG_ERROR, "yields", sdm_log_int("epoch", program->epoch));
    sdm_service_stop(program->service, SDM_EXIT_SUPERSEDED);
}

static void on_hopeless(void *user, const GError *error)
{
    fail(user, "wrong-database", error);
}

static bool on_tick(void *user)
{
    struct program *program = user;

    if (program->controller != NULL) {
        sdm_controller_tick(program->controller);
    }
    sdm_leadership_note_broker(
        program->leadership, program->controller != NULL
                                 ? sdm_controller_is_connected(program->controller)
                                 : program->probe != NULL && sdm_amqp_is_connected(program->probe));
    return true;
}

static void on_reload(void *user)
{
    struct program *program = user;
    g_autoptr(GError) error = NULL;

    if (sdm_tokens_reload(program->tokens, &error)) {
        sdm_log_event(SDM_LOG_INFO, "tokens-reloaded");
    } else {
        sdm_log_event(SDM_LOG_ERROR, "tokens-not-reloaded", sdm_log_gerror(error));
    }
}

/* --- Control socket. */

static void fill_leadership(struct program *program, struct sdm_json *object)
{
    int64_t epoch = sdm_leadership_epoch(program->leadership);

    sdm_json_set_string(object, "name", program->options.name);
    sdm_json_set_string(object, "role", epoch > 0 ? "leader" : "standby");
    sdm_json_set_integer(object, "epoch", epoch);
    if (epoch > 0) {
        sdm_json_set_integer(object, "beat_age_us",
                             sdm_leadership_beat_age_us(program->leadership));
    }
}

static void fill_status(void *user, struct sdm_json *status)
{
    struct program *program = user;

    fill_leadership(program, sdm_json_set_object(status, "leadership"));
    sdm_json_set_boolean(status, "serving",
                         program->controller != NULL &&
                             sdm_controller_is_serving(program->controller));
    if (program->controller != NULL) {
        sdm_controller_fill_status(program->controller, status);
    }
}

/* What a leader says of the broker counts once it has begun to serve. */
static bool check_health(void *user, GError **error)
{
    struct program *program = user;

    if (!sdm_leadership_check(program->leadership, error)) {
        return false;
    }
    if (sdm_leadership_epoch(program->leadership) == 0) {
        return true;
    }
    if (program->controller == NULL) {
        return sdm_unavailable(error, "leads, and is still loading");
    }
    return sdm_controller_check(program->controller, error);
}

static struct sdm_json *handle_leadership(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_json *object = sdm_json_new_object();

    (void)args;
    (void)error;
    fill_leadership(user, object);
    return object;
}

static struct sdm_json *handle_graph(void *user, const struct sdm_json *args, GError **error)
{
    struct program *program = user;

    if (program->controller == NULL) {
        sdm_refuse(error, SDM_ERROR_WRONG_STATE, "a standby has no graph");
        return NULL;
    }
    return sdm_controller_graph(program->controller, args, error);
}

static const struct sdm_control_command commands[] = {
    {"leadership", "who leads, and under which epoch", handle_leadership},
    {"graph", "totals of the graph, or one rack: {\"rack\":\"r1\"}", handle_graph},
};

/* --- Start and end. */

static bool start_probe(struct program *program, GError **error)
{
    struct sdm_amqp_config config = {.name = "sdm-controller standby"};

    sdm_amqp_options_apply(&program->options.broker, &config);
    program->probe = sdm_amqp_new(&config, error);
    return program->probe != NULL;
}

static bool start(struct program *program, GError **error)
{
    const struct sdm_controller_options *config = &program->options;

    program->tokens = sdm_tokens_new(config->tokens, error);
    if (program->tokens == NULL || !start_probe(program, error)) {
        return false;
    }
    program->leadership = sdm_leadership_new(&(struct sdm_leadership_config){
        .database = config->database,
        .name = config->name,
        .beat_ms = config->beat_ms,
        .standby_after_ms = config->standby_after_ms,
        .rise = rise,
        .on_won = on_won,
        .yield_after_ms = config->yield_after_ms,
        .on_lost = on_lost,
        .on_yield = on_yield,
        .on_hopeless = on_hopeless,
        .user = program,
    });
    sdm_service_add_commands(program->service, commands, G_N_ELEMENTS(commands), program);
    sdm_service_add_status(program->service, fill_status, program);
    sdm_health_add(sdm_service_get_health(program->service), check_health, program);
    sdm_service_on_reload(program->service, on_reload, program);
    sdm_service_add_timer(program->service, TICK_MS, on_tick, program);
    return true;
}

static int run(struct program *program)
{
    g_autoptr(sdm_http_metrics) metrics = NULL;
    g_autoptr(GError) error = NULL;
    int status = 1;

    if (sdm_http_metrics_new(&program->options.service, sdm_service_get_metrics(program->service),
                             sdm_service_get_health(program->service), &metrics, &error) &&
        start(program, &error)) {
        status = sdm_service_run(program->service);
    } else {
        sdm_log_event(SDM_LOG_ERROR, "cannot-start", sdm_log_gerror(error));
    }
    /* What serves ends while the beat still shows that we lead. */
    sdm_controller_free(program->controller);
    program->controller = NULL;
    sdm_leadership_free(program->leadership);
    sdm_amqp_free(program->probe);
    return status;
}

int main(int argc, char **argv)
{
    struct program program = {0};
    g_autoptr(sdm_conf) conf = NULL;
    g_autoptr(GError) error = NULL;
    g_autofree char *host = g_strdup(g_get_host_name());
    int status = 0;

    conf = sdm_conf_start(&table, argc, argv, &program.options, &status);
    if (conf == NULL) {
        return status;
    }
    if (program.options.name == NULL || program.options.name[0] == '\0') {
        program.options.name = host;
    }
    program.service = sdm_service_new(conf, "sdm-controller", &program.options.service, &error);
    if (program.service == NULL) {
        fprintf(stderr, "sdm-controller: %s\n", error->message);
        return 1;
    }
    status = run(&program);
    sdm_service_free(program.service);
    sdm_tokens_free(program.tokens);
    return status;
}
