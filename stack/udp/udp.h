/* SPDX-License-Identifier: ISC */
/*
 * Datagram endpoints: UDP (RFC 768, RFC 1122 4.1), and beside it the two that speak to IP itself: ping sockets (SOCK_DGRAM with
 * IPPROTO_ICMP: echo requests under an identifier of their own) and raw ones. They have the same block and differ in how they are found
 * (udp_rx.c, ping.c, raw.c) and what they put in front of the data (udp_send.c).
 * The socket's view (errno order, flags, cmsgs) is sock/'s; this is the protocol.
 *
 * A pcb says what happened by setting `events` bits and putting itself on udp->changed; stack/loop.c wakes whoever waits after the burst.
 */
#ifndef UST_UDP_UDP_H
#define UST_UDP_UDP_H

#include "net/errq.h"
#include "net/net.h"
#include "net/pcb.h"
#include "net/port.h"
#include "wire/udp.h"

#define UDP_MAX_PAYLOAD4 65507
#define UDP_MAX_PAYLOAD6 65527
#define UDP_MCAST_MAX 20 /* Linux's igmp_max_memberships */
#define UDP_MSF_MAX 10   /* sources of a filter, Linux's igmp_max_msf */
#define UDP_RCVBUF_DEFAULT 212992
#define UDP_SEGMENTS_MAX 128   /* of one UDP_SEGMENT send, as in Linux */
#define UDP_DGRAM_OVERHEAD 256 /* charged to the receive buffer beside the payload */

enum udp_kind { UDP_KIND_UDP, UDP_KIND_PING, UDP_KIND_RAW };

struct udp_dgram {
    STAILQ_ENTRY(udp_dgram) link;
    struct ust_addr src, dst;
    struct ust_addr local; /* dst, or of a group's datagram the address that we would answer from */
    uint16_t sport, dport;
    uint8_t ttl, tos;
    uint32_t flow_label; /* IPv6 */
    uint16_t gso_size;   /* UDP_GRO: segment size of a coalesced datagram, else 0 */
    uint32_t len;
    uint64_t ts_ns;   /* wall clock, 0 unknown */
    uint8_t *buf;     /* buf_alloc'ed payload; NULL if len is 0 */
    uint32_t charge;  /* bytes charged to rcvbuf */
    uint32_t dropped; /* datagrams that found the buffer full before this one (SO_RXQ_OVFL) */
    uint8_t opts_len; /* IPv4 options */
    uint8_t opts[IP4_HDR_MAX - IP4_HDR_LEN];
};

/* Membership of one socket in one group, with its source filter (RFC 3376 3.1). */
struct udp_group {
    LIST_ENTRY(udp_group) link;
    struct ust_addr group;
    struct mcast_filter filter;
};

/* What IP_OPTIONS and the like say of a datagram that is being sent; cmsg values come over the socket's. */
struct udp_send {
    struct ust_addr dst; /* of a connected pcb: may be any with dport 0: the peer */
    uint16_t dport;
    struct ust_addr src; /* IP_PKTINFO's choice or any */
    uint8_t ttl, tos;    /* cmsg values; has_* says whether they count */
    bool has_ttl, has_tos;
    bool has_dontfrag, dontfrag; /* IPV6_DONTFRAG */
    uint16_t gso_size;           /* UDP_SEGMENT: 0 none */
};

struct udp_pcb {
    uint8_t kind;             /* enum udp_kind [I] */
    uint8_t proto;            /* IP protocol; of a raw pcb the one that it hears [I] */
    struct port_bind bind;    /* local address and port; ping: the identifier; raw: the protocol */
    LIST_ENTRY(udp_pcb) hash; /* udp->bucket[lport], ->ping or ->raw (derived) */
    STAILQ_ENTRY(udp_pcb) changed_link;
    bool on_changed;
    bool connected, rd_shut, wr_shut;
    uint8_t events; /* enum pcb_event bits since the last sock look */
    struct ust_addr raddr;
    uint16_t rport;
    struct ust_addr src; /* to send from: bound or chosen at connect; any before */
    int err;             /* pending asynchronous error (positive errno), 0 none */
    struct errq errq;    /* recverr: every error, with what it was about */
    uint32_t rcvbuf, rcv_charged;
    STAILQ_HEAD(, udp_dgram) rcvq;
    uint32_t rcvq_cnt;
    uint64_t rx_dgrams, rx_bytes, tx_dgrams, tx_bytes, rx_dropped;
    /* options */
    uint8_t ttl, mcast_ttl, tos;
    bool broadcast, mcast_loop, no_check, mcast_all;
    uint8_t pmtudisc; /* IP_PMTUDISC_* */
    bool recverr;
    struct ust_addr mcast_if;
    struct udp_opt6 {                   /* the same for IPv6 */
        uint8_t hops, tclass, pmtudisc; /* hops 0: the link's default */
        int16_t mcast_hops;
        bool mcast_loop, mcast_all, dontfrag, recverr;
        uint16_t addr_prefs; /* IPV6_PREFER_SRC_* */
        uint32_t mtu;        /* IPV6_MTU: fragments no larger than that, 0: not set */
    } ip6;
    LIST_HEAD(, udp_group) groups;
    uint32_t group_cnt;
    bool gro;             /* UDP_GRO: coalesced datagrams stay whole */
    bool hdrincl;         /* raw: the program writes the IP header */
    uint32_t icmp_filter; /* raw ICMP: bit set: type is not delivered */
    uint8_t opts_len;     /* IP_OPTIONS to send */
    uint8_t opts[IP4_HDR_MAX - IP4_HDR_LEN];
    bool addr_locked, port_locked; /* given by bind(): a disconnect leaves them */
    void *sock;                    /* the struct sock that owns it; udp never looks inside */
};

