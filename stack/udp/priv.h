/* SPDX-License-Identifier: ISC */
/* What the files of udp/ say to each other. */
#ifndef UST_UDP_PRIV_H
#define UST_UDP_PRIV_H

#include "udp/udp.h"

static inline struct udp_bucket *udp_bucket_of(const struct udp *u, uint16_t lport) {
    return &u->bucket[lport % UDP_BUCKETS];
}
/* Leaves news for the socket. */
void udp_mark(struct udp *u, struct udp_pcb *p, uint8_t events);
/* Best pcb for a datagram from src:sport to dst:dport, or NULL. */
struct udp_pcb *udp_lookup(struct udp *u, const struct ust_addr *src, uint16_t sport,
                           const struct ust_addr *dst, uint16_t dport);

#endif
