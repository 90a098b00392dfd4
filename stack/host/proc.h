/* SPDX-License-Identifier: ISC */
/*
 * Processes of a stack: who they are, and which of their descriptors are ours. A record and its pages lie in the arena, so that a forked child gets a copy, an exec'ed image
 * finds its sockets, and whoever notices a death can close what the dead one had open.
 *
 * A record is made by host_attach() or by the parent before fork() (pid 0 until the child or the parent fills it in), and buried once: in the process's own name when it execs away, by the keeper or another
 * member when it died. At exit a process closes its descriptors itself; its record stays for the burial, since other threads of it may still run.
 */
#ifndef UST_HOST_PROC_H
#define UST_HOST_PROC_H

#include <pthread.h>

#include "sock/sock.h"

enum fd_kind { FD_NONE, FD_SOCK, FD_EPOLL };
/* One descriptor of a process, 16 bytes. */
struct fdent {
    uint8_t kind; /* enum fd_kind */
    bool cloexec;
    bool given_up; /* its reference is, for an exec that is under way */
    uint8_t pad;
    uint32_t gen; /* changes each time the number is reused */
    void *obj;    /* struct sock or struct epset, counted by refs */
};
#define FD_PAGE_SHIFT 10
#define FD_PAGE_CNT (1u << FD_PAGE_SHIFT)
#define FD_TOP_CNT 64 /* pages that need no table of their own: 65536 descriptors */
#define FD_TOP_GROWN 2
#define HOST_POOL_CNT 64 /* eventfds that every process of the stack holds */

/* [L] */
struct host_proc {
    uint32_t pid;   /* 0: being forked */
    uint32_t maker; /* the process that made the record */
    uint64_t
        start; /* start time in clock ticks since boot: a pid may be used again. 0: not known */
    uint64_t made_ns;
    /* An exec is under way: its mutex is held by the thread that tries, robust, so that the kernel says whether it came to it. */
    bool execing;
    bool hands_over; /* the image attaches: it does the rest itself */
    pthread_mutex_t exec_lock;
    struct host_fds { /* the private descriptors that an image inherits; -1 none */
        int mem, ctl, dev, trace, cap;
        int evfd[HOST_POOL_CNT];
    } fds;
    uint32_t page_cnt;    /* of pages */
    struct fdent **pages; /* top, or the last of grown */
    struct fdent *
        *grown[FD_TOP_GROWN]; /* larger tables; a smaller one stays, since look-ups are lock-free */
    struct fdent *top[FD_TOP_CNT];
};

/* A call in progress holds a socket: what is to be given back if the process dies in it. [L] */
struct host_hold {
    struct sock *s;
    uint32_t pid;
};
/* Lock held. sock_hold() with a record; NULL: no memory for the record, the hold itself counts all the same. */
struct host_hold *host_hold(struct sock *s);
/* Lock held. hold may be NULL. */
void host_unhold(struct sock *s, struct host_hold *hold);

/* This process's record; NULL: not attached. */
struct host_proc *host_proc(void);
/* Lock held. The descriptor behind prev (-1: the first), or -1. */
int host_proc_next(const struct host_proc *p, int prev);
/* Lock held. How many processes there are, this one included. */
uint32_t host_proc_cnt(void);

/*
 * fork(): before it, without the lock: the child's record, with all references taken; NULL: no memory, the child will not have our sockets. Then exactly one of these:
 * in the child; in the parent with the child's pid (0: not known); in the parent if there is no child.
 */
struct host_proc *host_fork_prepare(void);
void host_fork_child(struct host_proc *child);
void host_fork_parent(struct host_proc *child, uint32_t pid);
void host_fork_failed(struct host_proc *child);

/*
 * exec: before it, without the lock. Descriptors that the exec closes and others have open, too, are given up. inherit: the image will have the library and inherits one of our sockets: it is to attach, and finds
 * what it needs by `token`, the value of HOST_TOKEN_NAME in its environment.
 */
#define HOST_TOKEN_NAME "USERSTACK_ATTACH"
#define HOST_TOKEN_CAP 64
void host_exec_prepare(bool inherit, char token[HOST_TOKEN_CAP]);
/* It came back. */
void host_exec_failed(void);
/* In the image: 0, or negative errno: nothing of ours is here. */
int host_exec_attach(const char *token);
/* Lock held: does an image inherit one of our sockets (or epoll sets)? */
bool host_exec_inherits(void);
/* Will the library be in that program? fd < 0: by path. System calls only. depth: of scripts. */
bool host_image_takes_us(const char *path, int fd, int depth);

#endif
