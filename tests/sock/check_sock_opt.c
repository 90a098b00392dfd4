/* SPDX-License-Identifier: ISC */
/*
 * getsockopt and setsockopt against what the kernel answered (kernel_opts.h, made by kernel_opts.c): for each option on TCP and UDP sockets of both
 * families: its value, what it gives into short buffers, which lengths it takes, which values it takes and how they read back. Where we answer otherwise
 * on purpose, or the answer is the machine's, `apart` says so.
 */
#include "sock/sock_tools.h"

#include <errno.h>
#include <limits.h>

#include "sock/kernel_opts_values.h"

struct kopt {
    unsigned who;
    int level, name;
    const char *get, *lens, *vals;
};

static const struct kopt kernel[] = {
#include "sock/kernel_opts.h"
};

enum { GET = 1, LENS = 2, VALS = 4, ALL = 7 };

static const struct {
    int level, name, skip;
    const char *why;
} apart[] = {
    {SOL_SOCKET, SO_SNDBUF, GET, "the default is our own"},
    {SOL_SOCKET, SO_RCVBUF, GET, "the default is our own"},
    {SOL_SOCKET, SO_BINDTODEVICE, LENS | VALS, "any name is taken: the kernel's half checks it"},
    {SOL_SOCKET, SO_ATTACH_FILTER, ALL, "no filters"},
    {SOL_SOCKET, SO_ATTACH_BPF, ALL, "no filters"},
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, ALL, "no filters"},
    {SOL_SOCKET, SO_ATTACH_REUSEPORT_EBPF, ALL, "no filters"},
    {SOL_SOCKET, 68 /* SO_DETACH_REUSEPORT_BPF */, ALL, "no filters"},
    {SOL_SOCKET, SO_TIMESTAMPING, VALS, "any combination of flags is kept"},
    {SOL_SOCKET, 65 /* SO_TIMESTAMPING_NEW */, VALS, "any combination of flags is kept"},
    {SOL_SOCKET, SO_MEMINFO, ALL, "not the kernel's memory"},
    {SOL_SOCKET, SO_COOKIE, GET, "a number"},
    {SOL_SOCKET, SO_ZEROCOPY, LENS | VALS, "refused: there would be no notification"},
    {SOL_SOCKET, SO_TXTIME, ALL, "refused: nothing would be timed"},
    {SOL_SOCKET, 70 /* SO_BUSY_POLL_BUDGET */, ALL, "unknown"},
    {SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, ALL, "unknown"},
    {SOL_SOCKET, 73 /* SO_RESERVE_MEM */, VALS, "refused, whatever the value"},
    {SOL_SOCKET, 80 /* SO_DEVMEM_DONTNEED */, ALL, "unknown"},
    {IPPROTO_IP, IP_OPTIONS, LENS | VALS, "none but the empty ones"},
    {IPPROTO_IP, IP_IPSEC_POLICY, ALL, "unknown"},
    {IPPROTO_IP, IP_XFRM_POLICY, ALL, "unknown"},
    {IPPROTO_IP, IP_MULTICAST_IF, VALS, "addresses"},
    {IPPROTO_IP, IP_UNICAST_IF, LENS | VALS, "any index is taken"},
    {IPPROTO_IP, IP_UNBLOCK_SOURCE, ALL, "no source-specific multicast"},
    {IPPROTO_IP, IP_BLOCK_SOURCE, ALL, "no source-specific multicast"},
    {IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, ALL, "no source-specific multicast"},
    {IPPROTO_IP, IP_DROP_SOURCE_MEMBERSHIP, ALL, "no source-specific multicast"},
    {IPPROTO_IP, IP_MSFILTER, ALL, "no source-specific multicast"},
    {IPPROTO_IP, MCAST_BLOCK_SOURCE, ALL, "no source-specific multicast"},
    {IPPROTO_IP, MCAST_UNBLOCK_SOURCE, ALL, "no source-specific multicast"},
    {IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, ALL, "no source-specific multicast"},
    {IPPROTO_IP, MCAST_LEAVE_SOURCE_GROUP, ALL, "no source-specific multicast"},
    {IPPROTO_IP, MCAST_MSFILTER, ALL, "no source-specific multicast"},
    {IPPROTO_IP, 51 /* IP_LOCAL_PORT_RANGE */, ALL, "refused: there is one range"},
    {IPPROTO_IP, 64 /* iptables */, ALL, "unknown"},
    {IPPROTO_IP, 65, ALL, "unknown"},
    {IPPROTO_IP, 66, ALL, "unknown"},
    {IPPROTO_IP, 67, ALL, "unknown"},
    {IPPROTO_TCP, 13 /* TCP_CONGESTION */, GET, "the default is our own"},
    {IPPROTO_TCP, 14 /* TCP_MD5SIG */, ALL, "refused"},
    {IPPROTO_TCP, 22 /* TCP_REPAIR_OPTIONS */, ALL, "unknown"},
    {IPPROTO_TCP, 24 /* TCP_TIMESTAMP */, GET, "a clock"},
    {IPPROTO_TCP, 26 /* TCP_CC_INFO */, GET, "cubic has none"},
    {IPPROTO_TCP, 32 /* TCP_MD5SIG_EXT */, ALL, "refused"},
    {IPPROTO_TCP, 37 /* TCP_TX_DELAY */, ALL, "unknown"},
    {IPPROTO_TCP, 42, ALL, "unknown"},
    {IPPROTO_TCP, 44 /* TCP_RTO_MAX_MS */, ALL, "unknown"},
    {IPPROTO_TCP, 45 /* TCP_RTO_MIN_US */, ALL, "unknown"},
    {IPPROTO_TCP, 46 /* TCP_DELACK_MAX_US */, ALL, "unknown"},
    {IPPROTO_UDP, 1 /* UDP_CORK */, LENS | VALS, "refused"},
    {IPPROTO_UDP, 10 /* UDPLITE */, GET, "unknown"},
    {IPPROTO_UDP, 11, GET, "unknown"},
    {IPPROTO_UDP, 100 /* UDP_ENCAP */, LENS | VALS, "refused"},
    {IPPROTO_IPV6, IPV6_2292PKTOPTIONS, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_JOIN_ANYCAST, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_LEAVE_ANYCAST, ALL, "unknown"},
    {IPPROTO_IPV6, 32, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_IPSEC_POLICY, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_XFRM_POLICY, ALL, "unknown"},
    {IPPROTO_IPV6, MCAST_BLOCK_SOURCE, ALL, "no source-specific multicast"},
    {IPPROTO_IPV6, MCAST_UNBLOCK_SOURCE, ALL, "no source-specific multicast"},
    {IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP, ALL, "no source-specific multicast"},
    {IPPROTO_IPV6, MCAST_LEAVE_SOURCE_GROUP, ALL, "no source-specific multicast"},
    {IPPROTO_IPV6, MCAST_MSFILTER, ALL, "no source-specific multicast"},
    {IPPROTO_IPV6, IPV6_ROUTER_ALERT, LENS, "refused before the length is looked at"},
    {IPPROTO_IPV6, IPV6_MULTICAST_IF, VALS, "any index is taken"},
    {IPPROTO_IPV6, IPV6_PKTINFO, ALL, "not kept"},
    {IPPROTO_IPV6, IPV6_HOPOPTS, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_RTHDR, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_DSTOPTS, ALL, "unknown"},
    {IPPROTO_IPV6, IPV6_UNICAST_IF, LENS | VALS, "any index is taken"},
    {IPPROTO_IPV6, 64 /* ip6tables */, ALL, "unknown"},
    {IPPROTO_IPV6, 65, ALL, "unknown"},
    {IPPROTO_IPV6, 68, ALL, "unknown"},
    {IPPROTO_IPV6, 69, ALL, "unknown"},
    {IPPROTO_IPV6, 80, ALL, "unknown"},
};

