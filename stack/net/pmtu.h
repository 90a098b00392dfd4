/* SPDX-License-Identifier: ISC */
/* Path MTU by destination (RFC 1191, RFC 8201): learnt from ICMP, aged after ten minutes, bounded. */
#ifndef UST_NET_PMTU_H
#define UST_NET_PMTU_H

#include "base/core.h"
#include "base/htab.h"

#define PMTU_MAX 1024
#define PMTU_AGE_NS (600 * NS_PER_S)
#define PMTU_MIN4                                                                                  \
    552 /* as Linux's min_pmtu: a smaller report is taken as this, and DF is dropped */
#define PMTU_MIN6 1280

struct pmtu {
    struct hnode hn;
    TAILQ_ENTRY(pmtu) lru;
    struct ust_addr dst;
    uint32_t mtu;
    bool locked; /* report was below the minimum: send without DF */
    uint64_t expires_ns;
};
TAILQ_HEAD(pmtu_lru, pmtu);
struct pmtu_cache {
    struct core *c;
    struct htab tab;
    struct pmtu_lru lru; /* oldest report first */
    uint32_t cnt;
    struct timer timer; /* TIMER_PMTU: the oldest report ages */
};

int pmtu_init(struct pmtu_cache *pc, struct core *c);
void pmtu_fini(struct pmtu_cache *pc);
/* NULL if nothing was reported, or it has aged. */
const struct pmtu *pmtu_find(const struct pmtu_cache *pc, const struct ust_addr *dst);
/* TIMER_PMTU: forgets what has aged. */
void pmtu_timer(struct pmtu_cache *pc, uint64_t now_ns);
void pmtu_rebuild(struct pmtu_cache *pc);
/*
 * What a report is worth: the path MTU that it would put into force, never above the old one. mtu 0 (old routers): the next lower plateau of
 * RFC 1191 7.1 under pkt_len. *locked: it was below the minimum, so DF has to go.
 */
uint32_t pmtu_judge(const struct pmtu_cache *pc, const struct ust_addr *dst, uint32_t mtu,
                    uint32_t pkt_len, uint32_t link_mtu, bool *locked);
/* Puts a judged value into force for PMTU_AGE_NS; does nothing if it is not lower than the one in force. */
void pmtu_set(struct pmtu_cache *pc, uint64_t now_ns, const struct ust_addr *dst, uint32_t mtu,
              bool locked);

#endif
