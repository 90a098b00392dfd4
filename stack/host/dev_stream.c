/* SPDX-License-Identifier: ISC */
/*
 * The stream device: frames over an AF_UNIX stream socket, each behind its length (32 bits, network
 * order), as passt and qemu's -netdev stream speak it. No privilege, no interface. The socket is
 * connected to, or, with "listen:" before the path, waited at for one peer.
 *
 * A stream has no frame borders, so that what is half read and half written belongs to all who use
 * the descriptor: buffers and positions lie in the arena.
 */
#include <stdio.h>
#include <sys/un.h>

#include "host/dev_common.h"
#include "host/priv.h"
#include "host/sys.h"

#define LISTEN "listen:"
#define LISTEN_WAIT_S 30
#define LEN_BYTES 4
#define FRAME_MIN 14u
#define FRAME_MAX 65550u /* Ethernet header and 65,535 bytes, rounded up */
#define MTU_DEFAULT 1500u
#define MTU_MAX 65520u
#define RX_BYTES (256u << 10)
#define TX_BYTES (128u << 10)
#define SOCK_BUF_BYTES (1 << 20)

struct stream_shared {       /* [L] */
    uint8_t *rx, *tx;        /* in the arena */
    uint32_t rx_off, rx_len; /* unread bytes are rx[rx_off, rx_len) */
    uint32_t tx_off, tx_len; /* of a frame that was sent in part: tx[tx_off, tx_len) */
    uint32_t frame_len;      /* of the frame that rx() gave out */
    bool more;               /* a whole frame waits in rx; read without the lock */
};
_Static_assert(sizeof(struct stream_shared) <= HOST_DEV_BYTES, "host_shared has room for it");

static struct stream_shared *shared(void) {
    return (struct stream_shared *)(void *)host_local.s->dev;
}

