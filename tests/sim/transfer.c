/* SPDX-License-Identifier: ISC */
#include "sim/transfer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

static void fail(struct transfer *t, const char *what, const struct flow *f, uint64_t at) {
    if (t->fail[0])
        return;
    snprintf(t->fail, sizeof t->fail, "%s (flow to port %u, byte %llu, time %.6f s)", what, f->port,
             (unsigned long long)at, (double)(t->s->now_ns - 1000 * NS_PER_S) / 1e9);
}

static int family_of(const struct transfer *t) { return t->s->ip6 ? AF_INET6 : AF_INET; }

static struct socks *socks_of(struct transfer *t, int host) {
    return &sim_stack(t->s, host)->socks;
}

static void side_close(struct transfer *t, int host, struct flow_side *side) {
    if (side->s)
        sock_drop(socks_of(t, host), t->s->now_ns, side->s);
    side->s = NULL;
    side->closed = true;
}

static void side_send(struct transfer *t, int host, struct flow_side *side) {
    struct sbuf_mslice v[8];
    int cnt;
    while (side->sent < side->to_send && !side->err) {
        uint64_t left = side->to_send - side->sent;
        ssize_t n =
            sock_send_reserve(socks_of(t, host), side->s, UST_MIN(left, 1u << 20), v, &cnt, 8);
        if (n == -EAGAIN)
            return;
        if (n < 0) {
            side->err = (int)-n;
            return;
        }
        uint64_t pos = side->sent;
        for (int i = 0; i < cnt; i++) {
            sim_fill(side->id, pos, v[i].p, v[i].len);
            pos += v[i].len;
        }
        sock_send_commit(socks_of(t, host), t->s->now_ns, side->s, (size_t)n, 0);
        side->sent += (uint64_t)n;
    }
}

static void side_recv(struct transfer *t, int host, struct flow *f, struct flow_side *side,
                      uint32_t peer_id) {
    struct ust_slice v[8];
    int cnt;
    if (side->read_pause_ns) {
        struct sim_host *h = &t->s->host[host];
        bool due = side->next_read_ns <= t->s->now_ns;
        if (due)
            side->next_read_ns = t->s->now_ns + side->read_pause_ns;
        h->app_at_ns = UST_MIN(h->app_at_ns, side->next_read_ns);
        if (!due)
            return;
    }
    while (!side->eof && !side->err) {
        size_t want = side->max_read ? side->max_read : 1u << 20;
        ssize_t n = sock_recv_peek(socks_of(t, host), side->s, 0, want, v, &cnt, 8);
        if (n == -EAGAIN)
            return;
        if (n == 0) {
            side->eof = true;
            if (side->got != side->expect && !flow_may_lose(f))
                fail(t, "early EOF", f, side->got);
            return;
        }
        if (n < 0) {
            side->err = (int)-n;
            return;
        }
        for (int i = 0; i < cnt; i++) {
            size_t ok = sim_verify(peer_id, side->got, v[i].p, v[i].len);
            if (ok != v[i].len)
                fail(t, "wrong byte", f, side->got + ok);
            side->got += v[i].len;
        }
        if (side->got > side->expect)
            fail(t, "more bytes than were sent", f, side->got);
        sock_recv_done(socks_of(t, host), t->s->now_ns, side->s, (size_t)n);
        if (side->read_pause_ns)
            return;
    }
}

