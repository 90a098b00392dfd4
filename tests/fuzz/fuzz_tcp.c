/* SPDX-License-Identifier: ISC */
/*
 * A TCP conversation: segments that are nearly right, ICMP errors about ours, and time, against
 * listening, connecting and established sockets (box.h). Input: two bytes of settings, then
 * operations (enum op). The payload of both sides is a function of the sequence number, so that
 * every byte read and every byte sent is checked, whatever was lost, doubled, cut or sent again in
 * other pieces.
 */
#include "fuzz/box.h"

/* A segment starts as one of these, in good order, and then some of its fields are changed. */
enum kind {
    SEG_ACK,
    SEG_DATA, /* u8: length, in units of 16 bytes */
    SEG_FIN,
    SEG_RST,
    SEG_SYN,    /* u8: options */
    SEG_SYNACK, /* u8: options */
    SEG_OOO,    /* u16: distance; u8 length */
    SEG_SACK, /* u8: blocks and distance of the ACK; each u16 start, u16 length, or 0: one of the last segments */
};
enum change {
    CHANGE_SEQ = 8,    /* u16 distance, signed */
    CHANGE_ACK = 16,   /* u16 */
    CHANGE_FLAGS = 32, /* u8 to be xored */
    CHANGE_WND = 64,   /* u16 window, u8 urgent pointer */
    CHANGE_OPTS = 128, /* u8 */
};

/* Small numbers as they are; large ones in steps of 1024. */
static uint32_t distance(uint16_t v) {
    int16_t d = (int16_t)v;
    return d > -4096 && d < 4096 ? (uint32_t)d : (uint32_t)d * 1024u;
}

static void syn_options(struct seg *sg, uint8_t o) {
    sg->opts.has_mss = o & 1;
    sg->opts.mss = o & 2 ? 1460 : o & 4 ? 1 : 100;
    sg->opts.has_wscale = o & 8;
    sg->opts.wscale = o & 16 ? 14 : 2;
    sg->opts.sack_ok = o & 32;
    sg->opts.has_ts = o & 64;
    if (o & 128)
        sg->flags |= TCPF_ECE | TCPF_CWR;
}

static void sack_blocks(const struct flow *f, struct seg *sg, struct in *in) {
    uint8_t n = in_u8(in);
    sg->ack = seq_sub(sg->ack, (uint32_t)(n >> 2) * 100u);
    if (n >> 2 == 63 && f->seen_cnt > 0) /* the first of them is missing */
        sg->ack = f->seen[f->seen_cnt > 8 ? f->seen_cnt % 8 : 0].start;
    for (int i = 0; i < 1 + (n & 3); i++) {
        uint16_t at = in_u16(in), len = in_u16(in);
        seq_t start = seq_add(sg->ack, distance(at));
        sg->opts.sack[i] = (struct tcp_sack){start, seq_add(start, len)};
        if (len == 0 && f->seen_cnt > 0)
            sg->opts.sack[i] = f->seen[at % UST_MIN(f->seen_cnt, 8u)];
        sg->opts.sack_cnt++;
    }
}

static void change(struct seg *sg, uint8_t what, struct in *in) {
    if (what & CHANGE_SEQ)
        sg->seq = seq_add(sg->seq, distance(in_u16(in)));
    if (what & CHANGE_ACK)
        sg->ack = seq_add(sg->ack, distance(in_u16(in)));
    if (what & CHANGE_FLAGS)
        sg->flags ^= in_u8(in);
    if (what & CHANGE_WND) {
        sg->wnd = in_u16(in);
        sg->urg = in_u8(in);
    }
    if (what & CHANGE_OPTS) {
        uint8_t o = in_u8(in);
        sg->opts.has_ts ^= o & 1;
        if (o & 2)
            sg->opts.ts_val -= o & 4 ? 5000 : 1;
        if (o & 8)
            sg->opts.ts_ecr -= o & 4 ? 0x80000000u : 1;
        if (o & 16)
            sg->gso_size = 500;
        if (o & 32)
            sg->bad_csum = true;
        if (o & 64)
            sg->flags |= TCPF_ECE;
        if (o & 128)
            sg->flags |= TCPF_CWR;
    }
}

