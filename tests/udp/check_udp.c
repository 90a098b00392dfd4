/* SPDX-License-Identifier: ISC */
/* UDP: bind and connect rules, who gets a datagram, sending, errors, receive buffer. RFC 768, RFC 1122 4.1, and Linux. */
#include "net/netfix.h"

#include <netinet/in.h>

static struct netfix *f;
static struct udp *u;
static const struct ust_addr any4 = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};

static void setup(void) {
    struct ust_addr second = ip("10.0.0.3");
    f = netfix_new(FIX_MTU, LINK_F_CSUM | LINK_F_USO, 65535);
    netfix_udp(f);
    u = f->udp;
    net_addr_add(f->net, f->now, &second, 120, false, false);
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    fix_know(f, "10.0.0.7", &fix_other_mac);
}
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    while (fix_rx_loop(f) != DROP_COUNT)
        ;
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

static struct udp_pcb *pcb(void) {
    struct udp_pcb *p = udp_pcb_new(u);
    ck_assert_ptr_nonnull(p);
    return p;
}
static int bind_to(struct udp_pcb *p, const char *a, uint16_t port) {
    struct ust_addr x = ip(a);
    return udp_bind(u, p, &x, port);
}
static struct udp_pcb *bound(const char *a, uint16_t port) {
    struct udp_pcb *p = pcb();
    ck_assert_int_eq(bind_to(p, a, port), 0);
    return p;
}
static int connect_to(struct udp_pcb *p, const char *a, uint16_t port) {
    struct ust_addr x = ip(a);
    return udp_connect(u, p, &x, port);
}

/* A datagram arrives. nocsum: checksum field 0. */
static enum drop rx_udp(const char *src, uint16_t sport, const char *dst, uint16_t dport,
                        size_t len) {
    static uint8_t l4[70000];
    struct ust_addr s = ip(src), d = ip(dst);
    struct udp_hdr h = {.sport = sport, .dport = dport, .len = (uint16_t)(UDP_HDR_LEN + len)};
    struct ust_slice body = slice_of(l4 + UDP_HDR_LEN, len);
    for (size_t i = 0; i < len; i++)
        l4[UDP_HDR_LEN + i] = fix_byte(i);
    udp_emit(&h, &s, &d, &body, 1, l4);
    struct fix_ip p = {.src = src,
                       .dst = dst,
                       .proto = IP_PROTO_UDP,
                       .ttl = 33,
                       .tos = 0x10,
                       .payload = slice_of(l4, UDP_HDR_LEN + len)};
    enum drop r = fix_rx_ip(f, &p);
    r = r == DROP_NONE ? udp_rx(u, f->now, &f->rx) : r;
    must_hold(udp_check(u));
    return r;
}
/* Takes the next datagram; its length, or -1. */
static int take(struct udp_pcb *p) {
    struct udp_dgram *d = udp_peek(p);
    if (!d)
        return -1;
    int len = (int)d->len;
    for (int i = 0; i < len; i++)
        must_eq(d->buf[i], fix_byte((size_t)i));
    udp_consume(u, p);
    must_hold(udp_check(u));
    return len;
}
static int send_to(struct udp_pcb *p, const char *dst, uint16_t dport, size_t len) {
    struct udp_send to = {.dport = dport};
    if (dst)
        to.dst = ip(dst);
    uint8_t *b = udp_buf(u, len);
    ck_assert_ptr_nonnull(b);
    for (size_t i = 0; i < len; i++)
        b[i] = fix_byte(i);
    int r = udp_send(u, f->now, p, &to, b, len);
    must_hold(udp_check(u));
    must_hold(net_check(f->net));
    return r;
}
/* The frame that was sent, checked; *h its header. */
static struct ust_slice sent_udp(struct udp_hdr *h) {
    struct ust_slice body = {0};
    const struct sent *o = fix_sent(f);
    ck_assert(o->any && o->is_ip4 && o->ip.proto == IP_PROTO_UDP);
    ck_assert_int_eq(udp_parse(o->l4, &o->ip.src, &o->ip.dst, false, h, &body), DROP_NONE);
    for (size_t i = 0; i < body.len; i++)
        must_eq(body.p[i], fix_byte(i));
    return body;
}
static bool from(const char *a) {
    struct ust_addr x = ip(a);
    return addr_eq(&f->out.ip.src, &x);
}

/* ---- header ---- */

