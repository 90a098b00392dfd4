/* SPDX-License-Identifier: ISC */
/*
 * The socket object: what a program's descriptor stands for. Every operation here is non-blocking and answers as Linux's sockets do: value or
 * negative errno, readiness, SO_ERROR. Blocking, EINTR, descriptors, user memory and errno are preload's; protocols are udp/'s and tcp/'s.
 *
 * User memory never comes in here: data moves by reserve/commit (TCP out), peek/consume (in), and buffers (UDP out), so that the copies are made by the
 * caller, outside the lock where they are long.
 *
 * A socket starts SOCK_UNDECIDED: whether it lives on our stack or stays the kernel's is decided at bind, connect or first send, by
 * the caller (preload), with sock_decide(). Operations here apply to our half.
 */
#ifndef UST_SOCK_SOCK_H
#define UST_SOCK_SOCK_H

#include <sys/types.h>

#include "sock/poll.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

enum sock_where {
    SOCK_UNDECIDED,
    SOCK_STACK,
    SOCK_KERNEL, /* the kernel placeholder is the socket now; we only pass calls on */
};

enum sock_kind { SOCK_KIND_TCP, SOCK_KIND_UDP, SOCK_KIND_PING, SOCK_KIND_RAW };

/* Why a socket is where it is; shown by `userstack ss` and the trace. */
enum sock_why {
    SOCK_WHY_NONE,
    SOCK_WHY_DEST_KERNEL_PREFIX,
    SOCK_WHY_DEST_STACK,
    SOCK_WHY_BIND_ADDR,
    SOCK_WHY_WILDCARD,
    SOCK_WHY_LISTEN,
    SOCK_WHY_ACCEPTED,
    SOCK_WHY_NO_ROUTE,
    SOCK_WHY_DEVICE, /* SO_BINDTODEVICE */
    SOCK_WHY_COUNT
};

#define SOCK_XOPT_CNT 64
/* Places in xopt[] of IPV6_ options that ask for control messages. */
#define SOCK_XOPT_2292PKTINFO 40
#define SOCK_XOPT_2292HOPLIMIT 44
#define SOCK_XOPT_FLOWINFO 45
#define SOCK_XOPT_ORIGDSTADDR6 59
#define SOCK_XINT_CNT 16

