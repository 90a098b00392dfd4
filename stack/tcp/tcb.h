/* SPDX-License-Identifier: ISC */
/*
 * The transmission control block and everything that only tcp/ may see. Fields carry the RFCs' names (RFC 9293 3.3.1).
 *
 * Two ways to name a byte. On the wire and in comparisons: seq_t, modulo 2^32. In buffers and ranges: its position in the stream, 64 bits, 0 for
 * the first byte. tcb_snd_pos() and tcb_rcv_pos() go from the first to the second; SYN lies at position -1, FIN behind the last byte.
 *
 * Everything about amounts in flight is counted in bytes of sequence space, not in segments, because a segment object may be a super-frame of
 * 64 KB (GSO). Invariants, which tcp_check() proves:
 *   segs covers [snd_una, snd_nxt) without gap or overlap;
 *   sacked_bytes, lost_bytes, retrans_bytes are the sums over segs with that flag (sacked_bytes counts duplicate ACKs if the peer has no SACK);
 *   tsort holds the segments in flight, by time of their last transmission: neither sacked, nor lost without having been sent again;
 *   snd_una_pos <= snd.end + 1; rcv.end is the position of rcv_nxt until a FIN has been taken;
 *   the earliest of deadline_ns[] is never before the wheel's deadline of the armed timer.
 */
#ifndef UST_TCP_TCB_H
#define UST_TCP_TCB_H

#include "base/core.h"
#include "base/rbtree.h"
#include "net/pcb.h"
#include "tcp/cc.h"
#include "tcp/tcp.h"
#include "wire/tcp.h"

/* Linux's numbers (include/net/tcp.h there) where the RFCs leave a choice. */
#define TCP_RTO_MIN_NS (200 * NS_PER_MS)
#define TCP_RTO_MAX_NS (120 * NS_PER_S)
#define TCP_RTO_INIT_NS (1 * NS_PER_S)     /* RFC 6298 2.1 */
#define TCP_RTO_FALLBACK_NS (3 * NS_PER_S) /* RFC 6298 5.7 */
#define TCP_ATO_MIN_NS (40 * NS_PER_MS)
#define TCP_DELACK_MAX_NS (200 * NS_PER_MS)
#define TCP_CORK_NS (200 * NS_PER_MS)
#define TCP_TIMEWAIT_NS (60 * NS_PER_S)
#define TCP_SYN_RETRIES 6
#define TCP_SYNACK_RETRIES 5
#define TCP_RETRIES1 3 /* the path is questioned */
#define TCP_RETRIES2 15
#define TCP_ORPHAN_RETRIES 8
#define TCP_MIN_SND_MSS 48
#define TCP_IW_SEGS 10  /* RFC 6928 */
#define TCP_DUPTHRESH 3 /* RFC 5681 3.2 */
#define TCP_SOMAXCONN 4096
/* Out-of-order ranges of one connection: these, or as many KB as its receive buffer has, so that they take no more memory than a share of it. */
#define TCP_OOO_MIN 1024
#define TCP_PAWS_IDLE_NS (24ull * 24 * 3600 * NS_PER_S) /* RFC 7323 5.5 */
#define TCP_LISTEN_BUCKETS 1024
#define TCP_RST_PER_S 5000 /* answers to strangers; a port scan must not cost more */
#define TCP_RST_BURST 500
#define TCP_CHALLENGE_PER_S 1000 /* RFC 5961 10, Linux's tcp_challenge_ack_limit */
#define TCP_CHALLENGE_BURST 1000

enum tcp_timer_id {
    TCPT_RTX,     /* retransmission; of SYN and SYN-ACK too */
    TCPT_PERSIST, /* zero window */
    TCPT_DELACK,
    TCPT_KEEP,
    TCPT_FINWAIT2, /* an orphan waits for the peer's FIN */
    TCPT_CORK,     /* a partial segment has been held back long enough */
    TCPT_TLP,      /* RFC 8985 7 */
    TCPT_REO,      /* RFC 8985 6.3: a reordering window ends */
    TCPT_PACE,     /* try again to send: memory was out, or deferred */
    TCPT_COUNT
};

enum tcp_ca_state { TCP_CA_OPEN, TCP_CA_DISORDER, TCP_CA_CWR, TCP_CA_RECOVERY, TCP_CA_LOSS };

/* What tcbs and TIME-WAIT remnants have in common: a place in t->conns. */
enum tcp_ep_kind { TCP_EP_TCB, TCP_EP_TW };
struct tcp_ep {
    struct hnode hn;
    uint8_t kind; /* enum tcp_ep_kind */
    bool hashed;
    uint16_t lport, rport;
    struct ust_addr laddr, raddr;
};

enum tcp_seg_flag {
    SEG_SYN = 1,
    SEG_FIN = 2,
    SEG_SACKED = 4,
    SEG_LOST = 8,
    SEG_RETRANS = 16,      /* in flight again */
    SEG_EVER_RETRANS = 32, /* Karn: no RTT sample */
    SEG_QUEUED = 64,       /* on tsort */
    SEG_RTX_TWICE = 128,   /* retransmitted more than once */
};

