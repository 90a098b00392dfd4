/* SPDX-License-Identifier: ISC */
/*
 * Waiters and notification (poll.h). A notification walks the object's sleepers and epoll items once: all that are not exclusive, and of
 * the exclusive ones (accept(), epoll_wait(), EPOLLEXCLUSIVE) one.
 *
 * An exclusive sleeper that was woken stays linked, flagged `woken`, until its thread comes and frees it. When it frees it without
 * having taken what was there (a signal, a timeout, its process died), the wake is handed to the next.
 */
#include "sock/sock_priv.h"

#include <poll.h>
#include <sys/epoll.h>

static uint32_t mask_full(uint32_t ev) {
    if (ev & POLLIN)
        ev |= POLLRDNORM;
    if (ev & POLLOUT)
        ev |= POLLWRNORM | POLLWRBAND;
    return ev;
}

struct waiter *waiter_new(struct socks *sk, enum waiter_kind kind, uint32_t pid) {
    struct waiter *w = slab_alloc(&sk->c->arena, SLAB_WAITER);
    if (!w)
        return NULL;
    w->kind = (uint8_t)kind;
    w->pid = pid;
    LIST_INIT(&w->links);
    slab_birth(&sk->c->arena, w);
    return w;
}

static struct wait_link_list *obj_waiters(void *obj, uint8_t kind) {
    return kind == WAIT_SOCK ? &((struct sock *)obj)->waiters : &((struct epset *)obj)->waiters;
}

static int link_add(struct socks *sk, struct waiter *w, void *obj, enum wait_obj kind,
                    uint32_t events, bool exclusive) {
    struct wait_link *l = slab_alloc(&sk->c->arena, SLAB_WAIT_LINK);
    if (!l)
        return -ENOBUFS;
    l->waiter = w;
    l->obj = obj;
    l->obj_kind = (uint8_t)kind;
    l->exclusive = exclusive;
    l->events = events | POLLERR | POLLHUP;
    TAILQ_INSERT_TAIL(obj_waiters(obj, l->obj_kind), l, obj_link);
    LIST_INSERT_HEAD(&w->links, l, waiter_link);
    slab_birth(&sk->c->arena, l);
    return 0;
}

static void link_del(struct socks *sk, struct wait_link *l) {
    TAILQ_REMOVE(obj_waiters(l->obj, l->obj_kind), l, obj_link);
    LIST_REMOVE(l, waiter_link);
    slab_free(&sk->c->arena, l);
}

int waiter_add_sock(struct socks *sk, struct waiter *w, struct sock *s, uint32_t events,
                    bool exclusive) {
    return link_add(sk, w, s, WAIT_SOCK, events, exclusive);
}

int waiter_add_epset(struct socks *sk, struct waiter *w, struct epset *e) {
    return link_add(sk, w, e, WAIT_EPSET, POLLIN | POLLRDNORM, true);
}

int waiter_watch_epset(struct socks *sk, struct waiter *w, struct epset *e) {
    return link_add(sk, w, e, WAIT_EPSET, POLLIN | POLLRDNORM, false);
}

/* The wake that l's owner had and does not use goes to the next exclusive sleeper, if there is still something to wake for. */
static void wake_pass_on(struct socks *sk, void *obj, uint8_t kind, uint32_t events) {
    struct wait_link_list *list = obj_waiters(obj, kind);
    if (TAILQ_EMPTY(list))
        return;
    uint32_t ready = kind == WAIT_SOCK      ? sock_poll(sk, obj)
                     : epset_ready(sk, obj) ? POLLIN | POLLRDNORM
                                            : 0;
    if (!(ready & events))
        return;
    struct wait_link *l;
    TAILQ_FOREACH (l, list, obj_link) {
        if (!l->exclusive || l->woken || !(l->events & ready))
            continue;
        l->woken = true;
        waiter_mark(sk, l->waiter);
        return;
    }
}

void waiter_free(struct socks *sk, struct waiter *w) {
    struct wait_link *l;
    while ((l = LIST_FIRST(&w->links))) {
        void *obj = l->obj;
        uint8_t kind = l->obj_kind;
        uint32_t events = l->events;
        bool woken = l->woken;
        link_del(sk, l);
        if (kind == WAIT_EPSET && epset_maybe_free(sk, obj))
            continue;
        if (woken)
            wake_pass_on(sk, obj, kind, events);
    }
    if (w->marked) {
        STAILQ_REMOVE(&sk->wake, w, waiter, wake_link);
        sk->wake_cnt--;
    }
    slab_free(&sk->c->arena, w);
}

void waiter_mark(struct socks *sk, struct waiter *w) {
    __atomic_fetch_add(&w->word, 1, __ATOMIC_RELEASE);
    if (w->marked)
        return;
    w->marked = true;
    STAILQ_INSERT_TAIL(&sk->wake, w, wake_link);
    sk->wake_cnt++;
    sk->wakes_total++;
}

struct waiter *waiter_wake_pop(struct socks *sk) {
    struct waiter *w = STAILQ_FIRST(&sk->wake);
    if (!w)
        return NULL;
    STAILQ_REMOVE_HEAD(&sk->wake, wake_link);
    w->marked = false;
    sk->wake_cnt--;
    return w;
}

