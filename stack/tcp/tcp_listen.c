/* SPDX-License-Identifier: ISC */
/*
 * Listeners: LISTEN (RFC 9293 3.10.7.2), the SYN queue and the accept queue, by Linux's rules:
 *   the accept queue is full when it holds more than `backlog`; then SYNs are dropped, and the last ACK of a handshake is ignored, so that the
 *   SYN-ACK is sent again and the client tries later;
 *   the SYN queue holds at most `backlog` handshakes; beyond it SYN cookies answer without state (RFC 4987 3.6).
 *
 * A listener also keeps the port for its children and their TIME-WAIT remnants: it lives on, closed, until the last one has gone.
 */
#include "tcp/tcb.h"

#define COOKIE_BELIEVE_NS (180 * NS_PER_S) /* after the last overflow */

static struct tcp_listeners *bucket_of(struct tcp *t, uint16_t port) {
    return &t->listeners[port % TCP_LISTEN_BUCKETS];
}

/* 0: does not fit; a specific address is better than a wildcard of the family, that better than :: taking IPv4 too. */
static int score(const struct tcp_listener *l, const struct ust_addr *laddr, uint16_t lport) {
    if (l->closed || l->bind.port != lport)
        return 0;
    if (!addr_is_any(&l->bind.addr))
        return addr_eq(&l->bind.addr, laddr) ? 3 : 0;
    bool ip4 = addr_is_ip4(laddr);
    if (addr_is_ip4(&l->bind.addr)) /* 0.0.0.0 as a mapped address */
        return ip4 ? 2 : 0;
    if (l->bind.v6)
        return ip4 ? !l->bind.v6only : 2;
    return ip4 ? 2 : 0;
}

/* RFC 9293 3.9.1.1 MUST-41 */
struct tcp_listener *tcp_listener_find(struct tcp *t, const struct ust_addr *laddr, uint16_t lport,
                                       const struct ust_addr *raddr, uint16_t rport) {
    struct tcp_listener *l, *best = NULL;
    int best_score = 0;
    uint32_t same = 0, hash = 0;
    LIST_FOREACH (l, bucket_of(t, lport), hash) {
        int s = score(l, laddr, lport);
        if (s == 0 || s < best_score)
            continue;
        if (s > best_score) {
            best_score = s;
            best = l;
            same = 1;
        } else { /* SO_REUSEPORT: spread by the connection */
            if (same++ == 1)
                hash = tcp_hash(t, laddr, lport, raddr, rport);
            hash = hash * 1664525u + 1013904223u;
            if ((uint64_t)hash * same >> 32 == 0)
                best = l;
        }
    }
    return best;
}

/* ---- life ---- */

void tcp_listen_backlog(struct tcp_listener *l, int backlog) {
    l->backlog = backlog < 0 || backlog > TCP_SOMAXCONN ? TCP_SOMAXCONN : (uint32_t)backlog;
}

int tcp_listen(struct tcp *t, uint64_t now_ns, struct tcb *tb, int backlog,
               struct tcp_listener **out) {
    assert(tb->state == TCPS_CLOSED);
    if (!tb->bind.bound) {
        int r = port_bind_ephemeral(&t->ports, &t->c->rng, &tb->bind, false);
        if (r < 0)
            return r;
    }
    tb->bind.listening = true;
    /* RFC 9293 3.9.1.1 MUST-42 */
    if (port_check(&t->ports, &tb->bind, false) < 0) {
        tb->bind.listening = false;
        return -EADDRINUSE;
    }
    struct tcp_listener *l = slab_alloc(&t->c->arena, SLAB_TCP_LISTENER);
    if (!l) {
        tb->bind.listening = false;
        return -ENOBUFS;
    }
    port_unbind(&t->ports, &tb->bind);
    l->bind = tb->bind;
    l->bind.bound = false;
    int r UST_UNUSED = port_bind(&t->ports, &l->bind, false);
    assert(r == 0);
    l->sock = tb->sock;
    l->opt = tb->opt;
    TAILQ_INIT(&l->synq);
    TAILQ_INIT(&l->acceptq);
    tcp_listen_backlog(l, backlog);
    LIST_INSERT_HEAD(bucket_of(t, l->bind.port), l, hash);
    slab_birth(&t->c->arena, l);
    if (trace_on(&t->c->trace, TRACE_TCP)) {
        char a[ADDR_STR_LEN];
        trace_line(&t->c->trace, now_ns, TRACE_TCP, "%s:%u CLOSED -> LISTEN (backlog %u)",
                   addr_str(&l->bind.addr, a), l->bind.port, l->backlog);
    }
    tcb_free(t, tb);
    *out = l;
    return 0;
}

