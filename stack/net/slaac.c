/* SPDX-License-Identifier: ISC */
/*
 * Addresses that make themselves (RFC 4862): the link-local one, and one for each autonomous prefix, with opaque identifiers (RFC 7217) or EUI-64, and temporary ones beside
 * (RFC 8981). Each goes through duplicate address detection; a duplicate opaque or temporary one is tried again with another identifier.
 *
 * preferred_ns is 0 when an address is deprecated: it is used on, but not chosen.
 */
#include "net/priv.h"

#define IID_RETRIES 3             /* RFC 7217 6 IDGEN_RETRIES, RFC 8981 TEMP_IDGEN_RETRIES */
#define TWO_HOURS_S 7200u         /* RFC 4862 5.5.3 (e) */
#define TEMP_VALID_S (2 * 86400u) /* RFC 8981 3.8 */
#define TEMP_PREFERRED_S 86400u
#define TEMP_DESYNC_S (TEMP_PREFERRED_S * 4 / 10)
#define REGEN_ADVANCE_NS (5 * NS_PER_S) /* 2 + DAD */

static const struct ust_addr link_local = {{0xfe, 0x80}};

static uint64_t until(uint64_t now_ns, uint32_t s) {
    return s == UINT32_MAX ? TIME_NEVER : now_ns + s * NS_PER_S;
}

/* ---- identifiers ---- */

