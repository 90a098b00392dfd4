/* SPDX-License-Identifier: ISC */
#include "net/pmtu.h"

#define PMTU_BUCKETS 64

static uint32_t hash_of(const struct pmtu_cache *pc, const struct ust_addr *a) {
    return (uint32_t)siphash(&pc->c->key, a->b, sizeof a->b);
}

int pmtu_init(struct pmtu_cache *pc, struct core *c) {
    memset(pc, 0, sizeof *pc);
    pc->c = c;
    TAILQ_INIT(&pc->lru);
    timer_init(&pc->timer, TIMER_PMTU);
    slab_define(&c->arena, SLAB_PMTU, sizeof(struct pmtu), PMTU_MAX);
    return htab_init(&pc->tab, &c->arena, PMTU_BUCKETS);
}

static void forget(struct pmtu_cache *pc, struct pmtu *p) {
    htab_remove(&pc->tab, &p->hn);
    TAILQ_REMOVE(&pc->lru, p, lru);
    pc->cnt--;
    slab_free(&pc->c->arena, p);
}

void pmtu_fini(struct pmtu_cache *pc) {
    struct pmtu *p;
    while ((p = TAILQ_FIRST(&pc->lru)) != NULL)
        forget(pc, p);
    timer_disarm(&pc->c->wheel, &pc->timer);
    htab_fini(&pc->tab, &pc->c->arena);
}

static struct pmtu *find(const struct pmtu_cache *pc, const struct ust_addr *dst) {
    if (pc->cnt == 0)
        return NULL;
    for (struct hnode *hn = htab_first(&pc->tab, hash_of(pc, dst)); hn; hn = htab_next(hn)) {
        struct pmtu *p = UST_CONTAINER_OF(hn, struct pmtu, hn);
        if (addr_eq(&p->dst, dst))
            return p;
    }
    return NULL;
}

const struct pmtu *pmtu_find(const struct pmtu_cache *pc, const struct ust_addr *dst) {
    return find(pc, dst);
}

void pmtu_timer(struct pmtu_cache *pc, uint64_t now_ns) {
    struct pmtu *p;
    while ((p = TAILQ_FIRST(&pc->lru)) != NULL && p->expires_ns <= now_ns)
        forget(pc, p);
    if (p)
        timer_arm(&pc->c->wheel, &pc->timer, p->expires_ns);
}

/* RFC 1191 7.1 */
static uint32_t plateau_below(uint32_t len) {
    static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};
    for (size_t i = 0; i < UST_ARRAY_CNT(plateaus); i++)
        if (plateaus[i] < len)
            return plateaus[i];
    return 68;
}

static struct pmtu *create(struct pmtu_cache *pc, const struct ust_addr *dst) {
    if (pc->cnt >= PMTU_MAX)
        forget(pc, TAILQ_FIRST(&pc->lru));
    struct pmtu *p = slab_alloc(&pc->c->arena, SLAB_PMTU);
    if (!p)
        return NULL;
    p->dst = *dst;
    htab_insert(&pc->tab, &pc->c->arena, &p->hn, hash_of(pc, dst));
    TAILQ_INSERT_TAIL(&pc->lru, p, lru);
    pc->cnt++;
    slab_birth(&pc->c->arena, p);
    return p;
}

uint32_t pmtu_judge(const struct pmtu_cache *pc, const struct ust_addr *dst, uint32_t mtu,
                    uint32_t pkt_len, uint32_t link_mtu, bool *locked) {
    const struct pmtu *p = find(pc, dst);
    uint32_t old = p ? UST_MIN(p->mtu, link_mtu) : link_mtu;
    uint32_t min = addr_is_ip4(dst) ? PMTU_MIN4 : PMTU_MIN6;
    *locked = p && p->locked;
    if (mtu == 0)
        mtu = plateau_below(pkt_len);
    if (mtu >= old)
        return old; /* RFC 1191 3: a report never raises it */
    *locked = *locked || mtu < min;
    return UST_MIN(old, UST_MAX(mtu, min));
}

void pmtu_set(struct pmtu_cache *pc, uint64_t now_ns, const struct ust_addr *dst, uint32_t mtu,
              bool locked) {
    struct pmtu *p = find(pc, dst);
    if (p && mtu >= p->mtu && p->locked == locked)
        return;
    if (!p)
        p = create(pc, dst);
    if (!p)
        return; /* no memory: the next report comes */
    p->mtu = mtu;
    p->locked = locked;
    p->expires_ns = now_ns + PMTU_AGE_NS;
    TAILQ_REMOVE(&pc->lru, p, lru);
    TAILQ_INSERT_TAIL(&pc->lru, p, lru);
    timer_arm(&pc->c->wheel, &pc->timer, TAILQ_FIRST(&pc->lru)->expires_ns);
    if (trace_on(&pc->c->trace, TRACE_IP)) {
        char a[ADDR_STR_LEN];
        trace_line(&pc->c->trace, now_ns, TRACE_IP, "path MTU to %s is %u%s", addr_str(dst, a), mtu,
                   locked ? " without DF" : "");
    }
}

void pmtu_rebuild(struct pmtu_cache *pc) {
    struct pmtu *p = NULL;
    htab_clear(&pc->tab);
    TAILQ_INIT(&pc->lru);
    pc->cnt = 0;
    timer_init(&pc->timer, TIMER_PMTU);
    while ((p = slab_next_alive(&pc->c->arena, SLAB_PMTU, p)) != NULL) {
        struct pmtu *later;
        TAILQ_FOREACH (later, &pc->lru, lru) {
            if (later->expires_ns > p->expires_ns)
                break;
        }
        if (later)
            TAILQ_INSERT_BEFORE(later, p, lru);
        else
            TAILQ_INSERT_TAIL(&pc->lru, p, lru);
        htab_insert(&pc->tab, &pc->c->arena, &p->hn, hash_of(pc, &p->dst));
        pc->cnt++;
    }
    if ((p = TAILQ_FIRST(&pc->lru)) != NULL)
        timer_arm(&pc->c->wheel, &pc->timer, p->expires_ns);
}
