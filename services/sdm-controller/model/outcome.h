/* What a use case hands back beside true or false: the reply, or the details of a refusal.
 *
 * A plain value; everything it points to lives in the arena that the use case was given, or is
 * constant.  A zeroed one is what a use case gets. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/id.h"
#include "wire/words.h"

struct sdm_codec;
struct sdm_error;

struct sdm_outcome {
    /* How far the request had come when the use case returned; with 'done' nothing of it is left
     * to do, whatever level was waited for. */
    enum sdm_wait_level reached;
    bool done;
    /* What a pending request waits for: the reservation, or the device of s11.power; empty and 0
     * for none.  The synthesizer finds pending requests by them. */
    char reservation[SDM_UUID_SIZE];
    int32_t device_no;
    /* The reply: "s10.reply/1", its codec, and the codec's struct.  Needed on success also of a
     * request that stays pending: it is sent when nothing has to be waited for. */
    const char *reply_type;
    const struct sdm_codec *reply_codec;
    const void *reply;
    /* On refusal: the wire message with 'stages' and 'nearest' filled in, or NULL; its code and
     * text are the GError's. */
    const struct sdm_error *refusal;
};
