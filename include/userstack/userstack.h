/* SPDX-License-Identifier: ISC */
/*
 * userstack-core: a TCP/IP stack as a library without system calls. The caller gives memory, frames and time, and takes frames
 * and the next deadline; nothing else goes in or out. Any number of stacks may live in one process. Not thread safe: one lock a stack is the
 * caller's.
 *
 *     for each frame received:   ust_input(st, now, frame, len);
 *     do more = ust_turn(st, now); while (ust_output(st, buf, sizeof buf, &len) > 0) transmit(buf, len); while more
 *     sleep until ust_deadline(st) or the next frame
 *
 * Times are nanoseconds of any monotonic clock. Addresses are text ("10.0.0.2") or struct ust_ip. Errors are negative errno values. Lengths are bytes.
 */
#ifndef USERSTACK_USERSTACK_H
#define USERSTACK_USERSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ust_stack;  /* one stack */
struct ust_socket; /* a TCP or UDP socket in it */

/* Pointer and length into somebody else's buffer; never owned. */
#ifndef UST_SLICE_DEFINED
#define UST_SLICE_DEFINED
struct ust_slice {
    const uint8_t *p;
    size_t len;
};
#endif

/* An IP address, 16 bytes in network order; IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
struct ust_ip {
    uint8_t b[16];
};

/* False if s is no address in the usual text form. */
bool ust_ip_parse(const char *s, struct ust_ip *out);
/* Writes the text form with its NUL into buf of at least 48 bytes; returns buf. */
const char *ust_ip_str(const struct ust_ip *ip, char *buf);

/* What the link can take. */
struct ust_link {
    uint8_t mac[6];
    uint32_t mtu; /* largest IP packet, at least 68 (RFC 791 3.2) */
};

/* Version of the library, "0.1.0". */
const char *ust_version(void);

/*
 * Makes a stack in mem (size bytes, 5 MB at least, 4096-aligned, zero, the caller's until ust_stack_free()). One 64th of it holds callbacks. seed: 16 secret random bytes; the same seed
 * and input give the same run. NULL if the memory is too small.
 */
struct ust_stack *ust_stack_new(void *mem, size_t size, const uint8_t seed[16], uint64_t now_ns);
/* Ends it without a word to peers; mem is the caller's again. */
void ust_stack_free(struct ust_stack *st, uint64_t now_ns);
/* Brings the link up. 0, -EINVAL (MTU), -EALREADY. */
int ust_link_up(struct ust_stack *st, uint64_t now_ns, const struct ust_link *link);
/* Adds an address of ours; plen in bits of its family (24). probe: look for a conflict first (RFC 5227), using it meanwhile. 0, -EEXIST, -ENOSPC, -EINVAL. */
int ust_addr_add(struct ust_stack *st, uint64_t now_ns, const struct ust_ip *ip, unsigned plen,
                 bool probe);
/* Default route through gw. 0, -EINVAL, -ENOSPC. */
int ust_gateway_add(struct ust_stack *st, const struct ust_ip *gw);

/* One frame from the link, from the Ethernet header on; copied where needed. */
void ust_input(struct ust_stack *st, uint64_t now_ns, const void *frame, size_t len);
/* Timers, answers, output; then the callbacks of what has happened (tcp.h). They may call anything but ust_turn() and ust_stack_free(). True: more frames wait than the queue holds: take them with ust_output() and call again. */
bool ust_turn(struct ust_stack *st, uint64_t now_ns);
/* The next frame to transmit, complete with checksums: its length, 0 if there is none, -EMSGSIZE if cap is too small (at least mtu + 18). */
ssize_t ust_output(struct ust_stack *st, void *buf, size_t cap);
/* When ust_turn() wants to be called at the latest; UINT64_MAX: only after input and calls. */
uint64_t ust_deadline(const struct ust_stack *st);

/* ---- sockets: never block; what they want to send goes out with the next ust_turn() ---- */

enum ust_kind { UST_TCP, UST_UDP };
/* 0 with *out, or -ENOBUFS. */
int ust_socket_new(struct ust_stack *st, enum ust_kind kind, struct ust_socket **out);
/* Closes as close(2) does: what was written is still delivered. The pointer is dead afterwards. */
void ust_socket_close(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s);
/* ip NULL: any address; port 0: an ephemeral one. 0, -EADDRINUSE, -EADDRNOTAVAIL, -EINVAL. */
int ust_bind(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, const struct ust_ip *ip,
             uint16_t port);
int ust_listen(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, int backlog);
/* The oldest waiting connection in *out; -EAGAIN: none. */
int ust_accept(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
               struct ust_socket **out);
/* TCP: -EINPROGRESS; then UST_OUT tells that it has ended: ust_error() is 0 if it came up, else -ECONNREFUSED (RST), -ETIMEDOUT, -EHOSTUNREACH ... UDP: 0. -ENETUNREACH without a route. */
int ust_connect(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s,
                const struct ust_ip *ip, uint16_t port);
/* The pending error (negative errno), taken; 0: none. */
int ust_error(struct ust_stack *st, struct ust_socket *s);
/* Bytes taken (TCP: perhaps fewer than len), or -EAGAIN, -EPIPE, -ENOTCONN ... */
ssize_t ust_send(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, const void *buf,
                 size_t len);
/* UDP: to ip, port. */
ssize_t ust_sendto(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, const void *buf,
                   size_t len, const struct ust_ip *ip, uint16_t port);
/* Bytes, 0 at the end of the stream, -EAGAIN, or the connection's error. UDP: one datagram, cut to len. */
ssize_t ust_recv(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, void *buf,
                 size_t len);
/* The same with the sender's address and port (either may be NULL). */
ssize_t ust_recvfrom(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, void *buf,
                     size_t len, struct ust_ip *ip, uint16_t *port);
/* how: SHUT_RD, SHUT_WR or SHUT_RDWR of <sys/socket.h>. 0 or -ENOTCONN. */
int ust_shutdown(struct ust_stack *st, uint64_t now_ns, struct ust_socket *s, int how);
/* Local and peer address and port. 0 or -ENOTCONN. */
int ust_local(struct ust_stack *st, struct ust_socket *s, struct ust_ip *ip, uint16_t *port);
int ust_peer(struct ust_stack *st, struct ust_socket *s, struct ust_ip *ip, uint16_t *port);

enum ust_ready {
    UST_IN = 1,  /* ust_recv or ust_accept would not answer -EAGAIN */
    UST_OUT = 2, /* ust_send would take bytes */
    UST_ERR = 4,
    UST_HUP = 8, /* both directions have ended */
};
/* UST_* bits as they are now. */
unsigned ust_ready(struct ust_stack *st, struct ust_socket *s);

#ifdef __cplusplus
}
#endif

#endif
