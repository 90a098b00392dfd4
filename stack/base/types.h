/* SPDX-License-Identifier: ISC */
/*
 * Scalars with a meaning, and what every layer needs of the language.
 *
 * seq_t is a one-member struct so that `a < b` on sequence numbers does not compile: use seq_lt()
 * and friends, which compare modulo 2^32 (RFC 9293 3.4). be16_t/be32_t are byte-order tagged for
 * sparse; only wire/ uses them.
 */
#ifndef UST_BASE_TYPES_H
#define UST_BASE_TYPES_H

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#ifdef __CHECKER__
#define UST_BITWISE __attribute__((bitwise))
#else
#define UST_BITWISE
#endif

typedef uint16_t UST_BITWISE be16_t;
typedef uint32_t UST_BITWISE be32_t;

typedef struct {
    uint32_t v;
} seq_t;

static inline seq_t seq_of(uint32_t v) { return (seq_t){v}; }
static inline seq_t seq_add(seq_t a, uint32_t n) { return (seq_t){a.v + n}; }
static inline seq_t seq_sub(seq_t a, uint32_t n) { return (seq_t){a.v - n}; }
/* a - b as a signed distance; the caller knows that they are within 2^31 of each other. */
static inline int32_t seq_diff(seq_t a, seq_t b) { return (int32_t)(a.v - b.v); }
static inline bool seq_eq(seq_t a, seq_t b) { return a.v == b.v; }
static inline bool seq_lt(seq_t a, seq_t b) { return (int32_t)(a.v - b.v) < 0; }
static inline bool seq_le(seq_t a, seq_t b) { return (int32_t)(a.v - b.v) <= 0; }
static inline bool seq_gt(seq_t a, seq_t b) { return (int32_t)(a.v - b.v) > 0; }
static inline bool seq_ge(seq_t a, seq_t b) { return (int32_t)(a.v - b.v) >= 0; }
static inline seq_t seq_max(seq_t a, seq_t b) { return seq_gt(a, b) ? a : b; }
static inline seq_t seq_min(seq_t a, seq_t b) { return seq_lt(a, b) ? a : b; }

#define NS_PER_US 1000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_S 1000000000ULL
/* "No deadline": later than any clock. */
#define TIME_NEVER UINT64_MAX

#define UST_MIN(a, b) ((a) < (b) ? (a) : (b))
#define UST_MAX(a, b) ((a) > (b) ? (a) : (b))
#define UST_ARRAY_CNT(a) (sizeof(a) / sizeof((a)[0]))
#define UST_CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

#define UST_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UST_UNUSED __attribute__((unused))
#define UST_LIKELY(x) __builtin_expect(!!(x), 1)
#define UST_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* sys/queue.h of glibc lacks the SAFE walks. */
#define UST_LIST_FOREACH_SAFE(var, head, field, next)                                              \
    for ((var) = LIST_FIRST(head); (var) && ((next) = LIST_NEXT(var, field), 1); (var) = (next))
#define UST_TAILQ_FOREACH_SAFE(var, head, field, next)                                             \
    for ((var) = TAILQ_FIRST(head); (var) && ((next) = TAILQ_NEXT(var, field), 1); (var) = (next))
#define UST_STAILQ_FOREACH_SAFE(var, head, field, next)                                            \
    for ((var) = STAILQ_FIRST(head); (var) && ((next) = STAILQ_NEXT(var, field), 1); (var) = (next))

/* Pointer and length into somebody else's buffer; never owned. Public too (userstack.h). */
#ifndef UST_SLICE_DEFINED
#define UST_SLICE_DEFINED
struct ust_slice {
    const uint8_t *p;
    size_t len;
};
#endif

static inline struct ust_slice slice_of(const void *p, size_t len) {
    return (struct ust_slice){(const uint8_t *)p, len};
}
/* The slice without its first n bytes; n <= s.len. */
static inline struct ust_slice slice_skip(struct ust_slice s, size_t n) {
    return (struct ust_slice){s.p + n, s.len - n};
}
static inline struct ust_slice slice_head(struct ust_slice s, size_t n) {
    return (struct ust_slice){s.p, UST_MIN(n, s.len)};
}

#endif
