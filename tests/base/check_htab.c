/* SPDX-License-Identifier: ISC */
#include "base/check_tools.h"

#include "base/htab.h"

#define ARENA_BYTES (32u << 20)

struct item {
    struct hnode node;
    uint32_t key;
    bool in;
};

static struct arena *ar;
static void *pages;

static void setup(void) {
    ar = (struct arena *)calloc(1, sizeof *ar);
    pages = map_pages(ARENA_BYTES);
    ck_assert_int_eq(arena_init(ar, pages, ARENA_BYTES, 0), 0);
}

static void teardown(void) {
    must_eq(ar->span_used, 0);
    must_hold(arena_check(ar));
    munmap(pages, ARENA_BYTES);
    free(ar);
}

/* Few hashes for many keys if `narrow`: chains of different keys with one hash. */
static uint32_t hash_of(uint32_t key, bool narrow) {
    uint32_t h = key * 2654435761u;
    h ^= h >> 15;
    return narrow ? h % 37 * 0x01010101u : h;
}

static struct item *find(const struct htab *h, uint32_t key, bool narrow) {
    for (struct hnode *n = htab_first(h, hash_of(key, narrow)); n; n = htab_next(n)) {
        struct item *it = UST_CONTAINER_OF(n, struct item, node);
        must_eq(n->hash, hash_of(key, narrow));
        if (it->key == key)
            return it;
    }
    return NULL;
}

START_TEST(random_against_model)
{
    bool narrow = _i & 1;
    const uint32_t cnt = narrow ? 2000 : 30000;
    const uint32_t buckets = _i & 2 ? 1 : 16;
    struct item *items = (struct item *)calloc(cnt, sizeof *items);
    struct rnd r = {(uint64_t)_i + 1};
    struct htab h;
    uint32_t in = 0, was_growing = 0;
    ck_assert_int_eq(htab_init(&h, ar, buckets), 0);
    for (uint32_t i = 0; i < cnt; i++)
        items[i].key = i;
    for (int step = 0; step < 300000; step++) {
        struct item *it = &items[rnd_below(&r, cnt)];
        must(find(&h, it->key, narrow) == (it->in ? it : NULL));
        /* Waves: first mostly in, then mostly out, and again. */
        bool filling = step / 60000 % 2 == 0;
        if (it->in && rnd_one_in(&r, filling ? 4 : 1)) {
            htab_remove(&h, &it->node);
            it->in = false;
            in--;
        } else if (!it->in && rnd_one_in(&r, filling ? 1 : 4)) {
            htab_insert(&h, ar, &it->node, hash_of(it->key, narrow));
            it->in = true;
            in++;
        }
        was_growing += h.old != NULL;
        must_eq(h.cnt, in);
        if (step % 20000 == 0)
            for (uint32_t i = 0; i < cnt; i++)
                must(find(&h, i, narrow) == (items[i].in ? &items[i] : NULL));
    }
    must(h.mask + 1 >= (narrow ? 512u : 8192u)); /* it has grown */
    must(was_growing > 0);
    htab_fini(&h, ar);
    free(items);
}
END_TEST

/* Without memory the chains get longer, and nothing else happens; with memory again it grows on. */
START_TEST(no_memory_to_grow)
{
    enum { CNT = 4000 };
    static struct item items[CNT];
    struct htab h;
    void *runs[512];
    int run_cnt = 0;
    memset(items, 0, sizeof items);
    ck_assert_int_eq(htab_init(&h, ar, 16), 0);
    while ((runs[run_cnt] = span_alloc_raw(ar, 1)) != NULL)
        run_cnt++;
    struct htab other;
    ck_assert_int_eq(htab_init(&other, ar, 16), -ENOMEM);
    for (uint32_t i = 0; i < CNT; i++) {
        items[i].key = i;
        htab_insert(&h, ar, &items[i].node, hash_of(i, false));
    }
    must_eq(h.mask, 15);
    for (uint32_t i = 0; i < CNT; i++)
        must(find(&h, i, false) == &items[i]);
    while (run_cnt > 0)
        span_free(ar, runs[--run_cnt]);
    for (int k = 0; k < 20; k++) {
        for (uint32_t i = 0; i < CNT; i++)
            htab_remove(&h, &items[i].node);
        must_eq(h.cnt, 0);
        for (uint32_t i = 0; i < CNT; i++)
            htab_insert(&h, ar, &items[i].node, hash_of(i, false));
    }
    must(h.mask + 1 >= CNT / 2);
    for (uint32_t i = 0; i < CNT; i++)
        must(find(&h, i, false) == &items[i]);
    htab_fini(&h, ar);
}
END_TEST

/* A rebuild may begin at any moment of a growth; the nodes' links are not looked at. */
START_TEST(clear_and_refill)
{
    enum { CNT = 600 };
    static struct item items[CNT];
    for (uint32_t n = 1; n < CNT; n += 13) {
        struct htab h;
        memset(items, 0, sizeof items);
        ck_assert_int_eq(htab_init(&h, ar, 16), 0);
        for (uint32_t i = 0; i < n; i++) {
            items[i].key = i;
            htab_insert(&h, ar, &items[i].node, hash_of(i, false));
        }
        htab_clear(&h);
        must_eq(h.cnt, 0);
        for (uint32_t i = 0; i < n; i++)
            must(find(&h, i, false) == NULL);
        memset(items, 0xee, sizeof items);
        for (uint32_t i = 0; i < CNT; i++) {
            items[i].key = i;
            htab_insert(&h, ar, &items[i].node, hash_of(i, false));
        }
        for (uint32_t i = 0; i < CNT; i++)
            must(find(&h, i, false) == &items[i]);
        htab_fini(&h, ar);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("htab");
    TCase *t = tcase_create("htab");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, random_against_model, 0, 4);
    tcase_add_test(t, no_memory_to_grow);
    tcase_add_test(t, clear_and_refill);
    suite_add_tcase(s, t);
    return run_suite(s);
}
