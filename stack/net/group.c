/* SPDX-License-Identifier: ISC */
/*
 * Multicast groups of the interface: the merger of what our sockets want to hear (RFC 3376 3.2, RFC 3810 4.2), both families. What changes in it is
 * left in mode_left and change_left for the protocol that tells routers: igmp.c. (mld.c reports memberships for all sources.)
 *
 * Each source counts the members that include and exclude it. The interface is in mode EXCLUDE if any member is; then it refuses the sources that all
 * of these exclude and nobody includes. Else it takes those that anybody includes.
 */
#include "net/priv.h"

static bool in_use(const struct net_group *g) { return g->refs || g->mode_left || g->src_cnt; }

struct net_group *net_group_find(struct net *n, const struct ust_addr *a) {
    for (size_t i = 0; i < NET_GROUP_MAX; i++)
        if (in_use(&n->group[i]) && addr_eq(&n->group[i].addr, a))
            return &n->group[i];
    return NULL;
}

static const struct net_group *find_joined(const struct net *n, const struct ust_addr *a) {
    for (size_t i = 0; i < NET_GROUP_MAX; i++)
        if (n->group[i].refs && addr_eq(&n->group[i].addr, a))
            return &n->group[i];
    return NULL;
}

/* RFC 1112 4, RFC 4291 2.8: all hosts, all nodes, always. */
static bool is_all_hosts(const struct net *n, const struct ust_addr *a) {
    if (addr_is_ip4(a))
        return addr_ip4(a) == 0xe0000001;
    return n->nd.cfg.on && addr_eq(a, &nd_all_nodes);
}

bool net_group_is_joined(const struct net *n, const struct ust_addr *a) {
    return is_all_hosts(n, a) || find_joined(n, a);
}

enum mcast_mode group_mode(const struct net_group *g) {
    return g->excludes ? MCAST_MODE_EXCLUDE : MCAST_MODE_INCLUDE;
}

bool group_wants(const struct net_group *g, const struct net_source *s) {
    return group_mode(g) == MCAST_MODE_EXCLUDE ? s->incl || s->excl < g->excludes : s->incl > 0;
}

bool net_group_allows(const struct net *n, const struct ust_addr *a, const struct ust_addr *src) {
    const struct net_group *g = find_joined(n, a);
    if (!g)
        return net_group_is_joined(n, a);
    for (uint32_t i = 0; i < g->src_cnt; i++)
        if (addr_eq(&g->src[i].addr, src))
            return group_wants(g, &g->src[i]);
    return group_mode(g) == MCAST_MODE_EXCLUDE;
}

/* ---- changes ---- */

void group_purge(struct net_group *g) {
    for (uint32_t i = 0; i < g->src_cnt;) {
        const struct net_source *s = &g->src[i];
        if (s->incl || s->excl || s->change_left || s->queried)
            i++;
        else
            g->src[i] = g->src[--g->src_cnt];
    }
}

static struct net_source *source_of(struct net_group *g, const struct ust_addr *a) {
    for (uint32_t i = 0; i < g->src_cnt; i++)
        if (addr_eq(&g->src[i].addr, a))
            return &g->src[i];
    if (g->src_cnt == MCAST_SRC_MAX)
        return NULL;
    g->src[g->src_cnt] = (struct net_source){.addr = *a};
    return &g->src[g->src_cnt++];
}

static bool has_room(struct net_group *g, const struct mcast_filter *f) {
    uint32_t cnt = g->src_cnt;
    bool ok = true;
    for (uint8_t i = 0; i < f->cnt && ok; i++)
        ok = source_of(g, &f->src[i]) != NULL;
    g->src_cnt = cnt;
    return ok;
}

/* A member with that filter more (1) or less (-1). */
static void count(struct net_group *g, const struct mcast_filter *f, int by) {
    bool excl = f->mode == MCAST_MODE_EXCLUDE;
    g->refs += (uint32_t)by;
    if (excl)
        g->excludes += (uint32_t)by;
    for (uint8_t i = 0; i < f->cnt; i++) {
        struct net_source *s = source_of(g, &f->src[i]);
        uint16_t *cnt = excl ? &s->excl : &s->incl;
        *cnt = (uint16_t)(*cnt + by);
    }
}

