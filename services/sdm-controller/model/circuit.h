/* The way from a compute brick to another brick through switches, and the circuit that it becomes.
 *
 * A circuit joins one port of a compute brick and one of a memory or accelerator brick, and carries
 * every segment between the two; a pair has at most one.  Zero hops is a cable from brick to brick.
 *
 * Pure.  Every function may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"

#define SDM_MAX_HOPS 16

/* A cross-connection of a switch.  An exclusive port has one peer only, whichever circuits use it:
 * every port of an optical switch, and a port of an electrical switch that leads to a brick. */
struct sdm_hop {
    int32_t switch_no;
    /* Towards the compute brick. */
    int32_t in_port;
    int32_t out_port;
    bool in_exclusive;
    bool out_exclusive;
};

/* What a plan has to wire, or finds wired. */
struct sdm_path {
    int32_t compute_no;
    int32_t compute_port;
    int32_t brick_no;
    int32_t brick_port;
    /* Claimed by this plan on every link of the path; 0 where nothing was asked, and where the
     * reservation holds it already. */
    int32_t bandwidth_mbps;
    /* Of the narrowest link. */
    int32_t narrowest_mbps;
    /* An existing circuit carries it. */
    bool shared;
    /* Segments of the plan that use it; 1 for an accelerator. */
    int32_t n_users;
    int32_t n_hops;
    struct sdm_hop hops[SDM_MAX_HOPS];
};

/* A circuit as the database keeps it; 'path.bandwidth_mbps' is the sum claimed, 'path.n_users' the
 * number of segments that use it (1 for an accelerator). */
struct sdm_circuit {
    char circuit[SDM_UUID_SIZE];
    bool want_up;
    bool have_up;
    struct sdm_path path;
};
