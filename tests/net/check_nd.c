/* SPDX-License-Identifier: ISC */
/* Neighbor Discovery, address configuration, MLD: RFC 4861, 4862, 7217, 7527, 8981, 4191, 8106, 3810, 2710. */
#include "net/netfix6.h"

#include <stdio.h>

static struct netfix *f;

static void setup(void) { f = netfix6_new(FIX_MTU, LINK_F_CSUM); }
static void setup_bare(void) { f = netfix_bare(FIX_MTU, LINK_F_CSUM, 0); }
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

static bool eq(const struct ust_addr *a, const char *s) {
    struct ust_addr x = ip(s);
    return addr_eq(a, &x);
}
static bool is_ns(const struct sent6 *o, const char *src, const char *dst, const char *target) {
    return o->any && o->is_nd && o->nd.type == ICMP6_NS && eq(&o->ip.src, src) &&
           eq(&o->ip.dst, dst) && eq(&o->nd.target, target);
}
/* The next frame that is ND or not MLD, past reports. */
static const struct sent6 *sent_nd(void) {
    const struct sent6 *o;
    do
        o = fix6_sent(f);
    while (o->any && !o->is_nd);
    return o;
}

/* ---- solicitations in ---- */

static const struct ns_case {
    const char *name, *src, *dst, *target;
    bool slla;
    enum drop drop;
    const char *to; /* of the answer; NULL: none */
    bool learnt;
} ns_cases[] = {
    {"to the group", "fe80::1", "ff02::1:ff00:2", "2001:db8::2", true, DROP_NONE, "fe80::1", true},
    {"to us", "2001:db8::1", "2001:db8::2", "2001:db8::2", true, DROP_NONE, "2001:db8::1", true},
    {"for the link-local one", "fe80::1", "ff02::1:ff00:2", "fe80::2", true, DROP_NONE, "fe80::1",
     true},
    {"for another", "fe80::1", "ff02::1:ff00:2", "2001:db8:1::2", true, DROP_ND_NOT_US, NULL,
     false},
    {"DAD of somebody", "::", "ff02::1:ff00:2", "2001:db8::2", false, DROP_NONE, "ff02::1", false},
    {"DAD with an address", "::", "ff02::1:ff00:2", "2001:db8::2", true, DROP_ND_SOURCE, NULL,
     false},
    {"DAD to us", "::", "2001:db8::2", "2001:db8::2", false, DROP_ND_SOURCE, NULL, false},
    {"target a group", "fe80::1", "ff02::1:ff00:2", "ff02::1", true, DROP_ND_TARGET, NULL, false},
};

/* RFC 4861 7.1.1 MUST-11; RFC 4861 7.2.3 MUST-14; RFC 4861 7.2.4 MUST-15 */
START_TEST(ns_table)
{
    const struct ns_case *c = &ns_cases[_i];
    struct nd_msg m = {
        .type = ICMP6_NS, .target = ip(c->target), .has_slla = c->slla, .slla = fix_other_mac};
    enum drop d = fix6_rx_nd(f, c->src, c->dst, &m);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, drop_name(d));
    const struct neigh *nb = fix6_neigh(f, c->src);
    ck_assert_msg((nb != NULL) == c->learnt, "%s: learnt", c->name);
    if (nb)
        ck_assert(nb->state == NEIGH_STALE && mac_eq(&nb->mac, &fix_other_mac));
    const struct sent6 *o = fix6_sent(f);
    ck_assert_msg(o->any == (c->to != NULL), "%s: answer", c->name);
    if (!o->any)
        return;
    ck_assert(o->is_nd && o->nd.type == ICMP6_NA);
    ck_assert_uint_eq(o->ip.hop_limit, 255);
    ck_assert(eq(&o->ip.dst, c->to) && eq(&o->nd.target, c->target) && eq(&o->ip.src, c->target));
    ck_assert(o->nd.override && !o->nd.router && o->nd.has_tlla && mac_eq(&o->nd.tlla, &fix_mac));
    ck_assert(o->nd.solicited == c->learnt); /* RFC 4861 7.2.4 */
    if (c->learnt)
        ck_assert(mac_eq(&o->eth.dst, &fix_other_mac));
    ck_assert(!fix6_sent(f)->any);
}
END_TEST

START_TEST(ns_without_an_address_is_resolved_first)
{
    struct nd_msg m = {.type = ICMP6_NS, .target = ip("2001:db8::2")};
    ck_assert_int_eq(fix6_rx_nd(f, "2001:db8::1", "2001:db8::2", &m), DROP_NONE);
    ck_assert(is_ns(fix6_sent(f), "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1"));
    struct nd_msg na = {.type = ICMP6_NA,
                        .target = ip("2001:db8::1"),
                        .solicited = true,
                        .has_tlla = true,
                        .tlla = fix_other_mac};
    ck_assert_int_eq(fix6_rx_nd(f, "2001:db8::1", "2001:db8::2", &na), DROP_NONE);
    const struct sent6 *o = fix6_sent(f);
    ck_assert(o->is_nd && o->nd.type == ICMP6_NA && o->ip.hop_limit == 255);
    ck_assert(mac_eq(&o->eth.dst, &fix_other_mac));
}
END_TEST

/* RFC 4861 7.1.2 MUST-12 */
START_TEST(bad_messages)
{
    uint8_t b[32] = {ICMP6_NS};
    struct ust_addr us = ip("2001:db8::2");
    memcpy(b + 8, us.b, 16);
    b[24] = 1;
    b[25] = 1;
    const char *dst = "ff02::1:ff00:2";
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", dst, 254, b, 32), DROP_ND_HOP_LIMIT);
    b[1] = 1;
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", dst, 255, b, 32), DROP_ND_CODE);
    b[1] = 0;
    b[25] = 0;
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", dst, 255, b, 32), DROP_ND_OPTION);
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", dst, 255, b, 23), DROP_ND_SHORT);
    b[0] = ICMP6_NA;
    b[4] = 0x40;
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", "ff02::1", 255, b, 24), DROP_ND_SOURCE_NA);
    b[0] = ICMP6_RS;
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::1", "ff02::1", 255, b, 8), DROP_ND_ROUTER);
    ck_assert(!fix6_sent(f)->any);
    ck_assert_uint_eq(f->net->neigh.cnt, 0);
}
END_TEST

/* ---- advertisements: RFC 4861 7.2.5 and appendix C ---- */

