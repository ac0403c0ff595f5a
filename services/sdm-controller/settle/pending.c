#include "sdm-controller/settle/pending.h"

#include "lib/base/error.h"
#include "lib/wire/codec.h"
#include "sdm-controller/model/progress.h"
#include "sdm-controller/settle/view.h"
#include "sdm-controller/store/answer.h"
#include "sdm-controller/store/stored_reply.h"
#include "sdm-controller/store/timing.h"
#include "wire/error.h"
#include "wire/s10.h"

static bool pending_of(struct sdm_tx *tx, const char *reservation, struct sdm_arena *arena,
                       struct sdm_stored_reply **rows, size_t *n, GError **error)
{
    return sdm_stored_reply_pending(sdm_tx_read(tx), reservation, 0, arena, rows, n, error);
}

/* Those that wait to bring something in, or 'all'. */
static bool refuse(struct sdm_tx *tx, const char *reservation, bool all, const char *error_code,
                   const char *error_text, struct sdm_arena *arena, GError **error)
{
    struct sdm_stored_reply *rows;
    size_t n;

    if (!pending_of(tx, reservation, arena, &rows, &n, error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        enum sdm_request_direction direction;

        if (rows[i].error_code == NULL && sdm_request_direction(rows[i].type, &direction) &&
            (all || direction == SDM_REQUEST_IN || direction == SDM_REQUEST_RESIZE)) {
            sdm_stored_reply_set_error(tx, rows[i].project, rows[i].key, error_code, error_text);
        }
    }
    return true;
}

bool sdm_pending_refuse(struct sdm_tx *tx, const char *reservation, const char *error_code,
                        const char *error_text, struct sdm_arena *arena, GError **error)
{
    return refuse(tx, reservation, false, error_code, error_text, arena, error);
}

bool sdm_pending_refuse_all(struct sdm_tx *tx, const char *reservation, const char *error_code,
                            const char *error_text, struct sdm_arena *arena, GError **error)
{
    return refuse(tx, reservation, true, error_code, error_text, arena, error);
}

static bool answer_error(struct sdm_tx *tx, const struct sdm_stored_reply *row,
                         struct sdm_arena *arena, GError **error)
{
    struct sdm_error message = {.code = SDM_ERROR_INTERNAL};
    g_autofree char *body = NULL;

    sdm_error_code_from_name(row->error_code, &message.code);
    g_strlcpy(message.text, row->error_text != NULL ? row->error_text : "refused",
              sizeof message.text);
    body = sdm_codec_encode(&sdm_error_codec, &message, NULL);
    return sdm_answer_finish(tx, row, "error/1", body, arena, error);
}

static bool answer_reached(struct sdm_tx *tx, const struct sdm_stored_reply *row,
                           const struct sdm_snapshot *snapshot, struct sdm_reached reached,
                           struct sdm_arena *arena, GError **error)
{
    struct sdm_s10_reply message = {.reached = reached.level, .done = reached.done};
    g_autofree char *body = NULL;

    sdm_view_reservation(snapshot, arena, &message.reservation);
    message.has_timing = true;
    if (!sdm_timing_read(sdm_tx_read(tx), row->project, row->key, &message.timing, error)) {
        return false;
    }
    body = sdm_codec_encode(&sdm_s10_reply_codec, &message, NULL);
    return sdm_answer_finish(tx, row, "s10.reply/1", body, arena, error);
}

static bool answer_one(struct sdm_tx *tx, const struct sdm_stored_reply *row,
                       const struct sdm_snapshot *snapshot, struct sdm_arena *arena, bool *answered,
                       GError **error)
{
    enum sdm_request_direction direction;
    struct sdm_reached reached;

    if (!sdm_request_direction(row->type, &direction)) {
        return true;
    }
    if (row->error_code != NULL) {
        if (!sdm_progress_undone(snapshot)) {
            return true;
        }
        *answered = true;
        return answer_error(tx, row, arena, error);
    }
    reached = sdm_progress_reached(snapshot, direction, row->wait);
    if (!reached.satisfied) {
        return true;
    }
    *answered = true;
    return answer_reached(tx, row, snapshot, reached, arena, error);
}

bool sdm_pending_answer(struct sdm_tx *tx, const struct sdm_snapshot *snapshot,
                        struct sdm_arena *arena, bool *answered, GError **error)
{
    struct sdm_stored_reply *rows;
    size_t n;

    if (!pending_of(tx, snapshot->reservation, arena, &rows, &n, error)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!answer_one(tx, &rows[i], snapshot, arena, answered, error)) {
            return false;
        }
    }
    return true;
}
