/* SPDX-License-Identifier: ISC */
/*
 * Every call in every state: {call} x {state} x {blocking, non-blocking} x {TCP, UDP} x {family}. Each case makes a socket, brings it into the state, makes
 * the call once, and logs what it returned and what the socket looks like afterwards: what poll says, the pending error, the names.
 *
 *     states [I/N] tcp4|tcp6|tcpmapped|udp4 ...      the Ith of N parts of the states
 *
 * A call that waits is interrupted by a signal without SA_RESTART and logged as EINTR.
 */
#include <limits.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <linux/sockios.h>

#include "world.h"

#define WAIT_MS 40        /* what waits is interrupted after that */
#define WAIT_LONG_MS 8000 /* for what is to end by itself */

/* A call for which the kind of socket makes no difference. */
#define ANY struct kind any __attribute__((unused))

static char buf[64];
static char text[] = "abc"; /* to send */
static char extra[128];     /* what a call adds to its line */

static void reset_out(void) {
    memset(buf, '.', sizeof buf);
    extra[0] = 0;
}
static void show(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void show(const char *fmt, ...) {
    size_t n = strlen(extra);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(extra + n, sizeof extra - n, fmt, ap);
    va_end(ap);
}
/* Bytes that came. */
static long got(long r) {
    if (r > 0)
        show(" '%.*s'", (int)(r < 8 ? r : 8), buf);
    return r;
}

/* ---- names and connections ---- */

static long bind_to(int fd, struct addr a) { return bind(fd, sa(&a), a.len); }
static long connect_to(int fd, struct addr a) { return connect(fd, sa(&a), a.len); }

static long c_bind(int fd, struct kind k) { return bind_to(fd, addr_any(k, 0)); }
static long c_bind_ours(int fd, struct kind k) { return bind_to(fd, addr_ours(k, 0)); }
static long c_bind_nobody(int fd, struct kind k) { return bind_to(fd, addr_nobody(k, 0)); }
static long c_bind_short(int fd, struct kind k) {
    struct addr a = addr_any(k, 0);
    return bind(fd, sa(&a), 7);
}
static long c_bind_family(int fd, struct kind k) {
    struct addr a = addr_any(k, 0);
    a.ss.ss_family = AF_UNIX;
    return bind(fd, sa(&a), a.len);
}
static long c_bind_taken(int fd, struct kind k) {
    int other = make_socket(k);
    struct addr a = addr_any(k, 0);
    bind(other, sa(&a), a.len);
    getsockname(other, sa(&a), &a.len);
    long r = bind(fd, sa(&a), a.len);
    int e = errno;
    close(other);
    errno = e;
    return r;
}
static long c_connect(int fd, struct kind k) { return connect_to(fd, addr_host(k, PORT_HOLD)); }
static long c_connect_refused(int fd, struct kind k) {
    return connect_to(fd, addr_host(k, PORT_REFUSED));
}
static long c_connect_port0(int fd, struct kind k) { return connect_to(fd, addr_host(k, 0)); }
static long c_connect_unspec(int fd, struct kind k) {
    struct addr a = addr_host(k, PORT_ECHO);
    a.ss.ss_family = AF_UNSPEC;
    return connect_to(fd, a);
}
static long c_connect_family(int fd, struct kind k) {
    struct addr a = addr_host(k, PORT_ECHO);
    a.ss.ss_family = AF_UNIX;
    return connect_to(fd, a);
}
static long c_connect_short(int fd, struct kind k) {
    struct addr a = addr_host(k, PORT_ECHO);
    return connect(fd, sa(&a), 1);
}
static long c_listen(int fd, ANY) { return listen(fd, 5); }
static long c_listen_minus(int fd, ANY) { return listen(fd, -1); }
static long accepted(long r, struct addr *a) {
    if (r < 0)
        return r;
    show(" flags %x", fcntl((int)r, F_GETFL) & O_NONBLOCK);
    if (a)
        show(" from %s", addr_text(a));
    close((int)r);
    return 1;
}
static long c_accept(int fd, ANY) { return accepted(accept(fd, NULL, NULL), NULL); }
static long c_accept4(int fd, ANY) {
    struct addr a = {.len = sizeof a.ss};
    return accepted(accept4(fd, sa(&a), &a.len, SOCK_NONBLOCK | SOCK_CLOEXEC), &a);
}
static long c_accept4_flags(int fd, ANY) { return accepted(accept4(fd, NULL, NULL, 1), NULL); }
static long c_shutdown_rd(int fd, ANY) { return shutdown(fd, SHUT_RD); }
static long c_shutdown_wr(int fd, ANY) { return shutdown(fd, SHUT_WR); }
static long c_shutdown_rdwr(int fd, ANY) { return shutdown(fd, SHUT_RDWR); }
static long c_shutdown_bad(int fd, ANY) { return shutdown(fd, 3); }
static long name_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *), socklen_t room) {
    struct addr a = {.len = room};
    memset(&a.ss, 0, sizeof a.ss);
    long r = get(fd, sa(&a), &a.len);
    if (r == 0 && room >= 28)
        show(" %s", addr_text(&a));
    if (r == 0)
        show(" len %u", a.len);
    return r;
}
static long c_getsockname(int fd, ANY) {
    return name_of(fd, getsockname, sizeof(struct sockaddr_storage));
}
static long c_getsockname_short(int fd, ANY) { return name_of(fd, getsockname, 3); }
static long c_getsockname_minus(int fd, ANY) { return name_of(fd, getsockname, (socklen_t)-1); }
static long c_getpeername(int fd, ANY) {
    return name_of(fd, getpeername, sizeof(struct sockaddr_storage));
}
static long c_getpeername_minus(int fd, ANY) { return name_of(fd, getpeername, (socklen_t)-1); }

