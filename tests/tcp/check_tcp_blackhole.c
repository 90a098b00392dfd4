/* SPDX-License-Identifier: ISC */
/* Routers that drop what is too large without a word (RFC 4821, RFC 2923 2.1), on simulated paths. */
#include "base/check_tools.h"

#include "sock/sock.h"
#include "support/bulk.h"
#include "tcp/tcb.h"
#include "wire/arp.h"

static const struct {
    const char *name;
    uint32_t mtu;              /* of the mute router; 0: none */
    uint32_t dead_ms;          /* the path is down for so long, from 300 ms on */
    uint32_t mss_min, mss_max; /* at the end, without the 12 bytes of timestamps */
    uint32_t lost_max;         /* at the router */
    uint32_t bytes;            /* to send; 0: 8 MB */
} cases[] = {
    {"1200", 1200, 0, 1140, 1148, 60, 0},
    {"1400: the search comes close", 1400, 0, 1340, 1348, 60, 0},
    {"1492", 1492, 0, 1432, 1440, 60, 0},
    {"1070, just above the base", 1070, 0, 1012, 1018, 60, 0},
    {"900: half of the base", 900, 0, 840, 848, 80, 0},
    {"576", 576, 0, 524, 524, 80, 0},
    {"1100, and no more to send than one segment that is not full", 1100, 0, 1012, 1012, 10, 1242},
    {"1100, and what is to be sent passes: nothing is searched", 1100, 0, 1448, 1448, 0, 1000},
    {"none: nothing is searched", 0, 0, 1448, 1448, 0, 0},
    {"down for 8 s: it was not the size", 0, 8000, 1448, 1448, 0, 0},
};

static void revive(struct sim *s, void *ctx) {
    bool *dead = &s->wire[0][1].dead;
    uint32_t ms = *(const uint32_t *)ctx;
    *dead = !*dead;
    if (*dead)
        s->hook_at_ns = s->now_ns + ms * NS_PER_MS;
}

START_TEST(path)
{
    struct bulk b = {.bytes = cases[_i].bytes ? cases[_i].bytes : 8u << 20};
    struct tcp_cfg cfg;
    uint32_t dead_ms = cases[_i].dead_ms;
    tcp_cfg_default(&cfg);
    bulk_new(&b, 11, &cfg, 1500);
    for (int i = 0; i < 2; i++)
        b.s->wire[i][1 - i] = (struct sim_wire){
            .rate_bps = 20000000, .delay_ns = 10 * NS_PER_MS, .queue_bytes = 200000};
    b.s->wire[0][1].mtu = cases[_i].mtu;
    b.s->wire[0][1].mtu_mute = true;
    if (dead_ms) {
        b.s->hook = revive;
        b.s->hook_ctx = &dead_ms;
        b.s->hook_at_ns = b.s->now_ns + 300 * NS_PER_MS;
    }
    ck_assert_msg(bulk_run(&b, 60 * NS_PER_S), "%s: %s", cases[_i].name, b.fail);
    const struct tcb *tb = b.client->tcb;
    ck_assert_msg(tb->snd_mss >= cases[_i].mss_min && tb->snd_mss <= cases[_i].mss_max,
                  "%s: mss %u", cases[_i].name, tb->snd_mss);
    ck_assert_msg(b.s->wire[0][1].too_big <= cases[_i].lost_max, "%s: %ju too big", cases[_i].name,
                  (uintmax_t)b.s->wire[0][1].too_big);
    bulk_free(&b);
}
END_TEST

static bool never(void *ctx) {
    (void)ctx;
    return false;
}

/* When host 0 first asked for an address. */
static bool note_arp(struct sim *s, int from, int to, struct ust_slice frame, void *ctx) {
    struct eth_hdr h;
    struct arp_hdr a;
    struct ust_slice rest;
    uint64_t *at_ns = ctx;
    (void)to;
    if (from == 0 && *at_ns == 0 && eth_parse(frame, &h, &rest) == DROP_NONE &&
        h.type == ETH_TYPE_ARP && arp_parse(rest, &a) == DROP_NONE && a.op == ARP_OP_REQUEST)
        *at_ns = s->now_ns;
    return true;
}

/*
 * RFC 9293 MUST-20, SHLD-10: after three retransmissions of one segment (1.4 s and more) the next hop is in doubt, and asked five seconds later
 * (RFC 4861 7.3.3). Without that it would be believed for half a minute.
 */
START_TEST(next_hop_is_questioned)
{
    struct bulk b = {.bytes = 1u << 30};
    uint64_t asked_ns = 0;
    bulk_new(&b, 5, NULL, 1500);
    for (int i = 0; i < 2; i++)
        b.s->wire[i][1 - i] =
            (struct sim_wire){.rate_bps = 20000000, .delay_ns = NS_PER_MS, .queue_bytes = 200000};
    sim_run(b.s, b.s->now_ns + 3 * NS_PER_S, never, NULL);
    ck_assert(b.got > 0);
    uint64_t dead_ns = b.s->now_ns;
    b.s->tap = note_arp;
    b.s->tap_ctx = &asked_ns;
    b.s->wire[0][1].dead = true;
    sim_run(b.s, dead_ns + 40 * NS_PER_S, never, NULL);
    ck_assert_uint_gt(asked_ns, dead_ns + 6 * NS_PER_S);
    ck_assert_uint_lt(asked_ns, dead_ns + 10 * NS_PER_S);
    ck_assert_ptr_null(b.s->error);
    bulk_free(&b);
}
END_TEST

int main(void) {
    Suite *s = suite_create("tcp black holes");
    TCase *tc = tcase_create("paths");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, next_hop_is_questioned);
    tcase_add_loop_test(tc, path, 0, (int)UST_ARRAY_CNT(cases));
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
