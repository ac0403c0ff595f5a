/* A race that is planted: two workers of a lane count in one plain variable.  Who does not see this
 * sees none. */
#include <stdio.h>
#include <stdlib.h>

#include "lib/svc/lane.h"

static int n_handled;

static void handle(void *worker, void *const *jobs, size_t n)
{
    (void)worker;
    (void)jobs;
    /* While both are at it. */
    g_usleep(1000);
    n_handled += (int)n;
}

int main(void)
{
    const struct sdm_lane_config config = {
        .name = "planted", .n_workers = 2, .capacity = 1, .batch_max = 1, .handle = handle};
    struct sdm_lane *lane = sdm_lane_new(&config);

    for (int i = 0; i < 100; i++) {
        while (!sdm_lane_try_push(lane, lane)) {
            g_usleep(100);
        }
    }
    sdm_lane_drain(lane);
    sdm_lane_free(lane);
    printf("%d\n", n_handled);
    return EXIT_SUCCESS;
}
