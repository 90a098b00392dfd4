/* SPDX-License-Identifier: ISC */
/*
 * The reports and the control socket: every form at every buffer size, JSON that parses, names that scripts rely on, and what a client gets.
 * Runs on a stack with a device that carries nothing, see null_dev.h.
 */
#include <check.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"
#include "preload/null_dev.h"

/* ---- JSON: a parser that says yes or no ---- */

static const char *json_value(const char *s);

static const char *json_string(const char *s) {
    if (*s++ != '"')
        return NULL;
    for (; *s && *s != '"'; s++) {
        if ((unsigned char)*s < 0x20)
            return NULL;
        if (*s == '\\' && !*++s)
            return NULL;
    }
    return *s == '"' ? s + 1 : NULL;
}

static const char *json_members(const char *s, char end, bool keys) {
    if (*s == end)
        return s + 1;
    for (;;) {
        if (keys) {
            s = json_string(s);
            if (!s || *s++ != ':')
                return NULL;
        }
        s = json_value(s);
        if (!s)
            return NULL;
        if (*s == end)
            return s + 1;
        if (*s++ != ',')
            return NULL;
    }
}

static const char *json_value(const char *s) {
    if (*s == '{')
        return json_members(s + 1, '}', true);
    if (*s == '[')
        return json_members(s + 1, ']', false);
    if (*s == '"')
        return json_string(s);
    if (!isdigit((unsigned char)*s))
        return NULL;
    while (isdigit((unsigned char)*s))
        s++;
    return s;
}

static bool is_json(const char *s) {
    s = json_value(s);
    return s && strcmp(s, "\n") == 0;
}

/* ---- a stack with something to show ---- */

static int tcp_fd, udp_fd;

static void set_up(void) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(7)};
    host_use_device(&null_dev_ops);
    udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
    sa.sin_addr.s_addr = htonl(0x0a4d0002);
    ck_assert_int_eq(bind(udp_fd, (struct sockaddr *)&sa, sizeof sa), 0);
    ck_assert_int_eq(sendto(udp_fd, "hello", 5, 0, (struct sockaddr *)&sa, sizeof sa), 5);
    tcp_fd = socket(AF_INET, SOCK_STREAM, 0);
    sa.sin_port = htons(80);
    ck_assert_int_eq(bind(tcp_fd, (struct sockaddr *)&sa, sizeof sa), 0);
    ck_assert_int_eq(listen(tcp_fd, 1), 0);
}

static char text[1 << 16];

static size_t report(enum host_report what, size_t cap) {
    uint64_t now_ns = host_lock();
    size_t n = host_report(host_stack(), what, text, cap);
    host_unlock(now_ns);
    return n;
}

START_TEST(report_names)
{
    static const char *const stat[] = {
        "\"stack\":{",
        "\"name\":\"unit-",
        "\"interface\":\"null0\"",
        "\"up\":1",
        "\"mtu\":1500",
        "\"addresses\":[{\"address\":\"10.77.0.2/24\",\"state\":",
        "\"link\":{",
        "\"net\":{",
        "\"tcp\":{",
        "\"udp\":{\"endpoints\":1,",
        "\"payload\":{\"tcp_rx_bytes\":0,",
        "\"udp_tx_bytes\":5}",
        "\"host\":{",
        "\"memory\":{",
        "\"pools\":{",
        "\"drops\":{",
        "\"udp_pcbs\":1",
    };
    report(HOST_REPORT_STAT_JSON, sizeof text);
    ck_assert_msg(is_json(text), "%s", text);
    for (size_t i = 0; i < UST_ARRAY_CNT(stat); i++)
        ck_assert_msg(strstr(text, stat[i]) != NULL, "no %s in %s", stat[i], text);
    report(HOST_REPORT_SS_JSON, sizeof text);
    ck_assert_msg(is_json(text), "%s", text);
    ck_assert_msg(strstr(text,
                         "\"proto\":\"tcp\",\"state\":\"LISTEN\",\"recv_q\":0,\"send_q\":0,"
                         "\"local\":\"10.77.0.2:80\",\"peer\":\"*:*\",\"where\":\"stack\"") != NULL,
                  "%s", text);
    ck_assert(strstr(text, "\"truncated\":0") != NULL);
    report(HOST_REPORT_SS_TEXT, sizeof text);
    ck_assert(strstr(text, "# pid ") == text && strstr(text, ", null0, 10.77.0.2/24\n") != NULL);
    ck_assert(strstr(text, "udp   UNCONN") != NULL && strstr(text, "10.77.0.2:7 ") != NULL);
    report(HOST_REPORT_STAT_TEXT, sizeof text);
    ck_assert(strstr(text, "\npayload\n  tcp_rx_bytes             0\n") != NULL);
}
END_TEST

