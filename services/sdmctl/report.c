#include "sdmctl/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/error.h"
#include "sdmctl/quantity.h"
#include "sdmctl/table.h"

static const char *last_part(const char *member)
{
    const char *dot = member != NULL ? strrchr(member, '.') : NULL;

    return dot != NULL ? dot + 1 : member;
}

/* The value of a use as 'nearest' would have it: '*text' replaced; "" takes a flag away. */
static void apply_nearest(const struct sdm_wire_nearest *nearest, const char *member,
                          char size[SDM_CTL_QUANTITY_SIZE], const char **text)
{
    const char *name = last_part(member);

    if (nearest == NULL || name == NULL) {
        return;
    }
    if (nearest->has_size_bytes && strcmp(name, "size_bytes") == 0) {
        *text = sdm_ctl_size_format_exact(nearest->size_bytes, size);
    } else if (nearest->has_latency_class && strcmp(name, "latency_class") == 0) {
        *text = sdm_latency_class_name(nearest->latency_class);
    } else if (nearest->has_contiguous && strcmp(name, "contiguous") == 0) {
        *text = nearest->contiguous ? "yes" : NULL;
    } else if (nearest->has_compute_brick &&
               (strcmp(name, "compute_bricks") == 0 || strcmp(name, "compute_brick") == 0)) {
        *text = nearest->compute_brick;
    }
}

static void append_word(GString *line, const char *word)
{
    static const char plain[] = "-_./:,=@%+"
                                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    g_autofree char *quoted = NULL;

    if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
        g_string_append(line, word);
    } else {
        quoted = g_shell_quote(word);
        g_string_append(line, quoted);
    }
}

char *sdm_ctl_command_line(const struct sdm_ctl_args *args, const struct sdm_wire_nearest *nearest,
                           bool with_key)
{
    const struct sdm_ctl_command *command = args->command;
    GString *line = g_string_new("sdmctl ");
    char size[SDM_CTL_QUANTITY_SIZE];

    g_string_append(line, command->name);
    for (size_t i = 0; i < command->n_uses; i++) {
        const struct sdm_ctl_use *use = &command->uses[i];
        const char *text = args->values[i];

        apply_nearest(nearest, use->member, size, &text);
        if (text == NULL || (!with_key && strcmp(use->parameter->name, "key") == 0)) {
            continue;
        }
        g_string_append_c(line, ' ');
        if (!use->is_argument) {
            g_string_append_printf(line, "--%s", use->parameter->name);
        }
        if (!use->is_argument && use->parameter->kind != SDM_CTL_FLAG) {
            g_string_append_c(line, '=');
        }
        if (use->parameter->kind != SDM_CTL_FLAG) {
            append_word(line, text);
        }
    }
    return g_string_free(line, FALSE);
}

static void print_stages(const struct sdm_error *refusal)
{
    g_autoptr(sdm_ctl_table) table = sdm_ctl_table_new("STAGE|>BRICKS LEFT|>FREE ON THEM");
    const struct sdm_ctl_screen plain = {0};
    g_autofree char *text = NULL;

    for (size_t i = 0; refusal->has_stages && i < refusal->n_stages; i++) {
        sdm_ctl_table_add(table, sdm_stage_stage_name(refusal->stages[i].stage));
        sdm_ctl_table_add_format(table, "%" PRIu64, refusal->stages[i].n_left);
        sdm_ctl_table_add_size(table, refusal->stages[i].free_bytes);
    }
    text = sdm_ctl_table_format(table, &plain, 2);
    fputs(text, stderr);
}

static bool is_unsettled(const GError *error)
{
    return error->domain == SDM_UNAVAILABLE ||
           g_error_matches(error, SDM_ERROR, SDM_ERROR_TIMEOUT) ||
           g_error_matches(error, SDM_ERROR, SDM_ERROR_INTERNAL) ||
           g_error_matches(error, SDM_ERROR, SDM_ERROR_UNAVAILABLE);
}

