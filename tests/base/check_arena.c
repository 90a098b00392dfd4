/* SPDX-License-Identifier: ISC */
/*
 * Arena and slabs against a model: an array of what is allocated, each object filled with its own
 * number, so that overlap and loss show. arena_check() runs after every step.
 */
#include "base/check_tools.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/arena_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#endif

#define ARENA_BYTES (16u << 20)
#define SLOT_CNT 600

struct slot {
    void *p;
    uint64_t id;
    uint64_t len;
    int kind; /* enum slab_kind, or LARGE */
    bool born;
};
#define LARGE SLAB_COUNT

/* Sizes of all sorts, one far from any round number, one that needs a slab of several spans. */
static const struct {
    enum slab_kind kind;
    size_t bytes;
    uint32_t cap;
} defs[] = {
    {SLAB_NEIGH, 16, 0},  {SLAB_TCB, 1501, 0},    {SLAB_SOCK, 417, 100},
    {SLAB_PROC, 5000, 0}, {SLAB_EPSET, 40000, 0},
};

static struct arena *ar;
static void *pages;
static struct slot *slots;
static uint8_t
    *used_since; /* per span: in use at some time since it was last offered for punching */
static uint64_t next_id;

static void setup(void) {
    /* Shared, since a child dies in the midst of it. */
    ar = (struct arena *)map_pages(sizeof *ar);
    slots = (struct slot *)map_pages(SLOT_CNT * sizeof *slots);
    pages = map_pages(ARENA_BYTES);
    used_since = (uint8_t *)calloc(ARENA_BYTES / ARENA_SPAN_BYTES, 1);
    next_id = 1;
    ck_assert_int_eq(arena_init(ar, pages, ARENA_BYTES, 5000), 0);
    for (size_t i = 0; i < UST_ARRAY_CNT(defs); i++)
        slab_define(ar, defs[i].kind, defs[i].bytes, defs[i].cap);
    must_hold(arena_check(ar));
}

static void teardown(void) {
    munmap(ar, sizeof *ar);
    munmap(slots, SLOT_CNT * sizeof *slots);
    munmap(pages, ARENA_BYTES);
    free(used_since);
}

static void mark(const struct slot *s) {
    memset(s->p, (int)(s->id & 0xff), s->len);
    memcpy(s->p, &s->id, sizeof s->id);
    memcpy((uint8_t *)s->p + s->len - 8, &s->id, sizeof s->id);
}

static void must_be_marked(const struct slot *s) {
    uint64_t id;
    memcpy(&id, s->p, sizeof id);
    must_eq(id, s->id);
    memcpy(&id, (uint8_t *)s->p + s->len - 8, sizeof id);
    must_eq(id, s->id);
    for (uint64_t i = 8; i < s->len - 8; i += 1 + s->len / 16)
        must(((uint8_t *)s->p)[i] == (uint8_t)s->id);
}

static bool is_zero(const void *p, uint64_t len) {
    const uint8_t *b = (const uint8_t *)p;
    for (uint64_t i = 0; i < len; i++)
        if (b[i])
            return false;
    return true;
}

static int random_kind(struct rnd *r) {
    int n = (int)rnd_below(r, UST_ARRAY_CNT(defs) + 5);
    if (n < (int)UST_ARRAY_CNT(defs))
        return (int)defs[n].kind;
    n -= (int)UST_ARRAY_CNT(defs);
    return n < 4 ? SLAB_BUF_256 + n : LARGE;
}

/* False if there was no memory. */
static bool alloc(struct rnd *r, struct slot *s) {
    s->kind = random_kind(r);
    if (s->kind == LARGE) {
        bool raw = rnd_one_in(r, 2);
        s->len = 16 + rnd_below(r, 1u << (10 + rnd_below(r, 12)));
        s->p = raw ? span_alloc_raw(ar, s->len) : span_alloc(ar, s->len);
        if (s->p)
            must(raw || is_zero(s->p, s->len));
        s->born = true;
    } else if (s->kind <= SLAB_BUF_68K) {
        static const uint32_t cap[] = {256, 2048, 16384, BUF_MAX_BYTES};
        int c = s->kind - SLAB_BUF_256;
        s->len = cap[c];
        s->p = buf_alloc(ar, s->len - rnd_below(r, s->len - (c ? cap[c - 1] : 0)));
        s->born = true;
        if (s->p)
            must_eq(buf_cap(ar, s->p), s->len);
    } else {
        s->p = slab_alloc(ar, (enum slab_kind)s->kind);
        s->len = ar->classes[s->kind].obj_bytes;
        s->born = false;
        if (s->p) {
            must(is_zero(s->p, s->len));
            must(!slab_is_alive(ar, s->p));
        }
    }
    if (!s->p)
        return false;
    must((uintptr_t)s->p % 16 == 0);
    s->id = next_id++;
    mark(s);
    return true;
}

