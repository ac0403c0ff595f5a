#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/device.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/project.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/segment.h"
#include "sdm-controller/store/timing.h"
#include "sdm-controller/synthesizer/job.h"

struct freed {
    struct sdm_ledger *ledger;
    struct sdm_extent extent;
};

static void end_free(void *data, bool committed)
{
    struct freed *freed = data;

    if (committed) {
        sdm_ledger_lock(freed->ledger);
        sdm_ledger_free_extent(freed->ledger, &freed->extent);
        sdm_ledger_unlock(freed->ledger);
    }
    g_free(freed);
}

static void on_commit_free(struct sdm_job *job, struct sdm_tx *tx, const struct sdm_scrub *scrub)
{
    struct freed *freed = g_new0(struct freed, 1);

    freed->ledger = job->config->ledger;
    freed->extent = (struct sdm_extent){.brick_no = scrub->brick_no,
                                        .offset_bytes = (uint64_t)scrub->offset_bytes,
                                        .size_bytes = (uint64_t)scrub->size_bytes};
    sdm_tx_on_end(tx, end_free, freed);
}

static void note_free(struct sdm_tx *tx, const struct sdm_scrub *scrub)
{
    g_autofree char *summary =
        g_strdup_printf("scrubbed and free: %s@%" PRId64 "+%" PRId64 ", of reservation %s",
                        scrub->brick, scrub->offset_bytes, scrub->size_bytes,
                        scrub->reservation[0] != '\0' ? scrub->reservation : "-");

    sdm_audit_note(tx, &(struct sdm_audit_entry){.action = SDM_AUDIT_FREE,
                                                 .project = scrub->project,
                                                 .object_kind = "segment",
                                                 .object = scrub->segment,
                                                 .summary = summary});
}

static bool write_freed(struct sdm_job *job, struct sdm_tx *tx, const struct sdm_scrub *scrub,
                        int64_t fabric_us, GError **error)
{
    char reservation[1][SDM_UUID_SIZE];
    bool freed;

    if (scrub->reservation[0] != '\0') {
        memcpy(reservation[0], scrub->reservation, SDM_UUID_SIZE);
        sdm_lock_reservations(tx, reservation, 1);
    }
    if (!sdm_store_scrub_done(tx, scrub, &freed, error)) {
        return false;
    }
    if (!freed) {
        return true;
    }
    on_commit_free(job, tx, scrub);
    note_free(tx, scrub);
    if (scrub->reservation[0] == '\0') {
        return true;
    }
    sdm_timing_fabric(tx, scrub->reservation, fabric_us);
    /* One that failed has given its project everything back. */
    if (scrub->project[0] != '\0') {
        sdm_project_give(tx, scrub->project, (uint64_t)scrub->size_bytes, 0);
    }
    return sdm_settle(&job->settler, tx, scrub->reservation, NULL, job->arena, error) != NULL;
}

/* A brick that is off is woken; the scrub comes again when it is ready. */
static bool wake(struct sdm_job *job, int32_t brick_no, GError **error)
{
    struct sdm_tx tx = {0};

    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    sdm_post_device(&tx, job->config->sink, SDM_WORK_POWER, brick_no);
    return sdm_job_end(&tx, sdm_device_set_want_power(&tx, brick_no, SDM_POWER_STATE_ON, error) &&
                                sdm_tx_commit(&tx, error));
}

bool sdm_job_scrub(struct sdm_job *job, const char *segment, GError **error)
{
    GError *failure = NULL;
    const struct sdm_scrub *scrub = sdm_store_scrub_load(job->pg, segment, job->arena, &failure);
    struct sdm_fabric_device device;
    struct sdm_tx tx = {0};
    int64_t start_us = g_get_monotonic_time();
    int64_t fabric_us;

    if (scrub == NULL) {
        return sdm_job_is_gone(failure, error);
    }
    if (!scrub->powered) {
        return wake(job, scrub->brick_no, error);
    }
    device = (struct sdm_fabric_device){scrub->brick, scrub->endpoint, false};
    if (!sdm_sabotage("no-scrub") &&
        !sdm_fabric_scrub(job->config->fabric, &device, scrub->offset_bytes, scrub->size_bytes,
                          job->config->scrub_timeout_ms, error)) {
        return false;
    }
    fabric_us = g_get_monotonic_time() - start_us;
    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    return sdm_job_end(&tx,
                       write_freed(job, &tx, scrub, fabric_us, error) && sdm_tx_commit(&tx, error));
}
