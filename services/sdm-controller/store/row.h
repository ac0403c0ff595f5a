/* Reads columns of one result into an arena; after the first bad value the rest is skipped and that
 * value's error stands, so that a row is read as a list of assignments.
 *
 * Thread rule: as the result. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/arena.h"
#include "lib/base/id.h"
#include "lib/pg/result.h"
#include "lib/wire/words.h"

struct sdm_row_reader {
    const struct sdm_pg_result *result;
    struct sdm_arena *arena;
    GError **error;
    bool ok;
};

static inline struct sdm_row_reader sdm_row_reader(const struct sdm_pg_result *result,
                                                   struct sdm_arena *arena, GError **error)
{
    return (struct sdm_row_reader){result, arena, error, true};
}

/* Text in the arena. */
const char *sdm_row_text(struct sdm_row_reader *in, int row, int column);
const char *sdm_row_text_or_null(struct sdm_row_reader *in, int row, int column);
void sdm_row_uuid(struct sdm_row_reader *in, int row, int column, char target[SDM_UUID_SIZE]);
int64_t sdm_row_int64(struct sdm_row_reader *in, int row, int column);
int32_t sdm_row_int32(struct sdm_row_reader *in, int row, int column);
bool sdm_row_bool(struct sdm_row_reader *in, int row, int column);
int sdm_row_word(struct sdm_row_reader *in, int row, int column, const struct sdm_words *words);

/* Column 0 of every row as uuids in the arena. */
bool sdm_row_uuids(const struct sdm_pg_result *result, struct sdm_arena *arena,
                   char (**uuids)[SDM_UUID_SIZE], size_t *n, GError **error);
