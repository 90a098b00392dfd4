/* SPDX-License-Identifier: ISC */
/*
 * poll, select and epoll as programs see them. Most cases run twice: on sockets of ours (connected through the stack's own address, so that no frame and no privilege
 * is needed) and on sockets of the kernel (127.0.0.1, which USERSTACK_KERNEL leaves to it). Both have to give what the case says, so the kernel
 * itself vouches for the cases.
 *
 * The preload library is linked into this program: its names win over libc's here as they do under LD_PRELOAD. Each case is a process of its own and makes a
 * stack of its own at its first socket.
 */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "host/sys.h"
#include "internal.h"
#include "preload/null_dev.h"

#define OURS_IP 0x0a4d0002u /* 10.77.0.2 */

/* ---- sockets ---- */

#define OURS(i) ((i) == 0)

static struct sockaddr_in address(int i, uint16_t port) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    sa.sin_addr.s_addr = htonl(OURS(i) ? OURS_IP : INADDR_LOOPBACK);
    return sa;
}

/* Is fd on the stack, as the case wants it? */
static void check_side(int i, int fd) { ck_assert_int_eq(fd_lookup(fd) != NULL, OURS(i)); }

static void name_of(int fd, struct sockaddr_in *sa) {
    socklen_t len = sizeof *sa;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)sa, &len), 0);
}

/* Two datagram sockets connected to each other. */
static void udp_pair(int i, int s[2]) {
    struct sockaddr_in sa[2];
    for (int k = 0; k < 2; k++) {
        sa[k] = address(i, 0);
        s[k] = socket(AF_INET, SOCK_DGRAM, 0);
        ck_assert_int_ge(s[k], 0);
        ck_assert_int_eq(bind(s[k], (struct sockaddr *)&sa[k], sizeof sa[k]), 0);
        name_of(s[k], &sa[k]);
    }
    for (int k = 0; k < 2; k++) {
        ck_assert_int_eq(connect(s[k], (struct sockaddr *)&sa[!k], sizeof sa[k]), 0);
        check_side(i, s[k]);
    }
}

static int tcp_listen_any(int i, struct sockaddr_in *sa) {
    int l = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(l, 0);
    *sa = address(i, 0);
    ck_assert_int_eq(bind(l, (struct sockaddr *)sa, sizeof *sa), 0);
    ck_assert_int_eq(listen(l, 8), 0);
    name_of(l, sa);
    return l;
}

static void tcp_pair(int i, int s[2]) {
    struct sockaddr_in sa;
    int l = tcp_listen_any(i, &sa);
    s[0] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(s[0], (struct sockaddr *)&sa, sizeof sa), 0);
    s[1] = accept(l, NULL, NULL);
    ck_assert_int_ge(s[1], 0);
    check_side(i, s[0]);
    check_side(i, s[1]);
    close(l);
}

static void send_one(int fd) { ck_assert_int_eq(send(fd, "x", 1, 0), 1); }
static void recv_one(int fd) {
    char c;
    ck_assert_int_eq(recv(fd, &c, 1, 0), 1);
}

static int poll1(int fd, short events, int timeout) {
    struct pollfd p = {.fd = fd, .events = events};
    int r = poll(&p, 1, timeout);
    ck_assert_int_ge(r, 0);
    ck_assert_int_eq(r, p.revents != 0);
    return p.revents;
}

static uint64_t now_ms(void) { return host_now() / NS_PER_MS; }

/* In a thread: after `ms` sends a byte through fd, or does what `act` says. */
struct later {
    int ms, fd;
    void (*act)(const struct later *l);
    int ep, add;
    pthread_t tid;
};
static void *later_main(void *arg) {
    const struct later *l = arg;
    usleep((useconds_t)l->ms * 1000);
    if (l->act)
        l->act(l);
    else
        (void)!write(l->fd, "x", 1);
    return NULL;
}
static void later_start(struct later *l) {
    ck_assert_int_eq(pthread_create(&l->tid, NULL, later_main, l), 0);
}

static int handled;
static void on_signal(int sig) {
    (void)sig;
    handled++;
}
static void handle(int sig, int flags) {
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = flags};
    ck_assert_int_eq(sigaction(sig, &sa, NULL), 0);
}
static void alarm_in(int ms) {
    struct itimerval it = {.it_value = {.tv_usec = ms * 1000}};
    ck_assert_int_eq(setitimer(ITIMER_REAL, &it, NULL), 0);
}

/* An unmapped address. */
static void *nowhere(void) {
    void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(p, MAP_FAILED);
    return p;
}

/* ---- poll ---- */

START_TEST(poll_udp)
{
    int s[2];
    udp_pair(_i, s);
    ck_assert_int_eq(poll1(s[0], POLLIN, 0), 0);
    ck_assert_int_eq(poll1(s[0], POLLIN | POLLOUT, 0), POLLOUT);
    ck_assert_int_eq(poll1(s[0], POLLWRNORM, 0), POLLWRNORM);
    send_one(s[1]);
    ck_assert_int_eq(poll1(s[0], POLLIN | POLLOUT | POLLPRI, 0), POLLIN | POLLOUT);
    ck_assert_int_eq(poll1(s[0], POLLRDNORM, -1), POLLRDNORM);
    recv_one(s[0]);
    ck_assert_int_eq(poll1(s[0], POLLIN, 0), 0);
}
END_TEST

