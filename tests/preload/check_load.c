/* SPDX-License-Identifier: ISC */
/*
 * The shared library itself: programs that never open a socket do not notice it, LD_PRELOAD and dlopen() serve alike, and it says one clear
 * line where it has to refuse. The sockets here are bound to 127.0.0.1, which stays the kernel's, so no device is needed.
 */
#include <check.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer's run time must be loaded first, so a plain program cannot have an instrumented library. */
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

static char lib[PATH_MAX];

/* Runs a shell command with the library preloaded; its standard output and error, and its status. */
static int preloaded(const char *env, const char *cmd, char *text, size_t cap) {
    char line[8192];
    snprintf(line, sizeof(line), "%s LD_PRELOAD=%s sh -c '%s' 2>&1", env, lib, cmd);
    FILE *f = popen(line, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, cap - 1, f);
    text[n] = '\0';
    int status = pclose(f);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(unnoticed)
{
    char text[4096];
    ck_assert_int_eq(preloaded("", "echo hello | cat; true", text, sizeof(text)), 0);
    ck_assert_str_eq(text, "hello\n");
    /* Even with nonsense in the environment. */
    ck_assert_int_eq(
        preloaded("USERSTACK_IF=/ USERSTACK_MTU=x", "echo a; exit 3", text, sizeof(text)), 3);
    ck_assert_str_eq(text, "a\n");
}
END_TEST

static const char *const python = "command -v python3 >/dev/null || exit 77; python3 -c \"import "
                                  "socket; s=socket.socket(); print(1)\"";

START_TEST(refuses_in_one_line)
{
    char text[4096];
    int r = preloaded("USERSTACK_MTU=x USERSTACK_IF=veth0", python, text, sizeof(text));
    if (r == 77)
        return;
    ck_assert_int_ne(r, 0);
    ck_assert_msg(strncmp(text, "userstack: USERSTACK_MTU=x", 26) == 0, "%s", text);
    /* The rest is Python's own. */
    char *nl = strchr(text, '\n');
    ck_assert_ptr_nonnull(nl);
    ck_assert_ptr_null(strstr(nl, "userstack:"));
    ck_assert_ptr_nonnull(strstr(nl, "Network is down"));
}
END_TEST

START_TEST(opened_by_hand)
{
    char b[8];
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    setenv("USERSTACK_IF", "veth0", 1);
    setenv("USERSTACK_IP4", "10.77.0.2/24", 1);
    setenv("USERSTACK_IP6", "none", 1);
    void *h = dlopen(lib, RTLD_NOW | RTLD_LOCAL);
    ck_assert_msg(h != NULL, "%s", dlerror());
    int (*us_socket)(int, int, int);
    int (*us_bind)(int, const struct sockaddr *, socklen_t);
    int (*us_getsockname)(int, struct sockaddr *, socklen_t *);
    int (*us_close)(int);
    ssize_t (*us_sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
    ssize_t (*us_recv)(int, void *, size_t, int);
    *(void **)&us_socket = dlsym(h, "socket");
    *(void **)&us_bind = dlsym(h, "bind");
    *(void **)&us_getsockname = dlsym(h, "getsockname");
    *(void **)&us_close = dlsym(h, "close");
    *(void **)&us_sendto = dlsym(h, "sendto");
    *(void **)&us_recv = dlsym(h, "recv");
    ck_assert(us_socket && us_bind && us_getsockname && us_close && us_sendto && us_recv);
    int s = us_socket(AF_INET, SOCK_DGRAM, 0), t = us_socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_ge(s, 0);
    ck_assert_int_eq(us_bind(s, (struct sockaddr *)&sa, sizeof(sa)), 0);
    ck_assert_int_eq(us_getsockname(s, (struct sockaddr *)&sa, &len), 0);
    ck_assert_int_eq(us_sendto(t, "abc", 3, 0, (struct sockaddr *)&sa, sizeof(sa)), 3);
    ck_assert_int_eq(us_recv(s, b, 8, 0), 3);
    ck_assert_int_eq(us_close(s), 0);
    ck_assert_int_eq(us_close(s), -1);
    ck_assert_int_eq(errno, EBADF);
    us_close(t);
}
END_TEST

int main(void) {
    char path[4000];
    const char *top = getenv("top_builddir");
    snprintf(path, sizeof(path), "%s/.libs/libuserstack.so", top ? top : ".");
    Suite *s = suite_create("load");
    TCase *t = tcase_create("load");
    if (!realpath(path, lib)) {
        fprintf(stderr, "%s is missing: build first\n", path);
        return EXIT_FAILURE;
    }
    tcase_set_timeout(t, 60);
    if (!SANITIZED) {
        tcase_add_test(t, unnoticed);
        tcase_add_test(t, refuses_in_one_line);
    }
    tcase_add_test(t, opened_by_hand);
    suite_add_tcase(s, t);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
