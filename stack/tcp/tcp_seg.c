/* SPDX-License-Identifier: ISC */
/*
 * The scoreboard: what has been sent and not yet acknowledged, as segment objects in a tree by sequence number, and those in flight in a
 * list by time of transmission. One object may stand for a super-frame of many MSS; it is split where the network treated its parts
 * differently (SACK, partial retransmission), never otherwise. All sums in the tcb are kept here.
 */
#include "tcp/tcb.h"

static inline struct tcp_seg *seg_of(struct rb_node *n) {
    return n ? UST_CONTAINER_OF(n, struct tcp_seg, rb) : NULL;
}

struct tcp_seg *tcp_seg_first(const struct tcb *tb) {
    return seg_of(rb_first(&tb->segs));
}
struct tcp_seg *tcp_seg_last(const struct tcb *tb) {
    return seg_of(rb_last(&tb->segs));
}
struct tcp_seg *tcp_seg_next(const struct tcp_seg *s) {
    return seg_of(rb_next(&s->rb));
}

struct tcp_seg *tcp_seg_find(const struct tcb *tb, seq_t at) {
    struct rb_node *n = tb->segs.top;
    while (n) {
        struct tcp_seg *s = seg_of(n);
        if (seq_lt(at, s->seq))
            n = n->left;
        else if (seq_ge(at, seg_end(s)))
            n = n->right;
        else
            return s;
    }
    return NULL;
}

static void insert(struct tcb *tb, struct tcp_seg *s) {
    struct rb_node *parent = NULL, **link = &tb->segs.top;
    while (*link) {
        parent = *link;
        link = seq_lt(s->seq, seg_of(parent)->seq) ? &parent->left : &parent->right;
    }
    rb_link(&tb->segs, &s->rb, parent, link);
}

static void time_queue(struct tcb *tb, struct tcp_seg *s) {
    assert(!(s->flags & SEG_QUEUED));
    s->flags |= SEG_QUEUED;
    TAILQ_INSERT_TAIL(&tb->tsort, s, time);
}

static void time_unqueue(struct tcb *tb, struct tcp_seg *s) {
    if (!(s->flags & SEG_QUEUED))
        return;
    s->flags &= (uint8_t)~SEG_QUEUED;
    TAILQ_REMOVE(&tb->tsort, s, time);
}

static void rate_stamp(struct tcb *tb, uint64_t now_ns, struct tcp_seg *s) {
    if (tcb_pipe(tb) == 0)
        tb->first_sent_ns = tb->delivered_ns = now_ns;
    s->delivered = tb->delivered;
    s->delivered_ns = tb->delivered_ns;
    s->first_sent_ns = tb->first_sent_ns;
}

struct tcp_seg *tcp_seg_append(struct tcp *t, uint64_t now_ns, struct tcb *tb, uint32_t len,
                               uint8_t flags) {
    struct tcp_seg *s = slab_alloc(&t->c->arena, SLAB_TCP_SEG);
    if (!s)
        return NULL;
    s->tb = tb;
    s->seq = tb->snd_nxt;
    s->len = len;
    s->flags = flags;
    s->xmit_ns = now_ns;
    rate_stamp(tb, now_ns, s);
    insert(tb, s);
    time_queue(tb, s);
    tb->snd_nxt = seq_add(tb->snd_nxt, len);
    slab_birth(&t->c->arena, s);
    return s;
}

struct tcp_seg *tcp_seg_split(struct tcp *t, struct tcb *tb, struct tcp_seg *s, uint32_t keep) {
    assert(keep > 0 && keep < s->len);
    struct tcp_seg *r = slab_alloc(&t->c->arena, SLAB_TCP_SEG);
    if (!r)
        return NULL;
    struct rb_node rb = r->rb;
    *r = *s;
    r->rb = rb;
    r->seq = seq_add(s->seq, keep);
    r->len = s->len - keep;
    r->flags &= (uint8_t)~SEG_SYN;
    s->len = keep;
    s->flags &= (uint8_t)~SEG_FIN;
    insert(tb, r);
    if (s->flags & SEG_QUEUED)
        TAILQ_INSERT_AFTER(&tb->tsort, s, r, time);
    slab_birth(&t->c->arena, r);
    return r;
}

void tcp_seg_mark_lost(struct tcb *tb, struct tcp_seg *s) {
    if (s->flags & SEG_SACKED)
        return;
    tcp_mtup_lost(tb, s);
    time_unqueue(tb, s);
    if (s->flags & SEG_RETRANS) { /* the retransmission was lost too */
        s->flags &= (uint8_t)~SEG_RETRANS;
        tb->retrans_bytes -= s->len;
    }
    if (!(s->flags & SEG_LOST)) {
        s->flags |= SEG_LOST;
        tb->lost_bytes += s->len;
    }
    if (tb->rtx_hint && seq_lt(s->seq, tb->rtx_hint->seq))
        tb->rtx_hint = s;
}

