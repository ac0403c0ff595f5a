/* Who leads: waits until it is us, then shows life until it is somebody else.
 *
 *      standby ──won──▶ leading ──lost──▶ ended
 *
 * Thread rule: one thread of its own; callbacks run on it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct sdm_leadership_config {
    const char *database;
    const char *name; /* who we are; unique among the controllers of a pod */
    int64_t beat_ms;
    /* How long without a beat before a standby takes over. */
    int64_t standby_after_ms;
    /* We lead from here on, under this epoch: load, then serve. */
    void (*on_won)(void *user, int64_t epoch);
    /* Another leads: stop at once. */
    void (*on_lost)(void *user);
    /* Waiting has no sense: the database has another schema. */
    void (*on_hopeless)(void *user, const GError *error);
    void *user;
};

struct sdm_leadership;
typedef struct sdm_leadership sdm_leadership;

struct sdm_leadership *sdm_leadership_new(const struct sdm_leadership_config *config);
/* Ends the thread.  A leader that stops leaves its row to go stale; one of the same name finds it
 * and needs not wait. */
void sdm_leadership_free(struct sdm_leadership *leadership);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_leadership, sdm_leadership_free)

/* 0 while it is a standby; any thread. */
int64_t sdm_leadership_epoch(struct sdm_leadership *leadership);
/* Age of our last beat; any thread. */
int64_t sdm_leadership_beat_age_us(struct sdm_leadership *leadership);
