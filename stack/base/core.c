/* SPDX-License-Identifier: ISC */
#include "base/core.h"

enum drop core_drop(struct core *c, uint64_t now_ns, enum drop d) {
    c->drops.cnt[d]++;
    TRACE(&c->trace, now_ns, DROP, "%s %s: %s", drop_layer(d), drop_name(d), drop_text(d));
    return d;
}

enum drop core_drop_flow(struct core *c, uint64_t now_ns, enum drop d, const struct ust_addr *src,
                         int sport, const struct ust_addr *dst, int dport) {
    c->drops.cnt[d]++;
    if (trace_on(&c->trace, TRACE_DROP))
        trace_flow(&c->trace, now_ns, TRACE_DROP, src, sport, dst, dport, "%s %s: %s",
                   drop_layer(d), drop_name(d), drop_text(d));
    return d;
}
