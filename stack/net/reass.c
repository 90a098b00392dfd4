/* SPDX-License-Identifier: ISC */
#include "net/reass.h"

#define REASS_SRC_MAX (REASS_MAX / 4)
#define REASS_SRC_BYTES (REASS_BYTES / 4)

void reass_init(struct reass *r, struct core *c) {
    memset(r, 0, sizeof *r);
    r->c = c;
    r->timeout_ns = REASS_TIMEOUT_NS;
    TAILQ_INIT(&r->list);
    slab_define(&c->arena, SLAB_REASS, sizeof(struct reass_dgram), REASS_MAX);
    slab_define(&c->arena, SLAB_FRAG, sizeof(struct frag), 0);
}

static void free_frags(struct reass *r, struct reass_dgram *d) {
    struct frag *f;
    while ((f = TAILQ_FIRST(&d->frags)) != NULL) {
        TAILQ_REMOVE(&d->frags, f, link);
        buf_free(&r->c->arena, f->buf);
        slab_free(&r->c->arena, f);
    }
    r->mem_bytes -= d->mem_bytes;
    d->mem_bytes = 0;
    d->have_bytes = 0;
    d->frag_cnt = 0;
}

static void dgram_free(struct reass *r, struct reass_dgram *d) {
    free_frags(r, d);
    timer_disarm(&r->c->wheel, &d->timer);
    TAILQ_REMOVE(&r->list, d, link);
    r->cnt--;
    slab_free(&r->c->arena, d);
}

void reass_fini(struct reass *r) {
    struct reass_dgram *d;
    while ((d = TAILQ_FIRST(&r->list)) != NULL)
        dgram_free(r, d);
}

/* What one walk over the list tells about a fragment's datagram and its source. */
struct survey {
    struct reass_dgram *match;
    struct reass_dgram *src_oldest; /* of the same source, other than match */
    uint32_t src_cnt, src_bytes;
};

static struct survey survey_of(const struct reass *r, const struct ip_rx *rx, uint32_t id) {
    struct survey s = {0};
    struct reass_dgram *d;
    TAILQ_FOREACH (d, &r->list, link) {
        if (!addr_eq(&d->src, &rx->src))
            continue;
        s.src_cnt++;
        s.src_bytes += d->mem_bytes;
        if (d->id == id && d->proto == rx->proto && addr_eq(&d->dst, &rx->dst))
            s.match = d;
        else if (!s.src_oldest)
            s.src_oldest = d;
    }
    return s;
}

/* RFC 8200 4.5 MUST-8 */
static struct reass_dgram *dgram_new(struct reass *r, uint64_t now_ns, const struct ip_rx *rx,
                                     uint32_t id) {
    struct reass_dgram *d = slab_alloc(&r->c->arena, SLAB_REASS);
    if (!d)
        return NULL;
    d->src = rx->src;
    d->dst = rx->dst;
    d->proto = rx->proto;
    d->ttl = rx->ttl;
    d->tos = rx->tos;
    d->id = id;
    TAILQ_INIT(&d->frags);
    timer_init(&d->timer, TIMER_REASS);
    timer_arm(&r->c->wheel, &d->timer,
              now_ns + (addr_is_ip4(&rx->src) ? r->timeout_ns : REASS_TIMEOUT6_NS));
    TAILQ_INSERT_TAIL(&r->list, d, link);
    r->cnt++;
    slab_birth(&r->c->arena, d);
    return d;
}

/*
 * Makes room for a fragment that will hold `need` bytes of memory: a source above its quarter loses its own oldest datagram, else the
 * oldest of all goes. `keep` stays. False: no room.
 */
static bool make_room(struct reass *r, const struct survey *s, struct reass_dgram *keep,
                      uint32_t need) {
    if (s->src_oldest &&
        (s->src_bytes + need > REASS_SRC_BYTES || (!keep && s->src_cnt >= REASS_SRC_MAX)))
        dgram_free(r, s->src_oldest);
    for (;;) {
        bool full = !keep && r->cnt >= REASS_MAX;
        if (!full && r->mem_bytes + need <= REASS_BYTES)
            return true;
        struct reass_dgram *old = TAILQ_FIRST(&r->list);
        if (old == keep && old)
            old = TAILQ_NEXT(old, link);
        if (!old)
            return false;
        dgram_free(r, old);
    }
}

/* The rest of the datagram is of no use: an attack (RFC 1858, RFC 5722) or damage. Its fragments are refused until it times out. */
/* RFC 8200 4.5 MUST-9 */
static enum drop poison(struct reass *r, struct reass_dgram *d, enum drop why) {
    free_frags(r, d);
    d->poisoned = true;
    return why;
}

/*
 * Where does [off, end) go? DROP_NONE with the fragment behind which it goes (NULL: at the front); FRAG_DUP an exact
 * duplicate; FRAG_OVERLAP any other touch.
 */
static enum drop find_place(const struct reass_dgram *d, uint32_t off, struct ust_slice data,
                            struct frag **behind) {
    struct frag *f;
    uint32_t end = off + (uint32_t)data.len;
    TAILQ_FOREACH_REVERSE(f, &d->frags, frag_list, link) {
        if (f->off + f->len <= off)
            break;
        if (f->off >= end)
            continue;
        bool same = f->off == off && f->len == data.len && memcmp(f->buf, data.p, data.len) == 0;
        return same ? DROP_FRAG_DUP : DROP_FRAG_OVERLAP;
    }
    *behind = f;
    return DROP_NONE;
}

