/* SPDX-License-Identifier: ISC */
/*
 * Neighbor Discovery, the routers' part: solicitations (RFC 4861 6.3.7, RFC 7559 with its backoff), advertisements (RFC 4861 6.3.4, RFC 4191 preferences and routes, RFC 8106 DNS),
 * redirects (RFC 4861 8.3). What they say becomes routes with lifetimes, addresses (slaac.c), parameters and a list of name servers; all of it bounded.
 */
#include "net/priv.h"

#define RS_MAX 3                             /* MAX_RTR_SOLICITATIONS */
#define RS_INTERVAL_NS (4 * NS_PER_S)        /* RTR_SOLICITATION_INTERVAL */
#define RS_INTERVAL_MAX_NS (3600 * NS_PER_S) /* RFC 7559 2: MRT */
#define METRIC_BASE 1024                     /* behind what was configured */
#define METRIC_STEP 256                      /* for a preference (RFC 4191 2.1) */
#define MIN_RETRANS_MS 10
#define ANSWER_NS (600 * NS_PER_MS)  /* MAX_RA_DELAY_TIME, and some */
#define REDIRECT_NS (600 * NS_PER_S) /* then the router is asked again, by using it */

static const struct ust_addr all_routers = {{0xff, 2, [15] = 2}};

static uint64_t until(uint64_t now_ns, uint32_t s) {
    return s == UINT32_MAX ? TIME_NEVER : now_ns + s * NS_PER_S;
}

/* ---- solicitations ---- */

void nd_rs_start(struct net *n, uint64_t now_ns) {
    n->nd.rs_left = RS_MAX;
    n->nd.rs_ns =
        now_ns + NS_PER_S; /* at the latest; the link-local address' DAD ends about then */
}

/* RFC 4861 6.3.7 MUST-10 */
void nd_rs_tick(struct net *n, uint64_t now_ns) {
    struct nd *nd = &n->nd;
    static const struct ust_addr any = {{0}};
    const struct net_addr *from = src6_select(n, &all_routers, &all_routers, 0);
    bool ll = from && addr6_is_link_local(&from->addr);
    struct nd_msg m = {.type = ICMP6_RS, .has_slla = ll, .slla = n->link->mac};
    nd_send(n, now_ns, &m, ll ? &from->addr : &any, &all_routers, NULL);
    if (nd->rs_left)
        nd->rs_left--;
    /* RFC 7559: on and on, ever more slowly, until a router answers. */
    uint64_t wait = RS_INTERVAL_NS;
    if (!nd->rs_left)
        wait = UST_MIN(RS_INTERVAL_MAX_NS, UST_MAX(now_ns - nd->started_ns, RS_INTERVAL_NS));
    nd->rs_ns = now_ns + wait;
    net_timer_arm(n);
}

/* ---- DNS ---- */

/* What still lives, where others look for it. */
static void publish_dns(struct net *n) {
    struct net_dns *out = &n->dns[NET_DNS_RA];
    size_t at = 0;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < ND_DNS_MAX && out->server_cnt < NET_DNS_MAX; i++)
        if (n->nd.dns[i].expires_ns)
            out->server[out->server_cnt++] = n->nd.dns[i].addr;
    for (size_t i = 0; i < ND_SEARCH_MAX; i++) {
        const struct nd_search *d = &n->nd.search[i];
        size_t len = strlen(d->name);
        if (!d->expires_ns || at + len + 2 > sizeof out->domain)
            continue;
        if (at)
            out->domain[at++] = ' ';
        memcpy(out->domain + at, d->name, len);
        at += len;
    }
}

static void rx_rdnss(struct net *n, uint64_t now_ns, const struct nd_rdnss *r) {
    struct nd_dns *hit = NULL, *room = NULL;
    for (struct nd_dns *d = n->nd.dns; d < n->nd.dns + ND_DNS_MAX; d++) {
        if (d->expires_ns && addr_eq(&d->addr, &r->addr))
            hit = d;
        if (!d->expires_ns && !room)
            room = d;
    }
    if (addr_is_multicast(&r->addr) || addr_is_any(&r->addr) || addr_is_ip4(&r->addr))
        return;
    if (!hit && r->lifetime_s)
        hit = room;
    if (hit)
        *hit = (struct nd_dns){.addr = r->addr,
                               .expires_ns = r->lifetime_s ? until(now_ns, r->lifetime_s) : 0};
}

