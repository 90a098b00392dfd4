/* SPDX-License-Identifier: ISC */
#include "udp/udp.h"

#include <netinet/in.h>

#include "udp/priv.h"

int udp_init(struct udp *u, struct core *c, struct net *net) {
    memset(u, 0, sizeof *u);
    u->c = c;
    u->net = net;
    STAILQ_INIT(&u->changed);
    port_init(&u->ports);
    slab_define(&c->arena, SLAB_UDP_PCB, sizeof(struct udp_pcb), 0);
    slab_define(&c->arena, SLAB_UDP_DGRAM, sizeof(struct udp_dgram), 0);
    u->bucket = span_alloc(&c->arena, UDP_BUCKETS * sizeof *u->bucket);
    return u->bucket ? 0 : -ENOMEM;
}

void udp_fini(struct udp *u) {
    struct udp_pcb *p = NULL;
    if (!u->bucket)
        return;
    while ((p = slab_next_alive(&u->c->arena, SLAB_UDP_PCB, p)) != NULL)
        udp_pcb_free(u, 0, p);
    span_free(&u->c->arena, u->bucket);
    u->bucket = NULL;
}

struct udp_pcb *udp_pcb_new(struct udp *u) {
    struct udp_pcb *p = slab_alloc(&u->c->arena, SLAB_UDP_PCB);
    if (!p)
        return NULL;
    STAILQ_INIT(&p->rcvq);
    p->rcvbuf = UDP_RCVBUF_DEFAULT;
    p->ttl = 64;
    p->mcast_ttl = 1;
    p->mcast_loop = true;
    p->mcast_all = true;
    p->pmtudisc = IP_PMTUDISC_WANT;
    p->ip6 = (struct udp_opt6){
        .pmtudisc = IPV6_PMTUDISC_WANT, .mcast_hops = 1, .mcast_loop = true, .mcast_all = true};
    u->pcb_cnt++;
    slab_birth(&u->c->arena, p);
    return p;
}

static void unbind(struct udp *u, struct udp_pcb *p) {
    if (!p->bind.bound)
        return;
    LIST_REMOVE(p, hash);
    port_unbind(&u->ports, &p->bind);
}

void udp_pcb_free(struct udp *u, uint64_t now_ns, struct udp_pcb *p) {
    if (!p)
        return;
    for (size_t i = 0; i < UDP_MCAST_MAX; i++)
        if (p->group[i].used)
            net_group_leave(u->net, now_ns, &p->group[i].group);
    while (udp_peek(p))
        udp_consume(u, p);
    unbind(u, p);
    if (p->on_changed)
        STAILQ_REMOVE(&u->changed, p, udp_pcb, changed_link);
    u->pcb_cnt--;
    slab_free(&u->c->arena, p);
}

/* ---- bind, connect ---- */

/* In the hash after the port is known. */
static void hash_insert(struct udp *u, struct udp_pcb *p) {
    LIST_INSERT_HEAD(udp_bucket_of(u, p->bind.port), p, hash);
}

int udp_bind(struct udp *u, struct udp_pcb *p, const struct ust_addr *a, uint16_t port) {
    if (p->bind.bound)
        return -EINVAL;
    bool any = addr_is_any(a), own = net_addr_find(u->net, a) != NULL;
    bool group = addr_is_multicast(a) || net_is_broadcast(u->net, a);
    if (addr_is_loopback(a))
        own = u->net->loopback_here;
    if (!any && !own && !group && !p->bind.nonlocal)
        return -EADDRNOTAVAIL;
    p->bind.addr = *a;
    p->bind.port = port;
    int r = port ? port_bind(&u->ports, &p->bind, true)
                 : port_bind_ephemeral(&u->ports, &u->c->rng, &p->bind, true);
    if (r < 0) {
        memset(&p->bind.addr, 0, sizeof p->bind.addr);
        p->bind.port = 0;
        return r;
    }
    if (own)
        p->src = *a; /* one does not send from a group */
    p->addr_locked = !any || (p->bind.v6 && addr_is_ip4(a));
    p->port_locked = port != 0;
    hash_insert(u, p);
    return 0;
}

int udp_autobind(struct udp *u, struct udp_pcb *p) {
    if (p->bind.bound)
        return 0;
    if (port_bind_ephemeral(&u->ports, &u->c->rng, &p->bind, true) < 0)
        return -EAGAIN;
    hash_insert(u, p);
    return 0;
}

