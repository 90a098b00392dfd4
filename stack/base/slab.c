/* SPDX-License-Identifier: ISC */
/*
 * Slabs of objects. A slab is a run of spans: header, stack of free object numbers, a state byte
 * per object, objects. The free stack makes reuse last in, first out, so that the next object is
 * warm. A slab that has lost its last object goes back to the spans, but one per kind is kept so
 * that a lone object that comes and goes costs nothing.
 */
#include "base/arena_priv.h"

#define SPANS_MAX 16       /* of a slab */
#define PER_SLAB_MAX 4096u /* arena_check has a bit for each */

#if defined(__SANITIZE_ADDRESS__)
#define SLAB_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLAB_ASAN 1
#endif
#endif
#ifdef SLAB_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(ar, p, n) ((ar)->poison ? __asan_poison_memory_region((p), (n)) : (void)0)
#define UNPOISON(ar, p, n) ((ar)->poison ? __asan_unpoison_memory_region((p), (n)) : (void)0)
#else
#define POISON(ar, p, n) ((void)(ar), (void)(p), (void)(n))
#define UNPOISON(ar, p, n) ((void)(ar), (void)(p), (void)(n))
#endif

static const char *const kind_name[SLAB_COUNT] = {
    [SLAB_BUF_256] = "buf 256",
    [SLAB_BUF_2K] = "buf 2K",
    [SLAB_BUF_16K] = "buf 16K",
    [SLAB_BUF_68K] = "buf 68K",
    [SLAB_NEIGH] = "neighbours",
    [SLAB_REASS] = "reassemblies",
    [SLAB_FRAG] = "fragments",
    [SLAB_PMTU] = "path MTUs",
    [SLAB_FAULT_FRAME] = "fault frames",
    [SLAB_UDP_PCB] = "udp pcbs",
    [SLAB_UDP_DGRAM] = "udp datagrams",
    [SLAB_TCB] = "tcbs",
    [SLAB_TCP_LISTENER] = "tcp listeners",
    [SLAB_TCP_SEG] = "tcp segments",
    [SLAB_TCP_RANGE] = "tcp ranges",
    [SLAB_TCP_TW] = "tcp time-wait",
    [SLAB_SOCK] = "sockets",
    [SLAB_EPSET] = "epoll sets",
    [SLAB_EPITEM] = "epoll items",
    [SLAB_WAITER] = "waiters",
    [SLAB_WAIT_LINK] = "wait links",
    [SLAB_FDPAGE] = "fd pages",
    [SLAB_PROC] = "processes",
    [SLAB_HOLD] = "holds",
    [SLAB_ERRQ] = "queued errors",
    [SLAB_UDP_GROUP] = "memberships",
};

const char *slab_kind_name(enum slab_kind kind) { return kind_name[kind]; }

uint32_t slab_in_use(const struct arena *ar, enum slab_kind kind) {
    return ar->classes[kind].in_use;
}

static bool is_buf(uint32_t kind) { return kind <= SLAB_BUF_68K; }

/* Objects in a slab of n spans. */
static uint32_t objs_in(uint32_t n, uint32_t obj_bytes) {
    uint64_t room = (uint64_t)n * ARENA_SPAN_BYTES - sizeof(struct slab);
    uint64_t cnt = room / (obj_bytes + sizeof(uint16_t) + sizeof(uint8_t));
    return (uint32_t)UST_MIN(cnt, PER_SLAB_MAX);
}

void slab_define(struct arena *ar, enum slab_kind kind, size_t obj_bytes, uint32_t cap_objs) {
    struct slab_class *c = &ar->classes[kind];
    assert(c->obj_bytes == 0 && obj_bytes > 0 && obj_bytes <= 512 * 1024);
    c->obj_bytes = (uint32_t)(obj_bytes + 15) & ~15u;
    c->cap_objs = cap_objs;
    /* The shortest slab that wastes less than 7 %, or the least wasteful. */
    uint64_t best = UINT64_MAX;
    for (uint32_t n = 1; n <= SPANS_MAX; n++) {
        uint32_t cnt = objs_in(n, c->obj_bytes);
        if (cnt == 0)
            continue;
        uint64_t bytes = (uint64_t)n * ARENA_SPAN_BYTES;
        uint64_t permille = (bytes - (uint64_t)cnt * c->obj_bytes) * 1000 / bytes;
        if (permille < best) {
            best = permille;
            c->span_cnt = n;
            c->per_slab = cnt;
        }
        if (permille < 70 || cnt == PER_SLAB_MAX)
            break;
    }
}

static struct slab *slab_of(const struct arena *ar, const void *obj) {
    uint32_t i = span_of(ar, obj);
    if (ar->span_map[i].body)
        i -= ar->span_map[i].run;
    assert(ar->span_map[i].state == SPAN_SLAB);
    return (struct slab *)(void *)span_addr(ar, i);
}

static uint32_t obj_no(const struct slab *s, const void *obj) {
    uint32_t off = (uint32_t)((const uint8_t *)obj - slab_obj(s, 0));
    uint32_t i = (uint32_t)((uint64_t)off * s->recip >> 32);
    assert(i < s->per_slab && slab_obj(s, i) == obj);
    return i;
}

