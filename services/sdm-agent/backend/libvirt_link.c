#include "sdm-agent/backend/libvirt_link.h"

#include <pthread.h>
#include <string.h>

#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>

#include "lib/base/cond.h"
#include "lib/base/error.h"
#include "sdm-agent/backend/libvirt_loop.h"

enum {
    KEEPALIVE_S = 5,
    KEEPALIVE_MISSES = 3,
    RETRY_US = 250000,
    N_EVENTS = 3,
};

/* Shared with libvirt's callbacks, which may still run while a connection is being closed. */
struct sdm_libvirt {
    char *uri;
    void (*changed)(void *user, const char *vm);
    void *user;
    pthread_mutex_t mutex;
    pthread_cond_t told;
    virConnectPtr connection; /* NULL while there is none */
    bool broken;              /* libvirt said that the connection is closed */
    int events[N_EVENTS];
    int qemu_event;
    int64_t retry_at_us;
    GHashTable *fates; /* "VM ALIAS" to enum sdm_device_fate */
    uint64_t n_words;
};

struct sdm_libvirt *sdm_libvirt_new(const char *uri)
{
    struct sdm_libvirt *link = g_new0(struct sdm_libvirt, 1);

    link->uri = g_strdup(uri);
    pthread_mutex_init(&link->mutex, NULL);
    sdm_cond_init(&link->told);
    link->fates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sdm_libvirt_loop_ref();
    return link;
}

void sdm_libvirt_watch(struct sdm_libvirt *link, void (*changed)(void *user, const char *vm),
                       void *user)
{
    link->changed = changed;
    link->user = user;
}

static void tell_changed(struct sdm_libvirt *link, const char *vm)
{
    if (link->changed != NULL) {
        link->changed(link->user, vm);
    }
}

static void tell_domain_changed(struct sdm_libvirt *link, virDomainPtr domain)
{
    char vm[VIR_UUID_STRING_BUFLEN];

    if (virDomainGetUUIDString(domain, vm) == 0) {
        tell_changed(link, vm);
    }
}

static char *fate_key(const char *vm, const char *alias)
{
    return g_strdup_printf("%s %s", vm, alias);
}

static void settle_fate(struct sdm_libvirt *link, virDomainPtr domain, const char *alias,
                        enum sdm_device_fate fate)
{
    char vm[VIR_UUID_STRING_BUFLEN];
    g_autofree char *key = NULL;

    if (virDomainGetUUIDString(domain, vm) != 0) {
        return;
    }
    key = fate_key(vm, alias);
    pthread_mutex_lock(&link->mutex);
    if (g_hash_table_contains(link->fates, key)) {
        g_hash_table_insert(link->fates, g_steal_pointer(&key), GINT_TO_POINTER(fate));
        pthread_cond_broadcast(&link->told);
    }
    pthread_mutex_unlock(&link->mutex);
    tell_changed(link, vm);
}

static void on_removed(virConnectPtr connection, virDomainPtr domain, const char *alias, void *user)
{
    (void)connection;
    settle_fate(user, domain, alias, SDM_DEVICE_REMOVED);
}

static void on_removal_failed(virConnectPtr connection, virDomainPtr domain, const char *alias,
                              void *user)
{
    (void)connection;
    settle_fate(user, domain, alias, SDM_DEVICE_KEPT);
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                        void *user)
{
    (void)connection;
    (void)detail;
    if (event == VIR_DOMAIN_EVENT_STARTED || event == VIR_DOMAIN_EVENT_STOPPED ||
        event == VIR_DOMAIN_EVENT_CRASHED) {
        struct sdm_libvirt *link = user;

        pthread_mutex_lock(&link->mutex);
        pthread_cond_broadcast(&link->told);
        pthread_mutex_unlock(&link->mutex);
        tell_domain_changed(link, domain);
    }
    return 0;
}

