#include "lib/base/id.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include <glib.h>

#define NS_PER_MS 1000000

/* RFC 9562, 5.7, with the 12 bits of 'rand_a' as a fraction of the millisecond (6.2, method 3). */
void sdm_uuid_new(char uuid[SDM_UUID_SIZE])
{
    struct timespec now;
    uint64_t ms;
    uint64_t fraction;
    uint64_t random = (uint64_t)g_random_int() << 32 | g_random_int();

    clock_gettime(CLOCK_REALTIME, &now);
    ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / NS_PER_MS;
    fraction = (uint64_t)now.tv_nsec % NS_PER_MS * 4096 / NS_PER_MS;
    g_snprintf(uuid, SDM_UUID_SIZE,
               "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
               (ms >> 16) & 0xffffffff, ms & 0xffff, fraction, (random >> 48 & 0x3fff) | 0x8000,
               random & 0xffffffffffff);
}

bool sdm_uuid_is_valid(const char *uuid)
{
    size_t length = strlen(uuid);

    if (length != SDM_UUID_SIZE - 1) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? uuid[i] != '-' : strchr("0123456789abcdef", uuid[i]) == NULL) {
            return false;
        }
    }
    return true;
}

bool sdm_id_is_valid(const char *id)
{
    size_t length = strlen(id);

    if (length == 0 || length >= SDM_ID_SIZE) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        bool word = g_ascii_islower(id[i]) || g_ascii_isdigit(id[i]);

        if (!word && (i == 0 || strchr("._-", id[i]) == NULL)) {
            return false;
        }
    }
    return true;
}
