#include "sdm-agent/fake_commands.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/base/id.h"

static bool get_vm(const struct sdm_json *args, const char **vm, GError **error)
{
    if (!sdm_json_get_string(args, "vm", vm, error)) {
        return false;
    }
    return sdm_uuid_is_valid(*vm) ||
           sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "'%.64s' is no UUID", *vm);
}

static struct sdm_json *vm_start(void *user, const struct sdm_json *args, GError **error)
{
    const char *vm;
    const char *name;
    int64_t n_slots;
    int64_t memory_bytes;
    int64_t max_memory_bytes;

    if (!get_vm(args, &vm, error) || !sdm_json_get_string(args, "name", &name, error) ||
        !sdm_json_get_integer(args, "n_slots", &n_slots, error) ||
        !sdm_json_get_integer(args, "memory_bytes", &memory_bytes, error) ||
        !sdm_json_get_integer(args, "max_memory_bytes", &max_memory_bytes, error)) {
        return NULL;
    }
    sdm_fake_vm_start(user, vm, name, (unsigned)CLAMP(n_slots, 0, 256),
                      (uint64_t)MAX(memory_bytes, 0), (uint64_t)MAX(max_memory_bytes, 0));
    return sdm_json_new_object();
}

static struct sdm_json *vm_stop(void *user, const struct sdm_json *args, GError **error)
{
    const char *vm;

    if (!get_vm(args, &vm, error)) {
        return NULL;
    }
    sdm_fake_vm_stop(user, vm);
    return sdm_json_new_object();
}

static struct sdm_json *vm_behave(void *user, const struct sdm_json *args, GError **error)
{
    static const char *const words[] = {"willing", "busy", "slow", "deaf"};
    const char *vm;
    const char *word;

    if (!get_vm(args, &vm, error) || !sdm_json_get_string(args, "behaviour", &word, error)) {
        return NULL;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcmp(words[i], word) == 0) {
            sdm_fake_vm_behave(user, vm, (enum sdm_fake_guest)i);
            return sdm_json_new_object();
        }
    }
    sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "no behaviour '%.32s'", word);
    return NULL;
}

static struct sdm_json *pin(void *user, const struct sdm_json *args, GError **error)
{
    bool is_pinned;

    if (!sdm_json_get_boolean(args, "is_pinned", &is_pinned, error)) {
        return NULL;
    }
    sdm_fake_host_pin(user, is_pinned);
    return sdm_json_new_object();
}

static struct sdm_json *arm(void *user, const struct sdm_json *args, GError **error)
{
    const char *point;
    int64_t n;

    if (!sdm_json_get_string(args, "point", &point, error) ||
        !sdm_json_get_integer(args, "n", &n, error) ||
        !sdm_fake_arm(user, point, (unsigned)CLAMP(n, 0, 1000000),
                      sdm_json_as_boolean(sdm_json_member(args, "late")),
                      sdm_json_as_boolean(sdm_json_member(args, "unavailable")), error)) {
        return NULL;
    }
    return sdm_json_new_object();
}

static struct sdm_json *show(void *user, const struct sdm_json *args, GError **error)
{
    struct sdm_json *result = sdm_json_new_object();

    (void)args;
    (void)error;
    sdm_json_set_integer(result, "n_violations", sdm_fake_n_violations(user));
    return result;
}

void sdm_fake_commands_add(struct sdm_service *service, struct sdm_fake *fake)
{
    static const struct sdm_control_command commands[] = {
        {"fake-vm-start", "a fake guest starts", vm_start},
        {"fake-vm-stop", "a fake guest stops", vm_stop},
        {"fake-vm", "how a fake guest behaves", vm_behave},
        {"fake-pin", "host memory stays online, or not", pin},
        {"fake-arm", "the next calls of a point fail", arm},
        {"fake-show", "how often a rule was broken", show},
    };

    sdm_service_add_commands(service, commands, G_N_ELEMENTS(commands), fake);
}
