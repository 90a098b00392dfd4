/* SPDX-License-Identifier: ISC */
/* Sockets and their numbers: birth, names, connections, options, dup, close in all its forms, fork; the late choice between stack and kernel (both.h). */
#include "preload/both.h"
#include "host/priv.h"
#include "host/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

static uint32_t socks_alive(void) {
    uint64_t now = host_lock();
    uint32_t cnt = slab_in_use(&host_stack()->core.arena, SLAB_SOCK);
    host_unlock(now);
    return cnt;
}

/* ---- birth ---- */

static const struct {
    const char *name;
    int family, type, protocol, err;
    bool ours;
} births[] = {
    {"stream", AF_INET, SOCK_STREAM, 0, 0, true},
    {"stream, TCP", AF_INET, SOCK_STREAM, IPPROTO_TCP, 0, true},
    {"datagram", AF_INET, SOCK_DGRAM, 0, 0, true},
    {"datagram, UDP", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0, true},
    {"stream, UDP", AF_INET, SOCK_STREAM, IPPROTO_UDP, EPROTONOSUPPORT, false},
    {"datagram, TCP", AF_INET, SOCK_DGRAM, IPPROTO_TCP, EPROTONOSUPPORT, false},
    {"IPv6 stream", AF_INET6, SOCK_STREAM, 0, 0, true},
    {"IPv6 datagram", AF_INET6, SOCK_DGRAM, 0, 0, true},
    {"seqpacket", AF_INET, SOCK_SEQPACKET, 0, ESOCKTNOSUPPORT, false},
    {"no type", AF_INET, 77, 0, EINVAL, false},
    {"no family", 99, SOCK_STREAM, 0, EAFNOSUPPORT, false},
    {"unix", AF_UNIX, SOCK_STREAM, 0, 0, false},
};

START_TEST(born)
{
    static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};
    for (size_t i = 0; i < UST_ARRAY_CNT(flags); i++) {
        errno = 0;
        int fd = socket(births[_i].family, births[_i].type | flags[i], births[_i].protocol);
        if (births[_i].err) {
            fails(fd, births[_i].err);
            continue;
        }
        int r = socket(births[_i].family, births[_i].type | flags[i], births[_i].protocol);
        ck_assert_int_ge(r, 0);
        close(r);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(fd_lookup(fd) != NULL, births[_i].ours);
        gives(fcntl(fd, F_GETFD), flags[i] & SOCK_CLOEXEC ? FD_CLOEXEC : 0);
        gives(fcntl(fd, F_GETFL), O_RDWR | (flags[i] & SOCK_NONBLOCK ? O_NONBLOCK : 0));
        struct stat st;
        gives(fstat(fd, &st), 0);
        ck_assert(S_ISSOCK(st.st_mode));
        int val = 0;
        socklen_t len = sizeof(val);
        gives(getsockopt(fd, SOL_SOCKET, SO_TYPE, &val, &len), 0);
        ck_assert_int_eq(val, births[_i].type);
        gives(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &val, &len), 0);
        ck_assert_int_eq(val, births[_i].family);
        gives(close(fd), 0);
        fails(close(fd), EBADF);
        ck_assert_ptr_null(fd_entry(fd));
    }
}
END_TEST

/* Nothing is left of 3000 of them, and numbers are the lowest free ones. */
START_TEST(many_come_and_go)
{
    int first = socket(AF_INET, SOCK_STREAM, 0), s[2];
    uint32_t alive = socks_alive();
    for (int i = 0; i < 3000; i++) {
        int fd = socket(AF_INET, i % 2 ? SOCK_STREAM : SOCK_DGRAM, 0);
        ck_assert_int_eq(fd, first + 1);
        close(fd);
    }
    for (int i = 0; i < 300; i++) {
        tcp_pair(_i, s);
        ck_assert_int_le(s[1], first + 3);
        close(s[0]);
        close(s[1]);
    }
    ck_assert_uint_eq(socks_alive(), alive);
    check_nothing_held();
}
END_TEST

START_TEST(high_numbers)
{
    static const int numbers[] = {1023, 1024, 1025, 5000, 65535, 65536, 70000, 100000, 1000000};
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    int s[2];
    char b[4];
    tcp_pair(_i, s);
    for (size_t i = 0; i < UST_ARRAY_CNT(numbers); i++) {
        int fd = numbers[i];
        if ((rlim_t)fd >= rl.rlim_cur)
            continue;
        gives(dup2(s[0], fd), fd);
        check_side(_i, fd);
        gives(send(fd, "x", 1, 0), 1);
        gives(recv(s[1], b, 4, 0), 1);
        gives(close(fd), 0);
        fails(send(fd, "x", 1, 0), EBADF);
    }
    ck_assert_ptr_null(fd_entry(INT_MAX));
    ck_assert_ptr_null(fd_entry(-1));
    ck_assert_ptr_null(fd_entry(INT_MIN));
}
END_TEST

