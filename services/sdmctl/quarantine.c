#include "sdmctl/quarantine.h"

#include <inttypes.h>
#include <stdio.h>

#include "sdmctl/table.h"
#include "wire/s11.h"

static struct sdm_ctl_table *new_table(void)
{
    return sdm_ctl_table_new("SEGMENT|BRICK|>OFFSET|>SIZE|SINCE|PROJECT|MAPPED BY|STATE|WHY");
}

static void add(struct sdm_ctl_table *table, const struct sdm_s11_quarantine_reply *reply)
{
    for (size_t i = 0; i < reply->n_segments; i++) {
        const struct sdm_wire_quarantined_segment *segment = &reply->segments[i];

        sdm_ctl_table_add(table, segment->segment);
        sdm_ctl_table_add(table, segment->memory_brick);
        sdm_ctl_table_add_format(table, "%" PRIu64, segment->offset_bytes);
        sdm_ctl_table_add_size(table, segment->size_bytes);
        sdm_ctl_table_add(table, segment->since);
        sdm_ctl_table_add(table, segment->has_project ? segment->project : NULL);
        sdm_ctl_table_add(table, segment->has_compute_brick ? segment->compute_brick : NULL);
        sdm_ctl_table_add(table, segment->released ? "released" : "waits");
        sdm_ctl_table_add(table, segment->text);
    }
}

void sdm_ctl_quarantine_print(struct sdm_ctl *ctl, const void *reply)
{
    g_autoptr(sdm_ctl_table) table = new_table();

    add(table, reply);
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

bool sdm_ctl_quarantine_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    g_autoptr(sdm_ctl_table) table = new_table();
    g_autofree char *next = g_strdup(sdm_ctl_args_get(args, "after"));
    const char *brick = sdm_ctl_args_get(args, "brick");
    const struct sdm_s11_quarantine_reply *page;
    bool one_page = next != NULL;
    size_t n_segments = 0;

    do {
        g_autoptr(sdm_json) body = sdm_json_new_object();

        if (brick != NULL) {
            sdm_json_set_string(body, "memory_brick", brick);
        }
        if (next != NULL) {
            sdm_json_set_string(body, "after", next);
        }
        page = sdm_ctl_call(ctl,
                            &(struct sdm_ctl_call){.type = "s11.quarantine.list/1",
                                                   .reply = &sdm_s11_quarantine_reply_codec,
                                                   .body = body,
                                                   .awaited = "listing the quarantine"},
                            error);
        if (page == NULL) {
            return false;
        }
        add(table, page);
        n_segments += page->n_segments;
        g_free(next);
        next = g_strdup(page->has_next ? page->next : NULL);
    } while (next != NULL && !one_page);
    if (!ctl->globals.json) {
        sdm_ctl_table_print(table, &ctl->screen, 0);
        printf("%s", n_segments == 0 ? "Nothing is in quarantine.\n" : "");
    }
    return true;
}
