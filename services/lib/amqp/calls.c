#include "lib/amqp/amqp.h"

#include "lib/amqp/declare.h"
#include "lib/amqp/io.h"
#include "lib/base/error.h"

/* A call that another thread waits for. */
struct call_op {
    struct sdm_op op;
    bool (*call)(struct sdm_amqp *amqp, const void *argument, GError **error);
    const void *argument;
    pthread_mutex_t mutex; /* guards those below */
    pthread_cond_t ended;
    bool is_ended;
    bool ok;
    GError *error;
};

static void run_call(struct sdm_amqp *amqp, struct sdm_op *op)
{
    struct call_op *call = (struct call_op *)op;
    GError *error = NULL;
    bool ok = call->call(amqp, call->argument, &error);

    pthread_mutex_lock(&call->mutex);
    call->ok = ok;
    call->error = error;
    call->is_ended = true;
    pthread_cond_signal(&call->ended);
    pthread_mutex_unlock(&call->mutex);
}

/* Runs 'call' on the I/O thread, which answers each within its time-outs. */
static bool call_and_wait(struct sdm_amqp *amqp,
                          bool (*call)(struct sdm_amqp *amqp, const void *argument, GError **error),
                          const void *argument, GError **error)
{
    struct call_op op = {.op.run = run_call, .call = call, .argument = argument};

    if (sdm_amqp_is_own_thread(amqp)) {
        return call(amqp, argument, error);
    }
    pthread_mutex_init(&op.mutex, NULL);
    pthread_cond_init(&op.ended, NULL);
    sdm_op_post(amqp, &op.op);
    pthread_mutex_lock(&op.mutex);
    while (!op.is_ended) {
        pthread_cond_wait(&op.ended, &op.mutex);
    }
    pthread_mutex_unlock(&op.mutex);
    pthread_mutex_destroy(&op.mutex);
    pthread_cond_destroy(&op.ended);
    if (op.error != NULL) {
        g_propagate_error(error, op.error);
    }
    return op.ok;
}

/* An answer that the broker did not give ends the connection; what it refused does not. */
static bool end_if_gone(struct sdm_amqp *amqp, bool ok, const GError *error)
{
    if (!ok && error->domain == SDM_UNAVAILABLE) {
        sdm_amqp_fail(amqp, g_error_copy(error));
    }
    return ok;
}

static bool call_declare(struct sdm_amqp *amqp, const void *argument, GError **error)
{
    GError *cause = NULL;
    bool ok;

    if (amqp->connection == NULL) {
        return sdm_unavailable(error, "no connection to the broker");
    }
    ok = sdm_declare_topology(amqp->connection, argument, &cause);
    end_if_gone(amqp, ok, cause);
    if (!ok) {
        g_propagate_error(error, cause);
    }
    return ok;
}

bool sdm_amqp_declare(struct sdm_amqp *amqp, const struct sdm_amqp_topology *topology,
                      GError **error)
{
    return call_and_wait(amqp, call_declare, topology, error);
}

static bool call_delete_queue(struct sdm_amqp *amqp, const void *argument, GError **error)
{
    GError *cause = NULL;
    bool ok;

    if (amqp->connection == NULL) {
        return sdm_unavailable(error, "no connection to the broker");
    }
    ok = sdm_declare_delete_queue(amqp->connection, argument, &cause);
    end_if_gone(amqp, ok, cause);
    if (!ok) {
        g_propagate_error(error, cause);
    }
    return ok;
}

bool sdm_amqp_delete_queue(struct sdm_amqp *amqp, const char *queue, GError **error)
{
    return call_and_wait(amqp, call_delete_queue, queue, error);
}

struct count {
    const char *queue;
    uint64_t *n;
};

static bool call_count(struct sdm_amqp *amqp, const void *argument, GError **error)
{
    const struct count *count = argument;
    GError *cause = NULL;
    bool ok;

    if (amqp->connection == NULL) {
        return sdm_unavailable(error, "no connection to the broker");
    }
    ok = sdm_declare_count(amqp->connection, count->queue, count->n, &cause);
    end_if_gone(amqp, ok, cause);
    if (!ok) {
        g_propagate_error(error, cause);
    }
    return ok;
}

bool sdm_amqp_count(struct sdm_amqp *amqp, const char *queue, uint64_t *n, GError **error)
{
    const struct count count = {queue, n};

    return call_and_wait(amqp, call_count, &count, error);
}
