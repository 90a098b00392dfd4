/* SPDX-License-Identifier: ISC */
/*
 * What every module of one stack shares: memory, timers, randomness, counters, trace. One per
 * stack, in its arena; modules hold a pointer to it.
 */
#ifndef UST_BASE_CORE_H
#define UST_BASE_CORE_H

#include "base/arena.h"
#include "base/drop.h"
#include "base/rng.h"
#include "base/trace.h"
#include "base/wheel.h"

struct core {
    struct arena arena;
    struct wheel wheel;
    struct rng rng;
    struct sip_key key; /* for hash tables and ISNs */
    struct drops drops;
    struct trace trace;
};

/* Counts the drop and traces it (category drop, with the flow where the caller knows it). Returns
 * d. */
enum drop core_drop(struct core *c, uint64_t now_ns, enum drop d);
enum drop core_drop_flow(struct core *c, uint64_t now_ns, enum drop d, const struct ust_addr *src,
                         int sport, const struct ust_addr *dst, int dport);

#endif
