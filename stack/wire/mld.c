/* SPDX-License-Identifier: ISC */
#include "wire/mld.h"

#include "wire/bytes.h"

#define MLD2_QUERY_LEN 28

/* RFC 3810 5.1.3, 5.1.9: above the limit a floating point number. mant_bits of mantissa, 3 of exponent. */
static uint32_t code_value(uint32_t code, unsigned mant_bits) {
    uint32_t top = 1u << (mant_bits + 3);
    if (code < top)
        return code;
    uint32_t mant = code & ((1u << mant_bits) - 1), exp = code >> mant_bits & 7;
    return (mant | 1u << mant_bits) << (exp + 3);
}

enum drop mld_query_parse(struct ust_slice s, struct mld_query *q) {
    memset(q, 0, sizeof *q);
    size_t cnt = s.len >= MLD2_QUERY_LEN ? bytes_get16(s.p + 26) : 0;
    if (s.len != MLD1_LEN && s.len < MLD2_QUERY_LEN + cnt * 16) /* RFC 3810 8.1 */
        return DROP_MLD_SHORT;
    memcpy(q->group.b, s.p + 8, 16);
    q->max_resp_ms = bytes_get16(s.p + 4);
    if (s.len == MLD1_LEN)
        return DROP_NONE;
    q->v2 = true;
    q->max_resp_ms = code_value(bytes_get16(s.p + 4), 12);
    q->suppress = s.p[24] & 8;
    q->qrv = s.p[24] & 7;
    q->interval_s = code_value(s.p[25], 4);
    q->src_cnt = (uint16_t)UST_MIN(cnt, (size_t)MLD_SRC_MAX);
    for (size_t i = 0; i < q->src_cnt; i++)
        memcpy(q->src[i].b, s.p + MLD2_QUERY_LEN + 16 * i, 16);
    return DROP_NONE;
}

bool mld1_parse(struct ust_slice s, struct ust_addr *group) {
    if (s.len < MLD1_LEN)
        return false;
    memcpy(group->b, s.p + 8, 16);
    return true;
}

void mld1_emit(uint8_t type, const struct ust_addr *group, const struct ust_addr *src,
               const struct ust_addr *dst, uint8_t *out) {
    memset(out, 0, MLD1_LEN);
    out[0] = type;
    memcpy(out + 8, group->b, 16);
    icmp6_fill_csum(out, MLD1_LEN, src, dst);
}

void mld2_report_emit(uint16_t record_cnt, uint8_t *out) {
    memset(out, 0, MLD2_REPORT_HDR_LEN);
    out[0] = ICMP6_MLD2_REPORT;
    bytes_put16(out + 6, record_cnt);
}

size_t mld2_record_emit(uint8_t type, const struct ust_addr *group, const struct ust_addr *src,
                        uint16_t src_cnt, uint8_t *out) {
    out[0] = type;
    out[1] = 0;
    bytes_put16(out + 2, src_cnt);
    memcpy(out + 4, group->b, 16);
    for (size_t i = 0; i < src_cnt; i++)
        memcpy(out + MLD2_RECORD_LEN + 16 * i, src[i].b, 16);
    return MLD2_RECORD_LEN + 16u * src_cnt;
}
