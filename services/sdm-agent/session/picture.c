#include "sdm-agent/session/picture.h"

#include <string.h>

#include "lib/base/error.h"

struct sdm_picture {
    struct sdm_found found; /* filled by sdm_picture_view() */
    GArray *entries;
    GArray *blocks;      /* by index */
    GArray *vms;         /* of struct sdm_found_vm, by UUID */
    GHashTable *running; /* UUID to int64_t: when the look at it began, 0 for never */
    bool entries_known;
    bool blocks_known;
    bool list_known;
    bool blocks_seen;
    bool entries_seen;
    bool list_seen;
};

static void clear_vm(gpointer vm)
{
    sdm_found_vm_clear(vm);
}

struct sdm_picture *sdm_picture_new(void)
{
    struct sdm_picture *picture = g_new0(struct sdm_picture, 1);

    picture->entries = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_entry));
    picture->blocks = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_block));
    picture->vms = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_vm));
    g_array_set_clear_func(picture->vms, clear_vm);
    picture->running = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    return picture;
}

void sdm_picture_free(struct sdm_picture *picture)
{
    if (picture == NULL) {
        return;
    }
    g_array_unref(picture->entries);
    g_array_unref(picture->blocks);
    g_array_unref(picture->vms);
    g_hash_table_unref(picture->running);
    g_free(picture);
}

static struct sdm_found_vm *vm_at(const struct sdm_picture *picture, guint i)
{
    return &g_array_index(picture->vms, struct sdm_found_vm, i);
}

static guint find_vm(const struct sdm_picture *picture, const char *vm)
{
    guint i = 0;

    while (i < picture->vms->len && strcmp(vm_at(picture, i)->vm, vm) != 0) {
        i++;
    }
    return i;
}

static void drop_vm(struct sdm_picture *picture, const char *vm,
                    void (*gone)(void *user, const char *vm), void *user)
{
    guint i = find_vm(picture, vm);

    if (i < picture->vms->len) {
        g_array_remove_index(picture->vms, i);
    }
    g_hash_table_remove(picture->running, vm);
    if (gone != NULL) {
        gone(user, vm);
    }
}

static void note_running(struct sdm_picture *picture, const char *vm, int64_t looked_us)
{
    int64_t *known_us = g_hash_table_lookup(picture->running, vm);

    if (known_us == NULL) {
        g_hash_table_insert(picture->running, g_strdup(vm),
                            g_memdup2(&looked_us, sizeof looked_us));
    } else {
        *known_us = MAX(*known_us, looked_us);
    }
}

/* A guest that was looked at after the list was begun may be missing in it. */
static void take_list(struct sdm_picture *picture, const struct sdm_job *job,
                      void (*gone)(void *user, const char *vm), void *user)
{
    g_autoptr(GHashTable) now = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GPtrArray) left = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer vm;
    gpointer looked_us;

    for (guint i = 0; i < job->vm_ids->len; i++) {
        g_hash_table_add(now, g_ptr_array_index(job->vm_ids, i));
        note_running(picture, g_ptr_array_index(job->vm_ids, i), 0);
    }
    g_hash_table_iter_init(&iter, picture->running);
    while (g_hash_table_iter_next(&iter, &vm, &looked_us)) {
        if (!g_hash_table_contains(now, vm) && *(int64_t *)looked_us < job->started_us) {
            g_ptr_array_add(left, g_strdup(vm));
        }
    }
    for (guint i = 0; i < left->len; i++) {
        drop_vm(picture, g_ptr_array_index(left, i), gone, user);
    }
}

static gint compare_vms(gconstpointer a, gconstpointer b)
{
    return strcmp(((const struct sdm_found_vm *)a)->vm, ((const struct sdm_found_vm *)b)->vm);
}

static void take_vm(struct sdm_picture *picture, struct sdm_job *job)
{
    guint i = find_vm(picture, job->found_vm.vm);

    if (i < picture->vms->len) {
        sdm_found_vm_clear(vm_at(picture, i));
        *vm_at(picture, i) = job->found_vm;
    } else {
        g_array_append_val(picture->vms, job->found_vm);
        g_array_sort(picture->vms, compare_vms);
    }
    note_running(picture, job->found_vm.vm, job->started_us);
    memset(&job->found_vm, 0, sizeof job->found_vm);
}

static bool is_in(const GArray *ranges, uint64_t address_bytes)
{
    for (guint i = 0; ranges != NULL && i < ranges->len; i++) {
        const struct sdm_range *range = &g_array_index(ranges, struct sdm_range, i);

        if (address_bytes >= range->start_bytes &&
            address_bytes < range->start_bytes + range->size_bytes) {
            return true;
        }
    }
    return false;
}

static gint compare_blocks(gconstpointer a, gconstpointer b)
{
    uint64_t x = ((const struct sdm_found_block *)a)->index;
    uint64_t y = ((const struct sdm_found_block *)b)->index;

    return (x > y) - (x < y);
}

static bool is_mapped(const struct sdm_picture *picture, uint64_t address_bytes)
{
    for (guint i = 0; i < picture->entries->len; i++) {
        const struct sdm_netport_entry *netport =
            &g_array_index(picture->entries, struct sdm_found_entry, i).netport;

        if (address_bytes / SDM_NETPORT_PAGE_BYTES >= netport->start &&
            address_bytes / SDM_NETPORT_PAGE_BYTES < netport->end) {
            return true;
        }
    }
    return false;
}

