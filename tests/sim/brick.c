#include "sim/brick.h"

#include <string.h>

static struct sim_guest *find_guest(struct sim_compute *compute, const char *vm)
{
    uint32_t serial = sim_serial(vm);

    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        if (compute->guests[i].running && compute->guests[i].vm == serial) {
            return &compute->guests[i];
        }
    }
    return NULL;
}

static struct sim_dimm *find_dimm(struct sim_guest *guest, uint32_t window)
{
    for (unsigned i = 0; guest != NULL && i < SIM_MAX_DIMMS; i++) {
        if (guest->dimms[i].window == window) {
            return &guest->dimms[i];
        }
    }
    return NULL;
}

static enum sim_step_end attach_dimm(struct sim *sim, struct sim_compute *compute,
                                     const struct sdm_step *step)
{
    struct sim_guest *guest = find_guest(compute, step->vm);
    uint32_t window = sim_serial(step->window);
    struct sim_dimm *dimm = find_dimm(guest, window);
    struct sim_bytes bytes;

    if (guest == NULL) {
        return SIM_STEP_FAILED;
    }
    if (dimm == NULL) {
        dimm = find_dimm(guest, 0);
        if (dimm == NULL) {
            return SIM_STEP_FAILED;
        }
        sim_bytes_read_path(step->path, &bytes);
        *dimm = (struct sim_dimm){.window = window,
                                  .brick_no = bytes.brick_no,
                                  .offset_bytes = bytes.offset_bytes,
                                  .size_bytes = step->size_bytes};
    }
    dimm->confirmed = sim->quiet || sim_once_in(&sim->random, 2);
    return dimm->confirmed ? SIM_STEP_ENDED : SIM_STEP_FAILED;
}

static enum sim_step_end detach_dimm(struct sim *sim, struct sim_compute *compute,
                                     const struct sdm_step *step)
{
    struct sim_guest *guest = find_guest(compute, step->vm);
    struct sim_dimm *dimm = find_dimm(guest, sim_serial(step->window));

    if (dimm == NULL) {
        return SIM_STEP_ENDED;
    }
    if (sim->quiet || sim_once_in(&sim->random, 2)) {
        dimm->window = 0;
        return SIM_STEP_ENDED;
    }
    dimm->asked = true;
    return SIM_STEP_PENDING;
}

static enum sim_step_end switch_blocks(struct sim *sim, struct sim_compute *compute,
                                       const struct sdm_step *step, bool online)
{
    uint64_t pages = SIM_UNIT_BYTES / SDM_NETPORT_PAGE_BYTES;

    for (uint64_t block = step->netport.start / pages; block < step->netport.end / pages; block++) {
        if (!sim->quiet && compute->online[block] != online && sim_once_in(&sim->random, 8)) {
            return SIM_STEP_FAILED;
        }
        compute->online[block] = online;
    }
    return SIM_STEP_ENDED;
}

enum sim_step_end sim_brick_step(struct sim *sim, struct sim_compute *compute,
                                 const struct sdm_step *step)
{
    switch (step->kind) {
    case SDM_STEP_MAP:
        return sim_rmc_map(compute, step->entry, &step->netport) == SIM_DONE ? SIM_STEP_ENDED
                                                                             : SIM_STEP_FAILED;
    case SDM_STEP_UNMAP:
        sim_rmc_unmap(compute, step->entry);
        return SIM_STEP_ENDED;
    case SDM_STEP_ONLINE_HOST:
    case SDM_STEP_OFFLINE_HOST:
        return switch_blocks(sim, compute, step, step->kind == SDM_STEP_ONLINE_HOST);
    case SDM_STEP_ATTACH_DIMM:
        return attach_dimm(sim, compute, step);
    default:
        return detach_dimm(sim, compute, step);
    }
}

void sim_brick_entries(const struct sim_compute *compute, struct sdm_found *found)
{
    found->n_entries = 0;
    for (uint64_t left = compute->used; left != 0; left &= left - 1) {
        unsigned entry = (unsigned)__builtin_ctzll(left);
        struct sdm_found_entry *to = &found->entries[found->n_entries++];
        struct sim_bytes bytes = sim_entry_bytes(&compute->entries[entry]);

        to->entry = entry;
        to->netport = compute->entries[entry];
        sim_bytes_path(&bytes, to->path);
    }
}

void sim_brick_blocks(const struct sim_compute *compute, struct sdm_found *found)
{
    uint64_t pages = SIM_UNIT_BYTES / SDM_NETPORT_PAGE_BYTES;

    found->n_blocks = 0;
    for (uint64_t block = 0; block < SIM_MAX_BLOCKS; block++) {
        for (unsigned i = 0; i < found->n_entries; i++) {
            const struct sdm_netport_entry *netport = &found->entries[i].netport;

            if (block >= netport->start / pages && block < netport->end / pages) {
                found->blocks[found->n_blocks++] = (struct sdm_found_block){
                    block, compute->online[block] ? SDM_BLOCK_ONLINE : SDM_BLOCK_OFFLINE};
                break;
            }
        }
    }
}

static void look_at_guest(const struct sim_guest *guest, struct sdm_found_vm *to)
{
    sim_uuid(guest->vm, to->vm);
    to->n_slots = (unsigned)guest->n_slots;
    to->max_memory_bytes = UINT64_MAX / 2;
    to->n_dimms = 0;
    for (unsigned i = 0; i < SIM_MAX_DIMMS; i++) {
        const struct sim_dimm *dimm = &guest->dimms[i];
        const struct sim_bytes bytes = {dimm->brick_no, dimm->offset_bytes, dimm->size_bytes};
        struct sdm_found_dimm *seen = &to->dimms[to->n_dimms];

        if (dimm->window != 0) {
            sim_uuid(dimm->window, seen->window);
            seen->size_bytes = dimm->size_bytes;
            seen->confirmed = dimm->confirmed;
            sim_bytes_path(&bytes, seen->path);
            to->n_dimms++;
        }
    }
    to->n_slots_used = to->n_dimms;
}

void sim_brick_guests(const struct sim_compute *compute, struct sdm_found *found)
{
    found->n_vms = 0;
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        if (compute->guests[i].running) {
            look_at_guest(&compute->guests[i], &found->vms[found->n_vms++]);
        }
    }
}

void sim_brick_unmap_at_once(struct sim_compute *compute, const struct sdm_want *want)
{
    for (uint64_t left = compute->used; left != 0; left &= left - 1) {
        unsigned entry = (unsigned)__builtin_ctzll(left);
        bool wanted = false;

        for (unsigned i = 0; i < want->n_windows; i++) {
            wanted |= want->windows[i].entry == entry;
        }
        if (!wanted) {
            sim_rmc_unmap(compute, entry);
        }
    }
}
