/* SPDX-License-Identifier: ISC */
/* Fault-safe copies: every length around the special cases, every place where memory ends, both directions, both signals; iovecs over them. */
#include <check.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "msg.h"
#include "user.h"

#define PAGE 4096u

static volatile int faults;

static void on_fault(int sig, siginfo_t *si, void *uc) {
    (void)si;
    faults++;
    if (user_copy_recover(uc))
        return;
    signal(sig, SIG_DFL);
}

static uint8_t *edge;      /* the first byte that cannot be touched; a page before it can */
static uint8_t *file_edge; /* the same, by the end of a mapped file: SIGBUS */
static uint8_t buf[3 * PAGE];

static void setup(void) {
    struct sigaction act = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &act, NULL);
    sigaction(SIGBUS, &act, NULL);
    uint8_t *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(p != MAP_FAILED);
    ck_assert_int_eq(mprotect(p + 2 * PAGE, 2 * PAGE, PROT_NONE), 0);
    edge = p + 2 * PAGE;

    FILE *f = tmpfile();
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(ftruncate(fileno(f), 2 * PAGE), 0);
    p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
    ck_assert(p != MAP_FAILED);
    file_edge = p + 2 * PAGE;
    fclose(f);
}

static uint8_t pattern(size_t i) { return (uint8_t)(i * 7 + 3); }

static void paint(uint8_t *p, size_t len) {
    for (size_t i = 0; i < len; i++)
        p[i] = pattern(i);
}

static const size_t lens[] = {0,  1,  2,  3,  4,  5,  7,   8,   9,   15,   16,   17,   31,  32,
                              33, 47, 48, 63, 64, 65, 255, 256, 511, 1000, 1536, 1537, 4000};

/* All lengths, at all distances from the edge: what lies before it is copied, and the rest is counted. */
static void try_at(uint8_t *at, bool in) {
    for (size_t l = 0; l < UST_ARRAY_CNT(lens); l++) {
        size_t len = lens[l];
        for (size_t room = 0; room <= len + 3; room += room < 40 || len < 70 ? 1 : 13) {
            uint8_t *theirs = at - room;
            size_t there = UST_MIN(room, len);
            memset(buf, 0xee, len + 2);
            if (room > 0)
                memset(theirs, 0xee, room);
            int before = faults;
            size_t missed;
            if (in) {
                paint(theirs, there);
                missed = user_copy_in(buf + 1, theirs, len);
                for (size_t i = 0; i < there; i++)
                    ck_assert_uint_eq(buf[1 + i], pattern(i));
                ck_assert_uint_eq(buf[0], 0xee);
                ck_assert_uint_eq(buf[1 + there], 0xee);
            } else {
                paint(buf, len);
                missed = user_copy_out(theirs, buf, len);
                for (size_t i = 0; i < there; i++)
                    ck_assert_uint_eq(theirs[i], pattern(i));
                if (there < room)
                    ck_assert_uint_eq(theirs[there], 0xee);
            }
            ck_assert_uint_eq(missed, len - there);
            ck_assert_int_eq(faults > before, missed > 0);
        }
    }
}

static const struct {
    const char *name;
    bool file, in;
} cases[] = {
    {"read up to PROT_NONE", false, true},
    {"write up to PROT_NONE", false, false},
    {"read behind a file's end", true, true},
    {"write behind a file's end", true, false},
};

START_TEST(copies_up_to_the_edge)
{ try_at(cases[_i].file ? file_edge : edge, cases[_i].in); }
END_TEST

START_TEST(nowhere)
{
    ck_assert_uint_eq(user_copy_in(buf, NULL, 1), 1);
    ck_assert_uint_eq(user_copy_in(buf, NULL, 100), 100);
    ck_assert_uint_eq(user_copy_in(buf, NULL, 1000), 1000);
    ck_assert_uint_eq(user_copy_in(buf, NULL, 0), 0);
    /* Not an address at all: the processor reports another fault. */
    ck_assert_uint_eq(user_copy_in(buf, (void *)0x8000000000000000ULL, 100), 100);
    ck_assert_uint_eq(user_copy_out((void *)0x8000000000000000ULL, buf, 600), 600);
    ck_assert_uint_eq(user_copy_out((void *)~0xfULL, buf, 9), 9);
}
END_TEST

