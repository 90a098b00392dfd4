/* SPDX-License-Identifier: ISC */
/*
 * What IPv6 has learnt of its link: routers' parameters, DNS, and the state of asking for it (RFC 4861 6.3, RFC 4862, RFC 8106), and MLD's of the querier. Pure state; time is an
 * argument. Default routers, on-link prefixes and redirects are routes (struct route), addresses are struct net_addr; both with lifetimes.
 */
#ifndef UST_NET_ND_H
#define UST_NET_ND_H

#include "wire/nd.h"

struct net;

/* ff02::1 */
extern const struct ust_addr nd_all_nodes;

#define ND_DNS_MAX 8
#define ND_SEARCH_MAX 4
#define ND_ROUTES_MAX 20 /* of the route table, that advertisements and redirects may fill */
#define ND_SLAAC_MAX 16  /* of the addresses, that advertisements may make */

/* How interface identifiers are made. */
enum nd_iid {
    ND_IID_STABLE, /* RFC 7217: opaque, the same at each visit to the prefix */
    ND_IID_EUI64,  /* of the MAC address (RFC 4291 appendix A) */
};

struct nd_cfg {
    bool on;        /* IPv6 at all: link-local address and neighbour discovery */
    bool autoconf;  /* routers are asked, their prefixes make addresses */
    bool temporary; /* with temporary addresses beside (RFC 8981) */
    uint8_t iid;    /* enum nd_iid */
    uint8_t secret
        [16]; /* of RFC 7217: the same for each run on this machine; all zero: one for this run */
};

/* Name servers and search domains with their lifetimes (0: not used); what lives is in net.dns[NET_DNS_RA]. */
struct nd_dns {
    struct ust_addr addr;
    uint64_t expires_ns;
};
struct nd_search {
    char name[ND_NAME_MAX];
    uint64_t expires_ns;
};

struct nd {
    struct nd_cfg cfg;
    uint8_t hop_limit; /* for unicast; 64 unless a router said otherwise */
    uint32_t mtu;      /* of IPv6 on this link as advertised, 0: the link's own */
    bool managed,
        other; /* the flags of the last advertisement: DHCPv6 has addresses, other things */
    bool ra_seen;
    uint8_t rs_left;   /* solicitations still to send */
    uint64_t ra_by_ns; /* a router that is there has answered by then */
    uint64_t rs_ns;    /* when the next is due, TIME_NEVER: none */
    uint64_t started_ns;
    uint64_t reach_ns; /* the random reachable time is good until then */
    uint32_t base_reachable_ms;
    uint32_t temp_retry; /* counts up to make temporary identifiers differ */
    struct nd_dns dns[ND_DNS_MAX];
    struct nd_search search[ND_SEARCH_MAX];
    /* MLD */
    uint64_t
        mld1_until_ns; /* a version 1 querier was heard: its version until then (RFC 3810 8.2.1) */
    uint8_t mld_qrv;   /* robustness variable */
    uint32_t mld_interval_s; /* querier's */
    uint64_t mld_general_ns; /* answer to a general query is due, TIME_NEVER: none */
};

/* Starts IPv6 on an interface whose link is up: the link-local address, solicitations. -EALREADY, or what net_addr_add() says. */
int nd_start(struct net *n, uint64_t now_ns, const struct nd_cfg *cfg);
/* The lifetimes' remainder in seconds, UINT32_MAX for ever: for reports. */
uint32_t nd_remaining_s(uint64_t until_ns, uint64_t now_ns);

#endif
