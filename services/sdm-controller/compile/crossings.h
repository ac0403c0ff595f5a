/* Cross-connections in use: which circuits cross a switch from port to port.  A cross-connection is
 * made for its first circuit and cut after its last.
 *
 * Pure.  Thread rule: belongs to one owner, who guards it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

struct sdm_crossings;
typedef struct sdm_crossings sdm_crossings;

struct sdm_crossing {
    int32_t switch_no;
    /* Either order means the same. */
    int32_t port_a;
    int32_t port_b;
};

struct sdm_crossings *sdm_crossings_new(void);
void sdm_crossings_free(struct sdm_crossings *crossings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_crossings, sdm_crossings_free)

/* The circuit crosses here; true when it is the first to. Repeating it changes nothing. */
bool sdm_crossings_add(struct sdm_crossings *crossings, struct sdm_crossing crossing,
                       const char *circuit);

/* The circuit does not cross here any more; true when nobody does now. */
bool sdm_crossings_remove(struct sdm_crossings *crossings, struct sdm_crossing crossing,
                          const char *circuit);

/* Nobody crosses here any more, whoever did. */
void sdm_crossings_forget(struct sdm_crossings *crossings, struct sdm_crossing crossing);

/* The circuit was added here and not removed since. */
bool sdm_crossings_holds(const struct sdm_crossings *crossings, struct sdm_crossing crossing,
                         const char *circuit);

bool sdm_crossings_used(const struct sdm_crossings *crossings, struct sdm_crossing crossing);
/* Those in use: struct sdm_crossing, in no order; g_array_unref(). */
GArray *sdm_crossings_list(const struct sdm_crossings *crossings);
size_t sdm_crossings_count(const struct sdm_crossings *crossings);