/* ---- errors by call and state ---- */

enum state { FRESH, BOUND, LISTENING, CONNECTED, DGRAM, DGRAM_CONNECTED, STATES };

static int in_state(int side, enum state st) {
    struct sockaddr_in sa = address(side, 0);
    int s[2], fd = -1;
    switch (st) {
    case FRESH:
        fd = socket(AF_INET, SOCK_STREAM, 0);
        break;
    case BOUND:
        fd = socket(AF_INET, SOCK_STREAM, 0);
        gives(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        break;
    case LISTENING:
        fd = tcp_listener(side, &sa);
        break;
    case CONNECTED:
        tcp_pair(side, s);
        fd = s[0];
        break;
    case DGRAM:
        fd = udp_bound(side, &sa);
        break;
    case DGRAM_CONNECTED:
        udp_pair(side, s);
        fd = s[0];
        break;
    case STATES:
        break;
    }
    ck_assert_int_ge(fd, 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static int side_now;
static struct sockaddr_in nowhere(uint16_t port) { return address(side_now, port); }
static long do_accept(int fd) { return accept(fd, NULL, NULL); }
static long do_accept_flags(int fd) { return accept4(fd, NULL, NULL, 1); }
static long do_listen(int fd) { return listen(fd, 5); }
static long do_bind(int fd) {
    struct sockaddr_in sa = nowhere(0);
    return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}
static long do_bind_short(int fd) {
    struct sockaddr_in sa = nowhere(0);
    return bind(fd, (struct sockaddr *)&sa, sizeof(sa) - 9);
}
static long do_bind_long(int fd) {
    struct sockaddr_storage ss[2] = {{.ss_family = AF_INET}};
    return bind(fd, (struct sockaddr *)ss, sizeof(ss));
}
static long do_bind_family(int fd) {
    struct sockaddr_in sa = nowhere(0);
    sa.sin_family = AF_INET6;
    return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}
static long do_bind_unspec(int fd) {
    struct sockaddr_in sa = nowhere(0);
    sa.sin_family = AF_UNSPEC;
    return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}
static long do_bind_fault(int fd) { return bind(fd, (struct sockaddr *)bad_memory(), 16); }
static long do_bind_foreign(int fd) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x01020304)};
    return bind(fd, (struct sockaddr *)&sa, sizeof(sa));
}
static long do_connect_short(int fd) {
    struct sockaddr_in sa = nowhere(9);
    return connect(fd, (struct sockaddr *)&sa, 7);
}
static long do_connect_one(int fd) {
    struct sockaddr_in sa = nowhere(9);
    return connect(fd, (struct sockaddr *)&sa, 1);
}
static long do_connect_family(int fd) {
    struct sockaddr_in sa = nowhere(9);
    sa.sin_family = AF_UNIX;
    return connect(fd, (struct sockaddr *)&sa, sizeof(sa));
}
static long do_connect_fault(int fd) { return connect(fd, (struct sockaddr *)bad_memory(), 16); }
static long do_connect_again(int fd) {
    struct sockaddr_in sa = nowhere(9);
    return connect(fd, (struct sockaddr *)&sa, sizeof(sa));
}
static long do_shutdown(int fd) { return shutdown(fd, SHUT_WR); }
static long do_shutdown_bad(int fd) { return shutdown(fd, 3); }
static long do_peer(int fd) {
    struct sockaddr_in sa;
    socklen_t len = sizeof(sa);
    return getpeername(fd, (struct sockaddr *)&sa, &len);
}
static long do_name_negative(int fd) {
    struct sockaddr_in sa;
    socklen_t len = (socklen_t)-1;
    return getsockname(fd, (struct sockaddr *)&sa, &len);
}
static long do_name_fault(int fd) { return getsockname(fd, bad_memory(), bad_memory()); }
static long do_recv(int fd) {
    char b[4];
    return recv(fd, b, 4, 0);
}
static long do_send(int fd) { return send(fd, "x", 1, MSG_NOSIGNAL); }
static long do_opt_unknown(int fd) {
    int v = 0;
    return setsockopt(fd, SOL_SOCKET, 9999, &v, sizeof(v));
}
static long do_opt_short(int fd) { return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, "", 1); }
static long do_opt_fault(int fd) {
    return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad_memory(), 4);
}
static long do_opt_negative(int fd) {
    int v = 0;
    return setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, (socklen_t)-4);
}
static long do_getopt_fault(int fd) {
    socklen_t len = 4;
    return getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, bad_memory(), &len);
}
static long do_getopt_negative(int fd) {
    int v;
    socklen_t len = (socklen_t)-4;
    return getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &v, &len);
}
static long do_getopt_level(int fd) {
    int v;
    socklen_t len = 4;
    return getsockopt(fd, 77, 1, &v, &len);
}

