/* SPDX-License-Identifier: ISC */
/*
 * Receiving: look at what is there, copy it to the program, consume it; short pieces under one hold of the lock, long ones with the copy outside. What a stream
 * returns when is Linux's tcp_recvmsg(): once the low-water mark is reached it takes what there is and waits no longer.
 */
#include "worlds.h"
#include "decide.h"
#include "msg.h"

#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

/* glibc's, for the checked twins. */
extern void __chk_fail(void) __attribute__((noreturn));

/* ---- streams ---- */

/* Bytes of the slices that could be written. */
static size_t empty(struct uiter *it, const struct ust_slice *v, int cnt) {
    size_t done = 0;
    for (int i = 0; i < cnt; i++) {
        size_t missed = uiter_out(it, v[i].p, v[i].len);
        done += v[i].len - missed;
        if (missed)
            break;
    }
    return done;
}

static long recv_oob(struct call *c, struct uiter *it, struct recv_from *f) {
    uint8_t b;
    if (!c->s->tcb)
        return -ENOTCONN;
    int r = tcp_recv_oob(&c->st->tcp, c->s->tcb, &b, f->flags & MSG_PEEK);
    if (r <= 0)
        return r;
    f->msg_flags |= MSG_OOB;
    if (it->left == 0) {
        f->msg_flags |= MSG_TRUNC;
        return 0;
    }
    return !(f->flags & MSG_TRUNC) && uiter_out(it, &b, 1) != 0 ? -EFAULT : 1;
}

/* There is nothing more to take without waiting, or an error that the next call shall find. */
static bool is_dry(const struct sock *s, size_t off) { return !s->tcb || tcp_inq(s->tcb) <= off; }

/* SO_PEEK_OFF moves on with what was peeked at, and back with what was taken. */
static void peek_moved(struct sock *s, size_t n, bool peek) {
    if (!s || s->peek_off < 0)
        return;
    if (peek)
        s->peek_off += (int32_t)n;
    else
        s->peek_off -= (int32_t)UST_MIN(n, (size_t)s->peek_off);
}

static long recv_stream(struct call *c, struct uiter *it, struct recv_from *f) {
    const int flags = f->flags;
    size_t done = 0, total = it->left, left = total;
    size_t off = flags & MSG_PEEK && c->s->peek_off > 0 ? (size_t)c->s->peek_off : 0;
    size_t target = flags & MSG_WAITALL ? total : UST_MIN((size_t)c->s->rcvlowat, total);
    if (target == 0)
        target = 1;
    long r;
    for (;;) {
        struct ust_slice v[MSG_SLICE_CNT];
        int cnt;
        size_t want = UST_MIN(left, (size_t)MSG_CHUNK_BYTES);
        r = sock_recv_peek(c->sk, c->s, off, want, v, &cnt, MSG_SLICE_CNT);
        if (r == -EAGAIN && off > 0) {
            if (done > 0 && (sock_poll(c->sk, c->s) & (POLLRDHUP | POLLERR | POLLHUP)))
                break;
            if (done == 0)
                r = sock_recv_end(c->s);
        }
        if (r > 0) {
            size_t there = (size_t)r, n = there;
            if (flags & MSG_TRUNC) {
                ;
            } else if (there <= MSG_SMALL_BYTES) {
                n = empty(it, v, cnt);
            } else {
                call_unlock(c);
                n = empty(it, v, cnt);
                call_lock(c);
            }
            sock_recv_done(c->sk, c->now, c->s, flags & MSG_PEEK ? 0 : n);
            if (flags & MSG_PEEK)
                off += n;
            done += n;
            left -= n;
            if (n < there)
                return done ? (long)done : -EFAULT;
            if (left == 0 || (done >= target && is_dry(c->s, off)))
                break;
            if (c->s->tcb && tcp_at_mark(c->s->tcb))
                break;
            if (is_dry(c->s, off) && (c->s->so_err || (c->s->tcb && tcp_peek_error(c->s->tcb))))
                break;
            continue;
        }
        if (r != -EAGAIN) /* the end, or an error */
            return done ? (long)done : r;
        if (done >= target || (call_nonblock(c, flags) && !c->s->reading))
            break;
        struct block_rule rule = {c->s->rcvtimeo_ns, POLLIN | POLLRDHUP, false, -EAGAIN};
        r = call_block(c, &rule);
        if (total == 0) /* Linux waits once, and does not look why it ended */
            return r == -EAGAIN ? r : 0;
        if (r == -CALL_RESTART && done == 0)
            r = call_again(c) ? 0 : -EBADF;
        if (r < 0)
            break;
    }
    return done > 0 ? (long)done : r;
}

