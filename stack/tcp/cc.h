/* SPDX-License-Identifier: ISC */
/*
 * Congestion control: how far cwnd goes up, and where ssthresh goes when something was lost. When something is lost is not
 * decided here (tcp_rack.c, tcp_recovery.c), nor how cwnd goes down during recovery (PRR).
 *
 * A const table, chosen by enum tcp_cc_kind; the state is a union in the tcb. cwnd and ssthresh are bytes.
 */
#ifndef UST_TCP_CC_H
#define UST_TCP_CC_H

#include "base/types.h"

struct tcb;

/* RFC 9438; times in ns, windows in segments where so named. */
struct tcp_cubic {
    uint32_t w_max_segs;
    uint64_t epoch_start_ns; /* 0: no epoch */
    uint64_t k_ms;
    uint32_t origin_segs;
    uint64_t w_est_bytes; /* RFC 9438 4.3, the Reno-friendly window */
    struct {              /* RFC 9438 4.9: as they were before the last reduction */
        uint32_t w_max_segs, origin_segs;
        uint64_t epoch_start_ns, k_ms, w_est_bytes;
    } prior;
    uint64_t acked_left; /* bytes acknowledged, not yet turned into growth */
};
struct tcp_reno {
    uint64_t acked_left;
};
/* HyStart++ (RFC 9406); round trip times in ns, UINT64_MAX: none. */
struct tcp_hystart {
    uint64_t last_round_min_ns, round_min_ns, css_base_ns;
    uint32_t round_samples;
    seq_t round_end;
    bool has_round, in_css;
    uint8_t css_rounds;
};
struct tcp_cc_state {
    struct tcp_hystart hystart;
    union {
        struct tcp_reno reno;
        struct tcp_cubic cubic;
    };
};

struct tcp_cc_ops {
    const char *name;
    void (*init)(struct tcb *tb, uint64_t now_ns);
    /* acked bytes arrived, window was in use; rtt_ns 0: no sample. */
    void (*on_ack)(struct tcb *tb, uint64_t now_ns, uint32_t acked, uint64_t rtt_ns);
    /* Loss or ECN: the new ssthresh. */
    uint32_t (*ssthresh)(struct tcb *tb, uint64_t now_ns);
    void (*on_rto)(struct tcb *tb, uint64_t now_ns);
    void (*after_idle)(struct tcb *tb, uint64_t now_ns);
    void (*undo)(struct tcb *tb, uint64_t now_ns);
};

const struct tcp_cc_ops *tcp_cc(const struct tcb *tb);
const char *tcp_cc_name(unsigned kind);
/*
 * Slow start by appropriate byte counting (RFC 5681, RFC 3465 with L = all), the first one as HyStart++ allows: grows cwnd to at most ssthresh,
 * returns what is left of acked.
 */
uint32_t tcp_cc_slow_start(struct tcb *tb, uint32_t acked, uint64_t rtt_ns);

/* cc_hystart.c: the bytes by which the first slow start may grow; may end it (ssthresh). rtt_ns 0: no sample. */
void tcp_hystart_init(struct tcb *tb);
uint32_t tcp_hystart_grow(struct tcb *tb, uint32_t acked, uint64_t rtt_ns);

extern const struct tcp_cc_ops tcp_cc_reno, tcp_cc_cubic;

#endif
