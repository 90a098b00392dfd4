/* SPDX-License-Identifier: ISC */
/*
 * What IP_RECVERR keeps for a program: errors about packets of one socket, oldest first, until it reads them with MSG_ERRQUEUE. Both
 * families and every transport; the fields are those of Linux's struct sock_extended_err.
 */
#ifndef UST_NET_ERRQ_H
#define UST_NET_ERRQ_H

#include "base/core.h"
#include "net/ip.h"

#define ERRQ_CHARGE 768 /* of the receive buffer for an error beside its payload, as Linux's skb */

enum errq_origin { /* SO_EE_ORIGIN_* */
                   ERRQ_LOCAL = 1,
                   ERRQ_ICMP4 = 2,
                   ERRQ_ICMP6 = 3,
};

struct errq_item {
    STAILQ_ENTRY(errq_item) link;
    int err;                  /* positive errno */
    uint8_t origin;           /* enum errq_origin */
    uint8_t type, code;       /* ICMP */
    uint32_t info;            /* the MTU that was reported, the pointer of a parameter problem */
    struct ust_addr offender; /* who reports; any: we do */
    struct ust_addr dst;      /* where the packet went that caused it */
    uint16_t dport;
    struct ust_addr to; /* the report's own header: destination, TTL, TOS */
    uint8_t ttl, tos;
    uint64_t ts_ns; /* wall clock, 0 unknown */
    uint32_t len;   /* of the quoted data */
    uint32_t charge;
    uint8_t *buf; /* buf_alloc'ed; NULL if len is 0 */
};

struct errq {
    STAILQ_HEAD(, errq_item) items;
    uint32_t cnt, charged;
};

/* Declares the slab; once for each arena. */
void errq_define(struct core *c);
static inline void errq_init(struct errq *q) { STAILQ_INIT(&q->items); }
/* Appends a copy of *it with quote as its data; nothing happens beyond `limit` charged bytes or without memory. */
bool errq_push(struct errq *q, struct core *c, const struct errq_item *it, struct ust_slice quote,
               uint32_t limit);
/* The same for an error that came in, about dport of the packet; quote: what of e->quoted the program sees. */
bool errq_push_error(struct errq *q, struct core *c, const struct ip_error *e, uint16_t dport,
                     struct ust_slice quote, uint32_t limit);
/* We refused a packet to dst:dport ourselves; info: the MTU that it exceeded. */
bool errq_push_local(struct errq *q, struct core *c, int err, const struct ust_addr *dst,
                     uint16_t dport, uint32_t info, uint32_t limit);
static inline struct errq_item *errq_peek(const struct errq *q) { return STAILQ_FIRST(&q->items); }
/* Drops the oldest. Returns the errno that SO_ERROR has from now on: the next one's if a router or host reported it, else 0. */
int errq_consume(struct errq *q, struct core *c);
void errq_purge(struct errq *q, struct core *c);
/* NULL, or what is wrong; adds its items to *cnt. */
const char *errq_check(const struct errq *q, uint32_t *cnt);

#endif
