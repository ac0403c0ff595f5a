#include "sdm-agent/session/report.h"

#include <string.h>

/* A refusal that may mend by itself is told after this. */
enum { GRACE_US = 3000000, MAX_WINDOWS = 4096, MAX_VMS = 1024 };

static bool is_final(enum sdm_error_code code)
{
    return code == SDM_ERROR_AGENT_REFUSED || code == SDM_ERROR_GUEST_REFUSED ||
           code == SDM_ERROR_NO_SLOT || code == SDM_ERROR_NOT_FOUND;
}

bool sdm_report_error(const struct sdm_window_state *state, const struct sdm_record *record,
                      enum sdm_window_level level, int64_t now_us, enum sdm_error_code *code,
                      const char **text)
{
    bool leaving = level < state->have;

    if (state->have == level) {
        return false;
    }
    if (state->refused && is_final(state->code)) {
        *code = state->code;
        *text = state->text;
        return true;
    }
    if (record == NULL) {
        return false;
    }
    if (record->pending) {
        *code = SDM_ERROR_GUEST_REFUSED;
        *text = "the guest has been asked for the memory and has not given it up yet";
        return true;
    }
    if (!record->has_error || record->code == SDM_ERROR_UNAVAILABLE) {
        return false;
    }
    if (is_final(record->code) || (leaving && record->code == SDM_ERROR_IN_USE)) {
        *code = record->code;
    } else if (now_us - record->failing_since_us >= GRACE_US) {
        *code = SDM_ERROR_AGENT_REFUSED;
    } else {
        return false;
    }
    *text = record->text;
    return true;
}

static void add_times(const struct sdm_record *record, struct sdm_wire_found_window *to)
{
    if (record->reached_us > 0 && record->wanted_us > 0) {
        to->has_agent_us = true;
        to->agent_us = (uint64_t)MAX(record->reached_us - record->wanted_us - record->guest_us, 0);
        to->has_guest_us = true;
        to->guest_us = (uint64_t)MAX(record->guest_us, 0);
    }
    if (record->guest_memory_bytes > 0) {
        to->has_guest_memory_bytes = true;
        to->guest_memory_bytes = record->guest_memory_bytes;
    }
}

/* Where it leads; an entry that leads nowhere says nothing. */
static void write_bytes(const struct sdm_netport_entry *entry, struct sdm_wire_found_window *to)
{
    struct sdm_netport_window window;

    if (sdm_netport_entry_is_empty(entry) || !sdm_netport_entry_validate(entry, NULL)) {
        return;
    }
    sdm_netport_entry_read(entry, &window);
    to->has_module = to->has_brick_offset_bytes = true;
    to->module = window.module;
    to->brick_offset_bytes = window.brick_bytes;
}

static void write_wanted(const struct sdm_report_input *input, unsigned i,
                         struct sdm_wire_found_window *to)
{
    const struct sdm_want_window *window = &input->want->windows[i];
    const struct sdm_window_state *state = &input->plan->states[i];
    const struct sdm_record *record = sdm_records_find(input->records, window->window);
    const char *text = NULL;

    g_strlcpy(to->window, window->window, sizeof to->window);
    to->entry = MIN(window->entry, SDM_NETPORT_N_ENTRIES - 1);
    to->start_bytes = sdm_want_start_bytes(window);
    to->size_bytes = sdm_want_size_bytes(window);
    to->have = state->have;
    if (record != NULL) {
        add_times(record, to);
    }
    write_bytes(&window->netport, to);
    if (sdm_report_error(state, record, window->level, input->now_us, &to->error_code, &text)) {
        to->has_error_code = true;
        to->has_error_text = true;
        g_strlcpy(to->error_text, text, sizeof to->error_text);
    }
}

/* By entry number: a wanted window is what the found entry maps. */
static bool *find_explained(const struct sdm_report_input *input)
{
    bool *explained = g_new0(bool, SDM_NETPORT_N_ENTRIES);
    g_autofree const struct sdm_found_entry **entries =
        g_new0(const struct sdm_found_entry *, SDM_NETPORT_N_ENTRIES);

    for (unsigned i = 0; i < input->found->n_entries; i++) {
        entries[input->found->entries[i].entry] = &input->found->entries[i];
    }
    for (unsigned i = 0; i < input->want->n_windows; i++) {
        const struct sdm_want_window *window = &input->want->windows[i];

        if (window->entry < SDM_NETPORT_N_ENTRIES && entries[window->entry] != NULL &&
            sdm_netport_entry_equal(&window->netport, &entries[window->entry]->netport)) {
            explained[window->entry] = true;
        }
    }
    return explained;
}

static const struct sdm_found_dimm *find_dimm_on(const struct sdm_found *found, const char *path)
{
    for (unsigned i = 0; path[0] != '\0' && i < found->n_vms; i++) {
        for (unsigned j = 0; j < found->vms[i].n_dimms; j++) {
            if (strcmp(found->vms[i].dimms[j].path, path) == 0) {
                return &found->vms[i].dimms[j];
            }
        }
    }
    return NULL;
}