START_TEST(read_only_memory)
{
    uint8_t *p = edge - PAGE;
    ck_assert_int_eq(mprotect(p, PAGE, PROT_READ), 0);
    ck_assert_uint_eq(user_copy_in(buf, p, 100), 0);
    ck_assert_uint_eq(user_copy_out(p - 10, buf, 100), 90);
    ck_assert_int_eq(mprotect(p, PAGE, PROT_READ | PROT_WRITE), 0);
}
END_TEST

/* ---- iovecs ---- */

START_TEST(iovecs_are_checked)
{
    static struct iovec v[IOV_MAX + 1];
    struct uiter it;
    ck_assert_int_eq(uiter_init(&it, v, IOV_MAX + 1, -EMSGSIZE), -EMSGSIZE);
    ck_assert_int_eq(uiter_init(&it, v, (size_t)-1, -EINVAL), -EINVAL);
    ck_assert_int_eq(uiter_init(&it, v, IOV_MAX, -EINVAL), 0);
    ck_assert_uint_eq(it.left, 0);
    v[100].iov_len = (size_t)SSIZE_MAX + 1;
    ck_assert_int_eq(uiter_init(&it, v, IOV_MAX, -EINVAL), -EINVAL);
    /* More than the kernel moves in one call is cut, not refused. */
    v[100].iov_len = SSIZE_MAX;
    v[101].iov_len = SSIZE_MAX;
    ck_assert_int_eq(uiter_init(&it, v, IOV_MAX, -EINVAL), 0);
    ck_assert_uint_eq(it.left, 0x7ffff000);
    ck_assert_int_eq(uiter_init(&it, (struct iovec *)(void *)(edge - sizeof(v[0])), 2, -EINVAL),
                     -EFAULT);
    ck_assert_int_eq(uiter_init(&it, NULL, 0, -EINVAL), 0);
}
END_TEST

/* cnt pieces of growing length, empty ones between them, moved in steps of another length. */
START_TEST(iovecs_are_walked)
{
    const size_t cnt = (size_t)_i;
    struct iovec v[40];
    static uint8_t mem[40][64], flat[40 * 64];
    size_t total = 0, done = 0;
    for (size_t i = 0; i < cnt; i++) {
        v[i].iov_base = mem[i];
        v[i].iov_len = i % 3 == 1 ? 0 : i;
        for (size_t k = 0; k < v[i].iov_len; k++)
            mem[i][k] = pattern(total + k);
        total += v[i].iov_len;
    }
    struct uiter it;
    ck_assert_int_eq(uiter_init(&it, v, cnt, -EINVAL), 0);
    ck_assert_uint_eq(it.left, total);
    while (it.left > 0) {
        size_t n = UST_MIN(it.left, (size_t)11);
        ck_assert_uint_eq(uiter_in(&it, flat + done, n), 0);
        done += n;
    }
    for (size_t i = 0; i < total; i++)
        ck_assert_uint_eq(flat[i], pattern(i));

    memset(mem, 0, sizeof(mem));
    ck_assert_int_eq(uiter_init(&it, v, cnt, -EINVAL), 0);
    for (done = 0; it.left > 0;) {
        size_t n = UST_MIN(it.left, (size_t)13);
        ck_assert_uint_eq(uiter_out(&it, flat + done, n), 0);
        done += n;
    }
    total = 0;
    for (size_t i = 0; i < cnt; i++)
        for (size_t k = 0; k < v[i].iov_len; k++)
            ck_assert_uint_eq(mem[i][k], pattern(total++));
}
END_TEST

START_TEST(iovec_that_ends_nowhere)
{
    struct iovec v[] = {{buf, 10}, {edge - 5, 20}, {buf + 50, 10}};
    uint8_t out[40];
    struct uiter it;
    paint(edge - 5, 5);
    ck_assert_int_eq(uiter_init(&it, v, 3, -EINVAL), 0);
    ck_assert_uint_eq(uiter_in(&it, out, 40), 25);
    ck_assert_uint_eq(it.left, 25);
    ck_assert_uint_eq(out[14], pattern(4));
}
END_TEST

int main(void) {
    Suite *s = suite_create("user");
    TCase *t = tcase_create("user");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_loop_test(t, copies_up_to_the_edge, 0, (int)UST_ARRAY_CNT(cases));
    tcase_add_test(t, nowhere);
    tcase_add_test(t, read_only_memory);
    tcase_add_test(t, iovecs_are_checked);
    tcase_add_loop_test(t, iovecs_are_walked, 0, 40);
    tcase_add_test(t, iovec_that_ends_nowhere);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
