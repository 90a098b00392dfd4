/* SPDX-License-Identifier: ISC */
/*
 * What the receiver works out for itself: how long an ACK may wait, the sender's segment size, the round trip time as it sees it, the buffer
 * that the path needs (dynamic right-sizing), and when a larger window is worth a segment (RFC 9293 3.8.6.2.2, 3.8.6.3).
 */
#include "tcp/tcpfix.h"

#define EST                                                                                        \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 0>\n"                                     \
    "> . 1:1(0) ack 1\n"
#define EST_TS                                                                                     \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 1000 last,wscale 0>\n"                        \
    "> . 1:1(0) ack 1\n"
#define BUFFER(n) "open\nopt rcvbuf " #n "\n"
/* The quick ACKs of the start are used up. */
#define LATER                                                                                      \
    EST "< . 1:11(10) ack 1\n> . 1:1(0) ack 11\n< . 11:21(10) ack 1\n> . 1:1(0) ack 21\n"          \
        "< . 21:31(10) ack 1\n> . 1:1(0) ack 31\n< . 31:41(10) ack 1\n> . 1:1(0) ack 41\n"         \
        "< . 41:51(10) ack 1\n> . 1:1(0) ack 51\n< . 51:61(10) ack 1\n> . 1:1(0) ack 61\n"         \
        "< . 61:71(10) ack 1\n> . 1:1(0) ack 71\n< . 71:81(10) ack 1\n> . 1:1(0) ack 81\n"         \
        "< . 81:91(10) ack 1\n> . 1:1(0) ack 91\n< . 91:101(10) ack 1\n> . 1:1(0) ack 101\n"       \
        "< . 101:111(10) ack 1\n> . 1:1(0) ack 111\n< . 111:121(10) ack 1\n> . 1:1(0) ack 121\n"   \
        "< . 121:131(10) ack 1\n> . 1:1(0) ack 131\n< . 131:141(10) ack 1\n> . 1:1(0) ack 141\n"   \
        "< . 141:151(10) ack 1\n> . 1:1(0) ack 151\n"

