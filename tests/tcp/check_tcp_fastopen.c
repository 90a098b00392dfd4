/* SPDX-License-Identifier: ISC */
/* Fast open, both sides (RFC 7413). */
#include "tcp/tcpfix.h"

/* A connection that brings a cookie (77) home; then it is gone. */
#define COOKIE                                                                                     \
    "connect 0 fastopen\n> S 0:0(0) win 65535 <mss 1460,sackOK,TS,wscale 7,FO>\n"                  \
    "< S. 0:0(0) ack 1 win 65535 <mss 1000,FO 77>\n> . 1:1(0) ack 1\n"                             \
    "count fo_fail 1\nabort\n> R. 1:1(0) ack 1\n"
/* With it: the SYN waits for data. */
#define AGAIN "connect 1 fastopen\nnothing\nready OUT\n"
#define SYN_DATA "> [1] S 0:100(100) win 65535 <mss 1460,sackOK,TS,wscale 7,FO 77>\n"
#define PLAIN_SYN "> [1] S 0:0(0) win 65535 <mss 1460,sackOK,TS,wscale 7>\n"

/* A listener with room for n; a client that fetches its cookie. */
#define L(n) "listen 9\nopt fastopen " #n "\n"
#define ASK                                                                                        \
    "< [9] S 0:0(0) win 65535 <mss 1000,FO>\n> [9] S. 0:0(0) ack 1 <mss 1460,FO any>\n"            \
    "< [9] R 1:1(0)\n"

