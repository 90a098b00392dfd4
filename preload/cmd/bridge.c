/* SPDX-License-Identifier: ISC */
/*
 * userstack bridge: joins two interfaces by copying frames, through the fault link if one is asked for. What netem does, on kernels that lack it.
 *
 * Each direction is a way: an arena of its own with a core and a link in it, so that it has counters, dice and memory of its own. A frame from the
 * first interface is offered to its way's link_rx(); without --fault it goes on at once, whole, with the virtio header that it came with (a checksum left open and a
 * segment size are for the other device to do). With --fault it is cut to wire size, waits in the way's receiving lane, and comes out of link_held_next() when it is due.
 * The "tx." part of the specification is the way from IF1 to IF2, "rx." the way back.
 *
 * The sockets see everything (promiscuous) but what the bridge itself sends. The bridge has no address and answers nothing; the interfaces should have none either.
 *
 * Not done: learning of addresses (two ports need none), spanning tree, a ring: this is for experiments, not for a wire at full speed.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/csum.h"
#include "cmd/cmd.h"
#include "link/fault.h"

#define ARENA_BYTES (512ull << 20) /* sparse: 16384 jumbo frames fit */
#define BURST 64                   /* frames from one socket in a row */
#define SOCK_BUF_BYTES (16 << 20)
#define VLAN_BYTES 4
#define FRAME_MAX (VLAN_BYTES + BUF_MAX_BYTES)

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

struct port {
    const char *name;
    int fd;
};

struct way {
    struct core core;
    struct link link;
    struct port *from, *to;
    uint64_t frames, bytes; /* sent */
    uint64_t refused;       /* by the device */
    uint64_t too_long;
};

static volatile sig_atomic_t ended;
static void on_signal(int sig) {
    (void)sig;
    ended = 1;
}

static uint64_t clock_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* ---- set-up; each step 0 or an exit status, its line printed ---- */

static int port_set(const struct port *p, int opt, int on, const char *what) {
    if (setsockopt(p->fd, SOL_PACKET, opt, &on, sizeof on) == 0)
        return 0;
    return cmd_fail(EXIT_NOT_RUN, "%s: no %s (%s)", p->name, what, strerror(errno));
}

