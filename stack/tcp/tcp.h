/* SPDX-License-Identifier: ISC */
/*
 * TCP (RFC 9293 and what goes with it): what the rest of the stack sees. Read RFC 9293 3.10 beside tcp_rx.c.
 *
 * The story. A connection is a struct tcb (tcb.h, private to tcp/). Segments come in by tcp_rx(), which changes state, puts the tcb on the
 * dirty list and sends nothing. After the burst stack/loop.c calls tcp_flush(): every dirty tcb gets one tcp_output(), the one place that decides
 * to send, and what its owner should know has been collected in tcb events. Timers (one wheel entry for each tcb, armed to the earliest of
 * its deadlines) change state and mark dirty; they do not send. The program's calls (send, close ...) do the same: change state, mark dirty.
 * Segments without a connection (RST to a closed port, challenge from TIME-WAIT) are noted in a small bounded list and sent by tcp_flush() too.
 *
 * Listeners are objects of their own: SYN queue of tcbs in SYN-RECEIVED, accept queue of established ones.
 *
 * Everything here is called under the stack's lock. `now_ns` is monotonic.
 */
#ifndef UST_TCP_TCP_H
#define UST_TCP_TCP_H

#include <sys/types.h>

#include "base/htab.h"
#include "base/sbuf.h"
#include "net/net.h"
#include "net/pcb.h"
#include "net/port.h"

/* RFC 9293 3.3.2. Numbered as Linux's TCP_INFO reports them, so that tcpi_state needs no table. */
enum tcp_state {
    TCPS_ESTABLISHED = 1,
    TCPS_SYN_SENT,
    TCPS_SYN_RECEIVED,
    TCPS_FIN_WAIT_1,
    TCPS_FIN_WAIT_2,
    TCPS_TIME_WAIT,
    TCPS_CLOSED,
    TCPS_CLOSE_WAIT,
    TCPS_LAST_ACK,
    TCPS_LISTEN,
    TCPS_CLOSING,
    TCPS_COUNT
};

struct tcb;
struct tcp_listener;

#define TCP_FO_KEY_LEN 16

/* What an owner may set; defaults are Linux's. Times in ns, sizes in bytes. */
struct tcp_opt {
    bool nodelay, cork, quickack_off;
    bool keepalive;
    uint64_t keep_idle_ns, keep_intvl_ns; /* 7200 s, 75 s */
    uint8_t keep_cnt;                     /* 9 */
    uint64_t user_timeout_ns;             /* 0: by retries */
    uint8_t syn_retries;                  /* 6 */
    int64_t linger2_ns;                   /* FIN-WAIT-2 of an orphan: 60 s; < 0: none */
    uint8_t
        defer_accept; /* listener, TCP_DEFER_ACCEPT: timeouts of the SYN-ACK to wait for data; 0 off */
    uint16_t maxseg;         /* 0: from the MTU */
    uint32_t window_clamp;   /* 0: none */
    uint32_t notsent_lowat;  /* UINT32_MAX: none */
    uint32_t sndbuf, rcvbuf; /* limits; *_locked: set by the program, do not tune */
    bool sndbuf_locked, rcvbuf_locked;
    bool oobinline;
    uint8_t tos, ttl; /* ttl 0: default */
    uint8_t pmtudisc; /* IP_PMTUDISC_*; default WANT */
    uint8_t tos6, ttl6,
        pmtudisc6;       /* the same for IPv6: traffic class, hop limit, IPV6_PMTUDISC_* */
    uint16_t addr_prefs; /* IPV6_PREFER_SRC_* */
    uint8_t cc;          /* enum tcp_cc_kind */
    bool ecn;
    bool hystart_off;  /* slow start until there is loss */
    bool fo_no_cookie; /* TCP_FASTOPEN_NO_COOKIE: both sides do without */
    uint32_t
        fo_qlen; /* listener, TCP_FASTOPEN: children before the end of their handshake; 0 off */
    uint8_t fo_key_cnt; /* listener, TCP_FASTOPEN_KEY: 0 the stack's, 1, 2 with the key before */
    uint8_t fo_key[2][TCP_FO_KEY_LEN];
};

enum tcp_fo_cfg { TCP_FO_CLIENT = 1, TCP_FO_SERVER = 2 }; /* bits, as in Linux's sysctl */

