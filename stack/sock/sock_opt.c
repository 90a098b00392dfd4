/* SPDX-License-Identifier: ISC */
/*
 * getsockopt and setsockopt: one const table of the options that are a number within bounds, kept in a field; those with a form or rule of
 * their own are in sock_opt_{socket,ip,tcp}.c, which are asked first. All of it was measured on Linux 6.18 (tests/sock/check_sock_opt.c keeps the results).
 *
 * Lengths, as the kernel's levels differ: SOL_SOCKET, TCP, UDP and most of IPv6 want an int (-EINVAL below 4); IP takes an int, a byte, or nothing at all (0).
 * Reading cuts to the room given; IP gives a single byte when it is asked for less than four and the value fits.
 *
 * Not taken on purpose, though Linux does (departs): SO_ATTACH_FILTER and the BPF options, SO_ZEROCOPY, SO_TXTIME, TCP_MD5SIG, TCP-AO,
 * IP_LOCAL_PORT_RANGE. A program that asks is told, and does without.
 */
#include "sock/sock_priv.h"

#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/tcp.h>
#include <linux/udp.h>

/* In linux/in6.h, which does not go together with netinet/in.h. */
#define IPV6_FLOWINFO 11
#define IPV6_FLOWINFO_SEND 33

enum opt_rule {
    RULE_BOOL,  /* any int, kept as 0 or 1 */
    RULE_RANGE, /* lo..hi, else -EINVAL */
    RULE_CONST, /* reads as `def`, cannot be set */
    RULE_ERR,   /* reading gives -lo (0: `def`), setting -hi */
};

/* Of two rows for the same option the first one counts. UDP: datagram sockets of every kind. */
enum opt_who { WHO_TCP = 1, WHO_UDP = 2, WHO_ALL = 3, WHO_RAW = 4 };
enum opt_flag {
    OPT_ANY_LEN = 1,   /* IPv6: short lengths count as 0 */
    OPT_NOT_EMPTY = 2, /* IP: length 0 is -EINVAL */
    OPT_TCPOPT = 4,    /* the field is in struct tcp_opt, else in struct sock */
    OPT_MINUS1 = 8,    /* -1 stands for the default */
};

struct opt_row {
    uint8_t level; /* SOL_SOCKET, IPPROTO_* */
    uint8_t name;
    uint8_t who, rule, flags;
    uint8_t size; /* of the field in bytes; 0: none */
    uint16_t off;
    uint32_t unit_ms; /* the field is in ns, the option in these; 0: plain */
    int32_t lo, hi, def;
};

#define FIELD(f) .size = sizeof(((struct sock *)0)->f), .off = offsetof(struct sock, f)
#define TFIELD(f)                                                                                  \
    .size = sizeof(((struct tcp_opt *)0)->f), .off = offsetof(struct tcp_opt, f),                  \
    .flags = OPT_TCPOPT
