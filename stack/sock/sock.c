/* SPDX-License-Identifier: ISC */
/*
 * The socket's life, names and connection. Read sock.h first, and inet_stream_connect's three socket states, which programs can see:
 *
 *   unconnected  !connecting, !was_connected   connect() starts a handshake: -EINPROGRESS
 *   connecting   connecting                    the handshake goes on: -EALREADY. It has ended: 0 once (now connected), or the error once (now unconnected)
 *   connected    was_connected                 -EISCONN, even long after the connection is gone, until connect(AF_UNSPEC)
 *
 * They are apart from TCP's states: a socket may be `connecting` while TCP is ESTABLISHED or has been refused, because nobody asked since.
 *
 * A TCP socket has a tcb, or, from listen() to shutdown(SHUT_RD), a listener. A UDP socket has a pcb. Neither changes when the socket
 * turns out to live in the kernel, so that options and a later choice find everything in its place.
 *
 * Close: the last descriptor's drop closes, unless a thread is inside (busy): then its sock_unhold does, as in Linux, where that thread's reference
 * holds the file.
 */
#include "sock/sock_priv.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#define SOCK_BACKLOG_MAX 4096 /* net.core.somaxconn */
#define POLL_ALL (POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP | POLLPRI)

int socks_init(struct socks *sk, struct core *c, struct net *net, struct udp *u, struct tcp *t) {
    memset(sk, 0, sizeof *sk);
    sk->c = c;
    sk->net = net;
    sk->udp = u;
    sk->tcp = t;
    sk->next_id = 1;
    STAILQ_INIT(&sk->wake);
    slab_define(&c->arena, SLAB_SOCK, sizeof(struct sock), 0);
    slab_define(&c->arena, SLAB_EPSET, sizeof(struct epset), 0);
    slab_define(&c->arena, SLAB_EPITEM, sizeof(struct epitem), 0);
    slab_define(&c->arena, SLAB_WAITER, sizeof(struct waiter), 0);
    slab_define(&c->arena, SLAB_WAIT_LINK, sizeof(struct wait_link), 0);
    return 0;
}

/* ---- life ---- */

static struct sock *sock_alloc(struct socks *sk, int family, int type, int protocol,
                               enum sock_kind kind) {
    struct sock *s = slab_alloc(&sk->c->arena, SLAB_SOCK);
    if (!s)
        return NULL;
    s->kind = (uint8_t)kind;
    s->family = (uint8_t)family;
    s->type = (uint16_t)type;
    s->protocol = protocol;
    s->id = sk->next_id++;
    s->refs = 1;
    TAILQ_INIT(&s->waiters);
    LIST_INIT(&s->epitems);
    sock_opt_default(sk, s);
    return s;
}

static enum udp_kind dgram_kind(enum sock_kind kind) {
    return kind == SOCK_KIND_PING  ? UDP_KIND_PING
           : kind == SOCK_KIND_RAW ? UDP_KIND_RAW
                                   : UDP_KIND_UDP;
}

int sock_new(struct socks *sk, int family, int type, int protocol, struct sock **out) {
    enum sock_kind kind;
    if (family != AF_INET && family != AF_INET6)
        return -EAFNOSUPPORT;
    if (type == SOCK_STREAM) {
        if (protocol != 0 && protocol != IPPROTO_TCP)
            return -EPROTONOSUPPORT;
        kind = SOCK_KIND_TCP;
        protocol = IPPROTO_TCP;
    } else if (type == SOCK_DGRAM) {
        bool ping = protocol == IPPROTO_ICMP && family == AF_INET;
        if (protocol != 0 && protocol != IPPROTO_UDP && !ping)
            return -EPROTONOSUPPORT;
        kind = ping ? SOCK_KIND_PING : SOCK_KIND_UDP;
        if (!ping)
            protocol = IPPROTO_UDP;
    } else if (type == SOCK_RAW) {
        if (protocol <= 0 || protocol > 255 || family != AF_INET)
            return -EPROTONOSUPPORT;
        kind = SOCK_KIND_RAW;
    } else {
        return -ESOCKTNOSUPPORT;
    }
    struct sock *s = sock_alloc(sk, family, type, protocol, kind);
    if (!s)
        return -ENOBUFS;
    if (kind == SOCK_KIND_TCP)
        s->tcb = tcp_open(sk->tcp, s);
    else if ((s->udp = udp_pcb_new_kind(sk->udp, dgram_kind(kind), (uint8_t)protocol)))
        s->udp->sock = s;
    if (!s->tcb && !s->udp) {
        slab_free(&sk->c->arena, s);
        return -ENOBUFS;
    }
    sock_opt_apply(s);
    slab_birth(&sk->c->arena, s);
    sk->sock_cnt++;
    *out = s;
    return 0;
}

