/* sdm-agent: makes remote memory part of one compute brick and of its guests. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "lib/amqp/options.h"
#include "lib/base/cleanup.h"
#include "lib/base/error.h"
#include "lib/base/id.h"
#include "lib/http/metrics.h"
#include "sdm-agent/fake_commands.h"
#include "sdm-agent/session/link.h"
#include "sdm-agent/session/session.h"

struct config {
    struct sdm_service_options service;
    char *brick;
    struct sdm_amqp_options broker;
    char *user_id;
    char *report_key;
    char *rmc_socket;
    int64_t rmc_timeout_ms;
    char *sysfs_root;
    char *libvirt_uri;
    char *memory_dir;
    char *state_dir;
    char *boot_id_file;
    int64_t look_interval_ms;
    int64_t confirm_ms;
    int64_t give_up_ms;
    char *backend;
    int64_t fake_block_bytes;
};

static const char *const backend_words[] = {"real", "fake", "fake-guests", NULL};

static const struct sdm_conf_option options[] = {
    SDM_SERVICE_OPTIONS(struct config, service, "/run/sdm/agent.sock", "9702"),
    {"brick", SDM_CONF_STRING, .letter = 'b', .text = "id of this compute brick",
     .offset = offsetof(struct config, brick)},
    SDM_AMQP_OPTIONS(struct config, broker, "amqp://127.0.0.1:5672/%2f"),
    {"user-id", SDM_CONF_STRING,
     .text = "user name put into messages, which the broker checks; that of the URI unless given",
     .offset = offsetof(struct config, user_id)},
    {"report-key", SDM_CONF_STRING, .fallback = "0",
     .text = "routing key of reports: which of the report queues takes them",
     .offset = offsetof(struct config, report_key)},
    {"rmc-socket", SDM_CONF_PATH, .fallback = "/run/sdm/rmc.sock",
     .text = "Unix socket of the remote memory controller",
     .offset = offsetof(struct config, rmc_socket)},
    {"rmc-timeout", SDM_CONF_INT, .unit = "ms", .fallback = "5000", .min = 10, .max = 600000,
     .text = "how long the remote memory controller may take to answer",
     .offset = offsetof(struct config, rmc_timeout_ms)},
    {"sysfs-root", SDM_CONF_PATH, .fallback = "/sys",
     .text = "folder that holds devices/system/memory; empty for a brick without mode host",
     .offset = offsetof(struct config, sysfs_root)},
    {"libvirt-uri", SDM_CONF_URI, .fallback = "qemu:///system",
     .text = "libvirt of the guests; empty for a brick without guests",
     .offset = offsetof(struct config, libvirt_uri)},
    {"memory-dir", SDM_CONF_PATH, .fallback = "/var/lib/libvirt/qemu/ram",
     .text = "memory_backing_dir of libvirt's qemu.conf",
     .offset = offsetof(struct config, memory_dir)},
    {"state-dir", SDM_CONF_PATH, .letter = 's', .fallback = "/var/lib/sdm/agent",
     .text = "folder for the highest epoch seen and the last wanted state",
     .offset = offsetof(struct config, state_dir)},
    {"boot-id-file", SDM_CONF_PATH, .fallback = "/proc/sys/kernel/random/boot_id",
     .text = "file whose first line changes with every start of the brick",
     .offset = offsetof(struct config, boot_id_file)},
    {"look-interval", SDM_CONF_INT, .unit = "ms", .fallback = "10000", .min = 100, .max = 3600000,
     .text = "time between looks at everything, each followed by a report",
     .offset = offsetof(struct config, look_interval_ms)},
    {"confirm", SDM_CONF_INT, .unit = "ms", .fallback = "2000", .min = 10, .max = 600000,
     .text = "how long a guest may take to grow by a DIMM before that is reported",
     .offset = offsetof(struct config, confirm_ms)},
    {"give-up", SDM_CONF_INT, .unit = "ms", .fallback = "1000", .min = 10, .max = 600000,
     .text = "how long a guest may take to give a DIMM up before that is reported",
     .offset = offsetof(struct config, give_up_ms)},
    {"backend", SDM_CONF_STRING, .fallback = "real", .words = backend_words,
     .text =
         "for tests: fake runs on a brick in memory, fake-guests has guests in memory on a real "
         "brick",
     .offset = offsetof(struct config, backend)},
    {"fake-block", SDM_CONF_INT, .unit = "bytes", .fallback = "128M", .min = 4096,
     .max = INT64_C(1) << 40, .text = "size of a fake brick's memory blocks",
     .offset = offsetof(struct config, fake_block_bytes)},
};

static const struct sdm_conf_table table = {
    .program = "sdm-agent",
    .summary = "Makes remote memory part of one compute brick and of its guests",
    .options = options,
    .n_options = G_N_ELEMENTS(options),
    .epilogue = "Example:\n"
                "  sdm-agent --brick=cb1 --broker-file=/etc/sdm/agent.broker \\\n"
                "      --rmc-socket=/run/sdm/rmc.sock --libvirt-uri=qemu:///system\n",
};

/* What is made at start, in this order, and ended in the other. */
struct parts {
    struct sdm_fake *fake;
    struct sdm_backends backends;
    struct sdm_session *session;
    struct sdm_agent_link *link;
};

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* Two agents on one brick would undo each other's work; the lock ends with the process. */
static int lock_state(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, "lock", NULL);
    int fd;

    if (g_mkdir_with_parents(state_dir, 0700) != 0) {
        sdm_set_errno(error, errno, "make '%s'", state_dir);
        return -1;
    }
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        sdm_set_errno(error, errno, "open '%s'", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        sdm_refuse(error, SDM_ERROR_ALREADY_EXISTS, "another agent works in '%s'", state_dir);
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool read_boot_id(const char *path, char **boot_id, GError **error)
{
    if (!g_file_get_contents(path, boot_id, NULL, error)) {
        return false;
    }
    (*boot_id)[strcspn(*boot_id, "\n")] = '\0';
    return true;
}

static void open_backends(struct parts *parts, const struct config *config)
{
    struct sdm_domain_config domain = {.uri = config->libvirt_uri,
                                       .memory_dir = config->memory_dir,
                                       .state_dir = config->state_dir,
                                       .confirm_ms = (unsigned)config->confirm_ms,
                                       .give_up_ms = (unsigned)config->give_up_ms};

    if (strcmp(config->backend, "real") != 0) {
        parts->fake = sdm_fake_new((uint64_t)config->fake_block_bytes);
    }
    if (strcmp(config->backend, "fake") == 0) {
        parts->backends = (struct sdm_backends){
            sdm_fake_rmc(parts->fake), sdm_fake_memblk(parts->fake), sdm_fake_domain(parts->fake)};
        return;
    }
    parts->backends.rmc = sdm_rmc_socket_new(config->rmc_socket, (unsigned)config->rmc_timeout_ms);
    if (is_set(config->sysfs_root)) {
        parts->backends.memblk = sdm_memblk_sysfs_new(config->sysfs_root);
    }
    if (parts->fake != NULL) {
        parts->backends.domain = sdm_fake_domain(parts->fake);
    } else if (is_set(config->libvirt_uri)) {
        parts->backends.domain = sdm_domain_libvirt_new(&domain);
    }
}

static bool send_message(void *user, const char *type, const char *body, size_t size)
{
    const struct parts *parts = user;

    return parts->link != NULL && sdm_agent_link_send(parts->link, type, body, size);
}

static void on_connected(void *user)
{
    sdm_session_on_connected(((struct parts *)user)->session);
}

static bool on_want(void *user, const void *body, size_t size, GError **error)
{
    return sdm_session_want(((struct parts *)user)->session, body, size, error);
}

static bool on_look(void *user, const void *body, size_t size, GError **error)
{
    return sdm_session_look(((struct parts *)user)->session, body, size, error);
}

static bool open_session(struct parts *parts, const struct config *config,
                         struct sdm_service *service, GError **error)
{
    g_autofree char *boot_id = NULL;
    struct sdm_session_config session = {.brick = config->brick,
                                         .version = SDM_VERSION,
                                         .state_dir = config->state_dir,
                                         .look_interval_ms = (unsigned)config->look_interval_ms,
                                         .service = service,
                                         .send = send_message,
                                         .user = parts};
    struct sdm_agent_link_config link = {.brick = config->brick,
                                         .broker = &config->broker,
                                         .user_id = config->user_id,
                                         .routing_key = config->report_key,
                                         .service = service,
                                         .on_connected = on_connected,
                                         .on_want = on_want,
                                         .on_look = on_look,
                                         .user = parts};

    if (!read_boot_id(config->boot_id_file, &boot_id, error)) {
        return false;
    }
    session.boot_id = boot_id;
    parts->session = sdm_session_new(&session, &parts->backends, error);
    if (parts->session == NULL) {
        return false;
    }
    parts->link = sdm_agent_link_new(&link, error);
    return parts->link != NULL;
}

static void fill_status(void *user, struct sdm_json *status)
{
    const struct parts *parts = user;

    sdm_session_fill_status(parts->session, status);
    sdm_json_set_boolean(status, "broker_connected", sdm_agent_link_is_connected(parts->link));
}

static bool check_link(void *user, GError **error)
{
    const struct parts *parts = user;

    return sdm_agent_link_is_connected(parts->link) ||
           sdm_unavailable(error, "no connection to the broker");
}

static void add_checks(struct parts *parts, struct sdm_health *health)
{
    sdm_health_add(health, check_link, parts);
    sdm_health_add(health, sdm_session_check, parts->session);
}

static void add_commands(struct parts *parts, struct sdm_service *service)
{
    static const struct sdm_control_command commands[] = {
        {"windows", "wanted windows and what has become of them", sdm_session_list_windows},
        {"vms", "running guests and their DIMMs", sdm_session_list_vms},
    };

    sdm_service_add_commands(service, commands, G_N_ELEMENTS(commands), parts->session);
    sdm_service_add_status(service, fill_status, parts);
    if (parts->fake != NULL) {
        sdm_fake_commands_add(service, parts->fake);
    }
}

/* Nothing calls back any more after this; letters on their way are handed out by
 * sdm_service_free(). */
static void end_parts(struct parts *parts)
{
    if (parts->link != NULL) {
        sdm_agent_link_end(parts->link);
    }
    if (parts->session != NULL) {
        sdm_session_end(parts->session);
    }
    sdm_domain_free(parts->backends.domain);
    sdm_memblk_free(parts->backends.memblk);
    sdm_rmc_free(parts->backends.rmc);
}

static void free_parts(struct parts *parts)
{
    sdm_agent_link_free(parts->link);
    sdm_session_free(parts->session);
    sdm_fake_free(parts->fake);
}

static int serve(struct parts *parts, const struct config *config, struct sdm_service *service,
                 GError **error)
{
    g_autoptr(sdm_http_metrics) http = NULL;

    if (!open_session(parts, config, service, error) ||
        !sdm_http_metrics_new(&config->service, sdm_service_get_metrics(service),
                              sdm_service_get_health(service), &http, error)) {
        return EXIT_FAILURE;
    }
    add_commands(parts, service);
    add_checks(parts, sdm_service_get_health(service));
    sdm_log_event(SDM_LOG_INFO, "agent-up", sdm_log_text("brick", config->brick));
    return sdm_service_run(service);
}

static int run(const struct sdm_conf *conf, const struct config *config, GError **error)
{
    struct parts parts = {0};
    SDM_AUTOCLOSE
    int lock = -1;
    struct sdm_service *service;
    int status;

    if (!is_set(config->brick) || !sdm_id_is_valid(config->brick)) {
        sdm_refuse(error, SDM_ERROR_INVALID_VALUE, "--brick names no brick");
        return 2;
    }
    lock = lock_state(config->state_dir, error);
    if (lock < 0) {
        return EXIT_FAILURE;
    }
    service = sdm_service_new(conf, table.program, &config->service, error);
    if (service == NULL) {
        return EXIT_FAILURE;
    }
    open_backends(&parts, config);
    status = serve(&parts, config, service, error);
    end_parts(&parts);
    sdm_service_free(service);
    free_parts(&parts);
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
