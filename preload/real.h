/* SPDX-License-Identifier: ISC */
/*
 * libc's own functions, by the list in calls.def: real.read(fd, buf, len).
 *
 * Each pointer starts at a small function that finds the real one with dlsym(RTLD_NEXT) on first use, keeps it and calls it. So the table works before
 * any constructor ran, costs one indirect call afterwards, and a program pays for what it uses only. Two threads may resolve the same one: both find
 * the same. A memory allocator that reads a file inside dlsym() gets the bare system call.
 */
#ifndef UST_PRELOAD_REAL_H
#define UST_PRELOAD_REAL_H

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <resolv.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

#define EXPORT __attribute__((visibility("default")))

struct real {
#define CALL(name, type, params, args) type(*name) params;
#define CALLV(name, type, params, args) type(*name) params;
#define CALL0(name, type, params, args) type(*name) params;
#include "calls.def"
#undef CALL
#undef CALLV
#undef CALL0
};
extern struct real real;

/* Finds them all: for what comes after fork() and inside signal handlers. */
void real_resolve_all(void);

/* The exported names, some of which no header declares. */
#define CALL(name, type, params, args) EXPORT type name params;
#define CALLV(name, type, params, args)
#define CALL0(name, type, params, args)
#include "calls.def"
#undef CALL
#undef CALLV
#undef CALL0
EXPORT int fcntl(int fd, int cmd, ...);
EXPORT int fcntl64(int fd, int cmd, ...);
EXPORT int __fcntl(int fd, int cmd, ...);
EXPORT int ioctl(int fd, unsigned long req, ...);
EXPORT long syscall(long nr, ...);
EXPORT int prctl(int what, ...);
EXPORT int execl(const char *path, const char *arg, ...);
EXPORT int execle(const char *path, const char *arg, ...);
EXPORT int execlp(const char *file, const char *arg, ...);
EXPORT void closefrom(int first);
EXPORT int dprintf(int fd, const char *fmt, ...);
EXPORT int __dprintf_chk(int fd, int flag, const char *fmt, ...);
EXPORT void freeaddrinfo(struct addrinfo *list);
EXPORT void freeifaddrs(struct ifaddrs *list);
EXPORT void _exit(int status) __attribute__((noreturn));
EXPORT void _Exit(int status) __attribute__((noreturn));

#endif
