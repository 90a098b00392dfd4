/* SPDX-License-Identifier: ISC */
/* gethostbyname() and its kin: names.h's answers put into a struct hostent and the caller's buffer. Numeric names are libc's. */
#include "internal.h"
#include "names/names.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- packing ---- */

struct room {
    char *at;
    size_t left;
};

static void *take(struct room *r, size_t len, size_t align) {
    size_t pad = -(uintptr_t)r->at & (align - 1);
    if (pad + len > r->left)
        return NULL;
    char *p = r->at + pad;
    r->at += pad + len;
    r->left -= pad + len;
    return p;
}

static char *take_str(struct room *r, const char *s) {
    size_t len = strlen(s) + 1;
    char *p = take(r, len, 1);
    return p ? memcpy(p, s, len) : NULL;
}

/* 0 or ERANGE. */
static int pack(const struct name_answer *a, int family, struct hostent *h, char *buf, size_t len) {
    struct room room = {buf, len};
    size_t addr_len = family == AF_INET ? 4 : 16;
    char **addrs = take(&room, (a->addr_cnt + 1) * sizeof(char *), sizeof(char *));
    char **aliases = take(&room, (a->alias_cnt + 1) * sizeof(char *), sizeof(char *));
    unsigned n = 0;
    if (!addrs || !aliases)
        return ERANGE;
    for (unsigned i = 0; i < a->addr_cnt; i++) {
        if (a->addr[i].family != family)
            continue;
        addrs[n] = take(&room, addr_len, 4);
        if (!addrs[n])
            return ERANGE;
        memcpy(addrs[n++], a->addr[i].addr, addr_len);
    }
    addrs[n] = NULL;
    for (n = 0; n < a->alias_cnt; n++) {
        aliases[n] = take_str(&room, a->alias[n]);
        if (!aliases[n])
            return ERANGE;
    }
    aliases[n] = NULL;
    *h = (struct hostent){.h_name = take_str(&room, a->name),
                          .h_aliases = aliases,
                          .h_addrtype = family,
                          .h_length = (int)addr_len,
                          .h_addr_list = addrs};
    return h->h_name ? 0 : ERANGE;
}

/* What the _r calls return, and leave in *herr and errno. */
static int finish(enum nss_status st, const struct name_answer *a, int family, struct hostent *h,
                  char *buf, size_t len, struct hostent **res, int *herr) {
    int r = 0;
    *res = NULL;
    if (st == NSS_SUCCESS) {
        r = pack(a, family, h, buf, len);
        *herr = r ? NETDB_INTERNAL : NETDB_SUCCESS;
        if (r == 0)
            *res = h;
        else
            errno = r;
    } else if (*herr == NETDB_INTERNAL) {
        r = errno;
    } else if (st != NSS_NOTFOUND) {
        errno = r = EAGAIN;
    }
    return r;
}

/* ---- by name ---- */

/* Addresses and what looks like one: libc's, without a look-up. */
static bool is_numeric(const char *s) {
    size_t len = strlen(s);
    if (len == 0)
        return true;
    if (s[len - 1] == '.')
        return false;
    if (isdigit((unsigned char)s[0]) && s[strspn(s, "0123456789.")] == '\0')
        return true;
    return strchr(s, ':') && s[strspn(s, "0123456789abcdefABCDEF:.")] == '\0';
}

static bool is_libcs(const char *name, int family) {
    struct in_addr in;
    return is_numeric(name) || inet_aton(name, &in) || (family != AF_INET && family != AF_INET6);
}

int gethostbyname2_r(const char *name, int family, struct hostent *h, char *buf, size_t len,
                     struct hostent **res, int *herr) {
    if (is_libcs(name, family))
        return real.gethostbyname2_r(name, family, h, buf, len, res, herr);
    struct name_answer a = {.name = NULL};
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    enum nss_status st = names_by_name(name, family, &a, herr);
    int r = finish(st, &a, family, h, buf, len, res, herr);
    answer_clear(&a);
    pthread_setcancelstate(state, NULL);
    return r;
}

int gethostbyname_r(const char *name, struct hostent *h, char *buf, size_t len,
                    struct hostent **res, int *herr) {
    return gethostbyname2_r(name, AF_INET, h, buf, len, res, herr);
}

/* ---- by address ---- */

/* False: libc's, which fails without a look-up. */
static bool addr_of(const void *addr, socklen_t len, int family, struct name_addr *of) {
    memset(of, 0, sizeof(*of));
    of->family = family;
    if (!(family == AF_INET && len == 4) && !(family == AF_INET6 && len == 16))
        return false;
    memcpy(of->addr, addr, len);
    return family == AF_INET || !IN6_IS_ADDR_UNSPECIFIED((const struct in6_addr *)of->addr);
}

int gethostbyaddr_r(const void *addr, socklen_t addr_len, int family, struct hostent *h, char *buf,
                    size_t len, struct hostent **res, int *herr) {
    struct name_addr of;
    if (!addr_of(addr, addr_len, family, &of))
        return real.gethostbyaddr_r(addr, addr_len, family, h, buf, len, res, herr);
    struct name_answer a = {.name = NULL};
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    enum nss_status st = names_by_addr(&of, &a, herr);
    int r = finish(st, &a, family, h, buf, len, res, herr);
    answer_clear(&a);
    pthread_setcancelstate(state, NULL);
    return r;
}

/* ---- the same in memory that the next call writes over ---- */

#define FIRST_BYTES 1024

struct fixed {
    pthread_mutex_t lock; /* never held during a look-up */
    struct hostent h;
    char *buf;
    size_t len;
};

static bool grow(struct fixed *f) {
    size_t len = f->len ? 2 * f->len : FIRST_BYTES;
    char *buf = realloc(f->buf, len);
    if (!buf)
        return false;
    f->buf = buf;
    f->len = len;
    return true;
}

static struct hostent *keep(struct fixed *f, enum nss_status st, struct name_answer *a, int family,
                            int herr) {
    struct hostent *h = NULL;
    if (st == NSS_SUCCESS) {
        herr = NETDB_INTERNAL;
        pthread_mutex_lock(&f->lock);
        do
            h = pack(a, family, &f->h, f->buf, f->len) == 0 ? &f->h : NULL;
        while (!h && grow(f));
        pthread_mutex_unlock(&f->lock);
    }
    answer_clear(a);
    if (!h)
        h_errno = herr;
    return h;
}

struct hostent *gethostbyname2(const char *name, int family) {
    static struct fixed f = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct name_answer a = {.name = NULL};
    int herr, state;
    if (is_libcs(name, family))
        return real.gethostbyname2(name, family);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    enum nss_status st = names_by_name(name, family, &a, &herr);
    struct hostent *h = keep(&f, st, &a, family, herr);
    pthread_setcancelstate(state, NULL);
    return h;
}

struct hostent *gethostbyname(const char *name) {
    return gethostbyname2(name, AF_INET);
}

struct hostent *gethostbyaddr(const void *addr, socklen_t addr_len, int family) {
    static struct fixed f = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct name_answer a = {.name = NULL};
    struct name_addr of;
    int herr, state;
    if (!addr_of(addr, addr_len, family, &of))
        return real.gethostbyaddr(addr, addr_len, family);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    enum nss_status st = names_by_addr(&of, &a, &herr);
    struct hostent *h = keep(&f, st, &a, family, herr);
    pthread_setcancelstate(state, NULL);
    return h;
}
