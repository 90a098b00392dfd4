/* SPDX-License-Identifier: ISC */
/*
 * What needs Linux: the arena's mapping, the lock, who drives, the stack thread, devices, capture, the control socket.
 *
 * The story. A process attaches to a stack (host_attach: makes or maps the arena) at its first socket, and brings the device up (host_up) at
 * the first bind, connect, listen or send. Every call on our sockets does host_lock() ... host_unlock(). host_lock() reads the clock once and takes a burst of frames if the next
 * ring slot holds one; host_unlock() turns the stack if anything is dirty, drains the transmit queue, unlocks, and only then performs the wakes. Who has to
 * wait calls host_wait(): it becomes the driver if nobody drives, with the packet fd in its sleep, or sleeps on a futex.
 *
 * The driver word (shared->driver) names the one thread that reads frames and runs timers while it sleeps: a slot number; 0 nobody. The
 * stack thread (one a process, all signals blocked, made by host_up) takes over when no application thread drives: it ticks while there is traffic and
 * an application thread drove last, drives itself with a sleep on the packet fd otherwise, and parks (no timeout) while an application thread sleeps as the driver.
 * An application thread that leaves the driver's seat clears the word without a system call, unless the stack thread is parked: then one futex wake.
 * A driver asleep whose announced wake-up is later than a new deadline is kicked through its eventfd.
 *
 * All system calls here are raw (host/sys.h), never libc's cancellable or interposed wrappers. Locks: one robust process-shared mutex in the arena; nothing sleeps under it.
 * EOWNERDEAD: stack_rebuild(), go on.
 */
#ifndef UST_HOST_HOST_H
#define UST_HOST_HOST_H

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "stack.h"

#define HOST_ARENA_BASE 0x550000000000ULL
#define HOST_ARENA_SLOT_BYTES                                                                      \
    (64ULL << 30)          /* address space of one stack; slots for several above the base */
#define HOST_EVFD_CNT 1024 /* pool of wake eventfds, made as they are needed */
#define HOST_ADDR_CFG_MAX 8
#define HOST_PREFIX_MAX 16
#define HOST_IFINDEX_OURS (1 << 20) /* where the kernel has no interface of that name */
#define HOST_LEASE_WAIT_S 30        /* host_up() waits that long for a DHCP lease */

enum dev_kind { DEV_NONE, DEV_PACKET, DEV_PCAP, DEV_TAP, DEV_STREAM, DEV_XDP, DEV_KIND_COUNT };

struct host_prefix {
    struct ust_addr addr;
    uint8_t plen; /* of 128 */
};

/* Parsed configuration, filled by preload/config.c (or a test). Zero-initialised + host_cfg_default(). */
struct host_cfg {
    bool valid; /* false: `error` says why, the first socket fails with ENETDOWN */
    char error[256];
    uint8_t dev;      /* enum dev_kind */
    char ifname[108]; /* interface, or path of a stream socket */
    struct host_prefix ip4[HOST_ADDR_CFG_MAX];
    uint8_t ip4_cnt;
    bool ip4_dhcp, ip4_none, ip6_auto, ip6_none;
    bool dhcp_release;             /* at exit */
    bool ip6_eui64, ip6_temporary; /* how addresses of routers' prefixes are made */
    bool ip6_asked;                /* IPv6 was asked for by name: without it one cannot start */
    struct host_prefix ip6[HOST_ADDR_CFG_MAX];
    uint8_t ip6_cnt;
    struct ust_addr gw4, gw6, dns[4];
    bool has_gw4, has_gw6;
    uint8_t dns_cnt;
    struct ust_mac mac;
    bool has_mac;
    uint32_t mtu;                               /* 0: the interface's */
    struct host_prefix kernel[HOST_PREFIX_MAX]; /* left to the kernel */
    uint8_t kernel_cnt;
    bool loopback_stack, strict, no_keeper;
    char name[64];
    uint8_t cc;
    bool ecn;
    uint32_t spin_us;
    uint64_t mem_bytes;
    uint32_t trace_on, trace_debug;
    char trace_file[256], pcap_file[256], stat_file[256];
    struct fault_cfg fault;
};
void host_cfg_default(struct host_cfg *cfg);

/* The process's view of the stack it is attached to; NULL before, and in the child of a fork. */
struct stack *host_stack(void);
const struct host_cfg *host_config(void);

/* Makes or maps the arena. 0, or negative errno after one line on stderr (printed once per process). Thread safe; idempotent. */
int host_attach(const struct host_cfg *cfg);
/* Opens the device, takes the identity (a second process with the same one: -ENETDOWN and a line that names the holder's pid), adds addresses (a conflicting ARP answer within 2 ms: refused), starts the
 * stack thread. 0 or -ENETDOWN after one line. Thread safe; idempotent; without the lock held. */
