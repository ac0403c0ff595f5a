#include "sdm-agent/reconcile/reconcile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdm-agent/reconcile/check.h"
#include "sdm-agent/reconcile/lookup.h"

struct planner {
    const struct sdm_want *want;
    const struct sdm_found *found;
    const struct sdm_busy *busy;
    struct sdm_lookup *lookup;
    struct sdm_window_state *states;
    GArray *steps;
    bool left_over; /* something is there that is not wanted */
    /* By entry: the wanted window that the found entry carries out, whatever its level. */
    const struct sdm_want_window *carries[SDM_NETPORT_N_ENTRIES];
};

const char *sdm_step_kind_name(enum sdm_step_kind kind)
{
    static const char *const names[] = {"detach-dimm", "offline-host", "unmap",
                                        "map",         "online-host",  "attach-dimm"};

    g_assert(kind < SDM_N_STEP_KINDS);
    return names[kind];
}

static bool is_busy(const struct planner *planner, unsigned entry, const char *window)
{
    const struct sdm_busy *busy = planner->busy;

    return busy != NULL && (busy->entries[entry] || (busy->windows != NULL && window[0] != '\0' &&
                                                     g_hash_table_contains(busy->windows, window)));
}

/* Adds a step and returns it to be filled in; NULL when what it touches is busy. */
static struct sdm_step *add_step(struct planner *planner, enum sdm_step_kind kind, unsigned entry,
                                 const char *window)
{
    struct sdm_step *step;

    if (is_busy(planner, entry, window)) {
        return NULL;
    }
    g_array_set_size(planner->steps, planner->steps->len + 1);
    step = &g_array_index(planner->steps, struct sdm_step, planner->steps->len - 1);
    step->kind = kind;
    step->entry = entry;
    g_strlcpy(step->window, window, sizeof step->window);
    return step;
}

static void add_entry_step(struct planner *planner, enum sdm_step_kind kind, unsigned entry,
                           const struct sdm_netport_entry *netport,
                           const struct sdm_want_window *window)
{
    struct sdm_step *step = add_step(planner, kind, entry, window != NULL ? window->window : "");

    if (step != NULL) {
        step->netport = *netport;
        step->size_bytes = (uint64_t)(netport->end - netport->start) * SDM_NETPORT_PAGE_BYTES;
        step->shared = window != NULL && window->shared;
    }
}

static void add_dimm_step(struct planner *planner, enum sdm_step_kind kind, unsigned entry,
                          const char *window, const char *vm, uint64_t size_bytes, const char *path)
{
    struct sdm_step *step = add_step(planner, kind, entry, window);

    if (step != NULL) {
        step->size_bytes = size_bytes;
        g_strlcpy(step->vm, vm, sizeof step->vm);
        g_strlcpy(step->path, path, sizeof step->path);
    }
}

static bool is_refused(const struct planner *planner, const struct sdm_want_window *window)
{
    return planner->states[window - planner->want->windows].refused;
}

/* Ties found entries to wanted windows; where two windows fit one entry, the one that keeps it. */
static void tie_entries(struct planner *planner)
{
    for (unsigned i = 0; i < planner->want->n_windows; i++) {
        const struct sdm_want_window *window = &planner->want->windows[i];
        const struct sdm_want_window **slot;

        if (window->entry >= SDM_NETPORT_N_ENTRIES ||
            !sdm_lookup_is_mapped(planner->lookup, window)) {
            continue;
        }
        slot = &planner->carries[window->entry];
        if (*slot == NULL || (*slot)->level == SDM_WINDOW_LEVEL_ABSENT) {
            *slot = window;
        }
    }
}

/* A DIMM leaves its guest unless exactly it is wanted; one that a contradictory window explains
 * stays as it is. */
