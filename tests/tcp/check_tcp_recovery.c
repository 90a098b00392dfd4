/* SPDX-License-Identifier: ISC */
/*
 * What each ACK does to the window in recovery: PRR (RFC 6937), NewReno (RFC 6582), slow start after a timeout (RFC 5681 3.1), F-RTO (RFC 5682),
 * undo (RFC 3522, RFC 3708), reordering (RFC 8985 6.2), ECN (RFC 3168). Reno's numbers, segments of 1000, a round trip of 100 ms.
 */
#include "tcp/tcpfix.h"

#define SACK                                                                                       \
    "connect\n> S 0:0(0)\n"                                                                        \
    "+0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,wscale 0>\n"                                \
    "> . 1:1(0) ack 1\n"
#define SACK_TS                                                                                    \
    "connect\n> S 0:0(0)\n"                                                                        \
    "+0.1 < S. 0:0(0) ack 1 win 65535 <mss 1012,sackOK,TS 1 last,wscale 0>\n"                      \
    "> . 1:1(0) ack 1\n"
#define RENO                                                                                       \
    "connect\n> S 0:0(0)\n"                                                                        \
    "+0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000>\n"                                                \
    "> . 1:1(0) ack 1\n"
#define NINE                                                                                       \
    "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"            \
    "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"         \
    "> . 8001:9001(1000)\n"
#define TEN "write 10000\n" NINE "> P. 9001:10001(1000)\n"
#define TEN_OF_MANY "write 60000\n" NINE "> . 9001:10001(1000)\n"
#define ACK(n) "< . 1:1(0) ack " #n " win 65535\n"
#define ACK_SACK(n, blocks) "< . 1:1(0) ack " #n " win 65535 <sack " #blocks ">\n"

