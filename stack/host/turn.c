/* SPDX-License-Identifier: ISC */
/*
 * One hold of the lock, from the burst at its begin to the wakes behind its end.
 *
 *     turn_lock(): lock, read the clock once, take at most 64 frames
 *     ... what the caller came for ...
 *     turn_unlock(): { stack_turn, drain } until nothing is left; leave the deadline behind;
 *         collect wakes; unlock; wake, kick, write trace and capture
 *
 * Nothing sleeps under the lock: the device's calls do not block, wakes are eventfd and futex
 * writes made after it, sinks are written after it by one thread at a time.
 *
 * A device without room (tx_blocked): what the queue holds points to memory that may be freed
 * once the lock is gone, so those frames get buffers of their own and wait; the driver asks for
 * POLLOUT.
 */
#include <linux/futex.h>
#include <stdio.h>

#include "host/priv.h"
#include "host/sys.h"

/* What is left to do when the lock is gone. */
struct after {
    struct wake {
        uint32_t *word; /* NULL: the eventfd */
        int evfd;
    } wake[HOST_WAKE_MAX];
    uint32_t cnt;
    bool more;   /* wakes did not fit */
    int kick[3]; /* pool indices */
    uint32_t kick_cnt;
    bool sinks;
};

static uint64_t wall(uint64_t now_ns) {
    return now_ns + (uint64_t)host_local.st->core.trace.wall_off_ns;
}

/* ---- in ---- */

bool turn_burst(uint64_t now_ns) {
    struct host_local *h = &host_local;
    struct dev *d = &h->dev;
    struct pkt_rx p;
    unsigned n = 0;
    while (n < STACK_BURST && d->ops->rx(d, &p)) {
        if (UST_UNLIKELY(h->cap != NULL))
            capture_rx(h->cap, p.ts_ns ? p.ts_ns : wall(now_ns), &p);
        stack_rx(h->st, now_ns, &p);
        d->ops->rx_done(d);
        n++;
    }
    if (n > 0)
        h->s->cnt.bursts++;
    for (; UST_UNLIKELY(d->truncated > 0); d->truncated--)
        core_drop(&h->st->core, now_ns, DROP_LINK_RX_TRUNCATED);
    return n == STACK_BURST;
}

uint64_t turn_lock(void) {
    lock_take();
    uint64_t now_ns = host_now();
    if (host_local.up)
        turn_burst(now_ns);
    return now_ns;
}

uint64_t host_lock(void) {
    lock_take();
    host_local.s->app_locks++;
    uint64_t now_ns = host_now();
    if (host_local.up)
        turn_burst(now_ns);
    return now_ns;
}

/* ---- out ---- */

/*
 * The frames that stay in the queue get memory of their own; a frame for which there is none is
 * lost, as on a wire.
 */
static void keep_queue(struct link *l) {
    struct core *c = l->c;
    for (uint32_t i = l->tx_tail; i != l->tx_head; i++) {
        struct pkt_tx *p = &l->txq[i % LINK_TXQ_CAP];
        const uint8_t *own = p->own;
        bool inside = true;
        for (unsigned k = 0; k < p->slice_cnt; k++)
            inside = inside && own && p->body[k].p >= own &&
                     p->body[k].p + p->body[k].len <= own + buf_cap(&c->arena, own);
        if (inside)
            continue;
        uint8_t *b = p->body_len <= BUF_MAX_BYTES ? buf_alloc(&c->arena, p->body_len) : NULL;
        uint32_t at = 0;
        for (unsigned k = 0; b && k < p->slice_cnt; at += (uint32_t)p->body[k++].len)
            memcpy(b + at, p->body[k].p, p->body[k].len);
        if (p->own)
            buf_free(&c->arena, p->own);
        p->own = b;
        p->slice_cnt = b != NULL;
        if (b)
            p->body[0] = slice_of(b, p->body_len);
        else
            p->head_end = p->head_off, p->body_len = 0; /* empty: tx_drain() throws it away */
    }
}

static void tx_drain(uint64_t now_ns) {
    struct host_local *h = &host_local;
    struct link *l = &h->st->link;
    struct dev *d = &h->dev;
    struct pkt_tx *p;
    if (UST_UNLIKELY(h->passenger)) { /* for whoever drives */
        if (link_tx_peek(l)) {
            keep_queue(l);
            h->kick_driver = h->kick_thread = true;
        }
        return;
    }
    __atomic_store_n(&h->s->tx_blocked, false, __ATOMIC_RELAXED);
    while ((p = link_tx_peek(l))) {
        int r = h->up && pkt_len(p) > 0 ? d->ops->tx(d, p) : -ENETDOWN;
        if (r == -EAGAIN) {
            __atomic_store_n(&h->s->tx_blocked, true, __ATOMIC_RELAXED);
            h->s->cnt.tx_blocked++;
            keep_queue(l);
            return;
        }
        if (r < 0)
            core_drop(&h->st->core, now_ns, DROP_LINK_TX_ERROR);
        else if (UST_UNLIKELY(h->cap != NULL))
            capture_tx(h->cap, wall(host_now()), p);
        link_tx_done(l);
    }
    if (h->up && d->ops->flush && !d->ops->flush(d))
        __atomic_store_n(&h->s->tx_blocked, true, __ATOMIC_RELAXED);
}

static void renew_filter(struct host_local *h) {
    struct dev *d = &h->dev;
    if (h->up && d->ops->filter && h->s->filter_gen != h->st->net.group_gen) {
        h->s->filter_gen = h->st->net.group_gen;
        d->ops->filter(d, &h->st->net);
    }
}

/* ---- behind ---- */

