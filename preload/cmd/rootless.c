/* SPDX-License-Identifier: ISC */
/*
 * userstack run --rootless: a network for a program whose user may do nothing to the machine's.
 * passt (a program of its own package) speaks frames over a socket on one side and makes ordinary
 * connections of the user's on the other; the stack speaks to it over the stream link.
 *
 * Who ends passt. The program keeps our process id, our signals and our parent, so nobody of ours
 * waits for it: a watcher, no child of anybody here, starts passt, looks at the program through a
 * pidfd, and ends passt when the program has gone and no process that it left behind is connected.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/cmd.h"

#define MTU "65520" /* what passt takes: one frame is one large segment */
#define READY_MS 10000
#define LOOK_MS 200
#define SS_CONNECTED 3
#define FLAG_LISTENS 0x10000

struct place {
    char dir[80], sock[108], log[100];
};

/* Of the sockets with that path: does one listen, is one connected? */
static void look_at_socket(const char *path, bool *listens, bool *connected) {
    char line[512];
    *listens = *connected = false;
    FILE *f = fopen("/proc/net/unix", "re");
    while (f && fgets(line, sizeof line, f)) {
        unsigned flags, type, state;
        char name[256];
        if (sscanf(line, "%*s %*x %*x %x %x %x %*u %255s", &flags, &type, &state, name) != 4 ||
            strcmp(name, path) != 0)
            continue;
        *listens = *listens || flags & FLAG_LISTENS;
        *connected = *connected || state == SS_CONNECTED;
    }
    if (f)
        fclose(f);
}

static void clean(const struct place *p) {
    unlink(p->sock);
    unlink(p->log);
    rmdir(p->dir);
}

/* passt's last words, for the message. */
static void last_words(const char *path, char *out, size_t cap) {
    char line[256];
    FILE *f = fopen(path, "re");
    out[0] = '\0';
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0])
            snprintf(out, cap, "%s", line);
    }
    if (f)
        fclose(f);
}

static int exec_passt(const struct place *p, const char *publish) {
    char *argv[16];
    int n = 0;
    /* The gateway is the gateway; without --no-map-gw its address would lead to this machine. */
    const char *const fixed[] = {
        "passt", "--foreground", "--no-map-gw", "--socket", p->sock, "--mtu", MTU};
    for (size_t i = 0; i < UST_ARRAY_CNT(fixed); i++)
        argv[n++] = (char *)(uintptr_t)fixed[i];
    static char runas[] = "--runas", root[] = "0:0", tcp[] = "--tcp-ports", udp[] = "--udp-ports";
    if (geteuid() == 0) {
        argv[n++] = runas;
        argv[n++] = root;
    }
    if (publish) {
        argv[n++] = tcp;
        argv[n++] = (char *)(uintptr_t)publish;
        argv[n++] = udp;
        argv[n++] = (char *)(uintptr_t)publish;
    }
    argv[n] = NULL;
    int log = open(p->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0)
        dup2(log, 2);
    execvp("passt", argv);
    int e = errno;
    dprintf(2, e == ENOENT ? "no such program: install passt (Debian package passt)\n" : "%s\n",
            strerror(e));
    return EXIT_NOT_RUN;
}

/* Until passt listens; false with what went wrong. */
static bool wait_for_passt(pid_t passt, const struct place *p, char *why, size_t cap) {
    bool listens = false, connected;
    for (int ms = 0; ms < READY_MS; ms += 2) {
        look_at_socket(p->sock, &listens, &connected);
        if (listens)
            return true;
        if (waitpid(passt, NULL, WNOHANG) == passt) {
            char words[256];
            last_words(p->log, words, sizeof words);
            snprintf(why, cap, "passt: %s", words[0] ? words : "ended at once");
            return false;
        }
        usleep(2000);
    }
    snprintf(why, cap, "passt does not listen within %d s", READY_MS / 1000);
    return false;
}

