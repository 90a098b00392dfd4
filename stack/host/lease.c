/* SPDX-License-Identifier: ISC */
/*
 * What the network tells the host: the DHCP lease that a program waits for at its first socket, and
 * name servers. The client itself is net/dhcp4.c; it goes on in whoever drives.
 */
#include "host/priv.h"
#include "host/sys.h"

#define CONFLICT_WAIT_NS (2 * NS_PER_MS) /* for somebody to say that the address is his */

void host_dns(struct net_dns *out) {
    struct stack *st = host_stack();
    memset(out, 0, sizeof *out);
    if (!st)
        return;
    lock_take();
    net_dns_get(&st->net, out);
    lock_drop();
}

void lease_start(struct host_local *h, uint64_t now_ns) {
    static const struct sip_key key = {{0x7573657273746163, 0x64686370}};
    const struct host_cfg *c = &h->cfg;
    if (c->ip4_dhcp)
        dhcp4_start(&h->st->net, now_ns, (uint32_t)siphash(&key, c->name, strlen(c->name)),
                    c->mtu > 0);
}

static void complain(const struct host_local *h, const struct dhcp4 *d) {
    char a[ADDR_STR_LEN], s[ADDR_STR_LEN];
    if (d->stats.naks > 0 || d->stats.declines > 0)
        host_complain("no DHCP lease on %s within %d s: refused %u times, in use by others %u "
                      "times; still asking",
                      h->cfg.ifname, HOST_LEASE_WAIT_S, (unsigned)d->stats.naks,
                      (unsigned)d->stats.declines);
    else if (d->state == DHCP4S_REQUESTING)
        host_complain("no DHCP lease on %s within %d s: %s offered %s and does not confirm it; "
                      "still asking",
                      h->cfg.ifname, HOST_LEASE_WAIT_S, addr_str(&d->server, s),
                      addr_str(&d->offer, a));
    else
        host_complain("no DHCP lease on %s within %d s: no server answered; still asking; or give "
                      "an address, as USERSTACK_IP4=10.0.0.2/24",
                      h->cfg.ifname, HOST_LEASE_WAIT_S);
}

void lease_wait(struct host_local *h) {
    const uint64_t end = host_now() + HOST_LEASE_WAIT_S * NS_PER_S;
    uint64_t leases = 0, since = 0;
    if (!h->cfg.ip4_dhcp)
        return;
    for (;;) {
        uint64_t now_ns = turn_lock();
        struct dhcp4 d = h->st->net.dhcp4;
        turn_unlock(now_ns, NULL, false);
        if (!h->up)
            return;
        if (d.stats.leases != leases) {
            leases = d.stats.leases;
            since = now_ns;
        }
        uint64_t until = UST_MIN(end, atomic_load(&h->s->deadline_ns));
        if (d.bound && !d.declined) {
            if (now_ns - since >= CONFLICT_WAIT_NS)
                return;
            until = UST_MIN(until, since + CONFLICT_WAIT_NS);
        } else if (now_ns >= end) {
            complain(h, &d);
            return;
        }
        struct timespec ts = sleep_time(host_now(), until);
        struct pollfd p = {.fd = dev_fd(), .events = POLLIN};
        sys_ppoll(&p, 1, &ts, NULL);
    }
}

void lease_end(struct host_local *h) {
    if (!h->cfg.dhcp_release || !h->up)
        return;
    uint64_t now_ns = turn_lock();
    dhcp4_release(&h->st->net, now_ns);
    turn_unlock(now_ns, NULL, false);
}
