/* SPDX-License-Identifier: ISC */
/* IGMP version 2 (RFC 2236); of a version 3 query (RFC 3376) what version 2 knows. */
#ifndef UST_WIRE_IGMP_H
#define UST_WIRE_IGMP_H

#include "base/addr.h"
#include "base/drop.h"

#define IGMP_LEN 8

enum igmp_type {
    IGMP_QUERY = 0x11,
    IGMP_V1_REPORT = 0x12,
    IGMP_V2_REPORT = 0x16,
    IGMP_LEAVE = 0x17,
};

struct igmp_hdr {
    uint8_t type;
    uint8_t max_resp;      /* tenths of a second; 0: version 1, 10 s */
    struct ust_addr group; /* 0.0.0.0 in a general query */
};

/* Verifies the checksum over all of s. DROP_NONE, DROP_IGMP_SHORT or DROP_IGMP_CSUM. Unknown types
 * pass. */
enum drop igmp_parse(struct ust_slice s, struct igmp_hdr *h);
/* Writes IGMP_LEN bytes. */
void igmp_emit(const struct igmp_hdr *h, uint8_t *dst);

#endif
