/* SPDX-License-Identifier: ISC */
/* The TCP rows of the public interface, one test each: stack 0 connects, stack 1 listens. */
#include "api/two.h"
#include "userstack/tcp.h"

#include "base/check_tools.h"

static struct two *w;
static struct ust_tcp *t0, *t1;

/* what the callbacks have seen */
static struct seen {
    struct ust_socket *flow;
    int calls, err;
    unsigned ready;
} up0, up1, ev0, ev1;

static void on_flow(void *ctx, uint64_t now_ns, struct ust_socket *flow, int err) {
    struct seen *s = ctx;
    ck_assert_uint_eq(now_ns, w->now_ns);
    s->flow = flow;
    s->err = err;
    s->calls++;
}
static void on_event(void *ctx, uint64_t now_ns, struct ust_socket *flow, unsigned ready) {
    struct seen *s = ctx;
    ck_assert_uint_eq(now_ns, w->now_ns);
    s->flow = flow;
    s->ready = ready;
    s->calls++;
}

static void setup(void) {
    w = two_new();
    ck_assert_int_eq(ust_tcp_new(w->st[0], &t0), 0);
    ck_assert_int_eq(ust_tcp_new(w->st[1], &t1), 0);
    up0 = up1 = ev0 = ev1 = (struct seen){0};
}
static void teardown(void) { two_free(w); }

static int connect_to(const char *ip, uint16_t port, const struct ust_keepalive *k) {
    struct ust_ip a = two_ip(ip);
    return ust_tcp_connect(t0, w->now_ns, &a, port, k, on_flow, &up0, NULL);
}
/* A connection up0.flow - up1.flow, with event handlers. */
static void establish(const struct ust_keepalive *k) {
    ck_assert_int_eq(ust_tcp_listen(t1, w->now_ns, 80, on_flow, &up1), 0);
    ck_assert_int_eq(connect_to("10.0.0.2", 80, k), 0);
    two_run(w, 100 * MS);
    ck_assert_int_eq(up0.calls, 1);
    ck_assert_int_eq(up0.err, 0);
    ck_assert_int_eq(up1.calls, 1);
    ck_assert_int_eq(ust_tcp_set_handler(t0, up0.flow, on_event, &ev0), 0);
    ck_assert_int_eq(ust_tcp_set_handler(t1, up1.flow, on_event, &ev1), 0);
}

START_TEST(ust_tcp_new_and_free)
{
    struct ust_tcp *again;
    ck_assert_int_eq(ust_tcp_new(w->st[0], &again), -EALREADY);
    establish(NULL);
    ck_assert_int_eq(ust_tcp_listen(t0, w->now_ns, 81, on_flow, &up1), 0);
    /* It ends: the peer is told, and a new one starts with nothing. */
    ust_tcp_free(t0, w->now_ns);
    two_run(w, 100 * MS);
    ck_assert_uint_eq(ev1.ready & UST_ERR, UST_ERR);
    char c;
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, &c, 1), -ECONNRESET);
    ck_assert_int_eq(ust_tcp_new(w->st[0], &again), 0);
    ck_assert_int_eq(ust_tcp_unlisten(again, w->now_ns, 81), -ENOENT);
    t0 = again;
    up1 = (struct seen){0};
    up0 = (struct seen){0};
    establish(NULL);
}
END_TEST

START_TEST(ust_tcp_connect_refused)
{
    ck_assert_int_eq(connect_to("10.0.0.2", 9, NULL), 0);
    two_run(w, 100 * MS);
    ck_assert_int_eq(up0.calls, 1);
    ck_assert_int_eq(up0.err, -ECONNREFUSED);
    two_run(w, 100 * S);
    ck_assert_int_eq(up0.calls, 1);
}
END_TEST

START_TEST(ust_tcp_connect_timeout)
{
    ck_assert_int_eq(ust_tcp_listen(t1, w->now_ns, 80, on_flow, &up1), 0);
    ck_assert_int_eq(connect_to("10.0.0.2", 80, NULL), 0);
    two_run(w, 100 * MS); /* the address is known, then the wire is cut */
    ust_tcp_abort(t0, w->now_ns, up0.flow);
    up0 = (struct seen){0};
    w->cut = true;
    ck_assert_int_eq(connect_to("10.0.0.2", 80, NULL), 0);
    two_run(w, 30 * S);
    ck_assert_int_eq(up0.calls, 0);
    two_run(w, 200 * S);
    ck_assert_int_eq(up0.calls, 1);
    ck_assert(up0.err == -ETIMEDOUT || up0.err == -EHOSTUNREACH);
}
END_TEST