enum { NO_MAC, SAME, OTHER };
static const struct na_case {
    uint8_t from; /* enum neigh_state; STATE_COUNT: no entry */
    uint8_t mac;
    bool s, o;  /* flags */
    uint8_t to; /* enum neigh_state */
    uint8_t mac_to;
} na_cases[] = {
    {NEIGH_STATE_COUNT, SAME, true, true, NEIGH_STATE_COUNT, 0},
    {NEIGH_INCOMPLETE, NO_MAC, true, true, NEIGH_INCOMPLETE, NO_MAC},
    {NEIGH_INCOMPLETE, OTHER, true, false, NEIGH_REACHABLE, OTHER},
    {NEIGH_INCOMPLETE, OTHER, true, true, NEIGH_REACHABLE, OTHER},
    {NEIGH_INCOMPLETE, OTHER, false, false, NEIGH_STALE, OTHER},
    {NEIGH_INCOMPLETE, OTHER, false, true, NEIGH_STALE, OTHER},
    {NEIGH_REACHABLE, SAME, true, false, NEIGH_REACHABLE, SAME},
    {NEIGH_REACHABLE, SAME, false, true, NEIGH_REACHABLE, SAME},
    {NEIGH_REACHABLE, SAME, false, false, NEIGH_REACHABLE, SAME},
    {NEIGH_REACHABLE, OTHER, true, false, NEIGH_STALE, SAME},
    {NEIGH_REACHABLE, OTHER, false, false, NEIGH_STALE, SAME},
    {NEIGH_REACHABLE, OTHER, true, true, NEIGH_REACHABLE, OTHER},
    {NEIGH_REACHABLE, OTHER, false, true, NEIGH_STALE, OTHER},
    {NEIGH_REACHABLE, NO_MAC, true, true, NEIGH_REACHABLE, SAME},
    {NEIGH_REACHABLE, NO_MAC, false, true, NEIGH_REACHABLE, SAME},
    {NEIGH_STALE, SAME, true, false, NEIGH_REACHABLE, SAME},
    {NEIGH_STALE, SAME, false, true, NEIGH_STALE, SAME},
    {NEIGH_STALE, OTHER, true, false, NEIGH_STALE, SAME},
    {NEIGH_STALE, OTHER, false, false, NEIGH_STALE, SAME},
    {NEIGH_STALE, OTHER, true, true, NEIGH_REACHABLE, OTHER},
    {NEIGH_STALE, OTHER, false, true, NEIGH_STALE, OTHER},
    {NEIGH_STALE, NO_MAC, true, true, NEIGH_REACHABLE, SAME},
    {NEIGH_STALE, NO_MAC, false, false, NEIGH_STALE, SAME},
    {NEIGH_DELAY, SAME, true, false, NEIGH_REACHABLE, SAME},
    {NEIGH_DELAY, SAME, false, true, NEIGH_DELAY, SAME},
    {NEIGH_DELAY, OTHER, true, false, NEIGH_DELAY, SAME},
    {NEIGH_DELAY, OTHER, false, true, NEIGH_STALE, OTHER},
    {NEIGH_DELAY, OTHER, true, true, NEIGH_REACHABLE, OTHER},
    {NEIGH_PROBE, SAME, true, true, NEIGH_REACHABLE, SAME},
    {NEIGH_PROBE, SAME, true, false, NEIGH_REACHABLE, SAME},
    {NEIGH_PROBE, SAME, false, false, NEIGH_PROBE, SAME},
    {NEIGH_PROBE, OTHER, true, false, NEIGH_PROBE, SAME},
    {NEIGH_PROBE, OTHER, false, true, NEIGH_STALE, OTHER},
    {NEIGH_PROBE, OTHER, true, true, NEIGH_REACHABLE, OTHER},
    {NEIGH_PROBE, NO_MAC, true, false, NEIGH_REACHABLE, SAME},
};

/* Brings the entry of 2001:db8::1 into a state, as traffic would. */
static void bring(enum neigh_state want) {
    struct ust_addr a = ip("2001:db8::1");
    struct ip_flow fl = {.dst = a, .proto = 17};
    if (want == NEIGH_STATE_COUNT)
        return;
    if (want == NEIGH_INCOMPLETE) {
        fix_send(f, &fl, 1);
        return;
    }
    fix6_know(f, "2001:db8::1", &fix_peer_mac);
    if (want == NEIGH_REACHABLE)
        return;
    fix_advance(f, 46 * NS_PER_S); /* 1.5 times the base at most */
    if (want == NEIGH_STALE)
        return;
    fix_send(f, &fl, 1);
    if (want == NEIGH_PROBE)
        fix_advance(f, NEIGH_DELAY_NS + NS_PER_MS);
}

/* RFC 4861 7.2.5 MUST-16 */
START_TEST(na_table)
{
    const struct na_case *c = &na_cases[_i];
    struct nd_msg m = {.type = ICMP6_NA,
                       .target = ip("2001:db8::1"),
                       .solicited = c->s,
                       .override = c->o,
                       .has_tlla = c->mac != NO_MAC,
                       .tlla = c->mac == OTHER ? fix_other_mac : fix_peer_mac};
    bring((enum neigh_state)c->from);
    const struct neigh *nb = fix6_neigh(f, "2001:db8::1");
    ck_assert(c->from == NEIGH_STATE_COUNT ? nb == NULL : nb->state == c->from);
    fix_flush(f);
    enum drop d = fix6_rx_nd(f, "2001:db8::1", "2001:db8::2", &m);
    ck_assert_int_eq(d, c->from == NEIGH_STATE_COUNT ? DROP_ND_NO_ENTRY : DROP_NONE);
    nb = fix6_neigh(f, "2001:db8::1");
    if (c->to == NEIGH_STATE_COUNT) {
        ck_assert_ptr_null(nb);
        return;
    }
    ck_assert_msg(nb->state == c->to, "case %d: %s", _i,
                  neigh_state_name((enum neigh_state)nb->state));
    if (c->mac_to != NO_MAC)
        ck_assert(mac_eq(&nb->mac, c->mac_to == SAME ? &fix_peer_mac : &fix_other_mac));
    bool flushed = c->from == NEIGH_INCOMPLETE && c->mac != NO_MAC;
    ck_assert(fix6_sent(f)->any == flushed);
    if (c->from == NEIGH_INCOMPLETE && !flushed)
        fix_advance(f, 10 * NS_PER_S);
    struct ip_error e;
    while (net_error_pop(f->net, &e))
        ;
    fix_flush(f);
}
END_TEST

