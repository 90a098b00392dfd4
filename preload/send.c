/* SPDX-License-Identifier: ISC */
/*
 * Sending. A stream: reserve room, fill it from the program's memory, commit; short ones under one hold of the lock, long ones chunk by chunk with
 * the copy outside, so that the first chunk is on its way while the second is copied. What comes after an interruption,
 * a fault or an error is cut off: the call returns the bytes so far if there are any, as Linux's tcp_sendmsg().
 */
#include "worlds.h"
#include "decide.h"
#include "msg.h"

#include <limits.h>
#include <netinet/in.h>
#include <unistd.h>

#include "host/sys.h"

/* ---- streams ---- */

/* Fills the slices: bytes that could be read, whole slices only: a fault takes its slice along, as it takes a page fragment in Linux. */
static size_t fill(struct uiter *it, const struct sbuf_mslice *v, int cnt) {
    size_t done = 0;
    for (int i = 0; i < cnt; i++) {
        size_t missed = uiter_in(it, v[i].p, v[i].len);
        if (missed)
            break;
        done += v[i].len;
    }
    return done;
}

void send_push(struct call *c, bool more) {
    if (c->s && c->s->tcb && !c->s->writing)
        tcp_send_commit(&c->st->tcp, c->now, c->s->tcb, 0, more, false);
}

/*
 * The SYN has left with the first bytes. Linux's tcp_sendmsg() waits for the handshake even if that was all; if it fails, the bytes are not
 * worth mentioning. > 0: return these; 0: go on; else an error.
 */
static long after_syn_data(struct call *c, size_t done, int flags) {
    long r = flags & MSG_DONTWAIT ? -EINPROGRESS : conn_await(c, -EINPROGRESS);
    if (done > 0 && (r == -EINPROGRESS || r == -EINTR || r == -CALL_RESTART))
        return (long)done;
    return r == -CALL_RESTART ? -EINTR : r;
}

/* Linux looks at control messages once the connection is up, before anything is sent. */
static int stream_control(const struct call *c, const struct send_to *to) {
    enum tcp_state st = c->s->tcb ? tcp_state(c->s->tcb) : TCPS_CLOSED;
    if (to->control_len == 0 || (st != TCPS_ESTABLISHED && st != TCPS_CLOSE_WAIT))
        return 0;
    return cmsg_check(to->control, to->control_len);
}

static long send_stream(struct call *c, struct uiter *it, const struct send_to *to) {
    const int flags = to->flags;
    size_t done = 0;
    long r;
    bool syn = sock_fo_deferred(c->s);
    if (syn && it->left == 0) {
        sock_fo_go(c->sk, c->now, c->s);
        return after_syn_data(c, 0, flags);
    }
    for (;;) {
        if (done == 0 && (r = stream_control(c, to)) < 0)
            return r;
        struct sbuf_mslice v[MSG_SLICE_CNT];
        int cnt;
        size_t want = UST_MIN(it->left, (size_t)MSG_CHUNK_BYTES);
        r = sock_send_reserve(c->sk, c->s, want, v, &cnt, MSG_SLICE_CNT);
        if (r > 0) {
            size_t room = (size_t)r, n;
            int how = room < it->left ? (flags & ~MSG_OOB) | MSG_MORE : flags;
            if (room <= MSG_SMALL_BYTES) {
                n = fill(it, v, cnt);
            } else {
                call_unlock(c);
                n = fill(it, v, cnt);
                call_lock(c);
            }
            sock_send_commit(c->sk, c->now, c->s, n, how);
            done += n;
            if (n < room) {
                r = -EFAULT;
                break;
            }
            if (syn) {
                r = after_syn_data(c, done, flags);
                if (r != 0)
                    return r;
                syn = false;
            }
            if (it->left == 0)
                return (long)done;
            continue;
        }
        if (r == 0)
            return (long)done;
        /* Another thread that copies is about to be done: as with the kernel's socket lock, that is no waiting. */
        if (r != -EAGAIN || (call_nonblock(c, flags) && !c->s->writing))
            break;
        struct block_rule rule = {c->s->sndtimeo_ns, POLLOUT, false, -EAGAIN};
        r = call_block(c, &rule);
        if (r == -CALL_RESTART && done == 0)
            r = call_again(c) ? 0 : -EBADF;
        if (r < 0)
            break;
    }
    if (done > 0) {
        send_push(c, flags & MSG_MORE);
        return (long)done;
    }
    c->sigpipe = r == -EPIPE && !(flags & MSG_NOSIGNAL);
    return r;
}

/* ---- datagrams ---- */

#define ICMP_HEADER_BYTES 8 /* the least that a ping socket sends */

