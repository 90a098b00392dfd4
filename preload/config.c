/* SPDX-License-Identifier: ISC */
/*
 * The configuration: one table gives every name its argument, option of `userstack run`, default, parser and help. The man page's list is made of
 * the same words (tests/preload/check_config.c compares).
 *
 * config_load() runs in the constructor of programs that may never open a socket: it reads the environment and the file that USERSTACK_CONFIG names (raw
 * system calls, a buffer on the stack), prints nothing and allocates nothing. What is wrong stays in cfg->error, one line that says what and how to mend it; who
 * needs the stack prints it. The environment wins over the file, the first of two equal names wins, an empty value counts as unset.
 *
 * What the documents promise and this build lacks (the xdp link, the keeper) is understood, and refused only when it was asked for by name.
 */
#include "internal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/sys.h"

#define PREFIX "USERSTACK_"
#define FILE_BYTES_MAX 16384
#define NOT_HERE "not in this build"

/* A value under the parser. where: "FILE:LINE: " or "". */
struct config_value {
    struct host_cfg *cfg;
    const char *where, *name, *text;
};

/* The first complaint stays. Always false, so that a parser can return it. */
UST_PRINTF(2, 3) static bool cfg_error(struct host_cfg *cfg, const char *fmt, ...) {
    if (cfg->error[0])
        return false;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cfg->error, sizeof cfg->error, fmt, ap);
    va_end(ap);
    for (char *p = cfg->error; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return false;
}

UST_PRINTF(2, 3) static bool bad(const struct config_value *v, const char *fmt, ...) {
    char why[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof why, fmt, ap);
    va_end(ap);
    return cfg_error(v->cfg, "%.60s%s=%.60s: %s", v->where, v->name, v->text, why);
}

/* ---- words ---- */

/* The next word of a comma list into w (NUL ended): false at the end of the list. An empty word or one too long is returned as "". */
static bool next_word(const char **s, char *w, size_t cap) {
    if (!*s)
        return false;
    size_t len = strcspn(*s, ",");
    const char *start = *s;
    *s = start[len] ? start + len + 1 : NULL;
    while (len > 0 && *start == ' ')
        start++, len--;
    while (len > 0 && start[len - 1] == ' ')
        len--;
    if (len >= cap)
        len = 0;
    memcpy(w, start, len);
    w[len] = '\0';
    return true;
}

static bool parse_uint(const char *s, uint64_t max, uint64_t *out) {
    uint64_t n = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        unsigned d = (unsigned)(*s - '0');
        if (n > (max - d) / 10)
            return false;
        n = n * 10 + d;
    }
    *out = n;
    return true;
}

