/* SPDX-License-Identifier: ISC */
/*
 * A device for tests of host/ without root: one end of a socketpair; the test holds the other and
 * plays the network. Each test runs in a process of its own (Check forks), so that the state of
 * host/ is fresh.
 */
#ifndef UST_TESTS_HOST_FAKE_H
#define UST_TESTS_HOST_FAKE_H

#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "host/priv.h"
#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ip4.h"
#include "wire/udp.h"

#define FAKE_US 0x0a000002u   /* 10.0.0.2 */
#define FAKE_PEER 0x0a000001u /* 10.0.0.1 */
extern const struct ust_mac fake_mac, fake_peer_mac;
extern int fake_wire;           /* the network's end */
extern _Atomic bool fake_stuck; /* the device has no room */
extern _Atomic unsigned fake_sent;

/* Attaches; with `up` also brings the device up. cfg may be changed before by `tune`. */
void fake_start(bool up, void (*tune)(struct host_cfg *cfg));
const struct dev_ops *fake_ops(void);

/* A UDP socket of ours on the port. */
struct sock *fake_udp(uint16_t port);
/* The network sends a datagram to it. */
void fake_send_udp(uint16_t dport, const void *p, size_t len);
/* The network announces the peer's MAC by a reply. spa: whose address. */
void fake_send_arp_reply(uint32_t spa, const struct ust_mac *sha);
/* The next frame that we sent, waiting at most ms; its length, 0 none. */
size_t fake_recv(uint8_t *buf, size_t cap, int ms);
/* Blocking receive as preload does it: the datagram's first byte, or -1 timeout, -2 signal. */
int fake_recv_byte(struct sock *s, uint64_t timeout_ns, bool needs_poll);

#endif