/* ---- sending ---- */

static long c_send(int fd, ANY) { return send(fd, "s", 1, MSG_NOSIGNAL); }
static long c_send_signal(int fd, ANY) { return send(fd, "s", 1, 0); }
static long c_send_nothing(int fd, ANY) { return send(fd, "s", 0, MSG_NOSIGNAL); }
static long c_send_dontwait(int fd, ANY) { return send(fd, "s", 1, MSG_NOSIGNAL | MSG_DONTWAIT); }
static long c_send_oob(int fd, ANY) { return send(fd, "o", 1, MSG_NOSIGNAL | MSG_OOB); }
static long c_send_more(int fd, ANY) { return send(fd, "m", 1, MSG_NOSIGNAL | MSG_MORE); }
static long c_send_eor(int fd, ANY) {
    return send(fd, "e", 1, MSG_NOSIGNAL | MSG_EOR | MSG_DONTROUTE);
}
static long c_send_huge(int fd, struct kind k) { /* no datagram is that long */
    static char huge[70000];
    return k.type == SOCK_DGRAM ? send(fd, huge, sizeof huge, MSG_NOSIGNAL) : 0;
}
static long send_to(int fd, struct addr a, socklen_t len) {
    return sendto(fd, "t", 1, MSG_NOSIGNAL, sa(&a), len);
}
static long c_sendto(int fd, struct kind k) {
    struct addr a = addr_host(k, PORT_HOLD);
    return send_to(fd, a, a.len);
}
static long c_sendto_port0(int fd, struct kind k) {
    struct addr a = addr_host(k, 0);
    return send_to(fd, a, a.len);
}
static long c_sendto_short(int fd, struct kind k) {
    return send_to(fd, addr_host(k, PORT_HOLD), 5);
}
static long c_sendto_minus(int fd, struct kind k) {
    return send_to(fd, addr_host(k, PORT_HOLD), (socklen_t)-1);
}
static long c_sendto_unspec(int fd, struct kind k) {
    struct addr a = addr_host(k, PORT_HOLD);
    a.ss.ss_family = AF_UNSPEC;
    return send_to(fd, a, a.len);
}
static long c_sendto_family(int fd, struct kind k) {
    struct addr a = addr_host(k, PORT_HOLD);
    a.ss.ss_family = AF_UNIX;
    return send_to(fd, a, a.len);
}
static long c_write(int fd, ANY) { return write(fd, "w", 1); }
static long c_writev(int fd, ANY) {
    struct iovec v[3] = {{text, 1}, {NULL, 0}, {text, 2}};
    return writev(fd, v, 3);
}
static long c_writev_many(int fd, ANY) {
    static struct iovec v[IOV_MAX + 1];
    return writev(fd, v, IOV_MAX + 1);
}
static long c_sendmsg(int fd, ANY) {
    struct iovec v = {text, 2};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}
