/* SPDX-License-Identifier: ISC */
/* Fragments in: RFC 791 3.2, RFC 1122 3.3.2, RFC 1858, RFC 5722's rule for overlaps taken for IPv4 too. */
#include "net/netfix.h"

#include <stdio.h>

#include "wire/icmp4.h"

static struct netfix *f;
static uint8_t data[70000];

static void setup(void) {
    f = netfix_new(FIX_MTU, LINK_F_CSUM, 0);
    fix_know(f, "10.0.0.1", &fix_peer_mac);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = fix_byte(i);
}
static void teardown(void) {
    ip_rx_done(f->net, &f->rx);
    netfix_free(f);
}

static enum drop frag_from(const char *src, uint8_t proto, uint16_t id, uint32_t off, uint32_t len,
                           bool mf) {
    struct fix_ip p = {.src = src,
                       .dst = "10.0.0.2",
                       .proto = proto,
                       .ttl = 60,
                       .id = id,
                       .frag_off = (uint16_t)off,
                       .mf = mf,
                       .payload = slice_of(data + off, len)};
    return fix_rx_ip(f, &p);
}
static enum drop frag(uint16_t id, uint32_t off, uint32_t len, bool mf) {
    return frag_from("10.0.0.1", 200, id, off, len, mf);
}
static void whole(uint32_t len) {
    ck_assert(f->rx.reassembled);
    ck_assert(!f->rx.csum_ok);
    ck_assert_uint_eq(f->rx.payload.len, len);
    ck_assert_mem_eq(f->rx.payload.p, data, len);
    /* and the packet looks as if it had never been cut */
    struct ip4_hdr h;
    struct ust_slice rest;
    ck_assert_int_eq(ip4_parse(f->rx.packet, &h, &rest), DROP_NONE);
    ck_assert(!h.mf && h.frag_off == 0);
    ck_assert_uint_eq(rest.len, len);
    ck_assert_uint_eq(f->net->reass.cnt, 0);
    ck_assert_uint_eq(f->net->reass.mem_bytes, 0);
}

/* ---- orders ---- */

struct piece {
    uint32_t off, len;
    bool mf;
};
static const struct order {
    const char *name;
    int cnt;
    struct piece p[6];
    uint32_t total;
} orders[] = {
    {"in order", 3, {{0, 1480, true}, {1480, 1480, true}, {2960, 40, false}}, 3000},
    {"reverse", 3, {{2960, 40, false}, {1480, 1480, true}, {0, 1480, true}}, 3000},
    {"last in the middle", 3, {{0, 1480, true}, {2960, 40, false}, {1480, 1480, true}}, 3000},
    {"two, odd end", 2, {{0, 8, true}, {8, 1, false}}, 9},
    {"duplicates of each",
     5,
     {{0, 16, true}, {0, 16, true}, {32, 8, false}, {32, 8, false}, {16, 16, true}},
     40},
    {"five, mixed",
     5,
     {{24, 8, true}, {0, 8, true}, {32, 3, false}, {16, 8, true}, {8, 8, true}},
     35},
};

START_TEST(order_table)
{
    const struct order *o = &orders[_i];
    for (int i = 0; i < o->cnt; i++) {
        enum drop d = frag(7, o->p[i].off, o->p[i].len, o->p[i].mf);
        if (i + 1 < o->cnt)
            ck_assert_msg(d == DROP_COUNT || d == DROP_FRAG_DUP, "%s: %d", o->name, i);
        else
            ck_assert_msg(d == DROP_NONE, "%s", o->name);
    }
    whole(o->total);
}
END_TEST

START_TEST(random_orders)
{
    struct rnd r = {(uint64_t)_i + 1};
    uint32_t n = 1 + (uint32_t)rnd_below(&r, 40), len = n * 8 + (uint32_t)rnd_below(&r, 8) + 1;
    uint32_t at[64];
    for (uint32_t i = 0; i <= n; i++)
        at[i] = i;
    for (uint32_t i = n; i > 0; i--) {
        uint32_t k = (uint32_t)rnd_below(&r, i + 1), x = at[i];
        at[i] = at[k];
        at[k] = x;
    }
    for (uint32_t i = 0; i <= n; i++) {
        bool last = at[i] == n;
        enum drop d = frag(9, at[i] * 8, last ? len - n * 8 : 8, !last);
        must_eq(d, i == n ? DROP_NONE : DROP_COUNT);
        if (i < n && rnd_one_in(&r, 3))
            must_eq(frag(9, at[i] * 8, last ? len - n * 8 : 8, !last), DROP_FRAG_DUP);
    }
    whole(len);
}
END_TEST

