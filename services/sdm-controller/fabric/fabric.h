/* The hardware between bricks, and the bricks' management controllers: keeps a session a device, of
 * those that were used last, and opens it again when it is lost.
 *
 * Thread rule: safe from many threads; requests to one device follow each other, those to different
 * devices do not wait for each other.  Calls block; none is made with a lock of another module
 * held. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-controller/fabric/driver.h"

/* Sessions that are kept open although nobody uses them, so that a rack does not use up the
 * process's file descriptors. */
#define SDM_FABRIC_IDLE_SESSIONS 256

struct sdm_fabric;
typedef struct sdm_fabric sdm_fabric;

/* Whom to ask: values of one brick or switch. */
struct sdm_fabric_device {
    const char *id;
    const char *endpoint;
    bool optical;
};

/* 'epoch' opens every session; 'timeout_ms' bounds every request but power and scrub, which take
 * their own. */
struct sdm_fabric *sdm_fabric_new(int64_t epoch, int64_t timeout_ms);
void sdm_fabric_free(struct sdm_fabric *fabric);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_fabric, sdm_fabric_free)

/* Has 'on_silent' called, from any thread, with each device that did not answer a request; before
 * the first request.  It must not block, nor ask the fabric. */
void sdm_fabric_watch(struct sdm_fabric *fabric, void (*on_silent)(void *user, const char *id),
                      void *user);

/* All of these return false with an error as driver.h says. */
bool sdm_fabric_connect(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                        struct sdm_port_pair pair, GError **error);
bool sdm_fabric_disconnect(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                           struct sdm_port_pair pair, GError **error);
bool sdm_fabric_list(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                     GArray *pairs, GError **error);
bool sdm_fabric_power(struct sdm_fabric *fabric, const struct sdm_fabric_device *device, bool on,
                      int64_t timeout_ms, GError **error);
/* Asks whether the device is there; '*off' says whether its power is. */
bool sdm_fabric_probe(struct sdm_fabric *fabric, const struct sdm_fabric_device *device, bool *off,
                      GError **error);
/* Takes power from a brick in use, and asks it whether it is off: only then it is true. */
bool sdm_fabric_force_off(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                          GError **error);
/* What is mapped of a memory brick, with whom: struct sdm_fabric_extent, g_array_unref(). */
GArray *sdm_fabric_extents(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                           GError **error);
bool sdm_fabric_scrub(struct sdm_fabric *fabric, const struct sdm_fabric_device *device,
                      int64_t offset_bytes, int64_t size_bytes, int64_t timeout_ms, GError **error);