START_TEST(poll_tcp_life)
{
    int s[2];
    tcp_pair(_i, s);
    const short all = POLLIN | POLLOUT | POLLRDHUP | POLLPRI;
    ck_assert_int_eq(poll1(s[0], all, 0), POLLOUT);
    send_one(s[1]);
    ck_assert_int_eq(poll1(s[0], all, 1000), POLLIN | POLLOUT);
    recv_one(s[0]);
    ck_assert_int_eq(shutdown(s[1], SHUT_WR), 0);
    ck_assert_int_eq(poll1(s[0], POLLIN | POLLRDHUP, 1000), POLLIN | POLLRDHUP);
    ck_assert_int_eq(poll1(s[0], all, 1000), POLLIN | POLLRDHUP | POLLOUT);
    ck_assert_int_eq(shutdown(s[0], SHUT_WR), 0);
    /* HUP comes unasked. */
    ck_assert_int_eq(poll1(s[0], 0, 1000), POLLHUP);
    ck_assert_int_eq(poll1(s[0], all, 0), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
}
END_TEST

/* A socket that nothing was done with. */
START_TEST(poll_fresh)
{
    int t = socket(AF_INET, SOCK_STREAM, 0), u = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(poll1(t, POLLIN | POLLOUT, 0), POLLOUT | POLLHUP);
    ck_assert_int_eq(poll1(u, POLLIN | POLLOUT, 0), POLLOUT);
}
END_TEST

START_TEST(poll_mixed)
{
    int s[2], p[2];
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    int gone = dup(p[0]);
    close(gone);
    struct pollfd f[] = {{.fd = -1, .events = POLLIN, .revents = 77},
                         {.fd = p[0], .events = POLLIN},
                         {.fd = s[0], .events = POLLIN},
                         {.fd = s[0], .events = POLLOUT},
                         {.fd = gone, .events = POLLIN},
                         {.fd = p[1], .events = POLLIN}};
    ck_assert_int_eq(poll(f, 6, -1), 2);
    ck_assert_int_eq(f[0].revents, 0);
    ck_assert_int_eq(f[1].revents, 0);
    ck_assert_int_eq(f[2].revents, 0);
    ck_assert_int_eq(f[3].revents, POLLOUT);
    ck_assert_int_eq(f[4].revents, POLLNVAL);
    f[3].fd = f[4].fd = -2;
    ck_assert_int_eq(poll(f, 6, 0), 0);
    send_one(s[1]);
    ck_assert_int_eq(poll(f, 6, -1), 1);
    ck_assert_int_eq(f[2].revents, POLLIN);
    ck_assert_int_eq(write(p[1], "x", 1), 1);
    ck_assert_int_eq(poll(f, 6, -1), 2);
    close(p[0]);
    f[1].fd = -1;
    recv_one(s[0]);
    ck_assert_int_eq(poll(f, 6, -1), 1);
    ck_assert_int_eq(f[5].revents, POLLERR);
}
END_TEST

START_TEST(poll_timeout)
{
    int s[2], p[2];
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    uint64_t begun = now_ms();
    ck_assert_int_eq(poll1(s[0], POLLIN, 50), 0);
    ck_assert_uint_ge(now_ms() - begun, 49);
    struct pollfd f[] = {{.fd = s[0], .events = POLLIN}, {.fd = p[0], .events = POLLIN}};
    begun = now_ms();
    ck_assert_int_eq(poll(f, 2, 50), 0);
    ck_assert_uint_ge(now_ms() - begun, 49);
    struct timespec ts = {0, 50000000};
    begun = now_ms();
    ck_assert_int_eq(ppoll(f, 2, &ts, NULL), 0);
    ck_assert_uint_ge(now_ms() - begun, 49);
    ck_assert_int_eq(ts.tv_nsec, 50000000);
    ts.tv_nsec = 1000000000;
    ck_assert_int_eq(ppoll(f, 2, &ts, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
}
END_TEST

START_TEST(poll_wakes)
{
    int s[2], p[2];
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    struct pollfd f[] = {{.fd = s[0], .events = POLLIN}, {.fd = p[0], .events = POLLIN}};
    struct later l = {.ms = 30, .fd = s[1]};
    later_start(&l);
    ck_assert_int_eq(poll(f, 2, 5000), 1);
    ck_assert_int_eq(f[0].revents, POLLIN);
    pthread_join(l.tid, NULL);
    recv_one(s[0]);
    l.fd = p[1];
    later_start(&l);
    ck_assert_int_eq(poll(f, 2, -1), 1);
    ck_assert_int_eq(f[1].revents, POLLIN);
    pthread_join(l.tid, NULL);
    l.fd = s[1];
    later_start(&l);
    ck_assert_int_eq(poll(f, 1, -1), 1);
    pthread_join(l.tid, NULL);
}
END_TEST

START_TEST(poll_many)
{
    enum { CNT = 300 };
    int s[2];
    struct pollfd f[CNT];
    udp_pair(_i, s);
    for (int k = 0; k < CNT; k++)
        f[k] = (struct pollfd){.fd = k % 2 ? s[0] : -1, .events = POLLOUT};
    ck_assert_int_eq(poll(f, CNT, 1000), CNT / 2);
    for (int k = 0; k < CNT; k++)
        ck_assert_int_eq(f[k].revents, k % 2 ? POLLOUT : 0);
}
END_TEST

START_TEST(poll_errors)
{
    int s[2];
    udp_pair(_i, s);
    ck_assert_int_eq(poll(nowhere(), 1, 0), -1);
    ck_assert_int_eq(errno, EFAULT);
    struct pollfd *f = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    f[511] = (struct pollfd){.fd = s[0], .events = POLLOUT};
    ck_assert_int_eq(munmap(f + 512, 4096), 0);
    ck_assert_int_eq(poll(f + 511, 2, 0), -1);
    ck_assert_int_eq(errno, EFAULT);
    struct rlimit lim = {100, 100};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &lim), 0);
    for (int k = 0; k < 512; k++)
        f[k] = (struct pollfd){.fd = s[0], .events = POLLOUT};
    ck_assert_int_eq(poll(f, 512, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(poll(f, 100, 0), 100);
    ck_assert_int_eq(mprotect(f, 4096, PROT_READ), 0);
    ck_assert_int_eq(poll(f, 1, 0), -1);
    ck_assert_int_eq(errno, EFAULT);
}
END_TEST

/* ---- signals ---- */

enum poller { BY_POLL, BY_PPOLL, BY_SELECT, BY_PSELECT, BY_EPOLL, BY_EPOLL_PWAIT, BY_COUNT };

/* Waits for input on fd; mask for those that take one. */
static int wait_in(enum poller by, int fd, int timeout_ms, const sigset_t *mask) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timespec ts = {timeout_ms / 1000, timeout_ms % 1000 * 1000000};
    struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
    struct epoll_event ev = {.events = EPOLLIN};
    fd_set in;
    FD_ZERO(&in);
    FD_SET(fd, &in);
    if (by == BY_POLL)
        return poll(&p, 1, timeout_ms);
    if (by == BY_PPOLL)
        return ppoll(&p, 1, timeout_ms < 0 ? NULL : &ts, mask);
    if (by == BY_SELECT)
        return select(fd + 1, &in, NULL, NULL, timeout_ms < 0 ? NULL : &tv);
    if (by == BY_PSELECT)
        return pselect(fd + 1, &in, NULL, NULL, timeout_ms < 0 ? NULL : &ts, mask);
    int ep = epoll_create1(0);
    ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev), 0);
    int r = by == BY_EPOLL ? epoll_wait(ep, &ev, 1, timeout_ms)
                           : epoll_pwait(ep, &ev, 1, timeout_ms, mask);
    int err = errno;
    close(ep);
    errno = err;
    return r;
}

