/* The agent's side of S7: takes wanted state, compares it with what the brick has, has steps
 * carried out, and reports what is found.
 *
 * What the brick has is found anew at every start; wanted state and epoch are kept in the state
 * folder: the epoch so that a superseded controller is refused, the wanted state so that reports
 * can name what they find.  No step is taken before a controller has spoken.
 *
 * Thread rule: the main thread. */
#pragma once

#include "lib/json/json.h"
#include "lib/svc/service.h"
#include "sdm-agent/session/job.h"

struct sdm_session;
typedef struct sdm_session sdm_session;

struct sdm_session_config {
    const char *brick;
    const char *boot_id;
    const char *version;
    const char *state_dir;
    unsigned look_interval_ms; /* between looks at everything, and reports when nothing changes */
    struct sdm_service *service;
    /* Hands a message to the broker; false while it is away. */
    bool (*send)(void *user, const char *type, const char *body, size_t size);
    void *user;
};

/* Strings are copied.  NULL with an error when the state folder is of no use. */
struct sdm_session *sdm_session_new(const struct sdm_session_config *config,
                                    const struct sdm_backends *backends, GError **error);
/* Ends all work, waiting for steps under way; before the service and the backends are freed. */
void sdm_session_end(struct sdm_session *session);
/* After sdm_session_end() and after the service was freed, which hands out the last letters. */
void sdm_session_free(struct sdm_session *session);

/* False with SDM_UNAVAILABLE set and which part of the brick does not answer. */
bool sdm_session_check(void *session, GError **error);

/* The broker is there: asks for wanted state, and reports. */
void sdm_session_on_connected(struct sdm_session *session);

/* Takes an s7.want/1.  False with SDM_ERROR set: as sdm_codec_decode(); STALE_EPOCH; INVALID_VALUE
 * for another brick's.  A generation below the one at work, of the same epoch, is done already. */
bool sdm_session_want(struct sdm_session *session, const void *body, size_t size, GError **error);

/* Takes an s7.look/1: a new leader asks what is there before it says what shall be.  No step is
 * taken from here on until wanted state comes under that epoch.  False as sdm_session_want(). */
bool sdm_session_look(struct sdm_session *session, const void *body, size_t size, GError **error);

/* For the control socket. */
void sdm_session_fill_status(void *session, struct sdm_json *status);
struct sdm_json *sdm_session_list_windows(void *session, const struct sdm_json *args,
                                          GError **error);
struct sdm_json *sdm_session_list_vms(void *session, const struct sdm_json *args, GError **error);
