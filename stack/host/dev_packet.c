/* SPDX-License-Identifier: ISC */
/*
 * The packet device: an AF_PACKET socket with the virtio header in front of each frame, so that
 * checksums may be left open and 64 KB TCP frames pass whole both ways.
 *
 * Receiving begins with plain recvmsg(), because a ring costs a grace period of the kernel's RCU
 * when it is set up (8 to 20 ms measured, against 30 us for the socket), and two more when it is
 * closed: a short program never pays that. After UPGRADE_FRAMES a thread in the background sets
 * up a second socket with a TPACKET_V2 ring and puts it in the first one's place: then looking
 * for a frame is one load, and a round trip 2 us shorter. V3 would add its block timeout to each
 * round trip.
 *
 * A slot holds one frame of the MTU. Of a longer one (super-frames) the slot gets the head and
 * the socket's queue the whole (PACKET_COPY_THRESH), to be read by recvmsg(): so there are
 * thousands of slots for small frames and no 64 KB for each of them. That wants a large receive
 * buffer; where the kernel does not grant it (SO_RCVBUFFORCE is for CAP_NET_ADMIN of the
 * machine), slots are few and hold super-frames.
 *
 * The change, under the lock: bind the new socket; let nothing more into the old one; read the
 * old one empty; skip in the ring what was already read. Frames that came between the first two
 * steps are in both: they are known by a hash of their first bytes.
 *
 * The filter is attached before the socket is bound, so that nothing foreign ever gets in.
 */
#include <linux/if_ether.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>

#include "host/dev_common.h"
#include "host/dev_packet.h"
#include "host/priv.h"
#include "host/sys.h"
#include "wire/eth.h"

#define SLOT_OVERHEAD 128u /* tpacket2_hdr, sockaddr_ll, virtio header, alignment, tag */
#define BLOCK_BYTES (4u << 20)
#define BLOCKS_LARGE 2u           /* of slots for super-frames */
#define QUEUE_BYTES_MIN (4 << 20) /* receive buffer that is enough to read super-frames from */
#define SOCK_BUF_BYTES (16 << 20)
#define UPGRADE_FRAMES 256
#define SEEN_MAX 256
#define SIG_BYTES 96 /* of a frame that tell it from others */

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

struct ring {
    int fd; /* before the change the new socket, then the old one to be closed; -1 none */
    uint8_t *map;
    uint32_t slot_bytes, in_block, block_cnt, slot_cnt;
};

static struct packet_dev {
    int ifindex;
    char ifname[IFNAMSIZ];
    bool vnet;
    bool foreign_mac; /* ours is not the interface's */
    /* plain */
    uint8_t *buf; /* DEV_FRAME_BYTES */
    uint64_t frames;
    /* ring */
    struct ring ring;
    bool ringed;
    int old_fd; /* being read empty, -1 none */
    uint64_t seen[SEEN_MAX];
    uint32_t seen_cnt;
    uint32_t suspects; /* slots that may repeat what was seen */
} self = {.old_fd = -1, .ring.fd = -1};

/* What all processes that use the socket have to know. [L] */
struct packet_shared {
    /* groups joined at the interface, by MAC */
    struct ust_mac group[NET_GROUP_MAX + 1];
    uint32_t group_cnt;
    int ifindex;
    char ifname[IFNAMSIZ];
    bool vnet, foreign_mac, ringed;
    uint32_t slot_bytes, in_block, block_cnt, slot_cnt;
};
_Static_assert(sizeof(struct packet_shared) <= HOST_DEV_BYTES, "host_shared has room for it");
static struct packet_shared *shared(void) {
    return (struct packet_shared *)(void *)host_local.s->dev;
}

/* ---- opening ---- */

static long set_int(int fd, int level, int name, int v) {
    return sys_setsockopt(fd, level, name, &v, sizeof v);
}

static long if_ioctl(int fd, unsigned long req, const char *name, struct ifreq *ifr) {
    memset(ifr, 0, sizeof *ifr);
    memcpy(ifr->ifr_name, name, UST_MIN(strlen(name), (size_t)IFNAMSIZ - 1));
    return sys_ioctl(fd, req, ifr);
}