START_TEST(largest)
{
    uint32_t total = 65535 - 20, off = 0;
    while (total - off > 1480) {
        must_eq(frag(3, off, 1480, true), DROP_COUNT);
        off += 1480;
    }
    ck_assert_int_eq(frag(3, off, total - off, false), DROP_NONE);
    whole(total);
}
END_TEST

START_TEST(not_fragmented_is_not_copied)
{
    struct fix_ip p = {
        .src = "10.0.0.1", .dst = "10.0.0.2", .proto = 200, .payload = slice_of(data, 100)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    ck_assert(!f->rx.reassembled);
    ck_assert_ptr_null(f->rx.own);
    ck_assert(f->rx.payload.p >= f->frame && f->rx.payload.p < f->frame + sizeof f->frame);
}
END_TEST

START_TEST(kept_apart)
{
    /* same id: another source, another protocol; another id */
    ck_assert_int_eq(frag(5, 0, 8, true), DROP_COUNT);
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 5, 8, 8, false), DROP_COUNT);
    ck_assert_int_eq(frag_from("10.0.0.1", 201, 5, 8, 8, false), DROP_COUNT);
    ck_assert_int_eq(frag(6, 8, 8, false), DROP_COUNT);
    ck_assert_uint_eq(f->net->reass.cnt, 4);
    ck_assert_int_eq(frag(6, 0, 8, true), DROP_NONE);
    ck_assert_uint_eq(f->rx.payload.len, 16);
    ck_assert_int_eq(frag(5, 8, 8, false), DROP_NONE);
    ck_assert_uint_eq(f->net->reass.cnt, 2);
}
END_TEST

START_TEST(csum_ok_of_fragments_says_nothing)
{
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "10.0.0.2",
                       .proto = 17,
                       .mf = true,
                       .payload = slice_of(data, 8)};
    fix_rx_frame(f, fix_compose(f, &p), true);
    p.mf = false;
    p.frag_off = 8;
    p.payload = slice_of(data + 8, 8);
    ck_assert_int_eq(fix_rx_frame(f, fix_compose(f, &p), true), DROP_NONE);
    whole(16);
}
END_TEST

/* ---- what is refused ---- */

static const struct refused {
    const char *name;
    int cnt;
    struct piece p[4];
    enum drop last; /* what the last one gets */
    bool poisons;   /* and then the missing pieces do not help */
} refused[] = {
    {"length no multiple of 8", 1, {{0, 12, true}}, DROP_FRAG_LEN, false},
    {"without payload", 1, {{8, 0, true}}, DROP_FRAG_EMPTY, false},
    {"without payload, last", 1, {{8, 0, false}}, DROP_FRAG_EMPTY, false},
    {"ping of death", 1, {{65528, 8, false}}, DROP_FRAG_RANGE, false},
    {"ends one beyond", 1, {{65512, 4, false}}, DROP_FRAG_RANGE, false},
    {"overlap on the left", 2, {{8, 16, true}, {0, 16, true}}, DROP_FRAG_OVERLAP, true},
    {"overlap on the right", 2, {{0, 16, true}, {8, 16, true}}, DROP_FRAG_OVERLAP, true},
    {"inside another", 2, {{0, 32, true}, {8, 8, true}}, DROP_FRAG_OVERLAP, true},
    {"around another", 2, {{8, 8, true}, {0, 32, true}}, DROP_FRAG_OVERLAP, true},
    {"same start, longer", 2, {{0, 8, true}, {0, 16, true}}, DROP_FRAG_OVERLAP, true},
    {"two ends, second shorter", 2, {{24, 8, false}, {16, 8, false}}, DROP_FRAG_END_CONFLICT, true},
    {"two ends, second longer", 2, {{8, 8, false}, {16, 8, false}}, DROP_FRAG_END_CONFLICT, true},
    {"beyond the end", 2, {{8, 8, false}, {16, 8, true}}, DROP_FRAG_END_CONFLICT, true},
    {"end before what is there", 2, {{24, 8, true}, {8, 8, false}}, DROP_FRAG_END_CONFLICT, true},
};

