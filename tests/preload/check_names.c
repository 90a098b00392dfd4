/* SPDX-License-Identifier: ISC */
/* The parts of name resolution that need no server: files, DNS messages, the order of addresses. The rest is compared with libc by tests/programs/names.sh. */
#include "preload/both.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <stdio.h>
#include <string.h>

#include "names/names.h"

static char path[64];

static void write_file(const char *text) {
    snprintf(path, sizeof(path), "/tmp/check_names.%d", (int)getpid());
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* "name alias,alias 10.0.0.1,::1" */
static void show(const struct name_answer *a, char *out, size_t cap) {
    size_t n = (size_t)snprintf(out, cap, "%s ", a->name ? a->name : "-");
    for (unsigned i = 0; i < a->alias_cnt; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "," : "", a->alias[i]);
    n += (size_t)snprintf(out + n, cap - n, " ");
    for (unsigned i = 0; i < a->addr_cnt; i++) {
        char text[INET6_ADDRSTRLEN];
        inet_ntop(a->addr[i].family, a->addr[i].addr, text, sizeof(text));
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "," : "", text);
    }
}

/* ---- /etc/hosts ---- */

static const char hosts[] = "127.0.0.1\tlocalhost localhost.localdomain # behind\n"
                            "# 10.0.0.9 commented\n"
                            "  10.0.0.1 one\tuno  ONE.test\n"
                            "10.0.0.2 Uno two\n"
                            "::1 six loop6\n"
                            "::ffff:10.0.0.7 mapped\n"
                            "2001:db8::1 one\n"
                            "10.0.0.300 bad\n"
                            "10.0.0.3\n"
                            "10.0.0.4 last";
static const struct {
    const char *name;
    int family;
    const char *want; /* NULL: not found */
} by_name[] = {
    {"localhost", AF_UNSPEC, "localhost localhost.localdomain 127.0.0.1"},
    {"LocalHost", AF_INET, "localhost localhost.localdomain 127.0.0.1"},
    {"localhost", AF_INET6, NULL},
    {"behind", AF_UNSPEC, NULL},
    {"commented", AF_UNSPEC, NULL},
    {"on", AF_UNSPEC, NULL},
    {"one", AF_INET, "one uno,ONE.test 10.0.0.1"},
    {"one", AF_INET6, "one  2001:db8::1"},
    {"one", AF_UNSPEC, "one uno,ONE.test 10.0.0.1,2001:db8::1"},
    {"uno", AF_INET, "one uno,ONE.test,two,Uno 10.0.0.1,10.0.0.2"},
    {"six", AF_INET, "six loop6 127.0.0.1"},
    {"six", AF_UNSPEC, "six loop6 ::1"},
    {"mapped", AF_INET, "mapped  10.0.0.7"},
    {"bad", AF_UNSPEC, NULL},
    {"last", AF_UNSPEC, "last  10.0.0.4"},
};

START_TEST(hosts_names)
{
    char text[256];
    struct name_answer a = {.name = NULL};
    write_file(hosts);
    bool found = hosts_by_name(path, by_name[_i].name, by_name[_i].family, &a);
    show(&a, text, sizeof(text));
    ck_assert_int_eq(found, by_name[_i].want != NULL);
    if (found)
        ck_assert_str_eq(text, by_name[_i].want);
    answer_clear(&a);
    unlink(path);
}
END_TEST

START_TEST(hosts_addresses)
{
    static const struct {
        const char *addr, *want;
    } cases[] = {{"10.0.0.2", "Uno two 10.0.0.2"},
                 {"2001:db8::1", "one  2001:db8::1"},
                 {"10.0.0.9", NULL},
                 {"127.0.0.1", "localhost localhost.localdomain 127.0.0.1"}};
    write_file(hosts);
    for (size_t i = 0; i < UST_ARRAY_CNT(cases); i++) {
        char text[256];
        struct name_answer a = {.name = NULL};
        struct name_addr of = {.family = strchr(cases[i].addr, ':') ? AF_INET6 : AF_INET};
        inet_pton(of.family, cases[i].addr, of.addr);
        ck_assert_int_eq(hosts_by_addr(path, &of, &a), cases[i].want != NULL);
        show(&a, text, sizeof(text));
        if (cases[i].want)
            ck_assert_str_eq(text, cases[i].want);
        answer_clear(&a);
    }
    unlink(path);
    struct name_answer a = {.name = NULL};
    ck_assert(!hosts_by_name("/nowhere/hosts", "one", AF_INET, &a));
}
END_TEST

/* ---- /etc/nsswitch.conf ---- */

/* F files, D dns, - another; behind each the statuses that end the walk: s success, n notfound, u unavail, t tryagain. */
static const struct {
    const char *text, *want;
} orders[] = {
    {"hosts: files dns\n", "Fs Ds"},
    {"passwd: files\n\thosts:\tdns\tfiles # comment\n", "Ds Fs"},
    {"hosts: files mdns4_minimal [NOTFOUND=return] dns\n", "Fs -sn Ds"},
    {"hosts: resolve [!UNAVAIL=return] files dns\n", "-snt Fs Ds"},
    {"hosts: files [success=continue notfound=return] dns[unavail=return]\n", "Fn Dsu"},
    {"hosts: [NOTFOUND=return] files\n", "Fs"},
    {"hosts: files [bad] dns\n", "Fs"},
    {"hosts:\n", "Fs Ds"},
    {"passwd: files\n", "Fs Ds"},
    {"", "Fs Ds"},
};

