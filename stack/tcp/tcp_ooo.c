/* SPDX-License-Identifier: ISC */
/*
 * What arrives. Every byte is written once, at its final place in the receive buffer; what is in order is readable at once, what
 * is not becomes a range in a tree. Ranges do not touch or overlap. RFC 9293 3.10.7.4 (seventh), RFC 2018 4, RFC 2883.
 *
 * Bounded: a connection holds at most ooo_max() ranges, and bytes only within the window that was offered.
 */
#include "tcp/tcb.h"

static inline struct tcp_range *range_of(struct rb_node *n) {
    return n ? UST_CONTAINER_OF(n, struct tcp_range, rb) : NULL;
}

/* ---- SACK blocks, most recent first (RFC 2018 4) ---- */

static void recent_remove(struct tcb *tb, uint64_t start, uint64_t end) {
    uint8_t n = 0;
    for (uint8_t i = 0; i < tb->recent_cnt; i++) {
        struct tcp_span s = tb->recent[i];
        if (s.start >= start && s.end <= end)
            continue;
        tb->recent[n++] = s;
    }
    tb->recent_cnt = n;
}

static void recent_put(struct tcb *tb, uint64_t start, uint64_t end) {
    recent_remove(tb, start, end);
    uint8_t keep = UST_MIN(tb->recent_cnt, TCP_SACK_MAX - 1);
    memmove(tb->recent + 1, tb->recent, keep * sizeof tb->recent[0]);
    tb->recent[0] = (struct tcp_span){start, end};
    tb->recent_cnt = (uint8_t)(keep + 1);
}

void tcp_dsack_note(struct tcb *tb, seq_t start, seq_t end) {
    if (!tb->sack_ok || tb->has_dsack)
        return;
    tb->has_dsack = true;
    tb->dsack_start = start;
    tb->dsack_end = end;
}

uint8_t tcp_sack_blocks(const struct tcb *tb, struct tcp_sack *out, uint8_t max) {
    uint8_t n = 0;
    if (!tb->sack_ok)
        return 0;
    if (tb->has_dsack && n < max)
        out[n++] = (struct tcp_sack){tb->dsack_start, tb->dsack_end};
    for (uint8_t i = 0; i < tb->recent_cnt && n < max; i++)
        out[n++] = (struct tcp_sack){tcb_rcv_seq(tb, tb->recent[i].start),
                                     tcb_rcv_seq(tb, tb->recent[i].end)};
    return n;
}

/* ---- ranges ---- */

static void range_free(struct tcp *t, struct tcb *tb, struct tcp_range *r) {
    rb_erase(&tb->ooo, &r->rb);
    tb->ooo_cnt--;
    tb->ooo_bytes -= r->end - r->start;
    slab_free(&t->c->arena, r);
}

void tcp_ooo_clear(struct tcp *t, struct tcb *tb) {
    for (struct tcp_range *r; (r = range_of(rb_first(&tb->ooo)));)
        range_free(t, tb, r);
    tb->recent_cnt = 0;
    tb->has_dsack = tb->fin_ooo = false;
}

/* Memory is out: what is out of order is given up, as the RFC allows (RFC 2018 8), so that what is in order has room. */
static void renege(struct tcp *t, struct tcb *tb) {
    tcp_ooo_clear(t, tb);
    sbuf_trim(&tb->rcv, &t->c->arena, tb->rcv.end);
}

