/* SPDX-License-Identifier: ISC */
/* The lock, the driver's seat, sleeping and waking, the stack thread. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "host/fake.h"

#define SECOND NS_PER_S

/*
 * What the sanitizers do not bear: handlers run late (thread), stacks left by cancellation
 * (address).
 */
#ifdef __SANITIZE_THREAD__
#define HAVE_SIGNALS 0
#define HAVE_CANCELLATION 0
#elif defined(__SANITIZE_ADDRESS__)
#define HAVE_SIGNALS 1
#define HAVE_CANCELLATION 0
#elif defined(__has_feature)
#define HAVE_SIGNALS !__has_feature(thread_sanitizer)
#define HAVE_CANCELLATION !(__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
#else
#define HAVE_SIGNALS 1
#define HAVE_CANCELLATION 1
#endif

static struct host_counters counters(void) {
    lock_take();
    struct host_counters c = host_local.s->cnt;
    lock_drop();
    return c;
}

static void nap_ms(long ms) {
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&ts, &ts) < 0)
        ;
}

static bool eventually(bool (*is)(void)) {
    for (int i = 0; i < 2000; i++) {
        if (is())
            return true;
        nap_ms(1);
    }
    return false;
}

static bool is_parked(void) {
    lock_take();
    bool is = host_local.s->backup_mode == THREAD_PARKED;
    lock_drop();
    return is;
}
static bool thread_drives(void) { return atomic_load(&host_local.s->driver) & SEAT_THREAD; }
static bool one_sleeps(void) { return atomic_load(&host_local.s->sleepers) == 1; }
static bool two_sleep(void) { return atomic_load(&host_local.s->sleepers) == 2; }
static bool app_drives(void) {
    uint32_t d = atomic_load(&host_local.s->driver);
    return d != 0 && !thread_drives();
}

/* Nothing of any sleep is left. */
static void check_no_sleep_left(void) {
    lock_take();
    ck_assert_uint_eq(atomic_load(&host_local.s->sleepers), 0);
    ck_assert_uint_eq(slab_in_use(&host_stack()->core.arena, SLAB_WAITER), 0);
    ck_assert_uint_eq(slab_in_use(&host_stack()->core.arena, SLAB_WAIT_LINK), 0);
    ck_assert(!app_drives());
    ck_assert_uint_eq(host_local.s->evfd_used[0], 1);
    ck_assert_ptr_null(stack_check(host_stack()));
    lock_drop();
}

struct reader {
    pthread_t tid;
    struct sock *s;
    uint64_t timeout_ns;
    bool needs_poll;
    int got;
};

static void *read_one(void *arg) {
    struct reader *r = arg;
    r->got = fake_recv_byte(r->s, r->timeout_ns, r->needs_poll);
    return NULL;
}

static void start(struct reader *r, uint16_t port, bool needs_poll) {
    *r = (struct reader){.s = fake_udp(port), .timeout_ns = TIME_NEVER, .needs_poll = needs_poll};
    ck_assert_int_eq(pthread_create(&r->tid, NULL, read_one, r), 0);
}

START_TEST(test_sleeper_receives_itself)
{
    struct reader r;
    fake_start(true, NULL);
    start(&r, 7, _i);
    ck_assert(eventually(app_drives));
    struct host_counters a = counters();
    fake_send_udp(7, "k", 1);
    pthread_join(r.tid, NULL);
    struct host_counters b = counters();
    ck_assert_int_eq(r.got, 'k');
    ck_assert_uint_eq(b.wakes_evfd + b.wakes_futex, a.wakes_evfd + a.wakes_futex); /* no hand-off */
    check_no_sleep_left();
}
END_TEST

START_TEST(test_second_sleeper_is_woken)
{
    struct reader a, b;
    fake_start(true, NULL);
    start(&a, 7, false);
    ck_assert(eventually(app_drives));
    start(&b, 8, _i);
    ck_assert(eventually(two_sleep));
    nap_ms(2);
    fake_send_udp(8, "b", 1);
    pthread_join(b.tid, NULL);
    ck_assert_int_eq(b.got, 'b');
    struct host_counters c = counters();
    ck_assert_uint_eq(c.wakes_evfd, _i);
    ck_assert_uint_eq(c.wakes_futex, !_i);
    fake_send_udp(7, "a", 1);
    pthread_join(a.tid, NULL);
    ck_assert_int_eq(a.got, 'a');
    check_no_sleep_left();
}
END_TEST

