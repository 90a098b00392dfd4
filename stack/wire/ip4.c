/* SPDX-License-Identifier: ISC */
#include "wire/ip4.h"

#include "base/csum.h"
#include "wire/bytes.h"

#define OFF_DF 0x4000
#define OFF_MF 0x2000
#define OFF_MASK 0x1fff

#define OPT_EOL 0
#define OPT_NOP 1
#define OPT_RR 7
#define OPT_TIMESTAMP 68
#define OPT_ROUTER_ALERT 148
#define OPT_LSRR 131
#define OPT_SSRR 137
#define OPT_COPIED 0x80

struct ip4_wire {
    uint8_t ver_ihl, tos;
    be16_t total_len, id, off;
    uint8_t ttl, proto;
    be16_t csum;
    be32_t src, dst;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(ip4_wire, IP4_HDR_LEN);
WIRE_ASSERT_OFF(ip4_wire, csum, 10);
WIRE_ASSERT_OFF(ip4_wire, src, 12);

enum whose { WHOSE_WIRE, WHOSE_QUOTED, WHOSE_PROGRAM };

static enum drop parse(struct ust_slice s, enum whose whose, struct ip4_hdr *h,
                       struct ust_slice *payload) {
    struct ip4_wire w;
    if (s.len < sizeof w)
        return DROP_IP4_SHORT;
    memcpy(&w, s.p, sizeof w);
    if (w.ver_ihl >> 4 != 4)
        return DROP_IP4_VERSION;
    size_t hdr_len = (size_t)(w.ver_ihl & 15) * 4;
    if (hdr_len < IP4_HDR_LEN || hdr_len > s.len)
        return DROP_IP4_IHL;
    size_t total = be16_get(w.total_len);
    if (s.len > UINT16_MAX || whose == WHOSE_PROGRAM)
        total = s.len; /* coalesced: 16 bits cannot say it */
    if (total < hdr_len || (whose == WHOSE_WIRE && total > s.len))
        return DROP_IP4_TOTAL_LEN;
    if (whose == WHOSE_WIRE) {
        struct csum c = {0};
        csum_add(&c, s.p, hdr_len);
        if (csum_finish(&c) != 0)
            return DROP_IP4_CSUM; /* RFC 1122 3.2.1.2 */
    }
    uint16_t off = be16_get(w.off);
    h->tos = w.tos;
    h->ttl = w.ttl;
    h->proto = w.proto;
    h->df = off & OFF_DF;
    h->mf = off & OFF_MF;
    h->id = be16_get(w.id);
    h->frag_off = (uint16_t)((off & OFF_MASK) * 8);
    h->total_len = be16_get(w.total_len);
    h->hdr_len = (uint8_t)hdr_len;
    h->src = addr_from_ip4(be32_get(w.src));
    h->dst = addr_from_ip4(be32_get(w.dst));
    h->opts = slice_of(s.p + IP4_HDR_LEN, hdr_len - IP4_HDR_LEN);
    *payload = slice_skip(slice_head(s, total), hdr_len);
    return DROP_NONE;
}

enum drop ip4_parse(struct ust_slice s, struct ip4_hdr *h, struct ust_slice *payload) {
    return parse(s, WHOSE_WIRE, h, payload);
}

enum drop ip4_parse_quoted(struct ust_slice s, struct ip4_hdr *h, struct ust_slice *payload) {
    return parse(s, WHOSE_QUOTED, h, payload);
}

enum drop ip4_parse_own(struct ust_slice s, struct ip4_hdr *h, struct ust_slice *payload) {
    return parse(s, WHOSE_PROGRAM, h, payload);
}

size_t ip4_hdr_len(const struct ip4_hdr *h) {
    assert(h->opts.len <= IP4_HDR_MAX - IP4_HDR_LEN);
    return IP4_HDR_LEN + ((h->opts.len + 3) & ~(size_t)3);
}

size_t ip4_emit(const struct ip4_hdr *h, uint8_t *dst) {
    size_t hdr_len = ip4_hdr_len(h);
    assert(h->frag_off % 8 == 0);
    struct ip4_wire w = {
        .ver_ihl = (uint8_t)(4 << 4 | hdr_len / 4),
        .tos = h->tos,
        .total_len = be16_of(h->total_len),
        .id = be16_of(h->id),
        .off = be16_of((uint16_t)((h->df ? OFF_DF : 0) | (h->mf ? OFF_MF : 0) | h->frag_off / 8)),
        .ttl = h->ttl,
        .proto = h->proto,
        .src = be32_of(addr_ip4(&h->src)),
        .dst = be32_of(addr_ip4(&h->dst)),
    };
    if (h->opts.len) {
        memcpy(dst + IP4_HDR_LEN, h->opts.p, h->opts.len);
        memset(dst + IP4_HDR_LEN + h->opts.len, OPT_EOL, hdr_len - IP4_HDR_LEN - h->opts.len);
    }
    struct csum c = {0};
    csum_add(&c, &w, sizeof w);
    csum_add(&c, dst + IP4_HDR_LEN, hdr_len - IP4_HDR_LEN);
    w.csum = be16_raw(csum_finish(&c));
    memcpy(dst, &w, sizeof w);
    return hdr_len;
}

/*
 * The option at offset i of opts: its length (1 for EOL and NOP), or 0 if it is malformed, *bad
 * then being the offset of the offending byte.
 */
static size_t option_len(struct ust_slice opts, size_t i, size_t *bad) {
    if (opts.p[i] == OPT_EOL || opts.p[i] == OPT_NOP)
        return 1;
    *bad = i;
    if (opts.len - i < 2)
        return 0;
    *bad = i + 1;
    if (opts.p[i + 1] < 2 || opts.p[i + 1] > opts.len - i)
        return 0;
    return opts.p[i + 1];
}

enum drop ip4_check_options(struct ust_slice opts, uint8_t *bad_off) {
    size_t len, bad = 0;
    for (size_t i = 0; i < opts.len && opts.p[i] != OPT_EOL; i += len) {
        len = option_len(opts, i, &bad);
        *bad_off = (uint8_t)(IP4_HDR_LEN + (len ? i : bad));
        if (len == 0)
            return DROP_IP4_OPTION;
        if (opts.p[i] == OPT_LSRR || opts.p[i] == OPT_SSRR)
            return DROP_IP4_SOURCE_ROUTE;
    }
    return DROP_NONE;
}

bool ip4_clean_options(uint8_t *opts, size_t len, bool any) {
    size_t n, i, bad = 0;
    for (i = 0; i < len && opts[i] != OPT_EOL; i += n) {
        n = option_len(slice_of(opts, len), i, &bad);
        switch (opts[i]) {
        case OPT_NOP:
            break;
        case OPT_RR:
            if (n < 3 || opts[i + 2] < 4)
                return false;
            break;
        case OPT_TIMESTAMP:
            if (n < 4 || opts[i + 2] < 5)
                return false;
            break;
        case OPT_ROUTER_ALERT:
            if (n < 4)
                return false;
            break;
        case OPT_LSRR:
        case OPT_SSRR:
            return false;
        default:
            if (n == 0 || !any)
                return false;
        }
    }
    memset(opts + i, 0, len - i);
    return true;
}

size_t ip4_copy_options(struct ust_slice opts, uint8_t *dst) {
    size_t n = 0, len, bad;
    opts = slice_head(opts, IP4_HDR_MAX - IP4_HDR_LEN);
    for (size_t i = 0; i < opts.len && opts.p[i] != OPT_EOL; i += len) {
        len = option_len(opts, i, &bad);
        if (len == 0)
            break;
        if (!(opts.p[i] & OPT_COPIED))
            continue;
        memcpy(dst + n, opts.p + i, len);
        n += len;
    }
    while (n % 4)
        dst[n++] = OPT_EOL;
    return n;
}
