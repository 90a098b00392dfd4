/* SPDX-License-Identifier: ISC */
/*
 * Time. A tcb has one timer on the wheel and a deadline for each purpose. Deadlines move all the time (each ACK moves the retransmission
 * timer), so the wheel is touched only when the earliest moves earlier; when the wheel fires too early, it is armed again for what is earliest then.
 *
 * Handlers change state and mark dirty; they send nothing. A handler that ends the connection returns true, as the tcb may be gone then.
 */
#include "tcp/tcb.h"

void tcb_arm(struct tcp *t, struct tcb *tb, enum tcp_timer_id id, uint64_t deadline_ns) {
    tb->deadline_ns[id] = deadline_ns;
    if (!timer_is_armed(&tb->timer) || deadline_ns < tb->timer.deadline_ns)
        timer_arm(&t->c->wheel, &tb->timer, deadline_ns);
}

/* RFC 9293 3.8.2 MUST-19 */
uint64_t tcb_rto(const struct tcb *tb) {
    uint64_t rto = tb->rtt.rto_ns;
    for (int i = 0; i < tb->backoff && rto < TCP_RTO_MAX_NS; i++)
        rto <<= 1; /* RFC 6298 5.5 */
    return UST_MIN(rto, TCP_RTO_MAX_NS);
}

/* The retransmission timer from now on; not beyond the moment when TCP_USER_TIMEOUT ends the connection. */
static void arm_rtx(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint64_t at = now_ns + tcb_rto(tb), from = tb->rtx_start_ns;
    if (tb->state == TCPS_SYN_SENT)
        from = tb->born_ns;
    if (tb->opt.user_timeout_ns && from)
        at = UST_MIN(at, UST_MAX(from + tb->opt.user_timeout_ns, now_ns + NS_PER_MS));
    tcb_arm(t, tb, TCPT_RTX, at);
}

/* RFC 6298 5.2, 5.3. */
void tcb_rearm_rtx(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tcb_outstanding(tb) == 0)
        tcb_disarm(tb, TCPT_RTX);
    else
        arm_rtx(t, now_ns, tb);
}

static int timeout_error(const struct tcb *tb) { return tb->err_soft ? tb->err_soft : ETIMEDOUT; }

/* How long `retries` timeouts with doubling RTO from the minimum take: what Linux makes of tcp_retries2 (924.6 s for 15). RFC 9293 3.8.3 SHLD-11. */
static uint64_t retries_ns(unsigned retries) {
    const unsigned thresh = 9; /* log2(RTO_MAX / RTO_MIN) */
    if (retries <= thresh)
        return ((2ull << retries) - 1) * TCP_RTO_MIN_NS;
    return ((2ull << thresh) - 1) * TCP_RTO_MIN_NS + (retries - thresh) * TCP_RTO_MAX_NS;
}

/* Somebody has it, or is about to. */
static bool is_owned(const struct tcb *tb) { return tb->sock || tb->on_acceptq; }

static bool syn_timed_out(const struct tcb *tb, uint64_t now_ns) {
    if (tb->opt.user_timeout_ns)
        return now_ns - tb->born_ns >= tb->opt.user_timeout_ns;
    return tb->rtx_cnt >= tb->opt.syn_retries;
}

/* RFC 9293 3.8.3 MUST-20: R2. */
static bool rtx_timed_out(const struct tcb *tb, uint64_t now_ns) {
    if (tb->rtx_cnt == 0)
        return false;
    uint64_t span = now_ns - tb->rtx_start_ns;
    /* RFC 9293 3.8.3 MUST-21 */
    if (tb->opt.user_timeout_ns)
        return span >= tb->opt.user_timeout_ns; /* RFC 5482 */
    return span >= retries_ns(is_owned(tb) ? TCP_RETRIES2 : TCP_ORPHAN_RETRIES);
}

/* RFC 9293 3.8.3 MUST-20, SHLD-10: R1. Is the next hop still there? */
static void advise(struct tcp *t, uint64_t now_ns, const struct tcb *tb) {
    struct net_path path;
    if (tb->rtx_cnt == TCP_RETRIES1 &&
        net_route(t->net, &tb->ep.raddr, &tb->ep.laddr, &path) == 0 && !path.loop)
        neigh_doubt(&t->net->neigh, now_ns, &path.next_hop);
}