/* The driver leaves while another sleeps: the stack thread takes over. */
START_TEST(test_thread_takes_over)
{
    struct reader a, b;
    fake_start(true, NULL);
    start(&a, 7, false);
    ck_assert(eventually(app_drives));
    start(&b, 8, false);
    ck_assert(eventually(two_sleep));
    fake_send_udp(7, "a", 1);
    pthread_join(a.tid, NULL);
    ck_assert(eventually(thread_drives));
    fake_send_udp(8, "b", 1);
    pthread_join(b.tid, NULL);
    ck_assert_int_eq(b.got, 'b');
    check_no_sleep_left();
}
END_TEST

START_TEST(test_thread_parks_and_comes_back)
{
    struct reader r;
    fake_start(true, NULL);
    ck_assert(eventually(thread_drives)); /* nobody at work */
    start(&r, 7, false);
    ck_assert(eventually(app_drives));
    ck_assert(eventually(is_parked));
    struct host_counters a = counters();
    nap_ms(50);
    struct host_counters b = counters();
    ck_assert_uint_le(b.locks - a.locks, 1); /* no ticking: only our own look */
    fake_send_udp(7, "k", 1);
    pthread_join(r.tid, NULL);
    ck_assert(eventually(thread_drives));
    /* and answers the network meanwhile */
    uint8_t f[2000];
    while (fake_recv(f, sizeof f, 0) > 0)
        ;
    fake_send_udp(9, "nobody", 6);
    size_t n = fake_recv(f, sizeof f, 1000); /* an ARP request, to say that the port is closed */
    ck_assert_uint_ge(n, ETH_HDR_LEN + ARP_LEN);
    check_no_sleep_left();
}
END_TEST

/* A busy reader beside one that sleeps for ever takes the seat from it. */
START_TEST(test_useless_driver_loses_the_seat)
{
    struct reader idle, busy;
    fake_start(true, NULL);
    start(&idle, 7, false);
    ck_assert(eventually(app_drives));
    struct sock *s = fake_udp(8);
    for (int i = 0; i < 40; i++) {
        busy = (struct reader){.s = s, .timeout_ns = TIME_NEVER};
        pthread_create(&busy.tid, NULL, read_one, &busy);
        ck_assert(eventually(two_sleep));
        fake_send_udp(8, "b", 1);
        pthread_join(busy.tid, NULL);
        ck_assert_int_eq(busy.got, 'b');
    }
    struct host_counters c = counters();
    ck_assert_uint_ge(c.steals, 1);
    ck_assert_uint_lt(c.wakes_evfd + c.wakes_futex, 25); /* the rest it received itself */
    fake_send_udp(7, "i", 1);
    pthread_join(idle.tid, NULL);
    ck_assert_int_eq(idle.got, 'i');
    check_no_sleep_left();
}
END_TEST

static void spinning(struct host_cfg *cfg) { cfg->spin_us = 200000; }

/* Busy polling finds what it does not drive itself, too; when its time is over it sleeps. */
START_TEST(test_spin)
{
    struct reader a, b;
    fake_start(true, spinning);
    start(&a, 7, false);
    ck_assert(eventually(app_drives));
    start(&b, 8, _i);
    ck_assert(eventually(two_sleep));
    fake_send_udp(8, "b", 1);
    pthread_join(b.tid, NULL);
    ck_assert_int_eq(b.got, 'b');
    nap_ms(250);
    ck_assert(one_sleeps());
    fake_send_udp(7, "a", 1);
    pthread_join(a.tid, NULL);
    ck_assert_int_eq(a.got, 'a');
    check_no_sleep_left();
}
END_TEST

START_TEST(test_timeout)
{
    fake_start(true, NULL);
    struct sock *s = fake_udp(7);
    uint64_t t = host_now();
    ck_assert_int_eq(fake_recv_byte(s, 20 * NS_PER_MS, _i), -1);
    t = host_now() - t;
    ck_assert(t >= 20 * NS_PER_MS && t < SECOND);
    check_no_sleep_left();
}
END_TEST

