#include "sdm-controller/controller.h"

#include <string.h>

#include "lib/amqp/amqp.h"
#include "lib/base/clock.h"
#include "lib/base/error.h"
#include "lib/pg/pg.h"
#include "lib/svc/log.h"
#include "sdm-controller/backstage.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/dispatcher/dead.h"
#include "sdm-controller/dispatcher/desk.h"
#include "sdm-controller/dispatcher/dispatcher.h"
#include "sdm-controller/graph/ledger.h"
#include "sdm-controller/graph_view.h"
#include "sdm-controller/keeper.h"
#include "sdm-controller/loader.h"
#include "sdm-controller/outbox/publisher.h"
#include "sdm-controller/planner/planner.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/reservation/engine.h"
#include "sdm-controller/reservation/plan_cache.h"
#include "sdm-controller/sealer.h"
#include "sdm-controller/store/leader.h"

/* Agents' queues that are declared between two looks whether it is time to end. */
enum { DECLARE_SLICE = 64 };
/* Ticks between looks at what is outstanding, in case something was lost on the way. */
enum { RECHECK_TICKS = 10, LOOK_POLL_MS = 10 };

struct sdm_controller {
    const struct sdm_controller_options *options;
    struct sdm_service *service;
    int64_t epoch;
    bool is_older;
    struct sdm_auth auth;
    struct sdm_ledger *ledger;
    struct sdm_planner *planner;
    struct sdm_plan_cache *plans;
    struct sdm_reservation_engine engine;
    struct sdm_registry registry;
    struct sdm_broker_topology *topology;
    struct sdm_amqp *amqp;
    struct sdm_dead *dead;
    struct sdm_desk *desk;
    /* Declares the queues of agents, of which there may be very many: nothing else waits for that.
     */
    struct sdm_amqp *declarer;
    bool stopping; /* atomic */
    struct sdm_publisher *publisher;
    struct sdm_keeper *keeper;
    struct sdm_sealer *sealer;
    struct sdm_dispatcher *dispatcher; /* NULL until it serves */
    struct sdm_backstage *backstage;
    unsigned look_timer;   /* 0 when it is over */
    int64_t look_until_us; /* 0 while there is no broker: agents cannot answer */
    unsigned n_ticks;
};

static void on_superseded(void *user)
{
    struct sdm_controller *controller = user;

    sdm_log_limited(SDM_LOG_ERROR, "superseded", sdm_log_int("epoch", controller->epoch));
    sdm_service_stop(controller->service, SDM_EXIT_SUPERSEDED);
}

/* --- After a commit. */

static void post(void *data, const struct sdm_work *work)
{
    struct sdm_controller *controller = data;

    if (work->kind == SDM_WORK_OUTBOX) {
        sdm_publisher_wake(controller->publisher);
    } else {
        sdm_backstage_post(controller->backstage, work);
    }
}

static bool declare(struct sdm_amqp *amqp, const char *const *bricks, size_t n)
{
    g_autoptr(GError) error = NULL;

    /* Away: all of them are declared when the connection is back. */
    if (!sdm_broker_declare_agents(amqp, bricks, n, &error)) {
        sdm_log_event(SDM_LOG_WARNING, "agent-queues-not-declared", sdm_log_int("n", (int64_t)n),
                      sdm_log_gerror(error));
        return false;
    }
    return true;
}

static void on_compute_brick(void *user, const char *brick)
{
    const struct sdm_controller *controller = user;

    declare(controller->amqp, &brick, 1);
}

static void on_memory_brick(void *user, int32_t brick_no)
{
    struct sdm_controller *controller = user;

    sdm_backstage_registered(controller->backstage, brick_no);
}

static void on_broker_state(void *user, bool is_connected)
{
    (void)user;
    sdm_log_event(SDM_LOG_INFO, is_connected ? "broker-connected" : "broker-lost");
}

static GPtrArray *compute_bricks(const struct sdm_topology_spec *spec)
{
    GPtrArray *bricks = g_ptr_array_new();

    for (size_t i = 0; i < spec->n_devices; i++) {
        if (spec->devices[i].kind == SDM_DEVICE_KIND_COMPUTE) {
            g_ptr_array_add(bricks, (void *)spec->devices[i].id);
        }
    }
    return bricks;
}

static void on_declarer_state(void *user, bool is_connected)
{
    struct sdm_controller *controller = user;
    g_autoptr(GPtrArray) bricks = NULL;
    g_autoptr(sdm_topology) topology = NULL;
    guint i = 0;

    if (!is_connected) {
        return;
    }
    sdm_ledger_lock(controller->ledger);
    topology = sdm_topology_ref(sdm_ledger_topology(controller->ledger));
    sdm_ledger_unlock(controller->ledger);
    bricks = compute_bricks(sdm_topology_spec(topology));
    while (i < bricks->len && !__atomic_load_n(&controller->stopping, __ATOMIC_RELAXED)) {
        guint n = MIN(bricks->len - i, DECLARE_SLICE);

        if (!declare(controller->declarer, (const char *const *)&bricks->pdata[i], n)) {
            return;
        }
        i += n;
    }
    sdm_log_event(SDM_LOG_INFO, "agent-queues-declared", sdm_log_int("n", (int64_t)i));
}

