/* SPDX-License-Identifier: ISC */
/*
 * Segment arrives (RFC 9293 3.10.7). tcp_rx() finds the connection; for a synchronized state tcp_rx_tcb() is the table of contents of
 * 3.10.7.4, one function for each step, in its order. SYN-SENT is tcp_rx_syn.c, LISTEN tcp_listen.c, TIME-WAIT tcp_tw.c.
 *
 * Nothing is sent here: what is owed is marked (ack_now, syn_due, the dirty list) and left to tcp_output().
 *
 * Each step returns DROP_NONE to go on, the reason if the segment ends there. A step that ended the connection returns DROP_NONE with
 * *gone, since the tcb may not exist any more.
 */
#include "tcp/tcb.h"

/* ---- first: sequence number (RFC 9293 3.10.7.4 first, RFC 7323 5.3) ---- */

/* An old pure ACK that was overtaken: its timestamp is older, but there is nothing wrong with it (Linux's tcp_disordered_ack). */
static bool overtaken_ack(const struct tcb *tb, const struct tcp_in *in) {
    return in->seg_len == 0 && !(in->h.flags & (TCPF_SYN | TCPF_FIN)) &&
           seq_eq(in->h.seq, tb->rcv_nxt) && seq_le(in->h.ack, tb->snd_una);
}

static enum drop step_timestamp(struct tcp *t, uint64_t now_ns, struct tcb *tb,
                                const struct tcp_in *in) {
    const struct tcp_opts *o = &in->h.opts;
    if (!tb->ts_ok || (in->h.flags & TCPF_RST))
        return DROP_NONE;
    if (!o->has_ts)
        return DROP_TCP_NO_TIMESTAMP; /* RFC 7323 3.2 */
    if ((int32_t)(o->ts_val - tb->ts_recent) >= 0 || now_ns - tb->ts_recent_ns > TCP_PAWS_IDLE_NS ||
        overtaken_ack(tb, in))
        return DROP_NONE;
    t->stats.paws_drops++;
    if (in->seg_len > 0) {
        tb->ack_now = true;
        tcb_mark_dirty(t, tb);
    } else {
        tcp_challenge_ack(t, now_ns, tb);
    }
    return DROP_TCP_PAWS;
}

static enum drop step_sequence(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    const struct tcp_hdr *h = &in->h;
    seq_t end = seq_add(h->seq, in->seg_len + !!(h->flags & TCPF_SYN) + !!(h->flags & TCPF_FIN));
    /* From the left edge that we last told to the right edge that we ever told: an ACK that another one overtook is no offence. */
    if (seq_ge(end, tb->rcv_wup) && seq_le(h->seq, tcb_rcv_edge(tb)))
        return DROP_NONE;
    if (h->flags & TCPF_RST)
        return DROP_TCP_WINDOW;
    if (in->seg_len > 0) {
        if (seq_lt(h->seq, tb->rcv_nxt)) {
            tcp_dsack_note(tb, h->seq, seq_min(end, tb->rcv_nxt));
            t->stats.dup_segs++;
        }
        tb->ack_now = true;
        tcb_mark_dirty(t, tb);
    } else {
        tcp_challenge_ack(t, now_ns, tb); /* keepalive probes are here too */
    }
    return DROP_TCP_WINDOW;
}

/* RFC 7323 4.3 (2), (3). */
static void take_timestamp(struct tcb *tb, uint64_t now_ns, const struct tcp_in *in) {
    if (!tb->ts_ok || !in->h.opts.has_ts || seq_gt(in->h.seq, tb->last_ack_sent))
        return;
    if ((int32_t)(in->h.opts.ts_val - tb->ts_recent) < 0 &&
        now_ns - tb->ts_recent_ns <= TCP_PAWS_IDLE_NS)
        return;
    tb->ts_recent = in->h.opts.ts_val;
    tb->ts_recent_ns = now_ns;
}

/* ---- second: RST (RFC 9293 3.10.7.4 second, RFC 5961 3.2) ---- */

/* RFC 9293 3.4 MUST-66; RFC 9293 3.5.3 SHLD-2 */
static enum drop step_reset(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
                            bool *gone) {
    if (!(in->h.flags & TCPF_RST))
        return DROP_NONE;
    if (!seq_eq(in->h.seq, tb->rcv_nxt)) {
        tcp_challenge_ack(t, now_ns, tb);
        return DROP_TCP_RST_CHALLENGE;
    }
    int err = ECONNRESET;
    /* RFC 9293 3.5 MUST-11 */
    if (tb->state == TCPS_SYN_RECEIVED && !tb->fo_child)
        err = ECONNREFUSED; /* active open; a child of a listener just goes */
    else if (tb->state == TCPS_CLOSE_WAIT)
        err = EPIPE;
    t->stats.resets_in++;
    tcp_fo_settled(now_ns, tb, true);
    tcb_done(t, now_ns, tb, err, "RST received");
    *gone = true;
    return DROP_NONE;
}

