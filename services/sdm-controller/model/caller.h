/* Who asks: what authentication made of a token.  Pure, a plain value. */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "lib/base/id.h"

/* Ordered: each may do what the ones before it may. */
enum sdm_role {
    SDM_ROLE_READER, /* plan, show, list */
    SDM_ROLE_MEMBER, /* S10, on what belongs to the caller's project */
    SDM_ROLE_ADMIN,  /* everything, on any project */
};

#define SDM_USER_SIZE 65

struct sdm_caller {
    char user[SDM_USER_SIZE];
    /* The project that the request is for: an admin's request may name another than the token's. */
    char project[SDM_PROJECT_SIZE];
    enum sdm_role role;
};

/* True when an object of 'project' exists for this caller; false is answered NOT_FOUND.  An object
 * without a project (NULL or empty) exists for admins alone. */
static inline bool sdm_caller_sees(const struct sdm_caller *caller, const char *project)
{
    return caller->role == SDM_ROLE_ADMIN ||
           (project != NULL && project[0] != '\0' && strcmp(caller->project, project) == 0);
}
