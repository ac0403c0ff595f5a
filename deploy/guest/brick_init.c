/* sdm-brick-init: the first process of a compute brick's namespaces on the testbed.
 *
 * It holds them open, so that libvirtd can be restarted beside its guests, and reaps what loses its
 * parent (a destroyed QEMU must not linger as a zombie that libvirt waits for).  When it ends, the
 * kernel ends everything inside: nothing of a brick can be left over. */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

int main(void)
{
    sigset_t awaited;
    siginfo_t info;

    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    for (;;) {
        int number = sigwaitinfo(&awaited, &info);
        if (number == SIGTERM) {
            return 0;
        }
        if (number < 0 && errno != EINTR) {
            return 1;
        }
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
    }
}
