/* SPDX-License-Identifier: ISC */
/*
 * What a call costs on descriptors that are not the stack's, ns: presence [CALLS]. Prints a line a kind: name, least of many short rounds, in CPU time (the
 * machine's noise only adds). scripts/bench-presence runs it with and without the library.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 300

static double now_ns(void) {
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int fail(const char *what) {
    perror(what);
    exit(1);
}

/* One call each of write to out and, if in is not negative, read from in. */
static double round_ns(int out, int in, long calls) {
    char b = 0;
    double start = now_ns();
    for (long i = 0; i < calls; i++) {
        if (write(out, &b, 1) != 1)
            fail("write");
        if (in >= 0 && read(in, &b, 1) != 1)
            fail("read");
    }
    return (now_ns() - start) / (double)calls / (in >= 0 ? 2 : 1);
}

static void measure(const char *name, int out, int in, long calls) {
    double best = 1e12;
    for (int i = 0; i < ROUNDS; i++) {
        double ns = round_ns(out, in, calls);
        best = ns < best ? ns : best;
    }
    printf("%s %.1f\n", name, best);
}

int main(int argc, char **argv) {
    long calls = argc > 1 ? atol(argv[1]) : 5000;
    int p[2], null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0 || pipe(p) < 0)
        fail("open");
    measure("write/dev/null", null, -1, calls);
    measure("pipe", p[1], p[0], calls);
    return 0;
}
