/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/sbuf.h"

#define ARENA_BYTES (16u << 20)
#define WND (200u * 1024u) /* how far the tests write ahead */

static struct arena *ar;
static void *pages;
static struct sbuf *sb;

static void setup(void) {
    ar = (struct arena *)calloc(1, sizeof *ar);
    pages = map_pages(ARENA_BYTES);
    ck_assert_int_eq(arena_init(ar, pages, ARENA_BYTES, 0), 0);
    ar->poison = true;
    sb = (struct sbuf *)malloc(sizeof *sb);
    sbuf_init(sb);
}

static void pools_empty(void) {
    for (int k = 0; k < SLAB_COUNT; k++)
        must_eq(slab_in_use(ar, (enum slab_kind)k), 0);
    must_hold(arena_check(ar));
}

static void teardown(void) {
    sbuf_clear(sb, ar);
    must_hold(sbuf_check(sb));
    must_eq(sbuf_blocks(sb), 0);
    pools_empty();
    munmap(pages, ARENA_BYTES);
    free(sb);
    free(ar);
}

/* The byte that the stream has at a position. */
static uint8_t byte_at(uint64_t pos) { return (uint8_t)((pos * 0x9e3779b97f4a7c15ULL) >> 40); }

static void fill(uint8_t *p, uint64_t pos, size_t len) {
    for (size_t i = 0; i < len; i++)
        p[i] = byte_at(pos + i);
}

static void must_be_stream(const uint8_t *p, uint64_t pos, size_t len) {
    for (size_t i = 0; i < len; i++)
        must(p[i] == byte_at(pos + i));
}

/* Reads a random range in both ways. */
static void verify_some(struct rnd *r) {
    static uint8_t out[WND];
    uint64_t pos = sb->start + rnd_below(r, sbuf_len(sb) + 1);
    size_t len = rnd_below(r, sb->end - pos + 1);
    struct ust_slice v[64];
    int cnt, max = (int)rnd_below(r, 5) + (rnd_one_in(r, 2) ? 60 : 0);
    size_t got = sbuf_peek(sb, pos, len, v, &cnt, max), sum = 0;
    for (int i = 0; i < cnt; i++) {
        must(v[i].len > 0);
        must_be_stream(v[i].p, pos + sum, v[i].len);
        sum += v[i].len;
    }
    must_eq(sum, got);
    must(cnt <= max);
    must(got == len || cnt == max);
    sbuf_copy_out(sb, pos, out, len);
    must_be_stream(out, pos, len);
}

/* An upper bound on blocks: as many as the bytes from start to far touch. */
static void check_blocks(uint64_t far) {
    must_hold(sbuf_check(sb));
    uint64_t most =
        far == sb->start ? 0 : (far - 1) / SBUF_BLOCK_BYTES - sb->start / SBUF_BLOCK_BYTES + 1;
    must(sbuf_blocks(sb) <= most);
    must_eq(sbuf_blocks(sb), slab_in_use(ar, SLAB_BUF_16K) - (sb->cap == 2048));
}

/* Reserve, fill, commit at the end; drop at the front. */
START_TEST(send_side_against_model)
{
    struct rnd r = {(uint64_t)_i + 1};
    for (int step = 0; step < 6000; step++) {
        size_t want = rnd_below(&r, rnd_one_in(&r, 4) ? 100000 : 3000);
        if (sbuf_len(sb) + want < WND) {
            struct sbuf_mslice v[10];
            int cnt;
            size_t got = sbuf_reserve(sb, ar, want, v, &cnt, 10), sum = 0;
            must_eq(got, want);
            for (int i = 0; i < cnt; i++) {
                fill(v[i].p, sb->end + sum, v[i].len);
                sum += v[i].len;
            }
            must_eq(sum, got);
            check_blocks(sb->end + got);
            if (rnd_one_in(&r, 3)) /* acknowledged meanwhile */
                sbuf_drop(sb, ar, sb->start + rnd_below(&r, sbuf_len(sb) + 1));
            if (rnd_one_in(&r, 3)) /* reserved again for less: the room shrinks */
                got = sbuf_reserve(sb, ar, rnd_below(&r, got + 1), v, &cnt, 10);
            sbuf_commit(sb, ar, rnd_one_in(&r, 3) ? rnd_below(&r, got + 1) : got);
            check_blocks(sb->end);
        }
        if (rnd_one_in(&r, 2)) {
            uint64_t n = rnd_one_in(&r, 8) ? sbuf_len(sb) : rnd_below(&r, sbuf_len(sb) + 1);
            sbuf_drop(sb, ar, sb->start + n);
            check_blocks(sb->end);
        }
        if (sbuf_len(sb) == 0)
            pools_empty();
        if (step % 8 == 0)
            verify_some(&r);
    }
}
END_TEST

