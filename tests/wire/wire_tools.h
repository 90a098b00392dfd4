/* SPDX-License-Identifier: ISC */
/* What the codecs' tests share. */
#ifndef UST_TESTS_WIRE_TOOLS_H
#define UST_TESTS_WIRE_TOOLS_H

#include "base/check_tools.h"

#include "base/addr.h"
#include "base/drop.h"

/* A copy that ends where its block ends, so that ASan sees a read behind it. Free .p with
 * tail_free(). */
static inline struct ust_slice tail_copy(const void *p, size_t len) {
    uint8_t *b = (uint8_t *)malloc(len); /* for 0 bytes too: any read of it is seen */
    if (len)
        memcpy(b, p, len);
    return slice_of(b, len);
}
static inline void tail_free(struct ust_slice s) { free((void *)(uintptr_t)s.p); }

#define must_drop(got, want)                                                                       \
    do {                                                                                           \
        enum drop got_ = (got), want_ = (want);                                                    \
        if (got_ != want_)                                                                         \
            ck_abort_msg("%s: %s, not %s", #got, drop_name(got_), drop_name(want_));               \
    } while (0)

static inline struct ust_addr rnd_ip4(struct rnd *r) { return addr_from_ip4((uint32_t)rnd_u64(r)); }
static inline struct ust_addr rnd_ip6(struct rnd *r) {
    struct ust_addr a;
    rnd_fill(r, a.b, sizeof a.b);
    a.b[0] = 0x20;
    return a;
}
static inline struct ust_mac rnd_mac(struct rnd *r) {
    struct ust_mac m;
    rnd_fill(r, m.b, sizeof m.b);
    return m;
}

/* Cuts len bytes at random into up to max slices, some empty. */
static inline int rnd_slices(struct rnd *r, const void *p, size_t len, struct ust_slice *v,
                             int max) {
    const uint8_t *b = (const uint8_t *)p;
    int cnt = 0;
    while (cnt < max - 1 && len > 0 && !rnd_one_in(r, 3)) {
        size_t n = rnd_below(r, len + 1);
        v[cnt++] = slice_of(b, n);
        b += n;
        len -= n;
    }
    v[cnt++] = slice_of(b, len);
    return cnt;
}

#endif
