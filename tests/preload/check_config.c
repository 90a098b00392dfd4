/* SPDX-License-Identifier: ISC */
/* The configuration: what is understood, what is refused with which words, the file, and that the man pages name what the table has. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "internal.h"

static struct host_cfg cfg;

#define ENV_MAX 6
#define BASE "USERSTACK_IF=veth0", "USERSTACK_IP4=10.0.0.2/24"

static void load(const char *const *env) {
    char *envp[ENV_MAX + 1] = {NULL};
    for (int i = 0; i < ENV_MAX && env[i]; i++)
        envp[i] = strdup(env[i]);
    config_load(&cfg, envp);
    for (int i = 0; i < ENV_MAX; i++)
        free(envp[i]);
}

/* ---- refused: the line holds each of these ---- */

static const struct {
    const char *env[ENV_MAX];
    const char *words[3];
} refused[] = {
    {{"PATH=/bin"}, {"USERSTACK_IF is not set", "USERSTACK_IF=eth0"}},
    {{"USERSTACK_IF=veth0"}, {"USERSTACK_IP4 is not set", "10.0.0.2/24", "dhcp"}},
    {{BASE, "USERSTACK_IFF=x"}, {"USERSTACK_IFF", "no such name", "did you mean USERSTACK_IF?"}},
    {{BASE, "USERSTACK_IPV4=x"}, {"did you mean USERSTACK_IP4?"}},
    {{BASE, "USERSTACK_GW=10.0.0.1"}, {"did you mean USERSTACK_GW4?"}},
    {{BASE, "USERSTACK_STATFILE=x"}, {"did you mean USERSTACK_STAT_FILE?"}},
    {{BASE, "USERSTACK_SOMETHING_ELSE=x"}, {"no such name", "--help"}},
    {{BASE, "USERSTACK_="}, {"no such name"}},
    {{"USERSTACK_IF=", "USERSTACK_IP4=10.0.0.2/24"}, {"USERSTACK_IF is not set"}},
    {{"USERSTACK_IF=packet:", "USERSTACK_IP4=10.0.0.2/24"}, {"name is missing"}},
    {{"USERSTACK_IF=foo:veth0"}, {"USERSTACK_IF=foo:veth0", "not known"}},
    {{"USERSTACK_IF=tap:"}, {"name is missing"}},
    {{"USERSTACK_IF=stream:"}, {"whole path"}},
    {{"USERSTACK_IF=stream:listen:"}, {"whole path"}},
    {{"USERSTACK_IF=stream:s.sock"}, {"whole path", "stream:/tmp/"}},
    {{"USERSTACK_IF=stream:/"
      "567890123456789012345678901234567890123456789012345678901234567890123456789"
      "012345678901234567890123456789012"},
     {"107 characters"}},
    {{"USERSTACK_IF=xdp:eth0"}, {"xdp link is not in this build"}},
    {{"USERSTACK_IF=abcdefghijklmnop"}, {"15 characters"}},
    {{"USERSTACK_IF=a/b"}, {"no interface has such a name"}},
    {{"USERSTACK_IF=v\tx"}, {"USERSTACK_IF=v?x"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.2"}, {"prefix length is missing", "10.0.0.2/24"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.300/24"}, {"10.0.0.300/24", "not an IPv4"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.2/33"}, {"not an IPv4 address"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.2/"}, {"not an IPv4 address"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.2/24,"}, {"not an IPv4 address"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=2001:db8::2/64"}, {"not an IPv4 address"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.2/0"}, {"prefix length of 0"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.0/24"}, {"the subnet"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.255/24"}, {"broadcast"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=224.0.0.1/24"}, {"multicast"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=127.0.0.1/8"}, {"loopback"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=0.0.0.1/8"}, {"not an address that a host can have"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.2/24,10.0.0.2/16"}, {"twice"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=10.0.0.1/24,10.0.0.2/24,10.0.0.3/24,10.0.0.4/24,10.0.0.5/24,"
                        "10.0.0.6/24,10.0.0.7/24,10.0.0.8/24,10.0.0.9/24"},
     {"more than 8 addresses"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=dhcp,10.0.0.2/24"},
     {"USERSTACK_IP4", "not an IPv4 address"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP4=none", "USERSTACK_IP6=none"}, {"without an address"}},
    {{"USERSTACK_IF=v", "USERSTACK_IP6=none"}, {"USERSTACK_IP4 is not set"}},
    {{BASE, "USERSTACK_GW4=10.0.1.1"}, {"USERSTACK_GW4=10.0.1.1", "not in the subnet"}},
    {{BASE, "USERSTACK_GW4=10.0.0.2"}, {"own address"}},
    {{BASE, "USERSTACK_GW4=nonsense"}, {"USERSTACK_GW4=nonsense", "10.0.0.1"}},
    {{BASE, "USERSTACK_IP6=2001:db8::2"}, {"prefix length is missing", "2001:db8::2/64"}},
    {{BASE, "USERSTACK_IP6=2001:db8::2/129"}, {"USERSTACK_IP6", "2001:db8::2/64"}},
    {{BASE, "USERSTACK_IP6=10.0.0.2/24"}, {"write auto, none, or addresses"}},
    {{BASE, "USERSTACK_IP6=autom"}, {"write auto, none, or addresses"}},
    {{BASE, "USERSTACK_IP6=2001:db8::/64"}, {"the subnet"}},
    {{BASE, "USERSTACK_IP6=ff02::1/64"}, {"multicast"}},
    {{BASE, "USERSTACK_IP6=::1/128"}, {"loopback"}},
    {{BASE, "USERSTACK_IP6=2001:db8::2/0"}, {"prefix length of 0"}},
    {{BASE, "USERSTACK_IP6=2001:db8::2/64,2001:db8::2/48"}, {"twice"}},
    {{BASE, "USERSTACK_GW6=10.0.0.1"}, {"not an IPv6 address"}},
    {{BASE, "USERSTACK_GW6=2001:db8::1"}, {"could not be reached"}},
    {{BASE, "USERSTACK_IP6=2001:db8::2/64", "USERSTACK_GW6=2001:db8::2"}, {"own address"}},
    {{BASE, "USERSTACK_IP6=none", "USERSTACK_GW6=fe80::1"}, {"USERSTACK_IP6 is none"}},
    {{BASE, "USERSTACK_MAC=02:00:00:00:00"}, {"02:00:00:00:00:01"}},
    {{BASE, "USERSTACK_MAC=01:00:00:00:00:01"}, {"multicast"}},
    {{BASE, "USERSTACK_MTU=67"}, {"68 to 65535"}},
    {{BASE, "USERSTACK_MTU=1500x"}, {"68 to 65535"}},
    {{BASE, "USERSTACK_DNS=10.0.0.1,x"}, {"comma list of addresses"}},
    {{BASE, "USERSTACK_DNS=10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4,10.0.0.5"}, {"more than 4"}},
    {{BASE, "USERSTACK_KERNEL=127.0.0.0/x"}, {"comma list of prefixes"}},
    {{BASE, "USERSTACK_LOOPBACK=both"}, {"kernel or stack"}},
    {{BASE, "USERSTACK_STRICT=maybe"}, {"1 or 0"}},
    {{BASE, "USERSTACK_KEEPER=2"}, {"USERSTACK_KEEPER"}},
    {{BASE, "USERSTACK_NAME=a b"}, {"a name has letters"}},
    {{BASE, "USERSTACK_NAME=.a"}, {"a name has letters"}},
    {{BASE, "USERSTACK_NAME=1234567890123456789012345678901234567890123456789012345678901234"},
     {"longer than 63 bytes"}},
    {{BASE, "USERSTACK_CC=bbr"}, {"USERSTACK_CC=bbr", "cubic or reno"}},
    {{BASE, "USERSTACK_SPIN_US=-1"}, {"microseconds"}},
    {{BASE, "USERSTACK_MEM=1M"}, {"16M at least"}},
    {{BASE, "USERSTACK_MEM=100G"}, {"more than 64G"}},
    {{BASE, "USERSTACK_MEM=G"}, {"512M"}},
    {{BASE, "USERSTACK_MEM=99999999999999999999G"}, {"512M"}},
    {{BASE, "USERSTACK_TRACE=tcp,nonsense"}, {"'nonsense' is none of", "all,call,tcp"}},
    {{BASE, "USERSTACK_FAULT=loss=lots"}, {"USERSTACK_FAULT", "not understood", "loss=1%"}},
    {{"USERSTACK_CONFIG=/nonexistent/file"}, {"/nonexistent/file", "cannot open", "No such file"}},
    {{"USERSTACK_CONFIG=/dev/zero"}, {"longer than"}},
    {{"USERSTACK_CONFIG=/"}, {"cannot read"}},
};

START_TEST(test_refused)
{
    load(refused[_i].env);
    ck_assert_msg(!cfg.valid, "accepted: %s", refused[_i].env[0]);
    ck_assert_msg(!strchr(cfg.error, '\n'), "more than one line: %s", cfg.error);
    for (int i = 0; i < 3 && refused[_i].words[i]; i++)
        ck_assert_msg(strstr(cfg.error, refused[_i].words[i]) != NULL, "'%s' does not say '%s'",
                      cfg.error, refused[_i].words[i]);
}
END_TEST

/* ---- understood ---- */

static bool is_default(void) {
    return cfg.dev == DEV_PACKET && strcmp(cfg.ifname, "veth0") == 0 && cfg.ip4_cnt == 1 &&
           cfg.ip4[0].plen == 96 + 24 && addr_ip4(&cfg.ip4[0].addr) == 0x0a000002 && !cfg.has_gw4 &&
           !cfg.has_mac && cfg.mtu == 0 && cfg.kernel_cnt == 2 && cfg.kernel[0].plen == 96 + 8 &&
           cfg.kernel[1].plen == 128 && !cfg.strict && !cfg.loopback_stack && cfg.no_keeper &&
           cfg.cc == TCP_CC_CUBIC && !cfg.ecn && cfg.mem_bytes == 4ULL << 30 && cfg.trace_on == 0 &&
           !cfg.fault.on && cfg.spin_us == 0;
}
static bool is_pcap(void) { return cfg.dev == DEV_PCAP && strcmp(cfg.ifname, "eth0") == 0; }
static bool is_tap(void) { return cfg.dev == DEV_TAP && strcmp(cfg.ifname, "tap0") == 0; }
static bool is_stream(void) { return cfg.dev == DEV_STREAM && strcmp(cfg.ifname, "/tmp/s") == 0; }
static bool listens(void) {
    return cfg.dev == DEV_STREAM && strcmp(cfg.ifname, "listen:/tmp/s") == 0;
}
static bool has_three(void) {
    return cfg.ip4_cnt == 3 && cfg.ip4[1].plen == 96 + 31 && cfg.ip4[2].plen == 128;
}
static bool has_gw(void) { return cfg.has_gw4 && addr_ip4(&cfg.gw4) == 0x0a000001; }
static bool has_mac(void) { return cfg.has_mac && cfg.mac.b[0] == 2 && cfg.mac.b[5] == 0xfe; }
static bool has_numbers(void) {
    return cfg.mtu == 9000 && cfg.spin_us == 50 && cfg.mem_bytes == 512ULL << 20;
}
static bool has_bytes(void) { return cfg.mem_bytes == (16 << 20); }
static bool own_loopback(void) { return cfg.loopback_stack && cfg.kernel_cnt == 0; }
static bool loopback_and_list(void) { return cfg.loopback_stack && cfg.kernel_cnt == 1; }
static bool nothing_kernels(void) { return cfg.kernel_cnt == 0 && cfg.strict; }
static bool has_trace(void) {
    return cfg.trace_on == (1u << TRACE_TCP | 1u << TRACE_IP) && cfg.trace_debug == 1u << TRACE_IP;
}
static bool has_fault(void) {
    return cfg.fault.on && cfg.fault.tx.loss_ppm == 10000 && cfg.fault.rx.loss_ppm == 0;
}
static bool has_files(void) {
    return strcmp(cfg.pcap_file, "a b.pcap") == 0 && strcmp(cfg.stat_file, "/tmp/%p") == 0 &&
           strcmp(cfg.name, "web-1") == 0;
}
static bool first_wins(void) { return cfg.mtu == 1000; }
static bool has_dns(void) { return cfg.dns_cnt == 2 && !addr_is_ip4(&cfg.dns[1]); }
static bool is_reno(void) { return cfg.cc == TCP_CC_RENO && cfg.ecn; }
static bool has_dhcp(void) { return cfg.ip4_dhcp && !cfg.dhcp_release && cfg.ip4_cnt == 0; }
static bool has_release(void) { return cfg.ip4_dhcp && cfg.dhcp_release && cfg.has_gw4; }
static bool no_ip6(void) { return cfg.ip6_none; }

static const struct {
    const char *env[ENV_MAX];
    bool (*holds)(void);
} understood[] = {
    {{BASE}, is_default},
    {{BASE, "USERSTACK_GW4=", "USERSTACK_MTU=", "USERSTACKX=1"}, is_default},
    {{"USERSTACK_IF=packet:veth0", "USERSTACK_IP4=10.0.0.2/24"}, is_default},
    {{"USERSTACK_IF=pcap:eth0", "USERSTACK_IP4=10.0.0.2/24"}, is_pcap},
    {{"USERSTACK_IF=tap:tap0", "USERSTACK_IP4=10.0.0.2/24"}, is_tap},
    {{"USERSTACK_IF=stream:/tmp/s", "USERSTACK_IP4=dhcp"}, is_stream},
    {{"USERSTACK_IF=stream:listen:/tmp/s", "USERSTACK_IP4=dhcp"}, listens},
    {{"USERSTACK_IF=veth0", "USERSTACK_IP4=10.0.0.2/24, 10.1.0.2/31,192.0.2.1/32"}, has_three},
    {{"USERSTACK_IF=veth0", "USERSTACK_IP4=dhcp"}, has_dhcp},
    {{"USERSTACK_IF=veth0", "USERSTACK_IP4=dhcp,release", "USERSTACK_GW4=192.0.2.1"}, has_release},
    {{BASE, "USERSTACK_GW4=10.0.0.1"}, has_gw},
    {{BASE, "USERSTACK_MAC=02:00:00:00:00:fe"}, has_mac},
    {{BASE, "USERSTACK_MTU=9000", "USERSTACK_SPIN_US=50", "USERSTACK_MEM=512m"}, has_numbers},
    {{BASE, "USERSTACK_MEM=16777217"}, has_bytes},
    {{BASE, "USERSTACK_LOOPBACK=stack"}, own_loopback},
    {{BASE, "USERSTACK_LOOPBACK=stack", "USERSTACK_KERNEL=192.0.2.0/24"}, loopback_and_list},
    {{BASE, "USERSTACK_KERNEL=none", "USERSTACK_STRICT=yes"}, nothing_kernels},
    {{BASE, "USERSTACK_TRACE=tcp,ip:debug"}, has_trace},
    {{BASE, "USERSTACK_FAULT=tx.loss=1%"}, has_fault},
    {{BASE, "USERSTACK_PCAP=a b.pcap", "USERSTACK_STAT_FILE=/tmp/%p", "USERSTACK_NAME=web-1"},
     has_files},
    {{BASE, "USERSTACK_MTU=1000", "USERSTACK_MTU=2000"}, first_wins},
    {{BASE, "USERSTACK_DNS=10.0.0.1,2001:db8::1"}, has_dns},
    {{BASE, "USERSTACK_CC=reno", "USERSTACK_ECN=1"}, is_reno},
    {{BASE, "USERSTACK_IP6=none", "USERSTACK_KEEPER=0"}, no_ip6},
};

START_TEST(test_understood)
{
    load(understood[_i].env);
    ck_assert_msg(cfg.valid, "refused: %s", cfg.error);
    ck_assert_str_eq(cfg.error, "");
    ck_assert_msg(understood[_i].holds(), "case %d", _i);
}
END_TEST

/* ---- the file ---- */

static char path[64];

static void file_write(const char *text) {
    snprintf(path, sizeof path, "/tmp/userstack-config-%d", (int)getpid());
    FILE *f = fopen(path, "we");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void load_file(const char *text, const char *more) {
    char name[96];
    file_write(text);
    snprintf(name, sizeof name, "USERSTACK_CONFIG=%s", path);
    load((const char *const[ENV_MAX]){name, more});
    unlink(path);
}

START_TEST(test_file)
{
    load_file(
        "# a comment\n\n  USERSTACK_IF = veth0 \r\nUSERSTACK_IP4=10.0.0.2/24\nUSERSTACK_MTU=1000",
        NULL);
    ck_assert_msg(cfg.valid, "%s", cfg.error);
    ck_assert_str_eq(cfg.ifname, "veth0");
    ck_assert_uint_eq(cfg.mtu, 1000);
    load_file("USERSTACK_IF=veth0\nUSERSTACK_IP4=10.0.0.2/24\nUSERSTACK_MTU=1000\n",
              "USERSTACK_MTU=2000");
    ck_assert_msg(cfg.valid, "%s", cfg.error);
    ck_assert_uint_eq(cfg.mtu, 2000);
}
END_TEST

static const struct {
    const char *text, *line, *word;
} bad_files[] = {
    {"USERSTACK_IF=veth0\nUSERSTACK_MTU=5\n", ":2: ", "USERSTACK_MTU=5"},
    {"USERSTACK_IF=veth0\n\nUSERSTACK_MUT=5\n", ":3: ", "did you mean USERSTACK_MTU?"},
    {"USERSTACK_IF veth0\n", ":1: ", "not NAME=VALUE"},
    {"IF=veth0\n", ":1: ", "no such name"},
    {"USERSTACK_CONFIG=/etc/passwd\n", ":1: ", "cannot name another"},
};

START_TEST(test_bad_file)
{
    load_file(bad_files[_i].text, NULL);
    ck_assert(!cfg.valid);
    ck_assert_msg(strstr(cfg.error, path) && strstr(cfg.error, bad_files[_i].line) &&
                      strstr(cfg.error, bad_files[_i].word),
                  "%s", cfg.error);
}
END_TEST

/* ---- table and documents ---- */

static char *read_text(const char *file) {
    char name[4096];
    const char *top = getenv("top_srcdir");
    snprintf(name, sizeof name, "%s/%s", top ? top : ".", file);
    FILE *f = fopen(name, "re");
    ck_assert_msg(f != NULL, "%s", name);
    char *text = calloc(1, 1 << 17);
    ck_assert_uint_gt(fread(text, 1, (1 << 17) - 1, f), 0);
    fclose(f);
    return text;
}

START_TEST(test_documents)
{
    char *man1 = read_text("preload/cmd/userstack.1"), *man7 = read_text("preload/userstack.7"),
         *readme = read_text("README");
    for (size_t i = 0; i < config_name_cnt; i++) {
        const struct config_name *n = &config_names[i];
        char opt[64] = "";
        ck_assert_msg(strstr(man7, n->name) != NULL, "userstack.7 lacks %s", n->name);
        ck_assert_msg(strstr(man1, n->name) != NULL, "userstack.1 lacks %s", n->name);
        ck_assert_msg(strstr(readme, n->name) != NULL, "README lacks %s", n->name);
        /* As roff writes it: "\-\-trace". */
        for (const char *p = n->option; *p; p++) {
            char c[3] = {*p == '-' ? '\\' : *p, *p == '-' ? '-' : '\0', '\0'};
            strcat(opt, c);
        }
        ck_assert_msg(strstr(man1, opt) != NULL, "userstack.1 lacks %s", n->option);
    }
    free(man1);
    free(man7);
    free(readme);
}
END_TEST

/* Each name, option and default stands once and is understood. */
START_TEST(test_table)
{
    for (size_t i = 0; i < config_name_cnt; i++) {
        ck_assert_int_eq(strncmp(config_names[i].name, "USERSTACK_", 10), 0);
        ck_assert_ptr_nonnull(config_names[i].parse);
        ck_assert_ptr_nonnull(config_names[i].help);
        for (size_t j = 0; j < i; j++) {
            ck_assert_str_ne(config_names[i].name, config_names[j].name);
            ck_assert_str_ne(config_names[i].option, config_names[j].option);
        }
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("config");
    TCase *tc = tcase_create("config");
    tcase_add_loop_test(tc, test_refused, 0, (int)UST_ARRAY_CNT(refused));
    tcase_add_loop_test(tc, test_understood, 0, (int)UST_ARRAY_CNT(understood));
    tcase_add_test(tc, test_file);
    tcase_add_loop_test(tc, test_bad_file, 0, (int)UST_ARRAY_CNT(bad_files));
    tcase_add_test(tc, test_documents);
    tcase_add_test(tc, test_table);
    suite_add_tcase(s, tc);
    SRunner *sr = srunner_create(s);
    srunner_run_all(sr, CK_NORMAL);
    int failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed != 0;
}