int host_up(void);
/* Waits until no IPv6 address of ours is tentative any more and a router has answered, or a few seconds from the start have passed. After host_up(), without the lock. */
void host_wait_ip6(void);
/* Prints "userstack: ..." on stderr, one line, by a raw write. */
void host_complain(const char *fmt, ...) UST_PRINTF(1, 2);

/* Monotonic clock, ns. */
uint64_t host_now(void);
/* Takes the lock; returns now_ns read for this turn. Takes a burst from the device if there is one and the device is up. */
uint64_t host_lock(void);
/* Turns the stack if needed, drains, unlocks, wakes. */
void host_unlock(uint64_t now_ns);

/* Name servers and search domains that the network told (DHCP, router advertisements); none before there is a lease. Without the lock held. */
void host_dns(struct net_dns *out);

/* ---- sleeping ---- */
/*
 * One sleep of one application thread. On its stack; the preload's signal trampoline finds it through its own TLS pointer.
 * Use, lock held: host_wait_begin() (makes the waiter; then waiter_add_sock/epset); host_unlock(); host_wait(); host_lock(); host_wait_end().
 *
 * While it sleeps, host_wait() takes the lock now and then (it drives); a signal that arrives just then must not run a handler of the program. So the trampoline asks
 * host_wait_cancel() first: true, the sleep is given up, the handler may run (and may jump away); false, defer the signal as at depth > 0: host_wait() returns
 * HOST_SIGNAL at once, and the caller lets deferred signals run (leave) before it sleeps again.
 */
struct host_wait {
    struct waiter *w;
    uint32_t word0;            /* w->word when it began */
    uint32_t seat;             /* the driver word while this thread drives, or 0 */
    int16_t evfd;              /* pool index, -1 none */
    bool up;                   /* the device was up when it began */
    volatile bool busy;        /* not in the sleeping system call: cannot be cancelled just now */
    volatile bool interrupted; /* a signal was refused meanwhile */
    volatile bool cancelled;   /* by a signal: the waiter is unlinked, the driver's seat given up */
    struct timespec ts;        /* of the sleep; a cancellation sets it to 0 */
};
enum host_wait_result {
    HOST_WOKEN,
    HOST_TIMEOUT,
    HOST_SIGNAL,
    HOST_EXTRA /* one of the extra fds is ready */
};

/* 0 or -ENOBUFS. needs_poll: extra fds or a signal mask will be given, so the sleep is a ppoll in any case. */
int host_wait_begin(struct host_wait *hw, bool needs_poll);
/*
 * Sleeps until the waiter is marked, an extra fd is ready, a signal was handled, or deadline_ns (TIME_NEVER: none). extra: cnt pollfds with room for two more behind (they are ours; NULL if cnt is 0); revents are filled in
 * as ppoll does. mask: the caller's signal mask for the sleep (ppoll, pselect, epoll_pwait), or NULL. Drives the stack meanwhile if the seat is free. Called without the lock.
 * The thread's real cancellation point (if `cancellable`): cancellation during the sleep gives up the waiter first (the caller's own clean-up forgets hw).
 * HOST_WOKEN does not mean that revents were asked for: they may all be 0.
 */
enum host_wait_result host_wait(struct host_wait *hw, struct pollfd *extra, nfds_t cnt,
                                uint64_t deadline_ns, const sigset_t *mask, bool cancellable);
/* Lock held. Frees the waiter unless cancelled. */
void host_wait_end(struct host_wait *hw);
/*
 * From a signal handler of the same thread, between host_wait_begin() and host_wait_end() at depth 0: true: the waiter is unlinked, the seat given up, and a sleep that was just about to begin returns at
 * once. False: see above. Async-signal-safe here. Cancelling twice is allowed.
 */
bool host_wait_cancel(struct host_wait *hw);

/* ---- the keeper ---- */
/* The command `userstack keeper`: returns when nothing is left to keep. 0 or negative errno. */
int host_keeper(const char *token);

/* ---- locked in ---- */
/* This process is about to restrict its own system calls: from now on it uses memory, futexes and what is open. Others send and receive its frames. */
void host_sandbox(void);
bool host_is_sandboxed(void);
/* This process may not be able to open descriptors soon: those of the pool are made now. */
void host_open_all(void);

