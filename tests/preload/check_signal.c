/* SPDX-License-Identifier: ISC */
/* Signals: what interrupts a call and what restarts it, handlers that call us, that jump away, faults, masks, dispositions; on both sides (both.h). */
#include "preload/both.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>

static volatile int handled;
static void note(int sig) {
    (void)sig;
    handled++;
}

static void handler(int sig, void (*fn)(int), int flags) {
    struct sigaction act;
    memset(&act, 0, sizeof(act));
    act.sa_handler = fn;
    act.sa_flags = flags;
    gives(sigaction(sig, &act, NULL), 0);
}

/* SIGALRM after ms, and every ms again if asked for. */
static void alarm_ms(int ms, bool again) {
    struct itimerval it = {.it_value = {0, ms * 1000}, .it_interval = {0, again ? ms * 1000 : 0}};
    gives(setitimer(ITIMER_REAL, &it, NULL), 0);
}

struct later {
    int fd;
    pthread_t poke; /* SIGUSR1 goes there */
};

/* ---- what is interrupted, what is restarted ---- */

static const struct {
    const char *name;
    char
        call; /* r recv stream, d recv datagram, a accept, s send, w recv MSG_WAITALL with bytes so far, m recvmmsg */
    bool restart, timeo;
    int err; /* 0: goes on */
} rules[] = {
    {"recv", 'r', false, false, EINTR},
    {"recv, SA_RESTART", 'r', true, false, 0},
    {"recv, SO_RCVTIMEO", 'r', false, true, EINTR},
    {"recv, SA_RESTART, SO_RCVTIMEO", 'r', true, true, EINTR},
    {"datagram", 'd', false, false, EINTR},
    {"datagram, SA_RESTART", 'd', true, false, 0},
    {"datagram, SA_RESTART, SO_RCVTIMEO", 'd', true, true, EINTR},
    {"accept", 'a', false, false, EINTR},
    {"accept, SA_RESTART", 'a', true, false, 0},
    {"accept, SA_RESTART, SO_RCVTIMEO", 'a', true, true, EINTR},
    {"send", 's', false, false, EINTR},
    {"send, SA_RESTART, SO_SNDTIMEO", 's', true, true, EINTR},
    {"bytes so far", 'w', false, false, 2},
    {"bytes so far, SA_RESTART", 'w', true, false, 2},
    {"recvmmsg, SA_RESTART", 'm', true, false, 0},
    {"recvmmsg", 'm', false, false, EINTR},
};

/* Gives what the call waits for: where it restarts, behind the handler; else when it has returned. */
struct feeder {
    bool restarts, accepting;
    int fd;
    struct sockaddr_in *to;
    _Atomic bool returned, fed;
};
static void *feed(void *arg) {
    struct feeder *f = arg;
    while (f->restarts ? handled == 0 : !f->returned)
        usleep(1000);
    usleep(20000); /* the call sleeps again, or should have */
    f->fed = true;
    if (f->accepting) {
        int c = socket(AF_INET, SOCK_STREAM, 0);
        gives(connect(c, (struct sockaddr *)f->to, sizeof(*f->to)), 0);
    } else {
        gives(send(f->fd, "x", 1, 0), 1);
    }
    return NULL;
}

