/* SPDX-License-Identifier: ISC */
/* ARP, neighbours' address resolution and our addresses' life: RFC 826, RFC 5227. */
#include "net/netfix.h"

static struct netfix *f;
static const struct ust_mac zero_mac = {{0}};
static const struct ust_mac group_mac = {{1, 0, 0x5e, 0, 0, 1}};

static void setup(void) { f = netfix_new(FIX_MTU, LINK_F_CSUM, 0); }
static void setup_bare(void) { f = netfix_bare(FIX_MTU, LINK_F_CSUM, 0); }
static void teardown(void) { netfix_free(f); }

static const struct neigh *entry(const char *a) {
    struct ust_addr x = ip(a);
    return neigh_find(&f->net->neigh, &x);
}
static bool arp_is(const struct sent *o, uint16_t op, const char *spa, const char *tpa) {
    struct ust_addr s = ip(spa), t = ip(tpa);
    return o->any && o->is_arp && o->arp.op == op && addr_eq(&o->arp.spa, &s) &&
           addr_eq(&o->arp.tpa, &t) && mac_eq(&o->arp.sha, &fix_mac);
}

/* ---- what is answered, what is learnt ---- */

static const struct rx_case {
    const char *name;
    uint16_t op;
    const struct ust_mac *sha;
    const char *spa, *tpa;
    const struct ust_mac *eth_dst;
    enum drop drop;
    bool answered, learnt;
} rx_cases[] = {
    {"request by broadcast", ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.1", "10.0.0.2", &fix_bcast_mac,
     DROP_NONE, true, true},
    {"request by unicast", ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.1", "10.0.0.2", &fix_mac,
     DROP_NONE, true, true},
    {"request for another", ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.1", "10.0.0.3", &fix_bcast_mac,
     DROP_ARP_NOT_US, false, false},
    {"probe for our address", ARP_OP_REQUEST, &fix_peer_mac, "0.0.0.0", "10.0.0.2", &fix_bcast_mac,
     DROP_NONE, true, false},
    {"zero sender hardware address", ARP_OP_REQUEST, &zero_mac, "10.0.0.1", "10.0.0.2",
     &fix_bcast_mac, DROP_ARP_SENDER, false, false},
    {"multicast sender hardware address", ARP_OP_REQUEST, &group_mac, "10.0.0.1", "10.0.0.2",
     &fix_bcast_mac, DROP_ARP_SENDER, false, false},
    {"broadcast sender hardware address", ARP_OP_REQUEST, &fix_bcast_mac, "10.0.0.1", "10.0.0.2",
     &fix_bcast_mac, DROP_ARP_SENDER, false, false},
    {"broadcast sender address", ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.255", "10.0.0.2",
     &fix_bcast_mac, DROP_ARP_SENDER_IP, false, false},
    {"multicast sender address", ARP_OP_REQUEST, &fix_peer_mac, "224.0.0.5", "10.0.0.2",
     &fix_bcast_mac, DROP_ARP_SENDER_IP, false, false},
    {"loopback sender address", ARP_OP_REQUEST, &fix_peer_mac, "127.0.0.1", "10.0.0.2",
     &fix_bcast_mac, DROP_ARP_SENDER_IP, false, false},
    {"reply from 0.0.0.0", ARP_OP_REPLY, &fix_peer_mac, "0.0.0.0", "10.0.0.2", &fix_mac,
     DROP_ARP_SENDER_IP, false, false},
    {"reply that nobody asked for", ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", "10.0.0.2", &fix_mac,
     DROP_NONE, false, false},
    {"gratuitous request of a stranger", ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.1", "10.0.0.1",
     &fix_bcast_mac, DROP_ARP_NOT_US, false, false},
    {"gratuitous reply of a stranger", ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", "10.0.0.1",
     &fix_bcast_mac, DROP_ARP_NOT_US, false, false},
    {"frame to another MAC", ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.1", "10.0.0.2", &fix_other_mac,
     DROP_ETH_NOT_US, false, false},
    {"our own frame, come back", ARP_OP_REQUEST, &fix_mac, "10.0.0.2", "10.0.0.2", &fix_bcast_mac,
     DROP_ETH_OWN_FRAME, false, false},
};