static void op_segment(struct box *b, unsigned arg, struct in *in) {
    struct flow *f = peer_flow(b, arg);
    uint8_t what = in_u8(in);
    if (!f)
        return;
    struct seg sg = peer_next(b, f);
    switch ((enum kind)(what & 7)) {
    case SEG_ACK:
        break;
    case SEG_DATA:
        sg.len = in_u8(in) * 16u;
        sg.flags |= TCPF_PSH;
        break;
    case SEG_FIN:
        sg.flags |= TCPF_FIN;
        break;
    case SEG_RST:
        sg.flags = TCPF_RST;
        break;
    case SEG_SYN:
        sg.flags = TCPF_SYN;
        sg.seq = f->isn;
        syn_options(&sg, in_u8(in));
        break;
    case SEG_SYNACK:
        sg.flags = TCPF_SYN | TCPF_ACK;
        sg.seq = f->isn;
        syn_options(&sg, in_u8(in));
        break;
    case SEG_OOO:
        sg.seq = seq_add(sg.seq, in_u16(in));
        sg.len = in_u8(in) * 16u;
        break;
    case SEG_SACK:
        sack_blocks(f, &sg, in);
        break;
    }
    change(&sg, what & 0xf8, in);
    if (sg.urg)
        sg.flags |= TCPF_URG;
    peer_send(b, f, &sg);
}

/* Quotes the last segment of the flow; arg is the flow. */
static void op_icmp(struct box *b, unsigned arg, struct in *in) {
    static const struct {
        uint8_t type, code;
    } kind[] = {{ICMP4_UNREACH, ICMP4_FRAG_NEEDED},
                {ICMP4_UNREACH, ICMP4_PORT_UNREACH},
                {ICMP4_UNREACH, ICMP4_HOST_UNREACH},
                {ICMP4_UNREACH, ICMP4_ADMIN_PROHIBITED},
                {ICMP4_TIME_EXCEEDED, 0},
                {ICMP4_PARAM_PROBLEM, 0},
                {ICMP4_SOURCE_QUENCH, 0},
                {ICMP4_UNREACH, ICMP4_PROTO_UNREACH}};
    const struct flow *f = peer_flow(b, arg);
    uint8_t buf[ETH_HDR_LEN + 2 * IP4_HDR_LEN + ICMP4_HDR_LEN + TCP_HDR_LEN], tcp[TCP_HDR_LEN];
    uint8_t which = in_u8(in);
    uint16_t mtu = in_u16(in), back = in_u16(in);
    if (!f)
        return;
    struct tcp_hdr th = {
        .sport = f->lport, .dport = f->rport, .seq = seq_sub(f->nxt, back), .flags = TCPF_ACK};
    struct ip4_hdr inner = {.ttl = 60,
                            .proto = IP_PROTO_TCP,
                            .df = true,
                            .total_len = 1400,
                            .src = addr_from_ip4(BOX_IP),
                            .dst = addr_from_ip4(BOX_PEER_IP)};
    struct ip4_hdr outer = {.ttl = 64, .proto = IP_PROTO_ICMP, .src = inner.dst, .dst = inner.src};
    struct eth_hdr eh = {
        .dst = {{2, 0, 0, 0, 0, 2}}, .src = {{2, 0, 0, 0, 0, 1}}, .type = ETH_TYPE_IP4};
    struct icmp4_hdr ih = {.type = kind[which & 7].type, .code = kind[which & 7].code, .mtu = mtu};
    size_t at = ETH_HDR_LEN + IP4_HDR_LEN + ICMP4_HDR_LEN;
    tcp_emit(&th, &inner.src, &inner.dst, NULL, 0, tcp);
    ip4_emit(&inner, buf + at);
    size_t quoted = which & 64 ? 8 : TCP_HDR_LEN;
    memcpy(buf + at + IP4_HDR_LEN, tcp, quoted);
    struct ust_slice body = slice_of(buf + at, IP4_HDR_LEN + quoted);
    icmp4_emit(&ih, &body, 1, buf + ETH_HDR_LEN + IP4_HDR_LEN);
    outer.total_len = (uint16_t)(IP4_HDR_LEN + ICMP4_HDR_LEN + body.len);
    ip4_emit(&outer, buf + ETH_HDR_LEN);
    eth_emit(&eh, buf);
    struct pkt_rx p = {0};
    box_say(b, "icmp type %u code %u mtu %u about port %u seq %d", ih.type, ih.code, mtu, f->rport,
            seq_diff(th.seq, f->iss));
    box_rx(b, buf, ETH_HDR_LEN + outer.total_len, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static struct box b;
    struct in in = {data, len};
    box_begin(&b, &in, true, false);
    while (in.left > 0) {
        uint8_t op = in_u8(&in);
        enum op o = (enum op)(op & 15);
        if (o == OP_FRAME)
            op_segment(&b, op >> 4, &in);
        else if (o == OP_FIXED)
            op_icmp(&b, op >> 4, &in);
        else
            box_op(&b, o, op >> 4, &in);
        box_check(&b);
    }
    box_end(&b);
    return 0;
}
