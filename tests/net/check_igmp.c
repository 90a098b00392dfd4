/* SPDX-License-Identifier: ISC */
/*
 * Group membership: the merger of members' filters (RFC 3376 3.2), what is reported of a change (5.1), answers to queries (5.2), and queriers of
 * older versions (7.2).
 */
#include "net/netfix.h"

#include <stdio.h>

#include "net/priv.h"
#include "wire/igmp.h"

static struct netfix *f;

static void setup(void) {
    f = netfix_new(FIX_MTU, 0, 0);
    fix_flush(f);
}
static void teardown(void) { netfix_free(f); }

/* "in 1 2": a filter that includes 10.1.0.1 and 10.1.0.2; "ex": excludes nobody; NULL: none. */
static const struct mcast_filter *filter(struct mcast_filter *mf, const char *text) {
    if (!text)
        return NULL;
    memset(mf, 0, sizeof *mf);
    mf->mode = text[0] == 'e' ? MCAST_MODE_EXCLUDE : MCAST_MODE_INCLUDE;
    for (const char *p = text + 2; *p; p++)
        if (*p != ' ')
            mf->src[mf->cnt++] = addr_from_ip4(0x0a010000u + (uint32_t)(*p - '0'));
    return mf;
}
static int change(const char *group, const char *old, const char *new) {
    struct mcast_filter a, b;
    struct ust_addr g = ip(group);
    int r = net_group_change(f->net, f->now, &g, filter(&a, old), filter(&b, new));
    must_hold(net_check(f->net));
    return r;
}
static int join(const char *g) { return change(g, NULL, "ex"); }
static int leave(const char *g) { return change(g, "ex", NULL); }

static bool allows(const char *group, char src) {
    struct ust_addr g = ip(group), s = addr_from_ip4(0x0a010000u + (uint32_t)(src - '0'));
    return net_group_allows(f->net, &g, &s);
}

/* The next report of version 3 as text: "TO_EX 239.1.2.3; ALLOW 239.1.2.3 1 2; " or "" if nothing was sent. */
static const char *report(void) {
    static const char *const names[] = {"?", "IS_IN", "IS_EX", "TO_IN", "TO_EX", "ALLOW", "BLOCK"};
    static char out[2000];
    const struct sent *o = fix_sent(f);
    struct ust_addr all = ip("224.0.0.22");
    size_t n = 0;
    out[0] = 0;
    if (!o->any)
        return out;
    ck_assert(o->is_ip4 && o->ip.proto == IP_PROTO_IGMP && o->ip.ttl == 1 && o->ip.tos == 0xc0);
    ck_assert_uint_eq(o->ip.hdr_len, 24); /* router alert */
    if (o->l4.p[0] != IGMP_V3_REPORT) {
        struct igmp_hdr h;
        char g[ADDR_STR_LEN], d[ADDR_STR_LEN];
        ck_assert_int_eq(igmp_parse(o->l4, &h), DROP_NONE);
        snprintf(out, sizeof out, "%s %s to %s",
                 h.type == IGMP_V1_REPORT   ? "v1"
                 : h.type == IGMP_V2_REPORT ? "v2"
                                            : "leave",
                 addr_str(&h.group, g), addr_str(&o->ip.dst, d));
        return out;
    }
    ck_assert(addr_eq(&o->ip.dst, &all));
    struct csum c = {0};
    csum_add(&c, o->l4.p, o->l4.len);
    ck_assert_uint_eq(csum_finish(&c), 0);
    const uint8_t *p = o->l4.p + IGMP_LEN;
    for (int left = o->l4.p[6] << 8 | o->l4.p[7]; left > 0; left--) {
        int cnt = p[2] << 8 | p[3];
        n += (size_t)snprintf(out + n, sizeof out - n, "%s %d.%d.%d.%d", names[p[0]], p[4], p[5],
                              p[6], p[7]);
        for (p += IGMP_RECORD_LEN; cnt > 0; cnt--, p += 4)
            n += (size_t)snprintf(out + n, sizeof out - n, " %d", p[3]);
        n += (size_t)snprintf(out + n, sizeof out - n, "; ");
    }
    ck_assert_ptr_eq(p, o->l4.p + o->l4.len);
    return out;
}
#define SAYS(text) ck_assert_str_eq(report(), text)

/* ---- changes: twice each, the second one within a second ---- */

