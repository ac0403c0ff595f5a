#include "lib/wire/registry.h"

#include <string.h>

const struct sdm_codec *sdm_codec_find(const char *type)
{
    size_t low = 0;
    size_t high = sdm_n_wire_codecs;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(type, sdm_wire_codecs[middle]->type);

        if (order == 0) {
            return sdm_wire_codecs[middle];
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}