START_TEST(ust_tcp_connect_unreachable)
{
    struct ust_ip a = two_ip("10.0.0.2");
    ck_assert_int_eq(connect_to("192.0.2.1", 80, NULL), -ENETUNREACH);
    ck_assert_int_eq(connect_to("10.0.0.77", 80, NULL), 0); /* nobody there */
    two_run(w, 10 * S);
    ck_assert_int_eq(up0.calls, 1);
    ck_assert_int_eq(up0.err, -EHOSTUNREACH);
    ck_assert_int_eq(ust_tcp_connect(t0, w->now_ns, &a, 0, NULL, on_flow, NULL, NULL), -EINVAL);
    ck_assert_int_eq(ust_tcp_connect(t0, w->now_ns, NULL, 1, NULL, on_flow, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(ust_tcp_connect_taken_back)
{
    struct ust_ip a = two_ip("10.0.0.2");
    struct ust_socket *flow;
    ck_assert_int_eq(ust_tcp_listen(t1, w->now_ns, 80, on_flow, &up1), 0);
    ck_assert_int_eq(ust_tcp_connect(t0, w->now_ns, &a, 80, NULL, on_flow, &up0, &flow), 0);
    ck_assert_int_eq(ust_tcp_set_handler(t0, flow, on_event, &ev0), -EINVAL);
    ust_tcp_close(t0, w->now_ns, flow);
    two_run(w, 10 * S);
    ck_assert_int_eq(up0.calls, 0);
}
END_TEST

START_TEST(ust_tcp_listen_and_unlisten)
{
    ck_assert_int_eq(ust_tcp_listen(t1, w->now_ns, 0, on_flow, NULL), -EINVAL);
    ck_assert_int_eq(ust_tcp_unlisten(t1, w->now_ns, 80), -ENOENT);
    ck_assert_int_eq(ust_tcp_listen(t1, w->now_ns, 80, on_flow, &ev1), 0);
    ck_assert_int_eq(ust_tcp_listen(t1, w->now_ns, 80, on_flow, &up1), 0); /* replaces */
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(connect_to("10.0.0.2", 80, NULL), 0);
    two_run(w, 100 * MS);
    ck_assert_int_eq(up0.calls, 5);
    ck_assert_int_eq(up1.calls, 5);
    ck_assert_int_eq(ev1.calls, 0);
    ck_assert_int_eq(ust_tcp_unlisten(t1, w->now_ns, 80), 0);
    ck_assert_int_eq(connect_to("10.0.0.2", 80, NULL), 0);
    two_run(w, 100 * MS);
    ck_assert_int_eq(up0.err, -ECONNREFUSED);
    ck_assert_int_eq(up1.calls, 5);
}
END_TEST

/* A SYN or ACK that no listener wants: the RST that RFC 9293 3.10.7.1 asks for. */
static const struct {
    const char *name;
    uint8_t flags;
    uint32_t seq, ack;
    uint8_t rst_flags; /* 0: no answer */
    uint32_t rst_seq, rst_ack;
} strays[] = {
    {"SYN", 0x02, 1000, 0, 0x14, 0, 1001}, {"ACK", 0x10, 1000, 7777, 0x04, 7777, 0},
    {"FIN", 0x01, 1000, 0, 0x14, 0, 1001}, {"SYN, ACK", 0x12, 1000, 7777, 0x04, 7777, 0},
    {"RST", 0x04, 1000, 0, 0, 0, 0},       {"RST, ACK", 0x14, 1000, 7777, 0, 0, 0},
};
static uint32_t be32_at(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static void put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}
START_TEST(ust_tcp_input_without_listener)
{
    struct ust_ip src = two_ip("10.0.0.2"), dst = two_ip("10.0.0.1");
    uint8_t seg[20] = {0x30, 0x39, 0, 80};
    uint32_t sum = 6 + 20;

    /* The other's hardware address is known. */
    ck_assert_int_eq(connect_to("10.0.0.2", 9, NULL), 0);
    two_run(w, 100 * MS);
    put32(seg + 4, strays[_i].seq);
    put32(seg + 8, strays[_i].ack);
    seg[12] = 0x50;
    seg[13] = strays[_i].flags;
    for (int i = 12; i < 16; i += 2)
        sum += (uint32_t)(src.b[i] << 8 | src.b[i + 1]) + (uint32_t)(dst.b[i] << 8 | dst.b[i + 1]);
    for (int i = 0; i < 20; i += 2)
        sum += (uint32_t)(seg[i] << 8 | seg[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    seg[16] = (uint8_t)(sum >> 8);
    seg[17] = (uint8_t)sum;

    unsigned before = w->frames[0];
    seg[17] ^= 1; /* a bad checksum is nothing at all */
    ust_tcp_input(t0, w->now_ns, &src, &dst, (struct ust_slice){seg, sizeof seg});
    two_run(w, 10 * MS);
    ck_assert_uint_eq(w->frames[0], before);
    seg[17] ^= 1;
    ust_tcp_input(t0, w->now_ns, &src, &dst, (struct ust_slice){seg, sizeof seg});
    two_turn(w, 0);
    if (strays[_i].rst_flags == 0) {
        ck_assert_uint_eq(w->frames[0], before);
        return;
    }
    ck_assert_uint_eq(w->frames[0], before + 1);
    const uint8_t *tcp = w->last + 14 + 20;
    ck_assert_uint_eq(tcp[13], strays[_i].rst_flags);
    ck_assert_uint_eq(be32_at(tcp + 4), strays[_i].rst_seq);
    ck_assert_uint_eq(be32_at(tcp + 8), strays[_i].rst_ack);
}
END_TEST

START_TEST(ust_tcp_peer_and_local)
{
    struct ust_ip ip, want = two_ip("10.0.0.2");
    uint16_t port, own;
    establish(NULL);
    ck_assert_int_eq(ust_tcp_peer(t0, up0.flow, &ip, &port), 0);
    ck_assert_mem_eq(&ip, &want, 16);
    ck_assert_uint_eq(port, 80);
    ck_assert_int_eq(ust_tcp_local(t0, up0.flow, NULL, &own), 0);
    want = two_ip("10.0.0.1");
    ck_assert_int_eq(ust_tcp_peer(t1, up1.flow, &ip, &port), 0);
    ck_assert_mem_eq(&ip, &want, 16);
    ck_assert_uint_eq(port, own);
    ck_assert_int_eq(ust_tcp_local(t1, up1.flow, NULL, &port), 0);
    ck_assert_uint_eq(port, 80);
}
END_TEST

START_TEST(ust_tcp_read_and_write)
{
    char buf[64];
    establish(NULL);
    two_run(w, 10 * MS);
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, buf, sizeof buf), -EAGAIN);
    ev1 = (struct seen){0};
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "hello", 5, 0), 5);
    ck_assert_int_eq(ev1.calls, 0); /* only a turn calls back */
    two_run(w, 10 * MS);
    ck_assert_int_ge(ev1.calls, 1);
    ck_assert_uint_eq(ev1.ready & UST_IN, UST_IN);
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, buf, sizeof buf), 5);
    ck_assert_mem_eq(buf, "hello", 5);
    /* the end of the stream, for ever */
    ck_assert_int_eq(ust_tcp_shutdown(t0, w->now_ns, up0.flow, SHUT_WR), 0);
    two_run(w, 10 * MS);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, buf, sizeof buf), 0);
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "x", 1, 0), -EPIPE);
    /* and the other direction goes on */
    ck_assert_int_eq(ust_tcp_write(t1, w->now_ns, up1.flow, "back", 4, 0), 4);
    two_run(w, 10 * MS);
    ck_assert_int_eq(ust_tcp_read(t0, w->now_ns, up0.flow, buf, sizeof buf), 4);
    ck_assert_mem_eq(buf, "back", 4);
}
END_TEST

