/* SPDX-License-Identifier: ISC */
/* The neighbour cache alone: RFC 4861 7.3, bounds, eviction, repair. */
#include "net/netfix.h"

static struct netfix *f;
static struct neigh_table *nt;
static const struct ust_mac mac_a = {{2, 0, 0, 0, 0, 0xa}}, mac_b = {{2, 0, 0, 0, 0, 0xb}};

static void setup(void) {
    f = netfix_bare(FIX_MTU, 0, 0);
    nt = &f->net->neigh;
}
static void teardown(void) { netfix_free(f); }

static struct ust_addr nth(uint32_t i) { return addr_from_ip4(0x0a010000 + i); }
static struct neigh *use(uint32_t i, enum neigh_action *act) {
    struct ust_addr a = nth(i);
    return neigh_use(nt, f->now, &a, act);
}
static struct neigh *learn(uint32_t i, const struct ust_mac *m, bool solicited, bool override,
                           bool may_create, enum neigh_action *act) {
    struct ust_addr a = nth(i);
    return neigh_learn(nt, f->now, &a, m, solicited, override, may_create, act);
}
static struct neigh *find(uint32_t i) {
    struct ust_addr a = nth(i);
    return neigh_find(nt, &a);
}
static void wait_in(struct neigh *n) {
    struct neigh_pkt *np = buf_alloc(&f->c->arena, sizeof *np);
    memset(np, 0, sizeof *np);
    neigh_queue(nt, f->now, n, np);
}

/* ---- transitions on what is heard (RFC 4861 7.2.5) ---- */

enum start { NONE, INCOMPLETE, REACHABLE, STALE, DELAY, PROBE, FAILED };

static void bring_to(enum start s) {
    enum neigh_action act;
    if (s == NONE)
        return;
    if (s == INCOMPLETE || s == FAILED) {
        use(1, &act);
        if (s == FAILED)
            fix_advance(f, 3 * NS_PER_S + NS_PER_MS);
        return;
    }
    learn(1, &mac_a, s == REACHABLE, true, true, &act);
    if (s == DELAY || s == PROBE)
        use(1, &act);
    if (s == PROBE)
        fix_advance(f, NEIGH_DELAY_NS + NS_PER_MS);
}

static const struct trans {
    const char *name;
    enum start from;
    bool mac_changes, solicited, override, may_create;
    int to; /* enum neigh_state; -1: no entry */
    bool mac_is_new;
} trans[] = {
    {"unknown, not to be made", NONE, true, false, true, false, -1, false},
    {"unknown, made", NONE, true, false, true, true, NEIGH_STALE, true},
    {"unknown, made by an answer", NONE, true, true, true, true, NEIGH_REACHABLE, true},
    {"incomplete, answer", INCOMPLETE, true, true, false, false, NEIGH_REACHABLE, true},
    {"incomplete, heard", INCOMPLETE, true, false, false, false, NEIGH_STALE, true},
    {"failed, answer", FAILED, true, true, true, false, NEIGH_REACHABLE, true},
    {"failed, heard", FAILED, true, false, true, false, NEIGH_STALE, true},
    {"reachable, same, answer", REACHABLE, false, true, true, false, NEIGH_REACHABLE, false},
    {"reachable, same, heard", REACHABLE, false, false, true, false, NEIGH_REACHABLE, false},
    {"reachable, other, override", REACHABLE, true, false, true, false, NEIGH_STALE, true},
    {"reachable, other, answer override", REACHABLE, true, true, true, false, NEIGH_REACHABLE,
     true},
    {"reachable, other, no override", REACHABLE, true, true, false, false, NEIGH_STALE, false},
    {"stale, same, answer", STALE, false, true, true, false, NEIGH_REACHABLE, false},
    {"stale, same, heard", STALE, false, false, true, false, NEIGH_STALE, false},
    {"stale, other, override", STALE, true, false, true, false, NEIGH_STALE, true},
    {"stale, other, no override", STALE, true, true, false, false, NEIGH_STALE, false},
    {"delay, same, heard", DELAY, false, false, true, false, NEIGH_DELAY, false},
    {"delay, same, answer", DELAY, false, true, true, false, NEIGH_REACHABLE, false},
    {"delay, other, override", DELAY, true, false, true, false, NEIGH_STALE, true},
    {"delay, other, no override", DELAY, true, false, false, false, NEIGH_DELAY, false},
    {"probe, same, answer", PROBE, false, true, true, false, NEIGH_REACHABLE, false},
    {"probe, other, answer override", PROBE, true, true, true, false, NEIGH_REACHABLE, true},
    {"probe, other, no override", PROBE, true, true, false, false, NEIGH_PROBE, false},
};

