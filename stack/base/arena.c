/* SPDX-License-Identifier: ISC */
/*
 * Spans. Free runs are kept in bins by length (1 to 15 exactly, then by powers of two), found
 * through a bitmap, so that a single span is O(1); they coalesce with their neighbours when they
 * are freed. What lies behind span_fresh has never been touched and is used last.
 *
 * A crash may come between any two stores: a run is used from the moment its head's state says so,
 * and free from the moment it does not; everything else is made again by span_rebuild().
 */
#include "base/arena_priv.h"

#define BIN_EXACT 15 /* bins 0..14 hold runs of 1..15 spans */
#define TRY_CNT 8    /* runs looked at in a bin where not every one is long enough */

static unsigned bin_of(uint32_t n) {
    if (n <= BIN_EXACT)
        return n - 1;
    return BIN_EXACT - 4 + (31 - (unsigned)__builtin_clz(n));
}

static void bin_link(struct arena *ar, uint32_t i) {
    struct span *map = ar->span_map;
    unsigned b = bin_of(map[i].run);
    map[i].prev = 0;
    map[i].next = ar->bin[b];
    if (ar->bin[b])
        map[ar->bin[b]].prev = i;
    ar->bin[b] = i;
    ar->bin_map |= 1ULL << b;
}

static void bin_unlink(struct arena *ar, uint32_t i) {
    struct span *map = ar->span_map;
    unsigned b = bin_of(map[i].run);
    if (map[i].prev)
        map[map[i].prev].next = map[i].next;
    else
        ar->bin[b] = map[i].next;
    if (map[i].next)
        map[map[i].next].prev = map[i].prev;
    if (!ar->bin[b])
        ar->bin_map &= ~(1ULL << b);
}

static void punch_link(struct arena *ar, uint32_t i) {
    struct span *map = ar->span_map;
    map[i].punch_prev = 0;
    map[i].punch_next = ar->punch_head;
    if (ar->punch_head)
        map[ar->punch_head].punch_prev = i;
    ar->punch_head = i;
}

static void punch_unlink(struct arena *ar, uint32_t i) {
    struct span *map = ar->span_map;
    if (map[i].punch_prev)
        map[map[i].punch_prev].punch_next = map[i].punch_next;
    else
        ar->punch_head = map[i].punch_next;
    if (map[i].punch_next)
        map[map[i].punch_next].punch_prev = map[i].punch_prev;
}

/* Makes [i, i+n) a free run on the lists; the spans' own dirty marks are right already. */
static void run_link(struct arena *ar, uint32_t i, uint32_t n, uint32_t dirty_cnt) {
    struct span *map = ar->span_map;
    if (n > 1) {
        map[i + n - 1].body = true;
        map[i + n - 1].run = n - 1;
    }
    map[i].body = false;
    map[i].run = n;
    map[i].dirty_cnt = dirty_cnt;
    bin_link(ar, i);
    if (dirty_cnt)
        punch_link(ar, i);
}

static void run_unlink(struct arena *ar, uint32_t i) {
    bin_unlink(ar, i);
    if (ar->span_map[i].dirty_cnt)
        punch_unlink(ar, i);
}

/* The first n spans of the free run i; the rest stays a free run. */
static uint32_t run_cut(struct arena *ar, uint32_t i, uint32_t n) {
    struct span *map = ar->span_map;
    uint32_t len = map[i].run, dirty = 0;
    run_unlink(ar, i);
    for (uint32_t k = i; k < i + n; k++)
        dirty += map[k].dirty;
    ar->punch_cnt -= dirty;
    if (len > n)
        run_link(ar, i + n, len - n, map[i].dirty_cnt - dirty);
    return i;
}

/* A run of at least n spans in bin b among the first `tries`. */
static uint32_t bin_find(const struct arena *ar, unsigned b, uint32_t n, uint32_t tries) {
    for (uint32_t i = ar->bin[b]; i && tries; i = ar->span_map[i].next, tries--)
        if (ar->span_map[i].run >= n)
            return i;
    return 0;
}

