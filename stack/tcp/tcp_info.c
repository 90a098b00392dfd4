/* SPDX-License-Identifier: ISC */
/* TCP_INFO, in Linux's units. */
#include "tcp/tcb.h"

static uint32_t us(uint64_t ns) { return (uint32_t)UST_MIN(ns / NS_PER_US, (uint64_t)UINT32_MAX); }
static uint32_t ms_since(uint64_t now_ns, uint64_t then_ns) {
    return then_ns ? (uint32_t)((now_ns - then_ns) / NS_PER_MS) : 0;
}
static uint32_t segs(const struct tcb *tb, uint32_t bytes) {
    uint32_t mss = UST_MAX(tb->snd_mss, 1u);
    return (bytes + mss - 1) / mss;
}

/* TCPI_OPT_* */
#define OPT_TIMESTAMPS 1
#define OPT_SACK 2
#define OPT_WSCALE 4
#define OPT_ECN 8
#define OPT_SYN_DATA 32

void tcp_chrono_update(struct tcb *tb, uint64_t now_ns) {
    enum tcp_chrono is = TCP_CHRONO_BUSY;
    if (tcb_outstanding(tb) == 0 && tcb_unsent(tb) == 0)
        is = TCP_CHRONO_IDLE;
    else if (tb->wnd_limited)
        is = TCP_CHRONO_RWND;
    else if (tb->nospace && tcb_unsent(tb) == 0)
        is = TCP_CHRONO_SNDBUF;
    if (tb->chrono == is)
        return;
    tb->chrono_ns[tb->chrono] += now_ns - tb->chrono_start_ns;
    tb->chrono_start_ns = now_ns;
    tb->chrono = (uint8_t)is;
}

void tcp_info(const struct tcp *t, uint64_t now_ns, const struct tcb *tb, struct tcp_info_out *o) {
    (void)t;
    memset(o, 0, sizeof *o);
    o->state = tb->state;
    o->ca_state = tb->ca_state;
    o->retransmits = tb->rtx_cnt;
    o->probes = tb->probe_cnt ? tb->probe_cnt : tb->keep_cnt;
    o->backoff = tb->backoff;
    o->options = (uint8_t)((tb->ts_ok ? OPT_TIMESTAMPS : 0) | (tb->sack_ok ? OPT_SACK : 0) |
                           (tb->wscale_ok ? OPT_WSCALE : 0) | (tb->ecn_ok ? OPT_ECN : 0) |
                           (tb->syn_data_acked ? OPT_SYN_DATA : 0));
    o->fastopen_client_fail = tb->fo_fail;
    o->snd_wscale = tb->snd_wscale;
    o->rcv_wscale = tb->rcv_wscale;
    o->rto_us = us(tb->rtt.rto_ns ? tcb_rto(tb) : TCP_RTO_INIT_NS);
    o->ato_us = us(tb->ato_ns);
    o->snd_mss = tcp_mss_now(tb);
    o->rcv_mss = tb->rcv_mss;
    o->unacked = segs(tb, tcb_outstanding(tb));
    o->sacked = segs(tb, tb->sacked_bytes);
    o->lost = segs(tb, tb->lost_bytes);
    o->retrans = segs(tb, tb->retrans_bytes);
    o->last_data_sent_ms = ms_since(now_ns, tb->last_tx_ns);
    o->last_data_recv_ms = ms_since(now_ns, tb->last_rx_ns);
    o->last_ack_recv_ms = ms_since(now_ns, tb->last_ack_ns);
    o->pmtu = tb->pmtu;
    o->rcv_ssthresh = tb->rcvbuf;
    o->rtt_us = us(tb->rtt.srtt_ns);
    o->rttvar_us = us(tb->rtt.mdev_ns * 4);
    o->snd_ssthresh = tb->snd_ssthresh == UINT32_MAX ? 0x7fffffff : segs(tb, tb->snd_ssthresh);
    o->snd_cwnd = segs(tb, tb->snd_cwnd);
    o->advmss = tb->adv_mss;
    o->reordering = TCP_DUPTHRESH;
    o->rcv_rtt_us = us(tb->rcv_rtt_ns);
    o->rcv_space = (uint32_t)UST_MIN(tb->drs_space, (uint64_t)UINT32_MAX);
    o->total_retrans = tb->total_retrans;
    o->min_rtt_us = tb->rtt.min_ns == UINT64_MAX ? 0 : us(tb->rtt.min_ns);
    o->notsent_bytes = (uint32_t)UST_MIN((uint64_t)tcp_outq_nsd(tb), (uint64_t)UINT32_MAX);
    o->snd_wnd = tb->snd_wnd;
    o->rcv_wnd = tcb_rcv_open(tb);
    o->pacing_rate = o->max_pacing_rate = UINT64_MAX;
    o->bytes_acked = tb->bytes_acked;
    o->bytes_received = tb->bytes_received;
    o->bytes_sent = tb->bytes_sent;
    o->bytes_retrans = tb->bytes_retrans;
    uint64_t ns[TCP_CHRONO_COUNT];
    memcpy(ns, tb->chrono_ns, sizeof ns);
    ns[tb->chrono] += now_ns - tb->chrono_start_ns;
    o->rwnd_limited_us = ns[TCP_CHRONO_RWND] / NS_PER_US;
    o->sndbuf_limited_us = ns[TCP_CHRONO_SNDBUF] / NS_PER_US;
    o->busy_time_us = ns[TCP_CHRONO_BUSY] / NS_PER_US + o->rwnd_limited_us + o->sndbuf_limited_us;
    o->delivery_rate = tb->rate_ns ? tb->rate_bytes * NS_PER_S / tb->rate_ns : 0;
    o->segs_out = tb->segs_out;
    o->segs_in = tb->segs_in;
    o->data_segs_in = tb->data_segs_in;
    o->data_segs_out = tb->data_segs_out;
    o->delivered = (uint32_t)(tb->delivered / UST_MAX(tb->snd_mss, 1u));
    o->delivered_ce = tb->delivered_ce;
    o->dsack_dups = tb->dsack_cnt;
    o->reord_seen = tb->reord_cnt;
    o->rcv_ooopack = tb->ooo_seen;
}
