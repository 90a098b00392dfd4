/* SPDX-License-Identifier: ISC */
/* UDP sockets, state by state and call by call; the tables were measured on Linux 6.18 over the loopback. */
#include "sock/sock_tools.h"

#include <sys/ioctl.h>

#include <linux/sockios.h>

#define PORT 5300
#define CLOSED_PORT 5301

#define IN (POLLIN | POLLRDNORM)
#define OUT (POLLOUT | POLLWRNORM | POLLWRBAND)
#define ERR POLLERR
#define HUP POLLHUP
#define RDHUP POLLRDHUP

static struct sock *peer; /* on host 1 */

static int dgram_send(int host, struct sock *s, const struct ust_addr *to, uint16_t port,
                      const void *p, size_t len) {
    struct udp_send us;
    memset(&us, 0, sizeof us);
    if (to)
        us.dst = *to;
    us.dport = port;
    uint8_t *buf = sock_dgram_buf(fx.sk[host], len);
    ck_assert_ptr_nonnull(buf);
    if (len)
        memcpy(buf, p, UST_MIN(len, 4));
    int r = sock_dgram_send(fx.sk[host], fx_now(), s, &us, buf, len, false);
    return r < 0 ? r : (int)len;
}

static int dgram_recv(int host, struct sock *s) {
    struct udp_dgram *d;
    int r = sock_dgram_peek(fx.sk[host], s, &d);
    if (r < 0)
        return r;
    if (!d)
        return 0;
    r = (int)d->len;
    sock_dgram_done(fx.sk[host], s, true);
    return r;
}

static struct sock *make_fresh(void) { return fx_sock(0, AF_INET, SOCK_DGRAM); }

static struct sock *make_bound(void) {
    struct sock *s = make_fresh();
    ck_assert_int_eq(fx_bind(0, s, PORT), 0);
    return s;
}

static struct sock *make_readable(void) {
    struct sock *s = make_bound();
    struct ust_addr to = fx_addr(0);
    peer = fx_sock(1, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(dgram_send(1, peer, &to, PORT, "abc", 3), 3);
    fx_run(5 * NS_PER_MS);
    return s;
}

static struct sock *make_connected(void) {
    struct sock *s = make_fresh();
    peer = fx_sock(1, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(fx_bind(1, peer, PORT), 0);
    ck_assert_int_eq(fx_connect(0, s, PORT), 0);
    return s;
}

static struct sock *make_refused(void) {
    struct sock *s = make_fresh();
    ck_assert_int_eq(fx_connect(0, s, CLOSED_PORT), 0);
    ck_assert_int_eq(dgram_send(0, s, NULL, 0, "x", 1), 1);
    fx_run(5 * NS_PER_MS);
    return s;
}

static struct sock *make_shut(int how) {
    struct sock *s = make_connected();
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), s, how), 0);
    return s;
}
static struct sock *make_shut_wr(void) { return make_shut(SHUT_WR); }
static struct sock *make_shut_rd(void) { return make_shut(SHUT_RD); }
static struct sock *make_shut_rdwr(void) { return make_shut(SHUT_RDWR); }

static struct sock *make_fresh_shut(void) {
    struct sock *s = make_fresh();
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), s, SHUT_RD), -ENOTCONN);
    return s;
}

/* The shutdown stays, whatever connect() does. */
static struct sock *make_shut_disconnected(void) {
    struct sock *s = make_shut_rdwr();
    ck_assert_int_eq(sock_disconnect(fx.sk[0], fx_now(), s), 0);
    return s;
}

struct state {
    const char *name;
    struct sock *(*make)(void);
    uint32_t poll;
    int recv, send, sendto, accept, listen, peer, bind, connect, inq, shut, so_error;
};

