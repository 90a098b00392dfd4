/* SPDX-License-Identifier: ISC */
/*
 * tests/sim/run: random transfers on random links, one seed one run.
 *
 *     run [--seeds N] [--first S]    N seeds from S on (default 2000 from 1); stops after five failures, prints how to repeat each
 *     run --seed S [--verbose]       one seed; verbose prints its scenario and the stacks' trace
 *     run --time SECS [--first S]    as many seeds as there is time for; prints the next seed at the end
 *
 * A seed chooses hosts, their MTU, offload, ECN and congestion control; for each direction between two hosts rate, delay, queue, loss,
 * bursts, reordering, duplication, corruption; the weather (links that die for a while, change their delay or rate, routers whose MTU sinks, congestion
 * marks); flows, how much each side sends, how each ends, how slowly it reads or accepts, listeners of backlog 1 that several share;
 * and an attacker who repeats old frames and invents segments without having seen the connection.
 *
 * Invariants, while it runs: each stack's own (stack_check) and the relations between the two ends of a connection (between_ends). After it:
 * every byte arrived once and in order, or both ends know why not; after TIME-WAIT nothing is left in any pool and no timer is armed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/transfer.h"
#include "tcp/tcb.h"

static uint32_t pick(struct sim *s, const uint32_t *v, size_t cnt) {
    return v[rng_below(&s->rng, (uint32_t)cnt)];
}
#define PICK(s, ...)                                                                               \
    pick(s, (const uint32_t[]){__VA_ARGS__},                                                       \
         sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void random_wire(struct sim *s, struct sim_wire *w) {
    w->rate_bps = (uint64_t)PICK(s, 0, 1, 10, 100, 1000, 10000) * 1000000;
    w->delay_ns = PICK(s, 0, 50, 1000, 10000, 50000, 200000) * NS_PER_US;
    w->jitter_ns = rng_below(&s->rng, 4) == 0 ? w->delay_ns / 4 : 0;
    w->queue_frames = PICK(s, 5, 30, 100, 1000);
    w->loss_ppm = PICK(s, 0, 0, 1000, 10000, 50000, 100000);
    w->burst = PICK(s, 0, 0, 3, 10);
    w->reorder_ppm = PICK(s, 0, 0, 1000, 50000, 200000);
    w->dup_ppm = PICK(s, 0, 0, 10000);
    w->corrupt_ppm = PICK(s, 0, 0, 1000, 10000);
    w->early = rng_below(&s->rng, 2);
    w->ce_ppm = PICK(s, 0, 0, 10000, 200000);
}

static void print_wire(const char *name, const struct sim_wire *w) {
    printf("  %s: rate %.0f Mbit/s delay %.3f ms jitter %.3f ms queue %u loss %.2f%% burst %u "
           "reorder %.2f%% dup %.2f%% corrupt %.2f%%\n",
           name, (double)w->rate_bps / 1e6, (double)w->delay_ns / 1e6, (double)w->jitter_ns / 1e6,
           w->queue_frames, w->loss_ppm / 1e4, w->burst, w->reorder_ppm / 1e4, w->dup_ppm / 1e4,
           w->corrupt_ppm / 1e4);
}

static bool never(void *ctx) {
    (void)ctx;
    return false;
}

/* Pools that stay in use after everything is closed mean a leak. */
static const char *leftovers(struct stack *st, char *buf, size_t len) {
    for (int k = 0; k < SLAB_COUNT; k++) {
        if (k == SLAB_NEIGH || k == SLAB_PMTU)
            continue; /* caches */
        uint32_t n = slab_in_use(&st->core.arena, (enum slab_kind)k);
        if (n) {
            snprintf(buf, len, "%u objects of %s left", n, slab_kind_name((enum slab_kind)k));
            return buf;
        }
    }
    return NULL;
}

/* ---- the weather ---- */

struct world {
    struct transfer t;
    uint32_t storms;     /* changes of weather still to come */
    uint32_t attack_ppm; /* of the frames: repeated, or answered by an invention */
    bool bad;            /* a link was dead for a while, or loses a lot */
    bool attacked;
    struct { /* right edge of the window that this side's peer was offered */
        bool known;
        seq_t edge;
    } seen[FLOW_MAX][2];
    char error[160];
};