START_TEST(interrupted)
{
    int side = _i % SIDES, k = _i / SIDES, s[2];
    struct sockaddr_in sa;
    struct timeval tv = {2, 0};
    static char b[1 << 20];
    struct iovec v = {b, 4};
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};
    char call = rules[k].call;
    pthread_t t;
    sigset_t set;
    long r = -1;
    if (call == 'd' || call == 'm')
        udp_pair(side, s);
    else
        tcp_pair(side, s);
    int l = tcp_listener(side, &sa);
    if (rules[k].timeo) {
        gives(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
        gives(setsockopt(s[0], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)), 0);
        gives(setsockopt(l, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)), 0);
    }
    handler(SIGALRM, note, rules[k].restart ? SA_RESTART : 0);
    struct feeder w = {
        .restarts = rules[k].err == 0, .accepting = call == 'a', .fd = s[1], .to = &sa};
    handled = 0;
    /* The timer's signal is for this thread. */
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&t, NULL, feed, &w);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm_ms(30, false);
    errno = 0;
    switch (call) {
    case 'r':
    case 'd':
        r = recv(s[0], b, 4, 0);
        break;
    case 'm':
        r = recvmmsg(s[0], &m, 1, 0, NULL);
        break;
    case 'a':
        r = accept(l, NULL, NULL);
        break;
    case 's':
        while ((r = send(s[0], b, sizeof(b), 0)) == sizeof(b))
            ;
        if (r > 0) { /* bytes so far; the next one waits from the start */
            alarm_ms(30, false);
            r = send(s[0], b, sizeof(b), 0);
        }
        break;
    case 'w':
        gives(send(s[1], "ab", 2, 0), 2);
        r = recv(s[0], b, 6, MSG_WAITALL);
        break;
    default:
        break;
    }
    int err = errno;
    ck_assert_int_ge(handled, 1);
    ck_assert_int_eq(w.fed, w.restarts);
    w.returned = true;
    if (rules[k].err == 0) {
        ck_assert_int_ge(r, 0);
    } else if (rules[k].err == 2) {
        ck_assert_int_eq(r, 2);
    } else {
        ck_assert_int_eq(r, -1);
        ck_assert_int_eq(err, rules[k].err);
    }
    pthread_join(t, NULL);
    check_nothing_held();
}
END_TEST

/* ---- handlers that do things ---- */

static int pair[2];
static void echo(int sig) {
    char b[8];
    (void)sig;
    ssize_t n = recv(pair[1], b, sizeof(b), MSG_DONTWAIT);
    if (n > 0)
        send(pair[1], b, (size_t)n, 0);
    handled++;
}

/* A handler that answers on another descriptor of the same connection, while we sleep in recv(). */
START_TEST(handler_calls_us)
{
    char b[8];
    tcp_pair(_i, pair);
    handler(SIGALRM, echo, SA_RESTART);
    gives(send(pair[0], "ping", 4, 0), 4);
    alarm_ms(20, false);
    gives(recv(pair[0], b, 8, 0), 4);
    ck_assert_int_eq(handled, 1);
    check_nothing_held();
}
END_TEST

static sigjmp_buf out;
static void jump(int sig) {
    (void)sig;
    siglongjmp(out, 1);
}

START_TEST(handler_jumps)
{
    char b[8];
    volatile int jumps = 0;
    tcp_pair(_i, pair);
    handler(SIGALRM, jump, SA_RESTART);
    while (jumps < 20) {
        if (sigsetjmp(out, 1)) {
            jumps++;
            continue;
        }
        alarm_ms(3, false);
        recv(pair[0], b, 8, 0);
        ck_abort_msg("not reached");
    }
    check_nothing_held();
    ck_assert_int_eq(ptls.depth, 0);
    gives(send(pair[1], "x", 1, 0), 1);
    gives(recv(pair[0], b, 8, 0), 1);
    close(pair[0]);
    gives(recv(pair[1], b, 8, 0), 0);
    check_nothing_held();
}
END_TEST

/* A storm of signals while data flow both ways: nothing is lost, and every handler ran outside (it sends itself). */
static int side_pair[2];
static volatile size_t side_sent, inside;
static void storm(int sig) {
    (void)sig;
    int saved = errno;
    if (ptls.depth != 0)
        inside++;
    if (send(side_pair[0], "s", 1, MSG_DONTWAIT) == 1)
        side_sent++;
    errno = saved;
}

static void *pump(void *arg) {
    static __thread char b[50000];
    int fd = *(int *)arg;
    size_t total = 0;
    ssize_t n;
    while ((n = recv(fd, b, sizeof(b), 0)) > 0)
        total += (size_t)n;
    ck_assert_int_eq(n, 0);
    return (void *)total;
}

