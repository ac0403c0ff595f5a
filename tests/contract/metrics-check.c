/* Prints the metrics of lanes and broker connections, for promtool to judge. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/amqp/amqp.h"
#include "lib/svc/lane.h"

static void handle(void *user, void *const *jobs, size_t n)
{
    (void)user;
    (void)jobs;
    (void)n;
}

int main(void)
{
    const struct sdm_lane_config lane_config = {
        .name = "a\"b", .n_workers = 1, .capacity = 1, .batch_max = 1, .handle = handle};
    g_autoptr(sdm_metrics) metrics = sdm_metrics_new();
    const struct sdm_amqp_config config = {
        .uri = "amqp://127.0.0.1:1", .name = "nowhere", .metrics = metrics};
    g_autoptr(sdm_lane) lane = sdm_lane_new(&lane_config);
    g_autoptr(sdm_amqp) amqp = sdm_amqp_new(&config, NULL);
    struct sdm_histogram *histogram = sdm_metrics_histogram(
        metrics, "sdm_check_batch_messages", "messages a batch", &sdm_metrics_batch, NULL);
    g_autofree char *text = NULL;

    sdm_lane_export(lane, metrics);
    sdm_histogram_observe(histogram, 3);
    text = sdm_metrics_render(metrics);
    fputs(text, stdout);
    return EXIT_SUCCESS;
}