/* Names of the first interfaces there are, for the message. */
static void list_interfaces(int fd, char *buf, size_t cap) {
    size_t len = 0;
    buf[0] = '\0';
    for (int i = 1; i < 100 && len + IFNAMSIZ + 2 < cap; i++) {
        struct ifreq ifr = {.ifr_ifindex = i};
        if (sys_ioctl(fd, SIOCGIFNAME, &ifr) == 0)
            len += (size_t)snprintf(buf + len, cap - len, "%s%.15s", len ? ", " : "", ifr.ifr_name);
    }
}

static int find_interface(struct dev *d, int fd, const struct host_cfg *cfg, char *err,
                          size_t len) {
    struct ifreq ifr;
    char names[200];
    const char *name = cfg->ifname;
    if (strlen(name) >= IFNAMSIZ || if_ioctl(fd, SIOCGIFINDEX, name, &ifr) < 0) {
        list_interfaces(fd, names, sizeof names);
        snprintf(err, len, "no interface %s in this network namespace (there are: %s)", name,
                 names);
        return -ENODEV;
    }
    self.ifindex = ifr.ifr_ifindex;
    strcpy(self.ifname, name);
    if (if_ioctl(fd, SIOCGIFFLAGS, name, &ifr) < 0 || !(ifr.ifr_flags & IFF_UP)) {
        snprintf(err, len, "the interface %s is down (ip link set %s up)", name, name);
        return -ENETDOWN;
    }
    if (if_ioctl(fd, SIOCGIFHWADDR, name, &ifr) < 0 || ifr.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        snprintf(err, len, "%s is not an Ethernet interface", name);
        return -EINVAL;
    }
    memcpy(d->info.mac.b, ifr.ifr_hwaddr.sa_data, 6);
    if (if_ioctl(fd, SIOCGIFMTU, name, &ifr) < 0) {
        snprintf(err, len, "cannot read the MTU of %s", name);
        return -EINVAL;
    }
    d->info.mtu = (uint32_t)ifr.ifr_mtu;
    if (cfg->mtu > d->info.mtu) {
        snprintf(err, len, "USERSTACK_MTU %u is above %u, the MTU of %s", cfg->mtu, d->info.mtu,
                 name);
        return -EINVAL;
    }
    if (cfg->mtu > 0)
        d->info.mtu = cfg->mtu;
    return 0;
}

static void join(int fd, unsigned short type, const uint8_t mac[6], bool in) {
    struct packet_mreq mr = {.mr_ifindex = self.ifindex, .mr_type = type, .mr_alen = 6};
    memcpy(mr.mr_address, mac, 6);
    sys_setsockopt(fd, SOL_PACKET, in ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, &mr,
                   sizeof mr);
}

/* USO came with Linux 6.2. There is no way to ask that sends nothing. */
static bool kernel_has_uso(void) {
    struct utsname u;
    int major = 0, minor = 0;
    if (sys_uname(&u) < 0 || sscanf(u.release, "%d.%d", &major, &minor) != 2)
        return false;
    return major > 6 || (major == 6 && minor >= 2);
}

static void set_buffers(int fd) {
    if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SOCK_BUF_BYTES) < 0)
        set_int(fd, SOL_SOCKET, SO_SNDBUF, SOCK_BUF_BYTES);
    if (set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, SOCK_BUF_BYTES) < 0)
        set_int(fd, SOL_SOCKET, SO_RCVBUF, SOCK_BUF_BYTES);
}

static long attach(int fd, struct sock_filter *prog, unsigned len) {
    struct sock_fprog f = {.len = (unsigned short)len, .filter = prog};
    return sys_setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f);
}

static long attach_nothing(int fd) {
    struct sock_filter none = BPF_STMT(BPF_RET | BPF_K, 0);
    return attach(fd, &none, 1);
}

static long attach_for(int fd, const struct dev *d, const struct net *n) {
    struct sock_filter prog[PACKET_FILTER_MAX];
    return attach(fd, prog, packet_filter(prog, &d->info.mac, n));
}

static long bind_all(int fd) {
    struct sockaddr_ll ll = {.sll_family = AF_PACKET,
                             .sll_protocol = __builtin_bswap16(ETH_P_ALL),
                             .sll_ifindex = self.ifindex};
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    ll.sll_protocol = ETH_P_ALL;
#endif
    return sys_bind(fd, (struct sockaddr *)&ll, sizeof ll);
}

/*
 * Programs that may do more than others put their capabilities aside and take them up for the one call that needs them (ping does). We are such a
 * call: CAP_NET_RAW, if this thread is permitted it, is taken up for as long as it lasts.
 */