void sock_take(struct sock *s) { s->refs++; }

static void sock_close(struct socks *sk, uint64_t now_ns, struct sock *s) {
    poll_forget_sock(sk, s);
    if (s->listener)
        tcp_unlisten(sk->tcp, now_ns, s->listener);
    if (s->tcb) {
        if (s->linger_on && s->linger_s == 0)
            tcp_abort(sk->tcp, now_ns, s->tcb, false);
        else
            tcp_close(sk->tcp, now_ns, s->tcb);
    }
    if (s->udp)
        udp_pcb_free(sk->udp, now_ns, s->udp);
    if (s->cork)
        sock_dgram_buf_free(sk, s->cork);
    sk->sock_cnt--;
    slab_free(&sk->c->arena, s);
}

void sock_drop(struct socks *sk, uint64_t now_ns, struct sock *s) {
    sk->last_ns = now_ns;
    assert(s->refs > 0);
    if (--s->refs > 0)
        return;
    s->closed = true;
    epset_forget(sk, s, WAIT_SOCK); /* nobody can reach it by its number any more */
    if (s->busy == 0)
        sock_close(sk, now_ns, s);
}

void sock_hold(struct sock *s) { s->busy++; }

void sock_unhold(struct socks *sk, struct sock *s) {
    assert(s->busy > 0);
    if (--s->busy == 0 && s->closed)
        sock_close(sk, sk->last_ns, s);
}

void socks_fini(struct socks *sk) {
    struct arena *ar = &sk->c->arena;
    struct waiter *w = NULL;
    struct epset *e = NULL;
    struct sock *s = NULL;
    while ((w = slab_next_alive(ar, SLAB_WAITER, w)))
        waiter_free(sk, w);
    while ((e = slab_next_alive(ar, SLAB_EPSET, e))) {
        e->refs = 1;
        epset_drop(sk, e);
    }
    while ((s = slab_next_alive(ar, SLAB_SOCK, s)))
        sock_close(sk, sk->last_ns, s);
}

static const char *const why_text[SOCK_WHY_COUNT] = {
    [SOCK_WHY_NONE] = "not decided",
    [SOCK_WHY_DEST_KERNEL_PREFIX] = "destination in USERSTACK_KERNEL",
    [SOCK_WHY_DEST_STACK] = "destination",
    [SOCK_WHY_BIND_ADDR] = "bound address",
    [SOCK_WHY_WILDCARD] = "bound to the wildcard address",
    [SOCK_WHY_LISTEN] = "listening",
    [SOCK_WHY_ACCEPTED] = "accepted",
    [SOCK_WHY_NO_ROUTE] = "no route in the stack",
    [SOCK_WHY_DEVICE] = "bound to a device of the kernel's",
};

const char *sock_why_text(enum sock_why why) { return why_text[why]; }

void sock_decide(struct socks *sk, uint64_t now_ns, struct sock *s, enum sock_where where,
                 enum sock_why why) {
    static const char *const where_text[] = {"undecided", "stack", "kernel"};
    if (s->where == where && s->why == why)
        return;
    s->where = (uint8_t)where;
    s->why = (uint8_t)why;
    TRACE(&sk->c->trace, now_ns, FD, "socket %llu %s: %s", (unsigned long long)s->id,
          where_text[where], why_text[why]);
}

/* ---- state ---- */

enum tcp_state sock_tcp_state(const struct sock *s) {
    if (s->listener)
        return TCPS_LISTEN;
    if (!s->tcb)
        return TCPS_CLOSED;
    enum tcp_state st = tcp_state(s->tcb);
    return st == TCPS_TIME_WAIT ? TCPS_CLOSED : st;
}

static bool in_handshake(enum tcp_state st) {
    return st == TCPS_SYN_SENT || st == TCPS_SYN_RECEIVED;
}

