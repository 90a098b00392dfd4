/* SPDX-License-Identifier: ISC */
/*
 * What the program does to a connection: open, bind, connect, close, shut down (RFC 9293 3.9.1, 3.10.1 to 3.10.6). Each call
 * changes state and marks dirty; tcp_output() does the rest. Errors are those of Linux.
 */
#include "tcp/tcb.h"

struct tcb *tcp_open(struct tcp *t, void *sock) {
    struct tcp_opt opt;
    if (t->tcb_cnt >= t->cfg.max_conns)
        return NULL;
    tcp_opt_default(&opt, &t->cfg);
    struct tcb *tb = tcb_new(t, &opt);
    if (!tb)
        return NULL;
    tb->sock = sock;
    slab_birth(&t->c->arena, tb);
    return tb;
}

struct port_bind *tcp_bind_of(struct tcb *tb) {
    return &tb->bind;
}
struct tcp_opt *tcp_opt(struct tcb *tb) {
    return &tb->opt;
}
void *tcp_sock(const struct tcb *tb) { return tb->sock; }

static bool is_own(const struct tcp *t, const struct ust_addr *a) {
    return net_addr_find(t->net, a) || (t->net->loopback_here && addr_is_loopback(a));
}

/* RFC 9293 3.9.1.1 MUST-43 */
int tcp_bind(struct tcp *t, struct tcb *tb, const struct ust_addr *a, uint16_t port) {
    if (tb->bind.bound || tb->state != TCPS_CLOSED)
        return -EINVAL;
    if (!addr_is_any(a) && !is_own(t, a) && !tb->bind.nonlocal)
        return -EADDRNOTAVAIL;
    tb->bind.addr = *a;
    tb->bind.port = port;
    int r = port ? port_bind(&t->ports, &tb->bind, false)
                 : port_bind_ephemeral(&t->ports, &t->c->rng, &tb->bind, false);
    if (r < 0)
        return r;
    tb->bind_user = port != 0;       /* a port that we chose goes with the connection */
    tb->ep.lport = tb->ep.rport = 0; /* of a connection that was refused before */
    return 0;
}

/* ---- connect ---- */

/* Smallest shift that can tell of the largest buffer there may be (RFC 7323 2.3). */
uint8_t tcp_wscale_for(const struct tcp *t, const struct tcp_opt *o) {
    uint32_t space = o->rcvbuf_locked ? o->rcvbuf : UST_MAX(o->rcvbuf, t->cfg.rcvbuf_max);
    uint8_t s = 0;
    if (o->window_clamp)
        space = UST_MIN(space, o->window_clamp);
    while (s < 14 && 65535u << s < space)
        s++;
    return s;
}

uint16_t tcp_syn_window(const struct tcp_opt *o) {
    uint32_t w = UST_MIN(o->rcvbuf, 65535u);
    return (uint16_t)(o->window_clamp ? UST_MIN(w, o->window_clamp) : w);
}

void tcb_open_common(struct tcp *t, struct tcb *tb) {
    tcp_rtt_init(&tb->rtt);
    tb->sndbuf = tb->opt.sndbuf;
    tb->rcvbuf = tb->opt.rcvbuf;
    tb->rcv_wscale = tcp_wscale_for(t, &tb->opt);
    tb->ts_off = tcp_ts_offset(t, &tb->ep);
    tb->rcv_wnd = tcp_syn_window(&tb->opt);
    tb->snd_una_pos = UINT64_MAX;
    tb->ato_ns = TCP_ATO_MIN_NS;
    tcb_init_path(t, tb);
}

/* A tcb that has been connected before is made new; what its owner set stays. */
static void recycle(struct tcp *t, struct tcb *tb) {
    assert(tb->pin == 0 && tb->state == TCPS_CLOSED && !tb->ep.hashed && !tb->on_acceptq);
    tcb_purge(t, tb, false);
    timer_disarm(&t->c->wheel, &tb->timer);
    if (tb->on_dirty)
        TAILQ_REMOVE(&t->dirty, tb, dirty);
    if (tb->on_evented)
        TAILQ_REMOVE(&t->evented, tb, evented);
    void *sock = tb->sock;
    struct tcp_opt opt = tb->opt;
    struct port_bind bind = tb->bind; /* put back where it was: its links stay right */
    bool bind_user = tb->bind_user;
    memset(tb, 0, sizeof *tb);
    tb->sock = sock;
    tb->bind = bind;
    tb->bind_user = bind_user;
    tcb_init(tb, &opt);
}

/* A remnant of the same 4-tuple may be taken over if its timestamps make the new connection distinguishable (RFC 6191 3, Linux's tcp_tw_reuse). */
static bool may_replace(const struct tcp_ep *ep, uint64_t now_ns) {
    if (!ep)
        return true;
    const struct tcp_tw *tw = (const struct tcp_tw *)(const void *)ep;
    return ep->kind == TCP_EP_TW && tw->ts_ok && now_ns - tw->ts_recent_ns > NS_PER_S;
}

