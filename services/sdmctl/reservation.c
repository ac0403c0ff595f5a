#include "sdmctl/reservation.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdmctl/plan.h"
#include "sdmctl/quantity.h"
#include "sdmctl/request.h"
#include "sdmctl/table.h"
#include "wire/s10.h"

/* A plan's id stands for all that was planned, so that nothing else of it may be given. */
bool sdm_ctl_reserve(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool has_plan = sdm_ctl_args_get(args, "plan") != NULL;
    bool has_size = sdm_ctl_args_get(args, "size") != NULL;

    if (has_plan == has_size) {
        return sdm_ctl_usage(error, "want either SIZE or --plan");
    }
    if (has_size && sdm_ctl_args_get(args, "brick") == NULL) {
        return sdm_ctl_usage(error, "want --brick: the compute brick that shall use it");
    }
    for (size_t i = 0; has_plan && i < args->command->n_uses; i++) {
        const struct sdm_ctl_use *use = &args->command->uses[i];

        if (use->member != NULL && g_str_has_prefix(use->member, "request.")) {
            sdm_ctl_args_set(args, use->parameter->name, NULL);
        }
    }
    return sdm_ctl_run_request(ctl, args, error);
}

bool sdm_ctl_attach(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool has_vm = sdm_ctl_args_get(args, "vm") != NULL;
    bool has_brick = sdm_ctl_args_get(args, "brick") != NULL;

    if (has_vm == has_brick) {
        return sdm_ctl_usage(error, "want either --vm (mode vm) or --brick (modes host, device)");
    }
    return sdm_ctl_run_request(ctl, args, error);
}

void sdm_ctl_reservations_print(struct sdm_ctl *ctl,
                                const struct sdm_wire_reservation *reservations,
                                size_t n_reservations)
{
    g_autoptr(sdm_ctl_table) table = sdm_ctl_table_new(
        "RESERVATION|PROJECT|STATE|>SIZE|MODE|BRICK|CLASS|GROUP|ACCELERATOR|LEASE END");

    for (size_t i = 0; i < n_reservations; i++) {
        const struct sdm_wire_reservation *reservation = &reservations[i];

        sdm_ctl_table_add(table, reservation->reservation);
        sdm_ctl_table_add(table, reservation->project);
        sdm_ctl_table_add_format(table, "%s%s", sdm_reservation_state_name(reservation->state),
                                 reservation->has_health ? ", degraded" : "");
        sdm_ctl_table_add_size(table, reservation->size_bytes);
        sdm_ctl_table_add(table, sdm_mode_name(reservation->mode));
        sdm_ctl_table_add(table, reservation->compute_brick);
        sdm_ctl_table_add(table, sdm_latency_class_name(reservation->latency_class));
        sdm_ctl_table_add(table, reservation->has_group ? reservation->group : NULL);
        sdm_ctl_table_add(table, reservation->has_accelerator ? reservation->accelerator : NULL);
        sdm_ctl_table_add_format(table, "%.19sZ", reservation->lease_end);
    }
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

/* Page after page; a page that was asked for by --after is the only one. */
bool sdm_ctl_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool one_page = sdm_ctl_args_get(args, "after") != NULL;
    bool wants_live =
        sdm_ctl_args_get(args, "all") == NULL && sdm_ctl_args_get(args, "state") == NULL;
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct sdm_wire_reservation));
    const struct sdm_s10_list_reply *page;

    do {
        g_autoptr(sdm_json) body = sdm_ctl_request_make(ctl, args, error);

        if (body == NULL) {
            return false;
        }
        if (wants_live) {
            sdm_json_set_boolean(body, "live", true);
        }
        page = sdm_ctl_call(ctl,
                            &(struct sdm_ctl_call){.type = args->command->type,
                                                   .reply = args->command->reply,
                                                   .body = body,
                                                   .awaited = "listing reservations"},
                            error);
        if (page == NULL) {
            return false;
        }
        if (page->n_reservations > 0) {
            g_array_append_vals(all, page->reservations, (guint)page->n_reservations);
        }
        sdm_ctl_args_set(args, "after", page->has_next ? page->next : NULL);
    } while (page->has_next && !one_page);
    if (ctl->globals.json) {
        return true;
    }
    sdm_ctl_reservations_print(ctl, (const struct sdm_wire_reservation *)(void *)all->data,
                               all->len);
    if (all->len == 0) {
        printf("No reservations.\n");
    }
    return true;
}

