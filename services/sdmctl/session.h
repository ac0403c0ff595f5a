/* One run of sdmctl: what was configured, the connection to the broker, and calls over it.
 *
 * Thread rule: the main thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/amqp/client.h"
#include "lib/base/arena.h"
#include "lib/json/json.h"
#include "sdmctl/args.h"
#include "sdmctl/screen.h"
#include "wire/error.h"

struct sdm_ctl {
    struct sdm_ctl_globals globals;
    struct sdm_ctl_screen screen;
    unsigned reply_timeout_ms;
    struct sdm_arena *arena; /* lists of replies */
    struct sdm_amqp_client *client;
    /* What a controller or a daemon said, when a GError is its refusal; in 'arena'. */
    bool is_refused;
    struct sdm_error refusal;
};

/* The exit status of an error that a run function returned (documented in sdmctl(1)). */
enum sdm_ctl_exit {
    SDM_CTL_EXIT_OK,
    SDM_CTL_EXIT_REFUSED,
    SDM_CTL_EXIT_USAGE,
    SDM_CTL_EXIT_UNAVAILABLE,
    SDM_CTL_EXIT_TAMPERED,
    SDM_CTL_EXIT_FULL, /* the broker has no room for the request */
};

/* Connects unless that is done.  SDM_UNAVAILABLE when the broker cannot be reached. */
bool sdm_ctl_connect(struct sdm_ctl *ctl, GError **error);

struct sdm_ctl_call {
    const char *type;              /* "s10.attach/1" */
    const struct sdm_codec *reply; /* as the request's schema names it */
    const struct sdm_json *body;   /* borrowed */
    uint64_t wait_ms;              /* how long the controller itself may wait; 0 for not */
    const char *awaited;           /* what is shown while it lasts: "attach: waiting for guest" */
};

/* Sends the request and decodes its reply into a new struct in 'ctl->arena'.  With --json the reply
 * is printed as it came.
 *
 * After a lost connection, and after INTERNAL, the same request is sent again, key included, a few
 * times.  NULL with 'error' set: SDM_ERROR as the controller refused, then 'ctl->refusal' holds its
 * whole answer; SDM_UNAVAILABLE when the broker is away or no reply comes in time; SDM_FAILED for a
 * reply that cannot be read. */
void *sdm_ctl_call(struct sdm_ctl *ctl, const struct sdm_ctl_call *call, GError **error);
