#include "sdm-controller/store/lock.h"

#include "sdm-controller/store/statements.h"

#define NAMED_GROUPS                                                                               \
    "SELECT g.reservation FROM unnest($2::text[], $3::text[]) AS q (project, group_id)"            \
    " JOIN sdm.reservation g ON g.project = q.project AND g.group_id = q.group_id"                 \
    " AND g.state NOT IN ('releasing', 'released', 'failed')"

/* Statements see what was committed when they begin, so each comes after the lock before it.  An
 * array from a subquery is looked up in the index, whatever the planner thinks of the table. */
static const struct sdm_pg_statement groups_statement = {
    .name = "lock_groups",
    .sql =
        "SELECT pg_advisory_xact_lock(7170002, q.number) FROM (SELECT DISTINCT"
        " hashtext(g.project || '/' || g.group_id) AS number"
        " FROM unnest($1::text[], $2::text[]) AS g (project, group_id) ORDER BY 1 OFFSET 0) AS q",
    .n_params = 2,
};

static const struct sdm_pg_statement reservations_statement = {
    .name = "lock_reservations",
    .sql = "SELECT FROM sdm.reservation r WHERE r.reservation = ANY (ARRAY("
           "SELECT unnest($1::uuid[]) UNION " NAMED_GROUPS "))"
           " ORDER BY r.reservation FOR NO KEY UPDATE",
    .n_params = 3,
};

static const struct sdm_pg_statement compute_bricks_statement = {
    .name = "lock_compute_bricks",
    .sql = "WITH n AS (SELECT unnest($1::uuid[]) AS reservation UNION " NAMED_GROUPS ")"
           " SELECT FROM sdm.device d WHERE d.device_no = ANY (ARRAY("
           "SELECT r.compute_no FROM sdm.reservation r"
           " WHERE r.reservation = ANY (ARRAY(SELECT n.reservation FROM n))"
           " UNION SELECT a.compute_no FROM sdm.attachment a"
           " WHERE a.reservation = ANY (ARRAY(SELECT n.reservation FROM n))"
           " UNION SELECT c.device_no FROM sdm.device c"
           " WHERE c.id = ANY ($4::text[]) AND c.kind = 'compute'))"
           " ORDER BY d.device_no FOR NO KEY UPDATE",
    .n_params = 4,
};

struct sdm_lock_set *sdm_lock_set_new(void)
{
    struct sdm_lock_set *set = g_new0(struct sdm_lock_set, 1);

    set->reservations = g_ptr_array_new();
    set->groups = g_ptr_array_new();
    set->projects = g_ptr_array_new();
    set->compute_bricks = g_ptr_array_new();
    return set;
}

void sdm_lock_set_free(struct sdm_lock_set *set)
{
    if (set != NULL) {
        g_ptr_array_free(set->reservations, TRUE);
        g_ptr_array_free(set->groups, TRUE);
        g_ptr_array_free(set->projects, TRUE);
        g_ptr_array_free(set->compute_bricks, TRUE);
        g_free(set);
    }
}

static void add_names(struct sdm_pg_args *args, const GPtrArray *names)
{
    sdm_pg_arg_text_array(args, (const char *const *)names->pdata, names->len);
}

void sdm_lock(struct sdm_tx *tx, const struct sdm_lock_set *set)
{
    g_auto(sdm_pg_args) groups = {0};
    g_auto(sdm_pg_args) args = {0};

    g_assert(set->groups->len == set->projects->len);
    if (set->groups->len > 0) {
        add_names(&groups, set->projects);
        add_names(&groups, set->groups);
        sdm_pg_queue(tx->pg, &groups_statement, &groups);
    }
    add_names(&args, set->reservations);
    add_names(&args, set->projects);
    add_names(&args, set->groups);
    if (set->reservations->len + set->groups->len > 0) {
        sdm_pg_queue(tx->pg, &reservations_statement, &args);
    }
    if (set->reservations->len + set->groups->len + set->compute_bricks->len > 0) {
        add_names(&args, set->compute_bricks);
        sdm_pg_queue(tx->pg, &compute_bricks_statement, &args);
    }
}

void sdm_lock_reservations(struct sdm_tx *tx, char (*reservations)[SDM_UUID_SIZE], size_t n)
{
    g_autoptr(sdm_lock_set) set = sdm_lock_set_new();

    for (size_t i = 0; i < n; i++) {
        g_ptr_array_add(set->reservations, reservations[i]);
    }
    sdm_lock(tx, set);
}

SDM_STORE_STATEMENTS(lock, &groups_statement, &reservations_statement, &compute_bricks_statement)
