/* SPDX-License-Identifier: ISC */
/*
 * Growth: the new table is twice the old; old bucket b splits into new buckets b and b + old size.
 * Buckets below `moved` have been split, so every hash has exactly one chain: new if its old bucket
 * is below `moved`, else old. The new table is not cleared when it is made: a bucket of it is
 * written for the first time when its old one is split.
 */
#include "base/htab.h"

#define MOVE_PER_INSERT 4
#define BUCKET_CNT_MAX (1u << 30)

static uint64_t table_bytes(uint32_t bucket_cnt) {
    return (uint64_t)bucket_cnt * sizeof(struct hnode *);
}

int htab_init(struct htab *h, struct arena *ar, uint32_t bucket_cnt) {
    assert(bucket_cnt > 0 && (bucket_cnt & (bucket_cnt - 1)) == 0);
    memset(h, 0, sizeof *h);
    h->bucket = span_alloc(ar, table_bytes(bucket_cnt));
    if (!h->bucket)
        return -ENOMEM;
    h->mask = bucket_cnt - 1;
    return 0;
}

void htab_fini(struct htab *h, struct arena *ar) {
    if (h->bucket)
        span_free(ar, h->bucket);
    if (h->old)
        span_free(ar, h->old);
    memset(h, 0, sizeof *h);
}

/* The chain where nodes with this hash are. */
static inline struct hnode **chain_of(const struct htab *h, uint32_t hash) {
    if (h->old && (hash & h->old_mask) >= h->moved)
        return &h->old[hash & h->old_mask];
    return &h->bucket[hash & h->mask];
}

static void grow(struct htab *h, struct arena *ar) {
    uint32_t bucket_cnt = h->mask + 1;
    if (bucket_cnt >= BUCKET_CNT_MAX)
        return;
    struct hnode **bigger = span_alloc_raw(ar, table_bytes(bucket_cnt * 2));
    if (!bigger)
        return;
    h->old = h->bucket;
    h->old_mask = h->mask;
    h->moved = 0;
    h->bucket = bigger;
    h->mask = bucket_cnt * 2 - 1;
}

static void move_some(struct htab *h, struct arena *ar) {
    for (int i = 0; i < MOVE_PER_INSERT && h->moved <= h->old_mask; i++) {
        uint32_t b = h->moved;
        struct hnode *n = h->old[b], *next;
        h->bucket[b] = h->bucket[b + h->old_mask + 1] = NULL;
        for (; n; n = next) {
            struct hnode **to = &h->bucket[n->hash & h->mask];
            next = n->next;
            n->next = *to;
            *to = n;
        }
        h->moved++;
    }
    if (h->moved > h->old_mask) {
        span_free(ar, h->old);
        h->old = NULL;
    }
}

void htab_insert(struct htab *h, struct arena *ar, struct hnode *n, uint32_t hash) {
    if (h->old) {
        move_some(h, ar);
    } else if (h->cnt > h->mask && h->cnt % 16 == 0) { /* a failed try is not repeated each time */
        grow(h, ar);
    }
    struct hnode **chain = chain_of(h, hash);
    n->hash = hash;
    n->next = *chain;
    *chain = n;
    h->cnt++;
}

void htab_remove(struct htab *h, struct hnode *n) {
    struct hnode **p = chain_of(h, n->hash);
    while (*p != n) {
        assert(*p != NULL);
        p = &(*p)->next;
    }
    *p = n->next;
    n->next = NULL;
    h->cnt--;
}

static struct hnode *same_hash(struct hnode *n, uint32_t hash) {
    while (n && n->hash != hash)
        n = n->next;
    return n;
}

struct hnode *htab_first(const struct htab *h, uint32_t hash) {
    return same_hash(*chain_of(h, hash), hash);
}

struct hnode *htab_next(const struct hnode *n) {
    return same_hash(n->next, n->hash);
}

void htab_clear(struct htab *h) {
    memset(h->bucket, 0, table_bytes(h->mask + 1));
    /* The next insert finds nothing left to move and frees the old table. */
    if (h->old)
        h->moved = h->old_mask + 1;
    h->cnt = 0;
}
