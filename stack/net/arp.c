/* SPDX-License-Identifier: ISC */
/*
 * ARP: asking, answering, and keeping our addresses ours. RFC 826 (the merge rule), RFC 5227 (probe, announce, defend), RFC 1122 2.3.2.
 *
 * An address goes PROBING (three probes) -> ANNOUNCING (two announcements) -> READY; a claim by another machine while PROBING makes it DUPLICATE.
 * Addresses given by hand are optimistic: used from the first moment, with the probes going on beside. Later claims are answered with one announcement
 * in ten seconds and otherwise ignored: RFC 5227 2.4 (c), the host that defends without end.
 *
 * A mapping is learnt anew from a request that is aimed at us and from nothing else; what is already in the cache follows any ARP packet
 * of its owner (RFC 826), but not two answers within a second: the first one wins, as in Linux.
 */
#include "net/priv.h"

#define PROBE_WAIT_NS (1 * NS_PER_S) /* RFC 5227 1.1 */
#define PROBE_NUM 3
#define PROBE_MIN_NS (1 * NS_PER_S)
#define PROBE_MAX_NS (2 * NS_PER_S)
#define ANNOUNCE_WAIT_NS (2 * NS_PER_S)
#define ANNOUNCE_NUM 2
#define ANNOUNCE_INTERVAL_NS (2 * NS_PER_S)
#define DEFEND_INTERVAL_NS (10 * NS_PER_S)
#define LOCK_NS (1 * NS_PER_S)

static const struct ust_mac mac_broadcast = {{255, 255, 255, 255, 255, 255}};

static void send(struct net *n, uint64_t now_ns, uint16_t op, const struct ust_addr *spa,
                 const struct ust_mac *tha, const struct ust_addr *tpa, const struct ust_mac *dst) {
    struct pkt_tx *p = link_reserve(n->link);
    if (!p) {
        core_drop(n->c, now_ns, DROP_ARP_TXQ_FULL);
        return;
    }
    struct arp_hdr h = {.op = op, .sha = n->link->mac, .spa = *spa, .tha = *tha, .tpa = *tpa};
    arp_emit(&h, pkt_start(p, ARP_LEN));
    p->l3_off = p->head_off;
    struct eth_hdr eh = {.dst = *dst, .src = n->link->mac, .type = ETH_TYPE_ARP};
    eth_emit(&eh, pkt_push(p, ETH_HDR_LEN));
    n->stats.arp_tx++;
    if (trace_debug(&n->c->trace, TRACE_ARP))
        trace_flow(&n->c->trace, now_ns, TRACE_ARP, spa, -1, tpa, -1, "%s sent",
                   op == ARP_OP_REQUEST ? "request" : "reply");
    link_commit(n->link, now_ns, p);
}

void arp_solicit(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                 const struct ust_mac *mac) {
    static const struct ust_mac none = {{0}};
    const struct net_addr *from = net_addr_towards(n, target);
    if (from)
        send(n, now_ns, ARP_OP_REQUEST, &from->addr, mac ? mac : &none, target,
             mac ? mac : &mac_broadcast);
}

static void probe(struct net *n, uint64_t now_ns, const struct net_addr *a) {
    static const struct ust_mac none = {{0}};
    struct ust_addr zero = addr_from_ip4(0);
    send(n, now_ns, ARP_OP_REQUEST, &zero, &none, &a->addr, &mac_broadcast);
}

static void announce(struct net *n, uint64_t now_ns, const struct net_addr *a) {
    static const struct ust_mac none = {{0}};
    send(n, now_ns, ARP_OP_REQUEST, &a->addr, &none, &a->addr, &mac_broadcast);
}

static uint64_t random_ns(struct net *n, uint64_t lo, uint64_t hi) {
    return lo + rng_below(&n->c->rng, (uint32_t)((hi - lo) / NS_PER_US) + 1) * NS_PER_US;
}

void arp_addr_start(struct net *n, uint64_t now_ns, struct net_addr *a) {
    net_addr_set_state(n, now_ns, a, NET_ADDR_PROBING);
    a->next_ns = now_ns;
    if (a->optimistic)
        arp_addr_tick(n, now_ns,
                      a); /* departs from RFC 5227 2.1.1: no PROBE_WAIT, the program waits for us */
    else
        a->next_ns = now_ns + random_ns(n, 0, PROBE_WAIT_NS);
    net_timer_arm(n);
}

