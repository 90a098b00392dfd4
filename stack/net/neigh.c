/* SPDX-License-Identifier: ISC */
#include "net/neigh.h"

#define NEIGH_BUCKETS 256
#define NEIGH_FAILED_HOLD_NS NS_PER_S
#define NEIGH_RECENT_NS (60 * NS_PER_S) /* an entry used since is worth more than a stranger's */

static const char *const state_names[NEIGH_STATE_COUNT] = {
    [NEIGH_INCOMPLETE] = "INCOMPLETE", [NEIGH_REACHABLE] = "REACHABLE", [NEIGH_STALE] = "STALE",
    [NEIGH_DELAY] = "DELAY",           [NEIGH_PROBE] = "PROBE",         [NEIGH_FAILED] = "FAILED"};

const char *neigh_state_name(enum neigh_state s) {
    return (unsigned)s < NEIGH_STATE_COUNT ? state_names[s] : "?";
}

static uint32_t hash_of(const struct neigh_table *t, const struct ust_addr *a) {
    return (uint32_t)siphash(&t->c->key, a->b, sizeof a->b);
}

int neigh_table_init(struct neigh_table *t, struct core *c) {
    memset(t, 0, sizeof *t);
    t->c = c;
    TAILQ_INIT(&t->lru);
    for (int i = 0; i < NEIGH_PARAM_CNT; i++)
        t->param[i] = (struct neigh_param){NEIGH_REACHABLE_NS, NEIGH_RETRANS_NS};
    slab_define(&c->arena, SLAB_NEIGH, sizeof(struct neigh), NEIGH_MAX);
    return htab_init(&t->tab, &c->arena, NEIGH_BUCKETS);
}

void neigh_table_fini(struct neigh_table *t) {
    struct neigh *n;
    while ((n = TAILQ_FIRST(&t->lru)) != NULL)
        neigh_delete(t, n);
    htab_fini(&t->tab, &t->c->arena);
}

static const struct neigh_param *param_of(const struct neigh_table *t, const struct neigh *n) {
    return &t->param[addr_is_ip4(&n->addr) ? NEIGH_PARAM_IP4 : NEIGH_PARAM_IP6];
}

/* The one writer of state. */
static void set_state(struct neigh_table *t, uint64_t now_ns, struct neigh *n,
                      enum neigh_state to) {
    enum trace_cat cat = addr_is_ip4(&n->addr) ? TRACE_ARP : TRACE_ND;
    if (n->state != to && trace_on(&t->c->trace, cat)) {
        char a[ADDR_STR_LEN], m[MAC_STR_LEN];
        trace_line(&t->c->trace, now_ns, cat, "neighbour %s %s -> %s mac %s", addr_str(&n->addr, a),
                   neigh_state_name(n->state), neigh_state_name(to), mac_str(&n->mac, m));
    }
    n->state = (uint8_t)to;
    uint64_t after = 0;
    switch (to) {
    case NEIGH_INCOMPLETE:
    case NEIGH_PROBE:
        n->probes = 1;
        after = param_of(t, n)->retrans_ns;
        break;
    case NEIGH_REACHABLE:
        after = param_of(t, n)->reachable_ns;
        break;
    case NEIGH_DELAY:
        after = NEIGH_DELAY_NS;
        break;
    case NEIGH_FAILED:
        after = NEIGH_FAILED_HOLD_NS;
        break;
    case NEIGH_STALE:
    case NEIGH_STATE_COUNT:
        break;
    }
    if (after && !n->pinned)
        timer_arm(&t->c->wheel, &n->timer, now_ns + after);
    else
        timer_disarm(&t->c->wheel, &n->timer);
}

struct neigh *neigh_find(const struct neigh_table *t, const struct ust_addr *a) {
    uint32_t h = hash_of(t, a);
    for (struct hnode *hn = htab_first(&t->tab, h); hn; hn = htab_next(hn)) {
        struct neigh *n = UST_CONTAINER_OF(hn, struct neigh, hn);
        if (addr_eq(&n->addr, a))
            return n;
    }
    return NULL;
}

void neigh_delete(struct neigh_table *t, struct neigh *n) {
    struct neigh_pkt *np;
    while ((np = neigh_dequeue(n)) != NULL)
        buf_free(&t->c->arena, np);
    timer_disarm(&t->c->wheel, &n->timer);
    htab_remove(&t->tab, &n->hn);
    TAILQ_REMOVE(&t->lru, n, lru);
    t->cnt--;
    slab_free(&t->c->arena, n);
}

/*
 * What may a newcomer replace? The least recently used of those that are neither pinned nor waited for nor known to be
 * reachable; one that we used lately only if it is we who want the newcomer.
 */
