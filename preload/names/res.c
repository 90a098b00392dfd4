/* SPDX-License-Identifier: ISC */
/*
 * Questions to the DNS, and the calls res_query(3) has for them. resolv.conf is libc's to read (res_ninit), queries its to compose; the search list is gone
 * through as RFC 1535 6 and resolver(5) say, with libc's answers where these leave a choice.
 */
#include "internal.h"
#include "decide.h"
#include "names/names.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define EDNS_OPT_BYTES 11
#define EDNS_BYTES 1200 /* as libc announces */
#define EDNS_DO 0x80

/* ---- the configuration of a look-up ---- */

static bool same_servers(const struct __res_state *a, const struct __res_state *b) {
    if (a->nscount != b->nscount)
        return false;
    for (int i = 0; i < a->nscount && i < MAXNS; i++) {
        const struct sockaddr_in *x = &a->nsaddr_list[i], *y = &b->nsaddr_list[i];
        const struct sockaddr_in6 *x6 = a->_u._ext.nsaddrs[i], *y6 = b->_u._ext.nsaddrs[i];
        if (x->sin_family != y->sin_family)
            return false;
        if (x->sin_family == AF_INET &&
            (x->sin_addr.s_addr != y->sin_addr.s_addr || x->sin_port != y->sin_port))
            return false;
        if (x->sin_family == 0 && (!x6 || !y6 || memcmp(x6, y6, sizeof(*x6)) != 0))
            return false;
    }
    return true;
}

/* The search list comes from where the servers come from. */
static void find_domains(struct res_use *u) {
    const struct host_cfg *cfg = host_config();
    struct net_dns told = {.server_cnt = 0};
    if (u->own_servers && cfg && cfg->dns_cnt == 0)
        host_dns(&told);
    if (told.domain[0] && !getenv("LOCALDOMAIN")) {
        char *save = NULL;
        snprintf(u->domains, sizeof(u->domains), "%s", told.domain);
        for (char *s = strtok_r(u->domains, " ", &save); s && u->domain_cnt < DNS_DOMAIN_CNT;
             s = strtok_r(NULL, " ", &save))
            u->domain[u->domain_cnt++] = s;
        return;
    }
    for (int i = 0; i < MAXDNSRCH && u->st->dnsrch[i]; i++)
        u->domain[u->domain_cnt++] = u->st->dnsrch[i];
}

bool res_use_begin(struct res_use *u, res_state st) {
    memset(u, 0, sizeof(*u));
    if (res_ninit(&u->own) != 0)
        return false;
    /* What the program has set in the thread's own, it gets; else resolv.conf as it is now. */
    u->st = st ? st : &_res;
    if (!(u->st->options & RES_INIT))
        u->st = &u->own;
    u->own_servers = u->st == &u->own || same_servers(u->st, &u->own);
    /* The network tells about servers when the interface comes up. */
    if (stack_ready() == 0) {
        const struct host_cfg *cfg = host_config();
        if (u->own_servers && cfg->dns_cnt == 0 && (cfg->ip4_dhcp || cfg->ip6_auto))
            host_up();
    }
    find_domains(u);
    return true;
}

void res_use_end(struct res_use *u) { res_nclose(&u->own); }

/* ---- one name ---- */

/* RFC 6891 6.1.2: the OPT record, behind everything else. */
static int add_edns(const struct __res_state *st, uint8_t *q, int len, int cap) {
    if (!(st->options & (RES_USE_EDNS0 | RES_USE_DNSSEC)) || len + EDNS_OPT_BYTES > cap)
        return len;
    uint8_t *p = q + len;
    memset(p, 0, EDNS_OPT_BYTES);
    p[2] = T_OPT;
    p[3] = EDNS_BYTES >> 8;
    p[4] = EDNS_BYTES & 255;
    p[7] = st->options & RES_USE_DNSSEC ? EDNS_DO : 0;
    q[11]++; /* ARCOUNT */
    return len + EDNS_OPT_BYTES;
}

static int rcode_of(const struct dns_msg *m) { return m->reply[3] & 15; }
static bool has_answers(const struct dns_msg *m) {
    return m->result == DNS_ANSWERED && rcode_of(m) == NOERROR && (m->reply[6] | m->reply[7]);
}

/* None has answers: why. */
static int herr_of(struct dns_lookup *l) {
    const struct dns_msg *best = NULL;
    bool refused = true;
    for (int i = 0; i < l->cnt; i++) {
        const struct dns_msg *m = &l->msg[i];
        if (m->result == DNS_ANSWERED && (!best || rcode_of(best) == NOERROR))
            best = m;
        l->servfail |= m->result == DNS_SERVFAIL;
        refused &= m->result == DNS_UNREACHABLE;
    }
    if (!best) {
        errno = refused ? ECONNREFUSED : ETIMEDOUT;
        return TRY_AGAIN;
    }
    switch (rcode_of(best)) {
    case NOERROR:
        return NO_DATA;
    case NXDOMAIN:
        return HOST_NOT_FOUND;
    default:
        return NO_RECOVERY;
    }
}

