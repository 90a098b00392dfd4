/* SPDX-License-Identifier: ISC */
/*
 * The one place that decides to send. tcp_output() reads as a list of reasons, in the order of their urgency:
 *   handshake; what is lost; the tail probe; new data and FIN; a window or keepalive probe; an ACK that is owed (a window update is one).
 * Resets have no connection any more: tcp_ctl.c sends them.
 *
 * A segment is composed straight into a slot of the link's queue; its payload is slices of the send buffer. If the link takes super-frames (GSO), one
 * segment carries up to 64 KB, cut by gso_size. When the queue is full nothing is undone: the tcb stays dirty and comes again
 * after the drain.
 *
 * Read RFC 9293 3.7.4, 3.8.6.2.1 (Nagle, silly windows), RFC 6675 5, RFC 5961 for what an ACK's sequence number is.
 */
#include "tcp/tcb.h"

/* Linux's IP_PMTUDISC_DONT and _PROBE. */
#define PMTUDISC_DONT 0
#define PMTUDISC_PROBE 3

#define ECN_ECT0 2

static bool link_full(const struct tcp *t) { return link_room(t->net->link) == 0; }

/* ---- composing one segment ---- */

struct out_seg {
    seq_t seq;
    uint8_t flags;
    uint64_t pos; /* stream position of the payload */
    uint32_t len; /* payload */
    uint32_t mss; /* pieces, if len is more */
    bool again;   /* a retransmission: not ECN-capable (RFC 3168 6.1.5) */
};

/* RFC 9293 3.2 MUST-65 */
static void opts_syn(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_opts *o) {
    bool active = tb->state == TCPS_SYN_SENT;
    /* RFC 9293 3.7.1 MUST-14, SHLD-5 */
    o->has_mss = true;
    o->mss = (uint16_t)tb->adv_mss;
    /* RFC 7323 1.3, RFC 2018 2: in a SYN-ACK only what the SYN offered. */
    o->has_wscale = active || tb->wscale_ok;
    o->wscale = tb->rcv_wscale;
    o->sack_ok = active || tb->sack_ok;
    o->has_ts = active || tb->ts_ok;
    if (active)
        tcp_fo_syn_option(t, tb, o);
    else
        tcp_fo_synack_option(t, now_ns, tb, o);
}

static uint8_t sack_room(const struct tcb *tb) { return tb->ts_ok ? 3 : TCP_SACK_MAX; }

/* Bytes that SACK blocks take from the payload of the next segment. */
static uint32_t sack_opt_len(const struct tcb *tb) {
    uint32_t n = tb->sack_ok ? tb->recent_cnt + (tb->has_dsack ? 1u : 0u) : 0;
    n = UST_MIN(n, (uint32_t)sack_room(tb));
    return n ? 4 + 8 * n : 0;
}

void tcp_trace_seg(struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep, bool out,
                   const struct tcp_hdr *h, uint32_t len) {
    char fl[40];
    if (!trace_debug(&t->c->trace, TRACE_TCP))
        return;
    const struct ust_addr *src = out ? &ep->laddr : &ep->raddr;
    const struct ust_addr *dst = out ? &ep->raddr : &ep->laddr;
    trace_flow(&t->c->trace, now_ns, TRACE_TCP, src, h->sport, dst, h->dport,
               "%s %s seq %u ack %u len %u wnd %u%s", out ? "out" : "in",
               tcp_flags_str(h->flags, fl), h->seq.v, h->ack.v, len, h->wnd,
               h->opts.sack_cnt ? " sack" : "");
}

static void flow_of(const struct tcb *tb, struct ip_flow *f) {
    memset(f, 0, sizeof *f);
    /* RFC 9293 3.9.1.1 MUST-45 */
    f->src = tb->ep.laddr;
    f->dst = tb->ep.raddr;
    f->proto = IP_PROTO_TCP;
    /* RFC 9293 3.9.2 MUST-49 */
    f->ttl = tcb_ttl(tb);
    /* RFC 9293 3.9.1.9 MUST-48, SHLD-21 */
    f->tos = tcb_tos(tb);
    f->df = tcb_pmtudisc(tb) != PMTUDISC_DONT;
    f->ignore_pmtu = tcb_pmtudisc(tb) >= PMTUDISC_PROBE;
}

