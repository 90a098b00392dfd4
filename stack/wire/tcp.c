/* SPDX-License-Identifier: ISC */
#include "wire/tcp.h"

#include "wire/bytes.h"
#include "wire/ip4.h" /* IP_PROTO_TCP */

#define OPT_EOL 0
#define OPT_NOP 1
#define OPT_MSS 2
#define OPT_WSCALE 3
#define OPT_SACK_OK 4
#define OPT_SACK 5
#define OPT_TS 8
#define OPT_FASTOPEN 34
#define OPTS_MAX (TCP_HDR_MAX - TCP_HDR_LEN)
#define WSCALE_MAX 14

struct tcp_wire {
    be16_t sport, dport;
    be32_t seq, ack;
    uint8_t off, flags;
    be16_t wnd, csum, urg;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(tcp_wire, TCP_HDR_LEN);
WIRE_ASSERT_OFF(tcp_wire, off, 12);
WIRE_ASSERT_OFF(tcp_wire, csum, TCP_CSUM_OFF);

/* One well-formed option: v is what follows kind and length. Wrong lengths and unknown kinds are
 * ignored. */
static void parse_option(uint8_t kind, struct ust_slice v, bool syn, struct tcp_opts *o) {
    switch (kind) {
    case OPT_MSS: /* RFC 9293 3.1 MUST-4 */
        if (!syn || v.len != 2)
            return;
        o->has_mss = true;
        o->mss = bytes_get16(v.p);
        return;
    case OPT_WSCALE:
        if (!syn || v.len != 1)
            return;
        o->has_wscale = true;
        o->wscale = UST_MIN(v.p[0], WSCALE_MAX); /* RFC 7323 2.3 */
        return;
    case OPT_SACK_OK:
        if (syn && v.len == 0)
            o->sack_ok = true;
        return;
    case OPT_SACK:
        if (v.len == 0 || v.len % 8 != 0)
            return;
        /* 40 bytes of options have no room for a fifth block. */
        memset(o->sack, 0, sizeof o->sack);
        o->sack_cnt = (uint8_t)(v.len / 8);
        for (int i = 0; i < o->sack_cnt; i++) {
            o->sack[i].start = seq_of(bytes_get32(v.p + 8 * i));
            o->sack[i].end = seq_of(bytes_get32(v.p + 8 * i + 4));
        }
        return;
    case OPT_TS:
        if (v.len != 8)
            return;
        o->has_ts = true;
        o->ts_val = bytes_get32(v.p);
        o->ts_ecr = bytes_get32(v.p + 4);
        return;
    case OPT_FASTOPEN:
        /* RFC 7413 4.1.1: no cookie, or 4 to 16 bytes, an even number. */
        if (!syn || v.len % 2 || v.len == 2 || v.len > TCP_FO_COOKIE_MAX)
            return;
        o->has_fo = true;
        o->fo_len = (uint8_t)v.len;
        memset(o->fo_cookie, 0, sizeof o->fo_cookie);
        memcpy(o->fo_cookie, v.p, v.len);
        return;
    default:
        return; /* RFC 9293 3.1 MUST-6, MUST-68 */
    }
}

/* RFC 9293 3.1 MUST-5; RFC 9293 3.2 MUST-64 */
static void parse_options(struct ust_slice s, bool syn, struct tcp_opts *o) {
    while (s.len > 0 && s.p[0] != OPT_EOL) {
        if (s.p[0] == OPT_NOP) {
            s = slice_skip(s, 1);
            continue;
        }
        if (s.len < 2 || s.p[1] < 2 || s.p[1] > s.len)
            return; /* RFC 9293 3.1 MUST-7 */
        parse_option(s.p[0], slice_of(s.p + 2, s.p[1] - 2u), syn, o);
        s = slice_skip(s, s.p[1]);
    }
}

enum drop tcp_parse(struct ust_slice s, const struct ust_addr *src, const struct ust_addr *dst,
                    bool csum_ok, struct tcp_hdr *h, struct ust_slice *payload) {
    struct tcp_wire w;
    if (s.len < sizeof w)
        return DROP_TCP_SHORT;
    memcpy(&w, s.p, sizeof w);
    size_t hdr_len = (size_t)(w.off >> 4) * 4;
    if (hdr_len < sizeof w || hdr_len > s.len)
        return DROP_TCP_OFFSET;
    if (!csum_ok) {
        struct csum c = {0};
        csum_add_pseudo(&c, src, dst, IP_PROTO_TCP, (uint32_t)s.len);
        csum_add(&c, s.p, s.len);
        if (csum_finish(&c) != 0)
            return DROP_TCP_CSUM; /* RFC 9293 3.1 MUST-3 */
    }
    memset(h, 0, sizeof *h);
    h->sport = be16_get(w.sport);
    h->dport = be16_get(w.dport);
    h->seq = seq_of(be32_get(w.seq));
    h->ack = seq_of(be32_get(w.ack));
    h->flags = w.flags;
    h->wnd = be16_get(w.wnd);
    h->urg = be16_get(w.urg);
    if (hdr_len > sizeof w)
        parse_options(slice_of(s.p + sizeof w, hdr_len - sizeof w), w.flags & TCPF_SYN, &h->opts);
    *payload = slice_skip(s, hdr_len);
    return DROP_NONE;
}

/* Lengths with the NOPs that bring each option to a multiple of 4. */
static size_t opts_len_but_sack(const struct tcp_opts *o) {
    size_t n = 0;
    if (o->has_mss)
        n += 4;
    if (o->has_ts)
        n += 12; /* the two NOPs' place is taken by SACK-permitted if both are there */
    if (o->sack_ok && !o->has_ts)
        n += 4;
    if (o->has_wscale)
        n += 4;
    if (o->has_fo)
        n += (2u + o->fo_len + 3) & ~3u;
    assert(n <= OPTS_MAX);
    return n;
}

/* SACK blocks that have room. */
static size_t sack_fit(const struct tcp_opts *o, size_t other_len) {
    size_t room = OPTS_MAX - other_len;
    if (o->sack_cnt == 0 || room < 4 + 8)
        return 0;
    return UST_MIN((size_t)o->sack_cnt, UST_MIN((room - 4) / 8, (size_t)TCP_SACK_MAX));
}

/* RFC 9293 3.1 MUST-69 */
size_t tcp_hdr_len(const struct tcp_hdr *h) {
    size_t n = opts_len_but_sack(&h->opts);
    size_t sacks = sack_fit(&h->opts, n);
    return TCP_HDR_LEN + n + (sacks ? 4 + 8 * sacks : 0);
}

static uint8_t *put4(uint8_t *p, unsigned a, unsigned b, unsigned c, unsigned d) {
    p[0] = (uint8_t)a;
    p[1] = (uint8_t)b;
    p[2] = (uint8_t)c;
    p[3] = (uint8_t)d;
    return p + 4;
}

static uint8_t *put32(uint8_t *p, uint32_t v) {
    bytes_put32(p, v);
    return p + 4;
}

/* Writes the options in Linux's order and shape; returns their length. */
static size_t emit_options(const struct tcp_opts *o, uint8_t *dst) {
    uint8_t *p = dst;
    if (o->has_mss)
        p = put4(p, OPT_MSS, 4, o->mss >> 8, o->mss & 0xff);
    if (o->has_ts) {
        if (o->sack_ok)
            p = put4(p, OPT_SACK_OK, 2, OPT_TS, 10);
        else
            p = put4(p, OPT_NOP, OPT_NOP, OPT_TS, 10);
        p = put32(p, o->ts_val);
        p = put32(p, o->ts_ecr);
    } else if (o->sack_ok) {
        p = put4(p, OPT_NOP, OPT_NOP, OPT_SACK_OK, 2);
    }
    if (o->has_wscale)
        p = put4(p, OPT_NOP, OPT_WSCALE, 3, o->wscale);
    size_t sacks = sack_fit(o, opts_len_but_sack(o));
    if (sacks) {
        p = put4(p, OPT_NOP, OPT_NOP, OPT_SACK, (unsigned)(2 + 8 * sacks));
        for (size_t i = 0; i < sacks; i++) {
            p = put32(p, o->sack[i].start.v);
            p = put32(p, o->sack[i].end.v);
        }
    }
    if (o->has_fo) {
        *p++ = OPT_FASTOPEN;
        *p++ = (uint8_t)(2 + o->fo_len);
        memcpy(p, o->fo_cookie, o->fo_len);
        p += o->fo_len;
        while ((p - dst) % 4)
            *p++ = OPT_NOP;
    }
    return (size_t)(p - dst);
}

/* Everything but the checksum, which stays 0; returns the header's length. */
static size_t emit(const struct tcp_hdr *h, uint8_t *dst) {
    size_t hdr_len = TCP_HDR_LEN + emit_options(&h->opts, dst + TCP_HDR_LEN);
    struct tcp_wire w = {
        .sport = be16_of(h->sport),
        .dport = be16_of(h->dport),
        .seq = be32_of(h->seq.v),
        .ack = be32_of(h->ack.v),
        .off = (uint8_t)(hdr_len / 4 << 4),
        .flags = h->flags,
        .wnd = be16_of(h->wnd),
        .urg = be16_of(h->urg),
    };
    memcpy(dst, &w, sizeof w);
    return hdr_len;
}

/* RFC 9293 3.1 MUST-2 */
size_t tcp_emit(const struct tcp_hdr *h, const struct ust_addr *src, const struct ust_addr *dst,
                const struct ust_slice *payload, int cnt, uint8_t *dst_hdr) {
    size_t hdr_len = emit(h, dst_hdr), len = hdr_len;
    struct csum c = {0};
    csum_add(&c, dst_hdr, hdr_len);
    for (int i = 0; i < cnt; i++) {
        csum_add(&c, payload[i].p, payload[i].len);
        len += payload[i].len;
    }
    if (c.odd)
        csum_add(&c, "", 1); /* RFC 1071 1: padded with a zero byte; the pseudo header follows */
    csum_add_pseudo(&c, src, dst, IP_PROTO_TCP, (uint32_t)len);
    uint16_t v = csum_finish(&c);
    memcpy(dst_hdr + TCP_CSUM_OFF, &v, sizeof v);
    return hdr_len;
}

size_t tcp_emit_partial(const struct tcp_hdr *h, const struct ust_addr *src,
                        const struct ust_addr *dst, uint32_t l4_len, uint8_t *dst_hdr) {
    size_t hdr_len = emit(h, dst_hdr);
    struct csum c = {0};
    csum_add_pseudo(&c, src, dst, IP_PROTO_TCP, l4_len);
    uint16_t v = csum_partial(&c);
    memcpy(dst_hdr + TCP_CSUM_OFF, &v, sizeof v);
    return hdr_len;
}

bool tcp_parse_quoted(struct ust_slice s, uint16_t *sport, uint16_t *dport, seq_t *seq) {
    if (s.len < 8)
        return false;
    *sport = bytes_get16(s.p);
    *dport = bytes_get16(s.p + 2);
    *seq = seq_of(bytes_get32(s.p + 4));
    return true;
}

const char *tcp_flags_str(uint8_t flags, char buf[40]) {
    static const char name[8][4] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
    char *p = buf;
    for (int i = 0; i < 8; i++) {
        if (!(flags >> i & 1))
            continue;
        if (p != buf)
            *p++ = '|';
        memcpy(p, name[i], 3);
        p += 3;
    }
    if (p == buf) {
        memcpy(p, "none", 4);
        p += 4;
    }
    *p = '\0';
    return buf;
}
