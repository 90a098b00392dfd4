/* SPDX-License-Identifier: ISC */
/* The DHCP client against a server played by hand, on the virtual clock: RFC 2131, RFC 3442, RFC 4361, RFC 5227 (conflicts). */
#include "net/netfix.h"
#include "wire/dhcp4_tools.h"

#define SERVER 0x0a000001u /* 10.0.0.1 */
#define LEASED 0x0a000005u /* 10.0.0.5 */
#define LEASE_S 3600

static struct netfix *f;
static struct dhcp4_msg out; /* the client's last message */
static struct ust_addr out_src, out_dst;
static struct dhcp_bytes reply;

static void setup(void) { f = netfix_bare(FIX_MTU, LINK_F_CSUM, 0); }
static void teardown(void) { netfix_free(f); }

static struct dhcp4 *dhcp(void) { return &f->net->dhcp4; }
static bool addr_is(const struct ust_addr *a, uint32_t v) {
    return addr_is_ip4(a) && addr_ip4(a) == v;
}
static bool is_ours(uint32_t v) {
    struct ust_addr a = addr_from_ip4(v);
    return net_addr_find(f->net, &a) != NULL;
}
/* Next hop towards v, or 0. */
static uint32_t hop(uint32_t v) {
    struct ust_addr a = addr_from_ip4(v);
    struct net_path p;
    return net_route(f->net, &a, NULL, &p) == 0 ? addr_ip4(&p.next_hop) : 0;
}

/* The next DHCP message that the client sent, in `out`; false: none. ARP is passed over. */
static bool sent(void) {
    const struct sent *o;
    while ((o = fix_sent(f))->any) {
        struct udp_hdr h;
        struct ust_slice body;
        if (!o->is_ip4)
            continue;
        ck_assert_uint_eq(o->ip.proto, IP_PROTO_UDP);
        ck_assert_int_eq(udp_parse(o->l4, &o->ip.src, &o->ip.dst, false, &h, &body), DROP_NONE);
        ck_assert(h.sport == DHCP4_CLIENT_PORT && h.dport == DHCP4_SERVER_PORT);
        ck_assert_int_eq(dhcp4_parse(body, &out), DROP_NONE);
        ck_assert(!out.reply && mac_eq(&out.chaddr, &fix_mac));
        ck_assert(out.client_id_len == 15 && out.client_id[0] == 255); /* RFC 4361 */
        out_src = o->ip.src;
        out_dst = o->ip.dst;
        if (addr_is_limited_broadcast(&out_dst))
            ck_assert(mac_eq(&o->eth.dst, &fix_bcast_mac));
        return true;
    }
    return false;
}
static bool sent_type(enum dhcp4_type t) { return sent() && out.type == t; }

/* Lets time pass until a message leaves, at most ns. */
static bool sent_within(uint64_t ns) {
    uint64_t end = f->now + ns;
    while (!sent()) {
        if (f->now >= end)
            return false;
        fix_advance(f, UST_MIN(100 * NS_PER_MS, end - f->now));
    }
    return true;
}

/* ---- the server ---- */

