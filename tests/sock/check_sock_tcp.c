/* SPDX-License-Identifier: ISC */
/*
 * A TCP socket in every state that a program can bring it into, and what each call says there: readiness, value, errno. The table was measured on
 * Linux 6.18 with a C program that brings a kernel socket over the loopback into the same state and makes the same calls.
 */
#include "sock/sock_tools.h"

#include <sys/ioctl.h>

#include <linux/sockios.h>

#define PORT 7000
#define CLOSED_PORT 7001

#define IN (POLLIN | POLLRDNORM)
#define OUT (POLLOUT | POLLWRNORM)
#define ERR POLLERR
#define HUP POLLHUP
#define RDHUP POLLRDHUP

/* ---- the ways into the states; all on host 0, against host 1 ---- */

static struct sock *listener;
static struct sock *peer; /* of a connection: on host 1 */

static struct sock *make_fresh(void) { return fx_sock(0, AF_INET, SOCK_STREAM); }

static struct sock *make_bound(void) {
    struct sock *s = make_fresh();
    ck_assert_int_eq(fx_bind(0, s, 6000), 0);
    return s;
}

static struct sock *make_listen(void) { return fx_listener(0, 6000, 5); }

static struct sock *make_listen_pending(void) {
    struct sock *l = make_listen(), *c = fx_sock(1, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(fx_connect(1, c, 6000), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    return l;
}

static struct sock *make_connecting(void) {
    struct sock *s = make_fresh();
    fx.sim->wire[0][1].dead = true;
    ck_assert_int_eq(fx_connect(0, s, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    return s;
}

/* The handshake is done, and connect() was not called again. */
static struct sock *make_connected_unasked(void) {
    struct sock *s = make_fresh();
    listener = fx_listener(1, PORT, 5);
    ck_assert_int_eq(fx_connect(0, s, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    peer = fx_accept(1, listener);
    return s;
}

static struct sock *make_connected(void) {
    struct sock *s = make_connected_unasked();
    ck_assert_int_eq(fx_connect(0, s, PORT), 0);
    return s;
}

static struct sock *make_accepted_data(void) {
    struct sock *l = make_listen(), *c = fx_sock(1, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(fx_connect(1, c, 6000), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_send(1, c, "x", 1, 0), 1);
    fx_run(5 * NS_PER_MS);
    peer = c;
    return fx_accept(0, l);
}

static void shut(int host, struct sock *s, int how) {
    ck_assert_int_eq(sock_shutdown(fx.sk[host], fx_now(), s, how), 0);
    fx_run(5 * NS_PER_MS);
}

static struct sock *make_shut_wr(void) {
    struct sock *s = make_connected();
    shut(0, s, SHUT_WR);
    return s;
}

static struct sock *make_got_fin(void) {
    struct sock *s = make_connected();
    shut(1, peer, SHUT_WR);
    return s;
}

static struct sock *make_both_fin_active(void) {
    struct sock *s = make_shut_wr();
    shut(1, peer, SHUT_WR);
    return s;
}

static struct sock *make_both_fin_passive(void) {
    struct sock *s = make_got_fin();
    shut(0, s, SHUT_WR);
    return s;
}

static struct sock *make_shut_rd(void) {
    struct sock *s = make_connected();
    shut(0, s, SHUT_RD);
    return s;
}

static struct sock *make_shut_rd_data(void) {
    struct sock *s = make_shut_rd();
    ck_assert_int_eq(fx_send(1, peer, "zz", 2, 0), 2);
    fx_run(5 * NS_PER_MS);
    return s;
}

static struct sock *make_shut_rdwr(void) {
    struct sock *s = make_connected();
    shut(0, s, SHUT_RDWR);
    return s;
}

static void reset_by_peer(void) {
    struct linger l = {1, 0};
    ck_assert_int_eq(sock_setopt(fx.sk[1], fx_now(), peer, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
    fx_close(peer);
    fx_run(5 * NS_PER_MS);
}

static struct sock *make_reset(void) {
    struct sock *s = make_connected();
    reset_by_peer();
    return s;
}

static struct sock *make_reset_taken(void) {
    struct sock *s = make_reset();
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ERROR), ECONNRESET);
    return s;
}

static struct sock *make_reset_with_data(void) {
    struct sock *s = make_connected();
    ck_assert_int_eq(fx_send(1, peer, "abc", 3, 0), 3);
    fx_run(5 * NS_PER_MS);
    reset_by_peer();
    return s;
}

static struct sock *make_refused(void) {
    struct sock *s = make_fresh();
    ck_assert_int_eq(fx_connect(0, s, CLOSED_PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    return s;
}

static struct sock *make_refused_taken(void) {
    struct sock *s = make_refused();
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
    return s;
}

/* As a blocking connect() leaves it. */
static struct sock *make_refused_told(void) {
    struct sock *s = make_refused();
    ck_assert_int_eq(sock_connect_result(fx.sk[0], s), -ECONNREFUSED);
    return s;
}

static struct sock *make_disconnected(void) {
    struct sock *s = make_connected();
    ck_assert_int_eq(sock_disconnect(fx.sk[0], fx_now(), s), 0);
    fx_run(5 * NS_PER_MS);
    return s;
}

static struct sock *make_disconnected_taken(void) {
    struct sock *s = make_disconnected();
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ERROR), ECONNRESET);
    return s;
}

static struct sock *make_connecting_shut(void) {
    struct sock *s = make_connecting();
    shut(0, s, SHUT_RD);
    return s;
}

static struct sock *make_listen_shut_wr(void) {
    struct sock *s = make_listen();
    shut(0, s, SHUT_WR);
    return s;
}

static struct sock *make_listen_shut(void) {
    struct sock *s = make_listen_pending();
    shut(0, s, SHUT_RD);
    return s;
}

/* Linux marks a socket although it says ENOTCONN. */
static struct sock *make_fresh_shut(void) {
    struct sock *s = make_fresh();
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), s, SHUT_RD), -ENOTCONN);
    return s;
}

/* ---- the table ---- */

struct state {
    const char *name;
    struct sock *(*make)(void);
    uint32_t poll;
    int recv, recv0, send, send0, accept, peer, bind, inq, outq, nsd, listen, connect, shut_rd,
        shut_wr;
    int so_error;
};

/* clang-format off */
static const struct state states[] = {
    /*                                                                  recv         recv0       send          send0        accept    peer        bind     inq     outq    nsd     listen   connect        shut_rd    shut_wr    SO_ERROR */
    {"fresh",             make_fresh,             OUT|HUP,              -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, 0},
    {"fresh, shut",       make_fresh_shut,        IN|OUT|HUP|RDHUP,     0,           0,          -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, 0},
    {"bound",             make_bound,             OUT|HUP,              -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  -EINVAL, 0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, 0},
    {"listen",            make_listen,            0,                    -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EAGAIN,  -ENOTCONN,  -EINVAL, -EINVAL,-EINVAL,-EINVAL,0,       -EISCONN,      0,         0,         0},
    {"listen, pending",   make_listen_pending,    IN,                   -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      0,        -ENOTCONN,  -EINVAL, -EINVAL,-EINVAL,-EINVAL,0,       -EISCONN,      0,         0,         0},
    {"listen, shut WR",   make_listen_shut_wr,    0,                    -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EAGAIN,  -ENOTCONN,  -EINVAL, -EINVAL,-EINVAL,-EINVAL,0,       -EISCONN,      0,         0,         0},
    {"listen, shut RD",   make_listen_shut,       OUT|HUP,              -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  -EINVAL, 0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, 0},
    {"connecting",        make_connecting,        0,                    -EAGAIN,     -EAGAIN,    -EAGAIN,      -EAGAIN,     -EINVAL,  -ENOTCONN,  -EINVAL, 0,      0,      0,      -EINVAL, -EALREADY,     0,         0,         0},
    {"connecting, shut",  make_connecting_shut,   OUT|ERR|HUP,          -ECONNRESET, -ECONNRESET,-ECONNRESET,  -ECONNRESET, -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, ECONNRESET},
    {"connected, unasked",make_connected_unasked, OUT,                  -EAGAIN,     -EAGAIN,    1,            0,           -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, 0,             0,         0,         0},
    {"connected",         make_connected,         OUT,                  -EAGAIN,     -EAGAIN,    1,            0,           -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"accepted, data",    make_accepted_data,     IN|OUT,               1,           0,          1,            0,           -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"shut WR",           make_shut_wr,           OUT,                  -EAGAIN,     -EAGAIN,    -EPIPE,       -EPIPE,      -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"got FIN",           make_got_fin,           IN|OUT|RDHUP,         0,           0,          1,            0,           -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"FIN sent, then got",make_both_fin_active,   IN|OUT|HUP|RDHUP,     0,           0,          -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      -EINVAL, -EISCONN,      -ENOTCONN, -ENOTCONN, 0},
    {"FIN got, then sent",make_both_fin_passive,  IN|OUT|HUP|RDHUP,     0,           0,          -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      -EINVAL, -EISCONN,      -ENOTCONN, -ENOTCONN, 0},
    {"shut RD",           make_shut_rd,           IN|OUT|RDHUP,         0,           0,          1,            0,           -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"shut RD, data",     make_shut_rd_data,      IN|OUT|RDHUP,         2,           0,          1,            0,           -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"shut RDWR",         make_shut_rdwr,         IN|OUT|HUP|RDHUP,     0,           0,          -EPIPE,       -EPIPE,      -EINVAL,  0,          -EINVAL, 0,      0,      0,      -EINVAL, -EISCONN,      0,         0,         0},
    {"reset",             make_reset,             IN|OUT|ERR|HUP|RDHUP, -ECONNRESET, -ECONNRESET,-ECONNRESET,  -ECONNRESET, -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      -EINVAL, -EISCONN,      -ENOTCONN, -ENOTCONN, ECONNRESET},
    {"reset, error taken",make_reset_taken,       IN|OUT|HUP|RDHUP,     0,           0,          -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      -EINVAL, -EISCONN,      -ENOTCONN, -ENOTCONN, 0},
    {"reset, data unread",make_reset_with_data,   IN|OUT|ERR|HUP|RDHUP, 3,           0,          -ECONNRESET,  -ECONNRESET, -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      -EINVAL, -EISCONN,      -ENOTCONN, -ENOTCONN, ECONNRESET},
    {"refused",           make_refused,           IN|OUT|ERR|HUP|RDHUP, -ECONNREFUSED,-ECONNREFUSED,-ECONNREFUSED,-ECONNREFUSED,-EINVAL,-ENOTCONN, 0,       0,      0,      0,      -EINVAL, -ECONNREFUSED, -ENOTCONN, -ENOTCONN, ECONNREFUSED},
    {"refused, taken",    make_refused_taken,     IN|OUT|HUP|RDHUP,     0,           0,          -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      -EINVAL, -ECONNABORTED, -ENOTCONN, -ENOTCONN, 0},
    {"refused, told",     make_refused_told,      OUT|HUP,              -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, 0},
    {"disconnected",      make_disconnected,      OUT|ERR|HUP,          -ECONNRESET, -ECONNRESET,-ECONNRESET,  -ECONNRESET, -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, ECONNRESET},
    {"disconnected,taken",make_disconnected_taken,OUT|HUP,              -ENOTCONN,   -ENOTCONN,  -EPIPE,       -EPIPE,      -EINVAL,  -ENOTCONN,  0,       0,      0,      0,      0,       -EINPROGRESS,  -ENOTCONN, -ENOTCONN, 0},
};
/* clang-format on */

static int do_ioctl(struct sock *s, unsigned long req, int *value) {
    return sock_ioctl(fx.sk[0], s, req, value);
}

static int do_accept(struct sock *s) {
    struct sock *a;
    int r = sock_accept(fx.sk[0], fx_now(), s, &a);
    if (r == 0)
        fx_own(0, a);
    return r;
}

static int do_call(const struct state *st, struct sock *s, int call, const char **name, int *want) {
    char b[16];
    struct ust_addr a;
    uint16_t port;
    int v;
#define CASE(n, field, expr)                                                                       \
    case n:                                                                                        \
        *name = #field;                                                                            \
        *want = st->field;                                                                         \
        return (int)(expr)
    switch (call) {
        CASE(0, recv, fx_recv(0, s, b, sizeof b, 0));
        CASE(1, recv0, fx_recv(0, s, b, 0, 0));
        CASE(2, send, fx_send(0, s, "y", 1, 0));
        CASE(3, send0, fx_send(0, s, "y", 0, 0));
        CASE(4, accept, do_accept(s));
        CASE(5, peer, sock_peer(fx.sk[0], s, &a, &port));
        CASE(6, bind, fx_bind(0, s, 0));
        CASE(7, inq, do_ioctl(s, SIOCINQ, &v));
        CASE(8, outq, do_ioctl(s, SIOCOUTQ, &v));
        CASE(9, nsd, do_ioctl(s, SIOCOUTQNSD, &v));
        CASE(10, listen, sock_listen(fx.sk[0], fx_now(), s, 3));
        CASE(11, connect, fx_connect(0, s, PORT));
        CASE(12, shut_rd, sock_shutdown(fx.sk[0], fx_now(), s, SHUT_RD));
        CASE(13, shut_wr, sock_shutdown(fx.sk[0], fx_now(), s, SHUT_WR));
        CASE(14, so_error, fx_getint(0, s, SOL_SOCKET, SO_ERROR));
        CASE(15, poll, fx_poll(0, s));
    default:
        return 0;
    }
#undef CASE
}
#define CALLS 16

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

START_TEST(shutdown_how)
{
    fx_begin();
    struct sock *s = make_connected();
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), s, 3), -EINVAL);
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), s, -1), -EINVAL);
    fx_end();
}
END_TEST