/* A run of sequence space that was sent. */
struct tcp_seg {
    struct rb_node rb;         /* tb->segs, by seq */
    TAILQ_ENTRY(tcp_seg) time; /* tb->tsort */
    struct tcb *tb;            /* owner, for the rebuild */
    seq_t seq;
    uint32_t len;     /* with SYN or FIN */
    uint64_t xmit_ns; /* of the last transmission */
    uint64_t delivered, delivered_ns,
        first_sent_ns; /* rate sample at that time (draft-cheng-iccrg-delivery-rate-estimation) */
    uint8_t flags;     /* enum tcp_seg_flag */
    uint16_t mss;      /* it went out in pieces of this size */
};
TAILQ_HEAD(tcp_tsort, tcp_seg);

/* Out-of-order bytes [start, end) of the stream; they lie in rcv at their place. */
struct tcp_range {
    struct rb_node rb;
    struct tcb *tb;
    uint64_t start, end;
};

struct tcp_span {
    uint64_t start, end;
};

/* RFC 6298 in Linux's form; all in ns. */
struct tcp_rtt {
    uint64_t srtt_ns; /* 0: no sample yet */
    uint64_t rttvar_ns, mdev_ns, mdev_max_ns;
    seq_t rtt_seq;              /* end of the flight that mdev_max is about */
    uint64_t rto_ns;            /* without backoff */
    uint64_t min_ns, min_at_ns; /* smallest of the last 300 s; UINT64_MAX: none */
};

/* RFC 8985 5.3. */
struct tcp_rack {
    uint64_t xmit_ns, rtt_ns;
    seq_t end_seq;
    seq_t fack; /* highest sequence number delivered */
    bool reordering_seen;
    uint8_t reo_wnd_mult; /* 1.. */
    uint8_t reo_wnd_persist;
    uint64_t
        late_ns; /* by how much the latest original came behind what overtook it; forgotten with reo_wnd_mult */
    seq_t dsack_round;
    bool in_dsack_round;
};

/* What keeps a sender from sending, for TCP_INFO. */
enum tcp_chrono {
    TCP_CHRONO_IDLE,
    TCP_CHRONO_BUSY,
    TCP_CHRONO_RWND,
    TCP_CHRONO_SNDBUF,
    TCP_CHRONO_COUNT
};

struct tcb {
    struct tcp_ep ep; /* first: t->conns holds these */

    /* What every segment touches. */
    uint8_t state;    /* enum tcp_state; written by tcp_state_set() alone */
    uint8_t ca_state; /* enum tcp_ca_state */
    uint8_t events;   /* PCB_EV_* since the last tcp_event_pop */
    uint8_t snd_wscale, rcv_wscale;
    bool on_dirty, on_evented;
    bool ts_ok, sack_ok, ecn_ok, wscale_ok;
    bool ack_now, ack_delayed; /* an ACK is owed: at once, or when TCPT_DELACK says */
    bool fin_wanted, fin_sent, fin_rcvd;
    bool syn_due; /* (re)send SYN or SYN-ACK */
    bool probe_due, keep_due, tlp_due;
    bool more;     /* MSG_MORE: more data is about to come */
    bool push_all; /* TCPT_CORK fired: send what there is */
    bool cwnd_limited;
    bool wnd_limited;
    bool nospace;    /* a writer or poller found the buffer full: it waits for PCB_EV_OUT */
    bool has_sml;    /* snd_sml counts */
    bool pmtu_stale; /* the path refused a packet: look at its MTU */

    seq_t snd_una, snd_nxt, snd_wl1, iss;
    uint32_t snd_wnd, max_snd_wnd; /* RFC 9293 3.1 REC-1 */
    uint64_t snd_una_pos; /* stream position of snd_una; -1 before the SYN's acknowledgment */
    seq_t rcv_nxt, irs;
    seq_t rcv_wup;    /* rcv_nxt when the window was last advertised */
    uint32_t rcv_wnd; /* window advertised then */
    uint32_t snd_mss; /* payload of a full segment: MSS without options of every segment */
    uint32_t rcv_mss; /* the peer's segment size as seen */
    uint32_t snd_cwnd, snd_ssthresh;
    uint32_t sacked_bytes, lost_bytes, retrans_bytes;
    uint32_t ts_recent, ts_off;
    seq_t last_ack_sent;   /* RFC 7323 4.3 */
    uint64_t ts_recent_ns; /* when ts_recent was taken */

