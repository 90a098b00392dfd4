/* SPDX-License-Identifier: ISC */
/* Ping and raw endpoints, error queues, IP options, source filters: what udp/ offers beside UDP itself. */
#include "net/netfix.h"

#include <netinet/in.h>

static struct netfix *f;
static struct udp *u;

static void setup(void) {
    f = netfix_new(FIX_MTU, 0, 0);
    netfix_udp(f);
    u = f->udp;
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    fix_know(f, "10.0.0.7", &fix_other_mac);
    fix_flush(f);
}
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

static struct udp_pcb *pcb(enum udp_kind kind, uint8_t proto) {
    struct udp_pcb *p = udp_pcb_new_kind(u, kind, proto);
    ck_assert_ptr_nonnull(p);
    return p;
}
static int bind_to(struct udp_pcb *p, const char *a, uint16_t port) {
    struct ust_addr x = ip(a);
    return udp_bind(u, p, &x, port);
}
static int send_as(struct udp_pcb *p, struct udp_send to, const char *dst, const void *data,
                   size_t len) {
    uint8_t *b = udp_buf(u, len);
    if (dst)
        to.dst = ip(dst);
    memcpy(b, data, len);
    int r = udp_send(u, f->now, p, &to, b, len);
    must_hold(udp_check(u));
    return r;
}
static int send_to(struct udp_pcb *p, const char *dst, uint16_t dport, const void *data,
                   size_t len) {
    return send_as(p, (struct udp_send){.dport = dport}, dst, data, len);
}

static const uint8_t echo[12] = {8, 0, 0xaa, 0xaa, 0x12, 0x34, 0, 7, 'a', 'b', 'c', 'd'};

/* ---- ping ---- */

START_TEST(ping_writes_its_own_identifier)
{
    struct udp_pcb *p = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    struct icmp4_hdr h;
    struct ust_slice body;
    ck_assert_int_eq(bind_to(p, "0.0.0.0", 77), 0);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, echo, sizeof echo), 0);
    const struct sent *o = fix_sent(f);
    ck_assert(o->is_ip4 && o->ip.proto == IP_PROTO_ICMP);
    ck_assert_int_eq(icmp4_parse(o->l4, false, &h, &body), DROP_NONE);
    ck_assert_uint_eq(h.id, 77);
    ck_assert_uint_eq(h.seq, 7);
    ck_assert_uint_eq(body.len, 4);
    ck_assert_mem_eq(body.p, "abcd", 4);
}
END_TEST

START_TEST(ping_sends_echo_requests_only)
{
    struct udp_pcb *p = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    uint8_t other[12] = {0};
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, other, 12), -EINVAL);
    other[0] = 8;
    other[1] = 1;
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, other, 12), -EINVAL);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, echo, 7), -EINVAL);
    ck_assert_int_eq(send_to(p, NULL, 0, echo, 12), -EDESTADDRREQ);
    ck_assert(!fix_sent(f)->any);
}
END_TEST

/* Identifiers are shared only if both say so, whatever the address. */
START_TEST(ping_identifiers)
{
    struct udp_pcb *a = pcb(UDP_KIND_PING, IP_PROTO_ICMP), *b = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    struct udp_pcb *c = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    ck_assert_int_eq(bind_to(a, "0.0.0.0", 5), 0);
    ck_assert_int_eq(bind_to(b, "10.0.0.2", 5), -EADDRINUSE);
    a->bind.reuseaddr = b->bind.reuseaddr = true;
    ck_assert_int_eq(bind_to(b, "10.0.0.2", 5), 0);
    ck_assert_int_eq(bind_to(c, "10.0.0.9", 0), -EADDRNOTAVAIL);
    ck_assert_int_eq(bind_to(c, "0.0.0.0", 0), 0);
    ck_assert_uint_ne(c->bind.port, 0);
    ck_assert_uint_ne(c->bind.port, 5);
}
END_TEST

