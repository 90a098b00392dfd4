/* SPDX-License-Identifier: ISC */
/*
 * What to do about loss: the states OPEN, DISORDER, CWR, RECOVERY, LOSS (Linux's names; RFC 5681 3.2, RFC 6675 5, RFC 6582, RFC 6937).
 * What is lost has been marked before (tcp_rack.c), or is found here without SACK (three duplicate ACKs, NewReno's partial ACKs).
 * Transmission is tcp_output.c's: it sends lost segments first, as long as pipe < cwnd.
 *
 *   OPEN      nothing strange
 *   DISORDER  duplicate ACKs or SACKs, nothing lost yet; limited transmit comes by itself, as pipe shrinks
 *   CWR       the window goes down once because of ECN or a probe that repaired a loss
 *   RECOVERY  fast retransmit; ends when `recover` is acknowledged
 *   LOSS      the retransmission timer fired; slow start from one segment
 */
#include "tcp/tcb.h"

const char *tcp_ca_name(enum tcp_ca_state s) {
    static const char *const names[] = {"open", "disorder", "cwr", "recovery", "loss"};
    return names[s];
}

static void ca_set(struct tcp *t, uint64_t now_ns, struct tcb *tb, enum tcp_ca_state s) {
    if (tb->ca_state == s)
        return;
    if (trace_debug(&t->c->trace, TRACE_TCP))
        trace_flow(&t->c->trace, now_ns, TRACE_TCP, &tb->ep.laddr, tb->ep.lport, &tb->ep.raddr,
                   tb->ep.rport, "congestion %s -> %s cwnd %u ssthresh %u pipe %u lost %u",
                   tcp_ca_name((enum tcp_ca_state)tb->ca_state), tcp_ca_name(s), tb->snd_cwnd,
                   tb->snd_ssthresh, tcb_pipe(tb), tb->lost_bytes);
    tb->ca_state = (uint8_t)s;
}

/* ---- proportional rate reduction (RFC 6937) ---- */

static void reduction_begin(struct tcb *tb, uint64_t now_ns) {
    tb->recover = tb->snd_nxt;
    tb->prior_cwnd = tb->snd_cwnd;
    tb->prr_delivered = tb->prr_out = 0;
    tb->prior_ssthresh = tb->snd_ssthresh;
    tb->snd_ssthresh = tcp_cc(tb)->ssthresh(tb, now_ns);
    tb->tlp_out = false;
    /* RFC 9293 3.8.2 SHLD-8 */
    if (tb->ecn_ok)
        tb->ecn_cwr_due = true; /* RFC 3168 6.1.2 */
}

static void prr(struct tcb *tb, const struct tcp_acked *a) {
    uint32_t pipe = tcb_pipe(tb), mss = tb->snd_mss, sndcnt;
    if (tb->prior_cwnd == 0)
        return;
    tb->prr_delivered += a->delivered;
    if (pipe > tb->snd_ssthresh) {
        uint64_t share =
            ((uint64_t)tb->snd_ssthresh * tb->prr_delivered + tb->prior_cwnd - 1) / tb->prior_cwnd;
        sndcnt = share > tb->prr_out ? (uint32_t)share - tb->prr_out : 0;
    } else { /* slow start reduction bound; one more if the ACK is good news (RFC 9937) */
        uint32_t bound = tb->prr_delivered > tb->prr_out ? tb->prr_delivered - tb->prr_out : 0;
        bound = UST_MAX(bound, a->delivered);
        if (a->acked > 0 && a->lost == 0)
            bound += mss;
        sndcnt = UST_MIN(tb->snd_ssthresh - pipe, bound);
    }
    if (tb->prr_out == 0)
        sndcnt = UST_MAX(sndcnt, mss); /* the fast retransmit itself */
    tb->snd_cwnd = pipe + sndcnt;
}

void tcp_recovery_sent(struct tcb *tb, uint32_t bytes) {
    if (tb->ca_state == TCP_CA_RECOVERY || tb->ca_state == TCP_CA_CWR)
        tb->prr_out += bytes;
}