/* By state; 0: works. */
static const struct {
    const char *name;
    long (*fn)(int fd);
    int err[STATES];
} errors[] = {
    {"accept", do_accept, {EINVAL, EINVAL, EAGAIN, EINVAL, EOPNOTSUPP, EOPNOTSUPP}},
    {"accept4 flags", do_accept_flags, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"listen", do_listen, {-1, 0, 0, EINVAL, EOPNOTSUPP, EOPNOTSUPP}},
    {"bind", do_bind, {0, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"bind short", do_bind_short, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"bind long", do_bind_long, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"bind family",
     do_bind_family,
     {EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT}},
    {"bind unspec",
     do_bind_unspec,
     {EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT, EAFNOSUPPORT}},
    {"bind fault", do_bind_fault, {EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT}},
    {"bind foreign", do_bind_foreign, {EADDRNOTAVAIL, -1, -1, -1, -1, -1}},
    {"connect short", do_connect_short, {EINVAL, EINVAL, EISCONN, EISCONN, EINVAL, EINVAL}},
    {"connect 1 byte", do_connect_one, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"connect family",
     do_connect_family,
     {EAFNOSUPPORT, EAFNOSUPPORT, EISCONN, EISCONN, EAFNOSUPPORT, EAFNOSUPPORT}},
    {"connect fault", do_connect_fault, {EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT}},
    {"connect again", do_connect_again, {-1, -1, EISCONN, EISCONN, 0, 0}},
    {"shutdown", do_shutdown, {ENOTCONN, ENOTCONN, 0, 0, ENOTCONN, 0}},
    {"shutdown 3", do_shutdown_bad, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"getpeername", do_peer, {ENOTCONN, ENOTCONN, ENOTCONN, 0, ENOTCONN, 0}},
    {"getsockname negative", do_name_negative, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"getsockname fault", do_name_fault, {EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT}},
    {"recv", do_recv, {ENOTCONN, ENOTCONN, ENOTCONN, EAGAIN, EAGAIN, EAGAIN}},
    {"send", do_send, {EPIPE, EPIPE, EPIPE, 0, EDESTADDRREQ, 0}},
    {"setsockopt unknown",
     do_opt_unknown,
     {ENOPROTOOPT, ENOPROTOOPT, ENOPROTOOPT, ENOPROTOOPT, ENOPROTOOPT, ENOPROTOOPT}},
    {"setsockopt short", do_opt_short, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"setsockopt fault", do_opt_fault, {EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT}},
    {"setsockopt negative", do_opt_negative, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"getsockopt fault", do_getopt_fault, {EFAULT, EFAULT, EFAULT, EFAULT, EFAULT, EFAULT}},
    {"getsockopt negative", do_getopt_negative, {EINVAL, EINVAL, EINVAL, EINVAL, EINVAL, EINVAL}},
    {"getsockopt level",
     do_getopt_level,
     {EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP, EOPNOTSUPP}},
};

START_TEST(errors_by_state)
{
    int k = _i / SIDES;
    side_now = _i % SIDES;
    for (int st = 0; st < STATES; st++) {
        int want = errors[k].err[st];
        if (want < 0 || (SANITIZED && want == EFAULT && !OURS(side_now)))
            continue;
        int fd = in_state(side_now, (enum state)st);
        errno = 0;
        long r = errors[k].fn(fd);
        int e = r < 0 ? errno : 0;
        ck_assert_msg(e == want, "%s in state %d: errno %d (%s), wanted %d (%s)", errors[k].name,
                      st, e, strerror(e), want, strerror(want));
        close(fd);
    }
}
END_TEST

/* ---- names and connections ---- */

START_TEST(names)
{
    int s[2];
    struct sockaddr_in a, b, c;
    socklen_t len = sizeof(a);
    int fresh = socket(AF_INET, SOCK_STREAM, 0);
    name_of(fresh, &a);
    ck_assert_int_eq(a.sin_family, AF_INET);
    ck_assert_int_eq(a.sin_port, 0);
    ck_assert_uint_eq(a.sin_addr.s_addr, 0);
    tcp_pair(_i, s);
    name_of(s[0], &a);
    name_of(s[1], &b);
    gives(getpeername(s[0], (struct sockaddr *)&c, &len), 0);
    ck_assert_mem_eq(&b, &c, sizeof(b));
    gives(getpeername(s[1], (struct sockaddr *)&c, &len), 0);
    ck_assert_mem_eq(&a, &c, sizeof(a));
    /* Cut to the room, the full length told. */
    memset(&c, 0xee, sizeof(c));
    len = 4;
    gives(getpeername(s[1], (struct sockaddr *)&c, &len), 0);
    ck_assert_uint_eq(len, sizeof(c));
    ck_assert_int_eq(c.sin_port, a.sin_port);
    ck_assert_uint_eq(c.sin_addr.s_addr, 0xeeeeeeee);
}
END_TEST

START_TEST(accept_names)
{
    struct sockaddr_in sa, peer, mine;
    socklen_t len = sizeof(peer);
    int l = tcp_listener(_i, &sa), c = socket(AF_INET, SOCK_STREAM, 0);
    gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    int s = accept4(l, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    ck_assert_int_ge(s, 0);
    name_of(c, &mine);
    ck_assert_mem_eq(&mine, &peer, sizeof(mine));
    ck_assert_uint_eq(len, sizeof(peer));
    gives(fcntl(s, F_GETFL), O_RDWR | O_NONBLOCK);
    gives(fcntl(s, F_GETFD), FD_CLOEXEC);
    close(s);
    close(c);
    /* A bad place for the name: the connection is lost, and no number with it. */
    c = socket(AF_INET, SOCK_STREAM, 0);
    gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    fails(accept(l, bad_memory(), &len), EFAULT);
    s = dup(0);
    ck_assert_int_eq(s, c + 1);
    fcntl(l, F_SETFL, O_NONBLOCK);
    fails(accept(l, NULL, NULL), EAGAIN);
}
END_TEST

START_TEST(connect_ways)
{
    struct sockaddr_in sa;
    int l = tcp_listener(_i, &sa), c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), err = -1;
    socklen_t len = sizeof(err);
    struct pollfd p = {.fd = c, .events = POLLOUT};
    int r = connect(c, (struct sockaddr *)&sa, sizeof(sa));
    if (r < 0) {
        ck_assert_int_eq(errno, EINPROGRESS);
        gives(poll(&p, 1, 1000), 1);
        gives(getsockopt(c, SOL_SOCKET, SO_ERROR, &err, &len), 0);
        ck_assert_int_eq(err, 0);
        gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    }
    fails(connect(c, (struct sockaddr *)&sa, sizeof(sa)), EISCONN);
    close(c);
    close(l);
    /* Nobody listens there any more. */
    c = socket(AF_INET, SOCK_STREAM, 0);
    fails(connect(c, (struct sockaddr *)&sa, sizeof(sa)), ECONNREFUSED);
    /* The same socket may try again. */
    l = tcp_listener(_i, &sa);
    gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    check_side(_i, c);
    close(c);
    c = socket(AF_INET, SOCK_DGRAM, 0);
    gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    check_side(_i, c);
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    gives(connect(c, &none, sizeof(none)), 0);
    fails(do_peer(c), ENOTCONN);
    check_nothing_held();
}
END_TEST

/* ---- one socket, several numbers ---- */

START_TEST(dups)
{
    int s[2], d;
    char b[8];
    tcp_pair(_i, s);
    d = dup(s[0]);
    ck_assert_int_ge(d, 0);
    gives(fcntl(s[0], F_SETFL, O_NONBLOCK), 0);
    gives(fcntl(d, F_GETFL), O_RDWR | O_NONBLOCK);
    int e = fcntl(s[0], F_DUPFD_CLOEXEC, 100);
    ck_assert_int_eq(e, 100);
    gives(fcntl(e, F_GETFD), FD_CLOEXEC);
    gives(fcntl(s[0], F_GETFD), 0);
    int f = dup3(s[0], 101, O_CLOEXEC);
    ck_assert_int_eq(f, 101);
    gives(fcntl(f, F_GETFD), FD_CLOEXEC);
    gives(dup2(s[0], s[0]), s[0]);
    fails(dup3(s[0], s[0], 0), EINVAL);
    gives(close(s[0]), 0);
    gives(send(d, "a", 1, 0), 1);
    gives(send(e, "b", 1, 0), 1);
    gives(send(f, "c", 1, 0), 1);
    gives(recv(s[1], b, 8, MSG_WAITALL | MSG_DONTWAIT), 3);
    gives(close(d), 0);
    gives(close(e), 0);
    fails(recv(s[1], b, 8, MSG_DONTWAIT), EAGAIN);
    gives(close(f), 0);
    gives(recv(s[1], b, 8, 0), 0);
}
END_TEST

/* dup2() of a file onto a socket closes it; of a socket onto a file, socket, or nothing. */
START_TEST(dup2_over)
{
    int s[2], t[2], p[2];
    char b[8];
    tcp_pair(_i, s);
    tcp_pair(_i, t);
    gives(pipe(p), 0);
    gives(dup2(p[1], s[0]), s[0]);
    gives(recv(s[1], b, 8, 0), 0); /* its end is gone */
    gives(write(s[0], "pipe", 4), 4);
    gives(read(p[0], b, 8), 4);
    gives(dup2(t[0], s[1]), s[1]);
    gives(dup2(t[0], p[0]), p[0]);
    gives(write(p[0], "sock", 4), 4);
    gives(write(s[1], "sock", 4), 4);
    usleep(1000);
    gives(recv(t[1], b, 8, 0), 8);
    fails(dup2(999, t[0]), EBADF);
    gives(write(t[0], "x", 1), 1);
    fails(dup2(t[0], -1), EBADF);
}
END_TEST

START_TEST(bulk_close)
{
    int s[2], t[2];
    char b[8];
    tcp_pair(_i, s);
    tcp_pair(_i, t);
    int keep = fcntl(s[1], F_DUPFD, 50), low = fcntl(t[1], F_DUPFD, 51);
    gives(close_range((unsigned)s[0], 49, 0), 0);
    fails(send(s[0], "x", 1, 0), EBADF);
    ck_assert_ptr_null(fd_entry(s[0]));
    gives(recv(keep, b, 8, 0), 0);
    gives(recv(low, b, 8, 0), 0);
    tcp_pair(_i, t);
    gives(close_range(3, ~0u, CLOSE_RANGE_CLOEXEC), 0);
    gives(fcntl(t[0], F_GETFD), FD_CLOEXEC);
    gives(send(t[0], "x", 1, 0), 1);
    closefrom(3);
    fails(fcntl(t[0], F_GETFD), EBADF);
    fails(close_range(5, 4, 0), EINVAL);
    fails(close_range(5, 6, 64), EINVAL);
    /* Ours behind the curtain are still there, and the next socket works. */
    for (int fd = 3; fd < 8192; fd++)
        if (close(fd) == 0)
            ck_abort_msg("%d was open", fd);
    tcp_pair(_i, s);
    gives(send(s[0], "x", 1, 0), 1);
    gives(recv(s[1], b, 1, 0), 1);
}
END_TEST

/* Our own descriptors do not exist for the program, and give way where it wants their number. */
START_TEST(private_numbers)
{
    int s[2], seen = 0;
    char b[4];
    tcp_pair(0, s);
    for (int fd = host_fd_next(0); fd >= 0; fd = host_fd_next(fd + 1)) {
        seen++;
        fails(close(fd), EBADF);
        fails(dup(fd), EBADF);
        fails(fcntl(fd, F_GETFD), EBADF);
        fails(dup2(fd, 200), EBADF);
    }
    ck_assert_int_gt(seen, 0);
    int want = host_fd_next(0);
    gives(dup2(0, want), want);
    ck_assert(!host_fd_is_private(want));
    gives(send(s[0], "x", 1, 0), 1);
    gives(recv(s[1], b, 1, 0), 1);
    tcp_pair(0, s);
}
END_TEST

START_TEST(lingering)
{
    int s[2];
    static char b[65536];
    struct linger lg = {1, 1};
    tcp_pair(_i, s);
    gives(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)), 0);
    gives(send(s[0], "x", 1, 0), 1);
    usleep(5000);
    /* All acknowledged: the FIN will be at once. */
    int64_t t = now_ms();
    gives(close(s[0]), 0);
    ck_assert_int_lt(now_ms() - t, 500);
    /* The peer's window is full: the time is waited for, not more. */
    tcp_pair(_i, s);
    gives(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)), 0);
    gives(fcntl(s[0], F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 2000 && (send(s[0], b, sizeof(b), 0) > 0 || i < 100); i++)
        usleep(100);
    t = now_ms();
    gives(close(s[0]), 0);
    ck_assert_int_ge(now_ms() - t, 900);
    ck_assert_int_lt(now_ms() - t, 2500);
    check_nothing_held();
}
END_TEST

