/* SPDX-License-Identifier: ISC */
/*
 * The interface: our addresses, routes, neighbours, IPv4 and IPv6 in and out, ICMP, path MTU. One per stack.
 *
 * In: stack/rx.c calls net_rx_* with parsed layers and gets verdicts back. Out: transports call ip_output(), the only way to the link for IP
 * packets. What net has to say to transports on its own (a neighbour that does not answer, ICMP about their packets) it
 * leaves as struct ip_error in `errors`, which stack/loop.c hands on.
 *
 * Where to read: net.c addresses and groups, route.c routes, src6.c source selection, out.c the next hop; ip4_*.c, arp.c, icmp4.c, igmp.c; ip6_*.c,
 * icmp6.c, nd.c (neighbours), nd_addr.c (duplicate detection), nd_router.c (what routers advertise), slaac.c (addresses made of it), mld.c; dhcp4.c and dhcp4_lease.c (DHCPv4), dns.c.
 */
#ifndef UST_NET_NET_H
#define UST_NET_NET_H

#include "link/link.h"
#include "net/dhcp4.h"
#include "net/ip.h"
#include "net/nd.h"
#include "net/neigh.h"
#include "net/pmtu.h"
#include "net/reass.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/icmp4.h"
#include "wire/icmp6.h"

#define NET_ADDR_MAX 24
#define NET_ROUTE_MAX 32
#define NET_GROUP_MAX 64
#define NET_ERROR_CAP 64
#define NET_ERROR_QUOTE 548 /* bytes kept of a quoted packet, as much as an ICMP error of 576 has */

enum net_addr_state {
    NET_ADDR_PROBING, /* RFC 5227 probe or RFC 4862 DAD under way (tentative); used already if optimistic */
    NET_ADDR_ANNOUNCING,
    NET_ADDR_READY,
    NET_ADDR_DUPLICATE, /* somebody else has it: not used */
    NET_ADDR_STATE_COUNT
};

/* Where an address comes from. */
enum net_addr_origin {
    NET_ADDR_STATIC,
    NET_ADDR_LINK_LOCAL, /* made by us when the link came up */
    NET_ADDR_SLAAC,
    NET_ADDR_TEMPORARY, /* RFC 8981 */
};

struct net_addr {
    struct ust_addr addr;
    uint8_t plen;  /* of 128 */
    uint8_t state; /* enum net_addr_state */
    bool used;
    bool optimistic;      /* may be used while probing: statically given */
    uint8_t sent;         /* probes or announcements sent in this state */
    uint64_t next_ns;     /* next probe or announcement */
    uint64_t defended_ns; /* last defence (RFC 5227 2.4) */
    uint32_t conflicts;
    struct ust_mac conflict_mac;
    /* IPv6 */
    uint8_t origin; /* enum net_addr_origin */
    bool off_link; /* its prefix says nothing of who is on our link (SLAAC: the prefix list does) */
    uint8_t dad_retry; /* identifiers tried before this one (RFC 7217 DAD_Counter, RFC 8981) */
    uint8_t dad_left;  /* probes still to send */
    bool successor;    /* temporary: the next one has been made */
    uint8_t nonce[ND_NONCE_LEN];             /* of the last probe (RFC 7527) */
    uint64_t preferred_ns, valid_ns;         /* until when; TIME_NEVER */
    uint64_t preferred_max_ns, valid_max_ns; /* temporary: no advertisement prolongs it beyond */
    struct ust_addr router;                  /* SLAAC: who advertised the prefix last */
};

enum route_origin { ROUTE_STATIC, ROUTE_RA, ROUTE_REDIRECT };

struct route {
    struct ust_addr prefix, gw; /* gw any: on-link */
    uint8_t plen;               /* of 128 */
    bool used;
    bool dead;      /* the gateway did not answer; looked at again at retry_ns */
    uint8_t origin; /* enum route_origin */
    uint32_t metric;
    uint64_t expires_ns, retry_ns; /* TIME_NEVER: not */
};

