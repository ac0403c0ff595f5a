#include "sim/hardware.h"

#include <string.h>

static bool fences(int64_t *seen, int64_t epoch)
{
    if (epoch < *seen) {
        return true;
    }
    *seen = epoch;
    return false;
}

bool sim_switch_connects(const struct sim_switch *device, int in_port, int out_port)
{
    return (device->peers[in_port] >> out_port & 1) != 0;
}

enum sim_answer sim_switch_connect(struct sim_switch *device, int64_t epoch,
                                   const struct sdm_hop *hop)
{
    if (fences(&device->epoch, epoch)) {
        return SIM_FENCED;
    }
    if (sim_switch_connects(device, hop->in_port, hop->out_port)) {
        return SIM_DONE;
    }
    if ((hop->in_exclusive && device->peers[hop->in_port] != 0) ||
        (hop->out_exclusive && device->peers[hop->out_port] != 0)) {
        return SIM_REFUSED;
    }
    device->peers[hop->in_port] |= 1U << hop->out_port;
    device->peers[hop->out_port] |= 1U << hop->in_port;
    return SIM_DONE;
}

enum sim_answer sim_switch_cut(struct sim_switch *device, int64_t epoch, int in_port, int out_port)
{
    if (fences(&device->epoch, epoch)) {
        return SIM_FENCED;
    }
    device->peers[in_port] &= ~(1U << out_port);
    device->peers[out_port] &= ~(1U << in_port);
    return SIM_DONE;
}

enum sim_answer sim_memory_scrub(struct sim_memory *memory, int64_t epoch, uint64_t offset_bytes,
                                 uint64_t size_bytes)
{
    if (fences(&memory->epoch, epoch)) {
        return SIM_FENCED;
    }
    for (uint64_t unit = offset_bytes / SIM_UNIT_BYTES;
         unit < (offset_bytes + size_bytes) / SIM_UNIT_BYTES; unit++) {
        memory->stamp[unit] = 0;
    }
    return SIM_DONE;
}

enum sim_answer sim_rmc_map(struct sim_compute *compute, unsigned entry,
                            const struct sdm_netport_entry *netport)
{
    if (entry >= SIM_MAX_ENTRIES) {
        return SIM_REFUSED;
    }
    if ((compute->used >> entry & 1) != 0) {
        return sdm_netport_entry_equal(&compute->entries[entry], netport) ? SIM_DONE : SIM_REFUSED;
    }
    for (uint64_t left = compute->used; left != 0; left &= left - 1) {
        const struct sdm_netport_entry *other = &compute->entries[__builtin_ctzll(left)];

        if (other->start < netport->end && netport->start < other->end) {
            return SIM_REFUSED;
        }
    }
    compute->used |= UINT64_C(1) << entry;
    compute->entries[entry] = *netport;
    return SIM_DONE;
}

void sim_rmc_unmap(struct sim_compute *compute, unsigned entry)
{
    compute->used &= ~(UINT64_C(1) << entry);
}

struct sim_bytes sim_entry_bytes(const struct sdm_netport_entry *netport)
{
    struct sdm_netport_window window;

    sdm_netport_entry_read(netport, &window);
    return (struct sim_bytes){(int32_t)window.module, window.brick_bytes,
                              window.end_bytes - window.start_bytes};
}

bool sim_bytes_overlap(const struct sim_bytes *a, const struct sim_bytes *b)
{
    return a->brick_no == b->brick_no && a->offset_bytes < b->offset_bytes + b->size_bytes &&
           b->offset_bytes < a->offset_bytes + a->size_bytes;
}

void sim_bytes_path(const struct sim_bytes *bytes, char path[SIM_PATH_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    unsigned unit = (unsigned)(bytes->offset_bytes / SIM_UNIT_BYTES);

    path[0] = '/';
    path[1] = digits[bytes->brick_no & 15];
    path[2] = '/';
    path[3] = digits[unit & 15];
    path[4] = '\0';
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

void sim_bytes_read_path(const char *path, struct sim_bytes *bytes)
{
    bytes->brick_no = (int32_t)digit(path[1]);
    bytes->offset_bytes = digit(path[3]) * SIM_UNIT_BYTES;
}

static bool is_online(const struct sim_compute *compute, const struct sdm_netport_entry *netport)
{
    uint64_t pages = SIM_UNIT_BYTES / SDM_NETPORT_PAGE_BYTES;

    for (uint64_t block = netport->start / pages; block < netport->end / pages; block++) {
        if (compute->online[block]) {
            return true;
        }
    }
    return false;
}

static bool is_plugged(const struct sim_compute *compute, const struct sim_bytes *bytes)
{
    for (unsigned i = 0; i < SIM_MAX_VMS; i++) {
        for (unsigned j = 0; j < SIM_MAX_DIMMS && compute->guests[i].running; j++) {
            const struct sim_dimm *dimm = &compute->guests[i].dimms[j];

            if (dimm->window != 0 && dimm->brick_no == bytes->brick_no &&
                dimm->offset_bytes == bytes->offset_bytes) {
                return true;
            }
        }
    }
    return false;
}

uint64_t sim_entries_in_use(const struct sim_compute *compute)
{
    uint64_t in_use = 0;

    for (uint64_t left = compute->used; left != 0; left &= left - 1) {
        unsigned entry = (unsigned)__builtin_ctzll(left);
        struct sim_bytes bytes = sim_entry_bytes(&compute->entries[entry]);

        if (is_online(compute, &compute->entries[entry]) || is_plugged(compute, &bytes)) {
            in_use |= UINT64_C(1) << entry;
        }
    }
    return in_use;
}
