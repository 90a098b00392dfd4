/* SPDX-License-Identifier: ISC */
/*
 * sendfile() to a socket of ours, splice() between one and a pipe. The file is read straight into the send buffer's reserved room, the receive
 * buffer's slices are written straight to the pipe: nothing is taken that could not be delivered, and there is no copy beside the kernel's one.
 */
#include "decide.h"
#include "msg.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>

#include "host/sys.h"

/* What the kernel's pipe takes without blocking when it says POLLOUT. */
#define PIPE_STEP_BYTES 4096

static void to_iovec(struct iovec *io, const struct sbuf_mslice *v, int cnt) {
    for (int i = 0; i < cnt; i++)
        io[i] = (struct iovec){v[i].p, v[i].len};
}

/* The send buffer is full: 0 when there is room again; else what the call is to return if nothing has been sent. */
static long wait_room(struct call *c) {
    if (call_nonblock(c, 0) && !c->s->writing)
        return -EAGAIN;
    struct block_rule rule = {c->s->sndtimeo_ns, POLLOUT, false, -EAGAIN};
    return call_block(c, &rule);
}

/* off NULL: from the file's own position, which moves. */
static long do_sendfile(struct call *c, int in, off_t *off, size_t len) {
    size_t done = 0;
    long r = 0;
    while (done < len) {
        struct sbuf_mslice v[MSG_SLICE_CNT];
        struct iovec io[MSG_SLICE_CNT];
        int cnt;
        size_t want = UST_MIN(len - done, (size_t)MSG_CHUNK_BYTES);
        r = sock_send_reserve(c->sk, c->s, want, v, &cnt, MSG_SLICE_CNT);
        if (r == -EAGAIN) {
            r = wait_room(c);
            if (r == -CALL_RESTART && done == 0)
                r = call_again(c) ? 0 : -EBADF;
            if (r < 0)
                break;
            continue;
        }
        if (r <= 0)
            break;
        size_t room = (size_t)r;
        to_iovec(io, v, cnt);
        call_unlock(c);
        r = off ? SYS_CALL5(SYS_preadv, in, io, cnt, *off, 0L) : SYS_CALL3(SYS_readv, in, io, cnt);
        call_lock(c);
        size_t n = r > 0 ? (size_t)r : 0;
        done += n;
        sock_send_commit(c->sk, c->now, c->s, n, n == room && done < len ? MSG_MORE : 0);
        if (off)
            *off += (off_t)n;
        if (n < room) /* the end of the file, or an error */
            break;
    }
    if (done > 0) {
        if (done < len)
            send_push(c, false);
        return (long)done;
    }
    c->sigpipe = r == -EPIPE;
    return UST_MIN(r, 0);
}

static ssize_t sendfile_any(struct call *c, int in, off_t *user_off, size_t len) {
    off_t off = 0;
    if (c->s->kind != SOCK_KIND_TCP)
        return call_end(c, -EINVAL);
    if (user_off && user_copy_in(&off, user_off, sizeof(off)) != 0)
        return call_end(c, -EFAULT);
    /* Linux wants an input that can be seeked. */
    long fl = sys_fcntl(in, F_GETFL, 0);
    if (fl < 0 || (fl & O_ACCMODE) == O_WRONLY)
        return call_end(c, -EBADF);
    if (SYS_CALL3(SYS_lseek, in, 0, SEEK_CUR) < 0)
        return call_end(c, user_off ? -ESPIPE : -EINVAL);
    if (off < 0)
        return call_end(c, -EINVAL);
    long r = do_sendfile(c, in, user_off ? &off : NULL, UST_MIN(len, (size_t)0x7ffff000));
    if (r >= 0 && user_off && user_copy_out(user_off, &off, sizeof(off)) != 0)
        r = -EFAULT;
    return call_end(c, r);
}

ssize_t sendfile(int out, int in, off_t *off, size_t len) {
    struct call c;
    if (!fd_lookup(out) || !call_begin(&c, "sendfile", out))
        return real.sendfile(out, in, off, len);
    return sendfile_any(&c, in, off, len);
}

ssize_t sendfile64(int out, int in, off64_t *off, size_t len) {
    return sendfile(out, in, off, len);
}

/* ---- splice ---- */

