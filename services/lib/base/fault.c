#include "lib/base/fault.h"

#include "lib/base/error.h"

#ifdef SDM_FAULTS

#include <pthread.h>
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

/* Every planted mistake; which of them are armed is one bit each in 'sabotages'. */
static const char *const sabotage_names[] = {
    "no-epoch-check",
    "lost-audit-entry",
    "no-scrub",
    "freed-too-early",
    "lost-outbox-row",
    "netport-entry-twice",
    "key-ignored",
    "foreign-vm",
    "reply-before-commit",
    "circuit-cut-under-live",
    "lease-of-attached-expires",
    "quota-ignored",
    "window-overlap",
    "stale-agent-epoch",
};

static gint sabotages;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
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
        pthread_mutex_lock(&mutex);
        if (faults == NULL) {
            faults = g_array_new(FALSE, FALSE, sizeof(struct fault));
        }
        g_array_append_val(faults, fault);
        pthread_mutex_unlock(&mutex);
    }
    return true;
}

/* Finds the armed fault whose turn this passage is, and disarms it. */
static bool take_due(const char *point, enum action *action)
{
    bool due = false;

    pthread_mutex_lock(&mutex);
    for (guint i = 0; faults != NULL && i < faults->len && !due; i++) {
        struct fault *fault = &g_array_index(faults, struct fault, i);

        if (strcmp(fault->point, point) == 0 && --fault->passages_left == 0) {
            *action = fault->action;
            due = true;
        }
    }
    pthread_mutex_unlock(&mutex);
    return due;
}

void sdm_fault_disarm(void)
{
    pthread_mutex_lock(&mutex);
    for (guint i = 0; faults != NULL && i < faults->len; i++) {
        g_free(g_array_index(faults, struct fault, i).point);
    }
    g_clear_pointer(&faults, g_array_unref);
    pthread_mutex_unlock(&mutex);
}

unsigned sdm_fault_n_armed(void)
{
    unsigned n = 0;

    pthread_mutex_lock(&mutex);
    for (guint i = 0; faults != NULL && i < faults->len; i++) {
        n += g_array_index(faults, struct fault, i).passages_left > 0;
    }
    pthread_mutex_unlock(&mutex);
    return n;
}

static int sabotage_bit(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(sabotage_names); i++) {
        if (strcmp(sabotage_names[i], name) == 0) {
            return 1 << i;
        }
    }
    return 0;
}

bool sdm_sabotage_arm(const char *list, GError **error)
{
    g_auto(GStrv) items = g_strsplit(list, ",", -1);
    int armed = 0;

    for (char **item = items; *item != NULL; item++) {
        if (**item != '\0' && sabotage_bit(*item) == 0) {
            return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "no sabotage '%s'", *item);
        }
        armed |= sabotage_bit(*item);
    }
    g_atomic_int_set(&sabotages, armed);
    return true;
}

/* Once; what it could not read is kept for all who ask. */
static const GError *read_environment(void)
{
    static gsize once;
    static GError *unreadable;

    if (g_once_init_enter(&once)) {
        const char *points = g_getenv("SDM_FAULT");
        const char *mistakes = g_getenv("SDM_SABOTAGE");

        if (points != NULL && !sdm_fault_arm(points, &unreadable)) {
            g_prefix_error(&unreadable, "SDM_FAULT: ");
        } else if (mistakes != NULL && !sdm_sabotage_arm(mistakes, &unreadable)) {
            g_prefix_error(&unreadable, "SDM_SABOTAGE: ");
        }
        g_once_init_leave(&once, 1);
    }
    return unreadable;
}

bool sdm_fault_arm_from_environment(GError **error)
{
    const GError *unreadable = read_environment();

    if (unreadable != NULL) {
        g_propagate_error(error, g_error_copy(unreadable));
    }
    return unreadable == NULL;
}

bool sdm_sabotage(const char *name)
{
    read_environment();
    return (g_atomic_int_get(&sabotages) & sabotage_bit(name)) != 0;
}

bool sdm_fault(const char *point, GError **error)
{
    enum action action;

    read_environment();
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

bool sdm_sabotage_arm(const char *list, GError **error)
{
    return list[0] == '\0' || sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                                         "sabotage is not compiled in, cannot arm '%s'", list);
}

bool sdm_fault_arm_from_environment(GError **error)
{
    const char *points = g_getenv("SDM_FAULT");
    const char *mistakes = g_getenv("SDM_SABOTAGE");

    return (points == NULL || points[0] == '\0' || sdm_fault_arm(points, error)) &&
           (mistakes == NULL || sdm_sabotage_arm(mistakes, error));
}

#endif
