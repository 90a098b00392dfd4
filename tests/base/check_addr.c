/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include <arpa/inet.h>

#include "base/addr.h"

/* Text that is read, and the text that it is written as. */
static const struct {
    const char *in, *out;
} good[] = {
    {"0.0.0.0", "0.0.0.0"},
    {"10.0.0.1", "10.0.0.1"},
    {"255.255.255.255", "255.255.255.255"},
    {"::", "::"},
    {"::1", "::1"},
    {"1::", "1::"},
    {"2001:db8::1", "2001:db8::1"},
    {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
    {"2001:0db8::0001", "2001:db8::1"},
    /* RFC 5952 4.2.2: one zero group is not shortened; 4.2.3: the longest run, the first of equals
     */
    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
    {"0:0:1::", "0:0:1::"},
    {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
    {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
    {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
    {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
    {"::ffff:10.0.0.1", "10.0.0.1"},
    {"::ffff:0:0", "0.0.0.0"},
    {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
    {"fe80::1", "fe80::1"},
};

START_TEST(parses_and_writes)
{
    struct ust_addr a;
    char s[ADDR_STR_LEN];
    ck_assert_msg(addr_parse(good[_i].in, &a), "%s", good[_i].in);
    ck_assert_str_eq(addr_str(&a, s), good[_i].out);
    struct ust_addr b;
    must(addr_parse(s, &b));
    must(addr_eq(&a, &b));
}
END_TEST

static const char *const bad[] = {
    "",
    "1",
    "1.2.3",
    "1.2.3.",
    "1.2.3.4.",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.4x",
    "256.1.1.1",
    "01.2.3.4",
    "1.2.3.00",
    "1.2.3.0x1",
    "1..2.3",
    ".1.2.3",
    "1.2.3.4/8",
    "1.2.3.1234",
    ":",
    ":::",
    "1:",
    ":1",
    "1::2::3",
    "12345::",
    "g::",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1:2:3:4:5:6:7:1.2.3.4",
    "::1.2.3",
    "::1.2.3.4:5",
    "::1.2.3.256",
    "1.2.3.4::",
    "fe80::1%eth0",
    "::1 ",
    "[::1]",
    "1:::2",
    "1:2:3:4:5:6:7:",
    "::ffff:01.2.3.4",
};

START_TEST(refuses)
{
    struct ust_addr a;
    memset(&a, 0x55, sizeof a);
    ck_assert_msg(!addr_parse(bad[_i], &a), "%s", bad[_i]);
}
END_TEST

/* Against the C library, which writes mapped addresses in another way. */
START_TEST(agrees_with_libc)
{
    struct rnd r = {1};
    for (int i = 0; i < 20000; i++) {
        struct ust_addr a, b;
        char s[ADDR_STR_LEN], want[INET6_ADDRSTRLEN];
        for (int g = 0; g < 8; g++) {
            uint16_t v =
                rnd_one_in(&r, 2) ? 0 : (uint16_t)(rnd_u64(&r) >> (16 + rnd_below(&r, 16)));
            a.b[2 * g] = (uint8_t)(v >> 8);
            a.b[2 * g + 1] = (uint8_t)v;
        }
        addr_str(&a, s);
        must_eq(inet_pton(addr_is_ip4(&a) ? AF_INET : AF_INET6, s, b.b), 1);
        ck_assert_mem_eq(b.b, addr_is_ip4(&a) ? a.b + 12 : a.b, addr_is_ip4(&a) ? 4 : 16);
        inet_ntop(AF_INET6, a.b, want, sizeof want);
        if (strchr(want, '.') == NULL)
            ck_assert_str_eq(s, want);
        must(addr_parse(want, &b));
        must(addr_eq(&a, &b));
    }
}
END_TEST

enum { ANY = 1, MCAST = 2, LOOP = 4, BCAST = 8, V4 = 16 };

static const struct {
    const char *text;
    unsigned is;
} class[] = {
    {"0.0.0.0", V4 | ANY},
    {"::", ANY},
    {"127.0.0.1", V4 | LOOP},
    {"127.255.255.254", V4 | LOOP},
    {"::1", LOOP},
    {"128.0.0.1", V4},
    {"223.255.255.255", V4},
    {"224.0.0.1", V4 | MCAST},
    {"239.255.255.255", V4 | MCAST},
    {"240.0.0.1", V4},
    {"255.255.255.255", V4 | BCAST},
    {"ff02::1", MCAST},
    {"fe80::1", 0},
    {"::2", 0},
    {"7f00::", 0},
    {"e000::", 0},
};

START_TEST(classes)
{
    struct ust_addr a;
    unsigned is = 0;
    must(addr_parse(class[_i].text, &a));
    is |= addr_is_any(&a) ? ANY : 0;
    is |= addr_is_multicast(&a) ? MCAST : 0;
    is |= addr_is_loopback(&a) ? LOOP : 0;
    is |= addr_is_limited_broadcast(&a) ? BCAST : 0;
    is |= addr_is_ip4(&a) ? V4 : 0;
    must_eq(is, class[_i].is);
}
END_TEST

START_TEST(ip4_value)
{
    struct ust_addr a = addr_from_ip4(0x0a0b0c0d), b;
    must(addr_parse("10.11.12.13", &b));
    must(addr_eq(&a, &b));
    must_eq(addr_ip4(&a), 0x0a0b0c0d);
}
END_TEST

static const struct {
    const char *addr, *prefix;
    unsigned plen;
    bool in;
} prefixes[] = {
    {"10.0.0.1", "10.0.0.0", 96 + 24, true},
    {"10.0.1.1", "10.0.0.0", 96 + 24, false},
    {"10.0.1.1", "10.0.0.0", 96 + 23, true},
    {"10.0.0.1", "10.0.0.1", 128, true},
    {"10.0.0.1", "10.0.0.0", 128, false},
    {"10.0.0.1", "10.0.0.0", 127, true},
    {"200.1.1.1", "0.0.0.0", 96, true},
    {"::1", "0.0.0.0", 96, false},
    {"::1", "10.0.0.0", 0, true},
    {"2001:db8::1", "2001:db8::", 64, true},
    {"2001:db8:0:1::1", "2001:db8::", 64, false},
    {"fe80::1", "fe80::", 10, true},
    {"fec0::1", "fe80::", 10, false},
};

START_TEST(prefix)
{
    struct ust_addr a, p;
    must(addr_parse(prefixes[_i].addr, &a) && addr_parse(prefixes[_i].prefix, &p));
    must_eq(addr_in_prefix(&a, &p, prefixes[_i].plen), prefixes[_i].in);
}
END_TEST

START_TEST(mac_text)
{
    static const char *const wrong[] = {"",
                                        "02:00:00:00:00",
                                        "02:00:00:00:00:0",
                                        "02:00:00:00:00:001",
                                        "02-00-00-00-00-01",
                                        "02:00:00:00:00:01:",
                                        "02:00:00:00:00:0g",
                                        "2:0:0:0:0:1",
                                        " 02:00:00:00:00:01"};
    struct ust_mac m;
    char s[MAC_STR_LEN];
    must(mac_parse("02:aB:Cd:00:ff:09", &m));
    ck_assert_str_eq(mac_str(&m, s), "02:ab:cd:00:ff:09");
    must(!mac_is_multicast(&m) && !mac_is_zero(&m));
    for (size_t i = 0; i < UST_ARRAY_CNT(wrong); i++)
        ck_assert_msg(!mac_parse(wrong[i], &m), "%s", wrong[i]);
    must(mac_parse("01:00:5e:00:00:01", &m) && mac_is_multicast(&m));
    must(mac_parse("00:00:00:00:00:00", &m) && mac_is_zero(&m));
}
END_TEST

int main(void) {
    Suite *s = suite_create("addr");
    TCase *t = tcase_create("addr");
    tcase_add_loop_test(t, parses_and_writes, 0, UST_ARRAY_CNT(good));
    tcase_add_loop_test(t, refuses, 0, UST_ARRAY_CNT(bad));
    tcase_add_test(t, agrees_with_libc);
    tcase_add_loop_test(t, classes, 0, UST_ARRAY_CNT(class));
    tcase_add_test(t, ip4_value);
    tcase_add_loop_test(t, prefix, 0, UST_ARRAY_CNT(prefixes));
    tcase_add_test(t, mac_text);
    suite_add_tcase(s, t);
    return run_suite(s);
}
