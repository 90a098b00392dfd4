/* SPDX-License-Identifier: ISC */
#include "link/link.h"

#include "link/fault.h"
#include "link/gso.h"
#include "wire/eth.h"

#define TXQ_MASK (LINK_TXQ_CAP - 1)
#define LOOPQ_MASK (LINK_LOOPQ_CAP - 1)
_Static_assert((LINK_TXQ_CAP & TXQ_MASK) == 0 && (LINK_LOOPQ_CAP & LOOPQ_MASK) == 0,
               "queue lengths are powers of two");

int link_init(struct link *l, struct core *c, const struct ust_mac *mac, uint32_t mtu,
              uint32_t features, uint32_t gso_max_bytes) {
    memset(l, 0, sizeof *l);
    l->c = c;
    l->mac = *mac;
    l->mtu = mtu;
    l->features = features;
    l->gso_max_bytes = gso_max_bytes;
    l->txq = span_alloc(&c->arena, LINK_TXQ_CAP * sizeof *l->txq);
    l->loopq = span_alloc(&c->arena, LINK_LOOPQ_CAP * sizeof *l->loopq);
    if (l->txq && l->loopq)
        return 0;
    if (l->txq)
        span_free(&c->arena, l->txq);
    if (l->loopq)
        span_free(&c->arena, l->loopq);
    l->txq = NULL;
    l->loopq = NULL;
    return -ENOMEM;
}

void link_fini(struct link *l) {
    if (!l->txq)
        return;
    assert(!l->reserved);
    fault_detach(l);
    while (l->tx_head != l->tx_tail)
        buf_free(&l->c->arena, l->txq[l->tx_tail++ & TXQ_MASK].own);
    while (l->loop_head != l->loop_tail)
        buf_free(&l->c->arena, l->loopq[l->loop_tail++ & LOOPQ_MASK].buf);
    span_free(&l->c->arena, l->txq);
    span_free(&l->c->arena, l->loopq);
    l->txq = NULL;
    l->loopq = NULL;
}

struct pkt_tx *link_reserve(struct link *l) {
    assert(!l->reserved);
    if (!l->txq || link_room(l) == 0)
        return NULL;
    struct pkt_tx *p = &l->txq[l->tx_head & TXQ_MASK];
    p->own = NULL;
    l->reserved = true;
    return p;
}

void link_cancel(struct link *l, struct pkt_tx *p) {
    assert(l->reserved && p == &l->txq[l->tx_head & TXQ_MASK]);
    buf_free(&l->c->arena, p->own);
    p->own = NULL;
    l->reserved = false;
}

bool link_loop(struct link *l, uint64_t now_ns, const struct pkt_tx *p) {
    if (l->loop_head - l->loop_tail == LINK_LOOPQ_CAP) {
        core_drop(l->c, now_ns, DROP_LINK_LOOPQ_FULL);
        return false;
    }
    uint32_t l2_len = p->l3_off > p->head_off ? (uint32_t)(p->l3_off - p->head_off) : 0;
    uint32_t len = pkt_len(p) - l2_len, n = 0;
    uint8_t *buf = buf_alloc(&l->c->arena, len);
    if (!buf) {
        core_drop(l->c, now_ns, DROP_LINK_LOOP_MEMORY);
        return false;
    }
    /* Not pkt_linearize(): nobody verifies the checksum of a packet that never left, so an open one stays open. */
    uint32_t from = p->head_off + l2_len;
    memcpy(buf, p->head + from, (size_t)p->head_end - from);
    n = p->head_end - from;
    for (int i = 0; i < p->slice_cnt; i++) {
        memcpy(buf + n, p->body[i].p, p->body[i].len);
        n += (uint32_t)p->body[i].len;
    }
    l->loopq[l->loop_head++ & LOOPQ_MASK] =
        (struct loop_frame){.buf = buf, .len = n, .gso = p->gso, .gso_size = p->gso_size};
    return true;
}

static bool device_takes_gso(const struct link *l, const struct pkt_tx *p) {
    static const uint32_t need[] = {[PKT_GSO_NONE] = 0,
                                    [PKT_GSO_TCP4] = LINK_F_TSO4,
                                    [PKT_GSO_TCP6] = LINK_F_TSO6,
                                    [PKT_GSO_UDP] = LINK_F_USO};
    if (p->gso == PKT_GSO_NONE)
        return true;
    return (l->features & need[p->gso]) && pkt_len(p) <= l->gso_max_bytes + ETH_HDR_LEN;
}

/* The slot p goes out as it is. */
static void enqueue(struct link *l, uint64_t now_ns, struct pkt_tx *p) {
    if (p->gso == PKT_GSO_NONE && pkt_len(p) > l->mtu + ETH_HDR_LEN) {
        core_drop(l->c, now_ns, DROP_LINK_TOO_LONG);
        link_cancel(l, p);
        return;
    }
    if (!(l->features & LINK_F_CSUM))
        pkt_complete_csum(p);
    l->reserved = false;
    l->tx_head++;
}

