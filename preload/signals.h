/* SPDX-License-Identifier: ISC */
/* What signal.c, sigcalls.c and enter.c share. */
#ifndef UST_PRELOAD_SIGNALS_H
#define UST_PRELOAD_SIGNALS_H

#include "internal.h"

#define SIG_CNT 65

/* Signal handlers of the program that were installed before we could see it get the trampoline, and so do SIGSEGV and SIGBUS. Once, at the first socket. */
void signal_adopt(void);
/* From the trampoline: the sleep that it interrupts, if there is one, is over, and nothing is left of it. False: not just now, put the signal off. */
bool sleep_cancel(void);
/* sigaction() with the trampoline in between: 0 or negative errno. */
int signal_action(int sig, const struct sigaction *act, struct sigaction *old);
/* sigprocmask() that never blocks SIGSEGV and SIGBUS, and pretends to: 0 or negative errno. */
int signal_mask(int how, const sigset_t *set, sigset_t *old);
/* In the child of a fork: whatever another thread was doing to our table, it is not doing it here. */
void signal_after_fork_child(void);

#endif
