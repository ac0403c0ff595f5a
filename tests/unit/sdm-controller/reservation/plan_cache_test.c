#include "sdm-controller/reservation/plan_cache.h"

#include <criterion/criterion.h>
#include <string.h>

#include "lib/base/error.h"

enum { VALID_US = 60 * 1000 * 1000 };

/* Adds a plan of 'size_bytes' for project "p". */
static void add(struct sdm_plan_cache *cache, uint64_t size_bytes, int64_t now_us,
                char id[SDM_UUID_SIZE])
{
    g_autoptr(sdm_plan) plan = sdm_plan_new(1, 0, 0);
    const struct sdm_plan_request request = {.size_bytes = size_bytes, .n_compute = 1};

    plan->size_bytes = size_bytes;
    plan->segments[0].extent.size_bytes = size_bytes;
    sdm_plan_cache_add(cache, "p", plan, &request, now_us, id);
}

static bool has(struct sdm_plan_cache *cache, const char *project, const char *id, int64_t now_us)
{
    struct sdm_plan_request request;
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_plan) plan = sdm_plan_cache_find(cache, project, id, now_us, &request, &error);

    cr_assert_eq(plan == NULL, error != NULL);
    if (plan == NULL) {
        cr_assert(g_error_matches(error, SDM_ERROR, SDM_ERROR_PLAN_EXPIRED));
        cr_assert_not_null(strstr(error->message, id));
        cr_assert_not_null(strstr(error->message, "60 s"));
    }
    return plan != NULL;
}

Test(plan_cache, gives_copies)
{
    g_autoptr(sdm_plan_cache) cache = sdm_plan_cache_new(4, VALID_US);
    char id[SDM_UUID_SIZE];

    add(cache, 4096, 0, id);
    for (int i = 0; i < 2; i++) {
        struct sdm_plan_request request = {0};
        g_autoptr(sdm_plan) plan = sdm_plan_cache_find(cache, "p", id, 1, &request, NULL);

        cr_assert_not_null(plan);
        cr_assert_eq(plan->size_bytes, 4096);
        cr_assert_eq(plan->segments[0].extent.size_bytes, 4096);
        cr_assert_eq(request.size_bytes, 4096);
        cr_assert_eq(request.n_compute, 1);
        plan->segments[0].extent.size_bytes = 1;
    }
    cr_assert_eq(sdm_plan_cache_valid_us(cache), VALID_US);
}

Test(plan_cache, a_plan_is_its_project_s_and_ends)
{
    g_autoptr(sdm_plan_cache) cache = sdm_plan_cache_new(4, VALID_US);
    char id[SDM_UUID_SIZE];

    add(cache, 4096, 1000, id);
    cr_assert(has(cache, "p", id, 1000));
    cr_assert_not(has(cache, "q", id, 1000), "another's");
    cr_assert_not(has(cache, "p", "00000000-0000-4000-8000-000000000000", 1000));
    cr_assert(has(cache, "p", id, 1000 + VALID_US - 1));
    cr_assert_not(has(cache, "p", id, 1000 + VALID_US));
    cr_assert_not(has(cache, "p", id, 1000), "gone for good");
}

Test(plan_cache, the_oldest_makes_room)
{
    g_autoptr(sdm_plan_cache) cache = sdm_plan_cache_new(2, VALID_US);
    char ids[3][SDM_UUID_SIZE];

    for (int i = 0; i < 3; i++) {
        add(cache, 4096, i, ids[i]);
    }
    cr_assert_not(has(cache, "p", ids[0], 3));
    cr_assert(has(cache, "p", ids[1], 3));
    cr_assert(has(cache, "p", ids[2], 3));
}

Test(plan_cache, an_unknown_plan_leaves_the_request_alone)
{
    g_autoptr(sdm_plan_cache) cache = sdm_plan_cache_new(2, VALID_US);
    struct sdm_plan_request request = {.size_bytes = 7};
    g_autoptr(GError) error = NULL;

    cr_assert_null(sdm_plan_cache_find(cache, "p", "none", 0, &request, &error));
    cr_assert_eq(request.size_bytes, 7);
    sdm_plan_cache_free(NULL);
}
