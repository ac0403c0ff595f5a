/* HTTP requests that wait for their answer; connections are kept open between them.
 *
 * Thread rule: a client belongs to one thread at a time; each worker has its own. */
#pragma once

#include <stddef.h>

#include "lib/http/server.h"
#include "lib/json/json.h"

struct sdm_http_client_config {
    unsigned timeout_ms;    /* of a whole request; 0 is 10000 */
    const char *ca_file;    /* PEM; NULL or "" for the system's */
    size_t max_answer_size; /* 0 is 16 MiB */
};

struct sdm_http_client;
typedef struct sdm_http_client sdm_http_client;

struct sdm_http_client *sdm_http_client_new(const struct sdm_http_client_config *config);
void sdm_http_client_free(struct sdm_http_client *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_http_client, sdm_http_client_free)

struct sdm_http_answer {
    unsigned status;
    char *body; /* followed by a zero */
    size_t size;
    GHashTable *headers; /* lower-case name to value */
};
typedef struct sdm_http_answer sdm_http_answer;
void sdm_http_answer_free(struct sdm_http_answer *answer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_http_answer, sdm_http_answer_free)

/* Sends 'body' as application/json, or none for NULL; 'headers' are "Name: value", NULL-terminated,
 * or NULL.  No redirection is followed.
 *
 * Returns the answer of whatever status; NULL with SDM_UNAVAILABLE set when there is none in
 * time, SDM_FAILED when it is larger than allowed or the URL is none.  The texts hold no header. */
struct sdm_http_answer *sdm_http_client_request(struct sdm_http_client *client,
                                                enum sdm_http_method method, const char *url,
                                                const char *const *headers,
                                                const struct sdm_json *body, GError **error);