START_TEST(storm_of_signals)
{
    static char b[30000];
    pthread_t t[2];
    void *got[2];
    sigset_t set;
    struct itimerval it = {.it_value = {0, 200}, .it_interval = {0, 200}};
    tcp_pair(_i, pair);
    tcp_pair(_i, side_pair);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_create(&t[0], NULL, pump, &pair[1]);
    pthread_create(&t[1], NULL, pump, &side_pair[1]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    handler(SIGALRM, storm, SA_RESTART);
    gives(setitimer(ITIMER_REAL, &it, NULL), 0);
    size_t sent = 0;
    for (int i = 0; i < 3000; i++) {
        size_t n = (size_t)(i % 30) * 1000 + 1, done = 0;
        while (done < n) {
            ssize_t r = send(pair[0], b, n - done, 0);
            ck_assert_int_gt(r, 0);
            done += (size_t)r;
        }
        sent += n;
    }
    alarm_ms(0, false);
    shutdown(pair[0], SHUT_WR);
    shutdown(side_pair[0], SHUT_WR);
    pthread_join(t[0], &got[0]);
    pthread_join(t[1], &got[1]);
    ck_assert_uint_eq((size_t)got[0], sent);
    ck_assert_uint_eq((size_t)got[1], side_sent);
    ck_assert_uint_gt(side_sent, 0);
    ck_assert_uint_eq(inside, 0);
    check_nothing_held();
}
END_TEST

/* What is put off keeps its siginfo, and comes right after. */
static volatile int value, code;
static void info(int sig, siginfo_t *si, void *uc) {
    (void)sig, (void)uc;
    value = si->si_value.sival_int;
    code = si->si_code;
    handled++;
}

START_TEST(put_off)
{
    struct sigaction act = {.sa_sigaction = info, .sa_flags = SA_SIGINFO | (_i ? SA_NODEFER : 0)};
    int s[2];
    udp_pair(0, s);
    gives(sigaction(SIGUSR1, &act, NULL), 0);
    gives(sigaction(SIGRTMIN, &act, NULL), 0);
    enter();
    gives(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 42}), 0);
    ck_assert_int_eq(handled, 0);
    gives(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 43}), 0);
    raise(SIGUSR1);
    raise(SIGUSR1); /* one of that kind waits at most */
    ck_assert_int_eq(handled, 0);
    leave();
    ck_assert_int_eq(handled, 4 - 1);
    ck_assert_int_eq(ptls.depth, 0);
    ck_assert_uint_eq(ptls.pending, 0);
    handled = 0;
    enter();
    gives(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 44}), 0);
    leave();
    ck_assert_int_eq(handled, 1);
    ck_assert_int_eq(value, 44);
    ck_assert_int_eq(code, SI_QUEUE);
    sigset_t set;
    sigprocmask(SIG_SETMASK, NULL, &set);
    ck_assert_int_eq(sigismember(&set, SIGRTMIN), 0);
    ck_assert_int_eq(sigismember(&set, SIGUSR1), 0);
}
END_TEST

/* ---- faults ---- */

static volatile int segv_sig;
static void on_segv(int sig, siginfo_t *si, void *uc) {
    (void)uc;
    segv_sig = sig;
    ck_assert_ptr_nonnull(si->si_addr);
    siglongjmp(out, 1);
}