static int skipped(const struct kopt *k) {
    for (size_t i = 0; i < UST_ARRAY_CNT(apart); i++)
        if (apart[i].level == k->level && apart[i].name == k->name)
            return apart[i].skip;
    return 0;
}

static struct sock *sock_of(unsigned kind) {
    struct sock *s = fx_sock(0, kind & 2 ? AF_INET6 : AF_INET, kind & 1 ? SOCK_DGRAM : SOCK_STREAM);
    s->uid = 65534;
    return s;
}

static const char *text(int r) { return r < 0 ? strerrorname_np(-r) : "0"; }

/* The entry "a..b:result" (or "a:result") that element i of list belongs to. */
static void entry_of(const char *entries, const int *list, size_t cnt, size_t i, char out[32]) {
    size_t at = 0;
    for (const char *p = entries; *p;) {
        int first, last, n = 0;
        if (sscanf(p, "%d..%d:%31s%n", &first, &last, out, &n) != 3) {
            ck_assert_int_eq(sscanf(p, "%d:%31s%n", &first, out, &n), 2);
            last = first;
        }
        while (at < cnt && list[at] != last)
            at++;
        if (i <= at)
            return;
        at++;
        p += n;
        while (*p == ' ')
            p++;
    }
    ck_abort_msg("no entry");
}