static void weather(struct sim *s, void *ctx) {
    struct world *w = (struct world *)ctx;
    int a = (int)rng_below(&s->rng, (uint32_t)s->host_cnt),
        b = (int)rng_below(&s->rng, (uint32_t)s->host_cnt);
    struct sim_wire *x = &s->wire[a][b];
    bool over = w->storms == 0;
    if (over) { /* the last one: what is dead lives again */
        for (a = 0; a < s->host_cnt; a++)
            for (b = 0; b < s->host_cnt; b++)
                s->wire[a][b].dead = false;
        return;
    }
    w->storms--;
    switch (rng_below(&s->rng, 6)) {
    case 0:
    case 1:
        x->dead = !x->dead;
        w->bad = true;
        break;
    case 2:
        x->delay_ns = PICK(s, 0, 1000, 20000, 300000) * NS_PER_US;
        break;
    case 3:
        x->mtu = PICK(s, 0, 600, 1000, 1280, 1400);
        if (s->ip6 && x->mtu)
            x->mtu = UST_MAX(x->mtu, 1280u); /* RFC 8200 5 */
        x->mtu_mute = rng_below(&s->rng, 2); /* a black hole for large packets */
        /* Found by two searches with timeouts between them, which an orphan may not live to see. */
        w->bad |= x->mtu_mute && x->mtu && x->mtu <= 1000;
        break;
    case 4:
        x->rate_bps = (uint64_t)PICK(s, 1, 20, 400) * 1000000;
        break;
    case 5:
        x->ce_ppm = PICK(s, 0, 50000, 500000);
        x->loss_ppm = PICK(s, 0, 0, 5000, 100000);
        w->bad |= x->loss_ppm >= 50000;
        break;
    }
    uint64_t wait = rng_below(&s->rng, PICK(s, 100, 2000, 20000)) * NS_PER_MS;
    s->hook_at_ns = s->now_ns + wait;
}

/* ---- the attacker: sees nothing of value, but may have kept what went by (old duplicates), and guesses ---- */

