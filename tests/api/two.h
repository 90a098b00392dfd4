/* SPDX-License-Identifier: ISC */
/* Two stacks on one wire and a clock of their own, by the public headers alone. */
#ifndef UST_TESTS_API_TWO_H
#define UST_TESTS_API_TWO_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "userstack/userstack.h"

#define S 1000000000ULL
#define MS 1000000ULL
#define TWO_MEM (16u << 20)
#define TWO_DELAY (1 * MS)

struct two_frame {
    uint64_t at_ns;
    size_t len;
    uint8_t b[1600];
};
struct two {
    uint64_t now_ns;
    struct ust_stack *st[2];
    void *mem[2];
    bool cut;                   /* frames are lost */
    unsigned frames[2];         /* transmitted by each */
    struct two_frame q[2][256]; /* on their way to each */
    size_t head[2], tail[2];
    uint8_t last[1600]; /* the last frame transmitted */
    size_t last_len;
};

static inline struct ust_ip two_ip(const char *text) {
    struct ust_ip ip;
    ck_assert(ust_ip_parse(text, &ip));
    return ip;
}

/* 10.0.0.1 and 10.0.0.2. */
static inline struct two *two_new(void) {
    struct two *t = calloc(1, sizeof *t);
    t->now_ns = 1000 * S;
    for (int i = 0; i < 2; i++) {
        static const char *const text[] = {"10.0.0.1", "10.0.0.2"};
        uint8_t seed[16] = {(uint8_t)(i + 1)};
        struct ust_link link = {{2, 0, 0, 0, 0, (uint8_t)(i + 1)}, 1500};
        struct ust_ip ip = two_ip(text[i]);
        t->mem[i] = aligned_alloc(4096, TWO_MEM);
        memset(t->mem[i], 0, TWO_MEM);
        t->st[i] = ust_stack_new(t->mem[i], TWO_MEM, seed, t->now_ns);
        ck_assert_ptr_nonnull(t->st[i]);
        ck_assert_int_eq(ust_link_up(t->st[i], t->now_ns, &link), 0);
        ck_assert_int_eq(ust_addr_add(t->st[i], t->now_ns, &ip, 24, false), 0);
    }
    return t;
}
static inline void two_free(struct two *t) {
    for (int i = 0; i < 2; i++) {
        if (t->st[i])
            ust_stack_free(t->st[i], t->now_ns);
        free(t->mem[i]);
    }
    free(t);
}

static inline void two_turn(struct two *t, int i) {
    bool more;
    do {
        uint8_t buf[1600];
        ssize_t n;
        more = ust_turn(t->st[i], t->now_ns);
        while ((n = ust_output(t->st[i], buf, sizeof buf)) > 0) {
            struct two_frame *f = &t->q[!i][t->tail[!i] % 256];
            t->frames[i]++;
            memcpy(t->last, buf, (size_t)n);
            t->last_len = (size_t)n;
            if (t->cut)
                continue;
            ck_assert_uint_lt(t->tail[!i] - t->head[!i], 256);
            f->at_ns = t->now_ns + TWO_DELAY;
            f->len = (size_t)n;
            memcpy(f->b, buf, (size_t)n);
            t->tail[!i]++;
        }
    } while (more);
}

/* Runs both for span_ns of virtual time. */
static inline void two_run(struct two *t, uint64_t span_ns) {
    uint64_t end = t->now_ns + span_ns;
    for (;;) {
        uint64_t next = end;
        for (int i = 0; i < 2; i++) {
            while (t->head[i] != t->tail[i] && t->q[i][t->head[i] % 256].at_ns <= t->now_ns) {
                struct two_frame *f = &t->q[i][t->head[i]++ % 256];
                ust_input(t->st[i], t->now_ns, f->b, f->len);
            }
            two_turn(t, i);
        }
        for (int i = 0; i < 2; i++) {
            uint64_t d = ust_deadline(t->st[i]);
            next = d < next ? d : next;
            if (t->head[i] != t->tail[i] && t->q[i][t->head[i] % 256].at_ns < next)
                next = t->q[i][t->head[i] % 256].at_ns;
        }
        if (t->now_ns >= end)
            return;
        if (next > t->now_ns)
            t->now_ns = next;
    }
}

#endif
