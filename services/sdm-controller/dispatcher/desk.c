#include "sdm-controller/dispatcher/desk.h"

#include <pthread.h>
#include <string.h>

#include "lib/amqp/browser.h"
#include "lib/base/error.h"
#include "lib/base/fault.h"
#include "lib/svc/lane.h"
#include "lib/svc/log.h"
#include "sdm-controller/dispatcher/broker.h"
#include "sdm-controller/dispatcher/letter.h"
#include "sdm-controller/dispatcher/moved.h"

/* Letters that one request moves; what is asked for by name is bounded by its schema. */
#define MAX_MOVED         256
#define DEFAULT_PAGE_SIZE 100
#define PUBLISH_MS        5000

struct sdm_desk {
    struct sdm_amqp *amqp;
    struct sdm_amqp *counter;
    struct sdm_gauge *depth;
    struct sdm_lane *lane; /* counts */
    /* Held while somebody looks, I/O and all: what is looked at is not in the queue, and another
     * look would not find it. */
    pthread_mutex_t looking;
};

static void count_letters(void *data, void *const *jobs, size_t n_jobs)
{
    struct sdm_desk *desk = data;
    uint64_t n;

    (void)jobs;
    (void)n_jobs;
    if (pthread_mutex_trylock(&desk->looking) != 0) {
        return;
    }
    if (sdm_amqp_count(desk->counter, SDM_QUEUE_DEAD, &n, NULL)) {
        sdm_gauge_set(desk->depth, (int64_t)n);
    }
    pthread_mutex_unlock(&desk->looking);
}

static void free_nothing(void *job)
{
    (void)job;
}

struct sdm_desk *sdm_desk_new(struct sdm_amqp *amqp, struct sdm_amqp *counter,
                              struct sdm_metrics *metrics)
{
    struct sdm_desk *desk = g_new0(struct sdm_desk, 1);

    desk->amqp = amqp;
    desk->counter = counter;
    desk->depth = sdm_metrics_gauge(metrics, "sdm_dead_letters",
                                    "Messages in the dead-letter queue, as last counted", NULL);
    pthread_mutex_init(&desk->looking, NULL);
    /* To count is a job that holds nothing; one that waits is enough. */
    desk->lane = sdm_lane_new(&(struct sdm_lane_config){
        .name = "desk",
        .n_workers = 1,
        .capacity = 1,
        .batch_max = 1,
        .handle = count_letters,
        .job_free = free_nothing,
        .user = desk,
    });
    return desk;
}

void sdm_desk_free(struct sdm_desk *desk)
{
    if (desk == NULL) {
        return;
    }
    sdm_lane_free(desk->lane);
    pthread_mutex_destroy(&desk->looking);
    g_free(desk);
}

void sdm_desk_wake(struct sdm_desk *desk)
{
    sdm_lane_try_push(desk->lane, desk);
}

/* --- Looking. */

struct look {
    struct sdm_amqp_browser *browser;
    /* True to go on; keeps the delivery, or frees it. */
    bool (*visit)(void *user, struct sdm_amqp_delivery *delivery);
    void *user;
};

/* Visits letters, oldest first, until the last, or none is wanted any more. */
static bool look(const struct look *look, GError **error)
{
    struct sdm_amqp_delivery *delivery;
    GError *why = NULL;

    do {
        delivery = sdm_amqp_browser_next(look->browser, &why);
    } while (delivery != NULL && look->visit(look->user, delivery));
    if (why != NULL) {
        g_propagate_error(error, why);
        return false;
    }
    return true;
}

static void answer(struct sdm_outcome *outcome, const struct sdm_codec *codec, const void *reply)
{
    outcome->done = true;
    outcome->reached = SDM_WAIT_LEVEL_GUEST;
    outcome->reply_type = codec->type;
    outcome->reply_codec = codec;
    outcome->reply = reply;
}

/* --- A page of them. */

struct page {
    const char *after; /* not seen yet, or NULL */
    size_t size;
    struct sdm_s11_dead_list_reply *reply;
};

static bool visit_page(void *user, struct sdm_amqp_delivery *delivery)
{
    g_autoptr(sdm_amqp_delivery) own = delivery;
    struct page *page = user;
    struct sdm_s11_dead_list_reply *reply = page->reply;
    struct sdm_wire_dead_letter letter;

    sdm_letter_read(own, &letter);
    if (page->after != NULL) {
        page->after = strcmp(letter.letter, page->after) == 0 ? NULL : page->after;
        return true;
    }
    if (reply->n_letters == page->size) {
        reply->has_next = true;
        g_strlcpy(reply->next, reply->letters[page->size - 1].letter, sizeof reply->next);
        return false;
    }
    reply->letters[reply->n_letters++] = letter;
    return true;
}

