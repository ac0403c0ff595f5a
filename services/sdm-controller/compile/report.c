#include "sdm-controller/compile/report.h"

#include <glib.h>

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

    finding.gone = !wanted && recent && finding.have == SDM_WINDOW_LEVEL_ABSENT;
    if (!wanted && !recent && finding.have == SDM_WINDOW_LEVEL_ABSENT) {
        finding.have = known->have;
    }
    finding.changed = finding.have != known->have || (finding.gone && known->offered);
    return finding;
}

void sdm_compile_report(const struct sdm_s7_report *report, const struct sdm_known_window *known,
                        size_t n_known, struct sdm_arena *arena,
                        struct sdm_report_findings *findings)
{
    g_autoptr(GHashTable) by_id = g_hash_table_new(g_str_hash, g_str_equal);

    findings->findings = SDM_ARENA_NEW(arena, struct sdm_report_finding, n_known);
    findings->strangers =
        SDM_ARENA_NEW(arena, const struct sdm_wire_found_window *, report->n_windows);
    findings->n_strangers = 0;
    for (size_t i = 0; i < report->n_windows; i++) {
        g_hash_table_insert(by_id, report->windows[i].window, &report->windows[i]);
    }
    for (size_t i = 0; i < n_known; i++) {
        findings->findings[i] =
            judge(report, &known[i], g_hash_table_lookup(by_id, known[i].window));
        findings->findings[i].known = i;
        g_hash_table_remove(by_id, known[i].window);
    }
    for (size_t i = 0; i < report->n_windows; i++) {
        if (g_hash_table_contains(by_id, report->windows[i].window)) {
            findings->strangers[findings->n_strangers++] = &report->windows[i];
        }
    }
}
