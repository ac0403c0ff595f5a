/* Any lines as the arguments of sdmctl; and each as a size and as a duration: what is accepted is
 * written so that it reads back. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/error.h"
#include "sdmctl/args.h"
#include "sdmctl/quantity.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_quantities(const char *word)
{
    char text[SDM_CTL_QUANTITY_SIZE];
    uint64_t value;
    uint64_t again;

    if (sdm_ctl_size_parse(word, &value, NULL)) {
        sdm_ctl_size_format_exact(value, text);
        g_assert(sdm_ctl_size_parse(text, &again, NULL) && again == value);
        sdm_ctl_size_format(value, text);
    }
    if (sdm_ctl_duration_parse(word, &value, NULL)) {
        sdm_ctl_duration_format(value, text);
    }
}

static void read_line(int argc, char **argv)
{
    struct sdm_ctl_line line;
    struct sdm_ctl_globals globals;
    struct sdm_ctl_args args;
    enum sdm_conf_print print;
    g_autoptr(GError) error = NULL;
    char *const environment[] = {NULL};
    struct sdm_conf *conf;

    sdm_ctl_line_init(&line, argc, argv);
    conf = sdm_conf_load(&sdm_ctl_globals_table, (int)line.globals->len - 1,
                         (char **)line.globals->pdata, environment, &globals, &print, &error);
    g_assert(conf != NULL || error != NULL);
    g_clear_error(&error);
    if (line.command != NULL) {
        g_assert(sdm_ctl_args_read(&line, &args, &error) || error != NULL);
        sdm_ctl_args_done(&args);
    }
    sdm_conf_free(conf);
    sdm_ctl_line_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autofree char *text = g_strndup((const char *)bytes, size);
    g_autofree char *whole = g_strconcat("sdmctl\n", text, NULL);
    g_auto(GStrv) argv = g_strsplit(whole, "\n", 64);

    for (char **word = argv + 1; *word != NULL; word++) {
        check_quantities(*word);
    }
    read_line((int)g_strv_length(argv), argv);
    return 0;
}
