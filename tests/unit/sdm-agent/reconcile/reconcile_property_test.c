/* Random brick, random wanted state that changes on the way, steps that run side by side and fail
 * at random: the rules hold at every step, and once nothing fails any more wanted equals found. */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "sdm-agent/reconcile/reconcile.h"

enum {
    N_IDS = 12, /* windows; two of them share each address range, and each entry */
    N_PLACES = 6,
    N_GUESTS = 3,
    N_SLOTS = 3,
    BLOCK = 128 << 20,
    PAGES = 2 * BLOCK / SDM_NETPORT_PAGE_BYTES,
    N_SEEDS = 200,
    N_ROUNDS = 120,
    N_ROUNDS_TO_HEAL = 200,
};

/* The truth: what the brick really has, by window. */
struct brick {
    bool mapped[N_IDS];
    unsigned n_online[N_IDS]; /* blocks, 0 to 2 */
    unsigned guests[N_IDS];   /* bit a guest that has the DIMM */
    bool confirmed[N_IDS];
    bool path_lost[N_IDS];
};

struct run {
    GRand *rand;
    unsigned seed;
    struct brick brick;
    struct sdm_want_window windows[N_IDS];
    struct sdm_want want;
    GPtrArray *under_way; /* of struct sdm_step */
    bool failing;
};

static void uuid_of(unsigned id, char uuid[SDM_UUID_SIZE])
{
    snprintf(uuid, SDM_UUID_SIZE, "00000000-0000-4000-8000-%012u", id);
}

static unsigned id_of(const char *uuid)
{
    return uuid[0] == '\0' ? N_IDS : (unsigned)atoi(uuid + 24);
}

static unsigned entry_of(unsigned id)
{
    return id % N_PLACES;
}

static struct sdm_netport_entry netport_of(unsigned id)
{
    uint32_t start = PAGES * 4 + (id * 5 % N_PLACES) * PAGES;

    return (struct sdm_netport_entry){id, start, start + PAGES, 0};
}

static unsigned id_of_netport(const struct sdm_netport_entry *netport)
{
    return netport->info;
}

static bool chance(struct run *run, unsigned percent)
{
    return (unsigned)g_rand_int_range(run->rand, 0, 100) < percent;
}

static void want_anew(struct run *run)
{
    bool places[N_PLACES] = {false};
    bool starts[N_PLACES] = {false};

    run->want.windows = run->windows;
    run->want.n_windows = 0;
    for (unsigned id = 0; id < N_IDS; id++) {
        struct sdm_want_window *window = &run->windows[run->want.n_windows];
        unsigned start = (netport_of(id).start - PAGES * 4) / PAGES;

        if (chance(run, 40)) {
            continue;
        }
        *window = (struct sdm_want_window){.entry = entry_of(id), .netport = netport_of(id)};
        uuid_of(id, window->window);
        window->mode = (enum sdm_mode)g_rand_int_range(run->rand, 0, 3);
        window->level = (enum sdm_window_level)g_rand_int_range(run->rand, 0, 3);
        if (window->mode == SDM_MODE_VM) {
            uuid_of(100 + id % N_GUESTS, window->vm);
        }
        if (places[entry_of(id)] || starts[start]) {
            window->level = SDM_WINDOW_LEVEL_ABSENT;
        }
        if (window->level != SDM_WINDOW_LEVEL_ABSENT) {
            places[entry_of(id)] = starts[start] = true;
        }
        run->want.n_windows++;
    }
}

static unsigned slots_used(const struct brick *brick, unsigned guest)
{
    unsigned n = 0;

    for (unsigned id = 0; id < N_IDS; id++) {
        n += brick->guests[id] >> guest & 1;
    }
    return n;
}

/* Looks at the brick as the agent would; free with g_free(). */
struct view {
    struct sdm_found found;
    struct sdm_found_entry entries[N_IDS];
    struct sdm_found_block blocks[N_IDS * 2];
    struct sdm_found_vm vms[N_GUESTS];
    struct sdm_found_dimm dimms[N_GUESTS][N_IDS];
};

static void look_at_guest(const struct run *run, struct view *view, unsigned guest)
{
    struct sdm_found_vm *vm = &view->vms[guest];

    uuid_of(100 + guest, vm->vm);
    vm->n_slots = N_SLOTS;
    vm->n_slots_used = slots_used(&run->brick, guest);
    vm->max_memory_bytes = UINT64_C(1) << 40;
    vm->dimms = view->dimms[guest];
    for (unsigned id = 0; id < N_IDS; id++) {
        if (run->brick.guests[id] >> guest & 1) {
            struct sdm_found_dimm *dimm = &vm->dimms[vm->n_dimms++];

            uuid_of(id, dimm->window);
            dimm->confirmed = run->brick.confirmed[id];
            dimm->size_bytes = 2 * BLOCK;
            if (!run->brick.path_lost[id]) {
                snprintf(dimm->path, sizeof dimm->path, "/seg/%u", id);
            }
        }
    }
}

