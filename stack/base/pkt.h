/* SPDX-License-Identifier: ISC */
/*
 * Packets. A received one (pkt_rx) is a view of the device's memory, good until stack_rx() returns:
 * who wants to keep bytes copies them. One to send (pkt_tx) is a slot of the link's transmit queue:
 * headers are composed in place, from the back of `head` forwards, the payload is slices into arena
 * memory that stay put until the queue is drained (the same turn, under the same lock), or is a
 * buffer that the packet owns.
 *
 * Both carry offload fields: a checksum left open, and a segment size for frames larger than the
 * MTU. The fields mean what struct virtio_net_hdr means by them.
 */
#ifndef UST_BASE_PKT_H
#define UST_BASE_PKT_H

#include "base/addr.h"

enum pkt_gso {
    PKT_GSO_NONE,
    PKT_GSO_TCP4,
    PKT_GSO_TCP6,
    PKT_GSO_UDP, /* UDP_SEGMENT: cut at gso_size, each with its own UDP header */
};

struct pkt_rx {
    struct ust_slice frame; /* from the Ethernet header on */
    bool csum_ok; /* L4 checksum verified by, or left open by, a sender on the same machine: do not
                     verify */
    uint8_t gso;  /* enum pkt_gso: a coalesced frame */
    uint16_t gso_size;
    uint16_t vlan_tci; /* stripped tag, valid if has_vlan */
    bool has_vlan;
    bool looped;    /* came over the loop link */
    uint64_t ts_ns; /* wall-clock receive time for SO_TIMESTAMP; 0: unknown */
};

#define PKT_HEAD_BYTES 192 /* Ethernet 14 + VLAN 4 + IP 60 + TCP 60, rounded up */
/* Where L4 headers are composed: IP and Ethernet grow downwards from here. */
#define PKT_L4_OFF 96
#define PKT_SLICE_MAX 8

struct pkt_tx {
    uint16_t head_off; /* first byte of the frame in head[] */
    uint16_t head_end; /* behind the last header byte in head[] */
    uint16_t l3_off;   /* in head[], set by IP */
    uint8_t slice_cnt;
    uint8_t gso; /* enum pkt_gso */
    uint16_t gso_size;
    bool needs_csum;   /* the L4 checksum field holds the partial (pseudo header) sum; the link
                          completes it */
    uint16_t csum_off; /* of the checksum field, from PKT_L4_OFF; the sum starts at PKT_L4_OFF */
    uint8_t to_loop;   /* goes to the loop link */
    uint32_t body_len; /* sum of the slices */
    void *own;         /* buf_alloc'ed, freed with the packet; or NULL */
    struct ust_slice body[PKT_SLICE_MAX];
    uint8_t head[PKT_HEAD_BYTES];
};

/* Fresh packet whose L4 header of l4_len bytes starts at PKT_L4_OFF. */
static inline uint8_t *pkt_start(struct pkt_tx *p, size_t l4_len) {
    p->head_off = PKT_L4_OFF;
    p->head_end = (uint16_t)(PKT_L4_OFF + l4_len);
    p->l3_off = 0;
    p->slice_cnt = 0;
    p->gso = PKT_GSO_NONE;
    p->gso_size = 0;
    p->needs_csum = false;
    p->csum_off = 0;
    p->to_loop = 0;
    p->body_len = 0;
    p->own = NULL;
    return p->head + PKT_L4_OFF;
}
/* Room of n bytes in front of what is there. */
static inline uint8_t *pkt_push(struct pkt_tx *p, size_t n) {
    assert(p->head_off >= n);
    p->head_off = (uint16_t)(p->head_off - n);
    return p->head + p->head_off;
}
static inline void pkt_add_body(struct pkt_tx *p, struct ust_slice s) {
    if (s.len == 0)
        return;
    assert(p->slice_cnt < PKT_SLICE_MAX);
    p->body[p->slice_cnt++] = s;
    p->body_len += (uint32_t)s.len;
}
/* Bytes of L4 header and payload. */
static inline uint32_t pkt_l4_len(const struct pkt_tx *p) {
    return (uint32_t)(p->head_end - PKT_L4_OFF) + p->body_len;
}
/* Bytes of the whole frame as it stands. */
static inline uint32_t pkt_len(const struct pkt_tx *p) {
    return (uint32_t)(p->head_end - p->head_off) + p->body_len;
}
/* Copies the frame into dst (cap bytes, at least pkt_len), completing an open checksum; returns its
 * length. GSO frames stay whole. */
size_t pkt_linearize(const struct pkt_tx *p, uint8_t *dst, size_t cap);

#endif