struct sock {
    /* [I] */
    uint8_t kind;   /* enum sock_kind */
    uint8_t family; /* AF_INET or AF_INET6 */
    uint16_t type;  /* SOCK_STREAM, SOCK_DGRAM, SOCK_RAW */
    int protocol;
    uint64_t id; /* unique in the stack */
    /* [L] */
    uint64_t cookie; /* SO_COOKIE of the placeholder, 0 unknown */
    uint32_t refs;   /* descriptors, in all processes */
    uint32_t busy; /* calls in progress that hold it (sock_hold): freed when refs and busy are 0 */
    uint8_t where, why; /* enum sock_where, sock_why */
    bool nonblock;      /* O_NONBLOCK, shared by dups */
    bool no_kernel; /* the kernel would not give a socket like it: it cannot become the kernel's */
    bool async;     /* O_ASYNC */
    bool listening;
    bool connecting;    /* TCP: connect() has started and has not yet answered 0 or its error */
    bool was_connected; /* TCP: connect() answered 0, or accepted; until connect(AF_UNSPEC) */
    bool rd_shut, wr_shut;
    bool reading, writing; /* a thread copies outside the lock; others of the same direction wait */
    uint32_t rd_pid, wr_pid;   /* whose thread that is */
    bool rd_wanted, wr_wanted; /* another one came meanwhile, got -EAGAIN: told when it ends */
    bool disconnect_due;       /* connect(AF_UNSPEC) came during a copy: done when that ends */
    bool kernel_half;          /* the placeholder serves the kernel's loopback beside us */
    int kernel_half_err;       /* why it does not (positive errno), 0: it does, or was not tried */
    bool closed;               /* refs reached 0; freed when busy does */
    struct tcb *tcb;           /* TCP, not listening */
    struct tcp_listener *listener;
    struct udp_pcb *udp;
    /* options kept here */
    bool reuseaddr, reuseport, keepalive, broadcast, oobinline, timestamp, timestampns, v6only,
        passcred;
    bool pktinfo, recvttl, recvtos, recverr, recvopts, recvorigdst; /* IP_ cmsgs */
    bool bind_no_port, freebind, transparent;
    bool udp_gro, tcp_inq; /* cmsgs */
    bool hdrincl;
    bool pktinfo6, recvhoplimit, recvtclass, recverr6; /* IPV6_ cmsgs */
    uint16_t udp_segment;
    bool udp_cork;
    uint8_t ttl, tos, pmtudisc, mcast_ttl; /* ttl 0: default */
    bool mcast_loop, mcast_all;
    struct ust_addr mcast_if; /* any: the stack's interface */
    uint8_t buf_lock;         /* SO_BUF_LOCK: 1 SNDBUF, 2 RCVBUF set by the program */
    uint8_t ts_new;           /* SO_TIMESTAMP*_NEW was asked for: 1 */
    uint16_t defer_accept_s;  /* as getsockopt shows it */
    uint64_t pacing_rate;     /* UINT64_MAX: none */
    char bindtodevice[16];    /* SO_BINDTODEVICE as given: the stack has one interface */
    /* Options that are stored and nothing else, see sock_opt.c: flags and bytes, words. */
    uint8_t xopt[SOCK_XOPT_CNT];
    uint32_t xint[SOCK_XINT_CNT];
    bool linger_on;
    uint32_t linger_s;
    uint64_t rcvtimeo_ns, sndtimeo_ns; /* 0: none */
    uint32_t rcvlowat;                 /* 1 */
    uint32_t sndbuf, rcvbuf;           /* as getsockopt shows them (doubled) */
    uint32_t busy_poll, priority, mark;
    int32_t incoming_cpu;
    int32_t peek_off; /* SO_PEEK_OFF: bytes behind the head where MSG_PEEK begins; negative: off */
    uint32_t uid;
    int so_err;              /* pending error that the protocol does not keep */
    uint16_t bound_port_req; /* the port that bind() was asked for */
    struct ust_addr bound_addr;
    bool bound;
    /* What getsockname() shows while no port is held: Linux leaves the last one there, and clears the address. */
    struct ust_addr name_addr;
    uint16_t name_port;
    bool renamed; /* TCP: bind() after the end of the connection, whose address shows no more */
    /* UDP: a datagram that is being gathered (MSG_MORE, UDP_CORK), NULL: none */
    uint8_t *cork;
    uint32_t cork_len;
    struct udp_send cork_to;
    /* readiness */
    struct wait_link_list waiters;
    struct epitem_list epitems;
    /* counters for `userstack stat` */
    uint64_t rx_bytes, tx_bytes;
    uint32_t owner_pid; /* process that made it */
};

struct socks {
    struct core *c;
    struct net *net;
    struct udp *udp;
    struct tcp *tcp;
    struct waiter_list wake; /* marked waiters, for host/ */
    uint32_t wake_cnt;
    uint64_t next_id;
    uint32_t sock_cnt;
    uint64_t wakes_total;
    uint32_t pid;     /* the process that holds the lock; host/ says it. 0: there is one only */
    uint64_t last_ns; /* time of the latest call that was told one */
    /* payload bytes by protocol of all sockets that ever were, for `userstack stat` */
    uint64_t tcp_rx_bytes, tcp_tx_bytes, udp_rx_bytes, udp_tx_bytes;
};

int socks_init(struct socks *sk, struct core *c, struct net *net, struct udp *u, struct tcp *t);
void socks_fini(struct socks *sk);

