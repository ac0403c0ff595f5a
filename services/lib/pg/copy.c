#include "lib/pg/copy.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/error_private.h"
#include "lib/pg/pg_private.h"

/* The format as the manual has it, "COPY", "Binary Format": a header, then a row each: 16 bits for
 * the number of its columns, -1 at the end; of each column 32 bits for its size, -1 for NULL, then
 * the value in network order. */
static const char signature[11] = "PGCOPY\n\377\r\n";
enum { FIXED_HEADER_BYTES = 19 };

struct sdm_pg_copy_row {
    const uint8_t *at;
    const uint8_t *end;
    int n_left;
    bool ok;
};

struct copy {
    struct sdm_pg *pg;
    const struct sdm_pg_statement *statement;
    sdm_pg_copy_fn *row_fn;
    void *data;
    bool has_header;
    GError *error;
};

/* --- One row. */

static uint64_t read_number(const uint8_t *at, size_t size)
{
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number = number << 8 | at[i];
    }
    return number;
}

/* The value of the next column, which has to have this size; NULL when it is not so. */
static const uint8_t *take(struct sdm_pg_copy_row *row, size_t size)
{
    const uint8_t *value = row->at + sizeof(uint32_t);

    row->ok = row->ok && row->n_left > 0 &&
              (size_t)(row->end - row->at) >= sizeof(uint32_t) + size &&
              read_number(row->at, sizeof(uint32_t)) == size;
    if (!row->ok) {
        return NULL;
    }
    row->n_left--;
    row->at = value + size;
    return value;
}

int32_t sdm_pg_copy_int32(struct sdm_pg_copy_row *row)
{
    const uint8_t *value = take(row, sizeof(int32_t));

    return value != NULL ? (int32_t)read_number(value, sizeof(int32_t)) : 0;
}

int64_t sdm_pg_copy_int64(struct sdm_pg_copy_row *row)
{
    const uint8_t *value = take(row, sizeof(int64_t));

    return value != NULL ? (int64_t)read_number(value, sizeof(int64_t)) : 0;
}

bool sdm_pg_copy_bool(struct sdm_pg_copy_row *row)
{
    const uint8_t *value = take(row, 1);

    return value != NULL && *value != 0;
}

void sdm_pg_copy_uuid(struct sdm_pg_copy_row *row, uint8_t uuid[16])
{
    const uint8_t *value = take(row, 16);

    if (value != NULL) {
        memcpy(uuid, value, 16);
    }
}

bool sdm_pg_copy_ok(const struct sdm_pg_copy_row *row)
{
    return row->ok;
}

/* --- All of them. */

static bool skip_header(struct sdm_pg_copy_row *row)
{
    uint64_t extension;

    if (row->end - row->at < FIXED_HEADER_BYTES ||
        memcmp(row->at, signature, sizeof signature) != 0) {
        return false;
    }
    extension = read_number(row->at + FIXED_HEADER_BYTES - sizeof(uint32_t), sizeof(uint32_t));
    if (extension > (uint64_t)(row->end - row->at - FIXED_HEADER_BYTES)) {
        return false;
    }
    row->at += FIXED_HEADER_BYTES + extension;
    return true;
}

/* The server puts one row, or header and row, or the end, into a piece. */
static void take_piece(struct copy *copy, const char *bytes, int size)
{
    struct sdm_pg_copy_row row = {(const uint8_t *)bytes, (const uint8_t *)bytes + size, 0, true};
    bool good = copy->has_header || skip_header(&row);

    copy->has_header = true;
    if (good && row.at == row.end) {
        return;
    }
    good = good && row.end - row.at >= (ptrdiff_t)sizeof(int16_t);
    if (good) {
        row.n_left = (int16_t)read_number(row.at, sizeof(int16_t));
        row.at += sizeof(int16_t);
        good = row.n_left < 0 || (copy->row_fn(&row, copy->data, &copy->error) && row.ok);
    }
    if (!good && copy->error == NULL) {
        sdm_pg_fail(&copy->error, SDM_PG_BAD_VALUE,
                    "%s: a column is NULL, of another type, or missing", copy->statement->name);
    }
}

/* Until the server has no more; what follows an error is dropped.  False when the connection is
 * lost. */
static bool take_all(struct copy *copy, GError **error)
{
    for (;;) {
        char *bytes = NULL;
        int size = PQgetCopyData(copy->pg->conn, &bytes, 1);

        if (size > 0) {
            if (copy->error == NULL) {
                take_piece(copy, bytes, size);
            }
            PQfreemem(bytes);
        } else if (size < 0) {
            return true;
        } else if (!sdm_pg_await_input(copy->pg, error)) {
            return false;
        }
    }
}

static bool start(struct copy *copy, PGresult **first, GError **error)
{
    g_autofree char *sql =
        g_strdup_printf("COPY (%s) TO STDOUT (FORMAT binary)", copy->statement->sql);

    if (copy->pg->lost || PQexitPipelineMode(copy->pg->conn) != 1 ||
        PQsendQuery(copy->pg->conn, sql) != 1) {
        copy->pg->lost = true;
        return sdm_unavailable(error, "database: connection lost");
    }
    copy->pg->n_round_trips++;
    return sdm_pg_await(copy->pg, first, error);
}

/* Reads the results up to the last one. */
static bool finish(struct copy *copy, PGresult *result, GError **error)
{
    bool alive = true;

    while (alive && result != NULL) {
        ExecStatusType status = PQresultStatus(result);

        if (status == PGRES_COPY_OUT) {
            alive = take_all(copy, error);
        } else if (status != PGRES_COMMAND_OK) {
            g_clear_error(&copy->error);
            copy->pg->lost = sdm_pg_set_result_error(&copy->error, result, copy->statement->name) ||
                             copy->pg->lost;
        }
        PQclear(result);
        alive = alive && !copy->pg->lost && sdm_pg_await(copy->pg, &result, error);
    }
    return alive;
}

bool sdm_pg_copy(struct sdm_pg *pg, const struct sdm_pg_statement *statement,
                 sdm_pg_copy_fn *row_fn, void *data, GError **error)
{
    struct copy copy = {.pg = pg, .statement = statement, .row_fn = row_fn, .data = data};
    PGresult *result = NULL;
    bool alive;

    g_assert(!pg->in_transaction && statement->n_params == 0);
    if (pg->sent->len > 0 && !sdm_pg_flush(pg, NULL, error)) {
        return false;
    }
    alive = start(&copy, &result, error) && finish(&copy, result, error);
    if (alive) {
        g_assert(PQenterPipelineMode(pg->conn) == 1);
    }
    if (copy.error != NULL) {
        g_clear_error(error);
        g_propagate_error(error, copy.error);
        return false;
    }
    return alive;
}
