/* SPDX-License-Identifier: ISC */
/*
 * The DHCPv4 client (RFC 2131): state without I/O. net/ calls it with time and with the messages
 * that came; it sends through ip_output() and keeps the interface's address, routes, MTU and name
 * servers as the lease says.
 *
 *     INIT -> SELECTING -> REQUESTING -> BOUND -> RENEWING -> REBINDING -> (expired) INIT
 *
 * The first offer is taken. A new address is used at once and probed beside (RFC 5227, net/arp.c);
 * a conflict while it is probed declines it. A refusal (NAK), a decline and an expiry take the
 * address away at once and begin again.
 *
 * Not done: INIT-REBOOT (there is no memory of an earlier lease; the server knows us by our client
 * identifier and gives the same address), BOOTP replies, INFORM, authentication (RFC 3118).
 */
#ifndef UST_NET_DHCP4_H
#define UST_NET_DHCP4_H

#include "base/core.h"
#include "wire/dhcp4.h"

struct net;
struct ip_rx;

enum dhcp4_state {
    DHCP4S_OFF, /* not asked for, or released */
    DHCP4S_INIT,
    DHCP4S_SELECTING,  /* DISCOVER sent */
    DHCP4S_REQUESTING, /* REQUEST for an offer sent */
    DHCP4S_BOUND,
    DHCP4S_RENEWING,  /* T1 is over: asks the server */
    DHCP4S_REBINDING, /* T2 is over: asks any server */
    DHCP4S_COUNT
};

struct dhcp4_lease {
    struct ust_addr addr, server;
    uint8_t plen;                              /* of 128 */
    uint32_t lease_s;                          /* DHCP4_FOREVER: without end */
    uint64_t from_ns, t1_ns, t2_ns, end_ns;    /* absolute; TIME_NEVER without end */
    struct dhcp4_route route[DHCP4_ROUTE_MAX]; /* those that are in the routing table for it */
    uint8_t route_cnt;
};

struct dhcp4_stats {
    uint64_t tx, rx, leases, renewals, naks, declines, expiries;
};

struct dhcp4 {
    uint8_t state;    /* enum dhcp4_state; dhcp4_set_state() writes it */
    bool bound;       /* lease holds, its address is ours */
    bool declined;    /* the address turned out to be somebody else's: say so at next_ns */
    bool keep_mtu;    /* the MTU was given by hand */
    uint8_t tries;    /* messages of this state sent so far */
    uint8_t failures; /* NAKs in a row */
    uint32_t xid;
    uint32_t link_mtu;                /* before a lease lowered it; 0: it did not */
    uint64_t next_ns;                 /* when dhcp4_tick() is due */
    uint64_t start_ns;                /* of this acquisition: `secs` */
    uint64_t asked_ns;                /* first REQUEST of this state: a lease counts from there */
    uint8_t id[DHCP4_ID_MAX], id_len; /* client identifier */
    struct ust_addr offer, server;    /* SELECTING and later */
    struct dhcp4_lease lease;
    struct dhcp4_stats stats;
};

/* Begins. iaid tells our clients of one MAC address apart (RFC 4361 6.1); keep_mtu: option 26 does
 * not count. */
void dhcp4_start(struct net *n, uint64_t now_ns, uint32_t iaid, bool keep_mtu);
/* Ends without a word: OFF. */
void dhcp4_stop(struct net *n, uint64_t now_ns);
/* Gives the lease back if there is one, and ends: OFF. */
void dhcp4_release(struct net *n, uint64_t now_ns);
/* Is it an answer to us, or may it be one? Also before we have the address that it is sent to. */
bool dhcp4_takes(const struct net *n, const struct ip_rx *rx);
enum drop dhcp4_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx);
void dhcp4_tick(struct net *n, uint64_t now_ns);
/* ARP found another machine with address a. */
void dhcp4_conflict(struct net *n, uint64_t now_ns, const struct ust_addr *a);
const char *dhcp4_state_name(uint8_t state);

#endif