/* ---- datagrams ---- */

/* With SO_PEEK_OFF MSG_PEEK begins that far into the queue: the datagram, and the place in it; NULL: not so much there. */
static struct udp_dgram *dgram_at(struct udp_dgram *d, int32_t peek_off, size_t *off) {
    *off = peek_off > 0 ? (size_t)peek_off : 0;
    while (d && *off > 0 && *off >= d->len) {
        *off -= d->len;
        d = STAILQ_NEXT(d, link);
    }
    return d;
}

static long recv_dgram(struct call *c, struct uiter *it, struct recv_from *f) {
    struct udp_dgram *d;
    bool peek = f->flags & MSG_PEEK;
    size_t off = 0;
    for (;;) {
        int r = sock_dgram_peek(c->sk, c->s, &d);
        if (r == 0 && d) {
            d = dgram_at(d, peek ? c->s->peek_off : 0, &off);
            if (d)
                break;
            sock_dgram_done(c->sk, c->s, false);
            r = -EAGAIN;
        }
        bool nonblock = call_nonblock(c, f->flags);
        if (r == -EAGAIN && both_readable(c))
            return CALL_TO_LIBC;
        if (r == 0)
            return nonblock ? -EAGAIN : 0;
        if (r != -EAGAIN || (nonblock && !c->s->reading))
            return r;
        struct block_rule rule = {c->s->rcvtimeo_ns, POLLIN | POLLRDHUP, false, -EAGAIN};
        r = call_block(c, &rule);
        if (r == -CALL_RESTART)
            r = call_again(c) ? 0 : -EBADF;
        if (r < 0)
            return r;
    }
    size_t n = UST_MIN(d->len - off, it->left), missed;
    f->dgram = *d;
    f->has_dgram = true;
    if (n <= MSG_SMALL_BYTES) {
        missed = uiter_out(it, d->buf + off, n);
    } else {
        call_unlock(c);
        missed = uiter_out(it, d->buf + off, n);
        call_lock(c);
    }
    /* One that could not be copied out is lost, as in Linux. */
    sock_dgram_done(c->sk, c->s, !peek);
    if (missed)
        return -EFAULT;
    peek_moved(c->s, peek ? n : f->dgram.len, peek);
    if (n < f->dgram.len - off)
        f->msg_flags |= MSG_TRUNC;
    if (f->want_name)
        f->name_len = addr_store(c->s, &f->dgram.src, f->dgram.sport, &f->name);
    return f->flags & MSG_TRUNC ? (long)f->dgram.len : (long)n;
}

/* MSG_ERRQUEUE: what the packet that failed had in it; its destination as the name; the rest in control messages. Never waits. */
static long recv_error(struct call *c, struct uiter *it, struct recv_from *f) {
    struct errq_item *e;
    int r = sock_errq_peek(c->sk, c->s, &e);
    if (r < 0)
        return r;
    size_t n = UST_MIN((size_t)e->len, it->left);
    size_t missed = n ? uiter_out(it, e->buf, n) : 0; /* short, so under the lock */
    f->error = *e;
    f->has_error = true;
    f->msg_flags |= MSG_ERRQUEUE;
    if (n < e->len)
        f->msg_flags |= MSG_TRUNC;
    sock_errq_done(c->sk, c->s);
    if (missed)
        return -EFAULT;
    if (f->want_name)
        f->name_len = addr_store(c->s, &f->error.dst, f->error.dport, &f->name);
    return (long)n;
}

long recv_data(struct call *c, struct uiter *it, struct recv_from *f) {
    f->msg_flags = f->flags & MSG_CMSG_CLOEXEC;
    if (f->flags & MSG_ERRQUEUE)
        return recv_error(c, it, f);
    if (c->s->kind != SOCK_KIND_TCP)
        return recv_dgram(c, it, f);
    if (f->flags & MSG_OOB)
        return recv_oob(c, it, f);
    long r = recv_stream(c, it, f);
    if (r > 0)
        peek_moved(c->s, (size_t)r, f->flags & MSG_PEEK);
    if (r >= 0 && c->s && c->s->tcp_inq && c->s->tcb) {
        f->has_inq = true;
        f->inq = (int)UST_MIN(tcp_inq(c->s->tcb), (size_t)INT_MAX);
    }
    return r;
}

/* ---- the calls ---- */

