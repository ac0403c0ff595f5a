#include "sdm-controller/store/shared.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/id.h"
#include "sdm-controller/store/statements.h"

struct circuit_change {
    char circuit[SDM_UUID_SIZE];
    bool is_wanted;
    bool want_up;
    bool is_found;
    bool have_up;
};

struct circuit_claim {
    int32_t compute_no;
    int32_t brick_no;
    int64_t bandwidth_mbps;
};

struct sdm_shared {
    GHashTable *projects; /* name to struct sdm_shared_project */
    GHashTable *circuits; /* uuid to struct circuit_change, which holds it */
    GArray *claims;       /* struct circuit_claim, each pair once */
};

static const struct sdm_pg_statement read_projects_statement = {
    .name = "shared_read_projects",
    .sql = "SELECT p.project::text, p.used_bytes::bigint, coalesce(p.max_bytes, "
           "9223372036854775807)::bigint,"
           " p.n_reservations::bigint,"
           " coalesce(p.max_reservations::bigint, 9223372036854775807)::bigint"
           " FROM sdm.project p WHERE p.project = ANY ($1::text[])",
    .n_params = 1,
};

/* An array from a subquery is looked up in the index, whatever the planner thinks of the table. */
static const struct sdm_pg_statement lock_circuits_statement = {
    .name = "shared_lock_circuits",
    .sql = "SELECT FROM sdm.circuit c WHERE c.circuit = ANY (ARRAY("
           "SELECT unnest($1::uuid[]) UNION SELECT d.circuit"
           " FROM unnest($2::integer[], $3::integer[]) AS q (compute_no, brick_no)"
           " JOIN sdm.circuit d ON d.compute_no = q.compute_no AND d.brick_no = q.brick_no))"
           " ORDER BY c.circuit FOR NO KEY UPDATE",
    .n_params = 3,
};

static const struct sdm_pg_statement claim_statement = {
    .name = "shared_claim",
    .sql = "UPDATE sdm.circuit c SET bandwidth_mbps = c.bandwidth_mbps + q.mbps::integer"
           " FROM unnest($1::integer[], $2::integer[], $3::bigint[])"
           " AS q (compute_no, brick_no, mbps)"
           " WHERE c.compute_no = q.compute_no AND c.brick_no = q.brick_no",
    .n_params = 3,
};

static const struct sdm_pg_statement want_statement = {
    .name = "shared_want",
    .sql = "UPDATE sdm.circuit c SET want_up = q.up FROM unnest($1::uuid[], $2::boolean[])"
           " AS q (circuit, up) WHERE c.circuit = q.circuit",
    .n_params = 2,
};

static const struct sdm_pg_statement found_statement = {
    .name = "shared_found",
    .sql = "UPDATE sdm.circuit c SET have_up = q.up, cutting = false"
           " FROM unnest($1::uuid[], $2::boolean[]) AS q (circuit, up) WHERE c.circuit = q.circuit",
    .n_params = 2,
};

static const struct sdm_pg_statement lock_switches_statement = {
    .name = "shared_lock_switches",
    .sql = "SELECT FROM sdm.device d WHERE d.device_no = ANY (ARRAY("
           "SELECT h.switch_no FROM sdm.circuit_hop h WHERE h.circuit = ANY ($1::uuid[])))"
           " ORDER BY d.device_no FOR NO KEY UPDATE",
    .n_params = 1,
};

static const struct sdm_pg_statement count_switches_statement = {
    .name = "shared_count_switches",
    .sql = "UPDATE sdm.device SET want_generation = want_generation + 1"
           " WHERE device_no = ANY (ARRAY("
           "SELECT h.switch_no FROM sdm.circuit_hop h WHERE h.circuit = ANY ($1::uuid[])))",
    .n_params = 1,
};

/* A statement of its own: what it sees begins after the lock, so of two circuits that are found at
 * once the second sees the first, and the switch has all that it shall have. */
static const struct sdm_pg_statement converge_statement = {
    .name = "shared_converge",
    .sql = "UPDATE sdm.device d SET have_generation = d.want_generation"
           " WHERE d.device_no = ANY (ARRAY("
           "SELECT h.switch_no FROM sdm.circuit_hop h WHERE h.circuit = ANY ($1::uuid[])))"
           " AND NOT EXISTS (SELECT FROM sdm.circuit_hop o JOIN sdm.circuit c USING (circuit)"
           "                 WHERE o.switch_no = d.device_no AND c.want_up <> c.have_up)",
    .n_params = 1,
};