static void plan_dimm(struct planner *planner, const struct sdm_dimm_ref *ref)
{
    const struct sdm_found_dimm *dimm = ref->dimm;
    const struct sdm_want_window *window = sdm_lookup_want(planner->lookup, dimm->window);
    unsigned entry = sdm_lookup_dimm_entry(planner->lookup, dimm);

    if (window != NULL && is_refused(planner, window)) {
        return;
    }
    if (window == NULL && planner->want->keep_unknown) {
        planner->left_over = true;
        return;
    }
    if (window == NULL || window->mode != SDM_MODE_VM ||
        window->level != SDM_WINDOW_LEVEL_ATTACHED || strcmp(window->vm, ref->vm->vm) != 0) {
        planner->left_over = true;
        add_dimm_step(planner, SDM_STEP_DETACH_DIMM, entry, dimm->window, ref->vm->vm,
                      dimm->size_bytes, "");
    } else if (!dimm->confirmed) {
        add_dimm_step(planner, SDM_STEP_ATTACH_DIMM, entry, dimm->window, ref->vm->vm,
                      dimm->size_bytes, dimm->path);
    }
}

/* Host memory goes offline unless a window of mode host wants it online; an entry goes unless it is
 * wanted, once nothing is on it. */
static void plan_entry(struct planner *planner, const struct sdm_found_entry *entry)
{
    const struct sdm_want_window *window = planner->carries[entry->entry];
    const struct sdm_found *found = planner->found;
    struct sdm_host_use use = sdm_lookup_host_use(planner->lookup, &entry->netport);
    bool wanted = window != NULL && window->level != SDM_WINDOW_LEVEL_ABSENT;

    if (window != NULL && is_refused(planner, window)) {
        return;
    }
    if (window == NULL && planner->want->keep_unknown) {
        planner->left_over = true;
        return;
    }
    if (use.n_not_offline > 0 &&
        !(wanted && window->mode == SDM_MODE_HOST && window->level == SDM_WINDOW_LEVEL_ATTACHED)) {
        planner->left_over = true;
        if (found->blocks_known) {
            add_entry_step(planner, SDM_STEP_OFFLINE_HOST, entry->entry, &entry->netport, window);
        }
    }
    if (wanted) {
        return;
    }
    planner->left_over = true;
    if (found->vms_known && found->blocks_known && use.n_not_offline == 0 &&
        !sdm_lookup_has_guest(planner->lookup, entry, NULL)) {
        add_entry_step(planner, SDM_STEP_UNMAP, entry->entry, &entry->netport, window);
    }
}

static void plan_map(struct planner *planner, const struct sdm_want_window *window,
                     struct sdm_window_state *state)
{
    const struct sdm_found_entry *there = sdm_lookup_entry(planner->lookup, window->entry);
    const struct sdm_found_entry *overlap =
        sdm_lookup_overlap(planner->lookup, &window->netport, window->entry);

    if (there != NULL) {
        sdm_window_refuse(state, SDM_ERROR_IN_USE, "entry %u still maps another window",
                          window->entry);
    } else if (overlap != NULL) {
        sdm_window_refuse(state, SDM_ERROR_IN_USE, "entry %u still maps some of the addresses",
                          overlap->entry);
    } else {
        add_entry_step(planner, SDM_STEP_MAP, window->entry, &window->netport, window);
    }
}

static void plan_online(struct planner *planner, const struct sdm_want_window *window,
                        struct sdm_window_state *state)
{
    const struct sdm_found_entry *entry = sdm_lookup_entry(planner->lookup, window->entry);

    if (!planner->found->blocks_known || !planner->found->vms_known) {
        sdm_window_refuse(state, SDM_ERROR_UNAVAILABLE,
                          "memory of the host or its guests cannot be seen");
    } else if (planner->found->block_size_bytes == 0) {
        sdm_window_refuse(state, SDM_ERROR_AGENT_REFUSED, "the host takes no memory blocks");
    } else if (sdm_lookup_has_guest(planner->lookup, entry, NULL)) {
        sdm_window_refuse(state, SDM_ERROR_IN_USE, "a guest still has the segment");
    } else {
        add_entry_step(planner, SDM_STEP_ONLINE_HOST, window->entry, &window->netport, window);
    }
}

