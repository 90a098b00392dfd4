/* SPDX-License-Identifier: ISC */
/* SOL_RAW: ICMP_FILTER, a bit for each type that is not wanted (raw(7)). */
#include "sock/sock_priv.h"

#include <netinet/in.h>

#define ICMP_FILTER 1

int sock_opt_set_raw(struct sock *s, int name, const void *val, size_t len) {
    if (s->kind != SOCK_KIND_RAW || name != ICMP_FILTER)
        return -ENOPROTOOPT;
    if (s->protocol != IPPROTO_ICMP)
        return -EOPNOTSUPP;
    memcpy(&s->udp->icmp_filter, val, UST_MIN(len, sizeof s->udp->icmp_filter));
    return 0;
}

int sock_opt_get_raw(struct sock *s, int name, void *val, size_t *len) {
    if (s->kind != SOCK_KIND_RAW || name != ICMP_FILTER)
        return -ENOPROTOOPT;
    if (s->protocol != IPPROTO_ICMP)
        return -EOPNOTSUPP;
    return sock_opt_put(&s->udp->icmp_filter, sizeof s->udp->icmp_filter, val, len);
}
