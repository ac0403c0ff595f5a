/* States are written in words, so that a row can be read:
 *     want   "ID:ENTRY:MODE:LEVEL[:GUEST]"   "1:5:vm:attached:7"
 *     found  "e5=1"       entry 5 maps window 1
 *            "d1@7"       guest 7 has the DIMM of window 1; "?" not confirmed, "~" bytes not known
 *            "b1=2"       two of window 1's two blocks are online, "b1=g" one is going offline
 *            "v7" guest 7 runs, "f7" with no slot left, "m7" at its maximum
 *            "-rmc", "-host", "-vms" that part is not known */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "sdm-agent/reconcile/reconcile.h"

enum { BLOCK = 128 << 20, PAGES = 2 * BLOCK / SDM_NETPORT_PAGE_BYTES };

struct world {
    struct sdm_want_window windows[16];
    struct sdm_want want;
    struct sdm_found_entry entries[16];
    struct sdm_found_block blocks[32];
    struct sdm_found_vm vms[8];
    struct sdm_found_dimm dimms[8][8];
    struct sdm_found found;
};

static void uuid_of(unsigned id, char uuid[SDM_UUID_SIZE])
{
    snprintf(uuid, SDM_UUID_SIZE, "00000000-0000-4000-8000-%012u", id);
}

/* Window 1 begins at 1 GiB, each next 512 MiB further; all are two blocks long.  Window 9 overlaps
 * window 1. */
static struct sdm_netport_entry netport_of(unsigned id)
{
    uint32_t start = id == 9 ? PAGES * 4 + PAGES / 2 : PAGES * 4 + (id - 1) * PAGES * 2;

    return (struct sdm_netport_entry){id, start, start + PAGES, 0};
}

static void add_want(struct world *world, const char *word)
{
    struct sdm_want_window *window = &world->windows[world->want.n_windows++];
    unsigned id;
    unsigned entry;
    unsigned vm = 0;
    char mode[16];
    char level[16];

    cr_assert_geq(sscanf(word, "%u:%u:%15[a-z]:%15[a-z]:%u", &id, &entry, mode, level, &vm), 4);
    uuid_of(id, window->window);
    window->entry = entry;
    window->netport = netport_of(id);
    window->mode = mode[0] == 'h' ? SDM_MODE_HOST : mode[0] == 'v' ? SDM_MODE_VM : SDM_MODE_DEVICE;
    window->shared = mode[0] == 's' || strcmp(mode, "hostshared") == 0;
    window->level = level[1] == 'b'   ? SDM_WINDOW_LEVEL_ABSENT
                    : level[1] == 'a' ? SDM_WINDOW_LEVEL_MAPPED
                                      : SDM_WINDOW_LEVEL_ATTACHED;
    if (vm != 0) {
        uuid_of(vm, window->vm);
    }
}

static struct sdm_found_vm *vm_of(struct world *world, unsigned id)
{
    char uuid[SDM_UUID_SIZE];
    struct sdm_found_vm *vm;

    uuid_of(id, uuid);
    for (unsigned i = 0; i < world->found.n_vms; i++) {
        if (strcmp(world->vms[i].vm, uuid) == 0) {
            return &world->vms[i];
        }
    }
    vm = &world->vms[world->found.n_vms];
    vm->dimms = world->dimms[world->found.n_vms++];
    strcpy(vm->vm, uuid);
    snprintf(vm->name, sizeof vm->name, "g%u", id);
    vm->n_slots = 8;
    vm->plugged_bytes = 2 * BLOCK;
    vm->guest_memory_bytes = 2 * BLOCK;
    vm->max_memory_bytes = (uint64_t)64 * BLOCK;
    return vm;
}

static void add_dimm(struct world *world, unsigned id, unsigned guest, const char *flags)
{
    struct sdm_found_vm *vm = vm_of(world, guest);
    struct sdm_found_dimm *dimm = &vm->dimms[vm->n_dimms++];

    uuid_of(id, dimm->window);
    dimm->size_bytes = 2 * BLOCK;
    dimm->confirmed = strchr(flags, '?') == NULL;
    if (strchr(flags, '~') == NULL) {
        snprintf(dimm->path, sizeof dimm->path, "/seg/%u", id);
    }
    vm->n_slots_used++;
}

