#include "sdm-agent/session/job.h"

#include <string.h>

#include "lib/base/fault.h"

struct sdm_job *sdm_job_new(enum sdm_job_kind kind)
{
    struct sdm_job *job = g_new0(struct sdm_job, 1);

    job->kind = kind;
    return job;
}

void sdm_job_free(struct sdm_job *job)
{
    if (job == NULL) {
        return;
    }
    g_clear_error(&job->error);
    g_clear_pointer(&job->ranges, g_array_unref);
    g_clear_pointer(&job->entries, g_array_unref);
    g_clear_pointer(&job->blocks, g_array_unref);
    g_clear_pointer(&job->vm_ids, g_ptr_array_unref);
    sdm_found_vm_clear(&job->found_vm);
    g_free(job);
}

void sdm_job_add_range(struct sdm_job *job, const struct sdm_netport_entry *netport)
{
    struct sdm_range range = {(uint64_t)netport->start * SDM_NETPORT_PAGE_BYTES,
                              (uint64_t)(netport->end - netport->start) * SDM_NETPORT_PAGE_BYTES};

    if (job->ranges == NULL) {
        job->ranges = g_array_new(FALSE, FALSE, sizeof(struct sdm_range));
    }
    g_array_append_val(job->ranges, range);
}

struct sdm_job *sdm_job_new_step(const struct sdm_step *step)
{
    struct sdm_job *job = sdm_job_new(SDM_JOB_STEP);

    job->step = *step;
    if (step->kind == SDM_STEP_ATTACH_DIMM || step->kind == SDM_STEP_DETACH_DIMM) {
        g_strlcpy(job->vm, step->vm, sizeof job->vm);
    } else {
        sdm_job_add_range(job, &step->netport);
    }
    return job;
}

/* The first error counts; what comes after is only looking. */
static GError **first_error(struct sdm_job *job)
{
    return job->error == NULL ? &job->error : NULL;
}

static void look_rmc(struct sdm_job *job, const struct sdm_backends *backends)
{
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_entry));

    if (sdm_rmc_list(backends->rmc, entries, first_error(job))) {
        job->entries = g_steal_pointer(&entries);
    }
}

static void look_host(struct sdm_job *job, const struct sdm_backends *backends)
{
    g_autoptr(GArray) blocks = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_block));

    if (backends->memblk != NULL &&
        !sdm_memblk_block_size(backends->memblk, &job->block_size_bytes, first_error(job))) {
        return;
    }
    for (guint i = 0; backends->memblk != NULL && job->ranges != NULL && i < job->ranges->len;
         i++) {
        const struct sdm_range *range = &g_array_index(job->ranges, struct sdm_range, i);

        if (!sdm_memblk_look(backends->memblk, range->start_bytes, range->size_bytes, blocks,
                             first_error(job))) {
            return;
        }
    }
    job->blocks = g_steal_pointer(&blocks);
}

static void list_vms(struct sdm_job *job, const struct sdm_backends *backends)
{
    g_autoptr(GPtrArray) vm_ids = g_ptr_array_new_with_free_func(g_free);

    if (backends->domain == NULL || sdm_domain_list(backends->domain, vm_ids, first_error(job))) {
        job->vm_ids = g_steal_pointer(&vm_ids);
    }
}

static void look_vm(struct sdm_job *job, const struct sdm_backends *backends)
{
    g_autoptr(GError) error = NULL;

    job->has_vm = sdm_domain_look(backends->domain, job->vm, &job->found_vm, &error);
    job->vm_is_gone = g_error_matches(error, SDM_ERROR, SDM_ERROR_NOT_FOUND);
    if (error != NULL && !job->vm_is_gone && job->error == NULL) {
        job->error = g_steal_pointer(&error);
    }
}

/* Mistakes that the campaign has to see: a window in two NetPort entries, and a window that leads
 * to a part of another's bytes. */
