#include "sdmctl/hardware.h"

#include <inttypes.h>
#include <stdio.h>

#include "sdmctl/quantity.h"
#include "sdmctl/request.h"
#include "sdmctl/table.h"
#include "wire/s11.h"

/* A standby beats every second. */
#define STANDBY_SILENT_MS 5000

static void print_power(const struct sdm_wire_brick_status *brick)
{
    char power[SDM_CTL_QUANTITY_SIZE];

    printf("Power     %s", sdm_power_state_name(brick->have_power));
    if (brick->have_power != brick->want_power) {
        printf(" (going %s)", sdm_power_state_name(brick->want_power));
    }
    printf(", %s\n", sdm_ctl_power_format(brick->power_mw, power));
}

static void print_memory(const struct sdm_wire_brick_status *brick)
{
    char capacity[SDM_CTL_QUANTITY_SIZE];
    char live[SDM_CTL_QUANTITY_SIZE];
    char scrubbing[SDM_CTL_QUANTITY_SIZE];
    char quarantined[SDM_CTL_QUANTITY_SIZE];

    if (brick->kind == SDM_BRICK_KIND_MEMORY) {
        printf("Memory    %s owned of %s, %s being scrubbed, %s quarantined\n",
               sdm_ctl_size_format(brick->live_bytes, live),
               sdm_ctl_size_format(brick->capacity_bytes, capacity),
               sdm_ctl_size_format(brick->scrubbing_bytes, scrubbing),
               sdm_ctl_size_format(brick->quarantined_bytes, quarantined));
    } else if (brick->kind == SDM_BRICK_KIND_COMPUTE) {
        printf("Memory    %s of its own, %s from the pool\n",
               sdm_ctl_size_format(brick->local_bytes, capacity),
               sdm_ctl_size_format(brick->attached_bytes, live));
    } else if (brick->has_reservation) {
        printf("Held by   %s\n", brick->reservation);
    }
}

void sdm_ctl_brick_print(struct sdm_ctl *ctl, const void *reply)
{
    const struct sdm_s11_brick_reply *answer = reply;
    const struct sdm_wire_brick_status *brick = &answer->brick;

    (void)ctl;
    printf("Brick     %s, %s%s%s, tray %s\n", brick->id, sdm_brick_kind_name(brick->kind),
           brick->has_accelerator_kind ? " " : "",
           brick->has_accelerator_kind ? brick->accelerator_kind : "", brick->tray);
    printf("State     %s%s%s%s\n", sdm_brick_state_name(brick->state), brick->has_fence ? ", " : "",
           brick->has_fence ? sdm_fence_state_name(brick->fence) : "",
           answer->done ? "" : "; the request goes on");
    print_power(brick);
    print_memory(brick);
    printf("Ports     %" PRIu64 " of %" PRIu64 " used\n", brick->n_ports_used, brick->n_ports);
    if (brick->has_connected) {
        printf("Agent     %s, generation %" PRIu64 " of %" PRIu64 "\n",
               brick->connected ? "connected" : "silent", brick->have_generation,
               brick->want_generation);
    }
}

static void add_agent(struct sdm_ctl_table *table, const struct sdm_wire_agent_status *agent)
{
    sdm_ctl_table_add(table, agent->compute_brick);
    sdm_ctl_table_add(table, agent->connected ? "connected" : "silent");
    if (agent->has_last_report) {
        sdm_ctl_table_add_format(table, "%.19sZ", agent->last_report);
    } else {
        sdm_ctl_table_add(table, "never");
    }
    sdm_ctl_table_add(table, agent->has_version ? agent->version : NULL);
    sdm_ctl_table_add_format(table, "%" PRIu64 "/%" PRIu64, agent->have_generation,
                             agent->want_generation);
    sdm_ctl_table_add_format(table, "%" PRIu64, agent->n_vms);
    sdm_ctl_table_add_format(table, "%" PRIu64, agent->n_windows);
}

bool sdm_ctl_agents(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool one_page = sdm_ctl_args_get(args, "after") != NULL;
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new("BRICK|AGENT|LAST REPORT|VERSION|>GENERATION|>VMS|>WINDOWS");
    const struct sdm_s11_agents_reply *page;
    size_t n_agents = 0;

    do {
        page = sdm_ctl_request_send(ctl, args, error);
        if (page == NULL) {
            return false;
        }
        for (size_t i = 0; i < page->n_agents; i++) {
            add_agent(table, &page->agents[i]);
        }
        n_agents += page->n_agents;
        sdm_ctl_args_set(args, "after", page->has_next ? page->next : NULL);
    } while (page->has_next && !one_page);
    if (!ctl->globals.json) {
        sdm_ctl_table_print(table, &ctl->screen, 0);
        printf("%s", n_agents == 0 ? "No agents.\n" : "");
    }
    return true;
}

/* What a standby that is asked for nothing says of itself. */
static const char *state_of(const struct sdm_wire_standby_status *standby)
{
    if (standby->beat_age_ms > STANDBY_SILENT_MS) {
        return "silent";
    }
    return standby->sees_broker ? "ready" : "without broker";
}

static void print_standbys(struct sdm_ctl *ctl, const struct sdm_s11_status_reply *status)
{
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new("STANDBY|HOST|>PID|VERSION|SINCE|>LAST BEAT|STATE");

    for (size_t i = 0; i < status->n_standbys; i++) {
        const struct sdm_wire_standby_status *standby = &status->standbys[i];

        sdm_ctl_table_add(table, standby->name);
        sdm_ctl_table_add(table, standby->host);
        sdm_ctl_table_add_format(table, "%" PRIu64, standby->pid);
        sdm_ctl_table_add(table, standby->version);
        sdm_ctl_table_add_format(table, "%.19sZ", standby->since);
        sdm_ctl_table_add_format(table, "%.1f s ago", (double)standby->beat_age_ms / 1000);
        sdm_ctl_table_add(table, state_of(standby));
    }
    if (status->n_standbys > 0) {
        printf("\n");
        sdm_ctl_table_print(table, &ctl->screen, 0);
    }
}

void sdm_ctl_status_print(struct sdm_ctl *ctl, const void *reply)
{
    const struct sdm_s11_status_reply *status = reply;

    printf("Leader        %s, epoch %" PRIu64 ", since %s\n", status->leader, status->epoch,
           status->since);
    printf("Version       %s\n", status->version);
    printf("Reservations  %" PRIu64 "\n", status->n_reservations);
    printf("Segments      %" PRIu64 " not free\n", status->n_segments);
    printf("Pending       %" PRIu64 " requests wait for fabric or guest\n", status->n_pending);
    printf("Outbox        %" PRIu64 " messages to publish\n", status->n_outbox);
    printf("Diverged      %" PRIu64 " devices\n", status->n_diverged);
    printf("Standbys      %zu\n", status->n_standbys);
    print_standbys(ctl, status);
}
