/* Sessions against a device that answers what a test tells it to. */
#include "sdm-controller/fabric/session.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/error.h"
#include "sdm-controller/fabric/driver.h"
#include "sdm-controller/fabric/fabric.h"

enum { TIMEOUT_MS = 5000, SHORT_MS = 60 };

/* Answers to the lines of one connection after the other. */
struct reply {
    /* NULL: says nothing more; "": closes. */
    const char *text;
    /* Bytes of filling before the text. */
    size_t n_filling;
    /* The next line comes by another connection. */
    bool then_close;
};

struct device {
    int fd;
    char endpoint[32];
    const struct reply *replies;
    size_t n_replies;
    GThread *thread;
    GMutex mutex;
    GString *heard; /* guarded by 'mutex' */
};

static bool hear_line(struct device *device, int fd)
{
    char byte;

    for (;;) {
        if (recv(fd, &byte, 1, 0) != 1) {
            return false;
        }
        g_mutex_lock(&device->mutex);
        g_string_append_c(device->heard, byte);
        g_mutex_unlock(&device->mutex);
        if (byte == '\n') {
            return true;
        }
    }
}

static void say(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);

        if (sent <= 0) {
            return;
        }
        bytes += sent;
        n -= (size_t)sent;
    }
}

static void answer(int fd, const struct reply *reply)
{
    g_autofree char *filling = g_malloc(reply->n_filling + 1);

    memset(filling, 'x', reply->n_filling);
    say(fd, filling, reply->n_filling);
    /* In two pieces, as a network may do it. */
    say(fd, reply->text, strlen(reply->text) / 2);
    say(fd, reply->text + strlen(reply->text) / 2, (strlen(reply->text) + 1) / 2);
}

/* Serves one connection; returns how many replies are used up. */
static size_t serve(struct device *device, int fd, size_t i)
{
    bool open = true;

    while (open && i < device->n_replies && hear_line(device, fd)) {
        const struct reply *reply = &device->replies[i++];

        open = reply->text != NULL && *reply->text != '\0' && !reply->then_close;
        if (reply->text != NULL) {
            answer(fd, reply);
        } else {
            hear_line(device, fd);
        }
    }
    if (open) {
        hear_line(device, fd);
    }
    close(fd);
    return i;
}

static void *run(void *data)
{
    struct device *device = data;
    size_t i = 0;

    while (i < device->n_replies) {
        int fd = accept(device->fd, NULL, NULL);

        if (fd < 0) {
            break;
        }
        i = serve(device, fd, i);
    }
    return NULL;
}

static void device_start(struct device *device, const struct reply *replies, size_t n_replies)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    memset(device, 0, sizeof *device);
    device->replies = replies;
    device->n_replies = n_replies;
    device->heard = g_string_new(NULL);
    device->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_geq(device->fd, 0);
    cr_assert_eq(bind(device->fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(device->fd, 4), 0);
    cr_assert_eq(getsockname(device->fd, (struct sockaddr *)&address, &size), 0);
    g_snprintf(device->endpoint, sizeof device->endpoint, "127.0.0.1:%u",
               (unsigned)ntohs(address.sin_port));
    device->thread = g_thread_new("device", run, device);
}

/* After the session is closed; returns what was heard, g_free(). */
static char *device_stop(struct device *device)
{
    shutdown(device->fd, SHUT_RDWR);
    g_thread_join(device->thread);
    close(device->fd);
    return g_string_free(device->heard, FALSE);
}

