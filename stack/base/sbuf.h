/* SPDX-License-Identifier: ISC */
/*
 * Stream buffer: bytes addressed by their position in the stream (64-bit, counted from 0 at the
 * first byte of the connection), kept in blocks of 16 KB that are allocated when a byte of theirs
 * is first needed and freed when the last one is dropped. An empty buffer owns no block.
 *
 * Used as TCP's send buffer (append at the end, send slices from the middle, drop at the front when
 * acknowledged) and receive buffer (write anywhere in the window, read and drop at the front).
 * Out-of-order bytes lie at their final place; which ranges are there is the caller's knowledge
 * (tcp_ooo).
 *
 * Reserve/commit: sbuf_reserve() gives writable room behind `end` so that the copy can happen
 * outside the lock; sbuf_commit() makes the first n bytes of it count. Between the two the blocks
 * stay put, whatever is dropped at the front. Reading outside the lock: sbuf_peek() slices stay
 * valid until sbuf_drop() passes them; the owner marks the sbuf `pinned` meanwhile if others might
 * drop.
 */
#ifndef UST_BASE_SBUF_H
#define UST_BASE_SBUF_H

#include "base/arena.h"

#define SBUF_BLOCK_BYTES 16384u
#define SBUF_INLINE_BLOCKS 4

struct sbuf_mslice {
    uint8_t *p;
    size_t len;
};

struct sbuf {
    uint64_t start;     /* position of the first byte held */
    uint64_t end;       /* position behind the last byte that counts */
    uint64_t far_end;   /* position behind the furthest byte written out of order, if beyond end */
    uint64_t rsv_end;   /* position behind the room reserved, if beyond end */
    uint64_t first_blk; /* block number of ring[head], that of start; if cnt > 0 */
    uint8_t **ring;     /* blocks or NULL; &inl[0] or a array of its own */
    uint32_t head, cnt; /* first entry, entries in use (with or without a block) */
    uint32_t cap;       /* entries, a power of two */
    uint32_t blk_cnt;   /* blocks held */
    uint8_t *inl[SBUF_INLINE_BLOCKS];
};

/* An sbuf must not move afterwards. */
void sbuf_init(struct sbuf *sb);
/* Drops everything, reserved room and out-of-order bytes too; `end` stays. */
void sbuf_clear(struct sbuf *sb, struct arena *ar);
static inline uint64_t sbuf_len(const struct sbuf *sb) { return sb->end - sb->start; }

/* Writable slices for up to len bytes behind `end`; returns the bytes they cover (short when memory
 * is out), *cnt slices used. */
size_t sbuf_reserve(struct sbuf *sb, struct arena *ar, size_t len, struct sbuf_mslice *v, int *cnt,
                    int max);
/* n at most what was reserved. Blocks reserved beyond it and unused are given back. */
void sbuf_commit(struct sbuf *sb, struct arena *ar, size_t n);

/* Copies the bytes to position pos >= start; does not move `end`. 0, or -ENOBUFS with nothing
 * written: no memory, or further than 1 GB from start. */
int sbuf_write_at(struct sbuf *sb, struct arena *ar, uint64_t pos, struct ust_slice data);
/* Moves `end` forward to pos: the bytes up to it have been written. */
void sbuf_advance_end(struct sbuf *sb, uint64_t pos);

/* Slices over [pos, pos+len), within [start, end): returns bytes covered by at most max slices,
 * *cnt of them. */
size_t sbuf_peek(const struct sbuf *sb, uint64_t pos, size_t len, struct ust_slice *v, int *cnt,
                 int max);
/* Copies out; the range must be within [start, end). */
void sbuf_copy_out(const struct sbuf *sb, uint64_t pos, void *dst, size_t len);
/* Drops the bytes before pos (start <= pos <= end), freeing whole blocks. */
void sbuf_drop(struct sbuf *sb, struct arena *ar, uint64_t pos);
/* Frees blocks wholly at or behind pos (>= end): out-of-order bytes that are given up. */
void sbuf_trim(struct sbuf *sb, struct arena *ar, uint64_t pos);
/* Blocks held now: memory accounting. */
static inline uint32_t sbuf_blocks(const struct sbuf *sb) { return sb->blk_cnt; }
/* NULL if the invariants hold, else the one that does not. */
const char *sbuf_check(const struct sbuf *sb);

#endif
