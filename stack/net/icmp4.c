/* SPDX-License-Identifier: ISC */
/*
 * ICMP: echo answered, errors sent by the rules (RFC 1122 3.2.2, RFC 1812 4.3.2.7, 4.3.2.8), errors received told to whom they
 * concern, in the words of Linux's error numbers.
 *
 * Not done: redirects are counted and ignored (RFC 1122 3.2.2.2 lets a host do so), timestamp and mask requests are not answered.
 */
#include "net/priv.h"
#include "wire/tcp.h"
#include "wire/udp.h"

#define ICMP_PACKET_MAX 576 /* RFC 1812 4.3.2.3 */
#define ICMP_BURST 50       /* as Linux's icmp_msgs_burst, icmp_msgs_per_sec */
#define ICMP_PER_S 1000
#define ICMP_TOS_CONTROL 0xc0 /* RFC 1812 4.3.2.5: precedence internetwork control */

/* ---- errors in ---- */

struct unreach {
    int err;
    bool hard;
};
static const struct unreach unreach_map[16] = {
    {ENETUNREACH, false},  /* net */
    {EHOSTUNREACH, false}, /* host */
    {ENOPROTOOPT, true},   /* protocol */
    {ECONNREFUSED, true},  /* port */
    {EMSGSIZE, false},     /* fragmentation needed */
    {EOPNOTSUPP, false},   /* source route failed */
    {ENETUNREACH, true},   /* net unknown */
    {EHOSTDOWN, true},     /* host unknown */
    {ENONET, true},        /* source host isolated */
    {ENETUNREACH, true},   /* net prohibited */
    {EHOSTUNREACH, true},  /* host prohibited */
    {ENETUNREACH, false},  /* net, for this type of service */
    {EHOSTUNREACH, false}, /* host, for this type of service */
    {EHOSTUNREACH, true},  /* communication prohibited */
    {EHOSTUNREACH, true},  /* precedence violation */
    {EHOSTUNREACH, true},  /* precedence cut-off */
};

bool icmp4_error_map(uint8_t type, uint8_t code, int *err, bool *hard) {
    *hard = false;
    if (type == ICMP4_UNREACH && code < UST_ARRAY_CNT(unreach_map)) {
        *err = unreach_map[code].err;
        *hard = unreach_map[code].hard;
        return true;
    }
    if (type == ICMP4_TIME_EXCEEDED) {
        *err = EHOSTUNREACH;
        return true;
    }
    if (type == ICMP4_PARAM_PROBLEM) {
        *err = EPROTO;
        *hard = true;
        return true;
    }
    return false;
}

/* Ports, echo id, sequence number. */
static void quoted_ports(struct ip_error *e) {
    struct icmp4_hdr h;
    struct ust_slice rest;
    if (e->proto == IP_PROTO_TCP)
        e->has_seq = tcp_parse_quoted(e->quoted, &e->sport, &e->dport, &e->seq);
    else if (e->proto == IP_PROTO_ICMP && icmp4_parse(e->quoted, true, &h, &rest) == DROP_NONE)
        e->sport = h.id;
    else
        udp_parse_ports(e->quoted, &e->sport, &e->dport);
}

bool icmp4_quote(struct ust_slice packet, struct ip_error *e) {
    struct ip4_hdr h;
    if (ip4_parse_quoted(packet, &h, &e->quoted) != DROP_NONE || h.frag_off || e->quoted.len < 8)
        return false;
    e->packet = packet;
    e->src = h.src;
    e->dst = h.dst;
    e->proto = h.proto;
    e->pkt_len = h.total_len;
    quoted_ports(e);
    return true;
}