static void put(char *out, size_t size, int r, size_t len, const uint8_t *b) {
    int v;
    memcpy(&v, b, 4);
    if (r < 0)
        snprintf(out, size, "%s", text(r));
    else
        snprintf(out, size, "%zu:%d", len, len == 4 ? v : 0);
}

START_TEST(read)
{
    const struct kopt *k = &kernel[_i];
    if (skipped(k) & GET)
        return;
    fx_begin();
    for (unsigned kind = 0; kind < 4; kind++) {
        if (!(k->who & 1u << kind))
            continue;
        struct sock *s = sock_of(kind);
        uint8_t b[512] = {0};
        size_t len = sizeof b;
        char got[128];
        int r = sock_getopt(fx.sk[0], fx_now(), s, k->level, k->name, b, &len);
        put(got, sizeof got, r, len, b);
        for (size_t q = 0; q < 6 && strchr(k->get, ':'); q++) {
            len = q;
            r = sock_getopt(fx.sk[0], fx_now(), s, k->level, k->name, b, &len);
            if (r < 0)
                snprintf(got + strlen(got), sizeof got - strlen(got), " %s", text(r));
            else
                snprintf(got + strlen(got), sizeof got - strlen(got), " %zu", len);
        }
        if (strcmp(got, k->get) != 0)
            ck_abort_msg("kind %u level %d option %d reads %s, Linux %s", kind, k->level, k->name,
                         got, k->get);
    }
    fx_end();
}
END_TEST

START_TEST(set_lengths)
{
    const struct kopt *k = &kernel[_i];
    if (skipped(k) & LENS)
        return;
    fx_begin();
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < UST_ARRAY_CNT(opt_lens) && (k->who & 1u << kind); i++) {
            uint8_t one[64] = {1};
            char want[32];
            struct sock *s = sock_of(kind);
            entry_of(k->lens, opt_lens, UST_ARRAY_CNT(opt_lens), i, want);
            int r = sock_setopt(fx.sk[0], fx_now(), s, k->level, k->name, one, (size_t)opt_lens[i]);
            if (strcmp(text(r), want) != 0)
                ck_abort_msg("kind %u level %d option %d set with length %d: %s, Linux %s", kind,
                             k->level, k->name, opt_lens[i], text(r), want);
            fx_close(s);
            fx.open_cnt = 0;
        }
    }
    fx_end();
}
END_TEST

START_TEST(set_values)
{
    const struct kopt *k = &kernel[_i];
    if (skipped(k) & VALS)
        return;
    fx_begin();
    for (unsigned kind = 0; kind < 4; kind++) {
        for (size_t i = 0; i < UST_ARRAY_CNT(opt_vals) && (k->who & 1u << kind); i++) {
            char want[32], got[32];
            struct sock *s = sock_of(kind);
            int x = opt_vals[i], y = 0;
            size_t len = sizeof y;
            entry_of(k->vals, opt_vals, UST_ARRAY_CNT(opt_vals), i, want);
            int r = sock_setopt(fx.sk[0], fx_now(), s, k->level, k->name, &x, sizeof x);
            if (r < 0)
                snprintf(got, sizeof got, "%s", text(r));
            else if (sock_getopt(fx.sk[0], fx_now(), s, k->level, k->name, &y, &len) < 0)
                snprintf(got, sizeof got, "set");
            else if (x == y)
                snprintf(got, sizeof got, "=");
            else
                snprintf(got, sizeof got, "%d", y);
            if (strcmp(got, want) != 0)
                ck_abort_msg("kind %u level %d option %d set to %d: %s, Linux %s", kind, k->level,
                             k->name, x, got, want);
            fx_close(s);
            fx.open_cnt = 0;
        }
    }
    fx_end();
}
END_TEST

