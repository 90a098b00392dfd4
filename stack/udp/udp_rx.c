/* SPDX-License-Identifier: ISC */
/*
 * UDP in: who gets a datagram, and errors about ours. RFC 768, RFC 1122 4.1.3; the choice among several sockets is Linux's: connected before bound
 * before wildcard, IPv4 before dual-stack, of equals the newest, or one of a SO_REUSEPORT group by the hash of the flow.
 */
#include <netinet/in.h>

#include "udp/priv.h"

/* -1: not for this one. */
static int score(const struct udp_pcb *p, const struct ust_addr *src, uint16_t sport,
                 const struct ust_addr *dst, uint16_t dport) {
    int s = p->bind.v6 ? 0 : 1;
    bool ip4 = addr_is_ip4(dst);
    if (p->bind.port != dport || (p->bind.v6 && p->bind.v6only && ip4))
        return -1;
    if (!ip4 && (!p->bind.v6 || addr_is_ip4(&p->bind.addr))) /* 0.0.0.0, as such or mapped */
        return -1;
    if (!addr_is_any(&p->bind.addr)) {
        if (!addr_eq(&p->bind.addr, dst))
            return -1;
        s += 4;
    }
    if (p->connected) {
        if (!addr_eq(&p->raddr, src) || p->rport != sport)
            return -1;
        s += 8;
    }
    return s;
}

/* A stable choice for each flow. */
static uint32_t flow_hash(const struct udp *u, const struct ust_addr *src, uint16_t sport,
                          const struct ust_addr *dst, uint16_t dport) {
    uint8_t key[36];
    memcpy(key, src->b, 16);
    memcpy(key + 16, dst->b, 16);
    memcpy(key + 32, &sport, 2);
    memcpy(key + 34, &dport, 2);
    return (uint32_t)siphash(&u->c->key, key, sizeof key);
}

struct udp_pcb *udp_lookup(struct udp *u, const struct ust_addr *src, uint16_t sport,
                           const struct ust_addr *dst, uint16_t dport) {
    struct udp_pcb *p, *best = NULL;
    int best_score = -1;
    uint32_t group = 0;
    LIST_FOREACH (p, udp_bucket_of(u, dport), hash) {
        int s = score(p, src, sport, dst, dport);
        if (s > best_score) {
            best = p;
            best_score = s;
            group = 1;
        } else if (s >= 0 && s == best_score && best->bind.reuseport && p->bind.reuseport) {
            group++;
        }
    }
    if (group < 2 || best->connected)
        return best;
    uint32_t pick = flow_hash(u, src, sport, dst, dport) % group;
    LIST_FOREACH (p, udp_bucket_of(u, dport), hash) {
        if (p->bind.reuseport && score(p, src, sport, dst, dport) == best_score && pick-- == 0)
            return p;
    }
    return best;
}

/* ---- delivery ---- */

/* From where we would answer rx, which went to a group. */
static struct ust_addr answer_addr(const struct udp *u, const struct ip_rx *rx) {
    struct net_path path;
    return net_route(u->net, &rx->src, NULL, &path) == 0 ? path.src : rx->dst;
}

enum drop udp_queue(struct udp *u, struct udp_pcb *p, const struct ip_rx *rx, uint16_t sport,
                    uint16_t dport, struct ust_slice data, uint16_t gso_size) {
    uint32_t charge = (uint32_t)data.len + UDP_DGRAM_OVERHEAD;
    if (p->rcv_charged && p->rcv_charged + charge > p->rcvbuf) {
        p->rx_dropped++;
        return DROP_UDP_RCVBUF;
    }
    struct udp_dgram *d = slab_alloc(&u->c->arena, SLAB_UDP_DGRAM);
    uint8_t *buf = d && data.len ? buf_alloc(&u->c->arena, data.len) : NULL;
    if (!d || (data.len && !buf)) {
        slab_free(&u->c->arena, d);
        p->rx_dropped++;
        return DROP_UDP_MEMORY;
    }
    if (data.len)
        memcpy(buf, data.p, data.len);
    *d = (struct udp_dgram){.src = rx->src,
                            .dst = rx->dst,
                            .local = rx->dst,
                            .sport = sport,
                            .dport = dport,
                            .ttl = rx->ttl,
                            .tos = rx->tos,
                            .flow_label = rx->flow_label,
                            .gso_size = gso_size,
                            .len = (uint32_t)data.len,
                            .ts_ns = rx->ts_ns,
                            .buf = buf,
                            .dropped = (uint32_t)p->rx_dropped,
                            .charge = charge};
    if (rx->dst_multicast || rx->dst_broadcast)
        d->local = answer_addr(u, rx);
    if (rx->opts.len) {
        d->opts_len = (uint8_t)rx->opts.len;
        memcpy(d->opts, rx->opts.p, rx->opts.len);
    }
    STAILQ_INSERT_TAIL(&p->rcvq, d, link);
    p->rcvq_cnt++;
    p->rcv_charged += charge;
    slab_birth(&u->c->arena, d);
    p->rx_dgrams++;
    p->rx_bytes += data.len;
    u->rx_dgrams++;
    udp_mark(u, p, PCB_EV_IN);
    return DROP_NONE;
}