/* ---- fourth: SYN (RFC 9293 3.10.7.4 fourth, RFC 5961 4.2) ---- */

static enum drop step_syn(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    if (!(in->h.flags & TCPF_SYN))
        return DROP_NONE;
    if (tb->state == TCPS_SYN_RECEIVED && seq_eq(in->h.seq, tb->irs) && (in->h.flags & TCPF_ACK)) {
        in->h.flags &=
            (uint8_t)~TCPF_SYN; /* simultaneous open: the peer's SYN-ACK; its SYN is outside the window */
        in->h.seq = in->seq = seq_add(in->h.seq, 1);
        return DROP_NONE;
    }
    tcp_challenge_ack(t, now_ns, tb);
    return DROP_TCP_SYN_CHALLENGE;
}

/* ---- fifth: ACK (RFC 9293 3.10.7.4 fifth, RFC 5961 5.2) ---- */

static void established_passive(struct tcp *t, uint64_t now_ns, struct tcb *tb,
                                const struct tcp_in *in) {
    tb->snd_wl1 = in->h.seq;
    tb->snd_wnd = (uint32_t)in->h.wnd << tb->snd_wscale;
    tb->max_snd_wnd = tb->snd_wnd;
    tcb_disarm(tb, TCPT_RTX);
    tcp_fo_settled(now_ns, tb, false);
    tcb_established(t, now_ns, tb, "ACK of SYN");
    t->stats.passive_opens++;
    if (tb->fin_wanted) { /* closed while it opened */
        tcp_state_set(t, now_ns, tb, TCPS_FIN_WAIT_1, "close");
        tcb_mark_dirty(t, tb);
    }
}

static enum drop step_ack_syn_received(struct tcp *t, uint64_t now_ns, struct tcb *tb,
                                       const struct tcp_in *in) {
    if (seq_le(in->h.ack, tb->snd_una) || seq_gt(in->h.ack, tb->snd_nxt)) {
        tcp_ctl_rst(t, now_ns, in);
        return DROP_TCP_ACK_SYN_RCVD;
    }
    if (tb->on_synq && !tcp_listen_promote(t, tb, in))
        return DROP_TCP_ACCEPT_QUEUE;
    established_passive(t, now_ns, tb, in);
    return DROP_NONE;
}

