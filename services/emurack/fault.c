#include "emurack/fault.h"

#include <string.h>

enum { MAX_ARMED = 1024 };

struct sdm_emu_faults {
    GArray *armed;
};

static const char *const action_names[] = {"delay", "refuse", "silence", "lost-reply", "busy"};

struct sdm_emu_faults *sdm_emu_faults_new(void)
{
    struct sdm_emu_faults *faults = g_new0(struct sdm_emu_faults, 1);

    faults->armed = g_array_new(FALSE, FALSE, sizeof(struct sdm_emu_fault));
    return faults;
}

void sdm_emu_faults_free(struct sdm_emu_faults *faults)
{
    if (faults == NULL) {
        return;
    }
    g_array_unref(faults->armed);
    g_free(faults);
}

const char *sdm_emu_action_name(enum sdm_emu_action action)
{
    return action_names[action];
}

bool sdm_emu_action_from_name(const char *name, enum sdm_emu_action *action)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(action_names); i++) {
        if (strcmp(name, action_names[i]) == 0) {
            *action = (enum sdm_emu_action)i;
            return true;
        }
    }
    return false;
}

bool sdm_emu_faults_arm(struct sdm_emu_faults *faults, const struct sdm_emu_fault *fault,
                        GError **error)
{
    if (faults->armed->len >= MAX_ARMED) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "%d faults are armed already", MAX_ARMED);
    }
    g_array_append_val(faults->armed, *fault);
    return true;
}

unsigned sdm_emu_faults_clear(struct sdm_emu_faults *faults, const char *device)
{
    unsigned n_before = faults->armed->len;

    for (unsigned i = n_before; i-- > 0;) {
        const struct sdm_emu_fault *fault = &g_array_index(faults->armed, struct sdm_emu_fault, i);

        if (device == NULL || g_str_equal(fault->device, device)) {
            g_array_remove_index(faults->armed, i);
        }
    }
    return n_before - faults->armed->len;
}

static bool matches(const char *pattern, const char *name)
{
    return g_str_equal(pattern, "*") || g_str_equal(pattern, name);
}

bool sdm_emu_faults_take(struct sdm_emu_faults *faults, const char *device, const char *operation,
                         struct sdm_emu_fault *fault)
{
    for (unsigned i = 0; i < faults->armed->len; i++) {
        struct sdm_emu_fault *armed = &g_array_index(faults->armed, struct sdm_emu_fault, i);

        if (!matches(armed->device, device) || !matches(armed->operation, operation)) {
            continue;
        }
        *fault = *armed;
        if (armed->n_left == 1) {
            g_array_remove_index(faults->armed, i);
        } else if (armed->n_left > 1) {
            armed->n_left--;
        }
        return true;
    }
    return false;
}

const GArray *sdm_emu_faults_armed(const struct sdm_emu_faults *faults)
{
    return faults->armed;
}
