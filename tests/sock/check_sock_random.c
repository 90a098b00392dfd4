/* SPDX-License-Identifier: ISC */
/*
 * Thousands of calls in any order on a handful of sockets, sets and sleepers of two stacks, with and without loss: no call may break an invariant (stack_check()
 * after each), a stream may not change a byte, and in the end every pool is empty.
 */
#include "sock/sock_tools.h"

#include <sys/epoll.h>

#define SOCKS 12
#define SETS 3
#define WAITERS 4
#define STEPS 3000
#define BASE_PORT 7000

struct half {
    struct sock *s[SOCKS];
    bool writing[SOCKS]; /* reserved and not yet committed */
    size_t reserved[SOCKS];
    struct epset *e[SETS];
    struct waiter *w[WAITERS];
};

static struct half half[2];
static struct rnd rnd;

static unsigned below(unsigned n) { return (unsigned)rnd_below(&rnd, n); }

static void close_one(int h, int i) {
    struct sock *s = half[h].s[i];
    half[h].s[i] = NULL;
    if (half[h].writing[i]) {
        half[h].writing[i] = false;
        sock_hold(s);
        sock_drop(fx.sk[h], fx_now(), s);
        sock_send_commit(fx.sk[h], fx_now(), s, half[h].reserved[i], 0);
        sock_unhold(fx.sk[h], s);
        return;
    }
    sock_drop(fx.sk[h], fx_now(), s);
}

