/* SPDX-License-Identifier: ISC */
/*
 * Names: what getaddrinfo() and its relatives do inside libc, where no call can be taken over, done again over the stack.
 *
 * From below: dns.c has c-ares carry DNS messages over our sockets; res.c asks one name or goes through the search list (res_*); hosts.c reads
 * /etc/hosts; nss.c goes through the services of /etc/nsswitch.conf; sort.c is the order of RFC 6724; gai.c, hostent.c and nameinfo.c are the calls.
 * What needs no network stays libc's: numeric addresses, services, hints and their errors, resolv.conf, the composing of queries.
 *
 * Nothing here enters the stack but through the calls that a program uses too, so signals, threads and fork find nothing half done: a look-up has all of
 * its state on its own stack and heap.
 */
#ifndef UST_PRELOAD_NAMES_NAMES_H
#define UST_PRELOAD_NAMES_NAMES_H

#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* ---- answers: a name with its aliases and addresses ---- */

struct name_addr {
    int family;       /* AF_INET or AF_INET6 */
    uint8_t addr[16]; /* in network order, the first 4 for AF_INET */
};
struct name_answer {
    char *name; /* the official name; NULL: none yet */
    char **alias;
    unsigned alias_cnt;
    struct name_addr *addr;
    unsigned addr_cnt;
};
/* To start with: (struct name_answer){0}. The adders copy; false: no memory. */
bool answer_set_name(struct name_answer *a, const char *name);
bool answer_add_alias(struct name_answer *a, const char *name);
bool answer_add_addr(struct name_answer *a, int family, const void *addr);
/* Frees what it holds; usable again. */
void answer_clear(struct name_answer *a);

/* ---- res.c, dns.c: DNS ---- */

#define DNS_QUERY_BYTES 512
#define DNS_DOMAIN_CNT 16

/* The resolver's configuration for one look-up. */
struct res_use {
    struct __res_state own; /* resolv.conf as it is now */
    res_state st;           /* in force: own, or the program's */
    bool own_servers;       /* the program has not put in servers of its own */
    const char *domain[DNS_DOMAIN_CNT];
    unsigned domain_cnt;
    char domains[256]; /* those that the network told */
};
/* st: what the program gave to res_nquery() and the like, or NULL: the thread's. False: no memory. */
bool res_use_begin(struct res_use *u, res_state st);
void res_use_end(struct res_use *u);

enum dns_result {
    DNS_PENDING,
    DNS_ANSWERED, /* by a server that knows: its rcode is neither SERVFAIL nor NOTIMP nor REFUSED */
    DNS_SERVFAIL,
    DNS_REFUSED,     /* or NOTIMP */
    DNS_TIMEOUT,     /* nobody answered */
    DNS_UNREACHABLE, /* nobody could be asked */
};
struct dns_msg {
    const uint8_t *query;
    int query_len;
    uint8_t *reply; /* malloc'ed; NULL unless DNS_ANSWERED */
    int reply_len;
    enum dns_result result;
};
/* Asks all of them at the same time, waits for the answers, with the servers, time-outs and retries of u. */
void dns_exchange(const struct res_use *u, struct dns_msg *m, int cnt);
void dns_msg_free(struct dns_msg *m);

#define DNS_QUESTION_MAX 2 /* A and AAAA */
struct dns_lookup {
    int type[DNS_QUESTION_MAX], cnt;
    struct dns_msg msg[DNS_QUESTION_MAX];
    uint8_t query[DNS_QUESTION_MAX][DNS_QUERY_BYTES];
    bool servfail; /* it failed since a server said SERVFAIL */
};
/*
 * As res_query() and res_search() for each type at once: true if one of the messages has answers; else *herr is HOST_NOT_FOUND, NO_DATA, TRY_AGAIN or
 * NO_RECOVERY, and errno ECONNREFUSED or ETIMEDOUT if no server answered. dns_lookup_free() afterwards in any case.
 */
bool dns_query(const struct res_use *u, struct dns_lookup *l, const char *name, int class,
               int *herr);
bool dns_search(const struct res_use *u, struct dns_lookup *l, const char *name, int class,
                int *herr);
void dns_lookup_free(struct dns_lookup *l);

/* What is in the answer of an A, AAAA or PTR query; the address asked for with PTR. True: at least one address (PTR: name). */
bool dns_parse_addrs(const struct dns_msg *m, int type, struct name_answer *a);
bool dns_parse_ptr(const struct dns_msg *m, const struct name_addr *of, struct name_answer *a);

/* ---- hosts.c: /etc/hosts. family AF_UNSPEC: both ---- */
bool hosts_by_name(const char *path, const char *name, int family, struct name_answer *a);
bool hosts_by_addr(const char *path, const struct name_addr *of, struct name_answer *a);

/* ---- nss.c: the services in their order ---- */
enum nss_status { NSS_TRYAGAIN, NSS_UNAVAIL, NSS_NOTFOUND, NSS_SUCCESS, NSS_STATUS_COUNT };
enum nss_service { NSS_FILES, NSS_DNS, NSS_OTHER };
struct nss_step {
    enum nss_service service;
    bool go_on[NSS_STATUS_COUNT]; /* to the next step when this one ended so */
};
#define NSS_STEP_MAX 8
/* The line "hosts:" of the file at path (libc's default order if there is none): the number of steps. */
unsigned nss_steps(const char *path, struct nss_step step[NSS_STEP_MAX]);
/* family AF_UNSPEC: both, in one go. What *herr and errno say when it is not NSS_SUCCESS: as netdb.h, as the service left them. */
enum nss_status names_by_name(const char *name, int family, struct name_answer *a, int *herr);
enum nss_status names_by_addr(const struct name_addr *of, struct name_answer *a, int *herr);

/* ---- sort.c: RFC 6724 ---- */
struct sort_addr {
    struct name_addr dst, src;
    bool has_src;     /* there is a source address, so the destination can be reached */
    uint8_t src_plen; /* of the source address's network */
    unsigned order;   /* as it came */
};
/* Fills in src for dst, as the stack (or, for the kernel's destinations, the kernel) would choose it. */
void sort_find_source(struct sort_addr *s);
/* The better one first: negative, 0, positive. The policy table is libc's, or that of /etc/gai.conf. */
int sort_compare(const struct sort_addr *a, const struct sort_addr *b);
/* Reads path (gai.conf); false: it does not say anything. For tests; sort_compare() reads /etc/gai.conf by itself, once. */
bool sort_read_policy(const char *path);

#endif