static long c_sendmsg_many(int fd, ANY) {
    static struct iovec v[IOV_MAX + 1];
    struct msghdr m = {.msg_iov = v, .msg_iovlen = IOV_MAX + 1};
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}
static long c_sendmsg_bad_cmsg(int fd, ANY) {
    struct iovec v = {text, 2};
    union {
        struct cmsghdr h;
        char room[CMSG_SPACE(4)];
    } u = {.h = {.cmsg_len = 3, .cmsg_level = SOL_IP, .cmsg_type = IP_TTL}};
    struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = sizeof u};
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}
static long c_sendmmsg(int fd, ANY) {
    struct iovec v = {text, 2};
    struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}}};
    long r = sendmmsg(fd, m, 2, MSG_NOSIGNAL);
    show(" lens %u %u", m[0].msg_len, m[1].msg_len);
    return r;
}

/* ---- receiving ---- */

static long receive(int fd, size_t len, int flags) { return got(recv(fd, buf, len, flags)); }
static long c_recv(int fd, ANY) { return receive(fd, 2, 0); }
static long c_recv_all(int fd, ANY) { return receive(fd, sizeof buf, 0); }
static long c_recv_nothing(int fd, ANY) { return receive(fd, 0, 0); }
static long c_recv_peek(int fd, ANY) { return receive(fd, 2, MSG_PEEK); }
static long c_recv_trunc(int fd, ANY) {
    long r = recv(fd, buf, 2, MSG_TRUNC);
    if (r > 0)
        show(" first '%c'", buf[0]); /* TCP throws the bytes away */
    return r;
}
static long c_recv_dontwait(int fd, ANY) { return receive(fd, 2, MSG_DONTWAIT); }
static long c_recv_waitall(int fd, ANY) { return receive(fd, 8, MSG_WAITALL); }
static long c_recv_oob(int fd, ANY) { return receive(fd, 2, MSG_OOB); }
static long c_recv_errqueue(int fd, ANY) { return receive(fd, 2, MSG_ERRQUEUE); }
static long c_recvfrom(int fd, ANY) {
    struct addr a = {.len = sizeof a.ss};
    memset(&a.ss, 0, sizeof a.ss);
    long r = got(recvfrom(fd, buf, sizeof buf, 0, sa(&a), &a.len));
    if (r >= 0)
        show(" from %s len %u", addr_text(&a), a.len);
    return r;
}
static long c_recvmsg(int fd, ANY) {
    struct addr a = {.len = sizeof a.ss};
    struct iovec v[2] = {{buf, 1}, {buf + 1, 3}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 2, .msg_name = &a.ss, .msg_namelen = a.len};
    memset(&a.ss, 0, sizeof a.ss);
    long r = got(recvmsg(fd, &m, 0));
    if (r >= 0)
        show(" from %s len %u flags %x", addr_text(&a), m.msg_namelen, (unsigned)m.msg_flags);
    return r;
}
static long c_recvmmsg(int fd, ANY) {
    struct iovec v[2] = {{buf, 8}, {buf + 8, 8}};
    struct mmsghdr m[2] = {{.msg_hdr = {.msg_iov = &v[0], .msg_iovlen = 1}},
                           {.msg_hdr = {.msg_iov = &v[1], .msg_iovlen = 1}}};
    long r = recvmmsg(fd, m, 2, MSG_WAITFORONE, NULL);
    show(" lens %u %u", m[0].msg_len, m[1].msg_len);
    return r;
}
static long c_read(int fd, ANY) { return got(read(fd, buf, 2)); }
static long c_read_nothing(int fd, ANY) { return read(fd, buf, 0); }
static long c_readv(int fd, ANY) {
    struct iovec v[2] = {{buf, 1}, {buf + 1, 8}};
    return got(readv(fd, v, 2));
}

/* ---- the rest ---- */

