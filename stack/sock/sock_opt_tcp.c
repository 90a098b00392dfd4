/* SPDX-License-Identifier: ISC */
/* IPPROTO_TCP's options with a form or rule of their own, TCP_INFO among them; see sock_opt.c. */
#include "sock/sock_priv.h"

#include <netinet/in.h>

#include <linux/tcp.h>

#define MSS_MIN 88
#define MSS_MAX 32767
#define MSS_DEFAULT 536
#define TCP_TS_ROOM 12
#define FASTOPEN_MAX 4096
#define LINGER2_MAX_S 120
#define LINGER2_DEFAULT_S 60
#define WINDOW_CLAMP_MIN 1152

static const char *const cc_name[TCP_CC_COUNT] = {[TCP_CC_RENO] = "reno", [TCP_CC_CUBIC] = "cubic"};

static int set_congestion(struct tcp_opt *o, const void *val, size_t len) {
    char name[16] = {0};
    if (len < 1)
        return -EINVAL;
    memcpy(name, val, UST_MIN(len, sizeof name - 1));
    for (uint8_t i = 0; i < TCP_CC_COUNT; i++) {
        if (strcmp(name, cc_name[i]) != 0)
            continue;
        o->cc = i;
        return 0;
    }
    return -ENOENT;
}

/*
 * TCP_DEFER_ACCEPT is kept by Linux as a number of timeouts of the SYN-ACK, so that it reads back rounded: 1, 3, 7 ... 63, 127, then steps of
 * 120 s.
 */
static uint8_t defer_timeouts(int32_t s, uint16_t *rounded_s) {
    uint32_t sum = 0, step = 1;
    uint8_t cnt = 0;
    for (; s > 0 && sum < (uint32_t)s && cnt < 255; cnt++) {
        sum += step;
        step = UST_MIN(step * 2, 120);
    }
    *rounded_s = (uint16_t)sum;
    return cnt;
}

/* One key, or two: cookies are made with the first and taken of both. */
static int set_fastopen_key(struct tcp_opt *o, const void *val, size_t len) {
    if (len != TCP_FO_KEY_LEN && len != 2 * TCP_FO_KEY_LEN)
        return -EINVAL;
    memcpy(o->fo_key, val, len);
    o->fo_key_cnt = (uint8_t)(len / TCP_FO_KEY_LEN);
    return 0;
}

int sock_opt_set_tcp(struct sock *s, int name, const void *val, size_t len) {
    struct tcp_opt *o = sock_tcp_opt(s);
    enum tcp_state st = sock_tcp_state(s);
    int32_t v;
    if (name == TCP_CONGESTION)
        return set_congestion(o, val, len);
    if (name == TCP_FASTOPEN_KEY)
        return set_fastopen_key(o, val, len);
    if (name == TCP_ULP)
        return len < 1 ? -EINVAL : -ENOENT;
    if (len < sizeof v)
        return -EINVAL;
    memcpy(&v, val, sizeof v);
    switch (name) {
    case TCP_MAXSEG:
        if (v && (v < MSS_MIN || v > MSS_MAX))
            return -EINVAL;
        o->maxseg = (uint16_t)v;
        return 0;
    case TCP_LINGER2:
        if (v < 0)
            o->linger2_ns = -1;
        else
            o->linger2_ns =
                (int64_t)NS_PER_S * (v == 0 ? LINGER2_DEFAULT_S : UST_MIN(v, LINGER2_MAX_S));
        return 0;
    case TCP_DEFER_ACCEPT:
        o->defer_accept = defer_timeouts(v, &s->defer_accept_s);
        return 0;
    case TCP_WINDOW_CLAMP:
        if (v == 0 && st != TCPS_CLOSED)
            return -EINVAL;
        o->window_clamp = v == 0 ? 0 : UST_MAX((uint32_t)UST_MAX(v, 0), WINDOW_CLAMP_MIN);
        return 0;
    case TCP_QUICKACK:
        o->quickack_off = v == 0;
        return 0;
    case TCP_FASTOPEN:
        if (v < 0 || (st != TCPS_CLOSED && st != TCPS_LISTEN))
            return -EINVAL;
        o->fo_qlen = (uint32_t)UST_MIN(v, FASTOPEN_MAX);
        return 0;
    case TCP_FASTOPEN_NO_COOKIE:
        if (v < 0 || v > 1 || (st != TCPS_CLOSED && st != TCPS_LISTEN))
            return -EINVAL;
        o->fo_no_cookie = v;
        return 0;
    case TCP_FASTOPEN_CONNECT:
        if (v < 0 || v > 1 || st != TCPS_CLOSED)
            return -EINVAL;
        s->xopt[SOCK_XOPT_FASTOPEN_CONNECT] = (uint8_t)v;
        return 0;
    case TCP_NOTSENT_LOWAT:
        s->xint[SOCK_XINT_NOTSENT_LOWAT] = (uint32_t)v;
        o->notsent_lowat = v == 0 ? UINT32_MAX : (uint32_t)v;
        return 0;
    case TCP_TIMESTAMP:
        return -EPERM;
    default:
        return -ENOPROTOOPT;
    }
}

