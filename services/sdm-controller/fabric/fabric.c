#include "sdm-controller/fabric/fabric.h"

#include "lib/base/fault.h"

struct line {
    GMutex mutex;
    struct sdm_session *session; /* guarded by 'mutex'; NULL until needed */
};

struct sdm_fabric {
    int64_t epoch;
    int64_t timeout_ms;
    GMutex mutex;
    GHashTable *lines; /* device id to struct line, guarded by 'mutex'; lines are never removed */
};

static void free_line(gpointer data)
{
    struct line *line = data;

    sdm_session_close(line->session);
    g_mutex_clear(&line->mutex);
    g_free(line);
}

struct sdm_fabric *sdm_fabric_new(int64_t epoch, int64_t timeout_ms)
{
    struct sdm_fabric *fabric = g_new0(struct sdm_fabric, 1);

    fabric->epoch = epoch;
    fabric->timeout_ms = timeout_ms;
    g_mutex_init(&fabric->mutex);
    fabric->lines = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_line);
    return fabric;
}

void sdm_fabric_free(struct sdm_fabric *fabric)
{
    if (fabric == NULL) {
        return;
    }
    g_hash_table_destroy(fabric->lines);
    g_mutex_clear(&fabric->mutex);
    g_free(fabric);
}

static struct line *find_line(struct sdm_fabric *fabric, const char *id)
{
    struct line *line;

    g_mutex_lock(&fabric->mutex);
    line = g_hash_table_lookup(fabric->lines, id);
    if (line == NULL) {
        line = g_new0(struct line, 1);
        g_mutex_init(&line->mutex);
        g_hash_table_insert(fabric->lines, g_strdup(id), line);
    }
    g_mutex_unlock(&fabric->mutex);
    return line;
}

/* Gives the device to this thread, with an open session. */
static struct line *acquire(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                            GError **error)
{
    struct line *line = find_line(fabric, device->id);

    g_mutex_lock(&line->mutex);
    if (line->session != NULL && !sdm_session_is_usable(line->session)) {
        g_clear_pointer(&line->session, sdm_session_close);
    }
    if (line->session == NULL) {
        line->session = sdm_session_open(device->endpoint, device->id, fabric->epoch,
                                         fabric->timeout_ms, error);
    }
    if (line->session == NULL) {
        g_mutex_unlock(&line->mutex);
        return NULL;
    }
    return line;
}

static void release(struct line *line)
{
    g_mutex_unlock(&line->mutex);
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
    release(line);
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
    release(line);
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
    release(line);
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
    release(line);
    return done && !sdm_fault("fabric.after_power", error);
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
    release(line);
    return done && !sdm_fault("fabric.after_scrub", error);
}