static enum drop rx_error(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                          const struct icmp4_hdr *h, struct ust_slice body, struct ip_error *e) {
    memset(e, 0, sizeof *e);
    if (!icmp4_error_map(h->type, h->code, &e->err, &e->hard))
        return DROP_ICMP_CODE;
    if (!icmp4_quote(body, e))
        return DROP_ICMP_INNER;
    if (!net_addr_find(n, &e->src) || addr_is_multicast(&e->dst) || net_is_broadcast(n, &e->dst))
        return DROP_ICMP_INNER_SRC;
    e->from = rx->src;
    e->info = h->type == ICMP4_PARAM_PROBLEM ? h->pointer : h->mtu;
    e->ttl = rx->ttl;
    e->tos = rx->tos;
    e->ts_ns = rx->ts_ns;
    e->icmp_type = h->type;
    e->icmp_code = h->code;
    if (h->type == ICMP4_UNREACH && h->code == ICMP4_FRAG_NEEDED) {
        if (h->mtu && h->mtu < 68)
            return DROP_ICMP_MTU;
        e->mtu = pmtu_judge(&n->pmtu, &e->dst, h->mtu, e->pkt_len, n->link->mtu, &e->mtu_no_df);
    }
    if (trace_on(&n->c->trace, TRACE_ICMP))
        trace_flow(&n->c->trace, now_ns, TRACE_ICMP, &rx->src, -1, &rx->dst, -1,
                   "error type %u code %u about proto %u port %u > %u: errno %d", h->type, h->code,
                   e->proto, e->sport, e->dport, e->err);
    return DROP_COUNT;
}

/* ---- echo ---- */

static enum drop rx_echo(struct net *n, uint64_t now_ns, const struct ip_rx *rx,
                         const struct icmp4_hdr *h, struct ust_slice body) {
    if (rx->dst_broadcast || rx->dst_multicast) /* RFC 1122 3.2.2.6 allows silence */
        return DROP_ICMP_BROADCAST_ECHO;
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        return DROP_ICMP_TXQ_FULL;
    uint8_t *head = pkt_start(p, ICMP4_HDR_LEN);
    if (body.len) {
        p->own = buf_alloc(&n->c->arena, body.len);
        if (!p->own) {
            link_cancel(n->link, p);
            return DROP_ICMP_MEMORY;
        }
        memcpy(p->own, body.p, body.len);
        pkt_add_body(p, slice_of(p->own, body.len));
    }
    struct icmp4_hdr reply = {.type = ICMP4_ECHO_REPLY, .id = h->id, .seq = h->seq};
    icmp4_emit(&reply, p->body, p->slice_cnt, head);
    struct ip_flow f = {.src = rx->dst, .dst = rx->src, .proto = IP_PROTO_ICMP, .tos = rx->tos};
    n->stats.icmp_tx++;
    if (trace_debug(&n->c->trace, TRACE_ICMP))
        trace_flow(&n->c->trace, now_ns, TRACE_ICMP, &rx->src, -1, &rx->dst, -1,
                   "echo id %u seq %u len %u answered", h->id, h->seq, (unsigned)body.len);
    ip_output(n, now_ns, p, &f);
    return DROP_NONE;
}

enum drop icmp4_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx, struct icmp4_hdr *h,
                   struct ust_slice *body, struct ip_error *err) {
    enum drop d = icmp4_parse(rx->payload, rx->csum_ok, h, body);
    if (d != DROP_NONE)
        return d;
    n->stats.icmp_rx++;
    switch (h->type) {
    case ICMP4_ECHO:
        return rx_echo(n, now_ns, rx, h, *body);
    case ICMP4_ECHO_REPLY:
        return DROP_ICMP_ECHO_REPLY;
    case ICMP4_UNREACH:
    case ICMP4_TIME_EXCEEDED:
    case ICMP4_PARAM_PROBLEM:
        return rx_error(n, now_ns, rx, h, *body, err);
    case ICMP4_SOURCE_QUENCH:
        return DROP_ICMP_QUENCH; /* RFC 6633, RFC 9293 3.9.2.2 MUST-55 */
    case ICMP4_REDIRECT:
        return DROP_ICMP_REDIRECT;
    default:
        return DROP_ICMP_TYPE;
    }
}