START_TEST(test_extra_fds)
{
    int p[2];
    struct host_wait hw;
    struct pollfd fds[1 + 2];
    fake_start(true, NULL);
    ck_assert_int_eq(pipe(p), 0);
    struct sock *s = fake_udp(7);
    for (int ready = 0; ready < 2; ready++) {
        uint64_t now = host_lock();
        ck_assert_int_eq(host_wait_begin(&hw, true), 0);
        waiter_add_sock(&host_stack()->socks, hw.w, s, POLLIN, false);
        host_unlock(now);
        if (ready)
            ck_assert_int_eq(write(p[1], "x", 1), 1);
        fds[0] = (struct pollfd){.fd = p[0], .events = POLLIN};
        enum host_wait_result r = host_wait(&hw, fds, 1, now + 10 * NS_PER_MS, NULL, false);
        ck_assert_int_eq(r, ready ? HOST_EXTRA : HOST_TIMEOUT);
        ck_assert_int_eq(fds[0].revents, ready ? POLLIN : 0);
        now = host_lock();
        host_wait_end(&hw);
        host_unlock(now);
    }
    check_no_sleep_left();
}
END_TEST

/* ---- signals: the handler does what preload's trampoline does ---- */

static struct host_wait the_wait = {.cancelled = true}; /* no sleep yet */
static volatile sig_atomic_t handled, refused;
static sigjmp_buf out;
static bool jump_out;

static void on_signal(int sig) {
    (void)sig;
    if (!host_wait_cancel(&the_wait)) {
        refused++;
        return;
    }
    handled++;
    if (jump_out)
        siglongjmp(out, 1);
}

static void *poke(void *arg) {
    pthread_t whom = *(pthread_t *)arg;
    ck_assert(eventually(one_sleeps));
    nap_ms(5);
    pthread_kill(whom, SIGUSR1);
    return NULL;
}

static enum host_wait_result sleep_on(struct sock *s, bool needs_poll, uint64_t timeout_ns,
                                      const sigset_t *mask) {
    uint64_t now = host_lock();
    ck_assert_int_eq(host_wait_begin(&the_wait, needs_poll), 0);
    waiter_add_sock(&host_stack()->socks, the_wait.w, s, POLLIN, false);
    host_unlock(now);
    enum host_wait_result r = host_wait(
        &the_wait, NULL, 0, timeout_ns == TIME_NEVER ? TIME_NEVER : now + timeout_ns, mask, false);
    now = host_lock();
    host_wait_end(&the_wait);
    host_unlock(now);
    return r;
}

enum { SIG_POLL = 1, SIG_FUTEX = 2, SIG_JUMP = 4, SIG_RESTART = 8, SIG_MASKED = 16 };
static const struct signal_case {
    const char *name;
    unsigned how;
} signals[] = {
    {"while driving", 0},
    {"while driving, with SA_RESTART", SIG_RESTART},
    {"on a futex", SIG_FUTEX},
    {"on a futex, with SA_RESTART", SIG_FUTEX | SIG_RESTART},
    {"in ppoll", SIG_POLL},
    {"let in by the mask", SIG_POLL | SIG_MASKED},
    {"while driving, jumps out", SIG_JUMP},
    {"on a futex, jumps out", SIG_JUMP | SIG_FUTEX},
};

