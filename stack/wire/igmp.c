/* SPDX-License-Identifier: ISC */
#include "wire/igmp.h"

#include "base/csum.h"
#include "wire/bytes.h"

struct igmp_wire {
    uint8_t type, max_resp;
    be16_t csum;
    be32_t group;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(igmp_wire, IGMP_LEN);

struct igmp_query3_wire {
    struct igmp_wire v2;
    uint8_t s_qrv, qqic;
    be16_t src_cnt;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(igmp_query3_wire, IGMP_V3_QUERY_LEN);

struct igmp_report_wire {
    uint8_t type, zero;
    be16_t csum, zero2, records;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(igmp_report_wire, IGMP_LEN);

struct igmp_record_wire {
    uint8_t type, aux_len;
    be16_t src_cnt;
    be32_t group;
} WIRE_PACKED;
WIRE_ASSERT_SIZE(igmp_record_wire, IGMP_RECORD_LEN);

/* RFC 3376 4.1.1: from 128 on an exponent and a mantissa. */
static uint32_t code_value(uint8_t v) {
    return v < 128 ? v : ((v & 15u) | 16u) << (((v >> 4) & 7u) + 3);
}

static enum drop parse_query(struct ust_slice s, struct igmp_hdr *h) {
    struct igmp_query3_wire w;
    h->version = h->max_resp ? 2 : 1;
    h->max_resp_ms = h->max_resp ? h->max_resp * 100u : 10000;
    if (s.len == IGMP_LEN)
        return DROP_NONE;
    if (s.len < sizeof w)
        return DROP_IGMP_SHORT; /* RFC 3376 7.1: between the versions */
    memcpy(&w, s.p, sizeof w);
    h->version = 3;
    h->max_resp_ms = code_value(h->max_resp) * 100u;
    h->robustness = w.s_qrv & 7;
    h->src_cnt = be16_get(w.src_cnt);
    h->srcs = slice_skip(s, sizeof w);
    return h->srcs.len < h->src_cnt * 4u ? DROP_IGMP_SHORT : DROP_NONE;
}

enum drop igmp_parse(struct ust_slice s, struct igmp_hdr *h) {
    struct igmp_wire w;
    struct csum c = {0};
    if (s.len < sizeof w)
        return DROP_IGMP_SHORT;
    csum_add(&c, s.p, s.len);
    if (csum_finish(&c) != 0)
        return DROP_IGMP_CSUM;
    memcpy(&w, s.p, sizeof w);
    memset(h, 0, sizeof *h);
    h->type = w.type;
    h->max_resp = w.max_resp;
    h->group = addr_from_ip4(be32_get(w.group));
    return h->type == IGMP_QUERY ? parse_query(s, h) : DROP_NONE;
}

struct ust_addr igmp_source(const struct igmp_hdr *h, uint16_t i) {
    assert(i < h->src_cnt);
    return addr_from_ip4(bytes_get32(h->srcs.p + i * 4u));
}

void igmp_emit(const struct igmp_hdr *h, uint8_t *dst) {
    struct igmp_wire w = {
        .type = h->type, .max_resp = h->max_resp, .group = be32_of(addr_ip4(&h->group))};
    struct csum c = {0};
    csum_add(&c, &w, sizeof w);
    w.csum = be16_raw(csum_finish(&c));
    memcpy(dst, &w, sizeof w);
}

void igmp_report_begin(struct igmp_report *r, uint8_t *buf, size_t cap) {
    assert(cap >= IGMP_LEN);
    *r = (struct igmp_report){.buf = buf, .len = IGMP_LEN, .cap = cap};
}

bool igmp_report_add(struct igmp_report *r, enum igmp_record type, const struct ust_addr *group,
                     const struct ust_addr *src, uint16_t cnt) {
    struct igmp_record_wire w = {
        .type = (uint8_t)type, .src_cnt = be16_of(cnt), .group = be32_of(addr_ip4(group))};
    if (r->cap - r->len < sizeof w + cnt * 4u)
        return false;
    memcpy(r->buf + r->len, &w, sizeof w);
    r->len += sizeof w;
    for (uint16_t i = 0; i < cnt; i++, r->len += 4)
        bytes_put32(r->buf + r->len, addr_ip4(&src[i]));
    r->records++;
    return true;
}

size_t igmp_report_end(struct igmp_report *r) {
    struct igmp_report_wire w = {.type = IGMP_V3_REPORT, .records = be16_of(r->records)};
    struct csum c = {0};
    memcpy(r->buf, &w, sizeof w);
    csum_add(&c, r->buf, r->len);
    w.csum = be16_raw(csum_finish(&c));
    memcpy(r->buf, &w, sizeof w);
    return r->len;
}
