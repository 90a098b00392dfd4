/* SPDX-License-Identifier: ISC */
/*
 * Block b holds the positions [b * 16K, (b + 1) * 16K), so a byte's place never changes. The ring
 * has one entry for each block number from that of `start` to the last block that is there; where
 * nothing was written, there is no block.
 */
#include "base/sbuf.h"

#define RING_MAX 65536u /* entries: 1 GB, the largest window of RFC 7323 2.3 */

static inline uint64_t blk_of(uint64_t pos) { return pos / SBUF_BLOCK_BYTES; }
static inline size_t off_of(uint64_t pos) { return pos % SBUF_BLOCK_BYTES; }

static inline uint8_t **entry(const struct sbuf *sb, uint64_t blk) {
    assert(blk - sb->first_blk < sb->cnt);
    return &sb->ring[(sb->head + (blk - sb->first_blk)) & (sb->cap - 1u)];
}

void sbuf_init(struct sbuf *sb) {
    memset(sb, 0, sizeof *sb);
    sb->ring = sb->inl;
    sb->cap = SBUF_INLINE_BLOCKS;
}

/* A large ring is a run of spans. */
static bool ring_is_large(size_t bytes) { return bytes > BUF_MAX_BYTES; }

static uint8_t **ring_alloc(struct arena *ar, size_t *bytes) {
    if (ring_is_large(*bytes))
        return span_alloc_raw(ar, *bytes);
    uint8_t **ring = buf_alloc(ar, *bytes);
    while (ring &&
           *bytes * 2 <= buf_cap(ar, ring)) /* all of it is of use, down to a power of two */
        *bytes *= 2;
    return ring;
}

static void ring_free(struct sbuf *sb, struct arena *ar) {
    if (sb->ring == sb->inl)
        return;
    if (ring_is_large(sb->cap * sizeof *sb->ring))
        span_free(ar, sb->ring);
    else
        buf_free(ar, sb->ring);
}

/* Back to the inline ring. */
static void ring_clear(struct sbuf *sb, struct arena *ar) {
    ring_free(sb, ar);
    sb->ring = sb->inl;
    sb->cap = SBUF_INLINE_BLOCKS;
    sb->head = sb->cnt = 0;
    memset(sb->inl, 0, sizeof sb->inl);
}

static void free_block(struct sbuf *sb, struct arena *ar, uint8_t **e) {
    if (!*e)
        return;
    buf_free(ar, *e);
    *e = NULL;
    sb->blk_cnt--;
}

/* Frees the blocks with number blk and above, and the entries at the end that have none. */
static void free_from(struct sbuf *sb, struct arena *ar, uint64_t blk) {
    while (sb->cnt > 0) {
        uint64_t last = sb->first_blk + sb->cnt - 1;
        if (last < blk && *entry(sb, last))
            break;
        free_block(sb, ar, entry(sb, last));
        sb->cnt--;
    }
    if (sb->cnt == 0)
        ring_clear(sb, ar);
}

void sbuf_clear(struct sbuf *sb, struct arena *ar) {
    free_from(sb, ar, 0);
    sb->start = sb->end;
    sb->far_end = sb->rsv_end = 0;
}

/* Behind the last byte that matters to anybody. */
static uint64_t used_end(const struct sbuf *sb) {
    return UST_MAX(sb->end, UST_MAX(sb->far_end, sb->rsv_end));
}

/* Frees what lies behind used_end(); everything if nothing is held at all. */
static void shrink(struct sbuf *sb, struct arena *ar) {
    uint64_t end = used_end(sb);
    free_from(sb, ar, end == sb->start ? 0 : blk_of(end - 1) + 1);
}

/* Entries for all blocks up to blk, which is not before start's. False: no memory, or too far. */
static bool ring_reach(struct sbuf *sb, struct arena *ar, uint64_t blk) {
    if (sb->cnt == 0)
        sb->first_blk = blk_of(sb->start);
    uint64_t need = blk - sb->first_blk + 1;
    if (need > RING_MAX)
        return false;
    if (need > sb->cap) {
        size_t bytes = 256;
        while (bytes / sizeof(uint8_t *) < need)
            bytes *= 2;
        uint8_t **ring = ring_alloc(ar, &bytes);
        if (!ring)
            return false;
        memset(ring, 0, bytes);
        for (uint32_t i = 0; i < sb->cnt; i++)
            ring[i] = sb->ring[(sb->head + i) & (sb->cap - 1u)];
        ring_free(sb, ar);
        sb->ring = ring;
        sb->head = 0;
        sb->cap = (uint32_t)(bytes / sizeof(uint8_t *));
    }
    if (need > sb->cnt)
        sb->cnt = (uint32_t)need;
    return true;
}

size_t sbuf_reserve(struct sbuf *sb, struct arena *ar, size_t len, struct sbuf_mslice *v, int *cnt,
                    int max) {
    size_t got = 0;
    *cnt = 0;
    while (got < len && *cnt < max) {
        uint64_t pos = sb->end + got;
        if (!ring_reach(sb, ar, blk_of(pos)))
            break;
        uint8_t **e = entry(sb, blk_of(pos));
        if (!*e) {
            *e = buf_alloc(ar, SBUF_BLOCK_BYTES);
            if (!*e)
                break;
            sb->blk_cnt++;
        }
        size_t n = UST_MIN(len - got, SBUF_BLOCK_BYTES - off_of(pos));
        v[(*cnt)++] = (struct sbuf_mslice){*e + off_of(pos), n};
        got += n;
    }
    sb->rsv_end = sb->end + got;
    shrink(sb, ar);
    return got;
}

