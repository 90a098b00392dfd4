/* SPDX-License-Identifier: ISC */
#include "fuzz/box.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tcp/tcb.h" /* irs and iss, for the contents */

#if defined(__SANITIZE_ADDRESS__)
#define BOX_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define BOX_ASAN 1
#endif
#endif
#ifdef BOX_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define MEM_BYTES (32u << 20)
#define MEM_TIGHT_BYTES (6u << 20)
#define START_NS (1000 * NS_PER_S)
#define TURNS_AT_ONCE 5000           /* without that time goes on: it stands still */
#define FRAMES_SPANS_MAX 256         /* memory that frames alone can take: 16 MB */
#define END_NS (3 * 3600 * NS_PER_S) /* everything has timed out by then */

static void *mem; /* once a process; all zero between two inputs */
static uint64_t mem_used;
static int check_every, tracing = -1;

static const struct ust_mac our_mac = {{2, 0, 0, 0, 0, 2}};
static const struct ust_mac peer_mac = {{2, 0, 0, 0, 0, 1}};

/* ---- the input ---- */

uint8_t in_u8(struct in *in) {
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->p++;
}

uint16_t in_u16(struct in *in) {
    uint16_t lo = in_u8(in);
    return (uint16_t)(lo | in_u8(in) << 8);
}

struct ust_slice in_bytes(struct in *in, size_t n) {
    struct ust_slice s = slice_of(in->p, UST_MIN(n, in->left));
    in->p += s.len;
    in->left -= s.len;
    return s;
}

/* ---- saying ---- */

bool box_tracing(void) {
    if (tracing < 0)
        tracing = getenv("FUZZ_TRACE") != NULL;
    return tracing;
}

static void drain_trace(struct box *b) {
    struct ust_slice v[2];
    size_t n;
    while ((n = trace_pending(&b->st->core.trace, v)) > 0) {
        for (int i = 0; i < 2; i++)
            if (v[i].len)
                fwrite(v[i].p, 1, v[i].len, stderr);
        trace_consume(&b->st->core.trace, n);
    }
}

