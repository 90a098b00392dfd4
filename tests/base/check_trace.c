/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include <stdio.h>

#include "base/core.h"

static struct core *core;
static struct trace *tr;
static char text[TRACE_RING_BYTES + 1];

static void setup(void) {
    core = (struct core *)calloc(1, sizeof *core);
    tr = &core->trace;
    tr->on = UINT32_MAX;
}

static void teardown(void) { free(core); }

/* Everything pending, consumed. */
static const char *drain(void) {
    struct ust_slice v[2];
    size_t len = trace_pending(tr, v);
    must_eq(len, v[0].len + v[1].len);
    memcpy(text, v[0].p, v[0].len);
    memcpy(text + v[0].len, v[1].p, v[1].len);
    text[len] = '\0';
    trace_consume(tr, len);
    must_eq(trace_pending(tr, v), 0);
    return text;
}

#define H 3600

static const struct {
    uint64_t now_ns;
    int64_t wall_off_ns;
    int32_t tz_off_s;
    const char *stamp;
} stamps[] = {
    {0, 0, 0, "00:00:00.000000"},
    {1123456, 0, 0, "00:00:00.001123"},
    {5 * NS_PER_S, (12 * H - 4) * (int64_t)NS_PER_S + 123000, 0, "12:00:01.000123"},
    {0, 0, 2 * H, "02:00:00.000000"},
    {0, 0, -H, "23:00:00.000000"},
    {3 * NS_PER_S, -(int64_t)NS_PER_S, 0, "00:00:02.000000"},
    {0, 1700000000LL * (int64_t)NS_PER_S, 0, "22:13:20.000000"},
    {86399999999999ULL, 0, 0, "23:59:59.999999"},
};

START_TEST(stamp)
{
    char want[64];
    tr->wall_off_ns = stamps[_i].wall_off_ns;
    tr->tz_off_s = stamps[_i].tz_off_s;
    trace_line(tr, stamps[_i].now_ns, TRACE_TCP, "x");
    snprintf(want, sizeof want, "%s tcp x\n", stamps[_i].stamp);
    ck_assert_str_eq(drain(), want);
}
END_TEST

/* The line of the design, word for word. */
START_TEST(line_with_flow)
{
    struct ust_addr a, b;
    ck_assert(addr_parse("10.0.0.2", &a) && addr_parse("10.0.0.1", &b));
    tr->wall_off_ns = 12LL * H * (int64_t)NS_PER_S;
    trace_flow(tr, NS_PER_S + 123 * NS_PER_US, TRACE_TCP, &a, 40112, &b, 80,
               "SYN_SENT -> ESTABLISHED mss %d wscale %d sack ts", 1460, 7);
    ck_assert_str_eq(drain(), "12:00:01.000123 tcp 10.0.0.2:40112 > 10.0.0.1:80 SYN_SENT -> "
                              "ESTABLISHED mss 1460 wscale 7 sack ts\n");
    trace_flow(tr, 0, TRACE_ICMP, &a, -1, &b, -1, "echo");
    ck_assert_str_eq(drain(), "12:00:00.000000 icmp 10.0.0.2 > 10.0.0.1 echo\n");
    ck_assert(addr_parse("2001:db8::1", &a) && addr_parse("fe80::2", &b));
    trace_flow(tr, 0, TRACE_UDP, &a, 53, &b, 0, "len 8");
    ck_assert_str_eq(drain(), "12:00:00.000000 udp [2001:db8::1]:53 > [fe80::2]:0 len 8\n");
    trace_flow(tr, 0, TRACE_ND, &a, -1, &b, -1, "NS");
    ck_assert_str_eq(drain(), "12:00:00.000000 nd 2001:db8::1 > fe80::2 NS\n");
}
END_TEST

