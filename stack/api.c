/* SPDX-License-Identifier: ISC */
/* Birth, end and repair of a stack: the layers in their order. */
#include "stack.h"

void stack_cfg_default(struct stack_cfg *cfg) {
    memset(cfg, 0, sizeof *cfg);
    tcp_cfg_default(&cfg->tcp);
}

struct stack *stack_init(void *mem, uint64_t size, const struct stack_cfg *cfg, uint64_t now_ns) {
    static const struct ust_mac no_mac = {{0}};
    struct stack *st = (struct stack *)mem;
    struct core *c = &st->core;
    uint8_t key[16];

    if (size < 4u * 1024 * 1024)
        return NULL;
    if (arena_init(&c->arena, mem, size & ~(uint64_t)(ARENA_SPAN_BYTES - 1), sizeof *st) < 0)
        return NULL;
    st->root_bytes = sizeof *st;
    st->started_ns = now_ns;
    wheel_init(&c->wheel, now_ns);
    rng_init(&c->rng, cfg->seed);
    for (size_t i = 0; i < sizeof key; i += 8) {
        uint64_t r = rng_u64(&c->rng);
        memcpy(key + i, &r, 8);
    }
    memcpy(&c->key, key, sizeof c->key);
    c->trace.on = cfg->trace_on;
    c->trace.on_debug = cfg->trace_debug;
    c->trace.wall_off_ns = cfg->wall_off_ns;
    st->fault = cfg->fault;

    if (link_init(&st->link, c, &no_mac, 1500, 0, 0) < 0)
        return NULL;
    if (net_init(&st->net, c, &st->link, now_ns) < 0)
        return NULL;
    st->net.loopback_here = cfg->loopback_here;
    if (udp_init(&st->udp, c, &st->net) < 0)
        return NULL;
    if (tcp_init(&st->tcp, c, &st->net, &cfg->tcp, now_ns) < 0)
        return NULL;
    if (socks_init(&st->socks, c, &st->net, &st->udp, &st->tcp) < 0)
        return NULL;
    st->magic = STACK_MAGIC;
    return st;
}

void stack_fini(struct stack *st, uint64_t now_ns) {
    (void)now_ns;
    st->magic = 0;
    socks_fini(&st->socks);
    tcp_fini(&st->tcp);
    udp_fini(&st->udp);
    net_fini(&st->net);
    link_fini(&st->link);
}

int stack_up(struct stack *st, uint64_t now_ns, const struct ust_mac *mac, uint32_t mtu,
             uint32_t features, uint32_t gso_max_bytes) {
    if (st->up)
        return -EALREADY;
    if (mtu < 68)
        return -EINVAL; /* RFC 791 3.2: every link carries 68 bytes */
    st->link.mac = *mac;
    st->link.mtu = mtu;
    st->link.features = features;
    st->link.gso_max_bytes = gso_max_bytes;
    if (st->fault.on) {
        int r = fault_attach(&st->link, &st->fault, now_ns);
        if (r < 0)
            return r;
    }
    st->up = true;
    TRACE(&st->core.trace, now_ns, LINK, "up mtu %u features%s%s%s%s gso %u%s", mtu,
          features & LINK_F_CSUM ? " csum" : "", features & LINK_F_TSO4 ? " tso4" : "",
          features & LINK_F_TSO6 ? " tso6" : "", features & LINK_F_USO ? " uso" : "", gso_max_bytes,
          st->fault.on ? " fault" : "");
    return 0;
}

/* An object that the dead holder of the lock was writing to may be torn: what it stands for is reset. */
static void reset_touched(struct stack *st, uint64_t now_ns) {
    uint32_t cnt = UST_MIN(st->touched_cnt, (uint32_t)UST_ARRAY_CNT(st->touched));
    for (uint32_t i = 0; i < cnt; i++) {
        void *obj = st->touched[i];
        if (obj == NULL || !slab_is_alive(&st->core.arena, obj))
            continue;
        if (slab_kind_of(&st->core.arena, obj) != SLAB_TCB)
            continue;
        tcp_abort(&st->tcp, now_ns, (struct tcb *)obj, true);
    }
    st->touched_cnt = 0;
}

void stack_rebuild(struct stack *st, uint64_t now_ns) {
    slab_rebuild(&st->core.arena);
    wheel_init(&st->core.wheel, now_ns); /* the layers put their armed timers on it again */
    net_rebuild(&st->net);
    udp_rebuild(&st->udp);
    tcp_rebuild(&st->tcp, now_ns);
    socks_rebuild(&st->socks);
    reset_touched(st, now_ns);
    TRACE(&st->core.trace, now_ns, PROC, "lock holder died: derived structures rebuilt");
}

const char *stack_check(struct stack *st) {
    const char *e = arena_check(&st->core.arena);
    if (e == NULL)
        e = wheel_check(&st->core.wheel);
    if (e == NULL)
        e = net_check(&st->net);
    if (e == NULL)
        e = udp_check(&st->udp);
    if (e == NULL)
        e = tcp_check(&st->tcp);
    if (e == NULL)
        e = socks_check(&st->socks);
    return e;
}
