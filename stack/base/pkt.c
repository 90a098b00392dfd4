/* SPDX-License-Identifier: ISC */
#include "base/pkt.h"

#include "base/csum.h"

/* Completes the checksum that was left open: its field holds the pseudo header's sum, so summing
 * over it is all. */
static void complete_csum(uint8_t *l4, size_t l4_len, size_t csum_off) {
    struct csum c = {0};
    assert(csum_off + 2 <= l4_len);
    csum_add(&c, l4, l4_len);
    uint16_t v = csum_finish(&c);
    if (v == 0)
        v = 0xffff; /* RFC 768: 0 would mean "none"; for TCP both say the same */
    memcpy(l4 + csum_off, &v, sizeof v);
}

size_t pkt_linearize(const struct pkt_tx *p, uint8_t *dst, size_t cap) {
    size_t n = (size_t)(p->head_end - p->head_off);
    assert(cap >= pkt_len(p));
    memcpy(dst, p->head + p->head_off, n);
    for (int i = 0; i < p->slice_cnt; i++) {
        memcpy(dst + n, p->body[i].p, p->body[i].len);
        n += p->body[i].len;
    }
    assert(n <= cap);
    if (p->needs_csum) {
        size_t l4 = (size_t)(PKT_L4_OFF - p->head_off);
        complete_csum(dst + l4, n - l4, p->csum_off);
    }
    return n;
}
