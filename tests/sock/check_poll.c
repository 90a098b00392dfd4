/* SPDX-License-Identifier: ISC */
/* Waiters and epoll sets: who is woken, what is harvested. Linux's answers were measured with the same steps on loopback sockets. */
#include "sock/sock_tools.h"

#include <sys/epoll.h>

#define PORT 7000

static struct sock *listener, *cli, *srv; /* cli on host 0, srv on host 1; sets are on host 1 */
static struct socks *sk;
static struct epset *set;
static struct ep_event got[16];

static void setup(void) {
    fx_begin();
    listener = fx_listener(1, PORT, 20);
    cli = fx_sock(0, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(fx_connect(0, cli, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    srv = fx_accept(1, listener);
    sk = fx.sk[1];
    set = epset_new(sk);
    ck_assert_ptr_nonnull(set);
}

static void teardown(void) {
    must_hold(poll_check(sk));
    epset_drop(sk, set);
    fx_end();
}

static void data(const char *text) {
    ck_assert_int_eq(fx_send(0, cli, text, strlen(text), 0), (int)strlen(text));
    fx_run(5 * NS_PER_MS);
}

static void eat(void) {
    char b[64];
    ck_assert_int_gt(fx_recv(1, srv, b, sizeof b, 0), 0);
}

static void connect_one(void) {
    struct sock *c = fx_sock(0, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(fx_connect(0, c, PORT), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
}

static int harvest(struct epset *e) { return epset_harvest(sk, e, got, 16); }

static int add(struct epset *e, int fd, struct sock *s, uint32_t events) {
    return epset_add(sk, e, fd, s, WAIT_SOCK, events, (uint64_t)fd);
}

static struct waiter *sleeper(void) {
    struct waiter *w = waiter_new(sk, WAITER_FUTEX, 0);
    ck_assert_ptr_nonnull(w);
    return w;
}

/* ---- waiters ---- */

START_TEST(waiter_mask)
{
    static const struct {
        uint32_t wants, comes;
        bool woken;
    } cases[] = {
        {POLLIN, POLLIN, true},   {POLLIN, POLLOUT, false},    {POLLRDNORM, POLLIN, true},
        {POLLOUT, POLLIN, false}, {0, POLLHUP, true},          {POLLOUT, POLLERR, true},
        {POLLPRI, POLLIN, false}, {POLLWRNORM, POLLOUT, true}, {POLLRDHUP, POLLIN, false},
    };
    for (size_t i = 0; i < UST_ARRAY_CNT(cases); i++) {
        struct waiter *w = sleeper();
        ck_assert_int_eq(waiter_add_sock(sk, w, srv, cases[i].wants, false), 0);
        sock_notify(sk, srv, cases[i].comes);
        ck_assert_int_eq(w->word != 0, cases[i].woken);
        ck_assert_ptr_eq(waiter_wake_pop(sk), cases[i].woken ? w : NULL);
        waiter_free(sk, w);
    }
}
END_TEST

START_TEST(waiter_of_many_is_marked_once)
{
    struct waiter *w = sleeper();
    ck_assert_int_eq(waiter_add_sock(sk, w, srv, POLLIN, false), 0);
    ck_assert_int_eq(waiter_add_sock(sk, w, listener, POLLIN, false), 0);
    sock_notify(sk, srv, POLLIN);
    sock_notify(sk, listener, POLLIN);
    ck_assert_uint_eq(w->word, 2);
    ck_assert_ptr_eq(waiter_wake_pop(sk), w);
    ck_assert_ptr_null(waiter_wake_pop(sk));
    sock_notify(sk, srv, POLLIN);
    waiter_free(sk, w); /* marked: leaves the wake list */
    ck_assert_ptr_null(waiter_wake_pop(sk));
}
END_TEST

/* Sleepers in accept(): a connection wakes one, the next one another. */
START_TEST(exclusive_one_each)
{
    struct waiter *w[3];
    for (int i = 0; i < 3; i++) {
        w[i] = sleeper();
        ck_assert_int_eq(waiter_add_sock(sk, w[i], listener, POLLIN, true), 0);
    }
    connect_one();
    ck_assert_uint_eq(w[0]->word + w[1]->word + w[2]->word, 1);
    connect_one();
    ck_assert_uint_eq(w[0]->word + w[1]->word + w[2]->word, 2);
    ck_assert(w[0]->word == 1 && w[1]->word == 1);
    for (int i = 0; i < 3; i++)
        waiter_free(sk, w[i]);
}
END_TEST

/* The one that was woken goes without accepting: its wake passes to the next. Had it accepted, it would not. */
START_TEST(exclusive_wake_passes_on)
{
    struct waiter *a = sleeper(), *b = sleeper();
    ck_assert_int_eq(waiter_add_sock(sk, a, listener, POLLIN, true), 0);
    ck_assert_int_eq(waiter_add_sock(sk, b, listener, POLLIN, true), 0);
    connect_one();
    ck_assert(a->word == 1 && b->word == 0);
    if (_i == 0)
        fx_accept(1, listener);
    waiter_free(sk, a);
    ck_assert_uint_eq(b->word, _i == 0 ? 0 : 1);
    waiter_free(sk, b);
}
END_TEST

START_TEST(exclusive_among_others)
{
    struct waiter *a = sleeper(), *b = sleeper(), *x = sleeper(), *y = sleeper();
    ck_assert_int_eq(waiter_add_sock(sk, x, listener, POLLIN, true), 0);
    ck_assert_int_eq(waiter_add_sock(sk, y, listener, POLLIN, true), 0);
    ck_assert_int_eq(waiter_add_sock(sk, a, listener, POLLIN, false), 0);
    ck_assert_int_eq(waiter_add_sock(sk, b, listener, POLLIN, false), 0);
    connect_one();
    ck_assert(a->word == 1 && b->word == 1 && x->word == 1 && y->word == 0);
    waiter_free(sk, a);
    waiter_free(sk, b);
    waiter_free(sk, y);
    waiter_free(sk, x);
}
END_TEST

START_TEST(close_wakes_and_unlinks)
{
    struct waiter *w = sleeper();
    ck_assert_int_eq(waiter_add_sock(sk, w, srv, POLLIN, false), 0);
    fx_close(srv);
    ck_assert_uint_eq(w->word, 1);
    ck_assert(LIST_EMPTY(&w->links));
    waiter_free(sk, w);
}
END_TEST

/* ---- epoll: one member ---- */

/* What the harvests say, one letter each: n nothing, i IN, o OUT, b both; x: reading what is there, d: data comes, m: MOD with the same events. */
static const struct {
    const char *name, *steps, *want;
    uint32_t events;
} stories[] = {
    {"level repeats while it is true", "dhhxhh", "iinn", EPOLLIN},
    {"level, nothing there", "hh", "nn", EPOLLIN},
    {"level, read before the harvest", "dxh", "n", EPOLLIN},
    {"edge once", "dhhh", "inn", EPOLLIN | EPOLLET},
    {"edge again with new data, the old unread", "dhdhh", "iin", EPOLLIN | EPOLLET},
    {"edge, read in between", "dhxhdh", "ini", EPOLLIN | EPOLLET},
    {"edge, two arrivals are one event", "ddhh", "in", EPOLLIN | EPOLLET},
    {"edge, MOD looks again", "dhmhh", "iin", EPOLLIN | EPOLLET},
    {"edge, both directions in one event", "hdhh", "obn", EPOLLIN | EPOLLOUT | EPOLLET},
    {"oneshot fires once", "dhhdh", "inn", EPOLLIN | EPOLLONESHOT},
    {"oneshot, MOD arms it again", "dhmhh", "iin", EPOLLIN | EPOLLONESHOT},
    {"oneshot, MOD with nothing there, then data", "dhxmhdhh", "inin", EPOLLIN | EPOLLONESHOT},
    {"writable all the time", "hhh", "ooo", EPOLLOUT},
    {"writable once", "hhh", "onn", EPOLLOUT | EPOLLET},
    {"data does not matter to who waits to write", "hdh", "on", EPOLLOUT | EPOLLET},
};

START_TEST(one_member)
{
    const char *want = stories[_i].want;
    ck_assert_int_eq(add(set, 5, srv, stories[_i].events), 0);
    for (const char *p = stories[_i].steps; *p; p++) {
        switch (*p) {
        case 'd':
            data("data");
            break;
        case 'x':
            eat();
            break;
        case 'm':
            ck_assert_int_eq(epset_mod(sk, set, 5, srv, stories[_i].events, 5), 0);
            break;
        case 'h': {
            int n = harvest(set);
            char c = n == 0                      ? 'n'
                     : got[0].events == EPOLLIN  ? 'i'
                     : got[0].events == EPOLLOUT ? 'o'
                                                 : 'b';
            if (n == 1)
                must_eq(got[0].data, 5);
            if (c != *want)
                ck_abort_msg("%s: step %d gives %c, Linux %c", stories[_i].name,
                             (int)(p - stories[_i].steps), c, *want);
            want++;
            break;
        }
        }
        must_hold(poll_check(sk));
    }
    ck_assert_int_eq(*want, 0);
}
END_TEST

START_TEST(errors_come_unasked)
{
    struct linger l = {1, 0};
    ck_assert_int_eq(add(set, 5, srv, 0), 0);
    data("x");
    ck_assert_int_eq(harvest(set), 0);
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), cli, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
    fx_close(cli);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(harvest(set), 1);
    ck_assert_uint_eq(got[0].events, EPOLLERR | EPOLLHUP);
}
END_TEST

START_TEST(peer_fin)
{
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN | EPOLLRDHUP | EPOLLET), 0);
    ck_assert_int_eq(harvest(set), 0);
    ck_assert_int_eq(sock_shutdown(fx.sk[0], fx_now(), cli, SHUT_WR), 0);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(harvest(set), 1);
    ck_assert_uint_eq(got[0].events, EPOLLIN | EPOLLRDHUP);
    ck_assert_int_eq(harvest(set), 0);
}
END_TEST

START_TEST(ctl_errors)
{
    ck_assert_int_eq(epset_mod(sk, set, 5, srv, EPOLLIN, 0), -ENOENT);
    ck_assert_int_eq(epset_del(sk, set, 5, srv), -ENOENT);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), -EEXIST);
    ck_assert_int_eq(add(set, 6, srv, EPOLLIN), 0); /* a dup: another key */
    ck_assert_int_eq(epset_mod(sk, set, 5, srv, EPOLLIN | EPOLLEXCLUSIVE, 0), -EINVAL);
    ck_assert_int_eq(epset_del(sk, set, 5, srv), 0);
    ck_assert_int_eq(epset_del(sk, set, 5, srv), -ENOENT);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN | EPOLLEXCLUSIVE | EPOLLRDHUP), -EINVAL);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), -EINVAL);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET), 0);
    ck_assert_int_eq(epset_mod(sk, set, 5, srv, EPOLLIN, 0), -EINVAL);
    ck_assert_ptr_nonnull(epset_find(set, 6, srv));
    ck_assert_ptr_null(epset_find(set, 7, srv));
    ck_assert_uint_eq(set->item_cnt, 2);
}
END_TEST