START_TEST(nsswitch)
{
    struct nss_step step[NSS_STEP_MAX];
    char text[128] = "";
    write_file(orders[_i].text);
    unsigned cnt = nss_steps(path, step);
    for (unsigned i = 0, n = 0; i < cnt; i++) {
        n += (unsigned)snprintf(text + n, sizeof(text) - n, "%s%c", i ? " " : "",
                                "FD-"[step[i].service]);
        for (const char *p = "snut"; *p; p++) {
            int st = *p == 's'   ? NSS_SUCCESS
                     : *p == 'n' ? NSS_NOTFOUND
                     : *p == 'u' ? NSS_UNAVAIL
                                 : NSS_TRYAGAIN;
            if (!step[i].go_on[st])
                n += (unsigned)snprintf(text + n, sizeof(text) - n, "%c", *p);
        }
    }
    ck_assert_str_eq(text, orders[_i].want);
    unlink(path);
}
END_TEST

/* ---- DNS messages ---- */

#define HEAD(answers) "\x12\x34\x81\x80\0\1\0" answers "\0\0\0\0"
#define QUESTION(type) "\1a\4test\0\0" type "\0\1" /* at 12 */
#define RR(owner, type, len) owner "\0" type "\0\1\0\0\0\x3c\0" len
#define MESSAGE(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t len;
    int type;
    const char *want; /* NULL: nothing usable */
} messages[] = {
    {MESSAGE(HEAD("\1") QUESTION("\1") RR("\xc0\x0c", "\1", "\4") "\x0a\0\0\1"), T_A,
     "a.test  10.0.0.1"},
    {MESSAGE(HEAD("\2") QUESTION("\1")
                 RR("\xc0\x0c", "\1", "\4") "\x0a\0\0\1" RR("\xc0\x0c", "\1", "\4") "\x0a\0\0\2"),
     T_A, "a.test  10.0.0.1,10.0.0.2"},
    /* a -> b.test -> c.test */
    {MESSAGE(HEAD("\3") QUESTION("\1") RR("\xc0\x0c", "\5", "\4") "\1b\xc0\x0e" RR(
         "\1b\xc0\x0e", "\5", "\4") "\1c\xc0\x0e" RR("\1C\xc0\x0e", "\1", "\4") "\x0a\0\0\3"),
     T_A, "c.test a.test,b.test 10.0.0.3"},
    /* about another name */
    {MESSAGE(HEAD("\1") QUESTION("\1") RR("\1x\xc0\x0e", "\1", "\4") "\x0a\0\0\1"), T_A, NULL},
    /* an address of five bytes */
    {MESSAGE(HEAD("\1") QUESTION("\1") RR("\xc0\x0c", "\1", "\5") "\x0a\0\0\1\1"), T_A, NULL},
    /* aliases only; no answer at all; two questions; a name that points at itself */
    {MESSAGE(HEAD("\1") QUESTION("\1") RR("\xc0\x0c", "\5", "\4") "\1b\xc0\x0e"), T_A, NULL},
    {MESSAGE(HEAD("\0") QUESTION("\1")), T_A, NULL},
    {MESSAGE("\x12\x34\x81\x80\0\2\0\1\0\0\0\0" QUESTION("\1")
                 RR("\xc0\x0c", "\1", "\4") "\x0a\0\0\1"),
     T_A, NULL},
    {MESSAGE(HEAD("\1") QUESTION("\1") RR("\xc0\x18", "\1", "\4") "\x0a\0\0\1"), T_A, NULL},
    {MESSAGE(HEAD("\1") QUESTION("\x1c")
                 RR("\xc0\x0c", "\x1c", "\x10") "\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"),
     T_AAAA, "a.test  2001:db8::1"},
    {MESSAGE(HEAD("\2") QUESTION("\x0c") RR("\xc0\x0c", "\x0c", "\4") "\1h\xc0\x0e" RR(
         "\xc0\x0c", "\x0c", "\4") "\1i\xc0\x0e"),
     T_PTR, "h.test i.test 10.9.9.9"},
};

static bool parse(const struct dns_msg *m, int type, struct name_answer *a) {
    struct name_addr of = {.family = AF_INET, .addr = {10, 9, 9, 9}};
    return type == T_PTR ? dns_parse_ptr(m, &of, a) : dns_parse_addrs(m, type, a);
}