static void release(struct slot *s) {
    must_be_marked(s);
    if (s->kind == LARGE)
        span_free(ar, s->p);
    else if (s->kind <= SLAB_BUF_68K)
        buf_free(ar, s->p);
    else
        slab_free(ar, s->p);
    s->p = NULL;
}

static void note_use(void) {
    for (uint32_t i = ar->span_first; i < ar->span_fresh; i++)
        used_since[i] |= ar->span_map[i].state != SPAN_FREE;
}

/* Takes what there is to punch: each run once, never in use, never fresh. The hole is punched as
 * the kernel does. */
static void punch(unsigned max) {
    void *p;
    uint64_t len;
    for (; max > 0 && arena_take_punch(ar, &p, &len); max--) {
        uint32_t i = span_of(ar, p), n = (uint32_t)(len / ARENA_SPAN_BYTES);
        must(len > 0 && len % ARENA_SPAN_BYTES == 0 && span_addr(ar, i) == p);
        for (; n > 0; n--, i++) {
            must(ar->span_map[i].state == SPAN_FREE);
            must(used_since[i]);
            used_since[i] = false;
        }
        memset(p, 0, len);
    }
}

/* The alive objects of a kind by the walk are those of the model, and by number too. */
static void verify_walk(enum slab_kind kind) {
    uint32_t seen = 0, want = 0, in_use = 0;
    for (int i = 0; i < SLOT_CNT; i++) {
        in_use += slots[i].p && slots[i].kind == (int)kind;
        want += slots[i].p && slots[i].kind == (int)kind && slots[i].born;
    }
    const uint8_t *last = NULL;
    for (void *p = NULL; (p = slab_next_alive(ar, kind, p)) != NULL; seen++) {
        must((uint8_t *)p > last);
        last = (uint8_t *)p;
        must(slab_is_alive(ar, p));
        must_eq(slab_kind_of(ar, p), kind);
        uint32_t no = slab_index(ar, p);
        must(no < ar->span_cnt * ar->classes[kind].per_slab);
        must(slab_at(ar, kind, no) == p);
    }
    must_eq(seen, want);
    must_eq(slab_in_use(ar, kind), in_use);
}

static void step(struct rnd *r, unsigned alloc_of_16) {
    struct slot *s = &slots[rnd_below(r, SLOT_CNT)];
    if (s->p && !s->born && rnd_one_in(r, 2)) {
        slab_birth(ar, s->p);
        s->born = true;
    } else if (s->p && rnd_below(r, 16) >= alloc_of_16) {
        release(s);
    } else if (!s->p && rnd_below(r, 16) < alloc_of_16) {
        alloc(r, s);
    }
    note_use();
}

START_TEST(random_against_model)
{
    struct rnd r = {(uint64_t)_i + 1};
    ar->poison = _i & 1;
    for (int n = 0; n < 12000; n++) {
        step(&r, n / 3000 % 2 ? 3 : 13);
        must_hold(arena_check(ar));
        if (rnd_one_in(&r, 20))
            punch((unsigned)rnd_below(&r, 3));
        if (n % 100 == 0)
            verify_walk((enum slab_kind)(n / 100 % SLAB_COUNT));
    }
    for (int i = 0; i < SLOT_CNT; i++)
        if (slots[i].p)
            release(&slots[i]);
    must_hold(arena_check(ar));
    punch(UINT32_MAX);
    must_eq(ar->punch_cnt, 0);
    for (int k = 0; k < SLAB_COUNT; k++)
        verify_walk((enum slab_kind)k);
    /* All that is left is one kept slab of each kind; given back, the arena is one run again. */
    slab_reclaim(ar);
    must_eq(ar->span_used, 0);
    punch(UINT32_MAX);
    for (uint32_t i = 0; i < ar->span_cnt; i++)
        must(!used_since[i]);
    void *all = span_alloc(ar, (uint64_t)(ar->span_cnt - ar->span_first) * ARENA_SPAN_BYTES);
    must(all != NULL);
    must_hold(arena_check(ar));
    must(is_zero(all, (uint64_t)(ar->span_cnt - ar->span_first) * ARENA_SPAN_BYTES));
    must(span_alloc(ar, 1) == NULL);
}
END_TEST

