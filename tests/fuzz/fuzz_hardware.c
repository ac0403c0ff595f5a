/* Any bytes as what a peer says to the emulated hardware: the first chooses between the sessions of
 * switches and bricks and the remote memory controller of a compute brick.  Every input begins with
 * the same rack; whatever is said, no byte is granted twice. */
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <fcntl.h>

#include "emurack/rmc_server.h"
#include "emurack/session.h"
#include "lib/base/error.h"
#include "lib/svc/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define UNIT (UINT64_C(4) << 20)

static int64_t now(const struct sdm_clock *clock)
{
    (void)clock;
    return 1;
}
static const struct sdm_clock stopped = {now, now};

struct bench {
    char *dir;
    struct sdm_emu *emu;
    struct sdm_emu_rmc_server *rmc_server;
    struct sdm_emu_sessions *sessions;
};

static struct sdm_emu_rack *make_rack(void)
{
    static const struct {
        const char *id;
        enum sdm_emu_kind kind;
        unsigned n_ports;
        uint32_t module;
    } devices[] = {
        {"cb0", SDM_EMU_COMPUTE, 2, 0},
        {"mb0", SDM_EMU_MEMORY, 1, 1},
        {"mb1", SDM_EMU_MEMORY, 1, 2},
        {"el0", SDM_EMU_ELECTRICAL, 4, 0},
    };
    struct sdm_emu_rack *rack = sdm_emu_rack_new(UNIT);

    g_assert(sdm_emu_rack_add_rack(rack, "r0", NULL) &&
             sdm_emu_rack_add_tray(rack, "t0", "r0", NULL));
    for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
        struct sdm_emu_device device = {.kind = devices[i].kind,
                                        .n_ports = devices[i].n_ports,
                                        .module = devices[i].module,
                                        .powered = true};

        g_strlcpy(device.id, devices[i].id, sizeof device.id);
        g_strlcpy(device.tray, "t0", sizeof device.tray);
        device.local_bytes = device.kind == SDM_EMU_COMPUTE ? UNIT : 0;
        device.capacity_bytes = 4 * UNIT;
        g_assert(sdm_emu_rack_add_device(rack, &device, NULL) != NULL);
    }
    g_assert(sdm_emu_rack_add_link(rack, "cb0", 0, "el0", 0, NULL) &&
             sdm_emu_rack_add_link(rack, "cb0", 1, "el0", 1, NULL) &&
             sdm_emu_rack_add_link(rack, "mb0", 0, "el0", 2, NULL) &&
             sdm_emu_rack_add_link(rack, "mb1", 0, "el0", 3, NULL));
    return rack;
}

static void open_bench(struct bench *bench)
{
    g_autoptr(GError) error = NULL;

    bench->dir = g_strdup("/dev/shm/sdm-fuzz-XXXXXX");
    g_assert(g_mkdtemp_full(bench->dir, 0700) != NULL);
    bench->emu = sdm_emu_open(make_rack(), bench->dir, bench->dir, &stopped, &error);
    g_assert_no_error(error);
    bench->rmc_server = sdm_emu_rmc_server_new(bench->emu, &error);
    g_assert_no_error(error);
    bench->sessions = sdm_emu_sessions_new(bench->emu, "127.0.0.1:0", &error);
    g_assert_no_error(error);
}

static int remove_one(const char *path, const struct stat *found, int type, struct FTW *walk)
{
    (void)found;
    (void)type;
    (void)walk;
    return remove(path);
}

static void close_bench(struct bench *bench)
{
    sdm_emu_sessions_free(bench->sessions);
    sdm_emu_rmc_server_free(bench->rmc_server);
    while (g_main_context_iteration(NULL, FALSE)) {
        /* Peers are freed when the loop is idle. */
    }
    sdm_emu_close(bench->emu);
    nftw(bench->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    g_free(bench->dir);
}

/* The fuzzer's own alarm may interrupt it; the connection is made all the same. */
static void connect_to(int fd, const struct sockaddr *address, socklen_t size)
{
    struct pollfd made = {.fd = fd, .events = POLLOUT};

    if (connect(fd, address, size) == 0) {
        return;
    }
    g_assert_cmpint(errno, ==, EINTR);
    while (poll(&made, 1, -1) < 0) {
        g_assert_cmpint(errno, ==, EINTR);
    }
    g_assert_cmpint(made.revents, ==, POLLOUT);
}

static int dial_rmc(const struct bench *bench)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_snprintf(address.sun_path, sizeof address.sun_path, "%s/rmc/cb0.sock", bench->dir);
    connect_to(fd, (struct sockaddr *)&address, sizeof address);
    return fd;
}

static int dial_device(const struct bench *bench)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const char *port = strrchr(sdm_emu_sessions_address(bench->sessions), ':') + 1;
    struct linger at_once = {1, 0};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    connect_to(fd, (struct sockaddr *)&address, sizeof address);
    /* No thousands of connections that wait to be forgotten. */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return fd;
}

/* Says all of it and hears the answers until the other side has no more to do. */
static void talk(int fd, const uint8_t *bytes, size_t size)
{
    char answer[65536];
    ssize_t n;

    g_assert(send(fd, bytes, size, MSG_NOSIGNAL) == (ssize_t)size);
    shutdown(fd, SHUT_WR);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    do {
        while (g_main_context_iteration(NULL, FALSE)) {
            /* One turn after the other. */
        }
        n = recv(fd, answer, sizeof answer, 0);
    } while (n > 0);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct bench bench;

    sdm_log_set_level(SDM_LOG_ERROR);
    if (size < 2) {
        return 0;
    }
    open_bench(&bench);
    talk(bytes[0] % 2 == 0 ? dial_device(&bench) : dial_rmc(&bench), bytes + 1, size - 1);
    g_assert(bench.emu->counters.overlaps == 0);
    close_bench(&bench);
    return 0;
}
