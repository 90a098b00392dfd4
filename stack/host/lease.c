/* SPDX-License-Identifier: ISC */
/* What the network tells the host: leases and name servers. */
#include "host/priv.h"

void host_dns(struct net_dns *out) {
    struct stack *st = host_stack();
    memset(out, 0, sizeof *out);
    if (!st)
        return;
    lock_take();
    net_dns_get(&st->net, out);
    lock_drop();
}
