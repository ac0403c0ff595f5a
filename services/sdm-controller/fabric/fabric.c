#include "sdm-controller/fabric/fabric.h"

#include <pthread.h>

#include "lib/base/error.h"
#include "lib/base/fault.h"

struct line {
    pthread_mutex_t mutex;
    struct sdm_session *session; /* guarded by 'mutex'; NULL until needed */
    GList link;                  /* in 'idle' of the fabric when 'is_idle'; guarded by its mutex */
    bool is_idle;
};

struct sdm_fabric {
    int64_t epoch;
    int64_t timeout_ms;
    pthread_mutex_t mutex;
    void (*on_silent)(void *user, const char *id);
    void *user;
    GHashTable *lines; /* device id to struct line, guarded by 'mutex'; lines are never removed */
    GQueue idle;       /* of lines, used longest ago first; guarded by 'mutex' */
};

static void free_line(gpointer data)
{
    struct line *line = data;

    sdm_session_close(line->session);
    pthread_mutex_destroy(&line->mutex);
    g_free(line);
}

struct sdm_fabric *sdm_fabric_new(int64_t epoch, int64_t timeout_ms)
{
    struct sdm_fabric *fabric = g_new0(struct sdm_fabric, 1);

    fabric->epoch = epoch;
    fabric->timeout_ms = timeout_ms;
    pthread_mutex_init(&fabric->mutex, NULL);
    fabric->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_line);
    return fabric;
}

void sdm_fabric_free(struct sdm_fabric *fabric)
{
    if (fabric == NULL) {
        return;
    }
    g_hash_table_destroy(fabric->lines);
    pthread_mutex_destroy(&fabric->mutex);
    g_free(fabric);
}

void sdm_fabric_watch(struct sdm_fabric *fabric, void (*on_silent)(void *user, const char *id),
                      void *user)
{
    fabric->on_silent = on_silent;
    fabric->user = user;
}

/* The line of a device, which from now on is in use. */
static struct line *take_line(struct sdm_fabric *fabric, const char *id)
{
    struct line *line;

    pthread_mutex_lock(&fabric->mutex);
    line = g_hash_table_lookup(fabric->lines, id);
    if (line == NULL) {
        line = g_new0(struct line, 1);
        pthread_mutex_init(&line->mutex, NULL);
        line->link.data = line;
        g_hash_table_insert(fabric->lines, g_strdup(id), line);
    }
    if (line->is_idle) {
        g_queue_unlink(&fabric->idle, &line->link);
        line->is_idle = false;
    }
    pthread_mutex_unlock(&fabric->mutex);
    return line;
}

/* Nobody uses the line, as far as this thread knows.  Of too many idle ones, the one that was used
 * longest ago: it was in use meanwhile when its mutex is taken, and is given back again. */
static void give_line(struct sdm_fabric *fabric, struct line *line)
{
    struct line *oldest = NULL;

    pthread_mutex_lock(&fabric->mutex);
    if (!line->is_idle) {
        g_queue_push_tail_link(&fabric->idle, &line->link);
        line->is_idle = true;
    }
    if (fabric->idle.length > SDM_FABRIC_IDLE_SESSIONS) {
        oldest = g_queue_pop_head_link(&fabric->idle)->data;
        oldest->is_idle = false;
    }
    pthread_mutex_unlock(&fabric->mutex);
    if (oldest != NULL && pthread_mutex_trylock(&oldest->mutex) == 0) {
        g_clear_pointer(&oldest->session, sdm_session_close);
        pthread_mutex_unlock(&oldest->mutex);
    }
}

static void tell_silent(struct sdm_fabric *fabric, const struct sdm_fabric_device *device)
{
    if (fabric->on_silent != NULL) {
        fabric->on_silent(fabric->user, device->id);
    }
}

/* Gives the device to this thread, with an open session. */
static struct line *acquire(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                            GError **error)
{
    struct line *line = take_line(fabric, device->id);

    pthread_mutex_lock(&line->mutex);
    if (line->session != NULL && !sdm_session_is_usable(line->session)) {
        g_clear_pointer(&line->session, sdm_session_close);
    }
    if (line->session == NULL) {
        line->session = sdm_session_open(device->endpoint, device->id, fabric->epoch,
                                         fabric->timeout_ms, error);
    }
    if (line->session == NULL) {
        pthread_mutex_unlock(&line->mutex);
        give_line(fabric, line);
        tell_silent(fabric, device);
        return NULL;
    }
    return line;
}

