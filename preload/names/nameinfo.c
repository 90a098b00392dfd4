/* SPDX-License-Identifier: ISC */
/* getnameinfo(): the host's name is looked up by us; the rest, with the checks and numeric forms, is libc's. */
#include "internal.h"
#include "names/names.h"

#include <pthread.h>
#include <unistd.h>

/* NI_NOFQDN: without the domain that this host is in. */
static void cut_domain(char *name) {
    char host[256];
    struct name_answer a = {.name = NULL};
    int herr;
    if (gethostname(host, sizeof(host)) != 0)
        return;
    host[sizeof(host) - 1] = '\0';
    const char *dot = strchr(host, '.');
    if (!dot && names_by_name(host, AF_INET, &a, &herr) == NSS_SUCCESS)
        dot = strchr(a.name, '.');
    size_t len = strlen(name), n = dot ? strlen(dot) : 0;
    if (n > 1 && len > n && strcasecmp(name + len - n, dot) == 0)
        name[len - n] = '\0';
    answer_clear(&a);
}

/* EAI_NONAME: it has none. */
static int host_name(const struct sockaddr *sa, char *host, socklen_t len, int flags) {
    struct name_addr of = {.family = sa->sa_family};
    struct name_answer a = {.name = NULL};
    int herr, r = 0;
    if (sa->sa_family == AF_INET)
        memcpy(of.addr, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
    else
        memcpy(of.addr, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, 16);
    if (names_by_addr(&of, &a, &herr) != NSS_SUCCESS) {
        h_errno = herr;
        return herr == TRY_AGAIN ? EAI_AGAIN : herr == NETDB_INTERNAL ? EAI_SYSTEM : EAI_NONAME;
    }
    if (flags & NI_NOFQDN)
        cut_domain(a.name);
    size_t need = strlen(a.name) + 1;
    if (need > len)
        r = EAI_OVERFLOW;
    else
        memcpy(host, a.name, need);
    answer_clear(&a);
    return r;
}

static int name_info(const struct sockaddr *sa, socklen_t sa_len, char *host, socklen_t host_len,
                     char *service, socklen_t service_len, int flags) {
    char numeric[NI_MAXHOST];
    int rest = flags & ~NI_NAMEREQD;
    int r = real.getnameinfo(sa, sa_len, numeric, sizeof(numeric), NULL, 0, rest | NI_NUMERICHOST);
    if (r == 0)
        r = host_name(sa, host, host_len, flags);
    if (r == EAI_NONAME && !(flags & NI_NAMEREQD))
        r = real.getnameinfo(sa, sa_len, host, host_len, NULL, 0, rest | NI_NUMERICHOST);
    if (r == 0 && service && service_len > 0)
        r = real.getnameinfo(sa, sa_len, NULL, 0, service, service_len, rest);
    return r;
}

int getnameinfo(const struct sockaddr *sa, socklen_t sa_len, char *host, socklen_t host_len,
                char *service, socklen_t service_len, int flags) {
    if (!sa || sa_len < sizeof(sa->sa_family) || !host || host_len == 0 ||
        (flags & NI_NUMERICHOST) || (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
        return real.getnameinfo(sa, sa_len, host, host_len, service, service_len, flags);
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    int r = name_info(sa, sa_len, host, host_len, service, service_len, flags);
    pthread_setcancelstate(state, NULL);
    return r;
}
