/* SPDX-License-Identifier: ISC */
#include "wire/ip6.h"

#include "wire/bytes.h"

#define OPT_PAD1 0
#define OPT_PADN 1
#define OPT_ROUTER_ALERT 5
#define FRAG_MORE 1

struct ip6_wire {
    be32_t ver_class_flow;
    be16_t payload_len;
    uint8_t next, hop_limit;
    uint8_t src[16], dst[16];
} WIRE_PACKED;
WIRE_ASSERT_SIZE(ip6_wire, IP6_HDR_LEN);
WIRE_ASSERT_OFF(ip6_wire, payload_len, IP6_OFF_PAYLOAD_LEN);
WIRE_ASSERT_OFF(ip6_wire, next, IP6_OFF_NEXT);
WIRE_ASSERT_OFF(ip6_wire, src, 8);

struct ip6_frag_wire {
    uint8_t next, reserved;
    be16_t off_more;
    be32_t id;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(ip6_frag_wire, IP6_FRAG_LEN);

static enum drop parse(struct ust_slice s, bool quoted, struct ip6_hdr *h,
                       struct ust_slice *payload) {
    struct ip6_wire w;
    if (s.len < sizeof w)
        return DROP_IP6_SHORT;
    memcpy(&w, s.p, sizeof w);
    uint32_t vcf = be32_get(w.ver_class_flow);
    if (vcf >> 28 != 6)
        return DROP_IP6_VERSION;
    size_t len = be16_get(w.payload_len), room = s.len - sizeof w;
    if (room > UINT16_MAX)
        len = room; /* coalesced: 16 bits cannot say it */
    if (!quoted && len > room)
        return DROP_IP6_PAYLOAD_LEN;
    h->tclass = (uint8_t)(vcf >> 20);
    h->flow_label = vcf & 0xfffff;
    h->payload_len = be16_get(w.payload_len);
    h->next = w.next;
    h->hop_limit = w.hop_limit;
    memcpy(h->src.b, w.src, 16);
    memcpy(h->dst.b, w.dst, 16);
    *payload = slice_head(slice_skip(s, sizeof w), len);
    return DROP_NONE;
}

enum drop ip6_parse(struct ust_slice s, struct ip6_hdr *h, struct ust_slice *payload) {
    return parse(s, false, h, payload);
}

enum drop ip6_parse_quoted(struct ust_slice s, struct ip6_hdr *h, struct ust_slice *payload) {
    return parse(s, true, h, payload);
}

void ip6_emit(const struct ip6_hdr *h, uint8_t *dst) {
    struct ip6_wire w = {
        .ver_class_flow = be32_of(6u << 28 | (uint32_t)h->tclass << 20 | (h->flow_label & 0xfffff)),
        .payload_len = be16_of(h->payload_len),
        .next = h->next,
        .hop_limit = h->hop_limit,
    };
    memcpy(w.src, h->src.b, 16);
    memcpy(w.dst, h->dst.b, 16);
    memcpy(dst, &w, sizeof w);
}

/* ---- extension headers ---- */

enum drop ip6_ext_parse(struct ust_slice s, struct ip6_ext *x) {
    size_t len = s.len >= 8 ? ((size_t)s.p[1] + 1) * 8 : 8;
    if (s.len < len)
        return DROP_IP6_EXT_SHORT;
    x->next = s.p[0];
    x->len = (uint16_t)len;
    x->opts = slice_of(s.p + 2, len - 2);
    x->routing_type = s.p[2];
    x->segments_left = s.p[3];
    return DROP_NONE;
}

enum drop ip6_frag_parse(struct ust_slice s, struct ip6_frag *f, struct ust_slice *payload) {
    struct ip6_frag_wire w;
    if (s.len < sizeof w)
        return DROP_IP6_FRAG_SHORT;
    memcpy(&w, s.p, sizeof w);
    uint16_t v = be16_get(w.off_more);
    f->next = w.next;
    f->off = (uint16_t)(v & ~7u);
    f->more = v & FRAG_MORE;
    f->id = be32_get(w.id);
    *payload = slice_skip(s, sizeof w);
    return DROP_NONE;
}

void ip6_frag_emit(const struct ip6_frag *f, uint8_t *dst) {
    assert(f->off % 8 == 0);
    struct ip6_frag_wire w = {
        .next = f->next,
        .off_more = be16_of((uint16_t)(f->off | (f->more ? FRAG_MORE : 0))),
        .id = be32_of(f->id),
    };
    memcpy(dst, &w, sizeof w);
}

enum ip6_opt_verdict ip6_check_options(struct ust_slice opts, uint32_t *bad_off,
                                       bool *router_alert) {
    static const enum ip6_opt_verdict by_action[4] = {IP6_OPT_OK, IP6_OPT_DROP, IP6_OPT_TELL,
                                                      IP6_OPT_TELL_UNICAST};
    size_t len;
    *router_alert = false;
    for (size_t i = 0; i < opts.len; i += len) {
        uint8_t type = opts.p[i];
        *bad_off = (uint32_t)i;
        len = 1;
        if (type == OPT_PAD1)
            continue;
        if (opts.len - i < 2 || opts.p[i + 1] > opts.len - i - 2)
            return IP6_OPT_BAD;
        len = 2u + opts.p[i + 1];
        if (type == OPT_ROUTER_ALERT)
            *router_alert = true;
        else if (type != OPT_PADN && by_action[type >> 6] != IP6_OPT_OK)
            return by_action[type >> 6];
    }
    return IP6_OPT_OK;
}

bool ip6_upper(struct ust_slice packet, uint8_t *proto, uint32_t *off, uint32_t *frag_off) {
    *frag_off = 0;
    if (packet.len < IP6_HDR_LEN)
        return false;
    uint8_t next = packet.p[IP6_OFF_NEXT];
    struct ust_slice s = slice_skip(packet, IP6_HDR_LEN);
    while (ip6_is_ext(next) || next == IP_PROTO_FRAGMENT) {
        struct ip6_ext x;
        struct ip6_frag f;
        if (next == IP_PROTO_FRAGMENT) {
            if (ip6_frag_parse(s, &f, &s) != DROP_NONE)
                return false;
            *frag_off = f.off;
            if (f.off)
                return false;
            next = f.next;
        } else {
            if (ip6_ext_parse(s, &x) != DROP_NONE)
                return false;
            next = x.next;
            s = slice_skip(s, x.len);
        }
    }
    *proto = next;
    *off = (uint32_t)(s.p - packet.p);
    return true;
}

uint32_t ip6_last_next(const uint8_t *hdr, size_t len) {
    size_t field = IP6_OFF_NEXT, at = IP6_HDR_LEN;
    assert(len >= IP6_HDR_LEN);
    while (at + 8 <= len) {
        field = at;
        at += ((size_t)hdr[at + 1] + 1) * 8;
    }
    return (uint32_t)field;
}

void ip6_unfragment(uint8_t *hdr, size_t len, uint8_t next, uint16_t payload_len) {
    bytes_put16(hdr + IP6_OFF_PAYLOAD_LEN, payload_len);
    hdr[ip6_last_next(hdr, len)] = next;
}

void ip6_emit_router_alert(uint8_t next, uint8_t *dst) {
    const uint8_t b[IP6_ROUTER_ALERT_LEN] = {next, 0, OPT_ROUTER_ALERT, 2, 0, 0, OPT_PADN, 0};
    memcpy(dst, b, sizeof b);
}

struct ust_mac eth_mcast_mac6(const struct ust_addr *g) {
    return (struct ust_mac){{0x33, 0x33, g->b[12], g->b[13], g->b[14], g->b[15]}};
}
