/* SPDX-License-Identifier: ISC */
/*
 * Multicast options of IPPROTO_IP and IPPROTO_IPV6: memberships with and without sources, whole filters, the interface (ip(7), RFC 3678). The stack has
 * one interface, so of those that name one only an address that is not ours is wrong.
 */
#include "sock/sock_priv.h"

#include <netinet/in.h>
#include <sys/socket.h>

static struct ust_addr addr_of_bytes(const uint8_t *b) {
    return addr_from_ip4((uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
}

/* An interface named by an address of its own. */
static bool is_interface(const struct socks *sk, const uint8_t *b) {
    struct ust_addr a = addr_of_bytes(b);
    return addr_is_any(&a) || net_addr_find(sk->net, &a);
}

/* The address in a sockaddr_storage; false: of no family that s knows. */
static bool addr_of_storage(const struct sock *s, const void *ss, struct ust_addr *a) {
    struct sockaddr_storage st;
    memcpy(&st, ss, sizeof st);
    const uint8_t *b = (const uint8_t *)&st;
    if (st.ss_family == AF_INET)
        *a = addr_of_bytes(b + offsetof(struct sockaddr_in, sin_addr));
    else if (st.ss_family == AF_INET6 && s->family == AF_INET6)
        memcpy(a->b, b + offsetof(struct sockaddr_in6, sin6_addr), 16);
    else
        return false;
    return true;
}

/* ---- memberships ---- */

static int join_or_leave(struct socks *sk, uint64_t now_ns, struct sock *s, bool join,
                         const struct ust_addr *g) {
    if (!addr_is_multicast(g))
        return join ? -EINVAL : -EADDRNOTAVAIL;
    return join ? udp_group_join(sk->udp, now_ns, s->udp, g)
                : udp_group_leave(sk->udp, now_ns, s->udp, g);
}

/* ip_mreq {group, address} or ip_mreqn {group, address, ifindex}. */
static int set_member(struct socks *sk, uint64_t now_ns, struct sock *s, bool join, const void *val,
                      size_t len) {
    const uint8_t *b = val;
    if (s->kind == SOCK_KIND_TCP)
        return -EPROTO;
    if (len < 8)
        return -EINVAL;
    struct ust_addr group = addr_of_bytes(b);
    if (!is_interface(sk, b + 4) && addr_is_multicast(&group))
        return join ? -ENODEV : -EADDRNOTAVAIL;
    return join_or_leave(sk, now_ns, s, join, &group);
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
    if (!addr_of_storage(s, &g.gr_group, &a))
        return -EINVAL;
    if (addr_is_multicast(&a) && !sock_is_our_index(sk, g.gr_interface))
        return join ? -ENODEV : -EADDRNOTAVAIL;
    return join_or_leave(sk, now_ns, s, join, &a);
}

/* ---- one source ---- */

struct source_op {
    int name;
    uint8_t mode; /* enum mcast_mode */
    bool add;
};
static const struct source_op source_ops[] = {
    {IP_ADD_SOURCE_MEMBERSHIP, MCAST_MODE_INCLUDE, true},
    {IP_DROP_SOURCE_MEMBERSHIP, MCAST_MODE_INCLUDE, false},
    {IP_BLOCK_SOURCE, MCAST_MODE_EXCLUDE, true},
    {IP_UNBLOCK_SOURCE, MCAST_MODE_EXCLUDE, false},
    {MCAST_JOIN_SOURCE_GROUP, MCAST_MODE_INCLUDE, true},
    {MCAST_LEAVE_SOURCE_GROUP, MCAST_MODE_INCLUDE, false},
    {MCAST_BLOCK_SOURCE, MCAST_MODE_EXCLUDE, true},
    {MCAST_UNBLOCK_SOURCE, MCAST_MODE_EXCLUDE, false},
};

static int set_source(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                      size_t len) {
    const struct source_op *op = source_ops;
    struct ust_addr group, src;
    while (op->name != name)
        op++;
    if (name < MCAST_JOIN_GROUP) { /* ip_mreq_source {group, interface, source} */
        const uint8_t *b = val;
        if (len != sizeof(struct ip_mreq_source))
            return -EINVAL;
        group = addr_of_bytes(b);
        src = addr_of_bytes(b + 8);
        if (addr_is_multicast(&group) && !is_interface(sk, b + 4))
            return -ENODEV;
    } else {
        struct group_source_req r;
        if (len != sizeof r)
            return -EINVAL;
        memcpy(&r, val, sizeof r);
        if (!addr_of_storage(s, &r.gsr_group, &group) || !addr_of_storage(s, &r.gsr_source, &src))
            return -EADDRNOTAVAIL;
    }
    if (s->kind == SOCK_KIND_TCP || !addr_is_multicast(&group))
        return -EINVAL;
    return udp_group_source(sk->udp, now_ns, s->udp, &group, &src, op->mode, op->add);
}

/* ---- whole filters ---- */

#define MSF_HEAD 16 /* of struct ip_msfilter, before its sources */
#define GF_HEAD offsetof(struct group_filter, gf_slist)
#define FMODE_EXCLUDE 0 /* the kernel's MCAST_EXCLUDE */
#define FMODE_INCLUDE 1

static int set_filter(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *g,
                      uint32_t fmode, const struct mcast_filter *f) {
    if (s->kind == SOCK_KIND_TCP || !addr_is_multicast(g) ||
        (fmode != FMODE_EXCLUDE && fmode != FMODE_INCLUDE))
        return -EINVAL;
    return udp_group_filter(sk->udp, now_ns, s->udp, g, f);
}

static uint8_t mode_of(uint32_t fmode) {
    return fmode == FMODE_INCLUDE ? MCAST_MODE_INCLUDE : MCAST_MODE_EXCLUDE;
}

static int set_msfilter(struct socks *sk, uint64_t now_ns, struct sock *s, const void *val,
                        size_t len) {
    const uint8_t *b = val;
    uint32_t fmode, cnt;
    struct mcast_filter f;
    if (len < MSF_HEAD)
        return -EINVAL;
    memcpy(&fmode, b + 8, 4);
    memcpy(&cnt, b + 12, 4);
    if (cnt > UDP_MSF_MAX)
        return -ENOBUFS;
    if (len < MSF_HEAD + cnt * 4)
        return -EINVAL;
    struct ust_addr group = addr_of_bytes(b);
    if (addr_is_multicast(&group) && !is_interface(sk, b + 4))
        return -ENODEV;
    f.mode = mode_of(fmode);
    f.cnt = (uint8_t)cnt;
    for (uint32_t i = 0; i < cnt; i++)
        f.src[i] = addr_of_bytes(b + MSF_HEAD + 4 * i);
    return set_filter(sk, now_ns, s, &group, fmode, &f);
}

static int set_group_filter(struct socks *sk, uint64_t now_ns, struct sock *s, const void *val,
                            size_t len) {
    struct group_filter gf;
    struct ust_addr group;
    struct mcast_filter f;
    if (len < GF_HEAD)
        return -EINVAL;
    memcpy(&gf, val, GF_HEAD);
    if (gf.gf_numsrc > UDP_MSF_MAX)
        return -ENOBUFS;
    if (len < GF_HEAD + gf.gf_numsrc * sizeof(struct sockaddr_storage))
        return -EINVAL;
    f.mode = mode_of(gf.gf_fmode);
    f.cnt = (uint8_t)gf.gf_numsrc;
    for (uint32_t i = 0; i < gf.gf_numsrc; i++)
        if (!addr_of_storage(
                s, (const uint8_t *)val + GF_HEAD + i * sizeof(struct sockaddr_storage), &f.src[i]))
            return -EADDRNOTAVAIL;
    if (!addr_of_storage(s, &gf.gf_group, &group))
        return -EINVAL;
    return set_filter(sk, now_ns, s, &group, gf.gf_fmode, &f);
}

/* The filter of the group that the program names in what it hands over to be filled in. */
static int find_filter(struct sock *s, const struct ust_addr *g, const struct mcast_filter **f) {
    if (!addr_is_multicast(g))
        return -EINVAL;
    const struct udp_group *ug = s->udp ? udp_group_find(s->udp, g) : NULL;
    *f = ug ? &ug->filter : NULL;
    return ug ? 0 : -EADDRNOTAVAIL;
}

/* As many sources as there is room for; the count says how many there are. */
static int get_msfilter(struct sock *s, void *val, size_t *len) {
    uint8_t *b = val;
    const struct mcast_filter *f;
    uint32_t fmode, cnt, want;
    if (*len < MSF_HEAD)
        return -EINVAL;
    struct ust_addr group = addr_of_bytes(b);
    int err = find_filter(s, &group, &f);
    if (err)
        return err;
    memcpy(&want, b + 12, 4);
    fmode = f->mode == MCAST_MODE_INCLUDE ? FMODE_INCLUDE : FMODE_EXCLUDE;
    cnt = f->cnt;
    memcpy(b + 8, &fmode, 4);
    memcpy(b + 12, &cnt, 4);
    want = UST_MIN(UST_MIN(want, cnt), (uint32_t)((*len - MSF_HEAD) / 4));
    for (uint32_t i = 0; i < want; i++)
        memcpy(b + MSF_HEAD + 4 * i, f->src[i].b + 12, 4);
    *len = MSF_HEAD + 4 * want;
    return 0;
}

static int get_group_filter(struct sock *s, void *val, size_t *len) {
    struct group_filter gf;
    struct ust_addr group;
    const struct mcast_filter *f;
    if (*len < GF_HEAD)
        return -EINVAL;
    memcpy(&gf, val, GF_HEAD);
    if (!addr_of_storage(s, &gf.gf_group, &group))
        return -EINVAL;
    int err = find_filter(s, &group, &f);
    if (err)
        return err;
    uint32_t want = UST_MIN(gf.gf_numsrc, (uint32_t)f->cnt);
    want = UST_MIN(want, (uint32_t)((*len - GF_HEAD) / sizeof(struct sockaddr_storage)));
    gf.gf_fmode = f->mode == MCAST_MODE_INCLUDE ? FMODE_INCLUDE : FMODE_EXCLUDE;
    gf.gf_numsrc = f->cnt;
    memcpy(val, &gf, GF_HEAD);
    for (uint32_t i = 0; i < want; i++) {
        struct sockaddr_storage ss;
        memset(&ss, 0, sizeof ss);
        ss.ss_family = addr_is_ip4(&f->src[i]) ? AF_INET : AF_INET6;
        if (ss.ss_family == AF_INET)
            memcpy((uint8_t *)&ss + offsetof(struct sockaddr_in, sin_addr), f->src[i].b + 12, 4);
        else
            memcpy((uint8_t *)&ss + offsetof(struct sockaddr_in6, sin6_addr), f->src[i].b, 16);
        memcpy((uint8_t *)val + GF_HEAD + i * sizeof ss, &ss, sizeof ss);
    }
    *len = GF_HEAD + want * sizeof(struct sockaddr_storage);
    return 0;
}

/* ---- the interface to send on ---- */

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

int sock_opt_set_mcast(struct socks *sk, uint64_t now_ns, struct sock *s, int name, const void *val,
                       size_t len) {
    switch (name) {
    case IP_MULTICAST_IF:
        return set_mcast_if(sk, s, val, len);
    case IP_ADD_MEMBERSHIP:
    case IP_DROP_MEMBERSHIP:
        return set_member(sk, now_ns, s, name == IP_ADD_MEMBERSHIP, val, len);
    case MCAST_JOIN_GROUP:
    case MCAST_LEAVE_GROUP:
        return set_group(sk, now_ns, s, name == MCAST_JOIN_GROUP, val, len);
    case IP_ADD_SOURCE_MEMBERSHIP:
    case IP_DROP_SOURCE_MEMBERSHIP:
    case IP_BLOCK_SOURCE:
    case IP_UNBLOCK_SOURCE:
    case MCAST_JOIN_SOURCE_GROUP:
    case MCAST_LEAVE_SOURCE_GROUP:
    case MCAST_BLOCK_SOURCE:
    case MCAST_UNBLOCK_SOURCE:
        return set_source(sk, now_ns, s, name, val, len);
    case IP_MSFILTER:
        return set_msfilter(sk, now_ns, s, val, len);
    case MCAST_MSFILTER:
        return set_group_filter(sk, now_ns, s, val, len);
    default:
        return -ENOPROTOOPT;
    }
}

int sock_opt_get_mcast(struct sock *s, int name, void *val, size_t *len) {
    switch (name) {
    case IP_MULTICAST_IF:
        return sock_opt_put(s->mcast_if.b + 12, 4, val, len);
    case IP_MSFILTER:
        return get_msfilter(s, val, len);
    case MCAST_MSFILTER:
        return get_group_filter(s, val, len);
    default:
        return -ENOPROTOOPT;
    }
}
