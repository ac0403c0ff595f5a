/* The agent's line to the broker: its queue of wanted state, and the exchange of reports.
 *
 * Thread rule: the main thread. */
#pragma once

#include "lib/amqp/options.h"
#include "lib/svc/service.h"

struct sdm_agent_link;
typedef struct sdm_agent_link sdm_agent_link;

struct sdm_agent_link_config {
    const char *brick;
    const struct sdm_amqp_options *broker; /* outlives the link */
    const char *user_id;     /* put into messages, which the broker checks; NULL or "": the URI's */
    const char *routing_key; /* of reports */
    struct sdm_service *service;
    void (*on_connected)(void *user);
    /* Wanted state; false is logged, and the message is dropped. */
    bool (*on_want)(void *user, const void *body, size_t size, GError **error);
    /* A new leader looks; the same. */
    bool (*on_look)(void *user, const void *body, size_t size, GError **error);
    void *user;
};

/* Connects, again and again.  NULL with INVALID_VALUE for a URI that cannot be read. */
struct sdm_agent_link *sdm_agent_link_new(const struct sdm_agent_link_config *config,
                                          GError **error);
/* No callback comes after this; before the service is freed. */
void sdm_agent_link_end(struct sdm_agent_link *link);
/* After the service was freed. */
void sdm_agent_link_free(struct sdm_agent_link *link);

/* Publishes to the exchange of reports; false while the broker is away. */
bool sdm_agent_link_send(struct sdm_agent_link *link, const char *type, const char *body,
                         size_t size);
bool sdm_agent_link_is_connected(const struct sdm_agent_link *link);
