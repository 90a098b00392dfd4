/* SPDX-License-Identifier: ISC */
/* IPv4 header (RFC 791, RFC 1122 3.2.1). */
#ifndef UST_WIRE_IP4_H
#define UST_WIRE_IP4_H

#include "base/addr.h"
#include "base/drop.h"

#define IP4_HDR_LEN 20
#define IP4_HDR_MAX 60
#define IP_PROTO_ICMP 1
#define IP_PROTO_IGMP 2
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17

struct ip4_hdr {
    uint8_t tos;
    uint8_t ttl;
    uint8_t proto;
    bool df, mf;
    uint16_t id;
    uint16_t frag_off;  /* bytes */
    uint16_t total_len; /* header and payload, bytes */
    uint8_t hdr_len;    /* bytes, 20..60 */
    struct ust_addr src, dst;
    struct ust_slice opts; /* into the packet; empty if there are none */
};

/*
 * Checks version, header length, total length (at most s.len; padding behind is cut off), checksum.
 * *payload is the bytes behind the header. DROP_NONE or one of
 * DROP_IP4_SHORT/VERSION/IHL/TOTAL_LEN/CSUM. Addresses are not judged here. gso: total_len may be
 * wrong or 0 in a coalesced frame larger than 65,535 (RFC 2675 style); then the frame's length
 * counts.
 */
enum drop ip4_parse(struct ust_slice s, struct ip4_hdr *h, struct ust_slice *payload);
/* Same without checksum and with total length allowed beyond s: a packet quoted by ICMP. */
enum drop ip4_parse_quoted(struct ust_slice s, struct ip4_hdr *h, struct ust_slice *payload);
/* Same for a header that a program wrote (IP_HDRINCL): total length and checksum are not there yet. */
enum drop ip4_parse_own(struct ust_slice s, struct ip4_hdr *h, struct ust_slice *payload);

/* Header bytes for h with its options (padded to 4). */
size_t ip4_hdr_len(const struct ip4_hdr *h);
/* Writes the header: h->total_len must be set; the checksum is computed. Returns its length. */
size_t ip4_emit(const struct ip4_hdr *h, uint8_t *dst);

/* Options: walks all of them. DROP_NONE, DROP_IP4_OPTION (overrun, length under 2) or
 * DROP_IP4_SOURCE_ROUTE; *bad_off gets the offset of the offending byte in the header for a
 * parameter problem. */
enum drop ip4_check_options(struct ust_slice opts, uint8_t *bad_off);
/* Options that a program wants to send, len bytes in opts: may it? False: malformed, a source route, or one that is not known and
 * `any` does not let through. What is behind the end is made zero, and a record route or timestamp has to start before its end. */
bool ip4_clean_options(uint8_t *opts, size_t len, bool any);
/* Of the options only those with the copied flag, for fragments after the first; returns the bytes
 * written (multiple of 4, at most 40). */
size_t ip4_copy_options(struct ust_slice opts, uint8_t *dst);

#endif