/* EINTR always, whether the handler restarts calls or not, with and without timeout. */
START_TEST(interrupted)
{
    int s[2];
    udp_pair(_i / (int)BY_COUNT, s);
    enum poller by = (enum poller)(_i % (int)BY_COUNT);
    for (int flags = 0; flags < 2; flags++)
        for (int timeout = -1; timeout <= 5000; timeout += 5001) {
            handle(SIGALRM, flags ? SA_RESTART : 0);
            handled = 0;
            alarm_in(20);
            ck_assert_int_eq(wait_in(by, s[0], timeout, NULL), -1);
            ck_assert_int_eq(errno, EINTR);
            ck_assert_int_eq(handled, 1);
        }
}
END_TEST

/* The mask counts while it sleeps: a blocked signal that is pending gets through and only then. */
START_TEST(masked)
{
    static const enum poller with_mask[] = {BY_PPOLL, BY_PSELECT, BY_EPOLL_PWAIT};
    int s[2];
    udp_pair(_i / 3, s);
    enum poller by = with_mask[_i % 3];
    sigset_t usr1, none, now;
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    handle(SIGUSR1, 0);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &usr1, NULL), 0);
    raise(SIGUSR1);
    ck_assert_int_eq(wait_in(by, s[0], 20, &usr1), 0);
    ck_assert_int_eq(handled, 0);
    /* Ready at once: it stays pending. */
    send_one(s[1]);
    ck_assert_int_eq(wait_in(by, s[0], -1, &none), 1);
    ck_assert_int_eq(handled, 0);
    recv_one(s[0]);
    ck_assert_int_eq(wait_in(by, s[0], -1, &none), -1);
    ck_assert_int_eq(errno, EINTR);
    ck_assert_int_eq(handled, 1);
    sigprocmask(SIG_SETMASK, NULL, &now);
    ck_assert(sigismember(&now, SIGUSR1));
    raise(SIGUSR1);
    /* Without waiting: ppoll and pselect look for signals, epoll_pwait does not. */
    int r = wait_in(by, s[0], 0, &none);
    ck_assert_int_eq(r, by == BY_EPOLL_PWAIT ? 0 : -1);
    ck_assert_int_eq(handled, by == BY_EPOLL_PWAIT ? 1 : 2);
}
END_TEST

/* Nobody's sleep has left anything behind. */
static void check_no_waiter(void) {
    if (!host_stack())
        return;
    uint64_t now_ns = host_lock();
    uint32_t waiters = slab_in_use(&host_stack()->core.arena, SLAB_WAITER);
    uint32_t links = slab_in_use(&host_stack()->core.arena, SLAB_WAIT_LINK);
    const char *bad = stack_check(host_stack());
    host_unlock(now_ns);
    ck_assert_uint_eq(waiters, 0);
    ck_assert_uint_eq(links, 0);
    ck_assert_msg(bad == NULL, "%s", bad);
}