/* struct tcp_info as it grew: the header's, and the newer fields (AccECN and after) as zeros. */
#define TCP_INFO_BYTES 280

static int get_tcp_info(struct socks *sk, struct sock *s, void *val, size_t *len) {
    union {
        struct tcp_info i;
        uint8_t room[TCP_INFO_BYTES];
    } u;
    struct tcp_info_out o;
    _Static_assert(sizeof u.i <= TCP_INFO_BYTES, "newer header");
    memset(&u, 0, sizeof u);
    u.i.tcpi_state = (uint8_t)sock_tcp_state(s);
    if (s->listener) {
        u.i.tcpi_unacked = tcp_accept_cnt(s->listener);
        return sock_opt_put(&u, sizeof u, val, len);
    }
    memset(&o, 0, sizeof o);
    tcp_info(sk->tcp, sk->last_ns, s->tcb, &o);
    u.i.tcpi_ca_state = o.ca_state;
    u.i.tcpi_retransmits = o.retransmits;
    u.i.tcpi_probes = o.probes;
    u.i.tcpi_backoff = o.backoff;
    /* What was negotiated is forgotten by connect(AF_UNSPEC) alone. */
    u.i.tcpi_options = s->connecting || s->was_connected ? o.options : 0;
    u.i.tcpi_snd_wscale = o.snd_wscale & 15;
    u.i.tcpi_rcv_wscale = o.rcv_wscale & 15;
    u.i.tcpi_delivery_rate_app_limited = o.delivery_rate_app_limited;
    u.i.tcpi_fastopen_client_fail = o.fastopen_client_fail & 3;
    u.i.tcpi_rto = o.rto_us;
    u.i.tcpi_ato = o.ato_us;
    u.i.tcpi_snd_mss = o.snd_mss;
    u.i.tcpi_rcv_mss = o.rcv_mss;
    u.i.tcpi_unacked = o.unacked;
    u.i.tcpi_sacked = o.sacked;
    u.i.tcpi_lost = o.lost;
    u.i.tcpi_retrans = o.retrans;
    u.i.tcpi_last_data_sent = o.last_data_sent_ms;
    u.i.tcpi_last_data_recv = o.last_data_recv_ms;
    u.i.tcpi_last_ack_recv = o.last_ack_recv_ms;
    u.i.tcpi_pmtu = o.pmtu;
    u.i.tcpi_rcv_ssthresh = o.rcv_ssthresh;
    u.i.tcpi_rtt = o.rtt_us;
    u.i.tcpi_rttvar = o.rttvar_us;
    u.i.tcpi_snd_ssthresh = o.snd_ssthresh;
    u.i.tcpi_snd_cwnd = o.snd_cwnd;
    u.i.tcpi_advmss = o.advmss;
    u.i.tcpi_reordering = o.reordering;
    u.i.tcpi_rcv_rtt = o.rcv_rtt_us;
    u.i.tcpi_rcv_space = o.rcv_space;
    u.i.tcpi_total_retrans = o.total_retrans;
    u.i.tcpi_pacing_rate = o.pacing_rate;
    u.i.tcpi_max_pacing_rate = s->pacing_rate;
    u.i.tcpi_bytes_acked = o.bytes_acked;
    u.i.tcpi_bytes_received = o.bytes_received;
    u.i.tcpi_segs_out = o.segs_out;
    u.i.tcpi_segs_in = o.segs_in;
    u.i.tcpi_notsent_bytes = o.notsent_bytes;
    u.i.tcpi_min_rtt = o.min_rtt_us;
    u.i.tcpi_data_segs_in = o.data_segs_in;
    u.i.tcpi_data_segs_out = o.data_segs_out;
    u.i.tcpi_delivery_rate = o.delivery_rate;
    u.i.tcpi_busy_time = o.busy_time_us;
    u.i.tcpi_rwnd_limited = o.rwnd_limited_us;
    u.i.tcpi_sndbuf_limited = o.sndbuf_limited_us;
    u.i.tcpi_delivered = o.delivered;
    u.i.tcpi_delivered_ce = o.delivered_ce;
    u.i.tcpi_bytes_sent = o.bytes_sent;
    u.i.tcpi_bytes_retrans = o.bytes_retrans;
    u.i.tcpi_dsack_dups = o.dsack_dups;
    u.i.tcpi_reord_seen = o.reord_seen;
    u.i.tcpi_rcv_ooopack = o.rcv_ooopack;
    u.i.tcpi_snd_wnd = o.snd_wnd;
    return sock_opt_put(&u, sizeof u, val, len);
}