    struct sbuf snd, rcv;
    uint32_t sndbuf, rcvbuf; /* limits in force, bytes */
    uint32_t rcvbuf_peak;    /* largest rcvbuf that windows were offered from */
    struct rb_root segs;     /* tcp_seg */
    struct tcp_tsort tsort;
    struct tcp_sack
        sack_seen[TCP_SACK_MAX]; /* blocks of the last ACK: their segments are marked already */
    uint8_t sack_seen_cnt;
    struct tcp_seg *rtx_hint; /* no lost segment waits before this one; NULL: start at the front */
    struct rb_root ooo;       /* tcp_range */
    struct timer timer;       /* TIMER_TCB */
    uint64_t deadline_ns[TCPT_COUNT];

    struct tcp_rtt rtt;
    struct tcp_rack rack;
    struct tcp_cc_state cc;

    /* Recovery. */
    seq_t recover; /* snd_nxt when recovery began (RFC 6582) */
    uint32_t prior_cwnd, prior_ssthresh, prr_delivered, prr_out;
    bool undo_ok; /* undo_marker counts */
    seq_t undo_marker;
    int32_t
        undo_retrans; /* bytes resent since undo_marker and not yet reported by DSACK; -1: unknown */
    uint32_t rtx_stamp; /* our timestamp at the first retransmission (RFC 3522) */
    bool has_rtx;       /* something was sent again since undo_marker */
    /* Bytes resent in vain, as their originals came; bytes of retransmissions that filled holes, less those that DSACK took back. */
    uint32_t rtx_vain, rtx_needed;
    bool frto;                /* RFC 5682: is this timeout spurious? */
    bool frto_new;            /* step 2b: let new data out */
    uint8_t dupacks;          /* without SACK */
    uint8_t backoff, rtx_cnt; /* of the RTO; timeouts in a row */
    uint8_t probe_cnt, keep_cnt;
    bool tlp_out, tlp_is_retrans;
    seq_t tlp_end;
    uint64_t rtx_start_ns; /* first timeout of this series */
    uint64_t probe_start_ns;
    uint64_t burst_ns;   /* until then enough has been sent: see burst_over() */
    uint32_t max_flight; /* most bytes in flight in this round: was the window used? */
    seq_t max_flight_seq;
    uint32_t mss_clamp; /* what the peer's option (or its absence) allows */
    uint32_t adv_mss;
    uint32_t pmtu;
    /* Black holes (RFC 4821), tcp_pmtu.c: packet sizes in bytes. */
    uint32_t mtup_low, mtup_high; /* passes; may pass. low 0: not searching */
    uint32_t mtup_size;           /* of the probe in flight, 0 none */
    uint32_t mtup_lost;           /* payload of a lost probe, while it is sent again */
    seq_t mtup_start, mtup_end;
    bool mtup_tried;
    uint64_t mtup_at_ns; /* then mtup_high is forgotten */

    /* Nagle (Minshall), urgent data. */
    seq_t snd_sml;
    bool snd_up_valid;
    seq_t snd_up;
    uint8_t urg_state; /* enum tcp_urg */
    uint8_t urg_byte;
    uint64_t urg_pos; /* stream position of the urgent byte */

    /* Fast open (RFC 7413), tcp_fastopen.c. */
    bool fo_deferred; /* SYN-SENT: the SYN waits for the first write */
    bool fo_option;   /* the first SYN has the option */
    bool fo_child;    /* was in the accept queue before the end of its handshake */
    bool fo_pending;  /* and is counted in parent->fo_cnt: the handshake is not over */
    bool fo_reply;    /* the SYN-ACK brings a cookie */
    bool syn_data, syn_data_acked;
    uint8_t fo_fail; /* enum tcp_fo_fail */

    /* ECN (RFC 3168). */
    bool ecn_echo, ecn_cwr_due;

    /* Receiver. */
    uint32_t ooo_cnt;
    uint64_t ooo_bytes;
    uint8_t recent_cnt; /* SACK blocks, most recent first */
    struct tcp_span recent[TCP_SACK_MAX];
    bool has_dsack;
    seq_t dsack_start, dsack_end;
    bool fin_ooo; /* a FIN lies beyond a hole */
    uint64_t fin_pos;
    uint8_t quick; /* ACKs to send without delay */
    bool pingpong;
    uint64_t ato_ns;
    uint64_t last_rx_ns;  /* last segment with data */
    uint64_t last_tx_ns;  /* last segment with data, ours */
    uint64_t last_ack_ns; /* last valid segment */
    uint64_t oow_ack_ns;  /* last ACK for a segment out of window */
    /* Auto-tuning: bytes copied to the program in an RTT. */
    uint64_t drs_start_ns, drs_pos, drs_space;
    uint64_t rcv_rtt_ns, rcv_rtt_start_ns;
    seq_t rcv_rtt_seq;

