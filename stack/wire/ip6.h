/* SPDX-License-Identifier: ISC */
/* IPv6 header, extension headers, options (RFC 8200). */
#ifndef UST_WIRE_IP6_H
#define UST_WIRE_IP6_H

#include "base/addr.h"
#include "base/drop.h"

#define IP6_HDR_LEN 40
#define IP6_MIN_MTU 1280
#define IP6_FRAG_LEN 8
#define IP6_OFF_PAYLOAD_LEN 4 /* of fields, for parameter problems */
#define IP6_OFF_NEXT 6

#define IP_PROTO_HOPOPTS 0
#define IP_PROTO_ROUTING 43
#define IP_PROTO_FRAGMENT 44
#define IP_PROTO_ICMP6 58
#define IP_PROTO_NONE 59
#define IP_PROTO_DSTOPTS 60

struct ip6_hdr {
    uint8_t tclass;
    uint32_t flow_label; /* 20 bits */
    uint16_t payload_len;
    uint8_t next; /* Next Header */
    uint8_t hop_limit;
    struct ust_addr src, dst;
};

/*
 * Checks version and payload length (at most what follows; padding behind is cut off). *payload is the bytes behind the
 * header. DROP_NONE or DROP_IP6_SHORT/VERSION/PAYLOAD_LEN. Addresses are not judged here. A frame of more than 65,575 bytes is a coalesced
 * one: then its own length counts (a length field of 0 goes with it).
 */
enum drop ip6_parse(struct ust_slice s, struct ip6_hdr *h, struct ust_slice *payload);
/* The same with a payload length allowed beyond s: a packet quoted by ICMPv6. */
enum drop ip6_parse_quoted(struct ust_slice s, struct ip6_hdr *h, struct ust_slice *payload);
/* Writes IP6_HDR_LEN bytes. */
void ip6_emit(const struct ip6_hdr *h, uint8_t *dst);
/* 4 or 6, whatever the packet's first byte says; 0 if there is none. */
static inline unsigned ip_version(struct ust_slice packet) {
    return packet.len ? packet.p[0] >> 4 : 0;
}

/* ---- extension headers ---- */

/* Hop-by-hop and destination options, routing header: what they have in common. */
struct ip6_ext {
    uint8_t next;
    uint16_t len;          /* of the whole header, bytes, a multiple of 8 */
    struct ust_slice opts; /* options headers: behind the first two bytes */
    uint8_t routing_type;  /* routing header */
    uint8_t segments_left;
};
static inline bool ip6_is_ext(uint8_t proto) {
    return proto == IP_PROTO_HOPOPTS || proto == IP_PROTO_ROUTING || proto == IP_PROTO_DSTOPTS;
}
/* DROP_NONE or DROP_IP6_EXT_SHORT. */
enum drop ip6_ext_parse(struct ust_slice s, struct ip6_ext *x);

struct ip6_frag {
    uint8_t next;
    uint16_t off; /* bytes, a multiple of 8 */
    bool more;
    uint32_t id;
};
/* *payload is what follows. DROP_NONE or DROP_IP6_FRAG_SHORT. */
enum drop ip6_frag_parse(struct ust_slice s, struct ip6_frag *f, struct ust_slice *payload);
/* Writes IP6_FRAG_LEN bytes. */
void ip6_frag_emit(const struct ip6_frag *f, uint8_t *dst);

/* What the options of one header ask for (RFC 8200 4.2). */
enum ip6_opt_verdict {
    IP6_OPT_OK,
    IP6_OPT_BAD,          /* one runs over the end: parameter problem, code 0 */
    IP6_OPT_DROP,         /* unknown, action 01 */
    IP6_OPT_TELL,         /* unknown, action 10: parameter problem, code 2 */
    IP6_OPT_TELL_UNICAST, /* unknown, action 11: the same, unless the packet went to a group */
};
/* Walks all; *bad_off: offset in opts of the option that is to blame; *router_alert is set if that option is there (RFC 2711). */
enum ip6_opt_verdict ip6_check_options(struct ust_slice opts, uint32_t *bad_off,
                                       bool *router_alert);
/*
 * Follows the headers of packet (from the IPv6 header on) to the upper layer, fragment header of a first or atomic fragment included: true if
 * all of them are there, with *proto and *off of the upper-layer header; *frag_off is the offset of a fragment that is not the first (then nothing more can be said, and
 * false is returned). For packets quoted by ICMPv6, and RFC 7112.
 */
bool ip6_upper(struct ust_slice packet, uint8_t *proto, uint32_t *off, uint32_t *frag_off);
/* Offset of the last Next Header field in the headers of a packet, which are len bytes and have been parsed before. */
uint32_t ip6_last_next(const uint8_t *hdr, size_t len);
/*
 * Makes the header of a whole packet of the headers in front of a fragment header, len bytes: sets the last Next Header field, and the payload
 * length (of everything behind the IPv6 header).
 */
void ip6_unfragment(uint8_t *hdr, size_t len, uint8_t next, uint16_t payload_len);

#define IP6_ROUTER_ALERT_LEN 8
/* Hop-by-hop header with a router alert for MLD (RFC 2711) in front of next: IP6_ROUTER_ALERT_LEN bytes. */
void ip6_emit_router_alert(uint8_t next, uint8_t *dst);

/* The group address that IPv6 multicast goes to (RFC 2464 7). */
struct ust_mac eth_mcast_mac6(const struct ust_addr *group);

#endif
