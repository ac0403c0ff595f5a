#include "lib/base/error.h"

#include <string.h>

static const struct {
    const char *name;
    const char *text;
} codes[] = {
#define X(name, text) {#name, text},
    SDM_ERROR_CODES(X)
#undef X
};

G_STATIC_ASSERT(G_N_ELEMENTS(codes) == SDM_N_ERROR_CODES);

G_DEFINE_QUARK(sdm_error, sdm_error)
G_DEFINE_QUARK(sdm_unavailable, sdm_unavailable)
G_DEFINE_QUARK(sdm_failed, sdm_failed)

const char *sdm_error_code_name(enum sdm_error_code code)
{
    g_assert(code < SDM_N_ERROR_CODES);
    return codes[code].name;
}

const char *sdm_error_code_text(enum sdm_error_code code)
{
    g_assert(code < SDM_N_ERROR_CODES);
    return codes[code].text;
}

bool sdm_error_code_from_name(const char *name, enum sdm_error_code *code)
{
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (strcmp(codes[i].name, name) == 0) {
            *code = (enum sdm_error_code)i;
            return true;
        }
    }
    return false;
}

enum sdm_error_code sdm_error_verdict(const GError *error)
{
    if (error->domain == SDM_ERROR) {
        return (enum sdm_error_code)error->code;
    }
    return error->domain == SDM_UNAVAILABLE ? SDM_ERROR_UNAVAILABLE : SDM_ERROR_INTERNAL;
}

G_GNUC_PRINTF(4, 0)
static void set_valist(GError **error, GQuark domain, int code, const char *format, va_list args)
{
    if (error != NULL) {
        *error = g_error_new_valist(domain, code, format, args);
    }
}

bool sdm_refuse(GError **error, enum sdm_error_code code, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set_valist(error, SDM_ERROR, (int)code, format, args);
    va_end(args);
    return false;
}

bool sdm_unavailable(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set_valist(error, SDM_UNAVAILABLE, 0, format, args);
    va_end(args);
    return false;
}

bool sdm_fail(GError **error, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    set_valist(error, SDM_FAILED, 0, format, args);
    va_end(args);
    return false;
}

bool sdm_set_errno(GError **error, int saved_errno, const char *format, ...)
{
    g_autofree char *what = NULL;
    va_list args;

    va_start(args, format);
    what = g_strdup_vprintf(format, args);
    va_end(args);
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(saved_errno), "%s: %s", what,
                g_strerror(saved_errno));
    return false;
}