/* Outside the stack until the pipe is ready for events: 0, -EAGAIN, -EINTR. The socket has to be looked up again. */
static long wait_pipe(struct call *c, int pipe, short events, bool nonblock) {
    struct pollfd p = {.fd = pipe, .events = events};
    long r = sys_ppoll(&p, 1, &(struct timespec){0}, NULL);
    if (r != 0)
        return r < 0 ? r : 0;
    if (nonblock || (sys_fcntl(pipe, F_GETFL, 0) & O_NONBLOCK))
        return -EAGAIN;
    call_let_go(c);
    r = real.poll(&p, 1, -1) < 0 ? -errno : 0;
    call_come_back(c);
    return r < 0 || c->s ? r : -EBADF;
}

static long pipe_to_sock(struct call *c, int pipe, size_t len, unsigned flags) {
    for (;;) {
        int avail = 0;
        long r = wait_pipe(c, pipe, POLLIN, flags & SPLICE_F_NONBLOCK);
        if (r < 0)
            return r;
        r = sys_ioctl(pipe, FIONREAD, &avail);
        if (r < 0 || avail == 0) /* no more writers */
            return r;
        struct sbuf_mslice v[MSG_SLICE_CNT];
        struct iovec io[MSG_SLICE_CNT];
        int cnt;
        size_t want = UST_MIN(UST_MIN(len, (size_t)avail), (size_t)MSG_CHUNK_BYTES);
        r = sock_send_reserve(c->sk, c->s, want, v, &cnt, MSG_SLICE_CNT);
        if (r > 0) {
            to_iovec(io, v, cnt);
            call_unlock(c);
            r = SYS_CALL3(SYS_readv, pipe, io, cnt);
            call_lock(c);
            sock_send_commit(c->sk, c->now, c->s, r > 0 ? (size_t)r : 0,
                             flags & SPLICE_F_MORE ? MSG_MORE : 0);
            return r;
        }
        if (r == -EAGAIN) {
            r = wait_room(c);
            if (r == -CALL_RESTART)
                r = call_again(c) ? 0 : -EBADF;
        }
        if (r < 0) {
            c->sigpipe = r == -EPIPE;
            return r;
        }
    }
}

static long sock_to_pipe(struct call *c, int pipe, size_t len, unsigned flags) {
    bool nonblock = flags & SPLICE_F_NONBLOCK;
    size_t done = 0;
    long r = 0;
    while (done < len) {
        struct ust_slice v;
        int cnt;
        r = wait_pipe(c, pipe, POLLOUT, nonblock || done > 0);
        if (r < 0)
            break;
        r = sock_recv_peek(c->sk, c->s, 0, UST_MIN(len - done, (size_t)PIPE_STEP_BYTES), &v, &cnt,
                           1);
        if (r > 0) {
            call_unlock(c);
            r = sys_write(pipe, v.p, (size_t)r);
            call_lock(c);
            sock_recv_done(c->sk, c->now, c->s, r > 0 ? (size_t)r : 0);
            if (r < 0)
                break;
            done += (size_t)r;
            continue;
        }
        if (r != -EAGAIN || done > 0 || (call_nonblock(c, 0) && !c->s->reading))
            break;
        struct block_rule rule = {c->s->rcvtimeo_ns, POLLIN | POLLRDHUP, false, -EAGAIN};
        r = call_block(c, &rule);
        if (r == -CALL_RESTART)
            r = call_again(c) ? 0 : -EBADF;
        if (r < 0)
            break;
    }
    return done > 0 ? (long)done : r;
}

static bool is_pipe(int fd) { return sys_fcntl(fd, F_GETPIPE_SZ, 0) >= 0; }

ssize_t splice(int in, off64_t *in_off, int out, off64_t *out_off, size_t len, unsigned flags) {
    struct call c;
    bool from = fd_lookup(in), to = fd_lookup(out);
    if (UST_LIKELY(!from && !to) || !is_pipe(from ? out : in) ||
        !call_begin(&c, "splice", from ? in : out))
        return real.splice(in, in_off, out, out_off, len, flags);
    if (in_off || out_off)
        return call_end(&c, -ESPIPE);
    if (c.s->kind != SOCK_KIND_TCP)
        return call_end(&c, -EINVAL);
    if (len == 0)
        return call_end(&c, 0);
    return call_end(&c,
                    from ? sock_to_pipe(&c, out, len, flags) : pipe_to_sock(&c, in, len, flags));
}
