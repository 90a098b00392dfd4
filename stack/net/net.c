/* SPDX-License-Identifier: ISC */
#include "net/net.h"

#include "net/errq.h"
#include "net/priv.h"

static const char *const addr_state_names[NET_ADDR_STATE_COUNT] = {
    [NET_ADDR_PROBING] = "PROBING",
    [NET_ADDR_ANNOUNCING] = "ANNOUNCING",
    [NET_ADDR_READY] = "READY",
    [NET_ADDR_DUPLICATE] = "DUPLICATE"};

int net_init(struct net *n, struct core *c, struct link *l, uint64_t now_ns) {
    memset(n, 0, sizeof *n);
    n->c = c;
    n->link = l;
    timer_init(&n->timer, TIMER_NET);
    icmp4_bucket_init(&n->icmp_bucket, now_ns);
    igmp_init(n);
    errq_define(c);
    for (size_t i = 0; i < NET_ID_CNT; i++)
        n->id[i] = (struct net_id){.next = (uint16_t)rng_u64(&c->rng),
                                   .last_ms = (uint32_t)(now_ns / NS_PER_MS)};
    reass_init(&n->reass, c);
    nd_init(n);
    if (neigh_table_init(&n->neigh, c) < 0)
        return -ENOMEM;
    if (pmtu_init(&n->pmtu, c) < 0) {
        neigh_table_fini(&n->neigh);
        return -ENOMEM;
    }
    return 0;
}

void net_fini(struct net *n) {
    timer_disarm(&n->c->wheel, &n->timer);
    reass_fini(&n->reass);
    neigh_table_fini(&n->neigh);
    pmtu_fini(&n->pmtu);
}

/* ---- addresses ---- */

static struct net_addr *find_any_state(struct net *n, const struct ust_addr *a) {
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (n->addr[i].used && addr_eq(&n->addr[i].addr, a))
            return &n->addr[i];
    return NULL;
}

void net_addr_set_state(struct net *n, uint64_t now_ns, struct net_addr *a,
                        enum net_addr_state to) {
    enum trace_cat cat = addr_is_ip4(&a->addr) ? TRACE_ARP : TRACE_ND;
    if (a->state != to && trace_on(&n->c->trace, cat)) {
        char s[ADDR_STR_LEN], m[MAC_STR_LEN];
        trace_line(&n->c->trace, now_ns, cat, "address %s %s -> %s%s%s", addr_str(&a->addr, s),
                   addr_state_names[a->state], addr_state_names[to],
                   to == NET_ADDR_DUPLICATE ? " held by " : "",
                   to == NET_ADDR_DUPLICATE ? mac_str(&a->conflict_mac, m) : "");
    }
    a->state = (uint8_t)to;
    a->sent = 0;
    if (to == NET_ADDR_DUPLICATE || to == NET_ADDR_READY)
        a->next_ns = TIME_NEVER;
    n->group_gen++;
}

/* RFC 4291 2.5: not unspecified, loopback or multicast; the subnet-router anycast address is no host's either (RFC 4291 2.6.1). */
static bool is_host_addr6(const struct ust_addr *a, uint8_t plen) {
    static const struct ust_addr zero = {{0}};
    if (addr_is_any(a) || addr_is_multicast(a) || addr_is_loopback(a) || plen > 128)
        return false;
    struct ust_addr host = *a;
    for (unsigned i = 0; i < plen; i++)
        host.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return plen >= 127 || !addr_eq(&host, &zero); /* RFC 6164 */
}

/* A host address, not the network's or its broadcast address (RFC 1122 3.2.1.3; /31 has neither, RFC 3021). */
bool net_is_host_addr(const struct ust_addr *a, uint8_t plen) {
    if (!addr_is_ip4(a))
        return is_host_addr6(a, plen);
    if (addr_is_any(a) || addr_is_multicast(a) || plen < 96 || plen > 128)
        return false;
    uint32_t v = addr_ip4(a), host_bits = 128u - plen;
    if (v >> 24 == 0 || v >= 0xf0000000)
        return false;
    if (host_bits < 2 || host_bits == 32)
        return true;
    uint32_t mask = (1u << host_bits) - 1;
    return (v & mask) != 0 && (v & mask) != mask;
}

