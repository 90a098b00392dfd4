/* SPDX-License-Identifier: ISC */
#include "world.h"

#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/time.h>

static void die(const char *what) {
    LOG("world: %s: %s", what, strerrorname_np(errno));
    exit(1);
}
static void must(long r, const char *what) {
    if (r < 0)
        die(what);
}

/* ---- addresses ---- */

const char *kind_name(struct kind k) {
    static const char *const name[2][FAMILY_COUNT] = {{"tcp4", "tcp6", "tcpmapped"},
                                                      {"udp4", "udp6", "udpmapped"}};
    return name[k.type == SOCK_DGRAM][k.family];
}

int kind_domain(struct kind k) { return k.family == FAMILY_4 ? AF_INET : AF_INET6; }

static struct addr addr_make(struct kind k, const char *ip4, const char *ip6, int port) {
    struct addr a = {.len = sizeof(struct sockaddr_in)};
    if (k.family == FAMILY_4) {
        struct sockaddr_in in = addr4(ip4, port);
        memcpy(&a.ss, &in, sizeof in);
        return a;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    char mapped[64];
    snprintf(mapped, sizeof mapped, "::ffff:%s", ip4);
    if (inet_pton(AF_INET6, k.family == FAMILY_MAPPED ? mapped : ip6, &in6.sin6_addr) != 1)
        die("address");
    memcpy(&a.ss, &in6, sizeof in6);
    a.len = sizeof in6;
    return a;
}

struct addr addr_any(struct kind k, int port) {
    return addr_make(k, "0.0.0.0", "::", port);
}
struct addr addr_host(struct kind k, int port) {
    return addr_make(k, HOST_IP, "fd77::1", port);
}
struct addr addr_ours(struct kind k, int port) {
    return addr_make(k, OUR_IP, "fd77::2", port);
}
struct addr addr_nobody(struct kind k, int port) {
    return addr_make(k, "10.77.0.77", "fd77::77", port);
}

int addr_port(const struct addr *a) {
    in_port_t port;
    memcpy(&port, (const char *)&a->ss + offsetof(struct sockaddr_in, sin_port), sizeof port);
    return ntohs(port);
}

const char *addr_text(const struct addr *a) {
    static char buf[8][80];
    static int at;
    char ip[INET6_ADDRSTRLEN] = "?", port[16];
    const void *raw = a->ss.ss_family == AF_INET
                          ? (const void *)&((const struct sockaddr_in *)&a->ss)->sin_addr
                          : (const void *)&((const struct sockaddr_in6 *)&a->ss)->sin6_addr;
    at = (at + 1) % 8;
    if (a->ss.ss_family != AF_INET && a->ss.ss_family != AF_INET6) {
        snprintf(buf[at], sizeof buf[at], "family %d", a->ss.ss_family);
        return buf[at];
    }
    inet_ntop(a->ss.ss_family, raw, ip, sizeof ip);
    int p = addr_port(a);
    snprintf(port, sizeof port, p >= 32768 && p <= 60999 ? "P" : "%d", p);
    snprintf(buf[at], sizeof buf[at], "%s:%s", ip, port);
    return buf[at];
}

/* ---- sockets ---- */

int make_socket(struct kind k) {
    int fd = socket(kind_domain(k), k.type, 0);
    must(fd, "socket");
    return fd;
}

static struct kind stream(struct kind k) { return (struct kind){k.family, SOCK_STREAM}; }

int make_peer(struct kind k, const char *command) {
    int fd = make_socket(stream(k));
    struct addr a = addr_host(k, PORT_COMMAND);
    must(connect(fd, sa(&a), a.len), "connect to the peer");
    must(send(fd, command, strlen(command), MSG_NOSIGNAL), "command");
    must(send(fd, "\n", 1, MSG_NOSIGNAL), "command");
    return fd;
}

void peer_dials(struct kind k, int port, bool reset) {
    char line[32], ok[4];
    snprintf(line, sizeof line, "%s %d", reset ? "dialreset" : "dial", port);
    int fd = make_peer(k, line);
    must(recv(fd, ok, sizeof ok, 0), "dial");
    close(fd);
}

void set_blocking(int fd, bool on) {
    int fl = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, on ? fl & ~O_NONBLOCK : fl | O_NONBLOCK);
}

