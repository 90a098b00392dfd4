/* SPDX-License-Identifier: ISC */
/* What the files of sock/ share and nobody else sees. */
#ifndef UST_SOCK_SOCK_PRIV_H
#define UST_SOCK_SOCK_PRIV_H

#include "sock/sock.h"

/* Places in xint[] and xopt[] that the sock_opt_*.c use; sock_opt.c's table has the others. */
#define SOCK_XINT_UNICAST_HOPS 2
#define SOCK_XINT_MCAST_IF6 3
#define SOCK_XINT_MCAST_HOPS 4
#define SOCK_XINT_ADDR_PREFS 5 /* as the kernel's np->srcprefs: 1 temporary, 2 public, 4 care-of */
#define SOCK_XINT_TIMESTAMPING 7
#define SOCK_XINT_UNICAST_IF 8
#define SOCK_XINT_NOTSENT_LOWAT 9
#define SOCK_XINT_MTU6 10
#define SOCK_HOPS_DEFAULT UINT32_MAX
#define SOCK_XOPT_RXQ_OVFL 2
#define SOCK_XOPT_SELECT_ERR_QUEUE 6
#define SOCK_XOPT_RETOPTS 16
#define SOCK_XOPT_RECVFRAGSIZE 20
#define SOCK_XOPT_DEBUG 12
#define SOCK_XOPT_PREFER_BUSY_POLL 13
#define SOCK_XOPT_TCLASS 14
#define SOCK_XOPT_FASTOPEN_CONNECT 15
#define SOCK_XOPT_MCAST_LOOP6 46
#define SOCK_XOPT_MTU_DISCOVER6 47
#define SOCK_XOPT_MCAST_ALL6 48
#define SOCK_XOPT_DONTFRAG 56

/* The state as Linux's sockets show it: no block is CLOSED, and so is TIME-WAIT, which has left the socket there. */
enum tcp_state sock_tcp_state(const struct sock *s);
/* The connection that this socket had is over: Linux's tcp_done() has set both shutdown bits. */
bool sock_is_dead(const struct sock *s);
/* The same port_bind for tcb, listener and UDP. */
struct port_bind *sock_port_bind(struct sock *s);
struct tcp_opt *sock_tcp_opt(struct sock *s);
/* Copies the options that protocols look at into their blocks. */
void sock_opt_apply(struct sock *s);
void sock_opt_default(struct socks *sk, struct sock *s);
/* Does a program mean the stack's interface by that number? 0: any. */
static inline bool sock_is_our_index(const struct socks *sk, uint32_t index) {
    return index == 0 || sk->net->ifindex == 0 || index == sk->net->ifindex;
}
/* What getsockopt gives, cut to the room: *len in: room, out: written. 0. An int is a byte at times, see sock_opt.c. */
int sock_opt_put(const void *from, size_t n, void *val, size_t *len);
int sock_opt_put_int(int level, int32_t v, void *val, size_t *len);
/* What Linux's accept copies from the listener. */
void sock_opt_inherit(struct sock *child, const struct sock *l);
/* The disconnect that had to wait for a copy. */
void sock_copy_ended(struct socks *sk, uint64_t now_ns, struct sock *s);
/* Nobody waits any more for a socket that goes. */
void poll_forget_sock(struct socks *sk, struct sock *s);

/* poll.c and epset.c: an epoll item's object became ready; true if a sleeper of its set was woken. */
bool epitem_notify(struct socks *sk, struct epitem *it, uint32_t poll_events);
/* Wakes the set's sleepers: one, and all who watch. True if somebody was there. */
bool waiters_wake(struct socks *sk, struct wait_link_list *l, uint32_t poll_events, bool *one);
bool epset_maybe_free(struct socks *sk, struct epset *e);

/* Options with a form of their own, by level. -ENOPROTOOPT: not one of them. */
int sock_opt_set_socket(struct sock *s, int name, const void *val, size_t len);
int sock_opt_get_socket(struct socks *sk, struct sock *s, int name, void *val, size_t *len);
int sock_opt_set_ip(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                    size_t len);
int sock_opt_get_ip(struct socks *sk, struct sock *s, int name, void *val, size_t *len);
int sock_opt_set_ip6(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                     size_t len);
int sock_opt_get_ip6(struct socks *sk, struct sock *s, int name, void *val, size_t *len);
/* SOL_RAW: ICMP_FILTER. */
int sock_opt_set_raw(struct sock *s, int name, const void *val, size_t len);
int sock_opt_get_raw(struct sock *s, int name, void *val, size_t *len);
/* The multicast options of both families: memberships, source filters, interface. now_ns matters to those that join or leave. */
int sock_opt_set_mcast(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                       size_t len);
int sock_opt_get_mcast(struct sock *s, int name, void *val, size_t *len);
int sock_opt_set_tcp(struct sock *s, int name, const void *val, size_t len);
int sock_opt_get_tcp(struct socks *sk, struct sock *s, int name, void *val, size_t *len);

#endif
