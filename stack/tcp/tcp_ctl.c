/* SPDX-License-Identifier: ISC */
/*
 * Segments without a connection: RST for what nobody knows (RFC 9293 3.10.7.1), RST of a connection that has just ended,
 * ACK from TIME-WAIT, SYN cookies. They wait in a small ring for tcp_flush(), which also turns the dirty list.
 */
#include "tcp/tcb.h"

struct tcp_ctl *tcp_ctl_take(struct tcp *t) {
    if (t->ctl_cnt == TCP_CTL_CAP)
        return NULL;
    struct tcp_ctl *c = &t->ctl[(t->ctl_first + t->ctl_cnt++) % TCP_CTL_CAP];
    memset(c, 0, sizeof *c);
    return c;
}

void tcp_ctl_rst(struct tcp *t, uint64_t now_ns, const struct tcp_in *in) {
    const struct tcp_hdr *h = &in->h;
    if (h->flags & TCPF_RST) /* never a reset for a reset */
        return;
    if (!tcp_bucket_take(&t->resets, now_ns, TCP_RST_PER_S, TCP_RST_BURST))
        return;
    struct tcp_ctl *c = tcp_ctl_take(t);
    if (!c)
        return;
    c->src = in->rx->dst;
    c->dst = in->rx->src;
    c->sport = h->dport;
    c->dport = h->sport;
    if (h->flags & TCPF_ACK) { /* <SEQ=SEG.ACK><CTL=RST> */
        c->seq = h->ack;
        c->flags = TCPF_RST;
    } else { /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
        c->flags = TCPF_RST | TCPF_ACK;
        c->ack = seq_add(h->seq, in->seg_len + !!(h->flags & TCPF_SYN) + !!(h->flags & TCPF_FIN));
    }
    t->stats.resets_out++;
}

void tcp_ctl_abort(struct tcp *t, uint64_t now_ns, const struct tcb *tb) {
    struct tcp_ctl *c = tcp_ctl_take(t);
    (void)now_ns;
    if (!c)
        return; /* its next segment will get one */
    c->src = tb->ep.laddr;
    c->dst = tb->ep.raddr;
    c->sport = tb->ep.lport;
    c->dport = tb->ep.rport;
    c->seq = tb->snd_nxt;
    c->ack = tb->rcv_nxt;
    c->flags = TCPF_RST | TCPF_ACK;
    c->tos = tcb_tos(tb);
    c->ttl = tcb_ttl(tb);
    t->stats.resets_out++;
}

/* RFC 5961 7, RFC 5961 10: some a second for everybody (token bucket), and two a second for one connection. */
bool tcp_challenge_allowed(struct tcp *t, uint64_t now_ns, uint64_t *last_ns) {
    if (*last_ns && now_ns - *last_ns < 500 * NS_PER_MS)
        return false;
    if (!tcp_bucket_take(&t->challenge, now_ns, TCP_CHALLENGE_PER_S, TCP_CHALLENGE_BURST))
        return false;
    *last_ns = now_ns;
    t->stats.challenge_acks++;
    return true;
}

void tcp_challenge_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (!tcp_challenge_allowed(t, now_ns, &tb->oow_ack_ns))
        return;
    tb->ack_now = true;
    tcb_mark_dirty(t, tb);
}

static bool ctl_send(struct tcp *t, uint64_t now_ns, const struct tcp_ctl *c) {
    struct link *l = t->net->link;
    struct pkt_tx *p = link_reserve(l);
    if (!p)
        return false;
    struct tcp_hdr h;
    memset(&h, 0, sizeof h);
    h.sport = c->sport;
    h.dport = c->dport;
    h.seq = c->seq;
    h.ack = c->ack;
    h.flags = c->flags;
    h.wnd = c->wnd;
    if (c->is_synack) {
        h.opts.has_mss = true;
        h.opts.mss = c->mss;
        h.opts.sack_ok = c->sack_ok;
        h.opts.has_wscale = c->has_wscale;
        h.opts.wscale = c->wscale;
    }
    h.opts.has_ts = c->has_ts;
    h.opts.ts_val = c->ts_val;
    h.opts.ts_ecr = c->ts_ecr;
    struct ip_flow f = {.src = c->src,
                        .dst = c->dst,
                        .proto = IP_PROTO_TCP,
                        .ttl = c->ttl,
                        .tos = c->tos,
                        .df = true};
    size_t hlen = tcp_hdr_len(&h);
    uint8_t *dst = pkt_start(p, hlen);
    if (l->features & LINK_F_CSUM) {
        tcp_emit_partial(&h, &f.src, &f.dst, (uint32_t)hlen, dst);
        p->needs_csum = true;
        p->csum_off = TCP_CSUM_OFF;
    } else {
        tcp_emit(&h, &f.src, &f.dst, NULL, 0, dst);
    }
    struct tcp_ep ep = {.laddr = c->src, .raddr = c->dst, .lport = c->sport, .rport = c->dport};
    tcp_trace_seg(t, now_ns, &ep, true, &h, 0);
    t->stats.tx_segs++;
    ip_output(t->net, now_ns, p, &f);
    return true;
}

bool tcp_flush(struct tcp *t, uint64_t now_ns) {
    while (t->ctl_cnt > 0) {
        if (!ctl_send(t, now_ns, &t->ctl[t->ctl_first]))
            return true;
        t->ctl_first = (t->ctl_first + 1) % TCP_CTL_CAP;
        t->ctl_cnt--;
    }
    struct tcb *tb;
    while ((tb = TAILQ_FIRST(&t->dirty))) {
        TAILQ_REMOVE(&t->dirty, tb, dirty);
        tb->on_dirty = false;
        if (tcp_output(t, now_ns, tb)) {
            tcb_mark_dirty(t, tb); /* behind the others: their turn comes first after the drain */
            return true;
        }
    }
    return false;
}