static long packet_socket(void) {
    struct __user_cap_header_struct h = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct was[2], with[2];
    long fd = sys_socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd != -EPERM || SYS_CALL2(SYS_capget, &h, was) < 0 ||
        !(was[0].permitted & 1u << CAP_NET_RAW))
        return fd;
    memcpy(with, was, sizeof with);
    with[0].effective |= 1u << CAP_NET_RAW;
    if (SYS_CALL2(SYS_capset, &h, with) < 0)
        return fd;
    fd = sys_socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    SYS_CALL2(SYS_capset, &h, was);
    return fd;
}

/* A socket that receives nothing yet; raised. */
static int make_socket(void) {
    long fd = packet_socket();
    if (fd < 0)
        return (int)fd;
    fd = host_fd_raise((int)fd);
    set_int((int)fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
    set_buffers((int)fd);
    return (int)fd;
}

static void drop_fd(int fd) {
    if (fd < 0)
        return;
    host_fd_forget(fd);
    sys_close(fd);
}

static void packet_close(struct dev *d) {
    drop_fd(d->fd);
    drop_fd(self.old_fd);
    drop_fd(self.ring.fd);
    if (self.buf)
        sys_munmap(self.buf, DEV_FRAME_BYTES);
    if (self.ring.map)
        sys_munmap(self.ring.map, self.ring.block_cnt * BLOCK_BYTES);
    memset(&self, 0, sizeof self);
    self.old_fd = self.ring.fd = d->fd = -1;
}

static int packet_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t len) {
    packet_close(d);
    int fd = make_socket();
    if (fd < 0) {
        if (fd == -EPERM || fd == -EACCES)
            snprintf(
                err, len,
                "no permission for a packet socket on %s: needs CAP_NET_RAW (be root, or run in a "
                "user and network namespace of your own)",
                cfg->ifname);
        else
            snprintf(err, len, "cannot make a packet socket: %s", strerrordesc_np(-fd));
        return fd;
    }
    d->fd = fd;
    self.buf =
        sys_mmap(NULL, DEV_FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self.buf == MAP_FAILED)
        self.buf = NULL;
    int r = self.buf ? find_interface(d, fd, cfg, err, len) : -ENOMEM;
    if (r == 0) {
        self.vnet = set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1) == 0;
        set_int(fd, SOL_PACKET, PACKET_AUXDATA, 1);
        attach_nothing(fd);
        r = (int)bind_all(fd);
        if (r < 0)
            snprintf(err, len, "cannot bind to %s: %s", self.ifname, strerrordesc_np(-r));
    }
    if (r < 0) {
        packet_close(d);
        return r;
    }
    if (cfg->has_mac && !mac_eq(&cfg->mac, &d->info.mac)) {
        d->info.mac = cfg->mac;
        self.foreign_mac = true;
        join(fd, PACKET_MR_UNICAST, d->info.mac.b, true);
    }
    if (self.vnet) {
        d->info.features = LINK_F_CSUM | LINK_F_TSO4 | LINK_F_TSO6;
        d->info.features |= kernel_has_uso() ? LINK_F_USO : 0u;
        d->info.gso_max_bytes = 65535;
    }
    struct packet_shared *ps = shared();
    ps->ifindex = self.ifindex;
    memcpy(ps->ifname, self.ifname, sizeof ps->ifname);
    ps->vnet = self.vnet;
    ps->foreign_mac = self.foreign_mac;
    ps->ringed = false;
    return 0;
}

/* The filter and memberships belong to the socket and are there already. */
static int packet_adopt(struct dev *d) {
    const struct packet_shared *ps = shared();
    self.ifindex = ps->ifindex;
    memcpy(self.ifname, ps->ifname, sizeof self.ifname);
    self.vnet = ps->vnet;
    self.foreign_mac = ps->foreign_mac;
    self.buf =
        sys_mmap(NULL, DEV_FRAME_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (self.buf == MAP_FAILED) {
        self.buf = NULL;
        return -ENOMEM;
    }
    if (!ps->ringed)
        return 0;
    struct ring r = {-1, NULL, ps->slot_bytes, ps->in_block, ps->block_cnt, ps->slot_cnt};
    r.map = sys_mmap(NULL, r.block_cnt * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, d->fd, 0);
    if (r.map == MAP_FAILED)
        return -ENOMEM;
    self.ring = r;
    self.ringed = true;
    return 0;
}

/* ---- sending ---- */

static int packet_tx(struct dev *d, const struct pkt_tx *p) {
    uint8_t vh[VNET_BYTES];
    struct iovec iov[DEV_IOV_MAX];
    if (self.vnet)
        vnet_emit(p, vh);
    int cnt = dev_iov(p, slice_of(vh, self.vnet ? VNET_BYTES : 0), iov);
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)cnt};
    long r = sys_sendmsg(d->fd, &m, MSG_DONTWAIT);
    return r < 0 ? (int)r : 0;
}

