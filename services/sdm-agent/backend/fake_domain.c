#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sdm-agent/backend/fake_brick.h"

/* Of what a guest is given, its kernel keeps this for itself. */
static const uint64_t overhead_bytes = UINT64_C(32) << 20;

static struct sdm_fake *fake_of(struct sdm_domain *domain)
{
    return *(struct sdm_fake **)(domain + 1);
}

void sdm_fake_vm_free(gpointer data)
{
    struct sdm_fake_vm *vm = data;

    g_array_unref(vm->dimms);
    g_hash_table_unref(vm->asked);
    g_free(vm);
}

static struct sdm_found_dimm *dimm_at(const struct sdm_fake_vm *vm, guint i)
{
    return &g_array_index(vm->dimms, struct sdm_found_dimm, i);
}

static guint find_dimm(const struct sdm_fake_vm *vm, const char *window)
{
    guint i = 0;

    while (i < vm->dimms->len && strcmp(dimm_at(vm, i)->window, window) != 0) {
        i++;
    }
    return i;
}

bool sdm_fake_is_plugged(const struct sdm_fake *fake, const char *path)
{
    GHashTableIter iter;
    gpointer vm;

    g_hash_table_iter_init(&iter, fake->vms);
    while (g_hash_table_iter_next(&iter, NULL, &vm)) {
        for (guint i = 0; i < ((struct sdm_fake_vm *)vm)->dimms->len; i++) {
            if (strcmp(dimm_at(vm, i)->path, path) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void count_memory(struct sdm_fake_vm *vm, uint64_t boot_bytes)
{
    vm->found.plugged_bytes = boot_bytes;
    vm->found.guest_memory_bytes = boot_bytes - overhead_bytes;
    for (guint i = 0; i < vm->dimms->len; i++) {
        vm->found.plugged_bytes += dimm_at(vm, i)->size_bytes;
        if (dimm_at(vm, i)->confirmed) {
            vm->found.guest_memory_bytes += dimm_at(vm, i)->size_bytes;
        }
    }
    vm->found.memory_bytes = vm->found.plugged_bytes;
    vm->found.n_slots_used = vm->dimms->len;
}

static uint64_t boot_bytes_of(const struct sdm_fake_vm *vm)
{
    uint64_t bytes = vm->found.plugged_bytes;

    for (guint i = 0; i < vm->dimms->len; i++) {
        bytes -= dimm_at(vm, i)->size_bytes;
    }
    return bytes;
}

static void drop_dimm(struct sdm_fake_vm *vm, guint i)
{
    uint64_t boot_bytes = boot_bytes_of(vm);

    g_hash_table_remove(vm->asked, dimm_at(vm, i)->window);
    g_array_remove_index(vm->dimms, i);
    count_memory(vm, boot_bytes);
}

/* Tells outside the mutex, as a hypervisor's events come. */
static void tell(struct sdm_fake *fake, const char *vm)
{
    if (fake->changed != NULL) {
        fake->changed(fake->user, vm);
    }
}

void sdm_fake_vm_start(struct sdm_fake *fake, const char *vm_id, const char *name, unsigned n_slots,
                       uint64_t memory_bytes, uint64_t max_memory_bytes)
{
    struct sdm_fake_vm *vm = g_new0(struct sdm_fake_vm, 1);

    vm->dimms = g_array_new(FALSE, TRUE, sizeof(struct sdm_found_dimm));
    vm->asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_strlcpy(vm->found.vm, vm_id, sizeof vm->found.vm);
    g_strlcpy(vm->found.name, name, sizeof vm->found.name);
    vm->found.n_slots = n_slots;
    vm->found.max_memory_bytes = max_memory_bytes;
    count_memory(vm, MAX(memory_bytes, overhead_bytes));
    pthread_mutex_lock(&fake->mutex);
    snprintf(vm->found.boot_id, sizeof vm->found.boot_id, "fake-%u", ++fake->n_boots);
    g_hash_table_insert(fake->vms, g_strdup(vm_id), vm);
    pthread_mutex_unlock(&fake->mutex);
    tell(fake, vm_id);
}

void sdm_fake_vm_stop(struct sdm_fake *fake, const char *vm)
{
    pthread_mutex_lock(&fake->mutex);
    g_hash_table_remove(fake->vms, vm);
    pthread_mutex_unlock(&fake->mutex);
    tell(fake, vm);
}

static void become_willing(struct sdm_fake_vm *vm)
{
    uint64_t boot_bytes = boot_bytes_of(vm);

    for (guint i = vm->dimms->len; i > 0; i--) {
        if (g_hash_table_contains(vm->asked, dimm_at(vm, i - 1)->window)) {
            drop_dimm(vm, i - 1);
        } else {
            dimm_at(vm, i - 1)->confirmed = true;
        }
    }
    count_memory(vm, boot_bytes);
}

void sdm_fake_vm_behave(struct sdm_fake *fake, const char *vm_id, enum sdm_fake_guest how)
{
    struct sdm_fake_vm *vm;

    pthread_mutex_lock(&fake->mutex);
    vm = g_hash_table_lookup(fake->vms, vm_id);
    if (vm != NULL) {
        vm->behaviour = how;
        if (how == SDM_FAKE_WILLING) {
            become_willing(vm);
        }
    }
    pthread_mutex_unlock(&fake->mutex);
    tell(fake, vm_id);
}

static bool fake_list(struct sdm_domain *domain, GPtrArray *vms, GError **error)
{
    struct sdm_fake *fake = fake_of(domain);
    GHashTableIter iter;
    gpointer vm;
    bool done;

    pthread_mutex_lock(&fake->mutex);
    done = !sdm_fake_fails(fake, SDM_FAKE_DOMAIN_LIST, false, error);
    g_hash_table_iter_init(&iter, fake->vms);
    while (done && g_hash_table_iter_next(&iter, &vm, NULL)) {
        g_ptr_array_add(vms, g_strdup(vm));
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static struct sdm_fake_vm *find_vm(struct sdm_fake *fake, const char *vm_id, GError **error)
{
    struct sdm_fake_vm *vm = g_hash_table_lookup(fake->vms, vm_id);

    if (vm == NULL) {
        sdm_refuse(error, SDM_ERROR_NOT_FOUND, "guest '%s' does not run", vm_id);
    }
    return vm;
}

static bool fake_look(struct sdm_domain *domain, const char *vm_id, struct sdm_found_vm *found,
                      GError **error)
{
    struct sdm_fake *fake = fake_of(domain);
    const struct sdm_fake_vm *vm = NULL;

    pthread_mutex_lock(&fake->mutex);
    if (!sdm_fake_fails(fake, SDM_FAKE_DOMAIN_LOOK, false, error)) {
        vm = find_vm(fake, vm_id, error);
    }
    if (vm != NULL) {
        *found = vm->found;
        found->n_dimms = vm->dimms->len;
        found->dimms = g_memdup2(vm->dimms->data, vm->dimms->len * sizeof(struct sdm_found_dimm));
    }
    pthread_mutex_unlock(&fake->mutex);
    return vm != NULL;
}

static bool plug(struct sdm_fake *fake, struct sdm_fake_vm *vm, const struct sdm_dimm_order *order,
                 GError **error)
{
    struct sdm_found_dimm dimm = {.size_bytes = order->size_bytes};
    uint64_t boot_bytes = boot_bytes_of(vm);

    if (vm->dimms->len >= vm->found.n_slots ||
        vm->found.plugged_bytes + order->size_bytes > vm->found.max_memory_bytes) {
        return sdm_refuse(error, SDM_ERROR_NO_SLOT, "guest '%s' has no slot or room left",
                          vm->found.name);
    }
    fake->n_violations +=
        sdm_fake_is_plugged(fake, order->path) || sdm_fake_is_path_online(fake, order->path);
    g_strlcpy(dimm.window, order->window, sizeof dimm.window);
    g_strlcpy(dimm.path, order->path, sizeof dimm.path);
    dimm.confirmed = vm->behaviour != SDM_FAKE_DEAF;
    g_array_append_val(vm->dimms, dimm);
    count_memory(vm, boot_bytes);
    return true;
}

static bool fake_attach(struct sdm_domain *domain, const struct sdm_dimm_order *order,
                        struct sdm_dimm_outcome *outcome, GError **error)
{
    struct sdm_fake *fake = fake_of(domain);
    struct sdm_fake_vm *vm = NULL;
    bool done = false;
    guint i;

    *outcome = (struct sdm_dimm_outcome){0};
    pthread_mutex_lock(&fake->mutex);
    if (!sdm_fake_fails(fake, SDM_FAKE_DOMAIN_ATTACH, false, error)) {
        vm = find_vm(fake, order->vm, error);
    }
    if (vm != NULL &&
        (find_dimm(vm, order->window) < vm->dimms->len || plug(fake, vm, order, error))) {
        i = find_dimm(vm, order->window);
        outcome->guest_memory_bytes = vm->found.guest_memory_bytes;
        outcome->guest_us = 1;
        done = dimm_at(vm, i)->confirmed ||
               sdm_refuse(error, SDM_ERROR_GUEST_REFUSED, "guest '%s' does not take the DIMM",
                          vm->found.name);
        done = done && !sdm_fake_fails(fake, SDM_FAKE_DOMAIN_ATTACH, true, error);
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static bool unplug(struct sdm_fake_vm *vm, const struct sdm_dimm_order *order,
                   struct sdm_dimm_outcome *outcome, GError **error)
{
    guint i = find_dimm(vm, order->window);

    if (i < vm->dimms->len && vm->behaviour == SDM_FAKE_BUSY) {
        return sdm_refuse(error, SDM_ERROR_GUEST_REFUSED, "guest '%s' does not give the DIMM up",
                          vm->found.name);
    }
    if (i < vm->dimms->len && vm->behaviour == SDM_FAKE_SLOW) {
        g_hash_table_add(vm->asked, g_strdup(order->window));
        outcome->pending = true;
    } else if (i < vm->dimms->len) {
        drop_dimm(vm, i);
    }
    outcome->guest_memory_bytes = vm->found.guest_memory_bytes;
    outcome->guest_us = 1;
    return true;
}

static bool fake_detach(struct sdm_domain *domain, const struct sdm_dimm_order *order,
                        struct sdm_dimm_outcome *outcome, GError **error)
{
    struct sdm_fake *fake = fake_of(domain);
    struct sdm_fake_vm *vm;
    bool done = false;

    *outcome = (struct sdm_dimm_outcome){0};
    pthread_mutex_lock(&fake->mutex);
    if (!sdm_fake_fails(fake, SDM_FAKE_DOMAIN_DETACH, false, error)) {
        vm = g_hash_table_lookup(fake->vms, order->vm);
        done = (vm == NULL || unplug(vm, order, outcome, error)) &&
               !sdm_fake_fails(fake, SDM_FAKE_DOMAIN_DETACH, true, error);
    }
    pthread_mutex_unlock(&fake->mutex);
    return done;
}

static void fake_watch(struct sdm_domain *domain, sdm_domain_changed_fn *changed, void *user)
{
    struct sdm_fake *fake = fake_of(domain);

    fake->changed = changed;
    fake->user = user;
}

static void fake_free(struct sdm_domain *domain)
{
    (void)domain;
}

const struct sdm_domain_ops sdm_fake_domain_ops = {fake_list,   fake_look,  fake_attach,
                                                   fake_detach, fake_watch, fake_free};