START_TEST(rx_table)
{
    const struct rx_case *c = &rx_cases[_i];
    enum drop d = fix_rx_arp(f, c->op, c->sha, c->spa, &zero_mac, c->tpa, c->eth_dst);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, d < DROP_COUNT ? drop_name(d) : "COUNT");
    const struct sent *o = fix_sent(f);
    ck_assert_msg(o->any == c->answered, "%s: answer", c->name);
    if (o->any) {
        ck_assert(arp_is(o, ARP_OP_REPLY, c->tpa, c->spa));
        ck_assert(mac_eq(&o->eth.dst, c->sha)); /* by unicast */
        ck_assert(mac_eq(&o->arp.tha, c->sha));
    }
    ck_assert(!fix_sent(f)->any);
    const struct neigh *n = entry("10.0.0.1");
    ck_assert_uint_eq(f->net->neigh.cnt, c->learnt);
    ck_assert_msg((n != NULL) == c->learnt, "%s: learnt", c->name);
    if (n) {
        ck_assert_int_eq(n->state, NEIGH_STALE);
        ck_assert(mac_eq(&n->mac, c->sha));
    }
}
END_TEST

START_TEST(malformed)
{
    uint8_t b[ARP_LEN];
    struct arp_hdr h = {
        .op = ARP_OP_REQUEST, .sha = fix_peer_mac, .spa = ip("10.0.0.1"), .tpa = ip("10.0.0.2")};
    struct eth_hdr eh = {.dst = fix_mac, .src = fix_peer_mac, .type = ETH_TYPE_ARP};
    for (size_t len = 0; len < ARP_LEN; len++) {
        arp_emit(&h, b);
        ck_assert_int_eq(arp_rx(f->net, f->now, &eh, slice_of(b, len)), DROP_ARP_SHORT);
    }
    static const struct {
        int off;
        enum drop d;
    } bad[] = {{1, DROP_ARP_TYPE},
               {3, DROP_ARP_TYPE},
               {4, DROP_ARP_TYPE},
               {5, DROP_ARP_TYPE},
               {7, DROP_ARP_OP}};
    for (size_t i = 0; i < UST_ARRAY_CNT(bad); i++) {
        arp_emit(&h, b);
        b[bad[i].off] = 77;
        ck_assert_int_eq(arp_rx(f->net, f->now, &eh, slice_of(b, ARP_LEN)), bad[i].d);
    }
    ck_assert(!fix_sent(f)->any);
    ck_assert_ptr_null(entry("10.0.0.1"));
}
END_TEST

START_TEST(gratuitous_updates_existing)
{
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    fix_rx_arp(f, ARP_OP_REQUEST, &fix_other_mac, "10.0.0.1", &zero_mac, "10.0.0.1",
               &fix_bcast_mac);
    ck_assert(mac_eq(&entry("10.0.0.1")->mac, &fix_other_mac));
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_STALE);
}
END_TEST

START_TEST(merge_from_any_arp_of_owner)
{
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    fix_advance(f, 2 * NS_PER_S);
    ck_assert_int_eq(fix_rx_arp(f, ARP_OP_REQUEST, &fix_other_mac, "10.0.0.1", &zero_mac,
                                "10.0.0.7", &fix_bcast_mac),
                     DROP_ARP_NOT_US);
    ck_assert(mac_eq(&entry("10.0.0.1")->mac, &fix_other_mac));
}
END_TEST

