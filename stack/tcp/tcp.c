/* SPDX-License-Identifier: ISC */
/* The tables of TCP: connections by 4-tuple, lists of those that have something to send or to tell; birth and end of a tcb. */
#include "tcp/tcb.h"

void tcp_cfg_default(struct tcp_cfg *cfg) {
    memset(cfg, 0, sizeof *cfg);
    cfg->cc = TCP_CC_CUBIC;
    cfg->sndbuf_default = 256u << 10;
    cfg->sndbuf_max = 32u << 20;
    cfg->rcvbuf_default = 1u << 20;
    cfg->rcvbuf_max = 32u << 20;
    cfg->fastopen = TCP_FO_CLIENT | TCP_FO_SERVER;
    cfg->max_conns = 65536;
    cfg->max_syn = 4096;
    cfg->max_tw = 65536;
    cfg->max_orphans = 16384; /* each may hold a full send buffer */
}

void tcp_opt_default(struct tcp_opt *o, const struct tcp_cfg *cfg) {
    memset(o, 0, sizeof *o);
    /* RFC 9293 3.8.4 MUST-28 */
    o->keep_idle_ns = 7200 * NS_PER_S; /* RFC 1122 4.2.3.6 */
    o->keep_intvl_ns = 75 * NS_PER_S;
    o->keep_cnt = 9;
    o->syn_retries = TCP_SYN_RETRIES;
    o->linger2_ns = (int64_t)TCP_TIMEWAIT_NS;
    o->notsent_lowat = UINT32_MAX;
    o->sndbuf = cfg->sndbuf_default;
    o->rcvbuf = cfg->rcvbuf_default;
    o->pmtudisc = o->pmtudisc6 = 1; /* IP_PMTUDISC_WANT */
    o->cc = cfg->cc;
    o->ecn = cfg->ecn;
    o->hystart_off = cfg->hystart_off;
}

int tcp_init(struct tcp *t, struct core *c, struct net *net, const struct tcp_cfg *cfg,
             uint64_t now_ns) {
    memset(t, 0, sizeof *t);
    t->c = c;
    t->net = net;
    t->cfg = *cfg;
    t->challenge = (struct token_bucket){TCP_CHALLENGE_BURST * 1000ull, now_ns};
    t->resets = (struct token_bucket){TCP_RST_BURST * 1000ull, now_ns};
    TAILQ_INIT(&t->dirty);
    TAILQ_INIT(&t->evented);
    TAILQ_INIT(&t->evented_listeners);
    TAILQ_INIT(&t->tw_age);
    port_init(&t->ports);
    slab_define(&c->arena, SLAB_TCB, sizeof(struct tcb), cfg->max_conns + cfg->max_syn);
    slab_define(&c->arena, SLAB_TCP_LISTENER, sizeof(struct tcp_listener), 65536);
    slab_define(&c->arena, SLAB_TCP_SEG, sizeof(struct tcp_seg), 0);
    slab_define(&c->arena, SLAB_TCP_RANGE, sizeof(struct tcp_range), 0);
    slab_define(&c->arena, SLAB_TCP_TW, sizeof(struct tcp_tw), cfg->max_tw);
    t->listeners = span_alloc(&c->arena, TCP_LISTEN_BUCKETS * sizeof *t->listeners);
    t->ctl = span_alloc(&c->arena, TCP_CTL_CAP * sizeof *t->ctl);
    if (!t->listeners || !t->ctl || htab_init(&t->conns, &c->arena, 1024) < 0)
        return -ENOMEM;
    return 0;
}

void tcp_fini(struct tcp *t) {
    struct arena *ar = &t->c->arena;
    for (struct tcb *tb; (tb = slab_next_alive(ar, SLAB_TCB, NULL));) {
        tb->pin = 0;
        tcb_free(t, tb);
    }
    for (struct tcp_tw *tw; (tw = slab_next_alive(ar, SLAB_TCP_TW, NULL));)
        tcp_tw_free(t, tw);
    for (struct tcp_listener *l; (l = slab_next_alive(ar, SLAB_TCP_LISTENER, NULL));) {
        l->refs = l->live_refs = 0;
        l->closed = true;
        tcp_listener_unref(t, l, false);
    }
    if (t->listeners)
        span_free(ar, t->listeners);
    if (t->ctl)
        span_free(ar, t->ctl);
    tcp_fo_fini(t);
    htab_fini(&t->conns, ar);
}

