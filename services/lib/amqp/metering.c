#include "lib/amqp/metering.h"

#include "lib/amqp/amqp.h"

#define LABEL "connection", connection

const char *sdm_amqp_outcome_name(enum sdm_amqp_outcome outcome)
{
    static const char *const names[] = {"confirmed", "returned", "refused", "lost"};

    return names[outcome];
}

void sdm_metering_init(struct sdm_metering *metering, struct sdm_metrics *metrics,
                       const char *connection)
{
    static const char *const verdicts[] = {"ack", "reject", "requeue"};

    metering->connected =
        sdm_metrics_gauge(metrics, "sdm_amqp_connected", "1 while it stands", LABEL, NULL);
    metering->blocked = sdm_metrics_gauge(metrics, "sdm_amqp_blocked",
                                          "1 while the broker takes nothing", LABEL, NULL);
    metering->connects =
        sdm_metrics_counter(metrics, "sdm_amqp_connects_total", "connections made", LABEL, NULL);
    metering->losses = sdm_metrics_counter(metrics, "sdm_amqp_losses_total",
                                           "connections and attempts lost", LABEL, NULL);
    metering->published =
        sdm_metrics_counter(metrics, "sdm_amqp_published_total", "messages sent", LABEL, NULL);
    for (int i = 0; i < (int)G_N_ELEMENTS(metering->outcomes); i++) {
        metering->outcomes[i] = sdm_metrics_counter(
            metrics, "sdm_amqp_outcomes_total", "what became of messages to be published", LABEL,
            "outcome", sdm_amqp_outcome_name((enum sdm_amqp_outcome)i), NULL);
    }
    metering->delivered =
        sdm_metrics_counter(metrics, "sdm_amqp_delivered_total", "messages received", LABEL, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(verdicts); i++) {
        metering->settled[i] =
            sdm_metrics_counter(metrics, "sdm_amqp_settled_total", "verdicts on what was received",
                                LABEL, "verdict", verdicts[i], NULL);
    }
    metering->ack_frames =
        sdm_metrics_counter(metrics, "sdm_amqp_ack_frames_total",
                            "acknowledgements sent, each for one or more", LABEL, NULL);
    metering->late =
        sdm_metrics_counter(metrics, "sdm_amqp_late_verdicts_total",
                            "verdicts on deliveries of an earlier connection", LABEL, NULL);
    metering->confirm = sdm_metrics_histogram(metrics, "sdm_amqp_confirm_seconds",
                                              "from publishing to the broker's word",
                                              &sdm_metrics_latency, LABEL, NULL);
}
