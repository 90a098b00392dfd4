/* SPDX-License-Identifier: ISC */
#include "net/errq.h"

void errq_define(struct core *c) { slab_define(&c->arena, SLAB_ERRQ, sizeof(struct errq_item), 0); }

bool errq_push(struct errq *q, struct core *c, const struct errq_item *it, struct ust_slice quote,
               uint32_t limit) {
    uint32_t charge = ERRQ_CHARGE + (uint32_t)quote.len;
    if (q->charged + charge > limit)
        return false;
    struct errq_item *n = slab_alloc(&c->arena, SLAB_ERRQ);
    uint8_t *buf = n && quote.len ? buf_alloc(&c->arena, quote.len) : NULL;
    if (!n || (quote.len && !buf)) {
        slab_free(&c->arena, n);
        return false;
    }
    *n = *it;
    n->len = (uint32_t)quote.len;
    n->charge = charge;
    n->buf = buf;
    if (buf)
        memcpy(buf, quote.p, quote.len);
    STAILQ_INSERT_TAIL(&q->items, n, link);
    q->cnt++;
    q->charged += charge;
    slab_birth(&c->arena, n);
    return true;
}

bool errq_push_error(struct errq *q, struct core *c, const struct ip_error *e, uint16_t dport,
                     struct ust_slice quote, uint32_t limit) {
    struct errq_item it = {.err = e->err,
                           .origin = addr_is_ip4(&e->dst) ? ERRQ_ICMP4 : ERRQ_ICMP6,
                           .type = e->icmp_type,
                           .code = e->icmp_code,
                           .info = e->info,
                           .offender = e->from,
                           .dst = e->dst,
                           .dport = dport,
                           .to = e->src,
                           .ttl = e->ttl,
                           .tos = e->tos,
                           .ts_ns = e->ts_ns};
    return errq_push(q, c, &it, quote, limit);
}

bool errq_push_local(struct errq *q, struct core *c, int err, const struct ust_addr *dst,
                     uint16_t dport, uint32_t info, uint32_t limit) {
    struct errq_item it = {
        .err = err, .origin = ERRQ_LOCAL, .info = info, .dst = *dst, .dport = dport};
    return errq_push(q, c, &it, slice_of(NULL, 0), limit);
}

int errq_consume(struct errq *q, struct core *c) {
    struct errq_item *it = STAILQ_FIRST(&q->items);
    assert(it);
    STAILQ_REMOVE_HEAD(&q->items, link);
    q->cnt--;
    q->charged -= it->charge;
    buf_free(&c->arena, it->buf);
    slab_free(&c->arena, it);
    it = STAILQ_FIRST(&q->items);
    return it && it->origin != ERRQ_LOCAL ? it->err : 0;
}

void errq_purge(struct errq *q, struct core *c) {
    while (errq_peek(q))
        errq_consume(q, c);
}

const char *errq_check(const struct errq *q, uint32_t *cnt) {
    const struct errq_item *it;
    uint32_t n = 0, charged = 0;
    STAILQ_FOREACH (it, &q->items, link) {
        n++;
        charged += it->charge;
    }
    *cnt += n;
    return n == q->cnt && charged == q->charged ? NULL : "error queue: counts";
}
