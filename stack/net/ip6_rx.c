/* SPDX-License-Identifier: ISC */
/*
 * IPv6 in: header, extension headers in the order in which they stand, fragments (RFC 8200; RFC 5722 overlaps and RFC 6946 atomic fragments in reass.c and here, RFC 7112, RFC
 * 5095). What is wrong is told by the rules of each header; the pointer counts from the IPv6 header on.
 *
 * Not done: no header is processed for others (we are no router), jumbograms, mobility; authentication and encryption headers are unrecognized next headers.
 */
#include "net/priv.h"

#define EXT_MAX 16 /* headers of one packet */

/* Where the walk along the headers is. */
struct walk {
    struct ip_rx *rx;
    struct ust_slice rest;
    uint8_t next;      /* what rest begins with */
    uint32_t next_off; /* of the field that says so */
};

static uint32_t off_of(const struct walk *w) { return (uint32_t)(w->rest.p - w->rx->packet.p); }

/* ---- addresses ---- */

/* Sources that nobody can have (RFC 4291 2.5, 2.7; RFC 4213 and common sense for mapped ones), or that are ours. */
static bool src_is_martian(const struct net *n, const struct ip6_hdr *h) {
    return addr_is_multicast(&h->src) || addr_is_loopback(&h->src) || addr_is_ip4(&h->src) ||
           net_addr_find(n, &h->src);
}

static bool dst_is_ours(const struct net *n, const struct ip_rx *rx) {
    if (addr_is_ip4(&rx->dst) || addr_is_any(&rx->dst))
        return false;
    if (rx->looped)
        return net_is_local(n, &rx->dst);
    if (addr_is_loopback(&rx->dst) || (rx->dst_multicast && (rx->dst.b[1] & 15) < 2))
        return false; /* RFC 4291 2.7: interface-local scope stays in the machine */
    return net_is_local(n, &rx->dst);
}

/* ---- extension headers ---- */

/* RFC 8200 4.2 MUST-4 */
static enum drop rx_options(struct net *n, uint64_t now_ns, struct walk *w,
                            const struct ip6_ext *x) {
    uint32_t bad = 0, at = off_of(w) + 2;
    bool alert;
    switch (ip6_check_options(x->opts, &bad, &alert)) {
    case IP6_OPT_OK:
        return DROP_NONE;
    case IP6_OPT_BAD:
        icmp6_send_error(n, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, at + bad, w->rx);
        return DROP_IP6_OPTION;
    case IP6_OPT_DROP:
        return DROP_IP6_OPTION_DROP;
    case IP6_OPT_TELL_UNICAST:
        if (w->rx->dst_multicast)
            break;
        __attribute__((fallthrough));
    case IP6_OPT_TELL:
        icmp6_send_error(n, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_UNKNOWN_OPTION, at + bad, w->rx);
        break;
    }
    return DROP_IP6_OPTION_TELL;
}

/* RFC 8200 4.4, RFC 5095 3: no type is ours to forward by. */
/* RFC 8200 4.4 MUST-5 */
static enum drop rx_routing(struct net *n, uint64_t now_ns, struct walk *w,
                            const struct ip6_ext *x) {
    if (x->segments_left == 0)
        return DROP_NONE;
    icmp6_send_error(n, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, off_of(w) + 2, w->rx);
    return DROP_IP6_ROUTING;
}

static enum drop rx_ext(struct net *n, uint64_t now_ns, struct walk *w) {
    struct ip6_ext x;
    enum drop d = ip6_ext_parse(w->rest, &x);
    if (d == DROP_NONE)
        d = w->next == IP_PROTO_ROUTING ? rx_routing(n, now_ns, w, &x)
                                        : rx_options(n, now_ns, w, &x);
    if (d != DROP_NONE)
        return d;
    w->next = x.next;
    w->next_off = off_of(w);
    w->rest = slice_skip(w->rest, x.len);
    return DROP_NONE;
}

/* ---- fragments ---- */

/* RFC 7112 5: the first fragment holds all headers, the upper layer's too. */
/* RFC 8200 4.5 MUST-11 */
static bool chain_is_whole(struct ust_slice packet) {
    uint8_t proto;
    uint32_t off, frag_off, need = 0;
    if (!ip6_upper(packet, &proto, &off, &frag_off))
        return false;
    if (proto == IP_PROTO_TCP)
        need = 20;
    else if (proto == IP_PROTO_UDP || proto == IP_PROTO_ICMP6)
        need = 8;
    return packet.len - off >= need;
}

