/* SPDX-License-Identifier: ISC */
/*
 * Between the files of the public interface (ust*.c). struct ust_stack stands in front of the arena, in the caller's memory: what the caller
 * installs (functions, contexts) stays out of the arena, which holds only an index.
 */
#ifndef UST_UST_PRIV_H
#define UST_UST_PRIV_H

#include "userstack/tcp.h"
#include "userstack/userstack.h"

#include "stack.h"

#define EXPORT __attribute__((visibility("default")))

_Static_assert(sizeof(struct ust_ip) == sizeof(struct ust_addr), "one address type");

enum ust_cb_kind {
    UST_CB_FREE,
    UST_CB_FLOW,    /* a flow: handler may be NULL */
    UST_CB_CONNECT, /* a flow whose handshake has not ended */
    UST_CB_LISTEN,
};

/* What was installed for a socket; it is found by the data of the socket's item in the event set. */
struct ust_cb {
    enum ust_cb_kind kind;
    uint16_t port; /* LISTEN */
    bool dead;     /* keepalive gave up: EOF has been told */
    union {
        ust_tcp_flow_fn flow;
        ust_tcp_event_fn event;
    } fn;
    void *ctx;
    struct sock *s;
    uint32_t next_free; /* index + 1 */
};

/* The TCP of a stack: exists between ust_tcp_new() and ust_tcp_free(). */
struct ust_tcp {
    bool on;
    struct epset *events; /* edge-triggered, in the arena */
};

struct ust_stack {
    struct stack *st;
    struct ust_tcp tcp;
    uint32_t cb_cap, cb_free; /* first free index + 1, 0 none */
    struct ust_cb cb[];
};

static inline struct stack *in(struct ust_stack *us) { return us->st; }
static inline struct sock *sk(struct ust_socket *s) { return (struct sock *)(void *)s; }
static inline struct ust_socket *pub(struct sock *s) { return (struct ust_socket *)(void *)s; }
static inline struct ust_stack *ust_of_tcp(struct ust_tcp *t) {
    return UST_CONTAINER_OF(t, struct ust_stack, tcp);
}
static inline struct ust_addr from_ip(const struct ust_ip *ip) {
    struct ust_addr a = addr_from_ip4(0);
    if (ip != NULL)
        memcpy(a.b, ip->b, 16);
    return a;
}
static inline void to_ip(struct ust_ip *ip, const struct ust_addr *a) {
    if (ip != NULL)
        memcpy(ip->b, a->b, 16);
}

/* The ust_ready bits of POLL* events. */
unsigned ust_ready_of(uint32_t poll_events);

/* Runs what is installed for what has happened; at the end of ust_turn(). */
void ust_tcp_dispatch(struct ust_stack *us, uint64_t now_ns);
/* flow is about to be closed by another way than ust_tcp_close(): its callback goes. */
void ust_tcp_forget(struct ust_stack *us, struct sock *s);

#endif
