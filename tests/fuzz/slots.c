/* SPDX-License-Identifier: ISC */
/* What the program does with its sockets; any operation on any slot. Errors are answers: nobody
 * looks at them. */
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "fuzz/box.h"

static struct socks *sk(const struct box *b) { return &b->st->socks; }

static struct ust_addr dest(uint8_t which) {
    static const uint32_t ip[] = {BOX_PEER_IP,
                                  BOX_IP,
                                  0x0a000009u /* nobody */,
                                  0x0a0000ffu /* the subnet */,
                                  0xef010203u,
                                  0xc0000201u /* far */,
                                  0x7f000001u,
                                  0xffffffffu};
    return addr_from_ip4(ip[which & 7]);
}

static int set_int(struct box *b, struct sock *s, int level, int name, int v) {
    return sock_setopt(sk(b), b->now, s, level, name, &v, sizeof v);
}

/* ---- slots ---- */

static struct slot *slot_free(struct box *b) {
    for (int i = 6; i < BOX_SLOTS; i++)
        if (!b->slot[i].s)
            return &b->slot[i];
    return NULL;
}

static void slot_take(struct slot *sl, struct sock *s) {
    memset(sl, 0, sizeof *sl);
    sl->s = s;
}

static bool flow_has_urg(const struct box *b, const struct slot *sl) {
    for (int i = 0; i < BOX_FLOWS; i++)
        if (b->flow[i].lport == sl->lport && b->flow[i].rport == sl->rport)
            return b->flow[i].urg;
    return true; /* not a flow that the peer fills */
}

static void read_end(struct box *b, struct slot *sl) {
    struct copy *c = &sl->rd;
    uint64_t pos = sl->got;
    for (int i = 0; i < c->cnt; i++) {
        static uint8_t sink[4096];
        size_t n = c->r[i].len;
        if (b->content && sl->streams && !flow_has_urg(b, sl)) {
            seq_t seq = seq_add(sl->irs, (uint32_t)pos + 1);
            size_t ok = peer_verify(sl->lport, sl->rport, false, seq, c->r[i].p, n);
            if (ok < n)
                box_fail(b, "port %u: read a wrong byte at %llu", sl->rport,
                         (unsigned long long)pos + ok);
        } else {
            memcpy(sink, c->r[i].p, UST_MIN(n, sizeof sink));
        }
        pos += n;
    }
    sl->got = pos;
    c->on = false;
    sock_recv_done(sk(b), b->now, sl->s, (size_t)c->n);
    sock_unhold(sk(b), sl->s);
}

static void write_end(struct box *b, struct slot *sl, int flags) {
    struct copy *c = &sl->wr;
    for (int i = 0; i < c->cnt; i++) {
        seq_t seq = seq_add(sl->iss, (uint32_t)sl->sent + 1);
        peer_fill(sl->lport, sl->rport, true, seq, c->w[i].p, c->w[i].len);
        sl->sent += c->w[i].len;
    }
    c->on = false;
    sock_send_commit(sk(b), b->now, sl->s, (size_t)c->n, flags);
    sock_unhold(sk(b), sl->s);
}

static void slot_gone(struct slot *sl) {
    if (sl->closed && !sl->rd.on && !sl->wr.on)
        sl->s = NULL;
}

static void slot_close(struct box *b, struct slot *sl) {
    sl->closed = true;
    sock_drop(sk(b), b->now, sl->s);
    slot_gone(sl);
}

/* ---- operations ---- */

static void op_read(struct box *b, struct slot *sl, uint8_t n) {
    size_t len = 1 + (size_t)(n & 127) * 300;
    if (sl->s->kind == SOCK_KIND_UDP) {
        struct udp_dgram *d;
        if (!sl->closed && sock_dgram_peek(sk(b), sl->s, &d) == 0 && d)
            sock_dgram_done(sk(b), sl->s, !(n & 128));
        return;
    }
    if (sl->rd.on) {
        read_end(b, sl);
        slot_gone(sl);
        return;
    }
    if (sl->closed)
        return;
    box_learn(sl);
    sl->rd.n = sock_recv_peek(sk(b), sl->s, 0, len, sl->rd.r, &sl->rd.cnt, 8);
    box_say(b, "read %zu: %zd", len, sl->rd.n);
    if (sl->rd.n <= 0)
        return;
    sl->rd.on = true;
    sock_hold(sl->s);
    if (!(n & 128))
        read_end(b, sl);
}

