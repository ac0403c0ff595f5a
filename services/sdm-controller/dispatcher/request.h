/* One request on its way through a worker: what came, who asks, what it is, what it is answered.
 *
 * Thread rule: made on the I/O thread, then one worker's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/amqp/amqp.h"
#include "lib/base/arena.h"
#include "lib/wire/codec.h"
#include "sdm-controller/dispatcher/auth.h"
#include "sdm-controller/dispatcher/dead.h"
#include "sdm-controller/dispatcher/route.h"
#include "sdm-controller/store/stored_reply.h"

enum sdm_request_state {
    SDM_REQUEST_NEW,      /* nothing decided */
    SDM_REQUEST_ANSWERED, /* 'reply' holds what to send */
    SDM_REQUEST_WAITING,  /* committed, or joined: the answer comes later, through the outbox */
};

struct sdm_request {
    struct sdm_amqp_delivery *delivery;
    const char *queue; /* where it came from, before a trial; as long as the delivery */
    bool is_on_trial;
    int64_t n_tries; /* on trial: runs that did not end */
    struct sdm_arena *arena;
    int64_t received_us; /* monotonic */
    enum sdm_request_state state;

    struct sdm_reply_address address;
    const char *type; /* "" when nothing says what it is */
    const struct sdm_route *route;
    struct sdm_caller caller;
    void *message;
    bool is_read; /* 'message' and what follows hold what was sent */
    struct sdm_request_members members;
    char fingerprint[SDM_FINGERPRINT_SIZE];

    /* Why it is turned down; set before it was carried out, or because that failed after a write:
     * then it is stored without trying again. */
    GError *refusal;
    /* Answered with 'refusal', it is a dead letter. */
    enum sdm_dead_reason dead;
    bool is_stored; /* the answer is to be written under its key */
    struct sdm_outcome outcome;
    const char *reply_type;
    char *reply; /* g_free() */
    /* Of a reply that is a refusal, else NULL; the text is in the arena. */
    const char *refusal_code;
    const char *refusal_text;
};
typedef struct sdm_request sdm_request;

/* Takes the delivery. */
struct sdm_request *sdm_request_new_take(struct sdm_amqp_delivery *delivery, int64_t now_us);
void sdm_request_free(struct sdm_request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_request, sdm_request_free)

/* The route by the delivery's type alone, before anything is read; NULL when that does not say. */
const struct sdm_route *sdm_request_peek_route(const struct sdm_amqp_delivery *delivery);

/* What is known without reading the body: type and the answer's address. */
void sdm_request_open(struct sdm_request *request);

/* Finds out who asks for what.  False with 'error' set: SDM_ERROR with UNAUTHENTICATED, FORBIDDEN,
 * UNKNOWN_MESSAGE and what the codec gives, or what authentication gives; the answer's address is
 * known then as far as it could be read. */
bool sdm_request_read(struct sdm_request *request, const struct sdm_auth *auth, GError **error);

/* The fault point "request.<type>", which stands where its use case begins. */
bool sdm_request_fault(const struct sdm_request *request, GError **error);

/* Forgets what a transaction that was undone has left in it. */
void sdm_request_reset(struct sdm_request *request);

/* Sets the reply: the outcome's; an error with the outcome's details; a stored one. */
void sdm_request_answer(struct sdm_request *request);
void sdm_request_answer_error(struct sdm_request *request, const GError *error);
void sdm_request_answer_stored(struct sdm_request *request, const struct sdm_stored_reply *stored);