/* The error comes once; then the socket is as new and can connect. */
START_TEST(connect_again_after_refusal)
{
    fx_begin();
    struct sock *s = make_refused();
    ck_assert_int_eq(fx_connect(0, s, CLOSED_PORT), -ECONNREFUSED);
    ck_assert_int_eq(fx_connect(0, s, CLOSED_PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_connect(0, s, CLOSED_PORT), -ECONNREFUSED);
    listener = fx_listener(1, PORT, 5);
    ck_assert_int_eq(fx_connect(0, s, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_connect(0, s, PORT), 0);
    ck_assert_int_eq(fx_connect(0, s, PORT), -EISCONN);
    fx_end();
}
END_TEST

START_TEST(disconnect_then_connect)
{
    fx_begin();
    struct sock *s = make_connected();
    ck_assert_int_eq(sock_disconnect(fx.sk[0], fx_now(), s), 0);
    fx_run(5 * NS_PER_MS);
    ck_assert_uint_eq(fx_poll(1, peer), IN | OUT | ERR | HUP | RDHUP);
    ck_assert_int_eq(fx_connect(0, s, PORT), -EINPROGRESS);
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ERROR), 0);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_connect(0, s, PORT), 0);
    ck_assert_int_eq(fx_send(0, s, "hello", 5, 0), 5);
    struct sock *a = fx_accept(1, listener);
    char b[8];
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_recv(1, a, b, sizeof b, 0), 5);
    fx_end();
}
END_TEST