/* All are believed in flight again, by their last transmission: the timeout, or the losses, were none. */
void tcp_seg_unmark_lost(struct tcb *tb) {
    struct tcp_seg *at =
        NULL; /* the segment of tsort behind which the last one went: the next one mostly goes right behind it */
    for (struct tcp_seg *s = tcp_seg_first(tb); s && tb->lost_bytes > 0; s = tcp_seg_next(s)) {
        if (!(s->flags & SEG_LOST))
            continue;
        s->flags &= (uint8_t)~SEG_LOST;
        tb->lost_bytes -= s->len;
        if (s->flags & SEG_QUEUED)
            continue;
        struct tcp_seg *next = at && at->xmit_ns <= s->xmit_ns ? at : TAILQ_FIRST(&tb->tsort);
        while (next && next->xmit_ns <= s->xmit_ns)
            next = TAILQ_NEXT(next, time);
        s->flags |= SEG_QUEUED;
        if (next)
            TAILQ_INSERT_BEFORE(next, s, time);
        else
            TAILQ_INSERT_TAIL(&tb->tsort, s, time);
        at = s;
    }
    tb->rtx_hint = NULL;
}

static void leave_sums(struct tcb *tb, struct tcp_seg *s) {
    if (s->flags & SEG_LOST)
        tb->lost_bytes -= s->len;
    if (s->flags & SEG_RETRANS)
        tb->retrans_bytes -= s->len;
    if (s->flags & SEG_SACKED)
        tb->sacked_bytes -= s->len;
    s->flags &= (uint8_t) ~(SEG_LOST | SEG_RETRANS | SEG_SACKED);
}

void tcp_seg_mark_sacked(struct tcb *tb, struct tcp_seg *s) {
    leave_sums(tb, s);
    time_unqueue(tb, s);
    s->flags |= SEG_SACKED;
    tb->sacked_bytes += s->len;
}

void tcp_seg_mark_sent_again(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_seg *s) {
    assert(!(s->flags & SEG_SACKED));
    time_unqueue(tb, s);
    if (!(s->flags & SEG_RETRANS)) {
        s->flags |= SEG_RETRANS;
        tb->retrans_bytes += s->len;
    }
    if (s->flags & SEG_EVER_RETRANS)
        s->flags |= SEG_RTX_TWICE;
    s->flags |= SEG_EVER_RETRANS;
    s->xmit_ns = now_ns;
    rate_stamp(tb, now_ns, s);
    time_queue(tb, s);
    tb->total_retrans++;
    tb->bytes_retrans += s->len;
    t->stats.retrans_segs++;
}

void tcp_seg_drop(struct tcp *t, struct tcb *tb, struct tcp_seg *s) {
    if (tb->rtx_hint == s)
        tb->rtx_hint = tcp_seg_next(s);
    leave_sums(tb, s);
    time_unqueue(tb, s);
    rb_erase(&tb->segs, &s->rb);
    slab_free(&t->c->arena, s);
}

void tcp_seg_trim(struct tcb *tb, struct tcp_seg *s, uint32_t n) {
    assert(n < s->len);
    if (s->flags & SEG_LOST)
        tb->lost_bytes -= n;
    if (s->flags & SEG_RETRANS)
        tb->retrans_bytes -= n;
    if (s->flags & SEG_SACKED)
        tb->sacked_bytes -= n;
    s->flags &= (uint8_t)~SEG_SYN;
    s->seq = seq_add(s->seq, n);
    s->len -= n;
}

void tcp_seg_clear(struct tcp *t, struct tcb *tb) {
    for (struct tcp_seg *s; (s = tcp_seg_first(tb));)
        tcp_seg_drop(t, tb, s);
    tb->sacked_bytes = 0; /* duplicate ACKs, if there is no SACK */
    tb->rtx_hint = NULL;
}

struct tcp_seg *tcp_seg_next_lost(struct tcb *tb) {
    if (tb->lost_bytes == 0)
        return NULL;
    struct tcp_seg *s = tb->rtx_hint ? tb->rtx_hint : tcp_seg_first(tb);
    while (s && (s->flags & (SEG_LOST | SEG_RETRANS)) != SEG_LOST)
        s = tcp_seg_next(s);
    tb->rtx_hint = s ? s : tcp_seg_last(tb);
    return s;
}
