/* SPDX-License-Identifier: ISC */
/*
 * exec in all its forms: our library and our sockets come along.
 *
 * The new image needs LD_PRELOAD and the USERSTACK_ names in its environment. Programs that clean it (env -i, sshd, an execve() with an array of its own) do not mean us: both are put in again if the image inherits one
 * of our sockets, or if the user is the same and nothing shows that LD_PRELOAD was taken out on purpose, which is when our own names are still there.
 *
 * Everything here may run between fork() and exec: no malloc.
 */
#include "decide.h"

#include <alloca.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/sys.h"

#define OWN_CNT 64 /* variables of ours that are kept */
#define OWN_BYTES 8192
#define PRELOAD "LD_PRELOAD="
#define PREFIX "USERSTACK_"
#define TOKEN HOST_TOKEN_NAME "="

/* As they were at the start, for those who clean their environment. */
static char own_text[OWN_BYTES];
static char *own_var[OWN_CNT];
static int own_cnt;
static uid_t own_uid;

static bool starts(const char *s, const char *with) { return strncmp(s, with, strlen(with)) == 0; }

void exec_remember(char *const *envp) {
    size_t used = 0;
    own_uid = (uid_t)SYS_CALL0(SYS_getuid);
    for (; envp && *envp && own_cnt < OWN_CNT; envp++) {
        size_t len = strlen(*envp) + 1;
        if ((!starts(*envp, PRELOAD) && !starts(*envp, PREFIX)) || starts(*envp, TOKEN) ||
            used + len > sizeof(own_text))
            continue;
        own_var[own_cnt++] = memcpy(own_text + used, *envp, len);
        used += len;
    }
}

static int count(char *const *v) {
    int n = 0;
    while (v && v[n])
        n++;
    return n;
}

static bool has(char *const *envp, const char *prefix) {
    for (; envp && *envp; envp++)
        if (starts(*envp, prefix))
            return true;
    return false;
}

/* Is what we put in of use, and wanted? */
static bool wants_us(char *const *envp, bool inherits) {
    if (own_cnt == 0 || has(envp, PRELOAD))
        return false;
    if (inherits)
        return true;
    return !has(envp, PREFIX) && (uid_t)SYS_CALL0(SYS_getuid) == own_uid &&
           (uid_t)sys_geteuid() == own_uid;
}

/* env has room for own_cnt + 2 more. */
static void env_make(char **env, char *const *envp, bool ours, char *token) {
    int n = 0;
    for (; envp && *envp; envp++)
        if (!starts(*envp, TOKEN) && !(ours && starts(*envp, PREFIX)))
            env[n++] = *envp;
    for (int i = 0; ours && i < own_cnt; i++)
        env[n++] = own_var[i];
    if (token)
        env[n++] = token;
    env[n] = NULL;
}

struct exec_how {
    const char *path; /* NULL: fd */
    int fd;           /* of execveat and fexecve; AT_FDCWD */
    int flags;
    bool search; /* in PATH */
};

static long run(const struct exec_how *how, char *const *argv, char *const *envp) {
    if (how->search)
        return real.execvpe(how->path, argv, envp) < 0 ? -errno : 0;
    if (how->fd != AT_FDCWD || how->flags)
        return SYS_CALL5(SYS_execveat, how->fd, how->path, argv, envp, how->flags);
    return SYS_CALL3(SYS_execve, how->path, argv, envp);
}

/* The file that a search in PATH finds first. */
static const char *found_in_path(const char *file, char *buf, size_t cap) {
    const char *dirs = getenv("PATH");
    if (strchr(file, '/'))
        return file;
    for (const char *d = dirs ? dirs : "/bin:/usr/bin"; *d; d += strcspn(d, ":")) {
        d += *d == ':';
        size_t n = strcspn(d, ":"), len = strlen(file);
        if (n + len + 2 > cap)
            continue;
        memcpy(buf, d, n);
        buf[n] = '/';
        memcpy(buf + n + (n > 0), file, len + 1);
        if (SYS_CALL4(SYS_faccessat, AT_FDCWD, buf, X_OK, 0) == 0)
            return buf;
    }
    return file;
}

static bool image_takes_us(const struct exec_how *how) {
    char buf[PATH_MAX];
    if (how->path && how->path[0] == '\0')
        return host_image_takes_us(NULL, how->fd, 4);
    if (how->fd != AT_FDCWD)
        return true;
    return host_image_takes_us(how->search ? found_in_path(how->path, buf, sizeof(buf)) : how->path,
                               -1, 4);
}

static int do_exec(const struct exec_how *how, char *const *argv, char *const *envp) {
    char token[sizeof(TOKEN) + HOST_TOKEN_CAP] = TOKEN;
    bool ready = stack_is_ready(), inherits = false;
    char **env = alloca(sizeof(*env) * (size_t)(count(envp) + own_cnt + 2));
    enter();
    if (ready) {
        uint64_t now = host_lock();
        inherits = host_exec_inherits();
        host_unlock(now);
        inherits = inherits && image_takes_us(how);
        host_exec_prepare(inherits, token + sizeof(TOKEN) - 1);
    }
    env_make(env, envp, wants_us(envp, inherits), inherits ? token : NULL);
    /* A handler must not find the process between two programs; the mask goes along. */
    leave();
    long r = run(how, argv, env);
    enter();
    if (ready)
        host_exec_failed();
    return (int)leave_ret(r);
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[]) {
    return do_exec(&(struct exec_how){path, AT_FDCWD, 0, false}, argv, envp);
}

EXPORT int execv(const char *path, char *const argv[]) { return execve(path, argv, environ); }

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[]) {
    return do_exec(&(struct exec_how){file, AT_FDCWD, 0, true}, argv, envp);
}

EXPORT int execvp(const char *file, char *const argv[]) { return execvpe(file, argv, environ); }

EXPORT int fexecve(int fd, char *const argv[], char *const envp[]) {
    return do_exec(&(struct exec_how){"", fd, AT_EMPTY_PATH, false}, argv, envp);
}

EXPORT int execveat(int fd, const char *path, char *const argv[], char *const envp[], int flags) {
    return do_exec(&(struct exec_how){path, fd, flags, false}, argv, envp);
}

/* The arguments of the functions that end in "l", counted and then gathered. */
#define GATHER(first, argv)                                                                        \
    int cnt = 1;                                                                                   \
    va_list ap;                                                                                    \
    va_start(ap, first);                                                                           \
    while (va_arg(ap, const char *))                                                               \
        cnt++;                                                                                     \
    va_end(ap);                                                                                    \
    char **argv = alloca(sizeof(*argv) * ((size_t)cnt + 1));                                       \
    argv[0] = (char *)(uintptr_t)first;                                                            \
    va_start(ap, first);                                                                           \
    for (int i = 1; i <= cnt; i++)                                                                 \
        argv[i] = va_arg(ap, char *);

EXPORT int execl(const char *path, const char *arg, ...) {
    GATHER(arg, argv)
    va_end(ap);
    return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...) {
    GATHER(arg, argv)
    va_end(ap);
    return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...) {
    GATHER(arg, argv)
    char *const *envp = va_arg(ap, char *const *);
    va_end(ap);
    return execve(path, argv, envp);
}
