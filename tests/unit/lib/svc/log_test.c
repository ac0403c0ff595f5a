#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "lib/json/json.h"
#include "lib/svc/log.h"

static char path[] = "/tmp/sdm-log-test-XXXXXX";

static void setup(void)
{
    int fd = g_mkstemp(path);

    cr_assert_geq(fd, 0);
    close(fd);
    cr_assert(sdm_log_open("sdm-test", path, SDM_LOG_INFO, NULL));
}

static void teardown(void)
{
    unlink(path);
}

TestSuite(log, .init = setup, .fini = teardown);

/* Lines written so far, each parsed; NULL-terminated. */
static GPtrArray *read_lines(void)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func((GDestroyNotify)sdm_json_free);
    g_autofree char *text = NULL;
    g_auto(GStrv) parts = NULL;
    g_autoptr(GError) error = NULL;

    cr_assert(g_file_get_contents(path, &text, NULL, NULL));
    parts = g_strsplit(text, "\n", -1);
    for (char **part = parts; **part != '\0'; part++) {
        struct sdm_json *line =
            sdm_json_parse(*part, strlen(*part), &sdm_json_limits_default, &error);

        cr_assert_not_null(line, "%s: %s", error ? error->message : "", *part);
        g_ptr_array_add(lines, line);
    }
    return lines;
}

static const char *text_of(const GPtrArray *lines, guint i, const char *name)
{
    return sdm_json_as_string(sdm_json_member(lines->pdata[i], name), NULL);
}

Test(log, an_event_is_one_json_line)
{
    g_autoptr(GPtrArray) lines = NULL;
    const struct sdm_json *bytes;

    sdm_log_event(SDM_LOG_WARNING, "brick-odd", sdm_log_text("brick", "a\"b\n\xff"),
                  sdm_log_int("bytes", INT64_MIN), sdm_log_text("none", NULL));
    lines = read_lines();
    cr_assert_eq(lines->len, 1);
    cr_assert_str_eq(text_of(lines, 0, "level"), "warning");
    cr_assert_str_eq(text_of(lines, 0, "program"), "sdm-test");
    cr_assert_str_eq(text_of(lines, 0, "event"), "brick-odd");
    cr_assert_str_eq(text_of(lines, 0, "brick"), "a\"b\n?");
    cr_assert_str_eq(text_of(lines, 0, "none"), "");
    bytes = sdm_json_member(lines->pdata[0], "bytes");
    cr_assert_eq(sdm_json_as_integer(bytes), INT64_MIN);
    cr_assert_eq(strlen(text_of(lines, 0, "time")), strlen("2026-01-01T00:00:00.000000Z"));
}

Test(log, secrets_are_masked)
{
    g_autofree char *text = NULL;

    sdm_log_event(SDM_LOG_ERROR, "x", sdm_log_text("auth_token", "hunter2"),
                  sdm_log_text("password", "hunter2"), sdm_log_text("secret_key", "hunter2"));
    cr_assert(g_file_get_contents(path, &text, NULL, NULL));
    cr_assert_not_null(strstr(text, "auth_token"));
    cr_assert_null(strstr(text, "hunter2"), "%s", text);
}

Test(log, the_level_holds_back_and_can_be_set)
{
    g_autoptr(GPtrArray) lines = NULL;
    g_autoptr(GError) error = NULL;

    sdm_log_event(SDM_LOG_DEBUG, "not-this");
    cr_assert(sdm_log_set_level_by_name("debug", &error));
    sdm_log_event(SDM_LOG_DEBUG, "this");
    cr_assert(sdm_log_set_level_by_name("error", &error));
    sdm_log_event(SDM_LOG_WARNING, "nor-this");
    g_warning("nor this of a library");
    cr_assert_not(sdm_log_set_level_by_name("loud", &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
    cr_assert_eq(sdm_log_get_level(), SDM_LOG_ERROR);
    lines = read_lines();
    cr_assert_eq(lines->len, 1);
    cr_assert_str_eq(text_of(lines, 0, "event"), "this");
}

Test(log, libraries_come_the_same_way)
{
    g_autoptr(GPtrArray) lines = NULL;

    g_message("what %d", 7);
    lines = read_lines();
    cr_assert_eq(lines->len, 1);
    cr_assert_str_eq(text_of(lines, 0, "event"), "message");
    cr_assert_str_eq(text_of(lines, 0, "text"), "what 7");
}

Test(log, reopened_it_leaves_the_renamed_file)
{
    g_autoptr(GPtrArray) lines = NULL;
    g_autofree char *other = g_strconcat(path, ".1", NULL);

    sdm_log_event(SDM_LOG_INFO, "before");
    cr_assert_eq(rename(path, other), 0);
    cr_assert(sdm_log_reopen(NULL));
    sdm_log_event(SDM_LOG_INFO, "after");
    unlink(other);
    lines = read_lines();
    cr_assert_eq(lines->len, 1);
    cr_assert_str_eq(text_of(lines, 0, "event"), "after");
}

Test(log, a_place_is_limited_and_says_what_it_held_back)
{
    struct sdm_log_limit limit = {0};
    int64_t n_suppressed = -1;
    int n_passed = 0;

    for (int i = 0; i < 100; i++) {
        n_passed += sdm_log_limit_pass(&limit, 5 * G_USEC_PER_SEC + i, &n_suppressed) ? 1 : 0;
    }
    cr_assert_eq(n_passed, SDM_LOG_PER_SECOND);
    cr_assert_eq(n_suppressed, 0);
    cr_assert(sdm_log_limit_pass(&limit, 6 * G_USEC_PER_SEC, &n_suppressed));
    cr_assert_eq(n_suppressed, 100 - SDM_LOG_PER_SECOND);
    cr_assert(sdm_log_limit_pass(&limit, 6 * G_USEC_PER_SEC, &n_suppressed));
    cr_assert_eq(n_suppressed, 0);
}

Test(log, limited_events_carry_the_count)
{
    g_autoptr(GPtrArray) lines = NULL;

    for (int i = 0; i < 50; i++) {
        sdm_log_limited(SDM_LOG_INFO, "peer-odd", sdm_log_int("i", i));
    }
    lines = read_lines();
    /* The loop may cross the end of a second. */
    cr_assert_geq(lines->len, SDM_LOG_PER_SECOND);
    cr_assert_leq(lines->len, 2 * SDM_LOG_PER_SECOND);
    cr_assert_not_null(sdm_json_member(lines->pdata[0], "suppressed"));
}
