/* SPDX-License-Identifier: ISC */
/* The arena's invariants, each checked from the ground up: nothing derived is believed. */
#include "base/arena_priv.h"

struct tally {
    uint32_t span_used, span_free, dirty;
    uint32_t in_use[SLAB_COUNT];
    uint32_t slabs[SLAB_COUNT]; /* seen in the span map */
};

static const char *check_slab(const struct arena *ar, uint32_t i, struct tally *t) {
    const struct slab *s = (const struct slab *)(const void *)span_addr(ar, i);
    if (s->kind >= SLAB_COUNT || s->span != i)
        return "arena: slab header";
    const struct slab_class *c = &ar->classes[s->kind];
    if (s->per_slab != c->per_slab || s->obj_bytes != c->obj_bytes)
        return "arena: slab shape";
    if (ar->span_map[i].run != c->span_cnt)
        return "arena: slab's run of spans";
    uint64_t seen[4096 / 64] = {0};
    uint32_t free_cnt = 0;
    if (s->free_cnt > s->per_slab)
        return "arena: slab's free count";
    for (uint32_t k = 0; k < s->free_cnt; k++) {
        uint32_t no = s->free_stack[k];
        if (no >= s->per_slab)
            return "arena: object number on the free stack";
        if (seen[no / 64] >> (no % 64) & 1)
            return "arena: object twice on the free stack";
        seen[no / 64] |= 1ULL << (no % 64);
        if (slab_states(s)[no] != OBJ_FREE)
            return "arena: used object on the free stack";
    }
    for (uint32_t k = 0; k < s->per_slab; k++) {
        if (slab_states(s)[k] > OBJ_ALIVE)
            return "arena: object state";
        free_cnt += slab_states(s)[k] == OBJ_FREE;
    }
    if (free_cnt != s->free_cnt)
        return "arena: free object not on the free stack";
    if (s->is_full != (free_cnt == 0))
        return "arena: slab on the wrong list";
    t->in_use[s->kind] += s->per_slab - free_cnt;
    t->slabs[s->kind]++;
    return NULL;
}

static const char *check_class(const struct arena *ar, int kind, const struct tally *t) {
    const struct slab_class *c = &ar->classes[kind];
    uint32_t cnt = 0;
    bool empty_seen = !c->empty;
    if (c->in_use != t->in_use[kind])
        return "arena: count of objects in use";
    if (c->cap_objs && c->in_use > c->cap_objs)
        return "arena: more objects than the cap";
    for (int full = 0; full < 2; full++) {
        const struct slab *prev = NULL;
        for (const struct slab *s = full ? c->full : c->partial; s; prev = s, s = s->next) {
            if (s->kind != (uint32_t)kind || s->is_full != full || s->prev != prev)
                return "arena: slab list";
            if (s->free_cnt == s->per_slab && s != c->empty)
                return "arena: empty slab kept";
            if (s == c->empty && s->free_cnt == s->per_slab)
                empty_seen = true;
            if (++cnt > t->slabs[kind])
                return "arena: slab list has a loop";
        }
    }
    if (!empty_seen)
        return "arena: kept slab is not empty";
    return cnt == t->slabs[kind] ? NULL : "arena: slab on no list";
}

static const char *check_free_run(const struct arena *ar, uint32_t i, struct tally *t) {
    const struct span *map = ar->span_map;
    uint32_t n = map[i].run, dirty = 0;
    if (n == 0 || n > ar->span_fresh - i)
        return "arena: length of a free run";
    for (uint32_t k = i; k < i + n; k++) {
        if (map[k].state != SPAN_FREE)
            return "arena: span in a free run is used";
        dirty += map[k].dirty;
    }
    if (n > 1 && (!map[i + n - 1].body || map[i + n - 1].run != n - 1))
        return "arena: end of a free run";
    if (i + n < ar->span_fresh && map[i + n].state == SPAN_FREE)
        return "arena: free runs not coalesced";
    if (dirty != map[i].dirty_cnt)
        return "arena: dirty count of a free run";
    t->span_free += n;
    t->dirty += dirty;
    return NULL;
}

static const char *check_used_run(const struct arena *ar, uint32_t i) {
    const struct span *map = ar->span_map;
    uint32_t n = map[i].run;
    if (n == 0 || n > ar->span_fresh - i)
        return "arena: length of a used run";
    for (uint32_t k = 0; k < n; k++) {
        const struct span *s = &map[i + k];
        if (s->state != map[i].state || s->dirty)
            return "arena: span in a used run";
        if (s->body != (k > 0) || (k > 0 && s->run != k))
            return "arena: way back to a run's head";
    }
    return NULL;
}

static const char *check_lists(const struct arena *ar, const struct tally *t) {
    const struct span *map = ar->span_map;
    uint32_t free_cnt = 0, dirty = 0;
    for (unsigned b = 0; b < ARENA_BIN_CNT; b++) {
        if ((ar->bin_map >> b & 1) != (ar->bin[b] != 0))
            return "arena: bitmap of bins";
        for (uint32_t i = ar->bin[b], prev = 0; i; prev = i, i = map[i].next) {
            free_cnt += map[i].run;
            if (map[i].state != SPAN_FREE || map[i].body || map[i].prev != prev ||
                free_cnt > t->span_free)
                return "arena: list of free runs";
        }
    }
    if (free_cnt != t->span_free)
        return "arena: free run on no list";
    for (uint32_t i = ar->punch_head, prev = 0; i; prev = i, i = map[i].punch_next) {
        dirty += map[i].dirty_cnt;
        if (map[i].state != SPAN_FREE || map[i].body || map[i].punch_prev != prev ||
            map[i].dirty_cnt == 0 || dirty > t->dirty)
            return "arena: list of runs to punch";
    }
    if (dirty != t->dirty || dirty != ar->punch_cnt)
        return "arena: count of spans to punch";
    return NULL;
}

const char *arena_check(struct arena *ar) {
    struct tally t;
    const char *bad;
    memset(&t, 0, sizeof t);
    if (ar->span_first == 0 || ar->span_fresh < ar->span_first || ar->span_fresh > ar->span_cnt)
        return "arena: limits";
    for (uint32_t i = 0; i < ar->span_fresh; i += ar->span_map[i].run) {
        const struct span *s = &ar->span_map[i];
        if (s->body)
            return "arena: run without a head";
        if ((s->state == SPAN_RESERVED) != (i == 0))
            return "arena: reserved spans";
        if (s->state == SPAN_FREE) {
            if ((bad = check_free_run(ar, i, &t)))
                return bad;
            continue;
        }
        if ((bad = check_used_run(ar, i)))
            return bad;
        if (i > 0)
            t.span_used += s->run;
        if (s->state == SPAN_SLAB && (bad = check_slab(ar, i, &t)))
            return bad;
    }
    if (t.span_used != ar->span_used)
        return "arena: count of spans in use";
    for (int k = 0; k < SLAB_COUNT; k++)
        if ((bad = check_class(ar, k, &t)))
            return bad;
    return check_lists(ar, &t);
}
