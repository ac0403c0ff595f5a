#include "sdm-controller/dispatcher/worker.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/log.h"
#include "sdm-controller/dispatcher/audit.h"
#include "sdm-controller/dispatcher/batch.h"
#include "sdm-controller/dispatcher/request.h"
#include "sdm-controller/dispatcher/trial.h"
#include "sdm-controller/store/leader.h"

#define MIN_PAUSE_MS 50
#define MAX_PAUSE_MS 2000
/* Races lost in a row after which a batch is run one by one: fewer meet fewer. */
#define MAX_RACES 3
/* Alone, after some seconds, it is no race: memory and database disagree. */
#define MAX_RACES_ALONE 200

struct sdm_worker {
    const struct sdm_worker_lane *lane;
    char *session_name;
    struct sdm_pg *pg; /* NULL until the first connect succeeds */
    struct sdm_batch batch;
    unsigned pause_ms;
    bool has_outage; /* as the lane was told */
    /* The lane stops while the database is away, or another leads: what is left comes again to
     * whoever serves next. */
    bool is_giving_up;
};

#ifdef SDM_FAULTS
/* The mistake 'reply-before-commit'; the pause gives a crash time to come between. */
static void answer_early(void *user, struct sdm_request *const *requests, size_t n)
{
    const struct sdm_worker *worker = user;

    for (size_t i = 0; i < n; i++) {
        sdm_replies_send_early(worker->lane->config->replies, requests[i]);
    }
    g_usleep(20000);
}
#endif

void *sdm_worker_new(void *user, unsigned index)
{
    struct sdm_worker *worker = g_new0(struct sdm_worker, 1);
    static const char *const names[] = {"reservation", "registry"};
    g_autofree char *part = NULL;

    worker->lane = user;
    part = g_strdup_printf("%s %u", names[worker->lane->id], index);
    worker->session_name = sdm_leader_session_name(worker->lane->config->epoch, part);
    worker->batch.use_cases = &worker->lane->config->use_cases;
    worker->batch.epoch = worker->lane->config->epoch;
#ifdef SDM_FAULTS
    worker->batch.answer_early = answer_early;
    worker->batch.user = worker;
#endif
    worker->pause_ms = MIN_PAUSE_MS;
    return worker;
}

void sdm_worker_free(void *data)
{
    struct sdm_worker *worker = data;

    /* What is unknown stays so: the process ends, and its memory with it. */
    if (!sdm_batch_is_unknown(&worker->batch)) {
        sdm_tx_done(&worker->batch.tx);
    }
    sdm_pg_close(worker->pg);
    g_free(worker->session_name);
    g_free(worker);
}

static bool connect(struct sdm_worker *worker, GError **error)
{
    if (worker->pg == NULL) {
        worker->pg = sdm_pg_open(worker->lane->config->database, worker->session_name, error);
        worker->batch.pg = worker->pg;
        return worker->pg != NULL;
    }
    return sdm_pg_is_connected(worker->pg) || sdm_pg_reconnect(worker->pg, error);
}

static void give_up(struct sdm_worker *worker)
{
    worker->is_giving_up = true;
}

static void begin_outage(struct sdm_worker *worker, const GError *error)
{
    sdm_log_limited(SDM_LOG_WARNING, "database-away", sdm_log_text("session", worker->session_name),
                    sdm_log_gerror(error));
    if (!worker->has_outage) {
        worker->has_outage = true;
        sdm_lane_begin_outage(worker->lane->lane, error->message);
    }
}

/* What needed the database is done, or given up. */
static void end_outage(struct sdm_worker *worker)
{
    worker->pause_ms = MIN_PAUSE_MS;
    if (worker->has_outage) {
        worker->has_outage = false;
        sdm_lane_end_outage(worker->lane->lane);
    }
}

/* A pause after an error that a connection which seems alive gave, too, so that it is not asked in
 * a loop. */
static bool pause_briefly(struct sdm_worker *worker)
{
    if (!sdm_lane_sleep(worker->lane->lane, worker->pause_ms)) {
        give_up(worker);
    }
    worker->pause_ms = MIN(worker->pause_ms * 2, MAX_PAUSE_MS);
    return !worker->is_giving_up;
}

/* Waits until there is a connection; false when the lane stops first. */
static bool wait_for_database(struct sdm_worker *worker)
{
    g_autoptr(GError) error = NULL;

    while (!worker->is_giving_up && !connect(worker, &error)) {
        begin_outage(worker, error);
        g_clear_error(&error);
        pause_briefly(worker);
    }
    return !worker->is_giving_up;
}

static void lose_leadership(struct sdm_worker *worker)
{
    const struct sdm_worker_config *config = worker->lane->config;

    give_up(worker);
    config->on_superseded(config->user);
}