bool sdm_desk_list(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                   const struct sdm_s11_dead_list *request, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_dead_list_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_dead_list_reply, 1);
    struct page page = {
        .after = request->has_after ? request->after : NULL,
        .size = request->has_page_size ? request->page_size : DEFAULT_PAGE_SIZE,
        .reply = reply,
    };
    struct look all = {.visit = visit_page, .user = &page};
    bool ok;

    (void)pg;
    (void)caller;
    reply->letters = SDM_ARENA_NEW(arena, struct sdm_wire_dead_letter, page.size);
    pthread_mutex_lock(&desk->looking);
    all.browser = sdm_amqp_browser_open(desk->amqp, SDM_QUEUE_DEAD, error);
    ok = all.browser != NULL && look(&all, error) &&
         (page.after == NULL ||
          sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no dead letter '%s' to go on from", page.after));
    reply->total = all.browser != NULL ? sdm_amqp_browser_total(all.browser) : 0;
    sdm_amqp_browser_close(all.browser);
    pthread_mutex_unlock(&desk->looking);
    answer(outcome, &sdm_s11_dead_list_reply_codec, reply);
    return ok;
}

/* --- One of them. */

struct search {
    const char *id;
    struct sdm_amqp_delivery *found;
};

static bool visit_search(void *user, struct sdm_amqp_delivery *delivery)
{
    struct search *search = user;
    struct sdm_wire_dead_letter letter;

    sdm_letter_read(delivery, &letter);
    if (strcmp(letter.letter, search->id) != 0) {
        sdm_amqp_delivery_free(delivery);
        return true;
    }
    search->found = delivery;
    return false;
}

static bool refuse_unknown(const char *id, GError **error)
{
    return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no dead letter '%s'", id);
}

bool sdm_desk_show(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                   const struct sdm_s11_dead_show *request, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_dead_show_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_dead_show_reply, 1);
    struct search search = {.id = request->letter};
    struct look all = {.visit = visit_search, .user = &search};
    g_autoptr(sdm_amqp_delivery) found = NULL;
    bool ok;

    (void)pg;
    (void)caller;
    pthread_mutex_lock(&desk->looking);
    all.browser = sdm_amqp_browser_open(desk->amqp, SDM_QUEUE_DEAD, error);
    ok = all.browser != NULL && look(&all, error);
    sdm_amqp_browser_close(all.browser);
    pthread_mutex_unlock(&desk->looking);
    found = search.found;
    if (!ok || found == NULL) {
        return ok && refuse_unknown(request->letter, error);
    }
    sdm_letter_show(found, arena, reply);
    answer(outcome, &sdm_s11_dead_show_reply_codec, reply);
    return true;
}

/* --- Moving them. */

/* What is asked for, what was found of it, and what became of that. */
struct order {
    struct sdm_desk *desk;
    bool is_requeue;
    char (*ids)[17]; /* 'n_ids', or all */
    size_t n_ids;
    GPtrArray *found;     /* struct sdm_amqp_delivery */
    GHashTable *distinct; /* ids that were found */
    struct sdm_s11_dead_reply *reply;
};

static bool is_wanted(const struct order *order, const struct sdm_wire_dead_letter *letter)
{
    bool is_named = order->n_ids == 0;

    for (size_t i = 0; i < order->n_ids && !is_named; i++) {
        is_named = strcmp(order->ids[i], letter->letter) == 0;
    }
    return is_named;
}

static bool visit_order(void *user, struct sdm_amqp_delivery *delivery)
{
    struct order *order = user;
    struct sdm_wire_dead_letter letter;
    bool is_kept;

    sdm_letter_read(delivery, &letter);
    is_kept = order->is_requeue && !sdm_letter_is_request(&letter);
    if (!is_wanted(order, &letter) ||
        (order->n_ids == 0 && (is_kept || order->found->len >= MAX_MOVED))) {
        order->reply->n_kept += is_kept;
        sdm_amqp_delivery_free(delivery);
        return true;
    }
    g_ptr_array_add(order->found, delivery);
    g_hash_table_add(order->distinct, g_strdup(letter.letter));
    return true;
}

/* Nothing is done with any when one cannot be done. */
static bool check_order(const struct order *order, GError **error)
{
    for (size_t i = 0; i < order->n_ids; i++) {
        if (!g_hash_table_contains(order->distinct, order->ids[i])) {
            return refuse_unknown(order->ids[i], error);
        }
    }
    for (guint i = 0; order->is_requeue && i < order->found->len; i++) {
        struct sdm_wire_dead_letter letter;

        sdm_letter_read(order->found->pdata[i], &letter);
        if (!sdm_letter_is_request(&letter)) {
            return sdm_refuse(
                error, SDM_ERROR_WRONG_STATE,
                "dead letter '%s' came from '%s', want a request: an agent tells anew "
                "what there is",
                letter.letter, letter.queue);
        }
    }
    return true;
}

