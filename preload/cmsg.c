/* SPDX-License-Identifier: ISC */
/* Control messages, as Linux's put_cmsg(), ip_cmsg_recv(), ip_cmsg_send() write and read them. */
#include "iface.h"
#include "msg.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>

/* Its struct timespec and ours are the same. */
#define _LINUX_TIME_H
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>

#include "host/sys.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef TCP_CM_INQ
#define TCP_CM_INQ 36
#endif
#define IPV6_FLOWINFO 11       /* in linux/in6.h, which does not go together with netinet/in.h */
#define CONTROL_BYTES_MAX 1024 /* of what a sender passes */

/* ---- out to the program ---- */

struct cmsg_out {
    uint8_t *at; /* the program's */
    size_t room, used;
    int *msg_flags;
};

static void put(struct cmsg_out *o, int level, int type, const void *data, size_t len) {
    struct cmsghdr h = {.cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
    if (o->room < sizeof(h)) {
        *o->msg_flags |= MSG_CTRUNC;
        return;
    }
    if (o->room < h.cmsg_len) {
        *o->msg_flags |= MSG_CTRUNC;
        h.cmsg_len = o->room;
    }
    if (user_copy_out(o->at, &h, sizeof(h)) != 0 ||
        user_copy_out(o->at + sizeof(h), data, h.cmsg_len - sizeof(h)) != 0)
        return;
    size_t space = UST_MIN(CMSG_SPACE(len), o->room);
    o->at += space;
    o->room -= space;
    o->used += space;
}

static struct timespec wall_time(uint64_t ts_ns) {
    struct timespec ts;
    if (ts_ns == 0)
        clock_gettime(CLOCK_REALTIME, &ts);
    else
        ts = (struct timespec){.tv_sec = (time_t)(ts_ns / NS_PER_S),
                               .tv_nsec = (long)(ts_ns % NS_PER_S)};
    return ts;
}

/* SO_TIMESTAMP and SO_TIMESTAMP_NEW differ in the number alone on 64-bit machines, and so do the others. */
static void put_time(struct cmsg_out *o, const struct sock *s, uint64_t ts_ns) {
    uint32_t flags = sock_timestamping(s), want = SOF_TIMESTAMPING_RX_SOFTWARE;
    bool software = (flags & SOF_TIMESTAMPING_SOFTWARE) && (flags & want);
    if (!s->timestamp && !s->timestampns && !software)
        return;
    struct timespec ts = wall_time(ts_ns);
    if (s->timestampns) {
        put(o, SOL_SOCKET, s->ts_new ? SO_TIMESTAMPNS_NEW : SO_TIMESTAMPNS_OLD, &ts, sizeof(ts));
    } else if (s->timestamp) {
        struct timeval tv = {.tv_sec = ts.tv_sec, .tv_usec = (suseconds_t)(ts.tv_nsec / 1000)};
        put(o, SOL_SOCKET, s->ts_new ? SO_TIMESTAMP_NEW : SO_TIMESTAMP_OLD, &tv, sizeof(tv));
    }
    if (software) {
        struct timespec all[3] = {ts};
        put(o, SOL_SOCKET, SO_TIMESTAMPING_OLD, all, sizeof(all));
    }
}

/* The number of the interface that the stack drives, as if_nametoindex() tells it. */
static int if_index(void) {
    static _Atomic int known;
    char name[IFNAMSIZ];
    bool in_kernel;
    int i = atomic_load_explicit(&known, memory_order_relaxed);
    if (i != 0 || !iface_name(name, &i, &in_kernel))
        return i;
    atomic_store_explicit(&known, i, memory_order_relaxed);
    return i;
}

/* What the IPv4 header of a datagram, or of an ICMP error, says to a program that asks. */
struct ip4_seen {
    struct ust_addr dst, local;
    uint16_t dport;
    uint8_t ttl, tos, opts_len;
    const uint8_t *opts;
};

static struct ip4_seen seen_of(const struct udp_dgram *d) {
    return (struct ip4_seen){.dst = d->dst,
                             .local = d->local,
                             .dport = d->dport,
                             .ttl = d->ttl,
                             .tos = d->tos,
                             .opts_len = d->opts_len,
                             .opts = d->opts};
}

static void put_ip4(struct cmsg_out *o, const struct call *c, const struct ip4_seen *d) {
    const struct sock *s = c->s;
    if (s->pktinfo) {
        struct in_pktinfo pi = {.ipi_ifindex = if_index()};
        uint32_t dst = htonl(addr_ip4(&d->dst)), local = htonl(addr_ip4(&d->local));
        memcpy(&pi.ipi_addr, &dst, sizeof(dst));
        memcpy(&pi.ipi_spec_dst, &local, sizeof(local));
        put(o, IPPROTO_IP, IP_PKTINFO, &pi, sizeof(pi));
    }
    if (s->recvttl) {
        int ttl = d->ttl;
        put(o, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
    }
    if (s->recvtos)
        put(o, IPPROTO_IP, IP_TOS, &d->tos, sizeof(d->tos));
    if (s->recvopts && d->opts_len)
        put(o, IPPROTO_IP, IP_RECVOPTS, d->opts, d->opts_len);
    if (sock_retopts(s) && d->opts_len)
        put(o, IPPROTO_IP, IP_RETOPTS, d->opts, d->opts_len);
    if (s->recvorigdst) {
        struct sockaddr_storage ss;
        socklen_t len = addr_store(s, &d->dst, d->dport, &ss);
        put(o, IPPROTO_IP, IP_ORIGDSTADDR, &ss, len);
    }
}

static void put_ip6(struct cmsg_out *o, const struct call *c, const struct udp_dgram *d) {
    const struct sock *s = c->s;
    struct in6_pktinfo pi = {.ipi6_ifindex = (unsigned)if_index()};
    memcpy(&pi.ipi6_addr, d->dst.b, sizeof(d->dst.b));
    if (s->pktinfo6)
        put(o, IPPROTO_IPV6, IPV6_PKTINFO, &pi, sizeof(pi));
    if (s->xopt[SOCK_XOPT_2292PKTINFO])
        put(o, IPPROTO_IPV6, IPV6_2292PKTINFO, &pi, sizeof(pi));
    if (addr_is_ip4(&d->dst)) { /* the IPv4 packet's own, if they were asked for as well */
        struct ip4_seen seen = seen_of(d);
        put_ip4(o, c, &seen);
        return;
    }
    int hops = d->ttl, tclass = d->tos;
    if (s->recvhoplimit)
        put(o, IPPROTO_IPV6, IPV6_HOPLIMIT, &hops, sizeof(hops));
    if (s->xopt[SOCK_XOPT_2292HOPLIMIT])
        put(o, IPPROTO_IPV6, IPV6_2292HOPLIMIT, &hops, sizeof(hops));
    if (s->recvtclass)
        put(o, IPPROTO_IPV6, IPV6_TCLASS, &tclass, sizeof(tclass));
    uint32_t flow = htonl((uint32_t)d->tos << 20 | d->flow_label);
    if (s->xopt[SOCK_XOPT_FLOWINFO] && flow)
        put(o, IPPROTO_IPV6, IPV6_FLOWINFO, &flow, sizeof(flow));
    if (s->xopt[SOCK_XOPT_ORIGDSTADDR6]) {
        struct sockaddr_storage ss;
        socklen_t len = addr_store(s, &d->dst, d->dport, &ss);
        put(o, IPPROTO_IPV6, IPV6_ORIGDSTADDR, &ss, len);
    }
}

static void put_dgram(struct cmsg_out *o, const struct call *c, const struct udp_dgram *d) {
    put_time(o, c->s, d->ts_ns);
    if (sock_rxq_ovfl(c->s) && d->dropped)
        put(o, SOL_SOCKET, SO_RXQ_OVFL, &d->dropped, sizeof(d->dropped));
    if (c->s->udp_gro && d->gso_size) {
        int size = d->gso_size;
        put(o, IPPROTO_UDP, UDP_GRO, &size, sizeof(size));
    }
    if (c->s->family == AF_INET) {
        struct ip4_seen seen = seen_of(d);
        put_ip4(o, c, &seen);
    } else {
        put_ip6(o, c, d);
    }
}

static struct sock_extended_err extended_err(const struct errq_item *e) {
    return (struct sock_extended_err){.ee_errno = (uint32_t)e->err,
                                      .ee_origin = e->origin,
                                      .ee_type = e->type,
                                      .ee_code = e->code,
                                      .ee_info = e->info};
}

/* As Linux's ip_recv_error(): what the IP header says first, then the report. */
static void put_error4(struct cmsg_out *o, const struct call *c, const struct errq_item *e) {
    struct {
        struct sock_extended_err ee;
        struct sockaddr_in offender;
    } x = {.ee = extended_err(e)};
    if (e->origin == SO_EE_ORIGIN_ICMP) {
        struct ip4_seen seen = {.dst = e->to, .local = e->to, .ttl = e->ttl, .tos = e->tos};
        uint32_t from = htonl(addr_ip4(&e->offender));
        x.offender.sin_family = AF_INET;
        memcpy(&x.offender.sin_addr, &from, sizeof(from));
        put_ip4(o, c, &seen);
    }
    put(o, IPPROTO_IP, IP_RECVERR, &x, sizeof(x));
}

/* As Linux's ipv6_recv_error(): the offender of an error about IPv4 is a mapped address. */
static void put_error6(struct cmsg_out *o, const struct call *c, const struct errq_item *e) {
    struct {
        struct sock_extended_err ee;
        struct sockaddr_in6 offender;
    } x = {.ee = extended_err(e)};
    if (e->origin != SO_EE_ORIGIN_LOCAL) {
        struct udp_dgram seen = {.dst = e->to, .local = e->to, .ttl = e->ttl, .tos = e->tos};
        x.offender.sin6_family = AF_INET6;
        memcpy(&x.offender.sin6_addr, e->offender.b, sizeof(e->offender.b));
        put_ip6(o, c, &seen);
    }
    put(o, IPPROTO_IPV6, IPV6_RECVERR, &x, sizeof(x));
}

static void put_error(struct cmsg_out *o, const struct call *c, const struct errq_item *e) {
    put_time(o, c->s, e->ts_ns);
    if (c->s->family == AF_INET)
        put_error4(o, c, e);
    else
        put_error6(o, c, e);
}

void cmsg_write(const struct call *c, const struct recv_from *f, void *control, size_t room,
                size_t *used, int *msg_flags) {
    struct cmsg_out o = {.at = control, .room = room, .msg_flags = msg_flags};
    *used = 0;
    if (f->has_inq)
        put(&o, IPPROTO_TCP, TCP_CM_INQ, &f->inq, sizeof(f->inq));
    if (f->has_dgram && c->s)
        put_dgram(&o, c, &f->dgram);
    if (f->has_error && c->s)
        put_error(&o, c, &f->error);
    *used = o.used;
}

/* ---- in from the program ---- */

static int parse_int(const uint8_t *data, size_t len, int lo, int hi, int *out) {
    if (len < sizeof(*out))
        return -EINVAL;
    memcpy(out, data, sizeof(*out));
    return *out < lo || *out > hi ? -EINVAL : 0;
}

/* One message for an IPv4 datagram. */
static int parse_ip4(int type, const uint8_t *data, size_t len, struct udp_send *u) {
    int val = 0, r;
    switch (type) {
    case IP_PKTINFO: {
        struct in_pktinfo pi;
        uint32_t src;
        if (len != sizeof(pi))
            return -EINVAL;
        memcpy(&pi, data, sizeof(pi));
        memcpy(&src, &pi.ipi_spec_dst, sizeof(src));
        if (src != 0)
            u->src = addr_from_ip4(ntohl(src));
        return 0;
    }
    case IP_TTL:
        r = parse_int(data, len, 1, 255, &val);
        u->ttl = (uint8_t)val;
        u->has_ttl = r == 0;
        return r;
    case IP_TOS:
        if (len == 1) {
            val = data[0];
            r = 0;
        } else {
            r = parse_int(data, len, 0, 255, &val);
        }
        u->tos = (uint8_t)val;
        u->has_tos = r == 0;
        return r;
    default:
        return -EINVAL;
    }
}

static int parse_ip6(int type, const uint8_t *data, size_t len, struct udp_send *u) {
    int val = 0, r;
    switch (type) {
    case IPV6_2292PKTINFO:
    case IPV6_PKTINFO: {
        struct in6_pktinfo pi;
        if (len < sizeof(pi))
            return -EINVAL;
        memcpy(&pi, data, sizeof(pi));
        if (pi.ipi6_ifindex && pi.ipi6_ifindex != host_stack()->net.ifindex)
            return -ENODEV;
        memcpy(u->src.b, &pi.ipi6_addr, sizeof(u->src.b));
        return 0;
    }
    case IPV6_DONTFRAG:
        r = parse_int(data, len, 0, 1, &val);
        u->dontfrag = val;
        u->has_dontfrag = r == 0;
        return r;
    case IPV6_2292HOPLIMIT:
    case IPV6_HOPLIMIT:
        r = parse_int(data, len, -1, 255, &val);
        u->ttl = (uint8_t)val;
        u->has_ttl = r == 0 && val >= 0;
        return r;
    case IPV6_TCLASS:
        r = parse_int(data, len, -1, 255, &val);
        u->tos = (uint8_t)val;
        u->has_tos = r == 0 && val >= 0;
        return r;
    default:
        return -EINVAL;
    }
}

static int parse_one(const struct sock *s, const struct cmsghdr *h, const uint8_t *data, size_t len,
                     struct udp_send *u) {
    switch (h->cmsg_level) {
    case SOL_SOCKET: /* Linux: these two mean nothing here, and do no harm */
        return h->cmsg_type == SCM_RIGHTS || h->cmsg_type == SCM_CREDENTIALS ? 0 : -EINVAL;
    case IPPROTO_IP:
        return parse_ip4(h->cmsg_type, data, len, u);
    case IPPROTO_IPV6:
        return s->family == AF_INET6 ? parse_ip6(h->cmsg_type, data, len, u) : 0;
    case IPPROTO_UDP:
        if (h->cmsg_type != UDP_SEGMENT || len != sizeof(uint16_t))
            return -EINVAL;
        memcpy(&u->gso_size, data, sizeof(uint16_t));
        return 0;
    default: /* for another protocol */
        return 0;
    }
}

static int parse_stream(const struct cmsghdr *h) {
    if (h->cmsg_level != SOL_SOCKET || h->cmsg_type == SCM_RIGHTS ||
        h->cmsg_type == SCM_CREDENTIALS)
        return 0;
    return -EINVAL;
}

/* s NULL: a stream, whose messages have no effect. */
static int walk(const struct sock *s, const void *control, size_t len, struct udp_send *u) {
    uint8_t buf[CONTROL_BYTES_MAX];
    if (len > sizeof(buf))
        return -ENOBUFS;
    if (user_copy_in(buf, control, len) != 0)
        return -EFAULT;
    size_t off = 0;
    struct cmsghdr h;
    while (len - off >= sizeof(h)) {
        memcpy(&h, buf + off, sizeof(h));
        if (h.cmsg_len < sizeof(h) || h.cmsg_len > len - off)
            return -EINVAL;
        int r = !s ? parse_stream(&h)
                   : parse_one(s, &h, buf + off + sizeof(h), h.cmsg_len - sizeof(h), u);
        if (r < 0)
            return r;
        size_t step = CMSG_ALIGN(h.cmsg_len);
        if (step > len - off)
            break;
        off += step;
    }
    return 0;
}

int cmsg_parse(const struct sock *s, const void *control, size_t len, struct udp_send *u) {
    return walk(s, control, len, u);
}

int cmsg_check(const void *control, size_t len) { return walk(NULL, control, len, NULL); }
