/* SPDX-License-Identifier: ISC */
/*
 * connect() that fails, in every way and by every means: what it returns, what poll says, SO_ERROR once, a second connect, writing and reading afterwards.
 * The script has prepared: the first SYN to port 98 dropped and the second rejected with an ICMP "host unreachable" (an answer that comes while connect() still
 * holds the socket is treated differently by the kernel, and over veth the first one does), port 99 dropped in silence, 10.77.0.77 nobody's, 203.0.113.1 without a route.
 */
#include "common.h"

struct target {
    const char *name, *ip;
    int port;
};
static const struct target targets[] = {
    {"refused", HOST_IP, 97},
    {"rejected by ICMP", HOST_IP, 98},
    {"timed out", HOST_IP, 99},
    {"nobody answers ARP", "10.77.0.77", 80},
    {"no route", "203.0.113.1", 80},
    {"broadcast", "10.77.0.255", 80},
    {"limited broadcast", "255.255.255.255", 80},
    {"multicast", "224.1.2.3", 80},
    {"port zero", HOST_IP, 0},
};

/* One retransmission of the SYN, so that a time-out comes within seconds; but ARP gives up later than that. */
static int make(const struct target *t, int flags) {
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0);
    int one = 1;
    if (strcmp(t->ip, "10.77.0.77") != 0)
        setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &one, sizeof one);
    return fd;
}

static void after(const char *how, const struct target *t, int fd) {
    char b[10];
    int e = so_error(fd);
    LOG("%s, %s: SO_ERROR %s then %s", how, t->name, err_name(e), err_name(so_error(fd)));
    LOG("%s, %s: poll %s", how, t->name, poll_names(poll_now(fd)));
    long r = send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    LOG("%s, %s: send %s", how, t->name, result(r));
    r = recv(fd, b, sizeof b, MSG_DONTWAIT);
    LOG("%s, %s: recv %s", how, t->name, result(r));
    struct sockaddr_in a;
    socklen_t l = sizeof a;
    r = getpeername(fd, (struct sockaddr *)&a, &l);
    LOG("%s, %s: getpeername %s", how, t->name, result(r));
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const struct target *t = &targets[i];
        struct sockaddr_in a = addr4(t->ip, t->port);
        const struct sockaddr *sa = (const struct sockaddr *)&a;

        int fd = make(t, 0);
        long r = connect(fd, sa, sizeof a);
        LOG("blocking, %s: connect %s", t->name, result(r));
        after("blocking", t, fd);
        close(fd);

        fd = make(t, SOCK_NONBLOCK);
        r = connect(fd, sa, sizeof a);
        LOG("poll, %s: connect %s", t->name, result(r));
        if (r < 0 && errno == EINPROGRESS) {
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            r = poll(&p, 1, 60000);
            LOG("poll, %s: poll %s %s", t->name, result(r), poll_names(p.revents));
        }
        after("poll", t, fd);
        close(fd);

        fd = make(t, SOCK_NONBLOCK);
        r = connect(fd, sa, sizeof a);
        LOG("nonblocking, %s: connect %s", t->name, result(r));
        if (r < 0 && errno == EINPROGRESS) {
            /* Whether the second call still finds it under way depends on the moment for a refused one: wait, then ask. */
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, 60000);
        }
        r = connect(fd, sa, sizeof a);
        LOG("nonblocking, %s: connect again %s", t->name, result(r));
        after("nonblocking", t, fd);
        close(fd);
    }
    return 0;
}
