/* SPDX-License-Identifier: ISC */
/*
 * Segment size and what ICMP says (RFC 1122 4.2.3.9, RFC 1191, RFC 5927); and what to do when ICMP says nothing (RFC 4821).
 *
 * An ICMP error is believed only if the sequence number that it quotes is in flight (RFC 5927 4.1). During the handshake it ends the
 * attempt, as on Linux; later it is a "soft" error, which names the reason if the connection times out.
 *
 * Black holes, as Linux does with tcp_mtu_probing=1: when a segment that is larger has timed out three times in a row, the segment size falls to
 * MTUP_BASE_MSS, at further timeouts to half of it. From there single larger segments of data search upwards between mtup_low, which is known
 * to pass, and mtup_high. A probe that is lost is sent again in pieces and is no sign of congestion (RFC 4821 7.5). Only with SACK, which tells which
 * segment it was.
 */
#include "tcp/tcb.h"

#define MIN_PMTU 68u
#define MTUP_RTOS 3
#define MTUP_BASE_MSS 1024u            /* Linux's tcp_base_mss, RFC 4821 7.2 */
#define MTUP_FLOOR4 576u               /* what every host takes (RFC 1122 3.3.3) */
#define MTUP_FLOOR6 1280u              /* RFC 8200 5 */
#define MTUP_GAP 8u                    /* the search ends when it is that close */
#define MTUP_AGAIN_NS (600 * NS_PER_S) /* RFC 1191 6.3: paths may widen */
#define MTUP_CWND_SEGS 11              /* so that the loss of a probe is seen by SACK */

static uint32_t ip_hdr_len(const struct tcb *tb) { return addr_is_ip4(&tb->ep.raddr) ? 20 : 40; }

/* Everything on the path from us to raddr. */
void tcb_init_path(struct tcp *t, struct tcb *tb) {
    struct net_path path;
    tb->pmtu = net_route(t->net, &tb->ep.raddr, &tb->ep.laddr, &path) == 0
                   ? path.mtu
                   : net_mtu(t->net, &tb->ep.raddr);
    uint32_t hdr = ip_hdr_len(tb) + TCP_HDR_LEN;
    uint32_t mtu = UST_MAX(tb->pmtu, MIN_PMTU);
    /* RFC 9293 3.7.1: what we can take, by the interface's MTU whatever the path is. */
    uint32_t own = UST_MAX(mtu, net_link_mtu(t->net, &tb->ep.raddr));
    /* RFC 9293 3.7.1 MUST-67; RFC 9293 3.7.3 SHLD-6 */
    tb->adv_mss = UST_MIN(own > hdr ? own - hdr : TCP_MIN_SND_MSS, 65495u);
    if (tb->opt.maxseg)
        tb->adv_mss = UST_MIN(tb->adv_mss, (uint32_t)tb->opt.maxseg);
    tb->mss_clamp = tb->adv_mss;
    tcb_mss_update(t, tb);
}

/* RFC 9293 3.7.1: Eff.snd.MSS, without the options that every segment carries. */
void tcb_mss_update(struct tcp *t, struct tcb *tb) {
    (void)t;
    uint32_t hdr = ip_hdr_len(tb) + TCP_HDR_LEN;
    uint32_t mtu = UST_MAX(tb->pmtu, MIN_PMTU);
    if (tb->mtup_low)
        mtu = UST_MIN(mtu, tb->mtup_low);
    uint32_t mss = UST_MIN(mtu > hdr ? mtu - hdr : 0, tb->mss_clamp);
    mss = UST_MAX(mss, (uint32_t)TCP_MIN_SND_MSS);
    if (tb->ts_ok)
        mss -= 12;
    tb->snd_mss = mss;
}

/* The path is narrower: what is in flight and too large is lost, and goes again at once; the network was not congested. */
void tcb_pmtu_refresh(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint32_t mtu = net_mtu(t->net, &tb->ep.raddr), old = tb->snd_mss;
    tb->pmtu_stale = false;
    (void)now_ns;
    if (mtu >= tb->pmtu || tcb_pmtudisc(tb) == 0)
        return;
    tb->pmtu = mtu;
    tcb_mss_update(t, tb);
    if (tb->snd_mss >= old)
        return;
    for (struct tcp_seg *s = tcp_seg_first(tb); s; s = tcp_seg_next(s)) {
        if (s->len > tb->snd_mss && !(s->flags & (SEG_SACKED | SEG_SYN)))
            tcp_seg_mark_lost(tb, s);
    }
    tb->snd_cwnd = UST_MAX(tb->snd_cwnd, tb->snd_mss);
    tcb_mark_dirty(t, tb);
}

void tcb_pmtu_raise(struct tcp *t, struct tcb *tb) {
    uint32_t mtu = net_mtu(t->net, &tb->ep.raddr);
    if (mtu <= tb->pmtu)
        return;
    tb->pmtu = mtu;
    tcb_mss_update(t, tb);
}

/* ---- black holes (RFC 4821) ---- */

/* The largest packet that may be: what the path is said to take, and the peer. */
static uint32_t mtup_max(const struct tcb *tb) {
    return UST_MIN(tb->pmtu, tb->mss_clamp + ip_hdr_len(tb) + TCP_HDR_LEN);
}