static enum drop queue_one(struct udp *u, struct udp_pcb *p, const struct ip_rx *rx,
                           const struct udp_hdr *h, struct ust_slice data, uint16_t gso_size) {
    return udp_queue(u, p, rx, h->sport, h->dport, data, gso_size);
}

/* A coalesced datagram is taken apart unless the program asked for it whole (UDP_GRO). */
static enum drop deliver(struct udp *u, struct udp_pcb *p, const struct ip_rx *rx,
                         const struct udp_hdr *h, struct ust_slice data) {
    uint16_t seg = rx->gso == PKT_GSO_UDP ? rx->gso_size : 0;
    if (seg == 0 || p->gro || data.len <= seg)
        return queue_one(u, p, rx, h, data, seg && data.len > seg ? seg : 0);
    enum drop d = DROP_NONE;
    while (data.len && d == DROP_NONE) {
        struct ust_slice one = slice_head(data, seg);
        d = queue_one(u, p, rx, h, one, 0);
        data = slice_skip(data, one.len);
    }
    return d;
}

/* RFC 1122 4.1.3.3 leaves it open; Linux gives each socket a copy. */
static enum drop deliver_group(struct udp *u, const struct ip_rx *rx, const struct udp_hdr *h,
                               struct ust_slice data) {
    struct udp_pcb *p;
    enum drop result = DROP_UDP_NO_SOCKET_GROUP;
    LIST_FOREACH (p, udp_bucket_of(u, h->dport), hash) {
        if (score(p, &rx->src, h->sport, &rx->dst, h->dport) < 0 || !udp_hears_group(p, rx))
            continue;
        enum drop d = deliver(u, p, rx, h, data);
        if (result != DROP_NONE)
            result = d;
    }
    return result;
}

enum drop udp_rx(struct udp *u, uint64_t now_ns, const struct ip_rx *rx) {
    struct udp_hdr h;
    struct ust_slice data;
    enum drop d = udp_parse(rx->payload, &rx->src, &rx->dst, rx->csum_ok, &h, &data);
    if (d != DROP_NONE)
        return d;
    if (h.dport == 0)
        return DROP_UDP_PORT_ZERO;
    if (trace_debug(&u->c->trace, TRACE_UDP))
        trace_flow(&u->c->trace, now_ns, TRACE_UDP, &rx->src, h.sport, &rx->dst, h.dport,
                   "in len %u", (unsigned)data.len);
    if (rx->dst_multicast || rx->dst_broadcast)
        return deliver_group(u, rx, &h, data);
    struct udp_pcb *p = udp_lookup(u, &rx->src, h.sport, &rx->dst, h.dport);
    return p ? deliver(u, p, rx, &h, data) : DROP_UDP_NO_SOCKET;
}

void udp_consume(struct udp *u, struct udp_pcb *p) {
    struct udp_dgram *d = STAILQ_FIRST(&p->rcvq);
    assert(d);
    STAILQ_REMOVE_HEAD(&p->rcvq, link);
    p->rcvq_cnt--;
    p->rcv_charged -= d->charge;
    buf_free(&u->c->arena, d->buf);
    slab_free(&u->c->arena, d);
}

/* ---- errors ---- */

void udp_tell_error(struct udp *u, struct udp_pcb *p, const struct ip_error *e, bool hard,
                    struct ust_slice quote) {
    if (e->err == EMSGSIZE) {
        uint8_t pmtudisc = addr_is_ip4(&e->dst) ? p->pmtudisc : p->ip6.pmtudisc;
        if (pmtudisc == IP_PMTUDISC_DONT && p->kind != UDP_KIND_RAW)
            return;
        hard = pmtudisc != IP_PMTUDISC_DONT;
    }
    if (udp_recverr(p, &e->dst))
        errq_push_error(&p->errq, u->c, e, p->kind == UDP_KIND_UDP ? e->dport : 0, quote,
                        p->rcvbuf);
    else if (!hard || !p->connected) /* RFC 1122 4.1.3.3; Linux tells connected sockets only */
        return;
    p->err = e->err;
    udp_mark(u, p, PCB_EV_ERR);
}

static bool udp_error(struct udp *u, const struct ip_error *e) {
    struct udp_pcb *p = udp_lookup(u, &e->dst, e->dport, &e->src, e->sport);
    if (!p)
        return false;
    size_t skip = UST_MIN((size_t)UDP_HDR_LEN, e->quoted.len);
    udp_tell_error(u, p, e, e->hard, slice_skip(e->quoted, skip));
    return true;
}

bool udp_ip_error(struct udp *u, uint64_t now_ns, const struct ip_error *e) {
    bool heard = udp_raw_error(u, e), echo = e->proto == IP_PROTO_ICMP;
    if (e->proto == IP_PROTO_UDP && udp_error(u, e))
        heard = true;
    if (echo && udp_ping_error(u, e))
        heard = true;
    if (heard)
        net_pmtu_apply(u->net, now_ns, e);
    else if (e->proto == IP_PROTO_UDP)
        core_drop_flow(u->c, now_ns, DROP_UDP_ERROR_NO_SOCKET, &e->src, e->sport, &e->dst,
                       e->dport);
    return heard || e->proto == IP_PROTO_UDP;
}
