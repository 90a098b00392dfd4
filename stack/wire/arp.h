/* SPDX-License-Identifier: ISC */
/* ARP for IPv4 over Ethernet (RFC 826). */
#ifndef UST_WIRE_ARP_H
#define UST_WIRE_ARP_H

#include "base/addr.h"
#include "base/drop.h"

#define ARP_LEN 28
#define ARP_OP_REQUEST 1
#define ARP_OP_REPLY 2

struct arp_hdr {
    uint16_t op;
    struct ust_mac sha, tha;  /* sender and target hardware address */
    struct ust_addr spa, tpa; /* sender and target protocol address */
};

/* DROP_NONE, DROP_ARP_SHORT, DROP_ARP_TYPE or DROP_ARP_OP. Padding behind is allowed. */
enum drop arp_parse(struct ust_slice s, struct arp_hdr *h);
/* Writes ARP_LEN bytes. */
void arp_emit(const struct arp_hdr *h, uint8_t *dst);

#endif
