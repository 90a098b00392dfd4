/* SPDX-License-Identifier: ISC */
#include "wire/gso_hdr.h"

#include "base/csum.h"
#include "wire/bytes.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define IP6_HDR_LEN 40

/* Sets l4_off and proto, and cuts s (the IP packet) to what the IP header says; a length of 0 or
 * beyond s is a coalesced frame too large for the field: then the frame's length counts. */
static bool parse_ip(struct gso_hdr *g, uint16_t type, struct ust_slice *s) {
    size_t hdr, total;
    if (type == ETH_TYPE_IP4) {
        if (s->len < IP4_HDR_LEN || s->p[0] >> 4 != 4)
            return false;
        hdr = (size_t)(s->p[0] & 15) * 4;
        total = bytes_get16(s->p + 2);
        if (hdr < IP4_HDR_LEN || (bytes_get16(s->p + 6) & 0x3fff))
            return false;
        g->proto = s->p[9];
        g->ip6 = false;
    } else if (type == ETH_TYPE_IP6) {
        if (s->len < IP6_HDR_LEN || s->p[0] >> 4 != 6)
            return false;
        hdr = IP6_HDR_LEN;
        total = bytes_get16(s->p + 4);
        if (total)
            total += IP6_HDR_LEN;
        g->proto = s->p[6];
        g->ip6 = true;
    } else {
        return false;
    }
    if (s->len < hdr)
        return false;
    if (total >= hdr && total < s->len)
        s->len = total;
    g->l4_off = (uint16_t)(g->l3_off + hdr);
    *s = slice_skip(*s, hdr);
    return true;
}

bool gso_hdr_parse(struct ust_slice frame, struct gso_hdr *g) {
    struct eth_hdr eh;
    struct ust_slice s;
    if (eth_parse(frame, &eh, &s) != DROP_NONE)
        return false;
    g->l3_off = (uint16_t)(s.p - frame.p);
    if (!parse_ip(g, eh.type, &s))
        return false;
    size_t l4_hdr;
    if (g->proto == IP_PROTO_TCP) {
        if (s.len < TCP_HDR_LEN)
            return false;
        l4_hdr = (size_t)(s.p[12] >> 4) * 4;
        if (l4_hdr < TCP_HDR_LEN)
            return false;
    } else if (g->proto == IP_PROTO_UDP) {
        l4_hdr = UDP_HDR_LEN;
    } else {
        return false;
    }
    if (s.len < l4_hdr)
        return false;
    g->hdr_len = (uint16_t)(g->l4_off + l4_hdr);
    g->payload_len = (uint32_t)(s.len - l4_hdr);
    return true;
}

static uint32_t csum_off(const struct gso_hdr *g) {
    return g->l4_off + (g->proto == IP_PROTO_TCP ? TCP_CSUM_OFF : UDP_CSUM_OFF);
}

static void pseudo_csum(const struct gso_hdr *g, const uint8_t *l3, uint32_t l4_len,
                        struct csum *c) {
    uint8_t tail[8] = {0};
    bytes_put32(tail, l4_len);
    tail[7] = g->proto;
    if (g->ip6)
        csum_add(c, l3 + 8, 32);
    else
        csum_add(c, l3 + 12, 8);
    csum_add(c, tail, sizeof tail);
}

bool gso_hdr_csum_is_open(struct ust_slice frame) {
    struct gso_hdr g;
    struct csum c = {0};
    if (!gso_hdr_parse(frame, &g))
        return false;
    pseudo_csum(&g, frame.p + g.l3_off, (uint32_t)(g.hdr_len - g.l4_off) + g.payload_len, &c);
    uint16_t v = csum_partial(&c);
    return memcmp(frame.p + csum_off(&g), &v, sizeof v) == 0;
}

static void l4_csum(const struct gso_hdr *g, uint8_t *frame, uint32_t l4_len) {
    struct csum c = {0};
    uint8_t *l4 = frame + g->l4_off, *field = frame + csum_off(g);
    bytes_put16(field, 0);
    pseudo_csum(g, frame + g->l3_off, l4_len, &c);
    csum_add(&c, l4, l4_len);
    uint16_t v = csum_finish(&c);
    if (v == 0 && g->proto == IP_PROTO_UDP)
        v = 0xffff; /* RFC 768: 0 means none */
    memcpy(field, &v, sizeof v);
}

void gso_hdr_segment(const struct gso_hdr *g, uint8_t *frame, uint32_t len, uint32_t off,
                     uint16_t idx, bool last) {
    uint8_t *l3 = frame + g->l3_off, *l4 = frame + g->l4_off;
    uint32_t l4_len = (uint32_t)(g->hdr_len - g->l4_off) + len;
    if (g->ip6) {
        bytes_put16(l3 + 4, (uint16_t)l4_len);
    } else {
        bytes_put16(l3 + 2, (uint16_t)((uint32_t)(g->l4_off - g->l3_off) + l4_len));
        bytes_put16(l3 + 4, (uint16_t)(bytes_get16(l3 + 4) + idx));
        bytes_put16(l3 + 10, 0);
        struct csum c = {0};
        csum_add(&c, l3, (size_t)(g->l4_off - g->l3_off));
        uint16_t v = csum_finish(&c);
        memcpy(l3 + 10, &v, sizeof v);
    }
    if (g->proto == IP_PROTO_TCP) {
        bytes_put32(l4 + 4, bytes_get32(l4 + 4) + off);
        if (!last)
            l4[13] = (uint8_t)(l4[13] & ~(TCPF_FIN | TCPF_PSH));
        if (idx > 0)
            l4[13] = (uint8_t)(l4[13] & ~TCPF_CWR);
    } else {
        bytes_put16(l4 + 4, (uint16_t)l4_len);
    }
    l4_csum(g, frame, l4_len);
}

void gso_hdr_fill_csum(const struct gso_hdr *g, uint8_t *frame) {
    l4_csum(g, frame, (uint32_t)(g->hdr_len - g->l4_off) + g->payload_len);
}

void pkt_complete_csum(struct pkt_tx *p) {
    if (!p->needs_csum)
        return;
    uint8_t *field = p->head + PKT_L4_OFF + p->csum_off;
    struct csum c = {0};
    assert(PKT_L4_OFF + p->csum_off + 2 <= p->head_end);
    csum_add(&c, p->head + PKT_L4_OFF, (size_t)(p->head_end - PKT_L4_OFF));
    for (int i = 0; i < p->slice_cnt; i++)
        csum_add(&c, p->body[i].p, p->body[i].len);
    uint16_t v = csum_finish(&c);
    if (v == 0 && p->csum_off == UDP_CSUM_OFF)
        v = 0xffff; /* RFC 768: 0 means none */
    memcpy(field, &v, sizeof v);
    p->needs_csum = false;
}
