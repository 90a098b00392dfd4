/* SPDX-License-Identifier: ISC */
/*
 * HyStart++ (RFC 9406): leaving the first slow start before the queue of the bottleneck overflows. Both congestion controls use it,
 * through tcp_cc_slow_start().
 *
 * The smallest round trip time of each round is compared with that of the round before. If it rose by an eighth (4 to 16 ms), a queue is building:
 * Conservative Slow Start grows at a quarter of the pace and watches for five rounds. If the time falls below what it was when CSS began, it was
 * jitter, and slow start goes on; else the window is left where it is and congestion avoidance begins.
 *
 * Later slow starts know ssthresh already (RFC 9406 4.3: only while it is arbitrarily high).
 */
#include "tcp/cc.h"
#include "tcp/tcb.h"

/* RFC 9406 4.3. */
#define MIN_RTT_THRESH_NS (4 * NS_PER_MS)
#define MAX_RTT_THRESH_NS (16 * NS_PER_MS)
#define MIN_RTT_DIVISOR 8
#define RTT_SAMPLES 8
#define CSS_GROWTH_DIVISOR 4
#define CSS_ROUNDS 5

void tcp_hystart_init(struct tcb *tb) {
    struct tcp_hystart *y = &tb->cc.hystart;
    memset(y, 0, sizeof *y);
    y->last_round_min_ns = y->round_min_ns = UINT64_MAX;
}

static void round_begin(struct tcb *tb) {
    struct tcp_hystart *y = &tb->cc.hystart;
    y->last_round_min_ns = y->has_round ? y->round_min_ns : UINT64_MAX;
    y->round_min_ns = UINT64_MAX;
    y->round_samples = 0;
    y->round_end = tb->snd_nxt;
    y->has_round = true;
}

static void judge(struct tcp_hystart *y) {
    if (y->round_samples < RTT_SAMPLES)
        return;
    if (y->in_css) {
        if (y->round_min_ns < y->css_base_ns)
            y->in_css = false; /* it was not congestion */
        return;
    }
    if (y->last_round_min_ns == UINT64_MAX)
        return;
    uint64_t thresh = y->last_round_min_ns / MIN_RTT_DIVISOR;
    thresh = UST_MIN(UST_MAX(thresh, MIN_RTT_THRESH_NS), MAX_RTT_THRESH_NS);
    if (y->round_min_ns >= y->last_round_min_ns + thresh) {
        y->css_base_ns = y->round_min_ns;
        y->in_css = true;
        y->css_rounds = 0;
    }
}

/* RFC 9406 4.2. */
uint32_t tcp_hystart_grow(struct tcb *tb, uint32_t acked, uint64_t rtt_ns) {
    struct tcp_hystart *y = &tb->cc.hystart;
    if (tb->opt.hystart_off || tb->snd_ssthresh != UINT32_MAX)
        return acked;
    if (tb->rack.reordering_seen) {
        /* ACKs that wait for a late segment measure its lateness, not a queue. */
        y->in_css = y->has_round = false;
        return acked;
    }
    if (!y->has_round || seq_gt(tb->snd_una, y->round_end)) {
        if (y->has_round && y->in_css && ++y->css_rounds >= CSS_ROUNDS) {
            tb->snd_ssthresh = tb->snd_cwnd; /* congestion avoidance from here */
            y->in_css = false;
            return 0;
        }
        round_begin(tb);
    }
    if (rtt_ns) {
        y->round_min_ns = UST_MIN(y->round_min_ns, rtt_ns);
        y->round_samples++;
        judge(y);
    }
    return y->in_css ? acked / CSS_GROWTH_DIVISOR : acked;
}
