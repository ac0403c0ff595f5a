/* Any bytes as what hardware answers: the first says who asked, the agent's list of NetPort entries
 * or the controller's list of a switch's connections, the rest is the answer to every request. */
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "lib/base/error.h"
#include "sdm-agent/backend/rmc.h"
#include "sdm-controller/fabric/driver.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define TIMEOUT_MS 2000
#define MAX_ANSWER 8192

/* The hardware, which says the same to everybody. */
static struct {
    int fds[2];
    char rmc_path[64];
    char endpoint[32];
    pthread_mutex_t mutex; /* guards those below */
    uint8_t answer[MAX_ANSWER];
    size_t size;
} hardware = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Answers until the other side hangs up. */
static void talk(int fd)
{
    char request[1024];
    uint8_t answer[MAX_ANSWER + 1];
    size_t size;

    while (recv(fd, request, sizeof request, 0) > 0) {
        pthread_mutex_lock(&hardware.mutex);
        size = hardware.size;
        memcpy(answer, hardware.answer, size);
        pthread_mutex_unlock(&hardware.mutex);
        answer[size++] = '\n';
        if (send(fd, answer, size, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    close(fd);
}

static void *serve(void *data)
{
    const int *listening = data;

    for (;;) {
        int fd = accept(*listening, NULL, NULL);

        g_assert(fd >= 0);
        talk(fd);
    }
    return NULL;
}

static void listen_for_ever(int *fd, const struct sockaddr *address, socklen_t size)
{
    pthread_t thread;

    *fd = socket(address->sa_family, SOCK_STREAM, 0);
    g_assert(bind(*fd, address, size) == 0 && listen(*fd, 64) == 0);
    g_assert(pthread_create(&thread, NULL, serve, fd) == 0);
    pthread_detach(thread);
}

static void set_up(void)
{
    struct sockaddr_un rmc = {.sun_family = AF_UNIX};
    struct sockaddr_in device = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof device;

    g_snprintf(hardware.rmc_path, sizeof hardware.rmc_path, "/tmp/sdm-fuzz-replies.%d", getpid());
    g_strlcpy(rmc.sun_path, hardware.rmc_path, sizeof rmc.sun_path);
    unlink(hardware.rmc_path);
    listen_for_ever(&hardware.fds[0], (struct sockaddr *)&rmc, sizeof rmc);
    listen_for_ever(&hardware.fds[1], (struct sockaddr *)&device, sizeof device);
    g_assert(getsockname(hardware.fds[1], (struct sockaddr *)&device, &size) == 0);
    g_snprintf(hardware.endpoint, sizeof hardware.endpoint, "127.0.0.1:%u", ntohs(device.sin_port));
}

static void ask_rmc(void)
{
    g_autoptr(sdm_rmc) rmc = sdm_rmc_socket_new(hardware.rmc_path, TIMEOUT_MS);
    g_autoptr(GArray) entries = g_array_new(FALSE, FALSE, sizeof(struct sdm_found_entry));
    const struct sdm_netport_entry netport = {0x80000001, 0x40000, 0x48000, 0};
    char path[SDM_SEGMENT_PATH_SIZE];

    if (sdm_rmc_list(rmc, entries, NULL)) {
        for (guint i = 0; i < entries->len; i++) {
            const struct sdm_found_entry *found =
                &g_array_index(entries, struct sdm_found_entry, i);

            g_assert(found->entry < SDM_NETPORT_N_ENTRIES);
            g_assert(memchr(found->path, '\0', sizeof found->path) != NULL);
        }
    }
    if (sdm_rmc_map(rmc, 1, &netport, false, path, NULL)) {
        g_assert(memchr(path, '\0', sizeof path) != NULL);
    }
}

static void ask_switch(void)
{
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct sdm_port_pair));
    g_autoptr(sdm_session) session = NULL;
    g_autoptr(GError) error = NULL;

    session = sdm_session_open(hardware.endpoint, "el0", 1, TIMEOUT_MS, &error);
    if (session != NULL &&
        !sdm_electrical_switch_line_driver.list(session, pairs, TIMEOUT_MS, &error)) {
        g_assert(error != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (hardware.rmc_path[0] == '\0') {
        set_up();
    }
    if (size == 0) {
        return 0;
    }
    pthread_mutex_lock(&hardware.mutex);
    hardware.size = MIN(size - 1, MAX_ANSWER);
    memcpy(hardware.answer, bytes + 1, hardware.size);
    pthread_mutex_unlock(&hardware.mutex);
    if (bytes[0] % 2 == 0) {
        ask_rmc();
    } else {
        ask_switch();
    }
    return 0;
}