void tcp_listener_unref(struct tcp *t, struct tcp_listener *l, bool live) {
    if (l->refs > 0)
        l->refs--;
    if (live && l->live_refs > 0)
        l->live_refs--;
    if (!l->closed)
        return;
    if (l->refs > 0) {
        l->bind.tw = l->live_refs == 0;
        return;
    }
    if (l->on_evented)
        TAILQ_REMOVE(&t->evented_listeners, l, evented);
    if (l->bind.bound)
        port_unbind(&t->ports, &l->bind);
    slab_free(&t->c->arena, l);
}

void tcp_unlisten(struct tcp *t, uint64_t now_ns, struct tcp_listener *l) {
    struct tcb *tb;
    l->refs++; /* children let go of it below */
    while ((tb = TAILQ_FIRST(&l->synq)))
        tcb_done(t, now_ns, tb, 0, "listener closed");
    while ((tb = TAILQ_FIRST(&l->acceptq))) { /* RFC 9293 3.10.4 */
        tcp_listen_forget(t, tb);
        if (tb->state == TCPS_CLOSED)
            tcb_free(t, tb);
        else
            tcb_reset(t, now_ns, tb, ECONNRESET, "listener closed");
    }
    LIST_REMOVE(l, hash);
    if (l->on_evented)
        TAILQ_REMOVE(&t->evented_listeners, l, evented);
    l->on_evented = false;
    l->sock = NULL;
    l->closed = true;
    l->bind.listening = false;
    tcp_listener_unref(t, l, false);
}

uint32_t tcp_accept_cnt(const struct tcp_listener *l) { return l->accept_cnt; }
struct tcp_opt *tcp_listener_opt(struct tcp_listener *l) {
    return &l->opt;
}
struct port_bind *tcp_listener_bind(struct tcp_listener *l) {
    return &l->bind;
}
void *tcp_listener_sock(const struct tcp_listener *l) { return l->sock; }
void tcp_listener_set_sock(struct tcp_listener *l, void *sock) { l->sock = sock; }

/* ---- queues ---- */

void tcp_listen_forget(struct tcp *t, struct tcb *tb) {
    struct tcp_listener *l = tb->parent;
    if (tb->on_synq) {
        TAILQ_REMOVE(&l->synq, tb, queue);
        l->syn_cnt--;
        t->syn_cnt--;
    } else if (tb->on_acceptq) {
        TAILQ_REMOVE(&l->acceptq, tb, queue);
        l->accept_cnt--;
    }
    tb->on_synq = tb->on_acceptq = false;
}

static void to_acceptq(struct tcp *t, struct tcb *tb) {
    struct tcp_listener *l = tb->parent;
    tb->on_acceptq = true;
    l->accept_cnt++;
    TAILQ_INSERT_TAIL(&l->acceptq, tb, queue);
    tcp_listener_event(t, l, PCB_EV_IN);
}

static void to_synq(struct tcp *t, struct tcb *tb) {
    struct tcp_listener *l = tb->parent;
    tb->on_synq = true;
    TAILQ_INSERT_TAIL(&l->synq, tb, queue);
    l->syn_cnt++;
    t->syn_cnt++;
}

static bool accept_full(const struct tcp_listener *l) { return l->accept_cnt > l->backlog; }

bool tcp_listen_promote(struct tcp *t, struct tcb *tb, const struct tcp_in *in) {
    struct tcp_listener *l = tb->parent;
    if (accept_full(l)) {
        tb->synack_acked = true;
        t->stats.listen_overflows++;
        return false;
    }
    /* TCP_DEFER_ACCEPT, as Linux's tcp_check_req(): a bare ACK does not count before its time is over. */
    if (tb->rtx_cnt < tb->opt.defer_accept && in->seg_len == 0 && !(in->h.flags & TCPF_FIN)) {
        tb->synack_acked = true;
        return false;
    }
    tcp_listen_forget(t, tb);
    to_acceptq(t, tb);
    return true;
}

