/* SPDX-License-Identifier: ISC */
/*
 * tests/bench/sim_bench: how much of a simulated link one connection, or several, makes use of.
 *
 *     sim_bench [--json FILE] [--default-caps] [--rtt MS] [--rate MBIT] [--what NAME]   the table, or a part of it
 *     sim_bench --fair                                         two and ten flows on one link
 *     sim_bench --rate MBIT --rtt MS --what NAME --verbose     one cell, its window once a round trip
 *
 * A share is the receiver's goodput, with the headers of its segments, over the rate of the link, taken behind the start: the first
 * 30 round trips, at least 3 s, are not counted. Impairments act on both directions. The queue in front of the link holds one
 * bandwidth-delay product, at least 64 frames. Buffers may grow to twice that (1 GB is the most that TCP's window tells of), or, with --default-caps,
 * as far as they do by default. Where there is no loss and the link is fast, super-frames of 64 KB are sent, as a TSO device takes them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "support/sim.h"

#define MSS 1448
#define FRAME 1514
#define BUF_MAX (1023u << 20)
#define FLOWS 10

struct impair {
    const char *name;
    uint32_t loss_ppm, burst, reorder_ppm;
    bool late;
};
static const struct impair impairs[] = {
    {"none", 0, 0, 0, false},           {"loss 0.1%", 1000, 0, 0, false},
    {"loss 1%", 10000, 0, 0, false},    {"loss 5%", 50000, 0, 0, false},
    {"bursts 1%", 10000, 10, 0, false}, {"reorder 5%", 0, 0, 50000, false},
    {"late 5%", 0, 0, 50000, true},
};
static const uint32_t rates[] = {10, 100, 1000, 10000};
static const uint32_t rtts[] = {1, 20, 100, 300};

struct end {
    struct sock *c, *v, *listener;
    uint64_t got, at_warm, start_ns;
    bool connected;
};

struct bench {
    struct sim *s;
    struct end f[FLOWS];
    int cnt;
    uint64_t warm_ns, end_ns, rtt_ns, next_ns;
    uint64_t frames_max;
    bool verbose;
};

static struct socks *socks_of(struct sim *s, int host) { return &sim_stack(s, host)->socks; }

static void die(const char *what, int r) {
    fprintf(stderr, "sim_bench: %s: %s\n", what, strerror(r < 0 ? -r : r));
    exit(1);
}

static void app_send(struct sim *s, int host, void *ctx) {
    struct bench *b = (struct bench *)ctx;
    struct socks *sk = socks_of(s, host);
    for (int i = 0; i < b->cnt; i++) {
        struct end *f = &b->f[i];
        struct sbuf_mslice v[8];
        int cnt, r;
        ssize_t n;
        if (!f->c) {
            if (s->now_ns < f->start_ns) {
                s->host[host].app_at_ns = UST_MIN(s->host[host].app_at_ns, f->start_ns);
                continue;
            }
            if ((r = sock_new(sk, AF_INET, SOCK_STREAM, 0, &f->c)) < 0)
                die("socket", r);
            r = sock_connect(sk, s->now_ns, f->c, &s->host[1].addr, (uint16_t)(5000 + i));
            if (r != -EINPROGRESS)
                die("connect", r);
            continue;
        }
        if (!f->connected) {
            r = sock_connect_result(sk, f->c);
            if (r == -EINPROGRESS)
                continue;
            if (r < 0)
                die("connect", r);
            f->connected = true;
        }
        while ((n = sock_send_reserve(sk, f->c, 1u << 20, v, &cnt, 8)) > 0)
            sock_send_commit(sk, s->now_ns, f->c, (size_t)n, 0);
        if (n != -EAGAIN && n != -ENOBUFS)
            die("send", (int)n);
    }
}

static void app_recv(struct sim *s, int host, void *ctx) {
    struct bench *b = (struct bench *)ctx;
    struct socks *sk = socks_of(s, host);
    for (int i = 0; i < b->cnt; i++) {
        struct end *f = &b->f[i];
        struct ust_slice v[8];
        int cnt;
        ssize_t n;
        if (!f->v && sock_accept(sk, s->now_ns, f->listener, &f->v) < 0)
            continue;
        while ((n = sock_recv_peek(sk, f->v, 0, 1u << 20, v, &cnt, 8)) > 0) {
            f->got += (uint64_t)n;
            sock_recv_done(sk, s->now_ns, f->v, (size_t)n);
        }
        if (n != -EAGAIN)
            die("receive", (int)n);
    }
}

static void show(struct bench *b) {
    struct tcp_info_out o;
    struct stack *st = sim_stack(b->s, 0);
    static const char *const ca[] = {"open", "disorder", "cwr", "recovery", "loss"};
    for (int i = 0; i < b->cnt; i++) {
        if (!b->f[i].c || !b->f[i].c->tcb)
            continue;
        tcp_info(&st->tcp, b->s->now_ns, b->f[i].c->tcb, &o);
        printf("%9.4f flow %d %-8s cwnd %u ssthresh %u unacked %u sacked %u lost %u rtt %u us "
               "rto %u us retrans %u wnd %u reord %u dsack %u got %llu\n",
               (double)b->s->now_ns / 1e9 - 1000, i, ca[o.ca_state % 5], o.snd_cwnd, o.snd_ssthresh,
               o.unacked, o.sacked, o.lost, o.rtt_us, o.rto_us, o.total_retrans, o.snd_wnd,
               o.reordering, o.dsack_dups, (unsigned long long)b->f[i].got);
    }
}

static bool warm_over(void *ctx) {
    struct bench *b = (struct bench *)ctx;
    if (b->verbose && b->s->now_ns >= b->next_ns) {
        b->next_ns = b->s->now_ns + b->rtt_ns;
        show(b);
    }
    return b->s->now_ns >= b->warm_ns;
}
static bool measured(void *ctx) {
    struct bench *b = (struct bench *)ctx;
    warm_over(ctx);
    return b->s->now_ns >= b->end_ns || b->s->wire[0][1].sent >= b->frames_max;
}

struct result {
    double share, jain, mbit;
    double loss; /* share of frames that the wire lost */
    uint64_t retrans, rtos;
};

