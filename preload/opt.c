/* SPDX-License-Identifier: ISC */
/* getsockopt, setsockopt. While a socket is undecided its placeholder gets every option too, or it would go on without them if the kernel gets it. */
#include "decide.h"
#include "iface.h"

#include <netinet/in.h>
#include <sys/ioctl.h>

#include "host/sys.h"

#define OPT_BYTES_MAX 2048 /* no option that we know is longer */

/* The kernel must not join groups on its own interfaces for a socket that may never be its. */
static bool is_membership(int level, int name) {
    if (level == IPPROTO_IP)
        return name >= IP_ADD_MEMBERSHIP && name <= MCAST_MSFILTER;
    if (level == IPPROTO_IPV6)
        return name == IPV6_ADD_MEMBERSHIP || name == IPV6_DROP_MEMBERSHIP ||
               (name >= MCAST_JOIN_GROUP && name <= MCAST_MSFILTER);
    return false;
}

/* A device other than ours is the kernel's: so is the socket then, if it may be. 0 or -ENODEV. */
static int bind_to_device(struct call *c, const char *name, size_t len) {
    char want[IFNAMSIZ] = "", ours[IFNAMSIZ];
    struct ifreq ifr = {.ifr_ifindex = 0};
    int index;
    bool in_kernel;
    memcpy(want, name, strnlen(name, UST_MIN(len, sizeof(want) - 1)));
    call_unlock(c);
    bool known = iface_name(ours, &index, &in_kernel);
    call_lock(c);
    if (!want[0] || (known && strcmp(want, ours) == 0))
        return 0;
    memcpy(ifr.ifr_name, want, sizeof(want));
    if (c->s->where != SOCK_UNDECIDED || stack_is_strict() ||
        sys_ioctl(c->fd, SIOCGIFINDEX, &ifr) < 0)
        return -ENODEV;
    place_sync(c->fd, c->s);
    decide_kernel(c->s, SOCK_WHY_DEVICE);
    return CALL_TO_LIBC;
}

static long do_setsockopt(struct call *c, int level, int name, const void *user, socklen_t len) {
    char val[OPT_BYTES_MAX];
    if ((int)len < 0)
        return -EINVAL;
    size_t n = UST_MIN((size_t)len, sizeof(val));
    if (user_copy_in(val, user, n) != 0)
        return -EFAULT;
    int r = 0;
    if (level == SOL_SOCKET && name == SO_BINDTODEVICE)
        r = bind_to_device(c, val, n);
    if (r < 0)
        return r;
    r = sock_setopt(c->sk, c->now, c->s, level, name, val, n);
    if ((c->s->where == SOCK_UNDECIDED || c->s->kernel_half) && !stack_is_strict() &&
        !is_membership(level, name))
        sys_setsockopt(c->fd, level, name, val, (socklen_t)n);
    return r;
}

int setsockopt(int fd, int level, int name, const void *val, socklen_t len) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "setsockopt", fd))
        return real.setsockopt(fd, level, name, val, len);
    long r = call_end(&c, do_setsockopt(&c, level, name, val, len));
    return r == CALL_TO_LIBC ? real.setsockopt(fd, level, name, val, len) : (int)r;
}

static long do_getsockopt(struct call *c, int level, int name, void *user, socklen_t *user_len) {
    char val[OPT_BYTES_MAX];
    int room;
    if (user_copy_in(&room, user_len, sizeof(room)) != 0)
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    size_t n = UST_MIN((size_t)room, sizeof(val));
    /* Asked with a value, the group, in what is to be filled. */
    bool asks = level == IPPROTO_IP && (name == IP_MSFILTER || name == MCAST_MSFILTER);
    if (asks && user_copy_in(val, user, n) != 0)
        return -EFAULT;
    int r = sock_getopt(c->sk, c->now, c->s, level, name, val, &n);
    if (r < 0)
        return r;
    socklen_t full = (socklen_t)n;
    if (user_copy_out(user_len, &full, sizeof(full)) != 0)
        return -EFAULT;
    return user_copy_out(user, val, UST_MIN(n, (size_t)room)) != 0 ? -EFAULT : 0;
}

int getsockopt(int fd, int level, int name, void *val, socklen_t *len) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "getsockopt", fd))
        return real.getsockopt(fd, level, name, val, len);
    return (int)call_end(&c, do_getsockopt(&c, level, name, val, len));
}
