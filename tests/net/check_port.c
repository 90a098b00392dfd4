/* SPDX-License-Identifier: ISC */
/* Who may bind what: Linux's rules for TCP and UDP, and ephemeral ports. */
#include "net/netfix.h"

static struct port_space *ps;
static struct rng rng;

static void setup(void) {
    static const uint8_t secret[16] = "ports";
    ps = (struct port_space *)malloc(sizeof *ps);
    port_init(ps);
    rng_init(&rng, secret);
}
static void teardown(void) { free(ps); }

enum { A = 1, P = 2, L = 4, TW = 8, V6ONLY = 16, UID2 = 32 };

static struct port_bind bind_of(const char *addr, int flags, uint16_t port) {
    struct port_bind b = {.port = port,
                          .reuseaddr = flags & A,
                          .reuseport = flags & P,
                          .listening = flags & L,
                          .tw = flags & TW,
                          .v6only = flags & V6ONLY,
                          .uid = flags & UID2 ? 2 : 1};
    ck_assert(addr_parse(addr, &b.addr));
    b.v6 = strchr(addr, ':') != NULL;
    return b;
}

static const struct pair {
    const char *name;
    const char *a;
    int a_flags;
    const char *b;
    int b_flags;
    bool tcp, udp; /* may b be bound beside a? */
} pairs[] = {
    {"same address", "10.0.0.1", 0, "10.0.0.1", 0, false, false},
    {"two addresses", "10.0.0.1", 0, "10.0.0.2", 0, true, true},
    {"wildcard beside specific", "10.0.0.1", 0, "0.0.0.0", 0, false, false},
    {"specific beside wildcard", "0.0.0.0", 0, "10.0.0.1", 0, false, false},
    {"reuseaddr on one", "10.0.0.1", A, "10.0.0.1", 0, false, false},
    {"reuseaddr on the other", "10.0.0.1", 0, "10.0.0.1", A, false, false},
    {"reuseaddr on both", "10.0.0.1", A, "10.0.0.1", A, true, true},
    {"reuseaddr on both, one listens", "10.0.0.1", A | L, "10.0.0.1", A, false, true},
    {"reuseaddr, listener on the wildcard", "0.0.0.0", A | L, "10.0.0.1", A, false, true},
    {"reuseport on both", "10.0.0.1", P, "10.0.0.1", P, true, true},
    {"reuseport on both, one listens", "10.0.0.1", P | L, "10.0.0.1", P, true, true},
    {"reuseport on one", "10.0.0.1", P, "10.0.0.1", 0, false, false},
    {"reuseport, other user", "10.0.0.1", P, "10.0.0.1", P | UID2, false, false},
    {"TIME-WAIT blocks", "10.0.0.1", TW, "10.0.0.1", 0, false, false},
    {"TIME-WAIT, reuseaddr on both", "10.0.0.1", TW | A, "10.0.0.1", A, true, true},
    {"TIME-WAIT, reuseaddr on the newcomer only", "10.0.0.1", TW, "10.0.0.1", A, false, false},
    {"TIME-WAIT, reuseport, other user", "10.0.0.1", TW | P, "10.0.0.1", P | UID2, true, true},
    {"dual-stack wildcard beside IPv4", "10.0.0.1", 0, "::", 0, false, false},
    {"dual-stack wildcard beside IPv4 wildcard", "0.0.0.0", 0, "::", 0, false, false},
    {"IPv4 wildcard beside dual-stack", "::", 0, "0.0.0.0", 0, false, false},
    {"v6only wildcard beside IPv4 wildcard", "0.0.0.0", 0, "::", V6ONLY, true, true},
    {"IPv4 beside v6only wildcard", "::", V6ONLY, "10.0.0.1", 0, true, true},
    {"two IPv6 wildcards, one v6only", "::", V6ONLY, "::", 0, false, false},
    {"IPv6 address beside IPv6 wildcard", "::", V6ONLY, "2001:db8::1", 0, false, false},
    {"IPv6 address beside IPv4 wildcard", "0.0.0.0", 0, "2001:db8::1", 0, true, true},
    {"IPv6 address beside IPv4 address", "10.0.0.1", 0, "2001:db8::1", 0, true, true},
    {"same IPv6 address", "2001:db8::1", 0, "2001:db8::1", 0, false, false},
    {"mapped beside the same IPv4", "10.0.0.1", 0, "::ffff:10.0.0.1", 0, false, false},
    {"mapped wildcard beside v6only", "::", V6ONLY, "::ffff:0.0.0.0", 0, true, true},
};