START_TEST(only_an_answer_to_us_proves_reachability)
{
    enum neigh_action act;
    struct ust_addr a = ip("10.0.0.1");
    neigh_learn(&f->net->neigh, f->now, &a, &fix_peer_mac, false, true, true, &act);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", &fix_mac, "10.0.0.2", &fix_bcast_mac);
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_STALE);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", &fix_mac, "10.0.0.1", &fix_mac);
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_STALE); /* gratuitous */
    fix_rx_arp(f, ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", &fix_mac, "10.0.0.2", &fix_mac);
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_REACHABLE);
}
END_TEST

START_TEST(first_answer_wins)
{
    struct ip_flow fl = {.dst = ip("10.0.0.1"), .proto = IP_PROTO_UDP};
    fix_send(f, &fl, 10);
    fix_flush(f);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", &fix_mac, "10.0.0.2", &fix_mac);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.1", &fix_mac, "10.0.0.2", &fix_mac);
    ck_assert(mac_eq(&entry("10.0.0.1")->mac, &fix_peer_mac));
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_REACHABLE);
    fix_flush(f);
}
END_TEST

/* ---- resolution ---- */

START_TEST(resolve_and_flush_in_order)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP};
    for (size_t i = 0; i < 5; i++)
        ck_assert_int_eq(fix_send(f, &fl, 100 + i), 0);
    const struct sent *o = fix_sent(f);
    ck_assert(arp_is(o, ARP_OP_REQUEST, "10.0.0.2", "10.0.0.7"));
    ck_assert(mac_eq(&o->eth.dst, &fix_bcast_mac));
    ck_assert(!fix_sent(f)->any); /* one request, not five */
    ck_assert_int_eq(
        fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.7", &fix_mac, "10.0.0.2", &fix_mac),
        DROP_NONE);
    for (size_t i = 0; i < 5; i++) {
        o = fix_sent(f);
        ck_assert(o->any && o->is_ip4);
        ck_assert(mac_eq(&o->eth.dst, &fix_other_mac));
        ck_assert_uint_eq(o->l4.len, 108 + i);
        for (size_t k = 0; k < 100; k++)
            must_eq(o->l4.p[8 + k], fix_byte(k));
    }
    ck_assert(!fix_sent(f)->any);
    ck_assert_int_eq(entry("10.0.0.7")->state, NEIGH_REACHABLE);
}
END_TEST

START_TEST(request_from_the_wanted_one_resolves)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP};
    fix_send(f, &fl, 1);
    fix_flush(f);
    fix_rx_arp(f, ARP_OP_REQUEST, &fix_other_mac, "10.0.0.7", &zero_mac, "10.0.0.2",
               &fix_bcast_mac);
    const struct sent *o = fix_sent(f);
    ck_assert(o->is_ip4); /* what waited */
    o = fix_sent(f);
    ck_assert(arp_is(o, ARP_OP_REPLY, "10.0.0.2", "10.0.0.7"));
    ck_assert_int_eq(entry("10.0.0.7")->state, NEIGH_STALE);
}
END_TEST

START_TEST(queue_is_bounded)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP};
    for (size_t i = 0; i < NEIGH_QUEUE_MAX + 10; i++)
        fix_send(f, &fl, i);
    ck_assert_uint_eq(entry("10.0.0.7")->queue_cnt, NEIGH_QUEUE_MAX);
    ck_assert_uint_eq(fix_drops(f, DROP_NEIGH_QUEUE_FULL), 10);
    fix_flush(f);
    fix_know(f, "10.0.0.8", &fix_other_mac);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.7", &fix_mac, "10.0.0.2", &fix_mac);
    ck_assert_uint_eq(fix_sent(f)->l4.len, 8 + 10); /* the oldest ten are gone */
    ck_assert_uint_eq(fix_flush(f), NEIGH_QUEUE_MAX - 1);
}
END_TEST

