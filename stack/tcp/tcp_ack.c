/* SPDX-License-Identifier: ISC */
/*
 * An acceptable acknowledgment: window, cumulative part, SACK blocks, round trip time; then tcp_recovery_ack() decides what it
 * means. Read RFC 9293 3.10.7.4 (fifth), RFC 5681 3, RFC 2018 5, RFC 2883.
 *
 * Cost: each segment object is looked at once when it is acknowledged and once when it is sacked. The blocks of the last ACK are remembered
 * (sack_seen), so a block that grows is walked from where it ended before.
 */
#include "tcp/tcb.h"

/* A SYN's window is never scaled (RFC 7323 2.2). RFC 9293 3.1 MUST-1. */
static uint32_t peer_window(const struct tcb *tb, const struct tcp_hdr *h) {
    return h->flags & TCPF_SYN ? h->wnd : (uint32_t)h->wnd << tb->snd_wscale;
}

static void window_update(struct tcb *tb, const struct tcp_hdr *h, struct tcp_acked *a) {
    uint32_t wnd = peer_window(tb, h);
    bool newer = seq_gt(h->ack, tb->snd_una) || seq_lt(tb->snd_wl1, h->seq) ||
                 (seq_eq(tb->snd_wl1, h->seq) && wnd > tb->snd_wnd);
    if (!newer)
        return;
    tb->snd_wl1 = h->seq;
    if (wnd == tb->snd_wnd)
        return;
    a->wnd_update = true;
    tb->snd_wnd = wnd;
    tb->max_snd_wnd = UST_MAX(tb->max_snd_wnd, wnd);
}

static void note_delivered(struct tcb *tb, uint64_t now_ns, struct tcp_seg *s, uint32_t n,
                           struct tcp_acked *a) {
    a->delivered += n;
    if (s->xmit_ns >= a->rate_xmit_ns) {
        a->rate_xmit_ns = s->xmit_ns;
        a->rate_prior = s->delivered;
        a->rate_prior_ns = s->delivered_ns;
        a->rate_first_ns = s->first_sent_ns;
    }
    if (!(s->flags & SEG_EVER_RETRANS) && seq_le(seq_add(s->seq, n), tb->recover))
        a->orig_sacked = true;
    tcp_rack_delivered(tb, now_ns, s, seq_add(s->seq, n), a->opts);
}

/*
 * RFC 3522 3.2: the timestamp that is echoed tells whose acknowledgment it is. After two retransmissions it may be either's.
 */
static void note_retransmitted(const struct tcb *tb, const struct tcp_seg *s, uint32_t n,
                               struct tcp_acked *a) {
    const struct tcp_opts *o = a->opts;
    if (!tb->ts_ok || !o->has_ts || o->ts_ecr == 0)
        return;
    if ((int32_t)(o->ts_ecr - tcp_ts_now(s->xmit_ns, tb->ts_off)) >= 0)
        a->rtx_filled += n;
    else if (!(s->flags & SEG_RTX_TWICE))
        a->rtx_late += n;
}

/* Everything before ack has arrived. */
static void cumulative(struct tcp *t, uint64_t now_ns, struct tcb *tb, seq_t ack,
                       struct tcp_acked *a) {
    uint64_t first = 0, last = 0;
    struct tcp_seg *s;
    while ((s = tcp_seg_first(tb)) && seq_lt(s->seq, ack)) {
        uint32_t n = UST_MIN(s->len, ack.v - s->seq.v);
        if (s->flags & SEG_EVER_RETRANS) {
            a->retrans = true;
            if (!(s->flags & SEG_SACKED))
                note_retransmitted(tb, s, n, a);
        } else if (!(s->flags & SEG_SACKED)) {
            last = s->xmit_ns;
            if (first == 0)
                first = last;
        }
        if (!(s->flags & SEG_SACKED))
            note_delivered(tb, now_ns, s, n, a);
        if (n < s->len) {
            tcp_seg_trim(tb, s, n);
            break;
        }
        if (s->flags & SEG_FIN)
            a->fin = true;
        tcp_seg_drop(t, tb, s);
    }
    a->acked = ack.v - tb->snd_una.v;
    tb->snd_una_pos += a->acked;
    tb->snd_una = ack;
    /* RFC 9293 3.8.1 MUST-18 */
    if (first && !a->retrans) { /* Karn: RFC 6298 3 */
        a->rtt_ns = UST_MAX(now_ns - first, 1u);
        a->rtt_last_ns = UST_MAX(now_ns - last, 1u);
    }
    if (tb->snd_una_pos + 1 != 0) { /* room reserved behind the end stays where it is */
        uint64_t pos = UST_MIN(tb->snd_una_pos, tb->snd.end);
        if (pos > tb->snd.start)
            sbuf_drop(&tb->snd, &t->c->arena, pos);
    }
}