static struct result measure(uint32_t mbit, uint32_t rtt_ms, const struct impair *im, int flows,
                             double secs, bool default_caps, bool verbose) {
    struct sim *s = sim_new(mbit * 1000003u + rtt_ms * 101u + (uint32_t)(im - impairs));
    struct bench b = {.s = s, .cnt = flows, .verbose = verbose, .rtt_ns = rtt_ms * NS_PER_MS};
    uint64_t bdp = (uint64_t)mbit * 1000000 / 8 * rtt_ms / 1000;
    bool super = im->loss_ppm == 0 && im->reorder_ppm == 0 && mbit >= 1000;
    struct tcp_cfg cfg;
    tcp_cfg_default(&cfg);
    if (!default_caps) {
        uint64_t cap = UST_MIN(UST_MAX(4 * bdp, 6ull << 20), (uint64_t)BUF_MAX);
        cfg.sndbuf_max = cfg.rcvbuf_max = (uint32_t)cap;
    }
    for (int i = 0; i < 2; i++)
        sim_add_host(s, 2048ull << 20, 1500, LINK_F_CSUM | (super ? LINK_F_TSO4 : 0),
                     super ? 65535 : 0, &cfg);
    for (int d = 0; d < 2; d++) {
        struct sim_wire *w = &s->wire[d][!d];
        w->rate_bps = (uint64_t)mbit * 1000000;
        w->delay_ns = rtt_ms * NS_PER_MS / 2;
        w->queue_bytes = UST_MAX(bdp, 64ull * FRAME);
        w->loss_ppm = im->loss_ppm;
        w->burst = im->burst;
        w->reorder_ppm = im->reorder_ppm;
        w->early = !im->late;
    }
    s->thin = true;
    s->check_every = 0;
    if (verbose) {
        s->trace_out = stdout;
        sim_stack(s, 0)->core.trace.on = sim_stack(s, 0)->core.trace.on_debug = 1u << TRACE_TCP;
    }
    for (int i = 0; i < flows; i++) {
        struct socks *sk = socks_of(s, 1);
        struct ust_addr any = addr_from_ip4(0);
        b.f[i].start_ns = s->now_ns + (uint64_t)i * 200 * NS_PER_MS;
        if (sock_new(sk, AF_INET, SOCK_STREAM, 0, &b.f[i].listener) < 0 ||
            sock_bind(sk, s->now_ns, b.f[i].listener, &any, (uint16_t)(5000 + i)) < 0 ||
            sock_listen(sk, s->now_ns, b.f[i].listener, 8) < 0)
            die("listen", EINVAL);
    }
    s->host[0].app = app_send;
    s->host[1].app = app_recv;
    s->host[0].app_ctx = s->host[1].app_ctx = &b;
    s->host[0].app_at_ns = s->now_ns;
    b.warm_ns = s->now_ns + UST_MAX(30 * b.rtt_ns, 3 * NS_PER_S);
    if (flows > 1)
        b.warm_ns += (uint64_t)(secs / 3 * 1e9);
    b.end_ns = b.warm_ns + UST_MAX(20 * b.rtt_ns, (uint64_t)(secs * 1e9));
    sim_run(s, b.warm_ns, warm_over, &b);
    uint64_t t0 = s->now_ns;
    s->wire[0][1].sent = s->wire[0][1].lost = 0;
    b.frames_max = 3000000;
    for (int i = 0; i < flows; i++)
        b.f[i].at_warm = b.f[i].got;
    sim_run(s, b.end_ns, measured, &b);

    struct result r = {.jain = 1};
    double sum = 0, sq = 0, dt = (double)(s->now_ns - t0) / 1e9;
    for (int i = 0; i < flows; i++) {
        double x = (double)(b.f[i].got - b.f[i].at_warm);
        sum += x;
        sq += x * x;
    }
    r.mbit = sum * 8 / dt / 1e6;
    r.share = r.mbit * FRAME / MSS / mbit;
    r.jain = sq > 0 ? sum * sum / (flows * sq) : 0;
    r.loss = (double)s->wire[0][1].lost / (double)UST_MAX(s->wire[0][1].sent, 1u);
    r.retrans = sim_stack(s, 0)->tcp.stats.retrans_segs;
    r.rtos = sim_stack(s, 0)->tcp.stats.rtos;
    const char *bad = stack_check(sim_stack(s, 0));
    if (bad || (bad = stack_check(sim_stack(s, 1))) || s->error) {
        fprintf(stderr, "sim_bench: %s\n", bad ? bad : s->error);
        exit(1);
    }
    sim_free(s);
    return r;
}

