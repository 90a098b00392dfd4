/* SPDX-License-Identifier: ISC */
/*
 * The fault link. Each direction is a lane: dice for loss (Gilbert: a good and a bad state, all lost in the bad one), duplication,
 * corruption and reordering, a transmitter of limited rate, and the frames under way, in a tree by the time that they are due.
 *
 * Invariants: every frame held is a SLAB_FAULT_FRAME with a buffer of its own, in the tree of its lane; those whose last bit has not left
 * the rate limiter are in the lane's `waiting` list too, in the order they leave (that is what queue_cnt bounds).
 * The dice of the two lanes are apart, so that what one direction suffers does not hang on the other's traffic.
 *
 * Not done: correlation of delays, rate overhead of preamble and inter-frame gap.
 */
#include "link/fault.h"

#include "base/rbtree.h"
#include "link/gso.h"

#define FAULT_QUEUE_DEFAULT 1000
#define FAULT_FRAMES_MAX 16384 /* held in all */

struct fault_frame {
    struct rb_node by_due;
    TAILQ_ENTRY(fault_frame) waiting;
    bool is_waiting;
    bool csum_ok, has_vlan;
    uint16_t vlan_tci;
    uint32_t len;
    uint8_t *buf;
    uint64_t due_ns, left_ns; /* left_ns: its last bit leaves the rate limiter */
    uint64_t ts_ns;
};

struct lane {
    struct fault_spec spec;
    struct rng rng;
    bool bad;         /* Gilbert state */
    uint64_t free_ns; /* the rate limiter is idle from then on */
    struct rb_root due;
    TAILQ_HEAD(, fault_frame) waiting;
    uint32_t waiting_cnt;
};

struct fault {
    struct lane tx, rx;
    struct timer timer;
    uint32_t features, gso_max_bytes; /* the link's, while this is off */
};

static bool hit(struct lane *ln, uint32_t ppm) { return ppm && rng_below(&ln->rng, 1000000) < ppm; }

/* Gilbert: leaving the bad state has the chance 1/burst, entering it what makes the share of bad frames loss_ppm. */
static bool lost(struct lane *ln) {
    uint32_t loss = ln->spec.loss_ppm, burst = ln->spec.burst;
    if (burst <= 1 || loss == 0 || loss >= 1000000)
        return hit(ln, loss);
    if (ln->bad)
        ln->bad = rng_below(&ln->rng, burst) != 0;
    else
        ln->bad = rng_below(&ln->rng, 1000000) <
                  (uint64_t)loss * 1000000 / ((uint64_t)burst * (1000000 - loss));
    return ln->bad;
}

static void lane_init(struct lane *ln, const struct fault_spec *spec, uint64_t seed, uint8_t dir) {
    uint8_t secret[16] = {0};
    memset(ln, 0, sizeof *ln);
    ln->spec = *spec;
    if (ln->spec.queue_cnt == 0)
        ln->spec.queue_cnt = FAULT_QUEUE_DEFAULT;
    memcpy(secret, &seed, sizeof seed);
    secret[15] = dir;
    rng_init(&ln->rng, secret);
    TAILQ_INIT(&ln->waiting);
}

static struct fault_frame *frame_of(struct rb_node *n) {
    return n ? UST_CONTAINER_OF(n, struct fault_frame, by_due) : NULL;
}
static struct fault_frame *first_due(const struct lane *ln) { return frame_of(rb_first(&ln->due)); }

int fault_attach(struct link *l, const struct fault_cfg *cfg, uint64_t now_ns) {
    assert(!l->fault);
    struct arena *ar = &l->c->arena;
    if (ar->classes[SLAB_FAULT_FRAME].obj_bytes == 0)
        slab_define(ar, SLAB_FAULT_FRAME, sizeof(struct fault_frame), FAULT_FRAMES_MAX);
    struct fault *f = buf_alloc(ar, sizeof *f);
    if (!f)
        return -ENOMEM;
    uint64_t seed = cfg->seed ? cfg->seed : rng_u64(&l->c->rng) >> 32 | 1;
    TRACE(&l->c->trace, now_ns, LINK, "fault on seed %llu", (unsigned long long)seed);
    lane_init(&f->tx, &cfg->tx, seed, 't');
    lane_init(&f->rx, &cfg->rx, seed, 'r');
    timer_init(&f->timer, TIMER_FAULT);
    f->features = l->features;
    f->gso_max_bytes = l->gso_max_bytes;
    l->fault = f;
    /* Transports send wire-size frames, so that one loss is one segment; checksums are completed before a bit can flip. */
    l->features = 0;
    l->gso_max_bytes = 0;
    return 0;
}

static void frame_free(struct link *l, struct lane *ln, struct fault_frame *fr) {
    rb_erase(&ln->due, &fr->by_due);
    if (fr->is_waiting) {
        TAILQ_REMOVE(&ln->waiting, fr, waiting);
        ln->waiting_cnt--;
    }
    buf_free(&l->c->arena, fr->buf);
    slab_free(&l->c->arena, fr);
}

