/* SPDX-License-Identifier: ISC */
/*
 * Neighbour cache: the one state machine behind ARP and ND (RFC 4861 7.3.2: INCOMPLETE, REACHABLE, STALE, DELAY, PROBE; ARP uses it with unicast
 * re-probing as RFC 1122 2.3.2.1 allows). Pure: it says what to send, it does not send; net/arp.c (and nd.c) compose.
 *
 * Bounded: NEIGH_MAX entries, least recently used unpinned ones go first; entries in use by a queue, pinned (trusted) ones and
 * reachable ones confirmed by upper layers are not pushed out by a flood of new ones, which only ever replaces
 * INCOMPLETE or STALE entries that nobody used.
 * Each INCOMPLETE entry queues at most NEIGH_QUEUE_MAX packets and NEIGH_QUEUE_BYTES bytes (oldest dropped first, as Linux does).
 */
#ifndef UST_NET_NEIGH_H
#define UST_NET_NEIGH_H

#include "base/core.h"
#include "base/htab.h"
#include "base/pkt.h"

#define NEIGH_MAX 1024
#define NEIGH_QUEUE_MAX 64
#define NEIGH_QUEUE_BYTES 212992
#define NEIGH_RETRANS_NS (1 * NS_PER_S)
#define NEIGH_MCAST_PROBES 3
#define NEIGH_UCAST_PROBES 3
#define NEIGH_REACHABLE_NS (30 * NS_PER_S)
#define NEIGH_DELAY_NS (5 * NS_PER_S)

enum neigh_state {
    NEIGH_INCOMPLETE,
    NEIGH_REACHABLE,
    NEIGH_STALE,
    NEIGH_DELAY,
    NEIGH_PROBE,
    NEIGH_FAILED, /* gave up; kept a second so that a burst does not ask again at once */
    NEIGH_STATE_COUNT
};

struct neigh_pkt { /* a waiting frame: L3 packet, linear */
    STAILQ_ENTRY(neigh_pkt) link;
    uint32_t len; /* of bytes[] */
    uint8_t gso;
    uint16_t gso_size;
    bool needs_csum;
    uint16_t l4_off, csum_off; /* within bytes[] */
    uint8_t bytes[];           /* the packet from the IP header on */
};

struct neigh {
    struct hnode hn; /* by address */
    TAILQ_ENTRY(neigh) lru;
    struct ust_addr addr;
    struct ust_mac mac;
    uint8_t state; /* enum neigh_state */
    bool pinned;
    bool is_router;        /* ND */
    uint8_t probes;        /* sent in this state */
    struct timer timer;    /* TIMER_NEIGH */
    uint64_t used_ns;      /* last time that we sent there, 0 never */
    uint64_t confirmed_ns; /* last proof of reachability */
    uint64_t updated_ns;   /* last change of mac */
    STAILQ_HEAD(, neigh_pkt) queue;
    uint32_t queue_cnt, queue_bytes;
};

TAILQ_HEAD(neigh_lru, neigh);
/* RFC 4861 6.3.2; routers may set those of IPv6. */
struct neigh_param {
    uint64_t reachable_ns; /* ReachableTime: of IPv6 drawn at random around the base */
    uint64_t retrans_ns;   /* RetransTimer */
};
enum { NEIGH_PARAM_IP4, NEIGH_PARAM_IP6, NEIGH_PARAM_CNT };

struct neigh_table {
    struct core *c;
    struct htab tab;
    struct neigh_lru lru;
    uint32_t cnt;
    struct neigh_param param[NEIGH_PARAM_CNT];
    struct ust_addr gone; /* with NEIGH_ACT_GONE: who it was */
};

/* What the caller has to do after a call. */
enum neigh_action {
    NEIGH_ACT_NONE,
    NEIGH_ACT_SOLICIT_MCAST, /* ask everybody (ARP broadcast, NS to the solicited-node group) */
    NEIGH_ACT_SOLICIT_UCAST, /* ask n->mac */
    NEIGH_ACT_FLUSH,         /* n->mac is known now: send what waits (neigh_dequeue) */
    NEIGH_ACT_FAIL, /* gave up: errors for what waits (neigh_dequeue), then it is gone or FAILED */
    NEIGH_ACT_GONE, /* unicast probes had no answer: the entry is deleted, table->gone says which */
};

int neigh_table_init(struct neigh_table *t, struct core *c);
void neigh_table_fini(struct neigh_table *t);
struct neigh *neigh_find(const struct neigh_table *t, const struct ust_addr *a);
/* For sending: the entry (made if new); *act says whether to solicit. NULL: table full of entries that must stay. If state is REACHABLE, STALE, DELAY or PROBE, n->mac is usable. */
struct neigh *neigh_use(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                        enum neigh_action *act);
/* Queues a packet (copied by the caller into np, buf_alloc'ed; freed here if dropped). Drops the oldest when full. */
void neigh_queue(struct neigh_table *t, uint64_t now_ns, struct neigh *n, struct neigh_pkt *np);
struct neigh_pkt *neigh_dequeue(struct neigh *n);
/* A mapping was heard: solicited = an answer to us; create = make an entry if there is none. */
struct neigh *neigh_learn(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                          const struct ust_mac *mac, bool solicited, bool override, bool create,
                          enum neigh_action *act);
/*
 * A Neighbor Advertisement (RFC 4861 7.2.5), for an entry that is there; mac NULL: it brought no address. *was_router: the router flag before it.
 * NULL: nobody asked.
 */
struct neigh *neigh_learn_na(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
                             const struct ust_mac *mac, bool solicited, bool override, bool router,
                             bool *was_router, enum neigh_action *act);
/* An upper layer knows that packets arrive there (RFC 4861 7.3.1). */
void neigh_confirm(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a);
/* One has reason to think that they do not (RFC 1122 3.3.1.4, negative advice): asked again after the next packet, whenever it was confirmed. */
void neigh_doubt(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a);
enum neigh_action neigh_timer(struct neigh_table *t, uint64_t now_ns, struct neigh *n);
void neigh_pin(struct neigh_table *t, uint64_t now_ns, const struct ust_addr *a,
               const struct ust_mac *mac);
void neigh_delete(struct neigh_table *t, struct neigh *n);
void neigh_rebuild(struct neigh_table *t);
void neigh_flush(struct neigh_table *t); /* all but pinned: our address changed */
const char *neigh_state_name(enum neigh_state s);

#endif