/* ---- receiving ---- */

static uint64_t frame_sig(struct ust_slice f) {
    uint64_t h = f.len * 0x9e3779b97f4a7c15ULL;
    for (size_t i = 0; i < UST_MIN(f.len, (size_t)SIG_BYTES); i++)
        h = (h ^ f.p[i]) * 0x100000001b3ULL;
    return h;
}

static bool was_seen(struct ust_slice f) {
    uint64_t sig = frame_sig(f);
    for (uint32_t i = 0; i < UST_MIN(self.seen_cnt, (uint32_t)SEEN_MAX); i++)
        if (self.seen[i] == sig) {
            self.seen[i] = 0;
            return true;
        }
    return false;
}

static bool plain_rx(struct dev *d, int fd, struct pkt_rx *p) {
    uint8_t vh[VNET_BYTES];
    union {
        struct cmsghdr align;
        char buf[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } ctl;
    struct iovec iov[2] = {{vh, VNET_BYTES}, {self.buf, DEV_FRAME_BYTES}};
    for (;;) {
        struct msghdr m = {.msg_iov = self.vnet ? iov : iov + 1,
                           .msg_iovlen = self.vnet ? 2 : 1,
                           .msg_control = &ctl,
                           .msg_controllen = sizeof ctl};
        long n = sys_recvmsg(fd, &m, MSG_DONTWAIT);
        long pre = self.vnet ? VNET_BYTES : 0;
        if (n == -ENETDOWN)
            continue; /* said once: what was queued is still there */
        if (n < pre)
            return false;
        if (m.msg_flags & MSG_TRUNC) {
            d->truncated++;
            continue;
        }
        memset(p, 0, sizeof *p);
        p->frame = slice_of(self.buf, (size_t)(n - pre));
        if (self.vnet)
            vnet_parse(p, vh);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        if (c && c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
            struct tpacket_auxdata aux;
            memcpy(&aux, CMSG_DATA(c), sizeof aux);
            p->csum_ok =
                p->csum_ok || aux.tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID);
            p->has_vlan = aux.tp_status & TP_STATUS_VLAN_VALID;
            p->vlan_tci = aux.tp_vlan_tci;
        }
        struct timespec ts;
        clock_gettime(CLOCK_REALTIME, &ts);
        p->ts_ns = (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
        return true;
    }
}

static struct tpacket2_hdr *slot(uint32_t i) {
    const struct ring *r = &self.ring;
    if (i >= r->slot_cnt)
        i -= r->slot_cnt;
    uint8_t *at = r->map + (size_t)(i / r->in_block) * BLOCK_BYTES +
                  (size_t)(i % r->in_block) * r->slot_bytes;
    return (struct tpacket2_hdr *)(void *)at;
}

static bool slot_is_full(const struct tpacket2_hdr *h) {
    return __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static void slot_release(struct tpacket2_hdr *h) {
    uint32_t *next = &host_local.s->dev_rx_next;
    __atomic_store_n(&h->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    *next = *next + 1 == self.ring.slot_cnt ? 0 : *next + 1;
}

/*
 * The whole of a frame whose head is in slot h: the oldest in the socket's queue. False: it is
 * not there.
 */
static bool read_whole(struct dev *d, const struct tpacket2_hdr *h) {
    uint8_t vh[VNET_BYTES];
    struct iovec iov[2] = {{vh, VNET_BYTES}, {self.buf, DEV_FRAME_BYTES}};
    struct msghdr m = {.msg_iov = self.vnet ? iov : iov + 1, .msg_iovlen = self.vnet ? 2 : 1};
    if (!(h->tp_status & TP_STATUS_COPY))
        return false;
    long n = sys_recvmsg(d->fd, &m, MSG_DONTWAIT);
    return n == (long)h->tp_len + (self.vnet ? VNET_BYTES : 0) && !(m.msg_flags & MSG_TRUNC);
}

static bool ring_rx(struct dev *d, struct pkt_rx *p) {
    for (;;) {
        struct tpacket2_hdr *h = slot(host_local.s->dev_rx_next);
        if (!slot_is_full(h))
            return false;
        const uint8_t *frame = (const uint8_t *)h + h->tp_mac;
        struct ust_slice f = slice_of(frame, h->tp_snaplen);
        bool whole = true, repeated = false;
        if (h->tp_snaplen < h->tp_len) {
            whole = read_whole(d, h);
            f = slice_of(self.buf, h->tp_len);
        }
        if (UST_UNLIKELY(self.suspects > 0)) {
            self.suspects--;
            repeated = whole && was_seen(f);
        }
        if (UST_UNLIKELY(repeated || !whole)) {
            d->truncated += !whole;
            slot_release(h);
            continue;
        }
        memset(p, 0, sizeof *p);
        p->frame = f;
        p->csum_ok = h->tp_status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID);
        p->has_vlan = h->tp_status & TP_STATUS_VLAN_VALID;
        p->vlan_tci = h->tp_vlan_tci;
        p->ts_ns = (uint64_t)h->tp_sec * NS_PER_S + h->tp_nsec;
        if (self.vnet)
            vnet_parse(p, frame - VNET_BYTES);
        return true;
    }
}

/* The old socket is empty: which slots could repeat what came from it? */
static void old_is_empty(void) {
    for (uint32_t n = 0;
         n < self.ring.slot_cnt && slot_is_full(slot(host_local.s->dev_rx_next + n)); n++)
        self.suspects = n + 1;
    if (self.seen_cnt == 0)
        self.suspects = 0;
}

static bool packet_rx(struct dev *d, struct pkt_rx *p) {
    if (UST_LIKELY(self.ringed && self.old_fd < 0))
        return ring_rx(d, p);
    if (!self.ringed) {
        bool got = plain_rx(d, d->fd, p);
        __atomic_store_n(&self.frames, self.frames + got, __ATOMIC_RELAXED);
        return got;
    }
    if (plain_rx(d, self.old_fd, p)) {
        self.seen[self.seen_cnt++ % SEEN_MAX] = frame_sig(p->frame);
        return true;
    }
    self.ring.fd = self.old_fd; /* closed by CLEAN: that takes long */
    self.old_fd = -1;
    old_is_empty();
    return ring_rx(d, p);
}

static void packet_rx_done(struct dev *d) {
    (void)d;
    if (self.ringed && self.old_fd < 0)
        slot_release(slot(host_local.s->dev_rx_next));
}

static bool packet_pending(struct dev *d) {
    (void)d;
    return __atomic_load_n(&self.ringed, __ATOMIC_RELAXED) &&
           slot_is_full(slot(host_local.s->dev_rx_next));
}

/* ---- the ring ---- */

static void ring_shape(struct ring *r, int fd, uint32_t mtu) {
    int room = 0;
    socklen_t len = sizeof room;
    sys_getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, &len);
    bool queue = room >= QUEUE_BYTES_MIN && set_int(fd, SOL_PACKET, PACKET_COPY_THRESH, 1) == 0;
    r->slot_bytes =
        queue ? UST_MIN((mtu + SLOT_OVERHEAD + 63) & ~63u, DEV_FRAME_BYTES) : DEV_FRAME_BYTES;
    r->in_block = BLOCK_BYTES / r->slot_bytes;
    r->block_cnt = queue ? 1 : BLOCKS_LARGE;
    r->slot_cnt = r->in_block * r->block_cnt;
}

static bool ring_make(const struct dev *d) {
    int version = TPACKET_V2, fd = make_socket();
    struct ring r = {.fd = fd};
    if (fd < 0)
        return false;
    attach_nothing(fd);
    ring_shape(&r, fd, d->info.mtu);
    struct tpacket_req req = {.tp_block_size = BLOCK_BYTES,
                              .tp_block_nr = r.block_cnt,
                              .tp_frame_size = r.slot_bytes,
                              .tp_frame_nr = r.slot_cnt};
    if ((!self.vnet || set_int(fd, SOL_PACKET, PACKET_VNET_HDR, 1) == 0) &&
        sys_setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) == 0 &&
        sys_setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof req) == 0) {
        r.map =
            sys_mmap(NULL, r.block_cnt * BLOCK_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (r.map != MAP_FAILED) {
            self.ring = r;
            return true;
        }
    }
    drop_fd(fd);
    return false;
}

