/* SPDX-License-Identifier: ISC */
/* IPv4 out: routes, headers, fragments, identification, offloads past the neighbour queue. RFC 791, RFC 1122 3.3, RFC 6864. */
#include "net/netfix.h"

static struct netfix *f;

static void setup(void) {
    f = netfix_new(FIX_MTU, LINK_F_CSUM | LINK_F_TSO4 | LINK_F_USO, 65535);
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    fix_know(f, "10.0.0.7", &fix_other_mac);
}
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

static struct ip_flow flow(const char *dst) {
    return (struct ip_flow){.dst = ip(dst), .proto = 200};
}
static void path_mtu(const char *dst, uint32_t mtu, bool locked) {
    struct ust_addr a = ip(dst);
    pmtu_set(&f->net->pmtu, f->now, &a, mtu, locked);
}

/* ---- header and next hop ---- */

START_TEST(plain)
{
    struct ip_flow fl = flow("10.0.0.7");
    fl.tos = 0x2a;
    fl.df = true;
    ck_assert_int_eq(fix_send(f, &fl, 100), 0);
    const struct sent *o = fix_sent(f);
    struct ust_addr us = ip("10.0.0.2");
    ck_assert(o->is_ip4 && mac_eq(&o->eth.dst, &fix_other_mac));
    ck_assert(addr_eq(&o->ip.src, &us) && addr_eq(&o->ip.dst, &fl.dst));
    ck_assert_uint_eq(o->ip.ttl, 64);
    ck_assert_uint_eq(o->ip.tos, 0x2a);
    ck_assert_uint_eq(o->ip.proto, 200);
    ck_assert(o->ip.df && !o->ip.mf);
    ck_assert_uint_eq(o->l4.len, 108);
    fl.ttl = 5;
    fix_send(f, &fl, 0);
    ck_assert_uint_eq(fix_sent(f)->ip.ttl, 5);
}
END_TEST

static const struct hop_case {
    const char *dst;
    int result;
    struct ust_mac mac;
    uint8_t ttl;
} hop_cases[] = {
    {"10.0.0.7", 0, {{2, 0, 0, 0, 0, 9}}, 64},  /* on link */
    {"192.0.2.1", 0, {{2, 0, 0, 0, 0, 1}}, 64}, /* by the gateway */
    {"10.0.0.255", 0, {{255, 255, 255, 255, 255, 255}}, 64},
    {"255.255.255.255", 0, {{255, 255, 255, 255, 255, 255}}, 64},
    {"224.0.0.1", 0, {{1, 0, 0x5e, 0, 0, 1}}, 1},
    {"239.129.2.3", 0, {{1, 0, 0x5e, 1, 2, 3}}, 1}, /* the low 23 bits */
    {"127.0.0.1", -ENETUNREACH, {{0}}, 0},
};

START_TEST(hop_table)
{
    const struct hop_case *c = &hop_cases[_i];
    struct ip_flow fl = flow(c->dst);
    fl.broadcast_ok = true;
    ck_assert_int_eq(fix_send(f, &fl, 10), c->result);
    const struct sent *o = fix_sent(f);
    ck_assert(o->any == (c->result == 0));
    if (o->any) {
        ck_assert_msg(mac_eq(&o->eth.dst, &c->mac), "%s", c->dst);
        ck_assert_uint_eq(o->ip.ttl, c->ttl);
    }
    while (fix_rx_loop(f) != DROP_COUNT)
        ;
}
END_TEST

