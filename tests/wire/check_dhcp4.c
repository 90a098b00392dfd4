/* SPDX-License-Identifier: ISC */
/* The DHCP codec: RFC 2131, 2132, 3396 (long options), 3397 (search list), 3442 (classless routes). */
#include "wire/dhcp4_tools.h"
#include "wire/wire_tools.h"

static const struct ust_mac mac = {{2, 0, 0, 0, 0, 2}};
static struct dhcp_bytes m;
static struct dhcp4_msg got;

static enum drop parse(void) {
    struct ust_slice s = tail_copy(m.b, m.len);
    enum drop d = dhcp4_parse(s, &got);
    tail_free(s);
    return d;
}

static void start(uint8_t type) {
    dhcp_begin(&m, 0x01020304, 0x0a000005, &mac);
    dhcp_opt8(&m, 53, type);
}

static bool addr_is(const struct ust_addr *a, uint32_t v) {
    return addr_is_ip4(a) && addr_ip4(a) == v;
}

/* Everything that a server can say. */
static void whole(void) {
    static const uint8_t routes[] = {24, 192, 0,  2,   10, 0,    0,  1, 0, 10, 0,
                                     0,  9,   20, 172, 16, 0x10, 10, 0, 0, 3};
    start(DHCP4_ACK);
    dhcp_opt32(&m, 1, 0xffffff00);
    dhcp_opt32(&m, 3, 0x0a000001);
    dhcp_opt32(&m, 6, 0x0a000007);
    dhcp_opt(&m, 15, "example.org", 11);
    dhcp_opt16(&m, 26, 1400);
    dhcp_opt32(&m, 51, 3600);
    dhcp_opt32(&m, 54, 0x0a000001);
    dhcp_opt32(&m, 58, 1800);
    dhcp_opt32(&m, 59, 3000);
    dhcp_opt(&m, 61, "\1\2\0\0\0\0\2", 7);
    dhcp_opt(&m, 121, routes, sizeof routes);
    dhcp_end(&m);
}

START_TEST(test_whole)
{
    whole();
    must_drop(parse(), DROP_NONE);
    ck_assert(got.reply && got.type == DHCP4_ACK && got.xid == 0x01020304);
    ck_assert(mac_eq(&got.chaddr, &mac));
    ck_assert(addr_is(&got.yiaddr, 0x0a000005) && addr_is(&got.server_id, 0x0a000001));
    ck_assert_uint_eq(got.plen, 96 + 24);
    ck_assert(got.router_cnt == 1 && addr_is(&got.router[0], 0x0a000001));
    ck_assert(got.dns_cnt == 1 && addr_is(&got.dns[0], 0x0a000007));
    ck_assert_str_eq(got.domain, "example.org");
    ck_assert_uint_eq(got.mtu, 1400);
    ck_assert(got.lease_s == 3600 && got.t1_s == 1800 && got.t2_s == 3000);
    ck_assert(got.client_id_len == 7 && memcmp(got.client_id, "\1\2\0\0\0\0\2", 7) == 0);
    ck_assert(got.has_routes && got.route_cnt == 3);
    ck_assert(addr_is(&got.route[0].prefix, 0xc0000200) && got.route[0].plen == 96 + 24 &&
              addr_is(&got.route[0].gw, 0x0a000001));
    ck_assert(addr_is(&got.route[1].prefix, 0) && got.route[1].plen == 96 &&
              addr_is(&got.route[1].gw, 0x0a000009));
    ck_assert(addr_is(&got.route[2].prefix, 0xac101000) && got.route[2].plen == 96 + 20);
}
END_TEST

/* RFC 2131's fields come first: less is refused; every length behind is taken or refused as a whole. */
START_TEST(test_truncated)
{
    whole();
    size_t len = m.len;
    for (m.len = 0; m.len < len; m.len++) {
        enum drop d = parse();
        if (m.len < 240)
            must_drop(d, DROP_DHCP_SHORT);
        else if (m.len < 243)
            must_drop(d, DROP_DHCP_OPTION);
        else
            ck_assert_msg(d == DROP_NONE || d == DROP_DHCP_OPTION, "%zu: %s", m.len, drop_name(d));
    }
    m.len = len - 1; /* the end option may be missing */
    must_drop(parse(), DROP_NONE);
}
END_TEST

