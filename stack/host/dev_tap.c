/* SPDX-License-Identifier: ISC */
/*
 * The tap device: the stack is the machine at the far end of the kernel's interface. With the
 * virtio header checksums stay open and 64 KB frames pass whole both ways, as over a packet socket,
 * at less cost a frame. Whoever owns the tap (ip tuntap add ... user NAME) needs no privilege.
 *
 * All state is in the descriptor; the buffer is made by the process that reads first.
 */
#include <linux/if.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "host/dev_common.h"
#include "host/priv.h"
#include "host/sys.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

static uint8_t *buf; /* DEV_FRAME_BYTES */

static int refuse(const struct host_cfg *cfg, long r, const char *what, char *err, size_t len) {
    const char *name = cfg->ifname;
    if (r == -EPERM || r == -EACCES)
        snprintf(err, len,
                 "tap:%s: not yours; as root: ip tuntap add dev %s mode tap user $USER, or be root",
                 name, name);
    else if (r == -EBUSY)
        snprintf(err, len, "tap:%s: another program has it", name);
    else if (r == -EINVAL)
        snprintf(err, len,
                 "tap:%s: not a tap device, or one of several queues; make it by ip tuntap add dev "
                 "%s mode tap",
                 name, name);
    else
        snprintf(err, len, "tap:%s: %s: %s", name, what, strerrordesc_np((int)-r));
    return (int)r;
}

static int refuse_tun(long r, char *err, size_t len) {
    snprintf(err, len, "/dev/net/tun: %s%s", strerrordesc_np((int)-r),
             r == -EACCES ? " (as root: chmod 666 /dev/net/tun; it gives nobody a right by itself)"
             : r == -ENOENT || r == -ENODEV ? " (as root: modprobe tun)"
                                            : "");
    return (int)r;
}

static uint32_t set_offloads(int fd) {
    static const unsigned long tso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
    const uint32_t features = LINK_F_CSUM | LINK_F_TSO4 | LINK_F_TSO6;
    if (sys_ioctl(fd, TUNSETOFFLOAD, (void *)(tso | TUN_F_USO4 | TUN_F_USO6)) == 0)
        return features | LINK_F_USO;
    if (sys_ioctl(fd, TUNSETOFFLOAD, (void *)tso) == 0)
        return features;
    return 0;
}

static int tap_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t len) {
    struct if_facts f;
    struct ifreq ifr = {0};
    int hdr = VNET_BYTES;
    if (if_facts(cfg->ifname, &f) < 0) {
        snprintf(
            err, len,
            "no interface %s in this network namespace; as root: ip tuntap add dev %s mode tap "
            "user $USER; ip link set %s up",
            cfg->ifname, cfg->ifname, cfg->ifname);
        return -ENODEV;
    }
    if (!f.up) {
        snprintf(err, len, "the interface %s is down (ip link set %s up)", cfg->ifname,
                 cfg->ifname);
        return -ENETDOWN;
    }
    int r = dev_set_mtu(d, cfg, f.mtu, err, len);
    if (r < 0)
        return r;
    long fd = sys_open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return refuse_tun(fd, err, len);
    d->fd = host_fd_raise((int)fd);
    memcpy(ifr.ifr_name, cfg->ifname, UST_MIN(strlen(cfg->ifname), (size_t)IFNAMSIZ - 1));
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    long t = sys_ioctl(d->fd, TUNSETIFF, &ifr);
    if (t == 0)
        t = sys_ioctl(d->fd, TUNSETVNETHDRSZ, &hdr);
    if (t < 0) {
        dev_drop_fd(d);
        return refuse(cfg, t, "cannot attach", err, len);
    }
    dev_set_far_mac(d, cfg, f.mac.b, sizeof f.mac.b);
    d->info.features = set_offloads(d->fd);
    d->info.gso_max_bytes = d->info.features ? 65535 : 0;
    return 0;
}

static int tap_adopt(struct dev *d) {
    (void)d;
    return 0;
}

static bool tap_pending(struct dev *d) {
    (void)d;
    return false;
}

static bool tap_rx(struct dev *d, struct pkt_rx *p) {
    uint8_t vh[VNET_BYTES];
    if (UST_UNLIKELY(!buf)) {
        uint8_t *b = sys_mmap(NULL, DEV_FRAME_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (b == MAP_FAILED)
            return false;
        buf = b;
    }
    struct iovec iov[2] = {{vh, VNET_BYTES}, {buf, DEV_FRAME_BYTES}};
    long n = sys_readv(d->fd, iov, 2);
    if (n <= VNET_BYTES)
        return false;
    memset(p, 0, sizeof *p);
    p->frame = slice_of(buf, (size_t)n - VNET_BYTES);
    vnet_parse(p, vh);
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    p->ts_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
    return true;
}

static void tap_rx_done(struct dev *d) { (void)d; }

static int tap_tx(struct dev *d, const struct pkt_tx *p) {
    uint8_t vh[VNET_BYTES];
    struct iovec iov[DEV_IOV_MAX];
    vnet_emit(p, vh);
    long r = sys_writev(d->fd, iov, dev_iov(p, slice_of(vh, VNET_BYTES), iov));
    return r < 0 ? (int)r : 0;
}

const struct dev_ops dev_tap_ops = {
    .name = "tap",
    .adopt = tap_adopt,
    .open = tap_open,
    .close = dev_drop_fd,
    .pending = tap_pending,
    .rx = tap_rx,
    .rx_done = tap_rx_done,
    .tx = tap_tx,
};
