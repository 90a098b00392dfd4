/* SPDX-License-Identifier: ISC */
/*
 * A timer signal every 100 us during a transfer of 20 MB each way; its handler sends on a second socket, and every now and then jumps out of whatever was
 * interrupted with siglongjmp(). The peer (peer.py) echoes. Both payloads must come out right; what is printed does not depend on timing.
 */
#include <setjmp.h>
#include <sys/time.h>

#include "common.h"

static int side = -1;
static volatile sig_atomic_t ticks, jumps, may_jump;
static volatile size_t side_sent;
static sigjmp_buf env;

static void on_tick(int sig) {
    int e = errno;
    (void)sig;
    ticks++;
    if (side >= 0 && ticks % 4 == 0) {
        ssize_t n = send(side, "tick", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            side_sent += (size_t)n;
    }
    errno = e;
    if (may_jump && ticks % 16 == 0) {
        jumps++;
        siglongjmp(env, 1);
    }
}

static unsigned char byte_at(size_t pos) { return (unsigned char)((pos * 2654435761u) >> 24); }

static int dial(void) {
    struct sockaddr_in a = addr4(HOST_IP, 7007);
    for (;;) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int r = connect(fd, (struct sockaddr *)&a, sizeof a);
        if (r == 0)
            return fd;
        if (errno != EINTR && errno != EALREADY) {
            LOG("connect %s", result(r));
            exit(1);
        }
        close(fd);
    }
}

int main(int argc, char **argv) {
    int restart = argc > 1 && !strcmp(argv[1], "restart");
    static unsigned char out[65536], in[65536];
    static volatile size_t sent, got, eintr;
    static volatile long bad = -1;
    const size_t total = 20u << 20;
    int fd = dial();
    side = dial();

    struct sigaction sa = {.sa_handler = on_tick, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGALRM, &sa, NULL);
    struct itimerval it = {{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &it, NULL);

    /*
     * A jump out of send() or recv() loses the count of what that call moved; so jumps happen only in calls that move nothing: a peek for data that may not be there yet,
     * and a poll. Both sleep or work inside the library all the same.
     */
    while (got < total) {
        if (sigsetjmp(env, 1) == 0) {
            may_jump = 1;
            char c;
            recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
            struct pollfd p = {.fd = fd, .events = POLLIN | (sent < total ? POLLOUT : 0)};
            if (poll(&p, 1, 1000) < 0 && errno == EINTR)
                eintr++;
        }
        may_jump = 0;
        if (sent < total) {
            size_t n = total - sent < sizeof out ? total - sent : sizeof out;
            for (size_t i = 0; i < n; i++)
                out[i] = byte_at(sent + i);
            ssize_t r = send(fd, out, n, MSG_DONTWAIT);
            if (r > 0)
                sent += (size_t)r;
            else if (errno != EAGAIN && errno != EINTR) {
                LOG("send %s", result(r));
                return 1;
            }
            if (sent == total)
                shutdown(fd, SHUT_WR);
        }
        ssize_t r =
            sent < total ? recv(fd, in, sizeof in, MSG_DONTWAIT) : recv(fd, in, sizeof in, 0);
        if (r == 0)
            break;
        if (r < 0) {
            if (errno == EINTR)
                eintr++;
            else if (errno != EAGAIN) {
                LOG("recv %s", result(r));
                return 1;
            }
            continue;
        }
        for (ssize_t i = 0; i < r; i++)
            if (in[i] != byte_at(got + (size_t)i) && bad < 0)
                bad = (long)got + i;
        got += (size_t)r;
    }
    /* However fast the transfer was: some more jumps out of a sleep. */
    while (jumps < 20) {
        if (sigsetjmp(env, 1) == 0) {
            may_jump = 1;
            struct pollfd p = {.fd = side, .events = POLLPRI};
            poll(&p, 1, 1000);
        }
        may_jump = 0;
    }
    memset(&it, 0, sizeof it);
    setitimer(ITIMER_REAL, &it, NULL);
    LOG("sent %zu got %zu first wrong byte %ld", sent, got, bad);
    ssize_t r = recv(fd, in, 1, 0);
    LOG("then recv %s", result(r));
    shutdown(side, SHUT_WR);
    size_t back = 0;
    long wrong = 0;
    for (;;) {
        r = recv(side, in, sizeof in, 0);
        if (r <= 0)
            break;
        for (ssize_t i = 0; i < r; i++)
            if (in[i] != (unsigned char)"tick"[(back + (size_t)i) % 4])
                wrong++;
        back += (size_t)r;
    }
    LOG("side channel: all back %d, wrong bytes %ld", back == side_sent, wrong);
    LOG("ticks %s, jumps %s, side channel used %s", ticks > 100 ? "many" : "few",
        jumps > 5 ? "many" : "few", side_sent > 40 ? "yes" : "no");
    return 0;
}