static const struct hdr_case {
    const char *name;
    size_t at;
    uint8_t v;
    enum drop drop;
} hdr_cases[] = {
    {"operation 0", 0, 0, DROP_DHCP_HDR},      {"operation 3", 0, 3, DROP_DHCP_HDR},
    {"hardware type", 1, 6, DROP_DHCP_HDR},    {"hardware address length", 2, 16, DROP_DHCP_HDR},
    {"cookie", 239, 0x64, DROP_DHCP_COOKIE},   {"hops do not matter", 3, 4, DROP_NONE},
    {"a request is one too", 0, 1, DROP_NONE},
};
START_TEST(test_header)
{
    const struct hdr_case *c = &hdr_cases[_i];
    whole();
    m.b[c->at] = c->v;
    must_drop(parse(), c->drop);
}
END_TEST

/* An option that the lease depends on, of the wrong length or value: the message is refused. */
static const struct strict_case {
    const char *name;
    uint8_t code, len;
    uint8_t b[8];
} strict_cases[] = {
    {"mask of 3 bytes", 1, 3, {255, 255, 255}},
    {"mask with a hole", 1, 4, {255, 0, 255, 0}},
    {"mask 0.0.0.0", 1, 4, {0}},
    {"lease time of 3 bytes", 51, 3, {0}},
    {"lease time of 5 bytes", 51, 5, {0}},
    {"T1 of 2 bytes", 58, 2, {0}},
    {"T2 of 0 bytes", 59, 0, {0}},
    {"server of 8 bytes", 54, 8, {10, 0, 0, 1, 10, 0, 0, 2}},
    {"requested address of 1 byte", 50, 1, {10}},
    {"client identifier of 1 byte", 61, 1, {1}},
    {"a second message type", 53, 1, {2}},
    {"overload 0", 52, 1, {0}},
    {"overload 4", 52, 1, {4}},
    {"overload of 2 bytes", 52, 2, {1, 1}},
};
START_TEST(test_strict)
{
    const struct strict_case *c = &strict_cases[_i];
    start(DHCP4_ACK);
    must_drop(parse(), DROP_NONE);
    dhcp_opt(&m, c->code, c->b, c->len);
    must_drop(parse(), DROP_DHCP_OPTION);
}
END_TEST

START_TEST(test_type)
{
    for (unsigned t = 0; t < 256; t++) {
        start((uint8_t)t);
        must_drop(parse(), t >= 1 && t <= 8 ? DROP_NONE : DROP_DHCP_OPTION);
    }
    dhcp_begin(&m, 1, 0, &mac);
    dhcp_end(&m);
    must_drop(parse(), DROP_DHCP_OPTION); /* BOOTP */
}
END_TEST

/* What can be done without counts as absent when it is malformed. */
static const struct lax_case {
    const char *name;
    uint8_t code, len;
    const char *b;
} lax_cases[] = {
    {"router of 5 bytes", 3, 5, "\12\0\0\1\1"},
    {"router 0.0.0.0", 3, 4, "\0\0\0\0"},
    {"router of a group", 3, 4, "\340\0\0\1"},
    {"DNS of 3 bytes", 6, 3, "\12\0\0"},
    {"MTU of 1 byte", 26, 1, "\5"},
    {"domain with a space", 15, 5, "a b.c"},
    {"domain that begins with a dot", 15, 2, ".a"},
    {"domain with a control character", 15, 3, "a\nb"},
    {"empty domain", 15, 0, ""},
    {"route of width 33", 121, 10, "\41\12\0\0\0\0\12\0\0\1"},
    {"route that is cut", 121, 7, "\30\300\0\2\12\0\0"},
    {"no routes", 121, 0, ""},
    {"search list without end", 119, 4, "\3abc"},
    {"search list with a label of 64", 119, 3, "\100ab"},
    {"search list that points to itself", 119, 2, "\300\0"},
    {"search list that points forward", 119, 4, "\300\2\1a"},
    {"search list, half a pointer", 119, 3, "\1a\300"},
    {"search list with a space in it", 119, 5, "\3a b\0"},
};
START_TEST(test_lax)
{
    const struct lax_case *c = &lax_cases[_i];
    start(DHCP4_ACK);
    dhcp_opt(&m, c->code, c->b, c->len);
    must_drop(parse(), DROP_NONE);
    ck_assert(got.router_cnt == 0 && got.dns_cnt == 0 && got.mtu == 0 && got.route_cnt == 0);
    ck_assert(!got.has_routes);
    ck_assert_str_eq(got.domain, "");
}
END_TEST