static void client_step(struct transfer *t, struct flow *f) {
    struct socks *sk = socks_of(t, f->client);
    struct flow_side *c = &f->c;

    if (!f->started) {
        if (t->s->now_ns < f->start_ns) {
            struct sim_host *h = &t->s->host[f->client];
            h->app_at_ns = UST_MIN(h->app_at_ns, f->start_ns);
            return;
        }
        f->started = true;
        if (sock_new(sk, family_of(t), SOCK_STREAM, 0, &c->s) < 0) {
            fail(t, "sock_new", f, 0);
            return;
        }
        int r = sock_connect(sk, t->s->now_ns, c->s, &t->s->host[f->server].addr, f->port);
        if (r != -EINPROGRESS)
            fail(t, "connect did not start", f, (uint64_t)-r);
        if (c->s->tcb) {
            struct ust_addr a;
            tcp_local(c->s->tcb, &a, &f->cport);
        }
        return;
    }
    if (c->closed)
        return;
    if (c->give_up_ns) {
        struct sim_host *h = &t->s->host[f->client];
        h->app_at_ns = UST_MIN(h->app_at_ns, c->give_up_ns);
        if (t->s->now_ns >= c->give_up_ns) {
            c->gave_up = true;
            side_close(t, f->client, c);
            return;
        }
    }
    if (!c->connected) { /* a shutdown() now would call the attempt off */
        int r = sock_connect_result(sk, c->s);
        if (r == -EINPROGRESS)
            return;
        c->connected = r == 0;
        c->err = -r;
    }
    side_send(t, f->client, c);
    if (f->end != FLOW_RUDE)
        side_recv(t, f->client, f, c, f->v.id);
    if (f->end == FLOW_ABORT && c->sent >= f->abort_at) {
        struct linger lg = {.l_onoff = 1, .l_linger = 0};
        sock_setopt(sk, t->s->now_ns, c->s, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
        side_close(t, f->client, c);
        return;
    }
    if (c->err) {
        side_close(t, f->client, c);
        return;
    }
    bool may = c->sent == c->to_send;
    if (f->end == FLOW_CLOSE_LAST)
        may = may && c->got == c->expect;
    else if (f->end == FLOW_SERVER_FIRST)
        may = may && c->eof;
    if (may && !c->shut) {
        c->shut = true;
        if (f->end == FLOW_CLOSE_LAST || f->end == FLOW_RUDE)
            side_close(t, f->client, c);
        else
            sock_shutdown(sk, t->s->now_ns, c->s, SHUT_WR);
    }
    if (!c->closed && c->shut && c->eof)
        side_close(t, f->client, c);
}

/* Somebody has connected to this port: whose end is it? */
static void server_accept(struct transfer *t, struct flow *any) {
    struct socks *sk = socks_of(t, any->server);
    struct sock *n;
    while (any->listener && sock_accept(sk, t->s->now_ns, any->listener, &n) >= 0) {
        struct ust_addr a;
        uint16_t port = 0;
        struct flow *f, *end = t->flow + t->flow_cnt;
        tcp_peer(n->tcb, &a, &port);
        for (f = t->flow; f < end; f++)
            if (f->server == any->server && f->port == any->port && f->cport == port &&
                addr_eq(&t->s->host[f->client].addr, &a))
                break;
        if (f == end || f->v.s || f->v.closed) {
            /* An old SYN that came again: the client does not know it and resets it. Nobody serves it. */
            sock_drop(sk, t->s->now_ns, n);
            continue;
        }
        f->v.s = n;
    }
}

static void server_step(struct transfer *t, struct flow *f) {
    struct socks *sk = socks_of(t, f->server);
    struct flow_side *v = &f->v;
    if (t->s->now_ns < f->accept_ns) {
        struct sim_host *h = &t->s->host[f->server];
        h->app_at_ns = UST_MIN(h->app_at_ns, f->accept_ns);
    } else if (f->listener) {
        server_accept(t, f);
    }
    if (f->listener && f->own_listener && v->s) { /* nobody else is expected */
        sock_drop(sk, t->s->now_ns, f->listener);
        f->listener = NULL;
    }
    if (v->closed)
        return;
    if (v->s == NULL) {
        /* The client may give up before we ever see it. One that closed in good order is still delivering. */
        if (f->c.closed && f->started && (flow_may_lose(f) || f->c.err))
            v->closed = true;
        if (v->give_up_ns && t->s->now_ns >= v->give_up_ns)
            v->closed = v->gave_up = true;
        if (v->give_up_ns && !v->closed) {
            struct sim_host *h = &t->s->host[f->server];
            h->app_at_ns = UST_MIN(h->app_at_ns, v->give_up_ns);
        }
        return;
    }
    side_recv(t, f->server, f, v, f->c.id);
    side_send(t, f->server, v);
    if (v->give_up_ns) { /* the client's reset was lost */
        struct sim_host *h = &t->s->host[f->server];
        h->app_at_ns = UST_MIN(h->app_at_ns, v->give_up_ns);
        if (t->s->now_ns >= v->give_up_ns) {
            v->gave_up = true;
            side_close(t, f->server, v);
        }
        if (v->closed)
            return;
    }
    if (v->err || (v->eof && v->sent == v->to_send)) {
        side_close(t, f->server, v);
    } else if (v->sent == v->to_send && !v->shut &&
               (f->end == FLOW_SERVER_FIRST || f->end == FLOW_BOTH)) {
        v->shut = true;
        sock_shutdown(sk, t->s->now_ns, v->s, SHUT_WR);
    }
}

static void app(struct sim *s, int host, void *ctx) {
    struct transfer *t = (struct transfer *)ctx;
    for (int i = 0; i < t->flow_cnt; i++) {
        struct flow *f = &t->flow[i];
        if (f->client == host) {
            bool was_closed = f->c.closed;
            client_step(t, f);
            if (f->c.closed && !was_closed) { /* the other end may hear nothing of it */
                struct sim_host *h = &s->host[f->server];
                f->v.give_up_ns = s->now_ns + 1000 * NS_PER_S;
                h->app_at_ns = s->now_ns;
            }
        }
        if (f->server == host) {
            bool was_closed = f->v.closed;
            server_step(t, f);
            if (f->v.closed && !was_closed) {
                f->c.give_up_ns = s->now_ns + 1000 * NS_PER_S;
                s->host[f->client].app_at_ns = s->now_ns;
            }
        }
        if (f->done_ns == 0 && f->c.closed && f->v.closed)
            f->done_ns = s->now_ns;
    }
}

static void listen_for(struct transfer *t, int i) {
    struct flow *f = &t->flow[i];
    struct socks *sk = socks_of(t, f->server);
    struct ust_addr any = {{0}};
    f->own_listener = true;
    for (int k = 0; k < t->flow_cnt; k++)
        if (k != i && t->flow[k].server == f->server && t->flow[k].port == f->port) {
            f->own_listener = false;
            if (k < i)
                return; /* has one */
        }
    if (sock_new(sk, family_of(t), SOCK_STREAM, 0, &f->listener) < 0 ||
        sock_bind(sk, t->s->now_ns, f->listener, &any, f->port) < 0 ||
        sock_listen(sk, t->s->now_ns, f->listener, f->backlog) < 0)
        fail(t, "listen", f, 0);
}

void transfer_start(struct transfer *t) {
    struct sim *s = t->s;
    for (int i = 0; i < t->flow_cnt; i++) {
        struct flow *f = &t->flow[i];
        if (f->port == 0)
            f->port = (uint16_t)(5000 + i);
        f->c.id = (uint32_t)(2 * i + 1);
        f->v.id = (uint32_t)(2 * i + 2);
        f->c.expect = f->v.to_send;
        f->v.expect = f->c.to_send;
    }
    for (int i = 0; i < t->flow_cnt; i++)
        listen_for(t, i);
    for (int h = 0; h < s->host_cnt; h++) {
        s->host[h].app = app;
        s->host[h].app_ctx = t;
        s->host[h].app_at_ns = s->now_ns;
    }
}

void transfer_end(struct transfer *t) {
    for (int i = 0; i < t->flow_cnt; i++) {
        struct flow *f = &t->flow[i];
        if (f->listener)
            sock_drop(socks_of(t, f->server), t->s->now_ns, f->listener);
        f->listener = NULL;
        if (!f->c.closed)
            side_close(t, f->client, &f->c);
        if (!f->v.closed)
            side_close(t, f->server, &f->v);
    }
    for (int h = 0; h < t->s->host_cnt; h++) {
        t->s->host[h].app = NULL;
        t->s->host[h].app_at_ns = TIME_NEVER;
        sim_kick(t->s, h);
    }
}

bool transfer_done(void *ctx) {
    struct transfer *t = (struct transfer *)ctx;
    if (t->fail[0])
        return true;
    for (int i = 0; i < t->flow_cnt; i++)
        if (!t->flow[i].c.closed || !t->flow[i].v.closed)
            return false;
    return true;
}