/* Marks what routers have to hear of; true if there is anything. */
static bool mark_changes(struct net_group *g, enum mcast_mode mode_was, const bool *wanted_was,
                         uint32_t cnt_was, uint8_t times) {
    bool changed = false;
    if (group_mode(g) != mode_was) { /* says all there is to say (RFC 3376 5.1) */
        g->mode_left = times;
        for (uint32_t i = 0; i < g->src_cnt; i++)
            g->src[i].change_left = 0;
        return true;
    }
    for (uint32_t i = 0; i < g->src_cnt; i++) {
        bool was = i < cnt_was ? wanted_was[i] : mode_was == MCAST_MODE_EXCLUDE;
        if (group_wants(g, &g->src[i]) == was)
            continue;
        g->src[i].change_left = times;
        changed = true;
    }
    return changed;
}

/* A free slot, or one of a group that was left and waits for its last reports. */
static struct net_group *slot(struct net *n) {
    struct net_group *left = NULL;
    for (size_t i = 0; i < NET_GROUP_MAX; i++) {
        if (!in_use(&n->group[i]))
            return &n->group[i];
        if (!n->group[i].refs)
            left = &n->group[i];
    }
    return left;
}

void group_forget_changes(struct net_group *g) {
    g->mode_left = 0;
    for (uint32_t i = 0; i < g->src_cnt; i++)
        g->src[i].change_left = 0;
    group_purge(g);
}

static void tell(struct net *n, uint64_t now_ns, struct net_group *g, bool joined, bool left) {
    if (addr_is_ip4(&g->addr)) {
        igmp_changed(n, now_ns, g, joined, left);
        return;
    }
    group_forget_changes(g);
    if (joined)
        mld_join(n, now_ns, g);
    if (left)
        mld_leave(n, now_ns, g);
    if (left)
        g->reports_left = 0;
}

int net_group_change(struct net *n, uint64_t now_ns, const struct ust_addr *a,
                     const struct mcast_filter *old, const struct mcast_filter *filter) {
    struct net_group *g = net_group_find(n, a);
    if (!addr_is_multicast(a))
        return -EINVAL;
    if (old && (!g || !g->refs))
        return -EADDRNOTAVAIL;
    if (!g && (g = slot(n)))
        *g = (struct net_group){.addr = *a};
    if (!g || (filter && !has_room(g, filter)))
        return -ENOBUFS;

    bool wanted_was[MCAST_SRC_MAX], joined_was = g->refs > 0;
    uint32_t cnt_was = g->src_cnt;
    enum mcast_mode mode_was = group_mode(g);
    for (uint32_t i = 0; i < cnt_was; i++)
        wanted_was[i] = group_wants(g, &g->src[i]);
    if (filter)
        count(g, filter, 1);
    if (old)
        count(g, old, -1);
    bool joined = !joined_was && g->refs, left = joined_was && !g->refs;
    bool changed = mark_changes(g, mode_was, wanted_was, cnt_was, igmp_robustness(n));
    group_purge(g);
    if (joined || left)
        n->group_gen++;
    if (changed || joined || left)
        tell(n, now_ns, g, joined, left);
    net_timer_arm(n);
    return 0;
}

static const struct mcast_filter any_source = {.mode = MCAST_MODE_EXCLUDE};

int net_group_join(struct net *n, uint64_t now_ns, const struct ust_addr *g) {
    return net_group_change(n, now_ns, g, NULL, &any_source);
}

int net_group_leave(struct net *n, uint64_t now_ns, const struct ust_addr *g) {
    return net_group_change(n, now_ns, g, &any_source, NULL);
}

/* ---- time ---- */

static uint64_t deadline(const struct net_group *g) {
    uint64_t at = g->refs && g->reports_left ? g->report_ns : TIME_NEVER;
    bool change = g->mode_left > 0;
    for (uint32_t i = 0; i < g->src_cnt && !change; i++)
        change = g->src[i].change_left > 0;
    return change ? UST_MIN(at, g->change_ns) : at;
}

uint64_t net_groups_deadline(const struct net *n) {
    uint64_t at = n->igmp.general_ns;
    for (size_t i = 0; i < NET_GROUP_MAX; i++)
        if (in_use(&n->group[i]))
            at = UST_MIN(at, deadline(&n->group[i]));
    return at;
}

static void group_tick(struct net *n, uint64_t now_ns, struct net_group *g) {
    if (addr_is_ip4(&g->addr))
        igmp_tick(n, now_ns, g);
    else
        mld_tick(n, now_ns, g);
}

void net_groups_tick(struct net *n, uint64_t now_ns) {
    if (n->igmp.general_ns <= now_ns)
        igmp_general_tick(n, now_ns);
    for (size_t i = 0; i < NET_GROUP_MAX; i++)
        if (in_use(&n->group[i]) && deadline(&n->group[i]) <= now_ns)
            group_tick(n, now_ns, &n->group[i]);
}