static void rx_dnssl(struct net *n, uint64_t now_ns, const struct nd_dnssl *r) {
    struct nd_search *hit = NULL, *room = NULL;
    for (struct nd_search *d = n->nd.search; d < n->nd.search + ND_SEARCH_MAX; d++) {
        if (d->expires_ns && strcmp(d->name, r->name) == 0)
            hit = d;
        if (!d->expires_ns && !room)
            room = d;
    }
    if (!hit && r->lifetime_s)
        hit = room;
    if (!hit)
        return;
    memcpy(hit->name, r->name, sizeof hit->name);
    hit->expires_ns = r->lifetime_s ? until(now_ns, r->lifetime_s) : 0;
}

static void rx_dns(struct net *n, uint64_t now_ns, const struct nd_msg *m) {
    for (int i = 0; i < m->rdnss_cnt; i++)
        rx_rdnss(n, now_ns, &m->rdnss[i]);
    for (int i = 0; i < m->dnssl_cnt; i++)
        rx_dnssl(n, now_ns, &m->dnssl[i]);
    if (m->rdnss_cnt || m->dnssl_cnt)
        publish_dns(n);
}

void nd_dns_tick(struct net *n, uint64_t now_ns) {
    if (nd_dns_deadline(n) > now_ns)
        return;
    for (size_t i = 0; i < ND_DNS_MAX; i++)
        if (n->nd.dns[i].expires_ns <= now_ns)
            n->nd.dns[i].expires_ns = 0;
    for (size_t i = 0; i < ND_SEARCH_MAX; i++)
        if (n->nd.search[i].expires_ns <= now_ns)
            n->nd.search[i].expires_ns = 0;
    publish_dns(n);
}

uint64_t nd_dns_deadline(const struct net *n) {
    uint64_t at = TIME_NEVER;
    for (size_t i = 0; i < ND_DNS_MAX; i++)
        if (n->nd.dns[i].expires_ns)
            at = UST_MIN(at, n->nd.dns[i].expires_ns);
    for (size_t i = 0; i < ND_SEARCH_MAX; i++)
        if (n->nd.search[i].expires_ns)
            at = UST_MIN(at, n->nd.search[i].expires_ns);
    return at;
}

/* ---- advertisements ---- */

/* Bits behind plen do not count (RFC 4861 4.6.2). */
static struct ust_addr prefix_of(const struct ust_addr *a, unsigned plen) {
    struct ust_addr p = *a;
    for (unsigned i = plen; i < 128; i++)
        p.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return p;
}

/* RFC 4861 6.3.4 MUST-5, MUST-6 */
static void rx_params(struct net *n, uint64_t now_ns, const struct nd_msg *m) {
    struct nd *nd = &n->nd;
    if (m->hop_limit)
        nd->hop_limit = m->hop_limit;
    if (m->reachable_ms && m->reachable_ms != nd->base_reachable_ms) {
        nd->base_reachable_ms = m->reachable_ms;
        nd_draw_reachable(n, now_ns);
    }
    if (m->retrans_ms)
        n->neigh.param[NEIGH_PARAM_IP6].retrans_ns =
            UST_MAX(m->retrans_ms, (uint32_t)MIN_RETRANS_MS) * NS_PER_MS;
    if (m->has_mtu && m->mtu >= IP6_MIN_MTU && m->mtu <= n->link->mtu)
        nd->mtu = m->mtu;
    nd->managed = m->managed;
    nd->other = m->other;
}

static uint32_t metric_of(int8_t pref) { return (uint32_t)(METRIC_BASE - pref * METRIC_STEP); }

/* RFC 4861 6.3.4 MUST-7 */
static void rx_routes(struct net *n, uint64_t now_ns, const struct nd_msg *m,
                      const struct ust_addr *router) {
    static const struct ust_addr any = {{0}};
    route_learn(n, now_ns, &any, 0, router, ROUTE_RA, metric_of(m->pref),
                until(now_ns, m->router_lifetime_s));
    for (int i = 0; i < m->route_cnt; i++) {
        const struct nd_route *r = &m->route[i];
        struct ust_addr p = prefix_of(&r->prefix, r->plen);
        if (addr6_is_link_local(&p) || addr_is_multicast(&p) || addr_is_ip4(&p))
            continue;
        route_learn(n, now_ns, &p, r->plen, router, ROUTE_RA, metric_of(r->pref),
                    until(now_ns, r->lifetime_s));
    }
}

