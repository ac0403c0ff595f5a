#include <criterion/criterion.h>

#include <string.h>

#include "lib/audit/record.h"

/* Computed with Python's hashlib from docs/DATABASE.md. */
static const struct sdm_audit_record example = {
    .id = 7,
    .at_us = 1769860800250000,
    .epoch = 3,
    .texts = {"request", "alice", "member", "demo", "s10.release/1", NULL, "k-1", "reservation",
              "00000002-5d3e-4c1a-9b7f-2a6d8c4e1f02", NULL, "ok", ""},
};

static void leaf_hex(const struct sdm_audit_record *record, char hex[SDM_AUDIT_HEX_SIZE])
{
    g_autoptr(GByteArray) leaves = g_byte_array_new();

    sdm_audit_append_leaf(leaves, record);
    cr_assert_eq(leaves->len, SDM_AUDIT_LEAF_SIZE);
    cr_assert_eq(leaves->data[7], (uint8_t)record->id);
    sdm_audit_hex(leaves->data + 8, hex);
}

Test(record, an_entry_has_the_hash_that_the_document_says)
{
    char hex[SDM_AUDIT_HEX_SIZE];

    leaf_hex(&example, hex);
    cr_assert_str_eq(hex, "d991da946438201eadb24e81f351db632e23d1199bc2a98e38ce5901758105a3");
}

Test(record, null_is_not_empty_and_texts_do_not_run_together)
{
    struct sdm_audit_record empty = example;
    struct sdm_audit_record moved = example;
    char hex[SDM_AUDIT_HEX_SIZE];
    char other[SDM_AUDIT_HEX_SIZE];

    leaf_hex(&example, hex);
    empty.texts[SDM_AUDIT_DIGEST] = "";
    leaf_hex(&empty, other);
    cr_assert_str_neq(hex, other);
    moved.texts[SDM_AUDIT_ACTION] = "requesta";
    moved.texts[SDM_AUDIT_ACTOR] = "lice";
    leaf_hex(&moved, other);
    cr_assert_str_neq(hex, other);
}

Test(record, a_block_has_the_hash_that_the_document_says)
{
    g_autoptr(GByteArray) leaves = g_byte_array_new();
    struct sdm_audit_block block = {.block_no = 1,
                                    .first_id = 1,
                                    .last_id = 9,
                                    .n_entries = 1,
                                    .epoch = 3,
                                    .sealed_at_us = 1769860801000000};
    uint8_t hash[SDM_AUDIT_HASH_SIZE];
    char hex[SDM_AUDIT_HEX_SIZE];

    sdm_audit_append_leaf(leaves, &example);
    block.leaves = leaves->data;
    block.leaves_size = leaves->len;
    sdm_audit_hash_block(&block, hash);
    sdm_audit_hex(hash, hex);
    cr_assert_str_eq(hex, "0b4a43d3edbdf7655add7b052bd6c630b40d270a31944a156065bab99173b68f");
}

Test(record, hexadecimal_digits)
{
    static const char *const bad[] = {"", "0", "zz", "\\x", "00\\x"};
    uint8_t hash[SDM_AUDIT_HASH_SIZE] = {0};
    char hex[SDM_AUDIT_HEX_SIZE];
    g_autofree char *digits = g_strnfill(SDM_AUDIT_HEX_SIZE - 1, 'a');
    g_autoptr(GByteArray) bytes = NULL;

    cr_assert(sdm_audit_unhex(digits, hash));
    sdm_audit_hex(hash, hex);
    cr_assert_str_eq(hex, digits);
    digits[63] = '\0';
    cr_assert_not(sdm_audit_unhex(digits, hash));
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        cr_assert_not(sdm_audit_unhex(bad[i], hash), "%s", bad[i]);
    }
    cr_assert_null(sdm_audit_read_bytea("00"));
    cr_assert_null(sdm_audit_read_bytea("\\x0"));
    cr_assert_null(sdm_audit_read_bytea("\\x0g"));
    bytes = sdm_audit_read_bytea("\\x00ff10");
    cr_assert_eq(bytes->len, 3);
    cr_assert_eq(bytes->data[1], 0xff);
}
