/* SPDX-License-Identifier: ISC */
/*
 * Attaching to the stack at the first socket, and the late choice between the stack and the kernel (DESIGN.md section 4).
 *
 * A socket is born undecided, with a placeholder in the kernel of the same family and type. What it is bound or connected to decides. If that is the kernel's, the
 * placeholder is the socket from then on, under the same number, with the options that it was given too, and with its epoll memberships moved into the
 * kernel's sets; fd_lookup() does not know it any more. Its entry stays, for `userstack ss` and for a change of mind: a datagram socket that is connected elsewhere.
 */
#include "decide.h"
#include "fdtab.h"
#include "signals.h"
#include "stdio_calls.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "host/sys.h"

static struct host_cfg cfg;
static pthread_mutex_t cfg_lock = PTHREAD_MUTEX_INITIALIZER;
static bool cfg_loaded;
static _Atomic bool ready;
static uint32_t own_pid;

static void load_config(char *const *envp) {
    pthread_mutex_lock(&cfg_lock);
    if (!cfg_loaded) {
        config_load(&cfg, envp);
        cfg_loaded = true;
    }
    pthread_mutex_unlock(&cfg_lock);
}

/* From now on we are in the stack. */
static void adopt_stack(void) {
    own_pid = (uint32_t)sys_getpid();
    fd_table_attach();
    signal_adopt();
    process_adopt();
    atomic_store_explicit(&ready, true, memory_order_release);
}

/* The program before this one in the same process left us sockets: its token leaves the environment, and its descriptors are found. */
static void attach_inherited(char **envp) {
    static const char name[] = HOST_TOKEN_NAME "=";
    for (char **e = envp; e && *e; e++) {
        if (strncmp(*e, name, sizeof(name) - 1) != 0)
            continue;
        const char *token = *e + sizeof(name) - 1;
        char **to = e;
        while ((to[0] = to[1]))
            to++;
        enter();
        int r = host_exec_attach(token);
        leave();
        if (r == 0) {
            if (!cfg.valid)
                cfg = *host_config();
            adopt_stack();
            for (int fd = 0; fd < 3; fd++)
                stdio_follow(fd);
        }
        return;
    }
}

/* All that happens at load time, but for an image that inherits sockets: programs inherit the library that never open one. */
__attribute__((constructor)) static void at_load(int argc, char **argv, char **envp) {
    (void)argc;
    (void)argv;
    /* What an earlier constructor has set counts. */
    char **env = environ ? environ : envp;
    load_config(env);
    exec_remember(env);
    attach_inherited(env);
}

int stack_ready(void) {
    if (UST_LIKELY(atomic_load_explicit(&ready, memory_order_acquire)))
        return 0;
    /* Another library's constructor may open a socket before ours has run. */
    if (!cfg_loaded)
        load_config(environ);
    enter();
    int r = host_attach(&cfg) < 0 ? -ENETDOWN : 0;
    if (r == 0) {
        adopt_stack();
    }
    leave();
    return r;
}

bool stack_is_configured(void) {
    if (!cfg_loaded)
        load_config(environ);
    return cfg.valid;
}

bool stack_is_ready(void) { return atomic_load_explicit(&ready, memory_order_relaxed); }
bool stack_is_strict(void) { return cfg.strict; }
uint32_t stack_pid(void) { return own_pid; }

void stack_after_fork_child(bool shares) {
    signal_after_fork_child();
    if (shares) {
        own_pid = (uint32_t)sys_getpid();
        fd_table_attach();
        return;
    }
    atomic_store(&ready, false);
    fd_table_detach();
}

/* ---- whose is an address? ---- */

bool addr_is_kernels(const struct ust_addr *a) {
    if (cfg.strict || (cfg.loopback_stack && addr_is_loopback(a)))
        return false;
    for (unsigned i = 0; i < cfg.kernel_cnt; i++)
        if (addr_in_prefix(a, &cfg.kernel[i].addr, cfg.kernel[i].plen))
            return true;
    return false;
}

bool dest_is_kernels(const struct sock *s, const struct ust_addr *a) {
    if (!addr_is_any(a))
        return addr_is_kernels(a);
    /* As a destination the unspecified address is this host: the loopback address of its family. */
    struct ust_addr lo = {{0}};
    if (s->family == AF_INET || addr_is_ip4(a))
        lo = addr_from_ip4(INADDR_LOOPBACK);
    else
        lo.b[15] = 1;
    return addr_is_kernels(&lo);
}