static void answer(enum dhcp4_type t, uint32_t yiaddr) {
    dhcp_begin(&reply, out.xid, yiaddr, &fix_mac);
    dhcp_opt8(&reply, 53, (uint8_t)t);
    dhcp_opt32(&reply, 54, SERVER);
}
/* What a plain server says about its lease. */
static void lease_options(uint32_t lease_s) {
    dhcp_opt32(&reply, 51, lease_s);
    dhcp_opt32(&reply, 1, 0xffffff00);
    dhcp_opt32(&reply, 3, SERVER);
    dhcp_opt32(&reply, 6, 0x0a000007);
    dhcp_opt(&reply, 15, "example.org", 11);
}
/* `reply` arrives, to dst; what came of it. */
static enum drop deliver_to(const char *dst) {
    uint8_t b[UDP_HDR_LEN + DHCP_BYTES];
    struct ust_addr s = addr_from_ip4(SERVER), d = ip(dst);
    struct ust_slice body = slice_of(reply.b, reply.len);
    struct udp_hdr h = {67, 68, (uint16_t)(UDP_HDR_LEN + reply.len)};
    udp_emit(&h, &s, &d, &body, 1, b);
    memcpy(b + UDP_HDR_LEN, reply.b, reply.len);
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = dst,
                       .proto = IP_PROTO_UDP,
                       .ttl = 64,
                       .payload = slice_of(b, UDP_HDR_LEN + reply.len),
                       .eth_dst = addr_is_limited_broadcast(&d) ? &fix_bcast_mac : &fix_mac};
    enum drop r = fix_rx_ip(f, &p);
    if (r != DROP_NONE)
        return r;
    if (!dhcp4_takes(f->net, &f->rx))
        return DROP_COUNT;
    r = dhcp4_rx(f->net, f->now, &f->rx);
    fix_advance(f, 0);
    must_hold(net_check(f->net));
    return r;
}
static enum drop deliver(void) { return deliver_to("255.255.255.255"); }

static void begin(void) {
    dhcp4_start(f->net, f->now, 7, false);
    ck_assert(sent_type(DHCP4_DISCOVER));
}
static void offer(void) {
    answer(DHCP4_OFFER, LEASED);
    lease_options(LEASE_S);
    ck_assert_int_eq(deliver(), DROP_NONE);
    ck_assert(sent_type(DHCP4_REQUEST));
}
static void ack(uint32_t lease_s) {
    answer(DHCP4_ACK, LEASED);
    lease_options(lease_s);
    ck_assert_int_eq(deliver(), DROP_NONE);
}
static void bind_lease(void) {
    begin();
    offer();
    ack(LEASE_S);
    ck_assert_uint_eq(dhcp()->state, DHCP4S_BOUND);
    fix_advance(f, 20 * NS_PER_S); /* probed and announced */
    struct ust_addr server = addr_from_ip4(SERVER);
    neigh_pin(&f->net->neigh, f->now, &server, &fix_peer_mac);
    fix_flush(f);
}

/* ---- to a lease ---- */

START_TEST(discover_to_bound)
{
    begin();
    uint32_t xid = out.xid;
    ck_assert(addr_is(&out_src, 0) && addr_is_limited_broadcast(&out_dst));
    ck_assert(addr_is_any(&out.ciaddr) && addr_is_any(&out.server_id));
    answer(DHCP4_OFFER, LEASED);
    ck_assert_int_eq(deliver(), DROP_NONE);
    ck_assert(sent_type(DHCP4_REQUEST)); /* RFC 2131 4.3.2 */
    ck_assert_uint_eq(out.xid, xid);
    ck_assert(addr_is(&out.requested, LEASED) && addr_is(&out.server_id, SERVER));
    ck_assert(addr_is_any(&out.ciaddr) && addr_is(&out_src, 0));
    ck_assert(!is_ours(LEASED));
    ack(LEASE_S);
    ck_assert(is_ours(LEASED));
    ck_assert_uint_eq(hop(0x08080808), SERVER);
    ck_assert_uint_eq(hop(0x0a000009), 0x0a000009);
    struct net_dns dns;
    net_dns_get(f->net, &dns);
    ck_assert(dns.server_cnt == 1 && addr_is(&dns.server[0], 0x0a000007));
    ck_assert_str_eq(dns.domain, "example.org");
    ck_assert(!sent());
}
END_TEST

START_TEST(answers_by_unicast_before_we_have_the_address)
{
    begin();
    answer(DHCP4_OFFER, LEASED);
    ck_assert_int_eq(deliver_to("10.0.0.5"), DROP_NONE);
    ck_assert(sent_type(DHCP4_REQUEST));
    answer(DHCP4_ACK, LEASED);
    lease_options(LEASE_S);
    ck_assert_int_eq(deliver_to("10.0.0.5"), DROP_NONE);
    ck_assert(is_ours(LEASED));
}
END_TEST

