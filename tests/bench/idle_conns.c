/* SPDX-License-Identifier: ISC */
/*
 * Many connections that do nothing.
 *
 *     idle_conns server PORT CNT       accepts CNT, prints `accepted CNT rss KB`, waits for the end of its input
 *     idle_conns client ADDR PORT CNT  opens CNT, one after the other, then waits for the end of its input
 *
 * rss: resident memory of the process before the first and behind the last connection: `rss BEFORE AFTER`.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what) {
    fprintf(stderr, "idle_conns: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long rss_kb(void) {
    char line[200];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");

    if (f == NULL)
        die("/proc/self/status");
    while (fgets(line, sizeof(line), f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1)
            break;
    fclose(f);
    return kb;
}

int main(int argc, char **argv) {
    struct sockaddr_in sin = {.sin_family = AF_INET};
    char byte;

    if (argc == 4 && strcmp(argv[1], "server") == 0) {
        int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

        sin.sin_port = htons((uint16_t)atoi(argv[2]));
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0 || listen(fd, 4096) != 0)
            die("listen");
        int first = accept(fd, NULL, NULL);
        long before = rss_kb();
        if (first < 0)
            die("accept");
        for (int i = 1; i < atoi(argv[3]); i++)
            if (accept(fd, NULL, NULL) < 0)
                die("accept");
        printf("accepted %s rss %ld %ld\n", argv[3], before, rss_kb());
    } else if (argc == 5 && strcmp(argv[1], "client") == 0) {
        sin.sin_port = htons((uint16_t)atoi(argv[3]));
        if (inet_pton(AF_INET, argv[2], &sin.sin_addr) != 1)
            return 2;
        for (int i = 0; i < atoi(argv[4]); i++) {
            int fd = socket(AF_INET, SOCK_STREAM, 0);

            if (fd < 0 || connect(fd, (struct sockaddr *)&sin, sizeof(sin)) != 0)
                die("connect");
        }
        printf("opened %s\n", argv[4]);
    } else {
        return 2;
    }
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        ;
    return 0;
}
