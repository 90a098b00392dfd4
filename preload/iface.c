/* SPDX-License-Identifier: ISC */
/*
 * The stack's interface among the kernel's: getifaddrs(), if_nametoindex() and the like, SIOCGIF*. If the kernel has an interface of that name (the one that carries our
 * frames), it keeps its place and number, and the kernel's Internet addresses on it give way to the stack's, since a socket of the program can have only these. What
 * asks the kernel by netlink itself sees the kernel's view.
 */
#include "iface.h"
#include "decide.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/sockios.h>

#include "host/sys.h"

#define NAME_OF_STREAM "us0" /* a link without an interface */
#define FLAGS (IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST)
#define FLAGS_LOWER_UP 0x10000

/* ---- what it is ---- */

static long kernel_ioctl(unsigned long req, struct ifreq *ifr) {
    int fd = (int)sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fd;
    long r = sys_ioctl(fd, req, ifr);
    sys_close(fd);
    return r;
}

bool iface_name(char name[IFNAMSIZ], int *index, bool *in_kernel) {
    if (stack_ready() < 0)
        return false;
    const struct host_cfg *cfg = host_config();
    const char *s = cfg->dev == DEV_STREAM ? NAME_OF_STREAM : cfg->ifname;
    struct ifreq ifr = {.ifr_ifindex = 0};
    memset(name, 0, IFNAMSIZ);
    memcpy(name, s, strnlen(s, IFNAMSIZ - 1));
    memcpy(ifr.ifr_name, name, IFNAMSIZ);
    *in_kernel = cfg->dev != DEV_STREAM && kernel_ioctl(SIOCGIFINDEX, &ifr) == 0;
    *index = *in_kernel ? ifr.ifr_ifindex : HOST_IFINDEX_OURS;
    return true;
}

bool iface_get(struct iface *i) {
    memset(i, 0, sizeof(*i));
    if (!iface_name(i->name, &i->index, &i->in_kernel) || host_up() < 0)
        return false;
    enter();
    uint64_t now = host_lock();
    const struct stack *st = host_stack();
    i->mtu = st->link.mtu;
    i->mac = st->link.mac;
    for (unsigned k = 0; k < NET_ADDR_MAX; k++) {
        const struct net_addr *a = &st->net.addr[k];
        if (a->used && a->state != NET_ADDR_DUPLICATE && !addr_is_loopback(&a->addr))
            i->addr[i->addr_cnt++] = (struct iface_addr){a->addr, a->plen};
    }
    host_unlock(now);
    leave();
    return true;
}

static uint32_t ip4_mask(const struct iface_addr *a) {
    unsigned plen = a->plen >= 96 ? a->plen - 96u : 0;
    return plen == 0 ? 0 : ~0u << (32 - plen);
}

static struct sockaddr_in in4_of(uint32_t ip) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};
}

static bool is_link_local(const struct ust_addr *a) {
    return a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80;
}

/* ---- getifaddrs ---- */

union any_addr {
    struct sockaddr sa;
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;
    struct sockaddr_ll ll;
};

/* One entry with all that it points to, in the list's memory. */
struct entry {
    struct ifaddrs ifa;
    char name[IFNAMSIZ];
    union any_addr addr, netmask, other;
    struct rtnl_link_stats data;
};

struct list {
    struct entry *v;
    size_t cnt;
};

static void keep_addr(struct sockaddr **slot, union any_addr *at, const struct sockaddr *from) {
    *slot = NULL;
    if (!from)
        return;
    size_t len = from->sa_family == AF_INET    ? sizeof(at->in4)
                 : from->sa_family == AF_INET6 ? sizeof(at->in6)
                                               : sizeof(at->ll);
    memcpy(at, from, len);
    *slot = &at->sa;
}

/* The next entry; it points into itself, so it must stay where it is. */
static struct entry *add(struct list *l, const char *name, unsigned flags) {
    struct entry *e = &l->v[l->cnt++];
    memset(e, 0, sizeof(*e));
    memcpy(e->name, name, strnlen(name, IFNAMSIZ - 1));
    e->ifa.ifa_name = e->name;
    e->ifa.ifa_flags = flags;
    return e;
}