static void *drain_later(void *arg) {
    static __thread char b[1 << 16];
    usleep(300000);
    while (recv(*(int *)arg, b, sizeof(b), 0) > 0)
        ;
    return NULL;
}

/* The peer takes what there is: close() returns then, long before its time is over. A signal ends the wait, too. */
static void nothing(int sig) { (void)sig; }
START_TEST(lingering_ends)
{
    int side = _i % SIDES, s[2];
    bool by_signal = _i >= SIDES;
    static char b[65536];
    struct linger lg = {1, 10};
    struct itimerval it = {.it_value = {0, 300000}};
    struct sigaction act = {.sa_handler = nothing, .sa_flags = SA_RESTART};
    pthread_t t;
    tcp_pair(side, s);
    gives(setsockopt(s[0], SOL_SOCKET, SO_LINGER, &lg, sizeof(lg)), 0);
    gives(fcntl(s[0], F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 2000 && (send(s[0], b, sizeof(b), 0) > 0 || i < 100); i++)
        usleep(100);
    int64_t start = now_ms();
    if (by_signal) {
        sigaction(SIGALRM, &act, NULL);
        setitimer(ITIMER_REAL, &it, NULL);
    } else {
        pthread_create(&t, NULL, drain_later, &s[1]);
    }
    gives(close(s[0]), 0);
    ck_assert_int_ge(now_ms() - start, 290);
    ck_assert_int_lt(now_ms() - start, 3000);
    if (!by_signal)
        pthread_join(t, NULL);
    check_nothing_held();
}
END_TEST

/* ---- options ---- */

START_TEST(options)
{
    static const struct {
        int level, name, set, get;
    } opts[] = {
        {SOL_SOCKET, SO_REUSEADDR, 1, 1},      {SOL_SOCKET, SO_KEEPALIVE, 1, 1},
        {SOL_SOCKET, SO_BROADCAST, 1, 1},      {SOL_SOCKET, SO_SNDBUF, 20000, 40000},
        {SOL_SOCKET, SO_RCVBUF, 20000, 40000}, {IPPROTO_TCP, TCP_NODELAY, 1, 1},
        {IPPROTO_TCP, TCP_KEEPIDLE, 10, 10},   {IPPROTO_TCP, TCP_KEEPINTVL, 20, 20},
        {IPPROTO_TCP, TCP_KEEPCNT, 3, 3},      {IPPROTO_IP, IP_TOS, 16, 16},
        {IPPROTO_IP, IP_TTL, 33, 33},          {IPPROTO_TCP, TCP_USER_TIMEOUT, 1234, 1234},
    };
    int s[2];
    tcp_pair(_i, s);
    for (size_t i = 0; i < UST_ARRAY_CNT(opts); i++) {
        int v = opts[i].set;
        socklen_t len = sizeof(v);
        gives(setsockopt(s[0], opts[i].level, opts[i].name, &v, sizeof(v)), 0);
        v = -1;
        gives(getsockopt(s[0], opts[i].level, opts[i].name, &v, &len), 0);
        ck_assert_int_eq(v, opts[i].get);
        ck_assert_uint_eq(len, 4);
    }
    struct tcp_info ti;
    socklen_t len = sizeof(ti);
    gives(getsockopt(s[0], IPPROTO_TCP, TCP_INFO, &ti, &len), 0);
    ck_assert_int_eq(ti.tcpi_state, TCP_ESTABLISHED);
    len = 1;
    gives(getsockopt(s[0], IPPROTO_TCP, TCP_INFO, &ti, &len), 0);
    ck_assert_uint_eq(len, 1);
}
END_TEST

/* ---- the late choice ---- */

/* What was set before is there after, on either side; numbers made before are the same socket. */
START_TEST(choice_carries_over)
{
    struct sockaddr_in sa;
    int l = tcp_listener(_i, &sa), c = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), v = 1;
    socklen_t len = sizeof(v);
    char b[8];
    ck_assert_ptr_nonnull(fd_lookup(c));
    gives(setsockopt(c, SOL_SOCKET, SO_KEEPALIVE, &v, sizeof(v)), 0);
    gives(setsockopt(c, IPPROTO_TCP, TCP_NODELAY, &v, sizeof(v)), 0);
    v = 40;
    gives(setsockopt(c, IPPROTO_IP, IP_TTL, &v, sizeof(v)), 0);
    int d = dup(c);
    gives(fcntl(c, F_SETFL, O_NONBLOCK), 0);
    int r = connect(c, (struct sockaddr *)&sa, sizeof(sa));
    ck_assert(r == 0 || errno == EINPROGRESS);
    check_side(_i, c);
    check_side(_i, d);
    int s = accept(l, NULL, NULL);
    ck_assert_int_ge(s, 0);
    gives(fcntl(d, F_GETFL), O_RDWR | O_NONBLOCK);
    gives(getsockopt(d, SOL_SOCKET, SO_KEEPALIVE, &v, &len), 0);
    ck_assert_int_eq(v, 1);
    gives(getsockopt(d, IPPROTO_TCP, TCP_NODELAY, &v, &len), 0);
    ck_assert_int_eq(v, 1);
    gives(getsockopt(d, IPPROTO_IP, IP_TTL, &v, &len), 0);
    ck_assert_int_eq(v, 40);
    close(c);
    gives(send(d, "x", 1, 0), 1);
    gives(recv(s, b, 8, 0), 1);
    close(d);
    gives(recv(s, b, 8, 0), 0);
    ck_assert_uint_eq(socks_alive(), OURS(_i) ? 2 : 1);
}
END_TEST