START_TEST(closed_member_leaves)
{
    struct epset *other = epset_new(sk);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(add(other, 5, srv, EPOLLIN), 0);
    data("x");
    sock_take(srv); /* a dup keeps the membership */
    sock_drop(sk, fx_now(), srv);
    ck_assert_int_eq(harvest(set), 1);
    struct sock *s = srv;
    sock_hold(s); /* a thread is inside */
    fx_close(srv);
    ck_assert_int_eq(harvest(set), 0);
    ck_assert_uint_eq(set->item_cnt + other->item_cnt, 0);
    sock_unhold(sk, s);
    epset_drop(sk, other);
}
END_TEST

/* Who is level and ready goes to the tail: nobody starves. */
START_TEST(fair_when_the_room_is_short)
{
    struct sock *c[4], *s[4];
    int seen[4] = {0};
    for (int i = 0; i < 4; i++) {
        c[i] = fx_sock(0, AF_INET, SOCK_STREAM);
        ck_assert_int_eq(fx_connect(0, c[i], PORT), -EINPROGRESS);
        fx_run(5 * NS_PER_MS);
        s[i] = fx_accept(1, listener);
        ck_assert_int_eq(add(set, i, s[i], EPOLLOUT), 0);
    }
    for (int round = 0; round < 8; round++) {
        ck_assert_int_eq(epset_harvest(sk, set, got, 2), 2);
        seen[got[0].data]++;
        seen[got[1].data]++;
    }
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(seen[i], 4);
}
END_TEST

