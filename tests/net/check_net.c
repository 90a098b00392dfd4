/* SPDX-License-Identifier: ISC */
/* The interface: addresses, routes, groups, what the Ethernet filter takes, path MTU, IGMP (RFC 2236). */
#include "net/netfix.h"

#include "wire/igmp.h"

static struct netfix *f;

static void setup(void) { f = netfix_bare(FIX_MTU, LINK_F_CSUM, 0); }
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

static int add(const char *a, unsigned plen) {
    struct ust_addr x = ip(a);
    return net_addr_add(f->net, f->now, &x, (uint8_t)(96 + plen), false, false);
}
static int route(const char *prefix, unsigned plen, const char *gw, uint32_t metric) {
    struct ust_addr p = ip(prefix), g = ip(gw);
    return route_add(f->net, &p, (uint8_t)(96 + plen), &g, metric);
}
static int find(const char *dst, struct net_path *p) {
    struct ust_addr d = ip(dst);
    return net_route(f->net, &d, NULL, p);
}
static void goes_to(const char *dst, const char *hop, const char *src) {
    struct net_path p;
    struct ust_addr h = ip(hop), s = ip(src);
    ck_assert_int_eq(find(dst, &p), 0);
    char b[ADDR_STR_LEN], c[ADDR_STR_LEN];
    ck_assert_msg(addr_eq(&p.next_hop, &h), "%s goes to %s", dst, addr_str(&p.next_hop, b));
    ck_assert_msg(addr_eq(&p.src, &s), "%s from %s", dst, addr_str(&p.src, c));
}
static bool local(const char *a) {
    struct ust_addr x = ip(a);
    return net_is_local(f->net, &x);
}
static bool broadcast(const char *a) {
    struct ust_addr x = ip(a);
    return net_is_broadcast(f->net, &x);
}

/* ---- addresses ---- */

static const struct {
    const char *addr;
    unsigned plen;
    int result;
} addr_cases[] = {
    {"10.0.0.2", 24, 0},
    {"10.0.0.0", 24, -EINVAL},
    {"10.0.0.255", 24, -EINVAL},
    {"10.0.0.255", 16, 0},
    {"10.0.0.0", 31, 0},
    {"10.0.0.1", 31, 0},
    {"10.0.0.5", 32, 0},
    {"224.0.0.1", 24, -EINVAL},
    {"255.255.255.255", 32, -EINVAL},
    {"0.0.0.0", 24, -EINVAL},
    {"0.1.2.3", 8, -EINVAL},
    {"240.0.0.1", 8, -EINVAL},
    {"2001:db8::1", 32 - 96u, 0},
    {"2001:db8::", 32 - 96u, -EINVAL},
    {"::", 32 - 96u, -EINVAL},
    {"ff02::1", 32 - 96u, -EINVAL},
    {"::1", 32, -EINVAL},
    {"2001:db8::", 31, 0},
    {"10.0.0.2", 33, -EINVAL},
};

START_TEST(addr_table)
{
    ck_assert_msg(add(addr_cases[_i].addr, addr_cases[_i].plen) == addr_cases[_i].result, "%s/%u",
                  addr_cases[_i].addr, addr_cases[_i].plen);
    ck_assert(local(addr_cases[_i].addr) == (addr_cases[_i].result == 0) ||
              strncmp(addr_cases[_i].addr, "2", 1) == 0);
}
END_TEST

START_TEST(addr_life)
{
    struct ust_addr a = ip("10.0.0.2");
    uint32_t gen = f->net->group_gen;
    ck_assert_int_eq(add("10.0.0.2", 24), 0);
    ck_assert_uint_ne(f->net->group_gen, gen);
    ck_assert_int_eq(add("10.0.0.2", 24), -EEXIST);
    ck_assert(local("10.0.0.2") && broadcast("10.0.0.255") && !broadcast("10.0.0.254"));
    ck_assert(local("255.255.255.255") && local("224.0.0.1") && !local("127.0.0.1"));
    ck_assert_int_eq(net_addr_del(f->net, f->now, &a), 0);
    ck_assert_int_eq(net_addr_del(f->net, f->now, &a), -ENOENT);
    ck_assert(!local("10.0.0.2") && !broadcast("10.0.0.255"));
    for (int i = 0; i < NET_ADDR_MAX; i++) {
        char s[32] = "10.0.0.10";
        s[7] = (char)('1' + i / 10);
        s[8] = (char)('0' + i % 10);
        ck_assert_int_eq(add(s, 24), 0);
    }
    ck_assert_int_eq(add("10.0.0.99", 24), -ENOSPC);
}
END_TEST