/* ---- connections by 4-tuple ---- */

uint32_t tcp_hash(const struct tcp *t, const struct ust_addr *laddr, uint16_t lport,
                  const struct ust_addr *raddr, uint16_t rport) {
    uint8_t key[36];
    memcpy(key, laddr->b, 16);
    memcpy(key + 16, raddr->b, 16);
    memcpy(key + 32, &lport, 2);
    memcpy(key + 34, &rport, 2);
    return (uint32_t)siphash(&t->c->key, key, sizeof key);
}

struct tcp_ep *tcp_ep_find(struct tcp *t, const struct ust_addr *laddr, uint16_t lport,
                           const struct ust_addr *raddr, uint16_t rport) {
    uint32_t hash = tcp_hash(t, laddr, lport, raddr, rport);
    for (struct hnode *n = htab_first(&t->conns, hash); n; n = htab_next(n)) {
        struct tcp_ep *ep = UST_CONTAINER_OF(n, struct tcp_ep, hn);
        if (ep->lport == lport && ep->rport == rport && addr_eq(&ep->raddr, raddr) &&
            addr_eq(&ep->laddr, laddr))
            return ep;
    }
    return NULL;
}

void tcp_ep_hash(struct tcp *t, struct tcp_ep *ep) {
    htab_insert(&t->conns, &t->c->arena, &ep->hn,
                tcp_hash(t, &ep->laddr, ep->lport, &ep->raddr, ep->rport));
    ep->hashed = true;
}

void tcp_ep_unhash(struct tcp *t, struct tcp_ep *ep) {
    if (ep->hashed)
        htab_remove(&t->conns, &ep->hn);
    ep->hashed = false;
}

/* ---- who has something to send, or to tell ---- */

void tcb_mark_dirty(struct tcp *t, struct tcb *tb) {
    if (tb->on_dirty)
        return;
    tb->on_dirty = true;
    TAILQ_INSERT_TAIL(&t->dirty, tb, dirty);
}

void tcb_event(struct tcp *t, struct tcb *tb, uint8_t ev) {
    tb->events |= ev;
    if (tb->on_evented || tb->sock == NULL)
        return;
    tb->on_evented = true;
    TAILQ_INSERT_TAIL(&t->evented, tb, evented);
}

void tcp_listener_event(struct tcp *t, struct tcp_listener *l, uint8_t ev) {
    l->events |= ev;
    if (l->on_evented || l->sock == NULL)
        return;
    l->on_evented = true;
    TAILQ_INSERT_TAIL(&t->evented_listeners, l, evented);
}

bool tcp_event_pop(struct tcp *t, void **sock, uint8_t *events) {
    struct tcp_listener *l = TAILQ_FIRST(&t->evented_listeners);
    if (l) {
        TAILQ_REMOVE(&t->evented_listeners, l, evented);
        l->on_evented = false;
        *sock = l->sock;
        *events = l->events;
        l->events = 0;
        return true;
    }
    struct tcb *tb = TAILQ_FIRST(&t->evented);
    if (!tb)
        return false;
    TAILQ_REMOVE(&t->evented, tb, evented);
    tb->on_evented = false;
    *sock = tb->sock;
    *events = tb->events;
    tb->events = 0;
    return true;
}

bool tcp_bucket_take(struct token_bucket *b, uint64_t now_ns, uint32_t per_s, uint32_t burst) {
    uint64_t cap = (uint64_t)burst * 1000, dt = now_ns - b->last_ns;
    uint64_t add = dt > 3600 * NS_PER_S ? cap : dt / 1000 * per_s / 1000;
    if (add > 0) {
        b->tokens_milli = UST_MIN(cap, b->tokens_milli + add);
        b->last_ns = now_ns;
    }
    if (b->tokens_milli < 1000)
        return false;
    b->tokens_milli -= 1000;
    return true;
}

/* ---- birth and end ---- */