/* RFC 8200 4.5 MUST-6, MUST-7, MUST-10 */
static enum drop rx_fragment(struct net *n, uint64_t now_ns, struct walk *w) {
    struct ip_rx *rx = w->rx;
    struct ip6_frag f;
    struct ust_slice data;
    uint32_t at = off_of(w), unfrag_len = at;
    enum drop d = ip6_frag_parse(w->rest, &f, &data);
    if (d != DROP_NONE)
        return d;
    n->stats.frag_rx++;
    if (f.off == 0 && !chain_is_whole(rx->packet)) {
        icmp6_send_error(n, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_SHORT_CHAIN, 0, rx);
        return DROP_FRAG6_CHAIN;
    }
    if (f.off == 0 && !f.more) { /* RFC 6946 4: stands for itself */
        w->next = f.next;
        w->next_off = at;
        w->rest = data;
        return DROP_NONE;
    }
    if (f.more && data.len % 8) {
        icmp6_send_error(n, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, IP6_OFF_PAYLOAD_LEN, rx);
        return DROP_FRAG6_LEN;
    }
    if (unfrag_len - IP6_HDR_LEN + f.off + data.len > UINT16_MAX) {
        icmp6_send_error(n, now_ns, ICMP6_PARAM_PROBLEM, ICMP6_BAD_FIELD, at + 2, rx);
        return DROP_FRAG6_RANGE;
    }
    if (unfrag_len > REASS_HDR_MAX)
        return DROP_FRAG6_HDR;

    struct reass_out out;
    uint8_t hdr[REASS_HDR_MAX];
    memcpy(hdr, rx->packet.p, unfrag_len);
    ip6_unfragment(hdr, unfrag_len, f.next, 0);
    rx->csum_ok = false;
    rx->gso = PKT_GSO_NONE;
    rx->proto = IP_PROTO_FRAGMENT;
    rx->payload = data;
    d = reass_add(&n->reass, now_ns, rx, f.id, f.off, f.more, slice_of(hdr, unfrag_len), &out);
    if (d != DROP_NONE)
        return d;
    uint32_t total = out.hdr_len + out.payload_len;
    if (total - IP6_HDR_LEN > UINT16_MAX) { /* with the first fragment's longer headers */
        buf_free(&n->c->arena, out.buf);
        return DROP_FRAG_TOTAL;
    }
    /* As if the packet had never been cut. The first fragment's Next Header counts (RFC 8200 4.5): it stands in what reass kept. */
    uint32_t next_off = ip6_last_next(out.buf, out.hdr_len);
    ip6_unfragment(out.buf, out.hdr_len, out.buf[next_off], (uint16_t)(total - IP6_HDR_LEN));
    n->stats.reass_ok++;
    rx->own = out.buf;
    rx->reassembled = true;
    rx->packet = slice_of(out.buf, total);
    w->rest = slice_skip(rx->packet, out.hdr_len);
    w->next_off = next_off;
    w->next = out.buf[next_off];
    return DROP_NONE;
}

/* ---- all of them ---- */

/* Up to the upper layer, which is w->next then. DROP_COUNT: a fragment, kept. */
/* RFC 8200 4.1 MUST-1, MUST-3 */
static enum drop walk_headers(struct net *n, uint64_t now_ns, struct walk *w) {
    for (int i = 0; i < EXT_MAX; i++) {
        enum drop d;
        if (w->next == IP_PROTO_FRAGMENT)
            d = rx_fragment(n, now_ns, w);
        else if (ip6_is_ext(w->next) && (w->next != IP_PROTO_HOPOPTS || i == 0))
            d = rx_ext(n, now_ns, w);
        else
            return DROP_NONE; /* a hop-by-hop header that is not the first is unrecognized: RFC 8200 4.1 */
        if (d != DROP_NONE)
            return d;
    }
    return DROP_IP6_EXT_MANY;
}

enum drop ip6_rx(struct net *n, uint64_t now_ns, const struct pkt_rx *p, struct ust_slice l3,
                 struct ip_rx *rx) {
    struct ip6_hdr h;
    struct ust_slice payload;
    enum drop d = ip6_parse(l3, &h, &payload);
    if (d != DROP_NONE)
        return d;
    n->stats.ip6_rx++;

    memset(rx, 0, sizeof *rx);
    rx->src = h.src;
    rx->dst = h.dst;
    rx->ttl = h.hop_limit; /* RFC 8200 3: 0 is no reason for its destination to drop it */
    rx->tos = h.tclass;
    rx->flow_label = h.flow_label;
    rx->csum_ok = p->csum_ok;
    rx->looped = p->looped;
    rx->gso = p->gso;
    rx->gso_size = p->gso_size;
    rx->ts_ns = p->ts_ns;
    rx->packet = slice_head(l3, IP6_HDR_LEN + payload.len);
    rx->dst_multicast = addr_is_multicast(&h.dst);
    rx->link_group = !p->looped && eth_dst_is_group(p->frame);

    if (!p->looped && src_is_martian(n, &h))
        return DROP_IP6_SRC;
    if (!dst_is_ours(n, rx))
        return DROP_IP6_NOT_US;
    struct walk w = {.rx = rx, .rest = payload, .next = h.next, .next_off = IP6_OFF_NEXT};
    d = walk_headers(n, now_ns, &w);
    rx->proto = w.next;
    rx->payload = w.rest;
    rx->next_off = w.next_off;
    if (d == DROP_NONE && trace_debug(&n->c->trace, TRACE_IP))
        trace_flow(&n->c->trace, now_ns, TRACE_IP, &h.src, -1, &h.dst, -1,
                   "in next %u len %u hop limit %u", rx->proto, (unsigned)rx->packet.len, rx->ttl);
    if (d != DROP_NONE && d != DROP_COUNT)
        ip_rx_done(n, rx);
    return d;
}
