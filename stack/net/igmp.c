/* SPDX-License-Identifier: ISC */
/*
 * IGMP version 3, the host's part (RFC 3376 5), with versions 2 and 1 as long as such a querier is heard (7.2).
 *
 * Version 3: a change of the interface's state of a group (group.c) is reported at once and robustness - 1 times more; a general query
 * is answered for all groups together, one about a group or its sources for that group, each after a random part of the querier's maximum. Version 2 and 1:
 * reports of the group alone when it is joined and when asked, kept back if another host is faster (RFC 2236 3); version 2 says when it leaves.
 */
#include "net/priv.h"
#include "wire/igmp.h"

#define UNSOLICITED_V2_NS (10 * NS_PER_S) /* RFC 2236 8.10 */
#define UNSOLICITED_V3_NS (1 * NS_PER_S)  /* RFC 3376 8.11 */
#define ROBUSTNESS 2                      /* RFC 3376 8.1 */
#define OLDER_QUERIER_NS (260 * NS_PER_S) /* RFC 3376 8.12, from the defaults of 8.1 to 8.3 */
#define REPORT_BYTES 1476                 /* of version 3: fits any link of ours but the smallest */

static const struct {
    uint32_t all_hosts, all_routers, v3_routers;
} igmp_addr = {0xe0000001, 0xe0000002, 0xe0000016};

void igmp_init(struct net *n) {
    n->igmp = (struct igmp){.general_ns = TIME_NEVER, .robustness = ROBUSTNESS};
}

uint8_t igmp_robustness(const struct net *n) { return n->igmp.robustness; }

static unsigned version_now(const struct net *n, uint64_t now_ns) {
    if (n->igmp.v1_until_ns > now_ns)
        return 1;
    return n->igmp.v2_until_ns > now_ns ? 2 : 3;
}

/* RFC 2236 6, RFC 3376 5: nothing is ever said of the all-hosts group. */
static bool is_reported(const struct net_group *g) {
    return addr_is_ip4(&g->addr) && addr_ip4(&g->addr) != igmp_addr.all_hosts;
}

static uint64_t random_ns(struct net *n, uint64_t below_ns) {
    return rng_below(&n->c->rng, (uint32_t)(below_ns / NS_PER_MS) + 1) * NS_PER_MS;
}

/* ---- messages ---- */

static void output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ust_addr *dst) {
    static const uint8_t router_alert[4] = {0x94, 4, 0, 0}; /* RFC 2113 */
    struct ip_flow f = {.dst = *dst,
                        .proto = IP_PROTO_IGMP,
                        .ttl = 1,
                        .tos = 0xc0,
                        .opts = slice_of(router_alert, sizeof router_alert)};
    ip_output(n, now_ns, p, &f);
}

static struct pkt_tx *packet(struct net *n, uint64_t now_ns) {
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        core_drop(n->c, now_ns, DROP_IGMP_TXQ_FULL);
    return p;
}

static void send_old(struct net *n, uint64_t now_ns, enum igmp_type type,
                     const struct ust_addr *group, const struct ust_addr *dst) {
    struct pkt_tx *p = packet(n, now_ns);
    if (!p)
        return;
    struct igmp_hdr h = {.type = (uint8_t)type, .group = *group};
    igmp_emit(&h, pkt_start(p, IGMP_LEN));
    output(n, now_ns, p, dst);
}

static void report_old(struct net *n, uint64_t now_ns, const struct net_group *g,
                       unsigned version) {
    send_old(n, now_ns, version == 1 ? IGMP_V1_REPORT : IGMP_V2_REPORT, &g->addr, &g->addr);
}

static size_t report_room(const struct net *n) {
    return UST_MIN((size_t)REPORT_BYTES, (size_t)n->link->mtu - IP4_HDR_LEN - 4);
}

static void send_v3(struct net *n, uint64_t now_ns, struct igmp_report *r) {
    struct ust_addr dst = addr_from_ip4(igmp_addr.v3_routers);
    struct pkt_tx *p = r->records ? packet(n, now_ns) : NULL;
    if (!p)
        return;
    pkt_start(p, 0);
    size_t len = igmp_report_end(r);
    p->own = buf_alloc(&n->c->arena, len);
    if (!p->own) {
        link_cancel(n->link, p);
        core_drop(n->c, now_ns, DROP_IGMP_MEMORY);
        return;
    }
    memcpy(p->own, r->buf, len);
    pkt_add_body(p, slice_of(p->own, len));
    output(n, now_ns, p, &dst);
}

/* Sends what there is when a record does not fit, and goes on; of more sources than a packet takes the first ones are named. */
static void add(struct net *n, uint64_t now_ns, struct igmp_report *r, enum igmp_record type,
                const struct net_group *g, const struct ust_addr *src, uint16_t cnt) {
    size_t most = (r->cap - IGMP_LEN - IGMP_RECORD_LEN) / 4;
    cnt = (uint16_t)UST_MIN((size_t)cnt, most);
    if (igmp_report_add(r, type, &g->addr, src, cnt))
        return;
    send_v3(n, now_ns, r);
    igmp_report_begin(r, r->buf, r->cap);
    igmp_report_add(r, type, &g->addr, src, cnt);
}