static const struct sdm_pg_statement lock_projects_statement = {
    .name = "shared_lock_projects",
    .sql = "SELECT FROM sdm.project p WHERE p.project = ANY ($1::text[])"
           " ORDER BY p.project FOR NO KEY UPDATE",
    .n_params = 1,
};

static const struct sdm_pg_statement add_statement = {
    .name = "shared_add",
    .sql = "UPDATE sdm.project p SET used_bytes = p.used_bytes + q.bytes,"
           " n_reservations = (p.n_reservations + q.n)::integer"
           " FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS q (project, bytes, n)"
           " WHERE p.project = q.project",
    .n_params = 3,
};

static struct sdm_shared *shared_of(struct sdm_tx *tx)
{
    if (tx->shared == NULL) {
        tx->shared = g_new0(struct sdm_shared, 1);
        tx->shared->projects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        tx->shared->circuits = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
        tx->shared->claims = g_array_new(FALSE, FALSE, sizeof(struct circuit_claim));
    }
    return tx->shared;
}

void sdm_shared_free(struct sdm_shared *shared)
{
    if (shared != NULL) {
        g_hash_table_destroy(shared->projects);
        g_hash_table_destroy(shared->circuits);
        g_array_free(shared->claims, TRUE);
        g_free(shared);
    }
}

void sdm_shared_projects_ask(struct sdm_pg *pg, const char *const *projects, size_t n)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, projects, n);
    sdm_pg_queue(pg, &read_projects_statement, &args);
}

static void remember(struct sdm_tx *tx, const char *name, const struct sdm_shared_project *project)
{
    GHashTable *projects = shared_of(tx)->projects;

    if (!g_hash_table_contains(projects, name)) {
        g_hash_table_insert(projects, g_strdup(name), g_memdup2(project, sizeof *project));
    }
}

bool sdm_shared_projects_take(struct sdm_tx *tx, const struct sdm_pg_result *result,
                              const char *const *projects, size_t n, GError **error)
{
    static const struct sdm_shared_project absent = {
        .max_bytes = INT64_MAX, .max_reservations = INT64_MAX, .is_new = true};

    for (int row = 0; row < sdm_pg_result_n_rows(result); row++) {
        struct sdm_shared_project read = {0};
        const char *name = NULL;

        if (!sdm_pg_get_text(result, row, 0, &name, error) ||
            !sdm_pg_get_int64(result, row, 1, &read.used_bytes, error) ||
            !sdm_pg_get_int64(result, row, 2, &read.max_bytes, error) ||
            !sdm_pg_get_int64(result, row, 3, &read.n_reservations, error) ||
            !sdm_pg_get_int64(result, row, 4, &read.max_reservations, error)) {
            return false;
        }
        remember(tx, name, &read);
    }
    for (size_t i = 0; i < n; i++) {
        remember(tx, projects[i], &absent);
    }
    return true;
}

struct sdm_shared_project *sdm_shared_project(struct sdm_tx *tx, const char *project,
                                              GError **error)
{
    struct sdm_shared_project *known = g_hash_table_lookup(shared_of(tx)->projects, project);
    g_autoptr(sdm_pg_result) result = NULL;
    g_auto(sdm_pg_args) args = {0};

    if (known != NULL) {
        return known;
    }
    sdm_pg_arg_text_array(&args, &project, 1);
    result = sdm_pg_exec(sdm_tx_read(tx), &read_projects_statement, &args, error);
    if (result == NULL || !sdm_shared_projects_take(tx, result, &project, 1, error)) {
        return NULL;
    }
    return g_hash_table_lookup(tx->shared->projects, project);
}

void sdm_shared_project_add(struct sdm_tx *tx, const char *project, int64_t bytes,
                            int64_t n_reservations)
{
    struct sdm_shared *shared = shared_of(tx);
    struct sdm_shared_project *known = g_hash_table_lookup(shared->projects, project);

    if (known == NULL) {
        known = g_new0(struct sdm_shared_project, 1);
        /* Never asked for: whatever its quota is, the schema keeps it. */
        known->max_bytes = INT64_MAX;
        known->max_reservations = INT64_MAX;
        g_hash_table_insert(shared->projects, g_strdup(project), known);
    }
    known->add_bytes += bytes;
    known->add_reservations += n_reservations;
    tx->n_writes++;
}