START_TEST(test_search)
{
    /* eng.example.com, then marketing with a pointer to "example.com" (RFC 3397 2), in two parts (RFC 3396). */
    static const char list[] = "\3eng\7example\3com\0\11marketing\300\4";
    start(DHCP4_ACK);
    dhcp_opt(&m, 15, "other.org", 9);
    dhcp_opt(&m, 119, list, 10);
    dhcp_opt(&m, 6, "\12\0\0\1", 4);
    dhcp_opt(&m, 119, list + 10, sizeof list - 1 - 10);
    must_drop(parse(), DROP_NONE);
    ck_assert_str_eq(got.domain, "eng.example.com marketing.example.com");
}
END_TEST

START_TEST(test_overload)
{
    start(DHCP4_ACK);
    dhcp_opt8(&m, 52, 3);
    dhcp_end(&m);
    memcpy(m.b + 108, "\3\4\12\0\0\1\377", 7); /* file: a router */
    memcpy(m.b + 44, "\3\4\12\0\0\2\377", 7);  /* sname: the rest of the same option */
    must_drop(parse(), DROP_NONE);
    ck_assert_uint_eq(got.router_cnt, 2);
    ck_assert(addr_is(&got.router[0], 0x0a000001) && addr_is(&got.router[1], 0x0a000002));
    m.b[108 + 1] = 200; /* overruns the field */
    must_drop(parse(), DROP_DHCP_OPTION);
    start(DHCP4_ACK);
    memcpy(m.b + 108, "\3\4\12\0\0\1\377", 7); /* not overloaded: a file name */
    must_drop(parse(), DROP_NONE);
    ck_assert_uint_eq(got.router_cnt, 0);
}
END_TEST

START_TEST(test_round_trip)
{
    struct rnd r = {(uint64_t)_i + 1};
    for (int i = 0; i < 2000; i++) {
        uint8_t b[DHCP4_EMIT_MAX];
        struct dhcp4_msg out = {.type = (uint8_t)(1 + rnd_below(&r, 8)),
                                .broadcast = rnd_one_in(&r, 2),
                                .secs = (uint16_t)rnd_u64(&r),
                                .xid = (uint32_t)rnd_u64(&r),
                                .ciaddr = rnd_ip4(&r),
                                .chaddr = rnd_mac(&r),
                                .max_bytes = 1500};
        if (rnd_one_in(&r, 2))
            out.requested = rnd_ip4(&r);
        if (rnd_one_in(&r, 2))
            out.server_id = rnd_ip4(&r);
        out.client_id_len = rnd_one_in(&r, 2) ? (uint8_t)(2 + rnd_below(&r, DHCP4_ID_MAX - 1)) : 0;
        rnd_fill(&r, out.client_id, out.client_id_len);
        size_t len = dhcp4_emit(&out, b);
        ck_assert_uint_ge(len, 300);
        ck_assert_uint_le(len, DHCP4_EMIT_MAX);
        struct ust_slice s = tail_copy(b, len);
        must_drop(dhcp4_parse(s, &got), DROP_NONE);
        tail_free(s);
        ck_assert(!got.reply && got.type == out.type && got.broadcast == out.broadcast);
        ck_assert(got.secs == out.secs && got.xid == out.xid && mac_eq(&got.chaddr, &out.chaddr));
        ck_assert(addr_eq(&got.ciaddr, &out.ciaddr));
        ck_assert(addr_is_any(&out.requested) ? addr_is_any(&got.requested)
                                              : addr_eq(&got.requested, &out.requested));
        ck_assert(addr_is_any(&out.server_id) ? addr_is_any(&got.server_id)
                                              : addr_eq(&got.server_id, &out.server_id));
        ck_assert(got.client_id_len == out.client_id_len &&
                  memcmp(got.client_id, out.client_id, out.client_id_len) == 0);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("wire/dhcp4");
    TCase *t = tcase_create("dhcp4");
    tcase_add_test(t, test_whole);
    tcase_add_test(t, test_truncated);
    tcase_add_loop_test(t, test_header, 0, UST_ARRAY_CNT(hdr_cases));
    tcase_add_loop_test(t, test_strict, 0, UST_ARRAY_CNT(strict_cases));
    tcase_add_test(t, test_type);
    tcase_add_loop_test(t, test_lax, 0, UST_ARRAY_CNT(lax_cases));
    tcase_add_test(t, test_search);
    tcase_add_test(t, test_overload);
    tcase_add_loop_test(t, test_round_trip, 0, 4);
    suite_add_tcase(s, t);
    return run_suite(s);
}
