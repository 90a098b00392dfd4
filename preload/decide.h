/* SPDX-License-Identifier: ISC */
/* The late choice, and who asks for it: what decide.c, place.c and process.c offer beside internal.h. */
#ifndef UST_PRELOAD_DECIDE_H
#define UST_PRELOAD_DECIDE_H

#include "call.h"

/* ---- decide.c ---- */
bool stack_is_ready(void);
/* Is the configuration valid? Prints nothing. */
bool stack_is_configured(void);
bool stack_is_strict(void);
/* This process's id, without a system call; after stack_ready(). */
uint32_t stack_pid(void);
/* In the child of a fork. shares: it has a table of its own; else nothing is ours here, until it opens a socket. */
void stack_after_fork_child(bool shares);
/* addr_is_kernels() for a destination, where the unspecified address means this host. */
bool dest_is_kernels(const struct sock *s, const struct ust_addr *a);
/* Lock held: c->s is about to become the kernel's. If it has a port of the stack's wildcard address, so will the placeholder. 0; -ENETUNREACH: too late, it lives on the stack; or why the port cannot be had. */
int decide_kernel_prepare(struct call *c);
/* Lock held. A number of this process under which the kernel knows the set, or -1. */
int epoll_fd_of(const struct epset *set);
/* A socket that became the kernel's for its destination is about to be connected: if to a place that is not the kernel's, and it is free to go there, it is undecided again. */
void decide_again(int fd, const struct sockaddr *sa, socklen_t len);

/* ---- conn.c ---- */
/* What MSG_FASTOPEN does before it sends. 0: go on sending; CALL_TO_LIBC; -CALL_RESTART as call_block(). */
long conn_fastopen(struct call *c, const struct sockaddr *sa, socklen_t len, int flags);
/* Waits for the end of a handshake as a blocking connect() does; first: what it is if there is no waiting, or not in time. */
long conn_await(struct call *c, int first);

/* ---- place.c: placeholders ---- */
/* A kernel socket that stands for one of ours: its number or negative errno. type with its flags. */
int place_new(int family, int type, int protocol);
/* It is about to be the socket: gets the flags that the program has set. */
void place_sync(int fd, const struct sock *s);
/* For accept(): a dup of a template, which costs a tenth. */
int place_accepted(int family, bool cloexec);

/* ---- process.c ---- */
/* At the first socket: from now on forks and the end of the process concern us. */
void process_adopt(void);

/* ---- sandbox.c ---- */
/* This process is about to restrict its own system calls. */
void sandbox_begins(void);

/* ---- exec.c ---- */
/* At load: what of the environment is ours. */
void exec_remember(char *const *envp);

#endif
