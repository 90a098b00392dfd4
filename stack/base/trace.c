/* SPDX-License-Identifier: ISC */
#include "base/trace.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 1024 /* a longer line is cut */

static const char *const cat_name[TRACE_COUNT] = {
#define TRACE_X(up, low) [TRACE_##up] = #low,
    TRACE_LIST(TRACE_X)
#undef TRACE_X
};

const char *trace_cat_name(enum trace_cat c) { return cat_name[c]; }

static bool word_is(struct ust_slice w, const char *s) {
    return w.len == strlen(s) && memcmp(w.p, s, w.len) == 0;
}

/* The categories that the word names as a mask; 0: none. */
static uint32_t word_mask(struct ust_slice w) {
    if (word_is(w, "all"))
        return (1u << TRACE_COUNT) - 1;
    for (unsigned i = 0; i < TRACE_COUNT; i++)
        if (word_is(w, cat_name[i]))
            return 1u << i;
    return 0;
}

bool trace_parse(const char *s, uint32_t *on, uint32_t *on_debug, struct ust_slice *bad) {
    static const char debug[] = ":debug";
    const size_t debug_len = sizeof debug - 1;
    uint32_t m = 0, md = 0;
    while (*s) {
        struct ust_slice word = slice_of(s, strcspn(s, ","));
        struct ust_slice cat = word;
        bool dbg =
            word.len > debug_len && memcmp(word.p + word.len - debug_len, debug, debug_len) == 0;
        if (dbg)
            cat.len -= debug_len;
        uint32_t w = word_mask(cat);
        s += word.len;
        /* A comma wants a word behind it. */
        if (w != 0 && s[0] == ',' && s[1] == '\0') {
            word = slice_of(s + 1, 0);
            w = 0;
        }
        if (w == 0) {
            *bad = word;
            return false;
        }
        m |= w;
        if (dbg)
            md |= w;
        if (*s == ',')
            s++;
    }
    *on = m;
    *on_debug = md;
    return true;
}

/* A line under construction: text that does not fit is cut. */
struct line {
    size_t len;
    char b[LINE_BYTES];
};

UST_PRINTF(2, 0) static void line_vadd(struct line *l, const char *fmt, va_list ap) {
    size_t room = sizeof l->b - 1 - l->len; /* the newline's place stays free */
    if (room <= 1)
        return;
    int n = vsnprintf(l->b + l->len, room, fmt, ap);
    if (n > 0)
        l->len += UST_MIN((size_t)n, room - 1);
}

UST_PRINTF(2, 3) static void line_add(struct line *l, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    line_vadd(l, fmt, ap);
    va_end(ap);
}

static void line_start(struct line *l, const struct trace *t, uint64_t now_ns, enum trace_cat c) {
    const int64_t day_us = 86400LL * 1000000;
    int64_t us = ((int64_t)now_ns + t->wall_off_ns) / 1000 + t->tz_off_s * 1000000LL;
    us %= day_us;
    if (us < 0)
        us += day_us;
    unsigned s = (unsigned)(us / 1000000);
    l->len = 0;
    line_add(l, "%02u:%02u:%02u.%06u %s ", s / 3600, s / 60 % 60, s % 60, (unsigned)(us % 1000000),
             cat_name[c]);
}

static void line_add_end(struct line *l, const struct ust_addr *a, int port) {
    char s[ADDR_STR_LEN];
    addr_str(a, s);
    if (port < 0)
        line_add(l, "%s", s);
    else
        line_add(l, addr_is_ip4(a) ? "%s:%d" : "[%s]:%d", s, port);
}

/* Puts the line into the ring whole, or counts it as lost. One event is one line: control
 * characters become '?'. */
static void line_put(struct line *l, struct trace *t) {
    for (size_t i = 0; i < l->len; i++)
        if ((unsigned char)l->b[i] < 0x20 || l->b[i] == 0x7f)
            l->b[i] = '?';
    l->b[l->len++] = '\n';
    if (TRACE_RING_BYTES - (t->head - t->tail) < l->len) {
        t->lost++;
        return;
    }
    size_t at = t->head % TRACE_RING_BYTES;
    size_t n = UST_MIN(l->len, TRACE_RING_BYTES - at);
    memcpy(t->ring + at, l->b, n);
    memcpy(t->ring, l->b + n, l->len - n);
    t->head += l->len;
}

void trace_line(struct trace *t, uint64_t now_ns, enum trace_cat c, const char *fmt, ...) {
    struct line l;
    va_list ap;
    line_start(&l, t, now_ns, c);
    va_start(ap, fmt);
    line_vadd(&l, fmt, ap);
    va_end(ap);
    line_put(&l, t);
}

void trace_flow(struct trace *t, uint64_t now_ns, enum trace_cat c, const struct ust_addr *src,
                int sport, const struct ust_addr *dst, int dport, const char *fmt, ...) {
    struct line l;
    va_list ap;
    line_start(&l, t, now_ns, c);
    line_add_end(&l, src, sport);
    line_add(&l, " > ");
    line_add_end(&l, dst, dport);
    line_add(&l, " ");
    va_start(ap, fmt);
    line_vadd(&l, fmt, ap);
    va_end(ap);
    line_put(&l, t);
}

size_t trace_pending(const struct trace *t, struct ust_slice v[2]) {
    size_t len = (size_t)(t->head - t->tail);
    size_t at = t->tail % TRACE_RING_BYTES;
    size_t n = UST_MIN(len, TRACE_RING_BYTES - at);
    v[0] = slice_of(t->ring + at, n);
    v[1] = slice_of(t->ring, len - n);
    return len;
}

void trace_consume(struct trace *t, size_t len) {
    assert(len <= t->head - t->tail);
    t->tail += len;
}
