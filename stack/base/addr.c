/* SPDX-License-Identifier: ISC */
#include "base/addr.h"

#include <stdio.h>

static const uint8_t ip4_mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct ust_addr addr_from_ip4(uint32_t v) {
    struct ust_addr a;
    memcpy(a.b, ip4_mapped, sizeof ip4_mapped);
    a.b[12] = (uint8_t)(v >> 24);
    a.b[13] = (uint8_t)(v >> 16);
    a.b[14] = (uint8_t)(v >> 8);
    a.b[15] = (uint8_t)v;
    return a;
}

uint32_t addr_ip4(const struct ust_addr *a) {
    return (uint32_t)a->b[12] << 24 | (uint32_t)a->b[13] << 16 | (uint32_t)a->b[14] << 8 | a->b[15];
}

bool addr_is_ip4(const struct ust_addr *a) {
    return memcmp(a->b, ip4_mapped, sizeof ip4_mapped) == 0;
}

bool addr_is_any(const struct ust_addr *a) {
    static const struct ust_addr any = {{0}};
    return addr_eq(a, &any) || (addr_is_ip4(a) && addr_ip4(a) == 0);
}

bool addr_is_multicast(const struct ust_addr *a) {
    return addr_is_ip4(a) ? (a->b[12] & 0xf0) == 0xe0 : a->b[0] == 0xff;
}

bool addr_is_loopback(const struct ust_addr *a) {
    static const struct ust_addr lo6 = {{[15] = 1}};
    return addr_is_ip4(a) ? a->b[12] == 127 : addr_eq(a, &lo6);
}

bool addr_is_limited_broadcast(const struct ust_addr *a) {
    return addr_is_ip4(a) && addr_ip4(a) == 0xffffffffu;
}

bool addr_in_prefix(const struct ust_addr *a, const struct ust_addr *prefix, unsigned plen) {
    assert(plen <= 128);
    unsigned whole = plen / 8, rest = plen % 8;
    if (memcmp(a->b, prefix->b, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    return ((a->b[whole] ^ prefix->b[whole]) >> (8 - rest)) == 0;
}

/* RFC 5952 4: lower case, no leading zeros, the longest run of two or more zero groups (the first
 * of equals) as "::". */
static void ip6_str(const struct ust_addr *a, char buf[ADDR_STR_LEN]) {
    unsigned grp[8];
    int best = -1, best_cnt = 1;
    for (int i = 0; i < 8; i++)
        grp[i] = (unsigned)a->b[2 * i] << 8 | a->b[2 * i + 1];
    for (int i = 0; i < 8; i++) {
        int cnt = 0;
        while (i + cnt < 8 && grp[i + cnt] == 0)
            cnt++;
        if (cnt > best_cnt)
            best = i, best_cnt = cnt;
    }
    size_t n = 0;
    for (int i = 0; i < 8;) {
        if (i == best) {
            n += (size_t)snprintf(buf + n, ADDR_STR_LEN - n, "::");
            i += best_cnt;
            continue;
        }
        bool colon = i > 0 && i != best + best_cnt;
        if (best < 0)
            colon = i > 0;
        n += (size_t)snprintf(buf + n, ADDR_STR_LEN - n, "%s%x", colon ? ":" : "", grp[i]);
        i++;
    }
}

const char *addr_str(const struct ust_addr *a, char buf[ADDR_STR_LEN]) {
    if (addr_is_ip4(a))
        snprintf(buf, ADDR_STR_LEN, "%u.%u.%u.%u", a->b[12], a->b[13], a->b[14], a->b[15]);
    else
        ip6_str(a, buf);
    return buf;
}

const char *mac_str(const struct ust_mac *m, char buf[MAC_STR_LEN]) {
    snprintf(buf, MAC_STR_LEN, "%02x:%02x:%02x:%02x:%02x:%02x", m->b[0], m->b[1], m->b[2], m->b[3],
             m->b[4], m->b[5]);
    return buf;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Exactly "d.d.d.d", decimal without leading zeros, up to the NUL. */
static bool ip4_parse_text(const char *s, uint8_t out[4]) {
    for (int i = 0; i < 4; i++) {
        unsigned v = 0;
        int digits = 0;
        for (; *s >= '0' && *s <= '9'; s++, digits++) {
            if (digits == 3 || (digits > 0 && v == 0))
                return false;
            v = v * 10 + (unsigned)(*s - '0');
        }
        if (digits == 0 || v > 255)
            return false;
        out[i] = (uint8_t)v;
        if (*s != (i < 3 ? '.' : '\0'))
            return false;
        s++;
    }
    return true;
}

/* RFC 4291 2.2: groups, one "::" at most (for at least one group), the last two groups possibly as
 * IPv4. */
static bool ip6_parse_text(const char *s, struct ust_addr *out) {
    uint8_t b[16];
    int n = 0, gap = -1;
    if (s[0] == ':') {
        if (s[1] != ':')
            return false;
        gap = 0;
        s += 2;
    }
    while (*s) {
        const char *word = s;
        unsigned v = 0;
        int digits = 0;
        for (int d; (d = hex_digit(*s)) >= 0; s++, digits++) {
            if (digits == 4)
                return false;
            v = v << 4 | (unsigned)d;
        }
        if (*s == '.') {
            if (n > 12 || !ip4_parse_text(word, b + n))
                return false;
            n += 4;
            break;
        }
        if (digits == 0 || n > 14)
            return false;
        b[n++] = (uint8_t)(v >> 8);
        b[n++] = (uint8_t)v;
        if (*s == '\0')
            break;
        if (*s != ':')
            return false;
        s++;
        if (*s == ':') {
            if (gap >= 0)
                return false;
            gap = n;
            s++;
        } else if (*s == '\0') {
            return false;
        }
    }
    if (gap < 0 ? n != 16 : n > 14)
        return false;
    memset(out->b, 0, 16);
    if (gap < 0)
        gap = n;
    memcpy(out->b, b, (size_t)gap);
    memcpy(out->b + 16 - (n - gap), b + gap, (size_t)(n - gap));
    return true;
}

bool addr_parse(const char *s, struct ust_addr *out) {
    uint8_t v4[4];
    if (ip4_parse_text(s, v4)) {
        memcpy(out->b, ip4_mapped, sizeof ip4_mapped);
        memcpy(out->b + 12, v4, 4);
        return true;
    }
    return ip6_parse_text(s, out);
}

bool mac_parse(const char *s, struct ust_mac *out) {
    struct ust_mac m;
    for (int i = 0; i < 6; i++) {
        int hi = hex_digit(s[0]);
        int lo = hi < 0 ? -1 : hex_digit(s[1]);
        if (lo < 0)
            return false;
        m.b[i] = (uint8_t)(hi << 4 | lo);
        if (s[2] != (i < 5 ? ':' : '\0'))
            return false;
        s += 3;
    }
    *out = m;
    return true;
}