START_TEST(header_checks)
{
    bound("0.0.0.0", 53);
    uint8_t l4[20] = {0, 9, 0, 53, 0, 20};
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = IP_PROTO_UDP, .payload = slice_of(l4, 20)};
    /* checksum 0: none */
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
    l4[6] = 1;
    fix_rx_ip(f, &p);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_UDP_CSUM);
    l4[6] = 0;
    l4[5] = 21;
    fix_rx_ip(f, &p);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_UDP_LEN);
    l4[5] = 7;
    fix_rx_ip(f, &p);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_UDP_LEN);
    l4[5] = 12; /* shorter than the packet: the rest is no data */
    fix_rx_ip(f, &p);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
    for (size_t n = 0; n < UDP_HDR_LEN; n++) {
        p.payload = slice_of(l4, n);
        fix_rx_ip(f, &p);
        ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_UDP_SHORT);
    }
    struct udp_pcb *q = (struct udp_pcb *)slab_next_alive(&f->c->arena, SLAB_UDP_PCB, NULL);
    ck_assert_uint_eq(udp_peek(q)->len, 12);
    udp_consume(u, q);
    ck_assert_uint_eq(udp_peek(q)->len, 4);
    ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.2", 0, 4), DROP_UDP_PORT_ZERO);
}
END_TEST

/* ---- delivery ---- */

START_TEST(datagram_fields)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    ck_assert_int_eq(rx_udp("10.0.0.1", 4000, "10.0.0.3", 53, 100), DROP_NONE);
    struct udp_dgram *d = udp_peek(p);
    struct ust_addr s = ip("10.0.0.1"), t = ip("10.0.0.3");
    ck_assert(addr_eq(&d->src, &s) && addr_eq(&d->dst, &t));
    ck_assert_uint_eq(d->sport, 4000);
    ck_assert_uint_eq(d->dport, 53);
    ck_assert_uint_eq(d->ttl, 33);
    ck_assert_uint_eq(d->tos, 0x10);
    ck_assert_ptr_eq(udp_changed_pop(u), p);
    ck_assert_uint_eq(p->events, PCB_EV_IN);
    ck_assert_ptr_null(udp_changed_pop(u));
}
END_TEST

START_TEST(order_and_empty_ones)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    for (size_t i = 0; i < 20; i++)
        ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.2", 53, i % 3 ? i : 0), DROP_NONE);
    for (size_t i = 0; i < 20; i++)
        ck_assert_int_eq(take(p), (int)(i % 3 ? i : 0));
    ck_assert_int_eq(take(p), -1);
}
END_TEST

START_TEST(no_socket)
{
    ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.2", 53, 5), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.255", 53, 5), DROP_UDP_NO_SOCKET_GROUP);
    bound("10.0.0.3", 53);
    ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.2", 53, 5), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.3", 54, 5), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(rx_udp("10.0.0.1", 9, "10.0.0.3", (uint16_t)(53 + UDP_BUCKETS), 5),
                     DROP_UDP_NO_SOCKET);
}
END_TEST

START_TEST(best_match)
{
    struct udp_pcb *wild = pcb(), *addr = pcb(), *conn = pcb();
    wild->bind.reuseaddr = addr->bind.reuseaddr = conn->bind.reuseaddr = true;
    ck_assert_int_eq(bind_to(wild, "0.0.0.0", 53), 0);
    ck_assert_int_eq(bind_to(addr, "10.0.0.2", 53), 0);
    ck_assert_int_eq(bind_to(conn, "10.0.0.2", 53), 0);
    ck_assert_int_eq(connect_to(conn, "10.0.0.7", 99), 0);
    rx_udp("10.0.0.7", 99, "10.0.0.2", 53, 1);
    rx_udp("10.0.0.7", 98, "10.0.0.2", 53, 2);
    rx_udp("10.0.0.1", 99, "10.0.0.2", 53, 3);
    rx_udp("10.0.0.7", 99, "10.0.0.3", 53, 4);
    ck_assert_int_eq(take(conn), 1);
    ck_assert_int_eq(take(conn), -1);
    ck_assert_int_eq(take(addr), 2);
    ck_assert_int_eq(take(addr), 3);
    ck_assert_int_eq(take(addr), -1);
    ck_assert_int_eq(take(wild), 4);
    ck_assert_int_eq(take(wild), -1);
}
END_TEST

