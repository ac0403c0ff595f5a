#include "sdmctl/project.h"

#include <inttypes.h>
#include <stdio.h>

#include "sdmctl/request.h"
#include "sdmctl/table.h"
#include "wire/s11.h"

static struct sdm_ctl_table *new_table(void)
{
    return sdm_ctl_table_new("PROJECT|>USED|>OF|>RESERVATIONS|>OF");
}

static void add(struct sdm_ctl_table *table, const struct sdm_s11_project_reply *reply)
{
    for (size_t i = 0; i < reply->n_projects; i++) {
        const struct sdm_wire_project_status *project = &reply->projects[i];

        sdm_ctl_table_add(table, project->project);
        sdm_ctl_table_add_size(table, project->used_bytes);
        if (project->has_max_bytes) {
            sdm_ctl_table_add_size(table, project->max_bytes);
        } else {
            sdm_ctl_table_add(table, "unlimited");
        }
        sdm_ctl_table_add_format(table, "%" PRIu64, project->n_reservations);
        if (project->has_max_reservations) {
            sdm_ctl_table_add_format(table, "%" PRIu64, project->max_reservations);
        } else {
            sdm_ctl_table_add(table, "unlimited");
        }
    }
}

void sdm_ctl_project_print(struct sdm_ctl *ctl, const void *reply)
{
    g_autoptr(sdm_ctl_table) table = new_table();

    add(table, reply);
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

bool sdm_ctl_project_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    bool one_page = sdm_ctl_args_get(args, "after") != NULL;
    g_autoptr(sdm_ctl_table) table = new_table();
    const struct sdm_s11_project_reply *page;
    size_t n_projects = 0;

    do {
        page = sdm_ctl_request_send(ctl, args, error);
        if (page == NULL) {
            return false;
        }
        add(table, page);
        n_projects += page->n_projects;
        sdm_ctl_args_set(args, "after", page->has_next ? page->next : NULL);
    } while (page->has_next && !one_page);
    if (!ctl->globals.json) {
        sdm_ctl_table_print(table, &ctl->screen, 0);
        printf("%s", n_projects == 0 ? "No projects.\n" : "");
    }
    return true;
}
