/* SPDX-License-Identifier: ISC */
/* TCP_INFO: every field, in Linux's units. The round trip takes 100 ms. */
#include "tcp/tcpfix.h"

#define EST                                                                                        \
    "connect\n> S 0:0(0)\n"                                                                        \
    "+0.1 < S. 0:0(0) ack 1 win 10000 <mss 1000,sackOK,wscale 2>\n"                                \
    "> . 1:1(0) ack 1\n"
#define THREE "write 2500\n> . 1:1001(1000)\n> . 1001:2001(1000)\n> P. 2001:2501(500)\n"

static const struct tcp_case cases[] = {
    C("a handshake",
      EST "info state 1 ca_state 0 retransmits 0 probes 0 backoff 0\n"
          "info options 6 snd_wscale 2 rcv_wscale 7\n" /* SACK, window scale */
          "info rto_us 300000 ato_us 40000 snd_mss 1000 rcv_mss 536\n"
          "info unacked 0 sacked 0 lost 0 retrans 0 pmtu 1500 advmss 1460 reordering 3\n"
          "info rtt_us 100000 rttvar_us 200000 min_rtt_us 100000\n"
          "info snd_ssthresh 2147483647 snd_cwnd 10 snd_wnd 10000 rcv_wnd 1048576\n"
          "info rcv_ssthresh 1048576 rcv_space 65535 rcv_rtt_us 0\n"
          "info total_retrans 0 notsent_bytes 0 bytes_acked 1 bytes_sent 0 bytes_retrans 0\n"
          "info bytes_received 0 segs_out 2 segs_in 1 data_segs_in 0 data_segs_out 0\n"
          "info delivered 0 dsack_dups 0 reord_seen 0 rcv_ooopack 0\n"
          "info busy_time_us 0 rwnd_limited_us 0 sndbuf_limited_us 0\n"
          "info pacing_rate 18446744073709551615 max_pacing_rate 18446744073709551615\n"),
    C("before the handshake", "open\ninfo state 7 snd_cwnd 0 snd_mss 536 rto_us 1000000\n"
                              "info rtt_us 0 min_rtt_us 0 unacked 0\nopt maxseg 700\n"
                              "info snd_mss 700\nconnect\n> S 0:0(0)\n"
                              "info state 2 options 0 unacked 1\n"
                              "+1 > S 0:0(0)\ninfo retransmits 1 backoff 1 total_retrans 1\n"
                              "info retrans 1 rto_us 2000000 segs_out 2\n"),
    C("all options, and ECN",
      "open\nopt ecn 1\nconnect\n> SEW 0:0(0)\n"
      "+0.1 < SE. 0:0(0) ack 1 win 40000 <mss 1000,TS 1 last,sackOK,wscale 2>\n"
      "> . 1:1(0) ack 1\ninfo options 15 snd_mss 988\n"),
    C("timestamps alone", "connect\n> S 0:0(0)\n< S. 0:0(0) ack 1 win 40000 <mss 1000,TS 1 last>\n"
                          "> . 1:1(0) ack 1\ninfo options 1 snd_wscale 0 rcv_wscale 0\n"),
    C("a flight, acknowledged in parts", EST THREE
      "info unacked 3 notsent_bytes 0 bytes_sent 2500 segs_out 5 data_segs_out 3\n"
      "+0.05 info last_data_sent_ms 50 last_ack_recv_ms 50 last_data_recv_ms 0\n"
      "+0.05 < . 1:1(0) ack 1001 win 9000\n"
      "info unacked 2 bytes_acked 1001 delivered 1 snd_wnd 36000 segs_in 2 busy_time_us 100000\n"
      "info delivery_rate 10000 last_ack_recv_ms 0\n"
      "+0.1 < . 1:1(0) ack 2501 win 9000\ninfo unacked 0 bytes_acked 2501 delivered 2\n"
      "+0.1 info busy_time_us 200000 rtt_us 112500 min_rtt_us 100000\n"),
    C("loss and recovery",
      EST "write 5000\n> . 1:1001(1000)\n> . 1001:2001(1000)\n> . 2001:3001(1000)\n"
          "> . 3001:4001(1000)\n> P. 4001:5001(1000)\n"
          "+0.1 < . 1:1(0) ack 1 win 10000 <sack 1001:3001>\n"
          "info sacked 2 ca_state 1 lost 0\n"
          "< . 1:1(0) ack 1 win 10000 <sack 1001:4001>\n> . 1:1001(1000)\n"
          "info sacked 3 lost 1 retrans 1 total_retrans 1 bytes_retrans 1000 ca_state 3\n"
          "info unacked 5 snd_ssthresh 5 retransmits 0 data_segs_out 6 bytes_sent 6000\n"
          "+0.1 < . 1:1(0) ack 5001 win 10000\n"
          "info sacked 0 lost 0 retrans 0 ca_state 0 snd_cwnd 5 total_retrans 1\n"
          "< . 1:1(0) ack 5001 win 10000 <sack 1:1001>\ninfo dsack_dups 1\n"),
    C("retransmission timeouts", EST "write 100\n> P. 1:101(100)\n+0.3 > P. 1:101(100)\n"
                                     "+0.6 > P. 1:101(100)\n"
                                     "info retransmits 2 backoff 2 rto_us 1200000 ca_state 4\n"
                                     "info lost 1 retrans 1 total_retrans 2 bytes_retrans 200\n"
                                     "info snd_cwnd 1 snd_ssthresh 5\n"
                                     "< . 1:1(0) ack 101 win 10000\ninfo retransmits 0\n"),
    C("receiving", EST "< . 1:1001(1000) ack 1\n> . 1:1(0) ack 1001\n"
                       "info bytes_received 1000 data_segs_in 1 rcv_mss 1000 segs_in 2 segs_out 3\n"
                       "+0.02 info last_data_recv_ms 20 last_data_sent_ms 20\n"
                       "< . 2001:3001(1000) ack 1\n> . 1:1(0) ack 1001 <sack 2001:3001>\n"
                       "info rcv_ooopack 1 bytes_received 1000 data_segs_in 2\n"
                       "< . 1001:2001(1000) ack 1\n> . 1:1(0) ack 3001\n"
                       "info bytes_received 3000 data_segs_in 3\n"
                       "< . 3001:6001(3000) ack 1 gso 1000\n> . 1:1(0) ack 6001\n"
                       "info data_segs_in 6 segs_in 7 bytes_received 6000\n"),
    C("the peer's window holds us back",
      "connect\n> S 0:0(0)\n+0.1 < S. 0:0(0) ack 1 win 1000 <mss 1000>\n> . 1:1(0) ack 1\n"
      "write 1500\n> . 1:501(500)\n> . 501:1001(500)\ninfo notsent_bytes 500 unacked 1\n"
      "+0.1 < . 1:1(0) ack 1001 win 0\n"
      "+0.3 > . 1000:1000(0) ack 1\n"
      "+0.1 info probes 1 rwnd_limited_us 500000 busy_time_us 500000\n"
      "< . 1:1(0) ack 1001 win 1000\n> P. 1001:1501(500)\ninfo probes 0\n"
      "+0.1 < . 1:1(0) ack 1501 win 1000\n"
      "info rwnd_limited_us 500000 busy_time_us 600000 sndbuf_limited_us 0\n"),
    C("the send buffer holds us back",
      "open\nopt sndbuf 2000\n" EST "write 3000 -> 2000\n> . 1:1001(1000)\n> P. 1001:2001(1000)\n"
      "write 1 -> EAGAIN\n+0.1 < . 1:1(0) ack 1001 win 10000\n"
      "+0.1 < . 1:1(0) ack 2001 win 10000\n"
      "info rwnd_limited_us 0 busy_time_us 200000\n"),
    C("a FIN is no data, and one sent counts as time of sending only with data",
      EST "+0.05 write 10\n> P. 1:11(10)\n+0.05 info last_data_sent_ms 50\n"
          "< F. 1:1(0) ack 11 win 10000\n> . 11:11(0) ack 2\n"
          "info data_segs_in 0 segs_in 2 last_data_sent_ms 50\n"
          "shutdown wr\n> F. 11:11(0)\ninfo last_data_sent_ms 50 data_segs_out 1\n"),
    C("keepalive probes are counted",
      EST "opt keepalive 10 2 5\n+10 > . 0:0(0) ack 1\n+2 > . 0:0(0) ack 1\ninfo probes 2\n"),
    C("super-frames count as their pieces",
      EST "write 4000\n> P. 1:4001(4000) gso 1000\ninfo data_segs_out 4 segs_out 6\n"
          "+0.1 < . 1:1(0) ack 4001 win 10000\n"
          "write 4500\n> P. 4001:8501(4500) gso 1000\ninfo data_segs_out 9 segs_out 11\n",
      .features = LINK_F_TSO4, .gso_max = 65535),
    C("reordering is seen", EST THREE "+0.1 < . 1:1(0) ack 1 win 10000 <sack 1001:2001>\n"
                                      "+0.01 < . 1:1(0) ack 2001 win 10000\ninfo reord_seen 1\n"),
};

TCP_CASES_MAIN("tcp: TCP_INFO", cases)
