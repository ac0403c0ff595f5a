/* The audit log's entries: who asked for what, and what became of it; written by the transaction
 * that they tell of.
 *
 * Thread rule: as the transaction. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/store/tx.h"

/* 'action' of an entry. */
#define SDM_AUDIT_REQUEST   "request"   /* a message, and its outcome */
#define SDM_AUDIT_ANSWER    "answer"    /* the end of a request that waited */
#define SDM_AUDIT_LEASE_END "lease-end" /* a reservation goes because its lease has ended */
#define SDM_AUDIT_FREE      "free"      /* bytes were scrubbed, and are free */
#define SDM_AUDIT_FENCE     "fence"     /* a device was fenced, or could not be */
#define SDM_AUDIT_QUARANTINE                                                                       \
    "quarantine"                      /* bytes or devices that nobody gets until it is decided */
#define SDM_AUDIT_ADOPT    "adopt"    /* what was found was made somebody's */
#define SDM_AUDIT_TAKEOVER "takeover" /* another controller leads */

/* 'outcome' beside the codes of refusals. */
#define SDM_AUDIT_UNCONFIRMED "unconfirmed" /* of a fence: nobody says that it is cut off */
#define SDM_AUDIT_OK          "ok"
#define SDM_AUDIT_WAITING     "waiting" /* an entry of action 'answer' follows */

/* NULL or "" for what an entry does not have; 'outcome' NULL is ok. */
struct sdm_audit_entry {
    const char *action;
    const char *actor; /* NULL: the controller itself */
    const char *role;  /* NULL with 'actor' */
    const char *project;
    const char *type;
    const char *request_id;
    const char *key;
    const char *object_kind;
    const char *object;
    const char *digest; /* 64 hexadecimal digits */
    const char *outcome;
    const char *summary; /* valid UTF-8, as all of them */
};

/* Adds entries to the transaction, in this order, as one statement that travels with the next; an
 * error shows there. */
void sdm_audit_add(struct sdm_tx *tx, const struct sdm_audit_entry *entries, size_t n);

/* One entry, of the controller itself unless it says otherwise. */
void sdm_audit_note(struct sdm_tx *tx, const struct sdm_audit_entry *entry);

/* Says, within the transaction of 'pg' in which it did so, that 'holder' leads under 'epoch'. */
bool sdm_audit_takeover(struct sdm_pg *pg, int64_t epoch, const char *holder, GError **error);
