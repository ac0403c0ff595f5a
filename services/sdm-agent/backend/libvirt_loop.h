/* libvirt's event loop, on a thread and a main context of its own.
 *
 * libvirt's default loop would share the program's default main context, and with it run the
 * program's callbacks on its thread.
 *
 * Thread rule: any thread. */
#pragma once

/* Makes libvirt use the loop, from before the first connection on, and runs it while there are
 * users; one a process. */
void sdm_libvirt_loop_ref(void);
/* Waits until the thread has ended when it was the last. */
void sdm_libvirt_loop_unref(void);
