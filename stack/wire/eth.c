/* SPDX-License-Identifier: ISC */
#include "wire/eth.h"

#include "wire/bytes.h"

struct eth_wire {
    uint8_t dst[6], src[6];
    be16_t type;
    be16_t tci, inner_type; /* only behind ETH_TYPE_VLAN */
} WIRE_PACKED;
WIRE_ASSERT_SIZE(eth_wire, ETH_HDR_LEN + 4);
WIRE_ASSERT_OFF(eth_wire, type, 12);

enum drop eth_parse(struct ust_slice frame, struct eth_hdr *h, struct ust_slice *payload) {
    struct eth_wire w;
    size_t len = ETH_HDR_LEN;
    if (frame.len >= len && bytes_get16(frame.p + 12) == ETH_TYPE_VLAN)
        len += 4;
    if (frame.len < len)
        return DROP_ETH_SHORT;
    memcpy(&w, frame.p, len);
    memcpy(h->dst.b, w.dst, 6);
    memcpy(h->src.b, w.src, 6);
    h->has_vlan = len > ETH_HDR_LEN;
    h->vlan_tci = h->has_vlan ? be16_get(w.tci) : 0;
    h->type = be16_get(h->has_vlan ? w.inner_type : w.type);
    *payload = slice_skip(frame, len);
    return DROP_NONE;
}

void eth_emit(const struct eth_hdr *h, uint8_t *dst) {
    struct eth_wire w;
    memcpy(w.dst, h->dst.b, 6);
    memcpy(w.src, h->src.b, 6);
    w.type = be16_of(h->type);
    memcpy(dst, &w, ETH_HDR_LEN);
}

struct ust_mac eth_mcast_mac4(uint32_t v) {
    return (struct ust_mac){
        {0x01, 0x00, 0x5e, (uint8_t)(v >> 16 & 0x7f), (uint8_t)(v >> 8), (uint8_t)v}};
}
