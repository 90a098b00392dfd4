/* SPDX-License-Identifier: ISC */
/*
 * Identity: (network namespace, interface, addresses or name), taken by binding the control
 * socket to it. Abstract names belong to a network namespace; its number is part of the name all
 * the same, for those who list them. Two processes cannot hold one identity, and it is free when
 * the last copy of the socket is gone.
 */
#include <inttypes.h>
#include <stdio.h>
#include <sys/un.h>

#include "host/control.h"
#include "host/priv.h"
#include "host/sys.h"

#define ANSWER_NS (300 * (long)NS_PER_MS)
#define RETIRE_WAIT_NS (5 * NS_PER_S)
#define RETIRE_NAP_NS (long)NS_PER_MS

#define NAME_CAP (sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof HOST_CTL_PREFIX)

static uint64_t netns_inode(void) {
    char s[64];
    long n = sys_readlink("/proc/self/ns/net", s, sizeof s - 1);
    uint64_t v = 0;
    if (n > 0) {
        s[n] = '\0';
        if (sscanf(s, "net:[%" SCNu64 "]", &v) != 1)
            v = 0;
    }
    return v;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void addresses(char *buf, size_t cap, const struct host_cfg *cfg) {
    char s[ADDR_STR_LEN];
    size_t len = 0;
    buf[0] = '\0';
    for (unsigned i = 0; i < cfg->ip4_cnt + cfg->ip6_cnt && len < cap; i++) {
        const struct host_prefix *p = i < cfg->ip4_cnt ? &cfg->ip4[i] : &cfg->ip6[i - cfg->ip4_cnt];
        len +=
            (size_t)snprintf(buf + len, cap - len, "%s%s", len ? "+" : "", addr_str(&p->addr, s));
    }
    if (len == 0)
        snprintf(buf, cap, "%s", cfg->ip4_dhcp ? "dhcp" : "none");
}

/* Too long a name ends in a hash of the whole. */
static void make_name(char name[NAME_CAP], const struct host_cfg *cfg) {
    char full[128 + HOST_ADDR_CFG_MAX * 2 * ADDR_STR_LEN],
        addrs[HOST_ADDR_CFG_MAX * 2 * ADDR_STR_LEN];
    addresses(addrs, sizeof addrs, cfg);
    int n = snprintf(full, sizeof full, "%" PRIu64 ".%.40s.%s", netns_inode(),
                     last_part(cfg->ifname), cfg->name[0] ? cfg->name : addrs);
    if ((size_t)n < NAME_CAP) {
        memcpy(name, full, (size_t)n + 1);
        return;
    }
    static const struct sip_key key = {{0x7573657273746163, 0x6b}};
    uint64_t h = siphash(&key, full, strlen(full));
    snprintf(name, NAME_CAP, "%.*s~%016" PRIx64, (int)NAME_CAP - 18, full, h);
}

static void comm_of(int pid, char *buf, size_t cap) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    long fd = sys_open(path, O_RDONLY | O_CLOEXEC), n = 0;
    if (fd >= 0) {
        n = sys_read((int)fd, buf, cap - 1);
        sys_close((int)fd);
    }
    buf[n > 0 ? n : 0] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
}

/* Who listens under the name: pid, 0 unknown. */
static int holder(const char *name, unsigned *uid) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int n = snprintf(sa.sun_path + 1, sizeof sa.sun_path - 1, "%s%s", HOST_CTL_PREFIX, name);
    struct ucred uc = {0};
    socklen_t len = sizeof uc;
    long fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return 0;
    if (sys_connect((int)fd, (struct sockaddr *)&sa,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) == 0)
        sys_getsockopt((int)fd, SOL_SOCKET, SO_PEERCRED, &uc, &len);
    sys_close((int)fd);
    *uid = uc.uid;
    return uc.pid;
}

/* Asks whoever has the name to go: true, it may be free soon. */
static bool ask_to_retire(const char *name) {
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int n = snprintf(sa.sun_path + 1, sizeof sa.sun_path - 1, "%s%s", HOST_CTL_PREFIX, name);
    char said[8] = "";
    long fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    struct pollfd p = {.fd = (int)fd, .events = POLLIN};
    struct timespec ts = {0, ANSWER_NS};
    long r = sys_connect((int)fd, (struct sockaddr *)&sa,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n));
    bool gone = r == -ECONNREFUSED; /* it has just gone */
    if (r == 0 && sys_sendto((int)fd, "retire\n", 7, MSG_NOSIGNAL, NULL, 0) == 7 &&
        sys_ppoll(&p, 1, &ts, NULL) > 0)
        gone = sys_read((int)fd, said, sizeof said - 1) <= 0; /* while we asked */
    sys_close((int)fd);
    return gone || said[0] == 'o' || said[0] == 'w';
}

/* A keeper that only finishes what is left makes room for a new stack. */
static int open_or_wait(const char *name) {
    uint64_t end = host_now() + RETIRE_WAIT_NS;
    int fd = control_open(name);
    while (fd == -EADDRINUSE && host_now() < end && ask_to_retire(name)) {
        struct timespec ts = {0, RETIRE_NAP_NS};
        SYS_CALL2(SYS_nanosleep, &ts, NULL);
        fd = control_open(name);
    }
    return fd;
}

int identity_take(const struct host_cfg *cfg, char *err, size_t err_len) {
    char name[NAME_CAP], addrs[200], comm[32] = "";
    make_name(name, cfg);
    int fd = open_or_wait(name);
    if (fd >= 0)
        return host_fd_raise(fd);
    if (fd != -EADDRINUSE) {
        snprintf(err, err_len, "cannot make the control socket %s%s: %s", HOST_CTL_PREFIX, name,
                 strerrordesc_np(-fd));
        return fd;
    }
    unsigned uid = 0;
    int pid = holder(name, &uid);
    addresses(addrs, sizeof addrs, cfg);
    if (pid > 0) {
        comm_of(pid, comm, sizeof comm);
        snprintf(err, err_len, "%s on %s is in use by process %d (%s, uid %u)",
                 cfg->name[0] ? cfg->name : addrs, cfg->ifname, pid, comm, uid);
    } else {
        snprintf(err, err_len, "%s on %s is in use by another process",
                 cfg->name[0] ? cfg->name : addrs, cfg->ifname);
    }
    return fd;
}