int udp_connect(struct udp *u, struct udp_pcb *p, const struct ust_addr *a, uint16_t port) {
    struct net_path path;
    int r = udp_autobind(u, p);
    if (r < 0)
        return r;
    struct ust_addr src = p->src;
    if (addr_is_multicast(a) && addr_is_ip4(a) && addr_is_any(&src))
        src = p->mcast_if;
    r = net_route_prefs(u->net, a, &src, p->ip6.addr_prefs, &path);
    if (r == 0 && path.broadcast && !p->broadcast)
        r = -EACCES;
    if (r < 0)
        return r;
    /* As in Linux: from now on only datagrams to the address that we send from. */
    if (addr_is_any(&p->src))
        p->src = path.src;
    if (addr_is_any(&p->bind.addr))
        p->bind.addr = path.src;
    p->raddr = *a;
    p->rport = port;
    p->connected = true;
    return 0;
}

void udp_disconnect(struct udp *u, struct udp_pcb *p) {
    p->connected = false;
    memset(&p->raddr, 0, sizeof p->raddr);
    p->rport = 0;
    if (!p->addr_locked) {
        memset(&p->bind.addr, 0, sizeof p->bind.addr);
        memset(&p->src, 0, sizeof p->src);
    }
    if (!p->port_locked) {
        unbind(u, p);
        p->bind.port = 0;
    }
}

/* ---- multicast ---- */

static struct udp_group *group_find(struct udp_pcb *p, const struct ust_addr *g) {
    for (size_t i = 0; i < UDP_MCAST_MAX; i++)
        if (p->group[i].used && addr_eq(&p->group[i].group, g))
            return &p->group[i];
    return NULL;
}

int udp_group_join(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g) {
    if (group_find(p, g))
        return -EADDRINUSE;
    for (size_t i = 0; i < UDP_MCAST_MAX; i++) {
        if (p->group[i].used)
            continue;
        int r = net_group_join(u->net, now_ns, g);
        if (r == 0)
            p->group[i] = (struct udp_group){.group = *g, .used = true};
        return r;
    }
    return -ENOBUFS;
}

int udp_group_leave(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g) {
    struct udp_group *ug = group_find(p, g);
    if (!ug)
        return -EADDRNOTAVAIL;
    ug->used = false;
    return net_group_leave(u->net, now_ns, g);
}

/* ---- events ---- */

void udp_mark(struct udp *u, struct udp_pcb *p, uint8_t events) {
    p->events |= events;
    if (p->on_changed)
        return;
    p->on_changed = true;
    STAILQ_INSERT_TAIL(&u->changed, p, changed_link);
}

struct udp_pcb *udp_changed_pop(struct udp *u) {
    struct udp_pcb *p = STAILQ_FIRST(&u->changed);
    if (p) {
        STAILQ_REMOVE_HEAD(&u->changed, changed_link);
        p->on_changed = false;
    }
    return p;
}

/* ---- repair and invariants ---- */

void udp_rebuild(struct udp *u) {
    struct udp_pcb *p = NULL;
    memset(u->bucket, 0, UDP_BUCKETS * sizeof *u->bucket);
    port_clear(&u->ports);
    STAILQ_INIT(&u->changed);
    u->pcb_cnt = 0;
    while ((p = slab_next_alive(&u->c->arena, SLAB_UDP_PCB, p)) != NULL) {
        u->pcb_cnt++;
        port_restore(&u->ports, &p->bind);
        if (p->bind.bound)
            hash_insert(u, p);
        p->on_changed = false;
        udp_mark(u, p, p->events);
    }
}

const char *udp_check(struct udp *u) {
    struct udp_pcb *p = NULL;
    uint32_t pcbs = 0, bound = 0, dgrams = 0, hashed = 0;
    while ((p = slab_next_alive(&u->c->arena, SLAB_UDP_PCB, p)) != NULL) {
        const struct udp_dgram *d;
        uint32_t cnt = 0, charged = 0;
        STAILQ_FOREACH (d, &p->rcvq, link) {
            cnt++;
            charged += d->charge;
        }
        if (cnt != p->rcvq_cnt || charged != p->rcv_charged)
            return "udp: receive queue counts";
        if (p->connected && !p->bind.bound)
            return "udp: connected without a port";
        dgrams += cnt;
        bound += p->bind.bound;
        pcbs++;
    }
    for (size_t i = 0; i < UDP_BUCKETS; i++) {
        LIST_FOREACH (p, &u->bucket[i], hash) {
            if (p->bind.port % UDP_BUCKETS != i)
                return "udp: pcb in the wrong bucket";
            hashed++;
        }
    }
    if (pcbs != u->pcb_cnt || bound != u->ports.cnt || hashed != bound)
        return "udp: pcb counts";
    if (dgrams != slab_in_use(&u->c->arena, SLAB_UDP_DGRAM))
        return "udp: datagrams leaked";
    return NULL;
}