/* RFC 5453 and RFC 8981 3.3.1: all zero is the subnet-router anycast address, the last 128 are reserved anycast addresses. */
static bool iid_is_reserved(const uint8_t iid[8]) {
    static const uint8_t zero[8], anycast[7] = {0xfd, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return memcmp(iid, zero, 8) == 0 || (memcmp(iid, anycast, 7) == 0 && iid[7] & 0x80);
}

/* RFC 4291 appendix A. */
static void iid_eui64(const struct ust_mac *m, uint8_t iid[8]) {
    const uint8_t b[8] = {m->b[0] ^ 2, m->b[1], m->b[2], 0xff, 0xfe, m->b[3], m->b[4], m->b[5]};
    memcpy(iid, b, 8);
}

/* RFC 7217 5: F(Prefix, Net_Iface, Network_ID, DAD_Counter, secret_key); the hardware address stands for the interface. */
static void iid_stable(const struct net *n, const struct ust_addr *prefix, uint8_t retry,
                       uint8_t iid[8]) {
    uint8_t in[8 + 6 + 2];
    struct sip_key key;
    memcpy(&key, n->nd.cfg.secret, sizeof key);
    memcpy(in, prefix->b, 8);
    memcpy(in + 8, n->link->mac.b, 6);
    in[14] = retry;
    for (in[15] = 0;; in[15]++) {
        uint64_t v = siphash(&key, in, sizeof in);
        memcpy(iid, &v, 8);
        if (!iid_is_reserved(iid))
            return;
    }
}

static void iid_random(struct net *n, uint8_t iid[8]) {
    do {
        uint64_t v = rng_u64(&n->c->rng);
        memcpy(iid, &v, 8);
    } while (iid_is_reserved(iid));
}

static struct ust_addr make_addr(struct net *n, const struct ust_addr *prefix,
                                 enum net_addr_origin origin, uint8_t retry) {
    struct ust_addr a;
    memcpy(a.b, prefix->b, 8);
    if (origin == NET_ADDR_TEMPORARY)
        iid_random(n, a.b + 8);
    else if (n->nd.cfg.iid == ND_IID_EUI64)
        iid_eui64(&n->link->mac, a.b + 8);
    else
        iid_stable(n, prefix, retry, a.b + 8);
    return a;
}

/* ---- making ---- */

static struct net_addr *find(struct net *n, const struct ust_addr *a) {
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (n->addr[i].used && addr_eq(&n->addr[i].addr, a))
            return &n->addr[i];
    return NULL;
}

struct lives {
    uint64_t preferred_ns, valid_ns;
};

static int add(struct net *n, uint64_t now_ns, const struct ust_addr *prefix,
               enum net_addr_origin origin, uint8_t retry, const struct ust_addr *router,
               const struct lives *l, const struct lives *max) {
    struct ust_addr a = make_addr(n, prefix, origin, retry);
    int r = net_addr_add(n, now_ns, &a, 64, true, false);
    if (r < 0)
        return r;
    struct net_addr *na = find(n, &a);
    na->origin = (uint8_t)origin;
    na->off_link = origin != NET_ADDR_LINK_LOCAL;
    na->dad_retry = retry;
    na->router = *router;
    na->preferred_ns = l->preferred_ns;
    na->valid_ns = l->valid_ns;
    na->preferred_max_ns = max->preferred_ns;
    na->valid_max_ns = max->valid_ns;
    return 0;
}

/* RFC 4862 5.3 MUST-1 */
int slaac_link_local(struct net *n, uint64_t now_ns) {
    static const struct ust_addr none = {{0}};
    const struct lives for_ever = {TIME_NEVER, TIME_NEVER};
    return add(n, now_ns, &link_local, NET_ADDR_LINK_LOCAL, 0, &none, &for_ever, &for_ever);
}

/* RFC 8981 3.4: never longer than the prefix', and of its own. */
static void add_temporary(struct net *n, uint64_t now_ns, const struct ust_addr *prefix,
                          const struct lives *l, const struct ust_addr *router, uint8_t retry) {
    uint64_t desync = rng_below(&n->c->rng, TEMP_DESYNC_S) * NS_PER_S;
    struct lives max = {now_ns + TEMP_PREFERRED_S * NS_PER_S - desync,
                        now_ns + TEMP_VALID_S * NS_PER_S};
    struct lives t = {UST_MIN(l->preferred_ns, max.preferred_ns),
                      UST_MIN(l->valid_ns, max.valid_ns)};
    if (t.preferred_ns > now_ns + REGEN_ADVANCE_NS)
        add(n, now_ns, prefix, NET_ADDR_TEMPORARY, retry, router, &t, &max);
}

/* ---- prefixes ---- */

/* RFC 4862 5.5.3 (e): nobody can take an address from us at once by a short lifetime. */
/* RFC 4862 5.5.3 MUST-9 */
static void renew_stable(uint64_t now_ns, struct net_addr *a, const struct nd_prefix *p) {
    uint64_t valid = until(now_ns, p->valid_s);
    uint64_t two_hours = now_ns + TWO_HOURS_S * NS_PER_S;
    if (p->valid_s > TWO_HOURS_S || valid > a->valid_ns)
        a->valid_ns = valid;
    else if (a->valid_ns > two_hours)
        a->valid_ns = two_hours;
    a->preferred_ns = p->preferred_s ? until(now_ns, p->preferred_s) : 0;
}

/* RFC 8981 3.4 (2): up to what is left of its own span. */
static void renew_temporary(uint64_t now_ns, struct net_addr *a, const struct nd_prefix *p) {
    a->valid_ns = UST_MIN(UST_MAX(until(now_ns, p->valid_s), now_ns + 1), a->valid_max_ns);
    uint64_t preferred = UST_MIN(until(now_ns, p->preferred_s), a->preferred_max_ns);
    a->preferred_ns = p->preferred_s && preferred > now_ns ? preferred : 0;
}

static uint32_t made_cnt(const struct net *n) {
    uint32_t cnt = 0;
    for (uint32_t i = 0; i < n->addr_hi; i++)
        cnt += n->addr[i].used &&
               (n->addr[i].origin == NET_ADDR_SLAAC || n->addr[i].origin == NET_ADDR_TEMPORARY);
    return cnt;
}

/* RFC 4862 5.5.3 MUST-8 */
void slaac_prefix(struct net *n, uint64_t now_ns, const struct nd_prefix *p,
                  const struct ust_addr *router) {
    if (p->plen != 64 || p->preferred_s > p->valid_s) /* RFC 4862 5.5.3 (c), (d) */
        return;
    bool have = false;
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        struct net_addr *a = &n->addr[i];
        if (!a->used || !addr_in_prefix(&a->addr, &p->prefix, 64))
            continue;
        if (a->origin == NET_ADDR_SLAAC) {
            have = true;
            renew_stable(now_ns, a, p);
            a->router = *router;
        } else if (a->origin == NET_ADDR_TEMPORARY) {
            renew_temporary(now_ns, a, p);
            a->router = *router;
        }
    }
    if (have || p->valid_s == 0 || made_cnt(n) + 1 >= ND_SLAAC_MAX)
        return;
    struct lives l = {p->preferred_s ? until(now_ns, p->preferred_s) : 0,
                      until(now_ns, p->valid_s)};
    if (add(n, now_ns, &p->prefix, NET_ADDR_SLAAC, 0, router, &l, &l) == 0 && n->nd.cfg.temporary)
        add_temporary(n, now_ns, &p->prefix, &l, router, 0);
}