/* The whole life: asked, answered, used, probed, given up. */
/* RFC 4861 7.2.2 MUST-13; RFC 4861 7.3.1 MUST-17; RFC 4861 7.3.3 MUST-18 */
START_TEST(nud)
{
    struct ip_flow fl = {.dst = ip("2001:db8::1"), .proto = 17};
    fix_send(f, &fl, 1);
    const struct sent6 *o = fix6_sent(f);
    ck_assert(is_ns(o, "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1"));
    ck_assert(o->nd.has_slla && mac_eq(&o->nd.slla, &fix_mac) && o->ip.hop_limit == 255);
    fix_send(f, &fl, 1);
    ck_assert(!fix6_sent(f)->any); /* one a second */
    fix_advance(f, NS_PER_S + NS_PER_MS);
    ck_assert(is_ns(fix6_sent(f), "2001:db8::2", "ff02::1:ff00:1", "2001:db8::1"));
    struct nd_msg na = {.type = ICMP6_NA,
                        .target = ip("2001:db8::1"),
                        .solicited = true,
                        .override = true,
                        .has_tlla = true,
                        .tlla = fix_peer_mac};
    fix6_rx_nd(f, "2001:db8::1", "2001:db8::2", &na);
    ck_assert(fix6_sent(f)->proto == 17 && fix6_sent(f)->proto == 17 && !fix6_sent(f)->any);
    ck_assert_int_eq(fix6_neigh(f, "2001:db8::1")->state, NEIGH_REACHABLE);
    fix_advance(f, 14 * NS_PER_S); /* half of the base at least */
    ck_assert_int_eq(fix6_neigh(f, "2001:db8::1")->state, NEIGH_REACHABLE);
    fix_advance(f, 32 * NS_PER_S);
    ck_assert_int_eq(fix6_neigh(f, "2001:db8::1")->state, NEIGH_STALE);
    fix_send(f, &fl, 1);
    ck_assert_int_eq(fix6_neigh(f, "2001:db8::1")->state, NEIGH_DELAY);
    ck_assert(fix6_sent(f)->proto == 17);
    neigh_confirm(&f->net->neigh, f->now, &fl.dst); /* TCP's word for it */
    ck_assert_int_eq(fix6_neigh(f, "2001:db8::1")->state, NEIGH_REACHABLE);
    fix_advance(f, 46 * NS_PER_S);
    fix_send(f, &fl, 1);
    fix6_sent(f);
    for (int i = 0; i < 3; i++) {
        fix_advance(f, (i ? 1 : 5) * NS_PER_S + NS_PER_MS);
        o = fix6_sent(f);
        ck_assert(is_ns(o, "2001:db8::2", "2001:db8::1", "2001:db8::1")); /* by unicast */
        ck_assert(mac_eq(&o->eth.dst, &fix_peer_mac));
    }
    fix_advance(f, NS_PER_S + NS_PER_MS);
    ck_assert_ptr_null(fix6_neigh(f, "2001:db8::1"));
    fix_send(f, &fl, 1);
    fix_advance(f, 4 * NS_PER_S);
    struct ip_error e;
    ck_assert(net_error_pop(f->net, &e));
    ck_assert_int_eq(e.err, EHOSTUNREACH);
    ck_assert_int_eq(e.icmp_code, ICMP6_ADDR_UNREACH);
    fix_flush(f);
}
END_TEST

/* ---- duplicate address detection ---- */

/* RFC 4862 5.4 MUST-2; RFC 4862 5.4.2 MUST-3 */
START_TEST(dad_passes)
{
    ck_assert_int_eq(nd_start(f->net, f->now, &fix6_cfg), 0);
    const struct sent6 *o = sent_nd();
    ck_assert(o->nd.type == ICMP6_NS && eq(&o->ip.src, "::") && o->ip.dst.b[0] == 0xff);
    ck_assert(!o->nd.has_slla && o->nd.has_nonce); /* RFC 4862 5.4.2, RFC 7527 4.1 */
    ck_assert_str_eq(fix6_addr(f, "fe80::", 10), "");
    ck_assert(net_ip6_pending(f->net, f->now));
    fix_advance(f, NS_PER_S + NS_PER_MS);
    ck_assert_str_ne(fix6_addr(f, "fe80::", 10), "");
    ck_assert(!net_ip6_pending(f->net, f->now));
    fix_advance(f, 100 * NS_PER_S);
    ck_assert(!sent_nd()->any);
}
END_TEST

/* RFC 4862 5.4.3, 5.4.4: somebody has it (an advertisement), or wants it too (a solicitation). */
/* RFC 4862 5.4.3 MUST-5; RFC 4862 5.4.4 MUST-6; RFC 4862 5.4.5 MUST-7 */
START_TEST(dad_conflict)
{
    struct ust_addr a = ip("2001:db8::9");
    ck_assert_int_eq(nd_start(f->net, f->now, &fix6_cfg), 0);
    net_addr_add(f->net, f->now, &a, 64, true, false);
    struct nd_msg m = {.type = ICMP6_NS, .target = a, .has_nonce = true, .nonce = {1, 2, 3}};
    if (_i == 0)
        m = (struct nd_msg){.type = ICMP6_NA,
                            .target = a,
                            .override = true,
                            .has_tlla = true,
                            .tlla = fix_peer_mac};
    if (_i == 2)
        m.has_nonce = false;
    if (_i == 0)
        ck_assert_int_eq(fix6_rx_nd(f, "2001:db8::9", "ff02::1", &m), DROP_ND_CONFLICT);
    else
        ck_assert_int_eq(fix6_rx_nd(f, "::", "ff02::1:ff00:9", &m), DROP_NONE);
    ck_assert_int_eq(fix6_find(f, "2001:db8::9")->state, NET_ADDR_DUPLICATE);
    fix_advance(f, 5 * NS_PER_S);
    ck_assert_ptr_null(net_addr_find(f->net, &a));
    fix_flush(f);
}
END_TEST

/* Somebody who asks where our tentative address is has not got it (RFC 4862 5.4.3). */
/* RFC 4862 5.4.3 MUST-4 */
START_TEST(dad_is_not_answered_for)
{
    struct ust_addr a = ip("2001:db8::9");
    ck_assert_int_eq(nd_start(f->net, f->now, &fix6_cfg), 0);
    net_addr_add(f->net, f->now, &a, 64, true, false);
    fix_flush(f);
    struct nd_msg m = {.type = ICMP6_NS, .target = a, .has_slla = true, .slla = fix_peer_mac};
    ck_assert_int_eq(fix6_rx_nd(f, "2001:db8::1", "ff02::1:ff00:9", &m), DROP_NONE);
    ck_assert(!sent_nd()->any);
    struct fix_ip6 p = {.src = "2001:db8::1", .dst = "2001:db8::9", .next = 17};
    ck_assert_int_eq(fix6_rx(f, &p), DROP_IP6_NOT_US);
    fix_advance(f, NS_PER_S + NS_PER_MS);
    ck_assert_ptr_nonnull(net_addr_find(f->net, &a));
    fix_flush(f);
}
END_TEST

