/* SPDX-License-Identifier: ISC */
/*
 * What IP says to the layers above it, and what they say to it; both families.
 */
#ifndef UST_NET_IP_H
#define UST_NET_IP_H

#include "base/pkt.h"
#include "wire/ip4.h"
#include "wire/ip6.h"

/* A complete packet for a transport: headers believed, reassembled if need be. Good for the current turn. */
struct ip_rx {
    struct ust_addr src, dst;
    uint8_t proto, ttl, tos;
    bool dst_multicast, dst_broadcast;
    bool reassembled;
    bool csum_ok; /* L4 checksum need not be verified */
    bool looped;
    bool link_group; /* came in a frame to a broadcast or multicast MAC: set by rx.c */
    uint8_t gso;     /* enum pkt_gso */
    uint16_t gso_size;
    uint64_t ts_ns;           /* wall clock, 0 unknown */
    struct ust_slice packet;  /* from the IP header on, for ICMP errors */
    struct ust_slice opts;    /* IPv4 options */
    struct ust_slice payload; /* L4 header and data */
    uint32_t flow_label;      /* IPv6 */
    uint32_t next_off;        /* IPv6: of the Next Header field that named proto, in packet */
    uint8_t *own;             /* a reassembled packet's memory, or NULL: see ip_rx_done() */
};

/* What IP needs to know to send. */
struct ip_flow {
    struct ust_addr src, dst;
    uint8_t proto;
    uint8_t ttl; /* hop limit; 0: the default, 64 or what the router advertised (multicast: 1) */
    uint8_t tos; /* traffic class */
    uint16_t addr_prefs;   /* IPV6_PREFER_SRC_* (RFC 5014) */
    uint32_t mtu;          /* IPv6: no packet larger than that; 0: what the path takes */
    uint32_t flow_label;   /* IPv6; 0: made of addresses and ports (RFC 6437) */
    bool df;               /* never fragment: -EMSGSIZE beyond the path MTU */
    bool ignore_pmtu;      /* IP_PMTUDISC_PROBE, _INTERFACE: only the link's MTU counts */
    bool broadcast_ok;     /* SO_BROADCAST; else -EACCES to a broadcast address */
    bool mcast_loop;       /* a copy of a multicast packet comes back to us */
    struct ust_slice opts; /* IPv4 options to send, or empty */
};

/* An error about something that we sent, from ICMP or from ourselves (neighbour unreachable). */
struct ip_error {
    struct ust_addr src, dst; /* of the packet that caused it: src is ours */
    struct ust_addr from;     /* who reports; our own address if we do */
    uint8_t proto;
    uint32_t pkt_len;      /* of that packet, as its header says, bytes */
    uint16_t sport, dport; /* ports of that packet; sport is ours. ICMP echo: sport = id */
    bool has_seq;
    seq_t seq; /* TCP */
    uint8_t icmp_type, icmp_code;
    int err; /* positive errno as Linux maps it: ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE, EPROTO ... */
    bool hard;  /* Linux's "fatal": port, protocol unreachable, source route failed ... */
    bool local; /* we say so ourselves */
    uint32_t
        mtu; /* with EMSGSIZE: the new path MTU; in force once its owner says net_pmtu_apply() */
    bool mtu_no_df;          /* and DF has to go: the report was below the minimum */
    struct ust_slice quoted; /* L4 part of the quoted packet, for error queues */
    struct ust_slice packet; /* the quoted packet from its IP header on */
    /* What the program is told beside, of the ICMP message: the MTU or pointer as it stands there; its IP header. */
    uint32_t info;
    uint8_t ttl, tos;
    uint64_t ts_ns;
};

#endif