START_TEST(connected_filters)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    connect_to(p, "10.0.0.7", 99);
    ck_assert_int_eq(rx_udp("10.0.0.1", 99, "10.0.0.2", 53, 1), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(rx_udp("10.0.0.7", 98, "10.0.0.2", 53, 1), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(rx_udp("10.0.0.7", 99, "10.0.0.3", 53, 1), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(rx_udp("10.0.0.7", 99, "10.0.0.2", 53, 1), DROP_NONE);
    connect_to(p, "10.0.0.1", 98); /* connect again */
    ck_assert_int_eq(rx_udp("10.0.0.1", 98, "10.0.0.2", 53, 1), DROP_NONE);
    udp_disconnect(u, p);
    ck_assert_int_eq(rx_udp("10.0.0.9", 9, "10.0.0.3", 53, 1), DROP_NONE); /* any address again */
}
END_TEST

START_TEST(newest_of_equals)
{
    struct udp_pcb *a = pcb(), *b = pcb();
    a->bind.reuseaddr = b->bind.reuseaddr = true;
    bind_to(a, "0.0.0.0", 53);
    bind_to(b, "0.0.0.0", 53);
    rx_udp("10.0.0.7", 99, "10.0.0.2", 53, 1);
    ck_assert_int_eq(take(b), 1);
    ck_assert_int_eq(take(a), -1);
}
END_TEST

START_TEST(reuseport_spreads_by_flow)
{
    struct udp_pcb *p[4];
    uint32_t got[4] = {0};
    for (int i = 0; i < 4; i++) {
        p[i] = pcb();
        p[i]->bind.reuseport = true;
        ck_assert_int_eq(bind_to(p[i], "0.0.0.0", 53), 0);
    }
    for (uint16_t port = 1000; port < 1400; port++) {
        rx_udp("10.0.0.7", port, "10.0.0.2", 53, 1);
        rx_udp("10.0.0.7", port, "10.0.0.2", 53, 2);
        int found = -1;
        for (int i = 0; i < 4; i++) {
            if (take(p[i]) != 1)
                continue;
            must_eq(take(p[i]), 2); /* one flow, one socket */
            found = i;
        }
        must(found >= 0);
        got[found]++;
    }
    for (int i = 0; i < 4; i++)
        ck_assert_uint_ge(got[i], 60);
}
END_TEST

START_TEST(dual_stack)
{
    struct udp_pcb *six = pcb(), *four;
    struct ust_addr any6 = {{0}};
    six->bind.v6 = true;
    ck_assert_int_eq(udp_bind(u, six, &any6, 53), 0);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1), DROP_NONE);
    ck_assert_int_eq(take(six), 1);
    four = pcb();
    ck_assert_int_eq(bind_to(four, "0.0.0.0", 53), -EADDRINUSE);
    udp_pcb_free(u, f->now, six);
    six = pcb();
    six->bind.v6 = six->bind.v6only = true;
    ck_assert_int_eq(udp_bind(u, six, &any6, 53), 0);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1), DROP_UDP_NO_SOCKET);
    ck_assert_int_eq(bind_to(four, "0.0.0.0", 53), 0);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1), DROP_NONE);
}
END_TEST

START_TEST(ipv4_before_dual_stack)
{
    struct udp_pcb *six = pcb(), *four = pcb();
    struct ust_addr any6 = {{0}};
    six->bind.v6 = six->bind.reuseaddr = four->bind.reuseaddr = true;
    ck_assert_int_eq(bind_to(four, "0.0.0.0", 53), 0);
    ck_assert_int_eq(udp_bind(u, six, &any6, 53), 0);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1), DROP_NONE);
    ck_assert_int_eq(take(four), 1);
    ck_assert_int_eq(take(six), -1);
}
END_TEST

START_TEST(broadcast_goes_to_all)
{
    struct udp_pcb *a = pcb(), *b = pcb(), *c = pcb(), *other = bound("0.0.0.0", 54);
    a->bind.reuseaddr = b->bind.reuseaddr = c->bind.reuseaddr = true;
    bind_to(a, "0.0.0.0", 53);
    bind_to(b, "10.0.0.255", 53);
    bind_to(c, "10.0.0.2", 53); /* a host address hears no broadcasts */
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.255", 53, 7), DROP_NONE);
    ck_assert_int_eq(take(a), 7);
    ck_assert_int_eq(take(b), 7);
    ck_assert_int_eq(take(c), -1);
    ck_assert_int_eq(take(other), -1);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "255.255.255.255", 53, 8), DROP_NONE);
    ck_assert_int_eq(take(a), 8);
    ck_assert_int_eq(take(b), -1);
}
END_TEST

START_TEST(groups)
{
    struct udp_pcb *in = pcb(), *out = pcb(), *strict = pcb();
    struct ust_addr g = ip("239.1.2.3"), h = ip("239.1.2.4"), bad = ip("10.0.0.9");
    in->bind.reuseaddr = out->bind.reuseaddr = strict->bind.reuseaddr = true;
    bind_to(in, "0.0.0.0", 53);
    bind_to(out, "0.0.0.0", 53);
    bind_to(strict, "0.0.0.0", 53);
    strict->mcast_all = false;
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "239.1.2.3", 53, 7), DROP_IP4_NOT_US);
    ck_assert_int_eq(udp_group_join(u, f->now, in, &g), 0);
    ck_assert_int_eq(udp_group_join(u, f->now, in, &g), -EADDRINUSE);
    ck_assert_int_eq(udp_group_join(u, f->now, in, &bad), -EINVAL);
    ck_assert_int_eq(udp_group_leave(u, f->now, in, &h), -EADDRNOTAVAIL);
    fix_flush(f);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "239.1.2.3", 53, 7), DROP_NONE);
    ck_assert_int_eq(take(in), 7);
    ck_assert_int_eq(take(out), 7); /* IP_MULTICAST_ALL, Linux's default */
    ck_assert_int_eq(take(strict), -1);
    ck_assert_int_eq(udp_group_join(u, f->now, strict, &g), 0);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "239.1.2.3", 53, 7), DROP_NONE);
    ck_assert_int_eq(take(strict), 7);
    ck_assert_int_eq(udp_group_leave(u, f->now, in, &g), 0);
    ck_assert(net_is_local(f->net, &g));
    udp_pcb_free(u, f->now, strict); /* leaves what it was in */
    ck_assert(!net_is_local(f->net, &g));
    for (uint32_t i = 0; i < UDP_MCAST_MAX; i++) {
        g = addr_from_ip4(0xef000000 + i);
        ck_assert_int_eq(udp_group_join(u, f->now, in, &g), 0);
    }
    g = addr_from_ip4(0xef000100);
    ck_assert_int_eq(udp_group_join(u, f->now, in, &g), -ENOBUFS);
}
END_TEST

