/* SPDX-License-Identifier: ISC */
/* What the files of net/ say to each other; nobody else includes this. */
#ifndef UST_NET_PRIV_H
#define UST_NET_PRIV_H

#include "net/net.h"

/* ---- net.c ---- */
/* May the address be used to send and receive? */
static inline bool addr_usable(const struct net_addr *a) {
    return a->used && a->state != NET_ADDR_DUPLICATE &&
           (a->state != NET_ADDR_PROBING || a->optimistic);
}
/* The one writer of net_addr.state; traces old -> new. */
void net_addr_set_state(struct net *n, uint64_t now_ns, struct net_addr *a, enum net_addr_state to);
/* Own address to speak from to a neighbour: on its subnet if there is one; NULL: none at all. */
const struct net_addr *net_addr_towards(const struct net *n, const struct ust_addr *neighbour);
/* (Re-)arms TIMER_NET for the earliest thing to do. */
void net_timer_arm(struct net *n);

/* ---- route.c ---- */
/* A neighbour does not answer: routes through it step back behind others, until it is heard again. */
void route_gw_dead(struct net *n, uint64_t now_ns, const struct ust_addr *gw);
void route_gw_alive(struct net *n, const struct ust_addr *gw);
/* Adds, or renews the lifetime and metric of, a route that was learnt. until_ns <= now_ns: takes it away. */
int route_learn(struct net *n, uint64_t now_ns, const struct ust_addr *prefix, uint8_t plen,
                const struct ust_addr *gw, enum route_origin origin, uint32_t metric,
                uint64_t until_ns);
/* Forgets learnt routes through gw (any: all of them). */
void route_forget(struct net *n, const struct ust_addr *gw);
/* Expiries and dead gateways; the next time that it wants to be called, TIME_NEVER for never. */
void route_tick(struct net *n, uint64_t now_ns);
uint64_t route_deadline(const struct net *n);
/* Is gw a default router of ours? */
bool route_is_default_gw(const struct net *n, const struct ust_addr *gw);

/* ---- src6.c ---- */
/* RFC 6724 5: the best of our addresses to speak to dst over next_hop from; NULL: there is none. */
const struct net_addr *src6_select(const struct net *n, const struct ust_addr *dst,
                                   const struct ust_addr *next_hop, uint16_t addr_prefs);
