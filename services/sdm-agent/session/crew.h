/* The agent's workers: one lane for the RMC, one for host memory, one that lists guests, and one
 * for each guest, so that a slow guest delays nobody else.
 *
 * Thread rule: the main thread. */
#pragma once

#include "lib/svc/metrics.h"
#include "sdm-agent/session/job.h"

struct sdm_crew;
typedef struct sdm_crew sdm_crew;

/* 'done' takes each job back, on a worker's thread.  'backends' is copied, what it names outlives
 * the crew. */
struct sdm_crew *sdm_crew_new(const struct sdm_backends *backends,
                              void (*done)(void *user, struct sdm_job *job), void *user,
                              struct sdm_metrics *metrics);
/* Waits for what is under way; jobs that wait are freed. */
void sdm_crew_free(struct sdm_crew *crew);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_crew, sdm_crew_free)

/* Takes the job. */
void sdm_crew_push(struct sdm_crew *crew, struct sdm_job *job_take);

/* A guest is gone: its lane ends, once it has nothing to do. */
void sdm_crew_forget(struct sdm_crew *crew, const char *vm);
