/* SPDX-License-Identifier: ISC */
/*
 * TIME-WAIT (RFC 9293 3.10.7.4, RFC 1337, RFC 6191). What is left of the connection is a small object: enough to acknowledge the
 * peer's FIN again, and to tell an old duplicate from the SYN of a new incarnation. 60 seconds, as Linux.
 */
#include "tcp/tcb.h"

void tcp_tw_free(struct tcp *t, struct tcp_tw *tw) {
    tcp_ep_unhash(t, &tw->ep);
    timer_disarm(&t->c->wheel, &tw->timer);
    TAILQ_REMOVE(&t->tw_age, tw, age);
    if (tw->bind.bound)
        port_unbind(&t->ports, &tw->bind);
    if (tw->parent)
        tcp_listener_unref(t, tw->parent, false);
    t->tw_cnt--;
    slab_free(&t->c->arena, tw);
}

static void ack_note(struct tcp *t, uint64_t now_ns, const struct tcp_tw *tw) {
    struct tcp_ctl *c = tcp_ctl_take(t);
    if (!c)
        return;
    c->src = tw->ep.laddr;
    c->dst = tw->ep.raddr;
    c->sport = tw->ep.lport;
    c->dport = tw->ep.rport;
    c->seq = tw->snd_nxt;
    c->ack = tw->rcv_nxt;
    c->flags = TCPF_ACK;
    c->wnd = (uint16_t)(tw->rcv_wnd >> tw->rcv_wscale);
    c->tos = tw->tos;
    c->ttl = tw->ttl;
    c->has_ts = tw->ts_ok;
    c->ts_val = tcp_ts_now(now_ns, tw->ts_off);
    c->ts_ecr = tw->ts_recent;
}

/* The ACK of the peer's FIN, noted while the tcb still knows everything. */
void tcp_tw_ack_first(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    struct tcp_tw tw = {.ep = tb->ep,
                        .snd_nxt = tb->snd_nxt,
                        .rcv_nxt = tb->rcv_nxt,
                        .rcv_wnd = UST_MIN(tcb_rcv_open(tb), 65535u << tb->rcv_wscale),
                        .rcv_wscale = tb->rcv_wscale,
                        .tos = tcb_tos(tb),
                        .ttl = tcb_ttl(tb),
                        .ts_ok = tb->ts_ok,
                        .ts_off = tb->ts_off,
                        .ts_recent = tb->ts_recent};
    ack_note(t, now_ns, &tw);
}

/* RFC 6191 3: a SYN that cannot be of the old connection. RFC 9293 3.6.1 SHLD-4. */
static bool is_new_incarnation(const struct tcp_tw *tw, const struct tcp_in *in, bool old_ts) {
    const struct tcp_hdr *h = &in->h;
    if ((h->flags & (TCPF_SYN | TCPF_ACK | TCPF_RST | TCPF_FIN)) != TCPF_SYN || old_ts)
        return false;
    return seq_gt(h->seq, tw->rcv_nxt) ||
           (tw->ts_ok && h->opts.has_ts && (int32_t)(h->opts.ts_val - tw->ts_recent) > 0);
}

enum drop tcp_rx_tw(struct tcp *t, uint64_t now_ns, struct tcp_tw *tw, struct tcp_in *in) {
    const struct tcp_hdr *h = &in->h;
    bool old_ts = tw->ts_ok && h->opts.has_ts && (int32_t)(h->opts.ts_val - tw->ts_recent) < 0 &&
                  now_ns - tw->ts_recent_ns < TCP_PAWS_IDLE_NS;
    if (h->flags & TCPF_RST)
        return DROP_TCP_TIME_WAIT; /* RFC 1337 3: no assassination */
    if (is_new_incarnation(tw, in, old_ts)) {
        struct tcp_listener *l =
            tcp_listener_find(t, &in->rx->dst, h->dport, &in->rx->src, h->sport);
        if (l) {
            seq_t isn =
                seq_add(tw->snd_nxt, 65535 + 2); /* above everything that the old one used */
            enum drop d = tcp_rx_listen(t, now_ns, l, in, &isn);
            return d;
        }
    }
    uint32_t len = in->seg_len + !!(h->flags & TCPF_SYN) + !!(h->flags & TCPF_FIN);
    if (!old_ts && seq_eq(h->seq, tw->rcv_nxt) && len == 0) { /* a bare ACK in its place */
        if (tw->ts_ok && h->opts.has_ts) {
            tw->ts_recent = h->opts.ts_val;
            tw->ts_recent_ns = now_ns;
        }
        timer_arm(&t->c->wheel, &tw->timer, now_ns + TCP_TIMEWAIT_NS);
        return DROP_NONE;
    }
    /* A FIN again, or something old: acknowledge, and the time starts anew, unless it was a lone SYN. */
    if (old_ts || (h->flags & TCPF_ACK))
        timer_arm(&t->c->wheel, &tw->timer, now_ns + TCP_TIMEWAIT_NS);
    if (len > 0 || tcp_challenge_allowed(t, now_ns, &tw->oow_ack_ns))
        ack_note(t, now_ns, tw);
    return DROP_TCP_TIME_WAIT;
}
