/* The options that every program has that speaks to the broker.
 *
 *     struct config { struct sdm_amqp_options broker; ... };
 *     static const struct sdm_conf_option options[] = {
 *         SDM_AMQP_OPTIONS(struct config, broker, "amqp://guest:guest@127.0.0.1:5672/%2f"),
 *
 * Thread rule: plain values. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lib/amqp/amqp.h"
#include "lib/conf/conf.h"

struct sdm_amqp_options {
    char *uri;
    char *uri_file; /* wins over 'uri' */
    char *ca_file;
    char *cert_file;
    char *key_file;
    int64_t heartbeat_s;
};

/* Rows of a program's option table; 'member' of 'type' is a struct sdm_amqp_options. */
#define SDM_AMQP_OPTIONS(type, member, default_uri)                                                \
    {"broker", SDM_CONF_URI, .fallback = (default_uri),                                            \
     .text = "where RabbitMQ is; amqps://HOST for TLS, HOST a name that its certificate has",      \
     .offset = offsetof(type, member.uri)},                                                        \
        {"broker-file", SDM_CONF_SECRET_FILE,                                                      \
         .text = "file whose first line is used instead of --broker",                              \
         .offset = offsetof(type, member.uri_file)},                                               \
        {"broker-ca", SDM_CONF_PATH,                                                               \
         .text = "certificates (PEM) of who may vouch for a broker at amqps://; the system's "     \
                 "unless given",                                                                   \
         .offset = offsetof(type, member.ca_file)},                                                \
        {"broker-cert", SDM_CONF_PATH,                                                             \
         .text = "certificate (PEM) that is shown to a broker at amqps://",                        \
         .offset = offsetof(type, member.cert_file)},                                              \
        {"broker-key", SDM_CONF_PATH, .text = "its key, in a file that only its owner can read",   \
         .offset = offsetof(type, member.key_file)},                                               \
    {                                                                                              \
        "broker-heartbeat-s", SDM_CONF_INT,                                                        \
            .unit = "s", .fallback = "10", .min = 1, .max = 3600,                                  \
            .text = "time between signs of life; a broker that is silent for "                     \
                    "twice as long is lost, and connected to anew",                                \
            .offset = offsetof(type, member.heartbeat_s)                                           \
    }

/* Where to and how to connect, into 'config', which borrows from 'options'. */
static inline void sdm_amqp_options_apply(const struct sdm_amqp_options *options,
                                          struct sdm_amqp_config *config)
{
    config->uri = options->uri_file != NULL && options->uri_file[0] != '\0' ? options->uri_file
                                                                            : options->uri;
    config->ca_file = options->ca_file;
    config->cert_file = options->cert_file;
    config->key_file = options->key_file;
    config->heartbeat_s = (unsigned)options->heartbeat_s;
}
