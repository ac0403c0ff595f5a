#include "lib/base/id.h"

#include <string.h>

#include <glib.h>

void sdm_uuid_new(char uuid[SDM_UUID_SIZE])
{
    g_autofree char *random = g_uuid_string_random();

    memcpy(uuid, random, SDM_UUID_SIZE);
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