/* ---- end of the process ---- */
/* Lingers until everything written is delivered: bounded (30 s), ends early on a second SIGINT/SIGTERM; then writes the statistics file and flushes capture. */
void host_exit(void);
/* In the child of fork (until several processes share a stack): the child detaches: host_stack() is NULL, a new host_attach() makes a stack of its own. The arena stays mapped. */
void host_after_fork_child(void);

/* ---- reports (also served on the control socket for `userstack stat` and `ss`) ---- */
enum host_report {
    HOST_REPORT_STAT_TEXT,
    HOST_REPORT_STAT_JSON,
    HOST_REPORT_SS_TEXT,
    HOST_REPORT_SS_JSON
};
/* Lock held. Bytes written into buf (always NUL ended; truncated at cap). */
size_t host_report(struct stack *st, enum host_report what, char *buf, size_t cap);
/* A file name of the configuration as it is meant now: %p is the process id, %% a percent sign. Cut at cap. */
void host_path(char *out, size_t cap, const char *pattern);
/* Abstract socket names of stacks in this network namespace start with this; the rest is the identity. */
#define HOST_CTL_PREFIX "userstack."

/* ---- private fds ---- */
/* Is fd one of ours that programs must not see or close (memfd, packet socket, eventfds, control socket, pcap, trace)? Lock-free. */
bool host_fd_is_private(int fd);
/* Moves a private fd up out of the way, CLOEXEC; returns the new number. */
int host_fd_raise(int fd);
/* The lowest private fd from `from` on, or -1. Lock-free. */
int host_fd_next(int from);
/* The program wants a number that is private: its file gets another. The new number, or -EBUSY. Without the lock. */
int host_fd_move(int fd);
/* Remembers / forgets a number that could not be moved. */
void host_fd_note(int fd);
void host_fd_forget(int fd);

/* ---- devices ---- */
struct dev_info {
    struct ust_mac mac;
    uint32_t mtu, features, gso_max_bytes;
};
struct dev { /* process-local */
    const struct dev_ops *ops;
    int fd; /* to poll for input; -1 none */
    void *priv;
    struct dev_info info;
    uint64_t truncated; /* frames that did not fit their slot, skipped by rx() */
};
enum dev_upgrade {                     /* true: go on with the next */
                   DEV_UPGRADE_WANTED, /* without the lock, asked every tick: is it worth it? */
                   DEV_UPGRADE_PREPARE, /* without the lock, may take long; in a thread of its own, as the rest */
                   DEV_UPGRADE_SWITCH, /* lock held */
                   DEV_UPGRADE_CLEAN,  /* without the lock, may take long */
};
struct dev_ops {
    const char *name;
    /* Optional: takes over a device that another process opened: d->fd and d->info are set. Without it the device cannot be shared. */
    int (*adopt)(struct dev *d);
    /* 0, or negative errno with a reason for the user in err. */
    int (*open)(struct dev *d, const struct host_cfg *cfg, char *err, size_t err_len);
    void (*close)(struct dev *d);
    /* Is a frame known to wait? Without the lock; one load. False where only the kernel knows: poll tells. */
    bool (*pending)(struct dev *d);
    /* The next frame, or false. Stays valid until rx_done(). */
    bool (*rx)(struct dev *d, struct pkt_rx *p);
    void (*rx_done)(struct dev *d);
    /* 0, -EAGAIN (no room: keep it), or another negative errno (dropped). */
    int (*tx)(struct dev *d, const struct pkt_tx *p);
    /* Optional: a frame that tx() took may wait in part. True: nothing does. */
    bool (*flush)(struct dev *d);
    /* Optional. Addresses or groups changed: renew the filter. */
    int (*filter)(struct dev *d, const struct net *n);
    /* Optional: frames that the device had to throw away because nobody read them in time, since the last call. */
    uint64_t (*lost)(struct dev *d);
    /* Optional: changes to a way to receive that is better but slow to set up. d->fd keeps its number. */
    bool (*upgrade)(struct dev *d, enum dev_upgrade phase);
};
/* Lock held: of all that came so far. */
uint64_t host_dev_lost(void);
extern const struct dev_ops dev_packet_ops, dev_pcap_ops, dev_tap_ops, dev_stream_ops;
/* Tests, before host_up(): this device whatever the configuration says. */
void host_use_device(const struct dev_ops *ops);

/* ---- capture ---- */
struct
    capture; /* a pcap file being written; frames that were coalesced are cut to wire size with good checksums */
struct capture *capture_open(const char *path, char *err, size_t err_len);
void capture_rx(struct capture *c, uint64_t wall_ns, const struct pkt_rx *p);
void capture_tx(struct capture *c, uint64_t wall_ns, const struct pkt_tx *p);
void capture_flush(struct capture *c);
void capture_close(struct capture *c);

#endif
