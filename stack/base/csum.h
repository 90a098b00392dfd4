/* SPDX-License-Identifier: ISC */
/*
 * The Internet checksum (RFC 1071). A running sum is a 64-bit accumulator that folds at the end;
 * adding slices of odd length in the middle is right, because the accumulator remembers the parity
 * of what it has seen.
 */
#ifndef UST_BASE_CSUM_H
#define UST_BASE_CSUM_H

#include "base/addr.h"

struct csum {
    uint64_t sum; /* partial, in memory byte order */
    bool odd;     /* an odd count of bytes so far */
};

/* Adds len bytes, eight at a time and more; any alignment. */
void csum_add(struct csum *c, const void *p, size_t len);
/* The scalar twin: byte by byte, the test's reference. */
void csum_add_scalar(struct csum *c, const void *p, size_t len);
/* Adds the pseudo header of TCP, UDP, ICMPv6 (RFC 9293 3.1, RFC 8200 8.1): by src's family. */
void csum_add_pseudo(struct csum *c, const struct ust_addr *src, const struct ust_addr *dst,
                     uint8_t proto, uint32_t l4_len);
/* The folded sum, complemented, as it stands in memory (store with memcpy). A good packet, its
 * checksum field included, gives 0. */
uint16_t csum_finish(const struct csum *c);
/* The folded sum, NOT complemented: what the virtio "needs checksum" field wants. */
uint16_t csum_partial(const struct csum *c);

#endif
