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
    slab_define(&c->arena, SLAB_UDP_GROUP, sizeof(struct udp_group), 0);
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

struct udp_pcb *udp_pcb_new_kind(struct udp *u, enum udp_kind kind, uint8_t proto) {
    struct udp_pcb *p = slab_alloc(&u->c->arena, SLAB_UDP_PCB);
    if (!p)
        return NULL;
    p->kind = (uint8_t)kind;
    p->proto = proto;
    STAILQ_INIT(&p->rcvq);
    LIST_INIT(&p->groups);
    errq_init(&p->errq);
    p->rcvbuf = UDP_RCVBUF_DEFAULT;
    p->ttl = 64;
    p->mcast_ttl = 1;
    p->mcast_loop = true;
    p->mcast_all = true;
    p->pmtudisc = IP_PMTUDISC_WANT;
    p->ip6 = (struct udp_opt6){
        .pmtudisc = IPV6_PMTUDISC_WANT, .mcast_hops = 1, .mcast_loop = true, .mcast_all = true};
    if (kind == UDP_KIND_RAW) {
        p->hdrincl = proto == IPPROTO_RAW;
        p->bind.port = proto;
        p->bind.bound = true;
        udp_hash_insert(u, p);
    }
    u->pcb_cnt++;
    slab_birth(&u->c->arena, p);
    return p;
}

struct udp_pcb *udp_pcb_new(struct udp *u) {
    return udp_pcb_new_kind(u, UDP_KIND_UDP, IP_PROTO_UDP);
}

static void unbind(struct udp *u, struct udp_pcb *p) {
    if (!p->bind.bound)
        return;
    LIST_REMOVE(p, hash);
    if (p->kind == UDP_KIND_UDP)
        port_unbind(&u->ports, &p->bind);
    p->bind.bound = false;
}

void udp_pcb_free(struct udp *u, uint64_t now_ns, struct udp_pcb *p) {
    if (!p)
        return;
    udp_groups_leave(u, now_ns, p);
    while (udp_peek(p))
        udp_consume(u, p);
    errq_purge(&p->errq, u->c);
    unbind(u, p);
    if (p->on_changed)
        STAILQ_REMOVE(&u->changed, p, udp_pcb, changed_link);
    u->pcb_cnt--;
    slab_free(&u->c->arena, p);
}

/* ---- bind, connect ---- */

/* In the hash after the port is known. */
void udp_hash_insert(struct udp *u, struct udp_pcb *p) {
    struct udp_bucket *b = p->kind == UDP_KIND_RAW    ? &u->raw
                           : p->kind == UDP_KIND_PING ? udp_ping_bucket_of(u, p->bind.port)
                                                      : udp_bucket_of(u, p->bind.port);
    LIST_INSERT_HEAD(b, p, hash);
}

static int take_port(struct udp *u, struct udp_pcb *p, uint16_t port) {
    if (p->kind == UDP_KIND_PING)
        return udp_ping_bind(u, p, port);
    p->bind.port = port;
    return port ? port_bind(&u->ports, &p->bind, true)
                : port_bind_ephemeral(&u->ports, &u->c->rng, &p->bind, true);
}

int udp_bind(struct udp *u, struct udp_pcb *p, const struct ust_addr *a, uint16_t port) {
    bool raw = p->kind == UDP_KIND_RAW;
    if (p->bind.bound && !raw)
        return -EINVAL;
    bool any = addr_is_any(a), own = net_addr_find(u->net, a) != NULL;
    bool group = addr_is_multicast(a) || net_is_broadcast(u->net, a);
    if (addr_is_loopback(a))
        own = u->net->loopback_here;
    bool may = any || own || p->bind.nonlocal || (group && p->kind != UDP_KIND_PING);
    if (!may)
        return -EADDRNOTAVAIL;
    p->bind.addr = *a;
    if (!raw) {
        int r = take_port(u, p, port);
        if (r < 0) {
            memset(&p->bind.addr, 0, sizeof p->bind.addr);
            p->bind.port = 0;
            return r;
        }
        p->port_locked = port != 0;
        udp_hash_insert(u, p);
    }
    if (own)
        p->src = *a; /* one does not send from a group */
    else
        memset(&p->src, 0, sizeof p->src);
    p->addr_locked = !any || (p->bind.v6 && addr_is_ip4(a));
    return 0;
}