static struct slab **list_of(struct slab_class *c, const struct slab *s) {
    return s->is_full ? &c->full : &c->partial;
}

static void list_link(struct slab_class *c, struct slab *s) {
    struct slab **head = list_of(c, s);
    s->prev = NULL;
    s->next = *head;
    if (*head)
        (*head)->prev = s;
    *head = s;
}

static void list_unlink(struct slab_class *c, struct slab *s) {
    if (s->prev)
        s->prev->next = s->next;
    else
        *list_of(c, s) = s->next;
    if (s->next)
        s->next->prev = s->prev;
}

static void slab_new(struct arena *ar, enum slab_kind kind) {
    struct slab_class *c = &ar->classes[kind];
    assert(c->obj_bytes != 0);
    uint32_t i = span_take(ar, c->span_cnt);
    if (!i && slab_reclaim(ar))
        i = span_take(ar, c->span_cnt);
    if (!i)
        return;
    struct slab *s = (struct slab *)(void *)span_addr(ar, i);
    s->kind = kind;
    s->span = i;
    s->obj_bytes = c->obj_bytes;
    s->per_slab = s->free_cnt = c->per_slab;
    s->obj_off = c->span_cnt * ARENA_SPAN_BYTES - c->per_slab * c->obj_bytes;
    s->recip = UINT32_MAX / c->obj_bytes + 1;
    s->is_full = false;
    for (uint32_t k = 0; k < s->per_slab; k++)
        s->free_stack[k] = (uint16_t)(s->per_slab - 1 - k); /* the first object is taken first */
    memset(slab_states(s), OBJ_FREE, s->per_slab);
    POISON(ar, slab_obj(s, 0), (size_t)s->per_slab * s->obj_bytes);
    span_mark(ar, i, c->span_cnt, SPAN_SLAB);
    list_link(c, s);
    c->empty = s;
}

static void slab_release(struct arena *ar, struct slab *s) {
    struct slab_class *c = &ar->classes[s->kind];
    list_unlink(c, s);
    if (c->empty == s)
        c->empty = NULL;
    UNPOISON(ar, slab_obj(s, 0), (size_t)s->per_slab * s->obj_bytes);
    span_release(ar, s->span);
}

bool slab_reclaim(struct arena *ar) {
    bool any = false;
    for (int k = 0; k < SLAB_COUNT; k++) {
        if (!ar->classes[k].empty)
            continue;
        slab_release(ar, ar->classes[k].empty);
        any = true;
    }
    return any;
}

void *slab_alloc(struct arena *ar, enum slab_kind kind) {
    struct slab_class *c = &ar->classes[kind];
    bool capped = c->cap_objs && c->in_use >= c->cap_objs;
    if (!capped && !c->partial)
        slab_new(ar, kind);
    struct slab *s = c->partial;
    if (capped || !s) {
        c->fail_cnt++;
        return NULL;
    }
    uint32_t i = s->free_stack[--s->free_cnt];
    slab_states(s)[i] = OBJ_RESERVED;
    if (c->empty == s)
        c->empty = NULL;
    if (s->free_cnt == 0) {
        list_unlink(c, s);
        s->is_full = true;
        list_link(c, s);
    }
    c->in_use++;
    c->peak = UST_MAX(c->peak, c->in_use);
    void *obj = slab_obj(s, i);
    UNPOISON(ar, obj, s->obj_bytes);
    if (!is_buf(kind))
        memset(obj, 0, s->obj_bytes);
    return obj;
}

void slab_birth(struct arena *ar, void *obj) {
    struct slab *s = slab_of(ar, obj);
    uint8_t *state = &slab_states(s)[obj_no(s, obj)];
    assert(*state == OBJ_RESERVED);
    __atomic_store_n(state, OBJ_ALIVE, __ATOMIC_RELEASE);
}

void slab_free(struct arena *ar, void *obj) {
    if (!obj)
        return;
    struct slab *s = slab_of(ar, obj);
    struct slab_class *c = &ar->classes[s->kind];
    uint32_t i = obj_no(s, obj);
    assert(slab_states(s)[i] != OBJ_FREE);
    slab_states(s)[i] = OBJ_FREE;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    POISON(ar, obj, s->obj_bytes);
    s->free_stack[s->free_cnt++] = (uint16_t)i;
    c->in_use--;
    /* A buffer's slab comes first again, warm as it is; other slabs are left to drain. */
    if (s->is_full || (is_buf(s->kind) && c->partial != s)) {
        list_unlink(c, s);
        s->is_full = false;
        list_link(c, s);
    }
    if (s->free_cnt < s->per_slab)
        return;
    if (c->empty)
        slab_release(ar, s);
    else
        c->empty = s;
}

/* The slab whose first span is i, or NULL. */
static struct slab *slab_in(const struct arena *ar, uint32_t i) {
    const struct span *sp = &ar->span_map[i];
    return sp->body || sp->state != SPAN_SLAB ? NULL : (struct slab *)(void *)span_addr(ar, i);
}

