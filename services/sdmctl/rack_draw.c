/* `rack show`: a box a tray, a line a brick, the circuits below. */
#include "sdmctl/rack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdmctl/plan.h"
#include "sdmctl/quantity.h"
#include "sdmctl/rack_view.h"

#define BAR_MIN 10
#define BAR_MAX 32
/* Columns of what stands between a memory brick's power and its bar. */
#define FIGURE_COLUMNS 15
/* Edges of a box, and a space beside each. */
#define EDGE_COLUMNS 4

struct drawing {
    const struct sdm_ctl_screen *screen;
    const struct sdm_s11_show_reply *view;
    size_t width;     /* of a box, its edges counted */
    size_t bar_width; /* of every memory brick's bar */
    size_t id_width;  /* of the longest id */
    GString *out;
};

static void append_signs(const struct drawing *drawing, enum sdm_ctl_sign sign, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        g_string_append(drawing->out, sdm_ctl_sign(drawing->screen, sign));
    }
}

/* Columns of 'part' of 'whole'; what is not nothing shows. */
static size_t share(uint64_t part, uint64_t whole, size_t columns)
{
    size_t n = whole == 0 ? 0 : (size_t)((unsigned __int128)part * columns / whole);

    return part > 0 && n == 0 ? 1 : MIN(n, columns);
}

static char *format_bar(const struct drawing *drawing, const struct sdm_wire_brick_status *brick)
{
    size_t columns = drawing->bar_width;
    const struct {
        uint64_t bytes;
        enum sdm_ctl_sign sign;
        enum sdm_ctl_colour colour;
    } parts[] = {
        {brick->live_bytes, SDM_CTL_SIGN_FULL, SDM_CTL_BLUE},
        {brick->scrubbing_bytes, SDM_CTL_SIGN_SCRUBBING, SDM_CTL_YELLOW},
        {brick->quarantined_bytes, SDM_CTL_SIGN_QUARANTINED, SDM_CTL_RED},
    };
    GString *bar = g_string_new(NULL);
    size_t n_left = columns;

    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        size_t n = MIN(share(parts[i].bytes, brick->capacity_bytes, columns), n_left);

        n_left -= n;
        g_string_append(bar, n > 0 ? sdm_ctl_colour(drawing->screen, parts[i].colour) : "");
        for (size_t j = 0; j < n; j++) {
            g_string_append(bar, sdm_ctl_sign(drawing->screen, parts[i].sign));
        }
        g_string_append(bar, n > 0 ? sdm_ctl_colour(drawing->screen, SDM_CTL_PLAIN) : "");
    }
    for (; n_left > 0; n_left--) {
        g_string_append(bar, sdm_ctl_sign(drawing->screen, SDM_CTL_SIGN_FREE));
    }
    return g_string_free(bar, FALSE);
}

static void append_box_line(const struct drawing *drawing, const char *text)
{
    append_signs(drawing, SDM_CTL_SIGN_VERTICAL, 1);
    g_string_append_c(drawing->out, ' ');
    sdm_ctl_append_fitted(drawing->out, text, drawing->width - EDGE_COLUMNS);
    g_string_append_c(drawing->out, ' ');
    append_signs(drawing, SDM_CTL_SIGN_VERTICAL, 1);
    g_string_append_c(drawing->out, '\n');
}

/* What a brick gives or uses: of memory bricks the bar, of others in words. */
static char *format_use(const struct drawing *drawing, const struct sdm_wire_brick_status *brick)
{
    char used[SDM_CTL_QUANTITY_SIZE];
    char whole[SDM_CTL_QUANTITY_SIZE];
    g_autofree char *figures = NULL;
    g_autofree char *bar = NULL;

    switch (brick->kind) {
    case SDM_BRICK_KIND_COMPUTE:
        return g_strdup_printf("%s own + %s remote%s",
                               sdm_ctl_size_format(brick->local_bytes, whole),
                               sdm_ctl_size_format(brick->attached_bytes, used),
                               brick->has_connected && !brick->connected ? ", agent silent" : "");
    case SDM_BRICK_KIND_ACCELERATOR:
        return g_strdup_printf("%s, %s",
                               brick->has_accelerator_kind ? brick->accelerator_kind : "?",
                               brick->has_reservation ? "held" : "free");
    case SDM_BRICK_KIND_MEMORY:
        break;
    }
    bar = format_bar(drawing, brick);
    figures = g_strdup_printf("%s/%s", sdm_ctl_size_format(brick->live_bytes, used),
                              sdm_ctl_size_format(brick->capacity_bytes, whole));
    return g_strdup_printf("%-*s %s", FIGURE_COLUMNS, figures, bar);
}

