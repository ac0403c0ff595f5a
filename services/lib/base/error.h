/* The three verdicts on a message, as error domains.
 *
 * SDM_ERROR        refused: the request was understood and turned down; code and text are its
 * answer. SDM_UNAVAILABLE  unavailable: a part we need is away (database, broker, switch); try
 * again later. any other        failed: this message could not be carried out; the requester is
 * told INTERNAL.
 *
 * Thread rule: everything here may be called from any thread. */
#pragma once

#include <stdbool.h>

#include <glib.h>

/* The closed list of codes; schemas/common.json and docs/PROTOCOL.md hold the same list, and
 * tests/contract compares them. */
#define SDM_ERROR_CODES(X)                                                                         \
    X(MALFORMED, "the body is not one JSON object, or is larger or deeper than allowed")           \
    X(WRONG_TYPE, "a member has another JSON type than its schema says")                           \
    X(UNKNOWN_MEMBER, "a request has a member that its schema does not name")                      \
    X(MISSING_MEMBER, "a required member is absent")                                               \
    X(OUT_OF_RANGE, "a number, string or list is outside its bounds")                              \
    X(INVALID_VALUE, "a string is none of the allowed words or has a wrong form")                  \
    X(UNKNOWN_MESSAGE, "no message type of that name and version")                                 \
    X(UNAUTHENTICATED, "no token, or one that nobody knows")                                       \
    X(FORBIDDEN, "the role of the token does not allow this message")                              \
    X(NOT_FOUND, "no such object, or it belongs to another project")                               \
    X(ALREADY_EXISTS, "an object of this id exists and differs")                                   \
    X(WRONG_KIND, "the brick or device is of another kind than the request needs")                 \
    X(WRONG_MODE, "the segment's mode does not allow this use")                                    \
    X(WRONG_STATE, "the object's state does not allow this request")                               \
    X(NOT_ALIGNED, "a size is not a multiple of the segment unit")                                 \
    X(TOO_LARGE, "a size exceeds what the rack could ever hold")                                   \
    X(NO_CAPACITY, "not enough free bytes within the latency class")                               \
    X(NO_PATH, "free bytes exist, but no path has a free port at every hop")                       \
    X(NO_SLOT, "the guest has no free DIMM slot or no headroom below its maximum")                 \
    X(NO_WINDOW, "the compute brick has no free NetPort entry or address window")                  \
    X(UNREACHABLE_SIZE, "whole segments cannot make up the wanted size")                           \
    X(PLAN_EXPIRED, "the plan is unknown or older than its validity")                              \
    X(PLAN_STALE, "what the plan used is no longer there")                                         \
    X(LEASE_EXPIRED, "the reservation's lease has ended")                                          \
    X(KEY_REUSED, "the idempotency key was used with another request")                             \
    X(IN_USE, "the object has live segments or members")                                           \
    X(QUOTA_EXCEEDED, "the project's quota does not allow this much")                              \
    X(INVALID_TOPOLOGY, "racks, trays, bricks, switches and links do not fit together")            \
    X(UNKNOWN_SEGMENT, "a report names a window that was never handed out")                        \
    X(STALE_EPOCH, "the sender's leadership epoch has been superseded")                            \
    X(FABRIC_REFUSED, "a switch, power or scrub controller refused a step")                        \
    X(AGENT_REFUSED, "the compute brick's agent could not carry out a step")                       \
    X(GUEST_REFUSED, "the guest did not accept or did not give up the memory")                     \
    X(UNCONFIRMED, "nobody confirms that a brick is cut off; what it had is in quarantine")        \
    X(TIMEOUT, "the wait level was not reached in time; the request goes on")                      \
    X(UNAVAILABLE, "a part that is needed is away; the same request may succeed later")            \
    X(INTERNAL, "the outcome is unknown; repeat the request with the same key")

enum sdm_error_code {
#define X(name, text) SDM_ERROR_##name,
    SDM_ERROR_CODES(X)
#undef X
        SDM_N_ERROR_CODES
};

#define SDM_ERROR sdm_error_quark()
GQuark sdm_error_quark(void);

#define SDM_UNAVAILABLE sdm_unavailable_quark()
GQuark sdm_unavailable_quark(void);

/* Failures of our own that are neither of the two above. */
#define SDM_FAILED sdm_failed_quark()
GQuark sdm_failed_quark(void);

/* The word that goes over the wire, "NO_CAPACITY"; code must be below SDM_N_ERROR_CODES. */
const char *sdm_error_code_name(enum sdm_error_code code);

/* One sentence on what the code means, for documents and sdmctl. */
const char *sdm_error_code_text(enum sdm_error_code code);

/* Looks a word up; false and '*code' untouched when it is none of the list. */
bool sdm_error_code_from_name(const char *name, enum sdm_error_code *code);

/* The code to answer with: the error's own in SDM_ERROR, UNAVAILABLE in SDM_UNAVAILABLE, else
 * INTERNAL. */
enum sdm_error_code sdm_error_verdict(const GError *error);

/* Sets an SDM_ERROR, and returns false so that a check can be one statement. */
bool sdm_refuse(GError **error, enum sdm_error_code code, const char *format, ...)
    G_GNUC_PRINTF(3, 4);

/* Sets an SDM_UNAVAILABLE error; returns false. */
bool sdm_unavailable(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Sets an SDM_FAILED error; returns false. */
bool sdm_fail(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Sets an error in G_FILE_ERROR from 'saved_errno' with its text appended; returns false. */
bool sdm_set_errno(GError **error, int saved_errno, const char *format, ...) G_GNUC_PRINTF(3, 4);