static long do_recvfrom(struct call *c, void *buf, size_t len, int flags, struct sockaddr *sa,
                        socklen_t *sa_len) {
    struct uiter it;
    struct recv_from f = {.flags = flags, .want_name = sa != NULL};
    uiter_one(&it, buf, len);
    long r = recv_data(c, &it, &f);
    if (r < 0 || !sa)
        return r;
    int e = addr_copy_out(&f.name, f.name_len, sa, sa_len);
    return e < 0 ? e : r;
}

ssize_t recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *sa, socklen_t *sa_len) {
    struct call c;
    for (;;) {
        if (!fd_lookup(fd) || !call_begin(&c, "recv", fd))
            return real.recvfrom(fd, buf, len, flags, sa, sa_len);
        ssize_t r = call_end(&c, do_recvfrom(&c, buf, len, flags, sa, sa_len));
        if (r != CALL_TO_LIBC)
            return r;
        r = real.recvfrom(fd, buf, len, flags, sa, sa_len);
        if (r >= 0 || !both_again(fd, flags))
            return r;
    }
}

ssize_t recv(int fd, void *buf, size_t len, int flags) {
    struct call c;
    for (;;) {
        if (!fd_lookup(fd) || !call_begin(&c, "recv", fd))
            return real.recv(fd, buf, len, flags);
        ssize_t r = call_end(&c, do_recvfrom(&c, buf, len, flags, NULL, NULL));
        if (r != CALL_TO_LIBC)
            return r;
        r = real.recv(fd, buf, len, flags);
        if (r >= 0 || !both_again(fd, flags))
            return r;
    }
}

ssize_t read(int fd, void *buf, size_t len) {
    struct call c;
    for (;;) {
        if (UST_LIKELY(!fd_lookup(fd)) || !call_begin(&c, "read", fd))
            return real.read(fd, buf, len);
        /* Linux: a read of nothing does not even look. */
        ssize_t r = call_end(&c, len == 0 ? 0 : do_recvfrom(&c, buf, len, 0, NULL, NULL));
        if (r != CALL_TO_LIBC)
            return r;
        r = real.read(fd, buf, len);
        if (r >= 0 || !both_again(fd, 0))
            return r;
    }
}

ssize_t __read(int fd, void *buf, size_t len) { return read(fd, buf, len); }

static long recv_vector(struct call *c, const struct iovec *v, int cnt, int flags) {
    struct uiter it;
    struct recv_from f = {.flags = flags};
    int r = uiter_init(&it, v, (size_t)cnt, -EINVAL);
    return r < 0 || it.left == 0 ? r : recv_data(c, &it, &f);
}

ssize_t readv(int fd, const struct iovec *v, int cnt) {
    struct call c;
    for (;;) {
        if (UST_LIKELY(!fd_lookup(fd)) || !call_begin(&c, "readv", fd))
            return real.readv(fd, v, cnt);
        ssize_t r = call_end(&c, recv_vector(&c, v, cnt, 0));
        if (r != CALL_TO_LIBC)
            return r;
        r = real.readv(fd, v, cnt);
        if (r >= 0 || !both_again(fd, 0))
            return r;
    }
}

ssize_t preadv2(int fd, const struct iovec *v, int cnt, off_t off, int flags) {
    struct call c;
    if (off != -1 || !fd_lookup(fd) || !call_begin(&c, "preadv2", fd))
        return real.preadv2(fd, v, cnt, off, flags);
    if (flags & ~(RWF_NOWAIT | RWF_HIPRI))
        return call_end(&c, -EOPNOTSUPP);
    ssize_t r = call_end(&c, recv_vector(&c, v, cnt, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0));
    return r == CALL_TO_LIBC ? real.preadv2(fd, v, cnt, off, flags) : r;
}

ssize_t preadv64v2(int fd, const struct iovec *v, int cnt, off64_t off, int flags) {
    return preadv2(fd, v, cnt, off, flags);
}

/* ---- messages ---- */

static long do_recvmsg(struct call *c, struct msghdr *user, int flags) {
    struct msghdr m;
    struct uiter it;
    struct recv_from f = {.flags = flags};
    if (user_copy_in(&m, user, sizeof(m)) != 0)
        return -EFAULT;
    if ((int)m.msg_namelen < 0)
        return -EINVAL;
    f.want_name = m.msg_name != NULL;
    int r = uiter_init(&it, m.msg_iov, m.msg_iovlen, -EMSGSIZE);
    if (r < 0)
        return r;
    long n = recv_data(c, &it, &f);
    if (n < 0)
        return n;
    if (m.msg_name) {
        /* As recvfrom() does it, the length in the header being read again. */
        r = addr_copy_out(&f.name, f.name_len, m.msg_name, &user->msg_namelen);
        if (r < 0)
            return r;
    }
    size_t used = 0;
    cmsg_write(c, &f, m.msg_control, m.msg_control ? m.msg_controllen : 0, &used, &f.msg_flags);
    if (user_copy_out(&user->msg_flags, &f.msg_flags, sizeof(f.msg_flags)) != 0 ||
        user_copy_out(&user->msg_controllen, &used, sizeof(used)) != 0)
        return -EFAULT;
    return n;
}

