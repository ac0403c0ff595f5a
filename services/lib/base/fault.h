/* Fault points: places where the outside can fail half-way, armed from outside the code.
 *
 * A point is named "<layer>.<step>" and stands where a step has been done or is about to be.  The
 * variable SDM_FAULT arms points at start: a comma separated list of NAME=ACTION[@N], with ACTION
 * 'crash' (_exit(70)), 'fail' (the point reports a failure) or 'stop' (SIGSTOP to oneself), and N
 * the N-th passage (default 1).  Without -DSDM_FAULTS=ON a point is nothing.
 *
 * Sabotage: known mistakes that are planted in the product, so that the campaign of tests/fault can
 * show that it would see them.  Each stands where a careless change could put it.  SDM_SABOTAGE
 * arms them by name, comma separated.
 *
 * Thread rule: safe from any thread. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#ifdef SDM_FAULTS
/* True with 'error' set in SDM_FAILED when the point is armed to fail now; does not return when it
 * is armed to crash. */
bool sdm_fault(const char *point, GError **error);
/* True when the mistake of that name is armed. */
bool sdm_sabotage(const char *name);
#else
static inline bool sdm_sabotage(const char *name)
{
    (void)name;
    return false;
}
static inline bool sdm_fault(const char *point, GError **error)
{
    (void)point;
    (void)error;
    return false;
}
#endif

/* Arms points as SDM_FAULT would; for the control socket and tests.  Refuses with INVALID_VALUE
 * what it cannot read, and everything when fault points are not compiled in. */
bool sdm_fault_arm(const char *list, GError **error);

/* Disarms every point. */
void sdm_fault_disarm(void);

/* Points that are armed and whose turn has not come. */
unsigned sdm_fault_n_armed(void);

/* Arms these mistakes, comma separated, instead of those that were; an empty list arms none.
 * Refuses with INVALID_VALUE a name that nobody planted, and everything but the empty list when
 * fault points are not compiled in. */
bool sdm_sabotage_arm(const char *list, GError **error);

/* Arms what SDM_FAULT and SDM_SABOTAGE name, once a process; the first point that is passed does so
 * too, but ignores what it cannot read.  For the start of a program, which INVALID_VALUE ends: who
 * misspells a name shall not believe that it is armed. */
bool sdm_fault_arm_from_environment(GError **error);