/* RFC 2131 4.1: exponential up to 64 s, randomized; every other one asks for broadcast. */
START_TEST(discover_is_repeated)
{
    uint64_t base = NS_PER_S, last;
    begin();
    last = f->now;
    for (int i = 0; i < 9; i++) {
        uint32_t xid = out.xid;
        ck_assert(sent_within(100 * NS_PER_S));
        ck_assert_uint_eq(out.type, DHCP4_DISCOVER);
        ck_assert_uint_eq(out.xid, xid);
        ck_assert(out.broadcast == (i % 2 == 0));
        uint64_t gap = f->now - last;
        ck_assert_uint_ge(gap, base * 3 / 4);
        ck_assert_uint_le(gap, base * 5 / 4 + 200 * NS_PER_MS);
        base = UST_MIN(base * 2, 64 * NS_PER_S);
        last = f->now;
    }
    ck_assert_uint_gt(out.secs, 60);
}
END_TEST

START_TEST(request_is_repeated_then_given_up)
{
    begin();
    offer();
    uint32_t xid = out.xid;
    for (int i = 1; i < 5; i++) {
        ck_assert(sent_within(64 * NS_PER_S));
        ck_assert(out.type == DHCP4_REQUEST && out.xid == xid);
    }
    ck_assert(sent_within(64 * NS_PER_S));
    ck_assert_uint_eq(out.type, DHCP4_DISCOVER);
    ck_assert_uint_ne(out.xid, xid);
}
END_TEST

START_TEST(a_nak_begins_again)
{
    begin();
    offer();
    answer(DHCP4_NAK, 0);
    ck_assert_int_eq(deliver(), DROP_NONE);
    ck_assert(sent_type(DHCP4_DISCOVER));
    offer();
    answer(DHCP4_NAK, 0);
    ck_assert_int_eq(deliver(), DROP_NONE);
    ck_assert(!sent()); /* the second in a row: not at once */
    ck_assert(sent_within(4 * NS_PER_S));
    ck_assert_uint_eq(out.type, DHCP4_DISCOVER);
}
END_TEST

/* ---- what is no answer ---- */

static void wrong_xid(void) { reply.b[7] ^= 1; }
static void wrong_mac(void) { reply.b[33] ^= 1; }
static void a_request(void) { reply.b[0] = 1; }
static void other_client(void) { dhcp_opt(&reply, 61, "\1\2\3\4\5\6\7", 7); }
static void same_client(void) { dhcp_opt(&reply, 61, out.client_id, out.client_id_len); }
static void no_address(void) { memset(reply.b + 16, 0, 4); }
static void group_address(void) { reply.b[16] = 224; }
static void broadcast_address(void) {
    reply.b[19] = 255;
    dhcp_opt32(&reply, 1, 0xffffff00);
}
static void no_server(void) { memset(reply.b + 243, 0, 6); }
static void an_inform(void) { reply.b[242] = DHCP4_INFORM; }
static void an_ack(void) { reply.b[242] = DHCP4_ACK; }
static void a_nak(void) { reply.b[242] = DHCP4_NAK; }
static void nothing(void) {}

static const struct refusal {
    const char *name;
    void (*spoil)(void);
    enum drop drop;
} offers[] = {
    {"a good one", nothing, DROP_NONE},
    {"our client identifier", same_client, DROP_NONE},
    {"another transaction", wrong_xid, DROP_DHCP_XID},
    {"another machine's", wrong_mac, DROP_DHCP_XID},
    {"a client's message", a_request, DROP_DHCP_XID},
    {"another client's of our machine", other_client, DROP_DHCP_CLIENT_ID},
    {"without address", no_address, DROP_DHCP_OFFER},
    {"a group", group_address, DROP_DHCP_OFFER},
    {"the broadcast address", broadcast_address, DROP_DHCP_OFFER},
    {"without server", no_server, DROP_DHCP_OFFER},
    {"of a type that no server sends", an_inform, DROP_DHCP_TYPE},
    {"an ACK before the request", an_ack, DROP_DHCP_ACK_LATE},
    {"a NAK before the request", a_nak, DROP_DHCP_NAK_LATE},
};
START_TEST(offer_is_judged)
{
    const struct refusal *c = &offers[_i];
    begin();
    answer(DHCP4_OFFER, LEASED);
    c->spoil();
    enum drop d = deliver();
    ck_assert_msg(d == c->drop, "%s: %s", c->name, drop_name(d));
    ck_assert(sent() == (c->drop == DROP_NONE));
}
END_TEST