/* shutdown(SHUT_RD) of a listener: those who wait are reset, the name stays, accepted connections live. Linux lets it listen again beside them with SO_REUSEADDR only. */
START_TEST(listener_closes_and_listens_again)
{
    fx_begin();
    struct ust_addr a;
    uint16_t port;
    struct sock *l = fx_sock(1, AF_INET, SOCK_STREAM), *c1 = make_fresh(), *c2 = make_fresh();
    ck_assert_int_eq(fx_setint(1, l, SOL_SOCKET, SO_REUSEADDR, _i), 0);
    ck_assert_int_eq(fx_bind(1, l, PORT), 0);
    ck_assert_int_eq(sock_listen(fx.sk[1], fx_now(), l, 5), 0);
    ck_assert_int_eq(fx_connect(0, c1, PORT), -EINPROGRESS);
    ck_assert_int_eq(fx_connect(0, c2, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    struct sock *s1 = fx_accept(1, l);
    ck_assert_int_eq(sock_shutdown(fx.sk[1], fx_now(), l, SHUT_RD), 0);
    fx_run(5 * NS_PER_MS);
    ck_assert_uint_eq(fx_poll(0, c2) & HUP, HUP);
    ck_assert_int_eq(fx_getint(1, l, SOL_SOCKET, SO_ACCEPTCONN), 0);
    ck_assert_int_eq(sock_local(fx.sk[1], l, &a, &port), 0);
    ck_assert_int_eq(port, PORT);
    struct sock *c3 = make_fresh();
    ck_assert_int_eq(fx_connect(0, c3, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(sock_connect_result(fx.sk[0], c3), -ECONNREFUSED);
    ck_assert_int_eq(sock_listen(fx.sk[1], fx_now(), l, 5), _i ? 0 : -EADDRINUSE);
    if (_i) {
        ck_assert_int_eq(fx_connect(0, c3, PORT), -EINPROGRESS);
        fx_run(5 * NS_PER_MS);
        fx_accept(1, l);
    }
    ck_assert_int_eq(fx_send(0, c1, "still", 5, 0), 5);
    char b[8];
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_recv(1, s1, b, sizeof b, 0), 5);
    fx_end();
}
END_TEST

START_TEST(listener_of_any_port_gives_it_up)
{
    fx_begin();
    struct sock *l = fx_listener(1, 0, 5);
    ck_assert_int_eq(sock_shutdown(fx.sk[1], fx_now(), l, SHUT_RD), 0);
    ck_assert_uint_eq(sim_stack(fx.sim, 1)->tcp.ports.cnt, 0);
    ck_assert_int_eq(sock_listen(fx.sk[1], fx_now(), l, 5), 0);
    ck_assert_uint_eq(sim_stack(fx.sim, 1)->tcp.ports.cnt, 1);
    fx_end();
}
END_TEST

START_TEST(close_of_listener_resets_waiting)
{
    fx_begin();
    struct sock *l = fx_listener(1, PORT, 5), *c = make_fresh();
    ck_assert_int_eq(fx_connect(0, c, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    fx_close(l);
    fx_run(5 * NS_PER_MS);
    ck_assert_uint_eq(fx_poll(0, c), IN | OUT | ERR | HUP | RDHUP);
    fx_end();
}
END_TEST

START_TEST(bind_errors)
{
    fx_begin();
    struct ust_addr other = addr_from_ip4(0x0a000063), own = fx_addr(0);
    struct sock *a = make_fresh(), *b = make_fresh();
    ck_assert_int_eq(sock_bind(fx.sk[0], fx_now(), a, &other, 0), -EADDRNOTAVAIL);
    ck_assert_int_eq(sock_bind(fx.sk[0], fx_now(), a, &own, 80), 0);
    ck_assert_int_eq(sock_bind(fx.sk[0], fx_now(), a, &own, 81), -EINVAL);
    ck_assert_int_eq(fx_bind(0, b, 80), -EADDRINUSE);
    ck_assert_int_eq(fx_bind(0, b, 0), 0);
    struct ust_addr at;
    uint16_t port;
    ck_assert_int_eq(sock_local(fx.sk[0], b, &at, &port), 0);
    ck_assert_int_ge(port, PORT_EPHEMERAL_LO);
    ck_assert(addr_is_any(&at));
    fx_end();
}
END_TEST

/* IP_BIND_ADDRESS_NO_PORT: the address at once, the port when it is needed. */
START_TEST(bind_without_port)
{
    fx_begin();
    struct ust_addr own = fx_addr(0), at;
    uint16_t port;
    struct sock *s = make_fresh();
    listener = fx_listener(1, PORT, 5);
    ck_assert_int_eq(fx_setint(0, s, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1), 0);
    ck_assert_int_eq(sock_bind(fx.sk[0], fx_now(), s, &own, 0), 0);
    ck_assert_int_eq(sock_bind(fx.sk[0], fx_now(), s, &own, 0), 0); /* Linux: not bound yet */
    ck_assert_int_eq(sock_local(fx.sk[0], s, &at, &port), 0);
    ck_assert(addr_eq(&at, &own));
    ck_assert_int_eq(port, 0);
    ck_assert_int_eq(fx_connect(0, s, PORT), -EINPROGRESS);
    ck_assert_int_eq(sock_local(fx.sk[0], s, &at, &port), 0);
    ck_assert_int_ne(port, 0);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_connect(0, s, PORT), 0);
    fx_end();
}
END_TEST

/* connect() and listen() without bind(). */
START_TEST(ephemeral_ports)
{
    fx_begin();
    struct ust_addr at;
    uint16_t port;
    struct sock *l = fx_sock(1, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(sock_listen(fx.sk[1], fx_now(), l, 1), 0);
    ck_assert_int_eq(sock_local(fx.sk[1], l, &at, &port), 0);
    ck_assert_int_ge(port, PORT_EPHEMERAL_LO);
    struct sock *s = make_fresh();
    ck_assert_int_eq(fx_connect(0, s, port), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_connect(0, s, port), 0);
    ck_assert_int_eq(sock_local(fx.sk[0], s, &at, &port), 0);
    ck_assert_int_ge(port, PORT_EPHEMERAL_LO);
    struct ust_addr own = fx_addr(0);
    ck_assert(addr_eq(&at, &own));
    fx_end();
}
END_TEST

/* What a socket gets from its listener; measured by setting each option before listen() and reading it behind accept(). */
static const struct {
    int level, name, set, want;
} inherited[] = {
    {SOL_SOCKET, SO_KEEPALIVE, 1, 1},
    {SOL_SOCKET, SO_REUSEADDR, 1, 1},
    {SOL_SOCKET, SO_REUSEPORT, 1, 1},
    {SOL_SOCKET, SO_OOBINLINE, 1, 1},
    {SOL_SOCKET, SO_BROADCAST, 1, 1},
    {SOL_SOCKET, SO_DONTROUTE, 1, 1},
    {SOL_SOCKET, SO_RCVLOWAT, 3, 3},
    {SOL_SOCKET, SO_PRIORITY, 5, 0},
    {SOL_SOCKET, SO_SNDBUF, 30000, 60000},
    {SOL_SOCKET, SO_RCVBUF, 30000, 60000},
    {SOL_SOCKET, SO_TIMESTAMP, 1, 1},
    {IPPROTO_TCP, 1 /* TCP_NODELAY */, 1, 1},
    {IPPROTO_TCP, 3 /* TCP_CORK */, 1, 1},
    {IPPROTO_TCP, 4 /* TCP_KEEPIDLE */, 11, 11},
    {IPPROTO_TCP, 5 /* TCP_KEEPINTVL */, 12, 12},
    {IPPROTO_TCP, 6 /* TCP_KEEPCNT */, 3, 3},
    {IPPROTO_TCP, 7 /* TCP_SYNCNT */, 2, 2},
    {IPPROTO_TCP, 8 /* TCP_LINGER2 */, 7, 7},
    {IPPROTO_TCP, 9 /* TCP_DEFER_ACCEPT */, 0, 0},
    {IPPROTO_TCP, 10 /* TCP_WINDOW_CLAMP */, 9999, 9999},
    {IPPROTO_TCP, 18 /* TCP_USER_TIMEOUT */, 777, 777},
    {IPPROTO_TCP, 23 /* TCP_FASTOPEN */, 5, 0},
    {IPPROTO_TCP, 25 /* TCP_NOTSENT_LOWAT */, 555, 555},
    {IPPROTO_TCP, 36 /* TCP_INQ */, 1, 1},
    {IPPROTO_IP, IP_TOS, 0x10, 0x10},
    {IPPROTO_IP, IP_TTL, 33, 33},
    {IPPROTO_IP, IP_RECVTOS, 1, 1},
    {IPPROTO_IP, IP_PKTINFO, 1, 1},
    {IPPROTO_IP, IP_FREEBIND, 1, 1},
    {IPPROTO_IP, IP_MTU_DISCOVER, 0, 0},
    {IPPROTO_IP, IP_MULTICAST_LOOP, 0, 0},
    {IPPROTO_IP, IP_MINTTL, 3, 3},
    {IPPROTO_IP, IP_RECVERR, 1, 1},
};

START_TEST(accept_inherits)
{
    fx_begin();
    struct linger lg = {1, 9};
    int64_t tv[2] = {5, 0};
    char cc[16];
    size_t len = sizeof cc;
    struct sock *l = fx_sock(0, AF_INET, SOCK_STREAM), *c = fx_sock(1, AF_INET, SOCK_STREAM);
    for (size_t i = 0; i < UST_ARRAY_CNT(inherited); i++)
        ck_assert_int_eq(fx_setint(0, l, inherited[i].level, inherited[i].name, inherited[i].set),
                         0);
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), l, SOL_SOCKET, SO_LINGER, &lg, sizeof lg), 0);
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), l, SOL_SOCKET, SO_RCVTIMEO, tv, sizeof tv), 0);
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), l, IPPROTO_TCP, 13, "reno", 4), 0);
    l->nonblock = true;
    ck_assert_int_eq(fx_bind(0, l, 6000), 0);
    ck_assert_int_eq(sock_listen(fx.sk[0], fx_now(), l, 5), 0);
    ck_assert_int_eq(fx_connect(1, c, 6000), -EINPROGRESS);
    fx_run(50 * NS_PER_MS);
    struct sock *s = fx_accept(0, l);
    for (size_t i = 0; i < UST_ARRAY_CNT(inherited); i++) {
        int got = fx_getint(0, s, inherited[i].level, inherited[i].name);
        if (got != inherited[i].want)
            ck_abort_msg("level %d option %d: %d, Linux %d", inherited[i].level, inherited[i].name,
                         got, inherited[i].want);
    }
    ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, IPPROTO_TCP, 13, cc, &len), 0);
    ck_assert_str_eq(cc, "reno");
    ck_assert(s->linger_on && s->linger_s == 9 && s->rcvtimeo_ns == 5 * NS_PER_S);
    ck_assert(!s->nonblock);
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_ACCEPTCONN), 0);
    ck_assert_int_eq(fx_getint(0, l, SOL_SOCKET, SO_ACCEPTCONN), 1);
    fx_end();
}
END_TEST

