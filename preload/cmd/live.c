/* SPDX-License-Identifier: ISC */
/*
 * userstack stat and ss: ask live stacks. Each has a control socket (stack/host/control.h) with an abstract name, which /proc/net/unix lists, so
 * that what is found is what lives in this network namespace.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/cmd.h"
#include "host/host.h"

#define WHERE "abstract sockets @" HOST_CTL_PREFIX "* of this network namespace, in /proc/net/unix"

struct query {
    const char *what; /* "stat", "ss" */
    const char *sel;  /* name or process id, or NULL: all */
    bool json;
    int found, answered;
};

/* The connected control socket of that stack, with the process id of its owner; -1. */
static int stack_connect(const char *name, pid_t *pid) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct timeval tv = {.tv_sec = 3};
    struct ucred uc = {0};
    socklen_t uc_len = sizeof uc;
    size_t len = strlen(name);
    if (len + 1 > sizeof sa.sun_path)
        return -1;
    memcpy(sa.sun_path + 1, name, len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    socklen_t sa_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    if (connect(fd, (struct sockaddr *)&sa, sa_len) < 0) {
        close(fd);
        return -1;
    }
    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &uc_len);
    *pid = uc.pid;
    return fd;
}

/* Copies the answer to stdout: bytes, or -1 with errno if it broke off. */
static ssize_t copy_answer(int fd) {
    char buf[65536];
    ssize_t n, total = 0;
    while ((n = read(fd, buf, sizeof buf)) > 0) {
        fwrite(buf, 1, (size_t)n, stdout);
        total += n;
    }
    return n < 0 ? -1 : total;
}

/* A number is a process. Else the whole name, or its end behind a dot: "NETNS.veth0.web" is "web" and "veth0.web". */
static bool is_selected(const char *sel, const char *name, const char *pid) {
    if (sel[strspn(sel, "0123456789")] == '\0')
        return strcmp(sel, pid) == 0;
    size_t len = strlen(name), sel_len = strlen(sel);
    if (sel_len > len || strcmp(name + len - sel_len, sel) != 0)
        return false;
    return sel_len == len || name[len - sel_len - 1] == '.';
}

static void ask(struct query *q, const char *name) {
    pid_t pid;
    char line[32];
    int fd = stack_connect(name, &pid);
    /* It ended since we read its name. */
    if (fd < 0)
        return;
    const char *shown = name + sizeof HOST_CTL_PREFIX - 1;
    char pid_text[16];
    snprintf(pid_text, sizeof pid_text, "%d", (int)pid);
    if (q->sel && !is_selected(q->sel, shown, pid_text)) {
        close(fd);
        return;
    }
    q->found++;
    int len = snprintf(line, sizeof line, "%s%s\n", q->what, q->json ? " json" : "");
    if (!q->json)
        printf("%s== %s, process %s\n", q->answered ? "\n" : "", shown, pid_text);
    fflush(stdout);
    ssize_t n = send(fd, line, (size_t)len, MSG_NOSIGNAL);
    if (n > 0)
        n = copy_answer(fd);
    if (n > 0)
        q->answered++;
    else if (n == 0 || errno == ECONNRESET || errno == EPIPE)
        cmd_fail(0, "%s (process %s) does not answer us: is it another user's?", shown, pid_text);
    else
        cmd_fail(0, "%s (process %s): %s", shown, pid_text,
                 errno == EAGAIN ? "no answer within 3 s; is it stopped?" : strerror(errno));
    close(fd);
}

/* Every listening socket with our prefix in /proc/net/unix: "Num RefCount Protocol Flags Type St Inode Path". */
static int ask_all(struct query *q) {
    FILE *f = fopen("/proc/net/unix", "re");
    if (!f)
        return cmd_fail(1, "/proc/net/unix: %s", strerror(errno));
    char line[512], name[256];
    while (fgets(line, sizeof line, f)) {
        unsigned flags;
        const unsigned accepting = 0x10000;
        if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s @%255s", &flags, name) != 2)
            continue;
        if (!(flags & accepting))
            continue;
        if (strncmp(name, HOST_CTL_PREFIX, sizeof HOST_CTL_PREFIX - 1) == 0)
            ask(q, name);
    }
    fclose(f);
    if (q->answered > 0)
        return 0;
    if (q->found > 0)
        return 1;
    if (q->sel)
        return cmd_fail(1, "no live stack or process %s; looked at " WHERE, q->sel);
    return cmd_fail(1, "no live stack; looked at " WHERE);
}

/* ---- a statistics file: the JSON that host_report() wrote, as text ---- */

/* Prints {"section":{"name":value,...},...} as the text form does. Objects and lists below the first level are indented, no more. */
static void print_json_text(const char *s) {
    int depth = 0;
    bool key = true;
    char word[512];
    while (*s) {
        if (*s == '{' || *s == '[') {
            depth++;
            key = true;
            s++;
        } else if (*s == '}' || *s == ']') {
            depth--;
            key = true;
            s++;
        } else if (*s == ',' || isspace((unsigned char)*s)) {
            key = true;
            s++;
        } else if (*s == ':') {
            key = false;
            s++;
            if (*s == '{' || *s == '[')
                printf("\n");
        } else {
            size_t n = 0;
            bool quoted = *s == '"';
            if (quoted)
                s++;
            while (*s && (quoted ? *s != '"' : !strchr(",}]: \n", *s))) {
                if (*s == '\\' && s[1])
                    s++;
                if (n < sizeof word - 1)
                    word[n++] = *s;
                s++;
            }
            if (quoted && *s)
                s++;
            word[n] = '\0';
            if (key)
                printf("%*s%-*s", depth > 1 ? 2 : 0, "", depth > 1 ? 24 : 0, word);
            else
                printf(" %s\n", word);
        }
    }
}

static int show_file(const char *path, bool json) {
    FILE *f = fopen(path, "re");
    if (!f)
        return cmd_fail(1, "%s: %s", path, strerror(errno));
    char *text = malloc(1 << 20);
    size_t n = text ? fread(text, 1, (1 << 20) - 1, f) : 0;
    int r = 0;
    fclose(f);
    if (text)
        text[n] = '\0';
    if (n == 0 || text[0] != '{')
        r = cmd_fail(1, "%s: no statistics file", path);
    else if (json)
        fputs(text, stdout);
    else
        print_json_text(text);
    free(text);
    return r;
}

static int query(int argc, char **argv, const char *usage, bool files) {
    struct query q = {.what = argv[0]};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            q.json = true;
        } else if (argv[i][0] == '-' || q.sel) {
            fprintf(stderr, "usage: userstack %s\n", usage);
            return EXIT_NOT_RUN;
        } else {
            q.sel = argv[i];
        }
    }
    struct stat st;
    bool number = q.sel && q.sel[strspn(q.sel, "0123456789")] == '\0';
    if (files && q.sel && !number && stat(q.sel, &st) == 0 && S_ISREG(st.st_mode))
        return show_file(q.sel, q.json);
    return ask_all(&q);
}

int cmd_stat(int argc, char **argv) {
    return query(argc, argv, "stat [--json] [NAME|PID|FILE]", true);
}

int cmd_ss(int argc, char **argv) { return query(argc, argv, "ss [--json] [NAME|PID]", false); }