START_TEST(ust_tcp_peek_slices_and_consume)
{
    struct ust_slice v[4];
    int cnt = 4;
    establish(NULL);
    ck_assert_int_eq(ust_tcp_peek_slices(t1, up1.flow, v, &cnt), -EAGAIN);
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "abcdef", 6, 0), 6);
    two_run(w, 10 * MS);
    cnt = 4;
    ck_assert_int_eq(ust_tcp_peek_slices(t1, up1.flow, v, &cnt), 6);
    ck_assert_int_eq(cnt, 1);
    ck_assert_mem_eq(v[0].p, "abcdef", 6);
    ust_tcp_consume(t1, w->now_ns, up1.flow, 4);
    cnt = 4;
    ck_assert_int_eq(ust_tcp_peek_slices(t1, up1.flow, v, &cnt), 2);
    ck_assert_mem_eq(v[0].p, "ef", 2);
    ust_tcp_consume(t1, w->now_ns, up1.flow, 0);
    char c[8];
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, c, sizeof c), 2);
}
END_TEST

START_TEST(ust_tcp_writev_)
{
    struct iovec iov[3] = {
        {(void *)(uintptr_t) "one,", 4}, {NULL, 0}, {(void *)(uintptr_t) "two", 3}};
    char buf[16];
    establish(NULL);
    ck_assert_int_eq(ust_tcp_writev(t0, w->now_ns, up0.flow, iov, 3, 0), 7);
    two_run(w, 10 * MS);
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, buf, sizeof buf), 7);
    ck_assert_mem_eq(buf, "one,two", 7);
    ck_assert_int_eq(ust_tcp_writev(t0, w->now_ns, up0.flow, iov, -1, 0), -EINVAL);
    ck_assert_int_eq(ust_tcp_writev(t0, w->now_ns, up0.flow, iov, 1, 64), -EINVAL);
}
END_TEST