/* A second thread in the same direction waits, and is told when the copy ends. */
START_TEST(one_copy_at_a_time)
{
    fx_begin();
    struct sock *s = make_connected();
    struct sbuf_mslice m[4];
    struct ust_slice v[4];
    int cnt;
    struct waiter *w = waiter_new(fx.sk[0], WAITER_FUTEX, 0);
    ck_assert_int_eq(waiter_add_sock(fx.sk[0], w, s, POLLOUT, false), 0);
    ck_assert_int_eq(sock_send_reserve(fx.sk[0], s, 5, m, &cnt, 4), 5);
    ck_assert_int_eq(sock_send_reserve(fx.sk[0], s, 5, m, &cnt, 4), -EAGAIN);
    ck_assert_uint_eq(w->word, 0);
    sock_send_commit(fx.sk[0], fx_now(), s, 0, 0);
    ck_assert_uint_ne(w->word, 0);
    uint32_t word = w->word;
    ck_assert_int_eq(fx_send(0, s, "1234", 4, 0), 4);
    ck_assert_uint_eq(w->word, word);
    waiter_free(fx.sk[0], w);
    fx_run(5 * NS_PER_MS);
    w = waiter_new(fx.sk[1], WAITER_FUTEX, 0);
    ck_assert_int_eq(waiter_add_sock(fx.sk[1], w, peer, POLLIN, false), 0);
    ck_assert_int_eq(sock_recv_peek(fx.sk[1], peer, 0, 2, v, &cnt, 4), 2);
    ck_assert_int_eq(sock_recv_peek(fx.sk[1], peer, 0, 2, v, &cnt, 4), -EAGAIN);
    sock_recv_done(fx.sk[1], fx_now(), peer, 2);
    ck_assert_uint_ne(w->word, 0);
    waiter_free(fx.sk[1], w);
    char b[8];
    ck_assert_int_eq(fx_recv(1, peer, b, sizeof b, 0), 2);
    ck_assert_mem_eq(b, "34", 2);
    fx_end();
}
END_TEST

