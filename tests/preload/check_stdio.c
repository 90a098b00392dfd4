/* SPDX-License-Identifier: ISC */
/* stdio on sockets, the same on both sides: fdopen, fileno, dprintf, a socket under stdin, stdout and stderr, and back. */
#include "preload/both.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void got(int fd, const char *want) {
    char buf[256];
    size_t len = strlen(want), n = 0;
    while (n < len) {
        ssize_t r = read(fd, buf + n, len - n);
        ck_assert_int_gt(r, 0);
        n += (size_t)r;
    }
    ck_assert_msg(memcmp(buf, want, len) == 0, "%.*s, wanted %s", (int)n, buf, want);
}

static void nothing_there(int fd) {
    char b;
    fails(recv(fd, &b, 1, MSG_DONTWAIT), EAGAIN);
}

START_TEST(stream)
{
    int s[2];
    char line[64];
    tcp_pair(_i, s);
    FILE *f = fdopen(s[0], "r+");
    ck_assert_ptr_nonnull(f);
    gives(fileno(f), s[0]);
    gives(fprintf(f, "GET %d\r\n", 1), 7);
    nothing_there(s[1]);
    gives(fflush(f), 0);
    got(s[1], "GET 1\r\n");
    gives(dprintf(s[1], "answer %s\nmore", "one"), 15);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
    ck_assert_str_eq(line, "answer one\n");
    fails(fseek(f, 0, SEEK_SET), ESPIPE);
    fails(lseek(s[1], 0, SEEK_CUR), ESPIPE);
    struct stat st;
    gives(fstat(s[1], &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    fails(pread(s[1], line, 1, 0), ESPIPE);
    fails(pwrite(s[1], line, 1, 0), ESPIPE);
    gives(shutdown(s[1], SHUT_WR), 0);
    gives(fread(line, 1, sizeof(line), f), 4);
    ck_assert(feof(f));
    gives(fclose(f), 0);
    fails(fcntl(s[0], F_GETFD), EBADF);
    gives(read(s[1], line, 1), 0);
    close(s[1]);
    fails(fdopen(s[0], "r") == NULL ? -1 : 0, EBADF);
}
END_TEST

/* A reader and a writer on dups of one socket, as socketserver and inetd programs have them. */
START_TEST(two_streams)
{
    int s[2];
    char line[64];
    tcp_pair(_i, s);
    FILE *in = fdopen(s[0], "r"), *out = fdopen(dup(s[0]), "w");
    ck_assert(in && out);
    fails(fdopen(s[0], "q") == NULL ? -1 : 0, EINVAL);
    setvbuf(out, NULL, _IOLBF, 0);
    fputs("a line\nhalf", out);
    got(s[1], "a line\n");
    gives(write(s[1], "x\n", 2), 2);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), in));
    gives(fclose(out), 0);
    got(s[1], "half");
    gives(fclose(in), 0);
    gives(read(s[1], line, 1), 0);
    close(s[1]);
}
END_TEST

START_TEST(as_stdout)
{
    int s[2], keep = dup(1), keep_err = dup(2);
    tcp_pair(_i, s);
    fflush(stdout);
    /* What is still in the buffer goes where the number points when it is written. */
    setvbuf(stdout, NULL, _IOFBF, BUFSIZ);
    printf("before ");
    gives(dup2(s[0], 1), 1);
    gives(fileno(stdout), 1);
    printf("%s ", "printf");
    puts("puts");
    nothing_there(s[1]);
    fflush(stdout);
    got(s[1], "before printf puts\n");
    gives(dup2(s[0], 2), 2);
    fputs("unbuffered", stderr);
    got(s[1], "unbuffered");
    dprintf(2, "%s", " dprintf");
    got(s[1], " dprintf");
    gives(dup2(keep_err, 2), 2);
    printf("flushed ");
    fflush(stdout);
    got(s[1], "flushed ");
    /* Back, with a rest that was written for the file. */
    FILE *file = tmpfile();
    printf("rest");
    gives(dup2(fileno(file), 1), 1);
    printf(" and more\n");
    fflush(stdout);
    gives(dup2(keep, 1), 1);
    char text[64] = "";
    gives(pread(fileno(file), text, sizeof(text) - 1, 0), 14);
    ck_assert_str_eq(text, "rest and more\n");
    nothing_there(s[1]);
    fclose(file);
    close(s[0]);
    close(s[1]);
    close(keep);
    close(keep_err);
}
END_TEST

/* close(0), dup(): the way of inetd. */
START_TEST(as_stdin)
{
    int s[2], keep = dup(0), p[2];
    char line[64];
    tcp_pair(_i, s);
    gives(pipe(p), 0);
    gives(write(p[1], "from the pipe\nread ahead\n", 25), 25);
    gives(dup2(p[0], 0), 0);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), stdin));
    close(0);
    gives(dup(s[0]), 0);
    gives(write(s[1], "from the socket\n", 16), 16);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), stdin));
    ck_assert_str_eq(line, "read ahead\n");
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), stdin));
    ck_assert_str_eq(line, "from the socket\n");
    gives(dup2(p[0], 0), 0);
    gives(write(p[1], "pipe again\n", 11), 11);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), stdin));
    ck_assert_str_eq(line, "pipe again\n");
    gives(dup2(keep, 0), 0);
    for (int i = 0; i < 2; i++) {
        close(s[i]);
        close(p[i]);
    }
    close(keep);
}
END_TEST

int main(void) {
    both_init();
    Suite *s = suite_create("stdio");
    TCase *t = tcase_create("stdio");
    tcase_add_loop_test(t, stream, 0, SIDES);
    tcase_add_loop_test(t, two_streams, 0, SIDES);
    tcase_add_loop_test(t, as_stdout, 0, SIDES);
    tcase_add_loop_test(t, as_stdin, 0, SIDES);
    suite_add_tcase(s, t);
    return both_run(s);
}
