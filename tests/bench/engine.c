/* Load for a broker: requests out in a window, replies back; and an echo server, which answers each
 * request with itself and so tells what the broker alone can do.
 *
 *     bench-engine load EXCHANGE KEY TYPE WINDOW   one request a line of standard input: TOKEN BODY
 *     bench-engine echo EXCHANGE KEY QUEUE         until standard input ends
 *
 * Both speak to the broker in SDM_BROKER.  load prints one JSON object; it fails when the
 * connection goes, and counts refusals.  The echo server does what a controller owes its clients: a
 * quorum queue, replies published with confirms, acknowledgements after those. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib.h>

#include "lib/amqp/amqp.h"

/* What the controller takes unless told otherwise. */
#define ECHO_PREFETCH 512

struct request {
    char *token;
    char *body;
    int64_t sent_us;
    int64_t took_us;
};

/* 'mutex' guards what changes while requests run; the rest is set before. */
struct load {
    struct sdm_amqp *amqp;
    const char *exchange;
    const char *key;
    const char *type;
    char *reply_queue;
    struct request *requests;
    size_t n;

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t n_sent;
    size_t n_answered;
    size_t n_refused;
    char *refusal;
    char *failure;
};

static void fail(struct load *load, const char *text)
{
    pthread_mutex_lock(&load->mutex);
    if (load->failure == NULL) {
        load->failure = g_strdup(text);
    }
    pthread_cond_signal(&load->changed);
    pthread_mutex_unlock(&load->mutex);
}

static void on_published(void *user, enum sdm_amqp_outcome outcome)
{
    if (outcome != SDM_AMQP_CONFIRMED) {
        fail(user, sdm_amqp_outcome_name(outcome));
    }
}

static void send_one(struct load *load, size_t i)
{
    char id[24];
    struct request *request = &load->requests[i];
    const struct sdm_amqp_header header = {"sdm-token", request->token};
    const struct sdm_amqp_message message = {
        .exchange = load->exchange,
        .routing_key = load->key,
        .type = load->type,
        .correlation_id = id,
        .reply_to = load->reply_queue,
        .content_type = "application/json",
        .headers = &header,
        .n_headers = 1,
        .body = request->body,
        .size = strlen(request->body),
        .is_persistent = true,
        .is_mandatory = true,
    };
    g_autoptr(GError) error = NULL;

    g_snprintf(id, sizeof id, "%zu", i);
    request->sent_us = g_get_monotonic_time();
    if (!sdm_amqp_publish(load->amqp, &message, on_published, load, &error)) {
        fail(load, error->message);
    }
}

/* The index of the next request; 'n' when all are on their way. */
static size_t take_next(struct load *load)
{
    return load->n_sent < load->n ? load->n_sent++ : load->n;
}

static bool on_reply(void *user, struct sdm_amqp_delivery *delivery)
{
    struct load *load = user;
    g_autoptr(sdm_amqp_delivery) reply = delivery;
    size_t i = strtoull(reply->message.correlation_id, NULL, 10);
    size_t next;

    g_assert(i < load->n);
    load->requests[i].took_us = g_get_monotonic_time() - load->requests[i].sent_us;
    pthread_mutex_lock(&load->mutex);
    next = take_next(load);
    load->n_answered++;
    if (g_strcmp0(reply->message.type, "error/1") == 0 && load->n_refused++ == 0) {
        load->refusal = g_strdup(reply->message.body);
    }
    if (load->n_answered == load->n) {
        pthread_cond_signal(&load->changed);
    }
    pthread_mutex_unlock(&load->mutex);
    if (next < load->n) {
        send_one(load, next);
    }
    return true;
}

static void on_state(void *user, bool is_connected)
{
    if (!is_connected) {
        fail(user, "the connection went");
    }
}

static struct sdm_amqp *connect_to(const struct sdm_amqp_topology *topology, struct load *load)
{
    const struct sdm_amqp_config config = {
        .uri = g_getenv("SDM_BROKER"),
        .name = "bench",
        .topology = topology,
        .on_state = load != NULL ? on_state : NULL,
        .user = load,
    };
    g_autoptr(GError) error = NULL;
    struct sdm_amqp *amqp = config.uri != NULL ? sdm_amqp_new(&config, &error) : NULL;

    if (amqp == NULL || !sdm_amqp_wait_connected(amqp, 20000, true, &error)) {
        fprintf(stderr, "bench-engine: %s\n", error != NULL ? error->message : "no SDM_BROKER");
        exit(1);
    }
    return amqp;
}

static void read_requests(struct load *load)
{
    GArray *requests = g_array_new(FALSE, TRUE, sizeof(struct request));
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, stdin) > 0) {
        char **words = g_strsplit(g_strchomp(line), " ", 2);
        struct request request = {.token = words[0], .body = words[1]};

        if (request.token == NULL || request.body == NULL) {
            fprintf(stderr, "bench-engine: line %u is no 'TOKEN BODY'\n", requests->len + 1);
            exit(1);
        }
        g_array_append_val(requests, request);
        g_free(words);
    }
    free(line);
    load->n = requests->len;
    load->requests = (struct request *)(void *)g_array_free(requests, FALSE);
}

static int compare(const void *a, const void *b)
{
    int64_t left = ((const struct request *)a)->took_us;
    int64_t right = ((const struct request *)b)->took_us;

    return (left > right) - (left < right);
}

static int64_t processor_us(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * INT64_C(1000000) +
           used.ru_utime.tv_usec + used.ru_stime.tv_usec;
}