START_TEST(queue_is_bounded_in_bytes)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP, .ignore_pmtu = true};
    netfix_free(f);
    f = netfix_new(65535, LINK_F_CSUM, 0);
    for (size_t i = 0; i < 10; i++)
        fix_send(f, &fl, 60000);
    ck_assert_uint_le(entry("10.0.0.7")->queue_bytes, NEIGH_QUEUE_BYTES);
    ck_assert_uint_eq(entry("10.0.0.7")->queue_cnt, 3);
    fix_flush(f);
}
END_TEST

START_TEST(retries_then_error_then_again)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP};
    struct ip_error e;
    uint64_t start = f->now;
    fix_send(f, &fl, 20);
    fix_send(f, &fl, 30);
    ck_assert_uint_eq(fix_flush(f), 1);
    fix_advance(f, 900 * NS_PER_MS);
    ck_assert_uint_eq(fix_flush(f), 0);
    fix_advance(f, 1300 * NS_PER_MS);
    ck_assert_uint_eq(fix_flush(f), 2); /* at 1 s and 2 s */
    ck_assert(!net_error_pop(f->net, &e));
    fix_advance(f, NS_PER_S);
    ck_assert_uint_le(f->now - start, 4 * NS_PER_S);
    ck_assert_uint_eq(fix_flush(f), 0);
    for (int i = 0; i < 2; i++) {
        struct ust_addr dst = ip("10.0.0.7");
        ck_assert(net_error_pop(f->net, &e));
        ck_assert(e.local && !e.hard);
        ck_assert_int_eq(e.err, EHOSTUNREACH);
        ck_assert(addr_eq(&e.dst, &dst));
        ck_assert_int_eq(e.proto, IP_PROTO_UDP);
    }
    ck_assert(!net_error_pop(f->net, &e));
    ck_assert_uint_eq(fix_drops(f, DROP_NEIGH_UNREACHABLE), 2);
    /* Within the hold time: at once; afterwards it asks again. */
    ck_assert_int_eq(fix_send(f, &fl, 20), -EHOSTUNREACH);
    ck_assert_uint_eq(fix_flush(f), 0);
    fix_advance(f, 1200 * NS_PER_MS);
    ck_assert_int_eq(fix_send(f, &fl, 20), 0);
    ck_assert(arp_is(fix_sent(f), ARP_OP_REQUEST, "10.0.0.2", "10.0.0.7"));
}
END_TEST

START_TEST(answer_after_failure_is_taken)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP};
    fix_send(f, &fl, 20);
    fix_advance(f, 3200 * NS_PER_MS);
    fix_flush(f);
    ck_assert_int_eq(entry("10.0.0.7")->state, NEIGH_FAILED);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.7", &fix_mac, "10.0.0.2", &fix_mac);
    ck_assert_int_eq(fix_send(f, &fl, 20), 0);
    ck_assert(fix_sent(f)->is_ip4);
}
END_TEST

START_TEST(verifies_a_stale_entry_by_unicast)
{
    struct ip_flow fl = {.dst = ip("10.0.0.1"), .proto = IP_PROTO_UDP};
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    fix_advance(f, NEIGH_REACHABLE_NS + NS_PER_S);
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_STALE);
    fix_send(f, &fl, 20);
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_DELAY);
    ck_assert(fix_sent(f)->is_ip4); /* sent at once all the same */
    ck_assert(!fix_sent(f)->any);
    fix_advance(f, NEIGH_DELAY_NS + NS_PER_MS);
    const struct sent *o = fix_sent(f);
    ck_assert(arp_is(o, ARP_OP_REQUEST, "10.0.0.2", "10.0.0.1"));
    ck_assert(mac_eq(&o->eth.dst, &fix_peer_mac));
    fix_rx_arp(f, ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", &fix_mac, "10.0.0.2", &fix_mac);
    ck_assert_int_eq(entry("10.0.0.1")->state, NEIGH_REACHABLE);
}
END_TEST

