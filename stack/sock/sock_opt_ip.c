/* SPDX-License-Identifier: ISC */
/* IPPROTO_IP's and IPPROTO_IPV6's options with a form or rule of their own; see sock_opt.c. */
#include "sock/sock_priv.h"

#include <netinet/in.h>
#include <sys/socket.h>

static struct ust_addr addr_of_bytes(const uint8_t *b) {
    return addr_from_ip4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

/* Does a program mean the stack's interface by that number? 0: any. */
static bool is_our_index(const struct socks *sk, uint32_t index) {
    return index == 0 || sk->net->ifindex == 0 || index == sk->net->ifindex;
}

/* ip_mreq {group, address} or ip_mreqn {group, address, ifindex}: the stack has one interface, so only the address can be wrong. */
static int set_member(struct socks *sk, uint64_t now_ns, struct sock *s, bool join, const void *val,
                      size_t len) {
    const uint8_t *b = val;
    if (s->kind == SOCK_KIND_TCP)
        return -EPROTO;
    if (len < 8)
        return -EINVAL;
    struct ust_addr group = addr_of_bytes(b), ifa = addr_of_bytes(b + 4);
    if (!addr_is_multicast(&group))
        return join ? -EINVAL : -EADDRNOTAVAIL;
    if (!addr_is_any(&ifa) && !net_addr_find(sk->net, &ifa))
        return join ? -ENODEV : -EADDRNOTAVAIL;
    return join ? udp_group_join(sk->udp, now_ns, s->udp, &group)
                : udp_group_leave(sk->udp, now_ns, s->udp, &group);
}

/* struct group_req {ifindex, sockaddr_storage}, for both families. */
static int set_group(struct socks *sk, uint64_t now_ns, struct sock *s, bool join, const void *val,
                     size_t len) {
    struct group_req g;
    struct ust_addr a;
    if (s->kind == SOCK_KIND_TCP)
        return len < sizeof g ? -EINVAL : -EPROTO;
    if (len < sizeof g)
        return -EINVAL;
    memcpy(&g, val, sizeof g);
    const uint8_t *sa = (const uint8_t *)&g.gr_group;
    if (g.gr_group.ss_family == AF_INET)
        a = addr_of_bytes(sa + offsetof(struct sockaddr_in, sin_addr));
    else if (g.gr_group.ss_family == AF_INET6)
        memcpy(a.b, sa + offsetof(struct sockaddr_in6, sin6_addr), 16);
    else
        return -EINVAL;
    if (!addr_is_multicast(&a))
        return join ? -EINVAL : -EADDRNOTAVAIL;
    if (!is_our_index(sk, g.gr_interface))
        return join ? -ENODEV : -EADDRNOTAVAIL;
    return join ? udp_group_join(sk->udp, now_ns, s->udp, &a)
                : udp_group_leave(sk->udp, now_ns, s->udp, &a);
}

/* in_addr, ip_mreq or ip_mreqn. */
static int set_mcast_if(struct socks *sk, struct sock *s, const void *val, size_t len) {
    static const struct ust_addr none = {{0}};
    const uint8_t *b = val;
    if (s->kind == SOCK_KIND_TCP || len < 4)
        return -EINVAL;
    struct ust_addr a = addr_of_bytes(len >= 8 ? b + 4 : b);
    if (addr_is_any(&a)) {
        s->mcast_if = none;
        return 0;
    }
    if (!net_addr_find(sk->net, &a))
        return -EADDRNOTAVAIL;
    s->mcast_if = a;
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
        return len == 0 || v == 0 ? 0 : -EINVAL;
    case IP_TRANSPARENT:
        if (len == 0)
            return -EINVAL;
        if (v && s->uid != 0)
            return -EPERM;
        s->transparent = v != 0;
        return 0;
    case IP_MULTICAST_IF:
        return set_mcast_if(sk, s, val, len);
    case IP_ADD_MEMBERSHIP:
    case IP_DROP_MEMBERSHIP:
        return set_member(sk, now_ns, s, name == IP_ADD_MEMBERSHIP, val, len);
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP:
        return set_group(sk, now_ns, s, name == MCAST_JOIN_GROUP, val, len);
    case IP_UNICAST_IF:
        if (len != 4)
            return -EINVAL;
        s->xint[SOCK_XINT_UNICAST_IF] = (uint32_t)v;
        return 0;
    default:
        return -ENOPROTOOPT;
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
    case IP_MULTICAST_IF:
        return sock_opt_put(s->mcast_if.b + 12, 4, val, len);
    case IP_ADD_MEMBERSHIP:
    case IP_DROP_MEMBERSHIP:
        return -ENOPROTOOPT;
    case IP_UNICAST_IF:
        v = (int32_t)s->xint[SOCK_XINT_UNICAST_IF];
        break;
    default:
        return -ENOPROTOOPT;
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
    if (!is_our_index(sk, (uint32_t)index))
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
        if (!is_our_index(sk, m.ipv6mr_interface))
            return name == IPV6_JOIN_GROUP ? -ENODEV : -EADDRNOTAVAIL;
        return name == IPV6_JOIN_GROUP ? udp_group_join(sk->udp, now_ns, s->udp, &a)
                                       : udp_group_leave(sk->udp, now_ns, s->udp, &a);
    }
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP:
        return set_group(sk, now_ns, s, name == MCAST_JOIN_GROUP, val, len);
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