/* Another thread closes the connection, or the socket, while the copy goes on. */
START_TEST(end_during_copy)
{
    fx_begin();
    struct sock *s = make_connected();
    struct sbuf_mslice m[4];
    int cnt;
    sock_hold(s);
    ck_assert_int_eq(sock_send_reserve(fx.sk[0], s, 5000, m, &cnt, 4), 5000);
    if (_i == 0)
        ck_assert_int_eq(sock_disconnect(fx.sk[0], fx_now(), s), 0);
    else if (_i == 1)
        reset_by_peer();
    else
        fx_close(s);
    fx_run(5 * NS_PER_MS);
    for (int i = 0; i < cnt; i++)
        memset(m[i].p, 'x', m[i].len);
    must_hold(stack_check(sim_stack(fx.sim, 0)));
    sock_send_commit(fx.sk[0], fx_now(), s, 5000, 0);
    if (_i == 0)
        ck_assert_uint_eq(fx_poll(0, s), OUT | ERR | HUP);
    sock_unhold(fx.sk[0], s);
    fx_run(5 * NS_PER_MS);
    if (_i == 2) {
        char b[8192];
        ck_assert_int_eq(fx_recv(1, peer, b, sizeof b, 0), 5000);
        ck_assert_int_eq(fx_recv(1, peer, b, sizeof b, 0), 0);
    }
    fx_end();
}
END_TEST