uint32_t span_take(struct arena *ar, uint32_t n) {
    unsigned b = bin_of(n);
    uint32_t i = bin_find(ar, b, n, TRY_CNT);
    if (i)
        return run_cut(ar, i, n);
    uint64_t above = ar->bin_map >> b >> 1 << 1 << b;
    if (above)
        return run_cut(ar, ar->bin[__builtin_ctzll(above)], n);
    uint32_t fresh = ar->span_cnt - ar->span_fresh;
    if (fresh >= n) {
        i = ar->span_fresh;
        ar->span_fresh += n;
        return i;
    }
    i = bin_find(ar, b, n, UINT32_MAX);
    if (i)
        return run_cut(ar, i, n);
    /* The last free run and the fresh spans behind it together. */
    const struct span *last = &ar->span_map[ar->span_fresh - 1];
    if (last->state != SPAN_FREE)
        return 0;
    i = ar->span_fresh - 1 - (last->body ? last->run : 0);
    uint32_t len = ar->span_map[i].run;
    if (len + fresh < n)
        return 0;
    run_cut(ar, i, len);
    ar->span_fresh += n - len;
    return i;
}

void span_mark(struct arena *ar, uint32_t i, uint32_t n, enum span_state state) {
    struct span *map = ar->span_map;
    for (uint32_t k = 1; k < n; k++) {
        map[i + k].body = true;
        map[i + k].run = k;
        __atomic_store_n(&map[i + k].state, (uint8_t)state, __ATOMIC_RELEASE);
    }
    map[i].body = false;
    map[i].run = n;
    __atomic_store_n(&map[i].state, (uint8_t)state, __ATOMIC_RELEASE);
    for (uint32_t k = i; k < i + n; k++)
        map[k].dirty = false;
    if (state == SPAN_RESERVED)
        return;
    ar->span_used += n;
    ar->span_peak = UST_MAX(ar->span_peak, ar->span_used);
}

void span_release(struct arena *ar, uint32_t i) {
    struct span *map = ar->span_map;
    uint32_t n = map[i].run, head = i, len = n, dirty = n;
    assert(!map[i].body && map[i].state != SPAN_FREE && map[i].state != SPAN_RESERVED);
    for (uint32_t k = i; k < i + n; k++)
        map[k].dirty = true;
    __atomic_store_n(&map[i].state, SPAN_FREE, __ATOMIC_RELEASE);
    for (uint32_t k = i + 1; k < i + n; k++)
        map[k].state = SPAN_FREE;
    ar->span_used -= n;
    ar->punch_cnt += n;
    if (i + n < ar->span_fresh && map[i + n].state == SPAN_FREE) {
        dirty += map[i + n].dirty_cnt;
        len += map[i + n].run;
        run_unlink(ar, i + n);
    }
    if (map[i - 1].state == SPAN_FREE) {
        head = i - 1 - (map[i - 1].body ? map[i - 1].run : 0);
        dirty += map[head].dirty_cnt;
        len += map[head].run;
        run_unlink(ar, head);
    }
    run_link(ar, head, len, dirty);
}

void span_rebuild(struct arena *ar) {
    struct span *map = ar->span_map;
    memset(ar->bin, 0, sizeof ar->bin);
    ar->bin_map = 0;
    ar->punch_cnt = ar->punch_head = ar->span_used = 0;
    for (uint32_t i = ar->span_first; i < ar->span_fresh;) {
        if (!map[i].body && map[i].state != SPAN_FREE) {
            uint32_t n = map[i].run;
            ar->span_used += n;
            for (; n > 0; n--)
                map[i++].dirty = false;
            continue;
        }
        /* Everything up to the next head that is in use. */
        uint32_t head = i, dirty = 0;
        for (; i < ar->span_fresh && (map[i].body || map[i].state == SPAN_FREE); i++) {
            map[i].state = SPAN_FREE;
            dirty += map[i].dirty;
        }
        ar->punch_cnt += dirty;
        run_link(ar, head, i - head, dirty);
    }
}