static void on_guest_word(virConnectPtr connection, virDomainPtr domain, const char *event,
                          long long seconds, unsigned int micros, const char *details, void *user)
{
    struct sdm_libvirt *link = user;

    (void)connection;
    (void)domain;
    (void)event;
    (void)seconds;
    (void)micros;
    (void)details;
    pthread_mutex_lock(&link->mutex);
    link->n_words++;
    pthread_cond_broadcast(&link->told);
    pthread_mutex_unlock(&link->mutex);
}

static void on_close(virConnectPtr connection, int reason, void *user)
{
    struct sdm_libvirt *link = user;

    (void)reason;
    pthread_mutex_lock(&link->mutex);
    link->broken |= link->connection == connection;
    pthread_cond_broadcast(&link->told);
    pthread_mutex_unlock(&link->mutex);
    tell_changed(link, "");
}

/* Takes the connection out; its callbacks end with it. */
static void drop(struct sdm_libvirt *link, virConnectPtr connection)
{
    for (unsigned i = 0; i < N_EVENTS; i++) {
        if (link->events[i] >= 0) {
            virConnectDomainEventDeregisterAny(connection, link->events[i]);
        }
    }
    if (link->qemu_event >= 0) {
        virConnectDomainQemuMonitorEventDeregister(connection, link->qemu_event);
    }
    virConnectUnregisterCloseCallback(connection, on_close);
    virConnectClose(connection);
}

void sdm_libvirt_free(struct sdm_libvirt *link)
{
    if (link == NULL) {
        return;
    }
    if (link->connection != NULL) {
        drop(link, link->connection);
    }
    sdm_libvirt_loop_unref();
    g_hash_table_unref(link->fates);
    pthread_cond_destroy(&link->told);
    pthread_mutex_destroy(&link->mutex);
    g_free(link->uri);
    g_free(link);
}

static int watch_event(struct sdm_libvirt *link, virConnectPtr connection, int id, void *callback)
{
    return virConnectDomainEventRegisterAny(
        connection, NULL, id, (virConnectDomainEventGenericCallback)callback, link, NULL);
}

/* Under the mutex: opens, so that others wait for the one attempt. */
static bool open_locked(struct sdm_libvirt *link, GError **error)
{
    virConnectPtr connection;

    if (g_get_monotonic_time() < link->retry_at_us) {
        return sdm_unavailable(error, "libvirt at '%s' is away", link->uri);
    }
    link->retry_at_us = g_get_monotonic_time() + RETRY_US;
    connection = virConnectOpen(link->uri);
    if (connection == NULL) {
        const virError *cause = virGetLastError();

        return sdm_unavailable(error, "libvirt at '%s': %s", link->uri,
                               cause != NULL ? cause->message : "no connection");
    }
    virConnectSetKeepAlive(connection, KEEPALIVE_S, KEEPALIVE_MISSES);
    virConnectRegisterCloseCallback(connection, on_close, link, NULL);
    link->events[0] =
        watch_event(link, connection, VIR_DOMAIN_EVENT_ID_LIFECYCLE, (void *)on_lifecycle);
    link->events[1] =
        watch_event(link, connection, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED, (void *)on_removed);
    link->events[2] = watch_event(link, connection, VIR_DOMAIN_EVENT_ID_DEVICE_REMOVAL_FAILED,
                                  (void *)on_removal_failed);
    /* Without it the guest's word is polled for. */
    link->qemu_event = virConnectDomainQemuMonitorEventRegister(connection, NULL, "ACPI_DEVICE_OST",
                                                                on_guest_word, link, NULL, 0);
    if (link->events[0] < 0 || link->events[1] < 0 || link->events[2] < 0) {
        drop(link, connection);
        return sdm_unavailable(error, "libvirt at '%s' has no events", link->uri);
    }
    link->connection = connection;
    link->broken = false;
    return true;
}