/* Marks what of s lies in block b, in whole pieces of s->mss: a part of a segment cannot have been received. */
static void sack_one(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_seg *s,
                     struct tcp_sack b, struct tcp_acked *a) {
    if (s->flags & SEG_SACKED)
        return;
    uint32_t lo = seq_gt(b.start, s->seq) ? b.start.v - s->seq.v : 0;
    uint32_t hi = seq_lt(b.end, seg_end(s)) ? b.end.v - s->seq.v : s->len;
    uint32_t mss = s->mss ? s->mss : tb->snd_mss;
    lo = (lo + mss - 1) / mss * mss;
    if (hi < s->len)
        hi -= hi % mss;
    if (lo >= hi)
        return;
    if (lo > 0) {
        uint32_t span = hi - lo;
        s = tcp_seg_split(t, tb, s, lo);
        if (!s)
            return;
        hi = span;
    }
    if (hi < s->len && !tcp_seg_split(t, tb, s, hi))
        return;
    if (!(s->flags & SEG_EVER_RETRANS))
        a->sack_rtt_ns = UST_MAX(now_ns - s->xmit_ns, 1u);
    note_delivered(tb, now_ns, s, s->len, a);
    a->sacked += s->len;
    tcp_seg_mark_sacked(tb, s);
}

/* The end of the block of the last ACK that contains at, or at. */
static seq_t skip_seen(const struct tcb *tb, seq_t at) {
    for (int i = 0; i < tb->sack_seen_cnt; i++) {
        const struct tcp_sack *c = &tb->sack_seen[i];
        if (seq_le(c->start, at) && seq_gt(c->end, at))
            return c->end;
    }
    return at;
}

static void sack_block(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_sack b,
                       struct tcp_acked *a) {
    seq_t at = b.start;
    while (seq_lt(at, b.end)) {
        seq_t skip = skip_seen(tb, at);
        if (!seq_eq(skip, at)) {
            at = skip;
            continue;
        }
        struct tcp_seg *s = tcp_seg_find(tb, at);
        if (!s)
            return;
        seq_t end = seg_end(s); /* before it is split */
        sack_one(t, now_ns, tb, s, b, a);
        at = end;
    }
}

/* RFC 2883 4: the first block repeats what is acknowledged, or what the second block holds. */
static bool is_dsack(const struct tcp_hdr *h, const struct tcp_sack *b) {
    if (seq_lt(b[0].start, h->ack))
        return true;
    return h->opts.sack_cnt > 1 && seq_ge(b[0].start, b[1].start) && seq_le(b[0].end, b[1].end);
}