/* What stands before its use. */
static char *format_head(const struct drawing *drawing, const struct sdm_wire_brick_status *brick)
{
    GString *line = g_string_new(NULL);
    char power[SDM_CTL_QUANTITY_SIZE];

    sdm_ctl_append_fitted(line, brick->id, drawing->id_width);
    g_string_append_printf(line, "  %-11s  %s%-9s%s  ", sdm_brick_kind_name(brick->kind),
                           sdm_ctl_colour(drawing->screen, sdm_ctl_brick_colour(brick)),
                           sdm_ctl_brick_condition(brick),
                           sdm_ctl_colour(drawing->screen, SDM_CTL_PLAIN));
    g_string_append_printf(line, "%" PRIu64 "/%" PRIu64 " ports  %6s  ", brick->n_ports_used,
                           brick->n_ports, sdm_ctl_power_format(brick->power_mw, power));
    return g_string_free(line, FALSE);
}

static char *format_brick(const struct drawing *drawing, const struct sdm_wire_brick_status *brick)
{
    g_autofree char *head = format_head(drawing, brick);
    g_autofree char *use = format_use(drawing, brick);

    return g_strconcat(head, use, NULL);
}

static char *format_switch(const struct drawing *drawing,
                           const struct sdm_wire_switch_status *device)
{
    GString *line = g_string_new(NULL);

    sdm_ctl_append_fitted(line, device->id, drawing->id_width);
    g_string_append_printf(
        line, "  %-11s  %-9s  %" PRIu64 "/%" PRIu64 " ports%s", sdm_switch_kind_name(device->kind),
        device->state == SDM_BRICK_STATE_ACTIVE ? "switch" : sdm_brick_state_name(device->state),
        device->n_ports_used, device->n_ports,
        device->have_generation < device->want_generation ? ", changing" : "");
    return g_string_free(line, FALSE);
}

static void append_tray(const struct drawing *drawing, const char *tray)
{
    const struct sdm_s11_show_reply *view = drawing->view;
    size_t title = sdm_ctl_columns(tray) + 4;

    append_signs(drawing, SDM_CTL_SIGN_TOP_LEFT, 1);
    append_signs(drawing, SDM_CTL_SIGN_HORIZONTAL, 1);
    g_string_append_printf(drawing->out, " %s%s%s ", sdm_ctl_colour(drawing->screen, SDM_CTL_BOLD),
                           tray, sdm_ctl_colour(drawing->screen, SDM_CTL_PLAIN));
    append_signs(drawing, SDM_CTL_SIGN_HORIZONTAL,
                 drawing->width > title + 1 ? drawing->width - title - 1 : 0);
    append_signs(drawing, SDM_CTL_SIGN_TOP_RIGHT, 1);
    g_string_append_c(drawing->out, '\n');
    for (size_t i = 0; i < view->n_bricks; i++) {
        if (strcmp(view->bricks[i].tray, tray) == 0) {
            g_autofree char *line = format_brick(drawing, &view->bricks[i]);

            append_box_line(drawing, line);
        }
    }
    for (size_t i = 0; i < view->n_switches; i++) {
        if (view->switches[i].has_tray && strcmp(view->switches[i].tray, tray) == 0) {
            g_autofree char *line = format_switch(drawing, &view->switches[i]);

            append_box_line(drawing, line);
        }
    }
    append_signs(drawing, SDM_CTL_SIGN_BOTTOM_LEFT, 1);
    append_signs(drawing, SDM_CTL_SIGN_HORIZONTAL, drawing->width - 2);
    append_signs(drawing, SDM_CTL_SIGN_BOTTOM_RIGHT, 1);
    g_string_append_c(drawing->out, '\n');
}