/* ---- epoll: sleepers ---- */

START_TEST(sleeper_of_a_set)
{
    struct waiter *a = sleeper(), *b = sleeper(), *p = sleeper();
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(waiter_add_epset(sk, a, set), 0);
    ck_assert_int_eq(waiter_add_epset(sk, b, set), 0);
    ck_assert_int_eq(waiter_watch_epset(sk, p, set), 0);
    data("x");
    ck_assert(a->word == 1 && b->word == 0 && p->word == 1);
    data("y");
    ck_assert(a->word == 1 && b->word == 1 && p->word == 2);
    ck_assert_int_eq(harvest(set), 1);
    eat();
    waiter_free(sk, a);
    waiter_free(sk, b);
    waiter_free(sk, p);
}
END_TEST

START_TEST(set_wake_passes_on)
{
    struct waiter *a = sleeper(), *b = sleeper();
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(waiter_add_epset(sk, a, set), 0);
    ck_assert_int_eq(waiter_add_epset(sk, b, set), 0);
    data("x");
    ck_assert(a->word == 1 && b->word == 0);
    if (_i == 0)
        eat();
    waiter_free(sk, a);
    ck_assert_uint_eq(b->word, _i == 0 ? 0 : 1);
    waiter_free(sk, b);
}
END_TEST

