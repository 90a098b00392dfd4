/* SPDX-License-Identifier: ISC */
/*
 * Multicast Listener Discovery, the listener's part: version 2 (RFC 3810), version 1 (RFC 2710) as long as an older querier is there (RFC 3810 8.2.1). A membership
 * is for all sources (EXCLUDE with an empty list), as joined by IPV6_JOIN_GROUP.
 *
 * Reports go out with hop limit 1, a router alert, from a link-local address, or from :: while there is none (RFC 3590).
 */
#include "net/priv.h"
#include "wire/mld.h"

#define UNSOLICITED_NS (1 * NS_PER_S)   /* RFC 3810 9.11 */
#define UNSOLICITED1_NS (10 * NS_PER_S) /* RFC 2710 7.10 */
#define REPORT_BYTES 1232               /* 1280 without IPv6 header and router alert */

static const struct ust_addr mld2_routers = {{0xff, 2, [15] = 0x16}};
static const struct ust_addr all_routers = {{0xff, 2, [15] = 2}};

/* RFC 3810 6: nothing is ever said of all-nodes, nor of groups that stay inside. */
static bool is_reported(const struct ust_addr *g) {
    return (g->b[1] & 15) >= 2 && !addr_eq(g, &nd_all_nodes);
}

static bool is_v1(const struct net *n, uint64_t now_ns) { return n->nd.mld1_until_ns > now_ns; }

static struct ust_addr source(const struct net *n) {
    static const struct ust_addr any = {{0}};
    const struct net_addr *a = src6_select(n, &all_routers, &all_routers, 0);
    return a && addr6_is_link_local(&a->addr) ? a->addr : any;
}

static void send(struct net *n, uint64_t now_ns, uint8_t *msg, size_t len,
                 const struct ust_addr *dst) {
    struct ust_addr src = source(n);
    icmp6_fill_csum(msg, len, &src, dst);
    struct nd_hdr h = {.src = &src, .dst = dst, .hop_limit = 1, .router_alert = true};
    if (!nd_transmit(n, now_ns, msg, len, &h))
        core_drop(n->c, now_ns, DROP_MLD_TXQ_FULL);
    else
        n->stats.icmp6_tx++;
}

static void send_v1(struct net *n, uint64_t now_ns, uint8_t type, const struct ust_addr *group) {
    uint8_t msg[MLD1_LEN];
    const struct ust_addr *dst = type == ICMP6_MLD_DONE ? &all_routers : group;
    mld1_emit(type, group, dst, dst, msg);
    send(n, now_ns, msg, sizeof msg, dst);
}

static void send_record(struct net *n, uint64_t now_ns, enum mld2_record type,
                        const struct ust_addr *group) {
    uint8_t msg[MLD2_REPORT_HDR_LEN + MLD2_RECORD_LEN];
    mld2_report_emit(1, msg);
    mld2_record_emit((uint8_t)type, group, NULL, 0, msg + MLD2_REPORT_HDR_LEN);
    send(n, now_ns, msg, sizeof msg, &mld2_routers);
}

/* The next report about g; `asked` by a query, or because of a change. */
void mld_tick(struct net *n, uint64_t now_ns, struct net_group *g) {
    bool v1 = is_v1(n, now_ns);
    if (v1)
        send_v1(n, now_ns, ICMP6_MLD_REPORT, &g->addr);
    else
        send_record(n, now_ns, g->asked ? MLD2_IS_EXCLUDE : MLD2_TO_EXCLUDE, &g->addr);
    g->asked = false;
    g->reports_left--;
    uint64_t wait = v1 ? UNSOLICITED1_NS : UNSOLICITED_NS;
    g->report_ns = now_ns + rng_below(&n->c->rng, (uint32_t)(wait / NS_PER_MS)) * NS_PER_MS;
}

void mld_join(struct net *n, uint64_t now_ns, struct net_group *g) {
    if (!is_reported(&g->addr) || !n->nd.cfg.on)
        return;
    g->reports_left = n->nd.mld_qrv;
    mld_tick(n, now_ns, g);
    net_timer_arm(n);
}