START_TEST(pair_table)
{
    const struct pair *t = &pairs[_i];
    for (int udp = 0; udp < 2; udp++) {
        struct port_bind a = bind_of(t->a, t->a_flags, 80), b = bind_of(t->b, t->b_flags, 80);
        struct port_bind other = bind_of(t->b, t->b_flags, 80 + PORT_BUCKETS);
        ck_assert_int_eq(port_bind(ps, &a, udp), 0);
        int r = port_bind(ps, &b, udp);
        ck_assert_msg((r == 0) == (udp ? t->udp : t->tcp), "%s %s: %d", udp ? "udp" : "tcp",
                      t->name, r);
        ck_assert(r == 0 || r == -EADDRINUSE);
        ck_assert(b.bound == (r == 0));
        ck_assert_int_eq(port_bind(ps, &other, udp), 0); /* same bucket, another port */
        port_unbind(ps, &other);
        port_unbind(ps, &a);
        if (r < 0)
            ck_assert_int_eq(port_bind(ps, &b, udp), 0);
        port_unbind(ps, &b);
        port_unbind(ps, &b); /* allowed */
        ck_assert_uint_eq(ps->cnt, 0);
    }
}
END_TEST

START_TEST(second_listener)
{
    struct port_bind a = bind_of("10.0.0.1", A, 80), b = bind_of("10.0.0.1", A, 80);
    ck_assert_int_eq(port_bind(ps, &a, false), 0);
    ck_assert_int_eq(port_bind(ps, &b, false), 0);
    ck_assert_int_eq(port_check(ps, &a, false), 0);
    a.listening = true;
    ck_assert_int_eq(port_check(ps, &b, false), -EADDRINUSE);
    ck_assert_int_eq(port_check(ps, &a, false), 0); /* itself is no obstacle */
    port_unbind(ps, &a);
    ck_assert_int_eq(port_check(ps, &b, false), 0);
    port_unbind(ps, &b);
}
END_TEST

START_TEST(ephemeral)
{
    struct port_bind b[300];
    bool seen[65536] = {false};
    int steps = 0;
    for (int i = 0; i < 300; i++) {
        b[i] = bind_of("0.0.0.0", A | P, 0);
        ck_assert_int_eq(port_bind_ephemeral(ps, &rng, &b[i], true), 0);
        ck_assert_uint_ge(b[i].port, PORT_EPHEMERAL_LO);
        ck_assert_uint_le(b[i].port, PORT_EPHEMERAL_HI);
        ck_assert(!seen[b[i].port]); /* not shared, for all the reuse flags */
        seen[b[i].port] = true;
        if (i && (uint16_t)(b[i].port - b[i - 1].port) == 1)
            steps++;
    }
    ck_assert_int_lt(steps, 10); /* at random */
    for (int i = 0; i < 300; i++)
        port_unbind(ps, &b[i]);
}
END_TEST

START_TEST(ephemeral_used_up)
{
    struct port_bind b[11], other = bind_of("10.0.0.2", 0, 0);
    ps->lo = 40000;
    ps->hi = 40009;
    for (int i = 0; i < 11; i++) {
        b[i] = bind_of("10.0.0.1", 0, 0);
        ck_assert_int_eq(port_bind_ephemeral(ps, &rng, &b[i], false), i < 10 ? 0 : -EADDRINUSE);
    }
    ck_assert(!b[10].bound);
    ck_assert_int_eq(port_bind_ephemeral(ps, &rng, &other, false), 0); /* another address is free */
    port_unbind(ps, &b[3]);
    ck_assert_int_eq(port_bind_ephemeral(ps, &rng, &b[10], false), 0);
    ck_assert_uint_eq(b[10].port, b[3].port);
}
END_TEST

START_TEST(restored)
{
    struct port_bind a = bind_of("10.0.0.1", 0, 80), b = bind_of("10.0.0.1", 0, 80);
    port_bind(ps, &a, true);
    port_clear(ps);
    port_restore(ps, &a);
    port_restore(ps, &b); /* was not bound: stays out */
    ck_assert_uint_eq(ps->cnt, 1);
    ck_assert_int_eq(port_bind(ps, &b, true), -EADDRINUSE);
}
END_TEST

int main(void) {
    Suite *s = suite_create("port");
    TCase *t = tcase_create("port");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, pair_table, 0, (int)UST_ARRAY_CNT(pairs));
    tcase_add_test(t, second_listener);
    tcase_add_test(t, ephemeral);
    tcase_add_test(t, ephemeral_used_up);
    tcase_add_test(t, restored);
    suite_add_tcase(s, t);
    return run_suite(s);
}
