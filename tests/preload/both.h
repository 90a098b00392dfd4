/* SPDX-License-Identifier: ISC */
/*
 * For tests that run on both sides: side 0 is the stack (through its own address, over a device that carries nothing, so that no privilege is needed),
 * side 1 the kernel (127.0.0.1, which USERSTACK_KERNEL leaves to it). Both have to give what the case says, so the kernel itself vouches for the cases.
 *
 * The preload library is linked into the test program: its names win over libc's there as they do under LD_PRELOAD. Each case is a process of its own and makes a stack of
 * its own at its first socket.
 */
#ifndef UST_TESTS_PRELOAD_BOTH_H
#define UST_TESTS_PRELOAD_BOTH_H

#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdtab.h"
#include "host/sys.h"

#define SIDES 2
#define OURS(side) ((side) == 0)
#define OURS_IP 0x0a4d0002u /* 10.77.0.2 */

/* In main(), before anything else: the environment of the cases. */
void both_init(void);
/* Runs the suite; the exit status. */
int both_run(Suite *s);

struct sockaddr_in address(int side, uint16_t port);
/* Is fd on the side where the case wants it? */
void check_side(int side, int fd);
void name_of(int fd, struct sockaddr_in *sa);
int udp_bound(int side, struct sockaddr_in *sa);
/* Connected to each other. */
void udp_pair(int side, int s[2]);
void tcp_pair(int side, int s[2]);
int tcp_listener(int side, struct sockaddr_in *sa);

/* A sanitizer's run time looks at the arguments of libc calls, has fault handlers, loses its way when a thread is cancelled; ThreadSanitizer's delivers signals when it likes, and knows fork() alone. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifndef UNDER_TSAN
#define UNDER_TSAN 0
#endif

/* r == -1 and errno == err. */
#define fails(r, err)                                                                              \
    do {                                                                                           \
        long r_ = (long)(r);                                                                       \
        int e_ = errno;                                                                            \
        ck_assert_msg(r_ == -1 && e_ == (err), "%s: %ld, errno %d (%s), wanted %s", #r, r_,        \
                      r_ == -1 ? e_ : 0, r_ == -1 ? strerror(e_) : "", #err);                      \
    } while (0)
#define gives(r, val) ck_assert_int_eq((long)(r), (long)(val))

/* ms since some moment. */
int64_t now_ms(void);
/* What a stack of ours has that nobody should have left behind: waiters, held sockets. */
void check_nothing_held(void);
/* An address with nothing there. */
void *bad_memory(void);

#endif