/* ---- to the kernel ---- */

int epoll_fd_of(const struct epset *set) {
    for (int fd = fd_next(-1); fd >= 0; fd = fd_next(fd))
        if (fd_epset(fd) == set)
            return fd;
    return -1;
}

static void move_member(struct socks *sk, struct sock *s, struct epitem *it) {
    struct epset *set = it->set;
    int ep = epoll_fd_of(set), fd = it->fd;
    struct epoll_event ev = {.events = it->events, .data.u64 = it->data};
    /* Fired, and not armed again. */
    if (it->disabled)
        ev.events &= EPOLLONESHOT | EPOLLET | EPOLLWAKEUP;
    epset_del(sk, set, fd, s);
    if (ep < 0)
        return;
    long r = SYS_CALL4(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev);
    if (r == -EEXIST) /* its half was there already, and counted */
        SYS_CALL4(SYS_epoll_ctl, ep, EPOLL_CTL_MOD, fd, &ev);
    if (r == 0)
        epset_kernel_member(set, EPOLL_CTL_ADD);
    TRACE(&sk->c->trace, sk->last_ns, POLL, "fd %d moves to the kernel's set %d: %ld", fd, ep, r);
}

void decide_kernel(struct sock *s, enum sock_why why) {
    struct socks *sk = &host_stack()->socks;
    sock_decide(sk, sk->last_ns, s, SOCK_KERNEL, why);
    struct epitem *it, *next;
    UST_LIST_FOREACH_SAFE (it, &s->epitems, obj_link, next)
        move_member(sk, s, it);
    /* Who waits for it waits in the wrong place now. */
    sock_notify(sk, s, POLLIN | POLLOUT | POLLPRI | POLLERR | POLLHUP | POLLRDHUP);
}

void decide_stack(struct sock *s, enum sock_why why) {
    struct socks *sk = &host_stack()->socks;
    sock_decide(sk, sk->last_ns, s, SOCK_STACK, why);
}

int decide_kernel_prepare(struct call *c) {
    struct sock *s = c->s;
    if (s->no_kernel)
        return -EACCES; /* what socket() would have said there */
    place_sync(c->fd, s);
    if (s->where == SOCK_UNDECIDED)
        return 0;
    /* Bound to the wildcard address, as clients do that choose their port, and nothing has happened since. */
    bool fresh = s->why == SOCK_WHY_WILDCARD && !s->listening && !s->connecting &&
                 !s->was_connected &&
                 (!s->udp || (!s->udp->connected && s->udp->rx_dgrams + s->udp->tx_dgrams == 0));
    if (!fresh)
        return -ENETUNREACH;
    if (s->kernel_half) { /* bound there already */
        s->kernel_half = false;
        return 0;
    }
    struct ust_addr a;
    uint16_t port;
    int r = sock_local(c->sk, s, &a, &port);
    if (r < 0)
        return r;
    struct sockaddr_storage ss;
    socklen_t len = addr_store(s, &a, port, &ss);
    r = (int)sys_bind(c->fd, (struct sockaddr *)&ss, len);
    if (r == -EADDRINUSE && s->bound_port_req == 0) {
        len = addr_store(s, &a, 0, &ss);
        r = (int)sys_bind(c->fd, (struct sockaddr *)&ss, len);
    }
    return r;
}

void decide_again(int fd, const struct sockaddr *sa, socklen_t len) {
    enter();
    uint64_t now = host_lock();
    struct sock *s = fd_sock_any(fd);
    struct ust_addr dst;
    uint16_t port;
    bool unspec;
    if (s && s->where == SOCK_KERNEL && s->why == SOCK_WHY_DEST_KERNEL_PREFIX &&
        addr_in(s, sa, len, &dst, &port, &unspec) == 0 && !unspec && !dest_is_kernels(s, &dst)) {
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        struct sockaddr_storage peer;
        socklen_t peer_len = sizeof(peer);
        /* A stream socket is free if its handshake failed; the kernel knows. */
        bool is_free = s->kind == SOCK_KIND_UDP ||
                       SYS_CALL3(SYS_getpeername, fd, &peer, &peer_len) == -ENOTCONN;
        if (is_free && sys_connect(fd, &none, sizeof(none)) == 0)
            sock_decide(&host_stack()->socks, now, s, SOCK_UNDECIDED, SOCK_WHY_NONE);
    }
    host_unlock(now);
    leave();
}