void arp_addr_tick(struct net *n, uint64_t now_ns, struct net_addr *a) {
    switch ((enum net_addr_state)a->state) {
    case NET_ADDR_PROBING:
        if (a->sent < PROBE_NUM) {
            probe(n, now_ns, a);
            a->sent++;
            a->next_ns = now_ns + (a->sent < PROBE_NUM ? random_ns(n, PROBE_MIN_NS, PROBE_MAX_NS)
                                                       : ANNOUNCE_WAIT_NS);
            break;
        }
        net_addr_set_state(n, now_ns, a, NET_ADDR_ANNOUNCING);
        __attribute__((fallthrough));
    case NET_ADDR_ANNOUNCING:
        announce(n, now_ns, a);
        a->sent++;
        a->next_ns = now_ns + ANNOUNCE_INTERVAL_NS;
        if (a->sent == ANNOUNCE_NUM)
            net_addr_set_state(n, now_ns, a, NET_ADDR_READY);
        break;
    case NET_ADDR_READY:
    case NET_ADDR_DUPLICATE:
    case NET_ADDR_STATE_COUNT:
        a->next_ns = TIME_NEVER;
        break;
    }
}

/* Another machine, mac, claims a. */
static void conflict(struct net *n, uint64_t now_ns, struct net_addr *a,
                     const struct ust_mac *mac) {
    a->conflicts++;
    a->conflict_mac = *mac;
    if (a->state == NET_ADDR_PROBING) { /* RFC 5227 2.1.1 */
        net_addr_set_state(n, now_ns, a, NET_ADDR_DUPLICATE);
        dhcp4_conflict(n, now_ns, &a->addr);
        neigh_flush(&n->neigh);
        net_timer_arm(n);
        return;
    }
    if (trace_on(&n->c->trace, TRACE_ARP)) {
        char s[ADDR_STR_LEN], m[MAC_STR_LEN];
        trace_line(&n->c->trace, now_ns, TRACE_ARP, "address %s claimed by %s too",
                   addr_str(&a->addr, s), mac_str(mac, m));
    }
    if (a->defended_ns && now_ns - a->defended_ns < DEFEND_INTERVAL_NS)
        return; /* RFC 5227 2.4 (c) */
    a->defended_ns = now_ns;
    announce(n, now_ns, a);
}

/* Is the packet a claim to one of our addresses, or a probe for one that we probe for ourselves? */
static bool hear_conflicts(struct net *n, uint64_t now_ns, const struct arp_hdr *h) {
    bool is_probe = h->op == ARP_OP_REQUEST && addr_is_any(&h->spa);
    bool any = false;
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        struct net_addr *a = &n->addr[i];
        if (!a->used || a->state == NET_ADDR_DUPLICATE)
            continue;
        if (addr_eq(&a->addr, &h->spa) ||
            (is_probe && a->state == NET_ADDR_PROBING && addr_eq(&a->addr, &h->tpa))) {
            conflict(n, now_ns, a, &h->sha);
            any = true;
        }
    }
    return any;
}

/* RFC 826's merge: an entry that is there follows its owner. */
static void merge(struct net *n, uint64_t now_ns, const struct eth_hdr *eh, const struct arp_hdr *h,
                  bool to_us) {
    enum neigh_action act;
    bool gratuitous = addr_eq(&h->spa, &h->tpa);
    bool answer = h->op == ARP_OP_REPLY && mac_eq(&eh->dst, &n->link->mac) && !gratuitous;
    struct neigh *nb = neigh_find(&n->neigh, &h->spa);
    bool known = nb && nb->state != NEIGH_INCOMPLETE && nb->state != NEIGH_FAILED;
    if (known && !gratuitous && !mac_eq(&nb->mac, &h->sha) && now_ns - nb->updated_ns < LOCK_NS)
        return;
    bool may_create = to_us && h->op == ARP_OP_REQUEST && !gratuitous;
    nb = neigh_learn(&n->neigh, now_ns, &h->spa, &h->sha, answer, true, may_create, &act);
    if (!nb)
        return;
    route_gw_alive(n, &nb->addr);
    net_neigh_act(n, now_ns, nb, act);
}

enum drop arp_rx(struct net *n, uint64_t now_ns, const struct eth_hdr *eh,
                 struct ust_slice payload) {
    struct arp_hdr h;
    enum drop d = arp_parse(payload, &h);
    if (d != DROP_NONE)
        return d;
    n->stats.arp_rx++;
    if (mac_is_zero(&h.sha) || mac_is_multicast(&h.sha))
        return DROP_ARP_SENDER;
    bool is_probe = h.op == ARP_OP_REQUEST && addr_is_any(&h.spa);
    if (!is_probe && (addr_is_any(&h.spa) || addr_is_multicast(&h.spa) ||
                      addr_is_loopback(&h.spa) || net_is_broadcast(n, &h.spa)))
        return DROP_ARP_SENDER_IP;
    if (!mac_eq(&h.sha, &n->link->mac) && hear_conflicts(n, now_ns, &h) && !is_probe)
        return DROP_ARP_CONFLICT;
    bool to_us = net_addr_find(n, &h.tpa) != NULL;
    if (!is_probe)
        merge(n, now_ns, eh, &h, to_us);
    if (!to_us)
        return DROP_ARP_NOT_US;
    if (h.op == ARP_OP_REQUEST)
        send(n, now_ns, ARP_OP_REPLY, &h.tpa, &h.sha, &h.spa, &h.sha);
    return DROP_NONE;
}