/* Nagle holds a small write behind another one that is not acknowledged; UST_NODELAY does not. */
START_TEST(ust_tcp_write_nodelay)
{
    establish(NULL);
    two_run(w, 10 * MS);
    int flags = _i ? UST_NODELAY : 0;
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "a", 1, flags), 1);
    two_turn(w, 0);
    unsigned before = w->frames[0];
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "b", 1, flags), 1);
    two_turn(w, 0);
    ck_assert_uint_eq(w->frames[0], before + (_i ? 1 : 0));
    /* It was for those bytes only. */
    before = w->frames[0];
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "c", 1, 0), 1);
    two_turn(w, 0);
    ck_assert_uint_eq(w->frames[0], before);
}
END_TEST

START_TEST(ust_tcp_close_delivers)
{
    static char big[60000];
    size_t got = 0;
    ssize_t n;
    char buf[4096];
    establish(NULL);
    memset(big, 7, sizeof big);
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, big, sizeof big, 0), sizeof big);
    ust_tcp_close(t0, w->now_ns, up0.flow);
    for (int i = 0; i < 1000 && got < sizeof big; i++) {
        two_run(w, 10 * MS);
        while ((n = ust_tcp_read(t1, w->now_ns, up1.flow, buf, sizeof buf)) > 0)
            got += (size_t)n;
    }
    ck_assert_uint_eq(got, sizeof big);
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, buf, sizeof buf), 0);
}
END_TEST

START_TEST(ust_tcp_abort_resets)
{
    char c;
    establish(NULL);
    ust_tcp_abort(t0, w->now_ns, up0.flow);
    two_run(w, 10 * MS);
    ck_assert_int_eq(ust_tcp_read(t1, w->now_ns, up1.flow, &c, 1), -ECONNRESET);
}
END_TEST

/* after 10 s idle, every 5 s, 3 times: a peer that is gone is dead at 25 s: EOF to the reader, error to the writer. */
START_TEST(ust_keepalive_dead_peer)
{
    struct ust_keepalive k = {10 * S, 5 * S, 3};
    char c;
    establish(&k);
    two_run(w, 60 * S); /* it answers: nothing happens */
    ck_assert_int_eq(ust_tcp_read(t0, w->now_ns, up0.flow, &c, 1), -EAGAIN);
    unsigned before = w->frames[0];
    w->cut = true;
    two_run(w, 15 * S);
    ck_assert_int_eq(ust_tcp_read(t0, w->now_ns, up0.flow, &c, 1), -EAGAIN);
    ck_assert_uint_gt(w->frames[0], before);
    two_run(w, 15 * S);
    ck_assert_uint_ne(ev0.ready & (UST_ERR | UST_HUP | UST_IN), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(ust_tcp_read(t0, w->now_ns, up0.flow, &c, 1), 0);
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "x", 1, 0), -ETIMEDOUT);
}
END_TEST

