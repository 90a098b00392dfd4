/* SPDX-License-Identifier: ISC */
/*
 * The process table, forks and burials (proc.h).
 *
 * Burial closes in the order in which a dying process's kernel would: copies that were under way end without effect, sleeps are over, then each descriptor is closed, the last
 * one of a socket sending FIN, or RST with unread data.
 */
#include <stdio.h>

#include "host/priv.h"
#include "host/sys.h"

#define BORN_NS (2 * NS_PER_S) /* a fork that takes longer than that has failed */

static struct arena *arena(void) { return &host_local.st->core.arena; }
static struct socks *socks(void) { return &host_local.st->socks; }

void proc_define(struct arena *ar) {
    slab_define(ar, SLAB_PROC, sizeof(struct host_proc), 0);
    slab_define(ar, SLAB_FDPAGE, sizeof(struct fdent) * FD_PAGE_CNT, 0);
    slab_define(ar, SLAB_HOLD, sizeof(struct host_hold), 0);
}

struct host_proc *host_proc(void) {
    return host_local.proc;
}

/* ---- who is alive ---- */

/* Field 22 of /proc/PID/stat; 0: not to be had. */
uint64_t proc_start_time(uint32_t pid) {
    char path[40], buf[512];
    snprintf(path, sizeof path, "/proc/%u/stat", pid);
    long fd = sys_open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    long n = sys_read((int)fd, buf, sizeof buf - 1);
    sys_close((int)fd);
    if (n <= 0)
        return 0;
    buf[n] = '\0';
    const char *p = strrchr(buf, ')'); /* the name may hold anything */
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    unsigned long long start = 0;
    return p && sscanf(p, " %llu", &start) == 1 ? start : 0;
}

/* A zombie is dead; a process whose first thread has ended is not. */
bool pid_is_dead(uint32_t pid) {
    long fd = SYS_CALL2(SYS_pidfd_open, pid, 0);
    if (fd < 0)
        return fd == -ESRCH;
    struct pollfd p = {.fd = (int)fd, .events = POLLIN};
    struct timespec zero = {0, 0};
    bool dead = sys_ppoll(&p, 1, &zero, NULL) > 0;
    sys_close((int)fd);
    return dead;
}

bool proc_is_dead(const struct host_proc *p, uint64_t now_ns) {
    if (p->pid == 0)
        return now_ns - p->made_ns > BORN_NS;
    if (pid_is_dead(p->pid))
        return true;
    if (p->start == 0)
        return false;
    uint64_t start = proc_start_time(p->pid);
    return start != 0 && start != p->start;
}

uint32_t host_proc_cnt(void) { return slab_in_use(arena(), SLAB_PROC); }

/* ---- records ---- */

static struct host_proc *proc_alloc(struct arena *ar) {
    struct host_proc *p = slab_alloc(ar, SLAB_PROC);
    if (!p)
        return NULL;
    p->maker = (uint32_t)sys_getpid();
    p->made_ns = host_now();
    p->pages = p->top;
    p->page_cnt = FD_TOP_CNT;
    mutex_init_robust(&p->exec_lock);
    return p;
}

int proc_join(struct arena *ar) {
    struct host_local *h = &host_local;
    struct host_proc *p = proc_alloc(ar);
    if (!p)
        return -ENOMEM;
    p->pid = p->maker;
    p->start = proc_start_time(p->pid);
    slab_birth(ar, p);
    h->proc = p;
    h->pid = p->pid;
    return 0;
}

int host_proc_next(const struct host_proc *p, int prev) {
    for (uint32_t fd = (uint32_t)(prev + 1); fd >> FD_PAGE_SHIFT < p->page_cnt;) {
        const struct fdent *page = p->pages[fd >> FD_PAGE_SHIFT];
        if (!page) {
            fd = ((fd >> FD_PAGE_SHIFT) + 1) << FD_PAGE_SHIFT;
            continue;
        }
        if (page[fd & (FD_PAGE_CNT - 1)].kind != FD_NONE)
            return (int)fd;
        fd++;
    }
    return -1;
}

struct fdent *proc_entry(const struct host_proc *p, int fd) {
    return &p->pages[(uint32_t)fd >> FD_PAGE_SHIFT][(uint32_t)fd & (FD_PAGE_CNT - 1)];
}

static void ent_drop(uint64_t now_ns, struct fdent *e) {
    enum fd_kind kind = (enum fd_kind)e->kind;
    void *obj = e->obj;
    e->kind = FD_NONE;
    if (e->given_up || !slab_is_alive(arena(), obj))
        return; /* lost in a crash */
    if (kind == FD_SOCK)
        sock_drop(socks(), now_ns, obj);
    else if (kind == FD_EPOLL)
        epset_drop(socks(), obj);
}

void proc_close_fds(struct host_proc *p, uint64_t now_ns, bool cloexec_only) {
    for (int fd = host_proc_next(p, -1); fd >= 0; fd = host_proc_next(p, fd))
        if (!cloexec_only || proc_entry(p, fd)->cloexec)
            ent_drop(now_ns, proc_entry(p, fd));
}

static void pages_free(struct host_proc *p) {
    for (uint32_t i = 0; i < p->page_cnt; i++)
        slab_free(arena(), p->pages[i]);
    for (int i = 0; i < FD_TOP_GROWN; i++)
        if (p->grown[i])
            span_free(arena(), p->grown[i]);
}

/* ---- holds ---- */

