/* SPDX-License-Identifier: ISC */
/* What a whole stack answers over IPv6 to packets that nobody wants: RFC 8200 4.1, 4.7, RFC 4443 3.1, RFC 9293 3.10.7.1. And two stacks that find each other. */
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "support/sim.h"
#include "wire/icmp6.h"

static const struct ust_mac stranger = {{2, 0, 0, 0, 0, 9}};

struct seen {
    int cnt; /* packets to the stranger, Neighbor Discovery aside */
    struct ip6_hdr ip;
    uint8_t first[16]; /* of the payload */
};

static bool look(struct sim *s, int from, int to, struct ust_slice frame, void *ctx) {
    struct seen *x = (struct seen *)ctx;
    struct ust_slice p;
    (void)s, (void)from, (void)to;
    if (frame.len < 54 || ip6_parse(slice_skip(frame, 14), &x->ip, &p) != DROP_NONE || p.len < 8 ||
        (x->ip.next == 58 && p.p[0] >= ICMP6_RS) || x->ip.next == 0)
        return true;
    memcpy(x->first, p.p, UST_MIN(p.len, sizeof x->first));
    x->cnt++;
    return true;
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}

static const struct {
    const char *name;
    uint8_t next;
    uint8_t payload[24];
    uint8_t answer; /* Next Header of it; 0: none */
    uint8_t type, code;
    uint32_t pointer;
} cases[] = {
    {"unknown next header", 200, {1, 2, 3}, 58, 4, 1, 6},
    {"no next header", 59, {1, 2, 3}, 0, 0, 0, 0},
    {"hop-by-hop behind destination options",
     60,
     {0, 0, 1, 4, 0, 0, 0, 0, 17, 0, 1, 4},
     58,
     4,
     1,
     40},
    {"encrypted", 50, {0}, 58, 4, 1, 6},
    {"UDP port that nobody has", 17, {0x30, 0x39, 0, 9, 0, 24, 0x11, 0x11}, 58, 1, 4, 0},
    {"TCP port that nobody has",
     6,
     {0x30, 0x39, 0, 80, 0, 0, 0, 7, 0, 0, 0, 0, 0x60, 2, 1, 1},
     6,
     0,
     0,
     0},
};

/* RFC 8200 4.1 MUST-2; RFC 8200 4.7 MUST-14 */
START_TEST(what_nobody_wants)
{
    struct sim *s = sim_new(1);
    struct seen seen = {0};
    uint8_t f[14 + 40 + 24];
    s->ip6 = true;
    sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
    sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
    sim_run(s, s->now_ns + 10 * NS_PER_S, never, NULL);
    struct ust_addr from = s->host[0].addr;
    from.b[15] = 99;
    neigh_pin(&s->host[0].st->net.neigh, s->now_ns, &from, &s->host[1].mac);
    s->tap = look;
    s->tap_ctx = &seen;

    struct eth_hdr eh = {.dst = s->host[0].mac, .src = stranger, .type = ETH_TYPE_IP6};
    struct ip6_hdr h = {.payload_len = 24,
                        .next = cases[_i].next,
                        .hop_limit = 9,
                        .src = from,
                        .dst = s->host[0].addr};
    eth_emit(&eh, f);
    ip6_emit(&h, f + 14);
    memcpy(f + 54, cases[_i].payload, 24);
    if (h.next == 6 || h.next == 17) { /* with a good checksum */
        struct csum c = {0};
        uint32_t at = h.next == 6 ? 54 + 16 : 54 + 6;
        f[at] = f[at + 1] = 0;
        csum_add_pseudo(&c, &h.src, &h.dst, h.next, 24);
        csum_add(&c, f + 54, 24);
        uint16_t v = csum_finish(&c);
        memcpy(f + at, &v, 2);
    }
    sim_inject(s, s->now_ns + NS_PER_MS, 0, slice_of(f, sizeof f));
    sim_run(s, s->now_ns + NS_PER_S / 2, never, NULL);
    ck_assert_msg(seen.cnt == (cases[_i].answer != 0), "%s: %d answers", cases[_i].name, seen.cnt);
    ck_assert_ptr_null(s->error);
    if (seen.cnt) {
        ck_assert_uint_eq(seen.ip.next, cases[_i].answer);
        ck_assert(addr_eq(&seen.ip.dst, &from) && addr_eq(&seen.ip.src, &s->host[0].addr));
        if (cases[_i].answer == 58) {
            ck_assert_uint_eq(seen.first[0], cases[_i].type);
            ck_assert_uint_eq(seen.first[1], cases[_i].code);
            ck_assert_uint_eq(seen.first[7], cases[_i].pointer);
        } else {
            ck_assert_uint_eq(seen.first[13] & 4, 4); /* RST */
        }
    }
    sim_free(s);
}
END_TEST

