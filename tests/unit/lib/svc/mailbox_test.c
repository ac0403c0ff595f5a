#include <criterion/criterion.h>

#include <poll.h>

#include "lib/svc/mailbox.h"

struct item {
    struct sdm_mail mail; /* first */
    int thread;
    int number;
};

#define N_THREADS 4
#define N_ITEMS   2000

struct sender {
    struct sdm_mailbox *box;
    struct item items[N_ITEMS];
};

static bool is_readable(const struct sdm_mailbox *box)
{
    struct pollfd poll_fd = {.fd = sdm_mailbox_get_fd(box), .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1;
}

Test(mailbox, keeps_the_order_and_wakes_only_who_sleeps)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(sdm_mailbox) box = sdm_mailbox_new(&error);
    struct item items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct sdm_mail *mail;

    cr_assert_not_null(box, "%s", error ? error->message : "");
    cr_assert_null(sdm_mailbox_take(box));
    sdm_mailbox_post(box, &items[0].mail);
    cr_assert_not(is_readable(box), "woken although awake");
    cr_assert_not(sdm_mailbox_sleep(box), "sleeps over what has come");
    cr_assert_not_null(sdm_mailbox_take(box));
    cr_assert(sdm_mailbox_sleep(box));
    sdm_mailbox_post(box, &items[1].mail);
    sdm_mailbox_post(box, &items[2].mail);
    cr_assert(is_readable(box), "not woken");
    sdm_mailbox_wake(box);
    cr_assert_not(is_readable(box), "still readable after it was woken");
    mail = sdm_mailbox_take(box);
    cr_assert_eq(((struct item *)mail)->number, 1);
    cr_assert_eq(((struct item *)mail->next)->number, 2);
    cr_assert_null(mail->next->next);
}

static gpointer send_all(gpointer data)
{
    struct sender *sender = data;

    for (int i = 0; i < N_ITEMS; i++) {
        sdm_mailbox_post(sender->box, &sender->items[i].mail);
        if (i % 16 == 0) {
            g_thread_yield();
        }
    }
    return NULL;
}

Test(mailbox, loses_nothing_from_many_threads)
{
    g_autoptr(sdm_mailbox) box = sdm_mailbox_new(NULL);
    struct sender *senders = g_new0(struct sender, N_THREADS);
    GThread *threads[N_THREADS];
    int next[N_THREADS] = {0};
    int n = 0;

    for (int t = 0; t < N_THREADS; t++) {
        senders[t].box = box;
        for (int i = 0; i < N_ITEMS; i++) {
            senders[t].items[i] = (struct item){.thread = t, .number = i};
        }
        threads[t] = g_thread_new("sender", send_all, &senders[t]);
    }
    while (n < N_THREADS * N_ITEMS) {
        for (struct sdm_mail *mail = sdm_mailbox_take(box); mail != NULL; mail = mail->next) {
            const struct item *item = (struct item *)mail;

            cr_assert_eq(item->number, next[item->thread]++, "thread %d", item->thread);
            n++;
        }
        if (n < N_THREADS * N_ITEMS && sdm_mailbox_sleep(box)) {
            struct pollfd poll_fd = {.fd = sdm_mailbox_get_fd(box), .events = POLLIN};

            cr_assert_eq(poll(&poll_fd, 1, 10000), 1, "a wake-up was lost after %d", n);
            sdm_mailbox_wake(box);
        }
    }
    for (int t = 0; t < N_THREADS; t++) {
        g_thread_join(threads[t]);
    }
    g_free(senders);
}
