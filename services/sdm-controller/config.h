/* The controller's options as a plain struct; main.c has their table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/amqp/options.h"
#include "lib/svc/service.h"

struct sdm_controller_options {
    struct sdm_service_options service;
    char *name;
    char *pod;
    char *database;
    struct sdm_amqp_options broker;
    char *tokens;
    int64_t workers;
    int64_t batch_max;
    int64_t prefetch;
    int64_t report_queues;
    int64_t max_queued;
    int64_t outbox_patience_ms;
    int64_t beat_ms;
    int64_t standby_after_ms;
    int64_t yield_after_ms;
    int64_t agent_silence_ms;
    int64_t plan_valid_ms;
    int64_t max_plans;
    int64_t max_dimm_bytes;
    int64_t fabric_timeout_ms;
    int64_t adopt_timeout_ms;
    int64_t fabric_workers;
    int64_t audit_seal_ms;
    int64_t audit_block_entries;
    char *audit_head_file;
};
