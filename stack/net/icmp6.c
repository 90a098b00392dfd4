/* SPDX-License-Identifier: ISC */
/*
 * ICMPv6 (RFC 4443): echo answered, errors sent by the rules of 2.4, errors received told to whom they concern, in the words of Linux's error
 * numbers. Neighbor Discovery is nd.c's, MLD mld.c's. The rate limit of own errors is ICMP's.
 */
#include "wire/icmp6.h"

#include "net/priv.h"
#include "wire/tcp.h"
#include "wire/udp.h"

/* ---- errors in ---- */

struct unreach {
    int err;
    bool hard;
};
static const struct unreach unreach_map[] = {
    [ICMP6_NO_ROUTE] = {ENETUNREACH, false},      [ICMP6_ADMIN_PROHIBITED] = {EACCES, true},
    [ICMP6_BEYOND_SCOPE] = {EHOSTUNREACH, false}, [ICMP6_ADDR_UNREACH] = {EHOSTUNREACH, false},
    [ICMP6_PORT_UNREACH] = {ECONNREFUSED, true},  [ICMP6_POLICY_FAIL] = {EACCES, true},
    [ICMP6_REJECT_ROUTE] = {EACCES, true},
};

bool icmp6_error_map(uint8_t type, uint8_t code, int *err, bool *hard) {
    *err = EPROTO;
    *hard = false;
    switch (type) {
    case ICMP6_UNREACH:
        *hard = true;
        if (code < UST_ARRAY_CNT(unreach_map)) {
            *err = unreach_map[code].err;
            *hard = unreach_map[code].hard;
        }
        return true;
    case ICMP6_TOO_BIG:
        *err = EMSGSIZE;
        return true;
    case ICMP6_TIME_EXCEEDED:
        *err = EHOSTUNREACH;
        return true;
    case ICMP6_PARAM_PROBLEM:
        *hard = true;
        return true;
    default: /* RFC 4443 2.4 (a): an unknown error message goes to the upper layer */
        return type < ICMP6_INFO_FIRST;
    }
}

static void quoted_ports(struct ip_error *e) {
    struct icmp6_hdr h;
    struct ust_slice rest;
    if (e->proto == IP_PROTO_TCP)
        e->has_seq = tcp_parse_quoted(e->quoted, &e->sport, &e->dport, &e->seq);
    else if (e->proto == IP_PROTO_ICMP6 &&
             icmp6_parse(e->quoted, &e->src, &e->dst, true, &h, &rest) == DROP_NONE)
        e->sport = h.id;
    else
        udp_parse_ports(e->quoted, &e->sport, &e->dport);
}

bool icmp6_quote(struct ust_slice packet, struct ip_error *e) {
    struct ip6_hdr h;
    struct ust_slice rest;
    uint32_t off, frag_off;
    if (ip6_parse_quoted(packet, &h, &rest) != DROP_NONE ||
        !ip6_upper(packet, &e->proto, &off, &frag_off) || packet.len - off < 8)
        return false;
    e->src = h.src;
    e->dst = h.dst;
    e->pkt_len = IP6_HDR_LEN + (uint32_t)h.payload_len;
    e->packet = packet;
    e->quoted = slice_skip(packet, off);
    quoted_ports(e);
    return true;
}

/* RFC 8200 5 MUST-15 */
static enum drop rx_error(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                          const struct icmp6_hdr *h, struct ust_slice body, struct ip_error *e) {
    memset(e, 0, sizeof *e);
    if (!icmp6_quote(body, e))
        return DROP_ICMP6_INNER;
    if (!net_addr_find(n, &e->src) || addr_is_ip4(&e->src))
        return DROP_ICMP6_INNER_SRC;
    icmp6_error_map(h->type, h->code, &e->err, &e->hard);
    e->from = rx->src;
    e->info = h->type == ICMP6_TOO_BIG || h->type == ICMP6_PARAM_PROBLEM ? h->param : 0;
    e->ttl = rx->ttl;
    e->tos = rx->tos;
    e->ts_ns = rx->ts_ns;
    e->icmp_type = h->type;
    e->icmp_code = h->code;
    if (h->type == ICMP6_TOO_BIG) /* RFC 8201 4: never below the minimum, never up */
        e->mtu = pmtu_judge(&n->pmtu, &e->dst, UST_MAX(h->param, (uint32_t)IP6_MIN_MTU), e->pkt_len,
                            net_link_mtu(n, &e->dst), &e->mtu_no_df);
    if (trace_on(&n->c->trace, TRACE_ICMP))
        trace_flow(&n->c->trace, now_ns, TRACE_ICMP, &rx->src, -1, &rx->dst, -1,
                   "error type %u code %u about proto %u port %u > %u: errno %d", h->type, h->code,
                   e->proto, e->sport, e->dport, e->err);
    return DROP_COUNT;
}

/* ---- echo ---- */

