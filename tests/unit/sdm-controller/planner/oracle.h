/* What the planner and the ledger ought to say, kept the naive way: a byte map a brick in units, a
 * list of circuits, and path search by trying everything.  Shares no code with them but the plain
 * values. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/model/plan.h"
#include "sdm-controller/model/request.h"
#include "sdm-controller/model/topology.h"

struct oracle {
    const struct sdm_topology_spec *spec;
    /* By device number (devices are 1 to n). */
    bool **taken; /* by unit */
    bool *inactive;
    bool *off;
    GArray *circuits; /* of struct sdm_path */
};

struct oracle *oracle_new(const struct sdm_topology_spec *spec);
void oracle_free(struct oracle *oracle);

const struct sdm_device *oracle_device(const struct oracle *oracle, int32_t device_no);
enum sdm_latency_class oracle_distance(const struct oracle *oracle, int32_t a, int32_t b);

/* NULL when the plan is right for the request in this state; else what is wrong, g_free(). */
char *oracle_check_plan(struct oracle *oracle, const struct sdm_plan_request *request,
                        const struct sdm_plan *plan, uint64_t max_segment_bytes,
                        uint32_t max_segments);

void oracle_claim(struct oracle *oracle, const struct sdm_plan *plan);
void oracle_free_extent(struct oracle *oracle, const struct sdm_extent *extent);
/* The circuit of a pair, or NULL. */
struct sdm_path *oracle_circuit(const struct oracle *oracle, int32_t compute_no, int32_t brick_no);
void oracle_drop_circuit(struct oracle *oracle, int32_t compute_no, int32_t brick_no);

uint64_t oracle_free_bytes(const struct oracle *oracle, int32_t brick_no);
uint64_t oracle_largest_bytes(const struct oracle *oracle, int32_t brick_no);
/* A circuit leads there and can be shared, or some way exists. */
bool oracle_reaches(const struct oracle *oracle, int32_t compute_no, int32_t brick_no,
                    int32_t bandwidth_mbps);
