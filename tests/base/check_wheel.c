/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/wheel.h"

#define TICK (1ULL << WHEEL_TICK_SHIFT)
#define HOUR (3600 * NS_PER_S)

static struct wheel *wheel;

static void setup(void) {
    wheel = (struct wheel *)malloc(sizeof *wheel);
    memset(wheel, 0xaa, sizeof *wheel); /* init must not count on zeros */
}

static void teardown(void) { free(wheel); }

/* The tick at which a timer has to be out. */
static uint64_t tick_of(uint64_t deadline_ns) {
    return deadline_ns / TICK + (deadline_ns % TICK != 0);
}

/* A span of time of random magnitude: from nothing to hours. */
static uint64_t some_time(struct rnd *r) { return rnd_u64(r) >> (20 + rnd_below(r, 44)); }

/* Everything that wheel_next promises about the timers given. */
static void check_next(const struct timer *t, size_t cnt) {
    uint64_t min = UINT64_MAX;
    for (size_t i = 0; i < cnt; i++)
        if (t[i].armed)
            min = UST_MIN(min, tick_of(t[i].deadline_ns));
    uint64_t next = wheel_next(wheel);
    if (min == UINT64_MAX)
        must_eq(next, TIME_NEVER);
    else if (min <= UINT64_MAX /
                        TICK) /* what is overdue was missed by earlier turns, and is due at once */
        must(next <= UST_MAX(min, wheel->tick) * TICK);
}

/*
 * Pops all at now and compares with the naive model: never early, at most one tick late, none
 * forgotten, in order (but for those that were overdue when they were armed).
 */
static void pop_all(struct timer *timers, size_t cnt, uint64_t now) {
    uint64_t last = wheel->tick;
    for (struct timer *t; (t = wheel_pop(wheel, now)) != NULL;) {
        must(!timer_is_armed(t));
        must(t->deadline_ns <= now);
        if (last > wheel->tick || tick_of(t->deadline_ns) > wheel->tick)
            must(tick_of(t->deadline_ns) >= last);
        last = UST_MAX(last, tick_of(t->deadline_ns));
    }
    for (size_t i = 0; i < cnt; i++)
        must(!timers[i].armed || tick_of(timers[i].deadline_ns) > now / TICK);
}

START_TEST(random_against_model)
{
    enum { CNT = 200 };
    struct timer t[CNT];
    struct rnd r = {(uint64_t)_i + 1};
    uint64_t now = some_time(&r);
    wheel_init(wheel, now);
    for (int i = 0; i < CNT; i++)
        timer_init(&t[i], TIMER_TEST);
    uint32_t live = 0;
    for (int step = 0; step < 8000; step++) {
        struct timer *x = &t[rnd_below(&r, CNT)];
        switch (rnd_below(&r, 8)) {
        case 0:
        case 1:
        case 2:
        case 3:
            timer_arm(wheel, x, now + some_time(&r));
            break;
        case 4:
            timer_disarm(wheel, x);
            break;
        case 5: /* in the past, or this very moment */
            timer_arm(wheel, x, now - UST_MIN(now, rnd_below(&r, 3) * TICK / 2));
            now += rnd_below(&r, 2) * TICK;
            pop_all(t, CNT, now);
            break;
        case 6:
            now += some_time(&r) >> rnd_below(&r, 12);
            pop_all(t, CNT, now);
            break;
        default: { /* as a driver does: sleeps until wheel_next */
            uint64_t next = wheel_next(wheel);
            if (next == TIME_NEVER)
                break;
            now = UST_MAX(now, next);
            pop_all(t, CNT, now);
            must(wheel_next(wheel) > now);
            break;
        }
        }
        live = 0;
        for (int i = 0; i < CNT; i++)
            live += t[i].armed;
        must_eq(live, wheel->cnt);
        check_next(t, CNT);
        if (step % 8 == 0)
            must_hold(wheel_check(wheel));
    }
    for (int i = 0; i < CNT; i++)
        timer_disarm(wheel, &t[i]);
    must_eq(wheel->cnt, 0);
    must_eq(wheel_next(wheel), TIME_NEVER);
    must_hold(wheel_check(wheel));
}
END_TEST

