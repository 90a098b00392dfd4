/* SPDX-License-Identifier: ISC */
/*
 * Trace lines, written as text into a ring in the arena; the host (or the library's caller) drains
 * it after each turn. A category that is off costs one load and one test.
 *
 * A line: wall-clock time, category, source > destination where there are any, event in the words
 * of the RFCs:
 * `12:00:01.000123 tcp 10.0.0.2:40112 > 10.0.0.1:80 SYN_SENT -> ESTABLISHED mss 1460 wscale 7`
 */
#ifndef UST_BASE_TRACE_H
#define UST_BASE_TRACE_H

#include "base/addr.h"

#define TRACE_LIST(X)                                                                              \
    X(CALL, call)                                                                                  \
    X(TCP, tcp)                                                                                    \
    X(UDP, udp)                                                                                    \
    X(IP, ip)                                                                                      \
    X(ICMP, icmp)                                                                                  \
    X(ARP, arp)                                                                                    \
    X(ND, nd)                                                                                      \
    X(DHCP, dhcp)                                                                                  \
    X(DNS, dns)                                                                                    \
    X(LINK, link)                                                                                  \
    X(FD, fd)                                                                                      \
    X(POLL, poll)                                                                                  \
    X(PROC, proc)                                                                                  \
    X(DROP, drop)

enum trace_cat {
#define TRACE_X(up, low) TRACE_##up,
    TRACE_LIST(TRACE_X)
#undef TRACE_X
        TRACE_COUNT
};

#define TRACE_RING_BYTES (256u * 1024u)

struct trace {
    uint32_t on;         /* bit per category */
    uint32_t on_debug;   /* bit per category */
    int64_t wall_off_ns; /* wall clock - now_ns, set by the host */
    int32_t tz_off_s;    /* local time offset for the stamp; 0 = UTC */
    uint64_t lost;       /* lines that did not fit */
    uint64_t head, tail; /* positions; bytes [tail, head) are pending */
    char ring[TRACE_RING_BYTES];
};

static inline bool trace_on(const struct trace *t, enum trace_cat c) {
    return UST_UNLIKELY(t->on & (1u << c));
}
static inline bool trace_debug(const struct trace *t, enum trace_cat c) {
    return UST_UNLIKELY(t->on_debug & (1u << c));
}

const char *trace_cat_name(enum trace_cat c);
/* Parses "tcp,ip:debug" or "all" into masks; false: *bad (a slice of s) is the word in question. */
bool trace_parse(const char *s, uint32_t *on, uint32_t *on_debug, struct ust_slice *bad);

/* One event. The newline is added. Call through TRACE()/TRACED(), which test first. */
void trace_line(struct trace *t, uint64_t now_ns, enum trace_cat c, const char *fmt, ...)
    UST_PRINTF(4, 5);
/* The same with "src:port > dst:port " in front; a port of -1 leaves ":port" out. */
void trace_flow(struct trace *t, uint64_t now_ns, enum trace_cat c, const struct ust_addr *src,
                int sport, const struct ust_addr *dst, int dport, const char *fmt, ...)
    UST_PRINTF(8, 9);

#define TRACE(t, now, cat, ...)                                                                    \
    do {                                                                                           \
        if (trace_on((t), TRACE_##cat))                                                            \
            trace_line((t), (now), TRACE_##cat, __VA_ARGS__);                                      \
    } while (0)
#define TRACED(t, now, cat, ...)                                                                   \
    do {                                                                                           \
        if (trace_debug((t), TRACE_##cat))                                                         \
            trace_line((t), (now), TRACE_##cat, __VA_ARGS__);                                      \
    } while (0)

/* Pending text in at most two pieces; returns bytes. Then trace_consume() them. */
size_t trace_pending(const struct trace *t, struct ust_slice v[2]);
void trace_consume(struct trace *t, size_t len);

#endif
