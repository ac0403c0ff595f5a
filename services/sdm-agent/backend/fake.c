#include "sdm-agent/backend/fake.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdm-agent/backend/fake_brick.h"

static const char *const point_names[SDM_FAKE_N_POINTS] = {
    "rmc.map",        "rmc.unmap",   "rmc.list",    "memblk.look",   "memblk.online",
    "memblk.offline", "domain.list", "domain.look", "domain.attach", "domain.detach"};

bool sdm_fake_fails(struct sdm_fake *fake, enum sdm_fake_point point, bool late, GError **error)
{
    struct sdm_fake_armed *armed = &fake->armed[point];

    if (armed->n == 0 || armed->late != late) {
        return false;
    }
    armed->n--;
    if (armed->unavailable) {
        sdm_unavailable(error, "%s is armed to be away", point_names[point]);
    } else {
        sdm_refuse(error, SDM_ERROR_AGENT_REFUSED, "%s is armed to refuse", point_names[point]);
    }
    return true;
}

bool sdm_fake_arm(struct sdm_fake *fake, const char *point, unsigned n, bool late, bool unavailable,
                  GError **error)
{
    for (unsigned i = 0; i < SDM_FAKE_N_POINTS; i++) {
        if (strcmp(point_names[i], point) == 0) {
            pthread_mutex_lock(&fake->mutex);
            fake->armed[i] = (struct sdm_fake_armed){n, late, unavailable};
            pthread_mutex_unlock(&fake->mutex);
            return true;
        }
    }
    return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no point '%s'", point);
}

static struct sdm_found_block *find_block(const struct sdm_fake *fake, uint64_t index)
{
    for (guint i = 0; i < fake->blocks->len; i++) {
        struct sdm_found_block *block = &g_array_index(fake->blocks, struct sdm_found_block, i);

        if (block->index == index) {
            return block;
        }
    }
    return NULL;
}

bool sdm_fake_is_online(const struct sdm_fake *fake, const struct sdm_netport_entry *netport)
{
    uint64_t start = (uint64_t)netport->start * SDM_NETPORT_PAGE_BYTES / fake->block_size_bytes;
    uint64_t end = ((uint64_t)netport->end * SDM_NETPORT_PAGE_BYTES - 1) / fake->block_size_bytes;

    for (uint64_t index = start; index <= end; index++) {
        const struct sdm_found_block *block = find_block(fake, index);

        if (block != NULL && block->state != SDM_BLOCK_OFFLINE) {
            return true;
        }
    }
    return false;
}

bool sdm_fake_is_path_online(const struct sdm_fake *fake, const char *path)
{
    for (unsigned i = 0; i < SDM_NETPORT_N_ENTRIES; i++) {
        const struct sdm_found_entry *entry = &fake->entries[i];

        if (!sdm_netport_entry_is_empty(&entry->netport) && strcmp(entry->path, path) == 0 &&
            sdm_fake_is_online(fake, &entry->netport)) {
            return true;
        }
    }
    return false;
}

