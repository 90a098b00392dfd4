/* SPDX-License-Identifier: ISC */
/* The signal handler's half of user.c. */
#ifndef UST_PRELOAD_USER_H
#define UST_PRELOAD_USER_H

#include <stdbool.h>

/* uc: the ucontext_t of a SIGSEGV or SIGBUS. True: it came from user_copy_*, and uc now goes on behind the copy. */
bool user_copy_recover(void *uc);

#endif