/* RFC 7527 4.2: our own probe, come back over a loop in the network. */
START_TEST(dad_looped_probe)
{
    struct ust_addr a = ip("2001:db8::9");
    ck_assert_int_eq(nd_start(f->net, f->now, &fix6_cfg), 0);
    fix_flush(f);
    net_addr_add(f->net, f->now, &a, 64, true, false);
    const struct sent6 *o = sent_nd();
    struct nd_msg m = o->nd;
    ck_assert(eq(&m.target, "2001:db8::9"));
    ck_assert_int_eq(fix6_rx_nd(f, "::", "ff02::1:ff00:9", &m), DROP_ND_LOOPED);
    fix_advance(f, 3 * NS_PER_S + NS_PER_MS);
    ck_assert_int_eq(fix6_find(f, "2001:db8::9")->state, NET_ADDR_PROBING); /* 3 probes more */
    fix_advance(f, 2 * NS_PER_S);
    ck_assert_int_eq(fix6_find(f, "2001:db8::9")->state, NET_ADDR_READY);
    fix_flush(f);
}
END_TEST

/* ---- identifiers ---- */

static void start(enum nd_iid iid, bool temporary) {
    struct nd_cfg c = fix6_cfg;
    c.autoconf = true;
    c.iid = (uint8_t)iid;
    c.temporary = temporary;
    ck_assert_int_eq(nd_start(f->net, f->now, &c), 0);
    fix_advance(f, NS_PER_S + NS_PER_MS);
}

/* A prefix from fe80::1, then DAD's second. */
static void advertise(const char *prefix, uint32_t valid_s, uint32_t preferred_s) {
    struct fix6_ra ra = {.lifetime_s = 1800};
    fix6_ra_slla(&ra, &fix_peer_mac);
    fix6_ra_prefix(&ra, prefix, 64, FIX6_L | FIX6_A, valid_s, preferred_s);
    ck_assert_int_eq(fix6_rx_ra(f, "fe80::1", &ra), DROP_NONE);
    fix_advance(f, NS_PER_S + NS_PER_MS);
    fix_flush(f);
}

/* RFC 4862 5.3 MUST-1 */
START_TEST(iid_eui64)
{
    start(ND_IID_EUI64, false);
    advertise("2001:db8::", 7200, 3600);
    ck_assert_str_eq(fix6_addr(f, "fe80::", 10), "fe80::ff:fe00:2");
    ck_assert_str_eq(fix6_addr(f, "2001:db8::", 64), "2001:db8::ff:fe00:2");
}
END_TEST

/* RFC 7217: the same prefix gives the same identifier, another one another; nothing tells the MAC. */
START_TEST(iid_stable)
{
    char first[2][ADDR_STR_LEN];
    start(ND_IID_STABLE, false);
    advertise("2001:db8::", 7200, 3600);
    advertise("2001:db8:1::", 7200, 3600);
    strcpy(first[0], fix6_addr(f, "2001:db8::", 64));
    strcpy(first[1], fix6_addr(f, "2001:db8:1::", 64));
    struct ust_addr a = ip(first[0]), b = ip(first[1]);
    ck_assert(memcmp(a.b + 8, b.b + 8, 8) != 0);
    ck_assert(a.b[11] != 0xff || a.b[12] != 0xfe);
    netfix_free(f);
    setup_bare();
    start(ND_IID_STABLE, false);
    advertise("2001:db8:1::", 7200, 3600);
    ck_assert_str_eq(fix6_addr(f, "2001:db8:1::", 64), first[1]);
}
END_TEST

/* RFC 7217 6: a duplicate gets another identifier, three times. */
START_TEST(iid_stable_duplicate)
{
    start(ND_IID_STABLE, false);
    struct fix6_ra ra = {.lifetime_s = 1800};
    fix6_ra_prefix(&ra, "2001:db8::", 64, FIX6_A, 7200, 3600);
    fix6_rx_ra(f, "fe80::1", &ra);
    struct ust_addr prefix = ip("2001:db8::"), seen[4];
    int tries = 0;
    for (;;) {
        struct net_addr *a = NULL;
        for (uint32_t i = 0; i < f->net->addr_hi; i++)
            if (f->net->addr[i].used && f->net->addr[i].state == NET_ADDR_PROBING &&
                addr_in_prefix(&f->net->addr[i].addr, &prefix, 64))
                a = &f->net->addr[i];
        if (!a)
            break;
        ck_assert_int_lt(tries, 4);
        seen[tries] = a->addr;
        for (int i = 0; i < tries; i++)
            ck_assert(!addr_eq(&seen[i], &seen[tries]));
        tries++;
        char s[ADDR_STR_LEN];
        struct nd_msg m = {
            .type = ICMP6_NA, .target = a->addr, .has_tlla = true, .tlla = fix_peer_mac};
        addr_str(&a->addr, s);
        fix6_rx_nd(f, s, "ff02::1", &m);
    }
    ck_assert_int_eq(tries, 4);
    fix_flush(f);
}
END_TEST

static const struct net_addr *temporary(int nth) {
    for (uint32_t i = 0; i < f->net->addr_hi; i++)
        if (f->net->addr[i].used && f->net->addr[i].origin == NET_ADDR_TEMPORARY && nth-- == 0)
            return &f->net->addr[i];
    return NULL;
}

/* RFC 8981 3.4, 3.6: made beside, followed by another before it is deprecated, gone after two days. */
START_TEST(iid_temporary)
{
    start(ND_IID_STABLE, true);
    advertise("2001:db8::", UINT32_MAX, UINT32_MAX);
    const struct net_addr *t = temporary(0);
    ck_assert_ptr_nonnull(t);
    ck_assert_ptr_null(temporary(1));
    ck_assert(t->state == NET_ADDR_READY && t->preferred_ns < f->now + 86400 * NS_PER_S);
    ck_assert(t->preferred_ns > f->now + 86400 * 6 / 10 * NS_PER_S - 2 * NS_PER_S);
    struct ust_addr first = t->addr, dst = ip("2001:4::1");
    struct net_path path;
    ck_assert_int_eq(net_route(f->net, &dst, NULL, &path), 0);
    ck_assert(addr_eq(&path.src, &first));
    fix_advance(f, t->preferred_ns - f->now - 2 * NS_PER_S);
    ck_assert_ptr_nonnull(temporary(1));
    fix_advance(f, 3 * NS_PER_S);
    for (int i = 0; i < 4; i++) { /* the default route lives half an hour */
        advertise("2001:db8::", UINT32_MAX, UINT32_MAX);
        ck_assert_int_eq(net_route(f->net, &dst, NULL, &path), 0);
    }
    ck_assert(!addr_eq(&path.src, &first));
    fix_advance(f, 2 * 86400 * NS_PER_S);
    for (int i = 0; temporary(i); i++)
        ck_assert(!addr_eq(&temporary(i)->addr, &first));
    fix_flush(f);
}
END_TEST

/* ---- router solicitation and advertisement ---- */

