#include <criterion/criterion.h>
#include <criterion/redirect.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/conf/conf.h"

struct values {
    char *broker;
    char *mode;
    char *folder;
    char *password;
    bool quiet;
    int64_t prefetch;
    int64_t size_bytes;
};

static const char *const modes[] = {"host", "vm", NULL};

static const struct sdm_conf_option options[] = {
    {"broker", SDM_CONF_URI, .fallback = "amqp://127.0.0.1", .text = "where the broker is",
     .offset = offsetof(struct values, broker)},
    {"mode", SDM_CONF_STRING, .letter = 'm', .fallback = "vm", .words = modes,
     .text = "how memory is used", .offset = offsetof(struct values, mode)},
    {"folder", SDM_CONF_PATH, .text = "where things are",
     .offset = offsetof(struct values, folder)},
    {"password-file", SDM_CONF_SECRET_FILE, .text = "holds the password",
     .offset = offsetof(struct values, password)},
    {"quiet", SDM_CONF_BOOL, .letter = 'q', .fallback = "no", .text = "says less",
     .offset = offsetof(struct values, quiet)},
    {"prefetch", SDM_CONF_INT, .unit = "messages", .fallback = "512", .min = 1, .max = 65535,
     .text = "unacknowledged deliveries", .offset = offsetof(struct values, prefetch)},
    {"size", SDM_CONF_INT, .unit = "bytes", .fallback = "1M", .min = 0, .max = INT64_MAX,
     .text = "how much", .offset = offsetof(struct values, size_bytes)},
};

static const struct sdm_conf_table table = {
    .program = "sdm-test",
    .summary = "Shows what options can do",
    .options = options,
    .n_options = G_N_ELEMENTS(options),
};

static char *write_file(const char *content, mode_t mode)
{
    char *path = g_strdup("/tmp/sdm-conf-test-XXXXXX");
    SDM_AUTOCLOSE
    int fd = g_mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    cr_assert_eq(fchmod(fd, mode), 0);
    return path;
}

/* Loads with up to three arguments and two variables; a file is written and named to the table when
 * 'content' is not NULL. */
struct input {
    const char *label;
    const char *content;
    const char *variables[3];
    const char *arguments[6];
};

static struct sdm_conf *load(const struct input *input, struct values *values,
                             enum sdm_conf_print *print, GError **error)
{
    g_autofree char *path = input->content != NULL ? write_file(input->content, 0644) : NULL;
    g_autofree char *config = g_strconcat("--config=", path, NULL);
    char *argv[8] = {"sdm-test"};
    int argc = 1;
    struct sdm_conf *conf;

    if (path != NULL) {
        argv[argc++] = config;
    }
    for (size_t i = 0; input->arguments[i] != NULL; i++) {
        argv[argc++] = (char *)input->arguments[i];
    }
    /* As a program's own struct on its stack. */
    memset(values, 0x5a, sizeof *values);
    conf = sdm_conf_load(&table, argc, argv, (char *const *)input->variables, values, print, error);
    if (path != NULL) {
        unlink(path);
    }
    return conf;
}

Test(conf, later_sources_win)
{
    static const struct {
        struct input input;
        int64_t prefetch;
        enum sdm_conf_source source;
    } rows[] = {
        {{"nothing given"}, 512, SDM_CONF_DEFAULT},
        {{"file", "[sdm-test]\nprefetch=7\n"}, 7, SDM_CONF_FILE},
        {{"variable", NULL, {"SDM_PREFETCH=8"}}, 8, SDM_CONF_ENVIRONMENT},
        {{"variable over file", "[sdm-test]\nprefetch=7\n", {"SDM_PREFETCH=8"}},
         8,
         SDM_CONF_ENVIRONMENT},
        {{"argument over all", "[sdm-test]\nprefetch=7\n", {"SDM_PREFETCH=8"}, {"--prefetch", "9"}},
         9,
         SDM_CONF_ARGUMENT},
        {{"the last argument", NULL, {NULL}, {"--prefetch=9", "--prefetch=10"}},
         10,
         SDM_CONF_ARGUMENT},
        {{"powers of 1024", NULL, {NULL}, {"--prefetch=2K"}}, 2048, SDM_CONF_ARGUMENT},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct values values = {0};
        enum sdm_conf_print print;
        g_autoptr(sdm_conf) conf = load(&rows[i].input, &values, &print, &error);
        struct sdm_conf_setting setting;

        cr_assert_not_null(conf, "%s: %s", rows[i].input.label, error ? error->message : "");
        setting = sdm_conf_get_setting(conf, 5);
        cr_assert_str_eq(setting.option->name, "prefetch");
        cr_assert_eq(values.prefetch, rows[i].prefetch, "%s: %ld", rows[i].input.label,
                     values.prefetch);
        cr_assert_eq(setting.source, rows[i].source, "%s", rows[i].input.label);
        cr_assert_eq(print, SDM_CONF_PRINT_NOTHING, "%s", rows[i].input.label);
    }
}