static enum drop reply(uint16_t id) {
    static uint8_t m[12];
    struct icmp4_hdr h = {.type = ICMP4_ECHO_REPLY, .id = id, .seq = 3}, got;
    struct ust_slice body = slice_of("wxyz", 4);
    icmp4_emit(&h, &body, 1, m);
    memcpy(m + ICMP4_HDR_LEN, "wxyz", 4);
    struct fix_ip p = {.src = "10.0.0.7",
                       .dst = "10.0.0.2",
                       .proto = IP_PROTO_ICMP,
                       .ttl = 9,
                       .payload = slice_of(m, sizeof m)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    struct ip_error e;
    ck_assert_int_eq(icmp4_rx(f->net, f->now, &f->rx, &got, &body, &e), DROP_ICMP_ECHO_REPLY);
    udp_raw_rx(u, f->now, &f->rx);
    return udp_ping_rx(u, f->now, &f->rx, got.id);
}

START_TEST(ping_hears_replies_to_its_identifier)
{
    struct udp_pcb *p = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    bind_to(p, "0.0.0.0", 5);
    ck_assert_int_eq(reply(6), DROP_ICMP_ECHO_REPLY);
    ck_assert_ptr_null(udp_peek(p));
    ck_assert_int_eq(reply(5), DROP_NONE);
    const struct udp_dgram *d = udp_peek(p);
    ck_assert_uint_eq(d->len, 12); /* from the ICMP header on */
    ck_assert_mem_eq(d->buf + 8, "wxyz", 4);
    ck_assert_uint_eq(d->ttl, 9);
    ck_assert_uint_eq(d->sport, 0);
}
END_TEST

/* ---- raw ---- */

START_TEST(raw_hears_whole_packets)
{
    struct udp_pcb *all = pcb(UDP_KIND_RAW, IP_PROTO_ICMP),
                   *bound = pcb(UDP_KIND_RAW, IP_PROTO_ICMP);
    struct udp_pcb *filtered = pcb(UDP_KIND_RAW, IP_PROTO_ICMP), *udp = pcb(UDP_KIND_RAW, 17);
    struct udp_pcb *peer = pcb(UDP_KIND_RAW, IP_PROTO_ICMP);
    struct ust_addr other = ip("10.0.0.1");
    bind_to(bound, "10.0.0.2", 0);
    filtered->icmp_filter = 1u << ICMP4_ECHO_REPLY;
    ck_assert_int_eq(udp_connect(u, peer, &other, 0), 0);
    reply(5);
    ck_assert_uint_eq(udp_peek(all)->len, 32);
    ck_assert_uint_eq(udp_peek(all)->buf[0], 0x45);
    ck_assert_ptr_nonnull(udp_peek(bound));
    ck_assert_ptr_null(udp_peek(filtered));
    ck_assert_ptr_null(udp_peek(udp));
    ck_assert_ptr_null(udp_peek(peer));
    must_hold(udp_check(u));
}
END_TEST

START_TEST(raw_sends_what_it_is_given)
{
    struct udp_pcb *p = pcb(UDP_KIND_RAW, 253);
    uint8_t pattern[3000];
    memset(pattern, 7, sizeof pattern);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, pattern, 100), 0);
    const struct sent *o = fix_sent(f);
    ck_assert(o->is_ip4 && o->ip.proto == 253);
    ck_assert_uint_eq(o->l4.len, 100);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, pattern, sizeof pattern), 0);
    ck_assert_uint_eq(fix_flush(f), 3); /* fragments */
}
END_TEST

