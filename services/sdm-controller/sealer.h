/* Seals the audit log as long as this controller leads: entries that are final go into hash-chained
 * blocks, and the head of the chain leaves the database, as an event and into a file.
 *
 * What it needs it reads from the database each time: after a crash the next leader goes on where
 * the last block ends.
 *
 * Thread rule: one thread of its own; the main thread makes and frees it. */
#pragma once

#include <stdint.h>

#include <glib.h>

#include "lib/svc/service.h"
#include "sdm-controller/model/work.h"

struct sdm_sealer_config {
    struct sdm_service *service;
    const char *database;
    const char *pod;
    int64_t epoch;
    int64_t seal_ms;       /* time between two looks */
    int64_t block_entries; /* most entries of a block */
    const char *head_file; /* NULL or "" for none */
    struct sdm_work_sink sink;
    /* Another leads. */
    void (*on_superseded)(void *user);
    void *user;
};

struct sdm_sealer;
typedef struct sdm_sealer sdm_sealer;

struct sdm_sealer *sdm_sealer_new(const struct sdm_sealer_config *config);
void sdm_sealer_free(struct sdm_sealer *sealer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_sealer, sdm_sealer_free)