static long control(int fd, unsigned long req) {
    int v = -7;
    long r = ioctl(fd, req, &v);
    show(" value %s", v > 9 ? "many"
                      : v == -7
                          ? "untouched"
                          : (const char *[]){"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}[v]);
    return r;
}
static long c_fionread(int fd, ANY) { return control(fd, FIONREAD); }
static long c_siocoutq(int fd, ANY) { return control(fd, SIOCOUTQ); }
static long c_siocoutqnsd(int fd, ANY) { return control(fd, SIOCOUTQNSD); }
static long c_siocatmark(int fd, ANY) { return control(fd, SIOCATMARK); }
static long c_sockatmark(int fd, ANY) { return sockatmark(fd); }
static long c_ioctl_unknown(int fd, ANY) { return control(fd, 0x5477); }
static long option(int fd, int level, int name) {
    int v = -7;
    socklen_t len = sizeof v;
    long r = getsockopt(fd, level, name, &v, &len);
    if (r == 0)
        show(" value %d", v);
    return r;
}
static long c_so_error(int fd, ANY) {
    int e = -7;
    socklen_t len = sizeof e;
    long r = getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
    show(" value %s", e < 0 ? "none" : err_name(e));
    return r;
}
static long c_acceptconn(int fd, ANY) { return option(fd, SOL_SOCKET, SO_ACCEPTCONN); }
static long c_maxseg(int fd, struct kind k) {
    return k.type == SOCK_STREAM ? option(fd, IPPROTO_TCP, TCP_MAXSEG) : 0;
}
static long c_tcp_info(int fd, ANY) {
    struct tcp_info i = {.tcpi_state = 99};
    socklen_t len = sizeof i;
    long r = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len);
    if (r == 0)
        show(" state %d options %x", i.tcpi_state, i.tcpi_options & 7u);
    return r;
}
static long set_option(int fd, int level, int name, int v) {
    return setsockopt(fd, level, name, &v, sizeof v);
}
static long c_set_reuseaddr(int fd, ANY) { return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); }
static long c_set_reuseport(int fd, ANY) { return set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); }
static long c_set_v6only(int fd, ANY) { return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1); }
static long c_set_bind_no_port(int fd, ANY) {
    return set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}
static long c_set_window_clamp(int fd, ANY) {
    return set_option(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, 0);
}
static long c_set_fastopen(int fd, ANY) { return set_option(fd, IPPROTO_TCP, TCP_FASTOPEN, 5); }
static long c_set_mtu_discover(int fd, ANY) {
    return set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
}
static long c_ip_mtu(int fd, struct kind k) {
    return option(fd, k.family == FAMILY_6 ? IPPROTO_IPV6 : IPPROTO_IP,
                  k.family == FAMILY_6 ? 24 : 14);
}
static long c_peek_off(int fd, ANY) {
    long r = set_option(fd, SOL_SOCKET, SO_PEEK_OFF, 1);
    if (r < 0)
        return r;
    return receive(fd, 1, MSG_PEEK | MSG_DONTWAIT);
}
static long c_lseek(int fd, ANY) { return lseek(fd, 0, SEEK_CUR); }
static long c_pread(int fd, ANY) { return pread(fd, buf, 1, 0); }
static long c_fsync(int fd, ANY) { return fsync(fd); }
static long c_ftruncate(int fd, ANY) { return ftruncate(fd, 0); }
static long c_fstat(int fd, ANY) {
    struct stat st;
    long r = fstat(fd, &st);
    if (r == 0)
        show(" type %o", st.st_mode & S_IFMT);
    return r;
}
static long c_getfl(int fd, ANY) { return fcntl(fd, F_GETFL); }
static long c_dup(int fd, ANY) {
    int d = dup(fd);
    if (d < 0)
        return d;
    show(" poll %s", poll_names(poll_now(d)));
    close(d);
    return 1;
}
static long c_close(int fd, ANY) { return close(fd); }
static long c_poll_in(int fd, ANY) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    long r = poll(&p, 1, 20);
    show(" %s", poll_names(p.revents));
    return r;
}
static long c_poll_none(int fd, ANY) {
    struct pollfd p = {.fd = fd, .events = 0};
    long r = poll(&p, 1, 0);
    show(" %s", poll_names(p.revents));
    return r;
}
static long c_select(int fd, ANY) {
    fd_set set[3];
    struct timeval tv = {0, 0};
    for (int i = 0; i < 3; i++) {
        FD_ZERO(&set[i]);
        FD_SET(fd, &set[i]);
    }
    long r = select(fd + 1, &set[0], &set[1], &set[2], &tv);
    if (r >= 0)
        show(" %s%s%s", FD_ISSET(fd, &set[0]) ? "r" : "", FD_ISSET(fd, &set[1]) ? "w" : "",
             FD_ISSET(fd, &set[2]) ? "x" : "");
    return r;
}