START_TEST(exhaustion_gives_null)
{
    struct rnd r = {3};
    for (int round = 0; round < 4; round++) {
        static void *got[200000];
        uint32_t cnt = 0;
        enum slab_kind kind = round < 2 ? SLAB_TCB : SLAB_BUF_16K;
        uint64_t fails = ar->classes[kind].fail_cnt;
        for (void *p; (p = slab_alloc(ar, kind)) != NULL;)
            got[cnt++] = p;
        must_eq(ar->classes[kind].fail_cnt, fails + 1);
        must_hold(arena_check(ar));
        must(cnt * (uint64_t)ar->classes[kind].obj_bytes > ARENA_BYTES / 100 * 85);
        if (ar->classes[kind].span_cnt == 1) { /* else a lone span may be left */
            must(slab_alloc(ar, SLAB_PROC) == NULL);
            must(span_alloc(ar, 1) == NULL);
            must(buf_alloc(ar, 100) == NULL);
        }
        for (uint32_t i = cnt; i > 1; i--) { /* in any order */
            uint32_t k = (uint32_t)rnd_below(&r, i);
            void *p = got[k];
            got[k] = got[i - 1];
            got[i - 1] = p;
        }
        while (cnt > 0)
            slab_free(ar, got[--cnt]);
        must_hold(arena_check(ar));
    }
    must(span_alloc(ar, ARENA_BYTES) == NULL);
    must(span_alloc(ar, UINT64_MAX) == NULL);
    must(span_alloc(ar, UINT64_MAX - ARENA_SPAN_BYTES) == NULL);
    must(buf_alloc(ar, BUF_MAX_BYTES + 1) == NULL);
    must(buf_alloc(ar, SIZE_MAX) == NULL);
    must_hold(arena_check(ar));
}
END_TEST

/* Nearly full: kept slabs help out, and the last run and the fresh spans together. */
START_TEST(last_resorts)
{
    uint32_t all = ar->span_cnt - ar->span_first;
    void *tcb = slab_alloc(ar, SLAB_TCB), *proc = slab_alloc(ar, SLAB_PROC);
    void *tail = span_alloc(ar, 3 * ARENA_SPAN_BYTES);
    slab_free(ar, tcb);
    slab_free(ar, proc);
    must_eq(ar->span_used, 1 + ar->classes[SLAB_PROC].span_cnt + 3);
    span_free(ar, tail);
    /* The run of three and what was never touched. */
    uint32_t most = all - 1 - ar->classes[SLAB_PROC].span_cnt;
    void *p = span_alloc(ar, (uint64_t)most * ARENA_SPAN_BYTES);
    must(p == tail);
    must(is_zero(p, (uint64_t)most * ARENA_SPAN_BYTES));
    must_hold(arena_check(ar));
    must_eq(ar->span_fresh, ar->span_cnt);
    /* An object of another kind finds the place of a kept slab, a table that of another. */
    void *sock = slab_alloc(ar, SLAB_SOCK);
    must(sock != NULL);
    must_hold(arena_check(ar));
    slab_free(ar, sock);
    must(ar->classes[SLAB_SOCK].empty != NULL);
    span_free(ar, p);
    p = span_alloc(ar, (uint64_t)all * ARENA_SPAN_BYTES);
    must(p != NULL);
    must_hold(arena_check(ar));
    must(slab_alloc(ar, SLAB_SOCK) == NULL);
    span_free(ar, p);
}
END_TEST

START_TEST(cap_is_kept)
{
    void *got[100];
    for (int i = 0; i < 100; i++)
        must((got[i] = slab_alloc(ar, SLAB_SOCK)) != NULL);
    must(slab_alloc(ar, SLAB_SOCK) == NULL);
    must_eq(ar->classes[SLAB_SOCK].fail_cnt, 1);
    slab_free(ar, got[50]);
    must((got[50] = slab_alloc(ar, SLAB_SOCK)) != NULL);
    must(slab_alloc(ar, SLAB_SOCK) == NULL);
    must_eq(ar->classes[SLAB_SOCK].peak, 100);
    for (int i = 0; i < 100; i++)
        slab_free(ar, got[i]);
    slab_free(ar, NULL);
    buf_free(ar, NULL);
    span_free(ar, NULL);
    must_eq(slab_in_use(ar, SLAB_SOCK), 0);
}
END_TEST

