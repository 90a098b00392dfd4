/* SPDX-License-Identifier: ISC */
/*
 * Every reason to drop a frame, datagram or segment, once: enum, name, text. `X(NAME, layer, text)`; sorted by layer.
 * Each reason is returned at exactly one site, so that the counter names the line.
 */
#ifndef UST_BASE_DROP_H
#define UST_BASE_DROP_H

#include "base/types.h"

#define DROP_LIST(X)                                                                               \
    X(LINK_TXQ_FULL, "link", "transmit queue full")                                                \
    X(LINK_TOO_LONG, "link", "frame longer than the link takes")                                   \
    X(LINK_GSO, "link", "no room or memory to segment a frame")                                    \
    X(LINK_LOOPQ_FULL, "link", "loop queue full")                                                  \
    X(LINK_LOOP_MEMORY, "link", "no memory to loop a packet")                                      \
    X(LINK_TX_ERROR, "link", "device refused the frame")                                           \
    X(LINK_RX_TRUNCATED, "link", "device truncated the frame")                                     \
    X(LINK_FAULT_LOSS, "link", "fault link: lost")                                                 \
    X(LINK_FAULT_QUEUE, "link", "fault link: queue full")                                          \
    X(LINK_FAULT_MEMORY, "link", "fault link: no memory to hold a frame")                          \
    X(LINK_FAULT_CUT, "link", "fault link: no memory to segment a frame")                          \
    X(LINK_FAULT_COPY, "link", "fault link: no memory to copy a frame")                            \
    X(ETH_SHORT, "eth", "shorter than an Ethernet header")                                         \
    X(ETH_NOT_US, "eth", "destination MAC is not ours")                                            \
    X(ETH_OWN_FRAME, "eth", "source MAC is ours")                                                  \
    X(ETH_TYPE, "eth", "EtherType not handled")                                                    \
    X(ETH_VLAN, "eth", "VLAN tag of a VLAN that is not ours")                                      \
    X(ARP_SHORT, "arp", "truncated")                                                               \
    X(ARP_TYPE, "arp", "hardware or protocol type")                                                \
    X(ARP_OP, "arp", "operation")                                                                  \
    X(ARP_SENDER, "arp", "sender hardware address zero or multicast")                              \
    X(ARP_SENDER_IP, "arp", "sender protocol address not unicast")                                 \
    X(ARP_CONFLICT, "arp", "another machine claims an address of ours")                            \
    X(ARP_NOT_US, "arp", "target is not an address of ours")                                       \
    X(ARP_TXQ_FULL, "arp", "transmit queue full")                                                  \
    X(NEIGH_QUEUE_FULL, "arp", "too many packets wait for this neighbour")                         \
    X(NEIGH_UNREACHABLE, "arp", "neighbour did not answer")                                        \
    X(NEIGH_TABLE_FULL, "arp", "neighbour table full")                                             \
    X(IP4_SHORT, "ip4", "shorter than a header")                                                   \
    X(IP4_VERSION, "ip4", "version is not 4")                                                      \
    X(IP4_IHL, "ip4", "header length under 20 or beyond the packet")                               \
    X(IP4_TOTAL_LEN, "ip4", "total length under the header's or beyond the frame")                 \
    X(IP4_CSUM, "ip4", "header checksum")                                                          \
    X(IP4_OPTION, "ip4", "malformed option")                                                       \
    X(IP4_SOURCE_ROUTE, "ip4", "source route option refused")                                      \
    X(IP4_SRC, "ip4", "martian source address")                                                    \
    X(IP4_NOT_US, "ip4", "destination is not an address of ours")                                  \
    X(IP4_GROUP_SRC, "ip4", "source that no member of the group wants")                            \
    X(IP4_PROTO, "ip4", "protocol not handled")                                                    \
    X(IP4_NO_ROUTE, "ip4", "no route")                                                             \
    X(IP4_TOO_BIG, "ip4", "larger than the path MTU and DF set")                                   \
    X(FRAG_LEN, "ip4", "fragment length not a multiple of 8")                                      \
    X(FRAG_RANGE, "ip4", "fragment reaches beyond 65,535 bytes")                                   \
    X(FRAG_EMPTY, "ip4", "fragment without payload")                                               \
    X(FRAG_DUP, "ip4", "duplicate fragment")                                                       \
    X(FRAG_OVERLAP, "ip4", "fragment overlaps another: datagram dropped")                          \
    X(FRAG_END_CONFLICT, "ip4", "fragments disagree on the length")                                \
    X(FRAG_TOO_MANY, "ip4", "too many fragments in a datagram")                                    \
    X(FRAG_MEMORY, "ip4", "reassembly memory limit")                                               \
    X(FRAG_ASSEMBLE, "ip4", "no memory for the reassembled packet")                                \
    X(FRAG_TOTAL, "ip4", "reassembled packet over 65,535 bytes")                                   \
    X(FRAG_TIMEOUT, "ip4", "reassembly timed out")                                                 \
    X(FRAG_POISONED, "ip4", "fragment of a datagram that overlapped")                              \
    X(ICMP_SHORT, "icmp", "truncated")                                                             \
    X(ICMP_CSUM, "icmp", "checksum")                                                               \
    X(ICMP_TYPE, "icmp", "type or code not handled")                                               \
    X(ICMP_CODE, "icmp", "error of a type or code that says nothing")                              \
    X(ICMP_TXQ_FULL, "icmp", "no room to answer an echo")                                          \
    X(ICMP_MEMORY, "icmp", "no memory to answer an echo")                                          \
    X(ICMP_ERROR_TXQ_FULL, "icmp", "no room for an own error")                                     \
    X(ICMP_ERROR_MEMORY, "icmp", "no memory for an own error")                                     \
    X(ICMP_INNER, "icmp", "quoted packet malformed")                                               \
    X(ICMP_INNER_SRC, "icmp", "quoted packet was not sent by us")                                  \
    X(ICMP_REDIRECT, "icmp", "redirect ignored")                                                   \
    X(ICMP_QUENCH, "icmp", "source quench ignored")                                                \
    X(ICMP_MTU, "icmp", "fragmentation needed with a next-hop MTU under 68")                       \
    X(ICMP_QUEUE, "icmp", "too many errors wait for the transports")                               \
    X(ICMP_NO_OWNER, "icmp", "quoted packet is of no socket of ours")                              \
    X(ICMP_BROADCAST_ECHO, "icmp", "echo request to a broadcast or multicast address")             \
    X(ICMP_RATE, "icmp", "own error suppressed by the rate limit")                                 \
    X(ICMP_NOT_ALLOWED, "icmp", "own error suppressed by rule")                                    \
    X(ICMP_ECHO_REPLY, "icmp", "echo reply nobody waits for")                                      \
    X(IGMP_SHORT, "igmp", "truncated")                                                             \
    X(IGMP_CSUM, "igmp", "checksum")                                                               \
    X(IGMP_TYPE, "igmp", "type not handled")                                                       \
    X(IGMP_TXQ_FULL, "igmp", "transmit queue full")                                                \
    X(IP6_SHORT, "ip6", "shorter than a header")                                                   \
    X(IP6_VERSION, "ip6", "version is not 6")                                                      \
    X(IP6_PAYLOAD_LEN, "ip6", "payload length beyond the frame")                                   \
    X(IP6_SRC, "ip6", "source address that nobody can have")                                       \
    X(IP6_NOT_US, "ip6", "destination is not an address of ours")                                  \
    X(IP6_EXT_SHORT, "ip6", "extension header truncated")                                          \
    X(IP6_EXT_MANY, "ip6", "too many extension headers")                                           \
    X(IP6_FRAG_SHORT, "ip6", "fragment header truncated")                                          \
    X(IP6_OPTION, "ip6", "malformed option")                                                       \
    X(IP6_OPTION_DROP, "ip6", "unknown option that says: drop")                                    \
    X(IP6_OPTION_TELL, "ip6", "unknown option that says: drop and report")                         \
    X(IP6_ROUTING, "ip6", "routing header with segments left")                                     \
    X(IP6_NO_NEXT, "ip6", "no next header")                                                        \
    X(IP6_NEXT, "ip6", "next header not handled")                                                  \
    X(FRAG6_LEN, "ip6", "fragment length not a multiple of 8")                                     \
    X(FRAG6_RANGE, "ip6", "fragment reaches beyond 65,535 bytes")                                  \
    X(FRAG6_CHAIN, "ip6", "first fragment without the whole header chain")                         \
    X(FRAG6_HDR, "ip6", "headers in front of the fragment header too long")                        \
    X(ICMP6_SHORT, "icmp6", "truncated")                                                           \
    X(ICMP6_CSUM, "icmp6", "checksum")                                                             \
    X(ICMP6_TYPE, "icmp6", "type not handled")                                                     \
    X(ICMP6_INNER, "icmp6", "quoted packet malformed")                                             \
    X(ICMP6_INNER_SRC, "icmp6", "quoted packet was not sent by us")                                \
    X(ICMP6_TXQ_FULL, "icmp6", "no room to answer an echo")                                        \
    X(ICMP6_MEMORY, "icmp6", "no memory to answer an echo")                                        \
    X(ICMP6_ERROR_TXQ_FULL, "icmp6", "no room for an own error")                                   \
    X(ICMP6_ERROR_MEMORY, "icmp6", "no memory for an own error")                                   \
    X(ICMP6_RATE, "icmp6", "own error suppressed by the rate limit")                               \
    X(ICMP6_NOT_ALLOWED, "icmp6", "own error suppressed by rule")                                  \
    X(ICMP6_ECHO_REPLY, "icmp6", "echo reply nobody waits for")                                    \
    X(ND_HOP_LIMIT, "nd", "hop limit is not 255: came from off link")                              \
    X(ND_CODE, "nd", "code is not 0")                                                              \
    X(ND_SHORT, "nd", "truncated")                                                                 \
    X(ND_OPTION, "nd", "option of length 0 or over the end")                                       \
    X(ND_TARGET, "nd", "target address multicast")                                                 \
    X(ND_SOURCE, "nd", "source, destination or option that does not go with the message")          \
    X(ND_SOURCE_NA, "nd", "solicited advertisement to a group")                                    \
    X(ND_SOURCE_RA, "nd", "router advertisement not from a link-local address")                    \
    X(ND_OFF_RA, "nd", "router advertisement while addresses are given by hand")                   \
    X(ND_NOT_US, "nd", "target is not an address of ours")                                         \
    X(ND_CONFLICT, "nd", "another machine claims an address of ours")                              \
    X(ND_LOOPED, "nd", "our own probe came back")                                                  \
    X(ND_NO_ENTRY, "nd", "advertisement that nobody asked for")                                    \
    X(ND_ROUTER, "nd", "message that is for routers")                                              \
    X(ND_REDIRECT, "nd", "redirect not from the router in use")                                    \
    X(ND_OFF, "nd", "IPv6 is off")                                                                 \
    X(ND_TXQ_FULL, "nd", "transmit queue full")                                                    \
    X(ND_ANSWER_TXQ_FULL, "nd", "no room to answer a solicitation")                                \
    X(MLD_SHORT, "mld", "truncated")                                                               \
    X(MLD_SOURCE, "mld", "query not from a link-local address, or hop limit not 1")                \
    X(MLD_TYPE, "mld", "report of another host")                                                   \
    X(MLD_TXQ_FULL, "mld", "transmit queue full")                                                  \
    X(IGMP_MEMORY, "igmp", "no memory for a report")                                               \
    X(UDP_SHORT, "udp", "truncated")                                                               \
    X(UDP_LEN, "udp", "length field under 8 or beyond the packet")                                 \
    X(UDP_CSUM, "udp", "checksum")                                                                 \
    X(UDP_PORT_ZERO, "udp", "destination port zero")                                               \
    X(UDP_NO_SOCKET, "udp", "no socket")                                                           \
    X(UDP_NO_SOCKET_GROUP, "udp", "broadcast or multicast that no socket wants")                   \
    X(UDP_ERROR_NO_SOCKET, "udp", "error about a datagram of no socket")                           \
    X(UDP_RCVBUF, "udp", "receive buffer full")                                                    \
    X(UDP_MEMORY, "udp", "out of memory")                                                          \
    X(DHCP_SHORT, "dhcp", "truncated")                                                             \
    X(DHCP_HDR, "dhcp", "operation or hardware type")                                              \
    X(DHCP_COOKIE, "dhcp", "no DHCP message: magic cookie")                                        \
    X(DHCP_OPTION, "dhcp", "malformed option")                                                     \
    X(DHCP_XID, "dhcp", "answer to somebody else: transaction or hardware address")                \
    X(DHCP_CLIENT_ID, "dhcp", "answer to another client identifier")                               \
    X(DHCP_TYPE, "dhcp", "message type that no server sends")                                      \
    X(DHCP_UNEXPECTED, "dhcp", "offer that nobody waits for")                                      \
    X(DHCP_OFFER, "dhcp", "offer without usable address or server")                                \
    X(DHCP_ACK_LATE, "dhcp", "ACK that nobody waits for")                                          \
    X(DHCP_SERVER, "dhcp", "ACK of a server that was not chosen")                                  \
    X(DHCP_LEASE, "dhcp", "ACK without usable address, server or lease time")                      \
    X(DHCP_NAK_LATE, "dhcp", "NAK that nobody waits for")                                          \
    X(DHCP_NAK_SERVER, "dhcp", "NAK of a server that was not chosen")                              \
    X(DHCP_TXQ_FULL, "dhcp", "transmit queue full")                                                \
    X(DHCP_MEMORY, "dhcp", "no memory to compose a message")                                       \
    X(TCP_SHORT, "tcp", "truncated")                                                               \
    X(TCP_OFFSET, "tcp", "data offset under 20 or beyond the segment")                             \
    X(TCP_CSUM, "tcp", "checksum")                                                                 \
    X(TCP_ADDR, "tcp", "broadcast or multicast address")                                           \
    X(TCP_NO_CONN, "tcp", "no connection and no listener")                                         \
    X(TCP_LISTEN_FLAGS, "tcp", "listener: RST, or neither SYN nor ACK")                            \
    X(TCP_SYN_QUEUE, "tcp", "listener: SYN queue full")                                            \
    X(TCP_ACCEPT_QUEUE, "tcp", "listener: accept queue full")                                      \
    X(TCP_MEMORY, "tcp", "out of memory")                                                          \
    X(TCP_SYN_SENT_ACK, "tcp", "SYN-SENT: unacceptable ACK")                                       \
    X(TCP_SYN_SENT_FLAGS, "tcp", "SYN-SENT: neither SYN nor RST")                                  \
    X(TCP_SYN_SENT_RST, "tcp", "SYN-SENT: RST without acceptable ACK")                             \
    X(TCP_PAWS, "tcp", "timestamp older than the last one (PAWS)")                                 \
    X(TCP_NO_TIMESTAMP, "tcp", "timestamp missing after negotiation")                              \
    X(TCP_WINDOW, "tcp", "sequence number outside the window")                                     \
    X(TCP_RST_CHALLENGE, "tcp", "RST in window but not exact: challenge ACK")                      \
    X(TCP_SYN_CHALLENGE, "tcp", "SYN in synchronized state: challenge ACK")                        \
    X(TCP_NO_ACK, "tcp", "segment without ACK")                                                    \
    X(TCP_ACK_FUTURE, "tcp", "ACK of data not yet sent")                                           \
    X(TCP_ACK_OLD, "tcp", "ACK older than the largest window")                                     \
    X(TCP_ACK_SYN_RCVD, "tcp", "SYN-RECEIVED: unacceptable ACK")                                   \
    X(TCP_DUP_DATA, "tcp", "duplicate data only")                                                  \
    X(TCP_OOO_LIMIT, "tcp", "out-of-order memory limit")                                           \
    X(TCP_RCVBUF, "tcp", "receive buffer memory exhausted")                                        \
    X(TCP_DATA_AFTER_CLOSE, "tcp", "data after the program closed: reset")                         \
    X(TCP_TIME_WAIT, "tcp", "TIME-WAIT: old segment")                                              \
    X(TCP_OPTION, "tcp", "malformed option")

enum drop {
    DROP_NONE = 0,
#define DROP_X(name, layer, text) DROP_##name,
    DROP_LIST(DROP_X)
#undef DROP_X
        DROP_COUNT
};

struct drops {
    uint64_t cnt[DROP_COUNT];
};

/* "IP4_CSUM", "ip4", "header checksum"; defined for every value in [0, DROP_COUNT). */
const char *drop_name(enum drop d);
const char *drop_layer(enum drop d);
const char *drop_text(enum drop d);

#endif