/* A handler may jump out of the sleep. */
static sigjmp_buf jump;
static void on_signal_jump(int sig) { siglongjmp(jump, sig); }
START_TEST(jumped_out)
{
    int s[2];
    udp_pair(_i / (int)BY_COUNT, s);
    struct sigaction sa = {.sa_handler = on_signal_jump};
    ck_assert_int_eq(sigaction(SIGALRM, &sa, NULL), 0);
    for (volatile int k = 0; k < 5; k++) {
        if (sigsetjmp(jump, 1) == 0) {
            alarm_in(10);
            wait_in((enum poller)(_i % (int)BY_COUNT), s[0], -1, NULL);
            ck_abort_msg("nobody jumped");
        }
        check_no_waiter();
    }
    send_one(s[1]);
    ck_assert_int_eq(wait_in((enum poller)(_i % (int)BY_COUNT), s[0], 1000, NULL), 1);
}
END_TEST

struct cancelled {
    enum poller by;
    int fd;
};
static void *cancelled_main(void *arg) {
    const struct cancelled *c = arg;
    wait_in(c->by, c->fd, -1, NULL);
    return NULL;
}
START_TEST(cancelled)
{
    int s[2];
    udp_pair(_i / (int)BY_COUNT, s);
    struct cancelled c = {(enum poller)(_i % (int)BY_COUNT), s[0]};
    for (int k = 0; k < 5; k++) {
        pthread_t t;
        void *ret = NULL;
        pthread_create(&t, NULL, cancelled_main, &c);
        usleep(10000);
        pthread_cancel(t);
        pthread_join(t, &ret);
        ck_assert_ptr_eq(ret, PTHREAD_CANCELED);
        check_no_waiter();
    }
}
END_TEST

/* Many signals against many wake-ups: each call gives the byte or EINTR, and every byte comes. */
static _Atomic bool storm_over;
static void *storm_main(void *arg) {
    pthread_t victim = *(const pthread_t *)arg;
    while (!storm_over) {
        pthread_kill(victim, SIGUSR2);
        usleep(50);
    }
    return NULL;
}
static void *feed_main(void *arg) {
    for (int k = 0; k < 300; k++) {
        usleep(100);
        send_one(*(const int *)arg);
    }
    return NULL;
}
START_TEST(signal_storm)
{
    int s[2], got = 0;
    pthread_t self = pthread_self(), storm, feed;
    udp_pair(_i / (int)BY_COUNT, s);
    handle(SIGUSR2, SA_RESTART);
    pthread_create(&storm, NULL, storm_main, &self);
    pthread_create(&feed, NULL, feed_main, &s[1]);
    while (got < 300) {
        int r = wait_in((enum poller)(_i % (int)BY_COUNT), s[0], -1, NULL);
        if (r < 0)
            ck_assert_int_eq(errno, EINTR);
        char c;
        while (r > 0 && recv(s[0], &c, 1, MSG_DONTWAIT) == 1)
            got++;
    }
    storm_over = true;
    pthread_join(storm, NULL);
    pthread_join(feed, NULL);
    check_no_waiter();
}
END_TEST

/* ---- select ---- */

START_TEST(select_bits)
{
    int s[2], p[2];
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    fd_set in, out, ex;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&ex);
    FD_SET(s[0], &in);
    FD_SET(p[0], &in);
    FD_SET(s[0], &out);
    FD_SET(p[1], &out);
    FD_SET(s[0], &ex);
    ck_assert_int_eq(select(64, &in, &out, &ex, NULL), 2);
    ck_assert(!FD_ISSET(s[0], &in) && !FD_ISSET(p[0], &in));
    ck_assert(FD_ISSET(s[0], &out) && FD_ISSET(p[1], &out));
    ck_assert(!FD_ISSET(s[0], &ex));
    send_one(s[1]);
    FD_SET(s[0], &in);
    FD_SET(p[0], &in);
    ck_assert_int_eq(select(64, &in, &out, NULL, NULL), 3);
    ck_assert(FD_ISSET(s[0], &in) && !FD_ISSET(p[0], &in));
    struct timeval tv = {0, 60000};
    recv_one(s[0]);
    uint64_t begun = now_ms();
    ck_assert_int_eq(select(s[0] + 1, &in, NULL, NULL, &tv), 0);
    ck_assert_uint_ge(now_ms() - begun, 59);
    ck_assert(!FD_ISSET(s[0], &in));
    ck_assert_int_eq(tv.tv_sec * 1000000 + tv.tv_usec, 0);
    /* What is left of the time comes back. */
    struct later l = {.ms = 20, .fd = s[1]};
    later_start(&l);
    tv = (struct timeval){100, 1500000};
    FD_SET(s[0], &in);
    ck_assert_int_eq(select(s[0] + 1, &in, NULL, NULL, &tv), 1);
    ck_assert_int_ge(tv.tv_sec, 100);
    ck_assert_int_le(tv.tv_sec, 101);
    pthread_join(l.tid, NULL);
}
END_TEST

