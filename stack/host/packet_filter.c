/* SPDX-License-Identifier: ISC */
#include "host/dev_packet.h"

#define TAKE 0x40000 /* all of the frame */
#define OFF_TYPE 12
#define OFF_IP4_DST 30
#define OFF_IP6_DST 38

struct emit {
    struct sock_filter *prog;
    unsigned len;
};

static void emit(struct emit *e, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k) {
    if (e->len < PACKET_FILTER_MAX)
        e->prog[e->len++] = (struct sock_filter){code, jt, jf, k};
}

static void load32(struct emit *e, uint32_t off) { emit(e, BPF_LD | BPF_W | BPF_ABS, 0, 0, off); }
static void load16(struct emit *e, uint32_t off) { emit(e, BPF_LD | BPF_H | BPF_ABS, 0, 0, off); }
static void verdict(struct emit *e, bool take) { emit(e, BPF_RET | BPF_K, 0, 0, take ? TAKE : 0); }
/* The value loaded is k: taken. */
static void take_if(struct emit *e, uint32_t k) {
    emit(e, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
    verdict(e, true);
}

/* Unicast to another MAC: refused. */
static void check_mac(struct emit *e, const struct ust_mac *m) {
    emit(e, BPF_LD | BPF_B | BPF_ABS, 0, 0, 0);
    emit(e, BPF_JMP | BPF_JSET | BPF_K, 5, 0, 1);
    load32(e, 0);
    emit(e, BPF_JMP | BPF_JEQ | BPF_K, 0, 2,
         (uint32_t)m->b[0] << 24 | (uint32_t)m->b[1] << 16 | (uint32_t)m->b[2] << 8 | m->b[3]);
    load16(e, 4);
    emit(e, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (uint32_t)m->b[4] << 8 | m->b[5]);
    verdict(e, false);
}

static void take_ip4(struct emit *e, const struct net *n) {
    unsigned cnt = 0;
    load32(e, OFF_IP4_DST);
    for (unsigned i = 0; i < NET_ADDR_MAX; i++) {
        const struct net_addr *a = &n->addr[i];
        if (!a->used || !addr_is_ip4(&a->addr))
            continue;
        cnt++;
        take_if(e, addr_ip4(&a->addr));
        if (a->plen > 96 && a->plen < 127)
            take_if(e, addr_ip4(&a->addr) | ((1u << (128 - a->plen)) - 1));
    }
    for (unsigned i = 0; i < NET_GROUP_MAX; i++)
        if (n->group[i].refs > 0 && addr_is_ip4(&n->group[i].addr))
            take_if(e, addr_ip4(&n->group[i].addr));
    take_if(e, 0xffffffff);
    take_if(e, 0xe0000001);
    verdict(e, cnt == 0);
}

static void take_ip6(struct emit *e, const struct net *n) {
    unsigned cnt = 0;
    for (unsigned i = 0; i < NET_ADDR_MAX; i++) {
        const struct net_addr *a = &n->addr[i];
        if (!a->used || addr_is_ip4(&a->addr))
            continue;
        cnt++;
        for (unsigned w = 0; w < 4; w++) {
            const uint8_t *b = a->addr.b + 4 * w;
            load32(e, OFF_IP6_DST + 4 * w);
            emit(e, BPF_JMP | BPF_JEQ | BPF_K, 0, (uint8_t)(7 - 2 * w),
                 (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]);
        }
        verdict(e, true);
    }
    if (cnt > 0) {
        emit(e, BPF_LD | BPF_B | BPF_ABS, 0, 0, OFF_IP6_DST);
        take_if(e, 0xff);
    }
    verdict(e, false);
}

unsigned packet_filter(struct sock_filter prog[PACKET_FILTER_MAX], const struct ust_mac *mac,
                       const struct net *n) {
    struct emit e = {prog, 0};
    check_mac(&e, mac);
    load16(&e, OFF_TYPE);
    take_if(&e, 0x0806);
    emit(&e, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0x0800);
    unsigned over = e.len;
    emit(&e, BPF_JMP | BPF_JA, 0, 0, 0);
    take_ip4(&e, n);
    e.prog[over].k = e.len - over - 1;
    emit(&e, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 0x86dd);
    verdict(&e, false);
    take_ip6(&e, n);
    return e.len;
}
