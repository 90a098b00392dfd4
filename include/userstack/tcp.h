/* SPDX-License-Identifier: ISC */
/*
 * TCP (RFC 9293) with callbacks, in the manner of Mirage's TCP: connections and listeners of one stack. A connection ("flow") is
 * a struct ust_socket, so that the calls of userstack.h work on it too.
 *
 * Nothing blocks. What is to be sent goes out with the next ust_turn(); callbacks run at the end of ust_turn(), never inside another
 * call, and may call everything here, also close the flow that they were called for. Errors are negative errno values.
 */
#ifndef USERSTACK_TCP_H
#define USERSTACK_TCP_H

#include <sys/uio.h>

#include "userstack/userstack.h"

#ifdef __cplusplus
extern "C" {
#endif

struct ust_tcp; /* the TCP of one stack */

/*
 * A flow has come up. From ust_tcp_listen(): err is 0, the flow is the callee's. From ust_tcp_connect(): err is 0, or why not: -ECONNREFUSED (RST),
 * -ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH ...; then flow is closed and dead as soon as the callback returns.
 */
typedef void (*ust_tcp_flow_fn)(void *ctx, uint64_t now_ns, struct ust_socket *flow, int err);
/* Something happened on flow: enum ust_ready bits as they are now. Called at edges: read until -EAGAIN, write until -EAGAIN. */
typedef void (*ust_tcp_event_fn)(void *ctx, uint64_t now_ns, struct ust_socket *flow,
                                 unsigned ready);

/* Probes on an idle connection (RFC 9293 3.8.4, RFC 1122 4.2.3.6), each one byte before snd_una. Whole seconds count, at least 1. */
struct ust_keepalive {
    uint64_t after_ns;    /* idle before the first probe, 1 s to 32767 s */
    uint64_t interval_ns; /* between probes, the same range */
    unsigned probes;      /* without answer before the peer counts as dead, 1 to 127 */
};

/* The TCP of st: *out lives until ust_tcp_free(). 0, -EALREADY (one a stack), -ENOBUFS. */
int ust_tcp_new(struct ust_stack *st, struct ust_tcp **out);
/* Ends it: listeners and flows are gone, peers get RST; no callback any more. */
void ust_tcp_free(struct ust_tcp *t, uint64_t now_ns);

/*
 * Accepts connections to port (1 to 65535) on every address of ours, of both families. Calling it again for the port replaces the callback. 0, -EINVAL,
 * -EADDRINUSE, -ENOBUFS.
 */
int ust_tcp_listen(struct ust_tcp *t, uint64_t now_ns, uint16_t port, ust_tcp_flow_fn fn,
                   void *ctx);
/* Listens no more; connections that were not given out yet are reset. 0 or -ENOENT. */
int ust_tcp_unlisten(struct ust_tcp *t, uint64_t now_ns, uint16_t port);

/*
 * Connects to ip and port; keepalive may be NULL. 0: fn will be called once, with *out as its flow (out may be NULL). At once: -ENETUNREACH, -EINVAL, -EADDRNOTAVAIL,
 * -ENOBUFS. Closing the flow before fn was called takes fn back.
 */
int ust_tcp_connect(struct ust_tcp *t, uint64_t now_ns, const struct ust_ip *ip, uint16_t port,
                    const struct ust_keepalive *keepalive, ust_tcp_flow_fn fn, void *ctx,
                    struct ust_socket **out);
/* Who is told of events on flow; NULL: nobody. Told at once (with the next turn) of what is there already. 0 or -ENOBUFS. */
int ust_tcp_set_handler(struct ust_tcp *t, struct ust_socket *flow, ust_tcp_event_fn fn, void *ctx);
/* Turns probes on (NULL: off). 0 or -EINVAL. */
int ust_tcp_set_keepalive(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow,
                          const struct ust_keepalive *keepalive);

/*
 * A TCP segment that came by another way than ust_input(): from its TCP header on, between src and dst (checksum verified over them). For dst not ours,
 * or without connection and listener: RST as RFC 9293 3.10.7.1 says.
 */
void ust_tcp_input(struct ust_tcp *t, uint64_t now_ns, const struct ust_ip *src,
                   const struct ust_ip *dst, struct ust_slice segment);

/* Peer's and own address and port; the out pointers may be NULL. 0 or -ENOTCONN. */
int ust_tcp_peer(struct ust_tcp *t, struct ust_socket *flow, struct ust_ip *ip, uint16_t *port);
int ust_tcp_local(struct ust_tcp *t, struct ust_socket *flow, struct ust_ip *ip, uint16_t *port);

/* Up to len bytes into buf: their number; 0: the peer has ended its stream, or keepalive found it dead (writing says -ETIMEDOUT then); -EAGAIN: none yet; or the connection's error. */
ssize_t ust_tcp_read(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, void *buf,
                     size_t len);
/*
 * The same without a copy: *cnt (room in v on entry) slices of the receive buffer, their total length returned. After a result > 0 exactly one ust_tcp_consume() must
 * follow, which ends their life.
 */
ssize_t ust_tcp_peek_slices(struct ust_tcp *t, struct ust_socket *flow, struct ust_slice *v,
                            int *cnt);
/* n bytes of what ust_tcp_peek_slices() showed are read; 0: none. */
void ust_tcp_consume(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, size_t n);

enum { UST_NODELAY = 1 }; /* send at once: RFC 9293 3.7.4 (Nagle) off for these bytes */
/* Bytes taken (perhaps fewer than asked for), -EAGAIN: the send buffer is full; -EPIPE, -ETIMEDOUT, -ECONNRESET ... flags: 0 or UST_NODELAY. */
ssize_t ust_tcp_write(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, const void *buf,
                      size_t len, int flags);
ssize_t ust_tcp_writev(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow,
                       const struct iovec *iov, int cnt, int flags);

/* Ends: what was written is delivered, unread bytes give RST (RFC 9293 3.6.1). flow is dead. */
void ust_tcp_close(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow);
/* how: SHUT_RD, SHUT_WR, SHUT_RDWR of <sys/socket.h>. 0 or -ENOTCONN. */
int ust_tcp_shutdown(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow, int how);
/* RST, now; flow is dead (RFC 9293 3.10.5). */
void ust_tcp_abort(struct ust_tcp *t, uint64_t now_ns, struct ust_socket *flow);

#ifdef __cplusplus
}
#endif

#endif
