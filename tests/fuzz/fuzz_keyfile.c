/* Any text as the controller's file of tokens, and as a program's configuration file. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/conf/conf.h"
#include "sdm-controller/dispatcher/tokens.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct values {
    char *broker;
    int64_t prefetch;
    bool quiet;
};

static const struct sdm_conf_option options[] = {
    {"broker", SDM_CONF_URI, .text = "", .offset = offsetof(struct values, broker)},
    {"prefetch", SDM_CONF_INT, .min = 1, .max = 65535, .text = "",
     .offset = offsetof(struct values, prefetch)},
    {"quiet", SDM_CONF_BOOL, .text = "", .offset = offsetof(struct values, quiet)},
};
static const struct sdm_conf_table table = {
    .program = "p", .summary = "", .options = options, .n_options = G_N_ELEMENTS(options)};

static void read_configuration(const uint8_t *bytes, size_t size)
{
    static int fd = -1;
    g_autofree char *argument = NULL;
    char *argv[2] = {(char *)"p", NULL};
    struct values values;
    enum sdm_conf_print print;
    struct sdm_conf *conf;
    g_autoptr(GError) error = NULL;

    if (fd < 0) {
        fd = memfd_create("configuration", 0);
        g_assert(fd >= 0);
    }
    g_assert(ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
    argument = g_strdup_printf("--config=/proc/self/fd/%d", fd);
    argv[1] = argument;
    conf = sdm_conf_load(&table, 2, argv, NULL, &values, &print, &error);
    if (conf == NULL) {
        g_assert(error != NULL);
        return;
    }
    for (size_t i = 0; i < sdm_conf_get_n_settings(conf); i++) {
        g_assert(sdm_conf_get_setting(conf, i).value != NULL);
    }
    sdm_conf_free(conf);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(GError) error = NULL;
    GHashTable *callers = sdm_tokens_parse((const char *)bytes, size, &error);

    if (callers != NULL) {
        g_hash_table_unref(callers);
    }
    read_configuration(bytes, size);
    return 0;
}