/* RFC 4861 6.3.7 MUST-10 */
START_TEST(rs_until_answered)
{
    int cnt = 0;
    struct nd_cfg c = fix6_cfg;
    c.autoconf = true;
    nd_start(f->net, f->now, &c);
    uint64_t last = 0, t0 = f->now;
    for (int i = 0; i < 600; i++) {
        const struct sent6 *o;
        fix_advance(f, 100 * NS_PER_MS);
        while ((o = fix6_sent(f))->any) {
            if (!o->is_nd || o->nd.type != ICMP6_RS)
                continue;
            ck_assert(eq(&o->ip.dst, "ff02::2") && o->ip.hop_limit == 255);
            ck_assert(o->nd.has_slla && o->ip.src.b[0] == 0xfe);
            ck_assert(cnt == 0 || f->now - last >= 3900 * NS_PER_MS);
            last = f->now;
            cnt++;
        }
    }
    ck_assert_int_ge(cnt, 4); /* RFC 4861's three, then RFC 7559's, ever more slowly */
    ck_assert_int_le(cnt, 7);
    ck_assert(!net_ip6_pending(f->net, f->now));
    ck_assert(f->now - t0 > 59 * NS_PER_S);
    advertise("2001:db8::", 7200, 3600);
    fix_advance(f, 1000 * NS_PER_S);
    ck_assert(!sent_nd()->any);
}
END_TEST

/* RFC 4861 6.1.2 MUST-4 */
START_TEST(ra_is_believed_or_not)
{
    struct fix6_ra ra = {.lifetime_s = 1800};
    struct ust_addr gw = ip("fe80::1");
    start(ND_IID_STABLE, false);
    fix6_ra_prefix(&ra, "2001:db8::", 64, FIX6_L | FIX6_A, 7200, 3600);
    ck_assert_int_eq(fix6_rx_ra(f, "2001:db8::1", &ra), DROP_ND_SOURCE_RA);
    ck_assert_uint_eq(f->net->route_hi, 0);
    ck_assert_int_eq(fix6_rx_ra(f, "fe80::1", &ra), DROP_NONE);
    ck_assert_uint_eq(f->net->route_hi, 2);
    ck_assert(addr_eq(&f->net->route[0].gw, &gw) && f->net->route[0].plen == 0);
    fix_flush(f);
}
END_TEST

/* RFC 4861 5.2 MUST-3; RFC 4861 6.3.4 MUST-7; RFC 4861 6.3.5 MUST-8 */
START_TEST(ra_router_lifetime)
{
    struct ust_addr dst = ip("2001:4::1");
    struct net_path path;
    start(ND_IID_STABLE, false);
    advertise("2001:db8::", 7200, 3600);
    ck_assert_int_eq(net_route(f->net, &dst, NULL, &path), 0);
    fix_advance(f, 1800 * NS_PER_S);
    ck_assert_int_eq(net_route(f->net, &dst, NULL, &path), -ENETUNREACH);
    advertise("2001:db8::", 7200, 3600);
    ck_assert_int_eq(net_route(f->net, &dst, NULL, &path), 0);
    struct fix6_ra ra = {.lifetime_s = 0}; /* RFC 4861 6.3.4: a router no more */
    fix6_rx_ra(f, "fe80::1", &ra);
    ck_assert_int_eq(net_route(f->net, &dst, NULL, &path), -ENETUNREACH);
    struct ust_addr near = ip("2001:db8::77");
    ck_assert_int_eq(net_route(f->net, &near, NULL, &path), 0); /* the prefix stays */
    ck_assert(addr_eq(&path.next_hop, &near));
    fix_flush(f);
}
END_TEST

static void via(const char *dst, const char *hop) {
    struct ust_addr d = ip(dst), h = ip(hop);
    struct net_path path;
    char s[ADDR_STR_LEN];
    ck_assert_int_eq(net_route(f->net, &d, NULL, &path), 0);
    ck_assert_msg(addr_eq(&path.next_hop, &h), "%s goes to %s", dst, addr_str(&path.next_hop, s));
}

/* RFC 4191: preference, more specific routes. */
START_TEST(ra_preference_and_routes)
{
    start(ND_IID_STABLE, false);
    advertise("2001:db8::", 7200, 3600);
    struct fix6_ra ra = {.lifetime_s = 1800, .flags = 0x08};
    fix6_ra_route(&ra, "2001:77::", 32, 0, 600);
    fix6_rx_ra(f, "fe80::3", &ra);
    via("2001:4::1", "fe80::3"); /* high before medium */
    via("2001:77::1", "fe80::3");
    struct fix6_ra low = {.lifetime_s = 1800, .flags = 0x18};
    fix6_rx_ra(f, "fe80::3", &low);
    via("2001:4::1", "fe80::1");
    via("2001:77::1", "fe80::3");
    fix_advance(f, 600 * NS_PER_S + NS_PER_MS);
    via("2001:77::1", "fe80::1");
    fix_flush(f);
}
END_TEST

/* RFC 4861 6.3.6: a router that does not answer gives way. */
/* RFC 4861 6.3.6 MUST-9; RFC 4861 7.3.3 MUST-19 */
START_TEST(ra_second_router)
{
    struct ust_addr dst = ip("2001:4::1"), gw = ip("fe80::1");
    struct ip_flow fl = {.dst = dst, .proto = 17};
    start(ND_IID_STABLE, false);
    advertise("2001:db8::", 7200, 3600);
    struct fix6_ra ra = {.lifetime_s = 1800};
    fix6_ra_slla(&ra, &fix_other_mac);
    fix6_rx_ra(f, "fe80::3", &ra);
    via("2001:4::1", "fe80::1");
    fix_send(f, &fl, 1); /* STALE: used, then asked, without an answer */
    fix_advance(f, 9 * NS_PER_S);
    fix_flush(f);
    via("2001:4::1", "fe80::3");
    fix_send(f, &fl, 1);
    ck_assert(mac_eq(&fix6_sent(f)->eth.dst, &fix_other_mac));
    struct nd_msg na = {.type = ICMP6_NA,
                        .target = gw,
                        .solicited = true,
                        .router = true,
                        .has_tlla = true,
                        .tlla = fix_peer_mac};
    char us[ADDR_STR_LEN];
    strcpy(us, fix6_addr(f, "fe80::", 10));
    fix_advance(f, 31 * NS_PER_S); /* asked again, beside the traffic */
    fix_flush(f);
    ck_assert_int_eq(fix6_rx_nd(f, "fe80::1", us, &na), DROP_NONE);
    via("2001:4::1", "fe80::1");
    na.router = false; /* RFC 4861 7.3.3 */
    fix6_rx_nd(f, "fe80::1", us, &na);
    via("2001:4::1", "fe80::3");
    struct ip_error e;
    while (net_error_pop(f->net, &e))
        ;
    fix_flush(f);
}
END_TEST