START_TEST(transitions)
{
    const struct trans *t = &trans[_i];
    enum neigh_action act;
    bring_to(t->from);
    learn(1, t->mac_changes ? &mac_b : &mac_a, t->solicited, t->override, t->may_create, &act);
    struct neigh *n = find(1);
    ck_assert_msg((n ? (int)n->state : -1) == t->to, "%s: %s", t->name,
                  n ? neigh_state_name((enum neigh_state)n->state) : "none");
    if (n)
        ck_assert_msg(mac_eq(&n->mac, t->mac_is_new ? &mac_b : &mac_a), "%s: mac", t->name);
    if (n && n->state == NEIGH_STALE)
        ck_assert(!timer_is_armed(&n->timer));
}
END_TEST

START_TEST(actions)
{
    enum neigh_action act;
    struct neigh *n = use(1, &act);
    ck_assert_int_eq(act, NEIGH_ACT_SOLICIT_MCAST);
    ck_assert_ptr_eq(use(1, &act), n);
    ck_assert_int_eq(act, NEIGH_ACT_NONE);
    wait_in(n);
    ck_assert_int_eq(neigh_timer(nt, f->now, n), NEIGH_ACT_SOLICIT_MCAST);
    ck_assert_int_eq(neigh_timer(nt, f->now, n), NEIGH_ACT_SOLICIT_MCAST);
    ck_assert_int_eq(neigh_timer(nt, f->now, n), NEIGH_ACT_FAIL);
    buf_free(&f->c->arena, neigh_dequeue(n));
    ck_assert_int_eq(n->state, NEIGH_FAILED);
    n = use(2, &act);
    wait_in(n);
    learn(2, &mac_a, false, true, false, &act);
    ck_assert_int_eq(act, NEIGH_ACT_FLUSH);
    buf_free(&f->c->arena, neigh_dequeue(n));
    n = use(2, &act);
    ck_assert_int_eq(n->state, NEIGH_DELAY);
    for (int i = 0; i < NEIGH_UCAST_PROBES; i++) {
        ck_assert_int_eq(neigh_timer(nt, f->now, n), NEIGH_ACT_SOLICIT_UCAST);
        ck_assert_int_eq(n->state, NEIGH_PROBE);
    }
    ck_assert_int_eq(neigh_timer(nt, f->now, n), NEIGH_ACT_GONE);
    ck_assert_ptr_null(find(2)); /* forgotten: the next packet asks everybody */
}
END_TEST

START_TEST(confirmed_by_upper_layers)
{
    enum neigh_action act;
    struct ust_addr a = nth(1);
    learn(1, &mac_a, true, true, true, &act);
    for (int i = 0; i < 10; i++) {
        fix_advance(f, 20 * NS_PER_S);
        ck_assert_int_eq(find(1)->state, NEIGH_REACHABLE);
        neigh_confirm(nt, f->now, &a);
        ck_assert_int_eq(find(1)->state, NEIGH_REACHABLE);
    }
    fix_advance(f, 29 * NS_PER_S);
    ck_assert_int_eq(find(1)->state, NEIGH_REACHABLE);
    fix_advance(f, 2 * NS_PER_S);
    ck_assert_int_eq(find(1)->state, NEIGH_STALE);
    use(1, &act);
    neigh_confirm(nt, f->now, &a);
    ck_assert_int_eq(find(1)->state, NEIGH_REACHABLE);
    a = nth(2);
    neigh_confirm(nt, f->now, &a);
    ck_assert_ptr_null(find(2));
    use(2, &act);
    neigh_confirm(nt, f->now, &a);
    ck_assert_int_eq(find(2)->state, NEIGH_INCOMPLETE);
}
END_TEST

/* ---- bounds ---- */

START_TEST(flood_of_strangers)
{
    enum neigh_action act;
    struct ust_addr pinned = nth(1);
    neigh_pin(nt, f->now, &pinned, &mac_a);    /* trusted */
    learn(2, &mac_a, true, true, true, &act);  /* reachable */
    wait_in(use(3, &act));                     /* a packet waits */
    learn(4, &mac_a, false, true, true, &act); /* stale, but ours of late */
    use(4, &act);
    fix_advance(f, NEIGH_DELAY_NS + 4 * NS_PER_S); /* 4 goes, unverified; 3 fails */
    while (find(3) && find(3)->queue_cnt)
        buf_free(&f->c->arena, neigh_dequeue(find(3)));
    learn(4, &mac_a, false, true, true, &act);
    use(4, &act);
    wait_in(use(3, &act));
    for (uint32_t i = 100; i < 100 + 5 * NEIGH_MAX; i++)
        must(learn(i, &mac_b, false, true, true, &act) != NULL);
    ck_assert_uint_eq(nt->cnt, NEIGH_MAX);
    ck_assert_ptr_nonnull(find(1));
    ck_assert_ptr_nonnull(find(2));
    ck_assert_ptr_nonnull(find(3));
    ck_assert_ptr_nonnull(find(4));
    ck_assert_ptr_nonnull(find(99 + 5 * NEIGH_MAX)); /* the newest is there, the oldest gave way */
    ck_assert_ptr_null(find(100));
    must_hold(net_check(f->net));
}
END_TEST

