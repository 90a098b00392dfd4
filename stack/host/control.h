/* SPDX-License-Identifier: ISC */
/*
 * The control socket: how `userstack stat` and `userstack ss` ask a live stack.
 *
 * An abstract listening AF_UNIX socket named HOST_CTL_PREFIX + identity. The protocol is text: the client sends one line ("stat", "stat json", "ss", "ss json", or "retire" to a keeper) and reads
 * until the end. Who may ask: the same uid, or root; others are shown the door without a word.
 */
#ifndef UST_HOST_CONTROL_H
#define UST_HOST_CONTROL_H

/* A listening socket, non-blocking, CLOEXEC; name without HOST_CTL_PREFIX. Or negative errno: -EADDRINUSE if that name is taken, -ENAMETOOLONG. */
int control_open(const char *name);
/* The listening socket is readable: answers who waits there, each in bounded time (CONTROL_BUDGET_NS for a client that dawdles). Takes the stack's lock itself. */
void control_serve(int listen_fd);

#endif
