#include "lib/audit/record.h"

#include <string.h>

#define ENTRY_TAG "sdm-audit-entry/1\n"
#define BLOCK_TAG "sdm-audit-block/1\n"
#define NO_TEXT   UINT32_MAX

static void add_number(GChecksum *sum, int64_t number)
{
    guint64 big_endian = GUINT64_TO_BE((guint64)number);

    g_checksum_update(sum, (const guchar *)&big_endian, sizeof big_endian);
}

static void add_text(GChecksum *sum, const char *text)
{
    size_t size = text != NULL ? strlen(text) : 0;
    guint32 big_endian = GUINT32_TO_BE(text != NULL ? (guint32)size : NO_TEXT);

    g_checksum_update(sum, (const guchar *)&big_endian, sizeof big_endian);
    g_checksum_update(sum, (const guchar *)text, (gssize)size);
}

static void end(GChecksum *sum, uint8_t hash[SDM_AUDIT_HASH_SIZE])
{
    gsize size = SDM_AUDIT_HASH_SIZE;

    g_checksum_get_digest(sum, hash, &size);
}

void sdm_audit_append_leaf(GByteArray *leaves, const struct sdm_audit_record *record)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint64 id = GUINT64_TO_BE((guint64)record->id);
    uint8_t leaf[SDM_AUDIT_HASH_SIZE];

    g_checksum_update(sum, (const guchar *)ENTRY_TAG, strlen(ENTRY_TAG));
    add_number(sum, record->id);
    add_number(sum, record->at_us);
    add_number(sum, record->epoch);
    for (size_t i = 0; i < SDM_AUDIT_N_TEXTS; i++) {
        add_text(sum, record->texts[i]);
    }
    end(sum, leaf);
    g_byte_array_append(leaves, (const guint8 *)&id, sizeof id);
    g_byte_array_append(leaves, leaf, sizeof leaf);
}

void sdm_audit_hash_block(const struct sdm_audit_block *block, uint8_t hash[SDM_AUDIT_HASH_SIZE])
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);

    g_checksum_update(sum, (const guchar *)BLOCK_TAG, strlen(BLOCK_TAG));
    g_checksum_update(sum, block->prev_hash, sizeof block->prev_hash);
    add_number(sum, block->block_no);
    add_number(sum, block->first_id);
    add_number(sum, block->last_id);
    add_number(sum, block->n_entries);
    add_number(sum, block->epoch);
    add_number(sum, block->sealed_at_us);
    g_checksum_update(sum, block->leaves, (gssize)block->leaves_size);
    end(sum, hash);
}

void sdm_audit_append_hex(GString *out, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        g_string_append_c(out, digits[bytes[i] >> 4]);
        g_string_append_c(out, digits[bytes[i] & 15]);
    }
}

void sdm_audit_hex(const uint8_t hash[SDM_AUDIT_HASH_SIZE], char hex[SDM_AUDIT_HEX_SIZE])
{
    g_autoptr(GString) text = g_string_new(NULL);

    sdm_audit_append_hex(text, hash, SDM_AUDIT_HASH_SIZE);
    g_strlcpy(hex, text->str, SDM_AUDIT_HEX_SIZE);
}

static bool read_digits(const char *hex, size_t n_bytes, uint8_t *bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        int high = g_ascii_xdigit_value(hex[2 * i]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(hex[2 * i + 1]);

        if (low < 0) {
            return false;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return hex[2 * n_bytes] == '\0';
}

bool sdm_audit_unhex(const char *hex, uint8_t hash[SDM_AUDIT_HASH_SIZE])
{
    uint8_t read[SDM_AUDIT_HASH_SIZE];

    if (!read_digits(hex, sizeof read, read)) {
        return false;
    }
    memcpy(hash, read, sizeof read);
    return true;
}

GByteArray *sdm_audit_read_bytea(const char *text)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (!g_str_has_prefix(text, "\\x")) {
        return NULL;
    }
    text += 2;
    g_byte_array_set_size(bytes, (guint)(strlen(text) / 2));
    return read_digits(text, bytes->len, bytes->data) ? g_steal_pointer(&bytes) : NULL;
}
