/* SPDX-License-Identifier: ISC */
/*
 * Raw system calls: negative errno, no libc wrapper, so that nothing here is interposed, is a
 * cancellation point or touches errno. Not syscall(): that is interposed too.
 */
#ifndef UST_HOST_SYS_H
#define UST_HOST_SYS_H

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
static inline long sys_call6(long nr, long a, long b, long c, long d, long e, long f) {
    long r;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(r)
                     : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return r;
}
#elif defined(__aarch64__)
static inline long sys_call6(long nr, long a, long b, long c, long d, long e, long f) {
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "host/sys.h: system calls are written for x86-64 and aarch64"
#endif

#define SYS_ARG(x) ((long)(x))
#define SYS_CALL0(nr) sys_call6((nr), 0, 0, 0, 0, 0, 0)
#define SYS_CALL1(nr, a) sys_call6((nr), SYS_ARG(a), 0, 0, 0, 0, 0)
#define SYS_CALL2(nr, a, b) sys_call6((nr), SYS_ARG(a), SYS_ARG(b), 0, 0, 0, 0)
#define SYS_CALL3(nr, a, b, c) sys_call6((nr), SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), 0, 0, 0)
#define SYS_CALL4(nr, a, b, c, d)                                                                  \
    sys_call6((nr), SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), 0, 0)
#define SYS_CALL5(nr, a, b, c, d, e)                                                               \
    sys_call6((nr), SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), 0)
#define SYS_CALL6(nr, a, b, c, d, e, f)                                                            \
    sys_call6((nr), SYS_ARG(a), SYS_ARG(b), SYS_ARG(c), SYS_ARG(d), SYS_ARG(e), SYS_ARG(f))

#define SYS_SIGSET_BYTES 8 /* the kernel's sigset_t */

/* ---- files ---- */
static inline long sys_read(int fd, void *buf, size_t len) {
    return SYS_CALL3(SYS_read, fd, buf, len);
}
static inline long sys_write(int fd, const void *buf, size_t len) {
    return SYS_CALL3(SYS_write, fd, buf, len);
}
static inline long sys_close(int fd) { return SYS_CALL1(SYS_close, fd); }
static inline long sys_open_mode(const char *path, int flags, int mode) {
    return SYS_CALL4(SYS_openat, AT_FDCWD, path, flags, mode);
}
static inline long sys_open(const char *path, int flags) {
    return sys_open_mode(path, flags, 0666);
}
static inline long sys_fcntl(int fd, int cmd, long arg) {
    return SYS_CALL3(SYS_fcntl, fd, cmd, arg);
}
static inline long sys_dup3(int fd, int at, int flags) {
    return SYS_CALL3(SYS_dup3, fd, at, flags);
}
static inline long sys_readv(int fd, const struct iovec *v, int cnt) {
    return SYS_CALL3(SYS_readv, fd, v, cnt);
}
static inline long sys_writev(int fd, const struct iovec *v, int cnt) {
    return SYS_CALL3(SYS_writev, fd, v, cnt);
}
static inline long sys_unlink(const char *path) {
    return SYS_CALL3(SYS_unlinkat, AT_FDCWD, path, 0L);
}
static inline long sys_ioctl(int fd, unsigned long req, void *arg) {
    return SYS_CALL3(SYS_ioctl, fd, req, arg);
}
static inline long sys_readlink(const char *path, char *buf, size_t len) {
    return SYS_CALL4(SYS_readlinkat, AT_FDCWD, path, buf, len);
}
static inline long sys_ftruncate(int fd, uint64_t len) { return SYS_CALL2(SYS_ftruncate, fd, len); }

/* ---- memory ---- */
static inline long sys_memfd_create(const char *name, unsigned flags) {
    return SYS_CALL2(SYS_memfd_create, name, flags);
}
/* MAP_FAILED, without saying why; sys_mmap_at says it. */
static inline void *sys_mmap(void *at, size_t len, int prot, int flags, int fd, long off) {
    long r = SYS_CALL6(SYS_mmap, at, len, prot, flags, fd, off);
    return r < 0 && r > -4096 ? MAP_FAILED : (void *)r;
}
static inline long sys_mmap_at(void *at, size_t len, int prot, int flags, int fd) {
    return SYS_CALL6(SYS_mmap, at, len, prot, flags, fd, 0);
}
static inline long sys_munmap(void *p, size_t len) { return SYS_CALL2(SYS_munmap, p, len); }
static inline long sys_madvise(void *p, size_t len, int advice) {
    return SYS_CALL3(SYS_madvise, p, len, advice);
}
static inline long sys_mprotect(void *p, size_t len, int prot) {
    return SYS_CALL3(SYS_mprotect, p, len, prot);
}
static inline long sys_munlock(void *p, size_t len) { return SYS_CALL2(SYS_munlock, p, len); }

