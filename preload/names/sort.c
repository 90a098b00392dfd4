/* SPDX-License-Identifier: ISC */
/*
 * The order of several addresses (RFC 6724 6), with the source address that the stack would use for each.
 *
 * The policy table is libc's (gai.conf(5)), which is RFC 3484's with two labels more: programs find the order that they have without us. It departs from the
 * table of RFC 6724 2.1 in the precedence of IPv4 and of unique local addresses; /etc/gai.conf can set either.
 */
#include "internal.h"
#include "decide.h"
#include "names/names.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/sys.h"

#define POLICY_MAX 32
#define SCOPE_LINK 2
#define SCOPE_SITE 5
#define SCOPE_GLOBAL 14

struct policy {
    struct ust_addr prefix;
    uint8_t plen;
    int value;
};
struct policy_table {
    struct policy row[POLICY_MAX];
    unsigned cnt;
};

/* clang-format off */
#define ROW(plen, value, ...) {{{__VA_ARGS__}}, plen, value}
#define LOOPBACK_PREFIX 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1
#define MAPPED_PREFIX 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff
static struct policy_table labels = {{
    ROW(128, 0, LOOPBACK_PREFIX), ROW(0, 1, 0), ROW(16, 2, 0x20, 2), ROW(96, 3, 0), ROW(96, 4, MAPPED_PREFIX),
    ROW(10, 5, 0xfe, 0xc0), ROW(7, 6, 0xfc), ROW(32, 7, 0x20, 1, 0, 0)}, 8};
static struct policy_table precedences = {{
    ROW(128, 50, LOOPBACK_PREFIX), ROW(0, 40, 0), ROW(16, 30, 0x20, 2), ROW(96, 20, 0), ROW(96, 10, MAPPED_PREFIX)}, 5};
static struct policy_table scopes4 = {{
    ROW(112, SCOPE_LINK, MAPPED_PREFIX, 169, 254), ROW(104, SCOPE_LINK, MAPPED_PREFIX, 127), ROW(96, SCOPE_GLOBAL, MAPPED_PREFIX)}, 3};
/* clang-format on */

/* The longest prefix counts. */
static int look_up(const struct policy_table *t, const struct ust_addr *a, int otherwise) {
    int best = -1, value = otherwise;
    for (unsigned i = 0; i < t->cnt; i++) {
        const struct policy *p = &t->row[i];
        if (p->plen > best && addr_in_prefix(a, &p->prefix, p->plen)) {
            best = p->plen;
            value = p->value;
        }
    }
    return value;
}

/* ---- /etc/gai.conf ---- */

/* ADDRESS[/LEN]; LEN counts in the address's own family. */
static bool parse_prefix(char *s, struct policy *p) {
    char *slash = strchr(s, '/');
    if (slash)
        *slash = '\0';
    if (!addr_parse(s, &p->prefix))
        return false;
    int bits = strchr(s, ':') ? 128 : 32;
    char *end = NULL;
    long len = slash ? strtol(slash + 1, &end, 10) : bits;
    if (len < 0 || len > bits || (slash && *end))
        return false;
    p->plen = (uint8_t)(128 - bits + len);
    return true;
}

bool sort_read_policy(const char *path) {
    FILE *f = fopen(path, "rce");
    char line[512], what[32], prefix[128];
    struct policy_table label = {.cnt = 0}, precedence = {.cnt = 0}, scope = {.cnt = 0};
    while (f && fgets(line, sizeof(line), f)) {
        int value;
        line[strcspn(line, "#\n")] = '\0';
        if (sscanf(line, "%31s %127s %d", what, prefix, &value) != 3)
            continue;
        struct policy_table *t = strcmp(what, "label") == 0        ? &label
                                 : strcmp(what, "precedence") == 0 ? &precedence
                                 : strcmp(what, "scopev4") == 0    ? &scope
                                                                   : NULL;
        struct policy p = {.value = value};
        if (t && t->cnt < POLICY_MAX && parse_prefix(prefix, &p))
            t->row[t->cnt++] = p;
    }
    if (f)
        fclose(f);
    /* A table with one row of its own replaces the default. */
    if (label.cnt)
        labels = label;
    if (precedence.cnt)
        precedences = precedence;
    if (scope.cnt)
        scopes4 = scope;
    return label.cnt || precedence.cnt || scope.cnt;
}

static void read_once(void) { sort_read_policy("/etc/gai.conf"); }

/* ---- sources ---- */

static struct ust_addr ust_of(const struct name_addr *a) {
    struct ust_addr u = {{0}};
    if (a->family == AF_INET) {
        uint32_t v;
        memcpy(&v, a->addr, sizeof(v));
        return addr_from_ip4(ntohl(v));
    }
    memcpy(u.b, a->addr, sizeof(u.b));
    return u;
}

