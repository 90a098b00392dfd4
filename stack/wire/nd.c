/* SPDX-License-Identifier: ISC */
#include "wire/nd.h"

#include "wire/bytes.h"

#define OPT_SLLA 1
#define OPT_TLLA 2
#define OPT_PREFIX 3
#define OPT_REDIRECTED 4
#define OPT_MTU 5
#define OPT_NONCE 14
#define OPT_ROUTE 24
#define OPT_RDNSS 25
#define OPT_DNSSL 31

#define NA_ROUTER 0x80
#define NA_SOLICITED 0x40
#define NA_OVERRIDE 0x20
#define RA_MANAGED 0x80
#define RA_OTHER 0x40
#define PREFIX_ON_LINK 0x80
#define PREFIX_AUTONOMOUS 0x40

#define RS_LEN 8
#define RA_LEN 16
#define NS_LEN 24
#define REDIRECT_LEN 40

static int8_t pref_of(uint8_t flags) { /* RFC 4191 2.1 */
    static const int8_t pref[4] = {ND_PREF_MEDIUM, ND_PREF_HIGH, ND_PREF_MEDIUM, ND_PREF_LOW};
    return pref[flags >> 3 & 3];
}

static void parse_prefix(struct ust_slice v, struct nd_msg *m) {
    if (v.len != 32 || v.p[2] > 128 || m->prefix_cnt == ND_PREFIX_MAX)
        return;
    struct nd_prefix *p = &m->prefix[m->prefix_cnt++];
    p->plen = v.p[2];
    p->on_link = v.p[3] & PREFIX_ON_LINK;
    p->autonomous = v.p[3] & PREFIX_AUTONOMOUS;
    p->valid_s = bytes_get32(v.p + 4);
    p->preferred_s = bytes_get32(v.p + 8);
    memcpy(p->prefix.b, v.p + 16, 16);
}

/* RFC 4191 2.3: 8, 16 or 24 bytes, enough for the prefix. */
static void parse_route(struct ust_slice v, struct nd_msg *m) {
    if (v.len > 24 || v.p[2] > 128 || (v.p[2] > 64 && v.len < 24) || (v.p[2] && v.len < 16) ||
        m->route_cnt == ND_ROUTE_MAX || (v.p[3] >> 3 & 3) == 2)
        return;
    struct nd_route *r = &m->route[m->route_cnt++];
    r->plen = v.p[2];
    r->pref = pref_of(v.p[3]);
    r->lifetime_s = bytes_get32(v.p + 4);
    memset(r->prefix.b, 0, 16);
    memcpy(r->prefix.b, v.p + 8, v.len - 8);
}

static void parse_rdnss(struct ust_slice v, struct nd_msg *m) {
    if (v.len < 24 || v.len % 16 != 8)
        return;
    for (size_t i = 8; i + 16 <= v.len && m->rdnss_cnt < ND_RDNSS_MAX; i += 16) {
        struct nd_rdnss *r = &m->rdnss[m->rdnss_cnt++];
        memcpy(r->addr.b, v.p + i, 16);
        r->lifetime_s = bytes_get32(v.p + 4);
    }
}

/* One name in the form of RFC 1035 3.1, without compression; returns the bytes behind it, NULL: malformed or padding. */
static const uint8_t *parse_name(const uint8_t *p, const uint8_t *end, char out[ND_NAME_MAX]) {
    size_t n = 0;
    while (p < end && *p) {
        size_t len = *p++;
        if (len > 63 || len > (size_t)(end - p) || n + len + 2 > ND_NAME_MAX)
            return NULL;
        if (n)
            out[n++] = '.';
        for (size_t i = 0; i < len; i++) {
            uint8_t c = p[i];
            bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
            if (!ok)
                return NULL;
            out[n++] = (char)c;
        }
        p += len;
    }
    out[n] = '\0';
    return p < end && n ? p + 1 : NULL;
}

static void parse_dnssl(struct ust_slice v, struct nd_msg *m) {
    if (v.len < 16)
        return;
    const uint8_t *p = v.p + 8, *end = v.p + v.len;
    while (m->dnssl_cnt < ND_DNSSL_MAX) {
        struct nd_dnssl *d = &m->dnssl[m->dnssl_cnt];
        p = parse_name(p, end, d->name);
        if (!p)
            return;
        d->lifetime_s = bytes_get32(v.p + 4);
        m->dnssl_cnt++;
    }
}

