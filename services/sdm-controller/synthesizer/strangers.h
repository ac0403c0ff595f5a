/* Which windows that nobody was given have been told of, by compute brick: a report lists all that
 * is there, so an event for each would come again with every report.
 *
 * Forgotten with the process: what is still there is told once more by the next leader.
 *
 * Thread rule: any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "wire/s7.h"

struct sdm_strangers;
typedef struct sdm_strangers sdm_strangers;

struct sdm_strangers *sdm_strangers_new(void);
void sdm_strangers_free(struct sdm_strangers *strangers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_strangers, sdm_strangers_free)

/* Whether the last report of the brick that was kept did not list 'found', at its entry. */
bool sdm_strangers_is_new(struct sdm_strangers *strangers, int32_t compute_no,
                          const struct sdm_wire_found_window *found);

/* Keeps what the report of the brick lists, in place of what was kept of it before. */
void sdm_strangers_keep(struct sdm_strangers *strangers, int32_t compute_no,
                        const struct sdm_wire_found_window *const *found, size_t n);
