#include "sdmctl/quantity.h"

#include <inttypes.h>
#include <string.h>

#include "lib/base/error.h"

#define SIZE_MAX_BYTES  (UINT64_C(1) << 60)
#define DURATION_MAX_MS (UINT64_C(10) * 366 * 24 * 3600 * 1000)

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"K", UINT64_C(1) << 10},
    {"KiB", UINT64_C(1) << 10},
    {"M", UINT64_C(1) << 20},
    {"MiB", UINT64_C(1) << 20},
    {"G", UINT64_C(1) << 30},
    {"GiB", UINT64_C(1) << 30},
    {"T", UINT64_C(1) << 40},
    {"TiB", UINT64_C(1) << 40},
    {"P", UINT64_C(1) << 50},
    {"PiB", UINT64_C(1) << 50},
};

static const struct unit duration_units[] = {
    {"ms", 1},      {"s", 1000},    {"", 1000},      {"m", 60000},
    {"min", 60000}, {"h", 3600000}, {"d", 86400000},
};

/* What formatting picks from, largest first. */
static const struct unit size_names[] = {
    {"PiB", UINT64_C(1) << 50}, {"TiB", UINT64_C(1) << 40}, {"GiB", UINT64_C(1) << 30},
    {"MiB", UINT64_C(1) << 20}, {"KiB", UINT64_C(1) << 10}, {"B", 1},
};