/* --- Making it, in the order in which parts need each other. */

static bool load(struct sdm_controller *controller, GError **error)
{
    g_autofree char *name = sdm_leader_session_name(controller->epoch, "load");
    g_autoptr(sdm_pg) pg = sdm_pg_open(controller->options->database, name, error);
    gint64 start_us = g_get_monotonic_time();

    if (pg == NULL) {
        return false;
    }
    controller->ledger = sdm_loader_load(pg, error);
    if (controller->ledger == NULL) {
        return false;
    }
    sdm_log_event(SDM_LOG_INFO, "loaded", sdm_log_int("epoch", controller->epoch),
                  sdm_log_int("us", g_get_monotonic_time() - start_us));
    return true;
}

static void make_use_cases(struct sdm_controller *controller)
{
    const struct sdm_controller_options *options = controller->options;
    struct sdm_planner_params params = SDM_PLANNER_PARAMS_DEFAULT;
    const struct sdm_work_sink sink = {post, controller};

    params.max_segment_bytes = (uint64_t)options->max_dimm_bytes;
    controller->planner = sdm_planner_new(&params);
    controller->plans =
        sdm_plan_cache_new((size_t)options->max_plans, options->plan_valid_ms * 1000);
    controller->registry = (struct sdm_registry){
        .ledger = controller->ledger,
        .sink = sink,
        .on_compute_brick = on_compute_brick,
        .on_memory_brick = on_memory_brick,
        .user = controller,
        .agent_silence_us = options->agent_silence_ms * 1000,
        .version = SDM_VERSION,
    };
    controller->engine = (struct sdm_reservation_engine){
        .ledger = controller->ledger,
        .planner = controller->planner,
        .plans = controller->plans,
        .settler = {.ledger = controller->ledger, .sink = &controller->registry.sink},
        .clock = &sdm_clock_system,
    };
}

static bool make_broker(struct sdm_controller *controller, GError **error)
{
    const struct sdm_controller_options *options = controller->options;
    struct sdm_amqp_config config = {
        .name = "sdm-controller",
        .metrics = sdm_service_get_metrics(controller->service),
        .on_state = on_broker_state,
        /* Above what the codec takes, so that a request that is too large is told so. */
        .max_body_size = 16U << 20,
        .user = controller,
    };

    controller->topology = sdm_broker_topology_new(options->pod, (unsigned)options->report_queues,
                                                   options->max_queued);
    config.topology = sdm_broker_topology_get(controller->topology);
    sdm_amqp_options_apply(&options->broker, &config);
    controller->amqp = sdm_amqp_new(&config, error);
    if (controller->amqp == NULL) {
        return false;
    }
    controller->dead = sdm_dead_new(controller->amqp, config.metrics);
    return true;
}

static bool make_declarer(struct sdm_controller *controller, GError **error)
{
    struct sdm_amqp_config config = {
        .name = "sdm-controller-declarer",
        /* What the queues are bound to may be declared by either, whoever is first. */
        .topology = sdm_broker_topology_get(controller->topology),
        .metrics = sdm_service_get_metrics(controller->service),
        .on_state = on_declarer_state,
        .user = controller,
    };

    sdm_amqp_options_apply(&controller->options->broker, &config);
    controller->declarer = sdm_amqp_new(&config, error);
    if (controller->declarer == NULL) {
        return false;
    }
    controller->desk = sdm_desk_new(controller->amqp, controller->declarer, config.metrics);
    return true;
}

static void make_service(struct sdm_controller *controller)
{
    const struct sdm_controller_options *options = controller->options;
    struct sdm_metrics *metrics = sdm_service_get_metrics(controller->service);

    controller->publisher = sdm_publisher_new(&(struct sdm_publisher_config){
        .amqp = controller->amqp,
        .database = options->database,
        .epoch = controller->epoch,
        .batch_max = 256,
        .patience_ms = options->outbox_patience_ms,
        .metrics = metrics,
        .on_superseded = on_superseded,
        .user = controller,
    });
    controller->backstage = sdm_backstage_new(&(struct sdm_backstage_config){
        .options = options,
        .epoch = controller->epoch,
        .is_older = controller->is_older,
        .amqp = controller->amqp,
        .topology = controller->topology,
        .dead = controller->dead,
        .registry = &controller->registry,
        .metrics = metrics,
        .on_superseded = on_superseded,
        .user = controller,
    });
    controller->keeper = sdm_keeper_new(&(struct sdm_keeper_config){
        .database = options->database,
        .epoch = controller->epoch,
        .engine = &controller->engine,
        .sink = controller->registry.sink,
        .metrics = metrics,
        .on_superseded = on_superseded,
        .user = controller,
    });
    controller->sealer = sdm_sealer_new(&(struct sdm_sealer_config){
        .service = controller->service,
        .database = options->database,
        .pod = options->pod,
        .epoch = controller->epoch,
        .seal_ms = options->audit_seal_ms,
        .block_entries = options->audit_block_entries,
        .head_file = options->audit_head_file,
        .sink = controller->registry.sink,
        .on_superseded = on_superseded,
        .user = controller,
    });
}