START_TEST(refused_table)
{
    const struct refused *t = &refused[_i];
    enum drop d = DROP_NONE;
    for (int i = 0; i < t->cnt; i++)
        d = frag(7, t->p[i].off, t->p[i].len, t->p[i].mf);
    ck_assert_msg(d == t->last, "%s: %s", t->name, d < DROP_COUNT ? drop_name(d) : "COUNT");
    ck_assert_uint_eq(f->net->reass.cnt, t->poisons ? 1 : 0);
    ck_assert_uint_eq(f->net->reass.mem_bytes, 0);
    if (!t->poisons)
        return;
    ck_assert_int_eq(frag(7, 0, 8, true), DROP_FRAG_POISONED);
    ck_assert_int_eq(frag(7, 8, 8, false), DROP_FRAG_POISONED);
    fix_advance(f, REASS_TIMEOUT_NS + NS_PER_MS);
    ck_assert_uint_eq(f->net->reass.cnt, 0);
    ck_assert(!fix_sent(f)->any); /* no time exceeded for these */
    frag(7, 0, 8, true);
    ck_assert_int_eq(frag(7, 8, 8, false), DROP_NONE);
}
END_TEST

START_TEST(duplicate_with_other_bytes_is_an_overlap)
{
    frag(7, 0, 8, true);
    data[3] ^= 1;
    ck_assert_int_eq(frag(7, 0, 8, true), DROP_FRAG_OVERLAP);
}
END_TEST

/* ---- time ---- */

START_TEST(timeout_tells_if_the_first_was_there)
{
    bool first = _i == 0;
    frag(7, first ? 0 : 8, 64, true);
    fix_advance(f, REASS_TIMEOUT_NS - NS_PER_S);
    ck_assert_uint_eq(f->net->reass.cnt, 1);
    fix_advance(f, 2 * NS_PER_S);
    ck_assert_uint_eq(f->net->reass.cnt, 0);
    ck_assert_uint_eq(f->net->reass.mem_bytes, 0);
    ck_assert_uint_eq(fix_drops(f, DROP_FRAG_TIMEOUT), 1);
    const struct sent *o = fix_sent(f);
    ck_assert(o->any == first);
    if (first) {
        struct icmp4_hdr h;
        struct ip4_hdr q;
        struct ust_slice body, l4;
        ck_assert_int_eq(icmp4_parse(o->l4, false, &h, &body), DROP_NONE);
        ck_assert_int_eq(h.type, ICMP4_TIME_EXCEEDED);
        ck_assert_int_eq(h.code, 1);
        ck_assert_int_eq(ip4_parse_quoted(body, &q, &l4), DROP_NONE);
        ck_assert_uint_eq(q.id, 7);
        ck_assert_uint_ge(l4.len, 8);
        ck_assert_mem_eq(l4.p, data, 8);
    }
}
END_TEST

START_TEST(timeout_is_not_put_off)
{
    frag(7, 0, 8, true);
    for (uint32_t i = 1; i <= 3; i++) {
        fix_advance(f, 9 * NS_PER_S);
        frag(7, i * 16, 8, true);
    }
    fix_advance(f, 4 * NS_PER_S);
    ck_assert_uint_eq(f->net->reass.cnt, 0);
    fix_flush(f);
}
END_TEST

/* ---- bounds ---- */

START_TEST(too_many_fragments)
{
    enum drop d = DROP_COUNT;
    uint32_t i;
    for (i = 0; i <= REASS_FRAG_MAX && d == DROP_COUNT; i++)
        d = frag(7, i * 16, 8, true);
    ck_assert_int_eq(d, DROP_FRAG_TOO_MANY);
    ck_assert_uint_eq(i, REASS_FRAG_MAX + 1);
    ck_assert_uint_eq(f->net->reass.mem_bytes, 0);
}
END_TEST