static const struct {
    const char *name, *before, *old, *new, *says;
} changes[] = {
    {"first member, any source", NULL, NULL, "ex", "TO_EX 239.1.2.3; "},
    {"first member, two sources", NULL, NULL, "in12", "ALLOW 239.1.2.3 1 2; "},
    {"first member, all but one", NULL, NULL, "ex1", "TO_EX 239.1.2.3 1; "},
    {"last member of any source", NULL, "ex", NULL, "TO_IN 239.1.2.3; "},
    {"last member of a source", NULL, "in1", NULL, "BLOCK 239.1.2.3 1; "},
    {"one source more", NULL, "in1", "in12", "ALLOW 239.1.2.3 2; "},
    {"one source less", NULL, "in12", "in1", "BLOCK 239.1.2.3 2; "},
    {"one source for another", NULL, "in12", "in23", "ALLOW 239.1.2.3 3; BLOCK 239.1.2.3 1; "},
    {"a source is blocked", NULL, "ex", "ex1", "BLOCK 239.1.2.3 1; "},
    {"and let in again", NULL, "ex1", "ex", "ALLOW 239.1.2.3 1; "},
    {"include becomes exclude", NULL, "in1", "ex2", "TO_EX 239.1.2.3 2; "},
    {"exclude becomes include", NULL, "ex2", "in1", "TO_IN 239.1.2.3 1; "},
    {"a second member of any source", "ex", NULL, "ex", ""},
    {"a second member of the same source", "in1", NULL, "in1", ""},
    {"a second member of another source", "in1", NULL, "in2", "ALLOW 239.1.2.3 2; "},
    {"a source beside any source", "ex", NULL, "in2", ""},
    {"a source that the other excludes", "ex12", NULL, "in2", "ALLOW 239.1.2.3 2; "},
    {"both exclude: what they share is", "ex12", NULL, "ex23", "ALLOW 239.1.2.3 1; "},
    {"one of two leaves", "ex", "ex", NULL, ""},
    {"of two that of any source leaves", "in1", "ex", NULL, "TO_IN 239.1.2.3 1; "},
};

START_TEST(change_table)
{
    if (changes[_i].before)
        change("239.1.2.3", NULL, changes[_i].before);
    if (changes[_i].old)
        change("239.1.2.3", NULL, changes[_i].old);
    fix_advance(f, 5 * NS_PER_S);
    fix_flush(f);
    ck_assert_int_eq(change("239.1.2.3", changes[_i].old, changes[_i].new), 0);
    SAYS(changes[_i].says);
    SAYS("");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS(changes[_i].says); /* robustness 2 */
    fix_advance(f, 60 * NS_PER_S);
    SAYS("");
}
END_TEST

START_TEST(who_is_let_in)
{
    ck_assert(!allows("239.1.2.3", '1'));
    change("239.1.2.3", NULL, "in12");
    ck_assert(allows("239.1.2.3", '1') && !allows("239.1.2.3", '3'));
    change("239.1.2.3", NULL, "ex13");
    ck_assert(allows("239.1.2.3", '1')); /* one excludes it, one includes it */
    ck_assert(!allows("239.1.2.3", '3') && allows("239.1.2.3", '4'));
    change("239.1.2.3", "in12", NULL);
    ck_assert(!allows("239.1.2.3", '1'));
    change("239.1.2.3", "ex13", NULL);
    ck_assert(!allows("239.1.2.3", '4'));
    ck_assert(allows("224.0.0.1", '4'));
}
END_TEST

START_TEST(a_change_overtakes_the_one_before)
{
    join("239.1.2.3");
    SAYS("TO_EX 239.1.2.3; ");
    leave("239.1.2.3");
    SAYS("TO_IN 239.1.2.3; ");
    fix_advance(f, 2 * NS_PER_S);
    SAYS("TO_IN 239.1.2.3; ");
    SAYS("");
    join("224.0.0.1");
    leave("224.0.0.1");
    fix_advance(f, 2 * NS_PER_S);
    SAYS(""); /* never of all hosts */
}
END_TEST

