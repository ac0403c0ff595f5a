#include <criterion/criterion.h>

#include <stdlib.h>
#include <unistd.h>

#include "sdm-agent/session/epoch.h"

Test(epoch, survives_and_is_never_guessed)
{
    g_autofree char *folder = g_strdup("/tmp/sdm-epoch-XXXXXX");
    g_autofree char *path = NULL;
    uint64_t epoch = 99;

    cr_assert_not_null(mkdtemp(folder));
    path = g_build_filename(folder, "epoch", NULL);
    cr_expect(sdm_epoch_load(folder, &epoch, NULL));
    cr_expect_eq(epoch, 0);
    cr_expect(sdm_epoch_save(folder, UINT64_C(4611686018427387904), NULL));
    cr_expect(sdm_epoch_load(folder, &epoch, NULL));
    cr_expect_eq(epoch, UINT64_C(4611686018427387904));
    for (unsigned i = 0; i < 3; i++) {
        static const char *const texts[] = {"", "seven\n", "7 8\n"};
        g_autoptr(GError) error = NULL;

        g_file_set_contents(path, texts[i], -1, NULL);
        cr_expect_not(sdm_epoch_load(folder, &epoch, &error), "'%s'", texts[i]);
        cr_expect_not_null(error);
    }
    cr_expect_eq(epoch, UINT64_C(4611686018427387904));
    unlink(path);
    rmdir(folder);
    cr_expect_not(sdm_epoch_save(folder, 1, NULL));
}
