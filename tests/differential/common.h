/* SPDX-License-Identifier: ISC */
/*
 * For programs that run on the kernel and under the stack and whose logs are compared: log lines, errno names, canonical addresses.
 */
#ifndef UST_TESTS_DIFF_COMMON_H
#define UST_TESTS_DIFF_COMMON_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST_IP "10.77.0.1" /* the kernel at the other end */
#define OUR_IP "10.77.0.2"

static inline struct sockaddr_in addr4(const char *ip, int port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, ip, &a.sin_addr);
    return a;
}

/* "ECONNREFUSED" for a result of -1, the number otherwise. */
static inline const char *result(long r) {
    static char buf[8][32];
    static int i;
    i = (i + 1) % 8;
    if (r < 0) {
        const char *n = strerrorname_np(errno);
        snprintf(buf[i], sizeof buf[i], "%s", n ? n : "?");
    } else {
        snprintf(buf[i], sizeof buf[i], "%ld", r);
    }
    return buf[i];
}
static inline const char *err_name(int e) { return e ? strerrorname_np(e) : "0"; }

static inline const char *poll_names(int ev) {
    static char buf[4][96];
    static int i;
    static const struct {
        int bit;
        const char *name;
    } t[] = {{POLLIN, "IN"},   {POLLPRI, "PRI"},   {POLLOUT, "OUT"},    {POLLERR, "ERR"},
             {POLLHUP, "HUP"}, {POLLNVAL, "NVAL"}, {POLLRDHUP, "RDHUP"}};
    i = (i + 1) % 4;
    buf[i][0] = 0;
    for (size_t k = 0; k < sizeof t / sizeof t[0]; k++)
        if (ev & t[k].bit) {
            if (buf[i][0])
                strcat(buf[i], "|");
            strcat(buf[i], t[k].name);
        }
    return buf[i];
}

static inline int so_error(int fd) {
    int e = -1;
    socklen_t l = sizeof e;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &l) < 0)
        return -1;
    return e;
}

/* The poll mask right now, of everything that can be asked. */
static inline int poll_now(int fd) {
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP};
    if (poll(&p, 1, 0) < 0)
        return -1;
    return p.revents;
}

#define LOG(...)                                                                                   \
    do {                                                                                           \
        printf(__VA_ARGS__);                                                                       \
        putchar('\n');                                                                             \
        fflush(stdout);                                                                            \
    } while (0)

#endif
