#include "emurack/extent.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "emurack/sparse.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"

/* Segment files are opened by the hypervisor, which may run under another user of our group. */
enum { FILE_MODE = 0660 };

struct sdm_emu_extents {
    char *bytes_dir;
    GPtrArray *live;
};

static void free_extent(gpointer data)
{
    struct sdm_emu_extent *extent = data;

    g_free(extent->path);
    g_free(extent);
}

char *sdm_emu_extents_image_path(const struct sdm_emu_extents *extents,
                                 const struct sdm_emu_device *brick)
{
    return g_strdup_printf("%s/bricks/%s.img", extents->bytes_dir, brick->id);
}

static int open_image(const struct sdm_emu_extents *extents, const struct sdm_emu_device *brick,
                      GError **error)
{
    g_autofree char *path = sdm_emu_extents_image_path(extents, brick);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);

    if (fd < 0) {
        sdm_set_errno(error, errno, "open '%s'", path);
    }
    return fd;
}

/* Opens a file and makes it at least 'size_bytes' long. */
static bool lengthen(int fd, uint64_t size_bytes, GError **error)
{
    struct stat found;

    if (fstat(fd, &found) != 0) {
        return sdm_set_errno(error, errno, "stat");
    }
    if ((uint64_t)found.st_size < size_bytes && ftruncate(fd, (off_t)size_bytes) != 0) {
        return sdm_set_errno(error, errno, "lengthen to %" PRIu64 " bytes", size_bytes);
    }
    return true;
}

static bool make_dir(const char *parent, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(parent, name, NULL);

    return g_mkdir_with_parents(path, 0750) == 0 || sdm_set_errno(error, errno, "make '%s'", path);
}

static bool make_image(const struct sdm_emu_extents *extents, const struct sdm_emu_device *brick,
                       GError **error)
{
    SDM_AUTOCLOSE
    int fd = open_image(extents, brick, error);

    return fd >= 0 && lengthen(fd, brick->capacity_bytes, error);
}

static bool make_images(const struct sdm_emu_extents *extents, const struct sdm_emu_rack *rack,
                        GError **error)
{
    for (unsigned i = 0; i < rack->devices->len; i++) {
        const struct sdm_emu_device *device = sdm_emu_rack_device(rack, i);

        if (device->kind == SDM_EMU_MEMORY && !make_image(extents, device, error)) {
            return false;
        }
    }
    return true;
}

struct sdm_emu_extents *sdm_emu_extents_open(const char *bytes_dir, const struct sdm_emu_rack *rack,
                                             GError **error)
{
    struct sdm_emu_extents *extents;

    if (!make_dir(bytes_dir, "bricks", error) || !make_dir(bytes_dir, "segments", error)) {
        return NULL;
    }
    extents = g_new0(struct sdm_emu_extents, 1);
    extents->bytes_dir = g_strdup(bytes_dir);
    extents->live = g_ptr_array_new_with_free_func(free_extent);
    if (!make_images(extents, rack, error)) {
        sdm_emu_extents_close(extents);
        return NULL;
    }
    return extents;
}

void sdm_emu_extents_close(struct sdm_emu_extents *extents)
{
    if (extents == NULL) {
        return;
    }
    g_ptr_array_unref(extents->live);
    g_free(extents->bytes_dir);
    g_free(extents);
}

const GPtrArray *sdm_emu_extents_live(const struct sdm_emu_extents *extents)
{
    return extents->live;
}

static struct sdm_emu_extent *find_same(const struct sdm_emu_extents *extents,
                                        const struct sdm_emu_device *brick, uint64_t offset_bytes,
                                        uint64_t size_bytes)
{
    for (unsigned i = 0; i < extents->live->len; i++) {
        struct sdm_emu_extent *extent = g_ptr_array_index(extents->live, i);

        if (extent->brick == brick && extent->offset_bytes == offset_bytes &&
            extent->size_bytes == size_bytes) {
            return extent;
        }
    }
    return NULL;
}