/* RFC 4291 2.7 scope of any IPv6 address: 2 link, 5 site, 14 global. */
unsigned addr6_scope(const struct ust_addr *a);
static inline bool addr6_is_link_local(const struct ust_addr *a) {
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* An address that a host can have in a subnet of that length. */
bool net_is_host_addr(const struct ust_addr *a, uint8_t plen);

/* ---- dhcp4.c, dhcp4_lease.c ---- */
/* The one writer of dhcp4.state; traces old -> new. */
void dhcp4_set_state(struct net *n, uint64_t now_ns, enum dhcp4_state to, const char *why);
/* The lease that m gives holds from now on: BOUND. */
void dhcp4_bind(struct net *n, uint64_t now_ns, const struct dhcp4_msg *m);
/* Address, routes, MTU and name servers of the lease are gone. */
void dhcp4_unbind(struct net *n, uint64_t now_ns);

/* ---- arp.c ---- */
/* Starts RFC 5227 probing of a. */
void arp_addr_start(struct net *n, uint64_t now_ns, struct net_addr *a);
/* a->next_ns has come: next probe or announcement. */
void arp_addr_tick(struct net *n, uint64_t now_ns, struct net_addr *a);
/* Asks for target: at mac, or everybody (NULL). */
void arp_solicit(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                 const struct ust_mac *mac);

/* ---- out.c ---- */
/* Where an outgoing IP packet goes on the link. */
struct hop {
    const struct net_path *path;
    struct neigh *nb; /* NULL: group or loop */
    bool resolved;    /* mac is good */
    struct ust_mac mac;
    enum neigh_action act; /* for net_neigh_act(), after the packet */
};
/* 0 or -EHOSTUNREACH, -ENOBUFS. */
int hop_find(struct net *n, uint64_t now_ns, const struct net_path *path, struct hop *hop);
/* p holds an IP packet: it leaves, waits or loops. p is consumed. */
int hop_send(struct net *n, uint64_t now_ns, const struct hop *hop, struct pkt_tx *p);
#define L4_HEAD_MAX (PKT_HEAD_BYTES - PKT_L4_OFF)
/* A packet taken out of its slot. */
struct cargo {
    uint8_t l4[L4_HEAD_MAX];
    uint32_t l4_hdr, total;
    struct ust_slice body[PKT_SLICE_MAX];
    int cnt;
    void *own;
};
void cargo_take(struct cargo *cg, struct pkt_tx *p);
/* Composes bytes [off, off+len) of the cargo into p. */
void cargo_part(const struct cargo *cg, struct pkt_tx *p, uint32_t off, uint32_t len);
/* Largest packet on the wire that p makes: that of a segment, if it is to be cut. */
uint32_t net_wire_len(const struct pkt_tx *p, uint32_t ip_len);
struct ust_mac net_group_mac(const struct ust_addr *group);
/* Does what the neighbour table asked for. */
void net_neigh_act(struct net *n, uint64_t now_ns, struct neigh *nb, enum neigh_action act);

/* ---- ip4_output.c, ip6_output.c: one family's ip_output() ---- */
int ip4_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f);
int ip6_output(struct net *n, uint64_t now_ns, struct pkt_tx *p, const struct ip_flow *f);
/* The next identification, reserving cnt of them. */
uint16_t net_ip4_id(struct net *n, uint64_t now_ns, const struct ip_flow *f,
                    const struct ust_addr *src, uint32_t cnt);

/* ---- icmp4.c ---- */
/* Tells the errno of a received ICMP error; false: not an error that anybody is told. */
bool icmp4_error_map(uint8_t type, uint8_t code, int *err, bool *hard);
void icmp4_bucket_init(struct token_bucket *b, uint64_t now_ns);
/* One error of ours more may go out now; shared by ICMP and ICMPv6. */
bool icmp_bucket_take(struct token_bucket *b, uint64_t now_ns);
/* What a packet that an error quotes says of whose it is: src, dst, proto, ports, echo id, sequence number, `quoted`. False: malformed, or a
 * fragment that is not the first. */
bool icmp4_quote(struct ust_slice packet, struct ip_error *e);

/* ---- icmp6.c ---- */
bool icmp6_quote(struct ust_slice packet, struct ip_error *e);
bool icmp6_error_map(uint8_t type, uint8_t code, int *err, bool *hard);

/* ---- nd.c ---- */
/* Asks for target: at mac, or its solicited-node group (NULL). */
void nd_solicit(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                const struct ust_mac *mac);
/* A message of Neighbor Discovery: the whole ICMPv6 message, its checksum good. */
enum drop nd_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx);
/* An advertisement of our address a, unasked, to all nodes. */
void nd_announce(struct net *n, uint64_t now_ns, const struct ust_addr *a);
void nd_init(struct net *n);
/* A new random ReachableTime, around the base. */
void nd_draw_reachable(struct net *n, uint64_t now_ns);
uint64_t nd_deadline(const struct net *n);
void nd_tick(struct net *n, uint64_t now_ns);
/*
 * Sends a complete ICMPv6 message of ND or MLD past ip_output(): it must neither resolve nor choose a source, and :: may be meant. False: no
 * room.
 */
struct nd_hdr {
    const struct ust_addr *src, *dst;
    const struct ust_mac *mac; /* NULL: dst is a group */
    uint8_t hop_limit;
    bool router_alert; /* RFC 2711, in front */
};
bool nd_transmit(struct net *n, uint64_t now_ns, const uint8_t *msg, size_t len,
                 const struct nd_hdr *nh);