static void other_server(void) { reply.b[248] = 9; }
static void other_server_nak(void) {
    other_server();
    a_nak();
}
static void no_time(void) {
    reply.len = 249; /* type and server only */
    dhcp_end(&reply);
}
static void time_zero(void) {
    no_time();
    reply.len--;
    dhcp_opt32(&reply, 51, 0);
}
static void an_offer(void) { reply.b[242] = DHCP4_OFFER; }
static const struct refusal acks[] = {
    {"a good one", nothing, DROP_NONE},
    {"another transaction", wrong_xid, DROP_DHCP_XID},
    {"of another server", other_server, DROP_DHCP_SERVER},
    {"NAK of another server", other_server_nak, DROP_DHCP_NAK_SERVER},
    {"without lease time", no_time, DROP_DHCP_LEASE},
    {"a lease of no time", time_zero, DROP_DHCP_LEASE},
    {"without address", no_address, DROP_DHCP_LEASE},
    {"a second offer", an_offer, DROP_DHCP_UNEXPECTED},
};
START_TEST(ack_is_judged)
{
    const struct refusal *c = &acks[_i];
    begin();
    offer();
    answer(DHCP4_ACK, LEASED);
    lease_options(LEASE_S);
    c->spoil();
    enum drop d = deliver();
    ck_assert_msg(d == c->drop, "%s: %s", c->name, drop_name(d));
    ck_assert(is_ours(LEASED) == (c->drop == DROP_NONE));
}
END_TEST

START_TEST(only_its_port_and_only_when_it_runs)
{
    answer(DHCP4_OFFER, LEASED);
    ck_assert_int_eq(deliver(), DROP_COUNT); /* OFF: for sockets */
    begin();
    answer(DHCP4_OFFER, LEASED);
    ck_assert_int_eq(deliver_to("224.0.0.1"), DROP_COUNT);
    reply.len = 100;
    ck_assert_int_eq(deliver(), DROP_DHCP_SHORT);
}
END_TEST

/* Every message cut everywhere: refused or taken, never more. */
START_TEST(every_truncation)
{
    begin();
    answer(DHCP4_OFFER, LEASED);
    lease_options(LEASE_S);
    size_t len = reply.len;
    for (reply.len = 0; reply.len < len && dhcp()->state == DHCP4S_SELECTING; reply.len++)
        ck_assert_int_ne(deliver(), DROP_COUNT);
}
END_TEST

/* ---- to keep a lease ---- */

START_TEST(renews_at_t1_by_unicast)
{
    bind_lease();
    uint64_t bound = dhcp()->lease.from_ns;
    ck_assert(sent_within(LEASE_S * NS_PER_S));
    uint64_t at = (f->now - bound) / NS_PER_S;
    ck_assert(at >= LEASE_S / 2 && at <= LEASE_S / 2 + 2);
    ck_assert(out.type == DHCP4_REQUEST && addr_is(&out.ciaddr, LEASED)); /* RFC 2131 4.3.2 */
    ck_assert(addr_is_any(&out.requested) && addr_is_any(&out.server_id));
    ck_assert(addr_is(&out_src, LEASED) && addr_is(&out_dst, SERVER));
    ck_assert_uint_eq(dhcp()->state, DHCP4S_RENEWING);
    uint64_t asked = f->now;
    answer(DHCP4_ACK, LEASED);
    lease_options(LEASE_S);
    ck_assert_int_eq(deliver_to("10.0.0.5"), DROP_NONE);
    ck_assert_uint_eq(dhcp()->state, DHCP4S_BOUND);
    ck_assert_uint_le(asked + LEASE_S * NS_PER_S, dhcp()->lease.end_ns + NS_PER_S);
    ck_assert(is_ours(LEASED));
    ck_assert_uint_eq(hop(0x08080808), SERVER);
    ck_assert_uint_eq(dhcp()->stats.renewals, 1);
}
END_TEST

