/* Any bytes as lines to a control socket: each is answered by one line, and the socket lives on. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/svc/control.h"
#include "lib/svc/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static struct sdm_json *handle_level(void *user, const struct sdm_json *args, GError **error)
{
    const char *level;

    (void)user;
    if (!sdm_json_get_string(args, "level", &level, error) ||
        !sdm_log_set_level_by_name(level, error)) {
        return NULL;
    }
    return sdm_json_new_object();
}

static struct sdm_json *handle_echo(void *user, const struct sdm_json *args, GError **error)
{
    (void)user;
    (void)error;
    return sdm_json_ref(args);
}

static struct sdm_control *make_control(void)
{
    static const struct sdm_control_command commands[] = {
        {"log", "sets the level", handle_level},
        {"echo", "says what it was told", handle_echo},
    };
    g_autofree char *path = g_strdup_printf("/tmp/sdm-fuzz-control.%d", getpid());
    struct sdm_control *control = sdm_control_new(path, NULL);

    g_assert(control != NULL);
    sdm_control_add(control, commands, G_N_ELEMENTS(commands), NULL);
    return control;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static struct sdm_control *control;
    const uint8_t *end = bytes + size;

    if (control == NULL) {
        control = make_control();
    }
    while (bytes < end) {
        const uint8_t *feed = memchr(bytes, '\n', (size_t)(end - bytes));
        size_t length = (size_t)((feed != NULL ? feed : end) - bytes);
        g_autoptr(sdm_json) answer = sdm_control_answer(control, (const char *)bytes, length);
        g_autofree char *text = sdm_json_write(answer, SDM_JSON_COMPACT, NULL);
        bool ok;

        g_assert(strchr(text, '\n') == NULL);
        g_assert(sdm_json_get_boolean(answer, "ok", &ok, NULL));
        bytes += length + 1;
    }
    return 0;
}
