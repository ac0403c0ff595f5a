/* sdmctl: the operator's command line. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "sdmctl/args.h"
#include "sdmctl/help.h"
#include "sdmctl/quantity.h"
#include "sdmctl/report.h"
#include "sdmctl/session.h"

/* The libraries log for daemons; here what matters to a person comes back as an error. */
static GLogWriterOutput drop_log(GLogLevelFlags level, const GLogField *fields, gsize n_fields,
                                 gpointer user)
{
    (void)user;
    if ((level & G_LOG_LEVEL_ERROR) != 0) {
        return g_log_writer_standard_streams(level, fields, n_fields, NULL);
    }
    return G_LOG_WRITER_HANDLED;
}

static int print_text(char *text)
{
    fputs(text, stdout);
    g_free(text);
    return SDM_CTL_EXIT_OK;
}

static int print_help(const struct sdm_ctl_line *line)
{
    if (line->command != NULL) {
        return print_text(sdm_ctl_help_command(line->command));
    }
    if (line->unknown != NULL && sdm_ctl_is_group(line->unknown)) {
        return print_text(sdm_ctl_help_group(line->unknown));
    }
    return print_text(sdm_ctl_help());
}

static int print_asked(const struct sdm_ctl_line *line, const struct sdm_conf *conf,
                       enum sdm_conf_print print)
{
    if (print == SDM_CONF_PRINT_HELP) {
        return print_help(line);
    }
    if (print == SDM_CONF_PRINT_MAN) {
        return print_text(sdm_ctl_manual());
    }
    return print_text(sdm_conf_describe(&sdm_ctl_globals_table, conf, print));
}

/* What was meant to be a command, and is none. */
static int refuse_command(const struct sdm_ctl_line *line)
{
    if (line->unknown == NULL) {
        fputs("sdmctl: want a command\n", stderr);
    } else if (sdm_ctl_is_group(line->unknown)) {
        g_autofree char *text = sdm_ctl_help_group(line->unknown);

        fprintf(stderr, "sdmctl: '%s' wants one more word\n%s", line->unknown, text);
        return SDM_CTL_EXIT_USAGE;
    } else {
        fprintf(stderr, "sdmctl: unknown command '%s'\n", line->unknown);
    }
    fputs("Try 'sdmctl --help'.\n", stderr);
    return SDM_CTL_EXIT_USAGE;
}

static bool read_timeout(struct sdm_ctl *ctl, GError **error)
{
    uint64_t duration_ms;

    if (!sdm_ctl_duration_parse(ctl->globals.reply_timeout, &duration_ms, error)) {
        g_prefix_error(error, "reply-timeout: ");
        return false;
    }
    ctl->reply_timeout_ms = (unsigned)CLAMP(duration_ms, 1, 3600000);
    return true;
}

static int run_command(struct sdm_ctl *ctl, const struct sdm_ctl_line *line)
{
    struct sdm_ctl_args args;
    g_autoptr(GError) error = NULL;
    int status = SDM_CTL_EXIT_OK;

    if (!sdm_ctl_args_read(line, &args, &error) || !read_timeout(ctl, &error) ||
        !line->command->run(ctl, &args, &error)) {
        fflush(stdout);
        status = sdm_ctl_report(ctl, &args, error);
    }
    sdm_ctl_args_done(&args);
    return status;
}

static int run(const struct sdm_ctl_line *line)
{
    struct sdm_ctl ctl = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_conf) conf = NULL;
    enum sdm_conf_print print;
    int status;

    conf = sdm_conf_load(&sdm_ctl_globals_table, (int)line->globals->len - 1,
                         (char **)line->globals->pdata, environ, &ctl.globals, &print, &error);
    if (conf == NULL) {
        fprintf(stderr, "sdmctl: %s\nTry 'sdmctl --help'.\n", error->message);
        return SDM_CTL_EXIT_USAGE;
    }
    if (print != SDM_CONF_PRINT_NOTHING) {
        return print_asked(line, conf, print);
    }
    if (line->command == NULL) {
        return refuse_command(line);
    }
    ctl.screen = sdm_ctl_screen_detect(ctl.globals.ascii, ctl.globals.color);
    ctl.arena = sdm_arena_new();
    status = run_command(&ctl, line);
    sdm_amqp_client_free(ctl.client);
    sdm_arena_free(ctl.arena);
    return status;
}

int main(int argc, char **argv)
{
    struct sdm_ctl_line line;
    int status;

    setlocale(LC_ALL, "");
    g_log_set_writer_func(drop_log, NULL, NULL);
    /* "sdmctl help plan" is "sdmctl plan --help". */
    if (argc > 1 && strcmp(argv[1], "help") == 0) {
        argv[1] = (char *)"--help";
    }
    sdm_ctl_line_init(&line, argc, argv);
    status = run(&line);
    sdm_ctl_line_done(&line);
    /* A full disk or a closed pipe is no success. */
    if (fflush(stdout) != 0 && status == SDM_CTL_EXIT_OK) {
        status = SDM_CTL_EXIT_UNAVAILABLE;
    }
    return status;
}