void tcb_init(struct tcb *tb, const struct tcp_opt *opt) {
    tb->ep.kind = TCP_EP_TCB;
    tb->state = TCPS_CLOSED;
    tb->opt = *opt;
    tb->sndbuf = opt->sndbuf;
    tb->rcvbuf = opt->rcvbuf;
    sbuf_init(&tb->snd);
    sbuf_init(&tb->rcv);
    TAILQ_INIT(&tb->tsort);
    timer_init(&tb->timer, TIMER_TCB);
    for (int i = 0; i < TCPT_COUNT; i++)
        tb->deadline_ns[i] = TIME_NEVER;
}

struct tcb *tcb_new(struct tcp *t, const struct tcp_opt *opt) {
    struct tcb *tb = slab_alloc(&t->c->arena, SLAB_TCB);
    if (!tb)
        return NULL;
    tcb_init(tb, opt);
    t->tcb_cnt++;
    return tb;
}
void tcb_purge(struct tcp *t, struct tcb *tb, bool keep_rcv) {
    struct arena *ar = &t->c->arena;
    tcp_seg_clear(t, tb);
    tcp_ooo_clear(t, tb);
    if (tb->pin > 0) { /* tcp_unpin() does the rest */
        tb->purge_rcv |= !keep_rcv;
        return;
    }
    sbuf_clear(&tb->snd, ar);
    if (!keep_rcv)
        sbuf_clear(&tb->rcv, ar);
}

void tcb_port_drop(struct tcp *t, struct tcb *tb) {
    if (tb->bind.bound)
        port_unbind(&t->ports, &tb->bind);
    if (tb->bind.conn) { /* connect() chose it: nothing of that is left */
        tb->bind.conn = false;
        tb->bind.port = 0;
        tb->bind.addr = addr_is_ip4(&tb->ep.laddr) ? addr_from_ip4(0) : (struct ust_addr){{0}};
    }
    struct tcp_listener *l = tb->parent;
    if (l) {
        tcp_fo_settled(0, tb, false);
        tb->parent = NULL;
        tcp_listener_unref(t, l, true);
    }
}

void tcb_free(struct tcp *t, struct tcb *tb) {
    struct arena *ar = &t->c->arena;
    tcp_ep_unhash(t, &tb->ep);
    tcp_listen_forget(t, tb);
    tcb_port_drop(t, tb);
    timer_disarm(&t->c->wheel, &tb->timer);
    if (tb->on_dirty)
        TAILQ_REMOVE(&t->dirty, tb, dirty);
    if (tb->on_evented)
        TAILQ_REMOVE(&t->evented, tb, evented);
    tb->on_dirty = tb->on_evented = false;
    tb->sock = NULL;
    tcb_purge(t, tb, false);
    if (tb->pin > 0) {
        tb->dead = true;
        return;
    }
    if (tb->orphan)
        t->orphan_cnt--;
    t->tcb_cnt--;
    slab_free(ar, tb);
}

void tcp_pin(struct tcb *tb) { tb->pin++; }

void tcp_unpin(struct tcp *t, struct tcb *tb) {
    struct arena *ar = &t->c->arena;
    if (tb->pin == 0 || --tb->pin > 0)
        return;
    if (tb->dead) {
        tcb_free(t, tb);
        return;
    }
    if (tb->state == TCPS_CLOSED) {
        sbuf_clear(&tb->snd, ar);
        if (tb->purge_rcv)
            sbuf_clear(&tb->rcv, ar);
        tb->purge_rcv = false;
    }
}

struct tcb *tcp_next(struct tcp *t, struct tcb *prev) {
    struct tcb *tb = slab_next_alive(&t->c->arena, SLAB_TCB, prev);
    while (tb && tb->dead)
        tb = slab_next_alive(&t->c->arena, SLAB_TCB, tb);
    return tb;
}

uint32_t tcp_undelivered(struct tcp *t) {
    uint32_t cnt = 0;
    if (t->orphan_cnt == 0)
        return 0;
    for (struct tcb *tb = tcp_next(t, NULL); tb; tb = tcp_next(t, tb)) {
        if (tb->sock == NULL && tb->state != TCPS_CLOSED && tb->fin_wanted &&
            (tcb_unsent(tb) > 0 || !tb->fin_sent || tcb_outstanding(tb) > 0))
            cnt++;
    }
    return cnt;
}
