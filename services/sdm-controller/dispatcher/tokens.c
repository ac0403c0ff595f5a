#include "sdm-controller/dispatcher/tokens.h"

#include <pthread.h>

#include <string.h>
#include <sys/stat.h>

#include "lib/base/error.h"

#define MIN_TOKEN_LENGTH 16
#define MAX_FILE_BYTES   (1 << 20)

struct sdm_tokens {
    char *path;
    pthread_mutex_t mutex;
    /* SHA-256 of the token to struct sdm_caller: what is compared tells nothing of the token by
     * the time it takes.  Replaced whole; guarded by 'mutex'. */
    GHashTable *callers;
};

static char *hash_token(const char *token)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
}

static bool read_role(const char *group, const char *roles, enum sdm_role *role, GError **error)
{
    static const char *const names[] = {"reader", "member", "admin"};
    g_auto(GStrv) words = g_strsplit_set(roles, ",; ", -1);
    int highest = -1;

    for (char **word = words; *word != NULL; word++) {
        int found = -1;

        for (int i = 0; i < (int)G_N_ELEMENTS(names); i++) {
            if (strcmp(*word, names[i]) == 0) {
                found = i;
            }
        }
        if (found < 0 && **word != '\0') {
            return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "[%s]: no role '%s'", group, *word);
        }
        highest = MAX(highest, found);
    }
    if (highest < 0) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "[%s]: no role", group);
    }
    *role = (enum sdm_role)highest;
    return true;
}

static bool read_group(GKeyFile *file, const char *group, GHashTable *callers, GError **error)
{
    g_autofree char *token = g_key_file_get_string(file, group, "token", NULL);
    g_autofree char *project = g_key_file_get_string(file, group, "project", NULL);
    g_autofree char *roles = g_key_file_get_string(file, group, "roles", NULL);
    g_autofree struct sdm_caller *caller = g_new0(struct sdm_caller, 1);
    g_autofree char *hash = NULL;

    if (token == NULL || project == NULL || roles == NULL) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "[%s]: need token, project and roles",
                          group);
    }
    if (strlen(token) < MIN_TOKEN_LENGTH) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                          "[%s]: need a token of %d characters, found %zu", group, MIN_TOKEN_LENGTH,
                          strlen(token));
    }
    if (strlen(group) >= sizeof caller->user || project[0] == '\0' ||
        strlen(project) >= sizeof caller->project) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "[%s]: name or project too long", group);
    }
    if (!read_role(group, roles, &caller->role, error)) {
        return false;
    }
    g_strlcpy(caller->user, group, sizeof caller->user);
    g_strlcpy(caller->project, project, sizeof caller->project);
    hash = hash_token(token);
    if (g_hash_table_contains(callers, hash)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "[%s]: the token of another", group);
    }
    g_hash_table_insert(callers, g_steal_pointer(&hash), g_steal_pointer(&caller));
    return true;
}

GHashTable *sdm_tokens_parse(const char *text, size_t size, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GHashTable) callers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) groups = NULL;
    GError *why = NULL;

    if (!g_key_file_load_from_data(file, text, size, G_KEY_FILE_NONE, &why)) {
        /* GLib's own text may quote the line, and with it a token. */
        sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "no file of tokens");
        g_clear_error(&why);
        return NULL;
    }
    groups = g_key_file_get_groups(file, NULL);
    for (char **group = groups; *group != NULL; group++) {
        if (!read_group(file, *group, callers, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&callers);
}

static GHashTable *read_file(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    size_t size;
    struct stat status;
    GHashTable *callers;

    if (stat(path, &status) != 0) {
        sdm_set_errno(error, errno, "read tokens '%s'", path);
        return NULL;
    }
    if ((status.st_mode & 077) != 0 || status.st_size > MAX_FILE_BYTES) {
        sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                   "tokens '%s': need a file that only its owner may read", path);
        return NULL;
    }
    if (!g_file_get_contents(path, &text, &size, error)) {
        return NULL;
    }
    callers = sdm_tokens_parse(text, size, error);
    if (callers == NULL) {
        g_prefix_error(error, "tokens '%s': ", path);
    }
    return callers;
}

struct sdm_tokens *sdm_tokens_new(const char *path, GError **error)
{
    GHashTable *callers = read_file(path, error);
    struct sdm_tokens *tokens;

    if (callers == NULL) {
        return NULL;
    }
    tokens = g_new0(struct sdm_tokens, 1);
    tokens->path = g_strdup(path);
    pthread_mutex_init(&tokens->mutex, NULL);
    tokens->callers = callers;
    return tokens;
}

void sdm_tokens_free(struct sdm_tokens *tokens)
{
    if (tokens == NULL) {
        return;
    }
    g_hash_table_unref(tokens->callers);
    pthread_mutex_destroy(&tokens->mutex);
    g_free(tokens->path);
    g_free(tokens);
}

bool sdm_tokens_reload(struct sdm_tokens *tokens, GError **error)
{
    GHashTable *callers = read_file(tokens->path, error);
    GHashTable *old;

    if (callers == NULL) {
        return false;
    }
    pthread_mutex_lock(&tokens->mutex);
    old = tokens->callers;
    tokens->callers = callers;
    pthread_mutex_unlock(&tokens->mutex);
    g_hash_table_unref(old);
    return true;
}

static bool authenticate(void *self, const char *token, struct sdm_caller *caller, GError **error)
{
    struct sdm_tokens *tokens = self;
    g_autofree char *hash = NULL;
    const struct sdm_caller *found;

    if (token == NULL || token[0] == '\0') {
        return sdm_refuse(error, SDM_ERROR_UNAUTHENTICATED, "no token");
    }
    hash = hash_token(token);
    pthread_mutex_lock(&tokens->mutex);
    found = g_hash_table_lookup(tokens->callers, hash);
    if (found != NULL) {
        *caller = *found;
    }
    pthread_mutex_unlock(&tokens->mutex);
    return found != NULL || sdm_refuse(error, SDM_ERROR_UNAUTHENTICATED, "nobody has this token");
}

struct sdm_auth sdm_tokens_auth(struct sdm_tokens *tokens)
{
    return (struct sdm_auth){authenticate, tokens};
}
