/* s10.show and s10.list. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/reservation/engine.h"
#include "wire/s10.h"

/* One reservation with its history.  Refuses NOT_FOUND. */
bool sdm_reservation_show(struct sdm_reservation_engine *engine, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s10_show *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* A page of the project's reservations (admins: of any).  Refuses FORBIDDEN. */
bool sdm_reservation_list(struct sdm_reservation_engine *engine, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s10_list *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);
