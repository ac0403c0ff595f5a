/* What every daemon is: options that all have, a main loop, clean stop, log, control socket,
 * metrics, and word to systemd.
 *
 *     struct config { struct sdm_service_options service; ... };
 *     static const struct sdm_conf_option options[] = {
 *         SDM_SERVICE_OPTIONS(struct config, service, "/run/sdm/agent.sock", "9702"),
 *         ...
 *     };
 *
 *     conf = sdm_conf_start(&table, argc, argv, &config, &status);
 *     service = sdm_service_new(conf, "sdm-agent", &config.service, &error);
 *     ... make the parts, sdm_service_add_commands() ...
 *     status = sdm_service_run(service);   // until SIGTERM, SIGINT or sdm_service_stop()
 *
 * Thread rule: the main thread, but for sdm_service_stop() and sdm_service_post(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

#include "lib/conf/conf.h"
#include "lib/svc/control.h"
#include "lib/svc/health.h"
#include "lib/svc/log.h"
#include "lib/svc/metrics.h"

struct sdm_service_options {
    char *log_level;
    char *log_file;
    char *pid_file;
    char *control_socket; /* NULL or "" for none */
    char *metrics_address;
    int64_t metrics_port; /* 0 for none; served by lib/http/metrics.h */
    char *metrics_cert;   /* NULL or "" for plain HTTP */
    char *metrics_key;
};

/* Rows of a program's option table; 'member' of 'type' is a struct sdm_service_options. */
#define SDM_SERVICE_OPTIONS(type, member, default_socket, default_port)                            \
    {"log-level",                                                                                  \
     SDM_CONF_STRING,                                                                              \
     .fallback = "info",                                                                           \
     .words = sdm_log_level_names,                                                                 \
     .text = "what is logged: this and all that is worse",                                         \
     .offset = offsetof(type, member.log_level)},                                                  \
        {"log-file", SDM_CONF_PATH, .text = "where the log goes instead of standard error",        \
         .offset = offsetof(type, member.log_file)},                                               \
        {"pid-file", SDM_CONF_PATH, .text = "file that holds the process id while it runs",        \
         .offset = offsetof(type, member.pid_file)},                                               \
        {"control-socket", SDM_CONF_PATH, .fallback = (default_socket),                            \
         .text = "Unix socket that sdmctl asks; empty for none",                                   \
         .offset = offsetof(type, member.control_socket)},                                         \
        {"metrics-address", SDM_CONF_STRING, .fallback = "127.0.0.1",                              \
         .text = "address at which /metrics and /healthz are served",                              \
         .offset = offsetof(type, member.metrics_address)},                                        \
        {"metrics-cert", SDM_CONF_PATH,                                                            \
         .text = "certificate (PEM) with which /metrics is served by HTTPS; plain HTTP without",   \
         .offset = offsetof(type, member.metrics_cert)},                                           \
        {"metrics-key", SDM_CONF_PATH, .text = "its key, in a file that only its owner can read",  \
         .offset = offsetof(type, member.metrics_key)},                                            \
    {                                                                                              \
        "metrics-port", SDM_CONF_INT, .fallback = (default_port), .min = 0, .max = 65535,          \
                                      .text = "TCP port of /metrics; 0 for none",                  \
                                      .offset = offsetof(type, member.metrics_port)                \
    }

struct sdm_service;
typedef struct sdm_service sdm_service;

/* Opens the log, writes the pid file, listens at the control socket (commands status, config, log,
 * metrics, help), catches SIGTERM, SIGINT and SIGHUP, ignores SIGPIPE.  'conf' may be NULL, else
 * it outlives the service and is what "config" shows; 'options' is only read.  One a process.
 *
 * Returns NULL with an error when a file or socket cannot be made. */
struct sdm_service *sdm_service_new(const struct sdm_conf *conf, const char *program,
                                    const struct sdm_service_options *options, GError **error);
/* After all parts that use it. */
void sdm_service_free(struct sdm_service *service);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_service, sdm_service_free)

struct sdm_metrics *sdm_service_get_metrics(struct sdm_service *service);

/* What the daemon's parts say of its health is added here; it is asked while the service runs. */
struct sdm_health *sdm_service_get_health(struct sdm_service *service);

/* Further commands of the control socket; 'commands' outlives the service. */
void sdm_service_add_commands(struct sdm_service *service,
                              const struct sdm_control_command *commands, size_t n_commands,
                              void *user);

/* Adds members to the answer of "status". */
void sdm_service_add_status(struct sdm_service *service,
                            void (*fill)(void *user, struct sdm_json *status), void *user);

/* Called on SIGHUP, after the log has been reopened. */
void sdm_service_on_reload(struct sdm_service *service, void (*reload)(void *user), void *user);

/* Called when a stop begins, for parts that have to end before the loop may. */
void sdm_service_on_stop(struct sdm_service *service, void (*stop)(void *user), void *user);

/* Says READY=1 to systemd and runs until stopped; returns the status given to
 * sdm_service_stop(), 0 after a signal. */
int sdm_service_run(struct sdm_service *service);

/* Ends sdm_service_run(); any thread; the first status other than 0 counts. */
void sdm_service_stop(struct sdm_service *service, int exit_status);

/* Runs 'call' on the main thread, in the order posted by each thread; any thread.  What is posted
 * after the last turn of the loop runs in sdm_service_free(). */
void sdm_service_post(struct sdm_service *service, void (*call)(void *user), void *user);

/* Calls 'tick' every 'interval_ms' until it returns false or the timer is removed. */
unsigned sdm_service_add_timer(struct sdm_service *service, unsigned interval_ms,
                               bool (*tick)(void *user), void *user);

enum sdm_service_watch { SDM_WATCH_IN = 1, SDM_WATCH_OUT = 2 };

/* Calls 'ready' while 'fd' can be read or written (bits of enum sdm_service_watch; a peer that went
 * counts as readable) until it returns false or the watch is removed.  'fd' stays the caller's. */
unsigned sdm_service_add_fd(struct sdm_service *service, int fd, unsigned wanted,
                            bool (*ready)(void *user, int fd, unsigned found), void *user);

/* Removes a timer or watch, which has not ended by itself. */
void sdm_service_remove(struct sdm_service *service, unsigned id);