Test(session, one_request_one_answer)
{
    static const struct {
        const char *label;
        struct reply reply;
        int64_t timeout_ms;
        /* NULL: fails. */
        const char *answer;
        enum sdm_error_code code;
        const char *text;
        bool usable;
    } cases[] = {
        {"bare ok", {"ok\n"}, TIMEOUT_MS, "", 0, NULL, true},
        {"ok and more", {"ok 1 2-3\n"}, TIMEOUT_MS, "1 2-3", 0, NULL, true},
        {"refusal",
         {"error PORT_BUSY 3 is used\n"},
         TIMEOUT_MS,
         NULL,
         SDM_ERROR_FABRIC_REFUSED,
         "device 'sw1' refuses 'connect 1 2': PORT_BUSY 3 is used",
         true},
        {"stale",
         {"error STALE_EPOCH 9\n"},
         TIMEOUT_MS,
         NULL,
         SDM_ERROR_STALE_EPOCH,
         "STALE_EPOCH 9",
         true},
        {"nonsense", {"okay\n"}, TIMEOUT_MS, NULL, SDM_ERROR_FABRIC_REFUSED, ": okay", true},
        {"empty line", {"\n"}, TIMEOUT_MS, NULL, SDM_ERROR_FABRIC_REFUSED, "", true},
        {"closed", {""}, TIMEOUT_MS, NULL, -1, "closed by the device", false},
        {"half an answer",
         {.text = "ok", .then_close = true},
         TIMEOUT_MS,
         NULL,
         -1,
         "closed by the device",
         false},
        {"silence", {NULL}, SHORT_MS, NULL, -1, "timed out", false},
        {"large", {"\n", 512 * 1024}, TIMEOUT_MS, NULL, SDM_ERROR_FABRIC_REFUSED, "xxx", true},
        {"without end", {"\n", 4 * 1024 * 1024}, TIMEOUT_MS, NULL, -1, "too long", false},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const struct reply replies[] = {{"ok\n"}, cases[i].reply};
        struct device device;
        struct sdm_session *session;
        g_autoptr(GError) error = NULL;
        g_autofree char *answer = NULL;
        g_autofree char *heard = NULL;

        device_start(&device, replies, G_N_ELEMENTS(replies));
        session = sdm_session_open(device.endpoint, "sw1", 12, TIMEOUT_MS, &error);
        cr_assert_not_null(session, "%s: %s", cases[i].label, error ? error->message : "");
        cr_assert(sdm_session_is_usable(session));
        answer = sdm_session_request(session, "connect 1 2", cases[i].timeout_ms, &error);
        cr_assert_eq(sdm_session_is_usable(session), cases[i].usable, "%s", cases[i].label);
        sdm_session_close(session);
        heard = device_stop(&device);
        cr_assert_str_eq(heard, "open sw1 12\nconnect 1 2\n", "%s", cases[i].label);
        if (cases[i].answer != NULL) {
            cr_assert_str_eq(answer, cases[i].answer, "%s", cases[i].label);
            continue;
        }
        cr_assert_null(answer, "%s", cases[i].label);
        cr_assert((int)cases[i].code == -1 ? error->domain == SDM_UNAVAILABLE
                                           : g_error_matches(error, SDM_ERROR, cases[i].code),
                  "%s: %s", cases[i].label, error->message);
        cr_assert_not_null(strcasestr(error->message, cases[i].text), "%s: %.80s", cases[i].label,
                           error->message);
    }
}

Test(session, opening_is_refused)
{
    static const struct reply stale[] = {{"error STALE_EPOCH 13\n"}};
    static const struct reply unknown[] = {{"error UNKNOWN_DEVICE sw1\n"}};
    static const struct {
        const struct reply *reply;
        enum sdm_error_code code;
    } cases[] = {{stale, SDM_ERROR_STALE_EPOCH}, {unknown, SDM_ERROR_FABRIC_REFUSED}};

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct device device;
        g_autoptr(GError) error = NULL;
        g_autofree char *heard = NULL;

        device_start(&device, cases[i].reply, 1);
        cr_assert_null(sdm_session_open(device.endpoint, "sw1", 12, TIMEOUT_MS, &error));
        cr_assert(g_error_matches(error, SDM_ERROR, cases[i].code), "%s", error->message);
        heard = device_stop(&device);
    }
}

