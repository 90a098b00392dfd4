/* SPDX-License-Identifier: ISC */
#include "wire/wire_tools.h"

#include "wire/arp.h"
#include "wire/eth.h"

START_TEST(eth_round_trip)
{
    struct rnd r = {1};
    for (int i = 0; i < 2000; i++) {
        struct eth_hdr h, got;
        struct ust_slice payload;
        uint8_t b[64];
        size_t len = rnd_below(&r, 40);
        memset(&h, 0, sizeof h);
        memset(&got, 0, sizeof got);
        h.dst = rnd_mac(&r);
        h.src = rnd_mac(&r);
        h.type = (uint16_t)rnd_u64(&r);
        if (h.type == ETH_TYPE_VLAN)
            h.type = ETH_TYPE_IP4;
        eth_emit(&h, b);
        struct ust_slice s = tail_copy(b, ETH_HDR_LEN + len);
        must_drop(eth_parse(s, &got, &payload), DROP_NONE);
        must(mac_eq(&got.dst, &h.dst) && mac_eq(&got.src, &h.src));
        must(got.type == h.type && !got.has_vlan && got.vlan_tci == 0);
        must(payload.p == s.p + ETH_HDR_LEN && payload.len == len);
        tail_free(s);
    }
}
END_TEST

static const uint8_t eth_plain[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x06, 0xaa};
static const uint8_t eth_tagged[] = {1,  2,  3,    4,    5,    6,    7,    8,    9,   10,
                                     11, 12, 0x81, 0x00, 0xa0, 0x07, 0x08, 0x00, 0x45};

START_TEST(eth_known_bytes)
{
    struct eth_hdr h;
    struct ust_slice p;
    uint8_t b[ETH_HDR_LEN];
    must_drop(eth_parse(slice_of(eth_plain, sizeof eth_plain), &h, &p), DROP_NONE);
    ck_assert_uint_eq(h.type, ETH_TYPE_ARP);
    ck_assert_mem_eq(h.dst.b, eth_plain, 6);
    ck_assert_mem_eq(h.src.b, eth_plain + 6, 6);
    ck_assert(p.len == 1 && p.p[0] == 0xaa && !h.has_vlan);
    eth_emit(&h, b);
    ck_assert_mem_eq(b, eth_plain, sizeof b);
    /* A tag is read: priority 5, VLAN 7, and the type behind it. */
    must_drop(eth_parse(slice_of(eth_tagged, sizeof eth_tagged), &h, &p), DROP_NONE);
    ck_assert(h.has_vlan);
    ck_assert_uint_eq(h.vlan_tci, 0xa007);
    ck_assert_uint_eq(h.type, ETH_TYPE_IP4);
    ck_assert(p.len == 1 && p.p[0] == 0x45);
}
END_TEST

START_TEST(eth_truncated)
{
    struct eth_hdr h;
    struct ust_slice p;
    for (size_t n = 0; n <= sizeof eth_tagged; n++) {
        struct ust_slice s = tail_copy(eth_tagged, n);
        must_drop(eth_parse(s, &h, &p), n < 18 ? DROP_ETH_SHORT : DROP_NONE);
        tail_free(s);
        if (n > sizeof eth_plain)
            continue;
        s = tail_copy(eth_plain, n);
        must_drop(eth_parse(s, &h, &p), n < 14 ? DROP_ETH_SHORT : DROP_NONE);
        tail_free(s);
    }
}
END_TEST

START_TEST(arp_round_trip)
{
    struct rnd r = {2};
    for (int i = 0; i < 2000; i++) {
        struct arp_hdr h, got;
        uint8_t b[ARP_LEN + 18] = {0};
        memset(&h, 0, sizeof h);
        memset(&got, 0, sizeof got);
        h.op = (uint16_t)(1 + rnd_below(&r, 2));
        h.sha = rnd_mac(&r);
        h.tha = rnd_mac(&r);
        h.spa = rnd_ip4(&r);
        h.tpa = rnd_ip4(&r);
        arp_emit(&h, b);
        struct ust_slice s = tail_copy(b, rnd_one_in(&r, 2) ? ARP_LEN : sizeof b); /* padded */
        must_drop(arp_parse(s, &got), DROP_NONE);
        must(memcmp(&got, &h, sizeof h) == 0);
        tail_free(s);
    }
}
END_TEST

/* 10.0.0.1 at 02:..:01 asks who has 10.0.0.2. */
static const uint8_t arp_request[ARP_LEN] = {0,  1, 8, 0, 6, 4, 0, 1, 2, 0, 0,  0, 0, 1,
                                             10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};

START_TEST(arp_known_bytes)
{
    struct arp_hdr h;
    uint8_t b[ARP_LEN];
    must_drop(arp_parse(slice_of(arp_request, ARP_LEN), &h), DROP_NONE);
    ck_assert_uint_eq(h.op, ARP_OP_REQUEST);
    ck_assert_uint_eq(addr_ip4(&h.spa), 0x0a000001);
    ck_assert_uint_eq(addr_ip4(&h.tpa), 0x0a000002);
    ck_assert_uint_eq(h.sha.b[5], 1);
    ck_assert(mac_is_zero(&h.tha));
    arp_emit(&h, b);
    ck_assert_mem_eq(b, arp_request, ARP_LEN);
}
END_TEST

START_TEST(arp_truncated)
{
    struct arp_hdr h;
    for (size_t n = 0; n < ARP_LEN; n++) {
        struct ust_slice s = tail_copy(arp_request, n);
        must_drop(arp_parse(s, &h), DROP_ARP_SHORT);
        tail_free(s);
    }
}
END_TEST

static const struct {
    const char *what;
    int off;
    uint8_t value;
    enum drop drop;
} arp_bad[] = {
    {"hardware type", 1, 6, DROP_ARP_TYPE},
    {"hardware type, high byte", 0, 1, DROP_ARP_TYPE},
    {"protocol type", 2, 0x86, DROP_ARP_TYPE},
    {"protocol type, low byte", 3, 1, DROP_ARP_TYPE},
    {"hardware address length", 4, 8, DROP_ARP_TYPE},
    {"hardware address length 0", 4, 0, DROP_ARP_TYPE},
    {"protocol address length", 5, 16, DROP_ARP_TYPE},
    {"protocol address length 0", 5, 0, DROP_ARP_TYPE},
    {"operation 0", 7, 0, DROP_ARP_OP},
    {"operation 3 (RARP)", 7, 3, DROP_ARP_OP},
    {"operation 257", 6, 1, DROP_ARP_OP},
};

START_TEST(arp_malformed)
{
    struct arp_hdr h;
    uint8_t b[ARP_LEN];
    memcpy(b, arp_request, ARP_LEN);
    b[arp_bad[_i].off] = arp_bad[_i].value;
    must_drop(arp_parse(slice_of(b, ARP_LEN), &h), arp_bad[_i].drop);
}
END_TEST

int main(void) {
    Suite *s = suite_create("eth, arp");
    TCase *t = tcase_create("eth, arp");
    tcase_add_test(t, eth_round_trip);
    tcase_add_test(t, eth_known_bytes);
    tcase_add_test(t, eth_truncated);
    tcase_add_test(t, arp_round_trip);
    tcase_add_test(t, arp_known_bytes);
    tcase_add_test(t, arp_truncated);
    tcase_add_loop_test(t, arp_malformed, 0, UST_ARRAY_CNT(arp_bad));
    suite_add_tcase(s, t);
    return run_suite(s);
}