/* Believes nothing about obj: a repair asks about whatever it finds. */
bool slab_is_alive(const struct arena *ar, const void *obj) {
    uint64_t off = (uint64_t)((uintptr_t)obj - (uintptr_t)ar->base);
    if (off >= (uint64_t)ar->span_fresh * ARENA_SPAN_BYTES)
        return false;
    uint32_t i = span_of(ar, obj);
    if (ar->span_map[i].body)
        i -= UST_MIN(ar->span_map[i].run, i);
    const struct slab *s = slab_in(ar, i);
    if (!s || (const uint8_t *)obj < slab_obj(s, 0) ||
        (const uint8_t *)obj >= slab_obj(s, s->per_slab))
        return false;
    uint32_t in = (uint32_t)((const uint8_t *)obj - slab_obj(s, 0));
    return in % s->obj_bytes == 0 && slab_states(s)[in / s->obj_bytes] == OBJ_ALIVE;
}

enum slab_kind slab_kind_of(const struct arena *ar, const void *obj) {
    return (enum slab_kind)slab_of(ar, obj)->kind;
}

/* In address order; the place is found from prev's address alone, as its slab may be gone. */
void *slab_next_alive(struct arena *ar, enum slab_kind kind, void *prev) {
    const uint8_t *from = prev;
    uint32_t i = prev ? span_of(ar, prev) : ar->span_first;
    uint32_t n = ar->classes[kind].span_cnt;
    /* prev's slab starts at most its length before prev. */
    if (prev)
        i -= UST_MIN(i - ar->span_first, n - 1);
    for (; i < ar->span_fresh; i++) {
        const struct slab *s = slab_in(ar, i);
        if (!s || s->kind != (uint32_t)kind || s->free_cnt == s->per_slab)
            continue;
        uint32_t k = 0;
        if (from && from >= slab_obj(s, 0))
            k = (uint32_t)((uint64_t)(from - slab_obj(s, 0)) / s->obj_bytes) + 1;
        for (; k < s->per_slab; k++)
            if (slab_states(s)[k] == OBJ_ALIVE)
                return slab_obj(s, k);
    }
    return NULL;
}

uint32_t slab_index(const struct arena *ar, const void *obj) {
    const struct slab *s = slab_of(ar, obj);
    return s->span * s->per_slab + obj_no(s, obj);
}

void *slab_at(const struct arena *ar, enum slab_kind kind, uint32_t index) {
    uint32_t per_slab = ar->classes[kind].per_slab;
    if (per_slab == 0 || index / per_slab >= ar->span_fresh)
        return NULL;
    const struct slab *s = slab_in(ar, index / per_slab);
    if (!s || s->kind != (uint32_t)kind || slab_states(s)[index % per_slab] != OBJ_ALIVE)
        return NULL;
    return slab_obj(s, index % per_slab);
}

static void recount(struct arena *ar, struct slab *s) {
    struct slab_class *c = &ar->classes[s->kind];
    uint8_t *state = slab_states(s);
    s->free_cnt = 0;
    for (uint32_t k = s->per_slab; k-- > 0;) {
        if (state[k] == OBJ_ALIVE)
            continue;
        state[k] = OBJ_FREE;
        s->free_stack[s->free_cnt++] = (uint16_t)k;
        POISON(ar, slab_obj(s, k), s->obj_bytes);
    }
    c->in_use += s->per_slab - s->free_cnt;
    s->is_full = s->free_cnt == 0;
    list_link(c, s);
    if (s->free_cnt < s->per_slab)
        return;
    if (c->empty)
        slab_release(ar, s);
    else
        c->empty = s;
}

void slab_rebuild(struct arena *ar) {
    span_rebuild(ar);
    for (int k = 0; k < SLAB_COUNT; k++) {
        struct slab_class *c = &ar->classes[k];
        c->in_use = 0;
        c->partial = c->full = c->empty = NULL;
    }
    for (uint32_t i = ar->span_first; i < ar->span_fresh; i++)
        if (!ar->span_map[i].body && ar->span_map[i].state == SPAN_SLAB)
            recount(ar, (struct slab *)(void *)span_addr(ar, i));
}

void *buf_alloc(struct arena *ar, size_t len) {
    enum slab_kind kind;
    if (len <= 256)
        kind = SLAB_BUF_256;
    else if (len <= 2048)
        kind = SLAB_BUF_2K;
    else if (len <= 16384)
        kind = SLAB_BUF_16K;
    else if (len <= BUF_MAX_BYTES)
        kind = SLAB_BUF_68K;
    else
        return NULL;
    void *buf = slab_alloc(ar, kind);
    if (buf)
        slab_birth(ar, buf);
    return buf;
}

size_t buf_cap(const struct arena *ar, const void *buf) { return slab_of(ar, buf)->obj_bytes; }

void buf_free(struct arena *ar, void *buf) {
    assert(!buf || is_buf((uint32_t)slab_kind_of(ar, buf)));
    slab_free(ar, buf);
}