static void settle_unknown(struct sdm_worker *worker, struct sdm_request *const *requests, size_t n,
                           enum sdm_batch_result *result)
{
    while (sdm_batch_is_unknown(&worker->batch) && pause_briefly(worker)) {
        g_autoptr(GError) error = NULL;

        if (wait_for_database(worker)) {
            *result = sdm_batch_settle(&worker->batch, requests, n, &error);
        }
        if (error != NULL) {
            begin_outage(worker, error);
        }
    }
}

/* Lets the winner finish; not in step with others that lost. */
static void lose_race(struct sdm_worker *worker, unsigned n_races)
{
    unsigned longest_ms = 1U << MIN(n_races, 6U);

    if (!sdm_lane_sleep(worker->lane->lane,
                        (unsigned)g_random_int_range(1, (gint)longest_ms + 1))) {
        give_up(worker);
    }
}

/* Runs requests whose keys differ until they are done or have failed; false with 'error' set when
 * they have. */
static enum sdm_batch_result run(struct sdm_worker *worker, struct sdm_request *const *requests,
                                 size_t n, GError **error)
{
    enum sdm_batch_result result = SDM_BATCH_UNAVAILABLE;
    unsigned n_races = 0;

    while (wait_for_database(worker)) {
        g_autoptr(GError) why = NULL;

        result = sdm_batch_run(&worker->batch, requests, n, &why);
        if (sdm_batch_is_unknown(&worker->batch)) {
            settle_unknown(worker, requests, n, &result);
        }
        if (result == SDM_BATCH_SUPERSEDED) {
            lose_leadership(worker);
        } else if (result == SDM_BATCH_UNAVAILABLE) {
            begin_outage(worker, why);
            pause_briefly(worker);
        } else if (result == SDM_BATCH_AGAIN && n > 1 && n_races >= MAX_RACES) {
            return SDM_BATCH_APART;
        } else if (result == SDM_BATCH_AGAIN && n_races >= MAX_RACES_ALONE) {
            sdm_fail(error, "lost %u races: %s", n_races,
                     why != NULL ? why->message : "the key is taken");
            return SDM_BATCH_FAILED;
        } else if (result == SDM_BATCH_AGAIN) {
            lose_race(worker, n_races++);
        } else {
            end_outage(worker);
            if (why != NULL) {
                g_propagate_error(error, g_steal_pointer(&why));
            }
            return result;
        }
    }
    return result;
}

static void run_alone(struct sdm_worker *worker, struct sdm_request *request)
{
    struct sdm_replies *replies = worker->lane->config->replies;
    g_autoptr(GError) error = NULL;

    switch (run(worker, &request, 1, &error)) {
    case SDM_BATCH_DONE:
        sdm_replies_send_take(replies, request);
        break;
    case SDM_BATCH_FAILED:
        sdm_replies_fail_take(replies, request, error);
        break;
    default:
        sdm_request_free(request);
        break;
    }
}

static void run_together(struct sdm_worker *worker, struct sdm_request **requests, size_t n)
{
    g_autoptr(GError) error = NULL;
    enum sdm_batch_result result;

    if (n == 1) {
        run_alone(worker, requests[0]);
        return;
    }
    result = run(worker, requests, n, &error);
    for (size_t i = 0; i < n; i++) {
        if (result == SDM_BATCH_DONE) {
            sdm_replies_send_take(worker->lane->config->replies, requests[i]);
        } else if (result == SDM_BATCH_APART) {
            run_alone(worker, requests[i]);
        } else {
            sdm_request_free(requests[i]);
        }
    }
}

/* One look at the log: true when there is no more to do for it, and the answers may go.  That an
 * administrator has looked at something is told as far as it can be: a full disk must not hide the
 * controller's state. */
static bool try_note(struct sdm_worker *worker, struct sdm_request *const *requests, size_t n)
{
    g_autoptr(GError) error = NULL;
    enum sdm_batch_result result = sdm_batch_note(&worker->batch, requests, n, &error);

    if (sdm_batch_is_unknown(&worker->batch)) {
        /* They are answered already, and stay so. */
        settle_unknown(worker, NULL, 0, &result);
    }
    if (result == SDM_BATCH_SUPERSEDED) {
        lose_leadership(worker);
        return false;
    }
    if (result == SDM_BATCH_DONE) {
        end_outage(worker);
        return true;
    }
    sdm_log_limited(SDM_LOG_ERROR, "audit-not-written", sdm_log_text("type", requests[0]->type),
                    sdm_log_gerror(error));
    return result == SDM_BATCH_FAILED || requests[0]->route->read != NULL || !pause_briefly(worker);
}

/* Answers requests that are not carried out, once the log tells of them. */
static void note_together(struct sdm_worker *worker, struct sdm_request *const *requests, size_t n)
{
    bool is_noted = n == 0;

    while (!is_noted && wait_for_database(worker)) {
        is_noted = try_note(worker, requests, n);
    }
    for (size_t i = 0; i < n; i++) {
        if (is_noted && !worker->is_giving_up) {
            sdm_replies_send_take(worker->lane->config->replies, requests[i]);
        } else {
            sdm_request_free(requests[i]);
        }
    }
}

