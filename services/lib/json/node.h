/* JSON read once, fast: a tree in an arena, for the codec.
 *
 * Accepts and refuses exactly what sdm_json_parse() does (tests/fuzz compares them), at a fraction
 * of its cost: the text is copied once, strings are unescaped in place, nothing is freed one by
 * one.
 *
 * Pure.  Thread rule: a tree and its arena belong to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/json/json.h"

struct sdm_node {
    /* Of a member; NULL otherwise. */
    const char *name;
    /* The next member or item of the same object or list. */
    struct sdm_node *next;
    /* Bytes of a string, members of an object, items of a list. */
    size_t length;
    enum sdm_json_kind kind;
    union {
        const char *text;
        int64_t integer;
        double real;
        bool boolean;
        struct sdm_node *first;
    };
};

/* Parses one object or list.  The tree lives in 'arena'.  NULL with SDM_ERROR set as by
 * sdm_json_parse(): MALFORMED, OUT_OF_RANGE.  Cost: linear, some nanoseconds a byte. */
struct sdm_node *sdm_node_parse(const void *bytes, size_t size,
                                const struct sdm_json_limits *limits, struct sdm_arena *arena,
                                GError **error);
