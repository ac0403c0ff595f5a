#include "lib/base/error.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/settle/settle.h"
#include "sdm-controller/store/adoption.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/quarantine.h"
#include "sdm-controller/store/window.h"

#define DEFAULT_PAGE_SIZE 100

#define COPY(to, from) g_strlcpy((to), (from) != NULL ? (from) : "", sizeof(to))

static void fill(const struct sdm_quarantined *row, struct sdm_wire_quarantined_segment *wire)
{
    *wire = (struct sdm_wire_quarantined_segment){
        .offset_bytes = (uint64_t)row->offset_bytes,
        .size_bytes = (uint64_t)row->size_bytes,
        .has_reservation = row->reservation[0] != '\0',
        .has_project = row->project != NULL,
        .has_compute_brick = row->compute_brick != NULL,
        .released = row->released,
    };
    COPY(wire->segment, row->segment);
    COPY(wire->memory_brick, row->brick);
    COPY(wire->since, row->since);
    COPY(wire->text, row->text);
    COPY(wire->reservation, row->reservation);
    COPY(wire->project, row->project);
    COPY(wire->compute_brick, row->compute_brick);
}

static struct sdm_s11_quarantine_reply *answer(struct sdm_arena *arena, size_t n,
                                               const struct sdm_quarantined *rows,
                                               struct sdm_outcome *outcome)
{
    struct sdm_s11_quarantine_reply *reply =
        SDM_ARENA_NEW(arena, struct sdm_s11_quarantine_reply, 1);

    reply->n_segments = n;
    reply->segments = SDM_ARENA_NEW(arena, struct sdm_wire_quarantined_segment, n);
    for (size_t i = 0; i < n; i++) {
        fill(&rows[i], &reply->segments[i]);
    }
    outcome->done = true;
    outcome->reached = SDM_WAIT_LEVEL_GUEST;
    outcome->reply_type = sdm_s11_quarantine_reply_codec.type;
    outcome->reply_codec = &sdm_s11_quarantine_reply_codec;
    outcome->reply = reply;
    return reply;
}

bool sdm_registry_quarantine_list(struct sdm_registry *registry, struct sdm_pg *pg,
                                  const struct sdm_caller *caller,
                                  const struct sdm_s11_quarantine_list *request,
                                  struct sdm_arena *arena, struct sdm_outcome *outcome,
                                  GError **error)
{
    size_t page_size = request->has_page_size ? request->page_size : DEFAULT_PAGE_SIZE;
    struct sdm_s11_quarantine_reply *reply;
    struct sdm_quarantined *rows;
    size_t n;

    (void)registry;
    (void)caller;
    /* One more than asked for tells whether there is another page. */
    if (!sdm_store_quarantine_list(pg, request->has_memory_brick ? request->memory_brick : NULL,
                                   request->has_after ? request->after : NULL, page_size + 1, arena,
                                   &rows, &n, error)) {
        return false;
    }
    reply = answer(arena, MIN(n, page_size), rows, outcome);
    if (n > page_size) {
        reply->has_next = true;
        COPY(reply->next, rows[page_size - 1].segment);
    }
    return true;
}

/* Those who map it no longer keep what they were not given. */
static bool release_found(struct sdm_registry *registry, struct sdm_tx *tx,
                          const struct sdm_quarantined *row, struct sdm_arena *arena,
                          GError **error)
{
    int32_t *bricks;
    size_t n;

    if (!sdm_store_found_users(sdm_tx_read(tx), row->segment, arena, &bricks, &n, error)) {
        return false;
    }
    sdm_store_quarantine_release_found(tx, row->segment);
    for (size_t i = 0; i < n; i++) {
        int64_t generation;

        if (!sdm_store_generation_next(tx, bricks[i], &generation, error)) {
            return false;
        }
        sdm_post_device(tx, &registry->sink, SDM_WORK_AGENT, bricks[i]);
    }
    return true;
}

static bool release(struct sdm_registry *registry, struct sdm_tx *tx,
                    const struct sdm_quarantined *row, struct sdm_arena *arena, GError **error)
{
    const struct sdm_settler settler = {registry->ledger, &registry->sink};

    if (row->found) {
        if (!release_found(registry, tx, row, arena, error)) {
            return false;
        }
    } else {
        sdm_store_quarantine_release(tx, row->segment);
        if (row->reservation[0] == '\0') {
            sdm_post_id(tx, &registry->sink, SDM_WORK_SCRUB, row->segment);
        }
    }
    return row->reservation[0] == '\0' ||
           sdm_settle(&settler, tx, row->reservation, NULL, arena, error) != NULL;
}

bool sdm_registry_quarantine_release(struct sdm_registry *registry, struct sdm_tx *tx,
                                     const struct sdm_caller *caller,
                                     const struct sdm_s11_quarantine_release *request,
                                     struct sdm_arena *arena, struct sdm_outcome *outcome,
                                     GError **error)
{
    struct sdm_quarantined row;

    (void)caller;
    if (!sdm_store_quarantine_read(sdm_tx_read(tx), request->segment, arena, &row, error)) {
        return false;
    }
    if (row.in_use && !row.found) {
        return sdm_refuse(error, SDM_ERROR_IN_USE, "compute brick '%s' has it mapped",
                          row.compute_brick);
    }
    if (!release(registry, tx, &row, arena, error)) {
        return false;
    }
    row.released = true;
    answer(arena, 1, &row, outcome);
    return true;
}
