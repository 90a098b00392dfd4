/* SPDX-License-Identifier: ISC */
/*
 * A pcap file (nanosecond stamps, Ethernet) of what passes the device: as it would be on a wire,
 * so coalesced frames are cut and checksums that were left open are completed, and stripped VLAN
 * tags are put back.
 *
 * Two buffers: one is filled under the lock while the other is written without it, by one thread
 * at a time. If both are full the lock's holder waits: nothing is lost, and the file is in order.
 */
#include <stdio.h>

#include "host/priv.h"
#include "host/sys.h"
#include "link/gso.h"

#define BUF_BYTES (2u << 20)
#define WRITE_BYTES (256u << 10)  /* write when there is so much */
#define WRITE_NS (50 * NS_PER_MS) /* or after so long */
#define FRAME_BYTES (70u << 10)
#define SNAPLEN 262144u

struct capture {
    int fd;
    uint8_t *buf[2], *scratch, *cut;
    size_t len[2];
    unsigned fill;     /* the buffer being filled */
    _Atomic bool busy; /* set [L]: the other one is being written */
    uint64_t since_ns; /* when the fill began */
};

struct record {
    uint32_t sec, nsec, len, orig_len;
};

static struct capture the_capture;

static void lay_out(struct capture *c, uint8_t *mem) {
    c->buf[0] = mem;
    c->buf[1] = mem + BUF_BYTES;
    c->scratch = mem + 2 * (size_t)BUF_BYTES;
    c->cut = c->scratch + FRAME_BYTES;
}

int capture_fd(const struct capture *c) { return c->fd; }

struct capture *capture_adopt(int fd) {
    struct capture *c = &the_capture;
    size_t room = 2 * (size_t)BUF_BYTES + 2 * FRAME_BYTES;
    uint8_t *mem = sys_mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED)
        return NULL;
    *c = (struct capture){.fd = fd};
    lay_out(c, mem);
    return c;
}

struct capture *capture_open(const char *path, char *err, size_t err_len) {
    static const struct {
        uint32_t magic;
        uint16_t major, minor;
        uint32_t zone, sigfigs, snaplen, linktype;
    } head = {0xa1b23c4d, 2, 4, 0, 0, SNAPLEN, 1};
    struct capture *c = &the_capture;
    long fd = sys_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        snprintf(err, err_len, "cannot write the capture file %s: %s", path,
                 strerrordesc_np((int)-fd));
        return NULL;
    }
    size_t room = 2 * (size_t)BUF_BYTES + 2 * FRAME_BYTES;
    uint8_t *mem = sys_mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mem == MAP_FAILED) {
        sys_close((int)fd);
        snprintf(err, err_len, "no memory for the capture");
        return NULL;
    }
    *c = (struct capture){.fd = host_fd_raise((int)fd)};
    lay_out(c, mem);
    sink_write(c->fd, &head, sizeof head);
    return c;
}

static void swap(struct capture *c) {
    c->fill ^= 1;
    c->len[c->fill] = 0;
    c->since_ns = 0;
}

/* Lock held, or by who has the stack to himself. */
void capture_flush(struct capture *c) {
    unsigned full = c->fill;
    while (atomic_load(&c->busy))
        SYS_CALL0(SYS_sched_yield);
    swap(c);
    sink_write(c->fd, c->buf[full], c->len[full]);
}

static void append(struct capture *c, uint64_t wall_ns, struct ust_slice f, const uint16_t *tci) {
    size_t tag = tci && f.len >= 12 ? 4 : 0, len = f.len + tag;
    if (c->len[c->fill] + sizeof(struct record) + len > BUF_BYTES)
        capture_flush(c);
    uint8_t *at = c->buf[c->fill] + c->len[c->fill];
    const struct record r = {(uint32_t)(wall_ns / NS_PER_S), (uint32_t)(wall_ns % NS_PER_S),
                             (uint32_t)len, (uint32_t)len};
    memcpy(at, &r, sizeof r);
    at += sizeof r;
    if (tag > 0) {
        const uint8_t t[4] = {0x81, 0x00, (uint8_t)(*tci >> 8), (uint8_t)*tci};
        memcpy(at, f.p, 12);
        memcpy(at + 12, t, 4);
        f = slice_skip(f, 12);
        at += 16;
    }
    memcpy(at, f.p, f.len);
    c->len[c->fill] += sizeof r + len;
}

/* frame lies in c->scratch. */
static void add(struct capture *c, uint64_t wall_ns, size_t len, uint8_t gso, uint16_t gso_size,
                bool open_csum, const uint16_t *tci) {
    struct ust_slice f = slice_of(c->scratch, len);
    struct gso_iter it;
    struct gso_hdr h;
    if (gso != PKT_GSO_NONE && gso_begin(&it, f, gso_size) && gso_frame_max(&it) <= FRAME_BYTES) {
        size_t n;
        while ((n = gso_next(&it, c->cut, FRAME_BYTES)) > 0)
            append(c, wall_ns, slice_of(c->cut, n), tci);
        return;
    }
    if (open_csum && gso_hdr_parse(f, &h))
        gso_hdr_fill_csum(&h, c->scratch);
    append(c, wall_ns, f, tci);
}

void capture_rx(struct capture *c, uint64_t wall_ns, const struct pkt_rx *p) {
    if (p->frame.len > FRAME_BYTES)
        return;
    memcpy(c->scratch, p->frame.p, p->frame.len);
    add(c, wall_ns, p->frame.len, p->gso, p->gso_size, p->csum_ok,
        p->has_vlan ? &p->vlan_tci : NULL);
}

void capture_tx(struct capture *c, uint64_t wall_ns, const struct pkt_tx *p) {
    if (pkt_len(p) > FRAME_BYTES)
        return;
    size_t len = pkt_linearize(p, c->scratch, FRAME_BYTES);
    add(c, wall_ns, len, p->gso, p->gso_size, false, NULL);
}

bool capture_due(struct capture *c, uint64_t now_ns) {
    if (c->len[c->fill] == 0 || atomic_load(&c->busy))
        return false;
    if (c->since_ns == 0)
        c->since_ns = now_ns;
    return c->len[c->fill] >= WRITE_BYTES || now_ns - c->since_ns >= WRITE_NS;
}

void capture_write(struct capture *c) {
    lock_take();
    if (atomic_load(&c->busy) || c->len[c->fill] == 0) {
        lock_drop();
        return;
    }
    unsigned full = c->fill;
    atomic_store(&c->busy, true);
    swap(c);
    lock_drop();
    sink_write(c->fd, c->buf[full], c->len[full]);
    atomic_store(&c->busy, false);
}

void capture_close(struct capture *c) {
    capture_flush(c);
    host_fd_forget(c->fd);
    sys_close(c->fd);
    sys_munmap(c->buf[0], 2 * (size_t)BUF_BYTES + 2 * FRAME_BYTES);
    *c = (struct capture){.fd = -1};
}

void capture_forked(struct capture *c) {
    if (!c)
        return;
    c->len[0] = c->len[1] = 0;
    atomic_store(&c->busy, false);
}
