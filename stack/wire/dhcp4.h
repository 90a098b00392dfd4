/* SPDX-License-Identifier: ISC */
/*
 * DHCP messages, the client's side (RFC 2131, options of RFC 2132, long options RFC 3396, search
 * list RFC 3397, classless routes RFC 3442, client identifiers RFC 4361).
 *
 * Reading is strict about what the lease depends on (message type, times, mask, server: a wrong
 * length refuses the message) and forgiving about what it can do without (name servers, domain,
 * routes, MTU: a malformed option counts as absent).
 */
#ifndef UST_WIRE_DHCP4_H
#define UST_WIRE_DHCP4_H

#include "base/addr.h"
#include "base/drop.h"

#define DHCP4_SERVER_PORT 67
#define DHCP4_CLIENT_PORT 68
#define DHCP4_EMIT_MAX 400
#define DHCP4_ROUTER_MAX 4
#define DHCP4_DNS_MAX 4
#define DHCP4_ROUTE_MAX 16
#define DHCP4_ID_MAX 64
#define DHCP4_DOMAIN_BYTES 256
#define DHCP4_TEXT_BYTES 80
#define DHCP4_FOREVER 0xffffffffu /* a lease time without end */

enum dhcp4_type {
    DHCP4_DISCOVER = 1,
    DHCP4_OFFER,
    DHCP4_REQUEST,
    DHCP4_DECLINE,
    DHCP4_ACK,
    DHCP4_NAK,
    DHCP4_RELEASE,
    DHCP4_INFORM,
};

struct dhcp4_route {
    struct ust_addr prefix, gw; /* gw 0.0.0.0: on the link */
    uint8_t plen;               /* of 128 */
};

/* Addresses that are absent are all zero (addr_is_any). */
struct dhcp4_msg {
    bool reply; /* from a server */
    bool broadcast;
    uint8_t type; /* enum dhcp4_type */
    uint16_t secs;
    uint32_t xid;
    struct ust_addr ciaddr, yiaddr, requested, server_id;
    struct ust_mac chaddr;
    uint8_t client_id[DHCP4_ID_MAX], client_id_len; /* 0: none */
    uint16_t max_bytes;                             /* largest message that we take; to send only */
    /* what a server says; 0: not said */
    uint32_t lease_s, t1_s, t2_s;
    uint8_t plen; /* of 128 */
    uint16_t mtu;
    struct ust_addr router[DHCP4_ROUTER_MAX], dns[DHCP4_DNS_MAX];
    uint8_t router_cnt, dns_cnt, route_cnt;
    struct dhcp4_route route[DHCP4_ROUTE_MAX];
    bool has_routes;                 /* option 121 was there: routers do not count (RFC 3442) */
    char domain[DHCP4_DOMAIN_BYTES]; /* search list, else the domain; space separated */
    char text[DHCP4_TEXT_BYTES];     /* why the server refuses */
};

/* s: the UDP payload. DROP_NONE or DROP_DHCP_SHORT/HDR/COOKIE/OPTION. */
enum drop dhcp4_parse(struct ust_slice s, struct dhcp4_msg *m);
/* Writes a client's message with the options that its fields ask for; returns its length, at most
 * DHCP4_EMIT_MAX. */
size_t dhcp4_emit(const struct dhcp4_msg *m, uint8_t dst[DHCP4_EMIT_MAX]);

#endif
