/* SPDX-License-Identifier: ISC */
/* sockaddr <-> struct ust_addr, with the kernel's checks. */
#include "internal.h"

#include <netinet/in.h>

#define SIN6_LEN_RFC2133 24 /* without sin6_scope_id */

static struct ust_addr of_in(const struct in_addr *in) {
    uint32_t v;
    memcpy(&v, in, sizeof(v));
    return addr_from_ip4(ntohl(v));
}

/* Link-local addresses, and groups of interface- or link-local scope, mean something on one link only. */
static bool addr_needs_scope(const struct ust_addr *a) {
    if (addr_is_ip4(a))
        return false;
    if (addr_is_multicast(a))
        return (a->b[1] & 15) <= 2;
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

int addr_check_scope(const struct sock *s, const struct sockaddr *sa, socklen_t len,
                     const struct ust_addr *a, bool needed) {
    struct sockaddr_in6 in6;
    uint32_t ours = host_stack()->net.ifindex;
    if (s->family != AF_INET6 || !addr_needs_scope(a))
        return 0;
    memset(&in6, 0, sizeof(in6));
    if (user_copy_in(&in6, sa, UST_MIN(len, (socklen_t)sizeof(in6))) != 0)
        return -EFAULT;
    if (in6.sin6_scope_id == 0)
        return needed && s->bindtodevice[0] == '\0' && !addr_is_multicast(a) ? -EINVAL : 0;
    return ours != 0 && in6.sin6_scope_id != ours ? -ENODEV : 0;
}

int addr_in(const struct sock *s, const struct sockaddr *sa, socklen_t len, struct ust_addr *a,
            uint16_t *port, bool *unspec) {
    struct sockaddr_storage ss;
    *unspec = false;
    if (len > sizeof(ss))
        return -EINVAL;
    memset(&ss, 0, sizeof(ss));
    if (user_copy_in(&ss, sa, len) != 0)
        return -EFAULT;
    if (len < sizeof(ss.ss_family))
        return -EINVAL;
    if (ss.ss_family == AF_UNSPEC)
        *unspec = true;

    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    memcpy(&in4, &ss, sizeof(in4));
    memcpy(&in6, &ss, sizeof(in6));
    /* An IPv6 datagram socket takes IPv4 addresses as they are. */
    bool as_ip4 =
        s->family == AF_INET || (ss.ss_family == AF_INET && s->kind != SOCK_KIND_TCP && !s->v6only);
    if (as_ip4) {
        *a = of_in(&in4.sin_addr);
        *port = ntohs(in4.sin_port);
        if (*unspec)
            return 0;
        if (len < sizeof(in4))
            return -EINVAL;
        return ss.ss_family == AF_INET ? 0 : -EAFNOSUPPORT;
    }
    memcpy(a->b, &in6.sin6_addr, sizeof(a->b));
    *port = ntohs(in6.sin6_port);
    if (*unspec)
        return 0;
    if (len < SIN6_LEN_RFC2133)
        return -EINVAL;
    return ss.ss_family == AF_INET6 ? 0 : -EAFNOSUPPORT;
}

socklen_t addr_store(const struct sock *s, const struct ust_addr *a, uint16_t port,
                     struct sockaddr_storage *ss) {
    memset(ss, 0, sizeof(*ss));
    if (s->family == AF_INET) {
        struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        uint32_t v = addr_is_ip4(a) ? htonl(addr_ip4(a)) : 0;
        memcpy(&in4.sin_addr, &v, sizeof(v));
        memcpy(ss, &in4, sizeof(in4));
        return sizeof(in4);
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memcpy(&in6.sin6_addr, a->b, sizeof(a->b));
    if (addr_needs_scope(a))
        in6.sin6_scope_id = host_stack()->net.ifindex;
    memcpy(ss, &in6, sizeof(in6));
    return sizeof(in6);
}

int addr_copy_out(const void *from, socklen_t full, struct sockaddr *sa, socklen_t *len) {
    int room;
    if (user_copy_in(&room, len, sizeof(room)) != 0)
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    if ((socklen_t)room > full)
        room = (int)full;
    if (user_copy_out(sa, from, (size_t)room) != 0)
        return -EFAULT;
    return user_copy_out(len, &full, sizeof(full)) != 0 ? -EFAULT : 0;
}

int addr_out(const struct sock *s, const struct ust_addr *a, uint16_t port, struct sockaddr *sa,
             socklen_t *len) {
    struct sockaddr_storage ss;
    socklen_t full = addr_store(s, a, port, &ss);
    return addr_copy_out(&ss, full, sa, len);
}
