#include "sdm-controller/dispatcher/dead.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/svc/log.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/dispatcher/moved.h"

#define N_REASONS       (SDM_DEAD_UNFINISHED + 1)
#define MAX_REASON_SIZE 1024

static const char *const reason_names[N_REASONS] = {
    [SDM_DEAD_NOT] = NULL,
    [SDM_DEAD_UNREADABLE] = "unreadable",
    [SDM_DEAD_UNKNOWN] = "unknown",
    [SDM_DEAD_FAILED] = "failed",
    [SDM_DEAD_UNFINISHED] = "unfinished",
};

struct sdm_dead {
    struct sdm_amqp *amqp;
    struct sdm_counter *counters[N_REASONS];
};

/* A letter on its way. */
struct buried {
    struct sdm_counter *counter;
    void (*done)(void *user, enum sdm_amqp_outcome outcome);
    void *user;
};

struct sdm_dead *sdm_dead_new(struct sdm_amqp *amqp, struct sdm_metrics *metrics)
{
    struct sdm_dead *dead = g_new0(struct sdm_dead, 1);

    dead->amqp = amqp;
    for (int i = SDM_DEAD_UNREADABLE; i < N_REASONS; i++) {
        dead->counters[i] =
            sdm_metrics_counter(metrics, "sdm_poison_messages_total",
                                "Messages that were put into the dead-letter queue, by reason",
                                "reason", reason_names[i], NULL);
    }
    return dead;
}

void sdm_dead_free(struct sdm_dead *dead)
{
    g_free(dead);
}

enum sdm_dead_reason sdm_dead_reason_of(const GError *refusal)
{
    if (g_error_matches(refusal, SDM_ERROR, SDM_ERROR_MALFORMED)) {
        return SDM_DEAD_UNREADABLE;
    }
    return g_error_matches(refusal, SDM_ERROR, SDM_ERROR_UNKNOWN_MESSAGE) ? SDM_DEAD_UNKNOWN
                                                                          : SDM_DEAD_NOT;
}

bool sdm_dead_verdict(enum sdm_amqp_outcome outcome, enum sdm_amqp_verdict *verdict)
{
    /* RETURNED, REFUSED: there is no such queue now. */
    *verdict = outcome == SDM_AMQP_CONFIRMED ? SDM_AMQP_ACK : SDM_AMQP_REJECT;
    return outcome != SDM_AMQP_LOST;
}

static void on_published(void *user, enum sdm_amqp_outcome outcome)
{
    g_autofree struct buried *buried = user;

    if (outcome == SDM_AMQP_CONFIRMED) {
        sdm_counter_add(buried->counter, 1);
        if (sdm_fault("dead.published", NULL)) {
            outcome = SDM_AMQP_LOST;
        }
    }
    buried->done(buried->user, outcome);
}

/* Text of ours may quote a stranger's bytes. */
static char *reason_text(const GError *why)
{
    g_autofree char *valid = g_utf8_make_valid(why->message, -1);

    if (strlen(valid) > MAX_REASON_SIZE) {
        *g_utf8_find_prev_char(valid, valid + MAX_REASON_SIZE) = '\0';
    }
    return g_steal_pointer(&valid);
}

static char *now_text(void)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();

    return g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ");
}

bool sdm_dead_bury(struct sdm_dead *dead, const struct sdm_amqp_delivery *delivery,
                   const char *queue, enum sdm_dead_reason reason, const GError *why,
                   void (*done)(void *user, enum sdm_amqp_outcome outcome), void *user,
                   GError **error)
{
    const char *code = sdm_error_code_name(sdm_error_verdict(why));
    g_autofree char *text = reason_text(why);
    g_autofree char *at = now_text();
    g_autofree char *deliveries = g_strdup_printf("%" PRId64, delivery->delivery_count + 1);
    struct buried *buried = g_new(struct buried, 1);
    struct sdm_moved letter;
    bool ok;

    *buried = (struct buried){dead->counters[reason], done, user};
    sdm_moved_init(&letter, &delivery->message);
    sdm_moved_add(&letter, SDM_HEADER_CODE, code);
    sdm_moved_add(&letter, SDM_HEADER_REASON, text);
    sdm_moved_add(&letter, SDM_HEADER_AT, at);
    sdm_moved_add(&letter, SDM_HEADER_DELIVERIES, deliveries);
    sdm_moved_add_origin(&letter, &delivery->message, queue);
    sdm_moved_add_senders(&letter, &delivery->message);
    letter.message.exchange = SDM_EXCHANGE_DEAD;
    sdm_log_limited(SDM_LOG_WARNING, "dead-letter", sdm_log_text("type", delivery->message.type),
                    sdm_log_text("queue", queue), sdm_log_text("code", code),
                    sdm_log_text("reason", text));
    ok = sdm_amqp_publish(dead->amqp, &letter.message, on_published, buried, error);
    sdm_moved_done(&letter);
    if (!ok) {
        g_free(buried);
    }
    return ok;
}
