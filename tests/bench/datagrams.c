/* SPDX-License-Identifier: ISC */
/*
 * As many datagrams as go through.
 *
 *     datagrams recv PORT [SECS]                  after the first one, counts for SECS (2): `N datagrams/s, B bytes/s`
 *     datagrams send ADDR PORT SECS LEN [SEGMENT] sends datagrams of LEN bytes; with SEGMENT each call's LEN bytes are cut
 *                                                 into datagrams of that size (UDP_SEGMENT)
 *     with -g recv takes several in one call (UDP_GRO) and counts them all
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static char buf[65536];

static void die(const char *what) {
    fprintf(stderr, "datagrams: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_s(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* One receive: its bytes, or -1; *cnt datagrams of which it is made. */
static ssize_t take(int fd, unsigned *cnt) {
    struct iovec iov = {buf, sizeof(buf)};
    char control[CMSG_SPACE(sizeof(int))];
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(fd, &msg, 0);

    *cnt = 1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); n > 0 && c; c = CMSG_NXTHDR(&msg, c))
        if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
            int size;

            memcpy(&size, CMSG_DATA(c), sizeof(size));
            *cnt = size > 0 ? (unsigned)((n + size - 1) / size) : 1;
        }
    return n;
}

static void receive(uint16_t port, double secs, bool gro) {
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1, room = 4 << 20;
    struct timeval tv = {.tv_usec = 200000};
    double first = 0, last = 0, bytes = 0, datagrams = 0;
    unsigned cnt;

    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        die("bind");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    if (gro && setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) != 0)
        die("UDP_GRO");
    if (take(fd, &cnt) < 0)
        die("recvmsg");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    first = last = now_s();
    while (last - first < secs) {
        ssize_t n = take(fd, &cnt);

        if (n < 0 && errno != EAGAIN)
            die("recvmsg");
        if (n < 0)
            break;
        bytes += (double)n;
        datagrams += cnt;
        last = now_s();
    }
    if (last > first)
        printf("%.0f datagrams/s, %.0f bytes/s\n", datagrams / (last - first),
               bytes / (last - first));
}

static void transmit(const char *addr, uint16_t port, double secs, size_t len, int segment) {
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    double end = now_s() + secs, sent = 0, start = now_s();

    if (inet_pton(AF_INET, addr, &sin.sin_addr) != 1 || len > sizeof(buf)) {
        errno = EINVAL;
        die(addr);
    }
    if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        die(addr);
    if (segment && setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0)
        die("UDP_SEGMENT");
    while (now_s() < end)
        for (int i = 0; i < 64; i++) {
            ssize_t n = send(fd, buf, len, 0);

            if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != ECONNREFUSED)
                die("send");
            sent += n > 0;
        }
    printf("%.0f calls/s\n", sent / (now_s() - start));
}

int main(int argc, char **argv) {
    bool gro = argc > 1 && strcmp(argv[1], "-g") == 0;

    if (gro) {
        argc--;
        argv++;
    }
    if ((argc == 3 || argc == 4) && strcmp(argv[1], "recv") == 0)
        receive((uint16_t)atoi(argv[2]), argc == 4 ? atof(argv[3]) : 2, gro);
    else if ((argc == 6 || argc == 7) && strcmp(argv[1], "send") == 0)
        transmit(argv[2], (uint16_t)atoi(argv[3]), atof(argv[4]), (size_t)atol(argv[5]),
                 argc == 7 ? atoi(argv[6]) : 0);
    else
        return 2;
    return 0;
}
