/* SPDX-License-Identifier: ISC */
/* Limits that the stack or the program sets: orphans, unsent bytes, time without progress; listeners that share a port. */
#include "tcp/tcpfix.h"

#define EST(n, win)                                                                                \
    "connect " #n "\n"                                                                             \
    "> [" #n "] S 0:0(0)\n"                                                                        \
    "< [" #n "] S. 0:0(0) ack 1 win " #win " <mss 1000>\n"                                         \
    "> [" #n "] . 1:1(0) ack 1\n"

static const struct tcp_case cases[] = {
    C("orphans beyond the limit are reset, those before it deliver",
      "max_orphans 2\n" EST(1, 65535) EST(2, 65535) EST(
          3,
          65535) "use 1\nclose\n> [1] F. 1:1(0) ack 1\nuse 2\nwrite 10\n> [2] P. 1:11(10) ack "
                 "1\nclose\n"
                 "> [2] F. 11:11(0) ack 1\ncount orphan 2\n"
                 "use 3\nwrite 10\n> [3] P. 1:11(10) ack 1\nclose\n> [3] R. 11:11(0) ack 1\n"
                 "count orphan 2\ncount tcb 2\n"
                 "< [2] . 1:1(0) ack 12 win 65535\n< [2] F. 1:1(0) ack 12\n> [2] . 12:12(0) ack 2\n"
                 "count orphan 1\n"),
    C("room for orphans again when one has ended",
      "max_orphans 1\n" EST(1, 65535) EST(
          2, 65535) "use 1\nclose\n> [1] F. 1:1(0) ack 1\n< [1] R. 1:1(0) ack 2\ncount orphan 0\n"
                    "use 2\nclose\n> [2] F. 1:1(0) ack 1\ncount orphan 1\n"),
    C("no orphans at all: close() resets",
      "max_orphans 0\n" EST(1, 65535) "close\n"
                                      "> [1] R. 1:1(0) ack 1\ncount tcb 0\n"),
    C("TCP_NOTSENT_LOWAT: no more is taken than that, in buffers of 64 KB; sent bytes do not count",
      EST(0, 2000) "opt notsent_lowat 1000\nready OUT\nwrite 3000\n"
                   "> . 1:1001(1000)\n> . 1001:2001(1000)\n"
                   "ready \nwrite 1 -> EAGAIN\n"
                   "< . 1:1(0) ack 1001 win 1400\nready \n"
                   "< . 1:1(0) ack 2001 win 1000\n> P. 2001:3001(1000)\nevents OUT\nready OUT\n"
                   "write 999\nready OUT\nwrite 1\nready \nwrite 1 -> EAGAIN\n"),
    C("TCP_NOTSENT_LOWAT: one buffer of 64 KB is taken at once, not two",
      EST(0, 2000) "opt notsent_lowat 1000\nwrite 200000 -> 65536\n"
                   "> . 1:1001(1000)\n> . 1001:2001(1000)\n"),
    C("TCP_NOTSENT_LOWAT: who waits is woken at half of it (Linux)",
      EST(0, 2000) "opt notsent_lowat 4000\nwrite 6000\n"
                   "> . 1:1001(1000)\n> . 1001:2001(1000)\n"
                   "write 1 -> EAGAIN\nevents OUT\n"
                   "< . 1:1(0) ack 1001 win 2000\n> . 2001:3001(1000)\nevents none\nready OUT\n"
                   "< . 1:1(0) ack 2001 win 2000\n> . 3001:4001(1000)\nevents none\n"
                   "< . 1:1(0) ack 3001 win 2000\n> . 4001:5001(1000)\nevents OUT\n"),
    C("TCP_USER_TIMEOUT: zero window, the peer answers every probe: not its business",
      EST(0, 0) "opt user_timeout_ms 3000\nwrite 10\n"
                "+0.2 > . 0:0(0) ack 1\n< . 1:1(0) ack 1 win 0\n"
                "+0.4 > . 0:0(0) ack 1\n< . 1:1(0) ack 1 win 0\n"
                "+0.8 > . 0:0(0) ack 1\n< . 1:1(0) ack 1 win 0\n"
                "+1.6 > . 0:0(0) ack 1\n< . 1:1(0) ack 1 win 0\n"
                "+3.2 > . 0:0(0) ack 1\n< . 1:1(0) ack 1 win 100\n> P. 1:11(10) ack 1\n"
                "state ESTABLISHED\n"),
    C("keepalive alone does not end what TCP_USER_TIMEOUT lets live",
      EST(0, 65535) "opt keepalive 10 2 2\nopt user_timeout_ms 20000\n"
                    "+10 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\n"
                    "+2 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\nstate ESTABLISHED\n"
                    "+2 > R. 1:1(0) ack 1\nerror ETIMEDOUT\n"),
    C("keepalive with unacknowledged data: the retransmission's time counts, no probe",
      EST(0, 65535) "opt keepalive 1 1 1\nopt user_timeout_ms 2000\nwrite 10\n"
                    "> P. 1:11(10) ack 1\nrun 1\nstate ESTABLISHED\nrun 3\nerror ETIMEDOUT\n"),
};

START_TEST(script)
{ tcp_case_run(&cases[_i / 2], _i % 2); }
END_TEST

/* SO_REUSEPORT: a connection always meets the same listener, and each gets its share. */
START_TEST(listeners_share)
{
    static struct tcp t;
    static struct core c;
    static struct tcp_listeners buckets[TCP_LISTEN_BUCKETS];
    static struct tcp_listener l[16];
    uint32_t hits[16] = {0}, cnt = (uint32_t)_i, total = 20000;
    struct ust_addr us = addr_from_ip4(0x0a000002);
    memset(buckets, 0, sizeof buckets);
    c.key.k[0] = 77;
    c.key.k[1] = 99;
    t.c = &c;
    t.listeners = buckets;
    for (uint32_t i = 0; i < cnt; i++) {
        memset(&l[i], 0, sizeof l[i]);
        l[i].bind.port = 80;
        l[i].bind.addr = addr_from_ip4(0);
        LIST_INSERT_HEAD(&buckets[80], &l[i], hash);
    }
    for (uint32_t i = 0; i < total; i++) {
        struct ust_addr peer = addr_from_ip4(0x0a000100 + i % 7);
        uint16_t port = (uint16_t)(1024 + i);
        struct tcp_listener *x = tcp_listener_find(&t, &us, 80, &peer, port);
        ck_assert_ptr_nonnull(x);
        ck_assert_ptr_eq(x, tcp_listener_find(&t, &us, 80, &peer, port));
        hits[x - l]++;
    }
    for (uint32_t i = 0; i < cnt; i++) /* within 10 %, five sigma and more */
        ck_assert_msg(hits[i] > total / cnt * 9 / 10 && hits[i] < total / cnt * 11 / 10,
                      "%u of %u got %u", i, cnt, hits[i]);
}
END_TEST

int main(void) {
    Suite *s = suite_create("tcp limits");
    TCase *tc = tcase_create("scripts");
    tcase_add_loop_test(tc, script, 0, 2 * (int)UST_ARRAY_CNT(cases));
    tcase_add_loop_test(tc, listeners_share, 1, 9);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
