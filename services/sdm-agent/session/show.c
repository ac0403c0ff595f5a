#include <string.h>

#include "sdm-agent/session/memory.h"
#include "sdm-agent/session/report.h"

bool sdm_session_check(void *user, GError **error)
{
    const struct sdm_session *session = user;

    return sdm_picture_check(session->picture, error);
}

void sdm_session_fill_status(void *user, struct sdm_json *status)
{
    struct sdm_session *session = user;
    const struct sdm_found *found = sdm_picture_view(session->picture);

    sdm_json_set_string(status, "brick", session->brick);
    sdm_json_set_string(status, "boot_id", session->boot_id);
    sdm_json_set_integer(status, "epoch", (int64_t)session->epoch);
    sdm_json_set_integer(status, "generation", (int64_t)session->generation);
    sdm_json_set_boolean(status, "has_orders", session->may_act);
    sdm_json_set_boolean(status, "converged", session->plan != NULL && session->plan->converged);
    sdm_json_set_boolean(status, "sees_rmc", found->entries_known);
    sdm_json_set_boolean(status, "sees_host", found->blocks_known);
    sdm_json_set_boolean(status, "sees_guests", found->vms_known);
    sdm_json_set_integer(status, "n_windows", session->want.n_windows);
    sdm_json_set_integer(status, "n_entries", found->n_entries);
    sdm_json_set_integer(status, "n_vms", found->n_vms);
    sdm_json_set_integer(status, "n_jobs", session->n_under_way);
}

static void show_record(const struct sdm_record *record, struct sdm_json *item)
{
    int64_t now_us = g_get_monotonic_time();

    sdm_json_set_boolean(item, "under_way", record->under_way);
    sdm_json_set_boolean(item, "pending", record->pending);
    sdm_json_set_integer(item, "n_failures", record->n_failures);
    sdm_json_set_integer(item, "rest_ms", MAX(record->rest_until_us - now_us, 0) / 1000);
    sdm_json_set_integer(item, "guest_us", record->guest_us);
    if (record->has_error) {
        sdm_json_set_string(item, "error_code", sdm_error_code_name(record->code));
        sdm_json_set_string(item, "error_text", record->text);
    }
}

static void show_window(const struct sdm_session *session, unsigned i, struct sdm_json *item)
{
    const struct sdm_want_window *window = &session->want.windows[i];
    const struct sdm_record *record = sdm_records_find(session->records, window->window);

    sdm_json_set_string(item, "window", window->window);
    sdm_json_set_integer(item, "entry", window->entry);
    sdm_json_set_string(item, "mode", sdm_mode_name(window->mode));
    if (window->vm[0] != '\0') {
        sdm_json_set_string(item, "vm", window->vm);
    }
    sdm_json_set_integer(item, "start_bytes", (int64_t)sdm_want_start_bytes(window));
    sdm_json_set_integer(item, "size_bytes", (int64_t)sdm_want_size_bytes(window));
    sdm_json_set_string(item, "want", sdm_window_level_name(window->level));
    if (session->plan != NULL) {
        const struct sdm_window_state *state = &session->plan->states[i];

        sdm_json_set_string(item, "have", sdm_window_level_name(state->have));
        if (state->refused) {
            sdm_json_set_string(item, "waits_code", sdm_error_code_name(state->code));
            sdm_json_set_string(item, "waits_text", state->text);
        }
    }
    if (record != NULL) {
        show_record(record, item);
    }
}

struct sdm_json *sdm_session_list_windows(void *user, const struct sdm_json *args, GError **error)
{
    const struct sdm_session *session = user;
    struct sdm_json *list = sdm_json_new_list();

    (void)args;
    (void)error;
    for (unsigned i = 0; i < session->want.n_windows; i++) {
        show_window(session, i, sdm_json_append_object(list));
    }
    return list;
}

static void show_vm(const struct sdm_found_vm *vm, struct sdm_json *item)
{
    struct sdm_json *dimms;

    sdm_json_set_string(item, "vm", vm->vm);
    sdm_json_set_string(item, "name", vm->name);
    sdm_json_set_string(item, "boot_id", vm->boot_id);
    sdm_json_set_integer(item, "n_slots", vm->n_slots);
    sdm_json_set_integer(item, "n_slots_used", vm->n_slots_used);
    sdm_json_set_integer(item, "max_memory_bytes", (int64_t)vm->max_memory_bytes);
    sdm_json_set_integer(item, "memory_bytes", (int64_t)vm->memory_bytes);
    sdm_json_set_integer(item, "guest_memory_bytes", (int64_t)vm->guest_memory_bytes);
    dimms = sdm_json_set_list(item, "dimms");
    for (unsigned i = 0; i < vm->n_dimms; i++) {
        struct sdm_json *dimm = sdm_json_append_object(dimms);

        sdm_json_set_string(dimm, "window", vm->dimms[i].window);
        sdm_json_set_integer(dimm, "size_bytes", (int64_t)vm->dimms[i].size_bytes);
        sdm_json_set_string(dimm, "path", vm->dimms[i].path);
        sdm_json_set_boolean(dimm, "confirmed", vm->dimms[i].confirmed);
    }
}

struct sdm_json *sdm_session_list_vms(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_session *session = user;
    const struct sdm_found *found = sdm_picture_view(session->picture);
    struct sdm_json *list = sdm_json_new_list();

    (void)args;
    (void)error;
    for (unsigned i = 0; i < found->n_vms; i++) {
        show_vm(&found->vms[i], sdm_json_append_object(list));
    }
    return list;
}