START_TEST(narrow_subnets_have_no_broadcast)
{
    add("10.0.0.4", 31);
    add("10.0.1.5", 32);
    ck_assert(!broadcast("10.0.0.5") && !broadcast("10.0.1.5"));
    add("10.0.2.1", 30);
    ck_assert(broadcast("10.0.2.3"));
}
END_TEST

/* ---- routes ---- */

START_TEST(longest_prefix_then_metric)
{
    add("10.0.0.2", 24);
    add("10.0.1.2", 24);
    ck_assert_int_eq(route("0.0.0.0", 0, "10.0.0.1", 10), 0);
    ck_assert_int_eq(route("0.0.0.0", 0, "10.0.1.1", 5), 0);
    ck_assert_int_eq(route("172.16.0.0", 12, "10.0.0.3", 0), 0);
    ck_assert_int_eq(route("172.16.5.0", 24, "10.0.0.4", 100), 0);
    ck_assert_int_eq(route("10.0.0.128", 25, "10.0.0.5", 0), 0);
    ck_assert_int_eq(route("192.0.2.0", 24, "0.0.0.0", 0), 0);
    ck_assert_int_eq(route("192.0.2.0", 24, "0.0.0.0", 0), -EEXIST);
    ck_assert_int_eq(route("0.0.0.0", 0, "224.0.0.1", 0), -EINVAL);
    goes_to("8.8.8.8", "10.0.1.1", "10.0.1.2");
    goes_to("172.16.1.1", "10.0.0.3", "10.0.0.2");
    goes_to("172.16.5.1", "10.0.0.4", "10.0.0.2");
    goes_to("10.0.0.7", "10.0.0.7", "10.0.0.2");
    goes_to("10.0.0.200", "10.0.0.5", "10.0.0.2"); /* more specific than our subnet */
    goes_to("10.0.1.7", "10.0.1.7", "10.0.1.2");
    goes_to("192.0.2.7", "192.0.2.7", "10.0.0.2"); /* on link without an address there */
}
END_TEST

START_TEST(several_gateways_first_that_lives)
{
    struct ust_addr gw = ip("10.0.0.1");
    enum neigh_action act;
    add("10.0.0.2", 24);
    route("0.0.0.0", 0, "10.0.0.1", 0);
    route("0.0.0.0", 0, "10.0.0.3", 0);
    goes_to("8.8.8.8", "10.0.0.1", "10.0.0.2");
    neigh_use(&f->net->neigh, f->now, &gw, &act);
    fix_advance(f, 3 * NS_PER_S + NS_PER_MS);
    goes_to("8.8.8.8", "10.0.0.3", "10.0.0.2");
    fix_flush(f);
    fix_advance(f, 25 * NS_PER_S);
    goes_to("8.8.8.8", "10.0.0.3", "10.0.0.2");
    ck_assert(!fix_sent(f)->any);
    fix_advance(f, 5 * NS_PER_S); /* asked again, beside the traffic */
    ck_assert(fix_sent(f)->is_arp && addr_eq(&f->out.arp.tpa, &gw));
    goes_to("8.8.8.8", "10.0.0.3", "10.0.0.2");
    fix_rx_arp(f, ARP_OP_REPLY, &fix_peer_mac, "10.0.0.1", &fix_mac, "10.0.0.2", &fix_mac);
    goes_to("8.8.8.8", "10.0.0.1", "10.0.0.2");
    fix_flush(f);
}
END_TEST

START_TEST(what_has_no_route)
{
    struct net_path p;
    ck_assert_int_eq(find("8.8.8.8", &p), -ENETUNREACH);
    ck_assert_int_eq(find("127.0.0.1", &p), -ENETUNREACH);
    ck_assert_int_eq(find("2001:db8::1", &p), -ENETUNREACH);
    ck_assert_int_eq(find("0.0.0.0", &p), -ENETUNREACH);
    route("0.0.0.0", 0, "10.0.0.1", 0);
    ck_assert_int_eq(find("8.8.8.8", &p), -EHOSTUNREACH); /* a route, but no address */
    ck_assert_int_eq(find("255.255.255.255", &p), 0);     /* DHCP may */
    ck_assert(p.broadcast && addr_is_any(&p.src));
}
END_TEST

