/* SPDX-License-Identifier: ISC */
/*
 * getaddrinfo(): a name is looked up by us; numeric hosts, services, hints and their errors are libc's, asked with an address in the place of the name. Its answer is
 * also the pattern for each address that was found. What is returned is laid out as libc's own (each entry and its address in one piece, the canonical name in another), so
 * that libc's freeaddrinfo() takes it.
 */
#include "internal.h"
#include "decide.h"
#include "names/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- AI_ADDRCONFIG: by the addresses of the stack ---- */

static void families_here(bool *ip4, bool *ip6) {
    *ip4 = *ip6 = false;
    if (stack_ready() < 0 || host_up() < 0)
        return;
    enter();
    uint64_t now = host_lock();
    const struct net *n = &host_stack()->net;
    for (unsigned i = 0; i < NET_ADDR_MAX; i++) {
        if (!n->addr[i].used || addr_is_loopback(&n->addr[i].addr))
            continue;
        if (addr_is_ip4(&n->addr[i].addr))
            *ip4 = true;
        else
            *ip6 = true;
    }
    host_unlock(now);
    leave();
}

/* 0, or EAI_NONAME: the family asked for is not there. */
static int apply_addrconfig(struct addrinfo *hints) {
    bool ip4, ip6;
    if (!(hints->ai_flags & AI_ADDRCONFIG))
        return 0;
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
        hints->ai_family != AF_INET6)
        return 0;
    hints->ai_flags &= ~AI_ADDRCONFIG;
    families_here(&ip4, &ip6);
    if (hints->ai_family == AF_UNSPEC) {
        if (ip4 != ip6)
            hints->ai_family = ip4 ? AF_INET : AF_INET6;
        return 0;
    }
    return (hints->ai_family == AF_INET ? ip4 : ip6) ? 0 : EAI_NONAME;
}

/* ---- internationalized names: libidn2, as libc does it ---- */

static bool is_ascii(const char *s) {
    while (*s && !((unsigned char)*s & 0x80))
        s++;
    return *s == '\0';
}

/* *out: malloc'ed. 0 or an EAI_ error. */
static int idn(const char *function, const char *name, char **out) {
    if (is_ascii(name) && strcmp(function, "idn2_lookup_ul") == 0) {
        *out = strdup(name);
        return *out ? 0 : EAI_MEMORY;
    }
    void *h = dlopen("libidn2.so.0", RTLD_NOW | RTLD_LOCAL);
    int (*call)(const char *, char **, int) = NULL;
    void (*release)(void *) = NULL;
    char *got = NULL;
    if (h) {
        *(void **)&call = dlsym(h, function);
        *(void **)&release = dlsym(h, "idn2_free");
    }
    if (!call || !release)
        return EAI_IDN_ENCODE;
    int r = call(name, &got, 0);
    if (r != 0)
        return r == -100 ? EAI_MEMORY : EAI_IDN_ENCODE; /* IDN2_MALLOC */
    *out = strdup(got);
    release(got);
    return *out ? 0 : EAI_MEMORY;
}

/* ---- names ---- */

/*
 * As libc says it. For IPv4 addresses alone, without a canonical name, it asks in another way, and calls a name unknown if the servers there are do not answer.
 */
static int error_of(enum nss_status st, int herr, const struct addrinfo *hints) {
    bool simple = hints->ai_family == AF_INET && !(hints->ai_flags & AI_CANONNAME);
    switch (herr) {
    case TRY_AGAIN:
        return simple && st != NSS_UNAVAIL ? EAI_NONAME : EAI_AGAIN;
    case NO_DATA:
        return EAI_NODATA;
    case NETDB_INTERNAL:
        return EAI_SYSTEM;
    default:
        return simple && st == NSS_TRYAGAIN ? EAI_NODATA : EAI_NONAME;
    }
}

/* IPv4 addresses for an IPv6 socket. */
static bool map_addrs(struct name_answer *a) {
    for (unsigned i = 0; i < a->addr_cnt; i++) {
        struct name_addr *at = &a->addr[i];
        if (at->family != AF_INET)
            continue;
        memcpy(at->addr + 12, at->addr, 4);
        memset(at->addr, 0, 10);
        memset(at->addr + 10, 0xff, 2);
        at->family = AF_INET6;
    }
    return true;
}

static bool append(struct name_answer *to, const struct name_answer *from) {
    bool ok = to->name || !from->name || answer_set_name(to, from->name);
    for (unsigned i = 0; ok && i < from->addr_cnt; i++)
        ok = answer_add_addr(to, from->addr[i].family, from->addr[i].addr);
    return ok;
}

static int look_up(const char *name, const struct addrinfo *hints, struct name_answer *a) {
    int herr;
    enum nss_status st = names_by_name(name, hints->ai_family, a, &herr);
    bool mapped = hints->ai_family == AF_INET6 && (hints->ai_flags & AI_V4MAPPED) &&
                  (st != NSS_SUCCESS || (hints->ai_flags & AI_ALL));
    if (mapped) {
        struct name_answer a4 = {.name = NULL};
        int herr4;
        enum nss_status st4 = names_by_name(name, AF_INET, &a4, &herr4);
        bool ok = st4 != NSS_SUCCESS || (map_addrs(&a4) && append(a, &a4));
        answer_clear(&a4);
        if (!ok)
            return EAI_MEMORY;
        if (st4 == NSS_SUCCESS)
            return 0;
    }
    return st == NSS_SUCCESS ? 0 : error_of(st, herr, hints);
}

static int compare(const void *a, const void *b) { return sort_compare(a, b); }