static bool ring_switch(struct dev *d) {
    const struct net *n = &host_local.st->net;
    int fd = self.ring.fd, old = (int)sys_fcntl(d->fd, F_DUPFD_CLOEXEC, d->fd);
    if (old < 0)
        return false;
    host_fd_note(old);
    if (attach_for(fd, d, n) < 0 || bind_all(fd) < 0) {
        drop_fd(old);
        return false;
    }
    attach_nothing(old);
    if (self.foreign_mac)
        join(fd, PACKET_MR_UNICAST, d->info.mac.b, true);
    for (uint32_t i = 0; i < shared()->group_cnt; i++)
        join(fd, PACKET_MR_MULTICAST, shared()->group[i].b, true);
    sys_dup3(fd, d->fd, O_CLOEXEC);
    drop_fd(fd);
    struct packet_shared *ps = shared();
    ps->slot_bytes = self.ring.slot_bytes;
    ps->in_block = self.ring.in_block;
    ps->block_cnt = self.ring.block_cnt;
    ps->slot_cnt = self.ring.slot_cnt;
    ps->ringed = true;
    self.ring.fd = -1;
    self.old_fd = old;
    host_local.s->dev_rx_next = 0;
    __atomic_store_n(&self.ringed, true, __ATOMIC_RELAXED);
    return true;
}