/* linger 0 and data that nobody read give RST, everything else FIN. */
START_TEST(close_by_fin_or_rst)
{
    fx_begin();
    struct sock *s = make_connected();
    struct linger l = {1, 0};
    char b[4];
    if (_i == 1)
        ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, SOL_SOCKET, SO_LINGER, &l, sizeof l),
                         0);
    if (_i == 2)
        ck_assert_int_eq(fx_send(1, peer, "q", 1, 0), 1);
    fx_run(5 * NS_PER_MS);
    fx_close(s);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_recv(1, peer, b, sizeof b, 0), _i == 0 ? 0 : -ECONNRESET);
    fx_end();
}
END_TEST

START_TEST(linger_delivered)
{
    fx_begin();
    struct sock *s = make_connected();
    ck_assert_int_eq(fx_send(0, s, "data", 4, 0), 4);
    ck_assert(!sock_delivered(fx.sk[0], s));
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), s, SHUT_WR), 0);
    ck_assert(!sock_delivered(fx.sk[0], s));
    fx_run(NS_PER_S);
    ck_assert(sock_delivered(fx.sk[0], s));
    fx_end();
}
END_TEST

START_TEST(rcvlowat_holds_poll)
{
    fx_begin();
    struct sock *s = make_connected();
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, SO_RCVLOWAT, 10), 0);
    ck_assert_int_eq(fx_send(1, peer, "12345", 5, 0), 5);
    fx_run(5 * NS_PER_MS);
    ck_assert_uint_eq(fx_poll(0, s), OUT);
    ck_assert_int_eq(fx_send(1, peer, "67890", 5, 0), 5);
    fx_run(5 * NS_PER_MS);
    ck_assert_uint_eq(fx_poll(0, s), IN | OUT);
    fx_end();
}
END_TEST