static void op_write(struct box *b, struct slot *sl, uint8_t n) {
    size_t len = 1 + (size_t)(n & 127) * 500;
    if (sl->s->kind == SOCK_KIND_UDP)
        return;
    if (sl->wr.on) {
        write_end(b, sl, n & 1 ? MSG_MORE : 0);
        slot_gone(sl);
        return;
    }
    if (sl->closed)
        return;
    box_learn(sl);
    sl->wr.n = sock_send_reserve(sk(b), sl->s, len, sl->wr.w, &sl->wr.cnt, 8);
    box_say(b, "write %zu: %zd", len, sl->wr.n);
    if (sl->wr.n <= 0)
        return;
    sl->wr.on = true;
    sock_hold(sl->s);
    if (!(n & 128))
        write_end(b, sl, n == 3 ? MSG_OOB : 0);
}

static void op_sendto(struct box *b, struct slot *sl, uint8_t to, uint16_t port, uint8_t n) {
    struct udp_send u = {.dst = dest(to), .dport = to & 8 ? 0 : port};
    size_t len = (size_t)n * 40;
    if (sl->s->kind != SOCK_KIND_UDP)
        return;
    if (to & 16)
        u.gso_size = 500;
    if (to & 32) {
        u.has_ttl = true;
        u.ttl = 1;
    }
    uint8_t *buf = sock_dgram_buf(sk(b), len);
    if (!buf)
        return;
    memset(buf, n, len);
    int r = sock_dgram_send(sk(b), b->now, sl->s, &u, buf, len, false);
    box_say(b, "sendto %u:%u %zu bytes: %d", to & 7, port, len, r);
}

static void op_open(struct box *b, struct slot *sl, uint8_t kind, uint16_t port) {
    struct ust_addr any = addr_from_ip4(0), to = dest(kind >> 4);
    struct sock *s;
    if (sl->s || sock_new(sk(b), AF_INET, kind & 1 ? SOCK_DGRAM : SOCK_STREAM, 0, &s) < 0)
        return;
    s->where = SOCK_STACK;
    slot_take(sl, s);
    if (kind & 4) {
        set_int(b, s, SOL_SOCKET, SO_REUSEADDR, 1);
        set_int(b, s, SOL_SOCKET, SO_REUSEPORT, 1);
    }
    if (kind & 8)
        sock_bind(sk(b), b->now, s, kind & 2 ? &any : &to, port);
    else if (kind & 2)
        sock_connect(sk(b), b->now, s, &to, port);
    if ((kind & 9) == 8)
        sock_listen(sk(b), b->now, s, kind >> 4);
}

static void op_accept(struct box *b, struct slot *l) {
    struct slot *sl = slot_free(b);
    struct sock *s;
    if (!b->slot[5].s)
        sl = &b->slot[5];
    if (!sl || sock_accept(sk(b), b->now, l->s, &s) < 0)
        return;
    s->where = SOCK_STACK;
    slot_take(sl, s);
    box_say(b, "accepted: slot %d", (int)(sl - b->slot));
}