/* The last range that starts at or before pos. */
static struct tcp_range *range_before(const struct tcb *tb, uint64_t pos) {
    struct tcp_range *best = NULL;
    for (struct rb_node *n = tb->ooo.top; n;) {
        struct tcp_range *r = range_of(n);
        if (r->start <= pos) {
            best = r;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

static uint32_t ooo_max(const struct tcb *tb) { return UST_MAX(tb->rcvbuf >> 10, TCP_OOO_MIN); }

static bool range_add(struct tcp *t, struct tcb *tb, uint64_t start, uint64_t end) {
    struct tcp_range *r = range_before(tb, start);
    if (r && r->end >= start) { /* touches the one on the left: it grows */
        if (r->end >= end) {
            tcp_dsack_note(tb, tcb_rcv_seq(tb, start), tcb_rcv_seq(tb, end));
            recent_put(tb, r->start, r->end);
            return true;
        }
        if (r->end > start)
            tcp_dsack_note(tb, tcb_rcv_seq(tb, start), tcb_rcv_seq(tb, r->end));
        tb->ooo_bytes += end - r->end;
        r->end = end;
    } else {
        if (tb->ooo_cnt >= ooo_max(tb) || !(r = slab_alloc(&t->c->arena, SLAB_TCP_RANGE)))
            return false;
        r->tb = tb;
        r->start = start;
        r->end = end;
        struct rb_node *parent = NULL, **link = &tb->ooo.top;
        while (*link) {
            parent = *link;
            link = start < range_of(parent)->start ? &parent->left : &parent->right;
        }
        rb_link(&tb->ooo, &r->rb, parent, link);
        tb->ooo_cnt++;
        tb->ooo_bytes += end - start;
        slab_birth(&t->c->arena, r);
    }
    for (struct tcp_range *n; (n = range_of(rb_next(&r->rb))) && n->start <= r->end;) {
        if (n->start < end && n->start >= start)
            tcp_dsack_note(tb, tcb_rcv_seq(tb, n->start), tcb_rcv_seq(tb, UST_MIN(n->end, end)));
        if (n->end > r->end) {
            tb->ooo_bytes += n->end - r->end;
            r->end = n->end;
        }
        recent_remove(tb, n->start, n->end);
        tb->ooo_bytes -= n->end - n->start; /* counted in r now */
        rb_erase(&tb->ooo, &n->rb);
        tb->ooo_cnt--;
        slab_free(&t->c->arena, n);
    }
    recent_put(tb, r->start, r->end);
    return true;
}

/* Bytes are in order up to pos: ranges that this reaches are too, and move it on. */
static void range_absorb(struct tcp *t, struct tcb *tb, uint64_t *pos) {
    for (struct tcp_range *r; (r = range_of(rb_first(&tb->ooo))) && r->start <= *pos;) {
        if (r->start < *pos)
            tcp_dsack_note(tb, tcb_rcv_seq(tb, r->start), tcb_rcv_seq(tb, UST_MIN(r->end, *pos)));
        *pos = UST_MAX(*pos, r->end);
        recent_remove(tb, r->start, r->end);
        range_free(t, tb, r);
    }
}

/* ---- urgent data (RFC 9293 3.8.5, as Linux: the pointer points behind the urgent byte; RFC 6093) ---- */

/* RFC 9293 3.8.5 MUST-30 */
void tcp_urg_rx(struct tcp *t, struct tcb *tb, const struct tcp_in *in) {
    if (!(in->h.flags & TCPF_URG) || in->h.urg == 0 || tb->rd_shut)
        return;
    uint64_t pos = tcb_rcv_pos(tb, seq_add(in->h.seq, in->h.urg - 1u));
    if ((int64_t)(pos - tb->rcv.start) < 0)
        return; /* read already */
    if (tb->urg_state != TCP_URG_NONE && (int64_t)(pos - tb->urg_pos) <= 0)
        return;
    tb->urg_pos = pos;
    tb->urg_state = TCP_URG_NOT_YET;
    /* RFC 9293 3.8.5 MUST-32 */
    tcb_event(t, tb, PCB_EV_PRI);
}

/* The byte itself has arrived, in or out of order. */
static void urg_take(struct tcp *t, struct tcb *tb, uint64_t start, struct ust_slice d) {
    if (tb->urg_state != TCP_URG_NOT_YET || tb->urg_pos < start || tb->urg_pos >= start + d.len)
        return;
    tb->urg_byte = d.p[tb->urg_pos - start];
    tb->urg_state = TCP_URG_VALID;
    tcb_event(t, tb, PCB_EV_PRI);
}

/* ---- data ---- */

static enum drop take_in_order(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in,
                               uint64_t start) {
    uint64_t end = start + in->data.len, old = tb->rcv.end;
    if (sbuf_write_at(&tb->rcv, &t->c->arena, start, in->data) < 0) {
        renege(t, tb);
        if (sbuf_write_at(&tb->rcv, &t->c->arena, start, in->data) < 0)
            return DROP_TCP_RCVBUF;
    }
    bool filled = tb->ooo_cnt > 0;
    if (filled && !in->fin) /* what lies behind a FIN is nothing */
        range_absorb(t, tb, &end);
    uint32_t n = (uint32_t)(end - old);
    sbuf_advance_end(&tb->rcv, end);
    tb->rcv_nxt = seq_add(tb->rcv_nxt, n);
    tb->bytes_received += n;
    t->stats.rx_bytes += n;
    urg_take(t, tb, start, in->data);
    tcp_wnd_rx(t, now_ns, tb, in);
    /* RFC 5681 4.2: at once when a hole is filled, wholly or in part. */
    tcp_ack_schedule(t, now_ns, tb, filled);
    tcb_event(t, tb, PCB_EV_IN);
    return DROP_NONE;
}

/* RFC 9293 3.10.7.4 SHLD-31 */
static enum drop take_ooo(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in,
                          uint64_t start) {
    uint64_t end = start + in->data.len;
    t->stats.ooo_segs++;
    tb->ooo_seen++;
    tcp_ack_schedule(t, now_ns, tb, true); /* RFC 5681 4.2 */
    if (in->fin) {
        tb->fin_ooo = true;
        tb->fin_pos = end;
        in->fin = false; /* not yet */
    }
    if (in->data.len == 0)
        return DROP_NONE;
    if (sbuf_write_at(&tb->rcv, &t->c->arena, start, in->data) < 0)
        return DROP_TCP_MEMORY;
    if (!range_add(t, tb, start, end)) {
        if (tb->ooo_cnt == 0)
            sbuf_trim(&tb->rcv, &t->c->arena, tb->rcv.end);
        return DROP_TCP_OOO_LIMIT;
    }
    urg_take(t, tb, start, in->data);
    return DROP_NONE;
}

enum drop tcp_data_rx(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    uint64_t start = tcb_rcv_pos(tb, in->seq);
    if (in->data.len == 0 && !in->fin)
        return DROP_NONE;
    if (in->data.len > 0)
        tb->data_segs_in += in->seg_cnt;
    if (start > tb->rcv.end)
        return take_ooo(t, now_ns, tb, in, start);
    enum drop d = DROP_NONE;
    if (in->data.len > 0)
        d = take_in_order(t, now_ns, tb, in, start);
    if (d != DROP_NONE)
        return d;
    if (tb->fin_ooo && tb->fin_pos <= tb->rcv.end) {
        /* Bytes came from behind it: then it never was the end, as on Linux. */
        in->fin |= tb->fin_pos == tb->rcv.end;
        tb->fin_ooo = false;
    }
    return DROP_NONE;
}
