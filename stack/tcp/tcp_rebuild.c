/* SPDX-License-Identifier: ISC */
/*
 * Derived state and invariants. After a crash inside the lock only alive objects and their own fields are believed: hash, trees, lists
 * and timers are made again from them. tcp_check() is the same knowledge as a question; tests and the repair ask it.
 */
#include "tcp/tcb.h"

static void rebuild_seg(struct tcp_seg *s) {
    struct tcb *tb = s->tb;
    struct rb_node *parent = NULL, **link = &tb->segs.top;
    while (*link) {
        parent = *link;
        link = seq_lt(s->seq, UST_CONTAINER_OF(parent, struct tcp_seg, rb)->seq) ? &parent->left
                                                                                 : &parent->right;
    }
    memset(&s->rb, 0, sizeof s->rb);
    rb_link(&tb->segs, &s->rb, parent, link);
    if (s->flags & SEG_LOST)
        tb->lost_bytes += s->len;
    if (s->flags & SEG_RETRANS)
        tb->retrans_bytes += s->len;
    if (s->flags & SEG_SACKED)
        tb->sacked_bytes += s->len;
    if (s->flags & SEG_SACKED || (s->flags & (SEG_LOST | SEG_RETRANS)) == SEG_LOST) {
        s->flags &= (uint8_t)~SEG_QUEUED;
        return;
    }
    s->flags |= SEG_QUEUED;
    struct tcp_seg *at = TAILQ_LAST(&tb->tsort, tcp_tsort);
    while (at &&
           (at->xmit_ns > s->xmit_ns || (at->xmit_ns == s->xmit_ns && seq_gt(at->seq, s->seq))))
        at = TAILQ_PREV(at, tcp_tsort, time);
    if (at)
        TAILQ_INSERT_AFTER(&tb->tsort, at, s, time);
    else
        TAILQ_INSERT_HEAD(&tb->tsort, s, time);
}

static void rebuild_range(struct tcp_range *r) {
    struct tcb *tb = r->tb;
    struct rb_node *parent = NULL, **link = &tb->ooo.top;
    while (*link) {
        parent = *link;
        link = r->start < UST_CONTAINER_OF(parent, struct tcp_range, rb)->start ? &parent->left
                                                                                : &parent->right;
    }
    memset(&r->rb, 0, sizeof r->rb);
    rb_link(&tb->ooo, &r->rb, parent, link);
    tb->ooo_cnt++;
    tb->ooo_bytes += r->end - r->start;
}

static void rebuild_tcb(struct tcp *t, struct tcb *tb) {
    t->tcb_cnt++;
    tb->segs.top = tb->ooo.top = NULL;
    TAILQ_INIT(&tb->tsort);
    tb->rtx_hint = NULL;
    tb->sack_seen_cnt = 0;
    if (tb->sack_ok)
        tb->sacked_bytes = 0;
    tb->lost_bytes = tb->retrans_bytes = 0;
    tb->ooo_cnt = 0;
    tb->ooo_bytes = 0;
    tb->on_dirty = tb->on_evented = false;
    /* pin stays: other threads may be copying from and into the buffers right now */
    bool hashed = tb->ep.hashed;
    tb->ep.hashed = false;
    if (hashed && tb->state != TCPS_CLOSED)
        tcp_ep_hash(t, &tb->ep);
    port_restore(&t->ports, &tb->bind);
    uint64_t next = TIME_NEVER;
    for (int i = 0; i < TCPT_COUNT; i++)
        next = UST_MIN(next, tb->deadline_ns[i]);
    timer_init(&tb->timer, TIMER_TCB);
    if (next != TIME_NEVER && tb->state != TCPS_CLOSED)
        timer_arm(&t->c->wheel, &tb->timer, next);
    if (tb->orphan)
        t->orphan_cnt++;
    struct tcp_listener *l = tb->parent;
    if (l) {
        l->refs++;
        l->live_refs++;
        l->fo_cnt += tb->fo_pending;
        if (tb->on_synq) {
            TAILQ_INSERT_TAIL(&l->synq, tb, queue);
            l->syn_cnt++;
            t->syn_cnt++;
        } else if (tb->on_acceptq) {
            TAILQ_INSERT_TAIL(&l->acceptq, tb, queue);
            l->accept_cnt++;
        }
    }
    if (tb->state != TCPS_CLOSED)
        tcb_mark_dirty(t, tb);
    tcb_event(t, tb, (uint8_t)(PCB_EV_IN | PCB_EV_OUT)); /* whoever waits looks again */
}