/* Segments p, which the device would not take whole, into slots of its own. */
static void enqueue_segments(struct link *l, uint64_t now_ns, struct pkt_tx *p) {
    struct arena *ar = &l->c->arena;
    uint32_t len = pkt_len(p);
    uint16_t gso_size = p->gso_size;
    uint8_t *whole = buf_alloc(ar, len);
    if (whole)
        pkt_linearize(p, whole, len);
    link_cancel(l, p);
    struct gso_iter it;
    bool ok = whole && gso_begin(&it, slice_of(whole, len), gso_size);
    while (ok && it.off < it.hdr.payload_len) {
        struct pkt_tx *q = link_reserve(l);
        uint8_t *buf = q ? buf_alloc(ar, gso_frame_max(&it)) : NULL;
        if (!buf) {
            if (q)
                link_cancel(l, q);
            ok = false;
            break;
        }
        pkt_start(q, 0);
        q->own = buf;
        pkt_add_body(q, slice_of(buf, gso_next(&it, buf, gso_frame_max(&it))));
        enqueue(l, now_ns, q);
    }
    if (!ok)
        core_drop(l->c, now_ns, DROP_LINK_GSO);
    buf_free(ar, whole);
}

void link_commit(struct link *l, uint64_t now_ns, struct pkt_tx *p) {
    assert(l->reserved && p == &l->txq[l->tx_head & TXQ_MASK]);
    if (p->to_loop) {
        link_loop(l, now_ns, p);
        link_cancel(l, p);
    } else if (l->fault) {
        fault_tx(l, now_ns, p);
    } else if (device_takes_gso(l, p)) {
        enqueue(l, now_ns, p);
    } else {
        enqueue_segments(l, now_ns, p);
    }
}

bool link_push_frame(struct link *l, uint64_t now_ns, uint8_t *buf, uint32_t len) {
    struct pkt_tx *p = link_reserve(l);
    if (!p)
        return false;
    pkt_start(p, 0);
    p->own = buf;
    pkt_add_body(p, slice_of(buf, len));
    enqueue(l, now_ns, p);
    return true;
}

struct pkt_tx *link_tx_peek(struct link *l) {
    return l->tx_head == l->tx_tail ? NULL : &l->txq[l->tx_tail & TXQ_MASK];
}

void link_tx_done(struct link *l) {
    assert(l->tx_head != l->tx_tail);
    struct pkt_tx *p = &l->txq[l->tx_tail & TXQ_MASK];
    l->stats.tx_frames++;
    l->stats.tx_bytes += pkt_len(p);
    if (p->gso)
        l->stats.tx_gso_frames++;
    buf_free(&l->c->arena, p->own);
    p->own = NULL;
    l->tx_tail++;
}

bool link_rx(struct link *l, uint64_t now_ns, const struct pkt_rx *p) {
    l->stats.rx_frames++;
    l->stats.rx_bytes += p->frame.len;
    if (p->gso)
        l->stats.rx_gso_frames++;
    return l->fault ? fault_rx(l, now_ns, p) : true;
}

bool link_held_next(struct link *l, uint64_t now_ns, struct pkt_rx *p) {
    assert(l->held == LINK_HELD_NONE);
    if (l->loop_head != l->loop_tail) {
        const struct loop_frame *f = &l->loopq[l->loop_tail & LOOPQ_MASK];
        memset(p, 0, sizeof *p);
        p->frame = slice_of(f->buf, f->len);
        p->csum_ok = true;
        p->looped = true;
        p->gso = f->gso;
        p->gso_size = f->gso_size;
        l->stats.loop_frames++;
        l->held = LINK_HELD_LOOP;
        return true;
    }
    if (l->fault && fault_held_next(l, now_ns, p)) {
        l->held = LINK_HELD_FAULT;
        return true;
    }
    return false;
}

void link_held_done(struct link *l) {
    if (l->held == LINK_HELD_LOOP)
        buf_free(&l->c->arena, l->loopq[l->loop_tail++ & LOOPQ_MASK].buf);
    else if (l->held == LINK_HELD_FAULT)
        fault_held_done(l);
    l->held = LINK_HELD_NONE;
}

void link_rebuild(struct link *l) {
    l->reserved = false;
    l->held = LINK_HELD_NONE;
    fault_rebuild(l);
}

void link_timer(struct link *l, uint64_t now_ns, struct timer *t) {
    assert(t->kind == TIMER_FAULT);
    (void)t;
    if (l->fault)
        fault_timer(l, now_ns);
}
