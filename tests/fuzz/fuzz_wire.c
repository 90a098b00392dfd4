/* SPDX-License-Identifier: ISC */
/*
 * All codecs of stack/wire: the first byte picks one, the rest is the packet. Beside what the
 * sanitizers see, a parser must answer with a payload inside of the packet and with a header that
 * emits to bytes which parse to the same.
 */
#include <stdlib.h>

#include "base/csum.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/gso_hdr.h"
#include "wire/icmp4.h"
#include "wire/igmp.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct ust_addr ip4_src = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1}};
static const struct ust_addr ip4_dst = {{[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}};
static const struct ust_addr ip6_src = {{0x20, 1, [15] = 1}};
static const struct ust_addr ip6_dst = {{0x20, 1, [15] = 2}};

static void must(bool claim) {
    if (!claim)
        abort();
}

/* p lies in s. */
static void inside(struct ust_slice p, struct ust_slice s) {
    must(p.p >= s.p && p.len <= s.len && (size_t)(p.p - s.p) <= s.len - p.len);
}

static void one_eth(struct ust_slice s) {
    struct eth_hdr h, again;
    struct ust_slice p;
    uint8_t b[ETH_HDR_LEN];
    if (eth_parse(s, &h, &p) != DROP_NONE)
        return;
    inside(p, s);
    if (h.type == ETH_TYPE_VLAN)
        return;
    eth_emit(&h, b);
    must(eth_parse(slice_of(b, sizeof b), &again, &p) == DROP_NONE);
    must(mac_eq(&h.src, &again.src) && mac_eq(&h.dst, &again.dst) && h.type == again.type);
}

static void one_arp(struct ust_slice s) {
    struct arp_hdr h;
    uint8_t b[ARP_LEN];
    if (arp_parse(s, &h) != DROP_NONE)
        return;
    arp_emit(&h, b);
    must(memcmp(b, s.p, sizeof b) == 0);
}

static void one_ip4_options(struct ust_slice s) {
    uint8_t off = 0, out[40];
    s = slice_head(s, IP4_HDR_MAX - IP4_HDR_LEN);
    if (ip4_check_options(s, &off) != DROP_NONE)
        must(off >= IP4_HDR_LEN && off < IP4_HDR_LEN + s.len);
    size_t n = ip4_copy_options(s, out);
    must(n <= sizeof out && n % 4 == 0);
    must(ip4_check_options(slice_of(out, n), &off) != DROP_IP4_OPTION);
}

/* With the checksum made right, as a fuzzer does not find it. */
static void one_ip4(struct ust_slice s, bool quoted) {
    struct ip4_hdr h, again;
    struct ust_slice p, q;
    uint8_t *b = malloc(s.len), out[IP4_HDR_MAX];
    if (s.len)
        memcpy(b, s.p, s.len);
    s.p = b;
    size_t hdr_len = s.len ? (size_t)(b[0] & 15) * 4 : 0;
    if (hdr_len >= IP4_HDR_LEN && hdr_len <= s.len) {
        struct csum c = {0};
        b[10] = b[11] = 0;
        csum_add(&c, b, hdr_len);
        uint16_t v = csum_finish(&c);
        memcpy(b + 10, &v, sizeof v);
    }
    enum drop d = quoted ? ip4_parse_quoted(s, &h, &p) : ip4_parse(s, &h, &p);
    if (d == DROP_NONE) {
        inside(p, s);
        must(h.opts.len == (size_t)h.hdr_len - IP4_HDR_LEN);
        one_ip4_options(h.opts);
        must(ip4_emit(&h, out) == h.hdr_len);
        if (h.total_len >= h.hdr_len) {
            must(ip4_parse_quoted(slice_of(out, h.hdr_len), &again, &q) == DROP_NONE);
            must(again.id == h.id && again.frag_off == h.frag_off && again.mf == h.mf);
            must(addr_eq(&again.src, &h.src) && addr_eq(&again.dst, &h.dst));
        }
    }
    free(b);
}

static void one_icmp4(struct ust_slice s) {
    struct icmp4_hdr h, again;
    struct ust_slice p, q;
    uint8_t b[ICMP4_HDR_LEN];
    icmp4_parse(s, false, &h, &p);
    if (icmp4_parse(s, true, &h, &p) != DROP_NONE)
        return;
    inside(p, s);
    icmp4_emit(&h, NULL, 0, b);
    must(icmp4_parse(slice_of(b, sizeof b), false, &again, &q) == DROP_NONE);
    must(memcmp(&h, &again, sizeof h) == 0);
}

static void one_igmp(struct ust_slice s) {
    struct igmp_hdr h;
    if (igmp_parse(s, &h) != DROP_NONE)
        return;
    must(addr_is_ip4(&h.group));
}

static void one_udp(struct ust_slice s, bool ip6) {
    const struct ust_addr *src = ip6 ? &ip6_src : &ip4_src, *dst = ip6 ? &ip6_dst : &ip4_dst;
    struct udp_hdr h, again;
    struct ust_slice p, q;
    uint8_t b[UDP_HDR_LEN];
    uint16_t sport, dport;
    udp_parse(s, src, dst, false, &h, &p);
    udp_parse_ports(s, &sport, &dport);
    if (udp_parse(s, src, dst, true, &h, &p) != DROP_NONE)
        return;
    inside(p, s);
    must(p.len == (size_t)h.len - UDP_HDR_LEN && h.sport == sport && h.dport == dport);
    h.len = UDP_HDR_LEN;
    udp_emit(&h, src, dst, NULL, 0, b);
    must(udp_parse(slice_of(b, sizeof b), src, dst, false, &again, &q) == DROP_NONE);
}

static void one_tcp(struct ust_slice s, bool ip6) {
    const struct ust_addr *src = ip6 ? &ip6_src : &ip4_src, *dst = ip6 ? &ip6_dst : &ip4_dst;
    struct tcp_hdr h, again;
    struct ust_slice p, q;
    uint8_t b[TCP_HDR_MAX];
    uint16_t sport, dport;
    seq_t seq;
    char text[40];
    tcp_parse(s, src, dst, false, &h, &p);
    tcp_parse_quoted(s, &sport, &dport, &seq);
    if (tcp_parse(s, src, dst, true, &h, &p) != DROP_NONE)
        return;
    inside(p, s);
    must(h.sport == sport && h.dport == dport && seq_eq(h.seq, seq));
    must(strlen(tcp_flags_str(h.flags, text)) < sizeof text);
    must(h.opts.sack_cnt <= TCP_SACK_MAX && h.opts.fo_len <= TCP_FO_COOKIE_MAX);
    size_t n = tcp_emit(&h, src, dst, NULL, 0, b);
    must(n == tcp_hdr_len(&h) && n <= TCP_HDR_MAX);
    must(tcp_parse(slice_of(b, n), src, dst, false, &again, &q) == DROP_NONE);
    /* SACK blocks beyond the room are left out, all else is the same. */
    must(again.opts.sack_cnt <= h.opts.sack_cnt);
    memset(&h.opts.sack[again.opts.sack_cnt], 0,
           (size_t)(TCP_SACK_MAX - again.opts.sack_cnt) * sizeof h.opts.sack[0]);
    h.opts.sack_cnt = again.opts.sack_cnt;
    must(memcmp(&h, &again, sizeof h) == 0);
}

/* The first two bytes say how long the segments are. */
static void one_gso(struct ust_slice s) {
    struct gso_hdr g;
    if (s.len < 2)
        return;
    uint32_t mss = 1 + (uint32_t)(s.p[0] << 8 | s.p[1]) % 2000;
    s = slice_skip(s, 2);
    if (!gso_hdr_parse(s, &g))
        return;
    must(g.l3_off <= g.l4_off && g.l4_off <= g.hdr_len && g.hdr_len + g.payload_len <= s.len);
    uint8_t *b = malloc(s.len);
    memcpy(b, s.p, s.len);
    gso_hdr_fill_csum(&g, b);
    uint16_t idx = 0;
    for (uint32_t off = 0; off < g.payload_len; off += mss, idx++) {
        uint32_t n = UST_MIN(mss, g.payload_len - off);
        memcpy(b, s.p, g.hdr_len);
        memmove(b + g.hdr_len, s.p + g.hdr_len + off, n);
        gso_hdr_segment(&g, b, n, off, idx, off + n == g.payload_len);
    }
    free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    if (len == 0)
        return 0;
    struct ust_slice s = slice_of(data + 1, len - 1);
    switch (data[0]) {
    case 'e':
        one_eth(s);
        break;
    case 'a':
        one_arp(s);
        break;
    case '4':
        one_ip4(s, false);
        break;
    case 'q':
        one_ip4(s, true);
        break;
    case 'o':
        one_ip4_options(s);
        break;
    case 'i':
        one_icmp4(s);
        break;
    case 'g':
        one_igmp(s);
        break;
    case 'u':
    case 'U':
        one_udp(s, data[0] == 'U');
        break;
    case 't':
    case 'T':
        one_tcp(s, data[0] == 'T');
        break;
    case 's':
        one_gso(s);
        break;
    default:
        break;
    }
    return 0;
}