    /* What the program said and must hear. */
    void *sock;   /* NULL: orphan, or not accepted yet */
    int err;      /* pending error, positive errno */
    int err_soft; /* why, should it time out */
    bool
        err_queued; /* an ICMP error ended the handshake: Linux leaves it on the error queue, and poll says so */
    bool rd_shut, wr_shut;
    bool fin_done; /* EOF has been seen by the reader's side (Linux's SOCK_DONE) */
    bool ever_connected;
    bool bind_user;      /* port given by bind(): kept until the end */
    uint64_t confirm_ns; /* tell the neighbour cache again after this */
    bool dead;           /* free it at the last unpin */
    bool orphan;         /* counted in t->orphan_cnt */
    bool purge_rcv;      /* at the last unpin */
    uint16_t pin;
    struct tcp_opt opt;
    struct port_bind bind;
    struct tcp_listener *parent; /* shares its port; counted in parent->refs */
    bool on_synq, on_acceptq;
    bool synack_acked;      /* final ACK was there, but not taken (queue full, deferred) */
    TAILQ_ENTRY(tcb) queue; /* synq or acceptq of parent */
    TAILQ_ENTRY(tcb) dirty, evented;
    uint64_t born_ns;

    /* Counters for TCP_INFO. */
    uint64_t bytes_acked, bytes_received, bytes_sent, bytes_retrans;
    uint64_t delivered, delivered_ns, first_sent_ns;
    uint64_t rate_bytes, rate_ns;
    uint64_t chrono_start_ns, chrono_ns[TCP_CHRONO_COUNT];
    uint8_t chrono; /* enum tcp_chrono */
    uint32_t segs_in, segs_out, data_segs_in, data_segs_out, total_retrans;
    uint32_t dsack_cnt, reord_cnt, ooo_seen, delivered_ce;
};

/* Why a SYN with data did not work; Linux's numbers (tcpi_fastopen_client_fail). */
enum tcp_fo_fail {
    TCP_FO_FINE,
    TCP_FO_COOKIE_UNAVAILABLE,
    TCP_FO_DATA_NOT_ACKED,
    TCP_FO_SYN_RETRANSMITTED
};

enum tcp_urg { TCP_URG_NONE, TCP_URG_NOT_YET, TCP_URG_VALID, TCP_URG_READ };

TAILQ_HEAD(tcb_queue, tcb);
struct tcp_listener {
    LIST_ENTRY(tcp_listener) hash; /* t->listeners bucket (derived) */
    struct port_bind bind;
    void *sock;
    struct tcp_opt opt;
    uint32_t backlog;
    uint32_t syn_cnt, accept_cnt;
    uint32_t refs;      /* connections and remnants that share the port */
    uint32_t live_refs; /* of these, connections */
    bool closed;        /* only keeps the port */
    uint8_t events;
    bool on_evented;
    struct tcb_queue synq, acceptq; /* oldest first */
    TAILQ_ENTRY(tcp_listener) evented;
    uint32_t fo_cnt,
        fo_rst_cnt;       /* fast open: children before the end of their handshake; reset ones */
    uint64_t fo_rst_ns;   /* when the last one was reset */
    uint64_t overflow_ns; /* last time the SYN queue was full: cookies are believed for a while */
};

/* TIME-WAIT, reduced to what RFC 9293 3.10.7.4 and RFC 6191 ask about. */
struct tcp_tw {
    struct tcp_ep ep;   /* first */
    struct timer timer; /* TIMER_TCP_TW */
    TAILQ_ENTRY(tcp_tw) age;
    struct port_bind bind;
    struct tcp_listener *parent;
    seq_t snd_nxt, rcv_nxt;
    uint32_t rcv_wnd;
    uint8_t rcv_wscale, tos, ttl;
    bool ts_ok;
    uint32_t ts_recent, ts_off;
    uint64_t ts_recent_ns, oow_ack_ns;
};

/* A segment that belongs to no connection and waits for tcp_flush(). */
struct tcp_ctl {
    struct ust_addr src, dst;
    uint16_t sport, dport;
    seq_t seq, ack;
    uint16_t wnd;
    uint8_t flags, tos, ttl;
    bool has_ts, df;
    uint32_t ts_val, ts_ecr;
    uint16_t mss; /* SYN cookies only */
    bool is_synack, sack_ok, has_wscale;
    uint8_t wscale;
};

/* The segment that is being processed, and what has been found out about it. */
struct tcp_in {
    const struct ip_rx *rx;
    struct tcp_hdr h;
    struct ust_slice data; /* what is left of the payload after trimming */
    seq_t seq;             /* of data[0]; of SYN if there is one */
    uint32_t seg_len;      /* bytes of payload as it came */
    uint32_t seg_cnt;      /* wire segments in it (GRO) */
    bool fin;
};

