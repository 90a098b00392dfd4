/* SPDX-License-Identifier: ISC */
#include "link/gso.h"

bool gso_begin(struct gso_iter *it, struct ust_slice frame, uint16_t gso_size) {
    memset(it, 0, sizeof *it);
    if (gso_size == 0 || !gso_hdr_parse(frame, &it->hdr))
        return false;
    it->frame = frame;
    it->gso_size = gso_size;
    return it->hdr.payload_len > 0;
}

size_t gso_next(struct gso_iter *it, uint8_t *dst, size_t cap) {
    uint32_t left = it->hdr.payload_len - it->off;
    if (left == 0)
        return 0;
    uint32_t n = UST_MIN(left, (uint32_t)it->gso_size);
    size_t len = it->hdr.hdr_len + (size_t)n;
    assert(len <= cap);
    memcpy(dst, it->frame.p, it->hdr.hdr_len);
    memcpy(dst + it->hdr.hdr_len, it->frame.p + it->hdr.hdr_len + it->off, n);
    gso_hdr_segment(&it->hdr, dst, n, it->off, it->idx, n == left);
    it->off += n;
    it->idx++;
    return len;
}