ssize_t recvmsg(int fd, struct msghdr *msg, int flags) {
    struct call c;
    for (;;) {
        if (!fd_lookup(fd) || !call_begin(&c, "recvmsg", fd))
            return real.recvmsg(fd, msg, flags);
        ssize_t r = call_end(&c, do_recvmsg(&c, msg, flags));
        if (r != CALL_TO_LIBC)
            return r;
        r = real.recvmsg(fd, msg, flags);
        if (r >= 0 || !both_again(fd, flags))
            return r;
    }
}

/* recvmmsg() gives a pending error before anything that is there. 0, or -1 with errno. */
static int mmsg_pending_error(int fd) {
    struct call c;
    if (!fd_lookup(fd) || !call_begin(&c, "recvmmsg", fd))
        return 0;
    return (int)call_end(&c, -sock_take_error(c.s));
}

/* Linux looks at the timeout after each datagram only: one that never comes is waited for. */
int recvmmsg(int fd, struct mmsghdr *v, unsigned cnt, int flags, struct timespec *timeout) {
    struct timespec ts = {0};
    if (!fd_lookup(fd))
        return real.recvmmsg(fd, v, cnt, flags, timeout);
    uint64_t end = TIME_NEVER;
    if (timeout) {
        enter();
        bool bad = user_copy_in(&ts, timeout, sizeof(ts)) != 0;
        leave();
        if (bad || ts.tv_sec < 0 || ts.tv_nsec < 0 || ts.tv_nsec >= (long)NS_PER_S) {
            errno = bad ? EFAULT : EINVAL;
            return -1;
        }
        if ((uint64_t)ts.tv_sec < UINT32_MAX)
            end = host_now() + (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
    }
    unsigned i = 0;
    int saved = errno;
    uint64_t now = 0;
    if (mmsg_pending_error(fd) < 0)
        return -1;
    cnt = UST_MIN(cnt, (unsigned)IOV_MAX);
    while (i < cnt) {
        struct call c;
        if (!fd_lookup(fd) || !call_begin(&c, "recvmmsg", fd))
            return i == 0 ? real.recvmmsg(fd, v, cnt, flags, timeout) : (int)i;
        long r = do_recvmsg(&c, &v[i].msg_hdr, flags & ~MSG_WAITFORONE);
        unsigned len = (unsigned)r;
        if (r >= 0 && user_copy_out(&v[i].msg_len, &len, sizeof(len)) != 0)
            r = -EFAULT;
        now = c.now;
        if (r < 0 && r != -EAGAIN && r != CALL_TO_LIBC && i > 0 && c.s)
            c.s->so_err = (int)-r; /* for the next call */
        r = call_end(&c, r);
        if (r == CALL_TO_LIBC) {
            r = real.recvmsg(fd, &v[i].msg_hdr, flags & ~MSG_WAITFORONE);
            if (r < 0 && both_again(fd, flags))
                continue;
            if (r >= 0)
                v[i].msg_len = (unsigned)r;
        }
        if (r < 0)
            break;
        i++;
        if (flags & MSG_WAITFORONE)
            flags |= MSG_DONTWAIT;
        if (now >= end)
            break;
    }
    if (i == 0 && cnt > 0)
        return -1;
    errno = saved;
    if (timeout && end != TIME_NEVER) {
        uint64_t rest = end > now ? end - now : 0;
        ts.tv_sec = (time_t)(rest / NS_PER_S);
        ts.tv_nsec = (long)(rest % NS_PER_S);
        enter();
        user_copy_out(timeout, &ts, sizeof(ts));
        leave();
    }
    return (int)i;
}

/* ---- what -D_FORTIFY_SOURCE makes of them ---- */

ssize_t __read_chk(int fd, void *buf, size_t len, size_t room) {
    if (len > room)
        __chk_fail();
    return read(fd, buf, len);
}

ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags) {
    if (len > room)
        __chk_fail();
    return recv(fd, buf, len, flags);
}

ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags, struct sockaddr *sa,
                       socklen_t *sa_len) {
    if (len > room)
        __chk_fail();
    return recvfrom(fd, buf, len, flags, sa, sa_len);
}
