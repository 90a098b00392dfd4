/* SPDX-License-Identifier: ISC */
/*
 * What `userstack stat` and `userstack ss` show: one stack as text or JSON, rendered under the lock into a buffer of the caller.
 *
 * One walk serves both forms: a report is a tree of sections with named whole numbers and strings; the writer (struct out) knows which
 * form it writes. Names are stable: scripts rely on them, userstack(1) lists them. A report that outgrows its buffer loses rows, never its form: the
 * socket list stops early and says "truncated".
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "host/priv.h"
#include "host/sys.h"

#define ROW_BYTES 640 /* room that one row of a list, and what ends the report, can take */

struct out {
    char *buf;
    size_t cap, len;
    bool json;
    bool first; /* no comma yet in this JSON object or list */
};

UST_PRINTF(2, 3) static void put(struct out *o, const char *fmt, ...) {
    if (o->len + 1 >= o->cap)
        return;
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(o->buf + o->len, o->cap - o->len, fmt, ap);
    va_end(ap);
    if (n > 0)
        o->len = UST_MIN(o->len + (size_t)n, o->cap - 1);
}

static bool out_full(const struct out *o) { return o->len + ROW_BYTES > o->cap; }

static void put_quoted(struct out *o, const char *s) {
    put(o, "\"");
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            put(o, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            put(o, "\\u%04x", c);
        else
            put(o, "%c", c);
    }
    put(o, "\"");
}

/* Keys are names that need no quoting: blanks become '_'. */
static void put_key(struct out *o, const char *key) {
    put(o, "%s\"", o->first ? "" : ",");
    for (; *key; key++)
        put(o, "%c", *key == ' ' ? '_' : *key);
    put(o, "\":");
    o->first = false;
}

/* ---- the tree: a section of rows, in text one "  name  value" a line ---- */

static void section(struct out *o, const char *name) {
    if (o->json) {
        put_key(o, name);
        put(o, "{");
        o->first = true;
    } else {
        put(o, "%s\n", name);
    }
}

static void section_end(struct out *o) {
    if (o->json)
        put(o, "}");
    o->first = false;
}

static void row(struct out *o, const char *name, uint64_t v) {
    if (o->json) {
        put_key(o, name);
        put(o, "%" PRIu64, v);
    } else {
        put(o, "  %-24s %" PRIu64 "\n", name, v);
    }
}

static void row_str(struct out *o, const char *name, const char *s) {
    if (o->json) {
        put_key(o, name);
        put_quoted(o, s);
    } else {
        put(o, "  %-24s %s\n", name, s);
    }
}

/* ---- stat ---- */

static const char *dev_name(uint8_t kind) {
    static const char *const name[DEV_KIND_COUNT] = {
        [DEV_NONE] = "none", [DEV_PACKET] = "packet", [DEV_PCAP] = "pcap",
        [DEV_TAP] = "tap",   [DEV_STREAM] = "stream", [DEV_XDP] = "xdp",
    };
    return kind < DEV_KIND_COUNT ? name[kind] : "?";
}

static const char *addr_state(const struct net_addr *a) {
    static const char *const name[NET_ADDR_STATE_COUNT] = {
        [NET_ADDR_PROBING] = "probing",
        [NET_ADDR_ANNOUNCING] = "announcing",
        [NET_ADDR_READY] = "ready",
        [NET_ADDR_DUPLICATE] = "duplicate",
    };
    if (a->state == NET_ADDR_READY && a->preferred_ns == 0)
        return "deprecated";
    return a->state < NET_ADDR_STATE_COUNT ? name[a->state] : "?";
}

static const char *addr_origin(const struct net_addr *a) {
    static const char *const name[] = {[NET_ADDR_STATIC] = "static",
                                       [NET_ADDR_LINK_LOCAL] = "link-local",
                                       [NET_ADDR_SLAAC] = "slaac",
                                       [NET_ADDR_TEMPORARY] = "temporary"};
    return name[a->origin];
}

static void prefix_str(const struct net_addr *a, char *buf, size_t cap) {
    char s[ADDR_STR_LEN];
    unsigned plen = a->plen - (addr_is_ip4(&a->addr) ? 96u : 0u);
    snprintf(buf, cap, "%s/%u", addr_str(&a->addr, s), plen);
}