static void plan_attach(struct planner *planner, const struct sdm_want_window *window,
                        struct sdm_window_state *state)
{
    const struct sdm_found_entry *entry = sdm_lookup_entry(planner->lookup, window->entry);
    const struct sdm_found_vm *vm = sdm_lookup_vm(planner->lookup, window->vm);
    uint64_t size_bytes = sdm_want_size_bytes(window);

    if (!planner->found->vms_known || !planner->found->blocks_known) {
        sdm_window_refuse(state, SDM_ERROR_UNAVAILABLE, "guests or host memory cannot be seen");
    } else if (vm == NULL) {
        sdm_window_refuse(state, SDM_ERROR_NOT_FOUND, "no running guest '%s'", window->vm);
    } else if (sdm_lookup_is_plugged(planner->lookup, window->window) ||
               sdm_lookup_has_guest(planner->lookup, entry, window->window)) {
        sdm_window_refuse(state, SDM_ERROR_IN_USE, "another guest still has the segment");
    } else if (sdm_lookup_has_host(planner->lookup, entry)) {
        sdm_window_refuse(state, SDM_ERROR_IN_USE, "the host still has the segment online");
    } else if (vm->n_slots_used >= vm->n_slots) {
        sdm_window_refuse(state, SDM_ERROR_NO_SLOT, "guest '%s' uses all of its %u DIMM slots",
                          vm->name, vm->n_slots);
    } else if (vm->plugged_bytes + size_bytes > vm->max_memory_bytes) {
        sdm_window_refuse(state, SDM_ERROR_NO_SLOT,
                          "guest '%s' has %" G_GUINT64_FORMAT " bytes, with %" G_GUINT64_FORMAT
                          " more it would exceed its maximum of %" G_GUINT64_FORMAT,
                          vm->name, vm->plugged_bytes, size_bytes, vm->max_memory_bytes);
    } else {
        add_dimm_step(planner, SDM_STEP_ATTACH_DIMM, window->entry, window->window, window->vm,
                      size_bytes, entry->path);
    }
}

static void plan_window(struct planner *planner, const struct sdm_want_window *window,
                        struct sdm_window_state *state)
{
    struct sdm_host_use use;

    if (state->refused || window->level == SDM_WINDOW_LEVEL_ABSENT) {
        return;
    }
    if (!planner->found->entries_known) {
        sdm_window_refuse(state, SDM_ERROR_UNAVAILABLE, "the RMC does not answer");
    } else if (!sdm_lookup_is_mapped(planner->lookup, window)) {
        plan_map(planner, window, state);
    } else if (window->level == SDM_WINDOW_LEVEL_ATTACHED && window->mode == SDM_MODE_HOST) {
        use = sdm_lookup_host_use(planner->lookup, &window->netport);
        if (use.n_blocks == 0 || use.n_online < use.n_blocks) {
            plan_online(planner, window, state);
        }
    } else if (window->level == SDM_WINDOW_LEVEL_ATTACHED && window->mode == SDM_MODE_VM &&
               sdm_lookup_dimm(planner->lookup, window->window, window->vm) == NULL) {
        plan_attach(planner, window, state);
    }
}

/* How far a window is.  What a kernel has is never called absent, entry or not: its bytes would be
 * handed to somebody else. */
static void find_level(const struct planner *planner, const struct sdm_want_window *window,
                       struct sdm_window_state *state)
{
    bool mapped =
        window->entry < SDM_NETPORT_N_ENTRIES && sdm_lookup_is_mapped(planner->lookup, window);
    const struct sdm_found_vm *vm = sdm_lookup_vm(planner->lookup, window->vm);
    const struct sdm_found_dimm *dimm =
        sdm_lookup_dimm(planner->lookup, window->window, window->vm);
    struct sdm_host_use use = {0};

