#include "lib/amqp/settler.h"

/* OPEN -> NOTED -> SETTLED for an acknowledgement, OPEN -> SETTLED for another verdict. */
enum state { STATE_OPEN, STATE_NOTED, STATE_SETTLED };

void sdm_settler_init(struct sdm_settler *settler)
{
    sdm_ring_init(&settler->deliveries, 1);
    settler->acked = g_array_new(FALSE, FALSE, sizeof(uint64_t));
}

void sdm_settler_done(struct sdm_settler *settler)
{
    sdm_ring_done(&settler->deliveries);
    g_clear_pointer(&settler->acked, g_array_unref);
}

static enum state state_of(struct sdm_settler *settler, uint64_t number)
{
    void **slot = sdm_ring_at(&settler->deliveries, number);

    return slot != NULL ? (enum state)GPOINTER_TO_INT(*slot) : STATE_SETTLED;
}

static void set_state(struct sdm_settler *settler, uint64_t number, enum state state)
{
    *sdm_ring_at(&settler->deliveries, number) = GINT_TO_POINTER(state);
}

void sdm_settler_deliver(struct sdm_settler *settler, bool is_settled)
{
    sdm_ring_push(&settler->deliveries, GINT_TO_POINTER(is_settled ? STATE_SETTLED : STATE_OPEN));
}

bool sdm_settler_settle(struct sdm_settler *settler, uint64_t number, enum sdm_amqp_verdict verdict,
                        sdm_settler_send_fn *send, void *user)
{
    if (state_of(settler, number) != STATE_OPEN) {
        return true;
    }
    if (verdict == SDM_AMQP_ACK) {
        set_state(settler, number, STATE_NOTED);
        g_array_append_val(settler->acked, number);
        return true;
    }
    set_state(settler, number, STATE_SETTLED);
    return send(user, number, false, verdict);
}

/* Forgets what is settled or noted at the old end; the last noted of it may be acknowledged with
 * all before it. */
static uint64_t advance(struct sdm_settler *settler)
{
    uint64_t last_noted = 0;

    while (sdm_ring_length(&settler->deliveries) > 0) {
        enum state state = state_of(settler, settler->deliveries.first);

        if (state == STATE_OPEN) {
            break;
        }
        if (state == STATE_NOTED) {
            last_noted = settler->deliveries.first;
        }
        sdm_ring_pop(&settler->deliveries);
    }
    return last_noted;
}

bool sdm_settler_flush(struct sdm_settler *settler, sdm_settler_send_fn *send, void *user)
{
    uint64_t up_to = advance(settler);
    bool ok = up_to == 0 || send(user, up_to, true, SDM_AMQP_ACK);

    for (guint i = 0; i < settler->acked->len && ok; i++) {
        uint64_t number = g_array_index(settler->acked, uint64_t, i);

        if (number > up_to) {
            set_state(settler, number, STATE_SETTLED);
            ok = send(user, number, false, SDM_AMQP_ACK);
        }
    }
    g_array_set_size(settler->acked, 0);
    return ok;
}