static void count_sent(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct out_seg *o) {
    uint32_t n = o->len > o->mss ? (o->len + o->mss - 1) / o->mss : 1;
    t->stats.tx_segs += n;
    tb->segs_out += n;
    if (o->len == 0)
        return;
    tb->data_segs_out += n;
    tb->bytes_sent += o->len;
    t->stats.tx_bytes += o->len;
    /* Data that answers data: delayed ACKs will be carried by it (Linux's pingpong mode). */
    if (tb->last_rx_ns && now_ns - tb->last_rx_ns < tb->ato_ns)
        tb->pingpong = true;
    tb->last_tx_ns = now_ns;
}

/* Sends it. The link has room. */
static void emit(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct out_seg *o) {
    struct link *l = t->net->link;
    struct tcp_hdr h;
    struct ip_flow f;
    struct pkt_tx *p = link_reserve(l);
    assert(p);

    memset(&h, 0, sizeof h);
    h.sport = tb->ep.lport;
    h.dport = tb->ep.rport;
    h.seq = o->seq;
    h.flags = o->flags;
    flow_of(tb, &f);
    if (o->flags & TCPF_SYN) {
        opts_syn(t, now_ns, tb, &h.opts);
        /* RFC 7323 2.2: a SYN's window is not scaled. */
        h.wnd = (uint16_t)UST_MIN(tcb_rcv_open(tb), 65535u);
        if (tb->opt.ecn && !(o->flags & TCPF_ACK) && tb->rtx_cnt == 0)
            h.flags |= TCPF_ECE |
                       TCPF_CWR; /* RFC 3168 6.1.1; without it after a loss (RFC 3168 6.1.1.1) */
        else if (tb->ecn_ok && (o->flags & TCPF_ACK))
            h.flags |= TCPF_ECE;
    } else {
        h.wnd = tcp_wnd_select(tb);
        h.opts.has_ts = tb->ts_ok;
        if (tb->sack_ok)
            h.opts.sack_cnt = tcp_sack_blocks(tb, h.opts.sack, sack_room(tb));
        if (tb->ecn_ok && tb->ecn_echo)
            h.flags |= TCPF_ECE;
        if (tb->ecn_ok && o->len > 0 && !o->again) {
            /* RFC 9293 3.9.1.9 SHLD-22 */
            f.tos = (uint8_t)((f.tos & ~3u) | ECN_ECT0);
            if (tb->ecn_cwr_due)
                h.flags |= TCPF_CWR;
            tb->ecn_cwr_due = false;
        }
    }
    if (h.opts.has_ts) {
        h.opts.ts_val = tcp_ts_now(now_ns, tb->ts_off);
        h.opts.ts_ecr = tb->ts_recent;
        if (!(o->flags & TCPF_ACK))
            h.opts.ts_ecr = 0; /* RFC 7323 3.2 */
    }
    if (o->flags & TCPF_ACK) {
        h.ack = tb->rcv_nxt;
        tb->last_ack_sent = tb->rcv_nxt;
    }
    /* RFC 9293 3.8.5 MUST-30, MUST-62 */
    if (tb->snd_up_valid && seq_gt(tb->snd_up, o->seq) &&
        tb->snd_up.v - o->seq.v <=
            0xffff) { /* RFC 9293 3.8.5; points behind the byte, RFC 6093 3.1 */
        h.flags |= TCPF_URG;
        h.urg = (uint16_t)(tb->snd_up.v - o->seq.v);
    }

    size_t hlen = tcp_hdr_len(&h);
    uint8_t *dst = pkt_start(p, hlen);
    if (o->len > 0) {
        int cnt = 0;
        struct ust_slice v[PKT_SLICE_MAX];
        size_t got UST_UNUSED = sbuf_peek(&tb->snd, o->pos, o->len, v, &cnt, PKT_SLICE_MAX);
        assert(got == o->len);
        for (int i = 0; i < cnt; i++)
            pkt_add_body(p, v[i]);
    }
    if (o->len > o->mss) {
        p->gso = addr_is_ip4(&tb->ep.raddr) ? PKT_GSO_TCP4 : PKT_GSO_TCP6;
        p->gso_size = (uint16_t)o->mss;
    }
    if (l->features & LINK_F_CSUM) {
        tcp_emit_partial(&h, &f.src, &f.dst, (uint32_t)hlen + o->len, dst);
        p->needs_csum = true;
        p->csum_off = TCP_CSUM_OFF;
    } else {
        tcp_emit(&h, &f.src, &f.dst, p->body, p->slice_cnt, dst);
    }
    tcp_trace_seg(t, now_ns, &tb->ep, true, &h, o->len);
    count_sent(t, now_ns, tb, o);
    if (o->flags & TCPF_ACK) {
        tcp_ack_sent(tb);
        tb->has_dsack = false;
    }
    if (ip_output(t->net, now_ns, p, &f) == -EMSGSIZE)
        tb->pmtu_stale = true;
}