/* Everything derived is ruined; what was born comes back, what was only reserved is free. */
START_TEST(rebuild_from_alive_words)
{
    struct rnd r = {(uint64_t)_i + 9};
    for (int round = 0; round < 12; round++) {
        for (int n = 0; n < 700; n++)
            step(&r, round % 2 ? 5 : 12);
        for (uint32_t i = ar->span_first; i < ar->span_fresh; i++) {
            struct span *sp = &ar->span_map[i];
            sp->next = sp->prev = sp->punch_next = sp->punch_prev = sp->dirty_cnt = 0xeeeeeeee;
            if (sp->state == SPAN_FREE)
                sp->run = 0xeeeeeeee;
            if (sp->body || sp->state != SPAN_SLAB)
                continue;
            struct slab *s = (struct slab *)(void *)span_addr(ar, i);
            memset(s->free_stack, 0xee, s->per_slab * sizeof s->free_stack[0]);
            s->free_cnt = 0xeeeeeeee;
            s->next = s->prev = (struct slab *)1;
        }
        memset(ar->bin, 0xee, sizeof ar->bin);
        ar->bin_map = 0xeeeeeeee;
        ar->span_used = ar->punch_cnt = ar->punch_head = 0xeeeeeeee;
        for (int k = 0; k < SLAB_COUNT; k++) {
            ar->classes[k].in_use = 0xeeeeeeee;
            ar->classes[k].partial = ar->classes[k].full = ar->classes[k].empty = (struct slab *)1;
        }
        slab_rebuild(ar);
        must_hold(arena_check(ar));
        for (int i = 0; i < SLOT_CNT; i++) {
            if (slots[i].p && !slots[i].born)
                slots[i].p = NULL;
            else if (slots[i].p)
                must_be_marked(&slots[i]);
        }
        for (int k = 0; k < SLAB_COUNT; k++)
            verify_walk((enum slab_kind)k);
        note_use();
        punch(UINT32_MAX);
    }
}
END_TEST

/* The life of a child that is killed: slots[].p stands for what others point to. */
static _Noreturn void child_works(struct rnd *r) {
    for (;;) {
        struct slot *s = &slots[rnd_below(r, SLOT_CNT)];
        if (s->p) {
            void *p = s->p;
            __atomic_store_n(&s->p, NULL, __ATOMIC_RELEASE);
            if (s->kind == LARGE)
                span_free(ar, p);
            else
                slab_free(ar, p);
        } else {
            int kind = random_kind(r);
            void *p = kind == LARGE ? span_alloc_raw(ar, 1 + rnd_below(r, 400000))
                                    : slab_alloc(ar, (enum slab_kind)kind);
            if (!p)
                continue;
            if (kind != LARGE)
                slab_birth(ar, p);
            s->kind = kind;
            s->born = true;
            __atomic_store_n(&s->p, p, __ATOMIC_RELEASE);
        }
    }
}

/*
 * A process dies inside the arena, anywhere. After the rebuild every invariant holds, everything
 * pointed to is alive, and at most one object, that which was on its way, is alive without being
 * pointed to.
 */
