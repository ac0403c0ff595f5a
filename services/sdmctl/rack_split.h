/* Splits a rack file into registrations that the schema allows, each referring only to what it
 * holds or what an earlier one held.
 *
 * Pure.  Thread rule: a splitter belongs to one thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

#include "wire/rack.h"
#include "wire/s11.h"

/* The most of each in one message (schemas/common.json, topology). */
#define SDM_CTL_SPLIT_DEVICES 256
#define SDM_CTL_SPLIT_LINKS   4096

/* How far a rack has been handed out; starts zeroed but for 'rack', which is borrowed. */
struct sdm_ctl_split {
    const struct sdm_rack *rack;
    size_t n_racks;
    size_t n_trays;
    size_t n_bricks;
    size_t n_switches;
    size_t n_links;
    bool is_begun;
};

/* Writes the next registration, its key 'prefix' and what is derived from what it holds, so that
 * each message of one run keeps its own; lists point into the rack.  False when all has been handed
 * out; a rack without anything is one registration. */
bool sdm_ctl_split_next(struct sdm_ctl_split *split, const char *prefix,
                        struct sdm_s11_register *message);

/* How many registrations the rack takes. */
size_t sdm_ctl_split_count(const struct sdm_rack *rack);
