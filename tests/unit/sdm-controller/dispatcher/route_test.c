#include <string.h>

#include <criterion/criterion.h>
#include <glib.h>

#include "lib/wire/registry.h"
#include "sdm-controller/dispatcher/route.h"
#include "wire/s10.h"
#include "wire/s11.h"

Test(route, every_request_has_one_and_nothing_else)
{
    for (size_t i = 0; i < sdm_n_wire_codecs; i++) {
        const char *type = sdm_wire_codecs[i]->type;
        bool is_request = (g_str_has_prefix(type, "s10.") || g_str_has_prefix(type, "s11.")) &&
                          strstr(type, "reply/") == NULL;
        const struct sdm_route *route = sdm_route_find(type);

        cr_assert_eq(route != NULL, is_request, "%s", type);
        cr_assert(route == NULL || route->codec == sdm_wire_codecs[i], "%s", type);
    }
}

Test(route, policies)
{
    for (size_t i = 0; i < sdm_n_routes; i++) {
        const struct sdm_route *route = &sdm_routes[i];
        struct sdm_request_members members;
        g_autofree void *message = g_malloc0(route->codec->size);

        cr_assert_str_eq(route->type, route->codec->type);
        cr_assert_eq(route->read == NULL, route->write != NULL, "%s", route->type);
        cr_assert_eq(route->lane == SDM_LANE_REGISTRY, g_str_has_prefix(route->type, "s11."), "%s",
                     route->type);
        /* What writes has a key, or a repeat could not be told from a new request. */
        sdm_route_members(route->codec, message, &members);
        cr_assert_eq(members.key != NULL, route->write != NULL, "%s", route->type);
        cr_assert(route->write == NULL || route->role >= SDM_ROLE_MEMBER, "%s", route->type);
        /* The audit log tells of what writes, and of what an administrator alone may look at. */
        cr_assert_eq(route->audit,
                     route->write != NULL            ? SDM_AUDIT_OUTCOME
                     : route->role == SDM_ROLE_ADMIN ? SDM_AUDIT_READING
                                                     : SDM_AUDIT_NOTHING,
                     "%s", route->type);
    }
    cr_assert_null(sdm_route_find("s10.reserve/2"));
    cr_assert_null(sdm_route_find(""));
}

Test(route, members)
{
    struct sdm_s10_attach attach = {.key = "k1"};
    struct sdm_s10_reserve reserve = {.key = "k2", .has_project = true, .project = "demo"};
    struct sdm_s10_show show = {0};
    struct sdm_request_members members;

    sdm_route_members(&sdm_s10_attach_codec, &attach, &members);
    cr_assert_str_eq(members.key, "k1");
    cr_assert_null(members.project);
    cr_assert_eq(members.wait, SDM_WAIT_LEVEL_COMMITTED);
    cr_assert_eq(members.timeout_ms, 30000);

    attach.has_wait = true;
    attach.wait = SDM_WAIT_LEVEL_GUEST;
    attach.has_timeout_ms = true;
    attach.timeout_ms = 7;
    sdm_route_members(&sdm_s10_attach_codec, &attach, &members);
    cr_assert_eq(members.wait, SDM_WAIT_LEVEL_GUEST);
    cr_assert_eq(members.timeout_ms, 7);

    sdm_route_members(&sdm_s10_reserve_codec, &reserve, &members);
    cr_assert_str_eq(members.project, "demo");
    cr_assert_eq(members.wait, SDM_WAIT_LEVEL_COMMITTED);

    sdm_route_members(&sdm_s10_show_codec, &show, &members);
    cr_assert_null(members.key);
}