/* ---- changes ---- */

/* Sources that the filter names: in mode EXCLUDE the refused ones, else the wanted ones. */
static uint16_t filter_of(const struct net_group *g, struct ust_addr src[MCAST_SRC_MAX]) {
    bool excl = group_mode(g) == MCAST_MODE_EXCLUDE;
    uint16_t cnt = 0;
    for (uint32_t i = 0; i < g->src_cnt; i++)
        if (group_wants(g, &g->src[i]) != excl)
            src[cnt++] = g->src[i].addr;
    return cnt;
}

/* RFC 3376 5.1: the state-change record of g, counted as sent once more. */
static void report_change(struct net *n, uint64_t now_ns, struct net_group *g) {
    uint8_t buf[REPORT_BYTES];
    struct igmp_report r;
    struct ust_addr src[MCAST_SRC_MAX];
    igmp_report_begin(&r, buf, report_room(n));
    if (g->mode_left) {
        g->mode_left--;
        bool excl = group_mode(g) == MCAST_MODE_EXCLUDE;
        add(n, now_ns, &r, excl ? IGMP_CHANGE_TO_EXCLUDE : IGMP_CHANGE_TO_INCLUDE, g, src,
            filter_of(g, src));
    }
    for (int wanted = 1; wanted >= 0; wanted--) {
        uint16_t cnt = 0;
        for (uint32_t i = 0; i < g->src_cnt; i++)
            if (g->src[i].change_left && group_wants(g, &g->src[i]) == wanted)
                src[cnt++] = g->src[i].addr;
        if (cnt)
            add(n, now_ns, &r, wanted ? IGMP_ALLOW_NEW_SOURCES : IGMP_BLOCK_OLD_SOURCES, g, src,
                cnt);
    }
    for (uint32_t i = 0; i < g->src_cnt; i++)
        if (g->src[i].change_left)
            g->src[i].change_left--;
    group_purge(g);
    g->change_ns = now_ns + random_ns(n, UNSOLICITED_V3_NS);
    send_v3(n, now_ns, &r);
}

void igmp_changed(struct net *n, uint64_t now_ns, struct net_group *g, bool joined, bool left) {
    unsigned version = version_now(n, now_ns);
    if (left)
        g->reports_left = 0;
    if (!is_reported(g)) {
        group_forget_changes(g);
    } else if (version == 3) {
        report_change(n, now_ns, g);
    } else {
        struct ust_addr routers = addr_from_ip4(igmp_addr.all_routers);
        group_forget_changes(g); /* older versions know no sources */
        if (left && version == 2)
            send_old(n, now_ns, IGMP_LEAVE, &g->addr, &routers);
        if (joined) {
            report_old(n, now_ns, g, version);
            g->reports_left = (uint8_t)(n->igmp.robustness - 1);
            g->report_ns = now_ns + random_ns(n, UNSOLICITED_V2_NS);
        }
    }
}

/* ---- answers ---- */

/* RFC 3376 5.2: the current state, or of it what the query asked for. */
static void add_state(struct net *n, uint64_t now_ns, struct igmp_report *r,
                      const struct net_group *g) {
    struct ust_addr src[MCAST_SRC_MAX];
    uint16_t cnt = 0;
    if (!g->src_query) {
        bool excl = group_mode(g) == MCAST_MODE_EXCLUDE;
        cnt = filter_of(g, src);
        add(n, now_ns, r, excl ? IGMP_MODE_IS_EXCLUDE : IGMP_MODE_IS_INCLUDE, g, src, cnt);
        return;
    }
    for (uint32_t i = 0; i < g->src_cnt; i++)
        if (g->src[i].queried && group_wants(g, &g->src[i]))
            src[cnt++] = g->src[i].addr;
    if (cnt)
        add(n, now_ns, r, IGMP_MODE_IS_INCLUDE, g, src, cnt);
}

void igmp_general_tick(struct net *n, uint64_t now_ns) {
    uint8_t buf[REPORT_BYTES];
    struct igmp_report r;
    n->igmp.general_ns = TIME_NEVER;
    igmp_report_begin(&r, buf, report_room(n));
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        struct net_group *g = &n->group[i];
        if (!g->refs || !is_reported(g))
            continue;
        bool src_query = g->src_query;
        g->src_query = false;
        add_state(n, now_ns, &r, g);
        g->src_query = src_query;
    }
    send_v3(n, now_ns, &r);
}

static void forget_query(struct net_group *g) {
    g->src_query = false;
    for (uint32_t i = 0; i < g->src_cnt; i++)
        g->src[i].queried = false;
    group_purge(g);
}

