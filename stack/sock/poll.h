/* SPDX-License-Identifier: ISC */
/*
 * Readiness: who waits for which socket, and epoll sets. Nothing here sleeps or wakes: a waiter is *marked*, and host/ performs
 * the wakes after the turn (futex or eventfd), outside of everything that could be slow.
 *
 * A sleeper makes a waiter, links it to every object it waits for (wait_link), sleeps outside the lock, and frees it. sock_notify() marks the waiters whose mask fits and
 * puts epoll items on their set's ready list; the set's own waiters are marked then (one of them unless all are asked for), and outer sets.
 *
 * Epoll sets follow Linux: an item comes on the ready list when something happens (or at ctl time if it is ready then); harvesting asks the socket
 * for its readiness; nothing there: it leaves the list; level: it goes to the tail, edge: it leaves, oneshot: it is disabled. So edge, level, fairness and wake-ups come out as in Linux.
 * The kernel's own members of the set live in the real kernel epoll fd; the caller of epoll_wait joins both.
 *
 * All list links are derived state: poll_rebuild() restores them from items and waiters.
 */
#ifndef UST_SOCK_POLL_H
#define UST_SOCK_POLL_H

#include "base/core.h"

struct sock;
struct socks;
struct epset;

enum waiter_kind {
    WAITER_FUTEX,   /* sleeps on `word` */
    WAITER_EVENTFD, /* sleeps in ppoll with pool eventfd `evfd` */
};

struct waiter {
    uint32_t word; /* [A] changes at each wake; the sleeper compares */
    uint8_t kind;  /* enum waiter_kind */
    bool marked;   /* on socks->wake */
    uint16_t evfd; /* index in host's pool of wake eventfds */
    uint32_t pid;  /* of the process that sleeps, for clean-up after its death */
    STAILQ_ENTRY(waiter) wake_link;
    LIST_HEAD(, wait_link) links;
};
STAILQ_HEAD(waiter_list, waiter);

enum wait_obj { WAIT_SOCK, WAIT_EPSET };

struct wait_link {
    TAILQ_ENTRY(wait_link) obj_link; /* on the socket's or set's list */
    LIST_ENTRY(wait_link) waiter_link;
    struct waiter *waiter;
    void *obj;
    uint8_t obj_kind; /* enum wait_obj */
    bool exclusive;   /* a wake of one is enough */
    bool woken;       /* exclusive: had its wake; the next one goes to another */
    uint32_t events;  /* POLL* bits that matter; ERR and HUP always do */
};
TAILQ_HEAD(wait_link_list, wait_link);

/* A member of an epoll set that is ours: a socket, or another set. */
struct epitem {
    LIST_ENTRY(epitem) set_link; /* of the set */
    LIST_ENTRY(epitem) obj_link; /* of the socket or inner set */
    TAILQ_ENTRY(epitem) ready_link;
    struct epset *set;
    void *obj;
    uint8_t obj_kind; /* enum wait_obj */
    bool on_ready;
    bool disabled;   /* EPOLLONESHOT fired */
    int32_t fd;      /* under which it was added: (fd, obj) is the key, as in Linux */
    uint32_t events; /* EPOLL* incl. ET, ONESHOT, EXCLUSIVE, WAKEUP */
    uint64_t data;
};
LIST_HEAD(epitem_list, epitem);
TAILQ_HEAD(epitem_ready, epitem);

struct epset {
    uint32_t refs; /* descriptors in all processes; at 0 it lives on while somebody sleeps on it */
    uint32_t item_cnt;
    struct epitem_list items;
    struct epitem_ready ready;
    uint32_t ready_cnt;
    struct wait_link_list waiters;
    uint32_t
        kernel_cnt; /* members in the kernel's set; an upper bound, since a close there is not seen. preload/ keeps it */
    bool kernel_turn; /* ours filled the last harvest: the kernel's come first in the next */
    struct epitem_list outer; /* items of sets that contain this one */
};

/* ---- waiters ---- */
struct waiter *waiter_new(struct socks *sk, enum waiter_kind kind, uint32_t pid);
/* Unlinks it from everything. Where it was the one that was woken and something is still there, the next one is woken in its place. */
void waiter_free(struct socks *sk, struct waiter *w);
/* 0 or -ENOBUFS. events: POLL* mask. */
int waiter_add_sock(struct socks *sk, struct waiter *w, struct sock *s, uint32_t events,
                    bool exclusive);
/* epoll_wait: one sleeper of the set is woken at a time. */
int waiter_add_epset(struct socks *sk, struct waiter *w, struct epset *e);
/* Every wake of the set, for as long as the link lasts: poll() on a set, the eventfd inside a nested one. */
int waiter_watch_epset(struct socks *sk, struct waiter *w, struct epset *e);
void waiter_mark(struct socks *sk, struct waiter *w);
/* For host/: the next marked waiter, taken off the list; its word has been changed already. */
struct waiter *waiter_wake_pop(struct socks *sk);

/* ---- readiness ---- */
/* Something happened on s: POLL* bits (IN, OUT, ERR, HUP, RDHUP, PRI). Wakes whom it concerns. */
void sock_notify(struct socks *sk, struct sock *s, uint32_t poll_events);
/* The same for a set whose kernel half became ready is not needed: sleepers look at the kernel fd themselves. */

/* ---- epoll sets ---- */
struct epset *epset_new(struct socks *sk);
void epset_take(struct epset *e);
void epset_drop(struct socks *sk, struct epset *e); /* frees at 0 references */
/* EPOLL_CTL_ADD/MOD/DEL for a member of ours: 0, -EEXIST, -ENOENT, -ENOMEM, -EINVAL (EXCLUSIVE misuse), -ELOOP (sets in a circle or deeper than 5). */
int epset_add(struct socks *sk, struct epset *e, int fd, void *obj, enum wait_obj kind,
              uint32_t events, uint64_t data);
int epset_mod(struct socks *sk, struct epset *e, int fd, void *obj, uint32_t events, uint64_t data);
int epset_del(struct socks *sk, struct epset *e, int fd, void *obj);
struct epitem *epset_find(struct epset *e, int fd, const void *obj);
/* The last descriptor of obj is gone: leaves every set. */
void epset_forget(struct socks *sk, void *obj, enum wait_obj kind);
/* Harvests up to max events of our members: count. */
struct ep_event {
    uint32_t events;
    uint64_t data;
};
int epset_harvest(struct socks *sk, struct epset *e, struct ep_event *out, int max);
/* Is there anything to harvest (asks the sockets; drops stale ready items)? */
bool epset_ready(struct socks *sk, struct epset *e);

void poll_rebuild(struct socks *sk);
const char *poll_check(struct socks *sk);

#endif