bool sock_is_dead(const struct sock *s) {
    return (s->connecting || s->was_connected) && sock_tcp_state(s) == TCPS_CLOSED;
}

int sock_take_error(struct sock *s) {
    int err = s->so_err;
    if (err) {
        s->so_err = 0;
    } else if (s->tcb) {
        err = tcp_take_error(s->tcb);
    } else if (s->udp) {
        err = s->udp->err;
        s->udp->err = 0;
    }
    return err;
}

struct port_bind *sock_port_bind(struct sock *s) {
    if (s->listener)
        return tcp_listener_bind(s->listener);
    if (s->tcb)
        return tcp_bind_of(s->tcb);
    return s->udp ? &s->udp->bind : NULL;
}

struct tcp_opt *sock_tcp_opt(struct sock *s) {
    if (s->listener)
        return tcp_listener_opt(s->listener);
    return s->tcb ? tcp_opt(s->tcb) : NULL;
}

/* ---- bind, listen, accept ---- */

static int proto_bind(struct socks *sk, struct sock *s, const struct ust_addr *a, uint16_t port) {
    return s->kind == SOCK_KIND_TCP ? tcp_bind(sk->tcp, s->tcb, a, port)
                                    : udp_bind(sk->udp, s->udp, a, port);
}

static bool may_bind(struct socks *sk, const struct sock *s, const struct ust_addr *a) {
    return addr_is_any(a) || net_is_local(sk->net, a) || addr_is_multicast(a) ||
           net_is_broadcast(sk->net, a) || s->freebind || s->transparent;
}

/* The port that is shown stays, the address goes. */
static void name_keep(struct socks *sk, struct sock *s) {
    struct ust_addr a;
    uint16_t port;
    sock_local(sk, s, &a, &port);
    s->name_port = port;
    memset(&s->name_addr, 0, sizeof s->name_addr);
    s->renamed = true;
}

int sock_bind(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *a,
              uint16_t port) {
    sk->last_ns = now_ns;
    struct port_bind *b = sock_port_bind(s);
    if (!b)
        return -EINVAL;
    if (s->family == AF_INET6 && s->v6only && addr_is_ip4(a))
        return -EINVAL;
    if (s->family == AF_INET6 && s->kind == SOCK_KIND_TCP && !addr_is_ip4(a) &&
        addr_is_multicast(a))
        return -EINVAL;
    /* A raw socket is bound to its protocol; its address may change. */
    bool taken = (b->bound && s->kind != SOCK_KIND_RAW) || sock_tcp_state(s) != TCPS_CLOSED;
    if (s->family == AF_INET6 && taken) /* the two families differ in the order */
        return -EINVAL;
    if (!may_bind(sk, s, a))
        return -EADDRNOTAVAIL;
    if (taken)
        return -EINVAL;
    name_keep(sk, s);
    sock_opt_apply(s);
    if (!s->bind_no_port || port != 0) { /* else chosen at connect() or listen() */
        int err = proto_bind(sk, s, a, port);
        if (err)
            return err;
    }
    s->name_addr = *a;
    s->name_port = b->port;
    s->bound = true;
    s->bound_addr = *a;
    s->bound_port_req = port;
    return 0;
}

/* bind() that left the port open (IP_BIND_ADDRESS_NO_PORT). */
static int bind_late(struct socks *sk, struct sock *s) {
    if (!s->bound || sock_port_bind(s)->bound)
        return 0;
    sock_opt_apply(s);
    return proto_bind(sk, s, &s->bound_addr, s->bound_port_req);
}

int sock_listen(struct socks *sk, uint64_t now_ns, struct sock *s, int backlog) {
    sk->last_ns = now_ns;
    if (s->kind != SOCK_KIND_TCP)
        return -EOPNOTSUPP;
    if (s->connecting || s->was_connected)
        return -EINVAL;
    if (backlog < 0 || backlog > SOCK_BACKLOG_MAX)
        backlog = SOCK_BACKLOG_MAX;
    if (s->listener) {
        tcp_listen_backlog(s->listener, backlog);
        return 0;
    }
    if (sock_tcp_state(s) != TCPS_CLOSED)
        return -EINVAL;
    int err = bind_late(sk, s);
    if (err)
        return err;
    sock_opt_apply(s);
    struct tcp_listener *l;
    err = tcp_listen(sk->tcp, now_ns, s->tcb, backlog, &l);
    if (err)
        return err;
    tcp_listener_set_sock(l, s);
    s->tcb = NULL;
    s->listener = l;
    s->listening = true;
    return 0;
}

