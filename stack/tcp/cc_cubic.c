/* SPDX-License-Identifier: ISC */
/*
 * CUBIC (RFC 9438); its first slow start is HyStart++'s (cc_hystart.c).
 *
 * W_cubic(t) = C (t - K)^3 + W_max, C = 0.4, t in seconds, W in segments. Integer arithmetic: t and K in ms, so C (t-K)^3 is
 * 4 (t-K)^3 / 10^10 segments.
 */
#include "tcp/cc.h"
#include "tcp/tcb.h"

#define BETA_NUM 7 /* RFC 9438 4.6: 0.7 */
#define BETA_DEN 10

static uint64_t cube_root(uint64_t v) {
    uint64_t y = 0;
    for (int s = 63; s >= 0; s -= 3) { /* Hacker's Delight, 11-2 */
        y <<= 1;
        uint64_t b = 3 * y * (y + 1) + 1;
        if (v >> s >= b) {
            v -= b << s;
            y++;
        }
    }
    return y;
}

static void cubic_init(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    memset(&tb->cc.cubic, 0, sizeof tb->cc.cubic);
    tcp_hystart_init(tb);
}

static void epoch_begin(struct tcb *tb, uint64_t now_ns) {
    struct tcp_cubic *q = &tb->cc.cubic;
    uint32_t cwnd = tb->snd_cwnd / tb->snd_mss;
    q->epoch_start_ns = now_ns;
    q->acked_left = 0;
    q->w_est_bytes = tb->snd_cwnd;
    if (cwnd < q->w_max_segs) { /* K = cbrt((W_max - cwnd) / C), RFC 9438 4.2; in ms */
        uint64_t d = UST_MIN((uint64_t)(q->w_max_segs - cwnd), 1ull << 30);
        q->k_ms = cube_root(d * 2500000000ull);
        q->origin_segs = q->w_max_segs;
    } else {
        q->k_ms = 0;
        q->origin_segs = cwnd;
    }
}

static uint64_t w_cubic_segs(const struct tcp_cubic *q, uint64_t t_ms) {
    uint64_t d = t_ms > q->k_ms ? t_ms - q->k_ms : q->k_ms - t_ms;
    d = UST_MIN(d, 1000000ull);
    uint64_t delta = d * d * d / 2500000000ull;
    if (t_ms >= q->k_ms)
        return q->origin_segs + delta;
    return q->origin_segs > delta ? q->origin_segs - delta : 1;
}

static void cubic_on_ack(struct tcb *tb, uint64_t now_ns, uint32_t acked, uint64_t rtt_ns) {
    struct tcp_cubic *q = &tb->cc.cubic;
    uint32_t mss = tb->snd_mss;
    if (tb->snd_cwnd < tb->snd_ssthresh) {
        acked = tcp_cc_slow_start(tb, acked, rtt_ns);
        if (acked == 0)
            return;
    }
    if (q->epoch_start_ns == 0)
        epoch_begin(tb, now_ns);
    uint64_t t_ms = (now_ns - q->epoch_start_ns + tb->rtt.srtt_ns) / NS_PER_MS;
    uint64_t target = w_cubic_segs(q, t_ms) * mss;            /* W_cubic(t + RTT) */
    target = UST_MIN(target, (uint64_t)tb->snd_cwnd * 3 / 2); /* RFC 9438 4.4 */

    /* RFC 9438 4.3: alpha = 3 (1 - beta) / (1 + beta) = 9/17 until W_est reaches the window of the last loss, then 1. */
    uint64_t prior = (uint64_t)q->w_max_segs * mss;
    uint64_t alpha_mss = q->w_est_bytes < prior ? (uint64_t)mss * 9 / 17 : mss;
    q->w_est_bytes += alpha_mss * acked / tb->snd_cwnd;
    if (target < q->w_est_bytes)
        target = q->w_est_bytes;
    if (target <= tb->snd_cwnd)
        return;
    /* cwnd += (target - cwnd) / cwnd for each segment acknowledged. */
    q->acked_left += (target - tb->snd_cwnd) * acked;
    uint64_t inc = q->acked_left / tb->snd_cwnd;
    q->acked_left %= tb->snd_cwnd;
    tb->snd_cwnd = (uint32_t)UST_MIN(tb->snd_cwnd + inc, (uint64_t)UINT32_MAX / 2);
}

static uint32_t cubic_ssthresh(struct tcb *tb, uint64_t now_ns) {
    struct tcp_cubic *q = &tb->cc.cubic;
    uint32_t cwnd = tb->snd_cwnd / tb->snd_mss;
    (void)now_ns;
    q->prior.w_max_segs = q->w_max_segs;
    q->prior.origin_segs = q->origin_segs;
    q->prior.epoch_start_ns = q->epoch_start_ns;
    q->prior.k_ms = q->k_ms;
    q->prior.w_est_bytes = q->w_est_bytes;
    if (cwnd < q->w_max_segs) /* RFC 9438 4.7, fast convergence */
        q->w_max_segs = cwnd * (BETA_DEN + BETA_NUM) / (2 * BETA_DEN);
    else
        q->w_max_segs = cwnd;
    q->epoch_start_ns = 0;
    uint32_t to = (uint32_t)((uint64_t)tb->snd_cwnd * BETA_NUM / BETA_DEN);
    return UST_MAX(to, 2 * tb->snd_mss);
}

static void cubic_on_rto(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    tb->cc.cubic.epoch_start_ns = 0;
    tcp_hystart_init(tb);
}

static void cubic_after_idle(struct tcb *tb, uint64_t now_ns) {
    (void)now_ns;
    tb->cc.cubic.epoch_start_ns = 0; /* RFC 9438 4.2: the idle time must not count */
}

/* RFC 9438 4.9: the epoch goes on as if there had been no reduction. */
static void cubic_undo(struct tcb *tb, uint64_t now_ns) {
    struct tcp_cubic *q = &tb->cc.cubic;
    (void)now_ns;
    q->w_max_segs = q->prior.w_max_segs;
    q->origin_segs = q->prior.origin_segs;
    q->epoch_start_ns = q->prior.epoch_start_ns;
    q->k_ms = q->prior.k_ms;
    q->w_est_bytes = q->prior.w_est_bytes;
}

const struct tcp_cc_ops tcp_cc_cubic = {
    .name = "cubic",
    .init = cubic_init,
    .on_ack = cubic_on_ack,
    .ssthresh = cubic_ssthresh,
    .on_rto = cubic_on_rto,
    .after_idle = cubic_after_idle,
    .undo = cubic_undo,
};