/* A set that it was added to before reports it after; a thread that waits is told. */
static void *wait_one(void *arg) {
    struct epoll_event ev = {0};
    int r = epoll_wait(*(int *)arg, &ev, 1, 3000);
    return (void *)(long)(r == 1 ? (int)ev.data.u32 : -1);
}

START_TEST(choice_moves_epoll)
{
    struct sockaddr_in a, b;
    int s = udp_bound(_i, &a), u = socket(AF_INET, SOCK_DGRAM, 0), d = dup(u);
    int ep = epoll_create1(0);
    pthread_t t;
    void *r;
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = 7};
    gives(epoll_ctl(ep, EPOLL_CTL_ADD, u, &ev), 0);
    ev.events = EPOLLIN | EPOLLET;
    ev.data.u32 = 9;
    gives(epoll_ctl(ep, EPOLL_CTL_ADD, d, &ev), 0);
    pthread_create(&t, NULL, wait_one, &ep);
    usleep(20000);
    gives(connect(u, (struct sockaddr *)&a, sizeof(a)), 0);
    check_side(_i, u);
    name_of(u, &b);
    gives(sendto(s, "x", 1, 0, (struct sockaddr *)&b, sizeof(b)), 1);
    pthread_join(t, &r);
    ck_assert(r == (void *)7 || r == (void *)9);
    fails(epoll_ctl(ep, EPOLL_CTL_ADD, u, &ev), EEXIST);
    gives(epoll_ctl(ep, EPOLL_CTL_DEL, d, &ev), 0);
    gives(epoll_wait(ep, &ev, 1, 100), 1);
    ck_assert_uint_eq(ev.data.u32, 7);
    gives(epoll_ctl(ep, EPOLL_CTL_DEL, u, &ev), 0);
    gives(epoll_wait(ep, &ev, 1, 0), 0);
}
END_TEST