START_TEST(dns_messages)
{
    char text[256];
    struct name_answer a = {.name = NULL};
    /* In memory of just that size, so that a sanitizer sees the end; and cut short at every byte. */
    for (size_t len = messages[_i].len;; len--) {
        uint8_t *copy = malloc(len ? len : 1);
        memcpy(copy, messages[_i].bytes, len);
        struct dns_msg m = {.reply = copy, .reply_len = (int)len, .result = DNS_ANSWERED};
        bool ok = parse(&m, messages[_i].type, &a);
        if (len == messages[_i].len) {
            ck_assert_int_eq(ok, messages[_i].want != NULL);
            show(&a, text, sizeof(text));
            if (ok)
                ck_assert_str_eq(text, messages[_i].want);
        }
        answer_clear(&a);
        free(copy);
        if (len == 0)
            break;
    }
}
END_TEST

/* ---- RFC 6724 ---- */

static struct sort_addr pair(const char *dst, const char *src, uint8_t plen) {
    struct sort_addr s = {.has_src = src != NULL, .src_plen = plen};
    s.dst.family = strchr(dst, ':') ? AF_INET6 : AF_INET;
    ck_assert_int_eq(inet_pton(s.dst.family, dst, s.dst.addr), 1);
    s.src.family = s.dst.family;
    if (src)
        ck_assert_int_eq(inet_pton(s.src.family, src, s.src.addr), 1);
    return s;
}

/* The first is the better one. RFC 6724 10.2 has most of these. */
static const struct {
    const char *dst[2], *src[2];
    uint8_t plen[2];
} order[] = {
    /* rule 1: reachable */
    {{"10.0.0.1", "2001:db8::1"}, {"10.0.0.2", NULL}, {120, 128}},
    {{"2001:db8::1", "10.0.0.1"}, {"2001:db8::2", NULL}, {64, 128}},
    /* rule 2: scopes match */
    {{"2001:db8:1::1", "198.51.100.121"}, {"2001:db8:1::2", "169.254.13.78"}, {64, 112}},
    {{"198.51.100.121", "2001:db8:1::1"}, {"198.51.100.117", "fe80::1"}, {120, 64}},
    /* rule 5: labels match */
    {{"2002:c633:6401::1", "2001:db8:1::1"}, {"2002:c633:6401::2", "2002:c633:6401::2"}, {64, 64}},
    /* rule 6: precedence */
    {{"2001:db8:1::1", "10.1.2.3"}, {"2001:db8:1::2", "10.1.2.4"}, {64, 120}},
    {{"::1", "2001:db8::1"}, {"::1", "2001:db8::2"}, {128, 64}},
    /* rule 8: smaller scope */
    {{"fe80::1", "2001:db8:1::1"}, {"fe80::2", "2001:db8:1::2"}, {64, 64}},
    /* rule 9: longest match; for IPv4 within the network alone */
    {{"2001:db8:1::1", "2001:db8:3ffe::1"}, {"2001:db8:1::2", "2001:db8:1f00::2"}, {64, 64}},
    {{"10.0.0.9", "192.0.2.1"}, {"10.0.0.2", "10.0.0.2"}, {120, 120}},
    /* rule 10: as it came */
    {{"192.0.2.1", "10.9.0.1"}, {"10.0.0.2", "10.0.0.2"}, {120, 120}},
};

START_TEST(rfc6724)
{
    struct sort_addr a = pair(order[_i].dst[0], order[_i].src[0], order[_i].plen[0]);
    struct sort_addr b = pair(order[_i].dst[1], order[_i].src[1], order[_i].plen[1]);
    b.order = 1;
    ck_assert_int_lt(sort_compare(&a, &b), 0);
    ck_assert_int_gt(sort_compare(&b, &a), 0);
    ck_assert_int_eq(sort_compare(&a, &a), 0);
}
END_TEST

START_TEST(gai_conf)
{
    struct sort_addr a = pair("10.1.2.3", "10.1.2.4", 120),
                     b = pair("2001:db8::1", "2001:db8::2", 64);
    ck_assert_int_gt(sort_compare(&a, &b), 0);
    write_file("# comment\nprecedence ::ffff:0:0/96 100\nprecedence ::/0 40\n");
    ck_assert(sort_read_policy(path));
    ck_assert_int_lt(sort_compare(&a, &b), 0);
    write_file("nonsense here 1\nprecedence x/y 3\nreload no\n");
    ck_assert(!sort_read_policy(path));
    unlink(path);
}
END_TEST

int main(void) {
    both_init();
    Suite *s = suite_create("names");
    TCase *t = tcase_create("files");
    tcase_add_loop_test(t, hosts_names, 0, UST_ARRAY_CNT(by_name));
    tcase_add_test(t, hosts_addresses);
    tcase_add_loop_test(t, nsswitch, 0, UST_ARRAY_CNT(orders));
    suite_add_tcase(s, t);
    t = tcase_create("dns");
    tcase_add_loop_test(t, dns_messages, 0, UST_ARRAY_CNT(messages));
    suite_add_tcase(s, t);
    t = tcase_create("order");
    tcase_add_loop_test(t, rfc6724, 0, UST_ARRAY_CNT(order));
    tcase_add_test(t, gai_conf);
    suite_add_tcase(s, t);
    return both_run(s);
}
