/* SPDX-License-Identifier: ISC */
/*
 * The pair link: carries frames in memory from one stack's transmit queue to another's receive path, for tests, the simulator and
 * examples. Memory is the caller's (a FIFO of fixed capacity); checksums left open are completed, GSO frames stay whole.
 */
#ifndef UST_LINK_PAIR_H
#define UST_LINK_PAIR_H

#include "link/link.h"

struct pair_frame {
    uint32_t len;
    uint8_t gso;
    uint16_t gso_size;
    uint8_t bytes[66 * 1024];
};

struct pair_fifo {
    struct pair_frame *slot;
    uint32_t cap; /* a power of two */
    uint32_t head, tail;
    uint64_t dropped;
};

/* Moves everything from l's transmit queue into f; returns frames moved. */
uint32_t pair_drain(struct link *l, struct pair_fifo *f);
/* The oldest frame as a receive view, or false; pair_done() frees it. */
bool pair_next(struct pair_fifo *f, struct pkt_rx *p);
void pair_done(struct pair_fifo *f);

#endif