/* clang-format off */
static const struct state states[] = {
    /*                                                           recv            send           sendto         accept       listen       peer        bind     connect inq shutdown   SO_ERROR */
    {"fresh",        make_fresh,             OUT,                -EAGAIN,        -EDESTADDRREQ, 1,             -EOPNOTSUPP, -EOPNOTSUPP, -ENOTCONN,  0,       0,      0,  -ENOTCONN, 0},
    {"bound",        make_bound,             OUT,                -EAGAIN,        -EDESTADDRREQ, 1,             -EOPNOTSUPP, -EOPNOTSUPP, -ENOTCONN,  -EINVAL, 0,      0,  -ENOTCONN, 0},
    {"readable",     make_readable,          IN|OUT,             3,              -EDESTADDRREQ, 1,             -EOPNOTSUPP, -EOPNOTSUPP, -ENOTCONN,  -EINVAL, 0,      3,  -ENOTCONN, 0},
    {"connected",    make_connected,         OUT,                -EAGAIN,        1,             1,             -EOPNOTSUPP, -EOPNOTSUPP, 0,          -EINVAL, 0,      0,  0,         0},
    {"refused",      make_refused,           OUT|ERR,            -ECONNREFUSED,  -ECONNREFUSED, -ECONNREFUSED, -EOPNOTSUPP, -EOPNOTSUPP, 0,          -EINVAL, 0,      0,  0,         ECONNREFUSED},
    {"shut WR",      make_shut_wr,           OUT,                -EAGAIN,        -EPIPE,        -EPIPE,        -EOPNOTSUPP, -EOPNOTSUPP, 0,          -EINVAL, 0,      0,  0,         0},
    {"shut RD",      make_shut_rd,           IN|OUT|RDHUP,       0,              1,             1,             -EOPNOTSUPP, -EOPNOTSUPP, 0,          -EINVAL, 0,      0,  0,         0},
    {"shut RDWR",    make_shut_rdwr,         IN|OUT|HUP|RDHUP,   0,              -EPIPE,        -EPIPE,        -EOPNOTSUPP, -EOPNOTSUPP, 0,          -EINVAL, 0,      0,  0,         0},
    {"fresh, shut",  make_fresh_shut,        IN|OUT|RDHUP,       0,              -EDESTADDRREQ, 1,             -EOPNOTSUPP, -EOPNOTSUPP, -ENOTCONN,  0,       0,      0,  -ENOTCONN, 0},
    {"shut, disconnected",make_shut_disconnected,IN|OUT|HUP|RDHUP,0,             -EDESTADDRREQ, -EPIPE,        -EOPNOTSUPP, -EOPNOTSUPP, -ENOTCONN,  0,       0,      0,  -ENOTCONN, 0},
};
/* clang-format on */

static int do_call(const struct state *st, struct sock *s, int call, const char **name, int *want) {
    struct ust_addr a, to = fx_addr(1);
    struct sock *out;
    uint16_t port;
    int v, r;
#define CASE(n, field, expr)                                                                       \
    case n:                                                                                        \
        *name = #field;                                                                            \
        *want = st->field;                                                                         \
        return (int)(expr)
    switch (call) {
        CASE(0, recv, dgram_recv(0, s));
        CASE(1, send, dgram_send(0, s, NULL, 0, "y", 1));
        CASE(2, sendto, dgram_send(0, s, &to, PORT + 7, "y", 1));
        CASE(3, accept, sock_accept(fx.sk[0], fx_now(), s, &out));
        CASE(4, listen, sock_listen(fx.sk[0], fx_now(), s, 1));
        CASE(5, peer, sock_peer(fx.sk[0], s, &a, &port));
        CASE(6, bind, fx_bind(0, s, 0));
        CASE(7, connect, fx_connect(0, s, PORT));
    case 8:
        *name = "inq";
        *want = st->inq;
        r = sock_ioctl(fx.sk[0], s, SIOCINQ, &v);
        return r < 0 ? r : v;
        CASE(9, shut, sock_shutdown(fx.sk[0], fx_now(), s, SHUT_RD));
        CASE(10, so_error, fx_getint(0, s, SOL_SOCKET, SO_ERROR));
        CASE(11, poll, fx_poll(0, s));
    default:
        return 0;
    }
#undef CASE
}
#define CALLS 12

START_TEST(state_and_call)
{
    const struct state *st = &states[_i / CALLS];
    const char *name;
    int want;
    fx_begin();
    struct sock *s = st->make();
    int got = do_call(st, s, _i % CALLS, &name, &want);
    if (got != want)
        ck_abort_msg("%s: %s gives %d, Linux %d", st->name, name, got, want);
    must_hold(stack_check(sim_stack(fx.sim, 0)));
    fx_end();
}
END_TEST

