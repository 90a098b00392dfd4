/* SPDX-License-Identifier: ISC */
#include "wire/icmp6.h"

#include "wire/bytes.h"
#include "wire/ip6.h"

struct icmp6_wire {
    uint8_t type, code;
    be16_t csum;
    uint8_t rest[4]; /* by type */
} WIRE_PACKED;
WIRE_ASSERT_SIZE(icmp6_wire, ICMP6_HDR_LEN);
WIRE_ASSERT_OFF(icmp6_wire, csum, ICMP6_CSUM_OFF);

static bool is_echo(uint8_t type) { return type == ICMP6_ECHO || type == ICMP6_ECHO_REPLY; }

/* RFC 8200 8.1 MUST-16 */
enum drop icmp6_parse(struct ust_slice s, const struct ust_addr *src, const struct ust_addr *dst,
                      bool csum_ok, struct icmp6_hdr *h, struct ust_slice *payload) {
    struct icmp6_wire w;
    if (s.len < sizeof w)
        return DROP_ICMP6_SHORT;
    if (!csum_ok) {
        struct csum c = {0};
        csum_add_pseudo(&c, src, dst, IP_PROTO_ICMP6, (uint32_t)s.len);
        csum_add(&c, s.p, s.len);
        if (csum_finish(&c) != 0)
            return DROP_ICMP6_CSUM; /* RFC 4443 2.3 */
    }
    memcpy(&w, s.p, sizeof w);
    memset(h, 0, sizeof *h);
    h->type = w.type;
    h->code = w.code;
    if (is_echo(h->type)) {
        h->id = bytes_get16(w.rest);
        h->seq = bytes_get16(w.rest + 2);
    } else {
        h->param = bytes_get32(w.rest);
    }
    *payload = slice_skip(s, sizeof w);
    return DROP_NONE;
}

void icmp6_emit(const struct icmp6_hdr *h, const struct ust_addr *src, const struct ust_addr *dst,
                const struct ust_slice *payload, int cnt, uint8_t *dst_hdr) {
    struct icmp6_wire w = {.type = h->type, .code = h->code};
    if (is_echo(h->type)) {
        bytes_put16(w.rest, h->id);
        bytes_put16(w.rest + 2, h->seq);
    } else {
        bytes_put32(w.rest, h->param);
    }
    struct csum c = {0};
    size_t len = sizeof w;
    for (int i = 0; i < cnt; i++)
        len += payload[i].len;
    csum_add_pseudo(&c, src, dst, IP_PROTO_ICMP6, (uint32_t)len);
    csum_add(&c, &w, sizeof w);
    for (int i = 0; i < cnt; i++)
        csum_add(&c, payload[i].p, payload[i].len);
    w.csum = be16_raw(csum_finish(&c));
    memcpy(dst_hdr, &w, sizeof w);
}

void icmp6_fill_csum(uint8_t *msg, size_t len, const struct ust_addr *src,
                     const struct ust_addr *dst) {
    struct csum c = {0};
    bytes_put16(msg + ICMP6_CSUM_OFF, 0);
    csum_add_pseudo(&c, src, dst, IP_PROTO_ICMP6, (uint32_t)len);
    csum_add(&c, msg, len);
    uint16_t v = csum_finish(&c);
    memcpy(msg + ICMP6_CSUM_OFF, &v, sizeof v);
}