/* The program's own handler gets its own faults, and none of ours. */
START_TEST(own_faults)
{
    struct sigaction act = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO}, old;
    char *bad = bad_memory();
    int s[2];
    if (_i & 2)
        gives(sigaction(SIGSEGV, &act, NULL), 0);
    tcp_pair(_i % SIDES, s);
    if (!(_i & 2))
        gives(sigaction(SIGSEGV, &act, &old), 0);
    if (!(_i & 2) && !SANITIZED)
        ck_assert_ptr_eq((void *)(uintptr_t)old.sa_handler, (void *)(uintptr_t)SIG_DFL);
    fails(send(s[0], bad, 10, 0), EFAULT);
    ck_assert_int_eq(segv_sig, 0);
    if (!sigsetjmp(out, 1)) {
        *(volatile char *)bad = 1;
        ck_abort_msg("not reached");
    }
    ck_assert_int_eq(segv_sig, SIGSEGV);
    fails(send(s[0], bad, 10, 0), EFAULT);
    gives(sigaction(SIGSEGV, NULL, &old), 0);
    ck_assert(old.sa_sigaction == on_segv);
    /* Blocked as far as the program knows; a copy still answers EFAULT. */
    sigset_t set, was;
    sigfillset(&set);
    gives(sigprocmask(SIG_SETMASK, &set, &was), 0);
    ck_assert_int_eq(sigismember(&was, SIGSEGV), 0);
    fails(send(s[0], bad, 10, 0), EFAULT);
    gives(sigprocmask(SIG_SETMASK, &was, &set), 0);
    ck_assert_int_eq(sigismember(&set, SIGSEGV), 1);
    ck_assert_int_eq(sigismember(&set, SIGUSR2), 1);
    gives(sigprocmask(SIG_SETMASK, NULL, &set), 0);
    ck_assert_int_eq(sigismember(&set, SIGSEGV), 0);
}
END_TEST

static void make_socket(void) {
    int s[2];
    tcp_pair(0, s);
}
static void crash(void) { *(volatile char *)bad_memory() = 1; }
static void die_blocked(void) {
    sigset_t set;
    sigfillset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    crash();
}
static void die_ignored(void) {
    signal(SIGSEGV, SIG_IGN);
    raise(SIGSEGV); /* that one is ignored */
    crash();
}
static void die_sent(void) { raise(SIGSEGV); }
static void die_once(void) {
    struct sigaction act = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGSEGV, &act, NULL);
    raise(SIGSEGV);
    raise(SIGSEGV);
}
static void die_abort(void) { abort(); }

/* The default action is what it would be without us. */
static const struct {
    void (*fn)(void);
    int sig;
} deaths[] = {{crash, SIGSEGV},    {die_blocked, SIGSEGV}, {die_ignored, SIGSEGV},
              {die_sent, SIGSEGV}, {die_once, SIGSEGV},    {die_abort, SIGABRT}};

START_TEST(deaths_are_the_same)
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit rl = {0, 0};
        setrlimit(RLIMIT_CORE, &rl);
        signal(SIGSEGV, SIG_DFL);
        signal(SIGABRT, SIG_DFL);
        make_socket();
        deaths[_i].fn();
        real._exit(0);
    }
    int status;
    gives(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(WIFSIGNALED(status), 1);
    ck_assert_int_eq(WTERMSIG(status), deaths[_i].sig);
}
END_TEST

