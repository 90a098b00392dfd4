/* SPDX-License-Identifier: ISC */
/*
 * TCP Fast Open (RFC 7413): data in the SYN, for a client that can show by a cookie that it is where it says it is.
 *
 * Client. connect() that asks for it finds a cookie in the cache: then the SYN waits for the first write and takes its data along (fo_deferred).
 * If there is none, the SYN asks for one and goes at once. Data that the SYN-ACK does not acknowledge becomes unsent again, and leaves
 * with the ACK. A SYN that is sent again is an ordinary one, as something on the way may not like the other kind; if that helped,
 * no data goes into SYNs to that host for a while (RFC 7413 4.1.3.1).
 *
 * Server. A good cookie makes a child that is in SYN-RECEIVED and in the accept queue at once; its answer may leave before the handshake is
 * over. Listeners limit how many of these there are (RFC 7413 5.1); resets of them count for a minute, so that spoofed clients cannot go round it.
 * Cookies are keyed hashes of the address pair; the stack's key changes each day, and the one before is good for another day (RFC 7413 4.1.2). With
 * TCP_FASTOPEN_KEY the program brings keys of its own; then the cookies are those that Linux makes of these keys, for servers that stand in for each other.
 */
#include "tcp/tcb.h"

#define FO_COOKIE_LEN 8                       /* as Linux */
#define FO_EPOCH_NS (24ull * 3600 * NS_PER_S) /* life of a key */
#define FO_RST_NS (60 * NS_PER_S)             /* a reset child counts */
#define FO_SETS 64
#define FO_WAYS 4
#define FO_OPTION_SPACE 40         /* left free in a SYN with data (Linux's MAX_TCP_OPTION_SPACE) */
#define FO_LOSS_NS (60 * NS_PER_S) /* no data in SYNs after a loss; doubles with each further one */
#define FO_LOSS_MAX 6

/* What is known of a server (RFC 7413 4.1.3). */
struct tcp_fo_entry {
    struct ust_addr laddr, raddr;
    uint64_t used_ns; /* 0: free */
    uint64_t loss_ns; /* last time that a SYN with data got lost */
    uint16_t mss;
    uint8_t losses;
    uint8_t len; /* of the cookie, 0: none */
    uint8_t cookie[TCP_FO_COOKIE_MAX];
};

/* ---- client: the cache ---- */

static struct tcp_fo_entry *cache_set(struct tcp *t, const struct tcb *tb) {
    if (!t->fo_cache)
        return NULL;
    uint32_t h = tcp_hash(t, &tb->ep.laddr, 0, &tb->ep.raddr, 0);
    return t->fo_cache + (size_t)(h % FO_SETS) * FO_WAYS;
}

static struct tcp_fo_entry *cache_find(struct tcp *t, const struct tcb *tb) {
    struct tcp_fo_entry *e = cache_set(t, tb);
    for (int i = 0; e && i < FO_WAYS; i++)
        if (e[i].used_ns && addr_eq(&e[i].raddr, &tb->ep.raddr) &&
            addr_eq(&e[i].laddr, &tb->ep.laddr))
            return &e[i];
    return NULL;
}

/* The entry of tb's peer, made in the place of the one unused for longest if need be; NULL: memory. */
static struct tcp_fo_entry *cache_make(struct tcp *t, uint64_t now_ns, const struct tcb *tb) {
    size_t bytes = FO_SETS * FO_WAYS * sizeof *t->fo_cache;
    if (!t->fo_cache) {
        struct tcp_fo_entry *all = span_alloc(&t->c->arena, bytes);
        if (!all)
            return NULL;
        memset(all, 0, bytes);
        t->fo_cache = all;
    }
    struct tcp_fo_entry *e = cache_find(t, tb);
    if (!e) {
        struct tcp_fo_entry *set = e = cache_set(t, tb);
        for (int i = 1; i < FO_WAYS; i++)
            if (set[i].used_ns < e->used_ns)
                e = &set[i];
        memset(e, 0, sizeof *e);
        e->laddr = tb->ep.laddr;
        e->raddr = tb->ep.raddr;
    }
    e->used_ns = now_ns;
    return e;
}

void tcp_fo_fini(struct tcp *t) {
    if (t->fo_cache)
        span_free(&t->c->arena, t->fo_cache);
    t->fo_cache = NULL;
}

/* ---- client: the SYN ---- */

/* RFC 7413 4.1.3.1: a path that loses such SYNs gets ordinary ones for a while. */
static bool is_avoided(const struct tcp_fo_entry *e, uint64_t now_ns) {
    return e->losses > 0 && now_ns - e->loss_ns < FO_LOSS_NS << UST_MIN(e->losses - 1, FO_LOSS_MAX);
}