/* ---- positions ---- */
static inline uint64_t tcb_snd_pos(const struct tcb *tb, seq_t s) {
    return tb->snd_una_pos + (uint64_t)(int64_t)seq_diff(s, tb->snd_una);
}
static inline uint64_t tcb_rcv_pos(const struct tcb *tb, seq_t s) {
    return tb->rcv.end + (uint64_t)(int64_t)seq_diff(s, tb->rcv_nxt);
}
static inline seq_t tcb_rcv_seq(const struct tcb *tb, uint64_t pos) {
    return seq_add(tb->rcv_nxt, (uint32_t)(pos - tb->rcv.end));
}
static inline seq_t seg_end(const struct tcp_seg *s) { return seq_add(s->seq, s->len); }
static inline uint32_t tcb_outstanding(const struct tcb *tb) {
    return tb->snd_nxt.v - tb->snd_una.v;
}
/* Bytes in the network as far as we know (RFC 6675 4, pipe). */
static inline uint32_t tcb_pipe(const struct tcb *tb) {
    uint32_t gone = tb->sacked_bytes + tb->lost_bytes;
    uint32_t out = tcb_outstanding(tb) + tb->retrans_bytes;
    return out > gone ? out - gone : 0;
}
/* Position behind everything sent; bytes written by the program and not yet sent. */
static inline uint64_t tcb_unsent(const struct tcb *tb) {
    if (tb->fin_sent)
        return 0;
    uint64_t nxt = tcb_snd_pos(tb, tb->snd_nxt);
    return nxt + 1 == 0 ? sbuf_len(&tb->snd) : tb->snd.end - nxt;
}
/* Bytes in the send buffer not yet acknowledged. */
static inline uint64_t tcb_snd_used(const struct tcb *tb) {
    uint64_t una = tb->snd_una_pos + 1 == 0 ? 0 : tb->snd_una_pos;
    return una < tb->snd.end ? tb->snd.end - una : 0;
}
/* Linux's __sk_stream_is_writeable: worth waking a writer for. */
static inline bool tcb_writable(const struct tcb *tb) {
    uint64_t used = tcb_snd_used(tb);
    return used <= tb->sndbuf && tb->sndbuf - used >= used / 2 &&
           (tb->opt.notsent_lowat == UINT32_MAX || tcb_unsent(tb) < tb->opt.notsent_lowat);
}
/* Right edge of the window as advertised: never moves left (RFC 9293 3.8.6). */
static inline seq_t tcb_rcv_edge(const struct tcb *tb) { return seq_add(tb->rcv_wup, tb->rcv_wnd); }
static inline uint32_t tcb_rcv_open(const struct tcb *tb) {
    int32_t w = seq_diff(tcb_rcv_edge(tb), tb->rcv_nxt);
    return w > 0 ? (uint32_t)w : 0;
}
static inline bool tcb_synchronized(const struct tcb *tb) {
    return tb->state != TCPS_CLOSED && tb->state != TCPS_LISTEN && tb->state != TCPS_SYN_SENT;
}

/* ---- tcp.c: the stack's tables ---- */
struct tcp_ep *tcp_ep_find(struct tcp *t, const struct ust_addr *laddr, uint16_t lport,
                           const struct ust_addr *raddr, uint16_t rport);
void tcp_ep_hash(struct tcp *t, struct tcp_ep *ep);
void tcp_ep_unhash(struct tcp *t, struct tcp_ep *ep);
uint32_t tcp_hash(const struct tcp *t, const struct ust_addr *laddr, uint16_t lport,
                  const struct ust_addr *raddr, uint16_t rport);
void tcb_mark_dirty(struct tcp *t, struct tcb *tb);
void tcb_event(struct tcp *t, struct tcb *tb, uint8_t ev);
/* Tells a waiting writer if there is room again. */
void tcb_write_space(struct tcp *t, struct tcb *tb);
void tcp_listener_event(struct tcp *t, struct tcp_listener *l, uint8_t ev);
bool tcp_bucket_take(struct token_bucket *b, uint64_t now_ns, uint32_t per_s, uint32_t burst);
/* Zeroed memory becomes a closed tcb with these options. */
void tcb_init(struct tcb *tb, const struct tcp_opt *opt);
/* The same in new memory; not alive yet. */
struct tcb *tcb_new(struct tcp *t, const struct tcp_opt *opt);
/* Gives everything back: buffers, ports, queues, timers. Deferred while pinned. */
void tcb_free(struct tcp *t, struct tcb *tb);
/* Empties buffers and scoreboard; keep_rcv: unread data stays readable. */
void tcb_purge(struct tcp *t, struct tcb *tb, bool keep_rcv);
/* Lets go of the port: own entry or share of the listener's. */
void tcb_port_drop(struct tcp *t, struct tcb *tb);
void tcp_listener_unref(struct tcp *t, struct tcp_listener *l, bool live);
/* Addresses are known: path, window scale, timestamp offset, estimators. */
void tcb_open_common(struct tcp *t, struct tcb *tb);
void tcb_init_path(struct tcp *t, struct tcb *tb);
/* What a SYN or SYN-ACK of a socket with these options says of the window. */
uint8_t tcp_wscale_for(const struct tcp *t, const struct tcp_opt *o);
uint16_t tcp_syn_window(const struct tcp_opt *o);

/* ---- tcp_state.c ---- */
void tcp_state_set(struct tcp *t, uint64_t now_ns, struct tcb *tb, enum tcp_state s,
                   const char *why);
