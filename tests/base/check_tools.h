/* SPDX-License-Identifier: ISC */
/* What the unit tests of base/ and wire/ share. Include it first. */
#ifndef UST_TESTS_CHECK_TOOLS_H
#define UST_TESTS_CHECK_TOOLS_H

#include <check.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/types.h"

/* xorshift64*: the same numbers on every run, so that a failure comes back. */
struct rnd {
    uint64_t s;
};

static inline uint64_t rnd_u64(struct rnd *r) {
    if (r->s == 0)
        r->s = 0x9e3779b97f4a7c15ULL;
    r->s ^= r->s >> 12;
    r->s ^= r->s << 25;
    r->s ^= r->s >> 27;
    return r->s * 0x2545f4914f6cdd1dULL;
}
/* In [0, n). */
static inline uint64_t rnd_below(struct rnd *r, uint64_t n) { return (rnd_u64(r) >> 8) % n; }
static inline bool rnd_one_in(struct rnd *r, unsigned n) { return rnd_below(r, n) == 0; }
static inline void rnd_fill(struct rnd *r, void *p, size_t len) {
    for (uint8_t *b = (uint8_t *)p; len > 0; len--)
        *b++ = (uint8_t)(rnd_u64(r) >> 32);
}

/* Zeroed pages for an arena; shared with forked children. */
static inline void *map_pages(size_t size) {
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(p, MAP_FAILED);
    return p;
}

/* For loops: Check writes a note about each of its own assertions, which a million of them make
 * slow. */
#define must(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            ck_abort_msg("%s", #cond);                                                             \
    } while (0)
#define must_eq(a, b)                                                                              \
    do {                                                                                           \
        uint64_t must_a_ = (uint64_t)(a), must_b_ = (uint64_t)(b);                                 \
        if (must_a_ != must_b_)                                                                    \
            ck_abort_msg("%s == %s: %ju, %ju", #a, #b, (uintmax_t)must_a_, (uintmax_t)must_b_);    \
    } while (0)

/* An invariants checker's answer: NULL, or what is wrong. */
#define must_hold(check)                                                                           \
    do {                                                                                           \
        const char *must_bad_ = (check);                                                           \
        if (must_bad_ != NULL)                                                                     \
            ck_abort_msg("%s", must_bad_);                                                         \
    } while (0)

/* main() of a test program with one suite. */
static inline int run_suite(Suite *s) {
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_ENV);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

#endif
