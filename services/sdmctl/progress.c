#include "sdmctl/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define SILENT_US (2L * G_USEC_PER_SEC)
#define STEP_US   (G_USEC_PER_SEC / 5)
/* Back to the line's begin, and clear it. */
#define CLEAR "\r\033[K"

struct sdm_ctl_progress {
    const char *what;
    GThread *thread;
    gint64 start_us;
    GMutex mutex; /* guards the one below */
    GCond changed;
    bool is_over;
};

static gpointer show(gpointer data)
{
    struct sdm_ctl_progress *progress = data;
    gint64 next_us = progress->start_us + SILENT_US;
    bool is_shown = false;

    g_mutex_lock(&progress->mutex);
    while (!progress->is_over) {
        if (g_cond_wait_until(&progress->changed, &progress->mutex, next_us)) {
            continue;
        }
        fprintf(stderr, CLEAR "%s, %.1f s", progress->what,
                (double)(g_get_monotonic_time() - progress->start_us) / G_USEC_PER_SEC);
        fflush(stderr);
        is_shown = true;
        next_us += STEP_US;
    }
    g_mutex_unlock(&progress->mutex);
    if (is_shown) {
        fputs(CLEAR, stderr);
    }
    return NULL;
}

struct sdm_ctl_progress *sdm_ctl_progress_start(const char *what)
{
    struct sdm_ctl_progress *progress;

    if (what == NULL || isatty(STDERR_FILENO) != 1) {
        return NULL;
    }
    progress = g_new0(struct sdm_ctl_progress, 1);
    progress->what = what;
    progress->start_us = g_get_monotonic_time();
    g_mutex_init(&progress->mutex);
    g_cond_init(&progress->changed);
    progress->thread = g_thread_new("progress", show, progress);
    return progress;
}

void sdm_ctl_progress_end(struct sdm_ctl_progress *progress)
{
    if (progress == NULL) {
        return;
    }
    g_mutex_lock(&progress->mutex);
    progress->is_over = true;
    g_cond_signal(&progress->changed);
    g_mutex_unlock(&progress->mutex);
    g_thread_join(progress->thread);
    g_mutex_clear(&progress->mutex);
    g_cond_clear(&progress->changed);
    g_free(progress);
}

void sdm_ctl_progress_count(const char *what, size_t n_done, size_t n_all)
{
    if (isatty(STDERR_FILENO) != 1 || n_all < 2) {
        return;
    }
    fprintf(stderr, CLEAR "%s: %zu of %zu", what, n_done, n_all);
    if (n_done == n_all) {
        fputs(CLEAR, stderr);
    }
    fflush(stderr);
}