static void add_blocks(struct world *world, unsigned id, char n_online)
{
    uint64_t first = (uint64_t)netport_of(id).start * SDM_NETPORT_PAGE_BYTES / BLOCK;

    for (unsigned i = 0; i < 2; i++) {
        struct sdm_found_block *block = &world->blocks[world->found.n_blocks++];

        block->index = first + i;
        block->state = n_online == 'g' && i == 0                     ? SDM_BLOCK_GOING
                       : n_online > '0' + (char)i && n_online <= '9' ? SDM_BLOCK_ONLINE
                                                                     : SDM_BLOCK_OFFLINE;
    }
}

static void add_found(struct world *world, const char *word)
{
    unsigned a = 0;
    unsigned b = 0;
    char flags[4] = "";
    char c;

    if (sscanf(word, "e%u=%u", &a, &b) == 2) {
        struct sdm_found_entry *entry = &world->entries[world->found.n_entries++];

        entry->entry = a;
        entry->netport = netport_of(b);
        snprintf(entry->path, sizeof entry->path, "/seg/%u", b);
    } else if (sscanf(word, "d%u@%u%3s", &a, &b, flags) >= 2) {
        add_dimm(world, a, b, flags);
    } else if (sscanf(word, "b%u=%c", &a, &c) == 2) {
        add_blocks(world, a, c);
    } else if (sscanf(word, "v%u", &a) == 1) {
        vm_of(world, a);
    } else if (sscanf(word, "f%u", &a) == 1) {
        vm_of(world, a)->n_slots_used = 8;
    } else if (sscanf(word, "m%u", &a) == 1) {
        vm_of(world, a)->max_memory_bytes = 3 * BLOCK;
    } else {
        world->found.entries_known &= strcmp(word, "-rmc") != 0;
        world->found.blocks_known &= strcmp(word, "-host") != 0;
        world->found.vms_known &= strcmp(word, "-vms") != 0;
    }
}

static void for_words(struct world *world, const char *words,
                      void (*add)(struct world *, const char *))
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);

    for (char **word = list; *word != NULL; word++) {
        if (**word != '\0') {
            add(world, *word);
        }
    }
}

static struct world *world_of(const char *want, const char *found)
{
    struct world *world = g_new0(struct world, 1);

    world->want.windows = world->windows;
    world->found = (struct sdm_found){.entries_known = true,
                                      .blocks_known = true,
                                      .vms_known = true,
                                      .block_size_bytes = BLOCK,
                                      .entries = world->entries,
                                      .blocks = world->blocks,
                                      .vms = world->vms};
    for_words(world, want, add_want);
    for_words(world, found, add_found);
    return world;
}

/* "map 5 1; attach-dimm 5 1@7": kind, entry and window. */
static char *steps_text(const struct sdm_step_plan *plan)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < plan->n_steps; i++) {
        const struct sdm_step *step = &plan->steps[i];

        g_string_append_printf(text, "%s%s", i > 0 ? "; " : "", sdm_step_kind_name(step->kind));
        g_string_append_printf(text, step->entry == SDM_NO_ENTRY ? " -" : " %u", step->entry);
        if (step->window[0] != '\0') {
            g_string_append_printf(text, " %d", atoi(step->window + 24));
        }
        if (step->vm[0] != '\0') {
            g_string_append_printf(text, "@%d", atoi(step->vm + 24));
        }
    }
    return g_string_free(text, FALSE);
}

/* "attached, mapped NO_SLOT": how far each window is, in the order of want. */
static char *states_text(const struct sdm_step_plan *plan)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < plan->n_states; i++) {
        const struct sdm_window_state *state = &plan->states[i];

        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", sdm_window_level_name(state->have));
        if (state->refused) {
            g_string_append_printf(text, " %s", sdm_error_code_name(state->code));
        }
    }
    return g_string_free(text, FALSE);
}

