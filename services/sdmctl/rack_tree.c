/* `rack tree`: what holds what, a line each. */
#include "sdmctl/rack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdmctl/quantity.h"
#include "sdmctl/rack_view.h"

static char *format_brick(const struct sdm_wire_brick_status *brick)
{
    char used[SDM_CTL_QUANTITY_SIZE];
    char whole[SDM_CTL_QUANTITY_SIZE];

    switch (brick->kind) {
    case SDM_BRICK_KIND_MEMORY:
        return g_strdup_printf("%s  memory %s of %s owned, %s", brick->id,
                               sdm_ctl_size_format(brick->live_bytes, used),
                               sdm_ctl_size_format(brick->capacity_bytes, whole),
                               sdm_ctl_brick_condition(brick));
    case SDM_BRICK_KIND_COMPUTE:
        return g_strdup_printf("%s  compute %s remote, %s", brick->id,
                               sdm_ctl_size_format(brick->attached_bytes, used),
                               sdm_ctl_brick_condition(brick));
    case SDM_BRICK_KIND_ACCELERATOR:
        break;
    }
    return g_strdup_printf("%s  accelerator %s %s, %s", brick->id,
                           brick->has_accelerator_kind ? brick->accelerator_kind : "?",
                           brick->has_reservation ? "held" : "free",
                           sdm_ctl_brick_condition(brick));
}

static char *format_switch(const struct sdm_wire_switch_status *device)
{
    return g_strdup_printf("%s  %s switch, %" PRIu64 " of %" PRIu64 " ports used", device->id,
                           sdm_switch_kind_name(device->kind), device->n_ports_used,
                           device->n_ports);
}

/* The children's texts under a stem; the last one has another branch. */
static void print_children(const struct sdm_ctl_screen *screen, const char *stem,
                           const GPtrArray *children)
{
    for (guint i = 0; i < children->len; i++) {
        bool is_last = i + 1 == children->len;

        printf("%s%s%s\n", stem,
               sdm_ctl_sign(screen, is_last ? SDM_CTL_SIGN_LAST_BRANCH : SDM_CTL_SIGN_BRANCH),
               (const char *)children->pdata[i]);
    }
}

static GPtrArray *list_tray(const struct sdm_s11_show_reply *view, const char *tray)
{
    GPtrArray *children = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < view->n_bricks; i++) {
        if (strcmp(view->bricks[i].tray, tray) == 0) {
            g_ptr_array_add(children, format_brick(&view->bricks[i]));
        }
    }
    for (size_t i = 0; i < view->n_switches; i++) {
        if (view->switches[i].has_tray && strcmp(view->switches[i].tray, tray) == 0) {
            g_ptr_array_add(children, format_switch(&view->switches[i]));
        }
    }
    return children;
}

static void show_tree(struct sdm_ctl *ctl, const char *rack, const struct sdm_s11_show_reply *view)
{
    g_autoptr(GPtrArray) switches = g_ptr_array_new_with_free_func(g_free);

    for (size_t i = 0; i < view->n_switches; i++) {
        if (!view->switches[i].has_tray && view->switches[i].has_rack &&
            strcmp(view->switches[i].rack, rack) == 0) {
            g_ptr_array_add(switches, format_switch(&view->switches[i]));
        }
    }
    printf("%s\n", rack);
    for (size_t i = 0; i < view->n_trays; i++) {
        bool is_last = i + 1 == view->n_trays && switches->len == 0;
        g_autoptr(GPtrArray) children = list_tray(view, view->trays[i].id);

        printf("%s%s\n",
               sdm_ctl_sign(&ctl->screen, is_last ? SDM_CTL_SIGN_LAST_BRANCH : SDM_CTL_SIGN_BRANCH),
               view->trays[i].id);
        print_children(&ctl->screen,
                       is_last ? "    " : sdm_ctl_sign(&ctl->screen, SDM_CTL_SIGN_STEM), children);
    }
    print_children(&ctl->screen, "", switches);
}

bool sdm_ctl_rack_tree(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    return sdm_ctl_rack_each(ctl, args, show_tree, error);
}
