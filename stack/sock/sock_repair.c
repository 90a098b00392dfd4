/* SPDX-License-Identifier: ISC */
/*
 * Sockets after a crash inside the lock, and their invariants. A socket has exactly one protocol block, and each knows the other. Where the dead holder of
 * the lock was between the two, the block goes, and the socket gets a fresh one: closed, which is what a reset looks like. There is memory for
 * it: that of the block that was not alive.
 */
#include "sock/sock_priv.h"

static bool alive(const struct arena *ar, const void *obj, enum slab_kind kind) {
    return slab_is_alive(ar, obj) && slab_kind_of(ar, obj) == kind;
}

/* A protocol block and its socket must know each other; one that was being made or freed does not. */
static void blocks_repair(struct socks *sk) {
    struct arena *ar = &sk->c->arena;
    uint64_t now_ns = sk->last_ns;
    struct tcb *tb = NULL;
    struct tcp_listener *l = NULL;
    struct udp_pcb *p = NULL;
    const struct sock *s;
    while ((tb = tcp_next(sk->tcp, tb))) {
        s = tcp_sock(tb);
        if (s && (!alive(ar, s, SLAB_SOCK) || s->tcb != tb))
            tcp_abort(sk->tcp, now_ns, tb, false);
    }
    while ((l = slab_next_alive(ar, SLAB_TCP_LISTENER, l))) {
        s = tcp_listener_sock(l);
        if (s && (!alive(ar, s, SLAB_SOCK) || s->listener != l))
            tcp_unlisten(sk->tcp, now_ns, l);
    }
    while ((p = slab_next_alive(ar, SLAB_UDP_PCB, p))) {
        s = p->sock;
        if (!s || !alive(ar, s, SLAB_SOCK) || s->udp != p)
            udp_pcb_free(sk->udp, now_ns, p);
    }
}

/* The other way round: a socket whose block is gone gets a fresh one, so that its calls find a closed socket. */
static bool sock_repair(struct socks *sk, struct sock *s) {
    struct arena *ar = &sk->c->arena;
    if (s->tcb && (!alive(ar, s->tcb, SLAB_TCB) || tcp_sock(s->tcb) != s))
        s->tcb = NULL;
    if (s->listener &&
        (!alive(ar, s->listener, SLAB_TCP_LISTENER) || tcp_listener_sock(s->listener) != s))
        s->listener = NULL;
    if (s->udp && (!alive(ar, s->udp, SLAB_UDP_PCB) || s->udp->sock != s))
        s->udp = NULL;
    if (s->listener)
        s->tcb = NULL;
    s->listening = s->listener != NULL;
    if (s->tcb || s->listener || s->udp)
        return true;
    s->bound = false;
    if (s->kind == SOCK_KIND_TCP)
        return (s->tcb = tcp_open(sk->tcp, s)) != NULL;
    s->udp = udp_pcb_new(sk->udp);
    if (s->udp)
        s->udp->sock = s;
    return s->udp != NULL;
}

void socks_rebuild(struct socks *sk) {
    struct sock *s = NULL;
    sk->sock_cnt = 0;
    blocks_repair(sk);
    while ((s = slab_next_alive(&sk->c->arena, SLAB_SOCK, s))) {
        sk->sock_cnt++;
        sk->next_id = UST_MAX(sk->next_id, s->id + 1);
        if (!sock_repair(sk, s))
            s->so_err = ENOBUFS;
    }
    poll_rebuild(sk);
}

const char *socks_check(struct socks *sk) {
    struct arena *ar = &sk->c->arena;
    struct sock *s = NULL;
    uint32_t cnt = 0;
    while ((s = slab_next_alive(ar, SLAB_SOCK, s))) {
        cnt++;
        if (s->refs == 0 && s->busy == 0)
            return "sock: socket without owner";
        if (s->closed != (s->refs == 0))
            return "sock: closed and references";
        if (s->listening != (s->listener != NULL))
            return "sock: listening without listener";
        if (s->connecting && s->was_connected)
            return "sock: connecting and connected";
        int blocks = (s->tcb != NULL) + (s->listener != NULL) + (s->udp != NULL);
        if (blocks != 1)
            return "sock: not exactly one protocol block";
        if (s->tcb && tcp_sock(s->tcb) != s)
            return "sock: tcb of another socket";
        if (s->listener && tcp_listener_sock(s->listener) != s)
            return "sock: listener of another socket";
        if (s->udp && s->udp->sock != s)
            return "sock: pcb of another socket";
    }
    if (cnt != sk->sock_cnt)
        return "sock: count";
    return poll_check(sk);
}
