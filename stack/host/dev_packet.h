/* SPDX-License-Identifier: ISC */
/* The classic BPF program of the packet device. */
#ifndef UST_HOST_DEV_PACKET_H
#define UST_HOST_DEV_PACKET_H

#include <linux/filter.h>

#include "net/net.h"

#define PACKET_FILTER_MAX 512

/*
 * Writes the program that lets in: frames to mac, to multicast and broadcast MACs, and of these
 * ARP, IPv4 to an address of n (all of it while n has none: DHCP), IPv4 to a broadcast address of
 * n, 255.255.255.255, 224.0.0.1 and joined groups, IPv6 to an address of n or to a group if n has
 * any. Returns its length.
 */
unsigned packet_filter(struct sock_filter prog[PACKET_FILTER_MAX], const struct ust_mac *mac,
                       const struct net *n);

#endif
