#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <glib.h>
#include <glib/gstdio.h>

#include "lib/base/error.h"
#include "sdm-controller/dispatcher/tokens.h"

#define ALICE "[alice]\ntoken=alice-token-0123456789\nproject=demo\nroles=member\n"

Test(tokens, files)
{
    static const struct {
        const char *label;
        const char *text;
        int n; /* callers, or -1 for a refusal */
    } cases[] = {
        {"empty", "", 0},
        {"one", ALICE, 1},
        {"two", ALICE "[bob]\ntoken=bob-token-012345678\nproject=demo\nroles=reader\n", 2},
        {"several roles", "[a]\ntoken=0123456789abcdef\nproject=p\nroles=reader, admin\n", 1},
        {"no group", "token=0123456789abcdef\n", -1},
        {"no token", "[a]\nproject=p\nroles=admin\n", -1},
        {"no project", "[a]\ntoken=0123456789abcdef\nroles=admin\n", -1},
        {"empty project", "[a]\ntoken=0123456789abcdef\nproject=\nroles=admin\n", -1},
        {"no role", "[a]\ntoken=0123456789abcdef\nproject=p\nroles=\n", -1},
        {"unknown role", "[a]\ntoken=0123456789abcdef\nproject=p\nroles=god\n", -1},
        {"short token", "[a]\ntoken=0123456789abcde\nproject=p\nroles=admin\n", -1},
        {"a token twice", ALICE "[b]\ntoken=alice-token-0123456789\nproject=p\nroles=admin\n", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        GError *error = NULL;
        GHashTable *callers = sdm_tokens_parse(cases[i].text, strlen(cases[i].text), &error);

        if (cases[i].n < 0) {
            cr_assert_null(callers, "%s", cases[i].label);
            cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE), "%s",
                      cases[i].label);
            cr_assert_null(strstr(error->message, "alice-token"), "%s: %s", cases[i].label,
                           error->message);
            g_error_free(error);
        } else {
            cr_assert_not_null(callers, "%s: %s", cases[i].label,
                               error != NULL ? error->message : "");
            cr_assert_eq(g_hash_table_size(callers), (unsigned)cases[i].n, "%s", cases[i].label);
            g_hash_table_unref(callers);
        }
    }
}

static char *write_file(const char *text, mode_t mode)
{
    g_autofree char *folder = g_dir_make_tmp("sdm-tokens-XXXXXX", NULL);
    char *path = g_build_filename(folder, "tokens", NULL);

    cr_assert(g_file_set_contents(path, text, -1, NULL));
    cr_assert_eq(g_chmod(path, mode), 0);
    return path;
}

static void remove_file(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);

    g_unlink(path);
    g_rmdir(folder);
}

Test(tokens, authenticate_and_reload)
{
    g_autofree char *path = write_file(ALICE, 0600);
    g_autoptr(sdm_tokens) tokens = sdm_tokens_new(path, NULL);
    struct sdm_auth auth;
    struct sdm_caller caller = {0};

    cr_assert_not_null(tokens);
    auth = sdm_tokens_auth(tokens);
    cr_assert(auth.authenticate(auth.self, "alice-token-0123456789", &caller, NULL));
    cr_assert_str_eq(caller.user, "alice");
    cr_assert_str_eq(caller.project, "demo");
    cr_assert_eq(caller.role, SDM_ROLE_MEMBER);
    cr_assert_not(auth.authenticate(auth.self, "alice-token-012345678", &caller, NULL));
    cr_assert_not(auth.authenticate(auth.self, "", &caller, NULL));
    cr_assert_not(auth.authenticate(auth.self, NULL, &caller, NULL));

    /* One that cannot be read leaves the old ones. */
    cr_assert(g_file_set_contents(path, "nonsense", -1, NULL));
    cr_assert_not(sdm_tokens_reload(tokens, NULL));
    cr_assert(auth.authenticate(auth.self, "alice-token-0123456789", &caller, NULL));

    cr_assert(g_file_set_contents(path, "", -1, NULL));
    cr_assert_eq(g_chmod(path, 0600), 0);
    cr_assert(sdm_tokens_reload(tokens, NULL));
    cr_assert_not(auth.authenticate(auth.self, "alice-token-0123456789", &caller, NULL));
    remove_file(path);
}

Test(tokens, a_file_that_others_can_read_is_refused)
{
    g_autofree char *path = write_file(ALICE, 0644);
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_tokens_new(path, &error));
    cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
    remove_file(path);
}
