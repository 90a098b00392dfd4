/* SPDX-License-Identifier: ISC */
#include "support/sim.h"

#include <stdlib.h>
#include <sys/mman.h>

/* ---- event heap: frames by arrival, ties in the order of sending ---- */

static bool frame_before(const struct sim_frame *a, const struct sim_frame *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void heap_push(struct sim *s, const struct sim_frame *f) {
    if (s->heap_cnt == s->heap_cap) {
        s->heap_cap = s->heap_cap ? s->heap_cap * 2 : 256;
        s->heap = (struct sim_frame *)realloc(s->heap, s->heap_cap * sizeof *s->heap);
        if (s->heap == NULL)
            abort();
    }
    size_t i = s->heap_cnt++;
    while (i > 0 && frame_before(f, &s->heap[(i - 1) / 2])) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = *f;
}

static struct sim_frame heap_pop(struct sim *s) {
    struct sim_frame top = s->heap[0], last = s->heap[--s->heap_cnt];
    size_t i = 0;
    for (;;) {
        size_t k = 2 * i + 1;
        if (k >= s->heap_cnt)
            break;
        if (k + 1 < s->heap_cnt && frame_before(&s->heap[k + 1], &s->heap[k]))
            k++;
        if (!frame_before(&s->heap[k], &last))
            break;
        s->heap[i] = s->heap[k];
        i = k;
    }
    if (s->heap_cnt > 0)
        s->heap[i] = last;
    return top;
}

/* ---- the wire ---- */

static bool chance(struct sim *s, uint32_t ppm) { return ppm && rng_below(&s->rng, 1000000) < ppm; }

static bool wire_loses(struct sim *s, struct sim_wire *w) {
    if (w->dead)
        return true;
    if (w->loss_ppm == 0)
        return false;
    if (w->burst <= 1)
        return chance(s, w->loss_ppm);
    /* Gilbert: bursts of mean length `burst`, entered so that the long-run loss is loss_ppm. */
    /* What disturbs a wire passes; a retransmission a while later does not meet the same burst. */
    bool stale = s->now_ns - w->burst_at_ns > 200 * NS_PER_MS;
    w->burst_at_ns = s->now_ns;
    if (w->in_burst) {
        if (stale || rng_below(&s->rng, w->burst) == 0)
            w->in_burst = false;
    } else if (chance(s, w->loss_ppm / w->burst)) {
        w->in_burst = true;
    }
    return w->in_burst;
}

#define ETH_LEN 14

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }
static void put16(uint8_t *p, uint32_t v) {
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}
static uint16_t ip_sum(const uint8_t *p, size_t len) {
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += get16(p + i);
    if (len & 1)
        sum += (uint32_t)p[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void wire_put(struct sim *s, int from, int to, const uint8_t *bytes, uint32_t len,
                     uint32_t held, const struct pkt_tx *p, bool may_dup);

/*
 * What a router between the two hosts says of an IPv4 packet too large for the next link (RFC 1191 4). It is written here byte by byte: a test
 * must not ask the code that it tests.
 */
static void router_says_too_big(struct sim *s, int from, int to, const uint8_t *frame,
                                uint32_t len) {
    static const struct pkt_tx plain;
    uint8_t f[ETH_LEN + 20 + 8 + 28];
    uint32_t quote = UST_MIN(28u, len - ETH_LEN);
    memset(f, 0, sizeof f);
    memcpy(f, frame + 6,
           6); /* back to the sender, from the same machine as far as the LAN can tell */
    memcpy(f + 6, frame, 6);
    put16(f + 12, 0x0800);
    uint8_t *ip = f + ETH_LEN, *icmp = ip + 20;
    ip[0] = 0x45;
    put16(ip + 2, 20 + 8 + quote);
    ip[8] = 60;
    ip[9] = 1;
    memcpy(ip + 12, (const uint8_t[]){10, 0, 0, 254}, 4);
    memcpy(ip + 16, frame + ETH_LEN + 12, 4);
    put16(ip + 10, ip_sum(ip, 20));
    icmp[0] = 3;
    icmp[1] = 4;
    put16(icmp + 6, s->wire[from][to].mtu);
    memcpy(icmp + 8, frame + ETH_LEN, quote);
    put16(icmp + 2, ip_sum(icmp, 8 + quote));
    wire_put(s, to, from, f, ETH_LEN + 20 + 8 + quote, ETH_LEN + 20 + 8 + quote, &plain, false);
}

/* The same for IPv6 (RFC 4443 3.2). */
static void router_says_too_big6(struct sim *s, int from, int to, const uint8_t *frame,
                                 uint32_t len) {
    static const struct pkt_tx plain;
    uint8_t f[ETH_LEN + 40 + 8 + 60], sum[40 + 8 + 60];
    uint32_t quote = UST_MIN(60u, len - ETH_LEN), icmp_len = 8 + quote;
    memset(f, 0, sizeof f);
    memset(sum, 0, sizeof sum);
    memcpy(f, frame + 6, 6);
    memcpy(f + 6, frame, 6);
    put16(f + 12, 0x86dd);
    uint8_t *ip = f + ETH_LEN, *icmp = ip + 40;
    ip[0] = 0x60;
    put16(ip + 4, icmp_len);
    ip[6] = 58;
    ip[7] = 60;
    ip[8] = 0xfd;
    ip[23] = 254;
    memcpy(ip + 24, frame + ETH_LEN + 8, 16);
    icmp[0] = 2;
    put16(icmp + 6, s->wire[from][to].mtu);
    memcpy(icmp + 8, frame + ETH_LEN, quote);
    memcpy(sum, ip + 8, 32); /* the pseudo header */
    put16(sum + 34, icmp_len);
    sum[39] = 58;
    memcpy(sum + 40, icmp, icmp_len);
    put16(icmp + 2, ip_sum(sum, 40 + icmp_len));
    wire_put(s, to, from, f, ETH_LEN + 40 + icmp_len, ETH_LEN + 40 + icmp_len, &plain, false);
}

static bool router_passes6(struct sim *s, int from, int to, const uint8_t *bytes, uint32_t len,
                           const struct pkt_tx *p) {
    struct sim_wire *w = &s->wire[from][to];
    uint32_t size = len - ETH_LEN;
    if (p->gso)
        size = UST_MIN(size, 40u + (uint32_t)(bytes[ETH_LEN + 52] >> 4) * 4 + p->gso_size);
    if (size <= w->mtu)
        return true;
    w->too_big++;
    if (!w->mtu_mute)
        router_says_too_big6(s, from, to, bytes, len);
    return false;
}

/* False: the router keeps it. */
static bool router_passes(struct sim *s, int from, int to, const uint8_t *bytes, uint32_t len,
                          const struct pkt_tx *p) {
    struct sim_wire *w = &s->wire[from][to];
    const uint8_t *ip = bytes + ETH_LEN;
    if (w->mtu && len > ETH_LEN + 60 && get16(bytes + 12) == 0x86dd)
        return router_passes6(s, from, to, bytes, len, p);
    if (w->mtu == 0 || len < ETH_LEN + 20 || get16(bytes + 12) != 0x0800)
        return true;
    uint32_t size = len - ETH_LEN;
    if (p->gso) /* the largest of the segments that it will be cut into */
        size = UST_MIN(size, 20u + (uint32_t)(ip[32] >> 4) * 4 + p->gso_size);
    if (size <= w->mtu || !(ip[6] & 0x40))
        return true;
    w->too_big++;
    if (!w->mtu_mute)
        router_says_too_big(s, from, to, bytes, len);
    return false;
}

/* Congestion experienced (RFC 3168 5), with the header checksum put right. */
static void mark_ce(struct sim *s, struct sim_wire *w, uint8_t *bytes, uint32_t len) {
    uint8_t *ip = bytes + ETH_LEN;
    if (w->ce_ppm && len > ETH_LEN + 40 && get16(bytes + 12) == 0x86dd && (ip[1] & 0x30) &&
        chance(s, w->ce_ppm)) {
        ip[1] |= 0x30; /* no checksum in IPv6 */
        w->marked++;
        return;
    }
    if (w->ce_ppm == 0 || len < ETH_LEN + 20 || get16(bytes + 12) != 0x0800 || (ip[1] & 3) == 0 ||
        !chance(s, w->ce_ppm))
        return;
    ip[1] |= 3;
    put16(ip + 10, 0);
    put16(ip + 10, ip_sum(ip, (size_t)(ip[0] & 15) * 4));
    w->marked++;
}

static void wire_put(struct sim *s, int from, int to, const uint8_t *bytes, uint32_t len,
                     uint32_t held, const struct pkt_tx *p, bool may_dup) {
    struct sim_wire *w = &s->wire[from][to];
    uint32_t cap = w->queue_frames ? w->queue_frames : 1000, wire_len = len;
    if (p->gso && p->gso_size) { /* each segment has its headers */
        uint32_t hdr = (uint32_t)(p->head_end - p->head_off), cnt = (len - hdr - 1) / p->gso_size;
        wire_len += cnt * hdr;
    }

    w->sent++;
    w->bytes += wire_len;
    if (!router_passes(s, from, to, bytes, len, p))
        return;
    uint64_t backlog =
        w->rate_bps && w->busy_until_ns > s->now_ns
            ? (w->busy_until_ns - s->now_ns) / 1000 * (w->rate_bps / 1000) / (8 * 1000)
            : 0;
    uint64_t limit = w->queue_bytes ? w->queue_bytes : cap * 1514ull;
    if (wire_loses(s, w) || (backlog > 0 && backlog + wire_len > limit)) {
        w->lost++;
        return;
    }
    uint64_t leave = s->now_ns;
    if (w->rate_bps) {
        if (w->busy_until_ns > leave)
            leave = w->busy_until_ns;
        leave += (uint64_t)wire_len * 8 * NS_PER_S / w->rate_bps;
        w->busy_until_ns = leave;
    }
    uint64_t at = leave + w->delay_ns;
    if (w->jitter_ns)
        at += rng_u64(&s->rng) % w->jitter_ns;
    if (w->early && chance(s, w->reorder_ppm)) {
        at = leave;
    } else if (!w->early && chance(s, w->reorder_ppm)) {
        at += w->delay_ns / 2 + rng_u64(&s->rng) % (w->delay_ns / 2 + NS_PER_MS);
    } else if (!w->jitter_ns && at < w->last_arrival_ns) {
        at = w->last_arrival_ns;
    } else if (!w->jitter_ns) {
        w->last_arrival_ns = at;
    }
    struct sim_frame f = {
        .at_ns = at,
        .order = s->next_order++,
        .from = (uint8_t)from,
        .to = (uint8_t)to,
        .gso = p->gso,
        .gso_size = p->gso_size,
        .len = len,
        .held = held,
        .bytes = (uint8_t *)malloc(held),
    };
    if (f.bytes == NULL)
        abort();
    memcpy(f.bytes, bytes, held);
    mark_ce(s, w, f.bytes, held);
    if (chance(s, w->corrupt_ppm)) {
        f.bytes[rng_below(&s->rng, held)] ^= (uint8_t)(1u << rng_below(&s->rng, 8));
        f.corrupted = true;
    }
    heap_push(s, &f);
    if (may_dup && chance(s, w->dup_ppm))
        wire_put(s, from, to, bytes, len, held, p, false);
}

void sim_inject(struct sim *s, uint64_t at_ns, int to, struct ust_slice frame) {
    struct sim_frame f = {
        .at_ns = UST_MAX(at_ns, s->now_ns),
        .order = s->next_order++,
        .from = (uint8_t)to,
        .to = (uint8_t)to,
        .len = (uint32_t)frame.len,
        .held = (uint32_t)frame.len,
        .bytes = (uint8_t *)malloc(frame.len),
    };
    if (f.bytes == NULL)
        abort();
    memcpy(f.bytes, frame.p, frame.len);
    heap_push(s, &f);
}

static int host_by_mac(const struct sim *s, const uint8_t *mac) {
    for (int i = 0; i < s->host_cnt; i++)
        if (memcmp(s->host[i].mac.b, mac, 6) == 0)
            return i;
    return -1;
}

static void drain(struct sim *s, int host) {
    static uint8_t buf[70 * 1024]; /* tests may have globals */
    struct link *l = &s->host[host].st->link;
    struct pkt_tx *p;
    while ((p = link_tx_peek(l)) != NULL) {
        size_t len, held;
        if (s->thin && p->body_len > 0) {
            len = pkt_len(p);
            held = (size_t)(p->head_end - p->head_off);
            memcpy(buf, p->head + p->head_off, held);
        } else {
            len = held = pkt_linearize(p, buf, sizeof buf);
        }
        int to = (buf[0] & 1) ? -1 : host_by_mac(s, buf);
        for (int i = 0; i < s->host_cnt; i++) {
            if (i == host || ((buf[0] & 1) == 0 && i != to))
                continue;
            if (s->tap && !s->tap(s, host, i, slice_of(buf, held), s->tap_ctx))
                continue;
            wire_put(s, host, i, buf, (uint32_t)len, (uint32_t)held, p, true);
        }
        link_tx_done(l);
    }
}

/* ---- stepping ---- */

static void check(struct sim *s, int host) {
    if (s->error || s->check_every == 0 || s->steps % s->check_every)
        return;
    s->error = stack_check(s->host[host].st);
    if (!s->error && s->check)
        s->error = s->check(s, s->check_ctx);
}

/* What host/ would do after a turn: nobody sleeps here, and the trace goes where it is wanted. */
static void after_turn(struct sim *s, int host) {
    struct stack *st = s->host[host].st;
    struct ust_slice v[2];
    size_t n;
    while (waiter_wake_pop(&st->socks) != NULL) {
    }
    while ((n = trace_pending(&st->core.trace, v)) > 0) {
        for (int i = 0; i < 2 && s->trace_out; i++) {
            if (v[i].len == 0)
                continue;
            if (i == 0)
                fprintf(s->trace_out, "[%d] ", host);
            fwrite(v[i].p, 1, v[i].len, s->trace_out);
        }
        trace_consume(&st->core.trace, n);
    }
}

static void turn(struct sim *s, int host) {
    struct sim_host *h = &s->host[host];
    bool more;
    do {
        more = stack_turn(h->st, s->now_ns);
        drain(s, host);
    } while (more);
    after_turn(s, host);
}

void sim_kick(struct sim *s, int host) {
    turn(s, host);
    check(s, host);
}

static void run_host(struct sim *s, int host) {
    struct sim_host *h = &s->host[host];
    turn(s, host);
    if (h->app) {
        if (h->app_at_ns <= s->now_ns)
            h->app_at_ns = TIME_NEVER;
        h->app(s, host, h->app_ctx);
        turn(s, host);
    }
    check(s, host);
}

bool sim_step(struct sim *s) {
    uint64_t at = s->heap_cnt ? s->heap[0].at_ns : TIME_NEVER;
    int who = -1;
    for (int i = 0; i < s->host_cnt; i++) {
        uint64_t d = UST_MIN(stack_deadline(s->host[i].st), s->host[i].app_at_ns);
        if (d < at) {
            at = d;
            who = i;
        }
    }
    if (at == TIME_NEVER)
        return false;
    if (s->hook && s->hook_at_ns <= at) {
        s->now_ns = UST_MAX(s->now_ns, s->hook_at_ns);
        s->hook_at_ns = TIME_NEVER;
        s->hook(s, s->hook_ctx);
        return true;
    }
    if (at > s->now_ns)
        s->now_ns = at;
    s->steps++;
    if (who >= 0) {
        run_host(s, who);
        return true;
    }
    struct sim_frame f = heap_pop(s);
    static uint8_t thin[70 * 1024]; /* zero behind the headers */
    struct pkt_rx p = {
        .frame = slice_of(f.bytes, f.len),
        .gso = f.gso,
        .gso_size = f.gso_size,
        .csum_ok = false,
    };
    if (f.held < f.len) {
        static uint32_t dirty;
        memcpy(thin, f.bytes, f.held);
        if (dirty > f.held)
            memset(thin + f.held, 0, dirty - f.held);
        dirty = f.held;
        p.frame = slice_of(thin, f.len);
        p.csum_ok = true;
    }
    stack_rx(s->host[f.to].st, s->now_ns, &p);
    free(f.bytes);
    run_host(s, f.to);
    return true;
}

bool sim_run(struct sim *s, uint64_t until_ns, bool (*done)(void *ctx), void *ctx) {
    while (!done(ctx)) {
        if (s->error || s->now_ns > until_ns || !sim_step(s))
            return done(ctx);
    }
    return true;
}

/* ---- building ---- */

struct sim *sim_new(uint64_t seed) {
    struct sim *s = (struct sim *)calloc(1, sizeof *s);
    uint8_t key[16] = "simulator";
    if (s == NULL)
        abort();
    s->seed = seed;
    s->now_ns = 1000 * NS_PER_S;
    memcpy(key + 8, &seed, 8);
    rng_init(&s->rng, key);
    s->check_every = 1;
    s->hook_at_ns = TIME_NEVER;
    return s;
}

int sim_add_host(struct sim *s, uint64_t mem_bytes, uint32_t mtu, uint32_t features,
                 uint32_t gso_max, const struct tcp_cfg *tcp) {
    int i = s->host_cnt++;
    struct sim_host *h = &s->host[i];
    struct stack_cfg cfg;
    assert(i < SIM_HOST_MAX);
    stack_cfg_default(&cfg);
    for (size_t k = 0; k < sizeof cfg.seed; k++)
        cfg.seed[k] = (uint8_t)rng_u64(&s->rng);
    if (tcp)
        cfg.tcp = *tcp;
    h->mem_len = mem_bytes;
    h->mem = mmap(NULL, mem_bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (h->mem == MAP_FAILED)
        abort();
    h->st = stack_init(h->mem, mem_bytes, &cfg, s->now_ns);
    if (h->st == NULL)
        abort();
    h->mac = (struct ust_mac){{0x02, 0, 0, 0, 0, (uint8_t)(i + 1)}};
    h->addr = addr_from_ip4(0x0a000001u + (uint32_t)i);
    if (s->ip6)
        h->addr = (struct ust_addr){{0xfd, [15] = (uint8_t)(i + 1)}};
    h->app_at_ns = TIME_NEVER;
    if (stack_up(h->st, s->now_ns, &h->mac, mtu, features, gso_max) < 0)
        abort();
    const struct nd_cfg nd = {.on = s->ip6};
    if (nd_start(&h->st->net, s->now_ns, &nd) < 0 ||
        net_addr_add(&h->st->net, s->now_ns, &h->addr, s->ip6 ? 64 : 96 + 24, false, true) < 0)
        abort();
    return i;
}

struct stack *sim_stack(struct sim *s, int host) {
    return s->host[host].st;
}

void sim_free(struct sim *s) {
    for (size_t i = 0; i < s->heap_cnt; i++)
        free(s->heap[i].bytes);
    free(s->heap);
    for (int i = 0; i < s->host_cnt; i++)
        munmap(s->host[i].mem, s->host[i].mem_len);
    free(s);
}

/* ---- payload ---- */

uint8_t sim_byte(uint32_t id, uint64_t pos) {
    uint64_t block = (pos >> 3) + ((uint64_t)id << 40);
    uint64_t x = (block + 1) * 0x9e3779b97f4a7c15ULL;
    x ^= x >> 29;
    return (uint8_t)(x >> (8 * (pos & 7)));
}

void sim_fill(uint32_t id, uint64_t pos, uint8_t *p, size_t len) {
    size_t i = 0;
    for (; i < len && ((pos + i) & 7); i++)
        p[i] = sim_byte(id, pos + i);
    for (; i + 8 <= len; i += 8) {
        uint64_t block = ((pos + i) >> 3) + ((uint64_t)id << 40);
        uint64_t x = (block + 1) * 0x9e3779b97f4a7c15ULL;
        x ^= x >> 29;
        memcpy(p + i, &x, 8); /* little-endian hosts */
    }
    for (; i < len; i++)
        p[i] = sim_byte(id, pos + i);
}

size_t sim_verify(uint32_t id, uint64_t pos, const uint8_t *p, size_t len) {
    uint8_t want[512];
    for (size_t i = 0; i < len; i += sizeof want) {
        size_t n = UST_MIN(sizeof want, len - i);
        sim_fill(id, pos + i, want, n);
        if (memcmp(want, p + i, n) == 0)
            continue;
        for (size_t k = 0; k < n; k++)
            if (want[k] != p[i + k])
                return i + k;
    }
    return len;
}
