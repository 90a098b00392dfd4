/* SPDX-License-Identifier: ISC */
/* IPPROTO_IP's and IPPROTO_IPV6's options with a form or rule of their own; see sock_opt.c. */
#include "sock/sock_priv.h"

#include <netinet/in.h>
#include <sys/socket.h>

/* IP_OPTIONS: what goes into each datagram. Route options are refused (departs: Linux takes them), as routers refuse them too; the
 * stack's connections carry none. */
static int set_options(struct sock *s, const void *val, size_t len) {
    uint8_t opts[sizeof s->udp->opts] = {0};
    if (len > sizeof opts)
        return -EINVAL;
    if (len)
        memcpy(opts, val, len);
    size_t padded = (len + 3) & ~(size_t)3;
    if (!ip4_clean_options(opts, padded, s->uid == 0))
        return -EINVAL;
    if (!s->udp)
        return len == 0 || opts[0] == 0 ? 0 : -EINVAL;
    memcpy(s->udp->opts, opts, sizeof opts);
    s->udp->opts_len = (uint8_t)padded;
    return 0;
}

int sock_opt_set_ip(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                    size_t len) {
    int32_t v = 0;
    if (len >= sizeof v)
        memcpy(&v, val, sizeof v);
    else if (len > 0)
        v = *(const uint8_t *)val;
    switch (name) {
    case IP_TOS:
        /* TCP owns the ECN bits (RFC 3168 6.1). */
        s->tos = (uint8_t)(s->kind == SOCK_KIND_TCP ? v & ~3 : v);
        return 0;
    case IP_TTL:
        if (len == 0 || (v != -1 && (v < 1 || v > 255)))
            return -EINVAL;
        s->ttl = v == -1 ? 0 : (uint8_t)v;
        return 0;
    case IP_OPTIONS:
        return set_options(s, val, len);
    case IP_TRANSPARENT:
        if (len == 0)
            return -EINVAL;
        if (v && s->uid != 0)
            return -EPERM;
        s->transparent = v != 0;
        return 0;
    case IP_UNICAST_IF:
        if (len != 4)
            return -EINVAL;
        s->xint[SOCK_XINT_UNICAST_IF] = (uint32_t)v;
        return 0;
    default:
        return sock_opt_set_mcast(sk, now_ns, s, name, val, len);
    }
}

static int get_mtu(struct socks *sk, struct sock *s, int32_t *v) {
    struct ust_addr a;
    uint16_t port;
    /* Linux keeps the route of a TCP connection that is over, or on its way. */
    if (s->udp ? !s->udp->connected : !s->tcb || (!s->connecting && !s->was_connected))
        return -ENOTCONN;
    if (s->udp)
        a = s->udp->raddr;
    else
        tcp_peer(s->tcb, &a, &port);
    *v = (int32_t)net_mtu(sk->net, &a);
    return 0;
}

int sock_opt_get_ip(struct socks *sk, struct sock *s, int name, void *val, size_t *len) {
    int32_t v;
    int err;
    switch (name) {
    case IP_TOS:
        v = s->tos;
        break;
    case IP_TTL:
        v = s->ttl ? s->ttl : 64;
        break;
    case IP_OPTIONS:
        if (s->udp)
            return sock_opt_put(s->udp->opts, s->udp->opts_len, val, len);
        __attribute__((fallthrough));
    case IP_PKTOPTIONS:
        *len = 0;
        return 0;
    case IP_MTU:
        if ((err = get_mtu(sk, s, &v)))
            return err;
        break;
    case IP_TRANSPARENT:
        v = s->transparent;
        break;
    case IP_UNICAST_IF:
        v = (int32_t)s->xint[SOCK_XINT_UNICAST_IF];
        break;
    default:
        return sock_opt_get_mcast(s, name, val, len);
    }
    return sock_opt_put_int(IPPROTO_IP, v, val, len);
}

/* ---- IPv6 ---- */

