/* SPDX-License-Identifier: ISC */
#include "net/port.h"

void port_init(struct port_space *ps) {
    memset(ps, 0, sizeof *ps);
    ps->lo = PORT_EPHEMERAL_LO;
    ps->hi = PORT_EPHEMERAL_HI;
}

static struct port_list *bucket_of(struct port_space *ps, uint16_t port) {
    return &ps->bucket[port % PORT_BUCKETS];
}

/* An IPv4 socket, or an AF_INET6 one on a mapped address. */
static bool is4(const struct port_bind *b) { return !b->v6 || addr_is_ip4(&b->addr); }
/* Takes IPv4 traffic to every address. */
static bool is_wild4(const struct port_bind *b) {
    return addr_is_any(&b->addr) && (is4(b) || !b->v6only);
}
static bool is_wild6(const struct port_bind *b) { return addr_is_any(&b->addr) && !is4(b); }

/* Could one packet be for both? */
static bool overlap(const struct port_bind *a, const struct port_bind *b) {
    if (is_wild6(a) && is_wild6(b))
        return true;
    if (is_wild6(a))
        return is4(b) ? !a->v6only : true;
    if (is_wild6(b))
        return is4(a) ? !b->v6only : true;
    if (is4(a) != is4(b))
        return false;
    return is_wild4(a) || is_wild4(b) || addr_eq(&a->addr, &b->addr);
}

/* SO_REUSEPORT on both, by the same user; TIME-WAIT has no user any more. */
static bool share_by_reuseport(const struct port_bind *a, const struct port_bind *b) {
    return a->reuseport && b->reuseport && (b->tw || a->uid == b->uid);
}

/*
 * Linux: SO_REUSEADDR on both lets two UDP sockets share a port, and two TCP sockets as long as the one that is there does not listen
 * (and then the newcomer, if it listens, is judged again: port_check()).
 */
static bool conflict(const struct port_bind *b, const struct port_bind *there, bool udp_rules) {
    if (b == there || b->port != there->port || !overlap(b, there))
        return false;
    if (b->conn && there->conn)
        return false;
    if (b->reuseaddr && there->reuseaddr && (udp_rules || !there->listening))
        return false;
    return !share_by_reuseport(b, there);
}

int port_check(const struct port_space *ps, const struct port_bind *b, bool udp_rules) {
    const struct port_bind *o;
    LIST_FOREACH (o, &ps->bucket[b->port % PORT_BUCKETS], link) {
        if (conflict(b, o, udp_rules))
            return -EADDRINUSE;
    }
    return 0;
}

static void insert(struct port_space *ps, struct port_bind *b) {
    LIST_INSERT_HEAD(bucket_of(ps, b->port), b, link);
    b->bound = true;
    ps->cnt++;
}

int port_bind(struct port_space *ps, struct port_bind *b, bool udp_rules) {
    assert(!b->bound);
    int r = port_check(ps, b, udp_rules);
    if (r == 0)
        insert(ps, b);
    return r;
}

/* An ephemeral port is never shared, whatever the flags: who asks for any port wants one of its own. */
static bool port_taken(struct port_space *ps, const struct port_bind *b, uint16_t port) {
    const struct port_bind *o;
    LIST_FOREACH (o, bucket_of(ps, port), link) {
        if (o->port == port && overlap(b, o))
            return true;
    }
    return false;
}

int port_bind_ephemeral(struct port_space *ps, struct rng *rng, struct port_bind *b,
                        bool udp_rules) {
    (void)udp_rules; /* both transports choose alike */
    assert(!b->bound);
    uint32_t range = (uint32_t)(ps->hi - ps->lo) + 1;
    uint32_t start = rng_below(rng, range); /* RFC 6056 3.3.1 */
    for (uint32_t i = 0; i < range; i++) {
        uint16_t port = (uint16_t)(ps->lo + (start + i) % range);
        if (port_taken(ps, b, port))
            continue;
        b->port = port;
        insert(ps, b);
        return 0;
    }
    return -EADDRINUSE;
}

void port_unbind(struct port_space *ps, struct port_bind *b) {
    if (!b->bound)
        return;
    LIST_REMOVE(b, link);
    b->bound = false;
    ps->cnt--;
}

void port_clear(struct port_space *ps) {
    memset(ps->bucket, 0, sizeof ps->bucket);
    ps->cnt = 0;
}

void port_restore(struct port_space *ps, struct port_bind *b) {
    if (b->bound)
        insert(ps, b);
}
