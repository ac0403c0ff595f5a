#include <criterion/criterion.h>

#include <string.h>

#include "sdm-agent/session/picture.h"

#define VM_A "00000000-0000-4000-8000-00000000000a"
#define VM_B "00000000-0000-4000-8000-00000000000b"

enum { BLOCK = 128 << 20 };

static unsigned n_gone;

static void count_gone(void *user, const char *vm)
{
    (void)user;
    (void)vm;
    n_gone++;
}

static void take(struct sdm_picture *picture, struct sdm_job *job_take)
{
    sdm_picture_take(picture, job_take, count_gone, NULL);
    sdm_job_free(job_take);
}

static struct sdm_job *list_of(const char *const *vms, unsigned n, int64_t started_us)
{
    struct sdm_job *job = sdm_job_new(SDM_JOB_LIST_VMS);

    job->vm_ids = g_ptr_array_new_with_free_func(g_free);
    job->started_us = started_us;
    for (unsigned i = 0; i < n; i++) {
        g_ptr_array_add(job->vm_ids, g_strdup(vms[i]));
    }
    return job;
}

static struct sdm_job *look_of(const char *vm, unsigned n_dimms, int64_t started_us)
{
    struct sdm_job *job = sdm_job_new(SDM_JOB_LOOK_VM);

    strcpy(job->vm, vm);
    strcpy(job->found_vm.vm, vm);
    job->found_vm.dimms = g_new0(struct sdm_found_dimm, n_dimms + 1);
    job->found_vm.n_dimms = n_dimms;
    job->has_vm = true;
    job->started_us = started_us;
    return job;
}

static struct sdm_job *entries_of(unsigned n)
{
    struct sdm_job *job = sdm_job_new(SDM_JOB_LOOK_RMC);

    job->entries = g_array_new(FALSE, TRUE, sizeof(struct sdm_found_entry));
    for (unsigned i = 0; i < n; i++) {
        uint32_t page = (8 + i) * (BLOCK / SDM_NETPORT_PAGE_BYTES);
        struct sdm_found_entry entry = {i, {i, page, page + BLOCK / SDM_NETPORT_PAGE_BYTES, 0}, ""};

        g_array_append_val(job->entries, entry);
    }
    return job;
}

static struct sdm_job *blocks_of(enum sdm_job_kind kind, unsigned first, unsigned n,
                                 enum sdm_block_state state)
{
    struct sdm_job *job = sdm_job_new(kind);

    job->step.kind = SDM_STEP_ONLINE_HOST;
    job->block_size_bytes = BLOCK;
    job->blocks = g_array_new(FALSE, TRUE, sizeof(struct sdm_found_block));
    for (unsigned i = first; i < first + n; i++) {
        struct sdm_netport_entry netport = {0, i * (BLOCK / SDM_NETPORT_PAGE_BYTES),
                                            (i + 1) * (BLOCK / SDM_NETPORT_PAGE_BYTES), 0};
        struct sdm_found_block block = {i, state};

        sdm_job_add_range(job, &netport);
        g_array_append_val(job->blocks, block);
    }
    return job;
}

Test(picture, is_complete_when_every_guest_was_looked_at)
{
    static const char *const vms[] = {VM_A, VM_B};
    g_autoptr(sdm_picture) picture = sdm_picture_new();
    g_autoptr(GPtrArray) unseen = NULL;

    cr_expect_not(sdm_picture_is_complete(picture));
    cr_expect_not(sdm_picture_view(picture)->vms_known);
    take(picture, entries_of(1));
    take(picture, blocks_of(SDM_JOB_LOOK_HOST, 8, 1, SDM_BLOCK_OFFLINE));
    take(picture, list_of(vms, 2, 10));
    cr_expect_not(sdm_picture_is_complete(picture));
    cr_expect_not(sdm_picture_view(picture)->vms_known);
    take(picture, look_of(VM_A, 1, 20));
    unseen = sdm_picture_unseen(picture);
    cr_assert_eq(unseen->len, 1);
    cr_expect_str_eq(g_ptr_array_index(unseen, 0), VM_B);
    take(picture, look_of(VM_B, 0, 20));
    cr_expect(sdm_picture_is_complete(picture));
    cr_expect(sdm_picture_view(picture)->vms_known);
    cr_expect_eq(sdm_picture_view(picture)->n_vms, 2);
}

