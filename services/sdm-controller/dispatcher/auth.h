/* Who a token belongs to, behind one interface: static tokens today, Keystone behind the same.
 *
 * Thread rule: 'authenticate' is called from any thread and may block. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "sdm-controller/model/caller.h"

struct sdm_auth {
    /* Fills '*caller'.  False with UNAUTHENTICATED for a token that nobody knows (NULL or "" too),
     * or SDM_UNAVAILABLE when nobody can tell now. */
    bool (*authenticate)(void *self, const char *token, struct sdm_caller *caller, GError **error);
    void *self;
};
