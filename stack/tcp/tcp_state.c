/* SPDX-License-Identifier: ISC */
/*
 * The states of RFC 9293 3.3.2 and the edges between them. tcp_state_set() alone writes tb->state: it asserts the edge, traces it with the
 * reason, and keeps the counters. The ways out of a connection (done, reset, TIME-WAIT) are here too.
 *
 * A connection in TIME-WAIT is a remnant (tcp_tw.c), not a tcb: the tcb goes through TIME_WAIT to CLOSED, as on Linux, where a
 * program that still holds the socket sees it closed.
 */
#include "tcp/tcb.h"

#define B(s) (1u << TCPS_##s)

static const uint16_t edges[TCPS_COUNT] = {
    [TCPS_CLOSED] = B(SYN_SENT) | B(SYN_RECEIVED),
    [TCPS_LISTEN] = 0,
    [TCPS_SYN_SENT] = B(ESTABLISHED) | B(SYN_RECEIVED) | B(CLOSED),
    [TCPS_SYN_RECEIVED] = B(ESTABLISHED) | B(CLOSED),
    [TCPS_ESTABLISHED] = B(FIN_WAIT_1) | B(CLOSE_WAIT) | B(CLOSED),
    [TCPS_FIN_WAIT_1] = B(FIN_WAIT_2) | B(CLOSING) | B(TIME_WAIT) | B(CLOSED),
    [TCPS_FIN_WAIT_2] = B(TIME_WAIT) | B(CLOSED),
    [TCPS_CLOSE_WAIT] = B(LAST_ACK) | B(CLOSED),
    [TCPS_CLOSING] = B(TIME_WAIT) | B(CLOSED),
    [TCPS_LAST_ACK] = B(CLOSED),
    [TCPS_TIME_WAIT] = B(CLOSED),
};

static const char *const names[TCPS_COUNT] = {
    [TCPS_CLOSED] = "CLOSED",           [TCPS_LISTEN] = "LISTEN",
    [TCPS_SYN_SENT] = "SYN_SENT",       [TCPS_SYN_RECEIVED] = "SYN_RECEIVED",
    [TCPS_ESTABLISHED] = "ESTABLISHED", [TCPS_FIN_WAIT_1] = "FIN_WAIT_1",
    [TCPS_FIN_WAIT_2] = "FIN_WAIT_2",   [TCPS_CLOSE_WAIT] = "CLOSE_WAIT",
    [TCPS_CLOSING] = "CLOSING",         [TCPS_LAST_ACK] = "LAST_ACK",
    [TCPS_TIME_WAIT] = "TIME_WAIT",
};

enum tcp_state tcp_state(const struct tcb *tb) { return (enum tcp_state)tb->state; }

const char *tcp_state_name(enum tcp_state s) {
    return (unsigned)s < TCPS_COUNT && names[s] ? names[s] : "?";
}

void tcp_state_set(struct tcp *t, uint64_t now_ns, struct tcb *tb, enum tcp_state s,
                   const char *why) {
    enum tcp_state old = (enum tcp_state)tb->state;
    assert(edges[old] & (1u << s));
    tb->state = (uint8_t)s;
    if (!trace_on(&t->c->trace, TRACE_TCP) || (old == TCPS_TIME_WAIT && s == TCPS_CLOSED))
        return;
    const struct tcp_ep *ep = &tb->ep;
    if (s == TCPS_ESTABLISHED)
        trace_flow(&t->c->trace, now_ns, TRACE_TCP, &ep->laddr, ep->lport, &ep->raddr, ep->rport,
                   "%s -> %s mss %u wscale %u%s%s%s", names[old], names[s],
                   tb->snd_mss + (tb->ts_ok ? 12u : 0u), /* RFC 6691: the MSS counts no options */
                   tb->snd_wscale, tb->sack_ok ? " sack" : "", tb->ts_ok ? " ts" : "",
                   tb->ecn_ok ? " ecn" : "");
    else
        trace_flow(&t->c->trace, now_ns, TRACE_TCP, &ep->laddr, ep->lport, &ep->raddr, ep->rport,
                   "%s -> %s (%s)", names[old], names[s], why);
}

void tcb_transfer_init(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    tcb_mss_update(t, tb);
    tb->ever_connected = true;
    tb->last_ack_ns = tb->last_tx_ns = now_ns;
    tcp_rack_init(tb);
    /* RFC 6928 2, and RFC 5681 3.1 if the SYN had to be sent more than twice. */
    tb->snd_cwnd = (tb->rtx_cnt > 1 ? 1 : TCP_IW_SEGS) * tb->snd_mss;
    tb->snd_ssthresh = UINT32_MAX;
    tb->delivered_ns = now_ns;
    tcp_cc(tb)->init(tb, now_ns);
    tcp_wnd_init(tb);
    tcp_sndbuf_grow(t, tb);
}

