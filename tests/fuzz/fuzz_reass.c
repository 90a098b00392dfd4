/* SPDX-License-Identifier: ISC */
/*
 * Reassembly against a naive model: the input is a script of fragments of four datagrams (source, id), five bytes each:
 * which and flags, offset / 8, length, content, time. The model keeps one byte of memory for each byte of payload.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "net/reass.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ARENA_BYTES (16u * 1024 * 1024)
#define DGRAMS 4
#define PAYLOAD_MAX (256 * 8 + 256)
#define MORE 0x80 /* flags in the first byte */
#define ODD 0x40  /* other content at the same place */

struct model {
    bool alive, poisoned, have_end;
    uint64_t born_ns;
    uint32_t end, frag_cnt;
    struct piece {
        uint32_t off, len;
        bool odd;
    } piece[REASS_FRAG_MAX + 1];
};

static struct core *core;
static void *mem;

static void must(bool claim) {
    if (!claim)
        abort();
}

static uint8_t content(uint32_t pos, bool odd) { return (uint8_t)(pos * 31 + (pos >> 8) + odd); }

/* What has to come of the fragment: DROP_NONE complete, DROP_COUNT kept, else refused. */
static enum drop model_add(struct model *m, uint32_t off, uint32_t len, bool more, bool odd) {
    if (len == 0)
        return DROP_FRAG_EMPTY;
    if (more && len % 8)
        return DROP_FRAG_LEN;
    if (m->alive && m->poisoned)
        return DROP_FRAG_POISONED;
    if (!m->alive)
        *m = (struct model){.alive = true, .born_ns = m->born_ns};
    uint32_t have = len, highest = 0;
    for (uint32_t i = 0; i < m->frag_cnt; i++) {
        const struct piece *p = &m->piece[i];
        if (p->off < off + len && off < p->off + p->len) {
            if (p->off == off && p->len == len && p->odd == odd)
                return DROP_FRAG_DUP;
            m->poisoned = true;
        }
        have += p->len;
        highest = UST_MAX(highest, p->off + p->len);
    }
    if (m->poisoned)
        return DROP_FRAG_OVERLAP;
    m->poisoned = m->have_end ? !more || off + len > m->end : !more && highest > off + len;
    if (m->poisoned)
        return DROP_FRAG_END_CONFLICT;
    if (m->frag_cnt == REASS_FRAG_MAX) {
        m->poisoned = true;
        return DROP_FRAG_TOO_MANY;
    }
    m->piece[m->frag_cnt++] = (struct piece){off, len, odd};
    if (!more) {
        m->have_end = true;
        m->end = off + len;
    }
    return m->have_end && have == m->end ? DROP_NONE : DROP_COUNT;
}

static void check_whole(const struct model *m, const struct reass_out *out) {
    must(out->payload_len == m->end && out->hdr_len == IP4_HDR_LEN);
    for (uint32_t i = 0; i < m->frag_cnt; i++)
        for (uint32_t k = 0; k < m->piece[i].len; k++)
            must(out->buf[out->hdr_len + m->piece[i].off + k] ==
                 content(m->piece[i].off + k, m->piece[i].odd));
}

static void pass_time(struct reass *r, struct model *m, uint64_t now) {
    struct timer *t;
    while ((t = wheel_pop(&core->wheel, now)) != NULL) {
        uint8_t hdr[REASS_HDR_MAX + REASS_QUOTE];
        struct ip_rx first;
        struct reass_dgram *d = UST_CONTAINER_OF(t, struct reass_dgram, timer);
        struct model *x = &m[d->id % DGRAMS];
        bool had_first = false;
        for (uint32_t i = 0; i < x->frag_cnt; i++)
            had_first |= x->piece[i].off == 0;
        must(x->alive && now >= x->born_ns + REASS_TIMEOUT_NS);
        bool tell = reass_timer(r, now, t, hdr, &first);
        must(tell == (had_first && !x->poisoned));
        x->alive = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    static const uint8_t secret[16];
    static uint8_t payload[PAYLOAD_MAX], hdr[IP4_HDR_LEN];
    static struct model m[DGRAMS];
    struct reass r;
    uint64_t now = NS_PER_S;
    if (!mem)
        mem = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(mem != MAP_FAILED);
    madvise(mem, ARENA_BYTES, MADV_DONTNEED);
    memset(m, 0, sizeof m);
    core = (struct core *)mem;
    must(arena_init(&core->arena, mem, ARENA_BYTES, sizeof *core) == 0);
    wheel_init(&core->wheel, now);
    rng_init(&core->rng, secret);
    reass_init(&r, core);

    for (; len >= 5; data += 5, len -= 5) {
        uint32_t which = data[0] % DGRAMS, off = data[1] * 8u, n = data[2];
        bool more = data[0] & MORE, odd = data[0] & ODD;
        if (data[3] & 1) /* whole units are what most fragments have */
            n &= ~7u;
        if (off == 0 && !more)
            continue; /* that is no fragment */
        now += (uint64_t)data[4] * NS_PER_S / 16;
        pass_time(&r, m, now);
        for (uint32_t i = 0; i < n; i++)
            payload[i] = content(off + i, odd);
        struct ip_rx rx = {.src = addr_from_ip4(0x0a000001 + which / 2),
                           .dst = addr_from_ip4(0x0a000063),
                           .proto = 17,
                           .payload = slice_of(payload, n)};
        struct reass_out out;
        if (!m[which].alive)
            m[which].born_ns = now;
        enum drop want = model_add(&m[which], off, n, more, odd);
        enum drop got = reass_add(&r, now, &rx, which, off, more, slice_of(hdr, sizeof hdr), &out);
        must(got == want);
        if (got == DROP_NONE) {
            check_whole(&m[which], &out);
            buf_free(&core->arena, out.buf);
            m[which].alive = false;
        }
    }
    uint32_t alive = 0;
    for (int i = 0; i < DGRAMS; i++)
        alive += m[i].alive;
    must(alive == r.cnt);
    reass_fini(&r);
    must(slab_in_use(&core->arena, SLAB_FRAG) == 0 && slab_in_use(&core->arena, SLAB_REASS) == 0);
    must(arena_check(&core->arena) == NULL && core->wheel.cnt == 0);
    return 0;
}
