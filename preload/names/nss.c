/* SPDX-License-Identifier: ISC */
/*
 * The order of the services in /etc/nsswitch.conf (nsswitch.conf(5)): files and dns are ours. Others are skipped as if they were not installed: they would
 * ask around the stack (resolve), or about hosts that it cannot reach (mymachines).
 */
#include "internal.h"
#include "names/names.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define HOSTS_PATH "/etc/hosts"
#define NSSWITCH_PATH "/etc/nsswitch.conf"
#define BLANK " \t\r\n"

static const char *const status_name[NSS_STATUS_COUNT] = {
    [NSS_TRYAGAIN] = "TRYAGAIN",
    [NSS_UNAVAIL] = "UNAVAIL",
    [NSS_NOTFOUND] = "NOTFOUND",
    [NSS_SUCCESS] = "SUCCESS",
};

static struct nss_step step_of(const char *word, size_t len) {
    struct nss_step s = {.service = NSS_OTHER};
    if (len == 5 && memcmp(word, "files", len) == 0)
        s.service = NSS_FILES;
    if (len == 3 && memcmp(word, "dns", len) == 0)
        s.service = NSS_DNS;
    for (int i = 0; i < NSS_STATUS_COUNT; i++)
        s.go_on[i] = i != NSS_SUCCESS;
    return s;
}

/* [!UNAVAIL=return NOTFOUND=continue]: behind the bracket; what comes after it, NULL if it is not well-formed. */
static char *parse_actions(char *s, struct nss_step *step) {
    for (s += strspn(s, BLANK); *s && *s != ']'; s += strspn(s, BLANK)) {
        bool not = *s == '!';
        s += not ;
        size_t len = strcspn(s, "= \t]");
        int which = 0;
        while (which < NSS_STATUS_COUNT &&
               (strlen(status_name[which]) != len || strncasecmp(status_name[which], s, len) != 0))
            which++;
        s += len;
        s += strspn(s, BLANK);
        if (which == NSS_STATUS_COUNT || *s++ != '=')
            return NULL;
        s += strspn(s, BLANK);
        len = strcspn(s, " \t]");
        bool go_on = strncasecmp(s, "return", len) != 0;
        s += len;
        for (int i = 0; i < NSS_STATUS_COUNT && step; i++)
            if ((i == which) != not )
                step->go_on[i] = go_on;
    }
    return *s == ']' ? s + 1 : NULL;
}

static unsigned parse_line(char *s, struct nss_step step[NSS_STEP_MAX]) {
    unsigned cnt = 0;
    s[strcspn(s, "#\n")] = '\0';
    for (s += strspn(s, BLANK); *s; s += strspn(s, BLANK)) {
        if (*s == '[') {
            s = parse_actions(s + 1, cnt > 0 ? &step[cnt - 1] : NULL);
            if (!s)
                break;
            continue;
        }
        size_t len = strcspn(s, " \t\r[");
        if (cnt == NSS_STEP_MAX)
            break;
        step[cnt++] = step_of(s, len);
        s += len;
    }
    return cnt;
}

unsigned nss_steps(const char *path, struct nss_step step[NSS_STEP_MAX]) {
    FILE *f = fopen(path, "rce");
    char *line = NULL;
    size_t cap = 0;
    unsigned cnt = 0;
    while (f && cnt == 0 && getline(&line, &cap, f) > 0) {
        char *s = line + strspn(line, BLANK);
        if (strncmp(s, "hosts", 5) != 0)
            continue;
        s += 5;
        s += strspn(s, BLANK);
        if (*s == ':')
            cnt = parse_line(s + 1, step);
    }
    free(line);
    if (f)
        fclose(f);
    if (cnt == 0) {
        step[cnt++] = step_of("files", 5);
        step[cnt++] = step_of("dns", 3);
    }
    return cnt;
}

/* ---- the services ---- */

static enum nss_status status_of(int herr) {
    bool nobody = herr == TRY_AGAIN && errno == ECONNREFUSED;
    return nobody || herr == NETDB_INTERNAL ? NSS_UNAVAIL : NSS_NOTFOUND;
}

/* There was an answer, but aliases only, or nothing that can be used: as libc. */
static enum nss_status useless(struct name_answer *a, int *herr) {
    answer_clear(a);
    *herr = NO_RECOVERY;
    return NSS_TRYAGAIN;
}