static void take_requests(struct sdm_controller *controller)
{
    const struct sdm_controller_options *options = controller->options;

    controller->dispatcher = sdm_dispatcher_new(&(struct sdm_dispatcher_config){
        .amqp = controller->amqp,
        .dead = controller->dead,
        .database = options->database,
        .epoch = controller->epoch,
        .use_cases = {&controller->registry, &controller->engine, controller->desk},
        .auth = controller->auth,
        .metrics = sdm_service_get_metrics(controller->service),
        .n_workers = (unsigned)options->workers,
        .batch_max = (size_t)options->batch_max,
        .prefetch = (uint16_t)options->prefetch,
        .on_superseded = on_superseded,
        .user = controller,
    });
}

static double read_epoch(void *user)
{
    const struct sdm_controller *controller = user;

    return (double)controller->epoch;
}

static void read_totals(struct sdm_controller *controller, struct sdm_ledger_totals *totals)
{
    sdm_ledger_lock(controller->ledger);
    sdm_ledger_totals(controller->ledger, totals);
    sdm_ledger_unlock(controller->ledger);
}

static double read_capacity(void *user)
{
    struct sdm_ledger_totals totals;

    read_totals(user, &totals);
    return (double)totals.capacity_bytes;
}

static double read_free(void *user)
{
    struct sdm_ledger_totals totals;

    read_totals(user, &totals);
    return (double)totals.free_bytes;
}

static double read_circuits(void *user)
{
    struct sdm_ledger_totals totals;

    read_totals(user, &totals);
    return (double)totals.n_circuits;
}

static void add_metrics(struct sdm_controller *controller)
{
    const struct {
        const char *name;
        const char *help;
        double (*read)(void *user);
    } gauges[] = {
        {"sdm_leader_epoch", "Leadership epoch of this controller", read_epoch},
        {"sdm_pool_capacity_bytes", "Memory of all bricks that are not retired", read_capacity},
        {"sdm_pool_free_bytes", "Memory that no reservation has", read_free},
        {"sdm_circuits", "Circuits, wired or to be wired", read_circuits},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(gauges); i++) {
        sdm_metrics_add_function(sdm_service_get_metrics(controller->service), SDM_METRICS_GAUGE,
                                 gauges[i].name, gauges[i].help, gauges[i].read, controller, NULL);
    }
}

static bool begin_to_serve(struct sdm_controller *controller, GError **error)
{
    if (!sdm_backstage_resume(controller->backstage, error)) {
        return false;
    }
    take_requests(controller);
    sdm_log_event(SDM_LOG_INFO, "serving", sdm_log_int("epoch", controller->epoch));
    return true;
}

/* Nothing is served before all have said what there is, or have had the time. */
static bool on_look_due(void *user)
{
    struct sdm_controller *controller = user;
    g_autoptr(GError) error = NULL;
    gint64 now_us = g_get_monotonic_time();

    if (controller->look_until_us == 0 && sdm_amqp_is_connected(controller->amqp)) {
        controller->look_until_us = now_us + controller->options->adopt_timeout_ms * 1000;
    }
    if (controller->look_until_us == 0 ||
        (now_us < controller->look_until_us && !sdm_backstage_has_looked(controller->backstage))) {
        return true;
    }
    /* The database is away: again. */
    if (!begin_to_serve(controller, &error)) {
        sdm_log_limited(SDM_LOG_WARNING, "not-serving-yet", sdm_log_gerror(error));
        return true;
    }
    controller->look_timer = 0;
    return false;
}

struct sdm_controller *sdm_controller_new(const struct sdm_controller_options *options,
                                          struct sdm_service *service, int64_t epoch, bool is_older,
                                          struct sdm_auth auth, GError **error)
{
    g_autoptr(sdm_controller) controller = g_new0(struct sdm_controller, 1);

