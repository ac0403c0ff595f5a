#include "sdm-agent/session/want.h"

static void read_window(const struct sdm_wire_wanted_window *from, struct sdm_want_window *to)
{
    struct sdm_netport_window netport = {.port = (unsigned)from->port,
                                         .module = (uint32_t)from->module,
                                         .start_bytes = from->start_bytes,
                                         .end_bytes = from->start_bytes + from->size_bytes,
                                         .brick_bytes = from->brick_offset_bytes};

    g_strlcpy(to->window, from->window, sizeof to->window);
    if (from->has_vm) {
        g_strlcpy(to->vm, from->vm, sizeof to->vm);
    }
    to->entry = (unsigned)from->entry;
    to->mode = from->mode;
    to->level = from->want;
    to->shared = from->shared;
    to->distance = (unsigned)from->distance;
    sdm_netport_entry_make(&netport, &to->netport, NULL);
}

struct sdm_want_window *sdm_want_read(const struct sdm_s7_want *message)
{
    struct sdm_want_window *windows = g_new0(struct sdm_want_window, message->n_windows + 1);

    for (size_t i = 0; i < message->n_windows; i++) {
        read_window(&message->windows[i], &windows[i]);
    }
    return windows;
}
