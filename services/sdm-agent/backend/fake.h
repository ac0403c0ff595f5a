/* A compute brick in memory: RMC, host memory and guests that behave like the real ones, and fail
 * when told to.  Product code: an agent with --backend=fake runs on it.
 *
 * It watches the rules that reconcile keeps: an entry that goes from under a DIMM or an online
 * block, and bytes given to two kernels, are granted and counted.
 *
 * Thread rule: any thread. */
#pragma once

#include "sdm-agent/backend/domain.h"
#include "sdm-agent/backend/memblk.h"
#include "sdm-agent/backend/rmc.h"

struct sdm_fake;
typedef struct sdm_fake sdm_fake;

/* Blocks are of 'block_size_bytes'. */
struct sdm_fake *sdm_fake_new(uint64_t block_size_bytes);
void sdm_fake_free(struct sdm_fake *fake);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_fake, sdm_fake_free)

/* The brick's parts, which go with it: freeing one does nothing. */
struct sdm_rmc *sdm_fake_rmc(struct sdm_fake *fake);
struct sdm_memblk *sdm_fake_memblk(struct sdm_fake *fake);
struct sdm_domain *sdm_fake_domain(struct sdm_fake *fake);

/* A guest starts, with 'memory_bytes' at boot and a maximum of 'max_memory_bytes'; one of that UUID
 * is replaced. */
void sdm_fake_vm_start(struct sdm_fake *fake, const char *vm, const char *name, unsigned n_slots,
                       uint64_t memory_bytes, uint64_t max_memory_bytes);
/* Its DIMMs go with it. */
void sdm_fake_vm_stop(struct sdm_fake *fake, const char *vm);

/* How guests behave from now on. */
enum sdm_fake_guest {
    SDM_FAKE_WILLING, /* takes and gives at once; gives now what it has been asked for before */
    SDM_FAKE_BUSY,    /* gives nothing up, and says so */
    SDM_FAKE_SLOW,    /* answers no unplug request, until it is willing again */
    SDM_FAKE_DEAF,    /* does not take what is plugged, until it is willing again */
};
void sdm_fake_vm_behave(struct sdm_fake *fake, const char *vm, enum sdm_fake_guest how);

/* Memory blocks that are online now do not go offline any more, or do again. */
void sdm_fake_host_pin(struct sdm_fake *fake, bool is_pinned);

/* The next 'n' calls of a point fail: "rmc.map", "rmc.unmap", "rmc.list", "memblk.look",
 * "memblk.online", "memblk.offline", "domain.list", "domain.look", "domain.attach",
 * "domain.detach".  'late' ones fail after having had their effect.  NOT_FOUND for another point.
 */
bool sdm_fake_arm(struct sdm_fake *fake, const char *point, unsigned n, bool late, bool unavailable,
                  GError **error);

/* How often a rule was broken. */
unsigned sdm_fake_n_violations(struct sdm_fake *fake);
