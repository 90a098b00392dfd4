/* SPDX-License-Identifier: ISC */
/* Closing: every way through the states of RFC 9293 3.6, half-close, resets, TIME-WAIT, keepalive. */
#include "tcp/tcpfix.h"

#define EST                                                                                        \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,wscale 0>\n"                                     \
    "> . 1:1(0) ack 1\n"
#define EST_TS                                                                                     \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,TS 100 last,wscale 0>\n"                         \
    "> . 1:1(0) ack 1\n"
/* We close first, to TIME-WAIT. */
#define TIME_WAIT                                                                                  \
    EST "close\n> F. 1:1(0) ack 1\n"                                                               \
        "< . 1:1(0) ack 2\n"                                                                       \
        "< F. 1:1(0) ack 2\n"                                                                      \
        "> . 2:2(0) ack 2\n"                                                                       \
        "count tw 1\ncount tcb 0\n"

static const struct tcp_case cases[] = {
    /* RFC 9293 MUST-13 */
    C("close: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT, 60 s",
      EST "shutdown wr\n> F. 1:1(0) ack 1\nstate FIN_WAIT_1\n"
          "< . 1:1(0) ack 2\nstate FIN_WAIT_2\n"
          "< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\n"
          "state CLOSED\nread 1 -> EOF\ncount tw 1\nclose\n"
          "run 59\ncount tw 1\nrun 2\ncount tw 0\ncount ports 0\n"),
    C("passive close: CLOSE-WAIT, LAST-ACK",
      EST "< F. 1:1(0) ack 1\n> . 1:1(0) ack 2\n"
          "state CLOSE_WAIT\nevents OUT,IN,RDHUP\nready IN,OUT,RDHUP\n"
          "read 1 -> EOF\n"
          "write 10\n> P. 1:11(10) ack 2\n"
          "< . 2:2(0) ack 11\n"
          "close\n> F. 11:11(0) ack 2\ncount orphan 1\n"
          "< . 2:2(0) ack 12\n"
          "count tcb 0\ncount tw 0\ncount ports 0\n"),
    C("FIN rides on the last data", EST "opt cork 1\nwrite 100\nnothing\nclose\n"
                                        "> FP. 1:101(100) ack 1\n"
                                        "< F. 1:1(0) ack 102\n> . 102:102(0) ack 2\n"
                                        "count tw 1\n"),
    C("simultaneous close: CLOSING, TIME-WAIT", EST "shutdown wr\n> F. 1:1(0) ack 1\n"
                                                    "< F. 1:1(0) ack 1\n> . 2:2(0) ack 2\n"
                                                    "state CLOSING\n"
                                                    "< . 2:2(0) ack 2\n"
                                                    "count tw 1\nstate CLOSED\n"),
    C("simultaneous close: FIN with the ACK of ours goes straight to TIME-WAIT",
      EST "shutdown wr\n> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\ncount tw 1\n"),
    C("FIN with data in FIN-WAIT-1", EST "shutdown wr\n> F. 1:1(0) ack 1\n"
                                         "< FP. 1:101(100) ack 2\n> . 2:2(0) ack 102\n"
                                         "count tw 1\nread 1000 -> 100\nread 1 -> EOF\n"),
    C("half close: we still read",
      EST "shutdown wr\n> F. 1:1(0) ack 1\n< . 1:1(0) ack 2\n"
          "ready OUT\n"
          "< . 1:1001(1000) ack 2\n> . 2:2(0) ack 1001\nread 1000\n"
          "write 1 -> EPIPE\n"
          "< F. 1001:1001(0) ack 2\n> . 2:2(0) ack 1002\ncount tw 1\n"),
    C("data written before close is delivered, then FIN",
      EST "write 2500\n> . 1:1001(1000)\n> . 1001:2001(1000)\n> P. 2001:2501(500)\n"
          "close\n> F. 2501:2501(0) ack 1\ncount undelivered 1\n"
          "< . 1:1(0) ack 2502\ncount undelivered 0\n"
          "< F. 1:1(0) ack 2502\n> . 2502:2502(0) ack 2\n"),
    C("FIN waits for the window and behind what Nagle held",
      EST "write 10\n> P. 1:11(10)\nwrite 10\nnothing\nclose\n> FP. 11:21(10) ack 1\n"),
    C("our FIN is sent again",
      EST "close\n> F. 1:1(0) ack 1\n+0.2 > F. 1:1(0) ack 1\n+0.4 > F. 1:1(0) ack 1\n"),
    /* RFC 9293 SHLD-3 */
    C("close with unread data: RST (RFC 2525 2.17)",
      EST "< . 1:101(100) ack 1\n> . 1:1(0) ack 101\n"
          "close\n> R. 1:1(0) ack 101\ncount tcb 0\n"),
    /* RFC 9293 SHLD-3 */
    C("data after close: RST (RFC 1122 4.2.2.13)",
      EST "close\n> F. 1:1(0) ack 1\n"
          "< . 1:101(100) ack 2\n> R. 2:2(0) ack 1\n"
          "drop TCP_DATA_AFTER_CLOSE\ncount tcb 0\ncount tw 0\n"),
    C("data in FIN-WAIT-2 after close: RST",
      EST "close\n> F. 1:1(0) ack 1\n< . 1:1(0) ack 2\n"
          "< . 1:101(100) ack 2\n> R. 2:2(0) ack 1\ncount tcb 0\n"),
    C("shutdown(RDWR): HUP at once; data after it: RST",
      EST "shutdown rdwr\n> F. 1:1(0) ack 1\nready IN,OUT,HUP,RDHUP\n"
          "< . 1:101(100) ack 2\n> R. 2:2(0) ack 1\nstate CLOSED\n"),
    C("abort: RST, and nothing remains",
      EST "abort\n> R. 1:1(0) ack 1\ncount tcb 0\ncount ports 0\n"),
    C("disconnect (AF_UNSPEC): RST, the socket can connect again",
      EST "disconnect\n> R. 1:1(0) ack 1\nstate CLOSED\nerror ECONNRESET\nread 1 -> ENOTCONN\n"
          "connect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1000>\n> . 1:1(0) ack 1\nwrite 3\n> P. "
          "1:4(3) ack 1\n"),
    C("RST in FIN-WAIT-1: gone", EST "close\n> F. 1:1(0) ack 1\n< R 1:1(0)\ncount tcb 0\n"),
    /* RFC 9293 MUST-12 */
    C("RST in CLOSE-WAIT: EPIPE, as Linux",
      EST "< F. 1:1(0) ack 1\n> . 1:1(0) ack 2\n"
          "< R 2:2(0)\nstate CLOSED\nerror EPIPE\nread 1 -> EOF\n"),
    C("RST in LAST-ACK: gone", EST "< F. 1:1(0) ack 1\n> . 1:1(0) ack 2\nclose\n> F. 1:1(0) ack 2\n"
                                   "< R 2:2(0)\ncount tcb 0\n"),
    C("the peer's FIN again in CLOSE-WAIT is acknowledged",
      EST "< F. 1:1(0) ack 1\n> . 1:1(0) ack 2\n+1 < F. 1:1(0) ack 1\n> . 1:1(0) ack 2\nstate "
          "CLOSE_WAIT\n"),
    C("ACK of our FIN in LAST-ACK must be of the FIN",
      EST "< F. 1:1(0) ack 1\n> . 1:1(0) ack 2\nwrite 10\n> P. 1:11(10) ack 2\nclose\n> F. "
          "11:11(0) ack 2\n"
          "< . 2:2(0) ack 11\ncount tcb 1\n< . 2:2(0) ack 12\ncount tcb 0\n"),
    C("FIN-WAIT-2 of an orphan ends after 60 s", EST "close\n> F. 1:1(0) ack 1\n< . 1:1(0) ack 2\n"
                                                     "run 59\ncount tcb 1\nrun 2\ncount tcb 0\n"),
    C("TCP_LINGER2", EST "opt linger2 5\nclose\n> F. 1:1(0) ack 1\n< . 1:1(0) ack 2\n"
                         "run 4\ncount tcb 1\nrun 2\ncount tcb 0\n"),
    C("TCP_LINGER2 < 0: no FIN-WAIT-2",
      EST "opt linger2_none 1\nclose\n> F. 1:1(0) ack 1\n< . 1:1(0) ack 2\n"
          "count tcb 0\n"),
    C("FIN-WAIT-2 with an owner waits for ever",
      EST "shutdown wr\n> F. 1:1(0) ack 1\n< . 1:1(0) ack 2\n"
          "run 7200\nstate FIN_WAIT_2\n"),
    C("TIME-WAIT: the FIN again is acknowledged and restarts the time", TIME_WAIT
      "run 50\n< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\nrun 50\ncount tw 1\nrun 11\ncount tw 0\n"),
    C("TIME-WAIT: a bare ACK restarts the time, unanswered",
      TIME_WAIT "run 50\n< . 2:2(0) ack 2\nnothing\nrun 50\ncount tw 1\n"),
    C("TIME-WAIT: RST does not end it (RFC 1337)",
      TIME_WAIT "< R 2:2(0)\nnothing\ndrop TCP_TIME_WAIT\ncount tw 1\n"),
    C("TIME-WAIT: old data is answered",
      TIME_WAIT "< . 1:101(100) ack 2\n> . 2:2(0) ack 2\ncount tw 1\n"),
    C("TIME-WAIT answers with the connection's Diffserv field, TTL, window and timestamps",
      "open\nopt tos 184\nopt ttl 33\nopt rcvbuf 5000\n" EST_TS
      "close\n> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2 <TS 101 last>\n"
      "> . 2:2(0) ack 2 tos 184 ttl 33 win 4999 <TS 1 101>\n"
      "run 10\n< F. 1:1(0) ack 2 <TS 102 last>\n> . 2:2(0) ack 2 tos 184 ttl 33 win 4999 <TS 1 "
      "101>\n"
      "< . 2:2(0) ack 2 <TS 103 last>\n< . 1:1(0) ack 2 <TS 99 last>\n> . 2:2(0) ack 2 <TS 1 "
      "103>\n"),
    C("TIME-WAIT keeps the port from bind()",
      "open\nbind 1234\nconnect\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1000>\n> . 1:1(0) ack 1\n"
      "close\n> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\n"
      "open\nbind 1234 -> EADDRINUSE\n"
      "run 61\nbind 1234\n"),
    C("TIME-WAIT gives way to a SYN with a higher number, above what was used (RFC 6191)",
      "listen 5\n"
      "< S 0:0(0) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1\naccept\n"
      "close\n> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\ncount tw 1\n"
      "< S 70000:70000(0) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\ncount tw 0\n"
      "< . 1:1(0) ack 1\naccept\nstate ESTABLISHED\n"),
    /* RFC 9293 SHLD-4 */
    C("TIME-WAIT: a SYN with a newer timestamp, lower number",
      "listen 5\n"
      "< S 70000:70000(0) win 1000 <mss 1000,TS 100 0>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 <TS "
      "101 last>\naccept\n"
      "close\n> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2 <TS 102 last>\n> . 2:2(0) ack 2\ncount tw 1\n"
      "< S 0:0(0) win 1000 <mss 1000,TS 200 0>\n> S. 0:0(0) ack 1\ncount tw 0\n"),
    C("TIME-WAIT: an old SYN is answered, not believed",
      "listen 5\n"
      "< S 70000:70000(0) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1\naccept\n"
      "close\n> F. 1:1(0) ack 1\n< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\ncount tw 1\n"
      "+1 < S 0:0(0) win 1000 <mss 1000>\n> [0] . 2:2(0)\ncount tw 1\ndrop TCP_TIME_WAIT\n"),
    C("a port that nobody listens on: RST by the ACK (RFC 9293 3.10.7.1)",
      "< abs . 100:100(0) ack 555\n> abs R 555:555(0)\ndrop TCP_NO_CONN\n"),
    C("a port that nobody listens on: RST+ACK of what came",
      "< abs S 100:100(0)\n> abs R. 0:0(0) ack 101\n"
      "< abs F 100:150(50)\n> abs R. 0:0(0) ack 151\n"),
    C("no RST for a RST", "< abs R 100:100(0)\nnothing\n< abs R. 100:100(0) ack 5\nnothing\n"),
    /* RFC 9293 MUST-24, MUST-27, MUST-29, SHLD-12 */
    C("keepalive: probes with snd_una - 1, then ETIMEDOUT and a RST (RFC 9293 3.8.4)",
      EST "opt keepalive 10 2 3\n"
          "+10 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\n"
          "+2 > R. 1:1(0) ack 1\nstate CLOSED\nerror ETIMEDOUT\n"),
    /* RFC 9293 MUST-26 */
    C("keepalive: an answer starts the time anew",
      EST "opt keepalive 10 2 3\n"
          "+10 > . 0:0(0) ack 1\n+0.1 < . 1:1(0) ack 1\n"
          "+10 > . 0:0(0) ack 1\n+0.1 < . 1:1(0) ack 1\n+9.8 nothing\n"),
    /* RFC 9293 MUST-26 */
    C("keepalive: data from the peer counts", EST "opt keepalive 10 2 3\n"
                                                  "+9 < . 1:101(100) ack 1\n> . 1:1(0) ack 101\n"
                                                  "+9 nothing\n+1 > . 0:0(0) ack 101\n"),
    /* RFC 9293 MUST-25, MUST-27, MUST-28 */
    C("keepalive: off at first; then two hours, and nine probes 75 s apart",
      EST "+100000 nothing\n< . 1:101(100) ack 1\n> . 1:1(0) ack 101\nopt keepalive_on 1\n"
          "+7199.9 nothing\n+0.1 > . 0:0(0)\n+75 > . 0:0(0)\n+75 > . 0:0(0)\n+75 > . 0:0(0)\n"
          "+75 > . 0:0(0)\n+75 > . 0:0(0)\n+75 > . 0:0(0)\n+75 > . 0:0(0)\n+75 > . 0:0(0)\n"
          "+74.9 nothing\n+0.1 > R. 1:1(0) ack 101\nerror ETIMEDOUT\n"),
    C("keepalive: switched off again", EST "opt keepalive 10 2 3\n+10 > . 0:0(0) ack 1\n"
                                           "opt keepalive_on 0\n+100 nothing\n"),
    C("keepalive: the first probe goes even if TCP_USER_TIMEOUT is shorter than the idle time",
      EST "opt keepalive 10 2 30\nopt user_timeout_ms 5000\n"
          "+10 > . 0:0(0) ack 1\n+2 > R. 1:1(0) ack 1\nerror ETIMEDOUT\n"),
    C("keepalive with TCP_USER_TIMEOUT",
      EST "opt keepalive 10 2 30\nopt user_timeout_ms 15000\n"
          "+10 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\n"
          "+2 > R. 1:1(0) ack 1\nerror ETIMEDOUT\n"),
    C("sequence numbers wrap at FIN",
      "iss 4294967294\npeer_iss 4294967294\n" EST "shutdown wr\n> F. 1:1(0) ack 1\n"
      "< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\ncount tw 1\n"),
};

TCP_CASES_MAIN("tcp: closing", cases)