/* Room that was reserved stays where it is until the commit, whatever is dropped. */
START_TEST(reserved_room_stays_put)
{
    struct sbuf_mslice v[4];
    int cnt;
    for (int i = 0; i < 200; i++) {
        must_eq(sbuf_reserve(sb, ar, 7000, v, &cnt, 4), 7000);
        uint64_t end = sb->end;
        sbuf_drop(sb, ar, end); /* the buffer is empty, its room is not given back */
        for (int k = 0, sum = 0; k < cnt; k++) {
            fill(v[k].p, end + (uint64_t)sum, v[k].len);
            sum += (int)v[k].len;
        }
        sbuf_commit(sb, ar, 7000);
        uint8_t out[7000];
        sbuf_copy_out(sb, end, out, sizeof out);
        must_be_stream(out, end, sizeof out);
    }
    must_eq(sbuf_reserve(sb, ar, 50000, v, &cnt, 4), 50000);
    sbuf_commit(sb, ar, 0);
    sbuf_drop(sb, ar, sb->end);
    must_eq(sbuf_blocks(sb), 0);
    pools_empty();
}
END_TEST

START_TEST(reserve_stops_at_max_slices)
{
    struct sbuf_mslice v[2];
    int cnt;
    must_eq(sbuf_reserve(sb, ar, 10 * SBUF_BLOCK_BYTES, v, &cnt, 2), 2 * SBUF_BLOCK_BYTES);
    must_eq(cnt, 2);
    sbuf_commit(sb, ar, 100);
    must_eq(sbuf_blocks(sb), 1);
    must_eq(sbuf_reserve(sb, ar, 10 * SBUF_BLOCK_BYTES, v, &cnt, 2), 2 * SBUF_BLOCK_BYTES - 100);
    must_eq(sbuf_reserve(sb, ar, 0, v, &cnt, 2), 0);
    must_eq(cnt, 0);
    sbuf_commit(sb, ar, 0);
    must_eq(sbuf_blocks(sb), 1);
}
END_TEST

/* Out-of-order writes anywhere in the window; the model knows byte by byte what is there. */
START_TEST(receive_side_against_model)
{
    static uint8_t have[WND], data[66000];
    struct rnd r = {(uint64_t)_i + 100};
    memset(have, 0, sizeof have);
    for (int step = 0; step < 3000; step++) {
        uint64_t room = WND - sbuf_len(sb);
        size_t len = 1 + rnd_below(&r, rnd_one_in(&r, 20) ? 65535 : 1460);
        if (len < room) {
            uint64_t pos = sb->end + (rnd_one_in(&r, 2) ? 0 : rnd_below(&r, room - len));
            if (rnd_one_in(&r, 10)) /* a retransmission of bytes that are not read yet */
                pos = sb->start + rnd_below(&r, sbuf_len(sb) + 1);
            fill(data, pos, len);
            ck_assert_int_eq(sbuf_write_at(sb, ar, pos, slice_of(data, len)), 0);
            for (size_t i = 0; i < len; i++)
                if (pos + i >= sb->end)
                    have[(pos + i) % WND] = 1;
            uint64_t end = sb->end;
            while (end < sb->start + WND && have[end % WND])
                end++;
            if (rnd_one_in(&r, 2)) {
                for (uint64_t p = sb->end; p < end; p++)
                    have[p % WND] = 0;
                sbuf_advance_end(sb, end);
            }
        }
        if (rnd_one_in(&r, 3))
            sbuf_drop(sb, ar, sb->start + rnd_below(&r, sbuf_len(sb) + 1));
        if (rnd_one_in(&r, 30)) { /* gives out-of-order bytes up */
            uint64_t pos = sb->end + rnd_below(&r, WND - sbuf_len(sb));
            for (uint64_t p = pos; p < sb->start + WND; p++)
                have[p % WND] = 0;
            sbuf_trim(sb, ar, pos);
        }
        must_hold(sbuf_check(sb));
        uint64_t far = sb->start + WND;
        while (far > sb->end && !have[(far - 1) % WND])
            far--;
        check_blocks(UST_MAX(far, sb->far_end));
        if (far == sb->start)
            sbuf_trim(sb, ar, far);
        if (far == sb->start)
            pools_empty();
        verify_some(&r);
    }
}
END_TEST

/* A write ahead, then the gap: a block in the middle that nobody wrote to is not there. */
START_TEST(holes_cost_nothing)
{
    uint8_t b[10];
    uint64_t far = 20 * SBUF_BLOCK_BYTES + 5;
    fill(b, far, sizeof b);
    ck_assert_int_eq(sbuf_write_at(sb, ar, far, slice_of(b, sizeof b)), 0);
    must_eq(sbuf_blocks(sb), 1);
    must_eq(sbuf_len(sb), 0);
    sbuf_trim(sb, ar, far + 3); /* bytes of the block are still wanted */
    must_eq(sbuf_blocks(sb), 1);
    sbuf_trim(sb, ar, far - 5);
    must_eq(sbuf_blocks(sb), 0);
    must_hold(sbuf_check(sb));
    pools_empty();
}
END_TEST