int arena_init(struct arena *ar, void *base, uint64_t size, uint64_t reserve) {
    uint64_t span_cnt = size / ARENA_SPAN_BYTES;
    if (size % ARENA_SPAN_BYTES || (uintptr_t)base % 4096 || span_cnt > UINT32_MAX / 8)
        return -EINVAL;
    uint64_t map_off = (reserve + 63) & ~63ULL;
    uint64_t first =
        (map_off + span_cnt * sizeof(struct span) + ARENA_SPAN_BYTES - 1) / ARENA_SPAN_BYTES;
    if (reserve > size || first >= span_cnt)
        return -ENOMEM;
    memset(ar, 0, sizeof *ar);
    ar->base = base;
    ar->size = size;
    ar->span_cnt = (uint32_t)span_cnt;
    ar->span_first = ar->span_fresh = (uint32_t)first;
    ar->span_map = (struct span *)(void *)(ar->base + map_off);
    span_mark(ar, 0, ar->span_first, SPAN_RESERVED);
    slab_define(ar, SLAB_BUF_256, 256, 0);
    slab_define(ar, SLAB_BUF_2K, 2048, 0);
    slab_define(ar, SLAB_BUF_16K, 16384, 0);
    slab_define(ar, SLAB_BUF_68K, BUF_MAX_BYTES, 0);
    return 0;
}

static uint32_t large_alloc(struct arena *ar, uint64_t len, uint32_t *fresh) {
    uint64_t n = (len + ARENA_SPAN_BYTES - 1) / ARENA_SPAN_BYTES;
    if (n == 0)
        n = 1;
    if (len > ar->size || n > ar->span_cnt)
        return 0;
    *fresh = ar->span_fresh;
    uint32_t i = span_take(ar, (uint32_t)n);
    if (!i && slab_reclaim(ar))
        i = span_take(ar, (uint32_t)n);
    if (i)
        span_mark(ar, i, (uint32_t)n, SPAN_LARGE);
    return i;
}

void *span_alloc(struct arena *ar, uint64_t len) {
    uint32_t fresh, i = large_alloc(ar, len, &fresh);
    if (!i)
        return NULL;
    /* What was never touched is zero, and stays untouched. */
    uint32_t n = ar->span_map[i].run;
    uint32_t used = i >= fresh ? 0 : UST_MIN(n, fresh - i);
    memset(span_addr(ar, i), 0, (size_t)used * ARENA_SPAN_BYTES);
    return span_addr(ar, i);
}

void *span_alloc_raw(struct arena *ar, uint64_t len) {
    uint32_t fresh, i = large_alloc(ar, len, &fresh);
    return i ? span_addr(ar, i) : NULL;
}

void span_free(struct arena *ar, void *p) {
    if (!p)
        return;
    uint32_t i = span_of(ar, p);
    assert(span_addr(ar, i) == p && ar->span_map[i].state == SPAN_LARGE);
    span_release(ar, i);
}

bool arena_take_punch(struct arena *ar, void **p, uint64_t *len) {
    struct span *map = ar->span_map;
    uint32_t head = ar->punch_head;
    if (!head)
        return false;
    uint32_t from = head, end = head + map[head].run;
    while (!map[from].dirty)
        from++;
    uint32_t to = from;
    for (; to < end && map[to].dirty; to++)
        map[to].dirty = false;
    ar->punch_cnt -= to - from;
    map[head].dirty_cnt -= to - from;
    if (!map[head].dirty_cnt)
        punch_unlink(ar, head);
    *p = span_addr(ar, from);
    *len = (uint64_t)(to - from) * ARENA_SPAN_BYTES;
    return true;
}
