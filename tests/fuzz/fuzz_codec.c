/* Any bytes as any message: the first byte chooses the type, the rest is the body.  What is
 * accepted encodes to something that is accepted and encodes to the same. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/wire/registry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char *decode_and_encode(const struct sdm_codec *codec, const void *bytes, size_t size)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(GError) error = NULL;
    g_autofree void *message = g_malloc(codec->size);

    if (!sdm_codec_decode(codec, bytes, size, arena, message, &error)) {
        g_assert(error != NULL && g_utf8_validate(error->message, -1, NULL));
        return NULL;
    }
    return sdm_codec_encode(codec, message, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const struct sdm_codec *codec;
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;

    if (size == 0) {
        return 0;
    }
    codec = sdm_wire_codecs[bytes[0] % sdm_n_wire_codecs];
    first = decode_and_encode(codec, bytes + 1, size - 1);
    if (first != NULL) {
        second = decode_and_encode(codec, first, strlen(first));
        g_assert_cmpstr(first, ==, second);
    }
    return 0;
}
