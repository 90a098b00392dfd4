/* SPDX-License-Identifier: ISC */
/*
 * Data in and out, readiness, and what the protocols tell. The order of the tests in sock_send_reserve() and sock_recv_peek() is that of Linux's
 * tcp_sendmsg() and tcp_recvmsg(): it decides who gets a pending error, -EPIPE, EOF or -ENOTCONN.
 *
 * Copies outside the lock: `reading` (`writing`) is set from peek to done (reserve to commit). A second thread in the same direction gets -EAGAIN meanwhile and
 * leaves rd_wanted (wr_wanted), so that the end of the copy tells it.
 */
#include "sock/sock_priv.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/sockios.h>

/* ---- TCP ---- */

static ssize_t send_error(struct sock *s) {
    int err = sock_take_error(s);
    return err ? -err : -EPIPE;
}

/* Not in a handshake, or in one that need not end first (RFC 7413). */
static bool may_transfer(const struct sock *s, enum tcp_state st) {
    return st != TCPS_SYN_SENT && (st != TCPS_SYN_RECEIVED || tcp_fo_is_child(s->tcb));
}

bool sock_fo_deferred(const struct sock *s) { return s->tcb && tcp_fo_deferred(s->tcb); }

void sock_fo_go(struct socks *sk, uint64_t now_ns, struct sock *s) {
    sk->last_ns = now_ns;
    tcp_fo_go(sk->tcp, s->tcb);
}

ssize_t sock_send_reserve(struct socks *sk, struct sock *s, size_t len, struct sbuf_mslice *v,
                          int *cnt, int max) {
    *cnt = 0;
    enum tcp_state st = sock_tcp_state(s);
    if (st == TCPS_CLOSED || st == TCPS_LISTEN)
        return send_error(s);
    if (!may_transfer(s, st) && !tcp_fo_deferred(s->tcb))
        return -EAGAIN;
    if (s->wr_shut || s->so_err || tcp_peek_error(s->tcb))
        return send_error(s);
    if (len == 0)
        return 0;
    if (s->writing) {
        s->wr_wanted = true;
        return -EAGAIN;
    }
    if (s->disconnect_due)
        return -EPIPE;
    ssize_t n = tcp_send_reserve(sk->tcp, s->tcb, len, v, cnt, max);
    if (n > 0) {
        s->writing = true;
        s->wr_pid = sk->pid;
        tcp_pin(s->tcb);
    }
    return n == -ENOTCONN ? -EPIPE : n;
}

void sock_send_commit(struct socks *sk, uint64_t now_ns, struct sock *s, size_t n, int msg_flags) {
    sk->last_ns = now_ns;
    assert(s->writing);
    tcp_send_commit(sk->tcp, now_ns, s->tcb, n, msg_flags & MSG_MORE, msg_flags & MSG_OOB);
    tcp_unpin(sk->tcp, s->tcb);
    s->writing = false;
    s->tx_bytes += n;
    sk->tcp_tx_bytes += n;
    sock_copy_ended(sk, now_ns, s);
    if (!s->wr_wanted)
        return;
    s->wr_wanted = false;
    sock_notify(sk, s, POLLOUT);
}

/* n: what the connection says to a reader for whom there is nothing. */
static ssize_t recv_end(struct sock *s, ssize_t n) {
    if (n == 0)
        return 0;
    if (s->so_err)
        return -sock_take_error(s);
    if (n != -EAGAIN && n != -ENOTCONN)
        return n;
    if (s->rd_shut || sock_is_dead(s))
        return 0;
    return sock_tcp_state(s) == TCPS_CLOSED ? -ENOTCONN : -EAGAIN;
}

ssize_t sock_recv_peek(struct socks *sk, struct sock *s, size_t off, size_t len,
                       struct ust_slice *v, int *cnt, int max) {
    *cnt = 0;
    if (s->listener)
        return -ENOTCONN;
    if (s->reading) {
        s->rd_wanted = true;
        return -EAGAIN;
    }
    if (s->disconnect_due)
        return 0;
    /* A read of nothing answers as one of a byte would, and takes none. */
    ssize_t n = tcp_recv_peek(sk->tcp, s->tcb, off, len ? len : 1, v, cnt, max);
    if (n > 0 && len == 0) {
        *cnt = 0;
        return 0;
    }
    if (n > 0) {
        s->reading = true;
        s->rd_pid = sk->pid;
        tcp_pin(s->tcb);
        return n;
    }
    return off > 0 && n == -EAGAIN ? n : recv_end(s, n);
}

ssize_t sock_recv_end(struct sock *s) {
    return s->tcb && !s->reading && !s->disconnect_due ? recv_end(s, tcp_recv_end(s->tcb))
                                                       : -EAGAIN;
}

void sock_recv_done(struct socks *sk, uint64_t now_ns, struct sock *s, size_t n) {
    sk->last_ns = now_ns;
    assert(s->reading);
    if (n > 0)
        tcp_recv_consume(sk->tcp, now_ns, s->tcb, n);
    tcp_unpin(sk->tcp, s->tcb);
    s->reading = false;
    s->rx_bytes += n;
    sk->tcp_rx_bytes += n;
    sock_copy_ended(sk, now_ns, s);
    if (!s->rd_wanted)
        return;
    s->rd_wanted = false;
    sock_notify(sk, s, POLLIN);
}