void box_say(const struct box *b, const char *fmt, ...) {
    va_list ap;
    if (!box_tracing())
        return;
    fprintf(stderr, "%.6f -- ", (double)(b->now - START_NS) / 1e9);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

void box_fail(const struct box *b, const char *fmt, ...) {
    va_list ap;
    fprintf(stderr, "FUZZ: operation %u, %.6f s: ", b->ops, (double)(b->now - START_NS) / 1e9);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}

void box_learn(struct slot *sl) {
    const struct tcb *tb = sl->s->tcb;
    if (!tb || !tcb_synchronized(tb))
        return;
    if (sl->streams && sl->irs.v == tb->irs.v && sl->iss.v == tb->iss.v)
        return;
    sl->streams = true;
    sl->irs = tb->irs;
    sl->iss = tb->iss;
    sl->lport = tb->ep.lport;
    sl->rport = tb->ep.rport;
    sl->sent = sl->got = 0;
}

/* ---- one turn ---- */

/* What waits for the device points to memory that may be freed: as host/ does, it gets buffers
 * of its own. */
static void keep_queue(struct box *b) {
    struct link *l = &b->st->link;
    for (uint32_t i = l->tx_tail; i != l->tx_head; i++) {
        struct pkt_tx *p = &l->txq[i % LINK_TXQ_CAP];
        if (p->slice_cnt == 0 || p->own)
            continue;
        uint32_t len = pkt_len(p);
        uint8_t gso = p->gso;
        uint16_t gso_size = p->gso_size;
        uint8_t *buf = buf_alloc(&b->st->core.arena, len);
        if (buf)
            pkt_linearize(p, buf, len);
        pkt_start(p, 0);
        if (!buf)
            continue; /* nothing of it is left */
        p->own = buf;
        p->gso = gso;
        p->gso_size = gso_size;
        pkt_add_body(p, slice_of(buf, len));
    }
}

static void drain(struct box *b) {
    static uint8_t buf[BOX_FRAME_MAX];
    struct link *l = &b->st->link;
    struct pkt_tx *p;
    if (b->hold)
        keep_queue(b);
    while (!b->hold && (p = link_tx_peek(l)) != NULL) {
        if (pkt_len(p) > sizeof buf)
            box_fail(b, "a frame of %u bytes", pkt_len(p));
        /* Not before it is released: the judge may not see what the next turn would overwrite. */
        size_t len = pkt_linearize(p, buf, sizeof buf);
        struct pkt_tx copy = *p;
        link_tx_done(l);
        if (len == 0)
            continue;
        peer_see(b, slice_of(buf, len), &copy);
    }
}

void box_turn(struct box *b) {
    bool more;
    int n = 0;
    do {
        more = stack_turn(b->st, b->now);
        drain(b);
        if (++n > TURNS_AT_ONCE)
            box_fail(b, "the transmit queue fills up for ever");
    } while (more && !b->hold);
    while (waiter_wake_pop(&b->st->socks) != NULL) {
    }
    if (box_tracing())
        drain_trace(b);
    else
        trace_consume(&b->st->core.trace,
                      (size_t)(b->st->core.trace.head - b->st->core.trace.tail));
}

void box_rx(struct box *b, const uint8_t *frame, size_t len, const struct pkt_rx *p) {
    /* An allocation of just that size, so that a read past the end is seen. */
    uint8_t *exact = (uint8_t *)malloc(len ? len : 1);
    if (exact == NULL)
        abort();
    struct pkt_rx rx = *p;
    memcpy(exact, frame, len);
    rx.frame = slice_of(exact, len);
    stack_rx(b->st, b->now, &rx);
    free(exact);
    if (b->burst_left > 0) {
        b->burst_left--;
        return;
    }
    b->burst_left = b->burst;
    box_turn(b);
}

/* Lets time pass, deadline by deadline. */
static void advance(struct box *b, uint64_t ns) {
    uint64_t end = b->now + ns, at;
    int still = 0;
    while ((at = stack_deadline(b->st)) <= end) {
        still = at > b->now ? 0 : still + 1;
        if (still > TURNS_AT_ONCE)
            box_fail(b, "a deadline stays in the past");
        b->now = UST_MAX(b->now, at);
        box_turn(b);
    }
    b->now = end;
    box_turn(b);
}

/* ---- life ---- */

enum setting {
    SET_FEATURES = 3, /* of the device: none, checksums, and TCP or all segmentation */
    SET_TIGHT = 4,    /* little memory */
    SET_LIMITS = 8,   /* few connections; with faults where the target allows them */
    SET_SMALL_MTU = 16,
    SET_SMALL_BUFS = 32,
    SET_CC_ECN = 64,    /* the other congestion control, and ECN */
    SET_LOOPBACK = 128, /* 127/8 is ours */
};
enum peer_setting {
    PEER_TS = 1,
    PEER_SACK = 2,
    PEER_WSCALE = 4,
    PEER_ECN = 8,
    PEER_SMALL_MSS = 16,
    PEER_BIG_WINDOW = 32,
};

static void lay(struct box *b, uint8_t set) {
    static const uint32_t features[] = {0, LINK_F_CSUM, LINK_F_CSUM | LINK_F_TSO4,
                                        LINK_F_CSUM | LINK_F_TSO4 | LINK_F_USO};
    struct stack_cfg cfg;
    struct ust_addr us = addr_from_ip4(BOX_IP), peer = addr_from_ip4(BOX_PEER_IP);
    struct ust_addr any = addr_from_ip4(0);
    if (!mem) {
        mem = mmap(NULL, MEM_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mem == MAP_FAILED)
            abort();
        check_every = getenv("FUZZ_EVERY") ? atoi(getenv("FUZZ_EVERY")) : 8;
    }
    ASAN_UNPOISON_MEMORY_REGION(mem, mem_used);
    memset(mem, 0, mem_used);

    stack_cfg_default(&cfg);
    memset(cfg.seed, 7, sizeof cfg.seed);
    cfg.loopback_here = set & SET_LOOPBACK;
    cfg.tcp.cc = set & SET_CC_ECN ? TCP_CC_RENO : TCP_CC_CUBIC;
    cfg.tcp.ecn = set & SET_CC_ECN;
    if (set & SET_SMALL_BUFS) {
        cfg.tcp.sndbuf_default = cfg.tcp.sndbuf_max = 8192;
        cfg.tcp.rcvbuf_default = cfg.tcp.rcvbuf_max = 8192;
    }
    if (set & SET_LIMITS) {
        cfg.tcp.max_conns = 12;
        cfg.tcp.max_syn = 2;
        cfg.tcp.max_tw = 2;
    }
    b->now = START_NS;
    uint64_t size = set & SET_TIGHT ? MEM_TIGHT_BYTES : MEM_BYTES;
    b->st = stack_init(mem, size, &cfg, b->now);
    if (!b->st)
        box_fail(b, "stack_init");
    b->st->core.arena.poison = true;
    if (box_tracing())
        b->st->core.trace.on = b->st->core.trace.on_debug = UINT32_MAX;
    uint32_t f = features[set & SET_FEATURES];
    if (stack_up(b->st, b->now, &our_mac, set & SET_SMALL_MTU ? 576 : 1500, f,
                 f & LINK_F_TSO4 ? 65535 : 0) < 0 ||
        net_addr_add(&b->st->net, b->now, &us, 96 + 24, false, true) < 0 ||
        route_add(&b->st->net, &any, 96, &peer, 0) < 0)
        box_fail(b, "set-up of the interface");
    neigh_pin(&b->st->net.neigh, b->now, &peer, &peer_mac);
}

static void faults(struct box *b) {
    struct fault_cfg cfg;
    struct ust_slice bad;
    if (!fault_parse("loss=5%,dup=5%,reorder=10%,delay=1ms,jitter=1ms,corrupt=2%,rate=50mbit,"
                     "queue=20,seed=7",
                     &cfg, &bad) ||
        fault_attach(&b->st->link, &cfg, b->now) < 0)
        box_fail(b, "fault link");
    b->ordered = false;
}

/* The peer answers the stack's SYN. */
static void answer_syn(struct box *b, struct flow *f, uint8_t set) {
    struct seg sg = peer_next(b, f);
    sg.flags = TCPF_SYN | TCPF_ACK;
    sg.seq = f->isn;
    sg.wnd = set & PEER_BIG_WINDOW ? 65535 : 8192;
    sg.opts.has_ts = set & PEER_TS;
    sg.opts.sack_ok = set & PEER_SACK;
    sg.opts.has_wscale = set & PEER_WSCALE;
    sg.opts.wscale = 7;
    sg.opts.has_mss = true;
    sg.opts.mss = set & PEER_SMALL_MSS ? 100 : 1460;
    if (set & PEER_ECN)
        sg.flags |= TCPF_ECE;
    peer_send(b, f, &sg);
}

/* The peer connects to the listener. */
static void connect_in(struct box *b, unsigned no, uint8_t set) {
    struct flow *f = peer_flow(b, no);
    struct seg sg = {.flags = TCPF_SYN, .seq = f->isn, .wnd = 8192};
    sg.opts.has_ts = set & PEER_TS;
    sg.opts.ts_val = (uint32_t)(b->now / NS_PER_MS) + f->ts_off;
    sg.opts.sack_ok = set & PEER_SACK;
    sg.opts.has_wscale = set & PEER_WSCALE;
    sg.opts.wscale = 7;
    sg.opts.has_mss = true;
    sg.opts.mss = set & PEER_SMALL_MSS ? 100 : 1460;
    if (set & PEER_ECN)
        sg.flags |= TCPF_ECE | TCPF_CWR;
    peer_send(b, f, &sg);
    sg = peer_next(b, f);
    peer_send(b, f, &sg);
}

void box_begin(struct box *b, struct in *in, bool content, bool may_fault) {
    uint8_t set = in_u8(in), peer = in_u8(in);
    memset(b, 0, sizeof *b);
    b->content = content;
    b->ordered = true;
    lay(b, set);
    slots_begin(b);
    box_turn(b);
    struct flow *f = peer_flow(b, 0);
    if (f)
        answer_syn(b, f, peer);
    connect_in(b, 8, peer);
    advance(b, 20 * NS_PER_MS);
    if ((set & SET_LIMITS) && may_fault)
        faults(b);
    slots_op(b, OP_ACCEPT, 0, &(struct in){0});
    b->base[SLAB_BUF_2K] = b->ordered ? 0 : 1; /* the fault link's own */
    b->spans_begin = b->st->core.arena.span_used;
    box_check(b);
}

void box_op(struct box *b, enum op op, unsigned arg, struct in *in) {
    static const uint64_t step_ns[16] = {
        200 * NS_PER_US, NS_PER_MS,       5 * NS_PER_MS,   20 * NS_PER_MS,
        40 * NS_PER_MS,  100 * NS_PER_MS, 200 * NS_PER_MS, 500 * NS_PER_MS,
        NS_PER_S,        2 * NS_PER_S,    5 * NS_PER_S,    15 * NS_PER_S,
        31 * NS_PER_S,   61 * NS_PER_S,   121 * NS_PER_S,  700 * NS_PER_S};
    struct ust_addr second = addr_from_ip4(BOX_IP + 1);
    switch (op) {
    case OP_TIME:
        box_say(b, "%.6f s pass", (double)step_ns[arg] / 1e9);
        advance(b, step_ns[arg]);
        break;
    case OP_HOLD:
        box_say(b, "hold %u", arg & 7);
        if ((arg & 7) < 2)
            b->hold = !(arg & 1);
        else if ((arg & 7) == 2)
            stack_rebuild(b->st, b->now);
        else if ((arg & 7) == 3)
            net_addr_add(&b->st->net, b->now, &second, 96 + 24, true, arg & 8);
        else if ((arg & 7) == 4)
            net_addr_del(&b->st->net, b->now, &second);
        box_turn(b);
        break;
    case OP_MORE:
        b->burst = arg;
        break;
    case OP_READ:
    case OP_WRITE:
    case OP_CLOSE:
    case OP_ABORT:
    case OP_SHUT:
    case OP_ACCEPT:
    case OP_OPEN:
    case OP_CONNECT:
    case OP_SENDTO:
    case OP_SETOPT:
    case OP_POLL:
        b->program = true;
        slots_op(b, op, arg, in);
        box_turn(b);
        break;
    case OP_FRAME:
    case OP_FIXED:
    case OP_COUNT:
        break;
    }
}

static void check_now(const struct box *b) {
    const char *e = stack_check(b->st);
    if (e)
        box_fail(b, "%s", e);
    uint32_t spans = b->st->core.arena.span_used - b->spans_begin;
    if (!b->program && b->spans_begin && spans > FRAMES_SPANS_MAX)
        box_fail(b, "frames alone took %u spans of memory", spans);
}

void box_check(struct box *b) {
    if (++b->ops % (unsigned)check_every == 0)
        check_now(b);
}

/* Caches may keep what they have learnt. */
static enum slab_kind left_over(const struct box *b) {
    for (int k = 0; k < SLAB_COUNT; k++)
        if (k != SLAB_NEIGH && k != SLAB_PMTU &&
            slab_in_use(&b->st->core.arena, (enum slab_kind)k) > b->base[k])
            return (enum slab_kind)k;
    return SLAB_COUNT;
}

void box_end(struct box *b) {
    struct arena *ar = &b->st->core.arena;
    enum slab_kind k = SLAB_COUNT;
    b->hold = false;
    b->burst_left = 0;
    check_now(b);
    box_say(b, "end");
    slots_end(b);
    box_turn(b);
    uint64_t end = b->now + END_NS;
    while (b->now < end && (k = left_over(b)) != SLAB_COUNT)
        advance(b, 10 * NS_PER_S);
    check_now(b);
    if (k != SLAB_COUNT)
        box_fail(b, "pool %s holds %u for ever", slab_kind_name(k), slab_in_use(ar, k));
    if (b->st->link.tx_head != b->st->link.tx_tail)
        box_fail(b, "the transmit queue is not empty");
    stack_fini(b->st, b->now);
    for (int i = 0; i < SLAB_COUNT; i++)
        if (slab_in_use(ar, (enum slab_kind)i))
            box_fail(b, "pool %s holds %u after stack_fini", slab_kind_name((enum slab_kind)i),
                     slab_in_use(ar, (enum slab_kind)i));
    const char *e = arena_check(ar);
    if (e)
        box_fail(b, "after stack_fini: %s", e);
    mem_used = (uint64_t)ar->span_fresh * ARENA_SPAN_BYTES;
}