START_TEST(receive_buffer)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    p->rcvbuf = 5000;
    int n = 0;
    while (rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1000) == DROP_NONE)
        n++;
    ck_assert_int_eq(n, 3); /* 3 * 1256 <= 5000 */
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1000), DROP_UDP_RCVBUF);
    ck_assert_uint_eq(p->rx_dropped, 2);
    ck_assert_int_eq(take(p), 1000);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1000), DROP_NONE);
    while (take(p) >= 0)
        ;
    p->rcvbuf = 100; /* one always fits */
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 1400), DROP_NONE);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 0), DROP_UDP_RCVBUF);
}
END_TEST

START_TEST(coalesced)
{
    for (int gro = 0; gro < 2; gro++) {
        struct udp_pcb *p = bound("0.0.0.0", 53);
        p->gro = gro;
        rx_udp("10.0.0.1", 9, "10.0.0.2", 1, 2500); /* composes f->frame and f->rx */
        f->rx.gso = PKT_GSO_UDP;
        f->rx.gso_size = 1000;
        uint8_t l4[2508];
        memcpy(l4, f->rx.payload.p, sizeof l4);
        l4[2] = 0;
        l4[3] = 53;
        f->rx.payload = slice_of(l4, sizeof l4);
        f->rx.csum_ok = true;
        ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
        if (gro) {
            ck_assert_uint_eq(udp_peek(p)->gso_size, 1000);
            ck_assert_int_eq(take(p), 2500);
        } else {
            static const uint32_t lens[3] = {1000, 1000, 500};
            for (int i = 0; i < 3; i++) {
                ck_assert_uint_eq(udp_peek(p)->len, lens[i]);
                ck_assert_uint_eq(udp_peek(p)->gso_size, 0);
                ck_assert_uint_eq(udp_peek(p)->buf[0], fix_byte((size_t)i * 1000));
                udp_consume(u, p);
            }
        }
        ck_assert_int_eq(take(p), -1);
        udp_pcb_free(u, f->now, p);
    }
}
END_TEST

/* ---- bind, connect ---- */

static const struct {
    const char *addr;
    uint16_t port;
    int result;
} binds[] = {
    {"0.0.0.0", 53, 0},
    {"10.0.0.2", 53, 0},
    {"10.0.0.3", 0, 0},
    {"10.0.0.9", 53, -EADDRNOTAVAIL},
    {"127.0.0.1", 53, -EADDRNOTAVAIL},
    {"239.1.2.3", 53, 0},
    {"10.0.0.255", 53, 0},
    {"255.255.255.255", 53, 0},
    {"192.0.2.255", 53, -EADDRNOTAVAIL},
};

START_TEST(bind_table)
{
    struct udp_pcb *p = pcb();
    ck_assert_int_eq(bind_to(p, binds[_i].addr, binds[_i].port), binds[_i].result);
    ck_assert(p->bind.bound == (binds[_i].result == 0));
    if (!p->bind.bound)
        return;
    if (binds[_i].port)
        ck_assert_uint_eq(p->bind.port, binds[_i].port);
    else
        ck_assert_uint_ge(p->bind.port, PORT_EPHEMERAL_LO);
    ck_assert_int_eq(bind_to(p, binds[_i].addr, 77), -EINVAL);
    bool host = strcmp(binds[_i].addr, "10.0.0.2") == 0 || strcmp(binds[_i].addr, "10.0.0.3") == 0;
    ck_assert(addr_is_any(&p->src) == !host);
}
END_TEST

START_TEST(connect_chooses_and_disconnect_gives_back)
{
    struct udp_pcb *p = pcb(), *q = bound("0.0.0.0", 777), *r = bound("10.0.0.3", 0);
    struct ust_addr us = ip("10.0.0.2"), second = ip("10.0.0.3");
    ck_assert_int_eq(connect_to(p, "10.0.0.7", 99), 0);
    ck_assert(p->connected && p->bind.bound);
    ck_assert(addr_eq(&p->src, &us) && addr_eq(&p->bind.addr, &us));
    udp_disconnect(u, p);
    ck_assert(!p->connected && !p->bind.bound && addr_is_any(&p->bind.addr));
    ck_assert_uint_eq(p->bind.port, 0);
    ck_assert_int_eq(connect_to(q, "10.0.0.7", 99), 0);
    ck_assert(addr_eq(&q->bind.addr, &us));
    udp_disconnect(u, q);
    ck_assert(q->bind.bound && q->bind.port == 777 && addr_is_any(&q->bind.addr));
    ck_assert_int_eq(connect_to(r, "10.0.0.7", 99), 0);
    udp_disconnect(u, r);
    ck_assert(addr_eq(&r->bind.addr, &second)); /* given by bind(), and so is not lost */
    ck_assert(!r->bind.bound);
    must_hold(udp_check(u));
}
END_TEST