static uint32_t get_len(const uint8_t *p) {
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* ---- opening ---- */

static long connect_to(const struct sockaddr_un *sa) {
    long fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    long r = sys_connect((int)fd, (const struct sockaddr *)sa, sizeof *sa);
    if (r < 0)
        sys_close((int)fd);
    return r < 0 ? r : fd;
}

/* The first peer; the socket's name goes with it. */
static long wait_for_peer(const struct sockaddr_un *sa) {
    long fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    long r = sys_bind((int)fd, (const struct sockaddr *)sa, sizeof *sa);
    bool bound = r == 0;
    if (r == 0)
        r = sys_listen((int)fd, 1);
    if (r == 0) {
        struct pollfd p = {.fd = (int)fd, .events = POLLIN};
        struct timespec ts = {LISTEN_WAIT_S, 0};
        while ((r = sys_ppoll(&p, 1, &ts, NULL)) == -EINTR)
            ;
        r = r == 0 ? -ETIMEDOUT : r;
    }
    if (r > 0)
        r = sys_accept4((int)fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    sys_close((int)fd);
    if (bound)
        sys_unlink(sa->sun_path);
    return r;
}

static int refuse(const char *path, bool listens, long r, char *err, size_t len) {
    if (r == -ETIMEDOUT && listens)
        snprintf(err, len, "stream:" LISTEN "%s: nobody connected within %d s", path,
                 LISTEN_WAIT_S);
    else if (r == -EADDRINUSE)
        snprintf(err, len, "stream:" LISTEN "%s: the file is there already", path);
    else if (r == -ENOENT || r == -ECONNREFUSED)
        snprintf(err, len, "stream:%s: nobody listens there (%s); start passt -s %s, or qemu", path,
                 strerrordesc_np((int)-r), path);
    else if (r == -EAGAIN)
        snprintf(err, len, "stream:%s: its listener serves another program", path);
    else
        snprintf(err, len, "stream:%s: %s", path, strerrordesc_np((int)-r));
    return (int)r;
}

static void set_buffers(int fd) {
    int bytes = SOCK_BUF_BYTES;
    sys_setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    sys_setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static void stream_close(struct dev *d) {
    struct stream_shared *s = shared();
    struct arena *ar = &host_local.st->core.arena;
    lock_take();
    if (s->rx)
        span_free(ar, s->rx);
    if (s->tx)
        span_free(ar, s->tx);
    memset(s, 0, sizeof *s);
    lock_drop();
    dev_drop_fd(d);
}

static int stream_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t len) {
    const size_t pre = sizeof LISTEN - 1;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    bool listens = strncmp(cfg->ifname, LISTEN, pre) == 0;
    const char *path = cfg->ifname + (listens ? pre : 0);
    struct stream_shared *s = shared();
    if (strlen(path) >= sizeof sa.sun_path)
        return refuse(path, listens, -ENAMETOOLONG, err, len);
    strcpy(sa.sun_path, path);
    int r = dev_set_mtu(d, cfg, cfg->mtu ? MTU_MAX : MTU_DEFAULT, err, len);
    if (r < 0)
        return r;
    long fd = listens ? wait_for_peer(&sa) : connect_to(&sa);
    if (fd < 0)
        return refuse(path, listens, fd, err, len);
    d->fd = host_fd_raise((int)fd);
    set_buffers(d->fd);
    lock_take();
    memset(s, 0, sizeof *s);
    s->rx = span_alloc_raw(&host_local.st->core.arena, RX_BYTES);
    s->tx = span_alloc_raw(&host_local.st->core.arena, TX_BYTES);
    lock_drop();
    if (!s->rx || !s->tx) {
        stream_close(d);
        return refuse(path, listens, -ENOMEM, err, len);
    }
    dev_set_far_mac(d, cfg, path, strlen(path));
    return 0;
}

/* All that there is to know lies in the arena. */
static int stream_adopt(struct dev *d) {
    (void)d;
    return shared()->rx ? 0 : -EINVAL;
}

/* ---- receiving ---- */

/* The length of the next frame if it is all there, or -1; -EPROTO: no frame is so long, the borders are lost. */
static int64_t whole_frame(const struct stream_shared *s) {
    uint32_t have = s->rx_len - s->rx_off;
    if (have < LEN_BYTES)
        return -1;
    uint32_t len = get_len(s->rx + s->rx_off);
    if (len > FRAME_MAX)
        return -EPROTO;
    return have - LEN_BYTES >= len ? (int64_t)len : -1;
}

/* Reads what is there. False: nothing. */
static bool fill(struct dev *d, struct stream_shared *s) {
    if (s->rx_off > 0) {
        memmove(s->rx, s->rx + s->rx_off, s->rx_len - s->rx_off);
        s->rx_len -= s->rx_off;
        s->rx_off = 0;
    }
    long n = sys_recvfrom(d->fd, s->rx + s->rx_len, RX_BYTES - s->rx_len, MSG_DONTWAIT, NULL, NULL);
    if (n <= 0)
        return false;
    s->rx_len += (uint32_t)n;
    return true;
}

static bool stream_rx(struct dev *d, struct pkt_rx *p) {
    struct stream_shared *s = shared();
    int64_t len;
    while ((len = whole_frame(s)) == -1)
        if (!fill(d, s))
            return false;
    if (len < 0) { /* nothing that follows could be believed */
        d->truncated++;
        s->rx_off = s->rx_len = 0;
        sys_shutdown(d->fd, SHUT_RDWR);
        return false;
    }
    s->frame_len = (uint32_t)len;
    memset(p, 0, sizeof *p);
    p->frame = slice_of(s->rx + s->rx_off + LEN_BYTES, (size_t)len);
    return true;
}

static void stream_rx_done(struct dev *d) {
    struct stream_shared *s = shared();
    (void)d;
    s->rx_off += LEN_BYTES + s->frame_len;
    __atomic_store_n(&s->more, whole_frame(s) >= 0, __ATOMIC_RELAXED);
}

static bool stream_pending(struct dev *d) {
    (void)d;
    return __atomic_load_n(&shared()->more, __ATOMIC_RELAXED);
}

/* ---- sending ---- */

/* The rest of a frame. True: nothing is left of it. */
static bool stream_flush(struct dev *d) {
    struct stream_shared *s = shared();
    while (s->tx_off < s->tx_len) {
        long n = sys_sendto(d->fd, s->tx + s->tx_off, s->tx_len - s->tx_off,
                            MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0);
        if (n == -EAGAIN)
            return false;
        if (n < 0)
            break; /* the peer is gone: poll says so */
        s->tx_off += (uint32_t)n;
    }
    s->tx_off = s->tx_len = 0;
    return true;
}

static int stream_tx(struct dev *d, const struct pkt_tx *p) {
    struct stream_shared *s = shared();
    struct iovec iov[DEV_IOV_MAX];
    uint32_t len = pkt_len(p), whole = LEN_BYTES + len;
    const uint8_t front[LEN_BYTES] = {(uint8_t)(len >> 24), (uint8_t)(len >> 16),
                                      (uint8_t)(len >> 8), (uint8_t)len};
    if (!stream_flush(d))
        return -EAGAIN;
    if (len < FRAME_MIN || len > FRAME_MAX)
        return -EMSGSIZE;
    int cnt = dev_iov(p, slice_of(front, LEN_BYTES), iov);
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)cnt};
    long n = sys_sendmsg(d->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return (int)n;
    uint32_t skip = (uint32_t)n;
    for (int i = 0; i < cnt && (uint32_t)n < whole; i++) {
        uint32_t from = (uint32_t)UST_MIN((size_t)skip, iov[i].iov_len);
        memcpy(s->tx + s->tx_len, (const uint8_t *)iov[i].iov_base + from, iov[i].iov_len - from);
        s->tx_len += (uint32_t)iov[i].iov_len - from;
        skip -= from;
    }
    return 0;
}

const struct dev_ops dev_stream_ops = {
    .name = "stream",
    .adopt = stream_adopt,
    .open = stream_open,
    .close = stream_close,
    .pending = stream_pending,
    .rx = stream_rx,
    .rx_done = stream_rx_done,
    .tx = stream_tx,
    .flush = stream_flush,
};