static void sack_rx(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_hdr *h,
                    struct tcp_acked *a) {
    const struct tcp_sack *b = h->opts.sack;
    struct tcp_sack seen[TCP_SACK_MAX];
    uint8_t seen_cnt = 0;
    for (int i = 0; i < h->opts.sack_cnt; i++) {
        if (seq_ge(b[i].start, b[i].end))
            continue;
        if (i == 0 && is_dsack(h, b)) {
            /* Believed only about what we may have sent. */
            if (seq_le(b[0].end, tb->snd_nxt) &&
                tb->snd_una.v - b[0].start.v <= tb->max_snd_wnd + a->acked) {
                a->dsack = true;
                tb->dsack_cnt++;
                t->stats.dsack_rx++;
                tcp_undo_dsack(tb, b[0].start, b[0].end);
                tcp_rack_dsack(tb);
            }
            continue;
        }
        if (seq_le(b[i].start, tb->snd_una) || seq_gt(b[i].end, tb->snd_nxt))
            continue; /* old, or of bytes never sent: the sender of this ACK is confused or not our peer */
        /* In the order of the sequence space: what one ACK tells of is no reordering (RFC 8985 6.2 step 3). */
        int at = seen_cnt++;
        for (; at > 0 && seq_lt(b[i].start, seen[at - 1].start); at--)
            seen[at] = seen[at - 1];
        seen[at] = b[i];
    }
    for (int i = 0; i < seen_cnt; i++)
        sack_block(t, now_ns, tb, seen[i], a);
    memcpy(tb->sack_seen, seen, seen_cnt * sizeof seen[0]);
    tb->sack_seen_cnt = seen_cnt;
}

/* RFC 5681 2. */
static bool is_duplicate(const struct tcb *tb, const struct tcp_in *in, const struct tcp_acked *a) {
    return a->acked == 0 && tcb_outstanding(tb) > 0 && in->seg_len == 0 && !a->wnd_update &&
           !(in->h.flags & (TCPF_SYN | TCPF_FIN));
}

/* Without SACK a duplicate ACK says that one segment has left the network; which one is not known. */
static void reno_account(struct tcb *tb, struct tcp_acked *a) {
    uint32_t mss = tb->snd_mss, out = tcb_outstanding(tb);
    if (a->acked > 0) {
        uint32_t gone = a->acked > mss ? a->acked - mss : 0;
        gone = UST_MIN(tb->sacked_bytes, gone);
        tb->sacked_bytes -= gone;
        a->delivered -= UST_MIN(a->delivered, gone); /* RFC 6937 3: counted with its duplicate */
        if (tb->ca_state < TCP_CA_RECOVERY) {
            tb->dupacks = 0;
            tb->sacked_bytes = 0;
        }
    } else if (a->dup && (tb->ca_state != TCP_CA_LOSS || seq_gt(tb->snd_nxt, tb->recover))) {
        /* In LOSS only those that new data causes: what was in flight before is taken for lost already. */
        if (tb->dupacks < 255)
            tb->dupacks++;
        tb->sacked_bytes += mss;
        a->delivered += mss;
    }
    tb->sacked_bytes = UST_MIN(tb->sacked_bytes, out > mss ? out - mss : 0);
}

static void rtt_update(struct tcb *tb, uint64_t now_ns, const struct tcp_in *in,
                       struct tcp_acked *a) {
    uint64_t rtt = a->rtt_ns;
    const struct tcp_opts *o = &in->h.opts;
    if (rtt == 0 && tb->ts_ok && o->has_ts && o->ts_ecr && a->acked > 0) { /* RFC 7323 4.1 */
        uint32_t ms = tcp_ts_now(now_ns, tb->ts_off) - o->ts_ecr;
        if (ms < 1u << 20)
            rtt = UST_MAX(ms, 1u) * NS_PER_MS;
    }
    /* What was sacked tells the same more exactly, unless it overtook what the timestamp is of. */
    if (a->sack_rtt_ns && a->rtt_ns == 0 && rtt <= a->sack_rtt_ns + NS_PER_MS)
        rtt = a->sack_rtt_ns;
    if (rtt == 0)
        return;
    a->rtt_ns = rtt;
    if (a->rtt_last_ns == 0)
        a->rtt_last_ns = rtt;
    tcp_rtt_sample(&tb->rtt, now_ns, rtt, tb->snd_una, tb->snd_nxt);
    tb->backoff = 0; /* RFC 6298 5.7: only a valid measurement ends the backoff */
}