static bool word_in(const char *s, const char *const *list) {
    for (; *list; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static bool parse_bool(const struct config_value *v, bool *out) {
    static const char *const yes[] = {"1", "yes", "on", "true", NULL};
    static const char *const no[] = {"0", "no", "off", "false", NULL};
    if (word_in(v->text, yes))
        return *out = true;
    if (!word_in(v->text, no))
        return bad(v, "write 1 or 0");
    *out = false;
    return true;
}

static bool parse_text(const struct config_value *v, char *out, size_t cap) {
    size_t len = strlen(v->text);
    if (len >= cap)
        return bad(v, "longer than %zu bytes", cap - 1);
    memcpy(out, v->text, len + 1);
    return true;
}

/* "10.0.0.2/24", "2001:db8::2/64"; without a length: all bits, and *bare. */
static bool parse_prefix(const char *s, struct host_prefix *p, bool *bare) {
    char a[ADDR_STR_LEN];
    size_t len = strcspn(s, "/");
    if (len >= sizeof a)
        return false;
    memcpy(a, s, len);
    a[len] = '\0';
    if (!addr_parse(a, &p->addr))
        return false;
    bool v4 = addr_is_ip4(&p->addr);
    uint64_t n = v4 ? 32 : 128;
    *bare = s[len] == '\0';
    if (!*bare && !parse_uint(s + len + 1, n, &n))
        return false;
    p->plen = (uint8_t)(n + (v4 ? 96 : 0));
    return true;
}

/* ---- one parser for each name ---- */

static bool parse_if(const struct config_value *v) {
    static const struct {
        const char *word;
        enum dev_kind kind;
        bool here;
    } kinds[] = {
        {"packet", DEV_PACKET, true}, {"pcap", DEV_PCAP, true}, {"tap", DEV_TAP, true},
        {"stream", DEV_STREAM, true}, {"xdp", DEV_XDP, false},
    };
    struct host_cfg *cfg = v->cfg;
    const char *rest = v->text;
    cfg->dev = DEV_PACKET;
    size_t len = strcspn(rest, ":");
    if (rest[len] == ':') {
        size_t i = 0;
        while (i < UST_ARRAY_CNT(kinds) &&
               (strlen(kinds[i].word) != len || memcmp(kinds[i].word, rest, len) != 0))
            i++;
        if (i == UST_ARRAY_CNT(kinds))
            return bad(v, "link kind not known; write veth0, pcap:veth0, tap:tap0 or stream:/path");
        if (!kinds[i].here)
            return bad(v, "the %s link is " NOT_HERE "; use packet or pcap", kinds[i].word);
        cfg->dev = (uint8_t)kinds[i].kind;
        rest += len + 1;
    }
    if (cfg->dev == DEV_STREAM) {
        const char *path = strncmp(rest, "listen:", 7) == 0 ? rest + 7 : rest;
        if (*path != '/')
            return bad(v, "write the socket's whole path, as stream:/tmp/passt_1.socket");
        if (strlen(rest) >= sizeof cfg->ifname)
            return bad(v, "a socket's path has 107 characters at most");
        strcpy(cfg->ifname, rest);
        return true;
    }
    if (!*rest)
        return bad(v, "the interface's name is missing");
    if (strlen(rest) > 15)
        return bad(v, "an interface name has 15 characters at most");
    if (strpbrk(rest, "/ \t,"))
        return bad(v, "no interface has such a name");
    memcpy(cfg->ifname, rest, strlen(rest) + 1);
    return true;
}

/* Is it an address that a host can have in its subnet? */
static bool check_host_ip4(const struct config_value *v, const struct host_prefix *p) {
    uint32_t a = addr_ip4(&p->addr), plen = p->plen - 96u;
    if (plen == 0)
        return bad(v, "a prefix length of 0 holds every address");
    uint32_t host = plen == 32 ? 0 : 0xffffffffu >> plen;
    if (addr_is_multicast(&p->addr))
        return bad(v, "a multicast address cannot be a host's");
    if (addr_is_loopback(&p->addr))
        return bad(v, "a loopback address cannot be an interface's");
    if (a >> 24 == 0 || a >> 28 == 15)
        return bad(v, "not an address that a host can have");
    if (plen < 31 && (a & host) == 0)
        return bad(v, "that is the subnet, not a host in it");
    if (plen < 31 && (a & host) == host)
        return bad(v, "that is the broadcast address of its subnet");
    return true;
}

static bool parse_ip4(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    cfg->ip4_cnt = 0;
    cfg->ip4_dhcp = cfg->ip4_none = cfg->dhcp_release = false;
    if (strcmp(v->text, "none") == 0)
        return cfg->ip4_none = true;
    if (strcmp(v->text, "dhcp") == 0 || strcmp(v->text, "dhcp,release") == 0) {
        cfg->dhcp_release = v->text[4] != '\0';
        return cfg->ip4_dhcp = true;
    }
    const char *s = v->text;
    char w[ADDR_STR_LEN + 8];
    while (next_word(&s, w, sizeof w)) {
        struct host_prefix p;
        bool bare;
        if (!parse_prefix(w, &p, &bare) || !addr_is_ip4(&p.addr))
            return bad(v, "not an IPv4 address with its prefix length; write it as 10.0.0.2/24, "
                          "or dhcp");
        if (bare)
            return bad(v, "the prefix length is missing; write it as %.20s/24", w);
        if (!check_host_ip4(v, &p))
            return false;
        for (unsigned i = 0; i < cfg->ip4_cnt; i++)
            if (addr_eq(&cfg->ip4[i].addr, &p.addr))
                return bad(v, "%.20s stands there twice", w);
        if (cfg->ip4_cnt == HOST_ADDR_CFG_MAX)
            return bad(v, "more than %d addresses", HOST_ADDR_CFG_MAX);
        cfg->ip4[cfg->ip4_cnt++] = p;
    }
    return true;
}

/* Is it an address that a host can have? */
static bool check_host_ip6(const struct config_value *v, const struct host_prefix *p) {
    static const struct ust_addr zero = {{0}};
    if (addr_is_multicast(&p->addr))
        return bad(v, "a multicast address cannot be a host's");
    if (addr_is_loopback(&p->addr))
        return bad(v, "the loopback address cannot be an interface's");
    if (addr_is_any(&p->addr))
        return bad(v, "not an address that a host can have");
    if (p->plen == 0)
        return bad(v, "a prefix length of 0 holds every address");
    struct ust_addr host = p->addr;
    for (unsigned i = 0; i < p->plen; i++)
        host.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    if (p->plen < 127 && addr_eq(&host, &zero))
        return bad(v, "that is the subnet, not a host in it");
    return true;
}

static bool parse_ip6_word(const struct config_value *v, const char *w) {
    struct host_cfg *cfg = v->cfg;
    struct host_prefix p;
    bool bare;
    if (strcmp(w, "auto") == 0 || strcmp(w, "stable") == 0)
        return cfg->ip6_auto = true;
    if (strcmp(w, "eui64") == 0)
        return cfg->ip6_auto = cfg->ip6_eui64 = true;
    if (strcmp(w, "temporary") == 0)
        return cfg->ip6_auto = cfg->ip6_temporary = true;
    if (!parse_prefix(w, &p, &bare) || addr_is_ip4(&p.addr))
        return bad(v, "write auto, none, or addresses with their prefix length, as 2001:db8::2/64");
    if (bare)
        return bad(v, "the prefix length is missing; write it as %.40s/64", w);
    if (!check_host_ip6(v, &p))
        return false;
    for (unsigned i = 0; i < cfg->ip6_cnt; i++)
        if (addr_eq(&cfg->ip6[i].addr, &p.addr))
            return bad(v, "%.50s stands there twice", w);
    if (cfg->ip6_cnt == HOST_ADDR_CFG_MAX)
        return bad(v, "more than %d addresses", HOST_ADDR_CFG_MAX);
    cfg->ip6[cfg->ip6_cnt++] = p;
    return true;
}

static bool parse_ip6(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    const char *s = v->text;
    char w[ADDR_STR_LEN + 8];
    cfg->ip6_cnt = 0;
    cfg->ip6_auto = cfg->ip6_eui64 = cfg->ip6_temporary = false;
    cfg->ip6_none = strcmp(s, "none") == 0;
    while (!cfg->ip6_none && next_word(&s, w, sizeof w))
        if (!parse_ip6_word(v, w))
            return false;
    return true;
}

static bool parse_gw4(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    if (!addr_parse(v->text, &cfg->gw4) || !addr_is_ip4(&cfg->gw4))
        return bad(v, "not an IPv4 address; write it as 10.0.0.1");
    return cfg->has_gw4 = true;
}

static bool parse_gw6(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    if (!addr_parse(v->text, &cfg->gw6) || addr_is_ip4(&cfg->gw6))
        return bad(v, "not an IPv6 address; write it as 2001:db8::1 or fe80::1");
    if (addr_is_multicast(&cfg->gw6) || addr_is_any(&cfg->gw6))
        return bad(v, "not an address that a gateway can have");
    return cfg->has_gw6 = true;
}

static bool parse_mac(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    if (!mac_parse(v->text, &cfg->mac))
        return bad(v, "write it as 02:00:00:00:00:01");
    if (mac_is_multicast(&cfg->mac) || mac_is_zero(&cfg->mac))
        return bad(v,
                   "an interface's address is neither multicast nor zero; write 02:00:00:00:00:01");
    return cfg->has_mac = true;
}

static bool parse_mtu(const struct config_value *v) {
    uint64_t n;
    if (!parse_uint(v->text, UINT32_MAX, &n) || n < 68 || n > 65535)
        return bad(v, "bytes of the largest IP packet, 68 to 65535");
    v->cfg->mtu = (uint32_t)n;
    return true;
}

static bool parse_dns(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    const char *s = v->text;
    char w[ADDR_STR_LEN];
    cfg->dns_cnt = 0;
    while (next_word(&s, w, sizeof w)) {
        struct ust_addr a;
        if (!addr_parse(w, &a))
            return bad(v, "not a comma list of addresses, as 10.0.0.1,10.0.0.3");
        if (cfg->dns_cnt == UST_ARRAY_CNT(cfg->dns))
            return bad(v, "more than 4 servers");
        cfg->dns[cfg->dns_cnt++] = a;
    }
    return true;
}

static bool parse_kernel(const struct config_value *v) {
    struct host_cfg *cfg = v->cfg;
    const char *s = v->text;
    char w[ADDR_STR_LEN + 8];
    cfg->kernel_cnt = 0;
    if (strcmp(s, "none") == 0)
        return true;
    while (next_word(&s, w, sizeof w)) {
        struct host_prefix p;
        bool bare;
        if (!parse_prefix(w, &p, &bare))
            return bad(v, "not a comma list of prefixes, as 127.0.0.0/8,::1; or none");
        if (cfg->kernel_cnt == HOST_PREFIX_MAX)
            return bad(v, "more than %d prefixes", HOST_PREFIX_MAX);
        cfg->kernel[cfg->kernel_cnt++] = p;
    }
    return true;
}

static bool parse_loopback(const struct config_value *v) {
    v->cfg->loopback_stack = strcmp(v->text, "stack") == 0;
    return v->cfg->loopback_stack || strcmp(v->text, "kernel") == 0 ||
           bad(v, "write kernel or stack");
}

static bool parse_strict(const struct config_value *v) { return parse_bool(v, &v->cfg->strict); }

static bool parse_keeper(const struct config_value *v) {
    bool on = false;
    if (!parse_bool(v, &on))
        return false;
    v->cfg->no_keeper = !on;
    return true;
}

static bool parse_name(const struct config_value *v) {
    for (const char *p = v->text; *p; p++) {
        bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
                  (*p >= '0' && *p <= '9') || *p == '-' || *p == '_' || (*p == '.' && p > v->text);
        if (!ok)
            return bad(v, "a name has letters, digits, '-', '_' and '.'");
    }
    return parse_text(v, v->cfg->name, sizeof v->cfg->name);
}

static bool parse_cc(const struct config_value *v) {
    static const char *const names[TCP_CC_COUNT] = {
        [TCP_CC_RENO] = "reno", [TCP_CC_CUBIC] = "cubic"};
    for (uint8_t i = 0; i < TCP_CC_COUNT; i++)
        if (strcmp(v->text, names[i]) == 0) {
            v->cfg->cc = i;
            return true;
        }
    return bad(v, NOT_HERE "; write cubic or reno");
}

static bool parse_ecn(const struct config_value *v) { return parse_bool(v, &v->cfg->ecn); }

static bool parse_spin(const struct config_value *v) {
    uint64_t n;
    if (!parse_uint(v->text, 1000000, &n))
        return bad(v, "microseconds, 0 to 1000000");
    v->cfg->spin_us = (uint32_t)n;
    return true;
}

static bool parse_mem(const struct config_value *v) {
    char num[24];
    size_t len = strlen(v->text);
    unsigned shift = 0;
    static const char unit[] = "KMG";
    const char *u = len ? strchr(unit, v->text[len - 1] & ~0x20) : NULL;
    if (u && *u)
        shift = 10 * (unsigned)(u - unit + 1), len--;
    uint64_t n = 0;
    if (len >= sizeof num)
        len = 0;
    memcpy(num, v->text, len);
    num[len] = '\0';
    if (!parse_uint(num, UINT64_MAX >> shift, &n))
        return bad(v, "bytes, or with K, M or G, as 512M");
    n <<= shift;
    if (n < 16u << 20)
        return bad(v, "a stack wants 16M at least");
    if (n > HOST_ARENA_SLOT_BYTES)
        return bad(v, "more than %lluG", HOST_ARENA_SLOT_BYTES >> 30);
    v->cfg->mem_bytes = n / ARENA_SPAN_BYTES * ARENA_SPAN_BYTES;
    return true;
}

static bool parse_trace(const struct config_value *v) {
    struct ust_slice w;
    uint32_t on, debug;
    if (strcmp(v->text, "none") == 0)
        return true;
    if (!trace_parse(v->text, &on, &debug, &w)) {
        char all[128];
        size_t n = 0;
        for (unsigned i = 0; i < TRACE_COUNT && n < sizeof all; i++)
            n += (size_t)snprintf(all + n, sizeof all - n, "%s%s", i ? "," : "",
                                  trace_cat_name((enum trace_cat)i));
        return bad(v, "'%.*s' is none of all,%s, or one with :debug", (int)UST_MIN(w.len, 16),
                   (const char *)w.p, all);
    }
    v->cfg->trace_on = on;
    v->cfg->trace_debug = debug;
    return true;
}

static bool parse_trace_file(const struct config_value *v) {
    return parse_text(v, v->cfg->trace_file, sizeof v->cfg->trace_file);
}

static bool parse_pcap(const struct config_value *v) {
    return parse_text(v, v->cfg->pcap_file, sizeof v->cfg->pcap_file);
}

static bool parse_stat_file(const struct config_value *v) {
    return parse_text(v, v->cfg->stat_file, sizeof v->cfg->stat_file);
}

static bool parse_fault(const struct config_value *v) {
    struct ust_slice w = {0};
    if (strcmp(v->text, "none") == 0)
        return true;
    if (fault_parse(v->text, &v->cfg->fault, &w))
        return true;
    return bad(v, "'%.*s' not understood; write it as loss=1%%,delay=20ms,rate=10mbit,seed=7",
               (int)UST_MIN(w.len, 40), (const char *)w.p);
}

/* The file itself is read before any value is parsed. */
static bool parse_config(const struct config_value *v) {
    (void)v;
    return true;
}

/* ---- the table ---- */

const struct config_name config_names[] = {
    {PREFIX "IF", "[KIND:]IF", "-i", NULL, parse_if,
     "interface to drive: veth0 or packet:veth0 (a packet socket), pcap:veth0 (libpcap), tap:tap0, "
     "stream:/path (the socket of passt or qemu), stream:listen:/path"},
    {PREFIX "IP4", "ADDR/LEN[,...]", "-4", NULL, parse_ip4,
     "IPv4 addresses of the stack, as 10.0.0.2/24; dhcp: a leased one, waited for at most 30 s; "
     "dhcp,release: given back at exit; or none"},
    {PREFIX "GW4", "ADDR", "-g", NULL, parse_gw4, "IPv4 gateway"},
    {PREFIX "IP6", "ADDR/LEN[,...]", "-6", "auto", parse_ip6,
     "IPv6 addresses of the stack, as 2001:db8::2/64; auto: of the routers' prefixes, with opaque "
     "identifiers, or eui64, or with temporary beside; or none"},
    {PREFIX "GW6", "ADDR", "--gw6", NULL, parse_gw6, "IPv6 gateway"},
    {PREFIX "MAC", "MAC", "--mac", NULL, parse_mac,
     "hardware address of the stack; default: the interface's"},
    {PREFIX "MTU", "BYTES", "--mtu", NULL, parse_mtu,
     "largest IP packet; default: the interface's"},
    {PREFIX "DNS", "ADDR[,...]", "--dns", NULL, parse_dns,
     "name servers; default: those of the DHCP lease, else of resolv.conf"},
    {PREFIX "KERNEL", "PREFIX[,...]", "--kernel", "127.0.0.0/8,::1", parse_kernel,
     "destinations that are left to the kernel, or none"},
    {PREFIX "LOOPBACK", "WHO", "--loopback", "kernel", parse_loopback,
     "who has 127.0.0.0/8: kernel or stack"},
    {PREFIX "STRICT", "0|1", "--strict", "0", parse_strict,
     "1: nothing goes to the kernel's network, what would have fails"},
    {PREFIX "NAME", "NAME", "--name", NULL, parse_name, "name of the stack, apart from others"},
    {PREFIX "KEEPER", "0|1", "--keeper", "0", parse_keeper,
     "0: no keeper process: what is not delivered when the last program ends is lost after 30 s"},
    {PREFIX "CC", "NAME", "--cc", "cubic", parse_cc, "congestion control: cubic or reno"},
    {PREFIX "ECN", "0|1", "--ecn", "0", parse_ecn, "1: ask for explicit congestion notification"},
    {PREFIX "SPIN_US", "USEC", "--spin-us", "0", parse_spin, "busy polling before a sleep"},
    {PREFIX "MEM", "BYTES", "--mem", "4G", parse_mem, "most memory that the stack takes"},
    {PREFIX "TRACE", "LIST", "--trace", NULL, parse_trace,
     "lines to write: call,tcp,udp,ip,icmp,arp,nd,dhcp,dns,link,fd,poll,proc,drop or all, each "
     "also with :debug"},
    {PREFIX "TRACE_FILE", "FILE", "--trace-file", NULL, parse_trace_file,
     "where the trace goes; default: standard error; %p is the process id"},
    {PREFIX "PCAP", "FILE", "--pcap", NULL, parse_pcap,
     "write all frames to this capture file; %p is the process id"},
    {PREFIX "FAULT", "SPEC", "--fault", NULL, parse_fault,
     "a bad network: loss=1%,delay=20ms,jitter=2ms,reorder=0.1%,dup=0.1%,corrupt=0.01%,"
     "rate=10mbit,seed=7, each also with tx. or rx. in front"},
    {PREFIX "STAT_FILE", "FILE", "--stat-file", NULL, parse_stat_file,
     "write the counters as JSON to this file at exit; %p is the process id"},
    {PREFIX "CONFIG", "FILE", "--config", NULL, parse_config,
     "file with the same names, one NAME=VALUE a line, # starts a comment; the environment wins"},
};
const size_t config_name_cnt = UST_ARRAY_CNT(config_names);
#define NAME_CNT UST_ARRAY_CNT(config_names)

/* ---- names that are not in it ---- */

/* How many letters to change, add, drop or swap with the next, to make b of a. */
static unsigned edit_distance(const char *a, size_t a_len, const char *b) {
    enum { MAX = 32 };
    unsigned row[3][MAX + 1]; /* of the letter before the last, of the last, of this one */
    size_t b_len = strlen(b);
    if (a_len > MAX || b_len > MAX)
        return UINT_MAX;
    for (unsigned j = 0; j <= b_len; j++)
        row[2][j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        memmove(row[0], row[1], 2 * sizeof row[0]);
        row[2][0] = i;
        for (unsigned j = 1; j <= b_len; j++) {
            unsigned d = row[1][j - 1] + (a[i - 1] != b[j - 1]);
            d = UST_MIN(d, UST_MIN(row[1][j], row[2][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = UST_MIN(d, row[0][j - 2] + 1);
            row[2][j] = d;
        }
    }
    return row[2][b_len];
}

/* The name that was probably meant, or NULL: distance counted behind the common prefix. */
static const char *nearest_name(const char *name, size_t len) {
    const size_t pre = sizeof PREFIX - 1;
    if (len < pre)
        return NULL;
    const char *best = NULL;
    unsigned best_d = UINT_MAX;
    for (size_t i = 0; i < NAME_CNT; i++) {
        const char *known = config_names[i].name + pre;
        unsigned d = edit_distance(name + pre, len - pre, known);
        size_t longer = UST_MAX(strlen(known), len - pre);
        if (d < best_d && d <= 3 && d * 2 <= longer + 1)
            best = config_names[i].name, best_d = d;
    }
    return best;
}

static size_t find_name(const char *s, size_t len) {
    size_t i = 0;
    while (i < NAME_CNT &&
           (strlen(config_names[i].name) != len || memcmp(config_names[i].name, s, len) != 0))
        i++;
    return i;
}

static bool name_error(struct host_cfg *cfg, const char *where, const char *name, size_t len) {
    const char *meant = nearest_name(name, len);
    int shown = (int)UST_MIN(len, 60);
    if (meant)
        return cfg_error(cfg, "%.60s%.*s: no such name; did you mean %s?", where, shown, name,
                         meant);
    return cfg_error(cfg, "%.60s%.*s: no such name; `userstack run --help` lists them", where,
                     shown, name);
}

/* ---- where values come from ---- */

struct raw_value {
    const char *text; /* NULL: not given */
    uint32_t line;    /* of the file; 0: environment */
};

static bool read_env(struct host_cfg *cfg, char *const *envp, struct raw_value *raw) {
    for (; envp && *envp; envp++) {
        if (strncmp(*envp, PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        size_t len = strcspn(*envp, "=");
        if (len == sizeof HOST_TOKEN_NAME - 1 && strncmp(*envp, HOST_TOKEN_NAME, len) == 0)
            continue; /* not configuration */
        size_t i = find_name(*envp, len);
        if (i == NAME_CNT)
            return name_error(cfg, "", *envp, len);
        if ((*envp)[len] == '=' && (*envp)[len + 1] != '\0' && !raw[i].text)
            raw[i] = (struct raw_value){*envp + len + 1, 0};
    }
    return true;
}

static char *trim(char *s) {
    s += strspn(s, " \t\r");
    size_t len = strlen(s);
    while (len > 0 && strchr(" \t\r", s[len - 1]))
        s[--len] = '\0';
    return s;
}

/* Cuts the file's text into lines and values in place. */
static bool read_lines(struct host_cfg *cfg, const char *path, char *text, struct raw_value *raw) {
    uint32_t line = 0;
    for (char *next; text; text = next) {
        line++;
        next = strchr(text, '\n');
        if (next)
            *next++ = '\0';
        char *name = trim(text);
        if (!*name || *name == '#')
            continue;
        char where[128];
        snprintf(where, sizeof where, "%.100s:%u: ", path, line);
        char *eq = strchr(name, '=');
        if (!eq)
            return cfg_error(cfg, "%s'%.40s' is not NAME=VALUE", where, name);
        *eq = '\0';
        char *value = trim(eq + 1);
        size_t len = strlen(trim(name));
        size_t i = find_name(name, len);
        if (i == NAME_CNT)
            return name_error(cfg, where, name, len);
        if (config_names[i].parse == parse_config)
            return cfg_error(cfg, "%sa configuration file cannot name another one", where);
        if (*value && !raw[i].text)
            raw[i] = (struct raw_value){value, line};
    }
    return true;
}

/* buf keeps what raw points to. */
static bool read_file(struct host_cfg *cfg, const char *path, char *buf, size_t cap,
                      struct raw_value *raw) {
    long fd = sys_open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return cfg_error(cfg, PREFIX "CONFIG=%.100s: cannot open it (%s)", path,
                         strerrordesc_np((int)-fd));
    size_t len = 0;
    long n = 0;
    while (len < cap && (n = sys_read((int)fd, buf + len, cap - len)) > 0)
        len += (size_t)n;
    sys_close((int)fd);
    if (n < 0)
        return cfg_error(cfg, PREFIX "CONFIG=%.100s: cannot read it (%s)", path,
                         strerrordesc_np((int)-n));
    if (len >= cap)
        return cfg_error(cfg, PREFIX "CONFIG=%.100s: longer than %zu bytes", path, cap - 1);
    buf[len] = '\0';
    if (strlen(buf) != len)
        return cfg_error(cfg, PREFIX "CONFIG=%.100s: not a text file", path);
    return read_lines(cfg, path, buf, raw);
}

/* A gateway that could never be reached, or that is we. */
static bool check_gw6(struct host_cfg *cfg) {
    char s[ADDR_STR_LEN];
    bool on_link = cfg->gw6.b[0] == 0xfe && (cfg->gw6.b[1] & 0xc0) == 0x80;
    if (!cfg->has_gw6)
        return true;
    addr_str(&cfg->gw6, s);
    if (cfg->ip6_none)
        return cfg_error(cfg, PREFIX "GW6=%s: " PREFIX "IP6 is none", s);
    for (unsigned i = 0; i < cfg->ip6_cnt; i++) {
        if (addr_eq(&cfg->gw6, &cfg->ip6[i].addr))
            return cfg_error(cfg, PREFIX "GW6=%s: that is the stack's own address", s);
        on_link = on_link || addr_in_prefix(&cfg->gw6, &cfg->ip6[i].addr, cfg->ip6[i].plen);
    }
    return on_link ||
           cfg_error(cfg,
                     PREFIX "GW6=%s: neither link-local nor in the subnet of any address of " PREFIX
                            "IP6, so it could not be reached",
                     s);
}

/* What only shows when all values are there. */
static bool check_whole(struct host_cfg *cfg) {
    if (!cfg->ifname[0])
        return cfg_error(cfg, PREFIX "IF is not set; name an interface, as " PREFIX "IF=eth0");
    if (cfg->ip4_none && cfg->ip6_none)
        return cfg_error(cfg,
                         PREFIX "IP4=none and " PREFIX
                                "IP6=none leave the stack without an address; give one, as " PREFIX
                                "IP4=10.0.0.2/24");
    if (cfg->ip4_cnt == 0 && !cfg->ip4_dhcp && !cfg->ip4_none &&
        !(cfg->ip6_asked && !cfg->ip6_none))
        return cfg_error(cfg, PREFIX "IP4 is not set; give an address, as " PREFIX
                                     "IP4=10.0.0.2/24, or " PREFIX "IP4=dhcp");
    if (cfg->has_gw4 && !cfg->ip4_dhcp) {
        char s[ADDR_STR_LEN];
        addr_str(&cfg->gw4, s);
        bool on_link = false;
        for (unsigned i = 0; i < cfg->ip4_cnt; i++) {
            if (addr_eq(&cfg->gw4, &cfg->ip4[i].addr))
                return cfg_error(cfg, PREFIX "GW4=%s: that is the stack's own address", s);
            on_link = on_link || addr_in_prefix(&cfg->gw4, &cfg->ip4[i].addr, cfg->ip4[i].plen);
        }
        if (!on_link)
            return cfg_error(cfg,
                             PREFIX "GW4=%s: not in the subnet of any address of " PREFIX
                                    "IP4, so it could not be reached",
                             s);
    }
    return check_gw6(cfg);
}

void config_load(struct host_cfg *cfg, char *const *envp) {
    char file[FILE_BYTES_MAX];
    struct raw_value raw[NAME_CNT];
    memset(raw, 0, sizeof raw);
    memset(cfg, 0, sizeof *cfg);
    host_cfg_default(cfg);
    cfg->valid = false;
    cfg->error[0] = '\0';
    if (!read_env(cfg, envp, raw))
        return;
    const char *path = raw[find_name(PREFIX "CONFIG", sizeof PREFIX "CONFIG" - 1)].text;
    if (path && !read_file(cfg, path, file, sizeof file, raw))
        return;
    for (size_t i = 0; i < NAME_CNT; i++) {
        const struct config_name *n = &config_names[i];
        char where[128] = "";
        if (raw[i].line > 0)
            snprintf(where, sizeof where, "%.100s:%u: ", path, raw[i].line);
        struct config_value v = {cfg, where, n->name, raw[i].text ? raw[i].text : n->def};
        if (v.text && !n->parse(&v))
            return;
    }
    /* The stack's own loopback takes 127/8 from the kernel, unless the list was written by hand. */
    if (cfg->loopback_stack && !raw[find_name(PREFIX "KERNEL", sizeof PREFIX "KERNEL" - 1)].text)
        cfg->kernel_cnt = 0;
    cfg->ip6_asked = raw[find_name(PREFIX "IP6", sizeof PREFIX "IP6" - 1)].text != NULL;
    cfg->valid = check_whole(cfg);
}
