/* SPDX-License-Identifier: ISC */
/* Calls of libc that do no more than call others, but inside it, where these cannot be taken over. */
#include "internal.h"

#include <netinet/in.h>
#include <rpc/netdb.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/sys.h"

/* ---- bindresvport(3) ---- */

#define RESERVED_FIRST 600
#define RESERVED_LAST 1023

int bindresvport(int fd, struct sockaddr_in *sin) {
    struct sockaddr_in any = {.sin_family = AF_INET};
    if (!fd_lookup(fd))
        return real.bindresvport(fd, sin);
    if (!sin)
        sin = &any;
    if (sin->sin_family != AF_INET) {
        errno = EPFNOSUPPORT;
        return -1;
    }
    unsigned cnt = RESERVED_LAST - RESERVED_FIRST + 1, first = (unsigned)sys_getpid() % cnt;
    for (unsigned i = 0; i < cnt; i++) {
        sin->sin_port = htons((uint16_t)(RESERVED_FIRST + (first + i) % cnt));
        if (bind(fd, (struct sockaddr *)sin, sizeof(*sin)) == 0)
            return 0;
        if (errno != EADDRINUSE)
            return -1;
    }
    errno = EADDRINUSE;
    return -1;
}

/* ---- RFC 3678 4.2, 5.2: source filters ---- */

static int level_of(const struct sockaddr *sa, socklen_t len) {
    if (sa->sa_family == AF_INET && len >= sizeof(struct sockaddr_in))
        return IPPROTO_IP;
    if (sa->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6))
        return IPPROTO_IPV6;
    errno = EINVAL;
    return -1;
}

/* malloc'ed, with room for cnt sources. */
static struct group_filter *filter_new(uint32_t interface, const struct sockaddr *group,
                                       socklen_t len, uint32_t cnt) {
    struct group_filter *f = calloc(1, GROUP_FILTER_SIZE((size_t)cnt));
    if (!f)
        return NULL;
    f->gf_interface = interface;
    memcpy(&f->gf_group, group, UST_MIN((size_t)len, sizeof(f->gf_group)));
    f->gf_numsrc = cnt;
    return f;
}

int setsourcefilter(int fd, uint32_t interface, const struct sockaddr *group, socklen_t len,
                    uint32_t mode, uint32_t cnt, const struct sockaddr_storage *sources) {
    if (!fd_lookup(fd))
        return real.setsourcefilter(fd, interface, group, len, mode, cnt, sources);
    int level = level_of(group, len);
    struct group_filter *f = level < 0 ? NULL : filter_new(interface, group, len, cnt);
    if (!f)
        return -1;
    f->gf_fmode = mode;
    memcpy(f->gf_slist, sources, cnt * sizeof(*sources));
    int r = setsockopt(fd, level, MCAST_MSFILTER, f, (socklen_t)GROUP_FILTER_SIZE((size_t)cnt));
    free(f);
    return r;
}

int getsourcefilter(int fd, uint32_t interface, const struct sockaddr *group, socklen_t len,
                    uint32_t *mode, uint32_t *cnt, struct sockaddr_storage *sources) {
    if (!fd_lookup(fd))
        return real.getsourcefilter(fd, interface, group, len, mode, cnt, sources);
    int level = level_of(group, len);
    struct group_filter *f = level < 0 ? NULL : filter_new(interface, group, len, *cnt);
    if (!f)
        return -1;
    socklen_t size = (socklen_t)GROUP_FILTER_SIZE((size_t)*cnt);
    int r = getsockopt(fd, level, MCAST_MSFILTER, f, &size);
    if (r == 0) {
        *mode = f->gf_fmode;
        memcpy(sources, f->gf_slist, UST_MIN(*cnt, f->gf_numsrc) * sizeof(*sources));
        *cnt = f->gf_numsrc;
    }
    free(f);
    return r;
}

static struct ip_msfilter *msfilter_new(struct in_addr interface, struct in_addr group,
                                        uint32_t cnt) {
    struct ip_msfilter *f = calloc(1, IP_MSFILTER_SIZE((size_t)cnt));
    if (!f)
        return NULL;
    f->imsf_multiaddr = group;
    f->imsf_interface = interface;
    f->imsf_numsrc = cnt;
    return f;
}

int setipv4sourcefilter(int fd, struct in_addr interface, struct in_addr group, uint32_t mode,
                        uint32_t cnt, const struct in_addr *sources) {
    if (!fd_lookup(fd))
        return real.setipv4sourcefilter(fd, interface, group, mode, cnt, sources);
    struct ip_msfilter *f = msfilter_new(interface, group, cnt);
    if (!f)
        return -1;
    f->imsf_fmode = mode;
    memcpy(f->imsf_slist, sources, cnt * sizeof(*sources));
    int r = setsockopt(fd, IPPROTO_IP, IP_MSFILTER, f, (socklen_t)IP_MSFILTER_SIZE((size_t)cnt));
    free(f);
    return r;
}

int getipv4sourcefilter(int fd, struct in_addr interface, struct in_addr group, uint32_t *mode,
                        uint32_t *cnt, struct in_addr *sources) {
    if (!fd_lookup(fd))
        return real.getipv4sourcefilter(fd, interface, group, mode, cnt, sources);
    struct ip_msfilter *f = msfilter_new(interface, group, *cnt);
    if (!f)
        return -1;
    socklen_t size = (socklen_t)IP_MSFILTER_SIZE((size_t)*cnt);
    int r = getsockopt(fd, IPPROTO_IP, IP_MSFILTER, f, &size);
    if (r == 0) {
        *mode = f->imsf_fmode;
        memcpy(sources, f->imsf_slist, UST_MIN(*cnt, f->imsf_numsrc) * sizeof(*sources));
        *cnt = f->imsf_numsrc;
    }
    free(f);
    return r;
}