START_TEST(ourselves)
{
    struct net_path p;
    struct ust_addr src = ip("10.0.0.9"), dst = ip("10.0.0.2");
    add("10.0.0.2", 24);
    add("10.0.0.9", 24);
    ck_assert_int_eq(find("10.0.0.2", &p), 0);
    ck_assert(p.loop && p.mtu == 65535 && addr_eq(&p.src, &dst));
    ck_assert_int_eq(net_route(f->net, &dst, &src, &p), 0);
    ck_assert(addr_eq(&p.src, &src));
    f->net->loopback_here = true;
    ck_assert_int_eq(find("127.9.9.9", &p), 0);
    ck_assert(p.loop && local("127.1.2.3"));
}
END_TEST

START_TEST(routes_are_bounded_and_deleted)
{
    struct ust_addr p = ip("172.16.0.0"), g = ip("10.0.0.1");
    for (uint32_t i = 0; i < NET_ROUTE_MAX; i++)
        ck_assert_int_eq(route("172.16.0.0", 16, "10.0.0.1", i) ? -1 : 0, i ? -1 : 0);
    for (uint32_t i = 1; i < NET_ROUTE_MAX; i++) {
        struct ust_addr gi = addr_from_ip4(0x0a000001 + i);
        ck_assert_int_eq(route_add(f->net, &p, 112, &gi, 0), 0);
    }
    ck_assert_int_eq(route("0.0.0.0", 0, "10.0.0.1", 0), -ENOSPC);
    ck_assert_int_eq(route_del(f->net, &p, 112, &g), 0);
    ck_assert_int_eq(route_del(f->net, &p, 112, &g), -ENOENT);
    ck_assert_int_eq(route("0.0.0.0", 0, "10.0.0.1", 0), 0);
}
END_TEST

/* ---- path MTU ---- */

START_TEST(pmtu_ages)
{
    struct ust_addr d = ip("8.8.8.8");
    add("10.0.0.2", 24);
    route("0.0.0.0", 0, "10.0.0.1", 0);
    pmtu_set(&f->net->pmtu, f->now, &d, 1400, false);
    ck_assert_uint_eq(net_mtu(f->net, &d), 1400);
    pmtu_set(&f->net->pmtu, f->now, &d, 1450, false); /* never raised */
    ck_assert_uint_eq(net_mtu(f->net, &d), 1400);
    fix_advance(f, 590 * NS_PER_S);
    ck_assert_uint_eq(net_mtu(f->net, &d), 1400);
    fix_advance(f, 11 * NS_PER_S);
    ck_assert_uint_eq(net_mtu(f->net, &d), 1500);
    ck_assert_uint_eq(f->net->pmtu.cnt, 0);
}
END_TEST

START_TEST(pmtu_below_the_minimum_by_the_link_itself)
{
    struct ust_addr d = ip("8.8.8.8");
    bool locked = true;
    ck_assert_uint_eq(pmtu_judge(&f->net->pmtu, &d, 510, 1500, 500, &locked), 500);
    ck_assert(!locked);
    ck_assert_uint_eq(pmtu_judge(&f->net->pmtu, &d, 400, 1500, 500, &locked), 500);
    ck_assert(locked);
}
END_TEST

START_TEST(pmtu_is_bounded)
{
    struct ust_addr d;
    add("10.0.0.2", 24);
    route("0.0.0.0", 0, "10.0.0.1", 0);
    for (uint32_t i = 0; i < PMTU_MAX + 100; i++) {
        d = addr_from_ip4(0x08000000 + i);
        pmtu_set(&f->net->pmtu, f->now, &d, 1400, false);
    }
    ck_assert_uint_eq(f->net->pmtu.cnt, PMTU_MAX);
    ck_assert_uint_eq(net_mtu(f->net, &d), 1400);
    d = addr_from_ip4(0x08000000);
    ck_assert_uint_eq(net_mtu(f->net, &d), 1500); /* the oldest went */
    wheel_init(&f->c->wheel, f->now);
    net_rebuild(f->net);
    ck_assert_uint_eq(f->net->pmtu.cnt, PMTU_MAX);
    fix_advance(f, 601 * NS_PER_S);
    ck_assert_uint_eq(f->net->pmtu.cnt, 0);
}
END_TEST

