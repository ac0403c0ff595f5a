#include "sdm-agent/backend/libvirt_loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <glib-unix.h>
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

/* A file descriptor or a timer that libvirt watches. */
struct watch {
    int id;
    int fd;          /* -1 for a timer */
    GSource *source; /* NULL while it waits for nothing */
    virEventHandleCallback on_ready;
    virEventTimeoutCallback on_timeout;
    void *user;
    virFreeCallback free_user;
};

static struct {
    pthread_mutex_t mutex;
    pthread_once_t once;
    pthread_t thread;
    unsigned n_users;
    atomic_bool stop;
    GMainContext *context;
    GHashTable *watches; /* by id; guarded by 'mutex' */
    int last_id;
} loop = {.mutex = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void on_error(void *user, virErrorPtr error)
{
    /* Errors are taken where they happen; libvirt would print them besides. */
    (void)user;
    (void)error;
}

static GIOCondition condition_of(int events)
{
    return (GIOCondition)((events & VIR_EVENT_HANDLE_READABLE ? G_IO_IN : 0) |
                          (events & VIR_EVENT_HANDLE_WRITABLE ? G_IO_OUT : 0) |
                          (events & VIR_EVENT_HANDLE_ERROR ? G_IO_ERR : 0) |
                          (events & VIR_EVENT_HANDLE_HANGUP ? G_IO_HUP : 0));
}

static int events_of(GIOCondition condition)
{
    return (condition & G_IO_IN ? VIR_EVENT_HANDLE_READABLE : 0) |
           (condition & G_IO_OUT ? VIR_EVENT_HANDLE_WRITABLE : 0) |
           (condition & (G_IO_ERR | G_IO_NVAL) ? VIR_EVENT_HANDLE_ERROR : 0) |
           (condition & G_IO_HUP ? VIR_EVENT_HANDLE_HANGUP : 0);
}

/* The watch may be removed by another thread at any time: what is called is copied out first.
 * libvirt frees what it gave along only from the loop itself, so it stays good for the call. */
static bool find_watch(int id, struct watch *copy)
{
    const struct watch *watch;

    pthread_mutex_lock(&loop.mutex);
    watch = g_hash_table_lookup(loop.watches, GINT_TO_POINTER(id));
    if (watch != NULL) {
        *copy = *watch;
    }
    pthread_mutex_unlock(&loop.mutex);
    return watch != NULL;
}

static gboolean on_fd(gint fd, GIOCondition condition, gpointer id)
{
    struct watch watch;

    if (find_watch(GPOINTER_TO_INT(id), &watch)) {
        watch.on_ready(watch.id, fd, events_of(condition), watch.user);
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_timer(gpointer id)
{
    struct watch watch;

    if (find_watch(GPOINTER_TO_INT(id), &watch)) {
        watch.on_timeout(watch.id, watch.user);
    }
    return G_SOURCE_CONTINUE;
}

/* Under the mutex. */
static void disarm(struct watch *watch)
{
    if (watch->source != NULL) {
        g_source_destroy(watch->source);
        g_source_unref(watch->source);
        watch->source = NULL;
    }
}

static void arm(struct watch *watch, GSource *source, GSourceFunc call)
{
    watch->source = source;
    g_source_set_callback(source, call, GINT_TO_POINTER(watch->id), NULL);
    g_source_attach(source, loop.context);
}

static void arm_fd(struct watch *watch, int events)
{
    disarm(watch);
    if (events != 0) {
        arm(watch, g_unix_fd_source_new(watch->fd, condition_of(events)),
            (GSourceFunc)(void (*)(void))on_fd);
    }
}

static void arm_timer(struct watch *watch, int interval_ms)
{
    disarm(watch);
    if (interval_ms >= 0) {
        arm(watch, g_timeout_source_new((guint)interval_ms), on_timer);
    }
}

/* Under the mutex. */
static struct watch *add_watch(int fd, void *user, virFreeCallback free_user)
{
    struct watch *watch = g_new0(struct watch, 1);

    watch->id = ++loop.last_id;
    watch->fd = fd;
    watch->user = user;
    watch->free_user = free_user;
    g_hash_table_insert(loop.watches, GINT_TO_POINTER(watch->id), watch);
    return watch;
}

static int add_handle(int fd, int events, virEventHandleCallback call, void *user,
                      virFreeCallback free_user)
{
    struct watch *watch;
    int id;

    pthread_mutex_lock(&loop.mutex);
    watch = add_watch(fd, user, free_user);
    watch->on_ready = call;
    id = watch->id;
    arm_fd(watch, events);
    pthread_mutex_unlock(&loop.mutex);
    return id;
}

static void update_handle(int id, int events)
{
    struct watch *watch;

    pthread_mutex_lock(&loop.mutex);
    watch = g_hash_table_lookup(loop.watches, GINT_TO_POINTER(id));
    if (watch != NULL) {
        arm_fd(watch, events);
    }
    pthread_mutex_unlock(&loop.mutex);
}

static int add_timeout(int interval_ms, virEventTimeoutCallback call, void *user,
                       virFreeCallback free_user)
{
    struct watch *watch;
    int id;

    pthread_mutex_lock(&loop.mutex);
    watch = add_watch(-1, user, free_user);
    watch->on_timeout = call;
    id = watch->id;
    arm_timer(watch, interval_ms);
    pthread_mutex_unlock(&loop.mutex);
    return id;
}

static void update_timeout(int id, int interval_ms)
{
    struct watch *watch;

    pthread_mutex_lock(&loop.mutex);
    watch = g_hash_table_lookup(loop.watches, GINT_TO_POINTER(id));
    if (watch != NULL) {
        arm_timer(watch, interval_ms);
    }
    pthread_mutex_unlock(&loop.mutex);
}

static gboolean free_later(gpointer data)
{
    g_autofree struct watch *watch = data;

    if (watch->free_user != NULL) {
        watch->free_user(watch->user);
    }
    return G_SOURCE_REMOVE;
}

/* What libvirt gave along is freed from the loop: the caller may hold a lock that freeing takes. */
static int remove_watch(int id)
{
    gpointer watch;
    GSource *source;

    pthread_mutex_lock(&loop.mutex);
    if (!g_hash_table_steal_extended(loop.watches, GINT_TO_POINTER(id), NULL, &watch)) {
        pthread_mutex_unlock(&loop.mutex);
        return -1;
    }
    disarm(watch);
    source = g_idle_source_new();
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, free_later, watch, NULL);
    g_source_attach(source, loop.context);
    g_source_unref(source);
    pthread_mutex_unlock(&loop.mutex);
    return 0;
}

static void register_once(void)
{
    loop.context = g_main_context_new();
    loop.watches = g_hash_table_new(NULL, NULL);
    virEventRegisterImpl(add_handle, update_handle, remove_watch, add_timeout, update_timeout,
                         remove_watch);
    virInitialize();
    virSetErrorFunc(NULL, on_error);
}

static void *run(void *unused)
{
    (void)unused;
    while (!atomic_load(&loop.stop)) {
        g_main_context_iteration(loop.context, TRUE);
    }
    /* What is to be freed is freed. */
    while (g_main_context_iteration(loop.context, FALSE)) {
    }
    return NULL;
}

void sdm_libvirt_loop_ref(void)
{
    pthread_once(&loop.once, register_once);
    pthread_mutex_lock(&loop.mutex);
    if (loop.n_users++ == 0) {
        atomic_store(&loop.stop, false);
        pthread_create(&loop.thread, NULL, run, NULL);
        pthread_setname_np(loop.thread, "libvirt-events");
    }
    pthread_mutex_unlock(&loop.mutex);
}

void sdm_libvirt_loop_unref(void)
{
    bool is_last;

    pthread_mutex_lock(&loop.mutex);
    is_last = --loop.n_users == 0;
    pthread_mutex_unlock(&loop.mutex);
    if (is_last) {
        atomic_store(&loop.stop, true);
        g_main_context_wakeup(loop.context);
        pthread_join(loop.thread, NULL);
    }
}