void wait_for(int fd, int events) {
    for (int i = 0; i < 5000 && (poll_now(fd) & events) != events; i++)
        poll(NULL, 0, 2);
    if ((poll_now(fd) & events) != events) {
        LOG("world: waited for %s, there is %s", poll_names(events), poll_names(poll_now(fd)));
        exit(1);
    }
}

void wait_inq(int fd, int bytes) {
    int have = 0;
    for (int i = 0; i < 5000; i++) {
        must(ioctl(fd, FIONREAD, &have), "FIONREAD");
        if (have >= bytes)
            return;
        poll(NULL, 0, 2);
    }
    LOG("world: waited for %d bytes, there are %d", bytes, have);
    exit(1);
}

static int port_of(int fd) {
    struct addr a = {.len = sizeof a.ss};
    must(getsockname(fd, sa(&a), &a.len), "getsockname");
    return addr_port(&a);
}

/* ---- states of both ---- */

static int st_bound(struct kind k) {
    int fd = make_socket(k);
    struct addr a = addr_any(k, 0);
    must(bind(fd, sa(&a), a.len), "bind");
    return fd;
}
static int st_bound_ours(struct kind k) {
    int fd = make_socket(k);
    struct addr a = addr_ours(k, 0);
    must(bind(fd, sa(&a), a.len), "bind");
    return fd;
}
static int st_closed(struct kind k) {
    int fd = make_socket(k);
    close(fd);
    return fd;
}
static int st_shut_fresh(struct kind k) {
    int fd = make_socket(k);
    shutdown(fd, SHUT_RDWR);
    return fd;
}

/* ---- TCP ---- */

