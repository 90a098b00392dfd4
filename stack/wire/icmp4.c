/* SPDX-License-Identifier: ISC */
#include "wire/icmp4.h"

#include "base/csum.h"
#include "wire/bytes.h"

struct icmp4_wire {
    uint8_t type, code;
    be16_t csum;
    uint8_t rest[4]; /* by type */
} WIRE_PACKED;
WIRE_ASSERT_SIZE(icmp4_wire, ICMP4_HDR_LEN);

enum drop icmp4_parse(struct ust_slice s, bool csum_ok, struct icmp4_hdr *h,
                      struct ust_slice *payload) {
    struct icmp4_wire w;
    if (s.len < sizeof w)
        return DROP_ICMP_SHORT;
    if (!csum_ok) {
        struct csum c = {0};
        csum_add(&c, s.p, s.len);
        if (csum_finish(&c) != 0)
            return DROP_ICMP_CSUM;
    }
    memcpy(&w, s.p, sizeof w);
    memset(h, 0, sizeof *h);
    h->type = w.type;
    h->code = w.code;
    if (h->type == ICMP4_ECHO || h->type == ICMP4_ECHO_REPLY) {
        h->id = bytes_get16(w.rest);
        h->seq = bytes_get16(w.rest + 2);
    } else if (h->type == ICMP4_UNREACH && h->code == ICMP4_FRAG_NEEDED) {
        h->mtu = bytes_get16(w.rest + 2); /* RFC 1191 4 */
    } else if (h->type == ICMP4_PARAM_PROBLEM) {
        h->pointer = w.rest[0];
    } else if (h->type == ICMP4_REDIRECT) {
        h->gateway = addr_from_ip4(bytes_get32(w.rest));
    }
    *payload = slice_skip(s, sizeof w);
    return DROP_NONE;
}

void icmp4_emit(const struct icmp4_hdr *h, const struct ust_slice *payload, int cnt, uint8_t *dst) {
    struct icmp4_wire w = {.type = h->type, .code = h->code};
    if (h->type == ICMP4_ECHO || h->type == ICMP4_ECHO_REPLY) {
        bytes_put16(w.rest, h->id);
        bytes_put16(w.rest + 2, h->seq);
    } else if (h->type == ICMP4_UNREACH && h->code == ICMP4_FRAG_NEEDED) {
        bytes_put16(w.rest + 2, h->mtu);
    } else if (h->type == ICMP4_PARAM_PROBLEM) {
        w.rest[0] = h->pointer;
    } else if (h->type == ICMP4_REDIRECT) {
        bytes_put32(w.rest, addr_ip4(&h->gateway));
    }
    struct csum c = {0};
    csum_add(&c, &w, sizeof w);
    for (int i = 0; i < cnt; i++)
        csum_add(&c, payload[i].p, payload[i].len);
    w.csum = be16_raw(csum_finish(&c));
    memcpy(dst, &w, sizeof w);
}