static const struct {
    const char *name;
    uint32_t addr;
    uint16_t port;
    size_t len;
    int want;
} sends[] = {
    {"port 0", 0x0a000002, 0, 1, -EINVAL},
    {"largest", 0x0a000002, PORT, 65507, 65507},
    {"too large", 0x0a000002, PORT, 65508, -EMSGSIZE},
    {"broadcast", 0xffffffff, PORT, 1, -EACCES},
    {"subnet broadcast", 0x0a0000ff, PORT, 1, -EACCES},
    {"empty", 0x0a000002, PORT, 0, 0},
    {"no route", 0x08080808, PORT, 1, -ENETUNREACH},
};

START_TEST(send_errors)
{
    fx_begin();
    struct sock *s = make_fresh();
    struct ust_addr to = addr_from_ip4(sends[_i].addr);
    ck_assert_int_eq(dgram_send(0, s, &to, sends[_i].port, "abcd", sends[_i].len), sends[_i].want);
    fx_run(5 * NS_PER_MS);
    fx_end();
}
END_TEST

/* The error of an ICMP port unreachable comes once: to recv, send or SO_ERROR, whoever asks first. */
START_TEST(refusal_comes_once)
{
    fx_begin();
    struct sock *s = make_refused();
    if (_i == 0)
        ck_assert_int_eq(dgram_recv(0, s), -ECONNREFUSED);
    else if (_i == 1)
        ck_assert_int_eq(dgram_send(0, s, NULL, 0, "x", 1), -ECONNREFUSED);
    else
        ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    ck_assert_uint_eq(fx_poll(0, s), OUT);
    ck_assert_int_eq(dgram_recv(0, s), -EAGAIN);
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ERROR), 0);
    fx_end();
}
END_TEST

START_TEST(broadcast_allowed)
{
    fx_begin();
    struct sock *s = make_fresh(), *r = fx_sock(1, AF_INET, SOCK_DGRAM);
    struct ust_addr all = addr_from_ip4(0xffffffff);
    ck_assert_int_eq(fx_bind(1, r, PORT), 0);
    ck_assert_int_eq(sock_connect(fx.sk[0], fx_now(), s, &all, PORT), -EACCES);
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, SO_BROADCAST, 1), 0);
    ck_assert_int_eq(dgram_send(0, s, &all, PORT, "hi", 2), 2);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(dgram_recv(1, r), 2);
    fx_end();
}
END_TEST

/* getsockname over connect and connect(AF_UNSPEC): what bind() did not give is given up. */
START_TEST(names)
{
    fx_begin();
    struct sock *s = make_fresh();
    struct ust_addr a, own = fx_addr(0), to = fx_addr(1);
    uint16_t port;
    ck_assert_int_eq(sock_local(fx.sk[0], s, &a, &port), 0);
    ck_assert(addr_is_any(&a) && port == 0);
    if (_i == 1)
        ck_assert_int_eq(fx_bind(0, s, PORT), 0);
    ck_assert_int_eq(fx_connect(0, s, PORT), 0);
    ck_assert_int_eq(sock_local(fx.sk[0], s, &a, &port), 0);
    ck_assert(addr_eq(&a, &own) && port != 0);
    ck_assert_int_eq(sock_peer(fx.sk[0], s, &a, &port), 0);
    ck_assert(addr_eq(&a, &to) && port == PORT);
    ck_assert_int_eq(sock_disconnect(fx.sk[0], fx_now(), s), 0);
    ck_assert_int_eq(sock_local(fx.sk[0], s, &a, &port), 0);
    ck_assert(addr_is_any(&a) && port == (_i == 1 ? PORT : 0));
    fx_end();
}
END_TEST

START_TEST(peek_leaves_and_second_reader_waits)
{
    fx_begin();
    struct sock *s = make_readable();
    struct udp_dgram *d, *d2;
    struct waiter *w = waiter_new(fx.sk[0], WAITER_FUTEX, 0);
    ck_assert_int_eq(waiter_add_sock(fx.sk[0], w, s, POLLIN, true), 0);
    ck_assert_int_eq(sock_dgram_peek(fx.sk[0], s, &d), 0);
    ck_assert_int_eq(sock_dgram_peek(fx.sk[0], s, &d2), -EAGAIN);
    sock_dgram_done(fx.sk[0], s, false);
    ck_assert_uint_ne(w->word, 0);
    ck_assert_int_eq(dgram_recv(0, s), 3);
    ck_assert_int_eq(dgram_recv(0, s), -EAGAIN);
    waiter_free(fx.sk[0], w);
    fx_end();
}
END_TEST