/* Each member of 'nearest' is a way out of its own, with everything else as asked. */
static void print_nearest(const struct sdm_wire_nearest *nearest, const struct sdm_ctl_args *args)
{
    const struct sdm_wire_nearest ways[] = {
        {.has_size_bytes = nearest->has_size_bytes && nearest->size_bytes > 0,
         .size_bytes = nearest->size_bytes},
        {.has_latency_class = nearest->has_latency_class, .latency_class = nearest->latency_class},
        {.has_contiguous = nearest->has_contiguous, .contiguous = nearest->contiguous},
        {.has_compute_brick = nearest->has_compute_brick},
    };
    const char *lead = "nearest that fits";

    for (size_t i = 0; i < G_N_ELEMENTS(ways); i++) {
        struct sdm_wire_nearest way = ways[i];
        g_autofree char *line = NULL;

        if (!way.has_size_bytes && !way.has_latency_class && !way.has_contiguous &&
            !way.has_compute_brick) {
            continue;
        }
        memcpy(way.compute_brick, nearest->compute_brick, sizeof way.compute_brick);
        line = sdm_ctl_command_line(args, &way, false);
        fprintf(stderr, "%s: %s\n", lead, line);
        lead = "or";
    }
}

static void print_details(const struct sdm_error *refusal, const struct sdm_ctl_args *args)
{
    print_stages(refusal);
    if (refusal->has_nearest && args != NULL) {
        print_nearest(&refusal->nearest, args);
    }
    if (refusal->has_reached) {
        fprintf(stderr, "reached: %s; the request goes on\n",
                sdm_wait_level_name(refusal->reached));
    }
    if (refusal->has_reservation) {
        fprintf(stderr, "look again: sdmctl show %s\n", refusal->reservation);
    }
}

static enum sdm_ctl_exit exit_of(const struct sdm_ctl *ctl, const GError *error)
{
    if (error->domain == SDM_CTL_USAGE) {
        return SDM_CTL_EXIT_USAGE;
    }
    if (error->domain == SDM_UNAVAILABLE && ctl->client != NULL &&
        sdm_amqp_client_was_refused(ctl->client)) {
        return SDM_CTL_EXIT_FULL;
    }
    if (is_unsettled(error)) {
        return SDM_CTL_EXIT_UNAVAILABLE;
    }
    if (error->domain == SDM_ERROR) {
        return ctl->is_refused ? SDM_CTL_EXIT_REFUSED : SDM_CTL_EXIT_USAGE;
    }
    return SDM_CTL_EXIT_UNAVAILABLE;
}

static void print_json(const struct sdm_ctl *ctl, const GError *error)
{
    struct sdm_error own = {.code = sdm_error_verdict(error)};
    g_autofree char *text = NULL;

    if (error->domain == SDM_CTL_USAGE) {
        own.code = SDM_ERROR_INVALID_VALUE;
    }
    g_strlcpy(own.text, error->message, sizeof own.text);
    text = sdm_codec_encode(&sdm_error_codec, ctl->is_refused ? &ctl->refusal : &own, NULL);
    printf("%s\n", text);
}

enum sdm_ctl_exit sdm_ctl_report(struct sdm_ctl *ctl, const struct sdm_ctl_args *args,
                                 const GError *error)
{
    bool is_usage = error->domain == SDM_CTL_USAGE;
    bool has_key = args != NULL && sdm_ctl_args_get(args, "key") != NULL;

    if (error->domain == SDM_CTL_TAMPERED) {
        return SDM_CTL_EXIT_TAMPERED;
    }
    if (ctl->globals.json) {
        print_json(ctl, error);
    } else if (is_usage) {
        fprintf(stderr, "sdmctl: %s\n", error->message);
    } else {
        fprintf(stderr, "sdmctl: %s: %s\n", sdm_error_code_name(sdm_error_verdict(error)),
                error->message);
    }
    if (ctl->is_refused && !ctl->globals.json) {
        print_details(&ctl->refusal, args);
    }
    if (is_usage && args != NULL) {
        fprintf(stderr, "Try 'sdmctl %s --help'.\n", args->command->name);
    }
    /* A reply that never came is found with the key that went out. */
    if (is_unsettled(error) && has_key) {
        g_autofree char *line = sdm_ctl_command_line(args, NULL, true);

        fprintf(stderr, "to repeat it safely: %s\n", line);
    }
    return exit_of(ctl, error);
}
