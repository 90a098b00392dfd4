/* SPDX-License-Identifier: ISC */
/*
 * Port space of one transport: who may bind what, by Linux's rules (SO_REUSEADDR, SO_REUSEPORT with the same uid, wildcard against specific,
 * IPV6_V6ONLY), and ephemeral ports (RFC 6056: random, from a range). TCP and UDP each have one.
 */
#ifndef UST_NET_PORT_H
#define UST_NET_PORT_H

#include "base/core.h"

#define PORT_EPHEMERAL_LO 32768
#define PORT_EPHEMERAL_HI 60999

struct port_bind {
    LIST_ENTRY(port_bind) link; /* of the port's bucket (derived) */
    struct ust_addr addr;       /* any: wildcard */
    uint16_t port;
    bool bound;
    bool v6, v6only; /* an AF_INET6 socket; v6only counts only then */
    bool reuseaddr, reuseport;
    bool
        conn; /* TCP: taken by connect(); shares the port with others of its kind, as their 4-tuples differ */
    bool listening; /* TCP: reuseaddr does not help against a listener */
    bool tw;        /* TCP: only TIME-WAIT remains; reuseaddr helps */
    bool nonlocal;  /* IP_FREEBIND, IP_TRANSPARENT: the address need not be ours */
    uint32_t uid;   /* reuseport needs the same */
};

LIST_HEAD(port_list, port_bind);
#define PORT_BUCKETS 1024
struct port_space {
    struct port_list bucket[PORT_BUCKETS]; /* by port */
    uint16_t lo, hi;
    uint32_t cnt;
};

void port_init(struct port_space *ps);
/* Binds b (fields addr, port, flags set by the caller): 0 or -EADDRINUSE. udp_rules: reuseaddr alone lets two sockets share. */
int port_bind(struct port_space *ps, struct port_bind *b, bool udp_rules);
/* Chooses an ephemeral port by the same rules; b->port is set. -EADDRINUSE when the range is used up. */
int port_bind_ephemeral(struct port_space *ps, struct rng *rng, struct port_bind *b,
                        bool udp_rules);
void port_unbind(struct port_space *ps, struct port_bind *b);
/* A rebuild: forgets everybody; then each bound b is put back. */
void port_clear(struct port_space *ps);
void port_restore(struct port_space *ps, struct port_bind *b);
/* Would b be allowed to become a listener / change flags now? 0 or -EADDRINUSE. */
int port_check(const struct port_space *ps, const struct port_bind *b, bool udp_rules);

#endif