/* ---- UDP ---- */

uint8_t *sock_dgram_buf(struct socks *sk, size_t len) { return udp_buf(sk->udp, len); }

void sock_dgram_buf_free(struct socks *sk, uint8_t *buf) { buf_free(&sk->c->arena, buf); }

int sock_dgram_autobind(struct socks *sk, struct sock *s) {
    if (s->udp->bind.bound)
        return 0;
    if (s->bound)
        return udp_bind(sk->udp, s->udp, &s->bound_addr, s->bound_port_req);
    return udp_autobind(sk->udp, s->udp);
}

static int dgram_transmit(struct socks *sk, uint64_t now_ns, struct sock *s,
                          const struct udp_send *to, uint8_t *buf, size_t len) {
    struct udp_send t = *to;
    if (t.gso_size == 0 && s->kind == SOCK_KIND_UDP && len > s->udp_segment)
        t.gso_size = s->udp_segment;
    int err = udp_send(sk->udp, now_ns, s->udp, &t, buf, len);
    if (err)
        return err;
    s->tx_bytes += len;
    sk->udp_tx_bytes += len;
    return 0;
}

int sock_dgram_push(struct socks *sk, uint64_t now_ns, struct sock *s) {
    uint8_t *buf = s->cork;
    s->cork = NULL;
    return buf ? dgram_transmit(sk, now_ns, s, &s->cork_to, buf, s->cork_len) : 0;
}

/* Linux: what was gathered is lost if more than fits is added. */
static int cork_add(struct socks *sk, struct sock *s, uint8_t *buf, size_t len) {
    int err = s->cork_len + len > UDP_MAX_PAYLOAD4 ? -EMSGSIZE : 0;
    if (err == 0) {
        memcpy(s->cork + s->cork_len, buf, len);
        s->cork_len += (uint32_t)len;
    } else {
        buf_free(&sk->c->arena, s->cork);
        s->cork = NULL;
    }
    buf_free(&sk->c->arena, buf);
    return err;
}

static int cork_begin(struct socks *sk, struct sock *s, const struct udp_send *to, uint8_t *buf,
                      size_t len) {
    s->cork = sock_dgram_buf(sk, UDP_MAX_PAYLOAD4);
    if (!s->cork) {
        buf_free(&sk->c->arena, buf);
        return -ENOBUFS;
    }
    s->cork_to = *to;
    s->cork_len = 0;
    return cork_add(sk, s, buf, len);
}

/* Where Linux looks at these: after the address and the route, before the data. */
static int dgram_hindered(struct socks *sk, struct sock *s, const struct udp_send *to, size_t len) {
    int err = udp_may_send(sk->udp, s->udp, to, len);
    if (err == 0)
        err = -sock_take_error(s);
    return err == 0 && s->wr_shut ? -EPIPE : err;
}

int sock_dgram_send(struct socks *sk, uint64_t now_ns, struct sock *s, const struct udp_send *to,
                    uint8_t *buf, size_t len, bool more) {
    sk->last_ns = now_ns;
    more = s->kind != SOCK_KIND_PING && (more || s->udp_cork);
    int err = sock_dgram_autobind(sk, s);
    if (err == 0 && (more || s->cork || s->so_err || s->udp->err || s->wr_shut))
        err = dgram_hindered(sk, s, s->cork ? &s->cork_to : to, len);
    if (err) {
        buf_free(&sk->c->arena, buf);
        return err;
    }
    if (!more && !s->cork)
        return dgram_transmit(sk, now_ns, s, to, buf, len);
    err = s->cork ? cork_add(sk, s, buf, len) : cork_begin(sk, s, to, buf, len);
    return err || more ? err : sock_dgram_push(sk, now_ns, s);
}

int sock_dgram_peek(struct socks *sk, struct sock *s, struct udp_dgram **d) {
    *d = NULL;
    if (s->reading) {
        s->rd_wanted = true;
        return -EAGAIN;
    }
    int err = sock_take_error(s);
    if (err)
        return -err;
    *d = udp_peek(s->udp);
    if (*d) {
        s->reading = true;
        s->rd_pid = sk->pid;
    }
    return *d || s->rd_shut ? 0 : -EAGAIN;
}

void sock_dgram_done(struct socks *sk, struct sock *s, bool consume) {
    assert(s->reading);
    s->reading = false;
    if (consume) {
        uint32_t len = udp_peek(s->udp)->len;
        s->rx_bytes += len;
        sk->udp_rx_bytes += len;
        udp_consume(sk->udp, s->udp);
    }
    if (!s->rd_wanted)
        return;
    s->rd_wanted = false;
    sock_notify(sk, s, POLLIN);
}

int sock_errq_peek(struct socks *sk, struct sock *s, struct errq_item **it) {
    (void)sk;
    *it = s->udp ? errq_peek(&s->udp->errq) : NULL;
    return *it ? 0 : -EAGAIN;
}

