/* SPDX-License-Identifier: ISC */
/*
 * Numbers that nobody may guess: initial sequence numbers (RFC 6528), timestamp offsets (RFC 7323 7.1), SYN cookies (RFC 4987 3.6).
 * All are keyed hashes of the 4-tuple with a word in front that keeps the purposes apart.
 *
 * A cookie is: irs + hash, 5 bits of a minute counter on top, 3 bits of MSS. The other options travel in the low 6 bits of our timestamp, which
 * the peer echoes (as Linux does, net/ipv4/syncookies.c): 4 bits of window scale (15: none), SACK-permitted, ECN. A peer without timestamps
 * loses them, which is why cookies are sent only when the SYN queue is full.
 */
#include "tcp/tcb.h"

enum purpose { FOR_ISN = 1, FOR_TS, FOR_COOKIE, FOR_FASTOPEN };

static uint64_t keyed(const struct tcp *t, enum purpose why, const struct tcp_ep *ep, bool ports,
                      uint64_t extra) {
    uint8_t b[48] = {(uint8_t)why};
    memcpy(b + 4, ep->laddr.b, 16);
    memcpy(b + 20, ep->raddr.b, 16);
    if (ports) {
        memcpy(b + 36, &ep->lport, 2);
        memcpy(b + 38, &ep->rport, 2);
    }
    memcpy(b + 40, &extra, 8);
    return siphash(&t->c->key, b, sizeof b);
}

/* RFC 6528 3: ISN = M + F(4-tuple, secret), M a clock of 4 us. RFC 9293 3.4.1 MUST-8, SHLD-1, MUST-9. */
seq_t tcp_isn(const struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep) {
    return seq_of((uint32_t)keyed(t, FOR_ISN, ep, true, 0) + (uint32_t)(now_ns / 4000));
}

/* By address pair, so that timestamps grow from one connection to the next (RFC 6191) as on Linux. */
uint32_t tcp_ts_offset(const struct tcp *t, const struct tcp_ep *ep) {
    return (uint32_t)keyed(t, FOR_TS, ep, false, 0);
}

/* RFC 7413 4.1.2. */
uint64_t tcp_fo_hash(const struct tcp *t, const struct tcp_ep *ep, uint64_t epoch) {
    return keyed(t, FOR_FASTOPEN, ep, false, epoch);
}

/* Linux's table (net/ipv4/syncookies.c), ours has eight. */
static const uint16_t cookie_mss[8] = {216, 536, 1160, 1220, 1300, 1400, 1440, 1460};
#define COOKIE_MINUTES_OK 2

static seq_t cookie_at(const struct tcp *t, const struct tcp_ep *ep, seq_t irs, uint32_t minute,
                       uint32_t mss_idx) {
    uint32_t h = (uint32_t)keyed(t, FOR_COOKIE, ep, true, (uint64_t)minute << 8 | mss_idx);
    return seq_of(irs.v + ((h & 0x00ffffffu) | (minute & 31) << 27 | mss_idx << 24));
}

seq_t tcp_cookie_make(struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep, seq_t irs,
                      uint16_t mss) {
    uint32_t i = UST_ARRAY_CNT(cookie_mss) - 1;
    while (i > 0 && cookie_mss[i] > mss)
        i--;
    t->stats.cookies_sent++;
    return cookie_at(t, ep, irs, (uint32_t)(now_ns / (60 * NS_PER_S)), i);
}

uint16_t tcp_cookie_check(struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep, seq_t irs,
                          seq_t cookie) {
    uint32_t now = (uint32_t)(now_ns / (60 * NS_PER_S));
    uint32_t top = (cookie.v - irs.v) >> 24;
    uint32_t age = (now - (top >> 3)) & 31;
    if (age <= COOKIE_MINUTES_OK && age <= now &&
        seq_eq(cookie_at(t, ep, irs, now - age, top & 7), cookie)) {
        t->stats.cookies_ok++;
        return cookie_mss[top & 7];
    }
    t->stats.cookies_failed++;
    return 0;
}

#define TS_OPT_BITS 6
#define TS_WSCALE 15u /* mask, and: no window scaling */
#define TS_SACK 16u
#define TS_ECN 32u

uint32_t tcp_cookie_ts(const struct tcp *t, uint64_t now_ns, const struct tcp_ep *ep,
                       const struct tcp_opts *o, bool ecn) {
    uint32_t now = (uint32_t)(now_ns / NS_PER_MS);
    uint32_t bits = (o->has_wscale ? UST_MIN((uint32_t)o->wscale, 14u) : TS_WSCALE) |
                    (o->sack_ok ? TS_SACK : 0) | (ecn ? TS_ECN : 0);
    uint32_t ts = now >> TS_OPT_BITS << TS_OPT_BITS | bits;
    if ((int32_t)(ts - now) > 0) /* what follows must not look older (RFC 7323 5) */
        ts -= 1u << TS_OPT_BITS;
    return ts + tcp_ts_offset(t, ep);
}

bool tcp_cookie_ts_read(const struct tcp *t, const struct tcp_ep *ep, uint32_t ts_ecr,
                        struct tcp_opts *o) {
    uint32_t bits = ts_ecr - tcp_ts_offset(t, ep);
    o->has_wscale = (bits & TS_WSCALE) != TS_WSCALE;
    o->wscale = o->has_wscale ? (uint8_t)(bits & TS_WSCALE) : 0;
    o->sack_ok = bits & TS_SACK;
    return bits & TS_ECN;
}
