/* Everything that serves while this process leads, made from options and an epoch, ended as a
 * whole.
 *
 *   main ── options, tokens ──▶ leadership ── won ──▶ load the ledger ──▶ look ──▶ serve
 *                                         └─ lost ──▶ stop with SDM_EXIT_SUPERSEDED
 *
 * Thread rule: the main thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <glib.h>

#include "lib/json/json.h"
#include "lib/svc/service.h"
#include "sdm-controller/config.h"
#include "sdm-controller/dispatcher/auth.h"

/* Exit status: another controller leads. */
#define SDM_EXIT_SUPERSEDED 3

struct sdm_controller;
typedef struct sdm_controller sdm_controller;

/* Loads what the database holds, looks at what agents and memory bricks have, and then starts
 * serving under 'epoch'; 'is_older' when the devices have seen later ones than the database.
 * 'options' and 'service' outlive it.  NULL with a database error, SDM_FAILED for a database that
 * contradicts itself, or INVALID_VALUE for the broker's URI. */
struct sdm_controller *sdm_controller_new(const struct sdm_controller_options *options,
                                          struct sdm_service *service, int64_t epoch, bool is_older,
                                          struct sdm_auth auth, GError **error);

/* Finishes what was taken as far as database and broker let it. */
void sdm_controller_free(struct sdm_controller *controller);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_controller, sdm_controller_free)

/* Called now and then: polls the outbox, keeps time. */
void sdm_controller_tick(struct sdm_controller *controller);

/* True once requests are taken: when all have answered that were asked what there is, or have had
 * time to. */
bool sdm_controller_is_serving(const struct sdm_controller *controller);

/* True while it has a connection to the broker. */
bool sdm_controller_is_connected(const struct sdm_controller *controller);

/* False with SDM_UNAVAILABLE set while it cannot do its work for want of a part that is away. */
bool sdm_controller_check(struct sdm_controller *controller, GError **error);

/* Adds to the control socket's "status". */
void sdm_controller_fill_status(struct sdm_controller *controller, struct sdm_json *status);

/* The graph as the control socket shows it: totals, or, with the member "rack" in 'args', that rack
 * with the use of each device.  NULL with NOT_FOUND. */
struct sdm_json *sdm_controller_graph(struct sdm_controller *controller,
                                      const struct sdm_json *args, GError **error);
