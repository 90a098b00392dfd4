/* SPDX-License-Identifier: ISC */
/*
 * One stack: the root of its arena. loop.c, rx.c and api.c are the only files of the core that see every layer.
 *
 * How a driver turns it (host/, a test, a program that embeds it), always under one lock:
 *     for each frame, at most 64: stack_rx(st, now, &frame)
 *     do { more = stack_turn(st, now); drain link_tx_peek()/link_tx_done() } while (more)
 *     perform the wakes: waiter_wake_pop(); drain the trace
 *     sleep until stack_deadline() or the next frame
 */
#ifndef UST_STACK_H
#define UST_STACK_H

#include "base/core.h"
#include "link/fault.h"
#include "link/link.h"
#include "net/net.h"
#include "sock/sock.h"
#include "tcp/tcp.h"
#include "udp/udp.h"

#define STACK_MAGIC 0x5553544b30303031ULL /* "USTK0001" */
#define STACK_BURST 64
#define STACK_HOST_BYTES 32768

struct stack {
    uint64_t magic;      /* written last by stack_init */
    uint64_t root_bytes; /* sizeof(struct stack): another build of the library must not join */
    struct core core;
    struct link link;
    struct net net;
    struct udp udp;
    struct tcp tcp;
    struct socks socks;
    struct fault_cfg fault; /* put in front of the link when it comes up */
    bool up;                /* a device is there */
    uint64_t turns, started_ns;
    void *touched
        [8]; /* objects that the lock's holder writes to: stamped before, cleared at unlock */
    uint32_t touched_cnt;                        /* > 8: too many to name */
    _Alignas(64) uint8_t host[STACK_HOST_BYTES]; /* host/'s part: lock, driver word, processes */
};

struct stack_cfg {
    uint8_t seed[16]; /* secret; the same seed gives the same run */
    struct tcp_cfg tcp;
    struct fault_cfg fault;
    uint32_t trace_on, trace_debug;
    int64_t wall_off_ns; /* wall clock - monotonic */
    bool loopback_here;
};
void stack_cfg_default(struct stack_cfg *cfg);

/* Lays a stack at the front of zeroed memory [mem, mem+size), 64 KB multiples. NULL if too small (under 4 MB). No device yet: sockets can be made, nothing sent. */
struct stack *stack_init(void *mem, uint64_t size, const struct stack_cfg *cfg, uint64_t now_ns);
/* Frees every object (tests look for leaks then). */
void stack_fini(struct stack *st, uint64_t now_ns);
/* A device is there: what it is and can do. Addresses are added with net_addr_add afterwards. */
int stack_up(struct stack *st, uint64_t now_ns, const struct ust_mac *mac, uint32_t mtu,
             uint32_t features, uint32_t gso_max_bytes);

/* One frame from the device. Never sends, never wakes. */
void stack_rx(struct stack *st, uint64_t now_ns, const struct pkt_rx *p);
/* Timers, held and looped frames, output of dirty connections, events to sockets. True: the transmit queue filled up; drain it and call again. */
bool stack_turn(struct stack *st, uint64_t now_ns);
/* When stack_turn wants to be called at the latest; TIME_NEVER: only for frames and calls. */
uint64_t stack_deadline(const struct stack *st);

/* "I am about to write to obj" (lock held): see touched. */
static inline void stack_touch(struct stack *st, void *obj) {
    uint32_t i = st->touched_cnt++;
    if (i < UST_ARRAY_CNT(st->touched))
        st->touched[i] = obj;
}
/* After the lock's holder died: rebuilds everything derived, resets what it was writing to. */
void stack_rebuild(struct stack *st, uint64_t now_ns);
/* Every invariant of every layer: NULL or a text. */
const char *stack_check(struct stack *st);

#endif