static int choose_port(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    const struct tcp_ep *ep = &tb->ep;
    if (tb->bind.bound) {
        tb->ep.lport = tb->bind.port;
        return may_replace(tcp_ep_find(t, &ep->laddr, ep->lport, &ep->raddr, ep->rport), now_ns)
                   ? 0
                   : -EADDRNOTAVAIL;
    }
    /* RFC 6056 3.3.1: from a random place on, the first port whose 4-tuple is free. Ports are shared with connections to elsewhere. */
    uint32_t lo = t->ports.lo, range = t->ports.hi - lo + 1u;
    uint32_t start = rng_below(&t->c->rng, range);
    tb->bind.addr = ep->laddr;
    tb->bind.conn = true;
    for (uint32_t i = 0; i < range; i++) {
        tb->bind.port = tb->ep.lport = (uint16_t)(lo + (start + i) % range);
        if (may_replace(tcp_ep_find(t, &ep->laddr, ep->lport, &ep->raddr, ep->rport), now_ns) &&
            port_bind(&t->ports, &tb->bind, false) == 0)
            return 0;
    }
    tb->bind.conn = false;
    tb->ep.lport = 0;
    return -EADDRNOTAVAIL;
}

/* RFC 9293 3.9.1.1 MUST-44 */
static int open_active(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct ust_addr *a,
                       uint16_t port, bool fastopen) {
    struct net_path path;
    if (tb->state == TCPS_SYN_SENT || tb->state == TCPS_SYN_RECEIVED || tb->pin > 0)
        return -EALREADY;
    if (tb->state != TCPS_CLOSED)
        return -EISCONN;
    if (tb->born_ns)
        recycle(t, tb);
    bool bound_addr = tb->bind.bound && !addr_is_any(&tb->bind.addr);
    int r =
        net_route_prefs(t->net, a, bound_addr ? &tb->bind.addr : NULL, tb->opt.addr_prefs, &path);
    if (r < 0)
        return r;
    /* RFC 9293 3.9.1.1 MUST-46 */
    if (path.broadcast || path.multicast)
        return -ENETUNREACH;
    tb->ep.laddr = bound_addr ? tb->bind.addr : path.src;
    tb->ep.raddr = *a;
    tb->ep.rport = port;
    r = choose_port(t, now_ns, tb);
    if (r < 0)
        return r;
    tb->born_ns = now_ns;
    tb->err = tb->err_soft = 0;
    tcb_open_common(t, tb);
    tb->iss = tcp_isn(t, now_ns, &tb->ep);
    struct tcp_ep *old = tcp_ep_find(t, &tb->ep.laddr, tb->ep.lport, &tb->ep.raddr, tb->ep.rport);
    if (old) {
        struct tcp_tw *tw = (struct tcp_tw *)(void *)old;
        tb->iss = seq_add(tw->snd_nxt, 65535 + 2);
        tcp_tw_free(t, tw);
    }
    tb->snd_una = tb->snd_nxt = tb->recover = tb->iss;
    tcp_rack_init(tb);
    tcp_ep_hash(t, &tb->ep);
    tcp_state_set(t, now_ns, tb, TCPS_SYN_SENT, "connect");
    t->stats.active_opens++;
    tb->syn_due = true;
    if (fastopen)
        tcp_fo_connect(t, now_ns, tb);
    tcb_mark_dirty(t, tb);
    return 0;
}

int tcp_connect(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct ust_addr *a,
                uint16_t port) {
    return open_active(t, now_ns, tb, a, port, false);
}

int tcp_connect_fo(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct ust_addr *a,
                   uint16_t port) {
    return open_active(t, now_ns, tb, a, port, true);
}

/* ---- close ---- */

/* FIN behind what has been written. */
static void send_fin(struct tcp *t, uint64_t now_ns, struct tcb *tb, const char *why) {
    tb->fin_wanted = tb->wr_shut = true;
    if (tb->state ==
        TCPS_SYN_RECEIVED) { /* RFC 9293 3.10.4: queued until ESTABLISHED; RFC 7413 4.2.2 need not wait */
        if (tb->fo_child)
            tcb_mark_dirty(t, tb);
        return;
    }
    tcp_state_set(t, now_ns, tb, tb->state == TCPS_CLOSE_WAIT ? TCPS_LAST_ACK : TCPS_FIN_WAIT_1,
                  why);
    tcb_mark_dirty(t, tb);
}

static bool has_fin_to_send(const struct tcb *tb) {
    return tb->state == TCPS_ESTABLISHED || tb->state == TCPS_CLOSE_WAIT ||
           tb->state == TCPS_SYN_RECEIVED;
}

static void forget_owner(struct tcp *t, struct tcb *tb) {
    tb->sock = NULL;
    tb->events = 0;
    if (tb->on_evented)
        TAILQ_REMOVE(&t->evented, tb, evented);
    tb->on_evented = false;
}

