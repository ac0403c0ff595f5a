/* What is done with a message of each type: one table (routes.c).
 *
 * Thread rule: constant. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/wire/codec.h"
#include "sdm-controller/model/caller.h"
#include "sdm-controller/model/outcome.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/tx.h"

struct sdm_registry;
struct sdm_reservation_engine;
struct sdm_desk;

/* What the use cases belong to. */
struct sdm_use_cases {
    struct sdm_registry *registry;
    struct sdm_reservation_engine *reservation;
    struct sdm_desk *desk;
};

enum sdm_lane_id {
    SDM_LANE_RESERVATION, /* S10 */
    SDM_LANE_REGISTRY,    /* S11: one worker, because registrations rewrite the topology */
};
#define SDM_N_LANE_ID 2

/* A use case that writes.  It refuses before it writes where it can; when it fails after a write,
 * the whole transaction is undone. */
typedef bool sdm_write_fn(const struct sdm_use_cases *use_cases, struct sdm_tx *tx,
                          const struct sdm_caller *caller, const void *message,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* One that only reads. */
typedef bool sdm_read_fn(const struct sdm_use_cases *use_cases, struct sdm_pg *pg,
                         const struct sdm_caller *caller, const void *message,
                         struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error);

/* What the audit log tells of a message.  What is refused before its type is known is nobody's. */
enum sdm_audit_policy {
    SDM_AUDIT_NOTHING,
    SDM_AUDIT_OUTCOME, /* every one, with what became of it, in the transaction that did it */
    SDM_AUDIT_READING, /* that it was asked, and refused or not; after the reading */
};

struct sdm_route {
    const char *type;
    const struct sdm_codec *codec;
    enum sdm_role role; /* the least that is needed */
    enum sdm_lane_id lane;
    enum sdm_audit_policy audit;
    /* Exactly one of both. */
    sdm_write_fn *write;
    sdm_read_fn *read;
};

extern const struct sdm_route sdm_routes[];
extern const size_t sdm_n_routes;

/* NULL when there is none. */
const struct sdm_route *sdm_route_find(const char *type);

/* Members that many requests have, read from any of them by its codec. */
struct sdm_request_members {
    const char *key;     /* NULL: the request has none */
    const char *project; /* NULL: the caller's own */
    enum sdm_wait_level wait;
    int64_t timeout_ms;
    /* What it is about, for the audit log: "reservation", "brick" and others, with its id; NULL. */
    const char *object_kind;
    const char *object;
};
void sdm_route_members(const struct sdm_codec *codec, const void *message,
                       struct sdm_request_members *members);

/* Adds the reservations and groups of 'project' that a message names anywhere, and the compute
 * bricks that it names beside a group: what its use case moves.  Names are those of the message. */
void sdm_route_touches(const struct sdm_codec *codec, const void *message, const char *project,
                       struct sdm_lock_set *set);
