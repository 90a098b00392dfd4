/* SPDX-License-Identifier: ISC */
/* What the files of udp/ say to each other. */
#ifndef UST_UDP_PRIV_H
#define UST_UDP_PRIV_H

#include "udp/udp.h"

static inline struct udp_bucket *udp_bucket_of(const struct udp *u, uint16_t lport) {
    return &u->bucket[lport % UDP_BUCKETS];
}
static inline struct udp_bucket *udp_ping_bucket_of(struct udp *u, uint16_t id) {
    return &u->ping[id % UDP_PING_BUCKETS];
}
void udp_hash_insert(struct udp *u, struct udp_pcb *p);
/* Leaves news for the socket. */
void udp_mark(struct udp *u, struct udp_pcb *p, uint8_t events);
/* Queues data of rx for p, which has it from now on; sport is what the program sees. */
enum drop udp_queue(struct udp *u, struct udp_pcb *p, const struct ip_rx *rx, uint16_t sport,
                    uint16_t dport, struct ust_slice data, uint16_t gso_size);
/* Does p's filter let rx through, and is it for it if another socket has joined (IP_MULTICAST_ALL)? */
bool udp_hears_group(const struct udp_pcb *p, const struct ip_rx *rx);
/* Is every error about what went to dst kept (IP_RECVERR, IPV6_RECVERR)? */
static inline bool udp_recverr(const struct udp_pcb *p, const struct ust_addr *dst) {
    return addr_is_ip4(dst) ? p->recverr : p->ip6.recverr;
}
/* Tells p of an error; quote: what of the quoted packet the program sees. hard: a connected pcb hears of it without recverr. */
void udp_tell_error(struct udp *u, struct udp_pcb *p, const struct ip_error *e, bool hard,
                    struct ust_slice quote);

/* ---- mcast.c ---- */
void udp_groups_leave(struct udp *u, uint64_t now_ns, struct udp_pcb *p);

/* ---- ping.c ---- */
/* An identifier of p's own, 0: any; Linux's rules: shared if both say SO_REUSEADDR. -EADDRINUSE. */
int udp_ping_bind(struct udp *u, struct udp_pcb *p, uint16_t id);
bool udp_ping_error(struct udp *u, const struct ip_error *e);

/* ---- raw.c ---- */
bool udp_raw_error(struct udp *u, const struct ip_error *e);

/* Best pcb for a datagram from src:sport to dst:dport, or NULL. */
struct udp_pcb *udp_lookup(struct udp *u, const struct ust_addr *src, uint16_t sport,
                           const struct ust_addr *dst, uint16_t dport);

#endif
