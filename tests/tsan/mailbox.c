/* A mailbox and the registry of metrics from several threads: nothing is lost, nobody sleeps on. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/svc/mailbox.h"
#include "lib/svc/metrics.h"

#define N_SENDERS 4
#define N_ITEMS   20000

struct item {
    struct sdm_mail mail; /* first */
    int sender;
    int number;
};

static struct sdm_mailbox *box;
static struct sdm_metrics *metrics;

static void *send_all(void *items)
{
    struct sdm_counter *counter = sdm_metrics_counter(metrics, "sdm_sent_total", "sent", NULL);
    struct sdm_histogram *histogram =
        sdm_metrics_histogram(metrics, "sdm_numbers", "numbers", &sdm_metrics_batch, NULL);

    for (int i = 0; i < N_ITEMS; i++) {
        sdm_mailbox_post(box, &((struct item *)items)[i].mail);
        sdm_counter_add(counter, 1);
        sdm_histogram_observe(histogram, i);
        if (i % 64 == 0) {
            sched_yield();
        }
    }
    return NULL;
}

int main(void)
{
    struct item *items = g_new0(struct item, N_SENDERS * N_ITEMS);
    pthread_t threads[N_SENDERS];
    int next[N_SENDERS] = {0};
    int n = 0;
    int n_wrong = 0;

    box = sdm_mailbox_new(NULL);
    metrics = sdm_metrics_new();
    for (int i = 0; i < N_SENDERS * N_ITEMS; i++) {
        items[i].sender = i / N_ITEMS;
        items[i].number = i % N_ITEMS;
    }
    for (int i = 0; i < N_SENDERS; i++) {
        pthread_create(&threads[i], NULL, send_all, items + (ptrdiff_t)i * N_ITEMS);
    }
    while (n < N_SENDERS * N_ITEMS && n_wrong == 0) {
        for (struct sdm_mail *mail = sdm_mailbox_take(box); mail != NULL; mail = mail->next, n++) {
            const struct item *item = (struct item *)mail;

            n_wrong += item->number == next[item->sender]++ ? 0 : 1;
        }
        if (n < N_SENDERS * N_ITEMS && sdm_mailbox_sleep(box)) {
            struct pollfd poll_fd = {.fd = sdm_mailbox_get_fd(box), .events = POLLIN};

            n_wrong += poll(&poll_fd, 1, 10000) == 1 ? 0 : 1;
            sdm_mailbox_wake(box);
        }
    }
    for (int i = 0; i < N_SENDERS; i++) {
        pthread_join(threads[i], NULL);
    }
    g_free(sdm_metrics_render(metrics));
    sdm_metrics_free(metrics);
    sdm_mailbox_free(box);
    g_free(items);
    printf("%d of %d, %d wrong\n", n, N_SENDERS * N_ITEMS, n_wrong);
    return n == N_SENDERS * N_ITEMS && n_wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