void sbuf_commit(struct sbuf *sb, struct arena *ar, size_t n) {
    assert(n == 0 || sb->end + n <= sb->rsv_end);
    sb->end += n;
    sb->rsv_end = 0;
    shrink(sb, ar);
}

/* Blocks for all of [pos, pos+len), or no change. */
static bool fill_blocks(struct sbuf *sb, struct arena *ar, uint64_t pos, size_t len) {
    uint64_t first = blk_of(pos), last = blk_of(pos + len - 1);
    if (!ring_reach(sb, ar, last))
        return false;
    uint64_t blk;
    uint8_t *chain =
        NULL; /* the new blocks, linked through their first bytes until all are there */
    for (blk = first; blk <= last; blk++) {
        if (*entry(sb, blk))
            continue;
        uint8_t *b = buf_alloc(ar, SBUF_BLOCK_BYTES);
        if (!b)
            break;
        memcpy(b, &chain, sizeof chain);
        chain = b;
    }
    bool ok = blk > last;
    for (blk = first; chain; blk++) {
        uint8_t *b = chain;
        if (ok && *entry(sb, blk))
            continue;
        memcpy(&chain, b, sizeof chain);
        if (!ok) {
            buf_free(ar, b);
            continue;
        }
        *entry(sb, blk) = b;
        sb->blk_cnt++;
    }
    return ok;
}

int sbuf_write_at(struct sbuf *sb, struct arena *ar, uint64_t pos, struct ust_slice data) {
    assert(pos >= sb->start);
    if (data.len == 0)
        return 0;
    if (!fill_blocks(sb, ar, pos, data.len)) {
        shrink(sb, ar);
        return -ENOBUFS;
    }
    sb->far_end = UST_MAX(sb->far_end, pos + data.len);
    while (data.len > 0) {
        size_t n = UST_MIN(data.len, SBUF_BLOCK_BYTES - off_of(pos));
        memcpy(*entry(sb, blk_of(pos)) + off_of(pos), data.p, n);
        data = slice_skip(data, n);
        pos += n;
    }
    return 0;
}

void sbuf_advance_end(struct sbuf *sb, uint64_t pos) {
    assert(pos >= sb->end && (pos == sb->end || pos <= sb->far_end));
    sb->end = pos;
}

size_t sbuf_peek(const struct sbuf *sb, uint64_t pos, size_t len, struct ust_slice *v, int *cnt,
                 int max) {
    size_t got = 0;
    assert(pos >= sb->start && len <= sb->end - pos);
    *cnt = 0;
    while (got < len && *cnt < max) {
        size_t n = UST_MIN(len - got, SBUF_BLOCK_BYTES - off_of(pos + got));
        v[(*cnt)++] = slice_of(*entry(sb, blk_of(pos + got)) + off_of(pos + got), n);
        got += n;
    }
    return got;
}

void sbuf_copy_out(const struct sbuf *sb, uint64_t pos, void *dst, size_t len) {
    uint8_t *to = dst;
    assert(pos >= sb->start && len <= sb->end - pos);
    while (len > 0) {
        size_t n = UST_MIN(len, SBUF_BLOCK_BYTES - off_of(pos));
        memcpy(to, *entry(sb, blk_of(pos)) + off_of(pos), n);
        to += n;
        pos += n;
        len -= n;
    }
}

void sbuf_drop(struct sbuf *sb, struct arena *ar, uint64_t pos) {
    assert(pos >= sb->start && pos <= sb->end);
    sb->start = pos;
    while (sb->cnt > 0 && sb->first_blk < blk_of(pos)) {
        free_block(sb, ar, entry(sb, sb->first_blk));
        sb->head = (sb->head + 1u) & (sb->cap - 1u);
        sb->first_blk++;
        sb->cnt--;
    }
    shrink(sb, ar);
}

void sbuf_trim(struct sbuf *sb, struct arena *ar, uint64_t pos) {
    assert(pos >= sb->end);
    sb->far_end = UST_MIN(sb->far_end, pos);
    shrink(sb, ar);
}

const char *sbuf_check(const struct sbuf *sb) {
    uint32_t held = 0;
    if (sb->start > sb->end)
        return "sbuf: start behind end";
    if (sb->cnt > sb->cap || sb->head >= sb->cap || (sb->cap & (sb->cap - 1u)))
        return "sbuf: ring indices";
    if ((sb->ring == sb->inl) != (sb->cap == SBUF_INLINE_BLOCKS))
        return "sbuf: ring pointer";
    for (uint32_t i = 0; i < sb->cap; i++) {
        const uint8_t *b = sb->ring[(sb->head + i) & (sb->cap - 1u)];
        if (b && i >= sb->cnt)
            return "sbuf: block outside of the ring's entries";
        held += b != NULL;
    }
    if (held != sb->blk_cnt)
        return "sbuf: count of blocks";
    if (used_end(sb) == sb->start && sb->cnt > 0)
        return "sbuf: empty, but holds blocks";
    if (sb->cnt > 0 && sb->first_blk != blk_of(sb->start))
        return "sbuf: first block";
    if (sb->end > sb->start) {
        for (uint64_t b = blk_of(sb->start); b <= blk_of(sb->end - 1); b++)
            if (b - sb->first_blk >= sb->cnt || !*entry(sb, b))
                return "sbuf: hole below end";
    }
    return NULL;
}
