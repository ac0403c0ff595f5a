#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/svc/log.h"
#include "sdm-controller/compile/extents.h"
#include "sdm-controller/settle/quarantine.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/audit.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/lock.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/store/todo.h"
#include "sdm-controller/synthesizer/job.h"

/* A memory brick, and what it and the database say of its bytes. */
struct looking {
    struct sdm_job *job;
    struct sdm_driven_device device;
    struct sdm_known_extent *known;
    size_t n_known;
    const char *fenced;
};

/* NULL with FABRIC_REFUSED for a brick that is off: nothing is mapped of it. */
static bool ask(struct looking *looking, struct sdm_found_extent **found, size_t *n, GError **error)
{
    const struct sdm_fabric_device device = {looking->device.id, looking->device.endpoint, false};
    g_autoptr(GError) refusal = NULL;
    g_autoptr(GArray) extents = sdm_fabric_extents(looking->job->config->fabric, &device, &refusal);

    *n = 0;
    *found = NULL;
    if (extents == NULL) {
        if (g_error_matches(refusal, SDM_ERROR, SDM_ERROR_FABRIC_REFUSED)) {
            return true;
        }
        g_propagate_error(error, g_steal_pointer(&refusal));
        return false;
    }
    *found = SDM_ARENA_NEW(looking->job->arena, struct sdm_found_extent, extents->len);
    for (guint i = 0; i < extents->len; i++) {
        const struct sdm_fabric_extent *from = &g_array_index(extents, struct sdm_fabric_extent, i);

        (*found)[i] = (struct sdm_found_extent){from->offset_bytes, from->size_bytes,
                                                sdm_arena_strdup(looking->job->arena, from->users)};
    }
    *n = extents->len;
    return true;
}

static bool read_known(struct looking *looking, GError **error)
{
    struct sdm_job *job = looking->job;
    struct sdm_brick_segment *segments;

    if (!sdm_store_brick_segments(job->pg, looking->device.device_no, job->arena, &segments,
                                  &looking->n_known, &looking->fenced, error)) {
        return false;
    }
    looking->known = SDM_ARENA_NEW(job->arena, struct sdm_known_extent, looking->n_known);
    for (size_t i = 0; i < looking->n_known; i++) {
        const struct sdm_brick_segment *from = &segments[i];
        struct sdm_known_extent *to = &looking->known[i];

        *to = (struct sdm_known_extent){
            .offset_bytes = (uint64_t)from->offset_bytes,
            .size_bytes = (uint64_t)from->size_bytes,
            .state = from->state,
            .want_free = from->want_free,
            .users = from->users,
            .mapped_by = from->mapped_by,
        };
        g_strlcpy(to->segment, from->segment, sizeof to->segment);
        g_strlcpy(to->reservation, from->reservation, sizeof to->reservation);
    }
    return true;
}

static bool compare(struct looking *looking, struct sdm_extent_findings *findings, GError **error)
{
    struct sdm_found_extent *found;
    size_t n;

    if (!ask(looking, &found, &n, error)) {
        return false;
    }
    sdm_compile_extents(found, n, looking->known, looking->n_known, looking->fenced,
                        looking->job->arena, findings);
    return true;
}

/* Asked before and after the database is read: what was on its way is no finding. */
static bool look(struct looking *looking, struct sdm_extent_findings *findings, GError **error)
{
    struct sdm_job *job = looking->job;
    struct sdm_extent_findings later;
    struct sdm_found_extent *found;
    size_t n;

    if (!ask(looking, &found, &n, error) || !read_known(looking, error)) {
        return false;
    }
    sdm_compile_extents(found, n, looking->known, looking->n_known, looking->fenced, job->arena,
                        findings);
    if (findings->n_unknown + findings->n_changes == 0) {
        return true;
    }
    if (!compare(looking, &later, error)) {
        return false;
    }
    sdm_extent_findings_confirm(findings, &later);
    return true;
}

struct claimed {
    struct sdm_ledger *ledger;
    struct sdm_extent extent;
};

static void end_claim(void *data, bool committed)
{
    struct claimed *claimed = data;

    if (!committed) {
        sdm_ledger_lock(claimed->ledger);
        sdm_ledger_free_extent(claimed->ledger, &claimed->extent);
        sdm_ledger_unlock(claimed->ledger);
    }
    g_free(claimed);
}

