/* SPDX-License-Identifier: ISC */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "host/sys.h"

/* This thread is inside dlsym(): what is called now comes from there. */
static __thread bool resolving __attribute__((tls_model("initial-exec")));

/* libc is older than this name. */
static long call_missing(void) {
    errno = ENOSYS;
    return -1;
}

/* What an allocator may want inside dlsym(). */
static long bare(long r) {
    if (r >= 0)
        return r;
    errno = (int)-r;
    return -1;
}
static ssize_t bare_read(int fd, void *buf, size_t len) { return bare(sys_read(fd, buf, len)); }
static ssize_t bare_write(int fd, const void *buf, size_t len) {
    return bare(sys_write(fd, buf, len));
}
static int bare_close(int fd) { return (int)bare(sys_close(fd)); }
static int bare_fcntl(int fd, int cmd, void *arg) {
    return (int)bare(sys_fcntl(fd, cmd, (long)arg));
}
static long bare_syscall(long nr, long a, long b, long c, long d, long e, long f) {
    return bare(sys_call6(nr, a, b, c, d, e, f));
}

typedef void (*any_fn)(void);
static const struct {
    const char *name;
    any_fn fn;
} bare_calls[] = {
    {"read", (any_fn)bare_read},   {"write", (any_fn)bare_write},     {"close", (any_fn)bare_close},
    {"fcntl", (any_fn)bare_fcntl}, {"syscall", (any_fn)bare_syscall},
};

/* *keep: this is the answer for good. */
static any_fn resolve(const char *name, bool *keep) {
    *keep = !resolving;
    if (resolving) {
        for (size_t i = 0; i < sizeof(bare_calls) / sizeof(bare_calls[0]); i++)
            if (strcmp(bare_calls[i].name, name) == 0)
                return bare_calls[i].fn;
        return (any_fn)call_missing;
    }
    int saved = errno;
    resolving = true;
    any_fn fn;
    void *p = dlsym(RTLD_NEXT, name);
    resolving = false;
    errno = saved;
    memcpy(&fn, &p, sizeof(fn));
    return fn ? fn : (any_fn)call_missing;
}

#define RESOLVE(name)                                                                              \
    bool keep;                                                                                     \
    __typeof__(real.name) fn = (__typeof__(real.name))resolve(#name, &keep);                       \
    if (keep)                                                                                      \
        __atomic_store_n(&real.name, fn, __ATOMIC_RELAXED);

#define CALL(name, type, params, args)                                                             \
    static type lazy_##name params {                                                               \
        RESOLVE(name)                                                                              \
        return fn args;                                                                            \
    }
#define CALLV CALL
#define CALL0(name, type, params, args)                                                            \
    static type lazy_##name params {                                                               \
        RESOLVE(name)                                                                              \
        fn args;                                                                                   \
    }
#include "calls.def"
#undef CALL
#undef CALL0

#define CALL(name, type, params, args) .name = lazy_##name,
#define CALL0 CALL
struct real real = {
#include "calls.def"
};
#undef CALL
#undef CALL0

void real_resolve_all(void) {
    static bool done;
    if (__atomic_load_n(&done, __ATOMIC_ACQUIRE))
        return;
#define CALL(name, type, params, args)                                                             \
    if (real.name == lazy_##name) {                                                                \
        RESOLVE(name)                                                                              \
    }
#define CALL0 CALL
#include "calls.def"
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
}