static int compare_blocks(const void *a, const void *b)
{
    const struct sdm_found_block *x = a;
    const struct sdm_found_block *y = b;

    return (x->index > y->index) - (x->index < y->index);
}

static struct view *look(struct run *run)
{
    struct view *view = g_new0(struct view, 1);

    view->found = (struct sdm_found){.entries_known = !run->failing || chance(run, 90),
                                     .blocks_known = !run->failing || chance(run, 90),
                                     .vms_known = !run->failing || chance(run, 90),
                                     .entries = view->entries,
                                     .blocks = view->blocks,
                                     .block_size_bytes = BLOCK,
                                     .vms = view->vms,
                                     .n_vms = N_GUESTS};
    for (unsigned id = 0; id < N_IDS; id++) {
        struct sdm_found_entry *entry = &view->entries[view->found.n_entries];
        struct sdm_netport_entry netport = netport_of(id);

        if (run->brick.mapped[id]) {
            view->found.n_entries++;
            entry->entry = entry_of(id);
            entry->netport = netport;
            snprintf(entry->path, sizeof entry->path, "/seg/%u", id);
        }
        for (unsigned i = 0; run->brick.mapped[id] && i < 2; i++) {
            view->blocks[view->found.n_blocks++] = (struct sdm_found_block){
                (uint64_t)netport.start * SDM_NETPORT_PAGE_BYTES / BLOCK + i,
                i < run->brick.n_online[id] ? SDM_BLOCK_ONLINE : SDM_BLOCK_OFFLINE};
        }
    }
    qsort(view->blocks, view->found.n_blocks, sizeof view->blocks[0], compare_blocks);
    for (unsigned guest = 0; guest < N_GUESTS; guest++) {
        look_at_guest(run, view, guest);
    }
    return view;
}

#define RULE(run, condition, what) cr_assert(condition, "seed %u: %s", (run)->seed, what)

static void do_map(struct run *run, unsigned id)
{
    for (unsigned other = 0; other < N_IDS; other++) {
        if (other != id && run->brick.mapped[other]) {
            RULE(run, entry_of(other) != entry_of(id), "mapped over an entry");
            RULE(run, netport_of(other).start != netport_of(id).start, "mapped over addresses");
        }
    }
    run->brick.mapped[id] = true;
}

static void do_unmap(struct run *run, unsigned id)
{
    RULE(run, run->brick.mapped[id], "unmapped what is not mapped");
    RULE(run, run->brick.guests[id] == 0, "unmapped under a guest");
    RULE(run, run->brick.n_online[id] == 0, "unmapped under the host");
    run->brick.mapped[id] = false;
}

static void do_attach(struct run *run, unsigned id, unsigned guest, bool succeeds)
{
    RULE(run, run->brick.mapped[id], "plugged without an entry");
    RULE(run, (run->brick.guests[id] & ~(1U << guest)) == 0, "plugged into two guests");
    RULE(run, run->brick.n_online[id] == 0, "plugged while the host has it");
    if (slots_used(&run->brick, guest) < N_SLOTS) {
        if (run->brick.guests[id] == 0) {
            run->brick.path_lost[id] = run->failing && chance(run, 20);
            run->brick.confirmed[id] = false;
        }
        run->brick.guests[id] |= 1U << guest;
    }
    if (succeeds && run->brick.guests[id] != 0) {
        run->brick.confirmed[id] = true;
    }
}

static void do_online(struct run *run, unsigned id, bool succeeds)
{
    RULE(run, run->brick.mapped[id], "onlined without an entry");
    RULE(run, run->brick.guests[id] == 0, "onlined while a guest has it");
    run->brick.n_online[id] = succeeds ? 2 : 0;
}

