/* SPDX-License-Identifier: ISC */
/*
 * The arena: one region of memory, mapped at the same fixed address by everybody who uses the
 * stack, in which all of the core's state lives. No pointer leads out of it and no function pointer
 * stands in it.
 *
 * The story: the region is cut into spans of 64 KB. A span, or a run of them, is either free, a
 * slab of objects of one kind, or a single large allocation. Slabs keep an alive word per object
 * *outside* the object, written last at birth and first at death, so that after a crash inside the
 * lock everything derived (free lists, hash tables, wheels, ready and dirty lists) can be rebuilt
 * by walking the alive objects. Memory is sparse: what was never touched costs nothing, and spans
 * that become free go on a list that the host hole-punches.
 *
 * Invariants (arena_check): every span is in exactly one state; a slab's free list plus its alive
 * objects plus its reserved-but-not-born objects is its capacity.
 *
 * Not done here: locking (the caller holds the stack's lock).
 */
#ifndef UST_BASE_ARENA_H
#define UST_BASE_ARENA_H

#include "base/types.h"

#define ARENA_SPAN_BYTES 65536u

/* Kinds of slab objects. The size of each is told to arena by slab_define() once, at stack
 * creation. */
enum slab_kind {
    SLAB_BUF_256, /* raw buffers by size, see buf_alloc() */
    SLAB_BUF_2K,
    SLAB_BUF_16K,
    SLAB_BUF_68K, /* a full IP packet with head room */
    SLAB_NEIGH,
    SLAB_REASS,
    SLAB_FRAG,
    SLAB_PMTU,
    SLAB_FAULT_FRAME,
    SLAB_UDP_PCB,
    SLAB_UDP_DGRAM,
    SLAB_TCB,
    SLAB_TCP_LISTENER,
    SLAB_TCP_SEG,   /* a transmitted segment: the scoreboard's unit */
    SLAB_TCP_RANGE, /* a range of out-of-order bytes */
    SLAB_TCP_TW,    /* TIME-WAIT remnant */
    SLAB_SOCK,
    SLAB_EPSET,
    SLAB_EPITEM,
    SLAB_WAITER,
    SLAB_WAIT_LINK,
    SLAB_FDPAGE,
    SLAB_PROC,
    SLAB_HOLD,
    SLAB_ERRQ, /* an error that a program has not read yet */
    SLAB_UDP_GROUP,
    SLAB_COUNT
};

struct slab; /* a run of spans holding objects of one kind; private */
struct span; /* a span's state; private */

struct slab_class {
    uint32_t obj_bytes; /* as defined, rounded up to 16 */
    uint32_t per_slab;
    uint32_t span_cnt; /* spans of one slab */
    uint32_t in_use;   /* born or reserved objects */
    uint32_t peak;
    uint32_t cap_objs;    /* most objects allowed; 0: only the arena's size bounds it */
    uint64_t fail_cnt;    /* allocations refused */
    struct slab *partial; /* slabs with a free object (derived) */
    struct slab *full;    /* slabs without one (derived) */
    struct slab *empty;   /* of the partial ones the one without objects that is kept for the next
                             alloc, or NULL */
};

#define ARENA_BIN_CNT 40

struct arena {
    uint8_t *base; /* = the arena's own address region; span 0 starts here */
    uint64_t size; /* bytes, a multiple of ARENA_SPAN_BYTES */
    uint32_t span_cnt;
    uint32_t span_first; /* those before are reserve and span map */
    uint32_t span_used;  /* in slabs and large allocations */
    uint32_t span_peak;
    uint32_t span_fresh;         /* spans from here on were never touched */
    struct span *span_map;       /* one per span */
    uint32_t bin[ARENA_BIN_CNT]; /* heads of free runs by length (derived) */
    uint64_t bin_map;            /* bit per bin that is not empty (derived) */
    uint32_t punch_cnt;  /* freed spans that the host may hole-punch (see arena_take_punch) */
    uint32_t punch_head; /* runs that have some (derived) */
    bool poison;         /* set by tests of one process: ASan sees freed objects as poisoned */
    struct slab_class classes[SLAB_COUNT];
};

/*
 * Lays an arena over [base, base+size): size a multiple of ARENA_SPAN_BYTES, base 4096-aligned, the
 * bytes zero. `reserve` bytes at the front stay the caller's (the stack's root struct). Returns 0
 * or -EINVAL/-ENOMEM.
 */
int arena_init(struct arena *ar, void *base, uint64_t size, uint64_t reserve);

/* Declares kind's object size and cap; once, before the first slab_alloc of that kind. */
void slab_define(struct arena *ar, enum slab_kind kind, size_t obj_bytes, uint32_t cap_objs);

/*
 * A zeroed object of the kind (buffers, SLAB_BUF_*, are not zeroed), *not yet alive*; NULL if cap
 * or arena are exhausted. slab_birth() makes it alive: call it when its fields are consistent.
 * O(1), amortised.
 */
void *slab_alloc(struct arena *ar, enum slab_kind kind);
void slab_birth(struct arena *ar, void *obj);
/* Clears the alive word first, then gives the object back. obj must come from slab_alloc; NULL is
 * allowed. */
void slab_free(struct arena *ar, void *obj);
/* Of any pointer: false unless it is that of a living object. */
bool slab_is_alive(const struct arena *ar, const void *obj);
enum slab_kind slab_kind_of(const struct arena *ar, const void *obj);

/* Walk: the alive object behind `prev` (NULL: the first), or NULL. The walk may free the object it
 * stands on. */
void *slab_next_alive(struct arena *ar, enum slab_kind kind, void *prev);
/*
 * A compact number of an object within its kind (below span_cnt * per_slab), stable for its life,
 * and back: NULL unless an alive object of the kind has it. For tables by index across processes.
 */
uint32_t slab_index(const struct arena *ar, const void *obj);
void *slab_at(const struct arena *ar, enum slab_kind kind, uint32_t index);

/* After a crash inside the lock: free lists and counts from alive words alone; objects reserved but
 * not born are free again. */
void slab_rebuild(struct arena *ar);

/* Raw contiguous memory of at most 68 KB from the SLAB_BUF_* classes (born at once; not zeroed);
 * NULL when exhausted. */
#define BUF_MAX_BYTES (68u * 1024u)
void *buf_alloc(struct arena *ar, size_t len);
/* Bytes that the buffer really has. */
size_t buf_cap(const struct arena *ar, const void *buf);
void buf_free(struct arena *ar, void *buf);

/* A zeroed run of spans for tables (hash buckets, fd tables): at least len bytes; NULL when
 * exhausted. */
void *span_alloc(struct arena *ar, uint64_t len);
/* The same, not zeroed. */
void *span_alloc_raw(struct arena *ar, uint64_t len);
void span_free(struct arena *ar, void *p);

/*
 * The next freed, still backed run of spans to hole-punch: true with address and length; false if
 * there is none. The host punches before it lets go of the lock: afterwards the run may be in use
 * again.
 */
bool arena_take_punch(struct arena *ar, void **p, uint64_t *len);

/* Pools of the kinds in [0, SLAB_COUNT) that are in use: for fixtures ("all pools empty") and
 * `userstack stat`. */
uint32_t slab_in_use(const struct arena *ar, enum slab_kind kind);
const char *slab_kind_name(enum slab_kind kind);

/* NULL if every invariant holds, else a text that says which does not. */
const char *arena_check(struct arena *ar);

#endif