/* The program is gone, and so is who it left behind; or passt ended by itself. */
static void watch(int pidfd, pid_t passt, const struct place *p) {
    struct pollfd pf = {.fd = pidfd, .events = POLLIN};
    bool gone = false, listens, connected = true;
    while (!gone || connected) {
        if (waitpid(passt, NULL, WNOHANG) == passt)
            return;
        if (gone)
            usleep(LOOK_MS * 1000);
        else
            gone = poll(&pf, 1, LOOK_MS) > 0;
        look_at_socket(p->sock, &listens, &connected);
    }
    kill(passt, SIGTERM);
    waitpid(passt, NULL, 0);
}

/* Says "ok" or what went wrong into `ready`; never returns. */
static void watcher(int pidfd, int ready, const struct place *p, const char *publish) {
    char why[300] = "ok";
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    pid_t self = getpid(), passt = fork();
    if (passt == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        _exit(getppid() == self ? exec_passt(p, publish) : EXIT_NOT_RUN);
    }
    bool good = passt > 0 && wait_for_passt(passt, p, why, sizeof why);
    if (passt < 0)
        snprintf(why, sizeof why, "fork: %s", strerror(errno));
    if (write(ready, why, strlen(why)) < 0)
        good = false;
    close(ready);
    if (good)
        watch(pidfd, passt, p);
    else if (passt > 0)
        kill(passt, SIGTERM);
    clean(p);
    _exit(0);
}

/* All that comes until the other end closes; its length. */
static size_t read_all(int fd, char *buf, size_t cap) {
    size_t len = 0;
    ssize_t n;
    while (len < cap - 1 && (n = read(fd, buf + len, cap - 1 - len)) != 0) {
        if (n > 0)
            len += (size_t)n;
        else if (errno != EINTR)
            break;
    }
    buf[len] = '\0';
    return len;
}

static int start(const struct place *p, const char *publish) {
    int ready[2], pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    char why[300];
    if (pidfd < 0 || pipe2(ready, O_CLOEXEC) < 0)
        return cmd_fail(EXIT_NOT_RUN, "--rootless: %s", strerror(errno));
    fcntl(pidfd, F_SETFD, FD_CLOEXEC);
    pid_t between = fork();
    if (between == 0) { /* so that the watcher is nobody's child here */
        pid_t w = fork();
        if (w == 0)
            watcher(pidfd, ready[1], p, publish);
        _exit(w < 0);
    }
    close(ready[1]);
    close(pidfd);
    if (between > 0)
        waitpid(between, NULL, 0);
    size_t len = read_all(ready[0], why, sizeof why);
    close(ready[0]);
    if (len == 2 && strcmp(why, "ok") == 0)
        return 0;
    clean(p);
    return cmd_fail(EXIT_NOT_RUN, "--rootless: %s", len ? why : "the watcher ended");
}

int rootless_start(const char *publish) {
    struct place p;
    char link[128];
    const char *base = getenv("XDG_RUNTIME_DIR");
    if (getenv("USERSTACK_IF") && *getenv("USERSTACK_IF"))
        return cmd_fail(EXIT_NOT_RUN,
                        "--rootless brings a link of its own: leave out -i and USERSTACK_IF");
    if (!base || strlen(base) > 40 || access(base, W_OK) < 0)
        base = "/tmp";
    snprintf(p.dir, sizeof p.dir, "%s/userstack-XXXXXX", base);
    if (!mkdtemp(p.dir))
        return cmd_fail(EXIT_NOT_RUN, "--rootless: %s: %s", p.dir, strerror(errno));
    snprintf(p.sock, sizeof p.sock, "%s/passt-%d", p.dir, (int)getpid());
    snprintf(p.log, sizeof p.log, "%s/log", p.dir);
    int r = start(&p, publish);
    if (r != 0)
        return r;
    snprintf(link, sizeof link, "stream:%s", p.sock);
    setenv("USERSTACK_IF", link, 1);
    setenv("USERSTACK_IP4", "dhcp", 0);
    setenv("USERSTACK_MTU", MTU, 0);
    return 0;
}