START_TEST(ust_keepalive_bad_values)
{
    struct ust_keepalive ok = {10 * S, 5 * S, 3},
                         bad[] = {{0, 5 * S, 3},          {10 * S, 0, 3},
                                  {10 * S, 5 * S, 0},     {40000 * S, 5 * S, 3},
                                  {10 * S, 40000 * S, 3}, {10 * S, 5 * S, 128}};
    establish(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(ust_tcp_set_keepalive(t0, w->now_ns, up0.flow, &bad[i]), -EINVAL);
    ck_assert_int_eq(ust_tcp_set_keepalive(t0, w->now_ns, up0.flow, &ok), 0);
    ck_assert_int_eq(ust_tcp_set_keepalive(t0, w->now_ns, up0.flow, NULL), 0);
}
END_TEST

/* Each probe carries snd_una - 1 (and no new data). */
START_TEST(ust_keepalive_probe)
{
    struct ust_keepalive k = {10 * S, 5 * S, 3};
    establish(&k);
    two_run(w, 1 * S);
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "x", 1, 0), 1);
    two_turn(w, 0);
    uint32_t seq =
        be32_at(w->last + 14 + 20 + 4); /* of the one byte: snd_una - 1 once it is acknowledged */
    two_run(w, 9 * S);
    w->cut = true;
    two_run(w, 3 * S);
    ck_assert_uint_eq(be32_at(w->last + 14 + 20 + 4), seq);
}
END_TEST

/* A callback may close its own flow and others. */
static void on_event_close(void *ctx, uint64_t now_ns, struct ust_socket *flow, unsigned ready) {
    (void)ready;
    ev1.calls++;
    ust_tcp_close(ctx, now_ns, flow);
}
START_TEST(callback_may_close)
{
    establish(NULL);
    two_run(w, 10 * MS);
    ck_assert_int_eq(ust_tcp_set_handler(t1, up1.flow, on_event_close, t1), 0);
    two_run(w, 10 * MS); /* told of what is there: writable */
    ck_assert_int_eq(ust_tcp_write(t0, w->now_ns, up0.flow, "x", 1, 0), 1);
    two_run(w, 10 * MS);
    char c;
    ssize_t r = ust_tcp_read(t0, w->now_ns, up0.flow, &c, 1);
    ck_assert(r == 0 || r == -ECONNRESET);
}
END_TEST

int main(void) {
    Suite *s = suite_create("ust_tcp");
    TCase *t = tcase_create("ust_tcp");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, ust_tcp_new_and_free);
    tcase_add_test(t, ust_tcp_connect_refused);
    tcase_add_test(t, ust_tcp_connect_timeout);
    tcase_add_test(t, ust_tcp_connect_unreachable);
    tcase_add_test(t, ust_tcp_connect_taken_back);
    tcase_add_test(t, ust_tcp_listen_and_unlisten);
    tcase_add_loop_test(t, ust_tcp_input_without_listener, 0,
                        (int)(sizeof strays / sizeof strays[0]));
    tcase_add_test(t, ust_tcp_peer_and_local);
    tcase_add_test(t, ust_tcp_read_and_write);
    tcase_add_test(t, ust_tcp_peek_slices_and_consume);
    tcase_add_test(t, ust_tcp_writev_);
    tcase_add_loop_test(t, ust_tcp_write_nodelay, 0, 2);
    tcase_add_test(t, ust_tcp_close_delivers);
    tcase_add_test(t, ust_tcp_abort_resets);
    tcase_add_test(t, ust_keepalive_dead_peer);
    tcase_add_test(t, ust_keepalive_bad_values);
    tcase_add_test(t, ust_keepalive_probe);
    tcase_add_test(t, callback_may_close);
    suite_add_tcase(s, t);
    return run_suite(s);
}
