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

enum drop igmp_parse(struct ust_slice s, struct igmp_hdr *h) {
    struct igmp_wire w;
    struct csum c = {0};
    if (s.len < sizeof w)
        return DROP_IGMP_SHORT;
    csum_add(&c, s.p, s.len);
    if (csum_finish(&c) != 0)
        return DROP_IGMP_CSUM;
    memcpy(&w, s.p, sizeof w);
    h->type = w.type;
    h->max_resp = w.max_resp;
    h->group = addr_from_ip4(be32_get(w.group));
    return DROP_NONE;
}

void igmp_emit(const struct igmp_hdr *h, uint8_t *dst) {
    struct igmp_wire w = {
        .type = h->type, .max_resp = h->max_resp, .group = be32_of(addr_ip4(&h->group))};
    struct csum c = {0};
    csum_add(&c, &w, sizeof w);
    w.csum = be16_raw(csum_finish(&c));
    memcpy(dst, &w, sizeof w);
}
