/* SPDX-License-Identifier: ISC */
/*
 * fdopen() of a socket, and a socket dup'ed onto 0, 1 or 2: cookie streams (fopencookie(3)) whose reads and writes are our read() and write(), whatever
 * the number stands for by then. fileno() finds their number in a list that only grows, so that it is read without a lock.
 *
 * stdin, stdout and stderr are variables, so a socket under their number puts a cookie stream into them, and a file that takes its place puts libc's own back; what is
 * still in the one's buffer moves to the other. Who has kept the pointer (C++'s cout with sync_with_stdio) does not follow.
 */
#include "stdio_calls.h"
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <unistd.h>

struct stream {
    FILE *_Atomic fp; /* NULL: closed, may be used again */
    int fd;
    char *left; /* what stdin had read ahead before it became ours */
    size_t left_cnt;
    struct stream *next;
};
static struct stream *_Atomic streams;

static struct stream *find(FILE *fp) {
    struct stream *s = atomic_load_explicit(&streams, memory_order_acquire);
    while (s && atomic_load_explicit(&s->fp, memory_order_acquire) != fp)
        s = s->next;
    return s;
}

/* ---- what stdio calls ---- */

static ssize_t on_read(void *cookie, char *buf, size_t len) {
    struct stream *s = cookie;
    if (s->left_cnt == 0)
        return read(s->fd, buf, len);
    size_t n = UST_MIN(len, s->left_cnt);
    memcpy(buf, s->left, n);
    s->left_cnt -= n;
    memmove(s->left, s->left + n, s->left_cnt);
    return (ssize_t)n;
}

/* All of it, as stdio does for files; less only with an error. */
static ssize_t write_all(int fd, const char *buf, size_t len) {
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, buf + done, len - done);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

static ssize_t on_write(void *cookie, const char *buf, size_t len) {
    return write_all(((struct stream *)cookie)->fd, buf, len);
}

static int on_seek(void *cookie, off64_t *off, int whence) {
    off64_t r = lseek64(((struct stream *)cookie)->fd, *off, whence);
    if (r < 0)
        return -1;
    *off = r;
    return 0;
}

static int on_close(void *cookie) {
    struct stream *s = cookie;
    int fd = s->fd;
    free(s->left);
    s->left = NULL;
    s->left_cnt = 0;
    atomic_store_explicit(&s->fp, NULL, memory_order_release);
    return close(fd);
}

/* NULL: no memory. */
static FILE *stream_new(int fd, const char *mode) {
    static const cookie_io_functions_t calls = {on_read, on_write, on_seek, on_close};
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->fd = fd;
    FILE *fp = fopencookie(s, mode, calls);
    if (!fp) {
        free(s);
        return NULL;
    }
    atomic_store(&s->fp, fp);
    s->next = atomic_load(&streams);
    while (!atomic_compare_exchange_weak(&streams, &s->next, s))
        ;
    return fp;
}

/* ---- the calls ---- */

FILE *fdopen(int fd, const char *mode) {
    if (UST_LIKELY(!fd_lookup(fd)))
        return real.fdopen(fd, mode);
    char plain[3] = {mode[0]};
    if (!strchr("rwa", mode[0]) || !mode[0]) {
        errno = EINVAL;
        return NULL;
    }
    /* A socket is always open for both. */
    if (strchr(mode, '+'))
        plain[1] = '+';
    return stream_new(fd, plain);
}

int fileno(FILE *fp) {
    const struct stream *s = atomic_load_explicit(&streams, memory_order_relaxed) ? find(fp) : NULL;
    return s ? s->fd : real.fileno(fp);
}

int fileno_unlocked(FILE *fp) { return fileno(fp); }

UST_PRINTF(2, 0) static int print(int fd, const char *fmt, va_list ap) {
    char *text;
    int n = vasprintf(&text, fmt, ap);
    if (n < 0)
        return n;
    ssize_t done = write_all(fd, text, (size_t)n);
    int saved = errno;
    free(text);
    errno = saved;
    return done == n ? n : -1;
}

UST_PRINTF(2, 0) int vdprintf(int fd, const char *fmt, va_list ap) {
    return fd_lookup(fd) ? print(fd, fmt, ap) : real.vdprintf(fd, fmt, ap);
}

/* The flag makes %n in writable memory an error, which matters to libc's own formats only. */
UST_PRINTF(3, 0) int __vdprintf_chk(int fd, int flag, const char *fmt, va_list ap) {
    return fd_lookup(fd) ? print(fd, fmt, ap) : real.__vdprintf_chk(fd, flag, fmt, ap);
}

int dprintf(int fd, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vdprintf(fd, fmt, ap);
    va_end(ap);
    return n;
}

UST_PRINTF(3, 4) int __dprintf_chk(int fd, int flag, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = __vdprintf_chk(fd, flag, fmt, ap);
    va_end(ap);
    return n;
}

/* ---- stdin, stdout, stderr ---- */

/* What is not written yet, or read ahead, moves to the other stream; so does the way of buffering. */
static void move_buffer(FILE *from, FILE *to, bool input) {
    if (input) {
        struct stream *s = find(to);
        size_t n = (size_t)(from->_IO_read_end - from->_IO_read_ptr);
        char *left = n > 0 && s ? malloc(n) : NULL;
        if (left) {
            memcpy(left, from->_IO_read_ptr, n);
            free(s->left);
            s->left = left;
            s->left_cnt = n;
            __fpurge(from);
        }
        return;
    }
    if (__fbufsize(from) == 1)
        setvbuf(to, NULL, _IONBF, 0);
    else if (__flbf(from))
        setvbuf(to, NULL, _IOLBF, BUFSIZ);
    size_t n = __fpending(from);
    if (n > 0)
        fwrite(from->_IO_write_base, 1, n, to);
    __fpurge(from);
}

void stdio_follow_slow(int fd) {
    static FILE *libcs[3];
    FILE **const slot[3] = {&stdin, &stdout, &stderr};
    FILE *now = *slot[fd], *to;
    bool ours = fd_lookup(fd) != NULL;
    /* The program may have put a stream of its own there, or closed it. */
    if (!now || fileno(now) != fd || ours == (find(now) != NULL))
        return;
    int saved = errno;
    if (ours) {
        libcs[fd] = now;
        to = stream_new(fd, fd == 0 ? "r" : "w");
        if (to && fd == 2)
            setvbuf(to, NULL, _IONBF, 0);
    } else {
        to = libcs[fd];
    }
    if (to) {
        move_buffer(now, to, fd == 0);
        *slot[fd] = to;
        struct stream *s = ours ? NULL : find(now);
        if (s) { /* the number stays open: only the stream goes */
            s->fd = -1;
            fclose(now);
        }
    }
    errno = saved;
}

void stdio_flush(void) {
    for (struct stream *s = atomic_load(&streams); s; s = s->next) {
        FILE *fp = atomic_load(&s->fp);
        /* A thread may sleep in it. */
        if (!fp || ftrylockfile(fp) != 0)
            continue;
        if (__fpending(fp) > 0)
            fflush_unlocked(fp);
        funlockfile(fp);
    }
}
