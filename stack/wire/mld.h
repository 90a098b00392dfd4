/* SPDX-License-Identifier: ISC */
/* Multicast Listener Discovery: version 2 (RFC 3810) and version 1 (RFC 2710). */
#ifndef UST_WIRE_MLD_H
#define UST_WIRE_MLD_H

#include "wire/icmp6.h"

#define MLD_SRC_MAX 64 /* sources of a query that are kept */
#define MLD1_LEN 24
#define MLD2_REPORT_HDR_LEN 8
#define MLD2_RECORD_LEN 20 /* without sources */

struct mld_query {
    bool v2;
    uint32_t max_resp_ms;
    struct ust_addr group; /* any: a general query */
    bool suppress;         /* S: for routers */
    uint8_t qrv;           /* robustness, 0: unspecified */
    uint32_t interval_s;   /* querier's query interval */
    uint16_t src_cnt;
    struct ust_addr src[MLD_SRC_MAX];
};

enum mld2_record {
    MLD2_IS_INCLUDE = 1,
    MLD2_IS_EXCLUDE = 2,
    MLD2_TO_INCLUDE = 3,
    MLD2_TO_EXCLUDE = 4,
    MLD2_ALLOW = 5,
    MLD2_BLOCK = 6,
};

/* s: the whole ICMPv6 message, checksum good. DROP_NONE, DROP_MLD_SHORT (also a version 2 query whose sources do not fit: RFC 3810 8.1 tells the versions by length). */
enum drop mld_query_parse(struct ust_slice s, struct mld_query *q);
/* The group of a version 1 report or done message; false: truncated. */
bool mld1_parse(struct ust_slice s, struct ust_addr *group);
/* Version 1 report or done (type): MLD1_LEN bytes with checksum. */
void mld1_emit(uint8_t type, const struct ust_addr *group, const struct ust_addr *src,
               const struct ust_addr *dst, uint8_t *out);
/* A version 2 report is its header, then cnt records; then icmp6_fill_csum() over the whole. */
void mld2_report_emit(uint16_t record_cnt, uint8_t *out);
/* Returns the bytes written: MLD2_RECORD_LEN + 16 a source. */
size_t mld2_record_emit(uint8_t type, const struct ust_addr *group, const struct ust_addr *src,
                        uint16_t src_cnt, uint8_t *out);

#endif