static unsigned count_overlaps(const struct sdm_emu_extents *extents,
                               const struct sdm_emu_device *brick, uint64_t offset_bytes,
                               uint64_t size_bytes, bool shared)
{
    const struct sdm_emu_extent *same = find_same(extents, brick, offset_bytes, size_bytes);
    unsigned n_overlaps = 0;

    for (unsigned i = 0; i < extents->live->len; i++) {
        const struct sdm_emu_extent *extent = g_ptr_array_index(extents->live, i);
        bool group = extent == same && shared && extent->n_shared == extent->n_users;

        n_overlaps += !group && sdm_emu_extent_touches(extent, brick, offset_bytes, size_bytes);
    }
    return n_overlaps;
}

/* What live extents hold of this range is no longer in the image.  The copy is of this moment: two
 * files cannot be one memory; the overlap is counted. */
static bool overlay_live(const struct sdm_emu_extents *extents, const struct sdm_emu_extent *made,
                         int fd, GError **error)
{
    for (unsigned i = 0; i < extents->live->len; i++) {
        const struct sdm_emu_extent *other = g_ptr_array_index(extents->live, i);
        uint64_t start = MAX(other->offset_bytes, made->offset_bytes);
        uint64_t end =
            MIN(other->offset_bytes + other->size_bytes, made->offset_bytes + made->size_bytes);
        SDM_AUTOCLOSE
        int other_fd = -1;

        if (!sdm_emu_extent_touches(other, made->brick, made->offset_bytes, made->size_bytes)) {
            continue;
        }
        other_fd = open(other->path, O_RDONLY | O_CLOEXEC);
        if (other_fd < 0) {
            return sdm_set_errno(error, errno, "open '%s'", other->path);
        }
        if (!sdm_sparse_overlay(other_fd, start - other->offset_bytes, fd,
                                start - made->offset_bytes, end - start, error)) {
            return false;
        }
    }
    return true;
}