/* RFC 4861 6.3.4 MUST-5, MUST-6 */
START_TEST(ra_parameters)
{
    struct ust_addr dst = ip("2001:db8::1"), dst4 = ip("10.0.0.1");
    start(ND_IID_STABLE, false);
    struct fix6_ra ra = {
        .lifetime_s = 9, .hop_limit = 33, .retrans_ms = 500, .reachable_ms = 10000};
    fix6_ra_mtu(&ra, 1400);
    fix6_ra_rdnss(&ra, "2001:db8::53", 600);
    fix6_ra_rdnss(&ra, "ff02::53", 600);
    ck_assert_int_eq(fix6_rx_ra(f, "fe80::1", &ra), DROP_NONE);
    fix_advance(f, NS_PER_MS);
    ck_assert_uint_eq(f->net->nd.hop_limit, 33);
    ck_assert_uint_eq(net_link_mtu(f->net, &dst), 1400);
    ck_assert_uint_eq(net_link_mtu(f->net, &dst4), FIX_MTU);
    const struct neigh_param *p = &f->net->neigh.param[NEIGH_PARAM_IP6];
    ck_assert_uint_eq(p->retrans_ns, 500 * NS_PER_MS);
    ck_assert(p->reachable_ns >= 5 * NS_PER_S && p->reachable_ns <= 15 * NS_PER_S);
    struct net_dns dns;
    net_dns_get(f->net, &dns);
    ck_assert_uint_eq(dns.server_cnt, 1);
    ck_assert(eq(&dns.server[0], "2001:db8::53"));
    struct fix6_ra bad = {.lifetime_s = 9};
    fix6_ra_mtu(&bad, 1279);
    fix6_rx_ra(f, "fe80::1", &bad);
    ck_assert_uint_eq(net_link_mtu(f->net, &dst), 1400);
    bad.opts_len = 0;
    fix6_ra_mtu(&bad, FIX_MTU + 1);
    fix6_rx_ra(f, "fe80::1", &bad);
    ck_assert_uint_eq(net_link_mtu(f->net, &dst), 1400);
    ck_assert_uint_eq(f->net->nd.hop_limit, 33); /* 0: unspecified */
    fix_advance(f, 601 * NS_PER_S);
    net_dns_get(f->net, &dns);
    ck_assert_uint_eq(dns.server_cnt, 0);
    fix_flush(f);
}
END_TEST

START_TEST(ra_withdraws_dns)
{
    struct net_dns dns;
    start(ND_IID_STABLE, false);
    struct fix6_ra ra = {.lifetime_s = 9};
    fix6_ra_rdnss(&ra, "2001:db8::53", UINT32_MAX);
    fix6_ra_rdnss(&ra, "2001:db8::54", UINT32_MAX);
    fix6_rx_ra(f, "fe80::1", &ra);
    net_dns_get(f->net, &dns);
    ck_assert_uint_eq(dns.server_cnt, 2);
    struct fix6_ra gone = {.lifetime_s = 9};
    fix6_ra_rdnss(&gone, "2001:db8::53", 0);
    fix6_rx_ra(f, "fe80::1", &gone);
    net_dns_get(f->net, &dns);
    ck_assert_uint_eq(dns.server_cnt, 1);
    ck_assert(eq(&dns.server[0], "2001:db8::54"));
    fix_flush(f);
}
END_TEST

/* ---- SLAAC ---- */

/* RFC 4862 5.5.3 (e): what remains, what is advertised, what it becomes. */
static const struct {
    uint32_t had_s, valid_s, becomes_s;
} two_hours[] = {
    {3600, 10000, 10000}, /* more than two hours */
    {3600, 5000, 5000},   /* more than there was */
    {5000, 3600, 5000},   /* less, and under two hours: no change */
    {9000, 3600, 7200},   /* less: two hours */
    {9000, 0, 7200},      {3600, 0, 3600},
};

/* RFC 4862 5.5.3 MUST-9 */
START_TEST(slaac_two_hours)
{
    start(ND_IID_STABLE, false);
    struct fix6_ra ra = {.lifetime_s = 1800}, again = {.lifetime_s = 1800};
    fix6_ra_prefix(&ra, "2001:db8::", 64, FIX6_A, two_hours[_i].had_s, 100);
    fix6_ra_prefix(&again, "2001:db8::", 64, FIX6_A, two_hours[_i].valid_s, 0);
    fix6_rx_ra(f, "fe80::1", &ra);
    fix_advance(f, NS_PER_S + NS_PER_MS);
    char a[ADDR_STR_LEN];
    strcpy(a, fix6_addr(f, "2001:db8::", 64));
    fix6_rx_ra(f, "fe80::1", &again);
    uint32_t left = nd_remaining_s(fix6_find(f, a)->valid_ns, f->now);
    ck_assert_uint_le(left, two_hours[_i].becomes_s);
    ck_assert_uint_ge(left, two_hours[_i].becomes_s - 3);
    ck_assert_uint_eq(fix6_find(f, a)->preferred_ns, 0); /* deprecated at once */
    fix_flush(f);
}
END_TEST

/* RFC 4862 5.5.4 MUST-10 */
START_TEST(slaac_lifetimes)
{
    start(ND_IID_STABLE, false);
    advertise("2001:db8::", 200, 100);
    char a[ADDR_STR_LEN];
    strcpy(a, fix6_addr(f, "2001:db8::", 64));
    ck_assert_uint_eq(fix6_find(f, a)->plen, 64);
    fix_advance(f, 100 * NS_PER_S);
    ck_assert_uint_eq(fix6_find(f, a)->preferred_ns, 0);
    ck_assert_str_eq(fix6_addr(f, "2001:db8::", 64), a); /* in use on */
    fix_advance(f, 100 * NS_PER_S);
    ck_assert_ptr_null(fix6_find(f, a));
    ck_assert_uint_eq(f->net->addr_hi, 1);
    fix_flush(f);
}
END_TEST

static const struct {
    const char *name, *prefix;
    unsigned plen, flags;
    uint32_t valid_s, preferred_s;
    int addrs, routes; /* that it makes */
} prefix_cases[] = {
    {"both flags", "2001:db8::", 64, FIX6_L | FIX6_A, 7200, 3600, 1, 1},
    {"on-link only", "2001:db8::", 64, FIX6_L, 7200, 3600, 0, 1},
    {"autonomous only", "2001:db8::", 64, FIX6_A, 7200, 3600, 1, 0},
    {"not of 64 bits", "2001:db8::", 63, FIX6_L | FIX6_A, 7200, 3600, 0, 1},
    {"preferred beyond valid", "2001:db8::", 64, FIX6_A, 3600, 7200, 0, 0},
    {"valid 0", "2001:db8::", 64, FIX6_L | FIX6_A, 0, 0, 0, 0},
    {"link-local", "fe80::", 64, FIX6_L | FIX6_A, 7200, 3600, 0, 0},
    {"multicast", "ff02::", 64, FIX6_L | FIX6_A, 7200, 3600, 0, 0},
    {"mapped", "::ffff:0:0", 96, FIX6_L, 7200, 3600, 0, 0},
    {"everything is on-link", "::", 0, FIX6_L, 7200, 3600, 0, 0},
};

