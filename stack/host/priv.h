/* SPDX-License-Identifier: ISC */
/*
 * What the files of host/ share. Two structs: what every process of a stack sees (host_shared, in
 * the arena) and what belongs to this process alone (host_local: mappings, descriptor numbers,
 * its stack thread).
 *
 * The seat. `driver` names who reads frames and runs timers: pool index of its eventfd + 1 and
 * SEAT_THREAD in the low half, a sequence number above it; 0: nobody. It changes under the lock only. A driver that
 * goes to sleep announces in wake_ns[] when it will wake by itself; who leaves an earlier
 * deadline behind kicks it. Both sides store theirs and then look at the other's, so that one of
 * them sees it.
 */
#ifndef UST_HOST_PRIV_H
#define UST_HOST_PRIV_H

#include "host/host.h"
#include "host/proc.h"

#define SEAT_THREAD 0x8000u /* in the driver word: a stack thread sits there */
#define SEAT_INDEX(word) ((int)((word)&0x7fff) - 1) /* -1: nobody */
#define HOST_DEV_BYTES 1024
#define HOST_WAKE_MAX 64 /* wakes collected in one hold of the lock */

struct host_shared {
    _Alignas(64) pthread_mutex_t lock;
    uint32_t rebuilds; /* how often a holder died */
    /* the seat */
    _Alignas(64) _Atomic uint32_t driver; /* written [L] */
    uint32_t seat_seq;                    /* [L] */
    _Atomic uint64_t deadline_ns;         /* stack_deadline() at the last unlock */
    _Atomic uint64_t
        wake_ns[HOST_EVFD_CNT]; /* by pool index: the driver sleeps until then; 0: awake */
    _Atomic uint32_t
        sleepers;       /* written [L]: application threads between host_wait_begin and _end */
    uint32_t futile;    /* [L] bursts in a row in which the driver woke others and not itself */
    uint64_t app_locks; /* [L] host_lock() calls: is an application at work? */
    uint64_t evfd_used[HOST_EVFD_CNT / 64]; /* [L] */
    uint32_t evfd_pid[HOST_EVFD_CNT];       /* [L] who claimed it */
    uint32_t evfd_name[HOST_EVFD_CNT];      /* [L] from HOST_POOL_CNT on: see evfd_write() */
    /* the device, which several processes use [L] */
    bool tx_blocked;                         /* it refused for lack of room: poll for POLLOUT */
    uint32_t filter_gen;                     /* net.group_gen that its filter follows */
    uint32_t dev_rx_next;                    /* its ring's next slot */
    _Alignas(8) uint8_t dev[HOST_DEV_BYTES]; /* its own */
    /* the stack thread on duty, in one of the processes [L] */
    _Atomic uint32_t backup_pid; /* 0: none */
    int backup_evfd;
    uint8_t backup_mode; /* enum host_thread_mode */
    uint32_t trace_pid;  /* a thread of this process writes what the trace's ring holds; 0: none */
    uint64_t burials;
    /* what an image or a joining process needs to know [L] */
    struct host_cfg cfg;
    uint64_t arena_bytes;
    struct dev_info dev_info;
    bool dev_up;
    /* the keeper [L] */
    uint32_t keeper_pid; /* 0: none */
    int keeper_evfd;
    bool keeper_ready, keeper_starting;
    bool retired; /* this stack is over: nobody may join it */
    struct host_fds keeper_fds;
    /* counters [L] */
    struct host_counters {
        uint64_t locks, contended, lock_wait_ns;    /* wait: of the contended ones */
        uint64_t holds_timed, hold_ns, hold_max_ns; /* one hold in 64 is timed */
        uint64_t bursts, kicks, wakes_futex, wakes_evfd, seats, steals, services;
        uint64_t tx_blocked, punched_bytes, lost_sleeps;
    } cnt;
};
_Static_assert(sizeof(struct host_shared) <= STACK_HOST_BYTES, "struct stack has room for it");

enum host_thread_mode { THREAD_NONE, THREAD_TICK, THREAD_PARKED, THREAD_DRIVE };

