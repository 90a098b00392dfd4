/* SPDX-License-Identifier: ISC */
/* SYN cookies (RFC 4987 3.6): what they keep of the options, how long they are good for, what a flood costs. */
#include "tcp/tcpfix.h"

#define SYN(n)                                                                                     \
    "< [" #n "] S 0:0(0) win 65535 <mss 1000>\n"                                                   \
    "> [" #n "] S. 0:0(0) ack 1 win 65535 <mss 1460>\n"
/* A listener with a full SYN queue. */
#define FULL "listen 8\n" SYN(1) SYN(2) SYN(3) SYN(4) SYN(5) SYN(6) SYN(7) SYN(8)
#define NO_STATE "drop TCP_SYN_QUEUE\ncount tcb 8\n"
#define ALL_OPTIONS                                                                                \
    "< [9] S 0:0(0) win 1000 <mss 1400,sackOK,TS 700 0,wscale 3>\n"                                \
    "> [9] S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 1 700,wscale 7>\n"

static const struct tcp_case cases[] = {
    C("window scale, SACK and timestamps come back with the ACK",
      FULL ALL_OPTIONS NO_STATE "< [9] . 1:1(0) ack 1 win 1000 <TS 701 last>\n"
                                "count cookies_ok 1\naccept\nstate ESTABLISHED\n"
                                "count snd_wnd 8000\ncount mss 1388\n"
                                "< [9] . 101:201(100) ack 1 win 1000 <TS 702 last>\n"
                                "> [9] . 1:1(0) ack 1 win 8192 <TS 1 701,sack 101:201>\n"),
    C("scaled by 2^14",
      FULL "< [9] S 0:0(0) win 1000 <mss 1400,TS 700 0,wscale 14>\n"
           "> [9] S. 0:0(0) ack 1 win 65535 <mss 1460,TS 1 700,wscale 7>\n" NO_STATE
           "< [9] . 1:1(0) ack 1 win 10 <TS 701 last>\naccept\ncount snd_wnd 163840\n"),
    C("scaled by 2^0 is not unscaled: our own shift is in force",
      FULL "< [9] S 0:0(0) win 1000 <mss 1400,TS 700 0,wscale 0>\n"
           "> [9] S. 0:0(0) ack 1 win 65535 <mss 1460,TS 1 700,wscale 7>\n" NO_STATE
           "< [9] P. 1:11(10) ack 1 win 1000 <TS 701 last>\n"
           "> [9] . 1:1(0) ack 11 win 8191 <TS 1 701>\naccept\ncount snd_wnd 1000\n"),
    C("no window scale, no SACK offered: none taken",
      FULL "< [9] S 0:0(0) win 1000 <mss 1400,TS 700 0>\n"
           "> [9] S. 0:0(0) ack 1 win 65535 <mss 1460,TS 1 700>\n" NO_STATE
           "< [9] . 1:1(0) ack 1 win 1000 <TS 701 last>\naccept\ncount snd_wnd 1000\n"
           "< [9] . 101:201(100) ack 1 win 1000 <TS 702 last>\n"
           "> [9] . 1:1(0) ack 1 win 65535 <TS 1 701>\n"),
    C("without timestamps only the MSS is kept, and nothing else is granted",
      FULL "< [9] S 0:0(0) win 1000 <mss 1400,sackOK,wscale 3>\n"
           "> [9] S. 0:0(0) ack 1 win 65535 <mss 1460>\n" NO_STATE
           "< [9] . 1:1(0) ack 1 win 1000\naccept\ncount snd_wnd 1000\ncount mss 1400\n"),
    C("ECN", "listen 8\nopt ecn 1\n" SYN(1) SYN(2) SYN(3) SYN(4) SYN(5) SYN(6) SYN(7)
                 SYN(8) "< [9] SEW 0:0(0) win 1000 <mss 1400,TS 700 0>\n"
                        "> [9] SE. 0:0(0) ack 1 win 65535 <mss 1460,TS 1 700>\n" NO_STATE
                        "< [9] . 1:1(0) ack 1 win 60000 <TS 701 last>\naccept\n"
                        "write 10\n> [9] P. 1:11(10) ack 1 ect\n"),
    C("the listener's window and MSS are in it",
      "listen 8\nopt maxseg 900\nopt rcvbuf 5000\n< [1] S 0:0(0) win 1000\n"
      "> [1] S. 0:0(0) ack 1 win 5000 <mss 900>\n"
      "flood 8\n< [9] S 0:0(0) win 1000\n> [9] S. 0:0(0) ack 1 win 5000 <mss 900>\n"),
    C("good for two minutes",
      FULL ALL_OPTIONS "run 119\n< [9] . 1:1(0) ack 1 win 1000 <TS 701 last>\n"
                       "count cookies_ok 1\naccept\ncount snd_wnd 8000\n"),
    C("not for three", FULL ALL_OPTIONS "run 180\n< [9] . 1:1(0) ack 1 win 1000 <TS 701 last>\n"
                                        "> [9] R 1:1(0)\ncount cookies_ok 0\n"),
    C("another's cookie is nothing: it is bound to the ports",
      FULL ALL_OPTIONS "< [10] S 0:0(0) win 1000\n> [10] S. 0:0(0) ack 1\n"
                       "< [10] . 1:1(0) ack 2\n> [10] R 2:2(0)\ncount cookies_ok 0\n"),
    C("100,000 SYNs: what is kept is bounded, who was there stays, who is honest gets in with all "
      "options",
      "listen 8\n" SYN(1) "< [1] . 1:1(0) ack 1 win 65535\naccept\n"
                          "flood 100000\ncount tcb 9\ncount syn 8\n" ALL_OPTIONS "count tcb 9\n"
                          "flood 1000\ncount tcb 9\n"
                          "< [9] P. 1:11(10) ack 1 win 1000 <TS 701 last>\n"
                          "> [9] . 1:1(0) ack 11 win 8191 <TS 1 701>\n"
                          "count cookies_ok 1\naccept\ncount snd_wnd 8000\nread 10\n"
                          "< [9] . 111:211(100) ack 1 win 1000 <TS 702 last>\n"
                          "> [9] . 1:1(0) ack 11 <TS 1 701,sack 111:211>\n"
                          "use 1\nwrite 10\n> [1] P. 1:11(10) ack 1\n< [1] . 1:1(0) ack 11\n"
                          "run 70\ncount syn 0\ncount tcb 2\n"),
};

TCP_CASES_MAIN("tcp cookie", cases)