static struct entry *add_kernels(struct list *l, const struct ifaddrs *k) {
    struct entry *e = add(l, k->ifa_name, k->ifa_flags);
    keep_addr(&e->ifa.ifa_addr, &e->addr, k->ifa_addr);
    keep_addr(&e->ifa.ifa_netmask, &e->netmask, k->ifa_netmask);
    keep_addr(&e->ifa.ifa_ifu.ifu_broadaddr, &e->other, k->ifa_ifu.ifu_broadaddr);
    if (k->ifa_data && k->ifa_addr && k->ifa_addr->sa_family == AF_PACKET) {
        memcpy(&e->data, k->ifa_data, sizeof(e->data));
        e->ifa.ifa_data = &e->data;
    }
    return e;
}

/* The link-layer entry. */
static void set_link(struct entry *e, const struct iface *i) {
    struct sockaddr_ll ll = {.sll_family = AF_PACKET,
                             .sll_ifindex = i->index,
                             .sll_hatype = ARPHRD_ETHER,
                             .sll_halen = sizeof(i->mac.b)};
    memcpy(ll.sll_addr, i->mac.b, sizeof(i->mac.b));
    e->ifa.ifa_flags |= FLAGS | FLAGS_LOWER_UP;
    e->ifa.ifa_flags &= ~(unsigned)IFF_NOARP;
    e->addr.ll = ll;
    memset(ll.sll_addr, 0xff, sizeof(i->mac.b));
    e->other.ll = ll;
    e->ifa.ifa_addr = &e->addr.sa;
    e->ifa.ifa_ifu.ifu_broadaddr = &e->other.sa;
    e->ifa.ifa_data = &e->data;
}

