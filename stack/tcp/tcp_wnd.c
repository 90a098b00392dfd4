/* SPDX-License-Identifier: ISC */
/*
 * The receiver's side of the bargain: how much window to offer, when to say so, when to acknowledge, how large the buffers should be.
 *
 * The right edge of the window never moves left (RFC 9293 3.8.6): tcb_rcv_edge() is what was promised, and is honoured even if scaling
 * forces a smaller number on the wire (RFC 7323 2.4). It moves right in steps worth having (silly window avoidance, RFC 9293 3.8.6.2.2).
 */
#include "tcp/tcb.h"

#define QUICKACKS 16 /* ACKs without delay at the start and after a pause, as Linux */

static uint32_t buffer_limit(const struct tcb *tb) {
    uint32_t lim = tb->rcvbuf;
    if (tb->opt.window_clamp)
        lim = UST_MIN(lim, tb->opt.window_clamp);
    return lim;
}

static uint32_t space_left(const struct tcb *tb) {
    uint64_t unread = tb->rcv.end - tb->rcv.start, lim = buffer_limit(tb);
    return unread < lim ? (uint32_t)(lim - unread) : 0;
}

static uint32_t worthwhile(const struct tcb *tb) {
    uint32_t mss = tb->rcv_mss ? tb->rcv_mss : tb->adv_mss;
    return UST_MIN(buffer_limit(tb) / 2, mss);
}

/* The window to offer now, bytes from rcv_nxt. */
static uint32_t wanted(const struct tcb *tb) {
    uint32_t open = tcb_rcv_open(tb), space = space_left(tb), step = worthwhile(tb);
    uint32_t max = 65535u << tb->rcv_wscale;
    space = UST_MIN(space, max);
    if (space < step || space < open + step)
        return UST_MIN(open, max);
    return space & ~((1u << tb->rcv_wscale) - 1);
}

uint16_t tcp_wnd_select(struct tcb *tb) {
    uint32_t open = tcb_rcv_open(tb), w = wanted(tb), scale = tb->rcv_wscale;
    uint32_t unit = 1u << scale, wire = w >> scale;
    /*
     * A fraction of the scale's unit was promised, or the peer sent less than one: rounding down would take it back, so round
     * up (as Linux). The edge creeps right by that, if only tiny segments come; an eighth of the buffer is the end of it.
     */
    uint64_t lim = UST_MAX(buffer_limit(tb), tb->rcvbuf_peak);
    uint64_t up = tb->rcv.end - tb->rcv.start + ((uint64_t)(wire + 1) << scale);
    if ((w & (unit - 1)) && wire < 65535 && up <= lim + unit + lim / 8)
        wire++;
    tb->rcv_wup = tb->rcv_nxt;
    /* RFC 9293 3.8.6 SHLD-14 */
    tb->rcv_wnd = UST_MAX(wire << scale, open);
    return (uint16_t)wire;
}

/* RFC 9293 3.8.6.2.2 MUST-39 */
bool tcp_wnd_update_due(const struct tcb *tb) {
    uint32_t open = tcb_rcv_open(tb), w = wanted(tb), lim = buffer_limit(tb);
    uint32_t mss = tb->rcv_mss ? tb->rcv_mss : tb->adv_mss;
    if (w <= open)
        return false;
    uint32_t adv = w - open;
    if (adv >= 2 * mss && (adv >= lim / 4 || open <= lim / 8))
        return true;
    return adv >= lim / 2;
}

void tcp_wnd_init(struct tcb *tb) {
    uint32_t hint = UST_MIN(tb->adv_mss, 536u);
    hint = UST_MIN(hint, UST_MAX(tb->rcv_wnd / 2, 88u));
    tb->rcv_mss = UST_MAX(hint, 88u);
    tb->quick = QUICKACKS;
    tb->ato_ns = TCP_ATO_MIN_NS;
    tb->rcvbuf_peak = tb->rcvbuf;
    tb->drs_space = UST_MIN(buffer_limit(tb), 65535u);
    tb->drs_pos = tb->rcv.start;
    if (tb->opt.quickack_off)
        tb->pingpong = true;
}

