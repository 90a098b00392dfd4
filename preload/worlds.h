/* SPDX-License-Identifier: ISC */
/*
 * Sockets that serve both worlds (DESIGN.md section 4): a listener or datagram socket on the wildcard address lives on the stack, and its
 * placeholder is bound to the same port of the kernel's loopback address, if that is in USERSTACK_KERNEL. Ours is looked at first; the
 * placeholder never blocks (the program's O_NONBLOCK is in our table), and never reports that it can be written to.
 */
#ifndef UST_PRELOAD_WORLDS_H
#define UST_PRELOAD_WORLDS_H

#include "call.h"

/* Bits that the kernel's half is not asked for: ours answers. */
#define BOTH_NOT_ASKED (POLLOUT | POLLWRNORM | POLLWRBAND)

/* Does the kernel's half of s count? */
static inline bool both_active(const struct sock *s) {
    return s->kernel_half && !(s->udp && s->udp->connected);
}
/*
 * Lock held. Gives c->s, if it is on the wildcard address with a port, its half in the kernel; backlog < 0: a datagram socket. What fails leaves it on the stack alone: the
 * trace says why. Epoll memberships that exist are made on the kernel's side too.
 */
void both_open(struct call *c, int backlog);
/* Lock held. A connected datagram socket has one peer: nothing may come by the kernel's half any more. */
void both_close(struct call *c);
/* Lock held: is there something on the kernel's half? */
bool both_readable(const struct call *c);
/* After a call that was passed on to the kernel's half found nothing there (another thread took it): shall it wait, at our side? */
bool both_again(int fd, int flags);

#endif
