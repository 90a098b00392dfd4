/* SPDX-License-Identifier: ISC */
/*
 * One byte there and back, one at a time: what a round trip costs.
 *
 *     pingpong [-u] [-s] server PORT             serves until it is ended, TCP one by one
 *     pingpong [-u] [-s] client ADDR PORT [CNT]  prints `p50 US p99 US min US cnt N`
 *
 * -u: UDP instead of TCP. -s: spins in recv(MSG_DONTWAIT) instead of sleeping in recv().
 * Addresses are IPv4 or IPv6 in figures. An ordinary sockets program: scripts/bench runs it with
 * and without userstack.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP_CNT 500

static void die(const char *what) {
    fprintf(stderr, "pingpong: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool udp, spin;

static int new_socket(int family) {
    int fd = socket(family, udp ? SOCK_DGRAM : SOCK_STREAM, 0);

    if (fd < 0)
        die("socket");
    return fd;
}

static void set_nodelay(int fd) {
    int on = 1;

    if (!udp && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        die("TCP_NODELAY");
}

/* recvfrom() of one byte, asleep or spinning. */
static ssize_t take(int fd, char *byte, struct sockaddr_in *from, socklen_t *len) {
    ssize_t n;

    do {
        n = recvfrom(fd, byte, 1, spin ? MSG_DONTWAIT : 0, (struct sockaddr *)from, len);
    } while (n < 0 && spin && errno == EAGAIN);
    return n;
}

static void serve(uint16_t port) {
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1;
    int fd = new_socket(AF_INET);
    char byte;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
        die("bind");
    while (udp) {
        struct sockaddr_in from;
        socklen_t len = sizeof(from);

        if (take(fd, &byte, &from, &len) == 1)
            sendto(fd, &byte, 1, 0, (struct sockaddr *)&from, len);
    }
    if (listen(fd, 4) != 0)
        die("listen");
    for (;;) {
        int conn = accept(fd, NULL, NULL);

        if (conn < 0)
            die("accept");
        set_nodelay(conn);
        while (take(conn, &byte, NULL, NULL) == 1)
            if (send(conn, &byte, 1, MSG_NOSIGNAL) != 1)
                break;
        close(conn);
    }
}

static int connect_to(const char *addr, uint16_t port) {
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 sin6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int fd = -1;

    if (inet_pton(AF_INET, addr, &sin.sin_addr) == 1) {
        fd = new_socket(AF_INET);
        if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
            die(addr);
    } else if (inet_pton(AF_INET6, addr, &sin6.sin6_addr) == 1) {
        fd = new_socket(AF_INET6);
        if (connect(fd, (struct sockaddr *)&sin6, sizeof(sin6)) != 0)
            die(addr);
    } else {
        errno = EINVAL;
        die(addr);
    }
    return fd;
}

static int compare(const void *a, const void *b) {
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

static void measure(const char *addr, uint16_t port, size_t cnt) {
    uint64_t *rtt_ns = calloc(cnt, sizeof(*rtt_ns));
    int fd = connect_to(addr, port);

    if (rtt_ns == NULL)
        die("calloc");
    set_nodelay(fd);
    for (size_t i = 0; i < cnt + WARM_UP_CNT; i++) {
        char out = (char)('a' + i % 26), in = 0;
        uint64_t start_ns = now_ns();

        if (send(fd, &out, 1, MSG_NOSIGNAL) != 1)
            die("send");
        ssize_t n = take(fd, &in, NULL, NULL);
        if (n != 1) {
            errno = n == 0 ? ECONNRESET : errno;
            die("recv");
        }
        if (in != out) {
            fprintf(stderr, "pingpong: sent '%c', got '%c'\n", out, in);
            exit(1);
        }
        if (i >= WARM_UP_CNT)
            rtt_ns[i - WARM_UP_CNT] = now_ns() - start_ns;
    }
    close(fd);
    qsort(rtt_ns, cnt, sizeof(*rtt_ns), compare);
    printf("p50 %.1f p99 %.1f min %.1f cnt %zu\n", (double)rtt_ns[cnt / 2] / 1e3,
           (double)rtt_ns[cnt * 99 / 100] / 1e3, (double)rtt_ns[0] / 1e3, cnt);
    free(rtt_ns);
}

int main(int argc, char **argv) {
    int c;

    while ((c = getopt(argc, argv, "us")) > 0) {
        udp = udp || c == 'u';
        spin = spin || c == 's';
        if (c == '?')
            return 2;
    }
    argc -= optind;
    argv += optind;
    if (argc == 2 && strcmp(argv[0], "server") == 0) {
        serve((uint16_t)atoi(argv[1]));
    } else if ((argc == 3 || argc == 4) && strcmp(argv[0], "client") == 0) {
        long cnt = argc == 4 ? atol(argv[3]) : 10000;

        measure(argv[1], (uint16_t)atoi(argv[2]), (size_t)(cnt < 1 ? 1 : cnt));
    } else {
        fprintf(stderr, "usage: pingpong [-u] [-s] server PORT | client ADDR PORT [CNT]\n");
        return 2;
    }
    return 0;
}
