#include "sdm-agent/reconcile/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ranked {
    const struct sdm_want_window *window;
    struct sdm_window_state *state;
};

void sdm_window_refuse(struct sdm_window_state *state, enum sdm_error_code code, const char *format,
                       ...)
{
    va_list args;

    if (state->refused) {
        return;
    }
    state->refused = true;
    state->code = code;
    va_start(args, format);
    vsnprintf(state->text, sizeof state->text, format, args);
    va_end(args);
}

static void check_one(const struct sdm_want_window *window, uint64_t block_size_bytes,
                      struct sdm_window_state *state)
{
    g_autoptr(GError) error = NULL;
    uint64_t places = sdm_want_start_bytes(window) | sdm_want_size_bytes(window);

    if (window->entry >= SDM_NETPORT_N_ENTRIES || sdm_netport_entry_is_empty(&window->netport)) {
        sdm_window_refuse(state, SDM_ERROR_AGENT_REFUSED, "entry %u is none or maps nothing",
                          window->entry);
    } else if (!sdm_netport_entry_validate(&window->netport, &error)) {
        sdm_window_refuse(state, SDM_ERROR_AGENT_REFUSED, "%s", error->message);
    } else if ((window->mode == SDM_MODE_VM) != (window->vm[0] != '\0')) {
        sdm_window_refuse(state, SDM_ERROR_AGENT_REFUSED,
                          "a window has a guest if and only if its mode is vm");
    } else if (window->shared && window->mode != SDM_MODE_DEVICE) {
        sdm_window_refuse(state, SDM_ERROR_AGENT_REFUSED,
                          "only windows of mode device can be shared");
    } else if (window->mode == SDM_MODE_HOST && block_size_bytes > 0 &&
               places % block_size_bytes != 0) {
        sdm_window_refuse(state, SDM_ERROR_AGENT_REFUSED,
                          "window is not made of whole memory blocks of %" G_GUINT64_FORMAT
                          " bytes",
                          block_size_bytes);
    }
}

static int compare_uuids(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;

    return strcmp(x->window->window, y->window->window);
}

static int compare_entries(const void *a, const void *b)
{
    const struct ranked *x = a;
    const struct ranked *y = b;

    return (x->window->entry > y->window->entry) - (x->window->entry < y->window->entry);
}

static int compare_starts(const void *a, const void *b)
{
    uint32_t x = ((const struct ranked *)a)->window->netport.start;
    uint32_t y = ((const struct ranked *)b)->window->netport.start;

    return (x > y) - (x < y);
}

static void refuse_pair(const struct ranked *a, const struct ranked *b, const char *what)
{
    sdm_window_refuse(a->state, SDM_ERROR_AGENT_REFUSED, "has its %s in common with window '%s'",
                      what, b->window->window);
    sdm_window_refuse(b->state, SDM_ERROR_AGENT_REFUSED, "has its %s in common with window '%s'",
                      what, a->window->window);
}

static void check_equal(struct ranked *ranked, unsigned n, const char *what,
                        int (*compare)(const void *, const void *))
{
    qsort(ranked, n, sizeof *ranked, compare);
    for (unsigned i = 1; i < n; i++) {
        if (compare(&ranked[i - 1], &ranked[i]) == 0) {
            refuse_pair(&ranked[i - 1], &ranked[i], what);
        }
    }
}

static void check_overlap(struct ranked *ranked, unsigned n)
{
    const struct ranked *furthest = NULL;

    qsort(ranked, n, sizeof *ranked, compare_starts);
    for (unsigned i = 0; i < n; i++) {
        const struct sdm_netport_entry *netport = &ranked[i].window->netport;

        if (furthest != NULL && netport->start < furthest->window->netport.end) {
            refuse_pair(furthest, &ranked[i], "addresses");
        }
        if (furthest == NULL || netport->end > furthest->window->netport.end) {
            furthest = &ranked[i];
        }
    }
}

static int compare_bytes(const void *a, const void *b)
{
    struct sdm_netport_window x;
    struct sdm_netport_window y;

    sdm_netport_entry_read(&((const struct ranked *)a)->window->netport, &x);
    sdm_netport_entry_read(&((const struct ranked *)b)->window->netport, &y);
    if (x.module != y.module) {
        return x.module < y.module ? -1 : 1;
    }
    return (x.brick_bytes > y.brick_bytes) - (x.brick_bytes < y.brick_bytes);
}

/* Bytes of a memory brick are in one window, but for those that are shared; 'ranked' holds only
 * windows that are valid. */
static void check_bytes(struct ranked *ranked, unsigned n)
{
    struct sdm_netport_window last = {0};
    const struct ranked *furthest = NULL;

    qsort(ranked, n, sizeof *ranked, compare_bytes);
    for (unsigned i = 0; i < n; i++) {
        struct sdm_netport_window window;
        uint64_t end_bytes;

        sdm_netport_entry_read(&ranked[i].window->netport, &window);
        end_bytes = window.brick_bytes + (window.end_bytes - window.start_bytes);
        if (furthest != NULL && window.module == last.module &&
            window.brick_bytes < last.end_bytes &&
            !(furthest->window->shared && ranked[i].window->shared)) {
            refuse_pair(furthest, &ranked[i], "memory");
        }
        if (furthest == NULL || window.module != last.module || end_bytes > last.end_bytes) {
            furthest = &ranked[i];
            last.module = window.module;
            last.end_bytes = end_bytes;
        }
    }
}

void sdm_check_want(const struct sdm_want *want, uint64_t block_size_bytes,
                    struct sdm_window_state *states)
{
    g_autofree struct ranked *ranked = g_new(struct ranked, want->n_windows + 1);
    unsigned n = 0;

    for (unsigned i = 0; i < want->n_windows; i++) {
        check_one(&want->windows[i], block_size_bytes, &states[i]);
        ranked[i] = (struct ranked){&want->windows[i], &states[i]};
    }
    check_equal(ranked, want->n_windows, "id", compare_uuids);
    /* What shall go may stand where the next one shall come. */
    for (unsigned i = 0; i < want->n_windows; i++) {
        if (want->windows[i].level != SDM_WINDOW_LEVEL_ABSENT) {
            ranked[n++] = (struct ranked){&want->windows[i], &states[i]};
        }
    }
    check_equal(ranked, n, "entry", compare_entries);
    check_overlap(ranked, n);
    n = 0;
    for (unsigned i = 0; i < want->n_windows; i++) {
        if (want->windows[i].level != SDM_WINDOW_LEVEL_ABSENT && !states[i].refused) {
            ranked[n++] = (struct ranked){&want->windows[i], &states[i]};
        }
    }
    check_bytes(ranked, n);
}
