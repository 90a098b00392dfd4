/* SPDX-License-Identifier: ISC */
/*
 * The one lock of a stack: a robust process-shared mutex in the arena. When its holder dies, the
 * next one to get it rebuilds what is derived and goes on. A short spin before sleeping: a hold
 * is usually a microsecond, a sleep costs ten.
 */
#include "host/priv.h"

#define SPIN_TRIES 40
#define SPIN_PAUSES 16
#define TIME_ONE_HOLD_IN 64

int mutex_init_robust(pthread_mutex_t *m) {
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    int r = pthread_mutex_init(m, &a);
    pthread_mutexattr_destroy(&a);
    return -r;
}

int lock_init(struct host_shared *s) { return mutex_init_robust(&s->lock); }

static void pause_cpu(void) {
    for (int i = 0; i < SPIN_PAUSES; i++) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#else
        __asm__ volatile("yield");
#endif
    }
}

/* The holder died: what it may have left half done is made again from what is certain. */
static void recover(struct host_shared *s) {
    struct stack *st = host_local.st;
    atomic_store(&s->driver, 0);
    atomic_store(&s->deadline_ns, 0);
    s->futile = 0;
    s->rebuilds++;
    stack_rebuild(st, host_now());
    host_local.kick_thread = true; /* somebody has to drive */
    pthread_mutex_consistent(&s->lock);
}

static void taken(struct host_shared *s, int r) {
    if (UST_UNLIKELY(r == EOWNERDEAD))
        recover(s);
    s->cnt.locks++;
    host_local.st->socks.pid = host_local.pid;
    host_local.hold_since_ns = ++host_local.holds % TIME_ONE_HOLD_IN == 0 ? host_now() : 0;
}

bool lock_try(void) {
    struct host_shared *s = host_local.s;
    int r = pthread_mutex_trylock(&s->lock);
    if (r != 0 && r != EOWNERDEAD)
        return false;
    taken(s, r);
    return true;
}

static int lock_contended(struct host_shared *s) {
    uint64_t since = host_now();
    int r = EBUSY;
    for (int i = 0; i < SPIN_TRIES && r == EBUSY; i++) {
        pause_cpu();
        r = pthread_mutex_trylock(&s->lock);
    }
    if (r == EBUSY)
        r = pthread_mutex_lock(&s->lock);
    if (r == 0 || r == EOWNERDEAD) {
        s->cnt.contended++;
        s->cnt.lock_wait_ns += host_now() - since;
    }
    return r;
}

void lock_take(void) {
    struct host_shared *s = host_local.s;
    int r = pthread_mutex_trylock(&s->lock);
    if (UST_UNLIKELY(r == EBUSY))
        r = lock_contended(s);
    assert(r == 0 || r == EOWNERDEAD);
    taken(s, r);
}

void lock_drop(void) {
    struct host_shared *s = host_local.s;
    if (UST_UNLIKELY(host_local.hold_since_ns)) {
        uint64_t ns = host_now() - host_local.hold_since_ns;
        s->cnt.holds_timed++;
        s->cnt.hold_ns += ns;
        s->cnt.hold_max_ns = UST_MAX(s->cnt.hold_max_ns, ns);
    }
    pthread_mutex_unlock(&s->lock);
}