static void reduction_end(struct tcb *tb) {
    if (tb->snd_ssthresh < UINT32_MAX && tb->prior_cwnd) /* not if it was undone */
        tb->snd_cwnd = UST_MAX(tb->snd_ssthresh, 2 * tb->snd_mss);
}

/* ---- entering ---- */

static void enter_recovery(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->ca_state != TCP_CA_CWR)
        reduction_begin(tb, now_ns);
    else
        tb->recover = tb->snd_nxt;
    tb->frto_new = false;
    tcp_undo_init(tb);
    t->stats.fast_recoveries++;
    ca_set(t, now_ns, tb, TCP_CA_RECOVERY);
    if (tb->rack.reo_wnd_persist > 0 && --tb->rack.reo_wnd_persist == 0) {
        tb->rack.reo_wnd_mult = 1;
        tb->rack.late_ns = 0;
    }
}

void tcp_recovery_cwr(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->ca_state >= TCP_CA_CWR)
        return;
    reduction_begin(tb, now_ns);
    tb->undo_ok = false;
    ca_set(t, now_ns, tb, TCP_CA_CWR);
}

/* RFC 6298 5.4 to 5.6, RFC 5681 3.1, RFC 8985 6.3. RFC 9293 3.8.2 MUST-19. */
void tcp_recovery_rto(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    struct tcp_seg *s = tcp_seg_first(tb);
    bool reneged = s && (s->flags & SEG_SACKED);
    bool again = tb->ca_state == TCP_CA_LOSS && seq_lt(tb->snd_una, tb->recover);
    if (tb->ca_state <= TCP_CA_DISORDER || (tb->ca_state == TCP_CA_LOSS && !again)) {
        reduction_begin(tb, now_ns);
        tcp_cc(tb)->on_rto(tb, now_ns);
    } else if (tb->ca_state != TCP_CA_LOSS) {
        tcp_cc(tb)->on_rto(tb, now_ns);
    }
    if (!again)
        tcp_undo_init(tb);
    tb->frto = tb->sack_ok && !again;
    tb->frto_new = false;
    if (!tb->sack_ok) {
        tb->sacked_bytes = 0;
        tb->dupacks = 0;
    }
    struct tcp_seg *head = s;
    for (; s; s = tcp_seg_next(s)) {
        if (reneged && (s->flags & SEG_SACKED)) { /* RFC 2018 8: it need not keep what it sacked */
            s->flags &= (uint8_t)~SEG_SACKED;
            tb->sacked_bytes -= s->len;
        } else if (tb->sack_ok && s != head && tb->rack.rtt_ns &&
                   s->xmit_ns + tb->rack.rtt_ns > now_ns) {
            continue; /* sent too recently for its ACK to be here */
        }
        tcp_seg_mark_lost(tb, s);
    }
    tb->sack_seen_cnt = 0;
    tb->rtx_hint = NULL;
    tb->snd_cwnd = tcb_pipe(tb) + tb->snd_mss;
    tb->recover = tb->snd_nxt;
    tb->tlp_out = false;
    ca_set(t, now_ns, tb, TCP_CA_LOSS);
}

/* ---- each ACK ---- */

/* Without SACK: the first unacknowledged segment is the one that is missing. */
static void mark_head_lost(struct tcp *t, struct tcb *tb) {
    struct tcp_seg *s = tcp_seg_first(tb);
    if (!s || (s->flags & SEG_LOST))
        return;
    if (s->len > tb->snd_mss)
        tcp_seg_split(t, tb, s, tb->snd_mss);
    tcp_seg_mark_lost(tb, s);
}

static void back_to_open(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    tb->dupacks = 0;
    if (!tb->sack_ok)
        tb->sacked_bytes = 0;
    tb->undo_ok = tb->undo_ok && tb->undo_retrans > 0; /* DSACK may still tell */
    ca_set(t, now_ns, tb, tb->sacked_bytes ? TCP_CA_DISORDER : TCP_CA_OPEN);
}