static void rx_prefixes(struct net *n, uint64_t now_ns, const struct nd_msg *m,
                        const struct ust_addr *router) {
    static const struct ust_addr any = {{0}};
    for (int i = 0; i < m->prefix_cnt; i++) {
        const struct nd_prefix *p = &m->prefix[i];
        struct ust_addr prefix = prefix_of(&p->prefix, p->plen);
        if (addr6_is_link_local(&prefix) || addr_is_multicast(&prefix) || addr_is_ip4(&prefix))
            continue;
        if (p->on_link && p->plen)
            route_learn(n, now_ns, &prefix, p->plen, &any, ROUTE_RA, METRIC_BASE,
                        until(now_ns, p->valid_s));
        if (p->autonomous && n->nd.cfg.autoconf)
            slaac_prefix(n, now_ns, p, router);
    }
}

/* RFC 4861 6.1.2 MUST-4 */
enum drop nd_rx_ra(struct net *n, uint64_t now_ns, const struct ip_rx *rx, const struct nd_msg *m) {
    struct nd *nd = &n->nd;
    if (!addr6_is_link_local(&rx->src)) /* RFC 4861 6.1.2 */
        return DROP_ND_SOURCE_RA;
    if (!nd->cfg.autoconf)
        return DROP_ND_OFF_RA;
    if (trace_on(&n->c->trace, TRACE_ND))
        trace_flow(&n->c->trace, now_ns, TRACE_ND, &rx->src, -1, &rx->dst, -1,
                   "router advertisement lifetime %u pref %d prefixes %u mtu %u",
                   m->router_lifetime_s, m->pref, m->prefix_cnt, m->mtu);
    enum neigh_action act;
    if (m->has_slla && !mac_is_multicast(&m->slla)) {
        struct neigh *nb =
            neigh_learn(&n->neigh, now_ns, &rx->src, &m->slla, false, true, true, &act);
        if (nb) {
            nb->is_router = true;
            net_neigh_act(n, now_ns, nb, act);
        }
    }
    route_gw_alive(n, &rx->src);
    rx_params(n, now_ns, m);
    rx_routes(n, now_ns, m, &rx->src);
    rx_prefixes(n, now_ns, m, &rx->src);
    rx_dns(n, now_ns, m);
    if (m->router_lifetime_s || m->prefix_cnt) {
        nd->ra_seen = true;
        nd->rs_left = 0;
        nd->rs_ns = TIME_NEVER;
    }
    net_timer_arm(n);
    return DROP_NONE;
}

/* ---- redirects ---- */

/* RFC 4861 8.1: from the router that is in use for that destination; to a router's link-local address, or to the destination itself, which then is on-link. */
/* RFC 4861 8.1 MUST-20; RFC 4861 8.3 SHLD-1 */
enum drop nd_rx_redirect(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                         const struct nd_msg *m) {
    static const struct ust_addr any = {{0}};
    struct net_path path;
    bool on_link = addr_eq(&m->target, &m->dst);
    bool good = addr6_is_link_local(&rx->src) && !addr_is_multicast(&m->dst) &&
                !addr_is_multicast(&m->target) && !addr_is_ip4(&m->dst) &&
                (on_link || addr6_is_link_local(&m->target)) &&
                net_route(n, &m->dst, NULL, &path) == 0 && addr_eq(&path.next_hop, &rx->src) &&
                !net_addr_find(n, &m->target);
    if (!good)
        return DROP_ND_REDIRECT;
    if (m->has_tlla && !mac_is_multicast(&m->tlla)) {
        enum neigh_action act;
        struct neigh *nb =
            neigh_learn(&n->neigh, now_ns, &m->target, &m->tlla, false, true, true, &act);
        if (nb) {
            nb->is_router = nb->is_router || !on_link;
            net_neigh_act(n, now_ns, nb, act);
        }
    }
    /* One destination has one redirect. */
    for (uint32_t i = 0; i < n->route_hi; i++) {
        struct route *r = &n->route[i];
        if (r->used && r->origin == ROUTE_REDIRECT && addr_eq(&r->prefix, &m->dst))
            r->expires_ns = 0;
    }
    route_tick(n, now_ns);
    route_learn(n, now_ns, &m->dst, 128, on_link ? &any : &m->target, ROUTE_REDIRECT, 0,
                now_ns + REDIRECT_NS);
    net_timer_arm(n);
    return DROP_NONE;
}
