#include <string.h>

#include "lib/base/error.h"
#include "sdm-controller/registry/registry.h"
#include "sdm-controller/store/outbox.h"
#include "sdm-controller/store/post.h"
#include "sdm-controller/store/vm.h"
#include "wire/event.h"

#define DEFAULT_PAGE_SIZE 100

static void fill_vm(const struct sdm_vm *vm, struct sdm_wire_vm_status *status)
{
    *status = (struct sdm_wire_vm_status){
        .has_project = vm->project[0] != '\0',
        .present = vm->present,
        .n_slots = (uint64_t)vm->n_slots,
        .n_slots_used = (uint64_t)vm->n_slots_used,
        .max_memory_bytes = (uint64_t)vm->max_memory_bytes,
        .memory_bytes = (uint64_t)vm->memory_bytes,
        .guest_memory_bytes = (uint64_t)vm->guest_memory_bytes,
        .remote_bytes = (uint64_t)vm->remote_bytes,
    };
    g_strlcpy(status->vm, vm->vm, sizeof status->vm);
    g_strlcpy(status->name, vm->name, sizeof status->name);
    g_strlcpy(status->compute_brick, vm->compute_brick, sizeof status->compute_brick);
    g_strlcpy(status->project, vm->project, sizeof status->project);
}

static void write_event(struct sdm_tx *tx, const struct sdm_vm *vm)
{
    g_autofree char *key = g_strdup_printf("event.vm.%s", vm->project);
    g_autofree char *body = NULL;
    struct sdm_event_vm event = {.has_project = true};

    g_strlcpy(event.at, tx->now, sizeof event.at);
    g_strlcpy(event.vm, vm->vm, sizeof event.vm);
    g_strlcpy(event.compute_brick, vm->compute_brick, sizeof event.compute_brick);
    g_strlcpy(event.project, vm->project, sizeof event.project);
    g_strlcpy(event.text, "bound to a project", sizeof event.text);
    body = sdm_codec_encode(&sdm_event_vm_codec, &event, NULL);
    sdm_outbox_add(tx, &(struct sdm_outbox_message){
                           .exchange = SDM_OUTBOX_EXCHANGE_EVENTS,
                           .routing_key = key,
                           .type = sdm_event_vm_codec.type,
                           .body = body,
                       });
}

static bool bind(struct sdm_registry *registry, struct sdm_tx *tx, struct sdm_vm *vm,
                 const char *project, GError **error)
{
    int64_t n_foreign;

    if (!sdm_vm_count_foreign(sdm_tx_read(tx), vm->vm, project, &n_foreign, error)) {
        return false;
    }
    if (n_foreign > 0) {
        return sdm_refuse(error, SDM_ERROR_IN_USE,
                          "virtual machine '%s' has memory of another project", vm->vm);
    }
    if (!sdm_vm_bind(tx, vm->vm, project, error)) {
        return false;
    }
    g_strlcpy(vm->project, project, sizeof vm->project);
    write_event(tx, vm);
    sdm_post_id(tx, &registry->sink, SDM_WORK_OUTBOX, "");
    return true;
}

bool sdm_registry_vm_bind(struct sdm_registry *registry, struct sdm_tx *tx,
                          const struct sdm_caller *caller, const struct sdm_s11_vm_bind *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_vm_bind_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_vm_bind_reply, 1);
    struct sdm_vm vm;

    (void)caller;
    if (!sdm_vm_read(sdm_tx_read(tx), request->vm, &vm, error)) {
        return false;
    }
    if (strcmp(vm.project, request->project) != 0 &&
        !bind(registry, tx, &vm, request->project, error)) {
        return false;
    }
    fill_vm(&vm, &reply->vm);
    outcome->reached = SDM_WAIT_LEVEL_GUEST;
    outcome->done = true;
    outcome->reply_type = sdm_s11_vm_bind_reply_codec.type;
    outcome->reply_codec = &sdm_s11_vm_bind_reply_codec;
    outcome->reply = reply;
    return true;
}

bool sdm_registry_vm_list(struct sdm_registry *registry, struct sdm_pg *pg,
                          const struct sdm_caller *caller, const struct sdm_s11_vm_list *request,
                          struct sdm_arena *arena, struct sdm_outcome *outcome, GError **error)
{
    struct sdm_s11_vm_list_reply *reply = SDM_ARENA_NEW(arena, struct sdm_s11_vm_list_reply, 1);
    size_t page_size = request->has_page_size ? request->page_size : DEFAULT_PAGE_SIZE;
    const char *project = caller->role == SDM_ROLE_ADMIN ? NULL : caller->project;
    struct sdm_vm *vms;
    size_t n;

    (void)registry;
    /* One more than asked for tells whether there is another page. */
    if (!sdm_vm_list(pg, project, request->has_after ? request->after : "", page_size + 1, arena,
                     &vms, &n, error)) {
        return false;
    }
    reply->n_vms = MIN(n, page_size);
    reply->vms = SDM_ARENA_NEW(arena, struct sdm_wire_vm_status, reply->n_vms);
    for (size_t i = 0; i < reply->n_vms; i++) {
        fill_vm(&vms[i], &reply->vms[i]);
    }
    if (n > page_size) {
        reply->has_next = true;
        g_strlcpy(reply->next, vms[page_size - 1].vm, sizeof reply->next);
    }
    outcome->done = true;
    outcome->reply_type = sdm_s11_vm_list_reply_codec.type;
    outcome->reply_codec = &sdm_s11_vm_list_reply_codec;
    outcome->reply = reply;
    return true;
}
