/* SPDX-License-Identifier: ISC */
/* /etc/hosts as libc reads it: all lines that have the name, addresses in the order of the file (hosts(5)). */
#include "names/names.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANK " \t\r\n"

/* One line: an address and names; names points into the line. False: none. */
static bool parse_line(char *line, int family, struct name_addr *at, char **names) {
    line[strcspn(line, "#\n")] = '\0';
    char *s = line + strspn(line, BLANK);
    size_t len = strcspn(s, BLANK);
    if (len == 0 || s[len] == '\0')
        return false;
    s[len] = '\0';
    *names = s + len + 1;
    memset(at, 0, sizeof(*at));
    if (family != AF_INET6 && inet_pton(AF_INET, s, at->addr) == 1) {
        at->family = AF_INET;
        return true;
    }
    struct in6_addr in6;
    if (inet_pton(AF_INET6, s, &in6) != 1)
        return false;
    if (family != AF_INET) {
        at->family = AF_INET6;
        memcpy(at->addr, &in6, sizeof(in6));
        return true;
    }
    /* An IPv4 address is wanted: two kinds of IPv6 addresses have one. */
    at->family = AF_INET;
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {
        memcpy(at->addr, in6.s6_addr + 12, 4);
        return true;
    }
    in_addr_t lo = htonl(INADDR_LOOPBACK);
    memcpy(at->addr, &lo, sizeof(lo));
    return IN6_IS_ADDR_LOOPBACK(&in6);
}

static char *next_name(char **s) {
    *s += strspn(*s, BLANK);
    if (**s == '\0')
        return NULL;
    char *name = *s;
    *s += strcspn(*s, BLANK);
    if (**s)
        *(*s)++ = '\0';
    return name;
}

static bool has_name(const char *names, const char *name) {
    size_t len = strlen(name);
    for (const char *s = names + strspn(names, BLANK); *s; s += strspn(s, BLANK)) {
        size_t n = strcspn(s, BLANK);
        if (n == len && strncasecmp(s, name, len) == 0)
            return true;
        s += n;
    }
    return false;
}

/* The line's names. The first one is the official one, unless there was one on an earlier line: then it comes behind the others. */
static bool add_names(struct name_answer *a, char *names) {
    char *first = next_name(&names), *name;
    if (!first || (!a->name && !answer_set_name(a, first)))
        return false;
    bool again = strcmp(a->name, first) != 0;
    while ((name = next_name(&names)))
        if (!answer_add_alias(a, name))
            return false;
    return !again || answer_add_alias(a, first);
}

/* By name, or by address. */
static bool look(const char *path, const char *name, const struct name_addr *of, int family,
                 struct name_answer *a) {
    FILE *f = fopen(path, "rce");
    char *line = NULL;
    size_t cap = 0;
    if (!f)
        return false;
    bool found = false, ok = true;
    while (ok && getline(&line, &cap, f) > 0) {
        struct name_addr at;
        char *names;
        if (!parse_line(line, family, &at, &names))
            continue;
        if (name ? !has_name(names, name) : memcmp(&at, of, sizeof(at)) != 0)
            continue;
        found = true;
        ok = answer_add_addr(a, at.family, at.addr) && add_names(a, names);
        if (!name)
            break;
    }
    free(line);
    fclose(f);
    if (!ok || (found && !a->name)) {
        answer_clear(a);
        return false;
    }
    return found;
}

bool hosts_by_name(const char *path, const char *name, int family, struct name_answer *a) {
    return look(path, name, NULL, family, a);
}

bool hosts_by_addr(const char *path, const struct name_addr *of, struct name_answer *a) {
    return look(path, NULL, of, of->family, a);
}
