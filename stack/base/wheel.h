/* SPDX-License-Identifier: ISC */
/*
 * A hierarchical timing wheel (Varghese & Lauck): arm and disarm are O(1); a tick is 2^17 ns (131
 * us). A timer never fires early; it fires at most one tick late of the turn that looks. No
 * function pointers: a timer carries its kind, and stack/loop.c switches over it.
 *
 * Eight levels of 64 slots reach 2^65 ns: no deadline is out of range. A bitmap per level finds the
 * next occupied slot without a walk.
 */
#ifndef UST_BASE_WHEEL_H
#define UST_BASE_WHEEL_H

#include "base/types.h"

#define WHEEL_TICK_SHIFT 17
#define WHEEL_LEVEL_CNT 8
#define WHEEL_SLOT_CNT 64

enum timer_kind {
    TIMER_NONE,
    TIMER_TCB,
    TIMER_TCP_TW,
    TIMER_TCP_LISTENER,
    TIMER_NEIGH,
    TIMER_NET, /* the interface's own: ARP probe and announcement, DHCP, SLAAC */
    TIMER_REASS,
    TIMER_PMTU,
    TIMER_FAULT,
    TIMER_SOCK, /* linger, defer-accept */
    TIMER_TEST,
    TIMER_KIND_COUNT
};

struct timer {
    LIST_ENTRY(timer) link; /* in a slot's list while armed (derived) */
    uint64_t deadline_ns;
    uint8_t kind;  /* enum timer_kind */
    uint8_t level; /* where it is, while armed */
    uint8_t slot;
    uint8_t armed; /* bool */
};

LIST_HEAD(timer_list, timer);

struct wheel {
    uint64_t tick; /* the tick up to which everything has fired */
    uint32_t cnt;  /* armed timers */
    uint64_t occupied[WHEEL_LEVEL_CNT];
    struct timer_list slot[WHEEL_LEVEL_CNT][WHEEL_SLOT_CNT];
    struct timer_list due; /* fallen out by wheel_advance, not yet popped */
};

void wheel_init(struct wheel *w, uint64_t now_ns);
/* Sets kind; not armed. */
void timer_init(struct timer *t, enum timer_kind kind);
/* (Re-)arms t for deadline_ns (absolute); one in the past fires at the next wheel_pop. */
void timer_arm(struct wheel *w, struct timer *t, uint64_t deadline_ns);
/* Allowed when not armed. */
void timer_disarm(struct wheel *w, struct timer *t);
/* After wheel_init() in a rebuild: puts t back if it was armed, whatever its links say. Once per
 * timer. */
void timer_rebuild(struct wheel *w, struct timer *t);
static inline bool timer_is_armed(const struct timer *t) { return t->armed; }

/* The next timer whose deadline has passed, disarmed; NULL when there is none left at now_ns. */
struct timer *wheel_pop(struct wheel *w, uint64_t now_ns);
/* When wheel_pop should be called next: never later than the earliest deadline's tick, TIME_NEVER
 * if nothing is armed. */
uint64_t wheel_next(const struct wheel *w);
const char *wheel_check(const struct wheel *w);

#endif
