/* SPDX-License-Identifier: ISC */
/* IPv4 in: RFC 791, RFC 1122 3.2.1. */
#include "net/netfix.h"

#include "wire/icmp4.h"

static struct netfix *f;
static const uint8_t body[64] = {1, 2, 3};

static void setup(void) {
    f = netfix_new(FIX_MTU, LINK_F_CSUM, 0);
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    struct ust_addr g = ip("239.1.2.3");
    ck_assert_int_eq(net_group_join(f->net, f->now, &g), 0);
    fix_flush(f);
}
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

/* ---- addresses ---- */

static const struct addr_case {
    const char *name, *src, *dst;
    uint8_t proto;
    enum drop drop;
} addr_cases[] = {
    {"to us", "10.0.0.1", "10.0.0.2", 17, DROP_NONE},
    {"from off link", "192.0.2.1", "10.0.0.2", 17, DROP_NONE},
    {"limited broadcast", "10.0.0.1", "255.255.255.255", 17, DROP_NONE},
    {"subnet broadcast", "10.0.0.1", "10.0.0.255", 17, DROP_NONE},
    {"joined group", "10.0.0.1", "239.1.2.3", 17, DROP_NONE},
    {"all hosts", "10.0.0.1", "224.0.0.1", 2, DROP_NONE},
    {"other group", "10.0.0.1", "239.1.2.4", 17, DROP_IP4_NOT_US},
    {"to another host", "10.0.0.1", "10.0.0.3", 17, DROP_IP4_NOT_US},
    {"other subnet's broadcast", "10.0.0.1", "10.0.1.255", 17, DROP_IP4_NOT_US},
    {"to 127/8 from the wire", "10.0.0.1", "127.0.0.1", 17, DROP_IP4_NOT_US},
    {"to 0.0.0.0", "10.0.0.1", "0.0.0.0", 17, DROP_IP4_NOT_US},
    {"from limited broadcast", "255.255.255.255", "10.0.0.2", 17, DROP_IP4_SRC},
    {"from subnet broadcast", "10.0.0.255", "10.0.0.2", 17, DROP_IP4_SRC},
    {"from a group", "224.0.0.9", "10.0.0.2", 17, DROP_IP4_SRC},
    {"from 127/8", "127.0.0.1", "10.0.0.2", 17, DROP_IP4_SRC},
    {"from 0/8", "0.1.2.3", "10.0.0.2", 17, DROP_IP4_SRC},
    {"from 0.0.0.0 to us", "0.0.0.0", "10.0.0.2", 17, DROP_IP4_SRC},
    {"from 0.0.0.0 to everybody (DHCP)", "0.0.0.0", "255.255.255.255", 17, DROP_NONE},
    {"IGMP from 0.0.0.0", "0.0.0.0", "224.0.0.1", 2, DROP_NONE},
    {"from our own address", "10.0.0.2", "10.0.0.2", 17, DROP_IP4_SRC},
};

START_TEST(addr_table)
{
    const struct addr_case *c = &addr_cases[_i];
    struct fix_ip p = {.src = c->src,
                       .dst = c->dst,
                       .proto = c->proto,
                       .ttl = 9,
                       .tos = 0x28,
                       .payload = slice_of(body, sizeof body)};
    enum drop d = fix_rx_ip(f, &p);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, d ? drop_name(d) : "taken");
    if (d != DROP_NONE)
        return;
    struct ust_addr src = ip(c->src), dst = ip(c->dst);
    ck_assert(addr_eq(&f->rx.src, &src) && addr_eq(&f->rx.dst, &dst));
    ck_assert_uint_eq(f->rx.proto, c->proto);
    ck_assert_uint_eq(f->rx.ttl, 9);
    ck_assert_uint_eq(f->rx.tos, 0x28);
    ck_assert(f->rx.dst_multicast == addr_is_multicast(&dst));
    ck_assert(f->rx.dst_broadcast == (strstr(c->name, "cast") || strstr(c->name, "everybody")));
    ck_assert_uint_eq(f->rx.payload.len, sizeof body);
    ck_assert_mem_eq(f->rx.payload.p, body, sizeof body);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(loopback_here)
{
    struct fix_ip p = {.src = "127.0.0.1", .dst = "127.0.0.5", .proto = 17};
    f->net->loopback_here = true;
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_IP4_SRC); /* never from the wire */
    p.src = "10.0.0.1";
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_IP4_NOT_US);
    struct ip_flow fl = {.src = ip("127.0.0.1"), .dst = ip("127.0.0.5"), .proto = 17};
    ck_assert_int_eq(fix_send(f, &fl, 30), 0);
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    ck_assert(f->rx.looped && f->rx.csum_ok);
    ck_assert_uint_eq(f->rx.payload.len, 38);
}
END_TEST

START_TEST(own_address_is_looped)
{
    struct ip_flow fl = {.dst = ip("10.0.0.2"), .proto = 17};
    ck_assert_int_eq(fix_send(f, &fl, 60000), 0);
    ck_assert(!fix_sent(f)->any);
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    struct ust_addr us = ip("10.0.0.2");
    ck_assert(addr_eq(&f->rx.src, &us));
    ck_assert_uint_eq(f->rx.payload.len, 60008);
}
END_TEST

/* ---- header ---- */

static const struct hdr_case {
    const char *name;
    size_t off;
    uint8_t value;
    bool fix_csum;
    enum drop drop;
} hdr_cases[] = {
    {"version 5", 0, 0x55, true, DROP_IP4_VERSION},
    {"IHL 4", 0, 0x44, true, DROP_IP4_IHL},
    {"IHL beyond the packet", 0, 0x4f, true, DROP_IP4_IHL},
    {"total length under the header's", 3, 19, true, DROP_IP4_TOTAL_LEN},
    {"total length beyond the frame", 3, 50, true, DROP_IP4_TOTAL_LEN},
    {"checksum", 11, 0x99, false, DROP_IP4_CSUM},
    {"TTL 0", 8, 0, true, DROP_NONE},
    {"TTL 1", 8, 1, true, DROP_NONE},
};

