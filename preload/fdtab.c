/* SPDX-License-Identifier: ISC */
/*
 * Which numbers of this process are ours: two levels, pages of 1024 entries in the arena, so that an exec'ed image finds its sockets there. Look-ups
 * (fd_entry, fd_lookup in internal.h) take no lock: a page and a table that were once shown stay; an entry's object is written before its kind at birth, and its kind
 * cleared first at death, its object left in place. A stale object is harmless to a reader: arena memory stays mapped, and who acts looks again under the lock.
 */
#include "fdtab.h"

#include "host/sys.h"

struct fdent **fd_pages;
uint32_t fd_page_cnt;
static struct host_proc *fd_proc;

void fd_table_attach(void) {
    struct host_proc *p = host_proc();
    fd_proc = p;
    __atomic_store_n(&fd_pages, p->pages, __ATOMIC_RELEASE);
    __atomic_store_n(&fd_page_cnt, p->page_cnt, __ATOMIC_RELEASE);
}

void fd_table_detach(void) {
    fd_page_cnt = 0;
    fd_pages = NULL;
    fd_proc = NULL;
}

/* A table with room for page: 64 K, then 64 M, then all numbers that there are. */
static int grow(uint32_t page) {
    struct arena *ar = &host_stack()->core.arena;
    struct host_proc *p = fd_proc;
    for (int i = 0; i < FD_TOP_GROWN; i++) {
        uint32_t cnt = i == 0 ? 64u << 10 : 1u << (31 - FD_PAGE_SHIFT);
        if (p->grown[i] || page >= cnt)
            continue;
        struct fdent **t = span_alloc(ar, cnt * sizeof(struct fdent *));
        if (!t)
            return -ENOMEM;
        memcpy(t, p->pages, p->page_cnt * sizeof(struct fdent *));
        p->grown[i] = p->pages = t;
        p->page_cnt = cnt;
        __atomic_store_n(&fd_pages, t, __ATOMIC_RELEASE);
        __atomic_store_n(&fd_page_cnt, cnt, __ATOMIC_RELEASE);
        return 0;
    }
    return -EMFILE;
}

/* The place of fd, its page made if need be; NULL: no memory. */
static struct fdent *slot_make(int fd) {
    struct arena *ar = &host_stack()->core.arena;
    uint32_t page = (uint32_t)fd >> FD_PAGE_SHIFT;
    if (page >= fd_page_cnt && grow(page) < 0)
        return NULL;
    struct fdent *e = fd_pages[page];
    if (!e) {
        e = slab_alloc(ar, SLAB_FDPAGE);
        if (!e)
            return NULL;
        slab_birth(ar, e);
        __atomic_store_n(&fd_pages[page], e, __ATOMIC_RELEASE);
    }
    return e + ((uint32_t)fd & (FD_PAGE_CNT - 1));
}

struct sock *fd_sock_any(int fd) {
    struct fdent *e = fd_entry(fd);
    return e && e->kind == FD_SOCK ? (struct sock *)e->obj : NULL;
}

struct sock *fd_sock(int fd) {
    struct sock *s = fd_sock_any(fd);
    return s && s->where != SOCK_KERNEL ? s : NULL;
}

struct epset *fd_epset(int fd) {
    struct fdent *e = fd_entry(fd);
    return e && e->kind == FD_EPOLL ? (struct epset *)e->obj : NULL;
}

int fd_install(int fd, enum fd_kind kind, void *obj, bool cloexec) {
    struct fdent *e = slot_make(fd);
    if (!e)
        return -ENOMEM;
    if (e->kind != FD_NONE) {
        /* Closed behind our back, or dup2() onto one of ours: the kernel has forgotten it already. */
        struct sock *s = fd_forget(host_now(), fd);
        if (s)
            sock_unhold(&host_stack()->socks, s);
    }
    __atomic_store_n(&e->obj, obj, __ATOMIC_RELAXED);
    e->cloexec = cloexec;
    e->gen++;
    __atomic_store_n(&e->kind, (uint8_t)kind, __ATOMIC_RELEASE);
    return 0;
}

void *fd_remove(int fd, enum fd_kind *kind) {
    struct fdent *e = fd_entry(fd);
    if (!e)
        return NULL;
    if (kind)
        *kind = (enum fd_kind)e->kind;
    __atomic_store_n(&e->kind, (uint8_t)FD_NONE, __ATOMIC_RELEASE);
    return e->obj;
}

int fd_install_dup(int fd, int to, bool cloexec) {
    struct fdent *e = fd_entry(fd);
    if (!e)
        return 0;
    enum fd_kind kind = (enum fd_kind)e->kind;
    void *obj = e->obj;
    if (kind == FD_SOCK)
        sock_take(obj);
    else
        epset_take(obj);
    int r = fd_install(to, kind, obj, cloexec);
    if (r == 0)
        return 0;
    if (kind == FD_SOCK)
        sock_drop(&host_stack()->socks, host_now(), obj);
    else
        epset_drop(&host_stack()->socks, obj);
    return r;
}

struct sock *fd_forget(uint64_t now_ns, int fd) {
    enum fd_kind kind = FD_NONE;
    struct socks *sk = &host_stack()->socks;
    void *obj = fd_remove(fd, &kind);
    if (!obj)
        return NULL;
    if (kind == FD_EPOLL) {
        epset_drop(sk, obj);
        return NULL;
    }
    struct sock *s = obj;
    bool last = s->refs == 1 && s->where == SOCK_STACK && s->linger_on && s->linger_s > 0;
    if (last)
        sock_hold(s);
    sock_drop(sk, now_ns, s);
    return last ? s : NULL;
}

int fd_next(int prev) { return fd_proc ? host_proc_next(fd_proc, prev) : -1; }