bool dns_query(const struct res_use *u, struct dns_lookup *l, const char *name, int class,
               int *herr) {
    dns_lookup_free(l);
    l->servfail = false;
    for (int i = 0; i < l->cnt; i++) {
        int n = res_nmkquery(u->st, QUERY, name, class, l->type[i], NULL, 0, NULL, l->query[i],
                             DNS_QUERY_BYTES);
        if (n <= 0) {
            *herr = NO_RECOVERY;
            errno = 0;
            return false;
        }
        l->msg[i].query = l->query[i];
        l->msg[i].query_len = add_edns(u->st, l->query[i], n, DNS_QUERY_BYTES);
    }
    /* One id for each: c-ares tells answers apart by it. */
    if (l->cnt == 2 && memcmp(l->query[0], l->query[1], 2) == 0)
        l->query[1][1] ^= 1;
    dns_exchange(u, l->msg, l->cnt);
    for (int i = 0; i < l->cnt; i++)
        if (has_answers(&l->msg[i]))
            return true;
    *herr = herr_of(l);
    return false;
}

void dns_lookup_free(struct dns_lookup *l) {
    for (int i = 0; i < DNS_QUESTION_MAX; i++) {
        dns_msg_free(&l->msg[i]);
        l->msg[i] = (struct dns_msg){.result = DNS_UNREACHABLE};
    }
}

/* ---- the search list ---- */

static bool query_domain(const struct res_use *u, struct dns_lookup *l, const char *name,
                         const char *domain, int class, int *herr) {
    char full[2 * NS_MAXDNAME];
    size_t len = strlen(name);
    if (len >= NS_MAXDNAME || (domain && strlen(domain) >= NS_MAXDNAME)) {
        *herr = NO_RECOVERY;
        return false;
    }
    if (domain)
        snprintf(full, sizeof(full), "%s.%s", name, domain);
    else
        snprintf(full, sizeof(full), "%s", name);
    len = strlen(full);
    if (!domain && len > 0 && full[len - 1] == '.')
        full[len - 1] = '\0';
    return dns_query(u, l, full, class, herr);
}

/* hostname(7): a line "alias name" in the file that HOSTALIASES names. */
static bool host_alias(const struct res_use *u, const char *name, char to[NS_MAXDNAME]) {
    if (u->st->options & RES_NOALIASES)
        return false;
    const char *path = secure_getenv("HOSTALIASES");
    FILE *f = path ? fopen(path, "rce") : NULL;
    if (!f)
        return false;
    char line[BUFSIZ], from[NS_MAXDNAME];
    bool found = false;
    while (!found && fgets(line, sizeof(line), f))
        found = sscanf(line, "%1024s %1024s", from, to) == 2 && strcasecmp(from, name) == 0;
    fclose(f);
    return found;
}

/* How the walk through the list went so far. */
struct walk {
    bool found, stop, nodata, servfail, root;
};

static void walk_domains(const struct res_use *u, struct dns_lookup *l, const char *name, int class,
                         int *herr, struct walk *w) {
    for (unsigned i = 0; i < u->domain_cnt && !w->found && !w->stop; i++) {
        const char *domain = u->domain[i];
        if (domain[0] == '.')
            domain++;
        w->root |= domain[0] == '\0';
        w->found = query_domain(u, l, name, domain[0] ? domain : NULL, class, herr);
        if (w->found)
            return;
        if (*herr == NO_DATA)
            w->nodata = true;
        else if (*herr == TRY_AGAIN && l->servfail)
            w->servfail = true;
        else if (*herr != HOST_NOT_FOUND)
            w->stop = true;
        if (!(u->st->options & RES_DNSRCH))
            w->stop = true;
    }
}

bool dns_search(const struct res_use *u, struct dns_lookup *l, const char *name, int class,
                int *herr) {
    unsigned dots = 0;
    for (const char *s = name; *s; s++)
        dots += *s == '.';
    size_t len = strlen(name);
    bool full = len > 0 && name[len - 1] == '.';
    char alias[NS_MAXDNAME];
    int as_is = -1; /* the error of the name as it is */
    *herr = HOST_NOT_FOUND;
    if (dots == 0 && host_alias(u, name, alias))
        return dns_query(u, l, alias, class, herr);
    if (dots >= u->st->ndots || full) {
        if (query_domain(u, l, name, NULL, class, herr))
            return true;
        if (full)
            return false;
        as_is = *herr;
    }
    struct walk w = {.found = false};
    bool searched = dots == 0 ? u->st->options & RES_DEFNAMES : u->st->options & RES_DNSRCH;
    if (searched)
        walk_domains(u, l, name, class, herr, &w);
    if (w.found || (w.stop && *herr == TRY_AGAIN && errno == ECONNREFUSED))
        return w.found;
    if (as_is < 0 && !w.root && (dots > 0 || !searched || !(u->st->options & RES_NOTLDQUERY))) {
        if (query_domain(u, l, name, NULL, class, herr))
            return true;
    }
    if (as_is >= 0)
        *herr = as_is;
    else if (w.nodata)
        *herr = NO_DATA;
    else if (w.servfail)
        *herr = TRY_AGAIN;
    return false;
}

/* ---- the calls ---- */

