/* SPDX-License-Identifier: ISC */
/* The fault link under whole stacks: TCP gets through whatever it does, and it does not keep the loop busy. */
#include "base/check_tools.h"

#include "sim/transfer.h"

static const struct fault_case {
    const char *text;
    uint32_t features;
    uint64_t at_least_ns, at_most_ns; /* virtual time that the transfer takes */
} cases[] = {
    {"loss=0", 0, 0, NS_PER_S},
    {"delay=20ms", 0, 120 * NS_PER_MS, 20 * NS_PER_S},
    {"tx.delay=20ms,tx.jitter=5ms", 0, 60 * NS_PER_MS, 20 * NS_PER_S},
    {"rx.delay=30ms", LINK_F_CSUM | LINK_F_TSO4, 90 * NS_PER_MS, 20 * NS_PER_S},
    {"loss=2%", 0, 0, 60 * NS_PER_S},
    {"loss=2%,burst=4", 0, 0, 120 * NS_PER_S},
    {"corrupt=2%", LINK_F_CSUM, 0, 60 * NS_PER_S},
    {"dup=20%,delay=1ms", 0, 0, 20 * NS_PER_S},
    {"delay=5ms,reorder=5%", LINK_F_CSUM | LINK_F_TSO4, 0, 60 * NS_PER_S},
    /* 1 MB at 10 Mbit/s takes 0.84 s */
    {"tx.rate=10mbit", 0, 840 * NS_PER_MS, 3 * NS_PER_S},
    {"rx.rate=10mbit,rx.queue=50", LINK_F_CSUM | LINK_F_TSO4, 0, 10 * NS_PER_S},
    {"loss=1%,delay=10ms,jitter=3ms,reorder=1%,dup=1%,corrupt=0.5%,rate=20mbit", LINK_F_CSUM, 0,
     120 * NS_PER_S},
};

START_TEST(transfers)
{
    const struct fault_case *c = &cases[_i];
    static struct transfer t;
    struct fault_cfg cfg;
    struct ust_slice bad;
    struct sim *s = sim_new(7);
    memset(&t, 0, sizeof t);
    t.s = s;
    int client = sim_add_host(s, 64u << 20, 1500, c->features, c->features ? 65535 : 0, NULL);
    int server = sim_add_host(s, 64u << 20, 1500, c->features, c->features ? 65535 : 0, NULL);
    s->check_every = 100;
    ck_assert(fault_parse(c->text, &cfg, &bad));
    cfg.seed = 11;
    ck_assert_int_eq(fault_attach(&sim_stack(s, client)->link, &cfg, s->now_ns), 0);
    t.flow_cnt = 1;
    t.flow[0] = (struct flow){.end = FLOW_SHUTDOWN,
                              .client = client,
                              .server = server,
                              .port = 80,
                              .c = {.id = 1, .to_send = 1 << 20, .expect = 100000},
                              .v = {.id = 2, .to_send = 100000, .expect = 1 << 20}};
    uint64_t start = s->now_ns;
    transfer_start(&t);
    bool done = sim_run(s, start + 300 * NS_PER_S, transfer_done, &t);
    ck_assert_msg(s->error == NULL, "%s: %s", c->text, s->error);
    ck_assert_msg(t.fail[0] == 0, "%s: %s", c->text, t.fail);
    ck_assert_msg(done, "%s: not done", c->text);
    uint64_t took = s->now_ns - start;
    ck_assert_msg(took >= c->at_least_ns && took <= c->at_most_ns, "%s: took %ju ms", c->text,
                  (uintmax_t)(took / NS_PER_MS));
    ck_assert_msg(s->steps < 60000, "%s: %ju steps", c->text, (uintmax_t)s->steps);
    sim_free(s);
}
END_TEST

int main(void) {
    Suite *s = suite_create("fault_stack");
    TCase *t = tcase_create("fault_stack");
    tcase_add_loop_test(t, transfers, 0, (int)UST_ARRAY_CNT(cases));
    suite_add_tcase(s, t);
    return run_suite(s);
}