static void stat_addresses(struct out *o, const struct net *n) {
    char p[ADDR_STR_LEN + 8];
    if (o->json) {
        put_key(o, "addresses");
        put(o, "[");
        o->first = true;
    }
    for (unsigned i = 0; i < NET_ADDR_MAX; i++) {
        const struct net_addr *a = &n->addr[i];
        if (!a->used)
            continue;
        prefix_str(a, p, sizeof p);
        if (o->json) {
            put(o, "%s{", o->first ? "" : ",");
            o->first = true;
            row_str(o, "address", p);
            row_str(o, "state", addr_state(a));
            row(o, "conflicts", a->conflicts);
            if (!addr_is_ip4(&a->addr))
                row_str(o, "origin", addr_origin(a));
            section_end(o);
        } else {
            put(o, "  %-24s %s %s\n", "address", p, addr_state(a));
        }
    }
    if (o->json) {
        put(o, "]");
        o->first = false;
    }
}

static const struct dhcp4 *lease_of(const struct stack *st) {
    return st->net.dhcp4.state != DHCP4S_OFF ? &st->net.dhcp4 : NULL;
}

static uint64_t lease_left_s(const struct dhcp4 *d, uint64_t now_ns) {
    if (d->lease.end_ns == TIME_NEVER)
        return DHCP4_FOREVER;
    return now_ns < d->lease.end_ns ? (d->lease.end_ns - now_ns) / NS_PER_S : 0;
}

static void stat_dhcp(struct out *o, const struct stack *st, uint64_t now_ns) {
    const struct dhcp4 *d = lease_of(st);
    char s[ADDR_STR_LEN];
    if (!d)
        return;
    section(o, "dhcp");
    row_str(o, "state", dhcp4_state_name(d->state));
    if (d->bound) {
        row_str(o, "address", addr_str(&d->lease.addr, s));
        row_str(o, "server", addr_str(&d->lease.server, s));
        row(o, "lease_s", d->lease.lease_s);
        row(o, "left_s", lease_left_s(d, now_ns));
        row_str(o, "domain", st->net.dns[NET_DNS_DHCP4].domain);
    }
    row(o, "tx", d->stats.tx);
    row(o, "rx", d->stats.rx);
    row(o, "leases", d->stats.leases);
    row(o, "renewals", d->stats.renewals);
    row(o, "naks", d->stats.naks);
    row(o, "declines", d->stats.declines);
    row(o, "expiries", d->stats.expiries);
    section_end(o);
}

static void stat_identity(struct out *o, const struct stack *st, uint64_t now_ns) {
    const struct host_cfg *cfg = host_config();
    char mac[MAC_STR_LEN];
    section(o, "stack");
    row_str(o, "name", cfg ? cfg->name : "");
    row(o, "pid", (uint64_t)sys_getpid());
    row_str(o, "link", cfg ? dev_name(cfg->dev) : "none");
    row_str(o, "interface", cfg ? cfg->ifname : "");
    row(o, "up", st->up);
    if (st->up) {
        row_str(o, "mac", mac_str(&st->link.mac, mac));
        row(o, "mtu", st->link.mtu);
        stat_addresses(o, &st->net);
    }
    row(o, "uptime_ms", (now_ns - st->started_ns) / NS_PER_MS);
    row(o, "turns", st->turns);
    row(o, "wakes", st->socks.wakes_total);
    row(o, "trace_lines_lost", st->core.trace.lost);
    section_end(o);
}

static void stat_net(struct out *o, const struct stack *st) {
    const struct link_stats *l = &st->link.stats;
    section(o, "link");
    row(o, "rx_frames", l->rx_frames);
    row(o, "rx_bytes", l->rx_bytes);
    row(o, "tx_frames", l->tx_frames);
    row(o, "tx_bytes", l->tx_bytes);
    row(o, "rx_gso_frames", l->rx_gso_frames);
    row(o, "tx_gso_frames", l->tx_gso_frames);
    row(o, "loop_frames", l->loop_frames);
    section_end(o);
    const struct net_stats *n = &st->net.stats;
    section(o, "net");
    row(o, "arp_rx", n->arp_rx);
    row(o, "arp_tx", n->arp_tx);
    row(o, "ip_rx", n->ip_rx);
    row(o, "ip_tx", n->ip_tx);
    row(o, "frag_rx", n->frag_rx);
    row(o, "frag_tx", n->frag_tx);
    row(o, "reass_ok", n->reass_ok);
    row(o, "icmp_rx", n->icmp_rx);
    row(o, "icmp_tx", n->icmp_tx);
    row(o, "ip6_rx", n->ip6_rx);
    row(o, "ip6_tx", n->ip6_tx);
    row(o, "icmp6_rx", n->icmp6_rx);
    row(o, "icmp6_tx", n->icmp6_tx);
    row(o, "nd_rx", n->nd_rx);
    row(o, "nd_tx", n->nd_tx);
    section_end(o);
}

