/* SPDX-License-Identifier: ISC */
/* Byte order for the codecs; private to wire/. be16_t and be32_t hold values as they stand on the
 * wire. */
#ifndef UST_WIRE_BYTES_H
#define UST_WIRE_BYTES_H

#include "base/addr.h"

#ifdef __CHECKER__
#define WIRE_FORCE __attribute__((force))
#else
#define WIRE_FORCE
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
static inline uint16_t be16_get(be16_t v) { return __builtin_bswap16((WIRE_FORCE uint16_t)v); }
static inline uint32_t be32_get(be32_t v) { return __builtin_bswap32((WIRE_FORCE uint32_t)v); }
static inline be16_t be16_of(uint16_t v) { return (WIRE_FORCE be16_t)__builtin_bswap16(v); }
static inline be32_t be32_of(uint32_t v) { return (WIRE_FORCE be32_t)__builtin_bswap32(v); }
#else
static inline uint16_t be16_get(be16_t v) { return (WIRE_FORCE uint16_t)v; }
static inline uint32_t be32_get(be32_t v) { return (WIRE_FORCE uint32_t)v; }
static inline be16_t be16_of(uint16_t v) { return (WIRE_FORCE be16_t)v; }
static inline be32_t be32_of(uint32_t v) { return (WIRE_FORCE be32_t)v; }
#endif

/* At any address. */
static inline uint16_t bytes_get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static inline uint32_t bytes_get32(const uint8_t *p) {
    return (uint32_t)bytes_get16(p) << 16 | bytes_get16(p + 2);
}
static inline void bytes_put16(uint8_t *p, uint16_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static inline void bytes_put32(uint8_t *p, uint32_t v) {
    bytes_put16(p, (uint16_t)(v >> 16));
    bytes_put16(p + 2, (uint16_t)v);
}

/* A checksum stays in memory order: it is the sum of words that were not swapped either. */
static inline be16_t be16_raw(uint16_t in_memory_order) {
    return (WIRE_FORCE be16_t)in_memory_order;
}

#define WIRE_PACKED __attribute__((packed))
#define WIRE_ASSERT_SIZE(s, n) _Static_assert(sizeof(struct s) == (n), "size of " #s)
#define WIRE_ASSERT_OFF(s, f, n)                                                                   \
    _Static_assert(offsetof(struct s, f) == (n), "offset of " #s "." #f)

#endif
