#include <criterion/criterion.h>

#include <string.h>

#include "lib/wire/registry.h"
#include "wire/s10.h"

Test(registry, every_type_is_found_by_its_name)
{
    cr_assert_gt(sdm_n_wire_codecs, 30);
    for (size_t i = 0; i < sdm_n_wire_codecs; i++) {
        cr_assert_eq(sdm_codec_find(sdm_wire_codecs[i]->type), sdm_wire_codecs[i], "%s",
                     sdm_wire_codecs[i]->type);
        cr_assert(i == 0 || strcmp(sdm_wire_codecs[i - 1]->type, sdm_wire_codecs[i]->type) < 0);
    }
    cr_assert_eq(sdm_codec_find("s10.reserve/1"), &sdm_s10_reserve_codec);
}

Test(registry, other_names_and_versions_are_not)
{
    static const char *const rows[] = {"",      "s10.reserve", "s10.reserve/2", "s10.reserve/1 ",
                                       "zzz/1", "segment"};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_null(sdm_codec_find(rows[i]), "%s", rows[i]);
    }
}