START_TEST(rebinds_at_t2_and_expires)
{
    bind_lease();
    uint64_t bound = dhcp()->lease.from_ns;
    unsigned unicast = 0, broadcast = 0;
    while (is_ours(LEASED)) {
        if (!sent_within(LEASE_S * NS_PER_S))
            break;
        uint64_t at = (f->now - bound) / NS_PER_S;
        if (out.type == DHCP4_DISCOVER)
            break;
        ck_assert(addr_is(&out.ciaddr, LEASED) && addr_is(&out_src, LEASED));
        if (addr_is_limited_broadcast(&out_dst)) {
            broadcast++;
            ck_assert_uint_ge(at, LEASE_S / 8 * 7);
            ck_assert_uint_eq(dhcp()->state, DHCP4S_REBINDING);
        } else {
            unicast++;
            ck_assert_uint_le(at, LEASE_S / 8 * 7);
        }
    }
    ck_assert_uint_gt(unicast, 2);
    ck_assert_uint_gt(broadcast, 1);
    ck_assert_uint_lt(unicast + broadcast, 40);
    ck_assert(!is_ours(LEASED));
    ck_assert_uint_ge((f->now - bound) / NS_PER_S, LEASE_S);
    ck_assert_uint_le((f->now - bound) / NS_PER_S, LEASE_S + 2);
    ck_assert_uint_eq(hop(0x08080808), 0);
    struct net_dns dns;
    net_dns_get(f->net, &dns);
    ck_assert_uint_eq(dns.server_cnt, 0);
    ck_assert_uint_eq(dhcp()->stats.expiries, 1);
    ck_assert_uint_eq(dhcp()->state, DHCP4S_SELECTING);
}
END_TEST

/* Another server answers the rebinding; its address and router replace the old ones at once. */
START_TEST(a_new_lease_replaces_at_once)
{
    bind_lease();
    while (dhcp()->state != DHCP4S_REBINDING)
        ck_assert(sent_within(LEASE_S * NS_PER_S));
    answer(DHCP4_ACK, 0x0a000106); /* 10.0.1.6 */
    dhcp_opt32(&reply, 51, 100);
    dhcp_opt32(&reply, 1, 0xffffff00);
    dhcp_opt32(&reply, 3, 0x0a000101);
    ck_assert_int_eq(deliver(), DROP_NONE);
    ck_assert(!is_ours(LEASED) && is_ours(0x0a000106));
    ck_assert_uint_eq(hop(0x08080808), 0x0a000101);
    ck_assert_uint_eq(hop(0x0a000009), 0x0a000101); /* no longer on link */
    struct ip_flow lost = {
        .src = addr_from_ip4(LEASED), .dst = addr_from_ip4(SERVER), .proto = IP_PROTO_UDP};
    ck_assert_int_eq(fix_send(f, &lost, 8), -EINVAL); /* what is bound to the lost address */
    lost.src = addr_from_ip4(0x0a000106);
    ck_assert_int_eq(fix_send(f, &lost, 8), 0);
    struct net_dns dns;
    net_dns_get(f->net, &dns);
    ck_assert_uint_eq(dns.server_cnt, 0);
}
END_TEST

START_TEST(a_nak_takes_the_address_away)
{
    bind_lease();
    ck_assert(sent_within(LEASE_S * NS_PER_S));
    answer(DHCP4_NAK, 0);
    dhcp_opt(&reply, 56, "wrong\nnetwork", 13);
    ck_assert_int_eq(deliver_to("10.0.0.5"), DROP_NONE);
    ck_assert(!is_ours(LEASED));
    ck_assert(sent_type(DHCP4_DISCOVER));
}
END_TEST

