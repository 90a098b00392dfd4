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

/* ---- arp.c ---- */
/* Starts RFC 5227 probing of a. */
void arp_addr_start(struct net *n, uint64_t now_ns, struct net_addr *a);
/* a->next_ns has come: next probe or announcement. */
void arp_addr_tick(struct net *n, uint64_t now_ns, struct net_addr *a);
/* Asks for target: at mac, or everybody (NULL). */
void arp_solicit(struct net *n, uint64_t now_ns, const struct ust_addr *target,
                 const struct ust_mac *mac);

/* ---- ip4_output.c ---- */
/* Does what the neighbour table asked for. */
void net_neigh_act(struct net *n, uint64_t now_ns, struct neigh *nb, enum neigh_action act);
/* The next identification, reserving cnt of them. */
uint16_t net_ip4_id(struct net *n, uint64_t now_ns, const struct ip_flow *f,
                    const struct ust_addr *src, uint32_t cnt);

/* ---- icmp4.c ---- */
/* Tells the errno of a received ICMP error; false: not an error that anybody is told. */
bool icmp4_error_map(uint8_t type, uint8_t code, int *err, bool *hard);
void icmp4_bucket_init(struct token_bucket *b, uint64_t now_ns);
/* Ports, echo id, sequence number of e->quoted, by e->proto. */
void icmp4_quoted_ports(struct ip_error *e);

/* ---- igmp.c ---- */
void igmp_join(struct net *n, uint64_t now_ns, struct net_group *g);
void igmp_leave(struct net *n, uint64_t now_ns, const struct net_group *g);
void igmp_tick(struct net *n, uint64_t now_ns, struct net_group *g);

#endif