START_TEST(multicast)
{
    fx_begin();
    struct {
        uint8_t group[4], ifa[4];
    } m = {{239, 1, 2, 3}, {0, 0, 0, 0}}, bad = {{10, 0, 0, 9}, {0}},
      other = {{239, 1, 2, 3}, {10, 9, 9, 9}};
    struct sock *s = fx_sock(1, AF_INET, SOCK_DGRAM), *c = make_fresh(),
                *t = fx_sock(0, AF_INET, SOCK_STREAM);
    struct ust_addr group = addr_from_ip4(0xef010203);
#define MEMBER(h, so, n, v, l) sock_setopt(fx.sk[h], fx_now(), so, IPPROTO_IP, n, v, l)
    ck_assert_int_eq(fx_bind(1, s, PORT), 0);
    ck_assert_int_eq(MEMBER(1, s, IP_ADD_MEMBERSHIP, &m, 7), -EINVAL);
    ck_assert_int_eq(MEMBER(1, s, IP_ADD_MEMBERSHIP, &bad, 8), -EINVAL);
    ck_assert_int_eq(MEMBER(1, s, IP_ADD_MEMBERSHIP, &other, 8), -ENODEV);
    ck_assert_int_eq(MEMBER(1, s, IP_DROP_MEMBERSHIP, &m, 8), -EADDRNOTAVAIL);
    ck_assert_int_eq(MEMBER(0, t, IP_ADD_MEMBERSHIP, &m, 8), -EPROTO);
    ck_assert_int_eq(MEMBER(1, s, IP_ADD_MEMBERSHIP, &m, 8), 0);
    ck_assert_int_eq(MEMBER(1, s, IP_ADD_MEMBERSHIP, &m, 8), -EADDRINUSE);
    ck_assert_int_eq(dgram_send(0, c, &group, PORT, "abc", 3), 3);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(dgram_recv(1, s), 3);
    ck_assert_int_eq(MEMBER(1, s, IP_DROP_MEMBERSHIP, &m, 8), 0);
    ck_assert_int_eq(dgram_send(0, c, &group, PORT, "abc", 3), 3);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(dgram_recv(1, s), -EAGAIN);
    fx_end();
}
END_TEST

/* A socket that is closed while a thread is inside goes when the thread does. */
START_TEST(close_while_busy)
{
    fx_begin();
    struct sock *s = make_readable();
    struct udp_dgram *d;
    sock_hold(s);
    ck_assert_int_eq(sock_dgram_peek(fx.sk[0], s, &d), 0);
    fx_close(s);
    ck_assert_uint_eq(fx.sk[0]->sock_cnt, 1);
    ck_assert_int_eq(d->len, 3);
    sock_dgram_done(fx.sk[0], s, true);
    must_hold(stack_check(sim_stack(fx.sim, 0)));
    sock_unhold(fx.sk[0], s);
    ck_assert_uint_eq(fx.sk[0]->sock_cnt, 0);
    fx_end();
}
END_TEST

START_TEST(ioctls)
{
    fx_begin();
    struct sock *s = make_readable();
    int v = -1;
    ck_assert_int_eq(sock_ioctl(fx.sk[0], s, SIOCOUTQ, &v), 0);
    ck_assert_int_eq(v, 0);
    ck_assert_int_eq(sock_ioctl(fx.sk[0], s, SIOCOUTQNSD, &v), -ENOTTY);
    ck_assert_int_eq(sock_ioctl(fx.sk[0], s, SIOCATMARK, &v), -ENOTTY);
    ck_assert_int_eq(sock_ioctl(fx.sk[0], s, 0x5401, &v), -ENOTTY);
    fx_end();
}
END_TEST

int main(void) {
    Suite *s = suite_create("sock_udp");
    TCase *t = tcase_create("states");
    tcase_add_loop_test(t, state_and_call, 0, (int)UST_ARRAY_CNT(states) * CALLS);
    suite_add_tcase(s, t);
    t = tcase_create("calls");
    tcase_add_loop_test(t, send_errors, 0, (int)UST_ARRAY_CNT(sends));
    tcase_add_loop_test(t, refusal_comes_once, 0, 3);
    tcase_add_test(t, broadcast_allowed);
    tcase_add_loop_test(t, names, 0, 2);
    tcase_add_test(t, peek_leaves_and_second_reader_waits);
    tcase_add_test(t, multicast);
    tcase_add_test(t, close_while_busy);
    tcase_add_test(t, ioctls);
    suite_add_tcase(s, t);
    return run_suite(s);
}
