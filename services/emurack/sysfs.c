#define FUSE_USE_VERSION 31

#include "emurack/sysfs.h"

#include <errno.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <glib-unix.h>

#include "emurack/sysfs_tree.h"
#include "lib/base/error.h"

enum { PAGE_BYTES = 4096, US_PER_MS = 1000, N_THREADS = 4 };

struct sdm_emu_sysfs {
    struct sdm_emu *emu;
    struct fuse *fuse;
    int end_fd; /* readable when the threads shall end */
    GThread *threads[N_THREADS];
    atomic_bool is_over; /* a thread has ended, asked or not */
};

static struct sdm_emu *lock_emu(void)
{
    struct sdm_emu *emu = fuse_get_context()->private_data;

    pthread_mutex_lock(&emu->mutex);
    return emu;
}

static int on_getattr(const char *path, struct stat *found, struct fuse_file_info *file)
{
    struct sdm_emu *emu = lock_emu();
    struct sdm_emu_target target;
    int result = sdm_emu_tree_find(emu, path, &target);

    (void)file;
    pthread_mutex_unlock(&emu->mutex);
    if (result != 0) {
        return result;
    }
    memset(found, 0, sizeof *found);
    found->st_mode = sdm_emu_tree_mode(&target);
    found->st_uid = geteuid();
    found->st_gid = getegid();
    found->st_nlink = S_ISDIR(found->st_mode) ? 2 : 1;
    found->st_size = S_ISLNK(found->st_mode)   ? (off_t)strlen(target.link)
                     : S_ISREG(found->st_mode) ? PAGE_BYTES
                                               : 0;
    return 0;
}

static int on_readlink(const char *path, char *link, size_t size)
{
    struct sdm_emu *emu = lock_emu();
    struct sdm_emu_target target;
    int result = sdm_emu_tree_find(emu, path, &target);

    pthread_mutex_unlock(&emu->mutex);
    if (result != 0) {
        return result;
    }
    if (target.place != SDM_EMU_PLACE_LINK) {
        return -EINVAL;
    }
    g_strlcpy(link, target.link, size);
    return 0;
}

struct listing {
    void *buffer;
    fuse_fill_dir_t fill;
};

static void add_name(void *user, const char *name)
{
    const struct listing *listing = user;

    listing->fill(listing->buffer, name, NULL, 0, (enum fuse_fill_dir_flags)0);
}

static int on_readdir(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
                      struct fuse_file_info *file, enum fuse_readdir_flags flags)
{
    struct listing listing = {buffer, fill};
    struct sdm_emu *emu = lock_emu();
    struct sdm_emu_target target;
    int result = sdm_emu_tree_find(emu, path, &target);

    (void)offset;
    (void)file;
    (void)flags;
    if (result == 0) {
        add_name(&listing, ".");
        add_name(&listing, "..");
        result = sdm_emu_tree_list(emu, &target, add_name, &listing);
    }
    pthread_mutex_unlock(&emu->mutex);
    return result;
}

static int on_open(const char *path, struct fuse_file_info *file)
{
    struct sdm_emu *emu = lock_emu();
    struct sdm_emu_target target;
    int result = sdm_emu_tree_find(emu, path, &target);

    pthread_mutex_unlock(&emu->mutex);
    /* Every read and write reaches us, and a write's errno reaches its caller. */
    file->direct_io = 1;
    return result;
}

static int on_read(const char *path, char *buffer, size_t size, off_t offset,
                   struct fuse_file_info *file)
{
    g_autoptr(GString) text = g_string_new(NULL);
    struct sdm_emu *emu = lock_emu();
    struct sdm_emu_target target;
    int result = sdm_emu_tree_find(emu, path, &target);

    (void)file;
    if (result == 0) {
        result = sdm_emu_tree_read(emu, &target, text);
    }
    pthread_mutex_unlock(&emu->mutex);
    if (result != 0) {
        return result;
    }
    if ((size_t)offset >= text->len) {
        return 0;
    }
    size = MIN(size, text->len - (size_t)offset);
    memcpy(buffer, text->str + offset, size);
    return (int)size;
}

/* What an armed fault makes of a write: 0 to go on, a negative errno to refuse.  A delay passes
 * without the mutex. */
static int apply_fault(struct sdm_emu *emu, const char *path, const char *word, bool *lose_reply)
{
    struct sdm_emu_target target;
    struct sdm_emu_fault fault;
    const char *operation;
    int result;
    bool armed;

    pthread_mutex_lock(&emu->mutex);
    result = sdm_emu_tree_find(emu, path, &target);
    operation = result == 0 ? sdm_emu_tree_operation(&target, word) : NULL;
    armed =
        operation != NULL && sdm_emu_faults_take(emu->faults, target.device->id, operation, &fault);
    pthread_mutex_unlock(&emu->mutex);
    if (!armed) {
        return result;
    }
    switch (fault.action) {
    case SDM_EMU_DELAY:
        g_usleep((gulong)fault.delay_ms * US_PER_MS);
        return 0;
    case SDM_EMU_LOST_REPLY:
        *lose_reply = true;
        return 0;
    case SDM_EMU_REFUSE:
    case SDM_EMU_SILENCE:
        return -EIO;
    case SDM_EMU_BUSY:
        return -EBUSY;
    }
    return 0;
}

static int on_write(const char *path, const char *bytes, size_t size, off_t offset,
                    struct fuse_file_info *file)
{
    struct sdm_emu *emu = fuse_get_context()->private_data;
    g_autofree char *word = g_strndup(bytes, size);
    struct sdm_emu_target target;
    bool lose_reply = false;
    int result;