static const struct tcp_case cases[] = {
    /* ---- delayed ACKs ---- */
    C("the delay follows the gaps between segments, doubles when it was for nothing, ends at 200 "
      "ms",
      LATER "info ato_us 40000\n"
            "+0.03 < . 151:161(10) ack 1\ninfo ato_us 50000\n" /* half of it, and the gap */
            "+0.05 > . 1:1(0) ack 161\ninfo ato_us 100000\n"
            "+0.01 < . 161:171(10) ack 1\ninfo ato_us 110000\n"
            "+0.11 > . 1:1(0) ack 171\ninfo ato_us 200000\n"
            "+0.01 < . 171:181(10) ack 1\ninfo ato_us 200000\n+0.2 > . 1:1(0) ack 181\n"),
    C("gaps of up to 20 ms count as none",
      LATER "+0.03 < . 151:161(10) ack 1\ninfo ato_us 50000\n"
            "+0.015 < . 161:171(10) ack 1\ninfo ato_us 45000\n" /* the first one's delay goes on */
            "+0.035 > . 1:1(0) ack 171\n"),
    C("a gap as long as the delay changes nothing",
      LATER "+0.05 < . 151:161(10) ack 1\ninfo ato_us 40000\n+0.04 > . 1:1(0) ack 161\n"),
    C("after a pause the ACKs are quick again: the sender may be in slow start",
      LATER "+0.3 < . 151:161(10) ack 1\n> . 1:1(0) ack 161\n< . 161:171(10) ack 1\n"
            "> . 1:1(0) ack 171\n"),
    C("data that answers data: the ACK waits for it from then on",
      EST "< P. 1:11(10) ack 1\n> . 1:1(0) ack 11\nwrite 10\n> P. 1:11(10) ack 11\n"
          "< P. 11:21(10) ack 11\nnothing\n+0.01 write 10\n> P. 11:21(10) ack 21\n"),
    C("data that comes later than an answer would: no reason to wait",
      EST "< P. 1:11(10) ack 1\n> . 1:1(0) ack 11\n+0.05 write 10\n> P. 1:11(10) ack 11\n"
          "< P. 11:21(10) ack 11\n> . 11:11(0) ack 21\n"),
    C("an answer that does not come: the ACKs are quick again",
      EST "< P. 1:11(10) ack 1\n> . 1:1(0) ack 11\nwrite 10\n> P. 1:11(10) ack 11\n"
          "< P. 11:21(10) ack 11\n+0.04 > . 11:11(0) ack 21\n"
          "< P. 21:31(10) ack 11\n> . 11:11(0) ack 31\n"),
    C("two segments of less than the sender's size wait, one byte more than that size does not",
      LATER "opt quickack 0\n< . 151:651(500) ack 1\n< . 651:687(36) ack 1\nnothing\n"
            "< . 687:688(1) ack 1\n> . 1:1(0) ack 688\n"),

    /* ---- the sender's segment size ---- */
    C("the sender's segment size: 536 at first, then the largest seen, at most what we announced",
      EST "info rcv_mss 536\n< . 1:101(100) ack 1\n> . 1:1(0) ack 101\ninfo rcv_mss 536\n"
          "< . 101:1101(1000) ack 1\n> . 1:1(0) ack 1101\ninfo rcv_mss 1000\n"
          "< . 1101:1601(500) ack 1\n> . 1:1(0) ack 1601\ninfo rcv_mss 1000\n"
          "< . 1601:4601(3000) ack 1 gso 1200\n> . 1:1(0) ack 4601\ninfo rcv_mss 1200\n"
          "< . 4601:7601(3000) ack 1\n> . 1:1(0) ack 7601\ninfo rcv_mss 1460\n"),
    C("... half of a small window at first", BUFFER(600) EST "info rcv_mss 300\n"),
    C("... and not less than 88", BUFFER(100) EST "info rcv_mss 88\n"),

    /* ---- round trip time ---- */
    C("round trip by timestamps: of full segments; the smallest at once, larger ones by an eighth",
      EST_TS "+0.1 < . 1:1449(1448) ack 1 <TS 1001 last>\n> . 1:1(0) ack 1449\n"
             "info rcv_rtt_us 100000\n"
             "+0.18 < . 1449:2897(1448) ack 1 <TS 1002 last>\n> . 1:1(0) ack 2897\n"
             "info rcv_rtt_us 110000\n"
             "+0.03 < . 2897:3000(103) ack 1 <TS 1003 last>\n> . 1:1(0) ack 3000\n"
             "info rcv_rtt_us 110000\n"
             "+0.05 < . 3000:4448(1448) ack 1 <TS 1003 last>\n> . 1:1(0) ack 4448\n"
             "info rcv_rtt_us 50000\n"),
    C("round trip without timestamps: the time in which a window fills",
      BUFFER(4000) EST "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001\nread 1000\n"
                       "+0.1 < . 1001:3001(2000) ack 1\n> . 1:1(0) ack 3001\nread 2000\n"
                       "> . 1:1(0) ack 3001 win 4000\ninfo rcv_rtt_us 0\n"
                       "+0.1 < . 3001:5001(2000) ack 1\n> . 1:1(0) ack 5001\n"
                       "info rcv_rtt_us 200000\n"),

    /* ---- the buffer ---- */
    C("the buffer grows to twice what the program takes in a round trip, and more while that grows",
      EST_TS "+0.1 < . 1:60001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 60001\n"
             "read 60000\ncount rcvbuf 1048576\n"
             "< . 60001:120001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 120001\n"
             "read 60000\n"
             "< . 120001:180001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 180001\n"
             "read 60000\n"
             "< . 180001:240001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 240001\n"
             "read 60000\ninfo rcv_space 65535\n"
             "+0.1 < . 240001:300001(60000) ack 1 gso 1448 <TS 1002 last>\n> . 1:1(0) ack 300001\n"
             "read 60000\n> . 1:1(0) ack 300001 win 24870\ninfo rcv_space 240000\n"
             "count rcvbuf 3183414\n"),
    C("... not if the program set it", BUFFER(500000) EST_TS
      "+0.1 < . 1:60001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 60001\nread 60000\n"
      "< . 60001:120001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 120001\nread 60000\n"
      "< . 120001:180001(60000) ack 1 gso 1448 <TS 1001 last>\n> . 1:1(0) ack 180001\nread 60000\n"
      "+0.1 < . 180001:240001(60000) ack 1 gso 1448 <TS 1002 last>\n> . 1:1(0) ack 240001\n"
      "read 60000\ninfo rcv_space 180000\ncount rcvbuf 500000\n"),

    /* ---- window updates ---- */
    C("an update is due for two segments and a quarter of the buffer",
      BUFFER(40000) EST "< . 1:20001(20000) ack 1 gso 1460\n> . 1:1(0) ack 20001 win 20000\n"
                        "read 9999\nnothing\nread 1\n> . 1:1(0) ack 20001 win 30000\n"),
    C("... for two segments when less than an eighth is open",
      BUFFER(40000) EST "< . 1:35001(35000) ack 1 gso 1460\n> . 1:1(0) ack 35001 win 5000\n"
                        "read 2919\nnothing\nread 1\n> . 1:1(0) ack 35001 win 7920\n"
                        "read 2920\nnothing\n"),
    C("... for two segments of a buffer of eight",
      BUFFER(11680) EST "< . 1:4001(4000) ack 1 gso 1460\n> . 1:1(0) ack 4001 win 7680\n"
                        "read 2919\nnothing\nread 1\n> . 1:1(0) ack 4001 win 10600\n"),
    C("... of one that is larger a quarter",
      BUFFER(11684) EST "< . 1:4001(4000) ack 1 gso 1460\n> . 1:1(0) ack 4001 win 7684\nread "
                        "2920\nnothing\nread 1\n> . 1:1(0) ack 4001 win 10605\n"),
    C("... for half of a buffer that is less than four segments",
      BUFFER(4000) EST "< . 1:4001(4000) ack 1 gso 1460\n> . 1:1(0) ack 4001 win 0\n"
                       "read 1999\nnothing\nread 1\n> . 1:1(0) ack 4001 win 2000\n"),
    C("TCP_WINDOW_CLAMP limits what is offered",
      "open\nopt window_clamp 5000\nconnect\n> S 0:0(0) win 5000 <mss 1460,sackOK,TS,wscale 0>\n"
      "< S. 0:0(0) ack 1 win 65535 <mss 1460,wscale 0>\n> . 1:1(0) ack 1 win 5000\n"
      "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001 win 4000\nread 1000\n"
      "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 2001 win 4000\n"),
    C("no update after the peer's FIN", BUFFER(4000) EST
      "< F. 1:4001(4000) ack 1\n> . 1:1(0) ack 4002\nread 4000\nnothing\nread 1 -> EOF\n"),
};

TCP_CASES_MAIN("tcp: windows", cases)
