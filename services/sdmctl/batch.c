#include "sdmctl/batch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sdmctl/request.h"
#include "sdmctl/reservation.h"
#include "wire/s10.h"

/* A rack of a million bricks is 300 MB of text. */
static const struct sdm_json_limits file_limits = {.size_bytes = (size_t)1 << 30, .n_levels = 32};

static bool read_stream(FILE *stream, GString *text)
{
    char buffer[65536];
    size_t size;

    /* What is longer than its reader takes is refused there; a stream need not end. */
    while (text->len <= file_limits.size_bytes &&
           (size = fread(buffer, 1, sizeof buffer, stream)) > 0) {
        g_string_append_len(text, buffer, (gssize)size);
    }
    return ferror(stream) == 0;
}

struct sdm_json *sdm_ctl_read_json(const char *path, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autoptr(GError) cause = NULL;
    struct sdm_json *value;
    bool ok;

    if (strcmp(path, "-") == 0) {
        ok = read_stream(stdin, text);
    } else {
        FILE *file = fopen(path, "re");

        ok = file != NULL && read_stream(file, text);
        if (file != NULL) {
            fclose(file);
        }
    }
    if (!ok) {
        sdm_ctl_usage(error, "cannot read '%s': %s", path, g_strerror(errno));
        return NULL;
    }
    value = sdm_json_parse(text->str, text->len, &file_limits, &cause);
    if (value == NULL) {
        sdm_ctl_usage(error, "%s: %s", path, cause->message);
    }
    return value;
}

bool sdm_ctl_batch(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    g_autoptr(sdm_json) file = sdm_ctl_read_json(sdm_ctl_args_get(args, "file"), error);
    g_autoptr(sdm_json) body = NULL;
    const struct sdm_s10_batch_reply *reply;
    struct sdm_json *operations;

    if (file == NULL) {
        return false;
    }
    /* The whole message is taken as well as its list alone. */
    operations =
        sdm_json_kind(file) == SDM_JSON_OBJECT ? sdm_json_member(file, "operations") : file;
    if (operations == NULL) {
        return sdm_ctl_usage(error, "want a list, or an object with 'operations'");
    }
    body = sdm_ctl_request_make_with(ctl, args, "operations", operations, error);
    if (body == NULL) {
        return false;
    }
    reply = sdm_ctl_call(ctl,
                         &(struct sdm_ctl_call){.type = args->command->type,
                                                .reply = args->command->reply,
                                                .body = body,
                                                .awaited = "batch: waiting for the controller"},
                         error);
    if (reply == NULL) {
        return false;
    }
    if (!ctl->globals.json) {
        sdm_ctl_reservations_print(ctl, reply->reservations, reply->n_reservations);
    }
    return true;
}