    (void)offset;
    (void)file;
    if (size > 0 && word[size - 1] == '\n') {
        word[size - 1] = '\0';
    }
    result = apply_fault(emu, path, word, &lose_reply);
    if (result != 0) {
        return result;
    }
    pthread_mutex_lock(&emu->mutex);
    result = sdm_emu_tree_find(emu, path, &target);
    if (result == 0) {
        result = sdm_emu_tree_write(emu, &target, word);
    }
    pthread_mutex_unlock(&emu->mutex);
    if (result != 0) {
        return result;
    }
    return lose_reply ? -EIO : (int)size;
}

/* A shell's '>' truncates before it writes; sysfs lets it. */
static int on_truncate(const char *path, off_t size, struct fuse_file_info *file)
{
    (void)path;
    (void)size;
    (void)file;
    return 0;
}

static void *on_init(struct fuse_conn_info *connection, struct fuse_config *config)
{
    (void)connection;
    /* Files come and go without the kernel's doing. */
    config->attr_timeout = 0;
    config->entry_timeout = 0;
    config->negative_timeout = 0;
    return fuse_get_context()->private_data;
}

static const struct fuse_operations operations = {
    .getattr = on_getattr,
    .readlink = on_readlink,
    .open = on_open,
    .read = on_read,
    .write = on_write,
    .truncate = on_truncate,
    .readdir = on_readdir,
    .init = on_init,
};

/* Serves until told to end.  Each thread sleeps in poll(), never in read(): a stop needs no request
 * to wake it, and a request that is late holds up only its own thread. */
static gpointer serve(gpointer data)
{
    struct sdm_emu_sysfs *sysfs = data;
    struct fuse_session *session = fuse_get_session(sysfs->fuse);
    struct pollfd wanted[] = {{fuse_session_fd(session), POLLIN, 0}, {sysfs->end_fd, POLLIN, 0}};
    struct fuse_buf buffer = {.mem = NULL};

    while (!fuse_session_exited(session)) {
        int n_read;

        if (poll(wanted, G_N_ELEMENTS(wanted), -1) < 0 && errno != EINTR) {
            break;
        }
        if (wanted[1].revents != 0) {
            break;
        }
        n_read = fuse_session_receive_buf(session, &buffer);
        if (n_read > 0) {
            fuse_session_process_buf(session, &buffer);
        } else if (n_read != -EAGAIN && n_read != -EINTR) {
            break;
        }
    }
    free(buffer.mem);
    atomic_store(&sysfs->is_over, true);
    return NULL;
}

/* A process that was killed leaves a mount that answers "not connected". */
static void clear_stale_mount(const char *mount_point)
{
    struct stat found;

    if (stat(mount_point, &found) != 0 && errno == ENOTCONN &&
        umount2(mount_point, MNT_DETACH) != 0) {
        const char *argv[] = {"fusermount3", "-u", "-z", mount_point, NULL};

        g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, NULL, NULL,
                     NULL);
    }
}

static struct fuse *make_fuse(struct sdm_emu *emu)
{
    /* Others than root may use it where the permissions of its files allow. */
    char options[] = "fsname=emurack,subtype=sysfs,default_permissions,allow_other";
    char own_options[] = "fsname=emurack,subtype=sysfs,default_permissions";
    char program[] = "emurackd";
    char flag[] = "-o";
    char *argv[] = {program, flag, geteuid() == 0 ? options : own_options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, argv);
    struct fuse *fuse = fuse_new(&args, &operations, sizeof operations, emu);

    fuse_opt_free_args(&args);
    return fuse;
}

struct sdm_emu_sysfs *sdm_emu_sysfs_mount(struct sdm_emu *emu, GError **error)
{
    g_autofree char *mount_point = g_build_filename(emu->state_dir, "sys", NULL);
    struct sdm_emu_sysfs *sysfs;
    struct fuse *fuse;

    clear_stale_mount(mount_point);
    if (g_mkdir_with_parents(mount_point, 0755) != 0) {
        sdm_set_errno(error, errno, "make '%s'", mount_point);
        return NULL;
    }
    fuse = make_fuse(emu);
    if (fuse == NULL) {
        sdm_fail(error, "FUSE cannot be set up");
        return NULL;
    }
    if (fuse_mount(fuse, mount_point) != 0) {
        fuse_destroy(fuse);
        sdm_fail(error, "FUSE cannot be mounted at '%s'", mount_point);
        return NULL;
    }
    /* Several threads poll one descriptor; who comes late must not wait in read(). */
    g_unix_set_fd_nonblocking(fuse_session_fd(fuse_get_session(fuse)), TRUE, NULL);
    sysfs = g_new0(struct sdm_emu_sysfs, 1);
    sysfs->emu = emu;
    sysfs->fuse = fuse;
    sysfs->end_fd = eventfd(0, EFD_CLOEXEC);
    g_assert(sysfs->end_fd >= 0);
    for (unsigned i = 0; i < N_THREADS; i++) {
        sysfs->threads[i] = g_thread_new("sysfs", serve, sysfs);
    }
    return sysfs;
}

bool sdm_emu_sysfs_is_serving(const struct sdm_emu_sysfs *sysfs)
{
    return !atomic_load(&sysfs->is_over);
}

void sdm_emu_sysfs_unmount(struct sdm_emu_sysfs *sysfs)
{
    if (sysfs == NULL) {
        return;
    }
    (void)!eventfd_write(sysfs->end_fd, 1);
    for (unsigned i = 0; i < N_THREADS; i++) {
        g_thread_join(sysfs->threads[i]);
    }
    close(sysfs->end_fd);
    fuse_unmount(sysfs->fuse);
    fuse_destroy(sysfs->fuse);
    g_free(sysfs);
}
