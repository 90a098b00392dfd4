/* SPDX-License-Identifier: ISC */
#include "wire/arp.h"

#include "wire/bytes.h"

#define HTYPE_ETHER 1
#define PTYPE_IP4 0x0800

struct arp_wire {
    be16_t htype, ptype;
    uint8_t hlen, plen;
    be16_t op;
    uint8_t sha[6];
    be32_t spa;
    uint8_t tha[6];
    be32_t tpa;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(arp_wire, ARP_LEN);
WIRE_ASSERT_OFF(arp_wire, spa, 14);
WIRE_ASSERT_OFF(arp_wire, tpa, 24);

enum drop arp_parse(struct ust_slice s, struct arp_hdr *h) {
    struct arp_wire w;
    if (s.len < sizeof w)
        return DROP_ARP_SHORT;
    memcpy(&w, s.p, sizeof w);
    if (be16_get(w.htype) != HTYPE_ETHER || be16_get(w.ptype) != PTYPE_IP4 || w.hlen != 6 ||
        w.plen != 4)
        return DROP_ARP_TYPE;
    h->op = be16_get(w.op);
    if (h->op != ARP_OP_REQUEST && h->op != ARP_OP_REPLY)
        return DROP_ARP_OP;
    memcpy(h->sha.b, w.sha, 6);
    memcpy(h->tha.b, w.tha, 6);
    h->spa = addr_from_ip4(be32_get(w.spa));
    h->tpa = addr_from_ip4(be32_get(w.tpa));
    return DROP_NONE;
}

void arp_emit(const struct arp_hdr *h, uint8_t *dst) {
    struct arp_wire w = {
        .htype = be16_of(HTYPE_ETHER),
        .ptype = be16_of(PTYPE_IP4),
        .hlen = 6,
        .plen = 4,
        .op = be16_of(h->op),
        .spa = be32_of(addr_ip4(&h->spa)),
        .tpa = be32_of(addr_ip4(&h->tpa)),
    };
    memcpy(w.sha, h->sha.b, 6);
    memcpy(w.tha, h->tha.b, 6);
    memcpy(dst, &w, sizeof w);
}