START_TEST(connect_errors)
{
    struct udp_pcb *p = pcb();
    struct ust_addr zero = ip("0.0.0.0"), gw = ip("10.0.0.1");
    ck_assert_int_eq(connect_to(p, "10.0.0.255", 99), -EACCES);
    p->broadcast = true;
    ck_assert_int_eq(connect_to(p, "10.0.0.255", 99), 0);
    udp_disconnect(u, p);
    route_del(f->net, &zero, 96, &gw);
    ck_assert_int_eq(connect_to(p, "192.0.2.1", 99), -ENETUNREACH);
    ck_assert(!p->connected);
    u->ports.lo = u->ports.hi = 40000;
    struct udp_pcb *q = bound("0.0.0.0", 40000);
    struct udp_pcb *r = pcb();
    ck_assert_int_eq(connect_to(r, "10.0.0.7", 99), -EAGAIN);
    ck_assert_int_eq(send_to(r, "10.0.0.7", 99, 1), -EAGAIN);
    udp_pcb_free(u, f->now, q);
    ck_assert_int_eq(connect_to(r, "10.0.0.7", 99), 0);
}
END_TEST

/* ---- send ---- */

START_TEST(send_plain)
{
    struct udp_pcb *p = pcb();
    struct udp_hdr h;
    p->tos = 0x2c;
    p->ttl = 7;
    ck_assert_int_eq(send_to(p, "10.0.0.7", 99, 500), 0);
    ck_assert_uint_eq(sent_udp(&h).len, 500);
    ck_assert_uint_eq(h.dport, 99);
    ck_assert_uint_eq(h.sport, p->bind.port);
    ck_assert(p->bind.bound && from("10.0.0.2"));
    ck_assert(f->out.needs_csum);
    ck_assert_uint_eq(f->out.ip.ttl, 7);
    ck_assert_uint_eq(f->out.ip.tos, 0x2c);
    ck_assert(f->out.ip.df);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 99, 0), 0);
    ck_assert_uint_eq(sent_udp(&h).len, 0);
    ck_assert_int_eq(send_to(p, NULL, 0, 5), -EDESTADDRREQ);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 0, 5), -EINVAL);
    connect_to(p, "10.0.0.7", 1234);
    ck_assert_int_eq(send_to(p, NULL, 0, 5), 0);
    sent_udp(&h);
    ck_assert_uint_eq(h.dport, 1234);
    ck_assert_int_eq(send_to(p, "10.0.0.1", 99, 5), 0); /* another one, for once */
    sent_udp(&h);
    ck_assert_uint_eq(h.dport, 99);
    ck_assert_uint_eq(p->tx_dgrams, 4);
}
END_TEST

START_TEST(send_source)
{
    struct udp_pcb *p = bound("10.0.0.3", 53), *w = bound("0.0.0.0", 54),
                   *g = bound("239.1.2.3", 55);
    struct udp_hdr h;
    send_to(p, "10.0.0.7", 99, 5);
    sent_udp(&h);
    ck_assert(from("10.0.0.3"));
    send_to(g, "10.0.0.7", 99, 5); /* bound to a group: not its source */
    sent_udp(&h);
    ck_assert(from("10.0.0.2"));
    struct udp_send to = {.dst = ip("10.0.0.7"), .dport = 99, .src = ip("10.0.0.3")};
    ck_assert_int_eq(udp_send(u, f->now, w, &to, udp_buf(u, 0), 0), 0); /* IP_PKTINFO */
    sent_udp(&h);
    ck_assert(from("10.0.0.3"));
    to.src = ip("10.0.0.9");
    ck_assert_int_eq(udp_send(u, f->now, w, &to, udp_buf(u, 0), 0), -EINVAL);
    to.src = any4;
    to.has_ttl = to.has_tos = true;
    to.ttl = 3;
    to.tos = 4;
    ck_assert_int_eq(udp_send(u, f->now, w, &to, udp_buf(u, 0), 0), 0);
    sent_udp(&h);
    ck_assert_uint_eq(f->out.ip.ttl, 3);
    ck_assert_uint_eq(f->out.ip.tos, 4);
}
END_TEST