/* The kernel's numbers (linux/in6.h), as far as they are kept. */
#define PREFS_KEPT (PREFER_TMP | PREFER_PUBLIC | PREFER_COA)
enum {
    PREFER_TMP = 1,
    PREFER_PUBLIC = 2,
    PREFER_COA = 4,
    PREFER_CGA = 8,
    PREFER_PUBTMP_DEFAULT = 0x100,
    PREFER_HOME = 0x400,
    PREFER_NONCGA = 0x800,
};

static bool at_most_one_bit(uint32_t v) { return (v & (v - 1)) == 0; }

/* RFC 5014 4: of each pair of opposites one at most. */
static int set_addr_prefs(struct sock *s, uint32_t v) {
    uint32_t kind = v & (PREFER_PUBLIC | PREFER_TMP | PREFER_PUBTMP_DEFAULT);
    uint32_t home = v & (PREFER_HOME | PREFER_COA), cga = v & (PREFER_CGA | PREFER_NONCGA);
    uint32_t *kept = &s->xint[SOCK_XINT_ADDR_PREFS];
    if (!at_most_one_bit(kind) || !at_most_one_bit(home) || !at_most_one_bit(cga))
        return -EINVAL;
    if (kind)
        *kept = (*kept & PREFER_COA) | (kind & PREFS_KEPT);
    if (home)
        *kept = (*kept & ~(uint32_t)PREFER_COA) | (home & PREFS_KEPT);
    return 0;
}

static int32_t get_addr_prefs(const struct sock *s) {
    uint32_t kept = s->xint[SOCK_XINT_ADDR_PREFS];
    uint32_t kind = kept & (PREFER_TMP | PREFER_PUBLIC);
    return (int32_t)((kind ? kind : PREFER_PUBTMP_DEFAULT) |
                     (kept & PREFER_COA ? PREFER_COA : PREFER_HOME));
}

static int set_mcast_if6(struct socks *sk, struct sock *s, int32_t index, size_t len) {
    if (s->kind == SOCK_KIND_TCP)
        return -ENOPROTOOPT;
    if (len < 4 || index < 0)
        return -EINVAL;
    if (!sock_is_our_index(sk, (uint32_t)index))
        return -ENODEV;
    s->xint[SOCK_XINT_MCAST_IF6] = (uint32_t)index;
    return 0;
}

/* struct ip6_mtuinfo: an address and a number. */
static int get_path_mtu(struct socks *sk, struct sock *s, void *val, size_t *len) {
    struct ip6_mtuinfo mi;
    struct ust_addr a;
    uint16_t port;
    memset(&mi, 0, sizeof mi);
    if (*len < sizeof mi)
        return -EINVAL;
    if (sock_peer(sk, s, &a, &port) != 0)
        return -ENOTCONN;
    mi.ip6m_addr.sin6_family = AF_INET6;
    memcpy(&mi.ip6m_addr.sin6_addr, a.b, 16);
    mi.ip6m_mtu = net_mtu(sk->net, &a);
    return sock_opt_put(&mi, sizeof mi, val, len);
}