START_TEST(add_of_a_ready_one_wakes)
{
    struct waiter *w = sleeper();
    data("x");
    ck_assert_int_eq(waiter_add_epset(sk, w, set), 0);
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), 0);
    ck_assert_uint_eq(w->word, 1);
    ck_assert(epset_ready(sk, set));
    eat();
    ck_assert(!epset_ready(sk, set));
    ck_assert_uint_eq(set->ready_cnt, 0);
    waiter_free(sk, w);
}
END_TEST

START_TEST(set_closed_under_a_sleeper)
{
    struct epset *e = epset_new(sk);
    struct waiter *w = sleeper();
    ck_assert_int_eq(add(e, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(waiter_add_epset(sk, w, e), 0);
    epset_drop(sk, e);
    must_hold(poll_check(sk));
    ck_assert_uint_eq(slab_in_use(&sk->c->arena, SLAB_EPSET), 2);
    waiter_free(sk, w);
    ck_assert_uint_eq(slab_in_use(&sk->c->arena, SLAB_EPSET), 1);
}
END_TEST

/* A prefork server: each process has a set with the listener in it, and sleeps. */
START_TEST(epollexclusive)
{
    struct epset *e[3];
    struct waiter *w[3];
    uint32_t flags = _i == 0 ? EPOLLEXCLUSIVE : 0;
    for (int i = 0; i < 3; i++) {
        e[i] = epset_new(sk);
        w[i] = sleeper();
        ck_assert_int_eq(add(e[i], 5, listener, EPOLLIN | flags), 0);
        ck_assert_int_eq(waiter_add_epset(sk, w[i], e[i]), 0);
    }
    connect_one();
    ck_assert_uint_eq(w[0]->word + w[1]->word + w[2]->word, _i == 0 ? 1 : 3);
    /* The first is awake and busy: the next connection finds another. */
    connect_one();
    ck_assert_uint_eq(w[0]->word + w[1]->word + w[2]->word, _i == 0 ? 2 : 3);
    for (int i = 0; i < 3; i++) {
        waiter_free(sk, w[i]);
        epset_drop(sk, e[i]);
    }
}
END_TEST

/* ---- sets in sets ---- */

START_TEST(nested)
{
    struct epset *inner = epset_new(sk);
    struct waiter *w = sleeper();
    ck_assert_int_eq(add(inner, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(epset_add(sk, set, 9, inner, WAIT_EPSET, EPOLLIN, 9), 0);
    ck_assert_int_eq(waiter_add_epset(sk, w, set), 0);
    ck_assert_int_eq(harvest(set), 0);
    data("x");
    ck_assert_uint_eq(w->word, 1);
    ck_assert_int_eq(harvest(set), 1);
    ck_assert(got[0].data == 9 && got[0].events == EPOLLIN);
    ck_assert_int_eq(harvest(inner), 1);
    eat();
    ck_assert_int_eq(harvest(set), 0);
    waiter_free(sk, w);
    epset_drop(sk, inner); /* leaves the outer one */
    ck_assert_uint_eq(set->item_cnt, 0);
}
END_TEST

/* Measured: a chain of five sets is the longest, circles and the set itself are refused. */
START_TEST(nesting_limits)
{
    struct epset *e[8];
    for (int i = 0; i < 8; i++)
        e[i] = epset_new(sk);
    for (int i = 1; i < 8; i++)
        ck_assert_int_eq(epset_add(sk, e[i], 1, e[i - 1], WAIT_EPSET, EPOLLIN, 0),
                         i == 5 ? -ELOOP : 0);
    ck_assert_int_eq(epset_add(sk, e[0], 1, e[2], WAIT_EPSET, EPOLLIN, 0), -ELOOP);
    ck_assert_int_eq(epset_add(sk, e[0], 1, e[0], WAIT_EPSET, EPOLLIN, 0), -EINVAL);
    ck_assert_int_eq(epset_add(sk, e[0], 1, set, WAIT_EPSET, EPOLLIN | EPOLLEXCLUSIVE, 0), -EINVAL);
    for (int i = 0; i < 8; i++)
        epset_drop(sk, e[i]);
}
END_TEST

/* ---- rebuild ---- */

START_TEST(rebuild_restores_lists)
{
    struct epset *inner = epset_new(sk);
    struct waiter *w = sleeper();
    ck_assert_int_eq(add(set, 5, srv, EPOLLIN), 0);
    ck_assert_int_eq(add(inner, 6, listener, EPOLLIN), 0);
    ck_assert_int_eq(epset_add(sk, set, 9, inner, WAIT_EPSET, EPOLLIN, 9), 0);
    ck_assert_int_eq(waiter_add_epset(sk, w, set), 0);
    ck_assert_int_eq(waiter_add_sock(sk, w, srv, POLLIN, false), 0);
    data("x");
    memset(&set->ready, 0xaa, sizeof set->ready);
    memset(&set->items, 0xaa, sizeof set->items);
    memset(&srv->waiters, 0xaa, sizeof srv->waiters);
    memset(&srv->epitems, 0xaa, sizeof srv->epitems);
    memset(&sk->wake, 0xaa, sizeof sk->wake);
    socks_rebuild(sk);
    must_hold(socks_check(sk));
    ck_assert_int_eq(harvest(set), 1);
    must_eq(got[0].data, 5);
    while (waiter_wake_pop(sk)) {
    }
    uint32_t word = w->word;
    connect_one();
    ck_assert_uint_gt(w->word, word);
    ck_assert_int_eq(harvest(set), 2);
    waiter_free(sk, w);
    epset_drop(sk, inner);
}
END_TEST

int main(void) {
    Suite *s = suite_create("poll");
    TCase *t = tcase_create("waiters");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, waiter_mask);
    tcase_add_test(t, waiter_of_many_is_marked_once);
    tcase_add_test(t, exclusive_one_each);
    tcase_add_loop_test(t, exclusive_wake_passes_on, 0, 2);
    tcase_add_test(t, exclusive_among_others);
    tcase_add_test(t, close_wakes_and_unlinks);
    suite_add_tcase(s, t);
    t = tcase_create("epoll");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, one_member, 0, (int)UST_ARRAY_CNT(stories));
    tcase_add_test(t, errors_come_unasked);
    tcase_add_test(t, peer_fin);
    tcase_add_test(t, ctl_errors);
    tcase_add_test(t, closed_member_leaves);
    tcase_add_test(t, fair_when_the_room_is_short);
    tcase_add_test(t, sleeper_of_a_set);
    tcase_add_loop_test(t, set_wake_passes_on, 0, 2);
    tcase_add_test(t, add_of_a_ready_one_wakes);
    tcase_add_test(t, set_closed_under_a_sleeper);
    tcase_add_loop_test(t, epollexclusive, 0, 2);
    tcase_add_test(t, nested);
    tcase_add_test(t, nesting_limits);
    tcase_add_test(t, rebuild_restores_lists);
    suite_add_tcase(s, t);
    return run_suite(s);
}