static void op_setopt(struct box *b, struct slot *sl, uint8_t which, uint8_t val) {
    static const struct {
        uint8_t level, name;
        uint16_t unit;
    } opt[] = {
        {SOL_SOCKET, SO_KEEPALIVE, 1},
        {SOL_SOCKET, SO_SNDBUF, 1000},
        {SOL_SOCKET, SO_RCVBUF, 1000},
        {SOL_SOCKET, SO_OOBINLINE, 1},
        {SOL_SOCKET, SO_BROADCAST, 1},
        {SOL_SOCKET, SO_RCVLOWAT, 100},
        {SOL_SOCKET, SO_REUSEADDR, 1},
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_CORK, 1},
        {IPPROTO_TCP, TCP_MAXSEG, 16},
        {IPPROTO_TCP, TCP_KEEPIDLE, 1},
        {IPPROTO_TCP, TCP_KEEPINTVL, 1},
        {IPPROTO_TCP, TCP_KEEPCNT, 1},
        {IPPROTO_TCP, TCP_SYNCNT, 1},
        {IPPROTO_TCP, TCP_LINGER2, 1},
        {IPPROTO_TCP, TCP_DEFER_ACCEPT, 1},
        {IPPROTO_TCP, TCP_QUICKACK, 1},
        {IPPROTO_TCP, TCP_WINDOW_CLAMP, 256},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 100},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 500},
        {IPPROTO_IP, IP_TOS, 1},
        {IPPROTO_IP, IP_TTL, 1},
        {IPPROTO_IP, IP_MTU_DISCOVER, 1},
        {IPPROTO_IP, IP_RECVERR, 1},
        {IPPROTO_IP, IP_MULTICAST_TTL, 1},
        {IPPROTO_IP, IP_MULTICAST_LOOP, 1},
        {IPPROTO_UDP, UDP_SEGMENT, 10},
        {IPPROTO_UDP, UDP_GRO, 1},
    };
    uint8_t out[512];
    size_t len = sizeof out;
    int v;
    unsigned n = which % (UST_ARRAY_CNT(opt) + 10);
    if (n < UST_ARRAY_CNT(opt)) {
        int r = set_int(b, sl->s, opt[n].level, opt[n].name, val * opt[n].unit);
        box_say(b, "setsockopt %d %d %d: %d", opt[n].level, opt[n].name, val * opt[n].unit, r);
        sock_getopt(sk(b), b->now, sl->s, opt[n].level, opt[n].name, out, &len);
        return;
    }
    switch (n - UST_ARRAY_CNT(opt)) {
    case 0:
        sock_setopt(sk(b), b->now, sl->s, IPPROTO_TCP, TCP_CONGESTION, val & 1 ? "reno" : "cubic",
                    5);
        break;
    case 1:
        sock_getopt(sk(b), b->now, sl->s, IPPROTO_TCP, TCP_INFO, out, &len);
        break;
    case 2: {
        struct ip_mreq m = {.imr_multiaddr.s_addr = __builtin_bswap32(0xef010200u + val % 40)};
        sock_setopt(sk(b), b->now, sl->s, IPPROTO_IP,
                    val & 128 ? IP_DROP_MEMBERSHIP : IP_ADD_MEMBERSHIP, &m, sizeof m);
        break;
    }
    case 3:
        sock_getopt(sk(b), b->now, sl->s, SOL_SOCKET, SO_ERROR, out, &len);
        break;
    case 4:
        sock_ioctl(sk(b), sl->s, val & 1 ? SIOCINQ : val & 2 ? SIOCOUTQ : SIOCATMARK, &v);
        break;
    case 5:
        sock_disconnect(sk(b), b->now, sl->s);
        break;
    case 6:
        if (sl->s->tcb)
            tcp_recv_oob(&b->st->tcp, sl->s->tcb, out, val & 1);
        break;
    case 7:
        sock_listen(sk(b), b->now, sl->s, val);
        break;
    case 8:
        if (sl->s->kind == SOCK_KIND_TCP && sl->s->connecting)
            sock_connect_result(sk(b), sl->s);
        else if (sl->s->tcb)
            sock_delivered(sk(b), sl->s);
        break;
    default: {
        struct ust_addr a;
        uint16_t port;
        sock_local(sk(b), sl->s, &a, &port);
        sock_peer(sk(b), sl->s, &a, &port);
        break;
    }
    }
}

/* Epoll sets and a sleeper. */
static void op_poll(struct box *b, unsigned arg, uint8_t which) {
    static const uint32_t mask[] = {EPOLLIN,
                                    EPOLLIN | EPOLLOUT,
                                    EPOLLIN | EPOLLET,
                                    EPOLLIN | EPOLLOUT | EPOLLONESHOT,
                                    EPOLLIN | EPOLLEXCLUSIVE,
                                    EPOLLIN | EPOLLRDHUP | EPOLLPRI};
    struct epset **e = &b->ep[arg >> 3 & 1];
    struct slot *sl = &b->slot[which % BOX_SLOTS];
    bool open = sl->s && !sl->closed;
    uint32_t ev = mask[(which >> 4) % UST_ARRAY_CNT(mask)];
    struct ep_event out[8];
    if (!*e)
        *e = epset_new(sk(b));
    if (!*e)
        return;
    switch (arg & 7) {
    case 0:
        if (open)
            epset_add(sk(b), *e, which % BOX_SLOTS, sl->s, WAIT_SOCK, ev, which);
        break;
    case 1:
        if (open)
            epset_mod(sk(b), *e, which % BOX_SLOTS, sl->s, ev, which);
        break;
    case 2:
        if (open)
            epset_del(sk(b), *e, which % BOX_SLOTS, sl->s);
        break;
    case 3:
        if (b->ep[0] && b->ep[1])
            epset_add(sk(b), b->ep[0], 100, b->ep[1], WAIT_EPSET, ev & ~(uint32_t)EPOLLEXCLUSIVE,
                      100);
        break;
    case 4:
        epset_drop(sk(b), *e);
        *e = NULL;
        break;
    case 5:
        if (!b->waiter)
            b->waiter = waiter_new(sk(b), WAITER_FUTEX, 0);
        if (b->waiter && open)
            waiter_add_sock(sk(b), b->waiter, sl->s, ev & 0xffff, which & 128);
        else if (b->waiter)
            waiter_add_epset(sk(b), b->waiter, *e);
        break;
    case 6:
        if (b->waiter)
            waiter_free(sk(b), b->waiter);
        b->waiter = NULL;
        break;
    default:
        epset_ready(sk(b), *e);
        epset_harvest(sk(b), *e, out, 1 + which % 8);
        break;
    }
}

