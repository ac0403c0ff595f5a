#include <criterion/criterion.h>

#include "lib/base/error.h"
#include "lib/svc/health.h"

struct part {
    const char *failure;
    int n_asked;
};

static bool check(void *user, GError **error)
{
    struct part *part = user;

    part->n_asked++;
    return part->failure == NULL || sdm_unavailable(error, "%s", part->failure);
}

static void assert_reason(struct sdm_health *health, const char *expected)
{
    g_autofree char *reason = sdm_health_read(health);

    cr_assert_eq(g_strcmp0(reason, expected), 0, "found %s", reason);
}

Test(health, the_first_part_that_fails_is_told)
{
    g_autoptr(sdm_health) health = sdm_health_new();
    struct part broker = {0};
    struct part database = {0};

    assert_reason(health, "starting");
    sdm_health_add(health, check, &broker);
    sdm_health_add(health, check, &database);
    sdm_health_ask(health);
    assert_reason(health, NULL);
    database.failure = "no database\nat all";
    assert_reason(health, NULL);
    sdm_health_ask(health);
    assert_reason(health, "no database at all");
    broker.failure = "no broker";
    sdm_health_ask(health);
    assert_reason(health, "no broker");
    cr_assert_eq(database.n_asked, 2, "asked in vain");
    broker.failure = database.failure = NULL;
    sdm_health_ask(health);
    assert_reason(health, NULL);
}

Test(health, the_end_stands)
{
    g_autoptr(sdm_health) health = sdm_health_new();
    struct part part = {0};

    sdm_health_add(health, check, &part);
    sdm_health_end(health, "stopping");
    sdm_health_ask(health);
    assert_reason(health, "stopping");
    cr_assert_eq(part.n_asked, 0);
}