static int st_listening(struct kind k) {
    int fd = st_bound(k);
    must(listen(fd, 5), "listen");
    return fd;
}
static int st_pending(struct kind k) {
    int fd = st_listening(k);
    peer_dials(k, port_of(fd), false);
    wait_for(fd, POLLIN);
    return fd;
}
static int st_listen_shut(struct kind k) {
    int fd = st_listening(k);
    must(shutdown(fd, SHUT_RD), "shutdown");
    return fd;
}
static int st_accepted(struct kind k) {
    int fd = st_pending(k);
    int c = accept(fd, NULL, NULL);
    must(c, "accept");
    close(fd);
    return c;
}
static int begin_connect(struct kind k, int port) {
    int fd = make_socket(k);
    struct addr a = addr_host(k, port);
    set_blocking(fd, false);
    if (connect(fd, sa(&a), a.len) == 0 || errno != EINPROGRESS)
        die("connect does not begin");
    return fd;
}
static int st_connecting(struct kind k) { return begin_connect(k, PORT_SILENT); }
static int st_refused(struct kind k) {
    int fd = begin_connect(k, PORT_REFUSED);
    wait_for(fd, POLLHUP);
    return fd;
}
static int st_refused_told(struct kind k) {
    int fd = st_refused(k);
    so_error(fd);
    return fd;
}
static int st_established(struct kind k) { /* that connect() has not been asked about */
    int fd = begin_connect(k, PORT_HOLD);
    wait_for(fd, POLLOUT);
    return fd;
}
static int st_connected(struct kind k) { return make_peer(k, "hold"); }
static int st_data(struct kind k) {
    int fd = make_peer(k, "data 3");
    wait_inq(fd, 3);
    return fd;
}
static int st_full(struct kind k) {
    static char junk[65536];
    int fd = make_peer(k, "hold");
    /* Full for a while: the windows grow at first. */
    for (int calm = 0; calm < 20; calm++) {
        while (send(fd, junk, sizeof junk, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
            calm = 0;
        poll(NULL, 0, 3);
    }
    return fd;
}
static int shut(int fd, int how) {
    must(shutdown(fd, how), "shutdown");
    return fd;
}
static int st_shut_rd(struct kind k) { return shut(make_peer(k, "hold"), SHUT_RD); }
static int st_shut_wr(struct kind k) { return shut(make_peer(k, "hold"), SHUT_WR); }
static int st_shut_rdwr(struct kind k) { return shut(make_peer(k, "hold"), SHUT_RDWR); }
static int st_data_shut_rd(struct kind k) { return shut(st_data(k), SHUT_RD); }
static int st_peer_fin(struct kind k) {
    int fd = make_peer(k, "fin");
    wait_for(fd, POLLRDHUP);
    return fd;
}
static int st_data_fin(struct kind k) {
    int fd = make_peer(k, "datafin 3");
    wait_for(fd, POLLRDHUP);
    return fd;
}
static int st_peer_fin_eof(struct kind k) {
    char b[4];
    int fd = st_peer_fin(k);
    must(recv(fd, b, sizeof b, 0), "recv of the end");
    return fd;
}
static int st_peer_close_rst(struct kind k) { /* the peer has closed, we sent, it has reset */
    int fd = make_peer(k, "close");
    wait_for(fd, POLLRDHUP);
    must(send(fd, "x", 1, MSG_NOSIGNAL), "send");
    wait_for(fd, POLLHUP);
    return fd;
}
static int st_reset(struct kind k) {
    int fd = make_peer(k, "reset");
    wait_for(fd, POLLHUP);
    return fd;
}
static int st_reset_told(struct kind k) {
    int fd = st_reset(k);
    so_error(fd);
    return fd;
}
static int st_data_reset(struct kind k) {
    int fd = make_peer(k, "datareset 3");
    wait_for(fd, POLLHUP);
    return fd;
}
static int st_finished(struct kind k) { /* our FIN first, then the peer's: TIME-WAIT */
    int fd = shut(make_peer(k, "echo"), SHUT_WR);
    wait_for(fd, POLLRDHUP | POLLHUP);
    return fd;
}
static int st_last_ack(struct kind k) { /* the peer's FIN first, then ours, acknowledged */
    int fd = shut(st_peer_fin(k), SHUT_WR);
    wait_for(fd, POLLHUP);
    poll(NULL, 0, 5);
    return fd;
}
static int st_disconnected(struct kind k) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int fd = make_peer(k, "hold");
    must(connect(fd, &none, sizeof none), "disconnect");
    so_error(fd);
    return fd;
}
static int st_oob(struct kind k) {
    int fd = make_peer(k, "oob");
    wait_for(fd, POLLPRI);
    return fd;
}

/* ---- UDP ---- */

static int udp_connected(struct kind k, int port) {
    int fd = make_socket(k);
    struct addr a = addr_host(k, port);
    must(connect(fd, sa(&a), a.len), "connect");
    return fd;
}
static int st_udp_connected(struct kind k) { return udp_connected(k, PORT_HOLD); }
/* Echoed datagrams are in the queue, as many as their names have letters; "0" is an empty one. */
static void echo_dgrams(int fd, struct kind k, const char *const *text) {
    struct addr a = addr_host(k, PORT_UDP_ECHO);
    for (; *text; text++)
        must(sendto(fd, *text, strlen(*text), 0, sa(&a), a.len), "sendto");
    wait_for(fd, POLLIN);
    poll(NULL, 0, 10);
}
static int st_udp_data(struct kind k) {
    static const char *const text[] = {"hello", "you", NULL};
    int fd = udp_connected(k, PORT_UDP_ECHO);
    echo_dgrams(fd, k, text);
    return fd;
}
static int st_udp_empty(struct kind k) {
    static const char *const text[] = {"", "you", NULL};
    int fd = udp_connected(k, PORT_UDP_ECHO);
    echo_dgrams(fd, k, text);
    return fd;
}
static int st_udp_bound_data(struct kind k) {
    static const char *const text[] = {"hello", NULL};
    int fd = st_bound(k);
    echo_dgrams(fd, k, text);
    return fd;
}
static int st_udp_refused(struct kind k) {
    int fd = udp_connected(k, PORT_REFUSED);
    must(send(fd, "x", 1, 0), "send");
    wait_for(fd, POLLERR);
    return fd;
}
static int st_udp_shut_rd(struct kind k) { return shut(st_udp_connected(k), SHUT_RD); }
static int st_udp_shut_wr(struct kind k) { return shut(st_udp_connected(k), SHUT_WR); }
static int st_udp_shut_rdwr(struct kind k) { return shut(st_udp_connected(k), SHUT_RDWR); }
static int st_udp_data_shut_rd(struct kind k) { return shut(st_udp_data(k), SHUT_RD); }
static int st_udp_disconnected(struct kind k) {
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int fd = st_udp_connected(k);
    must(connect(fd, &none, sizeof none), "disconnect");
    return fd;
}
static int st_udp_bound_connected(struct kind k) {
    int fd = st_bound(k);
    struct addr a = addr_host(k, PORT_HOLD);
    must(connect(fd, sa(&a), a.len), "connect");
    return fd;
}

const struct state states[] = {
    {"fresh", SOCK_STREAM, make_socket},
    {"shut while fresh", SOCK_STREAM, st_shut_fresh},
    {"bound", SOCK_STREAM, st_bound},
    {"bound to an address", SOCK_STREAM, st_bound_ours},
    {"listening", SOCK_STREAM, st_listening},
    {"listening, one waits", SOCK_STREAM, st_pending},
    {"listening, shut", SOCK_STREAM, st_listen_shut},
    {"accepted", SOCK_STREAM, st_accepted},
    {"connecting", SOCK_STREAM, st_connecting},
    {"established unasked", SOCK_STREAM, st_established},
    {"refused", SOCK_STREAM, st_refused},
    {"refused, told", SOCK_STREAM, st_refused_told},
    {"connected", SOCK_STREAM, st_connected},
    {"data", SOCK_STREAM, st_data},
    {"full", SOCK_STREAM, st_full},
    {"shut rd", SOCK_STREAM, st_shut_rd},
    {"shut wr", SOCK_STREAM, st_shut_wr},
    {"shut rdwr", SOCK_STREAM, st_shut_rdwr},
    {"data, shut rd", SOCK_STREAM, st_data_shut_rd},
    {"peer fin", SOCK_STREAM, st_peer_fin},
    {"peer fin, read", SOCK_STREAM, st_peer_fin_eof},
    {"data, peer fin", SOCK_STREAM, st_data_fin},
    {"peer closed, sent to", SOCK_STREAM, st_peer_close_rst},
    {"reset", SOCK_STREAM, st_reset},
    {"reset, told", SOCK_STREAM, st_reset_told},
    {"data, reset", SOCK_STREAM, st_data_reset},
    {"both closed, we first", SOCK_STREAM, st_finished},
    {"both closed, peer first", SOCK_STREAM, st_last_ack},
    {"disconnected", SOCK_STREAM, st_disconnected},
    {"urgent data", SOCK_STREAM, st_oob},
    {"closed", SOCK_STREAM, st_closed},
    {"fresh", SOCK_DGRAM, make_socket},
    {"shut while fresh", SOCK_DGRAM, st_shut_fresh},
    {"bound", SOCK_DGRAM, st_bound},
    {"bound to an address", SOCK_DGRAM, st_bound_ours},
    {"bound, data", SOCK_DGRAM, st_udp_bound_data},
    {"connected", SOCK_DGRAM, st_udp_connected},
    {"bound, connected", SOCK_DGRAM, st_udp_bound_connected},
    {"data", SOCK_DGRAM, st_udp_data},
    {"empty datagram", SOCK_DGRAM, st_udp_empty},
    {"refused", SOCK_DGRAM, st_udp_refused},
    {"shut rd", SOCK_DGRAM, st_udp_shut_rd},
    {"shut wr", SOCK_DGRAM, st_udp_shut_wr},
    {"shut rdwr", SOCK_DGRAM, st_udp_shut_rdwr},
    {"data, shut rd", SOCK_DGRAM, st_udp_data_shut_rd},
    {"disconnected", SOCK_DGRAM, st_udp_disconnected},
    {"closed", SOCK_DGRAM, st_closed},
};
const int state_cnt = sizeof states / sizeof states[0];

/* ---- interrupting ---- */

static volatile sig_atomic_t ticks;
static void on_tick(int sig) {
    (void)sig;
    ticks = ticks + 1;
}

void interrupt_on(int ms) {
    struct sigaction act = {.sa_handler = on_tick}; /* no SA_RESTART */
    struct itimerval t = {{ms / 1000, ms % 1000 * 1000}, {ms / 1000, ms % 1000 * 1000}};
    ticks = 0;
    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &t, NULL);
}
void interrupt_off(void) {
    struct itimerval t = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &t, NULL);
}
bool interrupted(void) { return ticks > 0; }