struct tcp_cfg { /* of the stack */
    uint8_t cc;  /* default congestion control */
    bool ecn;
    bool hystart_off;                    /* RFC 9406 is on by default */
    uint32_t sndbuf_default, sndbuf_max; /* 256 KB, 32 MB */
    uint32_t rcvbuf_default, rcvbuf_max; /* 1 MB (start), 32 MB */
    uint32_t max_conns, max_syn, max_tw;
    uint8_t
        fastopen; /* enum tcp_fo_cfg; both sides by default. departs from Linux, whose net.ipv4.tcp_fastopen
                         leaves the server's side off: here TCP_FASTOPEN on the listener is enough */
    uint32_t max_orphans; /* closed by their owners and not done; more are reset */
};

enum tcp_cc_kind { TCP_CC_RENO, TCP_CC_CUBIC, TCP_CC_COUNT };

struct tcp_stats {
    uint64_t rx_segs, tx_segs, retrans_segs, rx_bytes, tx_bytes;
    uint64_t active_opens, passive_opens, attempt_fails, resets_in, resets_out;
    uint64_t fast_recoveries, rtos, ooo_segs, dup_segs, challenge_acks, paws_drops;
    uint64_t estab_resets, listen_overflows, listen_drops, orphan_resets;
    uint64_t dsack_rx, undos, tlp_probes, cookies_sent, cookies_ok, cookies_failed;
    uint64_t fo_active, fo_passive,
        fo_fails; /* SYN data acknowledged, taken; not acknowledged, bad cookies */
};

TAILQ_HEAD(tcp_dirty, tcb);
LIST_HEAD(tcp_listeners, tcp_listener);
TAILQ_HEAD(tcp_evented_listeners, tcp_listener);
TAILQ_HEAD(tcp_tw_age, tcp_tw);
#define TCP_CTL_CAP 256 /* RSTs and ACKs without a connection waiting for tcp_flush */
struct tcp_ctl;
struct tcp_fo_entry;

struct tcp {
    struct core *c;
    struct net *net;
    struct tcp_cfg cfg;
    struct port_space ports;
    struct htab conns;                              /* by 4-tuple: tcbs and TIME-WAIT remnants */
    struct tcp_listeners *listeners;                /* buckets by port (derived) */
    struct tcp_dirty dirty;                         /* need tcp_output (derived) */
    struct tcp_dirty evented;                       /* have events for their owner (derived) */
    struct tcp_evented_listeners evented_listeners; /* (derived) */
    struct tcp_tw_age tw_age;                       /* oldest first (derived) */
    struct tcp_ctl *ctl;                            /* TCP_CTL_CAP */
    uint32_t ctl_cnt, ctl_first;
    uint32_t tcb_cnt, syn_cnt, tw_cnt, orphan_cnt;
    struct tcp_fo_entry *fo_cache; /* RFC 7413 4.1.3; NULL until there is a cookie */
    struct token_bucket challenge, resets;
    struct tcp_stats stats;
};

int tcp_init(struct tcp *t, struct core *c, struct net *net, const struct tcp_cfg *cfg,
             uint64_t now_ns);
void tcp_fini(struct tcp *t);
void tcp_opt_default(struct tcp_opt *o, const struct tcp_cfg *cfg);
void tcp_cfg_default(struct tcp_cfg *cfg);

/* ---- life ---- */
/* A closed, unbound connection block owned by `sock` (opaque). NULL: memory or limit. */
struct tcb *tcp_open(struct tcp *t, void *sock);
/* Bind state is kept in tcb's port_bind: fill addr/flags through this. -EINVAL (bound), -EADDRINUSE, -EADDRNOTAVAIL. */
struct port_bind *tcp_bind_of(struct tcb *tb);
int tcp_bind(struct tcp *t, struct tcb *tb, const struct ust_addr *a, uint16_t port);
/* Starts the handshake (chooses port and source if need be). 0, -ENETUNREACH, -EHOSTUNREACH, -EADDRNOTAVAIL (no ports left, or this 4-tuple exists), -EISCONN, -EALREADY. */
int tcp_connect(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct ust_addr *a,
                uint16_t port);