int sock_accept(struct socks *sk, uint64_t now_ns, struct sock *l, struct sock **out) {
    sk->last_ns = now_ns;
    if (l->kind != SOCK_KIND_TCP)
        return -EOPNOTSUPP;
    if (!l->listener)
        return -EINVAL;
    if (tcp_accept_cnt(l->listener) == 0)
        return -EAGAIN;
    struct sock *s = sock_alloc(sk, l->family, l->type, l->protocol, SOCK_KIND_TCP);
    if (!s)
        return -ENOBUFS;
    s->tcb = tcp_accept(sk->tcp, now_ns, l->listener, s);
    if (!s->tcb) {
        slab_free(&sk->c->arena, s);
        return -EAGAIN;
    }
    sock_opt_inherit(s, l);
    s->was_connected = true;
    s->where = SOCK_STACK;
    s->why = SOCK_WHY_ACCEPTED;
    s->owner_pid = l->owner_pid;
    slab_birth(&sk->c->arena, s);
    sk->sock_cnt++;
    *out = s;
    return 0;
}

/* ---- connect, disconnect ---- */

/*
 * A listener becomes a closed socket again, with its options and the port that bind() asked for (another is given up, as Linux does). The new tcb
 * takes the port while the listener still has it, so that nobody comes between; reuseport on both sides lets it.
 */
static int listener_close(struct socks *sk, uint64_t now_ns, struct sock *s) {
    struct tcb *tb = tcp_open(sk->tcp, s);
    if (!tb)
        return -ENOBUFS;
    struct port_bind *from = tcp_listener_bind(s->listener), *to = tcp_bind_of(tb);
    *tcp_opt(tb) = *tcp_listener_opt(s->listener);
    int err = 0;
    if (s->bound && s->bound_port_req) {
        to->v6 = from->v6;
        to->v6only = from->v6only;
        to->uid = from->uid;
        to->reuseport = from->reuseport = true;
        err = tcp_bind(sk->tcp, tb, &from->addr, from->port);
        from->reuseport = s->reuseport;
    }
    if (err)
        s->bound = false;
    tcp_unlisten(sk->tcp, now_ns, s->listener);
    s->listener = NULL;
    s->listening = false;
    s->tcb = tb;
    sock_opt_apply(s);
    tcp_opt_changed(sk->tcp, now_ns, tb);
    return 0;
}

static bool resets(enum tcp_state st) {
    switch (st) {
    case TCPS_ESTABLISHED:
    case TCPS_CLOSE_WAIT:
    case TCPS_FIN_WAIT_1:
    case TCPS_FIN_WAIT_2:
    case TCPS_SYN_RECEIVED:
    case TCPS_SYN_SENT:
        return true;
    case TCPS_TIME_WAIT:
    case TCPS_CLOSED:
    case TCPS_LAST_ACK:
    case TCPS_LISTEN:
    case TCPS_CLOSING:
    case TCPS_COUNT:
        break;
    }
    return false;
}

/* Linux's tcp_disconnect(). */
static int tcp_sock_disconnect(struct socks *sk, uint64_t now_ns, struct sock *s) {
    if (s->reading || s->writing) {
        s->disconnect_due = true;
        return 0;
    }
    enum tcp_state st = sock_tcp_state(s);
    int err = 0;
    name_keep(sk, s);
    if (s->listener) {
        err = listener_close(sk, now_ns, s);
    } else {
        int pending = tcp_peek_error(s->tcb);
        tcp_abort(sk->tcp, now_ns, s->tcb, true);
        tcp_take_error(s->tcb);
        if (resets(st) || pending)
            s->so_err = resets(st) ? ECONNRESET : pending;
    }
    if (s->bound && !sock_port_bind(s)->bound) {
        s->name_addr = s->bound_addr;
        s->bound = !addr_is_any(&s->bound_addr);
    }
    s->connecting = s->was_connected = false;
    s->rd_shut = s->wr_shut = false;
    sock_notify(sk, s, POLL_ALL);
    return err;
}

