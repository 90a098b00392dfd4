/* SPDX-License-Identifier: ISC */
/*
 * One call on a socket of ours, from enter() to leave():
 *
 *     struct call c;
 *     if (!fd_lookup(fd) || !call_begin(&c, "recv", fd)) return real.recv(fd, ...);
 *     return call_end(&c, do_recv(&c, ...));
 *
 * In between the lock is held, c.s is the socket, and c.now the time. A call that has to wait uses call_block(), and repeats itself when told
 * -CALL_RESTART, as the kernel restarts a system call after a signal: with its arguments, from the look-up of the descriptor on.
 */
#ifndef UST_PRELOAD_CALL_H
#define UST_PRELOAD_CALL_H

#include "internal.h"

#define CALL_RESTART 512 /* the kernel's ERESTARTSYS */
/* For call_end(), which returns it as it is: the socket has just become the kernel's, the caller repeats the call there. */
#define CALL_TO_LIBC (-1025)

struct call {
    const char *name;
    int fd;
    struct sock *s; /* NULL once its descriptor is gone and nothing holds it */
    struct stack *st;
    struct socks *sk;
    uint64_t now; /* ns, of the latest host_lock() */
    uint64_t started;
    bool held;              /* by call_hold() */
    struct host_hold *hold; /* the record of that, if there was room for one */
    bool sigpipe;           /* raise SIGPIPE on the way out */
};

struct block_rule {
    uint64_t timeo_ns; /* 0: for ever */
    uint32_t events;   /* POLL* to wait for */
    bool exclusive;    /* accept: wake one */
    int timeout_err;   /* -EAGAIN, or -EINPROGRESS for connect */
};

/* enter(), lock, look up. False: not ours (any more), nothing entered. */
bool call_begin(struct call *c, const char *name, int fd);
/* Trace, unlock, leave(), errno: r as leave_ret() takes it. */
long call_end(struct call *c, long r);
/* The same without the lock, which the caller has given up. */
long call_end_unlocked(struct call *c, long r);

/* Gives the lock up for a long copy, and takes it back. The socket is held meanwhile. */
void call_unlock(struct call *c);
void call_lock(struct call *c);
/* The same where the caller may stay away for long and be jumped out of: nothing is held, and the thread is outside (depth 0). Then c->s is looked up again, NULL if it is gone. */
void call_let_go(struct call *c);
void call_come_back(struct call *c);
/* The device is up: 0 or -ENETDOWN. Gives the lock up meanwhile if it was not. */
int call_need_net(struct call *c);
/* The same for an address that is about to be used (NULL: none). Before the first IPv6 address is ours, duplicate address detection and the first router advertisement are
 * waited for, once and a few seconds at most. */
int call_need_net_for(struct call *c, const struct ust_addr *a);
/* Keeps c->s to the end of the call, even if its last descriptor is closed. */
void call_hold(struct call *c);

/*
 * Sleeps until something of rule->events happens on c->s; the lock is given up meanwhile. 0: try again. Else what the call is to return if it has done nothing yet, as Linux
 * (a handler ran: without timeout -EINTR, or -CALL_RESTART if all had SA_RESTART; with one always -EINTR). -CALL_RESTART has let go of c->s: call_again().
 */
int call_block(struct call *c, const struct block_rule *rule);
/* After -CALL_RESTART: looks the descriptor up again. False: closed meanwhile, the call is to return -EBADF. */
bool call_again(struct call *c);
/* The socket must not make the caller wait (O_NONBLOCK or MSG_DONTWAIT). */
static inline bool call_nonblock(const struct call *c, int flags) {
    return c->s->nonblock || (flags & MSG_DONTWAIT);
}

#endif
