#include "sdm-agent/session/crew.h"

#include "lib/svc/lane.h"

enum { LANE_CAPACITY = 16384 };

struct sdm_crew {
    struct sdm_backends backends;
    void (*done)(void *user, struct sdm_job *job);
    void *user;
    struct sdm_metrics *metrics;
    struct sdm_lane *rmc;
    struct sdm_lane *host;
    struct sdm_lane *list;
    GHashTable *guests; /* UUID to struct sdm_lane */
    GPtrArray *leaving; /* lanes of guests that are gone */
};

static void handle(void *worker, void *const *jobs, size_t n)
{
    const struct sdm_crew *crew = worker;

    for (size_t i = 0; i < n; i++) {
        sdm_job_run(jobs[i], &crew->backends);
        crew->done(crew->user, jobs[i]);
    }
}

static void free_job(void *job)
{
    sdm_job_free(job);
}

static void free_lane(gpointer lane)
{
    sdm_lane_free(lane);
}

static struct sdm_lane *add_lane(struct sdm_crew *crew, const char *name)
{
    struct sdm_lane_config config = {.name = name,
                                     .n_workers = 1,
                                     .capacity = LANE_CAPACITY,
                                     .batch_max = 1,
                                     .handle = handle,
                                     .job_free = free_job,
                                     .user = crew};

    return sdm_lane_new(&config);
}

struct sdm_crew *sdm_crew_new(const struct sdm_backends *backends,
                              void (*done)(void *user, struct sdm_job *job), void *user,
                              struct sdm_metrics *metrics)
{
    struct sdm_crew *crew = g_new0(struct sdm_crew, 1);

    crew->backends = *backends;
    crew->done = done;
    crew->user = user;
    crew->metrics = metrics;
    crew->rmc = add_lane(crew, "rmc");
    crew->host = add_lane(crew, "host");
    crew->list = add_lane(crew, "list");
    if (metrics != NULL) {
        sdm_lane_export(crew->rmc, metrics);
        sdm_lane_export(crew->host, metrics);
        sdm_lane_export(crew->list, metrics);
    }
    crew->guests = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_lane);
    crew->leaving = g_ptr_array_new_with_free_func(free_lane);
    return crew;
}

void sdm_crew_free(struct sdm_crew *crew)
{
    if (crew == NULL) {
        return;
    }
    g_hash_table_unref(crew->guests);
    g_ptr_array_unref(crew->leaving);
    sdm_lane_free(crew->list);
    sdm_lane_free(crew->host);
    sdm_lane_free(crew->rmc);
    g_free(crew);
}

static struct sdm_lane *guest_lane(struct sdm_crew *crew, const char *vm)
{
    struct sdm_lane *lane = g_hash_table_lookup(crew->guests, vm);

    if (lane == NULL) {
        g_autofree char *name = g_strdup_printf("guest-%.8s", vm);

        lane = add_lane(crew, name);
        g_hash_table_insert(crew->guests, g_strdup(vm), lane);
    }
    return lane;
}

static struct sdm_lane *lane_of(struct sdm_crew *crew, const struct sdm_job *job)
{
    if (job->vm[0] != '\0') {
        return guest_lane(crew, job->vm);
    }
    if (job->kind == SDM_JOB_LIST_VMS) {
        return crew->list;
    }
    if (job->kind == SDM_JOB_LOOK_HOST ||
        (job->kind == SDM_JOB_STEP &&
         (job->step.kind == SDM_STEP_ONLINE_HOST || job->step.kind == SDM_STEP_OFFLINE_HOST))) {
        return crew->host;
    }
    return crew->rmc;
}

/* Ending a lane waits for its worker, so only idle ones are ended. */
static void end_idle_lanes(struct sdm_crew *crew)
{
    for (guint i = crew->leaving->len; i > 0; i--) {
        struct sdm_lane_stats stats;

        sdm_lane_get_stats(g_ptr_array_index(crew->leaving, i - 1), &stats);
        if (stats.depth == 0 && stats.n_busy == 0) {
            g_ptr_array_remove_index_fast(crew->leaving, i - 1);
        }
    }
}

void sdm_crew_push(struct sdm_crew *crew, struct sdm_job *job)
{
    end_idle_lanes(crew);
    /* More jobs than entries and guests there can be: no lane gets so full. */
    if (!sdm_lane_try_push(lane_of(crew, job), job)) {
        sdm_unavailable(&job->error, "lane is full or stopping");
        crew->done(crew->user, job);
    }
}

void sdm_crew_forget(struct sdm_crew *crew, const char *vm)
{
    gpointer key;
    gpointer lane;

    if (g_hash_table_steal_extended(crew->guests, vm, &key, &lane)) {
        g_free(key);
        g_ptr_array_add(crew->leaving, lane);
    }
    end_idle_lanes(crew);
}
