#include "lib/base/error.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/event.h"
#include "sdm-controller/store/todo.h"
#include "sdm-controller/synthesizer/job.h"

/* What a switch has against what circuits want of it: each difference is repaired and told. */
struct comparison {
    struct sdm_job *job;
    struct sdm_fabric_device device;
    int32_t switch_no;
    /* Nothing is repaired while bytes are mapped that nobody has. */
    bool leaves;
    GPtrArray *texts;
    /* enum sdm_drift_kind of each text. */
    GArray *kinds;
};

static void note(struct comparison *comparison, enum sdm_drift_kind kind, char *text_take)
{
    g_ptr_array_add(comparison->texts, text_take);
    g_array_append_val(comparison->kinds, kind);
}

static bool is_in(const GArray *pairs, struct sdm_crossing crossing)
{
    for (guint i = 0; i < pairs->len; i++) {
        const struct sdm_port_pair *pair = &g_array_index(pairs, struct sdm_port_pair, i);

        if ((pair->a == crossing.port_a && pair->b == crossing.port_b) ||
            (pair->a == crossing.port_b && pair->b == crossing.port_a)) {
            return true;
        }
    }
    return false;
}

/* One of its ports shall lead elsewhere, or none shall lead anywhere. */
static enum sdm_drift_kind kind_of(const struct sdm_crossings *crossings, struct sdm_port_pair pair)
{
    g_autoptr(GArray) wanted = sdm_crossings_list(crossings);

    for (guint i = 0; i < wanted->len; i++) {
        struct sdm_crossing crossing = g_array_index(wanted, struct sdm_crossing, i);

        if (crossing.port_a == pair.a || crossing.port_a == pair.b || crossing.port_b == pair.a ||
            crossing.port_b == pair.b) {
            return SDM_DRIFT_KIND_CROSSING_WRONG;
        }
    }
    return SDM_DRIFT_KIND_CROSSING_UNKNOWN;
}

/* While somebody maps what nobody is known to have, nobody knows either which cross-connections
 * that takes. */
static bool may_cut(struct comparison *comparison, bool *may, GError **error)
{
    struct sdm_looks *looks = comparison->job->looks;
    bool any = false;

    if (!sdm_store_found_any(comparison->job->pg, &any, error)) {
        return false;
    }
    *may = !any && !sdm_looks_any_unresolved(looks);
    return true;
}

/* True when none is left as it is. */
static bool leave_strangers(struct comparison *comparison, struct sdm_crossings *crossings,
                            const GArray *found, GError **error)
{
    unsigned n = 0;

    for (guint i = 0; i < found->len; i++) {
        struct sdm_port_pair pair = g_array_index(found, struct sdm_port_pair, i);

        if (sdm_crossings_used(crossings,
                               (struct sdm_crossing){comparison->switch_no, pair.a, pair.b})) {
            continue;
        }
        n++;
        if (sdm_looks_tell_crossing(comparison->job->looks, comparison->switch_no, pair.a,
                                    pair.b)) {
            note(comparison, kind_of(crossings, pair),
                 g_strdup_printf("left %d-%d, which no circuit crosses: bytes are mapped that "
                                 "nobody is known to have",
                                 pair.a, pair.b));
        }
    }
    return n == 0 || sdm_unavailable(error, "%u cross-connections of '%s' are left as they are", n,
                                     comparison->device.id);
}

static bool cut_strangers(struct comparison *comparison, struct sdm_crossings *crossings,
                          const GArray *found, GError **error)
{
    for (guint i = 0; i < found->len; i++) {
        struct sdm_port_pair pair = g_array_index(found, struct sdm_port_pair, i);

        if (sdm_crossings_used(crossings,
                               (struct sdm_crossing){comparison->switch_no, pair.a, pair.b})) {
            continue;
        }
        if (!sdm_fabric_disconnect(comparison->job->config->fabric, &comparison->device, pair,
                                   error)) {
            return false;
        }
        note(comparison, kind_of(crossings, pair),
             g_strdup_printf("cut %d-%d, which no circuit crosses", pair.a, pair.b));
    }
    return true;
}

static bool make_missing(struct comparison *comparison, struct sdm_crossings *crossings,
                         const GArray *found, GError **error)
{
    g_autoptr(GArray) wanted = sdm_crossings_list(crossings);

    for (guint i = 0; i < wanted->len; i++) {
        struct sdm_crossing crossing = g_array_index(wanted, struct sdm_crossing, i);

        if (is_in(found, crossing)) {
            continue;
        }
        if (!sdm_fabric_connect(comparison->job->config->fabric, &comparison->device,
                                (struct sdm_port_pair){crossing.port_a, crossing.port_b}, error)) {
            return false;
        }
        note(comparison, SDM_DRIFT_KIND_CROSSING_MISSING,
             g_strdup_printf("made %d-%d, which a circuit crosses", crossing.port_a,
                             crossing.port_b));
    }
    return true;
}

static bool tell(struct comparison *comparison, GError **error)
{
    struct sdm_job *job = comparison->job;
    struct sdm_tx tx = {0};

    if (comparison->texts->len == 0) {
        return true;
    }
    if (!sdm_tx_begin(&tx, job->pg, job->config->epoch, error)) {
        return false;
    }
    for (guint i = 0; i < comparison->texts->len; i++) {
        sdm_event_drift(&tx, job->config->sink, comparison->device.id,
                        g_array_index(comparison->kinds, enum sdm_drift_kind, i),
                        g_ptr_array_index(comparison->texts, i),
                        comparison->leaves ? SDM_EVENT_DRIFT_ACTION_REPORTED
                                           : SDM_EVENT_DRIFT_ACTION_REPAIRED);
    }
    return sdm_job_end(&tx, sdm_tx_commit(&tx, error));
}

static bool compare(struct comparison *comparison, GError **error)
{
    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(struct sdm_port_pair));
    struct sdm_crossings *crossings = sdm_gates_open(comparison->job->gates, comparison->switch_no);
    bool done =
        sdm_fabric_list(comparison->job->config->fabric, &comparison->device, found, error) &&
        (comparison->leaves || cut_strangers(comparison, crossings, found, error)) &&
        make_missing(comparison, crossings, found, error) &&
        (!comparison->leaves || leave_strangers(comparison, crossings, found, error));

    sdm_gates_close(comparison->job->gates, comparison->switch_no);
    return done;
}

bool sdm_job_audit(struct sdm_job *job, int32_t switch_no, GError **error)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    struct sdm_driven_device driven;
    g_autoptr(GArray) kinds = g_array_new(FALSE, FALSE, sizeof(enum sdm_drift_kind));
    struct comparison comparison = {
        .job = job, .switch_no = switch_no, .texts = texts, .kinds = kinds};
    bool may = false;
    bool done;

    if (!sdm_store_driven_device(job->pg, switch_no, &driven, error) ||
        !may_cut(&comparison, &may, error)) {
        return false;
    }
    comparison.leaves = !may;
    comparison.device = (struct sdm_fabric_device){driven.id, driven.endpoint, driven.optical};
    done = compare(&comparison, error);
    /* What was left is told, and the comparison comes again. */
    return tell(&comparison, done ? error : NULL) && done;
}
