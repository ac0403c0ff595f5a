/* Faults that are armed from outside: a device's operation is late, refused, silent, done without a
 * reply, or busy.
 *
 * Thread rule: under the mutex of 'struct sdm_emu'. */
#pragma once

#include <stdbool.h>

#include <glib.h>

#include "lib/base/error.h"
#include "lib/base/id.h"

/*  delay       done after 'delay_ms'
 *  refuse      answered with 'code', not done
 *  silence     neither done nor answered; the connection stays
 *  lost-reply  done, not answered, and the connection is closed
 *  busy        a memory block does not go offline (EBUSY) */
enum sdm_emu_action {
    SDM_EMU_DELAY,
    SDM_EMU_REFUSE,
    SDM_EMU_SILENCE,
    SDM_EMU_LOST_REPLY,
    SDM_EMU_BUSY,
};

struct sdm_emu_fault {
    char device[SDM_ID_SIZE]; /* "*" for every device */
    char operation[32]; /* the first word of the request, such as "connect"; "*" for every one */
    enum sdm_emu_action action;
    unsigned delay_ms;
    enum sdm_error_code code;
    unsigned n_left; /* 0: until it is cleared */
};

struct sdm_emu_faults;

struct sdm_emu_faults *sdm_emu_faults_new(void);
void sdm_emu_faults_free(struct sdm_emu_faults *faults);

/* Arms a fault.  Refuses with OUT_OF_RANGE one too many. */
bool sdm_emu_faults_arm(struct sdm_emu_faults *faults, const struct sdm_emu_fault *fault,
                        GError **error);

/* Disarms the faults of a device, or all when 'device' is NULL; returns how many. */
unsigned sdm_emu_faults_clear(struct sdm_emu_faults *faults, const char *device);

/* Finds the oldest fault armed for this operation and uses it up by one; false for none. */
bool sdm_emu_faults_take(struct sdm_emu_faults *faults, const char *device, const char *operation,
                         struct sdm_emu_fault *fault);

/* The armed faults, struct sdm_emu_fault, oldest first; borrowed. */
const GArray *sdm_emu_faults_armed(const struct sdm_emu_faults *faults);

/* "delay", "refuse", "silence", "lost-reply", "busy". */
const char *sdm_emu_action_name(enum sdm_emu_action action);
/* False and '*action' untouched for another word. */
bool sdm_emu_action_from_name(const char *name, enum sdm_emu_action *action);