static bool fake_map(struct sdm_rmc *rmc, unsigned index, const struct sdm_netport_entry *netport,
                     bool shared, char path[SDM_SEGMENT_PATH_SIZE], GError **error)
{
    struct sdm_fake *fake = *(struct sdm_fake **)(rmc + 1);
    struct sdm_found_entry *entry = &fake->entries[index];
    struct sdm_netport_window window;
    bool done = false;
    unsigned other = 0;

    (void)shared;
    pthread_mutex_lock(&fake->mutex);
    for (unsigned i = 0; i < SDM_NETPORT_N_ENTRIES; i++) {
        const struct sdm_netport_entry *there = &fake->entries[i].netport;

        if (i != index && !sdm_netport_entry_is_empty(there) && there->start < netport->end &&
            netport->start < there->end) {
            other = i + 1;
        }
    }
    if (sdm_fake_fails(fake, SDM_FAKE_RMC_MAP, false, error)) {
    } else if (!sdm_netport_entry_is_empty(&entry->netport) &&
               !sdm_netport_entry_equal(&entry->netport, netport)) {
        sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS, "entry %u is set and differs", index);
    } else if (other != 0) {
        sdm_refuse(error, SDM_ERROR_IN_USE, "overlaps entry %u", other - 1);
    } else if (sdm_netport_entry_validate(netport, error)) {
        sdm_netport_entry_read(netport, &window);
        entry->entry = index;
        entry->netport = *netport;
        snprintf(entry->path, sizeof entry->path, "/fake/%" PRIu32 "/%" PRIu64, window.module,
                 window.brick_bytes);
        done = !sdm_fake_fails(fake, SDM_FAKE_RMC_MAP, true, error);
    }
    if (done) {
        g_strlcpy(path, entry->path, SDM_SEGMENT_PATH_SIZE);
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static bool fake_unmap(struct sdm_rmc *rmc, unsigned index, GError **error)
{
    struct sdm_fake *fake = *(struct sdm_fake **)(rmc + 1);
    struct sdm_found_entry *entry = &fake->entries[index];
    bool done = false;

    pthread_mutex_lock(&fake->mutex);
    if (!sdm_fake_fails(fake, SDM_FAKE_RMC_UNMAP, false, error)) {
        if (!sdm_netport_entry_is_empty(&entry->netport)) {
            fake->n_violations +=
                sdm_fake_is_plugged(fake, entry->path) || sdm_fake_is_online(fake, &entry->netport);
        }
        memset(entry, 0, sizeof *entry);
        done = !sdm_fake_fails(fake, SDM_FAKE_RMC_UNMAP, true, error);
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static bool fake_list(struct sdm_rmc *rmc, GArray *entries, GError **error)
{
    struct sdm_fake *fake = *(struct sdm_fake **)(rmc + 1);
    bool done;

    pthread_mutex_lock(&fake->mutex);
    done = !sdm_fake_fails(fake, SDM_FAKE_RMC_LIST, false, error);
    for (unsigned i = 0; done && i < SDM_NETPORT_N_ENTRIES; i++) {
        if (!sdm_netport_entry_is_empty(&fake->entries[i].netport)) {
            g_array_append_val(entries, fake->entries[i]);
        }
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static bool fake_block_size(struct sdm_memblk *memblk, uint64_t *size_bytes, GError **error)
{
    (void)error;
    *size_bytes = (*(struct sdm_fake **)(memblk + 1))->block_size_bytes;
    return true;
}

static bool check_range(const struct sdm_fake *fake, uint64_t start_bytes, uint64_t size_bytes,
                        GError **error)
{
    if (size_bytes == 0 || (start_bytes | size_bytes) % fake->block_size_bytes != 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_ALIGNED, "not whole memory blocks");
    }
    return true;
}

static bool fake_look(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes,
                      GArray *blocks, GError **error)
{
    struct sdm_fake *fake = *(struct sdm_fake **)(memblk + 1);
    bool done;

    pthread_mutex_lock(&fake->mutex);
    done = !sdm_fake_fails(fake, SDM_FAKE_MEMBLK_LOOK, false, error);
    for (uint64_t at = start_bytes; done && at < start_bytes + size_bytes;
         at += fake->block_size_bytes) {
        const struct sdm_found_block *block = find_block(fake, at / fake->block_size_bytes);

        if (block != NULL) {
            g_array_append_val(blocks, *block);
        }
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static bool online_one(struct sdm_fake *fake, uint64_t index, GError **error)
{
    struct sdm_found_block *block = find_block(fake, index);
    uint32_t page = (uint32_t)(index * (fake->block_size_bytes / SDM_NETPORT_PAGE_BYTES));
    const struct sdm_found_entry *entry = NULL;

    for (unsigned i = 0; entry == NULL && i < SDM_NETPORT_N_ENTRIES; i++) {
        const struct sdm_netport_entry *netport = &fake->entries[i].netport;

        if (netport->start <= page && page < netport->end) {
            entry = &fake->entries[i];
        }
    }
    if (entry == NULL) {
        return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED, "no entry maps memory block %" PRIu64,
                          index);
    }
    fake->n_violations += sdm_fake_is_plugged(fake, entry->path);
    if (block == NULL) {
        struct sdm_found_block fresh = {index, SDM_BLOCK_ONLINE};

        g_array_append_val(fake->blocks, fresh);
    } else {
        block->state = SDM_BLOCK_ONLINE;
    }
    return true;
}

static bool fake_online(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes,
                        struct sdm_memblk_place *place, GError **error)
{
    struct sdm_fake *fake = *(struct sdm_fake **)(memblk + 1);
    uint64_t first = start_bytes / fake->block_size_bytes;
    bool done;

    pthread_mutex_lock(&fake->mutex);
    done = check_range(fake, start_bytes, size_bytes, error) &&
           !sdm_fake_fails(fake, SDM_FAKE_MEMBLK_ONLINE, false, error);
    for (uint64_t i = first; done && i < first + size_bytes / fake->block_size_bytes; i++) {
        done = online_one(fake, i, error);
    }
    done = done && !sdm_fake_fails(fake, SDM_FAKE_MEMBLK_ONLINE, true, error);
    pthread_mutex_unlock(&fake->mutex);
    if (done && place != NULL) {
        *place = (struct sdm_memblk_place){1, 20};
    }
    return done;
}

static bool fake_offline(struct sdm_memblk *memblk, uint64_t start_bytes, uint64_t size_bytes,
                         GError **error)
{
    struct sdm_fake *fake = *(struct sdm_fake **)(memblk + 1);
    uint64_t first = start_bytes / fake->block_size_bytes;
    bool done;

    pthread_mutex_lock(&fake->mutex);
    done = check_range(fake, start_bytes, size_bytes, error) &&
           !sdm_fake_fails(fake, SDM_FAKE_MEMBLK_OFFLINE, false, error);
    for (uint64_t i = first; done && i < first + size_bytes / fake->block_size_bytes; i++) {
        struct sdm_found_block *block = find_block(fake, i);

        if (block != NULL && block->state != SDM_BLOCK_OFFLINE && fake->is_pinned) {
            done = sdm_refuse(error, SDM_ERROR_IN_USE, "memory block %" PRIu64 " is in use", i);
        } else if (block != NULL) {
            block->state = SDM_BLOCK_OFFLINE;
        }
    }
    done = done && !sdm_fake_fails(fake, SDM_FAKE_MEMBLK_OFFLINE, true, error);
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static void rmc_free(struct sdm_rmc *rmc)
{
    (void)rmc;
}

static void memblk_free(struct sdm_memblk *memblk)
{
    (void)memblk;
}

struct sdm_fake *sdm_fake_new(uint64_t block_size_bytes)
{
    static const struct sdm_rmc_ops rmc_ops = {fake_map, fake_unmap, fake_list, rmc_free};
    static const struct sdm_memblk_ops memblk_ops = {fake_block_size, fake_look, fake_online,
                                                     fake_offline, memblk_free};
    struct sdm_fake *fake = g_new0(struct sdm_fake, 1);

    pthread_mutex_init(&fake->mutex, NULL);
    fake->rmc.base.ops = &rmc_ops;
    fake->memblk.base.ops = &memblk_ops;
    fake->domain.base.ops = &sdm_fake_domain_ops;
    fake->rmc.fake = fake->memblk.fake = fake->domain.fake = fake;
    fake->block_size_bytes = block_size_bytes;
    fake->blocks = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_block));
    fake->vms = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, sdm_fake_vm_free);
    return fake;
}

void sdm_fake_free(struct sdm_fake *fake)
{
    if (fake == NULL) {
        return;
    }
    g_hash_table_unref(fake->vms);
    g_array_unref(fake->blocks);
    pthread_mutex_destroy(&fake->mutex);
    g_free(fake);
}

struct sdm_rmc *sdm_fake_rmc(struct sdm_fake *fake)
{
    return &fake->rmc.base;
}

struct sdm_memblk *sdm_fake_memblk(struct sdm_fake *fake)
{
    return &fake->memblk.base;
}

struct sdm_domain *sdm_fake_domain(struct sdm_fake *fake)
{
    return &fake->domain.base;
}

void sdm_fake_host_pin(struct sdm_fake *fake, bool is_pinned)
{
    pthread_mutex_lock(&fake->mutex);
    fake->is_pinned = is_pinned;
    pthread_mutex_unlock(&fake->mutex);
}

unsigned sdm_fake_n_violations(struct sdm_fake *fake)
{
    unsigned n;

    pthread_mutex_lock(&fake->mutex);
    n = fake->n_violations;
    pthread_mutex_unlock(&fake->mutex);
    return n;
}
