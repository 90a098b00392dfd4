/* SPDX-License-Identifier: ISC */
/* Answers: their memory, and what a DNS message says (RFC 1035 4.1). */
#include "names/names.h"

#include <arpa/nameser.h>
#include <stdlib.h>
#include <string.h>

bool answer_set_name(struct name_answer *a, const char *name) {
    char *s = strdup(name);
    if (!s)
        return false;
    free(a->name);
    a->name = s;
    return true;
}

bool answer_add_alias(struct name_answer *a, const char *name) {
    char **v = realloc(a->alias, (a->alias_cnt + 1) * sizeof(*v));
    if (!v)
        return false;
    a->alias = v;
    v[a->alias_cnt] = strdup(name);
    if (!v[a->alias_cnt])
        return false;
    a->alias_cnt++;
    return true;
}

bool answer_add_addr(struct name_answer *a, int family, const void *addr) {
    struct name_addr *v = realloc(a->addr, (a->addr_cnt + 1) * sizeof(*v));
    if (!v)
        return false;
    a->addr = v;
    v += a->addr_cnt++;
    memset(v, 0, sizeof(*v));
    v->family = family;
    memcpy(v->addr, addr, family == AF_INET ? 4 : 16);
    return true;
}

void answer_clear(struct name_answer *a) {
    for (unsigned i = 0; i < a->alias_cnt; i++)
        free(a->alias[i]);
    free(a->alias);
    free(a->addr);
    free(a->name);
    memset(a, 0, sizeof(*a));
}

/* ---- DNS messages ---- */

struct record {
    char owner[NS_MAXDNAME];
    unsigned type, class;
    const uint8_t *data;
    unsigned len;
};

static unsigned get16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }

/* The name at *at, which moves behind it. */
static bool read_name(const struct dns_msg *m, int *at, char name[NS_MAXDNAME]) {
    int n = dn_expand(m->reply, m->reply + m->reply_len, m->reply + *at, name, NS_MAXDNAME);
    *at += n;
    return n > 0;
}

static bool read_record(const struct dns_msg *m, int *at, struct record *r) {
    if (!read_name(m, at, r->owner) || m->reply_len - *at < RRFIXEDSZ)
        return false;
    const uint8_t *p = m->reply + *at;
    r->type = get16(p);
    r->class = get16(p + 2);
    r->len = get16(p + 8);
    r->data = p + RRFIXEDSZ;
    *at += RRFIXEDSZ;
    if ((unsigned)(m->reply_len - *at) < r->len)
        return false;
    *at += (int)r->len;
    return true;
}

/* The name that a record says; what comes after it in the record is not looked at. */
static bool record_name(const struct dns_msg *m, const struct record *r, char name[NS_MAXDNAME]) {
    int at = (int)(r->data - m->reply);
    return read_name(m, &at, name);
}

/* One record about `name`; an alias changes it. False: no memory, or it is malformed. */
static bool take_record(const struct dns_msg *m, const struct record *r, unsigned type,
                        char name[NS_MAXDNAME], struct name_answer *a) {
    unsigned len = type == T_A ? 4 : 16;
    if (r->class != C_IN || strcasecmp(r->owner, name) != 0)
        return true;
    if (r->type == T_CNAME)
        return (type == T_PTR || answer_add_alias(a, name)) && record_name(m, r, name);
    if (r->type != type)
        return true;
    if (type == T_PTR) {
        char host[NS_MAXDNAME];
        if (!record_name(m, r, host))
            return false;
        return a->name ? answer_add_alias(a, host) : answer_set_name(a, host);
    }
    return r->len == len && answer_add_addr(a, type == T_A ? AF_INET : AF_INET6, r->data);
}

/* Through the answer section, along the aliases. */
static bool read_answers(const struct dns_msg *m, unsigned type, struct name_answer *a,
                         char name[NS_MAXDNAME]) {
    if (m->result != DNS_ANSWERED || m->reply_len < HFIXEDSZ || get16(m->reply + 4) != 1)
        return false;
    unsigned cnt = get16(m->reply + 6);
    int at = HFIXEDSZ;
    if (!read_name(m, &at, name))
        return false;
    at += QFIXEDSZ;
    while (cnt-- > 0) {
        struct record r;
        /* A message that was cut short: what came before counts. */
        if (at >= m->reply_len || !read_record(m, &at, &r))
            break;
        if (!take_record(m, &r, type, name, a))
            return false;
    }
    return true;
}

bool dns_parse_addrs(const struct dns_msg *m, int type, struct name_answer *a) {
    char name[NS_MAXDNAME];
    unsigned before = a->addr_cnt;
    return read_answers(m, (unsigned)type, a, name) && a->addr_cnt > before &&
           (a->name || answer_set_name(a, name));
}

bool dns_parse_ptr(const struct dns_msg *m, const struct name_addr *of, struct name_answer *a) {
    char name[NS_MAXDNAME];
    if (!read_answers(m, T_PTR, a, name) || !a->name)
        return false;
    return answer_add_addr(a, of->family, of->addr);
}
