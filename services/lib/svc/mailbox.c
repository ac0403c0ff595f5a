#include "lib/svc/mailbox.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/error.h"

struct sdm_mailbox {
    /* The newest item; a stack, because that needs one atomic word. */
    _Atomic(struct sdm_mail *) newest;
    atomic_bool is_asleep;
    int fd;
};

struct sdm_mailbox *sdm_mailbox_new(GError **error)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct sdm_mailbox *box;

    if (fd < 0) {
        sdm_set_errno(error, errno, "make an eventfd");
        return NULL;
    }
    box = g_new0(struct sdm_mailbox, 1);
    atomic_init(&box->newest, NULL);
    atomic_init(&box->is_asleep, false);
    box->fd = fd;
    return box;
}

void sdm_mailbox_free(struct sdm_mailbox *box)
{
    if (box == NULL) {
        return;
    }
    close(box->fd);
    g_free(box);
}

void sdm_mailbox_post(struct sdm_mailbox *box, struct sdm_mail *mail)
{
    const uint64_t one = 1;
    struct sdm_mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

    do {
        mail->next = newest;
    } while (!atomic_compare_exchange_weak(&box->newest, &newest, mail));
    /* The order of push and look here, and of telling and look in sdm_mailbox_sleep(), means that
     * one of the two threads sees the other.  A full eventfd is readable already. */
    if (atomic_load(&box->is_asleep) && atomic_exchange(&box->is_asleep, false)) {
        while (write(box->fd, &one, sizeof one) < 0 && errno == EINTR) {
        }
    }
}

struct sdm_mail *sdm_mailbox_take(struct sdm_mailbox *box)
{
    struct sdm_mail *mail = atomic_exchange(&box->newest, NULL);
    struct sdm_mail *oldest = NULL;

    while (mail != NULL) {
        struct sdm_mail *next = mail->next;

        mail->next = oldest;
        oldest = mail;
        mail = next;
    }
    return oldest;
}

int sdm_mailbox_get_fd(const struct sdm_mailbox *box)
{
    return box->fd;
}

bool sdm_mailbox_sleep(struct sdm_mailbox *box)
{
    atomic_store(&box->is_asleep, true);
    if (atomic_load(&box->newest) == NULL) {
        return true;
    }
    sdm_mailbox_wake(box);
    return false;
}

void sdm_mailbox_wake(struct sdm_mailbox *box)
{
    uint64_t count;

    atomic_store(&box->is_asleep, false);
    /* Always read: a post may have seen us asleep and write only now; what comes after this read
     * costs one poll that returns at once, no more. */
    while (read(box->fd, &count, sizeof count) < 0 && errno == EINTR) {
    }
}