/* name: the call, then what is special about it. */
static const struct call {
    const char *name;
    long (*run)(int fd, struct kind k);
    bool is_long; /* may take a while: not to be interrupted early */
} calls[] = {
    {"bind any", c_bind, false},
    {"bind ours", c_bind_ours, false},
    {"bind nobody's", c_bind_nobody, false},
    {"bind short", c_bind_short, false},
    {"bind family", c_bind_family, false},
    {"bind taken", c_bind_taken, false},
    {"connect", c_connect, true},
    {"connect refused", c_connect_refused, true},
    {"connect port 0", c_connect_port0, true},
    {"connect unspec", c_connect_unspec, false},
    {"connect family", c_connect_family, false},
    {"connect short", c_connect_short, false},
    {"listen", c_listen, false},
    {"listen -1", c_listen_minus, false},
    {"accept", c_accept, false},
    {"accept4 address", c_accept4, false},
    {"accept4 flags", c_accept4_flags, false},
    {"shutdown rd", c_shutdown_rd, false},
    {"shutdown wr", c_shutdown_wr, false},
    {"shutdown rdwr", c_shutdown_rdwr, false},
    {"shutdown bad", c_shutdown_bad, false},
    {"getsockname", c_getsockname, false},
    {"getsockname short", c_getsockname_short, false},
    {"getsockname negative", c_getsockname_minus, false},
    {"getpeername", c_getpeername, false},
    {"getpeername negative", c_getpeername_minus, false},
    {"send", c_send, false},
    {"send with SIGPIPE", c_send_signal, false},
    {"send nothing", c_send_nothing, false},
    {"send DONTWAIT", c_send_dontwait, false},
    {"send OOB", c_send_oob, false},
    {"send MORE", c_send_more, false},
    {"send EOR DONTROUTE", c_send_eor, false},
    {"send huge", c_send_huge, false},
    {"sendto", c_sendto, false},
    {"sendto port 0", c_sendto_port0, false},
    {"sendto short", c_sendto_short, false},
    {"sendto negative", c_sendto_minus, false},
    {"sendto unspec", c_sendto_unspec, false},
    {"sendto family", c_sendto_family, false},
    {"write", c_write, false},
    {"writev", c_writev, false},
    {"writev many", c_writev_many, false},
    {"sendmsg", c_sendmsg, false},
    {"sendmsg many", c_sendmsg_many, false},
    {"sendmsg bad cmsg", c_sendmsg_bad_cmsg, false},
    {"sendmmsg", c_sendmmsg, false},
    {"recv", c_recv, false},
    {"recv all", c_recv_all, false},
    {"recv nothing", c_recv_nothing, false},
    {"recv PEEK", c_recv_peek, false},
    {"recv TRUNC", c_recv_trunc, false},
    {"recv DONTWAIT", c_recv_dontwait, false},
    {"recv WAITALL", c_recv_waitall, false},
    {"recv OOB", c_recv_oob, false},
    {"recv ERRQUEUE", c_recv_errqueue, false},
    {"recvfrom", c_recvfrom, false},
    {"recvmsg", c_recvmsg, false},
    {"recvmmsg", c_recvmmsg, false},
    {"read", c_read, false},
    {"read nothing", c_read_nothing, false},
    {"readv", c_readv, false},
    {"ioctl FIONREAD", c_fionread, false},
    {"ioctl SIOCOUTQ", c_siocoutq, false},
    {"ioctl SIOCOUTQNSD", c_siocoutqnsd, false},
    {"ioctl SIOCATMARK", c_siocatmark, false},
    {"ioctl unknown", c_ioctl_unknown, false},
    {"sockatmark", c_sockatmark, false},
    {"getsockopt SO_ERROR", c_so_error, false},
    {"getsockopt SO_ACCEPTCONN", c_acceptconn, false},
    {"getsockopt TCP_MAXSEG", c_maxseg, false},
    {"getsockopt TCP_INFO", c_tcp_info, false},
    {"getsockopt MTU", c_ip_mtu, false},
    {"setsockopt SO_REUSEADDR", c_set_reuseaddr, false},
    {"setsockopt SO_REUSEPORT", c_set_reuseport, false},
    {"setsockopt IPV6_V6ONLY", c_set_v6only, false},
    {"setsockopt IP_BIND_ADDRESS_NO_PORT", c_set_bind_no_port, false},
    {"setsockopt TCP_WINDOW_CLAMP", c_set_window_clamp, false},
    {"setsockopt TCP_FASTOPEN", c_set_fastopen, false},
    {"setsockopt IP_MTU_DISCOVER", c_set_mtu_discover, false},
    {"setsockopt SO_PEEK_OFF", c_peek_off, false},
    {"lseek", c_lseek, false},
    {"pread", c_pread, false},
    {"fsync", c_fsync, false},
    {"ftruncate", c_ftruncate, false},
    {"fstat", c_fstat, false},
    {"fcntl F_GETFL", c_getfl, false},
    {"dup", c_dup, false},
    {"close", c_close, false},
    {"poll in", c_poll_in, true},
    {"poll nothing", c_poll_none, false},
    {"select", c_select, false},
};

