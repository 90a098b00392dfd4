/* SPDX-License-Identifier: ISC */
/* Ethernet II framing (RFC 894; IEEE 802.1Q tags read, not written). */
#ifndef UST_WIRE_ETH_H
#define UST_WIRE_ETH_H

#include "base/addr.h"
#include "base/drop.h"

#define ETH_HDR_LEN 14
#define ETH_TYPE_IP4 0x0800
#define ETH_TYPE_ARP 0x0806
#define ETH_TYPE_VLAN 0x8100
#define ETH_TYPE_IP6 0x86dd

struct eth_hdr {
    struct ust_mac dst, src;
    uint16_t type; /* of the payload, behind a tag if there is one */
    bool has_vlan;
    uint16_t vlan_tci;
};

/* Parses the header; *payload is what follows. DROP_NONE or DROP_ETH_SHORT. */
enum drop eth_parse(struct ust_slice frame, struct eth_hdr *h, struct ust_slice *payload);
/* Writes ETH_HDR_LEN bytes. */
void eth_emit(const struct eth_hdr *h, uint8_t *dst);

/* Did the frame go to a broadcast or multicast address? */
static inline bool eth_dst_is_group(struct ust_slice frame) {
    return frame.len && (frame.p[0] & 1);
}
/* The group address that IPv4 multicast to v (host order) goes to (RFC 1112 6.4). */
struct ust_mac eth_mcast_mac4(uint32_t v);

#endif
