/* SPDX-License-Identifier: ISC */
/* SYN-SENT: RFC 9293 3.10.7.3, step by step; and what a SYN's options mean. */
#include "tcp/tcb.h"

/* RFC 9293 3.7.1 MUST-14, MUST-15 (the default if there is no option), RFC 7323, RFC 2018. */
void tcp_peer_options(struct tcp *t, struct tcb *tb, const struct tcp_hdr *h) {
    const struct tcp_opts *o = &h->opts;
    uint32_t mss = o->has_mss ? o->mss : addr_is_ip4(&tb->ep.raddr) ? 536 : 1220;
    if (tb->opt.maxseg)
        mss = UST_MIN(mss, (uint32_t)tb->opt.maxseg);
    /* RFC 9293 3.7.1 MUST-16 */
    tb->mss_clamp = mss;
    tb->wscale_ok = o->has_wscale;
    tb->snd_wscale = o->has_wscale ? o->wscale : 0;
    if (!o->has_wscale)
        tb->rcv_wscale = 0; /* RFC 7323 2.2: both or none */
    tb->sack_ok = o->sack_ok;
    tb->ts_ok = o->has_ts;
    if (o->has_ts)
        tb->ts_recent = o->ts_val;
    tcb_mss_update(t, tb);
}

static enum drop step_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in) {
    if (!(in->h.flags & TCPF_ACK))
        return DROP_NONE;
    if (seq_gt(in->h.ack, tb->iss) && seq_le(in->h.ack, tb->snd_nxt))
        return DROP_NONE;
    tcp_ctl_rst(t, now_ns, in);
    return DROP_TCP_SYN_SENT_ACK;
}

static enum drop step_reset(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
                            bool *gone) {
    if (!(in->h.flags & TCPF_RST))
        return DROP_NONE;
    if (!(in->h.flags & TCPF_ACK))
        return DROP_TCP_SYN_SENT_RST;
    t->stats.resets_in++;
    tcb_done(t, now_ns, tb, ECONNREFUSED, "RST received");
    *gone = true;
    return DROP_NONE;
}

static void take_syn(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in) {
    tb->irs = in->h.seq;
    tb->rcv_nxt = tb->rcv_wup = tb->last_ack_sent = seq_add(in->h.seq, 1);
    tb->ts_recent_ns = now_ns;
    tcp_peer_options(t, tb, &in->h);
    tb->snd_wl1 = in->h.seq;
    tb->snd_wnd = in->h.wnd; /* not scaled in a SYN */
    tb->max_snd_wnd = tb->snd_wnd;
}

enum drop tcp_rx_syn_sent(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    struct tcp_acked a;
    bool gone = false;
    enum drop d;
    tb->segs_in += in->seg_cnt;
    if ((d = step_ack(t, now_ns, tb, in)) != DROP_NONE)
        return d;
    if ((d = step_reset(t, now_ns, tb, in, &gone)) != DROP_NONE || gone)
        return d;
    if (!(in->h.flags & TCPF_SYN))
        return DROP_TCP_SYN_SENT_FLAGS;

    take_syn(t, now_ns, tb, in);
    if (!(in->h.flags & TCPF_ACK)) { /* simultaneous open, RFC 9293 3.5 MUST-10, figure 8 */
        tb->ecn_ok = tb->opt.ecn && (in->h.flags & (TCPF_ECE | TCPF_CWR)) == (TCPF_ECE | TCPF_CWR);
        tcp_fo_crossed(t, tb);
        tcp_state_set(t, now_ns, tb, TCPS_SYN_RECEIVED, "SYN received");
        tb->syn_due = true;
        tcb_mark_dirty(t, tb);
        return DROP_NONE;
    }
    tb->ecn_ok = tb->opt.ecn && (in->h.flags & (TCPF_ECE | TCPF_CWR)) == TCPF_ECE;
    tcb_disarm(tb, TCPT_RTX);
    tb->ack_now = true;
    uint8_t retries = tb->rtx_cnt;
    tcp_ack(t, now_ns, tb, in, &a);
    tb->rtx_cnt = retries;
    tcp_fo_synack(t, now_ns, tb, in);
    tcb_established(t, now_ns, tb, "SYN-ACK received");
    tb->ack_now = true; /* also of what came with it */
    tcb_mark_dirty(t, tb);
    return tcp_rx_text(t, now_ns, tb, in);
}