START_TEST(send_to_ourselves)
{
    struct udp_pcb *a = bound("10.0.0.3", 53), *b = pcb();
    ck_assert_int_eq(send_to(b, "10.0.0.3", 53, 30000), 0);
    ck_assert(!fix_sent(f)->any);
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
    ck_assert_int_eq(take(a), 30000);
    ck_assert_int_eq(send_to(a, "0.0.0.0", 53, 3), 0); /* 0.0.0.0: this host */
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
    ck_assert_int_eq(take(a), 3);
}
END_TEST

START_TEST(send_groups)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    struct ust_addr g = ip("239.1.2.3");
    struct udp_hdr h;
    ck_assert_int_eq(send_to(p, "10.0.0.255", 9, 5), -EACCES);
    ck_assert_int_eq(send_to(p, "255.255.255.255", 9, 5), -EACCES);
    p->broadcast = true;
    ck_assert_int_eq(send_to(p, "255.255.255.255", 9, 5), 0);
    sent_udp(&h);
    ck_assert(mac_eq(&f->out.eth.dst, &fix_bcast_mac));
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE);
    p->mcast_ttl = 4;
    p->mcast_if = ip("10.0.0.3");
    udp_group_join(u, f->now, p, &g);
    fix_flush(f);
    ck_assert_int_eq(send_to(p, "239.1.2.3", 53, 5), 0);
    sent_udp(&h);
    ck_assert_uint_eq(f->out.ip.ttl, 4);
    ck_assert(from("10.0.0.3"));
    ck_assert_int_eq(fix_rx_loop(f), DROP_NONE); /* hears himself */
    ck_assert_int_eq(udp_rx(u, f->now, &f->rx), DROP_NONE);
    ck_assert_int_eq(take(p), 5);
    p->mcast_loop = false;
    send_to(p, "239.1.2.3", 53, 5);
    ck_assert_int_eq(fix_rx_loop(f), DROP_COUNT);
}
END_TEST

static const struct size_case {
    uint8_t pmtudisc;
    size_t len;
    uint32_t pmtu;
    int result;
    uint32_t frames;
    bool df;
} sizes[] = {
    {IP_PMTUDISC_WANT, 1472, 0, 0, 1, true},
    {IP_PMTUDISC_WANT, 1473, 0, 0, 2, false},
    {IP_PMTUDISC_WANT, 1472, 1000, 0, 2, false},
    {IP_PMTUDISC_WANT, UDP_MAX_PAYLOAD4, 0, 0, 45, false},
    {IP_PMTUDISC_WANT, UDP_MAX_PAYLOAD4 + 1, 0, -EMSGSIZE, 0, false},
    {IP_PMTUDISC_DONT, 100, 0, 0, 1, false},
    {IP_PMTUDISC_DONT, 1473, 0, 0, 2, false},
    {IP_PMTUDISC_DO, 1472, 0, 0, 1, true},
    {IP_PMTUDISC_DO, 1473, 0, -EMSGSIZE, 0, false},
    {IP_PMTUDISC_DO, 973, 1000, -EMSGSIZE, 0, false},
    {IP_PMTUDISC_PROBE, 1472, 1000, 0, 1, true},
    {IP_PMTUDISC_PROBE, 1473, 0, -EMSGSIZE, 0, false},
    {IP_PMTUDISC_INTERFACE, 1472, 1000, 0, 1, false},
    {IP_PMTUDISC_INTERFACE, 1473, 0, -EMSGSIZE, 0, false},
    {IP_PMTUDISC_OMIT, 1472, 1000, 0, 1, false},
    {IP_PMTUDISC_OMIT, 1473, 0, 0, 2, false},
};

START_TEST(send_sizes)
{
    const struct size_case *c = &sizes[_i];
    struct udp_pcb *p = pcb();
    struct ust_addr d = ip("10.0.0.7");
    p->pmtudisc = c->pmtudisc;
    if (c->pmtu)
        pmtu_set(&f->net->pmtu, f->now, &d, c->pmtu, false);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 99, c->len), c->result);
    static uint8_t all[65536];
    uint32_t n = 0;
    size_t total = 0;
    for (; fix_sent(f)->any; n++) {
        ck_assert(f->out.ip.df == c->df);
        memcpy(all + f->out.ip.frag_off, f->out.l4.p, f->out.l4.len);
        total += f->out.l4.len;
    }
    ck_assert_uint_eq(n, c->frames);
    if (!n)
        return;
    struct ust_addr s = ip("10.0.0.2");
    struct udp_hdr h;
    struct ust_slice body;
    ck_assert_int_eq(udp_parse(slice_of(all, total), &s, &d, false, &h, &body), DROP_NONE);
    ck_assert_uint_eq(body.len, c->len);
}
END_TEST

