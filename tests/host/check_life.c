/* SPDX-License-Identifier: ISC */
/* Attaching, coming up, private descriptors, identity, fork. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "host/fake.h"

static long resident_kb(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%*d %ld", &pages), 1);
    fclose(f);
    return pages * 4;
}

static void no_size(struct host_cfg *cfg) { cfg->mem_bytes = 0; }

START_TEST(test_attach_is_sparse)
{
    long before = resident_kb();
    fake_start(false, no_size);
    struct stack *st = host_stack();
    ck_assert_uint_eq((uintptr_t)st, HOST_ARENA_BASE);
    ck_assert_uint_eq(st->magic, STACK_MAGIC);
    ck_assert_uint_ge(host_local.arena_bytes, 1u << 30);
    ck_assert_int_lt(resident_kb() - before, 2048);
    ck_assert_int_eq(host_attach(&host_local.cfg), 0);
    ck_assert_ptr_eq(host_stack(), st);
    ck_assert_ptr_null(stack_check(st));
}
END_TEST

START_TEST(test_attach_with_taken_slot)
{
    void *at = (void *)(uintptr_t)HOST_ARENA_BASE;
    ck_assert_ptr_eq(
        mmap(at, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), at);
    fake_start(false, NULL);
    ck_assert_uint_eq((uintptr_t)host_stack(), HOST_ARENA_BASE + HOST_ARENA_SLOT_BYTES);
}
END_TEST

static const struct limit_case {
    const char *name;
    int what;
    rlim_t value;
} limits[] = {
    {"64 descriptors", RLIMIT_NOFILE, 64},
    {"a million descriptors", RLIMIT_NOFILE, 1 << 20},
    {"files of 32 MB", RLIMIT_FSIZE, 32 << 20},
};

START_TEST(test_limits)
{
    const struct limit_case *c = &limits[_i];
    struct rlimit rl;
    getrlimit((__rlimit_resource_t)c->what, &rl);
    rl.rlim_cur = UST_MIN(c->value, rl.rlim_max);
    ck_assert_int_eq(setrlimit((__rlimit_resource_t)c->what, &rl), 0);
    fake_start(true, NULL);
    fake_udp(7);
    fake_send_udp(7, "x", 1);
    ck_assert_int_eq(host_stack()->up, true);
    int fd = open("/dev/null", O_RDONLY);
    ck_assert_int_lt(fd, 10); /* the low numbers are the program's */
    ck_assert_int_gt(host_local.memfd, fd);
    ck_assert_int_lt(host_local.memfd, 5000);
}
END_TEST

START_TEST(test_private_fds)
{
    fake_start(true, NULL);
    const int ours[] = {host_local.memfd, host_local.ctl_fd, host_local.dev.fd, host_local.evfd[0]};
    for (size_t i = 0; i < UST_ARRAY_CNT(ours); i++) {
        ck_assert(host_fd_is_private(ours[i]));
        ck_assert_int_ne(fcntl(ours[i], F_GETFD) & FD_CLOEXEC, 0);
    }
    ck_assert(!host_fd_is_private(0) && !host_fd_is_private(-1) && !host_fd_is_private(1 << 24));
    host_fd_note(100000);
    ck_assert(host_fd_is_private(100000) && !host_fd_is_private(100001));
    host_fd_forget(100000);
    ck_assert(!host_fd_is_private(100000));
    int old = host_local.memfd, moved = host_fd_move(old);
    ck_assert_int_ne(moved, old);
    ck_assert(host_fd_is_private(moved) && !host_fd_is_private(old));
    ck_assert_int_eq(host_local.memfd, moved);
}
END_TEST