static void invent(struct sim *s, int to, struct ust_slice like) {
    uint8_t f[1600];
    if (like.len < 54 || like.len > sizeof f || like.p[12] != 8 || like.p[13] != 0 ||
        like.p[14] != 0x45 || like.p[23] != 6)
        return;
    uint32_t len = 14 + 20 + 20 + PICK(s, 0, 0, 1, 100);
    memcpy(f, like.p, 54); /* addresses and ports it knows */
    for (uint32_t i = 54; i < len; i++)
        f[i] = (uint8_t)rng_below(&s->rng, 256);
    for (int i = 0; i < 8; i++) /* not the sequence numbers */
        f[38 + i] = (uint8_t)rng_below(&s->rng, 256);
    f[46] = 0x50;
    f[47] = (uint8_t)PICK(s, 0x04, 0x14, 0x02, 0x12, 0x10, 0x18, 0x11, 0x00, 0x3f);
    f[16] = (uint8_t)((len - 14) >> 8);
    f[17] = (uint8_t)(len - 14);
    f[20] = f[21] = 0;
    f[24] = f[25] = f[50] = f[51] = 0;
    uint32_t sum = 0, tcp_len = len - 34;
    for (int i = 14; i < 34; i += 2)
        sum += (uint32_t)(f[i] << 8 | f[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    f[24] = (uint8_t)(~sum >> 8);
    f[25] = (uint8_t)~sum;
    sum = 6 + tcp_len;
    for (uint32_t i = 26; i < len; i++)
        sum += i & 1 ? f[i] : (uint32_t)f[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    f[50] = (uint8_t)(~sum >> 8);
    f[51] = (uint8_t)~sum;
    sim_inject(s, s->now_ns + rng_below(&s->rng, 1000) * NS_PER_MS, to, slice_of(f, len));
}

static bool attacker(struct sim *s, int from, int to, struct ust_slice frame, void *ctx) {
    struct world *w = (struct world *)ctx;
    (void)from;
    if (w->attack_ppm == 0 || rng_below(&s->rng, 1000000) >= w->attack_ppm ||
        frame.len > s->host[to].st->link.mtu + 14u)
        return true;
    w->attacked = true;
    if (rng_below(&s->rng, 2))
        sim_inject(s, s->now_ns + rng_below(&s->rng, 5000) * NS_PER_MS, to, frame);
    else
        invent(s, to, frame);
    return true;
}

/* ---- what must hold between the two ends of a connection ---- */

static const struct tcb *tcb_of(const struct flow_side *x) {
    return x->s && x->s->tcb && tcb_synchronized(x->s->tcb) ? x->s->tcb : NULL;
}

/* One direction: a sends to b. */
static const char *between(struct world *w, int flow, int dir, const struct tcb *a,
                           const struct tcb *b, const struct flow_side *from,
                           const struct flow_side *to) {
    if (to->got > from->sent)
        return "more was read than written";
    if (!a || !b || a->state == TCPS_SYN_RECEIVED || b->state == TCPS_SYN_RECEIVED)
        return NULL;
    if (!seq_eq(a->iss, b->irs))
        return "the ends disagree about the first sequence number";
    if (seq_gt(a->snd_una, b->rcv_nxt))
        return "acknowledged what was not received";
    if (seq_gt(b->rcv_nxt, a->snd_nxt))
        return "received what was not sent";
    if (seq_gt(seq_add(a->snd_una, a->snd_wnd), seq_add(tcb_rcv_edge(b), 1u << b->rcv_wscale)) &&
        a->snd_wnd > 0 && !b->fin_rcvd)
        return "a window larger than the one that was offered";
    if (w->seen[flow][dir].known && seq_lt(tcb_rcv_edge(b), w->seen[flow][dir].edge))
        /* RFC 9293 SHLD-14 */
        return "the right edge of a window moved left";
    w->seen[flow][dir].known = true;
    w->seen[flow][dir].edge = tcb_rcv_edge(b);
    /* Byte accounting: written = acknowledged + in the send buffer; received = read + readable. */
    if (a->snd_una_pos + 1 != 0 && a->snd_una_pos < from->sent &&
        tcb_snd_used(a) != from->sent - a->snd_una_pos && !from->err)
        return "bytes written are neither acknowledged nor kept";
    if (b->rcv.start != to->got && !to->err)
        return "bytes read and the buffer's position differ";
    return NULL;
}

static const char *between_ends(struct sim *s, void *ctx) {
    struct world *w = (struct world *)ctx;
    (void)s;
    for (int i = 0; i < w->t.flow_cnt; i++) {
        struct flow *f = &w->t.flow[i];
        const struct tcb *c = tcb_of(&f->c), *v = tcb_of(&f->v);
        const char *bad = between(w, i, 0, c, v, &f->c, &f->v);
        if (!bad)
            bad = between(w, i, 1, v, c, &f->v, &f->c);
        if (bad) {
            snprintf(w->error, sizeof w->error, "flow %d: %s", i, bad);
            return w->error;
        }
    }
    return NULL;
}

/* ---- a run ---- */

static void random_flow(struct world *w, int i) {
    struct sim *s = w->t.s;
    struct flow *f = &w->t.flow[i];
    uint32_t most = PICK(s, 1, 2000, 30000, 30000, 300000, 300000, 1500000);
    f->client = (int)rng_below(&s->rng, (uint32_t)s->host_cnt);
    f->server = (f->client + 1 + (int)rng_below(&s->rng, (uint32_t)s->host_cnt - 1)) % s->host_cnt;
    f->end = (enum flow_end)rng_below(&s->rng, FLOW_END_COUNT);
    f->c.to_send = rng_below(&s->rng, most);
    f->v.to_send = rng_below(&s->rng, PICK(s, 1, 2000, most));
    f->abort_at = f->c.to_send / 2;
    f->start_ns = s->now_ns + rng_below(&s->rng, 1000) * NS_PER_MS;
    f->backlog = (int)PICK(s, 0, 1, 8);
    f->port = (uint16_t)(5000 + (rng_below(&s->rng, 3) ? (uint32_t)i : 0)); /* some share one */
    if (rng_below(&s->rng, 4) == 0)
        f->accept_ns = s->now_ns + rng_below(&s->rng, 3000) * NS_PER_MS;
    if (rng_below(&s->rng, 4) == 0) {
        struct flow_side *slow = rng_below(&s->rng, 2) ? &f->c : &f->v;
        slow->max_read = 500 + rng_below(&s->rng, 20000);
        slow->read_pause_ns = (1 + rng_below(&s->rng, 300)) * NS_PER_MS;
    }
}

static void print_flow(const struct flow *f, int i) {
    static const char *const end[] = {"shutdown", "close last", "server first",
                                      "both",     "abort",      "rude"};
    printf("  flow %d: host %d to host %d port %u, ends: %s, client sends %llu, server sends %llu, "
           "backlog %d, starts %.3f s, accepted after %.3f s\n",
           i, f->client, f->server, f->port, end[f->end], (unsigned long long)f->c.to_send,
           (unsigned long long)f->v.to_send, f->backlog, (double)(f->start_ns) / 1e9 - 1000,
           f->accept_ns ? (double)f->accept_ns / 1e9 - 1000 : 0.0);
}

/* Did both ends of flow i get what they should, or a reason why not? */
static void judge(struct world *w, int i, bool done) {
    struct transfer *t = &w->t;
    const struct flow *f = &t->flow[i];
    bool all = f->c.got == f->c.expect && f->v.got == f->v.expect;
    bool given_up = f->c.err == ETIMEDOUT || f->v.err == ETIMEDOUT;
    /* A neighbour that does not answer ends an attempt to connect, never a connection. */
    given_up |= !f->c.connected && f->c.err == EHOSTUNREACH;
    /* An invented SYN meets one of ours: that is a simultaneous open, and the server's RST ends it. */
    given_up |= w->attacked && !f->c.connected && f->c.err == ECONNREFUSED;
    /* A link that was dead for minutes: a half-open connection, an orphan that gave up. */
    given_up |= w->bad && (f->v.gave_up || f->c.gave_up || f->c.err == ECONNRESET ||
                           f->v.err == ECONNRESET || f->c.err == EPIPE || f->v.err == EPIPE);
    if (flow_may_lose(f) || given_up || !done || all || t->fail[0])
        return;
    if (!f->c.err && !f->v.err)
        snprintf(t->fail, sizeof t->fail,
                 "flow %d: %llu of %llu and %llu of %llu bytes without an error", i,
                 (unsigned long long)f->c.got, (unsigned long long)f->c.expect,
                 (unsigned long long)f->v.got, (unsigned long long)f->v.expect);
    else
        snprintf(t->fail, sizeof t->fail, "flow %d ended by %s / %s without need", i,
                 strerror(f->c.err), strerror(f->v.err));
}

/* All that is not done are connections whose other end went, or never was, while a link was dead: an owner that only reads waits, without
 * keepalive for ever. */
static bool half_open(const struct world *w) {
    for (int i = 0; i < w->t.flow_cnt; i++) {
        const struct flow *f = &w->t.flow[i];
        const struct tcb *c = tcb_of(&f->c), *v = tcb_of(&f->v), *x = c ? c : v;
        if (!f->done_ns && (!x || (c && v) || tcb_outstanding(x) > 0 || tcb_unsent(x) > 0))
            return false;
    }
    return true;
}

static void describe(struct world *w, bool gso) {
    struct sim *s = w->t.s;
    printf("seed %llu: %d hosts, offload %d, attacker %u ppm, weather changes %u times\n",
           (unsigned long long)s->seed, s->host_cnt, gso, w->attack_ppm, w->storms);
    for (int a = 0; a < s->host_cnt; a++)
        for (int b = 0; b < s->host_cnt; b++) {
            char name[32];
            snprintf(name, sizeof name, "host %d -> %d", a, b);
            if (a != b)
                print_wire(name, &s->wire[a][b]);
        }
    for (int i = 0; i < w->t.flow_cnt; i++)
        print_flow(&w->t.flow[i], i);
    s->trace_out = stdout;
    for (int h = 0; h < s->host_cnt; h++)
        sim_stack(s, h)->core.trace.on = sim_stack(s, h)->core.trace.on_debug =
            (1u << TRACE_TCP) | (1u << TRACE_DROP);
}

static void build(struct world *w, bool gso) {
    struct sim *s = w->t.s;
    uint32_t mtu = PICK(s, 576, 1500, 1500, 9000);
    mtu = s->ip6 ? UST_MAX(mtu, 1280u) : mtu;
    int hosts = (int)PICK(s, 2, 2, 3, 5);
    for (int i = 0; i < hosts; i++) {
        struct tcp_cfg cfg;
        tcp_cfg_default(&cfg);
        cfg.ecn = rng_below(&s->rng, 2);
        cfg.cc = (uint8_t)rng_below(&s->rng, TCP_CC_COUNT);
        bool tso = gso && i == 0;
        sim_add_host(s, 64u << 20, i ? PICK(s, mtu, mtu, 1500) : mtu,
                     tso ? LINK_F_CSUM | LINK_F_TSO4 | LINK_F_TSO6 : 0, tso ? 65535 : 0, &cfg);
    }
    for (int a = 0; a < hosts; a++)
        for (int b = 0; b < a; b++) {
            random_wire(s, &s->wire[a][b]);
            s->wire[b][a] = s->wire[a][b];
            if (rng_below(&s->rng, 2)) /* often both directions are alike */
                random_wire(s, &s->wire[b][a]);
        }
    w->t.flow_cnt = 1 + (int)rng_below(&s->rng, PICK(s, 1, 4, 4, FLOW_MAX));
    for (int i = 0; i < w->t.flow_cnt; i++)
        random_flow(w, i);
    for (int a = 0; a < hosts; a++)
        for (int b = 0; b < hosts; b++)
            w->bad |= s->wire[a][b].loss_ppm >= 50000;
    w->attack_ppm = PICK(s, 0, 0, 10000, 100000);
    w->storms = PICK(s, 0, 0, 3, 12);
    s->tap = attacker;
    s->tap_ctx = w;
    s->hook = weather;
    s->hook_ctx = w;
    if (w->storms)
        s->hook_at_ns = s->now_ns + rng_below(&s->rng, 2000) * NS_PER_MS;
    s->check = between_ends;
    s->check_ctx = w;
}

static int run_seed(uint64_t seed, bool verbose, char *why, size_t why_len) {
    struct sim *s = sim_new(seed);
    static struct world w; /* large */
    bool gso = rng_below(&s->rng, 4) == 0;
    s->ip6 = seed % 2 == 0; /* half of the worlds */
    int ok = 0;

    memset(&w, 0, sizeof w);
    w.t.s = s;
    build(&w, gso);
    uint32_t every = PICK(s, 1, 7, 50);
    s->check_every = verbose ? 1 : every; /* verbose must not change the run */
    if (verbose)
        describe(&w, gso);
    transfer_start(&w.t);
    /* Two hours of virtual time: long enough for every transfer above, and for giving up. */
    uint64_t limit = s->now_ns + 7200 * NS_PER_S;
    bool done = sim_run(s, limit, transfer_done, &w.t);
    bool quiet = !done && !s->error && w.bad && (s->now_ns <= limit || half_open(&w));
    for (int i = 0; i < w.t.flow_cnt; i++)
        judge(&w, i, done);
    if (s->error) {
        snprintf(why, why_len, "invariant: %s", s->error);
    } else if (w.t.fail[0]) {
        snprintf(why, why_len, "%s", w.t.fail);
    } else if (!done && !quiet) {
        snprintf(why, why_len, "not done after %.0f s",
                 (double)(s->now_ns - 1000 * NS_PER_S) / 1e9);
    } else {
        char buf[128];
        const char *left = NULL;
        transfer_end(&w.t);
        w.attack_ppm = 0;
        s->hook_at_ns = TIME_NEVER;
        for (int a = 0; a < s->host_cnt; a++)
            for (int b = 0; b < s->host_cnt; b++)
                s->wire[a][b].dead = false;
        /* Orphans finish, give up, or wait out TIME-WAIT: Linux's limits are 15 retries, about 924 s. */
        sim_run(s, s->now_ns + 2000 * NS_PER_S, never, NULL);
        for (int h = 0; h < s->host_cnt && left == NULL; h++)
            left = leftovers(sim_stack(s, h), buf, sizeof buf);
        if (s->error)
            snprintf(why, why_len, "invariant at the end: %s", s->error);
        else if (left)
            snprintf(why, why_len, "%s", left);
        else
            ok = 1;
    }
    if (verbose)
        printf("%llu steps, %.6f s\n", (unsigned long long)s->steps,
               (double)(s->now_ns - 1000 * NS_PER_S) / 1e9);
    sim_free(s);
    return ok;
}

int main(int argc, char **argv) {
    uint64_t first = 1, cnt = 2000;
    double secs = 0;
    bool verbose = false;
    char why[512] = "";
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--seed") && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 0);
            cnt = 1;
        } else if (!strcmp(argv[i], "--seeds") && i + 1 < argc) {
            cnt = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--first") && i + 1 < argc) {
            first = strtoull(argv[++i], NULL, 0);
        } else if (!strcmp(argv[i], "--time") && i + 1 < argc) {
            secs = strtod(argv[++i], NULL);
            cnt = UINT64_MAX;
        } else if (!strcmp(argv[i], "--verbose")) {
            verbose = true;
        } else {
            fprintf(stderr,
                    "usage: run [--seeds N | --time SECS] [--first S] | --seed S [--verbose]\n");
            return 2;
        }
    }
    uint64_t passed = 0, failed = 0, k;
    time_t began = time(NULL);
    for (k = 0; k < cnt && failed < 5; k++) {
        if (secs > 0 && difftime(time(NULL), began) >= secs)
            break;
        if (run_seed(first + k, verbose, why, sizeof why)) {
            passed++;
            continue;
        }
        failed++;
        printf("seed %llu: %s\n  repeat: tests/sim/run --seed %llu --verbose\n",
               (unsigned long long)(first + k), why, (unsigned long long)(first + k));
        fflush(stdout);
    }
    printf("%llu passed, %llu failed; next seed %llu\n", (unsigned long long)passed,
           (unsigned long long)failed, (unsigned long long)(first + k));
    return failed != 0;
}
