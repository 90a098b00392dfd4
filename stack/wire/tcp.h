/* SPDX-License-Identifier: ISC */
/*
 * TCP header and all options (RFC 9293 3.1, 3.2; RFC 7323; RFC 2018; RFC 7413; RFC 3168 flags).
 */
#ifndef UST_WIRE_TCP_H
#define UST_WIRE_TCP_H

#include "base/csum.h"
#include "base/drop.h"

#define TCP_HDR_LEN 20
#define TCP_HDR_MAX 60
#define TCP_CSUM_OFF 16
#define TCP_SACK_MAX 4
#define TCP_FO_COOKIE_MAX 16

enum tcp_flag {
    TCPF_FIN = 0x01,
    TCPF_SYN = 0x02,
    TCPF_RST = 0x04,
    TCPF_PSH = 0x08,
    TCPF_ACK = 0x10,
    TCPF_URG = 0x20,
    TCPF_ECE = 0x40,
    TCPF_CWR = 0x80,
};

struct tcp_sack {
    seq_t start, end; /* [start, end) */
};

struct tcp_opts {
    bool has_mss, has_wscale, has_ts, sack_ok, has_fo;
    uint16_t mss;
    uint8_t wscale; /* as received; > 14 is clamped to 14 by the parser (RFC 7323 2.3) */
    uint32_t ts_val, ts_ecr;
    uint8_t sack_cnt;
    struct tcp_sack sack[TCP_SACK_MAX];
    uint8_t fo_len; /* 0 with has_fo: a cookie request */
    uint8_t fo_cookie[TCP_FO_COOKIE_MAX];
};

struct tcp_hdr {
    uint16_t sport, dport;
    seq_t seq, ack;
    uint8_t flags; /* TCPF_* */
    uint16_t wnd;  /* unscaled, as on the wire */
    uint16_t urg;
    struct tcp_opts opts;
};

/*
 * Parses header and options, and unless csum_ok verifies the checksum over all of s. DROP_NONE,
 * DROP_TCP_SHORT/OFFSET/CSUM. A malformed option ends the option list (what was read before it
 * counts); RFC 9293 3.1 MUST-7. Options of wrong length are ignored. MSS, wscale, SACK-permitted
 * and fast open count only with SYN.
 */
enum drop tcp_parse(struct ust_slice s, const struct ust_addr *src, const struct ust_addr *dst,
                    bool csum_ok, struct tcp_hdr *h, struct ust_slice *payload);

/* Bytes of header with h's options, a multiple of 4; at most TCP_HDR_MAX: SACK blocks that do not
 * fit are left out (emit does the same). */
size_t tcp_hdr_len(const struct tcp_hdr *h);
/* Writes the header (returns its length) with the full checksum over payload slices. Order and
 * padding of options as Linux sends them: MSS, SACK-permitted, timestamps, wscale on SYN; NOP NOP
 * TS, NOP NOP SACK else. */
size_t tcp_emit(const struct tcp_hdr *h, const struct ust_addr *src, const struct ust_addr *dst,
                const struct ust_slice *payload, int cnt, uint8_t *dst_hdr);
/* The same with the checksum left open, for pkt_tx.needs_csum: the field holds the folded pseudo
 * header sum over l4_len bytes. */
size_t tcp_emit_partial(const struct tcp_hdr *h, const struct ust_addr *src,
                        const struct ust_addr *dst, uint32_t l4_len, uint8_t *dst_hdr);
/* Ports and sequence number from the 8 bytes quoted in an ICMP error; false if s is shorter. */
bool tcp_parse_quoted(struct ust_slice s, uint16_t *sport, uint16_t *dport, seq_t *seq);
/* "SYN|ACK" style text for the trace. */
const char *tcp_flags_str(uint8_t flags, char buf[40]);

#endif
