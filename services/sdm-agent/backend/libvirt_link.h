/* A connection to libvirt that comes back, and the events that come over it.
 *
 * Thread rule: any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>
#include <libvirt/libvirt.h>

#include "lib/base/id.h"

struct sdm_libvirt;
typedef struct sdm_libvirt sdm_libvirt;

G_DEFINE_AUTO_CLEANUP_FREE_FUNC(virDomainPtr, virDomainFree, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(virConnectPtr, virConnectClose, NULL)

/* Nothing is connected yet; 'uri' such as "qemu:///system". */
struct sdm_libvirt *sdm_libvirt_new(const char *uri);
void sdm_libvirt_free(struct sdm_libvirt *link);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_libvirt, sdm_libvirt_free)

/* Calls 'changed' when a guest starts, stops or loses a device ('vm' is its UUID), and when the
 * connection comes or goes ("").  Once, before it is first used. */
void sdm_libvirt_watch(struct sdm_libvirt *link, void (*changed)(void *user, const char *vm),
                       void *user);

/* A domain, running or not, virDomainFree(); connects if need be, at most a few times a second.
 * NULL with NOT_FOUND when there is none, SDM_UNAVAILABLE when libvirt is away. */
virDomainPtr sdm_libvirt_domain(struct sdm_libvirt *link, const char *vm, GError **error);

/* The connection, virConnectClose() gives the reference back. */
virConnectPtr sdm_libvirt_connection(struct sdm_libvirt *link, GError **error);

/* Sets 'error' from libvirt's last one in this thread: SDM_UNAVAILABLE when the connection broke or
 * the domain is locked by something else, NOT_FOUND when the domain is gone, else AGENT_REFUSED.
 * Returns false. */
bool sdm_libvirt_refuse(GError **error, const char *what);

enum sdm_device_fate { SDM_DEVICE_UNKNOWN, SDM_DEVICE_REMOVED, SDM_DEVICE_KEPT };

/* What has become of a device that the guest was asked for: begin before asking, wait until
 * 'deadline_us' (g_get_monotonic_time()) or until it is known or the connection broke, and end. */
void sdm_libvirt_fate_begin(struct sdm_libvirt *link, const char *vm, const char *alias);
enum sdm_device_fate sdm_libvirt_fate_wait(struct sdm_libvirt *link, const char *vm,
                                           const char *alias, int64_t deadline_us);
void sdm_libvirt_fate_end(struct sdm_libvirt *link, const char *vm, const char *alias);

/* Counts what the guests' firmware has been told about memory (_OST); the wait ends when the count
 * is no longer 'seen', or at the deadline, and returns the count. */
uint64_t sdm_libvirt_guest_word(struct sdm_libvirt *link);
uint64_t sdm_libvirt_guest_word_wait(struct sdm_libvirt *link, uint64_t seen, int64_t deadline_us);
