/* Any bytes as a rack file, for both who read one: the emulator makes hardware of it, sdmctl cuts
 * it into registrations, which the controller's codec takes. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "emurack/rack_file.h"
#include "sdmctl/rack_split.h"
#include "wire/rack.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void register_all(const struct sdm_rack *rack)
{
    struct sdm_ctl_split split = {.rack = rack};
    struct sdm_s11_register message;
    size_t n = 0;

    while (sdm_ctl_split_next(&split, "run", &message)) {
        g_autofree char *text = sdm_codec_encode(&sdm_s11_register_codec, &message, NULL);
        g_autoptr(sdm_arena) arena = sdm_arena_new();
        struct sdm_s11_register again;

        g_assert(
            sdm_codec_decode(&sdm_s11_register_codec, text, strlen(text), arena, &again, NULL));
        n++;
    }
    g_assert(n == sdm_ctl_split_count(rack));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_emu_rack *emulated = sdm_emu_rack_file_read((const char *)bytes, size, NULL);
    struct sdm_rack rack;
    bool is_rack = sdm_codec_decode(&sdm_rack_codec, bytes, size, arena, &rack, NULL);

    g_assert(emulated == NULL || is_rack);
    if (is_rack) {
        register_all(&rack);
    }
    sdm_emu_rack_free(emulated);
    return 0;
}