/* Taken in memory first, so that nothing is planned with it while it is written. */
static bool claim(struct looking *looking, struct sdm_tx *tx, const struct sdm_found_extent *found,
                  GError **error)
{
    struct claimed *claimed = g_new0(struct claimed, 1);
    g_autoptr(GError) taken = NULL;
    bool done;

    claimed->ledger = looking->job->config->ledger;
    claimed->extent = (struct sdm_extent){.brick_no = looking->device.device_no,
                                          .offset_bytes = found->offset_bytes,
                                          .size_bytes = found->size_bytes};
    sdm_ledger_lock(claimed->ledger);
    done = sdm_ledger_add_segment(claimed->ledger, &claimed->extent, &taken);
    sdm_ledger_unlock(claimed->ledger);
    if (!done) {
        g_free(claimed);
        return sdm_unavailable(error, "bytes that are mapped are being handed out: %s",
                               taken->message);
    }
    sdm_tx_on_end(tx, end_claim, claimed);
    return true;
}

static void tell(struct looking *looking, struct sdm_tx *tx, const char *segment, const char *text)
{
    sdm_event_drift(tx, looking->job->config->sink, looking->device.id,
                    SDM_DRIFT_KIND_EXTENT_UNKNOWN, text, SDM_EVENT_DRIFT_ACTION_QUARANTINED);
    sdm_audit_note(tx, &(struct sdm_audit_entry){.action = SDM_AUDIT_QUARANTINE,
                                                 .object_kind = "segment",
                                                 .object = segment,
                                                 .summary = text});
    sdm_log_limited(SDM_LOG_WARNING, "extent-unknown", sdm_log_text("brick", looking->device.id),
                    sdm_log_text("text", text));
}

static bool quarantine(struct looking *looking, struct sdm_tx *tx,
                       const struct sdm_found_extent *found, GError **error)
{
    char segment[SDM_UUID_SIZE];
    g_autofree char *text = g_strdup_printf("%" PRIu64 " bytes from %" PRIu64
                                            " are mapped by %s, and no segment has them",
                                            found->size_bytes, found->offset_bytes, found->users);

    sdm_uuid_new(segment);
    if (!claim(looking, tx, found, error) ||
        !sdm_store_found_insert(tx, segment, looking->device.device_no,
                                (int64_t)found->offset_bytes, (int64_t)found->size_bytes,
                                found->users, text, error)) {
        return false;
    }
    tell(looking, tx, segment, text);
    return true;
}

/* Its bytes are another's by now: its reservation has ended in the time that the database has lost.
 */
static bool take_away(struct looking *looking, struct sdm_tx *tx,
                      const struct sdm_known_extent *known, const char *mapped_by, GError **error)
{
    struct sdm_job *job = looking->job;
    const struct sdm_snapshot *snapshot =
        sdm_store_snapshot_load(sdm_tx_read(tx), known->reservation, true, job->arena, error);
    g_autofree char *text = g_strdup_printf(
        "%" PRIu64 " bytes from %" PRIu64 " of '%s' are mapped by %s, which "
        "reservation %s does not explain",
        known->size_bytes, known->offset_bytes, looking->device.id, mapped_by, known->reservation);

    if (snapshot == NULL) {
        return false;
    }
    if (snapshot->state < SDM_RESERVATION_STATE_RELEASED &&
        !sdm_settle_fail(&job->settler, tx, snapshot, text, job->arena, error)) {
        return false;
    }
    sdm_store_found_mapped_by(tx, known->segment, mapped_by);
    tell(looking, tx, known->segment, text);
    return sdm_settle(&job->settler, tx, known->reservation, text, job->arena, error) != NULL;
}

/* A finding that is mapped by others than before; released and gone, it is scrubbed. */
static bool note_users(struct looking *looking, struct sdm_tx *tx,
                       const struct sdm_known_extent *known, const char *mapped_by, GError **error)
{
    struct sdm_job *job = looking->job;

    sdm_store_found_mapped_by(tx, known->segment, mapped_by);
    if (mapped_by[0] != '\0' || !known->want_free) {
        return true;
    }
    if (known->reservation[0] == '\0') {
        sdm_store_found_to_scrub(tx, known->segment);
        sdm_post_id(tx, job->config->sink, SDM_WORK_SCRUB, known->segment);
        return true;
    }
    return sdm_settle(&job->settler, tx, known->reservation, NULL, job->arena, error) != NULL;
}