/* The destination, by the rules of the socket's family. */
static int dgram_dest(const struct sock *s, const struct send_to *to, struct udp_send *u) {
    bool unspec = false;
    int r = addr_in(s, to->sa, to->sa_len, &u->dst, &u->dport, &unspec);
    if (r == -EAFNOSUPPORT && s->family == AF_INET6)
        r = -EINVAL;
    if (r < 0)
        return r;
    if (unspec && s->family == AF_INET6) {
        memset(&u->dst, 0, sizeof(u->dst)); /* Linux: the connected peer, but not by IPv4 */
        u->dport = 0;
        return s->udp->connected && addr_is_ip4(&s->udp->raddr) ? -ENETUNREACH : 0;
    }
    bool no_port = u->dport == 0 && s->kind == SOCK_KIND_UDP;
    return no_port || (unspec && to->sa_len < sizeof(struct sockaddr_in)) ? -EINVAL : 0;
}

/* To the kernel's half, if the socket can have one; else the socket becomes the kernel's. */
static long dgram_to_kernel(struct call *c) {
    struct sock *s = c->s;
    if (!both_active(s) && s->kind == SOCK_KIND_UDP && !s->udp->connected &&
        call_need_net(c) == 0 && sock_dgram_autobind(c->sk, s) == 0) {
        both_open(c, -1);
        if (s->kernel_half && s->where == SOCK_UNDECIDED)
            decide_stack(s, SOCK_WHY_WILDCARD);
    }
    if (both_active(s))
        return CALL_TO_LIBC;
    int r = decide_kernel_prepare(c);
    if (r < 0)
        return r;
    decide_kernel(s, SOCK_WHY_DEST_KERNEL_PREFIX);
    return CALL_TO_LIBC;
}

static long send_dgram(struct call *c, struct uiter *it, const struct send_to *to) {
    struct sock *s = c->s;
    size_t len = it->left;
    struct udp_send u;
    memset(&u, 0, sizeof(u));
    bool named = to->sa && to->sa_len > 0;
    int bad = named ? dgram_dest(s, to, &u) : 0;
    if (bad == -EFAULT || to->sa_len > sizeof(struct sockaddr_storage))
        return bad;
    if (s->kind == SOCK_KIND_PING && len < ICMP_HEADER_BYTES)
        return -EINVAL;
    bool complete = named && (u.dport != 0 || s->kind != SOCK_KIND_UDP);
    if (bad == 0 && complete && dest_is_kernels(s, &u.dst))
        return dgram_to_kernel(c);
    bool away = bad == 0 && u.dport != 0;
    int r = call_need_net_for(c, away ? &u.dst : NULL);
    if (r == 0 && away)
        r = addr_check_scope(s, to->sa, to->sa_len, &u.dst, false);
    if (r == 0)
        r = sock_dgram_autobind(c->sk, s);
    if (r < 0)
        return r;
    if (s->cork) /* it knows its way */
        bad = 0;
    else if (bad == 0 && !complete && !s->udp->connected)
        bad = -EDESTADDRREQ;
    if (bad < 0 && s->family == AF_INET6) /* the two families differ in the order */
        return bad;
    if (len > UINT16_MAX)
        return -EMSGSIZE;
    if (to->flags & MSG_OOB)
        return -EOPNOTSUPP;
    if (bad == 0 && to->control_len > 0 && !s->cork)
        bad = cmsg_parse(s, to->control, to->control_len, &u);
    if (bad < 0)
        return bad;
    uint8_t *buf = sock_dgram_buf(c->sk, len);
    if (!buf)
        return -ENOBUFS;
    bool outside = len > MSG_SMALL_BYTES;
    if (outside)
        call_unlock(c);
    size_t missed = uiter_in(it, buf, len);
    if (outside)
        call_lock(c);
    if (missed) {
        sock_dgram_buf_free(c->sk, buf);
        return -EFAULT;
    }
    r = sock_dgram_send(c->sk, c->now, s, &u, buf, len, to->flags & MSG_MORE);
    if (r == 0 && s->where == SOCK_UNDECIDED)
        decide_stack(s, SOCK_WHY_DEST_STACK);
    return r < 0 ? r : (long)len;
}

long send_data(struct call *c, struct uiter *it, const struct send_to *to) {
    if (c->s->kind != SOCK_KIND_TCP)
        return send_dgram(c, it, to);
    if (to->sa) {
        struct sockaddr_storage ss;
        if (to->sa_len > sizeof(ss))
            return -EINVAL;
        if (user_copy_in(&ss, to->sa, to->sa_len) != 0)
            return -EFAULT;
    }
    if (to->flags & MSG_FASTOPEN) {
        long r;
        while ((r = conn_fastopen(c, to->sa, to->sa_len, to->flags)) == -CALL_RESTART)
            if (!call_again(c))
                return -EBADF;
        if (r != 0)
            return r;
    }
    return send_stream(c, it, to);
}

/* ---- the calls ---- */

ssize_t sendto(int fd, const void *buf, size_t len, int flags, const struct sockaddr *sa,
               socklen_t sa_len) {
    struct call c;
    struct uiter it;
    if (!fd_lookup(fd) || !call_begin(&c, "send", fd))
        return real.sendto(fd, buf, len, flags, sa, sa_len);
    uiter_one(&it, buf, len);
    struct send_to to = {.flags = flags, .sa = sa, .sa_len = sa_len};
    long r = call_end(&c, send_data(&c, &it, &to));
    return r == CALL_TO_LIBC ? real.sendto(fd, buf, len, flags, sa, sa_len) : r;
}

