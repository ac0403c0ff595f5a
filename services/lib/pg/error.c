#include "lib/pg/error.h"

#include <string.h>

#include "lib/base/error.h"
#include "lib/pg/error_private.h"

/* The names that G_DEFINE_EXTENDED_ERROR wants. */
typedef struct {
    char sqlstate[6];
    char *constraint;
} SdmPgPrivate;

static void sdm_pg_private_init(SdmPgPrivate *details)
{
    memset(details, 0, sizeof *details);
}

static void sdm_pg_private_copy(const SdmPgPrivate *from, SdmPgPrivate *to)
{
    *to = *from;
    to->constraint = g_strdup(from->constraint);
}

static void sdm_pg_private_clear(SdmPgPrivate *details)
{
    g_free(details->constraint);
}

G_DEFINE_EXTENDED_ERROR(SdmPg, sdm_pg)

const char *sdm_pg_sqlstate(const GError *error)
{
    return error->domain == SDM_PG ? sdm_pg_get_private(error)->sqlstate : "";
}

const char *sdm_pg_constraint(const GError *error)
{
    const char *name = error->domain == SDM_PG ? sdm_pg_get_private(error)->constraint : NULL;

    return name == NULL ? "" : name;
}

bool sdm_pg_is_retryable(const GError *error)
{
    const char *sqlstate = sdm_pg_sqlstate(error);

    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0;
}

/* Classes and codes after which the same statement may succeed on this or another server. */
static bool means_unavailable(const char *sqlstate)
{
    static const char *const prefixes[] = {
        "08",    /* connection exception */
        "53",    /* disk full, out of memory, too many connections */
        "57P",   /* shut down, crashed, starting */
        "58030", /* the server's disk fails */
        "25006", /* a standby, after a failover */
    };

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(sqlstate, prefixes[i])) {
            return true;
        }
    }
    return false;
}

bool sdm_pg_fail(GError **error, enum sdm_pg_error code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (error != NULL) {
        *error = g_error_new_valist(SDM_PG, (int)code, format, args);
    }
    va_end(args);
    return false;
}

/* "message (detail)", without the severity and line feed of libpq's own text. */
static char *describe(const PGresult *result)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

    if (primary == NULL) {
        return g_strchomp(g_strdup(PQresultErrorMessage(result)));
    }
    return detail == NULL ? g_strdup(primary) : g_strdup_printf("%s (%s)", primary, detail);
}

static void set_refused(GError **error, const PGresult *result, const char *sqlstate,
                        const char *what, const char *text)
{
    SdmPgPrivate *details;

    if (error == NULL) {
        return;
    }
    g_set_error(error, SDM_PG, SDM_PG_REFUSED, "%s: %s [%s]", what, text, sqlstate);
    details = sdm_pg_get_private(*error);
    g_strlcpy(details->sqlstate, sqlstate, sizeof details->sqlstate);
    details->constraint = g_strdup(PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME));
}

bool sdm_pg_set_result_error(GError **error, const PGresult *result, const char *what)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    g_autofree char *text = describe(result);
    /* An error that libpq made up itself has no SQLSTATE: the connection broke. */
    bool lost = sqlstate == NULL || severity == NULL || strcmp(severity, "FATAL") == 0 ||
                strcmp(severity, "PANIC") == 0;

    if (sqlstate != NULL && strcmp(sqlstate, "SD001") == 0) {
        sdm_refuse(error, SDM_ERROR_STALE_EPOCH, "%s", text);
    } else if (lost || means_unavailable(sqlstate)) {
        sdm_unavailable(error, "database: %s: %s", what, text);
    } else {
        set_refused(error, result, sqlstate, what, text);
    }
    return lost;
}

void sdm_pg_set_connect_error(GError **error, const PGconn *conn)
{
    g_autofree char *text = g_strchomp(g_strdup(PQerrorMessage(conn)));

    sdm_unavailable(error, "database: %s", g_strdelimit(text, "\n", ' '));
}
