/* SPDX-License-Identifier: ISC */
/*
 * Source address selection, RFC 6724 5: rules 1 to 8 with 5.5, on one interface (so that rule 5 has no say) and without home agents (rule 4). The policy
 * table is that of RFC 6724 2.1.
 */
#include "net/priv.h"

#include <linux/in6.h>

struct policy {
    struct ust_addr prefix;
    uint8_t plen, label;
};
static const struct policy policies[] = {
    {{{[15] = 1}}, 128, 0},         /* ::1 */
    {{{[10] = 0xff, 0xff}}, 96, 4}, /* ::ffff:0:0/96 */
    {{{0}}, 96, 3},                 /* ::/96 */
    {{{0x20, 0x01}}, 32, 5},        /* Teredo */
    {{{0x20, 0x02}}, 16, 2},        /* 6to4 */
    {{{0x3f, 0xfe}}, 16, 12},       /* 6bone */
    {{{0xfe, 0xc0}}, 10, 11},       /* site-local */
    {{{0xfc}}, 7, 13},              /* unique local */
    {{{0}}, 0, 1},
};

static unsigned label_of(const struct ust_addr *a) {
    for (size_t i = 0; i < UST_ARRAY_CNT(policies); i++)
        if (addr_in_prefix(a, &policies[i].prefix, policies[i].plen) &&
            (policies[i].label != 3 || !addr_is_any(a)))
            return policies[i].label;
    return 1;
}

unsigned addr6_scope(const struct ust_addr *a) {
    if (addr_is_multicast(a))
        return a->b[1] & 15;
    if (addr6_is_link_local(a) || addr_is_loopback(a)) /* RFC 6724 3.1, 3.4 */
        return 2;
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0 ? 5 : 14;
}

static unsigned common_bits(const struct ust_addr *a, const struct ust_addr *b, unsigned max) {
    unsigned n = 0;
    while (n < max && !((a->b[n / 8] ^ b->b[n / 8]) & 0x80 >> n % 8))
        n++;
    return n;
}

struct want {
    const struct net *n;
    const struct ust_addr *dst, *next_hop;
    unsigned scope, label;
    bool public_first;
};

/* Is a better than b? The rules in their order; none decides: the one that was first stays. */
/* RFC 4862 5.5.4 SHLD-1 */
static bool is_better(const struct want *w, const struct net_addr *a, const struct net_addr *b) {
    if (addr_eq(&b->addr, w->dst)) /* rule 1 */
        return false;
    if (addr_eq(&a->addr, w->dst))
        return true;
    unsigned sa = addr6_scope(&a->addr), sb = addr6_scope(&b->addr);
    if (sa != sb) /* rule 2: the smallest that reaches */
        return sa < sb ? sa >= w->scope : sb < w->scope;
    bool da = a->preferred_ns == 0, db = b->preferred_ns == 0;
    if (da != db) /* rule 3: not deprecated */
        return db;
    bool ra = addr_eq(&a->router, w->next_hop), rb = addr_eq(&b->router, w->next_hop);
    if (ra != rb) /* rule 5.5 */
        return ra;
    bool la = label_of(&a->addr) == w->label, lb = label_of(&b->addr) == w->label;
    if (la != lb) /* rule 6 */
        return la;
    bool ta = a->origin == NET_ADDR_TEMPORARY, tb = b->origin == NET_ADDR_TEMPORARY;
    if (ta != tb) /* rule 7 */
        return ta != w->public_first;
    return common_bits(&a->addr, w->dst, a->plen) > common_bits(&b->addr, w->dst, b->plen);
}

const struct net_addr *src6_select(const struct net *n, const struct ust_addr *dst,
                                   const struct ust_addr *next_hop, uint16_t addr_prefs) {
    struct want w = {.n = n,
                     .dst = dst,
                     .next_hop = next_hop,
                     .scope = addr6_scope(dst),
                     .label = label_of(dst),
                     .public_first = addr_prefs & IPV6_PREFER_SRC_PUBLIC};
    const struct net_addr *best = NULL;
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        const struct net_addr *a = &n->addr[i];
        if (!addr_usable(a) || addr_is_ip4(&a->addr))
            continue;
        if (!best || is_better(&w, a, best))
            best = a;
    }
    return best;
}