int udp_autobind(struct udp *u, struct udp_pcb *p) {
    if (p->bind.bound)
        return 0;
    if (take_port(u, p, 0) < 0)
        return -EAGAIN;
    udp_hash_insert(u, p);
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
    if (!p->port_locked && p->kind != UDP_KIND_RAW) {
        unbind(u, p);
        p->bind.port = 0;
    }
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
    memset(u->ping, 0, sizeof u->ping);
    LIST_INIT(&u->raw);
    port_clear(&u->ports);
    STAILQ_INIT(&u->changed);
    u->pcb_cnt = 0;
    while ((p = slab_next_alive(&u->c->arena, SLAB_UDP_PCB, p)) != NULL) {
        u->pcb_cnt++;
        if (p->kind == UDP_KIND_UDP)
            port_restore(&u->ports, &p->bind);
        if (p->bind.bound)
            udp_hash_insert(u, p);
        p->on_changed = false;
        udp_mark(u, p, p->events);
    }
}

/* Members of a list of hashed pcbs, all of that kind. */
static uint32_t hashed_in(const struct udp_bucket *b, enum udp_kind kind) {
    const struct udp_pcb *p;
    uint32_t cnt = 0;
    LIST_FOREACH (p, b, hash)
        cnt += p->kind == kind && p->bind.bound;
    return cnt;
}

static const char *pcb_check(struct udp *u, struct udp_pcb *p, uint32_t *dgrams, uint32_t *errors,
                             uint32_t *groups) {
    const struct udp_dgram *d;
    const struct udp_group *g;
    uint32_t cnt = 0, charged = 0, joined = 0;
    STAILQ_FOREACH (d, &p->rcvq, link) {
        cnt++;
        charged += d->charge;
    }
    LIST_FOREACH (g, &p->groups, link)
        joined++;
    (void)u;
    if (cnt != p->rcvq_cnt || charged != p->rcv_charged)
        return "udp: receive queue counts";
    if (joined != p->group_cnt)
        return "udp: membership count";
    if (p->connected && !p->bind.bound)
        return "udp: connected without a port";
    *dgrams += cnt;
    *groups += joined;
    return errq_check(&p->errq, errors);
}

const char *udp_check(struct udp *u) {
    struct udp_pcb *p = NULL;
    uint32_t pcbs = 0, bound = 0, dgrams = 0, errors = 0, groups = 0, hashed = 0, ports = 0;
    while ((p = slab_next_alive(&u->c->arena, SLAB_UDP_PCB, p)) != NULL) {
        const char *e = pcb_check(u, p, &dgrams, &errors, &groups);
        if (e)
            return e;
        bound += p->bind.bound;
        ports += p->bind.bound && p->kind == UDP_KIND_UDP;
        pcbs++;
    }
    for (uint16_t i = 0; i < UDP_BUCKETS; i++) {
        LIST_FOREACH (p, &u->bucket[i], hash)
            if (p->bind.port % UDP_BUCKETS != i)
                return "udp: pcb in the wrong bucket";
        hashed += hashed_in(&u->bucket[i], UDP_KIND_UDP);
    }
    for (size_t i = 0; i < UDP_PING_BUCKETS; i++)
        hashed += hashed_in(&u->ping[i], UDP_KIND_PING);
    hashed += hashed_in(&u->raw, UDP_KIND_RAW);
    if (pcbs != u->pcb_cnt || ports != u->ports.cnt || hashed != bound)
        return "udp: pcb counts";
    if (dgrams != slab_in_use(&u->c->arena, SLAB_UDP_DGRAM))
        return "udp: datagrams leaked";
    if (groups != slab_in_use(&u->c->arena, SLAB_UDP_GROUP))
        return "udp: memberships leaked";
    return NULL;
}