static void append_circuits(const struct drawing *drawing)
{
    const struct sdm_s11_show_reply *view = drawing->view;

    if (view->n_circuits > 0) {
        g_string_append(drawing->out, "Circuits:\n");
    }
    for (size_t i = 0; i < view->n_circuits; i++) {
        const struct sdm_wire_circuit_status *circuit = &view->circuits[i];
        struct sdm_wire_path path = circuit->path;
        g_autofree char *text = NULL;

        path.shared = false;
        text = sdm_ctl_path_format(drawing->screen, circuit->compute_brick, &path);
        g_string_append_printf(drawing->out, "  %s, %" PRIu64 " window%s%s\n", text,
                               circuit->n_windows, circuit->n_windows == 1 ? "" : "s",
                               circuit->up ? "" : ", not up yet");
    }
}

static void append_head(const struct drawing *drawing, const char *rack)
{
    const struct sdm_s11_show_reply *view = drawing->view;
    char live[SDM_CTL_QUANTITY_SIZE];
    char capacity[SDM_CTL_QUANTITY_SIZE];
    char power[SDM_CTL_QUANTITY_SIZE];
    char unit[SDM_CTL_QUANTITY_SIZE];

    g_string_append_printf(drawing->out, "%s%s%s: %s of %s owned, %s, segment unit %s\n",
                           sdm_ctl_colour(drawing->screen, SDM_CTL_BOLD), rack,
                           sdm_ctl_colour(drawing->screen, SDM_CTL_PLAIN),
                           sdm_ctl_size_format(view->live_bytes, live),
                           sdm_ctl_size_format(view->capacity_bytes, capacity),
                           sdm_ctl_power_format(view->power_mw, power),
                           sdm_ctl_size_format(view->segment_unit_bytes, unit));
}

static size_t longest_id(const struct sdm_s11_show_reply *view)
{
    size_t longest = 0;

    for (size_t i = 0; i < view->n_bricks; i++) {
        longest = MAX(longest, strlen(view->bricks[i].id));
    }
    for (size_t i = 0; i < view->n_switches; i++) {
        longest = MAX(longest, strlen(view->switches[i].id));
    }
    return longest;
}

/* As wide as the screen, or wider where a line needs it: what is cut off says nothing. */
static void measure(struct drawing *drawing)
{
    const struct sdm_s11_show_reply *view = drawing->view;
    size_t needed = 0;
    size_t head_width = 0;
    size_t left;

    drawing->bar_width = BAR_MIN;
    for (size_t i = 0; i < view->n_bricks; i++) {
        g_autofree char *head = format_head(drawing, &view->bricks[i]);
        g_autofree char *line = format_brick(drawing, &view->bricks[i]);

        needed = MAX(needed, sdm_ctl_columns(line));
        head_width = MAX(head_width, sdm_ctl_columns(head));
    }
    for (size_t i = 0; i < view->n_switches; i++) {
        g_autofree char *line = format_switch(drawing, &view->switches[i]);

        needed = MAX(needed, sdm_ctl_columns(line));
    }
    drawing->width = MAX(drawing->screen->width, needed + EDGE_COLUMNS);
    left = drawing->width - EDGE_COLUMNS;
    left -= MIN(left, head_width + FIGURE_COLUMNS + 1);
    drawing->bar_width = CLAMP(left, BAR_MIN, BAR_MAX);
}

static void draw(struct sdm_ctl *ctl, const char *rack, const struct sdm_s11_show_reply *view)
{
    g_autoptr(GString) out = g_string_new(NULL);
    struct drawing drawing = {
        .screen = &ctl->screen, .view = view, .id_width = longest_id(view), .out = out};

    measure(&drawing);
    append_head(&drawing, rack);
    for (size_t i = 0; i < view->n_trays; i++) {
        if (strcmp(view->trays[i].rack, rack) == 0) {
            append_tray(&drawing, view->trays[i].id);
        }
    }
    for (size_t i = 0; i < view->n_switches; i++) {
        if (!view->switches[i].has_tray) {
            g_autofree char *line = format_switch(&drawing, &view->switches[i]);

            g_string_append_printf(out, "  %s\n", line);
        }
    }
    append_circuits(&drawing);
    fputs(out->str, stdout);
}

bool sdm_ctl_rack_show(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    return sdm_ctl_rack_each(ctl, args, draw, error);
}
