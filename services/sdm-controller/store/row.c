#include "sdm-controller/store/row.h"

const char *sdm_row_text(struct sdm_row_reader *in, int row, int column)
{
    const char *value = NULL;

    in->ok = in->ok && sdm_pg_get_text(in->result, row, column, &value, in->error);
    return in->ok ? sdm_arena_strdup(in->arena, value) : NULL;
}

const char *sdm_row_text_or_null(struct sdm_row_reader *in, int row, int column)
{
    return sdm_pg_get_is_null(in->result, row, column) ? NULL : sdm_row_text(in, row, column);
}

void sdm_row_uuid(struct sdm_row_reader *in, int row, int column, char target[SDM_UUID_SIZE])
{
    in->ok = in->ok && sdm_pg_copy_text(in->result, row, column, target, SDM_UUID_SIZE, in->error);
}

int64_t sdm_row_int64(struct sdm_row_reader *in, int row, int column)
{
    int64_t value = 0;

    in->ok = in->ok && sdm_pg_get_int64(in->result, row, column, &value, in->error);
    return value;
}

int32_t sdm_row_int32(struct sdm_row_reader *in, int row, int column)
{
    int32_t value = 0;

    in->ok = in->ok && sdm_pg_get_int32(in->result, row, column, &value, in->error);
    return value;
}

bool sdm_row_bool(struct sdm_row_reader *in, int row, int column)
{
    bool value = false;

    in->ok = in->ok && sdm_pg_get_bool(in->result, row, column, &value, in->error);
    return value;
}

int sdm_row_word(struct sdm_row_reader *in, int row, int column, const struct sdm_words *words)
{
    int index = 0;

    in->ok = in->ok && sdm_pg_get_word(in->result, row, column, words->words, words->n_words,
                                       &index, in->error);
    return index;
}

bool sdm_row_uuids(const struct sdm_pg_result *result, struct sdm_arena *arena,
                   char (**uuids)[SDM_UUID_SIZE], size_t *n, GError **error)
{
    struct sdm_row_reader in = sdm_row_reader(result, arena, error);
    size_t n_rows = (size_t)sdm_pg_result_n_rows(result);
    char(*read)[SDM_UUID_SIZE] = sdm_arena_alloc(arena, n_rows, SDM_UUID_SIZE);

    for (size_t i = 0; i < n_rows; i++) {
        sdm_row_uuid(&in, (int)i, 0, read[i]);
    }
    if (in.ok) {
        *uuids = read;
        *n = n_rows;
    }
    return in.ok;
}
