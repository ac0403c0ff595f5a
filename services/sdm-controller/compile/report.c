#include "sdm-controller/compile/report.h"

#include <string.h>

#include <glib.h>

bool sdm_report_is_late(const struct sdm_s7_report *report, const char *boot_id, int64_t made_us)
{
    return report->has_made_us && (int64_t)report->made_us < made_us &&
           strcmp(report->boot_id, boot_id) == 0;
}

static struct sdm_report_finding judge(const struct sdm_s7_report *report,
                                       const struct sdm_known_window *known,
                                       const struct sdm_wire_found_window *found)
{
    struct sdm_report_finding finding = {
        .found = found,
        .have = found != NULL ? found->have : SDM_WINDOW_LEVEL_ABSENT,
    };
    bool wanted = known->want != SDM_WINDOW_LEVEL_ABSENT;
    bool recent = report->generation >= (uint64_t)known->generation;

    /* One that is listed as absent is on its way: a step that has begun may still make it. */
    finding.gone = !wanted && recent && found == NULL;
    if (!wanted && !recent && finding.have == SDM_WINDOW_LEVEL_ABSENT) {
        finding.have = known->have;
    }
    finding.changed = finding.have != known->have || (finding.gone && known->offered);
    finding.failed = found != NULL && found->has_error_code && finding.have != known->want;
    return finding;
}

/* An agent that has lost its records knows a NetPort entry, but not whose window it is. */
static bool is_same(const struct sdm_known_window *known, const struct sdm_wire_found_window *found)
{
    return strcmp(found->window, known->window) == 0 ||
           (strcmp(found->window, SDM_UUID_NIL) == 0 && found->entry == (uint64_t)known->entry &&
            found->start_bytes == (uint64_t)known->start_bytes);
}

static const struct sdm_wire_found_window *find(const struct sdm_s7_report *report,
                                                const struct sdm_known_window *known)
{
    for (size_t i = 0; i < report->n_windows; i++) {
        if (is_same(known, &report->windows[i])) {
            return &report->windows[i];
        }
    }
    return NULL;
}

static bool is_known(const struct sdm_wire_found_window *found,
                     const struct sdm_known_window *known, size_t n_known)
{
    for (size_t i = 0; i < n_known; i++) {
        if (is_same(&known[i], found)) {
            return true;
        }
    }
    return false;
}

void sdm_compile_report(const struct sdm_s7_report *report, const struct sdm_known_window *known,
                        size_t n_known, struct sdm_arena *arena,
                        struct sdm_report_findings *findings)
{
    findings->findings = SDM_ARENA_NEW(arena, struct sdm_report_finding, n_known);
    findings->strangers =
        SDM_ARENA_NEW(arena, const struct sdm_wire_found_window *, report->n_windows);
    findings->n_strangers = 0;
    for (size_t i = 0; i < n_known; i++) {
        findings->findings[i] = judge(report, &known[i], find(report, &known[i]));
        findings->findings[i].known = i;
    }
    for (size_t i = 0; i < report->n_windows; i++) {
        if (report->windows[i].have != SDM_WINDOW_LEVEL_ABSENT &&
            !is_known(&report->windows[i], known, n_known)) {
            findings->strangers[findings->n_strangers++] = &report->windows[i];
        }
    }
}
