/* What a message of the dead-letter queue says: by our headers, or by what the broker tells of one
 * that it gave up itself.
 *
 * Thread rule: values. */
#pragma once

#include <stdbool.h>

#include "lib/amqp/amqp.h"
#include "lib/base/arena.h"
#include "wire/common.h"
#include "wire/s11.h"

/* Reads a letter.  What senders wrote is cut, and made text that can be printed. */
void sdm_letter_read(const struct sdm_amqp_delivery *delivery, struct sdm_wire_dead_letter *letter);

/* The same with headers, and with the body, unless it may hold a secret. */
void sdm_letter_show(const struct sdm_amqp_delivery *delivery, struct sdm_arena *arena,
                     struct sdm_s11_dead_show_reply *reply);

/* Can it be sent again?  A report cannot: the broker would not vouch for its sender. */
bool sdm_letter_is_request(const struct sdm_wire_dead_letter *letter);