static struct circuit_change *change_of(struct sdm_tx *tx, const char *circuit)
{
    struct sdm_shared *shared = shared_of(tx);
    struct circuit_change *change = g_hash_table_lookup(shared->circuits, circuit);

    if (change == NULL) {
        change = g_new0(struct circuit_change, 1);
        g_strlcpy(change->circuit, circuit, sizeof change->circuit);
        g_hash_table_insert(shared->circuits, change->circuit, change);
    }
    tx->n_writes++;
    return change;
}

void sdm_shared_circuit_claim(struct sdm_tx *tx, int32_t compute_no, int32_t brick_no,
                              int32_t bandwidth_mbps)
{
    GArray *claims = shared_of(tx)->claims;
    struct circuit_claim added = {compute_no, brick_no, bandwidth_mbps};

    tx->n_writes++;
    for (guint i = 0; i < claims->len; i++) {
        struct circuit_claim *claim = &g_array_index(claims, struct circuit_claim, i);

        if (claim->compute_no == compute_no && claim->brick_no == brick_no) {
            claim->bandwidth_mbps += bandwidth_mbps;
            return;
        }
    }
    g_array_append_val(claims, added);
}

void sdm_shared_circuit_want(struct sdm_tx *tx, const char *circuit, bool want_up)
{
    struct circuit_change *change = change_of(tx, circuit);

    change->is_wanted = true;
    change->want_up = want_up;
}

void sdm_shared_circuit_found(struct sdm_tx *tx, const char *circuit, bool have_up)
{
    struct circuit_change *change = change_of(tx, circuit);

    change->is_found = true;
    change->have_up = have_up;
}

void sdm_shared_circuit_converge(struct sdm_tx *tx, const char *circuit)
{
    g_auto(sdm_pg_args) args = {0};

    sdm_pg_arg_text_array(&args, &circuit, 1);
    sdm_tx_queue(tx, &lock_switches_statement, &args);
    sdm_tx_queue(tx, &converge_statement, &args);
}

void sdm_shared_overlay(const struct sdm_tx *tx, struct sdm_snapshot *snapshot)
{
    for (size_t i = 0; tx->shared != NULL && i < snapshot->n_circuits; i++) {
        struct sdm_snapshot_circuit *circuit = &snapshot->circuits[i];
        const struct circuit_change *change =
            g_hash_table_lookup(tx->shared->circuits, circuit->circuit);

        if (change != NULL && change->is_wanted) {
            circuit->want_up = change->want_up;
        }
        if (change != NULL && change->is_found) {
            circuit->have_up = change->have_up;
        }
    }
}

static void queue_lock_circuits(struct sdm_tx *tx, const struct sdm_shared *shared)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *uuids = sdm_pg_arg_array(&args);
    struct sdm_pg_array *computes = sdm_pg_arg_array(&args);
    struct sdm_pg_array *bricks = sdm_pg_arg_array(&args);
    GHashTableIter each;
    gpointer uuid;

    g_hash_table_iter_init(&each, shared->circuits);
    while (g_hash_table_iter_next(&each, &uuid, NULL)) {
        sdm_pg_array_text(uuids, uuid);
    }
    for (guint i = 0; i < shared->claims->len; i++) {
        sdm_pg_array_int64(computes,
                           g_array_index(shared->claims, struct circuit_claim, i).compute_no);
        sdm_pg_array_int64(bricks, g_array_index(shared->claims, struct circuit_claim, i).brick_no);
    }
    sdm_tx_queue(tx, &lock_circuits_statement, &args);
}

static void queue_claims(struct sdm_tx *tx, const GArray *claims)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *computes = sdm_pg_arg_array(&args);
    struct sdm_pg_array *bricks = sdm_pg_arg_array(&args);
    struct sdm_pg_array *mbps = sdm_pg_arg_array(&args);

    for (guint i = 0; i < claims->len; i++) {
        const struct circuit_claim *claim = &g_array_index(claims, struct circuit_claim, i);

        sdm_pg_array_int64(computes, claim->compute_no);
        sdm_pg_array_int64(bricks, claim->brick_no);
        sdm_pg_array_int64(mbps, claim->bandwidth_mbps);
    }
    if (claims->len > 0) {
        sdm_tx_queue(tx, &claim_statement, &args);
    }
}