START_TEST(select_errors)
{
    int s[2];
    udp_pair(_i, s);
    fd_set in, was;
    FD_ZERO(&in);
    FD_SET(s[0], &in);
    struct timeval bad = {0, -1};
    ck_assert_int_eq(select(-1, &in, NULL, NULL, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(select(s[0] + 1, &in, NULL, NULL, &bad), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(select(s[0] + 1, &in, nowhere(), NULL, NULL), -1);
    ck_assert_int_eq(errno, EFAULT);
    int gone = dup(0);
    close(gone);
    FD_SET(gone, &in);
    was = in;
    ck_assert_int_eq(select(64, &in, NULL, NULL, NULL), -1);
    ck_assert_int_eq(errno, EBADF);
    ck_assert_int_eq(memcmp(&was, &in, sizeof in), 0);
    /* Not in range: not looked at. */
    if (gone > s[0]) {
        send_one(s[1]);
        ck_assert_int_eq(select(s[0] + 1, &in, NULL, NULL, NULL), 1);
    }
}
END_TEST

START_TEST(select_high)
{
    int s[2], fd = 1500;
    udp_pair(_i, s);
    struct rlimit lim;
    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = 2000;
    if (setrlimit(RLIMIT_NOFILE, &lim) < 0)
        return;
    ck_assert_int_eq(dup2(s[0], fd), fd);
    check_side(_i, fd);
    /* The bitmap is larger than fd_set, and what lies behind it stays as it is. */
    unsigned long in[26] = {0}, fence = 0xa5a5a5a5a5a5a5a5UL;
    in[24] = in[25] = fence;
    in[fd / 64] = 1UL << fd % 64;
    struct timeval tv = {0, 0};
    ck_assert_int_eq(select(fd + 1, (fd_set *)(void *)in, NULL, NULL, &tv), 0);
    ck_assert_uint_eq(in[fd / 64], 0);
    in[fd / 64] = 1UL << fd % 64;
    send_one(s[1]);
    ck_assert_int_eq(select(fd + 1, (fd_set *)(void *)in, NULL, NULL, NULL), 1);
    ck_assert_uint_eq(in[fd / 64], 1UL << fd % 64);
    ck_assert_uint_eq(in[24], fence);
    ck_assert_uint_eq(in[25], fence);
}
END_TEST

/* The end of a pipe's other side is no exceptional condition and must not keep the call from sleeping. */
START_TEST(select_hup_unwanted)
{
    int s[2], p[2];
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    close(p[1]);
    fd_set in, ex;
    FD_ZERO(&in);
    FD_ZERO(&ex);
    FD_SET(s[0], &in);
    FD_SET(p[0], &ex);
    struct later l = {.ms = 200, .fd = s[1]};
    clock_t begun = clock();
    later_start(&l);
    ck_assert_int_eq(select(64, &in, NULL, &ex, NULL), 1);
    ck_assert_int_lt(clock() - begun, CLOCKS_PER_SEC / 50);
    ck_assert(FD_ISSET(s[0], &in) && !FD_ISSET(p[0], &ex));
    pthread_join(l.tid, NULL);
}
END_TEST

/* ---- epoll ---- */

static int ep_new(void) {
    int ep = epoll_create1(EPOLL_CLOEXEC);
    ck_assert_int_ge(ep, 0);
    return ep;
}

static int ctl(int ep, int op, int fd, uint32_t events) {
    struct epoll_event ev = {.events = events, .data.fd = fd};
    return epoll_ctl(ep, op, fd, &ev) == 0 ? 0 : -errno;
}

/* The events of the one event that is there within timeout; 0: none. */
static uint32_t wait1(int ep, int timeout, int *fd) {
    struct epoll_event ev[4];
    int r = epoll_wait(ep, ev, 4, timeout);
    ck_assert_int_ge(r, 0);
    ck_assert_int_le(r, 1);
    if (r == 0)
        return 0;
    if (fd)
        *fd = ev[0].data.fd;
    return ev[0].events;
}

START_TEST(epoll_level)
{
    int s[2], fd = -1, ep = ep_new();
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), 0);
    send_one(s[1]);
    for (int k = 0; k < 3; k++) {
        ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLIN);
        ck_assert_int_eq(fd, s[0]);
    }
    recv_one(s[0]);
    ck_assert_uint_eq(wait1(ep, 10, NULL), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLOUT), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), EPOLLOUT);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_DEL, s[0], 0), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), 0);
}
END_TEST

START_TEST(epoll_edge)
{
    int s[2], ep = ep_new();
    udp_pair(_i, s);
    send_one(s[1]);
    /* Ready when it is added: one event. */
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLET), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), EPOLLIN);
    ck_assert_uint_eq(wait1(ep, 10, NULL), 0);
    /* Each arrival is an edge, whatever was there before. */
    send_one(s[1]);
    ck_assert_uint_eq(wait1(ep, 1000, NULL), EPOLLIN);
    ck_assert_uint_eq(wait1(ep, 0, NULL), 0);
    recv_one(s[0]);
    ck_assert_uint_eq(wait1(ep, 0, NULL), 0);
    /* MOD looks again. */
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLET), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), EPOLLIN);
    recv_one(s[0]);
}
END_TEST

START_TEST(epoll_oneshot)
{
    int s[2], ep = ep_new();
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN | EPOLLONESHOT), 0);
    send_one(s[1]);
    ck_assert_uint_eq(wait1(ep, 1000, NULL), EPOLLIN);
    send_one(s[1]);
    ck_assert_uint_eq(wait1(ep, 10, NULL), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLONESHOT), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), EPOLLIN);
}
END_TEST

