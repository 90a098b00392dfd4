/* SPDX-License-Identifier: ISC */
/*
 * Coming up, at the first bind, connect, listen or send: identity, device, addresses, the stack
 * thread; then a moment for somebody else to say that our address is his (RFC 5227 2.1.1 departs:
 * waits 2 ms and not seconds; probing and defending go on behind).
 */
#include <net/if.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "host/priv.h"
#include "host/sys.h"

#define PROBE_WAIT_NS (2 * NS_PER_MS)
#define RETRY_NS NS_PER_S
#define IP6_WAIT_NS (3 * NS_PER_S) /* DAD, a solicitation, DAD again */

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

/* What stays the same for this machine from run to run (RFC 7217 5), and is not for others to know. */
static void stable_secret(uint8_t out[16]) {
    char id[64] = "";
    long fd = sys_open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    long n = sys_read((int)fd, id, sizeof id);
    sys_close((int)fd);
    if (n <= 0)
        return;
    for (unsigned i = 0; i < 2; i++) {
        const struct sip_key key = {{0x7573657273746163, i}};
        uint64_t v = siphash(&key, id, (size_t)n);
        memcpy(out + 8 * i, &v, 8);
    }
}

/* Lock held. */
static int configure_ip6(struct host_local *h, uint64_t now_ns, char *err, size_t len) {
    const struct host_cfg *c = &h->cfg;
    struct net *n = &h->st->net;
    struct nd_cfg nd = {.on = true,
                        .autoconf = c->ip6_auto,
                        .temporary = c->ip6_temporary,
                        .iid = c->ip6_eui64 ? ND_IID_EUI64 : ND_IID_STABLE};
    char s[ADDR_STR_LEN];
    if (c->ip6_none || (!c->ip6_auto && c->ip6_cnt == 0))
        return 0;
    if (h->dev.info.mtu < IP6_MIN_MTU) { /* RFC 8200 5 */
        if (!c->ip6_asked)
            return 0;
        snprintf(err, len, "IPv6 wants an MTU of %d at least, %s has %u", IP6_MIN_MTU, c->ifname,
                 h->dev.info.mtu);
        return -EINVAL;
    }
    stable_secret(nd.secret);
    int r = nd_start(n, now_ns, &nd);
    if (r < 0 && r != -EALREADY) {
        snprintf(err, len, "cannot start IPv6: %s", strerrordesc_np(-r));
        return r;
    }
    for (unsigned k = 0; k < c->ip6_cnt; k++) {
        r = net_addr_add(n, now_ns, &c->ip6[k].addr, c->ip6[k].plen, true, false);
        if (r < 0 && r != -EEXIST) {
            snprintf(err, len, "%s/%u cannot be an address of the stack: %s",
                     addr_str(&c->ip6[k].addr, s), c->ip6[k].plen, strerrordesc_np(-r));
            return r;
        }
    }
    if (c->has_gw6) {
        const struct ust_addr any = {{0}};
        r = route_add(n, &any, 0, &c->gw6, 0);
        if (r < 0 && r != -EEXIST) {
            snprintf(err, len, "%s cannot be a gateway: %s", addr_str(&c->gw6, s),
                     strerrordesc_np(-r));
            return r;
        }
    }
    return 0;
}

/* Number of the interface in this namespace, or of ours if the kernel has none of that name. */
static uint32_t if_index(const char *name) {
    struct ifreq ifr;
    long fd = sys_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return HOST_IFINDEX_OURS;
    memset(&ifr, 0, sizeof ifr);
    memcpy(ifr.ifr_name, name, strnlen(name, sizeof ifr.ifr_name - 1));
    long r = sys_ioctl((int)fd, SIOCGIFINDEX, &ifr);
    sys_close((int)fd);
    return r == 0 ? (uint32_t)ifr.ifr_ifindex : HOST_IFINDEX_OURS;
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
    n->ifindex = if_index(c->ifname);
    return configure_ip6(h, now_ns, err, len);
}

/* Lock held: the first address that somebody else holds. */
static const struct net_addr *find_duplicate(const struct net *n, bool ip4) {
    for (unsigned i = 0; i < NET_ADDR_MAX; i++)
        if (n->addr[i].used && n->addr[i].state == NET_ADDR_DUPLICATE &&
            addr_is_ip4(&n->addr[i].addr) == ip4 && n->addr[i].origin == NET_ADDR_STATIC)
            return &n->addr[i];
    return NULL;
}

static int probe(struct host_local *h, char *err, size_t len) {
    uint64_t now = host_now(), end = now + PROBE_WAIT_NS;
    for (;;) {
        uint64_t now_ns = turn_lock();
        const struct net_addr *a = find_duplicate(&h->st->net, true);
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

/* One look at the device, then sleep until a frame, or the stack's next deadline, or end_ns. */
static void wait_turn(struct host_local *h, uint64_t end_ns) {
    uint64_t now = host_now();
    uint64_t at = UST_MIN(UST_MIN(end_ns, now + 50 * NS_PER_MS),
                          atomic_load_explicit(&h->s->deadline_ns, memory_order_relaxed));
    if (now >= at)
        return;
    struct timespec ts = sleep_time(now, at);
    struct pollfd p = {.fd = dev_fd(), .events = POLLIN};
    sys_ppoll(&p, 1, &ts, NULL);
}

void host_wait_ip6(void) {
    struct host_local *h = &host_local;
    char s[ADDR_STR_LEN];
    uint64_t end = 0;
    for (;;) {
        uint64_t now_ns = turn_lock();
        bool pending = net_ip6_pending(&h->st->net, now_ns);
        end = h->st->net.nd.started_ns + IP6_WAIT_NS;
        const struct net_addr *dup = pending ? NULL : find_duplicate(&h->st->net, false);
        if (dup)
            addr_str(&dup->addr, s);
        turn_unlock(now_ns, NULL, false);
        if (dup)
            host_complain("%s on %s is in use by another machine", s, h->cfg.ifname);
        if (!pending || host_now() >= end)
            return;
        wait_turn(h, end);
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