static const struct {
    const char *want;
    const char *found;
    const char *steps;
    const char *states;
    bool converged;
} rows[] = {
    {"", "", "", "", true},
    /* in */
    {"1:5:vm:attached:7", "v7", "map 5 1", "absent", false},
    {"1:5:vm:attached:7", "e5=1 v7", "attach-dimm 5 1@7", "mapped", false},
    {"1:5:vm:attached:7", "e5=1 d1@7?", "attach-dimm 5 1@7", "mapped", false},
    {"1:5:vm:attached:7", "e5=1 d1@7", "", "attached", true},
    {"1:5:vm:mapped:7", "e5=1 v7", "", "mapped", true},
    {"1:5:host:attached", "e5=1", "online-host 5 1", "mapped", false},
    {"1:5:host:attached", "e5=1 b1=1", "online-host 5 1", "mapped", false},
    {"1:5:host:attached", "e5=1 b1=2", "", "attached", true},
    {"1:5:host:mapped", "e5=1 b1=0", "", "mapped", true},
    {"1:5:device:attached", "", "map 5 1", "absent", false},
    {"1:5:device:attached", "e5=1", "", "attached", true},
    {"1:5:sharedevice:mapped", "e5=1", "", "mapped", true},
    {"2:6:vm:attached:7 1:5:vm:attached:7", "v7", "map 5 1; map 6 2", "absent, absent", false},
    /* out */
    {"1:5:vm:absent:7", "e5=1 d1@7", "detach-dimm 5 1@7", "attached", false},
    {"1:5:vm:mapped:7", "e5=1 d1@7", "detach-dimm 5 1@7", "attached", false},
    {"1:5:vm:absent:7", "e5=1 v7", "unmap 5 1", "mapped", false},
    {"1:5:vm:absent:7", "v7", "", "absent", true},
    {"", "e5=1 d1@7", "detach-dimm 5 1@7", "", false},
    {"", "e5=1 v7", "unmap 5", "", false},
    {"", "e5=1 b1=2", "offline-host 5", "", false},
    {"", "e5=1 b1=g", "offline-host 5", "", false},
    {"", "e5=1 b1=0", "unmap 5", "", false},
    {"1:5:host:absent", "e5=1 b1=2", "offline-host 5 1", "attached", false},
    {"1:5:host:mapped", "e5=1 b1=1", "offline-host 5 1", "mapped", false},
    /* what lies on an entry keeps it; a DIMM of unknown bytes keeps all that are not wanted */
    {"", "e5=1 d1@7~", "detach-dimm - 1@7", "", false},
    {"", "e5=1 e6=2 d1@7~", "detach-dimm - 1@7", "", false},
    {"1:5:vm:absent:7", "e5=1 e6=2 d1@7~", "detach-dimm 5 1@7; unmap 6", "attached", false},
    {"1:5:vm:attached:7", "e5=1 e6=2 d1@7", "unmap 6", "attached", false},
    /* the DIMM of an entry that is lost is not torn out, the entry comes back */
    {"1:5:vm:attached:7", "d1@7", "map 5 1", "attached", false},
    {"1:5:vm:absent:7", "d1@7", "detach-dimm - 1@7", "attached", false},
    /* another guest, another kernel */
    {"1:5:vm:attached:8", "e5=1 d1@7 v8", "detach-dimm 5 1@7", "mapped IN_USE", false},
    {"1:5:vm:attached:8", "e5=1 d2@7? v8", "detach-dimm - 2@7; attach-dimm 5 1@8", "mapped", false},
    {"1:5:vm:attached:7", "e5=1 v7 b1=1", "offline-host 5 1", "mapped IN_USE", false},
    {"1:5:host:attached", "e5=1 d1@7", "detach-dimm 5 1@7", "mapped IN_USE", false},
    {"1:5:host:attached 2:6:vm:attached:7", "e5=1 e6=2 d2@7~", "online-host 5 1",
     "mapped, attached", false},
    /* a place that is taken */
    {"1:5:vm:mapped:7", "e5=2 v7", "unmap 5", "absent IN_USE", false},
    {"1:5:vm:mapped:7", "e5=2 d2@7", "detach-dimm 5 2@7", "absent IN_USE", false},
    {"1:5:vm:mapped:7 2:5:vm:absent:7", "e5=2", "unmap 5 2", "absent IN_USE, mapped", false},
    {"1:5:vm:mapped:7", "e6=9 v7", "unmap 6", "absent IN_USE", false},
    {"1:5:vm:mapped:7", "e6=1 v7", "unmap 6", "absent IN_USE", false},
    /* guests that cannot take it */
    {"1:5:vm:attached:7", "e5=1", "", "mapped NOT_FOUND", false},
    {"1:5:vm:attached:7", "e5=1 f7", "", "mapped NO_SLOT", false},
    {"1:5:vm:attached:7", "e5=1 m7", "", "mapped NO_SLOT", false},
    /* parts that do not answer */
    {"1:5:vm:attached:7", "v7 -rmc", "", "absent UNAVAILABLE", false},
    {"1:5:vm:attached:7", "e5=1 -vms", "", "mapped UNAVAILABLE", false},
    {"1:5:vm:attached:7", "e5=1 v7 -host", "", "mapped UNAVAILABLE", false},
    {"1:5:host:attached", "e5=1 -vms", "", "mapped UNAVAILABLE", false},
    {"", "e5=1 -vms", "", "", false},
    {"", "e5=1 -host", "", "", false},
    {"", "e5=1 -rmc", "", "", false},
    {"", "e5=1 b1=1 -vms", "offline-host 5", "", false},
    {"", "-vms", "", "", false},
    /* contradictions change nothing, also not what is there */
    {"1:5:vm:mapped:7 2:5:vm:mapped:7", "e5=1 d1@7", "",
     "attached AGENT_REFUSED, "
     "absent AGENT_REFUSED",
     false},
    {"1:5:vm:mapped:7 9:6:vm:mapped:7", "", "", "absent AGENT_REFUSED, absent AGENT_REFUSED",
     false},
    {"1:5:vm:mapped:7 1:6:vm:mapped:7", "", "", "absent AGENT_REFUSED, absent AGENT_REFUSED",
     false},
    {"1:5:vm:mapped", "", "", "absent AGENT_REFUSED", false},
    {"1:5:host:mapped:7", "", "", "absent AGENT_REFUSED", false},
    {"1:5:hostshared:mapped", "", "", "absent AGENT_REFUSED", false},
    {"1:4096:vm:mapped:7", "", "", "absent AGENT_REFUSED", false},
};