START_TEST(killed_anywhere)
{
    struct rnd r = {(uint64_t)_i * 77 + 1};
    for (int round = 0; round < 60; round++) {
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0)
            child_works(&r);
        usleep((useconds_t)(1000 + rnd_below(&r, 3000)));
        kill(pid, SIGKILL);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        slab_rebuild(ar);
        must_hold(arena_check(ar));
        uint32_t pointed[SLAB_COUNT + 1] = {0}, adrift = 0, large_cnt = 0;
        for (int i = 0; i < SLOT_CNT; i++) {
            struct slot *s = &slots[i];
            if (!s->p)
                continue;
            pointed[s->kind]++;
            if (s->kind == LARGE) {
                must(ar->span_map[span_of(ar, s->p)].state == SPAN_LARGE);
                continue;
            }
            must(slab_is_alive(ar, s->p));
            must_eq(slab_kind_of(ar, s->p), s->kind);
        }
        for (int k = 0; k < SLAB_COUNT; k++) {
            must(slab_in_use(ar, (enum slab_kind)k) >= pointed[k]);
            adrift += slab_in_use(ar, (enum slab_kind)k) - pointed[k];
            /* The one adrift is let go, so that the next round starts even. */
            for (void *p = NULL; (p = slab_next_alive(ar, (enum slab_kind)k, p)) != NULL;) {
                bool known = false;
                for (int i = 0; i < SLOT_CNT; i++)
                    known |= slots[i].p == p;
                if (!known)
                    slab_free(ar, p);
            }
        }
        void *stray = NULL;
        for (uint32_t i = ar->span_first; i < ar->span_fresh; i += ar->span_map[i].run) {
            bool known = false;
            if (ar->span_map[i].state != SPAN_LARGE)
                continue;
            for (int k = 0; k < SLOT_CNT; k++)
                known |= slots[k].p == span_addr(ar, i);
            large_cnt++;
            if (known)
                continue;
            adrift++;
            stray = span_addr(ar, i);
        }
        span_free(ar, stray);
        must(adrift <= 1);
        must(large_cnt >= pointed[LARGE]);
        must_hold(arena_check(ar));
    }
}
END_TEST

/* A walk may free what it stands on, down to the last object and the slab under it. */
START_TEST(walk_may_free)
{
    enum { CNT = 400 };
    void *p[CNT];
    for (int i = 0; i < CNT; i++) {
        p[i] = slab_alloc(ar, SLAB_PROC);
        must(p[i] != NULL);
        if (i % 3)
            slab_birth(ar, p[i]);
    }
    uint32_t seen = 0;
    for (void *q = NULL; (q = slab_next_alive(ar, SLAB_PROC, q)) != NULL; seen++)
        slab_free(ar, q);
    must_eq(seen, CNT - (CNT + 2) / 3);
    must(slab_next_alive(ar, SLAB_PROC, NULL) == NULL);
    must(slab_next_alive(ar, SLAB_FDPAGE, NULL) == NULL); /* never defined */
    for (int i = 0; i < CNT; i += 3)
        slab_free(ar, p[i]);
    must_eq(slab_in_use(ar, SLAB_PROC), 0);
    must_hold(arena_check(ar));
}
END_TEST

/* The buffer freed last is the next one handed out, wherever its slab is; within a slab that goes
 * on. */
START_TEST(buffers_are_lifo)
{
    static const size_t len[] = {256, 2048, 16384, BUF_MAX_BYTES};
    struct rnd r = {4};
    for (size_t c = 0; c < UST_ARRAY_CNT(len); c++) {
        void *p[40];
        for (int i = 0; i < 40; i++)
            must((p[i] = buf_alloc(ar, len[c])) != NULL);
        for (int i = 0; i < 200; i++) {
            uint64_t a = rnd_below(&r, 40), b = (a + 1 + rnd_below(&r, 39)) % 40;
            buf_free(ar, p[a]);
            must(buf_alloc(ar, len[c]) == p[a]);
            buf_free(ar, p[a]);
            buf_free(ar, p[b]);
            must(buf_alloc(ar, len[c]) == p[b]);
            void *q = buf_alloc(ar, len[c]);
            must(c > 0 || q == p[a]); /* 40 of the smallest share a slab */
            p[a] = q;
        }
        for (int i = 0; i < 40; i++)
            buf_free(ar, p[i]);
    }
}
END_TEST

/* A lone object that comes and goes costs no work on spans, and an object's slab wastes little. */
START_TEST(slabs_are_frugal)
{
    void *p = slab_alloc(ar, SLAB_TCB);
    slab_free(ar, p);
    uint32_t used = ar->span_used;
    for (int i = 0; i < 100; i++) {
        must(slab_alloc(ar, SLAB_TCB) == p);
        slab_free(ar, p);
        must_eq(ar->span_used, used);
    }
    must_eq(ar->punch_cnt, 0);
    for (int k = 0; k < SLAB_COUNT; k++) {
        const struct slab_class *c = &ar->classes[k];
        if (c->obj_bytes == 0)
            continue;
        uint64_t bytes = (uint64_t)c->span_cnt * ARENA_SPAN_BYTES;
        /* Three bytes of bookkeeping are much only for the smallest. */
        uint64_t held = (uint64_t)c->per_slab * (c->obj_bytes + 3);
        ck_assert_msg(bytes - held < bytes * 7 / 100, "%s", slab_kind_name((enum slab_kind)k));
    }
}
END_TEST

