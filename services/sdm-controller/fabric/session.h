/* A session with the management interface of one device: a TCP connection on which lines go out and
 * come back, opened with the leader's epoch.  A device refuses a lower epoch than it has seen and
 * closes the sessions of lower ones when a higher one opens.
 *
 * Thread rule: a session belongs to one thread at a time; calls block until their timeout. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

struct sdm_session;
typedef struct sdm_session sdm_session;

/* Connects to 'endpoint' ("host:port") and opens 'device' there.
 *
 * Returns a new session, or NULL with
 *   SDM_UNAVAILABLE         nobody answers;
 *   SDM_ERROR STALE_EPOCH   the device has seen a higher epoch;
 *   SDM_ERROR FABRIC_REFUSED  it refuses for another reason. */
struct sdm_session *sdm_session_open(const char *endpoint, const char *device, int64_t epoch,
                                     int64_t timeout_ms, GError **error);

/* Asks 'device' for the highest epoch that it has seen, by opening it under 'epoch', which it has
 * seen then too.  False with an error as above, but STALE_EPOCH. */
bool sdm_session_ask_epoch(const char *endpoint, const char *device, int64_t epoch,
                           int64_t timeout_ms, int64_t *seen, GError **error);

void sdm_session_close(struct sdm_session *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_session, sdm_session_close)

/* False after a request failed with SDM_UNAVAILABLE: close it and open another. */
bool sdm_session_is_usable(const struct sdm_session *session);

/* Sends 'line' and waits for its answer.  Returns what stands behind "ok ", g_free(), or NULL with
 * an error as from sdm_session_open(). */
char *sdm_session_request(struct sdm_session *session, const char *line, int64_t timeout_ms,
                          GError **error);
