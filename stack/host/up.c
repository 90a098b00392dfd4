/* SPDX-License-Identifier: ISC */
/*
 * Coming up, at the first bind, connect, listen or send: identity, device, addresses, the stack
 * thread; then a moment for somebody else to say that our address is his (RFC 5227 2.1.1 departs:
 * waits 2 ms and not seconds; probing and defending go on behind).
 */
#include <stdio.h>

#include "host/priv.h"
#include "host/sys.h"

#define PROBE_WAIT_NS (2 * NS_PER_MS)
#define RETRY_NS NS_PER_S

static char last_error[300];

void host_use_device(const struct dev_ops *ops) { host_local.use_ops = ops; }

uint64_t host_dev_lost(void) {
    struct host_local *h = &host_local;
    if (h->up && h->dev.ops->lost)
        h->lost += h->dev.ops->lost(&h->dev);
    return h->lost;
}

const struct dev_ops *dev_ops_of(const struct host_cfg *cfg) {
    static const struct dev_ops *const ops[DEV_KIND_COUNT] = {
        [DEV_PACKET] = &dev_packet_ops,
        [DEV_PCAP] = &dev_pcap_ops,
        [DEV_TAP] = &dev_tap_ops,
        [DEV_STREAM] = &dev_stream_ops,
    };
    if (host_local.use_ops)
        return host_local.use_ops;
    return cfg->dev < DEV_KIND_COUNT ? ops[cfg->dev] : NULL;
}

static int open_sinks(struct host_local *h, char *err, size_t len) {
    if (h->cfg.trace_on && h->trace_fd < 0) {
        long fd = 2;
        if (h->cfg.trace_file[0]) {
            char path[sizeof h->cfg.trace_file];
            host_path(path, sizeof path, h->cfg.trace_file);
            fd = sys_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY);
            if (fd < 0) {
                snprintf(err, len, "USERSTACK_TRACE_FILE=%s: %s", path, strerrordesc_np((int)-fd));
                return (int)fd;
            }
            fd = host_fd_raise((int)fd);
        }
        h->trace_fd = (int)fd;
    }
    if (h->cfg.pcap_file[0] && !h->cap) {
        char path[sizeof h->cfg.pcap_file];
        host_path(path, sizeof path, h->cfg.pcap_file);
        h->cap = capture_open(path, err, len);
        if (!h->cap)
            return -EINVAL;
    }
    return 0;
}

/* Lock held. */
static int configure(struct host_local *h, uint64_t now_ns, char *err, size_t len) {
    const struct host_cfg *c = &h->cfg;
    const struct dev_info *i = &h->dev.info;
    struct net *n = &h->st->net;
    char s[ADDR_STR_LEN];
    int r = stack_up(h->st, now_ns, &i->mac, i->mtu, i->features, i->gso_max_bytes);
    if (r < 0) {
        snprintf(err, len, "cannot start the stack: %s", strerrordesc_np(-r));
        return r;
    }
    for (unsigned k = 0; k < c->ip4_cnt; k++) {
        r = net_addr_add(n, now_ns, &c->ip4[k].addr, c->ip4[k].plen, true, true);
        if (r < 0 && r != -EEXIST) {
            snprintf(err, len, "%s/%u cannot be an address of the stack: %s",
                     addr_str(&c->ip4[k].addr, s), c->ip4[k].plen - 96u, strerrordesc_np(-r));
            return r;
        }
    }
    if (c->has_gw4) {
        const struct ust_addr any = addr_from_ip4(0);
        r = route_add(n, &any, 96, &c->gw4, 0);
        if (r < 0 && r != -EEXIST) {
            snprintf(err, len, "%s cannot be a gateway: %s", addr_str(&c->gw4, s),
                     strerrordesc_np(-r));
            return r;
        }
    }
    lease_start(h, now_ns);
    return 0;
}

/* Lock held: the first address that somebody else holds. */
static const struct net_addr *find_duplicate(const struct net *n) {
    for (unsigned i = 0; i < NET_ADDR_MAX; i++)
        if (n->addr[i].used && n->addr[i].state == NET_ADDR_DUPLICATE)
            return &n->addr[i];
    return NULL;
}