START_TEST(flush_on_address_change)
{
    struct ip_flow fl = {.dst = ip("10.0.0.7"), .proto = IP_PROTO_UDP};
    struct ust_addr pinned = ip("10.0.0.9"), us = ip("10.0.0.2");
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    neigh_pin(&f->net->neigh, f->now, &pinned, &fix_other_mac);
    fix_send(f, &fl, 5);
    fix_flush(f);
    ck_assert_int_eq(net_addr_del(f->net, f->now, &us), 0);
    ck_assert_ptr_null(entry("10.0.0.1"));
    ck_assert_ptr_null(entry("10.0.0.7"));
    ck_assert_ptr_nonnull(entry("10.0.0.9"));
}
END_TEST

/* ---- our addresses ---- */

static enum net_addr_state state_of(const char *a) {
    struct ust_addr x = ip(a);
    for (int i = 0; i < NET_ADDR_MAX; i++)
        if (f->net->addr[i].used && addr_eq(&f->net->addr[i].addr, &x))
            return (enum net_addr_state)f->net->addr[i].state;
    return NET_ADDR_STATE_COUNT;
}
static void add(const char *a, bool optimistic) {
    struct ust_addr x = ip(a);
    ck_assert_int_eq(net_addr_add(f->net, f->now, &x, 120, true, optimistic), 0);
}
static bool ours(const char *a) {
    struct ust_addr x = ip(a);
    return net_addr_find(f->net, &x) != NULL;
}

START_TEST(optimistic_probes_at_once_and_announces)
{
    add("10.0.0.2", true);
    ck_assert(ours("10.0.0.2"));
    const struct sent *o = fix_sent(f);
    ck_assert(arp_is(o, ARP_OP_REQUEST, "0.0.0.0", "10.0.0.2"));
    ck_assert(mac_eq(&o->eth.dst, &fix_bcast_mac));
    fix_advance(f, 4100 * NS_PER_MS); /* two more, 1 to 2 s apart */
    ck_assert(arp_is(fix_sent(f), ARP_OP_REQUEST, "0.0.0.0", "10.0.0.2"));
    ck_assert(arp_is(fix_sent(f), ARP_OP_REQUEST, "0.0.0.0", "10.0.0.2"));
    fix_advance(f, 2 * NS_PER_S);
    ck_assert(arp_is(fix_sent(f), ARP_OP_REQUEST, "10.0.0.2", "10.0.0.2"));
    fix_advance(f, 2 * NS_PER_S);
    ck_assert(arp_is(fix_sent(f), ARP_OP_REQUEST, "10.0.0.2", "10.0.0.2"));
    ck_assert_int_eq(state_of("10.0.0.2"), NET_ADDR_READY);
    fix_advance(f, 60 * NS_PER_S);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(not_optimistic_waits)
{
    add("10.0.0.2", false);
    ck_assert(!ours("10.0.0.2"));
    ck_assert_int_eq(fix_rx_arp(f, ARP_OP_REQUEST, &fix_peer_mac, "10.0.0.1", &zero_mac, "10.0.0.2",
                                &fix_bcast_mac),
                     DROP_ARP_NOT_US);
    fix_advance(f, 7500 * NS_PER_MS);
    ck_assert(ours("10.0.0.2"));
    ck_assert_int_ge((int)fix_flush(f), 4);
}
END_TEST

static const struct conflict_case {
    const char *name;
    uint16_t op;
    const char *spa, *tpa;
} conflict_cases[] = {
    {"reply to our probe", ARP_OP_REPLY, "10.0.0.2", "0.0.0.0"},
    {"request by the holder", ARP_OP_REQUEST, "10.0.0.2", "10.0.0.5"},
    {"announcement", ARP_OP_REQUEST, "10.0.0.2", "10.0.0.2"},
    {"somebody else's probe", ARP_OP_REQUEST, "0.0.0.0", "10.0.0.2"},
};

START_TEST(conflict_while_probing)
{
    const struct conflict_case *c = &conflict_cases[_i];
    add("10.0.0.2", true);
    fix_flush(f);
    uint32_t gen = f->net->group_gen;
    fix_rx_arp(f, c->op, &fix_other_mac, c->spa, &zero_mac, c->tpa, &fix_bcast_mac);
    ck_assert_msg(state_of("10.0.0.2") == NET_ADDR_DUPLICATE, "%s", c->name);
    ck_assert(!ours("10.0.0.2"));
    ck_assert(mac_eq(&f->net->addr[0].conflict_mac, &fix_other_mac));
    ck_assert_uint_ne(f->net->group_gen, gen);
    ck_assert(!fix_sent(f)->any);
    fix_advance(f, 60 * NS_PER_S);
    ck_assert(!fix_sent(f)->any); /* silence */
}
END_TEST

START_TEST(own_probe_is_no_conflict)
{
    add("10.0.0.2", true);
    fix_flush(f);
    ck_assert_int_eq(
        fix_rx_arp(f, ARP_OP_REQUEST, &fix_mac, "0.0.0.0", &zero_mac, "10.0.0.2", &fix_bcast_mac),
        DROP_ETH_OWN_FRAME);
    ck_assert_int_eq(state_of("10.0.0.2"), NET_ADDR_PROBING);
}
END_TEST

START_TEST(defends_once_in_ten_seconds)
{
    struct ust_addr us = ip("10.0.0.2");
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(fix_rx_arp(f, ARP_OP_REQUEST, &fix_other_mac, "10.0.0.2", &zero_mac,
                                    "10.0.0.1", &fix_bcast_mac),
                         DROP_ARP_CONFLICT);
        fix_advance(f, NS_PER_S);
    }
    ck_assert(arp_is(fix_sent(f), ARP_OP_REQUEST, "10.0.0.2", "10.0.0.2"));
    ck_assert(!fix_sent(f)->any);
    fix_advance(f, 6 * NS_PER_S);
    fix_rx_arp(f, ARP_OP_REQUEST, &fix_other_mac, "10.0.0.2", &zero_mac, "10.0.0.1",
               &fix_bcast_mac);
    ck_assert_uint_eq(fix_flush(f), 1);
    ck_assert_ptr_nonnull(net_addr_find(f->net, &us)); /* and keeps it */
    ck_assert_ptr_null(entry("10.0.0.2"));
    ck_assert_uint_eq(f->net->addr[0].conflicts, 6);
}
END_TEST

