/* SPDX-License-Identifier: ISC */
/*
 * Asks the running kernel what getsockopt and setsockopt do, option by option, and prints it as the rows of kernel_opts.h:
 *
 *     ./kernel_opts USER > kernel_opts.h     (as root, which then becomes USER: unprivileged is what programs are)
 *
 * A row: sockets (bits), level, name, reading ("errno", or "length:value" and what shorter lengths give), setting 1 with each length, setting each value and
 * reading it back ("=": itself). Neighbours with the same result are drawn together: "a..b:result".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sock/kernel_opts_values.h"

static const struct {
    const char *name;
    int family, type;
} kinds[] = {{"tcp4", AF_INET, SOCK_STREAM},
             {"udp4", AF_INET, SOCK_DGRAM},
             {"tcp6", AF_INET6, SOCK_STREAM},
             {"udp6", AF_INET6, SOCK_DGRAM}};

static const struct {
    int level, last;
} levels[] = {
    {SOL_SOCKET, 86}, {IPPROTO_IP, 75}, {IPPROTO_TCP, 50}, {IPPROTO_UDP, 106}, {IPPROTO_IPV6, 85}};

#define ROW_BYTES 10000

static const char *text(int err) { return err ? strerrorname_np(err) : "0"; }

struct run {
    char out[4096];
    size_t len;
    int first, last;
    char res[32];
};

static void run_add(struct run *r, int at, const char *res) {
    if (r->res[0] && strcmp(r->res, res) == 0) {
        r->last = at;
        return;
    }
    if (r->res[0])
        r->len += r->first == r->last
                      ? (size_t)sprintf(r->out + r->len, "%d:%s ", r->first, r->res)
                      : (size_t)sprintf(r->out + r->len, "%d..%d:%s ", r->first, r->last, r->res);
    r->first = r->last = at;
    snprintf(r->res, sizeof r->res, "%s", res);
}

/* One option on one kind of socket, as the text of a row; empty if the kernel does not know it. */
static void measure(unsigned k, int level, int name, char row[ROW_BYTES]) {
    struct run lens = {0}, vals = {0};
    char get[128], res[32];
    unsigned char b[512];
    int fd = socket(kinds[k].family, kinds[k].type, 0);
    socklen_t ln = sizeof b;
    memset(b, 0xee, sizeof b);
    int err = getsockopt(fd, level, name, b, &ln) ? errno : 0;
    int n = sprintf(get, "%s", text(err));
    if (!err) {
        int v;
        memcpy(&v, b, 4);
        n = sprintf(get, "%u:%d", ln, ln == 4 ? v : 0);
        for (int q = 0; q < 6; q++) {
            ln = (socklen_t)q;
            err = getsockopt(fd, level, name, b, &ln) ? errno : 0;
            n += err ? sprintf(get + n, " %s", text(err)) : sprintf(get + n, " %u", ln);
        }
    }
    close(fd);
    for (size_t i = 0; i < sizeof opt_lens / sizeof *opt_lens; i++) {
        unsigned char one[64] = {1};
        fd = socket(kinds[k].family, kinds[k].type, 0);
        run_add(&lens, opt_lens[i],
                text(setsockopt(fd, level, name, one, (socklen_t)opt_lens[i]) ? errno : 0));
        close(fd);
    }
    run_add(&lens, 0, "");
    for (size_t i = 0; i < sizeof opt_vals / sizeof *opt_vals; i++) {
        int x = opt_vals[i], y = 0;
        fd = socket(kinds[k].family, kinds[k].type, 0);
        ln = sizeof y;
        if (setsockopt(fd, level, name, &x, sizeof x))
            snprintf(res, sizeof res, "%s", text(errno));
        else if (getsockopt(fd, level, name, &y, &ln))
            snprintf(res, sizeof res, "set");
        else if (x == y)
            snprintf(res, sizeof res, "=");
        else
            snprintf(res, sizeof res, "%d", y);
        run_add(&vals, x, res);
        close(fd);
    }
    run_add(&vals, 0, "");
    row[0] = 0;
    if ((strcmp(get, "ENOPROTOOPT") == 0 || strcmp(get, "EOPNOTSUPP") == 0) &&
        strstr(vals.out, "-2..2147483647:ENOPROTOOPT"))
        return;
    snprintf(row, ROW_BYTES, "%d, %d, \"%s\", \"%s\",\n     \"%s\"", level, name, get, lens.out,
             vals.out);
}

int main(int argc, char **argv) {
    static char row[4][ROW_BYTES];
    if (argc > 1 && setuid((uid_t)atoi(argv[1])) != 0)
        return 1;
    printf("/* clang-format off: made by kernel_opts.c on Linux 6.18.44, uid %d. First column: 1 "
           "TCP, 2 UDP, 4 and 8 the same of AF_INET6. */\n",
           (int)getuid());
    for (unsigned l = 0; l < sizeof levels / sizeof *levels; l++) {
        for (int name = 0; name <= levels[l].last; name++) {
            for (unsigned k = 0; k < 4; k++)
                measure(k, levels[l].level, name, row[k]);
            for (unsigned k = 0; k < 4; k++) {
                unsigned who = 0;
                if (!row[k][0])
                    continue;
                for (unsigned j = k + 1; j < 4; j++) {
                    if (strcmp(row[k], row[j]) != 0)
                        continue;
                    who |= 1u << j;
                    row[j][0] = 0;
                }
                printf("    {%u, %s},\n", who | 1u << k, row[k]);
            }
        }
    }
}