static void release(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                    struct line *line)
{
    bool silent = !sdm_session_is_usable(line->session);

    pthread_mutex_unlock(&line->mutex);
    give_line(fabric, line);
    if (silent) {
        tell_silent(fabric, device);
    }
}

static const struct sdm_switch_driver *switch_driver(const struct sdm_fabric_device *device)
{
    return device->optical ? &sdm_optical_switch_line_driver : &sdm_electrical_switch_line_driver;
}

bool sdm_fabric_connect(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                        struct sdm_port_pair pair, GError **error)
{
    struct line *line =
        sdm_fault("fabric.before_connect", error) ? NULL : acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = switch_driver(device)->connect(line->session, pair, fabric->timeout_ms, error);
    release(fabric, device, line);
    return done && !sdm_fault("fabric.after_connect", error);
}

bool sdm_fabric_disconnect(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                           struct sdm_port_pair pair, GError **error)
{
    struct line *line =
        sdm_fault("fabric.before_disconnect", error) ? NULL : acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = switch_driver(device)->disconnect(line->session, pair, fabric->timeout_ms, error);
    release(fabric, device, line);
    return done && !sdm_fault("fabric.after_disconnect", error);
}

bool sdm_fabric_list(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                     GArray *pairs, GError **error)
{
    struct line *line = acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = switch_driver(device)->list(line->session, pairs, fabric->timeout_ms, error);
    release(fabric, device, line);
    return done;
}

bool sdm_fabric_power(struct sdm_fabric *fabric, const struct sdm_fabric_device *device, bool on,
                      int64_t timeout_ms, GError **error)
{
    struct line *line =
        sdm_fault("fabric.before_power", error) ? NULL : acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = sdm_brick_line_driver.power(line->session, on, timeout_ms, error);
    release(fabric, device, line);
    return done && !sdm_fault("fabric.after_power", error);
}

bool sdm_fabric_probe(struct sdm_fabric *fabric, const struct sdm_fabric_device *device, bool *off,
                      GError **error)
{
    struct line *line = acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = sdm_brick_line_driver.is_off(line->session, off, fabric->timeout_ms, error);
    release(fabric, device, line);
    return done;
}

static bool force_off(struct sdm_session *session, int64_t timeout_ms, GError **error)
{
    bool off = false;

    if (!sdm_brick_line_driver.force_off(session, timeout_ms, error) ||
        !sdm_brick_line_driver.is_off(session, &off, timeout_ms, error)) {
        return false;
    }
    return off || sdm_refuse(error, SDM_ERROR_FABRIC_REFUSED, "the brick says that it is not off");
}

bool sdm_fabric_force_off(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                          GError **error)
{
    struct line *line =
        sdm_fault("fabric.before_force_off", error) ? NULL : acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = force_off(line->session, fabric->timeout_ms, error);
    release(fabric, device, line);
    return done && !sdm_fault("fabric.after_force_off", error);
}

static void clear_extent(void *data)
{
    g_free(((struct sdm_fabric_extent *)data)->users);
}

GArray *sdm_fabric_extents(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                           GError **error)
{
    g_autoptr(GArray) extents = g_array_new(FALSE, FALSE, sizeof(struct sdm_fabric_extent));
    struct line *line = acquire(fabric, device, error);
    bool done;

    g_array_set_clear_func(extents, clear_extent);
    if (line == NULL) {
        return NULL;
    }
    done = sdm_brick_line_driver.extents(line->session, extents, fabric->timeout_ms, error);
    release(fabric, device, line);
    return done ? g_steal_pointer(&extents) : NULL;
}

bool sdm_fabric_scrub(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                      int64_t offset_bytes, int64_t size_bytes, int64_t timeout_ms, GError **error)
{
    struct line *line =
        sdm_fault("fabric.before_scrub", error) ? NULL : acquire(fabric, device, error);
    bool done;

    if (line == NULL) {
        return false;
    }
    done = sdm_brick_line_driver.scrub(line->session, offset_bytes, size_bytes, timeout_ms, error);
    release(fabric, device, line);
    return done && !sdm_fault("fabric.after_scrub", error);
}
