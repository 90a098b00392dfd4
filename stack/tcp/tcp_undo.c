/* SPDX-License-Identifier: ISC */
/*
 * Undo: when it turns out that nothing was lost, cwnd and ssthresh go back to what they were.
 *   DSACK (RFC 3708): the peer reports every byte that we resent as a duplicate.
 *   Timestamps (RFC 3522, Eifel): the ACK that repairs the "loss" echoes a timestamp from before the retransmission. Where some segments
 *   are late and others lost that speaks of one of them only. So it counts when no retransmission is on its way any more, and none of them
 *   filled a hole without being reported as a duplicate later.
 *   F-RTO (RFC 5682 3.1 step 3b): after a timeout, something never resent is acknowledged.
 */
#include "tcp/tcb.h"

void tcp_undo_init(struct tcb *tb) {
    tb->undo_ok = true;
    tb->undo_marker = tb->snd_una;
    tb->undo_retrans = tb->retrans_bytes ? (int32_t)tb->retrans_bytes : -1;
    tb->has_rtx = false;
    tb->rtx_vain = tb->rtx_needed = 0;
}

void tcp_undo_sent(struct tcb *tb, uint64_t now_ns, const struct tcp_seg *s) {
    if (!tb->has_rtx)
        tb->rtx_stamp = tcp_ts_now(now_ns, tb->ts_off);
    tb->has_rtx = true;
    if (tb->undo_retrans < 0)
        tb->undo_retrans = 0;
    tb->undo_retrans += (int32_t)s->len;
}

void tcp_undo_dsack(struct tcb *tb, seq_t start, seq_t end) {
    uint32_t n = end.v - start.v;
    if (!tb->undo_ok || seq_lt(start, tb->undo_marker))
        return;
    if (tb->undo_retrans > 0)
        tb->undo_retrans -= (int32_t)UST_MIN(n, (uint32_t)tb->undo_retrans);
    tb->rtx_needed -= UST_MIN(n, tb->rtx_needed);
}

static void undo(struct tcp *t, uint64_t now_ns, struct tcb *tb, bool unmark) {
    if (unmark) {
        tcp_seg_unmark_lost(tb);
        tb->backoff = 0;
    }
    tb->snd_cwnd = UST_MAX(tb->snd_cwnd, tb->prior_cwnd);
    tb->snd_ssthresh = UST_MAX(tb->snd_ssthresh, tb->prior_ssthresh);
    tcp_cc(tb)->undo(tb, now_ns);
    tb->prior_cwnd = 0;
    tb->undo_ok = tb->frto = tb->frto_new = tb->ecn_cwr_due = false;
    tb->recover = tb->snd_una; /* recovery ends with this ACK */
    t->stats.undos++;
    TRACED(&t->c->trace, now_ns, TCP, "undo: cwnd %u ssthresh %u", tb->snd_cwnd, tb->snd_ssthresh);
}

/* True: an original is acknowledged, although its retransmission had left. */
static bool note_late(struct tcb *tb, uint64_t now_ns, const struct tcp_in *in,
                      const struct tcp_acked *a) {
    tb->rtx_needed += a->rtx_filled;
    if (a->rtx_late == 0)
        return false;
    tb->rtx_vain += a->rtx_late;
    tcp_rack_late(tb, (tcp_ts_now(now_ns, tb->ts_off) - in->h.opts.ts_ecr) * NS_PER_MS);
    return true;
}

/*
 * RFC 3522 3.2 as it stands: something older than the first retransmission is acknowledged. Believed at once where no queue stands that could have
 * overflown.
 */
static bool answers_original(const struct tcb *tb, const struct tcp_in *in,
                             const struct tcp_acked *a) {
    const struct tcp_opts *o = &in->h.opts;
    if (a->acked == 0 || !tb->has_rtx || !tb->ts_ok || !o->has_ts || o->ts_ecr == 0 ||
        (int32_t)(o->ts_ecr - tb->rtx_stamp) >= 0)
        return false;
    return tb->ca_state == TCP_CA_LOSS || tb->rtt.srtt_ns <= tb->rtt.min_ns + tb->rtt.min_ns / 2;
}

static bool nothing_was_lost(const struct tcb *tb) {
    return tb->rtx_vain > tb->rtx_needed &&
           (tb->retrans_bytes == 0 || seq_ge(tb->snd_una, tb->recover));
}

bool tcp_undo_try(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
                  const struct tcp_acked *a) {
    bool over = tb->ca_state < TCP_CA_RECOVERY; /* then only DSACK counts, a round trip later */
    if (!tb->undo_ok || (over && !a->dsack) || tb->prior_cwnd == 0)
        return false;
    bool loss = tb->ca_state == TCP_CA_LOSS;
    bool dsack = tb->undo_retrans == 0 && a->dsack;
    bool late = !over && note_late(tb, now_ns, in, a);
    bool eifel = (!over && answers_original(tb, in, a)) || nothing_was_lost(tb);
    bool frto = loss && tb->frto && a->orig_sacked && tb->has_rtx;
    /* It says what DSACK says in RFC 8985 6.2 step 4, and sooner: the ACK that carries that may be overtaken. */
    if (late && !dsack)
        tcp_rack_dsack(tb);
    if (!dsack && !eifel && !frto)
        return false;
    undo(t, now_ns, tb, loss || (eifel && !over));
    return true;
}
