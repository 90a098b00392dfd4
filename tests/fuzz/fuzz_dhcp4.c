/* SPDX-License-Identifier: ISC */
/*
 * The DHCP client and its codec. The input is a script: a byte below 0x80 is a message of that type (low 3 bits) whose options are
 * the next (length byte) bytes, from the server to us, with our transaction id unless bit 0x40 is set, sname and file filled with the same
 * bytes if bit 0x20 is set; a byte from 0x80 on lets (low 7 bits)^2 seconds pass. Whatever comes: no more than one address, its routes
 * and no others, one message a second at most over time, nothing left when the client stops.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "net/net.h"
#include "wire/dhcp4.h"
#include "wire/udp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define ARENA_BYTES (32u * 1024 * 1024)
#define FIXED_BYTES 240

static struct root {
    struct core core;
    struct link link;
    struct net net;
} * root;
static uint64_t now;

static void must(bool claim) {
    if (!claim)
        abort();
}

static void start(void) {
    static const uint8_t secret[16] = "fuzz dhcp secret";
    static const struct ust_mac mac = {{2, 0, 0, 0, 0, 2}};
    static void *mem;
    if (!mem) {
        mem = mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        must(mem != MAP_FAILED);
    }
    madvise(mem, ARENA_BYTES, MADV_DONTNEED);
    root = (struct root *)mem;
    now = 1000 * NS_PER_S;
    must(arena_init(&root->core.arena, mem, ARENA_BYTES, sizeof *root) == 0);
    wheel_init(&root->core.wheel, now);
    rng_init(&root->core.rng, secret);
    must(link_init(&root->link, &root->core, &mac, 1500, 0, 0) == 0);
    must(net_init(&root->net, &root->core, &root->link, now) == 0);
}

static void drain(void) {
    while (link_tx_peek(&root->link))
        link_tx_done(&root->link);
}

static void check(void) {
    const struct net *n = &root->net;
    unsigned addrs = 0, routes = 0;
    for (unsigned i = 0; i < NET_ADDR_MAX; i++)
        addrs += n->addr[i].used;
    for (unsigned i = 0; i < NET_ROUTE_MAX; i++)
        routes += n->route[i].used;
    must(addrs == (n->dhcp4.bound ? 1u : 0u));
    must(routes == (n->dhcp4.bound ? n->dhcp4.lease.route_cnt : 0u));
    must(n->link->mtu >= 576 && n->link->mtu <= 1500);
    must(n->dhcp4.state == DHCP4S_OFF || n->dhcp4.next_ns != TIME_NEVER ||
         (n->dhcp4.bound && n->dhcp4.lease.lease_s == DHCP4_FOREVER));
    must(net_check(&root->net) == NULL);
}

static void pass_time(uint64_t ns) {
    uint64_t end = now + ns, next, tx = root->net.dhcp4.stats.tx;
    struct timer *t;
    while ((next = wheel_next(&root->core.wheel)) <= end) {
        now = UST_MAX(now, next);
        while ((t = wheel_pop(&root->core.wheel, now)) != NULL)
            net_timer(&root->net, now, t);
        drain();
    }
    now = end;
    /* Half a second at least between two messages of the same kind; a few kinds. */
    must(root->net.dhcp4.stats.tx - tx <= ns / (NS_PER_S / 2) + 4);
    check();
}

static void message(uint8_t how, struct ust_slice options) {
    uint8_t b[UDP_HDR_LEN + FIXED_BYTES + 3 + 256];
    uint8_t *m = b + UDP_HDR_LEN;
    const struct ust_addr src = addr_from_ip4(0x0a000001), dst = addr_from_ip4(0xffffffff);
    struct dhcp4_msg out = {.reply = true,
                            .type = how & 7,
                            .xid = root->net.dhcp4.xid + (how & 0x40 ? 1 : 0),
                            .yiaddr = addr_from_ip4(0x0a000005 + (how >> 3 & 1)),
                            .chaddr = root->link.mac};
    uint8_t plain[DHCP4_EMIT_MAX];
    dhcp4_emit(&out, plain);
    memcpy(m, plain, FIXED_BYTES + 3); /* and the type */
    if (how & 0x20) {
        memcpy(m + 44, options.p, UST_MIN(options.len, 64u));
        memcpy(m + 108, options.p, UST_MIN(options.len, 128u));
    }
    memcpy(m + FIXED_BYTES + 3, options.p, options.len);
    size_t len = FIXED_BYTES + 3 + options.len;
    struct dhcp4_msg got;
    if (dhcp4_parse(slice_of(m, len), &got) == DROP_NONE) {
        must(got.router_cnt <= DHCP4_ROUTER_MAX && got.dns_cnt <= DHCP4_DNS_MAX);
        must(got.route_cnt <= DHCP4_ROUTE_MAX && got.client_id_len <= DHCP4_ID_MAX);
        must(memchr(got.domain, 0, sizeof got.domain) && memchr(got.text, 0, sizeof got.text));
    }
    struct udp_hdr h = {67, 68, (uint16_t)(UDP_HDR_LEN + len)};
    udp_emit_nocsum(&h, b);
    struct ip_rx rx = {.src = src,
                       .dst = dst,
                       .proto = IP_PROTO_UDP,
                       .dst_broadcast = true,
                       .payload = slice_of(b, UDP_HDR_LEN + len)};
    must(dhcp4_takes(&root->net, &rx));
    dhcp4_rx(&root->net, now, &rx);
    drain();
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    start();
    dhcp4_start(&root->net, now, 1, false);
    drain();
    while (len > 0) {
        uint8_t op = *data++;
        len--;
        if (op & 0x80) {
            pass_time((uint64_t)(op & 0x7f) * (op & 0x7f) * NS_PER_S);
            continue;
        }
        size_t n = len ? UST_MIN((size_t)data[0], len - 1) : 0;
        if (len) {
            data++;
            len--;
        }
        message(op, slice_of(data, n));
        data += n;
        len -= n;
    }
    dhcp4_stop(&root->net, now);
    check();
    must(root->link.mtu == 1500);
    net_fini(&root->net);
    link_fini(&root->link);
    must(root->core.wheel.cnt == 0);
    return 0;
}
