/* Two readers of the same bytes: what jansson accepts, refuses and holds, the codec's reader does.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/json/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void compare(const struct sdm_node *node, const struct sdm_json *value);

static void compare_members(const struct sdm_node *object, const struct sdm_json *value)
{
    for (const struct sdm_node *one = object->first; one != NULL; one = one->next) {
        compare(one, sdm_json_member(value, one->name));
    }
}

static void compare_items(const struct sdm_node *list, const struct sdm_json *value)
{
    const struct sdm_node *one = list->first;

    for (size_t i = 0; i < list->length; i++) {
        compare(one, sdm_json_item(value, i));
        one = one->next;
    }
    g_assert(one == NULL);
}

static void compare(const struct sdm_node *node, const struct sdm_json *value)
{
    g_assert(value != NULL && node->kind == sdm_json_kind(value));
    switch (node->kind) {
    case SDM_JSON_OBJECT:
        g_assert(node->length == sdm_json_length(value));
        compare_members(node, value);
        break;
    case SDM_JSON_LIST:
        g_assert(node->length == sdm_json_length(value));
        compare_items(node, value);
        break;
    case SDM_JSON_STRING:
        g_assert_cmpstr(node->text, ==, sdm_json_as_string(value, NULL));
        break;
    case SDM_JSON_INTEGER:
        g_assert(node->integer == sdm_json_as_integer(value));
        break;
    case SDM_JSON_REAL:
        g_assert(node->real == sdm_json_as_real(value));
        break;
    case SDM_JSON_BOOLEAN:
        g_assert(node->boolean == sdm_json_as_boolean(value));
        break;
    case SDM_JSON_NULL:
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    g_autoptr(sdm_json) value = sdm_json_parse(bytes, size, &sdm_json_limits_default, NULL);
    struct sdm_node *node = sdm_node_parse(bytes, size, &sdm_json_limits_default, arena, NULL);

    g_assert((node == NULL) == (value == NULL));
    if (node != NULL) {
        compare(node, value);
    }
    return 0;
}
