/* SPDX-License-Identifier: ISC */
/*
 * Routes: those that were configured, and those that routers taught us (RFC 4861 6.3.4: default routers and on-link prefixes; RFC 4191; redirects), which
 * have a lifetime. And the answer to "how do I get there".
 *
 * A gateway that did not answer is dead: routes through it come after all others of the same length. Every ROUTE_RETRY_NS it is asked again, beside
 * the traffic; an answer makes it alive (RFC 1122 3.3.1.4, RFC 4191 3.5).
 */
#include "net/priv.h"

#define ROUTE_RETRY_NS (30 * NS_PER_S)

static struct route *route_find(struct net *n, const struct ust_addr *prefix, uint8_t plen,
                                const struct ust_addr *gw) {
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        bool same_gw = addr_eq(&r->gw, gw) || (addr_is_any(&r->gw) && addr_is_any(gw));
        if (r->used && r->plen == plen && addr_eq(&r->prefix, prefix) && same_gw)
            return r;
    }
    return NULL;
}

static bool is_same_family(const struct ust_addr *a, const struct ust_addr *b) {
    return addr_is_any(a) || addr_is_any(b) || addr_is_ip4(a) == addr_is_ip4(b);
}

static struct route *room(struct net *n) {
    for (uint32_t i = 0; i < NET_ROUTE_MAX; i++) {
        if (n->route[i].used)
            continue;
        n->route_hi = UST_MAX(n->route_hi, i + 1);
        return &n->route[i];
    }
    return NULL;
}

int route_add(struct net *n, const struct ust_addr *prefix, uint8_t plen, const struct ust_addr *gw,
              uint32_t metric) {
    if (plen > 128 || (!addr_is_any(gw) && addr_is_multicast(gw)) || !is_same_family(prefix, gw))
        return -EINVAL;
    if (route_find(n, prefix, plen, gw))
        return -EEXIST;
    struct route *r = room(n);
    if (!r)
        return -ENOSPC;
    *r = (struct route){.prefix = *prefix,
                        .gw = *gw,
                        .plen = plen,
                        .used = true,
                        .metric = metric,
                        .expires_ns = TIME_NEVER,
                        .retry_ns = TIME_NEVER};
    return 0;
}

static void drop(struct net *n, struct route *r) {
    r->used = false;
    while (n->route_hi && !n->route[n->route_hi - 1].used)
        n->route_hi--;
}

int route_del(struct net *n, const struct ust_addr *prefix, uint8_t plen,
              const struct ust_addr *gw) {
    struct route *r = route_find(n, prefix, plen, gw);
    if (!r)
        return -ENOENT;
    drop(n, r);
    return 0;
}

/* ---- what routers teach ---- */

static void trace(struct net *n, uint64_t now_ns, const struct route *r, const char *what) {
    char p[ADDR_STR_LEN], g[ADDR_STR_LEN];
    if (trace_on(&n->c->trace, TRACE_ND))
        trace_line(&n->c->trace, now_ns, TRACE_ND, "route %s/%u %s%s %s", addr_str(&r->prefix, p),
                   r->plen, addr_is_any(&r->gw) ? "on-link" : "via ",
                   addr_is_any(&r->gw) ? "" : addr_str(&r->gw, g), what);
}

/* Room for one more that was learnt: a redirect's is worth less than a router's. */
static bool make_room(struct net *n, enum route_origin origin) {
    uint32_t cnt = 0;
    struct route *victim = NULL;
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        if (!r->used || r->origin == ROUTE_STATIC)
            continue;
        cnt++;
        if (r->origin == ROUTE_REDIRECT && (!victim || r->expires_ns < victim->expires_ns))
            victim = r;
    }
    if (cnt < ND_ROUTES_MAX)
        return true;
    if (victim)
        drop(n, victim);
    return victim != NULL || origin == ROUTE_STATIC;
}

int route_learn(struct net *n, uint64_t now_ns, const struct ust_addr *prefix, uint8_t plen,
                const struct ust_addr *gw, enum route_origin origin, uint32_t metric,
                uint64_t until_ns) {
    struct route *r = route_find(n, prefix, plen, gw);
    if (r && r->origin == ROUTE_STATIC)
        return 0;
    if (until_ns <= now_ns) {
        if (r) {
            trace(n, now_ns, r, "withdrawn");
            drop(n, r);
        }
        return 0;
    }
    if (!r) {
        if (!make_room(n, origin) || route_add(n, prefix, plen, gw, metric) < 0)
            return -ENOSPC;
        r = route_find(n, prefix, plen, gw);
        trace(n, now_ns, r, "learnt");
    }
    r->origin = (uint8_t)origin;
    r->metric = metric;
    r->expires_ns = until_ns;
    return 0;
}

