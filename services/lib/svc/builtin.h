/* The control commands that every daemon has: status, config, log, metrics.
 *
 * Thread rule: the main-loop thread. */
#pragma once

#include <stddef.h>

#include "lib/conf/conf.h"
#include "lib/svc/control.h"
#include "lib/svc/metrics.h"

struct sdm_builtin;

extern const struct sdm_control_command sdm_builtin_commands[];
extern const size_t sdm_builtin_n_commands;

/* What the commands' handlers take as 'user'; borrows 'conf' (may be NULL) and 'metrics'. */
struct sdm_builtin *sdm_builtin_new(const char *program, const struct sdm_conf *conf,
                                    struct sdm_metrics *metrics);
void sdm_builtin_free(struct sdm_builtin *builtin);

/* "starting" at first; the text is a constant. */
void sdm_builtin_set_state(struct sdm_builtin *builtin, const char *state);

void sdm_builtin_add_status(struct sdm_builtin *builtin,
                            void (*fill)(void *user, struct sdm_json *status), void *user);