Test(reconcile, rows)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree struct world *world = world_of(rows[i].want, rows[i].found);
        g_autoptr(sdm_step_plan) plan = sdm_reconcile(&world->want, &world->found, NULL);
        g_autofree char *steps = steps_text(plan);
        g_autofree char *states = states_text(plan);

        cr_expect_str_eq(steps, rows[i].steps, "want '%s' found '%s': steps '%s', not '%s'",
                         rows[i].want, rows[i].found, steps, rows[i].steps);
        cr_expect_str_eq(states, rows[i].states, "want '%s' found '%s': states '%s', not '%s'",
                         rows[i].want, rows[i].found, states, rows[i].states);
        cr_expect_eq(plan->converged, rows[i].converged, "want '%s' found '%s': converged %d",
                     rows[i].want, rows[i].found, plan->converged);
    }
}

Test(reconcile, busy_things_are_left_alone)
{
    g_autofree struct world *world =
        world_of("1:5:vm:attached:7 2:6:vm:absent:7 3:8:device:mapped", "e5=1 d2@7 e6=2");
    g_autofree struct sdm_busy *busy = g_new0(struct sdm_busy, 1);
    g_autoptr(GHashTable) windows = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(sdm_step_plan) all = sdm_reconcile(&world->want, &world->found, busy);
    g_autofree char *all_text = steps_text(all);
    g_autoptr(sdm_step_plan) some = NULL;
    g_autofree char *some_text = NULL;

    cr_expect_str_eq(all_text, "detach-dimm 6 2@7; map 8 3; attach-dimm 5 1@7");
    busy->windows = windows;
    busy->entries[8] = true;
    g_hash_table_add(windows, world->windows[1].window);
    some = sdm_reconcile(&world->want, &world->found, busy);
    some_text = steps_text(some);
    cr_expect_str_eq(some_text, "attach-dimm 5 1@7");
}