static void send_read(struct sdm_worker *worker, struct sdm_request *request)
{
    if (sdm_audit_wants(request)) {
        note_together(worker, &request, 1);
    } else {
        sdm_replies_send_take(worker->lane->config->replies, request);
    }
}

static void run_read(struct sdm_worker *worker, struct sdm_request *request)
{
    struct sdm_replies *replies = worker->lane->config->replies;

    while (wait_for_database(worker)) {
        g_autoptr(GError) error = NULL;

        if (!sdm_request_fault(request, &error) &&
            request->route->read(&worker->lane->config->use_cases, worker->pg, &request->caller,
                                 request->message, request->arena, &request->outcome, &error)) {
            sdm_request_answer(request);
        } else if (error->domain == SDM_ERROR) {
            sdm_request_answer_error(request, error);
        } else if (error->domain == SDM_UNAVAILABLE || sdm_tx_is_again(error)) {
            sdm_request_reset(request);
            if (error->domain == SDM_UNAVAILABLE) {
                begin_outage(worker, error);
            }
            pause_briefly(worker);
            continue;
        } else {
            sdm_replies_fail_take(replies, request, error);
            return;
        }
        end_outage(worker);
        send_read(worker, request);
        return;
    }
    sdm_request_free(request);
}

/* Reads the request, and answers it when it cannot be carried out: then NULL.  What the log tells
 * of is answered with 'refused'. */
static struct sdm_request *read_request(struct sdm_worker *worker, struct sdm_request *request,
                                        GPtrArray *refused)
{
    const struct sdm_worker_config *config = worker->lane->config;
    g_autoptr(GError) error = NULL;

    if (sdm_request_read(request, &config->auth, &error) &&
        (request->route->lane == worker->lane->id || request->route->read != NULL ||
         sdm_refuse(&error, SDM_ERROR_UNKNOWN_MESSAGE, "%s belongs to another topic",
                    request->type))) {
        return request;
    }
    sdm_log_limited(SDM_LOG_INFO, "request-refused", sdm_log_text("type", request->type),
                    sdm_log_text("user", request->caller.user), sdm_log_gerror(error));
    sdm_request_answer_error(request, error);
    /* Who is not known could push what matters out of the queue of dead letters. */
    if (request->caller.user[0] != '\0' && (request->route == NULL || !request->is_read)) {
        request->dead = sdm_dead_reason_of(error);
        request->refusal = g_steal_pointer(&error);
    }
    if (sdm_audit_wants(request)) {
        g_ptr_array_add(refused, request);
    } else {
        sdm_replies_send_take(config->replies, request);
    }
    return NULL;
}

/* On trial, each run ended the controller: it is not run again, and read only if that has not been
 * tried yet, because its answer's address may be in its body. */
static void give_up_request(struct sdm_worker *worker, struct sdm_request *request)
{
    const struct sdm_worker_config *config = worker->lane->config;

    if (request->n_tries == SDM_TRIALS) {
        sdm_request_read(request, &config->auth, NULL);
    } else {
        sdm_request_open(request);
    }
    request->dead = SDM_DEAD_UNFINISHED;
    sdm_fail(&request->refusal,
             "tried alone %" PRId64 " times, and each time the controller ended "
             "before it was done",
             request->n_tries);
    sdm_request_answer_error(request, request->refusal);
    sdm_replies_send_take(config->replies, request);
}

static bool is_same_key(const struct sdm_request *a, const struct sdm_request *b)
{
    return strcmp(a->members.key, b->members.key) == 0 &&
           strcmp(a->caller.project, b->caller.project) == 0;
}

/* True when one of the batch has the key already: it comes to the next, and finds the answer. */
static bool has_key(struct sdm_request *const *requests, size_t n, const struct sdm_request *added)
{
    for (size_t i = 0; i < n; i++) {
        if (is_same_key(requests[i], added)) {
            return true;
        }
    }
    return false;
}

void sdm_worker_handle(void *data, void *const *jobs, size_t n)
{
    struct sdm_worker *worker = data;
    g_autofree struct sdm_request **writing = g_new(struct sdm_request *, n);
    g_autoptr(GPtrArray) refused = g_ptr_array_new();
    size_t n_writing = 0;

    for (size_t i = 0; i < n; i++) {
        struct sdm_request *request = jobs[i];

        if (request->is_on_trial && request->n_tries >= SDM_TRIALS) {
            give_up_request(worker, request);
            continue;
        }
        request = read_request(worker, request, refused);
        if (request == NULL) {
            continue;
        }
        if (request->route->read != NULL) {
            run_read(worker, request);
            continue;
        }
        if (has_key(writing, n_writing, request)) {
            run_together(worker, writing, n_writing);
            n_writing = 0;
        }
        writing[n_writing++] = request;
    }
    if (n_writing > 0) {
        run_together(worker, writing, n_writing);
    }
    note_together(worker, (struct sdm_request *const *)refused->pdata, refused->len);
    end_outage(worker);
}