/* Circuits that are wanted, or those that were found; 'up' may be left out of the arguments. */
static size_t add_changes(const struct sdm_shared *shared, bool wanted, bool found,
                          struct sdm_pg_array *uuids, struct sdm_pg_array *up)
{
    GHashTableIter each;
    gpointer value;
    size_t n = 0;

    g_hash_table_iter_init(&each, shared->circuits);
    while (g_hash_table_iter_next(&each, NULL, &value)) {
        const struct circuit_change *change = value;

        if ((wanted && change->is_wanted) || (found && change->is_found)) {
            sdm_pg_array_text(uuids, change->circuit);
            if (up != NULL) {
                sdm_pg_array_bool(up, wanted ? change->want_up : change->have_up);
            }
            n++;
        }
    }
    return n;
}

static size_t queue_changes(struct sdm_tx *tx, const struct sdm_shared *shared, bool wanted,
                            const struct sdm_pg_statement *statement)
{
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *uuids = sdm_pg_arg_array(&args);
    struct sdm_pg_array *up = sdm_pg_arg_array(&args);
    size_t n = add_changes(shared, wanted, !wanted, uuids, up);

    if (n > 0) {
        sdm_tx_queue(tx, statement, &args);
    }
    return n;
}

static void queue_switches(struct sdm_tx *tx, const struct sdm_shared *shared, bool wanted,
                           bool found, const struct sdm_pg_statement *statement)
{
    g_auto(sdm_pg_args) args = {0};

    add_changes(shared, wanted, found, sdm_pg_arg_array(&args), NULL);
    sdm_tx_queue(tx, statement, &args);
}

static void flush_circuits(struct sdm_tx *tx, const struct sdm_shared *shared)
{
    size_t n_wanted;
    size_t n_found;

    if (g_hash_table_size(shared->circuits) == 0 && shared->claims->len == 0) {
        return;
    }
    queue_lock_circuits(tx, shared);
    queue_claims(tx, shared->claims);
    n_wanted = queue_changes(tx, shared, true, &want_statement);
    n_found = queue_changes(tx, shared, false, &found_statement);
    if (n_wanted + n_found > 0) {
        queue_switches(tx, shared, true, true, &lock_switches_statement);
    }
    if (n_wanted > 0) {
        queue_switches(tx, shared, true, false, &count_switches_statement);
    }
    if (n_found > 0) {
        queue_switches(tx, shared, false, true, &converge_statement);
    }
}

static void flush_projects(struct sdm_tx *tx, const struct sdm_shared *shared)
{
    g_auto(sdm_pg_args) names_only = {0};
    g_auto(sdm_pg_args) args = {0};
    struct sdm_pg_array *locked = sdm_pg_arg_array(&names_only);
    struct sdm_pg_array *names = sdm_pg_arg_array(&args);
    struct sdm_pg_array *bytes = sdm_pg_arg_array(&args);
    struct sdm_pg_array *reservations = sdm_pg_arg_array(&args);
    GHashTableIter each;
    gpointer name;
    gpointer value;
    size_t n = 0;

    g_hash_table_iter_init(&each, shared->projects);
    while (g_hash_table_iter_next(&each, &name, &value)) {
        const struct sdm_shared_project *project = value;

        if (project->add_bytes != 0 || project->add_reservations != 0) {
            sdm_pg_array_text(locked, name);
            sdm_pg_array_text(names, name);
            sdm_pg_array_int64(bytes, project->add_bytes);
            sdm_pg_array_int64(reservations, project->add_reservations);
            n++;
        }
    }
    if (n > 0) {
        sdm_tx_queue(tx, &lock_projects_statement, &names_only);
        sdm_tx_queue(tx, &add_statement, &args);
    }
}

void sdm_shared_flush(struct sdm_tx *tx)
{
    if (tx->shared != NULL) {
        flush_circuits(tx, tx->shared);
        flush_projects(tx, tx->shared);
    }
}

SDM_STORE_STATEMENTS(shared, &read_projects_statement, &lock_circuits_statement, &claim_statement,
                     &want_statement, &found_statement, &lock_switches_statement,
                     &count_switches_statement, &converge_statement, &lock_projects_statement,
                     &add_statement)
