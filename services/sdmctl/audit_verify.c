#include "sdmctl/audit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/audit/check.h"
#include "lib/base/error.h"
#include "sdmctl/audit_source.h"
#include "wire/event.h"

/* Findings that are told one by one; of more only the number. */
#define MAX_TOLD    100
#define PROGRESS_US (2 * G_USEC_PER_SEC)

struct verifying {
    const struct sdm_ctl *ctl;
    struct sdm_audit_source *source;
    struct sdm_audit_check *check;
    struct sdm_audit_start start;
    int64_t n_blocks;
    int64_t n_heads;
    int64_t n_findings;
    int64_t n_unsealed;
    int64_t unsealed_age_ms;
    struct sdm_json *findings;
    int64_t told_us; /* when progress was shown */
};

static void on_finding(const struct sdm_audit_finding *finding, void *user)
{
    struct verifying *verifying = user;
    struct sdm_json *object;

    if (verifying->n_findings++ >= MAX_TOLD) {
        return;
    }
    object = sdm_json_append_object(verifying->findings);
    sdm_json_set_string(object, "kind", sdm_audit_finding_name(finding->kind));
    sdm_json_set_integer(object, "block", finding->block_no);
    if (finding->id != 0) {
        sdm_json_set_integer(object, "entry", finding->id);
    }
    sdm_json_set_string(object, "text", finding->text);
    if (!verifying->ctl->globals.json) {
        printf("%s: %s\n", sdm_audit_finding_name(finding->kind), finding->text);
    }
}

static void show_progress(struct verifying *verifying)
{
    int64_t now_us = g_get_monotonic_time();

    if (isatty(STDERR_FILENO) == 1 && now_us - verifying->told_us > PROGRESS_US) {
        verifying->told_us = now_us - PROGRESS_US / 2;
        fprintf(stderr, "sdmctl: %" PRId64 " entries, %" PRId64 " blocks so far\n",
                sdm_audit_check_n_entries(verifying->check), verifying->n_blocks);
    }
}

static bool expect_line(struct verifying *verifying, const char *line, GError **error)
{
    g_autoptr(sdm_arena) arena = sdm_arena_new();
    struct sdm_event_audit_head head;
    uint8_t hash[SDM_AUDIT_HASH_SIZE];

    if (!sdm_codec_decode(&sdm_event_audit_head_codec, line, strlen(line), arena, &head, error)) {
        return false;
    }
    if (!sdm_audit_unhex(head.hash, hash)) {
        return sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "hash: '%s' is none", head.hash);
    }
    sdm_audit_check_expect(verifying->check, (int64_t)head.block, hash);
    verifying->n_heads++;
    return true;
}

/* A line of event.audit_head/1 a block; an unfinished last one is what a crash leaves. */
static bool expect_heads(struct verifying *verifying, const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GError) cause = NULL;

    if (!g_file_get_contents(path, &text, NULL, &cause)) {
        return sdm_ctl_usage(error, "--head: %s", cause->message);
    }
    lines = g_strsplit(text, "\n", -1);
    for (size_t i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++) {
        if (!expect_line(verifying, lines[i], &cause)) {
            return sdm_ctl_usage(error, "--head: line %zu of '%s': %s", i + 1, path,
                                 cause->message);
        }
    }
    return true;
}

static void check_entry(const struct sdm_audit_record *record, void *user)
{
    struct verifying *verifying = user;

    sdm_audit_check_entry(verifying->check, record);
    show_progress(verifying);
}

/* Below what was pruned nothing can be. */
static void check_pruned(const struct sdm_audit_record *record, void *user)
{
    g_autofree char *text =
        g_strdup_printf("entry %" PRId64 " lies before the beginning of the log", record->id);

    on_finding(&(struct sdm_audit_finding){SDM_AUDIT_ENTRY_INSERTED, 0, record->id, text}, user);
}

static bool check_blocks(struct verifying *verifying, GError **error)
{
    g_autoptr(GByteArray) leaves = g_byte_array_new();
    struct sdm_audit_block block = {.block_no = verifying->start.block_no};

    do {
        if (!sdm_audit_source_block(verifying->source, block.block_no, leaves, &block, error)) {
            return false;
        }
        if (block.block_no == 0) {
            return true;
        }
        sdm_audit_check_block(verifying->check, &block);
        verifying->n_blocks++;
    } while (sdm_audit_source_entries(verifying->source, block.first_id, block.last_id, check_entry,
                                      verifying, error));
    return false;
}

