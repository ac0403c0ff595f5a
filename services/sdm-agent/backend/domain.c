#include "sdm-agent/backend/domain.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sdm-agent/backend/domain_xml.h"
#include "sdm-agent/backend/guest_view.h"
#include "sdm-agent/backend/libvirt_link.h"

enum {
    /* Statistics that are older than the last change are gone after this. */
    STALE_US = 1500000,
    /* The guest's total is looked at to within this part of a DIMM; it grows by memory blocks. */
    SLACK_PART = 16,
};

struct domain_libvirt {
    struct sdm_domain base;
    struct sdm_libvirt *link;
    struct sdm_guest_views *views;
    char *memory_dir;
    unsigned confirm_ms;
    unsigned give_up_ms;
};

/* One guest while something is done with it. */
struct guest {
    virDomainPtr domain;
    struct sdm_xml_domain xml;
    char *folder; /* where libvirt keeps the backing of this guest's memory */
    struct sdm_found_vm vm;
};

static void close_guest(struct guest *guest)
{
    if (guest->domain != NULL) {
        virDomainFree(guest->domain);
    }
    sdm_xml_domain_clear(&guest->xml);
    g_free(guest->folder);
    sdm_found_vm_clear(&guest->vm);
}

static bool read_xml(struct guest *guest, GError **error)
{
    char *xml = virDomainGetXMLDesc(guest->domain, 0);
    bool done;

    if (xml == NULL) {
        return sdm_libvirt_refuse(error, "read the live domain");
    }
    sdm_xml_domain_clear(&guest->xml);
    done = sdm_xml_domain_read(xml, &guest->xml, error);
    free(xml);
    return done;
}

/* A domain's id may come again after libvirt has started anew; the folder that was made for this
 * start of the guest does not. */
static void name_boot(struct guest *guest)
{
    struct statx place;

    if (statx(AT_FDCWD, guest->folder, 0, STATX_BTIME | STATX_INO, &place) == 0) {
        snprintf(guest->vm.boot_id, sizeof guest->vm.boot_id, "%d-%" PRIx64 "-%" PRIx64,
                 guest->xml.id, (uint64_t)place.stx_ino,
                 (uint64_t)place.stx_btime.tv_sec * 1000000000 + place.stx_btime.tv_nsec);
    } else {
        snprintf(guest->vm.boot_id, sizeof guest->vm.boot_id, "%d", guest->xml.id);
    }
}

static void read_link(const struct guest *guest, const char *alias, char *path, size_t size)
{
    g_autofree char *place = g_build_filename(guest->folder, alias, NULL);
    ssize_t got = readlink(place, path, size - 1);

    path[MAX(got, 0)] = '\0';
    if (got >= (ssize_t)size - 1) {
        path[0] = '\0';
    }
}

/* Ours among the guest's DIMMs. */
static void list_dimms(struct guest *guest)
{
    const GArray *dimms = guest->xml.dimms;
    struct sdm_found_vm *vm = &guest->vm;

    sdm_found_vm_clear(vm);
    vm->dimms = g_new0(struct sdm_found_dimm, dimms->len + 1);
    for (guint i = 0; i < dimms->len; i++) {
        const struct sdm_xml_dimm *xml = &g_array_index(dimms, struct sdm_xml_dimm, i);
        struct sdm_found_dimm *dimm = &vm->dimms[vm->n_dimms];

        if (!g_str_has_prefix(xml->alias, SDM_DOMAIN_ALIAS_PREFIX) ||
            !sdm_uuid_is_valid(xml->alias + strlen(SDM_DOMAIN_ALIAS_PREFIX))) {
            continue;
        }
        g_strlcpy(dimm->window, xml->alias + strlen(SDM_DOMAIN_ALIAS_PREFIX), sizeof dimm->window);
        dimm->size_bytes = xml->size_bytes;
        g_strlcpy(dimm->path, xml->path, sizeof dimm->path);
        if (dimm->path[0] == '\0') {
            read_link(guest, xml->alias, dimm->path, sizeof dimm->path);
        }
        vm->n_dimms++;
    }
}