/* A listener on :: hears both families, one for IPv6 only (IPV6_V6ONLY) one, and a socket of AF_INET never IPv6. */
static const struct {
    int family;
    bool v6only, ip6, connects;
} listens[] = {
    {AF_INET6, false, true, true},  {AF_INET6, false, false, true}, {AF_INET6, true, true, true},
    {AF_INET6, true, false, false}, {AF_INET, false, true, false},  {AF_INET, false, false, true},
};

START_TEST(dual_stack_listeners)
{
    struct sim *s = sim_new(1);
    struct ust_addr any = {{0}}, v4[2];
    struct sock *l, *c, *a;
    s->ip6 = true;
    for (int i = 0; i < 2; i++) {
        sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
        v4[i] = addr_from_ip4(0x0a000001u + (uint32_t)i);
        net_addr_add(&sim_stack(s, i)->net, s->now_ns, &v4[i], 96 + 24, false, true);
    }
    sim_run(s, s->now_ns + 3 * NS_PER_S, never, NULL);
    struct socks *sk0 = &sim_stack(s, 0)->socks, *sk1 = &sim_stack(s, 1)->socks;
    ck_assert_int_eq(sock_new(sk0, listens[_i].family, SOCK_STREAM, 0, &l), 0);
    l->v6only = listens[_i].v6only;
    ck_assert_int_eq(sock_bind(sk0, s->now_ns, l, &any, 80), 0);
    ck_assert_int_eq(sock_listen(sk0, s->now_ns, l, 8), 0);
    ck_assert_int_eq(sock_new(sk1, AF_INET6, SOCK_STREAM, 0, &c), 0);
    sock_connect(sk1, s->now_ns, c, listens[_i].ip6 ? &s->host[0].addr : &v4[0], 80);
    sim_kick(s, 1);
    sim_run(s, s->now_ns + NS_PER_S, never, NULL);
    ck_assert_int_eq(sock_connect_result(sk1, c), listens[_i].connects ? 0 : -ECONNREFUSED);
    ck_assert_int_eq(sock_accept(sk0, s->now_ns, l, &a), listens[_i].connects ? 0 : -EAGAIN);
    if (listens[_i].connects) {
        struct ust_addr peer;
        uint16_t port;
        ck_assert_int_eq(sock_peer(sk0, a, &peer, &port), 0);
        ck_assert(addr_eq(&peer, listens[_i].ip6 ? &s->host[1].addr : &v4[1]));
    }
    ck_assert_ptr_null(s->error);
    sim_free(s);
}
END_TEST