/* A driver that only follows wheel_next gets every timer out, and wakes at most once per level and
 * timer. */
START_TEST(following_next_makes_progress)
{
    enum { CNT = 500 };
    static struct timer t[CNT];
    struct rnd r = {42};
    uint64_t now = 1000 * HOUR, turns = 0, fired = 0;
    wheel_init(wheel, now);
    for (int i = 0; i < CNT; i++) {
        timer_init(&t[i], TIMER_TEST);
        timer_arm(wheel, &t[i], now + some_time(&r));
    }
    for (uint64_t next; (next = wheel_next(wheel)) != TIME_NEVER; turns++) {
        bool any = false;
        for (struct timer *x; (x = wheel_pop(wheel, next)) != NULL; fired++) {
            must(x->deadline_ns <= next);
            must_eq(tick_of(x->deadline_ns), next / TICK);
            any = true;
        }
        if (!any)
            must(wheel_next(wheel) > next);
        must_hold(wheel_check(wheel));
    }
    must_eq(fired, CNT);
    must(turns <= (uint64_t)CNT * WHEEL_LEVEL_CNT);
}
END_TEST

static const uint64_t lone[] = {
    0,         1,         TICK - 1,        TICK,        TICK + 1,
    63 * TICK, 64 * TICK, 64 * TICK + 1,   4096 * TICK, NS_PER_S,
    HOUR,      24 * HOUR, 365 * 24 * HOUR, 1ULL << 62,  UINT64_MAX / TICK *TICK - 1000 * TICK};

/* One timer: the driver sleeps once, exactly until its tick. */
START_TEST(lone_timer_wakes_once)
{
    static const uint64_t starts[] = {0, 1, TICK - 1, 63 * TICK, 999 * TICK + 7};
    for (size_t i = 0; i < UST_ARRAY_CNT(starts); i++) {
        struct timer t;
        uint64_t deadline = starts[i] + lone[_i];
        wheel_init(wheel, starts[i]);
        timer_init(&t, TIMER_TEST);
        timer_arm(wheel, &t, deadline);
        uint64_t next = wheel_next(wheel);
        must_eq(next, tick_of(deadline) * TICK);
        if (next > starts[i] + 1)
            must(wheel_pop(wheel, next - 1) == NULL);
        must(wheel_pop(wheel, next) == &t);
        must(wheel_pop(wheel, next) == NULL);
    }
}
END_TEST

/* A driver that jumps hours at a time does not walk the ticks between: 27 million each, it would
 * take days. */
START_TEST(long_jumps_are_cheap)
{
    struct timer far, near;
    uint64_t now = 0;
    wheel_init(wheel, now);
    timer_init(&far, TIMER_TEST);
    timer_init(&near, TIMER_TEST);
    timer_arm(wheel, &far, UINT64_MAX - HOUR);
    for (int i = 0; i < 300000; i++) {
        timer_arm(wheel, &near, now + HOUR + (uint64_t)i);
        must(wheel_pop(wheel, now + HOUR / 2) == NULL);
        now += 2 * HOUR;
        must(wheel_pop(wheel, now) == &near);
        must(wheel_pop(wheel, now) == NULL);
    }
}
END_TEST

START_TEST(never_does_not_fire)
{
    struct timer t;
    wheel_init(wheel, 5);
    timer_init(&t, TIMER_TEST);
    timer_arm(wheel, &t, TIME_NEVER);
    must_eq(wheel_next(wheel), TIME_NEVER);
    must(wheel_pop(wheel, 1ULL << 63) == NULL);
    must(wheel_pop(wheel, UINT64_MAX - 1) == NULL);
    must(timer_is_armed(&t));
    must_hold(wheel_check(wheel));
    timer_disarm(wheel, &t);
    timer_disarm(wheel, &t); /* allowed */
    must_hold(wheel_check(wheel));
}
END_TEST

/* A handler may arm the popped timer, and others, in the past and in the future, and disarm due
 * ones. */
