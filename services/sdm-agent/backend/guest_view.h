/* What a guest says about its own memory, through the statistics of its balloon.
 *
 * A guest's total is smaller than what it was given by what its kernel keeps for itself.  That
 * overhead is learnt while nothing is being plugged, and kept in a file, so that an agent that
 * starts anew can tell a DIMM that the guest has taken from one that it has not.
 *
 * Thread rule: any thread; of one guest one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "sdm-agent/backend/libvirt_link.h"
#include "sdm-agent/state/state.h"

struct sdm_guest_views;
typedef struct sdm_guest_views sdm_guest_views;

/* 'folder' keeps what was learnt; NULL forgets it with the process. */
struct sdm_guest_views *sdm_guest_views_new(struct sdm_libvirt *link, const char *folder);
void sdm_guest_views_free(struct sdm_guest_views *views);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_guest_views, sdm_guest_views_free)

/* The guest's latest words. */
struct sdm_guest_memory {
    uint64_t given_bytes; /* by the hypervisor, what the balloon took taken off; it knows at once */
    uint64_t
        total_bytes; /* by its own count, at most the statistics' period old; 0 for not known */
};

bool sdm_guest_read(virDomainPtr domain, struct sdm_guest_memory *memory, GError **error);

/* Fills the guest's memory in 'vm' and says which of its DIMMs, listed in the order in which they
 * were plugged, it has taken.  'vm->boot_id' is set before; 'period_s' is the statistics' period
 * (0 has it set to 1).  Takes a second for a guest with nothing learnt about it. */
bool sdm_guest_view(struct sdm_guest_views *views, virDomainPtr domain, unsigned period_s,
                    struct sdm_found_vm *vm, GError **error);

/* In place of a count of words: the change is an old one, so the guest is asked at once. */
#define SDM_GUEST_ASK_NOW UINT64_MAX

/* Waits until the guest's own total fits what it was given, to within 'slack_bytes', or until the
 * deadline (g_get_monotonic_time()).  It is asked when its firmware has been told more than was
 * 'heard' (sdm_libvirt_guest_word()) before the change, and now and then when nothing is heard.
 * True with 'settled' telling which; 'memory' is the last word. */
bool sdm_guest_settle(struct sdm_guest_views *views, virDomainPtr domain, unsigned period_s,
                      const struct sdm_found_vm *vm, uint64_t heard, uint64_t slack_bytes,
                      int64_t deadline_us, struct sdm_guest_memory *memory, bool *settled,
                      GError **error);