static const struct tcp_case cases[] = {
    C("client: without a cookie the SYN asks for one; without a write it goes (RFC 7413 4.1.1)",
      "connect 0 fastopen\n> S 0:0(0) <mss 1460,sackOK,TS,wscale 7,FO>\nwrite 5 -> EAGAIN\n"
      "< S. 0:0(0) ack 1 win 65535 <mss 1460>\n> . 1:1(0) ack 1\nwrite 5\n> P. 1:6(5) ack 1\n"
      "count syn_data 0\n"),
    C("client: data goes with the SYN, is acknowledged with it, and the rest follows",
      COOKIE AGAIN "write 100\n" SYN_DATA "state SYN_SENT\nwrite 5 -> EAGAIN\nready none\n"
                   "< [1] S. 0:0(0) ack 101 win 65535 <mss 1000>\n> [1] . 101:101(0) ack 1\n"
                   "state ESTABLISHED\ncount syn_data 1\ncount fo_fail 0\ncount fo_active 1\n"
                   "ready OUT\noutq 0\nwrite 7\n> [1] P. 101:108(7) ack 1\n"),
    C("client: no more than the server's MSS less the room for options (RFC 7413 4.2.1)",
      COOKIE AGAIN "write 5000 -> 960\n"
                   "> [1] S 0:960(960) win 65535 <mss 1460,sackOK,TS,wscale 7,FO 77>\n"
                   "< [1] S. 0:0(0) ack 961 win 65535\n> [1] . 961:961(0) ack 1\n"),
    C("client: no data at all", COOKIE AGAIN
      "go\n> [1] S 0:0(0) win 65535 <mss 1460,sackOK,TS,wscale 7,FO 77>\n"
      "< [1] S. 0:0(0) ack 1\n> [1] . 1:1(0) ack 1\ncount syn_data 0\nwrite 3\n> [1] P. 1:4(3) ack "
      "1\n"),
    C("client: data not acknowledged by the SYN-ACK leaves again with the ACK (RFC 7413 4.2.1)",
      COOKIE AGAIN "write 100\n" SYN_DATA
                   "< [1] S. 0:0(0) ack 1 win 65535 <mss 1000>\n> [1] P. 1:101(100) ack 1\n"
                   "count fo_fail 2\ncount syn_data 0\ncount fo_fails 1\n"
                   "< [1] . 1:1(0) ack 101\noutq 0\n"),
    C("client: a part of it acknowledged", COOKIE AGAIN
      "write 100\n" SYN_DATA "< [1] S. 0:0(0) ack 41 win 65535\n> [1] P. 41:101(60) ack 1\n"),
    C("client: an ACK beyond the data: RST",
      COOKIE AGAIN "write 100\n" SYN_DATA "< [1] S. 0:0(0) ack 102\n> [1] R 102:102(0)\n"
                   "state SYN_SENT\n"),
    C("client: the SYN with data gets lost: then an ordinary one, and data after the handshake; "
      "the "
      "next SYN to that host takes none (RFC 7413 4.1.3.1)",
      COOKIE AGAIN "write 100\n" SYN_DATA "+1 " PLAIN_SYN
                   "< [1] S. 0:0(0) ack 1 win 65535 <mss 1000>\n> [1] P. 1:101(100) ack 1\n"
                   "count fo_fail 3\nabort\n> [1] R. 101:101(0) ack 1\n"
                   "connect 2 fastopen\n> [2] S 0:0(0) <mss 1460,sackOK,TS,wscale 7>\nabort\n"
                   "run 61\nconnect 3 fastopen\nnothing\nwrite 5\n"
                   "> [3] S 0:5(5) <mss 1460,sackOK,TS,wscale 7,FO 77>\n"),
    C("client: the SYN-ACK gets lost: that to the ordinary SYN acknowledges the data too",
      COOKIE AGAIN "write 100\n" SYN_DATA "+1 " PLAIN_SYN
                   "< [1] S. 0:0(0) ack 101 win 65535 <mss 1000>\n> [1] . 101:101(0) ack 1\n"
                   "count syn_data 1\ncount fo_fail 0\n"),
    C("client: refused with data on its way",
      COOKIE AGAIN "write 100\n" SYN_DATA "< [1] R. 0:0(0) ack 101\nerror ECONNREFUSED\n"
                   "count segs 0\nclose\n"),
    C("client: RST for the SYN alone counts as well",
      COOKIE AGAIN "write 100\n" SYN_DATA "< [1] R. 0:0(0) ack 1\nerror ECONNREFUSED\nclose\n"),
    C("client: never answered: ordinary SYNs and ETIMEDOUT",
      COOKIE AGAIN "opt syn_retries 2\nwrite 100\n" SYN_DATA "+1 " PLAIN_SYN "+2 " PLAIN_SYN
                   "+4.1 error ETIMEDOUT\ncount segs 0\nclose\n"),
    C("client: closed while the SYN waits: nothing was ever sent",
      COOKIE AGAIN "close\nnothing\ncount tcb 0\n"),
    C("client: crossing SYNs: the data waits for the handshake",
      COOKIE AGAIN "write 100\n" SYN_DATA "< [1] S 0:0(0) win 65535 <mss 1000>\n"
                   "> [1] S. 0:0(0) ack 1\n< [1] . 1:1(0) ack 1\n> [1] P. 1:101(100) ack 1\n"
                   "count fo_fail 2\n"),
    C("client: TCP_FASTOPEN_NO_COOKIE: data without the option",
      "open\nopt no_cookie 1\nconnect 0 fastopen\nnothing\nwrite 9\n"
      "> S 0:9(9) <mss 1460,sackOK,TS,wscale 7>\n< S. 0:0(0) ack 10\n> . 10:10(0) ack 1\n"
      "count syn_data 1\n"),
    C("client: a cookie that was not asked for is not kept",
      "connect 0\n> S 0:0(0)\n< S. 0:0(0) ack 1 <mss 1000,FO 77>\n> . 1:1(0) ack 1\nabort\n"
      "> R. 1:1(0)\nconnect 1 fastopen\n> [1] S 0:0(0) <mss 1460,sackOK,TS,wscale 7,FO>\n"),
    C("client: a new cookie takes the place of the old one",
      COOKIE AGAIN "write 100\n" SYN_DATA
                   "< [1] S. 0:0(0) ack 1 win 65535 <mss 1000,FO 99>\n> [1] P. 1:101(100) ack 1\n"
                   "connect 2 fastopen\nwrite 5\n"
                   "> [2] S 0:5(5) <mss 1460,sackOK,TS,wscale 7,FO 99>\n"),
    C("client: data in the SYN-ACK is taken",
      COOKIE AGAIN "write 100\n" SYN_DATA
                   "< [1] S. 0:10(10) ack 101 win 65535\n> [1] . 101:101(0) ack 11\nread 10\n"),
    C("client: closed behind the data: FIN after the handshake",
      COOKIE AGAIN "write 100\n" SYN_DATA "< [1] S. 0:0(0) ack 1\n> [1] P. 1:101(100) ack 1\n"
                   "close\n> [1] F. 101:101(0) ack 1\n"),

    C("server: no TCP_FASTOPEN: no cookie, no data taken",
      "listen 9\n< [1] S 0:100(100) win 65535 <mss 1000,FO>\n> [1] S. 0:0(0) ack 1 <mss 1460>\n"
      "count acceptq 0\n"),
    C("server: a cookie for whoever asks; the child is an ordinary one (RFC 7413 4.1.2)",
      L(5) "< [1] S 0:0(0) win 65535 <mss 1000,FO>\n> [1] S. 0:0(0) ack 1 <mss 1460,FO any>\n"
           "count syn 1\ncount acceptq 0\n< [1] . 1:1(0) ack 1\naccept\ncount syn_data 0\n"),
    C("server: a good cookie: in the accept queue at once, with the data (RFC 7413 4.2.2)",
      L(5) ASK "< [1] S 0:100(100) win 65535 <mss 1000,FO any>\n"
               "> [1] S. 0:0(0) ack 101 win 65435 <mss 1460>\n"
               "count syn 0\ncount fo_passive 1\naccept\nstate SYN_RECEIVED\nready IN,OUT\nread "
               "100\ncount syn_data 1\n"
               "< [1] . 101:101(0) ack 1\nstate ESTABLISHED\n"),
    C("server: its answer leaves before the end of the handshake",
      L(5) ASK "< [1] S 0:100(100) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 101\naccept\n"
               "read 100\nwrite 200\n> [1] P. 1:201(200) ack 101\nstate SYN_RECEIVED\n"
               "< [1] . 101:101(0) ack 201\nstate ESTABLISHED\noutq 0\n"),
    C("server: and its FIN", L(5) ASK
      "< [1] S 0:100(100) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 101\naccept\n"
      "read 100\nwrite 200\n> [1] P. 1:201(200) ack 101\nclose\n> [1] F. 201:201(0) ack 101\n"
      "< [1] . 101:101(0) ack 202\n< [1] F. 101:101(0) ack 202\n> [1] . 202:202(0) ack "
      "102\ncount tw 1\n"),
    C("server: a good cookie without data",
      L(5) ASK "< [1] S 0:0(0) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 1 <mss 1460>\n"
               "accept\nready OUT\ncount syn_data 0\n"),
    C("server: a bad cookie: an ordinary child, a good cookie in the SYN-ACK (RFC 7413 4.2.2)",
      L(5) "< [1] S 0:100(100) win 65535 <mss 1000,FO 5>\n> [1] S. 0:0(0) ack 1 <mss 1460,FO "
           "any>\ncount acceptq 0\ncount fo_fails 1\n"),
    C("server: data without the option is not taken",
      L(5) "< [1] S 0:100(100) win 65535 <mss 1000>\n> [1] S. 0:0(0) ack 1 <mss 1460>\n"),
    C("server: TCP_FASTOPEN_NO_COOKIE takes it",
      L(5) "opt no_cookie 1\n< [1] S 0:100(100) win 65535 <mss 1000>\n> [1] S. 0:0(0) ack 101\n"
           "accept\nread 100\n"),
    C("server: the limit of TCP_FASTOPEN; beyond it the handshake is an ordinary one (RFC 7413 "
      "5.1)",
      L(1) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\n"
               "< [2] S 0:10(10) win 65535 <mss 1000,FO any>\n> [2] S. 0:0(0) ack 1 <mss 1460>\n"
               "< [1] . 11:11(0) ack 1\n"
               "< [3] S 0:10(10) win 65535 <mss 1000,FO any>\n> [3] S. 0:0(0) ack 11\n"),
    C("server: one that was reset counts for a minute",
      L(1) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\n"
               "< [1] R 11:11(0)\naccept\nstate CLOSED\nread 10\nread 1 -> ECONNRESET\nclose\n"
               "< [2] S 0:10(10) win 65535 <mss 1000,FO any>\n> [2] S. 0:0(0) ack 1 <mss 1460>\n"
               "run 61\n"
               "< [3] S 0:10(10) win 65535 <mss 1000,FO any>\n> [3] S. 0:0(0) ack 11\n"),
    C("server: the SYN-ACK is sent again, without a cookie, with the data acknowledged",
      L(5) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\n"
               "+1 > [1] S. 0:0(0) ack 11 <mss 1460>\n+0.5 < [1] S 0:0(0) win 65535 <mss 1000>\n"
               "> [1] S. 0:0(0) ack 11 <mss 1460>\n"),
    C("server: never acknowledged: one retransmission more than others, then ETIMEDOUT (Linux)",
      L(5) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\naccept\n"
               "+1 > [1] S. 0:0(0) ack 11\n+2 > [1] S. 0:0(0) ack 11\n+4 > [1] S. 0:0(0) ack 11\n"
               "+8 > [1] S. 0:0(0) ack 11\n+16 > [1] S. 0:0(0) ack 11\n+32 > [1] S. 0:0(0) ack "
               "11\n+64.1 state CLOSED\nerror ETIMEDOUT\nclose\n"),
    C("server: data before the handshake is over, lost: sent again after it",
      L(5) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\naccept\n"
               "write 50\n> [1] P. 1:51(50) ack 11\n+0.1 < [1] . 11:11(0) ack 1\n"
               "+0.3 > [1] P. 1:51(50) ack 11\n"),
    C("server: closing the listener resets one that was not accepted",
      L(5) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\nunlisten\n"
               "> [1] R. 1:1(0) ack 11\ncount tcb 0\n"),
    C("server: one that was accepted goes on without its listener",
      L(5) ASK "< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n> [1] S. 0:0(0) ack 11\naccept\n"
               "unlisten\n< [1] . 11:11(0) ack 1\nstate ESTABLISHED\n"),
    C("server: the stack's key changes each day; a cookie of the day before is good and is renewed "
      "(RFC 7413 4.1.2); an older one is not",
      L(5) ASK "run 86400\n< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n"
               "> [1] S. 0:0(0) ack 11 <mss 1460,FO any>\n"
               "run 172800\n< [2] S 0:10(10) win 65535 <mss 1000,FO any>\n"
               "> [2] S. 0:0(0) ack 1 <mss 1460,FO any>\n"),
    C("server: TCP_FASTOPEN_KEY: a cookie of the second key is good and is renewed",
      L(5) "opt fo_keys 1\n" ASK "opt fo_keys 2\n< [1] S 0:10(10) win 65535 <mss 1000,FO any>\n"
           "> [1] S. 0:0(0) ack 11 <mss 1460,FO any>\n"
           "opt fo_keys 1\n< [2] S 0:10(10) win 65535 <mss 1000,FO any>\n"
           "> [2] S. 0:0(0) ack 1 <mss 1460,FO any>\n"),
    C("server: a SYN cookie has no room for it (RFC 4987 3.6)",
      "listen 8\nopt fastopen 5\nflood 8\n< [1] S 0:10(10) win 65535 <mss 1000,FO>\n"
      "> [1] S. 0:0(0) ack 1 <mss 1460>\n"),
    C("server: more data than the window that is offered",
      "open\nopt rcvbuf 2304\nbind 80\nlisten 9\nopt fastopen 5\nopt no_cookie 1\n"
      "< [1] S 0:4000(4000) win 65535 <mss 1000>\n> [1] S. 0:0(0) ack 2305 win 0\n",
      .mtu = 9000),
};

TCP_CASES_MAIN("tcp: fast open", cases)
