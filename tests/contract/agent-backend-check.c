/* The same cases for every backend of the agent, fake and real:
 *
 *     agent-backend-check fake
 *     agent-backend-check RMC-SOCKET SYSFS-ROOT [LIBVIRT-URI MEMORY-DIR]
 *
 * A real rack has module 1 behind port 0 of the brick, and memory blocks of 128 MiB; with a
 * libvirt, one guest runs.  Prints what does not hold; status 1 when there is anything. */
#include <stdio.h>
#include <string.h>

#include "sdm-agent/backend/fake.h"

enum { BLOCK = 128 << 20, ENTRY = 7 };

#define VM     "11111111-1111-4111-8111-111111111111"
#define NOBODY "99999999-9999-4999-8999-999999999999"
#define WINDOW "00000000-0000-4000-8000-000000000001"

static unsigned n_cases;
static unsigned n_broken;

/* Checks a promise; 'error' is told and cleared. */
static void check(bool holds, const char *what, GError **error)
{
    n_cases++;
    if (!holds) {
        n_broken++;
        printf("broken: %s%s%s\n", what, error != NULL && *error != NULL ? ": " : "",
               error != NULL && *error != NULL ? (*error)->message : "");
    }
    if (error != NULL) {
        g_clear_error(error);
    }
}

static void check_refused(bool done, const char *what, GError **error, enum sdm_error_code code)
{
    check(!done && g_error_matches(*error, SDM_ERROR, (int)code), what, error);
}

static struct sdm_netport_entry netport_at(uint64_t start_bytes, uint64_t size_bytes,
                                           uint64_t brick_bytes)
{
    struct sdm_netport_window window = {.port = 0,
                                        .module = 1,
                                        .start_bytes = start_bytes,
                                        .end_bytes = start_bytes + size_bytes,
                                        .brick_bytes = brick_bytes};
    struct sdm_netport_entry entry;

    g_assert(sdm_netport_entry_make(&window, &entry, NULL));
    return entry;
}

static unsigned count_entries(struct sdm_rmc *rmc, struct sdm_found_entry *last)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_entry));
    g_autoptr(GError) error = NULL;

    check(sdm_rmc_list(rmc, entries, &error), "entries are listed", &error);
    if (entries->len > 0) {
        *last = g_array_index(entries, struct sdm_found_entry, entries->len - 1);
    }
    return entries->len;
}

static void check_rmc(struct sdm_rmc *rmc)
{
    struct sdm_netport_entry entry = netport_at(UINT64_C(4) << 30, 2 * BLOCK, BLOCK);
    struct sdm_netport_entry other = netport_at(UINT64_C(5) << 30, BLOCK, 0);
    struct sdm_netport_entry overlapping = netport_at((UINT64_C(4) << 30) + BLOCK, BLOCK, 0);
    struct sdm_netport_entry low = {0x80000001, 16, 32, 0};
    struct sdm_found_entry found = {0};
    char path[SDM_SEGMENT_PATH_SIZE] = "";
    char again[SDM_SEGMENT_PATH_SIZE] = "";
    g_autoptr(GError) error = NULL;

    check(count_entries(rmc, &found) == 0, "nothing is mapped at first", NULL);
    check(sdm_rmc_map(rmc, ENTRY, &entry, false, path, &error), "an entry is mapped", &error);
    check(path[0] == '/', "its bytes have a path", NULL);
    check(sdm_rmc_map(rmc, ENTRY, &entry, false, again, &error), "the same again is done", &error);
    check(strcmp(path, again) == 0, "its path is the same", NULL);
    check_refused(sdm_rmc_map(rmc, ENTRY, &other, false, again, &error), "another entry there",
                  &error, SDM_ERROR_ALREADY_EXISTS);
    check_refused(sdm_rmc_map(rmc, ENTRY + 1, &overlapping, false, again, &error),
                  "overlapping addresses", &error, SDM_ERROR_IN_USE);
    check_refused(sdm_rmc_map(rmc, ENTRY + 1, &low, false, again, &error), "addresses below 1 GiB",
                  &error, SDM_ERROR_OUT_OF_RANGE);
    check(strcmp(path, again) == 0, "a refusal leaves its output alone", NULL);
    check(count_entries(rmc, &found) == 1, "one entry is listed", NULL);
    check(found.entry == ENTRY && sdm_netport_entry_equal(&found.netport, &entry) &&
              strcmp(found.path, path) == 0,
          "it is listed as it was set", NULL);
    check(sdm_rmc_unmap(rmc, ENTRY, &error), "it is cleared", &error);
    check(sdm_rmc_unmap(rmc, ENTRY, &error), "cleared again is done", &error);
    check(count_entries(rmc, &found) == 0, "nothing is mapped at last", NULL);
}

