/* SPDX-License-Identifier: ISC */
/*
 * Ping sockets: echo requests go out under the pcb's identifier, whatever the program wrote there, and the replies to it come in from their ICMP
 * header on; errors about a request come to who sent it. Linux's net/ipv4/ping.c is what programs expect.
 */
#include "udp/priv.h"

int udp_ping_bind(struct udp *u, struct udp_pcb *p, uint16_t id) {
    const struct udp_pcb *q;
    uint16_t at = id ? id : (uint16_t)rng_u64(&u->c->rng);
    for (uint32_t tries = 0; tries < (id ? 1u : 0x10000u); tries++, at++) {
        bool is_free = at != 0;
        LIST_FOREACH (q, udp_ping_bucket_of(u, at), hash) {
            bool shared = id && q->bind.reuseaddr && p->bind.reuseaddr;
            if (q->bind.port == at && q->bind.v6 == p->bind.v6 && !shared)
                is_free = false;
        }
        if (!is_free)
            continue;
        p->bind.port = at;
        p->bind.bound = true;
        return 0;
    }
    return -EADDRINUSE;
}

static bool is_of(const struct udp_pcb *p, const struct ust_addr *local, uint16_t id) {
    return p->bind.port == id && p->bind.v6 != addr_is_ip4(local) &&
           (addr_is_any(&p->bind.addr) || addr_eq(&p->bind.addr, local));
}

enum drop udp_ping_rx(struct udp *u, uint64_t now_ns, const struct ip_rx *rx, uint16_t id) {
    struct udp_pcb *p;
    (void)now_ns;
    LIST_FOREACH (p, udp_ping_bucket_of(u, id), hash) {
        if (is_of(p, &rx->dst, id) && udp_hears_group(p, rx))
            return udp_queue(u, p, rx, 0, id, rx->payload, 0);
    }
    return DROP_ICMP_ECHO_REPLY;
}

bool udp_ping_error(struct udp *u, const struct ip_error *e) {
    struct udp_pcb *p;
    LIST_FOREACH (p, udp_ping_bucket_of(u, e->sport), hash) {
        if (!is_of(p, &e->src, e->sport))
            continue;
        udp_tell_error(u, p, e, e->hard, e->quoted);
        return true;
    }
    return false;
}