static void collect_wakes(struct after *a, const struct waiter *self, bool driving) {
    struct host_shared *s = host_local.s;
    struct waiter *w;
    bool self_woken = false;
    a->cnt = 0;
    a->more = false;
    while (a->cnt < HOST_WAKE_MAX && (w = waiter_wake_pop(&host_local.st->socks))) {
        if (w == self) {
            self_woken = true;
        } else if (w->kind == WAITER_FUTEX) {
            a->wake[a->cnt++] = (struct wake){&w->word, -1};
            s->cnt.wakes_futex++;
        } else {
            a->wake[a->cnt++] = (struct wake){NULL, w->evfd};
            s->cnt.wakes_evfd++;
        }
    }
    a->more = a->cnt == HOST_WAKE_MAX;
    if (self_woken)
        s->futile = 0;
    else if (driving && a->cnt > 0)
        s->futile++;
}

static void wake_all(const struct after *a) {
    for (uint32_t i = 0; i < a->cnt; i++) {
        if (a->wake[i].word)
            sys_futex(a->wake[i].word, FUTEX_WAKE, 1, NULL);
        else
            evfd_write(a->wake[i].evfd);
    }
}

/* Leaves the deadline behind; a driver that would sleep beyond it is kicked. */
static void leave_deadline(struct after *a, bool was_blocked) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    uint64_t deadline = stack_deadline(h->st);
    uint64_t before = atomic_load_explicit(&s->deadline_ns, memory_order_relaxed);
    uint32_t driver = atomic_load_explicit(&s->driver, memory_order_relaxed);
    a->kick_cnt = 0;
    if (deadline < before)
        atomic_store(&s->deadline_ns, deadline);
    else if (deadline != before)
        atomic_store_explicit(&s->deadline_ns, deadline, memory_order_relaxed);
    int d = SEAT_INDEX(driver);
    uint64_t wake = d >= 0 ? atomic_load(&s->wake_ns[d]) : 0;
    if (wake != 0 && (deadline < wake || (s->tx_blocked && !was_blocked) || h->kick_driver)) {
        a->kick[a->kick_cnt++] = d;
        seat_awake(d);
        s->cnt.kicks++;
    }
    if (UST_UNLIKELY(h->kick_old != 0))
        a->kick[a->kick_cnt++] = h->kick_old - 1;
    if (UST_UNLIKELY(h->kick_thread && backup_exists()))
        a->kick[a->kick_cnt++] = s->backup_evfd;
    h->kick_driver = h->kick_thread = false;
    h->kick_old = 0;
}

static bool trace_waits(const struct host_local *h) {
    const struct trace *t = &h->st->core.trace;
    return t->head != t->tail && h->s->trace_pid == 0 && h->trace_fd >= 0;
}

void turn_unlock(uint64_t now_ns, const struct waiter *self, bool driving) {
    struct host_local *h = &host_local;
    struct after a;
    bool was_blocked = h->s->tx_blocked, more;
    do {
        more = stack_turn(h->st, now_ns);
        renew_filter(h); /* before what is sent is answered */
        tx_drain(now_ns);
    } while (more && !h->s->tx_blocked && !h->passenger);
    h->st->touched_cnt = 0;
    collect_wakes(&a, self, driving);
    leave_deadline(&a, was_blocked);
    a.sinks = trace_waits(h) || (h->cap && capture_due(h->cap, now_ns));
    lock_drop();
    wake_all(&a);
    while (UST_UNLIKELY(a.more)) {
        lock_take();
        collect_wakes(&a, self, false);
        lock_drop();
        wake_all(&a);
    }
    for (uint32_t i = 0; i < a.kick_cnt; i++)
        evfd_write(a.kick[i]);
    if (UST_UNLIKELY(a.sinks))
        turn_flush();
}

void host_unlock(uint64_t now_ns) { turn_unlock(now_ns, NULL, false); }

/* ---- sinks ---- */

/* One thread at a time writes; what lies in the ring stays where it is until it is consumed. */
static void flush_trace(void) {
    struct host_local *h = &host_local;
    struct trace *t = &h->st->core.trace;
    struct ust_slice v[2];
    lock_take();
    if (h->s->trace_pid != 0 || h->trace_fd < 0) {
        lock_drop();
        return;
    }
    h->s->trace_pid = h->pid;
    size_t n;
    while ((n = trace_pending(t, v)) > 0) {
        lock_drop();
        sink_write(h->trace_fd, v[0].p, v[0].len);
        if (v[1].len > 0)
            sink_write(h->trace_fd, v[1].p, v[1].len);
        lock_take();
        trace_consume(t, n);
    }
    h->s->trace_pid = 0;
    lock_drop();
}

void turn_flush(void) {
    const struct trace *t = &host_local.st->core.trace;
    if (__atomic_load_n(&t->head, __ATOMIC_RELAXED) != __atomic_load_n(&t->tail, __ATOMIC_RELAXED))
        flush_trace();
    if (host_local.cap)
        capture_write(host_local.cap);
}

void turn_dev_error(short revents) {
    struct host_local *h = &host_local;
    int err = 0;
    socklen_t len = sizeof err;
    int fd = h->dev.fd;
    if (revents & (POLLHUP | POLLNVAL) ||
        sys_getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0) {
        lock_take();
        bool was_up = h->up;
        h->up = false;
        __atomic_store_n(&h->dev.fd, -1, __ATOMIC_RELAXED);
        lock_drop();
        if (was_up)
            host_complain("the device %s is gone", h->cfg.ifname);
    } else if (err == ENETDOWN || err == ENODEV) {
        host_complain("the interface %s went down", h->cfg.ifname);
    }
}