static const struct times {
    const char *name;
    uint32_t lease, t1, t2; /* as the server says; 0: not */
    uint32_t want_t1, want_t2;
} times[] = {
    {"defaults", 3600, 0, 0, 1800, 3150},      {"given", 3600, 60, 120, 60, 120},
    {"T1 after T2", 3600, 200, 100, 100, 100}, {"T2 after the end", 3600, 60, 4000, 60, 3150},
    {"only T1", 3600, 3300, 0, 1800, 3150},    {"only T2", 3600, 0, 100, 100, 100},
};
START_TEST(times_are_checked)
{
    const struct times *c = &times[_i];
    begin();
    offer();
    answer(DHCP4_ACK, LEASED);
    dhcp_opt32(&reply, 51, c->lease);
    if (c->t1)
        dhcp_opt32(&reply, 58, c->t1);
    if (c->t2)
        dhcp_opt32(&reply, 59, c->t2);
    ck_assert_int_eq(deliver(), DROP_NONE);
    const struct dhcp4_lease *l = &dhcp()->lease;
    ck_assert_uint_eq((l->t1_ns - l->from_ns) / NS_PER_S, c->want_t1);
    ck_assert_uint_eq((l->t2_ns - l->from_ns) / NS_PER_S, c->want_t2);
    ck_assert_uint_eq((l->end_ns - l->from_ns) / NS_PER_S, c->lease);
    ck_assert_uint_eq(l->plen, 96 + 8); /* no mask: the class of 10/8 */
}
END_TEST

START_TEST(a_lease_for_ever_is_not_renewed)
{
    begin();
    offer();
    ack(DHCP4_FOREVER);
    fix_advance(f, 20 * NS_PER_S);
    while (sent())
        ;
    ck_assert(!sent_within(1000000 * NS_PER_S));
    ck_assert(is_ours(LEASED));
}
END_TEST

/* ---- routes and MTU ---- */

START_TEST(classless_routes_count_and_routers_do_not)
{
    static const uint8_t routes[] = {24, 192, 0, 2, 10, 0, 0, 9, 16, 172, 16, 0, 0, 0, 0};
    begin();
    offer();
    answer(DHCP4_ACK, LEASED);
    lease_options(LEASE_S);
    dhcp_opt(&reply, 121, routes, sizeof routes);
    ck_assert_int_eq(deliver(), DROP_NONE);
    ck_assert_uint_eq(hop(0xc0000201), 0x0a000009);
    ck_assert_uint_eq(hop(0xac100001), 0xac100001); /* gateway 0.0.0.0: on the link */
    ck_assert_uint_eq(hop(0x08080808), 0);
}
END_TEST

START_TEST(mtu)
{
    static const struct {
        uint16_t option;
        bool keep;
        uint32_t want;
    } cases[] = {{1400, false, 1400}, {9000, false, 1500}, {100, false, 1500}, {1400, true, 1500}};
    for (size_t i = 0; i < UST_ARRAY_CNT(cases); i++) {
        dhcp4_start(f->net, f->now, 7, cases[i].keep);
        ck_assert(sent_type(DHCP4_DISCOVER));
        offer();
        answer(DHCP4_ACK, LEASED);
        lease_options(LEASE_S);
        dhcp_opt16(&reply, 26, cases[i].option);
        ck_assert_int_eq(deliver(), DROP_NONE);
        ck_assert_uint_eq(f->link->mtu, cases[i].want);
        dhcp4_stop(f->net, f->now);
        ck_assert_uint_eq(f->link->mtu, 1500);
        fix_flush(f);
    }
}
END_TEST

/* ---- conflict, release, repair ---- */

START_TEST(declines_an_address_that_another_machine_has)
{
    begin();
    offer();
    ack(LEASE_S);
    fix_flush(f);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.5", &fix_mac, "10.0.0.5", &fix_mac);
    fix_advance(f, NS_PER_MS);
    ck_assert(sent_type(DHCP4_DECLINE));
    ck_assert(addr_is(&out.requested, LEASED) && addr_is(&out.server_id, SERVER));
    ck_assert(addr_is_any(&out.ciaddr) && addr_is(&out_src, 0));
    ck_assert(!is_ours(LEASED));
    ck_assert(!sent_within(9 * NS_PER_S)); /* RFC 2131 3.1.5: ten seconds */
    ck_assert(sent_within(2 * NS_PER_S));
    ck_assert_uint_eq(out.type, DHCP4_DISCOVER);
    ck_assert_uint_eq(dhcp()->stats.declines, 1);
}
END_TEST