static void sabotage(const struct sdm_step *step, const struct sdm_backends *backends)
{
    bool overlaps = sdm_sabotage("window-overlap");
    struct sdm_netport_window window;
    struct sdm_netport_entry entry;
    char path[SDM_SEGMENT_PATH_SIZE];
    uint64_t size_bytes;

    if (!overlaps && !sdm_sabotage("netport-entry-twice")) {
        return;
    }
    sdm_netport_entry_read(&step->netport, &window);
    size_bytes = window.end_bytes - window.start_bytes;
    window.start_bytes += UINT64_C(1) << 42;
    window.end_bytes = window.start_bytes + (overlaps ? size_bytes / 2 : size_bytes);
    if (sdm_netport_entry_make(&window, &entry, NULL)) {
        sdm_rmc_map(backends->rmc, SDM_NETPORT_N_ENTRIES - 1, &entry, false, path, NULL);
    }
}

static bool run_rmc_step(struct sdm_job *job, const struct sdm_backends *backends)
{
    const struct sdm_step *step = &job->step;
    char path[SDM_SEGMENT_PATH_SIZE];

    if (step->kind == SDM_STEP_MAP) {
        return !sdm_fault("agent.map", &job->error) &&
               sdm_rmc_map(backends->rmc, step->entry, &step->netport, step->shared, path,
                           &job->error) &&
               (sabotage(step, backends), !sdm_fault("agent.mapped", &job->error));
    }
    return !sdm_fault("agent.unmap", &job->error) &&
           sdm_rmc_unmap(backends->rmc, step->entry, &job->error) &&
           !sdm_fault("agent.unmapped", &job->error);
}

static bool run_host_step(struct sdm_job *job, const struct sdm_backends *backends)
{
    const struct sdm_range *range = &g_array_index(job->ranges, struct sdm_range, 0);

    if (backends->memblk == NULL) {
        return sdm_refuse(&job->error, SDM_ERROR_AGENT_REFUSED, "the host takes no memory blocks");
    }
    if (job->step.kind == SDM_STEP_ONLINE_HOST) {
        return !sdm_fault("agent.online", &job->error) &&
               sdm_memblk_online(backends->memblk, range->start_bytes, range->size_bytes,
                                 &job->place, &job->error) &&
               !sdm_fault("agent.onlined", &job->error);
    }
    return !sdm_fault("agent.offline", &job->error) &&
           sdm_memblk_offline(backends->memblk, range->start_bytes, range->size_bytes,
                              &job->error) &&
           !sdm_fault("agent.offlined", &job->error);
}

static bool run_guest_step(struct sdm_job *job, const struct sdm_backends *backends)
{
    const struct sdm_step *step = &job->step;
    struct sdm_dimm_order order = {step->vm, step->window, step->path, step->size_bytes};

    if (step->kind == SDM_STEP_ATTACH_DIMM) {
        return !sdm_fault("agent.attach", &job->error) &&
               sdm_domain_attach(backends->domain, &order, &job->outcome, &job->error) &&
               !sdm_fault("agent.attached", &job->error);
    }
    return !sdm_fault("agent.detach", &job->error) &&
           sdm_domain_detach(backends->domain, &order, &job->outcome, &job->error) &&
           !sdm_fault("agent.detached", &job->error);
}

static void run_step(struct sdm_job *job, const struct sdm_backends *backends)
{
    switch (job->step.kind) {
    case SDM_STEP_MAP:
    case SDM_STEP_UNMAP:
        run_rmc_step(job, backends);
        look_rmc(job, backends);
        /* A range that was never looked at may hold blocks. */
        look_host(job, backends);
        break;
    case SDM_STEP_ONLINE_HOST:
    case SDM_STEP_OFFLINE_HOST:
        run_host_step(job, backends);
        look_host(job, backends);
        break;
    default:
        run_guest_step(job, backends);
        look_vm(job, backends);
    }
}

void sdm_job_run(struct sdm_job *job, const struct sdm_backends *backends)
{
    job->started_us = g_get_monotonic_time();
    switch (job->kind) {
    case SDM_JOB_STEP:
        run_step(job, backends);
        break;
    case SDM_JOB_LOOK_RMC:
        look_rmc(job, backends);
        break;
    case SDM_JOB_LOOK_HOST:
        look_host(job, backends);
        break;
    case SDM_JOB_LIST_VMS:
        list_vms(job, backends);
        break;
    default:
        look_vm(job, backends);
    }
    job->ended_us = g_get_monotonic_time();
}