static void fair(FILE *json, bool verbose, uint32_t mbit1, uint32_t rtt1) {
    printf("\nflows on one link, 60 s: share of the link and Jain's index\n");
    bool first = true;
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 1; k < 3; k++)
            for (int flows = 2; flows <= 10; flows += 8) {
                if ((mbit1 && rates[i] != mbit1) || (rtt1 && rtts[k] != rtt1))
                    continue;
                if (rates[i] == 1000 && flows == 10 && rtts[k] == 100)
                    continue; /* minutes of work, nothing new */
                struct result r =
                    measure(rates[i], rtts[k], &impairs[0], flows, 60, false, verbose);
                printf("  %5u Mbit/s %4u ms %2d flows: share %5.1f %%  Jain %.3f\n", rates[i],
                       rtts[k], flows, r.share * 100, r.jain);
                fflush(stdout);
                if (json)
                    fprintf(json,
                            "%s\n  {\"rate_mbit\": %u, \"rtt_ms\": %u, \"flows\": %d, "
                            "\"share\": %.4f, \"jain\": %.4f}",
                            first ? "" : ",", rates[i], rtts[k], flows, r.share, r.jain);
                first = false;
            }
}

int main(int argc, char **argv) {
    uint32_t rate = 0, rtt = 0;
    const char *what = NULL, *out = NULL;
    bool verbose = false, caps = false, only_fair = false;
    double secs = 20;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--rate") && i + 1 < argc)
            rate = (uint32_t)strtoul(argv[++i], NULL, 0);
        else if (!strcmp(argv[i], "--rtt") && i + 1 < argc)
            rtt = (uint32_t)strtoul(argv[++i], NULL, 0);
        else if (!strcmp(argv[i], "--what") && i + 1 < argc)
            what = argv[++i];
        else if (!strcmp(argv[i], "--secs") && i + 1 < argc)
            secs = strtod(argv[++i], NULL);
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            out = argv[++i];
        else if (!strcmp(argv[i], "--fair"))
            only_fair = true;
        else if (!strcmp(argv[i], "--default-caps"))
            caps = true;
        else if (!strcmp(argv[i], "--verbose"))
            verbose = true;
        else {
            fprintf(stderr, "usage: sim_bench [--rate MBIT] [--rtt MS] [--what NAME] [--secs S] "
                            "[--default-caps] [--json FILE] [--fair] [--verbose]\n");
            return 2;
        }
    }
    FILE *json = out ? fopen(out, "w") : NULL;
    if (out && !json)
        die(out, errno);
    if (json)
        fprintf(json, "{\"buffers\": \"%s\",\n \"cells\": [",
                caps ? "default" : "4 BDP, at most 1 GB");
    bool first = true;
    if (!only_fair)
        printf("share of the link, %%\n%-10s %7s", "Mbit/s", "RTT ms");
    for (size_t m = 0; m < UST_ARRAY_CNT(impairs) && !only_fair; m++)
        printf(" %11s", impairs[m].name);
    printf("\n");
    for (size_t i = 0; i < 4 && !only_fair; i++)
        for (size_t k = 0; k < 4; k++) {
            if ((rate && rates[i] != rate) || (rtt && rtts[k] != rtt))
                continue;
            printf("%-10u %7u", rates[i], rtts[k]);
            for (size_t m = 0; m < UST_ARRAY_CNT(impairs); m++) {
                if (what && strcmp(what, impairs[m].name) != 0)
                    continue;
                double t = rates[i] >= 10000 ? UST_MIN(secs, 6.0) : secs;
                struct result r = measure(rates[i], rtts[k], &impairs[m], 1, t, caps, verbose);
                printf(" %11.1f", r.share * 100);
                if (what)
                    printf("  (%.2f Mbit/s, lost %.3f%%, retransmitted %llu, timeouts %llu)",
                           r.mbit, r.loss * 100, (unsigned long long)r.retrans,
                           (unsigned long long)r.rtos);
                fflush(stdout);
                if (json)
                    fprintf(json,
                            "%s\n  {\"rate_mbit\": %u, \"rtt_ms\": %u, \"impairment\": \"%s\", "
                            "\"share\": %.4f, \"goodput_mbit\": %.3f, \"lost\": %.5f, "
                            "\"retransmitted\": %llu, \"timeouts\": %llu}",
                            first ? "" : ",", rates[i], rtts[k], impairs[m].name, r.share, r.mbit,
                            r.loss, (unsigned long long)r.retrans, (unsigned long long)r.rtos);
                first = false;
            }
            printf("\n");
        }
    if (json)
        fprintf(json, "],\n \"fair\": [");
    if (only_fair || (!rate && !rtt && !what))
        fair(json, verbose, rate, rtt);
    if (json) {
        fprintf(json, "]}\n");
        fclose(json);
    }
    return 0;
}
