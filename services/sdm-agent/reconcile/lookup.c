#include "sdm-agent/reconcile/lookup.h"

#include <stdlib.h>
#include <string.h>

struct sdm_lookup {
    const struct sdm_found *found;
    const struct sdm_found_entry *entries[SDM_NETPORT_N_ENTRIES];
    const struct sdm_found_entry **by_start; /* not empty ones */
    unsigned n_by_start;
    GHashTable *wants; /* window to struct sdm_want_window */
    GHashTable *vms;   /* UUID to struct sdm_found_vm */
    struct sdm_dimm_ref *dimms;
    unsigned n_dimms;
    GHashTable *entry_by_path;
    GHashTable *guest_paths; /* path to the window of a DIMM on it; "" for several */
    GHashTable *host_paths;  /* set: segments that the host's kernel uses */
    bool stray_dimm;         /* a DIMM whose bytes are not known */
};

static int compare_dimms(const void *a, const void *b)
{
    const struct sdm_dimm_ref *x = a;
    const struct sdm_dimm_ref *y = b;
    int order = strcmp(x->dimm->window, y->dimm->window);

    return order != 0 ? order : strcmp(x->vm->vm, y->vm->vm);
}

static int compare_starts(const void *a, const void *b)
{
    const struct sdm_found_entry *x = *(const struct sdm_found_entry *const *)a;
    const struct sdm_found_entry *y = *(const struct sdm_found_entry *const *)b;

    return (x->netport.start > y->netport.start) - (x->netport.start < y->netport.start);
}

static void index_entries(struct sdm_lookup *lookup)
{
    const struct sdm_found *found = lookup->found;

    lookup->by_start = g_new(const struct sdm_found_entry *, found->n_entries);
    for (unsigned i = 0; i < found->n_entries; i++) {
        const struct sdm_found_entry *entry = &found->entries[i];

        g_assert(entry->entry < SDM_NETPORT_N_ENTRIES);
        lookup->entries[entry->entry] = entry;
        lookup->by_start[lookup->n_by_start++] = entry;
        if (entry->path[0] != '\0') {
            g_hash_table_insert(lookup->entry_by_path, (void *)entry->path, (void *)entry);
        }
    }
    if (lookup->n_by_start > 0) {
        qsort(lookup->by_start, lookup->n_by_start, sizeof *lookup->by_start, compare_starts);
    }
    for (unsigned i = 0; i < found->n_entries; i++) {
        const struct sdm_found_entry *entry = &found->entries[i];

        if (entry->path[0] != '\0' &&
            sdm_lookup_host_use(lookup, &entry->netport).n_not_offline > 0) {
            g_hash_table_add(lookup->host_paths, (void *)entry->path);
        }
    }
}

static void index_dimms(struct sdm_lookup *lookup)
{
    const struct sdm_found *found = lookup->found;
    unsigned n = 0;

    for (unsigned i = 0; i < found->n_vms; i++) {
        n += found->vms[i].n_dimms;
    }
    lookup->dimms = g_new(struct sdm_dimm_ref, n);
    for (unsigned i = 0; i < found->n_vms; i++) {
        const struct sdm_found_vm *vm = &found->vms[i];

        g_hash_table_insert(lookup->vms, (void *)vm->vm, (void *)vm);
        for (unsigned j = 0; j < vm->n_dimms; j++) {
            lookup->dimms[lookup->n_dimms++] = (struct sdm_dimm_ref){vm, &vm->dimms[j]};
        }
    }
    if (n > 0) {
        qsort(lookup->dimms, n, sizeof *lookup->dimms, compare_dimms);
    }
}

/* Runs after everything else is indexed: a DIMM without a path is tied by its window's entry. */
static void index_guest_paths(struct sdm_lookup *lookup)
{
    for (unsigned i = 0; i < lookup->n_dimms; i++) {
        const struct sdm_found_dimm *dimm = lookup->dimms[i].dimm;
        unsigned index = sdm_lookup_dimm_entry(lookup, dimm);
        const char *path = dimm->path;
        const char *other;

        if (path[0] == '\0' && index == SDM_NETPORT_N_ENTRIES) {
            lookup->stray_dimm = true;
            continue;
        }
        if (path[0] == '\0') {
            path = lookup->entries[index]->path;
        }
        other = g_hash_table_lookup(lookup->guest_paths, path);
        g_hash_table_insert(lookup->guest_paths, (void *)path,
                            other == NULL || strcmp(other, dimm->window) == 0 ? (void *)dimm->window
                                                                              : (void *)"");
    }
}

struct sdm_lookup *sdm_lookup_new(const struct sdm_want *want, const struct sdm_found *found)
{
    struct sdm_lookup *lookup = g_new0(struct sdm_lookup, 1);

    lookup->found = found;
    lookup->wants = g_hash_table_new(g_str_hash, g_str_equal);
    lookup->vms = g_hash_table_new(g_str_hash, g_str_equal);
    lookup->entry_by_path = g_hash_table_new(g_str_hash, g_str_equal);
    lookup->guest_paths = g_hash_table_new(g_str_hash, g_str_equal);
    lookup->host_paths = g_hash_table_new(g_str_hash, g_str_equal);
    for (unsigned i = 0; i < want->n_windows; i++) {
        g_hash_table_insert(lookup->wants, (void *)want->windows[i].window, &want->windows[i]);
    }
    index_entries(lookup);
    index_dimms(lookup);
    index_guest_paths(lookup);
    return lookup;
}

void sdm_lookup_free(struct sdm_lookup *lookup)
{
    if (lookup == NULL) {
        return;
    }
    g_hash_table_unref(lookup->wants);
    g_hash_table_unref(lookup->vms);
    g_hash_table_unref(lookup->entry_by_path);
    g_hash_table_unref(lookup->guest_paths);
    g_hash_table_unref(lookup->host_paths);
    g_free(lookup->by_start);
    g_free(lookup->dimms);
    g_free(lookup);
}

