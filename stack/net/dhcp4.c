/* SPDX-License-Identifier: ISC */
/*
 * RFC 2131: what is sent when (section 4.4 and figure 5), and which answer counts. What a lease
 * does to the interface is in dhcp4_lease.c.
 *
 * Each state sends one kind of message, `tries` times so far, the next at next_ns. The transaction
 * id changes with each acquisition, renewal and rebinding; an offer and the request for it share
 * one (4.4.1).
 */
#include "net/dhcp4.h"

#include <stdio.h>

#include "net/priv.h"
#include "wire/udp.h"

#define RETRY_MIN_NS (1 * NS_PER_S) /* departs from RFC 2131 4.1 (4 s): a program waits for us */
#define RETRY_MAX_NS (64 * NS_PER_S)
#define REQUEST_TRIES 5
#define RENEW_MIN_NS (60 * NS_PER_S)    /* RFC 2131 4.4.5 */
#define DECLINE_WAIT_NS (10 * NS_PER_S) /* RFC 2131 3.1.5 */
#define DUID_LL 3
#define ID_TYPE_DUID 255

static const char *const state_names[DHCP4S_COUNT] = {
    [DHCP4S_OFF] = "OFF",
    [DHCP4S_INIT] = "INIT",
    [DHCP4S_SELECTING] = "SELECTING",
    [DHCP4S_REQUESTING] = "REQUESTING",
    [DHCP4S_BOUND] = "BOUND",
    [DHCP4S_RENEWING] = "RENEWING",
    [DHCP4S_REBINDING] = "REBINDING",
};

const char *dhcp4_state_name(uint8_t state) {
    return state < DHCP4S_COUNT ? state_names[state] : "?";
}

void dhcp4_set_state(struct net *n, uint64_t now_ns, enum dhcp4_state to, const char *why) {
    struct dhcp4 *d = &n->dhcp4;
    TRACE(&n->c->trace, now_ns, DHCP, "%s -> %s %s", dhcp4_state_name(d->state),
          dhcp4_state_name((uint8_t)to), why);
    d->state = (uint8_t)to;
    d->tries = 0;
}

/* ---- out ---- */

/* Exponential, and nobody in step with us: a quarter more or less. */
static uint64_t retry_ns(struct net *n, uint8_t tries) {
    uint64_t ns = UST_MIN(RETRY_MIN_NS << UST_MIN(tries, 8), RETRY_MAX_NS);
    return ns * 3 / 4 + rng_below(&n->c->rng, (uint32_t)(ns / 2 / NS_PER_US)) * NS_PER_US;
}

static void send(struct net *n, uint64_t now_ns, struct dhcp4_msg *m, const struct ust_addr *src,
                 const struct ust_addr *dst) {
    struct dhcp4 *d = &n->dhcp4;
    m->xid = d->xid;
    m->chaddr = n->link->mac;
    m->secs = (uint16_t)UST_MIN((now_ns - d->start_ns) / NS_PER_S, (uint64_t)0xffff);
    memcpy(m->client_id, d->id, d->id_len);
    m->client_id_len = d->id_len;
    struct pkt_tx *p = link_reserve(n->link);
    if (!p) {
        core_drop(n->c, now_ns, DROP_DHCP_TXQ_FULL);
        return;
    }
    uint8_t *head = pkt_start(p, UDP_HDR_LEN);
    p->own = buf_alloc(&n->c->arena, DHCP4_EMIT_MAX);
    if (!p->own) {
        link_cancel(n->link, p);
        core_drop(n->c, now_ns, DROP_DHCP_MEMORY);
        return;
    }
    struct ust_slice body = slice_of(p->own, dhcp4_emit(m, p->own));
    pkt_add_body(p, body);
    struct udp_hdr h = {DHCP4_CLIENT_PORT, DHCP4_SERVER_PORT, (uint16_t)(UDP_HDR_LEN + body.len)};
    udp_emit(&h, src, dst, &body, 1, head);
    struct ip_flow f = {
        .src = *src, .dst = *dst, .proto = IP_PROTO_UDP, .broadcast_ok = true, .mcast_loop = false};
    d->stats.tx++;
    ip_output(n, now_ns, p, &f);
}

static void say(struct net *n, uint64_t now_ns, const char *what, const struct ust_addr *to) {
    char s[ADDR_STR_LEN];
    struct dhcp4 *d = &n->dhcp4;
    TRACE(&n->c->trace, now_ns, DHCP, "%s sent to %s xid %08x try %u", what, addr_str(to, s),
          d->xid, d->tries + 1u);
}