void route_forget(struct net *n, const struct ust_addr *gw) {
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        if (r->used && r->origin != ROUTE_STATIC && (addr_is_any(gw) || addr_eq(&r->gw, gw)))
            r->used = false;
    }
    while (n->route_hi && !n->route[n->route_hi - 1].used)
        n->route_hi--;
}

bool route_is_default_gw(const struct net *n, const struct ust_addr *gw) {
    for (uint32_t i = 0; i < n->route_hi; i++) {
        const struct route *r = &n->route[i];
        if (r->used && r->plen == 0 && addr_eq(&r->gw, gw))
            return true;
    }
    return false;
}

/* ---- gateways that do not answer ---- */

void route_gw_dead(struct net *n, uint64_t now_ns, const struct ust_addr *gw) {
    bool any = false;
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        if (!r->used || !addr_eq(&r->gw, gw))
            continue;
        r->dead = any = true;
        r->retry_ns = now_ns + ROUTE_RETRY_NS;
    }
    if (any)
        net_timer_arm(n);
}

void route_gw_alive(struct net *n, const struct ust_addr *gw) {
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        if (!r->used || !r->dead || !addr_eq(&r->gw, gw))
            continue;
        r->dead = false;
        r->retry_ns = TIME_NEVER;
    }
}

/* RFC 4861 6.3.5 MUST-8 */
void route_tick(struct net *n, uint64_t now_ns) {
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        if (!r->used)
            continue;
        if (r->expires_ns <= now_ns) {
            trace(n, now_ns, r, "expired");
            r->used = false;
        } else if (r->retry_ns <= now_ns) {
            enum neigh_action act;
            r->retry_ns = now_ns + ROUTE_RETRY_NS;
            struct neigh *nb = neigh_use(&n->neigh, now_ns, &r->gw, &act);
            if (nb)
                net_neigh_act(n, now_ns, nb, act);
        }
    }
    while (n->route_hi && !n->route[n->route_hi - 1].used)
        n->route_hi--;
}

uint64_t route_deadline(const struct net *n) {
    uint64_t at = TIME_NEVER;
    for (uint32_t i = 0; i < n->route_hi; i++)
        if (n->route[i].used)
            at = UST_MIN(at, UST_MIN(n->route[i].expires_ns, n->route[i].retry_ns));
    return at;
}

/* ---- the way to an address ---- */

/* Longest prefix, then a living gateway, then the metric, then the first. */
/* RFC 4861 6.3.6 MUST-9 */
static bool route_is_better(const struct route *r, const struct route *than) {
    if (r->plen != than->plen)
        return r->plen > than->plen;
    if (r->dead != than->dead)
        return than->dead;
    return r->metric < than->metric;
}

static const struct route *route_lookup(const struct net *n, const struct ust_addr *dst) {
    const struct route *best = NULL;
    bool ip4 = addr_is_ip4(dst);
    for (uint32_t i = 0; i < n->route_hi; i++) {
        const struct route *r = &n->route[i];
        if (!r->used ||
            (ip4 && r->plen < 96)) /* an IPv6 default route is none for mapped addresses */
            continue;
        if (addr_in_prefix(dst, &r->prefix, r->plen) && (!best || route_is_better(r, best)))
            best = r;
    }
    return best;
}

/* The most specific of our own subnets that dst is on; NULL: none. A /32 or /128 is no subnet. */
static const struct net_addr *subnet_lookup(const struct net *n, const struct ust_addr *dst) {
    const struct net_addr *best = NULL;
    bool ip4 = addr_is_ip4(dst);
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        const struct net_addr *a = &n->addr[i];
        if (addr_usable(a) && a->plen < 128 && !a->off_link && addr_is_ip4(&a->addr) == ip4 &&
            (!best || a->plen > best->plen) && addr_in_prefix(dst, &a->addr, a->plen))
            best = a;
    }
    return best;
}

static int path_loop(const struct ust_addr *dst, struct net_path *out) {
    out->next_hop = *dst;
    out->src = *dst;
    out->mtu = 65535;
    out->loop = true;
    return 0;
}