static struct neigh *victim(struct neigh_table *t, uint64_t now_ns, bool wanted) {
    struct neigh *n, *recent = NULL;
    TAILQ_FOREACH (n, &t->lru, lru) {
        bool idle =
            n->state == NEIGH_STALE || n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED;
        if (n->pinned || n->queue_cnt || !idle)
            continue;
        if (n->used_ns == 0 || now_ns - n->used_ns > NEIGH_RECENT_NS)
            return n;
        if (!recent)
            recent = n;
    }
    return wanted ? recent : NULL;
}

static struct neigh *create(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                            bool wanted) {
    if (t->cnt >= NEIGH_MAX) {
        struct neigh *v = victim(t, now_ns, wanted);
        if (!v)
            return NULL;
        neigh_delete(t, v);
    }
    struct neigh *n = slab_alloc(&t->c->arena, SLAB_NEIGH);
    if (!n)
        return NULL;
    n->addr = *a;
    n->state = NEIGH_INCOMPLETE;
    timer_init(&n->timer, TIMER_NEIGH);
    STAILQ_INIT(&n->queue);
    htab_insert(&t->tab, &t->c->arena, &n->hn, hash_of(t, a));
    TAILQ_INSERT_TAIL(&t->lru, n, lru);
    t->cnt++;
    slab_birth(&t->c->arena, n);
    return n;
}

static void touch(struct neigh_table *t, struct neigh *n) {
    if (TAILQ_NEXT(n, lru) == NULL)
        return;
    TAILQ_REMOVE(&t->lru, n, lru);
    TAILQ_INSERT_TAIL(&t->lru, n, lru);
}

struct neigh *neigh_use(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                        enum neigh_action *act) {
    struct neigh *n = neigh_find(t, a);
    *act = NEIGH_ACT_NONE;
    if (!n) {
        n = create(t, now_ns, a, true);
        if (!n)
            return NULL;
        set_state(t, now_ns, n, NEIGH_INCOMPLETE);
        *act = NEIGH_ACT_SOLICIT_MCAST;
    } else {
        touch(t, n);
        if (n->state == NEIGH_STALE && !n->pinned)
            set_state(t, now_ns, n, NEIGH_DELAY);
    }
    n->used_ns = now_ns;
    return n;
}

void neigh_queue(struct neigh_table *t, uint64_t now_ns, struct neigh *n, struct neigh_pkt *np) {
    while (n->queue_cnt &&
           (n->queue_cnt >= NEIGH_QUEUE_MAX || n->queue_bytes + np->len > NEIGH_QUEUE_BYTES)) {
        buf_free(&t->c->arena, neigh_dequeue(n));
        core_drop(t->c, now_ns, DROP_NEIGH_QUEUE_FULL);
    }
    STAILQ_INSERT_TAIL(&n->queue, np, link);
    n->queue_cnt++;
    n->queue_bytes += np->len;
}

struct neigh_pkt *neigh_dequeue(struct neigh *n) {
    struct neigh_pkt *np = STAILQ_FIRST(&n->queue);
    if (np) {
        STAILQ_REMOVE_HEAD(&n->queue, link);
        n->queue_cnt--;
        n->queue_bytes -= np->len;
    }
    return np;
}

/* RFC 4861 7.2.5, appendix C; without a router flag. */
struct neigh *neigh_learn(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                          const struct ust_mac *mac, bool solicited, bool override, bool may_create,
                          enum neigh_action *act) {
    struct neigh *n = neigh_find(t, a);
    bool known = n && n->state != NEIGH_INCOMPLETE && n->state != NEIGH_FAILED;
    *act = NEIGH_ACT_NONE;
    if (!n) {
        if (!may_create)
            return NULL;
        n = create(t, now_ns, a, false);
        if (!n)
            return NULL;
    }
    if (n->pinned)
        return n;
    bool same = known && mac_eq(&n->mac, mac);
    if (known && !same && !override) {
        if (n->state == NEIGH_REACHABLE)
            set_state(t, now_ns, n, NEIGH_STALE);
        return n;
    }
    if (!same) {
        n->mac = *mac;
        n->updated_ns = now_ns;
    }
    if (solicited) {
        n->confirmed_ns = now_ns;
        set_state(t, now_ns, n, NEIGH_REACHABLE);
    } else if (!same) {
        set_state(t, now_ns, n, NEIGH_STALE);
    }
    if (!known && n->queue_cnt)
        *act = NEIGH_ACT_FLUSH;
    return n;
}