static enum nss_status dns_by_name(const char *name, int family, struct name_answer *a, int *herr) {
    struct res_use u;
    struct dns_lookup l = {.cnt = 0};
    if (!res_use_begin(&u, NULL)) {
        *herr = NETDB_INTERNAL;
        return NSS_UNAVAIL;
    }
    if (family != AF_INET6)
        l.type[l.cnt++] = T_A;
    /* resolv.conf(5), no-aaaa: they are not asked for, as if there were none. */
    if (family != AF_INET && !(u.st->options & RES_NOAAAA))
        l.type[l.cnt++] = T_AAAA;
    bool ok = l.cnt > 0 && dns_search(&u, &l, name, C_IN, herr);
    if (l.cnt == 0)
        *herr = NO_DATA;
    bool any = false;
    for (int i = 0; ok && i < l.cnt; i++)
        any |= dns_parse_addrs(&l.msg[i], l.type[i], a);
    enum nss_status st = any ? NSS_SUCCESS : ok ? useless(a, herr) : status_of(*herr);
    dns_lookup_free(&l);
    res_use_end(&u);
    return st;
}

/* RFC 1035 3.5, RFC 3596 2.5. */
static void reverse_name(const struct name_addr *of, char *out, size_t cap) {
    const uint8_t *b = of->addr;
    if (of->family == AF_INET) {
        snprintf(out, cap, "%u.%u.%u.%u.in-addr.arpa", b[3], b[2], b[1], b[0]);
        return;
    }
    size_t n = 0;
    for (int i = 15; i >= 0; i--)
        n += (size_t)snprintf(out + n, cap - n, "%x.%x.", b[i] & 15, b[i] >> 4);
    snprintf(out + n, cap - n, "ip6.arpa");
}

static enum nss_status dns_by_addr(const struct name_addr *of, struct name_answer *a, int *herr) {
    struct res_use u;
    struct dns_lookup l = {.type = {T_PTR}, .cnt = 1};
    char name[80];
    struct name_addr ask = *of;
    if (!res_use_begin(&u, NULL)) {
        *herr = NETDB_INTERNAL;
        return NSS_UNAVAIL;
    }
    if (of->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)of->addr)) {
        memset(&ask, 0, sizeof(ask));
        ask.family = AF_INET;
        memcpy(ask.addr, of->addr + 12, 4);
    }
    reverse_name(&ask, name, sizeof(name));
    bool ok = dns_query(&u, &l, name, C_IN, herr);
    bool any = ok && dns_parse_ptr(&l.msg[0], &ask, a);
    if (any && ask.family != of->family) {
        a->addr_cnt = 0;
        any = answer_add_addr(a, of->family, of->addr);
    }
    enum nss_status st = any ? NSS_SUCCESS : ok ? useless(a, herr) : status_of(*herr);
    dns_lookup_free(&l);
    res_use_end(&u);
    return st;
}

static enum nss_status found(bool ok, int *herr) {
    if (!ok)
        *herr = HOST_NOT_FOUND;
    return ok ? NSS_SUCCESS : NSS_NOTFOUND;
}

/* Through the services, by name or by address. */
static enum nss_status walk(const char *name, const struct name_addr *of, int family,
                            struct name_answer *a, int *herr) {
    struct nss_step step[NSS_STEP_MAX];
    unsigned cnt = nss_steps(NSSWITCH_PATH, step);
    enum nss_status st = NSS_UNAVAIL;
    int saved = errno;
    *herr = NO_RECOVERY;
    for (unsigned i = 0; i < cnt; i++) {
        answer_clear(a);
        enum nss_status one = NSS_UNAVAIL;
        if (step[i].service == NSS_FILES)
            one = found(name ? hosts_by_name(HOSTS_PATH, name, family, a)
                             : hosts_by_addr(HOSTS_PATH, of, a),
                        herr);
        else if (step[i].service == NSS_DNS)
            one = name ? dns_by_name(name, family, a, herr) : dns_by_addr(of, a, herr);
        if (step[i].service != NSS_OTHER)
            st = one;
        if (!step[i].go_on[one])
            break;
    }
    if (st == NSS_SUCCESS)
        errno = saved;
    else
        answer_clear(a);
    return st;
}

enum nss_status names_by_name(const char *name, int family, struct name_answer *a, int *herr) {
    return walk(name, NULL, family, a, herr);
}

enum nss_status names_by_addr(const struct name_addr *of, struct name_answer *a, int *herr) {
    return walk(NULL, of, of->family, a, herr);
}