void tcp_rebuild(struct tcp *t, uint64_t now_ns) {
    struct arena *ar = &t->c->arena;
    struct tcb *tb = NULL;
    struct tcp_tw *tw = NULL;
    struct tcp_listener *l = NULL;
    (void)now_ns;

    htab_clear(&t->conns);
    TAILQ_INIT(&t->dirty);
    TAILQ_INIT(&t->evented);
    TAILQ_INIT(&t->evented_listeners);
    TAILQ_INIT(&t->tw_age);
    port_clear(&t->ports);
    t->tcb_cnt = t->syn_cnt = t->tw_cnt = t->orphan_cnt = 0;
    for (unsigned i = 0; i < TCP_LISTEN_BUCKETS; i++)
        LIST_INIT(&t->listeners[i]);
    while ((l = slab_next_alive(ar, SLAB_TCP_LISTENER, l))) {
        TAILQ_INIT(&l->synq);
        TAILQ_INIT(&l->acceptq);
        l->refs = l->live_refs = l->syn_cnt = l->accept_cnt = l->fo_cnt = 0;
        l->on_evented = false;
        port_restore(&t->ports, &l->bind);
        if (l->closed)
            continue;
        LIST_INSERT_HEAD(&t->listeners[l->bind.port % TCP_LISTEN_BUCKETS], l, hash);
        tcp_listener_event(t, l, PCB_EV_IN);
    }
    while ((tb = slab_next_alive(ar, SLAB_TCB, tb)))
        rebuild_tcb(t, tb);
    for (struct tcp_seg *s = NULL; (s = slab_next_alive(ar, SLAB_TCP_SEG, s));)
        rebuild_seg(s);
    for (struct tcp_range *r = NULL; (r = slab_next_alive(ar, SLAB_TCP_RANGE, r));)
        rebuild_range(r);
    while ((tw = slab_next_alive(ar, SLAB_TCP_TW, tw))) {
        uint64_t at = tw->timer.deadline_ns;
        tw->ep.hashed = false;
        tcp_ep_hash(t, &tw->ep);
        TAILQ_INSERT_TAIL(&t->tw_age, tw, age);
        t->tw_cnt++;
        port_restore(&t->ports, &tw->bind);
        if (tw->parent)
            tw->parent->refs++;
        timer_init(&tw->timer, TIMER_TCP_TW);
        timer_arm(&t->c->wheel, &tw->timer, at);
    }
    /* Dead and unreferenced things that only waited for someone. */
    for (tb = NULL; (tb = slab_next_alive(ar, SLAB_TCB, tb));) {
        if (tb->dead || (tb->state == TCPS_CLOSED && !tb->sock && !tb->on_acceptq))
            tcb_free(t, tb);
    }
    for (l = NULL; (l = slab_next_alive(ar, SLAB_TCP_LISTENER, l));) {
        if (!l->closed)
            continue;
        l->refs++; /* the one that is let go */
        tcp_listener_unref(t, l, false);
    }
}

/* ---- invariants ---- */

#define MUST(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return "tcp: " #cond;                                                                  \
    } while (0)

static const char *check_segs(const struct tcb *tb) {
    seq_t at = tb->snd_una;
    uint32_t sacked = 0, lost = 0, retrans = 0, in_flight = 0, queued = 0;
    MUST(rb_check(&tb->segs) == NULL);
    for (struct tcp_seg *s = tcp_seg_first(tb); s; s = tcp_seg_next(s)) {
        MUST(s->tb == tb);
        MUST(seq_eq(s->seq, at)); /* no gap, no overlap */
        MUST(s->len > 0);
        at = seg_end(s);
        sacked += s->flags & SEG_SACKED ? s->len : 0;
        lost += s->flags & SEG_LOST ? s->len : 0;
        retrans += s->flags & SEG_RETRANS ? s->len : 0;
        bool fly = !(s->flags & SEG_SACKED) && (s->flags & (SEG_LOST | SEG_RETRANS)) != SEG_LOST;
        MUST(!!(s->flags & SEG_QUEUED) == fly);
        in_flight += fly;
    }
    MUST(tb->state == TCPS_CLOSED || tcb_outstanding(tb) == 0 || seq_eq(at, tb->snd_nxt));
    MUST(!tb->sack_ok || sacked == tb->sacked_bytes);
    MUST(lost == tb->lost_bytes);
    MUST(retrans == tb->retrans_bytes);
    const struct tcp_seg *s, *prev = NULL;
    TAILQ_FOREACH (s, &tb->tsort, time) {
        MUST(!prev || prev->xmit_ns <= s->xmit_ns);
        prev = s;
        queued++;
    }
    MUST(queued == in_flight);
    return NULL;
}

