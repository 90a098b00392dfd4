/* SPDX-License-Identifier: ISC */
/* A DHCP server's hand: messages composed byte by byte, options in any order and shape. */
#ifndef UST_TESTS_WIRE_DHCP4_TOOLS_H
#define UST_TESTS_WIRE_DHCP4_TOOLS_H

#include "wire/dhcp4.h"

#define DHCP_BYTES 1400

struct dhcp_bytes {
    uint8_t b[DHCP_BYTES];
    size_t len;
};

static inline void dhcp_put32(uint8_t *p, uint32_t v) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> (24 - 8 * i));
}
/* A reply without options. */
static inline void dhcp_begin(struct dhcp_bytes *m, uint32_t xid, uint32_t yiaddr,
                              const struct ust_mac *mac) {
    memset(m, 0, sizeof *m);
    m->b[0] = 2;
    m->b[1] = 1;
    m->b[2] = 6;
    dhcp_put32(m->b + 4, xid);
    dhcp_put32(m->b + 16, yiaddr);
    memcpy(m->b + 28, mac->b, 6);
    dhcp_put32(m->b + 236, 0x63825363);
    m->len = 240;
}
static inline void dhcp_opt(struct dhcp_bytes *m, uint8_t code, const void *p, size_t len) {
    m->b[m->len++] = code;
    m->b[m->len++] = (uint8_t)len;
    memcpy(m->b + m->len, p, len);
    m->len += len;
}
static inline void dhcp_opt8(struct dhcp_bytes *m, uint8_t code, uint8_t v) {
    dhcp_opt(m, code, &v, 1);
}
static inline void dhcp_opt16(struct dhcp_bytes *m, uint8_t code, uint16_t v) {
    uint8_t b[2] = {(uint8_t)(v >> 8), (uint8_t)v};
    dhcp_opt(m, code, b, 2);
}
static inline void dhcp_opt32(struct dhcp_bytes *m, uint8_t code, uint32_t v) {
    uint8_t b[4];
    dhcp_put32(b, v);
    dhcp_opt(m, code, b, 4);
}
static inline void dhcp_end(struct dhcp_bytes *m) { m->b[m->len++] = 255; }

#endif