/* AF_INET6 sockets with IPv4-mapped addresses, as Java has them. */
START_TEST(mapped_addresses)
{
    fx_begin();
    struct ust_addr any = {{0}}, to = fx_addr(1), own = fx_addr(0), a;
    uint16_t port;
    struct sock *l = fx_sock(1, AF_INET6, SOCK_STREAM), *c = fx_sock(0, AF_INET6, SOCK_STREAM);
    ck_assert_int_eq(sock_bind(fx.sk[1], fx_now(), l, &any, PORT), 0);
    ck_assert_int_eq(sock_listen(fx.sk[1], fx_now(), l, 5), 0);
    ck_assert_int_eq(fx_setint(0, c, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
    ck_assert_int_eq(sock_bind(fx.sk[0], fx_now(), c, &own, 0), -EINVAL);
    ck_assert_int_eq(sock_connect(fx.sk[0], fx_now(), c, &to, PORT), -ENETUNREACH);
    ck_assert_int_eq(fx_setint(0, c, IPPROTO_IPV6, IPV6_V6ONLY, 0), 0);
    ck_assert_int_eq(sock_connect(fx.sk[0], fx_now(), c, &to, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    struct sock *s = fx_accept(1, l);
    ck_assert_int_eq(s->family, AF_INET6);
    ck_assert_int_eq(sock_peer(fx.sk[1], s, &a, &port), 0);
    ck_assert(addr_eq(&a, &own));
    ck_assert_int_eq(fx_setint(0, c, IPPROTO_IPV6, IPV6_V6ONLY, 1), -EINVAL);
    fx_end();
}
END_TEST

START_TEST(new_sockets)
{
    static const struct {
        int family, type, protocol, want;
    } cases[] = {
        {AF_INET, SOCK_STREAM, 0, 0},
        {AF_INET, SOCK_STREAM, IPPROTO_TCP, 0},
        {AF_INET, SOCK_STREAM, IPPROTO_UDP, -EPROTONOSUPPORT},
        {AF_INET, SOCK_DGRAM, IPPROTO_UDP, 0},
        {AF_INET, SOCK_DGRAM, IPPROTO_TCP, -EPROTONOSUPPORT},
        {AF_INET6, SOCK_STREAM, 0, 0},
        {AF_INET, SOCK_SEQPACKET, 0, -ESOCKTNOSUPPORT},
        {AF_UNIX, SOCK_STREAM, 0, -EAFNOSUPPORT},
    };
    fx_begin();
    struct sock *s = NULL;
    int r = sock_new(fx.sk[0], cases[_i].family, cases[_i].type, cases[_i].protocol, &s);
    ck_assert_int_eq(r, cases[_i].want);
    if (r == 0) {
        fx_own(0, s);
        ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_TYPE), cases[_i].type);
        ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_DOMAIN), cases[_i].family);
    }
    fx_end();
}
END_TEST