static void stat_tcp(struct out *o, const struct tcp *t) {
    const struct tcp_stats *s = &t->stats;
    section(o, "tcp");
    row(o, "connections", t->tcb_cnt);
    row(o, "syn_received", t->syn_cnt);
    row(o, "time_wait", t->tw_cnt);
    row(o, "orphans", t->orphan_cnt);
    row(o, "active_opens", s->active_opens);
    row(o, "passive_opens", s->passive_opens);
    row(o, "attempt_fails", s->attempt_fails);
    row(o, "estab_resets", s->estab_resets);
    row(o, "resets_in", s->resets_in);
    row(o, "resets_out", s->resets_out);
    row(o, "rx_segs", s->rx_segs);
    row(o, "tx_segs", s->tx_segs);
    row(o, "rx_bytes", s->rx_bytes);
    row(o, "tx_bytes", s->tx_bytes);
    row(o, "retrans_segs", s->retrans_segs);
    row(o, "fast_recoveries", s->fast_recoveries);
    row(o, "rtos", s->rtos);
    row(o, "ooo_segs", s->ooo_segs);
    row(o, "dup_segs", s->dup_segs);
    row(o, "challenge_acks", s->challenge_acks);
    row(o, "paws_drops", s->paws_drops);
    row(o, "listen_overflows", s->listen_overflows);
    section_end(o);
}

static void stat_sockets(struct out *o, const struct stack *st) {
    const struct socks *sk = &st->socks;
    section(o, "udp");
    row(o, "endpoints", st->udp.pcb_cnt);
    row(o, "rx_dgrams", st->udp.rx_dgrams);
    row(o, "tx_dgrams", st->udp.tx_dgrams);
    section_end(o);
    section(o, "payload");
    row(o, "tcp_rx_bytes", sk->tcp_rx_bytes);
    row(o, "tcp_tx_bytes", sk->tcp_tx_bytes);
    row(o, "udp_rx_bytes", sk->udp_rx_bytes);
    row(o, "udp_tx_bytes", sk->udp_tx_bytes);
    section_end(o);
    section(o, "sockets");
    row(o, "open", sk->sock_cnt);
    section_end(o);
}

static void stat_host(struct out *o, const struct stack *st) {
    const struct host_shared *s = (const struct host_shared *)(const void *)st->host;
    const struct host_counters *c = &s->cnt;
    section(o, "host");
    row(o, "locks", c->locks);
    row(o, "lock_waits", c->contended);
    row(o, "lock_wait_ns", c->lock_wait_ns);
    row(o, "lock_hold_max_ns", c->hold_max_ns);
    row(o, "lock_rebuilds", s->rebuilds);
    row(o, "bursts", c->bursts);
    row(o, "driver_changes", c->seats);
    row(o, "driver_kicks", c->kicks);
    row(o, "futex_wakes", c->wakes_futex);
    row(o, "eventfd_wakes", c->wakes_evfd);
    row(o, "tx_blocked", c->tx_blocked);
    row(o, "rx_lost", host_dev_lost());
    section_end(o);
}

static void stat_pools(struct out *o, const struct arena *ar) {
    section(o, "memory");
    row(o, "size_bytes", ar->size);
    row(o, "used_bytes", (uint64_t)ar->span_used * ARENA_SPAN_BYTES);
    row(o, "peak_bytes", (uint64_t)ar->span_peak * ARENA_SPAN_BYTES);
    section_end(o);
    section(o, "pools");
    for (unsigned k = 0; k < SLAB_COUNT; k++) {
        const struct slab_class *c = &ar->classes[k];
        if (c->in_use > 0)
            row(o, slab_kind_name((enum slab_kind)k), c->in_use);
    }
    section_end(o);
    section(o, "pool_refusals");
    for (unsigned k = 0; k < SLAB_COUNT; k++) {
        const struct slab_class *c = &ar->classes[k];
        if (c->fail_cnt > 0)
            row(o, slab_kind_name((enum slab_kind)k), c->fail_cnt);
    }
    section_end(o);
}