/* The end of the connection: CLOSED, nothing armed, not in the hash; frees an orphan (true: tb is gone). err 0: no error. */
bool tcb_done(struct tcp *t, uint64_t now_ns, struct tcb *tb, int err, const char *why);
/* To TIME-WAIT: a remnant takes over. True: tb is gone. */
bool tcb_time_wait(struct tcp *t, uint64_t now_ns, struct tcb *tb, const char *why);
/* RST to the peer (noted), then tcb_done. */
bool tcb_reset(struct tcp *t, uint64_t now_ns, struct tcb *tb, int err, const char *why);
/* Options are known on both sides: buffers, MSS, windows start. */
void tcb_transfer_init(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* The same, and ESTABLISHED. */
void tcb_established(struct tcp *t, uint64_t now_ns, struct tcb *tb, const char *why);

/* ---- tcp_timer.c ---- */
void tcb_arm(struct tcp *t, struct tcb *tb, enum tcp_timer_id id, uint64_t deadline_ns);
static inline void tcb_disarm(struct tcb *tb, enum tcp_timer_id id) {
    tb->deadline_ns[id] = TIME_NEVER;
}
static inline bool tcb_armed(const struct tcb *tb, enum tcp_timer_id id) {
    return tb->deadline_ns[id] != TIME_NEVER;
}
void tcb_rearm_rtx(struct tcp *t, uint64_t now_ns, struct tcb *tb);
uint64_t tcb_rto(const struct tcb *tb); /* with backoff */

/* ---- tcp_pmtu.c: black holes ---- */
/* The retransmission timer fired rtx_cnt times: is it the size? Then snd_mss is smaller. */
void tcp_mtup_rto(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* Payload of a probe that may be sent now as new data, or 0. */
uint32_t tcp_mtup_probe_len(uint64_t now_ns, struct tcb *tb);
void tcp_mtup_sent(struct tcb *tb, const struct tcp_seg *s);
/* s is believed lost; snd_una moved. */
void tcp_mtup_lost(struct tcb *tb, const struct tcp_seg *s);
void tcp_mtup_ack(struct tcp *t, struct tcb *tb);

/* ---- tcp_isn.c ---- */
seq_t tcp_isn(const struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep);
uint32_t tcp_ts_offset(const struct tcp *t, const struct tcp_ep *ep);
static inline uint32_t tcp_ts_now(uint64_t now_ns, uint32_t off) {
    return (uint32_t)(now_ns / NS_PER_MS) + off; /* RFC 7323 5.4: 1 ms */
}
/* SYN cookies: the whole handshake in 32 bits, and six more in our timestamp if the peer has timestamps. */
seq_t tcp_cookie_make(struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep, seq_t irs,
                      uint16_t mss);
/* The MSS that the cookie carries, or 0: not ours, or too old. */
uint16_t tcp_cookie_check(struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep, seq_t irs,
                          seq_t cookie);
/* A timestamp, not later than now, that carries window scale, SACK-permitted and ECN of the SYN's options. */
uint32_t tcp_cookie_ts(const struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep,
                       const struct tcp_opts *o, bool ecn);
/* What an echo of it says; false: ECN was not agreed. */
bool tcp_cookie_ts_read(const struct tcp *t, const struct tcp_ep *ep, uint32_t ts_ecr,
                        struct tcp_opts *o);

/* Of the address pair, for cookies of fast open. */
uint64_t tcp_fo_hash(const struct tcp *t, const struct tcp_ep *ep, uint64_t epoch);

/* ---- tcp_fastopen.c ---- */
void tcp_fo_fini(struct tcp *t);
/* connect() with fast open: what the SYN does, after its address pair is known. */
void tcp_fo_connect(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* Bytes that a SYN may take along. */
uint32_t tcp_fo_room(struct tcp *t, const struct tcb *tb);
void tcp_fo_syn_option(struct tcp *t, const struct tcb *tb, struct tcp_opts *o);
void tcp_fo_synack_option(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_opts *o);
/* The SYN-ACK to our SYN, its ACK taken already: a cookie in it is kept, data not acknowledged becomes unsent. */
void tcp_fo_synack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in);
/* The peer's SYN crossed ours. */
void tcp_fo_crossed(struct tcp *t, struct tcb *tb);
/* A SYN for l, tb its child: true if it becomes one of fast open (tcp_fo_child(), once it is in the accept queue). */
bool tcp_fo_syn(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, struct tcb *tb,
                const struct tcp_in *in);
void tcp_fo_child(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in);
/* Its handshake is over, one way or the other. */
void tcp_fo_settled(uint64_t now_ns, struct tcb *tb, bool reset);

/* ---- tcp_seg.c: the scoreboard ---- */
/* An object for len bytes from snd_nxt, in flight from now; NULL: memory. Moves snd_nxt. */
struct tcp_seg *tcp_seg_append(struct tcp *t, uint64_t now_ns, struct tcb *tb, uint32_t len,
                               uint8_t flags);
/* The segment that contains s, or NULL. */
struct tcp_seg *tcp_seg_find(const struct tcb *tb, seq_t s);
struct tcp_seg *tcp_seg_first(const struct tcb *tb);
struct tcp_seg *tcp_seg_last(const struct tcb *tb);
struct tcp_seg *tcp_seg_next(const struct tcp_seg *s);
/* Cuts s so that it keeps `keep` bytes; the rest, or NULL when memory is out. */
struct tcp_seg *tcp_seg_split(struct tcp *t, struct tcb *tb, struct tcp_seg *s, uint32_t keep);
void tcp_seg_mark_lost(struct tcb *tb, struct tcp_seg *s);
void tcp_seg_unmark_lost(struct tcb *tb);
void tcp_seg_mark_sacked(struct tcb *tb, struct tcp_seg *s);
void tcp_seg_mark_sent_again(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_seg *s);
void tcp_seg_drop(struct tcp *t, struct tcb *tb, struct tcp_seg *s);
/* Removes n bytes from the front of s. */
void tcp_seg_trim(struct tcb *tb, struct tcp_seg *s, uint32_t n);
void tcp_seg_clear(struct tcp *t, struct tcb *tb);
/* The lowest lost segment that is not on its way again, or NULL. */
struct tcp_seg *tcp_seg_next_lost(struct tcb *tb);

/* ---- tcp_ack.c ---- */
/* What one ACK said. */
struct tcp_acked {
    uint32_t acked;     /* bytes that snd_una moved by */
    uint32_t sacked;    /* bytes sacked newly */
    uint32_t delivered; /* bytes delivered newly, by either */
    uint32_t lost;      /* bytes marked lost newly */
    bool fin;           /* ours is acknowledged */
    /* Bytes retransmitted that it acknowledges: the original came; the retransmission. */
    uint32_t rtx_late, rtx_filled;
    bool retrans; /* something that was retransmitted is acknowledged */
    bool
        orig_sacked; /* something never retransmitted was delivered out of LOSS's retransmissions (F-RTO 3b) */
    bool dup, wnd_update, dsack, ece;
    uint64_t rtt_ns;      /* from the oldest original acknowledged; 0 none */
    uint64_t rtt_last_ns; /* from the newest */
    uint64_t sack_rtt_ns; /* from what was sacked newly */
    const struct tcp_opts *opts;
    uint64_t rate_xmit_ns, rate_prior, rate_prior_ns,
        rate_first_ns; /* newest delivered segment's sample */
};
/* RFC 9293 3.10.7.4 fifth: acceptable ACK in a synchronized state. */
void tcp_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
             struct tcp_acked *a);
/* An ACK below snd_una: of use are its SACK blocks. */
void tcp_ack_overtaken(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in);

/* ---- tcp_rtt.c ---- */
void tcp_rtt_init(struct tcp_rtt *r);
void tcp_rtt_sample(struct tcp_rtt *r, uint64_t now_ns, uint64_t rtt_ns, seq_t snd_una,
                    seq_t snd_nxt);

/* ---- tcp_rack.c ---- */
void tcp_rack_init(struct tcb *tb);
/* s was delivered up to `end`. */
void tcp_rack_delivered(struct tcb *tb, uint64_t now_ns, const struct tcp_seg *s, seq_t end,
                        const struct tcp_opts *o);
void tcp_rack_dsack(struct tcb *tb);
/* An original took rtt_ns, and was overtaken. */
void tcp_rack_late(struct tcb *tb, uint64_t rtt_ns);
/* Marks what must be lost by now; arms TCPT_REO for what may be. */
void tcp_rack_detect(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* Tail loss probe (RFC 8985 7). */
void tcp_tlp_schedule(struct tcp *t, uint64_t now_ns, struct tcb *tb);
void tcp_tlp_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_acked *a);

/* ---- tcp_recovery.c ---- */
void tcp_recovery_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_acked *a);
void tcp_recovery_rto(struct tcp *t, uint64_t now_ns, struct tcb *tb);
void tcp_recovery_cwr(struct tcp *t, uint64_t now_ns, struct tcb *tb);
void tcp_recovery_sent(struct tcb *tb, uint32_t bytes);
const char *tcp_ca_name(enum tcp_ca_state s);