int main(void) {
    Suite *s = suite_create("arp");
    TCase *t = tcase_create("receive");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, rx_table, 0, (int)UST_ARRAY_CNT(rx_cases));
    tcase_add_test(t, malformed);
    tcase_add_test(t, gratuitous_updates_existing);
    tcase_add_test(t, merge_from_any_arp_of_owner);
    tcase_add_test(t, only_an_answer_to_us_proves_reachability);
    tcase_add_test(t, first_answer_wins);
    suite_add_tcase(s, t);
    t = tcase_create("resolve");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, resolve_and_flush_in_order);
    tcase_add_test(t, request_from_the_wanted_one_resolves);
    tcase_add_test(t, queue_is_bounded);
    tcase_add_test(t, queue_is_bounded_in_bytes);
    tcase_add_test(t, retries_then_error_then_again);
    tcase_add_test(t, answer_after_failure_is_taken);
    tcase_add_test(t, verifies_a_stale_entry_by_unicast);
    tcase_add_test(t, flush_on_address_change);
    tcase_add_test(t, defends_once_in_ten_seconds);
    suite_add_tcase(s, t);
    t = tcase_create("address");
    tcase_add_checked_fixture(t, setup_bare, teardown);
    tcase_add_test(t, optimistic_probes_at_once_and_announces);
    tcase_add_test(t, not_optimistic_waits);
    tcase_add_loop_test(t, conflict_while_probing, 0, (int)UST_ARRAY_CNT(conflict_cases));
    tcase_add_test(t, own_probe_is_no_conflict);
    suite_add_tcase(s, t);
    return run_suite(s);
}
