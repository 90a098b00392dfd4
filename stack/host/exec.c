/* SPDX-License-Identifier: ISC */
/*
 * A process becomes another program.
 *
 * What the exec closes has to be closed at once in the stack, too, but an exec may fail, and nothing of ours runs behind one that succeeds in a program without us. So descriptors that are not
 * the last of their socket are given up before, and taken again after a failure; the last ones are closed by who notices: the image itself if it attaches, else the keeper or another member. The kernel tells them: the
 * thread holds a robust mutex in the arena across the exec, and its owner is dead then.
 *
 * An image that attaches inherits the private descriptors under their numbers, which the process's record has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "host/priv.h"
#include "host/sys.h"

/* ---- before ---- */

bool host_exec_inherits(void) {
    const struct host_proc *p = host_local.proc;
    for (int fd = host_proc_next(p, -1); fd >= 0; fd = host_proc_next(p, fd)) {
        const struct fdent *e = proc_entry(p, fd);
        if (e->cloexec)
            continue;
        if (e->kind == FD_EPOLL || ((const struct sock *)e->obj)->where != SOCK_KERNEL)
            return true;
    }
    return false;
}

void exec_fds_note(struct host_fds *f) {
    struct host_local *h = &host_local;
    f->mem = h->memfd;
    f->ctl = h->ctl_fd;
    f->dev = h->up ? h->dev.fd : -1;
    f->trace = h->trace_fd;
    f->cap = h->cap ? capture_fd(h->cap) : -1;
    for (int i = 0; i < HOST_POOL_CNT; i++)
        f->evfd[i] = h->evfd[i] > 0 ? h->evfd[i] : -1;
}

void exec_fds_cloexec(const struct host_fds *f, bool on) {
    const int one[] = {f->mem, f->ctl, f->dev, f->trace > 2 ? f->trace : -1, f->cap};
    for (size_t i = 0; i < UST_ARRAY_CNT(one); i++)
        if (one[i] >= 0)
            sys_fcntl(one[i], F_SETFD, on ? FD_CLOEXEC : 0);
    for (int i = 0; i < HOST_POOL_CNT; i++)
        if (f->evfd[i] >= 0)
            sys_fcntl(f->evfd[i], F_SETFD, on ? FD_CLOEXEC : 0);
}

/* Not the last descriptor: the process that has another one goes on without us. */
static void give_up(struct host_proc *p, uint64_t now_ns) {
    for (int fd = host_proc_next(p, -1); fd >= 0; fd = host_proc_next(p, fd)) {
        struct fdent *e = proc_entry(p, fd);
        if (!e->cloexec || e->given_up)
            continue;
        if (e->kind == FD_SOCK && ((struct sock *)e->obj)->refs > 1)
            sock_drop(&host_local.st->socks, now_ns, e->obj);
        else if (e->kind == FD_EPOLL && ((struct epset *)e->obj)->refs > 1)
            epset_drop(&host_local.st->socks, e->obj);
        else
            continue;
        e->given_up = true;
    }
}

void exec_token(char token[HOST_TOKEN_CAP]) {
    const struct host_local *h = &host_local;
    snprintf(token, HOST_TOKEN_CAP, "%d,%llx,%llx", h->memfd, (unsigned long long)(uintptr_t)h->st,
             (unsigned long long)h->arena_bytes);
}

void host_exec_prepare(bool inherit, char token[HOST_TOKEN_CAP]) {
    struct host_local *h = &host_local;
    struct host_proc *p = h->proc;
    pthread_mutex_lock(&p->exec_lock); /* of several threads that exec one comes back at most */
    uint64_t now_ns = turn_lock();
    if (inherit)
        pool_make();
    p->execing = true;
    p->hands_over = inherit;
    give_up(p, now_ns);
    exec_fds_note(&p->fds);
    snprintf(token, HOST_TOKEN_CAP, "%d,%llx,%llx", p->fds.mem,
             (unsigned long long)(uintptr_t)h->st, (unsigned long long)h->arena_bytes);
    turn_unlock(now_ns, NULL, false);
    if (inherit)
        exec_fds_cloexec(&p->fds, false);
    turn_flush();
    keeper_kick();
}

void host_exec_failed(void) {
    struct host_local *h = &host_local;
    struct host_proc *p = h->proc;
    struct arena *ar = &h->st->core.arena;
    if (p->hands_over)
        exec_fds_cloexec(&p->fds, true);
    lock_take();
    for (int fd = host_proc_next(p, -1); fd >= 0; fd = host_proc_next(p, fd)) {
        struct fdent *e = proc_entry(p, fd);
        if (!e->given_up)
            continue;
        e->given_up = false;
        if (!slab_is_alive(ar, e->obj)) /* closed by the others meanwhile */
            e->kind = FD_NONE;
        else if (e->kind == FD_SOCK)
            sock_take(e->obj);
        else
            epset_take(e->obj);
    }
    p->execing = p->hands_over = false;
    lock_drop();
    pthread_mutex_unlock(&p->exec_lock);
}