static int port_open(struct port *p, const char *name) {
    struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = __builtin_bswap16(ETH_P_ALL)};
    struct packet_mreq promisc = {.mr_type = PACKET_MR_PROMISC};
    int r, bytes = SOCK_BUF_BYTES;
    p->name = name;
    if ((r = cmd_check_interface(name)) != 0)
        return r;
    if ((r = cmd_check_privilege()) != 0)
        return r;
    p->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (p->fd < 0)
        return cmd_fail(EXIT_NOT_RUN, "no packet socket (%s)", strerror(errno));
    if ((r = port_set(p, PACKET_VNET_HDR, 1, "virtio headers")) != 0 ||
        (r = port_set(p, PACKET_AUXDATA, 1, "VLAN tags")) != 0 ||
        (r = port_set(p, PACKET_IGNORE_OUTGOING, 1, "way to ignore what we send ourselves")) != 0)
        return r;
    /* Beyond the limit for who may; else as much as there is. */
    if (setsockopt(p->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    if (setsockopt(p->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) < 0)
        setsockopt(p->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    at.sll_ifindex = (int)if_nametoindex(name);
    promisc.mr_ifindex = at.sll_ifindex;
    if (bind(p->fd, (struct sockaddr *)&at, sizeof at) < 0 ||
        setsockopt(p->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof promisc) < 0)
        return cmd_fail(EXIT_NOT_RUN, "%s: %s", name, strerror(errno));
    return 0;
}

/* Its lane is the link's receiving one: what is offered to link_rx() comes out when it is due. */
static struct way *way_new(struct port *from, struct port *to, const struct fault_cfg *cfg,
                           const struct fault_spec *spec, uint64_t seed, uint64_t now_ns) {
    static const struct ust_mac no_mac;
    uint8_t secret[16] = {0};
    void *mem = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mem == MAP_FAILED)
        return NULL;
    struct way *w = (struct way *)mem;
    struct fault_cfg lane = {.rx = *spec, .seed = seed, .on = true};
    if (arena_init(&w->core.arena, mem, ARENA_BYTES, sizeof *w) < 0)
        return NULL;
    wheel_init(&w->core.wheel, now_ns);
    if (seed == 0 && getrandom(secret, sizeof secret, 0) < 0)
        return NULL;
    rng_init(&w->core.rng, secret);
    if (link_init(&w->link, &w->core, &no_mac, BUF_MAX_BYTES, 0, 0) < 0)
        return NULL;
    if (cfg->on && fault_attach(&w->link, &lane, now_ns) < 0)
        return NULL;
    w->from = from;
    w->to = to;
    return w;
}

/* ---- frames ---- */

static void put(struct way *w, const struct virtio_net_hdr *vh, struct ust_slice frame) {
    struct iovec iov[2] = {{(void *)(uintptr_t)vh, sizeof *vh},
                           {(void *)(uintptr_t)frame.p, frame.len}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = 2};
    if (sendmsg(w->to->fd, &m, MSG_DONTWAIT) < 0) {
        w->refused++;
        return;
    }
    w->frames++;
    w->bytes += frame.len;
}

/* The kernel takes the VLAN tag off; it goes back into the four bytes before the frame. */
static void restore_tag(struct msghdr *m, uint8_t **frame, size_t *len, struct virtio_net_hdr *vh) {
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        struct tpacket_auxdata aux;
        if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
            continue;
        memcpy(&aux, CMSG_DATA(c), sizeof aux);
        if (!(aux.tp_status & TP_STATUS_VLAN_VALID) || *len < 2 * ETH_ALEN)
            return;
        uint16_t tpid =
            aux.tp_status & TP_STATUS_VLAN_TPID_VALID ? aux.tp_vlan_tpid : (uint16_t)ETH_P_8021Q;
        uint8_t *f = *frame - VLAN_BYTES;
        memmove(f, *frame, 2 * ETH_ALEN);
        f[12] = (uint8_t)(tpid >> 8);
        f[13] = (uint8_t)tpid;
        f[14] = (uint8_t)(aux.tp_vlan_tci >> 8);
        f[15] = (uint8_t)aux.tp_vlan_tci;
        *frame = f;
        *len += VLAN_BYTES;
        if (vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
            vh->csum_start = (uint16_t)(vh->csum_start + VLAN_BYTES);
        if (vh->gso_type != VIRTIO_NET_HDR_GSO_NONE)
            vh->hdr_len = (uint16_t)(vh->hdr_len + VLAN_BYTES);
        return;
    }
}

/* What the sender left to its device: the field holds the sum of the pseudo header. */
static void complete_csum(uint8_t *frame, size_t len, struct virtio_net_hdr *vh) {
    size_t field = (size_t)vh->csum_start + vh->csum_offset;
    if (!(vh->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || field + 2 > len)
        return;
    struct csum c = {0};
    csum_add(&c, frame + vh->csum_start, len - vh->csum_start);
    uint16_t v = csum_finish(&c);
    if (v == 0)
        v = 0xffff; /* for UDP 0 means none; the sum is the same to the others */
    memcpy(frame + field, &v, sizeof v);
    vh->flags &= (uint8_t)~VIRTIO_NET_HDR_F_NEEDS_CSUM;
}

static uint8_t gso_of(const struct virtio_net_hdr *vh) {
    switch (vh->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_TCPV4:
        return PKT_GSO_TCP4;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        return PKT_GSO_TCP6;
    case VIRTIO_NET_HDR_GSO_UDP_L4:
        return PKT_GSO_UDP;
    default:
        return PKT_GSO_NONE;
    }
}

/* One frame as it came. */
static void offer(struct way *w, uint64_t now_ns, struct virtio_net_hdr *vh, uint8_t *frame,
                  size_t len) {
    struct pkt_rx p = {.frame = slice_of(frame, len), .gso = gso_of(vh), .gso_size = vh->gso_size};
    vh->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
    /* Cutting makes checksums by itself; a bit must not flip before there is one. */
    if (w->link.fault && p.gso == PKT_GSO_NONE)
        complete_csum(frame, len, vh);
    if (link_rx(&w->link, now_ns, &p))
        put(w, vh, p.frame);
}

/* A burst from the socket. 0, or a negative errno that is not about a single frame. */
static int way_pull(struct way *w, uint64_t now_ns) {
    static uint8_t buf[FRAME_MAX];
    for (int i = 0; i < BURST; i++) {
        struct virtio_net_hdr vh;
        char control[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
        uint8_t *frame = buf + VLAN_BYTES;
        struct iovec iov[2] = {{&vh, sizeof vh}, {frame, sizeof buf - VLAN_BYTES}};
        struct msghdr m = {.msg_iov = iov,
                           .msg_iovlen = 2,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
        ssize_t n = recvmsg(w->from->fd, &m, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if ((m.msg_flags & MSG_TRUNC) || (size_t)n < sizeof vh) {
            w->too_long++;
            continue;
        }
        size_t len = (size_t)n - sizeof vh;
        restore_tag(&m, &frame, &len, &vh);
        offer(w, now_ns, &vh, frame, len);
    }
    return 0;
}

/* What is due leaves. */
static void way_push(struct way *w, uint64_t now_ns) {
    static const struct virtio_net_hdr plain;
    struct timer *t;
    struct pkt_rx p;
    while ((t = wheel_pop(&w->core.wheel, now_ns)) != NULL)
        link_timer(&w->link, now_ns, t);
    while (link_held_next(&w->link, now_ns, &p)) {
        put(w, &plain, p.frame);
        link_held_done(&w->link);
    }
}

/* ---- the loop ---- */

/* A way's device has an error: it went down (it may come back) or away. */
static int port_trouble(const struct port *p, int err) {
    if (if_nametoindex(p->name) == 0)
        return cmd_fail(EXIT_NOT_RUN, "interface %s has gone", p->name);
    if (err != -ENETDOWN)
        return cmd_fail(EXIT_NOT_RUN, "%s: %s", p->name, strerror(-err));
    return 0;
}

static int turn(struct way *w[2], struct pollfd pfd[2], uint64_t now_ns) {
    for (int i = 0; i < 2; i++) {
        int r = 0;
        if (pfd[i].revents)
            r = way_pull(w[i], now_ns);
        if (r < 0 && (r = port_trouble(w[i]->from, r)) != 0)
            return r;
        way_push(w[i], now_ns);
    }
    return 0;
}

static int loop(struct way *w[2], const sigset_t *awake) {
    struct pollfd pfd[2] = {{.fd = w[0]->from->fd, .events = POLLIN},
                            {.fd = w[1]->from->fd, .events = POLLIN}};
    int r = 0;
    while (!ended && r == 0) {
        uint64_t now = clock_ns();
        uint64_t at = UST_MIN(wheel_next(&w[0]->core.wheel), wheel_next(&w[1]->core.wheel));
        uint64_t wait = at > now ? at - now : 0;
        struct timespec ts = {(time_t)(wait / NS_PER_S), (long)(wait % NS_PER_S)};
        if (ppoll(pfd, 2, at == TIME_NEVER ? NULL : &ts, awake) < 0) {
            pfd[0].revents = pfd[1].revents = 0;
            if (errno != EINTR)
                return cmd_fail(EXIT_NOT_RUN, "ppoll: %s", strerror(errno));
        }
        r = turn(w, pfd, clock_ns());
    }
    return r;
}

static void report(const struct way *w) {
    const uint64_t *drops = w->core.drops.cnt;
    struct tpacket_stats st = {0};
    socklen_t len = sizeof st;
    getsockopt(w->from->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len);
    printf("%s -> %s  frames %llu  bytes %llu  lost %llu  queue_full %llu  no_memory %llu  "
           "refused %llu  too_long %llu  missed %u\n",
           w->from->name, w->to->name, (unsigned long long)w->frames, (unsigned long long)w->bytes,
           (unsigned long long)drops[DROP_LINK_FAULT_LOSS],
           (unsigned long long)drops[DROP_LINK_FAULT_QUEUE],
           (unsigned long long)(drops[DROP_LINK_FAULT_MEMORY] + drops[DROP_LINK_FAULT_CUT]),
           (unsigned long long)w->refused, (unsigned long long)w->too_long, st.tp_drops);
}

static void usage(FILE *f) {
    fprintf(f, "usage: userstack bridge IF1 IF2 [--fault SPEC]\n\n"
               "Joins two interfaces until SIGINT or SIGTERM, then prints what crossed. SPEC, as\n"
               "in USERSTACK_FAULT: loss=1%%,delay=20ms,jitter=2ms,reorder=0.1%%,dup=0.1%%,\n"
               "corrupt=0.01%%,rate=10mbit,queue=1000,burst=3,seed=7, each for both directions,\n"
               "or with tx. in front for IF1 to IF2, with rx. for IF2 to IF1.\n");
}

/* -1: go on; else the exit status. */
static int parse_args(int argc, char **argv, const char *names[2], const char **spec) {
    int cnt = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        }
        if (strncmp(argv[i], "--fault=", 8) == 0) {
            *spec = argv[i] + 8;
        } else if (strcmp(argv[i], "--fault") == 0) {
            if (++i == argc)
                return cmd_fail(EXIT_NOT_RUN, "--fault wants a value: loss=1%%,delay=20ms,...");
            *spec = argv[i];
        } else if (argv[i][0] == '-') {
            return cmd_fail(EXIT_NOT_RUN, "no option %s; see `userstack bridge --help`", argv[i]);
        } else if (cnt == 2) {
            return cmd_fail(EXIT_NOT_RUN, "bridge wants two interfaces; %s is a third", argv[i]);
        } else {
            names[cnt++] = argv[i];
        }
    }
    if (cnt < 2)
        return cmd_fail(EXIT_NOT_RUN, "bridge wants two interfaces; see `userstack bridge --help`");
    if (if_nametoindex(names[0]) && if_nametoindex(names[0]) == if_nametoindex(names[1]))
        return cmd_fail(EXIT_NOT_RUN, "%s cannot be joined to itself", names[0]);
    return -1;
}

int cmd_bridge(int argc, char **argv) {
    const char *names[2] = {NULL, NULL}, *spec = "";
    struct port port[2] = {{.fd = -1}, {.fd = -1}};
    struct fault_cfg cfg;
    struct ust_slice bad;
    sigset_t block, awake;
    struct sigaction sa = {.sa_handler = on_signal};
    int r = parse_args(argc, argv, names, &spec);
    if (r >= 0)
        return r;
    if (!fault_parse(spec, &cfg, &bad))
        return cmd_fail(EXIT_NOT_RUN,
                        "--fault %s: '%.*s' is not understood; as loss=1%%,delay=20ms", spec,
                        (int)bad.len, (const char *)bad.p);
    /* Held back but in ppoll(): none is missed between the test and the sleep. */
    sigemptyset(&block);
    sigaddset(&block, SIGINT);
    sigaddset(&block, SIGTERM);
    sigprocmask(SIG_BLOCK, &block, &awake);
    sigdelset(&awake, SIGINT);
    sigdelset(&awake, SIGTERM);
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    prctl(PR_SET_TIMERSLACK, 1);

    if ((r = port_open(&port[0], names[0])) != 0 || (r = port_open(&port[1], names[1])) != 0)
        return r;
    uint64_t now = clock_ns();
    struct way *w[2] = {way_new(&port[0], &port[1], &cfg, &cfg.tx, cfg.seed, now),
                        way_new(&port[1], &port[0], &cfg, &cfg.rx, cfg.seed ? ~cfg.seed : 0, now)};
    if (!w[0] || !w[1])
        return cmd_fail(EXIT_NOT_RUN, "no memory for the bridge (%s)", strerror(errno));
    fprintf(stderr, "userstack: %s and %s are joined%s%s\n", names[0], names[1],
            cfg.on ? ", fault " : "", cfg.on ? spec : "");
    r = loop(w, &awake);
    for (int i = 0; i < 2; i++)
        report(w[i]);
    return r;
}