int net_addr_add(struct net *n, uint64_t now_ns, const struct ust_addr *a, uint8_t plen, bool probe,
                 bool optimistic) {
    if (!net_is_host_addr(a, plen))
        return -EINVAL;
    if (find_any_state(n, a))
        return -EEXIST;
    for (uint32_t i = 0; i < NET_ADDR_MAX; i++) {
        struct net_addr *na = &n->addr[i];
        if (na->used)
            continue;
        memset(na, 0, sizeof *na);
        na->addr = *a;
        na->plen = plen;
        na->used = true;
        na->optimistic = optimistic;
        na->state = probe ? NET_ADDR_PROBING : NET_ADDR_READY;
        na->next_ns = na->preferred_ns = na->valid_ns = TIME_NEVER;
        n->addr_hi = UST_MAX(n->addr_hi, i + 1);
        n->group_gen++;
        if (!addr_is_ip4(a)) {
            struct ust_addr group = nd_solicited_node(a);
            net_group_join(n, now_ns, &group);
        }
        if (probe && addr_is_ip4(a))
            arp_addr_start(n, now_ns, na);
        else if (probe)
            nd_addr_start(n, now_ns, na);
        return 0;
    }
    return -ENOSPC;
}

int net_addr_del(struct net *n, uint64_t now_ns, const struct ust_addr *a) {
    struct net_addr *na = find_any_state(n, a);
    if (!na)
        return -ENOENT;
    bool ip4 = addr_is_ip4(&na->addr);
    struct ust_addr group = nd_solicited_node(&na->addr);
    na->used = false;
    while (n->addr_hi && !n->addr[n->addr_hi - 1].used)
        n->addr_hi--;
    n->group_gen++;
    if (ip4)
        neigh_flush(&n->neigh); /* they know us by an address that is gone */
    else
        net_group_leave(n, now_ns, &group);
    net_timer_arm(n);
    return 0;
}

struct ust_addr net_this_host(const struct net *n, bool ip6) {
    static const struct ust_addr lo6 = {{[15] = 1}};
    if (n->loopback_here)
        return ip6 ? lo6 : addr_from_ip4(0x7f000001);
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (addr_usable(&n->addr[i]) && addr_is_ip4(&n->addr[i].addr) != ip6)
            return n->addr[i].addr;
    return addr_from_ip4(0);
}

const struct net_addr *net_addr_find(const struct net *n, const struct ust_addr *a) {
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (addr_usable(&n->addr[i]) && addr_eq(&n->addr[i].addr, a))
            return &n->addr[i];
    return NULL;
}

const struct net_addr *net_addr_towards(const struct net *n, const struct ust_addr *neighbour) {
    const struct net_addr *best = NULL;
    bool best_on_link = false;
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        const struct net_addr *a = &n->addr[i];
        if (!addr_usable(a) || addr_is_ip4(&a->addr) != addr_is_ip4(neighbour))
            continue;
        bool on_link = addr_in_prefix(neighbour, &a->addr, a->plen);
        if (!best || (on_link && (!best_on_link || a->plen > best->plen))) {
            best = a;
            best_on_link = on_link;
        }
    }
    return best;
}

bool net_is_broadcast(const struct net *n, const struct ust_addr *a) {
    if (addr_is_limited_broadcast(a))
        return true;
    if (!addr_is_ip4(a))
        return false;
    for (uint32_t i = 0; i < n->addr_hi; i++) {
        const struct net_addr *na = &n->addr[i];
        if (!addr_usable(na) || !addr_is_ip4(&na->addr) || na->plen > 126 || na->plen <= 96)
            continue;
        uint32_t mask = (1u << (128 - na->plen)) - 1;
        if (addr_ip4(a) == (addr_ip4(&na->addr) | mask))
            return true;
    }
    return false;
}