static void some_option(int h, struct sock *s) {
    static const int names[][2] = {
        {SOL_SOCKET, SO_REUSEADDR}, {SOL_SOCKET, SO_REUSEPORT}, {SOL_SOCKET, SO_KEEPALIVE},
        {SOL_SOCKET, SO_RCVBUF},    {SOL_SOCKET, SO_SNDBUF},    {SOL_SOCKET, SO_RCVLOWAT},
        {SOL_SOCKET, SO_OOBINLINE}, {IPPROTO_IP, IP_TOS},       {IPPROTO_IP, IP_TTL},
        {IPPROTO_TCP, 1},           {IPPROTO_TCP, 3},           {IPPROTO_TCP, 12},
        {IPPROTO_TCP, 8},           {IPPROTO_TCP, 10},          {IPPROTO_TCP, 25},
        {IPPROTO_IP, 24},           {SOL_SOCKET, SO_BROADCAST}, {IPPROTO_TCP, 2}};
    unsigned i = below(UST_ARRAY_CNT(names));
    struct linger l = {(int)below(2), (int)below(3)};
    if (rnd_one_in(&rnd, 6))
        sock_setopt(fx.sk[h], fx_now(), s, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    else
        fx_setint(h, s, names[i][0], names[i][1], (int)below(rnd_one_in(&rnd, 2) ? 2 : 20000));
}

static void stream_call(int h, int i) {
    struct sock *s = half[h].s[i], *a;
    uint8_t b[3000];
    struct sbuf_mslice v[4];
    int cnt;
    ssize_t n;
    switch (below(8)) {
    case 0:
        sock_listen(fx.sk[h], fx_now(), s, (int)below(4));
        break;
    case 1:
        if (below(4) == 0)
            fx_connect(h, s, (uint16_t)(BASE_PORT + below(4)));
        break;
    case 2: {
        int to = (int)below(SOCKS);
        if (half[h].s[to] || sock_accept(fx.sk[h], fx_now(), s, &a) < 0)
            break;
        half[h].s[to] = a;
        break;
    }
    case 3:
        memset(b, 'x', sizeof b);
        if (!half[h].writing[i])
            fx_send(h, s, b, below(sizeof b), (below(8) ? 0 : MSG_OOB) | (below(8) ? 0 : MSG_MORE));
        break;
    case 4:
        n = fx_recv(h, s, b, below(sizeof b), below(4) ? 0 : MSG_PEEK);
        for (ssize_t k = 0; k < n; k++)
            ck_assert_int_eq(b[k], 'x');
        break;
    case 5:
        if (half[h].writing[i]) {
            sock_send_commit(fx.sk[h], fx_now(), s, half[h].reserved[i], 0);
            half[h].writing[i] = false;
        } else if ((n = sock_send_reserve(fx.sk[h], s, 1 + below(40000), v, &cnt, 4)) > 0) {
            for (int k = 0; k < cnt; k++)
                memset(v[k].p, 'x', v[k].len);
            half[h].writing[i] = true;
            half[h].reserved[i] = (size_t)n;
        }
        break;
    case 6:
        sock_connect_result(fx.sk[h], s);
        break;
    case 7:
        fx_getint(h, s, SOL_SOCKET, SO_ERROR);
        break;
    }
}

static void dgram_call(int h, int i) {
    struct sock *s = half[h].s[i];
    struct udp_send to;
    struct udp_dgram *d;
    size_t len = below(3000);
    memset(&to, 0, sizeof to);
    switch (below(3)) {
    case 0:
        if (below(2)) {
            to.dst = fx_addr((int)below(2));
            to.dport = (uint16_t)(BASE_PORT + below(4));
        }
        uint8_t *buf = sock_dgram_buf(fx.sk[h], len);
        memset(buf, 'd', len);
        sock_dgram_send(fx.sk[h], fx_now(), s, &to, buf, len, false);
        break;
    case 1:
        if (sock_dgram_peek(fx.sk[h], s, &d) == 0 && d)
            sock_dgram_done(fx.sk[h], s, below(4) != 0);
        break;
    case 2:
        fx_connect(h, s, (uint16_t)(BASE_PORT + below(4)));
        break;
    }
}

static void any_call(int h, int i) {
    struct sock *s = half[h].s[i];
    if ((fx_poll(h, s) & POLLHUP) && rnd_one_in(&rnd, 5)) {
        close_one(h, i);
        return;
    }
    switch (below(30)) {
    case 0:
        fx_bind(h, s, (uint16_t)(below(4) ? BASE_PORT + below(4) : 0));
        break;
    case 1:
        some_option(h, s);
        break;
    case 2:
        sock_shutdown(fx.sk[h], fx_now(), s, (int)below(3));
        break;
    case 3:
        if (rnd_one_in(&rnd, 3))
            sock_disconnect(fx.sk[h], fx_now(), s);
        break;
    case 4:
        if (i > 0 || below(4) == 0)
            close_one(h, i);
        break;
    default:
        if (s->kind == SOCK_KIND_TCP)
            stream_call(h, i);
        else
            dgram_call(h, i);
    }
}

static void epoll_call(int h) {
    static const uint32_t events[] = {EPOLLIN,
                                      EPOLLOUT,
                                      EPOLLIN | EPOLLET,
                                      EPOLLIN | EPOLLOUT | EPOLLONESHOT,
                                      EPOLLIN | EPOLLEXCLUSIVE,
                                      EPOLLIN | EPOLLRDHUP | EPOLLET};
    struct epset **e = &half[h].e[below(SETS)];
    struct epset *other = half[h].e[below(SETS)];
    struct sock *s = half[h].s[below(SOCKS)];
    struct ep_event got[8];
    uint32_t ev = events[below(UST_ARRAY_CNT(events))];
    if (!*e) {
        *e = epset_new(fx.sk[h]);
        return;
    }
    switch (below(8)) {
    case 0:
        if (rnd_one_in(&rnd, 5)) {
            epset_drop(fx.sk[h], *e);
            *e = NULL;
        }
        break;
    case 1:
        if (other)
            epset_add(fx.sk[h], *e, 99, other, WAIT_EPSET, EPOLLIN, 0);
        break;
    case 2:
        if (s)
            epset_mod(fx.sk[h], *e, (int)below(2), s, ev, 1);
        break;
    case 3:
        if (s)
            epset_del(fx.sk[h], *e, (int)below(2), s);
        break;
    case 4:
    case 5:
        epset_harvest(fx.sk[h], *e, got, 1 + (int)below(8));
        break;
    default:
        if (s)
            epset_add(fx.sk[h], *e, (int)below(2), s, WAIT_SOCK, ev, 1);
    }
}

static void waiter_call(int h) {
    struct waiter **w = &half[h].w[below(WAITERS)];
    struct sock *s = half[h].s[below(SOCKS)];
    struct epset *e = half[h].e[below(SETS)];
    if (!*w)
        *w = waiter_new(fx.sk[h], WAITER_FUTEX, 0);
    else if (below(3) == 0) {
        waiter_free(fx.sk[h], *w);
        *w = NULL;
    } else if (below(2) && s)
        waiter_add_sock(fx.sk[h], *w, s, below(2) ? POLLIN : POLLOUT, below(2));
    else if (e && below(2))
        waiter_add_epset(fx.sk[h], *w, e);
    else if (e)
        waiter_watch_epset(fx.sk[h], *w, e);
}

static int free_slot(int h) {
    for (int i = 1; i < SOCKS; i++)
        if (!half[h].s[i])
            return i;
    return -1;
}

/* Left to chance alone, hardly two sockets would ever find each other. Slot 0 listens if it can. */
static void make_pair(int h) {
    struct sock **l = &half[1 - h].s[0];
    int i = free_slot(h), k = free_slot(1 - h);
    struct sock *c;
    if (i < 0 || k < 0)
        return;
    if (!*l) {
        ck_assert_int_eq(sock_new(fx.sk[1 - h], AF_INET, SOCK_STREAM, 0, l), 0);
        fx_bind(1 - h, *l, BASE_PORT);
        sock_listen(fx.sk[1 - h], fx_now(), *l, 4);
    }
    ck_assert_int_eq(sock_new(fx.sk[h], AF_INET, SOCK_STREAM, 0, &c), 0);
    half[h].s[i] = c;
    fx_connect(h, c, BASE_PORT);
    fx_run(3 * NS_PER_MS);
    sock_connect_result(fx.sk[h], c);
    sock_accept(fx.sk[1 - h], fx_now(), *l, &half[1 - h].s[k]);
}

static void one_step(void) {
    int h = (int)below(2), i = (int)below(SOCKS);
    switch (below(8)) {
    case 0:
        epoll_call(h);
        break;
    case 1:
        waiter_call(h);
        break;
    case 2:
        fx_run(below(20) * NS_PER_MS / 4);
        break;
    case 3:
        if (rnd_one_in(&rnd, 60))
            socks_rebuild(fx.sk[h]);
        else if (below(2))
            make_pair(h);
        break;
    default:
        if (half[h].s[i])
            any_call(h, i);
        else
            sock_new(fx.sk[h], below(4) ? AF_INET : AF_INET6, below(3) ? SOCK_STREAM : SOCK_DGRAM,
                     0, &half[h].s[i]);
    }
    must_hold(stack_check(sim_stack(fx.sim, h)));
}

START_TEST(any_order)
{
    memset(half, 0, sizeof half);
    rnd.s = 77 + (uint64_t)_i;
    fx_begin();
    for (int h = 0; h < 2 && _i % 2; h++)
        fx.sim->wire[h][1 - h].loss_ppm = 50000;
    for (int n = 0; n < STEPS; n++)
        one_step();
    fx.sim->wire[0][1].loss_ppm = fx.sim->wire[1][0].loss_ppm = 0;
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < WAITERS; i++)
            if (half[h].w[i])
                waiter_free(fx.sk[h], half[h].w[i]);
        for (int i = 0; i < SOCKS; i++)
            if (half[h].s[i])
                close_one(h, i);
        for (int i = 0; i < SETS; i++)
            if (half[h].e[i])
                epset_drop(fx.sk[h], half[h].e[i]);
    }
    fx_run(900 * NS_PER_S);
    fx_end();
}
END_TEST

int main(void) {
    Suite *s = suite_create("sock_random");
    TCase *t = tcase_create("random");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, any_order, 0, 24);
    suite_add_tcase(s, t);
    return run_suite(s);
}
