/* SPDX-License-Identifier: ISC */
/*
 * Whole frames against a stack with sockets in every state (box.h). Input: two bytes of settings,
 * then operations (enum op). A frame is raw, or put right first so that it gets deep: any of
 * destination, checksums, lengths, ports and the live connection's sequence numbers, as its `fix`
 * byte says.
 */
#include "fuzz/box.h"
#include "wire/bytes.h"
#include "wire/udp.h"

enum fix {
    FIX_ETH = 1,       /* to us, from the peer */
    FIX_IP = 2,        /* version, header length, total length, addresses */
    FIX_WHOLE = 4,     /* not a fragment */
    FIX_PORTS = 8,     /* of the flow, or of the UDP sockets */
    FIX_SEQ = 16,      /* sequence and acknowledgment number count from where the connection is */
    FIX_CSUM = 32,     /* of IP, TCP, UDP, ICMP */
    FIX_INNER = 64,    /* the packet quoted in an ICMP error is one of ours */
    FIX_CSUM_OK = 128, /* the device says that it has looked at the checksum */
};

/* Puts the sum over [p, p+len) and what c holds already into field. */
static void put_csum(struct csum c, uint8_t *p, size_t len, uint8_t *field) {
    bytes_put16(field, 0);
    csum_add(&c, p, len);
    uint16_t v = csum_finish(&c);
    memcpy(field, &v, sizeof v);
}

/* seq: what the input has there counts from base; a small signed number as it is, another one
 * scaled up. */
static void fix_seq(uint8_t *field, seq_t base) {
    int16_t off = (int16_t)bytes_get16(field + 2);
    uint32_t mul = field[0] & 0x80 ? 1000 : 1;
    bytes_put32(field, base.v + (uint32_t)off * mul);
}

static void fix_tcp(const struct flow *f, uint8_t fix, uint8_t *l4, size_t len) {
    if (len < TCP_HDR_LEN || !f)
        return;
    if (fix & FIX_PORTS) {
        bytes_put16(l4, f->rport);
        bytes_put16(l4 + 2, f->lport);
    }
    if (fix & FIX_SEQ) {
        fix_seq(l4 + 4, f->has_ack ? f->ack : f->isn);
        fix_seq(l4 + 8, f->has_iss ? f->nxt : seq_of(0));
        if (l4[12] >> 4 < 5)
            l4[12] |= 0x50;
    }
}

static void fix_udp(uint8_t which, uint8_t fix, uint8_t *l4, size_t len) {
    if (len < UDP_HDR_LEN || !(fix & FIX_PORTS))
        return;
    bytes_put16(l4, which & 1 ? 5353 : 4000);
    bytes_put16(l4 + 2, which & 1 ? 40002 : 53);
    bytes_put16(l4 + 4, (uint16_t)len);
}

/* An ICMP error quotes a packet that the stack may have sent. */
static void fix_inner(const struct flow *f, uint8_t *l4, size_t len) {
    uint8_t *ip = l4 + ICMP4_HDR_LEN;
    if (len < ICMP4_HDR_LEN + IP4_HDR_LEN + 8)
        return;
    ip[0] = 0x45;
    bytes_put32(ip + 12, BOX_IP);
    bytes_put32(ip + 16, BOX_PEER_IP);
    if (ip[9] == IP_PROTO_UDP) {
        bytes_put16(ip + 20, 40002);
        bytes_put16(ip + 22, 5353);
    } else if (f) {
        ip[9] = IP_PROTO_TCP;
        bytes_put16(ip + 20, f->lport);
        bytes_put16(ip + 22, f->rport);
        fix_seq(ip + 24, seq_sub(f->nxt, 1));
    }
}

static void fix_csum(uint8_t *ip, size_t hdr, uint8_t *l4, size_t len) {
    static const size_t field_of[256] = {
        [IP_PROTO_TCP] = TCP_CSUM_OFF, [IP_PROTO_UDP] = UDP_CSUM_OFF};
    uint8_t proto = ip[9];
    size_t field = field_of[proto];
    struct csum c = {0};
    put_csum(c, ip, hdr, ip + 10);
    if (bytes_get16(ip + 6) & 0x3fff)
        return; /* a fragment */
    if ((proto == IP_PROTO_ICMP || proto == IP_PROTO_IGMP) && len >= 4)
        put_csum(c, l4, len, l4 + 2);
    if (field == 0 || len < field + 2)
        return;
    uint8_t tail[4] = {0, proto};
    bytes_put16(tail + 2, (uint16_t)len);
    csum_add(&c, ip + 12, 8);
    csum_add(&c, tail, sizeof tail);
    put_csum(c, l4, len, l4 + field);
}

