/* The control socket of a daemon: a Unix stream socket of mode 0600, a JSON object a line.
 *
 *     {"command":"status","args":{}}  ->  {"ok":true,"result":{...}}
 *                                     or  {"ok":false,"error":{"code":"NOT_FOUND","text":"..."}}
 *
 * "args" may be left out.  A connection may ask any number of times; answers come in order.
 *
 * Thread rule: the main-loop thread; sdm_control_call() any, but blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "lib/json/json.h"

/* Lines longer than this end the connection. */
#define SDM_CONTROL_MAX_LINE    (1024 * 1024)
#define SDM_CONTROL_MAX_CLIENTS 32

struct sdm_control;
typedef struct sdm_control sdm_control;

/* Answers a command.  'args' is an object, borrowed.  Returns a new object or list, or NULL with
 * 'error' set, whose verdict (lib/base/error.h) becomes the answer's code. */
typedef struct sdm_json *sdm_control_fn(void *user, const struct sdm_json *args, GError **error);

struct sdm_control_command {
    const char *name;
    const char *text; /* one fragment, for "help" */
    sdm_control_fn *handle;
};

/* Listens at 'path' (at most 107 bytes).  A socket that nobody listens at is replaced.  Refuses
 * with ALREADY_EXISTS when another process listens there.  Has one command, "help". */
struct sdm_control *sdm_control_new(const char *path, GError **error);
/* Ends all connections and removes the socket. */
void sdm_control_free(struct sdm_control *control);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_control, sdm_control_free)

/* 'commands' must outlive 'control'; one of the same name takes the place of an earlier one. */
void sdm_control_add(struct sdm_control *control, const struct sdm_control_command *commands,
                     size_t n_commands, void *user);

/* Carries a request's text out, as if it had come over the socket; always gives an answer. */
struct sdm_json *sdm_control_answer(struct sdm_control *control, const char *line, size_t size);

/* Asks the daemon at 'path'; 'args' may be NULL.  Returns the new result, or NULL with SDM_ERROR
 * set as the daemon answered; SDM_UNAVAILABLE when nobody listens, or there is no whole answer
 * within 'timeout_ms'. */
struct sdm_json *sdm_control_call(const char *path, const char *command,
                                  const struct sdm_json *args, unsigned timeout_ms, GError **error);
