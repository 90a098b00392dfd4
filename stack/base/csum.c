/* SPDX-License-Identifier: ISC */
/*
 * One's complement sums do not care in which order and in which width the words are added, nor
 * about the byte order as long as it is the same everywhere (RFC 1071 2 B, C): so the sum is taken
 * in memory order, in vectors of 32-bit words added into 64-bit lanes (no carry can leave a lane
 * before 2^32 words), and folded once at the end.
 */
#include "base/csum.h"

/* Four words at a time; the compiler makes SSE2, NEON or plain code of it. */
typedef uint64_t lane_t __attribute__((vector_size(16)));

static inline uint64_t add_carry(uint64_t a, uint64_t b) {
    uint64_t s = a + b;
    return s + (s < b);
}

static inline uint64_t load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint16_t fold(uint64_t s) {
    s = (s & 0xffffffffu) + (s >> 32);
    s = (s & 0xffffffffu) + (s >> 32);
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return (uint16_t)s;
}

/* Multiples of 64 bytes. */
static uint64_t sum_blocks(const uint8_t *p, size_t len) {
    const lane_t low = {0xffffffffu, 0xffffffffu};
    lane_t a0 = {0, 0}, a1 = {0, 0}, a2 = {0, 0}, a3 = {0, 0};
    for (; len; p += 64, len -= 64) {
        lane_t v[4];
        memcpy(v, p, sizeof v);
        a0 += v[0] & low;
        a1 += v[0] >> 32;
        a2 += v[1] & low;
        a3 += v[1] >> 32;
        a0 += v[2] & low;
        a1 += v[2] >> 32;
        a2 += v[3] & low;
        a3 += v[3] >> 32;
    }
    a0 = a0 + a1 + a2 + a3;
    return add_carry(a0[0], a0[1]);
}

static uint64_t sum_bytes(const uint8_t *p, size_t len) {
    uint64_t s = 0, tail = 0;
    if (len >= 64) {
        size_t n = len & ~(size_t)63;
        s = sum_blocks(p, n);
        p += n;
        len -= n;
    }
    for (; len >= 8; p += 8, len -= 8)
        s = add_carry(s, load64(p));
    if (len) {
        memcpy(&tail, p, len);
        s = add_carry(s, tail);
    }
    return s;
}

void csum_add(struct csum *c, const void *p, size_t len) {
    uint64_t s = sum_bytes(p, len);
    if (c->odd)
        s = __builtin_bswap16(fold(s));
    c->sum = add_carry(c->sum, s);
    c->odd ^= len & 1;
}

void csum_add_scalar(struct csum *c, const void *p, size_t len) {
    const uint8_t *b = p;
    for (size_t i = 0; i < len; i++) {
        uint8_t word[2] = {0, 0};
        uint16_t v;
        word[c->odd] = b[i];
        memcpy(&v, word, sizeof v);
        c->sum = add_carry(c->sum, v);
        c->odd = !c->odd;
    }
}

void csum_add_pseudo(struct csum *c, const struct ust_addr *src, const struct ust_addr *dst,
                     uint8_t proto, uint32_t l4_len) {
    size_t skip = addr_is_ip4(src) ? 12 : 0;
    /* The length stands in 32 bits for both families: the sum is the same, and frames beyond 64 KB
     * have one too. */
    const uint8_t tail[8] = {(uint8_t)(l4_len >> 24), (uint8_t)(l4_len >> 16),
                             (uint8_t)(l4_len >> 8), (uint8_t)l4_len, [7] = proto};
    csum_add(c, src->b + skip, 16 - skip);
    csum_add(c, dst->b + skip, 16 - skip);
    csum_add(c, tail, sizeof tail);
}

uint16_t csum_finish(const struct csum *c) { return (uint16_t)~fold(c->sum); }

uint16_t csum_partial(const struct csum *c) { return fold(c->sum); }