/* ---- how large ---- */

/* RFC 9293 3.8.6.2.1 MUST-38, as Linux: a full segment is never more than half of the largest window that the peer ever offered. */
uint32_t tcp_mss_eff(const struct tcb *tb) {
    uint32_t mss = tb->snd_mss, w = tb->max_snd_wnd;
    if (w == 0)
        return mss;
    uint32_t cut = w > 536 ? w / 2 : w;
    return UST_MAX(UST_MIN(mss, cut), 1u);
}

/* RFC 9293 3.7.1 MUST-16 */
static uint32_t mss_now(const struct tcb *tb) {
    uint32_t mss = tcp_mss_eff(tb), opt = sack_opt_len(tb), full = tb->snd_mss;
    return mss + opt > full && full > opt + 8 ? full - opt : mss; /* RFC 6691 */
}

/* Payload of the largest segment that the link takes at once, a multiple of mss. */
static uint32_t chunk_max(const struct tcp *t, const struct tcb *tb, uint32_t mss) {
    const struct link *l = t->net->link;
    bool v4 = addr_is_ip4(&tb->ep.raddr);
    uint32_t hdr = (v4 ? 20u : 40u) + TCP_HDR_MAX;
    if (!(l->features & (v4 ? LINK_F_TSO4 : LINK_F_TSO6)) || l->gso_max_bytes <= hdr + mss)
        return mss;
    /* A quarter of a large window at most: with fewer pieces in flight the ACKs come in jerks, and so does what they let out. */
    uint32_t max = UST_MIN(l->gso_max_bytes - hdr, UST_MAX(tb->snd_cwnd / 4, TCP_IW_SEGS * mss));
    return max / mss * mss;
}

/* RFC 9293 3.8.6 SHLD-15, MUST-34 */
static uint32_t window_room(const struct tcb *tb) {
    uint32_t out = tcb_outstanding(tb);
    return tb->snd_wnd > out ? tb->snd_wnd - out : 0;
}

/* ---- reasons ---- */

/* Data for the first SYN (RFC 7413 4.2.1): its bytes, in flight in a segment of their own. */
static uint32_t syn_data(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint32_t n = (uint32_t)UST_MIN((uint64_t)tcp_fo_room(t, tb), sbuf_len(&tb->snd));
    struct tcp_seg *s = n > 0 ? tcp_seg_append(t, now_ns, tb, n, 0) : NULL;
    if (!s)
        return 0;
    s->mss = (uint16_t)n;
    tb->syn_data = true;
    return n;
}

