/* SPDX-License-Identifier: ISC */
/*
 * The link: where frames leave the core and where they enter it. The core makes no system call, so sending is putting a packet
 * into the transmit queue; who drives the stack (host/, a test, the library's caller) drains the queue after each turn, under the same
 * lock, before any memory that the packets point to can be freed.
 *
 * Frames pass, in order: link_commit() -> fault (if on) -> transmit queue -> device; device -> fault (if on) -> stack_rx().
 * Packets to our own addresses go to the loop queue instead and come back in the same turn.
 *
 * Invariants: a slot got from link_reserve() is committed or cancelled before the next one is reserved;
 * queue positions only grow.
 */
#ifndef UST_LINK_LINK_H
#define UST_LINK_LINK_H

#include "base/core.h"
#include "base/pkt.h"

#define LINK_TXQ_CAP 512 /* slots, a power of two */
#define LINK_LOOPQ_CAP 1024

enum link_feature {
    LINK_F_CSUM = 1, /* completes an open TCP/UDP checksum */
    LINK_F_TSO4 = 2, /* takes PKT_GSO_TCP4 up to gso_max_bytes */
    LINK_F_TSO6 = 4,
    LINK_F_USO = 8, /* takes PKT_GSO_UDP */
};

struct fault; /* link/fault.h */

struct link_stats {
    uint64_t rx_frames, rx_bytes, tx_frames, tx_bytes;
    uint64_t rx_gso_frames, tx_gso_frames;
    uint64_t loop_frames;
};

struct loop_frame {
    uint8_t *buf; /* buf_alloc'ed; an IP packet */
    uint32_t len;
    uint8_t gso;
    uint16_t gso_size;
};

struct link {
    struct core *c;
    struct ust_mac mac;
    uint32_t mtu;           /* largest IP packet, bytes */
    uint32_t features;      /* LINK_F_* as the device offers and fault allows */
    uint32_t gso_max_bytes; /* largest IP packet in a GSO frame; 0: none */
    struct link_stats stats;
    struct fault *fault;       /* NULL: none */
    struct pkt_tx *txq;        /* LINK_TXQ_CAP slots, in the arena */
    uint32_t tx_head, tx_tail; /* drained from tail, filled at head */
    bool reserved;
    struct loop_frame *loopq; /* LINK_LOOPQ_CAP */
    uint32_t loop_head, loop_tail;
    uint8_t held; /* enum link_held: what link_held_next() gave out */
};

enum link_held { LINK_HELD_NONE, LINK_HELD_LOOP, LINK_HELD_FAULT };

/* 0 or -ENOMEM. features and gso_max_bytes are what the device can do. */
int link_init(struct link *l, struct core *c, const struct ust_mac *mac, uint32_t mtu,
              uint32_t features, uint32_t gso_max_bytes);
/* Gives back every frame held. */
void link_fini(struct link *l);

/* Slots that link_reserve can still give in this turn. */
static inline uint32_t link_room(const struct link *l) {
    return LINK_TXQ_CAP - (l->tx_head - l->tx_tail);
}
/* The next free slot, or NULL if the queue is full (the caller keeps its data and tries after the drain). */
struct pkt_tx *link_reserve(struct link *l);
/* Gives a reserved slot back unused (frees p->own). */
void link_cancel(struct link *l, struct pkt_tx *p);
/* The frame is complete (p->to_loop: an IP packet without Ethernet header). Consumes the slot; counts drops itself (queues full, fault). */
void link_commit(struct link *l, uint64_t now_ns, struct pkt_tx *p);

/* A copy of the IP packet in p (headers down to l3_off) goes to the loop queue; p stays the caller's. False: dropped and counted. */
bool link_loop(struct link *l, uint64_t now_ns, const struct pkt_tx *p);

/* The driver's side: the oldest packet to send or NULL; link_tx_done() frees it. */
struct pkt_tx *link_tx_peek(struct link *l);
void link_tx_done(struct link *l);

/*
 * A frame arrives from the device. Returns true if it goes on to stack_rx() now; false: held, dropped or counted by the fault link.
 */
bool link_rx(struct link *l, uint64_t now_ns, const struct pkt_rx *p);
/* Frames that are due inside: looped packets (looped is set, frame starts with the IP header) and delayed received frames. True with *p, valid until the next call; release with link_held_done(). */
bool link_held_next(struct link *l, uint64_t now_ns, struct pkt_rx *p);
void link_held_done(struct link *l);
/* TIMER_FAULT fired: frames that are due go to the transmit queue. Call link_held_next() afterwards, in the same turn. */
void link_timer(struct link *l, uint64_t now_ns, struct timer *t);

/* After a crash inside the lock, the wheel empty: no slot is reserved; frames that the fault link held are lost. */
void link_rebuild(struct link *l);

/* Private to link/: a complete frame in buf, which the queue takes over. False: no slot, buf stays the caller's. */
bool link_push_frame(struct link *l, uint64_t now_ns, uint8_t *buf, uint32_t len);

#endif
