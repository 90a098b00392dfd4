/* SPDX-License-Identifier: ISC */
/*
 * A bench for link/, net/ and udp/: one core with a link and an interface in an arena of its own, frames composed by hand, and what is
 * sent read back out of the transmit queue through the codecs. The clock is a variable. netfix_free() asserts that every pool is empty
 * and no timer armed.
 */
#ifndef UST_TESTS_NETFIX_H
#define UST_TESTS_NETFIX_H

#include "base/check_tools.h"

#include "link/fault.h"
#include "link/link.h"
#include "net/net.h"
#include "udp/udp.h"
#include "wire/tcp.h"

#define FIX_FRAME_MAX (80 * 1024)

/* A frame as it was sent, taken apart. */
struct sent {
    bool any; /* false: nothing was in the queue */
    uint32_t len;
    struct eth_hdr eth;
    bool is_arp;
    struct arp_hdr arp;
    bool is_ip4;
    struct ip4_hdr ip;
    struct ust_slice l3, l4; /* whole IP packet; its payload */
    uint8_t gso;
    uint16_t gso_size;
    bool needs_csum;
    uint8_t bytes[FIX_FRAME_MAX];
};

struct netfix {
    struct core *c;
    struct link *link;
    struct net *net;
    struct udp *udp; /* NULL unless netfix_udp() was called */
    uint64_t now;
    void *mem;
    struct ip_rx rx; /* of the last fix_rx_ip() */
    struct sent out;
    uint8_t frame[FIX_FRAME_MAX]; /* being composed */
};

#define FIX_START_NS (1000 * NS_PER_S)
#define FIX_MTU 1500

/* Us 10.0.0.2/24 at 02::02, router 10.0.0.1 at 02::01; default route there. The address is READY. */
extern const struct ust_mac fix_mac, fix_peer_mac, fix_other_mac, fix_bcast_mac;
struct netfix *netfix_new(uint32_t mtu, uint32_t features, uint32_t gso_max_bytes);
/* The same without address and route. */
struct netfix *netfix_bare(uint32_t mtu, uint32_t features, uint32_t gso_max_bytes);
void netfix_udp(struct netfix *f);
void netfix_free(struct netfix *f);

struct ust_addr ip(const char *s);
/* Lets time pass, firing timers on the way. */
void fix_advance(struct netfix *f, uint64_t ns);
/* The oldest frame sent, in f->out; .any says whether there was one. With the checksum completed. */
const struct sent *fix_sent(struct netfix *f);
/* Throws away what is in the queue; returns the count. */
uint32_t fix_flush(struct netfix *f);
/* Drops counted so far for a reason. */
uint64_t fix_drops(const struct netfix *f, enum drop d);
/* The neighbour answers at once from now on: mapping in the cache, REACHABLE. */
void fix_know(struct netfix *f, const char *addr, const struct ust_mac *mac);

/* ---- frames in ---- */
enum drop fix_rx_arp(struct netfix *f, uint16_t op, const struct ust_mac *sha, const char *spa,
                     const struct ust_mac *tha, const char *tpa, const struct ust_mac *eth_dst);
struct fix_ip {
    const char *src, *dst;
    uint8_t proto, ttl, tos;
    uint16_t id, frag_off;
    bool mf, df;
    struct ust_slice opts, payload;
    const struct ust_mac *eth_dst; /* NULL: us */
    const struct ust_mac *eth_src; /* NULL: the router */
    size_t pad_to;                 /* Ethernet padding up to this frame length */
};
/* Composes the frame in f->frame; returns its length. */
size_t fix_compose(struct netfix *f, const struct fix_ip *p);
/* Through ip4_rx(); f->rx is the result. */
enum drop fix_rx_ip(struct netfix *f, const struct fix_ip *p);
/* f->frame as it stands, len bytes. */
enum drop fix_rx_frame(struct netfix *f, size_t len, bool csum_ok);
/* The oldest looped packet through ip4_rx(); DROP_COUNT if there is none. */
enum drop fix_rx_loop(struct netfix *f);

/* ---- frames out ---- */
/* A packet of proto with an 8-byte L4 header (zeros) and len bytes of pattern behind. ip_output()'s result. */
int fix_send(struct netfix *f, const struct ip_flow *flow, size_t len);
/* The pattern: byte i. */
uint8_t fix_byte(size_t i);

#endif