/* Never beyond the buffer, always ended; a list that does not fit loses rows, not its form. */
START_TEST(report_sizes)
{
    static const enum host_report forms[] = {HOST_REPORT_STAT_TEXT, HOST_REPORT_STAT_JSON,
                                             HOST_REPORT_SS_TEXT, HOST_REPORT_SS_JSON};
    for (size_t cap = 1; cap < 6000; cap += 7) {
        memset(text, '#', cap + 1);
        size_t n = report(forms[_i], cap);
        ck_assert_uint_lt(n, cap);
        ck_assert_uint_eq(strlen(text), n);
        ck_assert_int_eq(text[cap], '#');
    }
    report(HOST_REPORT_SS_JSON, 800);
    ck_assert_msg(is_json(text), "%s", text);
    ck_assert(strstr(text, "\"truncated\":1") != NULL);
}
END_TEST

START_TEST(names_of_files)
{
    char out[32], want[32];
    snprintf(want, sizeof want, "/tmp/%d.%%p%%x", (int)getpid());
    host_path(out, sizeof out, "/tmp/%p.%%p%x");
    ck_assert_str_eq(out, want);
    host_path(out, 5, "/tmp/abc");
    ck_assert_str_eq(out, "/tmp");
    host_path(out, sizeof out, "");
    ck_assert_str_eq(out, "");
}
END_TEST

/* ---- the control socket ---- */

/* Sends the request to our own stack's socket and reads the answer into text. */
static size_t ask(const char *request) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char line[512], name[128] = "";
    FILE *f = fopen("/proc/net/unix", "re");
    ck_assert_ptr_nonnull(f);
    int fd = -1;
    while (fd < 0 && fgets(line, sizeof line, f)) {
        struct ucred uc;
        socklen_t len = sizeof uc;
        if (sscanf(line, "%*s %*s %*s %*s %*s %*s %*s @%107s", name) != 1)
            continue;
        if (strncmp(name, HOST_CTL_PREFIX, sizeof HOST_CTL_PREFIX - 1) != 0)
            continue;
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        memcpy(sa.sun_path + 1, name, strlen(name));
        len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name));
        socklen_t uc_len = sizeof uc;
        if (connect(fd, (struct sockaddr *)&sa, len) == 0 &&
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &uc_len) == 0 && uc.pid == getpid())
            break;
        close(fd);
        fd = -1;
    }
    fclose(f);
    ck_assert_msg(fd >= 0, "no control socket of process %d", (int)getpid());
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    size_t n = 0;
    ssize_t r;
    while ((r = recv(fd, text + n, sizeof text - 1 - n, 0)) > 0)
        n += (size_t)r;
    text[n] = '\0';
    close(fd);
    return n;
}

START_TEST(control)
{
    ask("stat json\n");
    ck_assert_msg(is_json(text), "%s", text);
    ask("ss json\n");
    ck_assert_msg(is_json(text) && strstr(text, "\"sockets\""), "%s", text);
    ask("stat\n");
    ck_assert_msg(strncmp(text, "stack\n", 6) == 0, "%s", text);
    ask("ss\n");
    ck_assert_msg(strncmp(text, "# pid ", 6) == 0, "%s", text);
    ask("nonsense\n");
    ck_assert_str_eq(text, "error: request not known\n");
    /* A line that does not end, and one that is too long: shown the door within the time. */
    ck_assert_uint_eq(ask("stat"), 0);
    ck_assert_uint_eq(ask("a line that is longer than any request can be and so on and so on\n"),
                      0);
    ask("stat json\n");
    ck_assert(is_json(text));
}
END_TEST

int main(int argc, char **argv) {
    null_dev_env(argc, argv);
    Suite *s = suite_create("report");
    TCase *tc = tcase_create("report");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_test(tc, report_names);
    tcase_add_loop_test(tc, report_sizes, 0, 4);
    tcase_add_test(tc, names_of_files);
    tcase_add_test(tc, control);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
