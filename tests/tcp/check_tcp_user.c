/* SPDX-License-Identifier: ISC */
/* The program's calls (RFC 9293 3.9.1, 3.10.1 to 3.10.6) in each state: what they give, what they leave behind, what is told. */
#include "tcp/tcpfix.h"

#define EST                                                                                        \
    "connect\n> S 0:0(0)\n"                                                                        \
    "< S. 0:0(0) ack 1 win 65535 <mss 1000,sackOK,wscale 0>\n"                                     \
    "> . 1:1(0) ack 1\n"
#define SYN(n)                                                                                     \
    "< [" #n "] S 0:0(0) win 65535 <mss 1000>\n"                                                   \
    "> [" #n "] S. 0:0(0) ack 1 win 65535 <mss 1460>\n"
#define ACK(n) "< [" #n "] . 1:1(0) ack 1 win 65535\n"

static const struct tcp_case cases[] = {
    /* ---- names ---- */
    C("no name before bind and connect", "open\nlocal 0:0\npeer 0:0\n"),
    C("bind gives the local name, connect the address too",
      "open\nbind 1234\nlocal 0:1234\npeer 0:0\nconnect\n> S 0:0(0)\nlocal 2:1234\npeer 1:7000\n"
      "< R. 0:0(0) ack 1\nerror ECONNREFUSED\nlocal 2:1234\n"),
    C("bind to an address of ours", "open\nbind 2:99\nlocal 2:99\nconnect\n> S 0:0(0)\n"),
    C("bind to another's address", "open\nbind 3:99 -> EADDRNOTAVAIL\nlocal 0:0\n"),
    C("bind after connect", EST "bind 80 -> EINVAL\n"),
    C("an accepted connection has both names",
      "listen 5\n" SYN(1) ACK(1) "accept\nlocal 2:80\npeer 1:7001\n"),
    C("a port that bind() took stays after a refusal, one that connect() took does not",
      "open\nbind 1234\nconnect\n> S 0:0(0)\n< R. 0:0(0) ack 1\nerror ECONNREFUSED\ncount ports 1\n"
      "use 5\nopen\nbind 1234 -> EADDRINUSE\nconnect 5\n> [5] S 0:0(0)\ncount ports 2\n"
      "< [5] R. 0:0(0) ack 1\nerror ECONNREFUSED\ncount ports 1\nbind 4321\nlocal 0:4321\n"
      "use 6\nopen\nbind 4321 -> EADDRINUSE\n"),
    C("connect() from one port to two peers, and no third time to the first",
      "use 1\nopen\nopt reuseaddr 1\nbind 99\nconnect 1\n> [1] S 0:0(0)\n"
      "use 2\nopen\nopt reuseaddr 1\nbind 99\nconnect 2\n> [2] S 0:0(0)\n"
      "use 3\nopen\nopt reuseaddr 1\nbind 99\nuse 1\nlocal 2:99\nuse 2\nlocal 2:99\n"),

    /* ---- connect ---- */
    C("connect again clears the error of before",
      "connect\n> S 0:0(0)\n< R. 0:0(0) ack 1\nconnect\n> S 0:0(0)\nready \n"
      "< S. 0:0(0) ack 1 <mss 1000>\n> . 1:1(0) ack 1\nerror none\n"),
    C("RST, SYN and ACK in one segment refuse a connection; nothing else of it counts",
      "connect\n> S 0:0(0)\n< SR. 0:0(0) ack 1 <mss 1000>\nstate CLOSED\ndrop NONE\n"
      "error ECONNREFUSED\nnothing\n"),
    C("closed while it opened from both sides: FIN after the handshake (RFC 9293 3.10.4)",
      "connect\n> S 0:0(0)\n< S 0:0(0) win 30000 <mss 1000>\n> S. 0:0(0) ack 1\nshutdown wr\n"
      "state SYN_RECEIVED\nnothing\n< . 1:1(0) ack 1 win 30000\n"
      "> F. 1:1(0) ack 1\nstate FIN_WAIT_1\n< . 1:1(0) ack 2\nstate FIN_WAIT_2\n"),
    C("the first retransmission of data comes after an RTO, whatever TCP_USER_TIMEOUT",
      "open\nopt user_timeout_ms 60000\n" EST
      "write 10\n> P. 1:11(10)\n+0.2 > P. 1:11(10)\n+0.4 > P. 1:11(10)\n"),
    C("TCP_USER_TIMEOUT ends it on time, not at the next retransmission",
      "open\nopt user_timeout_ms 2000\n" EST
      "write 10\n> P. 1:11(10)\n+0.2 > P. 1:11(10)\n+0.4 > P. 1:11(10)\n+0.8 > P. 1:11(10)\n"
      "+0.79 state ESTABLISHED\n+0.02 state CLOSED\nerror ETIMEDOUT\n"),

    C("what is counted: opens, failures, resets, segments out of order and twice",
      EST "count active_opens 1 passive_opens 0 attempt_fails 0\n"
          "< . 11:21(10) ack 1\n> . 1:1(0) ack 1\n< . 1:11(10) ack 1\n> . 1:1(0) ack 21\n"
          "< . 1:11(10) ack 1\n> . 1:1(0) ack 21\ncount ooo_segs 1 dup_segs 1\n"
          "< R 21:21(0)\ncount resets_in 1 estab_resets 1 resets_out 0\n"
          "use 5\nconnect 5\n> [5] S 0:0(0)\n< [5] R. 0:0(0) ack 1\n"
          "count active_opens 2 attempt_fails 1 resets_in 2 estab_resets 1\n"
          "use 6\nlisten 5\n" SYN(1) ACK(1) "accept\ncount passive_opens 1\nabort\n"
                                            "> [1] R. 1:1(0) ack 1\ncount resets_out 1\n"),
    C("the segment size stays to be asked for: while connecting our own, after the end the last",
      "connect\n> S 0:0(0)\ncount mss 1460\n< S. 0:0(0) ack 1 win 65535 <mss 1000>\n"
      "> . 1:1(0) ack 1\ncount mss 1000\n< R 1:1(0)\nstate CLOSED\ncount mss 1000\n"),

    /* ---- what is told, and what is ready ---- */
    C("shutdown(WR) tells those who wait to write, once",
      EST "events OUT\nshutdown wr\n> F. 1:1(0)\nevents OUT\nshutdown wr\nevents none\n"),
    C("shutdown(WR) after shutdown(RD) hangs up",
      EST "events OUT\nshutdown rd\nevents IN,RDHUP\nshutdown wr\n> F. 1:1(0)\nevents OUT,HUP\n"
          "ready IN,OUT,RDHUP,HUP\n"),
    C("the FIN of the peer after ours hangs up",
      EST "shutdown wr\n> F. 1:1(0)\nevents OUT\n< F. 1:1(0) ack 2\n> . 2:2(0) ack 2\n"
          "events IN,OUT,RDHUP,HUP\nready IN,OUT,RDHUP,HUP\n"),
    C("the ACK of our FIN is told: a lingering close waits for it",
      EST "shutdown wr\n> F. 1:1(0)\nevents OUT\n< . 1:1(0) ack 2\nevents OUT\n"),
    C("a listener tells of each connection",
      "listen 5\n" SYN(1) "events none\n" ACK(1) "events IN\n" SYN(2)
          ACK(2) "events IN\n"
                 "accept\naccept\naccept -> EAGAIN\n"),
    C("what came before accept is ready, not news",
      "listen 5\n" SYN(1) ACK(1) "< [1] P. 1:11(10) ack 1\n> [1] . 1:1(0) ack 11\nevents IN\n"
                                 "accept\nevents none\nready IN,OUT\n"),
    C("a child that was reset while it waited keeps no port",
      "listen 5\n" SYN(1) ACK(1) "< [1] R 1:1(0)\naccept\nstate CLOSED\nunlisten\ncount ports 0\n"
                                 "count listener 0\n"),
    C("calls on a connection that is reset",
      EST "< R 1:1(0)\nwrite 1 -> ECONNRESET\nwrite 1 -> EPIPE\nread 1 -> EOF\n"
          "shutdown wr -> ENOTCONN\nshutdown rd -> ENOTCONN\noutq 0\ninq 0\n"),
    C("writing after shutdown(WR)", EST "shutdown wr\n> F. 1:1(0)\nwrite 1 -> EPIPE\n"),
    C("outq counts the FIN until it is acknowledged",
      EST "write 10\n> P. 1:11(10)\nshutdown wr\n> F. 11:11(0)\noutq 11\n"
          "< . 1:1(0) ack 11 win 65535\noutq 1\n< . 1:1(0) ack 12 win 65535\noutq 0\n"),

    /* ---- peek and urgent data ---- */
    C("peek takes nothing", EST "< P. 1:11(10) ack 1\n> . 1:1(0) ack 11\npeek 4 -> 4\n"
                                "peek 100 -> 10\nread 100 -> 10\npeek 1 -> EAGAIN\n"),
    C("urgent byte in the stream: a read stops before it, the next begins with it",
      EST "opt oobinline 1\n< PU. 1:11(10) ack 1 urg 5\n> . 1:1(0) ack 11\nevents OUT,IN,PRI\n"
          "inq 10\natmark 0\nread 100 -> 4\natmark 1\nready IN,OUT,PRI\noob -> EINVAL\n"
          "read 100 -> 6\natmark 0\nready OUT\n"),
    C("a lone urgent byte is nothing to read, but the next byte is",
      EST "< PU. 1:2(1) ack 1 urg 1\n> . 1:1(0) ack 2\nready OUT,PRI\ninq 0\noob -> 1\nready OUT\n"
          "< P. 2:3(1) ack 1\n> . 1:1(0) ack 3\nready IN,OUT\nread 5 -> 1\n"),
    C("a read that goes round the urgent byte leaves nothing of it (Linux)", EST
      "< PU. 1:2(1) ack 1 urg 1\n> . 1:1(0) ack 2\nread 1 -> EAGAIN\noob -> EINVAL\nready OUT\n"),
    C("an urgent pointer that goes back is ignored, one that goes on is news",
      EST "< PU. 1:11(10) ack 1 urg 5\n> . 1:1(0) ack 11\nevents OUT,IN,PRI\n"
          "< PU. 11:21(10) ack 1 urg 0\n> . 1:1(0) ack 21\nevents IN\n"
          "< PU. 21:31(10) ack 1 urg 3\n> . 1:1(0) ack 31\nevents IN,PRI\n"
          "inq 22\noob -> 1\n"),
    C("urgent data out of order: the byte is there as soon as it comes",
      EST "< PU. 11:21(10) ack 1 urg 2\n> . 1:1(0) ack 1\nevents OUT,PRI\noob -> 1\n"
          "< P. 1:11(10) ack 1\n> . 1:1(0) ack 21\nread 100 -> 11\nread 100 -> 8\n"),
    C("urgent data after shutdown(RD) is not told",
      EST "shutdown rd\nevents OUT,IN,RDHUP\n< PU. 1:11(10) ack 1 urg 5\n> . 1:1(0) ack 11\n"
          "events IN\noob -> EINVAL\n"),
};

TCP_CASES_MAIN("tcp: calls", cases)