static void lock_reservations(struct looking *looking, struct sdm_tx *tx,
                              const struct sdm_extent_findings *findings)
{
    char(*reservations)[SDM_UUID_SIZE] =
        sdm_arena_alloc(looking->job->arena, findings->n_changes + 1, SDM_UUID_SIZE);
    size_t n = 0;

    for (size_t i = 0; i < findings->n_changes; i++) {
        const struct sdm_known_extent *known = &looking->known[findings->changes[i].known];

        if (known->reservation[0] != '\0') {
            memcpy(reservations[n++], known->reservation, SDM_UUID_SIZE);
        }
    }
    if (n > 0) {
        sdm_lock_reservations(tx, reservations, n);
    }
}

static bool write_findings(struct looking *looking, struct sdm_tx *tx,
                           const struct sdm_extent_findings *findings, GError **error)
{
    lock_reservations(looking, tx, findings);
    for (size_t i = 0; i < findings->n_unknown; i++) {
        if (!quarantine(looking, tx, &findings->unknown[i], error)) {
            return false;
        }
    }
    for (size_t i = 0; i < findings->n_changes; i++) {
        const struct sdm_extent_change *change = &findings->changes[i];
        const struct sdm_known_extent *known = &looking->known[change->known];

        if (!(change->is_taken ? take_away(looking, tx, known, change->mapped_by, error)
                               : note_users(looking, tx, known, change->mapped_by, error))) {
            return false;
        }
    }
    return true;
}

/* Agents are told to keep, or no longer to keep, what they have of it; circuits and scrubs may have
 * waited. */
static bool follow_up(struct looking *looking, const struct sdm_extent_findings *findings,
                      GError **error)
{
    struct sdm_job *job = looking->job;

    return findings->n_unknown + findings->n_changes == 0 ||
           sdm_store_todo_of_brick(job->pg, looking->device.device_no, sdm_job_repost, job, error);
}

static bool apply(struct looking *looking, const struct sdm_extent_findings *findings,
                  GError **error)
{
    struct sdm_job *job = looking->job;
    struct sdm_tx tx = {0};

    if (findings->n_unknown + findings->n_changes == 0) {
        return true;
    }
    for (size_t i = 0; i < findings->n_changes; i++) {
        if (findings->changes[i].is_taken) {
            sdm_looks_set_older(job->looks);
        }
    }
    if (findings->n_unknown > 0) {
        sdm_looks_set_older(job->looks);
    }
    return sdm_tx_begin(&tx, job->pg, job->config->epoch, error) &&
           sdm_job_end(&tx,
                       write_findings(looking, &tx, findings, error) && sdm_tx_commit(&tx, error));
}

/* From here on it may be planned with again. */
static void note_compared(struct looking *looking)
{
    struct sdm_ledger *ledger = looking->job->config->ledger;

    if (sdm_looks_compared(looking->job->looks, looking->device.device_no) &&
        !looking->device.lost) {
        sdm_ledger_lock(ledger);
        sdm_ledger_set_state(ledger, looking->device.device_no, SDM_BRICK_STATE_ACTIVE);
        sdm_ledger_unlock(ledger);
    }
}

bool sdm_job_extents(struct sdm_job *job, int32_t brick_no, GError **error)
{
    struct looking looking = {.job = job};
    struct sdm_extent_findings findings;
    g_autoptr(GError) failure = NULL;

    if (!sdm_store_driven_device(job->pg, brick_no, &looking.device, error)) {
        return false;
    }
    if (look(&looking, &findings, &failure) && apply(&looking, &findings, &failure)) {
        note_compared(&looking);
        return follow_up(&looking, &findings, error);
    }
    if (sdm_looks_are_on(job->looks) && failure->domain == SDM_UNAVAILABLE &&
        sdm_pg_is_connected(job->pg)) {
        /* Nobody answers: whether that matters is judged at the end of the first look. */
        sdm_looks_silent(job->looks, brick_no);
        return true;
    }
    g_propagate_error(error, g_steal_pointer(&failure));
    return false;
}
