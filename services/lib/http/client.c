#include "lib/http/client.h"

#include <pthread.h>
#include <string.h>

#include <curl/curl.h>

#include "lib/base/error.h"

#define DEFAULT_TIMEOUT_MS 10000
#define DEFAULT_MAX_ANSWER ((size_t)16 * 1024 * 1024)

struct sdm_http_client {
    CURL *curl;
    unsigned timeout_ms;
    char *ca_file;
    size_t max_answer_size;
};

/* What comes in while a request runs. */
struct intake {
    GByteArray *body;
    GHashTable *headers;
    size_t max_size;
    bool is_too_large;
};

static const char *const methods[] = {
    [SDM_HTTP_GET] = "GET",
    [SDM_HTTP_POST] = "POST",
    [SDM_HTTP_PUT] = "PUT",
    [SDM_HTTP_DELETE] = "DELETE",
};

static void init_library(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct sdm_http_client *sdm_http_client_new(const struct sdm_http_client_config *config)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sdm_http_client *client = g_new0(struct sdm_http_client, 1);

    pthread_once(&once, init_library);
    client->curl = curl_easy_init();
    g_assert(client->curl != NULL);
    client->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
    client->ca_file = g_strdup(config->ca_file);
    client->max_answer_size =
        config->max_answer_size > 0 ? config->max_answer_size : DEFAULT_MAX_ANSWER;
    return client;
}

void sdm_http_client_free(struct sdm_http_client *client)
{
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    g_free(client->ca_file);
    g_free(client);
}

void sdm_http_answer_free(struct sdm_http_answer *answer)
{
    if (answer == NULL) {
        return;
    }
    g_free(answer->body);
    g_hash_table_unref(answer->headers);
    g_free(answer);
}

static size_t on_body(char *bytes, size_t size, size_t n, void *user)
{
    struct intake *intake = user;

    if (intake->body->len + n * size > intake->max_size) {
        intake->is_too_large = true;
        return 0;
    }
    g_byte_array_append(intake->body, (const guint8 *)bytes, (guint)(n * size));
    return n * size;
}

static size_t on_header(char *bytes, size_t size, size_t n, void *user)
{
    struct intake *intake = user;
    g_autofree char *line = g_strndup(bytes, n * size);
    char *colon = strchr(line, ':');

    if (colon != NULL) {
        g_autofree char *name = g_strndup(line, (gsize)(colon - line));

        g_hash_table_replace(intake->headers, g_ascii_strdown(name, -1),
                             g_strstrip(g_strdup(colon + 1)));
    }
    return n * size;
}

static struct curl_slist *make_headers(const char *const *headers, bool has_body)
{
    /* Without "Expect:", libcurl would wait a second before a large body. */
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    if (has_body) {
        list = curl_slist_append(list, "Content-Type: application/json");
    }
    list = curl_slist_append(list, "Accept: application/json");
    for (size_t i = 0; headers != NULL && headers[i] != NULL; i++) {
        list = curl_slist_append(list, headers[i]);
    }
    return list;
}

static void set_options(struct sdm_http_client *client, const char *url, struct intake *intake,
                        char *why)
{
    CURL *curl = client->curl;

    /* Keeps the connections. */
    curl_easy_reset(curl);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)client->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)client->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, intake);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, intake);
    if (client->ca_file != NULL && client->ca_file[0] != '\0') {
        curl_easy_setopt(curl, CURLOPT_CAINFO, client->ca_file);
    }
}

static void set_method(CURL *curl, enum sdm_http_method method, const char *body, size_t size)
{
    if (body != NULL) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, methods[method]);
}

/* 'why' says more of a certificate than the code does. */
static bool check(CURLcode code, const char *why, const struct intake *intake, const char *url,
                  GError **error)
{
    if (intake->is_too_large) {
        return sdm_fail(error, "%s: an answer of more than %zu bytes", url, intake->max_size);
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        return sdm_fail(error, "%s: %s", url, curl_easy_strerror(code));
    }
    return code == CURLE_OK ||
           sdm_unavailable(error, "%s: %s", url, why[0] != '\0' ? why : curl_easy_strerror(code));
}

static struct sdm_http_answer *make_answer(CURL *curl, struct intake *intake)
{
    struct sdm_http_answer *answer = g_new0(struct sdm_http_answer, 1);
    gsize size;
    long status = 0;

    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (unsigned)status;
    g_byte_array_append(intake->body, (const guint8 *)"", 1);
    answer->body = (char *)g_byte_array_steal(intake->body, &size);
    answer->size = size - 1;
    answer->headers = g_hash_table_ref(intake->headers);
    return answer;
}

struct sdm_http_answer *sdm_http_client_request(struct sdm_http_client *client,
                                                enum sdm_http_method method, const char *url,
                                                const char *const *headers,
                                                const struct sdm_json *body, GError **error)
{
    g_autoptr(GByteArray) received = g_byte_array_new();
    g_autoptr(GHashTable) answered = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct intake intake = {
        .body = received, .headers = answered, .max_size = client->max_answer_size};
    struct curl_slist *list = make_headers(headers, body != NULL);
    g_autofree char *text = NULL;
    size_t size = 0;
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code;

    if (body != NULL) {
        text = sdm_json_write(body, SDM_JSON_COMPACT, &size);
    }
    set_options(client, url, &intake, why);
    set_method(client->curl, method, text, size);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, list);
    code = curl_easy_perform(client->curl);
    curl_slist_free_all(list);
    /* The buffer ends with this function. */
    curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
    return check(code, why, &intake, url, error) ? make_answer(client->curl, &intake) : NULL;
}
