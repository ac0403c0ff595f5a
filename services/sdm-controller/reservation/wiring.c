#include "sdm-controller/reservation/wiring.h"

#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "sdm-controller/reservation/claim.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/vm.h"
#include "sdm-controller/store/vm_load.h"
#include "sdm-controller/store/window.h"

enum sdm_window_level sdm_wiring_level(enum sdm_mode mode)
{
    return mode == SDM_MODE_DEVICE ? SDM_WINDOW_LEVEL_MAPPED : SDM_WINDOW_LEVEL_ATTACHED;
}

bool sdm_wiring_make_windows(struct sdm_reservation_engine *engine, struct sdm_tx *tx,
                             const char *attachment, int32_t compute_no, enum sdm_mode mode,
                             const struct sdm_wiring_segment *segments, size_t n,
                             struct sdm_arena *arena, GError **error)
{
    struct sdm_new_window *windows = SDM_ARENA_NEW(arena, struct sdm_new_window, n);
    int64_t generation;
    bool any_up;

    for (size_t i = 0; i < n; i++) {
        struct sdm_window window;

        if (!sdm_claim_window(engine, tx, compute_no, segments[i].size_bytes, &window, error)) {
            return false;
        }
        sdm_uuid_new(windows[i].window);
        windows[i].segment = segments[i].segment;
        windows[i].entry = window.entry;
        windows[i].start_bytes = (int64_t)window.start_bytes;
        windows[i].size_bytes = (int64_t)window.size_bytes;
    }
    if (!sdm_store_generation_next(tx, compute_no, &generation, error) ||
        !sdm_store_windows_insert(tx, attachment, compute_no, generation, sdm_wiring_level(mode),
                                  windows, n, &any_up, error)) {
        return false;
    }
    if (any_up) {
        sdm_post_device(tx, engine->settler.sink, SDM_WORK_AGENT, compute_no);
    }
    return true;
}

bool sdm_wiring_check_guest(struct sdm_tx *tx, const struct sdm_caller *caller, const char *vm,
                            const struct sdm_snapshot *snapshot, size_t n_segments,
                            uint64_t size_bytes, GError **error)
{
    struct sdm_vm guest;
    struct sdm_vm_load load;
    int64_t n_slots;
    int64_t room_bytes;

    if (!sdm_vm_read(sdm_tx_read(tx), vm, &guest, error) ||
        !sdm_store_vm_load(sdm_tx_read(tx), vm, &load, error)) {
        return false;
    }
    if (!sdm_caller_sees(caller, guest.project) && !sdm_sabotage("foreign-vm")) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no virtual machine '%s'", vm);
    }
    if (!guest.present) {
        return sdm_refuse(error, SDM_ERROR_WRONG_STATE, "virtual machine '%s' is not running", vm);
    }
    if (guest.compute_no != snapshot->compute_no) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "the reservation was planned for compute brick '%s', virtual machine "
                          "'%s' runs on '%s'",
                          snapshot->compute_brick, vm, guest.compute_brick);
    }
    /* What is on its way in is not in the agent's last report yet. */
    n_slots = guest.n_slots - MAX(guest.n_slots_used, load.n_windows);
    room_bytes = guest.max_memory_bytes - guest.memory_bytes - load.coming_bytes;
    if (n_slots < (int64_t)n_segments) {
        return sdm_refuse(error, SDM_ERROR_NO_SLOT,
                          "need %zu DIMM slots, virtual machine '%s' has %" G_GINT64_FORMAT
                          " of %d left",
                          n_segments, vm, MAX(n_slots, 0), guest.n_slots);
    }
    if (room_bytes < (int64_t)size_bytes) {
        return sdm_refuse(error, SDM_ERROR_NO_SLOT,
                          "need %" G_GUINT64_FORMAT
                          " bytes, virtual machine '%s' can grow by %" G_GINT64_FORMAT,
                          size_bytes, vm, MAX(room_bytes, 0));
    }
    return true;
}