bool net_is_local(const struct net *n, const struct ust_addr *a) {
    if (net_addr_find(n, a))
        return true;
    if (addr_is_multicast(a))
        return net_group_is_joined(n, a);
    if (addr_is_loopback(a))
        return n->loopback_here;
    return net_is_broadcast(n, a);
}

void net_pmtu_apply(struct net *n, uint64_t now_ns, const struct ip_error *e) {
    if (e->err == EMSGSIZE && e->mtu)
        pmtu_set(&n->pmtu, now_ns, &e->dst, e->mtu, e->mtu_no_df);
}

/* ---- Ethernet in ---- */

enum drop net_rx_eth(struct net *n, const struct eth_hdr *h) {
    static const struct ust_mac broadcast = {{255, 255, 255, 255, 255, 255}};
    if (mac_eq(&h->src, &n->link->mac))
        return DROP_ETH_OWN_FRAME;
    if (mac_eq(&h->dst, &n->link->mac) || mac_eq(&h->dst, &broadcast))
        return DROP_NONE;
    if (mac_is_multicast(&h->dst)) {
        struct ust_mac m = eth_mcast_mac4(0xe0000001);
        if (mac_eq(&h->dst, &m))
            return DROP_NONE;
        m = eth_mcast_mac6(&nd_all_nodes);
        if (n->nd.cfg.on && mac_eq(&h->dst, &m))
            return DROP_NONE;
        for (size_t i = 0; i < NET_GROUP_MAX; i++) {
            if (!n->group[i].refs)
                continue;
            m = net_group_mac(&n->group[i].addr);
            if (mac_eq(&h->dst, &m))
                return DROP_NONE;
        }
    }
    return DROP_ETH_NOT_US;
}

/* ---- errors to the other side ---- */

void net_send_port_unreach(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    if (addr_is_ip4(&rx->dst))
        icmp4_send_error(n, now_ns, ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0, rx);
    else
        icmp6_send_error(n, now_ns, ICMP6_UNREACH, ICMP6_PORT_UNREACH, 0, rx);
}

/* ---- errors for transports ---- */

void net_error_push(struct net *n, const struct ip_error *e) {
    if (n->error_head - n->error_tail == NET_ERROR_CAP) {
        n->c->drops.cnt[DROP_ICMP_QUEUE]++; /* as a message that got lost on the way */
        return;
    }
    uint32_t i = n->error_head++ % NET_ERROR_CAP;
    struct ust_slice kept = slice_head(e->packet, NET_ERROR_QUOTE);
    n->error[i] = *e;
    if (kept.len)
        memcpy(n->error_quote[i], kept.p, kept.len);
    n->error[i].packet = slice_of(n->error_quote[i], kept.len);
    size_t l4_off = e->packet.len - e->quoted.len;
    n->error[i].quoted =
        l4_off < kept.len ? slice_skip(n->error[i].packet, l4_off) : slice_of(NULL, 0);
}

bool net_error_pop(struct net *n, struct ip_error *out) {
    if (n->error_head == n->error_tail)
        return false;
    *out = n->error[n->error_tail++ % NET_ERROR_CAP];
    return true;
}

/* ---- time ---- */

void net_timer_arm(struct net *n) {
    uint64_t at = TIME_NEVER;
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (n->addr[i].used)
            at = UST_MIN(at, n->addr[i].next_ns);
    at = UST_MIN(at, net_groups_deadline(n));
    at = UST_MIN(at, route_deadline(n));
    at = UST_MIN(at, nd_deadline(n));
    if (n->dhcp4.state != DHCP4S_OFF)
        at = UST_MIN(at, n->dhcp4.next_ns);
    if (at == TIME_NEVER)
        timer_disarm(&n->c->wheel, &n->timer);
    else
        timer_arm(&n->c->wheel, &n->timer, at);
}

static void addr_tick(struct net *n, uint64_t now_ns, struct net_addr *a) {
    if (addr_is_ip4(&a->addr))
        arp_addr_tick(n, now_ns, a);
    else
        nd_addr_tick(n, now_ns, a);
}