/* Linux's syn_ack_recalc(), with one more for fast open. waits: the ACK was there, data is not. */
static bool synack_timed_out(const struct tcb *tb, bool waits) {
    if (waits && tb->rtx_cnt < tb->opt.defer_accept)
        return false;
    return tb->rtx_cnt >= TCP_SYNACK_RETRIES + tb->fo_child;
}

/* RFC 9293 3.8.3 MUST-22 */
static bool on_rtx_syn(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    bool passive = tb->parent != NULL;
    bool waits = tb->opt.defer_accept > 0 && tb->synack_acked;
    /* One that was closed meanwhile is an orphan, whatever TCP_SYNCNT was. */
    bool out = passive ? synack_timed_out(tb, waits)
                       : syn_timed_out(tb, now_ns) || (!is_owned(tb) && rtx_timed_out(tb, now_ns));
    if (out)
        return tcb_done(t, now_ns, tb, timeout_error(tb), "handshake timed out");
    if (tb->rtx_cnt++ == 0)
        tb->rtx_start_ns = now_ns;
    advise(t, now_ns, tb);
    tb->backoff = tb->rtx_cnt;
    /* A peer that waits for us to take its ACK is not asked again before TCP_DEFER_ACCEPT is over. */
    tb->syn_due = !waits || tb->rtx_cnt >= tb->opt.defer_accept;
    tcb_mark_dirty(t, tb);
    arm_rtx(t, now_ns, tb);
    return false;
}

static bool on_rtx(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->state == TCPS_SYN_SENT || tb->state == TCPS_SYN_RECEIVED)
        return on_rtx_syn(t, now_ns, tb);
    if (tcb_outstanding(tb) == 0)
        return false;
    /* A peer that took its window back but answers is alive: our retransmissions are window probes (Linux). RFC 9293 3.8.6 SHLD-17. */
    bool probing = tb->snd_wnd == 0 && now_ns - tb->last_ack_ns < 2 * TCP_RTO_MAX_NS;
    if (!probing && rtx_timed_out(tb, now_ns))
        return tcb_done(t, now_ns, tb, timeout_error(tb), "retransmissions timed out");
    if (tb->rtx_cnt == 0 || probing)
        tb->rtx_start_ns = now_ns;
    if (tb->rtx_cnt < 255)
        tb->rtx_cnt++;
    t->stats.rtos++;
    advise(t, now_ns, tb);
    tcp_mtup_rto(t, now_ns, tb);
    tcp_recovery_rto(t, now_ns, tb);
    if (tb->backoff < 16)
        tb->backoff++;
    tcb_disarm(tb, TCPT_TLP);
    tcb_disarm(tb, TCPT_REO);
    tcb_mark_dirty(t, tb);
    arm_rtx(t, now_ns, tb);
    return false;
}

/* RFC 9293 3.8.6.1 MUST-36, SHLD-30, MUST-37: probe for ever while the peer answers; give up when it has been silent for as long as R2. RFC 9293 3.8.6 MUST-35. */
static bool on_persist(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tcb_outstanding(tb) > 0)
        return false;
    if (tcb_unsent(tb) == 0 && !(tb->fin_wanted && !tb->fin_sent)) {
        tb->probe_cnt = 0;
        return false;
    }
    unsigned max = is_owned(tb) ? TCP_RETRIES2 : TCP_ORPHAN_RETRIES;
    bool user_out = tb->opt.user_timeout_ns && tb->probe_start_ns &&
                    now_ns - tb->probe_start_ns >= tb->opt.user_timeout_ns;
    if (tb->probe_cnt >= max || user_out)
        return tcb_reset(t, now_ns, tb, timeout_error(tb), "window probes timed out");
    if (tb->probe_start_ns == 0)
        tb->probe_start_ns = now_ns;
    tb->probe_cnt++;
    if (tb->backoff < 16)
        tb->backoff++;
    tb->probe_due = true;
    tcb_mark_dirty(t, tb);
    tcb_arm(t, tb, TCPT_PERSIST, now_ns + tcb_rto(tb));
    return false;
}

static bool on_delack(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    (void)now_ns;
    if (!tb->ack_delayed)
        return false;
    if (tb->pingpong) { /* the answer did not come: we are not interactive after all */
        tb->pingpong = false;
        tb->ato_ns = TCP_ATO_MIN_NS;
    } else {
        tb->ato_ns = UST_MIN(tb->ato_ns * 2, TCP_DELACK_MAX_NS);
    }
    tb->ack_now = true;
    tcb_mark_dirty(t, tb);
    return false;
}