START_TEST(epoll_tcp)
{
    struct sockaddr_in sa;
    int fd = -1, ep = ep_new(), l = tcp_listen_any(_i, &sa);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, l, EPOLLIN), 0);
    int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int r = connect(c, (struct sockaddr *)&sa, sizeof sa);
    ck_assert(r == 0 || errno == EINPROGRESS);
    ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, l);
    int a = accept(l, NULL, NULL);
    ck_assert_int_ge(a, 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, c, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET), 0);
    ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLOUT);
    ck_assert_int_eq(shutdown(a, SHUT_WR), 0);
    ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLIN | EPOLLOUT | EPOLLRDHUP);
    close(a);
    close(c);
    ck_assert_uint_eq(wait1(ep, 10, NULL), 0);
}
END_TEST

START_TEST(epoll_errors)
{
    int s[2], ep = ep_new();
    struct epoll_event ev[2];
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[0], EPOLLIN), -ENOENT);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_DEL, s[0], 0), -ENOENT);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), -EEXIST);
    ck_assert_int_eq(ctl(ep, 77, s[0], EPOLLIN), -EINVAL);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, ep, EPOLLIN), -EINVAL);
    ck_assert_int_eq(ctl(s[1], EPOLL_CTL_ADD, s[0], EPOLLIN), -EINVAL);
    ck_assert_int_eq(ctl(0, EPOLL_CTL_ADD, s[0], EPOLLIN), -EINVAL);
    ck_assert_int_eq(ctl(999, EPOLL_CTL_ADD, s[0], EPOLLIN), -EBADF);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, 999, EPOLLIN), -EBADF);
    int file = open("/proc/self/exe", O_RDONLY);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, file, EPOLLIN), -EPERM);
    ck_assert_int_eq(epoll_ctl(ep, EPOLL_CTL_ADD, s[1], nowhere()), -1);
    ck_assert_int_eq(errno, EFAULT);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[1], EPOLLIN | EPOLLONESHOT | EPOLLEXCLUSIVE),
                     -EINVAL);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[1], EPOLLIN | EPOLLEXCLUSIVE), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[1], EPOLLIN), -EINVAL);
    ck_assert_int_eq(epoll_wait(ep, ev, 0, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    volatile int negative = -1;
    ck_assert_int_eq(epoll_wait(ep, ev, negative, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(epoll_wait(s[0], ev, 1, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    send_one(s[1]);
    ck_assert_int_eq(epoll_wait(ep, nowhere(), 1, 1000), -1);
    ck_assert_int_eq(errno, EFAULT);
    /* Nothing was lost by that, not even an edge. */
    ck_assert_uint_eq(wait1(ep, 1000, NULL), EPOLLIN);
    recv_one(s[0]);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[0], EPOLLIN | EPOLLET), 0);
    ck_assert_uint_eq(wait1(ep, 0, NULL), 0);
    send_one(s[1]);
    ck_assert_int_eq(epoll_wait(ep, nowhere(), 1, 1000), -1);
    ck_assert_int_eq(errno, EFAULT);
    ck_assert_uint_eq(wait1(ep, 1000, NULL), EPOLLIN);
    struct timespec bad = {0, -1};
    ck_assert_int_eq(epoll_pwait2(ep, ev, 1, &bad, NULL), -1);
    ck_assert_int_eq(errno, EINVAL);
    close(ep);
    ck_assert_int_eq(epoll_wait(ep, ev, 1, 0), -1);
    ck_assert_int_eq(errno, EBADF);
}
END_TEST

/* Ours and the kernel's are both always ready and there is room for one event: both come. */
START_TEST(epoll_fair)
{
    int s[2], p[2], seen[2] = {0}, ep = ep_new();
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(write(p[1], "x", 1), 1);
    send_one(s[1]);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, p[0], EPOLLIN), 0);
    for (int k = 0; k < 10; k++) {
        struct epoll_event ev;
        ck_assert_int_eq(epoll_wait(ep, &ev, 1, 1000), 1);
        seen[ev.data.fd == p[0]]++;
    }
    ck_assert_int_eq(seen[0], 5);
    ck_assert_int_eq(seen[1], 5);
    struct epoll_event both[4];
    ck_assert_int_eq(epoll_wait(ep, both, 4, 1000), 2);
    ck_assert_int_ne(both[0].data.fd, both[1].data.fd);
}
END_TEST

static void act_add(const struct later *l) { ctl(l->ep, EPOLL_CTL_ADD, l->add, EPOLLIN); }
static void act_close(const struct later *l) { close(l->fd); }

START_TEST(epoll_wakes)
{
    int s[2], p[2], fd = -1, ep = ep_new();
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    struct later l = {.ms = 30, .fd = s[1]};
    later_start(&l);
    ck_assert_uint_eq(wait1(ep, 5000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, s[0]);
    pthread_join(l.tid, NULL);
    recv_one(s[0]);
    uint64_t begun = now_ms();
    /* A member of the kernel's that comes while we sleep, and is ready. */
    ck_assert_int_eq(write(p[1], "x", 1), 1);
    l = (struct later){.ms = 30, .act = act_add, .ep = ep, .add = p[0]};
    later_start(&l);
    ck_assert_uint_eq(wait1(ep, 3000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, p[0]);
    pthread_join(l.tid, NULL);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_DEL, p[0], 0), 0);
    /* One of ours. */
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_DEL, s[0], 0), 0);
    send_one(s[1]);
    l.add = s[0];
    later_start(&l);
    ck_assert_uint_eq(wait1(ep, 3000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, s[0]);
    pthread_join(l.tid, NULL);
    recv_one(s[0]);
    ck_assert_uint_lt(now_ms() - begun, 2000);
    /* One that is closed meanwhile does not wake and does not hurt. */
    l = (struct later){.ms = 20, .act = act_close, .fd = s[0]};
    later_start(&l);
    ck_assert_uint_eq(wait1(ep, 80, &fd), 0);
    pthread_join(l.tid, NULL);
}
END_TEST