bool waiters_wake(struct socks *sk, struct wait_link_list *list, uint32_t poll_events, bool *one) {
    struct wait_link *l;
    bool any = false;
    TAILQ_FOREACH (l, list, obj_link) {
        if (!(l->events & poll_events))
            continue;
        if (l->exclusive) {
            if (l->woken || *one)
                continue;
            l->woken = *one = true;
        }
        waiter_mark(sk, l->waiter);
        any = true;
    }
    return any;
}

void sock_notify(struct socks *sk, struct sock *s, uint32_t poll_events) {
    uint32_t ev = mask_full(poll_events);
    bool one = false;
    waiters_wake(sk, &s->waiters, ev, &one);
    struct epitem *it;
    LIST_FOREACH (it, &s->epitems, obj_link) {
        bool exclusive = it->events & EPOLLEXCLUSIVE;
        if (exclusive && one)
            continue;
        if (epitem_notify(sk, it, ev) && exclusive)
            one = true;
    }
}

void poll_forget_sock(struct socks *sk, struct sock *s) {
    struct wait_link *l;
    while ((l = TAILQ_FIRST(&s->waiters))) {
        waiter_mark(sk, l->waiter);
        link_del(sk, l);
    }
    epset_forget(sk, s, WAIT_SOCK);
}

/* ---- after a crash inside the lock; invariants ---- */

void poll_rebuild(struct socks *sk) {
    struct arena *ar = &sk->c->arena;
    struct waiter *w = NULL;
    struct sock *s = NULL;
    struct epset *e = NULL;
    struct epitem *it = NULL;
    struct wait_link *l = NULL;
    STAILQ_INIT(&sk->wake);
    sk->wake_cnt = 0;
    while ((s = slab_next_alive(ar, SLAB_SOCK, s))) {
        TAILQ_INIT(&s->waiters);
        LIST_INIT(&s->epitems);
    }
    while ((e = slab_next_alive(ar, SLAB_EPSET, e))) {
        TAILQ_INIT(&e->waiters);
        TAILQ_INIT(&e->ready);
        LIST_INIT(&e->items);
        LIST_INIT(&e->outer);
        e->item_cnt = e->ready_cnt = 0;
    }
    while ((w = slab_next_alive(ar, SLAB_WAITER, w))) {
        LIST_INIT(&w->links);
        w->marked = false;
    }
    while ((l = slab_next_alive(ar, SLAB_WAIT_LINK, l))) {
        if (!slab_is_alive(ar, l->waiter) || !slab_is_alive(ar, l->obj)) {
            slab_free(ar, l);
            continue;
        }
        l->woken = false;
        TAILQ_INSERT_TAIL(obj_waiters(l->obj, l->obj_kind), l, obj_link);
        LIST_INSERT_HEAD(&l->waiter->links, l, waiter_link);
    }
    /* Every item goes on its ready list and every sleeper is woken: each looks for itself and finds out. */
    while ((it = slab_next_alive(ar, SLAB_EPITEM, it))) {
        if (!slab_is_alive(ar, it->set) || !slab_is_alive(ar, it->obj)) {
            slab_free(ar, it);
            continue;
        }
        LIST_INSERT_HEAD(&it->set->items, it, set_link);
        LIST_INSERT_HEAD(it->obj_kind == WAIT_SOCK ? &((struct sock *)it->obj)->epitems
                                                   : &((struct epset *)it->obj)->outer,
                         it, obj_link);
        it->set->item_cnt++;
        it->on_ready = !it->disabled;
        if (it->on_ready) {
            TAILQ_INSERT_TAIL(&it->set->ready, it, ready_link);
            it->set->ready_cnt++;
        }
    }
    while ((w = slab_next_alive(ar, SLAB_WAITER, w)))
        waiter_mark(sk, w);
}

const char *poll_check(struct socks *sk) {
    struct arena *ar = &sk->c->arena;
    struct waiter *w = NULL;
    uint32_t cnt = 0;
    STAILQ_FOREACH (w, &sk->wake, wake_link) {
        if (!slab_is_alive(ar, w) || !w->marked)
            return "poll: dead or unmarked waiter on the wake list";
        cnt++;
    }
    if (cnt != sk->wake_cnt)
        return "poll: wake count";
    struct wait_link *l = NULL;
    while ((l = slab_next_alive(ar, SLAB_WAIT_LINK, l))) {
        if (!slab_is_alive(ar, l->waiter))
            return "poll: link of a dead waiter";
        if (!slab_is_alive(ar, l->obj))
            return "poll: link to a dead object";
    }
    struct epset *e = NULL;
    while ((e = slab_next_alive(ar, SLAB_EPSET, e))) {
        struct epitem *it;
        uint32_t items = 0, ready = 0;
        LIST_FOREACH (it, &e->items, set_link) {
            items++;
            if (it->set != e)
                return "poll: item on a set that is not its own";
            if (!slab_is_alive(ar, it->obj))
                return "poll: item of a dead object";
        }
        TAILQ_FOREACH (it, &e->ready, ready_link) {
            ready++;
            if (!it->on_ready || it->set != e)
                return "poll: ready list";
        }
        if (items != e->item_cnt || ready != e->ready_cnt)
            return "poll: counts of a set";
        if (e->refs == 0 && TAILQ_EMPTY(&e->waiters))
            return "poll: set without owner";
    }
    return NULL;
}