static const struct unit *find_unit(const struct unit *units, size_t n_units, const char *name,
                                    size_t length)
{
    for (size_t i = 0; i < n_units; i++) {
        if (strlen(units[i].name) == length && strncmp(units[i].name, name, length) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

/* Reads digits; false when there are none or they exceed 64 bits. */
static bool read_number(const char **text, uint64_t *number)
{
    const char *start = *text;
    uint64_t sum = 0;

    while (g_ascii_isdigit(**text)) {
        if (__builtin_mul_overflow(sum, UINT64_C(10), &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(**text - '0'), &sum)) {
            return false;
        }
        (*text)++;
    }
    *number = sum;
    return *text > start;
}

/* Reads ".25" as 25 of 100; nothing as 0 of 1. */
static bool read_fraction(const char **text, uint64_t *part, uint64_t *whole)
{
    const char *start;

    *part = 0;
    *whole = 1;
    if (**text != '.') {
        return true;
    }
    start = ++*text;
    if (!read_number(text, part) || *text - start > 9) {
        return false;
    }
    for (const char *digit = start; digit < *text; digit++) {
        *whole *= 10;
    }
    return true;
}

static bool refuse_size(GError **error, const char *text)
{
    return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                      "want a size such as 512MiB, 1GiB or 134217728, found '%s'", text);
}

bool sdm_ctl_size_parse(const char *text, uint64_t *size_bytes, GError **error)
{
    const struct unit *unit;
    const char *rest = text;
    uint64_t part;
    uint64_t whole;
    uint64_t number;
    unsigned __int128 sum;

    if (!read_number(&rest, &number) || !read_fraction(&rest, &part, &whole)) {
        return refuse_size(error, text);
    }
    unit = find_unit(size_units, G_N_ELEMENTS(size_units), rest, strlen(rest));
    if (unit == NULL || (unsigned __int128)part * unit->factor % whole != 0) {
        return refuse_size(error, text);
    }
    sum = (unsigned __int128)number * unit->factor + (unsigned __int128)part * unit->factor / whole;
    if (sum > SIZE_MAX_BYTES) {
        return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE, "want a size up to 1024PiB, found '%s'",
                          text);
    }
    *size_bytes = (uint64_t)sum;
    return true;
}

bool sdm_ctl_duration_parse(const char *text, uint64_t *duration_ms, GError **error)
{
    const char *rest = text;
    uint64_t total = 0;

    do {
        const struct unit *unit = NULL;
        uint64_t number = 0;
        size_t length = 0;

        if (read_number(&rest, &number)) {
            while (g_ascii_isalpha(rest[length])) {
                length++;
            }
            unit = find_unit(duration_units, G_N_ELEMENTS(duration_units), rest, length);
        }
        if (unit == NULL) {
            return sdm_refuse(error, SDM_ERROR_INVALID_VALUE,
                              "want a duration such as 500ms, 90s or 2h, found '%s'", text);
        }
        if (__builtin_mul_overflow(number, unit->factor, &number) ||
            __builtin_add_overflow(total, number, &total) || total > DURATION_MAX_MS) {
            return sdm_refuse(error, SDM_ERROR_OUT_OF_RANGE,
                              "want a duration up to 10 years, found '%s'", text);
        }
        rest += length;
    } while (*rest != '\0');
    *duration_ms = total;
    return true;
}

/* The largest unit in which 'size_bytes' has at most two digits behind the point; bytes at last. */
const char *sdm_ctl_size_format_exact(uint64_t size_bytes, char out[SDM_CTL_QUANTITY_SIZE])
{
    for (size_t i = 0; i < G_N_ELEMENTS(size_names) && size_bytes > 0; i++) {
        uint64_t factor = size_names[i].factor;
        uint64_t part = size_bytes % factor;

        if (size_bytes < factor || (unsigned __int128)part * 100 % factor != 0) {
            continue;
        }
        part = (uint64_t)((unsigned __int128)part * 100 / factor);
        if (part == 0) {
            g_snprintf(out, SDM_CTL_QUANTITY_SIZE, "%" PRIu64 "%s", size_bytes / factor,
                       size_names[i].name);
        } else {
            g_snprintf(out, SDM_CTL_QUANTITY_SIZE,
                       part % 10 == 0 ? "%" PRIu64 ".%01" PRIu64 "%s"
                                      : "%" PRIu64 ".%02" PRIu64 "%s",
                       size_bytes / factor, part % 10 == 0 ? part / 10 : part, size_names[i].name);
        }
        return out;
    }
    g_strlcpy(out, "0", SDM_CTL_QUANTITY_SIZE);
    return out;
}

const char *sdm_ctl_size_format(uint64_t size_bytes, char out[SDM_CTL_QUANTITY_SIZE])
{
    size_t i = 0;

    sdm_ctl_size_format_exact(size_bytes, out);
    if (strlen(out) <= strlen("1023.75MiB")) {
        return out;
    }
    while (size_bytes < size_names[i].factor) {
        i++;
    }
    /* Not through a double's exactness, which a rounded figure does not need. */
    g_snprintf(out, SDM_CTL_QUANTITY_SIZE, "~%.1f%s",
               (double)size_bytes / (double)size_names[i].factor, size_names[i].name);
    return out;
}

const char *sdm_ctl_duration_format(uint64_t duration_ms, char out[SDM_CTL_QUANTITY_SIZE])
{
    static const struct unit names[] = {
        {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}};
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        uint64_t count = duration_ms / names[i].factor;

        duration_ms %= names[i].factor;
        if (count > 0) {
            used += (size_t)g_snprintf(out + used, SDM_CTL_QUANTITY_SIZE - used, "%s%" PRIu64 "%s",
                                       used > 0 ? " " : "", count, names[i].name);
        }
    }
    if (used == 0) {
        g_strlcpy(out, "0s", SDM_CTL_QUANTITY_SIZE);
    }
    return out;
}

const char *sdm_ctl_power_format(uint64_t power_mw, char out[SDM_CTL_QUANTITY_SIZE])
{
    g_snprintf(out, SDM_CTL_QUANTITY_SIZE, "%.1fW", (double)power_mw / 1000.0);
    return out;
}

const char *sdm_ctl_bandwidth_format(uint64_t bandwidth_mbps, char out[SDM_CTL_QUANTITY_SIZE])
{
    if (bandwidth_mbps >= 1000 && bandwidth_mbps % 100 == 0) {
        g_snprintf(out, SDM_CTL_QUANTITY_SIZE, "%gGbit/s", (double)bandwidth_mbps / 1000.0);
    } else {
        g_snprintf(out, SDM_CTL_QUANTITY_SIZE, "%" PRIu64 "Mbit/s", bandwidth_mbps);
    }
    return out;
}
