/* SPDX-License-Identifier: ISC */
/*
 * The network's side of the box: frames made for the stack, and judgement of those that it sends.
 *
 * Of every frame: addresses, lengths, checksums, size. Of TCP, as far as the wire tells it:
 *   - it acknowledges nothing that was never sent;
 *   - what it sends lies below the right edge of a window that was offered at some time (but one
 *     byte as a probe, and FIN);
 *   - its own right edge and its acknowledgments do not move left (RFC 9293 3.8.6);
 *   - a byte of the stream is the same byte each time that it is sent.
 * The latter four where the peer's segments are made here (box->content); its offers are taken at
 * their largest, since it is not known here which of its segments the stack has believed.
 */
#include <stdlib.h>

#include "fuzz/box.h"
#include "wire/udp.h"

static const struct ust_mac our_mac = {{2, 0, 0, 0, 0, 2}};
static const struct ust_mac peer_mac = {{2, 0, 0, 0, 0, 1}};

static uint8_t content(uint32_t id, uint32_t seq) {
    uint32_t x = (seq ^ id) * 0x9e3779b1u;
    return (uint8_t)(x >> 24 ^ x >> 13);
}
static uint32_t content_id(uint16_t lport, uint16_t rport, bool out) {
    return ((uint32_t)lport * 0x10001u ^ (uint32_t)rport << 7) + out;
}

void peer_fill(uint16_t lport, uint16_t rport, bool out, seq_t seq, uint8_t *p, size_t len) {
    uint32_t id = content_id(lport, rport, out);
    for (size_t i = 0; i < len; i++)
        p[i] = content(id, seq.v + (uint32_t)i);
}

size_t peer_verify(uint16_t lport, uint16_t rport, bool out, seq_t seq, const uint8_t *p,
                   size_t len) {
    uint32_t id = content_id(lport, rport, out);
    for (size_t i = 0; i < len; i++)
        if (p[i] != content(id, seq.v + (uint32_t)i))
            return i;
    return len;
}

/* ---- flows ---- */

static struct flow *flow_find(struct box *b, uint16_t lport, uint16_t rport) {
    for (int i = 0; i < BOX_FLOWS; i++)
        if (b->flow[i].used && b->flow[i].lport == lport && b->flow[i].rport == rport)
            return &b->flow[i];
    return NULL;
}

static struct flow *flow_make(struct flow *f, uint16_t lport, uint16_t rport) {
    memset(f, 0, sizeof *f);
    f->used = true;
    f->lport = lport;
    f->rport = rport;
    f->isn = seq_of(0xfffff000u + (lport ^ rport) % 4096u); /* it wraps soon */
    f->ts_off = rport;
    return f;
}

struct flow *peer_flow(struct box *b, unsigned no) {
    struct flow *f = &b->flow[no % BOX_FLOWS];
    if (!f->used && no >= 8)
        flow_make(f, 80, (uint16_t)(7000 + no));
    return f->used ? f : NULL;
}

/* ---- sending ---- */

struct seg peer_next(const struct box *b, const struct flow *f) {
    struct seg sg = {.flags = TCPF_ACK, .wnd = 500};
    sg.seq = f->has_ack ? f->ack : seq_add(f->isn, 1);
    sg.ack = f->has_iss ? f->nxt : seq_of(0);
    sg.opts.has_ts = f->ts_val != 0;
    sg.opts.ts_val = (uint32_t)(b->now / NS_PER_MS) + f->ts_off;
    sg.opts.ts_ecr = f->ts_val;
    return sg;
}

/* What the stack may rely on from now on. */
static void note_offer(struct flow *f, const struct seg *sg) {
    bool syn = sg->flags & TCPF_SYN;
    uint32_t space = sg->len + syn + !!(sg->flags & TCPF_FIN);
    int32_t end = seq_diff(seq_add(sg->seq, space), f->isn);
    f->sent_end = UST_MAX(f->sent_end, end);
    if (sg->flags & TCPF_URG)
        f->urg = true;
    if (syn) {
        f->syn_wnd = UST_MAX(f->syn_wnd, (uint32_t)sg->wnd);
        f->offers |= sg->opts.has_wscale ? 1 : 2;
        if (sg->opts.has_wscale)
            f->shift = UST_MAX(f->shift, UST_MIN(sg->opts.wscale, (uint8_t)14));
    }
    if ((sg->flags & TCPF_ACK) && f->has_iss) {
        uint32_t acked = (uint32_t)seq_diff(sg->ack, f->iss);
        if (acked <= (uint32_t)seq_diff(f->nxt, f->iss))
            f->max_edge = UST_MAX(f->max_edge, acked + ((uint64_t)sg->wnd << f->shift));
    }
}