static void add_ip(struct list *l, const struct iface *i, const struct iface_addr *a) {
    struct entry *e = add(l, i->name, FLAGS | FLAGS_LOWER_UP);
    e->ifa.ifa_addr = &e->addr.sa;
    e->ifa.ifa_netmask = &e->netmask.sa;
    if (addr_is_ip4(&a->addr)) {
        e->addr.in4 = in4_of(addr_ip4(&a->addr));
        e->netmask.in4 = in4_of(ip4_mask(a));
        e->other.in4 = in4_of(addr_ip4(&a->addr) | ~ip4_mask(a));
        e->ifa.ifa_ifu.ifu_broadaddr = &e->other.sa;
        return;
    }
    e->addr.in6.sin6_family = e->netmask.in6.sin6_family = AF_INET6;
    memcpy(&e->addr.in6.sin6_addr, a->addr.b, sizeof(a->addr.b));
    if (is_link_local(&a->addr))
        e->addr.in6.sin6_scope_id = (uint32_t)i->index;
    for (unsigned bit = 0; bit < a->plen; bit++)
        e->netmask.in6.sin6_addr.s6_addr[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

/* The kernel's entries of that family, then ours: links, IPv4, IPv6, as libc orders them. */
static void add_family(struct list *l, const struct ifaddrs *kernel, const struct iface *i,
                       int family) {
    for (const struct ifaddrs *k = kernel; k; k = k->ifa_next) {
        bool here = strcmp(k->ifa_name, i->name) == 0;
        if ((k->ifa_addr ? k->ifa_addr->sa_family : AF_UNSPEC) != family)
            continue;
        if (!here)
            add_kernels(l, k);
        else if (family == AF_PACKET)
            set_link(add_kernels(l, k), i);
    }
    if (family == AF_PACKET && !i->in_kernel)
        set_link(add(l, i->name, 0), i);
    for (unsigned k = 0; k < i->addr_cnt; k++)
        if ((addr_is_ip4(&i->addr[k].addr) ? AF_INET : AF_INET6) == family)
            add_ip(l, i, &i->addr[k]);
}

int getifaddrs(struct ifaddrs **out) {
    struct iface i;
    struct ifaddrs *kernel;
    int r = real.getifaddrs(&kernel);
    if (r < 0)
        return r;
    *out = kernel;
    if (!iface_get(&i))
        return 0;
    struct list l = {.cnt = 0};
    size_t cap = 1 + i.addr_cnt;
    for (const struct ifaddrs *k = kernel; k; k = k->ifa_next)
        cap++;
    l.v = calloc(cap, sizeof(*l.v));
    if (!l.v) {
        real.freeifaddrs(kernel);
        errno = ENOMEM;
        return -1;
    }
    static const int order[] = {AF_PACKET, AF_INET, AF_INET6, AF_UNSPEC};
    for (size_t k = 0; k < UST_ARRAY_CNT(order); k++)
        add_family(&l, kernel, &i, order[k]);
    real.freeifaddrs(kernel);
    for (size_t k = 0; k + 1 < l.cnt; k++)
        l.v[k].ifa.ifa_next = &l.v[k + 1].ifa;
    *out = &l.v[0].ifa;
    return 0;
}

/* One piece of memory, whose first field is the list: libc's as well as ours. */
void freeifaddrs(struct ifaddrs *list) { real.freeifaddrs(list); }

/* ---- names and numbers ---- */

unsigned if_nametoindex(const char *name) {
    char ours[IFNAMSIZ];
    int index;
    bool in_kernel;
    unsigned r = real.if_nametoindex(name);
    if (r != 0)
        return r;
    int saved = errno;
    if (iface_name(ours, &index, &in_kernel) && !in_kernel && strcmp(name, ours) == 0)
        return (unsigned)index;
    errno = saved;
    return 0;
}

char *if_indextoname(unsigned index, char name[IF_NAMESIZE]) {
    char ours[IFNAMSIZ];
    int no;
    bool in_kernel;
    if (index == HOST_IFINDEX_OURS && iface_name(ours, &no, &in_kernel) && !in_kernel)
        return memcpy(name, ours, IFNAMSIZ);
    return real.if_indextoname(index, name);
}

struct if_nameindex *if_nameindex(void) {
    char ours[IFNAMSIZ];
    int index;
    bool in_kernel;
    struct if_nameindex *v = real.if_nameindex();
    if (!v || !iface_name(ours, &index, &in_kernel) || in_kernel)
        return v;
    size_t cnt = 0;
    while (v[cnt].if_index || v[cnt].if_name)
        cnt++;
    /* As libc lays it out: if_freenameindex() frees each name, then the list. */
    struct if_nameindex *more = realloc(v, (cnt + 2) * sizeof(*v));
    if (more)
        v = more;
    char *copy = strdup(ours);
    if (!more || !copy) {
        free(copy);
        if_freenameindex(v);
        errno = ENOBUFS;
        return NULL;
    }
    v[cnt] = (struct if_nameindex){.if_index = (unsigned)index, .if_name = copy};
    v[cnt + 1] = (struct if_nameindex){.if_index = 0};
    return v;
}

/* ---- ioctls ---- */

static const struct iface_addr *first_ip4(const struct iface *i) {
    for (unsigned k = 0; k < i->addr_cnt; k++)
        if (addr_is_ip4(&i->addr[k].addr))
            return &i->addr[k];
    return NULL;
}

static void put_in4(struct sockaddr *sa, uint32_t ip) {
    struct sockaddr_in in4 = in4_of(ip);
    memcpy(sa, &in4, sizeof(in4));
}

/* The answer for our interface: 0, negative errno or IFACE_NOT_OURS. */
static long answer(const struct iface *i, unsigned long req, struct ifreq *ifr) {
    const struct iface_addr *a = first_ip4(i);
    switch (req) {
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
        if (!a)
            return -EADDRNOTAVAIL;
        put_in4(&ifr->ifr_addr, req == SIOCGIFNETMASK   ? ip4_mask(a)
                                : req == SIOCGIFBRDADDR ? addr_ip4(&a->addr) | ~ip4_mask(a)
                                                        : addr_ip4(&a->addr));
        return 0;
    case SIOCGIFFLAGS:
        ifr->ifr_flags = FLAGS;
        return 0;
    case SIOCGIFMTU:
        ifr->ifr_mtu = (int)i->mtu;
        return 0;
    case SIOCGIFHWADDR:
        memset(&ifr->ifr_hwaddr, 0, sizeof(ifr->ifr_hwaddr));
        ifr->ifr_hwaddr.sa_family = ARPHRD_ETHER;
        memcpy(ifr->ifr_hwaddr.sa_data, i->mac.b, sizeof(i->mac.b));
        return 0;
    case SIOCGIFINDEX:
        ifr->ifr_ifindex = i->index;
        return 0;
    case SIOCGIFMETRIC:
        ifr->ifr_metric = 0;
        return 0;
    default:
        return IFACE_NOT_OURS;
    }
}

/* The kernel's list without its addresses on our interface, then ours; bytes, negative errno. */
static long conf_list(const struct iface *i, struct ifreq **out) {
    struct ifconf kernel = {.ifc_len = 0};
    int fd = (int)sys_socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    long r = fd < 0 ? fd : sys_ioctl(fd, SIOCGIFCONF, &kernel);
    struct ifreq *v = NULL;
    size_t cnt = 0;
    if (r == 0) {
        v = calloc((size_t)kernel.ifc_len / sizeof(*v) + NET_ADDR_MAX, sizeof(*v));
        kernel.ifc_req = v;
        r = v ? sys_ioctl(fd, SIOCGIFCONF, &kernel) : -ENOMEM;
    }
    if (fd >= 0)
        sys_close(fd);
    if (r < 0) {
        free(v);
        return r;
    }
    for (size_t k = 0; k < (size_t)kernel.ifc_len / sizeof(*v); k++)
        if (strncmp(v[k].ifr_name, i->name, IFNAMSIZ) != 0)
            v[cnt++] = v[k];
    for (unsigned k = 0; k < i->addr_cnt; k++) {
        if (!addr_is_ip4(&i->addr[k].addr))
            continue;
        memset(&v[cnt], 0, sizeof(v[cnt]));
        memcpy(v[cnt].ifr_name, i->name, IFNAMSIZ);
        put_in4(&v[cnt++].ifr_addr, addr_ip4(&i->addr[k].addr));
    }
    *out = v;
    return (long)(cnt * sizeof(*v));
}

static long get_conf(const struct iface *i, void *user) {
    struct ifconf ifc;
    struct ifreq *v;
    if (user_copy_in(&ifc, user, sizeof(ifc)) != 0)
        return -EFAULT;
    long len = conf_list(i, &v);
    if (len < 0)
        return len;
    if (ifc.ifc_buf) {
        /* Whole entries, as many as there is room for. */
        len = UST_MIN(len, UST_MAX(ifc.ifc_len, 0) / (long)sizeof(*v) * (long)sizeof(*v));
        if (user_copy_out(ifc.ifc_buf, v, (size_t)len) != 0) {
            free(v);
            return -EFAULT;
        }
    }
    free(v);
    ifc.ifc_len = (int)len;
    return user_copy_out(user, &ifc, sizeof(ifc)) != 0 ? -EFAULT : 0;
}

static bool is_known(unsigned long req) {
    switch (req) {
    case SIOCGIFCONF:
    case SIOCGIFNAME:
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
    case SIOCGIFFLAGS:
    case SIOCGIFMTU:
    case SIOCGIFHWADDR:
    case SIOCGIFINDEX:
    case SIOCGIFMETRIC:
        return true;
    default:
        return false;
    }
}

static bool is_socket(int fd) {
    int type;
    socklen_t len = sizeof(type);
    return SYS_CALL5(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
}

long iface_ioctl(int fd, unsigned long req, void *arg) {
    struct ifreq ifr;
    struct iface i;
    char name[IFNAMSIZ];
    int index;
    bool in_kernel;
    if (!is_known(req) || !is_socket(fd) || !iface_name(name, &index, &in_kernel))
        return IFACE_NOT_OURS;
    if (req == SIOCGIFCONF)
        return iface_get(&i) ? get_conf(&i, arg) : IFACE_NOT_OURS;
    if (user_copy_in(&ifr, arg, sizeof(ifr)) != 0)
        return -EFAULT;
    ifr.ifr_name[IFNAMSIZ - 1] = '\0';
    long r;
    if (req == SIOCGIFNAME) {
        if (in_kernel || ifr.ifr_ifindex != index)
            return IFACE_NOT_OURS;
        memcpy(ifr.ifr_name, name, IFNAMSIZ);
        r = 0;
    } else {
        if (strcmp(ifr.ifr_name, name) != 0 || !iface_get(&i))
            return IFACE_NOT_OURS;
        r = answer(&i, req, &ifr);
    }
    if (r == 0 && user_copy_out(arg, &ifr, sizeof(ifr)) != 0)
        r = -EFAULT;
    return r;
}