/* ---- groups ---- */

static int join(const char *g) {
    struct ust_addr a = ip(g);
    return net_group_join(f->net, f->now, &a);
}
static int leave(const char *g) {
    struct ust_addr a = ip(g);
    return net_group_leave(f->net, f->now, &a);
}
static enum drop eth_to(struct ust_mac dst) {
    struct eth_hdr h = {.dst = dst, .src = fix_peer_mac};
    return net_rx_eth(f->net, &h);
}
START_TEST(ethernet_filter)
{
    ck_assert_int_eq(eth_to(fix_mac), DROP_NONE);
    ck_assert_int_eq(eth_to(fix_bcast_mac), DROP_NONE);
    ck_assert_int_eq(eth_to(fix_other_mac), DROP_ETH_NOT_US);
    ck_assert_int_eq(eth_to((struct ust_mac){{1, 0, 0x5e, 0, 0, 1}}), DROP_NONE);
    ck_assert_int_eq(eth_to((struct ust_mac){{1, 0, 0x5e, 1, 2, 3}}), DROP_ETH_NOT_US);
    join("239.1.2.3");
    ck_assert_int_eq(eth_to((struct ust_mac){{1, 0, 0x5e, 1, 2, 3}}), DROP_NONE);
    ck_assert_int_eq(eth_to((struct ust_mac){{0x33, 0x33, 0, 1, 2, 3}}), DROP_ETH_NOT_US);
    leave("239.1.2.3");
    ck_assert_int_eq(eth_to((struct ust_mac){{1, 0, 0x5e, 1, 2, 3}}), DROP_ETH_NOT_US);
    struct eth_hdr own = {.dst = fix_bcast_mac, .src = fix_mac};
    ck_assert_int_eq(net_rx_eth(f->net, &own), DROP_ETH_OWN_FRAME);
}
END_TEST

START_TEST(groups_are_counted)
{
    uint32_t gen = f->net->group_gen;
    ck_assert_int_eq(join("10.0.0.1"), -EINVAL);
    ck_assert_int_eq(leave("239.1.2.3"), -EADDRNOTAVAIL);
    ck_assert_int_eq(join("239.1.2.3"), 0);
    ck_assert_uint_ne(f->net->group_gen, gen);
    gen = f->net->group_gen;
    ck_assert_int_eq(join("239.1.2.3"), 0);
    ck_assert_uint_eq(f->net->group_gen, gen);
    ck_assert(local("239.1.2.3"));
    ck_assert_int_eq(leave("239.1.2.3"), 0);
    ck_assert(local("239.1.2.3"));
    ck_assert_int_eq(leave("239.1.2.3"), 0);
    ck_assert(!local("239.1.2.3"));
    for (uint32_t i = 0; i < NET_GROUP_MAX; i++) {
        struct ust_addr g = addr_from_ip4(0xef000000 + i);
        ck_assert_int_eq(net_group_join(f->net, f->now, &g), 0);
    }
    ck_assert_int_eq(join("239.1.2.3"), -ENOBUFS);
}
END_TEST

int main(void) {
    Suite *s = suite_create("net");
    TCase *t = tcase_create("net");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, addr_table, 0, (int)UST_ARRAY_CNT(addr_cases));
    tcase_add_test(t, addr_life);
    tcase_add_test(t, narrow_subnets_have_no_broadcast);
    tcase_add_test(t, longest_prefix_then_metric);
    tcase_add_test(t, several_gateways_first_that_lives);
    tcase_add_test(t, what_has_no_route);
    tcase_add_test(t, ourselves);
    tcase_add_test(t, routes_are_bounded_and_deleted);
    tcase_add_test(t, pmtu_ages);
    tcase_add_test(t, pmtu_below_the_minimum_by_the_link_itself);
    tcase_add_test(t, pmtu_is_bounded);
    tcase_add_test(t, ethernet_filter);
    tcase_add_test(t, groups_are_counted);
    suite_add_tcase(s, t);
    return run_suite(s);
}
