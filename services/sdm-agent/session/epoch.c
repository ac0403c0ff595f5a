#include "sdm-agent/session/epoch.h"

#include <inttypes.h>

#include "lib/base/error.h"

bool sdm_epoch_load(const char *state_dir, uint64_t *epoch, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, "epoch", NULL);
    g_autofree char *text = NULL;
    g_autoptr(GError) cause = NULL;
    char *end;
    uint64_t value;

    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        if (g_error_matches(cause, G_FILE_ERROR, G_FILE_ERROR_NOENT)) {
            *epoch = 0;
            return true;
        }
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    value = g_ascii_strtoull(text, &end, 10);
    if (end == text || (*end != '\n' && *end != '\0')) {
        return sdm_fail(error, "'%s' holds '%.40s', not an epoch", path, text);
    }
    *epoch = value;
    return true;
}

bool sdm_epoch_save(const char *state_dir, uint64_t epoch, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, "epoch", NULL);
    g_autofree char *text = g_strdup_printf("%" PRIu64 "\n", epoch);

    return g_file_set_contents_full(
        path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600, error);
}