/* What the kernel would take: connect() of a datagram socket looks the route up and sends nothing. */
static bool kernel_source(const struct name_addr *dst, struct name_addr *src) {
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
    } u;
    socklen_t len = dst->family == AF_INET ? sizeof(u.in4) : sizeof(u.in6);
    memset(&u, 0, sizeof(u));
    u.sa.sa_family = (sa_family_t)dst->family;
    if (dst->family == AF_INET)
        memcpy(&u.in4.sin_addr, dst->addr, 4);
    else
        memcpy(&u.in6.sin6_addr, dst->addr, 16);
    u.in4.sin_port = htons(53); /* at the same place in both */
    int fd = (int)sys_socket(dst->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool ok = sys_connect(fd, &u.sa, len) == 0 && SYS_CALL3(SYS_getsockname, fd, &u.sa, &len) == 0;
    sys_close(fd);
    if (!ok)
        return false;
    src->family = dst->family;
    if (dst->family == AF_INET)
        memcpy(src->addr, &u.in4.sin_addr, 4);
    else
        memcpy(src->addr, &u.in6.sin6_addr, 16);
    return true;
}

void sort_find_source(struct sort_addr *s) {
    struct ust_addr dst = ust_of(&s->dst);
    s->has_src = false;
    s->src_plen = 128;
    if (addr_is_kernels(&dst)) {
        s->has_src = kernel_source(&s->dst, &s->src);
        return;
    }
    if (stack_ready() < 0 || host_up() < 0)
        return;
    struct net_path path;
    enter();
    uint64_t now = host_lock();
    struct net *n = &host_stack()->net;
    if (net_route(n, &dst, NULL, &path) == 0) {
        const struct net_addr *a = net_addr_find(n, &path.src);
        s->has_src = true;
        s->src_plen = a ? a->plen : 128;
        s->src.family = s->dst.family;
        memcpy(s->src.addr, path.src.b + (s->dst.family == AF_INET ? 12 : 0),
               s->dst.family == AF_INET ? 4 : 16);
    }
    host_unlock(now);
    leave();
}

/* ---- the rules ---- */

/* RFC 6724 3.1, 3.2. */
static int scope_of(const struct ust_addr *a) {
    if (addr_is_ip4(a))
        return look_up(&scopes4, a, SCOPE_GLOBAL);
    if (a->b[0] == 0xff)
        return a->b[1] & 15;
    if (addr_is_loopback(a) || (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0x80))
        return SCOPE_LINK;
    if (a->b[0] == 0xfe && (a->b[1] & 0xc0) == 0xc0)
        return SCOPE_SITE;
    return SCOPE_GLOBAL;
}

static unsigned common_bits(const struct ust_addr *a, const struct ust_addr *b) {
    unsigned n = 0;
    while (n < 128 && !((a->b[n / 8] ^ b->b[n / 8]) & (0x80 >> n % 8)))
        n++;
    return n;
}

/* What rule 9 compares. IPv4 counts within the source's own network only, as in libc. */
static unsigned match_bits(const struct ust_addr *dst, const struct ust_addr *src, uint8_t plen) {
    unsigned n = common_bits(dst, src);
    return addr_is_ip4(dst) && n < plen ? 0 : n;
}

static int by(int a, int b) { return (a > b) - (a < b); }

int sort_compare(const struct sort_addr *a, const struct sort_addr *b) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, read_once);
    struct ust_addr da = ust_of(&a->dst), db = ust_of(&b->dst);
    int r = by(b->has_src, a->has_src); /* rule 1 */
    if (r == 0 && a->has_src) {
        struct ust_addr sa = ust_of(&a->src), sb = ust_of(&b->src);
        /* Rule 2: matching scope. Rules 3 and 4 (deprecated, home addresses) have no source here that they speak of. */
        r = by(scope_of(&db) == scope_of(&sb), scope_of(&da) == scope_of(&sa));
        if (r == 0) /* rule 5: matching label */
            r = by(look_up(&labels, &db, 1) == look_up(&labels, &sb, 1),
                   look_up(&labels, &da, 1) == look_up(&labels, &sa, 1));
    }
    if (r == 0) /* rule 6: precedence */
        r = by(look_up(&precedences, &db, 40), look_up(&precedences, &da, 40));
    if (r == 0) /* rule 8 (rule 7: there are no tunnels): smaller scope */
        r = by(scope_of(&da), scope_of(&db));
    if (r == 0 && a->has_src && a->dst.family == b->dst.family) { /* rule 9: longest match */
        struct ust_addr sa = ust_of(&a->src), sb = ust_of(&b->src);
        r = by((int)match_bits(&db, &sb, b->src_plen), (int)match_bits(&da, &sa, a->src_plen));
    }
    return r ? r : by((int)a->order, (int)b->order); /* rule 10: as it came */
}
