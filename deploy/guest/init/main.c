/* The first and only process of a test guest: brings memory hot-plug up, says on the serial line
 * how much memory the kernel has, and obeys commands there.
 *
 * Lines:  READY boottime            once, when commands are taken
 *         MEMTOTAL kib boottime     at start and at each change */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <unistd.h>

#include "blocks.h"
#include "commands.h"
#include "procfs.h"

/* Block changes come as events; the balloon's do not, and are looked for this often. */
#define POLL_MS     25
#define MAX_MODULES 32

static void mount_all(void)
{
    static const char *const mounts[][2] = {
        {"/proc", "proc"}, {"/sys", "sysfs"}, {"/dev", "devtmpfs"}};

    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        mkdir(mounts[i][0], 0755);
        mount(mounts[i][1], mounts[i][0], mounts[i][1], 0, NULL);
    }
}

/* No echo: what comes back is only what we print. */
static void open_console(void)
{
    struct termios settings;
    int fd = open("/dev/console", O_RDWR);

    if (fd < 0) {
        return;
    }
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO) {
        close(fd);
    }
    if (tcgetattr(STDIN_FILENO, &settings) == 0) {
        settings.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
        tcsetattr(STDIN_FILENO, TCSANOW, &settings);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
}

static bool load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = syscall(SYS_finit_module, fd, "", 0) == 0 || errno == EEXIST;
    close(fd);
    return ok;
}

/* /modules lists them in an order in which each finds what it needs. */
static void load_modules(void)
{
    char list[MAX_MODULES * 64];
    char *rest = list;
    const char *path;

    if (!procfs_read("/modules", list, sizeof list)) {
        return;
    }
    while ((path = strsep(&rest, "\n")) != NULL) {
        if (!load_module(path)) {
            printf("ERR init module %s: %s\n", path, strerror(errno));
        }
    }
}

static void report_memory(void)
{
    static long last_kib = -1;
    struct sysinfo info;
    long now_kib;

    /* The same figure as MemTotal in /proc/meminfo, for a fraction of its cost. */
    if (sysinfo(&info) < 0) {
        return;
    }
    now_kib = (long)(info.totalram * info.mem_unit / 1024);
    if (now_kib != last_kib) {
        printf("MEMTOTAL %ld %.6f\n", now_kib, procfs_boottime());
        last_kib = now_kib;
    }
}

static void read_commands(void)
{
    static char line[256];
    static size_t length;
    char input[256];
    ssize_t got = read(STDIN_FILENO, input, sizeof input);

    for (ssize_t i = 0; i < got; i++) {
        if (input[i] == '\n' || input[i] == '\r') {
            line[length] = '\0';
            length = 0;
            commands_run(line);
        } else if (length < sizeof line - 1) {
            line[length++] = input[i];
        }
    }
}

int main(void)
{
    struct pollfd sources[2] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = -1, .events = POLLIN}};

    mount_all();
    open_console();
    /* Our own pages stay where they are when a fill leaves the kernel nothing. */
    mlockall(MCL_CURRENT);
    blocks_remember_boot();
    sources[1].fd = blocks_watch();
    load_modules();
    report_memory();
    printf("READY %.6f\n", procfs_boottime());
    for (;;) {
        poll(sources, 2, POLL_MS);
        if (sources[1].revents) {
            blocks_watch_drain(sources[1].fd);
        }
        report_memory();
        if (sources[0].revents & POLLIN) {
            read_commands();
        }
    }
}