STAILQ_HEAD(udp_changed, udp_pcb);
LIST_HEAD(udp_bucket, udp_pcb);
#define UDP_BUCKETS 4096
#define UDP_PING_BUCKETS 64

struct udp {
    struct core *c;
    struct net *net;
    struct port_space ports;
    struct udp_bucket *bucket;                /* UDP_BUCKETS, by local port */
    struct udp_bucket ping[UDP_PING_BUCKETS]; /* by identifier */
    struct udp_bucket raw;
    struct udp_changed changed;
    uint32_t pcb_cnt;
    uint64_t rx_dgrams, tx_dgrams;
};

int udp_init(struct udp *u, struct core *c, struct net *net);
void udp_fini(struct udp *u);

/* NULL when memory is out. Fresh pcbs have Linux's defaults (ttl 64, mcast ttl 1, mcast_loop, mcast_all, PMTUDISC_WANT). */
struct udp_pcb *udp_pcb_new(struct udp *u);
/* A ping or raw pcb; proto: IPPROTO_ICMP, or what a raw one hears and sends. */
struct udp_pcb *udp_pcb_new_kind(struct udp *u, enum udp_kind kind, uint8_t proto);
void udp_pcb_free(struct udp *u, uint64_t now_ns, struct udp_pcb *p);

/* Fields of p->bind (addr, v6, reuse flags, uid) set by the caller. port 0: ephemeral. 0, -EINVAL (bound already), -EADDRINUSE, -EADDRNOTAVAIL (not ours, not broadcast, not multicast). */
int udp_bind(struct udp *u, struct udp_pcb *p, const struct ust_addr *a, uint16_t port);
/* Binds an ephemeral port if unbound; chooses the source; filters what is received. Port 0 is stored as given. 0, -ENETUNREACH, -EACCES (broadcast without the option), -EADDRINUSE/-EAGAIN (no ports left). */
int udp_connect(struct udp *u, struct udp_pcb *p, const struct ust_addr *a, uint16_t port);
/* AF_UNSPEC: the remote is forgotten; a port or address that bind() did not give is given up. */
void udp_disconnect(struct udp *u, struct udp_pcb *p);

/* Buffer for a payload to send of len <= UDP_MAX_PAYLOAD6 (+ head room is not needed). NULL: memory. */
static inline uint8_t *udp_buf(struct udp *u, size_t len) {
    return buf_alloc(&u->c->arena, len ? len : 1);
}
/* Takes over buf (from udp_buf) whatever happens. Binds if unbound. 0 or -EDESTADDRREQ, -EMSGSIZE, -EACCES, -ENETUNREACH, -EHOSTUNREACH, -ENOBUFS, -EAGAIN (no port), -EINVAL (dport 0), -EADDRNOTAVAIL. */
int udp_send(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct udp_send *to,
             uint8_t *buf, size_t len);

/* The same without sending: would it be taken? Buffers and the link aside. */
int udp_may_send(struct udp *u, struct udp_pcb *p, const struct udp_send *to, size_t len);
/* Gives p an ephemeral port if it has none: 0 or -EAGAIN. */
int udp_autobind(struct udp *u, struct udp_pcb *p);

/* The next datagram, or NULL; udp_consume() frees it. */
static inline struct udp_dgram *udp_peek(struct udp_pcb *p) { return STAILQ_FIRST(&p->rcvq); }
void udp_consume(struct udp *u, struct udp_pcb *p);

/* ---- multicast (mcast.c): errors are Linux's ---- */
/* Any source. -EADDRINUSE twice, -ENOBUFS, -EINVAL. */
int udp_group_join(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g);
/* With whatever filter. -EADDRNOTAVAIL. */
int udp_group_leave(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g);
/* One source more or less of a filter in that mode; a first source to include joins, the last one leaves. -EINVAL (not joined, other mode),
 * -EADDRNOTAVAIL (not there, or there already), -ENOBUFS. */
int udp_group_source(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g,
                     const struct ust_addr *src, enum mcast_mode mode, bool add);
/* The whole filter; including nobody leaves. -EINVAL (not joined), -ENOBUFS. */
int udp_group_filter(struct udp *u, uint64_t now_ns, struct udp_pcb *p, const struct ust_addr *g,
                     const struct mcast_filter *f);
/* NULL: not joined. */
const struct udp_group *udp_group_find(const struct udp_pcb *p, const struct ust_addr *g);

/* From stack/rx.c. DROP_UDP_NO_SOCKET: send port unreachable. Multicast and broadcast go to every matching pcb. Best match else: connected, then bound address, then wildcard; reuseport spreads by hash. */
enum drop udp_rx(struct udp *u, uint64_t now_ns, const struct ip_rx *rx);
/* An ICMP or local error about a packet of ours, of any protocol: to the connected pcb that it concerns, or one with recverr: err, errq, events. Raw pcbs of the protocol
 * hear it too. False: it is of no pcb. */
bool udp_ip_error(struct udp *u, uint64_t now_ns, const struct ip_error *e);
/* An echo reply for a ping pcb. DROP_ICMP_ECHO_REPLY: nobody waits for it. */
enum drop udp_ping_rx(struct udp *u, uint64_t now_ns, const struct ip_rx *rx, uint16_t id);
/* Any packet, before its protocol sees it: a copy to each raw pcb that hears it. True if one did. */
bool udp_raw_rx(struct udp *u, uint64_t now_ns, const struct ip_rx *rx);
/* For loop.c: the next pcb with news, taken off the list, or NULL. */
struct udp_pcb *udp_changed_pop(struct udp *u);
void udp_rebuild(struct udp *u);
const char *udp_check(struct udp *u);

#endif