static int sort_answer(struct name_answer *a) {
    if (a->addr_cnt < 2)
        return 0;
    struct sort_addr *v = calloc(a->addr_cnt, sizeof(*v));
    if (!v)
        return EAI_MEMORY;
    for (unsigned i = 0; i < a->addr_cnt; i++) {
        v[i].dst = a->addr[i];
        v[i].order = i;
        sort_find_source(&v[i]);
    }
    qsort(v, a->addr_cnt, sizeof(*v), compare);
    for (unsigned i = 0; i < a->addr_cnt; i++)
        a->addr[i] = v[i].dst;
    free(v);
    return 0;
}

/* ---- the list ---- */

static struct addrinfo *entry_new(const struct name_addr *at, const struct addrinfo *pattern) {
    bool ip4 = at->family == AF_INET;
    socklen_t len = ip4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    struct addrinfo *e = calloc(1, sizeof(*e) + len);
    if (!e)
        return NULL;
    *e = (struct addrinfo){.ai_family = at->family,
                           .ai_socktype = pattern->ai_socktype,
                           .ai_protocol = pattern->ai_protocol,
                           .ai_addrlen = len,
                           .ai_addr = (struct sockaddr *)(void *)(e + 1)};
    struct sockaddr_in port; /* at the same place in both */
    memcpy(&port, pattern->ai_addr, offsetof(struct sockaddr_in, sin_addr));
    if (ip4) {
        struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = port.sin_port};
        memcpy(&in4.sin_addr, at->addr, 4);
        memcpy(e->ai_addr, &in4, sizeof(in4));
    } else {
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = port.sin_port};
        memcpy(&in6.sin6_addr, at->addr, 16);
        memcpy(e->ai_addr, &in6, sizeof(in6));
    }
    return e;
}

/* Each address with each of the pattern's types: 0 or EAI_MEMORY. */
static int build(const struct name_answer *a, const struct addrinfo *pattern,
                 struct addrinfo **out) {
    struct addrinfo **end = out;
    *out = NULL;
    for (unsigned i = 0; i < a->addr_cnt; i++)
        for (const struct addrinfo *p = pattern; p; p = p->ai_next) {
            *end = entry_new(&a->addr[i], p);
            if (!*end) {
                freeaddrinfo(*out);
                return EAI_MEMORY;
            }
            end = &(*end)->ai_next;
        }
    return 0;
}

static int canonical(const char *name, int flags, char **out) {
    if (flags & AI_CANONIDN)
        return idn("idn2_to_unicode_lzlz", name, out);
    *out = strdup(name);
    return *out ? 0 : EAI_MEMORY;
}

/* pattern: libc's answer for an address of that family. */
static int by_name(const char *name, const struct addrinfo *hints, const struct addrinfo *pattern,
                   struct addrinfo **out) {
    struct name_answer a = {.name = NULL};
    char *ascii = NULL, *canon = NULL;
    int r = hints->ai_flags & AI_IDN ? idn("idn2_lookup_ul", name, &ascii) : 0;
    if (r == 0)
        r = look_up(ascii ? ascii : name, hints, &a);
    if (r == 0)
        r = sort_answer(&a);
    if (r == 0 && (hints->ai_flags & AI_CANONNAME))
        r = canonical(a.name ? a.name : name, hints->ai_flags, &canon);
    if (r == 0)
        r = build(&a, pattern, out);
    if (r == 0)
        (*out)->ai_canonname = canon;
    else
        free(canon);
    answer_clear(&a);
    free(ascii);
    return r;
}

/* What the program gave is what it finds in the answer. */
static void set_flags(struct addrinfo *list, int flags) {
    for (struct addrinfo *e = list; e; e = e->ai_next)
        e->ai_flags = flags;
}

static int resolve(const char *name, const char *service, const struct addrinfo *given,
                   struct addrinfo **out) {
    struct addrinfo hints = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    if (given)
        hints = (struct addrinfo){.ai_flags = given->ai_flags,
                                  .ai_family = given->ai_family,
                                  .ai_socktype = given->ai_socktype,
                                  .ai_protocol = given->ai_protocol};
    int flags = hints.ai_flags;
    /* The hints as such. */
    if ((flags & ~(AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_ADDRCONFIG | AI_V4MAPPED |
                   AI_NUMERICSERV | AI_ALL | AI_IDN | AI_CANONIDN)) ||
        ((flags & AI_CANONNAME) && !name))
        return real.getaddrinfo(name, service, given, out);
    int r = apply_addrconfig(&hints);
    if (r != 0)
        return r;
    struct addrinfo numeric = hints;
    if (name)
        numeric.ai_flags |= AI_NUMERICHOST;
    r = real.getaddrinfo(name, service, &numeric, out);
    if (r == 0)
        set_flags(*out, flags);
    if (r != EAI_NONAME || !name || (flags & AI_NUMERICHOST))
        return r;
    struct addrinfo *pattern;
    numeric.ai_flags &= ~AI_CANONNAME;
    r = real.getaddrinfo(hints.ai_family == AF_INET6 ? "::1" : "127.0.0.1", service, &numeric,
                         &pattern);
    if (r != 0)
        return r;
    r = by_name(name, &hints, pattern, out);
    real.freeaddrinfo(pattern);
    if (r == 0)
        set_flags(*out, flags);
    return r;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    int state, r;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    r = resolve(name, service, hints, out);
    pthread_setcancelstate(state, NULL);
    return r;
}

void freeaddrinfo(struct addrinfo *list) { real.freeaddrinfo(list); }