START_TEST(raw_with_the_program_s_header)
{
    struct udp_pcb *p = pcb(UDP_KIND_RAW, IPPROTO_RAW);
    uint8_t pkt[28] = {0x45, 0x10, 1, 2, 0, 0, 0x40, 0, 3, 99, 0xff, 0xff, 0, 0, 0, 0, 10, 0, 0, 9};
    static uint8_t big[1501] = {0x45};
    ck_assert(p->hdrincl);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, pkt, sizeof pkt), 0);
    const struct sent *o = fix_sent(f);
    struct ust_addr src = ip("10.0.0.2"), dst = ip("10.0.0.9");
    ck_assert(o->is_ip4 && o->ip.proto == 99 && o->ip.ttl == 3 && o->ip.tos == 0x10 && o->ip.df);
    ck_assert(addr_eq(&o->ip.src, &src) && addr_eq(&o->ip.dst, &dst)); /* the header's own */
    ck_assert(mac_eq(&o->eth.dst, &fix_peer_mac));                     /* the route's */
    ck_assert_uint_eq(o->ip.total_len, 28);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, big, sizeof big), -EMSGSIZE);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 0, pkt, 19), -EINVAL);
}
END_TEST

/* ---- errors ---- */

/* An ICMP error about the first packet that was sent; its quote has room bytes behind the IP header. */
static bool error_about_sent(uint8_t type, uint8_t code, uint16_t mtu, size_t room) {
    static uint8_t m[600];
    const struct sent *o = fix_sent(f);
    struct icmp4_hdr h = {.type = type, .code = code, .mtu = mtu}, got;
    struct ust_slice body = slice_head(o->l3, o->ip.hdr_len + room);
    struct ip_error e;
    icmp4_emit(&h, &body, 1, m);
    memcpy(m + ICMP4_HDR_LEN, body.p, body.len);
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = IP_PROTO_ICMP,
                       .ttl = 250,
                       .tos = 0xc0,
                       .payload = slice_of(m, ICMP4_HDR_LEN + body.len)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    ck_assert_int_eq(icmp4_rx(f->net, f->now, &f->rx, &got, &body, &e), DROP_COUNT);
    bool heard = udp_ip_error(u, f->now, &e);
    must_hold(udp_check(u));
    return heard;
}

START_TEST(errors_are_kept_with_what_they_are_about)
{
    struct udp_pcb *p = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    struct ust_addr from = ip("10.0.0.1"), dst = ip("10.0.0.7");
    p->recverr = true;
    send_to(p, "10.0.0.7", 33434, "payload", 7);
    ck_assert(error_about_sent(ICMP4_TIME_EXCEEDED, 0, 0, 100));
    send_to(p, "10.0.0.7", 33435, "payload", 7);
    ck_assert(error_about_sent(ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0, 8));
    const struct errq_item *e = errq_peek(&p->errq);
    ck_assert_int_eq(e->err, EHOSTUNREACH);
    ck_assert_int_eq(e->origin, ERRQ_ICMP4);
    ck_assert_uint_eq(e->type, ICMP4_TIME_EXCEEDED);
    ck_assert(addr_eq(&e->offender, &from) && addr_eq(&e->dst, &dst));
    ck_assert_uint_eq(e->dport, 33434);
    ck_assert_uint_eq(e->ttl, 250);
    ck_assert_uint_eq(e->len, 7);
    ck_assert_mem_eq(e->buf, "payload", 7);
    ck_assert_int_eq(p->err, ECONNREFUSED);                       /* the latest */
    ck_assert_int_eq(errq_consume(&p->errq, f->c), ECONNREFUSED); /* the next one is SO_ERROR now */
    ck_assert_uint_eq(errq_peek(&p->errq)->len, 0);
    ck_assert_int_eq(errq_consume(&p->errq, f->c), 0);
    ck_assert_ptr_null(errq_peek(&p->errq));
}
END_TEST

START_TEST(errors_without_recverr)
{
    struct udp_pcb *p = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    struct ust_addr dst = ip("10.0.0.7");
    send_to(p, "10.0.0.7", 0, echo, sizeof echo);
    ck_assert(error_about_sent(ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0, 12));
    ck_assert_int_eq(p->err, 0); /* not connected */
    udp_connect(u, p, &dst, 0);
    send_to(p, NULL, 0, echo, sizeof echo);
    ck_assert(error_about_sent(ICMP4_TIME_EXCEEDED, 0, 0, 12));
    ck_assert_int_eq(p->err, 0); /* soft */
    send_to(p, NULL, 0, echo, sizeof echo);
    ck_assert(error_about_sent(ICMP4_UNREACH, ICMP4_PORT_UNREACH, 0, 12));
    ck_assert_int_eq(p->err, ECONNREFUSED);
    ck_assert_ptr_null(errq_peek(&p->errq));
}
END_TEST

