/* SPDX-License-Identifier: ISC */
/*
 * Duplicate address detection (RFC 4862 5.4) with the enhanced nonce (RFC 7527). An address is PROBING (tentative) until its probe has been out for RetransTimer without a
 * word from anybody, then READY; DUPLICATE if there was one. Tentative addresses are neither used nor answered for.
 */
#include "net/priv.h"

#define DAD_TRANSMITS 1   /* RFC 4862 5.1 */
#define DAD_LOOPED_MORE 3 /* RFC 7527 4.1: probes after one that came back */

/* RFC 4862 5.4 MUST-2 */
void nd_addr_start(struct net *n, uint64_t now_ns, struct net_addr *a) {
    net_addr_set_state(n, now_ns, a, NET_ADDR_PROBING);
    a->dad_left = DAD_TRANSMITS;
    a->next_ns =
        now_ns; /* departs from RFC 4862 5.4.2: no random delay before the first, a program waits */
    nd_addr_tick(n, now_ns, a);
    net_timer_arm(n);
}

/* RFC 4862 5.4.2 MUST-3 */
static void probe(struct net *n, uint64_t now_ns, struct net_addr *a) {
    static const struct ust_addr any = {{0}};
    uint64_t r = rng_u64(&n->c->rng);
    memcpy(a->nonce, &r, sizeof a->nonce);
    struct nd_msg m = {.type = ICMP6_NS, .target = a->addr, .has_nonce = true};
    memcpy(m.nonce, a->nonce, sizeof m.nonce);
    struct ust_addr dst = nd_solicited_node(&a->addr);
    nd_send(n, now_ns, &m, &any, &dst, NULL);
}

void nd_addr_tick(struct net *n, uint64_t now_ns, struct net_addr *a) {
    if (a->state != NET_ADDR_PROBING) {
        a->next_ns = TIME_NEVER;
        return;
    }
    if (a->dad_left) {
        a->dad_left--;
        a->sent++;
        probe(n, now_ns, a);
        a->next_ns = now_ns + n->neigh.param[NEIGH_PARAM_IP6].retrans_ns;
        return;
    }
    net_addr_set_state(n, now_ns, a, NET_ADDR_READY);
    if (a->origin == NET_ADDR_LINK_LOCAL && n->nd.cfg.autoconf && n->nd.rs_left)
        nd_rs_tick(n, now_ns); /* from the new address, so that the answer needs no group */
}

/* RFC 4862 5.4.3 MUST-5; RFC 4862 5.4.5 MUST-7 */
bool nd_addr_conflict(struct net *n, uint64_t now_ns, struct net_addr *a, const struct ust_mac *mac,
                      const uint8_t *nonce) {
    if (nonce && memcmp(nonce, a->nonce, sizeof a->nonce) == 0) {
        a->dad_left = DAD_LOOPED_MORE;
        return true;
    }
    a->conflicts++;
    a->conflict_mac = *mac;
    if (a->state == NET_ADDR_PROBING) {
        net_addr_set_state(n, now_ns, a, NET_ADDR_DUPLICATE);
        struct net_addr dup = *a;
        slaac_retry(n, now_ns, &dup);
        net_timer_arm(n);
        return false;
    }
    if (trace_on(&n->c->trace, TRACE_ND)) {
        char s[ADDR_STR_LEN], m[MAC_STR_LEN];
        trace_line(&n->c->trace, now_ns, TRACE_ND, "address %s claimed by %s too",
                   addr_str(&a->addr, s), mac_str(mac, m));
    }
    return false;
}