/* RFC 9293 3.6.1 SHLD-3 */
void tcp_close(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    forget_owner(t, tb);
    if (tb->state == TCPS_CLOSED) {
        tcb_free(t, tb);
        return;
    }
    if (tb->state == TCPS_SYN_SENT) {
        tcb_done(t, now_ns, tb, 0, "close");
        return;
    }
    if (sbuf_len(&tb->rcv) >
        0) { /* RFC 1122 4.2.2.13, RFC 2525 2.17: unread data is lost, and the peer must know */
        tcb_reset(t, now_ns, tb, 0, "close with unread data");
        return;
    }
    if (t->orphan_cnt >= t->cfg.max_orphans) { /* Linux's tcp_max_orphans */
        t->stats.orphan_resets++;
        tcb_reset(t, now_ns, tb, 0, "too many orphans");
        return;
    }
    tb->orphan = true;
    t->orphan_cnt++;
    tb->rd_shut = true;
    if (has_fin_to_send(tb)) {
        send_fin(t, now_ns, tb, "close");
    } else if (tb->state == TCPS_FIN_WAIT_2) {
        if (tb->opt.linger2_ns < 0)
            tcb_reset(t, now_ns, tb, 0, "close, linger2 < 0");
        else
            tcb_arm(t, tb, TCPT_FINWAIT2, now_ns + (uint64_t)tb->opt.linger2_ns);
    }
}

void tcp_abort(struct tcp *t, uint64_t now_ns, struct tcb *tb, bool keep) {
    bool rst = false, unsent = tb->fin_wanted && (!tb->fin_sent || tcb_outstanding(tb) > 0);
    switch ((enum tcp_state)tb->state) {
    case TCPS_ESTABLISHED:
    case TCPS_CLOSE_WAIT:
    case TCPS_FIN_WAIT_1:
    case TCPS_FIN_WAIT_2:
    case TCPS_SYN_RECEIVED:
        rst = true;
        break;
    case TCPS_CLOSING:
    case TCPS_LAST_ACK:
        rst = unsent;
        break;
    case TCPS_SYN_SENT:
    case TCPS_TIME_WAIT:
    case TCPS_CLOSED:
    case TCPS_LISTEN:
    case TCPS_COUNT:
        break;
    }
    bool was_open = tb->state != TCPS_CLOSED;
    if (!keep)
        forget_owner(t, tb);
    if (rst)
        tcp_ctl_abort(t, now_ns, tb);
    if (was_open) {
        if (tcb_done(t, now_ns, tb, keep ? ECONNRESET : 0, "abort"))
            return;
    } else if (!keep) {
        tcb_free(t, tb);
        return;
    }
    tcb_purge(t, tb, false);
    tb->urg_state = TCP_URG_NONE;
    tb->rd_shut = tb->wr_shut = tb->fin_done = false;
}

int tcp_shutdown_wr(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    if (tb->state == TCPS_SYN_SENT) { /* Linux: the attempt is called off */
        tcp_abort(t, now_ns, tb, true);
        return 0;
    }
    bool first = !tb->wr_shut;
    tb->wr_shut = true;
    if (tb->state == TCPS_CLOSED)
        return -ENOTCONN;
    if (has_fin_to_send(tb))
        send_fin(t, now_ns, tb, "shutdown");
    if (first)
        tcb_event(t, tb, (uint8_t)(PCB_EV_OUT | (tb->rd_shut ? PCB_EV_HUP : 0)));
    return 0;
}

int tcp_shutdown_rd(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    (void)now_ns;
    tb->rd_shut = true;
    if (tb->state == TCPS_CLOSED)
        return -ENOTCONN;
    tcb_event(t, tb, (uint8_t)(PCB_EV_IN | PCB_EV_RDHUP | (tb->wr_shut ? PCB_EV_HUP : 0)));
    return 0;
}

/* ---- options ---- */

void tcp_push(struct tcp *t, struct tcb *tb) {
    tb->push_all = tcb_unsent(tb) > 0;
    tcb_mark_dirty(t, tb);
}

void tcp_opt_changed(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    const struct tcp_opt *o = &tb->opt;
    tb->sndbuf = o->sndbuf_locked ? o->sndbuf : UST_MAX(tb->sndbuf, o->sndbuf);
    if (o->rcvbuf_locked) {
        tb->rcvbuf = o->rcvbuf;
        tb->rcvbuf_peak = UST_MAX(tb->rcvbuf_peak, tb->rcvbuf);
    }
    tb->pingpong = o->quickack_off;
    if (!o->quickack_off && tb->ack_delayed) /* TCP_QUICKACK: what is owed goes now */
        tb->ack_now = true;
    if (tb->state == TCPS_CLOSED)
        return;
    if (o->keepalive) {
        uint64_t at = tb->last_ack_ns + o->keep_idle_ns;
        tcb_arm(t, tb, TCPT_KEEP, UST_MAX(at, now_ns));
    } else {
        tcb_disarm(tb, TCPT_KEEP);
        tb->keep_cnt = 0;
    }
    tcb_write_space(t, tb);
    tcb_mark_dirty(t, tb); /* nodelay, uncork: what was held back may go */
}
