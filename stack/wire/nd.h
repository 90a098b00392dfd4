/* SPDX-License-Identifier: ISC */
/*
 * Neighbor Discovery messages (RFC 4861 4) with their options, and those of RFC 4191 (routes), RFC 8106 (DNS), RFC 3971 5.3.2 (nonce). The checks here are those
 * of a message alone (RFC 4861 6.1, 7.1, 8.1: hop limit, code, lengths); addresses are judged in net/.
 */
#ifndef UST_WIRE_ND_H
#define UST_WIRE_ND_H

#include "wire/icmp6.h"

#define ND_PREFIX_MAX 8 /* options of one message that are kept; the rest is skipped */
#define ND_ROUTE_MAX 8
#define ND_RDNSS_MAX 4
#define ND_DNSSL_MAX 4
#define ND_NONCE_LEN 6  /* what we send; others may be longer: of those this much counts */
#define ND_NAME_MAX 254 /* text of a domain name with its NUL */
#define ND_MSG_MAX 96   /* largest message that nd_emit() writes */

enum nd_pref { ND_PREF_LOW = -1, ND_PREF_MEDIUM = 0, ND_PREF_HIGH = 1 };

struct nd_prefix {
    struct ust_addr prefix; /* as it stood: bits behind plen are not cleared */
    uint8_t plen;
    bool on_link, autonomous;
    uint32_t valid_s, preferred_s; /* UINT32_MAX: for ever */
};
struct nd_route {
    struct ust_addr prefix;
    uint8_t plen;
    int8_t pref; /* enum nd_pref */
    uint32_t lifetime_s;
};
struct nd_rdnss {
    struct ust_addr addr;
    uint32_t lifetime_s;
};
struct nd_dnssl {
    char name[ND_NAME_MAX]; /* "example.org" */
    uint32_t lifetime_s;
};

/* One message of any of the five types; which fields count, the type says. */
struct nd_msg {
    uint8_t type;                     /* enum icmp6_type */
    struct ust_addr target;           /* NS, NA, redirect */
    struct ust_addr dst;              /* redirect */
    bool router, solicited, override; /* NA */
    /* RA */
    uint8_t hop_limit; /* 0: unspecified */
    bool managed, other;
    int8_t pref; /* enum nd_pref; a reserved value is medium */
    uint16_t router_lifetime_s;
    uint32_t reachable_ms, retrans_ms; /* 0: unspecified */
    /* options */
    bool has_slla, has_tlla, has_mtu, has_nonce;
    struct ust_mac slla, tlla;
    uint32_t mtu;
    uint8_t nonce[ND_NONCE_LEN];
    uint8_t prefix_cnt, route_cnt, rdnss_cnt, dnssl_cnt;
    struct nd_prefix prefix[ND_PREFIX_MAX];
    struct nd_route route[ND_ROUTE_MAX];
    struct nd_rdnss rdnss[ND_RDNSS_MAX];
    struct nd_dnssl dnssl[ND_DNSSL_MAX];
    struct ust_slice redirected; /* redirect: the packet that it is about, or empty */
};

/*
 * s is the whole ICMPv6 message, its checksum good. DROP_NONE; DROP_ND_HOP_LIMIT (not 255), DROP_ND_CODE, DROP_ND_SHORT, DROP_ND_OPTION (length 0 or over the end).
 * Options of a wrong length for their type are skipped, as unknown ones are.
 */
enum drop nd_parse(struct ust_slice s, uint8_t hop_limit, struct nd_msg *m);
/*
 * Writes NS, NA or RS with the link-layer address and nonce options that m says it has: at most ND_MSG_MAX bytes, checksum included; returns the length.
 */
size_t nd_emit(const struct nd_msg *m, const struct ust_addr *src, const struct ust_addr *dst,
               uint8_t *out);

/* ff02::1:ffXX:XXXX (RFC 4291 2.7.1). */
struct ust_addr nd_solicited_node(const struct ust_addr *a);

#endif