/* The answer of a route look-up. */
struct net_path {
    struct ust_addr src; /* to use when the caller has none */
    struct ust_addr next_hop;
    uint32_t mtu; /* path MTU, bytes of IP packet */
    bool loop, broadcast, multicast;
    bool no_df; /* the path's reported MTU is below the minimum: fragment rather */
};

/* Whose packets a listener wants of a group (RFC 3376 3.1, RFC 3810 4.1). */
enum mcast_mode { MCAST_MODE_EXCLUDE, MCAST_MODE_INCLUDE };
#define MCAST_SRC_MAX 64
struct mcast_filter {
    uint8_t mode; /* enum mcast_mode */
    uint8_t cnt;
    struct ust_addr src[MCAST_SRC_MAX];
};

struct net_source { /* of a group: how many members include it, how many exclude it */
    struct ust_addr addr;
    uint16_t incl, excl;
    uint8_t change_left; /* reports still to send that name it */
    bool queried;        /* the query to be answered asks for it */
};
/* Multicast membership of the interface: the merger of its members' filters (RFC 3376 3.2). */
struct net_group {
    struct ust_addr addr;
    uint32_t refs;        /* members */
    uint32_t excludes;    /* of them in mode EXCLUDE: any at all make the interface EXCLUDE */
    uint8_t mode_left;    /* reports of a change of mode still to send, also when nobody is left */
    uint8_t reports_left; /* answers and older versions' reports still to send */
    bool asked;           /* MLD: the next report answers a query */
    bool src_query;       /* the answer is about sources with `queried` */
    uint64_t change_ns;   /* when the next report of a change is due */
    uint64_t report_ns;   /* when the next one of reports_left is */
    uint32_t src_cnt;
    struct net_source src[MCAST_SRC_MAX];
};

/* Name servers and search domains that the network told us, by who told them. */
#define NET_DNS_MAX 4
#define NET_DNS_DOMAIN_BYTES 256
enum net_dns_source { NET_DNS_DHCP4, NET_DNS_RA, NET_DNS_DHCP6, NET_DNS_SOURCE_COUNT };
struct net_dns {
    struct ust_addr server[NET_DNS_MAX]; /* best first */
    uint8_t server_cnt;
    char domain[NET_DNS_DOMAIN_BYTES]; /* search list, space separated, NUL ended; "" none */
};

/* What queriers of older versions make of us (RFC 3376 7.2). */
struct igmp {
    uint64_t v1_until_ns, v2_until_ns; /* such a querier was heard; 0: never */
    uint64_t general_ns;               /* answer to a general query, TIME_NEVER: none is due */
    uint8_t robustness;                /* the querier's variable, RFC 3376 4.1.6 */
};

struct token_bucket {
    uint64_t tokens_milli, last_ns;
};

/* IPv4 identification: a counter for each hash of (source, destination, protocol), started and nudged at random. */
#define NET_ID_CNT 1024
struct net_id {
    uint16_t next;
    uint32_t last_ms;
};

struct net_stats {
    uint64_t ip_rx, ip_tx, frag_rx, frag_tx, reass_ok, icmp_rx, icmp_tx, arp_rx, arp_tx;
    uint64_t ip6_rx, ip6_tx, icmp6_rx, icmp6_tx, nd_rx, nd_tx;
};

struct net {
    struct core *c;
    struct link *link;
    struct net_addr addr[NET_ADDR_MAX];
    struct route route[NET_ROUTE_MAX];
    struct net_group group[NET_GROUP_MAX];
    uint32_t addr_hi, route_hi; /* slots from here on are not used */
    uint32_t
        group_gen; /* changes when the set of groups or addresses changes: the device's filter follows */
    struct neigh_table neigh;
    struct reass reass;
    struct pmtu_cache pmtu;
    struct igmp igmp;
    struct token_bucket icmp_bucket;
    struct timer timer; /* TIMER_NET: probes, announcements, group reports, ND's lifetimes */
    struct nd nd;
    struct net_id id[NET_ID_CNT];
    struct ip_error error[NET_ERROR_CAP];
    uint32_t error_head, error_tail;
    uint8_t error_quote[NET_ERROR_CAP][NET_ERROR_QUOTE]; /* what error[].packet points to */
    struct net_dns dns[NET_DNS_SOURCE_COUNT]; /* written by the clients; read by net_dns_get() */
    struct dhcp4 dhcp4;
    struct net_stats stats;
    bool loopback_here; /* 127/8 and ::1 are ours (USERSTACK_LOOPBACK=stack) */
    uint32_t ifindex;   /* number of the interface that programs see; 0: not known */
};