START_TEST(handlers_may_arm_and_disarm)
{
    struct timer a, b, c;
    wheel_init(wheel, 0);
    timer_init(&a, TIMER_TCB);
    timer_init(&b, TIMER_SOCK);
    timer_init(&c, TIMER_TEST);
    timer_arm(wheel, &a, 10 * TICK);
    timer_arm(wheel, &b, 10 * TICK);
    timer_arm(wheel, &c, 11 * TICK);
    uint64_t now = 20 * TICK;
    struct timer *first = wheel_pop(wheel, now);
    struct timer *other = first == &a ? &b : &a;
    must(first == &a || first == &b);
    timer_disarm(wheel, other); /* was due already */
    timer_arm(wheel, first, 5);
    timer_arm(wheel, other, now + TICK);
    must(wheel_next(wheel) <= now);
    must(wheel_pop(wheel, now) == first);
    must(wheel_pop(wheel, now) == &c);
    must(wheel_pop(wheel, now) == NULL);
    must_eq(wheel_next(wheel), now + TICK);
    must(wheel_pop(wheel, now + TICK) == other);
    must_eq(a.kind, TIMER_TCB);
    must_eq(b.kind, TIMER_SOCK);
}
END_TEST

/* After a crash: the wheel starts anew, links are garbage, the timers know their deadlines. */
START_TEST(rebuild_brings_timers_back)
{
    enum { CNT = 100 };
    static struct timer t[CNT];
    struct rnd r = {9};
    uint64_t now = 77 * HOUR;
    wheel_init(wheel, now);
    uint32_t armed = 0;
    for (int i = 0; i < CNT; i++) {
        timer_init(&t[i], TIMER_TEST);
        if (rnd_one_in(&r, 3))
            continue;
        timer_arm(wheel, &t[i], now + some_time(&r));
        armed++;
    }
    now += 100 * NS_PER_MS;
    wheel_init(wheel, now);
    for (int i = 0; i < CNT; i++) {
        memset(&t[i].link, 0xee, sizeof t[i].link);
        t[i].level = t[i].slot = 0xee;
        timer_rebuild(wheel, &t[i]);
    }
    must_eq(wheel->cnt, armed);
    must_hold(wheel_check(wheel));
    check_next(t, CNT);
    pop_all(t, CNT, now);
    pop_all(t, CNT, now + 2000 * HOUR);
    must_eq(wheel_next(wheel), wheel->cnt ? wheel_next(wheel) : TIME_NEVER);
}
END_TEST

/* Many timers in one slot: wheel_next answers without reading them all, and still in time. */
START_TEST(crowded_slot)
{
    enum { CNT = 3000 };
    static struct timer t[CNT];
    wheel_init(wheel, 0);
    for (int i = 0; i < CNT; i++) {
        timer_init(&t[i], TIMER_TEST);
        timer_arm(wheel, &t[i], HOUR + (uint64_t)i);
    }
    int fired = 0, turns = 0;
    must(wheel_next(wheel) < HOUR); /* the slot's start, not the minimum over 3000 */
    for (uint64_t next; (next = wheel_next(wheel)) != TIME_NEVER; turns++) {
        check_next(t, CNT);
        while (wheel_pop(wheel, next))
            fired++;
        must(wheel_next(wheel) > next);
    }
    must_eq(fired, CNT);
    must(turns <= WHEEL_LEVEL_CNT);
}
END_TEST

int main(void) {
    Suite *s = suite_create("wheel");
    TCase *t = tcase_create("wheel");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, random_against_model, 0, 6);
    tcase_add_test(t, following_next_makes_progress);
    tcase_add_loop_test(t, lone_timer_wakes_once, 0, UST_ARRAY_CNT(lone));
    tcase_add_test(t, long_jumps_are_cheap);
    tcase_add_test(t, never_does_not_fire);
    tcase_add_test(t, handlers_may_arm_and_disarm);
    tcase_add_test(t, rebuild_brings_timers_back);
    tcase_add_test(t, crowded_slot);
    suite_add_tcase(s, t);
    return run_suite(s);
}