START_TEST(sources_are_bounded)
{
    struct mcast_filter mf = {.mode = MCAST_MODE_INCLUDE};
    struct ust_addr g = ip("239.1.2.3");
    mf.cnt = MCAST_SRC_MAX;
    for (uint32_t i = 0; i < MCAST_SRC_MAX; i++)
        mf.src[i] = addr_from_ip4(0x0a020000 + i);
    ck_assert_int_eq(net_group_change(f->net, f->now, &g, NULL, &mf), 0);
    ck_assert_int_eq(net_group_change(f->net, f->now, &g, NULL, &mf), 0);
    ck_assert_int_eq(change("239.1.2.3", NULL, "in1"), -ENOBUFS);
    ck_assert_int_eq(net_group_change(f->net, f->now, &g, &mf, NULL), 0);
    ck_assert_int_eq(net_group_change(f->net, f->now, &g, &mf, NULL), 0);
    ck_assert_int_eq(change("239.1.2.3", "in1", NULL), -EADDRNOTAVAIL);
    ck_assert_int_eq(change("10.0.0.1", NULL, "ex"), -EINVAL);
}
END_TEST

/* ---- queries ---- */

/* version 3 with the sources of a filter text's digits */
static enum drop query(unsigned version, const char *group, uint8_t code, const char *srcs) {
    uint8_t m[IGMP_V3_QUERY_LEN + 40] = {IGMP_QUERY, version == 1 ? 0 : code};
    struct ust_addr g = ip(group);
    size_t len = version < 3 ? IGMP_LEN : IGMP_V3_QUERY_LEN;
    memcpy(m + 4, g.b + 12, 4);
    if (version == 3) {
        m[8] = 2;
        m[9] = 125;
        for (; *srcs; srcs++, len += 4) {
            const uint8_t s[4] = {10, 1, 0, (uint8_t)(*srcs - '0')};
            memcpy(m + len, s, 4);
            m[11]++;
        }
    }
    struct csum c = {0};
    csum_add(&c, m, len);
    uint16_t sum = csum_finish(&c);
    memcpy(m + 2, &sum, 2);
    struct fix_ip p = {.src = "10.0.0.1",
                       .dst = "224.0.0.1",
                       .proto = IP_PROTO_IGMP,
                       .ttl = 1,
                       .payload = slice_of(m, len)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    return igmp_rx(f->net, f->now, &f->rx);
}

static void two_groups(void) {
    join("239.1.2.3");
    change("239.1.2.4", NULL, "in12");
    fix_advance(f, 5 * NS_PER_S);
    fix_flush(f);
}

START_TEST(general_query)
{
    two_groups();
    ck_assert_int_eq(query(3, "0.0.0.0", 100, ""), DROP_NONE);
    SAYS(""); /* after a random while */
    fix_advance(f, 10 * NS_PER_S + NS_PER_MS);
    SAYS("IS_EX 239.1.2.3; IS_IN 239.1.2.4 1 2; ");
    fix_advance(f, 60 * NS_PER_S);
    SAYS("");
}
END_TEST

START_TEST(group_query)
{
    two_groups();
    query(3, "239.1.2.4", 10, "");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("IS_IN 239.1.2.4 1 2; ");
    query(3, "239.1.2.4", 10, "23");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("IS_IN 239.1.2.4 2; ");
    query(3, "239.1.2.4", 10, "3");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS(""); /* we want none of these */
    query(3, "239.1.2.3", 10, "7");
    query(3, "239.1.2.3", 10, "8");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("IS_IN 239.1.2.3 7 8; "); /* both in one answer */
    query(3, "239.1.2.3", 10, "7");
    query(3, "239.1.2.3", 10, "");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("IS_EX 239.1.2.3; ");
    query(3, "239.1.2.9", 10, "");
    fix_advance(f, 20 * NS_PER_S);
    SAYS("");
    ck_assert_uint_eq(f->net->group[0].src_cnt, 0);
}
END_TEST

START_TEST(a_general_query_pending_answers_for_all)
{
    two_groups();
    query(3, "0.0.0.0", 1, "");
    query(3, "239.1.2.3", 100, "");
    fix_advance(f, 20 * NS_PER_S);
    SAYS("IS_EX 239.1.2.3; IS_IN 239.1.2.4 1 2; ");
    SAYS("");
}
END_TEST

/* ---- older queriers ---- */

START_TEST(version_2)
{
    query(2, "0.0.0.0", 10, "");
    join("239.1.2.3");
    SAYS("v2 239.1.2.3 to 239.1.2.3");
    fix_advance(f, 10 * NS_PER_S + NS_PER_MS);
    SAYS("v2 239.1.2.3 to 239.1.2.3");
    fix_advance(f, 60 * NS_PER_S);
    SAYS("");
    join("239.1.2.3");
    leave("239.1.2.3");
    SAYS("");
    query(2, "239.1.2.3", 10, "");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("v2 239.1.2.3 to 239.1.2.3");
    leave("239.1.2.3");
    SAYS("leave 239.1.2.3 to 224.0.0.2");
    change("239.1.2.4", NULL, "in1");
    SAYS("v2 239.1.2.4 to 239.1.2.4"); /* it knows no sources */
    fix_advance(f, 300 * NS_PER_S);    /* RFC 3376 8.12: forgotten */
    fix_flush(f);
    join("239.1.2.3");
    SAYS("TO_EX 239.1.2.3; ");
}
END_TEST

START_TEST(version_1)
{
    query(1, "0.0.0.0", 0, "");
    join("239.1.2.3");
    SAYS("v1 239.1.2.3 to 239.1.2.3");
    fix_advance(f, 20 * NS_PER_S);
    fix_flush(f);
    query(1, "0.0.0.0", 0, "");
    fix_advance(f, 10 * NS_PER_S + NS_PER_MS);
    SAYS("v1 239.1.2.3 to 239.1.2.3");
    query(2, "0.0.0.0", 10, ""); /* the oldest one counts */
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("v1 239.1.2.3 to 239.1.2.3");
    leave("239.1.2.3");
    SAYS(""); /* version 1 has no message for it */
}
END_TEST

static enum drop hear_report(const char *group) {
    uint8_t m[IGMP_LEN];
    struct igmp_hdr h = {.type = IGMP_V2_REPORT, .group = ip(group)};
    igmp_emit(&h, m);
    struct fix_ip p = {.src = "10.0.0.7",
                       .dst = group,
                       .proto = IP_PROTO_IGMP,
                       .ttl = 1,
                       .payload = slice_of(m, IGMP_LEN)};
    ck_assert_int_eq(fix_rx_ip(f, &p), DROP_NONE);
    return igmp_rx(f->net, f->now, &f->rx);
}

START_TEST(another_host_is_faster)
{
    two_groups();
    query(2, "0.0.0.0", 100, "");
    ck_assert_int_eq(hear_report("239.1.2.3"), DROP_NONE);
    fix_advance(f, 10 * NS_PER_S + NS_PER_MS);
    SAYS("v2 239.1.2.4 to 239.1.2.4");
    SAYS("");
}
END_TEST

START_TEST(changes_of_version_3_end_with_an_older_querier)
{
    join("239.1.2.3");
    SAYS("TO_EX 239.1.2.3; ");
    query(3, "0.0.0.0", 100, "");
    query(2, "0.0.0.0", 10, "");
    fix_advance(f, NS_PER_S + NS_PER_MS);
    SAYS("v2 239.1.2.3 to 239.1.2.3");
    fix_advance(f, 60 * NS_PER_S);
    SAYS("");
}
END_TEST

START_TEST(bad_messages)
{
    struct ip_rx bad = {.payload = slice_of("\x11\0\0\0\0\0\0", 7)};
    ck_assert_int_eq(igmp_rx(f->net, f->now, &bad), DROP_IGMP_SHORT);
    bad.payload = slice_of("\x11\0\0\1\0\0\0\0", 8);
    ck_assert_int_eq(igmp_rx(f->net, f->now, &bad), DROP_IGMP_CSUM);
    uint8_t m[IGMP_LEN];
    struct igmp_hdr h = {.type = IGMP_LEAVE, .group = ip("239.1.2.3")};
    igmp_emit(&h, m);
    bad.payload = slice_of(m, 8);
    ck_assert_int_eq(igmp_rx(f->net, f->now, &bad), DROP_IGMP_TYPE);
    h.type = IGMP_QUERY; /* to an address that is not ours */
    igmp_emit(&h, m);
    bad.dst = ip("10.0.0.9");
    ck_assert_int_eq(igmp_rx(f->net, f->now, &bad), DROP_IGMP_TYPE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("igmp");
    TCase *t = tcase_create("igmp");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, change_table, 0, (int)UST_ARRAY_CNT(changes));
    tcase_add_test(t, who_is_let_in);
    tcase_add_test(t, a_change_overtakes_the_one_before);
    tcase_add_test(t, sources_are_bounded);
    tcase_add_test(t, general_query);
    tcase_add_test(t, group_query);
    tcase_add_test(t, a_general_query_pending_answers_for_all);
    tcase_add_test(t, version_2);
    tcase_add_test(t, version_1);
    tcase_add_test(t, another_host_is_faster);
    tcase_add_test(t, changes_of_version_3_end_with_an_older_querier);
    tcase_add_test(t, bad_messages);
    suite_add_tcase(s, t);
    return run_suite(s);
}