void tcp_fo_connect(struct tcp *t, uint64_t now_ns, struct tcb *tb) {
    const struct tcp_fo_entry *e = cache_find(t, tb);
    if (!(t->cfg.fastopen & TCP_FO_CLIENT))
        return;
    if (tb->opt.fo_no_cookie) {
        tb->fo_deferred = true;
    } else if (e && is_avoided(e, now_ns)) {
        tb->fo_fail = TCP_FO_COOKIE_UNAVAILABLE;
    } else if (e && e->len > 0) {
        tb->fo_option = tb->fo_deferred = true;
    } else { /* RFC 7413 4.1.1: asks for one */
        tb->fo_option = true;
        tb->fo_fail = TCP_FO_COOKIE_UNAVAILABLE;
    }
    if (tb->fo_deferred)
        tb->syn_due = false;
}

bool tcp_fo_deferred(const struct tcb *tb) { return tb->state == TCPS_SYN_SENT && tb->fo_deferred; }
bool tcp_fo_is_child(const struct tcb *tb) { return tb->fo_child; }

void tcp_fo_go(struct tcp *t, struct tcb *tb) {
    tb->fo_deferred = false;
    tb->syn_due = true;
    tcb_mark_dirty(t, tb);
}

/* RFC 7413 4.2.1: the MSS that the server once told, or the default. */
uint32_t tcp_fo_room(struct tcp *t, const struct tcb *tb) {
    const struct tcp_fo_entry *e = cache_find(t, tb);
    bool ip4 = addr_is_ip4(&tb->ep.raddr);
    uint32_t mss = tb->pmtu - (ip4 ? 40u : 60u);
    if (e && e->mss)
        mss = UST_MIN(mss, (uint32_t)e->mss);
    if (tb->opt.maxseg)
        mss = UST_MIN(mss, (uint32_t)tb->opt.maxseg);
    return mss > FO_OPTION_SPACE + 8 ? mss - FO_OPTION_SPACE : 8;
}

void tcp_fo_syn_option(struct tcp *t, const struct tcb *tb, struct tcp_opts *o) {
    const struct tcp_fo_entry *e = cache_find(t, tb);
    if (!tb->fo_option || tb->rtx_cnt > 0)
        return;
    o->has_fo = true;
    o->fo_len = e && !tb->fo_fail ? e->len : 0;
    if (o->fo_len > 0)
        memcpy(o->fo_cookie, e->cookie, o->fo_len);
}

/* Data that went with the SYN and was not taken is as if it had not been sent; the SYN stays. */
static void unsend(struct tcp *t, struct tcb *tb) {
    for (struct tcp_seg *s; (s = tcp_seg_last(tb)) && !(s->flags & SEG_SYN);) {
        tb->snd_nxt = s->seq;
        tb->total_retrans++;
        tb->bytes_retrans += s->len;
        tcp_seg_drop(t, tb, s);
    }
    t->stats.fo_fails++;
}

void tcp_fo_synack(struct tcp *t, uint64_t now_ns, struct tcb *tb, const struct tcp_in *in) {
    const struct tcp_opts *o = &in->h.opts;
    struct tcp_fo_entry *e;
    bool refused = tb->syn_data && tcb_outstanding(tb) > 0;
    bool again = tb->rtx_cnt > 0;
    if (tb->fo_option && o->has_fo && o->fo_len > 0) {
        if ((e = cache_make(t, now_ns, tb))) {
            e->mss = o->has_mss ? o->mss : 0;
            e->len = o->fo_len;
            memcpy(e->cookie, o->fo_cookie, sizeof e->cookie);
            e->losses = 0;
        }
    } else if (refused && again && (e = cache_make(t, now_ns, tb))) {
        e->loss_ns = now_ns;
        if (e->losses < UINT8_MAX)
            e->losses++;
    } else if (tb->syn_data && !refused && (e = cache_find(t, tb))) {
        e->used_ns = now_ns;
        e->losses = 0;
    }
    if (!tb->syn_data)
        return;
    if (!refused) {
        tb->syn_data_acked = true;
        t->stats.fo_active++;
        return;
    }
    tb->fo_fail = again ? TCP_FO_SYN_RETRANSMITTED : TCP_FO_DATA_NOT_ACKED;
    unsend(t, tb);
    tcb_rearm_rtx(t, now_ns, tb);
}

void tcp_fo_crossed(struct tcp *t, struct tcb *tb) {
    if (!tb->syn_data)
        return;
    tb->fo_fail = TCP_FO_DATA_NOT_ACKED;
    unsend(t, tb);
}

/* ---- server: cookies ---- */

/* RFC 7413 4.1.2; of the stack's key of that epoch. */
static uint64_t stack_cookie(const struct tcp *t, const struct tcp_ep *ep, uint64_t epoch) {
    return tcp_fo_hash(t, ep, epoch);
}

