/* SPDX-License-Identifier: ISC */
/* What arena.c, slab.c and arena_check.c share; nobody else includes this. */
#ifndef UST_BASE_ARENA_PRIV_H
#define UST_BASE_ARENA_PRIV_H

#include "base/arena.h"

enum span_state {
    SPAN_FREE, /* zero: what was never touched is free */
    SPAN_SLAB,
    SPAN_LARGE,
    SPAN_RESERVED,
};

/*
 * One entry per span. `state` and `run` of a head are the truth from which everything else is
 * rebuilt: they are written last when a run is taken into use.
 */
struct span {
    uint8_t state; /* enum span_state */
    bool body;     /* not the first of its run */
    bool dirty;    /* free: was used since it was last offered for punching */
    uint32_t run;  /* head: spans in the run; body: distance back to the head. Inner bodies of free
                      runs: stale */
    /* Of a free head, all derived. 0 ends a list, since span 0 is never free. */
    uint32_t next, prev;             /* runs of the same bin */
    uint32_t punch_next, punch_prev; /* runs with dirty spans */
    uint32_t dirty_cnt;              /* dirty spans of the run */
};

enum obj_state {
    OBJ_FREE,
    OBJ_RESERVED, /* allocated, not born: free again after a rebuild */
    OBJ_ALIVE,
};

/* At the front of a slab's first span; the objects fill the slab's end, so that they are aligned by
 * their size. */
struct slab {
    uint32_t kind; /* enum slab_kind */
    uint32_t span; /* index of the first span */
    uint32_t obj_bytes;
    uint32_t per_slab;
    uint32_t obj_off;  /* of object 0 from the slab's start */
    uint32_t recip;    /* 2^32 / obj_bytes, rounded up: division by multiplication */
    uint32_t free_cnt; /* height of free_stack (derived) */
    bool is_full;      /* which list it is on (derived) */
    struct slab *next, *prev;
    uint16_t free_stack[]; /* per_slab entries (derived), then the alive bytes */
};

static inline uint8_t *slab_states(const struct slab *s) {
    return (uint8_t *)(uintptr_t)(s->free_stack + s->per_slab);
}
static inline uint8_t *slab_obj(const struct slab *s, uint32_t i) {
    return (uint8_t *)(uintptr_t)s + s->obj_off + (size_t)i * s->obj_bytes;
}
static inline uint32_t span_of(const struct arena *ar, const void *p) {
    return (uint32_t)((uint64_t)((const uint8_t *)p - ar->base) / ARENA_SPAN_BYTES);
}
static inline uint8_t *span_addr(const struct arena *ar, uint32_t i) {
    return ar->base + (uint64_t)i * ARENA_SPAN_BYTES;
}

/* A run of n spans, still marked free, off all lists: the caller makes it his with span_mark(). 0:
 * none. */
uint32_t span_take(struct arena *ar, uint32_t n);
void span_mark(struct arena *ar, uint32_t i, uint32_t n, enum span_state state);
/* Gives the run with head i back. */
void span_release(struct arena *ar, uint32_t i);
/* The lists of free runs from the heads of the used ones alone. */
void span_rebuild(struct arena *ar);
/* Frees the empty slabs that are kept for the next alloc. True if there was one. */
bool slab_reclaim(struct arena *ar);

#endif