/* Fills a new file under another name first: a file of the right name is always whole. */
static bool fill_file(const struct sdm_emu_extents *extents, const struct sdm_emu_extent *extent,
                      GError **error)
{
    g_autofree char *unfinished = g_strconcat(extent->path, ".new", NULL);
    SDM_AUTOCLOSE
    int image = open_image(extents, extent->brick, error);
    SDM_AUTOCLOSE
    int fd = -1;

    if (image < 0) {
        return false;
    }
    fd = open(unfinished, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
    if (fd < 0) {
        return sdm_set_errno(error, errno, "make '%s'", unfinished);
    }
    if (!lengthen(fd, extent->size_bytes, error) ||
        !sdm_sparse_overlay(image, extent->offset_bytes, fd, 0, extent->size_bytes, error) ||
        !overlay_live(extents, extent, fd, error)) {
        unlink(unfinished);
        return false;
    }
    if (rename(unfinished, extent->path) != 0) {
        return sdm_set_errno(error, errno, "rename '%s'", unfinished);
    }
    return true;
}

static struct sdm_emu_extent *new_extent(const struct sdm_emu_extents *extents,
                                         struct sdm_emu_device *brick, uint64_t offset_bytes,
                                         uint64_t size_bytes)
{
    struct sdm_emu_extent *extent = g_new0(struct sdm_emu_extent, 1);

    extent->brick = brick;
    extent->offset_bytes = offset_bytes;
    extent->size_bytes = size_bytes;
    extent->path = g_strdup_printf("%s/segments/%s-%" PRIu64 "-%" PRIu64, extents->bytes_dir,
                                   brick->id, offset_bytes, size_bytes);
    return extent;
}

static struct sdm_emu_extent *add_user(struct sdm_emu_extents *extents,
                                       struct sdm_emu_device *brick, uint64_t offset_bytes,
                                       uint64_t size_bytes, bool shared, bool keep_file,
                                       GError **error)
{
    struct sdm_emu_extent *extent = find_same(extents, brick, offset_bytes, size_bytes);

    if (extent == NULL) {
        extent = new_extent(extents, brick, offset_bytes, size_bytes);
        if (!(keep_file && access(extent->path, F_OK) == 0) && !fill_file(extents, extent, error)) {
            free_extent(extent);
            return NULL;
        }
        g_ptr_array_add(extents->live, extent);
    }
    extent->n_users++;
    extent->n_shared += shared;
    return extent;
}

struct sdm_emu_extent *sdm_emu_extents_assign(struct sdm_emu_extents *extents,
                                              struct sdm_emu_device *brick, uint64_t offset_bytes,
                                              uint64_t size_bytes, bool shared,
                                              unsigned *n_overlaps, GError **error)
{
    unsigned n_found = count_overlaps(extents, brick, offset_bytes, size_bytes, shared);
    struct sdm_emu_extent *extent =
        add_user(extents, brick, offset_bytes, size_bytes, shared, false, error);

    if (extent != NULL) {
        *n_overlaps = n_found;
    }
    return extent;
}

struct sdm_emu_extent *sdm_emu_extents_adopt(struct sdm_emu_extents *extents,
                                             struct sdm_emu_device *brick, uint64_t offset_bytes,
                                             uint64_t size_bytes, bool shared, GError **error)
{
    return add_user(extents, brick, offset_bytes, size_bytes, shared, true, error);
}

bool sdm_emu_extents_clear(struct sdm_emu_extents *extents, const struct sdm_emu_device *brick,
                           uint64_t offset_bytes, uint64_t size_bytes, GError **error)
{
    SDM_AUTOCLOSE
    int image = open_image(extents, brick, error);

    return image >= 0 && sdm_sparse_clear(image, offset_bytes, size_bytes, error);
}

bool sdm_emu_extents_settle(struct sdm_emu_extents *extents, const struct sdm_emu_extent *extent,
                            GError **error)
{
    return sdm_emu_extents_clear(extents, extent->brick, extent->offset_bytes, extent->size_bytes,
                                 error);
}

bool sdm_emu_extents_return(struct sdm_emu_extents *extents, const struct sdm_emu_extent *extent,
                            GError **error)
{
    SDM_AUTOCLOSE
    int fd = -1;
    SDM_AUTOCLOSE
    int image = -1;

    if (extent->n_users > 1) {
        return true;
    }
    fd = open(extent->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return sdm_set_errno(error, errno, "open '%s'", extent->path);
    }
    image = open_image(extents, extent->brick, error);
    return image >= 0 &&
           sdm_sparse_copy(fd, 0, image, extent->offset_bytes, extent->size_bytes, error);
}

void sdm_emu_extents_drop(struct sdm_emu_extents *extents, struct sdm_emu_extent *extent,
                          bool shared)
{
    extent->n_shared -= shared;
    if (--extent->n_users == 0) {
        /* Left behind after a kill or a failure, it goes with the next recovery. */
        unlink(extent->path);
        g_ptr_array_remove_fast(extents->live, extent);
    }
}

static bool is_live_file(const struct sdm_emu_extents *extents, const char *path)
{
    for (unsigned i = 0; i < extents->live->len; i++) {
        const struct sdm_emu_extent *extent = g_ptr_array_index(extents->live, i);

        if (g_str_equal(extent->path, path)) {
            return true;
        }
    }
    return false;
}

bool sdm_emu_extents_recover(struct sdm_emu_extents *extents, GError **error)
{
    g_autofree char *dir_path = g_build_filename(extents->bytes_dir, "segments", NULL);
    g_autoptr(GDir) dir = g_dir_open(dir_path, 0, error);
    const char *name;

    if (dir == NULL) {
        return false;
    }
    while ((name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(dir_path, name, NULL);

        /* Not saved as live: the image still has, or has again, every byte. */
        if (!is_live_file(extents, path)) {
            unlink(path);
        }
    }
    for (unsigned i = 0; i < extents->live->len; i++) {
        if (!sdm_emu_extents_settle(extents, g_ptr_array_index(extents->live, i), error)) {
            return false;
        }
    }
    return true;
}