static const struct ust_addr *zero_addr(void) {
    static const struct ust_addr a = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
    return &a;
}

static const struct ust_addr *everybody(void) {
    static const struct ust_addr a = {
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 255, 255, 255, 255}};
    return &a;
}

/* Every other time we ask to be answered by broadcast: some servers cannot send to an address that nobody has yet (RFC 2131 4.1). */
static bool wants_broadcast(const struct dhcp4 *d) { return d->tries & 1; }

static void discover(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    struct dhcp4_msg m = {.type = DHCP4_DISCOVER,
                          .broadcast = wants_broadcast(d),
                          .max_bytes = (uint16_t)UST_MAX(UST_MIN(n->link->mtu, 1500u), 576u)};
    say(n, now_ns, "DISCOVER", everybody());
    send(n, now_ns, &m, zero_addr(), everybody());
    d->next_ns = now_ns + retry_ns(n, d->tries++);
}

static void begin(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    d->xid = (uint32_t)rng_u64(&n->c->rng);
    d->start_ns = now_ns;
    dhcp4_set_state(n, now_ns, DHCP4S_SELECTING, "");
    discover(n, now_ns);
}

static void restart(struct net *n, uint64_t now_ns, uint64_t wait_ns, const char *why) {
    dhcp4_set_state(n, now_ns, DHCP4S_INIT, why);
    n->dhcp4.next_ns = now_ns + wait_ns;
    if (wait_ns == 0)
        begin(n, now_ns);
}

/* For an offer (RFC 2131 4.3.2: requested address and server), or to go on with a lease (ciaddr). */
static void request(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    bool offered = d->state == DHCP4S_REQUESTING;
    const struct ust_addr *src = offered ? zero_addr() : &d->lease.addr;
    const struct ust_addr *dst = d->state == DHCP4S_RENEWING ? &d->lease.server : everybody();
    struct dhcp4_msg m = {.type = DHCP4_REQUEST,
                          .broadcast = offered && wants_broadcast(d),
                          .max_bytes = (uint16_t)UST_MAX(UST_MIN(n->link->mtu, 1500u), 576u)};
    if (offered) {
        m.requested = d->offer;
        m.server_id = d->server;
    } else {
        m.ciaddr = d->lease.addr;
    }
    if (d->tries == 0)
        d->asked_ns = now_ns;
    say(n, now_ns, "REQUEST", dst);
    send(n, now_ns, &m, src, dst);
    d->tries = (uint8_t)UST_MIN(d->tries + 1, 255);
}

/*
 * RFC 2131 4.4.5: half of what is left, a minute at least; departs for short leases, which would end
 * before that minute: a quarter of the time between T1 and T2, a second at least.
 */
static void wait_for_renewal(struct dhcp4 *d, uint64_t now_ns, uint64_t end_ns) {
    uint64_t least = UST_MAX((d->lease.t2_ns - d->lease.t1_ns) / 4, NS_PER_S);
    uint64_t half = (end_ns - now_ns) / 2;
    d->next_ns = UST_MIN(now_ns + UST_MAX(half, UST_MIN(least, RENEW_MIN_NS)), end_ns);
}

static void decline(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    struct dhcp4_msg m = {
        .type = DHCP4_DECLINE, .requested = d->lease.addr, .server_id = d->lease.server};
    d->declined = false;
    d->stats.declines++;
    dhcp4_unbind(n, now_ns);
    d->xid = (uint32_t)rng_u64(&n->c->rng);
    d->tries = 0;
    say(n, now_ns, "DECLINE", everybody());
    send(n, now_ns, &m, zero_addr(), everybody());
    restart(n, now_ns, DECLINE_WAIT_NS, "address in use by another machine");
}

/* ---- time ---- */

static void again(struct net *n, uint64_t now_ns, enum dhcp4_state to) {
    struct dhcp4 *d = &n->dhcp4;
    d->xid = (uint32_t)rng_u64(&n->c->rng);
    d->start_ns = now_ns;
    dhcp4_set_state(n, now_ns, to, "");
}

