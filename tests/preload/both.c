/* SPDX-License-Identifier: ISC */
#include "preload/both.h"

#include <stdio.h>

#include <sys/eventfd.h>
#include <sys/mman.h>

/* ---- a device that carries nothing ---- */

static int null_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t err_len) {
    (void)cfg, (void)err, (void)err_len;
    d->fd = host_fd_raise((int)sys_eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    d->info = (struct dev_info){.mac = {{2, 0, 0, 0, 0, 1}}, .mtu = 1500};
    return d->fd < 0 ? d->fd : 0;
}
static void null_close(struct dev *d) { (void)d; }
static bool null_pending(struct dev *d) { return (void)d, false; }
static bool null_rx(struct dev *d, struct pkt_rx *p) { return (void)d, (void)p, false; }
static void null_rx_done(struct dev *d) { (void)d; }
static int null_tx(struct dev *d, const struct pkt_tx *p) { return (void)d, (void)p, 0; }
static int null_filter(struct dev *d, const struct net *n) { return (void)d, (void)n, 0; }
static const struct dev_ops null_ops = {.name = "null",
                                        .open = null_open,
                                        .close = null_close,
                                        .pending = null_pending,
                                        .rx = null_rx,
                                        .rx_done = null_rx_done,
                                        .tx = null_tx,
                                        .filter = null_filter};

/* The library's constructor reads the environment before main() runs. */
__attribute__((constructor(101))) static void environment(void) {
    char name[64];
    snprintf(name, sizeof(name), "check%d", (int)getpid());
    setenv("USERSTACK_IF", "null0", 1);
    setenv("USERSTACK_IP4", "10.77.0.2/24", 1);
    setenv("USERSTACK_IP6", "none", 1);
    setenv("USERSTACK_NAME", name, 1);
}

void both_init(void) { host_use_device(&null_ops); }

int both_run(Suite *s) {
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- sockets ---- */

struct sockaddr_in address(int side, uint16_t port) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};
    sa.sin_addr.s_addr = htonl(OURS(side) ? OURS_IP : INADDR_LOOPBACK);
    return sa;
}

void check_side(int side, int fd) { ck_assert_int_eq(fd_lookup(fd) != NULL, OURS(side)); }

void name_of(int fd, struct sockaddr_in *sa) {
    socklen_t len = sizeof(*sa);
    gives(getsockname(fd, (struct sockaddr *)sa, &len), 0);
}

int udp_bound(int side, struct sockaddr_in *sa) {
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_ge(s, 0);
    *sa = address(side, 0);
    gives(bind(s, (struct sockaddr *)sa, sizeof(*sa)), 0);
    name_of(s, sa);
    check_side(side, s);
    return s;
}

void udp_pair(int side, int s[2]) {
    struct sockaddr_in sa[2];
    for (int k = 0; k < 2; k++)
        s[k] = udp_bound(side, &sa[k]);
    for (int k = 0; k < 2; k++)
        gives(connect(s[k], (struct sockaddr *)&sa[!k], sizeof(sa[k])), 0);
}

int tcp_listener(int side, struct sockaddr_in *sa) {
    int l = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ge(l, 0);
    *sa = address(side, 0);
    gives(bind(l, (struct sockaddr *)sa, sizeof(*sa)), 0);
    gives(listen(l, 8), 0);
    name_of(l, sa);
    check_side(side, l);
    return l;
}

void tcp_pair(int side, int s[2]) {
    struct sockaddr_in sa;
    int l = tcp_listener(side, &sa);
    s[0] = socket(AF_INET, SOCK_STREAM, 0);
    gives(connect(s[0], (struct sockaddr *)&sa, sizeof(sa)), 0);
    s[1] = accept(l, NULL, NULL);
    ck_assert_int_ge(s[1], 0);
    check_side(side, s[0]);
    check_side(side, s[1]);
    close(l);
}

int64_t now_ms(void) { return (int64_t)(host_now() / NS_PER_MS); }

void check_nothing_held(void) {
    struct stack *st = host_stack();
    if (!st)
        return;
    uint64_t now = host_lock();
    struct sock *s = NULL;
    uint32_t busy = 0, waiters = slab_in_use(&st->core.arena, SLAB_WAITER);
    while ((s = slab_next_alive(&st->core.arena, SLAB_SOCK, s)))
        busy += s->busy;
    const char *bad = stack_check(st);
    host_unlock(now);
    ck_assert_uint_eq(waiters, 0);
    ck_assert_uint_eq(busy, 0);
    ck_assert_msg(!bad, "%s", bad);
}

void *bad_memory(void) {
    void *p = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(p != MAP_FAILED);
    return p;
}
