/* SPDX-License-Identifier: ISC */
/* Opening: RFC 9293 3.5, 3.10.7.2, 3.10.7.3; options of SYNs; what goes wrong. */
#include "tcp/tcpfix.h"

#define OPEN                                                                                       \
    "connect\n"                                                                                    \
    "> S 0:0(0) win 65535 <mss 1460,sackOK,TS 1 0,wscale 7>\n"

static const struct tcp_case cases[] = {
    /* RFC 9293 MUST-1, MUST-14, SHLD-5, MUST-65, MUST-44 */
    C("active open, all options",
      OPEN "state SYN_SENT\n"
           "ready \n"
           "write 10 -> EAGAIN\n"
           "+0.1 < S. 0:0(0) ack 1 win 30000 <mss 1460,sackOK,TS 700 last,wscale 7>\n"
           "> . 1:1(0) ack 1 win 8192 <TS 0 0>\n"
           "state ESTABLISHED\n"
           "events OUT\n"
           "ready OUT\n"
           "count mss 1448\n"
           "count srtt_ms 100\n"),
    C("timestamps are echoed",
      OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1460,sackOK,TS 700 last,wscale 7>\n"
           "> . 1:1(0) ack 1 <TS 1 700>\n"),
    /* RFC 9293 MUST-15 */
    C("peer without any option: MSS 536, nothing else (RFC 9293 3.7.1)",
      OPEN "< S. 0:0(0) ack 1 win 30000\n"
           "> . 1:1(0) ack 1 win 65535 <>\n"
           "count mss 536\n"),
    C("peer without timestamps", OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1460,sackOK,wscale 2>\n"
                                      "> . 1:1(0) ack 1 win 8192 <>\n"
                                      "count mss 1460\n"),
    C("peer without window scale: our window is not scaled either",
      OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1460,sackOK,TS 1 last>\n"
           "> . 1:1(0) ack 1 win 65535 <TS 1 1>\n"),
    /* RFC 9293 MUST-4, MUST-16 */
    C("peer's MSS is smaller", OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1000>\n"
                                    "> . 1:1(0) ack 1\n"
                                    "count mss 1000\n"
                                    "write 3000\n"
                                    "> . 1:1001(1000) ack 1\n"
                                    "> . 1001:2001(1000) ack 1\n"
                                    "> P. 2001:3001(1000) ack 1\n"),
    /* RFC 9293 MUST-16 */
    C("options of the segment count: 12 bytes less with timestamps, 12 less with a SACK block",
      OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1000,sackOK,TS 700 last,wscale 7>\n"
           "> . 1:1(0) ack 1\nwrite 988\n> P. 1:989(988) ack 1\n"
           "< . 1:1(0) ack 989 win 30000 <TS 701 last>\n"
           "< . 101:201(100) ack 989 win 30000 <TS 702 last>\n"
           "> . 989:989(0) ack 1 <TS 1 701,sack 101:201>\n"
           "write 1976\n> . 989:1965(976) ack 1 <TS 1 701,sack 101:201>\n"
           "> . 1965:2941(976) ack 1\n> P. 2941:2965(24) ack 1\n"),
    C("peer's MSS is absurd: held to 48", OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1>\n"
                                               "> . 1:1(0) ack 1\n"
                                               "count mss 48\n"),
    C("window scale 14 is the most: 15 counts as 14",
      OPEN "< S. 0:0(0) ack 1 win 30000 <mss 1460,wscale 15>\n"
           "> . 1:1(0) ack 1\ninfo snd_wscale 14\n"),
    /* RFC 9293 SHLD-5, SHLD-6, MUST-67 */
    C("small MTU",
      "connect\n"
      "> S 0:0(0) win 65535 <mss 536,sackOK,TS,wscale 7>\n"
      "< S. 0:0(0) ack 1 win 30000 <mss 1460>\n"
      "> . 1:1(0) ack 1\n"
      "count mss 536\n",
      .mtu = 576),
    /* RFC 9293 MUST-22 */
    C("SYN is sent again after 1, 3, 7, 15, 31, 63 s; ETIMEDOUT after 127 s",
      OPEN "+1 > S 0:0(0) <mss 1460,sackOK,TS,wscale 7>\n"
           "+2 > S 0:0(0)\n"
           "+4 > S 0:0(0)\n"
           "+8 > S 0:0(0)\n"
           "+16 > S 0:0(0)\n"
           "+32 > S 0:0(0)\n"
           "+63.9 state SYN_SENT\n"
           "+0.2 state CLOSED\n"
           "events IN,OUT,ERR,HUP,RDHUP\n"
           "ready IN,OUT,RDHUP,ERR,HUP\n"
           "error ETIMEDOUT\n"
           "read 1 -> EOF\n"
           "count ports 0\n"),
    /* RFC 9293 MUST-21 */
    C("TCP_SYNCNT 2", "open\n"
                      "opt syn_retries 2\n" OPEN "+1 > S 0:0(0)\n"
                      "+2 > S 0:0(0)\n"
                      "+4.1 state CLOSED\n"
                      "error ETIMEDOUT\n"),
    C("TCP_USER_TIMEOUT ends a handshake", "open\n"
                                           "opt user_timeout_ms 2500\n" OPEN "+1 > S 0:0(0)\n"
                                           "+1.4 state SYN_SENT\n"
                                           "+0.2 state CLOSED\n"
                                           "error ETIMEDOUT\n"),
    /* RFC 9293 MUST-18 */
    C("SYN-ACK after a retransmission: no RTT sample without timestamps (Karn), RTO 3 s (RFC 6298 "
      "5.7)",
      OPEN "+1 > S 0:0(0)\n"
           "+0.05 < S. 0:0(0) ack 1 win 30000 <mss 1460>\n"
           "> . 1:1(0) ack 1\n"
           "count srtt_ms 0\n"
           "count rto_ms 3000\n"),
    C("SYN-ACK after a retransmission: timestamps give a sample",
      OPEN "+1 > S 0:0(0)\n"
           "+0.05 < S. 0:0(0) ack 1 win 30000 <mss 1460,TS 1 last>\n"
           "> . 1:1(0) ack 1\n"
           "count srtt_ms 50\n"),
    /* RFC 9293 MUST-47 */
    C("RST+ACK that acknowledges the SYN: ECONNREFUSED", OPEN "< R. 0:0(0) ack 1\n"
                                                              "state CLOSED\n"
                                                              "events IN,OUT,ERR,HUP,RDHUP\n"
                                                              "write 1 -> ECONNREFUSED\n"
                                                              "write 1 -> EPIPE\n"
                                                              "read 1 -> EOF\n"
                                                              "count ports 0\n"),
    C("RST+ACK of something else: ignored", OPEN "< R. 0:0(0) ack 2\n"
                                                 "drop TCP_SYN_SENT_ACK\n"
                                                 "< R. 0:0(0) ack 0\n"
                                                 "drop TCP_SYN_SENT_ACK\n"
                                                 "state SYN_SENT\n"),
    C("RST without ACK: ignored", OPEN "< R 0:0(0)\n"
                                       "drop TCP_SYN_SENT_RST\n"
                                       "state SYN_SENT\n"),
    C("SYN-ACK with a wrong ACK: reset with that number, and the attempt goes on",
      OPEN "< S. 0:0(0) ack 77 <mss 1460>\n"
           "> R 77:77(0)\n"
           "drop TCP_SYN_SENT_ACK\n"
           "state SYN_SENT\n"
           "< S. 0:0(0) ack 1 <mss 1460>\n"
           "> . 1:1(0) ack 1\n"),
    C("ACK without SYN: ignored", OPEN "< . 0:0(0) ack 1\n"
                                       "drop TCP_SYN_SENT_FLAGS\n"
                                       "state SYN_SENT\n"),
    /* RFC 9293 MUST-10 */
    C("simultaneous open (RFC 9293 figure 8)",
      OPEN "< S 0:0(0) win 30000 <mss 1460,sackOK,TS 5 0,wscale 7>\n"
           "> S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS 1 5,wscale 7>\n"
           "state SYN_RECEIVED\n"
           "< S. 0:0(0) ack 1 win 30000 <mss 1460,sackOK,TS 6 last,wscale 7>\n"
           "state ESTABLISHED\n"
           "events OUT\n"
           "write 10\n"
           "> P. 1:11(10) ack 1\n"),
    C("simultaneous open ended by a bare ACK", OPEN "< S 0:0(0) win 30000 <mss 1460>\n"
                                                    "> S. 0:0(0) ack 1\n"
                                                    "< . 1:1(0) ack 1 win 30000\n"
                                                    "state ESTABLISHED\n"),
    /* RFC 9293 MUST-11 */
    C("simultaneous open, then RST: ECONNREFUSED", OPEN "< S 0:0(0) win 30000 <mss 1460>\n"
                                                        "> S. 0:0(0) ack 1\n"
                                                        "< R 1:1(0)\n"
                                                        "state CLOSED\n"
                                                        "error ECONNREFUSED\n"),
    C("simultaneous open: our SYN-ACK is sent again", OPEN "< S 0:0(0) win 30000 <mss 1460>\n"
                                                           "> S. 0:0(0) ack 1\n"
                                                           "+1 > S. 0:0(0) ack 1\n"),
    C("SYN-ACK with data: taken and acknowledged", OPEN "< S. 0:100(100) ack 1 <mss 1460>\n"
                                                        "> . 1:1(0) ack 101\n"
                                                        "read 100\n"),
    C("SYN-ACK with FIN", OPEN "< SF. 0:0(0) ack 1 <mss 1460>\n"
                               "> . 1:1(0) ack 2\n"
                               "state CLOSE_WAIT\n"
                               "read 1 -> EOF\n"),
    C("the SYN-ACK comes again because our ACK was lost: acknowledged again",
      OPEN "< S. 0:0(0) ack 1 <mss 1460>\n"
           "> . 1:1(0) ack 1\n"
           "+1 < S. 0:0(0) ack 1 <mss 1460>\n"
           "> . 1:1(0) ack 1\n"
           "state ESTABLISHED\n"),
    C("close in SYN-SENT: silence, and the SYN-ACK gets a reset",
      OPEN "close\n"
           "count tcb 0\n"
           "count ports 0\n"
           "< S. 0:0(0) ack 1 <mss 1460>\n"
           "> R 1:1(0)\n"
           "drop TCP_NO_CONN\n"),
    C("shutdown in SYN-SENT calls the attempt off", OPEN "shutdown wr\n"
                                                         "state CLOSED\n"),
    C("connect again after a refusal: a new connection",
      OPEN "< R. 0:0(0) ack 1\n"
           "error ECONNREFUSED\n"
           "connect\n"
           "> S 0:0(0) <mss 1460,sackOK,TS,wscale 7>\n"
           "< S. 0:0(0) ack 1 <mss 1460>\n"
           "> . 1:1(0) ack 1\n"
           "write 5\n"
           "> P. 1:6(5) ack 1\n"),
    C("connect twice: EALREADY, EISCONN", OPEN "connect -> EALREADY\n"
                                               "< S. 0:0(0) ack 1 <mss 1460>\n"
                                               "> . 1:1(0) ack 1\n"
                                               "connect -> EISCONN\n"),
    /* RFC 9293 MUST-54 */
    C("ICMP unreachable about our SYN ends the attempt (Linux)", OPEN "icmp EHOSTUNREACH seq 0\n"
                                                                      "state CLOSED\n"
                                                                      "error EHOSTUNREACH\n"),
    C("ICMP about a SYN that we did not send: ignored (RFC 5927)",
      OPEN "icmp ECONNREFUSED seq 5000 hard\n"
           "state SYN_SENT\n"),
    C("sequence numbers wrap in the handshake",
      "iss 4294967295\n"
      "peer_iss 4294967295\n" OPEN "< S. 0:0(0) ack 1 <mss 1460>\n"
      "> . 1:1(0) ack 1\n"
      "write 10\n"
      "> P. 1:11(10) ack 1\n"
      "< P. 1:11(10) ack 11\n"
      "> . 11:11(0) ack 11\n"
      "read 10\n"),
    C("TCP_MAXSEG limits what we announce and send", "open\n"
                                                     "opt maxseg 500\n"
                                                     "connect\n"
                                                     "> S 0:0(0) <mss 500,sackOK,TS,wscale 7>\n"
                                                     "< S. 0:0(0) ack 1 <mss 1460>\n"
                                                     "> . 1:1(0) ack 1\n"
                                                     "count mss 500\n"),
    C("a small SO_RCVBUF needs no scale", "open\n"
                                          "opt rcvbuf 20000\n"
                                          "connect\n"
                                          "> S 0:0(0) win 20000 <mss 1460,sackOK,TS,wscale 0>\n"),
    /* RFC 9293 SHLD-8 */
    C("ECN is asked for, granted (RFC 3168 6.1.1)", "open\n"
                                                    "opt ecn 1\n"
                                                    "connect\n"
                                                    "> SEW 0:0(0)\n"
                                                    "< SE. 0:0(0) ack 1 <mss 1460>\n"
                                                    "> . 1:1(0) ack 1\n"
                                                    "write 10\n"
                                                    "> P. 1:11(10) ack 1 ect\n"),
    C("ECN is not granted", "open\n"
                            "opt ecn 1\n"
                            "connect\n"
                            "> SEW 0:0(0)\n"
                            "< S. 0:0(0) ack 1 <mss 1460>\n"
                            "> . 1:1(0) ack 1\n"
                            "write 10\n"
                            "> P. 1:11(10) ack 1\n"),
    C("a SYN with ECN that got lost is sent again without (RFC 3168 6.1.1.1)", "open\n"
                                                                               "opt ecn 1\n"
                                                                               "connect\n"
                                                                               "> SEW 0:0(0)\n"
                                                                               "+1 > S 0:0(0)\n"),
    /* RFC 9293 MUST-43 */
    C("bound twice: EINVAL; bind, then connect from there", "open\n"
                                                            "bind 9999\n"
                                                            "bind 9998 -> EINVAL\n"
                                                            "connect\n"
                                                            "> S 0:0(0)\n"
                                                            "count ports 1\n"),
};

TCP_CASES_MAIN("tcp: opening", cases)