START_TEST(hdr_table)
{
    const struct hdr_case *c = &hdr_cases[_i];
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .payload = slice_of(body, 20)};
    size_t len = fix_compose(f, &p);
    uint8_t *h = f->frame + ETH_HDR_LEN;
    h[c->off] = c->value;
    if (c->fix_csum) {
        struct csum s = {0};
        h[10] = h[11] = 0;
        csum_add(&s, h, 20);
        uint16_t v = csum_finish(&s);
        memcpy(h + 10, &v, 2);
    }
    enum drop d = fix_rx_frame(f, len, false);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, d ? drop_name(d) : "taken");
    ck_assert(!fix_sent(f)->any); /* silently */
}
END_TEST

START_TEST(truncated_at_every_length)
{
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .payload = slice_of(body, 40)};
    size_t len = fix_compose(f, &p);
    for (size_t n = 0; n < len; n++)
        must(fix_rx_frame(f, n, false) != DROP_NONE);
    ck_assert_int_eq(fix_rx_frame(f, len, false), DROP_NONE);
}
END_TEST

START_TEST(padding_is_trimmed)
{
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = 17,
                       .payload = slice_of(body, 5),
                       .pad_to = 60};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    ck_assert_uint_eq(f->rx.payload.len, 5);
    ck_assert_uint_eq(f->rx.packet.len, 25);
}
END_TEST

START_TEST(csum_ok_passes)
{
    struct fix_ip p = {.src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17};
    fix_rx_frame(f, fix_compose(f, &p), true);
    ck_assert(f->rx.csum_ok);
    fix_rx_frame(f, fix_compose(f, &p), false);
    ck_assert(!f->rx.csum_ok);
}
END_TEST

START_TEST(group_frame_is_marked)
{
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 17, .eth_dst = &fix_bcast_mac};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    ck_assert(f->rx.link_group);
    p.eth_dst = NULL;
    fix_rx_ip(f, &p);
    ck_assert(!f->rx.link_group);
}
END_TEST

/* ---- options ---- */

static const struct opt_case {
    const char *name;
    uint8_t len, opts[12];
    enum drop drop;
    int pointer; /* of the parameter problem, -1 none */
} opt_cases[] = {
    {"record route", 8, {7, 7, 4, 0, 0, 0, 0, 0}, DROP_NONE, -1},
    {"timestamp", 8, {68, 8, 5, 0, 0, 0, 0, 0}, DROP_NONE, -1},
    {"router alert", 4, {148, 4, 0, 0}, DROP_NONE, -1},
    {"unknown", 4, {200, 4, 1, 1}, DROP_NONE, -1},
    {"no operation, end", 4, {1, 1, 0, 77}, DROP_NONE, -1},
    {"loose source route", 8, {131, 7, 4, 10, 0, 0, 9, 0}, DROP_IP4_SOURCE_ROUTE, -1},
    {"strict source route", 8, {137, 7, 4, 10, 0, 0, 9, 0}, DROP_IP4_SOURCE_ROUTE, -1},
    {"length 0", 4, {7, 0, 0, 0}, DROP_IP4_OPTION, 21},
    {"length 1", 4, {1, 7, 1, 0}, DROP_IP4_OPTION, 22},
    {"beyond the header", 4, {7, 9, 4, 0}, DROP_IP4_OPTION, 21},
    {"length byte missing", 4, {1, 1, 1, 7}, DROP_IP4_OPTION, 23},
};

/* RFC 9293 MUST-50 */
START_TEST(opt_table)
{
    const struct opt_case *c = &opt_cases[_i];
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = 17,
                       .opts = slice_of(c->opts, c->len),
                       .payload = slice_of(body, 20)};
    enum drop d = fix_rx_ip(f, &p);
    ck_assert_msg(d == c->drop, "%s: %s", c->name, d ? drop_name(d) : "taken");
    const struct sent *o = fix_sent(f);
    ck_assert_msg(o->any == (c->pointer >= 0), "%s: answer", c->name);
    if (d == DROP_NONE) {
        ck_assert_uint_eq(f->rx.opts.len, c->len);
        ck_assert_uint_eq(f->rx.payload.len, 20);
    }
    if (o->any) {
        struct icmp4_hdr h;
        struct ust_slice rest;
        ck_assert_int_eq(icmp4_parse(o->l4, false, &h, &rest), DROP_NONE);
        ck_assert_int_eq(h.type, ICMP4_PARAM_PROBLEM);
        ck_assert_msg(h.pointer == c->pointer, "%s: pointer %d", c->name, h.pointer);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("ip4_rx");
    TCase *t = tcase_create("ip4_rx");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, addr_table, 0, (int)UST_ARRAY_CNT(addr_cases));
    tcase_add_test(t, loopback_here);
    tcase_add_test(t, own_address_is_looped);
    tcase_add_loop_test(t, hdr_table, 0, (int)UST_ARRAY_CNT(hdr_cases));
    tcase_add_test(t, truncated_at_every_length);
    tcase_add_test(t, padding_is_trimmed);
    tcase_add_test(t, csum_ok_passes);
    tcase_add_test(t, group_frame_is_marked);
    tcase_add_loop_test(t, opt_table, 0, (int)UST_ARRAY_CNT(opt_cases));
    suite_add_tcase(s, t);
    return run_suite(s);
}
