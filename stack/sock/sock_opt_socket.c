/* SPDX-License-Identifier: ISC */
/* SOL_SOCKET's options with a form or rule of their own; see sock_opt.c. */
#include "sock/sock_priv.h"

#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* net.core.[rw]mem_max of Linux 6.18, and the least that SO_SNDBUF and SO_RCVBUF can give (as getsockopt shows it). */
#define BUF_ASK_MAX 4194304u
#define SNDBUF_MIN 4608u
#define RCVBUF_MIN 2304u
#define RCVLOWAT_MAX 16777216

static int set_buf(struct sock *s, int32_t v, bool snd, bool force) {
    if (force && s->uid != 0)
        return -EPERM;
    uint32_t want = (uint32_t)v;
    if (force)
        want = v < 0 ? 0 : UST_MIN((uint32_t)v, (uint32_t)INT_MAX / 2);
    if (!force)
        want = UST_MIN(want, BUF_ASK_MAX);
    if (snd)
        s->sndbuf = UST_MAX(want * 2, SNDBUF_MIN);
    else
        s->rcvbuf = UST_MAX(want * 2, RCVBUF_MIN);
    s->buf_lock |= snd ? 1 : 2;
    return 0;
}

/* struct timeval, old and new, both of two 64-bit words here. {0, 0} is no timeout; a negative one has always passed. */
static int set_timeo(uint64_t *out, const void *val, size_t len) {
    int64_t tv[2];
    if (len < sizeof tv)
        return -EINVAL;
    memcpy(tv, val, sizeof tv);
    if (tv[1] < 0 || tv[1] >= 1000000)
        return -EDOM;
    if (tv[0] < 0)
        *out = 1;
    else if (tv[0] >= INT64_MAX / (int64_t)NS_PER_S - 1)
        *out = 0;
    else
        *out = (uint64_t)tv[0] * NS_PER_S + (uint64_t)tv[1] * NS_PER_US;
    return 0;
}

static int get_timeo(uint64_t ns, void *val, size_t *len) {
    int64_t tv[2] = {(int64_t)(ns / NS_PER_S), (int64_t)(ns % NS_PER_S / NS_PER_US)};
    return sock_opt_put(tv, sizeof tv, val, len);
}

static int set_linger(struct sock *s, const void *val, size_t len) {
    struct linger l;
    if (len < sizeof l)
        return -EINVAL;
    memcpy(&l, val, sizeof l);
    s->linger_on = l.l_onoff != 0;
    if (s->linger_on)
        s->linger_s = (uint32_t)l.l_linger;
    return 0;
}

static void set_timestamp(struct sock *s, bool on, bool ns, bool new) {
    s->timestamp = on && !ns;
    s->timestampns = on && ns;
    if (on)
        s->ts_new = new;
}

static int set_devname(struct sock *s, const void *val, size_t len) {
    if (s->bindtodevice[0] && s->uid != 0)
        return -EPERM;
    memset(s->bindtodevice, 0, sizeof s->bindtodevice);
    memcpy(s->bindtodevice, val, UST_MIN(len, sizeof s->bindtodevice - 1));
    return 0;
}

