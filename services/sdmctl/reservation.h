/* Commands on reservations, and reservations for people.  Thread rule: the main thread. */
#pragma once

#include "sdmctl/session.h"

/* Run functions. */
bool sdm_ctl_reserve(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
bool sdm_ctl_attach(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);
bool sdm_ctl_list(struct sdm_ctl *ctl, struct sdm_ctl_args *args, GError **error);

/* Of a struct sdm_s10_reply. */
void sdm_ctl_reservation_print(struct sdm_ctl *ctl, const void *reply);

/* Reservations as rows of one table. */
void sdm_ctl_reservations_print(struct sdm_ctl *ctl,
                                const struct sdm_wire_reservation *reservations,
                                size_t n_reservations);