START_TEST(test_signal)
{
    const struct signal_case *c = &signals[_i];
    struct sigaction sa = {.sa_handler = on_signal,
                           .sa_flags = c->how & SIG_RESTART ? SA_RESTART : 0};
    pthread_t me = pthread_self(), helper;
    sigset_t usr1, before;
    fake_start(true, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    struct sock *s = fake_udp(7);
    if (c->how & SIG_FUTEX) { /* the seat is taken by something that never works */
        lock_take();
        int e = evfd_claim();
        seat_take(e, false);
        evfd_release(e);
        atomic_store(&host_local.s->wake_ns[e], TIME_NEVER);
        lock_drop();
    }
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    pthread_create(&helper, NULL, poke, &me);
    if (c->how & SIG_MASKED)
        pthread_sigmask(SIG_BLOCK, &usr1, &before);
    jump_out = c->how & SIG_JUMP;
    volatile int r = HOST_SIGNAL;
    if (sigsetjmp(out, 1) == 0)
        r = (int)sleep_on(s, c->how & SIG_POLL, TIME_NEVER, c->how & SIG_MASKED ? &before : NULL);
    ck_assert_int_eq(r, HOST_SIGNAL);
    ck_assert_int_eq(handled, 1);
    pthread_join(helper, NULL);
    if (!(c->how & SIG_FUTEX))
        check_no_sleep_left();
}
END_TEST

/* Signals and datagrams as fast as they go: every datagram arrives, no sleep is lost or left. */
static _Atomic bool storm_over;

static void *storm_signals(void *arg) {
    pthread_t whom = *(pthread_t *)arg;
    while (!storm_over) {
        pthread_kill(whom, SIGUSR1);
        usleep(50);
    }
    return NULL;
}

static void *storm_packets(void *arg) {
    for (int i = 0; i < 3000; i++) {
        fake_send_udp(7, "p", 1);
        if (i % 3 == 0)
            usleep(20);
    }
    return arg;
}

START_TEST(test_signal_storm)
{
    struct sigaction sa = {.sa_handler = on_signal};
    pthread_t me = pthread_self(), sig, pkt;
    int got = 0;
    fake_start(true, NULL);
    sigaction(SIGUSR1, &sa, NULL);
    struct sock *s = fake_udp(7);
    struct socks *sk = &host_stack()->socks;
    pthread_create(&pkt, NULL, storm_packets, NULL);
    pthread_create(&sig, NULL, storm_signals, &me);
    while (got < 3000) {
        sigset_t usr1;
        struct udp_dgram *d;
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &usr1, NULL); /* preload defers; here the mask does */
        uint64_t now = host_lock();
        bool any = false;
        while (sock_dgram_peek(sk, s, &d) == 0) {
            any = true;
            got++;
            sock_dgram_done(sk, s, true);
        }
        if (any) {
            host_unlock(now);
            continue;
        }
        ck_assert_int_eq(host_wait_begin(&the_wait, false), 0);
        waiter_add_sock(sk, the_wait.w, s, POLLIN, false);
        host_unlock(now);
        pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
        enum host_wait_result r =
            host_wait(&the_wait, NULL, 0, host_now() + 5 * SECOND, NULL, false);
        pthread_sigmask(SIG_BLOCK, &usr1, NULL);
        ck_assert_int_ne(r, HOST_TIMEOUT);
        now = host_lock();
        host_wait_end(&the_wait);
        host_unlock(now);
    }
    storm_over = true;
    pthread_join(sig, NULL);
    pthread_join(pkt, NULL);
    ck_assert_int_gt(handled, 0);
    check_no_sleep_left();
}
END_TEST

START_TEST(test_cancellation)
{
    struct reader r;
    void *ret;
    fake_start(true, NULL);
    start(&r, 7, _i);
    ck_assert(eventually(one_sleeps));
    nap_ms(3);
    pthread_cancel(r.tid);
    pthread_join(r.tid, &ret);
    ck_assert_ptr_eq(ret, PTHREAD_CANCELED);
    check_no_sleep_left();
}
END_TEST

/* ---- the lock's holder dies ---- */