/* ---- tcp_undo.c ---- */
void tcp_undo_init(struct tcb *tb);
/* A retransmission of s leaves. */
void tcp_undo_sent(struct tcb *tb, uint64_t now_ns, const struct tcp_seg *s);
void tcp_undo_dsack(struct tcb *tb, seq_t start, seq_t end);
/* Was every retransmission needless (RFC 3708, RFC 3522)? Then cwnd and ssthresh are as before. */
bool tcp_undo_try(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
                  const struct tcp_acked *a);

/* ---- tcp_ooo.c: what arrives ---- */
/* RFC 9293 3.10.7.4 seventh. DROP_NONE or why nothing of it was taken. */
enum drop tcp_data_rx(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in);
void tcp_ooo_clear(struct tcp *t, struct tcb *tb);
/* SACK blocks for the next ACK; returns their number. */
uint8_t tcp_sack_blocks(const struct tcb *tb, struct tcp_sack *out, uint8_t max);
void tcp_dsack_note(struct tcb *tb, seq_t start, seq_t end);
void tcp_urg_rx(struct tcp *t, struct tcb *tb, const struct tcp_in *in);

/* ---- tcp_wnd.c: the window that we offer, and when to say so ---- */
void tcp_wnd_init(struct tcb *tb);
uint16_t tcp_wnd_select(struct tcb *tb);
bool tcp_wnd_update_due(const struct tcb *tb);
void tcp_wnd_rx(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in);
void tcp_wnd_read(struct tcp *t, uint64_t now_ns, struct tcb *tb);
void tcp_sndbuf_grow(struct tcp *t, struct tcb *tb);
/* ACK policy: owed after data arrived; after an ACK left. */
void tcp_ack_schedule(struct tcp *t, uint64_t now_ns, struct tcb *tb, bool now_please);
void tcp_ack_sent(struct tcb *tb);

