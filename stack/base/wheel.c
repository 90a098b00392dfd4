/* SPDX-License-Identifier: ISC */
/*
 * Read first: Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987), scheme 7.
 *
 * A deadline becomes the tick at or behind it. Read that tick as eight digits of six bits: a timer
 * stands on the level of the highest digit in which its tick differs from w->tick, in the slot that
 * this digit names. Hence
 *  - all timers of a level agree with w->tick in the digits above, and their slot is larger
 *    than w->tick's digit;
 *  - everything on a level fires before everything on the levels above, and within a level the
 *    slots fire in order: the earliest timer is in the first occupied slot of the lowest
 *    occupied level, which a bitmap per level shows;
 *  - w->tick may jump to any tick that is not behind the start of that slot without a timer
 *    having to move.
 *
 * When w->tick reaches the start of a slot, its timers move: from level 0 to `due`, from
 * another to a lower level. A timer moves at most seven times in its life.
 */
#include "base/wheel.h"

#define TICK_NS (1ULL << WHEEL_TICK_SHIFT)
#define DIGIT_BITS 6
#define LEVEL_DUE WHEEL_LEVEL_CNT /* timer.level of one that waits in w->due */

_Static_assert(1 << DIGIT_BITS == WHEEL_SLOT_CNT, "a digit names a slot");
_Static_assert(WHEEL_LEVEL_CNT *DIGIT_BITS + WHEEL_TICK_SHIFT > 64, "every deadline has a slot");

/* The first tick at which a timer may fire: rounded up, so that it is never early. */
static inline uint64_t due_tick(const struct timer *t) {
    return (t->deadline_ns >> WHEEL_TICK_SHIFT) + ((t->deadline_ns & (TICK_NS - 1)) != 0);
}

static inline uint64_t tick_ns(uint64_t tick) {
    return tick > UINT64_MAX >> WHEEL_TICK_SHIFT ? TIME_NEVER : tick << WHEEL_TICK_SHIFT;
}

void wheel_init(struct wheel *w, uint64_t now_ns) {
    memset(w, 0, sizeof *w); /* an empty LIST is a NULL pointer */
    w->tick = now_ns >> WHEEL_TICK_SHIFT;
}

void timer_init(struct timer *t, enum timer_kind kind) {
    memset(t, 0, sizeof *t);
    t->kind = (uint8_t)kind;
}

/* Puts t where its tick belongs as seen from w->tick. */
static void place(struct wheel *w, struct timer *t) {
    uint64_t due = due_tick(t);
    if (due <= w->tick) {
        t->level = LEVEL_DUE;
        LIST_INSERT_HEAD(&w->due, t, link);
        return;
    }
    unsigned level = (unsigned)(63 - __builtin_clzll(due ^ w->tick)) / DIGIT_BITS;
    unsigned slot = (unsigned)(due >> (level * DIGIT_BITS)) % WHEEL_SLOT_CNT;
    t->level = (uint8_t)level;
    t->slot = (uint8_t)slot;
    LIST_INSERT_HEAD(&w->slot[level][slot], t, link);
    w->occupied[level] |= 1ULL << slot;
}

void timer_arm(struct wheel *w, struct timer *t, uint64_t deadline_ns) {
    timer_disarm(w, t);
    t->deadline_ns = deadline_ns;
    t->armed = true;
    w->cnt++;
    place(w, t);
}

void timer_disarm(struct wheel *w, struct timer *t) {
    if (!t->armed)
        return;
    LIST_REMOVE(t, link);
    if (t->level != LEVEL_DUE && LIST_EMPTY(&w->slot[t->level][t->slot]))
        w->occupied[t->level] &= ~(1ULL << t->slot);
    t->armed = false;
    w->cnt--;
}

void timer_rebuild(struct wheel *w, struct timer *t) {
    if (!t->armed)
        return;
    t->armed = false;
    timer_arm(w, t, t->deadline_ns);
}

/* The lowest occupied level, its first slot and that slot's first tick; false if none is. */
static bool first_slot(const struct wheel *w, unsigned *level, unsigned *slot, uint64_t *start) {
    for (unsigned l = 0; l < WHEEL_LEVEL_CNT; l++) {
        if (w->occupied[l] == 0)
            continue;
        unsigned shift = l * DIGIT_BITS;
        *level = l;
        *slot = (unsigned)__builtin_ctzll(w->occupied[l]);
        uint64_t above = w->tick >> shift >> DIGIT_BITS << DIGIT_BITS;
        *start = (above | *slot) << shift;
        return true;
    }
    return false;
}

/* Takes the first slot's timers out and places them again, as seen from the slot's start. */
static void open_slot(struct wheel *w, unsigned level, unsigned slot, uint64_t start) {
    struct timer_list l = w->slot[level][slot];
    struct timer *t, *next;
    LIST_INIT(&w->slot[level][slot]);
    w->occupied[level] &= ~(1ULL << slot);
    w->tick = start;
    UST_LIST_FOREACH_SAFE (t, &l, link, next) {
        place(w, t);
    }
}

struct timer *wheel_pop(struct wheel *w, uint64_t now_ns) {
    uint64_t now = now_ns >> WHEEL_TICK_SHIFT, start;
    unsigned level, slot;
    while (LIST_EMPTY(&w->due) && first_slot(w, &level, &slot, &start) && start <= now)
        open_slot(w, level, slot, start);
    struct timer *t = LIST_FIRST(&w->due);
    if (!t) {
        w->tick = UST_MAX(w->tick, now);
        return NULL;
    }
    timer_disarm(w, t);
    return t;
}

uint64_t wheel_next(const struct wheel *w) {
    uint64_t start, best = UINT64_MAX;
    unsigned level, slot;
    if (!LIST_EMPTY(&w->due))
        return tick_ns(w->tick);
    if (!first_slot(w, &level, &slot, &start))
        return TIME_NEVER;
    /* The slot's start is right, but on a higher level a turn too early: a short list tells the
     * exact tick. */
    int n = 0;
    for (const struct timer *t = LIST_FIRST(&w->slot[level][slot]); t; t = LIST_NEXT(t, link)) {
        if (++n > 8)
            return tick_ns(start);
        best = UST_MIN(best, due_tick(t));
    }
    return tick_ns(best);
}

const char *wheel_check(const struct wheel *w) {
    uint32_t cnt = 0;
    const struct timer *t;
    LIST_FOREACH (t, &w->due, link) {
        if (!t->armed || t->level != LEVEL_DUE)
            return "wheel: timer in due is not marked so";
        if (due_tick(t) > w->tick)
            return "wheel: timer in due is early";
        cnt++;
    }
    for (unsigned l = 0; l < WHEEL_LEVEL_CNT; l++) {
        for (unsigned s = 0; s < WHEEL_SLOT_CNT; s++) {
            bool bit = w->occupied[l] >> s & 1;
            if (bit == LIST_EMPTY(&w->slot[l][s]))
                return "wheel: bitmap and slot disagree";
            LIST_FOREACH (t, &w->slot[l][s], link) {
                uint64_t due = due_tick(t);
                if (!t->armed || t->level != l || t->slot != s)
                    return "wheel: timer's place";
                if (due <= w->tick)
                    return "wheel: a timer was passed over";
                if ((unsigned)(63 - __builtin_clzll(due ^ w->tick)) / DIGIT_BITS != l)
                    return "wheel: timer on the wrong level";
                if ((due >> (l * DIGIT_BITS)) % WHEEL_SLOT_CNT != s)
                    return "wheel: timer in the wrong slot";
                cnt++;
            }
        }
    }
    return cnt == w->cnt ? NULL : "wheel: count of armed timers";
}