static unsigned count_online(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes)
{
    g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_block));
    g_autoptr(GError) error = NULL;
    unsigned n = 0;

    check(sdm_memblk_look(memblk, start_bytes, size_bytes, blocks, &error), "blocks are looked at",
          &error);
    for (guint i = 0; i < blocks->len; i++) {
        n += g_array_index(blocks, struct sdm_found_block, i).state == SDM_BLOCK_ONLINE;
    }
    return n;
}

static void check_memblk(struct sdm_rmc *rmc, struct sdm_memblk *memblk)
{
    uint64_t start_bytes = UINT64_C(4) << 30;
    struct sdm_netport_entry entry = netport_at(start_bytes, 2 * BLOCK, 0);
    struct sdm_memblk_place place = {-1, 0};
    char path[SDM_SEGMENT_PATH_SIZE];
    g_autoptr(GError) error = NULL;
    uint64_t size_bytes = 0;

    check(sdm_memblk_block_size(memblk, &size_bytes, &error), "blocks have a size", &error);
    check(size_bytes == BLOCK, "of 128 MiB here", NULL);
    check_refused(sdm_memblk_online(memblk, start_bytes, BLOCK, NULL, &error),
                  "memory that nothing maps", &error, SDM_ERROR_AGENT_REFUSED);
    check_refused(sdm_memblk_online(memblk, start_bytes, BLOCK / 2, NULL, &error), "half a block",
                  &error, SDM_ERROR_NOT_ALIGNED);
    check(sdm_rmc_map(rmc, ENTRY, &entry, false, path, &error), "memory to bring online", &error);
    check(sdm_memblk_online(memblk, start_bytes, 2 * BLOCK, &place, &error), "it goes online",
          &error);
    check(place.node > 0 && place.distance > 10, "on a node of its own", NULL);
    check(count_online(memblk, start_bytes, 2 * BLOCK) == 2, "all of it", NULL);
    check(sdm_memblk_online(memblk, start_bytes, 2 * BLOCK, NULL, &error), "again is done", &error);
    check(sdm_memblk_offline(memblk, start_bytes, 2 * BLOCK, &error), "it goes offline", &error);
    check(count_online(memblk, start_bytes, 2 * BLOCK) == 0, "none of it stays", NULL);
    check(sdm_memblk_offline(memblk, start_bytes, 2 * BLOCK, &error), "offline again is done",
          &error);
    check(sdm_memblk_offline(memblk, UINT64_C(64) << 30, BLOCK, &error),
          "what does not exist is offline", &error);
    check(sdm_rmc_unmap(rmc, ENTRY, &error), "and is given back", &error);
}

static void check_outside(struct sdm_domain *domain, const struct sdm_found_vm *vm,
                          const char *path)
{
    struct sdm_dimm_order nobody = {NOBODY, WINDOW, path, 2 * BLOCK};
    struct sdm_dimm_order huge = {vm->vm, WINDOW, path, UINT64_C(1) << 50};
    struct sdm_dimm_outcome outcome;
    struct sdm_found_vm found = {0};
    g_autoptr(GError) error = NULL;

    check_refused(sdm_domain_look(domain, NOBODY, &found, &error), "a look at nobody", &error,
                  SDM_ERROR_NOT_FOUND);
    check_refused(sdm_domain_attach(domain, &nobody, &outcome, &error), "a DIMM for nobody", &error,
                  SDM_ERROR_NOT_FOUND);
    check(sdm_domain_detach(domain, &nobody, &outcome, &error), "a guest that is gone has no DIMM",
          &error);
    check_refused(sdm_domain_attach(domain, &huge, &outcome, &error), "more than the maximum",
                  &error, SDM_ERROR_NO_SLOT);
}

