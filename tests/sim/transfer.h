/* SPDX-License-Identifier: ISC */
/*
 * Transfers over the simulator: flows between hosts through the socket layer, each direction with generated payload that the
 * other end verifies byte by byte. Used by tests/sim/run and the efficiency benchmark.
 */
#ifndef UST_TESTS_TRANSFER_H
#define UST_TESTS_TRANSFER_H

#include "support/sim.h"

#define FLOW_MAX 24

enum flow_end {
    FLOW_SHUTDOWN,     /* client: shutdown(WR) behind its last byte, reads to EOF, close */
    FLOW_CLOSE_LAST,   /* client: reads everything first, then close */
    FLOW_SERVER_FIRST, /* server: shutdown(WR) behind its last byte; client closes after EOF */
    FLOW_BOTH,         /* both: shutdown(WR) behind their last byte */
    FLOW_ABORT,        /* client: linger 0 in the middle */
    FLOW_RUDE,         /* client: close behind its last byte, reading nothing */
    FLOW_END_COUNT
};

struct flow_side {
    uint32_t id; /* of the payload it sends */
    uint64_t to_send, sent;
    uint64_t expect, got;
    struct sock *s;
    bool connected, eof, shut, closed;
    bool gave_up;                         /* server: the client has been gone for long */
    int err;                              /* positive errno it saw */
    uint32_t max_read;                    /* reads at most so much at a time; 0: all */
    uint64_t read_pause_ns, next_read_ns; /* slow reader */
    uint64_t give_up_ns;                  /* the other end is gone; closes then. 0: not yet */
};

struct flow {
    enum flow_end end;
    uint64_t abort_at;  /* FLOW_ABORT: after so many bytes sent */
    int client, server; /* hosts */
    uint16_t port;      /* flows to the same server may share one: one listener */
    uint16_t cport;     /* the client's, once it has one */
    int backlog;
    uint64_t accept_ns;    /* the server accepts no sooner */
    struct flow_side c, v; /* client and server */
    struct sock *listener;
    bool own_listener; /* closed as soon as its one connection is there */
    uint64_t start_ns, done_ns;
    bool started;
};

struct transfer {
    struct sim *s;
    struct flow flow[FLOW_MAX];
    int flow_cnt;
    char fail[256]; /* first failure, empty: none */
};

/* Hooks the applications into the hosts; listeners are made at once, clients start at start_ns. */
void transfer_start(struct transfer *t);
/* Everything is over: closes what is open, unhooks. */
void transfer_end(struct transfer *t);
/* May bytes be lost by what the client does? */
static inline bool flow_may_lose(const struct flow *f) {
    return f->end == FLOW_ABORT || f->end == FLOW_RUDE;
}
/* All flows ended (both sides closed)? ctx is a struct transfer. */
bool transfer_done(void *ctx);

#endif