void tcp_mtup_rto(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    const struct tcp_seg *s = tcp_seg_first(tb);
    uint32_t hdr = ip_hdr_len(tb) + TCP_HDR_LEN, max = mtup_max(tb);
    uint32_t floor = addr_is_ip4(&tb->ep.raddr) ? MTUP_FLOOR4 : MTUP_FLOOR6;
    if (tcb_pmtudisc(tb) == 0 || tb->rtx_cnt < MTUP_RTOS || (tb->rtx_cnt - MTUP_RTOS) % 2)
        return;
    if (!s || s->flags & SEG_SYN || tb->snd_wnd == 0)
        return;
    uint32_t low = UST_MIN(tb->mtup_low ? (tb->mtup_low - hdr) / 2 : MTUP_BASE_MSS, MTUP_BASE_MSS);
    low = UST_MAX(low + hdr, floor);
    if (low >= max || (tb->mtup_low && low >= tb->mtup_low))
        return;
    if (hdr + (tb->ts_ok ? 12u : 0u) + s->len <= low)
        return; /* it is no larger than that: then it is not its size */
    tb->mtup_low = low;
    tb->mtup_high = max;
    tb->mtup_size = 0;
    tb->mtup_at_ns = now_ns + MTUP_AGAIN_NS;
    tcb_mss_update(t, tb);
    if (trace_on(&t->c->trace, TRACE_TCP))
        trace_flow(&t->c->trace, now_ns, TRACE_TCP, &tb->ep.laddr, tb->ep.lport, &tb->ep.raddr,
                   tb->ep.rport, "full segments get lost: mss %u",
                   tb->snd_mss + (tb->ts_ok ? 12u : 0u));
}

uint32_t tcp_mtup_probe_len(uint64_t now_ns, struct tcb *tb) {
    uint32_t hdr = ip_hdr_len(tb) + TCP_HDR_LEN + (tb->ts_ok ? 12u : 0u);
    if (tb->mtup_low == 0 || tb->mtup_size)
        return 0;
    if (now_ns >= tb->mtup_at_ns) {
        tb->mtup_high = UINT32_MAX;
        tb->mtup_at_ns = now_ns + MTUP_AGAIN_NS;
    }
    tb->mtup_high = UST_MIN(tb->mtup_high, mtup_max(tb));
    if (tb->mtup_high < tb->mtup_low + MTUP_GAP || !tb->sack_ok || tb->recent_cnt || tb->has_dsack)
        return 0;
    if (tb->ca_state != TCP_CA_OPEN || tb->sacked_bytes || tb->lost_bytes)
        return 0;
    /* The first one tries the whole: the path may only have been down for a while. */
    uint32_t mtu = tb->mtup_tried ? (tb->mtup_low + tb->mtup_high + 1) / 2 : tb->mtup_high;
    uint32_t len = mtu - hdr, after = (TCP_DUPTHRESH + 1u) * tb->snd_mss, need = len + after;
    uint32_t out = tcb_outstanding(tb);
    if (tb->snd_cwnd < MTUP_CWND_SEGS * tb->snd_mss || len > tb->max_snd_wnd / 2 ||
        tcb_unsent(tb) < need || out + need > tb->snd_wnd || tcb_pipe(tb) + len > tb->snd_cwnd)
        return 0;
    return len;
}

void tcp_mtup_sent(struct tcb *tb, const struct tcp_seg *s) {
    tb->mtup_size = s->len + ip_hdr_len(tb) + TCP_HDR_LEN + (tb->ts_ok ? 12u : 0u);
    tb->mtup_start = s->seq;
    tb->mtup_end = seg_end(s);
    tb->mtup_lost = 0;
    tb->mtup_tried = true;
}

void tcp_mtup_lost(struct tcb *tb, const struct tcp_seg *s) {
    if (tb->mtup_size == 0 || !seq_eq(s->seq, tb->mtup_start))
        return;
    tb->mtup_high = tb->mtup_size - 1;
    tb->mtup_size = 0;
    tb->mtup_lost = s->len;
}

void tcp_mtup_ack(struct tcp *t, struct tcb *tb) {
    if ((tb->mtup_size == 0 && tb->mtup_lost == 0) || seq_lt(tb->snd_una, tb->mtup_end))
        return;
    tb->mtup_lost = 0;
    if (tb->mtup_size == 0)
        return;
    tb->mtup_low = tb->mtup_size; /* cwnd is bytes: it stays (RFC 4821 7.6.4) */
    tb->mtup_size = 0;
    tcb_mss_update(t, tb);
}

/* RFC 9293 3.9.2.2 MUST-54 */
void tcp_ip_error(struct tcp *t, uint64_t now_ns, const struct ip_error *e) {
    struct tcp_ep *ep = tcp_ep_find(t, &e->src, e->sport, &e->dst, e->dport);
    if (!ep || ep->kind != TCP_EP_TCB)
        return;
    struct tcb *tb = (struct tcb *)(void *)ep;
    if (e->has_seq && (seq_lt(e->seq, tb->snd_una) || seq_gt(e->seq, tb->snd_nxt)))
        return; /* RFC 5927 4.1 */
    if (!e->has_seq && !e->local && tb->state != TCPS_SYN_SENT)
        return;
    if (e->err == EMSGSIZE) {
        net_pmtu_apply(t->net, now_ns, e);
        tcb_pmtu_refresh(t, now_ns, tb);
        return;
    }
    if (e->err == 0)
        return;
    if (tb->state == TCPS_SYN_SENT || tb->state == TCPS_SYN_RECEIVED) {
        tb->err_queued = true;
        tcb_done(t, now_ns, tb, e->err, "ICMP error");
        return;
    }
    /* RFC 9293 3.9.2.2 SHLD-25, MUST-56; RFC 9293 3.9.1.8 SHLD-20 */
    tb->err_soft = e->err;
}
