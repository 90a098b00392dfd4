/* SPDX-License-Identifier: ISC */
/*
 * Hash table with intrusive chains; the buckets are spans of the arena. Grows incrementally: a few
 * old buckets are moved at each insert, so that no call stalls. The caller hashes (keyed, SipHash)
 * and compares.
 */
#ifndef UST_BASE_HTAB_H
#define UST_BASE_HTAB_H

#include "base/arena.h"

struct hnode {
    struct hnode *next; /* derived */
    uint32_t hash;
};

struct htab {
    struct hnode **bucket;
    struct hnode **old; /* the table being moved out of, or NULL */
    uint32_t mask, old_mask;
    uint32_t moved; /* old buckets moved so far */
    uint32_t cnt;
};

/* bucket_cnt: a power of two. 0 or -ENOMEM. */
int htab_init(struct htab *h, struct arena *ar, uint32_t bucket_cnt);
void htab_fini(struct htab *h, struct arena *ar);
/* n->hash is set by this call. Never fails: if no memory is left to grow, chains get longer. */
void htab_insert(struct htab *h, struct arena *ar, struct hnode *n, uint32_t hash);
void htab_remove(struct htab *h, struct hnode *n);
/* Walk of the candidates: first node with this hash, then the next with the same, or NULL. */
struct hnode *htab_first(const struct htab *h, uint32_t hash);
struct hnode *htab_next(const struct hnode *n);
/* Empties the table without touching the nodes: the start of a rebuild. */
void htab_clear(struct htab *h);

#endif
