/* SPDX-License-Identifier: ISC */
/*
 * Neighbor Discovery, the part between neighbours: solicitations and advertisements in and out (RFC 4861 7.2), which feed the cache in neigh.c. Routers' part is in
 * nd_router.c, our addresses' in nd_addr.c and slaac.c.
 *
 * Every message has come with hop limit 255, so from our own link (RFC 4861 11.2); what it claims is believed as far as RFC 4861 believes it.
 */
#include "net/nd.h"

#include "net/priv.h"

#define REACHABLE_MS 30000 /* RFC 4861 10 */
#define MAX_REACHABLE_MS 3600000
#define REACHABLE_KEEP_NS (2 * 3600 * NS_PER_S)

const struct ust_addr nd_all_nodes = {{0xff, 2, [15] = 1}};

void nd_init(struct net *n) {
    struct nd *nd = &n->nd;
    nd->hop_limit = 64;
    nd->base_reachable_ms = REACHABLE_MS;
    nd->mld_qrv = 2;
    nd->mld_interval_s = 125;
    nd->rs_ns = nd->reach_ns = nd->mld_general_ns = TIME_NEVER;
}

static bool is_off(const struct net *n) { return !n->nd.cfg.on; }

uint32_t nd_remaining_s(uint64_t until_ns, uint64_t now_ns) {
    if (until_ns == TIME_NEVER)
        return UINT32_MAX;
    return until_ns > now_ns ? (uint32_t)((until_ns - now_ns) / NS_PER_S) : 0;
}

/* ---- out ---- */

bool nd_transmit(struct net *n, uint64_t now_ns, const uint8_t *msg, size_t len,
                 const struct nd_hdr *nh) {
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        return false;
    size_t in_head = UST_MIN(len, (size_t)L4_HEAD_MAX);
    memcpy(pkt_start(p, in_head), msg, in_head);
    if (len > in_head) {
        p->own = buf_alloc(&n->c->arena, len - in_head);
        if (!p->own) {
            link_cancel(n->link, p);
            return false;
        }
        memcpy(p->own, msg + in_head, len - in_head);
        pkt_add_body(p, slice_of(p->own, len - in_head));
    }
    struct ip6_hdr h = {
        .next = IP_PROTO_ICMP6, .hop_limit = nh->hop_limit, .src = *nh->src, .dst = *nh->dst};
    if (nh->router_alert) {
        ip6_emit_router_alert(h.next, pkt_push(p, IP6_ROUTER_ALERT_LEN));
        h.next = IP_PROTO_HOPOPTS;
    }
    h.payload_len = (uint16_t)pkt_len(p);
    ip6_emit(&h, pkt_push(p, IP6_HDR_LEN));
    p->l3_off = p->head_off;
    struct eth_hdr eh = {.dst = nh->mac ? *nh->mac : net_group_mac(nh->dst),
                         .src = n->link->mac,
                         .type = ETH_TYPE_IP6};
    eth_emit(&eh, pkt_push(p, ETH_HDR_LEN));
    n->stats.ip6_tx++;
    link_commit(n->link, now_ns, p);
    return true;
}

void nd_send(struct net *n, uint64_t now_ns, const struct nd_msg *m, const struct ust_addr *src,
             const struct ust_addr *dst, const struct ust_mac *mac) {
    uint8_t msg[ND_MSG_MAX];
    size_t len = nd_emit(m, src, dst, msg);
    struct nd_hdr h = {.src = src, .dst = dst, .mac = mac, .hop_limit = 255};
    if (!nd_transmit(n, now_ns, msg, len, &h)) {
        core_drop(n->c, now_ns, DROP_ND_TXQ_FULL);
        return;
    }
    n->stats.nd_tx++;
    if (!trace_debug(&n->c->trace, TRACE_ND))
        return;
    char t[ADDR_STR_LEN];
    trace_flow(&n->c->trace, now_ns, TRACE_ND, src, -1, dst, -1, "%s%s sent",
               m->type == ICMP6_RS   ? "router solicitation"
               : m->type == ICMP6_NS ? "solicitation for "
                                     : "advertisement of ",
               m->type == ICMP6_RS ? "" : addr_str(&m->target, t));
}

/* RFC 4861 6.3.2: between half and one and a half of the base, drawn anew every few hours in which we ask at all. */
void nd_draw_reachable(struct net *n, uint64_t now_ns) {
    uint32_t base = UST_MIN(n->nd.base_reachable_ms, (uint32_t)MAX_REACHABLE_MS);
    n->neigh.param[NEIGH_PARAM_IP6].reachable_ns =
        (base / 2 + rng_below(&n->c->rng, base + 1)) * NS_PER_MS;
    n->nd.reach_ns = now_ns + REACHABLE_KEEP_NS;
}