void slots_op(struct box *b, enum op op, unsigned arg, struct in *in) {
    struct slot *sl = &b->slot[arg % BOX_SLOTS];
    uint8_t n = 0, to = 0;
    uint16_t port = 0;
    if (op == OP_OPEN || op == OP_CONNECT || op == OP_SENDTO) {
        to = in_u8(in);
        port = in_u16(in);
    }
    if (op != OP_CLOSE && op != OP_ABORT && op != OP_ACCEPT && op != OP_OPEN && op != OP_CONNECT)
        n = in_u8(in);
    if (op == OP_POLL) {
        op_poll(b, arg, n);
        return;
    }
    if (op == OP_OPEN) {
        op_open(b, sl, to, port);
        return;
    }
    if (!sl->s)
        return;
    if (op == OP_READ) {
        op_read(b, sl, n);
        return;
    }
    if (op == OP_WRITE) {
        op_write(b, sl, n);
        return;
    }
    if (sl->closed)
        return;
    struct linger lg = {.l_onoff = 1};
    struct ust_addr a = dest(to);
    box_say(b, "op %d on slot %u", op, arg);
    if (op == OP_ABORT)
        sock_setopt(sk(b), b->now, sl->s, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
    if (op == OP_CLOSE || op == OP_ABORT)
        slot_close(b, sl);
    else if (op == OP_SHUT)
        sock_shutdown(sk(b), b->now, sl->s, n % 3);
    else if (op == OP_ACCEPT)
        op_accept(b, sl);
    else if (op == OP_CONNECT)
        sock_connect(sk(b), b->now, sl->s, &a, port);
    else if (op == OP_SENDTO)
        op_sendto(b, sl, to, port, n);
    else if (op == OP_SETOPT)
        op_setopt(b, sl, n, in_u8(in));
    if (sl->s && !sl->closed)
        sock_poll(sk(b), sl->s);
}

/* ---- life ---- */

static struct sock *begin_sock(struct box *b, int no, int type, uint16_t port) {
    struct ust_addr any = addr_from_ip4(0);
    struct sock *s;
    if (sock_new(sk(b), AF_INET, type, 0, &s) < 0)
        box_fail(b, "sock_new");
    s->where = SOCK_STACK;
    slot_take(&b->slot[no], s);
    if (sock_bind(sk(b), b->now, s, &any, port) < 0)
        box_fail(b, "bind to port %u", port);
    return s;
}

static void begin_connect(struct box *b, struct sock *s, uint16_t port) {
    struct ust_addr peer = addr_from_ip4(BOX_PEER_IP);
    int r = sock_connect(sk(b), b->now, s, &peer, port);
    if (r < 0 && r != -EINPROGRESS)
        box_fail(b, "connect to port %u: %d", port, r);
}

void slots_begin(struct box *b) {
    struct ip_mreq m = {.imr_multiaddr.s_addr = __builtin_bswap32(0xef010203u)};
    struct sock *l = begin_sock(b, 0, SOCK_STREAM, 80), *u;
    if (sock_listen(sk(b), b->now, l, 8) < 0)
        box_fail(b, "listen");
    begin_connect(b, begin_sock(b, 1, SOCK_STREAM, 40000), 5000);
    box_turn(b);
    begin_connect(b, begin_sock(b, 2, SOCK_STREAM, 40001), 5001);
    u = begin_sock(b, 3, SOCK_DGRAM, 53);
    if (sock_setopt(sk(b), b->now, u, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m, sizeof m) < 0)
        box_fail(b, "multicast group");
    begin_connect(b, begin_sock(b, 4, SOCK_DGRAM, 40002), 5353);
}

void slots_end(struct box *b) {
    for (int i = 0; i < BOX_SLOTS; i++) {
        struct slot *sl = &b->slot[i];
        if (sl->rd.on)
            read_end(b, sl);
        if (sl->wr.on)
            write_end(b, sl, 0);
        slot_gone(sl);
        if (sl->s)
            slot_close(b, sl);
    }
    if (b->waiter)
        waiter_free(sk(b), b->waiter);
    for (int i = 0; i < 2; i++)
        if (b->ep[i])
            epset_drop(sk(b), b->ep[i]);
}