static void check_dimm(struct sdm_domain *domain, const struct sdm_found_vm *before,
                       const char *path)
{
    struct sdm_dimm_order order = {before->vm, WINDOW, path, 2 * BLOCK};
    struct sdm_dimm_outcome outcome;
    struct sdm_found_vm after = {0};
    g_autoptr(GError) error = NULL;

    check(sdm_domain_attach(domain, &order, &outcome, &error), "a DIMM is plugged", &error);
    check(outcome.guest_memory_bytes == before->guest_memory_bytes + 2 * BLOCK,
          "the guest has grown by it", NULL);
    check(outcome.guest_us > 0 && !outcome.pending, "it took a time", NULL);
    check(sdm_domain_attach(domain, &order, &outcome, &error), "again is done", &error);
    check(sdm_domain_look(domain, before->vm, &after, &error), "the guest is looked at", &error);
    check(after.n_dimms == 1 && strcmp(after.dimms[0].window, WINDOW) == 0 &&
              strcmp(after.dimms[0].path, path) == 0 && after.dimms[0].confirmed &&
              after.dimms[0].size_bytes == 2 * BLOCK,
          "it has the DIMM", NULL);
    check(after.n_slots_used == before->n_slots_used + 1, "in a slot", NULL);
    check(after.plugged_bytes == before->plugged_bytes + 2 * BLOCK &&
              after.memory_bytes == before->memory_bytes + 2 * BLOCK,
          "the hypervisor's account is right", NULL);
    check(strcmp(after.boot_id, before->boot_id) == 0, "it is the same start of the guest", NULL);
    sdm_found_vm_clear(&after);
    check(sdm_domain_detach(domain, &order, &outcome, &error), "the DIMM is given up", &error);
    check(!outcome.pending && outcome.guest_memory_bytes == before->guest_memory_bytes,
          "the guest has shrunk by it", NULL);
    check(sdm_domain_detach(domain, &order, &outcome, &error), "given up again is done", &error);
    check(sdm_domain_look(domain, before->vm, &after, &error), "the guest is looked at last",
          &error);
    check(after.n_dimms == 0 && after.n_slots_used == before->n_slots_used &&
              after.plugged_bytes == before->plugged_bytes,
          "nothing is left of it", NULL);
    sdm_found_vm_clear(&after);
}

static void check_domain(struct sdm_rmc *rmc, struct sdm_domain *domain)
{
    struct sdm_netport_entry entry = netport_at(UINT64_C(4) << 30, 2 * BLOCK, 0);
    g_autoptr(GPtrArray) vms = g_ptr_array_new_with_free_func(g_free);
    struct sdm_found_vm before = {0};
    char path[SDM_SEGMENT_PATH_SIZE] = "";
    g_autoptr(GError) error = NULL;

    check(sdm_domain_list(domain, vms, &error), "guests are listed", &error);
    check(vms->len == 1, "one guest runs", NULL);
    if (vms->len == 0) {
        return;
    }
    check(sdm_domain_look(domain, g_ptr_array_index(vms, 0), &before, &error), "it is looked at",
          &error);
    check(before.n_dimms == 0 && before.guest_memory_bytes > 0 &&
              before.guest_memory_bytes < before.memory_bytes,
          "it says what it has", NULL);
    check(sdm_rmc_map(rmc, ENTRY, &entry, false, path, &error), "memory to plug", &error);
    check_outside(domain, &before, path);
    check_dimm(domain, &before, path);
    check(sdm_rmc_unmap(rmc, ENTRY, &error), "memory is given back", &error);
    sdm_found_vm_clear(&before);
}

int main(int argc, char **argv)
{
    g_autoptr(sdm_fake) fake = NULL;
    g_autoptr(sdm_rmc) rmc = NULL;
    g_autoptr(sdm_memblk) memblk = NULL;
    g_autoptr(sdm_domain) domain = NULL;

    if (argc == 2 && strcmp(argv[1], "fake") == 0) {
        fake = sdm_fake_new(BLOCK);
        sdm_fake_vm_start(fake, VM, "guest", 16, 2 * BLOCK, UINT64_C(8) << 30);
        rmc = sdm_fake_rmc(fake);
        memblk = sdm_fake_memblk(fake);
        domain = sdm_fake_domain(fake);
    } else if (argc == 3 || argc == 5) {
        struct sdm_domain_config config = {.uri = argv[3],
                                           .memory_dir = argc == 5 ? argv[4] : NULL,
                                           .confirm_ms = 10000,
                                           .give_up_ms = 10000};

        rmc = sdm_rmc_socket_new(argv[1], 5000);
        memblk = sdm_memblk_sysfs_new(argv[2]);
        domain = argc == 5 ? sdm_domain_libvirt_new(&config) : NULL;
    } else {
        fprintf(stderr, "usage: %s fake | RMC-SOCKET SYSFS-ROOT [LIBVIRT-URI MEMORY-DIR]\n",
                argv[0]);
        return 2;
    }
    check_rmc(rmc);
    check_memblk(rmc, memblk);
    if (domain != NULL) {
        check_domain(rmc, domain);
    }
    if (fake != NULL) {
        check(sdm_fake_n_violations(fake) == 0, "no rule was broken", NULL);
    }
    printf("%u promises, %u broken\n", n_cases, n_broken);
    return n_broken == 0 ? 0 : 1;
}