/* A datagram socket that was connected here may be connected there. */
START_TEST(choice_changes_its_mind)
{
    struct sockaddr_in a[SIDES];
    int s[SIDES] = {udp_bound(0, &a[0]), udp_bound(1, &a[1])}, u = socket(AF_INET, SOCK_DGRAM, 0);
    char b[8];
    for (int i = 0; i < 4; i++) {
        int side =
            1 - i % 2; /* from the kernel to the stack; not back, since it is the stack's then */
        if (i == 2)
            break;
        gives(connect(u, (struct sockaddr *)&a[side], sizeof(a[side])), 0);
        check_side(side, u);
        gives(send(u, "x", 1, 0), 1);
        gives(recv(s[side], b, 8, 0), 1);
    }
    /* A stream that was refused by the kernel. */
    struct sockaddr_in la, dead = address(1, 1);
    int l = tcp_listener(0, &la), c = socket(AF_INET, SOCK_STREAM, 0);
    fails(connect(c, (struct sockaddr *)&dead, sizeof(dead)), ECONNREFUSED);
    gives(connect(c, (struct sockaddr *)&la, sizeof(la)), 0);
    check_side(0, c);
    close(l);
}
END_TEST

/* A socket bound to the wildcard address and a port of the stack's choice that nobody has in the kernel. */
static int bound_to_any(int type, struct sockaddr_in *name) {
    for (;;) {
        struct sockaddr_in wild = {.sin_family = AF_INET};
        int s = socket(AF_INET, type, 0), k = (int)sys_socket(AF_INET, type, 0);
        gives(bind(s, (struct sockaddr *)&wild, sizeof(wild)), 0);
        name_of(s, name);
        wild.sin_port = name->sin_port;
        long r = type == SOCK_DGRAM ? 0 : sys_bind(k, (struct sockaddr *)&wild, sizeof(wild));
        sys_close(k);
        if (r == 0)
            return s;
        close(s);
    }
}

