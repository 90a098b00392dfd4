/* SPDX-License-Identifier: ISC */
/*
 * One turn of the loop: what is due inside (timers, delayed and looped frames, errors), then one output for each dirty connection,
 * then the news for sockets. Everything in it is bounded, so that a turn ends; what is left is due at once, which
 * stack_deadline() says.
 */
#include "stack.h"
#include "stack_priv.h"

#define TURN_TIMERS 4096 /* fired a turn, at most */
#define TURN_HELD 512    /* looped and delayed frames a turn, at most */
#define TURN_ROUNDS 64   /* send-to-ourselves rounds a turn, at most */

static void turn_timers(struct stack *st, uint64_t now_ns) {
    for (int i = 0; i < TURN_TIMERS; i++) {
        struct timer *t = wheel_pop(&st->core.wheel, now_ns);
        if (t == NULL)
            return;
        switch ((enum timer_kind)t->kind) {
        case TIMER_TCB:
        case TIMER_TCP_TW:
        case TIMER_TCP_LISTENER:
            tcp_timer(&st->tcp, now_ns, t);
            break;
        case TIMER_NEIGH:
        case TIMER_NET:
        case TIMER_REASS:
        case TIMER_PMTU:
            net_timer(&st->net, now_ns, t);
            break;
        case TIMER_FAULT:
            link_timer(&st->link, now_ns, t);
            break;
        case TIMER_SOCK:
        case TIMER_NONE:
        case TIMER_TEST:
        case TIMER_KIND_COUNT:
            assert(!"a timer of a kind that nobody arms here");
        }
    }
}

/* Frames that wait inside: looped ones, and received ones that the fault link has held back. True if there was any. */
static bool turn_held(struct stack *st, uint64_t now_ns) {
    struct pkt_rx p;
    int n = 0;
    while (n < TURN_HELD && link_held_next(&st->link, now_ns, &p)) {
        stack_rx_frame(st, now_ns, &p);
        link_held_done(&st->link);
        n++;
    }
    return n > 0;
}

void stack_ip_error(struct stack *st, uint64_t now_ns, const struct ip_error *e) {
    if (e->proto == IP_PROTO_TCP)
        tcp_ip_error(&st->tcp, now_ns, e);
    else if (!udp_ip_error(&st->udp, now_ns, e))
        core_drop_flow(&st->core, now_ns, DROP_ICMP_NO_OWNER, &e->src, -1, &e->dst, -1);
}

/* What net has to say on its own: neighbours that do not answer. */
static void turn_errors(struct stack *st, uint64_t now_ns) {
    struct ip_error e;
    while (net_error_pop(&st->net, &e))
        stack_ip_error(st, now_ns, &e);
}

bool stack_turn(struct stack *st, uint64_t now_ns) {
    bool more = false;
    st->turns++;
    turn_timers(st, now_ns);
    for (int round = 0; round < TURN_ROUNDS; round++) {
        bool held = turn_held(st, now_ns);
        turn_errors(st, now_ns);
        /* RFC 9293 3.10.7.4 MUST-58, MUST-59 */
        more = tcp_flush(&st->tcp, now_ns);
        if (more || (!held && st->link.loop_head == st->link.loop_tail))
            break;
    }
    turn_errors(st, now_ns);
    socks_events(&st->socks, now_ns);
    return more;
}

uint64_t stack_deadline(const struct stack *st) {
    if (st->link.loop_head != st->link.loop_tail)
        return 0;
    return wheel_next(&st->core.wheel);
}