void tcb_established(struct tcp *t, uint64_t now_ns, struct tcb *tb, const char *why) {
    if (!tb->fo_child)
        tcb_transfer_init(t, now_ns, tb);
    tcp_state_set(t, now_ns, tb, TCPS_ESTABLISHED, why);
    if (tb->rtt.srtt_ns == 0 && tb->rtx_cnt > 0) /* RFC 6298 5.7 */
        tb->rtt.rto_ns = TCP_RTO_FALLBACK_NS;
    tb->rtx_cnt = tb->backoff = 0;
    tb->rtx_start_ns = 0;
    if (tb->opt.keepalive)
        tcb_arm(t, tb, TCPT_KEEP, now_ns + tb->opt.keep_idle_ns);
    tcb_event(t, tb, PCB_EV_OUT);
}

/* RFC 9293 3.6 MUST-12 */
bool tcb_done(struct tcp *t, uint64_t now_ns, struct tcb *tb, int err, const char *why) {
    enum tcp_state old = (enum tcp_state)tb->state;
    if (old == TCPS_SYN_SENT || old == TCPS_SYN_RECEIVED)
        t->stats.attempt_fails++;
    else if ((old == TCPS_ESTABLISHED || old == TCPS_CLOSE_WAIT) && err)
        t->stats.estab_resets++;
    tcp_fo_settled(now_ns, tb, false);
    if (old != TCPS_CLOSED)
        tcp_state_set(t, now_ns, tb, TCPS_CLOSED, why);
    if ((tb->sock == NULL && !tb->on_acceptq) || tb->on_synq) {
        tcb_free(t, tb);
        return true;
    }
    tcp_ep_unhash(t, &tb->ep);
    timer_disarm(&t->c->wheel, &tb->timer);
    for (int i = 0; i < TCPT_COUNT; i++)
        tb->deadline_ns[i] = TIME_NEVER;
    tcb_purge(t, tb, true);
    if (!tb->on_acceptq && !tb->bind_user)
        tcb_port_drop(t, tb);
    tb->rd_shut = tb->wr_shut = true;
    tb->ack_now = tb->ack_delayed = tb->syn_due = false;
    if (err)
        tb->err = err;
    tcb_event(
        t, tb,
        (uint8_t)(PCB_EV_IN | PCB_EV_OUT | PCB_EV_HUP | PCB_EV_RDHUP | (err ? PCB_EV_ERR : 0)));
    return false;
}

/* RFC 9293 3.6 MUST-12 */
bool tcb_reset(struct tcp *t, uint64_t now_ns, struct tcb *tb, int err, const char *why) {
    tcp_ctl_abort(t, now_ns, tb);
    return tcb_done(t, now_ns, tb, err, why);
}

/* The remnant takes the 4-tuple and the port; what the tcb still has is its owner's unread data. RFC 9293 3.6.1 MUST-13. */
bool tcb_time_wait(struct tcp *t, uint64_t now_ns, struct tcb *tb, const char *why) {
    struct tcp_tw *tw = t->tw_cnt < t->cfg.max_tw ? slab_alloc(&t->c->arena, SLAB_TCP_TW) : NULL;
    tcp_state_set(t, now_ns, tb, TCPS_TIME_WAIT, why);
    if (tb->ack_now || tb->ack_delayed) /* of the peer's FIN: the tcb will not send it any more */
        tcp_tw_ack_first(t, now_ns, tb);
    if (!tw) /* as Linux does with too many of them: there is none for this one */
        return tcb_done(t, now_ns, tb, 0, why);
    tcp_ep_unhash(t, &tb->ep);
    tw->ep = tb->ep;
    tw->ep.kind = TCP_EP_TW;
    tw->snd_nxt = tb->snd_nxt;
    tw->rcv_nxt = tb->rcv_nxt;
    tw->rcv_wnd = UST_MIN(tcb_rcv_open(tb), 65535u << tb->rcv_wscale);
    tw->rcv_wscale = tb->rcv_wscale;
    tw->tos = tcb_tos(tb);
    tw->ttl = tcb_ttl(tb);
    tw->ts_ok = tb->ts_ok;
    tw->ts_recent = tb->ts_recent;
    tw->ts_recent_ns = tb->ts_recent_ns;
    tw->ts_off = tb->ts_off;
    tw->bind = tb->bind;
    tw->bind.bound = false;
    if (tb->bind.bound) {
        port_unbind(&t->ports, &tb->bind);
        tb->bind.conn = false;
        tw->bind.tw = true;
        tw->bind.listening = false;
        port_bind(&t->ports, &tw->bind, false); /* shared it before: if not now, it has no entry */
    } else if (tb->parent) {
        tw->parent = tb->parent;
        tw->parent->refs++;
    }
    timer_init(&tw->timer, TIMER_TCP_TW);
    tcp_ep_hash(t, &tw->ep);
    TAILQ_INSERT_TAIL(&t->tw_age, tw, age);
    t->tw_cnt++;
    slab_birth(&t->c->arena, tw);
    timer_arm(&t->c->wheel, &tw->timer, now_ns + TCP_TIMEWAIT_NS);
    return tcb_done(t, now_ns, tb, 0, why);
}