void peer_send(struct box *b, struct flow *f, const struct seg *sg) {
    static uint8_t buf[BOX_FRAME_MAX];
    struct tcp_hdr h = {.sport = f->rport,
                        .dport = f->lport,
                        .seq = sg->seq,
                        .ack = sg->ack,
                        .flags = sg->flags,
                        .wnd = sg->wnd,
                        .urg = sg->urg,
                        .opts = sg->opts};
    struct eth_hdr eh = {.dst = our_mac, .src = peer_mac, .type = ETH_TYPE_IP4};
    struct ip4_hdr ih = {.ttl = 64, .proto = IP_PROTO_TCP, .df = true, .id = (uint16_t)b->ops};
    uint32_t len = UST_MIN(sg->len, 60000u);
    size_t hdr = tcp_hdr_len(&h), l4 = ETH_HDR_LEN + IP4_HDR_LEN;
    uint8_t *data = buf + l4 + hdr;
    ih.src = addr_from_ip4(BOX_PEER_IP);
    ih.dst = addr_from_ip4(BOX_IP);
    ih.total_len = (uint16_t)(IP4_HDR_LEN + hdr + len);
    eth_emit(&eh, buf);
    ip4_emit(&ih, buf + ETH_HDR_LEN);
    seq_t first = sg->flags & TCPF_SYN ? seq_add(sg->seq, 1) : sg->seq;
    peer_fill(f->lport, f->rport, false, first, data, len);
    struct ust_slice payload = slice_of(data, len);
    tcp_emit(&h, &ih.src, &ih.dst, &payload, 1, buf + l4);
    if (sg->bad_csum)
        buf[l4 + TCP_CSUM_OFF] ^= 0x55;
    else
        note_offer(f, sg);
    struct pkt_rx p = {0};
    if (sg->gso_size && len > sg->gso_size) {
        p.gso = PKT_GSO_TCP4;
        p.gso_size = sg->gso_size;
    }
    if (box_tracing()) {
        char flags[40];
        box_say(b, "peer %u > %u %s seq %d ack %d wnd %u len %u%s", f->rport, f->lport,
                tcp_flags_str(sg->flags, flags), seq_diff(sg->seq, f->isn),
                seq_diff(sg->ack, f->iss), sg->wnd, len, sg->bad_csum ? " bad checksum" : "");
    }
    box_rx(b, buf, l4 + hdr + len, &p);
}

/* ---- judging ---- */

static void see_syn(struct flow *f, const struct tcp_hdr *h) {
    if (f->has_iss && seq_eq(f->iss, h->seq))
        return;
    uint32_t cnt = f->iss_cnt + 1;
    f->has_iss = true;
    f->iss = h->seq;
    f->nxt = seq_add(h->seq, 1);
    f->has_ack = f->has_edge = f->settled = false;
    f->wscale = 0;
    f->iss_cnt = cnt;
    f->max_edge = 1 + f->syn_wnd;
}

static void see_ack(struct box *b, struct flow *f, const struct tcp_hdr *h) {
    bool syn = h->flags & TCPF_SYN;
    if (b->content && seq_diff(h->ack, f->isn) > f->sent_end)
        box_fail(b, "port %u acknowledges %d, only %d were sent", f->rport,
                 seq_diff(h->ack, f->isn), f->sent_end);
    if (syn && f->settled)
        return; /* closed before it was acknowledged, and sent again: its window is not scaled */
    uint8_t shift = f->offers == 1 ? f->wscale : 0;
    uint32_t wnd = syn ? h->wnd : (uint32_t)h->wnd << shift;
    seq_t edge = seq_add(h->ack, wnd);
    if (b->content && f->settled && f->iss_cnt == 1) {
        /* RFC 7323 2.4: what the scale cannot tell may be missing. */
        if (seq_lt(h->ack, f->ack))
            box_fail(b, "port %u: acknowledgment moves left by %d", f->rport,
                     seq_diff(f->ack, h->ack));
        if (f->offers != 3 && seq_diff(f->edge, edge) >= 1 << shift)
            box_fail(b, "port %u: right edge moves left by %d", f->rport, seq_diff(f->edge, edge));
        edge = seq_max(edge, f->edge);
    }
    f->ack = h->ack;
    f->has_ack = true;
    f->edge = edge;
    f->wnd = wnd;
    f->settled = !syn;
}