START_TEST(errors_for_ping_and_raw)
{
    struct udp_pcb *ping = pcb(UDP_KIND_PING, IP_PROTO_ICMP), *raw = pcb(UDP_KIND_RAW, 1);
    ping->recverr = raw->recverr = true;
    send_to(ping, "10.0.0.7", 0, echo, sizeof echo);
    ck_assert(error_about_sent(ICMP4_TIME_EXCEEDED, 0, 0, 12));
    ck_assert_uint_eq(errq_peek(&ping->errq)->len, 12); /* from the ICMP header on */
    ck_assert_uint_eq(errq_peek(&raw->errq)->len, 12);
    errq_consume(&raw->errq, f->c);
    raw->hdrincl = true;
    send_to(ping, "10.0.0.7", 0, echo, sizeof echo);
    error_about_sent(ICMP4_TIME_EXCEEDED, 0, 0, 12);
    ck_assert_uint_eq(errq_peek(&raw->errq)->len, 32); /* with the IP header */
}
END_TEST

START_TEST(errors_are_bounded_by_the_receive_buffer)
{
    struct udp_pcb *p = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    p->recverr = true;
    p->rcvbuf = 10 * ERRQ_CHARGE;
    for (int i = 0; i < 50; i++) {
        send_to(p, "10.0.0.7", 33434, "payload", 7);
        error_about_sent(ICMP4_TIME_EXCEEDED, 0, 0, 100);
    }
    ck_assert_uint_eq(p->errq.cnt, 9);
}
END_TEST

START_TEST(too_long_for_the_path)
{
    struct udp_pcb *p = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    static uint8_t big[1473];
    p->recverr = true;
    p->pmtudisc = IP_PMTUDISC_DO;
    ck_assert_int_eq(send_to(p, "10.0.0.7", 9, big, 1472), 0);
    ck_assert(error_about_sent(ICMP4_UNREACH, ICMP4_FRAG_NEEDED, 1000, 100));
    const struct errq_item *e = errq_peek(&p->errq);
    ck_assert_int_eq(e->err, EMSGSIZE);
    ck_assert_uint_eq(e->info, 1000);
    errq_consume(&p->errq, f->c);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 9, big, 973), -EMSGSIZE);
    e = errq_peek(&p->errq);
    ck_assert_int_eq(e->origin, ERRQ_LOCAL);
    ck_assert_uint_eq(e->info, 1000);
    ck_assert_int_eq(errq_consume(&p->errq, f->c), 0);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 9, big, 972), 0);
    p->pmtudisc = IP_PMTUDISC_PROBE; /* the path is not asked, the link is */
    ck_assert_int_eq(send_to(p, "10.0.0.7", 9, big, 1472), 0);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 9, big, 1473), -EMSGSIZE);
    ck_assert_uint_eq(errq_peek(&p->errq)->info, 1500);
    fix_flush(f);
}
END_TEST

/* ---- options ---- */

START_TEST(options_go_out_and_come_in)
{
    struct udp_pcb *p = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    static const uint8_t rr[8] = {7, 7, 4, 0, 0, 0, 0, 0};
    memcpy(p->opts, rr, sizeof rr);
    p->opts_len = sizeof rr;
    bind_to(p, "0.0.0.0", 53);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 9, "x", 1), 0);
    const struct sent *o = fix_sent(f);
    ck_assert_uint_eq(o->ip.opts.len, 8);
    ck_assert_mem_eq(o->ip.opts.p, rr, 8);
    uint8_t l4[8] = {0, 9, 0, 53, 0, 8};
    struct fix_ip in = {.src = "10.0.0.7",
                        .dst = "10.0.0.2",
                        .proto = IP_PROTO_UDP,
                        .opts = slice_of(rr, 8),
                        .payload = slice_of(l4, 8)};
    ck_assert_int_eq(fix_rx_ip(f, &in), DROP_NONE);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
    ck_assert_uint_eq(udp_peek(p)->opts_len, 8);
    ck_assert_mem_eq(udp_peek(p)->opts, rr, 8);
}
END_TEST