/* To where it was sent first; true when the broker has it. */
static bool send_again(struct sdm_desk *desk, const struct sdm_amqp_delivery *delivery,
                       const struct sdm_wire_dead_letter *letter, GError **error)
{
    enum sdm_amqp_outcome outcome = SDM_AMQP_LOST;
    g_autoptr(GError) why = NULL;
    struct sdm_moved copy;

    sdm_moved_init(&copy, &delivery->message);
    sdm_moved_add_senders(&copy, &delivery->message);
    /* Publishing to an exchange that is not there would cost everybody the channel. */
    if (strcmp(letter->exchange, "sdm") == 0 || strcmp(letter->exchange, "sdm_transient") == 0) {
        copy.message.exchange = letter->exchange;
        copy.message.routing_key = letter->routing_key;
    } else {
        copy.message.exchange = "";
        copy.message.routing_key = letter->queue;
    }
    sdm_amqp_publish_wait(desk->amqp, &copy.message, PUBLISH_MS, &outcome, &why);
    sdm_moved_done(&copy);
    return outcome == SDM_AMQP_CONFIRMED ||
           sdm_refuse(error, SDM_ERROR_UNAVAILABLE,
                      "dead letter '%s' was not taken by '%s': %s; it stays, those before it went",
                      letter->letter, letter->queue,
                      why != NULL ? why->message : sdm_amqp_outcome_name(outcome));
}

/* Each copy of a letter goes, and one of them is sent. */
static bool move_one(struct order *order, struct sdm_amqp_browser *browser,
                     const struct sdm_amqp_delivery *delivery, GError **error)
{
    struct sdm_wire_dead_letter letter;
    bool is_first;

    sdm_letter_read(delivery, &letter);
    is_first = g_hash_table_remove(order->distinct, letter.letter);
    if (is_first && order->is_requeue &&
        (!send_again(order->desk, delivery, &letter, error) || sdm_fault("dead.requeued", error))) {
        return false;
    }
    if (is_first) {
        sdm_log_event(SDM_LOG_INFO,
                      order->is_requeue ? "dead-letter-requeued" : "dead-letter-dropped",
                      sdm_log_text("letter", letter.letter), sdm_log_text("type", letter.type),
                      sdm_log_text("code", letter.code));
        order->reply->n++;
    }
    return sdm_amqp_browser_remove(browser, delivery, error);
}

static bool carry_out(struct order *order, GError **error)
{
    struct look all = {.visit = visit_order, .user = order};
    bool ok;

    all.browser = sdm_amqp_browser_open(order->desk->amqp, SDM_QUEUE_DEAD, error);
    ok = all.browser != NULL && look(&all, error) && check_order(order, error);
    for (guint i = 0; ok && i < order->found->len; i++) {
        ok = move_one(order, all.browser, order->found->pdata[i], error);
    }
    if (ok) {
        uint64_t total = sdm_amqp_browser_total(all.browser);

        order->reply->n_left = total - MIN(total, order->found->len);
    }
    sdm_amqp_browser_close(all.browser);
    return ok;
}

static bool check_choice(bool has_letters, bool is_all, GError **error)
{
    if (has_letters && is_all) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "want letters or all, found both");
    }
    return has_letters || is_all ||
           sdm_refuse(error, SDM_ERROR_MISSING_MEMBER, "want letters or all, found neither");
}

static bool move_letters(struct sdm_desk *desk, bool is_requeue, char (*ids)[17], size_t n_ids,
                         bool is_all, struct sdm_arena *arena, struct sdm_outcome *outcome,
                         GError **error)
{
    struct order order = {
        .desk = desk,
        .is_requeue = is_requeue,
        .ids = ids,
        .n_ids = n_ids,
        .reply = SDM_ARENA_NEW(arena, struct sdm_s11_dead_reply, 1),
    };
    bool ok;

    if (!check_choice(n_ids > 0, is_all, error)) {
        return false;
    }
    order.found = g_ptr_array_new_with_free_func(g_free);
    order.distinct = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    pthread_mutex_lock(&desk->looking);
    ok = carry_out(&order, error);
    pthread_mutex_unlock(&desk->looking);
    g_ptr_array_unref(order.found);
    g_hash_table_unref(order.distinct);
    answer(outcome, &sdm_s11_dead_reply_codec, order.reply);
    return ok;
}

bool sdm_desk_requeue(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                      const struct sdm_s11_dead_requeue *request, struct sdm_arena *arena,
                      struct sdm_outcome *outcome, GError **error)
{
    (void)pg;
    (void)caller;
    return move_letters(desk, true, request->letters, request->n_letters, request->all, arena,
                        outcome, error);
}

bool sdm_desk_drop(struct sdm_desk *desk, struct sdm_pg *pg, const struct sdm_caller *caller,
                   const struct sdm_s11_dead_drop *request, struct sdm_arena *arena,
                   struct sdm_outcome *outcome, GError **error)
{
    (void)pg;
    (void)caller;
    return move_letters(desk, false, request->letters, request->n_letters, request->all, arena,
                        outcome, error);
}