static int probe(struct host_local *h, char *err, size_t len) {
    uint64_t now = host_now(), end = now + PROBE_WAIT_NS;
    for (;;) {
        uint64_t now_ns = turn_lock();
        const struct net_addr *a = find_duplicate(&h->st->net);
        if (a) {
            char s[ADDR_STR_LEN], m[MAC_STR_LEN];
            snprintf(err, len, "%s on %s is in use by %s", addr_str(&a->addr, s), h->cfg.ifname,
                     mac_str(&a->conflict_mac, m));
        }
        turn_unlock(now_ns, NULL, false);
        if (a)
            return -EADDRINUSE;
        now = host_now();
        if (now >= end)
            return 0;
        struct timespec ts = sleep_time(now, end);
        struct pollfd p = {.fd = h->dev.fd, .events = POLLIN};
        sys_ppoll(&p, 1, &ts, NULL);
    }
}

static void down(struct host_local *h) {
    lock_take();
    h->up = h->s->dev_up = false;
    h->st->up = false;
    fault_detach(&h->st->link);
    dhcp4_stop(&h->st->net, host_now());
    for (unsigned i = 0; i < NET_ADDR_MAX; i++)
        if (h->st->net.addr[i].used) {
            struct ust_addr a = h->st->net.addr[i].addr;
            net_addr_del(&h->st->net, host_now(), &a);
        }
    lock_drop();
    h->dev.ops->close(&h->dev);
}

static int come_up(struct host_local *h, char *err, size_t len) {
    const struct dev_ops *ops = dev_ops_of(&h->cfg);
    if (!ops) {
        snprintf(err, len, "this kind of device is not in this version");
        return -EINVAL;
    }
    int r = open_sinks(h, err, len);
    if (r < 0)
        return r;
    h->ctl_fd = identity_take(&h->cfg, err, len);
    if (h->ctl_fd < 0) {
        r = h->ctl_fd;
        h->ctl_fd = -1;
        return r;
    }
    memset(&h->dev, 0, sizeof h->dev);
    h->dev.fd = -1;
    h->dev.ops = ops;
    r = ops->open(&h->dev, &h->cfg, err, len);
    if (r == 0) {
        uint64_t now_ns;
        lock_take();
        now_ns = host_now();
        r = configure(h, now_ns, err, len);
        h->s->filter_gen = h->st->net.group_gen - 1;
        h->up = h->s->dev_up = r == 0;
        h->s->dev_info = h->dev.info;
        turn_unlock(now_ns, NULL, false);
        if (r == 0 && !h->cfg.ip4_dhcp)
            r = probe(h, err, len);
        if (r < 0)
            down(h);
    }
    if (r < 0) {
        host_fd_forget(h->ctl_fd);
        sys_close(h->ctl_fd);
        h->ctl_fd = -1;
        return r;
    }
    thread_start(); /* without it, whoever sleeps drives */
    lease_wait(h);
    return 0;
}

int host_up(void) {
    struct host_local *h = &host_local;
    static uint64_t tried_ns;
    char err[300] = "";
    if (!host_stack())
        return -ENETDOWN;
    if (__atomic_load_n(&h->came_up, __ATOMIC_ACQUIRE))
        return h->up ? 0 : -ENETDOWN;
    pthread_mutex_lock(&h->life_lock);
    int r = 0;
    if (!h->came_up) {
        uint64_t now = host_now();
        r = -ENETDOWN;
        if (last_error[0] == '\0' || now - tried_ns > RETRY_NS) {
            r = come_up(h, err, sizeof err);
            tried_ns = host_now();
        }
        if (r == 0) {
            __atomic_store_n(&h->came_up, true, __ATOMIC_RELEASE);
            keeper_start();
        } else if (err[0] && strcmp(err, last_error) != 0) {
            host_complain("%s", err);
            memcpy(last_error, err, sizeof err);
        }
    }
    pthread_mutex_unlock(&h->life_lock);
    return r == 0 ? 0 : -ENETDOWN;
}
