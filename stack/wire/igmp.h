/* SPDX-License-Identifier: ISC */
/* IGMP: version 1 and 2 messages (RFC 1112, RFC 2236), version 3 queries and reports (RFC 3376). */
#ifndef UST_WIRE_IGMP_H
#define UST_WIRE_IGMP_H

#include "base/addr.h"
#include "base/drop.h"

#define IGMP_LEN 8           /* version 1 and 2; of a version 3 report before its records */
#define IGMP_V3_QUERY_LEN 12 /* before its sources */
#define IGMP_RECORD_LEN 8    /* of a version 3 report's record before its sources */

enum igmp_type {
    IGMP_QUERY = 0x11,
    IGMP_V1_REPORT = 0x12,
    IGMP_V2_REPORT = 0x16,
    IGMP_LEAVE = 0x17,
    IGMP_V3_REPORT = 0x22,
};

enum igmp_record { /* RFC 3376 4.2.12 */
                   IGMP_MODE_IS_INCLUDE = 1,
                   IGMP_MODE_IS_EXCLUDE = 2,
                   IGMP_CHANGE_TO_INCLUDE = 3,
                   IGMP_CHANGE_TO_EXCLUDE = 4,
                   IGMP_ALLOW_NEW_SOURCES = 5,
                   IGMP_BLOCK_OLD_SOURCES = 6,
};

struct igmp_hdr {
    uint8_t type;
    uint8_t version;       /* of a query, by its length and code (RFC 3376 7.1) */
    uint8_t max_resp;      /* as it stands there; 0: version 1 */
    uint32_t max_resp_ms;  /* what it means: version 1 has 10 s */
    uint8_t robustness;    /* version 3 query: the querier's variable, 0: above 7 */
    struct ust_addr group; /* 0.0.0.0 in a general query */
    uint16_t src_cnt;      /* version 3 query: its sources, see igmp_source() */
    struct ust_slice srcs;
};

/* Verifies the checksum over all of s, and that a version 3 query's sources are there. DROP_NONE, DROP_IGMP_SHORT or DROP_IGMP_CSUM. Unknown types
 * pass. */
enum drop igmp_parse(struct ust_slice s, struct igmp_hdr *h);
/* Source i < src_cnt of a query. */
struct ust_addr igmp_source(const struct igmp_hdr *h, uint16_t i);
/* Writes IGMP_LEN bytes of a version 1 or 2 message. */
void igmp_emit(const struct igmp_hdr *h, uint8_t *dst);

/* A version 3 report under way in buf. */
struct igmp_report {
    uint8_t *buf;
    size_t len, cap;
    uint16_t records;
};
/* cap: at least IGMP_LEN. */
void igmp_report_begin(struct igmp_report *r, uint8_t *buf, size_t cap);
/* Appends a record; false if it does not fit, and nothing has changed. */
bool igmp_report_add(struct igmp_report *r, enum igmp_record type, const struct ust_addr *group,
                     const struct ust_addr *src, uint16_t cnt);
/* Completes count and checksum; the bytes to send. */
size_t igmp_report_end(struct igmp_report *r);

#endif
