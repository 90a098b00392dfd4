/* SPDX-License-Identifier: ISC */
/*
 * The simulator: any number of our stacks on impaired links, one virtual clock, one seed. A run is a pure function of its seed and its script:
 * nothing reads a clock, nothing sleeps.
 *
 * Time goes from event to event: a frame arrives, a stack's deadline passes, an application has asked to be called. Links have rate, delay,
 * jitter, a queue, independent or burst loss, reordering, duplication and corruption, each direction its own.
 */
#ifndef UST_TESTS_SIM_H
#define UST_TESTS_SIM_H

#include <stdio.h>

#include "stack.h"

#define SIM_HOST_MAX 8

struct sim_wire {      /* one direction */
    uint64_t rate_bps; /* 0: infinitely fast */
    uint64_t delay_ns, jitter_ns;
    uint32_t queue_frames; /* waiting for the rate, of 1514 bytes; 0: 1000 */
    uint64_t queue_bytes;  /* the same in bytes; 0: queue_frames counts */
    uint32_t loss_ppm, reorder_ppm, dup_ppm, corrupt_ppm;
    uint32_t burst; /* mean loss burst */
    bool dead;      /* black hole */
    bool early; /* reordered frames go without the delay, as in link/fault; else they come late */
    uint32_t
        mtu; /* of a router on the way: larger packets are answered by ICMP (IPv4: with DF; IPv6: all); 0: none */
    bool mtu_mute;   /* the router drops them without a word */
    uint32_t ce_ppm; /* ECN-capable packets marked */
    /* state */
    uint64_t busy_until_ns, last_arrival_ns;
    bool in_burst;
    uint64_t burst_at_ns; /* last frame that the burst model saw */
    uint64_t sent, lost, bytes;
    uint64_t marked, too_big;
};

struct sim_frame {
    uint64_t at_ns, order;
    uint8_t from, to;
    uint8_t gso;
    uint16_t gso_size;
    bool corrupted;
    uint32_t len, held; /* bytes of the frame; of these in `bytes`, the rest is zero (thin) */
    uint8_t *bytes;
};

struct sim;
typedef void (*sim_app_fn)(struct sim *s, int host, void *ctx);
/* Sees every frame as it is sent; may return false to lose it. */
typedef bool (*sim_tap_fn)(struct sim *s, int from, int to, struct ust_slice frame, void *ctx);

struct sim_host {
    struct stack *st;
    void *mem;
    size_t mem_len;
    struct ust_addr addr;
    struct ust_mac mac;
    sim_app_fn app; /* called after each turn of this host, and at app_at_ns */
    void *app_ctx;
    uint64_t app_at_ns; /* TIME_NEVER: only after turns */
};

struct sim {
    bool ip6; /* set before hosts are added: they speak IPv6 */
    uint64_t now_ns;
    uint64_t seed;
    struct rng rng;
    struct sim_host host[SIM_HOST_MAX];
    int host_cnt;
    struct sim_wire wire
        [SIM_HOST_MAX]
        [SIM_HOST_MAX]; /* [from][to]; every host has one interface, all on one LAN switch by MAC */
    struct sim_frame *heap;
    size_t heap_cnt, heap_cap;
    uint64_t next_order, steps;
    uint32_t check_every; /* stack_check() after every so many steps of a host; 0: never */
    bool
        thin; /* payload is not carried: receivers see zeros with a good checksum. For long fast links */
    sim_tap_fn tap;
    void *tap_ctx;
    /* The weather: called at hook_at_ns, sets it anew. */
    void (*hook)(struct sim *s, void *ctx);
    void *hook_ctx;
    uint64_t hook_at_ns;
    /* Further invariants, looked at with the stacks' own: NULL or what is wrong. */
    const char *(*check)(struct sim *s, void *ctx);
    void *check_ctx;
    FILE *trace_out;   /* the stacks' trace lines go here, or are thrown away */
    const char *error; /* the first broken invariant */
};

struct sim *sim_new(uint64_t seed);
void sim_free(struct sim *s);
/* Adds a stack with address 10.0.0.(index+1)/24, or fd00::(index+1)/64; the neighbours resolve by ARP or ND over the simulated wire. features: LINK_F_*. */
int sim_add_host(struct sim *s, uint64_t mem_bytes, uint32_t mtu, uint32_t features,
                 uint32_t gso_max, const struct tcp_cfg *tcp);
struct stack *sim_stack(struct sim *s, int host);
/* A frame from nowhere, to arrive at host `to` at at_ns. */
void sim_inject(struct sim *s, uint64_t at_ns, int to, struct ust_slice frame);
/* One event. False: nothing will ever happen again. */
bool sim_step(struct sim *s);
/* Until done(ctx) or the time limit or an error: true if done. */
bool sim_run(struct sim *s, uint64_t until_ns, bool (*done)(void *ctx), void *ctx);
/* Turns a host now (after an application call from outside of its callback) and sends what it has. */
void sim_kick(struct sim *s, int host);

/* Payload: the byte at position pos of stream `id`. Cheap, aperiodic enough that a shifted or repeated piece is noticed. */
uint8_t sim_byte(uint32_t id, uint64_t pos);
void sim_fill(uint32_t id, uint64_t pos, uint8_t *p, size_t len);
/* Index of the first wrong byte, or len. */
size_t sim_verify(uint32_t id, uint64_t pos, const uint8_t *p, size_t len);

#endif
