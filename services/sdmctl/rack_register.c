#include "sdmctl/rack.h"

#include <inttypes.h>
#include <stdio.h>

#include "sdmctl/batch.h"
#include "sdmctl/progress.h"
#include "sdmctl/rack_split.h"
#include "sdmctl/request.h"

static bool read_rack(struct sdm_ctl *ctl, const char *path, struct sdm_rack *rack, GError **error)
{
    g_autoptr(sdm_json) file = sdm_ctl_read_json(path, error);
    g_autoptr(GError) cause = NULL;

    if (file == NULL) {
        return false;
    }
    if (!sdm_codec_decode_value(&sdm_rack_codec, file, ctl->arena, rack, &cause)) {
        return sdm_ctl_usage(error, "%s: %s", path, cause->message);
    }
    return true;
}

static void add_up(struct sdm_s11_register_reply *sum, const struct sdm_s11_register_reply *reply)
{
    sum->n_racks += reply->n_racks;
    sum->n_trays += reply->n_trays;
    sum->n_bricks += reply->n_bricks;
    sum->n_switches += reply->n_switches;
    sum->n_links += reply->n_links;
    sum->n_unchanged += reply->n_unchanged;
}

static bool send(struct sdm_ctl *ctl, const struct sdm_s11_register *message,
                 struct sdm_s11_register_reply *sum, GError **error)
{
    g_autoptr(sdm_json) body = sdm_codec_encode_value(&sdm_s11_register_codec, message);
    const struct sdm_s11_register_reply *reply =
        sdm_ctl_call(ctl,
                     &(struct sdm_ctl_call){.type = "s11.register/1",
                                            .reply = &sdm_s11_register_reply_codec,
                                            .body = body,
                                            .awaited = "registering"},
                     error);

    if (reply == NULL) {
        return false;
    }
    add_up(sum, reply);
    return true;
}

bool sdm_ctl_rack_register(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    const char *path = sdm_ctl_args_get(args, "file");
    struct sdm_rack rack;
    struct sdm_ctl_split split = {.rack = &rack};
    struct sdm_s11_register message;
    struct sdm_s11_register_reply sum = {0};
    size_t n_sent = 0;
    size_t n_all;

    if (!read_rack(ctl, path, &rack, error)) {
        return false;
    }
    sdm_ctl_request_need_key(args);
    n_all = sdm_ctl_split_count(&rack);
    while (sdm_ctl_split_next(&split, sdm_ctl_args_get(args, "key"), &message)) {
        if (!send(ctl, &message, &sum, error)) {
            if (n_all > 1) {
                fprintf(stderr, "sdmctl: %zu of %zu messages were registered before\n", n_sent,
                        n_all);
            }
            return false;
        }
        sdm_ctl_progress_count("registering", ++n_sent, n_all);
    }
    if (!ctl->globals.json) {
        printf("New: %" PRIu64 " racks, %" PRIu64 " trays, %" PRIu64 " bricks, %" PRIu64
               " switches, %" PRIu64 " links; unchanged: %" PRIu64 " (%zu message%s)\n",
               sum.n_racks, sum.n_trays, sum.n_bricks, sum.n_switches, sum.n_links, sum.n_unchanged,
               n_all, n_all == 1 ? "" : "s");
    }
    return true;
}