/* Laid out by hand, a step of the conversation behind the other. */
/* clang-format off */
static const struct tcp_case cases[] = {
    /* Of what each ACK delivers half is sent (ssthresh 5000 of 10000), then the window is held at ssthresh. */
    C("PRR: proportional, then bound by ssthresh (RFC 6937 3.1)",
      SACK TEN_OF_MANY "+0.1 " ACK_SACK(1, 1001:2001)
      "> . 10001:11001(1000)\ncount ca 1 cwnd 10000 pipe 10000\n" ACK_SACK(1, 1001:3001)
      "> . 11001:12001(1000)\ncount ca 1 cwnd 10000 pipe 10000\n" ACK_SACK(1, 1001:4001)
      "> . 1:1001(1000)\ncount ca 3 ssthresh 5000 cwnd 9000 pipe 9000 lost 1000\n"
      ACK_SACK(1, 1001:5001) "count cwnd 8000 pipe 8000\n" ACK_SACK(1, 1001:6001)
      "count cwnd 7500 pipe 7000\n" ACK_SACK(1, 1001:7001)
      "> . 12001:13001(1000)\ncount cwnd 7000 pipe 7000\n" ACK_SACK(1, 1001:8001)
      "count cwnd 6500 pipe 6000\n" ACK_SACK(1, 1001:9001) "count cwnd 5000 pipe 5000\n"
      ACK_SACK(1, 1001:10001) "> . 13001:14001(1000)\ncount cwnd 5000 pipe 5000\n+0.1 "
      ACK(12001) "> . 14001:15001(1000)\n> . 15001:16001(1000)\n> . 16001:17001(1000)\n"
      "count ca 0 cwnd 5000 pipe 5000\n"),
    C("NewReno: duplicate ACKs count as a segment each, partial ACKs less what was counted",
      RENO TEN_OF_MANY "+0.1 " ACK(1)
      "> . 10001:11001(1000)\ncount ca 1 sacked 1000 pipe 10000\n" ACK(1)
      "> . 11001:12001(1000)\ncount ca 1 sacked 2000 pipe 10000\n" ACK(1)
      "> . 1:1001(1000)\ncount ca 3 ssthresh 5000 cwnd 9000 pipe 9000 sacked 3000\n" ACK(1)
      "count cwnd 8000 pipe 8000\n" ACK(1) "count cwnd 7500 pipe 7000\n" ACK(1)
      "> . 12001:13001(1000)\ncount cwnd 7000 pipe 7000 sacked 6000\n+0.1 " ACK(4001)
      "count ca 3 sacked 3000 cwnd 5000 lost 1000\n"),
    /* not above recover */
    C("NewReno: the ACK of everything ends it, and duplicates count from one again (RFC 6582 3.2)",
      RENO TEN "+0.1 " ACK(1) ACK(1) ACK(1) "> . 1:1001(1000)\n+0.1 " ACK(10001)
      "count ca 0 cwnd 5000 sacked 0 pipe 0\nwrite 3000\n> . 10001:11001(1000)\n"
      "> . 11001:12001(1000)\n> P. 12001:13001(1000)\n" ACK(10001) ACK(10001) ACK(10001)
      "nothing\ncount ca 1 recoveries 1\n" ACK(11001) "count ca 0\n" ACK(11001) ACK(11001)
      "nothing\ncount ca 1 recoveries 1\n" ACK(11001)
      "> . 11001:12001(1000)\ncount recoveries 2\n"),
    C("NewReno: duplicates of what went before the recovery start no second one (RFC 6582 3.2)",
      RENO TEN "+0.3 > . 1:1001(1000)\ncount ca 4 cwnd 1000 ssthresh 5000 pipe 1000\n" ACK(1)
      ACK(1) ACK(1) "nothing\ncount recoveries 0 rtos 1\n"),
    C("after a timeout: slow start to ssthresh, then a segment a round trip (RFC 5681 3.1)",
      RENO TEN_OF_MANY "+0.3 > . 1:1001(1000)\ncount ca 4 cwnd 1000 ssthresh 5000 pipe 1000\n"
      "+0.1 " ACK(1001) "> . 1001:2001(1000)\n> . 2001:3001(1000)\ncount cwnd 2000\n+0.1 "
      ACK(2001) "> . 3001:4001(1000)\n> . 4001:5001(1000)\ncount cwnd 3000\n" ACK(3001)
      "> . 5001:6001(1000)\n> . 6001:7001(1000)\ncount cwnd 4000 ca 4\n+0.1 " ACK(4001)
      "> . 7001:8001(1000)\n> . 8001:9001(1000)\ncount cwnd 5000\n" ACK(5001)
      "> . 9001:10001(1000)\ncount cwnd 5000 ca 4\n" ACK(10001)
      "> . 10001:11001(1000)\n> . 11001:12001(1000)\n> . 12001:13001(1000)\n"
      "> . 13001:14001(1000)\n> . 14001:15001(1000)\n> . 15001:16001(1000)\n"
      "count cwnd 6000 ca 0\n"),
    C("a second timeout of the same flight does not halve again (RFC 5681 3.1)",
      SACK TEN "+0.202 > P. 9001:10001(1000)\n+0.3 > . 1:1001(1000)\n"
      "count ssthresh 5000 cwnd 1000\n+0.6 > . 1:1001(1000)\n"
      "count ssthresh 5000 cwnd 1000 rtos 2 backoff 2\n+0.1 " ACK(1001)
      "> . 1001:2001(1000)\n> . 2001:3001(1000)\ncount cwnd 2000\n"
      "+1.2 > . 1001:2001(1000)\ncount ssthresh 5000 rtos 3\n"),
    C("F-RTO: the timeout was real: new data first, then what is lost (RFC 5682 3.1 step 3a)",
      SACK TEN_OF_MANY
      "+0.202 > . 10001:11001(1000)\n+0.3 > . 1:1001(1000)\ncount ca 4 ssthresh 5000\n+0.1 "
      ACK(1001) "> . 11001:12001(1000)\n> . 12001:13001(1000)\ncount undos 0 cwnd 2000\n+0.1 "
      ACK_SACK(1001, 11001:12001) "> . 1001:2001(1000)\ncount undos 0 ca 4 cwnd 2000 pipe 2000\n"),
    C("F-RTO: nothing new to send: what is lost goes on",
      SACK TEN "+0.202 > P. 9001:10001(1000)\n+0.3 > . 1:1001(1000)\n+0.1 " ACK(1001)
      "> . 1001:2001(1000)\n> . 2001:3001(1000)\n+0.1 " ACK(3001)
      "> . 3001:4001(1000)\n> . 4001:5001(1000)\n> . 5001:6001(1000)\n"
      "> . 6001:7001(1000)\ncount undos 0 cwnd 4000\n"),
    C("undo by timestamp: the ACK is of the original, whose clock it echoes (RFC 3522)",
      SACK_TS TEN "+0.1 < . 1:1(0) ack 1 win 65535 <TS 2 last,sack 1001:4001>\n> . 1:1001(1000)\n"
      "count ca 3 ssthresh 5000\n+0.01 < . 1:1(0) ack 4001 win 65535 <TS 2 prev>\n"
      "count undos 1 cwnd 11000 ca 0 lost 0\n"),
    /* and what it delivers counts */
    C("no undo when the ACK echoes the retransmission's timestamp",
      SACK_TS TEN "+0.1 < . 1:1(0) ack 1 win 65535 <TS 2 last,sack 1001:4001>\n> . 1:1001(1000)\n"
      "+0.1 < . 1:1(0) ack 10001 win 65535 <TS 2 last>\n" "count undos 0 ca 0 ssthresh 5000\n"),
    C("undo by timestamp after a timeout: all that was marked lost is in flight again",
      SACK_TS TEN
      "+0.202 > P. 9001:10001(1000)\n+0.3 > . 1:1001(1000)\ncount cwnd 1000 backoff 1\n"
      "+0.01 < . 1:1(0) ack 1001 win 65535 <TS 2 prev>\n"
      "count undos 1 cwnd 11000 lost 0 backoff 0 ssthresh 4294967295\nnothing\n"),
    C("undo by DSACK needs every retransmission reported (RFC 3708)",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:4001 5001:8001)
      "> . 1:1001(1000)\n> . 4001:5001(1000)\ncount ssthresh 5000\n+0.05 "
      ACK_SACK(8001, 1:1001) "count undos 0\n+0.01 " ACK_SACK(8001, 4001:5001)
      "count undos 1 cwnd 10000 ca 0 dsack_rx 2\n"),
    C("a DSACK of other bytes undoes nothing",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:4001) "> . 1:1001(1000)\n+0.05 "
      ACK_SACK(10001, 4294966796:1) "count undos 0 dsack_rx 1\n"),
    C("DSACK widens the reordering window, once a round trip (RFC 8985 6.2 step 4)",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:4001) "> . 1:1001(1000)\ncount reo_mult 1\n+0.05 "
      ACK_SACK(4001, 1:1001) "count reo_mult 2\n" ACK_SACK(4001, 1:1001) "count reo_mult 2\n"),
    /* 25 ms, a quarter of the round trip */
    C("RACK: an original that was overtaken shows reordering; then three above are no loss yet",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:2001) ACK_SACK(1, 1001:3001) ACK(3001)
      "count reo_mult 1 ca 0\ninfo reord_seen 1\n" ACK_SACK(3001, 4001:7001)
      "nothing\ncount ca 1\n+0.025 > . 3001:4001(1000)\ncount ca 3\n"),
    C("RACK: what arrives within the reordering window was never lost",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:2001) ACK_SACK(1, 1001:3001) ACK(3001)
      ACK_SACK(3001, 4001:7001) "+0.02 " ACK(7001)
      "+0.207 > P. 9001:10001(1000)\ncount recoveries 0\n"),
    C("RACK: a FIN alone sacked shows that the data before it is lost",
      SACK "write 1000\n> P. 1:1001(1000)\nclose\n> F. 1001:1001(0)\n+0.1 "
      ACK_SACK(1, 1001:1002) "+0.025 > P. 1:1001(1000)\ncount rtos 0 tlp 0\n"),
    C("the FIN's byte counts as one delivered in slow start",
      RENO TEN "shutdown wr\n> F. 10001:10001(0)\n+0.1 " ACK(10001) "count cwnd 20000\n"
      ACK(10002) "count cwnd 20001 segs 0\n"),
    C("a lost byte in front of a sacked one (segments of one byte)",
      SACK "opt nodelay 1\nwrite 1\n> P. 1:2(1)\nwrite 1\n> P. 2:3(1)\n+0.1 " ACK_SACK(1, 2:3)
      "count ca 1 sacked 1\n+0.025 > . 1:2(1)\ncount ca 3\n+0.1 " ACK(3)
      "count segs 0 pipe 0\n"),
    C("ECN: an echo in recovery reduces no further (RFC 3168 6.1.2)",
      "open\nopt ecn 1\nconnect\n> SEW 0:0(0)\n"
      "+0.1 < SE. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>\n> . 1:1(0) ack 1\n" TEN "+0.1 "
      ACK_SACK(1, 1001:4001) "> . 1:1001(1000)\ncount ca 3 ssthresh 5000\n"
      "< E. 1:1(0) ack 1 win 65535 <sack 1001:5001>\ncount ca 3 ssthresh 5000\n"),
    C("ECN: a retransmission is not ECN-capable, and the next new segment says CWR (RFC 3168 6.1.5)",
      "open\nopt ecn 1\nconnect\n> SEW 0:0(0)\n"
      "+0.1 < SE. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>\n> . 1:1(0) ack 1\n" TEN "+0.1 "
      ACK_SACK(1, 1001:4001) "> . 1:1001(1000) tos 0\n+0.1 " ACK(10001)
      "write 100\n> PW. 10001:10101(100) tos 2\nopt nodelay 1\nwrite 100\n"
      "> P. 10101:10201(100) tos 2\n"),
    C("ECN: the window goes down in CWR, and ends at ssthresh",
      "open\nopt ecn 1\nconnect\n> SEW 0:0(0)\n"
      "+0.1 < SE. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>\n> . 1:1(0) ack 1\n" TEN
      "+0.1 < E. 1:1(0) ack 1001 win 65535\n"
      "count ca 2 ssthresh 5000 cwnd 10000 pipe 9000\n< E. 1:1(0) ack 2001 win 65535\n"
      "count ca 2 ssthresh 5000 cwnd 9000\n" ACK(10001) "count ca 0 cwnd 5000\n"),
    C("congestion avoidance: one segment for each window acknowledged (RFC 5681 3.1)",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:4001) "> . 1:1001(1000)\n+0.1 " ACK(10001)
      "count cwnd 5000 ssthresh 5000 ca 0\nwrite 30000\n> . 10001:11001(1000)\n"
      "> . 11001:12001(1000)\n> . 12001:13001(1000)\n> . 13001:14001(1000)\n"
      "> . 14001:15001(1000)\n+0.1 " ACK(12001)
      "> . 15001:16001(1000)\n> . 16001:17001(1000)\ncount cwnd 5000\n" ACK(14001)
      "> . 17001:18001(1000)\n> . 18001:19001(1000)\ncount cwnd 5000\n" ACK(15001)
      "> . 19001:20001(1000)\n> . 20001:21001(1000)\ncount cwnd 6000\n"),
    C("a tail probe that repaired a loss costs a reduction (RFC 8985 7.4)",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n+0.1 " ACK(1001)
      "+0.3 > P. 1001:2001(1000)\n+0.1 " ACK(2001) "count ca 0 tlp 0\n"),
    C("a tail probe of new data costs none",
      SACK "write 11000\n" NINE
      "> . 9001:10001(1000)\n+0.202 > P. 10001:11001(1000)\ncount tlp 1\n+0.01 " ACK(11001)
      "count ca 0 ssthresh 4294967295\n"),
    C("a tail probe whose both copies arrived costs none (RFC 8985 7.4.2)",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
      "+0.202 > P. 1001:2001(1000)\n+0.01 " ACK_SACK(2001, 1001:2001)
      "count ca 0 ssthresh 4294967295\nwrite 10\n> P. 2001:2011(10)\n+0.1 " ACK(2011)
      "count ca 0 ssthresh 4294967295\n"),
    C("a tail probe, only one copy arrived: reduced when more is acknowledged",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
      "+0.202 > P. 1001:2001(1000)\n+0.01 " ACK(2001)
      "count ca 0 ssthresh 4294967295\nwrite 10\n> P. 2001:2011(10)\n+0.1 " ACK(2011)
      "count ssthresh 5000\n"),
    C("a duplicate ACK after the probe's end is the original's: no reduction",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
      "+0.202 > P. 1001:2001(1000)\n+0.01 " ACK(2001) "write 10\n> P. 2001:2011(10)\n" ACK(2001)
      "+0.1 " ACK(2011) "count ssthresh 4294967295\n"),
    C("PRR below ssthresh: what was delivered, and one more for each ACK that is good news",
      SACK TEN "+0.1 " ACK_SACK(1, 7001:10001)
      "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n"
      "count ca 3 ssthresh 5000 cwnd 3000 lost 7000\n+0.1 " ACK_SACK(1001, 7001:10001)
      "> . 3001:4001(1000)\n> . 4001:5001(1000)\ncount cwnd 4000 pipe 4000\n"
      ACK_SACK(2001, 7001:10001)
      "> . 5001:6001(1000)\n> . 6001:7001(1000)\ncount cwnd 5000 pipe 5000\n"),
    C("a loss among what was sent in a recovery starts the next one with its end",
      SACK TEN_OF_MANY "+0.1 " ACK_SACK(1, 1001:2001) "> . 10001:11001(1000)\n"
      ACK_SACK(1, 1001:3001) "> . 11001:12001(1000)\n" ACK_SACK(1, 1001:4001)
      "> . 1:1001(1000)\n" ACK_SACK(1, 1001:10001)
      "> . 12001:13001(1000)\n> . 13001:14001(1000)\ncount ca 3\n+0.1 "
      ACK_SACK(12001, 13001:14001)
      "> . 12001:13001(1000)\n> . 14001:15001(1000)\ncount ca 3 recoveries 2 sacked 1000\nrun 0\n"),
    C("the DSACK of a single byte undoes, too",
      SACK "opt nodelay 1\nwrite 1\n> P. 1:2(1)\nwrite 1\n> P. 2:3(1)\n+0.1 " ACK_SACK(1, 2:3)
      "+0.025 > . 1:2(1)\ncount ca 3\n+0.01 " ACK(3) "count ca 0 undos 0 cwnd 5000\n+0.05 "
      ACK_SACK(3, 1:2) "count undos 1 cwnd 10000\n"),
    C("F-RTO: with nothing new to send an original's arrival proves nothing",
      SACK TEN "+0.202 > P. 9001:10001(1000)\n+0.3 > . 1:1001(1000)\n+0.1 " ACK(1001)
      "> . 1001:2001(1000)\n> . 2001:3001(1000)\n+0.01 " ACK_SACK(1001, 4001:5001)
      "nothing\ncount undos 0 ca 4\n"),
    C("F-RTO: without SACK a timeout is taken for real",
      RENO TEN_OF_MANY "+0.3 > . 1:1001(1000)\n+0.01 " ACK(2001)
      "> . 2001:3001(1000)\n> . 3001:4001(1000)\n> . 4001:5001(1000)\n"
      "count undos 0 cwnd 3000\n"),
    C("an ACK that others overtook shows a loss by what it sacks",
      SACK TEN "+0.1 " ACK(1001) ACK_SACK(1, 2001:5001)
      "> . 1001:2001(1000)\ncount ca 3 sacked 3000\n"),
    C("an ACK that others overtook, without news: nothing",
      SACK TEN "+0.1 " ACK(3001) ACK(1001) ACK_SACK(1001, 2001:3001) "count ca 0 sacked 0\n"),
    C("SACK blocks in any order, twice; one that comes late between them is reordering",
      SACK TEN "+0.1 " ACK_SACK(1, 5001:6001 3001:4001) "count sacked 2000\ninfo reord_seen 0\n"
      ACK_SACK(1, 3001:4001 5001:6001) "count sacked 2000\n" ACK_SACK(1, 3001:6001)
      "count sacked 3000\ninfo reord_seen 1\n+0.025 > . 1:1001(1000)\n"
      "count ca 3 cwnd 5000 pipe 5000 lost 3000\n"),
    C("a block that reaches below the ACK, and one that ends above what was sent, are ignored",
      SACK TEN "+0.1 " ACK_SACK(2001, 5001:5001) ACK_SACK(2001, 4001:10002)
      "count sacked 0 ca 0\n" ACK_SACK(2001, 4001:10001)
      "> . 2001:3001(1000)\n> . 3001:4001(1000)\n"),
    C("limited transmit stops with the window of the peer (RFC 3042)",
      "connect\n> S 0:0(0)\n+0.1 < S. 0:0(0) ack 1 win 10500 <mss 1000,sackOK>\n" "> . 1:1(0)\n"
      TEN_OF_MANY "+0.1 < . 1:1(0) ack 1 win 10500 <sack 1001:2001>\nnothing\n"),
    C("a second loss, of new data, starts a second recovery from the smaller window",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:4001) "> . 1:1001(1000)\n+0.1 " ACK(10001)
      "count ca 0 cwnd 5000\nwrite 5000\n> . 10001:11001(1000)\n> . 11001:12001(1000)\n"
      "> . 12001:13001(1000)\n> . 13001:14001(1000)\n> P. 14001:15001(1000)\n+0.1 "
      ACK_SACK(10001, 11001:14001)
      "> . 10001:11001(1000)\ncount ca 3 ssthresh 2500 recoveries 2\n+0.1 " ACK(15001)
      "count ca 0 cwnd 2500\n"),
    C("the window is never below two segments after a loss (RFC 5681 (4))",
      RENO "write 1000\n> P. 1:1001(1000)\n+0.3 > P. 1:1001(1000)\n+0.1 " ACK(1001)
      "count cwnd 2000 ca 0 ssthresh 5000\nwrite 2000\n> . 1001:2001(1000)\n"
      "> P. 2001:3001(1000)\n+0.6 > . 1001:2001(1000)\ncount ssthresh 2000 cwnd 1000\n"),
    C("a retransmission timeout in recovery: no second halving",
      SACK TEN "+0.1 " ACK_SACK(1, 1001:4001)
      "> . 1:1001(1000)\ncount ssthresh 5000\n+0.2 > . 1:1001(1000)\n"
      "count ca 4 ssthresh 5000 rtos 1 cwnd 1000\n"),
};
/* clang-format on */

TCP_CASES_MAIN("tcp: recovery", cases)