static void report(struct load *load, int64_t took_us, int64_t cpu_us)
{
    g_autofree char *refusal = g_strescape(load->refusal != NULL ? load->refusal : "", NULL);

    qsort(load->requests, load->n, sizeof *load->requests, compare);
    printf("{\"n\": %zu, \"seconds\": %.6f, \"per_s\": %.1f, \"p50_us\": %" PRId64
           ", \"p99_us\": %" PRId64 ", \"max_us\": %" PRId64
           ", \"client_us\": %.1f, \"refused\": %zu, \"refusal\": \"%s\"}\n",
           load->n, (double)took_us / 1e6, 1e6 * (double)load->n / (double)took_us,
           load->requests[load->n / 2].took_us, load->requests[load->n * 99 / 100].took_us,
           load->requests[load->n - 1].took_us, (double)cpu_us / (double)load->n, load->n_refused,
           refusal);
}

/* Fills the window; each reply sends the next request. */
static bool run_load(struct load *load, size_t window)
{
    int64_t start_us = g_get_monotonic_time();
    int64_t start_cpu_us = processor_us();

    for (size_t i = 0; i < window; i++) {
        size_t next;

        pthread_mutex_lock(&load->mutex);
        next = take_next(load);
        pthread_mutex_unlock(&load->mutex);
        if (next < load->n) {
            send_one(load, next);
        }
    }
    pthread_mutex_lock(&load->mutex);
    while (load->n_answered < load->n && load->failure == NULL) {
        pthread_cond_wait(&load->changed, &load->mutex);
    }
    pthread_mutex_unlock(&load->mutex);
    if (load->failure != NULL) {
        fprintf(stderr, "bench-engine: after %zu replies: %s\n", load->n_answered, load->failure);
        return false;
    }
    report(load, g_get_monotonic_time() - start_us, processor_us() - start_cpu_us);
    return true;
}

static int load_main(char **arguments)
{
    struct load load = {.exchange = arguments[0],
                        .key = arguments[1],
                        .type = arguments[2],
                        .reply_queue = g_strdup_printf("sdm.reply.bench-%d", (int)getpid())};
    const struct sdm_amqp_queue queue = {.name = load.reply_queue,
                                         .is_exclusive = true,
                                         .is_auto_delete = true,
                                         .is_transient = true};
    const struct sdm_amqp_topology topology = {.queues = &queue, .n_queues = 1};
    const struct sdm_amqp_consumer_config consumer = {
        .queue = load.reply_queue, .is_settled = true, .deliver = on_reply, .user = &load};
    size_t window = strtoull(arguments[3], NULL, 10);
    bool ok;

    read_requests(&load);
    if (window == 0 || load.n == 0) {
        fprintf(stderr, "bench-engine: want a window and requests of at least 1\n");
        return 2;
    }
    pthread_mutex_init(&load.mutex, NULL);
    pthread_cond_init(&load.changed, NULL);
    load.amqp = connect_to(&topology, &load);
    sdm_amqp_consume(load.amqp, &consumer);
    ok = run_load(&load, window);
    sdm_amqp_free(load.amqp);
    /* What is left goes with the process. */
    return ok ? 0 : 1;
}

/* A request that was answered, and is to be acknowledged. */
struct echoed {
    struct sdm_amqp *amqp;
    struct sdm_amqp_tag tag;
};

static void on_echoed(void *user, enum sdm_amqp_outcome outcome)
{
    g_autofree struct echoed *echoed = user;

    if (outcome != SDM_AMQP_LOST) {
        sdm_amqp_settle(echoed->amqp, &echoed->tag, 1, SDM_AMQP_ACK);
    }
}

static bool on_request(void *user, struct sdm_amqp_delivery *delivery)
{
    g_autoptr(sdm_amqp_delivery) request = delivery;
    struct echoed *echoed = g_new(struct echoed, 1);
    struct sdm_amqp **amqp = user;
    const struct sdm_amqp_message reply = {
        .exchange = "",
        .routing_key = request->message.reply_to,
        .type = request->message.type,
        .correlation_id = request->message.correlation_id,
        .content_type = "application/json",
        .body = request->message.body,
        .size = request->message.size,
        .is_persistent = true,
        .is_mandatory = true,
    };

    *echoed = (struct echoed){*amqp, request->tag};
    if (!sdm_amqp_publish(*amqp, &reply, on_echoed, echoed, NULL)) {
        g_free(echoed);
    }
    return true;
}

static int echo_main(char **arguments)
{
    const struct sdm_amqp_exchange exchange = {.name = arguments[0], .type = "topic"};
    const struct sdm_amqp_queue queue = {.name = arguments[2], .is_quorum = true};
    const struct sdm_amqp_binding binding = {arguments[2], arguments[0], arguments[1]};
    const struct sdm_amqp_topology topology = {&exchange, 1, &queue, 1, &binding, 1};
    struct sdm_amqp *amqp = connect_to(&topology, NULL);
    const struct sdm_amqp_consumer_config consumer = {
        .queue = arguments[2], .prefetch = ECHO_PREFETCH, .deliver = on_request, .user = &amqp};

    sdm_amqp_consume(amqp, &consumer);
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF) {
    }
    sdm_amqp_free(amqp);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "load") == 0) {
        return load_main(argv + 2);
    }
    if (argc == 5 && strcmp(argv[1], "echo") == 0) {
        return echo_main(argv + 2);
    }
    fprintf(stderr, "usage: %s load EXCHANGE KEY TYPE WINDOW | echo EXCHANGE KEY QUEUE\n", argv[0]);
    return 2;
}