START_TEST(send_segments)
{
    struct udp_pcb *p = pcb();
    struct udp_send to = {.dst = ip("10.0.0.7"), .dport = 99, .gso_size = 1000};
    struct udp_hdr h;
#define SEGMENTS(len) udp_send(u, f->now, p, &to, udp_buf(u, len), len)
    ck_assert_int_eq(SEGMENTS(5500), 0);
    ck_assert_uint_eq(link_tx_peek(f->link)->gso, PKT_GSO_UDP);
    ck_assert_uint_eq(link_tx_peek(f->link)->gso_size, 1000);
    fix_flush(f);
    f->link->features = 0; /* a link that cannot: cut here */
    ck_assert_int_eq(SEGMENTS(5500), 0);
    for (int i = 0; i < 6; i++) {
        const struct sent *o = fix_sent(f);
        struct ust_slice body;
        ck_assert(o->any);
        ck_assert_int_eq(udp_parse(o->l4, &o->ip.src, &o->ip.dst, false, &h, &body), DROP_NONE);
        ck_assert_uint_eq(body.len, i < 5 ? 1000 : 500);
    }
    ck_assert_int_eq(SEGMENTS(1000), 0); /* one segment: an ordinary datagram */
    ck_assert_uint_eq(fix_sent(f)->gso, PKT_GSO_NONE);
    to.gso_size = 1473;
    ck_assert_int_eq(SEGMENTS(5500), -EINVAL);
    to.gso_size = 10;
    ck_assert_int_eq(SEGMENTS(10 * UDP_SEGMENTS_MAX + 1), -EINVAL);
    ck_assert_int_eq(SEGMENTS(10 * UDP_SEGMENTS_MAX), 0);
    fix_flush(f);
    p->no_check = true;
    ck_assert_int_eq(SEGMENTS(100), -EINVAL);
#undef SEGMENTS
}
END_TEST

START_TEST(send_without_checksum)
{
    struct udp_pcb *p = pcb();
    p->no_check = true;
    send_to(p, "10.0.0.7", 99, 5);
    const struct sent *o = fix_sent(f);
    ck_assert(o->l4.p[6] == 0 && o->l4.p[7] == 0);
    ck_assert(!o->needs_csum);
}
END_TEST

START_TEST(zero_checksum_is_sent_as_ffff)
{
    /* a payload that makes the sum come out as zero: its last word is the checksum of the rest */
    struct udp_pcb *p = bound("10.0.0.2", 53);
    struct udp_send to = {.dst = ip("10.0.0.7"), .dport = 99};
    uint8_t *b = udp_buf(u, 2);
    b[0] = b[1] = 0;
    f->link->features = 0;
    ck_assert_int_eq(udp_send(u, f->now, p, &to, b, 2), 0);
    uint8_t sum[2];
    memcpy(sum, fix_sent(f)->l4.p + 6, 2);
    for (int hw = 0; hw < 2; hw++) {
        f->link->features = hw ? LINK_F_CSUM : 0;
        b = udp_buf(u, 2);
        memcpy(b, sum, 2);
        ck_assert_int_eq(udp_send(u, f->now, p, &to, b, 2), 0);
        const struct sent *o = fix_sent(f);
        ck_assert(o->l4.p[6] == 0xff && o->l4.p[7] == 0xff);
    }
}
END_TEST

START_TEST(send_when_the_queue_is_full)
{
    struct udp_pcb *p = pcb();
    while (link_room(f->link))
        ck_assert_int_eq(send_to(p, "10.0.0.7", 99, 5), 0);
    ck_assert_int_eq(send_to(p, "10.0.0.7", 99, 5), -ENOBUFS);
    fix_flush(f);
}
END_TEST

/* ---- errors ---- */

static struct ip_error error_about(const struct udp_pcb *p, const char *dst, uint16_t dport,
                                   int err, bool hard) {
    return (struct ip_error){.src = ip("10.0.0.2"),
                             .dst = ip(dst),
                             .proto = IP_PROTO_UDP,
                             .sport = p->bind.port,
                             .dport = dport,
                             .err = err,
                             .hard = hard};
}

static const struct {
    const char *name;
    bool connected, recverr;
    uint16_t dport;
    int err;
    bool hard;
    int expect;
} errors[] = {
    {"refused, connected", true, false, 99, ECONNREFUSED, true, ECONNREFUSED},
    {"refused, not connected", false, false, 99, ECONNREFUSED, true, 0},
    {"refused, IP_RECVERR", false, true, 99, ECONNREFUSED, true, ECONNREFUSED},
    {"host unreachable is soft", true, false, 99, EHOSTUNREACH, false, 0},
    {"host unreachable, IP_RECVERR", true, true, 99, EHOSTUNREACH, false, EHOSTUNREACH},
    {"about another peer", true, false, 98, ECONNREFUSED, true, 0},
};

START_TEST(error_table)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    if (errors[_i].connected)
        connect_to(p, "10.0.0.7", 99);
    p->recverr = errors[_i].recverr;
    struct ip_error e =
        error_about(p, "10.0.0.7", errors[_i].dport, errors[_i].err, errors[_i].hard);
    udp_ip_error(u, f->now, &e);
    ck_assert_msg(p->err == errors[_i].expect, "%s: %d", errors[_i].name, p->err);
    ck_assert(!(p->events & PCB_EV_ERR) == (p->err == 0));
    ck_assert_ptr_eq(udp_changed_pop(u), p->err ? p : NULL);
}
END_TEST

