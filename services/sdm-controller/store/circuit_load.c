#include "sdm-controller/store/circuit_load.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/copy.h"
#include "sdm-controller/store/statements.h"

/* Three streams put together here: to join and aggregate them took the server longer than all the
 * rest. */
static const struct sdm_pg_statement each_statement = {
    .name = "circuit_each",
    .sql = "SELECT c.circuit::uuid, c.compute_no::integer, c.compute_port::integer,"
           " c.brick_no::integer, c.brick_port::integer, c.bandwidth_mbps::integer,"
           " c.narrowest_mbps::integer FROM sdm.circuit c",
};

static const struct sdm_pg_statement hops_statement = {
    .name = "circuit_each_hop",
    .sql = "SELECT h.circuit::uuid, h.hop::integer, h.switch_no::integer, h.port::integer,"
           " h.peer_port::integer, h.towards::boolean, h.exclusive::boolean FROM sdm.circuit_hop h",
};

/* Segments; of an accelerator its one reservation. */
static const struct sdm_pg_statement users_statement = {
    .name = "circuit_each_users",
    .sql = "SELECT sc.circuit::uuid, count(*)::integer FROM sdm.segment_circuit sc"
           " GROUP BY sc.circuit"
           " UNION ALL SELECT c.circuit::uuid, count(*)::integer FROM sdm.reservation r"
           " JOIN sdm.circuit c ON c.brick_no = r.accelerator_no AND c.compute_no = r.compute_no"
           " WHERE r.accelerator_no IS NOT NULL"
           " AND r.state NOT IN ('releasing', 'released', 'failed') GROUP BY c.circuit",
};

static const struct sdm_pg_statement up_statement = {
    .name = "circuit_up",
    .sql = "SELECT c.circuit::uuid, c.compute_no::integer, c.brick_no::integer"
           " FROM sdm.circuit c JOIN sdm.device p ON p.device_no = c.compute_no"
           " WHERE c.have_up AND NOT " SDM_SQL_CUT_OFF,
};

struct loaded {
    uint8_t uuid[16];
    struct sdm_path path;
};

struct load {
    /* Of struct loaded. */
    GArray *circuits;
    /* Uuid to struct loaded, once there are all of them. */
    GHashTable *by_uuid;
};

static guint hash_uuid(gconstpointer key)
{
    guint words[4];

    memcpy(words, key, sizeof words);
    return words[0] ^ words[1] * 31 ^ words[2] * 961 ^ words[3] * 29791;
}

static gboolean equal_uuids(gconstpointer a, gconstpointer b)
{
    return memcmp(a, b, 16) == 0;
}

static bool read_circuit(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    struct load *load = data;
    struct loaded loaded = {0};

    (void)error;
    sdm_pg_copy_uuid(row, loaded.uuid);
    loaded.path.compute_no = sdm_pg_copy_int32(row);
    loaded.path.compute_port = sdm_pg_copy_int32(row);
    loaded.path.brick_no = sdm_pg_copy_int32(row);
    loaded.path.brick_port = sdm_pg_copy_int32(row);
    loaded.path.bandwidth_mbps = sdm_pg_copy_int32(row);
    loaded.path.narrowest_mbps = sdm_pg_copy_int32(row);
    g_array_append_val(load->circuits, loaded);
    return sdm_pg_copy_ok(row);
}

static void index_circuits(struct load *load)
{
    for (guint i = 0; i < load->circuits->len; i++) {
        struct loaded *loaded = &g_array_index(load->circuits, struct loaded, i);

        g_hash_table_insert(load->by_uuid, loaded->uuid, loaded);
    }
}

