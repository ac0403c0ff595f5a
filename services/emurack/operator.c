#include "emurack/operator.h"

#include <string.h>

#include "emurack/status.h"
#include "emurack/store.h"
#include "lib/base/error.h"

enum { MAX_DELAY_MS = 600000, MAX_COUNT = 1000000 };

static bool read_word(const struct sdm_json *args, const char *name, char *word, size_t size,
                      GError **error)
{
    const char *found;

    if (!sdm_json_get_string(args, name, &found, error)) {
        return false;
    }
    if (strlen(found) >= size) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "%s is longer than %zu bytes", name,
                          size - 1);
    }
    g_strlcpy(word, found, size);
    return true;
}

/* Leaves '*number' when the member is absent. */
static bool read_number(const struct sdm_json *args, const char *name, int64_t max,
                        unsigned *number, GError **error)
{
    int64_t found;

    if (sdm_json_member(args, name) == NULL) {
        return true;
    }
    if (!sdm_json_get_integer(args, name, &found, error)) {
        return false;
    }
    if (found < 0 || found > max) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "%s is not within 0 to %d", name,
                          (int)max);
    }
    *number = (unsigned)found;
    return true;
}

static bool read_code(const struct sdm_json *args, enum sdm_error_code *code, GError **error)
{
    const char *name;

    if (sdm_json_member(args, "code") == NULL) {
        return true;
    }
    if (!sdm_json_get_string(args, "code", &name, error)) {
        return false;
    }
    return sdm_error_code_from_name(name, code) ||
           sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "no error code '%s'", name);
}

static bool read_fault(const struct sdm_json *args, struct sdm_emu_fault *fault, GError **error)
{
    char action[32];

    if (!read_word(args, "device", fault->device, sizeof fault->device, error) ||
        !read_word(args, "operation", fault->operation, sizeof fault->operation, error) ||
        !read_word(args, "action", action, sizeof action, error)) {
        return false;
    }
    if (!sdm_emu_action_from_name(action, &fault->action)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "'%s' is none of delay, refuse, silence, lost-reply, busy", action);
    }
    return read_number(args, "ms", MAX_DELAY_MS, &fault->delay_ms, error) &&
           read_number(args, "count", MAX_COUNT, &fault->n_left, error) &&
           read_code(args, &fault->code, error);
}

static struct sdm_json *arm(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_emu *emu = ((struct sdm_emu_operator *)user)->emu;
    struct sdm_emu_fault fault = {.delay_ms = 100, .code = SDM_ERROR_FABRIC_REFUSED};
    bool armed;

    if (!read_fault(args, &fault, error)) {
        return NULL;
    }
    if (strcmp(fault.device, "*") != 0 && sdm_emu_rack_find(emu->rack, fault.device) == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device '%s'", fault.device);
        return NULL;
    }
    pthread_mutex_lock(&emu->mutex);
    armed = sdm_emu_faults_arm(emu->faults, &fault, error);
    pthread_mutex_unlock(&emu->mutex);
    return armed ? sdm_json_new_object() : NULL;
}

static struct sdm_json *clear(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_emu *emu = ((struct sdm_emu_operator *)user)->emu;
    struct sdm_json *result;
    const char *device = NULL;
    unsigned n_cleared;

    if (sdm_json_member(args, "device") != NULL &&
        !sdm_json_get_string(args, "device", &device, error)) {
        return NULL;
    }
    pthread_mutex_lock(&emu->mutex);
    n_cleared = sdm_emu_faults_clear(emu->faults, device);
    pthread_mutex_unlock(&emu->mutex);
    result = sdm_json_new_object();
    sdm_json_set_integer(result, "cleared", n_cleared);
    return result;
}

static struct sdm_json *list(void *user, const struct sdm_json *args, GError **error)
{
    (void)args;
    (void)error;
    return sdm_emu_status_faults(((struct sdm_emu_operator *)user)->emu);
}

static struct sdm_json *set_dead(struct sdm_emu_operator *operator_, const struct sdm_json *args,
                                 bool dead, GError **error)
{
    struct sdm_emu *emu = operator_->emu;
    struct sdm_emu_device *device;
    const char *id;
    bool saved;

    if (!sdm_json_get_string(args, "device", &id, error)) {
        return NULL;
    }
    device = sdm_emu_rack_find(emu->rack, id);
    if (device == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "no device '%s'", id);
        return NULL;
    }
    pthread_mutex_lock(&emu->mutex);
    device->dead = dead;
    saved = sdm_emu_store_save(emu, error);
    pthread_mutex_unlock(&emu->mutex);
    if (dead) {
        sdm_emu_sessions_close_device(operator_->sessions, device);
        sdm_emu_rmc_server_close_device(operator_->rmc_server, device);
    }
    sdm_log_event(SDM_LOG_INFO, dead ? "device-died" : "device-revived",
                  sdm_log_text("device", id));
    return saved ? sdm_json_new_object() : NULL;
}

static struct sdm_json *die(void *user, const struct sdm_json *args, GError **error)
{
    return set_dead(user, args, true, error);
}

static struct sdm_json *revive(void *user, const struct sdm_json *args, GError **error)
{
    return set_dead(user, args, false, error);
}

static struct sdm_json *reset(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_emu *emu = ((struct sdm_emu_operator *)user)->emu;
    bool saved;

    (void)args;
    pthread_mutex_lock(&emu->mutex);
    memset(&emu->counters, 0, sizeof emu->counters);
    g_array_set_size(emu->cuts, 0);
    saved = sdm_emu_store_save(emu, error);
    pthread_mutex_unlock(&emu->mutex);
    return saved ? sdm_json_new_object() : NULL;
}

static const struct sdm_control_command commands[] = {
    {"fault-arm", "arm a fault: device, operation, action, ms, code, count", arm},
    {"fault-clear", "disarm the faults of a device, or all", clear},
    {"faults", "list the armed faults", list},
    {"die", "a device stops answering and passing data", die},
    {"revive", "a dead device works again", revive},
    {"reset-counters", "set the counters to 0", reset},
};

static void fill_status(void *user, struct sdm_json *status)
{
    struct sdm_emu_operator *operator_ = user;

    sdm_json_set_string(status, "listen", sdm_emu_sessions_address(operator_->sessions));
    sdm_emu_status_fill(operator_->emu, status);
}

void sdm_emu_operator_register(struct sdm_emu_operator *operator_, struct sdm_service *service)
{
    sdm_service_add_commands(service, commands, G_N_ELEMENTS(commands), operator_);
    sdm_service_add_status(service, fill_status, operator_);
}