START_TEST(error_about_nobody)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    struct ip_error e = error_about(p, "10.0.0.7", 99, EMSGSIZE, false);
    e.sport = 54;
    e.mtu = 1000;
    udp_ip_error(u, f->now, &e);
    ck_assert_uint_eq(fix_drops(f, DROP_UDP_ERROR_NO_SOCKET), 1);
    ck_assert_uint_eq(net_mtu(f->net, &e.dst), 1500); /* nobody sent that packet: not believed */
}
END_TEST

START_TEST(fragmentation_needed)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    connect_to(p, "10.0.0.7", 99);
    struct ip_error e = error_about(p, "10.0.0.7", 99, EMSGSIZE, false);
    e.mtu = 1000;
    udp_ip_error(u, f->now, &e);
    ck_assert_int_eq(p->err, EMSGSIZE);
    ck_assert_uint_eq(net_mtu(f->net, &e.dst), 1000);
    p->err = 0;
    p->pmtudisc = IP_PMTUDISC_DONT;
    e.mtu = 900;
    udp_ip_error(u, f->now, &e);
    ck_assert_int_eq(p->err, 0);
    ck_assert_uint_eq(net_mtu(f->net, &e.dst), 900);
}
END_TEST

/* ---- life ---- */

START_TEST(freed_with_everything)
{
    struct udp_pcb *p = bound("0.0.0.0", 53);
    struct ust_addr g = ip("239.1.2.3");
    udp_group_join(u, f->now, p, &g);
    rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 100);
    rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 0);
    udp_pcb_free(u, f->now, p); /* while on the changed list, bound, with datagrams and a group */
    ck_assert_ptr_null(udp_changed_pop(u));
    ck_assert_uint_eq(u->ports.cnt, 0);
    ck_assert_uint_eq(slab_in_use(&f->c->arena, SLAB_UDP_DGRAM), 0);
    must_hold(udp_check(u));
    udp_pcb_free(u, f->now, NULL);
}
END_TEST

START_TEST(rebuilt)
{
    struct udp_pcb *p = bound("0.0.0.0", 53), *q = pcb();
    rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 100);
    memset(u->bucket, 0xaa, UDP_BUCKETS * sizeof *u->bucket);
    memset(&u->ports.bucket, 0xaa, sizeof u->ports.bucket);
    udp_rebuild(u);
    must_hold(udp_check(u));
    ck_assert_int_eq(bind_to(q, "0.0.0.0", 53), -EADDRINUSE);
    ck_assert_int_eq(rx_udp("10.0.0.7", 9, "10.0.0.2", 53, 50), DROP_NONE);
    ck_assert_int_eq(take(p), 100);
    ck_assert_int_eq(take(p), 50);
    bool found = false;
    for (struct udp_pcb *x; (x = udp_changed_pop(u)) != NULL;)
        found |= x == p;
    ck_assert(found);
}
END_TEST

int main(void) {
    Suite *s = suite_create("udp");
    TCase *t = tcase_create("receive");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, header_checks);
    tcase_add_test(t, datagram_fields);
    tcase_add_test(t, order_and_empty_ones);
    tcase_add_test(t, no_socket);
    tcase_add_test(t, best_match);
    tcase_add_test(t, connected_filters);
    tcase_add_test(t, newest_of_equals);
    tcase_add_test(t, reuseport_spreads_by_flow);
    tcase_add_test(t, dual_stack);
    tcase_add_test(t, ipv4_before_dual_stack);
    tcase_add_test(t, broadcast_goes_to_all);
    tcase_add_test(t, groups);
    tcase_add_test(t, receive_buffer);
    tcase_add_test(t, coalesced);
    suite_add_tcase(s, t);
    t = tcase_create("name");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, bind_table, 0, (int)UST_ARRAY_CNT(binds));
    tcase_add_test(t, connect_chooses_and_disconnect_gives_back);
    tcase_add_test(t, connect_errors);
    suite_add_tcase(s, t);
    t = tcase_create("send");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, send_plain);
    tcase_add_test(t, send_source);
    tcase_add_test(t, send_to_ourselves);
    tcase_add_test(t, send_groups);
    tcase_add_loop_test(t, send_sizes, 0, (int)UST_ARRAY_CNT(sizes));
    tcase_add_test(t, send_segments);
    tcase_add_test(t, send_without_checksum);
    tcase_add_test(t, zero_checksum_is_sent_as_ffff);
    tcase_add_test(t, send_when_the_queue_is_full);
    suite_add_tcase(s, t);
    t = tcase_create("error");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, error_table, 0, (int)UST_ARRAY_CNT(errors));
    tcase_add_test(t, error_about_nobody);
    tcase_add_test(t, fragmentation_needed);
    tcase_add_test(t, freed_with_everything);
    tcase_add_test(t, rebuilt);
    suite_add_tcase(s, t);
    return run_suite(s);
}