/* RFC 4862 5.5.3 MUST-8 */
START_TEST(slaac_prefixes)
{
    start(ND_IID_STABLE, false);
    struct fix6_ra ra = {0};
    fix6_ra_prefix(&ra, prefix_cases[_i].prefix, prefix_cases[_i].plen, prefix_cases[_i].flags,
                   prefix_cases[_i].valid_s, prefix_cases[_i].preferred_s);
    fix6_rx_ra(f, "fe80::1", &ra);
    ck_assert_msg((int)f->net->addr_hi == 1 + prefix_cases[_i].addrs, "%s", prefix_cases[_i].name);
    ck_assert_msg((int)f->net->route_hi == prefix_cases[_i].routes, "%s", prefix_cases[_i].name);
    fix_flush(f);
}
END_TEST

/* A thousand prefixes, routers and redirects: tables stay as they are, what was configured stays in them. */
START_TEST(flood_of_advertisements)
{
    struct ust_addr own = ip("2001:db8:ffff::2");
    start(ND_IID_STABLE, true);
    net_addr_add(f->net, f->now, &own, 64, false, false);
    struct ust_addr any = ip("::"), gw = ip("2001:db8:ffff::1");
    route_add(f->net, &any, 0, &gw, 0);
    for (int i = 0; i < 1000; i++) {
        char p[ADDR_STR_LEN], r[ADDR_STR_LEN];
        struct fix6_ra ra = {.lifetime_s = 9000, .flags = 0x08};
        snprintf(p, sizeof p, "2001:db8:%x::", i + 1);
        snprintf(r, sizeof r, "fe80::1:%x", i + 1);
        fix6_ra_prefix(&ra, p, 64, FIX6_L | FIX6_A, UINT32_MAX, UINT32_MAX);
        fix6_ra_rdnss(&ra, r, UINT32_MAX);
        fix6_ra_slla(&ra, &fix_other_mac);
        fix6_rx_ra(f, r, &ra);
        fix_flush(f);
    }
    ck_assert_uint_le(f->net->addr_hi, NET_ADDR_MAX);
    ck_assert_ptr_nonnull(net_addr_find(f->net, &own));
    via("2001:4::1", "2001:db8:ffff::1");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    fix_flush(f);
}
END_TEST

/* ---- redirects ---- */

static enum drop redirect(const char *from, const char *target, const char *dst) {
    uint8_t b[40 + 8] = {ICMP6_REDIRECT};
    struct ust_addr t = ip(target), d = ip(dst);
    memcpy(b + 8, t.b, 16);
    memcpy(b + 24, d.b, 16);
    b[40] = 2;
    b[41] = 1;
    memcpy(b + 42, fix_other_mac.b, 6);
    return fix6_rx_icmp(f, from, "2001:db8::2", 255, b, sizeof b);
}

/* RFC 4861 8.1 MUST-20; RFC 4861 8.3 SHLD-1 */
START_TEST(redirects)
{
    via("2001:4::1", "fe80::1");
    ck_assert_int_eq(redirect("fe80::66", "fe80::3", "2001:4::1"), DROP_ND_REDIRECT);
    ck_assert_int_eq(redirect("2001:db8::1", "fe80::3", "2001:4::1"), DROP_ND_REDIRECT);
    ck_assert_int_eq(redirect("fe80::1", "2001:db8::3", "2001:4::1"), DROP_ND_REDIRECT);
    ck_assert_int_eq(redirect("fe80::1", "fe80::3", "ff02::5"), DROP_ND_REDIRECT);
    ck_assert_int_eq(redirect("fe80::1", "fe80::2", "2001:4::1"), DROP_ND_REDIRECT); /* to us */
    via("2001:4::1", "fe80::1");
    ck_assert_int_eq(redirect("fe80::1", "fe80::3", "2001:4::1"), DROP_NONE);
    via("2001:4::1", "fe80::3");
    via("2001:4::2", "fe80::1");
    ck_assert(mac_eq(&fix6_neigh(f, "fe80::3")->mac, &fix_other_mac));
    ck_assert_int_eq(redirect("fe80::1", "fe80::4", "2001:4::1"), DROP_ND_REDIRECT);
    ck_assert_int_eq(redirect("fe80::3", "2001:4::1", "2001:4::1"), DROP_NONE); /* on-link */
    via("2001:4::1", "2001:4::1");
    fix_advance(f, 601 * NS_PER_S);
    via("2001:4::1", "fe80::1");
    for (int i = 0; i < 1000; i++) {
        char d[ADDR_STR_LEN];
        snprintf(d, sizeof d, "2001:5::%x", i + 1);
        ck_assert_int_eq(redirect("fe80::1", "fe80::3", d), DROP_NONE);
    }
    via("2001:4::1", "fe80::1");
    via("2001:5::3e8", "fe80::3"); /* the newest stay */
    fix_flush(f);
}
END_TEST

/* ---- MLD ---- */

static const struct sent6 *sent_mld(void) {
    const struct sent6 *o;
    do
        o = fix6_sent(f);
    while (o->any && o->is_nd);
    return o;
}
static bool is_record(const struct sent6 *o, uint8_t type, const char *group) {
    struct ust_addr g = ip(group);
    return o->any && o->router_alert && o->ip.hop_limit == 1 && o->icmp.type == ICMP6_MLD2_REPORT &&
           eq(&o->ip.dst, "ff02::16") && o->l4.len == 28 && o->l4.p[7] == 1 && o->l4.p[8] == type &&
           memcmp(o->l4.p + 12, g.b, 16) == 0;
}

START_TEST(mld_join_and_leave)
{
    struct ust_addr g = ip("ff02::fb");
    ck_assert_int_eq(net_group_join(f->net, f->now, &g), 0);
    const struct sent6 *o = sent_mld();
    ck_assert(is_record(o, MLD2_TO_EXCLUDE, "ff02::fb") && eq(&o->ip.src, "fe80::2"));
    ck_assert(!sent_mld()->any);
    fix_advance(f, NS_PER_S);
    ck_assert(is_record(sent_mld(), MLD2_TO_EXCLUDE, "ff02::fb")); /* RFC 3810 9.1 */
    fix_advance(f, 100 * NS_PER_S);
    ck_assert(!sent_mld()->any);
    ck_assert_int_eq(net_group_join(f->net, f->now, &g), 0);
    ck_assert_int_eq(net_group_leave(f->net, f->now, &g), 0);
    ck_assert(!sent_mld()->any);
    ck_assert_int_eq(net_group_leave(f->net, f->now, &g), 0);
    ck_assert(is_record(sent_mld(), MLD2_TO_INCLUDE, "ff02::fb"));
    ck_assert_int_eq(net_group_leave(f->net, f->now, &g), -EADDRNOTAVAIL);
}
END_TEST

