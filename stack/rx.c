/* SPDX-License-Identifier: ISC */
/*
 * The receive path on one page: a frame goes up through the layers, each of which says what it is or why it is dropped. Nothing
 * is sent to a peer of ours and nobody is woken in here: transports mark what they want to say, stack/loop.c lets them say it.
 * (ARP replies and ICMP are put on the transmit queue at once: they have no connection that could wait.)
 */
#include "stack.h"
#include "stack_priv.h"

/* ICMP: echo is answered in net/; an error about one of our packets goes to the transport that sent it. */
static enum drop rx_icmp4(struct stack *st, uint64_t now_ns, const struct ip_rx *rx) {
    struct icmp4_hdr h;
    struct ust_slice body;
    struct ip_error err;
    enum drop d = icmp4_rx(&st->net, now_ns, rx, &h, &body, &err);
    if (d == DROP_ICMP_ECHO_REPLY)
        return udp_ping_rx(&st->udp, now_ns, rx, h.id);
    if (d != DROP_COUNT)
        return d;
    stack_ip_error(st, now_ns, &err);
    return DROP_NONE;
}

static enum drop rx_icmp6(struct stack *st, uint64_t now_ns, const struct ip_rx *rx) {
    struct icmp6_hdr h;
    struct ust_slice body;
    struct ip_error err;
    enum drop d = icmp6_rx(&st->net, now_ns, rx, &h, &body, &err);
    if (d != DROP_COUNT)
        return d;
    stack_ip_error(st, now_ns, &err);
    return DROP_NONE;
}

/* What goes on in one family only. raw: a raw socket has heard it already. */
static enum drop rx_upper4(struct stack *st, uint64_t now_ns, const struct ip_rx *rx, bool raw) {
    if (rx->proto == IP_PROTO_ICMP) {
        enum drop d = rx_icmp4(st, now_ns, rx);
        return raw && (d == DROP_ICMP_ECHO_REPLY || d == DROP_ICMP_TYPE) ? DROP_NONE : d;
    }
    if (rx->proto == IP_PROTO_IGMP)
        return igmp_rx(&st->net, now_ns, rx);
    if (raw)
        return DROP_NONE;
    /* RFC 1122 3.2.2.1 */
    icmp4_send_error(&st->net, now_ns, ICMP4_UNREACH, ICMP4_PROTO_UNREACH, 0, rx);
    return DROP_IP4_PROTO;
}

/* RFC 8200 4.1 MUST-2; RFC 8200 4.7 MUST-14 */
static enum drop rx_upper6(struct stack *st, uint64_t now_ns, const struct ip_rx *rx) {
    if (rx->proto == IP_PROTO_ICMP6)
        return rx_icmp6(st, now_ns, rx);
    if (rx->proto == IP_PROTO_NONE) /* RFC 8200 4.7 */
        return DROP_IP6_NO_NEXT;
    /* RFC 8200 4.1 */
    icmp6_send_error(&st->net, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_UNKNOWN_NEXT, rx->next_off, rx);
    return DROP_IP6_NEXT;
}

static enum drop rx_ip(struct stack *st, uint64_t now_ns, const struct pkt_rx *p,
                       const struct eth_hdr *eh, struct ust_slice l3) {
    struct ip_rx rx;
    bool ip6 = eh->type == ETH_TYPE_IP6;
    enum drop d = ip6 ? ip6_rx(&st->net, now_ns, p, l3, &rx) : ip4_rx(&st->net, now_ns, p, l3, &rx);
    if (d == DROP_COUNT)
        return DROP_NONE; /* a fragment, kept */
    if (d != DROP_NONE)
        return d;
    rx.link_group = !p->looped && mac_is_multicast(&eh->dst);

    bool raw = udp_raw_rx(&st->udp, now_ns, &rx);
    switch (rx.proto) {
    case IP_PROTO_TCP:
        d = rx.link_group ? DROP_TCP_ADDR : tcp_rx(&st->tcp, now_ns, &rx);
        break;
    case IP_PROTO_UDP:
        d = dhcp4_takes(&st->net, &rx) ? dhcp4_rx(&st->net, now_ns, &rx)
                                       : udp_rx(&st->udp, now_ns, &rx);
        if (d == DROP_UDP_NO_SOCKET)
            net_send_port_unreach(&st->net, now_ns, &rx);
        break;
    default:
        d = ip6 ? rx_upper6(st, now_ns, &rx) : rx_upper4(st, now_ns, &rx, raw);
        break;
    }
    if (d != DROP_NONE)
        core_drop_flow(&st->core, now_ns, d, &rx.src, -1, &rx.dst, -1);
    ip_rx_done(&st->net, &rx);
    return DROP_NONE;
}

static enum drop rx_eth(struct stack *st, uint64_t now_ns, const struct pkt_rx *p) {
    struct eth_hdr eh;
    struct ust_slice payload;
    enum drop d = eth_parse(p->frame, &eh, &payload);
    if (d != DROP_NONE)
        return d;
    /* We are on no VLAN: a tag of VLAN 0 carries only priority (IEEE 802.1Q 9.6). */
    if (((eh.has_vlan ? eh.vlan_tci : 0) & 0xfff) || ((p->has_vlan ? p->vlan_tci : 0) & 0xfff))
        return DROP_ETH_VLAN;
    d = net_rx_eth(&st->net, &eh);
    if (d != DROP_NONE)
        return d;

    switch (eh.type) {
    case ETH_TYPE_IP4:
    case ETH_TYPE_IP6:
        return rx_ip(st, now_ns, p, &eh, payload);
    case ETH_TYPE_ARP:
        return arp_rx(&st->net, now_ns, &eh, payload);
    default:
        return DROP_ETH_TYPE;
    }
}

/* Past the fault link, if there is one. */
void stack_rx_frame(struct stack *st, uint64_t now_ns, const struct pkt_rx *p) {
    enum drop d;
    if (p->looped) { /* an IP packet to ourselves, without Ethernet header */
        bool ip6 = ip_version(p->frame) == 6;
        struct eth_hdr no_eth = {.type = ip6 ? ETH_TYPE_IP6 : ETH_TYPE_IP4};
        d = rx_ip(st, now_ns, p, &no_eth, p->frame);
    } else {
        d = rx_eth(st, now_ns, p);
    }
    if (d != DROP_NONE)
        core_drop(&st->core, now_ns, d);
}

void stack_rx(struct stack *st, uint64_t now_ns, const struct pkt_rx *p) {
    if (link_rx(&st->link, now_ns, p))
        stack_rx_frame(st, now_ns, p);
}