/* Delivery rate of the last round trip, for TCP_INFO. */
static void rate_update(struct tcb *tb, uint64_t now_ns, const struct tcp_acked *a) {
    if (a->delivered == 0)
        return;
    tb->delivered += a->delivered;
    tb->delivered_ns = now_ns;
    if (a->rate_xmit_ns == 0)
        return;
    uint64_t send_ns = a->rate_xmit_ns - a->rate_first_ns;
    uint64_t ack_ns = now_ns - a->rate_prior_ns;
    tb->first_sent_ns = a->rate_xmit_ns;
    tb->rate_ns = UST_MAX(send_ns, ack_ns);
    tb->rate_bytes = tb->delivered - a->rate_prior;
}

void tcp_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
             struct tcp_acked *a) {
    const struct tcp_hdr *h = &in->h;
    uint32_t lost = tb->lost_bytes;
    memset(a, 0, sizeof *a);
    a->opts = &h->opts;
    a->ece = tb->ecn_ok && (h->flags & (TCPF_ECE | TCPF_SYN)) == TCPF_ECE;
    tb->probe_cnt = 0;
    tb->probe_start_ns = 0;
    tb->err_soft = 0;

    window_update(tb, h, a);
    if (seq_gt(h->ack, tb->snd_una)) {
        cumulative(t, now_ns, tb, h->ack, a);
        tb->rtx_cnt = 0;
        tb->rtx_start_ns = 0;
        tb->bytes_acked += a->acked;
        tcp_mtup_ack(t, tb);
    }
    a->dup = is_duplicate(tb, in, a);
    if (tb->sack_ok && h->opts.sack_cnt > 0)
        sack_rx(t, now_ns, tb, h, a);
    else
        tb->sack_seen_cnt = 0;
    if (!tb->sack_ok)
        reno_account(tb, a);
    rtt_update(tb, now_ns, in, a);
    rate_update(tb, now_ns, a);
    if (tb->snd_up_valid && seq_gt(tb->snd_una, tb->snd_up))
        tb->snd_up_valid = false;

    if (a->acked > 0)
        tcb_rearm_rtx(t, now_ns, tb); /* RFC 6298 5.3 */
    if (a->acked > 0 || a->sacked > 0 || a->dup || a->dsack || a->ece ||
        tb->ca_state != TCP_CA_OPEN) {
        if (tb->sack_ok && a->delivered > 0)
            tcp_rack_detect(t, now_ns, tb);
        a->lost = tb->lost_bytes > lost ? tb->lost_bytes - lost : 0;
        tcp_tlp_ack(t, now_ns, tb, a);
        tcp_undo_try(t, now_ns, tb, in, a);
        tcp_recovery_ack(t, now_ns, tb, a);
    }
    if (a->acked > 0) {
        tcp_tlp_schedule(t, now_ns, tb);
        tcp_sndbuf_grow(t, tb);
    }
    if (a->wnd_update && tcb_armed(tb, TCPT_PERSIST) && tb->snd_wnd > 0) {
        tcb_disarm(tb, TCPT_PERSIST); /* tcp_output() arms it again if that is still too little */
        tb->backoff = 0;
    }
    if (a->acked > 0 || a->wnd_update || a->delivered > 0 || tb->lost_bytes > 0)
        tcb_mark_dirty(t, tb);
    if (a->acked > 0)
        tcb_write_space(t, tb);
}

/* Later ACKs were faster. What it sacks has arrived all the same, and no other ACK will repeat its DSACK. */
void tcp_ack_overtaken(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in) {
    struct tcp_acked a = {0};
    uint32_t lost = tb->lost_bytes;
    if (!tb->sack_ok || in->h.opts.sack_cnt == 0)
        return;
    a.opts = &in->h.opts;
    sack_rx(t, now_ns, tb, &in->h, &a);
    if (a.sacked == 0 && !a.dsack)
        return;
    rate_update(tb, now_ns, &a);
    if (a.delivered > 0)
        tcp_rack_detect(t, now_ns, tb);
    a.lost = tb->lost_bytes > lost ? tb->lost_bytes - lost : 0;
    tcp_undo_try(t, now_ns, tb, in, &a);
    tcp_recovery_ack(t, now_ns, tb, &a);
    tcb_mark_dirty(t, tb);
}
