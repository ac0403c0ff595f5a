/* emurackd: every piece of hardware of the rack that a file describes. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>

#include <glib/gstdio.h>

#include "emurack/operator.h"
#include "emurack/publish.h"
#include "emurack/rack_file.h"
#include "emurack/status.h"
#include "emurack/sysfs.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/http/metrics.h"

struct config {
    struct sdm_service_options service;
    char *rack;
    char *listen;
    char *state_dir;
    char *bytes_dir;
    bool sysfs;
};

static const struct sdm_conf_option options[] = {
    SDM_SERVICE_OPTIONS(struct config, service, "/run/sdm/emurack.sock", "9704"),
    {"rack", SDM_CONF_PATH, .letter = 'r', .text = "file that describes the rack",
     .offset = offsetof(struct config, rack)},
    {"listen", SDM_CONF_STRING, .letter = 'l', .fallback = "127.0.0.1:7400",
     .text = "loopback address of the devices' sessions; port 0 takes a free one",
     .offset = offsetof(struct config, listen)},
    {"state-dir", SDM_CONF_PATH, .letter = 's', .fallback = "/var/lib/sdm/emurack",
     .text = "folder of the saved state, rack.json, rmc/ and sys/",
     .offset = offsetof(struct config, state_dir)},
    {"bytes-dir", SDM_CONF_PATH, .letter = 'b',
     .text =
         "folder of bricks/ and segments/, such as one in /dev/shm; the state folder by default",
     .offset = offsetof(struct config, bytes_dir)},
    {"sysfs", SDM_CONF_BOOL, .fallback = "yes",
     .text = "mounts the compute bricks' sysfs by FUSE at sys/ of the state folder",
     .offset = offsetof(struct config, sysfs)},
};

static const struct sdm_conf_table table = {
    .program = "emurackd",
    .summary = "The hardware of an emulated rack: memory bricks, remote memory controllers, "
               "switches, power and scrub controllers",
    .options = options,
    .n_options = G_N_ELEMENTS(options),
    .epilogue = "Example:\n"
                "  emurackd --rack=deploy/racks/quickstart.json --state-dir=/tmp/rack \\\n"
                "      --bytes-dir=/dev/shm/rack --control-socket=/tmp/rack/control.sock\n",
};

/* What is made at start, in this order, and ended in the other. */
struct parts {
    struct sdm_emu *emu;
    struct sdm_emu_sysfs *sysfs;
    struct sdm_emu_operator operator_;
};

/* Two daemons on one folder would corrupt it; the lock ends with the process. */
static int lock_state(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, "lock", NULL);
    SDM_AUTOCLOSE
    int fd = -1;

    if (g_mkdir_with_parents(state_dir, 0700) != 0) {
        sdm_set_errno(error, errno, "make '%s'", state_dir);
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        sdm_set_errno(error, errno, "open '%s'", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS, "another emurackd works in '%s'", state_dir);
        return -1;
    }
    return g_steal_fd(&fd);
}

static bool open_parts(struct parts *parts, const struct config *config, GError **error)
{
    const char *bytes_dir = config->bytes_dir == NULL || config->bytes_dir[0] == '\0'
                                ? config->state_dir
                                : config->bytes_dir;
    g_autofree char *state_path = g_canonicalize_filename(config->state_dir, NULL);
    g_autofree char *bytes_path = g_canonicalize_filename(bytes_dir, NULL);
    struct sdm_emu_rack *rack;

    if (config->rack == NULL || config->rack[0] == '\0') {
        return sdm_refuse(error, SDM_ERROR_MISSING_MEMBER, "--rack names no file");
    }
    rack = sdm_emu_rack_file_load(config->rack, error);
    if (rack == NULL) {
        return false;
    }
    parts->emu = sdm_emu_open(rack, state_path, bytes_path, &sdm_clock_system, error);
    if (parts->emu == NULL) {
        return false;
    }
    if (config->sysfs) {
        parts->sysfs = sdm_emu_sysfs_mount(parts->emu, error);
        if (parts->sysfs == NULL) {
            return false;
        }
    }
    parts->operator_.emu = parts->emu;
    parts->operator_.rmc_server = sdm_emu_rmc_server_new(parts->emu, error);
    if (parts->operator_.rmc_server == NULL) {
        return false;
    }
    parts->operator_.sessions = sdm_emu_sessions_new(parts->emu, config->listen, error);
    return parts->operator_.sessions != NULL &&
           sdm_emu_publish(parts->emu, sdm_emu_sessions_address(parts->operator_.sessions),
                           config->sysfs, error);
}

static void close_parts(struct parts *parts)
{
    sdm_emu_sessions_free(parts->operator_.sessions);
    sdm_emu_rmc_server_free(parts->operator_.rmc_server);
    sdm_emu_sysfs_unmount(parts->sysfs);
    sdm_emu_close(parts->emu);
}

static bool check_health(void *user, GError **error)
{
    const struct parts *parts = user;
    bool is_saved;

    if (parts->sysfs != NULL && !sdm_emu_sysfs_is_serving(parts->sysfs)) {
        return sdm_unavailable(error, "the sysfs tree is not served any more");
    }
    pthread_mutex_lock(&parts->emu->mutex);
    is_saved = parts->emu->save_failure == NULL ||
               sdm_unavailable(error, "the rack's state is not kept: %s", parts->emu->save_failure);
    pthread_mutex_unlock(&parts->emu->mutex);
    return is_saved;
}

static int serve(struct parts *parts, const struct config *config, struct sdm_service *service,
                 GError **error)
{
    struct sdm_metrics *metrics = sdm_service_get_metrics(service);
    g_autoptr(sdm_http_metrics) http = NULL;

    sdm_emu_operator_register(&parts->operator_, service);
    sdm_health_add(sdm_service_get_health(service), check_health, parts);
    sdm_emu_status_register(parts->emu, metrics);
    if (!sdm_http_metrics_new(&config->service, metrics, sdm_service_get_health(service), &http,
                              error)) {
        return EXIT_FAILURE;
    }
    sdm_log_event(SDM_LOG_INFO, "rack-up",
                  sdm_log_text("listen", sdm_emu_sessions_address(parts->operator_.sessions)),
                  sdm_log_int("devices", parts->emu->rack->devices->len));
    return sdm_service_run(service);
}

static int run(const struct sdm_conf *conf, const struct config *config, GError **error)
{
    struct parts parts = {0};
    SDM_AUTOCLOSE
    int lock = lock_state(config->state_dir, error);
    struct sdm_service *service;
    int status = EXIT_FAILURE;

    if (lock < 0) {
        return status;
    }
    service = sdm_service_new(conf, table.program, &config->service, error);
    if (service == NULL) {
        return status;
    }
    if (open_parts(&parts, config, error)) {
        status = serve(&parts, config, service, error);
    }
    sdm_service_free(service);
    close_parts(&parts);
    return status;
}

int main(int argc, char **argv)
{
    struct config config;
    int status = EXIT_SUCCESS;
    g_autoptr(sdm_conf) conf = NULL;
    g_autoptr(GError) error = NULL;

    setlocale(LC_ALL, "");
    conf = sdm_conf_start(&table, argc, argv, &config, &status);
    if (conf == NULL) {
        return status;
    }
    status = run(conf, &config, &error);
    if (error != NULL) {
        fprintf(stderr, "%s: %s\n", table.program, error->message);
    }
    return status;
}