static bool send_syn(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (!tb->syn_due)
        return true;
    if (link_full(t))
        return false;
    struct out_seg o = {.seq = tb->iss, .flags = TCPF_SYN};
    struct tcp_seg *s = tcp_seg_first(tb);
    if (!s) {
        s = tcp_seg_append(t, now_ns, tb, 1, SEG_SYN);
        if (!s) { /* memory: try again soon */
            tcb_arm(t, tb, TCPT_PACE, now_ns + 100 * NS_PER_MS);
            return true;
        }
        o.mss = o.len = tb->state == TCPS_SYN_SENT ? syn_data(t, now_ns, tb) : 0;
    } else {
        tcp_seg_mark_sent_again(t, now_ns, tb, s);
    }
    if (tb->state == TCPS_SYN_RECEIVED)
        o.flags |= TCPF_ACK;
    tb->syn_due = false;
    emit(t, now_ns, tb, &o);
    if (!tcb_armed(tb, TCPT_RTX))
        tcb_rearm_rtx(t, now_ns, tb);
    return true;
}

/* Sends segment s as it stands. */
static void send_seg(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_seg *s,
                     uint32_t mss, bool again) {
    struct out_seg o = {.seq = s->seq,
                        .flags = TCPF_ACK,
                        .pos = tcb_snd_pos(tb, s->seq),
                        .len = s->len,
                        .mss = mss,
                        .again = again};
    if (s->flags & SEG_SYN) { /* closed before our SYN was acknowledged (RFC 9293 3.10.4) */
        o.flags |= TCPF_SYN;
        o.len--;
    }
    if (s->flags & SEG_FIN) {
        o.flags |= TCPF_FIN;
        o.len--;
    }
    /* RFC 9293 3.9.1.2 MUST-60, MUST-61, SHLD-27 */
    if (o.len > 0 && o.pos + o.len == tb->snd.end)
        o.flags |= TCPF_PSH; /* RFC 9293 3.9.1.2: nothing more is queued */
    emit(t, now_ns, tb, &o);
}

static void resend(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_seg *s,
                   uint32_t mss) {
    s->mss = (uint16_t)mss;
    tcp_undo_sent(tb, now_ns, s);
    tcp_seg_mark_sent_again(t, now_ns, tb, s);
    send_seg(t, now_ns, tb, s, mss, true);
}

/* Lost segments, lowest first, while the window of congestion has room (RFC 6675 5 C). */
static bool send_lost(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint32_t mss = mss_now(tb), max = chunk_max(t, tb, mss);
    struct tcp_seg *s;
    if (tb->frto_new)
        return true; /* RFC 5682 step 2b */
    while ((s = tcp_seg_next_lost(tb))) {
        uint32_t pipe = tcb_pipe(tb);
        if (pipe >= tb->snd_cwnd)
            return true;
        /* RFC 9293 3.8.6 SHLD-16 */
        if (seq_ge(s->seq, seq_add(tb->snd_una, tb->snd_wnd)) && !seq_eq(s->seq, tb->snd_una))
            return true; /* the peer took its window back */
        if (link_full(t))
            return false;
        uint32_t quota = UST_MAX((tb->snd_cwnd - pipe) / mss * mss, mss);
        quota = UST_MIN(quota, max);
        if (s->len > quota && !tcp_seg_split(t, tb, s, quota)) {
            tcb_arm(t, tb, TCPT_PACE, now_ns + 10 * NS_PER_MS); /* memory */
            return true;
        }
        resend(t, now_ns, tb, s, mss);
        tcp_recovery_sent(tb, s->len);
        if (!tcb_armed(tb, TCPT_RTX))
            tcb_rearm_rtx(t, now_ns, tb);
    }
    return true;
}

static bool append_and_send(struct tcp *t, uint64_t now_ns, struct tcb *tb, uint32_t len, bool fin,
                            uint32_t mss) {
    struct tcp_seg *s = tcp_seg_append(t, now_ns, tb, len + fin, fin ? SEG_FIN : 0);
    if (!s) {
        tcb_arm(t, tb, TCPT_PACE,
                now_ns + 10 * NS_PER_MS); /* memory: nothing may be in flight that would call us */
        return false;
    }
    s->mss = (uint16_t)mss;
    if (fin)
        tb->fin_sent = true;
    if (len > 0 && len < mss) {
        tb->snd_sml = tb->snd_nxt;
        tb->has_sml = true;
    }
    send_seg(t, now_ns, tb, s, mss, false);
    tcp_recovery_sent(tb, s->len);
    if (!tcb_armed(tb, TCPT_RTX))
        tcb_rearm_rtx(t, now_ns, tb); /* RFC 6298 5.1 */
    return true;
}