/* The look has seen all that an entry maps. */
static bool has_looked(const struct sdm_job *job, const struct sdm_found_entry *entry)
{
    return is_in(job->ranges, (uint64_t)entry->netport.start * SDM_NETPORT_PAGE_BYTES);
}

static bool is_known(const struct sdm_picture *picture, const struct sdm_found_entry *entry)
{
    for (guint i = 0; i < picture->entries->len; i++) {
        const struct sdm_found_entry *known =
            &g_array_index(picture->entries, struct sdm_found_entry, i);

        if (known->entry == entry->entry &&
            sdm_netport_entry_equal(&known->netport, &entry->netport)) {
            return true;
        }
    }
    return false;
}

/* Memory blocks behind an entry that nobody knew of have not been looked at: they may be online. */
static void take_entries(struct sdm_picture *picture, struct sdm_job *job)
{
    for (guint i = 0; i < job->entries->len; i++) {
        const struct sdm_found_entry *entry =
            &g_array_index(job->entries, struct sdm_found_entry, i);

        picture->blocks_known &= is_known(picture, entry) || has_looked(job, entry);
    }
    g_array_unref(picture->entries);
    picture->entries = g_steal_pointer(&job->entries);
    picture->entries_seen = true;
    picture->entries_known = true;
}

/* A look at the host was asked for before entries came that it does not cover. */
static bool covers_all(const struct sdm_picture *picture, const struct sdm_job *job)
{
    for (guint i = 0; i < picture->entries->len; i++) {
        if (!has_looked(job, &g_array_index(picture->entries, struct sdm_found_entry, i))) {
            return false;
        }
    }
    return true;
}

/* A look takes the place of what was known of its ranges; what no entry maps is of no interest. */
static void take_blocks(struct sdm_picture *picture, const struct sdm_job *job)
{
    picture->found.block_size_bytes = job->block_size_bytes;
    if (job->kind == SDM_JOB_LOOK_HOST) {
        picture->blocks_known = covers_all(picture, job);
        picture->blocks_seen = true;
    }
    for (guint i = picture->blocks->len; i > 0; i--) {
        uint64_t address_bytes =
            g_array_index(picture->blocks, struct sdm_found_block, i - 1).index *
            job->block_size_bytes;

        if (is_in(job->ranges, address_bytes) || !is_mapped(picture, address_bytes)) {
            g_array_remove_index_fast(picture->blocks, i - 1);
        }
    }
    g_array_append_vals(picture->blocks, job->blocks->data, job->blocks->len);
    g_array_sort(picture->blocks, compare_blocks);
}

void sdm_picture_take(struct sdm_picture *picture, struct sdm_job *job,
                      void (*gone)(void *user, const char *vm), void *user)
{
    bool is_rmc = job->kind == SDM_JOB_LOOK_RMC ||
                  (job->kind == SDM_JOB_STEP &&
                   (job->step.kind == SDM_STEP_MAP || job->step.kind == SDM_STEP_UNMAP));

    if (job->entries != NULL) {
        take_entries(picture, job);
    } else if (is_rmc) {
        picture->entries_known = false;
    }
    if (job->blocks != NULL) {
        take_blocks(picture, job);
    } else if (job->ranges != NULL || job->kind == SDM_JOB_LOOK_HOST) {
        picture->blocks_known = false;
    }
    if (job->vm_ids != NULL) {
        picture->list_known = true;
        picture->list_seen = true;
        take_list(picture, job, gone, user);
    } else if (job->kind == SDM_JOB_LIST_VMS ||
               (job->vm[0] != '\0' && !job->has_vm && !job->vm_is_gone)) {
        picture->list_known = false;
    }
    if (job->vm_is_gone) {
        drop_vm(picture, job->vm, gone, user);
    } else if (job->has_vm) {
        take_vm(picture, job);
    }
}

const struct sdm_found *sdm_picture_view(struct sdm_picture *picture)
{
    struct sdm_found *found = &picture->found;

    found->entries_known = picture->entries_known;
    found->blocks_known = picture->blocks_known;
    /* A guest that nobody has looked at may have any DIMM. */
    found->vms_known =
        picture->list_known && picture->vms->len == g_hash_table_size(picture->running);
    found->entries = (struct sdm_found_entry *)(void *)picture->entries->data;
    found->n_entries = picture->entries->len;
    found->blocks = (struct sdm_found_block *)(void *)picture->blocks->data;
    found->n_blocks = picture->blocks->len;
    found->vms = (struct sdm_found_vm *)(void *)picture->vms->data;
    found->n_vms = picture->vms->len;
    return found;
}

bool sdm_picture_is_complete(const struct sdm_picture *picture)
{
    return picture->entries_seen && picture->blocks_seen && picture->list_seen &&
           picture->vms->len == g_hash_table_size(picture->running);
}

GPtrArray *sdm_picture_unseen(const struct sdm_picture *picture)
{
    GPtrArray *unseen = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer vm;

    g_hash_table_iter_init(&iter, picture->running);
    while (g_hash_table_iter_next(&iter, &vm, NULL)) {
        if (find_vm(picture, vm) == picture->vms->len) {
            g_ptr_array_add(unseen, g_strdup(vm));
        }
    }
    return unseen;
}

bool sdm_picture_check(const struct sdm_picture *picture, GError **error)
{
    if (!picture->entries_known) {
        return sdm_unavailable(error, "the remote memory controller does not answer");
    }
    if (!picture->blocks_known) {
        return sdm_unavailable(error, "the host's memory blocks cannot be read");
    }
    return picture->list_known || sdm_unavailable(error, "libvirt does not answer");
}