virConnectPtr sdm_libvirt_connection(struct sdm_libvirt *link, GError **error)
{
    virConnectPtr connection = NULL;
    virConnectPtr dead = NULL;

    pthread_mutex_lock(&link->mutex);
    if (link->connection != NULL && link->broken) {
        dead = g_steal_pointer(&link->connection);
    }
    pthread_mutex_unlock(&link->mutex);
    if (dead != NULL) {
        /* Not under the mutex: a callback may be waiting for it. */
        drop(link, dead);
    }
    pthread_mutex_lock(&link->mutex);
    if (link->connection != NULL || open_locked(link, error)) {
        connection = link->connection;
        virConnectRef(connection);
    }
    pthread_mutex_unlock(&link->mutex);
    return connection;
}

virDomainPtr sdm_libvirt_domain(struct sdm_libvirt *link, const char *vm, GError **error)
{
    g_auto(virConnectPtr) connection = sdm_libvirt_connection(link, error);
    virDomainPtr domain;

    if (connection == NULL) {
        return NULL;
    }
    domain = virDomainLookupByUUIDString(connection, vm);
    if (domain == NULL) {
        sdm_libvirt_refuse(error, "find the guest");
    }
    return domain;
}

bool sdm_libvirt_refuse(GError **error, const char *what)
{
    const virError *cause = virGetLastError();
    int code = cause != NULL ? cause->code : VIR_ERR_INTERNAL_ERROR;
    const char *text = cause != NULL && cause->message != NULL ? cause->message : "no reason given";

    switch (code) {
    case VIR_ERR_NO_DOMAIN:
        return sdm_refuse(error, SDM_ERROR_NOT_FOUND, "%s: %s", what, text);
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_INVALID_CONN:
    case VIR_ERR_RPC:
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_SYSTEM_ERROR:
        return sdm_unavailable(error, "%s: %s", what, text);
    default:
        /* What the RPC layer says has no code of its own. */
        if (cause != NULL && cause->domain == VIR_FROM_RPC) {
            return sdm_unavailable(error, "%s: %s", what, text);
        }
        return sdm_refuse(error, SDM_ERROR_AGENT_REFUSED, "%s: %s", what, text);
    }
}

void sdm_libvirt_fate_begin(struct sdm_libvirt *link, const char *vm, const char *alias)
{
    pthread_mutex_lock(&link->mutex);
    g_hash_table_insert(link->fates, fate_key(vm, alias), GINT_TO_POINTER(SDM_DEVICE_UNKNOWN));
    pthread_mutex_unlock(&link->mutex);
}

enum sdm_device_fate sdm_libvirt_fate_wait(struct sdm_libvirt *link, const char *vm,
                                           const char *alias, int64_t deadline_us)
{
    g_autofree char *key = fate_key(vm, alias);
    enum sdm_device_fate fate;

    pthread_mutex_lock(&link->mutex);
    for (;;) {
        fate = (enum sdm_device_fate)GPOINTER_TO_INT(g_hash_table_lookup(link->fates, key));
        if (fate != SDM_DEVICE_UNKNOWN || link->broken ||
            !sdm_cond_wait_until(&link->told, &link->mutex, deadline_us)) {
            break;
        }
    }
    pthread_mutex_unlock(&link->mutex);
    return fate;
}

void sdm_libvirt_fate_end(struct sdm_libvirt *link, const char *vm, const char *alias)
{
    g_autofree char *key = fate_key(vm, alias);

    pthread_mutex_lock(&link->mutex);
    g_hash_table_remove(link->fates, key);
    pthread_mutex_unlock(&link->mutex);
}

uint64_t sdm_libvirt_guest_word(struct sdm_libvirt *link)
{
    uint64_t n_words;

    pthread_mutex_lock(&link->mutex);
    n_words = link->n_words;
    pthread_mutex_unlock(&link->mutex);
    return n_words;
}

uint64_t sdm_libvirt_guest_word_wait(struct sdm_libvirt *link, uint64_t seen, int64_t deadline_us)
{
    uint64_t n_words;

    pthread_mutex_lock(&link->mutex);
    while (link->n_words == seen && !link->broken &&
           sdm_cond_wait_until(&link->told, &link->mutex, deadline_us)) {
    }
    n_words = link->n_words;
    pthread_mutex_unlock(&link->mutex);
    return n_words;
}