void fault_detach(struct link *l) {
    struct fault *f = l->fault;
    if (!f)
        return;
    assert(l->held != LINK_HELD_FAULT);
    struct fault_frame *fr;
    while ((fr = first_due(&f->tx)) != NULL)
        frame_free(l, &f->tx, fr);
    while ((fr = first_due(&f->rx)) != NULL)
        frame_free(l, &f->rx, fr);
    timer_disarm(&l->c->wheel, &f->timer);
    l->features = f->features;
    l->gso_max_bytes = f->gso_max_bytes;
    buf_free(&l->c->arena, f);
    l->fault = NULL;
}

/* The timer fires for the first frame that is due on either side; for one to send not before tx_floor_ns, for received ones only for
 * those due later than rx_after_ns. */
static void arm(struct link *l, uint64_t tx_floor_ns, uint64_t rx_after_ns) {
    struct fault *f = l->fault;
    const struct fault_frame *t = first_due(&f->tx), *r = first_due(&f->rx);
    uint64_t at = t ? UST_MAX(t->due_ns, tx_floor_ns) : TIME_NEVER;
    if (r && r->due_ns > rx_after_ns)
        at = UST_MIN(at, r->due_ns);
    if (at == TIME_NEVER)
        timer_disarm(&l->c->wheel, &f->timer);
    else
        timer_arm(&l->c->wheel, &f->timer, at);
}

/* Frames whose last bit has left by now wait no longer. */
static void rate_advance(struct lane *ln, uint64_t now_ns) {
    struct fault_frame *fr;
    while ((fr = TAILQ_FIRST(&ln->waiting)) != NULL && fr->left_ns <= now_ns) {
        TAILQ_REMOVE(&ln->waiting, fr, waiting);
        fr->is_waiting = false;
        ln->waiting_cnt--;
    }
}

static uint64_t delay_of(struct lane *ln) {
    uint64_t d = ln->spec.delay_ns, j = ln->spec.jitter_ns;
    if (hit(ln, ln->spec.reorder_ppm))
        return 0;
    if (j == 0)
        return d;
    uint64_t r = rng_u64(&ln->rng) % (2 * j + 1);
    return d + r > j ? d + r - j : 0;
}

static void insert(struct lane *ln, struct fault_frame *fr) {
    struct rb_node **at = &ln->due.top, *parent = NULL;
    while (*at) {
        const struct fault_frame *o = frame_of(*at);
        parent = *at;
        /* Of equal times the newcomer goes last. */
        at = fr->due_ns < o->due_ns ? &parent->left : &parent->right;
    }
    rb_link(&ln->due, &fr->by_due, parent, at);
}

