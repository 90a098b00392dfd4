/* SPDX-License-Identifier: ISC */
/*
 * The packet device's BPF program, run by the kernel: an AF_UNIX datagram socket takes filters
 * too, and needs no root.
 */
#include <check.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/dev_packet.h"

static struct net net;
static const struct ust_mac us = {{2, 0, 0, 0, 0xaa, 2}};

#define MAC_US 0x02000000aa02ULL
#define MAC_OTHER 0x02000000aa03ULL
#define MAC_NEARLY 0x02000000ab02ULL
#define MAC_ALL 0xffffffffffffULL
#define MAC_GROUP 0x01005e010203ULL

static void use_addr(unsigned i, const char *text, uint8_t plen) {
    net.addr[i].used = true;
    net.addr[i].plen = plen;
    ck_assert(addr_parse(text, &net.addr[i].addr));
}

static void two_addresses(void) {
    use_addr(0, "10.0.0.2", 96 + 24);
    use_addr(3, "192.168.7.9", 96 + 32);
}
static void with_group(void) {
    two_addresses();
    net.group[5].refs = 1;
    ck_assert(addr_parse("224.1.2.3", &net.group[5].addr));
}
static void with_ip6(void) {
    two_addresses();
    use_addr(1, "2001:db8::2", 64);
}
static void no_address(void) {}

static const struct filter_case {
    const char *name;
    void (*set)(void);
    uint64_t dst;
    uint16_t type;
    const char *ip; /* destination */
    bool taken;
} cases[] = {
    {"ours", two_addresses, MAC_US, 0x0800, "10.0.0.2", true},
    {"our second", two_addresses, MAC_US, 0x0800, "192.168.7.9", true},
    {"foreign MAC", two_addresses, MAC_OTHER, 0x0800, "10.0.0.2", false},
    {"MAC that differs in the middle", two_addresses, MAC_NEARLY, 0x0800, "10.0.0.2", false},
    {"the kernel's address", two_addresses, MAC_US, 0x0800, "10.0.0.3", false},
    {"limited broadcast", two_addresses, MAC_ALL, 0x0800, "255.255.255.255", true},
    {"subnet broadcast", two_addresses, MAC_ALL, 0x0800, "10.0.0.255", true},
    {"no broadcast in a /32", two_addresses, MAC_ALL, 0x0800, "192.168.7.255", false},
    {"all hosts", two_addresses, MAC_GROUP, 0x0800, "224.0.0.1", true},
    {"group not joined", two_addresses, MAC_GROUP, 0x0800, "224.1.2.3", false},
    {"group joined", with_group, MAC_GROUP, 0x0800, "224.1.2.3", true},
    {"ARP broadcast", two_addresses, MAC_ALL, 0x0806, "10.0.0.77", true},
    {"ARP to us", two_addresses, MAC_US, 0x0806, "10.0.0.2", true},
    {"ARP to another", two_addresses, MAC_OTHER, 0x0806, "10.0.0.2", false},
    {"no address yet: everything to our MAC", no_address, MAC_US, 0x0800, "10.1.2.3", true},
    {"IPv6 without addresses", two_addresses, MAC_US, 0x86dd, "2001:db8::2", false},
    {"IPv6 ours", with_ip6, MAC_US, 0x86dd, "2001:db8::2", true},
    {"IPv6 group", with_ip6, MAC_GROUP, 0x86dd, "ff02::1", true},
    {"IPv6 foreign, first word", with_ip6, MAC_US, 0x86dd, "2001:db9::2", false},
    {"IPv6 foreign, second word", with_ip6, MAC_US, 0x86dd, "2001:db8:0:1::2", false},
    {"IPv6 foreign, third word", with_ip6, MAC_US, 0x86dd, "2001:db8::1:0:2", false},
    {"IPv6 foreign, last word", with_ip6, MAC_US, 0x86dd, "2001:db8::3", false},
    {"IPv4 beside IPv6", with_ip6, MAC_US, 0x0800, "10.0.0.2", true},
    {"another EtherType", two_addresses, MAC_US, 0x88cc, "10.0.0.2", false},
};

static bool is_taken(const uint8_t *frame, size_t len) {
    struct sock_filter prog[PACKET_FILTER_MAX];
    struct sock_fprog f = {.len = (unsigned short)packet_filter(prog, &us, &net), .filter = prog};
    uint8_t got[200];
    int sv[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, sv), 0);
    ck_assert_int_eq(setsockopt(sv[1], SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f), 0);
    ssize_t sent = send(sv[0], frame, len, 0);
    ssize_t n = recv(sv[1], got, sizeof got, 0);
    ck_assert(n < 0 || (sent == (ssize_t)len && n == sent)); /* whole or not at all */
    close(sv[0]);
    close(sv[1]);
    return n > 0;
}

START_TEST(test_filter)
{
    const struct filter_case *c = &cases[_i];
    struct ust_addr a;
    uint8_t f[100] = {0};
    c->set();
    for (int i = 0; i < 6; i++)
        f[i] = (uint8_t)(c->dst >> (40 - 8 * i));
    f[12] = (uint8_t)(c->type >> 8);
    f[13] = (uint8_t)c->type;
    ck_assert(addr_parse(c->ip, &a));
    if (addr_is_ip4(&a))
        memcpy(f + 30, a.b + 12, 4);
    else
        memcpy(f + 38, a.b, 16);
    ck_assert_msg(is_taken(f, sizeof f) == c->taken, "%s", c->name);
}
END_TEST

/* As many addresses and groups as there can be: the program still fits and is still right. */
START_TEST(test_full)
{
    char text[ADDR_STR_LEN];
    uint8_t f[100] = {2, 0, 0, 0, 0xaa, 2, [12] = 0x08};
    for (unsigned i = 0; i < NET_ADDR_MAX; i++) {
        snprintf(text, sizeof text, "10.%u.0.2", i);
        use_addr(i, text, 96 + 24);
    }
    for (unsigned i = 0; i < NET_GROUP_MAX; i++) {
        net.group[i].refs = 1;
        snprintf(text, sizeof text, "224.9.9.%u", i);
        ck_assert(addr_parse(text, &net.group[i].addr));
    }
    const uint8_t last[] = {10, NET_ADDR_MAX - 1, 0, 2}, none[] = {10, NET_ADDR_MAX, 0, 2},
                  group[] = {224, 9, 9, NET_GROUP_MAX - 1};
    memcpy(f + 30, last, 4);
    ck_assert(is_taken(f, sizeof f));
    memcpy(f + 30, group, 4);
    ck_assert(is_taken(f, sizeof f));
    memcpy(f + 30, none, 4);
    ck_assert(!is_taken(f, sizeof f));
}
END_TEST

int main(void) {
    Suite *s = suite_create("host/packet_filter");
    TCase *tc = tcase_create("filter");
    tcase_add_loop_test(tc, test_filter, 0, UST_ARRAY_CNT(cases));
    tcase_add_test(tc, test_full);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
