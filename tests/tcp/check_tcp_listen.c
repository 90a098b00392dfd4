/* SPDX-License-Identifier: ISC */
/* Listeners: SYN-RECEIVED, queues and their limits, cookies, deferred accept, ports. */
#include "tcp/tcpfix.h"

#define L(n) "listen " #n "\n"
/* A handshake from peer port 7000 + n. */
#define SYN(n)                                                                                     \
    "< [" #n "] S 0:0(0) win 65535 <mss 1000>\n"                                                   \
    "> [" #n "] S. 0:0(0) ack 1 win 65535 <mss 1460>\n"
#define ACK(n) "< [" #n "] . 1:1(0) ack 1 win 65535\n"

static const struct tcp_case cases[] = {
    /* RFC 9293 MUST-41, MUST-45 */
    C("handshake, accept, data both ways",
      L(5) SYN(1) "count syn 1\nuse 0\naccept -> EAGAIN\n" ACK(
          1) "count acceptq 1\naccept\nstate ESTABLISHED\ncount syn 0\n"
             "< [1] P. 1:11(10) ack 1\n> [1] . 1:1(0) ack 11\nread 10\nwrite 10\n> [1] P. 1:11(10) "
             "ack 11\n"),
    /* RFC 9293 MUST-14 */
    C("options: what the SYN offers and no more",
      L(5) "< S 0:0(0) win 1000 <mss 1460,sackOK,TS 7 0,wscale 3>\n"
           "> S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 1 7,wscale 7>\n"),
    C("options: none offered",
      L(5) "< S 0:0(0) win 1000\n> S. 0:0(0) ack 1 win 65535 <mss 1460>\n"),
    C("SYN-ACK is sent again after 1, 3, 7, 15, 31 s; then the child goes",
      L(5) SYN(1) "+1 > [1] S. 0:0(0) ack 1\n+2 > [1] S. 0:0(0) ack 1\n+4 > [1] S. 0:0(0) ack 1\n"
                  "+8 > [1] S. 0:0(0) ack 1\n+16 > [1] S. 0:0(0) ack 1\n+31.9 count tcb 1\n+0.2 "
                  "count tcb 0\ncount syn 0\n"),
    C("the SYN again: SYN-ACK again", L(5) SYN(1) "+0.5 " SYN(1) "count tcb 1\n"),
    C("data on the third segment", L(5) SYN(1) "< [1] P. 1:101(100) ack 1\n> [1] . 1:1(0) ack 101\n"
                                               "accept\nread 100\n"),
    C("data and FIN on the third segment",
      L(5) SYN(1) "< [1] FP. 1:101(100) ack 1\n> [1] . 1:1(0) ack 102\n"
                  "accept\nstate CLOSE_WAIT\nread 1000 -> 100\nread 1 -> EOF\n"),
    C("data before the ACK was lost: out of order in SYN-RECEIVED, with its ACK",
      L(5) SYN(1) "< [1] P. 101:201(100) ack 1\n> [1] . 1:1(0) ack 1\naccept\nstate "
                  "ESTABLISHED\ninq 0\n"),
    C("SYN with data: the data is not taken; it comes again",
      L(5) "< S 0:100(100) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\n< P. 1:101(100) ack 1\n> . "
           "1:1(0) ack 101\n"),
    C("SYN with FIN is dropped",
      L(5) "< SF 0:0(0) win 1000\nnothing\ndrop TCP_LISTEN_FLAGS\ncount tcb 0\n"),
    C("SYN with RST is dropped", L(5) "< SR 0:0(0) win 1000\nnothing\ndrop TCP_LISTEN_FLAGS\n"),
    C("ACK to a listener: RST (RFC 9293 3.10.7.2)",
      L(5) "< abs . 100:100(0) ack 777\n> abs R 777:777(0)\n"),
    C("SYN-ACK to a listener: RST", L(5) "< abs S. 100:100(0) ack 777\n> abs R 777:777(0)\n"),
    C("RST, FIN, nothing to a listener: nothing",
      L(5) "< abs R 100:100(0)\nnothing\n< abs F 100:100(0)\nnothing\n"
           "< abs - 100:100(0)\nnothing\ncount tcb 0\n"),
    /* RFC 9293 MUST-11 */
    C("RST in SYN-RECEIVED: back to LISTEN",
      L(5) SYN(1) "< [1] R 1:1(0)\ncount tcb 0\ncount syn 0\n" SYN(1)),
    C("RST in SYN-RECEIVED not exact: challenge",
      L(5) SYN(1) "< [1] R 50:50(0)\n> [1] . 1:1(0) ack 1\ncount tcb 1\n"),
    C("a wrong ACK in SYN-RECEIVED: RST with that number",
      L(5) SYN(1) "< [1] . 1:1(0) ack 50\n> [1] R 50:50(0)\n"
                  "drop TCP_ACK_SYN_RCVD\ncount tcb 1\n" ACK(1) "accept\n"),
    C("FIN in SYN-RECEIVED with the ACK",
      L(5) SYN(1) "< [1] F. 1:1(0) ack 1\n> [1] . 1:1(0) ack 2\naccept\nstate CLOSE_WAIT\n"),
    C("a child reset while it waits is accepted, reset",
      L(5) SYN(1) ACK(1) "< [1] R 1:1(0)\ncount acceptq 1\naccept\nstate CLOSED\nread 1 -> "
                         "ECONNRESET\nclose\ncount tcb 0\n"),
    C("backlog 1: two wait, the third SYN is dropped (Linux)",
      L(1) SYN(1) ACK(1) SYN(2)
          ACK(2) "count acceptq 2\n"
                 "< [3] S 0:0(0) win 1000\nnothing\ndrop TCP_ACCEPT_QUEUE\ncount overflows 1\n"
                 "accept\n" SYN(3)),
    C("backlog 0: one", L(0) SYN(1) ACK(1) "< [2] S 0:0(0) win 1000\nnothing\n"),
    C("listen again changes the backlog",
      L(0) SYN(1) ACK(1) "< [2] S 0:0(0) win 1000\nnothing\nlisten 5\n" SYN(2)),
    C("the accept queue fills while a handshake is under way: its ACK is ignored, the SYN-ACK "
      "comes again",
      L(0) SYN(1) SYN(2) ACK(1) ACK(2) "drop TCP_ACCEPT_QUEUE\ncount acceptq 1\n"
                                       "accept\n"
                                       "+1 > [2] S. 0:0(0) ack 1\n" ACK(
                                           2) "count acceptq 1\naccept\nstate ESTABLISHED\n"),
    C("SYN queue full: cookies, and the ACK of one makes a connection (RFC 4987 3.6)",
      L(8) SYN(1) SYN(2) SYN(3) SYN(4) SYN(5) SYN(6) SYN(7)
          SYN(8) "< [9] S 0:0(0) win 1000 <mss 1400>\n> [9] S. 0:0(0) ack 1 win 65535 <mss 1460>\n"
                 "drop TCP_SYN_QUEUE\ncount tcb 8\ncount cookies 1\n"
                 "< [9] P. 1:11(10) ack 1\n> [9] . 1:1(0) ack 11\ncount cookies_ok 1\n"
                 "accept\ncount mss 1400\nread 10\n"),
    C("a made-up cookie: RST",
      L(8) SYN(1) SYN(2) SYN(3) SYN(4) SYN(5) SYN(6) SYN(7)
          SYN(8) "< [9] S 0:0(0) win 1000 <mss 1400>\n> [9] S. 0:0(0) ack 1\n"
                 "< [9] . 1:1(0) ack 2\n> [9] R 2:2(0)\ncount tcb 8\n"
                 "< [10] abs . 5:5(0) ack 1234567\n> [10] abs R 1234567:1234567(0)\n"),
    C("cookies are not believed when none were sent",
      L(8) "< abs . 5:5(0) ack 1234567\n> abs R 1234567:1234567(0)\ncount cookies_ok 0\n"),
    C("TCP_DEFER_ACCEPT: nobody is told before there is data",
      L(5) "opt defer_accept 4\n" SYN(1) ACK(
          1) "count acceptq 0\n+3 nothing\n"
             "< [1] P. 1:11(10) ack 1\n> [1] . 1:1(0) ack 11\ncount acceptq 1\naccept\nread 10\n"),
    C("TCP_DEFER_ACCEPT: or a FIN",
      L(5) "opt defer_accept 4\n" SYN(1) ACK(1) "< [1] F. 1:1(0) ack 1\n> [1] . 1:1(0) ack 2\n"
                                                "accept\nstate CLOSE_WAIT\n"),
    C("TCP_DEFER_ACCEPT: after its time (four timeouts: 15 s) the SYN-ACK asks again, and the ACK "
      "is taken",
      L(5) "opt defer_accept 4\n" SYN(1)
          ACK(1) "+14.9 nothing\n+0.1 > [1] S. 0:0(0) ack 1\n" ACK(1) "count acceptq 1\naccept\n"),
    C("TCP_DEFER_ACCEPT: never acknowledged again: given up as any other",
      L(5) "opt defer_accept 4\n" SYN(1)
          ACK(1) "+15 > [1] S. 0:0(0) ack 1\n+16 > [1] S. 0:0(0) ack 1\n+32.1 count tcb 0\n"),
    C("TCP_DEFER_ACCEPT: waits longer than the SYN-ACK would be sent",
      L(5) "opt defer_accept 7\n" SYN(1)
          ACK(1) "+126.9 nothing\n+0.1 > [1] S. 0:0(0) ack 1\n" ACK(1) "count acceptq 1\n"),
    C("TCP_DEFER_ACCEPT: no ACK: the SYN-ACK is sent again as ever",
      L(5) "opt defer_accept 4\n" SYN(1) "+1 > [1] S. 0:0(0) ack 1\n+2 > [1] S. 0:0(0) ack 1\n" ACK(
          1) "+4 nothing\n+8 > [1] "
             "S. 0:0(0) ack 1\n"),
    C("the SYN again, when the SYN-ACK was about to be sent again: one answer",
      L(5) SYN(1) "+0.9999 " SYN(1) "+0.9 nothing\n+0.1 > [1] S. 0:0(0) ack 1\n"),
    C("closing the listener resets who was not accepted, and forgets half-open ones",
      L(5) SYN(1) ACK(1)
          SYN(2) "unlisten\n> [1] R. 1:1(0) ack 1\ncount tcb 0\ncount listener 0\ncount ports 0\n"),
    /* RFC 9293 MUST-41 */
    C("connections live on after the listener; the port is theirs until the end",
      L(5) SYN(1)
          ACK(1) "accept\nunlisten\ncount ports 1\ncount listener 1\n"
                 "write 3\n> [1] P. 1:4(3) ack 1\n< [1] . 1:1(0) ack 4\n"
                 "use 5\nopen\nbind 80 -> EADDRINUSE\nuse 1\n"
                 "close\n> [1] F. 4:4(0) ack 1\n< [1] F. 1:1(0) ack 5\n> [1] . 5:5(0) ack 2\n"
                 "count tw 1\ncount ports 1\nuse 5\nbind 80 -> EADDRINUSE\n"
                 "run 61\ncount tw 0\ncount ports 0\nbind 80\n"),
    C("bind() with SO_REUSEADDR over the connections of an old listener",
      "open\nopt reuseaddr 1\nbind 80\nlisten 5\n" SYN(1)
          ACK(1) "accept\nunlisten\n"
                 "use 5\nopen\nbind 80 -> EADDRINUSE\nopt reuseaddr 1\nbind 80\nlisten 5\n" SYN(2)),
    C("two sockets with SO_REUSEADDR on one port, the second cannot listen",
      "use 5\nopen\nopt reuseaddr 1\nbind 80\nuse 6\nopen\nopt reuseaddr 1\nbind 80\n"
      "use 5\nlisten 5\nuse 6\nlisten 5 -> EADDRINUSE\nuse 5\n" SYN(1) ACK(1) "accept\n"),
    C("the window of the SYN is the largest yet: no segment of more than half",
      L(5) "< S 0:0(0) win 1200 <mss 1000>\n> S. 0:0(0) ack 1\n< . 1:1(0) ack 1 win 1200\n"
           "accept\nwrite 1200\n> . 1:601(600)\n> P. 601:1201(600)\n"),
    /* RFC 9293 MUST-42 */
    C("listening on the port of a connection in SYN-SENT: both go on",
      "use 1\nopen\nopt reuseaddr 1\nbind 80\nconnect 1\n> [1] S 0:0(0)\n"
      "use 5\nopen\nopt reuseaddr 1\nbind 80\nlisten 5\n" SYN(2) ACK(
          2) "accept\n"
             "state ESTABLISHED\n< [1] S. 0:0(0) ack 1 win 65535 <mss 1000>\n> [1] . 1:1(0) ack 1\n"
             "use 1\nstate ESTABLISHED\n"),
    /* RFC 9293 MUST-42 */
    C("listening on the port of a connection in SYN-RECEIVED",
      "use 1\nopen\nopt reuseaddr 1\nbind 80\nconnect 1\n> [1] S 0:0(0)\n"
      "< [1] S 0:0(0) win 65535 <mss 1000>\n> [1] S. 0:0(0) ack 1\nstate SYN_RECEIVED\n"
      "use 5\nopen\nopt reuseaddr 1\nbind 80\nlisten 5\n" SYN(2)
          ACK(2) "accept\n"
                 "< [1] . 1:1(0) ack 1 win 65535\nuse 1\nstate ESTABLISHED\n"),
    C("two listeners on one port: EADDRINUSE", L(5) "use 5\nopen\nbind 80 -> EADDRINUSE\n"),
    C("ICMP unreachable about our SYN-ACK ends the child",
      L(5) "< S 0:0(0) win 1000\n> S. 0:0(0) ack 1\n"
           "icmp EHOSTUNREACH seq 0\ncount tcb 0\n"),
    C("ECN granted by a listener",
      L(5) "opt ecn 1\n< SEW 0:0(0) win 1000 <mss 1000>\n> SE. 0:0(0) ack 1\n"),
    C("ECN not granted by default", L(5) "< SEW 0:0(0) win 1000 <mss 1000>\n> S. 0:0(0) ack 1\n"),
    C("sequence numbers wrap in SYN-RECEIVED",
      "iss 4294967295\npeer_iss 4294967295\n" L(5)
          SYN(1) "< [1] P. 1:11(10) ack 1\n> [1] . 1:1(0) ack 11\naccept\nread 10\n"),
    C("MSS of the child's path counts",
      L(5) "< S 0:0(0) win 65535 <mss 9000>\n> S. 0:0(0) ack 1\n" ACK(
          0) "accept\ncount mss 1460\n"),
};

TCP_CASES_MAIN("tcp: listening", cases)
