/* SPDX-License-Identifier: ISC */
/* The program's iovecs: at most UITER_CNT of them at a time are here, so that IOV_MAX of them need no memory. */
#include "msg.h"

#include <limits.h>
#include <unistd.h>

#ifndef IOV_MAX
#define IOV_MAX 1024
#endif
#define RW_BYTES_MAX 0x7ffff000u /* the kernel's MAX_RW_COUNT */

void uiter_one(struct uiter *it, const void *buf, size_t len) {
    it->next_cnt = 0;
    it->v[0].iov_base = (void *)(uintptr_t)buf;
    it->v[0].iov_len = it->left = UST_MIN(len, (size_t)RW_BYTES_MAX);
    it->cnt = 1;
    it->pos = 0;
    it->off = 0;
}

/* The next few: false if they cannot be read, or there are none. */
static bool load(struct uiter *it) {
    it->cnt = (unsigned)UST_MIN(it->next_cnt, (size_t)UITER_CNT);
    it->pos = 0;
    it->off = 0;
    if (it->cnt == 0 || user_copy_in(it->v, it->next, it->cnt * sizeof(it->v[0])) != 0)
        return false;
    it->next += it->cnt;
    it->next_cnt -= it->cnt;
    return true;
}

int uiter_init(struct uiter *it, const struct iovec *v, size_t cnt, int too_many) {
    if (cnt > IOV_MAX)
        return too_many;
    size_t total = 0;
    it->cnt = it->pos = 0;
    it->off = 0;
    it->next = v;
    it->next_cnt = cnt;
    while (it->next_cnt > 0) {
        if (!load(it))
            return -EFAULT;
        for (unsigned i = 0; i < it->cnt; i++) {
            if ((ssize_t)it->v[i].iov_len < 0)
                return -EINVAL;
            total += UST_MIN(it->v[i].iov_len, RW_BYTES_MAX - total);
        }
    }
    it->left = total;
    if (cnt <= UITER_CNT)
        return 0;
    it->next = v;
    it->next_cnt = cnt;
    return load(it) ? 0 : -EFAULT;
}

static size_t move(struct uiter *it, uint8_t *ours, size_t n, bool in) {
    while (n > 0) {
        if (it->pos == it->cnt && !load(it))
            return n;
        const struct iovec *v = &it->v[it->pos];
        size_t len = UST_MIN(n, v->iov_len - it->off);
        uint8_t *theirs = (uint8_t *)v->iov_base + it->off;
        size_t missed = in ? user_copy_in(ours, theirs, len) : user_copy_out(theirs, ours, len);
        size_t moved = len - missed;
        it->off += moved;
        it->left -= moved;
        ours += moved;
        n -= moved;
        if (missed)
            return n;
        if (it->off == v->iov_len) {
            it->pos++;
            it->off = 0;
        }
    }
    return 0;
}

size_t uiter_in(struct uiter *it, void *dst, size_t n) { return move(it, dst, n, true); }
size_t uiter_out(struct uiter *it, const void *src, size_t n) {
    return move(it, (uint8_t *)(uintptr_t)src, n, false);
}