struct host_hold *host_hold(struct sock *s) {
    struct host_hold *hold = slab_alloc(arena(), SLAB_HOLD);
    sock_hold(s);
    if (!hold)
        return NULL;
    hold->s = s;
    hold->pid = host_local.pid;
    slab_birth(arena(), hold);
    return hold;
}

void host_unhold(struct sock *s, struct host_hold *hold) {
    slab_free(arena(), hold);
    sock_unhold(socks(), s);
}

/* ---- burial ---- */

static void copies_end(uint32_t pid, uint64_t now_ns) {
    struct sock *s = NULL;
    while ((s = slab_next_alive(arena(), SLAB_SOCK, s))) {
        if (s->reading && s->rd_pid == pid) {
            if (s->udp)
                sock_dgram_done(socks(), s, false);
            else
                sock_recv_done(socks(), now_ns, s, 0);
        }
        if (s->writing && s->wr_pid == pid)
            sock_send_commit(socks(), now_ns, s, 0, 0);
    }
}

static void sleeps_end(uint32_t pid) {
    struct waiter *w = NULL;
    while ((w = slab_next_alive(arena(), SLAB_WAITER, w)))
        if (w->pid == pid) {
            waiter_free(socks(), w);
            atomic_fetch_sub(&host_local.s->sleepers, 1);
        }
    evfd_release_of(pid);
}

void proc_end_calls(uint32_t pid, uint64_t now_ns) {
    struct host_hold *hold = NULL;
    copies_end(pid, now_ns);
    sleeps_end(pid);
    while ((hold = slab_next_alive(arena(), SLAB_HOLD, hold)))
        if (hold->pid == pid)
            host_unhold(hold->s, hold);
}

void proc_bury(struct host_proc *p, uint64_t now_ns) {
    struct host_shared *s = host_local.s;
    TRACE(&host_local.st->core.trace, now_ns, PROC, "process %u ended", p->pid);
    if (p->pid != 0)
        proc_end_calls(p->pid, now_ns);
    proc_close_fds(p, now_ns, false);
    pages_free(p);
    if (p->pid != 0 && s->backup_pid == p->pid)
        backup_clear();
    if (s->trace_pid == p->pid)
        s->trace_pid = 0;
    slab_free(arena(), p);
    s->burials++;
}

uint32_t proc_bury_dead(uint64_t now_ns) {
    struct host_proc *p = NULL;
    uint32_t cnt = 0;
    while ((p = slab_next_alive(arena(), SLAB_PROC, p))) {
        if (p == host_local.proc)
            continue;
        if (proc_is_dead(p, now_ns)) {
            proc_bury(p, now_ns);
            cnt++;
        } else if (p->execing) {
            proc_execed(p, now_ns);
        }
    }
    return cnt;
}

/* ---- fork ---- */

static bool pages_copy(struct host_proc *to, const struct host_proc *from) {
    for (int i = FD_TOP_GROWN - 1; i >= 0 && !to->grown[0] && !to->grown[1]; i--) {
        if (!from->grown[i])
            continue;
        to->grown[i] = to->pages = span_alloc(arena(), from->page_cnt * sizeof(struct fdent *));
        if (!to->pages) {
            to->pages = to->top;
            return false;
        }
        to->page_cnt = from->page_cnt;
    }
    for (uint32_t i = 0; i < from->page_cnt; i++) {
        if (!from->pages[i])
            continue;
        struct fdent *page = slab_alloc(arena(), SLAB_FDPAGE);
        if (!page)
            return false;
        slab_birth(arena(), page);
        to->pages[i] = page;
        for (uint32_t k = 0; k < FD_PAGE_CNT; k++) {
            struct fdent e = from->pages[i][k];
            if (e.given_up) /* a thread of ours tries to exec */
                e.kind = FD_NONE;
            if (e.kind == FD_SOCK)
                sock_take(e.obj);
            else if (e.kind == FD_EPOLL)
                epset_take(e.obj);
            page[k] = e;
        }
    }
    return true;
}

struct host_proc *host_fork_prepare(void) {
    struct host_local *h = &host_local;
    lock_take();
    pool_make();
    struct host_proc *p = proc_alloc(arena());
    if (p && !pages_copy(p, h->proc)) {
        proc_close_fds(p, host_now(), false);
        pages_free(p);
        slab_free(arena(), p);
        p = NULL;
    }
    if (p)
        slab_birth(arena(), p);
    lock_drop();
    turn_flush();
    return p;
}

void host_fork_child(struct host_proc *child) {
    struct host_local *h = &host_local;
    pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;
    h->life_lock = fresh; /* whoever held it is not in this process */
    h->thread = h->kick_driver = h->kick_thread = false;
    h->kick_old = 0;
    h->hold_since_ns = 0;
    *h->alive = 1;
    if (h->up && !h->dev.ops->adopt) { /* a device that only one process can use */
        h->passenger = true;
        h->up = false;
    }
    h->proc = child;
    h->pid = (uint32_t)sys_getpid();
    capture_forked(h->cap);
    uint64_t start = proc_start_time(h->pid);
    lock_take();
    child->start = start;
    child->pid = h->pid;
    lock_drop();
    keeper_kick();
}

void host_fork_parent(struct host_proc *child, uint32_t pid) {
    if (!child || pid == 0)
        return;
    lock_take();
    if (slab_is_alive(arena(), child) && child->pid == 0 && child->maker == host_local.pid)
        child->pid = pid;
    lock_drop();
}

void host_fork_failed(struct host_proc *child) {
    if (!child)
        return;
    uint64_t now_ns = turn_lock();
    proc_bury(child, now_ns);
    turn_unlock(now_ns, NULL, false);
}
