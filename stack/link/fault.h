/* SPDX-License-Identifier: ISC */
/*
 * The fault link: loss, delay, jitter, reordering, duplication, corruption and a rate limit, for each direction, from a seeded
 * generator, so that one seed gives one run. While it is on, segmentation offload is off in both directions: frames that arrive coalesced are cut into wire-size
 * segments first, so that loss means what it means on a wire.
 *
 * Text form (USERSTACK_FAULT): loss=1%,delay=20ms,jitter=2ms,reorder=0.1%,dup=0.1%,corrupt=0.01%,rate=10mbit,seed=7,queue=1000, each for both directions, or with tx. or rx. in
 * front for one. Further: burst=N (mean length of a loss burst, Gilbert model).
 *
 * Order: delay alone keeps it; jitter may break it; reorder=P sends the share P of the frames without the delay.
 */
#ifndef UST_LINK_FAULT_H
#define UST_LINK_FAULT_H

#include "link/link.h"

struct fault_spec {
    uint32_t loss_ppm, reorder_ppm, dup_ppm, corrupt_ppm; /* parts per million */
    uint32_t burst; /* mean loss burst in frames; 0 or 1: independent losses */
    uint64_t delay_ns, jitter_ns;
    uint64_t rate_bps;  /* bits a second; 0: no limit */
    uint32_t queue_cnt; /* frames that may wait for the rate; 0: 1000 */
};

struct fault_cfg {
    struct fault_spec tx, rx;
    uint64_t seed; /* 0: drawn at random */
    bool on;
};

/* False: *bad is the word not understood. */
bool fault_parse(const char *s, struct fault_cfg *cfg, struct ust_slice *bad);

/* Puts a fault stage in front of l. A seed of 0 is drawn at random and traced. 0 or -ENOMEM. */
int fault_attach(struct link *l, const struct fault_cfg *cfg, uint64_t now_ns);
/* Takes it away again, with all the frames that it holds; allowed when there is none. */
void fault_detach(struct link *l);

/* ---- private to link/ ---- */
/* A complete packet leaves: consumes the reserved slot p. */
void fault_tx(struct link *l, uint64_t now_ns, struct pkt_tx *p);
/* True: the frame goes on as it is. */
bool fault_rx(struct link *l, uint64_t now_ns, const struct pkt_rx *p);
/* The first received frame that is due, or false; fault_held_done() frees it. */
bool fault_held_next(struct link *l, uint64_t now_ns, struct pkt_rx *p);
void fault_held_done(struct link *l);
/* As link_rebuild(): the frames held are lost. */
void fault_rebuild(struct link *l);
void fault_timer(struct link *l, uint64_t now_ns);

#endif
