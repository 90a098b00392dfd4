/* SPDX-License-Identifier: ISC */
/* The stack's interface, as programs see it beside the kernel's. */
#ifndef UST_PRELOAD_IFACE_H
#define UST_PRELOAD_IFACE_H

#include "internal.h"

#include <net/if.h>

struct iface_addr {
    struct ust_addr addr;
    uint8_t plen; /* of 128 */
};
struct iface {
    char name[IFNAMSIZ];
    int index;      /* the kernel's, if it has an interface of that name */
    bool in_kernel; /* it has: then the addresses here replace the kernel's */
    uint32_t mtu;
    struct ust_mac mac;
    struct iface_addr addr[NET_ADDR_MAX];
    unsigned addr_cnt;
};
/* Brings the stack up. False: there is none. Without the lock. */
bool iface_get(struct iface *i);
/* The name and the index alone; the stack need not be up. False: not configured. */
bool iface_name(char name[IFNAMSIZ], int *index, bool *in_kernel);

/* One of the ioctls about interfaces (netdevice(7)) that we answer? */
static inline bool iface_ioctl_ours(unsigned long req) {
    return UST_UNLIKELY((req & ~0xffUL) == 0x8900 && req != 0x8905 /* SIOCATMARK */);
}
#define IFACE_NOT_OURS (-1026)
/* 0, negative errno, or IFACE_NOT_OURS: libc's to answer. */
long iface_ioctl(int fd, unsigned long req, void *arg);

#endif