/* Composes and sends m; out of room is counted. */
void nd_send(struct net *n, uint64_t now_ns, const struct nd_msg *m, const struct ust_addr *src,
             const struct ust_addr *dst, const struct ust_mac *mac);

/* ---- nd_addr.c ---- */
/* Starts DAD of a (RFC 4862 5.4). */
void nd_addr_start(struct net *n, uint64_t now_ns, struct net_addr *a);
/* a->next_ns has come: next probe, or it is ours. */
void nd_addr_tick(struct net *n, uint64_t now_ns, struct net_addr *a);
/* Somebody else, mac, has or wants the tentative address a; nonce: of his probe, NULL if it was none. True: it was our own probe come back. */
bool nd_addr_conflict(struct net *n, uint64_t now_ns, struct net_addr *a, const struct ust_mac *mac,
                      const uint8_t *nonce);

/* ---- nd_router.c ---- */
enum drop nd_rx_ra(struct net *n, uint64_t now_ns, const struct ip_rx *rx, const struct nd_msg *m);
enum drop nd_rx_redirect(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                         const struct nd_msg *m);
void nd_rs_start(struct net *n, uint64_t now_ns);
void nd_rs_tick(struct net *n, uint64_t now_ns);
void nd_dns_tick(struct net *n, uint64_t now_ns);
uint64_t nd_dns_deadline(const struct net *n);

/* ---- slaac.c ---- */
/* A prefix that may make addresses (RFC 4862 5.5.3). */
void slaac_prefix(struct net *n, uint64_t now_ns, const struct nd_prefix *p,
                  const struct ust_addr *router);
/* Adds the link-local address. */
int slaac_link_local(struct net *n, uint64_t now_ns);
/* a is a duplicate: another identifier for the same prefix, if there is one to try (RFC 7217 6, RFC 8981 3.4). */
void slaac_retry(struct net *n, uint64_t now_ns, const struct net_addr *a);
/* Lifetimes: deprecated, gone, the next temporary address. */
void slaac_tick(struct net *n, uint64_t now_ns);
uint64_t slaac_deadline(const struct net *n);

/* ---- mld.c ---- */
void mld_join(struct net *n, uint64_t now_ns, struct net_group *g);
void mld_leave(struct net *n, uint64_t now_ns, const struct net_group *g);
void mld_tick(struct net *n, uint64_t now_ns, struct net_group *g);
/* The answer to a general query is due. */
void mld_general_tick(struct net *n, uint64_t now_ns);
enum drop mld_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx, uint8_t type);

/* ---- group.c ---- */
/* A group (its address in any family) that packets to g come in for. */
bool net_group_is_joined(const struct net *n, const struct ust_addr *g);
/* The slot of a group that has members or still something to report; NULL. */
struct net_group *net_group_find(struct net *n, const struct ust_addr *g);
/* The interface's mode, and whether it wants packets of that source. */
enum mcast_mode group_mode(const struct net_group *g);
bool group_wants(const struct net_group *g, const struct net_source *s);
/* Forgets sources that nobody names and nothing has to be said of. */
void group_purge(struct net_group *g);
/* Nothing is to be said of what has changed. */
void group_forget_changes(struct net_group *g);
uint64_t net_groups_deadline(const struct net *n);
void net_groups_tick(struct net *n, uint64_t now_ns);

/* ---- igmp.c ---- */
void igmp_init(struct net *n);
/* The interface's state of g has changed: mode_left and change_left say how; joined, left: the first member came, the last one went. */
void igmp_changed(struct net *n, uint64_t now_ns, struct net_group *g, bool joined, bool left);
/* How often a change is reported (the robustness variable). */
uint8_t igmp_robustness(const struct net *n);
/* Something of g is due. */
void igmp_tick(struct net *n, uint64_t now_ns, struct net_group *g);
void igmp_general_tick(struct net *n, uint64_t now_ns);

#endif
