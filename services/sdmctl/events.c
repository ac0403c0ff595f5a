#include "sdmctl/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/wire/registry.h"
#include "sdmctl/quantity.h"
#include "wire/event.h"

#define EXCHANGE     "sdm.events"
#define MAX_BINDINGS 2
#define PREFETCH     256

/* Events on their way from the connection's thread to this one. */
struct listening {
    GAsyncQueue *events;
    gint is_over;  /* atomic: the connection goes because nothing more is wanted */
    bool was_lost; /* of the connection's thread alone */
};

static bool on_event(void *user, struct sdm_amqp_delivery *delivery)
{
    struct listening *listening = user;

    g_async_queue_push(listening->events, delivery);
    return true;
}

static void on_state(void *user, bool is_connected)
{
    struct listening *listening = user;

    if (g_atomic_int_get(&listening->is_over) != 0) {
        return;
    }
    if (!is_connected) {
        listening->was_lost = true;
        fprintf(stderr, "sdmctl: the connection went; events may be missed\n");
    } else if (listening->was_lost) {
        fprintf(stderr, "sdmctl: connected again\n");
    }
}

/* Routing keys are event.<kind>.<whose>; only reservations and virtual machines are a project's. */
static size_t make_bindings(const char *queue, const char *kind, const char *project,
                            struct sdm_amqp_binding bindings[MAX_BINDINGS])
{
    size_t n = 0;

    if (project == NULL) {
        bindings[n++].routing_key =
            kind != NULL ? g_strdup_printf("event.%s.#", kind) : g_strdup("event.#");
    } else if (kind != NULL) {
        bindings[n++].routing_key = g_strdup_printf("event.%s.%s", kind, project);
    } else {
        bindings[n++].routing_key = g_strdup_printf("event.reservation.%s", project);
        bindings[n++].routing_key = g_strdup_printf("event.vm.%s", project);
    }
    for (size_t i = 0; i < n; i++) {
        bindings[i].queue = queue;
        bindings[i].exchange = EXCHANGE;
    }
    return n;
}

static void print_reservation(const struct sdm_event_reservation *event)
{
    char size[SDM_CTL_QUANTITY_SIZE];

    printf("%s  reservation  %s  %s  project %s  %s  %s\n", event->at, event->reservation,
           sdm_reservation_state_name(event->state), event->project,
           sdm_ctl_size_format(event->size_bytes, size), event->text);
}

static void print_vm(const struct sdm_event_vm *event)
{
    printf("%s  vm  %s  on %s  project %s  %s\n", event->at, event->vm, event->compute_brick,
           event->has_project ? event->project : "-", event->text);
}

static void print_brick(const struct sdm_event_brick *event)
{
    printf("%s  brick  %s  %s %s  power %s  %s\n", event->at, event->brick,
           sdm_brick_kind_name(event->kind), sdm_brick_state_name(event->state),
           sdm_power_state_name(event->power), event->text);
}

static void print_drift(const struct sdm_event_drift *event)
{
    printf("%s  drift  %s  %s  %s  %s\n", event->at, event->device,
           sdm_drift_kind_name(event->kind), sdm_event_drift_action_name(event->action),
           event->text);
}

static void print_audit_head(const struct sdm_event_audit_head *event)
{
    printf("%s  audit_head  pod %s  block %" PRIu64 ", entries %" PRIu64 " to %" PRIu64 "  %s\n",
           event->at, event->pod, event->block, event->first_id, event->last_id, event->hash);
}

typedef void print_fn(const void *event);

static const struct {
    const struct sdm_codec *codec;
    print_fn *print;
} printers[] = {
    {&sdm_event_reservation_codec, (print_fn *)print_reservation},
    {&sdm_event_vm_codec, (print_fn *)print_vm},
    {&sdm_event_brick_codec, (print_fn *)print_brick},
    {&sdm_event_drift_codec, (print_fn *)print_drift},
    {&sdm_event_audit_head_codec, (print_fn *)print_audit_head},
};