/* Levels that the socket does not have: the two families differ in reading. */
START_TEST(foreign_level)
{
    static const struct {
        unsigned kind;
        int level, get, set;
    } cases[] = {
        {0, IPPROTO_UDP, -EOPNOTSUPP, -ENOPROTOOPT},  {0, IPPROTO_IPV6, -EOPNOTSUPP, -ENOPROTOOPT},
        {0, 1000, -EOPNOTSUPP, -ENOPROTOOPT},         {1, IPPROTO_TCP, -EOPNOTSUPP, -ENOPROTOOPT},
        {2, IPPROTO_UDP, -ENOPROTOOPT, -ENOPROTOOPT}, {3, IPPROTO_TCP, -ENOPROTOOPT, -ENOPROTOOPT},
    };
    fx_begin();
    int v = 1;
    size_t len = sizeof v;
    struct sock *s = sock_of(cases[_i].kind);
    ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, cases[_i].level, 1, &v, &len),
                     cases[_i].get);
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, cases[_i].level, 1, &v, sizeof v),
                     cases[_i].set);
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, cases[_i].level, 1, &v, (size_t)-1),
                     -EINVAL);
    fx_end();
}
END_TEST

/* What needs privilege, measured as root. */
START_TEST(as_root)
{
    fx_begin();
    struct sock *s = sock_of(0);
    s->uid = 0;
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, SO_MARK, 77), 0);
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_MARK), 77);
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, SO_PRIORITY, 100), 0);
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, SO_DEBUG, 1), 0);
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_DEBUG), 1);
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20), 0);
    ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, SO_RCVBUF), 16 << 20);
    ck_assert_int_eq(fx_setint(0, s, IPPROTO_IP, IP_TRANSPARENT, 1), 0);
    fx_end();
}
END_TEST

static const struct {
    int64_t sec, usec;
    int want;
    uint64_t ns;
} timeouts[] = {
    {0, 0, 0, 0},           {1, 500000, 0, 1500 * NS_PER_MS},
    {0, 1000000, -EDOM, 0}, {0, -1, -EDOM, 0},
    {-1, 0, 0, 1}, /* has always passed */
    {INT64_MAX, 0, 0, 0},
};

START_TEST(timeout_forms)
{
    static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO, 66 /* SO_RCVTIMEO_NEW */,
                                67 /* SO_SNDTIMEO_NEW */};
    fx_begin();
    struct sock *s = sock_of(0);
    for (size_t i = 0; i < UST_ARRAY_CNT(names); i++) {
        int64_t tv[2] = {timeouts[_i].sec, timeouts[_i].usec};
        s->rcvtimeo_ns = s->sndtimeo_ns = 0;
        ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, SOL_SOCKET, names[i], tv, sizeof tv),
                         timeouts[_i].want);
        must_eq(i & 1 ? s->sndtimeo_ns : s->rcvtimeo_ns, timeouts[_i].ns);
    }
    fx_end();
}
END_TEST

START_TEST(linger_form)
{
    fx_begin();
    struct sock *s = sock_of(0);
    struct linger l = {5, 7}, got;
    size_t len = sizeof got;
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
    ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, SOL_SOCKET, SO_LINGER, &got, &len), 0);
    ck_assert(got.l_onoff == 1 && got.l_linger == 7);
    l = (struct linger){0, 9};
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, SOL_SOCKET, SO_LINGER, &l, sizeof l), 0);
    ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, SOL_SOCKET, SO_LINGER, &got, &len), 0);
    ck_assert(got.l_onoff == 0 && got.l_linger == 7);
    fx_end();
}
END_TEST

/* The newer of SO_TIMESTAMP and SO_TIMESTAMPNS, old and new form, is the one. */
START_TEST(timestamp_forms)
{
    static const int names[] = {SO_TIMESTAMP, SO_TIMESTAMPNS, 63, 64};
    fx_begin();
    struct sock *s = sock_of(1);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, names[i], 1), 0);
        for (size_t j = 0; j < 4; j++)
            ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, names[j]), i == j);
    }
    ck_assert_int_eq(fx_setint(0, s, SOL_SOCKET, names[0], 0), 0);
    for (size_t j = 0; j < 4; j++)
        ck_assert_int_eq(fx_getint(0, s, SOL_SOCKET, names[j]), 0);
    fx_end();
}
END_TEST

