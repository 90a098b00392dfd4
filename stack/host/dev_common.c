/* SPDX-License-Identifier: ISC */
#include "host/dev_common.h"

#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "host/sys.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
_Static_assert(sizeof(struct virtio_net_hdr) == VNET_BYTES, "as the kernel writes it");

void vnet_emit(const struct pkt_tx *p, uint8_t dst[VNET_BYTES]) {
    static const uint8_t type[] = {[PKT_GSO_NONE] = VIRTIO_NET_HDR_GSO_NONE,
                                   [PKT_GSO_TCP4] = VIRTIO_NET_HDR_GSO_TCPV4,
                                   [PKT_GSO_TCP6] = VIRTIO_NET_HDR_GSO_TCPV6,
                                   [PKT_GSO_UDP] = VIRTIO_NET_HDR_GSO_UDP_L4};
    struct virtio_net_hdr vh = {0};
    if (p->needs_csum) {
        vh.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        vh.csum_start = (uint16_t)(PKT_L4_OFF - p->head_off);
        vh.csum_offset = p->csum_off;
    }
    if (p->gso != PKT_GSO_NONE) {
        vh.gso_type = type[p->gso];
        vh.gso_size = p->gso_size;
        vh.hdr_len = (uint16_t)(p->head_end - p->head_off);
    }
    memcpy(dst, &vh, VNET_BYTES);
}

void vnet_parse(struct pkt_rx *p, const uint8_t src[VNET_BYTES]) {
    struct virtio_net_hdr vh;
    memcpy(&vh, src, VNET_BYTES);
    if (vh.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
        p->csum_ok = true;
    switch (vh.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        p->gso = PKT_GSO_TCP4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        p->gso = PKT_GSO_TCP6;
        break;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        p->gso = PKT_GSO_UDP;
        break;
    default:
        return;
    }
    p->gso_size = vh.gso_size;
}

int dev_iov(const struct pkt_tx *p, struct ust_slice front, struct iovec iov[DEV_IOV_MAX]) {
    int cnt = 0;
    if (front.len)
        iov[cnt++] = (struct iovec){(void *)(uintptr_t)front.p, front.len};
    iov[cnt++] = (struct iovec){(void *)(uintptr_t)(p->head + p->head_off),
                                (size_t)(p->head_end - p->head_off)};
    for (unsigned i = 0; i < p->slice_cnt; i++)
        iov[cnt++] = (struct iovec){(void *)(uintptr_t)p->body[i].p, p->body[i].len};
    return cnt;
}

int if_facts(const char *name, struct if_facts *f) {
    struct ifreq ifr = {0};
    memset(f, 0, sizeof *f);
    if (strlen(name) >= IFNAMSIZ)
        return -ENODEV;
    memcpy(ifr.ifr_name, name, strlen(name));
    long fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return (int)fd;
    long r = sys_ioctl((int)fd, SIOCGIFFLAGS, &ifr);
    if (r == 0) {
        f->up = ifr.ifr_flags & IFF_UP;
        f->ethernet = sys_ioctl((int)fd, SIOCGIFHWADDR, &ifr) == 0 &&
                      ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
        memcpy(f->mac.b, ifr.ifr_hwaddr.sa_data, 6);
        f->mtu = sys_ioctl((int)fd, SIOCGIFMTU, &ifr) == 0 ? (uint32_t)ifr.ifr_mtu : 1500;
    }
    sys_close((int)fd);
    return r < 0 ? -ENODEV : 0;
}

int dev_set_mtu(struct dev *d, const struct host_cfg *cfg, uint32_t most, char *err, size_t len) {
    if (cfg->mtu > most) {
        snprintf(err, len, "USERSTACK_MTU %u is above %u, the MTU of %s", cfg->mtu, most,
                 cfg->ifname);
        return -EINVAL;
    }
    d->info.mtu = cfg->mtu ? cfg->mtu : most;
    return 0;
}

void dev_set_far_mac(struct dev *d, const struct host_cfg *cfg, const void *of, size_t len) {
    static const struct sip_key key = {{0x7573657273746163, 0x6d6163}};
    uint64_t h = siphash(&key, of, len);
    d->info.mac = cfg->mac;
    if (cfg->has_mac)
        return;
    memcpy(d->info.mac.b, &h, 6);
    d->info.mac.b[0] = (uint8_t)((d->info.mac.b[0] & ~1) | 2);
}

void dev_drop_fd(struct dev *d) {
    if (d->fd < 0)
        return;
    host_fd_forget(d->fd);
    sys_close(d->fd);
    d->fd = -1;
}
