/* Hands items from any thread to the one thread that polls.
 *
 * An item embeds a 'struct sdm_mail'.  Posting costs no system call while the receiver is awake:
 * the receiver takes everything, and says before it polls that it wants to be woken:
 *
 *     for (;;) {
 *         handle(sdm_mailbox_take(box));
 *         if (sdm_mailbox_sleep(box)) { poll(sdm_mailbox_get_fd(box), ...); sdm_mailbox_wake(box);
 * }
 *     }
 *
 * Thread rule: posting from any thread; all else from the receiver's alone. */
#pragma once

#include <stdbool.h>

#include <glib.h>

struct sdm_mail {
    struct sdm_mail *next;
};

struct sdm_mailbox;
typedef struct sdm_mailbox sdm_mailbox;

/* Returns NULL when the machine has no file descriptor left. */
struct sdm_mailbox *sdm_mailbox_new(GError **error);
/* The caller has taken what was in it. */
void sdm_mailbox_free(struct sdm_mailbox *box);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(sdm_mailbox, sdm_mailbox_free)

/* Never blocks.  Until it is taken, the item belongs to the mailbox. */
void sdm_mailbox_post(struct sdm_mailbox *box, struct sdm_mail *mail);

/* Takes all items, in the order each thread posted them; NULL for none. */
struct sdm_mail *sdm_mailbox_take(struct sdm_mailbox *box);

/* Becomes readable when an item is posted after sdm_mailbox_sleep() said true. */
int sdm_mailbox_get_fd(const struct sdm_mailbox *box);

/* Before polling: true when the box is empty and the next post will make the descriptor readable;
 * false when there is something to take first. */
bool sdm_mailbox_sleep(struct sdm_mailbox *box);

/* After polling, for whatever reason it returned. */
void sdm_mailbox_wake(struct sdm_mailbox *box);
