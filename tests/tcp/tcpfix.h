/* SPDX-License-Identifier: ISC */
/*
 * A bench for tcp/: core, link, net and tcp in an arena of their own, one peer (10.0.0.1, its MAC pinned), a clock that is a variable.
 * What happens is a script in the language of packetdrill, which who knows the RFCs reads without knowing our code:
 *
 *     connect
 *     > S 0:0(0) win 65535 <mss 1460,sackOK,TS,wscale 7>       we must send this, now
 *     +0.1 < S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>       a tenth of a second later this arrives
 *     > . 1:1(0) ack 1
 *     write 1000
 *     > P. 1:1001(1000) ack 1
 *     +0.3 > P. 1:1001(1000) ack 1                             and again 0.3 s later, if there is no ACK
 *
 * A line is [+seconds] operation. The clock of the script only moves by +seconds. `>` takes the next segment that we send: it must leave at the
 * script's time (2 ms of grace) and look so. Whatever leaves without being expected fails the test, at the next `<`, command or at the end.
 *
 * Segments: flags S F R P . U E W (as tcpdump), seq:end(len), relative to each side's ISN (SYN is 0, the first byte 1); `ack N`; `win N` (raw field; not
 * looked at in `>` if absent); `urg N`; `ce` (`<`: IP's congestion mark; `>`: `ect`); `gso N` (a coalesced segment in pieces of N); `tos N`, `ttl N` of `>`. Options in <>:
 * FO [N|any] (fast open: cookie request, cookie N, the one that we sent last), mss N, wscale N, sackOK, TS val ecr (`<`; ecr may be `last`: our last value, or `prev`: the one before it), TS (`>`: must be there), noTS, sack a:b c:d. In `>` options are looked
 * at only if <> is given, and then all of them must fit. `[n]` before the flags: the peer's port 7000+n instead of 7000. `abs` after the ports: numbers are not relative.
 *
 * Operations (result behind ->):
 *     connect [n] [fastopen] | listen N | accept | use n         the connection that later operations are about
 *     go                    the SYN of a fast open leaves without data
 *     write N [more] [oob] -> N|error    read N -> N|EOF|error    peek N -> N    oob -> N|error
 *     close | abort | disconnect | shutdown wr|rd|rdwr | unlisten
 *     local A:PORT | peer A:PORT   10.0.0.A, 0: none
 *     state NAME | error NAME | ready IN,OUT,... | events IN,... | inq N | outq N | atmark 0|1
 *     opt name value (see tcpfix.c) | icmp err NAME [seq N] [mtu N] [hard] | rst-quiet
 *     drop REASON           the verdict on the last segment
 *     count NAME N ...      object counts, counters, what congestion control knows: tcb tw syn orphan segs challenge cwnd ssthresh pipe rto_ms ...
 *     info NAME N ...       fields of TCP_INFO, in struct tcp_info_out's names and units
 *     iss N | peer_iss N    sequence numbers, before the handshake
 *     max_orphans N         how many the stack keeps
 *     flood N               N SYNs to port 80 from nowhere; what answers them is thrown away
 *     run SECONDS           let time pass with anything being sent and thrown away
 *     nothing               nothing was sent, nothing is due now
 *
 * Payload is a pattern by stream position; both directions are verified. After every line all invariants are checked; in rebuild mode
 * (each script runs a second time so) all derived state is thrown away and made again after every line, which must make no difference.
 */
#ifndef UST_TESTS_TCPFIX_H
#define UST_TESTS_TCPFIX_H

#include "base/check_tools.h"

#include "tcp/tcb.h"

struct tcp_case {
    const char *name;
    const char *script;
    uint32_t mtu;      /* 0: 1500 */
    uint32_t features; /* LINK_F_* */
    uint32_t gso_max;
    bool no_rebuild; /* the rebuild is not transparent here, because: see name */
};

/* An entry of a table of cases; behind the script come other fields. */
#define C(case_name, case_script, ...)                                                             \
    { .name = case_name, .script = case_script, ##__VA_ARGS__ }

/* Runs one case; fails the test with the line that did not hold. */
void tcp_case_run(const struct tcp_case *c, bool rebuild);

#define TCP_CASES_MAIN(suite_name, table)                                                          \
    START_TEST(script)                                                                             \
    { tcp_case_run(&(table)[_i / 2], _i % 2); }                                                    \
    END_TEST                                                                                       \
    int main(void) {                                                                               \
        Suite *s = suite_create(suite_name);                                                       \
        TCase *tc = tcase_create("scripts");                                                       \
        tcase_add_loop_test(tc, script, 0, 2 * (int)UST_ARRAY_CNT(table));                         \
        tcase_set_timeout(tc, 60);                                                                 \
        suite_add_tcase(s, tc);                                                                    \
        SRunner *sr = srunner_create(s);                                                           \
        srunner_run_all(sr, CK_ENV);                                                               \
        int failed = srunner_ntests_failed(sr);                                                    \
        srunner_free(sr);                                                                          \
        return failed != 0;                                                                        \
    }

#endif
