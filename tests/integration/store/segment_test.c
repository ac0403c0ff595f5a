#include <criterion/criterion.h>

#include <stdlib.h>

#include "lib/base/error.h"
#include "sdm-controller/store/device.h"
#include "sdm-controller/store/refusal.h"
#include "sdm-controller/store/segment.h"

/* What the schema refuses about a brick's segments comes out as the refusal that it means. */

#define GIB (UINT64_C(1) << 30)
#define MIB (UINT64_C(1) << 20)

#define RESERVATION "00000000-0000-4000-8000-000000000001"

/* Device 1 is a compute brick, 2 a memory brick of 4 GiB. */
static const struct sdm_pg_statement rows[] = {
    {"clear", "TRUNCATE sdm.rack, sdm.project RESTART IDENTITY CASCADE", 0},
    {"rack", "INSERT INTO sdm.rack (id) VALUES ('r')", 0},
    {"tray", "INSERT INTO sdm.tray (id, rack_no) VALUES ('t', 1)", 0},
    {"compute", "INSERT INTO sdm.device (id, kind, tray_no, n_ports) VALUES ('c', 'compute', 1, 1)",
     0},
    {"memory",
     "INSERT INTO sdm.device (id, kind, tray_no, n_ports, capacity_bytes, module)"
     " VALUES ('m', 'memory', 1, 1, 4294967296, 1)",
     0},
    {"project", "INSERT INTO sdm.project (project) VALUES ('p')", 0},
    {"reservation",
     "INSERT INTO sdm.reservation (reservation, project, mode, compute_no, latency_class, policy,"
     " size_bytes, requested_bytes, lease_end)"
     " VALUES ('" RESERVATION "', 'p', 'vm', 1, 'tray', 'near', 0, 0, now())",
     0},
};

static struct sdm_pg *open_pod(void)
{
    g_autoptr(GError) error = NULL;
    struct sdm_pg *pg = sdm_pg_open(getenv("SDM_DATABASE"), "segment_test", &error);

    cr_assert_not_null(pg, "%s", error == NULL ? "" : error->message);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cr_assert(sdm_pg_run(pg, &rows[i], NULL, &error), "%s", error->message);
    }
    return pg;
}

static bool insert(struct sdm_tx *tx, uint64_t offset_bytes, GError **error)
{
    const struct sdm_plan_segment segment = {
        .extent = {.brick_no = 2, .offset_bytes = offset_bytes, .size_bytes = 128 * MIB},
    };
    char uuids[1][SDM_UUID_SIZE];

    GError *violation = NULL;

    sdm_uuid_new(uuids[0]);
    sdm_store_segments_insert(tx, RESERVATION, &segment, uuids, 1);
    if (!sdm_pg_flush(sdm_tx_read(tx), NULL, &violation)) {
        g_propagate_error(error, sdm_refusal_of(violation));
        return false;
    }
    return true;
}

static bool take(struct sdm_tx *tx, GError **error)
{
    return insert(tx, GIB, error);
}

static bool take_overlap(struct sdm_tx *tx, GError **error)
{
    return insert(tx, GIB - 64 * MIB, error);
}

static bool take_beyond(struct sdm_tx *tx, GError **error)
{
    return insert(tx, 4 * GIB, error);
}

static bool switch_off(struct sdm_tx *tx, GError **error)
{
    return sdm_device_set_want_power(tx, 2, SDM_POWER_STATE_OFF, error);
}

static bool switch_on(struct sdm_tx *tx, GError **error)
{
    return sdm_device_set_want_power(tx, 2, SDM_POWER_STATE_ON, error);
}

static bool retire(struct sdm_tx *tx, GError **error)
{
    return sdm_device_set_state(tx, 2, SDM_BRICK_STATE_RETIRED, error);
}

static bool lose(struct sdm_tx *tx, GError **error)
{
    return sdm_device_set_state(tx, 2, SDM_BRICK_STATE_LOST, error);
}

static bool shrink(struct sdm_tx *tx, GError **error)
{
    const struct sdm_device device = {
        .device_no = 2,
        .kind = SDM_DEVICE_KIND_MEMORY,
        .capacity_bytes = GIB,
    };

    return sdm_device_update(tx, &device, error);
}

typedef bool step_fn(struct sdm_tx *tx, GError **error);

#define DONE SDM_N_ERROR_CODES

Test(segment, what_the_schema_refuses_is_a_refusal)
{
    static const struct {
        const char *label;
        step_fn *first;
        step_fn *second;
        enum sdm_error_code code;
    } cases[] = {
        {"beyond the brick", NULL, take_beyond, SDM_ERROR_PLAN_STALE},
        {"twice", take, take, SDM_ERROR_PLAN_STALE},
        {"overlap", take, take_overlap, SDM_ERROR_PLAN_STALE},
        {"on a brick that is off", switch_off, take, SDM_ERROR_PLAN_STALE},
        {"on a retired brick", retire, take, SDM_ERROR_PLAN_STALE},
        {"off under a segment", take, switch_off, SDM_ERROR_IN_USE},
        {"retired under a segment", take, retire, SDM_ERROR_IN_USE},
        {"shrunk under a segment", take, shrink, SDM_ERROR_IN_USE},
        {"lost under a segment", take, lose, DONE},
        {"woken, then taken", switch_on, take, DONE},
        {"off when nothing is held", NULL, switch_off, DONE},
    };
    g_autoptr(sdm_pg) pg = open_pod();

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        struct sdm_tx tx = {0};

        cr_assert(sdm_tx_begin(&tx, pg, 0, NULL), "%s", cases[i].label);
        cr_assert(cases[i].first == NULL || cases[i].first(&tx, NULL), "%s", cases[i].label);
        if (cases[i].code == DONE) {
            cr_assert(cases[i].second(&tx, &error), "%s: %s", cases[i].label, error->message);
        } else {
            cr_assert_not(cases[i].second(&tx, &error), "%s", cases[i].label);
            cr_assert(g_error_matches(error, SDM_ERROR, cases[i].code), "%s: %s", cases[i].label,
                      error->message);
            cr_assert_gt(tx.n_writes, 0, "%s: the transaction has to end", cases[i].label);
        }
        sdm_tx_rollback(&tx);
        sdm_tx_done(&tx);
    }
}