/* What Linux makes of a key: SipHash over source and destination address of the SYN. */
static uint64_t key_cookie(const uint8_t key[TCP_FO_KEY_LEN], const struct tcp_ep *ep) {
    struct sip_key k;
    uint8_t pair[32];
    memcpy(&k.k[0], key, 8);
    memcpy(&k.k[1], key + 8, 8);
    size_t skip = addr_is_ip4(&ep->raddr) ? 12 : 0, n = 16 - skip;
    memcpy(pair, ep->raddr.b + skip, n);
    memcpy(pair + n, ep->laddr.b + skip, n);
    return siphash(&k, pair, 2 * n);
}

static uint64_t cookie_of(const struct tcp *t, uint64_t now_ns, const struct tcp_listener *l,
                          const struct tcp_ep *ep, unsigned age) {
    if (l->opt.fo_key_cnt > 0)
        return key_cookie(l->opt.fo_key[age], ep);
    return stack_cookie(t, ep, now_ns / FO_EPOCH_NS - age);
}

enum fo_cookie { FO_BAD, FO_GOOD, FO_OLD };

static enum fo_cookie cookie_check(const struct tcp *t, uint64_t now_ns,
                                   const struct tcp_listener *l, const struct tcp_ep *ep,
                                   const struct tcp_opts *o) {
    uint64_t got;
    unsigned keys = l->opt.fo_key_cnt > 0 ? l->opt.fo_key_cnt : now_ns >= FO_EPOCH_NS ? 2 : 1;
    if (o->fo_len != FO_COOKIE_LEN)
        return FO_BAD;
    memcpy(&got, o->fo_cookie, sizeof got);
    for (unsigned age = 0; age < keys; age++)
        if (got == cookie_of(t, now_ns, l, ep, age))
            return age == 0 ? FO_GOOD : FO_OLD;
    return FO_BAD;
}

void tcp_fo_synack_option(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_opts *o) {
    if (!tb->fo_reply || !tb->parent)
        return;
    tb->fo_reply = false; /* in the first SYN-ACK only, as Linux */
    uint64_t cookie = cookie_of(t, now_ns, tb->parent, &tb->ep, 0);
    o->has_fo = true;
    o->fo_len = FO_COOKIE_LEN;
    memcpy(o->fo_cookie, &cookie, FO_COOKIE_LEN);
}

/* ---- server: children ---- */

/* RFC 7413 5.1: a limit to children whose peers have not shown yet that they are there. */
static bool has_place(struct tcp_listener *l, uint64_t now_ns) {
    if (l->fo_rst_cnt > 0 && now_ns - l->fo_rst_ns >= FO_RST_NS)
        l->fo_rst_cnt = 0;
    return l->fo_cnt + l->fo_rst_cnt < l->opt.fo_qlen;
}

bool tcp_fo_syn(struct tcp *t, uint64_t now_ns, struct tcp_listener *l, struct tcb *tb,
                const struct tcp_in *in) {
    const struct tcp_opts *o = &in->h.opts;
    if (!(t->cfg.fastopen & TCP_FO_SERVER) || l->opt.fo_qlen == 0)
        return false;
    if ((in->seg_len == 0 && !o->has_fo) || !has_place(l, now_ns))
        return false;
    if (l->opt.fo_no_cookie)
        return true;
    if (!o->has_fo)
        return false;
    enum fo_cookie c = o->fo_len > 0 ? cookie_check(t, now_ns, l, &tb->ep, o) : FO_BAD;
    tb->fo_reply = c != FO_GOOD; /* asked for, wrong, or of the old key: here is a good one */
    if (c == FO_BAD && o->fo_len > 0)
        t->stats.fo_fails++;
    return c != FO_BAD;
}

void tcp_fo_child(struct tcp *t, uint64_t now_ns, struct tcb *tb, struct tcp_in *in) {
    struct tcp_listener *l = tb->parent;
    tb->fo_child = tb->fo_pending = true;
    tb->opt.defer_accept = 0;
    l->fo_cnt++;
    t->stats.fo_passive++;
    tcb_transfer_init(t, now_ns, tb);
    in->fin = false;
    in->data.len = UST_MIN(in->data.len, (size_t)tcb_rcv_open(tb));
    if (in->data.len == 0)
        return;
    if (tcp_data_rx(t, now_ns, tb, in) == DROP_NONE)
        tb->syn_data_acked = true;
}

void tcp_fo_settled(uint64_t now_ns, struct tcb *tb, bool reset) {
    struct tcp_listener *l = tb->parent;
    if (!tb->fo_pending)
        return;
    tb->fo_pending = false;
    l->fo_cnt--;
    if (!reset)
        return;
    l->fo_rst_cnt++;
    l->fo_rst_ns = now_ns;
}