static void fix_ip4(struct box *b, uint8_t fix, uint8_t which, uint8_t *ip, size_t len) {
    const struct flow *f = peer_flow(b, which & 15);
    if (len < IP4_HDR_LEN)
        return;
    if (fix & FIX_IP) {
        if ((ip[0] & 15) < 5)
            ip[0] = 0x45;
        ip[0] = (uint8_t)(0x40 | (ip[0] & 15));
        bytes_put16(ip + 2, (uint16_t)len);
        bytes_put32(ip + 12, BOX_PEER_IP);
        bytes_put32(ip + 16, which & 16 ? 0xef010203u : which & 32 ? 0x0a0000ffu : BOX_IP);
    }
    if (fix & FIX_WHOLE)
        bytes_put16(ip + 6, 0);
    size_t hdr = (size_t)(ip[0] & 15) * 4;
    size_t total = UST_MIN((size_t)bytes_get16(ip + 2), len);
    if (hdr < IP4_HDR_LEN || hdr > total)
        return;
    uint8_t *l4 = ip + hdr;
    if ((bytes_get16(ip + 6) & 0x1fff) == 0) {
        if (ip[9] == IP_PROTO_TCP)
            fix_tcp(f, fix, l4, total - hdr);
        else if (ip[9] == IP_PROTO_UDP)
            fix_udp(which, fix, l4, total - hdr);
        else if (ip[9] == IP_PROTO_ICMP && (fix & FIX_INNER))
            fix_inner(f, l4, total - hdr);
    }
    if (fix & FIX_CSUM)
        fix_csum(ip, hdr, l4, total - hdr);
}

static void fix_frame(struct box *b, uint8_t fix, uint8_t which, uint8_t *p, size_t len) {
    static const uint8_t head[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    if (len < ETH_HDR_LEN)
        return;
    if (fix & FIX_ETH) {
        memcpy(p, head, sizeof head);
        if (which & 0x30)
            memcpy(p, which & 16 ? "\x01\x00\x5e\x01\x02\x03" : "\xff\xff\xff\xff\xff\xff", 6);
        if (bytes_get16(p + 12) != ETH_TYPE_ARP)
            bytes_put16(p + 12, ETH_TYPE_IP4);
    }
    if (bytes_get16(p + 12) == ETH_TYPE_IP4)
        fix_ip4(b, fix, which, p + ETH_HDR_LEN, len - ETH_HDR_LEN);
}

/* arg: bit 0 the device vouches for the checksum, bit 1 coalesced TCP, bit 2 coalesced UDP, bit
 * 3 the device took a tag off. */
static void op_frame(struct box *b, unsigned arg, bool fixed, struct in *in) {
    static uint8_t buf[BOX_FRAME_MAX];
    struct pkt_rx p = {.csum_ok = arg & 1, .has_vlan = arg & 8};
    uint8_t fix = fixed ? in_u8(in) : 0, which = fixed ? in_u8(in) : 0;
    if (arg & 6) {
        p.gso = arg & 2 ? PKT_GSO_TCP4 : PKT_GSO_UDP;
        p.gso_size = in_u16(in);
    }
    if (arg & 8)
        p.vlan_tci = in_u8(in);
    uint16_t len = in_u16(in);
    struct ust_slice s = in_bytes(in, len);
    /* A length beyond the input: the rest is zeros, cheap ways to long frames. */
    size_t n = UST_MIN((size_t)len, s.len + 4096);
    memcpy(buf, s.p, s.len);
    memset(buf + s.len, 0, n - s.len);
    fix_frame(b, fix, which, buf, n);
    if (fix & FIX_CSUM_OK)
        p.csum_ok = true;
    box_say(b, "frame of %zu bytes, fix %#x", n, fix);
    box_rx(b, buf, n, &p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static struct box b;
    struct in in = {data, len};
    box_begin(&b, &in, false, true);
    while (in.left > 0) {
        uint8_t op = in_u8(&in);
        enum op o = (enum op)(op & 15);
        if (o == OP_FRAME || o == OP_FIXED)
            op_frame(&b, op >> 4, o == OP_FIXED, &in);
        else
            box_op(&b, o, op >> 4, &in);
        box_check(&b);
    }
    box_end(&b);
    return 0;
}
