/* SPDX-License-Identifier: ISC */
/*
 * RACK-TLP (RFC 8985): loss by time. A segment is lost when one sent later has arrived and a reordering window has passed; the
 * tail, after which nothing is sent, is probed. RFC 6675's rule (three segments above have arrived) is in it: then the window is zero.
 *
 * tsort is the list of segments in flight by time of transmission: what was sent before rack.xmit_ns stands in front, so that detection
 * looks at candidates only.
 */
#include "tcp/tcb.h"

#define TLP_SLACK_NS (2 * NS_PER_MS)
#define REO_PERSIST 16 /* RFC 8985 6.2 step 4 */
#define LATE_MAX_NS (1 * NS_PER_S)

void tcp_rack_init(struct tcb *tb) {
    memset(&tb->rack, 0, sizeof tb->rack);
    tb->rack.reo_wnd_mult = 1;
    tb->rack.fack = tb->rack.end_seq = tb->snd_una;
    tb->rack.dsack_round = tb->snd_una;
}

static bool sent_after(uint64_t xmit_a, seq_t end_a, uint64_t xmit_b, seq_t end_b) {
    return xmit_a > xmit_b || (xmit_a == xmit_b && seq_gt(end_a, end_b));
}

/* The window that would have been wide enough for it. */
void tcp_rack_late(struct tcb *tb, uint64_t rtt_ns) {
    struct tcp_rack *r = &tb->rack;
    uint64_t late = rtt_ns > r->rtt_ns ? UST_MIN(rtt_ns - r->rtt_ns, LATE_MAX_NS) : 0;
    if (late == 0)
        return;
    r->late_ns = UST_MAX(r->late_ns, late);
    r->reo_wnd_persist = REO_PERSIST;
}

/* RFC 8985 6.2 steps 1 to 3. */
void tcp_rack_delivered(struct tcb *tb, uint64_t now_ns, const struct tcp_seg *s, seq_t end,
                        const struct tcp_opts *o) {
    struct tcp_rack *r = &tb->rack;
    uint64_t rtt = now_ns - s->xmit_ns;
    if (seq_gt(end, r->fack)) {
        r->fack = end;
    } else if (seq_lt(end, r->fack) && !(s->flags & SEG_EVER_RETRANS)) {
        if (!r->reordering_seen)
            tb->reord_cnt++;
        r->reordering_seen = true;
        if (s->xmit_ns < r->xmit_ns)
            tcp_rack_late(tb, rtt);
    }
    if (s->flags & SEG_EVER_RETRANS) { /* is this the original's acknowledgment? */
        if (tb->ts_ok && o && o->has_ts &&
            (int32_t)(o->ts_ecr - tcp_ts_now(s->xmit_ns, tb->ts_off)) < 0)
            return;
        if (rtt < tb->rtt.min_ns)
            return;
    }
    if (r->xmit_ns == 0 || sent_after(s->xmit_ns, end, r->xmit_ns, r->end_seq)) {
        r->xmit_ns = s->xmit_ns;
        r->end_seq = end;
        r->rtt_ns = rtt;
    }
}

/* RFC 8985 6.2 step 4: a needless retransmission widens the window, once a round trip. */
void tcp_rack_dsack(struct tcb *tb) {
    struct tcp_rack *r = &tb->rack;
    if (r->in_dsack_round && seq_lt(tb->snd_una, r->dsack_round))
        return;
    r->in_dsack_round = true;
    r->dsack_round = tb->snd_nxt;
    if (r->reo_wnd_mult < 20)
        r->reo_wnd_mult++;
    r->reo_wnd_persist = REO_PERSIST;
}

static uint64_t reo_wnd(const struct tcb *tb) {
    const struct tcp_rack *r = &tb->rack;
    if (!r->reordering_seen &&
        (tb->ca_state >= TCP_CA_RECOVERY || tb->sacked_bytes >= TCP_DUPTHRESH * tb->snd_mss))
        return 0;
    if (tb->rtt.min_ns == UINT64_MAX)
        return 0;
    /*
     * Steps of min_rtt / 4 as long as they do. Where DSACK has shown that they do not, RFC 8985 6.2 departs: steps of srtt / 4, and as wide as the
     * latest original was late. On a path that lets some packets overtake all others, the overtakers make min_rtt and much of srtt, and
     * no number of such steps would reach the rest.
     */
    uint64_t unit = r->reo_wnd_mult > 2 ? tb->rtt.srtt_ns : tb->rtt.min_ns;
    uint64_t steps = UST_MIN(unit / 4 * r->reo_wnd_mult, tb->rtt.srtt_ns);
    return UST_MAX(steps, r->late_ns + r->late_ns / 8);
}

/* RFC 8985 6.2 step 5. */
void tcp_rack_detect(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    const struct tcp_rack *r = &tb->rack;
    uint64_t wait = 0, wnd = reo_wnd(tb);
    struct tcp_seg *s, *next;
    tcb_disarm(tb, TCPT_REO);
    if (r->xmit_ns == 0)
        return;
    UST_TAILQ_FOREACH_SAFE (s, &tb->tsort, time, next) {
        if (!sent_after(r->xmit_ns, r->end_seq, s->xmit_ns, seg_end(s)))
            break;
        if (s->xmit_ns + r->rtt_ns + wnd > now_ns) {
            /* Nor is any behind it due; the last that may be lost was sent when rack.xmit_ns was, at the latest. */
            wait = r->xmit_ns + r->rtt_ns + wnd - now_ns;
            break;
        }
        tcp_seg_mark_lost(tb, s);
    }
    if (wait > 0)
        tcb_arm(t, tb, TCPT_REO, now_ns + wait);
}

/* RFC 8985 7.2. */
void tcp_tlp_schedule(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    uint32_t out = tcb_outstanding(tb);
    tcb_disarm(tb, TCPT_TLP);
    if (!tb->sack_ok || out == 0 || tb->tlp_out || tb->sacked_bytes > 0 ||
        (tb->ca_state != TCP_CA_OPEN && tb->ca_state != TCP_CA_CWR))
        return;
    if (tb->state == TCPS_SYN_SENT || tb->state == TCPS_SYN_RECEIVED)
        return;
    uint64_t pto = TCP_RTO_INIT_NS;
    if (tb->rtt.srtt_ns) {
        pto = 2 * tb->rtt.srtt_ns;
        pto += out <= tb->snd_mss ? TCP_DELACK_MAX_NS : TLP_SLACK_NS;
    }
    if (tcb_armed(tb, TCPT_RTX) && now_ns + pto >= tb->deadline_ns[TCPT_RTX])
        return; /* the retransmission timer comes first and does as well */
    tcb_arm(t, tb, TCPT_TLP, now_ns + pto);
}

/* RFC 8985 7.4: did the probe repair a loss? Then the window must go down. */
void tcp_tlp_ack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_acked *a) {
    if (!tb->tlp_out || seq_lt(tb->snd_una, tb->tlp_end))
        return;
    if (!tb->tlp_is_retrans || a->dsack) {
        tb->tlp_out = false; /* new data, or both copies arrived */
    } else if (seq_gt(tb->snd_una, tb->tlp_end)) {
        tb->tlp_out = false;
        tcp_recovery_cwr(t, now_ns, tb);
    } else if (a->acked == 0 && a->dup) {
        tb->tlp_out = false; /* the original's ACK was there, this is the probe's */
    }
}