/* ---- dispositions and masks ---- */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
START_TEST(dispositions)
{
    struct sigaction act, old;
    sigset_t set;
    int s[2];
    if (_i)
        tcp_pair(0, s);
    memset(&act, 0, sizeof(act));
    act.sa_handler = note;
    act.sa_flags = SA_RESTART | SA_NODEFER;
    sigaddset(&act.sa_mask, SIGUSR2);
    sigaddset(&act.sa_mask, SIGSEGV);
    gives(sigaction(SIGUSR1, &act, NULL), 0);
    gives(sigaction(SIGUSR1, NULL, &old), 0);
    ck_assert(old.sa_handler == note);
    ck_assert_int_eq(old.sa_flags & ~0x04000000,
                     SA_RESTART | SA_NODEFER); /* libc shows SA_RESTORER */
    ck_assert_int_eq(sigismember(&old.sa_mask, SIGUSR2), 1);
    ck_assert_int_eq(sigismember(&old.sa_mask, SIGSEGV), 1);
    ck_assert(signal(SIGUSR1, SIG_IGN) == note);
    ck_assert(signal(SIGUSR1, note) == SIG_IGN);
    gives(sigaction(SIGUSR1, NULL, &old), 0);
    ck_assert_int_eq(old.sa_flags & ~0x04000000, SA_RESTART);
    gives(siginterrupt(SIGUSR1, 1), 0);
    gives(sigaction(SIGUSR1, NULL, &old), 0);
    ck_assert_int_eq(old.sa_flags & SA_RESTART, 0);
    ck_assert(old.sa_handler == note);
    ck_assert(signal(SIGUSR1, note) == note);
    gives(sigaction(SIGUSR1, NULL, &old), 0);
    ck_assert_int_eq(old.sa_flags & SA_RESTART, 0);
    gives(siginterrupt(SIGUSR1, 0), 0);
    handled = 0;
    raise(SIGUSR1);
    ck_assert_int_eq(handled, 1);
    /* Once only. */
    ck_assert(sysv_signal(SIGUSR1, note) == note);
    raise(SIGUSR1);
    gives(sigaction(SIGUSR1, NULL, &old), 0);
    ck_assert(old.sa_handler == SIG_DFL);
    ck_assert_int_eq(handled, 2);
    /* Errors. */
    fails(sigaction(0, &act, NULL), EINVAL);
    fails(sigaction(65, &act, NULL), EINVAL);
    fails(sigaction(SIGKILL, &act, NULL), EINVAL);
    fails(sigaction(32, &act, NULL), EINVAL);
    ck_assert(signal(SIGSTOP, note) == SIG_ERR);
    ck_assert(signal(-1, note) == SIG_ERR);
    ck_assert_int_eq(pthread_sigmask(99, &act.sa_mask, NULL), EINVAL);
    fails(sigprocmask(99, &act.sa_mask, NULL), EINVAL);
    /* The old family. */
    ck_assert(sigset(SIGUSR1, note) == SIG_DFL);
    ck_assert(sigset(SIGUSR1, SIG_HOLD) == note);
    gives(sigprocmask(SIG_SETMASK, NULL, &set), 0);
    ck_assert_int_eq(sigismember(&set, SIGUSR1), 1);
    ck_assert(sigset(SIGUSR1, note) == SIG_HOLD);
    gives(sighold(SIGUSR1), 0);
    raise(SIGUSR1);
    ck_assert_int_eq(handled, 2);
    gives(sigrelse(SIGUSR1), 0);
    ck_assert_int_eq(handled, 3);
    gives(sigignore(SIGUSR1), 0);
    raise(SIGUSR1);
    gives(sigblock(1 << (SIGUSR2 - 1) | 1 << (SIGSEGV - 1)), 0);
    gives(sigsetmask(0), 1 << (SIGUSR2 - 1) | 1 << (SIGSEGV - 1));
}
END_TEST
#pragma GCC diagnostic pop

static volatile int nested, deepest;
static void nest(int sig) {
    if (++nested > deepest)
        deepest = nested;
    if (++handled < 3)
        raise(sig);
    nested--;
}

START_TEST(nodefer)
{
    int s[2];
    tcp_pair(0, s);
    handler(SIGUSR1, nest, _i ? SA_NODEFER : 0);
    enter();
    raise(SIGUSR1);
    ck_assert_int_eq(deepest, 0);
    leave();
    ck_assert_int_eq(handled, 3);
    ck_assert_int_eq(deepest, _i ? 3 : 1);
}
END_TEST

/* An alternate stack is honoured, put off or not. */
static char *alt;
static void where(int sig) {
    char here;
    (void)sig;
    handled = &here > alt && &here < alt + 65536 ? 1 : 2;
}

