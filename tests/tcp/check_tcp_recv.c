/* SPDX-License-Identifier: ISC */
/* Receiving: order, overlap, SACK and DSACK, windows, acknowledgment policy, urgent data, PAWS. */
#include "tcp/tcpfix.h"

/* An established connection without timestamps: segments of 1460. quickack 0: the delayed ACK is at work from the start. */
#define EST                                                                                        \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,wscale 0>\n"                                     \
    "> . 1:1(0) ack 1\n"
#define EST_TS                                                                                     \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 1000 last,wscale 0>\n"                        \
    "> . 1:1(0) ack 1\n"
#define LAZY EST "opt quickack 0\n"
/* The receive buffer is full. */
#define ZERO_WINDOW                                                                                \
    "open\nopt rcvbuf 4000\nconnect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1000>\n> . 1:1(0) ack 1 "  \
    "win 4000\n< . 1:4001(4000) ack 1\n> . 1:1(0) ack 4001 win 0\n"

static const struct tcp_case cases[] = {
    C("in order", EST "< . 1:1461(1460) ack 1\n"
                      "> . 1:1(0) ack 1461 <>\n"
                      "events OUT,IN\n"
                      "ready IN,OUT\n"
                      "inq 1460\n"
                      "read 2000 -> 1460\n"
                      "read 1 -> EAGAIN\n"),
    C("quick ACKs at the start: each segment, 16 times, then delayed",
      EST "< . 1:11(10) ack 1\n> . 1:1(0) ack 11\n< . 11:21(10) ack 1\n> . 1:1(0) ack 21\n"
          "< . 21:31(10) ack 1\n> . 1:1(0) ack 31\n< . 31:41(10) ack 1\n> . 1:1(0) ack 41\n"
          "< . 41:51(10) ack 1\n> . 1:1(0) ack 51\n< . 51:61(10) ack 1\n> . 1:1(0) ack 61\n"
          "< . 61:71(10) ack 1\n> . 1:1(0) ack 71\n< . 71:81(10) ack 1\n> . 1:1(0) ack 81\n"
          "< . 81:91(10) ack 1\n> . 1:1(0) ack 91\n< . 91:101(10) ack 1\n> . 1:1(0) ack 101\n"
          "< . 101:111(10) ack 1\n> . 1:1(0) ack 111\n< . 111:121(10) ack 1\n> . 1:1(0) ack 121\n"
          "< . 121:131(10) ack 1\n> . 1:1(0) ack 131\n< . 131:141(10) ack 1\n> . 1:1(0) ack 141\n"
          "< . 141:151(10) ack 1\n> . 1:1(0) ack 151\n< . 151:161(10) ack 1\n"
          "nothing\n"
          "+0.04 > . 1:1(0) ack 161\n"),
    /* RFC 9293 SHLD-18, MUST-40 */
    C("delayed ACK: one segment waits 40 ms (RFC 9293 3.8.6.3)",
      LAZY "< . 1:1461(1460) ack 1\n"
           "nothing\n"
           "+0.04 > . 1:1(0) ack 1461\n"),
    /* RFC 9293 SHLD-19 */
    C("delayed ACK: the second full segment is acknowledged at once (RFC 5681 4.2)",
      LAZY "< . 1:1461(1460) ack 1\n"
           "nothing\n"
           "< . 1461:2921(1460) ack 1\n"
           "> . 1:1(0) ack 2921\n"),
    /* RFC 9293 MUST-58 */
    C("delayed ACK rides on data", LAZY "< P. 1:101(100) ack 1\n"
                                        "+0.01 write 50\n"
                                        "> P. 1:51(50) ack 101\n"
                                        "+0.1 nothing\n"),
    /* RFC 9293 MUST-58, MUST-59 */
    C("a coalesced segment counts as its parts", LAZY "< . 1:4381(4380) ack 1 gso 1460\n"
                                                      "> . 1:1(0) ack 4381\n"),
    C("TCP_QUICKACK sends the ACK that waits", LAZY "< . 1:101(100) ack 1\n"
                                                    "nothing\n"
                                                    "opt quickack 1\n"
                                                    "> . 1:1(0) ack 101\n"),
    /* RFC 9293 SHLD-31 */
    C("a hole: duplicate ACK with SACK at once (RFC 5681 4.2, RFC 2018)",
      LAZY "< . 1461:2921(1460) ack 1\n"
           "> . 1:1(0) ack 1 <sack 1461:2921>\n"
           "inq 0\n"
           "< . 1:1461(1460) ack 1\n"
           "> . 1:1(0) ack 2921 <>\n"
           "read 2920\n"),
    C("SACK: the most recent block comes first (RFC 2018 4)", EST
      "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 1 <sack 1001:2001>\n"
      "< . 3001:4001(1000) ack 1\n> . 1:1(0) ack 1 <sack 3001:4001 1001:2001>\n"
      "< . 5001:6001(1000) ack 1\n> . 1:1(0) ack 1 <sack 5001:6001 3001:4001 1001:2001>\n"
      "< . 7001:8001(1000) ack 1\n> . 1:1(0) ack 1 <sack 7001:8001 5001:6001 3001:4001 1001:2001>\n"
      "< . 9001:9501(500) ack 1\n> . 1:1(0) ack 1 <sack 9001:9501 7001:8001 5001:6001 3001:4001>\n"
      "count ranges 5\n"
      "< . 2001:3001(1000) ack 1\n> . 1:1(0) ack 1 <sack 1001:4001 9001:9501 7001:8001 5001:6001>\n"
      "count ranges 4\n"
      "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 4001 <sack 9001:9501 7001:8001 5001:6001>\n"),
    /* RFC 9293 MUST-16 */
    C("SACK with timestamps: three blocks fit", EST_TS
      "< . 1001:2001(1000) ack 1 <TS 1001 last>\n> . 1:1(0) ack 1 <TS,sack 1001:2001>\n"
      "< . 3001:4001(1000) ack 1 <TS 1002 last>\n> . 1:1(0) ack 1 <TS,sack 3001:4001 1001:2001>\n"
      "< . 5001:6001(1000) ack 1 <TS 1003 last>\n> . 1:1(0) ack 1 <TS,sack 5001:6001 3001:4001 "
      "1001:2001>\n"
      "< . 7001:8001(1000) ack 1 <TS 1004 last>\n> . 1:1(0) ack 1 <TS,sack 7001:8001 5001:6001 "
      "3001:4001>\n"),
    C("DSACK: a segment that was here already (RFC 2883 4.1.1)",
      EST "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001 <>\n"
          "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001 <sack 1:1001>\n"
          "drop TCP_DUP_DATA\n"),
    C("DSACK: duplicate out of order, with the block that holds it (RFC 2883 4.1.2)",
      EST "< . 2001:4001(2000) ack 1\n> . 1:1(0) ack 1 <sack 2001:4001>\n"
          "< . 2501:3001(500) ack 1\n> . 1:1(0) ack 1 <sack 2501:3001 2001:4001>\n"),
    C("DSACK: partial overlap on the left", EST "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001\n"
                                                "< . 501:1501(1000) ack 1\n"
                                                "> . 1:1(0) ack 1501 <sack 501:1001>\n"
                                                "read 1500\n"),
    C("DSACK: a segment that closes a hole and repeats what is behind it",
      EST "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 1 <sack 1001:2001>\n"
          "< . 1:1501(1500) ack 1\n> . 1:1(0) ack 2001 <sack 1001:1501>\n"
          "read 2000\n"),
    C("out of order without SACK: plain duplicate ACKs",
      "connect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1460>\n> . 1:1(0) ack 1\n"
      "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 1 <>\n"
      "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 1 <>\n"
      "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 2001 <>\n"
      "read 2000\n"),
    /* RFC 9293 MUST-59 */
    C("FIN beyond a hole", EST "< F. 1001:2001(1000) ack 1\n"
                               "> . 1:1(0) ack 1 <sack 1001:2001>\n"
                               "state ESTABLISHED\n"
                               "< . 1:1001(1000) ack 1\n"
                               "> . 1:1(0) ack 2002\n"
                               "state CLOSE_WAIT\n"
                               "read 3000 -> 2000\n"
                               "read 1 -> EOF\n"),
    C("bare FIN beyond a hole", EST "< F. 1001:1001(0) ack 1\n"
                                    "> . 1:1(0) ack 1\n"
                                    "state ESTABLISHED\n"
                                    "< . 1:1001(1000) ack 1\n"
                                    "> . 1:1(0) ack 1002\n"
                                    "state CLOSE_WAIT\n"),
    C("data beyond the window is cut off, and acknowledged at once",
      "open\nopt rcvbuf 2000\nconnect\n> S 0:0(0) win 2000\n"
      "< S. 0:0(0) ack 1 <mss 1460>\n> . 1:1(0) ack 1 win 2000\n"
      "< . 1:3001(3000) ack 1\n> . 1:1(0) ack 2001 win 0\n"
      "inq 2000\n"
      "read 2000\n"
      "> . 1:1(0) ack 2001 win 2000\n"),
    C("a segment wholly beyond the window: ACK, nothing taken (RFC 9293 3.10.7.4)",
      "open\nopt rcvbuf 2000\nconnect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1460>\n> . 1:1(0) ack 1\n"
      "< . 5001:5101(100) ack 1\n> . 1:1(0) ack 1\n"
      "drop TCP_WINDOW\n"
      "count ranges 0\n"),
    C("zero window: probes are answered, the right edge stays, reading opens it",
      "open\nopt rcvbuf 4000\nconnect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1000>\n> . 1:1(0) ack 1 "
      "win 4000\n"
      "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001 win 3000\n"
      "< . 1001:4001(3000) ack 1\n> . 1:1(0) ack 4001 win 0\n"
      "+0.5 < . 4001:4002(1) ack 1\n> . 1:1(0) ack 4001 win 0\n"
      "+1 < . 4000:4000(0) ack 1\n> . 1:1(0) ack 4001 win 0\n"
      "read 100\nnothing\n" /* silly window avoidance */
      "read 1900\n> . 1:1(0) ack 4001 win 2000\n"
      "read 2000\n> . 1:1(0) ack 4001 win 4000\n"),
    /* RFC 9293 MUST-39 */
    C("the window is not opened by crumbs (RFC 9293 3.8.6.2.2)",
      "open\nopt rcvbuf 40000\nconnect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1460>\n> . 1:1(0) ack 1 "
      "win 40000\n"
      "< . 1:1461(1460) ack 1\n> . 1:1(0) ack 1461 win 38540\n"
      "read 1000\nnothing\n"
      "< . 1461:2921(1460) ack 1\n> . 1:1(0) ack 2921 win 37080\n"
      "read 1920\nnothing\n"
      "< . 2921:4381(1460) ack 1\n> . 1:1(0) ack 4381 win 38540\n"),
    /* RFC 9293 SHLD-14 */
    C("a shrunk SO_RCVBUF takes nothing back that was offered",
      EST "opt rcvbuf 1000\n"
          "< . 1:1461(1460) ack 1\n> . 1:1(0) ack 1461 win 8181\n"
          "< . 1461:2921(1460) ack 1\n> . 1:1(0) ack 2921 win 8170\n"
          "read 2920\n"),
    C("sequence numbers wrap in the stream",
      "peer_iss 4294966000\n" EST "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001\n"
      "< . 2001:3001(1000) ack 1\n> . 1:1(0) ack 1001 <sack 2001:3001>\n"
      "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 3001 <>\n"
      "read 3000\n"),
    /* RFC 9293 MUST-5 */
    C("PAWS: an old timestamp is answered and dropped (RFC 7323 5.3)",
      EST_TS "< . 1:101(100) ack 1 <TS 2000 last>\n> . 1:1(0) ack 101 <TS 1 2000>\n"
             "< . 101:201(100) ack 1 <TS 1999 last>\n> . 1:1(0) ack 101 <TS 1 2000>\n"
             "drop TCP_PAWS\ncount paws 1\ninq 100\n"),
    C("PAWS: an old timestamp without data: a challenge, unless it was only overtaken",
      EST_TS "+1 < . 2:2(0) ack 1 <TS 500 last>\n> . 1:1(0) ack 1 <TS 1 1000>\ndrop TCP_PAWS\n"
             "count paws 1 challenge 1\n< . 1:1(0) ack 1 <TS 500 last>\nnothing\ncount paws 1\n"
             "< R 1:1(0)\nstate CLOSED\n"), /* a RST needs no timestamp */
    C("PAWS: timestamps wrap", "connect\n> S 0:0(0)\n"
                               "< S. 0:0(0) ack 1 <mss 1460,TS 4294967290 last>\n> . 1:1(0) ack 1\n"
                               "< . 1:101(100) ack 1 <TS 5 last>\n> . 1:1(0) ack 101 <TS 1 5>\n"),
    C("PAWS: a timestamp of 24 days ago counts no more (RFC 7323 5.5)",
      EST_TS "+2100000 < . 1:101(100) ack 1 <TS 5 last>\n> . 1:1(0) ack 101 <TS 1 5>\n"),
    C("TS.Recent follows what is in order only (RFC 7323 4.3)",
      EST_TS "< . 101:201(100) ack 1 <TS 3000 last>\n> . 1:1(0) ack 1 <TS 1 1000,sack 101:201>\n"
             "< . 1:101(100) ack 1 <TS 2500 last>\n> . 1:1(0) ack 201 <TS 1 2500>\n"),
    C("a segment without timestamp after negotiation is dropped (RFC 7323 3.2); a RST is not",
      EST_TS "< . 1:101(100) ack 1\ndrop TCP_NO_TIMESTAMP\nnothing\n"
             "< R 1:1(0)\nstate CLOSED\nerror ECONNRESET\n"),
    C("ACK for data never sent: answered, dropped (RFC 9293 3.10.7.4)",
      EST "< . 1:101(100) ack 500\n> . 1:1(0) ack 1\ndrop TCP_ACK_FUTURE\ninq 0\n"),
    C("an ACK far too old: challenge (RFC 5961 5.2)",
      EST "< . 1:11(10) ack 4294867296\n> . 1:1(0) ack 1\ndrop TCP_ACK_OLD\ncount challenge 1\n"),
    C("segment without ACK flag is dropped", EST "< - 1:101(100)\ndrop TCP_NO_ACK\nnothing\n"),
    C("a SYN in the window: challenge ACK (RFC 5961 4.2)",
      EST "+1 < S 100:100(0)\n> . 1:1(0) ack 1\ndrop TCP_SYN_CHALLENGE\nstate ESTABLISHED\n"),
    C("RST exactly there: reset (RFC 5961 3.2)",
      EST "< R 1:1(0)\nstate CLOSED\nevents OUT,IN,ERR,HUP,RDHUP\nread 1 -> ECONNRESET\nread 1 -> "
          "EOF\nwrite 1 -> EPIPE\n"),
    /* RFC 9293 SHLD-2 */
    C("RST with data: reset, the data is not for the program",
      EST "< R. 1:101(100) ack 1\ndrop NONE\nstate CLOSED\ninq 0\nread 1 -> ECONNRESET\nread 1 -> "
          "EOF\n"),
    /* RFC 9293 MUST-66 */
    C("RST in a window of zero: reset",
      ZERO_WINDOW "< R 4001:4001(0)\nstate CLOSED\nread 4000\nread 1 -> ECONNRESET\n"),
    /* RFC 9293 MUST-66 */
    C("URG in a window of zero: the program hears of it",
      ZERO_WINDOW "events OUT,IN\n< U. 4001:4001(0) ack 1 urg 10\nevents PRI\n"
                  "oob -> EAGAIN\n"),
    C("RST elsewhere in the window: challenge ACK",
      EST "< R 100:100(0)\n> . 1:1(0) ack 1\ndrop TCP_RST_CHALLENGE\nstate ESTABLISHED\n"),
    C("RST outside the window: nothing",
      EST "< R 100000000:100000000(0)\ndrop TCP_WINDOW\nnothing\nstate ESTABLISHED\n"),
    C("challenge ACKs to one connection: two a second (RFC 5961 7)",
      EST "< R 100:100(0)\n> . 1:1(0) ack 1\n< R 101:101(0)\n< R 102:102(0)\nnothing\n"
          "+0.6 < R 100:100(0)\n> . 1:1(0) ack 1\n"),
    /* RFC 9293 MUST-12, MUST-47 */
    C("data stays readable after RST, then the error",
      EST "< . 1:101(100) ack 1\n> . 1:1(0) ack 101\n"
          "< R 101:101(0)\n"
          "read 1000 -> 100\n"
          "read 1 -> ECONNRESET\n"
          "read 1 -> EOF\n"),
    C("peer's keepalive: snd_nxt - 1, no data; answered",
      EST "+10 < . 0:0(0) ack 1\n> . 1:1(0) ack 1\n"),
    C("shutdown(RD): what comes is still taken, EOF when it has been read",
      EST "shutdown rd\nevents OUT,IN,RDHUP\nread 1 -> EOF\n"
          "< . 1:101(100) ack 1\n> . 1:1(0) ack 101\nread 1000 -> 100\nread 1 -> EOF\n"),
    /* RFC 9293 MUST-30, MUST-33 */
    C("urgent data: byte out of band, the stream goes round it",
      EST "< PU. 1:11(10) ack 1 urg 5\n> . 1:1(0) ack 11\n"
          "ready IN,OUT,PRI\n"
          "inq 4\n"
          "read 100 -> 4\n"
          "atmark 1\n"
          "oob -> 1\n"
          "oob -> EINVAL\n"
          "read 100 -> 5\n"
          "atmark 0\n"),
    C("urgent data inline",
      EST "opt oobinline 1\n"
          "< PU. 1:11(10) ack 1 urg 5\n> . 1:1(0) ack 11\n"
          "read 100 -> 4\n",
      .no_rebuild = false),
    /* RFC 9293 MUST-32 */
    C("urgent data announced, byte not here yet",
      EST "< PU. 1:11(10) ack 1 urg 20\n> . 1:1(0) ack 11\nevents OUT,IN,PRI\n"
          "oob -> EAGAIN\n"
          "< P. 11:31(20) ack 1\n> . 1:1(0) ack 31\n"
          "oob -> 1\n"),
    /* RFC 9293 SHLD-8 */
    C("ECN: CE is echoed until CWR (RFC 3168 6.1.3)",
      "open\nopt ecn 1\nconnect\n> SEW 0:0(0)\n< SE. 0:0(0) ack 1 <mss 1460>\n> . 1:1(0) ack 1\n"
      "< . 1:101(100) ack 1 ce\n> E. 1:1(0) ack 101\n"
      "< . 101:201(100) ack 1\n> E. 1:1(0) ack 201\n"
      "< W. 201:301(100) ack 1\n> . 1:1(0) ack 301\n"),
    C("ACK at most the window's worth of ranges is kept",
      "open\nopt rcvbuf 20000\nconnect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1460>\n> . 1:1(0) ack "
      "1\n"
      "< . 19001:21001(2000) ack 1\n> . 1:1(0) ack 1\ncount ranges 1\n"
      "< . 18001:19001(1000) ack 1\n> . 1:1(0) ack 1\ncount ranges 1\n"
      "close\n> F. 1:1(0) ack 1\n"),
};

TCP_CASES_MAIN("tcp: receiving", cases)