static bool check_all(struct verifying *verifying, GError **error)
{
    if (!sdm_audit_source_start(verifying->source, &verifying->start, error)) {
        return false;
    }
    sdm_audit_check_start(verifying->check, verifying->start.block_no, verifying->start.last_id,
                          verifying->start.hash);
    if (!sdm_audit_source_entries(verifying->source, INT64_MIN, verifying->start.last_id,
                                  check_pruned, verifying, error) ||
        !check_blocks(verifying, error)) {
        return false;
    }
    sdm_audit_check_end(verifying->check);
    return sdm_audit_source_unsealed(verifying->source, sdm_audit_check_last_id(verifying->check),
                                     &verifying->n_unsealed, &verifying->unsealed_age_ms, error);
}

static void print_json(const struct verifying *verifying)
{
    g_autoptr(sdm_json) object = sdm_json_new_object();
    g_autofree char *text = NULL;

    sdm_json_set_boolean(object, "ok", verifying->n_findings == 0);
    sdm_json_set_integer(object, "blocks", verifying->n_blocks);
    sdm_json_set_integer(object, "last_block", sdm_audit_check_last_block(verifying->check));
    sdm_json_set_integer(object, "entries", sdm_audit_check_n_entries(verifying->check));
    sdm_json_set_integer(object, "unsealed", verifying->n_unsealed);
    sdm_json_set_integer(object, "unsealed_age_ms", verifying->unsealed_age_ms);
    sdm_json_set_integer(object, "heads", verifying->n_heads);
    sdm_json_set_integer(object, "pruned_to_block", verifying->start.block_no);
    sdm_json_set_integer(object, "n_findings", verifying->n_findings);
    sdm_json_set_take(object, "findings", sdm_json_ref(verifying->findings));
    text = sdm_json_write(object, SDM_JSON_COMPACT, NULL);
    printf("%s\n", text);
}

static void print_result(const struct verifying *verifying)
{
    if (verifying->n_findings > MAX_TOLD) {
        printf("... %" PRId64 " findings in all\n", verifying->n_findings);
    }
    printf("%" PRId64 " entries in %" PRId64 " blocks, up to block %" PRId64 "; %" PRId64
           " entries not sealed yet\n",
           sdm_audit_check_n_entries(verifying->check), verifying->n_blocks,
           sdm_audit_check_last_block(verifying->check), verifying->n_unsealed);
    if (verifying->start.block_no != 0) {
        printf("pruned up to block %" PRId64 "\n", verifying->start.block_no);
    }
    if (verifying->n_heads > 0) {
        printf("compared with %" PRId64 " exported heads\n", verifying->n_heads);
    } else {
        puts("not compared with an exported head (--head): who rewrites the whole chain, or cuts "
             "its end, is not found");
    }
    puts(verifying->n_findings == 0 ? "intact" : "TAMPERED WITH");
}

static bool verify(struct verifying *verifying, const struct sdm_ctl_args *args, GError **error)
{
    const char *head = sdm_ctl_args_get(args, "head");

    if (head != NULL && !expect_heads(verifying, head, error)) {
        return false;
    }
    verifying->source = sdm_audit_source_open(sdm_ctl_args_get(args, "database"), error);
    if (verifying->source == NULL || !check_all(verifying, error)) {
        return false;
    }
    if (verifying->ctl->globals.json) {
        print_json(verifying);
    } else {
        print_result(verifying);
    }
    if (verifying->n_findings > 0) {
        g_set_error(error, SDM_CTL_TAMPERED, 0, "the audit log was tampered with");
        return false;
    }
    return true;
}

bool sdm_ctl_audit_verify(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    struct verifying verifying = {.ctl = ctl, .told_us = g_get_monotonic_time()};
    bool ok;

    verifying.check = sdm_audit_check_new(on_finding, &verifying);
    verifying.findings = sdm_json_new_list();
    ok = verify(&verifying, args, error);
    sdm_audit_source_close(verifying.source);
    sdm_audit_check_free(verifying.check);
    sdm_json_free(verifying.findings);
    return ok;
}