/* The first one's answer into the program's buffer, as much as fits; its length. */
static int give(struct dns_lookup *l, uint8_t *answer, int cap) {
    const struct dns_msg *m = &l->msg[0];
    int n = -1;
    if (m->result == DNS_ANSWERED) {
        n = m->reply_len;
        memcpy(answer, m->reply, (size_t)UST_MAX(UST_MIN(n, cap), 0));
    }
    dns_lookup_free(l);
    return n;
}

static int fail(struct res_use *u, int herr) {
    u->st->res_h_errno = h_errno = herr;
    return -1;
}

typedef bool (*ask_fn)(const struct res_use *, struct dns_lookup *, const char *, int, int *);

static int ask(ask_fn fn, res_state st, const char *name, int class, int type, uint8_t *answer,
               int cap) {
    struct res_use u;
    struct dns_lookup l = {.type = {type}, .cnt = 1};
    int herr = NETDB_INTERNAL, saved = errno;
    if (!res_use_begin(&u, st)) {
        h_errno = herr;
        return -1;
    }
    bool ok = fn(&u, &l, name, class, &herr);
    int n = give(&l, answer, cap);
    if (ok)
        errno = saved;
    else
        n = fail(&u, herr);
    res_use_end(&u);
    return n;
}

int res_nquery(res_state st, const char *name, int class, int type, unsigned char *answer,
               int cap) {
    return ask(dns_query, st, name, class, type, answer, cap);
}

int res_query(const char *name, int class, int type, unsigned char *answer, int cap) {
    return ask(dns_query, NULL, name, class, type, answer, cap);
}

int res_nsearch(res_state st, const char *name, int class, int type, unsigned char *answer,
                int cap) {
    return ask(dns_search, st, name, class, type, answer, cap);
}

int res_search(const char *name, int class, int type, unsigned char *answer, int cap) {
    return ask(dns_search, NULL, name, class, type, answer, cap);
}

static int ask_domain(res_state st, const char *name, const char *domain, int class, int type,
                      uint8_t *answer, int cap) {
    char full[2 * NS_MAXDNAME];
    size_t len = strlen(name), more = domain ? strlen(domain) : 0;
    if (len + more + 2 > sizeof(full)) {
        h_errno = NO_RECOVERY;
        return -1;
    }
    snprintf(full, sizeof(full), "%s%s%s", name, domain ? "." : "", domain ? domain : "");
    if (!domain && len > 0 && full[len - 1] == '.')
        full[len - 1] = '\0';
    return ask(dns_query, st, full, class, type, answer, cap);
}

int res_nquerydomain(res_state st, const char *name, const char *domain, int class, int type,
                     unsigned char *answer, int cap) {
    return ask_domain(st, name, domain, class, type, answer, cap);
}

int res_querydomain(const char *name, const char *domain, int class, int type,
                    unsigned char *answer, int cap) {
    return ask_domain(NULL, name, domain, class, type, answer, cap);
}

int res_nsend(res_state st, const unsigned char *query, int len, unsigned char *answer, int cap) {
    struct res_use u;
    if (len < HFIXEDSZ || cap < HFIXEDSZ) {
        errno = EINVAL;
        return -1;
    }
    if (!res_use_begin(&u, st))
        return -1;
    struct dns_lookup l = {.cnt = 1, .msg = {{.query = query, .query_len = len}}};
    int saved = errno;
    dns_exchange(&u, l.msg, 1);
    errno = l.msg[0].result == DNS_ANSWERED      ? saved
            : l.msg[0].result == DNS_UNREACHABLE ? ECONNREFUSED
                                                 : ETIMEDOUT;
    res_use_end(&u);
    return give(&l, answer, cap);
}

int res_send(const unsigned char *query, int len, unsigned char *answer, int cap) {
    return res_nsend(NULL, query, len, answer, cap);
}

/* Programs linked with an older libc know them by these names. */
int __res_nquery(res_state st, const char *name, int class, int type, unsigned char *answer,
                 int cap) {
    return res_nquery(st, name, class, type, answer, cap);
}
int __res_query(const char *name, int class, int type, unsigned char *answer, int cap) {
    return res_query(name, class, type, answer, cap);
}
int __res_nsearch(res_state st, const char *name, int class, int type, unsigned char *answer,
                  int cap) {
    return res_nsearch(st, name, class, type, answer, cap);
}
int __res_search(const char *name, int class, int type, unsigned char *answer, int cap) {
    return res_search(name, class, type, answer, cap);
}
int __res_nquerydomain(res_state st, const char *name, const char *domain, int class, int type,
                       unsigned char *answer, int cap) {
    return res_nquerydomain(st, name, domain, class, type, answer, cap);
}
int __res_querydomain(const char *name, const char *domain, int class, int type,
                      unsigned char *answer, int cap) {
    return res_querydomain(name, domain, class, type, answer, cap);
}
int __res_nsend(res_state st, const unsigned char *query, int len, unsigned char *answer, int cap) {
    return res_nsend(st, query, len, answer, cap);
}
int __res_send(const unsigned char *query, int len, unsigned char *answer, int cap) {
    return res_send(query, len, answer, cap);
}
