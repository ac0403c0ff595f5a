#include "sdmctl/rack_view.h"

#include <stdio.h>

const struct sdm_s11_show_reply *sdm_ctl_rack_ask(struct sdm_ctl *ctl, const char *rack,
                                                  GError **error)
{
    g_autoptr(sdm_json) body = sdm_json_new_object();

    if (rack != NULL) {
        sdm_json_set_string(body, "rack", rack);
    }
    return sdm_ctl_call(ctl,
                        &(struct sdm_ctl_call){.type = "s11.show/1",
                                               .reply = &sdm_s11_show_reply_codec,
                                               .body = body,
                                               .awaited = "asking for the rack"},
                        error);
}

bool sdm_ctl_rack_each(struct sdm_ctl *ctl, const struct sdm_ctl_args *args,
                       void (*show)(struct sdm_ctl *ctl, const char *rack,
                                    const struct sdm_s11_show_reply *view),
                       GError **error)
{
    const char *rack = sdm_ctl_args_get(args, "rack");
    const struct sdm_s11_show_reply *view = sdm_ctl_rack_ask(ctl, rack, error);

    if (view == NULL || ctl->globals.json) {
        return view != NULL;
    }
    if (rack != NULL) {
        show(ctl, rack, view);
        return true;
    }
    for (size_t i = 0; i < view->n_racks; i++) {
        const struct sdm_s11_show_reply *one = sdm_ctl_rack_ask(ctl, view->racks[i].id, error);

        if (one == NULL) {
            return false;
        }
        if (i > 0) {
            putchar('\n');
        }
        show(ctl, view->racks[i].id, one);
    }
    if (view->n_racks == 0) {
        printf("No racks are registered.\n");
    }
    return true;
}

const char *sdm_ctl_brick_condition(const struct sdm_wire_brick_status *brick)
{
    if (brick->state != SDM_BRICK_STATE_ACTIVE) {
        return sdm_brick_state_name(brick->state);
    }
    if (brick->have_power != brick->want_power) {
        return brick->want_power == SDM_POWER_STATE_ON ? "waking" : "going off";
    }
    return sdm_power_state_name(brick->have_power);
}

enum sdm_ctl_colour sdm_ctl_brick_colour(const struct sdm_wire_brick_status *brick)
{
    if (brick->state != SDM_BRICK_STATE_ACTIVE || brick->quarantined_bytes > 0) {
        return SDM_CTL_RED;
    }
    return brick->have_power == SDM_POWER_STATE_ON ? SDM_CTL_GREEN : SDM_CTL_DIM;
}
