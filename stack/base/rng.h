/* SPDX-License-Identifier: ISC */
/* SipHash-2-4 (Aumasson and Bernstein) for keyed tables and initial sequence numbers, and a
 * generator made of it. */
#ifndef UST_BASE_RNG_H
#define UST_BASE_RNG_H

#include "base/types.h"

struct sip_key {
    uint64_t k[2];
};

uint64_t siphash(const struct sip_key *key, const void *p, size_t len);

/* Counter mode over a secret key that the host draws from the kernel: unpredictable, and repeatable
 * for a seed. */
struct rng {
    struct sip_key key;
    uint64_t ctr;
};
void rng_init(struct rng *r, const uint8_t secret[16]);
uint64_t rng_u64(struct rng *r);
/* Uniform in [0, n), n > 0, without modulo bias. */
uint32_t rng_below(struct rng *r, uint32_t n);

#endif
