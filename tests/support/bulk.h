/* SPDX-License-Identifier: ISC */
/*
 * One bulk transfer over the simulator: host 0 connects to host 1 and sends, host 1 reads and verifies. For tests that are about one path;
 * tests/sim/transfer.h does it with many flows. The caller sets the wires between bulk_new() and bulk_run().
 */
#ifndef UST_TESTS_BULK_H
#define UST_TESTS_BULK_H

#include "support/sim.h"

struct bulk {
    uint64_t bytes; /* to send; set before bulk_new */
    struct sim *s;
    struct sock *client, *listener, *server;
    uint64_t sent, got;
    uint64_t start_ns, done_ns; /* done: duration, 0 not yet */
    char fail[160];
};

void bulk_new(struct bulk *b, uint64_t seed, const struct tcp_cfg *cfg, uint32_t mtu);
/* True: every byte arrived within limit_ns. */
bool bulk_run(struct bulk *b, uint64_t limit_ns);
void bulk_free(struct bulk *b);

#endif
