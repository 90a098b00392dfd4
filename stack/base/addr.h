/* SPDX-License-Identifier: ISC */
/*
 * One address type for both families: 16 bytes in network order, IPv4 as ::ffff:a.b.c.d
 * (RFC 4291 2.5.5.2). The unspecified address is all zero for both families; 0.0.0.0 as an IPv4
 * address is ::ffff:0.0.0.0.
 */
#ifndef UST_BASE_ADDR_H
#define UST_BASE_ADDR_H

#include "base/types.h"

struct ust_addr {
    uint8_t b[16];
};

struct ust_mac {
    uint8_t b[6];
};

#define ADDR_STR_LEN 48 /* room for any text form and its NUL */
#define MAC_STR_LEN 18

/* v in host order: 10.0.0.1 is 0x0a000001. */
struct ust_addr addr_from_ip4(uint32_t v);
/* IPv4 address in host order; only for addr_is_ip4(). */
uint32_t addr_ip4(const struct ust_addr *a);

static inline bool addr_eq(const struct ust_addr *a, const struct ust_addr *b) {
    return memcmp(a->b, b->b, 16) == 0;
}
bool addr_is_ip4(const struct ust_addr *a);
/* ::, or ::ffff:0.0.0.0. */
bool addr_is_any(const struct ust_addr *a);
/* 224/4 or ff00::/8. */
bool addr_is_multicast(const struct ust_addr *a);
/* 127/8 or ::1. */
bool addr_is_loopback(const struct ust_addr *a);
/* 255.255.255.255 only; subnet broadcasts are known to net/route. */
bool addr_is_limited_broadcast(const struct ust_addr *a);

/* plen counts from the top of the 16 bytes: an IPv4 /24 is 96 + 24. */
bool addr_in_prefix(const struct ust_addr *a, const struct ust_addr *prefix, unsigned plen);

/* Writes the usual text form ("10.0.0.1", "2001:db8::1" by RFC 5952), NUL ended; returns buf. */
const char *addr_str(const struct ust_addr *a, char buf[ADDR_STR_LEN]);
const char *mac_str(const struct ust_mac *m, char buf[MAC_STR_LEN]);
/* Strict parsers (no octal, no short forms, nothing behind): true and *out set, or false. */
bool addr_parse(const char *s, struct ust_addr *out);
bool mac_parse(const char *s, struct ust_mac *out);

static inline bool mac_eq(const struct ust_mac *a, const struct ust_mac *b) {
    return memcmp(a->b, b->b, 6) == 0;
}
static inline bool mac_is_multicast(const struct ust_mac *m) { return m->b[0] & 1; }
static inline bool mac_is_zero(const struct ust_mac *m) {
    static const struct ust_mac zero = {{0}};
    return mac_eq(m, &zero);
}

#endif