static bool look_again(const struct domain_libvirt *domain, struct guest *guest, GError **error)
{
    g_autofree char *short_name = NULL;

    if (!read_xml(guest, error)) {
        return false;
    }
    if (guest->xml.id < 0) {
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "guest '%s' does not run", guest->xml.name);
    }
    g_free(guest->folder);
    short_name = sdm_xml_domain_folder(&guest->xml);
    guest->folder = g_build_filename(domain->memory_dir, "libvirt", "qemu", short_name, NULL);
    g_strlcpy(guest->vm.vm, guest->xml.uuid, sizeof guest->vm.vm);
    g_strlcpy(guest->vm.name, guest->xml.name, sizeof guest->vm.name);
    guest->vm.n_slots = guest->xml.n_slots;
    guest->vm.n_slots_used = guest->xml.n_slots_used;
    guest->vm.max_memory_bytes = guest->xml.max_memory_bytes;
    guest->vm.plugged_bytes = guest->xml.memory_bytes;
    guest->vm.memory_bytes = guest->xml.current_memory_bytes;
    name_boot(guest);
    list_dimms(guest);
    return true;
}

static bool open_guest(const struct domain_libvirt *domain, const char *vm, struct guest *guest,
                       GError **error)
{
    guest->domain = sdm_libvirt_domain(domain->link, vm, error);
    return guest->domain != NULL && look_again(domain, guest, error);
}

static const struct sdm_found_dimm *find_dimm(const struct guest *guest, const char *window)
{
    for (unsigned i = 0; i < guest->vm.n_dimms; i++) {
        if (strcmp(guest->vm.dimms[i].window, window) == 0) {
            return &guest->vm.dimms[i];
        }
    }
    return NULL;
}

static bool libvirt_list(struct sdm_domain *base, GPtrArray *vms, GError **error)
{
    struct domain_libvirt *domain = (struct domain_libvirt *)base;
    g_auto(virConnectPtr) connection = sdm_libvirt_connection(domain->link, error);
    virDomainPtr *domains;
    int n;

    if (connection == NULL) {
        return false;
    }
    n = virConnectListAllDomains(connection, &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
    if (n < 0) {
        return sdm_libvirt_refuse(error, "list guests");
    }
    for (int i = 0; i < n; i++) {
        char vm[VIR_UUID_STRING_BUFLEN];

        if (virDomainGetUUIDString(domains[i], vm) == 0) {
            g_ptr_array_add(vms, g_strdup(vm));
        }
        virDomainFree(domains[i]);
    }
    free(domains);
    return true;
}

static bool libvirt_look(struct sdm_domain *base, const char *vm, struct sdm_found_vm *found,
                         GError **error)
{
    struct domain_libvirt *domain = (struct domain_libvirt *)base;
    struct guest guest = {0};
    bool done =
        open_guest(domain, vm, &guest, error) &&
        (!guest.xml.has_balloon ||
         sdm_guest_view(domain->views, guest.domain, guest.xml.stats_period_s, &guest.vm, error));

    if (done) {
        *found = guest.vm;
        guest.vm.dimms = NULL;
    }
    close_guest(&guest);
    return done;
}

/* Waits until the guest's total is what it should be. */
static bool settle(const struct domain_libvirt *domain, const struct guest *guest, uint64_t heard,
                   uint64_t size_bytes, int64_t deadline_us, struct sdm_dimm_outcome *outcome,
                   bool *settled, GError **error)
{
    struct sdm_guest_memory memory = {0};
    bool done =
        sdm_guest_settle(domain->views, guest->domain, guest->xml.stats_period_s, &guest->vm, heard,
                         size_bytes / SLACK_PART, deadline_us, &memory, settled, error);

    outcome->guest_memory_bytes = memory.total_bytes;
    return done;
}

static bool check_room(const struct guest *guest, const struct sdm_dimm_order *order,
                       GError **error)
{
    const struct sdm_found_vm *vm = &guest->vm;

    if (vm->n_slots_used >= vm->n_slots) {
        return sdm_refuse(error, SDM_ERROR_NO_SLOT, "guest '%s' uses all of its %u DIMM slots",
                          vm->name, vm->n_slots);
    }
    if (vm->plugged_bytes + order->size_bytes > vm->max_memory_bytes) {
        return sdm_refuse(error, SDM_ERROR_NO_SLOT,
                          "guest '%s' has %" PRIu64 " bytes, with %" PRIu64
                          " more it would exceed its maximum of %" PRIu64,
                          vm->name, vm->plugged_bytes, order->size_bytes, vm->max_memory_bytes);
    }
    return true;
}

/* QEMU would make a file that is too large for what is there, and take one that is too small for
 * an error only when the guest is already at it. */
static bool check_file(const struct sdm_dimm_order *order, GError **error)
{
    struct stat status;

    if (stat(order->path, &status) != 0) {
        return sdm_set_errno(error, errno, "segment file '%s'", order->path);
    }
    if ((uint64_t)status.st_size != order->size_bytes) {
        return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED,
                          "segment file '%s' has %" PRIu64 " bytes, need %" PRIu64, order->path,
                          (uint64_t)status.st_size, order->size_bytes);
    }
    return true;
}