START_TEST(any_object_size)
{
    struct rnd r = {6};
    for (size_t bytes = 1; bytes < 300000; bytes += 1 + bytes / 9) {
        static struct arena a;
        memset(pages, 0, ARENA_BYTES);
        ck_assert_int_eq(arena_init(&a, pages, ARENA_BYTES, 0), 0);
        slab_define(&a, SLAB_TCB, bytes, 0);
        const struct slab_class *c = &a.classes[SLAB_TCB];
        void *p[300];
        for (int i = 0; i < 300; i++) {
            p[i] = slab_alloc(&a, SLAB_TCB);
            if (p[i])
                memset(p[i], i, c->obj_bytes);
        }
        must(bytes > 40000 || p[299] != NULL);
        for (int i = 0; i < 300; i++) {
            if (!p[i])
                continue;
            must(((uint8_t *)p[i])[rnd_below(&r, bytes)] == (uint8_t)i);
            slab_birth(&a, p[i]);
            must(slab_at(&a, SLAB_TCB, slab_index(&a, p[i])) == p[i]);
        }
        must_hold(arena_check(&a));
        for (int i = 0; i < 300; i++)
            slab_free(&a, p[i]);
        must_hold(arena_check(&a));
        uint64_t len = (uint64_t)c->span_cnt * ARENA_SPAN_BYTES;
        if (bytes > 64 && bytes < 70000) /* from there on 16 spans are too few to pack well */
            ck_assert_msg((len - (uint64_t)c->per_slab * c->obj_bytes) * 100 < len * 7, "%zu",
                          bytes);
    }
}
END_TEST

START_TEST(alive_of_wild_pointers)
{
    uint8_t *p = (uint8_t *)slab_alloc(ar, SLAB_TCB);
    uint8_t *large = (uint8_t *)span_alloc(ar, 200000);
    slab_birth(ar, p);
    must(slab_is_alive(ar, p));
    must(!slab_is_alive(ar, p + 1));
    must(!slab_is_alive(ar, p + ar->classes[SLAB_TCB].obj_bytes));
    must(!slab_is_alive(ar, NULL));
    must(!slab_is_alive(ar, ar));
    must(!slab_is_alive(ar, pages));
    must(!slab_is_alive(ar, (uint8_t *)pages - 16));
    must(!slab_is_alive(ar, (uint8_t *)pages + ARENA_BYTES));
    must(!slab_is_alive(ar, (uint8_t *)pages + ARENA_BYTES - 16));
    must(!slab_is_alive(ar, large));
    must(!slab_is_alive(ar, large + 70000));
    for (uint64_t off = 0; off < ARENA_BYTES; off += 4096)
        must(!slab_is_alive(ar, (uint8_t *)pages + off) || (uint8_t *)pages + off == p);
    must(slab_at(ar, SLAB_TCB, UINT32_MAX) == NULL);
    must(slab_at(ar, SLAB_FDPAGE, 0) == NULL);
    must(slab_at(ar, SLAB_SOCK, slab_index(ar, p)) == NULL);
    slab_free(ar, p);
    must(!slab_is_alive(ar, p));
}
END_TEST

/* Under ASan a test that asks for it sees the use of a freed object. */
START_TEST(freed_objects_are_poisoned)
{
#ifdef ARENA_ASAN
    ar->poison = true;
    char *p = (char *)slab_alloc(ar, SLAB_TCB), *q = (char *)slab_alloc(ar, SLAB_TCB);
    must(!__asan_address_is_poisoned(p) && !__asan_address_is_poisoned(q + 1500));
    must(__asan_address_is_poisoned(q + ar->classes[SLAB_TCB].obj_bytes));
    slab_free(ar, p);
    must(__asan_address_is_poisoned(p) && __asan_address_is_poisoned(p + 1500));
    must(!__asan_address_is_poisoned(q));
    slab_free(ar, q);
    slab_reclaim(ar); /* spans are anybody's */
    must(!__asan_address_is_poisoned(p) && !__asan_address_is_poisoned(q));
#endif
    must_hold(arena_check(ar));
}
END_TEST