#define XBIT(i) .size = 1, .off = offsetof(struct sock, xopt) + (i)
#define XINT(i) .size = 4, .off = offsetof(struct sock, xint) + 4 * (i)
#define BOOL(l, n, w, ...)                                                                         \
    { .level = l, .name = n, .who = WHO_##w, .rule = RULE_BOOL, __VA_ARGS__ }
#define RANGE(l, n, w, a, b, ...)                                                                  \
    { .level = l, .name = n, .who = WHO_##w, .rule = RULE_RANGE, .lo = a, .hi = b, __VA_ARGS__ }
#define CONST(l, n, w, v)                                                                          \
    { .level = l, .name = n, .who = WHO_##w, .rule = RULE_CONST, .def = v }
#define FAIL(l, n, w, get, set)                                                                    \
    { .level = l, .name = n, .who = WHO_##w, .rule = RULE_ERR, .lo = get, .hi = set }

#define SOL 1
#define IP 0
#define TCP 6
#define UDP 17
#define IP6 41

/* Numbers, since the libc's headers lack the newer names. */
static const struct opt_row rows[] = {
    BOOL(SOL, SO_REUSEADDR, ALL, FIELD(reuseaddr)),
    BOOL(SOL, SO_DONTROUTE, ALL, XBIT(0)),
    BOOL(SOL, SO_BROADCAST, ALL, FIELD(broadcast)),
    BOOL(SOL, SO_KEEPALIVE, ALL, FIELD(keepalive)),
    BOOL(SOL, SO_OOBINLINE, ALL, FIELD(oobinline)),
    BOOL(SOL, SO_NO_CHECK, ALL, XBIT(1)),
    BOOL(SOL, SO_REUSEPORT, ALL, FIELD(reuseport)),
    FAIL(SOL, SO_PASSCRED, ALL, EOPNOTSUPP, EOPNOTSUPP),
    CONST(SOL, SO_SNDLOWAT, ALL, 1),
    FAIL(SOL, SO_DETACH_FILTER, ALL, ENOPROTOOPT, ENOENT),
    FAIL(SOL, SO_PASSSEC, ALL, EOPNOTSUPP, EOPNOTSUPP),
    BOOL(SOL, SO_RXQ_OVFL, ALL, XBIT(2)),
    BOOL(SOL, SO_WIFI_STATUS, ALL, XBIT(3)),
    RANGE(SOL, SO_PEEK_OFF, ALL, INT_MIN, INT_MAX, FIELD(peek_off), .def = -1),
    BOOL(SOL, SO_NOFCS, ALL, XBIT(4)),
    BOOL(SOL, SO_LOCK_FILTER, ALL, XBIT(5)),
    BOOL(SOL, SO_SELECT_ERR_QUEUE, ALL, XBIT(6)),
    RANGE(SOL, SO_BUSY_POLL, ALL, 0, INT_MAX, FIELD(busy_poll)),
    CONST(SOL, SO_BPF_EXTENSIONS, ALL, 64),
    RANGE(SOL, SO_INCOMING_CPU, ALL, INT_MIN, INT_MAX, FIELD(incoming_cpu), .def = -1),
    CONST(SOL, SO_INCOMING_NAPI_ID, ALL, 0),
    FAIL(SOL, SO_PEERGROUPS, ALL, ENODATA, ENOPROTOOPT),
    RANGE(SOL, SO_BINDTOIFINDEX, ALL, 0, INT_MAX, XINT(1)),
    FAIL(SOL, 76 /* SO_PASSPIDFD */, ALL, EOPNOTSUPP, EOPNOTSUPP),
    FAIL(SOL, 77 /* SO_PEERPIDFD */, ALL, ENODATA, ENOPROTOOPT),
    FAIL(SOL, 73 /* SO_RESERVE_MEM */, ALL, 0, EOPNOTSUPP),
    RANGE(SOL, 74 /* SO_TXREHASH */, TCP, 0, 1, XBIT(7), .def = 1, .flags = OPT_MINUS1),
    FAIL(SOL, 74 /* SO_TXREHASH */, UDP, EOPNOTSUPP, EOPNOTSUPP),
    BOOL(SOL, 75 /* SO_RCVMARK */, ALL, XBIT(8)),
    BOOL(SOL, 82 /* SO_RCVPRIORITY */, ALL, XBIT(9)),
    FAIL(SOL, 83 /* SO_PASSRIGHTS */, ALL, EOPNOTSUPP, EOPNOTSUPP),

    BOOL(IP, IP_HDRINCL, RAW, FIELD(hdrincl)),
    FAIL(IP, IP_HDRINCL, ALL, 0, ENOPROTOOPT),
    FAIL(IP, IP_ROUTER_ALERT, ALL, 0, EINVAL),
    BOOL(IP, IP_RECVOPTS, ALL, FIELD(recvopts)),
    BOOL(IP, IP_RETOPTS, ALL, XBIT(16)),
    BOOL(IP, IP_PKTINFO, ALL, FIELD(pktinfo)),
    RANGE(IP, IP_MTU_DISCOVER, ALL, 0, 5, FIELD(pmtudisc), .def = 1),
    BOOL(IP, IP_RECVERR, ALL, FIELD(recverr)),
    BOOL(IP, IP_RECVTTL, ALL, FIELD(recvttl)),
    BOOL(IP, IP_RECVTOS, ALL, FIELD(recvtos)),
    BOOL(IP, IP_FREEBIND, ALL, FIELD(freebind), .flags = OPT_NOT_EMPTY),
    BOOL(IP, IP_PASSSEC, ALL, XBIT(17)),
    BOOL(IP, IP_RECVORIGDSTADDR, ALL, FIELD(recvorigdst)),
    RANGE(IP, IP_MINTTL, ALL, 0, 255, XBIT(18), .flags = OPT_NOT_EMPTY),
    FAIL(IP, IP_NODEFRAG, ALL, 0, ENOPROTOOPT),
    BOOL(IP, IP_CHECKSUM, ALL, XBIT(19)),
    BOOL(IP, IP_BIND_ADDRESS_NO_PORT, ALL, FIELD(bind_no_port)),
    BOOL(IP, 25 /* IP_RECVFRAGSIZE */, UDP, XBIT(20)),
    FAIL(IP, 25 /* IP_RECVFRAGSIZE */, TCP, 0, EINVAL),
    RANGE(IP, 26 /* IP_RECVERR_RFC4884 */, ALL, 0, 1, XBIT(21)),
    RANGE(IP, IP_MULTICAST_TTL, UDP, 0, 255, FIELD(mcast_ttl), .def = 1,
          .flags = OPT_NOT_EMPTY | OPT_MINUS1),
    {.level = IP,
     .name = IP_MULTICAST_TTL,
     .who = WHO_TCP,
     .rule = RULE_ERR,
     .hi = EINVAL,
     .def = 1},
    BOOL(IP, IP_MULTICAST_LOOP, ALL, FIELD(mcast_loop), .def = 1, .flags = OPT_NOT_EMPTY),
    RANGE(IP, IP_MULTICAST_ALL, ALL, 0, 1, FIELD(mcast_all), .def = 1, .flags = OPT_NOT_EMPTY),

    CONST(IP, 52 /* IP_PROTOCOL: of raw sockets */, ALL, 0),

    BOOL(TCP, TCP_NODELAY, TCP, TFIELD(nodelay)),
    BOOL(TCP, TCP_CORK, TCP, TFIELD(cork)),
    RANGE(TCP, TCP_KEEPIDLE, TCP, 1, 32767, TFIELD(keep_idle_ns), .unit_ms = 1000),
    RANGE(TCP, TCP_KEEPINTVL, TCP, 1, 32767, TFIELD(keep_intvl_ns), .unit_ms = 1000),
    RANGE(TCP, TCP_KEEPCNT, TCP, 1, 127, TFIELD(keep_cnt)),
    RANGE(TCP, TCP_SYNCNT, TCP, 1, 127, TFIELD(syn_retries)),
    RANGE(TCP, TCP_THIN_LINEAR_TIMEOUTS, TCP, 0, 1, XBIT(32)),
    RANGE(TCP, TCP_THIN_DUPACK, TCP, 0, 1, .size = 0),
    RANGE(TCP, TCP_USER_TIMEOUT, TCP, 0, INT_MAX, TFIELD(user_timeout_ns), .unit_ms = 1),
    FAIL(TCP, TCP_REPAIR, TCP, 0, EPERM),
    FAIL(TCP, TCP_REPAIR_QUEUE, TCP, EINVAL, EPERM),
    FAIL(TCP, TCP_QUEUE_SEQ, TCP, EINVAL, EINVAL),
    RANGE(TCP, TCP_SAVE_SYN, TCP, 0, 2, XBIT(33)),
    FAIL(TCP, TCP_REPAIR_WINDOW, TCP, EINVAL, EPERM),
    FAIL(TCP, TCP_ZEROCOPY_RECEIVE, TCP, EINVAL, ENOPROTOOPT),
    RANGE(TCP, TCP_INQ, TCP, 0, 1, FIELD(tcp_inq)),
    CONST(TCP, 43 /* TCP_IS_MPTCP */, TCP, 0),

    BOOL(UDP, UDP_CORK, UDP, FIELD(udp_cork)),
    /* departs: UDP_ENCAP is refused, as datagrams are not unwrapped here. */
    RANGE(UDP, UDP_ENCAP, UDP, 0, 0, .size = 0),
    BOOL(UDP, UDP_NO_CHECK6_TX, UDP, XBIT(35)),
    BOOL(UDP, UDP_NO_CHECK6_RX, UDP, XBIT(36)),
    RANGE(UDP, UDP_SEGMENT, UDP, 0, 65535, FIELD(udp_segment)),
    BOOL(UDP, UDP_GRO, UDP, FIELD(udp_gro)),

    BOOL(IP6, IPV6_2292PKTINFO, ALL, XBIT(SOCK_XOPT_2292PKTINFO)),
    BOOL(IP6, IPV6_2292HOPOPTS, ALL, XBIT(41)),
    BOOL(IP6, IPV6_2292DSTOPTS, ALL, XBIT(42)),
    BOOL(IP6, IPV6_2292RTHDR, ALL, XBIT(43)),
    BOOL(IP6, IPV6_2292HOPLIMIT, ALL, XBIT(SOCK_XOPT_2292HOPLIMIT)),
    BOOL(IP6, IPV6_FLOWINFO, ALL, XBIT(SOCK_XOPT_FLOWINFO)),
    CONST(IP6, IPV6_MULTICAST_IF, TCP, 0),
    RANGE(IP6, IPV6_MULTICAST_HOPS, UDP, 0, 255, XINT(SOCK_XINT_MCAST_HOPS), .def = 1,
          .flags = OPT_MINUS1),
    CONST(IP6, IPV6_MULTICAST_HOPS, TCP, 1),
    RANGE(IP6, IPV6_MULTICAST_LOOP, ALL, 0, 1, XBIT(SOCK_XOPT_MCAST_LOOP6), .def = 1),
    CONST(IP6, IPV6_ROUTER_ALERT, ALL, 0),
    RANGE(IP6, IPV6_MTU_DISCOVER, ALL, 0, 5, XBIT(SOCK_XOPT_MTU_DISCOVER6), .def = 1),
    BOOL(IP6, IPV6_RECVERR, ALL, FIELD(recverr6)),
    BOOL(IP6, 29 /* IPV6_MULTICAST_ALL */, ALL, XBIT(SOCK_XOPT_MCAST_ALL6), .def = 1),
    BOOL(IP6, 30 /* IPV6_ROUTER_ALERT_ISOLATE */, ALL, XBIT(49)),
    RANGE(IP6, 31 /* IPV6_RECVERR_RFC4884 */, ALL, 0, 1, XBIT(50)),
    BOOL(IP6, IPV6_FLOWINFO_SEND, ALL, XBIT(51)),
    BOOL(IP6, IPV6_RECVPKTINFO, ALL, FIELD(pktinfo6)),
    BOOL(IP6, IPV6_RECVHOPLIMIT, ALL, FIELD(recvhoplimit)),
    BOOL(IP6, IPV6_RECVHOPOPTS, ALL, XBIT(52)),
    BOOL(IP6, IPV6_RECVRTHDR, ALL, XBIT(53)),
    BOOL(IP6, IPV6_RECVDSTOPTS, ALL, XBIT(54)),
    BOOL(IP6, IPV6_RECVPATHMTU, ALL, XBIT(55)),
    FAIL(IP6, IPV6_PATHMTU, ALL, ENOTCONN, ENOPROTOOPT), /* reading: see sock_opt_ip.c */
    BOOL(IP6, IPV6_DONTFRAG, ALL, XBIT(SOCK_XOPT_DONTFRAG), .flags = OPT_ANY_LEN),
    BOOL(IP6, IPV6_RECVTCLASS, ALL, FIELD(recvtclass)),
    BOOL(IP6, IPV6_AUTOFLOWLABEL, ALL, XBIT(57), .def = 1, .flags = OPT_ANY_LEN),
    RANGE(IP6, IPV6_MINHOPCOUNT, ALL, 0, 255, XBIT(58)),
    BOOL(IP6, IPV6_ORIGDSTADDR, ALL, XBIT(SOCK_XOPT_ORIGDSTADDR6)),
    BOOL(IP6, IPV6_RECVFRAGSIZE, ALL, XBIT(60), .flags = OPT_ANY_LEN),
    BOOL(IP6, IPV6_FREEBIND, ALL, FIELD(freebind)),
};

static const struct opt_row *row_find(const struct sock *s, int level, int name) {
    unsigned who = s->kind == SOCK_KIND_TCP   ? WHO_TCP
                   : s->kind == SOCK_KIND_RAW ? WHO_UDP | WHO_RAW
                                              : WHO_UDP;
    for (size_t i = 0; i < UST_ARRAY_CNT(rows); i++)
        if (rows[i].level == level && rows[i].name == name && (rows[i].who & who))
            return &rows[i];
    return NULL;
}

/* The levels that a socket knows: those of its transport and family. */
static bool level_known(const struct sock *s, int level) {
    return level == SOL_SOCKET || level == IPPROTO_IP ||
           (level == IPPROTO_IPV6 && s->family == AF_INET6) ||
           (s->kind == SOCK_KIND_RAW ? level == IPPROTO_RAW : level == s->protocol);
}

static void *row_field(struct sock *s, const struct opt_row *r) {
    uint8_t *base = r->flags & OPT_TCPOPT ? (uint8_t *)sock_tcp_opt(s) : (uint8_t *)s;
    return base + r->off;
}

static int64_t row_read(struct sock *s, const struct opt_row *r) {
    if (r->size == 0 || r->rule == RULE_CONST || r->rule == RULE_ERR)
        return r->def;
    const void *f = row_field(s, r);
    uint8_t b;
    uint16_t h;
    int32_t w;
    uint64_t q;
    switch (r->size) {
    case 1:
        memcpy(&b, f, 1);
        return b;
    case 2:
        memcpy(&h, f, 2);
        return h;
    case 4:
        memcpy(&w, f, 4);
        return w;
    default:
        memcpy(&q, f, 8);
        return (int64_t)(r->unit_ms ? q / (r->unit_ms * NS_PER_MS) : q);
    }
}

static void row_write(struct sock *s, const struct opt_row *r, int32_t v) {
    if (r->size == 0)
        return;
    uint8_t b = (uint8_t)v;
    uint16_t h = (uint16_t)v;
    uint64_t q = (uint64_t)v * (r->unit_ms ? r->unit_ms * NS_PER_MS : 1);
    const void *from = r->size == 1   ? (void *)&b
                       : r->size == 2 ? (void *)&h
                       : r->size == 4 ? (void *)&v
                                      : (void *)&q;
    memcpy(row_field(s, r), from, r->size);
}

/* The int that a value of this length means at this level; -EINVAL. */
static int int_of(int level, unsigned flags, const void *val, size_t len, int32_t *v) {
    *v = 0;
    if (len >= 4) {
        memcpy(v, val, 4);
        return 0;
    }
    if (level == IPPROTO_IP) {
        if (len == 0)
            return flags & OPT_NOT_EMPTY ? -EINVAL : 0;
        *v = *(const uint8_t *)val;
        return 0;
    }
    return flags & OPT_ANY_LEN ? 0 : -EINVAL;
}

static int row_set(struct sock *s, const struct opt_row *r, const void *val, size_t len) {
    int32_t v;
    bool settable = r->rule == RULE_BOOL || r->rule == RULE_RANGE;
    int err = int_of(r->level, r->flags, val, len, &v);
    if (err && (settable || (r->level != IPPROTO_IP && r->level != IPPROTO_IPV6)))
        return err;
    switch ((enum opt_rule)r->rule) {
    case RULE_BOOL:
        v = v != 0;
        break;
    case RULE_RANGE:
        if ((r->flags & OPT_MINUS1) && v == -1)
            v = r->def;
        if (v < r->lo || v > r->hi)
            return -EINVAL;
        break;
    case RULE_CONST:
        return -ENOPROTOOPT;
    case RULE_ERR:
        return -r->hi;
    }
    row_write(s, r, v);
    return 0;
}

static int form_set(struct socks *sk, uint64_t now_ns, struct sock *s, int level, int name,
                    const void *val, size_t len) {
    switch (level) {
    case SOL_SOCKET:
        return sock_opt_set_socket(s, name, val, len);
    case IPPROTO_IP:
        return sock_opt_set_ip(sk, now_ns, s, name, val, len);
    case IPPROTO_IPV6:
        return sock_opt_set_ip6(sk, now_ns, s, name, val, len);
    case IPPROTO_TCP:
        return sock_opt_set_tcp(s, name, val, len);
    case IPPROTO_RAW:
        return sock_opt_set_raw(s, name, val, len);
    default:
        return -ENOPROTOOPT;
    }
}

static int form_get(struct socks *sk, struct sock *s, int level, int name, void *val, size_t *len) {
    switch (level) {
    case SOL_SOCKET:
        return sock_opt_get_socket(sk, s, name, val, len);
    case IPPROTO_IP:
        return sock_opt_get_ip(sk, s, name, val, len);
    case IPPROTO_IPV6:
        return sock_opt_get_ip6(sk, s, name, val, len);
    case IPPROTO_TCP:
        return sock_opt_get_tcp(sk, s, name, val, len);
    case IPPROTO_RAW:
        return sock_opt_get_raw(s, name, val, len);
    default:
        return -ENOPROTOOPT;
    }
}

/* What Linux does at once: IP_RECVERR and IPV6_RECVERR off forget the errors. */
static void dgram_opt_changed(struct socks *sk, struct sock *s) {
    if (!s->udp->recverr && !s->udp->ip6.recverr)
        errq_purge(&s->udp->errq, sk->c);
}

int sock_setopt(struct socks *sk, uint64_t now_ns, struct sock *s, int level, int name,
                const void *val, size_t len) {
    sk->last_ns = now_ns;
    if (len > INT_MAX)
        return -EINVAL;
    if (!level_known(s, level))
        return -ENOPROTOOPT;
    struct tcp_opt *o = sock_tcp_opt(s), before;
    if (o)
        before = *o;
    int err = form_set(sk, now_ns, s, level, name, val, len);
    if (err == -ENOPROTOOPT) {
        const struct opt_row *r = row_find(s, level, name);
        if (r)
            err = row_set(s, r, val, len);
        else if (len < 4 && level != IPPROTO_IP && level != IPPROTO_IPV6)
            err = -EINVAL;
    }
    if (err)
        return err;
    sock_opt_apply(s);
    if (s->cork && !s->udp_cork && level == IPPROTO_UDP && name == UDP_CORK)
        sock_dgram_push(sk, now_ns, s);
    if (s->udp)
        dgram_opt_changed(sk, s);
    bool quickack = level == IPPROTO_TCP && name == TCP_QUICKACK; /* acts even if it was on */
    if (s->tcb && (quickack || memcmp(&before, o, sizeof before) != 0))
        tcp_opt_changed(sk->tcp, now_ns, s->tcb);
    return 0;
}

int sock_getopt(struct socks *sk, uint64_t now_ns, struct sock *s, int level, int name, void *val,
                size_t *len) {
    sk->last_ns = now_ns;
    if (*len > INT_MAX)
        return -EINVAL;
    if (!level_known(s, level))
        return s->family == AF_INET ? -EOPNOTSUPP : -ENOPROTOOPT;
    int err = form_get(sk, s, level, name, val, len);
    if (err != -ENOPROTOOPT)
        return err;
    const struct opt_row *r = row_find(s, level, name);
    if (!r)
        return -ENOPROTOOPT;
    if (r->rule == RULE_ERR && r->lo)
        return -r->lo;
    int32_t v = (int32_t)row_read(s, r);
    return sock_opt_put_int(level, v, val, len);
}

int sock_opt_put(const void *from, size_t n, void *val, size_t *len) {
    *len = UST_MIN(*len, n);
    memcpy(val, from, *len);
    return 0;
}

int sock_opt_put_int(int level, int32_t v, void *val, size_t *len) {
    uint8_t b = (uint8_t)v;
    if (level == IPPROTO_IP && *len > 0 && *len < 4 && v >= 0 && v <= 255)
        return sock_opt_put(&b, 1, val, len);
    return sock_opt_put(&v, sizeof v, val, len);
}

/* ---- defaults, inheritance, and what the protocols see of it ---- */

void sock_opt_default(struct socks *sk, struct sock *s) {
    for (size_t i = 0; i < UST_ARRAY_CNT(rows); i++) {
        const struct opt_row *r = &rows[i];
        if (r->def && r->size && !(r->flags & OPT_TCPOPT))
            row_write(s, r, r->def);
    }
    bool tcp = s->kind == SOCK_KIND_TCP;
    s->rcvlowat = 1;
    s->xint[SOCK_XINT_UNICAST_HOPS] = SOCK_HOPS_DEFAULT;
    s->hdrincl = s->kind == SOCK_KIND_RAW && s->protocol == IPPROTO_RAW;
    s->pacing_rate = UINT64_MAX;
    s->sndbuf = tcp ? sk->tcp->cfg.sndbuf_default : UDP_RCVBUF_DEFAULT;
    s->rcvbuf = tcp ? 2 * sk->tcp->cfg.rcvbuf_default : UDP_RCVBUF_DEFAULT;
    if (s->family == AF_INET6)
        s->mcast_all = false;
}

uint32_t sock_timestamping(const struct sock *s) { return s->xint[SOCK_XINT_TIMESTAMPING]; }
bool sock_rxq_ovfl(const struct sock *s) { return s->xopt[SOCK_XOPT_RXQ_OVFL]; }
bool sock_retopts(const struct sock *s) { return s->xopt[SOCK_XOPT_RETOPTS]; }

/* Everything but the state of the connection, errors, counters and O_NONBLOCK. */
void sock_opt_inherit(struct sock *child, const struct sock *l) {
    struct sock c = *child;
    size_t from = offsetof(struct sock, reuseaddr), to = offsetof(struct sock, uid);
    memcpy((uint8_t *)child + from, (const uint8_t *)l + from, to - from);
    child->uid = l->uid;
    child->defer_accept_s = 0;
    child->priority = c.priority;
    child->incoming_cpu = c.incoming_cpu;
}

/* IPV6_UNICAST_HOPS as getsockopt shows it; its default is the link's. */
static uint8_t hops_of(uint32_t v) { return v == SOCK_HOPS_DEFAULT ? 0 : (uint8_t)v; }

void sock_opt_apply(struct sock *s) {
    struct port_bind *b = sock_port_bind(s);
    if (b) {
        b->v6 = s->family == AF_INET6;
        b->v6only = s->v6only;
        b->reuseaddr = s->reuseaddr;
        b->reuseport = s->reuseport;
        b->nonlocal = s->freebind || s->transparent;
        b->uid = s->uid;
    }
    struct tcp_opt *o = sock_tcp_opt(s);
    if (o) {
        o->keepalive = s->keepalive;
        o->oobinline = s->oobinline;
        o->tos = s->tos;
        o->ttl = s->ttl;
        o->pmtudisc = s->pmtudisc;
        o->tos6 = s->xopt[SOCK_XOPT_TCLASS];
        o->ttl6 = hops_of(s->xint[SOCK_XINT_UNICAST_HOPS]);
        o->pmtudisc6 = s->xopt[SOCK_XOPT_MTU_DISCOVER6];
        o->addr_prefs = (uint16_t)s->xint[SOCK_XINT_ADDR_PREFS];
        o->sndbuf_locked = s->buf_lock & 1;
        o->rcvbuf_locked = s->buf_lock & 2;
        if (o->sndbuf_locked)
            o->sndbuf = s->sndbuf;
        if (o->rcvbuf_locked)
            o->rcvbuf = s->rcvbuf / 2;
    }
    if (s->udp) {
        s->udp->rcvbuf = s->rcvbuf;
        s->udp->ttl = s->ttl ? s->ttl : 64;
        s->udp->tos = s->tos;
        s->udp->mcast_ttl = s->mcast_ttl;
        s->udp->mcast_loop = s->mcast_loop;
        s->udp->mcast_all = s->mcast_all;
        s->udp->mcast_if = s->mcast_if;
        s->udp->broadcast = s->broadcast;
        s->udp->no_check = s->xopt[1];
        s->udp->pmtudisc = s->pmtudisc;
        s->udp->recverr = s->recverr;
        s->udp->gro = s->udp_gro;
        s->udp->ip6 = (struct udp_opt6){
            .hops = hops_of(s->xint[SOCK_XINT_UNICAST_HOPS]),
            .tclass = s->xopt[SOCK_XOPT_TCLASS],
            .pmtudisc = s->xopt[SOCK_XOPT_MTU_DISCOVER6],
            .mcast_hops = (int16_t)s->xint[SOCK_XINT_MCAST_HOPS],
            .mcast_loop = s->xopt[SOCK_XOPT_MCAST_LOOP6],
            .mcast_all = s->xopt[SOCK_XOPT_MCAST_ALL6],
            .dontfrag = s->xopt[SOCK_XOPT_DONTFRAG],
            .recverr = s->recverr6,
            .addr_prefs = (uint16_t)s->xint[SOCK_XINT_ADDR_PREFS],
            .mtu = s->xint[SOCK_XINT_MTU6],
        };
        if (s->kind == SOCK_KIND_RAW)
            s->udp->hdrincl = s->hdrincl;
    }
}