void slaac_retry(struct net *n, uint64_t now_ns, const struct net_addr *a) {
    bool made = a->origin == NET_ADDR_TEMPORARY ||
                (a->origin != NET_ADDR_STATIC && n->nd.cfg.iid == ND_IID_STABLE);
    const struct lives l = {a->preferred_ns, a->valid_ns};
    const struct lives max = {a->preferred_max_ns, a->valid_max_ns};
    if (!made || a->dad_retry >= IID_RETRIES)
        return;
    net_addr_del(n, now_ns, &a->addr);
    add(n, now_ns, &a->addr, (enum net_addr_origin)a->origin, (uint8_t)(a->dad_retry + 1),
        &a->router, &l, &max);
}

/* ---- time ---- */

static uint64_t regen_ns(const struct net_addr *a) {
    if (a->origin != NET_ADDR_TEMPORARY || a->successor || a->preferred_ns == 0 ||
        a->preferred_ns == TIME_NEVER)
        return TIME_NEVER;
    return a->preferred_ns - REGEN_ADVANCE_NS;
}

uint64_t slaac_deadline(const struct net *n) {
    uint64_t at = TIME_NEVER;
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        const struct net_addr *a = &n->addr[i];
        if (!a->used)
            continue;
        at = UST_MIN(at, UST_MIN(a->valid_ns, regen_ns(a)));
        if (a->preferred_ns)
            at = UST_MIN(at, a->preferred_ns);
    }
    return at;
}

/* The stable address that stands beside a temporary one, for its lifetimes. */
static const struct net_addr *stable_of(const struct net *n, const struct net_addr *t) {
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        const struct net_addr *a = &n->addr[i];
        if (a->used && a->origin == NET_ADDR_SLAAC && addr_in_prefix(&a->addr, &t->addr, 64))
            return a;
    }
    return NULL;
}

static void trace(struct net *n, uint64_t now_ns, const struct net_addr *a, const char *what) {
    char s[ADDR_STR_LEN];
    if (trace_on(&n->c->trace, TRACE_ND))
        trace_line(&n->c->trace, now_ns, TRACE_ND, "address %s %s", addr_str(&a->addr, s), what);
}

/* RFC 4862 5.5.4 MUST-10 */
void slaac_tick(struct net *n, uint64_t now_ns) {
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        struct net_addr *a = &n->addr[i];
        if (!a->used)
            continue;
        if (regen_ns(a) <= now_ns) {
            const struct net_addr *s = stable_of(n, a);
            struct lives l = {s ? s->preferred_ns : 0, s ? s->valid_ns : 0};
            a->successor = true;
            if (s && s->preferred_ns)
                add_temporary(n, now_ns, &a->addr, &l, &a->router, 0);
        }
        if (a->preferred_ns && a->preferred_ns <= now_ns) {
            a->preferred_ns = 0;
            trace(n, now_ns, a, "deprecated");
        }
        if (a->valid_ns <= now_ns) {
            struct ust_addr gone = a->addr;
            trace(n, now_ns, a, "expired");
            net_addr_del(n, now_ns, &gone);
        }
    }
}
