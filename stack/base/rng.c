/* SPDX-License-Identifier: ISC */
#include "base/rng.h"

static inline uint64_t rotl(uint64_t v, int n) { return v << n | v >> (64 - n); }

static inline uint64_t load_le64(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline void sip_round(struct sip *s) {
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t m) {
    s->v3 ^= m;
    sip_round(s);
    sip_round(s);
    s->v0 ^= m;
}

uint64_t siphash(const struct sip_key *key, const void *p, size_t len) {
    const uint8_t *b = p;
    struct sip s = {
        key->k[0] ^ 0x736f6d6570736575ULL,
        key->k[1] ^ 0x646f72616e646f6dULL,
        key->k[0] ^ 0x6c7967656e657261ULL,
        key->k[1] ^ 0x7465646279746573ULL,
    };
    uint64_t last = (uint64_t)len << 56;
    for (; len >= 8; b += 8, len -= 8)
        sip_word(&s, load_le64(b));
    for (size_t i = 0; i < len; i++)
        last |= (uint64_t)b[i] << (8 * i);
    sip_word(&s, last);
    s.v2 ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(&s);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

void rng_init(struct rng *r, const uint8_t secret[16]) {
    r->key.k[0] = load_le64(secret);
    r->key.k[1] = load_le64(secret + 8);
    r->ctr = 0;
}

uint64_t rng_u64(struct rng *r) {
    uint8_t block[8];
    uint64_t ctr = r->ctr++;
    for (int i = 0; i < 8; i++)
        block[i] = (uint8_t)(ctr >> (8 * i));
    return siphash(&r->key, block, sizeof block);
}

uint32_t rng_below(struct rng *r, uint32_t n) {
    assert(n > 0);
    /* Lemire: the high word of a product is uniform once the 2^32 mod n smallest low words are
     * refused. */
    uint32_t refuse = -n % n;
    for (;;) {
        uint64_t m = (uint64_t)(uint32_t)rng_u64(r) * n;
        if ((uint32_t)m >= refuse)
            return (uint32_t)(m >> 32);
    }
}
