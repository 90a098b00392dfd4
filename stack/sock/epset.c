/* SPDX-License-Identifier: ISC */
/*
 * Epoll sets (poll.h), for members that are ours. Read epoll(7) and epoll_ctl(2) first.
 *
 * The story: an item is on its set's ready list when something happened since it was last looked at, or when it was ready at that look and
 * is level triggered. So the list is a hint and the socket is the truth: harvesting asks it.
 *
 * Invariants: an item's set and object outlive it; sets contain each other without circles, EPSET_DEPTH_MAX deep at most,
 * which bounds every recursion here.
 */
#include "sock/sock_priv.h"

#include <sys/epoll.h>

#define EPSET_DEPTH_MAX 5

/* What epoll_ctl(2) allows beside EPOLLEXCLUSIVE. */
#define EXCLUSIVE_OK                                                                               \
    (EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)

struct epset *epset_new(struct socks *sk) {
    struct epset *e = slab_alloc(&sk->c->arena, SLAB_EPSET);
    if (!e)
        return NULL;
    e->refs = 1;
    LIST_INIT(&e->items);
    TAILQ_INIT(&e->ready);
    TAILQ_INIT(&e->waiters);
    LIST_INIT(&e->outer);
    slab_birth(&sk->c->arena, e);
    return e;
}

void epset_take(struct epset *e) { e->refs++; }

static void ready_del(struct epitem *it) {
    if (!it->on_ready)
        return;
    TAILQ_REMOVE(&it->set->ready, it, ready_link);
    it->on_ready = false;
    it->set->ready_cnt--;
}

static void ready_add(struct epitem *it) {
    if (it->on_ready)
        return;
    TAILQ_INSERT_TAIL(&it->set->ready, it, ready_link);
    it->on_ready = true;
    it->set->ready_cnt++;
}

static void item_free(struct socks *sk, struct epitem *it) {
    ready_del(it);
    LIST_REMOVE(it, set_link);
    LIST_REMOVE(it, obj_link);
    it->set->item_cnt--;
    slab_free(&sk->c->arena, it);
}

bool epset_maybe_free(struct socks *sk, struct epset *e) {
    if (e->refs > 0 || !TAILQ_EMPTY(&e->waiters))
        return false;
    slab_free(&sk->c->arena, e);
    return true;
}

void epset_drop(struct socks *sk, struct epset *e) {
    assert(e->refs > 0);
    if (--e->refs > 0)
        return;
    struct epitem *it;
    while ((it = LIST_FIRST(&e->items)))
        item_free(sk, it);
    epset_forget(sk, e, WAIT_EPSET);
    epset_maybe_free(sk, e);
}

static struct epitem_list *obj_items(void *obj, enum wait_obj kind) {
    return kind == WAIT_SOCK ? &((struct sock *)obj)->epitems : &((struct epset *)obj)->outer;
}

/* An object is in few sets, while a set has many members: look from the object's side. */
static struct epitem *item_find(struct epset *e, int fd, void *obj, enum wait_obj kind) {
    struct epitem *it;
    LIST_FOREACH (it, obj_items(obj, kind), obj_link)
        if (it->set == e && it->fd == fd)
            return it;
    return NULL;
}

struct epitem *epset_find(struct epset *e, int fd, const void *obj) {
    struct epitem *it;
    LIST_FOREACH (it, &e->items, set_link)
        if (it->obj == obj && it->fd == fd)
            return it;
    return NULL;
}

static enum wait_obj kind_of(struct socks *sk, const void *obj) {
    return slab_kind_of(&sk->c->arena, obj) == SLAB_SOCK ? WAIT_SOCK : WAIT_EPSET;
}

/* Levels of sets below e, e included; > EPSET_DEPTH_MAX ends the search. */
static int depth_below(struct epset *e, int so_far) {
    int deepest = 1;
    if (so_far > EPSET_DEPTH_MAX)
        return deepest;
    struct epitem *it;
    LIST_FOREACH (it, &e->items, set_link) {
        if (it->obj_kind != WAIT_EPSET)
            continue;
        int d = 1 + depth_below(it->obj, so_far + 1);
        deepest = UST_MAX(deepest, d);
    }
    return deepest;
}

static int depth_above(struct epset *e, int so_far) {
    int deepest = 1;
    if (so_far > EPSET_DEPTH_MAX)
        return deepest;
    struct epitem *it;
    LIST_FOREACH (it, &e->outer, obj_link) {
        int d = 1 + depth_above(it->set, so_far + 1);
        deepest = UST_MAX(deepest, d);
    }
    return deepest;
}

static bool contains(struct epset *e, const struct epset *what, int so_far) {
    if (e == what)
        return true;
    if (so_far > EPSET_DEPTH_MAX)
        return false;
    struct epitem *it;
    LIST_FOREACH (it, &e->items, set_link)
        if (it->obj_kind == WAIT_EPSET && contains(it->obj, what, so_far + 1))
            return true;
    return false;
}