static bool plant_link(const struct guest *guest, const char *place, const char *path,
                       GError **error)
{
    if (g_mkdir_with_parents(guest->folder, 0700) != 0) {
        return sdm_set_errno(error, errno, "make '%s'", guest->folder);
    }
    /* The domain has no such DIMM: what stands there is left over. */
    unlink(place);
    if (symlink(path, place) != 0) {
        return sdm_set_errno(error, errno, "plant '%s'", place);
    }
    return true;
}

static bool plug(const struct domain_libvirt *domain, struct guest *guest,
                 const struct sdm_dimm_order *order, GError **error)
{
    g_autofree char *alias = g_strconcat(SDM_DOMAIN_ALIAS_PREFIX, order->window, NULL);
    g_autofree char *xml = sdm_xml_dimm_write(alias, order->size_bytes);
    g_autofree char *place = g_build_filename(guest->folder, alias, NULL);
    g_autoptr(GError) cause = NULL;

    if (!check_room(guest, order, error) || !check_file(order, error) ||
        !plant_link(guest, place, order->path, error)) {
        return false;
    }
    if (virDomainAttachDeviceFlags(guest->domain, xml, VIR_DOMAIN_AFFECT_LIVE) == 0) {
        return true;
    }
    sdm_libvirt_refuse(&cause, "attach the DIMM");
    /* When the connection broke, nobody knows whether it is plugged; the link says what with. */
    if (cause->domain == SDM_ERROR && look_again(domain, guest, NULL) &&
        find_dimm(guest, order->window) == NULL) {
        unlink(place);
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

static bool attach_to(const struct domain_libvirt *domain, struct guest *guest,
                      const struct sdm_dimm_order *order, struct sdm_dimm_outcome *outcome,
                      GError **error)
{
    uint64_t heard = SDM_GUEST_ASK_NOW;
    bool settled;
    int64_t start_us;

    if (!open_guest(domain, order->vm, guest, error)) {
        return false;
    }
    if (find_dimm(guest, order->window) == NULL) {
        /* What the guest said before its last change must not be taken for what it says after. */
        if (guest->xml.has_balloon &&
            !settle(domain, guest, SDM_GUEST_ASK_NOW, order->size_bytes,
                    g_get_monotonic_time() + STALE_US, outcome, &settled, error)) {
            return false;
        }
        start_us = g_get_monotonic_time();
        heard = sdm_libvirt_guest_word(domain->link);
        if (!plug(domain, guest, order, error)) {
            return false;
        }
    } else {
        start_us = g_get_monotonic_time();
    }
    if (!settle(domain, guest, heard, order->size_bytes,
                g_get_monotonic_time() + (int64_t)domain->confirm_ms * 1000, outcome, &settled,
                error)) {
        return false;
    }
    outcome->guest_us = g_get_monotonic_time() - start_us;
    if (!settled) {
        return sdm_refuse(error, SDM_ERROR_GUEST_REFUSED,
                          "guest '%s' has the DIMM of %" PRIu64
                          " bytes, but its own total is %" PRIu64,
                          guest->vm.name, order->size_bytes, outcome->guest_memory_bytes);
    }
    return true;
}

static bool libvirt_attach(struct sdm_domain *base, const struct sdm_dimm_order *order,
                           struct sdm_dimm_outcome *outcome, GError **error)
{
    struct guest guest = {0};
    bool done;

    *outcome = (struct sdm_dimm_outcome){0};
    done = attach_to((struct domain_libvirt *)base, &guest, order, outcome, error);
    close_guest(&guest);
    return done;
}

/* The live domain may be a moment behind the event. */
static bool is_gone(const struct domain_libvirt *domain, struct guest *guest, const char *window,
                    GError **error)
{
    for (unsigned i = 0; i < 50; i++) {
        if (!look_again(domain, guest, error)) {
            return false;
        }
        if (find_dimm(guest, window) == NULL) {
            return true;
        }
        g_usleep(2000);
    }
    return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED,
                      "the hypervisor says that the DIMM is out, but lists it");
}

static bool detach_from(const struct domain_libvirt *domain, struct guest *guest,
                        const struct sdm_dimm_order *order, struct sdm_dimm_outcome *outcome,
                        GError **error)
{
    g_autofree char *alias = g_strconcat(SDM_DOMAIN_ALIAS_PREFIX, order->window, NULL);
    int64_t start_us = g_get_monotonic_time();
    const struct sdm_found_dimm *dimm = find_dimm(guest, order->window);
    uint64_t size_bytes = dimm->size_bytes;
    enum sdm_device_fate fate;
    bool settled;

    sdm_libvirt_fate_begin(domain->link, order->vm, alias);
    if (virDomainDetachDeviceAlias(guest->domain, alias, VIR_DOMAIN_AFFECT_LIVE) != 0) {
        sdm_libvirt_fate_end(domain->link, order->vm, alias);
        return sdm_libvirt_refuse(error, "detach the DIMM");
    }
    fate = sdm_libvirt_fate_wait(domain->link, order->vm, alias,
                                 start_us + (int64_t)domain->give_up_ms * 1000);
    sdm_libvirt_fate_end(domain->link, order->vm, alias);
    outcome->guest_us = g_get_monotonic_time() - start_us;
    if (fate == SDM_DEVICE_KEPT) {
        return sdm_refuse(error, SDM_ERROR_GUEST_REFUSED,
                          "guest '%s' does not give the DIMM up: its memory is in use",
                          guest->vm.name);
    }
    if (fate == SDM_DEVICE_UNKNOWN) {
        outcome->pending = true;
        return true;
    }
    /* It is out; what the guest then says is told, and is there for the next to compare with. */
    if (is_gone(domain, guest, order->window, error) && guest->xml.has_balloon) {
        settle(domain, guest, SDM_GUEST_ASK_NOW, size_bytes, g_get_monotonic_time() + STALE_US,
               outcome, &settled, NULL);
    }
    outcome->guest_us = g_get_monotonic_time() - start_us;
    return *error == NULL;
}

static bool libvirt_detach(struct sdm_domain *base, const struct sdm_dimm_order *order,
                           struct sdm_dimm_outcome *outcome, GError **error)
{
    struct domain_libvirt *domain = (struct domain_libvirt *)base;
    struct guest guest = {0};
    g_autoptr(GError) cause = NULL;
    bool done = open_guest(domain, order->vm, &guest, &cause);

    *outcome = (struct sdm_dimm_outcome){0};
    if (done && find_dimm(&guest, order->window) != NULL) {
        done = detach_from(domain, &guest, order, outcome, &cause);
    }
    close_guest(&guest);
    /* A guest that is gone has taken its DIMMs with it. */
    if (!done && !g_error_matches(cause, SDM_ERROR, SDM_ERROR_NOT_FOUND)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return true;
}

static void libvirt_watch(struct sdm_domain *base, sdm_domain_changed_fn *changed, void *user)
{
    sdm_libvirt_watch(((struct domain_libvirt *)base)->link, changed, user);
}

static void libvirt_free(struct sdm_domain *base)
{
    struct domain_libvirt *domain = (struct domain_libvirt *)base;

    sdm_guest_views_free(domain->views);
    sdm_libvirt_free(domain->link);
    g_free(domain->memory_dir);
    g_free(domain);
}

struct sdm_domain *sdm_domain_libvirt_new(const struct sdm_domain_config *config)
{
    static const struct sdm_domain_ops ops = {libvirt_list,   libvirt_look,  libvirt_attach,
                                              libvirt_detach, libvirt_watch, libvirt_free};
    struct domain_libvirt *domain = g_new0(struct domain_libvirt, 1);
    g_autofree char *learnt = NULL;

    if (config->state_dir != NULL) {
        learnt = g_build_filename(config->state_dir, "guests", NULL);
        g_mkdir_with_parents(learnt, 0700);
    }
    domain->base.ops = &ops;
    domain->link = sdm_libvirt_new(config->uri);
    domain->views = sdm_guest_views_new(domain->link, learnt);
    domain->memory_dir = g_strdup(config->memory_dir);
    domain->confirm_ms = config->confirm_ms;
    domain->give_up_ms = config->give_up_ms;
    return &domain->base;
}