int net_init(struct net *n, struct core *c, struct link *l, uint64_t now_ns);
void net_fini(struct net *n);

/* ---- configuration ---- */
/* probe: RFC 5227, RFC 4862 5.4 (used meanwhile if optimistic). 0, -EEXIST, -ENOSPC, -EINVAL (not unicast). */
int net_addr_add(struct net *n, uint64_t now_ns, const struct ust_addr *a, uint8_t plen, bool probe,
                 bool optimistic);
int net_addr_del(struct net *n, uint64_t now_ns, const struct ust_addr *a);
/* What the unspecified address of a family means as a destination: our loopback address if it is here, else an address of ours; any: there is none. */
struct ust_addr net_this_host(const struct net *n, bool ip6);
/* NULL if not ours. An address that is a duplicate is not ours. */
const struct net_addr *net_addr_find(const struct net *n, const struct ust_addr *a);
/* Ours to receive on: own unicast, subnet or limited broadcast, joined group. */
bool net_is_local(const struct net *n, const struct ust_addr *a);
bool net_is_broadcast(const struct net *n, const struct ust_addr *a);
int route_add(struct net *n, const struct ust_addr *prefix, uint8_t plen, const struct ust_addr *gw,
              uint32_t metric);
int route_del(struct net *n, const struct ust_addr *prefix, uint8_t plen,
              const struct ust_addr *gw);
/* Is an IPv6 address of ours still tentative, or the first router advertisement still to come? Who wants to send IPv6 waits. */
bool net_ip6_pending(const struct net *n, uint64_t now_ns);
/* Largest packet of dst's family on our own link: RFC 4861's MTU option counts for IPv6. */
uint32_t net_link_mtu(const struct net *n, const struct ust_addr *dst);
/* Any source. 0, -EINVAL (no group), -ENOBUFS; -EADDRNOTAVAIL (not joined). */
int net_group_join(struct net *n, uint64_t now_ns, const struct ust_addr *g);
int net_group_leave(struct net *n, uint64_t now_ns, const struct ust_addr *g);
/* A member's filter changes from `old` (NULL: joins) to `filter` (NULL: leaves). 0, -EINVAL, -ENOBUFS, -EADDRNOTAVAIL. */
int net_group_change(struct net *n, uint64_t now_ns, const struct ust_addr *g,
                     const struct mcast_filter *old, const struct mcast_filter *filter);
/* Does any member want packets of src to g? */
bool net_group_allows(const struct net *n, const struct ust_addr *g, const struct ust_addr *src);

/* Longest prefix, then a gateway that answers, then metric. 0, -ENETUNREACH (no route), -EHOSTUNREACH (address family without address). src may be NULL or any: chosen. */
int net_route(const struct net *n, const struct ust_addr *dst, const struct ust_addr *src,
              struct net_path *out);
/* The same with IPV6_PREFER_SRC_* (RFC 5014) for the choice of the source. -EADDRNOTAVAIL: no IPv6 address to speak from; -EAFNOSUPPORT, -EINVAL: src is of the other family. */
int net_route_prefs(const struct net *n, const struct ust_addr *dst, const struct ust_addr *src,
                    uint16_t addr_prefs, struct net_path *out);

/* All that the network told, in the order of enum net_dns_source, without repeats, as far as there is room. */
void net_dns_get(const struct net *n, struct net_dns *out);