/* ---- life ---- */
/* TCP, UDP, SOCK_DGRAM with IPPROTO_ICMP (ping), SOCK_RAW of any protocol, whose permission the caller has looked at.
 * 0, -EAFNOSUPPORT, -EPROTONOSUPPORT, -ESOCKTNOSUPPORT, -ENOBUFS. refs = 1. type without SOCK_NONBLOCK/CLOEXEC. */
int sock_new(struct socks *sk, int family, int type, int protocol, struct sock **out);
void sock_take(struct sock *s);
/* One descriptor less; the last one closes as Linux does (linger 0 = RST ...). The time a blocking SO_LINGER close waits is the caller's: see sock_delivered(). */
void sock_drop(struct socks *sk, uint64_t now_ns, struct sock *s);
void sock_hold(struct sock *s);
void sock_unhold(struct socks *sk, struct sock *s);

/* Where the socket lives from now on, and why; traced. Its protocol block and options stay, so that a later choice finds them. */
void sock_decide(struct socks *sk, uint64_t now_ns, struct sock *s, enum sock_where where,
                 enum sock_why why);
const char *sock_why_text(enum sock_why why);

/* ---- addresses, connection ---- */
int sock_bind(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *a,
              uint16_t port);
int sock_listen(struct socks *sk, uint64_t now_ns, struct sock *s, int backlog);
/* 0 with a new socket (refs 1, options inherited as Linux does) or -EAGAIN, -EINVAL (not listening), -EOPNOTSUPP, -ENOBUFS. */
int sock_accept(struct socks *sk, uint64_t now_ns, struct sock *l, struct sock **out);
/* TCP: starts: -EINPROGRESS (0: TCP_FASTOPEN_CONNECT, the SYN waits for data; then -EISCONN); later calls: -EALREADY while under way, 0 once when it has come up since (then -EISCONN), the error once if it failed. UDP: 0 or error. */
int sock_connect(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *a,
                 uint16_t port);
/* TCP, for data that is about to be sent (MSG_FASTOPEN): as sock_connect(), but 0 if the first write makes the SYN leave (sock_fo_deferred()). */
int sock_connect_fo(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *a,
                    uint16_t port);
/* The SYN waits for data (RFC 7413; TCP_FASTOPEN_CONNECT): the next sock_send_commit() takes it along, or sock_fo_go() goes without. */
bool sock_fo_deferred(const struct sock *s);
void sock_fo_go(struct socks *sk, uint64_t now_ns, struct sock *s);
/* SO_ERROR: the pending error (positive errno, 0 none), taken. */
int sock_take_error(struct sock *s);
/* Has the handshake that this socket started ended? 0 connected, -EINPROGRESS, or its error (taken). For blocking connect. */
int sock_connect_result(struct socks *sk, struct sock *s);
/* connect(AF_UNSPEC). */
int sock_disconnect(struct socks *sk, uint64_t now_ns, struct sock *s);
int sock_shutdown(struct socks *sk, uint64_t now_ns, struct sock *s, int how);
/* -ENOTCONN etc. as getpeername. Local: any/0 if unbound. */
int sock_local(struct socks *sk, struct sock *s, struct ust_addr *a, uint16_t *port);
int sock_peer(struct socks *sk, struct sock *s, struct ust_addr *a, uint16_t *port);

/* ---- TCP data ---- */
/* As tcp_send_reserve; sets s->writing when it gives room (pins); then exactly one sock_send_commit (n may be 0). -EAGAIN also if another thread is writing. -EPIPE: the caller raises SIGPIPE. */
ssize_t sock_send_reserve(struct socks *sk, struct sock *s, size_t len, struct sbuf_mslice *v,
                          int *cnt, int max);
void sock_send_commit(struct socks *sk, uint64_t now_ns, struct sock *s, size_t n, int msg_flags);
/* As tcp_recv_peek; sets s->reading when it gives bytes (pins); then exactly one sock_recv_done(n consumed; 0 for MSG_PEEK). */
ssize_t sock_recv_peek(struct socks *sk, struct sock *s, size_t off, size_t len,
                       struct ust_slice *v, int *cnt, int max);