static void path_pmtu(const struct net *n, const struct ust_addr *dst, struct net_path *out) {
    const struct pmtu *pm = pmtu_find(&n->pmtu, dst);
    if (!pm)
        return;
    out->mtu = UST_MIN(out->mtu, pm->mtu);
    out->no_df = pm->locked && addr_is_ip4(dst);
}

/* Where to, for IPv4; the source is out->src if it stands there already. */
static int path4(const struct net *n, const struct ust_addr *dst, struct net_path *out) {
    out->broadcast = !out->multicast && net_is_broadcast(n, dst);
    const struct net_addr *on = subnet_lookup(n, dst);
    const struct route *r = route_lookup(n, dst);
    if (on && r && r->plen > on->plen)
        on = NULL;
    if (on || out->broadcast || out->multicast) {
        r = NULL; /* on our link */
    } else if (!r) {
        return -ENETUNREACH;
    } else if (!addr_is_any(&r->gw)) {
        out->next_hop = r->gw;
    }
    if (!addr_is_any(&out->src))
        return 0;
    if (!on)
        on = net_addr_towards(n, &out->next_hop);
    if (!on && !addr_is_limited_broadcast(dst))
        return r ? -EHOSTUNREACH : -ENETUNREACH;
    out->src = on ? on->addr : addr_from_ip4(0); /* before there is an address: DHCP */
    return 0;
}

/* RFC 4861 5.2: next-hop determination. */
/* RFC 4861 5.2 MUST-3 */
static int path6(const struct net *n, const struct ust_addr *dst, uint16_t prefs,
                 struct net_path *out) {
    const struct net_addr *on = subnet_lookup(n, dst);
    const struct route *r = route_lookup(n, dst);
    if (!n->nd.cfg.on)
        return -ENETUNREACH;
    if (!out->multicast && !addr6_is_link_local(dst)) {
        if (on && r && r->plen > on->plen)
            on = NULL;
        if (!on && !r)
            return -ENETUNREACH;
        if (!on && !addr_is_any(&r->gw))
            out->next_hop = r->gw;
    }
    if (!addr_is_any(&out->src))
        return 0;
    const struct net_addr *src = src6_select(n, dst, &out->next_hop, prefs);
    if (!src)
        return -EADDRNOTAVAIL;
    out->src = src->addr;
    return 0;
}

int net_route_prefs(const struct net *n, const struct ust_addr *dst, const struct ust_addr *src,
                    uint16_t addr_prefs, struct net_path *out) {
    bool src_given = src && !addr_is_any(src);
    memset(out, 0, sizeof *out);
    if (addr_is_any(dst))
        return -ENETUNREACH;
    if (net_addr_find(n, dst) || (addr_is_loopback(dst) && n->loopback_here)) {
        path_loop(dst, out);
        if (src_given)
            out->src = *src;
        return 0;
    }
    if (addr_is_loopback(dst))
        return -ENETUNREACH;
    out->mtu = net_link_mtu(n, dst);
    out->next_hop = *dst;
    out->multicast = addr_is_multicast(dst);
    if (src_given && addr_is_ip4(src) != addr_is_ip4(dst)) /* as Linux says it */
        return addr_is_ip4(dst) ? -EINVAL : -EAFNOSUPPORT;
    if (src_given)
        out->src = *src;
    int r = addr_is_ip4(dst) ? path4(n, dst, out) : path6(n, dst, addr_prefs, out);
    if (r == 0 && !out->broadcast && !out->multicast)
        path_pmtu(n, dst, out);
    return r;
}

int net_route(const struct net *n, const struct ust_addr *dst, const struct ust_addr *src,
              struct net_path *out) {
    return net_route_prefs(n, dst, src, 0, out);
}

bool net_ip6_pending(const struct net *n, uint64_t now_ns) {
    if (!n->nd.cfg.on)
        return false;
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (n->addr[i].used && !addr_is_ip4(&n->addr[i].addr) &&
            n->addr[i].state == NET_ADDR_PROBING)
            return true;
    return n->nd.cfg.autoconf && !n->nd.ra_seen && now_ns < n->nd.ra_by_ns;
}

uint32_t net_link_mtu(const struct net *n, const struct ust_addr *dst) {
    if (addr_is_ip4(dst) || n->nd.mtu == 0)
        return n->link->mtu;
    return UST_MIN(n->link->mtu, n->nd.mtu);
}

uint32_t net_mtu(const struct net *n, const struct ust_addr *dst) {
    struct net_path path;
    return net_route(n, dst, NULL, &path) == 0 ? path.mtu : net_link_mtu(n, dst);
}
