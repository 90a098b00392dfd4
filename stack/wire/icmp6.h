/* SPDX-License-Identifier: ISC */
/* ICMPv6 (RFC 4443): the header, echo and errors. Neighbor Discovery's bodies are in nd.h, MLD's in mld.h. */
#ifndef UST_WIRE_ICMP6_H
#define UST_WIRE_ICMP6_H

#include "base/csum.h"
#include "base/drop.h"

#define ICMP6_HDR_LEN 8
#define ICMP6_CSUM_OFF 2

enum icmp6_type {
    ICMP6_UNREACH = 1,
    ICMP6_TOO_BIG = 2,
    ICMP6_TIME_EXCEEDED = 3,
    ICMP6_PARAM_PROBLEM = 4,
    ICMP6_ECHO = 128,
    ICMP6_ECHO_REPLY = 129,
    ICMP6_MLD_QUERY = 130,
    ICMP6_MLD_REPORT = 131,
    ICMP6_MLD_DONE = 132,
    ICMP6_RS = 133,
    ICMP6_RA = 134,
    ICMP6_NS = 135,
    ICMP6_NA = 136,
    ICMP6_REDIRECT = 137,
    ICMP6_MLD2_REPORT = 143,
};
/* Below this a type is an error message (RFC 4443 2.1). */
#define ICMP6_INFO_FIRST 128

enum icmp6_unreach_code {
    ICMP6_NO_ROUTE = 0,
    ICMP6_ADMIN_PROHIBITED = 1,
    ICMP6_BEYOND_SCOPE = 2,
    ICMP6_ADDR_UNREACH = 3,
    ICMP6_PORT_UNREACH = 4,
    ICMP6_POLICY_FAIL = 5,
    ICMP6_REJECT_ROUTE = 6,
};
enum icmp6_time_code { ICMP6_HOP_LIMIT = 0, ICMP6_REASSEMBLY = 1 };
enum icmp6_param_code {
    ICMP6_BAD_FIELD = 0,
    ICMP6_UNKNOWN_NEXT = 1,
    ICMP6_UNKNOWN_OPTION = 2,
    ICMP6_SHORT_CHAIN = 3, /* RFC 7112 */
};

struct icmp6_hdr {
    uint8_t type, code;
    uint16_t id, seq; /* echo and echo reply */
    uint32_t
        param; /* the second word of the others: MTU (too big), pointer (parameter problem), 0 */
};

/*
 * Verifies the checksum over s and the pseudo header (unless csum_ok). *payload follows the 8-byte header; for Neighbor Discovery and
 * MLD, whose bodies begin at byte 4, see nd.h and mld.h, which take s itself. DROP_NONE, DROP_ICMP6_SHORT, DROP_ICMP6_CSUM. Unknown types pass.
 */
enum drop icmp6_parse(struct ust_slice s, const struct ust_addr *src, const struct ust_addr *dst,
                      bool csum_ok, struct icmp6_hdr *h, struct ust_slice *payload);
/* Writes ICMP6_HDR_LEN bytes; the checksum covers them, the pseudo header and the payload slices. */
void icmp6_emit(const struct icmp6_hdr *h, const struct ust_addr *src, const struct ust_addr *dst,
                const struct ust_slice *payload, int cnt, uint8_t *dst_hdr);
/* Computes the checksum of a whole message of len bytes and puts it in its place. */
void icmp6_fill_csum(uint8_t *msg, size_t len, const struct ust_addr *src,
                     const struct ust_addr *dst);

#endif
