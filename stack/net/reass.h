/* SPDX-License-Identifier: ISC */
/*
 * Reassembly of fragments (RFC 791 3.2, RFC 815 in spirit, RFC 5722 for overlaps), both families. Any overlap but an exact duplicate
 * drops the whole datagram, and the rest of it when it comes. Bounded: REASS_MAX datagrams, REASS_FRAG_MAX fragments each, REASS_BYTES in
 * all, and no source may hold more than a quarter; the oldest goes first when room is short.
 */
#ifndef UST_NET_REASS_H
#define UST_NET_REASS_H

#include "base/core.h"
#include "net/ip.h"

#define REASS_MAX 256
#define REASS_FRAG_MAX 128
#define REASS_BYTES (4u * 1024 * 1024)
#define REASS_TIMEOUT_NS (30 * NS_PER_S)
#define REASS_TIMEOUT6_NS (60 * NS_PER_S) /* RFC 8200 4.5 */
#define REASS_HDR_MAX                                                                              \
    296 /* of the headers in front: IPv4's 60, IPv6 and 256 bytes of extension headers */
#define REASS_QUOTE 8 /* bytes behind them, for time exceeded */

struct frag {
    TAILQ_ENTRY(frag) link; /* by offset */
    uint32_t off, len;
    uint8_t *buf; /* buf_alloc'ed copy of the payload */
};

struct reass_dgram {
    TAILQ_ENTRY(reass_dgram) link; /* oldest first */
    struct ust_addr src, dst;
    uint32_t id;
    uint8_t proto;
    uint8_t ttl, tos;
    bool poisoned; /* overlapped: everything further is dropped until it times out */
    bool have_last;
    uint32_t total_len; /* payload bytes, when have_last */
    uint32_t have_bytes, frag_cnt, mem_bytes;
    struct timer timer; /* TIMER_REASS */
    TAILQ_HEAD(frag_list, frag) frags;
    uint8_t first_hdr[REASS_HDR_MAX + REASS_QUOTE]; /* of the first fragment */
    uint16_t first_hdr_len; /* header and the bytes behind it; 0: the first fragment is not here */
    uint16_t ip_hdr_len;
};
TAILQ_HEAD(reass_list, reass_dgram);
struct reass {
    struct core *c;
    struct reass_list list;
    uint32_t cnt;
    uint32_t mem_bytes;
    uint64_t timeout_ns;
};

/* A complete datagram: the first fragment's header as it came, then the whole payload. */
struct reass_out {
    uint8_t *buf; /* buf_alloc'ed */
    uint32_t hdr_len, payload_len;
};

void reass_init(struct reass *r, struct core *c);
void reass_fini(struct reass *r);
/*
 * Takes one fragment; rx->proto is part of its identity (IPv6: give the same always, RFC 8200 4.5). DROP_NONE: the datagram is complete: *out, whose memory the caller frees. DROP_COUNT: kept. Else the reason.
 * hdr: the IP header bytes of this fragment (kept of the first one).
 */
enum drop reass_add(struct reass *r, uint64_t now_ns, const struct ip_rx *rx, uint32_t id,
                    uint32_t off, bool more, struct ust_slice hdr, struct reass_out *out);
void reass_rebuild(struct reass *r);
/* TIMER_REASS: frees it; true if the first fragment was there and an ICMP time exceeded is due: *first gets its header bytes (copied to hdr_buf). */
bool reass_timer(struct reass *r, uint64_t now_ns, struct timer *t,
                 uint8_t hdr_buf[REASS_HDR_MAX + REASS_QUOTE], struct ip_rx *first);

#endif
