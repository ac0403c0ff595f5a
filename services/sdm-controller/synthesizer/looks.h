/* What a new leader waits to hear before it serves: each agent says what its brick has before it is
 * told what it shall have, each memory brick what is mapped of it.  And what of that the database
 * cannot explain: it may be older than the hardware.
 *
 * Thread rule: any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct sdm_looks;
typedef struct sdm_looks sdm_looks;

/* Looking until sdm_looks_end(); 'is_older' when the devices' epochs have said so already. */
struct sdm_looks *sdm_looks_new(bool is_older);
void sdm_looks_free(struct sdm_looks *looks);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_looks, sdm_looks_free)

/* A compute brick's agent, or a memory brick, whose answer is waited for. */
void sdm_looks_expect(struct sdm_looks *looks, int32_t device_no);
size_t sdm_looks_n_awaited(struct sdm_looks *looks);
/* True until the end of the first look. */
bool sdm_looks_are_on(struct sdm_looks *looks);
void sdm_looks_end(struct sdm_looks *looks);

/* The agent has spoken under our epoch; true for the first time. */
bool sdm_looks_hear(struct sdm_looks *looks, int32_t compute_no);
bool sdm_looks_has_heard(struct sdm_looks *looks, int32_t compute_no);

/* The memory brick has been compared, or does not answer; true when it was one of those that did
 * not. */
bool sdm_looks_compared(struct sdm_looks *looks, int32_t brick_no);
void sdm_looks_silent(struct sdm_looks *looks, int32_t brick_no);
/* Those that have not answered: g_array_unref(), of int32_t. */
GArray *sdm_looks_silent_bricks(struct sdm_looks *looks);

/* Something was found that the database does not explain. */
void sdm_looks_set_older(struct sdm_looks *looks);
bool sdm_looks_is_older(struct sdm_looks *looks);

/* The compute brick maps modules that are not registered. */
void sdm_looks_set_unresolved(struct sdm_looks *looks, int32_t compute_no, bool is_unresolved);
bool sdm_looks_is_unresolved(struct sdm_looks *looks, int32_t compute_no);
bool sdm_looks_any_unresolved(struct sdm_looks *looks);

/* Which virtual machines of other bricks this one reported last, joined; false when they were the
 * same the time before that was kept. */
bool sdm_looks_elsewhere_is_new(struct sdm_looks *looks, int32_t compute_no, const char *vms);
void sdm_looks_keep_elsewhere(struct sdm_looks *looks, int32_t compute_no, const char *vms);

/* True for the first time that this cross-connection, which is left as it is, is told of. */
bool sdm_looks_tell_crossing(struct sdm_looks *looks, int32_t switch_no, int32_t a, int32_t b);