/* RFC 4861 7.2.5 MUST-16 */
struct neigh *neigh_learn_na(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                             const struct ust_mac *mac, bool solicited, bool override, bool router,
                             bool *was_router, enum neigh_action *act) {
    struct neigh *n = neigh_find(t, a);
    *act = NEIGH_ACT_NONE;
    if (!n || n->state == NEIGH_FAILED)
        return NULL;
    *was_router = n->is_router;
    if (n->state == NEIGH_INCOMPLETE) {
        if (mac) { /* without an address it is of no use */
            n->is_router = router;
            neigh_learn(t, now_ns, a, mac, solicited, true, false, act);
        }
        return n;
    }
    bool other = mac && !mac_eq(&n->mac, mac);
    if (other && !override) {
        neigh_learn(t, now_ns, a, mac, false, false, false, act); /* REACHABLE -> STALE */
        *was_router = false;                                      /* nothing else of it counts */
        return n;
    }
    n->is_router = router;
    neigh_learn(t, now_ns, a, mac ? mac : &n->mac, solicited, true, false, act);
    return n;
}

/* RFC 4861 7.3.1 MUST-17 */
void neigh_confirm(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a) {
    struct neigh *n = neigh_find(t, a);
    if (!n || n->pinned)
        return;
    if (n->state == NEIGH_INCOMPLETE || n->state == NEIGH_FAILED)
        return;
    n->confirmed_ns = now_ns;
    if (n->state != NEIGH_REACHABLE)
        set_state(t, now_ns, n, NEIGH_REACHABLE);
}

void neigh_doubt(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a) {
    struct neigh *n = neigh_find(t, a);
    if (n && !n->pinned && n->state == NEIGH_REACHABLE)
        set_state(t, now_ns, n, NEIGH_STALE);
}

/* RFC 4861 7.3.3 MUST-18 */
enum neigh_action neigh_timer(struct neigh_table *t, uint64_t now_ns, struct neigh *n) {
    switch ((enum neigh_state)n->state) {
    case NEIGH_INCOMPLETE:
        if (n->probes >= NEIGH_MCAST_PROBES) {
            set_state(t, now_ns, n, NEIGH_FAILED);
            return NEIGH_ACT_FAIL;
        }
        n->probes++;
        timer_arm(&t->c->wheel, &n->timer, now_ns + param_of(t, n)->retrans_ns);
        return NEIGH_ACT_SOLICIT_MCAST;
    case NEIGH_REACHABLE:
        if (n->confirmed_ns + param_of(t, n)->reachable_ns > now_ns)
            timer_arm(&t->c->wheel, &n->timer, n->confirmed_ns + param_of(t, n)->reachable_ns);
        else
            set_state(t, now_ns, n, NEIGH_STALE);
        return NEIGH_ACT_NONE;
    case NEIGH_DELAY:
        set_state(t, now_ns, n, NEIGH_PROBE);
        return NEIGH_ACT_SOLICIT_UCAST;
    case NEIGH_PROBE:
        if (n->probes >= NEIGH_UCAST_PROBES) {
            /* RFC 4861 7.3.3: forgotten, so that the next packet asks everybody: the machine may have a new card. */
            t->gone = n->addr;
            neigh_delete(t, n);
            return NEIGH_ACT_GONE;
        }
        n->probes++;
        timer_arm(&t->c->wheel, &n->timer, now_ns + param_of(t, n)->retrans_ns);
        return NEIGH_ACT_SOLICIT_UCAST;
    case NEIGH_FAILED:
        neigh_delete(t, n);
        return NEIGH_ACT_NONE;
    case NEIGH_STALE:
    case NEIGH_STATE_COUNT:
        break;
    }
    return NEIGH_ACT_NONE;
}

void neigh_pin(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
               const struct ust_mac *mac) {
    struct neigh *n = neigh_find(t, a);
    if (!n)
        n = create(t, now_ns, a, true);
    if (!n)
        return;
    n->mac = *mac;
    n->pinned = true;
    n->updated_ns = now_ns;
    set_state(t, now_ns, n, NEIGH_REACHABLE);
}

void neigh_flush(struct neigh_table *t) {
    struct neigh *n, *next;
    UST_TAILQ_FOREACH_SAFE (n, &t->lru, lru, next) {
        if (!n->pinned)
            neigh_delete(t, n);
    }
}

void neigh_rebuild(struct neigh_table *t) {
    struct neigh *n = NULL;
    htab_clear(&t->tab);
    TAILQ_INIT(&t->lru);
    t->cnt = 0;
    while ((n = slab_next_alive(&t->c->arena, SLAB_NEIGH, n)) != NULL) {
        htab_insert(&t->tab, &t->c->arena, &n->hn, hash_of(t, &n->addr));
        TAILQ_INSERT_TAIL(&t->lru, n, lru);
        t->cnt++;
        timer_rebuild(&t->c->wheel, &n->timer);
    }
}
