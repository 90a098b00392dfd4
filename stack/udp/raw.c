/* SPDX-License-Identifier: ISC */
/*
 * Raw sockets: a copy of every packet of their protocol that comes for us, IP header and all, before the protocol itself sees it (Linux's
 * net/ipv4/raw.c). Who may have one is asked where the socket is made.
 */
#include <netinet/in.h>

#include "udp/priv.h"
#include "wire/icmp4.h"

static bool is_of(const struct udp_pcb *p, uint8_t proto, const struct ust_addr *local,
                  const struct ust_addr *remote) {
    return p->proto == proto && p->bind.v6 != addr_is_ip4(local) &&
           (addr_is_any(&p->bind.addr) || addr_eq(&p->bind.addr, local)) &&
           (!p->connected || addr_eq(&p->raddr, remote));
}

/* ICMP_FILTER: a bit for each of the first 32 types. */
static bool is_filtered(const struct udp_pcb *p, const struct ip_rx *rx) {
    struct icmp4_hdr h;
    struct ust_slice rest;
    if (p->icmp_filter == 0 || rx->proto != IP_PROTO_ICMP)
        return false;
    if (icmp4_parse(rx->payload, true, &h, &rest) != DROP_NONE)
        return true;
    return h.type < 32 && (p->icmp_filter >> h.type & 1);
}

bool udp_raw_rx(struct udp *u, uint64_t now_ns, const struct ip_rx *rx) {
    struct udp_pcb *p;
    bool heard = false;
    LIST_FOREACH (p, &u->raw, hash) {
        if (!is_of(p, rx->proto, &rx->dst, &rx->src) || !udp_hears_group(p, rx))
            continue;
        heard = true;
        if (is_filtered(p, rx))
            continue;
        enum drop d = udp_queue(u, p, rx, 0, 0, rx->packet, 0);
        if (d != DROP_NONE)
            core_drop_flow(u->c, now_ns, d, &rx->src, -1, &rx->dst, -1);
    }
    return heard;
}

bool udp_raw_error(struct udp *u, const struct ip_error *e) {
    struct udp_pcb *p;
    bool heard = false;
    LIST_FOREACH (p, &u->raw, hash) {
        if (!is_of(p, e->proto, &e->src, &e->dst))
            continue;
        heard = true;
        if (udp_recverr(p, &e->dst) || p->connected)
            udp_tell_error(u, p, e, e->hard, p->hdrincl ? e->packet : e->quoted);
    }
    return heard;
}
