/* SPDX-License-Identifier: ISC */
/*
 * The keeper: a process of its own that holds what the stack needs to live, buries the dead, serves the control socket, and drives when it has to.
 *
 * It is started by the process that brings the device up, which does not wait for it: clone() without exit signal, so that no wait() sees it; a session of its own; nothing open but what the stack needs; then the
 * command `userstack keeper`. It learns of processes from their records (keeper_kick() tells that they changed) and of deaths from pidfds. Its own stack thread goes on duty as soon as there is more than one process, or none.
 * It leaves when no process and no connection is left, or the interface is gone.
 */
#include <dlfcn.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "host/control.h"
#include "host/priv.h"
#include "host/sys.h"

#define STACK_BYTES (64u << 10)
#define READY_WAIT_NS (200 * NS_PER_MS)
#define EXEC_LOOK_NS NS_PER_MS /* while an exec is under way */
#define LOOK_NS NS_PER_S
#define PROC_MAX 4096
#define BORN_LOOK_NS (100 * NS_PER_MS)

/* ---- starting it ---- */

static bool is_program(const char *path) {
    return SYS_CALL4(SYS_faccessat, AT_FDCWD, path, X_OK, 0) == 0;
}

/* The command beside the library: in the same folder, in that above (a build tree), in ../bin. */
static bool find_command(char *path, size_t cap) {
    static const char *const beside[] = {"", "../", "../bin/", "../../bin/"};
    Dl_info info;
    if (!dladdr((const void *)&host_local, &info) || !info.dli_fname)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    for (size_t i = 0; slash && i < UST_ARRAY_CNT(beside); i++) {
        snprintf(path, cap, "%.*s%suserstack", (int)(slash + 1 - info.dli_fname), info.dli_fname,
                 beside[i]);
        if (is_program(path))
            return true;
    }
    snprintf(path, cap, "%s/userstack", USERSTACK_BINDIR);
    return is_program(path);
}

struct start {
    const char *path;
    char *const *argv;
};

/* In the child, which shares our memory until it execs, and has descriptors of its own. */
static int child_main(void *arg) {
    const struct start *st = arg;
    static char *const no_env[] = {NULL};
    SYS_CALL0(SYS_setsid);
    SYS_CALL1(SYS_chdir, "/");
    long null = sys_open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        if (null != fd)
            sys_dup3((int)null, fd, 0);
    unsigned from = 3;
    for (int fd = host_fd_next(3); fd >= 0; fd = host_fd_next(fd + 1)) {
        if ((unsigned)fd > from)
            SYS_CALL3(SYS_close_range, from, (unsigned)fd - 1, 0);
        from = (unsigned)fd + 1;
    }
    SYS_CALL3(SYS_close_range, from, ~0u, 0);
    exec_fds_cloexec(&host_local.s->keeper_fds, false);
    SYS_CALL3(SYS_execve, st->path, st->argv, no_env);
    SYS_CALL1(SYS_exit_group, 127);
    return 0;
}

static long spawn_keeper(const struct start *st) {
    uint8_t *stack = sys_mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        return -ENOMEM;
    const uint64_t all = ~0ULL;
    uint64_t old;
    sys_sigprocmask(SIG_SETMASK, &all, &old);
    int saved = errno;
    int pid = clone(child_main, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK, (void *)(uintptr_t)st);
    errno = saved;
    sys_sigprocmask(SIG_SETMASK, &old, NULL);
    sys_munmap(stack, STACK_BYTES);
    return pid;
}

void keeper_start(void) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    char path[4096], token[HOST_TOKEN_CAP];
    if (h->cfg.no_keeper || h->use_ops || h->sandboxed || !h->dev.ops || !h->dev.ops->adopt ||
        !find_command(path, sizeof path))
        return;
    char name[] = "userstack", verb[] = "keeper";
    char *argv[] = {name, verb, token, NULL};
    lock_take();
    bool mine = !s->keeper_starting && (s->keeper_pid == 0 || pid_is_dead(s->keeper_pid));
    if (mine) {
        s->keeper_starting = true;
        pool_make();
        if (s->keeper_pid != 0)
            evfd_release_of(s->keeper_pid);
        s->keeper_pid = 0;
        exec_fds_note(&s->keeper_fds);
        if (s->keeper_fds.trace <= 2)
            s->keeper_fds.trace = -1;
        exec_token(token);
    }
    lock_drop();
    if (!mine)
        return;
    long pid = spawn_keeper(&(struct start){path, argv});
    lock_take();
    s->keeper_starting = false;
    if (pid > 0 && s->keeper_pid == 0)
        s->keeper_pid = (uint32_t)pid;
    lock_drop();
}

void keeper_kick(void) {
    struct host_shared *s = host_local.s;
    if (s->keeper_ready)
        evfd_write(s->keeper_evfd);
}

bool keeper_takes_over(void) {
    struct host_shared *s = host_local.s;
    uint64_t end = host_now() + READY_WAIT_NS;
    uint32_t pid = s->keeper_pid;
    if (pid == 0)
        return false;
    while (!pid_is_dead(pid)) {
        if (__atomic_load_n(&s->keeper_ready, __ATOMIC_ACQUIRE))
            return true;
        if (host_now() > end)
            return false;
        struct timespec ts = {0, NS_PER_MS / 4};
        SYS_CALL2(SYS_nanosleep, &ts, NULL);
    }
    return false;
}

/* ---- being it ---- */

static struct known {
    uint32_t pid;
    int fd;
} known[PROC_MAX];
static struct pollfd polls[PROC_MAX + 2];
static uint32_t known_cnt;

