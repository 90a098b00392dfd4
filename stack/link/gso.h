/* SPDX-License-Identifier: ISC */
/*
 * Software segmentation: cuts a coalesced TCP (or UDP_SEGMENT) frame into wire-size frames, with correct lengths, IDs, sequence
 * numbers, flags (FIN/PSH on the last, CWR on the first) and checksums. For links without the offload, the fault link and capture.
 */
#ifndef UST_LINK_GSO_H
#define UST_LINK_GSO_H

#include "wire/gso_hdr.h"

struct gso_iter {
    struct ust_slice frame; /* the whole frame, linear, from the Ethernet header on */
    struct gso_hdr hdr;
    uint16_t gso_size;
    uint32_t off; /* payload bytes already cut */
    uint16_t idx; /* of the next segment */
};

/* False: not a frame that can be cut (send it as it is). */
bool gso_begin(struct gso_iter *it, struct ust_slice frame, uint16_t gso_size);
/* Bytes of the longest frame that gso_next() will write. */
static inline size_t gso_frame_max(const struct gso_iter *it) {
    return (size_t)it->hdr.hdr_len + UST_MIN(it->gso_size, it->hdr.payload_len);
}
/* Writes the next frame to dst (cap bytes, at least gso_frame_max()); returns its length, 0 at the end. */
size_t gso_next(struct gso_iter *it, uint8_t *dst, size_t cap);

#endif
