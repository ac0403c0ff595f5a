/* Messages between JSON and the structs that are generated from schemas/: "wire/s10.h" and others.
 *
 * A message's struct is a plain value: strings in fixed arrays, nested objects in place, lists in
 * the arena that was given to decode.  An optional member 'x' has 'has_x' beside it; a list 'x' its
 * length 'n_x'.  A string's maxLength counts bytes of UTF-8.
 *
 * Pure.  Thread rule: codecs are constant; a value and an arena belong to one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/base/arena.h"
#include "lib/json/json.h"
#include "lib/wire/pattern.h"
#include "lib/wire/words.h"

enum sdm_field_kind {
    SDM_FIELD_STRING,
    /* uint64_t: the schema's minimum is 0 or more. */
    SDM_FIELD_UNSIGNED,
    /* int64_t. */
    SDM_FIELD_INTEGER,
    SDM_FIELD_BOOLEAN,
    SDM_FIELD_ENUM,
    SDM_FIELD_OBJECT,
};

/* In 'has_offset' of a required member, and in 'n_offset' of one that is no list. */
#define SDM_FIELD_NOWHERE UINT32_MAX

/* One member, as the generator writes it. */
struct sdm_field {
    const char *name;
    enum sdm_field_kind kind;
    uint32_t offset;
    uint32_t has_offset;
    uint32_t n_offset;
    /* Size of the value, or of one item of a list. */
    uint32_t size;
    enum sdm_pattern pattern;
    /* Both ends, included: of the number, or of the string's length. */
    int64_t min;
    int64_t max;
    uint32_t min_items;
    uint32_t max_items;
    const struct sdm_words *words;
    const struct sdm_codec *codec;
};

struct sdm_codec {
    /* "s10.reserve/1"; the name of its definition for a type that is only part of messages. */
    const char *type;
    size_t size;
    const struct sdm_field *fields;
    size_t n_fields;
    /* Bit i: fields[i] has to be there. */
    uint64_t required;
    /* Members that have to be there and may be there, whichever they are. */
    uint32_t min_members;
    uint32_t max_members;
    /* Members that no field names are refused, not ignored. */
    bool closed;
};

/* Room for a fingerprint: 64 hexadecimal digits and the terminating zero. */
#define SDM_FINGERPRINT_SIZE 65

/* Decodes a message's body into '*out', a struct of the codec's type, all of which is written; its
 * lists are in 'arena' and live as long.  Text of errors: "segments[2].size_bytes: want 1 to 4096,
 * found 0".  Cost: linear in the bytes, some microseconds for 400.
 *
 * False with '*out' untouched and SDM_ERROR set:
 *   MALFORMED       not one JSON object, or beyond sdm_json_limits_default;
 *   WRONG_TYPE      a member of another JSON type (an integral real like 1.0 is an integer);
 *   UNKNOWN_MEMBER  in an object whose schema allows no others;
 *   MISSING_MEMBER  one required, or none where at least one has to be;
 *   OUT_OF_RANGE    a number, a string's length, a list's length;
 *   INVALID_VALUE   none of the enumeration's words, not of the pattern, or more members than the
 *                   one that a choice allows. */
bool sdm_codec_decode(const struct sdm_codec *codec, const void *bytes, size_t size,
                      struct sdm_arena *arena, void *out, GError **error);

/* The same from a value that has been parsed. */
bool sdm_codec_decode_value(const struct sdm_codec *codec, const struct sdm_json *value,
                            struct sdm_arena *arena, void *out, GError **error);

/* The struct as compact JSON, members in the schema's order: equal structs give equal text.
 * g_free(); 'size' may be NULL and receives the length.  Enumerations must hold one of their
 * values; other bounds are the sender's to keep. */
char *sdm_codec_encode(const struct sdm_codec *codec, const void *in, size_t *size);

/* The same as a value, sdm_json_free(). */
struct sdm_json *sdm_codec_encode_value(const struct sdm_codec *codec, const void *in);

/* SHA-256 of the encoding in lower-case hexadecimal: tells whether an idempotency key came with the
 * same request again. */
void sdm_codec_fingerprint(const struct sdm_codec *codec, const void *in,
                           char fingerprint[SDM_FINGERPRINT_SIZE]);
