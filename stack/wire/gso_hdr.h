/* SPDX-License-Identifier: ISC */
/*
 * Header work for segmentation and for checksums left open: finds TCP or UDP in a whole Ethernet
 * frame, and patches a copy of its headers into those of one segment. IPv4 and IPv6 without
 * extension headers; anything else is "not to be cut".
 */
#ifndef UST_WIRE_GSO_HDR_H
#define UST_WIRE_GSO_HDR_H

#include "base/pkt.h"

struct gso_hdr {
    uint16_t l3_off, l4_off;
    uint16_t hdr_len;     /* Ethernet, IP and L4 header */
    uint32_t payload_len; /* bytes behind the headers, without Ethernet padding */
    bool ip6;
    uint8_t proto; /* IP_PROTO_TCP or IP_PROTO_UDP */
};

/* False: not an unfragmented TCP or UDP frame, or malformed. */
bool gso_hdr_parse(struct ust_slice frame, struct gso_hdr *g);
/*
 * frame holds g->hdr_len header bytes as copied from the large frame, then len payload bytes that
 * stood at off in it. Makes it segment number idx: lengths, ID, sequence number, FIN and PSH on the
 * last only, CWR on the first only, checksums.
 */
void gso_hdr_segment(const struct gso_hdr *g, uint8_t *frame, uint32_t len, uint32_t off,
                     uint16_t idx, bool last);
/* Computes the L4 checksum of a frame that gso_hdr_parse() took, whatever its field holds. */
void gso_hdr_fill_csum(const struct gso_hdr *g, uint8_t *frame);
/*
 * Does the L4 checksum field hold no more than the pseudo header's sum, as a sender leaves it to an offload that never came (a capture on veth)? Of other frames one in 65,536 does.
 */
bool gso_hdr_csum_is_open(struct ust_slice frame);
/* Completes p's open checksum in place: the field lies in p->head. */
void pkt_complete_csum(struct pkt_tx *p);

#endif