static enum drop assemble(struct reass *r, struct reass_dgram *d, struct reass_out *out) {
    const struct frag *f;
    uint8_t *buf = buf_alloc(&r->c->arena, (size_t)d->ip_hdr_len + d->total_len);
    if (!buf) {
        dgram_free(r, d);
        return DROP_FRAG_ASSEMBLE;
    }
    out->buf = buf;
    out->hdr_len = d->ip_hdr_len;
    out->payload_len = d->total_len;
    memcpy(buf, d->first_hdr, d->ip_hdr_len);
    TAILQ_FOREACH (f, &d->frags, link)
        memcpy(buf + d->ip_hdr_len + f->off, f->buf, f->len);
    dgram_free(r, d);
    return DROP_NONE;
}

/* What can be said of a fragment without looking at the others. */
static enum drop check_alone(const struct ip_rx *rx, uint32_t off, bool more, size_t hdr_len) {
    size_t len = rx->payload.len;
    if (len == 0)
        return DROP_FRAG_EMPTY;
    if (more && len % 8)
        return DROP_FRAG_LEN;
    if (addr_is_ip4(&rx->src) && hdr_len + off + len > 65535)
        return DROP_FRAG_RANGE;
    return DROP_NONE;
}

enum drop reass_add(struct reass *r, uint64_t now_ns, const struct ip_rx *rx, uint32_t id,
                    uint32_t off, bool more, struct ust_slice hdr, struct reass_out *out) {
    struct arena *ar = &r->c->arena;
    uint32_t len = (uint32_t)rx->payload.len, end = off + len;
    enum drop why = check_alone(rx, off, more, hdr.len);
    if (why != DROP_NONE)
        return why;
    struct survey s = survey_of(r, rx, id);
    struct reass_dgram *d = s.match;
    if (d && d->poisoned)
        return DROP_FRAG_POISONED;

    struct frag *behind = NULL;
    if (d) {
        why = find_place(d, off, rx->payload, &behind);
        if (why == DROP_FRAG_DUP)
            return why;
        if (why != DROP_NONE)
            return poison(r, d, why);
        const struct frag *last = TAILQ_LAST(&d->frags, frag_list);
        bool beyond = d->have_last ? !more || end > d->total_len
                                   : !more && last && last->off + last->len > end;
        if (beyond)
            return poison(r, d, DROP_FRAG_END_CONFLICT);
        if (d->frag_cnt >= REASS_FRAG_MAX)
            return poison(r, d, DROP_FRAG_TOO_MANY);
    }

    uint8_t *buf = buf_alloc(ar, len);
    struct frag *f = buf ? slab_alloc(ar, SLAB_FRAG) : NULL;
    uint32_t cost = buf ? (uint32_t)(buf_cap(ar, buf) + sizeof *f) : 0;
    if (f && make_room(r, &s, d, cost) && !d)
        d = dgram_new(r, now_ns, rx, id);
    if (!f || !d || r->mem_bytes + cost > REASS_BYTES) {
        buf_free(ar, buf);
        slab_free(ar, f);
        return DROP_FRAG_MEMORY;
    }
    memcpy(buf, rx->payload.p, len);
    f->buf = buf;
    f->off = off;
    f->len = len;
    if (behind)
        TAILQ_INSERT_AFTER(&d->frags, behind, f, link);
    else
        TAILQ_INSERT_HEAD(&d->frags, f, link);
    slab_birth(ar, f);
    d->frag_cnt++;
    d->have_bytes += len;
    d->mem_bytes += cost;
    r->mem_bytes += cost;
    if (!more) {
        d->have_last = true;
        d->total_len = end;
    }
    if (off == 0) {
        size_t room = UST_MIN(hdr.len, (size_t)REASS_HDR_MAX),
               l4 = UST_MIN((size_t)REASS_QUOTE, (size_t)len);
        memcpy(d->first_hdr, hdr.p, room);
        memcpy(d->first_hdr + room, rx->payload.p, l4);
        d->ip_hdr_len = (uint16_t)room;
        d->first_hdr_len = (uint16_t)(room + l4);
    }
    if (!d->have_last || d->have_bytes != d->total_len)
        return DROP_COUNT;
    return assemble(r, d, out);
}

bool reass_timer(struct reass *r, uint64_t now_ns, struct timer *t,
                 uint8_t hdr_buf[REASS_HDR_MAX + REASS_QUOTE], struct ip_rx *first) {
    struct reass_dgram *d = UST_CONTAINER_OF(t, struct reass_dgram, timer);
    bool tell = d->first_hdr_len && !d->poisoned;
    if (tell) {
        memset(first, 0, sizeof *first);
        memcpy(hdr_buf, d->first_hdr, d->first_hdr_len);
        first->src = d->src;
        first->dst = d->dst;
        first->proto = d->proto;
        first->ttl = d->ttl;
        first->tos = d->tos;
        first->packet = slice_of(hdr_buf, d->first_hdr_len);
        first->payload = slice_skip(first->packet, d->ip_hdr_len);
    }
    core_drop_flow(r->c, now_ns, DROP_FRAG_TIMEOUT, &d->src, -1, &d->dst, -1);
    dgram_free(r, d);
    return tell;
}

/* A crash inside the lock: half-assembled datagrams are given up; who sent them sends again. */
void reass_rebuild(struct reass *r) {
    struct reass_dgram *d = NULL;
    struct frag *f = NULL;
    while ((f = slab_next_alive(&r->c->arena, SLAB_FRAG, f)) != NULL) {
        buf_free(&r->c->arena, f->buf);
        slab_free(&r->c->arena, f);
    }
    while ((d = slab_next_alive(&r->c->arena, SLAB_REASS, d)) != NULL)
        slab_free(&r->c->arena, d);
    TAILQ_INIT(&r->list);
    r->cnt = 0;
    r->mem_bytes = 0;
}