void sock_errq_done(struct socks *sk, struct sock *s) {
    s->udp->err = errq_consume(&s->udp->errq, sk->c);
    if (s->udp->err)
        sock_notify(sk, s, POLLERR);
}

/* ---- ioctl ---- */

static int tcp_sock_ioctl(struct sock *s, unsigned long req, int *out) {
    enum tcp_state st = sock_tcp_state(s);
    bool syn = !s->listener && !may_transfer(s, st);
    *out = 0;
    switch (req) {
    case SIOCATMARK:
        if (s->tcb)
            *out = tcp_at_mark(s->tcb);
        return 0;
    case SIOCINQ:
        if (st == TCPS_LISTEN)
            return -EINVAL;
        if (!syn)
            *out = (int)tcp_inq(s->tcb);
        return 0;
    case SIOCOUTQ:
        if (st == TCPS_LISTEN)
            return -EINVAL;
        if (!syn)
            *out = (int)tcp_outq(s->tcb);
        return 0;
    case SIOCOUTQNSD:
        if (st == TCPS_LISTEN)
            return -EINVAL;
        if (!syn)
            *out = (int)tcp_outq_nsd(s->tcb);
        return 0;
    default:
        return -ENOTTY;
    }
}

int sock_ioctl(struct socks *sk, struct sock *s, unsigned long req, int *out) {
    (void)sk;
    if (s->kind == SOCK_KIND_TCP)
        return tcp_sock_ioctl(s, req, out);
    *out = 0;
    if (s->kind == SOCK_KIND_PING) /* Linux's ping sockets have no ioctl of their own */
        return -ENOTTY;
    if (req == SIOCOUTQ)
        return 0;
    if (req != SIOCINQ)
        return -ENOTTY;
    const struct udp_dgram *d = udp_peek(s->udp);
    if (d)
        *out = (int)d->len;
    return 0;
}

/* ---- readiness ---- */

#define POLL_IN (POLLIN | POLLRDNORM)
#define POLL_OUT (POLLOUT | POLLWRNORM)

static uint32_t tcp_sock_poll(const struct sock *s) {
    if (s->listener)
        return tcp_accept_cnt(s->listener) ? POLL_IN : 0;
    enum tcp_state st = sock_tcp_state(s);
    uint32_t ready = tcp_ready(s->tcb), r = 0;
    bool dead = sock_is_dead(s);
    bool rd_end = s->rd_shut || dead || (ready & PCB_EV_RDHUP), wr_end = s->wr_shut || dead;
    if ((rd_end && wr_end) || st == TCPS_CLOSED)
        r |= POLLHUP;
    if (rd_end)
        r |= POLL_IN | POLLRDHUP;
    if (s->so_err || (ready & PCB_EV_ERR))
        r |= POLLERR;
    if (!may_transfer(s, st))
        return r | (ready & PCB_EV_OUT ? POLL_OUT : 0);
    if ((ready & PCB_EV_IN) &&
        (s->rcvlowat <= 1 || tcp_inq(s->tcb) >= UST_MIN(s->rcvlowat, s->rcvbuf / 2)))
        r |= POLL_IN;
    if (wr_end || st == TCPS_CLOSED || (ready & PCB_EV_OUT))
        r |= POLL_OUT;
    if (ready & PCB_EV_PRI)
        r |= POLLPRI;
    return r;
}

uint32_t sock_poll(struct socks *sk, struct sock *s) {
    (void)sk;
    if (s->kind == SOCK_KIND_TCP)
        return tcp_sock_poll(s);
    uint32_t r = POLL_OUT | POLLWRBAND;
    if (s->so_err || s->udp->err || errq_peek(&s->udp->errq))
        r |= POLLERR | (s->xopt[SOCK_XOPT_SELECT_ERR_QUEUE] ? POLLPRI : 0);
    if (s->rd_shut)
        r |= POLL_IN | POLLRDHUP;
    if (s->rd_shut && s->wr_shut)
        r |= POLLHUP;
    if (udp_peek(s->udp))
        r |= POLL_IN;
    return r;
}

static uint32_t poll_of_events(uint8_t ev) {
    uint32_t r = 0;
    if (ev & PCB_EV_IN)
        r |= POLLIN;
    if (ev & PCB_EV_OUT)
        r |= POLLOUT;
    if (ev & PCB_EV_PRI)
        r |= POLLPRI;
    if (ev & PCB_EV_RDHUP)
        r |= POLLIN | POLLRDHUP;
    /* Linux reports errors and resets to everybody who sleeps on the socket. */
    if (ev & (PCB_EV_ERR | PCB_EV_HUP))
        r |= POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP;
    return r;
}

void socks_events(struct socks *sk, uint64_t now_ns) {
    sk->last_ns = now_ns;
    void *owner;
    uint8_t ev;
    while (tcp_event_pop(sk->tcp, &owner, &ev))
        sock_notify(sk, owner, poll_of_events(ev));
    struct udp_pcb *p;
    while ((p = udp_changed_pop(sk->udp))) {
        ev = p->events;
        p->events = 0;
        if (p->sock)
            sock_notify(sk, p->sock, poll_of_events(ev));
    }
}