Test(conf, refuses_what_it_does_not_know)
{
    static const struct {
        struct input input;
        enum sdm_error_code code;
        const char *says;
    } rows[] = {
        {{"unknown key", "[sdm-test]\nprefetsh=7\n"}, SDM_ERROR_UNKNOWN_MEMBER, "'prefetsh'"},
        {{"unknown group", "[sdm-toast]\nprefetch=7\n"}, SDM_ERROR_UNKNOWN_MEMBER, "[sdm-toast]"},
        {{"no key file", "prefetch\n"}, SDM_ERROR_INVALID_VALUE, "sdm-conf-test"},
        {{"unknown argument", NULL, {NULL}, {"--prefetsh=7"}},
         SDM_ERROR_UNKNOWN_MEMBER,
         "prefetsh"},
        {{"stray argument", NULL, {NULL}, {"-q", "word"}}, SDM_ERROR_UNKNOWN_MEMBER, "'word'"},
        {{"missing value", NULL, {NULL}, {"--prefetch"}}, SDM_ERROR_UNKNOWN_MEMBER, "prefetch"},
        {{"not a number", NULL, {"SDM_PREFETCH=many"}},
         SDM_ERROR_INVALID_VALUE,
         "environment: prefetch: want a number, found 'many'"},
        {{"empty number", NULL, {"SDM_PREFETCH="}}, SDM_ERROR_INVALID_VALUE, "found ''"},
        {{"below", NULL, {NULL}, {"--prefetch=0"}}, SDM_ERROR_OUT_OF_RANGE, "want 1 to 65535"},
        {{"above", NULL, {NULL}, {"--prefetch=65536"}}, SDM_ERROR_OUT_OF_RANGE, "found 65536"},
        {{"beyond 64 bits", NULL, {NULL}, {"--size=9223372036854775808"}},
         SDM_ERROR_INVALID_VALUE,
         "size"},
        {{"product beyond 64 bits", NULL, {NULL}, {"--size=9000000T"}},
         SDM_ERROR_INVALID_VALUE,
         "9000000T"},
        {{"other word", NULL, {NULL}, {"-m", "device"}},
         SDM_ERROR_INVALID_VALUE,
         "want host, vm, found 'device'"},
        {{"neither yes nor no", NULL, {"SDM_QUIET=maybe"}}, SDM_ERROR_INVALID_VALUE, "yes or no"},
        {{"no such secret", NULL, {NULL}, {"--password-file=/nowhere/x"}},
         SDM_ERROR_INVALID_VALUE,
         "/nowhere/x"},
        {{"no such file", NULL, {"SDM_CONFIG=/nowhere/y"}}, SDM_ERROR_INVALID_VALUE, "/nowhere/y"},
        {{"document of what", NULL, {NULL}, {"--document=pdf"}}, SDM_ERROR_INVALID_VALUE, "'pdf'"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct values values = {0};
        enum sdm_conf_print print;
        struct sdm_conf *conf = load(&rows[i].input, &values, &print, &error);

        cr_assert_null(conf, "%s", rows[i].input.label);
        cr_assert(g_error_matches(error, SDM_ERROR, (int)rows[i].code), "%s: %s",
                  rows[i].input.label, error->message);
        cr_assert_not_null(strstr(error->message, rows[i].says), "%s: %s", rows[i].input.label,
                           error->message);
    }
}

Test(conf, switches_have_an_opposite_and_take_no_word)
{
    static const struct {
        struct input input;
        bool quiet;
    } rows[] = {
        {{"alone", NULL, {NULL}, {"--quiet"}}, true},
        {{"letter", NULL, {NULL}, {"-q"}}, true},
        {{"opposite", NULL, {"SDM_QUIET=yes"}, {"--no-quiet"}}, false},
        {{"in the file", "[sdm-test]\nquiet=on\n"}, true},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        struct values values = {0};
        enum sdm_conf_print print;
        g_autoptr(sdm_conf) conf = load(&rows[i].input, &values, &print, &error);

        cr_assert_not_null(conf, "%s: %s", rows[i].input.label, error ? error->message : "");
        cr_assert_eq(values.quiet, rows[i].quiet, "%s", rows[i].input.label);
    }
}

Test(conf, arguments_of_a_command_stay)
{
    struct sdm_conf_table with_arguments = table;
    char *argv[] = {"sdm-test", "-q", "rack", "--quiet", "show", NULL};
    char *environment[] = {NULL};
    g_autoptr(GError) error = NULL;
    struct values values = {0};
    enum sdm_conf_print print;
    g_autoptr(sdm_conf) conf = NULL;

    with_arguments.arguments = "COMMAND";
    conf = sdm_conf_load(&with_arguments, 5, argv, environment, &values, &print, &error);
    cr_assert_not_null(conf, "%s", error ? error->message : "");
    cr_assert_str_eq(sdm_conf_get_arguments(conf)[0], "rack");
    cr_assert_str_eq(sdm_conf_get_arguments(conf)[1], "--quiet");
    cr_assert_str_eq(sdm_conf_get_arguments(conf)[2], "show");
    cr_assert_null(sdm_conf_get_arguments(conf)[3]);
}

Test(conf, secrets_are_read_but_never_shown)
{
    g_autofree char *path = write_file("hunter2\nsecond line\n", 0600);
    g_autofree char *option = g_strconcat("--password-file=", path, NULL);
    struct input input = {
        "secrets", NULL, {NULL}, {option, "--broker=amqp://me:hunter2@h:5672/v?x=@"}};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    struct values values = {0};
    enum sdm_conf_print print;
    g_autoptr(sdm_conf) conf = load(&input, &values, &print, &error);

    cr_assert_not_null(conf, "%s", error ? error->message : "");
    cr_assert_str_eq(values.password, "hunter2");
    cr_assert_str_eq(values.broker, "amqp://me:hunter2@h:5672/v?x=@");
    text = sdm_conf_describe(&table, conf, SDM_CONF_PRINT_CONFIG);
    cr_assert_null(strstr(text, "hunter2"), "%s", text);
    cr_assert_not_null(strstr(text, "broker=amqp://me:***@h:5672/v?x=@"), "%s", text);
    cr_assert_not_null(strstr(text, path), "%s", text);
    cr_assert_eq(chmod(path, 0640), 0);
    sdm_conf_free(g_steal_pointer(&conf));
    cr_assert_null(load(&input, &values, &print, &error));
    cr_assert_not_null(strstr(error->message, "0640"), "%s", error->message);
    unlink(path);
}

Test(conf, passwords_among_parameters_are_never_shown)
{
    static const struct {
        const char *uri;
        const char *shown;
    } rows[] = {
        {"postgresql://h/d?password=hunter2&sslmode=verify-full",
         "postgresql://h/d?password=***&sslmode=verify-full"},
        {"postgresql://h/d?sslpassword=hunter2", "postgresql://h/d?sslpassword=***"},
        {"host=h password='hunter2 \\' x' dbname=d", "host=h password=*** dbname=d"},
        {"host=h PASSWORD = hunter2 dbname=d", "host=h PASSWORD = *** dbname=d"},
        {"host=h passfile=/f", "host=h passfile=/f"},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *option = g_strconcat("--broker=", rows[i].uri, NULL);
        struct input input = {"parameters", NULL, {NULL}, {option}};
        struct values values = {0};
        enum sdm_conf_print print;
        g_autoptr(GError) error = NULL;
        g_autoptr(sdm_conf) conf = load(&input, &values, &print, &error);
        g_autofree char *text = NULL;

        cr_assert_not_null(conf, "%s: %s", rows[i].uri, error ? error->message : "");
        cr_assert_str_eq(values.broker, rows[i].uri);
        text = sdm_conf_describe(&table, conf, SDM_CONF_PRINT_CONFIG);
        cr_assert_null(strstr(text, "hunter2"), "%s", text);
        cr_assert_not_null(strstr(text, rows[i].shown), "%s: %s", rows[i].uri, text);
    }
}

Test(conf, printed_configuration_reads_back)
{
    struct input input = {
        "print", NULL, {NULL}, {"--print-config", "--prefetch=77", "-m", "host", "--folder=/a b"}};
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;
    struct values values = {0};
    struct values again = {0};
    enum sdm_conf_print print;
    g_autoptr(sdm_conf) conf = load(&input, &values, &print, &error);
    g_autoptr(sdm_conf) second = NULL;

    cr_assert_not_null(conf, "%s", error ? error->message : "");
    cr_assert_eq(print, SDM_CONF_PRINT_CONFIG);
    text = sdm_conf_describe(&table, conf, print);
    for (size_t i = 0; i < sdm_conf_get_n_settings(conf); i++) {
        struct sdm_conf_setting setting = sdm_conf_get_setting(conf, i);

        cr_assert_not_null(strstr(text, setting.option->text), "%s", setting.option->name);
    }
    cr_assert_not_null(
        strstr(text, "# 1 to 65535 messages; default 512; source argument\nprefetch=77\n"), "%s",
        text);
    input = (struct input){"read back", text};
    second = load(&input, &again, &print, &error);
    cr_assert_not_null(second, "%s", error ? error->message : "");
    cr_assert_eq(again.prefetch, 77);
    cr_assert_str_eq(again.mode, "host");
    cr_assert_str_eq(again.folder, "/a b");
}

Test(conf, help_and_documents_name_every_option)
{
    static const struct {
        const char *argument;
        enum sdm_conf_print print;
    } rows[] = {
        {"--help", SDM_CONF_PRINT_HELP},
        {"-h", SDM_CONF_PRINT_HELP},
        {"--document=markdown", SDM_CONF_PRINT_MARKDOWN},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        /* Help answers also where the rest is broken. */
        struct input input = {rows[i].argument, NULL, {"SDM_PREFETCH=x"}, {rows[i].argument}};
        g_autoptr(GError) error = NULL;
        g_autofree char *text = NULL;
        struct values values = {0};
        enum sdm_conf_print print;
        g_autoptr(sdm_conf) conf = load(&input, &values, &print, &error);

        cr_assert_not_null(conf, "%s: %s", rows[i].argument, error ? error->message : "");
        cr_assert_eq(print, rows[i].print, "%s", rows[i].argument);
        text = sdm_conf_describe(&table, conf, print);
        for (size_t j = 0; j < sdm_conf_get_n_settings(conf); j++) {
            struct sdm_conf_setting setting = sdm_conf_get_setting(conf, j);

            cr_assert_not_null(strstr(text, setting.option->name), "%s: %s", rows[i].argument,
                               setting.option->name);
            cr_assert_not_null(strstr(text, setting.option->text), "%s: %s", rows[i].argument,
                               setting.option->name);
        }
    }
}

Test(conf, manual_escapes_hyphens)
{
    g_autofree char *text = sdm_conf_describe(&table, NULL, SDM_CONF_PRINT_MAN);

    cr_assert_not_null(strstr(text, ".B \\-\\-password\\-file=VALUE\nholds the password"), "%s",
                       text);
}

Test(conf, a_start_prints_and_says_how_to_end, .init = cr_redirect_stdout)
{
    static const struct {
        const char *argument;
        int exit_status;
    } rows[] = {
        {"--version", 0},
        {"--prefetch=0", 2},
        {"--nothing", 2},
    };

    cr_redirect_stderr();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        char *argv[] = {"sdm-test", (char *)rows[i].argument, NULL};
        struct values values = {0};
        int exit_status = -1;

        cr_assert_null(sdm_conf_start(&table, 2, argv, &values, &exit_status), "%s",
                       rows[i].argument);
        cr_assert_eq(exit_status, rows[i].exit_status, "%s", rows[i].argument);
    }
    fflush(stdout);
    fflush(stderr);
    cr_assert_stdout_eq_str("sdm-test " SDM_VERSION "\n");
    cr_assert_stderr_eq_str(
        "sdm-test: argument: prefetch: want 1 to 65535, found 0\nTry 'sdm-test --help'.\n"
        "sdm-test: Unknown option --nothing\nTry 'sdm-test --help'.\n");
}
