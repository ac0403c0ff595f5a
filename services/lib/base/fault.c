#include "lib/base/fault.h"

#include "lib/base/error.h"

#ifdef SDM_FAULTS

#include <signal.h>
#include <string.h>
#include <unistd.h>

enum action { ACTION_CRASH, ACTION_FAIL, ACTION_STOP };

static const char *const action_names[] = {"crash", "fail", "stop"};

struct fault {
    char *point;
    enum action action;
    int passages_left;
};

static GMutex mutex;
static GArray *faults; /* struct fault, guarded by 'mutex' */

static bool parse_one(const char *text, struct fault *fault, GError **error)
{
    g_auto(GStrv) sides = g_strsplit(text, "=", 2);
    g_auto(GStrv) action = NULL;
    guint64 passages = 1;

    if (g_strv_length(sides) != 2 || *sides[0] == '\0') {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want POINT=ACTION[@N], found '%s'",
                          text);
    }
    action = g_strsplit(sides[1], "@", 2);
    if (g_strv_length(action) == 2 &&
        !g_ascii_string_to_unsigned(action[1], 10, 1, G_MAXINT, &passages, NULL)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want a count from 1, found '%s'",
                          action[1]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(action_names); i++) {
        if (g_strcmp0(action[0], action_names[i]) == 0) {
            *fault = (struct fault){g_strdup(sides[0]), (enum action)i, (int)passages};
            return true;
        }
    }
    return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want crash, fail or stop, found '%s'",
                      sides[1]);
}

bool sdm_fault_arm(const char *list, GError **error)
{
    g_auto(GStrv) items = g_strsplit(list, ",", -1);

    for (char **item = items; *item != NULL; item++) {
        struct fault fault;

        if (**item == '\0') {
            continue;
        }
        if (!parse_one(*item, &fault, error)) {
            return false;
        }
        g_mutex_lock(&mutex);
        if (faults == NULL) {
            faults = g_array_new(FALSE, FALSE, sizeof(struct fault));
        }
        g_array_append_val(faults, fault);
        g_mutex_unlock(&mutex);
    }
    return true;
}

/* Finds the armed fault whose turn this passage is, and disarms it. */
static bool take_due(const char *point, enum action *action)
{
    bool due = false;

    g_mutex_lock(&mutex);
    for (guint i = 0; faults != NULL && i < faults->len && !due; i++) {
        struct fault *fault = &g_array_index(faults, struct fault, i);

        if (strcmp(fault->point, point) == 0 && --fault->passages_left == 0) {
            *action = fault->action;
            due = true;
        }
    }
    g_mutex_unlock(&mutex);
    return due;
}

void sdm_fault_disarm(void)
{
    g_mutex_lock(&mutex);
    for (guint i = 0; faults != NULL && i < faults->len; i++) {
        g_free(g_array_index(faults, struct fault, i).point);
    }
    g_clear_pointer(&faults, g_array_unref);
    g_mutex_unlock(&mutex);
}

unsigned sdm_fault_n_armed(void)
{
    unsigned n = 0;

    g_mutex_lock(&mutex);
    for (guint i = 0; faults != NULL && i < faults->len; i++) {
        n += g_array_index(faults, struct fault, i).passages_left > 0;
    }
    g_mutex_unlock(&mutex);
    return n;
}

static void arm_from_environment(void)
{
    static gsize once;

    if (g_once_init_enter(&once)) {
        g_autoptr(GError) error = NULL;
        const char *list = g_getenv("SDM_FAULT");

        if (list != NULL && !sdm_fault_arm(list, &error)) {
            g_error("SDM_FAULT: %s", error->message);
        }
        g_once_init_leave(&once, 1);
    }
}

bool sdm_fault(const char *point, GError **error)
{
    enum action action;

    arm_from_environment();
    if (!take_due(point, &action)) {
        return false;
    }
    switch (action) {
    case ACTION_CRASH:
        _exit(70);
    case ACTION_STOP:
        raise(SIGSTOP);
        return false;
    case ACTION_FAIL:
        break;
    }
    sdm_fail(error, "fault point '%s'", point);
    return true;
}

#else

bool sdm_fault_arm(const char *list, GError **error)
{
    return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                      "fault points are not compiled in, cannot arm '%s'", list);
}

void sdm_fault_disarm(void)
{
}

unsigned sdm_fault_n_armed(void)
{
    return 0;
}

#endif
