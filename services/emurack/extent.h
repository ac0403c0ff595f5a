/* Bytes of memory bricks: one sparse image a brick, one file a live extent.
 *
 * Assigning an extent moves the image's bytes into the extent's file, giving it back moves them to
 * the image again, so the next owner sees what was not scrubbed.  Each move is two steps with the
 * caller's save between them, so that a kill at any instruction loses no byte:
 *
 *     assign  fill the file from the image   [save: live]   settle  clear the image's range
 *     return  fill the image from the file   [save: gone]   drop    remove the file
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "emurack/rack.h"

/* Scrubs that a brick remembers; older ones are only counted. */
enum { SDM_EMU_SCRUBS_KEPT = 256 };

struct sdm_emu_scrub {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    int64_t wall_us;
};

struct sdm_emu_extent {
    struct sdm_emu_device *brick;
    uint64_t offset_bytes;
    uint64_t size_bytes;
    unsigned n_users;  /* NetPort entries that map it */
    unsigned n_shared; /* of these, entries of a shared group */
    char *path;        /* the file to map, as long as the extent, never truncated */
};

struct sdm_emu_extents;
typedef struct sdm_emu_extents sdm_emu_extents;

/* Opens 'bytes_dir' and makes bricks/ID.img for every memory brick and segments/. */
struct sdm_emu_extents *sdm_emu_extents_open(const char *bytes_dir, const struct sdm_emu_rack *rack,
                                             GError **error);
void sdm_emu_extents_close(struct sdm_emu_extents *extents);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_emu_extents, sdm_emu_extents_close)

/* Adds a user to the extent, which becomes live with the first.  '*n_overlaps' counts the live
 * extents it collides with: every other extent that shares a byte, and the very same one unless all
 * its users are shared.  Returns the extent, owned by 'extents'; NULL when a file cannot be
 * written. Range and power have been checked. */
struct sdm_emu_extent *sdm_emu_extents_assign(struct sdm_emu_extents *extents,
                                              struct sdm_emu_device *brick, uint64_t offset_bytes,
                                              uint64_t size_bytes, bool shared,
                                              unsigned *n_overlaps, GError **error);
/* After the save: the image's copy goes. */
bool sdm_emu_extents_settle(struct sdm_emu_extents *extents, const struct sdm_emu_extent *extent,
                            GError **error);

/* Before the save: when this user is the last, the bytes go back to the image. */
bool sdm_emu_extents_return(struct sdm_emu_extents *extents, const struct sdm_emu_extent *extent,
                            GError **error);
/* After the save: takes a user away; the last one's extent is freed. */
void sdm_emu_extents_drop(struct sdm_emu_extents *extents, struct sdm_emu_extent *extent,
                          bool shared);

/* At start: adds a user as the saved state says.  A file that is gone is filled from the image. */
struct sdm_emu_extent *sdm_emu_extents_adopt(struct sdm_emu_extents *extents,
                                             struct sdm_emu_device *brick, uint64_t offset_bytes,
                                             uint64_t size_bytes, bool shared, GError **error);
/* At start, after the last adoption: completes moves that were cut short. */
bool sdm_emu_extents_recover(struct sdm_emu_extents *extents, GError **error);

/* Zeroes a range of the brick's image.  No live extent is in it. */
bool sdm_emu_extents_clear(struct sdm_emu_extents *extents, const struct sdm_emu_device *brick,
                           uint64_t offset_bytes, uint64_t size_bytes, GError **error);

/* The live extents, struct sdm_emu_extent, in no order; borrowed. */
const GPtrArray *sdm_emu_extents_live(const struct sdm_emu_extents *extents);

/* The file of a brick's image; the caller frees it. */
char *sdm_emu_extents_image_path(const struct sdm_emu_extents *extents,
                                 const struct sdm_emu_device *brick);

static inline bool sdm_emu_extent_touches(const struct sdm_emu_extent *extent,
                                          const struct sdm_emu_device *brick, uint64_t offset_bytes,
                                          uint64_t size_bytes)
{
    return extent->brick == brick && offset_bytes < extent->offset_bytes + extent->size_bytes &&
           extent->offset_bytes < offset_bytes + size_bytes;
}