/* Dups are the same set; a member stays while one of its descriptors is open, under the number it was added with. */
START_TEST(epoll_dup)
{
    int s[2], fd = -1, ep = ep_new(), ep2 = dup(ep);
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep2, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), -EEXIST);
    send_one(s[1]);
    ck_assert_uint_eq(wait1(ep, 1000, NULL), EPOLLIN);
    ck_assert_uint_eq(wait1(ep2, 0, NULL), EPOLLIN);
    close(ep2);
    int other = dup(s[0]), old = s[0];
    close(s[0]);
    ck_assert_uint_eq(wait1(ep, 0, &fd), EPOLLIN);
    ck_assert_int_eq(fd, old);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, other, EPOLLIN), 0);
    struct epoll_event ev[4];
    ck_assert_int_eq(epoll_wait(ep, ev, 4, 0), 2);
    close(other);
    ck_assert_int_eq(epoll_wait(ep, ev, 4, 0), 0);
}
END_TEST

START_TEST(epoll_nested)
{
    int s[2], p[2], inner = ep_new(), outer = ep_new(), fd = -1;
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    ck_assert_int_eq(ctl(inner, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    ck_assert_int_eq(ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0);
    ck_assert_int_eq(ctl(inner, EPOLL_CTL_ADD, outer, EPOLLIN), -ELOOP);
    ck_assert_uint_eq(wait1(outer, 0, NULL), 0);
    ck_assert_int_eq(poll1(inner, POLLIN, 0), 0);
    struct later l = {.ms = 20, .fd = s[1]};
    later_start(&l);
    ck_assert_uint_eq(wait1(outer, 5000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, inner);
    pthread_join(l.tid, NULL);
    ck_assert_int_eq(poll1(inner, POLLIN | POLLOUT, 0), POLLIN);
    ck_assert_int_eq(poll1(outer, POLLIN, 0), POLLIN);
    ck_assert_uint_eq(wait1(inner, 0, &fd), EPOLLIN);
    recv_one(s[0]);
    ck_assert_uint_eq(wait1(outer, 0, NULL), 0);
    ck_assert_int_eq(poll1(inner, POLLIN, 10), 0);
    /* The inner set's other half. */
    ck_assert_int_eq(ctl(inner, EPOLL_CTL_ADD, p[0], EPOLLIN), 0);
    l.fd = p[1];
    later_start(&l);
    ck_assert_uint_eq(wait1(outer, 5000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, inner);
    pthread_join(l.tid, NULL);
    fd_set in;
    FD_ZERO(&in);
    FD_SET(inner, &in);
    ck_assert_int_eq(select(64, &in, NULL, NULL, NULL), 1);
    ck_assert_int_eq(ctl(outer, EPOLL_CTL_MOD, inner, 0), 0);
    ck_assert_uint_eq(wait1(outer, 0, NULL), 0);
    ck_assert_int_eq(ctl(outer, EPOLL_CTL_DEL, inner, 0), 0);
}
END_TEST

START_TEST(poll_on_epoll)
{
    int s[2], ep = ep_new();
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    struct later l = {.ms = 30, .fd = s[1]};
    later_start(&l);
    ck_assert_int_eq(poll1(ep, POLLIN, 5000), POLLIN);
    pthread_join(l.tid, NULL);
}
END_TEST

/* poll() on a set wakes all who do it; epoll_wait() one. */
static _Atomic int polled;
static void *poll_main(void *arg) {
    if (poll1(*(const int *)arg, POLLIN, 1000) == POLLIN)
        polled++;
    return NULL;
}
START_TEST(poll_on_epoll_threads)
{
    int s[2], ep = ep_new();
    pthread_t t[3];
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    for (int k = 0; k < 3; k++)
        pthread_create(&t[k], NULL, poll_main, &ep);
    usleep(30000);
    uint64_t begun = now_ms();
    send_one(s[1]);
    for (int k = 0; k < 3; k++)
        pthread_join(t[k], NULL);
    ck_assert_int_eq(polled, 3);
    ck_assert_uint_lt(now_ms() - begun, 800);
}
END_TEST

START_TEST(epoll_pwait2_time)
{
    int s[2], ep = ep_new();
    struct epoll_event ev;
    udp_pair(_i, s);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLIN), 0);
    struct timespec ts = {0, 30000000};
    uint64_t begun = now_ms();
    int r = epoll_pwait2(ep, &ev, 1, &ts, NULL);
    if (r < 0 && errno == ENOSYS)
        return;
    ck_assert_int_eq(r, 0);
    ck_assert_uint_ge(now_ms() - begun, 29);
    send_one(s[1]);
    ck_assert_int_eq(epoll_pwait2(ep, &ev, 1, NULL, NULL), 1);
}
END_TEST

/* Two threads wait on one set, two events come: each is harvested, nobody is left asleep. */
static _Atomic int harvested;
static void *harvest_main(void *arg) {
    struct epoll_event ev;
    int n;
    while ((n = epoll_wait(*(const int *)arg, &ev, 1, 2000)) == 1 && harvested < 200) {
        char c;
        if (recv(ev.data.fd, &c, 1, MSG_DONTWAIT) == 1)
            harvested++;
    }
    return NULL;
}
START_TEST(epoll_threads)
{
    int s[2][2], ep = ep_new();
    pthread_t t[2];
    for (int k = 0; k < 2; k++) {
        udp_pair(_i, s[k]);
        ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[k][0], EPOLLIN), 0);
        pthread_create(&t[k], NULL, harvest_main, &ep);
    }
    for (int k = 0; k < 100; k++) {
        send_one(s[0][1]);
        send_one(s[1][1]);
        if (k % 10 == 0)
            usleep(1000);
    }
    uint64_t begun = now_ms();
    while (harvested < 200 && now_ms() - begun < 1500)
        usleep(1000);
    ck_assert_int_eq(harvested, 200);
    send_one(s[0][1]);
    send_one(s[1][1]);
    for (int k = 0; k < 2; k++)
        pthread_join(t[k], NULL);
}
END_TEST