START_TEST(macros_test_first)
{
    int calls = 0;
    tr->on = 1u << TRACE_TCP;
    tr->on_debug = 1u << TRACE_IP;
    TRACE(tr, 0, TCP, "a%d", calls++);
    TRACE(tr, 0, UDP, "b%d", calls++);
    TRACED(tr, 0, TCP, "c%d", calls++);
    TRACED(tr, 0, IP, "d%d", calls++);
    ck_assert_str_eq(drain(), "00:00:00.000000 tcp a0\n00:00:00.000000 ip d1\n");
    ck_assert_int_eq(calls, 2);
}
END_TEST

/* One event is one line, whatever stands in it; too long a line is cut and still ends. */
START_TEST(one_event_one_line)
{
    char big[5000];
    trace_line(tr, 0, TRACE_DHCP, "host %s", "a\nb\tc\033[1m\177");
    ck_assert_str_eq(drain(), "00:00:00.000000 dhcp host a?b?c?[1m?\n");
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    trace_line(tr, 0, TRACE_CALL, "%s", big);
    trace_line(tr, 0, TRACE_CALL, "next");
    const char *s = drain();
    const char *nl = strchr(s, '\n');
    ck_assert_ptr_nonnull(nl);
    ck_assert_int_gt(nl - s, 900);
    ck_assert_int_lt(nl - s, 1024);
    ck_assert_str_eq(nl + 1, "00:00:00.000000 call next\n");
}
END_TEST

/* A full ring loses whole new lines and counts them; what is in it stays, over many turns of the
 * ring. */
START_TEST(overrun_counts_lost_lines)
{
    struct rnd r = {1};
    char pad[400];
    memset(pad, 'p', sizeof pad - 1);
    pad[sizeof pad - 1] = '\0';
    unsigned next = 0, written = 0;
    uint64_t lost = 0;
    for (int round = 0; round < 30; round++) {
        unsigned cnt = (unsigned)rnd_below(&r, 1500);
        for (unsigned i = 0; i < cnt; i++) {
            uint64_t before = tr->lost;
            trace_line(tr, 0, TRACE_FD, "%u %s", written, pad + rnd_below(&r, sizeof pad));
            if (tr->lost == before)
                written++;
            else
                must_eq(tr->lost, before + 1);
        }
        must(tr->head - tr->tail <= TRACE_RING_BYTES);
        for (const char *s = drain(); *s; s = strchr(s, '\n') + 1) {
            unsigned no;
            must(sscanf(s, "00:00:00.000000 fd %u", &no) == 1);
            must_eq(no, next);
            next++;
            must(strchr(s, '\n') != NULL);
        }
        must_eq(next, written);
        lost = tr->lost;
    }
    must(lost > 0 && written > 0);
}
END_TEST

/* A drain may take part of what is there. */
START_TEST(partial_consume)
{
    struct ust_slice v[2];
    trace_line(tr, 0, TRACE_FD, "first");
    trace_line(tr, 0, TRACE_FD, "second");
    size_t len = trace_pending(tr, v);
    trace_consume(tr, 10);
    must_eq(trace_pending(tr, v), len - 10);
    ck_assert_str_eq(drain(), "00000 fd first\n00:00:00.000000 fd second\n");
}
END_TEST

#define BIT(c) (1u << TRACE_##c)
#define ALL ((1u << TRACE_COUNT) - 1)

static const struct {
    const char *in, *bad; /* bad: NULL, or the word that is not understood */
    uint32_t on, on_debug;
} specs[] = {
    {"", NULL, 0, 0},
    {"tcp", NULL, BIT(TCP), 0},
    {"tcp,ip:debug", NULL, BIT(TCP) | BIT(IP), BIT(IP)},
    {"all", NULL, ALL, 0},
    {"all:debug", NULL, ALL, ALL},
    {"all,tcp:debug", NULL, ALL, BIT(TCP)},
    {"call,tcp,udp,ip,icmp,arp,nd,dhcp,dns,link,fd,poll,proc,drop", NULL, ALL, 0},
    {"tcpp", "tcpp", 0, 0},
    {"tc", "tc", 0, 0},
    {"TCP", "TCP", 0, 0},
    {"tcp,foo,ip", "foo", 0, 0},
    {"tcp:verbose", "tcp:verbose", 0, 0},
    {"tcp:debug:debug", "tcp:debug:debug", 0, 0},
    {":debug", ":debug", 0, 0},
    {"debug", "debug", 0, 0},
    {"tcp,", "", 0, 0},
    {",tcp", "", 0, 0},
    {"tcp,,ip", "", 0, 0},
    {",", "", 0, 0},
    {"tcp, ip", " ip", 0, 0},
};