/* RFC 8985 7.3: a new segment if there is one, else the last one again. */
static bool send_tlp(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint32_t mss = mss_now(tb);
    if (!tb->tlp_due)
        return true;
    if (link_full(t))
        return false;
    tb->tlp_due = false;
    struct tcp_seg *s = tcp_seg_last(tb);
    if (!s || tb->ca_state >= TCP_CA_RECOVERY)
        return true;
    uint64_t unsent = tcb_unsent(tb);
    uint32_t room = window_room(tb);
    if (unsent > 0 && room >= UST_MIN(unsent, mss)) {
        uint32_t n = (uint32_t)UST_MIN(unsent, mss);
        if (!append_and_send(t, now_ns, tb, n, false, mss))
            return true;
        tb->tlp_is_retrans = false;
    } else {
        uint32_t tail = s->len % mss ? s->len % mss : mss;
        if (s->len > tail) {
            s = tcp_seg_split(t, tb, s, s->len - tail);
            if (!s)
                return true;
        }
        if (s->flags & (SEG_SACKED | SEG_LOST))
            return true;
        resend(t, now_ns, tb, s, mss);
        tb->tlp_is_retrans = true;
    }
    tb->tlp_out = true;
    tb->tlp_end = tb->snd_nxt;
    tcb_rearm_rtx(t, now_ns, tb);
    return true;
}

/* RFC 5681 4.1: after an idle time the window is halved for each RTO, down to the initial one. */
static void restart_after_idle(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint64_t rto = tb->rtt.rto_ns, idle = now_ns - tb->last_tx_ns;
    if (tcb_outstanding(tb) > 0 || idle <= rto || tb->bytes_sent == 0)
        return;
    tcb_pmtu_raise(t, tb);
    uint32_t floor = UST_MIN(TCP_IW_SEGS * tb->snd_mss, tb->snd_cwnd);
    tb->snd_ssthresh = UST_MAX(tb->snd_ssthresh, tb->snd_cwnd / 4 * 3);
    for (; idle > rto && tb->snd_cwnd > floor; idle -= rto)
        tb->snd_cwnd /= 2;
    tb->snd_cwnd = UST_MAX(tb->snd_cwnd, floor);
    tcp_cc(tb)->after_idle(tb, now_ns);
}

/* May a segment shorter than mss go, which is all that is left? RFC 9293 3.7.4 SHLD-7 with Minshall's variant. */
static bool small_may_go(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->push_all || tb->fin_wanted || tb->snd_up_valid)
        return true;
    if (tb->opt.cork || tb->more) {
        if (!tcb_armed(tb, TCPT_CORK))
            /* RFC 9293 3.9.1.2 MUST-60 */
            tcb_arm(t, tb, TCPT_CORK, now_ns + TCP_CORK_NS);
        return false;
    }
    /* RFC 9293 3.7.4 MUST-17 */
    if (tb->opt.nodelay || tcb_outstanding(tb) == 0)
        return true;
    return !(tb->has_sml && seq_gt(tb->snd_sml, tb->snd_una));
}

/* Better wait for the ACK that is about to come than send a small part of what will then fit (Linux's tcp_tso_should_defer). */
static bool worth_waiting(const struct tcb *tb, uint32_t room, uint32_t chunk, uint64_t unsent) {
    if (tcb_outstanding(tb) == 0 || tb->ca_state >= TCP_CA_RECOVERY || tb->fin_wanted)
        return false;
    if (room >= unsent || room >= chunk)
        return false;
    return room < UST_MIN(tb->snd_wnd, tb->snd_cwnd) / 3;
}

/* A larger segment than we know to pass (RFC 4821 7.3). False: the link is full. */
static bool send_mtu_probe(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint32_t n = tcp_mtup_probe_len(now_ns, tb);
    if (n == 0)
        return true;
    if (link_full(t))
        return false;
    if (append_and_send(t, now_ns, tb, n, false, n))
        tcp_mtup_sent(tb, tcp_seg_last(tb));
    return true;
}

