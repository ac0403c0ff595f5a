/* Plans by their ids, for the time they are valid: a bounded table in memory.  A plan holds
 * nothing; after a failover there is none.
 *
 * Thread rule: safe from many threads. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/id.h"
#include "sdm-controller/model/plan.h"
#include "sdm-controller/model/request.h"

struct sdm_plan_cache;
typedef struct sdm_plan_cache sdm_plan_cache;

/* Keeps at most 'n_max' plans, each for 'valid_us'; beyond that the oldest goes. */
struct sdm_plan_cache *sdm_plan_cache_new(size_t n_max, int64_t valid_us);
void sdm_plan_cache_free(struct sdm_plan_cache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_plan_cache, sdm_plan_cache_free)

int64_t sdm_plan_cache_valid_us(const struct sdm_plan_cache *cache);

/* Keeps a copy of the plan and of what it was asked for, made for 'project' at 'now_us', and writes
 * the id that it gets. */
void sdm_plan_cache_add(struct sdm_plan_cache *cache, const char *project,
                        const struct sdm_plan *plan, const struct sdm_plan_request *request,
                        int64_t now_us, char id[SDM_UUID_SIZE]);

/* A copy of a plan of 'project' (sdm_plan_free()) and what it was asked for, or NULL with
 * PLAN_EXPIRED. */
struct sdm_plan *sdm_plan_cache_find(struct sdm_plan_cache *cache, const char *project,
                                     const char *id, int64_t now_us,
                                     struct sdm_plan_request *request, GError **error);
