/* SPDX-License-Identifier: ISC */
/* ICMP (RFC 792, RFC 1191 next-hop MTU, RFC 4884 lengths ignored). */
#ifndef UST_WIRE_ICMP4_H
#define UST_WIRE_ICMP4_H

#include "base/addr.h"
#include "base/drop.h"

#define ICMP4_HDR_LEN 8

enum icmp4_type {
    ICMP4_ECHO_REPLY = 0,
    ICMP4_UNREACH = 3,
    ICMP4_SOURCE_QUENCH = 4,
    ICMP4_REDIRECT = 5,
    ICMP4_ECHO = 8,
    ICMP4_TIME_EXCEEDED = 11,
    ICMP4_PARAM_PROBLEM = 12,
};
enum icmp4_unreach_code {
    ICMP4_NET_UNREACH = 0,
    ICMP4_HOST_UNREACH = 1,
    ICMP4_PROTO_UNREACH = 2,
    ICMP4_PORT_UNREACH = 3,
    ICMP4_FRAG_NEEDED = 4,
    ICMP4_ADMIN_PROHIBITED = 13,
};

struct icmp4_hdr {
    uint8_t type, code;
    uint16_t id, seq;        /* echo and echo reply */
    uint16_t mtu;            /* fragmentation needed: next-hop MTU, 0 from old routers */
    uint8_t pointer;         /* parameter problem */
    struct ust_addr gateway; /* redirect */
};

/* Verifies the checksum over all of s (unless csum_ok). *payload follows the 8-byte header.
 * DROP_NONE, DROP_ICMP_SHORT, DROP_ICMP_CSUM. Unknown types pass. */
enum drop icmp4_parse(struct ust_slice s, bool csum_ok, struct icmp4_hdr *h,
                      struct ust_slice *payload);
/* Writes ICMP4_HDR_LEN bytes; the checksum covers them and the payload slices. */
void icmp4_emit(const struct icmp4_hdr *h, const struct ust_slice *payload, int cnt, uint8_t *dst);

#endif