/* ---- in: called by stack/rx.c ---- */
/* Ethernet addressing: DROP_NONE if the frame is for us (unicast to our MAC, broadcast, joined multicast). */
enum drop net_rx_eth(struct net *n, const struct eth_hdr *h);
enum drop arp_rx(struct net *n, uint64_t now_ns, const struct eth_hdr *eh,
                 struct ust_slice payload);
/* DROP_NONE with *out complete; DROP_COUNT: a fragment was taken, nothing to deliver yet; else the reason. May send ICMP errors (through the rules). */
enum drop ip4_rx(struct net *n, uint64_t now_ns, const struct pkt_rx *p, struct ust_slice l3,
                 struct ip_rx *out);
/* The same for IPv6: extension headers are behind us, rx->proto is the upper layer's. */
enum drop ip6_rx(struct net *n, uint64_t now_ns, const struct pkt_rx *p, struct ust_slice l3,
                 struct ip_rx *out);
/* A reassembled packet's memory is held until this (allowed always). */
void ip_rx_done(struct net *n, struct ip_rx *rx);
/* DROP_NONE: consumed. DROP_COUNT: *err is about one of ours: hand it to the transport. DROP_ICMP_ECHO_REPLY etc.: reason (a ping socket may still want it; *h and *body are set then). */
enum drop icmp4_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx, struct icmp4_hdr *h,
                   struct ust_slice *body, struct ip_error *err);
/* The same for ICMPv6, Neighbor Discovery and MLD included. */
enum drop icmp6_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx, struct icmp6_hdr *h,
                   struct ust_slice *body, struct ip_error *err);
/* A query is answered after a while. */
enum drop igmp_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx);

/* ---- out ---- */
/*
 * Sends the packet composed in p (L4 header at PKT_L4_OFF, body slices), which came from link_reserve(): fills in IP and Ethernet headers, fragments where allowed, resolves the next hop (copying what has to wait),
 * loops what is ours. p is consumed whatever happens. 0, -ENETUNREACH, -EHOSTUNREACH, -EMSGSIZE, -EACCES, -ENOBUFS.
 */
int ip_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f);
/* IP_HDRINCL: the same with the header that the program wrote, h, for the body of p; source and identification are filled in if 0, length and checksum
 * always. Goes to f->dst whatever h says; -EMSGSIZE above the link's MTU, never cut. */
int ip4_output_as(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f,
                  const struct ip4_hdr *h);
/* ICMP error about rx (RFC 1122 3.2.2 rules and rate limit applied; returns the reason if it was not sent). param: MTU or pointer. */
enum drop icmp4_send_error(struct net *n, uint64_t now_ns, uint8_t type, uint8_t code,
                           uint32_t param, const struct ip_rx *rx);
/* The same for ICMPv6 (RFC 4443 2.4). param: MTU or pointer. */
enum drop icmp6_send_error(struct net *n, uint64_t now_ns, uint8_t type, uint8_t code,
                           uint32_t param, const struct ip_rx *rx);
/* A transport has no socket for rx: port unreachable, in the words of rx's family. */
void net_send_port_unreach(struct net *n, uint64_t now_ns, const struct ip_rx *rx);

/* ---- time and events ---- */
/* Every timer of net/: TIMER_NET, TIMER_NEIGH, TIMER_REASS, TIMER_PMTU. */
void net_timer(struct net *n, uint64_t now_ns, struct timer *t);
/* Errors to hand to transports: true with a copy, whose `quoted` is good until the next call of these two. */
bool net_error_pop(struct net *n, struct ip_error *out);
void net_error_push(struct net *n, const struct ip_error *e);
/* RFC 5927 7.2: a report of a smaller path MTU counts only when the transport has recognised the packet that it quotes: then it calls
 * this. Nothing happens unless e->err is EMSGSIZE. */
void net_pmtu_apply(struct net *n, uint64_t now_ns, const struct ip_error *e);
/* Path MTU for a destination (link MTU if unknown). */
uint32_t net_mtu(const struct net *n, const struct ust_addr *dst);
/* After a crash inside the lock: derived tables from alive objects. */
void net_rebuild(struct net *n);
/* NULL or what is wrong. */
const char *net_check(struct net *n);

#endif
