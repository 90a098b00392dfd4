/* SPDX-License-Identifier: ISC */
/* Routers that drop what is too large without a word (RFC 4821, RFC 2923 2.1), on simulated paths. */
#include "base/check_tools.h"

#include "sock/sock.h"
#include "support/bulk.h"
#include "tcp/tcb.h"

static const struct {
    const char *name;
    uint32_t mtu;              /* of the mute router; 0: none */
    uint32_t dead_ms;          /* the path is down for so long, from 300 ms on */
    uint32_t mss_min, mss_max; /* at the end, without the 12 bytes of timestamps */
    uint32_t lost_max;         /* at the router */
} cases[] = {
    {"1200", 1200, 0, 1140, 1148, 60},
    {"1400: the search comes close", 1400, 0, 1340, 1348, 60},
    {"1492", 1492, 0, 1432, 1440, 60},
    {"1070, just above the base", 1070, 0, 1012, 1018, 60},
    {"900: half of the base", 900, 0, 840, 848, 80},
    {"576", 576, 0, 524, 524, 80},
    {"none: nothing is searched", 0, 0, 1448, 1448, 0},
    {"down for 8 s: it was not the size", 0, 8000, 1448, 1448, 0},
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
    struct bulk b = {.bytes = 8u << 20};
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

int main(void) {
    Suite *s = suite_create("tcp black holes");
    TCase *tc = tcase_create("paths");
    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, path, 0, (int)UST_ARRAY_CNT(cases));
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
