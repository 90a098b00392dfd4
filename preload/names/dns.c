/* SPDX-License-Identifier: ISC */
/*
 * c-ares as the carrier of DNS messages: servers in turn, time-outs and retries, truncated answers again over TCP, answers checked against their question and
 * server. Its sockets are ours, by the functions that a program would call, so a server in USERSTACK_KERNEL is asked through the kernel. A channel lives for one
 * look-up, so threads and forks share nothing.
 *
 * c-ares is opened when it is first needed; RTLD_DEEPBIND keeps its other calls away from us, and a program's own copy away from this one.
 */
#include "internal.h"
#include "decide.h"
#include "names/names.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "host/sys.h"

#define DNS_PORT 53
#define DNS_SERVER_MAX 8
#define EDNS_BYTES 1200 /* as libc announces */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OPEN_HOW (RTLD_NOW | RTLD_LOCAL)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OPEN_HOW (RTLD_NOW | RTLD_LOCAL)
#endif
#endif
#ifndef OPEN_HOW
#define OPEN_HOW (RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
#endif

#define ARES_CALLS(X)                                                                              \
    X(destroy)                                                                                     \
    X(getsock)                                                                                     \
    X(init_options)                                                                                \
    X(library_init)                                                                                \
    X(process_fd) X(send) X(set_servers_ports) X(set_socket_functions) X(timeout)

struct ares_lib {
#define X(name) __typeof__(ares_##name) *name;
    ARES_CALLS(X)
#undef X
};

