/* SPDX-License-Identifier: ISC */
/*
 * The descriptor table of a process, kept in the arena: what fdtab.c offers beside internal.h.
 */
#ifndef UST_PRELOAD_FDTAB_H
#define UST_PRELOAD_FDTAB_H

#include "internal.h"

/* Lock held, after host_attach() or in the child of a fork: the table is that of this process's record. */
void fd_table_attach(void);
/* In the child of a fork that leaves the stack: no number is ours any more. */
void fd_table_detach(void);
/* Lock held: the socket under fd even if it became the kernel's. */
struct sock *fd_sock_any(int fd);
/* Lock held: one more reference to the object of fd under the number to, which exists in the kernel. What the table had under `to` is dropped. 0 or -ENOMEM. */
int fd_install_dup(int fd, int to, bool cloexec);
/* Lock held: forgets the number and gives its reference up. The socket, held once, if this was its last descriptor and close() may have to linger; else NULL. */
struct sock *fd_forget(uint64_t now_ns, int fd);

/* ---- life.c, dup.c: inside enter(), without the lock ---- */
/* close() of a number that has an entry: 0 or negative errno. */
int fd_close(int fd);
/* fcntl(F_DUPFD): the new number or negative errno. */
long fd_dup_from(int fd, int from, bool cloexec);

#endif