Test(reconcile, what_is_unknown_is_kept_where_it_shall_be)
{
    static const char *const unknown[] = {"e5=2", "e5=2 b2=1", "e5=2 d2@7"};

    for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++) {
        g_autofree char *found = g_strconcat("e8=3 ", unknown[i], NULL);
        g_autofree struct world *world = world_of("3:8:device:absent 4:9:device:mapped", found);
        g_autoptr(sdm_step_plan) plan = NULL;
        g_autofree char *steps = NULL;

        world->want.keep_unknown = true;
        plan = sdm_reconcile(&world->want, &world->found, NULL);
        steps = steps_text(plan);
        cr_expect_str_eq(steps, "unmap 8 3; map 9 4", "%s: '%s'", unknown[i], steps);
        cr_expect_not(plan->converged, "%s", unknown[i]);
    }
}

Test(reconcile, the_host_takes_whole_blocks_only)
{
    g_autofree struct world *world = world_of("1:5:host:attached", "");
    g_autoptr(sdm_step_plan) plan = NULL;
    g_autofree char *states = NULL;

    world->windows[0].netport.end -= 1;
    plan = sdm_reconcile(&world->want, &world->found, NULL);
    states = states_text(plan);
    cr_expect_str_eq(states, "absent AGENT_REFUSED");
    cr_expect_eq(plan->n_steps, 0);
}

Test(reconcile, bytes_are_in_one_window_unless_shared)
{
    g_autofree struct world *world =
        world_of("1:5:device:mapped 2:6:device:mapped 3:7:device:mapped", "");
    g_autoptr(sdm_step_plan) plan = NULL;
    g_autoptr(sdm_step_plan) shared = NULL;
    g_autofree char *states = NULL;
    g_autofree char *steps = NULL;

    for (unsigned i = 0; i < 3; i++) {
        struct sdm_netport_entry *netport = &world->windows[i].netport;

        /* The second begins within the first's bytes, the third behind both. */
        sdm_netport_entry_pack(false,
                               (uint64_t)netport->start * SDM_NETPORT_PAGE_BYTES -
                                   (uint64_t)i * BLOCK * (i == 2 ? 2 : 1),
                               &(struct sdm_netport_window){
                                   .module = 1,
                                   .start_bytes = (uint64_t)netport->start * SDM_NETPORT_PAGE_BYTES,
                                   .end_bytes = (uint64_t)netport->end * SDM_NETPORT_PAGE_BYTES},
                               netport, NULL);
    }
    plan = sdm_reconcile(&world->want, &world->found, NULL);
    states = states_text(plan);
    cr_expect_str_eq(states, "absent AGENT_REFUSED, absent AGENT_REFUSED, absent");
    world->windows[0].shared = world->windows[1].shared = true;
    shared = sdm_reconcile(&world->want, &world->found, NULL);
    steps = steps_text(shared);
    cr_expect_str_eq(steps, "map 5 1; map 6 2; map 7 3");
}

Test(reconcile, names)
{
    cr_expect_str_eq(sdm_step_kind_name(SDM_STEP_ONLINE_HOST), "online-host");
    cr_expect_str_eq(sdm_window_level_name(SDM_WINDOW_LEVEL_ATTACHED), "attached");
    sdm_step_plan_free(NULL);
}