/* What a reader is told who finds nothing behind an offset: 0 the end, an error (taken), -EAGAIN. sock_recv_peek() at offset 0 says so by itself. */
ssize_t sock_recv_end(struct sock *s);
void sock_recv_done(struct socks *sk, uint64_t now_ns, struct sock *s, size_t n);

/* ---- UDP data ---- */
/* Buffer to fill for sock_dgram_send, which takes it over. NULL: memory. more: gathered with what follows, and sent with the first that is not (MSG_MORE). */
uint8_t *sock_dgram_buf(struct socks *sk, size_t len);
void sock_dgram_buf_free(struct socks *sk, uint8_t *buf);
int sock_dgram_send(struct socks *sk, uint64_t now_ns, struct sock *s, const struct udp_send *to,
                    uint8_t *buf, size_t len, bool more);
/* What Linux does before it looks at what is to be sent: a port. 0 or -EAGAIN, -EADDRINUSE. */
int sock_dgram_autobind(struct socks *sk, struct sock *s);
/* UDP_CORK ends: what was gathered goes. 0 or why it could not. */
int sock_dgram_push(struct socks *sk, uint64_t now_ns, struct sock *s);
/* The next datagram: 0 with *d, or -EAGAIN, pending error (taken). Nothing there after shutdown(RD): 0 with *d NULL: a blocking call returns 0, a
 * non-blocking one -EAGAIN, as Linux. sock_dgram_done() consumes it. It stays valid until then, sets s->reading. */
int sock_dgram_peek(struct socks *sk, struct sock *s, struct udp_dgram **d);
void sock_dgram_done(struct socks *sk, struct sock *s, bool consume);

/* MSG_ERRQUEUE: the oldest error, valid until sock_errq_done() drops it, or -EAGAIN. */
int sock_errq_peek(struct socks *sk, struct sock *s, struct errq_item **it);
void sock_errq_done(struct socks *sk, struct sock *s);

/* What the options say of the control messages that a received datagram has: SOF_TIMESTAMPING_*, SO_RXQ_OVFL, IP_RETOPTS. */
uint32_t sock_timestamping(const struct sock *s);
bool sock_rxq_ovfl(const struct sock *s);
bool sock_retopts(const struct sock *s);

/* ---- options: values are the kernel's structs, in host memory of the core's caller (already copied in) ---- */
/* 0 or negative errno as the kernel: -ENOPROTOOPT, -EINVAL, -EDOM, -EPERM ... For an undecided socket the caller sets the kernel placeholder too. */
int sock_setopt(struct socks *sk, uint64_t now_ns, struct sock *s, int level, int name,
                const void *val, size_t len);
/* *len in: room, out: bytes written (as the kernel truncates). */
int sock_getopt(struct socks *sk, uint64_t now_ns, struct sock *s, int level, int name, void *val,
                size_t *len);
/* FIONREAD/SIOCINQ, SIOCOUTQ/TIOCOUTQ, SIOCATMARK, SIOCOUTQNSD: 0 with *out, or negative errno; -ENOTTY for others. */
int sock_ioctl(struct socks *sk, struct sock *s, unsigned long req, int *out);

/* ---- readiness ---- */
/* POLL* mask now, exactly as tcp_poll/udp_poll of Linux. */
uint32_t sock_poll(struct socks *sk, struct sock *s);
/* After the burst: takes pending events of tcp and udp and notifies. */
void socks_events(struct socks *sk, uint64_t now_ns);
/* SO_LINGER with timeout, after sock_shutdown(SHUT_WR): has the peer acknowledged everything, FIN included (or is the connection gone)? */
bool sock_delivered(struct socks *sk, struct sock *s);

void socks_rebuild(struct socks *sk);
const char *socks_check(struct socks *sk);

#endif
