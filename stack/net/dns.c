/* SPDX-License-Identifier: ISC */
/* Name servers and search domains: what DHCP, DHCPv6 and router advertisements said, put together. */
#include "net/net.h"

static bool has_server(const struct net_dns *d, const struct ust_addr *a) {
    for (unsigned i = 0; i < d->server_cnt; i++)
        if (addr_eq(&d->server[i], a))
            return true;
    return false;
}

/* Is the word one of the space separated list? */
static bool has_word(const char *list, const char *word, size_t len) {
    while (*list) {
        size_t n = strcspn(list, " ");
        if (n == len && memcmp(list, word, len) == 0)
            return true;
        list += n + (list[n] == ' ');
    }
    return false;
}

static void add_domains(struct net_dns *out, const char *list) {
    size_t at = strlen(out->domain);
    while (*list) {
        size_t n = strcspn(list, " "), sep = at > 0;
        if (n && at + sep + n < sizeof out->domain && !has_word(out->domain, list, n)) {
            if (sep)
                out->domain[at++] = ' ';
            memcpy(out->domain + at, list, n);
            at += n;
            out->domain[at] = '\0';
        }
        list += n + (list[n] == ' ');
    }
}

void net_dns_get(const struct net *n, struct net_dns *out) {
    memset(out, 0, sizeof *out);
    for (unsigned s = 0; s < NET_DNS_SOURCE_COUNT; s++) {
        const struct net_dns *d = &n->dns[s];
        for (unsigned i = 0; i < d->server_cnt && out->server_cnt < NET_DNS_MAX; i++)
            if (!has_server(out, &d->server[i]))
                out->server[out->server_cnt++] = d->server[i];
        add_domains(out, d->domain);
    }
}