static void tick(struct net *n, uint64_t now_ns) {
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (n->addr[i].used && n->addr[i].next_ns <= now_ns)
            addr_tick(n, now_ns, &n->addr[i]);
    net_groups_tick(n, now_ns);
    route_tick(n, now_ns);
    nd_tick(n, now_ns);
    if (n->dhcp4.state != DHCP4S_OFF && n->dhcp4.next_ns <= now_ns)
        dhcp4_tick(n, now_ns);
    net_timer_arm(n);
}

void net_timer(struct net *n, uint64_t now_ns, struct timer *t) {
    if (t->kind == TIMER_NET) {
        tick(n, now_ns);
    } else if (t->kind == TIMER_NEIGH) {
        struct neigh *nb = UST_CONTAINER_OF(t, struct neigh, timer);
        net_neigh_act(n, now_ns, nb, neigh_timer(&n->neigh, now_ns, nb));
    } else if (t->kind == TIMER_REASS) {
        uint8_t hdr[REASS_HDR_MAX + REASS_QUOTE];
        struct ip_rx first;
        if (!reass_timer(&n->reass, now_ns, t, hdr, &first))
            return;
        if (addr_is_ip4(&first.src))
            icmp4_send_error(n, now_ns, ICMP4_TIME_EXCEEDED, 1, 0, &first);
        else
            icmp6_send_error(n, now_ns, ICMP6_TIME_EXCEEDED, ICMP6_REASSEMBLY, 0, &first);
    } else {
        assert(t->kind == TIMER_PMTU);
        pmtu_timer(&n->pmtu, now_ns);
    }
}

/* ---- repair and invariants ---- */

void net_rebuild(struct net *n) {
    link_rebuild(n->link);
    neigh_rebuild(&n->neigh);
    reass_rebuild(&n->reass);
    pmtu_rebuild(&n->pmtu);
    timer_init(&n->timer, TIMER_NET);
    net_timer_arm(n);
}

const char *net_check(struct net *n) {
    uint32_t cnt = 0, frags = 0, bytes = 0;
    const struct neigh *nb;
    TAILQ_FOREACH (nb, &n->neigh.lru, lru) {
        const struct neigh_pkt *np;
        uint32_t q = 0, qb = 0;
        STAILQ_FOREACH (np, &nb->queue, link) {
            q++;
            qb += np->len;
        }
        if (q != nb->queue_cnt || qb != nb->queue_bytes)
            return "neighbour: queue counts";
        if (q && nb->state != NEIGH_INCOMPLETE)
            return "neighbour: packets wait in a state other than INCOMPLETE";
        if (neigh_find(&n->neigh, &nb->addr) != nb)
            return "neighbour: not found by its address";
        cnt++;
    }
    if (cnt != n->neigh.cnt || cnt > NEIGH_MAX)
        return "neighbour: table count";
    const struct reass_dgram *d;
    cnt = 0;
    TAILQ_FOREACH (d, &n->reass.list, link) {
        const struct frag *f, *prev = NULL;
        uint32_t have = 0, k = 0;
        TAILQ_FOREACH (f, &d->frags, link) {
            if (prev && f->off < prev->off + prev->len)
                return "reassembly: fragments overlap or are out of order";
            have += f->len;
            k++;
            prev = f;
        }
        if (have != d->have_bytes || k != d->frag_cnt)
            return "reassembly: datagram counts";
        if (!timer_is_armed(&d->timer))
            return "reassembly: datagram without timer";
        frags += k;
        bytes += d->mem_bytes;
        cnt++;
    }
    if (cnt != n->reass.cnt || bytes != n->reass.mem_bytes || bytes > REASS_BYTES)
        return "reassembly: totals";
    if (frags != slab_in_use(&n->c->arena, SLAB_FRAG))
        return "reassembly: fragments leaked";
    const struct pmtu *pm;
    cnt = 0;
    TAILQ_FOREACH (pm, &n->pmtu.lru, lru)
        cnt++;
    if (cnt != n->pmtu.cnt)
        return "path MTU: count";
    return NULL;
}
