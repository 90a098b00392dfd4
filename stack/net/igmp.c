/* SPDX-License-Identifier: ISC */
/*
 * IGMP version 2 (RFC 2236), the host's part: reports when we join, answers to queries after a random delay, a leave message. Routers of
 * version 3 (RFC 3376 7.3.2) understand it.
 *
 * Not done: suppression of a report that another host was faster to send; version 3's source lists.
 */
#include "net/priv.h"
#include "wire/igmp.h"

#define UNSOLICITED_NS (10 * NS_PER_S) /* RFC 2236 8.10 */
#define UNSOLICITED_CNT 2

static const struct { uint32_t all_hosts, all_routers; } igmp_addr = {0xe0000001, 0xe0000002};

static void send(struct net *n, uint64_t now_ns, enum igmp_type type, const struct ust_addr *group,
                 const struct ust_addr *dst) {
    static const uint8_t router_alert[4] = {0x94, 4, 0, 0}; /* RFC 2113 */
    struct pkt_tx *p = link_reserve(n->link);
    if (!p) {
        core_drop(n->c, now_ns, DROP_IGMP_TXQ_FULL);
        return;
    }
    struct igmp_hdr h = {.type = (uint8_t)type, .group = *group};
    igmp_emit(&h, pkt_start(p, IGMP_LEN));
    struct ip_flow f = {.dst = *dst,
                        .proto = IP_PROTO_IGMP,
                        .ttl = 1,
                        .tos = 0xc0,
                        .opts = slice_of(router_alert, sizeof router_alert)};
    ip_output(n, now_ns, p, &f);
}

/* RFC 2236 6: nothing is ever said of the all-hosts group. */
static bool is_reported(const struct ust_addr *g) { return addr_ip4(g) != igmp_addr.all_hosts; }

void igmp_tick(struct net *n, uint64_t now_ns, struct net_group *g) {
    send(n, now_ns, IGMP_V2_REPORT, &g->addr, &g->addr);
    g->reports_left--;
    g->report_ns = now_ns + rng_below(&n->c->rng, UNSOLICITED_NS / NS_PER_MS) * NS_PER_MS;
}

void igmp_join(struct net *n, uint64_t now_ns, struct net_group *g) {
    if (!is_reported(&g->addr))
        return;
    g->reports_left = UNSOLICITED_CNT;
    igmp_tick(n, now_ns, g);
    net_timer_arm(n);
}

void igmp_leave(struct net *n, uint64_t now_ns, const struct net_group *g) {
    struct ust_addr routers = addr_from_ip4(igmp_addr.all_routers);
    if (is_reported(&g->addr))
        send(n, now_ns, IGMP_LEAVE, &g->addr, &routers);
}

enum drop igmp_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    struct igmp_hdr h;
    enum drop d = igmp_parse(rx->payload, &h);
    if (d != DROP_NONE)
        return d;
    if (h.type != IGMP_QUERY)
        return DROP_IGMP_TYPE;
    uint64_t within_ms = h.max_resp ? h.max_resp * 100u : 10000;
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        struct net_group *g = &n->group[i];
        if (!g->refs || !is_reported(&g->addr))
            continue;
        if (!addr_is_any(&h.group) && !addr_eq(&h.group, &g->addr))
            continue;
        uint64_t at = now_ns + rng_below(&n->c->rng, (uint32_t)within_ms) * NS_PER_MS;
        if (g->reports_left == 0 || g->report_ns > at)
            g->report_ns = at;
        g->reports_left = (uint8_t)UST_MAX(g->reports_left, 1);
    }
    net_timer_arm(n);
    return DROP_NONE;
}