/* Our FIN has been acknowledged. True: the connection has ended. */
static bool fin_acked(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    switch ((enum tcp_state)tb->state) {
    case TCPS_FIN_WAIT_1:
        tcp_state_set(t, now_ns, tb, TCPS_FIN_WAIT_2, "FIN acknowledged");
        tcb_event(t, tb, PCB_EV_OUT);
        if (tb->sock == NULL && !tb->on_acceptq) {
            if (tb->opt.linger2_ns < 0)
                return tcb_done(t, now_ns, tb, 0, "FIN acknowledged, linger2 < 0");
            tcb_arm(t, tb, TCPT_FINWAIT2, now_ns + (uint64_t)tb->opt.linger2_ns);
        }
        return false;
    case TCPS_CLOSING:
        tcb_time_wait(t, now_ns, tb, "FIN acknowledged");
        return true;
    case TCPS_LAST_ACK:
        tcb_done(t, now_ns, tb, 0, "FIN acknowledged");
        return true;
    case TCPS_ESTABLISHED:
    case TCPS_CLOSE_WAIT:
    case TCPS_FIN_WAIT_2:
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

/* RFC 4861 7.3.1: progress shows that the next hop is there. */
static void confirm_neighbour(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    struct net_path path;
    if (now_ns < tb->confirm_ns)
        return;
    tb->confirm_ns = now_ns + 5 * NS_PER_S;
    if (net_route(t->net, &tb->ep.raddr, &tb->ep.laddr, &path) == 0 && !path.loop)
        neigh_confirm(&t->net->neigh, now_ns, &path.next_hop);
}

static enum drop step_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in,
                          bool *gone) {
    const struct tcp_hdr *h = &in->h;
    struct tcp_acked a;
    if (!(h->flags & TCPF_ACK))
        return DROP_TCP_NO_ACK;
    if (tb->state == TCPS_SYN_RECEIVED) {
        enum drop d = step_ack_syn_received(t, now_ns, tb, in);
        if (d != DROP_NONE)
            return d;
    }
    if (seq_gt(h->ack, tb->snd_nxt)) {
        tcp_challenge_ack(t, now_ns, tb);
        return DROP_TCP_ACK_FUTURE;
    }
    if (seq_lt(h->ack, tb->snd_una)) {
        if (tb->snd_una.v - h->ack.v > UST_MAX(tb->max_snd_wnd, 1u)) {
            tcp_challenge_ack(t, now_ns, tb);
            return DROP_TCP_ACK_OLD;
        }
        tcp_ack_overtaken(t, now_ns, tb, in); /* a duplicate, ignored; its text counts */
        return DROP_NONE;
    }
    tcp_ack(t, now_ns, tb, in, &a);
    if (a.acked > 0)
        confirm_neighbour(t, now_ns, tb);
    if (a.fin)
        *gone = fin_acked(t, now_ns, tb);
    return DROP_NONE;
}

/* ---- sixth to eighth: URG, text, FIN ---- */

static bool takes_text(const struct tcb *tb) {
    return tb->state == TCPS_ESTABLISHED || tb->state == TCPS_FIN_WAIT_1 ||
           tb->state == TCPS_FIN_WAIT_2;
}

/* RFC 9293 3.10.7.4 first: "the segment is trimmed to the window". */
static void trim(struct tcp *t, struct tcb *tb, struct tcp_in *in) {
    if (seq_lt(in->seq, tb->rcv_nxt)) {
        uint32_t old = tb->rcv_nxt.v - in->seq.v;
        bool all = old >= in->data.len;
        if (in->data.len > 0) { /* RFC 2883 4.1; RFC 5681 4.2: at once */
            tcp_dsack_note(tb, in->seq, seq_add(in->seq, all ? (uint32_t)in->data.len : old));
            t->stats.dup_segs++;
        }
        if (old > in->data.len)
            in->fin = false; /* the FIN is old too */
        in->data = slice_skip(in->data, UST_MIN(old, in->data.len));
        in->seq = tb->rcv_nxt;
        tb->ack_now = true;
        tcb_mark_dirty(t, tb);
    }
    int32_t room = seq_diff(tcb_rcv_edge(tb), in->seq);
    if (room < 0)
        room = 0;
    if (in->data.len > (uint32_t)room) {
        in->data.len = (uint32_t)room;
        in->fin = false;
        tb->ack_now = true; /* a window probe, answered at once */
        tcb_mark_dirty(t, tb);
    }
}

static void step_fin(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    tb->fin_rcvd = tb->fin_done = tb->rd_shut = true;
    tcp_ooo_clear(t, tb);
    tb->rcv_nxt = seq_add(tb->rcv_nxt, 1);
    tb->ack_now = true;
    tcb_mark_dirty(t, tb);
    tcb_event(t, tb, (uint8_t)(PCB_EV_IN | PCB_EV_RDHUP | (tb->wr_shut ? PCB_EV_HUP : 0)));
    switch ((enum tcp_state)tb->state) {
    case TCPS_ESTABLISHED:
        tcp_state_set(t, now_ns, tb, TCPS_CLOSE_WAIT, "FIN received");
        return;
    case TCPS_FIN_WAIT_1:
        tcp_state_set(t, now_ns, tb, TCPS_CLOSING, "FIN received");
        return;
    case TCPS_FIN_WAIT_2:
        tcb_time_wait(t, now_ns, tb, "FIN received");
        return;
    case TCPS_CLOSE_WAIT:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
    case TCPS_TIME_WAIT:
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_COUNT:
        break;
    }
    assert(!"FIN is taken in states that wait for one");
}

/* RFC 3168 6.1.3. RFC 9293 3.8.2 SHLD-8. */
static void step_ecn(struct tcp *t, struct tcb *tb, const struct tcp_in *in) {
    if (!tb->ecn_ok || in->seg_len == 0)
        return;
    if (in->h.flags & TCPF_CWR)
        tb->ecn_echo = false;
    if ((in->rx->tos & 3) == 3) {
        if (!tb->ecn_echo) {
            tb->ack_now = true;
            tcb_mark_dirty(t, tb);
        }
        tb->ecn_echo = true;
    }
}

enum drop tcp_rx_text(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    if (in->seg_len == 0 && !in->fin && !(in->h.flags & TCPF_URG))
        return DROP_NONE;
    if (!takes_text(tb)) { /* after the peer's FIN nothing can come but its retransmission */
        if (in->seg_len == 0 && !in->fin)
            return DROP_NONE;
        tb->ack_now = true;
        tcb_mark_dirty(t, tb);
        return DROP_TCP_DUP_DATA;
    }
    bool closed = tb->state != TCPS_ESTABLISHED && tb->rd_shut;
    if (closed && in->seg_len > 0 && seq_gt(seq_add(in->seq, in->seg_len), tb->rcv_nxt)) {
        /* RFC 1122 4.2.2.13: nobody will read it, and the peer must know. */
        tcb_reset(t, now_ns, tb, 0, "data after close");
        return DROP_TCP_DATA_AFTER_CLOSE;
    }
    step_ecn(t, tb, in);
    tcp_urg_rx(t, tb, in);
    bool had = in->data.len > 0;
    trim(t, tb, in);
    if (in->data.len == 0 && !in->fin)
        return had ? DROP_TCP_DUP_DATA : DROP_NONE;
    enum drop d = tcp_data_rx(t, now_ns, tb, in);
    if (d != DROP_NONE)
        return d;
    if (in->fin)
        step_fin(t, now_ns, tb);
    return DROP_NONE;
}

/* ---- RFC 9293 3.10.7.4 ---- */

enum drop tcp_rx_tcb(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    bool gone = false;
    enum drop d;
    tb->segs_in += in->seg_cnt;
    if ((d = step_timestamp(t, now_ns, tb, in)) != DROP_NONE)
        return d;
    if ((d = step_sequence(t, now_ns, tb, in)) != DROP_NONE)
        return d;
    if ((d = step_reset(t, now_ns, tb, in, &gone)) != DROP_NONE || gone)
        return d;
    /* third: security and precedence, obsolete */
    if ((d = step_syn(t, now_ns, tb, in)) != DROP_NONE)
        return d;
    take_timestamp(tb, now_ns, in);
    tb->last_ack_ns = now_ns;
    tb->keep_cnt = 0;
    if ((d = step_ack(t, now_ns, tb, in, &gone)) != DROP_NONE || gone)
        return d;
    return tcp_rx_text(t, now_ns, tb, in);
}

/* ---- the entry ---- */

static enum drop no_connection(struct tcp *t, uint64_t now_ns, struct tcp_in *in) {
    struct tcp_listener *l =
        tcp_listener_find(t, &in->rx->dst, in->h.dport, &in->rx->src, in->h.sport);
    if (l)
        return tcp_rx_listen(t, now_ns, l, in, NULL);
    tcp_ctl_rst(t, now_ns, in);
    return DROP_TCP_NO_CONN;
}

enum drop tcp_rx(struct tcp *t, uint64_t now_ns, const struct ip_rx *rx) {
    struct tcp_in in;
    if (rx->dst_multicast || rx->dst_broadcast)
        return DROP_TCP_ADDR; /* RFC 9293 3.9.2.3 MUST-57 */
    enum drop d = tcp_parse(rx->payload, &rx->src, &rx->dst, rx->csum_ok, &in.h, &in.data);
    if (d != DROP_NONE)
        return d;
    in.rx = rx;
    in.seg_len = (uint32_t)in.data.len;
    in.seg_cnt = rx->gso_size && in.seg_len > rx->gso_size
                     ? (in.seg_len + rx->gso_size - 1u) / rx->gso_size
                     : 1;
    in.seq = in.h.flags & TCPF_SYN ? seq_add(in.h.seq, 1) : in.h.seq;
    in.fin = in.h.flags & TCPF_FIN;
    t->stats.rx_segs += in.seg_cnt;

    struct tcp_ep *ep = tcp_ep_find(t, &rx->dst, in.h.dport, &rx->src, in.h.sport);
    if (trace_debug(&t->c->trace, TRACE_TCP)) {
        struct tcp_ep who = {.laddr = rx->dst, .raddr = rx->src};
        tcp_trace_seg(t, now_ns, &who, false, &in.h, in.seg_len);
    }
    if (!ep)
        return no_connection(t, now_ns, &in);
    if (ep->kind == TCP_EP_TW)
        return tcp_rx_tw(t, now_ns, (struct tcp_tw *)(void *)ep, &in);
    struct tcb *tb = (struct tcb *)(void *)ep;
    if (tb->state == TCPS_SYN_SENT)
        return tcp_rx_syn_sent(t, now_ns, tb, &in);
    if (tb->state == TCPS_SYN_RECEIVED &&
        (in.h.flags & (TCPF_SYN | TCPF_ACK | TCPF_RST)) == TCPF_SYN &&
        seq_eq(in.h.seq, tb->irs)) { /* our SYN-ACK got lost: RFC 9293 3.10.7.4, as Linux */
        if (!tb->syn_due && tcp_challenge_allowed(t, now_ns, &tb->oow_ack_ns)) {
            tb->syn_due = true;
            tcb_rearm_rtx(t, now_ns,
                          tb); /* both ends' timers are due at the same time: one answer */
            tcb_mark_dirty(t, tb);
        }
        return DROP_TCP_WINDOW;
    }
    return tcp_rx_tcb(t, now_ns, tb, &in);
}