/* RFC 4861 7.2.2 MUST-13 */
void nd_solicit(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                const struct ust_mac *mac) {
    if (n->nd.reach_ns <= now_ns)
        nd_draw_reachable(n, now_ns);
    const struct net_addr *src = src6_select(n, target, target, 0);
    if (!src)
        return;
    struct nd_msg m = {.type = ICMP6_NS, .target = *target, .has_slla = true, .slla = n->link->mac};
    struct ust_addr dst = mac ? *target : nd_solicited_node(target);
    nd_send(n, now_ns, &m, &src->addr, &dst, mac);
}

/* RFC 4861 7.2.4 MUST-15 */
static void advertise(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                      const struct ust_addr *dst, const struct ust_mac *mac, bool solicited) {
    struct nd_msg m = {.type = ICMP6_NA,
                       .target = *target,
                       .solicited = solicited,
                       .override = true,
                       .has_tlla = true,
                       .tlla = n->link->mac};
    nd_send(n, now_ns, &m, target, dst, mac);
}

/* The same to a neighbour whose hardware address is not known: the packet waits for it like any other. */
static enum drop advertise_resolved(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                                    const struct ust_addr *dst) {
    struct nd_msg m = {.type = ICMP6_NA,
                       .target = *target,
                       .solicited = true,
                       .override = true,
                       .has_tlla = true,
                       .tlla = n->link->mac};
    struct ip_flow f = {
        .src = *target, .dst = *dst, .proto = IP_PROTO_ICMP6, .ttl = 255, .df = true};
    uint8_t msg[ND_MSG_MAX];
    size_t len = nd_emit(&m, target, dst, msg);
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        return DROP_ND_ANSWER_TXQ_FULL;
    memcpy(pkt_start(p, len), msg, len);
    n->stats.nd_tx++;
    ip_output(n, now_ns, p, &f);
    return DROP_NONE;
}

void nd_announce(struct net *n, uint64_t now_ns, const struct ust_addr *a) {
    advertise(n, now_ns, a, &nd_all_nodes, NULL, false);
}

/* ---- in ---- */

static struct net_addr *own_addr(struct net *n, const struct ust_addr *a) {
    for (uint32_t i = 0; i < n->addr_hi; i++)
        if (n->addr[i].used && n->addr[i].state != NET_ADDR_DUPLICATE &&
            addr_eq(&n->addr[i].addr, a))
            return &n->addr[i];
    return NULL;
}

/* RFC 4861 7.2.3: the sender's address in a solicitation of any kind. */
/* RFC 4861 7.2.3 MUST-14 */
static void learn_sender(struct net *n, uint64_t now_ns, const struct ust_addr *src,
                         const struct ust_mac *mac) {
    enum neigh_action act;
    if (mac_is_multicast(mac) || mac_is_zero(mac))
        return;
    struct neigh *nb = neigh_learn(&n->neigh, now_ns, src, mac, false, true, true, &act);
    if (nb)
        net_neigh_act(n, now_ns, nb, act);
}

/* RFC 4861 7.1.1 MUST-11; RFC 4862 5.4.3 MUST-4 */
static enum drop rx_ns(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                       const struct nd_msg *m) {
    struct ust_addr group = nd_solicited_node(&m->target);
    bool is_dad = addr_is_any(&rx->src);
    /* RFC 4861 7.1.1 */
    if (is_dad && (!addr_eq(&rx->dst, &group) || m->has_slla))
        return DROP_ND_SOURCE;
    struct net_addr *a = own_addr(n, &m->target);
    if (!a)
        return DROP_ND_NOT_US;
    if (a->state == NET_ADDR_PROBING && !a->optimistic) { /* RFC 4862 5.4.3 */
        static const struct ust_mac unknown = {{0}};
        if (is_dad && nd_addr_conflict(n, now_ns, a, &unknown, m->has_nonce ? m->nonce : NULL))
            return DROP_ND_LOOPED;
        return DROP_NONE;
    }
    if (is_dad) {
        advertise(n, now_ns, &m->target, &nd_all_nodes, NULL, false);
        return DROP_NONE;
    }
    if (m->has_slla)
        learn_sender(n, now_ns, &rx->src, &m->slla);
    if (m->has_slla && !mac_is_multicast(&m->slla) && !mac_is_zero(&m->slla)) {
        advertise(n, now_ns, &m->target, &rx->src, &m->slla, true);
        return DROP_NONE;
    }
    /* Without an address to answer to: from the cache, or asked for first (RFC 4861 7.2.4). */
    return advertise_resolved(n, now_ns, &m->target, &rx->src);
}