static void answer(struct net *n, uint64_t now_ns, struct net_group *g) {
    uint8_t buf[REPORT_BYTES];
    struct igmp_report r;
    unsigned version = version_now(n, now_ns);
    g->reports_left--;
    if (version < 3) {
        report_old(n, now_ns, g, version);
        g->report_ns = now_ns + random_ns(n, UNSOLICITED_V2_NS);
        return;
    }
    g->reports_left = 0;
    igmp_report_begin(&r, buf, report_room(n));
    add_state(n, now_ns, &r, g);
    send_v3(n, now_ns, &r);
    forget_query(g);
}

void igmp_tick(struct net *n, uint64_t now_ns, struct net_group *g) {
    if (g->refs && g->reports_left && g->report_ns <= now_ns)
        answer(n, now_ns, g);
    bool change = g->mode_left;
    for (uint32_t i = 0; i < g->src_cnt; i++)
        change = change || g->src[i].change_left;
    if (change && g->change_ns <= now_ns) {
        if (version_now(n, now_ns) == 3)
            report_change(n, now_ns, g);
        else
            group_forget_changes(g);
    }
}

/* ---- in ---- */

/* RFC 3376 7.2.1: an older querier makes us speak its version; the timers and changes of ours are of no use to it. */
static void hear_version(struct net *n, uint64_t now_ns, unsigned version) {
    unsigned was = version_now(n, now_ns);
    if (version == 1)
        n->igmp.v1_until_ns = now_ns + OLDER_QUERIER_NS;
    if (version == 2)
        n->igmp.v2_until_ns = now_ns + OLDER_QUERIER_NS;
    if (version_now(n, now_ns) == was)
        return;
    n->igmp.general_ns = TIME_NEVER;
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        if (!addr_is_ip4(&n->group[i].addr))
            continue;
        group_forget_changes(&n->group[i]);
        forget_query(&n->group[i]);
        n->group[i].reports_left = 0;
    }
}

static void answer_at(struct net_group *g, uint64_t at) {
    if (g->reports_left == 0 || g->report_ns > at)
        g->report_ns = at;
    g->reports_left = (uint8_t)UST_MAX(g->reports_left, 1);
}

/* RFC 3376 5.2, the five rules, for a group that was asked for. */
static void hear_group_query(struct net_group *g, const struct igmp_hdr *h, uint64_t at) {
    bool pending = g->reports_left > 0;
    answer_at(g, at);
    if (h->src_cnt == 0 || (pending && !g->src_query)) {
        forget_query(g);
        return;
    }
    g->src_query = true;
    for (uint16_t i = 0; i < h->src_cnt; i++) {
        struct ust_addr a = igmp_source(h, i);
        uint32_t k = 0;
        while (k < g->src_cnt && !addr_eq(&g->src[k].addr, &a))
            k++;
        if (k == MCAST_SRC_MAX) { /* more than we can note: about all of them */
            forget_query(g);
            return;
        }
        if (k == g->src_cnt)
            g->src[g->src_cnt++] = (struct net_source){.addr = a};
        g->src[k].queried = true;
    }
}

static void hear_query(struct net *n, uint64_t now_ns, const struct igmp_hdr *h) {
    bool general = addr_is_any(&h->group);
    hear_version(n, now_ns, h->version);
    unsigned version = version_now(n, now_ns);
    if (h->version == 3 && h->robustness)
        n->igmp.robustness = h->robustness;
    uint64_t within_ns = UST_MAX(h->max_resp_ms, 1u) * NS_PER_MS;
    if (version == 3) {
        uint64_t at = now_ns + random_ns(n, within_ns);
        if (n->igmp.general_ns <= at)
            return;
        if (general) {
            n->igmp.general_ns = at;
            return;
        }
        struct net_group *g = net_group_find(n, &h->group);
        if (g && g->refs && is_reported(g))
            hear_group_query(g, h, at);
        return;
    }
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        struct net_group *g = &n->group[i];
        if (g->refs && is_reported(g) && (general || addr_eq(&h->group, &g->addr)))
            answer_at(g, now_ns + random_ns(n, within_ns));
    }
}

enum drop igmp_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    struct igmp_hdr h;
    enum drop d = igmp_parse(rx->payload, &h);
    if (d != DROP_NONE)
        return d;
    if (h.type == IGMP_QUERY) {
        /* RFC 3376 4.1.12: queries go to the group asked for or to all hosts. */
        if (!rx->dst_multicast && !net_addr_find(n, &rx->dst))
            return DROP_IGMP_TYPE;
        hear_query(n, now_ns, &h);
    } else if (h.type == IGMP_V1_REPORT || h.type == IGMP_V2_REPORT) {
        struct net_group *g = net_group_find(n, &h.group);
        if (g && version_now(n, now_ns) < 3) /* RFC 2236 3: another host was faster */
            g->reports_left = 0;
    } else {
        return DROP_IGMP_TYPE;
    }
    net_timer_arm(n);
    return DROP_NONE;
}