void sock_copy_ended(struct socks *sk, uint64_t now_ns, struct sock *s) {
    if (!s->disconnect_due || s->reading || s->writing)
        return;
    s->disconnect_due = false;
    tcp_sock_disconnect(sk, now_ns, s);
}

int sock_disconnect(struct socks *sk, uint64_t now_ns, struct sock *s) {
    sk->last_ns = now_ns;
    if (s->kind == SOCK_KIND_TCP)
        return tcp_sock_disconnect(sk, now_ns, s);
    udp_disconnect(sk->udp, s->udp);
    s->bound &= s->udp->bind.bound || !addr_is_any(&s->bound_addr);
    s->name_addr = s->udp->bind.addr;
    s->name_port = 0;
    return 0;
}

/* The attempt that `connecting` stands for has failed: its error, once; then the socket is as new. */
static int connect_failed(struct socks *sk, uint64_t now_ns, struct sock *s) {
    int err = sock_take_error(s);
    tcp_sock_disconnect(sk, now_ns, s);
    return err ? -err : -ECONNABORTED;
}

/* The unspecified address as a destination means this host, of the family that the socket is bound to. */
static struct ust_addr dest_of(struct socks *sk, const struct sock *s, const struct ust_addr *a) {
    if (!addr_is_any(a))
        return *a;
    bool ip4 = s->family == AF_INET || addr_is_ip4(a) || (s->bound && addr_is_ip4(&s->bound_addr));
    struct ust_addr here = net_this_host(sk->net, !ip4);
    return addr_is_any(&here) ? *a : here;
}

/* fastopen: data is about to be sent (MSG_FASTOPEN); else TCP_FASTOPEN_CONNECT decides whether the SYN may wait for it. */
static int tcp_sock_connect(struct socks *sk, uint64_t now_ns, struct sock *s,
                            const struct ust_addr *a, uint16_t port, bool fastopen) {
    if (s->was_connected)
        return -EISCONN;
    int ret = -EALREADY;
    if (!s->connecting) {
        if (sock_tcp_state(s) != TCPS_CLOSED)
            return -EISCONN;
        struct ust_addr dst = dest_of(sk, s, a);
        if (s->family == AF_INET6 && s->v6only && addr_is_ip4(&dst))
            return -ENETUNREACH;
        if (addr_is_multicast(&dst) || net_is_broadcast(sk->net, &dst))
            return -ENETUNREACH;
        ret = bind_late(sk, s);
        if (ret)
            return ret;
        sock_opt_apply(s);
        if (fastopen || s->xopt[SOCK_XOPT_FASTOPEN_CONNECT])
            ret = tcp_connect_fo(sk->tcp, now_ns, s->tcb, &dst, port);
        else
            ret = tcp_connect(sk->tcp, now_ns, s->tcb, &dst, port);
        if (ret)
            return ret;
        s->so_err = 0;
        s->connecting = true;
        s->renamed = false;
        if (tcp_fo_deferred(s->tcb))
            return 0;
        ret = -EINPROGRESS;
    } else if (tcp_fo_deferred(s->tcb)) {
        return -EISCONN;
    }
    enum tcp_state st = sock_tcp_state(s);
    if (in_handshake(st))
        return ret;
    if (st == TCPS_CLOSED)
        return connect_failed(sk, now_ns, s);
    s->connecting = false;
    s->was_connected = true;
    return 0;
}

int sock_connect(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *a,
                 uint16_t port) {
    sk->last_ns = now_ns;
    if (s->kind == SOCK_KIND_TCP)
        return tcp_sock_connect(sk, now_ns, s, a, port, false);
    struct ust_addr dst = dest_of(sk, s, a);
    if (s->family == AF_INET6 && s->v6only && addr_is_ip4(&dst))
        return -ENETUNREACH;
    int err = bind_late(sk, s);
    if (err)
        return err;
    sock_opt_apply(s);
    return udp_connect(sk->udp, s->udp, &dst, port);
}

int sock_connect_fo(struct socks *sk, uint64_t now_ns, struct sock *s, const struct ust_addr *a,
                    uint16_t port) {
    sk->last_ns = now_ns;
    return tcp_sock_connect(sk, now_ns, s, a, port, true);
}

