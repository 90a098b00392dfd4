/* SPDX-License-Identifier: ISC */
/*
 * What a lease does to the interface: address, routes, MTU, name servers, set at once when it is
 * given and taken away at once when it ends. Connections of an address that is gone stay, as in the
 * kernel, and what they send fails.
 */
#include "net/dhcp4.h"

#include "net/priv.h"

#define MTU_MIN 576u     /* less is no MTU that a network has */
#define ROUTE_METRIC 100 /* routes given by hand come first */

static void add_route(struct net *n, struct dhcp4_lease *l, const struct dhcp4_route *r,
                      uint32_t metric) {
    if (l->route_cnt < DHCP4_ROUTE_MAX && route_add(n, &r->prefix, r->plen, &r->gw, metric) == 0)
        l->route[l->route_cnt++] = *r;
}

/* RFC 3442: where there are classless routes, the routers do not count. */
static void add_routes(struct net *n, const struct dhcp4_msg *m) {
    struct dhcp4_lease *l = &n->dhcp4.lease;
    l->route_cnt = 0;
    for (unsigned i = 0; m->has_routes && i < m->route_cnt; i++)
        add_route(n, l, &m->route[i], ROUTE_METRIC + i);
    for (unsigned i = 0; !m->has_routes && i < m->router_cnt; i++) {
        struct dhcp4_route r = {.prefix = addr_from_ip4(0), .gw = m->router[i], .plen = 96};
        add_route(n, l, &r, ROUTE_METRIC + i);
    }
}

static void del_routes(struct net *n) {
    struct dhcp4_lease *l = &n->dhcp4.lease;
    for (unsigned i = 0; i < l->route_cnt; i++)
        route_del(n, &l->route[i].prefix, l->route[i].plen, &l->route[i].gw);
    l->route_cnt = 0;
}

static void set_mtu(struct net *n, uint32_t mtu) {
    struct dhcp4 *d = &n->dhcp4;
    uint32_t most = d->link_mtu ? d->link_mtu : n->link->mtu;
    if (d->keep_mtu)
        return;
    n->link->mtu = mtu >= MTU_MIN && mtu < most ? mtu : most;
    d->link_mtu = most;
}

static void set_dns(struct net *n, const struct dhcp4_msg *m) {
    struct net_dns *dns = &n->dns[NET_DNS_DHCP4];
    memset(dns, 0, sizeof *dns);
    for (unsigned i = 0; i < m->dns_cnt && i < NET_DNS_MAX; i++)
        dns->server[dns->server_cnt++] = m->dns[i];
    memcpy(dns->domain, m->domain, UST_MIN(sizeof dns->domain, sizeof m->domain));
}

/* RFC 2131 4.4.5: half and seven eighths, unless the server says otherwise and means it. */
static void set_times(struct dhcp4 *d, const struct dhcp4_msg *m) {
    struct dhcp4_lease *l = &d->lease;
    l->lease_s = m->lease_s;
    l->from_ns = d->asked_ns;
    l->t1_ns = l->t2_ns = l->end_ns = TIME_NEVER;
    if (m->lease_s == DHCP4_FOREVER)
        return;
    uint64_t end = m->lease_s * NS_PER_S, t1 = m->t1_s * NS_PER_S, t2 = m->t2_s * NS_PER_S;
    if (t2 == 0 || t2 >= end)
        t2 = end / 8 * 7;
    if (t1 == 0 || t1 >= t2)
        t1 = UST_MIN(end / 2, t2);
    l->end_ns = l->from_ns + end;
    l->t1_ns = l->from_ns + t1;
    l->t2_ns = l->from_ns + t2;
}

/* RFC 950's classes, for a server that says no mask. */
static uint8_t class_plen(const struct ust_addr *a) {
    uint32_t v = addr_ip4(a);
    return (uint8_t)(96 + (v >> 31 == 0 ? 8 : v >> 30 == 2 ? 16 : 24));
}

static void trace_lease(struct net *n, uint64_t now_ns, const struct dhcp4_msg *m) {
    const struct dhcp4_lease *l = &n->dhcp4.lease;
    char a[ADDR_STR_LEN], s[ADDR_STR_LEN], gw[ADDR_STR_LEN], dns[ADDR_STR_LEN];
    if (!trace_on(&n->c->trace, TRACE_DHCP))
        return;
    trace_line(&n->c->trace, now_ns, TRACE_DHCP,
               "lease %s/%u for %u s from %s%s%s%s%s%s%s mtu %u routes %u", addr_str(&l->addr, a),
               l->plen - 96u, l->lease_s, addr_str(&l->server, s), l->route_cnt ? " via " : "",
               l->route_cnt ? addr_str(&l->route[0].gw, gw) : "", m->dns_cnt ? " dns " : "",
               m->dns_cnt ? addr_str(&m->dns[0], dns) : "", m->domain[0] ? " domain " : "",
               m->domain, n->link->mtu, l->route_cnt);
}

void dhcp4_bind(struct net *n, uint64_t now_ns, const struct dhcp4_msg *m) {
    struct dhcp4 *d = &n->dhcp4;
    struct dhcp4_lease *l = &d->lease;
    uint8_t plen = m->plen ? m->plen : class_plen(&m->yiaddr);
    bool same = d->bound && addr_eq(&l->addr, &m->yiaddr) && l->plen == plen;
    if (same)
        del_routes(n);
    else
        dhcp4_unbind(n, now_ns);
    l->addr = m->yiaddr;
    l->plen = plen;
    l->server = m->server_id;
    set_times(d, m);
    add_routes(n, m);
    set_mtu(n, m->mtu);
    set_dns(n, m);
    d->bound = true;
    d->stats.leases += !same;
    d->stats.renewals += same;
    dhcp4_set_state(n, now_ns, DHCP4S_BOUND, same ? "renewed" : "");
    trace_lease(n, now_ns, m);
    d->next_ns = l->t1_ns;
    /* Used from the first moment, probed beside; a conflict declines it. Last: it may fire at once. */
    if (!same)
        net_addr_add(n, now_ns, &l->addr, plen, true, true);
}

void dhcp4_unbind(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    if (!d->bound)
        return;
    d->bound = false;
    d->declined = false;
    del_routes(n);
    set_mtu(n, 0);
    memset(&n->dns[NET_DNS_DHCP4], 0, sizeof n->dns[NET_DNS_DHCP4]);
    net_addr_del(n, now_ns, &d->lease.addr);
}
