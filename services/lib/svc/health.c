#include "lib/svc/health.h"

#include <pthread.h>

#define HANGS_US (10 * G_USEC_PER_SEC)

struct question {
    bool (*check)(void *user, GError **error);
    void *user;
};

struct sdm_health {
    GArray *questions; /* struct question */
    bool has_ended;
    pthread_mutex_t mutex; /* guards those below */
    char *reason;          /* NULL while healthy */
    gint64 asked_us;
};

struct sdm_health *sdm_health_new(void)
{
    struct sdm_health *health = g_new0(struct sdm_health, 1);

    health->questions = g_array_new(FALSE, FALSE, sizeof(struct question));
    pthread_mutex_init(&health->mutex, NULL);
    health->reason = g_strdup("starting");
    health->asked_us = g_get_monotonic_time();
    return health;
}

void sdm_health_free(struct sdm_health *health)
{
    if (health == NULL) {
        return;
    }
    g_array_unref(health->questions);
    pthread_mutex_destroy(&health->mutex);
    g_free(health->reason);
    g_free(health);
}

void sdm_health_add(struct sdm_health *health, bool (*check)(void *user, GError **error),
                    void *user)
{
    const struct question question = {check, user};

    g_array_append_val(health->questions, question);
}

static void set_reason(struct sdm_health *health, const char *reason)
{
    pthread_mutex_lock(&health->mutex);
    g_free(health->reason);
    health->reason = reason != NULL ? g_strdelimit(g_strdup(reason), "\r\n", ' ') : NULL;
    health->asked_us = g_get_monotonic_time();
    pthread_mutex_unlock(&health->mutex);
}

void sdm_health_ask(struct sdm_health *health)
{
    g_autoptr(GError) error = NULL;

    if (health->has_ended) {
        return;
    }
    for (guint i = 0; i < health->questions->len && error == NULL; i++) {
        const struct question *question = &g_array_index(health->questions, struct question, i);

        question->check(question->user, &error);
    }
    set_reason(health, error != NULL ? error->message : NULL);
}

void sdm_health_end(struct sdm_health *health, const char *reason)
{
    health->has_ended = true;
    set_reason(health, reason);
}

char *sdm_health_read(struct sdm_health *health)
{
    gint64 age_us;
    char *reason;

    pthread_mutex_lock(&health->mutex);
    age_us = g_get_monotonic_time() - health->asked_us;
    reason = g_strdup(health->reason);
    pthread_mutex_unlock(&health->mutex);
    if (reason == NULL && age_us > HANGS_US) {
        reason = g_strdup_printf("the main thread has not answered for %" G_GINT64_FORMAT " s",
                                 age_us / G_USEC_PER_SEC);
    }
    return reason;
}