Test(picture, an_older_list_does_not_drop_a_guest_that_has_just_been_seen)
{
    static const char *const vms[] = {VM_A};
    g_autoptr(sdm_picture) picture = sdm_picture_new();

    n_gone = 0;
    take(picture, look_of(VM_A, 1, 20));
    take(picture, list_of(vms, 0, 10));
    cr_expect_eq(sdm_picture_view(picture)->n_vms, 1);
    cr_expect_eq(n_gone, 0);
    take(picture, list_of(vms, 0, 30));
    cr_expect_eq(sdm_picture_view(picture)->n_vms, 0);
    cr_expect_eq(n_gone, 1);
}

Test(picture, what_could_not_be_seen_stays_but_is_not_known)
{
    static const char *const vms[] = {VM_A};
    g_autoptr(sdm_picture) picture = sdm_picture_new();
    struct sdm_job *job;

    take(picture, entries_of(2));
    take(picture, list_of(vms, 1, 10));
    take(picture, look_of(VM_A, 1, 20));
    take(picture, sdm_job_new(SDM_JOB_LOOK_RMC));
    cr_expect_not(sdm_picture_view(picture)->entries_known);
    cr_expect_eq(sdm_picture_view(picture)->n_entries, 2);
    job = sdm_job_new(SDM_JOB_LOOK_VM);
    strcpy(job->vm, VM_A);
    take(picture, job);
    cr_expect_not(sdm_picture_view(picture)->vms_known);
    cr_expect_eq(sdm_picture_view(picture)->vms[0].n_dimms, 1);
    job = sdm_job_new(SDM_JOB_LOOK_VM);
    strcpy(job->vm, VM_A);
    job->vm_is_gone = true;
    take(picture, job);
    cr_expect_eq(sdm_picture_view(picture)->n_vms, 0);
}

Test(picture, a_step_renews_its_own_blocks)
{
    g_autoptr(sdm_picture) picture = sdm_picture_new();
    const struct sdm_found *found;

    take(picture, entries_of(3));
    take(picture, blocks_of(SDM_JOB_LOOK_HOST, 8, 3, SDM_BLOCK_OFFLINE));
    take(picture, blocks_of(SDM_JOB_STEP, 9, 1, SDM_BLOCK_ONLINE));
    found = sdm_picture_view(picture);
    cr_assert_eq(found->n_blocks, 3);
    for (unsigned i = 0; i < 3; i++) {
        cr_expect_eq(found->blocks[i].index, 8 + i);
        cr_expect_eq(found->blocks[i].state, i == 1 ? SDM_BLOCK_ONLINE : SDM_BLOCK_OFFLINE);
    }
    /* Entry 2 is gone, and with it the interest in its block. */
    take(picture, entries_of(2));
    take(picture, blocks_of(SDM_JOB_LOOK_HOST, 8, 2, SDM_BLOCK_OFFLINE));
    cr_expect_eq(sdm_picture_view(picture)->n_blocks, 2);
}

/* A restart whose first look at the RMC failed must not take online memory for absent. */
Test(picture, blocks_behind_an_entry_that_came_are_not_known_before_they_are_seen)
{
    g_autoptr(sdm_picture) picture = sdm_picture_new();

    take(picture, sdm_job_new(SDM_JOB_LOOK_RMC));
    take(picture, blocks_of(SDM_JOB_LOOK_HOST, 8, 0, SDM_BLOCK_OFFLINE));
    cr_expect(sdm_picture_view(picture)->blocks_known);
    take(picture, entries_of(2));
    cr_expect_not(sdm_picture_view(picture)->blocks_known);
    take(picture, blocks_of(SDM_JOB_LOOK_HOST, 8, 1, SDM_BLOCK_ONLINE));
    cr_expect_not(sdm_picture_view(picture)->blocks_known, "it was asked for too early");
    take(picture, blocks_of(SDM_JOB_LOOK_HOST, 8, 2, SDM_BLOCK_ONLINE));
    cr_expect(sdm_picture_view(picture)->blocks_known);
    take(picture, entries_of(2));
    cr_expect(sdm_picture_view(picture)->blocks_known, "nothing new");
}