/* Runs fn in a child and returns what it wrote on stderr, its exit status in *status. */
static char *child_stderr(void (*fn)(void), int *status) {
    static char text[2000];
    int p[2];
    ck_assert_int_eq(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(p[1], 2);
        close(p[0]);
        close(p[1]);
        fn();
        _exit(0);
    }
    close(p[1]);
    size_t len = 0;
    ssize_t n;
    while ((n = read(p[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(p[0]);
    waitpid(pid, status, 0);
    return text;
}

static struct host_cfg second;

static void second_process(void) {
    host_after_fork_child();
    if (host_stack())
        _exit(10);
    if (host_attach(&second) < 0)
        _exit(11);
    if ((uintptr_t)host_stack() != HOST_ARENA_BASE + HOST_ARENA_SLOT_BYTES)
        _exit(12);
    int r = host_up();
    if (r != host_up()) /* the line comes once */
        _exit(13);
    _exit(r == -ENETDOWN ? 0 : r == 0 ? 1 : 14);
}

START_TEST(test_identity)
{
    int status;
    char pid[40];
    fake_start(true, NULL);
    second = host_local.cfg;
    const char *text = child_stderr(second_process, &status);
    ck_assert_int_eq(status, 0);
    snprintf(pid, sizeof pid, "process %d (", (int)getpid());
    ck_assert_msg(strstr(text, pid) && strchr(text, '\n') == strrchr(text, '\n'), "%s", text);
#ifndef __SANITIZE_THREAD__   /* which forbids threads behind a fork */
    strcat(second.name, "b"); /* apart by name */
    child_stderr(second_process, &status);
    ck_assert_int_eq(WEXITSTATUS(status), 1);
#endif
}
END_TEST

START_TEST(test_unseen_fork)
{
    fake_start(true, NULL);
    ck_assert_ptr_nonnull(host_stack());
    long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0)
        _exit(host_stack() == NULL ? 0 : 1);
    int status;
    waitpid((pid_t)pid, &status, 0);
    ck_assert_int_eq(status, 0);
    ck_assert_ptr_nonnull(host_stack());
}
END_TEST

/* Somebody answers the probe for our address. */
static const struct ust_mac other = {{2, 9, 9, 9, 9, 9}};
static const struct dev_ops *answered;

static bool answer_once(struct dev *d, struct pkt_rx *p) {
    static bool done;
    if (fake_sent > 0 && !done) {
        done = true;
        fake_send_arp_reply(FAKE_US, &other);
    }
    return answered->rx(d, p);
}

START_TEST(test_address_conflict)
{
    struct dev_ops ops = *fake_ops();
    char text[1000] = "";
    int p[2], keep = dup(2);
    fake_start(false, NULL);
    answered = fake_ops();
    ops.rx = answer_once;
    host_use_device(&ops);
    ck_assert_int_eq(pipe(p), 0);
    dup2(p[1], 2);
    int r = host_up();
    dup2(keep, 2);
    close(p[1]);
    ck_assert_int_gt(read(p[0], text, sizeof text - 1), 0);
    ck_assert_int_eq(r, -ENETDOWN);
    ck_assert(!host_stack()->up);
    ck_assert_str_eq(text, "userstack: 10.0.0.2 on fake0 is in use by 02:09:09:09:09:09\n");
    ck_assert_ptr_null(stack_check(host_stack()));
    ck_assert_int_eq(host_up(), -ENETDOWN); /* not tried again at once, nor said */
}
END_TEST

static struct host_cfg bad;
static void attach_bad(void) {
    for (int i = 0; i < 3; i++)
        if (host_attach(&bad) != -ENETDOWN)
            _exit(1);
}

START_TEST(test_bad_configuration)
{
    int status;
    host_cfg_default(&bad);
    bad.valid = false;
    strcpy(bad.error, "USERSTACK_IF is not set");
    const char *text = child_stderr(attach_bad, &status);
    ck_assert_int_eq(status, 0);
    ck_assert_str_eq(text, "userstack: USERSTACK_IF is not set\n");
}
END_TEST

static char out_path[64];
static void with_trace(struct host_cfg *cfg) {
    cfg->trace_on = 1u << TRACE_ARP | 1u << TRACE_LINK;
    strcpy(cfg->trace_file, out_path);
}

START_TEST(test_trace_file)
{
    char text[4096] = "";
    snprintf(out_path, sizeof out_path, "/tmp/userstack-test-trace.%d", (int)getpid());
    fake_start(true, with_trace);
    FILE *f = fopen(out_path, "r");
    ck_assert_ptr_nonnull(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    unlink(out_path);
    ck_assert_msg(n > 0 && strstr(text, " link up mtu 1500"), "%s", text);
}
END_TEST

static void with_stat(struct host_cfg *cfg) { strcpy(cfg->stat_file, out_path); }

START_TEST(test_stat_file)
{
    char text[8192] = "";
    snprintf(out_path, sizeof out_path, "/tmp/userstack-test-stat.%d.json", (int)getpid());
    fake_start(true, with_stat);
    uint64_t t = host_now();
    host_exit();
    ck_assert_uint_lt(host_now() - t, NS_PER_S);
    FILE *f = fopen(out_path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, f), 100);
    fclose(f);
    unlink(out_path);
    ck_assert_msg(text[0] == '{' && strstr(text, "\"up\":1"), "%s", text);
}
END_TEST

int main(void) {
    Suite *s = suite_create("host/life");
    TCase *tc = tcase_create("life");
    tcase_add_test(tc, test_attach_is_sparse);
    tcase_add_test(tc, test_attach_with_taken_slot);
    tcase_add_loop_test(tc, test_limits, 0, UST_ARRAY_CNT(limits));
    tcase_add_test(tc, test_private_fds);
    tcase_add_test(tc, test_identity);
    tcase_add_test(tc, test_unseen_fork);
    tcase_add_test(tc, test_address_conflict);
    tcase_add_test(tc, test_bad_configuration);
    tcase_add_test(tc, test_trace_file);
    tcase_add_test(tc, test_stat_file);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