const struct sdm_found_entry *sdm_lookup_entry(const struct sdm_lookup *lookup, unsigned index)
{
    return index < SDM_NETPORT_N_ENTRIES ? lookup->entries[index] : NULL;
}

const struct sdm_found_vm *sdm_lookup_vm(const struct sdm_lookup *lookup, const char *vm)
{
    return g_hash_table_lookup(lookup->vms, vm);
}

const struct sdm_want_window *sdm_lookup_want(const struct sdm_lookup *lookup, const char *window)
{
    return g_hash_table_lookup(lookup->wants, window);
}

const struct sdm_dimm_ref *sdm_lookup_dimms(const struct sdm_lookup *lookup, unsigned *n)
{
    *n = lookup->n_dimms;
    return lookup->dimms;
}

/* The first DIMM that is not before (window, vm); "" as 'vm' is before every guest. */
static const struct sdm_dimm_ref *lower_bound(const struct sdm_lookup *lookup, const char *window,
                                              const char *vm)
{
    unsigned low = 0;
    unsigned high = lookup->n_dimms;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const struct sdm_dimm_ref *ref = &lookup->dimms[middle];
        int order = strcmp(ref->dimm->window, window);

        if (order == 0) {
            order = strcmp(ref->vm->vm, vm);
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < lookup->n_dimms ? &lookup->dimms[low] : NULL;
}

const struct sdm_found_dimm *sdm_lookup_dimm(const struct sdm_lookup *lookup, const char *window,
                                             const char *vm)
{
    const struct sdm_dimm_ref *ref = lower_bound(lookup, window, vm);

    if (ref == NULL || strcmp(ref->dimm->window, window) != 0 || strcmp(ref->vm->vm, vm) != 0) {
        return NULL;
    }
    return ref->dimm;
}

bool sdm_lookup_is_plugged(const struct sdm_lookup *lookup, const char *window)
{
    const struct sdm_dimm_ref *ref = lower_bound(lookup, window, "");

    return ref != NULL && strcmp(ref->dimm->window, window) == 0;
}

bool sdm_lookup_is_mapped(const struct sdm_lookup *lookup, const struct sdm_want_window *window)
{
    const struct sdm_found_entry *entry = sdm_lookup_entry(lookup, window->entry);

    return entry != NULL && sdm_netport_entry_equal(&entry->netport, &window->netport);
}

unsigned sdm_lookup_dimm_entry(const struct sdm_lookup *lookup, const struct sdm_found_dimm *dimm)
{
    const struct sdm_want_window *window;

    if (dimm->path[0] != '\0') {
        const struct sdm_found_entry *entry =
            g_hash_table_lookup(lookup->entry_by_path, dimm->path);

        return entry != NULL ? entry->entry : SDM_NETPORT_N_ENTRIES;
    }
    window = sdm_lookup_want(lookup, dimm->window);
    if (window != NULL && sdm_lookup_is_mapped(lookup, window)) {
        return window->entry;
    }
    return SDM_NETPORT_N_ENTRIES;
}

bool sdm_lookup_has_guest(const struct sdm_lookup *lookup, const struct sdm_found_entry *entry,
                          const char *except)
{
    const char *window = g_hash_table_lookup(lookup->guest_paths, entry->path);

    if (window != NULL) {
        return except == NULL || strcmp(window, except) != 0;
    }
    return lookup->stray_dimm;
}

bool sdm_lookup_has_host(const struct sdm_lookup *lookup, const struct sdm_found_entry *entry)
{
    if (entry->path[0] != '\0') {
        return g_hash_table_contains(lookup->host_paths, entry->path);
    }
    return sdm_lookup_host_use(lookup, &entry->netport).n_not_offline > 0;
}

/* The first found block whose index is not below 'index'. */
static unsigned first_block(const struct sdm_found *found, uint64_t index)
{
    unsigned low = 0;
    unsigned high = found->n_blocks;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;

        if (found->blocks[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct sdm_host_use sdm_lookup_host_use(const struct sdm_lookup *lookup,
                                        const struct sdm_netport_entry *netport)
{
    const struct sdm_found *found = lookup->found;
    struct sdm_host_use use = {0};
    uint64_t end;

    if (found->block_size_bytes == 0 || sdm_netport_entry_is_empty(netport)) {
        return use;
    }
    end = ((uint64_t)netport->end * SDM_NETPORT_PAGE_BYTES - 1) / found->block_size_bytes + 1;
    use.n_blocks =
        end - (uint64_t)netport->start * SDM_NETPORT_PAGE_BYTES / found->block_size_bytes;
    for (unsigned i = first_block(found, end - use.n_blocks);
         i < found->n_blocks && found->blocks[i].index < end; i++) {
        use.n_online += found->blocks[i].state == SDM_BLOCK_ONLINE;
        use.n_not_offline += found->blocks[i].state != SDM_BLOCK_OFFLINE;
    }
    return use;
}

const struct sdm_found_entry *sdm_lookup_overlap(const struct sdm_lookup *lookup,
                                                 const struct sdm_netport_entry *netport,
                                                 unsigned except)
{
    /* Entries of one RMC may overlap each other when hardware let them, so no binary search: the
     * ones that begin before the end are looked at in turn. */
    for (unsigned i = 0; i < lookup->n_by_start; i++) {
        const struct sdm_found_entry *entry = lookup->by_start[i];

        if (entry->netport.start >= netport->end) {
            break;
        }
        if (entry->entry != except && entry->netport.end > netport->start) {
            return entry;
        }
    }
    return NULL;
}