START_TEST(defends_an_address_that_it_has)
{
    bind_lease();
    fix_rx_arp(f, ARP_OP_REQUEST, &fix_other_mac, "10.0.0.5", &fix_mac, "10.0.0.5", &fix_bcast_mac);
    fix_advance(f, NS_PER_S);
    ck_assert(!sent());
    ck_assert(is_ours(LEASED));
}
END_TEST

START_TEST(releases_by_unicast)
{
    bind_lease();
    dhcp4_release(f->net, f->now);
    ck_assert(sent_type(DHCP4_RELEASE));
    ck_assert(addr_is(&out.ciaddr, LEASED) && addr_is(&out.server_id, SERVER));
    ck_assert(addr_is(&out_src, LEASED) && addr_is(&out_dst, SERVER));
    ck_assert(!is_ours(LEASED));
    ck_assert_uint_eq(hop(0x08080808), 0);
    ck_assert_uint_eq(dhcp()->state, DHCP4S_OFF);
    ck_assert(!sent_within(100000 * NS_PER_S));
}
END_TEST

/* The holder of the lock died: the client goes on. */
START_TEST(goes_on_after_a_rebuild)
{
    bind_lease();
    wheel_init(&f->c->wheel, f->now);
    net_rebuild(f->net);
    ck_assert(sent_within(LEASE_S * NS_PER_S));
    ck_assert_uint_eq(out.type, DHCP4_REQUEST);
}
END_TEST

/* Two clients of one MAC address are two clients. */
START_TEST(client_identifier)
{
    uint8_t id[15];
    begin();
    memcpy(id, out.client_id, sizeof id);
    dhcp4_stop(f->net, f->now);
    dhcp4_start(f->net, f->now, 8, false);
    ck_assert(sent_type(DHCP4_DISCOVER));
    ck_assert(memcmp(id, out.client_id, sizeof id) != 0);
    dhcp4_stop(f->net, f->now);
    begin();
    ck_assert(memcmp(id, out.client_id, sizeof id) == 0);
}
END_TEST

int main(void) {
    Suite *s = suite_create("net/dhcp4");
    TCase *t = tcase_create("dhcp4");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, discover_to_bound);
    tcase_add_test(t, answers_by_unicast_before_we_have_the_address);
    tcase_add_test(t, discover_is_repeated);
    tcase_add_test(t, request_is_repeated_then_given_up);
    tcase_add_test(t, a_nak_begins_again);
    tcase_add_loop_test(t, offer_is_judged, 0, (int)UST_ARRAY_CNT(offers));
    tcase_add_loop_test(t, ack_is_judged, 0, (int)UST_ARRAY_CNT(acks));
    tcase_add_test(t, only_its_port_and_only_when_it_runs);
    tcase_add_test(t, every_truncation);
    tcase_add_test(t, renews_at_t1_by_unicast);
    tcase_add_test(t, rebinds_at_t2_and_expires);
    tcase_add_test(t, a_new_lease_replaces_at_once);
    tcase_add_test(t, a_nak_takes_the_address_away);
    tcase_add_loop_test(t, times_are_checked, 0, (int)UST_ARRAY_CNT(times));
    tcase_add_test(t, a_lease_for_ever_is_not_renewed);
    tcase_add_test(t, classless_routes_count_and_routers_do_not);
    tcase_add_test(t, mtu);
    tcase_add_test(t, declines_an_address_that_another_machine_has);
    tcase_add_test(t, defends_an_address_that_it_has);
    tcase_add_test(t, releases_by_unicast);
    tcase_add_test(t, goes_on_after_a_rebuild);
    tcase_add_test(t, client_identifier);
    suite_add_tcase(s, t);
    return run_suite(s);
}