static void stat_drops(struct out *o, const struct drops *d) {
    section(o, "drops");
    for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++) {
        enum drop why = (enum drop)i;
        if (d->cnt[i] == 0)
            continue;
        if (o->json)
            row(o, drop_name(why), d->cnt[i]);
        else
            put(o, "  %-24s %-10" PRIu64 " %s: %s\n", drop_name(why), d->cnt[i], drop_layer(why),
                drop_text(why));
    }
    section_end(o);
}

static void stat_report(struct out *o, struct stack *st, uint64_t now_ns) {
    if (o->json)
        put(o, "{");
    stat_identity(o, st, now_ns);
    stat_net(o, st);
    stat_dhcp(o, st, now_ns);
    stat_tcp(o, &st->tcp);
    stat_sockets(o, st);
    stat_host(o, st);
    stat_pools(o, &st->core.arena);
    stat_drops(o, &st->core.drops);
    if (o->json)
        put(o, "}\n");
}

/* ---- ss ---- */

struct ss_row {
    const char *proto, *state, *where, *why;
    uint64_t recv_q, send_q, id;
    struct ust_addr local, peer;
    uint16_t lport, rport;
    uint32_t pid;
};

static const char *proto_name(uint8_t kind) {
    static const char *const name[] = {
        [SOCK_KIND_TCP] = "tcp",
        [SOCK_KIND_UDP] = "udp",
        [SOCK_KIND_PING] = "ping",
        [SOCK_KIND_RAW] = "raw",
    };
    return kind < UST_ARRAY_CNT(name) ? name[kind] : "?";
}

static const char *where_name(uint8_t where) {
    static const char *const name[] = {
        [SOCK_UNDECIDED] = "undecided",
        [SOCK_STACK] = "stack",
        [SOCK_KERNEL] = "kernel",
    };
    return where < UST_ARRAY_CNT(name) ? name[where] : "?";
}

static void ss_of_sock(struct socks *sk, struct sock *s, struct ss_row *r) {
    *r = (struct ss_row){.proto = proto_name(s->kind),
                         .state = "UNCONN",
                         .where = where_name(s->where),
                         .why = sock_why_text((enum sock_why)s->why),
                         .id = s->id,
                         .pid = s->owner_pid};
    if (sock_local(sk, s, &r->local, &r->lport) < 0)
        r->lport = 0;
    if (sock_peer(sk, s, &r->peer, &r->rport) < 0) {
        memset(&r->peer, 0, sizeof r->peer);
        r->rport = 0;
    }
    if (s->listener) {
        r->state = tcp_state_name(TCPS_LISTEN);
        r->recv_q = tcp_accept_cnt(s->listener);
    } else if (s->tcb) {
        r->state = tcp_state_name(tcp_state(s->tcb));
        r->recv_q = tcp_inq(s->tcb);
        r->send_q = tcp_outq(s->tcb);
    } else if (s->udp) {
        if (s->udp->connected)
            r->state = "CONNECTED";
        r->recv_q = s->udp->rcv_charged;
    }
}

/* A connection without socket: not accepted yet, or closed by the program and still delivering. */
static void ss_of_tcb(struct tcb *tb, struct ss_row *r) {
    *r = (struct ss_row){.proto = "tcp",
                         .state = tcp_state_name(tcp_state(tb)),
                         .where = "stack",
                         .why = "no socket",
                         .recv_q = tcp_inq(tb),
                         .send_q = tcp_outq(tb)};
    tcp_local(tb, &r->local, &r->lport);
    tcp_peer(tb, &r->peer, &r->rport);
}

static void end_str(const struct ust_addr *a, uint16_t port, char *buf, size_t cap) {
    char s[ADDR_STR_LEN], p[8] = "*";
    if (port > 0)
        snprintf(p, sizeof p, "%u", port);
    if (addr_is_any(a))
        snprintf(buf, cap, "*:%s", p);
    else
        snprintf(buf, cap, addr_is_ip4(a) ? "%s:%s" : "[%s]:%s", addr_str(a, s), p);
}