int main(void) {
    Suite *s = suite_create("sock_tcp");
    TCase *t = tcase_create("states");
    tcase_add_loop_test(t, state_and_call, 0, (int)UST_ARRAY_CNT(states) * CALLS);
    suite_add_tcase(s, t);
    t = tcase_create("calls");
    tcase_add_loop_test(t, new_sockets, 0, 8);
    tcase_add_test(t, shutdown_how);
    tcase_add_test(t, connect_again_after_refusal);
    tcase_add_test(t, disconnect_then_connect);
    tcase_add_loop_test(t, listener_closes_and_listens_again, 0, 2);
    tcase_add_test(t, listener_of_any_port_gives_it_up);
    tcase_add_test(t, close_of_listener_resets_waiting);
    tcase_add_test(t, bind_errors);
    tcase_add_test(t, bind_without_port);
    tcase_add_test(t, ephemeral_ports);
    tcase_add_test(t, accept_inherits);
    tcase_add_test(t, one_copy_at_a_time);
    tcase_add_loop_test(t, end_during_copy, 0, 3);
    tcase_add_loop_test(t, close_by_fin_or_rst, 0, 3);
    tcase_add_test(t, linger_delivered);
    tcase_add_test(t, rcvlowat_holds_poll);
    tcase_add_test(t, mapped_addresses);
    suite_add_tcase(s, t);
    return run_suite(s);
}