struct host_local {
    struct stack *st; /* NULL: not attached */
    struct host_shared *s;
    volatile uint32_t *alive; /* a page that fork wipes: 0 in a child that nobody told */
    uint64_t arena_bytes;
    pthread_mutex_t life_lock; /* attaching and coming up; never taken inside the stack's lock */
    struct host_cfg cfg;
    int memfd, ctl_fd;
    uint32_t pid;
    struct host_proc *proc;
    int evfd[HOST_EVFD_CNT];       /* [L] this process's numbers; 0: not made yet */
    uint32_t named[HOST_EVFD_CNT]; /* names of those that are sockets of ours */
    int name_fd;                   /* a datagram socket to wake by name with, -1 none */
    struct dev dev;
    bool up;                       /* [L] dev is usable */
    bool passenger;                /* [L] it may not be used by this process: others drive */
    bool sandboxed;                /* system calls of this process are filtered */
    uint64_t lost;                 /* [L] by the device, as far as was asked */
    bool came_up;                  /* host_up() has succeeded once */
    const struct dev_ops *use_ops; /* host_use_device */
    /* stack thread */
    bool thread; /* it runs */
    int thread_evfd;
    pthread_t tid;
    /* to do after unlocking [L] */
    bool kick_thread, kick_driver;
    int kick_old; /* pool index + 1 of a driver that lost the seat */
    /* sinks */
    struct capture *cap;
    int trace_fd;           /* -1: trace is off */
    uint32_t holds;         /* [L] */
    uint64_t hold_since_ns; /* [L] 0: this hold is not timed */
};
extern struct host_local host_local;

/* ---- arena.c ---- */
/* Wall clock - host_now(). */
int64_t host_wall_offset(void);

/* ---- lock.c ---- */
int mutex_init_robust(pthread_mutex_t *m);
int lock_init(struct host_shared *s);
/* The lock and nothing else. */
void lock_take(void);
/* False: somebody else has it. */
bool lock_try(void);
void lock_drop(void);

/* ---- turn.c ---- */
/* lock_take() and a burst from the device; for the stack thread, which is no application. */
uint64_t turn_lock(void);
/* At most STACK_BURST frames; lock held. True: there may be more. */
bool turn_burst(uint64_t now_ns);
/*
 * host_unlock(). self: the caller's own waiter, which needs no wake. driving: this turn was the
 * driver's.
 */
void turn_unlock(uint64_t now_ns, const struct waiter *self, bool driving);
/* Writes out what trace and capture hold. Without the lock. */
void turn_flush(void);
/* The device's fd reported an error. Without the lock. */
void turn_dev_error(short revents);

/* ---- wait.c ---- */
/* Lock held: a pool index with an eventfd behind it, or -1. */
int evfd_claim(void);
void evfd_release(int i);
/* Lock held: all that a process claimed, which is gone; with the driver's seat, if it sat there. */
void evfd_release_of(uint32_t pid);
/* Lock held: all eventfds of the pool exist, to be inherited or handed over. */
void pool_make(void);
void evfd_write(int i);
void evfd_drain(int i);
/* Lock held: the seat word now is the caller's. */
uint32_t seat_take(int evfd, bool thread);
void seat_leave(uint32_t seat);
/* The driver is about to sleep until limit_ns at most: when it has to wake. */
uint64_t seat_announce(int evfd, uint64_t limit_ns);
static inline void seat_awake(int evfd) {
    atomic_store_explicit(&host_local.s->wake_ns[evfd], 0, memory_order_relaxed);
}
static inline bool seat_is(uint32_t seat) {
    return atomic_load_explicit(&host_local.s->driver, memory_order_relaxed) == seat;
}
/* ns from now_ns to until_ns; TIME_NEVER: longer than anybody waits. */
struct timespec sleep_time(uint64_t now_ns, uint64_t until_ns);

