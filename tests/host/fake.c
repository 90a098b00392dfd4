/* SPDX-License-Identifier: ISC */
#include "host/fake.h"

#include <poll.h>
#include <stdio.h>

const struct ust_mac fake_mac = {{2, 0, 0, 0, 0, 2}}, fake_peer_mac = {{2, 0, 0, 0, 0, 1}};
int fake_wire = -1;
_Atomic bool fake_stuck;
_Atomic unsigned fake_sent;
static uint8_t rx_buf[70000];

static int fake_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t len) {
    int sv[2], big = 4 << 20;
    (void)cfg;
    (void)err;
    (void)len;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, sv) < 0)
        return -errno;
    setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &big, sizeof big);
    d->fd = host_fd_raise(sv[0]);
    fake_wire = sv[1];
    d->info = (struct dev_info){.mac = fake_mac, .mtu = 1500};
    return 0;
}

static void fake_close(struct dev *d) {
    host_fd_forget(d->fd);
    close(d->fd);
    d->fd = -1;
}

static bool fake_pending(struct dev *d) {
    (void)d;
    return false;
}

static bool fake_rx(struct dev *d, struct pkt_rx *p) {
    ssize_t n = recv(d->fd, rx_buf, sizeof rx_buf, MSG_DONTWAIT);
    if (n <= 0)
        return false;
    memset(p, 0, sizeof *p);
    p->frame = slice_of(rx_buf, (size_t)n);
    return true;
}

static void fake_rx_done(struct dev *d) { (void)d; }

static int fake_tx(struct dev *d, const struct pkt_tx *p) {
    static uint8_t buf[70000];
    if (fake_stuck)
        return -EAGAIN;
    size_t n = pkt_linearize(p, buf, sizeof buf);
    fake_sent++;
    return send(d->fd, buf, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static const struct dev_ops ops = {.name = "fake",
                                   .open = fake_open,
                                   .close = fake_close,
                                   .pending = fake_pending,
                                   .rx = fake_rx,
                                   .rx_done = fake_rx_done,
                                   .tx = fake_tx};
const struct dev_ops *fake_ops(void) { return &ops; }

void fake_start(bool up, void (*tune)(struct host_cfg *cfg)) {
    static struct host_cfg cfg;
    host_cfg_default(&cfg);
    strcpy(cfg.ifname, "fake0");
    snprintf(cfg.name, sizeof cfg.name, "test-%d", (int)getpid());
    cfg.ip4[0] = (struct host_prefix){addr_from_ip4(FAKE_US), 96 + 24};
    cfg.ip4_cnt = 1;
    cfg.mem_bytes = 64 << 20;
    if (tune)
        tune(&cfg);
    host_use_device(&ops);
    ck_assert_int_eq(host_attach(&cfg), 0);
    if (up)
        ck_assert_int_eq(host_up(), 0);
}

struct sock *fake_udp(uint16_t port) {
    struct socks *sk = &host_stack()->socks;
    struct sock *s = NULL;
    const struct ust_addr any = addr_from_ip4(0);
    uint64_t now = host_lock();
    ck_assert_int_eq(sock_new(sk, AF_INET, SOCK_DGRAM, 0, &s), 0);
    sock_decide(sk, now, s, SOCK_STACK, SOCK_WHY_BIND_ADDR);
    ck_assert_int_eq(sock_bind(sk, now, s, &any, port), 0);
    host_unlock(now);
    return s;
}

void fake_send_udp(uint16_t dport, const void *p, size_t len) {
    uint8_t f[2048];
    const struct ust_addr src = addr_from_ip4(FAKE_PEER), dst = addr_from_ip4(FAKE_US);
    const struct eth_hdr eh = {.dst = fake_mac, .src = fake_peer_mac, .type = ETH_TYPE_IP4};
    const struct ip4_hdr ih = {.ttl = 64,
                               .proto = IP_PROTO_UDP,
                               .total_len = (uint16_t)(IP4_HDR_LEN + UDP_HDR_LEN + len),
                               .src = src,
                               .dst = dst};
    const struct udp_hdr uh = {1000, dport, (uint16_t)(UDP_HDR_LEN + len)};
    const struct ust_slice body = slice_of(p, len);
    eth_emit(&eh, f);
    ip4_emit(&ih, f + ETH_HDR_LEN);
    udp_emit(&uh, &src, &dst, &body, 1, f + ETH_HDR_LEN + IP4_HDR_LEN);
    memcpy(f + ETH_HDR_LEN + IP4_HDR_LEN + UDP_HDR_LEN, p, len);
    size_t n = ETH_HDR_LEN + IP4_HDR_LEN + UDP_HDR_LEN + len;
    while (send(fake_wire, f, n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno != EAGAIN)
            abort();
        struct pollfd pf = {.fd = fake_wire, .events = POLLOUT};
        poll(&pf, 1, 1000);
    }
}

void fake_send_arp_reply(uint32_t spa, const struct ust_mac *sha) {
    uint8_t f[ETH_HDR_LEN + ARP_LEN];
    const struct eth_hdr eh = {.dst = fake_mac, .src = *sha, .type = ETH_TYPE_ARP};
    const struct arp_hdr ah = {.op = ARP_OP_REPLY,
                               .sha = *sha,
                               .tha = fake_mac,
                               .spa = addr_from_ip4(spa),
                               .tpa = addr_from_ip4(FAKE_US)};
    eth_emit(&eh, f);
    arp_emit(&ah, f + ETH_HDR_LEN);
    ck_assert_int_eq(send(fake_wire, f, sizeof f, MSG_NOSIGNAL), (int)sizeof f);
}

size_t fake_recv(uint8_t *buf, size_t cap, int ms) {
    struct pollfd pf = {.fd = fake_wire, .events = POLLIN};
    if (poll(&pf, 1, ms) <= 0)
        return 0;
    ssize_t n = recv(fake_wire, buf, cap, MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

int fake_recv_byte(struct sock *s, uint64_t timeout_ns, bool needs_poll) {
    struct socks *sk = &host_stack()->socks;
    uint64_t now = host_lock();
    uint64_t deadline = timeout_ns == TIME_NEVER ? TIME_NEVER : now + timeout_ns;
    for (;;) {
        struct udp_dgram *d;
        struct host_wait hw;
        int b = -3;
        if (sock_dgram_peek(sk, s, &d) == 0) {
            if (d) {
                b = d->len ? d->buf[0] : 0;
                sock_dgram_done(sk, s, true);
            }
            host_unlock(now);
            return b;
        }
        if (now >= deadline) {
            host_unlock(now);
            return -1;
        }
        if (host_wait_begin(&hw, needs_poll) < 0)
            abort();
        waiter_add_sock(sk, hw.w, s, POLLIN, false);
        host_unlock(now);
        enum host_wait_result r = host_wait(&hw, NULL, 0, deadline, NULL, true);
        now = host_lock();
        host_wait_end(&hw);
        if (r == HOST_SIGNAL) {
            host_unlock(now);
            return -2;
        }
    }
}
