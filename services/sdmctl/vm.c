#include "sdmctl/vm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdmctl/table.h"
#include "wire/s11.h"

GArray *sdm_ctl_vm_all(struct sdm_ctl *ctl, const char *after, bool one_page, GError **error)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(struct sdm_wire_vm_status));
    g_autofree char *next = g_strdup(after);
    const struct sdm_s11_vm_list_reply *page;

    do {
        g_autoptr(sdm_json) body = sdm_json_new_object();

        if (next != NULL) {
            sdm_json_set_string(body, "after", next);
        }
        page = sdm_ctl_call(ctl,
                            &(struct sdm_ctl_call){.type = "s11.vm.list/1",
                                                   .reply = &sdm_s11_vm_list_reply_codec,
                                                   .body = body,
                                                   .awaited = "listing virtual machines"},
                            error);
        if (page == NULL) {
            return NULL;
        }
        if (page->n_vms > 0) {
            g_array_append_vals(all, page->vms, (guint)page->n_vms);
        }
        g_free(next);
        next = g_strdup(page->has_next ? page->next : NULL);
    } while (next != NULL && !one_page);
    return g_steal_pointer(&all);
}

bool sdm_ctl_vm_find(struct sdm_ctl *ctl, const char *text, char uuid[SDM_UUID_SIZE],
                     GError **error)
{
    bool json = ctl->globals.json;
    g_autoptr(GArray) all = NULL;
    size_t n_found = 0;

    if (sdm_uuid_is_valid(text)) {
        memcpy(uuid, text, SDM_UUID_SIZE);
        return true;
    }
    /* Programs get the reply to what they asked, not to the look-up. */
    ctl->globals.json = false;
    all = sdm_ctl_vm_all(ctl, NULL, false, error);
    ctl->globals.json = json;
    if (all == NULL) {
        return false;
    }
    for (guint i = 0; i < all->len; i++) {
        const struct sdm_wire_vm_status *vm = &g_array_index(all, struct sdm_wire_vm_status, i);

        if (vm->present && strcmp(vm->name, text) == 0) {
            memcpy(uuid, vm->vm, SDM_UUID_SIZE);
            n_found++;
        }
    }
    if (n_found != 1) {
        return sdm_ctl_usage(error,
                             "want a UUID or the name of one virtual machine, found '%s', "
                             "which %zu have",
                             text, n_found);
    }
    return true;
}

static void print_vms(const struct sdm_ctl *ctl, const struct sdm_wire_vm_status *vms, size_t n_vms)
{
    g_autoptr(sdm_ctl_table) table = sdm_ctl_table_new(
        "VM|NAME|BRICK|PROJECT|PRESENT|>SLOTS|>MAXIMUM|>MEMORY|>GUEST SEES|>REMOTE");

    for (size_t i = 0; i < n_vms; i++) {
        const struct sdm_wire_vm_status *vm = &vms[i];

        sdm_ctl_table_add(table, vm->vm);
        sdm_ctl_table_add(table, vm->name);
        sdm_ctl_table_add(table, vm->compute_brick);
        sdm_ctl_table_add(table, vm->has_project ? vm->project : NULL);
        sdm_ctl_table_add(table, vm->present ? "yes" : "gone");
        sdm_ctl_table_add_format(table, "%" PRIu64 "/%" PRIu64, vm->n_slots_used, vm->n_slots);
        sdm_ctl_table_add_size(table, vm->max_memory_bytes);
        sdm_ctl_table_add_size(table, vm->memory_bytes);
        sdm_ctl_table_add_size(table, vm->guest_memory_bytes);
        sdm_ctl_table_add_size(table, vm->remote_bytes);
    }
    sdm_ctl_table_print(table, &ctl->screen, 0);
}

bool sdm_ctl_vm_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error)
{
    const char *after = sdm_ctl_args_get(args, "after");
    g_autoptr(GArray) all = sdm_ctl_vm_all(ctl, after, after != NULL, error);

    if (all == NULL) {
        return false;
    }
    if (ctl->globals.json) {
        return true;
    }
    print_vms(ctl, (const struct sdm_wire_vm_status *)(void *)all->data, all->len);
    if (all->len == 0) {
        printf("No virtual machines.\n");
    }
    return true;
}

void sdm_ctl_vm_print_bound(struct sdm_ctl *ctl, const void *reply)
{
    const struct sdm_s11_vm_bind_reply *bound = reply;

    print_vms(ctl, &bound->vm, 1);
}
