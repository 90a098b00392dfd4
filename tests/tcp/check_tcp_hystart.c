/* SPDX-License-Identifier: ISC */
/* HyStart++ (RFC 9406) alone, round by round, under both congestion controls; then on a simulated path with a queue. */
#include "base/check_tools.h"

#include "support/bulk.h"
#include "tcp/tcb.h"

#define MSS 1000u

static struct tcb tb;

static void begin(int cc) {
    memset(&tb, 0, sizeof tb);
    tb.opt.cc = (uint8_t)cc;
    tb.snd_mss = MSS;
    tb.snd_cwnd = 10 * MSS;
    tb.snd_ssthresh = UINT32_MAX;
    tcp_cc(&tb)->init(&tb, NS_PER_S);
}

/* One window, acknowledged segment by segment (or by a few only), each with this round trip time. */
static void a_round(uint64_t rtt_ms, uint32_t max_acks) {
    uint32_t cnt = tb.snd_cwnd / MSS;
    seq_t una = tb.snd_una;
    tb.snd_nxt = seq_add(una, cnt * MSS);
    for (uint32_t i = 1; i <= cnt; i++) {
        tb.snd_una = seq_add(una, i * MSS);
        tcp_cc(&tb)->on_ack(&tb, NS_PER_S, MSS, i <= max_acks ? rtt_ms * NS_PER_MS : 0);
        tb.snd_nxt = seq_add(tb.snd_nxt, 2 * MSS);
    }
}

/* Rounds are rtt_ms each; expected: what the window grew by in the last one, in hundredths, and whether slow start is over. */
static const struct {
    const char *name;
    uint8_t rtt_ms[12];
    uint32_t samples;
    uint32_t grew;
    bool over;
} cases[] = {
    {"a constant time: slow start doubles", {50, 50, 50}, 1000, 100, false},
    {"a rise of less than an eighth", {50, 50, 55}, 1000, 100, false},
    {"a rise below 4 ms counts for nothing", {5, 5, 8}, 1000, 100, false},
    {"4 ms is the least", {5, 5, 9, 9}, 1000, 25, false},
    {"an eighth between 4 and 16 ms", {64, 64, 72, 72}, 1000, 25, false},
    {"16 ms is the most", {200, 200, 216, 216}, 1000, 25, false},
    {"fewer than eight samples say nothing", {50, 50, 90, 90}, 7, 100, false},
    {"below the base again: it was jitter", {50, 50, 90, 90, 60, 60}, 1000, 100, false},
    {"as large as the base: CSS goes on", {50, 50, 90, 90, 90}, 1000, 25, false},
    {"five rounds: congestion avoidance", {50, 50, 90, 90, 90, 90, 90, 90}, 1000, 0, true},
};

START_TEST(rounds)
{
    int k = _i / TCP_CC_COUNT;
    uint32_t before = 0;
    begin(_i % TCP_CC_COUNT);
    for (int i = 0; cases[k].rtt_ms[i]; i++) {
        before = tb.snd_cwnd;
        a_round(cases[k].rtt_ms[i], cases[k].samples);
    }
    uint32_t grew = (tb.snd_cwnd - before) * 100 / before;
    ck_assert_msg((tb.snd_ssthresh != UINT32_MAX) == cases[k].over, "%s: ssthresh %u",
                  cases[k].name, tb.snd_ssthresh);
    if (!cases[k].over) /* the first ACK of a round belongs to the one before */
        ck_assert_msg(grew + 4 >= cases[k].grew && grew <= cases[k].grew + 4, "%s: grew by %u%%",
                      cases[k].name, grew);
    else
        ck_assert_uint_le(grew, 10);
}
END_TEST

START_TEST(not_when_ssthresh_is_known)
{
    begin(_i);
    tb.snd_ssthresh = 10000 * MSS;
    a_round(50, 1000), a_round(50, 1000), a_round(90, 1000), a_round(90, 1000);
    ck_assert_uint_eq(tb.snd_cwnd, 160 * MSS);
}
END_TEST

START_TEST(not_when_it_is_off)
{
    begin(_i);
    tb.opt.hystart_off = true;
    a_round(50, 1000), a_round(50, 1000), a_round(90, 1000), a_round(90, 1000);
    ck_assert_uint_eq(tb.snd_cwnd, 160 * MSS);
}
END_TEST

/*
 * Frames lost at the end of the first slow start: 40 ms, a queue of some BDP. The first samples of a round are of segments sent when the window was half
 * of what it is now, so HyStart++ sees the queue when the window is between 2.25 and 4.5 BDP: a shorter queue has overflowed by then.
 */
static uint64_t path_loss(uint8_t cc, bool off, uint32_t mbit, uint32_t queue_bdp,
                          uint64_t *took_ns) {
    struct bulk b = {.bytes = 12u << 20};
    struct tcp_cfg cfg;
    tcp_cfg_default(&cfg);
    cfg.cc = cc;
    cfg.hystart_off = off;
    bulk_new(&b, 7, &cfg, 1500);
    uint64_t bps = mbit * 1000000ull;
    b.s->wire[0][1] = (struct sim_wire){.rate_bps = bps,
                                        .delay_ns = 20 * NS_PER_MS,
                                        .queue_bytes = bps / 8 * 40 / 1000 * queue_bdp};
    b.s->wire[1][0] = (struct sim_wire){.rate_bps = bps, .delay_ns = 20 * NS_PER_MS};
    ck_assert_msg(bulk_run(&b, 60 * NS_PER_S), "%s", b.fail);
    uint64_t lost = b.s->wire[0][1].lost;
    *took_ns += b.done_ns;
    bulk_free(&b);
    return lost;
}

static const uint32_t rates[] = {30, 36, 43, 51}; /* rounds end at different windows */
static const struct {
    uint32_t queue_bdp, percent; /* of the loss without HyStart++, at most */
} queues[] = {{1, 90}, {3, 33}};

START_TEST(less_loss_on_a_path)
{
    int q = _i / TCP_CC_COUNT;
    uint64_t with_ns = 0, without_ns = 0, with = 0, without = 0;
    for (size_t k = 0; k < UST_ARRAY_CNT(rates); k++) {
        uint8_t cc = (uint8_t)(_i % TCP_CC_COUNT);
        with += path_loss(cc, false, rates[k], queues[q].queue_bdp, &with_ns);
        without += path_loss(cc, true, rates[k], queues[q].queue_bdp, &without_ns);
    }
    ck_assert_msg(with * 100 <= without * queues[q].percent, "with %ju, without %ju",
                  (uintmax_t)with, (uintmax_t)without);
    ck_assert_msg(with_ns <= without_ns * 21 / 20, "with %ju ns, without %ju", (uintmax_t)with_ns,
                  (uintmax_t)without_ns);
}
END_TEST

int main(void) {
    Suite *s = suite_create("tcp hystart");
    TCase *tc = tcase_create("alone");
    tcase_add_loop_test(tc, rounds, 0, TCP_CC_COUNT * (int)UST_ARRAY_CNT(cases));
    tcase_add_loop_test(tc, not_when_ssthresh_is_known, 0, TCP_CC_COUNT);
    tcase_add_loop_test(tc, not_when_it_is_off, 0, TCP_CC_COUNT);
    suite_add_tcase(s, tc);
    tc = tcase_create("path");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, less_loss_on_a_path, 0, 2 * TCP_CC_COUNT);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