/* Round trip time as the receiver sees it: the age of the timestamp echoed, or the time in which a window fills. */
static void rcv_rtt(struct tcb *tb, uint64_t now_ns, const struct tcp_in *in) {
    uint64_t sample = 0;
    if (tb->ts_ok && in->h.opts.has_ts && in->h.opts.ts_ecr) {
        if (in->seg_len < tb->rcv_mss)
            return;
        uint32_t ms = tcp_ts_now(now_ns, tb->ts_off) - in->h.opts.ts_ecr;
        if (ms > 1u << 20)
            return;
        sample = UST_MAX(ms, 1u) * NS_PER_MS;
    } else {
        if (tb->rcv_rtt_start_ns && seq_lt(tb->rcv_nxt, tb->rcv_rtt_seq))
            return;
        if (tb->rcv_rtt_start_ns)
            sample = now_ns - tb->rcv_rtt_start_ns;
        tb->rcv_rtt_start_ns = now_ns;
        tb->rcv_rtt_seq = seq_add(tb->rcv_nxt, UST_MAX(tb->rcv_wnd, 1u));
        if (sample == 0)
            return;
    }
    if (tb->rcv_rtt_ns == 0 || sample < tb->rcv_rtt_ns)
        tb->rcv_rtt_ns = sample;
    else
        tb->rcv_rtt_ns += (sample - tb->rcv_rtt_ns) / 8;
}

void tcp_wnd_rx(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in) {
    (void)t;
    uint32_t seg = in->rx->gso_size ? in->rx->gso_size : in->seg_len;
    if (seg >= tb->rcv_mss)
        tb->rcv_mss = UST_MIN(seg, UST_MAX(tb->adv_mss, 88u));
    rcv_rtt(tb, now_ns, in);
}

/* Dynamic right-sizing: room for twice what the program took in the last round trip, and more while that grows. */
void tcp_wnd_read(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->drs_start_ns == 0) {
        tb->drs_start_ns = now_ns;
        tb->drs_pos = tb->rcv.start;
        return;
    }
    if (tb->rcv_rtt_ns == 0 || now_ns - tb->drs_start_ns < tb->rcv_rtt_ns)
        return;
    uint64_t copied = tb->rcv.start - tb->drs_pos;
    if (copied > tb->drs_space) {
        if (!tb->opt.rcvbuf_locked) {
            uint64_t want = 2 * copied + 16ull * tb->adv_mss;
            uint64_t more = want * (copied - tb->drs_space) / UST_MAX(tb->drs_space, 1u);
            want = UST_MIN(want + 2 * more, (uint64_t)t->cfg.rcvbuf_max);
            if (want > tb->rcvbuf)
                tb->rcvbuf = tb->rcvbuf_peak = (uint32_t)want;
        }
        tb->drs_space = copied;
    }
    tb->drs_start_ns = now_ns;
    tb->drs_pos = tb->rcv.start;
}

void tcp_sndbuf_grow(struct tcp *t, struct tcb *tb) {
    if (tb->opt.sndbuf_locked || tb->sndbuf >= t->cfg.sndbuf_max)
        return;
    uint64_t want = 2ull * tb->snd_cwnd;
    if (want > tb->sndbuf)
        tb->sndbuf = (uint32_t)UST_MIN(want, (uint64_t)t->cfg.sndbuf_max);
}

/*
 * RFC 9293 3.8.6.3, RFC 5681 4.2. At once: when told so (out of order, hole filled), at the start of a connection and after
 * a pause, and when more than one full segment waits. Else after ato: 40 ms, longer if data comes slowly, never over 200 ms.
 */
/* RFC 9293 3.8.6.3 SHLD-18 */
void tcp_ack_schedule(struct tcp *t, uint64_t now_ns, struct tcb *tb, bool now_please) {
    uint64_t gap = tb->last_rx_ns ? now_ns - tb->last_rx_ns : 0;
    if (tb->last_rx_ns == 0) {
        tb->ato_ns = TCP_ATO_MIN_NS;
    } else if (gap <= TCP_ATO_MIN_NS / 2) {
        tb->ato_ns = tb->ato_ns / 2 + TCP_ATO_MIN_NS / 2;
    } else if (gap < tb->ato_ns) {
        tb->ato_ns = tb->ato_ns / 2 + gap;
    } else if (gap > tb->rtt.rto_ns) {
        tb->quick = QUICKACKS; /* the sender may be in slow start again */
    }
    /* RFC 9293 3.8.6.3 MUST-40 */
    tb->ato_ns = UST_MIN(tb->ato_ns, UST_MIN(tb->rtt.rto_ns, TCP_DELACK_MAX_NS));
    tb->last_rx_ns = now_ns;

    uint32_t owed = tb->rcv_nxt.v - tb->rcv_wup.v;
    /* RFC 9293 3.8.6.3 SHLD-19 */
    if (now_please || (tb->quick > 0 && !tb->pingpong) || owed > tb->rcv_mss) {
        tb->ack_now = true;
        tcb_mark_dirty(t, tb);
    } else if (!tb->ack_delayed) {
        tb->ack_delayed = true;
        tcb_arm(t, tb, TCPT_DELACK, now_ns + tb->ato_ns);
    }
}

void tcp_ack_sent(struct tcb *tb) {
    if ((tb->ack_now || tb->ack_delayed) && tb->quick > 0)
        tb->quick--;
    tb->ack_now = tb->ack_delayed = false;
    tcb_disarm(tb, TCPT_DELACK);
}