static const struct {
    const char *name;
    size_t len;
    int want;
    const char *then;
} congestions[] = {
    {"reno", 4, 0, "reno"},
    {"reno\0x", 6, 0, "reno"},
    {"cubic\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, 0, "cubic"},
    {"nosuch", 6, -ENOENT, "cubic"},
    {"ren", 3, -ENOENT, "cubic"},
    {"", 0, -EINVAL, "cubic"},
};

START_TEST(congestion_names)
{
    fx_begin();
    struct sock *s = sock_of(0);
    char got[20];
    ck_assert_int_eq(sock_setopt(fx.sk[0], fx_now(), s, IPPROTO_TCP, 13, congestions[_i].name,
                                 congestions[_i].len),
                     congestions[_i].want);
    for (size_t room = 0; room <= 18; room += 3) {
        size_t len = room;
        memset(got, 'U', sizeof got);
        ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, IPPROTO_TCP, 13, got, &len), 0);
        ck_assert_uint_eq(len, UST_MIN(room, 16));
        ck_assert_int_eq(strncmp(got, congestions[_i].then, room), 0);
    }
    fx_end();
}
END_TEST

/* TCP_INFO at its offsets, as old programs with short structs read it. */
START_TEST(tcp_info_layout)
{
    fx_begin();
    struct sock *l = fx_listener(1, 7000, 5), *s = sock_of(0);
    uint8_t b[280];
    size_t len = sizeof b;
    ck_assert_int_eq(fx_connect(0, s, 7000), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, IPPROTO_TCP, 11, b, &len), 0);
    ck_assert_uint_eq(len, 280);
    ck_assert_uint_eq(b[0], 1);     /* tcpi_state */
    ck_assert_uint_eq(b[5] & 3, 3); /* timestamps, SACK */
    uint32_t rto, mss, pmtu;
    memcpy(&rto, b + 8, 4);
    memcpy(&mss, b + 16, 4);
    memcpy(&pmtu, b + 60, 4);
    ck_assert_uint_ge(rto, 200000);
    ck_assert_uint_eq(mss, 1448);
    ck_assert_uint_eq(pmtu, 1500);
    ck_assert_int_eq(fx_getint(0, s, IPPROTO_TCP, 2), 1448);
    ck_assert_int_eq(fx_getint(0, s, IPPROTO_IP, IP_MTU), 1500);
    len = 8;
    ck_assert_int_eq(sock_getopt(fx.sk[0], fx_now(), s, IPPROTO_TCP, 11, b, &len), 0);
    ck_assert_uint_eq(len, 8);
    len = sizeof b;
    ck_assert_int_eq(sock_getopt(fx.sk[1], fx_now(), l, IPPROTO_TCP, 11, b, &len), 0);
    ck_assert_uint_eq(b[0], 10);
    uint32_t waiting;
    memcpy(&waiting, b + 24, 4);
    ck_assert_uint_eq(waiting, 1); /* tcpi_unacked of a listener */
    fx_end();
}
END_TEST

/* Not on a connection any more. */
START_TEST(state_bound)
{
    fx_begin();
    struct sock *l = fx_listener(1, 7000, 5), *s = sock_of(0);
    ck_assert_int_eq(fx_connect(0, s, 7000), -EINPROGRESS);
    fx_run(5 * NS_PER_MS);
    ck_assert_int_eq(fx_setint(0, s, IPPROTO_TCP, 10 /* TCP_WINDOW_CLAMP */, 0), -EINVAL);
    ck_assert_int_eq(fx_setint(0, s, IPPROTO_TCP, 23 /* TCP_FASTOPEN */, 5), -EINVAL);
    ck_assert_int_eq(fx_setint(0, s, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, 1), -EINVAL);
    ck_assert_int_eq(fx_setint(1, l, IPPROTO_TCP, 23, 5), 0);
    ck_assert_int_eq(fx_getint(1, l, IPPROTO_TCP, 23), 5);
    fx_end();
}
END_TEST

int main(void) {
    Suite *s = suite_create("sock_opt");
    TCase *t = tcase_create("kernel");
    int cnt = (int)UST_ARRAY_CNT(kernel);
    tcase_add_loop_test(t, read, 0, cnt);
    tcase_add_loop_test(t, set_lengths, 0, cnt);
    tcase_add_loop_test(t, set_values, 0, cnt);
    suite_add_tcase(s, t);
    t = tcase_create("forms");
    tcase_add_loop_test(t, foreign_level, 0, 6);
    tcase_add_test(t, as_root);
    tcase_add_loop_test(t, timeout_forms, 0, (int)UST_ARRAY_CNT(timeouts));
    tcase_add_test(t, linger_form);
    tcase_add_test(t, timestamp_forms);
    tcase_add_loop_test(t, congestion_names, 0, (int)UST_ARRAY_CNT(congestions));
    tcase_add_test(t, tcp_info_layout);
    tcase_add_test(t, state_bound);
    suite_add_tcase(s, t);
    return run_suite(s);
}