/* ---- tcp_rx*.c, tcp_listen.c, tcp_tw.c ---- */
enum drop tcp_rx_syn_sent(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in);
enum drop tcp_rx_listen(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, struct tcp_in *in,
                        const seq_t *isn);
enum drop tcp_rx_tw(struct tcp *t, uint64_t now_ns, struct tcp_tw *tw, struct tcp_in *in);
/* URG, text, FIN of an acceptable segment. */
enum drop tcp_rx_text(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in);
void tcp_tw_ack_first(struct tcp *t, uint64_t now_ns, struct tcb *tb);
/* Steps of a synchronized state; RFC 9293 3.10.7.4. */
enum drop tcp_rx_tcb(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in);
struct tcp_listener *tcp_listener_find(struct tcp *t, const struct ust_addr *laddr, uint16_t lport,
                                       const struct ust_addr *raddr, uint16_t rport);
/* The third ACK: to the accept queue. False: there is no room, or data is awaited; stay in SYN-RECEIVED. */
bool tcp_listen_promote(struct tcp *t, struct tcb *tb, const struct tcp_in *in);
void tcp_listen_forget(struct tcp *t, struct tcb *tb);
void tcp_peer_options(struct tcp *t, struct tcb *tb, const struct tcp_hdr *h);
void tcp_tw_free(struct tcp *t, struct tcp_tw *tw);
/* RST for a segment that has no connection (RFC 9293 3.10.7.1). */
void tcp_ctl_rst(struct tcp *t, uint64_t now_ns, const struct tcp_in *in);
/* RST of a connection of ours. */
void tcp_ctl_abort(struct tcp *t, uint64_t now_ns, const struct tcb *tb);
struct tcp_ctl *tcp_ctl_take(struct tcp *t);
/* ACK for something unacceptable, within the limits of RFC 5961 7. */
void tcp_challenge_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb);
bool tcp_challenge_allowed(struct tcp *t, uint64_t now_ns, uint64_t *last_ns);

/* ---- tcp_info.c ---- */
/* Accounts the time since the last call to what the sender was doing, and looks what it does now. */
void tcp_chrono_update(struct tcb *tb, uint64_t now_ns);

/* ---- tcp_output.c ---- */
/* The one place that decides to send. True: the link is full, call again. */
bool tcp_output(struct tcp *t, uint64_t now_ns, struct tcb *tb);
uint32_t tcp_mss_eff(const struct tcb *tb);
void tcp_trace_seg(struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep, bool out,
                   const struct tcp_hdr *h, uint32_t len);

/* ---- tcp_pmtu.c ---- */
void tcb_mss_update(struct tcp *t, struct tcb *tb);
/* What ICMP said about the path has aged: larger segments may pass again (RFC 1191 6.3). */
void tcb_pmtu_raise(struct tcp *t, struct tcb *tb);
void tcb_pmtu_refresh(struct tcp *t, uint64_t now_ns, struct tcb *tb);

/* What the program wants of the IP header, by the connection's family. */
static inline bool tcb_is_ip6(const struct tcb *tb) { return !addr_is_ip4(&tb->ep.raddr); }
static inline uint8_t tcb_tos(const struct tcb *tb) {
    return tcb_is_ip6(tb) ? tb->opt.tos6 : tb->opt.tos;
}
static inline uint8_t tcb_ttl(const struct tcb *tb) {
    return tcb_is_ip6(tb) ? tb->opt.ttl6 : tb->opt.ttl;
}
static inline uint8_t tcb_pmtudisc(const struct tcb *tb) {
    return tcb_is_ip6(tb) ? tb->opt.pmtudisc6 : tb->opt.pmtudisc;
}

#endif
