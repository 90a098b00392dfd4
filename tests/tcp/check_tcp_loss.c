/* SPDX-License-Identifier: ISC */
/* Loss: RTO, fast retransmit, NewReno, SACK and RACK, tail loss probe, undo. Reno's numbers; the round trip takes 100 ms. */
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
/* Ten segments leave. */
#define TEN                                                                                        \
    "write 10000\n"                                                                                \
    "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"            \
    "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"         \
    "> . 8001:9001(1000)\n> P. 9001:10001(1000)\n"
/* The same with more waiting behind. */
#define TEN_OF_MANY                                                                                \
    "write 30000\n"                                                                                \
    "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"            \
    "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"         \
    "> . 8001:9001(1000)\n> . 9001:10001(1000)\n"

static const struct tcp_case cases[] = {
    /* RFC 9293 MUST-19 */
    C("RTO: again after 300 ms, doubling (RFC 6298 5.5)",
      RENO "write 1000\n> P. 1:1001(1000)\n"
           "+0.3 > P. 1:1001(1000)\ncount cwnd 1000\ncount ssthresh 5000\n"
           "+0.6 > P. 1:1001(1000)\n"
           "+1.2 > P. 1:1001(1000)\n"
           "+2.4 > P. 1:1001(1000)\n"
           "< . 1:1(0) ack 1001 win 65535\n"
           "count segs 0\nnothing\n"
           "write 10\n> P. 1001:1011(10)\n" /* Karn: no sample, the backoff stays */
           "+4.8 > P. 1001:1011(10)\n"),
    C("RTO: the minimum is 200 ms",
      "connect\n> S 0:0(0)\n"
      "+0.001 < S. 0:0(0) ack 1 win 65535 <mss 1000>\n> . 1:1(0) ack 1\n"
      "count rto_ms 201\n"),
    C("RTO: a new sample ends the backoff", RENO "write 1000\n> P. 1:1001(1000)\n"
                                                 "+0.3 > P. 1:1001(1000)\n"
                                                 "+0.1 < . 1:1(0) ack 1001 win 65535\n"
                                                 "count rto_ms 600\n"
                                                 "write 1000\n> P. 1001:2001(1000)\n"
                                                 "+0.1 < . 1:1(0) ack 2001 win 65535\n"
                                                 "count rto_ms 300\n"),
    /* RFC 9293 MUST-20, SHLD-11 */
    C("RTO: no answer at all ends it after 15 retries' time",
      RENO "write 1000\n> P. 1:1001(1000)\nrun 920\nstate ESTABLISHED\nrun 250\nstate "
           "CLOSED\nerror ETIMEDOUT\n"
           "read 1 -> EOF\nwrite 1 -> EPIPE\n"),
    /* RFC 9293 MUST-21 */
    C("RTO: TCP_USER_TIMEOUT",
      RENO "opt user_timeout_ms 2000\nwrite 1000\n> P. 1:1001(1000)\n"
           "run 2\nstate ESTABLISHED\nrun 1\nstate CLOSED\nerror ETIMEDOUT\n"),
    C("RTO: restarts with each ACK that moves on (RFC 6298 5.3)",
      RENO "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
           "+0.2 < . 1:1(0) ack 1001 win 65535\n"
           "count rto_ms 362\n" /* srtt 112.5, rttvar 4 * 62.5 */
           "+0.362 > P. 1001:2001(1000)\n"),
    /* RFC 9293 MUST-19 */
    C("RTO with many in flight: slow start from the first (RFC 5681 3.1)",
      RENO TEN "+0.3 > . 1:1001(1000)\ncount cwnd 1000\ncount ssthresh 5000\n"
               "+0.1 < . 1:1(0) ack 1001 win 65535\n"
               "> . 1001:2001(1000)\n> . 2001:3001(1000)\ncount cwnd 2000\n"
               "+0.1 < . 1:1(0) ack 10001 win 65535\n"
               "count segs 0\n"),
    C("fast retransmit on the third duplicate ACK (RFC 5681 3.2), NewReno's end (RFC 6582)",
      RENO TEN
      "+0.1 < . 1:1(0) ack 1 win 65535\nnothing\n"
      "< . 1:1(0) ack 1 win 65535\nnothing\n"
      "< . 1:1(0) ack 1 win 65535\n"
      "> . 1:1001(1000)\n"
      "count ssthresh 5000\ncount recoveries 1\n"
      "< . 1:1(0) ack 1 win 65535\n< . 1:1(0) ack 1 win 65535\n< . 1:1(0) ack 1 win 65535\n"
      "+0.1 < . 1:1(0) ack 10001 win 65535\n"
      "count cwnd 5000\n"),
    C("NewReno: a partial ACK names the next hole", RENO TEN
      "+0.1 < . 1:1(0) ack 1 win 65535\n< . 1:1(0) ack 1 win 65535\n< . 1:1(0) ack 1 win 65535\n"
      "> . 1:1001(1000)\n"
      "+0.1 < . 1:1(0) ack 5001 win 65535\n"
      "> . 5001:6001(1000)\n"
      "count recoveries 1\n"
      "+0.1 < . 1:1(0) ack 10001 win 65535\n"),
    C("limited transmit: new data on the first two duplicate ACKs (RFC 3042)",
      RENO TEN_OF_MANY "+0.1 < . 1:1(0) ack 1 win 65535\n> . 10001:11001(1000)\n"
                       "< . 1:1(0) ack 1 win 65535\n> . 11001:12001(1000)\n"
                       "< . 1:1(0) ack 1 win 65535\n> . 1:1001(1000)\n"),
    C("a window update is no duplicate ACK (RFC 5681 2)", RENO TEN
      "+0.1 < . 1:1(0) ack 1 win 60000\n< . 1:1(0) ack 1 win 61000\n< . 1:1(0) ack 1 win 62000\n"
      "< . 1:1(0) ack 1 win 63000\nnothing\ncount recoveries 0\n"),
    C("data is no duplicate ACK", RENO TEN "+0.1 < . 1:101(100) ack 1\n> . 10001:10001(0) ack 101\n"
                                           "< . 101:201(100) ack 1\n> . 10001:10001(0) ack 201\n"
                                           "< . 201:301(100) ack 1\n> . 10001:10001(0) ack 301\n"
                                           "< . 301:401(100) ack 1\n> . 10001:10001(0) ack 401\n"
                                           "count recoveries 0\n"),
    C("SACK: three segments above mean loss (RFC 6675, RFC 8985 with a zero window)",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:2001>\nnothing\n"
               "< . 1:1(0) ack 1 win 65535 <sack 1001:3001>\nnothing\n"
               "< . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n"
               "> . 1:1001(1000)\n"
               "count ssthresh 5000\n"
               "+0.1 < . 1:1(0) ack 10001 win 65535\ncount cwnd 5000\ncount retrans 1\n"),
    C("SACK: two holes, both filled in one round trip",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n"
               "> . 1:1001(1000)\n"
               "< . 1:1(0) ack 1 win 65535 <sack 5001:10001 1001:4001>\n"
               "> . 4001:5001(1000)\n"
               "+0.1 < . 1:1(0) ack 10001 win 65535\n"
               "count retrans 2\n"),
    C("RACK: fewer than three above: after the reordering window of a quarter RTT (RFC 8985 6.2)",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
           "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:2001>\nnothing\n"
           "+0.025 > . 1:1001(1000)\n"),
    C("RACK: a lost retransmission is found by what was sent after it", SACK TEN_OF_MANY
      "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n"
      "> . 1:1001(1000)\n"
      "+0.05 < . 1:1(0) ack 1 win 65535 <sack 1001:10001>\n" /* PRR: four more make ssthresh */
      "> . 10001:11001(1000)\n> . 11001:12001(1000)\n> . 12001:13001(1000)\n> . 13001:14001(1000)\n"
      "+0.1 < . 1:1(0) ack 1 win 65535 <sack 10001:11001 1001:10001>\n"
      "> . 1:1001(1000)\n"
      "> . 14001:15001(1000)\n"),
    C("a SACK for bytes never sent is ignored",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 20001:30001>\nnothing\ncount recoveries 0\n"
               "< . 1:1(0) ack 1 win 65535 <sack 4294900000:1>\nnothing\n"),
    C("a SACK with start behind its end is ignored",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 4001:1001>\nnothing\n"),
    C("SACK cuts a super-frame at segment borders, and only the hole goes again",
      SACK "write 10000\n> P. 1:10001(10000) gso 1000\n"
           "+0.1 < . 1:1(0) ack 1 win 65535 <sack 2001:10001>\n"
           "> . 1:2001(2000) gso 1000\n"
           "+0.1 < . 1:1(0) ack 10001 win 65535\ncount segs 0\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("a SACK of part of a segment is a lie: nothing is split for it",
      SACK "write 10000\n> P. 1:10001(10000) gso 1000\n"
           "+0.1 < . 1:1(0) ack 1 win 65535 <sack 2500:2600>\ncount segs 1\n"
           "< . 1:1(0) ack 1 win 65535 <sack 2500:4600>\ncount segs 3\nnothing\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("tail loss probe: two RTT after the last segment, the last one again (RFC 8985 7)",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
           "+0.202 > P. 1001:2001(1000)\ncount tlp 1\n"
           "+0.05 < . 1:1(0) ack 2001 win 65535\n"
           "count segs 0\n"),
    C("tail loss probe finds a loss by SACK",
      SACK "write 3000\n> . 1:1001(1000)\n> . 1001:2001(1000)\n> P. 2001:3001(1000)\n"
           "+0.202 > P. 2001:3001(1000)\n"
           "+0.11 < . 1:1(0) ack 1 win 65535 <sack 2001:3001>\n"
           "> . 1:1001(1000)\n"
           "+0.1 < . 1:1(0) ack 1001 win 65535 <sack 2001:3001>\n"
           "> . 1001:2001(1000)\n"
           "+0.1 < . 1:1(0) ack 3001 win 65535\n"
           "count rtos 0\n"),
    C("tail loss probe sends new data if there is some", SACK
      "write 1500\n> . 1:1001(1000)\n> P. 1001:1501(500)\nwrite 300\nnothing\n" /* Nagle holds it */
      "+0.202 > P. 1501:1801(300)\n"),
    C("tail loss probe that is not answered: RTO",
      SACK "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
           "+0.202 > P. 1001:2001(1000)\n"
           "+0.3 > . 1:1001(1000)\n"
           "count rtos 1\n"),
    C("tail loss probe waits for a delayed ACK of a lone segment",
      SACK "write 1000\n> P. 1:1001(1000)\n+0.21 nothing\n+0.09 > P. 1:1001(1000)\ncount tlp 0\n"),
    C("undo by DSACK: the retransmission was needless (RFC 3708)", SACK TEN
      "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n> . 1:1001(1000)\ncount ssthresh 5000\n"
      "+0.01 < . 1:1(0) ack 4001 win 65535\n"
      "+0.09 < . 1:1(0) ack 4001 win 65535 <sack 1:1001>\n"
      "count undos 1\ncount cwnd 10000\n"),
    C("undo by DSACK after the recovery has ended",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n> . 1:1001(1000)\n"
               "+0.01 < . 1:1(0) ack 10001 win 65535\ncount undos 0\ncount cwnd 5000\n"
               "+0.09 < . 1:1(0) ack 10001 win 65535 <sack 1:1001>\n"
               "count undos 1\ncount cwnd 10000\n"),
    C("undo by the DSACK of an ACK that others overtook",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n> . 1:1001(1000)\n"
               "+0.01 < . 1:1(0) ack 10001 win 65535\ncount undos 0\n"
               "+0.09 < . 1:1(0) ack 4001 win 65535 <sack 1:1001>\n"
               "count undos 1\ncount cwnd 10000\n"),
    C("undo by timestamp: the ACK is the original's (RFC 3522)",
      SACK_TS "write 10000\n"
              "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"
              "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
              "> . 8001:9001(1000)\n> P. 9001:10001(1000)\n"
              "+0.1 < . 1:1(0) ack 1 win 65535 <TS 2 last,sack 1001:4001>\n> . 1:1001(1000)\n"
              "count undos 0\n"),
    C("F-RTO: the first ACK after a timeout is the original's: undone (RFC 5682 3.1, with SACK)",
      SACK TEN_OF_MANY "run 0\n"
                       "+0.202 > . 10001:11001(1000)\n" /* the probe */
                       "+0.3 > . 1:1001(1000)\ncount ssthresh 5000\n"
                       "+0.01 < . 1:1(0) ack 2001 win 65535\n"
                       "> . 11001:12001(1000)\n> . 12001:13001(1000)\n> . 13001:14001(1000)\n"
                       "count undos 1\n"),
    C("reneging: the peer forgets what it had sacked; everything goes again (RFC 2018 8)",
      SACK TEN "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:10001>\n> . 1:1001(1000)\n"
               "+0.1 < . 1:1(0) ack 1001 win 65535\n" /* and not 10001 */
               "+0.05 > . 1001:2001(1000)\ncount rtos 1\n"
               "+0.1 < . 1:1(0) ack 2001 win 65535\n"
               "> . 2001:3001(1000)\n> . 3001:4001(1000)\n"),
    C("FIN is retransmitted with the data before it",
      RENO "write 500\n> P. 1:501(500)\nclose\n> F. 501:501(0)\n"
           "+0.3 > P. 1:501(500)\n> F. 501:501(0)\n"
           "< . 1:1(0) ack 501 win 65535\nnothing\n"
           "< . 1:1(0) ack 502 win 65535\ncount segs 0\n"),
    C("an orphan gives up earlier (Linux's orphan retries)", RENO
      "write 500\n> P. 1:501(500)\nclose\n> F. 501:501(0)\ncount orphan 1\ncount undelivered 1\n"
      "run 100\ncount orphan 1\nrun 120\ncount orphan 0\ncount tcb 0\n"),
};

TCP_CASES_MAIN("tcp: loss", cases)