START_TEST(full_of_waiting_packets)
{
    enum neigh_action act;
    for (uint32_t i = 0; i < NEIGH_MAX; i++)
        wait_in(use(i, &act));
    ck_assert_ptr_null(use(NEIGH_MAX, &act));
    ck_assert_ptr_null(learn(NEIGH_MAX, &mac_a, false, true, true, &act));
    fix_advance(f, 10 * NS_PER_S); /* they fail, and there is room */
    ck_assert_uint_eq(nt->cnt, 0);
    ck_assert_ptr_nonnull(use(NEIGH_MAX, &act));
    struct ip_error e;
    while (net_error_pop(f->net, &e))
        ;
}
END_TEST

START_TEST(recently_used_gives_way_to_our_own_need_only)
{
    enum neigh_action act;
    for (uint32_t i = 0; i < NEIGH_MAX; i++) {
        learn(i, &mac_a, false, true, true, &act);
        find(i)->used_ns = f->now;
    }
    ck_assert_ptr_null(learn(NEIGH_MAX, &mac_a, false, true, true, &act));
    ck_assert_ptr_nonnull(use(NEIGH_MAX, &act));
    ck_assert_ptr_null(find(0));
    fix_advance(f, 120 * NS_PER_S);
    ck_assert_ptr_nonnull(learn(NEIGH_MAX + 1, &mac_a, false, true, true, &act));
}
END_TEST

START_TEST(least_recently_used_goes_first)
{
    enum neigh_action act;
    struct ust_addr first = nth(0);
    for (uint32_t i = 0; i < NEIGH_MAX; i++) {
        learn(i, &mac_a, false, true, true, &act);
        find(i)->used_ns = f->now;
    }
    use(0, &act);
    neigh_confirm(nt, f->now, &first);
    fix_advance(f, 120 * NS_PER_S);
    ck_assert_ptr_nonnull(learn(NEIGH_MAX, &mac_a, false, true, true, &act));
    ck_assert_ptr_nonnull(find(0));
    ck_assert_ptr_null(find(1));
}
END_TEST

START_TEST(pinned_stays_as_it_is)
{
    enum neigh_action act;
    struct ust_addr a = nth(1);
    neigh_pin(nt, f->now, &a, &mac_a);
    learn(1, &mac_b, true, true, true, &act);
    ck_assert(mac_eq(&find(1)->mac, &mac_a));
    fix_advance(f, 3600 * NS_PER_S);
    ck_assert_int_eq(find(1)->state, NEIGH_REACHABLE);
    neigh_flush(nt);
    ck_assert_ptr_nonnull(find(1));
    use(1, &act);
    ck_assert_int_eq(act, NEIGH_ACT_NONE);
}
END_TEST

START_TEST(rebuilt_from_objects)
{
    enum neigh_action act;
    learn(1, &mac_a, true, true, true, &act);
    wait_in(use(2, &act));
    struct ust_addr p = nth(3);
    neigh_pin(nt, f->now, &p, &mac_b);
    memset(&nt->lru, 0xaa, sizeof nt->lru);
    nt->cnt = 77;
    wheel_init(&f->c->wheel, f->now);
    net_rebuild(f->net);
    must_hold(net_check(f->net));
    ck_assert_uint_eq(nt->cnt, 3);
    ck_assert_ptr_nonnull(find(1));
    ck_assert_ptr_nonnull(find(3));
    ck_assert_uint_eq(find(2)->queue_cnt, 1);
    ck_assert(timer_is_armed(&find(2)->timer));
    fix_advance(f, 40 * NS_PER_S);
    ck_assert_int_eq(find(1)->state, NEIGH_STALE);
    ck_assert_ptr_null(find(2));
    struct ip_error e;
    while (net_error_pop(f->net, &e))
        ;
}
END_TEST

int main(void) {
    Suite *s = suite_create("neigh");
    TCase *t = tcase_create("neigh");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, transitions, 0, (int)UST_ARRAY_CNT(trans));
    tcase_add_test(t, actions);
    tcase_add_test(t, confirmed_by_upper_layers);
    tcase_add_test(t, flood_of_strangers);
    tcase_add_test(t, full_of_waiting_packets);
    tcase_add_test(t, recently_used_gives_way_to_our_own_need_only);
    tcase_add_test(t, least_recently_used_goes_first);
    tcase_add_test(t, pinned_stays_as_it_is);
    tcase_add_test(t, rebuilt_from_objects);
    suite_add_tcase(s, t);
    return run_suite(s);
}
