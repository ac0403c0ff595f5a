/* s10.group.join and s10.group.leave: compute bricks that share one segment. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* The first member brings the group into being and names its size.  Refuses as the planner does,
 * and MISSING_MEMBER  no size, and no group of that name; INVALID_VALUE   another size than the
 * group has; WRONG_STATE     the compute brick is a member, or still leaving. */
bool sdm_reservation_group_join(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                const struct sdm_caller *caller,
                                const struct sdm_s10_group_join *request, struct sdm_arena *arena,
                                struct sdm_outcome *outcome, GError **error);

/* The last one to leave releases the segment.  Refuses NOT_FOUND. */
bool sdm_reservation_group_leave(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                 const struct sdm_caller *caller,
                                 const struct sdm_s10_group_leave *request, struct sdm_arena *arena,
                                 struct sdm_outcome *outcome, GError **error);

/* The same for operations of a batch. */
bool sdm_reservation_group_join_one(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                    const char *project,
                                    const struct sdm_wire_group_join_request *request,
                                    enum sdm_wait_level wait, struct sdm_arena *arena,
                                    struct sdm_outcome *outcome, GError **error);
bool sdm_reservation_group_leave_one(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                                     const char *project,
                                     const struct sdm_wire_group_leave_request *request,
                                     enum sdm_wait_level wait, struct sdm_arena *arena,
                                     struct sdm_outcome *outcome, GError **error);