/* ---- seen from outside ---- */

void proc_execed(struct host_proc *p, uint64_t now_ns) {
    int r = pthread_mutex_trylock(&p->exec_lock);
    if (r == EBUSY || p->hands_over) {
        if (r == 0)
            pthread_mutex_unlock(&p->exec_lock);
        else if (r == EOWNERDEAD) { /* the image is about to attach: leave the word as it is */
            pthread_mutex_consistent(&p->exec_lock);
            pthread_mutex_unlock(&p->exec_lock);
        }
        return;
    }
    if (r == EOWNERDEAD)
        pthread_mutex_consistent(&p->exec_lock);
    if (r == EOWNERDEAD) {
        p->execing = false;
        proc_end_calls(p->pid, now_ns);
        proc_close_fds(p, now_ns, true);
        if (host_local.s->backup_pid == p->pid)
            backup_clear();
    }
    pthread_mutex_unlock(&p->exec_lock);
}

/* ---- behind ---- */

static int take_fd(int fd) {
    if (fd < 0)
        return -1;
    sys_fcntl(fd, F_SETFD, FD_CLOEXEC);
    host_fd_note(fd);
    return fd;
}

static void take_device(struct host_local *h, int fd) {
    h->dev.ops = dev_ops_of(&h->cfg);
    h->dev.fd = take_fd(fd);
    h->dev.info = h->s->dev_info;
    h->up = h->s->dev_up && fd >= 0 && h->dev.ops && h->dev.ops->adopt &&
            h->dev.ops->adopt(&h->dev) == 0;
    h->came_up = h->up;
}

void exec_take_fds(const struct host_fds *f) {
    struct host_local *h = &host_local;
    h->memfd = take_fd(f->mem);
    h->ctl_fd = take_fd(f->ctl);
    h->trace_fd = f->trace > 2 ? take_fd(f->trace) : f->trace;
    for (int i = 0; i < HOST_POOL_CNT; i++)
        h->evfd[i] = f->evfd[i] >= 0 ? take_fd(f->evfd[i]) : 0;
    take_device(h, f->dev);
    if (f->cap >= 0)
        h->cap = capture_adopt(take_fd(f->cap));
}

static struct stack *map_stack(int memfd, unsigned long long at, unsigned long long len) {
    void *want = (void *)(uintptr_t)at;
    long r = sys_mmap_at(want, len, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_NORESERVE | MAP_FIXED_NOREPLACE, memfd);
    if (r != (long)at)
        return NULL;
    sys_madvise(want, len, MADV_DONTDUMP);
    struct stack *st = want;
    if (st->magic == STACK_MAGIC && st->root_bytes == sizeof *st)
        return st;
    sys_munmap(want, len);
    return NULL;
}

static struct host_proc *find_record(uint32_t pid) {
    struct host_proc *p = NULL;
    while ((p = slab_next_alive(&host_local.st->core.arena, SLAB_PROC, p)))
        if (p->pid == pid && p->execing)
            return p;
    return NULL;
}

static void finish(struct host_local *h, struct host_proc *p, uint64_t now_ns) {
    if (pthread_mutex_trylock(&p->exec_lock) == EOWNERDEAD)
        pthread_mutex_consistent(&p->exec_lock);
    p->execing = p->hands_over = false;
    pthread_mutex_unlock(&p->exec_lock);
    if (h->s->backup_pid == p->pid)
        backup_clear();
    proc_end_calls(p->pid, now_ns);
    proc_close_fds(p, now_ns, true);
}

int exec_map(const char *token) {
    struct host_local *h = &host_local;
    unsigned long long at, len;
    int memfd;
    if (sscanf(token, "%d,%llx,%llx", &memfd, &at, &len) != 3)
        return -EINVAL;
    struct stack *st = map_stack(memfd, at, len);
    if (!st)
        return -EBADF;
    h->s = (struct host_shared *)(void *)st->host;
    h->st = st;
    h->arena_bytes = len;
    h->pid = (uint32_t)sys_getpid();
    if (!h->alive)
        h->alive = make_alive_page();
    *h->alive = 1;
    h->cfg = h->s->cfg;
    return 0;
}

static void unmap(struct host_local *h) {
    sys_munmap(h->st, h->arena_bytes);
    h->s = NULL;
    h->pid = 0;
    h->st = NULL;
}

int host_exec_attach(const char *token) {
    struct host_local *h = &host_local;
    int r = exec_map(token);
    if (r < 0)
        return r;
    lock_take();
    struct host_proc *p = find_record(h->pid);
    if (!p) { /* not for us: a grandchild that kept the environment */
        lock_drop();
        unmap(h);
        return -ESRCH;
    }
    h->proc = p;
    exec_take_fds(&p->fds);
    uint64_t now_ns = host_now();
    finish(h, p, now_ns);
    turn_unlock(now_ns, NULL, false);
    return 0;
}