static void see_data(struct box *b, struct flow *f, const struct tcp_hdr *h,
                     struct ust_slice data) {
    seq_t end = seq_add(h->seq, (uint32_t)data.len + !!(h->flags & TCPF_FIN));
    if (data.len)
        f->seen[f->seen_cnt++ % UST_ARRAY_CNT(f->seen)] = (struct tcp_sack){h->seq, end};
    if (!b->content || f->iss_cnt != 1) {
        f->nxt = seq_max(f->nxt, end);
        return;
    }
    uint64_t off = (uint32_t)seq_diff(end, f->iss);
    if (data.len > 1 && off > f->max_edge + 1)
        box_fail(b, "port %u: %llu sent, the largest window ever offered ends at %llu", f->rport,
                 (unsigned long long)off, (unsigned long long)f->max_edge);
    if (data.len) {
        size_t ok = peer_verify(f->lport, f->rport, true, h->seq, data.p, data.len);
        if (ok < data.len)
            box_fail(b, "port %u: wrong byte at %d", f->rport,
                     seq_diff(seq_add(h->seq, (uint32_t)ok), f->iss));
    }
    f->nxt = seq_max(f->nxt, end);
}

static void see_tcp(struct box *b, const struct ip4_hdr *ih, struct ust_slice l4, bool gso) {
    struct tcp_hdr h;
    struct ust_slice data;
    if (tcp_parse(l4, &ih->src, &ih->dst, gso, &h, &data) != DROP_NONE)
        box_fail(b, "malformed TCP segment or checksum");
    if (addr_ip4(&ih->dst) != BOX_PEER_IP || (h.flags & TCPF_RST))
        return;
    struct flow *f = flow_find(b, h.sport, h.dport);
    if (!f && h.flags == TCPF_SYN)
        f = flow_make(&b->flow[b->flow_next++ % 8], h.sport, h.dport);
    if (!f)
        return; /* the answer to something that a target sent by itself */
    if (h.flags & TCPF_SYN) {
        see_syn(f, &h);
        f->wscale = h.opts.has_wscale ? h.opts.wscale : 0;
    }
    if (!f->has_iss)
        return;
    if (h.opts.has_ts)
        f->ts_val = h.opts.ts_val;
    if (h.flags & TCPF_ACK)
        see_ack(b, f, &h);
    if (!(h.flags & TCPF_SYN))
        see_data(b, f, &h, data);
}

static void see_ip4(struct box *b, struct ust_slice s, const struct pkt_tx *p) {
    struct ip4_hdr h;
    struct ust_slice l4, rest;
    struct udp_hdr uh;
    struct icmp4_hdr ic;
    if (ip4_parse(s, &h, &l4) != DROP_NONE || h.total_len != s.len)
        box_fail(b, "malformed IPv4 header or checksum");
    if (addr_is_multicast(&h.src) || addr_is_limited_broadcast(&h.src) || h.ttl == 0)
        box_fail(b, "source address or ttl");
    if (h.mf || h.frag_off)
        return;
    if (h.proto == IP_PROTO_TCP)
        see_tcp(b, &h, l4, p->gso != PKT_GSO_NONE);
    else if (h.proto == IP_PROTO_UDP && p->gso == PKT_GSO_NONE &&
             udp_parse(l4, &h.src, &h.dst, false, &uh, &rest) != DROP_NONE)
        box_fail(b, "malformed UDP datagram or checksum");
    else if (h.proto == IP_PROTO_ICMP && icmp4_parse(l4, false, &ic, &rest) != DROP_NONE)
        box_fail(b, "malformed ICMP message or checksum");
}

void peer_see(struct box *b, struct ust_slice frame, const struct pkt_tx *p) {
    struct eth_hdr eh;
    struct ust_slice rest;
    struct arp_hdr ah;
    const struct link *l = &b->st->link;
    b->frames_out++;
    if (frame.len > (p->gso ? l->gso_max_bytes : l->mtu) + ETH_HDR_LEN)
        box_fail(b, "frame of %zu bytes", frame.len);
    if (!b->ordered)
        return; /* bits may have flipped */
    if (eth_parse(frame, &eh, &rest) != DROP_NONE || !mac_eq(&eh.src, &our_mac) || eh.has_vlan)
        box_fail(b, "malformed Ethernet header");
    if (eh.type == ETH_TYPE_ARP) {
        if (arp_parse(rest, &ah) != DROP_NONE || !mac_eq(&ah.sha, &our_mac))
            box_fail(b, "malformed ARP packet");
    } else if (eh.type == ETH_TYPE_IP4) {
        see_ip4(b, rest, p);
    } else {
        box_fail(b, "EtherType %#x", eh.type);
    }
}