START_TEST(init_refuses)
{
    static struct arena a;
    ck_assert_int_eq(arena_init(&a, pages, ARENA_BYTES - 1, 0), -EINVAL);
    ck_assert_int_eq(arena_init(&a, (uint8_t *)pages + 16, ARENA_BYTES / 2, 0), -EINVAL);
    ck_assert_int_eq(arena_init(&a, pages, 0, 0), -ENOMEM);
    ck_assert_int_eq(arena_init(&a, pages, ARENA_SPAN_BYTES, 0), -ENOMEM);
    ck_assert_int_eq(arena_init(&a, pages, ARENA_BYTES, ARENA_BYTES), -ENOMEM);
    ck_assert_int_eq(arena_init(&a, pages, ARENA_BYTES, UINT64_MAX), -ENOMEM);
    ck_assert_int_eq(arena_init(&a, pages, ARENA_BYTES, ARENA_BYTES - 3 * ARENA_SPAN_BYTES), 0);
    must_hold(arena_check(&a));
    must((uint8_t *)slab_alloc(&a, SLAB_BUF_2K) >
         (uint8_t *)pages + ARENA_BYTES - 3 * ARENA_SPAN_BYTES);
}
END_TEST

/* The checker is no yes-man: each ruined field is seen. */
START_TEST(check_sees)
{
    void *a = slab_alloc(ar, SLAB_TCB), *b = slab_alloc(ar, SLAB_TCB);
    void *l = span_alloc(ar, 300000), *m = span_alloc(ar, 1);
    must(a && b && l && m);
    span_free(ar, l);
    slab_birth(ar, b);
    must_hold(arena_check(ar));
    uint32_t i = span_of(ar, l);
    struct slab *s = (struct slab *)(void *)span_addr(ar, span_of(ar, a));
#define RUIN(field, value)                                                                         \
    do {                                                                                           \
        __typeof__(field) saved_ = (field);                                                        \
        (field) = (value);                                                                         \
        must(arena_check(ar) != NULL);                                                             \
        (field) = saved_;                                                                          \
        must_hold(arena_check(ar));                                                                \
    } while (0)
    RUIN(ar->span_used, ar->span_used + 1);
    RUIN(ar->punch_cnt, 0);
    RUIN(ar->punch_head, 0);
    RUIN(ar->bin_map, 0);
    RUIN(ar->bin[4], 0);
    RUIN(ar->span_map[i].run, 1);
    RUIN(ar->span_map[i].dirty_cnt, 1);
    RUIN(ar->span_map[i + 2].state, SPAN_LARGE);
    RUIN(ar->span_map[i + 4].body, false);
    RUIN(ar->span_map[i + 5].state, SPAN_FREE);
    RUIN(ar->classes[SLAB_TCB].in_use, 1);
    RUIN(ar->classes[SLAB_TCB].partial, NULL);
    RUIN(ar->classes[SLAB_TCB].empty, s);
    RUIN(s->free_cnt, s->free_cnt - 1);
    RUIN(s->free_stack[0], s->free_stack[1]);
    RUIN(s->free_stack[0], 0);
    RUIN(s->free_stack[0], 4000);
    RUIN(slab_states(s)[0], OBJ_FREE);
    RUIN(s->is_full, true);
    RUIN(s->next, s);
    RUIN(s->kind, SLAB_COUNT);
    RUIN(s->per_slab, 1);
}
END_TEST

int main(void) {
    Suite *s = suite_create("arena");
    TCase *t = tcase_create("arena");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, random_against_model, 0, 4);
    tcase_add_test(t, exhaustion_gives_null);
    tcase_add_test(t, last_resorts);
    tcase_add_test(t, cap_is_kept);
    tcase_add_loop_test(t, rebuild_from_alive_words, 0, 2);
    tcase_add_loop_test(t, killed_anywhere, 0, 3);
    tcase_add_test(t, walk_may_free);
    tcase_add_test(t, buffers_are_lifo);
    tcase_add_test(t, slabs_are_frugal);
    tcase_add_test(t, any_object_size);
    tcase_add_test(t, alive_of_wild_pointers);
    tcase_add_test(t, freed_objects_are_poisoned);
    tcase_add_test(t, init_refuses);
    tcase_add_test(t, check_sees);
    suite_add_tcase(s, t);
    return run_suite(s);
}