/* The lease's times have precedence over whatever else is due. True: a state was entered for one of them. */
static bool tick_lease(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    if (!d->bound)
        return false;
    if (now_ns >= d->lease.end_ns) {
        d->stats.expiries++;
        dhcp4_unbind(n, now_ns);
        restart(n, now_ns, 0, "lease expired");
        return true;
    }
    if (now_ns >= d->lease.t2_ns && d->state != DHCP4S_REBINDING)
        again(n, now_ns, DHCP4S_REBINDING);
    else if (now_ns >= d->lease.t1_ns && d->state == DHCP4S_BOUND)
        again(n, now_ns, DHCP4S_RENEWING);
    return false;
}

void dhcp4_tick(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    if (d->declined) {
        decline(n, now_ns);
        return;
    }
    if (tick_lease(n, now_ns))
        return;
    switch ((enum dhcp4_state)d->state) {
    case DHCP4S_INIT:
        begin(n, now_ns);
        break;
    case DHCP4S_SELECTING:
        discover(n, now_ns);
        d->tries = (uint8_t)UST_MIN(d->tries, 254);
        break;
    case DHCP4S_REQUESTING:
        if (d->tries >= REQUEST_TRIES) {
            restart(n, now_ns, 0, "no answer to the request");
            break;
        }
        request(n, now_ns);
        d->next_ns = now_ns + retry_ns(n, (uint8_t)(d->tries - 1));
        break;
    case DHCP4S_RENEWING:
        request(n, now_ns);
        wait_for_renewal(d, now_ns, d->lease.t2_ns);
        break;
    case DHCP4S_REBINDING:
        request(n, now_ns);
        wait_for_renewal(d, now_ns, d->lease.end_ns);
        break;
    case DHCP4S_OFF:
    case DHCP4S_BOUND:
    case DHCP4S_COUNT:
        d->next_ns = d->bound ? d->lease.t1_ns : TIME_NEVER;
        break;
    }
}

/* ---- in ---- */

static enum drop rx_offer(struct net *n, uint64_t now_ns, const struct dhcp4_msg *m) {
    struct dhcp4 *d = &n->dhcp4;
    char a[ADDR_STR_LEN], s[ADDR_STR_LEN], why[2 * ADDR_STR_LEN + 16];
    if (d->state != DHCP4S_SELECTING)
        return DROP_DHCP_UNEXPECTED;
    if (addr_is_any(&m->server_id) || !net_is_host_addr(&m->yiaddr, m->plen ? m->plen : 128))
        return DROP_DHCP_OFFER;
    d->offer = m->yiaddr;
    d->server = m->server_id;
    snprintf(why, sizeof why, "offer of %s by %s", addr_str(&m->yiaddr, a),
             addr_str(&m->server_id, s));
    dhcp4_set_state(n, now_ns, DHCP4S_REQUESTING, why);
    request(n, now_ns);
    d->next_ns = now_ns + retry_ns(n, 0);
    return DROP_NONE;
}

static enum drop rx_ack(struct net *n, uint64_t now_ns, const struct dhcp4_msg *m) {
    struct dhcp4 *d = &n->dhcp4;
    if (d->state != DHCP4S_REQUESTING && d->state != DHCP4S_RENEWING &&
        d->state != DHCP4S_REBINDING)
        return DROP_DHCP_ACK_LATE;
    if (d->state == DHCP4S_REQUESTING && !addr_eq(&m->server_id, &d->server))
        return DROP_DHCP_SERVER;
    if (m->lease_s == 0 || addr_is_any(&m->server_id) ||
        !net_is_host_addr(&m->yiaddr, m->plen ? m->plen : 128))
        return DROP_DHCP_LEASE;
    d->failures = 0;
    dhcp4_bind(n, now_ns, m);
    return DROP_NONE;
}

static enum drop rx_nak(struct net *n, uint64_t now_ns, const struct dhcp4_msg *m) {
    struct dhcp4 *d = &n->dhcp4;
    char why[DHCP4_TEXT_BYTES + 24];
    if (d->state != DHCP4S_REQUESTING && d->state != DHCP4S_RENEWING &&
        d->state != DHCP4S_REBINDING)
        return DROP_DHCP_NAK_LATE;
    if (d->state == DHCP4S_REQUESTING && !addr_eq(&m->server_id, &d->server))
        return DROP_DHCP_NAK_SERVER;
    d->stats.naks++;
    dhcp4_unbind(n, now_ns);
    snprintf(why, sizeof why, "refused (NAK) %s", m->text);
    restart(n, now_ns, d->failures ? retry_ns(n, d->failures) : 0, why);
    d->failures = (uint8_t)UST_MIN(d->failures + 1, 255);
    return DROP_NONE;
}

