#include "lib/svc/log.h"
#include "sdm-controller/settle/release.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/reservation.h"
#include "sdm-controller/store/snapshot.h"
#include "sdm-controller/synthesizer/taking.h"

static struct sdm_vm *read_vms(const struct sdm_taking *taking)
{
    const struct sdm_s7_report *report = taking->report;
    struct sdm_vm *vms = SDM_ARENA_NEW(taking->arena, struct sdm_vm, report->n_vms);

    for (size_t i = 0; i < report->n_vms; i++) {
        const struct sdm_wire_vm *from = &report->vms[i];
        struct sdm_vm *to = &vms[i];

        g_strlcpy(to->vm, from->vm, sizeof to->vm);
        g_strlcpy(to->name, from->name, sizeof to->name);
        g_strlcpy(to->boot_id, from->boot_id, sizeof to->boot_id);
        to->compute_no = taking->brick.compute_no;
        to->n_slots = (int32_t)from->n_slots;
        to->n_slots_used = (int32_t)from->n_slots_used;
        to->max_memory_bytes = (int64_t)from->max_memory_bytes;
        to->memory_bytes = (int64_t)from->memory_bytes;
        to->guest_memory_bytes = (int64_t)from->guest_memory_bytes;
    }
    return vms;
}

bool sdm_taking_read_vms(struct sdm_taking *taking, char (**reservations)[SDM_UUID_SIZE], size_t *n,
                         GError **error)
{
    taking->vms = read_vms(taking);
    return sdm_vm_missing(sdm_tx_read(&taking->tx), taking->brick.compute_no, taking->vms,
                          taking->report->n_vms, taking->arena, reservations, n, error);
}

static bool give_up_vm(struct sdm_taking *taking, const char *vm, GError **error)
{
    char(*reservations)[SDM_UUID_SIZE];
    size_t n;

    if (!sdm_store_reservation_of_vm(sdm_tx_read(&taking->tx), vm, taking->arena, &reservations, &n,
                                     error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const struct sdm_snapshot *snapshot = sdm_store_snapshot_load(
            sdm_tx_read(&taking->tx), reservations[i], true, taking->arena, error);

        if (snapshot == NULL) {
            return false;
        }
        if (snapshot->state >= SDM_RESERVATION_STATE_RELEASING) {
            continue;
        }
        if (!sdm_settle_give_up(&taking->settler, &taking->tx, snapshot, "its guest is gone",
                                taking->arena, error)) {
            return false;
        }
        g_hash_table_add(taking->touched, reservations[i]);
    }
    return true;
}

static void tell_vm(struct sdm_taking *taking, const char *vm, const char *text)
{
    struct sdm_event_vm event = {0};

    g_strlcpy(event.at, taking->tx.now, sizeof event.at);
    g_strlcpy(event.vm, vm, sizeof event.vm);
    g_strlcpy(event.compute_brick, taking->report->brick, sizeof event.compute_brick);
    g_strlcpy(event.text, text, sizeof event.text);
    sdm_event_vm(&taking->tx, taking->config->sink, &event);
}

/* Left with the brick that has it: nothing is moved, and nobody loses anything, on the word of a
 * second one. */
static void tell_elsewhere(struct sdm_taking *taking, const struct sdm_vm_changes *changes)
{
    g_autoptr(GString) all = g_string_new(NULL);

    for (size_t i = 0; i < changes->n_elsewhere; i++) {
        g_string_append_printf(all, "%s ", changes->elsewhere[i].vm);
    }
    taking->elsewhere = sdm_arena_strdup(taking->arena, all->str);
    if (!sdm_looks_elsewhere_is_new(taking->looks, taking->brick.compute_no, taking->elsewhere)) {
        return;
    }
    for (size_t i = 0; i < changes->n_elsewhere; i++) {
        g_autofree char *text =
            g_strdup_printf("virtual machine '%s' is on '%s', and reported here too",
                            changes->elsewhere[i].vm, changes->elsewhere[i].compute_brick);

        sdm_event_drift(&taking->tx, taking->config->sink, taking->report->brick,
                        SDM_DRIFT_KIND_VM_ELSEWHERE, text, SDM_EVENT_DRIFT_ACTION_REPORTED);
        sdm_log_limited(SDM_LOG_WARNING, "vm-elsewhere",
                        sdm_log_text("brick", taking->report->brick), sdm_log_text("text", text));
    }
}

bool sdm_taking_vms(struct sdm_taking *taking, GError **error)
{
    struct sdm_vm_changes changes = {0};

    if (!sdm_vm_report(&taking->tx, taking->brick.compute_no, taking->vms, taking->report->n_vms,
                       taking->arena, &changes, error)) {
        return false;
    }
    tell_elsewhere(taking, &changes);
    for (size_t i = 0; i < changes.n_appeared; i++) {
        tell_vm(taking, changes.appeared[i], "appeared");
    }
    for (size_t i = 0; i < changes.n_gone; i++) {
        tell_vm(taking, changes.gone[i], "vanished");
        if (!give_up_vm(taking, changes.gone[i], error)) {
            return false;
        }
    }
    return true;
}
