/* SPDX-License-Identifier: ISC */
/* Bytes in and out, readiness, errors: what send, recv, poll and SO_ERROR ask, answered as Linux does (net/ipv4/tcp.c there). */
#include "tcp/tcb.h"

/* RFC 9293 3.9.1.8 MUST-47 */
int tcp_take_error(struct tcb *tb) {
    int e = tb->err;
    tb->err = 0;
    return e;
}

int tcp_peek_error(const struct tcb *tb) { return tb->err; }

/* ---- send ---- */

#define NOTSENT_CHUNK 65536u

/* The handshake is over, or need not be (RFC 7413 4.2.2). */
static bool may_transfer(const struct tcb *tb) {
    return tb->state != TCPS_SYN_SENT && (tb->state != TCPS_SYN_RECEIVED || tb->fo_child);
}

ssize_t tcp_send_reserve(struct tcp *t, struct tcb *tb, size_t len, struct sbuf_mslice *v, int *cnt,
                         int max) {
    int e;
    *cnt = 0;
    if (tb->err || tb->wr_shut || tb->state == TCPS_CLOSED)
        return (e = tcp_take_error(tb)) ? -e : -EPIPE;
    if (tcp_fo_deferred(tb)) {
        size_t n = UST_MIN(len, (size_t)tcp_fo_room(t, tb));
        n = sbuf_reserve(&tb->snd, &t->c->arena, n, v, cnt, max);
        return n > 0 || len == 0 ? (ssize_t)n : -ENOBUFS;
    }
    if (!may_transfer(tb)) {
        tb->nospace = true;
        return -EAGAIN;
    }
    uint64_t used = tcb_snd_used(tb);
    uint64_t lowat = tb->opt.notsent_lowat, unsent = tcb_unsent(tb);
    if (used >= tb->sndbuf || unsent >= lowat) {
        tb->nospace = true;
        return -EAGAIN;
    }
    uint64_t room =
        UST_MAX(tb->sndbuf - used, (uint64_t)tb->snd_mss); /* a little over, rather than crumbs */
    /* Linux looks at TCP_NOTSENT_LOWAT before each buffer of up to 64 KB. */
    if (lowat != UINT32_MAX)
        room = UST_MIN(room, UST_MAX(lowat - unsent, (uint64_t)NOTSENT_CHUNK));
    if (room < len)
        tb->nospace = true; /* the rest will want to know */
    size_t n =
        sbuf_reserve(&tb->snd, &t->c->arena, (size_t)UST_MIN((uint64_t)len, room), v, cnt, max);
    return n > 0 || len == 0 ? (ssize_t)n : -ENOBUFS;
}

void tcp_send_commit(struct tcp *t, uint64_t now_ns, struct tcb *tb, size_t n, bool more,
                     bool urg) {
    struct arena *ar = &t->c->arena;
    (void)now_ns;
    if (tb->state == TCPS_CLOSED || tb->wr_shut) { /* reset or shut while the copy was under way */
        sbuf_commit(&tb->snd, ar, 0);
        return;
    }
    sbuf_commit(&tb->snd, ar, n);
    if (urg && n > 0) { /* RFC 9293 3.8.5 MUST-31: behind the urgent byte, which is the last one */
        tb->snd_up = seq_add(tb->snd_una, (uint32_t)(tb->snd.end - tb->snd_una_pos));
        tb->snd_up_valid = true;
    }
    tb->more = more;
    if (tcp_fo_deferred(tb))
        tcp_fo_go(t, tb);
    tcb_mark_dirty(t, tb);
}

/* ---- receive ---- */

static bool at_mark(const struct tcb *tb) {
    return tb->urg_state != TCP_URG_NONE && tb->urg_pos == tb->rcv.start;
}

ssize_t tcp_recv_peek(struct tcp *t, struct tcb *tb, size_t off, size_t len, struct ust_slice *v,
                      int *cnt, int max) {
    *cnt = 0;
    /* The urgent byte is not part of the stream unless SO_OOBINLINE: a reader that stands on it goes round it. */
    if (off == 0 && at_mark(tb) && !tb->opt.oobinline && sbuf_len(&tb->rcv) > 0) {
        sbuf_drop(&tb->rcv, &t->c->arena, tb->rcv.start + 1);
        tb->urg_state = TCP_URG_NONE;
    }
    uint64_t pos = tb->rcv.start + off, end = tb->rcv.end;
    if (tb->urg_state != TCP_URG_NONE && tb->urg_pos < end) {
        /* A read never crosses the mark. */
        if (pos < tb->urg_pos)
            end = tb->urg_pos;
        else if (pos == tb->urg_pos && !tb->opt.oobinline)
            end = pos;
    }
    if (pos < end)
        return (ssize_t)sbuf_peek(&tb->rcv, pos, (size_t)UST_MIN((uint64_t)len, end - pos), v, cnt,
                                  max);
    return off > 0 ? -EAGAIN : tcp_recv_end(tb);
}

