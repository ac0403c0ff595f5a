#include <criterion/criterion.h>

#include <string.h>

#include "lib/amqp/message.h"

Test(message, a_copy_stands_alone)
{
    char name[] = "sdm-token";
    char text[] = "t0k";
    char body[] = {'a', '\0', 'b'};
    char type[] = "s10.reserve/1";
    const struct sdm_amqp_header headers[] = {{name, text}, {"second", ""}};
    const struct sdm_amqp_message message = {
        .exchange = "",
        .routing_key = "q",
        .type = type,
        .expiration_ms = "9",
        .headers = headers,
        .n_headers = 2,
        .body = body,
        .size = sizeof body,
        .is_persistent = true,
    };
    g_autofree struct sdm_amqp_message *copy = sdm_amqp_message_dup(&message);

    memset(name, 'x', sizeof name - 1);
    memset(text, 'x', sizeof text - 1);
    memset(body, 'x', sizeof body);
    memset(type, 'x', sizeof type - 1);
    cr_assert_str_eq(copy->exchange, "");
    cr_assert_str_eq(copy->routing_key, "q");
    cr_assert_str_eq(copy->type, "s10.reserve/1");
    cr_assert_str_eq(copy->expiration_ms, "9");
    cr_assert_null(copy->reply_to);
    cr_assert(copy->is_persistent);
    cr_assert_not(copy->is_mandatory);
    cr_assert_str_eq(sdm_amqp_message_get_header(copy, "sdm-token"), "t0k");
    cr_assert_str_eq(sdm_amqp_message_get_header(copy, "second"), "");
    cr_assert_null(sdm_amqp_message_get_header(copy, "third"));
    cr_assert_eq(copy->size, 3);
    cr_assert_eq(memcmp(copy->body, "a\0b", 4), 0);
}

Test(message, an_empty_one_can_be_copied)
{
    const struct sdm_amqp_message message = {0};
    g_autofree struct sdm_amqp_message *copy = sdm_amqp_message_dup(&message);

    cr_assert_null(copy->routing_key);
    cr_assert_eq(copy->size, 0);
    cr_assert_str_eq(copy->body, "");
}
