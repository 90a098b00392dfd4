/* SPDX-License-Identifier: ISC */
#include "wire/dhcp4.h"

#include "wire/bytes.h"

#define OP_REQUEST 1
#define OP_REPLY 2
#define HTYPE_ETHER 1
#define FLAG_BROADCAST 0x8000
#define COOKIE 0x63825363u
#define MSG_MIN 300      /* shorter ones are dropped by BOOTP relays (RFC 1542 2.1) */
#define OPTION_BYTES 512 /* of one option, its parts put together */

struct dhcp4_wire {
    uint8_t op, htype, hlen, hops;
    be32_t xid;
    be16_t secs, flags;
    be32_t ciaddr, yiaddr, siaddr, giaddr;
    uint8_t chaddr[16], sname[64], file[128];
    be32_t cookie;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(dhcp4_wire, 240);
WIRE_ASSERT_OFF(dhcp4_wire, chaddr, 28);
WIRE_ASSERT_OFF(dhcp4_wire, sname, 44);
WIRE_ASSERT_OFF(dhcp4_wire, file, 108);
WIRE_ASSERT_OFF(dhcp4_wire, cookie, 236);

enum option {
    OPT_PAD = 0,
    OPT_MASK = 1,
    OPT_ROUTER = 3,
    OPT_DNS = 6,
    OPT_DOMAIN = 15,
    OPT_MTU = 26,
    OPT_REQUESTED = 50,
    OPT_LEASE = 51,
    OPT_OVERLOAD = 52,
    OPT_TYPE = 53,
    OPT_SERVER = 54,
    OPT_PARAMETERS = 55,
    OPT_TEXT = 56,
    OPT_MAX_BYTES = 57,
    OPT_T1 = 58,
    OPT_T2 = 59,
    OPT_CLIENT_ID = 61,
    OPT_SEARCH = 119,
    OPT_ROUTES = 121,
    OPT_END = 255,
};

/* ---- options in ---- */

/* Where options stand: the option field, then file, then sname, if they are used for options (RFC 2132 9.3; the order is RFC 3396's). */
struct fields {
    struct ust_slice f[3];
    int cnt;
};

/* An option's bytes, the parts of all its occurrences put together (RFC 3396). */
struct value {
    bool here, too_long;
    uint32_t len;
    uint8_t b[OPTION_BYTES];
};

/* The option at the front of *s: false at the end of the field; *ok false: it overruns it. */
static bool next_option(struct ust_slice *s, uint8_t *code, struct ust_slice *data, bool *ok) {
    while (s->len && s->p[0] == OPT_PAD)
        *s = slice_skip(*s, 1);
    if (!s->len || s->p[0] == OPT_END)
        return false;
    if (s->len < 2 || s->len - 2 < s->p[1]) {
        *ok = false;
        return false;
    }
    *code = s->p[0];
    *data = slice_of(s->p + 2, s->p[1]);
    *s = slice_skip(*s, 2u + data->len);
    return true;
}

static void find(const struct fields *fs, enum option wanted, struct value *v) {
    v->here = v->too_long = false;
    v->len = 0;
    for (int i = 0; i < fs->cnt; i++) {
        struct ust_slice s = fs->f[i], data;
        uint8_t code;
        bool ok = true;
        while (next_option(&s, &code, &data, &ok)) {
            if (code != wanted)
                continue;
            v->here = true;
            if (v->len + data.len > sizeof v->b) {
                v->too_long = true;
                return;
            }
            if (data.len)
                memcpy(v->b + v->len, data.p, data.len);
            v->len += (uint32_t)data.len;
        }
    }
}

/* False: an option overruns its field. */
static bool find_fields(struct ust_slice s, struct fields *fs) {
    struct value over;
    *fs = (struct fields){.f = {slice_skip(s, sizeof(struct dhcp4_wire))}, .cnt = 1};
    find(fs, OPT_OVERLOAD, &over);
    if (over.here && (over.len != 1 || over.b[0] < 1 || over.b[0] > 3))
        return false;
    if (over.here && over.b[0] & 1)
        fs->f[fs->cnt++] = slice_of(s.p + offsetof(struct dhcp4_wire, file), 128);
    if (over.here && over.b[0] & 2)
        fs->f[fs->cnt++] = slice_of(s.p + offsetof(struct dhcp4_wire, sname), 64);
    bool ok = true;
    for (int i = 0; i < fs->cnt; i++) {
        struct ust_slice rest = fs->f[i], data;
        uint8_t code;
        while (next_option(&rest, &code, &data, &ok))
            ;
    }
    return ok;
}

static struct ust_addr get_addr(const uint8_t *p) { return addr_from_ip4(bytes_get32(p)); }

/* The four of them: true if the option is absent (*out stays) or well formed. */
static bool read_u32(const struct fields *fs, enum option code, uint32_t *out) {
    struct value v;
    find(fs, code, &v);
    if (v.here && v.len == 4)
        *out = bytes_get32(v.b);
    return !v.here || v.len == 4;
}

static bool read_addr(const struct fields *fs, enum option code, struct ust_addr *out) {
    struct value v;
    find(fs, code, &v);
    if (v.here && v.len == 4)
        *out = get_addr(v.b);
    return !v.here || v.len == 4;
}

static bool read_type(const struct fields *fs, struct dhcp4_msg *m) {
    struct value v;
    find(fs, OPT_TYPE, &v);
    if (!v.here || v.len != 1 || v.b[0] < DHCP4_DISCOVER || v.b[0] > DHCP4_INFORM)
        return false;
    m->type = v.b[0];
    return true;
}

static bool read_mask(const struct fields *fs, struct dhcp4_msg *m) {
    uint32_t mask = 0;
    struct value v;
    find(fs, OPT_MASK, &v);
    if (!v.here)
        return true;
    if (v.len != 4)
        return false;
    mask = bytes_get32(v.b);
    uint32_t host = ~mask;
    if (mask == 0 || (host & (host + 1)) != 0)
        return false;
    m->plen = (uint8_t)(96 + __builtin_popcount(mask));
    return true;
}

static bool read_client_id(const struct fields *fs, struct dhcp4_msg *m) {
    struct value v;
    find(fs, OPT_CLIENT_ID, &v);
    if (!v.here)
        return true;
    if (v.len < 2 || v.len > sizeof m->client_id)
        return false;
    memcpy(m->client_id, v.b, v.len);
    m->client_id_len = (uint8_t)v.len;
    return true;
}

/* What can be done without: malformed is absent. */

static uint8_t read_addrs(const struct fields *fs, enum option code, struct ust_addr *out,
                          unsigned cap) {
    struct value v;
    uint8_t cnt = 0;
    find(fs, code, &v);
    if (v.too_long || v.len % 4)
        return 0;
    for (uint32_t at = 0; at < v.len && cnt < cap; at += 4) {
        struct ust_addr a = get_addr(v.b + at);
        if (!addr_is_any(&a) && !addr_is_multicast(&a) && !addr_is_limited_broadcast(&a))
            out[cnt++] = a;
    }
    return cnt;
}

static void read_mtu(const struct fields *fs, struct dhcp4_msg *m) {
    struct value v;
    find(fs, OPT_MTU, &v);
    if (v.len == 2)
        m->mtu = bytes_get16(v.b);
}

/* RFC 3442: width of the prefix, its significant bytes, router. */
static void read_routes(const struct fields *fs, struct dhcp4_msg *m) {
    struct value v;
    uint32_t at = 0;
    find(fs, OPT_ROUTES, &v);
    if (!v.here || v.too_long || v.len == 0)
        return;
    m->has_routes = true;
    while (at < v.len) {
        uint32_t width = v.b[at], bytes = (width + 7) / 8, prefix = 0;
        if (width > 32 || v.len - at < 1 + bytes + 4) {
            m->has_routes = false;
            m->route_cnt = 0;
            return;
        }
        for (uint32_t i = 0; i < bytes; i++)
            prefix |= (uint32_t)v.b[at + 1 + i] << (24 - 8 * i);
        if (width < 32)
            prefix &= ~(0xffffffffu >> width);
        if (m->route_cnt < DHCP4_ROUTE_MAX)
            m->route[m->route_cnt++] = (struct dhcp4_route){.prefix = addr_from_ip4(prefix),
                                                            .gw = get_addr(v.b + at + 1 + bytes),
                                                            .plen = (uint8_t)(96 + width)};
        at += 1 + bytes + 4;
    }
}

static bool is_name_char(uint8_t c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* Adds a name to the list; one that does not fit is left out. */
static void add_domain(struct dhcp4_msg *m, const char *name, size_t len) {
    size_t have = strlen(m->domain), sep = have > 0;
    while (len > 0 && name[len - 1] == '.')
        len--;
    if (len == 0 || have + sep + len >= sizeof m->domain)
        return;
    if (sep)
        m->domain[have++] = ' ';
    memcpy(m->domain + have, name, len);
    m->domain[have + len] = '\0';
}

/* A name of RFC 1035 4.1.4 at *at of v; *at goes behind it. False: malformed. A pointer goes back only. */
static bool read_name(const struct value *v, uint32_t *at, char name[256], size_t *name_len) {
    uint32_t p = *at, lowest = *at;
    bool jumped = false;
    *name_len = 0;
    for (;;) {
        if (p >= v->len)
            return false;
        uint8_t n = v->b[p];
        if (n >= 0xc0) {
            if (p + 2 > v->len)
                return false;
            uint32_t to = (n & 0x3fu) << 8 | v->b[p + 1];
            if (to >= lowest)
                return false;
            if (!jumped)
                *at = p + 2;
            jumped = true;
            p = lowest = to;
            continue;
        }
        if (n == 0)
            break;
        if (n > 63 || v->len - p - 1 < n || *name_len + n + 1 > 255)
            return false;
        for (uint32_t i = 1; i <= n; i++)
            if (!is_name_char(v->b[p + i]) || v->b[p + i] == '.')
                return false;
        memcpy(name + *name_len, v->b + p + 1, n);
        *name_len += n;
        name[(*name_len)++] = '.';
        p += 1u + n;
    }
    if (!jumped)
        *at = p + 1;
    return true;
}

static void read_domains(const struct fields *fs, struct dhcp4_msg *m) {
    struct value v;
    char name[256];
    size_t len;
    find(fs, OPT_SEARCH, &v);
    for (uint32_t at = 0; v.here && !v.too_long && at < v.len;) {
        if (!read_name(&v, &at, name, &len)) {
            m->domain[0] = '\0';
            break;
        }
        add_domain(m, name, len);
    }
    if (m->domain[0])
        return;
    find(fs, OPT_DOMAIN, &v);
    while (v.len > 0 && v.b[v.len - 1] == '\0')
        v.len--;
    if (v.too_long || v.len > 255)
        return;
    for (uint32_t i = 0; i < v.len; i++)
        if (!is_name_char(v.b[i]) || (i == 0 && v.b[i] == '.'))
            return;
    add_domain(m, (const char *)v.b, v.len);
}

static void read_text(const struct fields *fs, struct dhcp4_msg *m) {
    struct value v;
    find(fs, OPT_TEXT, &v);
    uint32_t n = UST_MIN(v.len, (uint32_t)sizeof m->text - 1);
    for (uint32_t i = 0; i < n; i++)
        m->text[i] = v.b[i] >= 0x20 && v.b[i] < 0x7f ? (char)v.b[i] : '?';
    m->text[n] = '\0';
}

enum drop dhcp4_parse(struct ust_slice s, struct dhcp4_msg *m) {
    struct dhcp4_wire w;
    struct fields fs;
    if (s.len < sizeof w)
        return DROP_DHCP_SHORT;
    memcpy(&w, s.p, sizeof w);
    if ((w.op != OP_REQUEST && w.op != OP_REPLY) || w.htype != HTYPE_ETHER || w.hlen != 6)
        return DROP_DHCP_HDR;
    if (be32_get(w.cookie) != COOKIE)
        return DROP_DHCP_COOKIE;
    memset(m, 0, sizeof *m);
    m->reply = w.op == OP_REPLY;
    m->broadcast = be16_get(w.flags) & FLAG_BROADCAST;
    m->secs = be16_get(w.secs);
    m->xid = be32_get(w.xid);
    m->ciaddr = addr_from_ip4(be32_get(w.ciaddr));
    m->yiaddr = addr_from_ip4(be32_get(w.yiaddr));
    memcpy(m->chaddr.b, w.chaddr, 6);
    if (!find_fields(s, &fs) || !read_type(&fs, m) || !read_mask(&fs, m) ||
        !read_client_id(&fs, m) || !read_addr(&fs, OPT_SERVER, &m->server_id) ||
        !read_addr(&fs, OPT_REQUESTED, &m->requested) || !read_u32(&fs, OPT_LEASE, &m->lease_s) ||
        !read_u32(&fs, OPT_T1, &m->t1_s) || !read_u32(&fs, OPT_T2, &m->t2_s))
        return DROP_DHCP_OPTION;
    m->router_cnt = read_addrs(&fs, OPT_ROUTER, m->router, DHCP4_ROUTER_MAX);
    m->dns_cnt = read_addrs(&fs, OPT_DNS, m->dns, DHCP4_DNS_MAX);
    read_mtu(&fs, m);
    read_routes(&fs, m);
    read_domains(&fs, m);
    read_text(&fs, m);
    return DROP_NONE;
}

/* ---- out ---- */

static uint8_t *put(uint8_t *p, enum option code, const void *data, size_t len) {
    *p++ = (uint8_t)code;
    *p++ = (uint8_t)len;
    memcpy(p, data, len);
    return p + len;
}

static uint8_t *put_addr(uint8_t *p, enum option code, const struct ust_addr *a) {
    uint8_t b[4];
    if (addr_is_any(a))
        return p;
    bytes_put32(b, addr_ip4(a));
    return put(p, code, b, sizeof b);
}

size_t dhcp4_emit(const struct dhcp4_msg *m, uint8_t dst[DHCP4_EMIT_MAX]) {
    static const uint8_t wanted[] = {OPT_MASK,   OPT_ROUTES, OPT_ROUTER, OPT_DNS, OPT_DOMAIN,
                                     OPT_SEARCH, OPT_MTU,    OPT_LEASE,  OPT_T1,  OPT_T2};
    struct dhcp4_wire w = {.op = m->reply ? OP_REPLY : OP_REQUEST,
                           .htype = HTYPE_ETHER,
                           .hlen = 6,
                           .xid = be32_of(m->xid),
                           .secs = be16_of(m->secs),
                           .flags = be16_of(m->broadcast ? FLAG_BROADCAST : 0),
                           .cookie = be32_of(COOKIE)};
    if (!addr_is_any(&m->ciaddr))
        w.ciaddr = be32_of(addr_ip4(&m->ciaddr));
    if (!addr_is_any(&m->yiaddr))
        w.yiaddr = be32_of(addr_ip4(&m->yiaddr));
    memcpy(w.chaddr, m->chaddr.b, 6);
    memset(dst, 0, DHCP4_EMIT_MAX);
    memcpy(dst, &w, sizeof w);
    uint8_t *p = put(dst + sizeof w, OPT_TYPE, &m->type, 1), b[2];
    if (m->client_id_len)
        p = put(p, OPT_CLIENT_ID, m->client_id, UST_MIN(m->client_id_len, DHCP4_ID_MAX));
    p = put_addr(p, OPT_REQUESTED, &m->requested);
    p = put_addr(p, OPT_SERVER, &m->server_id);
    if (m->max_bytes) {
        bytes_put16(b, m->max_bytes);
        p = put(p, OPT_MAX_BYTES, b, sizeof b);
    }
    if (m->type == DHCP4_DISCOVER || m->type == DHCP4_REQUEST || m->type == DHCP4_INFORM)
        p = put(p, OPT_PARAMETERS, wanted, sizeof wanted);
    *p++ = OPT_END;
    return UST_MAX((size_t)(p - dst), (size_t)MSG_MIN);
}