/* One unconnected datagram socket speaks to both. */
START_TEST(datagrams_to_both_families)
{
    struct sim *s = sim_new(1);
    struct ust_addr any = {{0}}, v4[2];
    struct sock *a, *b;
    struct udp_dgram *d;
    s->ip6 = true;
    for (int i = 0; i < 2; i++) {
        sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
        v4[i] = addr_from_ip4(0x0a000001u + (uint32_t)i);
        net_addr_add(&sim_stack(s, i)->net, s->now_ns, &v4[i], 96 + 24, false, true);
    }
    sim_run(s, s->now_ns + 3 * NS_PER_S, never, NULL);
    struct socks *sk0 = &sim_stack(s, 0)->socks, *sk1 = &sim_stack(s, 1)->socks;
    ck_assert_int_eq(sock_new(sk0, AF_INET6, SOCK_DGRAM, 0, &a), 0);
    ck_assert_int_eq(sock_bind(sk0, s->now_ns, a, &any, 7), 0);
    ck_assert_int_eq(sock_new(sk1, AF_INET6, SOCK_DGRAM, 0, &b), 0);
    for (int i = 0; i < 2; i++) {
        struct udp_send to = {.dst = i ? s->host[0].addr : v4[0], .dport = 7};
        uint8_t *buf = sock_dgram_buf(sk1, 4000); /* in fragments */
        memset(buf, i, 4000);
        ck_assert_int_eq(sock_dgram_send(sk1, s->now_ns, b, &to, buf, 4000, false), 0);
        sim_kick(s, 1);
        sim_run(s, s->now_ns + NS_PER_S, never, NULL);
        ck_assert_int_eq(sock_dgram_peek(sk0, a, &d), 0);
        ck_assert_uint_eq(d->len, 4000);
        ck_assert(addr_eq(&d->src, i ? &s->host[1].addr : &v4[1]));
        sock_dgram_done(sk0, a, true);
    }
    ck_assert_ptr_null(s->error);
    sim_free(s);
}
END_TEST

/* IPV6_UNICAST_HOPS and IPV6_TCLASS, and the control messages that go before them; IPv4's options do not touch IPv6. */
START_TEST(header_by_option)
{
    struct sim *s = sim_new(1);
    struct ust_addr any = {{0}};
    struct sock *a, *b;
    struct udp_dgram *d;
    const int hops = 7, tclass = 0x28, tos = 0x10;
    s->ip6 = true;
    for (int i = 0; i < 2; i++)
        sim_add_host(s, 16u << 20, 1500, 0, 0, NULL);
    sim_run(s, s->now_ns + 3 * NS_PER_S, never, NULL);
    struct socks *sk0 = &sim_stack(s, 0)->socks, *sk1 = &sim_stack(s, 1)->socks;
    ck_assert_int_eq(sock_new(sk0, AF_INET6, SOCK_DGRAM, 0, &a), 0);
    ck_assert_int_eq(sock_bind(sk0, s->now_ns, a, &any, 7), 0);
    ck_assert_int_eq(sock_new(sk1, AF_INET6, SOCK_DGRAM, 0, &b), 0);
    sock_setopt(sk1, s->now_ns, b, IPPROTO_IP, IP_TOS, &tos, sizeof tos);
    for (int i = 0; i < 3; i++) {
        struct udp_send to = {.dst = s->host[0].addr, .dport = 7};
        if (i == 1) {
            sock_setopt(sk1, s->now_ns, b, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops);
            sock_setopt(sk1, s->now_ns, b, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof tclass);
        } else if (i == 2) {
            to.has_ttl = to.has_tos = true;
            to.ttl = 9;
            to.tos = 4;
        }
        ck_assert_int_eq(sock_dgram_send(sk1, s->now_ns, b, &to, sock_dgram_buf(sk1, 1), 1, false),
                         0);
        sim_kick(s, 1);
        sim_run(s, s->now_ns + NS_PER_S, never, NULL);
        ck_assert_int_eq(sock_dgram_peek(sk0, a, &d), 0);
        ck_assert_uint_eq(d->ttl, i == 0 ? 64 : i == 1 ? 7 : 9);
        ck_assert_uint_eq(d->tos, i == 0 ? 0 : i == 1 ? 0x28 : 4);
        ck_assert_uint_ne(d->flow_label, 0);
        sock_dgram_done(sk0, a, true);
    }
    sim_free(s);
}
END_TEST

int main(void) {
    Suite *su = suite_create("sim: IPv6");
    TCase *tc = tcase_create("ip6");
    tcase_add_loop_test(tc, what_nobody_wants, 0, (int)UST_ARRAY_CNT(cases));
    tcase_add_loop_test(tc, dual_stack_listeners, 0, (int)UST_ARRAY_CNT(listens));
    tcase_add_test(tc, datagrams_to_both_families);
    tcase_add_test(tc, header_by_option);
    suite_add_tcase(su, tc);
    SRunner *sr = srunner_create(su);
    srunner_run_all(sr, CK_ENV);
    int bad = srunner_ntests_failed(sr);
    srunner_free(sr);
    return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