/* RFC 9293 3.8.4 MUST-24. */
static bool on_keep(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    /* RFC 9293 3.8.4 MUST-25 */
    if (!tb->opt.keepalive || tb->state == TCPS_SYN_SENT)
        return false;
    if (tcb_outstanding(tb) > 0 || tcb_unsent(tb) > 0) { /* other timers watch the peer */
        tcb_arm(t, tb, TCPT_KEEP, now_ns + tb->opt.keep_idle_ns);
        return false;
    }
    uint64_t quiet_ns = now_ns - tb->last_ack_ns;
    /* RFC 9293 3.8.4 MUST-26, MUST-27 */
    if (quiet_ns < tb->opt.keep_idle_ns) {
        tb->keep_cnt = 0;
        tcb_arm(t, tb, TCPT_KEEP, tb->last_ack_ns + tb->opt.keep_idle_ns);
        return false;
    }
    /* RFC 9293 3.8.4 MUST-29 */
    bool out = tb->opt.user_timeout_ns ? quiet_ns >= tb->opt.user_timeout_ns && tb->keep_cnt > 0
                                       : tb->keep_cnt >= tb->opt.keep_cnt;
    if (out)
        return tcb_reset(t, now_ns, tb, timeout_error(tb), "keepalive timed out");
    tb->keep_cnt++;
    tb->keep_due = true;
    tcb_mark_dirty(t, tb);
    tcb_arm(t, tb, TCPT_KEEP, now_ns + tb->opt.keep_intvl_ns);
    return false;
}

static bool on_finwait2(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->state != TCPS_FIN_WAIT_2 || is_owned(tb))
        return false;
    return tcb_done(t, now_ns, tb, 0, "no FIN came");
}

static bool on_cork(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    (void)now_ns;
    tb->push_all = true;
    tcb_mark_dirty(t, tb);
    return false;
}

static bool on_tlp(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    (void)now_ns;
    if (tcb_outstanding(tb) == 0 || tb->ca_state >= TCP_CA_RECOVERY)
        return false;
    tb->tlp_due = true;
    t->stats.tlp_probes++;
    tcb_mark_dirty(t, tb);
    return false;
}

static bool on_reo(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    struct tcp_acked none = {0};
    uint32_t lost = tb->lost_bytes;
    tcp_rack_detect(t, now_ns, tb);
    none.lost = tb->lost_bytes > lost ? tb->lost_bytes - lost : 0;
    if (none.lost > 0)
        tcp_recovery_ack(t, now_ns, tb, &none);
    tcb_mark_dirty(t, tb);
    return false;
}

static bool on_pace(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    (void)now_ns;
    tcb_mark_dirty(t, tb);
    return false;
}

static bool (*const handlers[TCPT_COUNT])(struct tcp *, uint64_t, struct tcb *) = {
    [TCPT_RTX] = on_rtx,   [TCPT_PERSIST] = on_persist,   [TCPT_DELACK] = on_delack,
    [TCPT_KEEP] = on_keep, [TCPT_FINWAIT2] = on_finwait2, [TCPT_CORK] = on_cork,
    [TCPT_TLP] = on_tlp,   [TCPT_REO] = on_reo,           [TCPT_PACE] = on_pace,
};

static void tcb_timer(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint64_t next = TIME_NEVER;
    for (int i = 0; i < TCPT_COUNT; i++) {
        if (tb->deadline_ns[i] > now_ns)
            continue;
        tb->deadline_ns[i] = TIME_NEVER;
        if (handlers[i](t, now_ns, tb))
            return;
        if (tb->state == TCPS_CLOSED)
            return;
    }
    for (int i = 0; i < TCPT_COUNT; i++)
        next = UST_MIN(next, tb->deadline_ns[i]);
    if (next != TIME_NEVER && (!timer_is_armed(&tb->timer) || next < tb->timer.deadline_ns))
        timer_arm(&t->c->wheel, &tb->timer, next);
}

void tcp_timer(struct tcp *t, uint64_t now_ns, struct timer *tm) {
    if (tm->kind == TIMER_TCB) {
        tcb_timer(t, now_ns, UST_CONTAINER_OF(tm, struct tcb, timer));
    } else {
        assert(tm->kind == TIMER_TCP_TW);
        tcp_tw_free(t, UST_CONTAINER_OF(tm, struct tcp_tw, timer));
    }
}