START_TEST(broadcast_wants_permission)
{
    struct ip_flow fl = flow("10.0.0.255");
    ck_assert_int_eq(fix_send(f, &fl, 10), -EACCES);
    fl = flow("255.255.255.255");
    ck_assert_int_eq(fix_send(f, &fl, 10), -EACCES);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(no_route)
{
    struct ust_addr zero = ip("0.0.0.0"), gw = ip("10.0.0.1"), v6;
    ck_assert_int_eq(route_del(f->net, &zero, 96, &gw), 0);
    struct ip_flow fl = flow("192.0.2.1");
    ck_assert_int_eq(fix_send(f, &fl, 10), -ENETUNREACH);
    ck_assert(addr_parse("2001:db8::1", &v6));
    fl.dst = v6;
    ck_assert_int_eq(fix_send(f, &fl, 10), -ENETUNREACH);
}
END_TEST

START_TEST(groups_loop_back)
{
    struct ust_addr g = ip("239.1.2.3");
    struct ip_flow fl = flow("239.1.2.3");
    fl.mcast_loop = true;
    fix_send(f, &fl, 10);
    ck_assert_int_eq(fix_rx_loop(f), DROP_COUNT); /* not joined */
    net_group_join(f->net, f->now, &g);
    fix_flush(f);
    fix_send(f, &fl, 2000); /* whole in the loop, in two fragments on the wire */
    ck_assert_uint_eq(fix_flush(f), 2);
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    ck_assert_uint_eq(f->rx.payload.len, 2008);
    ck_assert_int_eq(fix_rx_loop(f), DROP_COUNT);
    fl.mcast_loop = false;
    fix_send(f, &fl, 10);
    ck_assert_int_eq(fix_rx_loop(f), DROP_COUNT);
    fl = flow("10.0.0.255");
    fl.broadcast_ok = true;
    fix_send(f, &fl, 10);
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    net_group_leave(f->net, f->now, &g);
    fix_flush(f);
}
END_TEST

START_TEST(options_are_sent)
{
    static const uint8_t ra[4] = {148, 4, 0, 0};
    struct ip_flow fl = flow("10.0.0.7");
    fl.opts = slice_of(ra, 4);
    fix_send(f, &fl, 10);
    const struct sent *o = fix_sent(f);
    ck_assert_uint_eq(o->ip.hdr_len, 24);
    ck_assert_mem_eq(o->ip.opts.p, ra, 4);
    ck_assert_uint_eq(o->l4.len, 18);
}
END_TEST

/* ---- size ---- */

static const struct size_case {
    const char *name;
    size_t len; /* behind 8 bytes of L4 header */
    uint32_t pmtu;
    bool locked, df, ignore;
    int result;
    uint32_t frames;
    bool df_out;
} size_cases[] = {
    {"just fits", 1472, 0, false, true, false, 0, 1, true},
    {"one over, DF", 1473, 0, false, true, false, -EMSGSIZE, 0, false},
    {"one over", 1473, 0, false, false, false, 0, 2, false},
    {"path MTU fits", 972, 1000, false, true, false, 0, 1, true},
    {"path MTU, DF", 973, 1000, false, true, false, -EMSGSIZE, 0, false},
    {"path MTU, cut", 973, 1000, false, false, false, 0, 2, false},
    {"path MTU ignored, DF", 1472, 1000, false, true, true, 0, 1, true},
    {"path MTU ignored, over the link's", 1473, 1000, false, true, true, -EMSGSIZE, 0, false},
    {"locked: DF is dropped", 100, 552, true, true, false, 0, 1, false},
    {"locked: cut in spite of DF", 1000, 552, true, true, false, 0, 2, false},
    {"largest", 65507, 0, false, false, false, 0, 45, false},
    {"beyond the largest", 65508, 0, false, false, false, -EMSGSIZE, 0, false},
};

START_TEST(size_table)
{
    const struct size_case *c = &size_cases[_i];
    struct ip_flow fl = flow("10.0.0.7");
    if (c->pmtu)
        path_mtu("10.0.0.7", c->pmtu, c->locked);
    fl.df = c->df;
    fl.ignore_pmtu = c->ignore;
    int r = fix_send(f, &fl, c->len);
    ck_assert_msg(r == c->result, "%s: %d", c->name, r);
    uint32_t n = 0;
    while (fix_sent(f)->any) {
        ck_assert_msg(f->out.ip.df == c->df_out, "%s: DF", c->name);
        n++;
    }
    ck_assert_msg(n == c->frames, "%s: %u frames", c->name, n);
}
END_TEST

/* Every fragment in order: lengths, offsets, MF, one id, the bytes. */
static void collect(size_t l4_total, uint32_t mtu) {
    uint32_t off = 0, cnt = 0;
    uint16_t id = 0;
    const struct sent *o;
    while ((o = fix_sent(f))->any) {
        must(o->is_ip4 && o->l3.len <= mtu);
        must_eq(o->ip.frag_off, off);
        if (cnt)
            must_eq(o->ip.id, id);
        id = o->ip.id;
        must(o->ip.mf == (off + o->l4.len < l4_total));
        must(!o->ip.mf || o->l4.len % 8 == 0);
        for (size_t i = 0; i < o->l4.len; i++)
            must_eq(o->l4.p[i], off + i < 8 ? 0 : fix_byte(off + i - 8));
        off += (uint32_t)o->l4.len;
        cnt++;
    }
    ck_assert_uint_eq(off, l4_total);
    ck_assert_uint_ge(cnt, 2);
}

START_TEST(fragments)
{
    static const size_t lens[] = {1473, 2952, 2953, 5000, 9999, 65507};
    struct ip_flow fl = flow("10.0.0.7");
    ck_assert_int_eq(fix_send(f, &fl, lens[_i]), 0);
    collect(lens[_i] + 8, 1500);
}
END_TEST

START_TEST(fragments_behind_arp)
{
    struct ip_flow fl = flow("10.0.0.8");
    ck_assert_int_eq(fix_send(f, &fl, 30000), 0);
    ck_assert_uint_eq(fix_flush(f), 1);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.8", &fix_mac, "10.0.0.2", &fix_mac);
    collect(30008, 1500);
}
END_TEST

START_TEST(fragments_of_tiny_mtu)
{
    netfix_free(f);
    f = netfix_new(68, 0, 0);
    fix_know(f, "10.0.0.7", &fix_other_mac);
    struct ip_flow fl = flow("10.0.0.7");
    ck_assert_int_eq(fix_send(f, &fl, 1000), 0);
    collect(1008, 68);
    /* a packet of more fragments than the queue has room for is refused whole */
    ck_assert_int_eq(fix_send(f, &fl, 60000), -ENOBUFS);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

START_TEST(fragments_copy_options)
{
    /* router alert is copied, record route is not */
    static const uint8_t opts[12] = {148, 4, 0, 0, 7, 7, 4, 0, 0, 0, 0, 0};
    struct ip_flow fl = flow("10.0.0.7");
    fl.opts = slice_of(opts, 12);
    fix_send(f, &fl, 4000);
    const struct sent *o = fix_sent(f);
    ck_assert_uint_eq(o->ip.hdr_len, 32);
    uint32_t off = (uint32_t)o->l4.len;
    while ((o = fix_sent(f))->any) {
        ck_assert_uint_eq(o->ip.hdr_len, 24);
        ck_assert_mem_eq(o->ip.opts.p, opts, 4);
        ck_assert_uint_eq(o->ip.frag_off, off);
        off += (uint32_t)o->l4.len;
    }
    ck_assert_uint_eq(off, 4008);
}
END_TEST

START_TEST(fragments_complete_the_checksum)
{
    enum { LEN = 3000 };
    uint8_t *buf = buf_alloc(&f->c->arena, LEN);
    struct pkt_tx *p = link_reserve(f->link);
    struct ust_addr src = ip("10.0.0.2"), dst = ip("10.0.0.7");
    struct udp_hdr h = {.sport = 7, .dport = 9, .len = LEN + 8};
    for (int i = 0; i < LEN; i++)
        buf[i] = fix_byte((size_t)i);
    udp_emit_partial(&h, &src, &dst, pkt_start(p, UDP_HDR_LEN));
    p->own = buf;
    p->needs_csum = true;
    p->csum_off = UDP_CSUM_OFF;
    pkt_add_body(p, slice_of(buf, LEN));
    struct ip_flow fl = {.src = src, .dst = dst, .proto = IP_PROTO_UDP};
    ck_assert_int_eq(ip_output(f->net, f->now, p, &fl), 0);
    uint8_t all[LEN + 8];
    while (fix_sent(f)->any) {
        ck_assert(!f->out.needs_csum);
        memcpy(all + f->out.ip.frag_off, f->out.l4.p, f->out.l4.len);
    }
    struct udp_hdr g;
    struct ust_slice rest;
    ck_assert_int_eq(udp_parse(slice_of(all, sizeof all), &src, &dst, false, &g, &rest), DROP_NONE);
}
END_TEST

/* ---- offloads ---- */

static int send_tcp(const char *dst, uint32_t len, uint16_t mss, bool df) {
    struct ust_addr d = ip(dst), s = ip("10.0.0.2");
    struct tcp_hdr h = {.sport = 1, .dport = 2, .seq = seq_of(1000), .flags = TCPF_ACK, .wnd = 99};
    uint8_t *buf = buf_alloc(&f->c->arena, len);
    for (uint32_t i = 0; i < len; i++)
        buf[i] = fix_byte(i);
    struct pkt_tx *p = link_reserve(f->link);
    tcp_emit_partial(&h, &s, &d, (uint32_t)tcp_hdr_len(&h) + len, pkt_start(p, tcp_hdr_len(&h)));
    p->own = buf;
    pkt_add_body(p, slice_of(buf, len));
    p->needs_csum = true;
    p->csum_off = TCP_CSUM_OFF;
    if (mss) {
        p->gso = PKT_GSO_TCP4;
        p->gso_size = mss;
    }
    struct ip_flow fl = {.src = s, .dst = d, .proto = IP_PROTO_TCP, .df = df};
    return ip_output(f->net, f->now, p, &fl);
}

START_TEST(gso_is_judged_by_its_segments)
{
    ck_assert_int_eq(send_tcp("10.0.0.7", 40000, 1460, true), 0);
    const struct sent *o = fix_sent(f);
    ck_assert_uint_eq(o->gso, PKT_GSO_TCP4);
    ck_assert_uint_eq(o->gso_size, 1460);
    ck_assert_uint_eq(o->l3.len, 40040);
    ck_assert(o->needs_csum);
    ck_assert_int_eq(send_tcp("10.0.0.7", 40000, 1461, true), -EMSGSIZE);
    ck_assert_int_eq(send_tcp("10.0.0.7", 40000, 1461, false), -EMSGSIZE);
    path_mtu("10.0.0.7", 1400, false);
    ck_assert_int_eq(send_tcp("10.0.0.7", 40000, 1460, true), -EMSGSIZE);
    ck_assert_int_eq(send_tcp("10.0.0.7", 40000, 1360, true), 0);
    ck_assert_int_eq(send_tcp("10.0.0.7", 65535 - 39, 1360, true), -EMSGSIZE);
    fix_flush(f);
}
END_TEST

START_TEST(gso_behind_arp_keeps_its_fields)
{
    struct ust_addr s = ip("10.0.0.2"), d = ip("10.0.0.8");
    struct tcp_hdr h;
    struct ust_slice body;
    ck_assert_int_eq(send_tcp("10.0.0.8", 5000, 1460, true), 0);
    ck_assert_int_eq(send_tcp("10.0.0.8", 30, 0, true), 0);
    ck_assert_uint_eq(fix_flush(f), 1);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.8", &fix_mac, "10.0.0.2", &fix_mac);
    const struct sent *o = fix_sent(f);
    ck_assert_uint_eq(o->gso, PKT_GSO_TCP4);
    ck_assert_uint_eq(o->gso_size, 1460);
    ck_assert(o->needs_csum);
    ck_assert_int_eq(tcp_parse(o->l4, &s, &d, false, &h, &body), DROP_NONE);
    ck_assert_uint_eq(body.len, 5000);
    for (size_t i = 0; i < body.len; i++)
        must_eq(body.p[i], fix_byte(i));
    o = fix_sent(f);
    ck_assert_uint_eq(o->gso, PKT_GSO_NONE);
    ck_assert_int_eq(tcp_parse(o->l4, &s, &d, false, &h, &body), DROP_NONE);
    ck_assert_uint_eq(body.len, 30);
}
END_TEST

/* ---- identification ---- */

START_TEST(ids_are_unique)
{
    struct ip_flow fl = flow("10.0.0.7");
    bool seen[65536] = {false};
    for (int i = 0; i < 5000; i++) {
        must_eq(fix_send(f, &fl, 10), 0);
        uint16_t id = fix_sent(f)->ip.id;
        must(!seen[id]);
        seen[id] = true;
        if (i % 100 == 0)
            fix_advance(f, NS_PER_MS * 3);
    }
}
END_TEST

START_TEST(ids_count_segments)
{
    ck_assert_int_eq(send_tcp("10.0.0.7", 14600, 1460, true), 0);
    uint16_t first = fix_sent(f)->ip.id;
    ck_assert_int_eq(send_tcp("10.0.0.7", 10, 0, true), 0);
    ck_assert_uint_eq((uint16_t)(fix_sent(f)->ip.id - first), 10);
}
END_TEST

START_TEST(ids_start_apart)
{
    uint16_t id[8];
    bool differ = false;
    for (int i = 0; i < 8; i++) {
        struct ip_flow fl = flow("10.0.0.7");
        fl.proto = (uint8_t)(100 + i);
        fix_send(f, &fl, 1);
        id[i] = fix_sent(f)->ip.id;
        if (i && (uint16_t)(id[i] - id[i - 1]) > 16)
            differ = true;
    }
    ck_assert(differ);
}
END_TEST

/* ---- never lost, never leaked ---- */

START_TEST(full_queue)
{
    struct ip_flow fl = flow("10.0.0.7");
    while (link_room(f->link) > 3)
        ck_assert_int_eq(fix_send(f, &fl, 10), 0);
    ck_assert_int_eq(fix_send(f, &fl, 5000), -ENOBUFS); /* four fragments do not fit */
    ck_assert_int_eq(fix_send(f, &fl, 2000), 0);
    ck_assert_int_eq(fix_send(f, &fl, 10), 0);
    ck_assert_ptr_null(link_reserve(f->link));
    ck_assert_uint_eq(fix_flush(f), LINK_TXQ_CAP);
}
END_TEST

START_TEST(queue_full_when_the_answer_comes)
{
    struct ip_flow fl = flow("10.0.0.8"), other = flow("10.0.0.7");
    fix_send(f, &fl, 10);
    fix_send(f, &fl, 10);
    while (link_room(f->link) > 1)
        fix_send(f, &other, 1);
    fix_rx_arp(f, ARP_OP_REPLY, &fix_other_mac, "10.0.0.8", &fix_mac, "10.0.0.2", &fix_mac);
    ck_assert_uint_eq(fix_drops(f, DROP_LINK_TXQ_FULL), 1);
    ck_assert_uint_eq(fix_flush(f), LINK_TXQ_CAP);
}
END_TEST

START_TEST(fragments_through_a_duplicating_fault_link)
{
    struct fault_cfg cfg = {.tx = {.dup_ppm = 1000000}, .seed = 1, .on = true};
    struct ip_flow fl = flow("10.0.0.7");
    ck_assert_int_eq(fault_attach(f->link, &cfg, f->now), 0);
    for (int i = 0; i < 12; i++) { /* more frames than slots, each frame twice */
        int r = fix_send(f, &fl, 40000);
        must(r == 0 || r == -ENOBUFS);
    }
    while (fix_flush(f))
        fix_advance(f, 2 * NS_PER_MS);
}
END_TEST

int main(void) {
    Suite *s = suite_create("ip4_output");
    TCase *t = tcase_create("ip4_output");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, plain);
    tcase_add_loop_test(t, hop_table, 0, (int)UST_ARRAY_CNT(hop_cases));
    tcase_add_test(t, broadcast_wants_permission);
    tcase_add_test(t, no_route);
    tcase_add_test(t, groups_loop_back);
    tcase_add_test(t, options_are_sent);
    tcase_add_loop_test(t, size_table, 0, (int)UST_ARRAY_CNT(size_cases));
    tcase_add_loop_test(t, fragments, 0, 6);
    tcase_add_test(t, fragments_behind_arp);
    tcase_add_test(t, fragments_of_tiny_mtu);
    tcase_add_test(t, fragments_copy_options);
    tcase_add_test(t, fragments_complete_the_checksum);
    tcase_add_test(t, gso_is_judged_by_its_segments);
    tcase_add_test(t, gso_behind_arp_keeps_its_fields);
    tcase_add_test(t, ids_are_unique);
    tcase_add_test(t, ids_count_segments);
    tcase_add_test(t, ids_start_apart);
    tcase_add_test(t, full_queue);
    tcase_add_test(t, queue_full_when_the_answer_comes);
    tcase_add_test(t, fragments_through_a_duplicating_fault_link);
    suite_add_tcase(s, t);
    return run_suite(s);
}