static const struct {
    const char *name;
    uint8_t bytes[8];
    size_t len;
    bool any, ok;
} option_cases[] = {
    {"none", {0}, 0, false, true},
    {"no-operation", {1, 1, 1, 0}, 4, false, true},
    {"record route", {7, 7, 4}, 8, false, true},
    {"record route, pointer too low", {7, 7, 3}, 8, false, false},
    {"timestamp", {68, 8, 5}, 8, false, true},
    {"router alert", {148, 4, 0, 0}, 4, false, true},
    {"loose source route", {131, 7, 4}, 8, true, false},
    {"strict source route", {137, 7, 4}, 8, true, false},
    {"unknown", {30, 4, 0, 0}, 4, false, false},
    {"unknown, of one who may", {30, 4, 0, 0}, 4, true, true},
    {"over the end", {7, 9, 4}, 8, true, false},
    {"length 0", {30, 0}, 4, true, false},
    {"length missing", {1, 1, 1, 7}, 4, true, false},
};

START_TEST(options_that_may_be_sent)
{
    uint8_t b[8];
    memcpy(b, option_cases[_i].bytes, 8);
    bool ok = ip4_clean_options(b, option_cases[_i].len, option_cases[_i].any);
    ck_assert_msg(ok == option_cases[_i].ok, "%s", option_cases[_i].name);
    uint8_t tail[4] = {1, 0, 9, 9};
    ck_assert(ip4_clean_options(tail, 4, false));
    ck_assert_mem_eq(tail, "\1\0\0\0", 4);
}
END_TEST

/* ---- source filters: errno by errno what Linux's ip_mc_source() answers ---- */

static int source(struct udp_pcb *p, const char *src, enum mcast_mode mode, bool add) {
    struct ust_addr g = ip("239.1.2.3"), s = ip(src);
    int r = udp_group_source(u, f->now, p, &g, &s, mode, add);
    must_hold(udp_check(u));
    return r;
}
static bool hears(struct udp_pcb *p, const char *src) {
    uint8_t l4[8] = {0, 9, 0, 53, 0, 8};
    struct fix_ip in = {
        .src = src, .dst = "239.1.2.3", .proto = IP_PROTO_UDP, .payload = slice_of(l4, 8)};
    if (fix_rx_ip(f, &in) != DROP_NONE)
        return false;
    udp_rx(u, f->now, &f->rx);
    bool heard = udp_peek(p) != NULL;
    if (heard)
        udp_consume(u, p);
    return heard;
}

START_TEST(source_filters)
{
    struct udp_pcb *p = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    struct ust_addr g = ip("239.1.2.3");
    bind_to(p, "0.0.0.0", 53);
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_EXCLUDE, true), -EINVAL); /* not joined */
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_INCLUDE, false), -EINVAL);
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_INCLUDE, true), 0);
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_INCLUDE, true), -EADDRNOTAVAIL);
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_EXCLUDE, true), -EINVAL); /* other mode */
    ck_assert(hears(p, "10.0.0.7") && !hears(p, "10.0.0.8"));
    ck_assert_int_eq(source(p, "10.0.0.8", MCAST_MODE_INCLUDE, false), -EADDRNOTAVAIL);
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_INCLUDE, false), 0); /* the last: leaves */
    ck_assert_ptr_null(udp_group_find(p, &g));
    ck_assert_int_eq(udp_group_join(u, f->now, p, &g), 0);
    ck_assert_int_eq(udp_group_join(u, f->now, p, &g), -EADDRINUSE);
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_EXCLUDE, true), 0);
    ck_assert(!hears(p, "10.0.0.7") && hears(p, "10.0.0.8"));
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_EXCLUDE, false), 0);
    ck_assert(hears(p, "10.0.0.7"));
    ck_assert_int_eq(source(p, "10.0.0.7", MCAST_MODE_INCLUDE, true), 0); /* empty: may change */
    ck_assert(hears(p, "10.0.0.7") && !hears(p, "10.0.0.8"));
    for (uint32_t i = 1; i < UDP_MSF_MAX; i++) {
        struct ust_addr s = addr_from_ip4(0x0a010000 + i);
        ck_assert_int_eq(udp_group_source(u, f->now, p, &g, &s, MCAST_MODE_INCLUDE, true), 0);
    }
    ck_assert_int_eq(source(p, "10.0.0.9", MCAST_MODE_INCLUDE, true), -ENOBUFS);
    struct mcast_filter none = {.mode = MCAST_MODE_INCLUDE};
    ck_assert_int_eq(udp_group_filter(u, f->now, p, &g, &none), 0);
    ck_assert_ptr_null(udp_group_find(p, &g));
    ck_assert_int_eq(udp_group_filter(u, f->now, p, &g, &none), -EINVAL);
    fix_flush(f);
}
END_TEST