/*
 * The same with fast open (RFC 7413): if there is a cookie for that address, or none is needed, no SYN leaves before the first tcp_send_commit()
 * or tcp_fo_go(), and tcp_fo_deferred() says so. Else the SYN asks for a cookie.
 */
int tcp_connect_fo(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct ust_addr *a,
                   uint16_t port);
bool tcp_fo_deferred(const struct tcb *tb);
/* The SYN leaves without data. */
void tcp_fo_go(struct tcp *t, struct tcb *tb);
/* A child that was accepted before the end of its handshake: it may read and write. */
bool tcp_fo_is_child(const struct tcb *tb);
/*
 * Makes a bound (or ephemeral) tcb a listener; tb is consumed on success and *out is the listener. 0, -EADDRINUSE. listen() again only changes the backlog.
 */
int tcp_listen(struct tcp *t, uint64_t now_ns, struct tcb *tb, int backlog,
               struct tcp_listener **out);
void tcp_listen_backlog(struct tcp_listener *l, int backlog);
/* Resets the not yet accepted children (RFC 9293 3.10.4; Linux). */
void tcp_unlisten(struct tcp *t, uint64_t now_ns, struct tcp_listener *l);
/* The oldest connection waiting to be accepted, now owned by sock; NULL: none. */
struct tcb *tcp_accept(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, void *sock);
uint32_t tcp_accept_cnt(const struct tcp_listener *l);
/* The owner lets go: delivers what was written (FIN); unread data gives RST. tb is gone for the caller. */
void tcp_close(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* RST and gone (SO_LINGER 0, AF_UNSPEC). With keep the tcb stays with its owner in CLOSED. */
void tcp_abort(struct tcp *t, uint64_t now_ns, struct tcb *tb, bool keep);
/* FIN after the written data. 0 or -ENOTCONN. */
int tcp_shutdown_wr(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* No more reading: what comes is acknowledged and thrown away as Linux does (data stays readable until EOF). */
int tcp_shutdown_rd(struct tcp *t, uint64_t now_ns, struct tcb *tb);

/* ---- data ---- */
/* Room in the send buffer, in slices to fill outside the lock. > 0 bytes; -EAGAIN full; -EPIPE after shutdown or reset, or never connected (pending error first). SYN-SENT: -EAGAIN. */
ssize_t tcp_send_reserve(struct tcp *t, struct tcb *tb, size_t len, struct sbuf_mslice *v, int *cnt,
                         int max);
/* more: MSG_MORE. push with urg: MSG_OOB (the last byte is urgent). */
void tcp_send_commit(struct tcp *t, uint64_t now_ns, struct tcb *tb, size_t n, bool more, bool urg);
/* Sends what is there, without Nagle's algorithm, once (TCP_NODELAY for what was written so far). */
void tcp_push(struct tcp *t, struct tcb *tb);
/* Readable slices from `off` bytes behind the read position. > 0 bytes, 0 EOF, -EAGAIN, -ECONNRESET..., -ENOTCONN. */
ssize_t tcp_recv_peek(struct tcp *t, struct tcb *tb, size_t off, size_t len, struct ust_slice *v,
                      int *cnt, int max);
/* What a reader is told when there is nothing to read: 0 at the end, a pending error (taken), -ENOTCONN, or -EAGAIN: wait. */
int tcp_recv_end(struct tcb *tb);
/* Consumes n bytes; may mark dirty for a window update. */
void tcp_recv_consume(struct tcp *t, uint64_t now_ns, struct tcb *tb, size_t n);
/* MSG_OOB read: 0 or 1 byte in *b; -EINVAL none, -EAGAIN announced but not here. peek leaves it. */
int tcp_recv_oob(struct tcp *t, struct tcb *tb, uint8_t *b, bool peek);
bool tcp_at_mark(const struct tcb *tb);

/*
 * Between reserve and commit, and between peek and consume, the copy is made without the lock: ACKs, a reset, even the end of the connection may come in
 * between. Whoever does so pins the tcb first: blocks of its buffers and the tcb itself are given back at the last unpin, not before.
 */
void tcp_pin(struct tcb *tb);
void tcp_unpin(struct tcp *t, struct tcb *tb);

/* ---- state ---- */
enum tcp_state tcp_state(const struct tcb *tb);
const char *tcp_state_name(enum tcp_state s);
/* PCB_EV_* as levels: IN readable or EOF or error, OUT writable, RDHUP peer's FIN, HUP both ends down, ERR pending error, PRI. */
uint8_t tcp_ready(struct tcb *tb);
/* Takes the pending error (positive errno, 0 none) / looks at it. */
int tcp_take_error(struct tcb *tb);
int tcp_peek_error(const struct tcb *tb);
struct tcp_opt *tcp_opt(struct tcb *tb); /* then tcp_opt_changed() */
struct tcp_opt *tcp_listener_opt(struct tcp_listener *l);
struct port_bind *tcp_listener_bind(struct tcp_listener *l);
void tcp_opt_changed(struct tcp *t, uint64_t now_ns, struct tcb *tb);
void tcp_local(const struct tcb *tb, struct ust_addr *a, uint16_t *port);
void tcp_peer(const struct tcb *tb, struct ust_addr *a, uint16_t *port);
size_t tcp_inq(const struct tcb *tb);       /* SIOCINQ */
size_t tcp_outq(const struct tcb *tb);      /* SIOCOUTQ: unacknowledged and unsent */
size_t tcp_outq_nsd(const struct tcb *tb);  /* SIOCOUTQNSD: unsent */
uint32_t tcp_mss_now(const struct tcb *tb); /* TCP_MAXSEG */
/* Has it been ESTABLISHED, now or before its end? */
bool tcp_was_connected(const struct tcb *tb);
/* Everything that TCP_INFO tells, in its units. */
struct tcp_info_out {
    uint8_t state, ca_state, retransmits, probes, backoff, options, snd_wscale, rcv_wscale;
    uint8_t fastopen_client_fail;
    uint32_t rto_us, ato_us, snd_mss, rcv_mss, unacked, sacked, lost, retrans;
    uint32_t last_data_sent_ms, last_data_recv_ms, last_ack_recv_ms;
    uint32_t pmtu, rcv_ssthresh, rtt_us, rttvar_us, snd_ssthresh, snd_cwnd, advmss, reordering;
    uint32_t rcv_rtt_us, rcv_space, total_retrans, min_rtt_us, notsent_bytes, snd_wnd, rcv_wnd;
    uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received, bytes_sent, bytes_retrans;
    uint64_t busy_time_us, rwnd_limited_us, sndbuf_limited_us, delivery_rate;
    uint32_t segs_out, segs_in, data_segs_in, data_segs_out, delivered, delivered_ce, dsack_dups,
        reord_seen, rcv_ooopack;
    bool delivery_rate_app_limited;
};
void tcp_info(const struct tcp *t, uint64_t now_ns, const struct tcb *tb, struct tcp_info_out *out);
void *tcp_sock(const struct tcb *tb);
void *tcp_listener_sock(const struct tcp_listener *l);
void tcp_listener_set_sock(struct tcp_listener *l, void *sock);

/* ---- called by rx.c and loop.c ---- */
enum drop tcp_rx(struct tcp *t, uint64_t now_ns, const struct ip_rx *rx);
void tcp_ip_error(struct tcp *t, uint64_t now_ns, const struct ip_error *e);
void tcp_timer(struct tcp *t, uint64_t now_ns,
               struct timer *tm); /* TIMER_TCB, TIMER_TCP_TW, TIMER_TCP_LISTENER */
/* One tcp_output() for each dirty tcb; stops when the link's transmit queue is full and says so (true: call again after the drain). */
bool tcp_flush(struct tcp *t, uint64_t now_ns);
/* The next owner with news: *sock (the tcb's or listener's owner) and PCB_EV_* edges; false when there is none. Orphans never come. */
bool tcp_event_pop(struct tcp *t, void **sock, uint8_t *events);
/* Connections without owner that still have to deliver (for lingering at exit): count of tcbs with unsent or unacknowledged data or FIN. */
uint32_t tcp_undelivered(struct tcp *t);
/* Walk over all tcbs for `userstack ss`: next behind prev. */
struct tcb *tcp_next(struct tcp *t, struct tcb *prev);
/* After a crash inside the lock: hash, dirty, events, timers, queues from alive tcbs. */
void tcp_rebuild(struct tcp *t, uint64_t now_ns);
/* Invariants of everything: NULL or what is wrong. */
const char *tcp_check(struct tcp *t);

#endif