static enum drop query(const char *src, uint8_t hops, const char *group, bool v2) {
    uint8_t b[28] = {ICMP6_MLD_QUERY, 0, 0, 0, 0x03, 0xe8}; /* within a second */
    struct ust_addr g = ip(group);
    memcpy(b + 8, g.b, 16);
    b[24] = 2;
    b[25] = 125;
    return fix6_rx_icmp(f, src, "ff02::1", hops, b, v2 ? 28 : 24);
}

START_TEST(mld_queries)
{
    struct ust_addr g = ip("ff02::fb");
    net_group_join(f->net, f->now, &g);
    fix_advance(f, 10 * NS_PER_S);
    fix_flush(f);
    ck_assert_int_eq(query("2001:db8::1", 1, "::", true), DROP_MLD_SOURCE);
    ck_assert_int_eq(query("fe80::1", 2, "::", true), DROP_MLD_SOURCE);
    ck_assert_int_eq(query("fe80::1", 1, "::", true), DROP_NONE);
    fix_advance(f, 1100 * NS_PER_MS);
    const struct sent6 *o = sent_mld(); /* all groups in one report */
    ck_assert(o->any && o->icmp.type == ICMP6_MLD2_REPORT && o->l4.p[7] == 2 && o->l4.len == 48);
    ck_assert(!sent_mld()->any);
    ck_assert_int_eq(query("fe80::1", 1, "ff02::fb", true), DROP_NONE);
    fix_advance(f, 1100 * NS_PER_MS);
    ck_assert(is_record(sent_mld(), MLD2_IS_EXCLUDE, "ff02::fb"));
    ck_assert(!sent_mld()->any);
    ck_assert_int_eq(query("fe80::1", 1, "ff02::fc", true), DROP_NONE);
    fix_advance(f, 20 * NS_PER_S);
    ck_assert(!sent_mld()->any);
}
END_TEST

/* RFC 3810 8.2.1: an older querier is answered in its language, for a while. */
START_TEST(mld_version_1)
{
    struct ust_addr g = ip("ff02::fb");
    ck_assert_int_eq(query("fe80::1", 1, "::", false), DROP_NONE);
    fix_advance(f, 1100 * NS_PER_MS);
    const struct sent6 *o = sent_mld();
    ck_assert(o->any && o->icmp.type == ICMP6_MLD_REPORT && o->router_alert);
    ck_assert(eq(&o->ip.dst, "ff02::1:ff00:2"));
    net_group_join(f->net, f->now, &g);
    o = sent_mld();
    ck_assert(o->icmp.type == ICMP6_MLD_REPORT && eq(&o->ip.dst, "ff02::fb"));
    fix_advance(f, 11 * NS_PER_S);
    fix_flush(f);
    ck_assert_int_eq(query("fe80::1", 1, "ff02::fb", false), DROP_NONE);
    uint8_t report[24] = {ICMP6_MLD_REPORT};
    memcpy(report + 8, g.b, 16);
    ck_assert_int_eq(fix6_rx_icmp(f, "fe80::7", "ff02::fb", 1, report, 24), DROP_MLD_TYPE);
    fix_advance(f, 1100 * NS_PER_MS);
    ck_assert(!sent_mld()->any); /* another has answered */
    net_group_leave(f->net, f->now, &g);
    o = sent_mld();
    ck_assert(o->icmp.type == ICMP6_MLD_DONE && eq(&o->ip.dst, "ff02::2"));
    fix_advance(f, 260 * NS_PER_S);
    net_group_join(f->net, f->now, &g);
    ck_assert(is_record(sent_mld(), MLD2_TO_EXCLUDE, "ff02::fb"));
    fix_advance(f, 10 * NS_PER_S);
    fix_flush(f);
}
END_TEST

/* Before there is an address the source is :: (RFC 3590); all-nodes is never reported. */
START_TEST(mld_at_start)
{
    start(ND_IID_STABLE, false);
    const struct sent6 *o = sent_mld();
    ck_assert(o->any && eq(&o->ip.src, "::") && o->l4.p[8] == MLD2_TO_EXCLUDE &&
              o->l4.p[24] == 0xff);
    struct ust_addr all = ip("ff02::1"), inner = ip("ff01::5");
    fix_advance(f, 10 * NS_PER_S);
    fix_flush(f);
    net_group_join(f->net, f->now, &all);
    net_group_join(f->net, f->now, &inner);
    ck_assert(!sent_mld()->any);
    net_group_leave(f->net, f->now, &all);
    net_group_leave(f->net, f->now, &inner);
    ck_assert(!sent_mld()->any);
    fix_advance(f, 10 * NS_PER_S);
    fix_flush(f);
}
END_TEST

int main(void) {
    Suite *s = suite_create("nd");
    TCase *t = tcase_create("neighbours");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, ns_table, 0, (int)UST_ARRAY_CNT(ns_cases));
    tcase_add_test(t, ns_without_an_address_is_resolved_first);
    tcase_add_test(t, bad_messages);
    tcase_add_loop_test(t, na_table, 0, (int)UST_ARRAY_CNT(na_cases));
    tcase_add_test(t, nud);
    tcase_add_test(t, redirects);
    tcase_add_test(t, mld_join_and_leave);
    tcase_add_test(t, mld_queries);
    tcase_add_test(t, mld_version_1);
    suite_add_tcase(s, t);
    t = tcase_create("addresses");
    tcase_add_checked_fixture(t, setup_bare, teardown);
    tcase_add_test(t, dad_passes);
    tcase_add_loop_test(t, dad_conflict, 0, 3);
    tcase_add_test(t, dad_is_not_answered_for);
    tcase_add_test(t, dad_looped_probe);
    tcase_add_test(t, iid_eui64);
    tcase_add_test(t, iid_stable);
    tcase_add_test(t, iid_stable_duplicate);
    tcase_add_test(t, iid_temporary);
    tcase_add_test(t, rs_until_answered);
    tcase_add_test(t, ra_is_believed_or_not);
    tcase_add_test(t, ra_router_lifetime);
    tcase_add_test(t, ra_preference_and_routes);
    tcase_add_test(t, ra_second_router);
    tcase_add_test(t, ra_parameters);
    tcase_add_test(t, ra_withdraws_dns);
    tcase_add_loop_test(t, slaac_two_hours, 0, (int)UST_ARRAY_CNT(two_hours));
    tcase_add_test(t, slaac_lifetimes);
    tcase_add_loop_test(t, slaac_prefixes, 0, (int)UST_ARRAY_CNT(prefix_cases));
    tcase_add_test(t, flood_of_advertisements);
    tcase_add_test(t, mld_at_start);
    suite_add_tcase(s, t);
    return run_suite(s);
}
