/* SPDX-License-Identifier: ISC */
/* Addresses that no TCP connection may have: RFC 9293 3.9.2.3. Two whole stacks, and frames written by hand. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "support/sim.h"

static uint32_t sum16(uint32_t sum, const uint8_t *p, size_t len) {
    for (size_t i = 0; i < len; i++)
        sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    return sum;
}
static uint16_t folded(uint32_t sum) {
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* A SYN to port 80, good in all but its addresses. */
static size_t syn(uint8_t *f, const struct ust_mac *to, uint32_t src, uint32_t dst) {
    static const uint8_t ip[20] = {0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6};
    static const uint8_t tcp[20] = {0x30, 0x39, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff};
    memcpy(f, to->b, 6);
    memcpy(f + 6, (const uint8_t[]){2, 0, 0, 0, 0, 9, 8, 0}, 8);
    memcpy(f + 14, ip, 20);
    memcpy(f + 34, tcp, 20);
    for (int i = 0; i < 4; i++) {
        f[26 + i] = (uint8_t)(src >> (24 - 8 * i));
        f[30 + i] = (uint8_t)(dst >> (24 - 8 * i));
    }
    uint16_t s = folded(sum16(0, f + 14, 20));
    f[24] = (uint8_t)(s >> 8);
    f[25] = (uint8_t)s;
    s = folded(sum16(6 + 20, f + 26, 8 + 20));
    f[50] = (uint8_t)(s >> 8);
    f[51] = (uint8_t)s;
    return 54;
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}
static bool count_tcp(struct sim *s, int from, int to, struct ust_slice frame, void *ctx) {
    (void)s, (void)from, (void)to;
    if (frame.len > 34 && frame.p[12] == 8 && frame.p[13] == 0)
        ++*(int *)ctx; /* any IPv4 packet: RST, SYN-ACK, ICMP */
    return true;
}

static const struct {
    const char *name;
    uint32_t src, dst;
    bool answered;
} syns[] = {
    {"an honest one", 0x0a000002, 0x0a000001, true},
    /* RFC 9293 MUST-57 */
    {"to the subnet's broadcast address", 0x0a000002, 0x0a0000ff, false},
    {"to all ones", 0x0a000002, 0xffffffff, false},
    {"to a multicast group", 0x0a000002, 0xe0000001, false},
    /* RFC 9293 MUST-63 */
    {"from the subnet's broadcast address", 0x0a0000ff, 0x0a000001, false},
    {"from all ones", 0xffffffff, 0x0a000001, false},
    {"from a multicast group", 0xe0000001, 0x0a000001, false},
    {"from nobody", 0, 0x0a000001, false},
    {"from ourselves", 0x0a000001, 0x0a000001, false},
};

START_TEST(syn_from_or_to_an_invalid_address_is_not_answered)
{
    struct sim *s = sim_new(1);
    int sent = 0;
    uint8_t f[64];
    struct sock *l;
    struct ust_addr any = addr_from_ip4(0);
    sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
    sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
    struct socks *sk = &sim_stack(s, 0)->socks;
    ck_assert_int_eq(sock_new(sk, AF_INET, SOCK_STREAM, 0, &l), 0);
    ck_assert_int_eq(sock_bind(sk, s->now_ns, l, &any, 80), 0);
    ck_assert_int_eq(sock_listen(sk, s->now_ns, l, 8), 0);
    sim_run(s, s->now_ns + 10 * NS_PER_S, never, NULL); /* address probes are over */
    s->tap = count_tcp;
    s->tap_ctx = &sent;
    size_t len = syn(f, &s->host[0].mac, syns[_i].src, syns[_i].dst);
    sim_inject(s, s->now_ns + NS_PER_MS, 0, slice_of(f, len));
    sim_run(s, s->now_ns + NS_PER_S / 2, never, NULL);
    ck_assert_msg((sent > 0) == syns[_i].answered, "%s: %d answers", syns[_i].name, sent);
    ck_assert_ptr_null(s->error);
    sim_free(s);
}
END_TEST

/* RFC 9293 MUST-46 */
START_TEST(connect_to_a_group_fails)
{
    static const uint32_t to[] = {0x0a0000ff, 0xffffffff, 0xe0000001};
    struct sim *s = sim_new(1);
    struct sock *c;
    struct ust_addr a = addr_from_ip4(to[_i]);
    sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
    struct socks *sk = &sim_stack(s, 0)->socks;
    ck_assert_int_eq(sock_new(sk, AF_INET, SOCK_STREAM, 0, &c), 0);
    int r = sock_connect(sk, s->now_ns, c, &a, 80);
    ck_assert_msg(r == -ENETUNREACH || r == -EACCES, "%d", r);
    sim_free(s);
}
END_TEST

int main(void) {
    Suite *su = suite_create("sim: addresses");
    TCase *tc = tcase_create("addresses");
    tcase_add_loop_test(tc, syn_from_or_to_an_invalid_address_is_not_answered, 0,
                        (int)UST_ARRAY_CNT(syns));
    tcase_add_loop_test(tc, connect_to_a_group_fails, 0, 3);
    suite_add_tcase(su, tc);
    SRunner *sr = srunner_create(su);
    srunner_run_all(sr, CK_ENV);
    int bad = srunner_ntests_failed(sr);
    srunner_free(sr);
    return bad ? 1 : 0;
}
