/* SPDX-License-Identifier: ISC */
/* The interpreter of the script language: see tcpfix.h. */
#include "tcp/tcpfix.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#define ARENA_BYTES (96u * 1024 * 1024)
#define START_NS (1000 * NS_PER_S)
#define GRACE_NS (2 * NS_PER_MS)
#define CONN_MAX 64
#define PEER_PORT 7000
#define OUR_PORT 80
#define OUT_MAX 4096

struct root {
    struct core core;
    struct link link;
    struct net net;
    struct tcp tcp;
};

struct out { /* a segment that we sent */
    uint64_t at_ns;
    struct tcp_hdr h;
    struct ip4_hdr ip;
    uint32_t len;
    uint16_t gso_size;
    bool bad_data;
};

struct conn {
    seq_t iss, irs; /* ours, the peer's */
    bool has_iss;
    uint32_t last_ts, prev_ts;
    uint16_t our_port;
    struct tcb *tb;
    uint64_t wr_pos, rd_pos;
};

struct fix {
    const struct tcp_case *cs;
    bool rebuild;
    struct root *r;
    void *mem;
    uint64_t now, clock; /* real (virtual) time, and the script's */
    struct conn conn[CONN_MAX];
    int cur;
    uint8_t cookie[TCP_FO_COOKIE_MAX]; /* the last that we sent */
    uint8_t cookie_len;
    struct tcp_listener *l;
    struct out q[OUT_MAX];
    int q_head, q_tail;
    enum drop last_drop;
    const char *line;
    int line_no;
    uint32_t force_iss, peer_iss;
    bool has_force;
    uint8_t ev;
    uint8_t frame[80 * 1024], in[80 * 1024];
};

static const struct ust_mac our_mac = {{2, 0, 0, 0, 0, 2}}, peer_mac = {{2, 0, 0, 0, 0, 1}};

