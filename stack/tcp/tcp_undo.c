/* SPDX-License-Identifier: ISC */
/*
 * Undo: when it turns out that nothing was lost, cwnd and ssthresh go back to what they were.
 *   DSACK (RFC 3708): the peer reports every byte that we resent as a duplicate.
 *   Timestamps (RFC 3522, Eifel): the ACK that repairs the "loss" echoes a timestamp from before the retransmission.
 *   F-RTO (RFC 5682 3.1 step 3b): after a timeout, something never resent is acknowledged.
 */
#include "tcp/tcb.h"

void tcp_undo_init(struct tcb *tb) {
    tb->undo_ok = true;
    tb->undo_marker = tb->snd_una;
    tb->undo_retrans = tb->retrans_bytes ? (int32_t)tb->retrans_bytes : -1;
    tb->has_rtx_stamp = false;
}

void tcp_undo_sent(struct tcb *tb, uint64_t now_ns, const struct tcp_seg *s) {
    if (!tb->has_rtx_stamp) {
        tb->has_rtx_stamp = true;
        tb->rtx_stamp = tcp_ts_now(now_ns, tb->ts_off);
    }
    if (tb->undo_retrans < 0)
        tb->undo_retrans = 0;
    tb->undo_retrans += (int32_t)s->len;
}

void tcp_undo_dsack(struct tcb *tb, seq_t start, seq_t end) {
    if (tb->undo_ok && tb->undo_retrans > 0 && seq_ge(start, tb->undo_marker)) {
        uint32_t n = end.v - start.v;
        tb->undo_retrans -= (int32_t)UST_MIN(n, (uint32_t)tb->undo_retrans);
    }
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

bool tcp_undo_try(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in,
                  const struct tcp_acked *a) {
    bool over =
        tb->ca_state < TCP_CA_RECOVERY; /* then only DSACK counts, which comes a round trip later */
    if (!tb->undo_ok || (over && !a->dsack) || tb->prior_cwnd == 0)
        return false;
    const struct tcp_opts *o = &in->h.opts;
    bool loss = tb->ca_state == TCP_CA_LOSS;
    bool dsack = tb->undo_retrans == 0 && a->dsack;
    bool eifel = a->acked > 0 && tb->has_rtx_stamp && tb->ts_ok && o->has_ts && o->ts_ecr &&
                 (int32_t)(o->ts_ecr - tb->rtx_stamp) < 0;
    bool frto = loss && tb->frto && a->orig_sacked && tb->has_rtx_stamp;
    if (!dsack && (over || (!eifel && !frto)))
        return false;
    if (eifel &&
        !dsack) /* says what DSACK says in RFC 8985 6.2 step 4, and sooner: the ACK that carries it may be overtaken */
        tcp_rack_dsack(tb);
    undo(t, now_ns, tb, loss || eifel);
    return true;
}