int tcp_recv_end(struct tcb *tb) {
    if (tb->fin_done)
        return 0;
    if (tb->err)
        return -tcp_take_error(tb);
    if (tb->rd_shut)
        return 0;
    return tb->state == TCPS_CLOSED ? -ENOTCONN : -EAGAIN;
}

void tcp_recv_consume(struct tcp *t, uint64_t now_ns, struct tcb *tb, size_t n) {
    if (n == 0)
        return;
    assert(n <= sbuf_len(&tb->rcv));
    sbuf_drop(&tb->rcv, &t->c->arena, tb->rcv.start + n);
    if (tb->urg_state != TCP_URG_NONE && tb->rcv.start > tb->urg_pos)
        tb->urg_state = TCP_URG_NONE;
    if (tb->state == TCPS_CLOSED || tb->fin_rcvd)
        return;
    tcp_wnd_read(t, now_ns, tb);
    if (tcp_wnd_update_due(tb)) {
        tb->ack_now = true;
        tcb_mark_dirty(t, tb);
    }
}

int tcp_recv_oob(struct tcp *t, struct tcb *tb, uint8_t *b, bool peek) {
    (void)t;
    if (tb->opt.oobinline || tb->urg_state == TCP_URG_NONE || tb->urg_state == TCP_URG_READ)
        return -EINVAL;
    if (tb->state == TCPS_CLOSED && !tb->fin_done)
        return -ENOTCONN;
    if (tb->urg_state == TCP_URG_VALID) {
        *b = tb->urg_byte;
        if (!peek)
            tb->urg_state = TCP_URG_READ;
        return 1;
    }
    return tb->state == TCPS_CLOSED || tb->rd_shut ? 0 : -EAGAIN;
}

/* RFC 9293 3.8.5 MUST-33 */
bool tcp_at_mark(const struct tcb *tb) { return at_mark(tb); }

/* ---- readiness and amounts ---- */

size_t tcp_inq(const struct tcb *tb) {
    uint64_t end = tb->rcv.end;
    if (!tb->opt.oobinline && tb->urg_state != TCP_URG_NONE && tb->urg_pos >= tb->rcv.start &&
        tb->urg_pos < end)
        end = tb->urg_pos;
    return (size_t)(end - tb->rcv.start);
}

size_t tcp_outq(const struct tcb *tb) {
    if (tb->state == TCPS_CLOSED)
        return 0;
    return (size_t)tcb_snd_used(tb) + (tb->fin_sent && tcb_outstanding(tb) > 0);
}
size_t tcp_outq_nsd(const struct tcb *tb) {
    return tb->state == TCPS_CLOSED ? 0 : (size_t)tcb_unsent(tb);
}

uint8_t tcp_ready(struct tcb *tb) {
    uint8_t ev = 0;
    if (tb->state == TCPS_CLOSED || (tb->rd_shut && tb->wr_shut))
        ev |= PCB_EV_HUP;
    if (tb->rd_shut)
        ev |= PCB_EV_IN | PCB_EV_RDHUP;
    if (tcp_fo_deferred(tb)) /* Linux: a write is what makes it go */
        ev |= PCB_EV_OUT;
    if (may_transfer(tb)) {
        size_t target = at_mark(tb) && !tb->opt.oobinline ? 2 : 1;
        if (sbuf_len(&tb->rcv) >= target)
            ev |= PCB_EV_IN;
        if (tb->wr_shut || tb->state == TCPS_CLOSED || tcb_writable(tb))
            ev |= PCB_EV_OUT;
        else
            tb->nospace = true;
        if (tb->urg_state == TCP_URG_VALID)
            ev |= PCB_EV_PRI;
    }
    if (tb->err)
        ev |= PCB_EV_ERR | PCB_EV_IN;
    if (tb->err_queued)
        ev |= PCB_EV_ERR;
    return ev;
}

void tcb_write_space(struct tcp *t, struct tcb *tb) {
    if (!tb->nospace || !tcb_writable(tb))
        return;
    uint32_t lowat = tb->opt.notsent_lowat;
    if (lowat != UINT32_MAX && 2 * tcb_unsent(tb) >= lowat) /* Linux: woken at half of it */
        return;
    tb->nospace = false;
    tcb_event(t, tb, PCB_EV_OUT);
}

void tcp_local(const struct tcb *tb, struct ust_addr *a, uint16_t *port) {
    bool bound = tb->ep.lport == 0; /* never connected: what bind() said */
    *a = bound ? tb->bind.addr : tb->ep.laddr;
    *port = bound ? (tb->bind.bound ? tb->bind.port : 0) : tb->ep.lport;
}

void tcp_peer(const struct tcb *tb, struct ust_addr *a, uint16_t *port) {
    *a = tb->ep.raddr;
    *port = tb->ep.rport;
}

bool tcp_was_connected(const struct tcb *tb) { return tb->ever_connected; }

uint32_t tcp_mss_now(const struct tcb *tb) {
    if (tb->state == TCPS_CLOSED && !tb->ever_connected)
        return tb->opt.maxseg ? tb->opt.maxseg : 536;
    return tb->snd_mss;
}