static const char *check_ooo(const struct tcb *tb) {
    uint64_t at = tb->rcv.end, bytes = 0;
    uint32_t cnt = 0;
    MUST(rb_check(&tb->ooo) == NULL);
    for (struct rb_node *n = rb_first(&tb->ooo); n; n = rb_next(n)) {
        const struct tcp_range *r = UST_CONTAINER_OF(n, struct tcp_range, rb);
        MUST(r->tb == tb);
        MUST(r->start > at && r->end > r->start);
        at = r->end;
        bytes += r->end - r->start;
        cnt++;
    }
    MUST(cnt == tb->ooo_cnt && bytes == tb->ooo_bytes);
    MUST(cnt == 0 || seq_le(tcb_rcv_seq(tb, at), tcb_rcv_edge(tb)));
    return NULL;
}

static const char *check_timers(const struct tcb *tb) {
    for (int i = 0; i < TCPT_COUNT; i++) {
        MUST(tb->deadline_ns[i] == TIME_NEVER ||
             (timer_is_armed(&tb->timer) && tb->timer.deadline_ns <= tb->deadline_ns[i]));
    }
    /* Whatever was sent is watched; a connection cannot fall asleep with something in flight. */
    MUST(tcb_outstanding(tb) == 0 || tcb_armed(tb, TCPT_RTX));
    return NULL;
}

static const char *check_tcb(struct tcp *t, const struct tcb *tb) {
    const char *e;
    if (tb->dead)
        return NULL;
    if ((e = check_segs(tb)) || (e = check_ooo(tb)))
        return e;
    if (tb->state == TCPS_CLOSED) {
        MUST(!tb->ep.hashed && !timer_is_armed(&tb->timer));
        return NULL;
    }
    MUST(tb->ep.hashed);
    MUST(tcp_ep_find(t, &tb->ep.laddr, tb->ep.lport, &tb->ep.raddr, tb->ep.rport) == &tb->ep);
    MUST(seq_le(tb->snd_una, tb->snd_nxt));
    MUST(!tb->fin_sent || tb->fin_wanted);
    MUST(tb->on_synq + tb->on_acceptq < 2);
    MUST(!tb->on_synq || tb->state == TCPS_SYN_RECEIVED);
    MUST(!tb->fo_pending || (tb->parent && tb->fo_child && tb->state == TCPS_SYN_RECEIVED));
    MUST(!tb->fo_deferred || tb->state != TCPS_SYN_SENT || tcb_outstanding(tb) == 0);
    return check_timers(tb);
}

const char *tcp_check(struct tcp *t) {
    struct arena *ar = &t->c->arena;
    uint32_t tcbs = 0, tws = 0, orphans = 0, syns = 0;
    for (struct tcb *tb = NULL; (tb = slab_next_alive(ar, SLAB_TCB, tb));) {
        const char *e = check_tcb(t, tb);
        if (e)
            return e;
        tcbs++;
        orphans += tb->orphan;
        syns += tb->on_synq;
    }
    MUST(tcbs == t->tcb_cnt && orphans == t->orphan_cnt && syns == t->syn_cnt);
    for (struct tcp_tw *tw = NULL; (tw = slab_next_alive(ar, SLAB_TCP_TW, tw)); tws++)
        MUST(tw->ep.hashed && timer_is_armed(&tw->timer));
    MUST(tws == t->tw_cnt);
    for (struct tcp_listener *l = NULL; (l = slab_next_alive(ar, SLAB_TCP_LISTENER, l));) {
        uint32_t syn = 0, acc = 0;
        const struct tcb *tb;
        TAILQ_FOREACH (tb, &l->synq, queue) {
            MUST(tb->on_synq && tb->parent == l);
            syn++;
        }
        TAILQ_FOREACH (tb, &l->acceptq, queue) {
            MUST(tb->on_acceptq && tb->parent == l);
            acc++;
        }
        MUST(syn == l->syn_cnt && acc == l->accept_cnt);
        MUST(l->live_refs <= l->refs);
        MUST(!l->closed || l->refs > 0);
    }
    return NULL;
}