int sock_connect_result(struct socks *sk, struct sock *s) {
    if (s->kind != SOCK_KIND_TCP || s->was_connected)
        return 0;
    if (!s->connecting)
        return -ECONNABORTED;
    enum tcp_state st = sock_tcp_state(s);
    if (in_handshake(st))
        return -EINPROGRESS;
    if (st == TCPS_CLOSED)
        return connect_failed(sk, sk->last_ns, s);
    s->connecting = false;
    s->was_connected = true;
    return 0;
}

/* ---- shutdown ---- */

static int tcp_sock_shutdown(struct socks *sk, uint64_t now_ns, struct sock *s, bool rd, bool wr) {
    enum tcp_state st = sock_tcp_state(s);
    if (st == TCPS_SYN_SENT || (st == TCPS_LISTEN && rd))
        return tcp_sock_disconnect(sk, now_ns, s);
    if (st == TCPS_LISTEN)
        return 0;
    if (s->connecting && st != TCPS_SYN_RECEIVED) {
        s->connecting = false;
        s->was_connected = true;
    }
    /* Linux marks even an unconnected socket, for those who poll it. */
    bool rd_new = rd && !s->rd_shut, wr_new = wr && !s->wr_shut;
    s->rd_shut |= rd;
    s->wr_shut |= wr;
    if (st == TCPS_CLOSED) {
        sock_notify(sk, s, POLL_ALL);
        return -ENOTCONN;
    }
    if (rd_new)
        tcp_shutdown_rd(sk->tcp, now_ns, s->tcb);
    if (wr_new)
        tcp_shutdown_wr(sk->tcp, now_ns, s->tcb);
    sock_notify(sk, s, POLL_ALL);
    return 0;
}

int sock_shutdown(struct socks *sk, uint64_t now_ns, struct sock *s, int how) {
    sk->last_ns = now_ns;
    if (how < SHUT_RD || how > SHUT_RDWR)
        return -EINVAL;
    bool rd = how != SHUT_WR, wr = how != SHUT_RD;
    if (s->kind == SOCK_KIND_TCP)
        return tcp_sock_shutdown(sk, now_ns, s, rd, wr);
    s->rd_shut |= rd;
    s->wr_shut |= wr;
    s->udp->rd_shut |= rd;
    s->udp->wr_shut |= wr;
    sock_notify(sk, s, POLL_ALL);
    return s->udp->connected ? 0 : -ENOTCONN;
}

bool sock_delivered(struct socks *sk, struct sock *s) {
    (void)sk;
    if (!s->tcb)
        return true;
    switch (tcp_state(s->tcb)) {
    case TCPS_FIN_WAIT_1:
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        return false;
    case TCPS_ESTABLISHED:
    case TCPS_CLOSE_WAIT:
        return tcp_outq(s->tcb) == 0;
    case TCPS_SYN_SENT:
    case TCPS_SYN_RECEIVED:
    case TCPS_FIN_WAIT_2:
    case TCPS_TIME_WAIT:
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_COUNT:
        break;
    }
    return true;
}

/* ---- names ---- */

int sock_local(struct socks *sk, struct sock *s, struct ust_addr *a, uint16_t *port) {
    (void)sk;
    memset(a, 0, sizeof *a);
    *port = 0;
    struct port_bind *b = sock_port_bind(s);
    if (!b)
        return 0;
    bool conn = s->tcb && (sock_tcp_state(s) != TCPS_CLOSED || (sock_is_dead(s) && !s->renamed));
    if (conn) {
        tcp_local(s->tcb, a, port);
    } else if (b->bound) {
        *a = b->addr;
        *port = b->port;
    } else {
        *a = s->name_addr;
        *port = s->name_port;
    }
    if (s->udp && s->udp->connected && addr_is_any(a))
        *a = s->udp->src;
    return 0;
}

int sock_peer(struct socks *sk, struct sock *s, struct ust_addr *a, uint16_t *port) {
    (void)sk;
    if (s->kind == SOCK_KIND_TCP) {
        enum tcp_state st = sock_tcp_state(s);
        if (st == TCPS_CLOSED || st == TCPS_SYN_SENT || st == TCPS_LISTEN)
            return -ENOTCONN;
        tcp_peer(s->tcb, a, port);
        return 0;
    }
    /* A peer whose port is 0 is none to getpeername(). */
    if (!s->udp->connected || s->udp->rport == 0)
        return -ENOTCONN;
    *a = s->udp->raddr;
    *port = s->udp->rport;
    return 0;
}
