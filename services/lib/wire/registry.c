#include "lib/wire/registry.h"

#include <stdlib.h>
#include <string.h>

static int compare_type(const void *type, const void *entry)
{
    const struct sdm_codec *const *codec = entry;

    return strcmp(type, (*codec)->type);
}

const struct sdm_codec *sdm_codec_find(const char *type)
{
    const struct sdm_codec *const *found =
        bsearch(type, sdm_wire_codecs, sdm_n_wire_codecs, sizeof sdm_wire_codecs[0], compare_type);

    return found != NULL ? *found : NULL;
}
