#include <criterion/criterion.h>

#include <string.h>

#include "lib/amqp/settler.h"

/* Frames as text: "m5" is an acknowledgement of all up to 5, "a7" of 7, "r7" a rejection, "q7" a
 * return to the queue. */
static bool note(void *user, uint64_t number, bool is_multiple, enum sdm_amqp_verdict verdict)
{
    static const char letters[] = {'a', 'r', 'q'};

    g_string_append_printf(user, "%c%d ", is_multiple ? 'm' : letters[verdict], (int)number);
    return true;
}

static bool fail(void *user, uint64_t number, bool is_multiple, enum sdm_amqp_verdict verdict)
{
    note(user, number, is_multiple, verdict);
    return false;
}

/* Steps: "d" delivers, "s" delivers settled, "aN", "rN", "qN" are verdicts, "." flushes. */
static void run(struct sdm_settler *settler, const char *steps, GString *frames)
{
    g_auto(GStrv) words = g_strsplit(steps, " ", -1);

    for (char **word = words; *word != NULL; word++) {
        uint64_t number = g_ascii_strtoull(*word + 1, NULL, 10);

        switch (**word) {
        case 'd':
        case 's':
            sdm_settler_deliver(settler, **word == 's');
            break;
        case 'a':
            cr_assert(sdm_settler_settle(settler, number, SDM_AMQP_ACK, note, frames));
            break;
        case 'r':
            cr_assert(sdm_settler_settle(settler, number, SDM_AMQP_REJECT, note, frames));
            break;
        case 'q':
            cr_assert(sdm_settler_settle(settler, number, SDM_AMQP_REQUEUE, note, frames));
            break;
        default:
            cr_assert(sdm_settler_flush(settler, note, frames));
            break;
        }
    }
}

Test(settler, sends_the_fewest_frames)
{
    static const struct {
        const char *label;
        const char *steps;
        const char *frames;
    } rows[] = {
        {"nothing", ".", ""},
        {"one", "d a1 .", "m1 "},
        {"in order", "d d d a1 a2 a3 .", "m3 "},
        {"out of order", "d d d a3 a1 a2 .", "m3 "},
        {"a gap", "d d d d a1 a3 a4 .", "m1 a3 a4 "},
        {"a gap closed later", "d d d d a3 a4 . a1 a2 .", "a3 a4 m2 "},
        {"a rejection between", "d d d a1 r2 a3 .", "r2 m3 "},
        {"a rejection first", "d d r1 a2 .", "r1 m2 "},
        {"requeued", "d q1 .", "q1 "},
        {"settled between", "d s d a1 a3 .", "m3 "},
        {"twice", "d d a2 a2 . a2 r2 .", "a2 "},
        {"not delivered", "d a2 r0 .", ""},
        {"after it is gone", "d a1 . a1 r1 .", "m1 "},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) frames = g_string_new(NULL);
        struct sdm_settler settler;

        sdm_settler_init(&settler);
        run(&settler, rows[i].steps, frames);
        cr_assert_str_eq(frames->str, rows[i].frames, "%s: %s", rows[i].label, frames->str);
        sdm_settler_done(&settler);
    }
}

Test(settler, a_frame_that_cannot_be_sent_is_told)
{
    g_autoptr(GString) frames = g_string_new(NULL);
    struct sdm_settler settler;

    sdm_settler_init(&settler);
    run(&settler, "d d d a1 a3", frames);
    cr_assert_not(sdm_settler_settle(&settler, 2, SDM_AMQP_REJECT, fail, frames));
    cr_assert_not(sdm_settler_flush(&settler, fail, frames));
    cr_assert_str_eq(frames->str, "r2 m3 ");
    sdm_settler_done(&settler);
}
