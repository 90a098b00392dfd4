/* SPDX-License-Identifier: ISC */
/* The table of congestion controls, what they share, and Reno (RFC 5681 with RFC 3465's byte counting). */
#include "tcp/cc.h"

#include "tcp/tcb.h"

static const struct tcp_cc_ops *const table[TCP_CC_COUNT] = {
    [TCP_CC_RENO] = &tcp_cc_reno,
    [TCP_CC_CUBIC] = &tcp_cc_cubic,
};

const struct tcp_cc_ops *tcp_cc(const struct tcb *tb) {
    return table[tb->opt.cc < TCP_CC_COUNT ? tb->opt.cc : TCP_CC_RENO];
}

const char *tcp_cc_name(unsigned kind) { return kind < TCP_CC_COUNT ? table[kind]->name : NULL; }

/* RFC 9293 3.8.2 MUST-19 */
uint32_t tcp_cc_slow_start(struct tcb *tb, uint32_t acked, uint64_t rtt_ns) {
    acked = tcp_hystart_grow(tb, acked, rtt_ns);
    uint32_t room = tb->snd_ssthresh - tb->snd_cwnd;
    uint32_t n = UST_MIN(acked, room);
    if (tb->snd_cwnd <= UINT32_MAX / 2)
        tb->snd_cwnd += n;
    return acked - n;
}

static void reno_init(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    tb->cc.reno.acked_left = 0;
    tcp_hystart_init(tb);
}

static void reno_on_ack(struct tcb *tb, uint64_t now_ns, uint32_t acked, uint64_t rtt_ns) {
    struct tcp_reno *r = &tb->cc.reno;
    (void)now_ns;
    if (tb->snd_cwnd < tb->snd_ssthresh) {
        acked = tcp_cc_slow_start(tb, acked, rtt_ns);
        if (acked == 0)
            return;
    }
    r->acked_left += acked; /* RFC 5681 3.1: one segment for each window acknowledged */
    while (r->acked_left >= tb->snd_cwnd) {
        r->acked_left -= tb->snd_cwnd;
        tb->snd_cwnd += tb->snd_mss;
    }
}

static uint32_t reno_ssthresh(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    return UST_MAX(tb->snd_cwnd / 2, 2 * tb->snd_mss); /* RFC 5681 (4) */
}

static void reno_on_rto(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    tb->cc.reno.acked_left = 0;
    tcp_hystart_init(tb);
}

static void reno_event(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    tb->cc.reno.acked_left = 0;
}

const struct tcp_cc_ops tcp_cc_reno = {
    .name = "reno",
    .init = reno_init,
    .on_ack = reno_on_ack,
    .ssthresh = reno_ssthresh,
    .on_rto = reno_on_rto,
    .after_idle = reno_event,
    .undo = reno_event,
};