START_TEST(too_far_is_refused)
{
    uint8_t b = 1;
    ck_assert_int_eq(sbuf_write_at(sb, ar, 1025ULL << 20, slice_of(&b, 1)), -ENOBUFS);
    must_hold(sbuf_check(sb));
    pools_empty();
    ck_assert_int_eq(sbuf_write_at(sb, ar, (1ULL << 30) - 1, slice_of(&b, 1)), 0);
    must_eq(sbuf_blocks(sb), 1);
    must_hold(sbuf_check(sb));
}
END_TEST

/* Memory runs out in the midst of everything: what fails changes nothing, the rest goes on. */
START_TEST(exhaustion_keeps_it_consistent)
{
    static uint8_t data[66000];
    static void *hog[2000];
    struct rnd r = {(uint64_t)_i + 7};
    int hogs = 0, failed = 0, shortened = 0;
    while ((hog[hogs] = buf_alloc(ar, SBUF_BLOCK_BYTES)) != NULL)
        hogs++;
    while ((hog[hogs] = buf_alloc(ar, 256)) != NULL)
        hogs++;
    for (int step = 0; step < 4000; step++) {
        /* A few blocks come and go. */
        int i = (int)rnd_below(&r, (uint64_t)hogs);
        if (rnd_one_in(&r, 5) && hogs > 1900) {
            buf_free(ar, hog[i]);
            hog[i] = hog[--hogs];
        } else if (hogs < 2000 &&
                   (hog[hogs] = buf_alloc(ar, rnd_one_in(&r, 2) ? 256 : SBUF_BLOCK_BYTES))) {
            hogs++;
        }
        if (rnd_one_in(&r, 40))
            for (int k = 0; k < 4 && hogs > 0; k++)
                buf_free(ar, hog[--hogs]);
        size_t len = 1 + rnd_below(&r, sizeof data - 1);
        uint32_t before = sbuf_blocks(sb);
        if (_i & 1) {
            uint64_t pos = sb->end + rnd_below(&r, 3) * 50000;
            uint64_t far = sb->far_end;
            fill(data, pos, len);
            int err = sbuf_write_at(sb, ar, pos, slice_of(data, len));
            must(err == 0 || err == -ENOBUFS);
            if (err) {
                failed++;
                must_eq(sb->far_end, far);
                must_eq(sbuf_blocks(sb), before);
            } else if (pos == sb->end) {
                sbuf_advance_end(sb, pos + len);
            }
        } else {
            struct sbuf_mslice v[8];
            int cnt;
            size_t got = sbuf_reserve(sb, ar, len, v, &cnt, 8), sum = 0;
            for (int k = 0; k < cnt; k++) {
                fill(v[k].p, sb->end + sum, v[k].len);
                sum += v[k].len;
            }
            must_eq(sum, got);
            shortened += got < len;
            sbuf_commit(sb, ar, got);
        }
        must_hold(sbuf_check(sb));
        verify_some(&r);
        if (rnd_one_in(&r, 4) || sbuf_len(sb) > WND / 2)
            sbuf_drop(sb, ar, sb->start + rnd_below(&r, sbuf_len(sb) + 1));
        if (rnd_one_in(&r, 10))
            sbuf_drop(sb, ar, sb->end);
        if (rnd_one_in(&r, 10))
            sbuf_trim(sb, ar, sb->end);
    }
    must((_i & 1 ? failed : shortened) > 100);
    while (hogs > 0)
        buf_free(ar, hog[--hogs]);
}
END_TEST

/* The positions of a long connection: beyond 2^32, and across it. */
START_TEST(far_positions)
{
    struct rnd r = {5};
    sb->start = sb->end = (1ULL << 32) - 20000;
    for (int i = 0; i < 50; i++) {
        struct sbuf_mslice v[4];
        int cnt;
        size_t got = sbuf_reserve(sb, ar, 3001, v, &cnt, 4), sum = 0;
        for (int k = 0; k < cnt; k++) {
            fill(v[k].p, sb->end + sum, v[k].len);
            sum += v[k].len;
        }
        sbuf_commit(sb, ar, got);
        verify_some(&r);
        if (i >= 10)
            sbuf_drop(sb, ar, sb->start + 3001);
        must_hold(sbuf_check(sb));
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("sbuf");
    TCase *t = tcase_create("sbuf");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, send_side_against_model, 0, 3);
    tcase_add_test(t, reserved_room_stays_put);
    tcase_add_test(t, reserve_stops_at_max_slices);
    tcase_add_loop_test(t, receive_side_against_model, 0, 3);
    tcase_add_test(t, holes_cost_nothing);
    tcase_add_test(t, too_far_is_refused);
    tcase_add_loop_test(t, exhaustion_keeps_it_consistent, 0, 4);
    tcase_add_test(t, far_positions);
    suite_add_tcase(s, t);
    return run_suite(s);
}
