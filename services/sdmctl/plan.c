#include "sdmctl/plan.h"

#include <inttypes.h>
#include <stdio.h>

#include "sdmctl/quantity.h"
#include "sdmctl/table.h"

char *sdm_ctl_path_format(const struct sdm_ctl_screen *screen, const char *compute_brick,
                          const struct sdm_wire_path *path)
{
    const char *arrow = sdm_ctl_sign(screen, SDM_CTL_SIGN_ARROW);
    GString *out = g_string_new(NULL);
    char bandwidth[SDM_CTL_QUANTITY_SIZE];

    g_string_append_printf(out, "%s:%" PRIu64, compute_brick, path->compute_port);
    for (size_t i = 0; i < path->n_hops; i++) {
        const struct sdm_wire_hop *hop = &path->hops[i];

        g_string_append_printf(out, " %s %" PRIu64 ":%s:%" PRIu64, arrow, hop->in_port,
                               hop->switch_, hop->out_port);
    }
    g_string_append_printf(out, " %s %" PRIu64 ":%s  %s%s", arrow, path->brick_port, path->brick,
                           sdm_ctl_bandwidth_format(path->bandwidth_mbps, bandwidth),
                           path->shared ? ", existing circuit" : "");
    return g_string_free(out, FALSE);
}

static void print_segments(const struct sdm_ctl *ctl, const struct sdm_s10_plan_reply *plan)
{
    g_autoptr(sdm_ctl_table) table = sdm_ctl_table_new("MEMORY BRICK|>OFFSET|>SIZE|CLASS");

    for (size_t i = 0; i < plan->n_segments; i++) {
        const struct sdm_wire_planned_segment *segment = &plan->segments[i];

        sdm_ctl_table_add(table, segment->memory_brick);
        sdm_ctl_table_add_size(table, segment->offset_bytes);
        sdm_ctl_table_add_size(table, segment->size_bytes);
        sdm_ctl_table_add(table, sdm_latency_class_name(segment->latency_class));
    }
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

static void print_wake(const struct sdm_s10_plan_reply *plan)
{
    char duration[SDM_CTL_QUANTITY_SIZE];
    char power[SDM_CTL_QUANTITY_SIZE];

    if (plan->n_wake == 0) {
        printf("\nWakes nothing.\n");
        return;
    }
    printf("\nWakes, ready after %s, for %s more:\n",
           sdm_ctl_duration_format(plan->wake_ms, duration),
           sdm_ctl_power_format(plan->power_mw, power));
    for (size_t i = 0; i < plan->n_wake; i++) {
        printf("  %s  %s  %s\n", plan->wake[i].brick,
               sdm_ctl_duration_format(plan->wake[i].wake_ms, duration),
               sdm_ctl_power_format(plan->wake[i].power_mw, power));
    }
}

void sdm_ctl_plan_print(struct sdm_ctl *ctl, const void *reply)
{
    const struct sdm_s10_plan_reply *plan = reply;
    char size[SDM_CTL_QUANTITY_SIZE];
    char valid[SDM_CTL_QUANTITY_SIZE];

    printf("%s for %s, mode %s, class %s, policy %s, %zu segment%s\n\n",
           sdm_ctl_size_format(plan->size_bytes, size), plan->compute_brick,
           sdm_mode_name(plan->mode), sdm_latency_class_name(plan->latency_class),
           sdm_policy_name(plan->policy), plan->n_segments, plan->n_segments == 1 ? "" : "s");
    print_segments(ctl, plan);
    printf("\nPaths:\n");
    for (size_t i = 0; i < plan->n_paths; i++) {
        g_autofree char *path =
            sdm_ctl_path_format(&ctl->screen, plan->compute_brick, &plan->paths[i]);

        printf("  %s\n", path);
    }
    print_wake(plan);
    printf("\nWithin %s: sdmctl reserve --plan=%s\n",
           sdm_ctl_duration_format(plan->valid_ms, valid), plan->plan);
}
