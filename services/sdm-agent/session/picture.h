/* What the brick has, put together from looks at its parts.
 *
 * Thread rule: the main thread. */
#pragma once

#include "sdm-agent/session/job.h"

struct sdm_picture;
typedef struct sdm_picture sdm_picture;

struct sdm_picture *sdm_picture_new(void);
void sdm_picture_free(struct sdm_picture *picture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_picture, sdm_picture_free)

/* Takes in what a job has seen; what it could not see is unknown from then on, with its last state
 * kept.  'gone' (may be NULL) is called for guests that no longer run. */
void sdm_picture_take(struct sdm_picture *picture, struct sdm_job *job,
                      void (*gone)(void *user, const char *vm), void *user);

/* Borrowed, until the next call. */
const struct sdm_found *sdm_picture_view(struct sdm_picture *picture);

/* True once every part has been seen. */
bool sdm_picture_is_complete(const struct sdm_picture *picture);

/* False with SDM_UNAVAILABLE set and which part did not answer when last looked at. */
bool sdm_picture_check(const struct sdm_picture *picture, GError **error);

/* UUIDs of guests that run and have not been looked at yet; free with g_ptr_array_unref(). */
GPtrArray *sdm_picture_unseen(const struct sdm_picture *picture);
