/* SPDX-License-Identifier: ISC */
/* Sending and receiving as programs see it, on both sides (both.h). */
#include "preload/both.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <netinet/tcp.h>

static uint8_t pattern(size_t i) { return (uint8_t)((i * 2654435761u) >> 13); }
static void paint(uint8_t *p, size_t from, size_t len) {
    for (size_t i = 0; i < len; i++)
        p[i] = pattern(from + i);
}
static void must_be(const uint8_t *p, size_t from, size_t len) {
    size_t i = 0;
    while (i < len && p[i] == pattern(from + i))
        i++;
    ck_assert_msg(i == len, "byte %zu of %zu, at %zu, is wrong", i, len, from);
}

static void on_pipe(int sig) { (void)sig; }
static volatile int pipes;
static void count_pipe(int sig) {
    (void)sig;
    pipes++;
}

/* ---- streams ---- */

START_TEST(stream_basics)
{
    int s[2];
    char b[64] = {0};
    tcp_pair(_i, s);
    errno = 77;
    gives(send(s[0], "hello world", 11, 0), 11);
    gives(recv(s[1], b, 5, MSG_PEEK), 5);
    gives(recv(s[1], b, 5, 0), 5);
    ck_assert_mem_eq(b, "hello", 5);
    gives(recv(s[1], b, sizeof(b), 0), 6);
    ck_assert_mem_eq(b, " world", 6);
    ck_assert_int_eq(errno, 77); /* untouched */
    fails(recv(s[1], b, sizeof(b), MSG_DONTWAIT), EAGAIN);
    gives(write(s[1], "abc", 3), 3);
    gives(read(s[0], b, 0), 0);
    gives(read(s[0], b, 64), 3);
    /* A read of nothing does not even look; a recv of nothing does. */
    gives(read(s[0], b, 0), 0);
    fails(recv(s[0], b, 0, MSG_DONTWAIT), EAGAIN);
    gives(send(s[1], "", 0, 0), 0);
    gives(send(s[1], "x", 1, 0), 1);
    gives(recv(s[0], b, 0, 0), 0);
    gives(recv(s[0], b, 2, 0), 1);
    /* Names of the peer are not told by recvfrom() on a stream. */
    struct sockaddr_in sa;
    socklen_t len = sizeof(sa);
    gives(send(s[1], "x", 1, 0), 1);
    gives(recvfrom(s[0], b, 2, 0, (struct sockaddr *)&sa, &len), 1);
    ck_assert_uint_eq(len, 0);
    fails(recv(s[0], b, 2, MSG_ERRQUEUE), EAGAIN);
    gives(shutdown(s[1], SHUT_WR), 0);
    gives(recv(s[0], b, 2, 0), 0);
    gives(recv(s[0], b, 2, 0), 0);
    gives(send(s[0], "y", 1, 0), 1);
    gives(recv(s[1], b, 2, 0), 1);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(stream_flags)
{
    int s[2];
    uint8_t b[64] = {0};
    tcp_pair(_i, s);
    gives(send(s[0], "0123456789", 10, 0), 10);
    gives(recv(s[1], b, 4, MSG_PEEK | MSG_WAITALL), 4);
    ck_assert_mem_eq(b, "0123", 4);
    /* A stream throws bytes away for MSG_TRUNC. */
    b[0] = 'z';
    gives(recv(s[1], b, 3, MSG_TRUNC), 3);
    ck_assert_int_eq(b[0], 'z');
    gives(recv(s[1], NULL, 3, MSG_TRUNC), 3);
    gives(recv(s[1], b, 64, MSG_DONTWAIT | MSG_WAITALL), 4);
    ck_assert_mem_eq(b, "6789", 4);
    close(s[0]);
    close(s[1]);
}
END_TEST

struct slow {
    int fd;
    size_t step, total;
    long wait_us;
    bool reads;
};

static void *slow_thread(void *arg) {
    struct slow *w = arg;
    static __thread uint8_t b[1 << 16];
    size_t done = 0;
    while (done < w->total) {
        size_t n = UST_MIN(w->step, w->total - done);
        if (w->reads) {
            ssize_t r = recv(w->fd, b, n, 0);
            ck_assert_int_gt(r, 0);
            must_be(b, done, (size_t)r);
            done += (size_t)r;
        } else {
            paint(b, done, n);
            ck_assert_int_eq(send(w->fd, b, n, 0), (ssize_t)n);
            done += n;
        }
        if (w->wait_us)
            usleep((useconds_t)w->wait_us);
    }
    return NULL;
}

START_TEST(stream_waitall)
{
    int s[2];
    static uint8_t b[20000];
    pthread_t t;
    tcp_pair(_i, s);
    struct slow w = {.fd = s[0], .step = 1000, .total = sizeof(b), .wait_us = 500};
    pthread_create(&t, NULL, slow_thread, &w);
    gives(recv(s[1], b, sizeof(b), MSG_WAITALL), sizeof(b));
    must_be(b, 0, sizeof(b));
    pthread_join(t, NULL);
    /* Cut short by the end. */
    gives(send(s[0], "abc", 3, 0), 3);
    gives(shutdown(s[0], SHUT_WR), 0);
    gives(recv(s[1], b, sizeof(b), MSG_WAITALL), 3);
    gives(recv(s[1], b, sizeof(b), MSG_WAITALL), 0);
    close(s[0]);
    close(s[1]);
}
END_TEST

/* More than both buffers hold, by one blocking call, against readers of several kinds. */
static const size_t steps[] = {777, 4096, 40000, 65536};
START_TEST(stream_large)
{
    int side = _i % SIDES, s[2];
    size_t len = 24u << 20;
    uint8_t *b = malloc(len);
    pthread_t t;
    paint(b, 0, len);
    tcp_pair(side, s);
    struct slow w = {.fd = s[1], .step = steps[_i / SIDES], .total = len, .reads = true};
    pthread_create(&t, NULL, slow_thread, &w);
    gives(send(s[0], b, len, 0), len);
    pthread_join(t, NULL);
    free(b);
    close(s[0]);
    close(s[1]);
    check_nothing_held();
}
END_TEST

/* Non-blocking: a partial count when the buffers fill, then EAGAIN, and what was taken arrives. */
START_TEST(stream_partial)
{
    int s[2];
    size_t len = 64u << 20, sent = 0, got = 0;
    uint8_t *b = malloc(len);
    paint(b, 0, len);
    tcp_pair(_i, s);
    gives(fcntl(s[0], F_SETFL, O_NONBLOCK), 0);
    ssize_t r = send(s[0], b, len, 0);
    ck_assert_int_gt(r, 0);
    ck_assert_int_lt(r, (ssize_t)len);
    sent = (size_t)r;
    for (int i = 0; i < 1000; i++) {
        r = send(s[0], b + sent, len - sent, 0);
        if (r < 0)
            break;
        sent += (size_t)r;
        usleep(100);
    }
    ck_assert_int_eq(errno, EAGAIN);
    struct pollfd p = {.fd = s[0], .events = POLLOUT};
    gives(poll(&p, 1, 0), 0);
    gives(shutdown(s[0], SHUT_WR), 0);
    while ((r = recv(s[1], b, 100000, 0)) > 0) {
        must_be(b, got, (size_t)r);
        got += (size_t)r;
    }
    ck_assert_uint_eq(got, sent);
    free(b);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(stream_epipe)
{
    int s[2], fresh = socket(AF_INET, SOCK_STREAM, 0);
    char b[8];
    sigset_t set, old;
    tcp_pair(_i, s);
    signal(SIGPIPE, count_pipe);
    pipes = 0;
    gives(shutdown(s[0], SHUT_WR), 0);
    fails(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    ck_assert_int_eq(pipes, 0);
    fails(send(s[0], "x", 1, 0), EPIPE);
    ck_assert_int_eq(pipes, 1);
    fails(write(s[0], "x", 1), EPIPE);
    ck_assert_int_eq(pipes, 2);
    struct iovec v = {b, 1};
    fails(writev(s[0], &v, 1), EPIPE);
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    fails(sendmsg(s[0], &m, 0), EPIPE);
    ck_assert_int_eq(pipes, 4);
    /* Blocked: it stays pending at this thread. */
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, &old);
    fails(write(s[0], "x", 1), EPIPE);
    ck_assert_int_eq(pipes, 4);
    sigpending(&old);
    ck_assert_int_eq(sigismember(&old, SIGPIPE), 1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    ck_assert_int_eq(pipes, 5);
    /* Never connected. */
    fails(send(fresh, "x", 1, MSG_NOSIGNAL), EPIPE);
    fails(recv(fresh, b, 1, 0), ENOTCONN);
    /* After a reset: the error once, then EPIPE. */
    struct linger lg = {1, 0};
    close(s[0]);
    tcp_pair(_i, s);
    gives(setsockopt(s[1], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)), 0);
    close(s[1]);
    usleep(20000);
    fails(send(s[0], "x", 1, MSG_NOSIGNAL), ECONNRESET);
    fails(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
    gives(recv(s[0], b, 1, 0), 0);
    close(s[0]);
    close(fresh);
}
END_TEST

START_TEST(stream_faults)
{
    int s[2];
    char b[16];
    char *bad = bad_memory();
    struct iovec v[2] = {{b, 4}, {bad, 4}};
    tcp_pair(_i, s);
    fails(send(s[0], bad, 4, 0), EFAULT);
    fails(send(s[0], bad, 40000, 0), EFAULT);
    fails(writev(s[0], (struct iovec *)(void *)bad, 1), EFAULT);
    fails(sendmsg(s[0], (struct msghdr *)(void *)bad, 0), EFAULT);
    volatile int negative = -1, too_many = IOV_MAX + 1;
    fails(writev(s[0], v, negative), EINVAL);
    fails(writev(s[0], v, too_many), EINVAL);
    gives(writev(s[0], v, 0), 0);
    v[1].iov_len = (size_t)SSIZE_MAX + 1;
    fails(writev(s[0], v, 2), EINVAL);
    struct msghdr m = {.msg_iov = v, .msg_iovlen = IOV_MAX + 1};
    fails(sendmsg(s[0], &m, 0), EMSGSIZE);
    fails(recvmsg(s[1], &m, 0), EMSGSIZE);
    gives(send(s[0], "12345678", 8, 0), 8);
    usleep(1000);
    fails(recv(s[1], bad, 4, 0), EFAULT);
    fails(recv(s[1], bad, 4, MSG_PEEK), EFAULT);
    /* Nothing was lost by it. */
    gives(recv(s[1], b, 16, 0), 8);
    ck_assert_mem_eq(b, "12345678", 8);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(stream_vectors)
{
    int s[2];
    struct iovec v[20], w[3];
    static uint8_t in[20][50], out[3][400];
    size_t total = 0;
    tcp_pair(_i, s);
    for (size_t i = 0; i < 20; i++) {
        size_t n = i == 7 ? 0 : 30 + i;
        paint(in[i], total, n);
        v[i] = (struct iovec){in[i], n};
        total += n;
    }
    gives(writev(s[0], v, 20), total);
    for (size_t i = 0; i < 3; i++)
        w[i] = (struct iovec){out[i], 350};
    gives(readv(s[1], w, 3), total);
    must_be(out[0], 0, 350);
    must_be(out[1], 350, 350);
    must_be(out[2], 700, total - 700);
    /* As libc's own variants do it. */
    gives(pwritev2(s[0], v, 2, -1, 0), 61);
    gives(preadv2(s[1], w, 1, -1, 0), 61);
    fails(preadv2(s[1], w, 1, -1, RWF_NOWAIT), EAGAIN);
    fails(preadv2(s[1], w, 1, 0, 0), ESPIPE);
    fails(lseek(s[0], 0, SEEK_CUR), ESPIPE);
    struct msghdr m = {.msg_iov = w, .msg_iovlen = 3, .msg_flags = 123};
    struct sockaddr_in sa;
    m.msg_name = &sa;
    m.msg_namelen = sizeof(sa);
    gives(send(s[0], "abcd", 4, 0), 4);
    gives(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC), 4);
    ck_assert_int_eq(m.msg_flags, MSG_CMSG_CLOEXEC);
    ck_assert_uint_eq(m.msg_namelen, 0);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(stream_oob)
{
    int s[2], mark = 9;
    char b[8];
    tcp_pair(_i, s);
    fails(recv(s[1], b, 1, MSG_OOB), EINVAL);
    gives(send(s[0], "abc", 3, MSG_OOB), 3);
    usleep(2000);
    gives(recv(s[1], b, 1, MSG_OOB | MSG_PEEK), 1);
    ck_assert_int_eq(b[0], 'c');
    gives(recv(s[1], b, 8, MSG_OOB), 1);
    ck_assert_int_eq(b[0], 'c');
    gives(recv(s[1], b, 8, 0), 2);
    gives(ioctl(s[1], SIOCATMARK, &mark), 0);
    ck_assert_int_eq(mark, 1);
    gives(sockatmark(s[1]), 1);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(stream_ioctl)
{
    int s[2], n = -1;
    char b[8];
    tcp_pair(_i, s);
    gives(send(s[0], "abcde", 5, 0), 5);
    usleep(2000);
    gives(ioctl(s[1], FIONREAD, &n), 0);
    ck_assert_int_eq(n, 5);
    n = 1;
    gives(ioctl(s[1], FIONBIO, &n), 0);
    gives(fcntl(s[1], F_GETFL), O_RDWR | O_NONBLOCK);
    gives(recv(s[1], b, 8, 0), 5);
    fails(recv(s[1], b, 8, 0), EAGAIN);
    n = 0;
    gives(ioctl(s[1], FIONBIO, &n), 0);
    gives(fcntl(s[1], F_GETFL), O_RDWR);
    gives(ioctl(s[1], FIOCLEX), 0);
    gives(fcntl(s[1], F_GETFD), FD_CLOEXEC);
    gives(ioctl(s[1], FIONCLEX), 0);
    gives(fcntl(s[1], F_GETFD), 0);
    fails(ioctl(s[1], TIOCGWINSZ, b), ENOTTY);
    fails(ioctl(s[1], FIONREAD, bad_memory()), EFAULT);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(files_and_pipes)
{
    int s[2], p[2];
    static uint8_t b[300000], out[300000];
    tcp_pair(_i, s);
    FILE *f = tmpfile();
    int fd = fileno(f);
    paint(b, 0, sizeof(b));
    gives(write(fd, b, 100000), 100000);
    /* From an offset: the file's own stays. */
    off_t off = 10, end = lseek(fd, 5, SEEK_SET);
    gives(sendfile(s[0], fd, &off, 1000), 1000);
    ck_assert_int_eq(off, 1010);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), end);
    gives(recv(s[1], out, 1000, MSG_WAITALL), 1000);
    must_be(out, 10, 1000);
    /* From the file's own position, more than there is. */
    gives(sendfile(s[0], fd, NULL, 200000), 99995);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 100000);
    gives(recv(s[1], out, 99995, MSG_WAITALL), 99995);
    must_be(out, 5, 99995);
    gives(sendfile(s[0], fd, NULL, 10), 0);
    fails(sendfile(s[0], -1, NULL, 10), EBADF);
    gives(sendfile(s[0], fd, NULL, 0), 0);

    gives(pipe(p), 0);
    fails(sendfile(s[0], p[0], NULL, 10), EINVAL);
    fails(splice(p[0], NULL, s[0], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    gives(write(p[1], b, 30000), 30000);
    size_t moved = 0;
    while (moved < 30000) {
        ssize_t r = splice(p[0], NULL, s[0], NULL, 30000 - moved, SPLICE_F_MOVE);
        ck_assert_int_gt(r, 0);
        moved += (size_t)r;
    }
    moved = 0;
    while (moved < 30000) {
        ssize_t r = splice(s[1], NULL, p[1], NULL, 30000 - moved, SPLICE_F_MOVE);
        ck_assert_int_gt(r, 0);
        gives(read(p[0], out + moved, sizeof(out) - moved), r);
        moved += (size_t)r;
    }
    must_be(out, 0, 30000);
    /* SPLICE_F_NONBLOCK is about the pipe; the socket has its own flag. */
    gives(fcntl(s[1], F_SETFL, O_NONBLOCK), 0);
    fails(splice(s[1], NULL, p[1], NULL, 10, SPLICE_F_NONBLOCK), EAGAIN);
    gives(fcntl(s[1], F_SETFL, 0), 0);
    close(p[1]);
    gives(splice(p[0], NULL, s[0], NULL, 10, 0), 0);
    close(s[0]);
    gives(sendfile(fd, fd, NULL, 0), 0);
    gives(recv(s[1], out, 1, 0), 0);
    fclose(f);
    close(s[1]);
}
END_TEST

/* ---- datagrams ---- */

START_TEST(dgram_basics)
{
    int s[2];
    static char b[70000];
    struct sockaddr_in from, mine;
    socklen_t len = sizeof(from);
    udp_pair(_i, s);
    name_of(s[0], &mine);
    gives(send(s[0], "abcdef", 6, 0), 6);
    gives(recvfrom(s[1], b, 3, MSG_PEEK, (struct sockaddr *)&from, &len), 3);
    ck_assert_uint_eq(len, sizeof(from));
    ck_assert_int_eq(from.sin_port, mine.sin_port);
    ck_assert_int_eq(from.sin_addr.s_addr, mine.sin_addr.s_addr);
    gives(recv(s[1], b, 3, MSG_PEEK | MSG_TRUNC), 6);
    gives(recv(s[1], b, 3, 0), 3); /* the rest is lost */
    fails(recv(s[1], b, 3, MSG_DONTWAIT), EAGAIN);
    gives(send(s[0], "", 0, 0), 0);
    gives(send(s[0], "x", 1, 0), 1);
    gives(read(s[1], b, 0), 0);
    gives(recv(s[1], b, 3, 0), 0);
    gives(recv(s[1], b, 3, 0), 1);
    gives(send(s[0], b, 65507, 0), 65507);
    gives(recv(s[1], b, sizeof(b), 0), 65507);
    fails(send(s[0], b, 65508, 0), EMSGSIZE);
    fails(send(s[0], b, 70000, 0), EMSGSIZE);
    fails(send(s[0], "x", 1, MSG_OOB), EOPNOTSUPP);
    fails(recv(s[1], b, 3, MSG_OOB | MSG_DONTWAIT), EAGAIN); /* no meaning here */
    /* A short name is cut, its full length told. */
    gives(send(s[0], "x", 1, 0), 1);
    len = 4;
    memset(&from, 0xee, sizeof(from));
    gives(recvfrom(s[1], b, 3, 0, (struct sockaddr *)&from, &len), 1);
    ck_assert_uint_eq(len, sizeof(from));
    ck_assert_int_eq(from.sin_port, mine.sin_port);
    ck_assert_uint_eq(from.sin_addr.s_addr, 0xeeeeeeee);
    /* Faults: in the data the datagram is gone, in the name as well. */
    gives(send(s[0], "x", 1, 0), 1);
    fails(recv(s[1], bad_memory(), 3, 0), EFAULT);
    gives(send(s[0], "x", 1, 0), 1);
    len = sizeof(from);
    fails(recvfrom(s[1], b, 3, 0, bad_memory(), &len), EFAULT);
    gives(send(s[0], "x", 1, 0), 1);
    fails(recvfrom(s[1], b, 3, 0, (struct sockaddr *)&from, bad_memory()), EFAULT);
    fails(recv(s[1], b, 3, MSG_DONTWAIT), EAGAIN);
    fails(send(s[0], bad_memory(), 10, 0), EFAULT);
    fails(sendto(s[0], b, 1, 0, bad_memory(), sizeof(from)), EFAULT);
    fails(sendto(s[0], b, 1, 0, (struct sockaddr *)&from, 3), EINVAL);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(dgram_names)
{
    struct sockaddr_in a, b, from;
    socklen_t len = sizeof(from);
    char buf[8];
    int s = udp_bound(_i, &a), t = udp_bound(_i, &b), u = socket(AF_INET, SOCK_DGRAM, 0);
    fails(send(s, "x", 1, 0), EDESTADDRREQ);
    fails(write(s, "x", 1), EDESTADDRREQ);
    gives(sendto(s, "x", 1, 0, (struct sockaddr *)&b, sizeof(b)), 1);
    gives(recvfrom(t, buf, 8, 0, (struct sockaddr *)&from, &len), 1);
    ck_assert_int_eq(from.sin_port, a.sin_port);
    /* Unbound: gets a port by it, and may talk to both sides from then on. */
    gives(sendto(u, "yz", 2, 0, (struct sockaddr *)&b, sizeof(b)), 2);
    check_side(0, u);
    gives(recvfrom(t, buf, 8, 0, (struct sockaddr *)&from, &len), 2);
    ck_assert_int_ne(from.sin_port, 0);
    gives(sendto(t, "1", 1, 0, (struct sockaddr *)&from, sizeof(from)), 1);
    gives(recv(u, buf, 8, 0), 1);
    struct sockaddr_in bad = b;
    bad.sin_port = 0;
    fails(sendto(s, "x", 1, 0, (struct sockaddr *)&bad, sizeof(bad)), EINVAL);
    bad = b;
    bad.sin_family = AF_INET6;
    fails(sendto(s, "x", 1, 0, (struct sockaddr *)&bad, sizeof(bad)), EAFNOSUPPORT);
    bad.sin_family = AF_UNSPEC; /* means AF_INET here */
    gives(sendto(s, "x", 1, 0, (struct sockaddr *)&bad, sizeof(bad)), 1);
    gives(recv(t, buf, 8, 0), 1);
    close(s);
    close(t);
    close(u);
}
END_TEST

START_TEST(dgram_control)
{
    struct sockaddr_in a, b;
    int s = udp_bound(_i, &a), t = udp_bound(_i, &b), on = 1, ttl = 33, tos = 0x48;
    char buf[8], control[512];
    gives(setsockopt(t, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    gives(setsockopt(t, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
    gives(setsockopt(t, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)), 0);
    gives(setsockopt(t, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)), 0);
    struct iovec v = {buf, 1};
    struct msghdr m = {.msg_name = &b,
                       .msg_namelen = sizeof(b),
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = CMSG_SPACE(4) * 2};
    memset(control, 0, sizeof(control));
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){CMSG_LEN(4), IPPROTO_IP, IP_TTL};
    memcpy(CMSG_DATA(c), &ttl, 4);
    c = CMSG_NXTHDR(&m, c);
    *c = (struct cmsghdr){CMSG_LEN(4), IPPROTO_IP, IP_TOS};
    memcpy(CMSG_DATA(c), &tos, 4);
    gives(sendmsg(s, &m, 0), 1);
    gives(sendmsg(s, &m, 0), 1);

    m = (struct msghdr){
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    gives(recvmsg(t, &m, 0), 1);
    ck_assert_int_eq(m.msg_flags, 0);
    static const int want[][2] = {{SOL_SOCKET, SO_TIMESTAMP},
                                  {IPPROTO_IP, IP_PKTINFO},
                                  {IPPROTO_IP, IP_TTL},
                                  {IPPROTO_IP, IP_TOS}};
    size_t i = 0;
    for (c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c), i++) {
        ck_assert_uint_lt(i, 4);
        ck_assert_int_eq(c->cmsg_level, want[i][0]);
        ck_assert_int_eq(c->cmsg_type, want[i][1]);
        if (i == 1)
            ck_assert_mem_eq(CMSG_DATA(c) + 8, &b.sin_addr, 4); /* ipi_addr */
        if (i == 2)
            ck_assert_mem_eq(CMSG_DATA(c), &ttl, 4);
        if (i == 3)
            ck_assert_int_eq(*CMSG_DATA(c), tos);
    }
    ck_assert_uint_eq(i, 4);
    ck_assert_uint_eq(m.msg_controllen,
                      CMSG_SPACE(16) + CMSG_SPACE(12) + CMSG_SPACE(4) + CMSG_SPACE(1));
    /* No room: cut in the middle of the second. */
    m.msg_controllen = CMSG_SPACE(16) + CMSG_LEN(5);
    gives(recvmsg(t, &m, 0), 1);
    ck_assert_int_eq(m.msg_flags, MSG_CTRUNC);
    ck_assert_uint_eq(m.msg_controllen, CMSG_SPACE(16) + CMSG_LEN(5));
    /* Bad ones. */
    m = (struct msghdr){.msg_name = &b,
                        .msg_namelen = sizeof(b),
                        .msg_iov = &v,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = CMSG_SPACE(4)};
    c = CMSG_FIRSTHDR(&m);
    *c = (struct cmsghdr){8, IPPROTO_IP, IP_TTL};
    fails(sendmsg(s, &m, 0), EINVAL);
    *c = (struct cmsghdr){CMSG_LEN(40), IPPROTO_IP, IP_TTL};
    fails(sendmsg(s, &m, 0), EINVAL);
    *c = (struct cmsghdr){CMSG_LEN(4), IPPROTO_IP, 99};
    fails(sendmsg(s, &m, 0), EINVAL);
    ttl = 256;
    *c = (struct cmsghdr){CMSG_LEN(4), IPPROTO_IP, IP_TTL};
    memcpy(CMSG_DATA(c), &ttl, 4);
    fails(sendmsg(s, &m, 0), EINVAL);
    close(s);
    close(t);
}
END_TEST

START_TEST(dgram_many)
{
    int s[2];
    struct mmsghdr m[8];
    struct iovec v[8];
    char buf[8][16];
    udp_pair(_i, s);
    memset(m, 0, sizeof(m));
    for (int i = 0; i < 8; i++) {
        memset(buf[i], 'a' + i, 16);
        v[i] = (struct iovec){buf[i], (size_t)i};
        m[i].msg_hdr.msg_iov = &v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    gives(sendmmsg(s[0], m, 5, 0), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(m[i].msg_len, (unsigned)i);
    for (int i = 0; i < 8; i++)
        v[i].iov_len = 16;
    struct timespec ts = {5, 0};
    gives(recvmmsg(s[1], m, 8, MSG_WAITFORONE, &ts), 5);
    for (int i = 0; i < 5; i++)
        ck_assert_uint_eq(m[i].msg_len, (unsigned)i);
    ck_assert_int_eq(buf[4][3], 'a' + 4);
    fails(recvmmsg(s[1], m, 8, MSG_DONTWAIT, NULL), EAGAIN);
    ts.tv_nsec = -1;
    fails(recvmmsg(s[1], m, 8, MSG_DONTWAIT, &ts), EINVAL);
    /* The second one is bad: one is sent. */
    v[1].iov_base = bad_memory();
    gives(sendmmsg(s[0], m, 3, 0), 1);
    v[0].iov_base = bad_memory();
    fails(sendmmsg(s[0], m, 3, 0), EFAULT);
    gives(sendmmsg(s[0], m, 0, 0), 0);
    close(s[0]);
    close(s[1]);
}
END_TEST

START_TEST(dgram_refused)
{
    struct sockaddr_in a, b;
    char buf[4];
    int s = udp_bound(_i, &a), t = udp_bound(_i, &b), err = 0;
    socklen_t len = sizeof(err);
    gives(connect(s, (struct sockaddr *)&b, sizeof(b)), 0);
    close(t);
    gives(send(s, "x", 1, 0), 1);
    usleep(5000);
    fails(recv(s, buf, 4, 0), ECONNREFUSED);
    fails(recv(s, buf, 4, MSG_DONTWAIT), EAGAIN);
    gives(send(s, "x", 1, 0), 1);
    usleep(5000);
    fails(send(s, "x", 1, 0), ECONNREFUSED);
    gives(send(s, "x", 1, 0), 1);
    usleep(5000);
    gives(getsockopt(s, SOL_SOCKET, SO_ERROR, &err, &len), 0);
    ck_assert_int_eq(err, ECONNREFUSED);
    close(s);
}
END_TEST

/* ---- syscall() ---- */

START_TEST(raw_numbers)
{
    int s[2];
    char b[8];
    tcp_pair(_i, s);
    gives(syscall(SYS_sendto, s[0], "abc", 3L, 0, NULL, 0), 3);
    gives(syscall(SYS_recvfrom, s[1], b, 8L, 0, NULL, NULL), 3);
    gives(syscall(SYS_write, s[0], "abcd", 4L), 4);
    gives(syscall(SYS_read, s[1], b, 8L), 4);
    gives(syscall(SYS_fcntl, s[1], F_SETFL, O_NONBLOCK), 0);
    fails(syscall(SYS_read, s[1], b, 8L), EAGAIN);
    struct pollfd p = {.fd = s[0], .events = POLLOUT};
    struct timespec ts = {0, 0};
    gives(syscall(SYS_ppoll, &p, 1L, &ts, NULL, 8L), 1);
    int t = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    ck_assert_ptr_nonnull(fd_lookup(t));
    gives(syscall(SYS_close, t), 0);
    ck_assert_ptr_null(fd_lookup(t));
    ck_assert_int_eq(syscall(SYS_getpid), getpid());
    fails(syscall(SYS_io_uring_setup, 8, b), ENOSYS);
    close(s[0]);
    close(s[1]);
}
END_TEST

/* ---- timeouts, two at once ---- */

START_TEST(timeouts)
{
    int s[2], u[2];
    char b[4];
    struct timeval tv = {0, 50000};
    static char big[1 << 20];
    tcp_pair(_i, s);
    udp_pair(_i, u);
    gives(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    gives(setsockopt(u[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    gives(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
    int64_t t = now_ms();
    fails(recv(s[0], b, 4, 0), EAGAIN);
    ck_assert_int_ge(now_ms() - t, 49);
    t = now_ms();
    fails(recv(u[0], b, 4, 0), EAGAIN);
    ck_assert_int_ge(now_ms() - t, 49);
    ck_assert_int_lt(now_ms() - t, 1000);
    /* Bytes so far, then the timeout. */
    gives(send(s[1], "ab", 2, 0), 2);
    gives(recv(s[0], b, 4, MSG_WAITALL), 2);
    t = now_ms();
    for (int i = 0; i < 100; i++)
        if (send(s[0], big, sizeof(big), 0) < 0)
            break;
    ck_assert_int_eq(errno, EAGAIN);
    ck_assert_int_ge(now_ms() - t, 49);
    struct sockaddr_in sa;
    int l = tcp_listener(_i, &sa);
    gives(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    t = now_ms();
    fails(accept(l, NULL, NULL), EAGAIN);
    ck_assert_int_ge(now_ms() - t, 49);
    check_nothing_held();
}
END_TEST

static void *send_many(void *arg) {
    static __thread char b[30000];
    int fd = *(int *)arg;
    memset(b, 'x', sizeof(b));
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(send(fd, b, sizeof(b), 0), sizeof(b));
    return NULL;
}

/* Two threads that send, two that receive, on one connection: no byte is lost or doubled. */
static _Atomic size_t received;
static void *recv_many(void *arg) {
    static __thread char b[50000];
    int fd = *(int *)arg;
    ssize_t r;
    while ((r = recv(fd, b, sizeof(b), 0)) > 0)
        atomic_fetch_add(&received, (size_t)r);
    ck_assert_int_eq(r, 0);
    return NULL;
}

START_TEST(threads_share)
{
    int s[2];
    pthread_t t[4];
    received = 0;
    tcp_pair(_i, s);
    for (int i = 0; i < 4; i++)
        pthread_create(&t[i], NULL, i < 2 ? send_many : recv_many, i < 2 ? &s[0] : &s[1]);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    gives(shutdown(s[0], SHUT_WR), 0);
    pthread_join(t[2], NULL);
    pthread_join(t[3], NULL);
    ck_assert_uint_eq(received, 2u * 200 * 30000);
    close(s[0]);
    close(s[1]);
    check_nothing_held();
}
END_TEST

int main(void) {
    both_init();
    signal(SIGPIPE, on_pipe);
    Suite *s = suite_create("data");
    TCase *t = tcase_create("data");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, stream_basics, 0, SIDES);
    tcase_add_loop_test(t, stream_flags, 0, SIDES);
    tcase_add_loop_test(t, stream_waitall, 0, SIDES);
    tcase_add_loop_test(t, stream_large, 0, SIDES * (int)UST_ARRAY_CNT(steps));
    tcase_add_loop_test(t, stream_partial, 0, SIDES);
    tcase_add_loop_test(t, stream_epipe, 0, SIDES);
    tcase_add_loop_test(t, stream_faults, 0, SIDES);
    tcase_add_loop_test(t, stream_vectors, 0, SIDES);
    tcase_add_loop_test(t, stream_oob, 0, SIDES);
    tcase_add_loop_test(t, stream_ioctl, 0, SIDES);
    tcase_add_loop_test(t, files_and_pipes, 0, SIDES);
    tcase_add_loop_test(t, dgram_basics, 0, SIDES);
    tcase_add_loop_test(t, dgram_names, 0, SIDES);
    tcase_add_loop_test(t, dgram_control, 0, SIDES);
    tcase_add_loop_test(t, dgram_many, 0, SIDES);
    tcase_add_loop_test(t, dgram_refused, 0, SIDES);
    tcase_add_loop_test(t, raw_numbers, 0, SIDES);
    tcase_add_loop_test(t, timeouts, 0, SIDES);
    tcase_add_loop_test(t, threads_share, 0, SIDES);
    suite_add_tcase(s, t);
    return both_run(s);
}
