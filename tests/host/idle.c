/* SPDX-License-Identifier: ISC */
/*
 * A stack with nothing on it, for packet.sh: it answers ARP and ping until it gets SIGTERM. `idle
 * packet|pcap IF ADDR [MAC]`. Prints "up" with the microseconds that attaching and coming up
 * took, and at the end the CPU time used since then.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "host/priv.h"

static long cpu_ms(void) {
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    return (ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000 +
           (ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1000;
}

int main(int argc, char **argv) {
    static struct host_cfg cfg;
    sigset_t term;
    int sig;
    host_cfg_default(&cfg);
    if (argc < 4 || !addr_parse(argv[3], &cfg.ip4[0].addr) ||
        (argc > 4 && !mac_parse(argv[4], &cfg.mac)))
        return 2;
    cfg.dev = strcmp(argv[1], "pcap") == 0 ? DEV_PCAP : DEV_PACKET;
    snprintf(cfg.ifname, sizeof cfg.ifname, "%s", argv[2]);
    cfg.ip4[0].plen = 96 + 24;
    cfg.ip4_cnt = 1;
    cfg.has_mac = argc > 4;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    uint64_t t0 = host_now();
    if (host_attach(&cfg) < 0)
        return 1;
    uint64_t t1 = host_now();
    if (host_up() < 0)
        return 1;
    printf("up %llu %llu\n", (unsigned long long)(t1 - t0) / 1000,
           (unsigned long long)(host_now() - t1) / 1000);
    fflush(stdout);
    long cpu = cpu_ms();
    sigwait(&term, &sig);
    printf("cpu_ms %ld\n", cpu_ms() - cpu);
    host_exit();
    return 0;
}