START_TEST(flood_of_ids_leaves_others_alone)
{
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 0, 8, true), DROP_COUNT);
    for (uint32_t id = 0; id < 5000; id++)
        must_eq(frag((uint16_t)id, 0, 8, true), DROP_COUNT);
    ck_assert_uint_le(f->net->reass.cnt, 1 + REASS_MAX / 4);
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 8, 8, false), DROP_NONE);
}
END_TEST

START_TEST(flood_of_bytes_leaves_others_alone)
{
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 0, 8, true), DROP_COUNT);
    for (uint32_t i = 0; i < 20000; i++) {
        enum drop d = frag((uint16_t)(i / 40), 1480 * (i % 40), 1480, true);
        must(d == DROP_COUNT);
        must(f->net->reass.mem_bytes <= REASS_BYTES);
    }
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 8, 8, false), DROP_NONE);
}
END_TEST

START_TEST(oldest_datagram_does_not_push_out_itself)
{
    char src[32];
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 0, 8, true), DROP_COUNT);
    for (uint32_t i = 0; f->net->reass.mem_bytes < REASS_BYTES - 4096; i++) {
        snprintf(src, sizeof src, "10.9.0.%u", i / 90 + 1);
        must_eq(frag_from(src, 200, 1, 1480 * (i % 40), 1480, true) == DROP_COUNT ||
                    frag_from(src, 200, (uint16_t)(2 + i / 40), 1480 * (i % 40), 1480, true) ==
                        DROP_COUNT,
                true);
    }
    for (uint32_t i = 1; i < 8; i++) /* makes others go */
        ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 1480 * i, 1480, true), DROP_COUNT);
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 8, 1472, true), DROP_COUNT);
    ck_assert_int_eq(frag_from("10.0.0.3", 200, 1, 1480 * 8, 8, false), DROP_NONE);
}
END_TEST

START_TEST(flood_of_sources_is_bounded)
{
    char src[32];
    for (uint32_t i = 0; i < 2000; i++) {
        snprintf(src, sizeof src, "10.9.%u.%u", i / 250, i % 250 + 1);
        must_eq(frag_from(src, 200, 1, 0, 1480, true), DROP_COUNT);
    }
    ck_assert_uint_eq(f->net->reass.cnt, REASS_MAX);
    /* the oldest gave way: a datagram that starts now is completed */
    ck_assert_int_eq(frag(1, 0, 8, true), DROP_COUNT);
    ck_assert_int_eq(frag(1, 8, 8, false), DROP_NONE);
}
END_TEST

START_TEST(given_up_after_a_crash)
{
    frag(7, 0, 8, true);
    frag(8, 0, 8, true);
    wheel_init(&f->c->wheel, f->now);
    net_rebuild(f->net);
    must_hold(net_check(f->net));
    ck_assert_uint_eq(f->net->reass.cnt, 0);
    frag(7, 0, 8, true);
    ck_assert_int_eq(frag(7, 8, 8, false), DROP_NONE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("reass");
    TCase *t = tcase_create("reass");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, order_table, 0, (int)UST_ARRAY_CNT(orders));
    tcase_add_loop_test(t, random_orders, 0, 30);
    tcase_add_test(t, largest);
    tcase_add_test(t, not_fragmented_is_not_copied);
    tcase_add_test(t, kept_apart);
    tcase_add_test(t, csum_ok_of_fragments_says_nothing);
    tcase_add_loop_test(t, refused_table, 0, (int)UST_ARRAY_CNT(refused));
    tcase_add_test(t, duplicate_with_other_bytes_is_an_overlap);
    tcase_add_loop_test(t, timeout_tells_if_the_first_was_there, 0, 2);
    tcase_add_test(t, timeout_is_not_put_off);
    tcase_add_test(t, too_many_fragments);
    tcase_add_test(t, flood_of_ids_leaves_others_alone);
    tcase_add_test(t, flood_of_bytes_leaves_others_alone);
    tcase_add_test(t, oldest_datagram_does_not_push_out_itself);
    tcase_add_test(t, flood_of_sources_is_bounded);
    tcase_add_test(t, given_up_after_a_crash);
    suite_add_tcase(s, t);
    return run_suite(s);
}
