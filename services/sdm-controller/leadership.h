/* Who leads: waits until it is us, then shows life until it is somebody else.
 *
 *      standby ──won──▶ leading ──lost, or yielded──▶ ended
 *
 * A leader that ends in order resigns: a standby takes over with its next look.  One that has been
 * without the broker for long yields, if a standby has had it all that time.
 *
 * Thread rule: one thread of its own; callbacks run on it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/pg.h"

struct sdm_leadership_config {
    const char *database;
    const char *name; /* who we are; unique among the controllers of a pod */
    int64_t beat_ms;
    /* How long without a beat before a standby takes over. */
    int64_t standby_after_ms;
    /* How long a leader does without the broker that a standby has. */
    int64_t yield_after_ms;
    /* An epoch has been won: returns the one to lead under, the same or a later one.  Shows life
     * where it takes longer than a beat. */
    int64_t (*rise)(void *user, struct sdm_pg *pg, int64_t epoch);
    /* We lead from here on, under this epoch: load, then serve. */
    void (*on_won)(void *user, int64_t epoch);
    /* Another leads: stop at once. */
    void (*on_lost)(void *user);
    /* Another shall lead: end in order.  May be called more than once. */
    void (*on_yield)(void *user);
    /* Waiting has no sense: the database has another schema. */
    void (*on_hopeless)(void *user, const GError *error);
    void *user;
};

struct sdm_leadership;
typedef struct sdm_leadership sdm_leadership;

struct sdm_leadership *sdm_leadership_new(const struct sdm_leadership_config *config);
/* Ends the thread.  A leader resigns: nothing of it may write any more. */
void sdm_leadership_free(struct sdm_leadership *leadership);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_leadership, sdm_leadership_free)

/* Whether there is a connection to the broker, to be said again and again; any thread. */
void sdm_leadership_note_broker(struct sdm_leadership *leadership, bool is_connected);

/* 0 while it is a standby; any thread. */
int64_t sdm_leadership_epoch(struct sdm_leadership *leadership);
/* False with SDM_UNAVAILABLE set when, for as long as a standby waits, a leader has not beaten or a
 * standby has not seen the leader's row; any thread. */
bool sdm_leadership_check(struct sdm_leadership *leadership, GError **error);
/* Age of our last beat; any thread. */
int64_t sdm_leadership_beat_age_us(struct sdm_leadership *leadership);