/* Both directions of a hop come as rows, in any order: towards the other brick, and back. */
static bool read_hop(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    const struct load *load = data;
    uint8_t uuid[16] = {0};
    struct loaded *loaded;
    struct sdm_hop hop;
    struct sdm_hop *to;
    int32_t number;
    bool towards;
    bool exclusive;

    sdm_pg_copy_uuid(row, uuid);
    number = sdm_pg_copy_int32(row);
    hop.switch_no = sdm_pg_copy_int32(row);
    hop.in_port = sdm_pg_copy_int32(row);
    hop.out_port = sdm_pg_copy_int32(row);
    towards = sdm_pg_copy_bool(row);
    exclusive = sdm_pg_copy_bool(row);
    loaded = g_hash_table_lookup(load->by_uuid, uuid);
    if (!sdm_pg_copy_ok(row) || loaded == NULL) {
        /* Made since the circuits were read, by nobody who leads: it has not been promised to
         * anyone. */
        return sdm_pg_copy_ok(row);
    }
    if (number < 0 || number >= SDM_MAX_HOPS) {
        return sdm_fail(error, "the circuit of devices %d and %d has a hop %d, want 0 to %d",
                        loaded->path.compute_no, loaded->path.brick_no, number, SDM_MAX_HOPS - 1);
    }
    to = &loaded->path.hops[number];
    loaded->path.n_hops = MAX(loaded->path.n_hops, number + 1);
    if (towards) {
        to->switch_no = hop.switch_no;
        to->in_port = hop.in_port;
        to->out_port = hop.out_port;
        to->in_exclusive = exclusive;
    } else {
        to->out_exclusive = exclusive;
    }
    return true;
}

static bool read_users(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    const struct load *load = data;
    uint8_t uuid[16] = {0};
    struct loaded *loaded;
    int32_t n_users;

    (void)error;
    sdm_pg_copy_uuid(row, uuid);
    n_users = sdm_pg_copy_int32(row);
    loaded = g_hash_table_lookup(load->by_uuid, uuid);
    if (loaded != NULL) {
        loaded->path.n_users += n_users;
    }
    return sdm_pg_copy_ok(row);
}

static bool visit_all(const struct load *load, sdm_store_path_fn *visit, void *data, GError **error)
{
    for (guint i = 0; i < load->circuits->len; i++) {
        if (!visit(&g_array_index(load->circuits, struct loaded, i).path, data, error)) {
            return false;
        }
    }
    return true;
}

bool sdm_store_circuits_each(struct sdm_pg *pg, sdm_store_path_fn *visit, void *data,
                             GError **error)
{
    g_autoptr(GArray) circuits = g_array_new(FALSE, FALSE, sizeof(struct loaded));
    g_autoptr(GHashTable) by_uuid = g_hash_table_new(hash_uuid, equal_uuids);
    struct load load = {circuits, by_uuid};

    if (!sdm_pg_copy(pg, &each_statement, read_circuit, &load, error)) {
        return false;
    }
    index_circuits(&load);
    return sdm_pg_copy(pg, &hops_statement, read_hop, &load, error) &&
           sdm_pg_copy(pg, &users_statement, read_users, &load, error) &&
           visit_all(&load, visit, data, error);
}

struct up {
    sdm_store_up_fn *visit;
    void *data;
};

static void write_uuid(const uint8_t uuid[16], char text[SDM_UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char *at = text;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = digits[uuid[i] >> 4];
        *at++ = digits[uuid[i] & 15];
    }
    *at = '\0';
}

static bool read_up(struct sdm_pg_copy_row *row, void *data, GError **error)
{
    const struct up *up = data;
    char circuit[SDM_UUID_SIZE];
    uint8_t uuid[16] = {0};
    int32_t compute_no;
    int32_t brick_no;

    sdm_pg_copy_uuid(row, uuid);
    compute_no = sdm_pg_copy_int32(row);
    brick_no = sdm_pg_copy_int32(row);
    write_uuid(uuid, circuit);
    return sdm_pg_copy_ok(row) && up->visit(circuit, compute_no, brick_no, up->data, error);
}

bool sdm_store_circuits_up(struct sdm_pg *pg, sdm_store_up_fn *visit, void *data, GError **error)
{
    struct up up = {visit, data};

    return sdm_pg_copy(pg, &up_statement, read_up, &up, error);
}

SDM_STORE_STATEMENTS(circuit_load, &each_statement, &hops_statement, &users_statement,
                     &up_statement)
