/* Whether a daemon can do its work, and if not, why: asked of its parts on the main thread, told on
 * any.
 *
 * Thread rule: the main thread, but for sdm_health_read(). */
#pragma once

#include <stdbool.h>

#include <glib.h>

struct sdm_health;
typedef struct sdm_health sdm_health;

/* Not healthy, "starting", until it is first asked. */
struct sdm_health *sdm_health_new(void);
void sdm_health_free(struct sdm_health *health);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_health, sdm_health_free)

/* Adds a question: false with an error set, whose text is the reason, while the work cannot be
 * done.  What is asked first is told first. */
void sdm_health_add(struct sdm_health *health, bool (*check)(void *user, GError **error),
                    void *user);

/* Asks all; to be called every SDM_HEALTH_INTERVAL_MS. */
void sdm_health_ask(struct sdm_health *health);
#define SDM_HEALTH_INTERVAL_MS 500

/* From here on it is not healthy for 'reason', and nobody is asked. */
void sdm_health_end(struct sdm_health *health, const char *reason);

/* NULL while healthy, else why not, in one line; the caller frees it.  A main thread that has not
 * asked for ten seconds hangs.  Any thread. */
char *sdm_health_read(struct sdm_health *health);