/* False for what is no event, which is said and does not count. */
static bool print_event(const struct sdm_ctl *ctl, const struct sdm_amqp_message *message)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) cause = NULL;

    if (ctl->globals.json) {
        fwrite(message->body, 1, message->size, stdout);
        putchar('\n');
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(printers); i++) {
        const struct sdm_codec *codec = printers[i].codec;
        void *event;

        if (g_strcmp0(message->type, codec->type) != 0) {
            continue;
        }
        event = sdm_arena_alloc(arena, 1, codec->size);
        if (!sdm_codec_decode(codec, message->body, message->size, arena, event, &cause)) {
            fprintf(stderr, "sdmctl: cannot read %s: %s\n", codec->type, cause->message);
            return false;
        }
        printers[i].print(event);
        return true;
    }
    fprintf(stderr, "sdmctl: unknown event %s\n", message->type != NULL ? message->type : "-");
    return false;
}

static bool read_count(const struct sdm_ctl_args *args, guint64 *count, GError **error)
{
    const char *text = sdm_ctl_args_get(args, "count");

    *count = sdm_ctl_args_get(args, "follow") != NULL ? G_MAXUINT64 : 1;
    if (text != NULL && !g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT64, count, NULL)) {
        return sdm_ctl_usage(error, "--count: want a number from 1 on, found '%s'", text);
    }
    return true;
}

static void follow(const struct sdm_ctl *ctl, struct listening *listening, guint64 count)
{
    while (count > 0) {
        g_autoptr(sdm_amqp_delivery) delivery = g_async_queue_pop(listening->events);

        if (print_event(ctl, &delivery->message)) {
            count--;
            fflush(stdout);
        }
    }
}

/* The connection declares queue and bindings anew each time it comes back. */
static bool listen(struct sdm_ctl *ctl, const struct sdm_amqp_topology *topology, guint64 count,
                   GError **error)
{
    g_autoptr(GAsyncQueue) events = g_async_queue_new_full((GDestroyNotify)sdm_amqp_delivery_free);
    struct listening listening = {.events = events};
    struct sdm_amqp_config config = {
        .name = "sdmctl events", .topology = topology, .on_state = on_state, .user = &listening};
    const struct sdm_amqp_consumer_config consumer = {.queue = topology->queues[0].name,
                                                      .prefetch = PREFETCH,
                                                      .is_settled = true,
                                                      .deliver = on_event,
                                                      .user = &listening};
    g_autoptr(sdm_amqp) amqp = NULL;

    sdm_amqp_options_apply(&ctl->globals.broker, &config);
    amqp = sdm_amqp_new(&config, error);
    if (amqp == NULL) {
        return false;
    }
    sdm_amqp_consume(amqp, &consumer);
    if (!sdm_amqp_wait_connected(amqp, ctl->reply_timeout_ms, true, error)) {
        return false;
    }
    if (ctl->globals.verbose) {
        fprintf(stderr, "sdmctl: listening to %s\n", topology->bindings[0].routing_key);
    }
    follow(ctl, &listening, count);
    g_atomic_int_set(&listening.is_over, 1);
    return true;
}

bool sdm_ctl_events(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    struct sdm_amqp_binding bindings[MAX_BINDINGS] = {0};
    struct sdm_amqp_queue queue = {
        .is_transient = true, .is_exclusive = true, .is_auto_delete = true};
    char uuid[SDM_UUID_SIZE];
    g_autofree char *name = NULL;
    guint64 count;
    size_t n_bindings;
    bool ok;

    if (!read_count(args, &count, error)) {
        return false;
    }
    sdm_uuid_new(uuid);
    name = g_strconcat("sdm.events.", uuid, NULL);
    queue.name = name;
    n_bindings = make_bindings(name, sdm_ctl_args_get(args, "kind"),
                               sdm_ctl_args_get(args, "project"), bindings);
    ok =
        listen(ctl,
               &(struct sdm_amqp_topology){
                   .queues = &queue, .n_queues = 1, .bindings = bindings, .n_bindings = n_bindings},
               count, error);
    for (size_t i = 0; i < n_bindings; i++) {
        g_free((char *)bindings[i].routing_key);
    }
    return ok;
}
