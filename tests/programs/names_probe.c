/* SPDX-License-Identifier: ISC */
/*
 * Asks libc for names and prints what it says, one line a question, for comparing. Questions come from standard input:
 *     gai NAME SERVICE FAMILY TYPE PROTO FLAGS    getaddrinfo (- is NULL, flags in hexadecimal)
 *     host NAME FAMILY | addr ADDRESS | info ADDRESS PORT FLAGS ROOM
 *     query NAME TYPE | search NAME TYPE | domain NAME DOMAIN TYPE
 */
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static const char *or_null(const char *s) { return strcmp(s, "-") == 0 ? NULL : s; }

static int family_of(const char *s) {
    return strcmp(s, "4") == 0 ? AF_INET : strcmp(s, "6") == 0 ? AF_INET6 : atoi(s);
}

static void print_sockaddr(const struct sockaddr *sa) {
    char text[INET6_ADDRSTRLEN] = "?";
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in4 = (const void *)sa;
        inet_ntop(AF_INET, &in4->sin_addr, text, sizeof(text));
        printf("%s:%d", text, ntohs(in4->sin_port));
    } else {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
        printf("[%s%%%u]:%d", text, in6->sin6_scope_id, ntohs(in6->sin6_port));
    }
}

static void gai(char **w) {
    struct addrinfo hints = {.ai_family = family_of(w[3]),
                             .ai_socktype = atoi(w[4]),
                             .ai_protocol = atoi(w[5]),
                             .ai_flags = (int)strtol(w[6], NULL, 16)};
    struct addrinfo *list = NULL;
    errno = 0;
    int r =
        getaddrinfo(or_null(w[1]), or_null(w[2]), strcmp(w[6], "-") == 0 ? NULL : &hints, &list);
    printf("%s", r ? gai_strerror(r) : "ok");
    for (struct addrinfo *a = list; r == 0 && a; a = a->ai_next) {
        printf(" {%d %d %d %x %u ", a->ai_family, a->ai_socktype, a->ai_protocol,
               (unsigned)a->ai_flags, a->ai_addrlen);
        print_sockaddr(a->ai_addr);
        printf("%s%s}", a->ai_canonname ? " " : "", a->ai_canonname ? a->ai_canonname : "");
    }
    if (r == 0)
        freeaddrinfo(list);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_host(const struct hostent *h) {
    if (!h) {
        printf("%s", hstrerror(h_errno));
        return;
    }
    printf("%s type %d len %d", h->h_name, h->h_addrtype, h->h_length);
    for (char **s = h->h_aliases; *s; s++)
        printf(" alias %s", *s);
    /* Servers turn addresses round. */
    char text[64][INET6_ADDRSTRLEN], *v[64];
    size_t n = 0;
    for (char **s = h->h_addr_list; *s && n < 64; s++, n++) {
        inet_ntop(h->h_addrtype, *s, text[n], sizeof(text[n]));
        v[n] = text[n];
    }
    qsort(v, n, sizeof(v[0]), by_text);
    for (size_t i = 0; i < n; i++)
        printf(" %s", v[i]);
}

static void host(char **w) {
    print_host(gethostbyname2(w[1], family_of(w[2])));
    struct hostent h, *res;
    char buf[4096];
    int herr = 0, r = gethostbyname2_r(w[1], family_of(w[2]), &h, buf, sizeof(buf), &res, &herr);
    printf(" / _r: %d %d %d", r, res ? 0 : herr, res != NULL);
}

static void addr(char **w) {
    unsigned char b[16];
    int family = strchr(w[1], ':') ? AF_INET6 : AF_INET;
    inet_pton(family, w[1], b);
    print_host(gethostbyaddr(b, family == AF_INET ? 4 : 16, family));
}

static void info(char **w) {
    struct sockaddr_storage ss = {.ss_family = AF_INET};
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(w[2]))};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = in4.sin_port};
    socklen_t len = sizeof(in4);
    if (inet_pton(AF_INET, w[1], &in4.sin_addr) == 1) {
        memcpy(&ss, &in4, sizeof(in4));
    } else {
        inet_pton(AF_INET6, w[1], &in6.sin6_addr);
        memcpy(&ss, &in6, len = sizeof(in6));
    }
    char h[256] = "", s[64] = "";
    socklen_t room = (socklen_t)atoi(w[4]);
    int r = getnameinfo((struct sockaddr *)&ss, len, h, room, s, sizeof(s),
                        (int)strtol(w[3], NULL, 16));
    if (r)
        printf("%s", gai_strerror(r));
    else
        printf("%s %s", h, s);
}

static void print_answer(int n, const unsigned char *b) {
    if (n < 0)
        printf("%s", hstrerror(h_errno));
    else
        printf("%s rcode %d tc %d answers %d", n > 512 ? "long" : "short", b[3] & 15, b[2] >> 1 & 1,
               b[6] << 8 | b[7]);
}

static void ask(char **w) {
    static unsigned char b[65536];
    int type = atoi(w[2]), n;
    if (strcmp(w[0], "query") == 0)
        n = res_query(w[1], C_IN, type, b, sizeof(b));
    else if (strcmp(w[0], "search") == 0)
        n = res_search(w[1], C_IN, type, b, sizeof(b));
    else
        n = res_querydomain(w[1], w[2], C_IN, atoi(w[3]), b, sizeof(b));
    print_answer(n, b);
}

int main(void) {
    static const struct {
        const char *word;
        int cnt;
        void (*fn)(char **w);
    } does[] = {{"gai", 7, gai},   {"host", 3, host},  {"addr", 2, addr}, {"info", 5, info},
                {"query", 3, ask}, {"search", 3, ask}, {"domain", 4, ask}};
    char line[4096];
    while (fgets(line, sizeof(line), stdin)) {
        char *w[8], *save = NULL;
        int n = 0;
        line[strcspn(line, "\n")] = '\0';
        printf("%s: ", line);
        for (char *s = strtok_r(line, " ", &save); s && n < 8; s = strtok_r(NULL, " ", &save))
            w[n++] = s;
        for (size_t i = 0; n > 0 && i < sizeof(does) / sizeof(does[0]); i++)
            if (strcmp(does[i].word, w[0]) == 0 && n >= does[i].cnt)
                does[i].fn(w);
        printf("\n");
        fflush(stdout);
    }
    return 0;
}
