#include <errno.h>
#include <poll.h>

#include "lib/base/error.h"
#include "lib/pg/error_private.h"
#include "lib/pg/pg_private.h"

#define N_KEYWORDS 9

static void log_notice(void *data, const char *message)
{
    (void)data;
    g_debug("database says: %s", message);
}

bool sdm_pg_connect(struct sdm_pg *pg, GError **error)
{
    /* What stands before "dbname" is a default that the URI may change; what follows wins. */
    const char *const keywords[N_KEYWORDS] = {
        "connect_timeout", "keepalives_idle",  "keepalives_interval", "keepalives_count",
        "dbname",          "application_name", "client_encoding",     NULL,
    };
    const char *const values[N_KEYWORDS] = {
        "5", "5", "2", "3", pg->uri, pg->application_name, "UTF8", NULL,
    };

    pg->conn = PQconnectdbParams(keywords, values, 1);
    if (PQstatus(pg->conn) != CONNECTION_OK) {
        sdm_pg_set_connect_error(error, pg->conn);
        pg->lost = true;
        return false;
    }
    PQsetNoticeProcessor(pg->conn, log_notice, NULL);
    /* Without it a large batch and its large answers would wait for each other. */
    g_assert(PQsetnonblocking(pg->conn, 1) == 0);
    g_assert(PQenterPipelineMode(pg->conn) == 1);
    pg->lost = false;
    return true;
}

/* Waits until the server sent something or took something; false after the timeout. */
static bool wait_socket(struct sdm_pg *pg)
{
    struct pollfd poll_fd = {.fd = PQsocket(pg->conn), .events = POLLIN};
    int n;

    if (PQflush(pg->conn) == 1) {
        poll_fd.events |= POLLOUT;
    }
    do {
        n = poll(&poll_fd, 1, pg->timeout_ms);
    } while (n < 0 && errno == EINTR);
    return n > 0;
}

static bool await_socket(struct sdm_pg *pg, GError **error)
{
    if (wait_socket(pg)) {
        return true;
    }
    pg->lost = true;
    return sdm_unavailable(error, "database: no answer within %d ms", pg->timeout_ms);
}

bool sdm_pg_await_input(struct sdm_pg *pg, GError **error)
{
    if (!await_socket(pg, error)) {
        return false;
    }
    if (!PQconsumeInput(pg->conn)) {
        pg->lost = true;
        return sdm_unavailable(error, "database: connection lost");
    }
    return true;
}

bool sdm_pg_await(struct sdm_pg *pg, PGresult **result, GError **error)
{
    while (PQisBusy(pg->conn)) {
        if (!await_socket(pg, error)) {
            return false;
        }
        /* On a broken connection the next call does not wait: it gives what the server said
         * last. */
        if (!PQconsumeInput(pg->conn)) {
            break;
        }
    }
    *result = PQgetResult(pg->conn);
    return true;
}