int sock_opt_set_ip6(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                     size_t len) {
    int32_t v = 0;
    if (len >= sizeof v)
        memcpy(&v, val, sizeof v);
    switch (name) {
    case IPV6_V6ONLY:
        if (len < 4 || s->bound || sock_port_bind(s)->bound)
            return -EINVAL;
        s->v6only = v != 0;
        return 0;
    case IPV6_ADDRFORM:
        return len < 4 || v != AF_INET ? -EINVAL : -ENOTCONN;
    case IPV6_TCLASS:
        if (len < 4 || v < -1 || v > 255)
            return -EINVAL;
        if (v == -1)
            v = 0;
        s->xopt[SOCK_XOPT_TCLASS] = (uint8_t)(s->kind == SOCK_KIND_TCP ? v & ~3 : v);
        return 0;
    case IPV6_UNICAST_HOPS:
        if (len < 4 || v < -1 || v > 255)
            return -EINVAL;
        s->xint[SOCK_XINT_UNICAST_HOPS] = v == -1 ? SOCK_HOPS_DEFAULT : (uint32_t)v;
        return 0;
    case IPV6_MULTICAST_IF:
        return set_mcast_if6(sk, s, v, len);
    case IPV6_ADDR_PREFERENCES:
        return len < 4 ? -EINVAL : set_addr_prefs(s, (uint32_t)v);
    case IPV6_MTU:
        if (len < 4 || (v != 0 && v < 1280))
            return -EINVAL;
        s->xint[SOCK_XINT_MTU6] = (uint32_t)v;
        return 0;
    case IPV6_JOIN_GROUP:
    case IPV6_LEAVE_GROUP: {
        struct ipv6_mreq m;
        struct ust_addr a;
        if (len < sizeof m)
            return -EINVAL;
        if (s->kind == SOCK_KIND_TCP)
            return -EPROTO;
        memcpy(&m, val, sizeof m);
        memcpy(a.b, &m.ipv6mr_multiaddr, 16);
        if (!addr_is_multicast(&a) || addr_is_ip4(&a))
            return -EINVAL;
        if (!sock_is_our_index(sk, m.ipv6mr_interface))
            return name == IPV6_JOIN_GROUP ? -ENODEV : -EADDRNOTAVAIL;
        return name == IPV6_JOIN_GROUP ? udp_group_join(sk->udp, now_ns, s->udp, &a)
                                       : udp_group_leave(sk->udp, now_ns, s->udp, &a);
    }
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP:
        return sock_opt_set_mcast(sk, now_ns, s, name, val, len);
    case IPV6_TRANSPARENT:
        if (len < 4)
            return -EINVAL;
        if (v && s->uid != 0)
            return -EPERM;
        s->transparent = v != 0;
        return 0;
    case 76 /* IPV6_UNICAST_IF */:
        if (len != 4)
            return -EINVAL;
        s->xint[SOCK_XINT_UNICAST_IF] = (uint32_t)v;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

int sock_opt_get_ip6(struct socks *sk, struct sock *s, int name, void *val, size_t *len) {
    int32_t v;
    int err;
    switch (name) {
    case IPV6_V6ONLY:
        v = s->v6only;
        break;
    case IPV6_ADDRFORM: {
        enum tcp_state st = sock_tcp_state(s);
        if (s->kind != SOCK_KIND_TCP || st == TCPS_CLOSED)
            return -ENOTCONN;
        v = s->family;
        break;
    }
    case IPV6_TCLASS:
        v = s->xopt[SOCK_XOPT_TCLASS];
        break;
    case IPV6_UNICAST_HOPS:
        v = s->xint[SOCK_XINT_UNICAST_HOPS] == SOCK_HOPS_DEFAULT
                ? sk->net->nd.hop_limit
                : (int32_t)s->xint[SOCK_XINT_UNICAST_HOPS];
        break;
    case IPV6_MULTICAST_IF:
        if (s->kind == SOCK_KIND_TCP)
            return -ENOPROTOOPT;
        v = (int32_t)s->xint[SOCK_XINT_MCAST_IF6];
        break;
    case IPV6_ADDR_PREFERENCES:
        v = get_addr_prefs(s);
        break;
    case IPV6_PATHMTU:
        return get_path_mtu(sk, s, val, len);
    case IPV6_MTU:
        if ((err = get_mtu(sk, s, &v)))
            return err;
        break;
    case IPV6_TRANSPARENT:
        v = s->transparent;
        break;
    case 76 /* IPV6_UNICAST_IF */:
        v = (int32_t)s->xint[SOCK_XINT_UNICAST_IF];
        break;
    default:
        return -ENOPROTOOPT;
    }
    return sock_opt_put_int(IPPROTO_IPV6, v, val, len);
}