    /* Without its entry, blocks at its addresses are its own only if no other entry has them. */
    if (mapped ||
        (window->mode == SDM_MODE_HOST &&
         sdm_lookup_overlap(planner->lookup, &window->netport, SDM_NETPORT_N_ENTRIES) == NULL)) {
        use = sdm_lookup_host_use(planner->lookup, &window->netport);
    }
    state->guest_memory_bytes = vm != NULL ? vm->guest_memory_bytes : 0;
    state->dimm_present = sdm_lookup_is_plugged(planner->lookup, window->window);
    if ((dimm != NULL && dimm->confirmed) ||
        (window->mode == SDM_MODE_HOST && use.n_blocks > 0 && use.n_online == use.n_blocks) ||
        (window->mode == SDM_MODE_DEVICE && mapped && window->level == SDM_WINDOW_LEVEL_ATTACHED)) {
        state->have = SDM_WINDOW_LEVEL_ATTACHED;
    } else if (mapped || state->dimm_present || use.n_not_offline > 0) {
        state->have = SDM_WINDOW_LEVEL_MAPPED;
    } else {
        state->have = SDM_WINDOW_LEVEL_ABSENT;
    }
}

static int compare_steps(const void *a, const void *b)
{
    const struct sdm_step *x = a;
    const struct sdm_step *y = b;
    int order;

    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    if (x->entry != y->entry) {
        return x->entry < y->entry ? -1 : 1;
    }
    order = strcmp(x->window, y->window);
    return order != 0 ? order : strcmp(x->vm, y->vm);
}

static bool is_converged(const struct planner *planner)
{
    const struct sdm_found *found = planner->found;
    bool known = found->entries_known && found->blocks_known && found->vms_known;
    bool reached = known && !planner->left_over;

    for (unsigned i = 0; reached && i < planner->want->n_windows; i++) {
        const struct sdm_want_window *window = &planner->want->windows[i];

        reached = !planner->states[i].refused && planner->states[i].have == window->level &&
                  (window->level == SDM_WINDOW_LEVEL_ABSENT ||
                   sdm_lookup_is_mapped(planner->lookup, window));
    }
    return reached;
}

static void plan_all(struct planner *planner)
{
    const struct sdm_found *found = planner->found;
    unsigned n_dimms;
    const struct sdm_dimm_ref *dimms = sdm_lookup_dimms(planner->lookup, &n_dimms);

    sdm_check_want(planner->want, found->block_size_bytes, planner->states);
    tie_entries(planner);
    for (unsigned i = 0; found->vms_known && i < n_dimms; i++) {
        plan_dimm(planner, &dimms[i]);
    }
    for (unsigned i = 0; found->entries_known && i < found->n_entries; i++) {
        plan_entry(planner, &found->entries[i]);
    }
    for (unsigned i = 0; i < planner->want->n_windows; i++) {
        plan_window(planner, &planner->want->windows[i], &planner->states[i]);
        find_level(planner, &planner->want->windows[i], &planner->states[i]);
    }
    g_array_sort(planner->steps, compare_steps);
}

struct sdm_step_plan *sdm_reconcile(const struct sdm_want *want, const struct sdm_found *found,
                                    const struct sdm_busy *busy)
{
    struct sdm_step_plan *plan = g_new0(struct sdm_step_plan, 1);
    g_autofree struct planner *planner = g_new0(struct planner, 1);
    g_autoptr(sdm_lookup) lookup = sdm_lookup_new(want, found);

    planner->want = want;
    planner->found = found;
    planner->busy = busy;
    planner->lookup = lookup;
    planner->states = g_new0(struct sdm_window_state, want->n_windows + 1);
    planner->steps = g_array_new(FALSE, TRUE, sizeof(struct sdm_step));
    plan_all(planner);

    plan->converged = is_converged(planner);
    plan->n_steps = planner->steps->len;
    plan->steps = (struct sdm_step *)(void *)g_array_free(planner->steps, FALSE);
    plan->states = planner->states;
    plan->n_states = want->n_windows;
    return plan;
}

void sdm_step_plan_free(struct sdm_step_plan *plan)
{
    if (plan == NULL) {
        return;
    }
    g_free(plan->steps);
    g_free(plan->states);
    g_free(plan);
}