/* A copy of bytes[0..len) goes into the lane. */
static void hold(struct link *l, uint64_t now_ns, struct lane *ln, const uint8_t *bytes,
                 uint32_t len, const struct pkt_rx *rx, bool csum_ok) {
    struct arena *ar = &l->c->arena;
    rate_advance(ln, now_ns);
    if (ln->spec.rate_bps && ln->waiting_cnt >= ln->spec.queue_cnt) {
        core_drop(l->c, now_ns, DROP_LINK_FAULT_QUEUE);
        return;
    }
    struct fault_frame *fr = slab_alloc(ar, SLAB_FAULT_FRAME);
    uint8_t *buf = fr ? buf_alloc(ar, len) : NULL;
    if (!buf) {
        slab_free(ar, fr);
        core_drop(l->c, now_ns, DROP_LINK_FAULT_MEMORY);
        return;
    }
    memcpy(buf, bytes, len);
    fr->buf = buf;
    fr->len = len;
    fr->csum_ok = csum_ok;
    if (rx) {
        fr->has_vlan = rx->has_vlan;
        fr->vlan_tci = rx->vlan_tci;
        fr->ts_ns = rx->ts_ns;
    }
    if (hit(ln, ln->spec.corrupt_ppm)) {
        struct gso_hdr g;
        if (fr->csum_ok && gso_hdr_parse(slice_of(buf, len), &g))
            gso_hdr_fill_csum(&g, buf);
        uint32_t bit = rng_below(&ln->rng, len * 8);
        buf[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        fr->csum_ok = false;
    }
    fr->left_ns = now_ns;
    if (ln->spec.rate_bps) {
        uint64_t bits = (uint64_t)len * 8;
        fr->left_ns = UST_MAX(now_ns, ln->free_ns) + bits * NS_PER_S / ln->spec.rate_bps;
        ln->free_ns = fr->left_ns;
        TAILQ_INSERT_TAIL(&ln->waiting, fr, waiting);
        fr->is_waiting = true;
        ln->waiting_cnt++;
    }
    fr->due_ns = fr->left_ns + delay_of(ln);
    insert(ln, fr);
    slab_birth(ar, fr);
}

/* One wire-size frame meets its fate; what survives is in the lane. */
static void apply(struct link *l, uint64_t now_ns, struct lane *ln, const uint8_t *bytes,
                  uint32_t len, const struct pkt_rx *rx, bool csum_ok) {
    int copies = 1 + hit(ln, ln->spec.dup_ppm);
    if (lost(ln)) {
        core_drop(l->c, now_ns, DROP_LINK_FAULT_LOSS);
        return;
    }
    while (copies-- > 0)
        hold(l, now_ns, ln, bytes, len, rx, csum_ok);
}

static void apply_all(struct link *l, uint64_t now_ns, struct lane *ln, struct ust_slice frame,
                      uint16_t gso_size, const struct pkt_rx *rx) {
    struct gso_iter it;
    if (gso_size && gso_begin(&it, frame, gso_size)) {
        size_t cap = gso_frame_max(&it), n;
        uint8_t *buf = buf_alloc(&l->c->arena, cap);
        if (!buf)
            core_drop(l->c, now_ns, DROP_LINK_FAULT_CUT);
        while (buf && (n = gso_next(&it, buf, cap)) > 0)
            apply(l, now_ns, ln, buf, (uint32_t)n, rx, rx ? rx->csum_ok : false);
        buf_free(&l->c->arena, buf);
    } else {
        apply(l, now_ns, ln, frame.p, (uint32_t)frame.len, rx, rx ? rx->csum_ok : false);
    }
}

/* What is due in the sending lane goes to the transmit queue; the rest waits for the timer, or for room in the queue. */
static void release_tx(struct link *l, uint64_t now_ns, uint64_t rx_after_ns) {
    struct lane *ln = &l->fault->tx;
    struct fault_frame *fr;
    uint64_t floor_ns = 0;
    while ((fr = first_due(ln)) != NULL && fr->due_ns <= now_ns) {
        if (!link_push_frame(l, now_ns, fr->buf, fr->len)) {
            floor_ns = now_ns + NS_PER_MS;
            break;
        }
        fr->buf = NULL;
        frame_free(l, ln, fr);
    }
    arm(l, floor_ns, rx_after_ns);
}

void fault_tx(struct link *l, uint64_t now_ns, struct pkt_tx *p) {
    struct arena *ar = &l->c->arena;
    uint32_t len = pkt_len(p);
    uint16_t gso_size = p->gso ? p->gso_size : 0;
    uint8_t *buf = buf_alloc(ar, len);
    if (buf)
        pkt_linearize(p, buf, len);
    link_cancel(l, p);
    if (buf)
        apply_all(l, now_ns, &l->fault->tx, slice_of(buf, len), gso_size, NULL);
    else
        core_drop(l->c, now_ns, DROP_LINK_FAULT_COPY);
    buf_free(ar, buf);
    release_tx(l, now_ns, 0);
}

bool fault_rx(struct link *l, uint64_t now_ns, const struct pkt_rx *p) {
    if (p->frame.len == 0 || p->frame.len > BUF_MAX_BYTES)
        return true; /* nothing to do to it */
    apply_all(l, now_ns, &l->fault->rx, p->frame, p->gso ? p->gso_size : 0, p);
    arm(l, 0, 0);
    return false;
}

bool fault_held_next(struct link *l, uint64_t now_ns, struct pkt_rx *p) {
    const struct fault_frame *fr = first_due(&l->fault->rx);
    if (!fr || fr->due_ns > now_ns)
        return false;
    memset(p, 0, sizeof *p);
    p->frame = slice_of(fr->buf, fr->len);
    p->csum_ok = fr->csum_ok;
    p->has_vlan = fr->has_vlan;
    p->vlan_tci = fr->vlan_tci;
    p->ts_ns = fr->ts_ns;
    return true;
}

void fault_held_done(struct link *l) {
    struct lane *ln = &l->fault->rx;
    frame_free(l, ln, first_due(ln));
    arm(l, 0, 0);
}

void fault_rebuild(struct link *l) {
    struct fault *f = l->fault;
    struct fault_frame *fr = NULL;
    if (!f)
        return;
    while ((fr = slab_next_alive(&l->c->arena, SLAB_FAULT_FRAME, fr)) != NULL) {
        buf_free(&l->c->arena, fr->buf);
        slab_free(&l->c->arena, fr);
    }
    f->tx.due.top = f->rx.due.top = NULL;
    TAILQ_INIT(&f->tx.waiting);
    TAILQ_INIT(&f->rx.waiting);
    f->tx.waiting_cnt = f->rx.waiting_cnt = 0;
    timer_init(&f->timer, TIMER_FAULT);
}

/* Received frames that are due now are fetched in the same turn: link_held_next(). */
void fault_timer(struct link *l, uint64_t now_ns) { release_tx(l, now_ns, now_ns); }
