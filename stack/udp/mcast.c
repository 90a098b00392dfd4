/* SPDX-License-Identifier: ISC */
/* Multicast memberships of a socket and their source filters, by the rules of Linux's ip_mc_source() and ip_mc_msfilter(). */
#include <netinet/in.h>

#include "udp/priv.h"

static struct udp_group *find(const struct udp_pcb *p, const struct ust_addr *g) {
    struct udp_group *ug;
    LIST_FOREACH (ug, &p->groups, link)
        if (addr_eq(&ug->group, g))
            return ug;
    return NULL;
}

const struct udp_group *udp_group_find(const struct udp_pcb *p, const struct ust_addr *g) {
    return find(p, g);
}

static int join(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g,
                const struct mcast_filter *f) {
    if (p->group_cnt >= UDP_MCAST_MAX)
        return -ENOBUFS;
    struct udp_group *ug = slab_alloc(&u->c->arena, SLAB_UDP_GROUP);
    if (!ug)
        return -ENOBUFS;
    int r = net_group_change(u->net, now_ns, g, NULL, f);
    if (r < 0) {
        slab_free(&u->c->arena, ug);
        return r;
    }
    ug->group = *g;
    ug->filter = *f;
    LIST_INSERT_HEAD(&p->groups, ug, link);
    p->group_cnt++;
    slab_birth(&u->c->arena, ug);
    return 0;
}

static void leave(struct udp *u, uint64_t now_ns, struct udp_pcb *p, struct udp_group *ug) {
    net_group_change(u->net, now_ns, &ug->group, &ug->filter, NULL);
    LIST_REMOVE(ug, link);
    p->group_cnt--;
    slab_free(&u->c->arena, ug);
}

void udp_groups_leave(struct udp *u, uint64_t now_ns, struct udp_pcb *p) {
    struct udp_group *ug;
    while ((ug = LIST_FIRST(&p->groups)) != NULL)
        leave(u, now_ns, p, ug);
}

int udp_group_join(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g) {
    const struct mcast_filter any = {.mode = MCAST_MODE_EXCLUDE};
    return find(p, g) ? -EADDRINUSE : join(u, now_ns, p, g, &any);
}

int udp_group_leave(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g) {
    struct udp_group *ug = find(p, g);
    if (!ug)
        return -EADDRNOTAVAIL;
    leave(u, now_ns, p, ug);
    return 0;
}

static int change(struct udp *u, uint64_t now_ns, struct udp_group *ug,
                  const struct mcast_filter *f) {
    int r = net_group_change(u->net, now_ns, &ug->group, &ug->filter, f);
    if (r == 0)
        ug->filter = *f;
    return r;
}

int udp_group_source(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g,
                     const struct ust_addr *src, enum mcast_mode mode, bool add) {
    struct udp_group *ug = find(p, g);
    struct mcast_filter f = {.mode = (uint8_t)mode};
    uint8_t at = 0;
    if (ug && (ug->filter.mode == mode || ug->filter.cnt))
        f = ug->filter;
    if (f.mode != mode || (!ug && !(add && mode == MCAST_MODE_INCLUDE)))
        return -EINVAL;
    while (at < f.cnt && !addr_eq(&f.src[at], src))
        at++;
    if (add == (at < f.cnt))
        return -EADDRNOTAVAIL;
    if (!add) {
        if (f.cnt == 1 && mode == MCAST_MODE_INCLUDE)
            return udp_group_leave(u, now_ns, p, g);
        f.src[at] = f.src[--f.cnt];
    } else {
        if (f.cnt >= UDP_MSF_MAX)
            return -ENOBUFS;
        f.src[f.cnt++] = *src;
    }
    return ug ? change(u, now_ns, ug, &f) : join(u, now_ns, p, g, &f);
}

int udp_group_filter(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g,
                     const struct mcast_filter *f) {
    struct udp_group *ug = find(p, g);
    if (f->cnt > UDP_MSF_MAX)
        return -ENOBUFS;
    if (!ug)
        return -EINVAL;
    if (f->cnt == 0 && f->mode == MCAST_MODE_INCLUDE)
        return udp_group_leave(u, now_ns, p, g);
    return change(u, now_ns, ug, f);
}

bool udp_hears_group(const struct udp_pcb *p, const struct ip_rx *rx) {
    const struct udp_group *ug = rx->dst_multicast ? find(p, &rx->dst) : NULL;
    if (!ug)
        return !rx->dst_multicast || (addr_is_ip4(&rx->dst) ? p->mcast_all : p->ip6.mcast_all);
    bool named = false;
    for (uint8_t i = 0; i < ug->filter.cnt; i++)
        named = named || addr_eq(&ug->filter.src[i], &rx->src);
    return named == (ug->filter.mode == MCAST_MODE_INCLUDE);
}