/* ---- one case ---- */

static volatile sig_atomic_t pipes;
static void on_pipe(int sig) {
    (void)sig;
    pipes = pipes + 1;
}

/* What the call has made of the socket. */
static void aftermath(int fd, char *to, size_t room) {
    struct addr me = {.len = sizeof me.ss}, peer = {.len = sizeof peer.ss};
    int ev = poll_now(fd);
    int err = so_error(fd), ev2 = poll_now(fd);
    const char *a = getsockname(fd, sa(&me), &me.len) < 0 ? err_name(errno) : addr_text(&me);
    const char *b = getpeername(fd, sa(&peer), &peer.len) < 0 ? err_name(errno) : addr_text(&peer);
    snprintf(to, room, "poll %s, error %s, poll %s, %s > %s", poll_names(ev),
             err < 0 ? "none" : err_name(err), poll_names(ev2), a, b);
}

static void run(struct kind k, const struct state *st, const struct call *c, bool blocking) {
    char after[256];
    int fd = st->make(k);
    set_blocking(fd, blocking);
    reset_out();
    pipes = 0;
    if (blocking)
        interrupt_on(c->is_long && strcmp(st->name, "connecting") != 0 ? WAIT_LONG_MS : WAIT_MS);
    long r = c->run(fd, k);
    const char *res = result(r);
    if (blocking)
        interrupt_off();
    if (strncmp(c->name, "connect", 7) == 0 && r < 0 && errno == EINPROGRESS)
        poll(NULL, 0, 10);
    aftermath(fd, after, sizeof after);
    LOG("[%s %s, %s] %s: %s%s%s; %s", kind_name(k), blocking ? "blocking" : "nonblocking", st->name,
        c->name, res, extra, pipes ? " SIGPIPE" : "", after);
    close(fd);
}

static void run_all(struct kind k, const struct state *st) {
    for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
        run(k, st, &calls[c], true);
        run(k, st, &calls[c], false);
    }
}

int main(int argc, char **argv) {
    signal(SIGPIPE, on_pipe);
    int part = 0, parts = 1, nth = 0;
    if (argc > 1 && sscanf(argv[1], "%d/%d", &part, &parts) == 2)
        part %= parts;
    for (int a = 1; a < argc; a++)
        for (int f = 0; f < FAMILY_COUNT; f++)
            for (int t = SOCK_STREAM; t <= SOCK_DGRAM; t++) {
                struct kind k = {(enum family)f, t};
                if (strcmp(kind_name(k), argv[a]) != 0)
                    continue;
                for (int s = 0; s < state_cnt; s++)
                    if (states[s].type == t && nth++ % parts == part)
                        run_all(k, &states[s]);
            }
    return 0;
}