/* Bound to the wildcard address first, as many clients do: the port stays the same. */
START_TEST(choice_after_wildcard)
{
    struct sockaddr_in sa, before, after;
    int l = tcp_listener(_i, &sa), c = bound_to_any(SOCK_STREAM, &before);
    ck_assert_int_ne(before.sin_port, 0);
    gives(connect(c, (struct sockaddr *)&sa, sizeof(sa)), 0);
    check_side(_i, c);
    name_of(c, &after);
    ck_assert_int_eq(after.sin_port, before.sin_port);
    struct sockaddr_in ua;
    int s = udp_bound(_i, &ua), u = bound_to_any(SOCK_DGRAM, &before);
    gives(sendto(u, "x", 1, 0, (struct sockaddr *)&ua, sizeof(ua)), 1);
    check_side(0, u); /* it serves both */
    socklen_t len = sizeof(after);
    char b[4];
    gives(recvfrom(s, b, 4, 0, (struct sockaddr *)&after, &len), 1);
    ck_assert_int_eq(after.sin_port, before.sin_port);
    close(l);
}
END_TEST

/* IPv6 sockets carry IPv4 in mapped addresses. */
START_TEST(mapped)
{
    struct sockaddr_in sa;
    int l = tcp_listener(_i, &sa), c = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = sa.sin_port}, name;
    socklen_t len = sizeof(name);
    in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
    memcpy(&in6.sin6_addr.s6_addr[12], &sa.sin_addr, 4);
    gives(getsockname(c, (struct sockaddr *)&name, &len), 0);
    ck_assert_int_eq(name.sin6_family, AF_INET6);
    fails(connect(c, (struct sockaddr *)&sa, sizeof(sa)), EINVAL); /* too short */
    gives(connect(c, (struct sockaddr *)&in6, sizeof(in6)), 0);
    check_side(_i, c);
    gives(getpeername(c, (struct sockaddr *)&name, &len), 0);
    ck_assert_uint_eq(len, sizeof(name));
    ck_assert_mem_eq(&name.sin6_addr, &in6.sin6_addr, 16);
    gives(getsockname(c, (struct sockaddr *)&name, &len), 0);
    ck_assert_mem_eq(&name.sin6_addr, &in6.sin6_addr, 16);
    close(l);
}
END_TEST

