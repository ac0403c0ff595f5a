/* What is not yet as it is wanted: what a new leader, and now and then a timer, sets going again.
 *
 * Thread rule: as the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/pg/pg.h"
#include "sdm-controller/model/work.h"

/* Calls 'visit' for each piece of work that the database knows to be outstanding: circuits, power,
 * scrubs, agents behind their generation, reservations on their way; and to probe what is lost and
 * the memory bricks that guests use.  Cost: what diverges, and O(devices + windows). */
typedef void sdm_store_todo_fn(const struct sdm_work *work, void *data);
bool sdm_store_todo_each(struct sdm_pg *pg, sdm_store_todo_fn *visit, void *data, GError **error);

/* The same for circuits that are being cut, and those that no segment uses any more.  Whoever makes
 * one posts it; this finds what was lost on the way.  Cost: O(circuits). */
bool sdm_store_todo_unused(struct sdm_pg *pg, sdm_store_todo_fn *visit, void *data, GError **error);

/* The same for what waits for one brick to be on. */
bool sdm_store_todo_of_brick(struct sdm_pg *pg, int32_t device_no, sdm_store_todo_fn *visit,
                             void *data, GError **error);

/* Work of kind AUDIT for every active switch. */
bool sdm_store_todo_switches(struct sdm_pg *pg, sdm_store_todo_fn *visit, void *data,
                             GError **error);

/* A brick or switch, as its driver is asked. */
struct sdm_driven_device {
    int32_t device_no;
    char id[SDM_ID_SIZE];
    char endpoint[256];
    bool optical;
    bool is_switch;
    bool want_on;
    bool have_on;
    /* In service, and not answering. */
    bool lost;
    int32_t wake_ms;
};

/* Refuses NOT_FOUND. */
bool sdm_store_driven_device(struct sdm_pg *pg, int32_t device_no, struct sdm_driven_device *device,
                             GError **error);