START_TEST(alternate_stack)
{
    int s[2];
    tcp_pair(0, s);
    alt = malloc(65536);
    stack_t st = {.ss_sp = alt, .ss_size = 65536};
    gives(sigaltstack(&st, NULL), 0);
    handler(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    ck_assert_int_eq(handled, 1);
    handled = 0;
    enter();
    raise(SIGUSR1);
    ck_assert_int_eq(handled, 0);
    leave();
    ck_assert_int_eq(handled, 1);
}
END_TEST

/* ---- threads ---- */

static void *sleeper(void *arg) {
    static __thread char b[8];
    long n = recv(*(int *)arg, b, sizeof(b), 0);
    return (void *)n;
}

/* Cancelled in recv(): the thread is gone, and so is all that it held. */
START_TEST(cancelled)
{
    pthread_t t;
    void *r;
    tcp_pair(_i, pair);
    for (int i = 0; i < 5; i++) {
        pthread_create(&t, NULL, sleeper, &pair[0]);
        usleep(i * 5000);
        pthread_cancel(t);
        gives(pthread_join(t, &r), 0);
        ck_assert_ptr_eq(r, PTHREAD_CANCELED);
    }
    check_nothing_held();
    gives(send(pair[1], "x", 1, 0), 1);
    pthread_create(&t, NULL, sleeper, &pair[0]);
    pthread_join(t, &r);
    ck_assert_ptr_eq(r, (void *)1);
}
END_TEST

/* close() in another thread: the sleeper goes on, as in Linux, and gets what comes. */
START_TEST(closed_meanwhile)
{
    pthread_t t;
    void *r;
    char b[8];
    tcp_pair(_i, pair);
    pthread_create(&t, NULL, sleeper, &pair[0]);
    usleep(30000);
    gives(close(pair[0]), 0);
    fails(recv(pair[0], b, 1, 0), EBADF);
    usleep(30000);
    gives(send(pair[1], "abc", 3, 0), 3);
    pthread_join(t, &r);
    ck_assert_ptr_eq(r, (void *)3);
    gives(recv(pair[1], b, 8, 0), 0);
    check_nothing_held();
}
END_TEST

/* After a signal with SA_RESTART the descriptor is looked up again, as when the kernel restarts the call. */
static void *poke_later(void *arg) {
    struct later *l = arg;
    usleep(30000);
    close(l->fd);
    usleep(10000);
    pthread_kill(l->poke, SIGUSR1);
    return NULL;
}

START_TEST(closed_and_restarted)
{
    char b[8];
    pthread_t t;
    tcp_pair(_i, pair);
    handler(SIGUSR1, note, SA_RESTART);
    struct later l = {.fd = pair[0], .poke = pthread_self()};
    pthread_create(&t, NULL, poke_later, &l);
    fails(recv(pair[0], b, 8, 0), EBADF);
    pthread_join(t, NULL);
    check_nothing_held();
}
END_TEST

int main(void) {
    if (UNDER_TSAN)
        return 77; /* skipped */
    both_init();
    Suite *s = suite_create("signal");
    TCase *t = tcase_create("signal");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, interrupted, 0, SIDES * (int)UST_ARRAY_CNT(rules));
    tcase_add_loop_test(t, handler_calls_us, 0, SIDES);
    tcase_add_loop_test(t, handler_jumps, 0, SIDES);
    tcase_add_loop_test(t, storm_of_signals, 0, SIDES);
    tcase_add_loop_test(t, put_off, 0, 2);
    tcase_add_loop_test(t, own_faults, 0, SIDES * 2);
    tcase_add_loop_test(t, deaths_are_the_same, 0, (int)UST_ARRAY_CNT(deaths));
    tcase_add_loop_test(t, dispositions, 0, 2);
    tcase_add_loop_test(t, nodefer, 0, 2);
    tcase_add_test(t, alternate_stack);
    if (!SANITIZED)
        tcase_add_loop_test(t, cancelled, 0, SIDES);
    tcase_add_loop_test(t, closed_meanwhile, 0, SIDES);
    tcase_add_loop_test(t, closed_and_restarted, 0, SIDES);
    suite_add_tcase(s, t);
    return both_run(s);
}