/* The first port of a socket that is bound and does not listen. */
static int bound_socket(char endpoint[32])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    g_snprintf(endpoint, 32, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

Test(session, nobody_answers)
{
    g_autoptr(GError) closed = NULL;
    g_autoptr(GError) portless = NULL;
    g_autoptr(GError) nameless = NULL;
    char endpoint[32];
    int fd = bound_socket(endpoint);

    cr_assert_null(sdm_session_open(endpoint, "sw1", 1, TIMEOUT_MS, &closed));
    cr_assert_eq(closed->domain, SDM_UNAVAILABLE);
    close(fd);
    cr_assert_null(sdm_session_open("127.0.0.1", "sw1", 1, TIMEOUT_MS, &portless));
    cr_assert(g_error_matches(portless, SDM_ERROR, SDM_ERROR_INVALID_VALUE));
    cr_assert_null(sdm_session_open("127.0.0.1:no-port", "sw1", 1, TIMEOUT_MS, &nameless));
    cr_assert_eq(nameless->domain, SDM_UNAVAILABLE);
    sdm_session_close(NULL);
}

Test(fabric, drivers_speak_the_line_protocol)
{
    static const struct reply replies[] = {{"ok\n"}, {"ok\n"}, {"ok\n"}, {"ok 2 1-2 3-4\n"},
                                           {"ok\n"}, {"ok\n"}, {"ok\n"}};
    g_autoptr(sdm_fabric) fabric = sdm_fabric_new(5, TIMEOUT_MS);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct sdm_port_pair));
    g_autoptr(GError) error = NULL;
    g_autofree char *heard = NULL;
    struct device device;
    struct sdm_fabric_device sw = {.id = "sw1", .optical = true};

    device_start(&device, replies, G_N_ELEMENTS(replies));
    sw.endpoint = device.endpoint;
    cr_assert(sdm_fabric_connect(fabric, &sw, (struct sdm_port_pair){1, 2}, &error));
    cr_assert(sdm_fabric_disconnect(fabric, &sw, (struct sdm_port_pair){3, 4}, &error));
    cr_assert(sdm_fabric_list(fabric, &sw, pairs, &error));
    cr_assert_eq(pairs->len, 2);
    cr_assert_eq(g_array_index(pairs, struct sdm_port_pair, 1).a, 3);
    cr_assert_eq(g_array_index(pairs, struct sdm_port_pair, 1).b, 4);
    cr_assert(sdm_fabric_power(fabric, &sw, true, TIMEOUT_MS, &error));
    cr_assert(sdm_fabric_power(fabric, &sw, false, TIMEOUT_MS, &error));
    cr_assert(sdm_fabric_scrub(fabric, &sw, 4096, 8192, TIMEOUT_MS, &error));
    g_clear_pointer(&fabric, sdm_fabric_free);
    heard = device_stop(&device);
    cr_assert_str_eq(heard, "open sw1 5\nconnect 1 2\ndisconnect 3 4\nlist\npower on\npower off\n"
                            "scrub 4096 8192\n");
}