START_TEST(parse)
{
    uint32_t on = 0, on_debug = 0;
    struct ust_slice bad = slice_of("?", 1);
    bool ok = trace_parse(specs[_i].in, &on, &on_debug, &bad);
    ck_assert_int_eq(ok, specs[_i].bad == NULL);
    ck_assert_uint_eq(on, specs[_i].on);
    ck_assert_uint_eq(on_debug, specs[_i].on_debug);
    if (ok)
        return;
    ck_assert_uint_eq(bad.len, strlen(specs[_i].bad));
    ck_assert_mem_eq(bad.p, specs[_i].bad, bad.len);
    const char *p = (const char *)bad.p;
    ck_assert(p >= specs[_i].in && p <= specs[_i].in + strlen(specs[_i].in));
}
END_TEST

START_TEST(drops_are_counted_and_traced)
{
    struct ust_addr a = addr_from_ip4(0x0a000001), b = addr_from_ip4(0x0a000002);
    ck_assert_int_eq(core_drop(core, 0, DROP_IP4_CSUM), DROP_IP4_CSUM);
    ck_assert_int_eq(core_drop_flow(core, 0, DROP_TCP_PAWS, &a, 1, &b, 2), DROP_TCP_PAWS);
    ck_assert_str_eq(drain(), "00:00:00.000000 drop ip4 IP4_CSUM: header checksum\n"
                              "00:00:00.000000 drop 10.0.0.1:1 > 10.0.0.2:2 tcp TCP_PAWS: "
                              "timestamp older than the last one (PAWS)\n");
    tr->on = 0;
    core_drop(core, 0, DROP_IP4_CSUM);
    core_drop_flow(core, 0, DROP_IP4_CSUM, &a, 1, &b, 2);
    ck_assert_str_eq(drain(), "");
    ck_assert_uint_eq(core->drops.cnt[DROP_IP4_CSUM], 3);
    ck_assert_uint_eq(core->drops.cnt[DROP_TCP_PAWS], 1);
    ck_assert_uint_eq(core->drops.cnt[DROP_TCP_SHORT], 0);
}
END_TEST

/* Every reason and category has its names, no two the same. */
START_TEST(names)
{
    for (int d = 0; d < DROP_COUNT; d++) {
        must(drop_name((enum drop)d)[0] && drop_layer((enum drop)d)[0] &&
             drop_text((enum drop)d)[0]);
        for (int e = 0; e < d; e++)
            must(strcmp(drop_name((enum drop)d), drop_name((enum drop)e)) != 0);
    }
    for (int c = 0; c < TRACE_COUNT; c++)
        must(trace_cat_name((enum trace_cat)c)[0]);
    ck_assert_str_eq(trace_cat_name(TRACE_PROC), "proc");
}
END_TEST

int main(void) {
    Suite *s = suite_create("trace");
    TCase *t = tcase_create("trace");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, stamp, 0, UST_ARRAY_CNT(stamps));
    tcase_add_test(t, line_with_flow);
    tcase_add_test(t, macros_test_first);
    tcase_add_test(t, one_event_one_line);
    tcase_add_test(t, overrun_counts_lost_lines);
    tcase_add_test(t, partial_consume);
    tcase_add_loop_test(t, parse, 0, UST_ARRAY_CNT(specs));
    tcase_add_test(t, drops_are_counted_and_traced);
    tcase_add_test(t, names);
    suite_add_tcase(s, t);
    return run_suite(s);
}