/* ---- sockets ---- */
static inline long sys_socket(int family, int type, int protocol) {
    return SYS_CALL3(SYS_socket, family, type, protocol);
}
static inline long sys_bind(int fd, const struct sockaddr *sa, socklen_t len) {
    return SYS_CALL3(SYS_bind, fd, sa, len);
}
static inline long sys_connect(int fd, const struct sockaddr *sa, socklen_t len) {
    return SYS_CALL3(SYS_connect, fd, sa, len);
}
static inline long sys_shutdown(int fd, int how) { return SYS_CALL2(SYS_shutdown, fd, how); }
static inline long sys_listen(int fd, int backlog) { return SYS_CALL2(SYS_listen, fd, backlog); }
static inline long sys_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags) {
    return SYS_CALL4(SYS_accept4, fd, sa, len, flags);
}
static inline long sys_getsockopt(int fd, int level, int name, void *val, socklen_t *len) {
    return SYS_CALL5(SYS_getsockopt, fd, level, name, val, len);
}
static inline long sys_setsockopt(int fd, int level, int name, const void *val, socklen_t len) {
    return SYS_CALL5(SYS_setsockopt, fd, level, name, val, len);
}
static inline long sys_sendmsg(int fd, const struct msghdr *m, int flags) {
    return SYS_CALL3(SYS_sendmsg, fd, m, flags);
}
static inline long sys_recvmsg(int fd, struct msghdr *m, int flags) {
    return SYS_CALL3(SYS_recvmsg, fd, m, flags);
}
static inline long sys_sendto(int fd, const void *buf, size_t len, int flags,
                              const struct sockaddr *sa, socklen_t salen) {
    return SYS_CALL6(SYS_sendto, fd, buf, len, flags, sa, salen);
}
static inline long sys_recvfrom(int fd, void *buf, size_t len, int flags, struct sockaddr *sa,
                                socklen_t *salen) {
    return SYS_CALL6(SYS_recvfrom, fd, buf, len, flags, sa, salen);
}

/* ---- sleeping ---- */
static inline long sys_eventfd(unsigned count, int flags) {
    return SYS_CALL2(SYS_eventfd2, count, flags);
}
/* The kernel writes the time left to *ts. */
static inline long sys_ppoll(struct pollfd *p, nfds_t cnt, struct timespec *ts,
                             const sigset_t *mask) {
    return SYS_CALL5(SYS_ppoll, p, cnt, ts, mask, SYS_SIGSET_BYTES);
}
static inline long sys_futex(void *word, int op, uint32_t val, const struct timespec *ts) {
    return SYS_CALL4(SYS_futex, word, op, val, ts);
}

/* ---- signals, process ---- */
static inline long sys_sigprocmask(int how, const uint64_t *set, uint64_t *old) {
    return SYS_CALL4(SYS_rt_sigprocmask, how, set, old, SYS_SIGSET_BYTES);
}
static inline long sys_sigtimedwait(const uint64_t *set, siginfo_t *info,
                                    const struct timespec *ts) {
    return SYS_CALL4(SYS_rt_sigtimedwait, set, info, ts, SYS_SIGSET_BYTES);
}
static inline long sys_signalfd(int fd, const uint64_t *set, int flags) {
    return SYS_CALL4(SYS_signalfd4, fd, set, SYS_SIGSET_BYTES, flags);
}
static inline long sys_getpid(void) { return SYS_CALL0(SYS_getpid); }
static inline long sys_gettid(void) { return SYS_CALL0(SYS_gettid); }
static inline long sys_geteuid(void) { return SYS_CALL0(SYS_geteuid); }
static inline long sys_getrandom(void *buf, size_t len, unsigned flags) {
    return SYS_CALL3(SYS_getrandom, buf, len, flags);
}
static inline long sys_getrlimit(int what, struct rlimit *r) {
    return SYS_CALL4(SYS_prlimit64, 0, what, 0L, r);
}
struct utsname;
static inline long sys_uname(struct utsname *u) { return SYS_CALL1(SYS_uname, u); }
static inline long sys_prctl(int what, unsigned long arg) {
    return SYS_CALL5(SYS_prctl, what, arg, 0L, 0L, 0L);
}

#endif