/* One member for any source, one for a source only: the host takes all, each socket what it wants. */
START_TEST(filters_are_each_socket_s_own)
{
    struct udp_pcb *p = pcb(UDP_KIND_UDP, IP_PROTO_UDP), *q = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    struct udp_pcb *all = pcb(UDP_KIND_UDP, IP_PROTO_UDP), *own = pcb(UDP_KIND_UDP, IP_PROTO_UDP);
    struct udp_pcb *each[] = {p, q, all, own};
    struct ust_addr g = ip("239.1.2.3");
    own->mcast_all = false;
    for (size_t i = 0; i < 4; i++) {
        each[i]->bind.reuseaddr = true;
        bind_to(each[i], "0.0.0.0", 53);
    }
    udp_group_join(u, f->now, p, &g);
    source(q, "10.0.0.7", MCAST_MODE_INCLUDE, true);
    ck_assert(hears(p, "10.0.0.8"));
    ck_assert_ptr_null(udp_peek(q));
    ck_assert_ptr_nonnull(udp_peek(all)); /* IP_MULTICAST_ALL */
    ck_assert_ptr_null(udp_peek(own));
    ck_assert(hears(q, "10.0.0.7"));
    fix_flush(f);
}
END_TEST

START_TEST(rebuilt)
{
    struct udp_pcb *p = pcb(UDP_KIND_PING, IP_PROTO_ICMP);
    pcb(UDP_KIND_RAW, 1);
    bind_to(p, "0.0.0.0", 5);
    udp_rebuild(u);
    must_hold(udp_check(u));
    ck_assert_int_eq(reply(5), DROP_NONE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("dgram");
    TCase *t = tcase_create("dgram");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, ping_writes_its_own_identifier);
    tcase_add_test(t, ping_sends_echo_requests_only);
    tcase_add_test(t, ping_identifiers);
    tcase_add_test(t, ping_hears_replies_to_its_identifier);
    tcase_add_test(t, raw_hears_whole_packets);
    tcase_add_test(t, raw_sends_what_it_is_given);
    tcase_add_test(t, raw_with_the_program_s_header);
    tcase_add_test(t, errors_are_kept_with_what_they_are_about);
    tcase_add_test(t, errors_without_recverr);
    tcase_add_test(t, errors_for_ping_and_raw);
    tcase_add_test(t, errors_are_bounded_by_the_receive_buffer);
    tcase_add_test(t, too_long_for_the_path);
    tcase_add_test(t, options_go_out_and_come_in);
    tcase_add_loop_test(t, options_that_may_be_sent, 0, (int)UST_ARRAY_CNT(option_cases));
    tcase_add_test(t, source_filters);
    tcase_add_test(t, filters_are_each_socket_s_own);
    tcase_add_test(t, rebuilt);
    suite_add_tcase(s, t);
    return run_suite(s);
}
