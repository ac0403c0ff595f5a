/* Any bytes as an envelope of oslo.messaging, and as the body of a reply. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/wire/oslo.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct sdm_oslo_call call;
    g_autofree char *reply = NULL;
    g_autofree char *failure = NULL;

    if (sdm_oslo_decode(bytes, size, "s10", &call, NULL)) {
        g_assert(memchr(call.token, '\0', sizeof call.token) != NULL);
        g_assert(memchr(call.type, '\0', sizeof call.type) != NULL);
        sdm_oslo_call_done(&call);
    }
    reply = sdm_oslo_encode_reply("id", "s10.reply/1", (const char *)bytes, size, NULL);
    failure = sdm_oslo_encode_reply("id", "error/1", (const char *)bytes, size, NULL);
    g_assert((reply == NULL) == (failure == NULL));
    g_assert(reply == NULL || sdm_oslo_recognise(reply, strlen(reply)));
    return 0;
}