/* A member that becomes the kernel's when it is connected moves into the kernel's set. */
START_TEST(epoll_moves)
{
    int ep = ep_new(), fd = -1, u = socket(AF_INET, SOCK_DGRAM, 0),
        peer = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in sa = address(1, 0), me;
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, u, EPOLLIN), 0);
    ck_assert_int_eq(bind(peer, (struct sockaddr *)&sa, sizeof sa), 0);
    name_of(peer, &sa);
    ck_assert_int_eq(connect(u, (struct sockaddr *)&sa, sizeof sa), 0);
    check_side(1, u);
    name_of(u, &me);
    ck_assert_int_eq(sendto(peer, "x", 1, 0, (struct sockaddr *)&me, sizeof me), 1);
    ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, u);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, u, EPOLLOUT), 0);
    ck_assert_uint_eq(wait1(ep, 1000, NULL), EPOLLOUT);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_DEL, u, 0), 0);
}
END_TEST

/* A set that we did not see made. */
START_TEST(epoll_unseen)
{
    int s[2], p[2], fd = -1, ep = (int)SYS_CALL1(SYS_epoll_create1, 0);
    struct epoll_event ev = {.events = EPOLLIN};
    udp_pair(_i, s);
    ck_assert_int_eq(pipe(p), 0);
    ev.data.fd = p[0];
    ck_assert_int_eq(SYS_CALL4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, p[0], &ev), 0);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_ADD, s[0], EPOLLOUT), 0);
    ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLOUT);
    ck_assert_int_eq(fd, s[0]);
    ck_assert_int_eq(ctl(ep, EPOLL_CTL_MOD, s[0], EPOLLIN), 0);
    ck_assert_int_eq(write(p[1], "x", 1), 1);
    ck_assert_uint_eq(wait1(ep, 1000, &fd), EPOLLIN);
    ck_assert_int_eq(fd, p[0]);
}
END_TEST

static void set_up(void) { host_use_device(&null_dev_ops); }

int main(int argc, char **argv) {
    null_dev_env(argc, argv);
    Suite *s = suite_create("poll");
    TCase *tc = tcase_create("pollers");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, poll_fresh);
    tcase_add_test(tc, epoll_moves);
    tcase_add_loop_test(tc, poll_udp, 0, 2);
    tcase_add_loop_test(tc, poll_tcp_life, 0, 2);
    tcase_add_loop_test(tc, poll_mixed, 0, 2);
    tcase_add_loop_test(tc, poll_timeout, 0, 2);
    tcase_add_loop_test(tc, poll_wakes, 0, 2);
    tcase_add_loop_test(tc, poll_many, 0, 2);
    tcase_add_loop_test(tc, poll_errors, 0, 2);
    tcase_add_loop_test(tc, interrupted, 0, 2 * BY_COUNT);
    tcase_add_loop_test(tc, masked, 0, 6);
    tcase_add_loop_test(tc, jumped_out, 0, 2 * BY_COUNT);
    tcase_add_loop_test(tc, cancelled, 0, 2 * BY_COUNT);
    tcase_add_loop_test(tc, signal_storm, 0, 2 * BY_COUNT);
    tcase_add_loop_test(tc, select_bits, 0, 2);
    tcase_add_loop_test(tc, select_errors, 0, 2);
    tcase_add_loop_test(tc, select_high, 0, 2);
    tcase_add_loop_test(tc, select_hup_unwanted, 0, 2);
    tcase_add_loop_test(tc, epoll_level, 0, 2);
    tcase_add_loop_test(tc, epoll_edge, 0, 2);
    tcase_add_loop_test(tc, epoll_oneshot, 0, 2);
    tcase_add_loop_test(tc, epoll_tcp, 0, 2);
    tcase_add_loop_test(tc, epoll_errors, 0, 2);
    tcase_add_loop_test(tc, epoll_fair, 0, 2);
    tcase_add_loop_test(tc, epoll_wakes, 0, 2);
    tcase_add_loop_test(tc, epoll_dup, 0, 2);
    tcase_add_loop_test(tc, epoll_nested, 0, 2);
    tcase_add_loop_test(tc, poll_on_epoll, 0, 2);
    tcase_add_loop_test(tc, poll_on_epoll_threads, 0, 2);
    tcase_add_loop_test(tc, epoll_pwait2_time, 0, 2);
    tcase_add_loop_test(tc, epoll_threads, 0, 2);
    tcase_add_loop_test(tc, epoll_unseen, 0, 2);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
