#include <stdio.h>

#include "lib/base/error.h"
#include "sdmctl/audit.h"
#include "sdmctl/audit_source.h"
#include "sdmctl/quantity.h"
#include "sdmctl/table.h"

struct listing {
    const struct sdm_ctl *ctl;
    struct sdm_ctl_table *table;
};

static const char *const members[SDM_AUDIT_N_TEXTS] = {
    [SDM_AUDIT_ACTION] = "action",   [SDM_AUDIT_ACTOR] = "actor",
    [SDM_AUDIT_ROLE] = "role",       [SDM_AUDIT_PROJECT] = "project",
    [SDM_AUDIT_TYPE] = "type",       [SDM_AUDIT_REQUEST_ID] = "request_id",
    [SDM_AUDIT_KEY] = "key",         [SDM_AUDIT_OBJECT_KIND] = "object_kind",
    [SDM_AUDIT_OBJECT] = "object",   [SDM_AUDIT_DIGEST] = "digest",
    [SDM_AUDIT_OUTCOME] = "outcome", [SDM_AUDIT_SUMMARY] = "summary",
};

/* Microseconds since 1970 as messages carry times; the caller frees it. */
static char *format_time(int64_t at_us)
{
    g_autoptr(GDateTime) whole = g_date_time_new_from_unix_utc(at_us / G_USEC_PER_SEC);
    g_autofree char *seconds = g_date_time_format(whole, "%Y-%m-%dT%H:%M:%S");

    return g_strdup_printf("%s.%06dZ", seconds, (int)(at_us % G_USEC_PER_SEC));
}

static void print_json(const struct sdm_audit_record *record, const char *at)
{
    g_autoptr(sdm_json) object = sdm_json_new_object();
    g_autofree char *text = NULL;

    sdm_json_set_integer(object, "id", record->id);
    sdm_json_set_string(object, "at", at);
    sdm_json_set_integer(object, "epoch", record->epoch);
    for (size_t i = 0; i < SDM_AUDIT_N_TEXTS; i++) {
        if (record->texts[i] != NULL) {
            sdm_json_set_string(object, members[i], record->texts[i]);
        }
    }
    text = sdm_json_write(object, SDM_JSON_COMPACT, NULL);
    printf("%s\n", text);
}

static void add_row(const struct sdm_audit_record *record, void *user)
{
    struct listing *listing = user;
    struct sdm_ctl_table *table = listing->table;
    const char *const *texts = record->texts;
    g_autofree char *at = format_time(record->at_us);

    if (listing->ctl->globals.json) {
        print_json(record, at);
        return;
    }
    sdm_ctl_table_add_format(table, "%" G_GINT64_FORMAT, record->id);
    sdm_ctl_table_add(table, at);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_ACTOR]);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_PROJECT]);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_ACTION]);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_TYPE]);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_OBJECT]);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_OUTCOME]);
    sdm_ctl_table_add(table, texts[SDM_AUDIT_SUMMARY]);
}

static bool read_filter(const struct sdm_ctl_args *args, struct sdm_audit_filter *filter,
                        GError **error)
{
    const char *since = sdm_ctl_args_get(args, "since");
    const char *limit = sdm_ctl_args_get(args, "limit");
    guint64 n;
    uint64_t since_ms = 0;

    if (!g_ascii_string_to_unsigned(limit, 10, 1, 1000000, &n, NULL)) {
        return sdm_ctl_usage(error, "--limit: want a number from 1 to 1000000, found '%s'", limit);
    }
    if (since != NULL && !sdm_ctl_duration_parse(since, &since_ms, error)) {
        g_prefix_error(error, "--since: ");
        return false;
    }
    *filter = (struct sdm_audit_filter){
        .project = sdm_ctl_args_get(args, "project"),
        .object = sdm_ctl_args_get(args, "object"),
        .actor = sdm_ctl_args_get(args, "actor"),
        .since_s = (int64_t)MIN(since_ms / 1000, G_MAXINT32),
        .limit = (int64_t)n,
    };
    return true;
}

bool sdm_ctl_audit_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    g_autoptr(sdm_audit_source) source = NULL;
    g_autoptr(sdm_ctl_table) table =
        sdm_ctl_table_new(">ID|TIME|ACTOR|PROJECT|ACTION|TYPE|OBJECT|OUTCOME|SUMMARY");
    struct listing listing = {.ctl = ctl, .table = table};
    struct sdm_audit_filter filter;

    if (!read_filter(args, &filter, error)) {
        return false;
    }
    source = sdm_audit_source_open(sdm_ctl_args_get(args, "database"), error);
    if (source == NULL || !sdm_audit_source_find(source, &filter, add_row, &listing, error)) {
        return false;
    }
    if (!ctl->globals.json) {
        sdm_ctl_table_print(table, &ctl->screen, 0);
    }
    return true;
}