/* RFC 4861 7.1.2 MUST-12; RFC 4861 7.3.3 MUST-19; RFC 4862 5.4.4 MUST-6 */
static enum drop rx_na(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                       const struct nd_msg *m) {
    if (rx->dst_multicast && m->solicited) /* RFC 4861 7.1.2 */
        return DROP_ND_SOURCE_NA;
    struct net_addr *a = own_addr(n, &m->target);
    if (a) { /* RFC 4862 5.4.4 */
        nd_addr_conflict(n, now_ns, a, &m->tlla, NULL);
        return DROP_ND_CONFLICT;
    }
    bool was_router = false, has_mac = m->has_tlla && !mac_is_multicast(&m->tlla);
    enum neigh_action act;
    struct neigh *nb = neigh_learn_na(&n->neigh, now_ns, &m->target, has_mac ? &m->tlla : NULL,
                                      m->solicited, m->override, m->router, &was_router, &act);
    if (!nb)
        return DROP_ND_NO_ENTRY;
    if (was_router && !m->router)
        route_forget(n, &m->target); /* RFC 4861 7.3.3: it has stopped to be one */
    if (nb->state == NEIGH_REACHABLE)
        route_gw_alive(n, &m->target);
    net_neigh_act(n, now_ns, nb, act);
    return DROP_NONE;
}

/* RFC 4861 6.1.1, 6.2.6: for routers; but who sends one is no router (7.3.3). */
static void rx_rs(struct net *n, uint64_t now_ns, const struct ip_rx *rx, const struct nd_msg *m) {
    if (!addr_is_any(&rx->src) && m->has_slla)
        learn_sender(n, now_ns, &rx->src, &m->slla);
}

enum drop nd_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    struct nd_msg m;
    if (is_off(n))
        return DROP_ND_OFF;
    enum drop d = nd_parse(rx->payload, rx->ttl, &m);
    if (d != DROP_NONE)
        return d;
    n->stats.nd_rx++;
    if ((m.type == ICMP6_NS || m.type == ICMP6_NA) && addr_is_multicast(&m.target))
        return DROP_ND_TARGET;
    switch (m.type) {
    case ICMP6_NS:
        return rx_ns(n, now_ns, rx, &m);
    case ICMP6_NA:
        return rx_na(n, now_ns, rx, &m);
    case ICMP6_RA:
        return nd_rx_ra(n, now_ns, rx, &m);
    case ICMP6_REDIRECT:
        return nd_rx_redirect(n, now_ns, rx, &m);
    default:
        rx_rs(n, now_ns, rx, &m);
        return DROP_ND_ROUTER;
    }
}

/* ---- time ---- */

int nd_start(struct net *n, uint64_t now_ns, const struct nd_cfg *cfg) {
    static const uint8_t none[16];
    if (n->nd.cfg.on)
        return -EALREADY;
    n->nd.cfg = *cfg;
    n->nd.started_ns = now_ns;
    if (!cfg->on)
        return 0;
    if (memcmp(cfg->secret, none, sizeof none) == 0) {
        uint64_t r[2] = {rng_u64(&n->c->rng), rng_u64(&n->c->rng)};
        memcpy(n->nd.cfg.secret, r, sizeof r);
    }
    n->group_gen++;
    nd_draw_reachable(n, now_ns);
    int r = slaac_link_local(n, now_ns);
    if (r == 0 && cfg->autoconf)
        nd_rs_start(n, now_ns);
    net_timer_arm(n);
    return r;
}

uint64_t nd_deadline(const struct net *n) {
    uint64_t at = UST_MIN(n->nd.rs_ns, n->nd.mld_general_ns);
    at = UST_MIN(at, nd_dns_deadline(n));
    return UST_MIN(at, slaac_deadline(n));
}

void nd_tick(struct net *n, uint64_t now_ns) {
    if (n->nd.rs_ns <= now_ns)
        nd_rs_tick(n, now_ns);
    if (n->nd.mld_general_ns <= now_ns)
        mld_general_tick(n, now_ns);
    nd_dns_tick(n, now_ns);
    slaac_tick(n, now_ns);
}
