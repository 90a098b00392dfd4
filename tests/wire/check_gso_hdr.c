/* SPDX-License-Identifier: ISC */
/* The header work of segmentation: every segment, taken for itself, passes the codecs, and together
 * they are the large frame. */
#include "wire/wire_tools.h"

#include "base/csum.h"
#include "wire/eth.h"
#include "wire/gso_hdr.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

static struct ust_addr src, dst;
static uint8_t big[70000], seg[70000];

/* Frame of `len` payload bytes with the L4 checksum wrong, as offload leaves it; returns its
 * length. */
static size_t make_frame(struct rnd *r, bool ip6, bool tcp, size_t len, struct tcp_hdr *th) {
    uint8_t *p = big;
    struct eth_hdr eh = {
        .dst = rnd_mac(r), .src = rnd_mac(r), .type = ip6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
    memset(th, 0, sizeof *th);
    th->sport = (uint16_t)rnd_u64(r);
    th->dport = (uint16_t)rnd_u64(r);
    th->seq = seq_of((uint32_t)rnd_u64(r));
    th->flags = TCPF_ACK | TCPF_PSH | TCPF_FIN | TCPF_CWR;
    th->opts.has_ts = true;
    th->opts.ts_val = (uint32_t)rnd_u64(r);
    size_t l4_hdr = tcp ? tcp_hdr_len(th) : UDP_HDR_LEN;
    src = ip6 ? rnd_ip6(r) : rnd_ip4(r);
    dst = ip6 ? rnd_ip6(r) : rnd_ip4(r);
    eth_emit(&eh, p);
    p += ETH_HDR_LEN;
    if (ip6) {
        memset(p, 0, 40);
        p[0] = 0x60;
        p[4] = (uint8_t)((l4_hdr + len) >> 8);
        p[5] = (uint8_t)(l4_hdr + len);
        p[6] = tcp ? IP_PROTO_TCP : IP_PROTO_UDP;
        memcpy(p + 8, src.b, 16);
        memcpy(p + 24, dst.b, 16);
        p += 40;
    } else {
        struct ip4_hdr ih;
        memset(&ih, 0, sizeof ih);
        ih.proto = tcp ? IP_PROTO_TCP : IP_PROTO_UDP;
        ih.df = true;
        ih.id = 0xfffe; /* wraps */
        ih.src = src;
        ih.dst = dst;
        ih.total_len = (uint16_t)(IP4_HDR_LEN + l4_hdr + len);
        p += ip4_emit(&ih, p);
    }
    if (tcp) {
        p += tcp_emit_partial(th, &src, &dst, (uint32_t)(l4_hdr + len), p);
    } else {
        struct udp_hdr uh = {th->sport, th->dport, (uint16_t)(l4_hdr + len)};
        udp_emit_partial(&uh, &src, &dst, p);
        p += UDP_HDR_LEN;
    }
    rnd_fill(r, p, len);
    return (size_t)(p - big) + len;
}

/* Checks the frame's layers; returns its L4 bytes. */
static struct ust_slice open_ip(struct ust_slice frame, bool ip6, uint16_t want_id) {
    struct eth_hdr eh;
    struct ip4_hdr ih;
    struct ust_slice s, l4;
    must_drop(eth_parse(frame, &eh, &s), DROP_NONE);
    if (ip6) {
        must_eq(s.p[4] << 8 | s.p[5], s.len - 40);
        return slice_skip(s, 40);
    }
    must_drop(ip4_parse(s, &ih, &l4), DROP_NONE);
    must_eq(ih.total_len, s.len);
    must_eq(ih.id, want_id);
    return l4;
}

/* _i: bit 0 IPv6, bit 1 TCP. */
START_TEST(segments_pass_the_codecs)
{
    struct rnd r = {(uint64_t)_i + 1};
    bool ip6 = _i & 1, tcp = _i & 2;
    for (int n = 0; n < 60; n++) {
        struct tcp_hdr th, h;
        struct udp_hdr uh;
        struct gso_hdr g;
        struct ust_slice p;
        size_t len = 1 + rnd_below(&r, 60000), mss = 100 + rnd_below(&r, 1400);
        size_t total = make_frame(&r, ip6, tcp, len, &th);
        struct ust_slice frame = tail_copy(big, total);
        must(gso_hdr_parse(frame, &g));
        must(g.ip6 == ip6 && g.proto == (tcp ? IP_PROTO_TCP : IP_PROTO_UDP));
        must_eq(g.payload_len, len);
        must_eq(g.hdr_len + len, total);
        uint16_t idx = 0;
        for (size_t off = 0; off < len; off += mss, idx++) {
            size_t m = UST_MIN(mss, len - off);
            bool last = off + m == len;
            memcpy(seg, frame.p, g.hdr_len);
            memcpy(seg + g.hdr_len, frame.p + g.hdr_len + off, m);
            gso_hdr_segment(&g, seg, (uint32_t)m, (uint32_t)off, idx, last);
            struct ust_slice one = tail_copy(seg, g.hdr_len + m);
            struct ust_slice l4 = open_ip(one, ip6, (uint16_t)(0xfffe + idx));
            if (tcp) {
                must_drop(tcp_parse(l4, &src, &dst, false, &h, &p), DROP_NONE);
                must(seq_eq(h.seq, seq_add(th.seq, (uint32_t)off)));
                must_eq(h.flags & TCPF_CWR, idx == 0 ? TCPF_CWR : 0);
                must_eq(h.flags & (TCPF_FIN | TCPF_PSH), last ? TCPF_FIN | TCPF_PSH : 0);
                must(h.flags & TCPF_ACK && h.opts.ts_val == th.opts.ts_val);
            } else {
                must_drop(udp_parse(l4, &src, &dst, false, &uh, &p), DROP_NONE);
                must(uh.sport == th.sport && uh.dport == th.dport);
            }
            must_eq(p.len, m);
            must(memcmp(p.p, frame.p + g.hdr_len + off, m) == 0);
            tail_free(one);
        }
        /* Left whole, with its checksum filled in. */
        memcpy(big, frame.p, total);
        gso_hdr_fill_csum(&g, big);
        struct ust_slice l4 = open_ip(slice_of(big, total), ip6, 0xfffe);
        if (tcp)
            must_drop(tcp_parse(l4, &src, &dst, false, &h, &p), DROP_NONE);
        else
            must_drop(udp_parse(l4, &src, &dst, false, &uh, &p), DROP_NONE);
        tail_free(frame);
    }
}
END_TEST

/* Cut anywhere in the headers it is refused; what is left of a payload is as long as the frame has
 * it. */
START_TEST(truncated)
{
    struct rnd r = {9};
    for (int k = 0; k < 4; k++) {
        struct tcp_hdr th;
        struct gso_hdr g, got;
        size_t total = make_frame(&r, k & 1, k & 2, 50, &th);
        must(gso_hdr_parse(slice_of(big, total), &g));
        for (size_t n = 0; n < total; n++) {
            struct ust_slice s = tail_copy(big, n);
            bool ok = gso_hdr_parse(s, &got);
            must_eq(ok, n >= g.hdr_len);
            must(!ok || got.hdr_len + got.payload_len <= n);
            tail_free(s);
        }
        /* Padding behind the packet is not payload. */
        memset(big + total, 0, 20);
        must(gso_hdr_parse(slice_of(big, total + 20), &got));
        must_eq(got.payload_len, 50);
    }
}
END_TEST

/* Fragments, other protocols, other EtherTypes and broken headers are not to be cut. */
START_TEST(refused)
{
    static const struct {
        const char *what;
        int off;
        uint8_t value;
    } bad[] = {
        {"EtherType", 12, 0x88},         {"version", 14, 0x65},      {"IHL", 14, 0x44},
        {"more fragments", 20, 0x20},    {"fragment offset", 21, 1}, {"protocol", 23, 1},
        {"TCP data offset 4", 46, 0x40},
    };
    struct rnd r = {10};
    struct tcp_hdr th;
    struct gso_hdr g;
    size_t total = make_frame(&r, false, true, 50, &th);
    for (size_t i = 0; i < UST_ARRAY_CNT(bad); i++) {
        uint8_t saved = big[bad[i].off];
        big[bad[i].off] = bad[i].value;
        ck_assert_msg(!gso_hdr_parse(slice_of(big, total), &g), "%s", bad[i].what);
        big[bad[i].off] = saved;
    }
    must(gso_hdr_parse(slice_of(big, total), &g));
}
END_TEST

int main(void) {
    Suite *s = suite_create("gso_hdr");
    TCase *t = tcase_create("gso_hdr");
    tcase_add_loop_test(t, segments_pass_the_codecs, 0, 4);
    tcase_add_test(t, truncated);
    tcase_add_test(t, refused);
    suite_add_tcase(s, t);
    return run_suite(s);
}