static bool open_lib(struct ares_lib *lib) {
    void *h = dlopen("libcares.so.2", OPEN_HOW);
    if (!h) {
        host_complain("DNS names cannot be resolved: %s (Debian package libc-ares2)", dlerror());
        return false;
    }
#define X(name)                                                                                    \
    *(void **)&lib->name = dlsym(h, "ares_" #name);                                                \
    if (!lib->name) {                                                                              \
        host_complain("DNS names cannot be resolved: libcares has no ares_" #name);                \
        return false;                                                                              \
    }
    ARES_CALLS(X)
#undef X
    return lib->library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
}

/* Two threads may open it at a time: both find the same. No lock that a fork could leave taken. */
static const struct ares_lib *ares(void) {
    static struct ares_lib kept;
    static _Atomic int state; /* 0 not tried, 1 being filled in, 2 there, -1 not there */
    int s = atomic_load_explicit(&state, memory_order_acquire);
    if (s == 2)
        return &kept;
    if (s < 0)
        return NULL;
    struct ares_lib lib;
    bool ok = open_lib(&lib);
    s = 0;
    if (!ok) {
        atomic_compare_exchange_strong(&state, &s, -1);
        return NULL;
    }
    if (atomic_compare_exchange_strong(&state, &s, 1)) {
        kept = lib;
        atomic_store_explicit(&state, 2, memory_order_release);
        return &kept;
    }
    while (atomic_load_explicit(&state, memory_order_acquire) == 1)
        sched_yield();
    return &kept;
}

/* ---- its sockets ---- */

static ares_socket_t on_socket(int family, int type, int protocol, void *data) {
    (void)data;
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
}
static int on_close(ares_socket_t fd, void *data) {
    (void)data;
    return close(fd);
}
static int on_connect(ares_socket_t fd, const struct sockaddr *sa, ares_socklen_t len, void *data) {
    (void)data;
    return connect(fd, sa, len);
}
static ares_ssize_t on_recvfrom(ares_socket_t fd, void *buf, size_t len, int flags,
                                struct sockaddr *sa, ares_socklen_t *sa_len, void *data) {
    (void)data;
    return recvfrom(fd, buf, len, flags, sa, sa_len);
}
static ares_ssize_t on_sendv(ares_socket_t fd, const struct iovec *v, int cnt, void *data) {
    (void)data;
    union {
        const struct iovec *in;
        struct iovec *out;
    } io = {.in = v};
    struct msghdr msg = {.msg_iov = io.out, .msg_iovlen = (size_t)cnt};
    return sendmsg(fd, &msg, MSG_NOSIGNAL);
}
static const struct ares_socket_functions socket_calls = {on_socket, on_close, on_connect,
                                                          on_recvfrom, on_sendv};

/* ---- servers: USERSTACK_DNS, else what the network told, else resolv.conf; before all, what the program put in itself ---- */

struct servers {
    struct ares_addr_port_node node[DNS_SERVER_MAX];
    int cnt;
};

static void add_server(struct servers *v, int family, const void *addr, int port) {
    if (v->cnt == DNS_SERVER_MAX)
        return;
    struct ares_addr_port_node *n = &v->node[v->cnt++];
    memset(n, 0, sizeof(*n));
    n->family = family;
    memcpy(&n->addr, addr, family == AF_INET ? 4 : 16);
    n->udp_port = n->tcp_port = port;
}

static void add_ours(struct servers *v, const struct ust_addr *a, unsigned cnt) {
    for (unsigned i = 0; i < cnt; i++) {
        if (addr_is_ip4(&a[i]))
            add_server(v, AF_INET, a[i].b + 12, DNS_PORT);
        else
            add_server(v, AF_INET6, a[i].b, DNS_PORT);
    }
}

static void find_servers(const struct res_use *u, struct servers *v) {
    v->cnt = 0;
    const struct host_cfg *cfg = host_config();
    if (u->own_servers && cfg) {
        struct net_dns told;
        add_ours(v, cfg->dns, cfg->dns_cnt);
        if (v->cnt == 0) {
            host_dns(&told);
            add_ours(v, told.server, told.server_cnt);
        }
    }
    if (v->cnt > 0)
        return;
    const struct __res_state *st = u->st;
    for (int i = 0; i < st->nscount && i < MAXNS; i++) {
        const struct sockaddr_in *in4 = &st->nsaddr_list[i];
        const struct sockaddr_in6 *in6 = st->_u._ext.nsaddrs[i];
        if (in4->sin_family == AF_INET)
            add_server(v, AF_INET, &in4->sin_addr, ntohs(in4->sin_port));
        else if (in6 && in6->sin6_family == AF_INET6)
            add_server(v, AF_INET6, &in6->sin6_addr, ntohs(in6->sin6_port));
    }
}

/* libc's: the later a server stands in the list, the longer it gets, but for how many there are. */
static int timeout_ms(const struct __res_state *st, int no, int cnt) {
    int s = UST_MAX(st->retrans, 1) << no;
    if (no > 0)
        s /= cnt;
    return UST_MAX(s, 1) * 1000;
}

/* A channel to server `no` alone: which one is next is ours to say, since c-ares does not tell a server's failure from its absence. */
static ares_channel open_channel(const struct ares_lib *lib, const struct res_use *u,
                                 struct servers *v, int no) {
    const struct __res_state *st = u->st;
    char lookups[] = "b";
    struct ares_options o = {
        .flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP,
        .timeout = timeout_ms(st, no, v->cnt),
        .tries = 1,
        .ndots = 1,
        .lookups = lookups,
        .ednspsz = EDNS_BYTES,
    };
    /* All that it would read from resolv.conf otherwise. */
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
               ARES_OPT_LOOKUPS | ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_SERVERS |
               ARES_OPT_EDNSPSZ;
    if (st->options & RES_USEVC)
        o.flags |= ARES_FLAG_USEVC;
    if (st->options & RES_IGNTC)
        o.flags |= ARES_FLAG_IGNTC;
    if (st->options & (RES_USE_EDNS0 | RES_USE_DNSSEC))
        o.flags |= ARES_FLAG_EDNS;
    ares_channel ch;
    if (lib->init_options(&ch, &o, mask) != ARES_SUCCESS)
        return NULL;
    if (lib->set_servers_ports(ch, &v->node[no]) == ARES_SUCCESS) {
        lib->set_socket_functions(ch, &socket_calls, NULL);
        return ch;
    }
    lib->destroy(ch);
    return NULL;
}

/* ---- an exchange ---- */

static enum dns_result result_of(const unsigned char *reply) {
    switch (reply[3] & 15) {
    case SERVFAIL:
        return DNS_SERVFAIL;
    case NOTIMP:
    case REFUSED:
        return DNS_REFUSED;
    default:
        return DNS_ANSWERED;
    }
}

static void on_reply(void *arg, int status, int timeouts, unsigned char *reply, int len) {
    (void)timeouts;
    struct dns_msg *m = arg;
    m->result = status == ARES_ECONNREFUSED ? DNS_UNREACHABLE : DNS_TIMEOUT;
    if (status != ARES_SUCCESS || len < HFIXEDSZ)
        return;
    m->result = result_of(reply);
    if (m->result != DNS_ANSWERED)
        return;
    m->reply = malloc((size_t)len);
    if (!m->reply) {
        m->result = DNS_TIMEOUT;
        return;
    }
    memcpy(m->reply, reply, (size_t)len);
    memcpy(m->reply, m->query, 2); /* the id, which c-ares may choose anew */
    m->reply_len = len;
}

static bool pending(const struct dns_msg *m, int cnt) {
    for (int i = 0; i < cnt; i++)
        if (m[i].result == DNS_PENDING)
            return true;
    return false;
}

/* One sleep until a socket is ready or it is time to ask again. False: there is nothing to wait for. */
static bool turn(const struct ares_lib *lib, ares_channel ch) {
    ares_socket_t fd[ARES_GETSOCK_MAXNUM];
    struct pollfd p[ARES_GETSOCK_MAXNUM];
    struct timeval tv, *left = lib->timeout(ch, NULL, &tv);
    unsigned mask = (unsigned)lib->getsock(ch, fd, ARES_GETSOCK_MAXNUM);
    nfds_t cnt = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short ev = (short)((mask >> i & 1 ? POLLIN : 0) |
                           (mask >> (i + ARES_GETSOCK_MAXNUM) & 1 ? POLLOUT : 0));
        if (ev)
            p[cnt++] = (struct pollfd){.fd = fd[i], .events = ev};
    }
    if (cnt == 0 && !left)
        return false;
    int ms = left ? (int)(left->tv_sec * 1000 + (left->tv_usec + 999) / 1000) : -1;
    int n = poll(p, cnt, ms);
    if (n < 0 && errno != EINTR)
        return false;
    for (nfds_t i = 0; i < cnt && n > 0; i++) {
        if (p[i].revents)
            lib->process_fd(ch, p[i].revents & ~POLLOUT ? p[i].fd : ARES_SOCKET_BAD,
                            p[i].revents & (POLLOUT | POLLERR) ? p[i].fd : ARES_SOCKET_BAD);
    }
    /* What is overdue. */
    lib->process_fd(ch, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    return true;
}

/* Those that have no answer yet go to server `no`. False: all have one. */
static bool ask_server(const struct ares_lib *lib, const struct res_use *u, struct servers *v,
                       int no, struct dns_msg *m, int cnt) {
    bool left = false;
    for (int i = 0; i < cnt; i++)
        left |= m[i].result != DNS_ANSWERED;
    ares_channel ch = left ? open_channel(lib, u, v, no) : NULL;
    if (!ch)
        return left;
    for (int i = 0; i < cnt; i++) {
        if (m[i].result == DNS_ANSWERED)
            continue;
        m[i].result = DNS_PENDING;
        lib->send(ch, m[i].query, m[i].query_len, on_reply, &m[i]);
    }
    while (pending(m, cnt) && turn(lib, ch))
        ;
    lib->destroy(ch); /* ends what is still pending */
    return true;
}

static void trace_msg(const struct dns_msg *m) {
    static const char *const text[] = {"pending", "answered",  "SERVFAIL",
                                       "refused", "no answer", "no server can be asked"};
    static const char *const rcode[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                        "NXDOMAIN", "NOTIMP",  "REFUSED"};
    char name[NS_MAXDNAME] = "?";
    struct stack *st = host_stack();
    if (!st || !trace_on(&st->core.trace, TRACE_DNS))
        return;
    const uint8_t *end = m->query + m->query_len;
    int n = dn_expand(m->query, end, m->query + HFIXEDSZ, name, sizeof(name));
    unsigned type = n > 0 && end - m->query >= HFIXEDSZ + n + 2
                        ? (unsigned)(m->query[HFIXEDSZ + n] << 8 | m->query[HFIXEDSZ + n + 1])
                        : 0;
    const char *what = text[m->result];
    if (m->result == DNS_ANSWERED && (m->reply[3] & 15) < (int)UST_ARRAY_CNT(rcode))
        what = rcode[m->reply[3] & 15];
    enter();
    uint64_t now = host_lock();
    TRACE(&st->core.trace, now, DNS, "%s type %u: %s, %d bytes", name, type, what, m->reply_len);
    host_unlock(now);
    leave();
}

void dns_exchange(const struct res_use *u, struct dns_msg *m, int cnt) {
    static _Atomic unsigned turns;
    for (int i = 0; i < cnt; i++)
        m[i].result = DNS_UNREACHABLE;
    const struct ares_lib *lib = ares();
    if (!lib || stack_ready() < 0)
        return;
    struct servers v;
    find_servers(u, &v);
    int first = 0;
    if (v.cnt > 0 && (u->st->options & RES_ROTATE))
        first = (int)(turns++ % (unsigned)v.cnt);
    bool left = true;
    for (int round = UST_MAX(u->st->retry, 1); round > 0 && left; round--)
        for (int i = 0; i < v.cnt && left; i++)
            left = ask_server(lib, u, &v, (first + i) % v.cnt, m, cnt);
    for (int i = 0; i < cnt; i++)
        trace_msg(&m[i]);
}

void dns_msg_free(struct dns_msg *m) {
    free(m->reply);
    m->reply = NULL;
}