static bool packet_upgrade(struct dev *d, enum dev_upgrade phase) {
    switch (phase) {
    case DEV_UPGRADE_WANTED:
        return __atomic_load_n(&self.frames, __ATOMIC_RELAXED) >= UPGRADE_FRAMES;
    case DEV_UPGRADE_PREPARE:
        return ring_make(d);
    case DEV_UPGRADE_SWITCH:
        /* Other processes would go on reading the old one. */
        return host_proc_cnt() == 1 && ring_switch(d);
    case DEV_UPGRADE_CLEAN:
        drop_fd(self.ring.fd); /* the old socket, or a ring that could not be bound */
        self.ring.fd = -1;
        return true;
    }
    return false;
}

/* ---- filter and groups ---- */

static bool has_mac(const struct ust_mac *v, uint32_t cnt, const struct ust_mac *m) {
    for (uint32_t i = 0; i < cnt; i++)
        if (mac_eq(&v[i], m))
            return true;
    return false;
}

static int packet_set_filter(struct dev *d, const struct net *n) {
    struct ust_mac now[NET_GROUP_MAX + 1];
    uint32_t cnt = 0;
    for (unsigned i = 0; i < NET_GROUP_MAX; i++) {
        const struct net_group *g = &n->group[i];
        if (g->refs == 0)
            continue;
        struct ust_mac m =
            addr_is_ip4(&g->addr) ? eth_mcast_mac4(addr_ip4(&g->addr)) : eth_mcast_mac6(&g->addr);
        if (!has_mac(now, cnt, &m))
            now[cnt++] = m;
    }
    if (n->nd.cfg.on)
        now[cnt++] = eth_mcast_mac6(&nd_all_nodes);
    struct packet_shared *ps = shared();
    for (uint32_t i = 0; i < ps->group_cnt; i++)
        if (!has_mac(now, cnt, &ps->group[i]))
            join(d->fd, PACKET_MR_MULTICAST, ps->group[i].b, false);
    for (uint32_t i = 0; i < cnt; i++)
        if (!has_mac(ps->group, ps->group_cnt, &now[i]))
            join(d->fd, PACKET_MR_MULTICAST, now[i].b, true);
    memcpy(ps->group, now, sizeof now);
    ps->group_cnt = cnt;
    return (int)attach_for(d->fd, d, n);
}

static uint64_t packet_lost(struct dev *d) {
    struct tpacket_stats st = {0};
    socklen_t len = sizeof st;
    return sys_getsockopt(d->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0 ? st.tp_drops : 0;
}

const struct dev_ops dev_packet_ops = {
    .name = "packet",
    .open = packet_open,
    .adopt = packet_adopt,
    .close = packet_close,
    .pending = packet_pending,
    .rx = packet_rx,
    .rx_done = packet_rx_done,
    .tx = packet_tx,
    .filter = packet_set_filter,
    .lost = packet_lost,
    .upgrade = packet_upgrade,
};