/* ---- thread.c ---- */
int thread_start(void);
/* Lock held: no stack thread is on duty any more. */
void backup_clear(void);
static inline bool backup_exists(void) {
    return atomic_load_explicit(&host_local.s->backup_pid, memory_order_relaxed) != 0;
}
/* Without the lock: a process that sleeps without anybody on duty starts its own stack thread. */
void backup_ensure(void);
/* The device's flags that sleepers read without the lock. */
static inline bool dev_is_blocked(void) {
    return __atomic_load_n(&host_local.s->tx_blocked, __ATOMIC_RELAXED);
}
static inline int dev_fd(void) { return __atomic_load_n(&host_local.dev.fd, __ATOMIC_RELAXED); }

/* ---- proc.c ---- */
void proc_define(struct arena *ar);
struct fdent *proc_entry(const struct host_proc *p, int fd);
/* Lock held, or the arena is new: this process gets its record. 0 or -ENOMEM. */
int proc_join(struct arena *ar);
/* Clock ticks since boot; 0: not to be had. */
uint64_t proc_start_time(uint32_t pid);
/* Lock held: an exec that came to it: what it closed is closed. */
void proc_execed(struct host_proc *p, uint64_t now_ns);
bool pid_is_dead(uint32_t pid);
bool proc_is_dead(const struct host_proc *p, uint64_t now_ns);
/* Lock held. Calls in progress, sleeps and eventfds of a process that is gone, or is another program now. */
void proc_end_calls(uint32_t pid, uint64_t now_ns);
/* Lock held. Closes what the table has, or what an exec closes. */
void proc_close_fds(struct host_proc *p, uint64_t now_ns, bool cloexec_only);
/* Lock held. */
void proc_bury(struct host_proc *p, uint64_t now_ns);
/* Lock held: all others that are dead. How many. */
uint32_t proc_bury_dead(uint64_t now_ns);

/* ---- up.c ---- */
const struct dev_ops *dev_ops_of(const struct host_cfg *cfg);
/* ---- exec.c ---- */
void exec_fds_note(struct host_fds *f);
void exec_fds_cloexec(const struct host_fds *f, bool on);
void exec_token(char token[HOST_TOKEN_CAP]);
/* The stack that the token names becomes this process's, which has no record yet: 0 or negative errno. */
int exec_map(const char *token);
/* Lock held: the private descriptors are here, under these numbers. */
void exec_take_fds(const struct host_fds *f);

/* ---- keeper.c ---- */
/* Without the lock. Starts one if it is wanted and there is none; does not wait for it. */
void keeper_start(void);
/* Processes came or went, or one is about to exec. */
void keeper_kick(void);
/* Is there one that will do what is left? Waits a moment for one that is just coming up. */
bool keeper_takes_over(void);
/*
 * Somebody wants this identity for a new stack: "ok", nothing but TIME-WAIT is left here and the keeper goes; "wait", something is still to be delivered; "no".
 */
const char *keeper_asked_to_retire(void);

/* ---- arena.c ---- */
volatile uint32_t *make_alive_page(void);

/* ---- identity.c ---- */
/* The control socket bound to our identity, or negative errno with a line for the user in err. */
int identity_take(const struct host_cfg *cfg, char *err, size_t err_len);

/* ---- lease.c ---- */
/* Lock held, the stack is up: begins to ask for a lease if the configuration wants one. */
void lease_start(struct host_local *h, uint64_t now_ns);
/* Waits for the lease, HOST_LEASE_WAIT_S at most; without one it says so in a line. Without the
 * lock; nothing to do without DHCP. */
void lease_wait(struct host_local *h);
/* The program ends: gives the lease back if the configuration says so. Without the lock. */
void lease_end(struct host_local *h);

/* ---- capture.c ---- */
/* Lock held: is it time to write? Then, without the lock, capture_write(). */
bool capture_due(struct capture *c, uint64_t now_ns);
void capture_write(struct capture *c);
/* Another process's, whose file goes on. */
int capture_fd(const struct capture *c);
struct capture *capture_adopt(int fd);
/* In a forked child: what is buffered is the parent's to write. c may be NULL. */
void capture_forked(struct capture *c);

/* ---- misc ---- */
/* Writes all of it, waiting at most a little; never raises SIGPIPE. */
void sink_write(int fd, const void *p, size_t len);

#endif