/*
 * A window that opens all at once (a late segment has filled the hole before a full receive window, a program writes after a pause) must not hit
 * the bottleneck's queue all at once: large windows leave at no more than twice their rate, but for an eighth of them. ACK-clocked
 * sending, slow start too, stays below that. RFC 5681 4.1 warns of such bursts and leaves the cure open.
 */
#define BURST_CWND_SEGS 128

static bool burst_over(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->snd_cwnd < BURST_CWND_SEGS * tb->snd_mss || tb->burst_ns <= now_ns)
        return false;
    if (!tcb_armed(tb, TCPT_PACE))
        tcb_arm(t, tb, TCPT_PACE, tb->burst_ns);
    return true;
}

static void burst_note(uint64_t now_ns, struct tcb *tb, uint32_t len) {
    uint64_t credit = tb->rtt.srtt_ns / 16, cost = tb->rtt.srtt_ns / 2 * len / tb->snd_cwnd;
    uint64_t from = now_ns > credit ? now_ns - credit : 0;
    tb->burst_ns = UST_MAX(tb->burst_ns, from) + cost;
}

/* New data, and FIN behind the last byte. False: the link is full. */
static bool send_new(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    bool limited = false, wnd_limited = false;
    if (tb->fin_sent || (tcb_unsent(tb) == 0 && !tb->fin_wanted))
        goto out;
    restart_after_idle(t, now_ns, tb);
    uint32_t mss = mss_now(tb), max = chunk_max(t, tb, mss);
    if (!send_mtu_probe(t, now_ns, tb))
        return false;
    for (;;) {
        uint64_t unsent = tcb_unsent(tb);
        bool fin = tb->fin_wanted && !tb->fin_sent;
        if (unsent == 0 && !fin)
            break;
        uint32_t need = (uint32_t)UST_MIN(UST_MAX(unsent, 1u), (uint64_t)mss);
        uint32_t wnd = window_room(tb), pipe = tcb_pipe(tb);
        if (wnd < need) { /* never less than a segment, or all there is */
            wnd_limited = true;
            break;
        }
        if (unsent == 0) {
            if (link_full(t))
                return false;
            if (!append_and_send(t, now_ns, tb, 0, true, mss))
                break;
            continue;
        }
        uint32_t cwnd = tb->snd_cwnd > pipe ? tb->snd_cwnd - pipe : 0;
        if (cwnd < UST_MIN(unsent, (uint64_t)mss) && !(pipe == 0 && tb->snd_cwnd > 0)) {
            limited = true;
            break;
        }
        if (burst_over(t, now_ns, tb)) {
            limited = true;
            break;
        }
        cwnd = UST_MAX(cwnd, mss);
        uint32_t room = UST_MIN(wnd, cwnd), n = UST_MIN(room, max);
        /* RFC 9293 3.9.1.2 SHLD-28 */
        if (unsent > n) { /* whole segments, but for the end */
            limited |= cwnd <= wnd && cwnd < max;
            if (max > mss && worth_waiting(tb, room, max, unsent))
                break;
            n -= n % mss;
        } else {
            n = (uint32_t)unsent;
        }
        if (n == 0)
            break;
        uint32_t tail = n == unsent ? n % mss : 0;
        if (tail && !small_may_go(t, now_ns, tb)) {
            if (n == tail)
                break;
            n -= tail;
        }
        if (link_full(t))
            return false;
        if (!append_and_send(t, now_ns, tb, n, fin && n == unsent && wnd > n, mss))
            break;
        burst_note(now_ns, tb, n);
    }
    if (tcb_unsent(tb) == 0) {
        tb->push_all = false;
        tcb_disarm(tb, TCPT_CORK);
    }
out:
    /* RFC 9293 3.8.6.1: nothing in flight that would bring an ACK with a window. */
    if (wnd_limited && tcb_outstanding(tb) == 0 && !tcb_armed(tb, TCPT_PERSIST)) {
        tb->backoff = 0;
        /* RFC 9293 3.8.6.1 SHLD-29 */
        tcb_arm(t, tb, TCPT_PERSIST, now_ns + tcb_rto(tb));
    }
    /* Was the congestion window used in this round trip? */
    uint32_t flight = tcb_pipe(tb);
    if (seq_ge(tb->snd_una, tb->max_flight_seq) || flight > tb->max_flight) {
        tb->max_flight = flight;
        tb->max_flight_seq = tb->snd_nxt;
        tb->cwnd_limited = limited;
    } else if (limited) {
        tb->cwnd_limited = true;
    }
    tb->wnd_limited = wnd_limited;
    return true;
}

