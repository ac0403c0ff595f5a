/* A line on the standard error that shows that something takes long: from two seconds on, and only
 * on a terminal.
 *
 * Thread rule: the main thread; the line is written by a thread of its own. */
#pragma once

#include <stddef.h>

#include <glib.h>

struct sdm_ctl_progress;
typedef struct sdm_ctl_progress sdm_ctl_progress;

/* 'what' is borrowed: "attach: waiting for guest".  NULL without a terminal, which ends as well. */
struct sdm_ctl_progress *sdm_ctl_progress_start(const char *what);
/* Takes the line away. */
void sdm_ctl_progress_end(struct sdm_ctl_progress *progress);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_ctl_progress, sdm_ctl_progress_end)

/* Shows at once how many of how many are done; n_done = n_all ends the line. */
void sdm_ctl_progress_count(const char *what, size_t n_done, size_t n_all);