/* RFC 4443 4.2: a request to a group is answered too, from an address of ours. */
static enum drop rx_echo(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                         const struct icmp6_hdr *h, struct ust_slice body) {
    struct ip_flow f = {.dst = rx->src, .proto = IP_PROTO_ICMP6, .tos = rx->tos};
    struct net_path path;
    if (!rx->dst_multicast)
        f.src = rx->dst;
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        return DROP_ICMP6_TXQ_FULL;
    uint8_t *head = pkt_start(p, ICMP6_HDR_LEN);
    if (body.len) {
        p->own = buf_alloc(&n->c->arena, body.len);
        if (!p->own) {
            link_cancel(n->link, p);
            return DROP_ICMP6_MEMORY;
        }
        memcpy(p->own, body.p, body.len);
        pkt_add_body(p, slice_of(p->own, body.len));
    }
    struct icmp6_hdr reply = {.type = ICMP6_ECHO_REPLY, .id = h->id, .seq = h->seq};
    if (addr_is_any(&f.src) && net_route(n, &f.dst, NULL, &path) == 0)
        f.src = path.src;
    icmp6_emit(&reply, &f.src, &f.dst, p->body, p->slice_cnt, head);
    n->stats.icmp6_tx++;
    if (trace_debug(&n->c->trace, TRACE_ICMP))
        trace_flow(&n->c->trace, now_ns, TRACE_ICMP, &rx->src, -1, &rx->dst, -1,
                   "echo id %u seq %u len %u answered", h->id, h->seq, (unsigned)body.len);
    ip_output(n, now_ns, p, &f);
    return DROP_NONE;
}

enum drop icmp6_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx, struct icmp6_hdr *h,
                   struct ust_slice *body, struct ip_error *err) {
    enum drop d = icmp6_parse(rx->payload, &rx->src, &rx->dst, rx->csum_ok, h, body);
    if (d != DROP_NONE)
        return d;
    n->stats.icmp6_rx++;
    if (h->type < ICMP6_INFO_FIRST)
        return rx_error(n, now_ns, rx, h, *body, err);
    switch (h->type) {
    case ICMP6_ECHO:
        return rx_echo(n, now_ns, rx, h, *body);
    case ICMP6_ECHO_REPLY:
        return DROP_ICMP6_ECHO_REPLY;
    case ICMP6_RS:
    case ICMP6_RA:
    case ICMP6_NS:
    case ICMP6_NA:
    case ICMP6_REDIRECT:
        return nd_rx(n, now_ns, rx);
    case ICMP6_MLD_QUERY:
    case ICMP6_MLD_REPORT:
    case ICMP6_MLD_DONE:
    case ICMP6_MLD2_REPORT:
        return mld_rx(n, now_ns, rx, h->type);
    default:
        return DROP_ICMP6_TYPE; /* RFC 4443 2.4 (b) */
    }
}

/* ---- errors out ---- */

/* RFC 4443 2.4 (e). */
static bool may_answer(const struct ip_rx *rx, uint8_t type, uint8_t code) {
    uint8_t proto;
    uint32_t off, frag_off;
    struct icmp6_hdr h;
    struct ust_slice rest;
    bool to_groups =
        type == ICMP6_TOO_BIG || (type == ICMP6_PARAM_PROBLEM && code == ICMP6_UNKNOWN_OPTION);
    if ((rx->dst_multicast || rx->link_group) && !to_groups)
        return false;
    if (addr_is_any(&rx->src) || addr_is_multicast(&rx->src) || addr_is_ip4(&rx->src) ||
        (addr_is_loopback(&rx->src) && !rx->looped))
        return false;
    if (!ip6_upper(rx->packet, &proto, &off, &frag_off))
        return true; /* no upper-layer header here: nothing says that it is an error */
    if (proto != IP_PROTO_ICMP6)
        return true;
    if (icmp6_parse(slice_skip(rx->packet, off), &rx->src, &rx->dst, true, &h, &rest) != DROP_NONE)
        return false;
    return h.type >= ICMP6_INFO_FIRST && h.type != ICMP6_REDIRECT;
}

enum drop icmp6_send_error(struct net *n, uint64_t now_ns, uint8_t type, uint8_t code,
                           uint32_t param, const struct ip_rx *rx) {
    struct ip_flow f = {.dst = rx->src, .proto = IP_PROTO_ICMP6};
    struct net_path path;
    if (!may_answer(rx, type, code))
        return DROP_ICMP6_NOT_ALLOWED;
    if (!rx->looped && !icmp_bucket_take(&n->icmp_bucket, now_ns))
        return DROP_ICMP6_RATE;
    if (!addr_is_multicast(&rx->dst)) /* RFC 4443 2.2 */
        f.src = rx->dst;
    else if (net_route(n, &f.dst, NULL, &path) == 0)
        f.src = path.src;
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        return DROP_ICMP6_ERROR_TXQ_FULL;
    uint8_t *head = pkt_start(p, ICMP6_HDR_LEN);
    /* RFC 4443 2.4 (c) */
    struct ust_slice quote = slice_head(rx->packet, IP6_MIN_MTU - IP6_HDR_LEN - ICMP6_HDR_LEN);
    p->own = buf_alloc(&n->c->arena, quote.len);
    if (!p->own) {
        link_cancel(n->link, p);
        return DROP_ICMP6_ERROR_MEMORY;
    }
    memcpy(p->own, quote.p, quote.len);
    pkt_add_body(p, slice_of(p->own, quote.len));
    struct icmp6_hdr h = {.type = type, .code = code, .param = param};
    icmp6_emit(&h, &f.src, &f.dst, p->body, p->slice_cnt, head);
    n->stats.icmp6_tx++;
    if (trace_on(&n->c->trace, TRACE_ICMP))
        trace_flow(&n->c->trace, now_ns, TRACE_ICMP, &f.src, -1, &f.dst, -1,
                   "error type %u code %u sent", type, code);
    ip_output(n, now_ns, p, &f);
    return DROP_NONE;
}
