/* One thing to do at the backends, and what came of it.
 *
 * Thread rule: a job belongs to whoever has it: the session, a lane, the session again. */
#pragma once

#include "sdm-agent/backend/domain.h"
#include "sdm-agent/backend/memblk.h"
#include "sdm-agent/backend/rmc.h"
#include "sdm-agent/reconcile/reconcile.h"

/* 'memblk' and 'domain' are NULL on a brick that takes no host memory or has no guests. */
struct sdm_backends {
    struct sdm_rmc *rmc;
    struct sdm_memblk *memblk;
    struct sdm_domain *domain;
};

enum sdm_job_kind {
    SDM_JOB_STEP,
    SDM_JOB_LOOK_RMC,  /* lists entries */
    SDM_JOB_LOOK_HOST, /* looks at the blocks of all ranges */
    SDM_JOB_LIST_VMS,
    SDM_JOB_LOOK_VM,
};

struct sdm_range {
    uint64_t start_bytes;
    uint64_t size_bytes;
};

struct sdm_job {
    enum sdm_job_kind kind;
    struct sdm_step step;   /* of STEP */
    char vm[SDM_UUID_SIZE]; /* of LOOK_VM, and of STEP for a guest */
    GArray *ranges;         /* of struct sdm_range, to look at; NULL for none */

    /* Results.  A step that failed still tells what is there now, as far as it could look. */
    GError *error;
    GArray *entries; /* of struct sdm_found_entry: all there are; NULL when not looked at */
    GArray *blocks;  /* of struct sdm_found_block: those in 'ranges'; NULL when not looked at */
    uint64_t block_size_bytes;
    GPtrArray *vm_ids;            /* UUIDs; NULL when not listed */
    struct sdm_found_vm found_vm; /* when 'has_vm' */
    bool has_vm;
    bool vm_is_gone;
    struct sdm_dimm_outcome outcome;
    struct sdm_memblk_place place;
    int64_t started_us;
    int64_t ended_us;
};
typedef struct sdm_job sdm_job;

struct sdm_job *sdm_job_new(enum sdm_job_kind kind);
void sdm_job_free(struct sdm_job *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_job, sdm_job_free)

/* A step, with a look at what it changes. */
struct sdm_job *sdm_job_new_step(const struct sdm_step *step);

/* Adds the addresses of an entry to what is looked at. */
void sdm_job_add_range(struct sdm_job *job, const struct sdm_netport_entry *netport);

/* Carries the job out; blocks as long as the backend does. */
void sdm_job_run(struct sdm_job *job, const struct sdm_backends *backends);
