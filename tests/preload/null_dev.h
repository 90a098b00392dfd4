/* SPDX-License-Identifier: ISC */
/*
 * For tests that link the whole preload library into themselves: a device that carries nothing, so that no privilege is wanted. What is
 * sent to the stack's own address, 10.77.0.2, comes back inside it.
 */
#ifndef UST_TESTS_PRELOAD_NULL_DEV_H
#define UST_TESTS_PRELOAD_NULL_DEV_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "host/host.h"
#include "host/sys.h"

static int null_open(struct dev *d, const struct host_cfg *cfg, char *err, size_t err_len) {
    (void)cfg, (void)err, (void)err_len;
    d->fd = host_fd_raise((int)sys_eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    d->info = (struct dev_info){.mac = {{2, 0, 0, 0, 0, 1}}, .mtu = 1500};
    return d->fd < 0 ? d->fd : 0;
}
static void null_close(struct dev *d) { (void)d; }
static bool null_pending(struct dev *d) { return (void)d, false; }
static bool null_rx(struct dev *d, struct pkt_rx *p) { return (void)d, (void)p, false; }
static void null_rx_done(struct dev *d) { (void)d; }
static int null_tx(struct dev *d, const struct pkt_tx *p) { return (void)d, (void)p, 0; }
static int null_filter(struct dev *d, const struct net *n) { return (void)d, (void)n, 0; }

static const struct dev_ops null_dev_ops = {.name = "null",
                                            .open = null_open,
                                            .close = null_close,
                                            .pending = null_pending,
                                            .rx = null_rx,
                                            .rx_done = null_rx_done,
                                            .tx = null_tx,
                                            .filter = null_filter};

/* At the start of main(): the library read its environment when it was loaded, so the program starts over with the right one. */
static void null_dev_env(int argc, char **argv) {
    if (argc < 1 || getenv("USERSTACK_IF"))
        return;
    setenv("USERSTACK_IF", "null0", 1);
    setenv("USERSTACK_IP4", "10.77.0.2/24", 1);
    setenv("USERSTACK_IP6", "none", 1);
    setenv("USERSTACK_MEM", "64M", 1);
    /* Two such programs at a time are two stacks. */
    char name[32];
    snprintf(name, sizeof name, "unit-%d", (int)getpid());
    setenv("USERSTACK_NAME", name, 1);
    execv("/proc/self/exe", argv);
    perror("execv");
    exit(1);
}

#endif