/* ---- processes ---- */

/* A child shares the sockets: what it closes stays open here, what it writes arrives, and its table is its own. */
START_TEST(forked)
{
    int s[2], status;
    char b[8];
    tcp_pair(_i, s);
    for (int how = 0; how < 3; how++) {
        pid_t pid = how == 0 ? fork() : how == 1 ? _Fork() : vfork();
        if (pid == 0) {
            if (OURS(_i) && (!fd_entry(s[0]) || host_proc_cnt() < 2))
                real._exit(1);
            if (send(s[0], "c", 1, 0) != 1 || recv(s[1], b, 1, 0) != 1 || b[0] != 'c')
                real._exit(2);
            int d = dup(s[0]), u = socket(AF_INET, SOCK_DGRAM, 0);
            if (d < 0 || u < 0 || close(s[0]) != 0 || send(d, "d", 1, 0) != 1)
                real._exit(3);
            if (how == 2)
                real._exit(0); /* unseen: others close what it had */
            _exit(0);
        }
        ck_assert_int_gt(pid, 0);
        gives(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
        gives(recv(s[1], b, 1, 0), 1);
        ck_assert_int_eq(b[0], 'd');
        gives(send(s[0], "x", 1, 0), 1);
        gives(recv(s[1], b, 1, 0), 1);
        if (!OURS(_i))
            continue;
        uint64_t now = host_lock();
        proc_bury_dead(now);
        ck_assert_uint_eq(host_proc_cnt(), 1);
        host_unlock(now);
    }
    close(s[1]);
    gives(recv(s[0], b, 1, 0), 0);
    check_nothing_held();
}
END_TEST

/* Before the first socket vfork() is libc's own: the child borrows our memory. */
START_TEST(vforked_plain)
{
    static volatile int shared;
    int status;
    pid_t pid = vfork();
    if (pid == 0) {
        shared = 1;
        real._exit(3);
    }
    gives(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WEXITSTATUS(status), 3);
    ck_assert_int_eq(shared, 1);
}
END_TEST

int main(void) {
    both_init();
    signal(SIGPIPE, SIG_IGN);
    Suite *s = suite_create("life");
    TCase *t = tcase_create("life");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, born, 0, (int)UST_ARRAY_CNT(births));
    tcase_add_loop_test(t, many_come_and_go, 0, SIDES);
    tcase_add_loop_test(t, high_numbers, 0, SIDES);
    tcase_add_loop_test(t, errors_by_state, 0, SIDES * (int)UST_ARRAY_CNT(errors));
    tcase_add_loop_test(t, names, 0, SIDES);
    tcase_add_loop_test(t, accept_names, 0, SIDES);
    tcase_add_loop_test(t, connect_ways, 0, SIDES);
    tcase_add_loop_test(t, dups, 0, SIDES);
    tcase_add_loop_test(t, dup2_over, 0, SIDES);
    tcase_add_loop_test(t, bulk_close, 0, SIDES);
    tcase_add_test(t, private_numbers);
    tcase_add_loop_test(t, lingering, 0, SIDES);
    tcase_add_loop_test(t, lingering_ends, 0, SIDES * 2);
    tcase_add_loop_test(t, options, 0, SIDES);
    tcase_add_loop_test(t, choice_carries_over, 0, SIDES);
    tcase_add_loop_test(t, choice_moves_epoll, 0, SIDES);
    tcase_add_test(t, choice_changes_its_mind);
    tcase_add_loop_test(t, choice_after_wildcard, 0, SIDES);
    tcase_add_loop_test(t, mapped, 0, SIDES);
    if (!UNDER_TSAN) {
        tcase_add_loop_test(t, forked, 0, SIDES);
        tcase_add_test(t, vforked_plain);
    }
    suite_add_tcase(s, t);
    return both_run(s);
}
