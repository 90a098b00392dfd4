/* SPDX-License-Identifier: ISC */
/* IPv4 in: RFC 791, RFC 1122 3.2.1, 3.3.2; which addresses are taken follows Linux. */
#include "net/priv.h"

/* Sources that nobody can have (RFC 1122 3.2.1.3, RFC 9293 3.9.2.3 MUST-63), or that are ours. 0.0.0.0 speaks before it has an address: DHCP, IGMP. */
static bool src_is_martian(const struct net *n, const struct ip4_hdr *h) {
    uint32_t s = addr_ip4(&h->src);
    if (s == 0)
        return !(addr_is_limited_broadcast(&h->dst) ||
                 (h->proto == IP_PROTO_IGMP && addr_is_multicast(&h->dst)));
    return s >> 24 == 0 || s >> 24 == 127 || addr_is_multicast(&h->src) ||
           net_is_broadcast(n, &h->src) || net_addr_find(n, &h->src);
}

static bool dst_is_ours(const struct net *n, const struct ip_rx *rx) {
    if (addr_is_loopback(&rx->dst) && !rx->looped)
        return false;
    return rx->dst_broadcast || net_is_local(n, &rx->dst) ||
           (!rx->link_group && dhcp4_takes(n, rx)); /* RFC 2131 4.1: before we have the address */
}

static enum drop rx_fragment(struct net *n, uint64_t now_ns, const struct ip4_hdr *h,
                             struct ip_rx *rx) {
    struct reass_out out;
    n->stats.frag_rx++;
    rx->csum_ok = false;
    rx->gso = PKT_GSO_NONE;
    enum drop d = reass_add(&n->reass, now_ns, rx, h->id, h->frag_off, h->mf,
                            slice_head(rx->packet, h->hdr_len), &out);
    if (d != DROP_NONE)
        return d;
    uint32_t total = out.hdr_len + out.payload_len;
    struct ip4_hdr whole;
    struct ust_slice rest;
    if (total > 65535 || ip4_parse_quoted(slice_of(out.buf, total), &whole, &rest) != DROP_NONE) {
        buf_free(&n->c->arena, out.buf);
        return DROP_FRAG_TOTAL;
    }
    /* The header as if the packet had never been cut: what an ICMP error about it quotes. */
    uint8_t opts[IP4_HDR_MAX];
    memcpy(opts, whole.opts.p, whole.opts.len);
    whole.opts = slice_of(opts, whole.opts.len);
    whole.mf = false;
    whole.frag_off = 0;
    whole.total_len = (uint16_t)total;
    ip4_emit(&whole, out.buf);
    n->stats.reass_ok++;
    rx->own = out.buf;
    rx->reassembled = true;
    rx->packet = slice_of(out.buf, total);
    rx->payload = slice_skip(rx->packet, out.hdr_len);
    rx->opts = slice_of(out.buf + IP4_HDR_LEN, whole.opts.len);
    return DROP_NONE;
}

enum drop ip4_rx(struct net *n, uint64_t now_ns, const struct pkt_rx *p, struct ust_slice l3,
                 struct ip_rx *rx) {
    struct ip4_hdr h;
    struct ust_slice payload;
    enum drop d = ip4_parse(l3, &h, &payload);
    if (d != DROP_NONE)
        return d;
    n->stats.ip_rx++;

    memset(rx, 0, sizeof *rx);
    rx->src = h.src;
    rx->dst = h.dst;
    rx->proto = h.proto;
    rx->ttl = h.ttl;
    rx->tos = h.tos;
    rx->csum_ok = p->csum_ok;
    rx->looped = p->looped;
    rx->gso = p->gso;
    rx->gso_size = p->gso_size;
    rx->ts_ns = p->ts_ns;
    rx->packet = slice_head(l3, h.hdr_len + payload.len);
    rx->opts = h.opts;
    rx->payload = payload;
    rx->dst_multicast = addr_is_multicast(&h.dst);
    rx->dst_broadcast = !rx->dst_multicast && net_is_broadcast(n, &h.dst);
    rx->link_group = !p->looped && eth_dst_is_group(p->frame);

    if (!p->looped && src_is_martian(n, &h))
        return DROP_IP4_SRC;
    if (!dst_is_ours(n, rx))
        return DROP_IP4_NOT_US;
    if (rx->dst_multicast && h.proto != IP_PROTO_IGMP && !net_group_allows(n, &h.dst, &h.src))
        return DROP_IP4_GROUP_SRC;
    if (h.opts.len) { /* RFC 9293 3.9.2 MUST-50: what is not malformed is skipped */
        uint8_t bad_off;
        d = ip4_check_options(h.opts, &bad_off);
        if (d == DROP_IP4_OPTION)
            icmp4_send_error(n, now_ns, ICMP4_PARAM_PROBLEM, 0, bad_off, rx);
        if (d != DROP_NONE) /* source routes: refused in silence, as Linux does */
            return d;
    }
    if (trace_debug(&n->c->trace, TRACE_IP))
        trace_flow(&n->c->trace, now_ns, TRACE_IP, &h.src, -1, &h.dst, -1,
                   "in proto %u len %u ttl %u id %u%s", h.proto, (unsigned)rx->packet.len, h.ttl,
                   h.id, h.mf || h.frag_off ? " fragment" : "");
    if (h.mf || h.frag_off)
        return rx_fragment(n, now_ns, &h, rx);
    return DROP_NONE;
}

void ip_rx_done(struct net *n, struct ip_rx *rx) {
    buf_free(&n->c->arena, rx->own);
    rx->own = NULL;
}