static bool is_known(uint32_t pid) {
    for (uint32_t i = 0; i < known_cnt; i++)
        if (known[i].pid == pid)
            return true;
    return false;
}

/* Lock held. */
static void bury_pid(uint32_t pid, uint64_t now_ns) {
    struct host_proc *p = NULL;
    while ((p = slab_next_alive(&host_local.st->core.arena, SLAB_PROC, p)))
        if (p->pid == pid)
            proc_bury(p, now_ns);
}

/* Lock held. Looks at all records; when to look again. */
static uint64_t look_at_processes(uint64_t now_ns) {
    struct host_proc *p = NULL;
    uint64_t again = LOOK_NS;
    while ((p = slab_next_alive(&host_local.st->core.arena, SLAB_PROC, p))) {
        if (p->pid == 0) {
            again = UST_MIN(again, BORN_LOOK_NS);
            if (proc_is_dead(p, now_ns))
                proc_bury(p, now_ns);
            continue;
        }
        if (p->execing) {
            proc_execed(p, now_ns);
            again = UST_MIN(again, EXEC_LOOK_NS);
        }
        if (is_known(p->pid))
            continue;
        uint64_t start = p->start ? proc_start_time(p->pid) : 0;
        long fd = SYS_CALL2(SYS_pidfd_open, p->pid, 0);
        if (fd == -ESRCH || (start != 0 && start != p->start)) {
            if (fd >= 0)
                sys_close((int)fd);
            proc_bury(p, now_ns);
        } else if (fd >= 0 && known_cnt < PROC_MAX) {
            known[known_cnt++] = (struct known){p->pid, (int)fd};
        }
    }
    return again;
}

/* Lock held. */
static void bury_reported(uint64_t now_ns) {
    for (uint32_t i = known_cnt; i-- > 0;) {
        if (!polls[i + 2].revents)
            continue;
        bury_pid(known[i].pid, now_ns);
        sys_close(known[i].fd);
        known[i] = known[--known_cnt];
        polls[i + 2] = polls[known_cnt + 2];
    }
}

static bool interface_is_gone(void) {
    struct ifreq ifr = {0};
    const struct host_local *h = &host_local;
    memcpy(ifr.ifr_name, h->cfg.ifname, strnlen(h->cfg.ifname, IFNAMSIZ - 1));
    return h->dev.fd < 0 || sys_ioctl(h->dev.fd, SIOCGIFFLAGS, &ifr) == -ENODEV;
}

/* Lock held. Nobody is here, and nothing is left to do. */
static bool may_leave(void) {
    const struct tcp *t = &host_local.st->tcp;
    if (host_proc_cnt() > 0)
        return false;
    return (t->tcb_cnt == 0 && t->tw_cnt == 0) || host_local.s->retired || interface_is_gone();
}

const char *keeper_asked_to_retire(void) {
    struct host_local *h = &host_local;
    const char *answer = "no\n";
    lock_take();
    if (h->pid == h->s->keeper_pid && host_proc_cnt() == 0) {
        h->s->retired = h->s->retired || tcp_undelivered(&h->st->tcp) == 0;
        answer = h->s->retired ? "ok\n" : "wait\n";
    }
    lock_drop();
    keeper_kick();
    return answer;
}

static void duty(void) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    lock_take();
    uint32_t pid = s->backup_pid;
    bool wanted = pid != h->pid && (host_proc_cnt() != 1 || pid == 0);
    int other = pid != 0 ? s->backup_evfd : -1;
    lock_drop();
    if (wanted && thread_start() == 0 && other >= 0)
        evfd_write(other); /* it is relieved */
}

static int keep(void) {
    struct host_local *h = &host_local;
    struct host_shared *s = h->s;
    uint64_t again = 0;
    for (;;) {
        polls[0] = (struct pollfd){.fd = h->ctl_fd, .events = POLLIN};
        polls[1] = (struct pollfd){.fd = h->evfd[s->keeper_evfd], .events = POLLIN};
        for (uint32_t i = 0; i < known_cnt; i++)
            polls[i + 2] = (struct pollfd){.fd = known[i].fd, .events = POLLIN};
        struct timespec ts = {(time_t)(again / NS_PER_S), (long)(again % NS_PER_S)};
        long r = sys_ppoll(polls, known_cnt + 2, &ts, NULL);
        if (r > 0 && polls[1].revents)
            evfd_drain(s->keeper_evfd);
        if (r > 0 && polls[0].revents)
            control_serve(h->ctl_fd);
        uint64_t now_ns = turn_lock();
        if (r > 0)
            bury_reported(now_ns);
        again = look_at_processes(now_ns);
        bool leave = may_leave();
        if (leave) {
            s->keeper_ready = false;
            s->keeper_pid = 0;
            s->retired = true;
        }
        turn_unlock(now_ns, NULL, false);
        if (leave)
            break;
        duty();
    }
    turn_flush();
    if (h->cap) {
        lock_take();
        capture_flush(h->cap);
        lock_drop();
    }
    return 0;
}

int host_keeper(const char *token) {
    struct host_local *h = &host_local;
    int r = exec_map(token);
    if (r < 0)
        return r;
    struct host_shared *s = h->s;
    sys_prctl(PR_SET_NAME, (unsigned long)(uintptr_t) "userstack");
    lock_take();
    exec_take_fds(&s->keeper_fds);
    int i = evfd_claim();
    s->keeper_evfd = i;
    s->keeper_pid = h->pid;
    __atomic_store_n(&s->keeper_ready, i >= 0, __ATOMIC_RELEASE);
    lock_drop();
    return i < 0 ? -EMFILE : keep();
}
