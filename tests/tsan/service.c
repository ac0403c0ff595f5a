/* A daemon's main thread, asked by others: clients of the control socket, workers that post to it,
 * count and log, and those who read its health. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/svc/control.h"
#include "lib/svc/service.h"

#define N_CLIENTS 3
#define N_WORKERS 3
#define N_CALLS   60
#define N_POSTS   2000

static struct sdm_service *service;
static char *path;
static atomic_int n_answered;
static atomic_int n_running = N_CLIENTS + N_WORKERS;
static int n_posted; /* of the main thread: not atomic */

static void end(void)
{
    if (atomic_fetch_sub(&n_running, 1) == 1) {
        sdm_service_stop(service, 0);
    }
}

static void *ask(void *user)
{
    static const char *const commands[] = {"status", "metrics", "help"};

    for (int i = 0; i < N_CALLS; i++) {
        struct sdm_json *answer =
            sdm_control_call(path, commands[(size_t)i % G_N_ELEMENTS(commands)], NULL, 30000, NULL);

        atomic_fetch_add(&n_answered, answer != NULL);
        sdm_json_free(answer);
    }
    end();
    return user;
}

static void count_posted(void *user)
{
    (*(int *)user)++;
}

static void *work(void *user)
{
    struct sdm_counter *counter =
        sdm_metrics_counter(sdm_service_get_metrics(service), "sdm_worked_total", "worked", NULL);

    for (int i = 0; i < N_POSTS; i++) {
        sdm_service_post(service, count_posted, &n_posted);
        sdm_counter_add(counter, 1);
        sdm_log_limited(SDM_LOG_DEBUG, "worked", sdm_log_int("i", i));
        g_free(sdm_health_read(sdm_service_get_health(service)));
    }
    end();
    return user;
}

static bool is_well(void *user, GError **error)
{
    (void)error;
    n_posted += *(int *)user;
    return true;
}

int main(void)
{
    g_autofree char *folder = g_dir_make_tmp("sdm-tsan-XXXXXX", NULL);
    struct sdm_service_options options = {.log_level = (char *)"error"};
    pthread_t threads[N_CLIENTS + N_WORKERS];
    int nothing = 0;

    options.control_socket = path = g_build_filename(folder, "socket", NULL);
    service = sdm_service_new(NULL, "sdm-tsan", &options, NULL);
    g_assert(service != NULL);
    sdm_health_add(sdm_service_get_health(service), is_well, &nothing);
    for (int i = 0; i < N_CLIENTS + N_WORKERS; i++) {
        pthread_create(&threads[i], NULL, i < N_CLIENTS ? ask : work, NULL);
    }
    sdm_service_run(service);
    for (int i = 0; i < N_CLIENTS + N_WORKERS; i++) {
        pthread_join(threads[i], NULL);
    }
    sdm_service_free(service);
    rmdir(folder);
    g_free(path);
    printf("%d answered, %d posted\n", atomic_load(&n_answered), n_posted);
    return atomic_load(&n_answered) == N_CLIENTS * N_CALLS && n_posted == N_WORKERS * N_POSTS
               ? EXIT_SUCCESS
               : EXIT_FAILURE;
}
