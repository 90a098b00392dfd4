/* SPDX-License-Identifier: ISC */
#include "link/pair.h"

uint32_t pair_drain(struct link *l, struct pair_fifo *f) {
    uint32_t moved = 0;
    struct pkt_tx *p;
    while ((p = link_tx_peek(l)) != NULL) {
        if (f->head - f->tail == f->cap || pkt_len(p) > sizeof f->slot->bytes) {
            f->dropped++;
        } else {
            struct pair_frame *fr = &f->slot[f->head++ & (f->cap - 1)];
            fr->gso = p->gso;
            fr->gso_size = p->gso_size;
            fr->len = (uint32_t)pkt_linearize(p, fr->bytes, sizeof fr->bytes);
            moved++;
        }
        link_tx_done(l);
    }
    return moved;
}

bool pair_next(struct pair_fifo *f, struct pkt_rx *p) {
    if (f->head == f->tail)
        return false;
    const struct pair_frame *fr = &f->slot[f->tail & (f->cap - 1)];
    memset(p, 0, sizeof *p);
    p->frame = slice_of(fr->bytes, fr->len);
    p->gso = fr->gso;
    p->gso_size = fr->gso_size;
    /* A coalesced frame's one checksum is right over the whole, so it is verified like any other. */
    return true;
}

void pair_done(struct pair_fifo *f) {
    assert(f->head != f->tail);
    f->tail++;
}