bool dhcp4_takes(const struct net *n, const struct ip_rx *rx) {
    uint16_t sport, dport;
    return n->dhcp4.state != DHCP4S_OFF && rx->proto == IP_PROTO_UDP && !rx->looped &&
           !rx->dst_multicast && udp_parse_ports(rx->payload, &sport, &dport) &&
           sport == DHCP4_SERVER_PORT && dport == DHCP4_CLIENT_PORT;
}

enum drop dhcp4_rx(struct net *n, uint64_t now_ns, const struct ip_rx *rx) {
    struct dhcp4 *d = &n->dhcp4;
    struct udp_hdr h;
    struct ust_slice body;
    struct dhcp4_msg m;
    enum drop r = udp_parse(rx->payload, &rx->src, &rx->dst, rx->csum_ok, &h, &body);
    if (r == DROP_NONE)
        r = dhcp4_parse(body, &m);
    if (r != DROP_NONE)
        return r;
    if (!m.reply || m.xid != d->xid || !mac_eq(&m.chaddr, &n->link->mac))
        return DROP_DHCP_XID;
    if (m.client_id_len && /* RFC 6842 3 */
        (m.client_id_len != d->id_len || memcmp(m.client_id, d->id, d->id_len) != 0))
        return DROP_DHCP_CLIENT_ID;
    d->stats.rx++;
    switch (m.type) {
    case DHCP4_OFFER:
        r = rx_offer(n, now_ns, &m);
        break;
    case DHCP4_ACK:
        r = rx_ack(n, now_ns, &m);
        break;
    case DHCP4_NAK:
        r = rx_nak(n, now_ns, &m);
        break;
    default:
        return DROP_DHCP_TYPE;
    }
    net_timer_arm(n);
    return r;
}

void dhcp4_conflict(struct net *n, uint64_t now_ns, const struct ust_addr *a) {
    struct dhcp4 *d = &n->dhcp4;
    if (!d->bound || !addr_eq(&d->lease.addr, a))
        return;
    d->declined = true; /* the caller walks the addresses: not now */
    d->next_ns = now_ns;
}

/* ---- begin and end ---- */

/* RFC 4361 6.1: type, IAID, DUID (RFC 8415 11.4). Not the MAC address alone: the kernel's client on
 * the same interface is another one. */
static void make_id(struct dhcp4 *d, uint32_t iaid, const struct ust_mac *mac) {
    const uint8_t id[] = {ID_TYPE_DUID,
                          (uint8_t)(iaid >> 24),
                          (uint8_t)(iaid >> 16),
                          (uint8_t)(iaid >> 8),
                          (uint8_t)iaid,
                          0,
                          DUID_LL,
                          0,
                          1};
    memcpy(d->id, id, sizeof id);
    memcpy(d->id + sizeof id, mac->b, 6);
    d->id_len = sizeof id + 6;
}

void dhcp4_start(struct net *n, uint64_t now_ns, uint32_t iaid, bool keep_mtu) {
    struct dhcp4 *d = &n->dhcp4;
    if (d->state != DHCP4S_OFF)
        return;
    memset(d, 0, sizeof *d);
    d->keep_mtu = keep_mtu;
    make_id(d, iaid, &n->link->mac);
    restart(n, now_ns, 0, "");
    net_timer_arm(n);
}

void dhcp4_stop(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    if (d->state == DHCP4S_OFF)
        return;
    dhcp4_unbind(n, now_ns);
    dhcp4_set_state(n, now_ns, DHCP4S_OFF, "");
    d->next_ns = TIME_NEVER;
    net_timer_arm(n);
}

void dhcp4_release(struct net *n, uint64_t now_ns) {
    struct dhcp4 *d = &n->dhcp4;
    if (d->state != DHCP4S_OFF && d->bound) {
        struct dhcp4_msg m = {
            .type = DHCP4_RELEASE, .ciaddr = d->lease.addr, .server_id = d->lease.server};
        d->xid = (uint32_t)rng_u64(&n->c->rng);
        d->start_ns = now_ns;
        d->tries = 0;
        say(n, now_ns, "RELEASE", &d->lease.server);
        send(n, now_ns, &m, &d->lease.addr, &d->lease.server);
    }
    dhcp4_stop(n, now_ns);
}