ssize_t send(int fd, const void *buf, size_t len, int flags) {
    struct call c;
    struct uiter it;
    if (!fd_lookup(fd) || !call_begin(&c, "send", fd))
        return real.send(fd, buf, len, flags);
    uiter_one(&it, buf, len);
    struct send_to to = {.flags = flags};
    return call_end(&c, send_data(&c, &it, &to));
}

ssize_t __send(int fd, const void *buf, size_t len, int flags) { return send(fd, buf, len, flags); }

ssize_t write(int fd, const void *buf, size_t len) {
    struct call c;
    struct uiter it;
    if (UST_LIKELY(!fd_lookup(fd)) || !call_begin(&c, "write", fd))
        return real.write(fd, buf, len);
    uiter_one(&it, buf, len);
    struct send_to to = {.flags = 0};
    return call_end(&c, send_data(&c, &it, &to));
}

ssize_t __write(int fd, const void *buf, size_t len) { return write(fd, buf, len); }

static ssize_t send_vector(struct call *c, const struct iovec *v, int cnt) {
    struct uiter it;
    struct send_to to = {.flags = 0};
    int r = uiter_init(&it, v, (size_t)cnt, -EINVAL);
    return call_end(c, r < 0 ? r : send_data(c, &it, &to));
}

ssize_t writev(int fd, const struct iovec *v, int cnt) {
    struct call c;
    if (UST_LIKELY(!fd_lookup(fd)) || !call_begin(&c, "writev", fd))
        return real.writev(fd, v, cnt);
    return send_vector(&c, v, cnt);
}

ssize_t pwritev2(int fd, const struct iovec *v, int cnt, off_t off, int flags) {
    struct call c;
    /* With an offset of its own: ESPIPE, by the placeholder. Flags: RWF_*, of which sockets know RWF_NOWAIT. */
    if (off != -1 || !fd_lookup(fd) || !call_begin(&c, "pwritev2", fd))
        return real.pwritev2(fd, v, cnt, off, flags);
    struct uiter it;
    struct send_to to = {.flags = flags & RWF_NOWAIT ? MSG_DONTWAIT : 0};
    int r =
        flags & ~(RWF_NOWAIT | RWF_HIPRI) ? -EOPNOTSUPP : uiter_init(&it, v, (size_t)cnt, -EINVAL);
    return call_end(&c, r < 0 ? r : send_data(&c, &it, &to));
}

ssize_t pwritev64v2(int fd, const struct iovec *v, int cnt, off64_t off, int flags) {
    return pwritev2(fd, v, cnt, off, flags);
}

/* ---- messages ---- */

static long do_sendmsg(struct call *c, const struct msghdr *user, int flags) {
    struct msghdr m;
    struct uiter it;
    if (user_copy_in(&m, user, sizeof(m)) != 0)
        return -EFAULT;
    if ((int)m.msg_namelen < 0)
        return -EINVAL;
    if (m.msg_controllen > INT_MAX)
        return -ENOBUFS;
    int r = uiter_init(&it, m.msg_iov, m.msg_iovlen, -EMSGSIZE);
    if (r < 0)
        return r;
    struct send_to to = {
        .flags = flags,
        .sa = m.msg_name,
        .sa_len = UST_MIN(m.msg_namelen, (socklen_t)sizeof(struct sockaddr_storage)),
        .control = m.msg_control,
        .control_len = m.msg_control ? m.msg_controllen : 0,
    };
    return send_data(c, &it, &to);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "sendmsg", fd))
        return real.sendmsg(fd, msg, flags);
    long r = call_end(&c, do_sendmsg(&c, msg, flags));
    return r == CALL_TO_LIBC ? real.sendmsg(fd, msg, flags) : r;
}

/* One after the other; an error behind the first is found by the next call. */
int sendmmsg(int fd, struct mmsghdr *v, unsigned cnt, int flags) {
    if (!fd_lookup(fd))
        return real.sendmmsg(fd, v, cnt, flags);
    unsigned i;
    cnt = UST_MIN(cnt, (unsigned)IOV_MAX);
    int saved = errno;
    for (i = 0; i < cnt; i++) {
        struct call c;
        if (!fd_lookup(fd) || !call_begin(&c, "sendmmsg", fd))
            return i == 0 ? real.sendmmsg(fd, v, cnt, flags) : (int)i;
        long r = do_sendmsg(&c, &v[i].msg_hdr, flags);
        unsigned len = (unsigned)r;
        if (r >= 0 && user_copy_out(&v[i].msg_len, &len, sizeof(len)) != 0)
            r = -EFAULT;
        r = call_end(&c, r);
        if (r == CALL_TO_LIBC) {
            int more = real.sendmmsg(fd, v + i, cnt - i, flags);
            return more < 0 && i == 0 ? -1 : (int)i + UST_MAX(more, 0);
        }
        if (r < 0)
            break;
    }
    if (i == 0 && cnt > 0)
        return -1;
    errno = saved;
    return (int)i;
}
