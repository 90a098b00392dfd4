/* SPDX-License-Identifier: ISC */
/* The bench of netfix.h with IPv6 on: packets in through ip6_rx() and icmp6_rx(), packets out through the codecs. */
#ifndef UST_TESTS_NETFIX6_H
#define UST_TESTS_NETFIX6_H

#include "net/netfix.h"
#include "wire/mld.h"

/* Us fe80::2 and 2001:db8::2/64, both READY; router fe80::1 at fix_peer_mac, default route there. Nothing is in the queue. */
struct netfix *netfix6_new(uint32_t mtu, uint32_t features);
/* Only the link, IPv6 not started. nd_cfg with a fixed secret. */
extern const struct nd_cfg fix6_cfg;

struct fix_ip6 {
    const char *src, *dst;
    uint8_t next, hop_limit, tclass;
    struct ust_slice payload;      /* behind the IPv6 header */
    const struct ust_mac *eth_dst; /* NULL: us, or the group's */
    const struct ust_mac *eth_src; /* NULL: the router */
};
/* Through ip6_rx(), and icmp6_rx() if it is that; f->rx is the result. f6_err: an ICMPv6 error that goes to a transport (DROP_COUNT). */
enum drop fix6_rx(struct netfix *f, const struct fix_ip6 *p);
extern struct ip_error fix6_err;

/* ICMPv6 messages, checksum filled in here. */
enum drop fix6_rx_icmp(struct netfix *f, const char *src, const char *dst, uint8_t hop_limit,
                       const void *msg, size_t len);
/* NS, NA, RS from the router's MAC unless m says otherwise. */
enum drop fix6_rx_nd(struct netfix *f, const char *src, const char *dst, const struct nd_msg *m);
/* A router advertisement of options[], `len` bytes, behind the fixed part. */
struct fix6_ra {
    uint16_t lifetime_s;
    uint8_t flags, hop_limit;
    uint32_t reachable_ms, retrans_ms;
    uint8_t opts[512];
    size_t opts_len;
};
enum drop fix6_rx_ra(struct netfix *f, const char *src, const struct fix6_ra *ra);
void fix6_ra_prefix(struct fix6_ra *ra, const char *prefix, unsigned plen, unsigned flags,
                    uint32_t valid_s, uint32_t preferred_s);
void fix6_ra_mtu(struct fix6_ra *ra, uint32_t mtu);
void fix6_ra_slla(struct fix6_ra *ra, const struct ust_mac *mac);
void fix6_ra_rdnss(struct fix6_ra *ra, const char *addr, uint32_t lifetime_s);
void fix6_ra_route(struct fix6_ra *ra, const char *prefix, unsigned plen, int pref_bits,
                   uint32_t lifetime_s);
#define FIX6_L 0x80 /* prefix flags */
#define FIX6_A 0x40

/* The oldest frame sent, in f6.*. */
struct sent6 {
    bool any;
    struct eth_hdr eth;
    struct ip6_hdr ip;
    uint8_t proto; /* behind extension headers */
    uint32_t l4_off;
    struct ust_slice l3, l4;
    bool router_alert;
    struct icmp6_hdr icmp;
    struct ust_slice icmp_body;
    bool is_nd;
    struct nd_msg nd;
    bool is_frag;
    struct ip6_frag frag;
};
const struct sent6 *fix6_sent(struct netfix *f);
/* Throws away; the count. */
/* The only usable address with that prefix, in text, or "". */
const char *fix6_addr(struct netfix *f, const char *prefix, unsigned plen);
const struct net_addr *fix6_find(struct netfix *f, const char *addr);
const struct neigh *fix6_neigh(struct netfix *f, const char *addr);
void fix6_know(struct netfix *f, const char *addr, const struct ust_mac *mac);

#endif