void mld_leave(struct net *n, uint64_t now_ns, const struct net_group *g) {
    if (!is_reported(&g->addr) || !n->nd.cfg.on)
        return;
    if (is_v1(n, now_ns))
        send_v1(n, now_ns, ICMP6_MLD_DONE, &g->addr);
    else
        send_record(n, now_ns, MLD2_TO_INCLUDE, &g->addr);
}

/* RFC 3810 5.2.14: the current state of all groups, as many records as fit in each report. */
void mld_general_tick(struct net *n, uint64_t now_ns) {
    uint8_t msg[REPORT_BYTES];
    size_t len = MLD2_REPORT_HDR_LEN;
    uint16_t cnt = 0;
    n->nd.mld_general_ns = TIME_NEVER;
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        const struct net_group *g = &n->group[i];
        if (!g->refs || addr_is_ip4(&g->addr) || !is_reported(&g->addr))
            continue;
        if (len + MLD2_RECORD_LEN > sizeof msg) {
            mld2_report_emit(cnt, msg);
            send(n, now_ns, msg, len, &mld2_routers);
            len = MLD2_REPORT_HDR_LEN;
            cnt = 0;
        }
        len += mld2_record_emit(MLD2_IS_EXCLUDE, &g->addr, NULL, 0, msg + len);
        cnt++;
    }
    if (cnt) {
        mld2_report_emit(cnt, msg);
        send(n, now_ns, msg, len, &mld2_routers);
    }
}

/* Each group that the query is about answers by itself, at a random time. */
static void ask_groups(struct net *n, uint64_t now_ns, const struct mld_query *q) {
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        struct net_group *g = &n->group[i];
        if (!g->refs || addr_is_ip4(&g->addr) || !is_reported(&g->addr))
            continue;
        if (!addr_is_any(&q->group) && !addr_eq(&q->group, &g->addr))
            continue;
        uint64_t at = now_ns + rng_below(&n->c->rng, q->max_resp_ms + 1) * NS_PER_MS;
        if (g->reports_left == 0) {
            g->report_ns = at;
            g->reports_left = 1;
            g->asked = true;
        }
        g->report_ns = UST_MIN(g->report_ns, at);
    }
}

static enum drop rx_query(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    struct mld_query q;
    struct nd *nd = &n->nd;
    enum drop d = mld_query_parse(rx->payload, &q);
    if (d != DROP_NONE)
        return d;
    if (!addr6_is_link_local(&rx->src) || rx->ttl != 1) /* RFC 3810 5.1.14, 6.2 */
        return DROP_MLD_SOURCE;
    if (q.v2) {
        nd->mld_qrv = q.qrv ? q.qrv : 2;
        nd->mld_interval_s = q.interval_s ? q.interval_s : 125;
    } else { /* RFC 3810 8.2.1, 9.12 */
        nd->mld1_until_ns = now_ns + (uint64_t)nd->mld_qrv * nd->mld_interval_s * NS_PER_S +
                            q.max_resp_ms * NS_PER_MS;
    }
    if (is_v1(n, now_ns) || !addr_is_any(&q.group)) {
        ask_groups(n, now_ns, &q);
    } else {
        uint64_t at = now_ns + rng_below(&n->c->rng, q.max_resp_ms + 1) * NS_PER_MS;
        nd->mld_general_ns = UST_MIN(nd->mld_general_ns, at);
    }
    net_timer_arm(n);
    return DROP_NONE;
}

/* RFC 2710 4: another's version 1 report spares ours. */
static void hear_report(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    struct ust_addr group;
    if (!is_v1(n, now_ns) || !mld1_parse(rx->payload, &group))
        return;
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        struct net_group *g = &n->group[i];
        if (g->refs && g->asked && addr_eq(&g->addr, &group)) {
            g->reports_left = 0;
            g->asked = false;
        }
    }
}

enum drop mld_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx, uint8_t type) {
    if (type == ICMP6_MLD_QUERY)
        return rx_query(n, now_ns, rx);
    if (type == ICMP6_MLD_REPORT)
        hear_report(n, now_ns, rx);
    return DROP_MLD_TYPE;
}
