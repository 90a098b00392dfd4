/* SPDX-License-Identifier: ISC */
/*
 * Round trip time and RTO (RFC 6298), in the form that Linux gave it: rttvar is the largest mean deviation of a flight, never below 200 ms, so
 * RTO = srtt + rttvar; and a sample far below srtt raises the deviation by an eighth only, as it is good news.
 */
#include "tcp/tcb.h"

#define MIN_RTT_WINDOW_NS (300 * NS_PER_S)

void tcp_rtt_init(struct tcp_rtt *r) {
    memset(r, 0, sizeof *r);
    r->rto_ns = TCP_RTO_INIT_NS;
    r->min_ns = UINT64_MAX;
}

void tcp_rtt_sample(struct tcp_rtt *r, uint64_t now_ns, uint64_t rtt_ns, seq_t snd_una,
                    seq_t snd_nxt) {
    if (rtt_ns == 0)
        rtt_ns = 1;
    if (rtt_ns <= r->min_ns || now_ns - r->min_at_ns > MIN_RTT_WINDOW_NS) {
        r->min_ns = rtt_ns;
        r->min_at_ns = now_ns;
    }
    if (r->srtt_ns == 0) { /* RFC 6298 2.2 */
        r->srtt_ns = rtt_ns;
        r->mdev_ns = rtt_ns / 2;
        r->rttvar_ns = UST_MAX(2 * rtt_ns, TCP_RTO_MIN_NS);
        r->mdev_max_ns = r->rttvar_ns;
        r->rtt_seq = snd_nxt;
    } else { /* RFC 6298 2.3 */
        int64_t err = (int64_t)rtt_ns - (int64_t)r->srtt_ns;
        int64_t dev = (err < 0 ? -err : err) - (int64_t)r->mdev_ns;
        if (err < 0 && dev > 0)
            dev /= 8;
        r->srtt_ns = (uint64_t)((int64_t)r->srtt_ns + err / 8);
        r->mdev_ns = (uint64_t)((int64_t)r->mdev_ns + dev / 4);
        /* mdev here is a quarter of what Linux keeps: four of them make rttvar. */
        uint64_t var = r->mdev_ns * 4;
        if (var > r->mdev_max_ns) {
            r->mdev_max_ns = var;
            if (var > r->rttvar_ns)
                r->rttvar_ns = var;
        }
        if (seq_gt(snd_una, r->rtt_seq)) {
            if (r->mdev_max_ns < r->rttvar_ns)
                r->rttvar_ns -= (r->rttvar_ns - r->mdev_max_ns) / 4;
            r->rtt_seq = snd_nxt;
            r->mdev_max_ns = TCP_RTO_MIN_NS;
        }
    }
    r->rto_ns = UST_MIN(r->srtt_ns + r->rttvar_ns, TCP_RTO_MAX_NS);
}