/* ---- errors out ---- */

/* An error itself, or of a type that might be one (RFC 1122 3.2.2). */
static bool is_icmp_error(const struct ip_rx *rx) {
    struct icmp4_hdr h;
    struct ust_slice rest;
    if (rx->proto != IP_PROTO_ICMP)
        return false;
    if (icmp4_parse(rx->payload, true, &h, &rest) != DROP_NONE)
        return true;
    return h.type != ICMP4_ECHO && h.type != ICMP4_ECHO_REPLY && !(h.type >= 13 && h.type <= 18);
}

static bool may_answer(const struct net *n, const struct ip_rx *rx) {
    struct ip4_hdr h;
    struct ust_slice rest;
    if (!addr_is_ip4(&rx->src) || addr_is_any(&rx->src) || addr_is_multicast(&rx->src) ||
        net_is_broadcast(n, &rx->src) || (addr_is_loopback(&rx->src) && !rx->looped))
        return false;
    if (rx->link_group || addr_is_multicast(&rx->dst) || net_is_broadcast(n, &rx->dst))
        return false;
    if (ip4_parse_quoted(rx->packet, &h, &rest) != DROP_NONE || h.frag_off)
        return false;
    return !is_icmp_error(rx);
}

void icmp4_bucket_init(struct token_bucket *b, uint64_t now_ns) {
    *b = (struct token_bucket){.tokens_milli = ICMP_BURST * 1000, .last_ns = now_ns};
}

bool icmp_bucket_take(struct token_bucket *b, uint64_t now_ns) {
    const uint64_t step_ns = NS_PER_S / ICMP_PER_S / 1000;
    uint64_t more = (now_ns - b->last_ns) / step_ns;
    b->tokens_milli = UST_MIN(b->tokens_milli + more, (uint64_t)ICMP_BURST * 1000);
    b->last_ns += more * step_ns;
    if (b->tokens_milli < 1000)
        return false;
    b->tokens_milli -= 1000;
    return true;
}

enum drop icmp4_send_error(struct net *n, uint64_t now_ns, uint8_t type, uint8_t code,
                           uint32_t param, const struct ip_rx *rx) {
    if (!may_answer(n, rx))
        return DROP_ICMP_NOT_ALLOWED;
    if (!rx->looped && !icmp_bucket_take(&n->icmp_bucket, now_ns))
        return DROP_ICMP_RATE;
    struct pkt_tx *p = link_reserve(n->link);
    if (!p)
        return DROP_ICMP_ERROR_TXQ_FULL;
    uint8_t *head = pkt_start(p, ICMP4_HDR_LEN);
    struct ust_slice quote = slice_head(rx->packet, ICMP_PACKET_MAX - IP4_HDR_LEN - ICMP4_HDR_LEN);
    p->own = buf_alloc(&n->c->arena, quote.len);
    if (!p->own) {
        link_cancel(n->link, p);
        return DROP_ICMP_ERROR_MEMORY;
    }
    memcpy(p->own, quote.p, quote.len);
    pkt_add_body(p, slice_of(p->own, quote.len));
    struct icmp4_hdr h = {.type = type, .code = code};
    if (type == ICMP4_PARAM_PROBLEM)
        h.pointer = (uint8_t)param;
    else
        h.mtu = (uint16_t)param;
    icmp4_emit(&h, p->body, p->slice_cnt, head);
    struct ip_flow f = {.src = rx->dst,
                        .dst = rx->src,
                        .proto = IP_PROTO_ICMP,
                        .tos = (uint8_t)((rx->tos & 0x1e) | ICMP_TOS_CONTROL)};
    n->stats.icmp_tx++;
    if (trace_on(&n->c->trace, TRACE_ICMP))
        trace_flow(&n->c->trace, now_ns, TRACE_ICMP, &rx->dst, -1, &rx->src, -1,
                   "error type %u code %u sent", type, code);
    ip_output(n, now_ns, p, &f);
    return DROP_NONE;
}