/* RFC 9293 3.8.6.1 MUST-36: with a window too small for us, fill it; with none, a segment that must be answered. RFC 9293 3.8.4 SHLD-12. */
static bool send_probe(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (!tb->probe_due && !tb->keep_due)
        return true;
    if (link_full(t))
        return false;
    uint64_t unsent = tcb_unsent(tb);
    uint32_t n = (uint32_t)UST_MIN(UST_MIN(unsent, (uint64_t)window_room(tb)), mss_now(tb));
    bool probe = tb->probe_due;
    tb->probe_due = tb->keep_due = false;
    if (probe && n > 0) {
        if (append_and_send(t, now_ns, tb, n, false, UST_MAX(mss_now(tb), n)))
            tcb_disarm(tb, TCPT_PERSIST);
        return true;
    }
    struct out_seg o = {.seq = seq_sub(tb->snd_una, 1), .flags = TCPF_ACK, .mss = 1};
    emit(t, now_ns, tb, &o);
    return true;
}

static bool send_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (!tb->ack_now)
        return true;
    if (link_full(t))
        return false;
    struct out_seg o = {.seq = tb->snd_nxt, .flags = TCPF_ACK, .mss = 1};
    /* A window taken back must not make our ACK unacceptable (Linux's tcp_acceptable_seq). */
    seq_t end = seq_add(tb->snd_una, tb->snd_wnd);
    if (seq_gt(o.seq, end))
        o.seq = seq_gt(end, tb->snd_una) ? end : tb->snd_una;
    emit(t, now_ns, tb, &o);
    return true;
}

static bool may_send_data(const struct tcb *tb) {
    switch ((enum tcp_state)tb->state) {
    case TCPS_ESTABLISHED:
    case TCPS_CLOSE_WAIT:
    case TCPS_FIN_WAIT_1:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        return true;
    case TCPS_FIN_WAIT_2: /* all that we had is acknowledged */
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
    case TCPS_TIME_WAIT:
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_COUNT:
        return false;
    }
    return false;
}

bool tcp_output(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->state == TCPS_CLOSED || tb->state == TCPS_LISTEN)
        return false;
    if (tb->state == TCPS_SYN_SENT)
        return !send_syn(t, now_ns, tb);
    if (tb->state ==
        TCPS_SYN_RECEIVED) { /* RFC 7413 4.2.2: the answer need not wait for the handshake */
        bool early = tb->fo_child && tcp_seg_first(tb);
        return !(send_syn(t, now_ns, tb) && (!early || send_new(t, now_ns, tb)) &&
                 send_ack(t, now_ns, tb));
    }
    seq_t before = tb->snd_nxt;
    if (may_send_data(tb)) {
        if (!send_lost(t, now_ns, tb) || !send_tlp(t, now_ns, tb) || !send_new(t, now_ns, tb))
            return true;
        if (!seq_eq(before, tb->snd_nxt)) {
            tcp_tlp_schedule(t, now_ns, tb);
            if (tb->opt.notsent_lowat != UINT32_MAX)
                tcb_write_space(t, tb); /* what was unsent is less now */
        }
        tcp_chrono_update(tb, now_ns);
    }
    if (!send_probe(t, now_ns, tb) || !send_ack(t, now_ns, tb))
        return true;
    if (tb->pmtu_stale)
        tcb_pmtu_refresh(t, now_ns, tb);
    return false;
}