int sock_opt_set_socket(struct sock *s, int name, const void *val, size_t len) {
    int32_t v;
    if (name == SO_BINDTODEVICE)
        return set_devname(s, val, len);
    if (len < sizeof v)
        return -EINVAL;
    memcpy(&v, val, sizeof v);
    switch (name) {
    case SO_DEBUG:
        if (v && s->uid != 0)
            return -EACCES;
        s->xopt[SOCK_XOPT_DEBUG] = v != 0;
        return 0;
    case SO_SNDBUF:
    case SO_RCVBUF:
    case SO_SNDBUFFORCE:
    case SO_RCVBUFFORCE:
        return set_buf(s, v, name == SO_SNDBUF || name == SO_SNDBUFFORCE,
                       name == SO_SNDBUFFORCE || name == SO_RCVBUFFORCE);
    case SO_PRIORITY:
        if ((v < 0 || v > 6) && s->uid != 0)
            return -EPERM;
        s->priority = (uint32_t)v;
        return 0;
    case SO_MARK:
        if (s->uid != 0)
            return -EPERM;
        s->mark = (uint32_t)v;
        return 0;
    case SO_LINGER:
        return set_linger(s, val, len);
    case SO_BSDCOMPAT:
    case SO_CNX_ADVICE:
        return 0;
    case SO_RCVLOWAT:
        if (v < 0)
            v = INT_MAX;
        if (s->kind == SOCK_KIND_TCP)
            v = UST_MIN(v, RCVLOWAT_MAX);
        s->rcvlowat = v ? (uint32_t)v : 1;
        return 0;
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return set_timeo(&s->rcvtimeo_ns, val, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return set_timeo(&s->sndtimeo_ns, val, len);
    case SO_TIMESTAMP_OLD:
    case SO_TIMESTAMP_NEW:
        set_timestamp(s, v != 0, false, name == SO_TIMESTAMP_NEW);
        return 0;
    case SO_TIMESTAMPNS_OLD:
    case SO_TIMESTAMPNS_NEW:
        set_timestamp(s, v != 0, true, name == SO_TIMESTAMPNS_NEW);
        return 0;
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW:
        if (v < 0 || v > 0x3fff)
            return -EINVAL;
        s->xint[SOCK_XINT_TIMESTAMPING] = (uint32_t)v;
        return 0;
    case SO_MAX_PACING_RATE:
        s->pacing_rate = v == -1 ? UINT64_MAX : (uint32_t)v;
        if (len >= 8)
            memcpy(&s->pacing_rate, val, 8);
        return 0;
    case SO_PREFER_BUSY_POLL:
        if (v && s->uid != 0)
            return -EPERM;
        s->xopt[SOCK_XOPT_PREFER_BUSY_POLL] = v != 0;
        return 0;
    case SO_ZEROCOPY:
        return v < 0 || v > 1 ? -EINVAL : v ? -EOPNOTSUPP : 0;
    case SO_BUF_LOCK:
        if (v < 0 || v > 3)
            return -EINVAL;
        s->buf_lock = (uint8_t)v;
        return 0;
    default:
        return -ENOPROTOOPT;
    }
}

static int get_peername(struct socks *sk, struct sock *s, void *val, size_t *len) {
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    struct ust_addr a;
    uint16_t port;
    int err = sock_peer(sk, s, &a, &port);
    if (err)
        return err;
    uint8_t be[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    size_t size = s->family == AF_INET ? sizeof in : sizeof in6;
    if (*len > size)
        *len = size;
    memcpy(&in.sin_port, be, 2);
    memcpy(&in.sin_addr, a.b + 12, 4);
    memcpy(&in6.sin6_port, be, 2);
    memcpy(&in6.sin6_addr, a.b, 16);
    memcpy(val, s->family == AF_INET ? (void *)&in : (void *)&in6, *len);
    return 0;
}

static int get_meminfo(struct sock *s, void *val, size_t *len) {
    uint32_t m[9] = {[1] = s->rcvbuf, [3] = s->sndbuf};
    if (s->tcb) {
        m[0] = (uint32_t)tcp_inq(s->tcb);
        m[2] = m[5] = (uint32_t)tcp_outq(s->tcb);
    }
    if (s->udp) {
        m[0] = s->udp->rcv_charged;
        m[8] = (uint32_t)s->udp->rx_dropped;
    }
    return sock_opt_put(m, sizeof m, val, len);
}

static uint32_t buf_shown(struct sock *s, bool snd) {
    const struct tcp_opt *o = sock_tcp_opt(s);
    if (!o || (s->buf_lock & (snd ? 1 : 2)))
        return snd ? s->sndbuf : s->rcvbuf;
    return snd ? o->sndbuf : 2 * o->rcvbuf;
}

int sock_opt_get_socket(struct socks *sk, struct sock *s, int name, void *val, size_t *len) {
    static const uint32_t no_peer[3] = {0, UINT32_MAX, UINT32_MAX};
    int32_t v;
    switch (name) {
    case SO_DEBUG:
        v = s->xopt[SOCK_XOPT_DEBUG];
        break;
    case SO_TYPE:
        v = s->type;
        break;
    case SO_ERROR:
        v = sock_take_error(s);
        break;
    case SO_PROTOCOL:
        v = s->protocol;
        break;
    case SO_DOMAIN:
        v = s->family;
        break;
    case SO_ACCEPTCONN:
        v = s->listener != NULL;
        break;
    case SO_SNDBUF:
        v = (int32_t)buf_shown(s, true);
        break;
    case SO_RCVBUF:
        v = (int32_t)buf_shown(s, false);
        break;
    case SO_PRIORITY:
        v = (int32_t)s->priority;
        break;
    case SO_MARK:
        v = (int32_t)s->mark;
        break;
    case SO_LINGER: {
        struct linger l = {s->linger_on, (int)s->linger_s};
        return sock_opt_put(&l, sizeof l, val, len);
    }
    case SO_BSDCOMPAT:
    case SO_ZEROCOPY:
        v = 0;
        break;
    case SO_PEERCRED:
        return sock_opt_put(no_peer, sizeof no_peer, val, len);
    case SO_RCVLOWAT:
        v = (int32_t)s->rcvlowat;
        break;
    case SO_RCVTIMEO_OLD:
    case SO_RCVTIMEO_NEW:
        return get_timeo(s->rcvtimeo_ns, val, len);
    case SO_SNDTIMEO_OLD:
    case SO_SNDTIMEO_NEW:
        return get_timeo(s->sndtimeo_ns, val, len);
    case SO_BINDTODEVICE: {
        size_t n = strlen(s->bindtodevice);
        if (n == 0)
            return *len = 0, 0;
        if (*len < sizeof s->bindtodevice)
            return -EINVAL;
        return sock_opt_put(s->bindtodevice, n + 1, val, len);
    }
    case SO_PEERNAME:
        return get_peername(sk, s, val, len);
    case SO_TIMESTAMP_OLD:
        v = s->timestamp && !s->ts_new;
        break;
    case SO_TIMESTAMP_NEW:
        v = s->timestamp && s->ts_new;
        break;
    case SO_TIMESTAMPNS_OLD:
        v = s->timestampns && !s->ts_new;
        break;
    case SO_TIMESTAMPNS_NEW:
        v = s->timestampns && s->ts_new;
        break;
    case SO_TIMESTAMPING_OLD:
    case SO_TIMESTAMPING_NEW: {
        uint32_t t[2] = {s->xint[SOCK_XINT_TIMESTAMPING], 0};
        return sock_opt_put(t, sizeof t, val, len);
    }
    case SO_MAX_PACING_RATE: {
        uint32_t low = (uint32_t)UST_MIN(s->pacing_rate, UINT32_MAX);
        if (*len >= 8)
            return sock_opt_put(&s->pacing_rate, 8, val, len);
        return sock_opt_put(&low, sizeof low, val, len);
    }
    case SO_MEMINFO:
        return get_meminfo(s, val, len);
    case SO_COOKIE:
        if (*len < sizeof s->id)
            return -EINVAL;
        return sock_opt_put(s->cookie ? &s->cookie : &s->id, sizeof s->id, val, len);
    case SO_PREFER_BUSY_POLL:
        v = s->xopt[SOCK_XOPT_PREFER_BUSY_POLL];
        break;
    case SO_BUF_LOCK:
        v = s->buf_lock;
        break;
    default:
        return -ENOPROTOOPT;
    }
    return sock_opt_put_int(SOL_SOCKET, v, val, len);
}