    controller->options = options;
    controller->service = service;
    controller->epoch = epoch;
    controller->is_older = is_older;
    controller->auth = auth;
    if (!load(controller, error)) {
        return NULL;
    }
    make_use_cases(controller);
    if (!make_broker(controller, error) || !make_declarer(controller, error)) {
        return NULL;
    }
    make_service(controller);
    add_metrics(controller);
    if (!sdm_backstage_look(controller->backstage, error)) {
        return NULL;
    }
    controller->look_timer = sdm_service_add_timer(service, LOOK_POLL_MS, on_look_due, controller);
    return g_steal_pointer(&controller);
}

void sdm_controller_free(struct sdm_controller *controller)
{
    if (controller == NULL) {
        return;
    }
    if (controller->look_timer != 0) {
        sdm_service_remove(controller->service, controller->look_timer);
    }
    sdm_metrics_remove_user(sdm_service_get_metrics(controller->service), controller);
    /* First the door, then what works behind it, then what tells of it. */
    if (controller->dispatcher != NULL) {
        sdm_dispatcher_stop(controller->dispatcher);
    }
    g_clear_pointer(&controller->desk, sdm_desk_free);
    sdm_keeper_free(controller->keeper);
    sdm_sealer_free(controller->sealer);
    if (controller->backstage != NULL) {
        sdm_backstage_stop(controller->backstage);
    }
    if (controller->publisher != NULL) {
        sdm_publisher_stop(controller->publisher);
    }
    __atomic_store_n(&controller->stopping, true, __ATOMIC_RELAXED);
    sdm_amqp_free(controller->declarer);
    sdm_amqp_free(controller->amqp);
    sdm_dispatcher_free(controller->dispatcher);
    sdm_backstage_free(controller->backstage);
    sdm_dead_free(controller->dead);
    sdm_publisher_free(controller->publisher);
    sdm_broker_topology_free(controller->topology);
    sdm_plan_cache_free(controller->plans);
    sdm_planner_free(controller->planner);
    sdm_ledger_free(controller->ledger);
    g_free(controller);
}

void sdm_controller_tick(struct sdm_controller *controller)
{
    sdm_publisher_wake(controller->publisher);
    if (controller->dispatcher == NULL) {
        return;
    }
    sdm_desk_wake(controller->desk);
    sdm_keeper_wake(controller->keeper);
    if (++controller->n_ticks % RECHECK_TICKS == 0) {
        sdm_backstage_wake(controller->backstage);
    }
}

bool sdm_controller_is_serving(const struct sdm_controller *controller)
{
    return controller->dispatcher != NULL;
}

bool sdm_controller_is_connected(const struct sdm_controller *controller)
{
    return sdm_amqp_is_connected(controller->amqp);
}

bool sdm_controller_check(struct sdm_controller *controller, GError **error)
{
    if (!sdm_controller_is_connected(controller)) {
        return sdm_unavailable(error, "leads without a connection to the broker");
    }
    if (!sdm_controller_is_serving(controller)) {
        return sdm_unavailable(error, "leads, and is still looking at what there is");
    }
    return sdm_dispatcher_check(controller->dispatcher, error);
}

static void fill_lane(struct sdm_json *lanes, struct sdm_lane *lane)
{
    struct sdm_json *object = sdm_json_set_object(lanes, sdm_lane_get_name(lane));
    struct sdm_lane_stats stats;

    sdm_lane_get_stats(lane, &stats);
    sdm_json_set_integer(object, "depth", (int64_t)stats.depth);
    sdm_json_set_integer(object, "busy", (int64_t)stats.n_busy);
    sdm_json_set_integer(object, "taken", (int64_t)stats.n_taken);
    sdm_json_set_integer(object, "batches", (int64_t)stats.n_batches);
}

void sdm_controller_fill_status(struct sdm_controller *controller, struct sdm_json *status)
{
    struct sdm_json *lanes;

    sdm_json_set_boolean(status, "broker_connected", sdm_controller_is_connected(controller));
    lanes = sdm_json_set_object(status, "lanes");
    for (int i = 0; controller->dispatcher != NULL && i < SDM_N_LANE_ID; i++) {
        fill_lane(lanes, sdm_dispatcher_lane(controller->dispatcher, (enum sdm_lane_id)i));
    }
}

struct sdm_json *sdm_controller_graph(struct sdm_controller *controller,
                                      const struct sdm_json *args, GError **error)
{
    const struct sdm_json *rack = sdm_json_member(args, "rack");

    if (rack == NULL) {
        return sdm_graph_view_totals(controller->ledger);
    }
    if (sdm_json_kind(rack) != SDM_JSON_STRING) {
        sdm_refuse(error, SDM_ERROR_WRONG_TYPE, "rack: want string, found %s",
                   sdm_json_kind_name(sdm_json_kind(rack)));
        return NULL;
    }
    return sdm_graph_view_rack(controller->ledger, sdm_json_as_string(rack, NULL), error);
}