static void print_segments(const struct sdm_ctl *ctl,
                           const struct sdm_wire_reservation *reservation)
{
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new("SEGMENT|MEMORY BRICK|>OFFSET|>SIZE|CLASS|STATE");

    for (size_t i = 0; i < reservation->n_segments; i++) {
        const struct sdm_wire_segment *segment = &reservation->segments[i];

        sdm_ctl_table_add(table, segment->segment);
        sdm_ctl_table_add(table, segment->memory_brick);
        sdm_ctl_table_add_size(table, segment->offset_bytes);
        sdm_ctl_table_add_size(table, segment->size_bytes);
        sdm_ctl_table_add(table, sdm_latency_class_name(segment->latency_class));
        sdm_ctl_table_add(table, sdm_segment_state_name(segment->state));
    }
    if (reservation->n_segments > 0) {
        putchar('\n');
    }
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

static void print_windows(const struct sdm_ctl *ctl, const struct sdm_wire_reservation *reservation)
{
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new("WINDOW|COMPUTE BRICK|>ENTRY|>START|>SIZE|WANT|HAVE");

    for (size_t i = 0; i < reservation->n_windows; i++) {
        const struct sdm_wire_window *window = &reservation->windows[i];

        sdm_ctl_table_add(table, window->window);
        sdm_ctl_table_add(table, window->compute_brick);
        sdm_ctl_table_add_format(table, "%" PRIu64, window->entry);
        sdm_ctl_table_add_format(table, "0x%" PRIx64, window->start_bytes);
        sdm_ctl_table_add_size(table, window->size_bytes);
        sdm_ctl_table_add(table, sdm_window_level_name(window->want));
        sdm_ctl_table_add(table, sdm_window_level_name(window->have));
    }
    if (reservation->n_windows > 0) {
        putchar('\n');
    }
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

static void print_attachments(const struct sdm_ctl *ctl,
                              const struct sdm_wire_reservation *reservation)
{
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new("ATTACHED TO|VM|WANT|HAVE|>GUEST MEMORY|ERROR");

    for (size_t i = 0; i < reservation->n_attachments; i++) {
        const struct sdm_wire_attachment *attachment = &reservation->attachments[i];

        sdm_ctl_table_add(table, attachment->compute_brick);
        sdm_ctl_table_add(table, attachment->has_vm ? attachment->vm : NULL);
        sdm_ctl_table_add(table, sdm_window_level_name(attachment->want));
        sdm_ctl_table_add(table, sdm_window_level_name(attachment->have));
        if (attachment->has_guest_memory_bytes) {
            sdm_ctl_table_add_size(table, attachment->guest_memory_bytes);
        } else {
            sdm_ctl_table_add(table, NULL);
        }
        if (attachment->has_error_code) {
            sdm_ctl_table_add_format(table, "%s: %s", sdm_error_code_name(attachment->error_code),
                                     attachment->has_error_text ? attachment->error_text : "");
        } else {
            sdm_ctl_table_add(table, NULL);
        }
    }
    if (reservation->n_attachments > 0) {
        putchar('\n');
    }
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

static void print_paths(const struct sdm_ctl *ctl, const struct sdm_wire_reservation *reservation)
{
    if (reservation->n_paths > 0) {
        printf("\nPaths:\n");
    }
    for (size_t i = 0; i < reservation->n_paths; i++) {
        g_autofree char *path =
            sdm_ctl_path_format(&ctl->screen, reservation->compute_brick, &reservation->paths[i]);

        printf("  %s\n", path);
    }
}

static void print_history(const struct sdm_wire_reservation *reservation)
{
    if (reservation->has_history && reservation->n_history > 0) {
        printf("\nHistory:\n");
    }
    for (size_t i = 0; reservation->has_history && i < reservation->n_history; i++) {
        const struct sdm_wire_history_entry *entry = &reservation->history[i];

        printf("  %s  %-9s  %s\n", entry->at, sdm_reservation_state_name(entry->state),
               entry->text);
    }
}

/* What gives memory back has reached the guest before circuits are cut and bytes are scrubbed. */
static const char *what_is_left(const struct sdm_s10_reply *reply)
{
    if (reply->done) {
        return ", done";
    }
    return reply->reached == SDM_WAIT_LEVEL_GUEST ? "; its bytes are on their way to the pool"
                                                  : ", going on";
}

static void print_head(const struct sdm_s10_reply *reply)
{
    const struct sdm_wire_reservation *reservation = &reply->reservation;
    char size[SDM_CTL_QUANTITY_SIZE];
    char requested[SDM_CTL_QUANTITY_SIZE];

    printf("Reservation  %s\n", reservation->reservation);
    printf("Project      %s\n", reservation->project);
    printf("State        %s%s; reached %s%s\n", sdm_reservation_state_name(reservation->state),
           reservation->has_health ? ", degraded" : "", sdm_wait_level_name(reply->reached),
           what_is_left(reply));
    printf("Size         %s", sdm_ctl_size_format(reservation->size_bytes, size));
    if (reservation->size_bytes != reservation->requested_bytes) {
        printf(" (asked for %s)", sdm_ctl_size_format(reservation->requested_bytes, requested));
    }
    printf("\nUse          mode %s, brick %s, class %s\n", sdm_mode_name(reservation->mode),
           reservation->compute_brick, sdm_latency_class_name(reservation->latency_class));
    if (reservation->has_group) {
        printf("Group        %s\n", reservation->group);
    }
    if (reservation->has_accelerator) {
        printf("Accelerator  %s\n", reservation->accelerator);
    }
    printf("Lease end    %s\n", reservation->lease_end);
    if (reply->has_timing) {
        printf("Time         controller %.1f ms, fabric %.1f ms, agent %.1f ms, guest %.1f ms\n",
               (double)reply->timing.controller_us / 1000, (double)reply->timing.fabric_us / 1000,
               (double)reply->timing.agent_us / 1000, (double)reply->timing.guest_us / 1000);
    }
}

void sdm_ctl_reservation_print(struct sdm_ctl *ctl, const void *reply)
{
    const struct sdm_s10_reply *answer = reply;

    print_head(answer);
    print_segments(ctl, &answer->reservation);
    print_windows(ctl, &answer->reservation);
    print_attachments(ctl, &answer->reservation);
    print_paths(ctl, &answer->reservation);
    print_history(&answer->reservation);
}