static uint32_t item_poll(struct socks *sk, struct epitem *it) {
    if (it->disabled)
        return 0;
    uint32_t r = it->obj_kind == WAIT_SOCK  ? sock_poll(sk, it->obj)
                 : epset_ready(sk, it->obj) ? EPOLLIN | EPOLLRDNORM
                                            : 0;
    return r & it->events;
}

/* Something is on e's ready list: its sleepers, and the sets around it. */
static bool epset_wake(struct socks *sk, struct epset *e) {
    bool one = false;
    bool any = waiters_wake(sk, &e->waiters, EPOLLIN | EPOLLRDNORM, &one);
    struct epitem *it;
    LIST_FOREACH (it, &e->outer, obj_link)
        if (epitem_notify(sk, it, EPOLLIN | EPOLLRDNORM))
            any = true;
    return any;
}

bool epitem_notify(struct socks *sk, struct epitem *it, uint32_t poll_events) {
    if (it->disabled || !(it->events & poll_events))
        return false;
    ready_add(it);
    return epset_wake(sk, it->set);
}

static void item_look(struct socks *sk, struct epitem *it) {
    if (!item_poll(sk, it) || it->on_ready)
        return;
    ready_add(it);
    epset_wake(sk, it->set);
}

int epset_add(struct socks *sk, struct epset *e, int fd, void *obj, enum wait_obj kind,
              uint32_t events, uint64_t data) {
    if ((events & EPOLLEXCLUSIVE) && (kind == WAIT_EPSET || (events & ~(uint32_t)EXCLUSIVE_OK)))
        return -EINVAL;
    if (kind == WAIT_EPSET) {
        if (obj == e)
            return -EINVAL;
        if (contains(obj, e, 0))
            return -ELOOP;
        if (depth_below(obj, 0) + depth_above(e, 0) > EPSET_DEPTH_MAX)
            return -ELOOP;
    }
    if (item_find(e, fd, obj, kind))
        return -EEXIST;
    struct epitem *it = slab_alloc(&sk->c->arena, SLAB_EPITEM);
    if (!it)
        return -ENOMEM;
    it->set = e;
    it->obj = obj;
    it->obj_kind = (uint8_t)kind;
    it->fd = fd;
    it->events = events | EPOLLERR | EPOLLHUP;
    it->data = data;
    LIST_INSERT_HEAD(&e->items, it, set_link);
    e->item_cnt++;
    /* Exclusive items take turns from the oldest on; the others come before them. */
    struct epitem_list *items = obj_items(obj, kind);
    struct epitem *last = LIST_FIRST(items);
    if (last && (events & EPOLLEXCLUSIVE)) {
        while (LIST_NEXT(last, obj_link))
            last = LIST_NEXT(last, obj_link);
        LIST_INSERT_AFTER(last, it, obj_link);
    } else {
        LIST_INSERT_HEAD(items, it, obj_link);
    }
    slab_birth(&sk->c->arena, it);
    item_look(sk, it);
    return 0;
}

int epset_mod(struct socks *sk, struct epset *e, int fd, void *obj, uint32_t events,
              uint64_t data) {
    struct epitem *it = item_find(e, fd, obj, kind_of(sk, obj));
    if (events & EPOLLEXCLUSIVE)
        return -EINVAL;
    if (!it)
        return -ENOENT;
    if (it->events & EPOLLEXCLUSIVE)
        return -EINVAL;
    it->events = events | EPOLLERR | EPOLLHUP;
    it->data = data;
    it->disabled = false;
    item_look(sk, it);
    return 0;
}

int epset_del(struct socks *sk, struct epset *e, int fd, void *obj) {
    struct epitem *it = item_find(e, fd, obj, kind_of(sk, obj));
    if (!it)
        return -ENOENT;
    item_free(sk, it);
    return 0;
}

void epset_forget(struct socks *sk, void *obj, enum wait_obj kind) {
    struct epitem *it;
    while ((it = LIST_FIRST(obj_items(obj, kind))))
        item_free(sk, it);
}

int epset_harvest(struct socks *sk, struct epset *e, struct ep_event *out, int max) {
    int cnt = 0;
    /* Level-triggered items go to the tail: one round at most. */
    for (uint32_t left = e->ready_cnt; left > 0 && cnt < max; left--) {
        struct epitem *it = TAILQ_FIRST(&e->ready);
        ready_del(it);
        uint32_t ev = item_poll(sk, it);
        if (!ev)
            continue;
        out[cnt].events = ev;
        out[cnt++].data = it->data;
        if (it->events & EPOLLONESHOT)
            it->disabled = true;
        else if (!(it->events & EPOLLET))
            ready_add(it);
    }
    return cnt;
}

bool epset_ready(struct socks *sk, struct epset *e) {
    struct epitem *it;
    while ((it = TAILQ_FIRST(&e->ready))) {
        if (item_poll(sk, it))
            return true;
        ready_del(it);
    }
    return false;
}