/* Entries that no wanted window explains: they are there, so they are reported. */
static void write_strangers(const struct sdm_report_input *input, struct sdm_s7_report *report)
{
    const struct sdm_found *found = input->found;
    g_autofree bool *explained = find_explained(input);

    for (unsigned i = 0;
         found->entries_known && i < found->n_entries && report->n_windows < MAX_WINDOWS; i++) {
        const struct sdm_found_entry *entry = &found->entries[i];
        const struct sdm_found_dimm *dimm;
        struct sdm_wire_found_window *to;

        if (explained[entry->entry]) {
            continue;
        }
        dimm = find_dimm_on(found, entry->path);
        to = &report->windows[report->n_windows++];
        g_strlcpy(to->window, dimm != NULL ? dimm->window : SDM_WINDOW_NOBODY, sizeof to->window);
        to->entry = entry->entry;
        to->start_bytes = (uint64_t)entry->netport.start * SDM_NETPORT_PAGE_BYTES;
        to->size_bytes =
            (uint64_t)(entry->netport.end - entry->netport.start) * SDM_NETPORT_PAGE_BYTES;
        to->have = dimm != NULL ? SDM_WINDOW_LEVEL_ATTACHED : SDM_WINDOW_LEVEL_MAPPED;
        to->guest_us = (uint64_t)MAX(sdm_records_given_back_us(input->records, entry->entry), 0);
        to->has_guest_us = dimm == NULL && to->guest_us > 0;
        write_bytes(&entry->netport, to);
    }
}

/* A step that has begun may still make an entry: until it has ended, its window is not gone, wanted
 * or not.  Listed last, so that what was found of it counts first. */
static void write_under_way(const struct sdm_record *record, void *user)
{
    struct sdm_s7_report *report = user;
    struct sdm_wire_found_window *to;

    if (record->is_wanted || report->n_windows >= MAX_WINDOWS) {
        return;
    }
    to = &report->windows[report->n_windows++];
    g_strlcpy(to->window, record->window, sizeof to->window);
    to->entry = record->entry != SDM_NO_ENTRY ? record->entry : 0;
    to->have = SDM_WINDOW_LEVEL_ABSENT;
}

static unsigned count_entries(const struct sdm_report_input *input)
{
    return input->want->n_windows + input->found->n_entries + SDM_NETPORT_N_ENTRIES;
}

static void write_vms(const struct sdm_found *found, struct sdm_s7_report *report)
{
    report->n_vms = MIN(found->n_vms, (unsigned)MAX_VMS);
    for (size_t i = 0; i < report->n_vms; i++) {
        const struct sdm_found_vm *from = &found->vms[i];
        struct sdm_wire_vm *to = &report->vms[i];

        g_strlcpy(to->vm, from->vm, sizeof to->vm);
        g_strlcpy(to->name, from->name, sizeof to->name);
        g_strlcpy(to->boot_id, from->boot_id, sizeof to->boot_id);
        to->n_slots = MIN(from->n_slots, 256U);
        to->n_slots_used = MIN(from->n_slots_used, 256U);
        to->max_memory_bytes = from->max_memory_bytes;
        to->memory_bytes = from->memory_bytes;
        to->guest_memory_bytes = from->guest_memory_bytes;
    }
}

char *sdm_report_write(const struct sdm_report_input *input, size_t *size)
{
    const struct sdm_want *want = input->want;
    g_autofree struct sdm_wire_found_window *windows = NULL;
    g_autofree struct sdm_wire_vm *vms = NULL;
    /* While the RMC is not known nothing can be said to be gone: what was mapped last may be there.
     * Neither generation nor epoch is answered then. */
    struct sdm_s7_report report = {.epoch = input->found->entries_known ? input->epoch : 0,
                                   .generation =
                                       input->found->entries_known ? input->generation : 0,
                                   .has_made_us = input->made_us > 0,
                                   .made_us = (uint64_t)input->made_us,
                                   .converged = input->plan->converged};

    windows = g_new0(struct sdm_wire_found_window, count_entries(input));
    vms = g_new0(struct sdm_wire_vm, input->found->n_vms + 1);
    g_strlcpy(report.brick, input->brick, sizeof report.brick);
    g_strlcpy(report.boot_id, input->boot_id, sizeof report.boot_id);
    g_strlcpy(report.version, input->version, sizeof report.version);
    report.windows = windows;
    report.vms = vms;
    for (unsigned i = 0; i < want->n_windows && i < MAX_WINDOWS; i++) {
        write_wanted(input, i, &windows[report.n_windows++]);
    }
    write_strangers(input, &report);
    sdm_records_each_under_way(input->records, write_under_way, &report);
    write_vms(input->found, &report);
    return sdm_codec_encode(&sdm_s7_report_codec, &report, size);
}