/* A step that fails may still have had its effect, or a part of it. */
static void finish(struct run *run, const struct sdm_step *step)
{
    bool succeeds = !run->failing || chance(run, 60);
    bool partly = run->failing && chance(run, 50);
    unsigned id = step->kind == SDM_STEP_DETACH_DIMM || step->kind == SDM_STEP_ATTACH_DIMM
                      ? id_of(step->window)
                      : id_of_netport(&step->netport);
    unsigned guest = step->vm[0] != '\0' ? id_of(step->vm) - 100 : 0;

    if (!succeeds && !partly) {
        return;
    }
    switch (step->kind) {
    case SDM_STEP_MAP:
        do_map(run, id);
        break;
    case SDM_STEP_UNMAP:
        do_unmap(run, id);
        break;
    case SDM_STEP_ATTACH_DIMM:
        do_attach(run, id, guest, succeeds);
        break;
    case SDM_STEP_DETACH_DIMM:
        run->brick.guests[id] &= ~(1U << guest);
        break;
    case SDM_STEP_ONLINE_HOST:
        do_online(run, id, succeeds);
        break;
    default:
        run->brick.n_online[id] = succeeds ? 0 : MIN(run->brick.n_online[id], 1);
    }
}

static void hold(struct sdm_busy *busy, const struct run *run)
{
    busy->windows = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < run->under_way->len; i++) {
        struct sdm_step *step = g_ptr_array_index(run->under_way, i);

        busy->entries[step->entry] = step->entry != SDM_NO_ENTRY;
        if (step->window[0] != '\0') {
            g_hash_table_add(busy->windows, step->window);
        }
    }
}

/* Plans, starts what the plan names, and ends one of the steps under way.  Returns whether all is
 * reached, or nothing can be. */
static bool round_of(struct run *run)
{
    g_autofree struct view *view = look(run);
    g_autofree struct sdm_busy *busy = g_new0(struct sdm_busy, 1);
    g_autoptr(sdm_step_plan) plan = NULL;
    bool resting;

    hold(busy, run);
    plan = sdm_reconcile(&run->want, &view->found, busy);
    for (unsigned i = 0; i < plan->n_steps; i++) {
        if (!run->failing || chance(run, 70)) {
            g_ptr_array_add(run->under_way, g_memdup2(&plan->steps[i], sizeof plan->steps[i]));
        }
    }
    resting = plan->n_steps == 0 && run->under_way->len == 0;
    if (resting && !plan->converged) {
        bool refused = false;

        for (unsigned i = 0; i < plan->n_states; i++) {
            refused |= plan->states[i].refused;
        }
        RULE(run, run->failing || refused, "nothing to do, and no reason why");
    }
    if (run->under_way->len > 0) {
        unsigned i = (unsigned)g_rand_int_range(run->rand, 0, (int)run->under_way->len);

        finish(run, g_ptr_array_index(run->under_way, i));
        g_ptr_array_remove_index_fast(run->under_way, i);
    }
    g_hash_table_unref(busy->windows);
    return resting;
}

/* Guests have slots enough for what the final want asks of each, so that all can be reached. */
static void run_seed(unsigned seed)
{
    struct run run = {.rand = g_rand_new_with_seed(seed), .seed = seed, .failing = true};
    unsigned n = 0;

    run.under_way = g_ptr_array_new_with_free_func(g_free);
    want_anew(&run);
    for (unsigned i = 0; i < N_ROUNDS; i++) {
        if (chance(&run, 8)) {
            want_anew(&run);
        }
        if (chance(&run, 3)) {
            /* The agent restarts: what was under way has happened or not. */
            for (unsigned j = 0; j < run.under_way->len; j++) {
                finish(&run, g_ptr_array_index(run.under_way, j));
            }
            g_ptr_array_set_size(run.under_way, 0);
        }
        round_of(&run);
    }
    run.failing = false;
    while (n < N_ROUNDS_TO_HEAL && !round_of(&run)) {
        n++;
    }
    cr_assert_lt(n, N_ROUNDS_TO_HEAL, "seed %u: does not come to rest", seed);
    {
        g_autofree struct view *view = look(&run);
        g_autoptr(sdm_step_plan) plan = sdm_reconcile(&run.want, &view->found, NULL);

        for (unsigned i = 0; i < plan->n_states; i++) {
            cr_assert(plan->converged || plan->states[i].code == SDM_ERROR_NO_SLOT ||
                          plan->states[i].have == run.windows[i].level,
                      "seed %u: window %s rests at %s: %s", seed, run.windows[i].window,
                      sdm_window_level_name(plan->states[i].have), plan->states[i].text);
        }
    }
    g_ptr_array_unref(run.under_way);
    g_rand_free(run.rand);
}

Test(reconcile_property, every_seed_keeps_the_rules_and_converges)
{
    for (unsigned seed = 1; seed <= N_SEEDS; seed++) {
        run_seed(seed);
    }
}