static void ss_put(struct out *o, const struct ss_row *r) {
    char local[ADDR_STR_LEN + 8], peer[ADDR_STR_LEN + 8];
    end_str(&r->local, r->lport, local, sizeof local);
    end_str(&r->peer, r->rport, peer, sizeof peer);
    if (!o->json) {
        char pid[16] = "-";
        if (r->pid)
            snprintf(pid, sizeof pid, "%u", r->pid);
        put(o, "%-5s %-12s %-7" PRIu64 " %-7" PRIu64 " %-24s %-24s %-7s %s: %s\n", r->proto,
            r->state, r->recv_q, r->send_q, local, peer, pid, r->where, r->why);
        return;
    }
    put(o, "%s{", o->first ? "" : ",");
    o->first = true;
    row_str(o, "proto", r->proto);
    row_str(o, "state", r->state);
    row(o, "recv_q", r->recv_q);
    row(o, "send_q", r->send_q);
    row_str(o, "local", local);
    row_str(o, "peer", peer);
    row_str(o, "where", r->where);
    row_str(o, "why", r->why);
    row(o, "pid", r->pid);
    row(o, "id", r->id);
    section_end(o);
}

static void ss_head(struct out *o, const struct stack *st, uint64_t now_ns) {
    char p[ADDR_STR_LEN + 8];
    const struct host_cfg *cfg = host_config();
    if (o->json) {
        put(o, "{");
        o->first = true;
        row(o, "pid", (uint64_t)sys_getpid());
        row_str(o, "interface", cfg ? cfg->ifname : "");
        stat_addresses(o, &st->net);
        put_key(o, "sockets");
        put(o, "[");
        o->first = true;
        return;
    }
    put(o, "# pid %d, %s", (int)sys_getpid(), cfg && cfg->ifname[0] ? cfg->ifname : "no interface");
    for (unsigned i = 0; i < NET_ADDR_MAX; i++) {
        if (!st->net.addr[i].used)
            continue;
        prefix_str(&st->net.addr[i], p, sizeof p);
        put(o, ", %s", p);
    }
    const struct dhcp4 *d = lease_of(st);
    if (d && d->bound)
        put(o, ", dhcp lease from %s, %" PRIu64 " of %u s left", addr_str(&d->lease.server, p),
            lease_left_s(d, now_ns), d->lease.lease_s);
    else if (d)
        put(o, ", dhcp %s", dhcp4_state_name(d->state));
    put(o, "%s\n", st->up ? "" : " (down)");
    put(o, "%-5s %-12s %-7s %-7s %-24s %-24s %-7s %s\n", "Proto", "State", "Recv-Q", "Send-Q",
        "Local", "Peer", "Pid", "Where: why");
}

static void ss_report(struct out *o, struct stack *st, uint64_t now_ns) {
    struct ss_row r;
    bool truncated = false;
    ss_head(o, st, now_ns);
    struct sock *s = slab_next_alive(&st->core.arena, SLAB_SOCK, NULL);
    for (; s && !truncated; s = slab_next_alive(&st->core.arena, SLAB_SOCK, s)) {
        ss_of_sock(&st->socks, s, &r);
        if (!(truncated = out_full(o)))
            ss_put(o, &r);
    }
    struct tcb *tb = tcp_next(&st->tcp, NULL);
    for (; tb && !truncated; tb = tcp_next(&st->tcp, tb)) {
        if (tcp_sock(tb))
            continue;
        ss_of_tcb(tb, &r);
        if (!(truncated = out_full(o)))
            ss_put(o, &r);
    }
    if (o->json)
        put(o, "],\"time_wait\":%u,\"truncated\":%d}\n", st->tcp.tw_cnt, truncated);
    else if (truncated)
        put(o, "# truncated\n");
    else if (st->tcp.tw_cnt > 0)
        put(o, "# and %u in TIME-WAIT\n", st->tcp.tw_cnt);
}

void host_path(char *out, size_t cap, const char *pattern) {
    struct out o = {.buf = out, .cap = cap};
    for (; *pattern; pattern++) {
        if (pattern[0] == '%' && pattern[1] == 'p')
            put(&o, "%ld", sys_getpid());
        else
            put(&o, "%c", *pattern);
        if (pattern[0] == '%' && (pattern[1] == 'p' || pattern[1] == '%'))
            pattern++;
    }
    out[o.len] = '\0';
}

size_t host_report(struct stack *st, enum host_report what, char *buf, size_t cap) {
    if (cap == 0)
        return 0;
    struct out o = {.buf = buf, .cap = cap, .first = true};
    o.json = what == HOST_REPORT_STAT_JSON || what == HOST_REPORT_SS_JSON;
    buf[0] = '\0';
    if (what == HOST_REPORT_STAT_TEXT || what == HOST_REPORT_STAT_JSON)
        stat_report(&o, st, host_now());
    else
        ss_report(&o, st, host_now());
    return o.len;
}