/* v: one option, type and length included. */
/* RFC 4861 4.6 MUST-2 */
static void parse_option(struct ust_slice v, struct nd_msg *m) {
    switch (v.p[0]) {
    case OPT_SLLA:
        m->has_slla = v.len == 8;
        memcpy(m->slla.b, v.p + 2, 6);
        return;
    case OPT_TLLA:
        m->has_tlla = v.len == 8;
        memcpy(m->tlla.b, v.p + 2, 6);
        return;
    case OPT_PREFIX:
        parse_prefix(v, m);
        return;
    case OPT_REDIRECTED:
        m->redirected = slice_skip(v, 8);
        return;
    case OPT_MTU:
        m->has_mtu = v.len == 8;
        m->mtu = bytes_get32(v.p + 4);
        return;
    case OPT_NONCE:
        m->has_nonce = true;
        memcpy(m->nonce, v.p + 2, ND_NONCE_LEN);
        return;
    case OPT_ROUTE:
        parse_route(v, m);
        return;
    case OPT_RDNSS:
        parse_rdnss(v, m);
        return;
    case OPT_DNSSL:
        parse_dnssl(v, m);
        return;
    default: /* RFC 4861 4.6: unknown ones are skipped */
        return;
    }
}

static size_t fixed_len(uint8_t type) {
    switch (type) {
    case ICMP6_RS:
        return RS_LEN;
    case ICMP6_RA:
        return RA_LEN;
    case ICMP6_NS:
    case ICMP6_NA:
        return NS_LEN;
    default:
        return REDIRECT_LEN;
    }
}

static void parse_fixed(const uint8_t *p, struct nd_msg *m) {
    switch (m->type) {
    case ICMP6_RA:
        m->hop_limit = p[4];
        m->managed = p[5] & RA_MANAGED;
        m->other = p[5] & RA_OTHER;
        m->pref = pref_of(p[5]);
        m->router_lifetime_s = bytes_get16(p + 6);
        m->reachable_ms = bytes_get32(p + 8);
        m->retrans_ms = bytes_get32(p + 12);
        return;
    case ICMP6_NA:
        m->router = p[4] & NA_ROUTER;
        m->solicited = p[4] & NA_SOLICITED;
        m->override = p[4] & NA_OVERRIDE;
        memcpy(m->target.b, p + 8, 16);
        return;
    case ICMP6_REDIRECT:
        memcpy(m->dst.b, p + 24, 16);
        memcpy(m->target.b, p + 8, 16);
        return;
    case ICMP6_NS:
        memcpy(m->target.b, p + 8, 16);
        return;
    default:
        return;
    }
}

/* RFC 4861 4.6 MUST-1 */
enum drop nd_parse(struct ust_slice s, uint8_t hop_limit, struct nd_msg *m) {
    memset(m, 0, sizeof *m);
    if (hop_limit != 255)
        return DROP_ND_HOP_LIMIT;
    if (s.len < RS_LEN || s.len < fixed_len(s.p[0]))
        return DROP_ND_SHORT;
    m->type = s.p[0];
    if (s.p[1] != 0)
        return DROP_ND_CODE;
    parse_fixed(s.p, m);
    s = slice_skip(s, fixed_len(m->type));
    while (s.len) {
        size_t len = s.len >= 2 ? (size_t)s.p[1] * 8 : 0;
        if (len == 0 || len > s.len)
            return DROP_ND_OPTION;
        parse_option(slice_head(s, len), m);
        s = slice_skip(s, len);
    }
    return DROP_NONE;
}

static uint8_t *put_mac(uint8_t *p, uint8_t kind, const struct ust_mac *mac) {
    p[0] = kind;
    p[1] = 1;
    memcpy(p + 2, mac->b, 6);
    return p + 8;
}

size_t nd_emit(const struct nd_msg *m, const struct ust_addr *src, const struct ust_addr *dst,
               uint8_t *out) {
    size_t fixed = fixed_len(m->type);
    assert(m->type == ICMP6_RS || m->type == ICMP6_NS || m->type == ICMP6_NA);
    memset(out, 0, fixed);
    out[0] = m->type;
    if (m->type == ICMP6_NA)
        out[4] = (uint8_t)((m->router ? NA_ROUTER : 0) | (m->solicited ? NA_SOLICITED : 0) |
                           (m->override ? NA_OVERRIDE : 0));
    if (m->type != ICMP6_RS)
        memcpy(out + 8, m->target.b, 16);
    uint8_t *p = out + fixed;
    if (m->has_slla)
        p = put_mac(p, OPT_SLLA, &m->slla);
    if (m->has_tlla)
        p = put_mac(p, OPT_TLLA, &m->tlla);
    if (m->has_nonce) {
        p[0] = OPT_NONCE;
        p[1] = 1;
        memcpy(p + 2, m->nonce, ND_NONCE_LEN);
        p += 8;
    }
    size_t len = (size_t)(p - out);
    assert(len <= ND_MSG_MAX);
    icmp6_fill_csum(out, len, src, dst);
    return len;
}

struct ust_addr nd_solicited_node(const struct ust_addr *a) {
    return (struct ust_addr){{0xff, 2, [11] = 1, 0xff, a->b[13], a->b[14], a->b[15]}};
}
