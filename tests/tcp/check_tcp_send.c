/* SPDX-License-Identifier: ISC */
/* Sending: Nagle, cork, windows, probes, segment sizes, super-frames, buffers. */
#include "tcp/tcpfix.h"

#define EST                                                                                        \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,wscale 0>\n"                                     \
    "> . 1:1(0) ack 1\n"
/* The same with a round trip time of 100 ms: RTO 300 ms, tail probe after 202 ms. */
#define EST100                                                                                     \
    "connect\n> S 0:0(0)\n"                                                                        \
    "+0.1 < S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,wscale 0>\n"                                \
    "> . 1:1(0) ack 1\n"
/* The first segment goes again after so many seconds, and the window is still zero. */
#define AGAIN(s) "+" #s " > P. 1:1001(1000)\n< . 1:1(0) ack 1 win 0\n"
#define SMALL_WINDOW(w)                                                                            \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win " w " <mss 1000>\n"                                                     \
    "> . 1:1(0) ack 1\n"

static const struct tcp_case cases[] = {
    /* RFC 9293 MUST-60, MUST-61, SHLD-27, SHLD-28 */
    C("segments of one MSS, PSH on the last", EST "write 2500\n"
                                                  "> . 1:1001(1000) ack 1\n"
                                                  "> . 1001:2001(1000) ack 1\n"
                                                  "> P. 2001:2501(500) ack 1\n"
                                                  "outq 2500\n"
                                                  "< . 1:1(0) ack 2501 win 65535\n"
                                                  "outq 0\n"
                                                  "count segs 0\n"),
    /* RFC 9293 SHLD-7 */
    C("Nagle: a small segment in flight holds the next back (RFC 9293 3.7.4)",
      EST "write 10\n> P. 1:11(10) ack 1\n"
          "write 20\nwrite 30\nnothing\n"
          "+0.1 < . 1:1(0) ack 11 win 65535\n"
          "> P. 11:61(50) ack 1\n"),
    C("Nagle, Minshall: full segments do not hold a small one back",
      EST "write 1000\n> P. 1:1001(1000) ack 1\n"
          "write 10\n> P. 1001:1011(10) ack 1\n"
          "write 10\nnothing\n"),
    /* RFC 9293 MUST-17 */
    C("TCP_NODELAY", EST "opt nodelay 1\n"
                         "write 10\n> P. 1:11(10) ack 1\n"
                         "write 10\n> P. 11:21(10) ack 1\n"),
    C("TCP_NODELAY lets go what Nagle holds", EST "write 10\n> P. 1:11(10) ack 1\n"
                                                  "write 10\nnothing\n"
                                                  "opt nodelay 1\n> P. 11:21(10) ack 1\n"),
    C("TCP_CORK holds parts, not whole segments; uncorking lets go",
      EST "opt cork 1\n"
          "write 1500\n> . 1:1001(1000) ack 1\n"
          "+0.1 nothing\n"
          "opt cork 0\n> P. 1001:1501(500) ack 1\n"),
    /* RFC 9293 MUST-60 */
    C("a cork gives way after 200 ms", EST "opt cork 1\n"
                                           "write 100\nnothing\n"
                                           "+0.2 > P. 1:101(100) ack 1\n"),
    C("MSG_MORE waits for the next write", EST "write 100 more\n"
                                               "+0.05 nothing\n"
                                               "write 100\n> P. 1:201(200) ack 1\n"),
    C("MSG_MORE alone: 200 ms", EST "write 100 more\n"
                                    "+0.2 > P. 1:101(100) ack 1\n"),
    C("the peer's window is kept", SMALL_WINDOW("2500") "write 5000\n"
                                                        "> . 1:1001(1000) ack 1\n"
                                                        "> . 1001:2001(1000) ack 1\n"
                                                        "nothing\n"
                                                        "+0.05 < . 1:1(0) ack 2001 win 2500\n"
                                                        "> . 2001:3001(1000) ack 1\n"
                                                        "> . 3001:4001(1000) ack 1\n"),
    /* RFC 9293 MUST-38 */
    C("never a segment of more than half the largest window (RFC 9293 3.8.6.2.1, SWS)",
      SMALL_WINDOW("1200") "write 1200\n"
                           "> . 1:601(600) ack 1\n"
                           "> P. 601:1201(600) ack 1\n"),
    /* RFC 9293 MUST-35, MUST-36, SHLD-29, SHLD-30, MUST-37 */
    C("zero window: probes with backoff, answered ones go on for ever (RFC 9293 3.8.6.1)",
      EST "write 1000\n> P. 1:1001(1000) ack 1\n"
          "< . 1:1(0) ack 1001 win 0\n"
          "write 500\nnothing\n"
          "+0.2 > . 1000:1000(0) ack 1\n"
          "< . 1:1(0) ack 1001 win 0\n"
          "+0.4 > . 1000:1000(0) ack 1\n"
          "< . 1:1(0) ack 1001 win 0\n"
          "+0.8 > . 1000:1000(0) ack 1\n"
          "< . 1:1(0) ack 1001 win 0\n"
          "+1.6 > . 1000:1000(0) ack 1\n"
          "< . 1:1(0) ack 1001 win 5000\n"
          "> P. 1001:1501(500) ack 1\n"
          "< . 1:1(0) ack 1501 win 5000\n"),
    C("zero window: unanswered probes end the connection like retransmissions",
      EST "write 1000\n> P. 1:1001(1000) ack 1\n"
          "< . 1:1(0) ack 1001 win 0\n"
          "write 500\n"
          "run 900\n"
          "state ESTABLISHED\n"
          "run 700\n"
          "state CLOSED\n"
          "error ETIMEDOUT\n"),
    C("zero window and TCP_USER_TIMEOUT", EST "opt user_timeout_ms 3000\n"
                                              "write 1000\n> P. 1:1001(1000) ack 1\n"
                                              "< . 1:1(0) ack 1001 win 0\n"
                                              "write 500\n"
                                              "run 10\n"
                                              "state CLOSED\n"
                                              "error ETIMEDOUT\n"),
    C("a window too small for a segment: filled by the probe timer",
      EST "write 1000\n> P. 1:1001(1000) ack 1\n"
          "< . 1:1(0) ack 1001 win 300\n"
          "write 1000\nnothing\n"
          "+0.2 > . 1001:1301(300) ack 1\n"),
    /* RFC 9293 SHLD-15, SHLD-16, MUST-34 */
    C("the peer takes its window back: nothing new, the lost head goes on (RFC 9293 3.8.6)", EST
      "write 3000\n> . 1:1001(1000) ack 1\n> . 1001:2001(1000) ack 1\n> P. 2001:3001(1000) ack 1\n"
      "< . 1:1(0) ack 1 win 500\n"
      "write 1000\nnothing\n"),
    /* RFC 9293 SHLD-17, MUST-34 */
    C("the peer takes its window back and answers: the connection lives for ever",
      EST "write 1000\n> P. 1:1001(1000) ack 1\n< . 1:1(0) ack 1 win 0\n" AGAIN(0.2) AGAIN(0.4)
          AGAIN(0.8) AGAIN(1.6) AGAIN(3.2) AGAIN(6.4) AGAIN(12.8) AGAIN(25.6) AGAIN(51.2)
              AGAIN(102.4) AGAIN(120) AGAIN(120) AGAIN(120) AGAIN(120) AGAIN(120) AGAIN(120)
                  AGAIN(120) AGAIN(120) AGAIN(120) AGAIN(
                      120) "state ESTABLISHED\n< . 1:1(0) ack 1 win 5000\nrun 130\noutq 1000\n"),
    C("the peer took its window back and fell silent: the connection ends", EST
      "write 1000\n> P. 1:1001(1000) ack 1\n< . 1:1(0) ack 1 win 0\nrun 900\nstate ESTABLISHED\n"
      "run 400\nstate CLOSED\nerror ETIMEDOUT\n"),
    C("an old segment does not bring back an old window (SND.WL1)",
      EST "< . 101:201(100) ack 1 win 50000\n> . 1:1(0) ack 1\n"
          "< . 1:101(100) ack 1 win 100\n> . 1:1(0) ack 201\n"
          "write 1000\n> P. 1:1001(1000) ack 201\n"),
    /* RFC 9293 MUST-1, REC-1 */
    C("the window is scaled", "connect\n> S 0:0(0)\n"
                              "< S. 0:0(0) ack 1 win 1000 <mss 1000,wscale 4>\n> . 1:1(0) ack 1\n"
                              "write 1000\n" /* not in the SYN itself: half of 1000 */
                              "> . 1:501(500) ack 1\n> P. 501:1001(500) ack 1\n"
                              "< . 1:1(0) ack 1001 win 500\n"
                              "write 4000\n"
                              "> . 1001:2001(1000) ack 1\n> . 2001:3001(1000) ack 1\n"
                              "> . 3001:4001(1000) ack 1\n> P. 4001:5001(1000) ack 1\n"),
    /* RFC 9293 MUST-19 */
    C("initial window: ten segments (RFC 6928), then two for each ACK of two", EST100
      "write 30000\n"
      "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"
      "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
      "> . 8001:9001(1000)\n> . 9001:10001(1000)\n"
      "nothing\n"
      "+0.1 < . 1:1(0) ack 2001 win 65535\n"
      "> . 10001:11001(1000)\n> . 11001:12001(1000)\n> . 12001:13001(1000)\n> . 13001:14001(1000)\n"
      "count cwnd 12000\n"),
    C("an idle connection starts anew (RFC 5681 4.1)",
      EST100 "write 10000\n"
             "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"
             "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
             "> . 8001:9001(1000)\n> P. 9001:10001(1000)\n"
             "+0.1 < . 1:1(0) ack 10001 win 65535\n"
             "count cwnd 20000\n"
             "+10 write 1000\n> P. 10001:11001(1000)\n"
             "count cwnd 10000\n"),
    C("a window that is not used does not grow (RFC 7661)",
      EST "write 100\n> P. 1:101(100)\n< . 1:1(0) ack 101 win 65535\ncount cwnd 10000\n"
          "write 100\n> P. 101:201(100)\n< . 1:1(0) ack 201 win 65535\ncount cwnd 10000\n"),
    C("super-frames: cut to whole segments",
      EST "write 4500\n> P. 1:4501(4500) ack 1 gso 1000\n"
          "< . 1:1(0) ack 4501 win 65535\n"
          "write 500\n> P. 4501:5001(500) ack 1 gso 0\n",
      .features = LINK_F_CSUM | LINK_F_TSO4, .gso_max = 65535),
    C("super-frames: the congestion window is kept, in whole segments",
      EST "write 20000\n> . 1:10001(10000) ack 1 gso 1000\nnothing\n",
      .features = LINK_F_CSUM | LINK_F_TSO4, .gso_max = 65535),
    C("super-frames: the peer's window is kept",
      SMALL_WINDOW("4300") "write 20000\n> . 1:4001(4000) ack 1 gso 1000\nnothing\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("super-frames: partial ACK cuts the front off",
      EST "write 4000\n> P. 1:4001(4000) ack 1 gso 1000\n"
          "< . 1:1(0) ack 2001 win 65535\ncount segs 1\noutq 2000\n"
          "+0.002 > P. 3001:4001(1000) ack 1 gso 0\n" /* the tail probe takes one piece */
          "count segs 2\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("super-frames: rather wait for the next ACK than send a small part of what will fit",
      EST100 "write 60000\n> . 1:10001(10000) ack 1 gso 1000\n"
             "+0.1 < . 1:1(0) ack 1001 win 65535\nnothing\n" /* room for 2000, a third is 3666 */
             "< . 1:1(0) ack 2001 win 65535\n> . 10001:14001(4000) ack 1 gso 1000\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("super-frames: what is left goes, however small",
      EST100 "write 12000\n> . 1:10001(10000) ack 1 gso 1000\n"
             "+0.1 < . 1:1(0) ack 1001 win 65535\n> P. 10001:12001(2000) ack 1 gso 1000\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("the congestion window grows only as far as it is used",
      EST100 "write 5000\n> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n"
             "> . 3001:4001(1000)\n> P. 4001:5001(1000)\n"
             "+0.1 < . 1:1(0) ack 5001 win 65535\ncount cwnd 10000\n" /* half of it was */
             "write 6000\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
             "> . 8001:9001(1000)\n> . 9001:10001(1000)\n> P. 10001:11001(1000)\n"
             "+0.1 < . 1:1(0) ack 11001 win 65535\ncount cwnd 16000\n"),
    C("the peer's window, not ours, was the limit: no growth",
      SMALL_WINDOW("4000") "write 30000\n> . 1:1001(1000)\n> . 1001:2001(1000)\n"
                           "> . 2001:3001(1000)\n> . 3001:4001(1000)\n"
                           "+0.1 < . 1:1(0) ack 4001 win 4000\n> . 4001:5001(1000)\n"
                           "> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
                           "count cwnd 10000\n"),
    C("the send buffer fills: EAGAIN, and room is told when a third is free",
      EST "opt sndbuf 6000\nopt nodelay 1\nevents OUT\n"
          "write 6000 -> 6000\n"
          "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n> . "
          "4001:5001(1000)\n> P. 5001:6001(1000)\n"
          "write 1 -> EAGAIN\n"
          "ready \n"
          "< . 1:1(0) ack 1001 win 65535\nevents none\nready \n"
          "< . 1:1(0) ack 2001 win 65535\nevents OUT\nready OUT\n"),
    C("the send buffer grows with the congestion window", EST "count sndbuf 262144\n"),
    C("TCP_NOTSENT_LOWAT",
      SMALL_WINDOW("2000") "opt notsent_lowat 1000\n"
                           "ready OUT\n"
                           "write 4000\n> . 1:1001(1000)\n> . 1001:2001(1000)\n"
                           "ready \n"),
    /* RFC 9293 MUST-30, MUST-62, MUST-31 */
    C("urgent data: pointer behind the byte, in every segment before it (RFC 6093)",
      EST "write 10 oob\n> PU. 1:11(10) ack 1 urg 10\n"
          "< . 1:1(0) ack 11 win 65535\n"
          "write 10\n> P. 11:21(10) ack 1\n"),
    /* RFC 9293 MUST-31, MUST-62 */
    C("urgent data of any length: every segment tells its end, a later one moves it",
      EST "write 2500 oob\n> U. 1:1001(1000) ack 1 urg 2500\n"
          "> U. 1001:2001(1000) ack 1 urg 1500\n> PU. 2001:2501(500) ack 1 urg 500\n"
          "write 100 oob\n> PU. 2501:2601(100) ack 1 urg 100\n"
          "< . 1:1(0) ack 1001 win 65535\nwrite 10\n> P. 2601:2611(10) ack 1 urg 0\n"
          "< . 1:1(0) ack 2611 win 65535\nwrite 10\n> P. 2611:2621(10) ack 1\n"),
    /* RFC 9293 MUST-31 */
    C("urgent data longer than the pointer reaches: told when it comes within 65535",
      "connect\n> S 0:0(0)\n< S. 0:0(0) ack 1 win 65535 <mss 1000,wscale 3>\n> . 1:1(0) ack 1\n"
      "opt sndbuf 80000\nwrite 66000 oob\n"
      "> . 1:1001(1000) ack 1\n> U. 1001:2001(1000) ack 1 urg 65000\n"
      "> U. 2001:3001(1000) ack 1 urg 64000\n> U. 3001:4001(1000)\n> U. 4001:5001(1000)\n"
      "> U. 5001:6001(1000)\n> U. 6001:7001(1000)\n> U. 7001:8001(1000)\n"
      "> U. 8001:9001(1000)\n> U. 9001:10001(1000) urg 57000\n"),
    /* RFC 9293 MUST-48, MUST-49, SHLD-21, SHLD-22 */
    C("Diffserv field and TTL are the program's, from the next segment on",
      "open\nopt tos 184\nopt ttl 33\nconnect\n> S 0:0(0) tos 184 ttl 33\n"
      "< S. 0:0(0) ack 1 win 65535 <mss 1000>\n> . 1:1(0) ack 1 tos 184 ttl 33\n"
      "write 10\n> P. 1:11(10) ack 1 tos 184 ttl 33\nopt tos 40\nopt ttl 0\n"
      "+0.2 > P. 1:11(10) ack 1 tos 40 ttl 64\nabort\n> R. 11:11(0) ack 1 tos 40 ttl 64\n"),
    C("send errors: not connected, after shutdown",
      "open\nwrite 1 -> EPIPE\nread 1 -> ENOTCONN\nready OUT,HUP\n"
      "shutdown wr -> ENOTCONN\n"),
    C("sequence numbers wrap in a flight",
      "iss 4294966000\n" EST "write 3000\n"
      "> . 1:1001(1000)\n> . 1001:2001(1000)\n> P. 2001:3001(1000)\n"
      "< . 1:1(0) ack 1001 win 65535\n"
      "< . 1:1(0) ack 3001 win 65535\noutq 0\n"),
    /* RFC 9293 SHLD-8 */
    C("ECN: the echo halves the window once and is answered by CWR (RFC 3168 6.1.2)",
      "open\nopt ecn 1\nconnect\n> SEW 0:0(0)\n+0.1 < SE. 0:0(0) ack 1 win 65535 <mss "
      "1000,sackOK>\n> . 1:1(0) ack 1\n"
      "write 10000\n"
      "> . 1:1001(1000) ect\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"
      "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
      "> . 8001:9001(1000)\n> P. 9001:10001(1000)\n"
      "+0.1 < E. 1:1(0) ack 5001 win 65535\ncount ssthresh 5000\n"
      "< E. 1:1(0) ack 10001 win 65535\ncount ssthresh 5000\ncount cwnd 5000\n"
      "write 500\n> PW. 10001:10501(500) ect\n"
      "< . 1:1(0) ack 10501 win 65535\n"
      "write 500\n> P. 10501:11001(500) ect\n"),
    C("CUBIC cuts to 0.7 (RFC 9438 4.6)",
      "open\nopt cubic\n" EST100 "write 10000\n"
      "> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n> . 3001:4001(1000)\n"
      "> . 4001:5001(1000)\n> . 5001:6001(1000)\n> . 6001:7001(1000)\n> . 7001:8001(1000)\n"
      "> . 8001:9001(1000)\n> P. 9001:10001(1000)\n"
      "+0.1 < . 1:1(0) ack 1 win 65535 <sack 1001:4001>\n"
      "> . 1:1001(1000)\n"
      "count ssthresh 7000\n"),
    /* RFC 9293 MUST-54 */
    C("ICMP fragmentation needed: smaller segments at once, no congestion (RFC 1191)",
      EST "write 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
          "icmp EMSGSIZE seq 1 mtu 600\n"
          "> . 1:561(560)\n> . 561:1001(440)\n> . 1001:1561(560)\n> P. 1561:2001(440)\n"
          "count cwnd 10000\ncount mss 560\n"),
    C("ICMP fragmentation needed for a sequence number not in flight: ignored (RFC 5927)", EST
      "write 1000\n> P. 1:1001(1000)\nicmp EMSGSIZE seq 5000 mtu 600\nnothing\ncount mss 1000\n"),
    /* RFC 9293 SHLD-25, MUST-56, SHLD-20 */
    C("what ICMP said is forgotten after ten minutes: larger segments again (RFC 1191 6.3)",
      EST "write 1000\n> P. 1:1001(1000)\nicmp EMSGSIZE seq 1 mtu 600\n"
          "> . 1:561(560)\n> P. 561:1001(440)\n< . 1:1(0) ack 1001 win 65535\n"
          "+500 write 600\n> . 1001:1561(560)\n> P. 1561:1601(40)\n< . 1:1(0) ack 1601 win 65535\n"
          "+200 write 1000\n> P. 1601:2601(1000)\ncount mss 1000\n"),
    C("ICMP unreachable in ESTABLISHED is soft: it names the reason of a timeout (RFC 1122 "
      "4.2.3.9)",
      EST "write 1000\n> P. 1:1001(1000)\n"
          "icmp EHOSTUNREACH seq 1\nstate ESTABLISHED\nerror none\n"
          "run 1000\nstate ESTABLISHED\nrun 50\nstate CLOSED\nerror EHOSTUNREACH\n"),
};

TCP_CASES_MAIN("tcp: sending", cases)