struct tcb *tcp_accept(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, void *sock) {
    struct tcb *tb = TAILQ_FIRST(&l->acceptq);
    (void)now_ns;
    if (!tb)
        return NULL;
    tcp_listen_forget(t, tb);
    tb->sock = sock;
    tb->events = 0; /* its owner looks at the levels first */
    tb->events = 0; /* what came before is readiness now, not news */
    if (tb->state == TCPS_CLOSED)
        tcb_port_drop(t, tb); /* reset while it waited */
    return tb;
}

/* ---- LISTEN ---- */

/* A child in SYN-RECEIVED, in the hash, with the peer's options; not in a queue yet. */
static struct tcb *child_new(struct tcp *t, uint64_t now_ns, struct tcp_listener *l,
                             const struct tcp_in *in, seq_t irs) {
    if (t->tcb_cnt >= t->cfg.max_conns)
        return NULL;
    struct tcb *tb = tcb_new(t, &l->opt);
    if (!tb)
        return NULL;
    tb->ep.laddr = in->rx->dst;
    tb->ep.raddr = in->rx->src;
    tb->ep.lport = in->h.dport;
    tb->ep.rport = in->h.sport;
    tb->born_ns = now_ns;
    tb->opt.fo_qlen = 0; /* of listeners */
    tb->opt.fo_key_cnt = 0;
    tb->parent = l;
    l->refs++;
    l->live_refs++;
    tcb_open_common(t, tb);
    tb->irs = irs;
    tb->rcv_nxt = tb->rcv_wup = tb->last_ack_sent = seq_add(irs, 1);
    tb->ts_recent_ns = now_ns;
    return tb;
}

static void child_born(struct tcp *t, uint64_t now_ns, struct tcb *tb, seq_t iss, const char *why) {
    tb->iss = tb->snd_una = tb->snd_nxt = tb->recover = iss;
    tb->snd_una_pos = UINT64_MAX;
    tcp_rack_init(tb);
    tcp_state_set(t, now_ns, tb, TCPS_SYN_RECEIVED, why);
    tcp_ep_hash(t, &tb->ep);
    slab_birth(&t->c->arena, tb);
}

static bool offers_ecn(const struct tcp_listener *l, const struct tcp_in *in) {
    return l->opt.ecn && (in->h.flags & (TCPF_ECE | TCPF_CWR)) == (TCPF_ECE | TCPF_CWR);
}

static void send_cookie(struct tcp *t, uint64_t now_ns, const struct tcp_listener *l,
                        const struct tcp_in *in) {
    struct tcp_ctl *c = tcp_ctl_take(t);
    if (!c)
        return;
    struct tcp_ep ep = {
        .laddr = in->rx->dst, .raddr = in->rx->src, .lport = in->h.dport, .rport = in->h.sport};
    bool ip4 = addr_is_ip4(&ep.raddr);
    uint16_t mss = in->h.opts.has_mss ? in->h.opts.mss : ip4 ? 536 : 1220;
    c->src = ep.laddr;
    c->dst = ep.raddr;
    c->sport = ep.lport;
    c->dport = ep.rport;
    c->seq = tcp_cookie_make(t, now_ns, &ep, in->h.seq, mss);
    c->ack = seq_add(in->h.seq, 1);
    c->flags = TCPF_SYN | TCPF_ACK;
    c->wnd = tcp_syn_window(&l->opt);
    c->is_synack = true;
    uint32_t own = net_link_mtu(t->net, &ep.raddr) - (ip4 ? 40u : 60u);
    c->mss = (uint16_t)(l->opt.maxseg ? UST_MIN(own, (uint32_t)l->opt.maxseg) : own);
    if (!in->h.opts.has_ts)
        return;
    bool ecn = offers_ecn(l, in);
    c->has_ts = true;
    c->ts_val = tcp_cookie_ts(t, now_ns, &ep, &in->h.opts, ecn);
    c->ts_ecr = in->h.opts.ts_val;
    c->sack_ok = in->h.opts.sack_ok;
    c->has_wscale = in->h.opts.has_wscale;
    c->wscale = tcp_wscale_for(t, &l->opt);
    if (ecn)
        c->flags |= TCPF_ECE;
}