/* RFC 5682 3.1 with SACK: is the timeout spurious? True: new data may go out now. */
static void frto_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_acked *a) {
    tb->frto_new = false;
    if (!tb->frto)
        return;
    if (seq_gt(tb->snd_nxt, tb->recover)) {
        if (a->sacked > 0 || a->dup)
            tb->frto = false; /* step 3a: it was real */
    } else if (a->acked > 0 && seq_lt(tb->snd_una, tb->recover)) {
        tb->recover = tb->snd_nxt; /* step 2b: two new segments tell */
        if (tcb_unsent(tb) > 0 && tb->snd_wnd > tcb_outstanding(tb))
            tb->frto_new = true;
        else
            tb->frto = false;
    }
    (void)t;
    (void)now_ns;
}

static bool ends_now(const struct tcb *tb) {
    switch ((enum tcp_ca_state)tb->ca_state) {
    case TCP_CA_CWR:
    case TCP_CA_RECOVERY:
    case TCP_CA_LOSS:
        return seq_ge(tb->snd_una, tb->recover);
    case TCP_CA_OPEN:
    case TCP_CA_DISORDER:
        return false;
    }
    return false;
}

static void grow(struct tcb *tb, uint64_t now_ns, const struct tcp_acked *a) {
    /* RFC 7661 in its simplest form, as Linux: a window that was not used does not grow. */
    bool limited = tb->cwnd_limited;
    if (tb->snd_cwnd < tb->snd_ssthresh)
        limited = limited || tb->snd_cwnd < 2 * tb->max_flight;
    /* What was sacked before has had its effect then: the ACK that ends a recovery is no burst. */
    uint32_t acked = UST_MIN(a->acked, a->delivered);
    if (acked > 0 && limited)
        tcp_cc(tb)->on_ack(tb, now_ns, acked, a->rtt_last_ns);
}

void tcp_recovery_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_acked *a) {
    uint32_t lost = tb->lost_bytes;
    struct tcp_seg *head;

    if (a->ece)
        tcp_recovery_cwr(t, now_ns, tb);
    if (a->acked > 0 && (head = tcp_seg_first(tb)) && (head->flags & SEG_SACKED)) {
        /* It has the first byte and does not acknowledge it: reneged. Do not wait for the whole RTO. */
        tcb_arm(t, tb, TCPT_RTX, now_ns + UST_MAX(tb->rtt.srtt_ns / 2, 10 * NS_PER_MS));
    }
    if (ends_now(tb)) {
        if (tb->ca_state != TCP_CA_LOSS)
            reduction_end(tb);
        back_to_open(t, now_ns, tb);
    }

    switch ((enum tcp_ca_state)tb->ca_state) {
    case TCP_CA_LOSS:
        frto_ack(t, now_ns, tb, a);
        if (!tb->sack_ok && a->acked > 0)
            tb->rtx_hint = NULL;
        break;
    case TCP_CA_RECOVERY:
        if (!tb->sack_ok && a->acked > 0)
            mark_head_lost(t, tb); /* RFC 6582 3.2 step 3: partial acknowledgment */
        break;
    case TCP_CA_OPEN:
    case TCP_CA_DISORDER:
    case TCP_CA_CWR:
        if (!tb->sack_ok && tb->dupacks >= TCP_DUPTHRESH && seq_gt(tb->snd_una, tb->recover))
            mark_head_lost(t, tb);          /* RFC 5681 3.2, RFC 6582 3.2 step 2 */
        if (tb->lost_bytes > tb->mtup_lost) /* RFC 4821 7.5: a probe's size, not congestion */
            enter_recovery(t, now_ns, tb);
        else if (tb->ca_state != TCP_CA_CWR)
            ca_set(t, now_ns, tb,
                   tb->sacked_bytes > 0 || tb->dupacks > 0 ? TCP_CA_DISORDER : TCP_CA_OPEN);
        break;
    }
    if (tb->lost_bytes > lost)
        a->lost += tb->lost_bytes - lost;

    if (tb->ca_state == TCP_CA_RECOVERY || tb->ca_state == TCP_CA_CWR)
        prr(tb, a);
    else
        grow(tb, now_ns, a);
}
