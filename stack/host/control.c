/* SPDX-License-Identifier: ISC */
/*
 * Serving the control socket, in the stack thread, which has better things to do: the report is rendered under the lock into a mapping of its own and sent after it
 * was released; a client that does not send its line or does not read is dropped when its time is over.
 */
#include "host/control.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/priv.h"
#include "host/sys.h"

#define CONTROL_BUDGET_NS (200 * NS_PER_MS)
#define CLIENTS_MAX 4 /* answered in one call; the rest waits for the next */
#define STAT_BYTES (64u << 10)
#define SS_ROW_BYTES 400u
#define REPORT_BYTES_MAX (64u << 20)

int control_open(const char *name) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const size_t pre = sizeof HOST_CTL_PREFIX - 1, len = strlen(name);
    if (1 + pre + len > sizeof sa.sun_path)
        return -ENAMETOOLONG;
    memcpy(sa.sun_path + 1, HOST_CTL_PREFIX, pre);
    memcpy(sa.sun_path + 1 + pre, name, len);
    long fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return (int)fd;
    socklen_t salen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + pre + len);
    long r = sys_bind((int)fd, (struct sockaddr *)&sa, salen);
    if (r == 0)
        r = sys_listen((int)fd, 16);
    if (r < 0) {
        sys_close((int)fd);
        return (int)r;
    }
    return (int)fd;
}

static bool wait_for(int fd, short events, uint64_t deadline_ns) {
    uint64_t now = host_now();
    if (now >= deadline_ns)
        return false;
    struct timespec ts = {0, (long)UST_MIN(deadline_ns - now, NS_PER_S - 1)};
    struct pollfd p = {.fd = fd, .events = events};
    return sys_ppoll(&p, 1, &ts, NULL) > 0;
}

/* The line without its end, or false. */
static bool read_line(int fd, char *line, size_t cap, uint64_t deadline_ns) {
    size_t len = 0;
    while (len < cap - 1) {
        long n = sys_recvfrom(fd, line + len, cap - 1 - len, MSG_DONTWAIT, NULL, NULL);
        if (n == -EAGAIN && wait_for(fd, POLLIN, deadline_ns))
            continue;
        if (n <= 0)
            return false;
        len += (size_t)n;
        line[len] = '\0';
        char *end = strchr(line, '\n');
        if (end) {
            *end = '\0';
            return true;
        }
    }
    return false;
}

static void send_all(int fd, const char *buf, size_t len, uint64_t deadline_ns) {
    while (len > 0) {
        long n = sys_sendto(fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
        if (n == -EAGAIN && wait_for(fd, POLLOUT, deadline_ns))
            continue;
        if (n <= 0)
            return;
        buf += n;
        len -= (size_t)n;
    }
}

static bool parse_request(const char *line, enum host_report *what) {
    static const struct {
        const char *line;
        enum host_report what;
    } requests[] = {
        {"stat", HOST_REPORT_STAT_TEXT},
        {"stat json", HOST_REPORT_STAT_JSON},
        {"ss", HOST_REPORT_SS_TEXT},
        {"ss json", HOST_REPORT_SS_JSON},
    };
    for (size_t i = 0; i < UST_ARRAY_CNT(requests); i++)
        if (strcmp(line, requests[i].line) == 0) {
            *what = requests[i].what;
            return true;
        }
    return false;
}

static void answer(int fd, enum host_report what, uint64_t deadline_ns) {
    struct stack *st = host_stack();
    if (!st)
        return;
    /* Read without the lock: only a guess of the size. */
    uint64_t rows = __atomic_load_n(&st->socks.sock_cnt, __ATOMIC_RELAXED) +
                    __atomic_load_n(&st->tcp.tcb_cnt, __ATOMIC_RELAXED);
    uint64_t cap = UST_MIN(STAT_BYTES + rows * SS_ROW_BYTES, REPORT_BYTES_MAX);
    char *buf = sys_mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (buf == MAP_FAILED)
        return;
    uint64_t now_ns = host_lock();
    size_t len = host_report(st, what, buf, cap);
    host_unlock(now_ns);
    send_all(fd, buf, len, deadline_ns);
    sys_munmap(buf, cap);
}

static bool may_ask(int fd) {
    struct ucred uc;
    socklen_t len = sizeof uc;
    if (sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0)
        return false;
    return uc.uid == 0 || uc.uid == (uid_t)sys_geteuid();
}

void control_serve(int listen_fd) {
    for (int i = 0; i < CLIENTS_MAX; i++) {
        long fd = sys_accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        uint64_t deadline_ns = host_now() + CONTROL_BUDGET_NS;
        char line[32];
        enum host_report what;
        if (may_ask((int)fd) && read_line((int)fd, line, sizeof line, deadline_ns)) {
            static const char unknown[] = "error: request not known\n";
            if (strcmp(line, "retire") == 0) {
                const char *said = keeper_asked_to_retire();
                send_all((int)fd, said, strlen(said), deadline_ns);
            } else if (parse_request(line, &what))
                answer((int)fd, what, deadline_ns);
            else
                send_all((int)fd, unknown, sizeof unknown - 1, deadline_ns);
        }
        sys_close((int)fd);
    }
}