Test(fabric, a_lost_session_is_opened_again)
{
    static const struct reply replies[] = {{"ok\n"}, {""}, {"ok\n"}, {"ok\n"}};
    g_autoptr(sdm_fabric) fabric = sdm_fabric_new(5, TIMEOUT_MS);
    g_autoptr(GError) error = NULL;
    g_autofree char *heard = NULL;
    struct device device;
    struct sdm_fabric_device sw = {.id = "sw1"};

    device_start(&device, replies, G_N_ELEMENTS(replies));
    sw.endpoint = device.endpoint;
    cr_assert_not(sdm_fabric_connect(fabric, &sw, (struct sdm_port_pair){1, 2}, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
    g_clear_error(&error);
    cr_assert(sdm_fabric_connect(fabric, &sw, (struct sdm_port_pair){1, 2}, &error));
    g_clear_pointer(&fabric, sdm_fabric_free);
    heard = device_stop(&device);
    cr_assert_str_eq(heard, "open sw1 5\nconnect 1 2\nopen sw1 5\nconnect 1 2\n");
}

Test(fabric, a_list_that_nobody_understands)
{
    static const struct reply replies[] = {{"ok\n"}, {"ok\n"}, {"ok 1 2=3\n"}};
    g_autoptr(sdm_fabric) fabric = sdm_fabric_new(5, TIMEOUT_MS);
    g_autoptr(GArray) pairs = g_array_new(FALSE, FALSE, sizeof(struct sdm_port_pair));
    g_autoptr(GError) error = NULL;
    g_autofree char *heard = NULL;
    struct device device;
    struct sdm_fabric_device sw = {.id = "sw1"};

    device_start(&device, replies, G_N_ELEMENTS(replies));
    sw.endpoint = device.endpoint;
    cr_assert(sdm_fabric_list(fabric, &sw, pairs, &error), "an empty answer is an empty list");
    cr_assert_eq(pairs->len, 0);
    cr_assert_not(sdm_fabric_list(fabric, &sw, pairs, &error));
    cr_assert_eq(error->domain, SDM_UNAVAILABLE);
    g_clear_pointer(&fabric, sdm_fabric_free);
    heard = device_stop(&device);
}

/* Says ok to every line of any number of connections; how many of them are open at once. */
struct crowd {
    int fd;
    unsigned n_most;
};

static bool say_ok(int fd)
{
    char line[64];

    if (recv(fd, line, sizeof line, 0) <= 0) {
        close(fd);
        return false;
    }
    say(fd, "ok\n", 3);
    return true;
}

static void *run_crowd(void *data)
{
    struct crowd *crowd = data;
    g_autoptr(GArray) fds = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    struct pollfd one = {.fd = crowd->fd, .events = POLLIN};
    bool ends = false;

    g_array_append_val(fds, one);
    while (!ends || fds->len > 1) {
        poll((struct pollfd *)fds->data, fds->len, -1);
        for (guint i = fds->len; i-- > 1;) {
            struct pollfd *peer = &g_array_index(fds, struct pollfd, i);

            if (peer->revents != 0 && !say_ok(peer->fd)) {
                g_array_remove_index_fast(fds, i);
            }
        }
        if (g_array_index(fds, struct pollfd, 0).revents != 0) {
            one.fd = accept(crowd->fd, NULL, NULL);
            ends = one.fd < 0;
            g_array_index(fds, struct pollfd, 0).events = ends ? 0 : POLLIN;
            if (!ends) {
                g_array_append_val(fds, one);
                crowd->n_most = MAX(crowd->n_most, fds->len - 1);
            }
        }
    }
    return NULL;
}

Test(fabric, many_devices_share_few_sessions)
{
    g_autoptr(sdm_fabric) fabric = sdm_fabric_new(5, TIMEOUT_MS);
    struct sdm_fabric_device sw = {.endpoint = NULL};
    struct crowd crowd = {0};
    char endpoint[32];
    char id[16];
    GThread *thread;

    crowd.fd = bound_socket(endpoint);
    cr_assert_eq(listen(crowd.fd, 16), 0);
    thread = g_thread_new("crowd", run_crowd, &crowd);
    sw.id = id;
    sw.endpoint = endpoint;
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < SDM_FABRIC_IDLE_SESSIONS + 50; i++) {
            g_autoptr(GError) error = NULL;

            g_snprintf(id, sizeof id, "sw%u", i);
            cr_assert(sdm_fabric_connect(fabric, &sw, (struct sdm_port_pair){1, 2}, &error));
        }
    }
    g_clear_pointer(&fabric, sdm_fabric_free);
    shutdown(crowd.fd, SHUT_RDWR);
    g_thread_join(thread);
    close(crowd.fd);
    cr_assert_geq(crowd.n_most, SDM_FABRIC_IDLE_SESSIONS);
    /* One more is opened before another is closed, and seen before that is. */
    cr_assert_leq(crowd.n_most, SDM_FABRIC_IDLE_SESSIONS + 4, "%u at once", crowd.n_most);
}
