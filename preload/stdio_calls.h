/* SPDX-License-Identifier: ISC */
/* Streams on our sockets: libc's own calls inside stdio cannot be taken over, so such a stream is a cookie stream that calls ours. */
#ifndef UST_PRELOAD_STDIO_CALLS_H
#define UST_PRELOAD_STDIO_CALLS_H

/* The number fd has just become a copy of another: if it is 0 to 2, stdin, stdout or stderr follow. Outside the stack (depth 0). */
void stdio_follow_slow(int fd);
static inline void stdio_follow(int fd) {
    if ((unsigned)fd < 3)
        stdio_follow_slow(fd);
}
/* The process ends, and its sockets before its streams: what is still in their buffers goes out now. */
void stdio_flush(void);

#endif