START_TEST(test_holder_dies)
{
    fake_start(true, NULL);
    struct sock *s = fake_udp(7);
    pid_t pid = fork();
    if (pid == 0) {
        lock_take();
        slab_alloc(&host_local.st->core.arena, SLAB_SOCK); /* half made */
        if (_i)
            kill(getpid(), SIGKILL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    lock_take();
    ck_assert_uint_eq(host_local.s->rebuilds, 1);
    ck_assert_ptr_null(stack_check(host_stack()));
    ck_assert_uint_eq(slab_in_use(&host_stack()->core.arena, SLAB_SOCK), 1);
    lock_drop();
    fake_send_udp(7, "k", 1);
    ck_assert_int_eq(fake_recv_byte(s, SECOND, false), 'k');
}
END_TEST

/* A process that drives is stopped, having said when it would wake. */
START_TEST(test_stopped_driver_is_replaced)
{
    fake_start(true, NULL);
    struct sock *s = fake_udp(7);
    lock_take();
    int e = evfd_claim();
    lock_drop();
    pid_t pid = fork();
    if (pid == 0) {
        lock_take();
        seat_take(e, false);
        lock_drop();
        if (_i) /* else it is stopped while awake */
            atomic_store(&host_local.s->wake_ns[e], host_now() + NS_PER_MS);
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, WUNTRACED);
    ck_assert(WIFSTOPPED(status));
    ck_assert(eventually(thread_drives));
    fake_send_udp(7, "k", 1);
    ck_assert_int_eq(fake_recv_byte(s, SECOND, false), 'k');
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    ck_assert_uint_eq(counters().lost_sleeps, 1);
}
END_TEST

/* ---- sending ---- */

static void send_udp(struct sock *s, char c) {
    struct socks *sk = &host_stack()->socks;
    const struct udp_send to = {.dst = addr_from_ip4(FAKE_PEER), .dport = 99};
    uint64_t now = host_lock();
    uint8_t *b = sock_dgram_buf(sk, 1);
    b[0] = (uint8_t)c;
    ck_assert_int_eq(sock_dgram_send(sk, now, s, &to, b, 1, false), 0);
    host_unlock(now);
}

START_TEST(test_device_without_room)
{
    uint8_t f[2000];
    fake_start(true, NULL);
    struct sock *s = fake_udp(7);
    fake_send_arp_reply(FAKE_PEER, &fake_peer_mac);
    send_udp(s, '0'); /* resolves */
    while (fake_recv(f, sizeof f, 50) > 0)
        fake_send_arp_reply(FAKE_PEER, &fake_peer_mac);
    fake_stuck = true;
    for (char c = 'a'; c < 'a' + 20; c++)
        send_udp(s, c);
    ck_assert_uint_eq(fake_recv(f, sizeof f, 20), 0);
    ck_assert(dev_is_blocked());
    lock_take();
    ck_assert_ptr_null(stack_check(host_stack()));
    lock_drop();
    fake_stuck = false;
    for (char c = 'a'; c < 'a' + 20; c++) {
        size_t n = fake_recv(f, sizeof f, 1000);
        ck_assert_uint_ge(n, 43);
        ck_assert_int_eq(f[42], c);
    }
    ck_assert(!dev_is_blocked());
}
END_TEST

/* ---- everything at once ---- */

#define CROWD 12
#define CROWD_EACH 300

static void *crowd_reader(void *arg) {
    struct reader *r = arg;
    for (int i = 0; i < CROWD_EACH; i++)
        if (fake_recv_byte(r->s, 20 * SECOND, r->needs_poll) >= 0)
            r->got++;
    return NULL;
}

START_TEST(test_crowd)
{
    struct reader r[CROWD];
    fake_start(true, NULL);
    for (int i = 0; i < CROWD; i++) {
        r[i] = (struct reader){.s = fake_udp((uint16_t)(100 + i)), .needs_poll = i % 3 == 0};
        pthread_create(&r[i].tid, NULL, crowd_reader, &r[i]);
    }
    for (int k = 0; k < CROWD_EACH; k++) {
        for (int i = 0; i < CROWD; i++)
            fake_send_udp((uint16_t)(100 + i), "x", 1);
        if (k % 16 == 0)
            usleep(500);
    }
    for (int i = 0; i < CROWD; i++) {
        pthread_join(r[i].tid, NULL);
        ck_assert_int_eq(r[i].got, CROWD_EACH);
    }
    check_no_sleep_left();
}
END_TEST

int main(void) {
    Suite *s = suite_create("host/wait");
    TCase *tc = tcase_create("wait");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, test_sleeper_receives_itself, 0, 2);
    tcase_add_loop_test(tc, test_second_sleeper_is_woken, 0, 2);
    tcase_add_test(tc, test_thread_takes_over);
    tcase_add_test(tc, test_thread_parks_and_comes_back);
    tcase_add_test(tc, test_useless_driver_loses_the_seat);
    tcase_add_loop_test(tc, test_spin, 0, 2);
    tcase_add_loop_test(tc, test_timeout, 0, 2);
    tcase_add_test(tc, test_extra_fds);
    tcase_add_loop_test(tc, test_signal, 0, HAVE_SIGNALS ? UST_ARRAY_CNT(signals) : 0);
    if (HAVE_SIGNALS)
        tcase_add_test(tc, test_signal_storm);
    tcase_add_loop_test(tc, test_cancellation, 0, HAVE_CANCELLATION ? 2 : 0);
    tcase_add_loop_test(tc, test_holder_dies, 0, 2);
    tcase_add_loop_test(tc, test_stopped_driver_is_replaced, 0, 2);
    tcase_add_test(tc, test_device_without_room);
    tcase_add_test(tc, test_crowd);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