static enum drop rx_syn(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, struct tcp_in *in,
                        const seq_t *isn) {
    if (accept_full(l)) {
        t->stats.listen_overflows++;
        t->stats.listen_drops++;
        return DROP_TCP_ACCEPT_QUEUE;
    }
    if (!isn && (l->syn_cnt >= UST_MAX(l->backlog, 8u) || t->syn_cnt >= t->cfg.max_syn)) {
        l->overflow_ns = now_ns;
        t->stats.listen_drops++;
        send_cookie(t, now_ns, l, in);
        return DROP_TCP_SYN_QUEUE;
    }
    struct tcb *tb = child_new(t, now_ns, l, in, in->h.seq);
    if (!tb) {
        t->stats.listen_drops++;
        return DROP_TCP_MEMORY;
    }
    tcp_peer_options(t, tb, &in->h);
    tb->ecn_ok = offers_ecn(l, in);
    tb->snd_wl1 = in->h.seq;
    tb->snd_wnd = in->h.wnd;
    if (isn) { /* a remnant that gives way (RFC 6191) */
        struct tcp_ep *old =
            tcp_ep_find(t, &tb->ep.laddr, tb->ep.lport, &tb->ep.raddr, tb->ep.rport);
        assert(old && old->kind == TCP_EP_TW);
        tcp_tw_free(t, (struct tcp_tw *)(void *)old);
    }
    bool fastopen = tcp_fo_syn(t, now_ns, l, tb, in);
    child_born(t, now_ns, tb, isn ? *isn : tcp_isn(t, now_ns, &tb->ep), "SYN received");
    if (fastopen) {
        to_acceptq(t, tb);
        tcp_fo_child(t, now_ns, tb, in);
    } else {
        to_synq(t, tb);
    }
    tb->syn_due = true;
    tcb_mark_dirty(t, tb);
    return DROP_NONE;
}

/* The third segment of a handshake that we kept no state of? */
static enum drop rx_cookie(struct tcp *t, uint64_t now_ns, struct tcp_listener *l,
                           struct tcp_in *in) {
    struct tcp_ep ep = {
        .laddr = in->rx->dst, .raddr = in->rx->src, .lport = in->h.dport, .rport = in->h.sport};
    seq_t irs = seq_sub(in->h.seq, 1), iss = seq_sub(in->h.ack, 1);
    if (l->overflow_ns == 0 || now_ns - l->overflow_ns > COOKIE_BELIEVE_NS)
        return DROP_TCP_NO_CONN;
    uint16_t mss = tcp_cookie_check(t, now_ns, &ep, irs, iss);
    if (mss == 0)
        return DROP_TCP_NO_CONN;
    if (accept_full(l)) {
        t->stats.listen_overflows++;
        return DROP_TCP_ACCEPT_QUEUE;
    }
    struct tcb *tb = child_new(t, now_ns, l, in, irs);
    if (!tb)
        return DROP_TCP_MEMORY;
    struct tcp_hdr syn = {.opts = {.has_mss = true, .mss = mss}};
    if (in->h.opts.has_ts) {
        syn.opts.has_ts = true;
        syn.opts.ts_val = in->h.opts.ts_val;
        tb->ecn_ok = tcp_cookie_ts_read(t, &ep, in->h.opts.ts_ecr, &syn.opts) && l->opt.ecn;
    }
    tcp_peer_options(t, tb, &syn);
    child_born(t, now_ns, tb, iss, "SYN cookie");
    to_synq(t, tb);
    tb->snd_nxt = seq_add(iss, 1);
    tb->opt.defer_accept = 0;
    return tcp_rx_tcb(t, now_ns, tb, in);
}

enum drop tcp_rx_listen(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, struct tcp_in *in,
                        const seq_t *isn) {
    uint8_t fl = in->h.flags;
    if (fl & TCPF_RST) /* RFC 9293 3.10.7.2 first */
        return DROP_TCP_LISTEN_FLAGS;
    if (fl & TCPF_ACK) { /* second */
        enum drop d = fl & TCPF_SYN ? DROP_TCP_NO_CONN : rx_cookie(t, now_ns, l, in);
        if (d == DROP_TCP_NO_CONN)
            tcp_ctl_rst(t, now_ns, in);
        return d;
    }
    if (!(fl & TCPF_SYN) || (fl & TCPF_FIN)) /* fourth */
        return DROP_TCP_LISTEN_FLAGS;
    return rx_syn(t, now_ns, l, in, isn); /* third */
}