static void bust(struct fix *f, const char *fmt, ...) UST_PRINTF(2, 3);
static void bust(struct fix *f, const char *fmt, ...) {
    char msg[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    ck_abort_msg("%s%s, line %d `%.*s` at %.6f: %s", f->cs->name, f->rebuild ? " (rebuilt)" : "",
                 f->line_no, (int)strcspn(f->line, "\n"), f->line,
                 (double)(f->clock - START_NS) / 1e9, msg);
}

static uint8_t pattern(uint64_t pos) { return (uint8_t)(pos * 31 + (pos >> 8) * 7 + (pos >> 16)); }

/* ---- the machine under the script ---- */

static struct fix *fix_new(const struct tcp_case *cs, bool rebuild) {
    static const uint8_t secret[16] = "tcp scripts 0001";
    struct fix *f = (struct fix *)calloc(1, sizeof *f);
    f->cs = cs;
    f->rebuild = rebuild;
    f->mem = map_pages(ARENA_BYTES);
    f->now = f->clock = START_NS;
    f->peer_iss = 500000000;
    struct root *r = f->r = (struct root *)f->mem;
    struct core *c = &r->core;
    ck_assert_int_eq(arena_init(&c->arena, f->mem, ARENA_BYTES, sizeof *r), 0);
    wheel_init(&c->wheel, f->now);
    rng_init(&c->rng, secret);
    c->key.k[0] = 1;
    ck_assert_int_eq(
        link_init(&r->link, c, &our_mac, cs->mtu ? cs->mtu : 1500, cs->features, cs->gso_max), 0);
    ck_assert_int_eq(net_init(&r->net, c, &r->link, f->now), 0);
    struct ust_addr a = addr_from_ip4(0x0a000002), gw = addr_from_ip4(0x0a000001),
                    zero = addr_from_ip4(0);
    ck_assert_int_eq(net_addr_add(&r->net, f->now, &a, 96 + 24, false, false), 0);
    ck_assert_int_eq(route_add(&r->net, &zero, 96, &gw, 0), 0);
    neigh_pin(&r->net.neigh, f->now, &gw, &peer_mac);
    struct tcp_cfg cfg;
    tcp_cfg_default(&cfg);
    cfg.rcvbuf_max = 6u << 20; /* window scale 7 */
    cfg.sndbuf_max = 4u << 20;
    cfg.cc = TCP_CC_RENO; /* whose numbers can be worked out by hand */
    ck_assert_int_eq(tcp_init(&r->tcp, c, &r->net, &cfg, f->now), 0);
    return f;
}

static void fix_free(struct fix *f) {
    struct core *c = &f->r->core;
    tcp_fini(&f->r->tcp);
    net_fini(&f->r->net);
    link_fini(&f->r->link);
    for (int k = 0; k < SLAB_COUNT; k++)
        if (slab_in_use(&c->arena, (enum slab_kind)k))
            ck_abort_msg("%s: pool %s holds %u", f->cs->name, slab_kind_name((enum slab_kind)k),
                         slab_in_use(&c->arena, (enum slab_kind)k));
    ck_assert_uint_eq(c->wheel.cnt, 0);
    must_hold(arena_check(&c->arena));
    munmap(f->mem, ARENA_BYTES);
    free(f);
}

static struct conn *conn_by_port(struct fix *f, uint16_t peer_port) {
    int i = peer_port - PEER_PORT;
    return i >= 0 && i < CONN_MAX ? &f->conn[i] : NULL;
}

/* Reads the transmit queue dry. */
static void collect(struct fix *f) {
    struct link *l = &f->r->link;
    struct pkt_tx *p;
    while ((p = link_tx_peek(l))) {
        size_t n = pkt_linearize(p, f->frame, sizeof f->frame);
        struct eth_hdr eh;
        struct ust_slice l3, l4, data;
        struct out *o = &f->q[f->q_head % OUT_MAX];
        memset(o, 0, sizeof *o);
        if (eth_parse(slice_of(f->frame, n), &eh, &l3) != DROP_NONE || eh.type != ETH_TYPE_IP4 ||
            ip4_parse(l3, &o->ip, &l4) != DROP_NONE || o->ip.proto != IP_PROTO_TCP) {
            link_tx_done(l);
            continue;
        }
        enum drop d = tcp_parse(l4, &o->ip.src, &o->ip.dst, false, &o->h, &data);
        if (d != DROP_NONE)
            bust(f, "we sent a bad segment: %s", drop_text(d));
        o->at_ns = f->now;
        o->len = (uint32_t)data.len;
        o->gso_size = p->gso ? p->gso_size : 0;
        struct conn *c = conn_by_port(f, o->h.dport);
        if (c) {
            if (o->h.flags & TCPF_SYN) {
                c->iss = o->h.seq;
                c->has_iss = true;
                c->our_port = o->h.sport;
            }
            /* RFC 7323 5.4: our clock never goes back within a connection, nor in what TIME-WAIT says. */
            if (o->h.opts.has_ts && !(o->h.flags & TCPF_SYN) &&
                (int32_t)(o->h.opts.ts_val - c->last_ts) < 0)
                bust(f, "our timestamp went back by %u", c->last_ts - o->h.opts.ts_val);
            if (o->h.opts.has_ts && o->h.opts.ts_val != c->last_ts) {
                c->prev_ts = c->last_ts;
                c->last_ts = o->h.opts.ts_val;
            }
            if (o->h.opts.fo_len > 0) {
                f->cookie_len = o->h.opts.fo_len;
                memcpy(f->cookie, o->h.opts.fo_cookie, sizeof f->cookie);
            }
            uint32_t at = o->h.seq.v - c->iss.v - !(o->h.flags & TCPF_SYN);
            for (size_t i = 0; i < data.len; i++)
                if (data.p[i] != pattern(at + i))
                    o->bad_data = true;
        }
        f->q_head++;
        if (f->q_head - f->q_tail > OUT_MAX)
            bust(f, "more than %d segments", OUT_MAX);
        link_tx_done(l);
    }
}

/* Whatever the rebuild makes anew is worthless before: it must not believe any of it. */
static void poison(struct fix *f) {
    struct tcp *t = &f->r->tcp;
    struct arena *ar = &f->r->core.arena;
    uint64_t at;
    for (struct tcp_seg *s = NULL; (s = slab_next_alive(ar, SLAB_TCP_SEG, s));) {
        memset(&s->rb, 0x5a, sizeof s->rb);
        memset(&s->time, 0x5a, sizeof s->time);
        s->flags ^= SEG_QUEUED;
    }
    for (struct tcp_range *g = NULL; (g = slab_next_alive(ar, SLAB_TCP_RANGE, g));)
        memset(&g->rb, 0x5a, sizeof g->rb);
    for (struct tcp_tw *w = NULL; (w = slab_next_alive(ar, SLAB_TCP_TW, w));) {
        at = w->timer.deadline_ns;
        memset(&w->timer, 0x5a, sizeof w->timer);
        w->timer.deadline_ns = at;
        memset(&w->age, 0x5a, sizeof w->age);
    }
    for (struct tcp_listener *l = NULL; (l = slab_next_alive(ar, SLAB_TCP_LISTENER, l));) {
        l->refs = l->live_refs = l->syn_cnt = l->accept_cnt = 0x5a;
        l->on_evented = true;
        memset(&l->synq, 0x5a, sizeof l->synq);
        memset(&l->acceptq, 0x5a, sizeof l->acceptq);
        memset(&l->hash, 0x5a, sizeof l->hash);
    }
    for (struct tcb *tb = NULL; (tb = slab_next_alive(ar, SLAB_TCB, tb));) {
        tb->segs.top = tb->ooo.top = (struct rb_node *)(void *)t;
        memset(&tb->tsort, 0x5a, sizeof tb->tsort);
        memset(&tb->timer, 0x5a, sizeof tb->timer);
        tb->rtx_hint = (struct tcp_seg *)(void *)t;
        tb->lost_bytes = tb->retrans_bytes = tb->ooo_cnt = 0x5a5a5a;
        tb->ooo_bytes = 0x5a5a5a;
        if (tb->sack_ok)
            tb->sacked_bytes = 0x5a5a5a;
        tb->sack_seen_cnt = 1;
        tb->sack_seen[0] = (struct tcp_sack){tb->snd_una, tb->snd_nxt};
        tb->on_dirty = tb->on_evented = true;
    }
    memset(&t->dirty, 0x5a, sizeof t->dirty);
    memset(&t->evented, 0x5a, sizeof t->evented);
    memset(&t->evented_listeners, 0x5a, sizeof t->evented_listeners);
    memset(&t->tw_age, 0x5a, sizeof t->tw_age);
    t->tcb_cnt = t->syn_cnt = t->tw_cnt = t->orphan_cnt = 0x5a;
    memset(t->listeners, 0x5a, TCP_LISTEN_BUCKETS * sizeof *t->listeners);
}

static void rebuild(struct fix *f) {
    struct root *r = f->r;
    uint64_t wheel_tick_ns = f->now;
    poison(f);
    slab_rebuild(&r->core.arena);
    wheel_init(&r->core.wheel, wheel_tick_ns);
    net_rebuild(&r->net);
    tcp_rebuild(&r->tcp, f->now);
}

static void take_events(struct fix *f) {
    void *sock;
    uint8_t ev;
    while (tcp_event_pop(&f->r->tcp, &sock, &ev)) {
        if (sock == &f->conn[f->cur] || sock == &f->l)
            f->ev |= ev;
    }
}

static void settle(struct fix *f) {
    struct tcp *t = &f->r->tcp;
    if (f->has_force) {
        for (struct tcb *tb = tcp_next(t, NULL); tb; tb = tcp_next(t, tb)) {
            if ((tb->state == TCPS_SYN_SENT || tb->state == TCPS_SYN_RECEIVED) &&
                seq_eq(tb->snd_nxt, tb->iss) && !tcp_seg_first(tb)) {
                tb->iss = tb->snd_una = tb->snd_nxt = tb->recover = seq_of(f->force_iss);
                tcp_rack_init(tb);
            }
        }
    }
    while (tcp_flush(t, f->now))
        collect(f);
    collect(f);
    take_events(f);
    const char *e = tcp_check(t);
    if (!e)
        e = wheel_check(&f->r->core.wheel);
    if (e)
        bust(f, "%s", e);
    if (f->rebuild && !f->cs->no_rebuild) {
        uint8_t ev = f->ev; /* the rebuild tells everybody to look again */
        rebuild(f);
        e = tcp_check(t);
        if (e)
            bust(f, "rebuilt: %s", e);
        while (tcp_flush(t, f->now))
            collect(f);
        collect(f);
        take_events(f);
        f->ev = ev;
    }
}

static void fire(struct fix *f) {
    struct timer *tm;
    while ((tm = wheel_pop(&f->r->core.wheel, f->now))) {
        if (tm->kind == TIMER_TCB || tm->kind == TIMER_TCP_TW)
            tcp_timer(&f->r->tcp, f->now, tm);
        else
            net_timer(&f->r->net, f->now, tm);
    }
}

/* Time goes on to `to`, or until something is sent if stop. */
static void advance(struct fix *f, uint64_t to, bool stop) {
    uint64_t next;
    while ((next = wheel_next(&f->r->core.wheel)) <= to) {
        f->now = UST_MAX(f->now, next);
        fire(f);
        settle(f);
        if (stop && f->q_head != f->q_tail)
            return;
    }
    f->now = UST_MAX(f->now, to);
}

/* ---- words of the script ---- */

static const char *skip(const char *s) {
    while (*s == ' ' || *s == '\t')
        s++;
    return s;
}

static bool word(const char **s, const char *w) {
    const char *p = skip(*s);
    size_t n = strlen(w);
    if (strncmp(p, w, n) != 0)
        return false;
    if (isalnum((unsigned char)w[n - 1]) && (isalnum((unsigned char)p[n]) || p[n] == '_'))
        return false;
    *s = p + n;
    return true;
}

static bool number(const char **s, uint64_t *v) {
    char *end;
    const char *p = skip(*s);
    if (!isdigit((unsigned char)*p))
        return false;
    *v = strtoull(p, &end, 0);
    *s = end;
    return true;
}

static uint64_t must_number(struct fix *f, const char **s) {
    uint64_t v = 0;
    if (!number(s, &v))
        bust(f, "a number is wanted at `%.20s`", *s);
    return v;
}

static bool at_end(const char *s) {
    s = skip(s);
    return *s == '\n' || *s == 0 || *s == '#';
}

static const struct {
    const char *name;
    int err;
} errs[] = {{"EAGAIN", EAGAIN},
            {"EPIPE", EPIPE},
            {"ECONNRESET", ECONNRESET},
            {"ENOTCONN", ENOTCONN},
            {"ETIMEDOUT", ETIMEDOUT},
            {"ECONNREFUSED", ECONNREFUSED},
            {"EHOSTUNREACH", EHOSTUNREACH},
            {"ENETUNREACH", ENETUNREACH},
            {"EINVAL", EINVAL},
            {"EADDRINUSE", EADDRINUSE},
            {"EADDRNOTAVAIL", EADDRNOTAVAIL},
            {"EISCONN", EISCONN},
            {"EALREADY", EALREADY},
            {"EMSGSIZE", EMSGSIZE},
            {"EPROTO", EPROTO},
            {"EOF", 0}};

/* "-> 5", "-> EOF", "-> EAGAIN"; nothing: dflt. */
static long result(struct fix *f, const char **s, long dflt) {
    if (!word(s, "->"))
        return dflt;
    uint64_t v;
    if (number(s, &v))
        return (long)v;
    for (size_t i = 0; i < UST_ARRAY_CNT(errs); i++)
        if (word(s, errs[i].name))
            return -errs[i].err;
    bust(f, "result not understood: `%.20s`", *s);
    return 0;
}

static int must_err(struct fix *f, const char **s) {
    for (size_t i = 0; i < UST_ARRAY_CNT(errs); i++)
        if (word(s, errs[i].name))
            return errs[i].err;
    if (word(s, "none"))
        return 0;
    bust(f, "error not understood: `%.20s`", *s);
    return 0;
}

/* ---- segments ---- */

struct seg {
    int conn;
    uint8_t flags;
    bool fo_any;
    bool abs, has_ack, has_win, has_opts, ts, no_ts, ts_last, ts_prev, ce, has_urg, has_gso,
        has_tos, has_ttl;
    uint64_t seq, end, len, ack;
    uint32_t win, urg, gso, tos, ttl;
    struct tcp_opts o;
    uint64_t sack[TCP_SACK_MAX][2];
};

static void parse_options(struct fix *f, const char **s, struct seg *g) {
    uint64_t v;
    g->has_opts = true;
    while (!word(s, ">")) {
        if (word(s, "mss")) {
            g->o.has_mss = true;
            g->o.mss = (uint16_t)must_number(f, s);
        } else if (word(s, "wscale")) {
            g->o.has_wscale = true;
            g->o.wscale = (uint8_t)must_number(f, s);
        } else if (word(s, "sackOK")) {
            g->o.sack_ok = true;
        } else if (word(s, "FO")) {
            g->o.has_fo = true;
            if (word(s, "any")) {
                g->fo_any = true;
                g->o.fo_len = f->cookie_len;
                memcpy(g->o.fo_cookie, f->cookie, sizeof f->cookie);
            } else if (number(s, &v)) {
                g->o.fo_len = sizeof v;
                memcpy(g->o.fo_cookie, &v, sizeof v);
            }
        } else if (word(s, "noTS")) {
            g->no_ts = true;
        } else if (word(s, "TS")) {
            g->ts = g->o.has_ts = true;
            if (number(s, &v)) {
                g->o.ts_val = (uint32_t)v;
                if (word(s, "last"))
                    g->ts_last = true;
                else if (word(s, "prev"))
                    g->ts_prev = true;
                else
                    g->o.ts_ecr = (uint32_t)must_number(f, s);
            }
        } else if (word(s, "sack")) {
            while (number(s, &v)) {
                if (g->o.sack_cnt == TCP_SACK_MAX)
                    bust(f, "too many blocks");
                g->sack[g->o.sack_cnt][0] = v;
                if (!word(s, ":"))
                    bust(f, "a:b");
                g->sack[g->o.sack_cnt++][1] = must_number(f, s);
            }
        } else if (!word(s, ",")) {
            bust(f, "option not understood: `%.20s`", *s);
        }
    }
}

static void parse_seg(struct fix *f, const char *s, struct seg *g) {
    memset(g, 0, sizeof *g);
    g->conn = f->cur;
    if (word(&s, "[")) {
        g->conn = (int)must_number(f, &s);
        word(&s, "]");
    }
    if (word(&s, "abs"))
        g->abs = true;
    s = skip(s);
    for (; *s != ' '; s++) {
        switch (*s) {
        case 'S':
            g->flags |= TCPF_SYN;
            break;
        case 'F':
            g->flags |= TCPF_FIN;
            break;
        case 'R':
            g->flags |= TCPF_RST;
            break;
        case 'P':
            g->flags |= TCPF_PSH;
            break;
        case '.':
            g->flags |= TCPF_ACK;
            break;
        case 'U':
            g->flags |= TCPF_URG;
            break;
        case 'E':
            g->flags |= TCPF_ECE;
            break;
        case 'W':
            g->flags |= TCPF_CWR;
            break;
        case '-':
            break;
        default:
            bust(f, "flag `%c`", *s);
        }
    }
    g->seq = must_number(f, &s);
    if (word(&s, ":"))
        g->end = must_number(f, &s);
    if (word(&s, "("))
        g->len = must_number(f, &s);
    word(&s, ")");
    if (!g->abs && g->end != ((g->seq + g->len) & UINT32_MAX) && g->end != g->seq + g->len)
        bust(f, "%ju + %ju is not %ju", (uintmax_t)g->seq, (uintmax_t)g->len, (uintmax_t)g->end);
    while (!at_end(s)) {
        if (word(&s, "ack")) {
            g->has_ack = true;
            g->ack = must_number(f, &s);
        } else if (word(&s, "win")) {
            g->has_win = true;
            g->win = (uint32_t)must_number(f, &s);
        } else if (word(&s, "urg")) {
            g->has_urg = true;
            g->urg = (uint32_t)must_number(f, &s);
        } else if (word(&s, "gso")) {
            g->has_gso = true;
            g->gso = (uint32_t)must_number(f, &s);
        } else if (word(&s, "tos")) {
            g->has_tos = true;
            g->tos = (uint32_t)must_number(f, &s);
        } else if (word(&s, "ttl")) {
            g->has_ttl = true;
            g->ttl = (uint32_t)must_number(f, &s);
        } else if (word(&s, "ce") || word(&s, "ect")) {
            g->ce = true;
        } else if (word(&s, "<")) {
            parse_options(f, &s, g);
        } else {
            bust(f, "not understood: `%.20s`", s);
        }
    }
}

static void describe(const struct fix *f, const struct out *o, char *b, size_t cap) {
    struct fix *fx = (struct fix *)(uintptr_t)f;
    char fl[40];
    struct conn *c = conn_by_port(fx, o->h.dport);
    seq_t iss = c ? c->iss : seq_of(0), irs = c ? c->irs : seq_of(0);
    int n = snprintf(b, cap, "[%d] %s %u(%u) ack %u win %u", o->h.dport - PEER_PORT,
                     tcp_flags_str(o->h.flags, fl), o->h.seq.v - iss.v, o->len, o->h.ack.v - irs.v,
                     o->h.wnd);
    if (o->h.opts.has_mss)
        n += snprintf(b + n, cap - (size_t)n, " mss %u", o->h.opts.mss);
    if (o->h.opts.has_wscale)
        n += snprintf(b + n, cap - (size_t)n, " wscale %u", o->h.opts.wscale);
    if (o->h.opts.sack_ok)
        n += snprintf(b + n, cap - (size_t)n, " sackOK");
    if (o->h.opts.has_ts)
        n += snprintf(b + n, cap - (size_t)n, " TS ecr %u", o->h.opts.ts_ecr);
    if (o->h.opts.has_fo)
        n += snprintf(b + n, cap - (size_t)n, " FO(%u)", o->h.opts.fo_len);
    for (int i = 0; i < o->h.opts.sack_cnt; i++)
        n += snprintf(b + n, cap - (size_t)n, " sack %u:%u", o->h.opts.sack[i].start.v - irs.v,
                      o->h.opts.sack[i].end.v - irs.v);
    if (o->gso_size)
        n += snprintf(b + n, cap - (size_t)n, " gso %u", o->gso_size);
    snprintf(b + n, cap - (size_t)n, ", sent at %.6f", (double)(o->at_ns - START_NS) / 1e9);
}

static void no_more_out(struct fix *f) {
    if (f->q_head == f->q_tail)
        return;
    char b[400];
    describe(f, &f->q[f->q_tail % OUT_MAX], b, sizeof b);
    bust(f, "unexpected segment: %s", b);
}

static void check_out(struct fix *f, const struct out *o, const struct seg *g) {
    char b[400];
    describe(f, o, b, sizeof b);
    const struct tcp_opts *x = &o->h.opts;
    struct conn *c = &f->conn[g->conn];
    seq_t iss = g->abs ? seq_of(0) : c->iss, irs = g->abs ? seq_of(0) : c->irs;
#define SAME(cond)                                                                                 \
    if (!(cond))                                                                                   \
    bust(f, "%s does not hold of: %s", #cond, b)
    SAME(o->h.dport == PEER_PORT + g->conn);
    SAME(o->h.flags == g->flags);
    SAME(o->h.seq.v - iss.v == (uint32_t)g->seq);
    SAME(o->len == g->len);
    SAME(!o->bad_data);
    if (g->has_ack)
        SAME(o->h.ack.v - irs.v == (uint32_t)g->ack);
    if (g->has_win)
        SAME(o->h.wnd == g->win);
    if (g->has_urg)
        SAME(o->h.urg == g->urg);
    if (g->has_gso)
        SAME(o->gso_size == g->gso);
    if (g->ce)
        SAME((o->ip.tos & 3) == 2);
    if (g->has_tos)
        SAME(o->ip.tos == g->tos);
    if (g->has_ttl)
        SAME(o->ip.ttl == g->ttl);
    if (g->has_opts) {
        SAME(x->has_mss == g->o.has_mss && x->mss == g->o.mss);
        SAME(x->has_wscale == g->o.has_wscale && x->wscale == g->o.wscale);
        SAME(x->sack_ok == g->o.sack_ok);
        SAME(x->has_fo == g->o.has_fo);
        SAME(g->fo_any ? x->fo_len == 8 : x->fo_len == g->o.fo_len);
        SAME(g->fo_any || memcmp(x->fo_cookie, g->o.fo_cookie, x->fo_len) == 0);
        SAME(x->has_ts == g->ts);
        if (g->ts && g->o.ts_val)
            SAME(x->ts_ecr == g->o.ts_ecr);
        SAME(x->sack_cnt == g->o.sack_cnt);
        for (int i = 0; i < g->o.sack_cnt; i++) {
            SAME(x->sack[i].start.v - irs.v == (uint32_t)g->sack[i][0]);
            SAME(x->sack[i].end.v - irs.v == (uint32_t)g->sack[i][1]);
        }
    }
#undef SAME
}

static void op_out(struct fix *f, const char *s) {
    struct seg g;
    parse_seg(f, s, &g);
    if (f->q_head == f->q_tail)
        advance(f, f->clock + GRACE_NS, true);
    if (f->q_head == f->q_tail)
        bust(f, "nothing was sent");
    struct out *o = &f->q[f->q_tail % OUT_MAX];
    if (o->at_ns + GRACE_NS < f->clock) {
        char b[400];
        describe(f, o, b, sizeof b);
        bust(f, "too early: %s", b);
    }
    check_out(f, o, &g);
    f->q_tail++;
}

static void op_in(struct fix *f, const char *s) {
    struct seg g;
    struct tcp_hdr h;
    parse_seg(f, s, &g);
    struct conn *c = &f->conn[g.conn];
    struct ust_addr us = addr_from_ip4(0x0a000002), peer = addr_from_ip4(0x0a000001);
    uint16_t our_port = c->our_port ? c->our_port : OUR_PORT, port = (uint16_t)(PEER_PORT + g.conn);
    struct tcp_ep *ep = tcp_ep_find(&f->r->tcp, &us, our_port, &peer, port);
    bool synced =
        ep && ep->kind == TCP_EP_TCB && ((struct tcb *)(void *)ep)->state != TCPS_SYN_SENT;
    if ((g.flags & TCPF_SYN) && !synced && !g.abs) {
        c->irs = seq_of(f->peer_iss + (uint32_t)g.seq);
        g.seq = 0;
    }
    seq_t irs = g.abs ? seq_of(0) : c->irs, iss = g.abs || !c->has_iss ? seq_of(0) : c->iss;
    memset(&h, 0, sizeof h);
    h.sport = port;
    h.dport = our_port;
    h.seq = seq_add(irs, (uint32_t)g.seq);
    h.ack = seq_add(iss, (uint32_t)g.ack);
    h.flags = g.flags;
    h.wnd = (uint16_t)(g.has_win ? g.win : 65535);
    h.urg = (uint16_t)g.urg;
    h.opts = g.o;
    if (g.ts_last)
        h.opts.ts_ecr = c->last_ts;
    if (g.ts_prev)
        h.opts.ts_ecr = c->prev_ts;
    for (int i = 0; i < g.o.sack_cnt; i++) {
        h.opts.sack[i].start = seq_add(iss, (uint32_t)g.sack[i][0]);
        h.opts.sack[i].end = seq_add(iss, (uint32_t)g.sack[i][1]);
    }
    size_t hlen = tcp_hdr_len(&h);
    uint8_t *data = f->in + hlen;
    for (uint64_t i = 0; i < g.len; i++)
        data[i] = pattern(g.seq - (g.flags & TCPF_SYN ? 0 : 1) + i);
    struct ip_rx rx = {.src = addr_from_ip4(0x0a000001),
                       .dst = addr_from_ip4(0x0a000002),
                       .proto = IP_PROTO_TCP,
                       .ttl = 64,
                       .tos = g.ce ? 3 : 0};
    struct ust_slice body = slice_of(data, g.len);
    tcp_emit(&h, &rx.src, &rx.dst, &body, 1, f->in);
    rx.payload = slice_of(f->in, hlen + g.len);
    if (g.has_gso) {
        rx.gso = PKT_GSO_TCP4;
        rx.gso_size = (uint16_t)g.gso;
    }
    f->last_drop = tcp_rx(&f->r->tcp, f->now, &rx);
}

/* ---- operations ---- */

static const struct {
    const char *name;
    uint8_t bit;
} evs[] = {{"IN", PCB_EV_IN},   {"OUT", PCB_EV_OUT},     {"ERR", PCB_EV_ERR},
           {"HUP", PCB_EV_HUP}, {"RDHUP", PCB_EV_RDHUP}, {"PRI", PCB_EV_PRI}};

static uint8_t ev_mask(struct fix *f, const char *s) {
    uint8_t m = 0;
    while (!at_end(s)) {
        bool hit = word(&s, ",") || word(&s, "none");
        for (size_t i = 0; i < UST_ARRAY_CNT(evs) && !hit; i++)
            if (word(&s, evs[i].name)) {
                m |= evs[i].bit;
                hit = true;
            }
        if (!hit)
            bust(f, "readiness `%.10s`", s);
    }
    return m;
}

static struct tcb *tb_of(struct fix *f) {
    struct tcb *tb = f->conn[f->cur].tb;
    if (!tb)
        bust(f, "there is no connection");
    return tb;
}

static void op_connect(struct fix *f, const char *s) {
    uint64_t n = 0;
    number(&s, &n);
    f->cur = (int)n;
    struct conn *c = &f->conn[n];
    struct ust_addr to = addr_from_ip4(0x0a000001);
    if (!c->tb)
        c->tb = tcp_open(&f->r->tcp, c);
    c->wr_pos = c->rd_pos = 0;
    bool fastopen = word(&s, "fastopen");
    long want = result(f, &s, 0);
    int r = (fastopen ? tcp_connect_fo : tcp_connect)(&f->r->tcp, f->now, c->tb, &to,
                                                      (uint16_t)(PEER_PORT + n));
    if (r != want)
        bust(f, "connect gave %d", r);
}

static void op_open(struct fix *f) {
    struct conn *c = &f->conn[f->cur];
    c->tb = tcp_open(&f->r->tcp, c);
}

static void op_bind(struct fix *f, const char *s) {
    struct ust_addr any = addr_from_ip4(0);
    uint16_t port = (uint16_t)must_number(f, &s);
    if (word(&s, ":")) { /* A:PORT */
        any = addr_from_ip4(0x0a000000u + port);
        port = (uint16_t)must_number(f, &s);
    }
    int r = tcp_bind(&f->r->tcp, tb_of(f), &any, port);
    if (r != result(f, &s, 0))
        bust(f, "bind gave %d", r);
}

static void op_listen(struct fix *f, const char *s) {
    struct tcp *t = &f->r->tcp;
    struct ust_addr any = addr_from_ip4(0);
    uint64_t backlog = must_number(f, &s);
    if (f->l && !f->conn[f->cur].tb) {
        tcp_listen_backlog(f->l, (int)backlog);
        return;
    }
    struct tcb *tb = f->conn[f->cur].tb;
    f->conn[f->cur].tb = NULL;
    if (!tb)
        tb = tcp_open(t, NULL);
    if (!tcp_bind_of(tb)->bound) {
        int r = tcp_bind(t, tb, &any, OUR_PORT);
        if (r < 0)
            bust(f, "bind: %d", r);
    }
    struct tcp_listener *l = NULL;
    int r = tcp_listen(t, f->now, tb, (int)backlog, &l);
    if (r != result(f, &s, 0))
        bust(f, "listen gave %d", r);
    if (r < 0) {
        f->conn[f->cur].tb = tb;
        return;
    }
    f->l = l;
    tcp_listener_set_sock(f->l, &f->l);
}

static void op_accept(struct fix *f, const char *s) {
    if (!f->l)
        bust(f, "no listener");
    long want = result(f, &s, 0);
    struct tcb *tb = tcp_accept(&f->r->tcp, f->now, f->l, NULL);
    if (!tb) {
        if (want != -EAGAIN)
            bust(f, "nothing to accept");
        return;
    }
    if (want == -EAGAIN)
        bust(f, "a connection was there");
    f->cur = tb->ep.rport - PEER_PORT;
    f->conn[f->cur].tb = tb;
    f->conn[f->cur].wr_pos = f->conn[f->cur].rd_pos = 0;
    tb->sock = &f->conn[f->cur];
}

static void op_write(struct fix *f, const char *s) {
    struct tcp *t = &f->r->tcp;
    struct tcb *tb = tb_of(f);
    struct conn *c = &f->conn[f->cur];
    uint64_t len = must_number(f, &s), done = 0;
    bool more = word(&s, "more"), oob = word(&s, "oob");
    long want = result(f, &s, (long)len), got = 0;
    while (done < len) {
        struct sbuf_mslice v[8];
        int cnt = 0;
        ssize_t n = tcp_send_reserve(t, tb, len - done, v, &cnt, 8);
        if (n < 0) {
            got = done ? (long)done : (long)n;
            break;
        }
        tcp_pin(tb);
        for (int i = 0; i < cnt; i++)
            for (size_t k = 0; k < v[i].len; k++)
                v[i].p[k] = pattern(c->wr_pos++);
        done += (uint64_t)n;
        tcp_send_commit(t, f->now, tb, (size_t)n, more, oob && done == len);
        tcp_unpin(t, tb);
        got = (long)done;
    }
    if (got != want)
        bust(f, "write gave %ld", got);
}

static void op_read(struct fix *f, const char *s, bool peek) {
    struct tcp *t = &f->r->tcp;
    struct tcb *tb = tb_of(f);
    struct conn *c = &f->conn[f->cur];
    uint64_t len = must_number(f, &s), done = 0;
    long want = result(f, &s, (long)len), got = 0;
    while (done < len) {
        struct ust_slice v[8];
        int cnt = 0;
        uint64_t before = tb->rcv.start;
        ssize_t n = tcp_recv_peek(t, tb, peek ? done : 0, len - done, v, &cnt, 8);
        if (n <= 0) {
            got = done ? (long)done : (long)n;
            break;
        }
        c->rd_pos += tb->rcv.start - before; /* the urgent byte was stepped over */
        uint64_t pos = c->rd_pos + (peek ? done : 0);
        for (int i = 0; i < cnt; i++)
            for (size_t k = 0; k < v[i].len; k++, pos++)
                if (v[i].p[k] != pattern(pos))
                    bust(f, "byte %ju is wrong", (uintmax_t)pos);
        done += (uint64_t)n;
        got = (long)done;
        if (!peek) {
            c->rd_pos += (uint64_t)n;
            tcp_recv_consume(t, f->now, tb, (size_t)n);
        }
        if (cnt < 8)
            break; /* there was no more, or a mark */
    }
    if (got != want)
        bust(f, "read gave %ld", got);
}

static void op_oob(struct fix *f, const char *s) {
    uint8_t b = 0;
    long want = result(f, &s, 1);
    int r = tcp_recv_oob(&f->r->tcp, tb_of(f), &b, false);
    if (r != (want > 1 ? 1 : want))
        bust(f, "oob gave %d", r);
}

/* ADDRESS:PORT of one end, addresses by their last byte in 10.0.0.0/24; 0: none. */
static void op_end(struct fix *f, const char *s, bool peer) {
    struct ust_addr a;
    uint16_t port;
    (peer ? tcp_peer : tcp_local)(tb_of(f), &a, &port);
    uint64_t last = must_number(f, &s);
    struct ust_addr want = addr_from_ip4(0x0a000000 + (uint32_t)last);
    word(&s, ":");
    uint64_t want_port = must_number(f, &s);
    if (port != want_port || (last ? !addr_eq(&a, &want) : !addr_is_any(&a)))
        bust(f, "it is %s:%u", addr_str(&a, (char[ADDR_STR_LEN]){0}), port);
}

static void op_shutdown(struct fix *f, const char *s) {
    struct tcp *t = &f->r->tcp;
    bool both = word(&s, "rdwr");
    bool rd = both || word(&s, "rd"), wr = both || word(&s, "wr");
    int r = 0;
    if (rd)
        r = tcp_shutdown_rd(t, f->now, tb_of(f));
    if (wr)
        r = tcp_shutdown_wr(t, f->now, tb_of(f));
    if (r != result(f, &s, 0))
        bust(f, "shutdown gave %d", r);
}

static void op_opt(struct fix *f, const char *s) {
    struct tcb *tb = f->conn[f->cur].tb;
    struct tcp_opt *o = tb ? tcp_opt(tb) : f->l ? tcp_listener_opt(f->l) : NULL;
    if (!o)
        bust(f, "whose option?");
    if (word(&s, "nodelay"))
        o->nodelay = must_number(f, &s);
    else if (word(&s, "cork"))
        o->cork = must_number(f, &s);
    else if (word(&s, "tos"))
        o->tos = (uint8_t)must_number(f, &s);
    else if (word(&s, "ttl"))
        o->ttl = (uint8_t)must_number(f, &s);
    else if (word(&s, "keepalive_on"))
        o->keepalive = must_number(f, &s);
    else if (word(&s, "keepalive")) {
        o->keepalive = true;
        o->keep_idle_ns = must_number(f, &s) * NS_PER_S;
        o->keep_intvl_ns = must_number(f, &s) * NS_PER_S;
        o->keep_cnt = (uint8_t)must_number(f, &s);
    } else if (word(&s, "user_timeout_ms"))
        o->user_timeout_ns = must_number(f, &s) * NS_PER_MS;
    else if (word(&s, "syn_retries"))
        o->syn_retries = (uint8_t)must_number(f, &s);
    else if (word(&s, "defer_accept"))
        o->defer_accept = (uint8_t)must_number(f, &s);
    else if (word(&s, "maxseg"))
        o->maxseg = (uint16_t)must_number(f, &s);
    else if (word(&s, "oobinline"))
        o->oobinline = must_number(f, &s);
    else if (word(&s, "ecn"))
        o->ecn = must_number(f, &s);
    else if (word(&s, "cubic"))
        o->cc = TCP_CC_CUBIC;
    else if (word(&s, "linger2_none"))
        o->linger2_ns = -1;
    else if (word(&s, "linger2"))
        o->linger2_ns = (int64_t)(must_number(f, &s) * NS_PER_S);
    else if (word(&s, "notsent_lowat"))
        o->notsent_lowat = (uint32_t)must_number(f, &s);
    else if (word(&s, "window_clamp"))
        o->window_clamp = (uint32_t)must_number(f, &s);
    else if (word(&s, "pmtudisc"))
        o->pmtudisc = (uint8_t)must_number(f, &s);
    else if (word(&s, "quickack"))
        o->quickack_off = !must_number(f, &s);
    else if (word(&s, "fastopen"))
        o->fo_qlen = (uint32_t)must_number(f, &s);
    else if (word(&s, "no_cookie"))
        o->fo_no_cookie = must_number(f, &s);
    else if (word(&s, "fo_keys")) { /* of that many keys the first is new */
        memcpy(o->fo_key[1], o->fo_key[0], TCP_FO_KEY_LEN);
        o->fo_key_cnt = (uint8_t)must_number(f, &s);
        for (int i = 0; i < TCP_FO_KEY_LEN; i++)
            o->fo_key[0][i]++;
    } else if (word(&s, "reuseaddr")) {
        (tb ? tcp_bind_of(tb) : tcp_listener_bind(f->l))->reuseaddr = must_number(f, &s);
    } else if (word(&s, "sndbuf")) {
        o->sndbuf = (uint32_t)must_number(f, &s);
        o->sndbuf_locked = true;
    } else if (word(&s, "rcvbuf")) {
        o->rcvbuf = (uint32_t)must_number(f, &s);
        o->rcvbuf_locked = true;
    } else
        bust(f, "option `%.20s`", s);
    if (tb)
        tcp_opt_changed(&f->r->tcp, f->now, tb);
}

static void op_icmp(struct fix *f, const char *s) {
    struct conn *c = &f->conn[f->cur];
    struct ip_error e = {.src = addr_from_ip4(0x0a000002),
                         .dst = addr_from_ip4(0x0a000001),
                         .from = addr_from_ip4(0x0a000001),
                         .proto = IP_PROTO_TCP};
    e.sport = c->our_port ? c->our_port : OUR_PORT;
    e.dport = (uint16_t)(PEER_PORT + f->cur);
    e.err = must_err(f, &s);
    while (!at_end(s)) {
        if (word(&s, "seq")) {
            e.has_seq = true;
            e.seq = seq_add(c->iss, (uint32_t)must_number(f, &s));
        } else if (word(&s, "mtu")) {
            e.mtu = (uint32_t)must_number(f, &s);
        } else if (word(&s, "hard")) {
            e.hard = true;
        } else {
            bust(f, "icmp `%.10s`", s);
        }
    }
    tcp_ip_error(&f->r->tcp, f->now, &e);
}

struct named {
    const char *name;
    uint64_t v;
};

/* NAME N NAME N ... */
static void must_be(struct fix *f, const char *s, const struct named *k, size_t cnt) {
    while (!at_end(s)) {
        size_t i = 0;
        while (i < cnt && !word(&s, k[i].name))
            i++;
        if (i == cnt)
            bust(f, "there is no `%.20s`", s);
        uint64_t want = must_number(f, &s);
        if (k[i].v != want)
            bust(f, "%s is %ju", k[i].name, (uintmax_t)k[i].v);
    }
}

static void op_count(struct fix *f, const char *s) {
    struct tcp *t = &f->r->tcp;
    struct tcb *tb = f->conn[f->cur].tb;
    struct arena *ar = &f->r->core.arena;
    const struct named k[] = {
        {"tcb", t->tcb_cnt},
        {"tw", t->tw_cnt},
        {"syn", t->syn_cnt},
        {"orphan", t->orphan_cnt},
        {"undelivered", tcp_undelivered(t)},
        {"listener", slab_in_use(ar, SLAB_TCP_LISTENER)},
        {"segs", slab_in_use(ar, SLAB_TCP_SEG)},
        {"ranges", slab_in_use(ar, SLAB_TCP_RANGE)},
        {"acceptq", f->l ? tcp_accept_cnt(f->l) : 0},
        {"challenge", t->stats.challenge_acks},
        {"paws", t->stats.paws_drops},
        {"rtos", t->stats.rtos},
        {"recoveries", t->stats.fast_recoveries},
        {"retrans", t->stats.retrans_segs},
        {"undos", t->stats.undos},
        {"tlp", t->stats.tlp_probes},
        {"dsack_rx", t->stats.dsack_rx},
        {"active_opens", t->stats.active_opens},
        {"passive_opens", t->stats.passive_opens},
        {"attempt_fails", t->stats.attempt_fails},
        {"estab_resets", t->stats.estab_resets},
        {"resets_in", t->stats.resets_in},
        {"resets_out", t->stats.resets_out},
        {"ooo_segs", t->stats.ooo_segs},
        {"dup_segs", t->stats.dup_segs},
        {"cookies", t->stats.cookies_sent},
        {"cookies_ok", t->stats.cookies_ok},
        {"overflows", t->stats.listen_overflows},
        {"cwnd", tb ? tb->snd_cwnd : 0},
        {"ssthresh", tb ? tb->snd_ssthresh : 0},
        {"rto_ms", tb ? tcb_rto(tb) / NS_PER_MS : 0},
        {"srtt_ms", tb ? tb->rtt.srtt_ns / NS_PER_MS : 0},
        {"mss", tb ? tcp_mss_now(tb) : 0},
        {"sndbuf", tb ? tb->sndbuf : 0},
        {"rcvbuf", tb ? tb->rcvbuf : 0},
        {"pipe", tb ? tcb_pipe(tb) : 0},
        {"sacked", tb ? tb->sacked_bytes : 0},
        {"lost", tb ? tb->lost_bytes : 0},
        {"ca", tb ? tb->ca_state : 0},
        {"backoff", tb ? tb->backoff : 0},
        {"reo_mult", tb ? tb->rack.reo_wnd_mult : 0},
        {"snd_wnd", tb ? tb->snd_wnd : 0},
        {"err_soft", tb ? (uint64_t)tb->err_soft : 0},
        {"ports", t->ports.cnt},
        {"fo_active", t->stats.fo_active},
        {"fo_passive", t->stats.fo_passive},
        {"fo_fails", t->stats.fo_fails},
        {"fo_fail", tb ? tb->fo_fail : 0u},
        {"syn_data", tb ? tb->syn_data_acked : 0u},
    };
    must_be(f, s, k, UST_ARRAY_CNT(k));
}

/* A field of TCP_INFO. */
static void op_info(struct fix *f, const char *s) {
    struct tcp_info_out o;
    tcp_info(&f->r->tcp, f->now, tb_of(f), &o);
#define FIELD(x)                                                                                   \
    { #x, (uint64_t)o.x }
    const struct named k[] = {
        FIELD(state),
        FIELD(ca_state),
        FIELD(retransmits),
        FIELD(probes),
        FIELD(backoff),
        FIELD(options),
        FIELD(snd_wscale),
        FIELD(rcv_wscale),
        FIELD(rto_us),
        FIELD(ato_us),
        FIELD(snd_mss),
        FIELD(rcv_mss),
        FIELD(unacked),
        FIELD(sacked),
        FIELD(lost),
        FIELD(retrans),
        FIELD(last_data_sent_ms),
        FIELD(last_data_recv_ms),
        FIELD(pmtu),
        FIELD(last_ack_recv_ms),
        FIELD(rcv_ssthresh),
        FIELD(rtt_us),
        FIELD(rttvar_us),
        FIELD(snd_ssthresh),
        FIELD(snd_cwnd),
        FIELD(advmss),
        FIELD(reordering),
        FIELD(rcv_rtt_us),
        FIELD(rcv_space),
        FIELD(total_retrans),
        FIELD(min_rtt_us),
        FIELD(notsent_bytes),
        FIELD(snd_wnd),
        FIELD(rcv_wnd),
        FIELD(bytes_acked),
        FIELD(bytes_received),
        FIELD(bytes_sent),
        FIELD(bytes_retrans),
        FIELD(busy_time_us),
        FIELD(pacing_rate),
        FIELD(max_pacing_rate),
        FIELD(rwnd_limited_us),
        FIELD(delivery_rate),
        FIELD(sndbuf_limited_us),
        FIELD(segs_out),
        FIELD(segs_in),
        FIELD(data_segs_in),
        FIELD(data_segs_out),
        FIELD(delivered),
        FIELD(delivered_ce),
        FIELD(dsack_dups),
        FIELD(reord_seen),
        FIELD(rcv_ooopack),
    };
#undef FIELD
    must_be(f, s, k, UST_ARRAY_CNT(k));
}

static void op_drop(struct fix *f, const char *s) {
    for (int d = 0; d < DROP_COUNT; d++) {
        const char *p = s;
        if (!word(&p, drop_name((enum drop)d)))
            continue;
        if (f->last_drop != (enum drop)d)
            bust(f, "it was %s", drop_name(f->last_drop));
        return;
    }
    bust(f, "no such reason");
}

static void op_state(struct fix *f, const char *s) {
    const char *is = tcp_state_name(tcp_state(tb_of(f)));
    if (!word(&s, is))
        bust(f, "it is %s", is);
}

/* SYNs from ports and with numbers that no script uses; what is sent in answer is thrown away. */
static void op_flood(struct fix *f, const char *s) {
    uint64_t cnt = must_number(f, &s);
    struct ip_rx rx = {.src = addr_from_ip4(0x0a000001),
                       .dst = addr_from_ip4(0x0a000002),
                       .proto = IP_PROTO_TCP,
                       .ttl = 64};
    for (uint64_t i = 0; i < cnt; i++) {
        struct tcp_hdr h = {.sport = (uint16_t)(10000 + i % 50000),
                            .dport = OUR_PORT,
                            .seq = seq_of((uint32_t)(i * 2654435761u)),
                            .flags = TCPF_SYN,
                            .wnd = 1000};
        tcp_emit(&h, &rx.src, &rx.dst, NULL, 0, f->in);
        rx.payload = slice_of(f->in, tcp_hdr_len(&h));
        f->last_drop = tcp_rx(&f->r->tcp, f->now, &rx);
        if (i % 32)
            continue;
        while (tcp_flush(&f->r->tcp, f->now))
            collect(f);
        collect(f);
        f->q_tail = f->q_head;
    }
    settle(f);
    f->q_tail = f->q_head;
}

static void run_op(struct fix *f, const char *s) {
    struct tcp *t = &f->r->tcp;
    uint64_t v;
    if (word(&s, ">")) {
        op_out(f, s);
        return;
    }
    advance(f, f->clock, false);
    no_more_out(f);
    if (word(&s, "<"))
        op_in(f, s);
    else if (word(&s, "go"))
        tcp_fo_go(t, tb_of(f));
    else if (word(&s, "connect"))
        op_connect(f, s);
    else if (word(&s, "open"))
        op_open(f);
    else if (word(&s, "bind"))
        op_bind(f, s);
    else if (word(&s, "listen"))
        op_listen(f, s);
    else if (word(&s, "unlisten")) {
        tcp_unlisten(t, f->now, f->l);
        f->l = NULL;
    } else if (word(&s, "accept"))
        op_accept(f, s);
    else if (word(&s, "use")) {
        f->cur = (int)must_number(f, &s);
    } else if (word(&s, "write"))
        op_write(f, s);
    else if (word(&s, "read"))
        op_read(f, s, false);
    else if (word(&s, "peek"))
        op_read(f, s, true);
    else if (word(&s, "oob"))
        op_oob(f, s);
    else if (word(&s, "atmark")) {
        if (tcp_at_mark(tb_of(f)) != (must_number(f, &s) != 0))
            bust(f, "not so");
    } else if (word(&s, "close")) {
        tcp_close(t, f->now, tb_of(f));
        f->conn[f->cur].tb = NULL;
    } else if (word(&s, "abort")) {
        tcp_abort(t, f->now, tb_of(f), false);
        f->conn[f->cur].tb = NULL;
    } else if (word(&s, "disconnect")) {
        tcp_abort(t, f->now, tb_of(f), true);
    } else if (word(&s, "shutdown"))
        op_shutdown(f, s);
    else if (word(&s, "state"))
        op_state(f, s);
    else if (word(&s, "local"))
        op_end(f, s, false);
    else if (word(&s, "peer"))
        op_end(f, s, true);
    else if (word(&s, "error")) {
        int want = must_err(f, &s), is = tcp_take_error(tb_of(f));
        if (is != want)
            bust(f, "it is %d", is);
    } else if (word(&s, "ready")) {
        uint8_t is = tcp_ready(tb_of(f));
        if (is != ev_mask(f, s))
            bust(f, "it is 0x%x", is);
    } else if (word(&s, "events")) {
        if (f->ev != ev_mask(f, s))
            bust(f, "they are 0x%x", f->ev);
        f->ev = 0;
    } else if (word(&s, "inq")) {
        v = must_number(f, &s);
        if (tcp_inq(tb_of(f)) != v)
            bust(f, "it is %zu", tcp_inq(tb_of(f)));
    } else if (word(&s, "outq")) {
        v = must_number(f, &s);
        if (tcp_outq(tb_of(f)) != v)
            bust(f, "it is %zu", tcp_outq(tb_of(f)));
    } else if (word(&s, "opt"))
        op_opt(f, s);
    else if (word(&s, "icmp"))
        op_icmp(f, s);
    else if (word(&s, "max_orphans"))
        t->cfg.max_orphans = (uint32_t)must_number(f, &s);
    else if (word(&s, "flood"))
        op_flood(f, s);
    else if (word(&s, "count"))
        op_count(f, s);
    else if (word(&s, "info"))
        op_info(f, s);
    else if (word(&s, "drop"))
        op_drop(f, s);
    else if (word(&s, "iss")) {
        f->force_iss = (uint32_t)must_number(f, &s);
        f->has_force = true;
    } else if (word(&s, "peer_iss")) {
        f->peer_iss = (uint32_t)must_number(f, &s);
    } else if (word(&s, "run")) {
        f->clock += must_number(f, &s) * NS_PER_S;
        advance(f, f->clock, false);
        f->q_tail = f->q_head;
    } else if (!word(&s, "nothing"))
        bust(f, "not understood");
    settle(f);
}

void tcp_case_run(const struct tcp_case *cs, bool rebuilt) {
    struct fix *f = fix_new(cs, rebuilt);
    const char *s = cs->script;
    while (*s) {
        f->line = s;
        f->line_no++;
        const char *p = skip(s);
        s += strcspn(s, "\n");
        if (*s)
            s++;
        if (at_end(p))
            continue;
        if (*p == '+') {
            char *end;
            f->clock += (uint64_t)(strtod(p + 1, &end) * 1e9 + 0.5);
            p = skip(end);
        }
        run_op(f, p);
    }
    f->line = "end";
    f->line_no++;
    advance(f, f->clock, false);
    no_more_out(f);
    fix_free(f);
}