/* Before the peer has said anything Linux counts with the smallest default, less the room for timestamps; after the end with the last one. */
static int32_t get_maxseg(const struct sock *s, const struct tcp_opt *o, enum tcp_state st) {
    struct ust_addr a;
    uint16_t port = 0;
    bool closed = st == TCPS_CLOSED || st == TCPS_LISTEN;
    if (closed && o->maxseg)
        return o->maxseg;
    if (s->tcb)
        tcp_peer(s->tcb, &a, &port);
    if (st == TCPS_LISTEN || port == 0)
        return MSS_DEFAULT;
    if (st == TCPS_SYN_SENT || !tcp_was_connected(s->tcb))
        return MSS_DEFAULT - TCP_TS_ROOM;
    return (int32_t)tcp_mss_now(s->tcb);
}

int sock_opt_get_tcp(struct socks *sk, struct sock *s, int name, void *val, size_t *len) {
    const struct tcp_opt *o = sock_tcp_opt(s);
    enum tcp_state st = sock_tcp_state(s);
    char cc[16] = {0};
    int32_t v;
    switch (name) {
    case TCP_MAXSEG:
        v = get_maxseg(s, o, st);
        break;
    case TCP_LINGER2:
        v = o->linger2_ns < 0 ? -1 : (int32_t)(o->linger2_ns / (int64_t)NS_PER_S);
        break;
    case TCP_DEFER_ACCEPT:
        v = s->defer_accept_s;
        break;
    case TCP_WINDOW_CLAMP:
        v = (int32_t)o->window_clamp;
        break;
    case TCP_QUICKACK:
        v = !o->quickack_off;
        break;
    case TCP_INFO:
        return get_tcp_info(sk, s, val, len);
    case TCP_CONGESTION:
        memcpy(cc, cc_name[o->cc], strlen(cc_name[o->cc]));
        return sock_opt_put(cc, sizeof cc, val, len);
    case TCP_ULP:
    case TCP_CC_INFO:
    case TCP_SAVED_SYN:
        *len = 0;
        return 0;
    case TCP_FASTOPEN:
        v = (int32_t)o->fo_qlen;
        break;
    case TCP_FASTOPEN_NO_COOKIE:
        v = o->fo_no_cookie;
        break;
    case TCP_FASTOPEN_KEY:
        return sock_opt_put(o->fo_key, (size_t)o->fo_key_cnt * TCP_FO_KEY_LEN, val, len);
    case TCP_FASTOPEN_CONNECT:
        v = s->xopt[SOCK_XOPT_FASTOPEN_CONNECT];
        break;
    case TCP_NOTSENT_LOWAT:
        v = (int32_t)s->xint[SOCK_XINT_NOTSENT_LOWAT];
        break;
    case TCP_TIMESTAMP:
        v = (int32_t)(sk->last_ns / NS_PER_MS);
        break;
    default:
        return -ENOPROTOOPT;
    }
    return sock_opt_put_int(IPPROTO_TCP, v, val, len);
}
