/* SPDX-License-Identifier: ISC */
#include "wire/udp.h"

#include "wire/bytes.h"
#include "wire/ip4.h" /* IP_PROTO_UDP */

struct udp_wire {
    be16_t sport, dport, len, csum;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(udp_wire, UDP_HDR_LEN);
WIRE_ASSERT_OFF(udp_wire, csum, UDP_CSUM_OFF);

static const be16_t no_csum;

/* s: the datagram as its length field says. */
/* RFC 8200 8.1 MUST-17 */
static bool csum_is_good(struct ust_slice s, const struct udp_wire *w, const struct ust_addr *src,
                         const struct ust_addr *dst) {
    struct csum c = {0};
    if (w->csum == no_csum)
        return addr_is_ip4(src); /* RFC 8200 8.1: not over IPv6 */
    csum_add_pseudo(&c, src, dst, IP_PROTO_UDP, (uint32_t)s.len);
    csum_add(&c, s.p, s.len);
    return csum_finish(&c) == 0;
}

enum drop udp_parse(struct ust_slice s, const struct ust_addr *src, const struct ust_addr *dst,
                    bool csum_ok, struct udp_hdr *h, struct ust_slice *payload) {
    struct udp_wire w;
    if (s.len < sizeof w)
        return DROP_UDP_SHORT;
    memcpy(&w, s.p, sizeof w);
    h->sport = be16_get(w.sport);
    h->dport = be16_get(w.dport);
    h->len = be16_get(w.len);
    if (h->len < sizeof w || h->len > s.len)
        return DROP_UDP_LEN;
    s.len = h->len;
    if (!csum_ok && !csum_is_good(s, &w, src, dst))
        return DROP_UDP_CSUM;
    *payload = slice_skip(s, sizeof w);
    return DROP_NONE;
}

static struct udp_wire wire_of(const struct udp_hdr *h) {
    struct udp_wire w = {
        .sport = be16_of(h->sport),
        .dport = be16_of(h->dport),
        .len = be16_of(h->len),
    };
    return w;
}

void udp_emit(const struct udp_hdr *h, const struct ust_addr *src, const struct ust_addr *dst,
              const struct ust_slice *payload, int cnt, uint8_t *dst_hdr) {
    struct udp_wire w = wire_of(h);
    struct csum c = {0};
    csum_add_pseudo(&c, src, dst, IP_PROTO_UDP, h->len);
    csum_add(&c, &w, sizeof w);
    for (int i = 0; i < cnt; i++)
        csum_add(&c, payload[i].p, payload[i].len);
    uint16_t v = csum_finish(&c);
    w.csum = be16_raw(v ? v : 0xffff); /* RFC 768: 0 would mean that there is none */
    memcpy(dst_hdr, &w, sizeof w);
}

void udp_emit_partial(const struct udp_hdr *h, const struct ust_addr *src,
                      const struct ust_addr *dst, uint8_t *dst_hdr) {
    struct udp_wire w = wire_of(h);
    struct csum c = {0};
    csum_add_pseudo(&c, src, dst, IP_PROTO_UDP, h->len);
    w.csum = be16_raw(csum_partial(&c));
    memcpy(dst_hdr, &w, sizeof w);
}

void udp_emit_nocsum(const struct udp_hdr *h, uint8_t *dst_hdr) {
    struct udp_wire w = wire_of(h);
    memcpy(dst_hdr, &w, sizeof w);
}

bool udp_parse_ports(struct ust_slice s, uint16_t *sport, uint16_t *dport) {
    if (s.len < 4)
        return false;
    *sport = bytes_get16(s.p);
    *dport = bytes_get16(s.p + 2);
    return true;
}
